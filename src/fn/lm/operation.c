/* operation.c: operations begin, their orders end, their results are kept. Going through the
 * bindings that a peer shares is in operation_walk.c, what survives a crash in operation_store.c,
 * showing in operation_show.c.
 */
#include "fn/lm/operation.h"

#include "base/text.h"

#define REPEATS_WITHIN GW_SEC(30) /* a peer repeats a message */

static struct gw_operation *get(struct gw_operations *os, uint64_t number)
{
    struct gw_operation *op = &os->op[number % GW_OPERATIONS];

    return op->number == number && op->running ? op : NULL;
}

struct gw_operation *gw_operation_begin(struct gw_operations *os, enum gw_operation_kind kind)
{
    struct gw_operation *op = &os->op[(os->last + 1) % GW_OPERATIONS];

    if (op->running) {
        os->lm->count[GW_CNT_LIMIT_OPERATIONS]++;
        return NULL;
    }
    *op = (struct gw_operation){
        .all = os, .number = ++os->last, .kind = kind, .running = true, .began = os->lm->now.mono};
    return op;
}

void gw_operation_cancel(struct gw_operation *op)
{
    op->running = false;
    op->number = 0;
}

static void keep_name(struct gw_operation *op, const struct gw_mnid *mn)
{
    op->mn_subtype = mn->subtype;
    op->mn_len = mn->len;
    memcpy(op->mn, mn->id, mn->len);
}

static struct gw_operation_peer *row(struct gw_operation *op, const struct gw_addr *peer)
{
    for (size_t i = 0; i < op->npeers; i++)
        if (gw_addr_eq(&op->peers[i].addr, peer))
            return &op->peers[i];
    if (op->npeers == GW_OPERATION_PEERS)
        return NULL;
    op->peers[op->npeers].addr = *peer;
    return &op->peers[op->npeers++];
}

/* What it means for the bindings: is the mobile node gone from that peer? */
static void apply(struct gw_operation *op, const struct gw_order *o, bool gone, bool answered)
{
    struct gw_operations *os = op->all;

    switch (op->kind) {
    case GW_OP_REVOKE_NODE:
        if (o->ask.as == GW_ROLE_CMD)
            gw_cmd_revoked(os->cmd, o->ask.mn, &o->ask.to, gone);
        else
            gw_lma_revoked(os->lma, o->ask.mn, &o->ask.to, gone);
        break;
    case GW_OP_REVOKE_PEER:
        if (!o->ask.global)
            break;
        op->refused = answered && !gone && (o->ask.as == GW_ROLE_MAAR || o->ask.as == GW_ROLE_MAG);
        if (!op->refused) /* else it is not this node's to end (§9.2) */
            gw_operation_walk(op, gone);
        break;
    case GW_OP_NOTIFY_NODE:
    case GW_OP_NOTIFY_PEER:
    case GW_OP_OBEY:
        break;
    }
}

static void log_end(struct gw_lm *lm, const struct gw_order *o, enum gw_order_end end,
                    uint8_t status)
{
    const struct gw_cfg_peer *peer = lm->ops->peer(lm->user, &o->ask.to);
    bool revoke = o->ask.kind == GW_ORDER_REVOKE;
    const char *name = peer != NULL ? peer->name : "a former peer";

    if (end == GW_ORDER_ANSWERED)
        gw_log(lm->log, GW_LOG_WARN, GW_CAT_LM, revoke ? "revocation-refused" : "update-refused",
               "%s says %s (%u)", name,
               revoke ? gw_mh_bra_status_name(status) : gw_mh_upa_status_name(status), status);
    else if (end != GW_ORDER_OVERTAKEN)
        gw_log(lm->log, GW_LOG_WARN, GW_CAT_LM,
               revoke ? "revocation-unanswered" : "update-unanswered", "%s %s", name,
               end == GW_ORDER_SILENT ? "does not answer" : "does not know the message");
}

static void over(void *user, const struct gw_order *o, enum gw_order_end end, uint8_t status)
{
    struct gw_operations *os = user;
    struct gw_operation *op = get(os, o->ask.operation);
    bool answered = end == GW_ORDER_ANSWERED, done = answered && status < 128;
    /* Who never had it (any more) is as good as one who has let go. */
    bool gone = done || (answered && o->ask.kind == GW_ORDER_REVOKE && status == GW_BRA_NO_BINDING);

    if (!done)
        log_end(os->lm, o, end, status);
    if (op == NULL)
        return;
    struct gw_operation_peer *p = row(op, &o->ask.to);
    op->waiting--;
    op->done += gone;
    op->failed += !gone;
    if (p != NULL) {
        p->done += gone;
        p->failed += !gone;
        p->end = end;
        p->status = status;
    }
    apply(op, o, gone, answered);
    gw_operation_settle(op);
}

