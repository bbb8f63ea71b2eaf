/* pool.h: exclusive prefix pools: which of the prefixes a MAAR may anchor are in use (RFC 8885 §3:
 * a pool belongs to one MAAR alone). One prefix per mobile node and anchor; a prefix given away
 * stays taken until it is released, and after a restart the owner reserves the ones it remembers
 * before it takes new ones. Memory follows what is taken (and at most GW_POOL_RESTING released
 * prefixes), never the size of a pool.
 *
 * Left to others: why a prefix is taken and for whom (src/fn/lm), remembering it (the store).
 */
#ifndef GW_FN_ALLOC_POOL_H
#define GW_FN_ALLOC_POOL_H

#include "base/alloc.h"
#include "base/err.h"
#include "base/table.h"
#include "node/config.h"

/* Released prefixes that are remembered, so that of those the least recently released is given
 * away first, and only when nothing else is left. */
#define GW_POOL_RESTING 4096

struct gw_pool {
    struct gw_prefix prefix;
    uint8_t node_len;
    uint64_t size;   /* prefixes in it; 2^(node_len - prefix.len) */
    uint64_t cursor; /* index the next search starts from */
    uint64_t used;   /* taken or resting */
};
struct gw_pools {
    const struct gw_alloc *al;
    struct gw_pool *pool;
    size_t npools;
    struct gw_table entries; /* struct gw_pool_entry, owned: taken and resting */
    struct gw_pool_entry *oldest, *newest;
    size_t resting, taken;
    uint64_t seed;
};

/* Copies the list. The seed decides where in each pool the search starts: two runs with one seed
 * give away the same prefixes. GW_EINVAL: node_len below the pool's length, above 128, or more
 * than 63 bits between them; GW_ENOMEM. On failure nothing needs to be freed. */
int gw_pools_init(struct gw_pools *p, const struct gw_alloc *al, const struct gw_cfg_pool *cfg,
                  size_t ncfg, uint64_t seed);
void gw_pools_free(struct gw_pools *p);
/* Where gw_pools_take_for looks first follows from this secret, not from the seed: before any. */
void gw_pools_set_places(struct gw_pools *p, uint64_t secret);

/* A free prefix: of the first pool that has one never used or long forgotten, else the least
 * recently released of all. GW_EFULL when every prefix is taken, GW_ENOMEM. */
int gw_pools_take(struct gw_pools *p, struct gw_prefix *out);
/* The same for somebody who may come back: while it is free he gets the one he had before. `who`
 * is any value that tells takers apart; it is not remembered over a restart, but the place where
 * it is looked for first may be the same (gw_pools_set_places). */
int gw_pools_take_for(struct gw_pools *p, uint64_t who, struct gw_prefix *out);
/* Takes a given one (restore). GW_EEXIST when taken; GW_EINVAL when it is not a prefix of a pool
 * (outside, another length, bits behind the length); GW_ENOMEM. */
int gw_pools_reserve(struct gw_pools *p, const struct gw_prefix *x);
/* GW_ENOENT when it is not taken. Never fails otherwise, needs no memory. */
int gw_pools_release(struct gw_pools *p, const struct gw_prefix *x);

/* Whoever has it taken does not get it again as the one he had before: it was another's. */
void gw_pools_disown(struct gw_pools *p, const struct gw_prefix *x);

bool gw_pools_own(const struct gw_pools *p,
                  const struct gw_prefix *x); /* in a pool, of its length */
bool gw_pools_is_taken(const struct gw_pools *p, const struct gw_prefix *x);
size_t gw_pools_count(const struct gw_pools *p);   /* taken */
uint64_t gw_pools_limit(const struct gw_pools *p); /* of all pools; saturates at UINT64_MAX */

#endif
