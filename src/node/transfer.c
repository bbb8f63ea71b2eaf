/* transfer.c: fn/handover/transfer.h in a node: what it asks of the rest (who is a forwarder, whose
 * instance it is, which other one is better), and what it wants (steps of the driver, records,
 * flows of the packet path).
 *
 * Decisions of this implementation:
 * - An ingress may have the flows of a client moved that is bound to it here; of one that nobody is
 *   bound for, unless its address is of another peer's pools.
 * - Which instance is better an ingress says itself from what it knows of them, as its packet path
 *   is told.
 */
#include "node/steering.h"

#include "base/text.h"

#define BIDS 256 /* as many as the packet path chooses among (plane/steer.h) */

static void op_step(void *user, enum gw_transfer_do what, const struct gw_transfer_what *about)
{
    const struct gw_steering *x = user;
    struct gw_queue *q = &x->node->queue;
    const void *copy = gw_queue_copy(q, about, sizeof *about);

    if (copy != NULL)
        gw_queue_add(q, &(struct gw_action){.kind = GW_ACT_TRANSFER,
                                            .transfer = {.what = what, .about = copy}});
}

static void op_put(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    const struct gw_steering *x = user;
    struct gw_lm *lm = &x->node->lm;

    lm->ops->put(lm->user, key, key_len, value, value_len);
}

static void op_del(void *user, const void *key, size_t key_len)
{
    const struct gw_steering *x = user;
    struct gw_lm *lm = &x->node->lm;

    lm->ops->del(lm->user, key, key_len);
}

static void op_switched(void *user, const struct gw_transfer_what *w)
{
    const struct gw_steering *x = user;
    struct gw_lm *lm = &x->node->lm;

    for (size_t i = 0; i < w->nflows; i++)
        lm->ops->intent(lm->user, &(struct gw_intent){.kind = GW_INTENT_FLOW_SET,
                                                      .flow = {.service = w->service,
                                                               .flow = w->flow[i],
                                                               .csci_id = w->to,
                                                               .now = x->metric.now}});
}

static bool of_pools(const struct gw_cfg_peer *p, const struct gw_addr *a)
{
    struct gw_prefix net = {.addr = *a, .len = GW_NODE_PREFIX_LEN};

    return gw_lm_in_pools(p, &net);
}

static bool op_may(void *user, const struct gw_addr *ingress, const struct gw_addr *client)
{
    const struct gw_steering *x = user;
    const struct gw_config *c = x->node->cfg;

    for (size_t i = 0; i < c->npeers; i++)
        if (of_pools(&c->peers[i], client))
            return gw_addr_eq(&c->peers[i].addr, ingress);
    return true;
}

static const struct gw_steer_instance *
instance(const struct gw_steering *x, const struct gw_service_key *s, const struct gw_addr *csci_id)
{
    const struct gw_steer_instance *e = gw_table_get(&x->steer.instances, csci_id);

    return e != NULL && gw_steer_same_key(&e->said.service, s) ? e : NULL;
}

static bool op_own(void *user, const struct gw_service_key *s, const struct gw_addr *csci_id,
                   bool takes)
{
    const struct gw_steer_instance *e = instance(user, s, csci_id);

    return e != NULL && e->said.here && (!takes || e->said.state == GW_INSTANCE_UP);
}

static bool op_forwarder(void *user, const struct gw_addr *a)
{
    const struct gw_steering *x = user;
    const struct gw_peer *p = gw_peer_get(x->node, a);

    return p != NULL && (p->cfg->roles & GW_ROLES_STEERING) != 0;
}

static void op_event(void *user, const struct gw_transfer_what *w, const struct gw_addr *from,
                     const struct gw_addr *to, const char *what, uint32_t count, uint8_t code)
{
    const struct gw_steering *x = user;
    char client[GW_TEXT_MAX], a[GW_TEXT_MAX], b[GW_TEXT_MAX];

    gw_log(x->node->log, GW_LOG_DEBUG, GW_CAT_NODE, "transfer-step", "%s: %s, %s to %s, %u, %s",
           gw_fmt_addr(&w->client, client), what, gw_fmt_addr(from, a), gw_fmt_addr(to, b), count,
           gw_transfer_code_name(code));
}

static const struct gw_transfers_ops ops = {
    .step = op_step,
    .put = op_put,
    .del = op_del,
    .switched = op_switched,
    .may = op_may,
    .own = op_own,
    .forwarder = op_forwarder,
    .event = op_event,
};

