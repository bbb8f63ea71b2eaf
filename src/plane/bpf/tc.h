/* tc.h: the complete driver of path.h: a clsact ingress classifier. GSO packets stay whole: room
 * for the outer header is made with ENCAP_L3_IPV6, so that the kernel or the card segments behind
 * it; lengths are compared per segment. The next hop's link-layer address is the kernel's business
 * (bpf_redirect_neigh). Headers are written with RECOMPUTE_CSUM because cards may have given a
 * checksum over the whole frame.
 */
#ifndef GW_PLANE_BPF_TC_H
#define GW_PLANE_BPF_TC_H

#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include "plane/bpf/events.h"

#define GW_AF_INET6 10

/* An ICMPv6 error is due: hand its quote, the packet as it came from its source, to the daemon. */
GW_INLINE void gw_tc_error(struct __sk_buff *skb, struct gw_t_self *me, const struct gw_pkt *p,
                           const struct gw_verdict *v, __u64 now)
{
    __u32 off = GW_ETH_LEN + gw_outer_off(v), len = skb->len;

    if (!gw_bucket_take(&me->punts, now, GW_ERROR_RATE, GW_ERROR_BURST))
        return gw_count(GW_R_ERROR_BOUND, 0);
    if (len < off + GW_IP6_LEN)
        return;
    len -= off;
    if (len > GW_QUOTE_MAX)
        len = GW_QUOTE_MAX;
    struct gw_ev_error *e = gw_event(sizeof *e, GW_EV_ERROR, p->ifindex, now);
    if (!e)
        return;
    e->type = v->icmp_type;
    e->code = v->icmp_code;
    e->mtu = v->mtu;
    e->len = (__u16)len;
    __builtin_memset(e->mac, 0, sizeof e->mac);
    if (!v->decap)
        GW_COPY(e->mac, p->from.mac, sizeof e->mac);
    e->_pad = 0;
    if (bpf_skb_load_bytes(skb, off, e->packet, len))
        bpf_ringbuf_discard(e, 0);
    else
        bpf_ringbuf_submit(e, 0);
}

GW_INLINE int gw_tc_fib(struct __sk_buff *skb, const struct gw_pkt *p, struct gw_verdict *v,
                        struct bpf_fib_lookup *f)
{
    *f = (struct bpf_fib_lookup){.family = GW_AF_INET6};
    f->tot_len = (__u16)gw_fib_len(v);
    f->ifindex = v->encap ? 1 : p->ifindex; /* the outer packet originates here: loopback */
    GW_COPY(f->ipv6_src, &p->ip.src, sizeof f->ipv6_src);
    GW_COPY(f->ipv6_dst, gw_fib_dst(p, v), sizeof f->ipv6_dst);
    int rc = (int)bpf_fib_lookup(skb, f, sizeof *f, 0);
    gw_fib_apply(v, rc, f->mtu_result);
    return rc;
}

