/* steering.c: CATS in a node: its functions made of a configuration, fed with what concerns them
 * and reloaded; what they want becomes actions. Which message is for which of them is here too.
 *
 * Decisions of this implementation:
 * - Neighbours of the flood are the configured peers with a role of CATS; of a node that is only a
 *   metric agent, its egress. Trust is by hop: what a forwarder or a path selector says of anybody
 * counts; a peer that is only a metric agent speaks of its own instances, and of those behind this
 * node.
 * - Paths are measured between forwarders, and a probe of any configured peer is answered.
 * - SELECTION counts of the configured path selector, PATHS and QUERY of a D-Router; anything else
 * is counted (cats-denied). A node that is both talks to itself.
 * - TRACE is answered to any peer with a role of CATS but a metric agent, 100 times a second.
 */
#include "node/steering.h"

#define INSTANCES 65536 /* limits */
#define ORIGINS   4096
#define TARGETS   4096
#define TRIES     5
#define TRACES    100 /* of a peer, each second */

static struct gw_peer *peer_of(const struct gw_steering *x, const struct gw_addr *a)
{
    struct gw_peer *p = gw_peer_get(x->node, a);

    return p != NULL && p->cfg != &x->node->self ? p : NULL;
}

static bool is_source(unsigned roles)
{
    return (roles & GW_ROLES_CATS) == GW_ROLE_METRIC_AGENT;
}

/* -- what the functions want --------------------------------------------------------------------
 */

static int op_send(void *user, const struct gw_addr *to, struct gw_mh *m)
{
    struct gw_steering *x = user;
    uint8_t type = m->exp.cats.type;
    bool itself = type == GW_CATS_TRACE || type == GW_CATS_TRACE_REPLY || type == GW_CATS_LOCATE ||
                  type == GW_CATS_WHERE; /* also to this node */

    return gw_signal_send(x->node, itself ? (enum gw_role)0 : GW_ROLE_D_ROUTER, to, m);
}

static bool op_may(void *user, const struct gw_addr *from, const struct gw_metric_key *key,
                   const struct gw_cats_instance *v)
{
    const struct gw_steering *x = user;
    const struct gw_peer *p = peer_of(x, from);

    if (p == NULL)
        return false;
    return !is_source(p->cfg->roles) ||
           (gw_addr_eq(&key->origin, from) && gw_addr_eq(&v->egress, &x->node->cfg->addr));
}

static void op_changed(void *user, const struct gw_metric_instance *i)
{
    struct gw_steering *x = user;

    gw_steer_changed(&x->steer, i);
    gw_selector_changed(&x->selector);
}

static const struct gw_metric_ops metric_ops = {op_send, op_may, op_changed};

static void send_stamp(const struct gw_steering *x, const struct gw_addr *to, uint16_t port,
                       bool reflect, const uint8_t *data, size_t len)
{
    struct gw_queue *q = &x->node->queue;
    const uint8_t *copy = gw_queue_copy(q, data, len);

    if (copy != NULL)
        gw_queue_add(
            q,
            &(struct gw_action){
                .kind = GW_ACT_SEND_STAMP,
                .stamp = {.to = *to, .port = port, .reflect = reflect, .data = copy, .len = len}});
}

static void op_probe(void *user, const struct gw_addr *to, const uint8_t *data, size_t len)
{
    const struct gw_steering *x = user;

    send_stamp(x, to, x->node->cfg->steering.stamp_port, false, data, len);
}

static void op_turned(void *user, const struct gw_path_target *t)
{
    struct gw_steering *x = user;
    const struct gw_peer *p = peer_of(x, &t->addr);

    if (p != NULL)
        gw_log(x->node->log, t->state == GW_PATH_UP ? GW_LOG_INFO : GW_LOG_WARN, GW_CAT_NODE,
               "path-turned", "the way to %s is %s", p->cfg->name, gw_path_state_name(t->state));
    if (t->state == GW_PATH_UP || t->state == GW_PATH_DOWN)
        gw_metric_neighbour_way(&x->metric, &t->addr, t->state == GW_PATH_UP);
    gw_steer_turned(&x->steer, &t->addr);
    gw_central_turned(&x->central);
}

static const struct gw_paths_ops paths_ops = {op_probe, op_turned};