void gw_transferring_init(struct gw_steering *x, uint64_t seed, struct gw_now now)
{
    struct gw_node *n = x->node;

    x->transfers = (struct gw_transfers){.cfg = n->cfg,
                                         .al = n->al,
                                         .log = n->log,
                                         .timers = &n->timers,
                                         .metric = &x->metric,
                                         .ops = &ops,
                                         .user = x};
    gw_transfers_init(&x->transfers, (uint32_t)(now.wall_ns / 1000000000), seed);
}

/* -- which instance -----------------------------------------------------------------------------
 */

static struct gw_bid bid_of(const struct gw_steering *x, const struct gw_cfg_service *v,
                            const struct gw_steer_instance *e)
{
    const struct gw_intent_instance *i = &e->said;
    int64_t age = gw_time_sub(x->metric.now, i->measured).ns / 1000000;

    return (struct gw_bid){
        .csci_id = e->csci_id,
        .egress = i->here ? x->node->cfg->addr : i->egress,
        .path_us = i->path_us,
        .service_us = i->service_us,
        .in_flight = i->load / GW_STEER_FLOW,
        .slots = i->slots,
        .usable = i->state == GW_INSTANCE_UP && i->errors <= v->error_limit,
        .silent = i->measured.ns == 0 || age > (int64_t)v->max_age_ms,
        .leaving = i->state != GW_INSTANCE_UP,
    };
}

/* The bids of a service's instances; *at: of the one that has it now. */
static size_t bids(const struct gw_steering *x, const struct gw_cfg_service *v,
                   const struct gw_addr *now, struct gw_bid *out, size_t *at)
{
    struct gw_cats_service key = gw_steer_cats_key(&v->key);
    const struct gw_metric_service *s = gw_metric_service(&x->metric, &key);
    size_t n = 0;

    *at = BIDS;
    for (const struct gw_metric_instance *r = s != NULL ? s->first : NULL; r != NULL && n < BIDS;
         r = r->sib_next) {
        const struct gw_steer_instance *e = instance(x, &v->key, &r->v.csci_id);
        if (e == NULL || gw_steer_record(&x->metric, &key, &r->v.csci_id) != r)
            continue;
        if (gw_addr_eq(&e->csci_id, now))
            *at = n;
        out[n++] = bid_of(x, v, e);
    }
    return n;
}

/* Where to: told, or the best. 0; GW_ENOENT: no such instance, or none is better. */
static int find_target(const struct gw_steering *x, const struct gw_cfg_service *v,
                       struct gw_transfer_what *w, const struct gw_addr *to, uint32_t gain)
{
    struct gw_bid b[BIDS];
    size_t at, n = bids(x, v, &w->from, b, &at), found = n;

    if (at == BIDS)
        return GW_ENOENT;
    if (to == NULL)
        found = gw_better(b, n, at, x->node->cfg->handover.transfer.rest, gain);
    for (size_t i = 0; to != NULL && i < n; i++)
        if (gw_addr_eq(&b[i].csci_id, to) && b[i].usable)
            found = i;
    if (found >= n || found == at)
        return GW_ENOENT;
    w->from_egress = b[at].egress;
    w->to = b[found].csci_id;
    w->to_egress = b[found].egress;
    return 0;
}

int gw_node_transfer(struct gw_node *n, const struct gw_transfer_order *o, struct gw_now now,
                     uint64_t *id)
{
    struct gw_steering *x = n->steering;
    struct gw_transfer_what w = {.service = o->service, .from = o->from, .nflows = o->nflows};

    gw_clock_set(n, now);
    gw_steering_now(n, now);
    gw_queue_recycle(&n->queue);
    if (x == NULL || !n->started || o->nflows == 0 || o->nflows > GW_TRANSFER_FLOWS)
        return GW_EINVAL;
    const struct gw_cfg_service *v = gw_steer_service(n->cfg, &o->service);
    if (v == NULL || !v->handover.switches)
        return GW_EDENIED;
    int err = gw_queue_reserve(&n->queue);
    if (err != 0)
        return err;
    w.client = o->flow[0].src;
    memset(w.client.b + 8, 0, 8);
    memcpy(w.flow, o->flow, o->nflows * sizeof *o->flow);
    err = find_target(x, v, &w, o->to, 0);
    if (err == 0)
        err = gw_transfers_begin(&x->transfers, &w, true);
    *id = w.id;
    gw_signal_drain(n);
    return err;
}
