/* handover.c: the handover of clients in a node: fn/handover made of a configuration, fed with what
 * concerns it; what it wants becomes actions.
 *
 * Decisions of this implementation:
 * - Its peers are the configured ones that steer: ingresses and egresses.
 * - What fn/lm says of a prefix passes it on the way to the packet path; its own intents do not.
 * - An instance that only a notification names is known as one that a MAPPING names: for as long as
 *   a record would be.
 */
#include "node/handover.h"

#include "node/steering.h"

/* -- what it wants ------------------------------------------------------------------------------
 */

static struct gw_peer *peer_of(const struct gw_moving *x, const struct gw_addr *a)
{
    struct gw_peer *p = gw_peer_get(x->node, a);

    return p != NULL && p->cfg != &x->node->self && (p->cfg->roles & GW_ROLES_STEERING) != 0 ? p
                                                                                             : NULL;
}

static int op_send(void *user, const struct gw_addr *to, struct gw_mh *m)
{
    struct gw_moving *x = user;

    return gw_signal_send(x->node, GW_ROLE_D_ROUTER, to, m);
}

static void op_intent(void *user, const struct gw_intent *i)
{
    struct gw_moving *x = user;

    gw_queue_add(&x->node->queue, &(struct gw_action){.kind = GW_ACT_INTENT, .intent = *i});
}

static void op_put(void *user, const void *key, size_t key_len, const void *value, size_t len)
{
    struct gw_lm *lm = &((struct gw_moving *)user)->node->lm;

    lm->ops->put(lm->user, key, key_len, value, len);
}

static void op_del(void *user, const void *key, size_t key_len)
{
    struct gw_lm *lm = &((struct gw_moving *)user)->node->lm;

    lm->ops->del(lm->user, key, key_len);
}

static bool op_peer(void *user, const struct gw_addr *a)
{
    return peer_of(user, a) != NULL;
}

static struct gw_mac *op_keys(void *user, const struct gw_addr *peer, size_t *n)
{
    struct gw_moving *x = user;
    struct gw_peer *p = peer_of(x, peer);

    if (p == NULL || p->cfg->nkeys == 0 || gw_peer_talk(x->node, p) == NULL)
        return NULL;
    *n = p->cfg->nkeys;
    return p->talk->mac;
}

static bool op_egress_of(void *user, const struct gw_service_key *k, const struct gw_addr *csci_id,
                         struct gw_addr *egress)
{
    const struct gw_moving *x = user;
    const struct gw_steer_instance *e = gw_table_get(&x->node->steering->steer.instances, csci_id);

    if (e == NULL || !gw_steer_same_key(&e->said.service, k))
        return false;
    *egress = e->said.egress;
    return true;
}

static void op_told(void *user, const struct gw_service_key *k, const struct gw_addr *csci_id,
                    const struct gw_addr *egress)
{
    struct gw_moving *x = user;
    int64_t s = x->node->cfg->steering.lifetime.ns / GW_SEC(1).ns;
    struct gw_cats_choice c = {.code = GW_CATS_CHOSEN,
                               .lifetime = (uint16_t)(s < UINT16_MAX ? s : UINT16_MAX),
                               .csci_id = *csci_id,
                               .egress = *egress};

    gw_steer_told(&x->node->steering->steer, k, &c);
}

static void op_taken(void *user, struct gw_client *c)
{
    gw_transferring_taken(((struct gw_moving *)user)->node, c);
}

static void op_changed(void *user, struct gw_client *c)
{
    gw_locating_changed(((struct gw_moving *)user)->node, c);
}

static void op_left(void *user, struct gw_client *c)
{
    gw_locating_left(((struct gw_moving *)user)->node, c);
}

static bool op_ask(void *user, struct gw_client *c)
{
    return gw_locating_ask(((struct gw_moving *)user)->node, c);
}

static const struct gw_handover_ops ops = {.send = op_send,
                                           .intent = op_intent,
                                           .put = op_put,
                                           .del = op_del,
                                           .peer = op_peer,
                                           .keys = op_keys,
                                           .egress_of = op_egress_of,
                                           .told = op_told,
                                           .taken = op_taken,
                                           .changed = op_changed,
                                           .left = op_left,
                                           .ask = op_ask};

/* -- life ---------------------------------------------------------------------------------------
 */