void gw_steering_put(void *user, const void *key, size_t key_len, const void *value,
                     size_t value_len)
{
    const struct gw_steering *x = user;
    struct gw_lm *lm = &x->node->lm;

    lm->ops->put(lm->user, key, key_len, value, value_len);
}

void gw_steering_del(void *user, const void *key, size_t key_len)
{
    const struct gw_steering *x = user;
    struct gw_lm *lm = &x->node->lm;

    lm->ops->del(lm->user, key, key_len);
}

static const struct gw_owns_ops owns_ops = {gw_steering_put, gw_steering_del};

static void op_intent(void *user, const struct gw_intent *i)
{
    const struct gw_steering *x = user;
    struct gw_lm *lm = &x->node->lm;

    lm->ops->intent(lm->user, i);
}

static bool op_peer(void *user, const struct gw_addr *a)
{
    const struct gw_peer *p = peer_of(user, a);

    return p != NULL && (p->cfg->roles & GW_ROLES_STEERING) != 0;
}

static bool op_by_share(void *user, const struct gw_service_key *k)
{
    const struct gw_steering *x = user;

    return gw_central_by_share(&x->central, k);
}

static const struct gw_steer_ops steer_ops = {op_intent, op_peer, op_by_share};

static void op_look(void *user, const struct gw_trace_question *q)
{
    const struct gw_steering *x = user;

    gw_queue_add(&x->node->queue, &(struct gw_action){.kind = GW_ACT_TRACE, .trace = *q});
}

static const struct gw_traces_ops traces_ops = {op_look};

/* -- life ---------------------------------------------------------------------------------------
 */

static void follow_config(struct gw_steering *x, const struct gw_config *c)
{
    x->rules = (struct gw_metric_config){.self = c->addr,
                                         .pace = c->steering.pace,
                                         .retransmit = c->timers.initial_ack,
                                         .retransmit_max = c->timers.max_ack,
                                         .tries = TRIES,
                                         .digest = c->steering.digest,
                                         .instances = INSTANCES,
                                         .origins = ORIGINS};
    x->owns.cfg = c;
    x->steer.cfg = c;
    x->mappers.cfg = c;
    x->central.cfg = c;
    x->selector.cfg = c;
    x->traces.cfg = c;
    x->transfers.cfg = c;
    x->paths.cfg = &c->steering.stamp;
}

static void wire(struct gw_steering *x, struct gw_node *n, struct gw_now now)
{
    n->steering = x;
    x->node = n;
    x->metric = (struct gw_metric){.cfg = &x->rules,
                                   .al = n->al,
                                   .log = n->log,
                                   .timers = &n->timers,
                                   .now = now.mono,
                                   .ops = &metric_ops,
                                   .user = x,
                                   .out = &x->out};
    x->paths = (struct gw_paths){
        .al = n->al, .timers = &n->timers, .now = now, .ops = &paths_ops, .user = x};
    x->owns = (struct gw_owns){
        .al = n->al, .timers = &n->timers, .metric = &x->metric, .ops = &owns_ops, .user = x};
    x->steer = (struct gw_steer){.al = n->al,
                                 .timers = &n->timers,
                                 .metric = &x->metric,
                                 .paths = &x->paths,
                                 .ops = &steer_ops,
                                 .user = x};
    x->mappers = (struct gw_mappers){.al = n->al, .metric = &x->metric};
    x->central = (struct gw_central){.al = n->al, .steer = &x->steer};
    x->selector = (struct gw_selector){.al = n->al, .metric = &x->metric};
    x->traces = (struct gw_traces){.al = n->al, .steer = &x->steer, .ops = &traces_ops, .user = x};
}

int gw_steering_init(struct gw_node *n, const struct gw_config *c, uint64_t seed, struct gw_now now)
{
    if ((c->roles & GW_ROLES_CATS) == 0)
        return 0;
    struct gw_steering *x = gw_new(n->al, sizeof *x);
    if (x == NULL)
        return GW_ENOMEM;
    wire(x, n, now);
    gw_transferring_init(x, seed ^ 0x7472u, now);
    follow_config(x, c);
    gw_paths_init(&x->paths, TARGETS, seed ^ 0x7374u);
    gw_owns_init(&x->owns, seed ^ 0x6f77u);
    gw_steer_init(&x->steer, INSTANCES, seed ^ 0x7363u);
    gw_mappers_init(&x->mappers, seed ^ 0x6d70u);
    gw_central_init(&x->central, seed ^ 0x6365u);
    gw_selector_init(&x->selector, seed ^ 0x7365u);
    return gw_metric_init(&x->metric, (uint32_t)(now.wall_ns / 1000000000), seed ^ 0x6d65u);
}

