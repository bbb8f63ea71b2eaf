/* event.c: what comes next: a heap by time. Events at the same time come in an order that the seed
 * decides, which is how races are found that a fixed order would hide; only tests that count want
 * a fixed one.
 *
 * Each place of the heap has what it is ordered by beside the pointer, and four children: a run
 * spends its time here, and not in fetching events to compare them.
 */
#include "sim.h"

#include <stdlib.h>

#define CHILDREN 4u

struct sim_place {
    int64_t at;
    uint64_t tie;
    struct sim_event *event;
};

static bool before(const struct sim_place *a, const struct sim_place *b)
{
    return a->at != b->at ? a->at < b->at : a->tie < b->tie;
}

static void put(struct sim_queue *q, size_t i, const struct sim_place *p)
{
    q->heap[i] = *p;
    p->event->pos = i + 1;
}

static void up(struct sim_queue *q, size_t i, struct sim_place p)
{
    while (i > 0 && before(&p, &q->heap[(i - 1) / CHILDREN])) {
        put(q, i, &q->heap[(i - 1) / CHILDREN]);
        i = (i - 1) / CHILDREN;
    }
    put(q, i, &p);
}

static void down(struct sim_queue *q, size_t i, struct sim_place p)
{
    for (size_t child; (child = CHILDREN * i + 1) < q->used; i = child) {
        size_t end = child + CHILDREN < q->used ? child + CHILDREN : q->used;
        for (size_t other = child + 1; other < end; other++)
            if (before(&q->heap[other], &q->heap[child]))
                child = other;
        if (!before(&q->heap[child], &p))
            break;
        put(q, i, &q->heap[child]);
    }
    put(q, i, &p);
}

void sim_post(struct sim *s, struct sim_event *e, int64_t at)
{
    struct sim_queue *q = &s->queue;

    sim_cancel(s, e);
    if (q->used == q->size) {
        q->size = q->size == 0 ? 256 : 2 * q->size;
        q->heap = realloc(q->heap, q->size * sizeof *q->heap);
        if (q->heap == NULL)
            abort();
    }
    e->at = at > s->now ? at : s->now;
    uint64_t draw = s->in_order ? 0 : gw_prng_u64(&s->prng);
    uint64_t tie = draw << 32 | (++q->order & 0xffffffff);
    up(q, q->used++, (struct sim_place){e->at, tie, e});
}

static void take(struct sim_queue *q, size_t i)
{
    struct sim_place last = q->heap[--q->used];

    q->heap[i].event->pos = 0;
    if (i == q->used)
        return;
    if (i > 0 && before(&last, &q->heap[(i - 1) / CHILDREN]))
        up(q, i, last);
    else
        down(q, i, last);
}

void sim_cancel(struct sim *s, struct sim_event *e)
{
    if (e->pos != 0)
        take(&s->queue, e->pos - 1);
}

struct sim_event *sim_next(struct sim *s, int64_t end)
{
    struct sim_queue *q = &s->queue;

    if (q->used == 0 || q->heap[0].at > end)
        return NULL;
    struct sim_event *e = q->heap[0].event;
    take(q, 0);
    if (q->used > 0)
        __builtin_prefetch(q->heap[0].event);
    return e;
}

void sim_event_free(struct sim *s, struct sim_event *e)
{
    sim_put(&s->pool, e, e->size);
}

void sim_queue_free(struct sim_queue *q)
{
    free(q->heap);
    *q = (struct sim_queue){0};
}
