/* table.h: a hash table of pointers to objects that carry their own key. O(1), bounded by a limit,
 * seeded against collision attacks. It owns no object. Removing while iterating is allowed for the
 * entry the iterator stands on. It grows in small steps: no operation moves more than some hundred
 * entries. */
#ifndef GW_BASE_TABLE_H
#define GW_BASE_TABLE_H

#include "base/alloc.h"

struct gw_table_ops {
    uint64_t (*hash)(const void *key, uint64_t seed);
    bool (*eq)(const void *key, const void *obj);
    const void *(*key)(const void *obj); /* pointer to the key in the object */
};

struct gw_table_segment;
struct gw_table {
    const struct gw_alloc *al;
    const struct gw_table_ops *ops;
    struct gw_table_segment *only, **dir; /* one segment, or 2^depth places of them */
    uint8_t depth;
    size_t used, limit;
    uint64_t seed;
};

/* limit: the most entries it takes (GW_EFULL beyond); 0 is no limit. */
void gw_table_init(struct gw_table *t, const struct gw_alloc *al, const struct gw_table_ops *ops,
                   size_t limit, uint64_t seed);
void gw_table_free(struct gw_table *t); /* not the objects */
void *gw_table_get(const struct gw_table *t, const void *key);
int gw_table_put(struct gw_table *t, void *obj); /* GW_EEXIST, GW_EFULL, GW_ENOMEM */
/* Puts obj in the place of the object with the same key, which must be there. Never fails. */
void gw_table_swap(struct gw_table *t, void *obj);
void *gw_table_del(struct gw_table *t, const void *key); /* the object, or NULL */
size_t gw_table_count(const struct gw_table *t);
/* for (size_t i = 0; (obj = gw_table_next(t, &i)) != NULL;) ... */
void *gw_table_next(const struct gw_table *t, size_t *it);

/* SipHash-like keyed hash of octets. */
uint64_t gw_hash(const void *data, size_t len, uint64_t seed);

#endif