void gw_steering_free(struct gw_node *n)
{
    struct gw_steering *x = n->steering;

    if (x == NULL)
        return;
    gw_traces_free(&x->traces);
    gw_transferring_free(x);
    gw_selector_free(&x->selector);
    gw_central_free(&x->central);
    gw_mappers_free(&x->mappers);
    gw_steer_free(&x->steer);
    gw_owns_free(&x->owns);
    gw_paths_free(&x->paths);
    gw_metric_free(&x->metric);
    gw_free(n->al, x, sizeof *x);
    n->steering = NULL;
}

/* Clocks of probes are the machine's, as it is now: their timestamps are. */
void gw_steering_now(struct gw_node *n, struct gw_now now)
{
    if (n->steering == NULL)
        return;
    n->steering->metric.now = now.mono;
    n->steering->paths.now = now;
}

static bool is_neighbour(const struct gw_config *c, const struct gw_cfg_peer *p)
{
    return (p->roles & GW_ROLES_CATS) != 0 && !gw_addr_eq(&p->addr, &c->addr) &&
           (!is_source(c->roles) || gw_addr_eq(&p->addr, &c->steering.egress));
}

static bool is_target(const struct gw_config *c, const struct gw_cfg_peer *p)
{
    return c->steering.stamp.interval.ns != 0 && (c->roles & GW_ROLES_STEERING) != 0 &&
           (p->roles & GW_ROLES_STEERING) != 0 && !gw_addr_eq(&p->addr, &c->addr);
}

/* Neighbours and targets that the configuration has. */
static int add_peers(struct gw_steering *x, const struct gw_config *c)
{
    int err = 0;

    for (size_t i = 0; i < c->npeers && err == 0; i++) {
        const struct gw_cfg_peer *p = &c->peers[i];
        if (is_neighbour(c, p))
            err = gw_metric_neighbour_add(&x->metric, &p->addr, is_source(p->roles));
        if (err == 0 && is_target(c, p))
            err = gw_paths_add(&x->paths, &p->addr);
    }
    return err;
}

/* Those of before that it has no more, or differently. */
static void drop_peers(struct gw_steering *x, const struct gw_config *before)
{
    const struct gw_config *c = x->node->cfg;

    for (size_t i = 0; i < before->npeers; i++) {
        const struct gw_cfg_peer *was = &before->peers[i];
        const struct gw_peer *p = peer_of(x, &was->addr);
        if (p == NULL || !is_neighbour(c, p->cfg) ||
            is_source(p->cfg->roles) != is_source(was->roles))
            gw_metric_neighbour_del(&x->metric, &was->addr);
        if (p == NULL || !is_target(c, p->cfg))
            gw_paths_del(&x->paths, &was->addr);
        if (p == NULL || (p->cfg->roles & GW_ROLE_D_FORWARDER) == 0)
            gw_mappers_drop(&x->mappers, &was->addr);
        if (p == NULL || (p->cfg->roles & GW_ROLE_D_ROUTER) == 0)
            gw_selector_drop(&x->selector, &was->addr);
    }
}

/* What is missing is tried again when something comes in. */
static int complete(struct gw_steering *x)
{
    int err = 0;

    if (!gw_timer_is_set(&x->steer.look) && (x->node->cfg->roles & GW_ROLES_STEERING) != 0)
        err = gw_steer_start(&x->steer);
    int e = gw_central_follow(&x->central);
    err = err != 0 ? err : e;
    if ((x->node->cfg->roles & GW_ROLE_PATH_SELECTOR) != 0 &&
        (e = gw_selector_start(&x->selector)) != 0)
        err = e;
    e = gw_owns_load(&x->owns);
    err = err != 0 ? err : e;
    e = add_peers(x, x->node->cfg);
    err = err != 0 ? err : e;
    x->incomplete = err != 0;
    gw_steer_look_synced(&x->steer);
    return err;
}

