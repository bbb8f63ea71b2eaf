/* trace.c: see trace.h. */
#include "fn/steer/trace.h"

#include "base/err.h"
#include "fn/metric/own.h"
#include "node/config.h"

void gw_traces_free(struct gw_traces *t)
{
    for (size_t i = 0; i < GW_TRACE_KEPT; i++) {
        struct gw_trace *x = t->kept[i];
        if (x == NULL)
            continue;
        gw_timer_stop(t->steer->timers, &x->timer);
        gw_free(t->al, x, sizeof *x);
        t->kept[i] = NULL;
    }
}

/* -- who asks -----------------------------------------------------------------------------------
 */

static bool running(const struct gw_trace *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->ask[i].state == GW_TRACE_WAITING)
            return true;
    return false;
}

static bool add_question(struct gw_metric *m, const struct gw_trace *x,
                         const struct gw_trace_ask *a)
{
    const struct gw_cats_item service = {.type = GW_CATS_SERVICE,
                                         .service = gw_steer_cats_key(&x->service)};
    const struct gw_cats_item choice = {.type = GW_CATS_CHOICE,
                                        .choice = {.code = GW_CATS_CHOSEN,
                                                   .score = GW_CATS_NO_SCORE,
                                                   .csci_id = a->csci_id,
                                                   .egress = a->at}};
    const struct gw_cats_item flow = {
        .type = GW_CATS_FLOW,
        .flow = {.affinity = GW_CATS_BY_CLIENT, .src = x->client, .dst = x->service.cs_id}};

    return gw_cats_add(m->out, &m->buf, &service) == 0 &&
           (gw_addr_is_zero(&a->csci_id) || gw_cats_add(m->out, &m->buf, &choice) == 0) &&
           (gw_addr_is_zero(&x->client) || gw_cats_add(m->out, &m->buf, &flow) == 0);
}

static void say(struct gw_trace *x, struct gw_trace_ask *a)
{
    struct gw_metric *m = x->all->steer->metric;

    a->seq = ++m->seq;
    a->tries++;
    a->sent = m->now;
    gw_cats_begin(m->out, &m->buf, GW_CATS_TRACE, 0, a->seq);
    x->all->asked++;
    if (!add_question(m, x, a) || m->ops->send(m->user, &a->at, m->out) == GW_ENOENT)
        a->state = GW_TRACE_NO_PEER;
}

static struct gw_trace_ask *asked(struct gw_trace *x, const struct gw_addr *at,
                                  const struct gw_addr *csci_id)
{
    for (size_t i = 0; i < x->n; i++) {
        struct gw_trace_ask *a = &x->ask[i];
        if (gw_addr_eq(&a->at, at) &&
            (gw_addr_eq(&a->csci_id, csci_id) || gw_addr_is_zero(csci_id)))
            return a;
    }
    return NULL;
}

static void ask(struct gw_trace *x, const struct gw_addr *at, const struct gw_addr *csci_id,
                size_t room)
{
    if (asked(x, at, csci_id) != NULL)
        return;
    if (x->n >= room) {
        x->skipped++;
        return;
    }
    struct gw_trace_ask *a = &x->ask[x->n++];
    *a = (struct gw_trace_ask){.at = *at, .csci_id = *csci_id, .rtt_ns = -1};
    say(x, a);
}

static void give_up(struct gw_trace *x)
{
    for (size_t i = 0; i < x->n; i++) {
        if (x->ask[i].state != GW_TRACE_WAITING)
            continue;
        x->ask[i].state = GW_TRACE_SILENT;
        x->all->silent++;
    }
}

/* While anybody is waited for, and then no more. */
static void arm(struct gw_trace *x)
{
    struct gw_steer *s = x->all->steer;

    if (!running(x))
        gw_timer_stop(s->timers, &x->timer);
    else if (!gw_timer_is_set(&x->timer) &&
             gw_timer_set(s->timers, &x->timer, gw_time_add(s->metric->now, GW_TRACE_AGAIN)) != 0)
        give_up(x);
}

/* A hop that was heard of since the timer was set is given less than 500 ms for its first try. */
static void due(struct gw_timer *timer, void *user)
{
    struct gw_trace *x = timer->owner;

    (void)user;
    for (size_t i = 0; i < x->n; i++) {
        struct gw_trace_ask *a = &x->ask[i];
        if (a->state != GW_TRACE_WAITING)
            continue;
        if (a->tries < GW_TRACE_TRIES) {
            say(x, a);
            continue;
        }
        a->state = GW_TRACE_SILENT;
        x->all->silent++;
    }
    arm(x);
}

