/* table.c: open addressing with linear probing. A removed entry leaves a mark behind when another
 * may lie further along its chain, so that nothing moves but on growth: this is what allows removal
 * during iteration. The objects, and what their keys mean, belong to the caller.
 */
#include "base/table.h"

#include "base/err.h"

#define SLOTS_FIRST 16u

/* In a slot: NULL is free and ends a chain, GONE is free and does not. */
static const char gone_mark;
#define GONE ((void *)&gone_mark)

void gw_table_init(struct gw_table *t, const struct gw_alloc *al, const struct gw_table_ops *ops,
                   size_t limit, uint64_t seed)
{
    *t = (struct gw_table){.al = al, .ops = ops, .limit = limit, .seed = seed};
}

static size_t slots(const struct gw_table *t)
{
    return t->slot != NULL ? t->mask + 1 : 0;
}

void gw_table_free(struct gw_table *t)
{
    gw_free(t->al, (void *)t->slot, slots(t) * sizeof(void *));
    gw_table_init(t, t->al, t->ops, t->limit, t->seed);
}

/* The slot of a key, or SIZE_MAX. There is always a NULL slot, so every chain ends. */
static size_t find(const struct gw_table *t, const void *key)
{
    if (t->used == 0)
        return SIZE_MAX;
    size_t i = (size_t)t->ops->hash(key, t->seed) & t->mask;
    for (; t->slot[i] != NULL; i = (i + 1) & t->mask)
        if (t->slot[i] != GONE && t->ops->eq(key, t->slot[i]))
            return i;
    return SIZE_MAX;
}

void *gw_table_get(const struct gw_table *t, const void *key)
{
    size_t i = find(t, key);

    return i != SIZE_MAX ? t->slot[i] : NULL;
}

static void insert(struct gw_table *t, void *obj)
{
    size_t i = (size_t)t->ops->hash(t->ops->key(obj), t->seed) & t->mask;

    while (t->slot[i] != NULL && t->slot[i] != GONE)
        i = (i + 1) & t->mask;
    if (t->slot[i] == GONE)
        t->gone--;
    t->slot[i] = obj;
    t->used++;
}

/* A new array with the entries at most half of it, and no marks. */
static int rebuild(struct gw_table *t)
{
    struct gw_table old = *t;
    size_t n = SLOTS_FIRST;

    while (n / 2 < old.used + 1)
        n *= 2;
    void **slot = gw_new(t->al, n * sizeof(void *));
    if (slot == NULL)
        return GW_ENOMEM;
    t->slot = slot;
    t->mask = n - 1;
    t->used = t->gone = 0;
    for (size_t i = 0; i < slots(&old); i++)
        if (old.slot[i] != NULL && old.slot[i] != GONE)
            insert(t, old.slot[i]);
    gw_free(t->al, (void *)old.slot, slots(&old) * sizeof(void *));
    return 0;
}

int gw_table_put(struct gw_table *t, void *obj)
{
    if (find(t, t->ops->key(obj)) != SIZE_MAX)
        return GW_EEXIST;
    if (t->limit != 0 && t->used >= t->limit)
        return GW_EFULL;
    if ((t->used + t->gone + 1) * 4 > slots(t) * 3) {
        int err = rebuild(t);
        if (err != 0)
            return err;
    }
    insert(t, obj);
    return 0;
}

/* Frees a slot, and the marks before it that no chain needs any more. */
static void vacate(struct gw_table *t, size_t i)
{
    t->slot[i] = GONE;
    t->gone++;
    if (t->slot[(i + 1) & t->mask] != NULL)
        return;
    for (; t->slot[i] == GONE; i = (i - 1) & t->mask) {
        t->slot[i] = NULL;
        t->gone--;
    }
}

void gw_table_swap(struct gw_table *t, void *obj)
{
    size_t i = find(t, t->ops->key(obj));

    if (i != SIZE_MAX)
        t->slot[i] = obj;
}

void *gw_table_del(struct gw_table *t, const void *key)
{
    size_t i = find(t, key);

    if (i == SIZE_MAX)
        return NULL;
    void *obj = t->slot[i];
    t->used--;
    vacate(t, i);
    return obj;
}

size_t gw_table_count(const struct gw_table *t)
{
    return t->used;
}

void *gw_table_next(const struct gw_table *t, size_t *it)
{
    while (*it < slots(t)) {
        void *obj = t->slot[(*it)++];
        if (obj != NULL && obj != GONE)
            return obj;
    }
    return NULL;
}