int gw_steering_start(struct gw_node *n)
{
    if (n->steering == NULL)
        return 0;
    int err = complete(n->steering);
    int e = gw_transferring_start(n->steering);
    return err != 0 ? err : e;
}

int gw_steering_reload(struct gw_node *n, const struct gw_config *before)
{
    struct gw_steering *x = n->steering;

    if (x == NULL)
        return 0;
    follow_config(x, n->cfg);
    drop_peers(x, before);
    (void)gw_central_follow(&x->central); /* once more in complete() */
    gw_steer_reload(&x->steer, before);
    return complete(x);
}

int gw_steering_restore(struct gw_node *n, const uint8_t *key, size_t key_len, const void *value,
                        size_t len)
{
    if (n->steering == NULL)
        return GW_EFORMAT;
    return key[0] == GW_OWN_RECORD
               ? gw_owns_restore(&n->steering->owns, key, key_len)
               : gw_transfers_restore(&n->steering->transfers, key, key_len, value, len);
}

/* -- what comes in ------------------------------------------------------------------------------
 */

static int stamp(struct gw_steering *x, const struct gw_input *in)
{
    const struct gw_addr *from = &in->stamp.from;
    uint8_t out[GW_STAMP_AUTH];

    if (in->stamp.refused) {
        gw_paths_refused(&x->paths, from);
        return 0;
    }
    if (!in->stamp.reflect)
        return gw_paths_answer(&x->paths, from, in->stamp.data, in->stamp.len, in->stamp.received);
    if (peer_of(x, from) == NULL) {
        x->paths.refused++;
        return GW_EDENIED;
    }
    int len = gw_paths_reflect(&x->paths, in->stamp.data, in->stamp.len, in->stamp.received,
                               in->stamp.hop_limit, out);
    if (len > 0)
        send_stamp(x, from, in->stamp.port, true, out, (size_t)len);
    return len > 0 ? 0 : len;
}

static int miss(struct gw_steering *x, const struct gw_miss *m)
{
    const struct gw_peer *p = peer_of(x, &m->from);

    if (p == NULL || (p->cfg->roles & GW_ROLE_D_FORWARDER) == 0 ||
        (x->node->cfg->roles & GW_ROLE_D_ROUTER) == 0)
        return GW_EDENIED;
    return gw_mappers_miss(&x->mappers, m);
}

int gw_steering_input(struct gw_node *n, const struct gw_input *in)
{
    struct gw_steering *x = n->steering;

    if (x == NULL || !n->started)
        return GW_EINVAL;
    if (x->incomplete)
        (void)complete(x);
    if (in->kind == GW_IN_STAMP)
        return stamp(x, in);
    if (in->kind == GW_IN_TRANSFER)
        return gw_transfers_progress(&x->transfers, &in->transfer);
    if (in->kind == GW_IN_REPORT)
        return gw_owns_sample(&x->owns, &in->sample);
    if (in->kind == GW_IN_TRACE) {
        gw_traces_seen(&x->traces, &in->trace.question, &in->trace.seen);
        return 0;
    }
    return miss(x, &in->miss);
}

static int flood(struct gw_steering *x, const struct gw_peer *p)
{
    int err = gw_metric_input(&x->metric, &p->cfg->addr, &x->node->in);

    gw_steer_look_synced(&x->steer);
    return err;
}

static int ack(struct gw_steering *x, const struct gw_peer *p)
{
    const struct gw_addr *from = &p->cfg->addr;
    uint32_t seq = x->node->in.exp.cats.seq;

    if (gw_mappers_ack(&x->mappers, from, seq) == 0 ||
        gw_central_ack(&x->central, from, seq) == 0 ||
        gw_selector_ack(&x->selector, from, seq) == 0)
        return 0;
    return flood(x, p);
}

static int selection(struct gw_steering *x, const struct gw_peer *p)
{
    if ((p->cfg->roles & GW_ROLE_PATH_SELECTOR) == 0 ||
        !gw_addr_eq(&p->cfg->addr, &x->central.selector)) {
        x->metric.count[GW_MCNT_DENIED]++;
        return GW_EDENIED;
    }
    return gw_central_selection(&x->central, &x->node->in);
}