static void ask_instances(struct gw_trace *x, const struct gw_addr *csci_id)
{
    const struct gw_steer_instance *i;

    for (size_t it = 0; (i = gw_table_next(&x->all->steer->instances, &it)) != NULL;)
        if (gw_steer_same_key(&i->said.service, &x->service) &&
            (gw_addr_is_zero(csci_id) || gw_addr_eq(csci_id, &i->said.csci_id)))
            ask(x, &i->said.egress, &i->said.csci_id, GW_TRACE_ASKS - GW_TRACE_HOPS);
}

int gw_traces_begin(struct gw_traces *t, const struct gw_service_key *service,
                    const struct gw_addr *csci_id, const struct gw_addr *client, uint64_t *number)
{
    struct gw_trace **place = &t->kept[(t->last + 1) % GW_TRACE_KEPT], *x = *place;
    const struct gw_addr none = {{0}};

    if (gw_steer_service(t->cfg, service) == NULL)
        return GW_ENOENT;
    if (x != NULL && running(x))
        return GW_EFULL;
    if (x == NULL && (x = gw_new(t->al, sizeof *x)) == NULL)
        return GW_ENOMEM;
    *place = x;
    *x = (struct gw_trace){.number = ++t->last,
                           .all = t,
                           .service = *service,
                           .client = *client,
                           .begun = t->steer->metric->now,
                           .timer = {.fire = due, .owner = x}};
    t->begun++;
    *number = x->number;
    ask_instances(x, csci_id);
    if (!gw_addr_is_zero(client))
        ask(x, &t->cfg->addr, &none, GW_TRACE_ASKS);
    arm(x);
    return 0;
}

/* -- answers ------------------------------------------------------------------------------------
 */

static void take_hop(struct gw_trace_ask *a, const struct gw_cats_hop *h)
{
    if (h->role == GW_CATS_HOP_TUNNELS) {
        a->tunnels = *h;
    } else if (h->role == GW_CATS_HOP_INSTANCE) {
        a->instance = *h;
        a->has_instance = true;
    } else if (h->role == GW_CATS_HOP_RESULTS) {
        a->results = *h;
        a->has_results = true;
    }
}

static int read_answer(struct gw_trace_ask *a, const struct gw_mh *m)
{
    struct gw_cats_item i;
    size_t it = 0;
    int more;

    while ((more = gw_cats_next(m, &it, &i)) == 1) {
        if (i.type == GW_CATS_HOP) {
            take_hop(a, &i.hop);
        } else if (i.type == GW_CATS_INSTANCE) {
            a->record = i.instance;
            a->has_record = true;
        } else if (i.type == GW_CATS_PATH) {
            a->path = i.path;
            a->has_path = true;
        }
    }
    return more;
}

static struct gw_trace_ask *waiting(const struct gw_traces *t, const struct gw_addr *from,
                                    uint32_t seq, struct gw_trace **of)
{
    for (size_t k = 0; k < GW_TRACE_KEPT; k++)
        for (size_t i = 0; t->kept[k] != NULL && i < t->kept[k]->n; i++) {
            struct gw_trace_ask *a = &t->kept[k]->ask[i];
            if (a->state == GW_TRACE_WAITING && a->seq == seq && gw_addr_eq(&a->at, from)) {
                *of = t->kept[k];
                return a;
            }
        }
    return NULL;
}

int gw_traces_reply(struct gw_traces *t, const struct gw_addr *from, const struct gw_mh *m)
{
    const struct gw_addr none = {{0}};
    struct gw_trace *x;
    struct gw_trace_ask *a = waiting(t, from, m->exp.cats.seq, &x), said;

    if (a == NULL) {
        t->strange++;
        return GW_ENOENT;
    }
    said = *a;
    if (read_answer(&said, m) != 0)
        return GW_EFORMAT;
    *a = said;
    a->rtt_ns = gw_time_sub(t->steer->metric->now, a->sent).ns;
    a->state = (m->exp.cats.flags & GW_CATS_UNKNOWN) != 0 ? GW_TRACE_UNKNOWN : GW_TRACE_ANSWERED;
    if (a->has_results && a->results.code == GW_CATS_HOP_TUNNELLED && !gw_addr_is_zero(&x->client))
        ask(x, &a->results.at, &none, GW_TRACE_ASKS);
    arm(x);
    return 0;
}

/* -- who is asked -------------------------------------------------------------------------------
 */

