/* operation_walk.c: an operation on all that this node shares with a peer goes through its
 * bindings, one in each turn of the timer, so that a hundred thousand of them hold up nobody. What
 * changes meanwhile is met in a second pass; what begins meanwhile is not meant.
 */
#include "fn/lm/operation.h"

#define PASSES    2
#define LOOK_MOST 256         /* bindings that are not meant, in one turn */
#define STUCK     GW_MSEC(50) /* until there is room for another order */

enum visit { PASSED, CHANGED, NO_ROOM };

static const struct gw_table *table_of(const struct gw_operations *os, enum gw_op_table t)
{
    switch (t) {
    case GW_OP_CMD:
        return &os->cmd->bs.by_mnid;
    case GW_OP_LMA:
        return &os->lma->bs.by_mnid;
    case GW_OP_MAAR:
        return &os->maar->bs.by_mnid;
    case GW_OP_MAG:
        return &os->mag->bs.by_mnid;
    case GW_OP_TABLES:
        break;
    }
    return NULL;
}

static void hold(const struct gw_operation *op, const struct gw_mnid *mn)
{
    if (op->hold.ns != 0)
        (void)gw_hold_set(&op->all->holds, mn, op->hold); /* counted when it cannot */
}

/* The serving MAAR of a node loses the prefix that the peer has anchored for it. */
static void tell_serving(struct gw_operation *op, const struct gw_cmd_mn *mn,
                         const struct gw_prefix *lost)
{
    struct gw_order_ask ask = {.kind = GW_ORDER_REVOKE,
                               .as = GW_ROLE_CMD,
                               .to = mn->b.serving,
                               .trigger = GW_BR_ADMINISTRATIVE,
                               .mn = &mn->b.mnid,
                               .p = lost,
                               .np = 1};

    (void)gw_operation_order(op, &ask); /* else its next refresh tells it */
}

static enum visit visit_cmd(struct gw_operation *op, struct gw_cmd_mn *mn)
{
    struct gw_operations *os = op->all;
    bool served = gw_addr_eq(&mn->b.serving, &op->peer);
    struct gw_prefix lost;

    if (!served && gw_anchor_of(&mn->b, &op->peer) == NULL)
        return PASSED;
    if (gw_binding_since(&mn->b, op->walk.newest) || (served && mn->b.attached > op->walk.stamp))
        return PASSED;
    if (!gw_orders_room(&os->orders, 1) || !gw_lm_room(os->lm, 1 + gw_cmd_notices(mn, &op->peer)))
        return NO_ROOM;
    if (served)
        hold(op, &mn->b.mnid);
    if (gw_cmd_expel(mn, &op->peer, op->walk.gone, op->began, &lost) == GW_CMD_LOST_ONE &&
        !gw_addr_is_zero(&mn->b.serving))
        tell_serving(op, mn, &lost);
    return CHANGED;
}

static bool meant(const struct gw_operation *op, const struct gw_binding *b)
{
    struct gw_mnid realm = {.subtype = op->mn_subtype, .len = op->mn_len, .id = op->mn};

    return realm.len == 0 || gw_revocation_realm(&realm, &b->mnid);
}

/* All interfaces of the mobile node. */
static bool expel_mag(const struct gw_operation *op, struct gw_binding *b)
{
    bool any = false;

    for (struct gw_binding *next; b != NULL; b = next) {
        next = b->next;
        any |= gw_addr_eq(&gw_mag_mn(b)->lma, &op->peer) && !gw_binding_since(b, op->walk.newest) &&
               gw_mag_expel(gw_mag_mn(b));
    }
    return any;
}

static enum visit visit(struct gw_operation *op, struct gw_binding *b)
{
    bool changed = false;

    if (!meant(op, b))
        return PASSED;
    switch (op->walk.table) {
    case GW_OP_CMD:
        return visit_cmd(op, gw_cmd_mn(b));
    case GW_OP_LMA:
        changed = gw_lma_expel(b, &op->peer, op->walk.newest, op->walk.gone);
        if (changed)
            hold(op, &b->mnid);
        break;
    case GW_OP_MAAR:
        changed = !gw_binding_since(b, op->walk.newest) && gw_maar_expel(gw_maar_mn(b));
        break;
    case GW_OP_MAG:
        changed = expel_mag(op, b);
        break;
    case GW_OP_TABLES:
        break;
    }
    return changed ? CHANGED : PASSED;
}

