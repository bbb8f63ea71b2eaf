/* event.c: what comes next: a heap by time. Events at the same time come in an order that the seed
 * decides, which is how races are found that a fixed order would hide; only tests that count want
 * a fixed one.
 *
 * Each place of the heap has what it is ordered by beside the event's number, and four children;
 * where a number stands is in an array of its own. So no event is touched before its turn: those of
 * a large domain are in no cache. Behind the used places of the heap are those with the free
 * numbers.
 */
#include "sim.h"

#include <stdlib.h>

#define CHILDREN 4u

struct sim_place {
    unsigned __int128 order; /* time, then what decides a tie: one comparison, without a branch */
    size_t number;
};
struct sim_number {
    size_t at; /* its place in the heap */
    struct sim_event *event;
};

static unsigned __int128 order(int64_t at, uint64_t tie)
{
    return (unsigned __int128)(uint64_t)at << 64 | tie; /* no time is negative */
}

static int64_t at(const struct sim_place *p)
{
    return (int64_t)(p->order >> 64);
}

static bool before(const struct sim_place *a, const struct sim_place *b)
{
    return a->order < b->order;
}

static void put(struct sim_queue *q, size_t i, const struct sim_place *p)
{
    q->heap[i] = *p;
    q->number[p->number].at = i;
}

static void up(struct sim_queue *q, size_t i, struct sim_place p)
{
    while (i > 0 && before(&p, &q->heap[(i - 1) / CHILDREN])) {
        put(q, i, &q->heap[(i - 1) / CHILDREN]);
        i = (i - 1) / CHILDREN;
    }
    put(q, i, &p);
}

/* The first of the children from this one on; nothing predicts which it is. */
static size_t first_of(const struct sim_place *heap, size_t child)
{
    size_t a = child + before(&heap[child + 1], &heap[child]);
    size_t b = child + 2 + before(&heap[child + 3], &heap[child + 2]);

    return before(&heap[b], &heap[a]) ? b : a;
}

/* The free place i goes down to the last level: what takes it comes from there and hardly ever
 * belongs higher up. */
static size_t sink(struct sim_queue *q, size_t i)
{
    size_t child;

    for (; (child = CHILDREN * i + 1) + CHILDREN <= q->used; i = child) {
        child = first_of(q->heap, child);
        put(q, i, &q->heap[child]);
    }
    if (child < q->used) {
        for (size_t other = child + 1; other < q->used; other++)
            child = before(&q->heap[other], &q->heap[child]) ? other : child;
        put(q, i, &q->heap[child]);
        i = child;
    }
    return i;
}

static void more_room(struct sim_queue *q)
{
    size_t n = q->size == 0 ? 256 : 2 * q->size;

    q->heap = sim_more_memory(q->heap, n * sizeof *q->heap);
    q->number = sim_more_memory(q->number, n * sizeof *q->number);
    for (size_t i = q->size; i < n; i++)
        q->heap[i].number = i;
    q->size = n;
}

void sim_post(struct sim *s, struct sim_event *e, int64_t at)
{
    struct sim_queue *q = &s->queue;

    sim_cancel(s, e);
    if (q->used == q->size)
        more_room(q);
    size_t number = q->heap[q->used].number;
    q->number[number].event = e;
    e->at = at > s->now ? at : s->now;
    e->number = number + 1;
    uint64_t draw = s->in_order ? 0 : gw_prng_u64(&s->prng);
    uint64_t tie = draw << 32 | (++q->order & 0xffffffff);
    up(q, q->used++, (struct sim_place){order(e->at, tie), number});
}

static void take(struct sim_queue *q, size_t i)
{
    size_t number = q->heap[i].number;
    struct sim_place last = q->heap[--q->used];

    q->number[number].event->number = 0;
    if (i < q->used)
        up(q, sink(q, i), last);
    q->heap[q->used].number = number;
}

void sim_cancel(struct sim *s, struct sim_event *e)
{
    if (e->number != 0)
        take(&s->queue, s->queue.number[e->number - 1].at);
}

struct sim_event *sim_next(struct sim *s, int64_t end)
{
    struct sim_queue *q = &s->queue;

    if (q->used == 0 || at(&q->heap[0]) > end)
        return NULL;
    struct sim_event *e = q->number[q->heap[0].number].event;
    take(q, 0);
    if (q->used > 0)
        __builtin_prefetch(q->number[q->heap[0].number].event);
    return e;
}

void sim_event_free(struct sim *s, struct sim_event *e)
{
    sim_put(&s->pool, e, e->size);
}

void sim_queue_free(struct sim_queue *q)
{
    free(q->heap);
    free(q->number);
    *q = (struct sim_queue){0};
}
