/* event.c: what comes next, by time. Events at the same time come in an order that the seed
 * decides, which is how races are found that a fixed order would hide; only tests that count want a
 * fixed one.
 *
 * Most events are due within seconds, and a large domain has so many that a heap of them all is in
 * no cache. So there are three places: a heap of those that are due in this slot of time or before
 * its end (`near`), which is small; a wheel of unordered lists, one for each of the slots behind
 * it; and a heap of those that were too far off for the wheel when they were posted (`far`). When
 * `near` is empty the next slot's events go there.
 *
 * An entry has what it is ordered by beside the event's number; where a number stands is in an
 * array of its own. So no event is touched before its turn.
 */
#include "sim.h"

#include <stdlib.h>

#define CHILDREN   4u
#define SLOT_SHIFT 20u   /* 2^20 ns, about 1 ms */
#define SLOTS      4096u /* about 4 s */
#define WORD       64u

struct sim_place {
    unsigned __int128 order; /* time, then what decides a tie: one comparison, without a branch */
    size_t number;
};
struct sim_number {
    uint32_t list, at; /* where it is: LIST_*, or LIST_WHEEL and the slot's index */
    union {
        struct sim_event *event;
        size_t next; /* of those that are free, from 1 */
    };
};
enum { LIST_NEAR, LIST_FAR, LIST_WHEEL };

static unsigned __int128 order(int64_t at, uint64_t tie)
{
    return (unsigned __int128)(uint64_t)at << 64 | tie; /* no time is negative */
}

static uint64_t slot_of(const struct sim_place *p)
{
    return (uint64_t)(p->order >> 64) >> SLOT_SHIFT;
}

static bool before(const struct sim_place *a, const struct sim_place *b)
{
    return a->order < b->order;
}

static void put(struct sim_queue *q, uint32_t list, size_t i, const struct sim_place *p)
{
    q->list[list].place[i] = *p;
    q->number[p->number].at = (uint32_t)i;
}

/* -- heaps --------------------------------------------------------------------------------------
 */

