/* serve.h (bpf): the tables of serve_tables.h as BPF maps, and the lookups that the path's serve.h
 * and select.h ask for. `steer` is mapped into the loader's memory, which computes with it in
 * place.
 */
#ifndef GW_PLANE_BPF_SERVE_H
#define GW_PLANE_BPF_SERVE_H

#include "plane/select.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, GW_SERVICES_MAX);
    __type(key, struct gw_t_cs_key);
    __type(value, struct gw_t_cs);
} services SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct gw_t_flow_key);
    __type(value, struct gw_t_flow);
} flows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1);
    __type(key, struct gw_t_flow_key);
    __type(value, struct gw_t_flow);
} pending SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, GW_SERVICES_MAX *GW_STEER_CANDIDATES);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct gw_t_addr);
    __type(value, struct gw_t_instance);
} instances SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, GW_SERVICES_MAX);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct gw_t_steer);
} steer SEC(".maps");

GW_INLINE struct gw_t_cs *gw_tbl_cs(void *t, const struct gw_t_cs_key *key)
{
    (void)t;
    return bpf_map_lookup_elem(&services, key);
}

GW_INLINE struct gw_t_flow *gw_tbl_flow(void *t, int of_pending, const struct gw_t_flow_key *key)
{
    (void)t;
    if (of_pending)
        return bpf_map_lookup_elem(&pending, key);
    return bpf_map_lookup_elem(&flows, key);
}

GW_INLINE struct gw_t_flow *gw_tbl_flow_add(void *t, int of_pending,
                                            const struct gw_t_flow_key *key,
                                            const struct gw_t_flow *flow, int *fresh)
{
    if (of_pending)
        *fresh = bpf_map_update_elem(&pending, key, flow, BPF_NOEXIST) == 0;
    else
        *fresh = bpf_map_update_elem(&flows, key, flow, BPF_NOEXIST) == 0;
    return gw_tbl_flow(t, of_pending, key);
}

GW_INLINE void gw_tbl_flow_del(void *t, int of_pending, const struct gw_t_flow_key *key)
{
    (void)t;
    if (of_pending)
        bpf_map_delete_elem(&pending, key);
    else
        bpf_map_delete_elem(&flows, key);
}

GW_INLINE struct gw_t_instance *gw_tbl_instance(void *t, const struct gw_t_addr *csci_id)
{
    (void)t;
    return bpf_map_lookup_elem(&instances, csci_id);
}

/* An index that the verifier can see to be within an array of 2^n: the compiler must not take the
 * masking for done because it has compared already. */
GW_INLINE __u32 gw_within(__u32 i, __u32 mask)
{
    asm volatile("" : "+r"(i));
    return i & mask;
}

/* For select.h `t` is the service's entry of `steer`. */
GW_INLINE struct gw_t_candidate *gw_tbl_candidate(void *t, const struct gw_t_service *s, __u32 i)
{
    struct gw_t_steer *all = t;

    (void)s;
    return &all->candidate[gw_within(i, GW_STEER_CANDIDATES - 1)];
}

GW_INLINE struct gw_t_candidate_use *gw_tbl_candidate_use(void *t, const struct gw_t_service *s,
                                                          __u32 i)
{
    struct gw_t_steer *all = t;

    (void)s;
    return &all->candidate_use[gw_within(i, GW_STEER_CANDIDATES - 1)];
}

GW_INLINE const __u8 *gw_tbl_ring(void *t, const struct gw_t_service *s, __u32 slot)
{
    struct gw_t_steer *all = t;

    (void)s;
    return &all->ring[gw_within(slot, sizeof all->ring - 1)];
}

/* Of the choice under way: too large for the stack. */
struct gw_choosing {
    struct gw_steer_in in;
    struct gw_t_answer answer;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gw_choosing);
} choosing SEC(".maps");

/* A global function, so that the verifier looks at the choice once and not with every state that
 * its callers may be in. */
__attribute__((noinline)) int gw_choose(struct gw_choice *c)
{
    __u32 zero = 0;

    if (!c)
        return 0;
    __u32 id = c->id;
    struct gw_t_steer *s = bpf_map_lookup_elem(&steer, &id);
    struct gw_choosing *w = bpf_map_lookup_elem(&choosing, &zero);
    if (!s || !w)
        return 0;
    struct gw_t_answer *a = &w->answer;
    w->in.now_ns = c->now_ns;
    w->in.random = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
    w->in.flow = c->flow;
    if (!gw_select(s, &s->service, &s->use, &w->in, a) || a->index >= GW_STEER_CANDIDATES)
        return 0;
    c->csci_id = s->candidate[gw_within(a->index, GW_STEER_CANDIDATES - 1)].csci_id;
    c->candidate = s->service.base + a->index;
    c->reason = a->reason;
    return 1;
}

GW_INLINE int gw_tbl_choose(void *t, struct gw_choice *c)
{
    (void)t;
    return gw_choose(c);
}

GW_INLINE void gw_tbl_in_flight(void *t, __u32 candidate, int by)
{
    __u32 id = candidate / GW_STEER_CANDIDATES;
    struct gw_t_steer *s = bpf_map_lookup_elem(&steer, &id);

    (void)t;
    if (!s)
        return;
    struct gw_t_candidate_use *u = &s->candidate_use[candidate % GW_STEER_CANDIDATES];
    if (by > 0)
        gw_steer_begin(u);
    else
        gw_steer_end(u);
}

#endif
