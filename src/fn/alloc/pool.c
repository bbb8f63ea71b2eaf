/* pool.c: see pool.h. Every prefix that is taken, or was released not long ago (resting), is one
 * entry of a hash table; all others are free and cost nothing. A search walks a pool's index space
 * in a circle from where the last one ended, so that what was released comes round as late as
 * possible; resting entries are passed over until nothing else is left.
 *
 * Who may come back has a place of his own in each pool, found by hashing and not remembered: a
 * host keeps the addresses of a prefix for hours after it was withdrawn, and only so many (16 on
 * Linux), so a new prefix at each of its visits would leave it without an address in the end. The
 * seed keeps the place from telling observers, or other pools, who it is.
 */
#include "fn/alloc/pool.h"

#include "base/prng.h"

#include <assert.h>

#define POOL_MAX_BITS 63
#define OWN_PLACES    4 /* next to each other: two takers may have hashed to one */

struct gw_pool_entry {
    struct gw_prefix prefix; /* the key; its length tells apart pools of different node_len */
    uint64_t who;            /* 0: anybody */
    uint32_t pool;
    bool taken; /* else resting, and in the list */
    struct gw_pool_entry *older, *newer;
};

static uint64_t entry_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(struct gw_prefix), seed);
}

static bool entry_eq(const void *key, const void *obj)
{
    const struct gw_pool_entry *e = obj;
    return gw_prefix_eq(key, &e->prefix);
}

static const void *entry_key(const void *obj)
{
    const struct gw_pool_entry *e = obj;
    return &e->prefix;
}

static const struct gw_table_ops entry_ops = {
    .hash = entry_hash,
    .eq = entry_eq,
    .key = entry_key,
};

static bool pool_valid(const struct gw_cfg_pool *cfg, size_t i)
{
    const struct gw_cfg_pool *c = &cfg[i];
    if (c->node_len > 128 || c->node_len < c->prefix.len ||
        c->node_len - c->prefix.len > POOL_MAX_BITS)
        return false;
    for (size_t k = 0; k < i; k++) {
        if (gw_prefix_overlaps(&cfg[k].prefix, &c->prefix))
            return false;
    }
    return true;
}

int gw_pools_init(struct gw_pools *p, const struct gw_alloc *al, const struct gw_cfg_pool *cfg,
                  size_t ncfg, uint64_t seed)
{
    struct gw_prng prng;

    *p = (struct gw_pools){.al = al};
    for (size_t i = 0; i < ncfg; i++) {
        if (!pool_valid(cfg, i))
            return GW_EINVAL;
    }
    gw_prng_seed(&prng, seed);
    gw_table_init(&p->entries, al, &entry_ops, 0, gw_prng_u64(&prng));
    p->seed = gw_prng_u64(&prng);
    if (ncfg == 0)
        return 0;
    p->pool = gw_new(al, ncfg * sizeof *p->pool);
    if (p->pool == NULL)
        return GW_ENOMEM;
    p->npools = ncfg;
    for (size_t i = 0; i < ncfg; i++) {
        struct gw_pool *o = &p->pool[i];
        o->prefix = cfg[i].prefix;
        o->node_len = cfg[i].node_len;
        o->size = UINT64_C(1) << (cfg[i].node_len - cfg[i].prefix.len);
        o->cursor = gw_prng_below(&prng, o->size);
    }
    return 0;
}

void gw_pools_set_places(struct gw_pools *p, uint64_t secret)
{
    p->seed = secret;
}

void gw_pools_free(struct gw_pools *p)
{
    struct gw_pool_entry *e;

    for (size_t i = 0; (e = gw_table_next(&p->entries, &i)) != NULL;)
        gw_free(p->al, e, sizeof *e);
    gw_table_free(&p->entries);
    gw_free(p->al, p->pool, p->npools * sizeof *p->pool);
    *p = (struct gw_pools){.al = p->al};
}

/* The index is a number of at most 63 bits that ends at bit node_len of the address. */
static struct gw_prefix pool_at(const struct gw_pool *o, uint64_t index)
{
    struct gw_prefix x = {.addr = o->prefix.addr, .len = o->node_len};

    for (int bit = o->node_len - 1; index != 0; bit--, index >>= 1) {
        if (index & 1)
            x.addr.b[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
    }
    return x;
}

static struct gw_pool *pool_of(const struct gw_pools *p, const struct gw_prefix *x)
{
    struct gw_prefix masked;

