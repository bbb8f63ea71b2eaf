/* timer.c: a binary heap of pointers to embedded timers, ordered by deadline and then by the order
 * of setting. It leaves reading the clock and sleeping to the driver.
 */
#include "base/timer.h"

#include "base/err.h"

#define HEAP_FIRST 64u

void gw_timers_init(struct gw_timers *h, const struct gw_alloc *al)
{
    *h = (struct gw_timers){.al = al};
}

void gw_timers_free(struct gw_timers *h)
{
    for (size_t i = 0; i < h->used; i++)
        h->heap[i]->pos = 0;
    gw_free(h->al, h->heap, h->size * sizeof(struct gw_timer *));
    gw_timers_init(h, h->al);
}

static bool earlier(const struct gw_timer *a, const struct gw_timer *b)
{
    return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->order < b->order;
}

static void place(struct gw_timers *h, struct gw_timer *t, size_t i)
{
    h->heap[i] = t;
    t->pos = i + 1;
}

static void sift_up(struct gw_timers *h, struct gw_timer *t, size_t i)
{
    while (i > 0 && earlier(t, h->heap[(i - 1) / 2])) {
        place(h, h->heap[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    place(h, t, i);
}

static void sift_down(struct gw_timers *h, struct gw_timer *t, size_t i)
{
    for (size_t child = 2 * i + 1; child < h->used; child = 2 * i + 1) {
        if (child + 1 < h->used && earlier(h->heap[child + 1], h->heap[child]))
            child++;
        if (earlier(t, h->heap[child]))
            break;
        place(h, h->heap[child], i);
        i = child;
    }
    place(h, t, i);
}

/* Puts t where it belongs, given that slot i is free for it. */
static void settle(struct gw_timers *h, struct gw_timer *t, size_t i)
{
    if (i > 0 && earlier(t, h->heap[(i - 1) / 2]))
        sift_up(h, t, i);
    else
        sift_down(h, t, i);
}

static int make_room(struct gw_timers *h)
{
    if (h->used < h->size)
        return 0;
    size_t size = h->size != 0 ? h->size * 2 : HEAP_FIRST;
    struct gw_timer **heap =
        h->al->resize(h->al->user, (void *)h->heap, h->size * sizeof(struct gw_timer *),
                      size * sizeof(struct gw_timer *));
    if (heap == NULL)
        return GW_ENOMEM;
    h->heap = heap;
    h->size = size;
    return 0;
}

int gw_timer_set(struct gw_timers *h, struct gw_timer *t, struct gw_time at)
{
    size_t i = t->pos - 1;

    if (t->pos == 0) {
        int err = make_room(h);
        if (err != 0)
            return err;
        i = h->used++;
    }
    t->at = at;
    t->order = h->order++;
    settle(h, t, i);
    return 0;
}

void gw_timer_stop(struct gw_timers *h, struct gw_timer *t)
{
    if (t->pos == 0)
        return;
    size_t i = t->pos - 1;
    struct gw_timer *last = h->heap[--h->used];
    if (last != t)
        settle(h, last, i);
    t->pos = 0;
}

bool gw_timer_is_set(const struct gw_timer *t)
{
    return t->pos != 0;
}

struct gw_time gw_timers_next(const struct gw_timers *h)
{
    return h->used != 0 ? h->heap[0]->at : GW_NEVER;
}

size_t gw_timers_run(struct gw_timers *h, struct gw_time now, size_t most, void *user)
{
    size_t fired = 0;

    while (fired < most && h->used != 0 && h->heap[0]->at.ns <= now.ns) {
        struct gw_timer *t = h->heap[0];
        gw_timer_stop(h, t);
        t->fire(t, user);
        fired++;
    }
    return fired;
}