static bool is_on(const struct gw_config *c)
{
    return c->handover.on && (c->roles & GW_ROLES_STEERING) != 0;
}

int gw_moving_init(struct gw_node *n, const struct gw_config *c, uint64_t seed)
{
    struct gw_moving *x;

    if (!is_on(c))
        return 0;
    x = gw_new(n->al, sizeof *x);
    if (x == NULL)
        return GW_ENOMEM;
    n->moving = x;
    x->node = n;
    x->handover = (struct gw_handover){.cfg = c,
                                       .al = n->al,
                                       .log = n->log,
                                       .timers = &n->timers,
                                       .now = n->lm.now,
                                       .ops = &ops,
                                       .user = x};
    gw_handover_init(&x->handover, seed);
    return 0;
}

void gw_moving_free(struct gw_node *n)
{
    struct gw_moving *x = n->moving;

    if (x == NULL)
        return;
    gw_handover_free(&x->handover);
    gw_free(n->al, x, sizeof *x);
    n->moving = NULL;
}

void gw_moving_now(struct gw_node *n, struct gw_now now)
{
    if (n->moving != NULL)
        n->moving->handover.now = now;
}

int gw_moving_restore(struct gw_node *n, const struct gw_input *in)
{
    return n->moving != NULL
               ? gw_handover_restore(&n->moving->handover, in->restore.key, in->restore.key_len,
                                     in->restore.value, in->restore.value_len)
               : GW_EFORMAT;
}

void gw_moving_start(struct gw_node *n)
{
    if (n->moving != NULL)
        gw_handover_start(&n->moving->handover);
}

void gw_moving_reload(struct gw_node *n)
{
    if (n->moving == NULL)
        return;
    n->moving->handover.cfg = n->cfg;
    gw_handover_reload(&n->moving->handover);
}

/* -- what comes in ------------------------------------------------------------------------------
 */

void gw_moving_intent(struct gw_node *n, struct gw_intent *i)
{
    if (n->moving != NULL)
        gw_handover_intent(&n->moving->handover, i);
}

void gw_moving_settle(struct gw_node *n)
{
    if (n->moving != NULL && n->started)
        gw_handover_settle(&n->moving->handover);
}

int gw_moving_input(struct gw_node *n, const struct gw_input *in)
{
    struct gw_handover *h = n->moving != NULL ? &n->moving->handover : NULL;

    if (h == NULL || !n->started)
        return GW_EINVAL;
    if (in->kind == GW_IN_FLOW)
        return gw_handover_flow(h, &in->flow);
    if (in->kind == GW_IN_MARKED)
        return gw_handover_marked(h, &in->marked);
    return gw_handover_hint(h, &in->hint);
}

void gw_moving_station(struct gw_node *n, const struct gw_station_key *st, bool here)
{
    struct gw_hint hint = {.by = GW_HINT_DETACHED, .station = *st};

    if (n->moving == NULL || !n->started)
        return;
    if (here)
        gw_handover_seen(&n->moving->handover, st);
    else
        (void)gw_handover_hint(&n->moving->handover, &hint);
}

int gw_moving_message(struct gw_node *n, const struct gw_peer *p)
{
    if (n->moving == NULL) {
        n->lm.count[GW_CNT_WRONG_ROLE]++;
        return GW_EDENIED;
    }
    return gw_handover_message(&n->moving->handover, &p->cfg->addr, &n->in);
}

/* -- for people ---------------------------------------------------------------------------------
 */

void gw_moving_show(const struct gw_node *n, enum gw_show what, struct gw_emit *e)
{
    const struct gw_handover *h = n->moving != NULL ? &n->moving->handover : NULL;

    if (h == NULL)
        return;
    if (what == GW_SHOW_CLIENTS)
        gw_handover_show_clients(h, e);
    else if (what == GW_SHOW_EXPECTED)
        gw_handover_show_expected(h, e);
    else if (what == GW_SHOW_LADDER)
        gw_handover_show_ladder(h, e);
}

void gw_moving_counters(const struct gw_node *n, struct gw_emit *e)
{
    for (unsigned i = 0; n->moving != NULL && i < GW_HCNT_MAX; i++)
        gw_emit_num(e, gw_handover_count_name((enum gw_handover_count)i),
                    (int64_t)n->moving->handover.count[i]);
}
