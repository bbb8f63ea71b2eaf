/* xdp.h: the fast driver of path.h. It does what it can do alone, which is most packets: deliver,
 * tunnel, route to a resolved neighbour behind an interface that takes XDP frames, and drop. All
 * else it leaves untouched and uncounted to the tc program behind it (XDP_PASS): what is the
 * kernel's, ICMPv6 errors, unresolved neighbours, interfaces without XDP.
 */
#ifndef GW_PLANE_BPF_XDP_H
#define GW_PLANE_BPF_XDP_H

#include "plane/bpf/events.h"

/* The interface to send to, or 0: not from here. */
GW_INLINE __u32 gw_xdp_target(struct xdp_md *ctx, const struct gw_pkt *p,
                              const struct gw_verdict *v, struct bpf_fib_lookup *f)
{
    __u32 target = 0;

    if (v->deliver) {
        target = v->deliver->station.ifindex;
    } else {
        *f = (struct bpf_fib_lookup){.family = 10};
        f->tot_len = (__u16)gw_fib_len(v);
        f->ifindex = v->encap ? 1 : p->ifindex;
        GW_COPY(f->ipv6_src, &p->ip.src, sizeof f->ipv6_src);
        GW_COPY(f->ipv6_dst, gw_fib_dst(p, v), sizeof f->ipv6_dst);
        if (bpf_fib_lookup(ctx, f, sizeof *f, 0) == BPF_FIB_LKUP_RET_SUCCESS)
            target = f->ifindex;
    }
    struct gw_t_iface *i = gw_tbl_iface(0, target);
    return i && i->xdp ? target : 0;
}

/* 0, or there is no room. */
GW_INLINE int gw_xdp_edit(struct xdp_md *ctx, const struct gw_verdict *v,
                          const struct gw_headers *h)
{
    int move = (int)gw_outer_off(v) - (int)gw_outer_on(v);

    if (move && bpf_xdp_adjust_head(ctx, move))
        return -1;
    __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + GW_ETH_LEN + GW_IP6_LEN > end)
        return -1;
    GW_COPY(GW_ETH(data), &h->eth, sizeof h->eth);
    if (!v->encap) {
        GW_COPY(GW_HDR(data + GW_ETH_LEN), h->inner, sizeof h->inner);
        return 0;
    }
    if (data + GW_ETH_LEN + 2 * GW_IP6_LEN > end)
        return -1;
    GW_COPY(GW_HDR(data + GW_ETH_LEN), &h->outer.ip, sizeof h->outer.ip);
    if (!v->ask) {
        GW_COPY(GW_HDR(data + GW_ETH_LEN + GW_IP6_LEN), h->inner, sizeof h->inner);
        return 0;
    }
    if (data + GW_ETH_LEN + 2 * GW_IP6_LEN + GW_MARK_LEN > end)
        return -1;
    GW_COPY(GW_HDR(data + GW_ETH_LEN + GW_IP6_LEN), h->outer.mark, sizeof h->outer.mark);
    GW_COPY(GW_HDR(data + GW_ETH_LEN + GW_IP6_LEN + GW_MARK_LEN), h->inner, sizeof h->inner);
    return 0;
}

static __attribute__((noinline)) int gw_xdp_send(struct xdp_md *ctx, struct gw_t_self *me,
                                                 struct gw_work *w, struct gw_verdict *v)
{
    const struct gw_pkt *p = &w->pkt;
    struct gw_headers *h = &w->headers;
    __u32 target = gw_xdp_target(ctx, p, v, &w->fib);

    if (!target)
        return XDP_PASS;
    gw_prepare(me, p, v, h);
    if (!v->deliver) {
        GW_COPY(h->eth.dst, w->fib.dmac, sizeof h->eth.dst);
        GW_COPY(h->eth.src, w->fib.smac, sizeof h->eth.src);
    }
    if (gw_xdp_edit(ctx, v, h))
        gw_drop(v, GW_R_NO_ROOM);
    gw_settle(me, p, v, p->now_ns);
    return v->action == GW_PATH_SEND ? (int)bpf_redirect(target, 0) : XDP_DROP;
}

/* Not left to tc: of packets that this program sends and those that tc does, either might overtake
 * the other. */
static __attribute__((noinline)) int gw_xdp_keep(struct xdp_md *ctx, struct gw_work *w,
                                                 const struct gw_verdict *v)
{
    struct gw_kept_eth *to = (void *)w->headers.eth.dst; /* the stack is full */
    __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

    if (data + sizeof *to > end)
        return XDP_DROP;
    *to = gw_kept_eth(&w->pkt);
    GW_COPY(GW_ETH(data), to, sizeof *to);
    gw_count(v->reason, w->pkt.len);
    return (int)bpf_redirect(gw_keeper_device(), 0);
}

SEC("xdp")
int gw_xdp(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct gw_t_iface *iface = gw_tbl_iface(0, ctx->ingress_ifindex);
    struct gw_t_self *me = gw_tbl_self();
    struct gw_work *w = gw_tbl_work(GW_WORK_XDP);
    struct gw_verdict v = {};

    if (!iface || !me || !w || end - data < GW_ETH_LEN)
        return XDP_PASS;
    struct gw_pkt *p = &w->pkt;
    p->ifindex = ctx->ingress_ifindex;
    p->len = (__u32)(end - data) - GW_ETH_LEN;
    p->gso_size = 0;
    p->released = 0;
    p->now_ns = bpf_ktime_get_ns();
    gw_classify(0, me, iface, p, data, end, &v);
    if (v.report)
        gw_report_station(iface, p, p->now_ns);
    if (v.action == GW_PATH_SEND)
        return gw_xdp_send(ctx, me, w, &v);
    if (v.action == GW_PATH_KEEP)
        return gw_xdp_keep(ctx, w, &v);
    if (v.action == GW_PATH_PASS || v.icmp_type)
        return XDP_PASS;
    gw_settle(me, p, &v, p->now_ns);
    return XDP_DROP;
}

#endif
