/* many.c: see many.h. Each seed is a process (try.h); they are collected as they end and reported
 * in the order of the seeds, so that a report can be compared with another.
 */
#include "many.h"

#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* A seed that takes long holds back what is said of those after it, not their running. */
#define AHEAD 256

struct slot {
    struct sim_trial trial;
    uint64_t at; /* of the seeds */
};
struct many {
    const struct sim_many *m;
    struct slot *slot;
    struct pollfd *poll;
    size_t running;
    uint64_t begun, said; /* seeds */
    struct sim_outcome *done;
    bool *ended; /* both: of AHEAD seeds from `said` on, in a ring */
    uint64_t *events;
    uint64_t failed;
    struct sim_outcome sum;
    int worst;
};

static void begin(struct many *x)
{
    struct sim_schedule *s = sim_draw(x->m->seed + x->begun, &x->m->mix);

    x->slot[x->running++] = (struct slot){sim_trial_begin(s), x->begun++};
    sim_schedule_free(s);
}

static void collect(struct many *x, size_t i)
{
    struct slot done = x->slot[i];

    x->slot[i] = x->slot[--x->running];
    x->done[done.at % AHEAD] = sim_trial_end(done.trial);
    x->ended[done.at % AHEAD] = true;
}

static void wait_for_some(struct many *x)
{
    for (size_t i = 0; i < x->running; i++)
        x->poll[i] = (struct pollfd){.fd = x->slot[i].trial.fd, .events = POLLIN};
    if (poll(x->poll, x->running, -1) < 0 && errno != EINTR)
        abort();
    for (size_t i = x->running; i-- > 0;) /* the last takes the place of what is collected */
        if (x->poll[i].revents != 0)
            collect(x, i);
}

static void keep(const struct sim_many *m, uint64_t seed)
{
    struct sim_schedule *s = sim_draw(seed, &m->mix);
    char name[512];

    (void)snprintf(name, sizeof name, "%s/seed-%" PRIu64 ".sim", m->out, seed);
    FILE *f = fopen(name, "w");
    if (f == NULL) {
        perror(name);
    } else {
        sim_schedule_write(s, f);
        (void)fclose(f);
        (void)printf("  schedule: %s\n", name);
    }
    sim_schedule_free(s);
}

static void say(struct many *x, const struct sim_outcome *r)
{
    uint64_t seed = x->m->seed + x->said;

    x->events[x->said++] = r->events;
    x->sum.events += r->events;
    x->sum.moves += r->moves;
    x->sum.handovers += r->handovers;
    x->sum.messages += r->messages;
    x->sum.packets += r->packets;
    if (r->exit != 0) {
        x->failed++;
        x->worst = r->exit > x->worst ? r->exit : x->worst;
        (void)printf("seed %" PRIu64 ": exit %d, %s: %s\n", seed, r->exit, r->invariant, r->why);
        keep(x->m, seed);
    }
    if (x->said % 100 == 0)
        (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed ", x->said,
                      x->m->count, x->failed);
}

static void say_ended(struct many *x)
{
    while (x->ended[x->said % AHEAD]) {
        size_t at = (size_t)(x->said % AHEAD);
        x->ended[at] = false;
        say(x, &x->done[at]);
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void conclude(struct many *x)
{
    uint64_t n = x->m->count;

    if (n >= 100)
        (void)fputc('\n', stderr);
    qsort(x->events, n, sizeof *x->events, by_value);
    (void)printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64
                 " events (per seed at least %" PRIu64 ", median %" PRIu64 ", at most %" PRIu64
                 ")\n",
                 n, x->m->seed, x->sum.events, x->events[0], x->events[n / 2], x->events[n - 1]);
    (void)printf("%" PRIu64 " moves, %" PRIu64 " handovers, %" PRIu64 " messages, %" PRIu64
                 " packets\n",
                 x->sum.moves, x->sum.handovers, x->sum.messages, x->sum.packets);
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", n - x->failed, x->failed);
}

int sim_many(const struct sim_many *m)
{
    struct many x = {.m = m,
                     .slot = sim_new_memory(m->jobs * sizeof *x.slot),
                     .poll = sim_new_memory(m->jobs * sizeof *x.poll),
                     .done = sim_new_memory(AHEAD * sizeof *x.done),
                     .ended = sim_new_memory(AHEAD * sizeof *x.ended),
                     .events = sim_new_memory(m->count * sizeof *x.events)};

    while (x.said < m->count) {
        while (x.running < m->jobs && x.begun < m->count && x.begun - x.said < AHEAD)
            begin(&x);
        wait_for_some(&x);
        say_ended(&x);
    }
    conclude(&x);
    free(x.slot);
    free(x.poll);
    free(x.done);
    free(x.ended);
    free(x.events);
    return x.worst;
}