bool gw_operation_order(struct gw_operation *op, const struct gw_order_ask *ask)
{
    struct gw_order_ask a = *ask;
    struct gw_operation_peer *p = row(op, &ask->to);

    a.operation = op->number;
    op->asked++;
    if (p != NULL)
        p->asked++;
    if (gw_orders_give(&op->all->orders, &a) == 0) {
        op->waiting++;
        return true;
    }
    op->failed++;
    if (p != NULL) {
        p->failed++;
        p->end = GW_ORDER_SILENT;
    }
    return false;
}

void gw_operation_settle(struct gw_operation *op)
{
    struct gw_lm *lm = op->all->lm;

    if (!op->running || op->waiting != 0 || op->walk.on)
        return;
    op->running = false;
    op->ended = lm->now.mono;
    if (op->kind == GW_OP_REVOKE_PEER)
        gw_operation_del(op);
    gw_log(lm->log, GW_LOG_NOTICE, GW_CAT_LM, "operation-done",
           "%s (%llu): %u bindings, %u of %u answered", gw_operation_name(op->kind),
           (unsigned long long)op->number, op->nodes, op->done, op->asked);
    if (op->kind == GW_OP_OBEY && op->failed == 0) /* else it comes again */
        gw_revocation_answer(lm, op->as, &op->peer, &op->owed, GW_BRA_SUCCESS, NULL);
}

void gw_operations_init(struct gw_operations *os, struct gw_lm *lm, uint64_t seed)
{
    os->lm = lm;
    gw_orders_init(&os->orders, lm, seed);
    os->orders.done = over;
    os->orders.user = os;
    gw_holds_init(&os->holds, lm, seed ^ 1);
    lm->orders = &os->orders;
    lm->holds = &os->holds;
}

void gw_operations_free(struct gw_operations *os)
{
    if (os->lm == NULL)
        return;
    gw_orders_free(&os->orders);
    gw_holds_free(&os->holds);
    for (size_t i = 0; i < GW_OPERATIONS; i++)
        gw_timer_stop(os->lm->timers, &os->op[i].walk.timer);
}

/* What is to be told to each MAAR of a session, before it ends: the serving one has all prefixes,
 * the others theirs. */
struct held {
    struct gw_addr serving;
    uint64_t attached;
    size_t n;
    struct gw_addr maar[GW_LM_ANCHORS_MAX];
    struct gw_prefix prefix[GW_LM_ANCHORS_MAX];
};

static void look_up(const struct gw_binding *b, struct held *h)
{
    h->serving = b->serving;
    h->attached = b->attached;
    h->n = 0;
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        if (a->state == GW_ANCHOR_RELEASING || h->n == GW_LM_ANCHORS_MAX)
            continue;
        h->maar[h->n] = a->maar;
        h->prefix[h->n++] = a->prefix;
    }
}

static void order_maar(struct gw_operation *op, const struct gw_mnid *mn, const struct gw_addr *to,
                       const struct held *h, const struct gw_prefix *p, size_t np)
{
    struct gw_order_ask ask = {.kind = GW_ORDER_REVOKE,
                               .as = GW_ROLE_CMD,
                               .to = *to,
                               .session = true,
                               .trigger = GW_BR_ADMINISTRATIVE,
                               .mn = mn,
                               .p = p,
                               .np = np,
                               .timestamp = h->attached};

    if (!gw_operation_order(op, &ask))
        gw_cmd_revoked(op->all->cmd, mn, to, false);
}

/* Those that are not asked are told once they are due (gw_cmd_arm). */
static void revoke_at_cmd(struct gw_operation *op, struct gw_cmd_mn *mn, const struct gw_mnid *id)
{
    struct held h;

    look_up(&mn->b, &h);
    gw_cmd_revoke(mn);
    op->nodes++;
    if (!gw_addr_is_zero(&h.serving))
        order_maar(op, id, &h.serving, &h, h.prefix, h.n);
    for (size_t i = 0; i < h.n; i++)
        if (!gw_addr_eq(&h.maar[i], &h.serving))
            order_maar(op, id, &h.maar[i], &h, &h.prefix[i], 1);
}

static void revoke_at_lma(struct gw_operation *op, struct gw_binding *first,
                          const struct gw_mnid *id)
{
    for (struct gw_binding *b = first; b != NULL; b = b->next) {
        struct held h;
        if (gw_lma_session(b)->leaving)
            continue;
        look_up(b, &h);
        gw_lma_revoke(gw_lma_session(b));
        op->nodes++;
        struct gw_order_ask ask = {.kind = GW_ORDER_REVOKE,
                                   .as = GW_ROLE_LMA,
                                   .to = h.serving,
                                   .session = true,
                                   .trigger = GW_BR_ADMINISTRATIVE,
                                   .mn = id,
                                   .p = h.prefix,
                                   .np = h.n};
        if (!gw_operation_order(op, &ask))
            gw_lma_revoked(op->all->lma, id, &h.serving, false);
    }
}

