/* cats_draw.c: a schedule of a domain of CATS from a seed: flows of clients, bursts of load,
 * instances that die, come back and drain, other policies, and what goes wrong meanwhile. Of three
 * seeds one has every kind of fault (draw.c), one only processes that are killed, and one none.
 */
#include "cats.h"

#define PACKETS 4000 /* that clients are to send at least */
#define LOADS   2    /* in a calm schedule, at least */
#define DOWN    (3 * SIM_S)

struct draw {
    struct gw_prng r;
    struct sim_schedule *s;
    uint64_t packets; /* planned */
};

static int64_t between(struct draw *d, int64_t low, int64_t high)
{
    return low + (int64_t)gw_prng_below(&d->r, (uint64_t)(high - low));
}

static struct sim_op *add(struct draw *d, enum sim_op_kind kind)
{
    int64_t at = between(d, 0, d->s->span) / 1000 * 1000;
    struct sim_op *o = sim_schedule_add(d->s);

    o->at = at;
    o->kind = kind;
    return o;
}

static void flow(struct draw *d)
{
    struct sim_op *o = add(d, SIM_FLOW);

    o->mn = (uint32_t)between(d, 0, d->s->stations);
    o->other = between(d, 0, 3) == 0 ? SIM_CATS_CLIENTS : SIM_CATS_FLOWS;
    o->span = between(d, 1000, 15000) * SIM_MS;
    o->amount = between(d, 10000, 400000);
    d->packets += (uint64_t)(o->span / 1000 / o->amount);
}

static void burst(struct draw *d)
{
    struct sim_op *o = add(d, SIM_BURST);

    o->mn = (uint32_t)between(d, 0, d->s->stations);
    o->other = between(d, 0, 4) == 0 ? SIM_CATS_CLIENTS : SIM_CATS_FLOWS;
    o->more = (uint32_t)between(d, 5, 80);
    o->span = between(d, 0, 2000) * SIM_MS;
    o->amount = between(d, 5000, 200000);
    d->packets += o->more * (1 + (uint64_t)(o->span / 1000 / o->amount));
}

/* For some seconds new flows all the time, as many as keep some instances busy. */
static void load(struct draw *d)
{
    struct sim_op o = *add(d, SIM_BURST);
    int64_t every = between(d, 20, 200) * SIM_MS, end = o.at + between(d, 3, 10) * SIM_S;

    d->s->nops--;
    o.other = SIM_CATS_FLOWS;
    for (; o.at < end && o.at < d->s->span; o.at += every) {
        o.mn = (uint32_t)between(d, 0, d->s->stations);
        o.more = (uint32_t)between(d, 1, 40);
        o.span = between(d, 0, 500) * SIM_MS;
        o.amount = 50000;
        *sim_schedule_add(d->s) = o;
        d->packets += o.more * (1 + (uint64_t)(o.span / 1000 / o.amount));
    }
}

/* Most that die come back, and most that drain go on. */
static void instance(struct draw *d)
{
    struct sim_op o = *add(d, SIM_INSTANCE);
    size_t nodes = sim_schedule_nodes(d->s), all = (nodes - nodes / 2) * SIM_CATS_AT;

    o.mn = (uint32_t)between(d, 0, (int64_t)all);
    o.amount = between(d, 0, 3) == 0 ? GW_INSTANCE_DRAINING : GW_INSTANCE_DEAD;
    o.flag = between(d, 0, 2) != 0;
    d->s->op[d->s->nops - 1] = o;
    if (between(d, 0, 4) == 0)
        return;
    struct sim_op *up = sim_schedule_add(d->s);
    *up = o;
    up->at += between(d, 10, 12000) * SIM_MS / 1000 * 1000;
    up->amount = GW_INSTANCE_UP;
}

static void policy(struct draw *d)
{
    struct sim_op *o = add(d, SIM_RELOAD);

    o->setting = SIM_SET_STEERING;
    o->amount = between(d, 0, GW_STEER_POLICY_COUNT);
}

static void killed(struct draw *d)
{
    struct sim_op *o = add(d, SIM_CRASH);

    o->node = (uint32_t)between(d, 0, (int64_t)sim_schedule_nodes(d->s));
    o->span = between(d, 50 * SIM_MS, DOWN) / 1000 * 1000;
}

static void domain(struct draw *d, uint64_t seed, const struct sim_mix *mix)
{
    struct sim_schedule *s = d->s;

    gw_prng_seed(&d->r, seed);
    s->seed = seed;
    s->kind = SIM_CATS;
    s->maars = mix->maars != 0 ? mix->maars : (uint32_t)between(d, 3, 7);
    s->stations = mix->stations != 0 ? mix->stations : (uint32_t)between(d, 1, 12);
    s->durability = between(d, 0, 3) == 0 ? GW_DURABLE_EACH : GW_DURABLE_BATCH;
    s->delay = between(d, 100, 15000) * 1000;
    s->span = mix->span != 0 ? mix->span : between(d, 20, 60) * SIM_S;
}

struct sim_schedule *sim_cats_draw(uint64_t seed, const struct sim_mix *mix)
{
    struct draw d = {.s = sim_new_memory(sizeof *d.s)};
    struct sim_schedule *s = d.s;

    domain(&d, seed, mix);
    int64_t wrong = mix->calm ? 2 : between(&d, 0, 3);
    int64_t all = mix->ops != 0 ? mix->ops : between(&d, 20, 120);
    for (int64_t i = 0; i < all; i++) {
        int64_t what = between(&d, 0, 100);
        if (what < 45)
            flow(&d);
        else if (what < 53)
            burst(&d);
        else if (what < 55)
            load(&d);
        else if (what < 70)
            instance(&d);
        else if (what < 73)
            policy(&d);
        else if (wrong == 0)
            sim_draw_faults(s, &d.r, 1);
        else if (wrong == 1)
            killed(&d);
    }
    for (int i = 0; i < LOADS && wrong == 2 && mix->ops == 0; i++)
        load(&d);
    while (d.packets < PACKETS && mix->ops == 0)
        flow(&d);
    for (size_t i = 0; i < s->nops; i++)
        if (s->op[i].at > s->span)
            s->op[i].at = s->span;
    sim_schedule_sort(s);
    return s;
}
