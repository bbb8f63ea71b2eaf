/* apply.c: the operations of a schedule, and their end: what lasts a span is undone after it, and
 * all that is wrong is made right when the domain is healed.
 */
#include "cats.h"
#include "exam.h"
#include "judge.h"

#include <stdlib.h>

/* The end of what lasts a span. */
struct undo {
    struct sim_event event;
    struct undo *next;
    struct sim_op op;
};

static void reset_link(struct sim *s, size_t a, size_t b)
{
    *sim_link(s, a, b) = s->normal;
}

static bool in_part(uint32_t bits, size_t end)
{
    return end < 32 && (bits >> end & 1) != 0;
}

/* From the ends (the nodes and, behind them, the server) of one set to those of another. */
static void partition(struct sim *s, const struct sim_op *op, bool cut)
{
    for (size_t a = 0; a <= s->nnodes; a++)
        for (size_t b = 0; b <= s->nnodes; b++) {
            if (a == b || !in_part(op->node, a) || !in_part(op->other, b))
                continue;
            reset_link(s, a, b);
            sim_link(s, a, b)->cut = cut;
            if (!op->flag)
                continue;
            reset_link(s, b, a);
            sim_link(s, b, a)->cut = cut;
        }
}

/* Stations that lost their link, and did not go elsewhere meanwhile. */
static void come_back(struct sim *s, const struct sim_op *op)
{
    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        if (h->flapped != op->node)
            continue;
        h->flapped = 0;
        if (h->at == 0)
            sim_station_attach(s, h, op->node, true);
    }
}

static void undo(struct sim *s, const struct sim_op *op)
{
    struct sim_node *n = &s->node[op->kind == SIM_PART ? 0 : op->node];

    switch (op->kind) {
    case SIM_LINK:
        reset_link(s, op->other, op->node);
        reset_link(s, op->node, op->other);
        break;
    case SIM_CUT:
        reset_link(s, op->node, op->other);
        break;
    case SIM_CRASH:
        if (n->node == NULL)
            (void)sim_node_boot(s, n);
        break;
    case SIM_PAUSE:
        sim_node_pause(s, n, false);
        break;
    case SIM_DISK:
        sim_disk_full(n->disk, false);
        n->commit_ns = SIM_COMMIT;
        break;
    case SIM_FLAP:
        come_back(s, op);
        break;
    case SIM_PART:
        partition(s, op, false);
        break;
    case SIM_ATTACH:
    case SIM_LEAVE:
    case SIM_FLOW:
    case SIM_CLOCK:
    case SIM_DRIFT:
    case SIM_NOMEM:
    case SIM_REPLAY:
    case SIM_HOSTILE:
    case SIM_MODE:
    case SIM_POLICY:
    case SIM_RELOAD:
    case SIM_REVOKE:
    case SIM_ALLOW:
    case SIM_NOTIFY:
    case SIM_BURST:
    case SIM_INSTANCE:
    case SIM_OPS:
        break;
    }
}

static void unlist(struct sim *s, struct undo *u)
{
    struct undo **p = &s->undo;

    while (*p != u)
        p = &(*p)->next;
    *p = u->next;
}

static void undo_due(struct sim *s, struct sim_event *e)
{
    struct undo *u = (struct undo *)e;

    unlist(s, u);
    undo(s, &u->op);
    sim_event_free(s, &u->event);
}

static void lasting(struct sim *s, const struct sim_op *op)
{
    struct undo *u = sim_get(&s->pool, sizeof *u);

    *u = (struct undo){.event = {.fire = undo_due, .size = sizeof *u}, .next = s->undo, .op = *op};
    s->undo = u;
    sim_post(s, &u->event, s->now + op->span);
}

void sim_heal(struct sim *s)
{
    while (s->undo != NULL) {
        struct undo *u = s->undo;
        sim_cancel(s, &u->event);
        s->undo = u->next;
        undo(s, &u->op);
        sim_event_free(s, &u->event);
    }
    for (size_t i = 0; i < s->nnodes; i++) {
        s->node[i].alloc_fails = 0;
        s->node[i].clock.wall += s->now - (sim_node_now(s, &s->node[i]).wall_ns - SIM_WALL_START);
    }
    sim_admin_heal(s);
    s->healed = true;
    sim_trace(s, "healed");
}

/* -- the operations -----------------------------------------------------------------------------
 */

static void tell_detached(struct sim *s, const struct sim_station *h, size_t node)
{
    struct gw_input in = {.kind = GW_IN_DETACH,
                          .attach = {.station = {.iface = 0, .lladdr = h->lladdr},
                                     .by = GW_SEEN_NETLINK,
                                     .seen = sim_node_now(s, &s->node[node]).mono}};

    (void)sim_node_input(s, &s->node[node], &in);
}

static void leave(struct sim *s, struct sim_station *h, bool told)
{
    size_t node = h->at;

    if (node == 0)
        return;
    sim_station_leave(s, h);
    if (told)
        tell_detached(s, h, node);
}

void sim_farewell(struct sim *s, struct sim_station *h)
{
    if (h->at != 0)
        sim_station_leave(s, h);
    for (size_t i = 1; i < s->nnodes; i++) /* also where it left in silence before */
        if (h->index % 2 == 0 || !sim_shown(&s->node[i], h))
            tell_detached(s, h, i);
}

static void attach(struct sim *s, struct sim_station *h, const struct sim_op *op)
{
    if (h->at == op->node)
        return;
    s->tally.moves += h->at != 0;
    leave(s, h, op->more != 0);
    h->flapped = 0;
    sim_station_attach(s, h, op->node, op->flag);
}

