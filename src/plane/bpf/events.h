/* events.h: what the BPF programs tell the daemon, all of it bounded: unknown stations (once per
 * GW_REPORT_AGAIN_NS and address, and a token bucket per interface), first packets of watched
 * prefixes, packets that want an ICMPv6 error (a token bucket), and flows that were chosen for (the
 * table bounds them).
 */
#ifndef GW_PLANE_BPF_EVENTS_H
#define GW_PLANE_BPF_EVENTS_H

#include "plane/bpf/maps.h"

/* A full ring loses events and counts them: it never blocks packets. */
GW_INLINE void *gw_event(__u64 size, enum gw_ev_kind kind, __u32 ifindex, __u64 now)
{
    struct gw_ev_head *h = bpf_ringbuf_reserve(&events, size, 0);

    if (!h) {
        gw_count(GW_R_EVENT_LOST, 0);
        return 0;
    }
    h->kind = kind;
    h->ifindex = ifindex;
    h->mono_ns = now;
    return h;
}

GW_INLINE void gw_report_station(struct gw_t_iface *i, const struct gw_pkt *p, __u64 now)
{
    __u64 *last = bpf_map_lookup_elem(&recent, &p->from);

    if (last && now - *last < GW_REPORT_AGAIN_NS)
        return;
    if (!gw_bucket_take(&i->reports, now, GW_REPORT_RATE, GW_REPORT_BURST))
        return gw_count(GW_R_REPORT_BOUND, p->len);
    bpf_map_update_elem(&recent, &p->from, &now, BPF_ANY);
    struct gw_ev_station *e = gw_event(sizeof *e, GW_EV_STATION, p->ifindex, now);
    if (!e)
        return;
    GW_COPY(e->mac, p->from.mac, sizeof e->mac);
    e->_pad = 0;
    bpf_ringbuf_submit(e, 0);
    gw_count(GW_R_REPORTED, p->len);
}

GW_INLINE void gw_report_first(const struct gw_t_prefix *x, __u32 up, __u32 ifindex, __u64 now)
{
    struct gw_ev_first *e = gw_event(sizeof *e, GW_EV_FIRST, ifindex, now);

    if (!e)
        return;
    e->prefix = x->prefix;
    e->up = up;
    bpf_ringbuf_submit(e, 0);
}

/* kind: MISS or USE. */
GW_INLINE void gw_report_flow(const struct gw_t_self *me, const struct gw_pkt *p,
                              const struct gw_verdict *v, enum gw_ev_kind kind, __u8 ended)
{
    struct gw_ev_flow *e = gw_event(sizeof *e, kind, p->ifindex, p->now_ns);

    if (!e)
        return;
    e->ended = ended;
    e->from = p->outer.src;
    e->client = p->serve.key.src;
    e->cs_id = p->serve.key.cs_id;
    e->csci_id = v->flow->csci_id;
    e->egress =
        v->instance && v->instance->kind == GW_T_INSTANCE_AWAY ? v->instance->egress : me->addr;
    e->sport = p->serve.key.sport;
    e->dport = p->serve.key.dport;
    e->proto = p->serve.key.proto;
    e->cs = v->flow->cs;
    bpf_ringbuf_submit(e, 0);
}

GW_INLINE void gw_report_mark(const struct gw_pkt *p, const struct gw_verdict *v, __u64 now)
{
    struct gw_ev_mark *e = gw_event(sizeof *e, GW_EV_MARK, p->ifindex, now);

    if (!e)
        return;
    e->by = p->ip.src;
    e->prefix = v->deliver->prefix;
    e->generation = GW_HTONL(p->option[2]);
    bpf_ringbuf_submit(e, 0);
}

/* After the packet is out: what it changed in the tables, and who waited for it. */
GW_INLINE void gw_settle(const struct gw_t_self *me, const struct gw_pkt *p,
                         const struct gw_verdict *v, __u64 now)
{
    gw_count(v->reason, p->len);
    if (v->marked && v->deliver)
        gw_report_mark(p, v, now);
    if (v->action == GW_PATH_DROP || v->action == GW_PATH_KEEP ||
        (v->action == GW_PATH_PASS && !v->decap))
        return;
    __u32 fired = gw_account(p, v, now);
    enum gw_serve_use use = gw_serve_uses(p, v);
    if (use != GW_SERVE_USE_NONE)
        gw_report_flow(me, p, v, GW_EV_USE, use == GW_SERVE_USE_ENDED);
    else if (gw_serve_tells(p, v))
        gw_report_flow(me, p, v, GW_EV_MISS, 0);
    if (v->up && fired & GW_T_WATCH_UP)
        gw_report_first(v->up, 1, p->ifindex, now);
    if (v->down && fired & GW_T_WATCH_DOWN)
        gw_report_first(v->down, 0, p->ifindex, now);
}

#endif