/* The next table, or pass; false: that was all. */
static bool go_on(struct gw_operation *op)
{
    op->walk.at = 0;
    do
        op->walk.table++;
    while (op->walk.table < GW_OP_TABLES && (op->walk.tables & 1u << op->walk.table) == 0);
    if (op->walk.table < GW_OP_TABLES)
        return true;
    if (!op->walk.changed || ++op->walk.pass == PASSES)
        return false;
    op->walk.changed = false;
    op->walk.table = GW_OP_CMD;
    if ((op->walk.tables & 1u << GW_OP_CMD) == 0)
        return go_on(op);
    return true;
}

static void step(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_operation *op = t->owner;
    struct gw_lm *lm = op->all->lm;
    enum visit v = PASSED;

    for (unsigned n = 0; n < LOOK_MOST && v == PASSED && op->walk.on; n++) {
        size_t before = op->walk.at;
        struct gw_binding *b = gw_table_next(table_of(op->all, op->walk.table), &op->walk.at);
        if (b == NULL) {
            op->walk.on = go_on(op);
            continue;
        }
        v = visit(op, b);
        op->nodes += v == CHANGED;
        op->walk.changed |= v == CHANGED;
        if (v == NO_ROOM)
            op->walk.at = before;
    }
    struct gw_time wait = v == NO_ROOM ? STUCK : (struct gw_time){0};
    if (op->walk.on) /* setting a timer that has just fired needs no memory */
        (void)gw_timer_set(lm->timers, t, gw_time_add(lm->now.mono, wait));
    else
        gw_operation_settle(op);
}

/* Which bindings this node shares with the peer. */
static unsigned tables(const struct gw_operations *os, const struct gw_addr *peer)
{
    struct gw_lm *lm = os->lm;
    const struct gw_cfg_peer *p = lm->ops->peer(lm->user, peer);
    unsigned mine = lm->cfg->roles, theirs = p != NULL ? p->roles : 0, n = 0;

    n |= (mine & GW_ROLE_CMD) != 0 && (theirs & GW_ROLE_MAAR) != 0 ? 1u << GW_OP_CMD : 0;
    n |= (mine & GW_ROLE_LMA) != 0 && (theirs & GW_ROLE_MAG) != 0 ? 1u << GW_OP_LMA : 0;
    n |= (mine & GW_ROLE_MAAR) != 0 && gw_addr_eq(peer, &lm->cfg->cmd) ? 1u << GW_OP_MAAR : 0;
    n |= (mine & GW_ROLE_MAG) != 0 && (theirs & GW_ROLE_LMA) != 0 ? 1u << GW_OP_MAG : 0;
    return n;
}

void gw_operation_walk(struct gw_operation *op, bool gone)
{
    struct gw_lm *lm = op->all->lm;

    op->walk.gone = gone;
    op->walk.tables = tables(op->all, &op->peer);
    if (op->kind == GW_OP_OBEY) /* on the side that it was told on */
        op->walk.tables &= op->as == GW_ROLE_CMD || op->as == GW_ROLE_LMA
                               ? 1u << GW_OP_CMD | 1u << GW_OP_LMA
                               : 1u << GW_OP_MAAR | 1u << GW_OP_MAG;
    op->walk.newest = lm->bindings_made;
    op->walk.stamp = gw_lm_timestamp(lm->now.wall_ns);
    op->walk.pass = 0;
    op->walk.at = 0;
    op->walk.table = GW_OP_CMD;
    op->walk.on = (op->walk.tables & 1u << GW_OP_CMD) != 0 || go_on(op);
    op->walk.timer.fire = step;
    op->walk.timer.owner = op;
    if (op->walk.on && gw_timer_set(lm->timers, &op->walk.timer, lm->now.mono) != 0) {
        lm->count[GW_CNT_NO_MEMORY]++;
        op->walk.on = false;
        op->failed++;
    }
    gw_operation_settle(op);
}