int gw_traces_question(struct gw_traces *t, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_trace_question q = {.from = *from, .seq = m->exp.cats.seq, .want = {.peer = *from}};
    struct gw_cats_item i;
    bool named = false;
    size_t it = 0;
    int more;

    while ((more = gw_cats_next(m, &it, &i)) == 1) {
        if (i.type == GW_CATS_SERVICE) {
            q.service = (struct gw_service_key){i.service.cs_id, i.service.proto, i.service.port};
            named = true;
        } else if (i.type == GW_CATS_CHOICE) {
            q.want.csci_id = i.choice.csci_id;
        } else if (i.type == GW_CATS_FLOW) {
            q.want.client = i.flow.src;
        }
    }
    if (more != 0 || !named)
        return GW_EFORMAT;
    t->ops->look(t->user, &q);
    return 0;
}

static void add_hop(struct gw_metric *m, enum gw_cats_hop_role role, enum gw_cats_hop_code code,
                    const struct gw_addr *at, uint64_t rx, uint64_t tx)
{
    const struct gw_cats_item i = {
        .type = GW_CATS_HOP,
        .hop = {.role = (uint8_t)role, .code = (uint8_t)code, .at = *at, .rx = rx, .tx = tx}};

    (void)gw_cats_add(m->out, &m->buf, &i); /* eight items are never too long */
}

/* Is it in this node's configuration? */
static bool configured(const struct gw_config *c, const struct gw_addr *csci_id)
{
    for (size_t i = 0; i < c->ninstances; i++)
        if (gw_addr_eq(&c->instances[i].csci_id, csci_id))
            return true;
    return false;
}

/* As this node, which is to be its egress, knows it; x: its record, or NULL. */
static enum gw_cats_hop_code instance_code(const struct gw_traces *t, const struct gw_addr *csci_id,
                                           const struct gw_metric_instance *x)
{
    if (x == NULL)
        return configured(t->cfg, csci_id) ? GW_CATS_HOP_DEAD : GW_CATS_HOP_STRANGE;
    if (!gw_addr_eq(&x->v.egress, &t->cfg->addr))
        return GW_CATS_HOP_ELSEWHERE;
    return x->v.state == GW_CATS_DRAINING ? GW_CATS_HOP_DRAINING : GW_CATS_HOP_REACHED;
}

static uint16_t ms_of(int64_t ns)
{
    return (uint16_t)(ns < 0 ? 0 : ns / 1000000 > UINT16_MAX ? UINT16_MAX : ns / 1000000);
}

static void add_instance(const struct gw_traces *t, const struct gw_trace_question *q,
                         const struct gw_trace_seen *seen)
{
    struct gw_metric *m = t->steer->metric;
    struct gw_cats_service key = gw_steer_cats_key(&q->service);
    const struct gw_metric_instance *x = gw_steer_record(m, &key, &q->want.csci_id);
    struct gw_cats_item i = {.type = GW_CATS_INSTANCE};

    add_hop(m, GW_CATS_HOP_INSTANCE, instance_code(t, &q->want.csci_id, x), &q->want.csci_id,
            seen->taken, seen->sent);
    if (x == NULL)
        return;
    i.instance = x->v;
    i.instance.age = ms_of(gw_time_sub(m->now, x->measured).ns);
    (void)gw_cats_add(m->out, &m->buf, &i);
}

static uint32_t us_of(int64_t ns)
{
    return (uint32_t)(ns < 0 ? 0 : ns / 1000 > UINT32_MAX ? UINT32_MAX : ns / 1000);
}

/* Where it is measured. */
static void add_path(const struct gw_traces *t, const struct gw_addr *to)
{
    struct gw_metric *m = t->steer->metric;
    const struct gw_path_target *p = gw_paths_get(t->steer->paths, to);

    if (p == NULL || p->delay < 0)
        return;
    int32_t loss = gw_path_loss(p);
    const struct gw_cats_item i = {.type = GW_CATS_PATH,
                                   .path = {.to = *to,
                                            .delay = us_of(p->delay),
                                            .jitter = us_of(p->jitter),
                                            .loss = (uint16_t)(p->state == GW_PATH_DOWN ? 10000
                                                               : loss < 0               ? 0
                                                                                        : loss),
                                            .age = ms_of(gw_time_sub(m->now, p->heard).ns)}};
    (void)gw_cats_add(m->out, &m->buf, &i);
}

