/* draw.c: a schedule from a seed: what the domain is, what its mobile nodes and its operators do,
 * and what goes wrong meanwhile. All that is drawn ends up in the schedule; nothing is drawn twice.
 */
#include "cats.h"

/* Packets that mobile nodes are to send at least, so that there is something to judge. */
#define PACKETS 4500

struct draw {
    struct gw_prng r;
    struct sim_schedule *s;
    uint64_t packets; /* planned */
};

static uint64_t below(struct draw *d, uint64_t n)
{
    return gw_prng_below(&d->r, n);
}

static int64_t between(struct draw *d, int64_t low, int64_t high)
{
    return low + (int64_t)below(d, (uint64_t)(high - low));
}

static uint32_t any_node(struct draw *d)
{
    return (uint32_t)below(d, sim_schedule_nodes(d->s));
}

static uint32_t any_access(struct draw *d)
{
    return 1 + (uint32_t)below(d, d->s->maars);
}

static uint32_t any_station(struct draw *d)
{
    return (uint32_t)below(d, d->s->stations);
}

static struct sim_op *add(struct draw *d, int64_t at, enum sim_op_kind kind)
{
    struct sim_op *o = sim_schedule_add(d->s);

    o->at = at / 1000 * 1000;
    o->kind = kind;
    return o;
}

/* -- what mobile nodes do -----------------------------------------------------------------------
 */

static void attach(struct draw *d, int64_t at, uint32_t mn, uint32_t node)
{
    struct sim_op *o = add(d, at, SIM_ATTACH);

    o->mn = mn;
    o->node = node;
    o->flag = below(d, 2) != 0;
    o->more = (uint32_t)below(d, 2);
}

/* Each drawn in a statement: the order of arguments is the compiler's. */
static void attach_any(struct draw *d, int64_t at)
{
    uint32_t mn = any_station(d);
    uint32_t node = any_access(d);

    attach(d, at, mn, node);
}

static void leave(struct draw *d, int64_t at, uint32_t mn)
{
    struct sim_op *o = add(d, at, SIM_LEAVE);

    o->mn = mn;
    o->flag = below(d, 2) != 0;
}

static void flow(struct draw *d, int64_t at)
{
    struct sim_op *o = add(d, at, SIM_FLOW);

    o->mn = any_station(d);
    o->span = between(d, 1000, 20000) * SIM_MS;
    o->amount = between(d, 20000, 500000);
    d->packets += (uint64_t)(o->span / 1000 / o->amount);
}

/* Between two nodes, to and fro. */
static void ping_pong(struct draw *d, int64_t at)
{
    uint32_t mn = any_station(d), node[2] = {any_access(d)};
    node[1] = any_access(d);
    uint64_t times = 3 + below(d, 8);
    int64_t every = between(d, 5, 3000) * SIM_MS;

    for (uint64_t i = 0; i < times; i++)
        attach(d, at + (int64_t)i * every, mn, node[i & 1]);
}

/* Gone for a moment and back, again and again; or a whole access link is. */
static void flap(struct draw *d, int64_t at)
{
    uint32_t mn = any_station(d), node = any_access(d);
    int64_t off = between(d, 1, 4000) * SIM_MS;

    if (below(d, 3) == 0) {
        struct sim_op *o = add(d, at, SIM_FLAP);
        o->node = node;
        o->span = off;
        return;
    }
    for (uint64_t times = 1 + below(d, 5); times-- > 0; at += 2 * off) {
        leave(d, at, mn);
        attach(d, at + off, mn, node);
    }
}

/* Many at the same moment, to one node or to any. */
static void storm(struct draw *d, int64_t at)
{
    uint32_t node = below(d, 2) == 0 ? any_access(d) : 0;
    int64_t within = between(d, 1, 200) * SIM_MS;
    bool out = below(d, 4) == 0;

    for (uint32_t mn = 0; mn < d->s->stations; mn++) {
        int64_t when = at + between(d, 0, within);
        if (out)
            leave(d, when, mn);
        else
            attach(d, when, mn, node != 0 ? node : any_access(d));
    }
}

static void station_ops(struct draw *d, int64_t at)
{
    uint64_t what = below(d, 100);

    if (what < 52)
        attach_any(d, at);
    else if (what < 60)
        leave(d, at, any_station(d));
    else if (what < 92)
        flow(d, at);
    else if (what < 95)
        ping_pong(d, at);
    else if (what < 98)
        flap(d, at);
    else
        storm(d, at);
}

/* -- what operators do --------------------------------------------------------------------------
 */

