/* scale.c: one run of a large domain: MAARs on their sites, mobile nodes that appear one after the
 * other, a warm-up until everything is as it will be, and the span that is measured. What it came
 * to is in the struct; scale_report.c writes it.
 *
 * Left to others: the nodes (scale_node.c), the mobile nodes (scale_host.c).
 */
#include "scale.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LONG_ENOUGH (10 * SIM_S) /* to be served, without losses */

const char *scale_mode_name(enum scale_mode m)
{
    static const char *const names[SCALE_MODES] = {"proxy", "relay", "locator", "pmip"};
    return names[m];
}

static void tell(const struct scale *sc)
{
    if (sc->o->progress)
        (void)fprintf(
            stderr,
            "\r%-7s %5zu MAARs %8zu mobile nodes: %3d %% of %" PRId64 " s, %" PRIu64 " handovers  ",
            scale_mode_name(sc->mode), sc->nmaars, sc->nmns, (int)(sc->sim.now * 100 / sc->o->span),
            sc->o->span / SIM_S, sc->sum.handovers);
}

static void until(struct scale *sc, int64_t end)
{
    int64_t slice = sc->o->span / 200 + 1;

    while (sc->sim.now < end) {
        sim_until(&sc->sim, sc->sim.now + slice < end ? sc->sim.now + slice : end);
        sc->events += sc->sim.tally.events;
        sc->sim.tally.events = 0; /* its limit is one of small domains */
        tell(sc);
    }
}

/* What is counted from now on. */
static void begin(struct scale *sc)
{
    sc->sum = (struct scale_sum){0};
    for (size_t i = 0; i <= sc->nmaars; i++)
        sc->node[i].before = sc->node[i].total;
}

struct scale *scale_run(const struct scale_setup *s)
{
    struct scale *sc = sim_new_memory(sizeof *sc);
    struct sim_area *area = sim_new_memory(sizeof *area);

    sc->o = s->o;
    sc->mode = s->mode;
    sc->seed = s->seed;
    sc->draw = s->seed ^ 0x73636cu;
    sc->nmaars = s->maars;
    sc->nmns = s->trace != NULL ? s->trace->nodes : s->mns;
    gw_prng_seed(&sc->sim.prng, s->seed);
    sc->sim.in_order = true; /* what leaves a node in one instant arrives as it left */
    sim_area_make(area, s->sites, s->maars, s->seed);
    sc->area = area;
    sc->moves = (struct sim_movement){.area = area, .random = s->o->walk, .trace = s->trace};
    sc->moves.random.seed = s->seed;
    sim_movement_make(&sc->moves);
    scale_path_make(sc);
    scale_nodes_make(sc);
    scale_hosts_make(sc);
    until(sc, s->o->warm);
    begin(sc);
    until(sc, s->o->span);
    if (s->o->progress)
        (void)fputc('\n', stderr);
    return sc;
}

/* Events of the mobile nodes and of the nodes are parts of them; the rest is freed as it fires. */
static void drop_events(struct scale *sc)
{
    for (size_t i = 0; i < sc->nmns; i++)
        sim_cancel(&sc->sim, &sc->mn[i].step);
    for (size_t i = 0; i <= sc->nmaars; i++)
        sim_cancel(&sc->sim, &sc->node[i].deadline);
    for (struct sim_event *e; (e = sim_next(&sc->sim, INT64_MAX)) != NULL;)
        free(e);
    sim_queue_free(&sc->sim.queue);
}

void scale_free(struct scale *sc)
{
    struct sim_area *area = (struct sim_area *)sc->area;

    drop_events(sc);
    scale_nodes_free(sc);
    scale_path_free(sc);
    sim_movement_free(&sc->moves);
    sim_area_free(area);
    free(area);
    free(sc->mn);
    free(sc->handover.us);
    free(sc);
}

size_t scale_unready(const struct scale *sc)
{
    size_t n = 0;

    for (size_t i = 0; i < sc->nmns; i++)
        n += sc->mn[i].at != 0 && !sc->mn[i].ready && sc->sim.now - sc->mn[i].since > LONG_ENOUGH;
    return n;
}