static void flow(struct sim *s, struct sim_station *h, const struct sim_op *op)
{
    const struct sim_haddr *a = sim_station_newest(s, h);

    if (a != NULL)
        sim_flow_start(s, sim_flow_new(s, h, &a->addr, op->other != 0 ? op->other : s->nnodes,
                                       op->amount * 1000, op->span));
}

static void impair(struct sim *s, const struct sim_op *op)
{
    struct sim_link *one = sim_link(s, op->node, op->other),
                    *two = sim_link(s, op->other, op->node);

    one->loss = two->loss = (uint32_t)op->amount;
    one->dup = two->dup = one->reorder = two->reorder = op->more;
    one->rate = two->rate = op->rate;
    one->mtu = two->mtu = op->mtu != 0 ? op->mtu : SIM_MTU;
    lasting(s, op);
}

static void replay(struct sim *s, const struct sim_op *op, bool change)
{
    size_t n = sizeof s->seen / sizeof *s->seen;
    uint64_t x = (uint64_t)op->more * 0x9e3779b97f4a7c15u;

    if (s->nseen == 0)
        return;
    const struct sim_seen *was = &s->seen[(uint64_t)op->amount % (s->nseen < n ? s->nseen : n)];
    struct sim_seen m = *was;
    if (change) /* but not in the padding behind the MAC */
        m.data[x % (m.len - 7)] ^= (uint8_t)(1u << (x >> 32 & 7));
    if (change && (x >> 40 & 1) != 0) /* then nothing but its MAC tells */
        sim_seal(&m);
    sim_judge_message(s, &s->node[m.to], &m.addrs, m.data, m.len,
                      memcmp(m.data, was->data, m.len) != 0);
}

static void crash(struct sim *s, struct sim_node *n, const struct sim_op *op)
{
    /* From when its disk is full until the store has tried again a node speaks of what a crash
     * would make it forget (doc/daemon.md): both at once are more than it promises to survive. */
    if (n->node == NULL || sim_disk_is_full(n->disk) || gw_store_retry(n->store).ns != GW_NEVER.ns)
        return;
    /* What is not on the disk yet is lost with the machine: prefixes are given twice then. */
    bool power = op->flag && n->cfg[n->cfg_now].daemon.durability == GW_DURABLE_EACH;
    sim_trace(s, "%s %s", n->name, power ? "loses power" : "is killed");
    sim_node_crash(s, n, power);
    lasting(s, op);
}

static void disk(struct sim *s, struct sim_node *n, const struct sim_op *op)
{
    sim_disk_full(n->disk, op->flag);
    if (!op->flag)
        n->commit_ns = op->amount * 1000;
    lasting(s, op);
}

static void flap(struct sim *s, struct sim_node *n, const struct sim_op *op)
{
    struct gw_input in = {.kind = GW_IN_LINK_DOWN, .link = {.iface = 0}};

    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        if (h->at != op->node)
            continue;
        sim_station_leave(s, h);
        h->flapped = op->node;
    }
    sim_node_input(s, n, &in);
    lasting(s, op);
}

static bool known(const struct sim *s, const struct sim_op *op)
{
    if (op->kind == SIM_PART)
        return true;
    return (op->mn < s->nstations || (s->cats != NULL && op->mn == 0)) && op->node < s->nnodes &&
           op->other < s->nnodes &&
           ((op->kind != SIM_ATTACH && op->kind != SIM_FLAP) ||
            (s->node[op->node].roles & GW_ROLES_ACCESS) != 0);
}

static void apply(struct sim *s, const struct sim_op *op)
{
    struct sim_station *h = &s->station[op->mn];
    struct sim_node *n = &s->node[op->kind == SIM_PART ? 0 : op->node];

    switch (op->kind) {
    case SIM_ATTACH:
        attach(s, h, op);
        break;
    case SIM_LEAVE:
        h->flapped = 0;
        leave(s, h, op->flag);
        break;
    case SIM_FLOW:
        flow(s, h, op);
        break;
    case SIM_CRASH:
        crash(s, n, op);
        break;
    case SIM_PAUSE:
        sim_node_pause(s, n, true);
        lasting(s, op);
        break;
    case SIM_LINK:
        impair(s, op);
        break;
    case SIM_CUT:
        sim_link(s, op->node, op->other)->cut = true;
        lasting(s, op);
        break;
    case SIM_CLOCK:
        sim_node_step_clock(n, op->amount * SIM_MS);
        break;
    case SIM_DRIFT:
        sim_node_drift(s, n, op->amount);
        break;
    case SIM_NOMEM:
        n->alloc_fails = (uint32_t)op->amount;
        break;
    case SIM_DISK:
        disk(s, n, op);
        break;
    case SIM_REPLAY:
    case SIM_HOSTILE:
        replay(s, op, op->kind == SIM_HOSTILE);
        break;
    case SIM_MODE:
    case SIM_POLICY:
    case SIM_RELOAD:
        sim_admin(s, op);
        break;
    case SIM_REVOKE:
    case SIM_ALLOW:
    case SIM_NOTIFY:
        sim_node_operate(s, n, op);
        break;
    case SIM_FLAP:
        flap(s, n, op);
        break;
    case SIM_PART:
        partition(s, op, true);
        lasting(s, op);
        break;
    case SIM_BURST: /* only of CATS */
    case SIM_INSTANCE:
    case SIM_OPS:
        break;
    }
}

void sim_apply(struct sim *s, const struct sim_op *op)
{
    if (s->cats != NULL && sim_cats_apply(s, op))
        return;
    if (known(s, op)) /* else the domain is shorter than the one the schedule was written for */
        apply(s, op);
}