static void reload(struct draw *d, int64_t at)
{
    struct sim_op *o = add(d, at, SIM_RELOAD);

    o->setting = (enum sim_setting)below(d, SIM_SET_STEERING); /* cats_draw.c has that */
    switch (o->setting) {
    case SIM_SET_MODE:
    case SIM_SET_DURABILITY:
        o->amount = between(d, 0, 3);
        break;
    case SIM_SET_EVICT:
    case SIM_SET_DEREG:
    case SIM_SET_LOCALS:
        o->amount = between(d, 0, 2);
        break;
    case SIM_SET_PREVIOUS:
        o->amount = between(d, 0, 8);
        break;
    case SIM_SET_IDLE:
        o->amount = below(d, 2) == 0 ? 0 : between(d, 500, 20000);
        break;
    case SIM_SET_RELAY:
        o->amount = between(d, 1, 3000);
        break;
    case SIM_SET_STEERING:
    case SIM_SETTINGS:
        break;
    }
}

static void policy(struct draw *d, int64_t at)
{
    static const uint8_t some[] = {GW_ANCHORING_HERE,
                                   GW_ANCHORING_LMA,
                                   GW_ANCHORING_HERE | GW_ANCHORING_LMA,
                                   GW_ANCHORING_NONE,
                                   GW_ANCHORING_NONE | GW_ANCHORING_LMA,
                                   0};
    struct sim_op *o = add(d, at, SIM_POLICY);

    o->mn = any_station(d);
    o->amount = some[below(d, sizeof some)];
}

static void operate(struct draw *d, int64_t at)
{
    static const enum sim_op_kind kinds[] = {SIM_REVOKE, SIM_REVOKE, SIM_NOTIFY, SIM_ALLOW};
    struct sim_op *o = add(d, at, kinds[below(d, 4)]);

    /* The centres do it mostly: others must not, but for all of theirs. */
    o->node = below(d, 8) == 0 ? any_node(d) : below(d, 2) == 0 ? 0 : d->s->maars + 1;
    if (o->node >= sim_schedule_nodes(d->s))
        o->node = 0;
    o->mn = any_station(d);
    o->other = any_node(d);
    if (o->kind == SIM_ALLOW)
        return;
    o->flag = below(d, 4) == 0;
    o->amount = o->kind == SIM_REVOKE && below(d, 2) == 0 ? between(d, 0, 30000) : 0;
}

static void admin_op(struct draw *d, int64_t at)
{
    uint64_t what = below(d, 10);

    if (what < 4)
        operate(d, at);
    else if (what < 7)
        policy(d, at);
    else
        reload(d, at);
}

/* -- what goes wrong ----------------------------------------------------------------------------
 */

static void partition(struct draw *d, int64_t at)
{
    struct sim_op *o = add(d, at, SIM_PART);
    uint32_t all = (uint32_t)((UINT64_C(2) << sim_schedule_nodes(d->s)) - 1); /* with the server */

    o->node = (uint32_t)below(d, (uint64_t)all + 1);
    o->other = below(d, 2) == 0 ? all & ~o->node : (uint32_t)below(d, (uint64_t)all + 1);
    o->flag = below(d, 2) == 0;
    o->span = between(d, 200, 10000) * SIM_MS;
}

static void one_link(struct draw *d, int64_t at, bool cut)
{
    struct sim_op *o = add(d, at, cut ? SIM_CUT : SIM_LINK);

    o->node = any_node(d);
    o->other = any_node(d);
    o->span = between(d, 200, 10000) * SIM_MS;
    if (o->kind == SIM_LINK) {
        o->amount = between(d, 0, 500);
        o->more = (uint32_t)below(d, 300);
    }
}

static void link_op(struct draw *d, int64_t at)
{
    uint64_t what = below(d, 8);

    if (what == 0)
        partition(d, at);
    else
        one_link(d, at, what < 3);
}

static void node_op(struct draw *d, int64_t at)
{
    static const enum sim_op_kind kinds[] = {SIM_CRASH, SIM_CRASH, SIM_PAUSE, SIM_CLOCK,
                                             SIM_DRIFT, SIM_NOMEM, SIM_DISK,  SIM_DISK};
    struct sim_op *o = add(d, at, kinds[below(d, 8)]);

    o->node = any_node(d);
    if (o->kind == SIM_CRASH) {
        o->span = between(d, 50, 8000) * SIM_MS;
        o->flag = d->s->durability == GW_DURABLE_EACH && below(d, 4) == 0;
    } else if (o->kind == SIM_PAUSE) {
        o->span = between(d, 10, 4000) * SIM_MS;
    } else if (o->kind == SIM_CLOCK) {
        o->amount = below(d, 3) == 0 ? between(d, -3600000, 3600000) : between(d, -2000, 2000);
    } else if (o->kind == SIM_DRIFT) {
        o->amount = between(d, -200, 200);
    } else if (o->kind == SIM_NOMEM) {
        o->amount = between(d, 1, 6);
    } else {
        o->span = between(d, 100, 5000) * SIM_MS;
        o->flag = below(d, 3) == 0;
        o->amount = between(d, 100, 50000);
    }
}

static void enemy_op(struct draw *d, int64_t at)
{
    struct sim_op *o = add(d, at, below(d, 2) == 0 ? SIM_REPLAY : SIM_HOSTILE);

    o->amount = between(d, 0, 16);
    if (o->kind == SIM_HOSTILE)
        o->more = (uint32_t)below(d, 1u << 31);
}

