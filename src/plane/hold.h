/* hold.h: packets of a client that moves are kept back, and the marker that ends a path. Part of
 * path.h, under its rules. Who keeps packets, the keeper, is the driver's (keeper.h): BPF programs
 * hand them to a TAP device that it reads.
 *
 * - Order: what is kept goes on before what comes later. When a hold is released the keeper sends
 *   all it has through the path again, which counts how many have gone to the keeper (`kept`) and
 *   is told how many have passed again (`back`). Until these are the same, what comes goes to the
 *   keeper too, behind the rest; so no packet overtakes another of its flow.
 * - What comes from the keeper is decided as the tables say then, and not kept once more.
 * - A keeper that is not heard of holds nothing: packets pass as if there were no hold.
 * - A marker is a packet like any other to the client's prefix, so that it stays behind those that
 *   went before it, wherever they are relayed or held. Where it would be delivered it is reported,
 *   if its source is a configured peer. It never reaches a station.
 */
#ifndef GW_PLANE_HOLD_H
#define GW_PLANE_HOLD_H

#include "plane/hold_tables.h"

/* Keeps the packet if there is such a hold, or one of all tunnels, and it takes the packet
 * (gw_hold_takes), as p->hold asks: 1. Its key is scratch. */
GW_INLINE int gw_tbl_keep(void *t, struct gw_pkt *p);

GW_INLINE int gw_hold_takes(struct gw_t_hold *h, const struct gw_hold_ask *a)
{
    int passes = a->passes || h->state == GW_T_HOLD_RELEASED;

    if (passes && (__s32)(h->kept - h->back) <= 0)
        return 0;
    __sync_fetch_and_add(&h->kept, a->frames);
    return 1;
}

/* Frames that the keeper gets: it takes no GSO packets. */
GW_INLINE __u32 gw_hold_frames(const struct gw_pkt *p, const struct gw_verdict *v)
{
    __u32 headers = gw_outer_off(v) + GW_IP6_LEN + p->l4_len;

    if (!p->gso_size || p->len <= headers)
        return 1;
    return (p->len - headers + p->gso_size - 1) / p->gso_size;
}

GW_INLINE void gw_hold_kept(struct gw_verdict *v, enum gw_reason way)
{
    v->action = GW_PATH_KEEP;
    v->reason = (__u8)way;
    v->icmp_type = 0;
    v->flow = 0;
}

/* In place: a BPF program would make it on its stack, which is full. */
GW_INLINE void gw_hold_ask(struct gw_hold_ask *a, const struct gw_t_addr *client, __u32 up)
{
    a->key.upper = gw_t_key64(client);
    a->key.up = up;
    a->key._pad = 0;
    for (int i = 0; i < 4; i++)
        a->key.from.w[i] = 0;
    a->passes = 0;
}

/* A station's packet to a service; known: its flow has an entry. 1: kept. */
GW_INLINE int gw_hold_up(void *t, struct gw_pkt *p, struct gw_verdict *v, int known)
{
    struct gw_hold_ask *a = &p->hold;

    gw_hold_ask(a, &p->ip.src, 1);
    a->frames = gw_hold_frames(p, v);
    a->passes = (__u32)known;
    if (!gw_tbl_keep(t, p))
        return 0;
    gw_hold_kept(v, GW_R_KEPT_UP);
    return 1;
}

/* What is decided, but for packets to services: to a client that is held? Also what would go
 * nowhere: the client's prefix may not have got its entry yet. */
GW_INLINE void gw_hold_down(void *t, struct gw_pkt *p, struct gw_verdict *v)
{
    struct gw_hold_ask *a = &p->hold;
    int passed = v->action == GW_PATH_PASS && p->core;

    if (v->cs || (v->action != GW_PATH_SEND && v->reason != GW_R_INNER_SOURCE && !passed))
        return;
    gw_hold_ask(a, &p->ip.dst, 0);
    a->frames = gw_hold_frames(p, v);
    if (v->decap)
        a->key.from = p->outer.src;
    if (gw_tbl_keep(t, p))
        gw_hold_kept(v, GW_R_KEPT_DOWN);
}

/* -- the end of a path ---------------------------------------------------------------------------
 */

/* A marker: IPv6 to the client's subnet-router anycast address, which no station has (RFC 4291
 * §2.6.1), with destination options alone: the experimental type of a miss (serve.h) with another
 * kind, and the generation. */
GW_INLINE int gw_is_marker(const struct gw_pkt *p)
{
    return p->ip.next == GW_PROTO_DSTOPTS && (p->ip.dst.w[2] | p->ip.dst.w[3]) == 0 &&
           p->option[0] == GW_HTONL(GW_MARKER_HEAD) && p->option[1] == GW_HTONL(GW_MARKER_KIND);
}

/* Of what would be delivered here. */
GW_INLINE void gw_marker(void *t, const struct gw_t_self *self, const struct gw_pkt *p,
                         struct gw_verdict *v)
{
    if (!gw_is_marker(p))
        return;
    int own = p->released && gw_t_addr_eq(&p->ip.src, &self->addr);
    v->marked = own || gw_tbl_peer(t, &p->ip.src) != 0;
    gw_drop(v, v->marked ? GW_R_MARKER : GW_R_FOREIGN_MARKER);
}

#endif