/* 0, or the kernel would not change the packet. */
GW_INLINE int gw_tc_edit(struct __sk_buff *skb, const struct gw_verdict *v,
                         const struct gw_headers *h)
{
    __u64 grow = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
    __s32 by = (__s32)gw_outer_on(v) - (__s32)gw_outer_off(v);

    if (bpf_skb_store_bytes(skb, GW_ETH_LEN + gw_outer_off(v), h->inner, sizeof h->inner,
                            BPF_F_RECOMPUTE_CSUM))
        return -1;
    if (by > 0 && bpf_skb_adjust_room(skb, by, BPF_ADJ_ROOM_MAC, grow))
        return -1;
    if (by < 0 && bpf_skb_adjust_room(skb, by, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
        return -1;
    if (v->encap && bpf_skb_store_bytes(skb, GW_ETH_LEN, &h->outer.ip, sizeof h->outer.ip,
                                        BPF_F_RECOMPUTE_CSUM))
        return -1;
    if (v->ask && bpf_skb_store_bytes(skb, GW_ETH_LEN + GW_IP6_LEN, h->outer.mark,
                                      sizeof h->outer.mark, BPF_F_RECOMPUTE_CSUM))
        return -1;
    if (v->deliver)
        return (int)bpf_skb_store_bytes(skb, 0, &h->eth, sizeof h->eth, 0);
    return 0;
}

GW_INLINE int gw_tc_keep(struct __sk_buff *skb, const struct gw_pkt *p)
{
    struct gw_kept_eth to = gw_kept_eth(p);

    bpf_skb_store_bytes(skb, 0, &to, sizeof to, 0);
    return (int)bpf_redirect(gw_keeper_device(), 0);
}

/* What comes from the keeper has come in on another interface: that one's. */
GW_INLINE struct gw_t_iface *gw_tc_released(struct __sk_buff *skb, struct gw_pkt *p)
{
    struct gw_kept_eth to;

    if (bpf_skb_load_bytes(skb, 0, &to, sizeof to) || to.what != GW_KEPT_BACK)
        return 0;
    p->released = 1;
    p->ifindex = (__u32)GW_HTONS(to.hi) << 16 | GW_HTONS(to.lo);
    return gw_tbl_iface(0, p->ifindex);
}

/* Carries the verdict out. */
GW_INLINE int gw_tc_finish(struct __sk_buff *skb, struct gw_t_self *me, struct gw_work *w,
                           struct gw_verdict *v, __u64 now)
{
    const struct gw_pkt *p = &w->pkt;
    struct bpf_redir_neigh nh = {.nh_family = GW_AF_INET6};

    if (v->action == GW_PATH_SEND || (v->action == GW_PATH_PASS && v->decap)) {
        gw_prepare(me, p, v, &w->headers);
        if (gw_tc_edit(skb, v, &w->headers))
            gw_drop(v, GW_R_NO_ROOM);
    }
    if (v->action == GW_PATH_DROP && v->icmp_type)
        gw_tc_error(skb, me, p, v, now);
    gw_settle(me, p, v, now);
    if (v->action == GW_PATH_KEEP)
        return gw_tc_keep(skb, p);
    if (v->action == GW_PATH_PASS && p->released) /* it had the address of another interface */
        bpf_skb_change_type(skb, PACKET_HOST);
    if (v->action == GW_PATH_DROP)
        return TC_ACT_SHOT;
    if (v->action == GW_PATH_PASS)
        return TC_ACT_OK;
    if (v->deliver)
        return (int)bpf_redirect(v->deliver->station.ifindex, 0);
    GW_COPY(nh.ipv6_nh, w->fib.ipv6_dst, sizeof nh.ipv6_nh);
    return (int)bpf_redirect_neigh(w->fib.ifindex, &nh, sizeof nh, 0);
}

SEC("tc")
int gw_tc(struct __sk_buff *skb)
{
    struct gw_t_iface *iface = gw_tbl_iface(0, skb->ifindex);
    struct gw_t_self *me = gw_tbl_self();
    struct gw_work *w = gw_tbl_work(GW_WORK_TC);
    struct gw_verdict v = {};
    __u64 now = bpf_ktime_get_ns();

    if (!iface || !me || !w || skb->vlan_present || skb->len < GW_ETH_LEN)
        return TC_ACT_OK;
    if (skb->data_end - skb->data < GW_HEADERS_MAX)
        bpf_skb_pull_data(skb, skb->len < GW_HEADERS_MAX ? skb->len : GW_HEADERS_MAX);
    struct gw_pkt *p = &w->pkt;
    p->ifindex = skb->ifindex;
    p->released = 0;
    if (iface->side == GW_T_KEEPER)
        iface = gw_tc_released(skb, p);
    if (!iface)
        return TC_ACT_SHOT;
    p->len = skb->len - GW_ETH_LEN;
    p->gso_size = skb->gso_size;
    p->now_ns = now;
    gw_classify(0, me, iface, p, (void *)(long)skb->data, (void *)(long)skb->data_end, &v);
    if (v.report)
        gw_report_station(iface, p, now);
    if (v.action == GW_PATH_SEND && !v.deliver)
        gw_tc_fib(skb, p, &v, &w->fib);
    return gw_tc_finish(skb, me, w, &v, now);
}

#endif
