/* native_impl.h: what the files of the native build share; for src/plane/native*.c only. */
#ifndef GW_PLANE_NATIVE_IMPL_H
#define GW_PLANE_NATIVE_IMPL_H

#include "base/prng.h"
#include "base/table.h"
#include "plane/entries.h"
#include "plane/native.h"
#include "plane/native_hold.h"
#include "plane/native_serve.h"

enum { RECENT = 1024, HOP_LIMIT = 64, PREFIX_LENGTHS = 129 };

struct station {
    struct gw_t_station_key key;
    struct gw_t_station v;
};
struct prefix {
    struct gw_t_prefix_key key;
    struct gw_t_prefix v;
};
struct net {
    struct gw_t_net_key key;
    struct gw_t_net v;
};
struct peer {
    struct gw_t_addr key;
    struct gw_t_peer v;
};

struct gw_native {
    struct gw_alloc al;
    struct gw_native_ops ops;
    void *user;
    struct gw_t_self self;
    size_t nifs;
    struct gw_t_iface *ifs;
    uint32_t *ifindex;
    struct gw_table stations, prefixes, nets, peers;
    uint32_t of_length[PREFIX_LENGTHS];      /* entries of each prefix length */
    uint32_t nets_of_length[PREFIX_LENGTHS]; /* the same of networks */
    struct {
        struct gw_t_station_key key;
        uint64_t at;
    } recent[RECENT]; /* direct-mapped: a collision forgets, as LRU eviction does */
    struct gw_t_counter counters[GW_R_COUNT];
    struct gw_time deadline; /* of the first path MTU that is held */
    struct gw_time sweep;    /* when flows are looked through next */
    struct gw_native_serve serve;
    struct gw_prng prng; /* of choices */
    struct gw_native_holds holds;
};

static inline struct gw_ifmap gw_native_ifmap(const struct gw_native *n)
{
    return (struct gw_ifmap){.ifindex = n->ifindex, .n = n->nifs};
}

static inline size_t gw_native_recent(const struct gw_native *n, const struct gw_t_station_key *k)
{
    return gw_hash(k, sizeof *k, n->stations.seed) % RECENT;
}

/* native_tables.c: everything, or what was not set since the last restart. */
void gw_native_clear(struct gw_native *n, bool stale_only);
void gw_native_serve_clear(struct gw_native *n, bool stale_only);

#endif
