/* maps.h: the tables of plane/tables.h as BPF maps, and the lookups that path.h asks for. Sizes of
 * those with 1 here come from the configuration (the loader sets them).
 */
#ifndef GW_PLANE_BPF_MAPS_H
#define GW_PLANE_BPF_MAPS_H

#include "plane/path.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gw_t_self);
} self SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, struct gw_t_iface);
} ifaces SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct gw_t_station_key);
    __type(value, struct gw_t_station);
} stations SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u64);
    __type(value, struct gw_t_prefix);
} prefixes64 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct gw_t_prefix_key);
    __type(value, struct gw_t_prefix);
} prefixes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct gw_t_net_key);
    __type(value, struct gw_t_net);
} nets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct gw_t_addr);
    __type(value, struct gw_t_peer);
} peers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct gw_t_station_key);
    __type(value, __u64);
} recent SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, GW_R_COUNT);
    __type(key, __u32);
    __type(value, struct gw_t_counter);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");

/* What does not fit on a program's stack; one for each, so that they may follow each other on a
 * CPU. */
enum { GW_WORK_TC, GW_WORK_XDP, GW_WORK_COUNT };
struct gw_work {
    struct gw_pkt pkt;
    struct gw_headers headers;
    struct bpf_fib_lookup fib;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, GW_WORK_COUNT);
    __type(key, __u32);
    __type(value, struct gw_work);
} work SEC(".maps");

GW_INLINE struct gw_work *gw_tbl_work(__u32 of)
{
    return bpf_map_lookup_elem(&work, &of);
}

GW_INLINE struct gw_t_self *gw_tbl_self(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&self, &zero);
}

GW_INLINE struct gw_t_iface *gw_tbl_iface(void *t, __u32 ifindex)
{
    (void)t;
    return bpf_map_lookup_elem(&ifaces, &ifindex);
}

GW_INLINE struct gw_t_station *gw_tbl_station(void *t, const struct gw_t_station_key *key)
{
    (void)t;
    return bpf_map_lookup_elem(&stations, key);
}

GW_INLINE struct gw_t_prefix *gw_tbl_prefix(void *t, const struct gw_t_self *me,
                                            const struct gw_t_addr *a)
{
    __u64 upper = gw_t_key64(a);
    struct gw_t_prefix *x = bpf_map_lookup_elem(&prefixes64, &upper);

    (void)t;
    if (x || me->lpm_used == 0)
        return x;
    struct gw_t_prefix_key key = {.len = 128, .addr = *a};
    return bpf_map_lookup_elem(&prefixes, &key);
}

GW_INLINE struct gw_t_net *gw_tbl_net(void *t, const struct gw_t_station_key *station,
                                      const struct gw_t_addr *a)
{
    struct gw_t_net_key key = {.len = GW_T_NET_BITS + 128, .station = *station, .addr = *a};

    (void)t;
    return bpf_map_lookup_elem(&nets, &key);
}

GW_INLINE struct gw_t_peer *gw_tbl_peer(void *t, const struct gw_t_addr *a)
{
    (void)t;
    return bpf_map_lookup_elem(&peers, a);
}

#include "plane/bpf/hold.h"
#include "plane/bpf/serve.h"

GW_INLINE void gw_count(__u32 reason, __u32 octets)
{
    struct gw_t_counter *c = bpf_map_lookup_elem(&counters, &reason);

    if (c) {
        c->packets++;
        c->octets += octets;
    }
}

#endif
