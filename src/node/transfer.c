/* transfer.c: fn/handover/transfer.h in a node: what it asks of the rest (who is a forwarder, whose
 * instance it is, which other one is better, behind whom a client is), and what it wants (steps of
 * the driver, records, flows of the packet path); and whose transactions are looked at when.
 *
 * Decisions of this implementation:
 * - An ingress may have the flows of a client moved that is behind it, as far as this node knows;
 * of one of which nothing is known, unless its address is of another peer's pools.
 * - Which instance is better an ingress says itself from what it knows of them, as its packet path
 *   is told; a path selector is not asked.
 * - A client that was taken over is looked at when all egresses have answered, and from then on
 * with the others: so many clients every second in turn, and none again too soon (transfer.h).
 */
#include "node/handover.h"
#include "node/steering.h"

#define BIDS 256 /* as many as the packet path chooses among (plane/steer.h) */
#define LOOK GW_SEC(1)
#define TURN 512 /* clients looked at in one turn */

static struct gw_handover *handover_of(const struct gw_steering *x)
{
    return x->node->moving != NULL ? &x->node->moving->handover : NULL;
}

static void op_step(void *user, enum gw_transfer_do what, const struct gw_transfer_what *about)
{
    const struct gw_steering *x = user;
    struct gw_queue *q = &x->node->queue;
    const void *copy = gw_queue_copy(q, about, sizeof *about);

    if (copy != NULL)
        gw_queue_add(q, &(struct gw_action){.kind = GW_ACT_TRANSFER,
                                            .transfer = {.what = what, .about = copy}});
}

static struct gw_client *client_of(const struct gw_steering *x, const struct gw_addr *a)
{
    const struct gw_handover *h = handover_of(x);

    return h != NULL ? gw_handover_client(h, a) : NULL;
}

/* Of clients that do not move (a plain ingress) only the packet path knows the flows. */
static void op_switched(void *user, const struct gw_transfer_what *w)
{
    const struct gw_steering *x = user;
    struct gw_client *c = client_of(x, &w->client);
    struct gw_lm *lm = &x->node->lm;

    if (c != NULL && gw_handover_switch(handover_of(x), c, w) > 0)
        return;
    for (size_t i = 0; i < w->nflows; i++)
        lm->ops->intent(lm->user, &(struct gw_intent){.kind = GW_INTENT_FLOW_SET,
                                                      .flow = {.service = w->service,
                                                               .flow = w->flow[i],
                                                               .csci_id = w->to,
                                                               .now = x->metric.now}});
}

static void op_permit(void *user, const struct gw_transfer_what *w, struct gw_time until)
{
    struct gw_handover *h = handover_of(user);

    if (h != NULL) /* without memory its results go by way of the anchor */
        (void)gw_handover_permit(h, &w->client, &w->ingress, until);
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
    const struct gw_client *known = client_of(x, client);

    if (known != NULL && known->moved != NULL)
        return gw_addr_eq(&known->moved->to, ingress);
    if (known != NULL && known->place == GW_CLIENT_HERE)
        return gw_addr_eq(&c->addr, ingress);
    if (known != NULL && known->place == GW_CLIENT_ELSEWHERE)
        return gw_addr_eq(&known->peer, ingress);
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
    struct gw_handover *h = handover_of(user);

    if (h != NULL)
        gw_handover_event(h, &w->client, what, from, to, count,
                          code == GW_TRANSFER_FINE ? 0 : GW_EDENIED);
}

static const struct gw_transfers_ops ops = {
    .step = op_step,
    .put = gw_steering_put,
    .del = gw_steering_del,
    .switched = op_switched,
    .permit = op_permit,
    .may = op_may,
    .own = op_own,
    .forwarder = op_forwarder,
    .event = op_event,
};

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

bool gw_node_transfer_moved(const struct gw_node *n, const struct gw_addr *client,
                            const struct gw_service_key *service, const struct gw_addr *from)
{
    return n->steering != NULL &&
           gw_transfers_moved(&n->steering->transfers, client, service, from);
}

/* -- whose, and when ----------------------------------------------------------------------------
 */

static bool switches(const struct gw_steering *x, const struct gw_client_flow *f)
{
    const struct gw_cfg_service *v = gw_steer_service(x->node->cfg, &f->service);

    return v != NULL && v->handover.switches;
}

/* What the client has under way at that flow's instance. false: more than can be moved. */
static bool collect(const struct gw_client *c, const struct gw_client_flow *f,
                    struct gw_transfer_what *w)
{
    *w = (struct gw_transfer_what){
        .service = f->service, .client = c->prefix.addr, .from = f->csci_id};
    for (const struct gw_client_flow *g = c->flows; g != NULL; g = g->next) {
        if (!gw_addr_eq(&g->csci_id, &f->csci_id) || !gw_steer_same_key(&g->service, &f->service))
            continue;
        if (w->nflows == GW_TRANSFER_FLOWS)
            return false;
        w->flow[w->nflows++] = g->id;
    }
    return true;
}

/* Would one of its transactions be better off elsewhere? One of a service at a time. */
static void look_at(struct gw_steering *x, const struct gw_client *c)
{
    const struct gw_cfg_handover *h = &x->node->cfg->handover;
    struct gw_transfer_what w;

    for (const struct gw_client_flow *f = c->flows; f != NULL; f = f->next) {
        if (!switches(x, f) || !gw_transfers_rested(&x->transfers, &c->prefix.addr, &f->service))
            continue;
        x->transfers.count[GW_TCNT_LOOKED]++;
        if (collect(c, f, &w) && find_target(x, gw_steer_service(x->node->cfg, &f->service), &w,
                                             NULL, h->transfer.gain) == 0)
            (void)gw_transfers_begin(&x->transfers, &w, false);
    }
}

static bool is_used(const struct gw_steering *x)
{
    return handover_of(x) != NULL && x->node->cfg->handover.transfer.port != 0;
}

void gw_transferring_taken(struct gw_node *n, struct gw_client *c)
{
    if (n->steering != NULL && is_used(n->steering))
        look_at(n->steering, c);
}

static void turn(struct gw_timer *timer, void *user)
{
    struct gw_steering *x = timer->owner;
    const struct gw_handover *h = handover_of(x);
    const struct gw_client *c = NULL;

    (void)user;
    (void)gw_timer_set(&x->node->timers, timer, gw_time_add(x->metric.now, LOOK));
    if (!is_used(x))
        return;
    for (int i = 0; i < TURN && (c = gw_table_next(&h->clients, &x->turn_at)) != NULL; i++)
        if (c->place == GW_CLIENT_HERE)
            look_at(x, c);
        else
            gw_transfers_left(&x->transfers, &c->prefix.addr);
    if (c == NULL)
        x->turn_at = 0;
}

/* -- life ---------------------------------------------------------------------------------------
 */

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
    x->turn = (struct gw_timer){.fire = turn, .owner = x};
}

int gw_transferring_start(struct gw_steering *x)
{
    gw_transfers_start(&x->transfers);
    if (!is_used(x))
        return 0;
    return gw_timer_set(&x->node->timers, &x->turn, gw_time_add(x->metric.now, LOOK));
}

void gw_transferring_free(struct gw_steering *x)
{
    gw_timer_stop(&x->node->timers, &x->turn);
    gw_transfers_free(&x->transfers);
}