static void add_results(const struct gw_traces *t, const struct gw_trace_seen *seen)
{
    struct gw_metric *m = t->steer->metric;

    if (!seen->client) {
        add_hop(m, GW_CATS_HOP_RESULTS, GW_CATS_HOP_ROUTED, &t->cfg->addr, 0, 0);
    } else if (seen->kind != GW_PFX_MOVED) {
        add_hop(m, GW_CATS_HOP_RESULTS, GW_CATS_HOP_DELIVERED, &t->cfg->addr, 0, seen->down);
    } else {
        add_hop(m, GW_CATS_HOP_RESULTS, GW_CATS_HOP_TUNNELLED, &seen->to, 0, seen->down);
        add_path(t, &seen->to);
    }
}

void gw_traces_seen(struct gw_traces *t, const struct gw_trace_question *q,
                    const struct gw_trace_seen *seen)
{
    struct gw_metric *m = t->steer->metric;
    bool known = gw_steer_service(t->cfg, &q->service) != NULL;
    const struct gw_cats_item service = {.type = GW_CATS_SERVICE,
                                         .service = gw_steer_cats_key(&q->service)};

    gw_cats_begin(m->out, &m->buf, GW_CATS_TRACE_REPLY, known ? 0 : GW_CATS_UNKNOWN, q->seq);
    (void)gw_cats_add(m->out, &m->buf, &service);
    if (known) {
        add_hop(m, GW_CATS_HOP_EGRESS, GW_CATS_HOP_REACHED, &t->cfg->addr, 0, 0);
        add_hop(m, GW_CATS_HOP_TUNNELS, GW_CATS_HOP_REACHED, &q->from, seen->peer_taken,
                seen->peer_sent);
        if (!gw_addr_is_zero(&q->want.csci_id))
            add_instance(t, q, seen);
        if (!gw_addr_is_zero(&q->want.client))
            add_results(t, seen);
    }
    t->answered++;
    (void)m->ops->send(m->user, &q->from, m->out);
}

/* -- show ---------------------------------------------------------------------------------------
 */

static const char *state_name(enum gw_trace_state s)
{
    switch (s) {
    case GW_TRACE_WAITING:
        return "waiting";
    case GW_TRACE_ANSWERED:
        return "answered";
    case GW_TRACE_UNKNOWN:
        return "unknown service";
    case GW_TRACE_SILENT:
        return "silent";
    case GW_TRACE_NO_PEER:
        return "no peer";
    }
    return "?";
}

static void show_results(const struct gw_trace_ask *a, struct gw_emit *e)
{
    gw_emit_str(e, "results", gw_cats_hop_code_name(a->results.code));
    gw_emit_addr(e, "results_to", &a->results.at);
    gw_emit_num(e, "results_packets", (int64_t)a->results.tx);
    if (!a->has_path)
        return;
    gw_emit_num(e, "results_delay_us", a->path.delay);
    gw_emit_num(e, "results_loss_of_10000", a->path.loss);
}

static void show_ask(const struct gw_trace_ask *a, struct gw_emit *e)
{
    gw_emit_obj(e, NULL);
    gw_emit_addr(e, "node", &a->at);
    gw_emit_str(e, "answer", state_name(a->state));
    gw_emit_num(e, "rtt_us", a->rtt_ns >= 0 ? a->rtt_ns / 1000 : -1);
    if (a->state == GW_TRACE_ANSWERED) {
        gw_emit_num(e, "tunnel_packets_taken", (int64_t)a->tunnels.rx);
        gw_emit_num(e, "tunnel_packets_sent", (int64_t)a->tunnels.tx);
    }
    if (!gw_addr_is_zero(&a->csci_id))
        gw_emit_addr(e, "csci_id", &a->csci_id);
    if (a->has_instance) {
        gw_emit_str(e, "instance", gw_cats_hop_code_name(a->instance.code));
        gw_emit_num(e, "taken_packets", (int64_t)a->instance.rx);
    }
    if (a->has_record)
        gw_emit_num(e, "age_ms", a->record.age);
    if (a->has_results)
        show_results(a, e);
    gw_emit_obj_end(e);
}

void gw_traces_show(const struct gw_traces *t, struct gw_emit *e)
{
    for (size_t k = 0; k < GW_TRACE_KEPT; k++) {
        const struct gw_trace *x = t->kept[k];
        if (x == NULL)
            continue;
        gw_emit_obj(e, NULL);
        gw_emit_num(e, "number", (int64_t)x->number);
        gw_emit_str(e, "state", running(x) ? "running" : "done");
        gw_emit_addr(e, "cs_id", &x->service.cs_id);
        gw_emit_num(e, "skipped", (int64_t)x->skipped);
        gw_emit_arr(e, "answers");
        for (size_t i = 0; i < x->n; i++)
            show_ask(&x->ask[i], e);
        gw_emit_arr_end(e);
        gw_emit_obj_end(e);
    }
}
