/* shrink.c: see shrink.h. Operations are left out by halves, quarters and so on as long as the run
 * fails in the same way: the same exit status and the same invariant. Each run is a process, since
 * what is looked for may be a crash.
 */
#include "shrink.h"

#include <stdio.h>
#include <string.h>

static bool same(const struct sim_outcome *a, const struct sim_outcome *b)
{
    return a->exit == b->exit && strcmp(a->invariant, b->invariant) == 0;
}

/* Without n operations from `at` on. */
static struct sim_schedule *without(const struct sim_schedule *s, size_t at, size_t n)
{
    struct sim_schedule *c = sim_schedule_copy(s);

    memmove(c->op + at, c->op + at + n, (c->nops - at - n) * sizeof *c->op);
    c->nops -= n;
    return c;
}

struct sim_schedule *sim_shrink(const struct sim_schedule *sched, unsigned most)
{
    struct sim_schedule *best = sim_schedule_copy(sched);
    struct sim_outcome want = sim_try(sched);

    for (size_t part = best->nops / 2; part > 0 && most > 0;) {
        bool less = false;
        for (size_t at = 0; at < best->nops && most > 0; most--) {
            size_t n = part < best->nops - at ? part : best->nops - at;
            struct sim_schedule *c = without(best, at, n);
            struct sim_outcome o = sim_try(c);
            if (!same(&o, &want)) {
                sim_schedule_free(c);
                at += n;
                continue;
            }
            sim_schedule_free(best);
            best = c;
            less = true;
            (void)fprintf(stderr, "\rshrinking: %zu operations ", best->nops);
        }
        if (!less || part > best->nops)
            part /= 2;
    }
    (void)fputc('\n', stderr);
    return best;
}
