/* bench.c: godwit-sim bench: handovers per second of the wall clock, on one core, of the workload
 * of train.c. What is timed is the run under faults, from the first attachment until the domain is
 * healed, with every check that is made meanwhile; drawing the schedule and starting the nodes is
 * not. The first run is then taken to its end, so that it is known to have been a good one.
 *
 * A run happens like any other; the clock is read before and after it, here and nowhere else.
 */
#include "bench.h"

#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct figure {
    double wall, cpu; /* seconds */
    uint64_t handovers;
};

static double seconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const struct sim *s, uint64_t seed, const struct figure *f)
{
    (void)printf("seed %" PRIu64 ": %" PRIu64 " handovers of %" PRIu64 " moves, %" PRIu64
                 " events, %" PRIu64 " messages, %" PRIu64 " packets in %.2f s (%.2f s of CPU): "
                 "%.0f handovers/s, hash %016" PRIx64 "\n",
                 seed, f->handovers, s->tally.moves, s->tally.events, s->tally.messages,
                 s->tally.packets, f->wall, f->cpu, (double)f->handovers / f->wall, s->hash);
    (void)fflush(stdout);
}

/* To its end: healed, settled, examined, everybody gone. */
static int finish(struct sim *s)
{
    double wall = seconds(CLOCK_MONOTONIC);
    int result = (int)sim_run(s);

    (void)printf("  and to its end, in %.2f s more: %s%s%s\n", seconds(CLOCK_MONOTONIC) - wall,
                 result == SIM_OK ? "everything holds" : s->invariant, result == SIM_OK ? "" : ": ",
                 s->why);
    return result;
}

static int run(const struct sim_bench *b, uint64_t seed, struct figure *f)
{
    struct sim_schedule *sched = sim_draw_train(seed, &b->train);
    struct sim *s = sim_new(sched, false);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

    sim_until(s, sched->span);
    f->wall = seconds(CLOCK_MONOTONIC) - wall;
    f->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    f->handovers = s->tally.handovers;
    print(s, seed, f);
    int result = s->failed || seed == b->seed ? finish(s) : SIM_OK;
    sim_free(s);
    sim_schedule_free(sched);
    return result;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void conclude(const struct figure *f, size_t n)
{
    double *rate = sim_new_memory(n * sizeof *rate), *cpu = sim_new_memory(n * sizeof *cpu);

    for (size_t i = 0; i < n; i++) {
        rate[i] = (double)f[i].handovers / f[i].wall;
        cpu[i] = (double)f[i].handovers / f[i].cpu;
    }
    qsort(rate, n, sizeof *rate, by_value);
    qsort(cpu, n, sizeof *cpu, by_value);
    (void)printf("handovers per second of the wall clock: median %.0f, %.0f to %.0f; per second of "
                 "CPU time: median %.0f\n",
                 rate[n / 2], rate[0], rate[n - 1], cpu[n / 2]);
    free(rate);
    free(cpu);
}

int sim_bench(const struct sim_bench *b)
{
    struct figure *f = sim_new_memory(b->runs * sizeof *f);
    int worst = 0;

    (void)printf("%u MAARs and a CMD, %u stations, %.0f s under faults\n", b->train.maars,
                 b->train.stations, (double)b->train.span / 1e9);
    for (uint32_t i = 0; i < b->runs; i++) {
        int result = run(b, b->seed + i, &f[i]);
        worst = result > worst ? result : worst;
    }
    conclude(f, b->runs);
    free(f);
    return worst;
}