    if (x->len > 128)
        return NULL;
    masked = gw_prefix_mask(x->addr, x->len);
    for (size_t i = 0; i < p->npools; i++) {
        if (p->pool[i].node_len == x->len && gw_addr_eq(&masked.addr, &x->addr) &&
            gw_prefix_contains(&p->pool[i].prefix, &x->addr))
            return &p->pool[i];
    }
    return NULL;
}

static void rest_unlink(struct gw_pools *p, struct gw_pool_entry *e)
{
    *(e->older ? &e->older->newer : &p->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &p->newest) = e->older;
    e->older = e->newer = NULL;
    p->resting--;
}

static void rest_link(struct gw_pools *p, struct gw_pool_entry *e)
{
    e->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = e;
    p->newest = e;
    p->resting++;
}

static void rest_to_taken(struct gw_pools *p, struct gw_pool_entry *e)
{
    rest_unlink(p, e);
    e->taken = true;
    p->taken++;
}

static void rest_forget_oldest(struct gw_pools *p)
{
    struct gw_pool_entry *e = p->oldest;

    rest_unlink(p, e);
    gw_table_del(&p->entries, &e->prefix);
    p->pool[e->pool].used--;
    gw_free(p->al, e, sizeof *e);
}

static int entry_add(struct gw_pools *p, struct gw_pool *o, const struct gw_prefix *x, uint64_t who)
{
    struct gw_pool_entry *e = gw_new(p->al, sizeof *e);
    int err;

    if (e == NULL)
        return GW_ENOMEM;
    e->prefix = *x;
    e->who = who;
    e->pool = (uint32_t)(o - p->pool);
    e->taken = true;
    err = gw_table_put(&p->entries, e);
    if (err != 0) {
        gw_free(p->al, e, sizeof *e);
        return err;
    }
    o->used++;
    p->taken++;
    return 0;
}

/* Ends because fewer than `size` entries are in the way. */
static struct gw_prefix pool_search(const struct gw_pools *p, struct gw_pool *o)
{
    for (;;) {
        struct gw_prefix x = pool_at(o, o->cursor);
        if (gw_table_get(&p->entries, &x) == NULL)
            return x;
        o->cursor = (o->cursor + 1) & (o->size - 1);
    }
}

/* One of his places: free, or resting since he had it. GW_ENOENT. */
static int take_own(struct gw_pools *p, uint64_t who, struct gw_prefix *out)
{
    for (size_t i = 0; i < p->npools * OWN_PLACES; i++) {
        struct gw_pool *o = &p->pool[i / OWN_PLACES];
        uint64_t place = gw_hash(&who, sizeof who, p->seed + i / OWN_PLACES) + i % OWN_PLACES;
        *out = pool_at(o, place & (o->size - 1));
        struct gw_pool_entry *e = gw_table_get(&p->entries, out);
        if (e == NULL)
            return entry_add(p, o, out, who);
        if (e->taken || e->who != who)
            continue;
        rest_to_taken(p, e);
        return 0;
    }
    return GW_ENOENT;
}

static int take_any(struct gw_pools *p, uint64_t who, struct gw_prefix *out)
{
    for (size_t i = 0; i < p->npools; i++) {
        struct gw_pool *o = &p->pool[i];
        struct gw_prefix x;
        int err;

        if (o->used == o->size)
            continue;
        x = pool_search(p, o);
        err = entry_add(p, o, &x, who);
        if (err != 0)
            return err;
        o->cursor = (o->cursor + 1) & (o->size - 1);
        *out = x;
        return 0;
    }
    if (p->oldest == NULL)
        return GW_EFULL;
    *out = p->oldest->prefix;
    p->oldest->who = who;
    rest_to_taken(p, p->oldest);
    return 0;
}

int gw_pools_take(struct gw_pools *p, struct gw_prefix *out)
{
    return take_any(p, 0, out);
}

int gw_pools_take_for(struct gw_pools *p, uint64_t who, struct gw_prefix *out)
{
    int err = take_own(p, who, out);

    return err == GW_ENOENT ? take_any(p, who, out) : err;
}

int gw_pools_reserve(struct gw_pools *p, const struct gw_prefix *x)
{
    struct gw_pool *o = pool_of(p, x);
    struct gw_pool_entry *e;

    if (o == NULL)
        return GW_EINVAL;
    e = gw_table_get(&p->entries, x);
    if (e == NULL)
        return entry_add(p, o, x, 0);
    if (e->taken)
        return GW_EEXIST;
    rest_to_taken(p, e);
    return 0;
}

int gw_pools_release(struct gw_pools *p, const struct gw_prefix *x)
{
    struct gw_pool_entry *e = gw_table_get(&p->entries, x);

    if (e == NULL || !e->taken)
        return GW_ENOENT;
    assert(p->taken > 0);
    e->taken = false;
    p->taken--;
    rest_link(p, e);
    if (p->resting > GW_POOL_RESTING)
        rest_forget_oldest(p);
    return 0;
}

void gw_pools_disown(struct gw_pools *p, const struct gw_prefix *x)
{
    struct gw_pool_entry *e = gw_table_get(&p->entries, x);

    if (e != NULL)
        e->who = 0;
}

bool gw_pools_own(const struct gw_pools *p, const struct gw_prefix *x)
{
    return pool_of(p, x) != NULL;
}

bool gw_pools_is_taken(const struct gw_pools *p, const struct gw_prefix *x)
{
    const struct gw_pool_entry *e = gw_table_get(&p->entries, x);
    return e != NULL && e->taken;
}

size_t gw_pools_count(const struct gw_pools *p)
{
    return p->taken;
}

uint64_t gw_pools_limit(const struct gw_pools *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->npools; i++)
        sum = p->pool[i].size > UINT64_MAX - sum ? UINT64_MAX : sum + p->pool[i].size;
    return sum;
}
