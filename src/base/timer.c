/* timer.c: a heap of four children per node, ordered by deadline and then by the order of setting.
 * Deadlines stand in the heap itself, so that sifting looks at no timer; its slots are in blocks,
 * so that growth copies nothing but the first of them while it is small, and memory follows what is
 * set. Reading the clock and sleeping are the driver's.
 */
#include "base/timer.h"

#include "base/err.h"

#define CHILDREN    4u
#define FIRST       16u  /* slots of the first block at first */
#define BLOCK       256u /* slots of any other */
#define DIR_FIRST   8u
#define SPARE_SLOTS (2u * BLOCK) /* more than these at the end are given back */

struct gw_timer_slot {
    struct gw_time at;
    struct gw_timer *t;
};

void gw_timers_init(struct gw_timers *h, const struct gw_alloc *al)
{
    *h = (struct gw_timers){.al = al};
}

static struct gw_timer_slot *slot(const struct gw_timers *h, size_t i)
{
    return &h->block[i / BLOCK][i % BLOCK];
}

static void free_last_block(struct gw_timers *h)
{
    size_t n = h->size < BLOCK ? h->size : BLOCK;

    h->size -= n;
    gw_free(h->al, h->block[h->size / BLOCK], n * sizeof(struct gw_timer_slot));
}

void gw_timers_free(struct gw_timers *h)
{
    for (size_t i = 0; i < h->used; i++)
        slot(h, i)->t->pos = 0;
    while (h->size != 0)
        free_last_block(h);
    gw_free(h->al, (void *)h->block, h->dir * sizeof(void *));
    gw_timers_init(h, h->al);
}

static bool earlier(const struct gw_timer_slot *a, const struct gw_timer_slot *b)
{
    return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : (int32_t)(a->t->order - b->t->order) < 0;
}

static void place(struct gw_timers *h, const struct gw_timer_slot *x, size_t i)
{
    *slot(h, i) = *x;
    x->t->pos = (uint32_t)i + 1;
}

static void sift_up(struct gw_timers *h, const struct gw_timer_slot *x, size_t i)
{
    while (i > 0 && earlier(x, slot(h, (i - 1) / CHILDREN))) {
        place(h, slot(h, (i - 1) / CHILDREN), i);
        i = (i - 1) / CHILDREN;
    }
    place(h, x, i);
}

static size_t first_child(const struct gw_timers *h, size_t i)
{
    size_t best = CHILDREN * i + 1, end = best + CHILDREN < h->used ? best + CHILDREN : h->used;

    for (size_t c = best + 1; c < end; c++)
        if (earlier(slot(h, c), slot(h, best)))
            best = c;
    return best;
}

static void sift_down(struct gw_timers *h, const struct gw_timer_slot *x, size_t i)
{
    for (size_t c; (c = first_child(h, i)) < h->used; i = c) {
        if (earlier(x, slot(h, c)))
            break;
        place(h, slot(h, c), i);
    }
    place(h, x, i);
}

/* Puts x where it belongs, given that slot i is free for it. */
static void settle(struct gw_timers *h, const struct gw_timer_slot *x, size_t i)
{
    if (i > 0 && earlier(x, slot(h, (i - 1) / CHILDREN)))
        sift_up(h, x, i);
    else
        sift_down(h, x, i);
}

static int grow_dir(struct gw_timers *h)
{
    size_t n = h->dir != 0 ? h->dir * 2 : DIR_FIRST;
    struct gw_timer_slot **block =
        h->al->resize(h->al->user, (void *)h->block, h->dir * sizeof(void *), n * sizeof(void *));

    if (block == NULL)
        return GW_ENOMEM;
    h->block = block;
    h->dir = n;
    return 0;
}

/* Another block, or twice the first one. */
static int make_room(struct gw_timers *h)
{
    size_t old = h->size < BLOCK ? h->size : 0, n = BLOCK, i = h->size / BLOCK;

    if (h->used < h->size)
        return 0;
    if (i == h->dir && grow_dir(h) != 0)
        return GW_ENOMEM;
    if (h->size < BLOCK)
        n = old != 0 ? old * 2 : FIRST;
    struct gw_timer_slot *block = h->al->resize(h->al->user, old != 0 ? h->block[0] : NULL,
                                                old * sizeof *block, n * sizeof *block);
    if (block == NULL)
        return GW_ENOMEM;
    h->block[i] = block;
    h->size += n - old;
    return 0;
}

int gw_timer_set(struct gw_timers *h, struct gw_timer *t, struct gw_time at)
{
    size_t i = t->pos - 1u;

    if (t->pos == 0) {
        int err = make_room(h);
        if (err != 0)
            return err;
        i = h->used++;
    }
    t->order = h->order++;
    settle(h, &(struct gw_timer_slot){at, t}, i);
    return 0;
}

/* What has just been stopped can be set again without memory. */
static void give_back(struct gw_timers *h)
{
    while (h->size - h->used > SPARE_SLOTS)
        free_last_block(h);
}

void gw_timer_stop(struct gw_timers *h, struct gw_timer *t)
{
    if (t->pos == 0)
        return;
    size_t i = t->pos - 1u;
    struct gw_timer_slot last = *slot(h, --h->used);
    if (last.t != t)
        settle(h, &last, i);
    t->pos = 0;
    give_back(h);
}

bool gw_timer_is_set(const struct gw_timer *t)
{
    return t->pos != 0;
}

struct gw_time gw_timer_at(const struct gw_timers *h, const struct gw_timer *t)
{
    return t->pos != 0 ? slot(h, t->pos - 1u)->at : GW_NEVER;
}

struct gw_time gw_timers_next(const struct gw_timers *h)
{
    return h->used != 0 ? slot(h, 0)->at : GW_NEVER;
}

size_t gw_timers_run(struct gw_timers *h, struct gw_time now, size_t most, void *user)
{
    size_t fired = 0;

    while (fired < most && h->used != 0 && slot(h, 0)->at.ns <= now.ns) {
        struct gw_timer *t = slot(h, 0)->t;
        gw_timer_stop(h, t);
        t->fire(t, user);
        fired++;
    }
    return fired;
}
