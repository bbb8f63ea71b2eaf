/* hold.h (bpf): the tables of hold_tables.h as BPF maps, and what the path's hold.h asks for.
 * Packets go to the keeper by its TAP device, with whose they are in the Ethernet destination,
 * which the path never looks at; so they come back (tc.h), too.
 */
#ifndef GW_PLANE_BPF_HOLD_H
#define GW_PLANE_BPF_HOLD_H

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, GW_HOLDS_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct gw_t_hold_key);
    __type(value, __u32);
} holds SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, GW_HOLDS_MAX);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct gw_t_hold);
} hold_of SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct gw_t_keeper);
} keeper SEC(".maps");

/* The keeper's device; 0: nobody is there. */
GW_INLINE __u32 gw_keeper_device(void)
{
    __u32 zero = 0;
    const struct gw_t_keeper *k = bpf_map_lookup_elem(&keeper, &zero);

    if (!k || bpf_ktime_get_ns() > k->alive_ns + GW_KEEPER_ALIVE_NS)
        return 0;
    return k->ifindex;
}

/* A global function, so that the verifier looks at it once (as gw_choose). Linux 6.1 takes keys
 * from its own stack only. */
__attribute__((noinline)) int gw_keep(struct gw_pkt *p)
{
    if (!p || !gw_keeper_device())
        return 0;
    struct gw_hold_ask *a = &p->hold;
    struct gw_t_hold_key key = a->key;
    __u32 *found = bpf_map_lookup_elem(&holds, &key);
    if (!found) {
        key.from = (struct gw_t_addr){};
        found = bpf_map_lookup_elem(&holds, &key);
    }
    if (!found)
        return 0;
    __u32 id = *found;
    a->id = id;
    struct gw_t_hold *h = bpf_map_lookup_elem(&hold_of, &id);
    return h ? gw_hold_takes(h, a) : 0;
}

GW_INLINE int gw_tbl_keep(void *t, struct gw_pkt *p)
{
    (void)t;
    return gw_keep(p);
}

struct gw_kept_eth {
    __u8 what, iface;
    __u16 hi, lo; /* of the id, or the ifindex; network order */
} __attribute__((packed));

/* The destination of the frame that the keeper gets. */
GW_INLINE struct gw_kept_eth gw_kept_eth(const struct gw_pkt *p)
{
    const struct gw_t_iface *iface = gw_tbl_iface(0, p->ifindex);

    return (struct gw_kept_eth){.what = GW_KEPT,
                                .iface = (__u8)(iface ? iface->index : 0),
                                .hi = GW_HTONS((__u16)(p->hold.id >> 16)),
                                .lo = GW_HTONS((__u16)p->hold.id)};
}

#endif
