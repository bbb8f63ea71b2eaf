/* draw.c: a schedule from a seed: how large the domain is, what its mobile nodes do, and what goes
 * wrong meanwhile. All that is drawn ends up in the schedule; nothing is drawn twice.
 */
#include "sim.h"

#include <stdlib.h>

struct draw {
    struct gw_prng r;
    struct sim_schedule *s;
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
    return (uint32_t)below(d, d->s->maars + 1);
}

static void station_op(struct draw *d, struct sim_op *o)
{
    o->mn = (uint32_t)below(d, d->s->stations);
    uint64_t what = below(d, 100);
    if (what < 60) {
        o->kind = SIM_ATTACH;
        o->node = 1 + (uint32_t)below(d, d->s->maars);
        o->flag = below(d, 2) != 0;
        o->more = (uint32_t)below(d, 2);
    } else if (what < 70) {
        o->kind = SIM_LEAVE;
        o->flag = below(d, 2) != 0;
    } else {
        o->kind = SIM_FLOW;
        o->span = between(d, 1000, 20000) * SIM_MS;
        o->amount = between(d, 20000, 500000);
    }
}

static void link_op(struct draw *d, struct sim_op *o)
{
    o->node = any_node(d);
    o->other = any_node(d);
    o->kind = below(d, 3) == 0 ? SIM_CUT : SIM_LINK;
    o->span = between(d, 200, 10000) * SIM_MS;
    if (o->kind == SIM_LINK) {
        o->amount = between(d, 0, 500);
        o->more = (uint32_t)below(d, 300);
    }
}

static void node_op(struct draw *d, struct sim_op *o)
{
    o->node = any_node(d);
    switch (below(d, 8)) {
    case 0:
    case 1:
        o->kind = SIM_CRASH;
        o->span = between(d, 50, 8000) * SIM_MS;
        o->flag = d->s->durability == GW_DURABLE_EACH && below(d, 4) == 0;
        break;
    case 2:
        o->kind = SIM_PAUSE;
        o->span = between(d, 10, 4000) * SIM_MS;
        break;
    case 3:
        o->kind = SIM_CLOCK;
        o->amount = below(d, 3) == 0 ? between(d, -3600000, 3600000) : between(d, -2000, 2000);
        break;
    case 4:
        o->kind = SIM_DRIFT;
        o->amount = between(d, -200, 200);
        break;
    case 5:
        o->kind = SIM_NOMEM;
        o->amount = between(d, 1, 6);
        break;
    default:
        o->kind = SIM_DISK;
        o->span = between(d, 100, 5000) * SIM_MS;
        o->flag = below(d, 3) == 0;
        o->amount = between(d, 100, 50000);
        break;
    }
}

static void enemy_op(struct draw *d, struct sim_op *o)
{
    o->kind = below(d, 2) == 0 ? SIM_REPLAY : SIM_HOSTILE;
    o->amount = between(d, 0, 16);
    if (o->kind == SIM_HOSTILE)
        o->more = (uint32_t)below(d, 1u << 31);
}

static void draw_op(struct draw *d, struct sim_op *o, bool calm)
{
    uint64_t what = calm ? 0 : below(d, 100);

    if (what < 75)
        station_op(d, o);
    else if (what < 83)
        link_op(d, o);
    else if (what < 91)
        node_op(d, o);
    else if (what < 97)
        enemy_op(d, o);
    else {
        o->kind = SIM_MODE;
        o->amount = between(d, 0, 3);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct sim_op *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

struct sim_schedule *sim_draw(uint64_t seed, const struct sim_mix *mix)
{
    struct draw d = {.s = sim_new_memory(sizeof *d.s)};
    struct sim_schedule *s = d.s;

    gw_prng_seed(&d.r, seed);
    s->seed = seed;
    s->maars = mix->maars != 0 ? mix->maars : 2 + (uint32_t)below(&d, 6);
    s->stations = mix->stations != 0 ? mix->stations : 1 + (uint32_t)below(&d, 12);
    s->mode = (enum gw_cmd_mode)below(&d, 3);
    s->durability = below(&d, 3) == 0 ? GW_DURABLE_EACH : GW_DURABLE_BATCH;
    s->delay = between(&d, 100, 20000) * 1000;
    s->idle = below(&d, 2) == 0 ? 0 : between(&d, 2, 20) * SIM_S;
    s->span = mix->span != 0 ? mix->span : between(&d, 20, 90) * SIM_S;
    s->nops = mix->ops != 0 ? mix->ops : 20 + below(&d, 200);
    s->op = sim_new_memory((s->nops + 1) * sizeof *s->op);
    for (size_t i = 0; i < s->nops; i++) {
        s->op[i].at = between(&d, 0, s->span / 1000) * 1000;
        draw_op(&d, &s->op[i], mix->calm);
    }
    qsort(s->op, s->nops, sizeof *s->op, by_time);
    return s;
}
