/* table.c: a hash table in segments that grow one by one (extendible hashing: Fagin and others,
 * 1979), so that no insertion costs more than placing one segment's entries anew, however large the
 * table is. Within a segment: open addressing with linear probing; a removed entry leaves a mark
 * behind when another may lie further along its chain, so that nothing moves but on growth: this is
 * what allows removal during iteration. The objects, and what their keys mean, belong to the
 * caller.
 *
 * Each slot has a tag of eight bits of its hash: an object whose tag differs is not looked at, and
 * the tags of a probe are in one cache line, in a small table together with the segment's head.
 */
#include "base/table.h"

#include "base/err.h"

#define SLOTS_FIRST 16u
#define SLOTS_MOST  256u /* of a segment, unless its hashes do not differ */
/* The directory is never larger than the entries over this: equal hashes do not blow it up. */
#define DIR_SHARE 16u

enum { FREE, GONE, TAGS }; /* GONE is free too, but ends no chain */

struct gw_table_segment {
    uint32_t mask, used, gone;
    uint32_t depth; /* low bits of the hash that all its entries share */
    uint8_t tag[];  /* mask + 1, a multiple of 16, and behind them as many slots */
};

void gw_table_init(struct gw_table *t, const struct gw_alloc *al, const struct gw_table_ops *ops,
                   size_t limit, uint64_t seed)
{
    *t = (struct gw_table){.al = al, .ops = ops, .limit = limit, .seed = seed};
}

static size_t size_of(size_t slots)
{
    return sizeof(struct gw_table_segment) + slots * (sizeof(void *) + 1);
}

static void **slots_of(const struct gw_table_segment *s)
{
    return (void **)(uintptr_t)(s->tag + s->mask + 1);
}

static uint8_t tag_of(uint64_t hash)
{
    uint8_t tag = (uint8_t)(hash >> 56);
    return tag < TAGS ? (uint8_t)(tag + TAGS) : tag;
}

static size_t dir_size(const struct gw_table *t)
{
    return t->only == NULL && t->dir == NULL ? 0 : (size_t)1 << t->depth;
}

/* By directory index; with one segment there is no directory. */
static struct gw_table_segment *segment(const struct gw_table *t, uint64_t hash)
{
    return t->dir == NULL ? t->only : t->dir[hash & (((uint64_t)1 << t->depth) - 1)];
}

/* A segment stands in the directory several times; this is the first. */
static bool is_first(const struct gw_table_segment *s, size_t index)
{
    return index >> s->depth == 0;
}

static struct gw_table_segment *segment_new(const struct gw_table *t, size_t slots, uint32_t depth)
{
    struct gw_table_segment *s = t->al->resize(t->al->user, NULL, 0, size_of(slots));

    if (s == NULL)
        return NULL;
    *s = (struct gw_table_segment){.mask = (uint32_t)slots - 1, .depth = depth};
    memset(s->tag, FREE, slots);
    return s;
}

static void segment_free(const struct gw_table *t, struct gw_table_segment *s)
{
    if (s != NULL)
        gw_free(t->al, s, size_of((size_t)s->mask + 1));
}

void gw_table_free(struct gw_table *t)
{
    for (size_t i = dir_size(t); i-- > 0;)
        if (is_first(segment(t, i), i)) /* after all its other places */
            segment_free(t, segment(t, i));
    gw_free(t->al, (void *)t->dir, dir_size(t) * sizeof(void *));
    gw_table_init(t, t->al, t->ops, t->limit, t->seed);
}

/* The slot of a key, or SIZE_MAX. There is always a FREE tag, so every chain ends. */
static size_t find(const struct gw_table *t, const struct gw_table_segment *s, uint64_t hash,
                   const void *key)
{
    if (s == NULL || s->used == 0)
        return SIZE_MAX;
    const uint8_t *tag = s->tag, wanted = tag_of(hash);
    void *const *slot = slots_of(s);
    for (size_t i = (hash >> 32) & s->mask; tag[i] != FREE; i = (i + 1) & s->mask)
        if (tag[i] == wanted && t->ops->eq(key, slot[i]))
            return i;
    return SIZE_MAX;
}

static uint64_t hash_of(const struct gw_table *t, const void *key)
{
    return t->ops->hash(key, t->seed);
}

void *gw_table_get(const struct gw_table *t, const void *key)
{
    if (t->used == 0)
        return NULL;
    uint64_t hash = hash_of(t, key);
    const struct gw_table_segment *s = segment(t, hash);
    size_t i = find(t, s, hash, key);

    return i != SIZE_MAX ? slots_of(s)[i] : NULL;
}

static void place(struct gw_table_segment *s, uint64_t hash, void *obj)
{
    uint8_t *tag = s->tag;
    size_t i = (hash >> 32) & s->mask;

    while (tag[i] >= TAGS)
        i = (i + 1) & s->mask;
    if (tag[i] == GONE)
        s->gone--;
    tag[i] = tag_of(hash);
    slots_of(s)[i] = obj;
    s->used++;
}

/* The entries of a segment anew, each where its hash says: in `low` or, with bit `depth - 1` of
 * theirs set, in `high` (NULL: there is none). */
static void deal(const struct gw_table *t, const struct gw_table_segment *s,
                 struct gw_table_segment *low, struct gw_table_segment *high)
{
    void *const *slot = slots_of(s);

    for (size_t i = 0; i <= s->mask; i++) {
        if (s->tag[i] < TAGS)
            continue;
        uint64_t hash = hash_of(t, t->ops->key(slot[i]));
        bool up = high != NULL && (hash >> (high->depth - 1) & 1) != 0;
        place(up ? high : low, hash, slot[i]);
    }
}