static struct gw_cmd_mn *at_cmd(const struct gw_operations *os, const struct gw_mnid *mn)
{
    struct gw_binding *b = gw_binding_get(&os->cmd->bs, mn);

    return b != NULL && gw_cmd_has_session(gw_cmd_mn(b)) ? gw_cmd_mn(b) : NULL;
}

static struct gw_binding *at_lma(const struct gw_operations *os, const struct gw_mnid *mn)
{
    struct gw_binding *first = gw_binding_get(&os->lma->bs, mn);

    for (struct gw_binding *b = first; b != NULL; b = b->next)
        if (!gw_lma_session(b)->leaving)
            return first;
    return NULL;
}

int gw_operation_revoke(struct gw_operations *os, const struct gw_mnid *mn, struct gw_time hold,
                        uint64_t *number)
{
    struct gw_cmd_mn *cmd = at_cmd(os, mn);
    struct gw_binding *lma = at_lma(os, mn);

    if ((os->lm->cfg->roles & (GW_ROLE_CMD | GW_ROLE_LMA)) == 0)
        return GW_EDENIED; /* a MAAR and a MAG de-register a mobile node */
    if (cmd == NULL && lma == NULL)
        return GW_ENOENT;
    struct gw_operation *op = gw_operation_begin(os, GW_OP_REVOKE_NODE);
    if (op == NULL)
        return GW_EFULL;
    keep_name(op, mn);
    struct gw_mnid id = {.subtype = op->mn_subtype, .len = op->mn_len, .id = op->mn};
    int err = hold.ns != 0 ? gw_hold_set(&os->holds, &id, hold) : 0;
    if (err != 0) {
        gw_operation_cancel(op);
        return err;
    }
    if (cmd != NULL)
        revoke_at_cmd(op, cmd, &id);
    if (lma != NULL)
        revoke_at_lma(op, lma, &id);
    *number = op->number;
    gw_operation_settle(op);
    return 0;
}

/* In which role this node shares bindings with a peer; 0: in none. */
static enum gw_role towards(const struct gw_operations *os, const struct gw_cfg_peer *p)
{
    const struct gw_config *cfg = os->lm->cfg;

    if ((cfg->roles & GW_ROLE_CMD) != 0 && (p->roles & GW_ROLE_MAAR) != 0)
        return GW_ROLE_CMD;
    if ((cfg->roles & GW_ROLE_LMA) != 0 && (p->roles & GW_ROLE_MAG) != 0)
        return GW_ROLE_LMA;
    if ((cfg->roles & GW_ROLE_MAAR) != 0 && gw_addr_eq(&p->addr, &cfg->cmd))
        return GW_ROLE_MAAR;
    return (cfg->roles & GW_ROLE_MAG) != 0 && (p->roles & GW_ROLE_LMA) != 0 ? GW_ROLE_MAG
                                                                            : (enum gw_role)0;
}

static bool is_central(enum gw_role as)
{
    return as == GW_ROLE_CMD || as == GW_ROLE_LMA;
}

int gw_operation_ask_peer(struct gw_operation *op)
{
    struct gw_operations *os = op->all;
    struct gw_lm *lm = os->lm;
    const struct gw_cfg_peer *peer = lm->ops->peer(lm->user, &op->peer);
    enum gw_role as = peer != NULL ? towards(os, peer) : (enum gw_role)0;
    const char *name = lm->cfg->name; /* a MAG says who it is (§9.2) */
    struct gw_mnid me = {
        .subtype = GW_MNID_NAI, .len = (uint8_t)strlen(name), .id = (const uint8_t *)name};
    struct gw_order_ask ask = {.kind = GW_ORDER_REVOKE,
                               .as = as,
                               .to = op->peer,
                               .global = true,
                               .trigger = GW_BR_PER_PEER,
                               .mn = is_central(as) ? NULL : &me};

    if (as == 0)
        return GW_EDENIED;
    if (gw_operation_order(op, &ask))
        return 0;
    return gw_orders_room(&os->orders, 1) ? GW_ENOMEM : GW_EFULL;
}

int gw_operation_revoke_peer(struct gw_operations *os, const struct gw_cfg_peer *peer,
                             struct gw_time hold, uint64_t *number)
{
    enum gw_role as = towards(os, peer);