static void up(struct sim_queue *q, uint32_t list, size_t i, struct sim_place p)
{
    const struct sim_place *heap = q->list[list].place;

    while (i > 0 && before(&p, &heap[(i - 1) / CHILDREN])) {
        put(q, list, i, &heap[(i - 1) / CHILDREN]);
        i = (i - 1) / CHILDREN;
    }
    put(q, list, i, &p);
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
static size_t sink(struct sim_queue *q, uint32_t list, size_t i)
{
    const struct sim_place *heap = q->list[list].place;
    size_t used = q->list[list].used, child;

    for (; (child = CHILDREN * i + 1) + CHILDREN <= used; i = child) {
        child = first_of(heap, child);
        put(q, list, i, &heap[child]);
    }
    if (child < used) {
        for (size_t other = child + 1; other < used; other++)
            child = before(&heap[other], &heap[child]) ? other : child;
        put(q, list, i, &heap[child]);
        i = child;
    }
    return i;
}

/* -- lists --------------------------------------------------------------------------------------
 */

static void mark(struct sim_queue *q, uint32_t list, bool busy)
{
    uint64_t bit = UINT64_C(1) << (list - LIST_WHEEL) % WORD;
    uint64_t *word = &q->busy[(list - LIST_WHEEL) / WORD];

    *word = busy ? *word | bit : *word & ~bit;
}

static void add(struct sim_queue *q, uint32_t list, struct sim_place p)
{
    struct sim_list *l = &q->list[list];

    if (l->used == l->size) {
        l->size = l->size == 0 ? 4 : 2 * l->size;
        l->place = sim_more_memory(l->place, l->size * sizeof *l->place);
    }
    q->number[p.number].list = list;
    l->used++;
    if (list < LIST_WHEEL)
        return up(q, list, l->used - 1, p);
    put(q, list, l->used - 1, &p);
    mark(q, list, true);
}

static void take(struct sim_queue *q, uint32_t list, size_t i)
{
    struct sim_list *l = &q->list[list];
    struct sim_place last = l->place[--l->used];

    if (i < l->used && list < LIST_WHEEL)
        up(q, list, sink(q, list, i), last);
    else if (i < l->used)
        put(q, list, i, &last);
    if (list >= LIST_WHEEL && l->used == 0)
        mark(q, list, false);
}

/* -- slots --------------------------------------------------------------------------------------
 */

static uint32_t list_of(const struct sim_queue *q, const struct sim_place *p)
{
    uint64_t slot = slot_of(p);

    if (slot < q->slot)
        return LIST_NEAR;
    return slot - q->slot < SLOTS ? (uint32_t)(LIST_WHEEL + slot % SLOTS) : (uint32_t)LIST_FAR;
}

/* The first slot from q->slot on that has events on the wheel; UINT64_MAX: none has. */
static uint64_t next_on_wheel(const struct sim_queue *q)
{
    uint64_t first = q->slot % SLOTS;
    uint64_t word = q->busy[first / WORD] & ~UINT64_C(0) << first % WORD;

    for (uint64_t i = first / WORD, n = 0; n <= SLOTS / WORD; n++) {
        if (word != 0) {
            uint64_t at = i * WORD + (uint64_t)__builtin_ctzll(word);
            return q->slot + (at - first + SLOTS) % SLOTS;
        }
        i = (i + 1) % (SLOTS / WORD);
        word = q->busy[i];
    }
    return UINT64_MAX;
}

/* The events of the next slot that has any go to `near`, which is empty, if it begins by `end`.
 * false: there are none. */
static bool advance(struct sim_queue *q, int64_t end)
{
    struct sim_list *far = &q->list[LIST_FAR];
    uint64_t slot = next_on_wheel(q);

    if (far->used > 0 && slot_of(&far->place[0]) < slot)
        slot = slot_of(&far->place[0]);
    if (slot > (uint64_t)end >> SLOT_SHIFT)
        return false;
    uint32_t list = (uint32_t)(LIST_WHEEL + slot % SLOTS);
    q->slot = slot + 1;
    struct sim_list *from = &q->list[list];
    for (size_t i = 0; i < from->used; i++)
        add(q, LIST_NEAR, from->place[i]);
    from->used = 0;
    mark(q, list, false);
    while (far->used > 0 && slot_of(&far->place[0]) <= slot) {
        struct sim_place p = far->place[0];
        take(q, LIST_FAR, 0);
        add(q, LIST_NEAR, p);
    }
    return true;
}

/* -- the queue ----------------------------------------------------------------------------------
 */

static void more_numbers(struct sim_queue *q)
{
    size_t n = q->size == 0 ? 256 : 2 * q->size;

    if (q->list == NULL) {
        q->list = sim_new_memory((LIST_WHEEL + SLOTS) * sizeof *q->list);
        q->busy = sim_new_memory(SLOTS / WORD * sizeof *q->busy);
    }
    q->number = sim_more_memory(q->number, n * sizeof *q->number);
    for (size_t i = n; i-- > q->size; q->free = i + 1)
        q->number[i].next = q->free;
    q->size = n;
}

void sim_post(struct sim *s, struct sim_event *e, int64_t at)
{
    struct sim_queue *q = &s->queue;

    sim_cancel(s, e);
    if (q->free == 0)
        more_numbers(q);
    size_t number = q->free - 1;
    q->free = q->number[number].next;
    q->number[number].event = e;
    e->at = at > s->now ? at : s->now;
    e->number = number + 1;
    uint64_t draw = s->in_order ? 0 : gw_prng_u64(&s->prng);
    uint64_t tie = draw << 32 | (++q->order & 0xffffffff);
    struct sim_place p = {order(e->at, tie), number};
    add(q, list_of(q, &p), p);
}

static struct sim_event *done_with(struct sim_queue *q, size_t number)
{
    struct sim_number *n = &q->number[number];
    struct sim_event *e = n->event;

    take(q, n->list, n->at);
    n->next = q->free;
    q->free = number + 1;
    e->number = 0;
    return e;
}

void sim_cancel(struct sim *s, struct sim_event *e)
{
    if (e->number != 0)
        (void)done_with(&s->queue, e->number - 1);
}

struct sim_event *sim_next(struct sim *s, int64_t end)
{
    struct sim_queue *q = &s->queue;

    if (q->list == NULL)
        return NULL;
    struct sim_list *near = &q->list[LIST_NEAR];
    if (near->used == 0 && !advance(q, end))
        return NULL;
    if ((int64_t)(near->place[0].order >> 64) > end)
        return NULL;
    struct sim_event *e = done_with(q, near->place[0].number);
    if (near->used > 0)
        __builtin_prefetch(q->number[near->place[0].number].event);
    return e;
}

void sim_event_free(struct sim *s, struct sim_event *e)
{
    sim_put(&s->pool, e, e->size);
}

void sim_queue_free(struct sim_queue *q)
{
    for (size_t i = 0; q->list != NULL && i < LIST_WHEEL + SLOTS; i++)
        free(q->list[i].place);
    free(q->list);
    free(q->busy);
    free(q->number);
    *q = (struct sim_queue){0};
}