static void enter(struct gw_table *t, uint64_t hash, struct gw_table_segment *s)
{
    if (t->dir == NULL) {
        t->only = s;
        return;
    }
    uint64_t step = (uint64_t)1 << s->depth;
    for (uint64_t i = hash & (step - 1); i < dir_size(t); i += step)
        t->dir[i] = s;
}

/* A segment of another size, without marks. */
static int resize(struct gw_table *t, uint64_t hash, size_t slots)
{
    struct gw_table_segment *old = segment(t, hash);
    struct gw_table_segment *s = segment_new(t, slots, old != NULL ? old->depth : 0);

    if (s == NULL)
        return GW_ENOMEM;
    if (old != NULL)
        deal(t, old, s, NULL);
    enter(t, hash, s);
    segment_free(t, old);
    return 0;
}

static int double_dir(struct gw_table *t)
{
    size_t n = dir_size(t);
    struct gw_table_segment **dir = gw_new(t->al, 2 * n * sizeof(void *));

    if (dir == NULL)
        return GW_ENOMEM;
    for (size_t i = 0; i < n; i++)
        dir[i] = dir[i + n] = segment(t, i);
    if (t->dir != NULL)
        gw_free(t->al, (void *)t->dir, n * sizeof(void *));
    t->only = NULL;
    t->dir = dir;
    t->depth++;
    return 0;
}

/* A segment becomes two. */
static int split(struct gw_table *t, uint64_t hash)
{
    struct gw_table_segment *old = segment(t, hash);
    uint32_t depth = old->depth + 1;
    int err = old->depth == t->depth ? double_dir(t) : 0;

    if (err != 0)
        return err;
    struct gw_table_segment *low = segment_new(t, (size_t)old->mask + 1, depth);
    struct gw_table_segment *high = segment_new(t, (size_t)old->mask + 1, depth);
    if (low == NULL || high == NULL) {
        segment_free(t, low);
        segment_free(t, high);
        return GW_ENOMEM;
    }
    deal(t, old, low, high);
    enter(t, hash & ~((uint64_t)1 << old->depth), low);
    enter(t, hash | ((uint64_t)1 << old->depth), high);
    segment_free(t, old);
    return 0;
}

static bool may_split(const struct gw_table *t, const struct gw_table_segment *s)
{
    return s->mask + 1 >= SLOTS_MOST &&
           (s->depth < t->depth || 2 * dir_size(t) <= t->used / DIR_SHARE);
}

/* Thirteen sixteenths of a segment may be taken, marks included; half of a new one. */
static int make_room(struct gw_table *t, uint64_t hash)
{
    for (;;) {
        const struct gw_table_segment *s = segment(t, hash);
        size_t n = SLOTS_FIRST, slots = s != NULL ? (size_t)s->mask + 1 : 0;
        if (s != NULL && ((size_t)s->used + s->gone + 1) * 16 <= slots * 13)
            return 0;
        while (s != NULL && n / 2 < s->used + 1)
            n *= 2;
        int err = s != NULL && n > slots && may_split(t, s) ? split(t, hash) : resize(t, hash, n);
        if (err != 0)
            return err;
    }
}

int gw_table_put(struct gw_table *t, void *obj)
{
    const void *key = t->ops->key(obj);
    uint64_t hash = hash_of(t, key);

    if (find(t, segment(t, hash), hash, key) != SIZE_MAX)
        return GW_EEXIST;
    if (t->limit != 0 && t->used >= t->limit)
        return GW_EFULL;
    int err = make_room(t, hash);
    if (err != 0)
        return err;
    place(segment(t, hash), hash, obj);
    t->used++;
    return 0;
}

/* Frees a slot, and the marks before it that no chain needs any more. */
static void vacate(struct gw_table_segment *s, size_t i)
{
    uint8_t *tag = s->tag;

    tag[i] = GONE;
    s->gone++;
    s->used--;
    if (tag[(i + 1) & s->mask] != FREE)
        return;
    for (; tag[i] == GONE; i = (i - 1) & s->mask) {
        tag[i] = FREE;
        s->gone--;
    }
}

void gw_table_swap(struct gw_table *t, void *obj)
{
    const void *key = t->ops->key(obj);
    uint64_t hash = hash_of(t, key);
    struct gw_table_segment *s = segment(t, hash);
    size_t i = find(t, s, hash, key);

    if (i != SIZE_MAX)
        slots_of(s)[i] = obj;
}

void *gw_table_del(struct gw_table *t, const void *key)
{
    if (t->used == 0)
        return NULL;
    uint64_t hash = hash_of(t, key);
    struct gw_table_segment *s = segment(t, hash);
    size_t i = find(t, s, hash, key);

    if (i == SIZE_MAX)
        return NULL;
    void *obj = slots_of(s)[i];
    t->used--;
    vacate(s, i);
    return obj;
}

size_t gw_table_count(const struct gw_table *t)
{
    return t->used;
}

/* An iterator is the place of a segment in the directory and the slot in it: growth moves entries
 * between segments to later places only. */
void *gw_table_next(const struct gw_table *t, size_t *it)
{
    for (size_t d = *it >> 32; d < dir_size(t); *it = ++d << 32) {
        const struct gw_table_segment *s = segment(t, d);
        if (!is_first(s, d))
            continue;
        for (size_t i = *it & UINT32_MAX; i <= s->mask; i++) {
            if (s->tag[i] < TAGS)
                continue;
            *it = d << 32 | (i + 1);
            return slots_of(s)[i];
        }
    }
    return NULL;
}