    if (as == 0)
        return GW_EDENIED;
    struct gw_operation *op = gw_operation_begin(os, GW_OP_REVOKE_PEER);
    if (op == NULL)
        return GW_EFULL;
    op->peer = peer->addr;
    op->hold = is_central(as) ? hold : (struct gw_time){0};
    *number = op->number;
    gw_operation_put(op);
    int err = gw_operation_ask_peer(op);
    if (err != 0) { /* the peer would go on with what had ended here */
        gw_operation_del(op);
        gw_operation_cancel(op);
    }
    return err;
}

static void notify(struct gw_operation *op, enum gw_role as, const struct gw_addr *to,
                   const struct gw_mnid *mn)
{
    struct gw_order_ask ask = {
        .kind = GW_ORDER_NOTIFY, .as = as, .to = *to, .global = mn == NULL, .mn = mn};

    if (gw_operation_order(op, &ask))
        op->nodes += mn != NULL;
}

int gw_operation_notify(struct gw_operations *os, const struct gw_mnid *mn, uint64_t *number)
{
    struct gw_cmd_mn *cmd = at_cmd(os, mn);
    struct gw_binding *lma = at_lma(os, mn);

    if ((os->lm->cfg->roles & (GW_ROLE_CMD | GW_ROLE_LMA)) == 0)
        return GW_EDENIED;
    if ((cmd == NULL || gw_addr_is_zero(&cmd->b.serving)) && lma == NULL)
        return GW_ENOENT;
    struct gw_operation *op = gw_operation_begin(os, GW_OP_NOTIFY_NODE);
    if (op == NULL)
        return GW_EFULL;
    keep_name(op, mn);
    if (cmd != NULL && !gw_addr_is_zero(&cmd->b.serving))
        notify(op, GW_ROLE_CMD, &cmd->b.serving, mn);
    for (struct gw_binding *b = lma; b != NULL; b = b->next)
        if (!gw_lma_session(b)->leaving)
            notify(op, GW_ROLE_LMA, &b->serving, mn);
    *number = op->number;
    gw_operation_settle(op);
    return 0;
}

int gw_operation_notify_peer(struct gw_operations *os, const struct gw_cfg_peer *peer,
                             uint64_t *number)
{
    enum gw_role as = towards(os, peer);

    if (as != GW_ROLE_CMD && as != GW_ROLE_LMA)
        return GW_EDENIED;
    struct gw_operation *op = gw_operation_begin(os, GW_OP_NOTIFY_PEER);
    if (op == NULL)
        return GW_EFULL;
    op->peer = peer->addr;
    notify(op, as, &peer->addr, NULL);
    *number = op->number;
    gw_operation_settle(op);
    return 0;
}

static bool same_name(const struct gw_operation *op, const struct gw_revocation *r)
{
    struct gw_mnid realm = {.subtype = op->mn_subtype, .len = op->mn_len, .id = op->mn};

    return r->trigger != GW_BR_LOCAL_POLICY || gw_mnid_eq(&realm, r->mn);
}

/* Is this message, or any while that is so, being obeyed? Or has this one just been: its answer was
 * lost. */
static const struct gw_operation *obeyed(const struct gw_operations *os,
                                         const struct gw_cfg_peer *peer,
                                         const struct gw_revocation *r)
{
    for (size_t i = 0; i < GW_OPERATIONS; i++) {
        const struct gw_operation *op = &os->op[i];
        if (op->kind != GW_OP_OBEY || op->number == 0 || !gw_addr_eq(&op->peer, &peer->addr))
            continue;
        if (op->running)
            return op;
        if (op->failed == 0 && op->owed.seq == r->mh->br.seq && op->owed.code == r->mh->br.code &&
            same_name(op, r) &&
            gw_time_before(os->lm->now.mono, gw_time_add(op->ended, REPEATS_WITHIN)))
            return op;
    }
    return NULL;
}

int gw_operation_obey(struct gw_operations *os, const struct gw_cfg_peer *peer, enum gw_role as,
                      const struct gw_revocation *r)
{
    const struct gw_operation *before = obeyed(os, peer, r);
    if (before != NULL && !before->running)
        gw_revocation_answer(os->lm, as, &peer->addr, &before->owed, GW_BRA_SUCCESS, NULL);
    if (before != NULL)
        return 0;
    struct gw_operation *op = gw_operation_begin(os, GW_OP_OBEY);
    if (op == NULL)
        return GW_EFULL;
    op->peer = peer->addr;
    op->as = as;
    op->owed = r->mh->br;
    if (r->trigger == GW_BR_LOCAL_POLICY)
        keep_name(op, r->mn);
    gw_operation_walk(op, true);
    return op->failed == 0 ? 0 : GW_ENOMEM;
}