/* What an ingress says to its path selector. */
static int for_selector(struct gw_steering *x, const struct gw_peer *p)
{
    const struct gw_mh *m = &x->node->in;

    if ((x->node->cfg->roles & GW_ROLE_PATH_SELECTOR) == 0 ||
        (p->cfg->roles & GW_ROLE_D_ROUTER) == 0) {
        x->metric.count[GW_MCNT_DENIED]++;
        return GW_EDENIED;
    }
    return m->exp.cats.type == GW_CATS_PATHS ? gw_selector_paths(&x->selector, &p->cfg->addr, m)
                                             : gw_selector_query(&x->selector, &p->cfg->addr, m);
}

static int trace(struct gw_steering *x, const struct gw_peer *p)
{
    struct gw_time now = x->metric.now;
    int err;

    if (x->node->in.exp.cats.type == GW_CATS_TRACE_REPLY) {
        err = gw_traces_reply(&x->traces, &p->cfg->addr, &x->node->in);
    } else if (is_source(p->cfg->roles)) {
        x->metric.count[GW_MCNT_DENIED]++;
        return GW_EDENIED;
    } else if (!gw_limit_take(&p->talk->trace_at, now, TRACES, GW_SEC(1))) {
        x->traces_limited++;
        return GW_EFULL;
    } else {
        err = gw_traces_question(&x->traces, &p->cfg->addr, &x->node->in);
    }
    x->metric.count[GW_MCNT_MALFORMED] += err == GW_EFORMAT;
    return err;
}

/* Only forwarders have to do with it: ingresses and egresses. */
static int transfer(struct gw_steering *x, const struct gw_peer *p)
{
    if ((p->cfg->roles & GW_ROLES_STEERING) == 0) {
        x->transfers.count[GW_TCNT_DENIED]++;
        return GW_EDENIED;
    }
    return gw_transfers_message(&x->transfers, &p->cfg->addr, &x->node->in);
}

int gw_steering_message(struct gw_node *n, struct gw_peer *p)
{
    struct gw_steering *x = n->steering;

    switch ((enum gw_cats_type)n->in.exp.cats.type) {
    case GW_CATS_ACK:
        return ack(x, p);
    case GW_CATS_UPDATE:
    case GW_CATS_DIGEST:
        return flood(x, p);
    case GW_CATS_MAPPING:
        if (gw_addr_eq(&p->cfg->addr, &n->cfg->steering.d_router))
            return gw_steer_mapping(&x->steer, &p->cfg->addr, &n->in);
        n->lm.count[GW_CNT_WRONG_ROLE]++;
        return GW_EDENIED;
    case GW_CATS_SELECTION:
        return selection(x, p);
    case GW_CATS_QUERY:
    case GW_CATS_PATHS:
        return for_selector(x, p);
    case GW_CATS_TRACE:
    case GW_CATS_TRACE_REPLY:
        return trace(x, p);
    case GW_CATS_MOVE_ACK:
    case GW_CATS_LOCATE:
    case GW_CATS_WHERE:
    case GW_CATS_LOCATED:
    case GW_CATS_SWITCH_QUERY:
    case GW_CATS_SWITCH_ANSWER:
        break;
    case GW_CATS_TRANSFER_REQUEST:
    case GW_CATS_TRANSFER_NOTICE:
    case GW_CATS_TRANSFER_READY:
    case GW_CATS_TRANSFER_CONFIRM:
    case GW_CATS_TRANSFER_DONE:
    case GW_CATS_TRANSFER_ACK:
        return transfer(x, p);
    }
    n->lm.count[GW_CNT_IGNORED]++;
    return GW_EINVAL;
}

int gw_node_trace(struct gw_node *n, const struct gw_service_key *service,
                  const struct gw_addr *csci_id, const struct gw_addr *client, struct gw_now now,
                  uint64_t *number)
{
    int err;

    *number = 0;
    gw_clock_set(n, now);
    gw_steering_now(n, now);
    gw_queue_recycle(&n->queue);
    if (!n->started || n->steering == NULL)
        return GW_EINVAL;
    if (gw_queue_reserve(&n->queue) != 0) {
        n->lm.count[GW_CNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    err = gw_traces_begin(&n->steering->traces, service, csci_id, client, number);
    gw_signal_drain(n);
    return err;
}

int gw_steering_plane_done(struct gw_node *n, uint64_t tag, int result)
{
    return n->steering != NULL ? gw_steer_done(&n->steering->steer, tag, result) : GW_ENOENT;
}