void sim_draw_faults(struct sim_schedule *s, struct gw_prng *r, size_t n)
{
    struct draw d = {.r = *r, .s = s};

    while (n-- > 0) {
        int64_t at = between(&d, 0, s->span);
        uint64_t what = below(&d, 22);
        if (what < 8)
            one_link(&d, at, what < 2);
        else if (what < 16)
            node_op(&d, at);
        else
            enemy_op(&d, at);
    }
    *r = d.r;
}

static void draw_op(struct draw *d, bool calm)
{
    int64_t at = between(d, 0, d->s->span);
    uint64_t what = calm ? 0 : below(d, 100);

    if (what < 72)
        station_ops(d, at);
    else if (what < 80)
        link_op(d, at);
    else if (what < 88)
        node_op(d, at);
    else if (what < 94)
        enemy_op(d, at);
    else
        admin_op(d, at);
}

/* How wide links are that have a fault, and what traffic goes to the networks behind nodes: of
 * another stream of numbers, so that it changes nothing else of what a seed means. */
static void narrow(struct draw *d, uint64_t seed)
{
    gw_prng_seed(&d->r, ~seed);
    for (size_t i = 0; i < d->s->nops; i++) {
        struct sim_op *o = &d->s->op[i];
        if (o->kind == SIM_LINK && below(d, 2) == 0)
            o->rate = INT64_C(32000) << below(d, 10);
        if (o->kind == SIM_LINK && below(d, 2) == 0)
            o->mtu = SIM_MTU_MIN + (uint32_t)below(d, SIM_MTU - SIM_MTU_MIN + 1);
        if (o->kind == SIM_FLOW && d->s->locals && below(d, 3) == 0)
            o->other = any_access(d);
    }
}

/* -- all of it ----------------------------------------------------------------------------------
 */

static void domain(struct draw *d, uint64_t seed, const struct sim_mix *mix)
{
    struct sim_schedule *s = d->s;

    gw_prng_seed(&d->r, seed);
    s->seed = seed;
    s->maars = mix->maars != 0 ? mix->maars : 2 + (uint32_t)below(d, 6);
    s->stations = mix->stations != 0 ? mix->stations : 1 + (uint32_t)below(d, 12);
    uint64_t kind = below(d, 4);
    s->kind = mix->kind != 0 ? (enum sim_kind)(mix->kind - 1)
              : kind < 2     ? SIM_DMM
                             : (enum sim_kind)(kind - 1);
    s->mode = (enum gw_cmd_mode)below(d, 3);
    s->durability = below(d, 3) == 0 ? GW_DURABLE_EACH : GW_DURABLE_BATCH;
    s->evict = (enum gw_evict)below(d, 2);
    s->dereg = below(d, 3) == 0 ? GW_DEREG_ASK : GW_DEREG_STOP_TIMER;
    s->previous = below(d, 3) == 0 ? 1 + (uint32_t)below(d, 3) : 8;
    s->prefixes = below(d, 3) == 0 ? 1 + (uint32_t)below(d, 3) : 1;
    s->locals = below(d, 3) == 0;
    s->delay = between(d, 100, 20000) * 1000;
    s->idle = below(d, 2) == 0 ? 0 : between(d, 2, 20) * SIM_S;
    s->relay = below(d, 4) == 0 ? between(d, 1, 3000) * SIM_MS : 2 * SIM_S;
    s->span = mix->span != 0 ? mix->span : between(d, 20, 90) * SIM_S;
}

struct sim_schedule *sim_draw(uint64_t seed, const struct sim_mix *mix)
{
    if (mix->kind == SIM_CATS + 1)
        return sim_cats_draw(seed, mix);
    struct draw d = {.s = sim_new_memory(sizeof *d.s)};
    struct sim_schedule *s = d.s;

    domain(&d, seed, mix);
    size_t most = mix->ops != 0 ? mix->ops : 20 + below(&d, 200);
    for (uint32_t mn = 0; s->kind == SIM_MIXED && mn < s->stations; mn++)
        if (below(&d, 3) != 0) {
            policy(&d, 0);
            s->op[s->nops - 1].mn = mn;
        }
    while (s->nops < most)
        draw_op(&d, mix->calm);
    for (uint32_t mn = 0; mn < s->stations && mix->ops == 0; mn++) {
        uint32_t node = any_access(&d); /* as in attach_any */
        attach(&d, between(&d, 0, 2 * SIM_S), mn, node);
    }
    while (s->stations > 0 && mix->ops == 0 && d.packets < PACKETS)
        flow(&d, between(&d, s->span / 8, s->span));
    narrow(&d, seed);
    for (size_t i = 0; i < s->nops; i++)
        if (s->op[i].at > s->span) /* the last round of what was drawn near the end */
            s->op[i].at = s->span;
    sim_schedule_sort(s);
    return s;
}
