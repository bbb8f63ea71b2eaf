/* bench.bpf.c: the packet path between two readings of the clock, and the same around nothing. One
 * packet per test-run: `repeat` would hand a program the packet that it has encapsulated before,
 * and a classifier cannot undo that. bench_plane.c lets these programs use the loader's tables.
 */
#include "plane/bpf/events.h"

/* The programs become functions of ours. */
#undef SEC
#define SEC(name) static __always_inline
#include "plane/bpf/tc.h"
#include "plane/bpf/xdp.h"
#undef SEC
#define SEC(name) __attribute__((section(name), used))

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} spent SEC(".maps");

GW_INLINE int done(__u64 from, int verdict)
{
    __u64 to = bpf_ktime_get_ns();
    __u32 zero = 0;
    __u64 *sum = bpf_map_lookup_elem(&spent, &zero);

    if (sum)
        *sum += to - from;
    return verdict;
}

SEC("tc")
int bench_tc(struct __sk_buff *skb)
{
    __u64 from = bpf_ktime_get_ns();
    int verdict = gw_tc(skb);

    return done(from, verdict);
}

SEC("tc")
int bench_tc_ok(struct __sk_buff *skb)
{
    __u64 from = bpf_ktime_get_ns();

    (void)skb;
    return done(from, TC_ACT_OK);
}

SEC("xdp")
int bench_xdp(struct xdp_md *ctx)
{
    __u64 from = bpf_ktime_get_ns();
    int verdict = gw_xdp(ctx);

    return done(from, verdict);
}

SEC("xdp")
int bench_xdp_pass(struct xdp_md *ctx)
{
    __u64 from = bpf_ktime_get_ns();

    (void)ctx;
    return done(from, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
