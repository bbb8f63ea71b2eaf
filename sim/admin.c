/* admin.c: what operators do: they reload configurations, revoke and notify, and in the end let
 * everybody in again and set right what the faults have left wrong for good.
 */
#include "sim.h"

#define CLOCK_OFF (100 * SIM_MS)

static void set(struct sim_settings *set, const struct sim_op *op)
{
    int64_t v = op->amount;

    switch (op->setting) {
    case SIM_SET_MODE:
        set->mode = (enum gw_cmd_mode)(v % 3);
        break;
    case SIM_SET_EVICT:
        set->evict = v != 0 ? GW_EVICT_IDLE : GW_EVICT_OLDEST;
        break;
    case SIM_SET_PREVIOUS:
        set->previous = (uint32_t)(1 + v % GW_LM_PREVIOUS_MAX);
        break;
    case SIM_SET_IDLE:
        set->idle = v * SIM_MS;
        break;
    case SIM_SET_DEREG:
        set->dereg = v != 0 ? GW_DEREG_ASK : GW_DEREG_STOP_TIMER;
        break;
    case SIM_SET_DURABILITY:
        set->durability = (enum gw_durability)(v % 3);
        break;
    case SIM_SET_RELAY:
        set->relay = v * SIM_MS;
        break;
    case SIM_SET_LOCALS:
        set->locals = v != 0;
        break;
    case SIM_SET_STEERING:
        set->steering = (unsigned)(v % GW_STEER_POLICY_COUNT);
        break;
    case SIM_SETTINGS:
        break;
    }
}

static void reload_all(struct sim *s)
{
    for (size_t i = 0; i < s->nnodes; i++)
        sim_node_reload(s, &s->node[i]);
}

/* What this domain can do for a mobile node. */
static unsigned possible(const struct sim *s, unsigned anchoring)
{
    unsigned a = 0;

    if (s->cmd != NULL)
        a |= (unsigned)(GW_ANCHORING_HERE | GW_ANCHORING_NONE);
    if (s->lma != NULL)
        a |= GW_ANCHORING_LMA;
    a &= anchoring;
    return (a & GW_ANCHORING_NONE) != 0 ? a & ~(unsigned)GW_ANCHORING_HERE : a;
}

void sim_admin(struct sim *s, const struct sim_op *op)
{
    if (op->kind == SIM_MODE) {
        s->set.mode = (enum gw_cmd_mode)(op->amount % 3);
        sim_node_reload(s, &s->node[0]);
    } else if (op->kind == SIM_POLICY) {
        s->station[op->mn].anchoring = possible(s, (unsigned)op->amount);
        s->station[op->mn].own_policy = s->policies = true;
        reload_all(s);
    } else {
        set(&s->set, op);
        reload_all(s);
    }
}

void sim_operate(struct sim *s, struct sim_node *n, const struct sim_op *op)
{
    struct gw_mnid id = sim_mnid(&s->station[op->mn]);
    struct gw_operate o = {.kind = op->kind == SIM_REVOKE   ? GW_OPERATE_REVOKE
                                   : op->kind == SIM_NOTIFY ? GW_OPERATE_NOTIFY
                                                            : GW_OPERATE_ALLOW,
                           .hold = {op->amount * SIM_MS}};
    uint64_t number;

    if (op->flag)
        o.peer = &s->node[op->other].cfg[0].addr;
    else
        o.mnid = &id;
    if (op->kind == SIM_REVOKE)
        sim_ledger_revoked(s, n, o.mnid);
    int err = gw_node_operate(n->node, &o, sim_node_now(s, n), &number);
    sim_trace(s, "%s: operation %d on %s%u: %s", n->name, (int)op->kind, op->flag ? "node " : "mn",
              op->flag ? op->other : op->mn, err == 0 ? "begun" : gw_err_name(err));
}

/* Whoever is kept out is let in. */
static void let_in(struct sim *s, struct sim_node *n)
{
    for (size_t i = 0; n != NULL && n->node != NULL && i < s->nstations; i++) {
        struct gw_mnid id = sim_mnid(&s->station[i]);
        if (gw_hold_has(&n->node->operations.holds, &id))
            sim_node_operate(s, n, &(struct sim_op){.kind = SIM_ALLOW, .mn = (uint32_t)i});
    }
}

/* A node tells the clock that its machine had when it started, and the Timestamps of a MAG are not
 * corrected (RFC 5213 §6.9.1.2 (9)): with a clock that was wrong then it is started again. */
static void restart(struct sim *s, struct sim_node *n)
{
    struct gw_store_why why;

    if (n->node == NULL || (n->roles & (unsigned)(GW_ROLE_LMA | GW_ROLE_MAG)) == 0)
        return;
    int64_t ahead = sim_node_now(s, n).mono.ns + n->node->wall_ns - SIM_WALL_START - s->now;
    if (ahead < CLOCK_OFF && ahead > -CLOCK_OFF)
        return;
    sim_trace(s, "%s is restarted: its clock was wrong", n->name);
    (void)gw_store_commit(n->store, GW_NEVER, &why); /* as a daemon that is stopped */
    sim_node_crash(s, n, false);
    (void)sim_node_boot(s, n);
}

void sim_admin_heal(struct sim *s)
{
    for (size_t i = 0; i < s->nnodes; i++)
        restart(s, &s->node[i]);
    for (size_t i = 0; i < s->nnodes; i++)
        if (s->node[i].stale)
            sim_node_reload(s, &s->node[i]);
    let_in(s, s->cmd);
    let_in(s, s->lma);
}
