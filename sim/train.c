/* train.c: see train.h. Stations travel in carriages: all of a carriage pass from one MAAR to the
 * next within a moment. Three carriages of four shuttle between two MAARs (a depot, a train that
 * stands between cells, a ferry), the fourth runs through a line of MAARs and turns at its ends. A
 * line is short enough for a host's addresses (Linux takes 16 on an interface). Each station
 * carries one flow after another.
 *
 * The faults of nodes, links and by enemies are draw.c's, per node about as often as there; half of
 * those of links are of links with the CMD, since few others carry signalling in a domain so large.
 */
#include "train.h"

#include "sim.h"

#define CARRIAGE    25              /* stations */
#define LINE        10u             /* MAARs */
#define DWELL_LEAST INT64_C(700000) /* us that a carriage stays at a MAAR */
#define DWELL_MORE  INT64_C(600000)
#define TRICKLE     INT64_C(200000)  /* us until the last of a carriage has followed */
#define FLOW_SPAN   INT64_C(3000000) /* us */
#define FLOW_EVERY  INT64_C(4000000) /* us, of a station */
#define FAULTS      10u              /* a second, in the whole domain */

struct yard {
    struct gw_prng r;
    struct sim_schedule *s;
};

static int64_t below(struct yard *y, int64_t n)
{
    return (int64_t)gw_prng_below(&y->r, (uint64_t)n);
}

static void add(struct yard *y, int64_t at_us, struct sim_op o)
{
    if (at_us * 1000 >= y->s->span)
        return;
    o.at = at_us * 1000;
    *sim_schedule_add(y->s) = o;
}

/* Everybody of a carriage follows it to a MAAR, each in its own moment, which is the same at every
 * MAAR: the order of the seats. */
static void follow(struct yard *y, uint32_t first, uint32_t n, uint32_t maar, int64_t at)
{
    for (uint32_t i = 0; i < n; i++) {
        struct sim_op o = {.kind = SIM_ATTACH, .mn = first + i, .node = maar};
        o.flag = below(y, 4) != 0;
        o.more = (uint32_t)below(y, 2);
        add(y, at + TRICKLE * i / n, o);
    }
}

static void carriage(struct yard *y, uint32_t first, uint32_t n)
{
    uint32_t maars = y->s->maars, here = 1 + (uint32_t)below(y, maars);
    uint32_t begin = here - (here - 1) % LINE, last = begin + LINE - 1;
    int64_t dwell = DWELL_LEAST + below(y, DWELL_MORE), end = y->s->span / 1000;
    bool shuttle = below(y, 4) != 0;

    if (last > maars) {
        last = maars;
        begin = last == begin ? begin - 1 : begin; /* no line of one */
    }
    bool up = here < last;
    for (int64_t at = below(y, dwell); at < end; at += dwell) {
        follow(y, first, n, here, at);
        here = up ? here + 1 : here - 1;
        if (shuttle || here == begin || here == last)
            up = !up;
    }
}

static void talk(struct yard *y, uint32_t mn)
{
    int64_t end = y->s->span / 1000;

    for (int64_t at = SIM_S / 1000 + below(y, FLOW_EVERY); at < end; at += FLOW_EVERY)
        add(y, at,
            (struct sim_op){.kind = SIM_FLOW,
                            .mn = mn,
                            .span = FLOW_SPAN * 1000,
                            .amount = 400000 + below(y, 200000)});
}

static void trouble(struct yard *y)
{
    struct sim_schedule *s = y->s;
    size_t first = s->nops;

    sim_draw_faults(s, &y->r, (size_t)(s->span / SIM_S) * FAULTS);
    for (struct sim_op *o = s->op + first; o < s->op + s->nops; o++)
        if ((o->kind == SIM_LINK || o->kind == SIM_CUT) && below(y, 2) == 0)
            o->other = 0;
}

struct sim_schedule *sim_draw_train(uint64_t seed, const struct sim_train *t)
{
    struct yard y = {.s = sim_new_memory(sizeof *y.s)};
    struct sim_schedule *s = y.s;

    gw_prng_seed(&y.r, seed);
    *s = (struct sim_schedule){.maars = t->maars,
                               .stations = t->stations,
                               .mode = GW_CMD_PROXY,
                               .durability = GW_DURABLE_BATCH,
                               .delay = 2 * SIM_MS,
                               .idle = 2 * SIM_S,
                               .span = t->span,
                               .seed = seed};
    for (uint32_t i = 0; i < t->stations; i += CARRIAGE)
        carriage(&y, i, t->stations - i < CARRIAGE ? t->stations - i : CARRIAGE);
    for (uint32_t i = 0; i < t->stations; i++)
        talk(&y, i);
    trouble(&y);
    if (s->nops > 0)
        sim_schedule_sort(s);
    return s;
}
