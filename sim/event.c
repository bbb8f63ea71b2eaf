/* event.c: what comes next: a heap by time. Events at the same time come in an order that the seed
 * decides, which is how races are found that a fixed order would hide; only tests that count want
 * a fixed one.
 */
#include "sim.h"

#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->tie < b->tie;
}

static void place(struct sim_queue *q, size_t i, struct sim_event *e)
{
    q->heap[i] = e;
    e->pos = i + 1;
}

static void up(struct sim_queue *q, size_t i, struct sim_event *e)
{
    while (i > 0 && before(e, q->heap[(i - 1) / 2])) {
        place(q, i, q->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(q, i, e);
}

static void down(struct sim_queue *q, size_t i, struct sim_event *e)
{
    for (size_t child; (child = 2 * i + 1) < q->used; i = child) {
        if (child + 1 < q->used && before(q->heap[child + 1], q->heap[child]))
            child++;
        if (!before(q->heap[child], e))
            break;
        place(q, i, q->heap[child]);
    }
    place(q, i, e);
}

void sim_post(struct sim *s, struct sim_event *e, int64_t at)
{
    struct sim_queue *q = &s->queue;

    sim_cancel(s, e);
    if (q->used == q->size) {
        q->size = q->size == 0 ? 256 : 2 * q->size;
        q->heap = realloc(q->heap, q->size * sizeof(struct sim_event *));
        if (q->heap == NULL)
            abort();
    }
    e->at = at > s->now ? at : s->now;
    uint64_t draw = s->in_order ? 0 : gw_prng_u64(&s->prng);
    e->tie = draw << 32 | (++q->order & 0xffffffff);
    up(q, q->used++, e);
}

static void take(struct sim_queue *q, size_t i)
{
    struct sim_event *last = q->heap[--q->used];

    q->heap[i]->pos = 0;
    if (i == q->used)
        return;
    if (i > 0 && before(last, q->heap[(i - 1) / 2]))
        up(q, i, last);
    else
        down(q, i, last);
}

void sim_cancel(struct sim *s, struct sim_event *e)
{
    if (e->pos != 0)
        take(&s->queue, e->pos - 1);
}

struct sim_event *sim_next(struct sim *s)
{
    struct sim_event *e = s->queue.used > 0 ? s->queue.heap[0] : NULL;

    if (e != NULL)
        take(&s->queue, 0);
    return e;
}
