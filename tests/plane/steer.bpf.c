/* steer.bpf.c: the path selector's rule as the kernel runs it, for test_steer_bpf.c: one choice per
 * packet, over tables that are maps. What a packet is does not matter here.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "plane/select.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gw_t_service);
} services SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gw_t_service_use);
} service_use SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2 * GW_STEER_CANDIDATES);
    __type(key, __u32);
    __type(value, struct gw_t_candidate);
} candidates SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2 * GW_STEER_CANDIDATES);
    __type(key, __u32);
    __type(value, struct gw_t_candidate_use);
} candidate_use SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, GW_STEER_RING);
    __type(key, __u32);
    __type(value, __u8);
} ring SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gw_steer_in);
} inputs SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gw_t_answer);
} answers SEC(".maps");

GW_INLINE struct gw_t_candidate *gw_tbl_candidate(void *t, const struct gw_t_service *s, __u32 i)
{
    __u32 key = s->base + i;

    (void)t;
    return bpf_map_lookup_elem(&candidates, &key);
}

GW_INLINE struct gw_t_candidate_use *gw_tbl_candidate_use(void *t, const struct gw_t_service *s,
                                                          __u32 i)
{
    __u32 key = s->base + i;

    (void)t;
    return bpf_map_lookup_elem(&candidate_use, &key);
}

GW_INLINE const __u8 *gw_tbl_ring(void *t, const struct gw_t_service *s, __u32 slot)
{
    __u32 key = s->ring + slot;

    (void)t;
    return bpf_map_lookup_elem(&ring, &key);
}

/* TC_ACT_OK: somebody was chosen; TC_ACT_SHOT: nobody is up. */
SEC("tc")
int choose(struct __sk_buff *skb)
{
    __u32 zero = 0;
    struct gw_t_service *s = bpf_map_lookup_elem(&services, &zero);
    struct gw_t_service_use *u = bpf_map_lookup_elem(&service_use, &zero);
    const struct gw_steer_in *in = bpf_map_lookup_elem(&inputs, &zero);
    struct gw_t_answer *a = bpf_map_lookup_elem(&answers, &zero);

    (void)skb;
    if (!s || !u || !in || !a)
        return TC_ACT_UNSPEC;
    if (!gw_select(0, s, u, in, a))
        return TC_ACT_SHOT;
    struct gw_t_candidate_use *chosen = gw_tbl_candidate_use(0, s, a->index);
    if (chosen)
        gw_steer_begin(chosen);
    return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
