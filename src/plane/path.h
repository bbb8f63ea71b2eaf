/* path.h: the one packet path: what becomes of a frame and what its headers are afterwards. Written
 * once; included by the BPF programs (bpf/) and by the native build (native.c), which look tables
 * up, make room in the packet and send it.
 *
 *   gw_classify   frame and tables → verdict                    (pure)
 *   gw_fib_apply  what the routing table said → final verdict   (pure)
 *   gw_prepare    verdict → the new headers as octets           (pure)
 *   gw_account    counts a packet that was sent, fires watches
 *
 * RFC 2473 tunnels without the Encapsulation Limit option (§4.1.1: hop limit bounds nesting), DSCP
 * copied, ECN per RFC 6040 normal mode, flow label entropy per RFC 6438. It never fragments: an
 * inner packet of at most 1280 octets is encapsulated whatever the tunnel's MTU is (RFC 2473 §7.1
 * (b) would fragment the outer one), so links between peers must carry 1320 octets.
 *
 * Before including it, a driver defines the lookups declared below; `t` is its own.
 */
#ifndef GW_PLANE_PATH_H
#define GW_PLANE_PATH_H

#include <linux/bpf.h>

#include "plane/hold_tables.h"
#include "plane/serve_tables.h"

#ifdef __bpf__
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#define GW_INLINE static __always_inline
#define GW_HTONL  bpf_htonl
#define GW_HTONS  bpf_htons
#define GW_COPY   __builtin_memcpy
/* IPv6 headers in frames are 4-aligned (NET_IP_ALIGN); native buffers promise nothing. */
#define GW_HDR(p) __builtin_assume_aligned(p, 4)
#define GW_ETH(p) __builtin_assume_aligned(p, 2)
/* From intent.h, which needs a C library, which the BPF target has not. */
enum gw_prefix_kind { GW_PFX_LOCAL, GW_PFX_SERVED, GW_PFX_MOVED };
enum gw_net_kind { GW_NET_OWN, GW_NET_POOL, GW_NET_BEHIND };
#else
#include <arpa/inet.h>

#include "plane/intent.h"
#define GW_INLINE static inline
#define GW_HTONL  htonl
#define GW_HTONS  htons
#define GW_COPY   memcpy
#define GW_HDR(p) (p)
#define GW_ETH(p) (p)
#endif

struct gw_choice { /* of an instance for a new flow */
    __u64 now_ns;
    __u32 id, flow;  /* of the service; hash of the flow */
    __u32 candidate; /* index in `candidates` */
    __u32 reason;    /* enum gw_steer_reason */
    struct gw_t_addr csci_id;
};

GW_INLINE struct gw_t_iface *gw_tbl_iface(void *t, __u32 ifindex);
GW_INLINE struct gw_t_station *gw_tbl_station(void *t, const struct gw_t_station_key *key);
GW_INLINE struct gw_t_prefix *gw_tbl_prefix(void *t, const struct gw_t_self *self,
                                            const struct gw_t_addr *a);
GW_INLINE struct gw_t_peer *gw_tbl_peer(void *t, const struct gw_t_addr *a);
GW_INLINE struct gw_t_net *gw_tbl_net(void *t, const struct gw_t_station_key *station,
                                      const struct gw_t_addr *a);

enum {
    GW_ETH_LEN = 14,
    GW_IP6_LEN = 40,
    GW_IP6_EDIT = 8, /* octets at the head of an IPv6 header that forwarding changes */
    GW_MARK_LEN = 8, /* the destination options of a miss */
    GW_L4_MAX = 20,
    GW_HEADERS_MAX = GW_ETH_LEN + 2 * GW_IP6_LEN + GW_MARK_LEN + GW_L4_MAX,
    GW_ETHERTYPE_IP6 = 0x86dd,
    GW_PROTO_TCP = 6,
    GW_PROTO_UDP = 17,
    GW_PROTO_IP6 = 41,
    GW_PROTO_FRAGMENT = 44,
    GW_PROTO_ICMP6 = 58,
    GW_PROTO_DSTOPTS = 60,
    GW_MIN_MTU = 1280, /* RFC 8200 §5 */
    GW_ICMP6_UNREACH = 1,
    GW_ICMP6_TOO_BIG = 2,
    GW_ICMP6_TIME = 3,
    GW_ICMP6_PARAM = 4,
    GW_ND_FIRST = 133, /* RS, RA, NS, NA */
    GW_ND_LAST = 136,
    GW_ECN_MASK = 3,
    GW_ECN_CE = 3,
};

struct gw_ip6 {
    __u32 vtf;  /* version, traffic class, flow label; network order */
    __u16 plen; /* network order */
    __u8 next, hop;
    struct gw_t_addr src, dst;
};

struct gw_eth {
    __u8 dst[6], src[6];
    __u16 type; /* network order */
};

/* A frame as the path sees it. The driver sets the first block; it holds no pointers, so that a BPF
 * program may keep it in a map. */
struct gw_pkt {
    __u32 ifindex;
    __u32 len;      /* octets behind the Ethernet header */
    __u32 gso_size; /* payload of one segment, or 0 */
    __u64 now_ns;   /* CLOCK_MONOTONIC */

    struct gw_t_station_key from;
    struct gw_ip6 outer; /* of a tunnel packet */
    struct gw_ip6 ip;    /* of the packet that is forwarded: the inner one of a tunnel packet */
    __u32 ports;         /* first word of TCP or UDP, or 0 */
    __u8 l4_len;         /* its header */
    __u8 tcp_flags;
    __u8 icmp_type;   /* of ICMPv6, or 0 */
    __u8 quoted_next; /* of the packet that an ICMPv6 error is about, as all of quoted; or 0 */
    __u8 fragment_of; /* of a fragment: the protocol, or 0 */
    __u8 released;    /* the keeper has sent it (hold.h); the driver sets it */
    __u8 core;        /* it came in there */
    __u32 option[3];  /* the head of its destination options */
    __u32 quoted_ports;
    struct gw_t_addr quoted_src, quoted_dst;
    struct { /* scratch of serve.h: a BPF program's stack has no room for it */
        struct gw_t_cs_key of;
        struct gw_t_flow_key key;
        struct gw_t_flow flow;
        struct gw_choice choice;
    } serve;
    struct gw_hold_ask hold; /* likewise of hold.h; id: of the hold that keeps it */
};

/* KEEP: the driver hands it to the keeper. */
enum gw_path_action { GW_PATH_PASS, GW_PATH_DROP, GW_PATH_SEND, GW_PATH_KEEP };

struct gw_verdict {
    __u8 action; /* enum gw_path_action */
    __u8 reason; /* enum gw_reason */
    __u8 decap;  /* remove the outer header */
    __u8 encap;  /* put one before, towards to_addr; with decap: the old one is rewritten */
    __u8 tclass; /* of the inner packet when it leaves */
    __u8 report; /* the sender is no station */
    __u8 ask;    /* encap: the outer header says that a D-Router is to choose (GW_MARK_LEN) */
    __u8 missed; /* decap: it said so */
    __u8 marked; /* a path has ended here */
    __u8 icmp_type, icmp_code; /* DROP: an ICMPv6 error is due to ip.src; type 0: none */
    __u32 mtu;                 /* for Packet Too Big */
    __u32 segment;             /* octets of ip's packet, or of one segment of it */
    struct gw_t_station *station;
    struct gw_t_prefix *up, *down;
    struct gw_t_prefix *deliver; /* down, if its station is on a link of ours; no routing then */
    struct gw_t_cs *cs;          /* the service that a client's packet is for */
    struct gw_t_flow *flow;      /* of it; of `pending` if missed */
    struct gw_t_instance *instance;
    const struct gw_t_addr *via; /* the next hop, in place of the destination */
    struct gw_t_peer *rx, *tx;
    struct gw_t_addr to_addr;
};

/* -- small parts --------------------------------------------------------------------------------
 */

GW_INLINE int gw_t_addr_eq(const struct gw_t_addr *a, const struct gw_t_addr *b)
{
    return a->w[0] == b->w[0] && a->w[1] == b->w[1] && a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

GW_INLINE int gw_t_is_multicast(const struct gw_t_addr *a)
{
    return a->b[0] == 0xff;
}

GW_INLINE int gw_t_is_link_local(const struct gw_t_addr *a)
{
    return (a->w[0] & GW_HTONL(0xffc00000)) == GW_HTONL(0xfe800000);
}

/* What may be forwarded: unicast beyond the link, neither unspecified nor loopback (::/96). */
GW_INLINE int gw_t_is_routable(const struct gw_t_addr *a)
{
    return !gw_t_is_multicast(a) && !gw_t_is_link_local(a) && (a->w[0] | a->w[1] | a->w[2]) != 0;
}

GW_INLINE int gw_t_station_eq(const struct gw_t_station_key *a, const struct gw_t_station_key *b)
{
    __u8 differ = 0;

#pragma GCC unroll 6 /* clang takes it too; BPF has no memcmp */
    for (unsigned i = 0; i < sizeof a->mac; i++)
        differ |= a->mac[i] ^ b->mac[i];
    return a->ifindex == b->ifindex && differ == 0;
}

GW_INLINE __u8 gw_tclass(const struct gw_ip6 *h)
{
    return (__u8)(GW_HTONL(h->vtf) >> 20);
}

GW_INLINE __u32 gw_total(const struct gw_ip6 *h)
{
    return GW_IP6_LEN + (__u32)GW_HTONS(h->plen);
}

GW_INLINE void gw_use(struct gw_t_use *u, __u32 octets, __u64 now_ns)
{
    __sync_fetch_and_add(&u->packets, 1);
    __sync_fetch_and_add(&u->octets, octets);
    u->last_ns = now_ns;
}

/* 1 if there was a token. rate: per second. */
GW_INLINE int gw_bucket_take(struct gw_t_bucket *b, __u64 now_ns, __u32 rate, __u32 burst)
{
    __u64 last = b->last_ns;
    __u64 past = now_ns > last ? now_ns - last : 0;
    __u32 tokens = b->tokens;

    if (past > 60000000000ull)
        past = 60000000000ull;
    __u64 fresh = past * rate / 1000000000ull;
    if (fresh > 0) {
        tokens = fresh + tokens > burst ? burst : (__u32)fresh + tokens;
        b->last_ns = now_ns;
    }
    if (tokens == 0)
        return 0;
    b->tokens = tokens - 1;
    return 1;
}

/* The inner traffic class after decapsulation, or -1: drop (RFC 6040 §4.2, figure 4). */
GW_INLINE int gw_ecn_decap(__u8 outer, __u8 inner)
{
    __u8 o = outer & GW_ECN_MASK, i = inner & GW_ECN_MASK;

    if (i == 0)
        return o == GW_ECN_CE ? -1 : inner;
    if (i == GW_ECN_CE || o == GW_ECN_CE)
        return inner | GW_ECN_CE;
    if (o == 1) /* ECT(1) outside wins over ECT(0) inside */
        return (inner & ~GW_ECN_MASK) | 1;
    return inner;
}

/* The outer flow label: the same for a flow, 20 bits, never 0 (RFC 6438 §3). From addresses and
 * the inner label, or next header and ports where the source set no label. */
GW_INLINE __u32 gw_flow_label(const struct gw_pkt *p)
{
    __u32 label = GW_HTONL(p->ip.vtf) & 0xfffff;
    __u32 h = 0;

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        h = gw_mix(h, GW_HTONL(p->ip.src.w[i]));
        h = gw_mix(h, GW_HTONL(p->ip.dst.w[i]));
    }
    if (label)
        h = gw_mix(h, label);
    else
        h = gw_mix(gw_mix(h, p->ip.next), GW_HTONL(p->ports));
    h = (h ^ (h >> 20)) & 0xfffff;
    return h ? h : 1;
}

/* -- parsing ------------------------------------------------------------------------------------
 */

/* The packet that an ICMPv6 error quotes, as far as a service asks. */
GW_INLINE void gw_parse_quoted(struct gw_pkt *p, const __u8 *at, const __u8 *end)
{
    struct gw_ip6 h;

    if (at + GW_IP6_LEN + 4 > end)
        return;
    GW_COPY(&h, GW_HDR(at), sizeof h);
    p->quoted_next = h.next;
    p->quoted_ports = 0;
    p->quoted_src = h.src;
    p->quoted_dst = h.dst;
    if (h.next == GW_PROTO_TCP || h.next == GW_PROTO_UDP)
        GW_COPY(&p->quoted_ports, at + GW_IP6_LEN, sizeof p->quoted_ports);
}

GW_INLINE void gw_parse_l4(struct gw_pkt *p, const __u8 *l4, const __u8 *end)
{
    p->ports = 0;
    p->l4_len = GW_L4_MAX;
    p->icmp_type = 0;
    p->quoted_next = 0;
    p->tcp_flags = 0;
    p->fragment_of = 0;
    p->option[0] = 0;
    if (p->ip.next == GW_PROTO_DSTOPTS && l4 + sizeof p->option <= end)
        GW_COPY(p->option, l4, sizeof p->option);
    if (p->ip.next == GW_PROTO_FRAGMENT && l4 + 1 <= end)
        p->fragment_of = l4[0];
    if (p->ip.next == GW_PROTO_ICMP6 && l4 + 1 <= end)
        p->icmp_type = l4[0];
    if (p->icmp_type >= GW_ICMP6_UNREACH && p->icmp_type <= GW_ICMP6_PARAM)
        gw_parse_quoted(p, l4 + 8, end);
    if (p->ip.next != GW_PROTO_TCP && p->ip.next != GW_PROTO_UDP)
        return;
    if (l4 + 4 <= end)
        GW_COPY(&p->ports, l4, sizeof p->ports);
    if (p->ip.next == GW_PROTO_UDP)
        p->l4_len = 8;
    else if (l4 + 14 <= end) {
        p->l4_len = (__u8)((l4[12] >> 4) * 4);
        p->tcp_flags = l4[13];
    }
}

/* Reads the IPv6 header at `at`, of which the frame holds room octets. */
GW_INLINE int gw_parse_ip6(struct gw_pkt *p, const __u8 *at, const __u8 *end, __u32 room)
{
    if (at + GW_IP6_LEN > end)
        return 0;
    GW_COPY(&p->ip, GW_HDR(at), sizeof p->ip);
    if ((p->ip.vtf & GW_HTONL(0xf0000000)) != GW_HTONL(0x60000000) || gw_total(&p->ip) > room)
        return 0;
    gw_parse_l4(p, at + GW_IP6_LEN, end);
    return 1;
}

GW_INLINE int gw_is_nd(const struct gw_pkt *p)
{
    return p->icmp_type >= GW_ND_FIRST && p->icmp_type <= GW_ND_LAST;
}

/* -- classification -----------------------------------------------------------------------------
 */

GW_INLINE void gw_drop(struct gw_verdict *v, enum gw_reason why)
{
    v->action = GW_PATH_DROP;
    v->reason = (__u8)why;
}

GW_INLINE void gw_refuse(struct gw_verdict *v, enum gw_reason why, __u8 type, __u8 code)
{
    gw_drop(v, why);
    v->icmp_type = type;
    v->icmp_code = code;
}

GW_INLINE void gw_too_big(struct gw_verdict *v, __u32 mtu)
{
    gw_refuse(v, GW_R_TOO_BIG, GW_ICMP6_TOO_BIG, 0);
    v->mtu = mtu < GW_MIN_MTU ? GW_MIN_MTU : mtu;
}

GW_INLINE void gw_send(struct gw_verdict *v, enum gw_reason how)
{
    v->action = GW_PATH_SEND;
    v->reason = (__u8)how;
}

/* Is the packet to be forwarded alive, and how long is it on the wire? */
GW_INLINE int gw_forwardable(const struct gw_pkt *p, struct gw_verdict *v)
{
    v->segment = p->gso_size ? GW_IP6_LEN + p->l4_len + p->gso_size : gw_total(&p->ip);
    if (p->ip.hop > 1)
        return 1;
    gw_refuse(v, GW_R_HOP_LIMIT, GW_ICMP6_TIME, 0);
    return 0;
}

/* Octets in front of the packet: that come off, and that go on. */
GW_INLINE __u32 gw_outer_off(const struct gw_verdict *v)
{
    return v->decap ? GW_IP6_LEN + (v->missed ? GW_MARK_LEN : 0) : 0;
}
GW_INLINE __u32 gw_outer_on(const struct gw_verdict *v)
{
    return v->encap ? GW_IP6_LEN + (v->ask ? GW_MARK_LEN : 0) : 0;
}

/* Into a tunnel to v->to_addr, of or behind a peer. No peer: of a neighbour, whose link's MTU the
 * routing table knows. */
GW_INLINE void gw_encap(void *t, const struct gw_pkt *p, struct gw_verdict *v,
                        const struct gw_t_addr *peer, enum gw_reason how)
{
    v->encap = 1;
    __u32 room = gw_outer_on(v);
    if (peer) {
        v->tx = gw_tbl_peer(t, peer);
        if (!v->tx)
            return gw_drop(v, GW_R_NO_PEER);
        if (v->segment + room > v->tx->mtu && v->segment > GW_MIN_MTU)
            return gw_too_big(v, v->tx->mtu - room);
    }
    if (gw_total(&p->ip) + room - GW_IP6_LEN > 0xffff) /* GSO beyond what an outer header can say */
        return gw_drop(v, GW_R_NO_ROOM);
    gw_send(v, how);
}

GW_INLINE void gw_tunnel_to(void *t, const struct gw_pkt *p, struct gw_verdict *v,
                            const struct gw_t_addr *peer)
{
    v->to_addr = *peer;
    gw_encap(t, p, v, peer, v->decap ? GW_R_RELAYED : GW_R_TUNNELLED);
}

/* To the station of v->down: here, or behind its peer. */
GW_INLINE void gw_towards_station(void *t, const struct gw_pkt *p, struct gw_verdict *v)
{
    if (!gw_forwardable(p, v))
        return;
    if (v->down->kind == GW_PFX_MOVED)
        return gw_tunnel_to(t, p, v, &v->down->peer);
    struct gw_t_iface *i = gw_tbl_iface(t, v->down->station.ifindex);
    if (!i)
        return gw_drop(v, GW_R_NO_ROUTE);
    if (v->segment > i->mtu)
        return gw_too_big(v, i->mtu);
    v->deliver = v->down;
    gw_send(v, GW_R_DELIVERED);
}

GW_INLINE void gw_route(const struct gw_pkt *p, struct gw_verdict *v)
{
    if (gw_forwardable(p, v))
        gw_send(v, GW_R_ROUTED);
}

/* -- what is kept back (hold.h), services (serve.h) ----------------------------------------------
 */

#include "plane/hold.h"
#include "plane/serve.h"

/* -- local networks (RFC 8885 §3.7) --------------------------------------------------------------
 */

/* Is the address in a network of that kind, of this node? */
GW_INLINE struct gw_t_net *gw_net_of(void *t, const struct gw_t_self *self,
                                     const struct gw_t_addr *a, enum gw_net_kind kind)
{
    const struct gw_t_station_key node = {};

    if (!self->nets_used)
        return 0;
    struct gw_t_net *n = gw_tbl_net(t, &node, a);
    return n && n->kind == kind ? n : 0;
}

/* The prefix whose anchor the packet goes to: of its source, or, when its destination is behind an
 * anchor of this station's, of that anchor; whatever the source, which is the station's own. */
GW_INLINE struct gw_t_prefix *gw_anchor_for(void *t, const struct gw_t_self *self,
                                            const struct gw_pkt *p, const struct gw_verdict *v)
{
    if (!v->station || !v->station->nets)
        return v->up;
    const struct gw_t_net *n = gw_tbl_net(t, &p->from, &p->ip.dst);
    if (!n)
        return v->up;
    struct gw_t_prefix *x = gw_tbl_prefix(t, self, &n->to);
    return x && x->kind == GW_PFX_SERVED && gw_t_station_eq(&x->station, &p->from) ? x : v->up;
}

/* From the core, with no entry of its own: what a local network sends to a mobile node goes to the
 * anchor of that prefix, which knows where the node is. */
GW_INLINE void gw_from_local_net(void *t, const struct gw_t_self *self, const struct gw_pkt *p,
                                 struct gw_verdict *v)
{
    if (!gw_net_of(t, self, &p->ip.src, GW_NET_OWN))
        return;
    const struct gw_t_net *pool = gw_net_of(t, self, &p->ip.dst, GW_NET_POOL);
    if (pool && gw_forwardable(p, v))
        gw_tunnel_to(t, p, v, &pool->to);
}

/* From a station: what it says is believed only about its own prefixes. */
GW_INLINE void gw_from_station(void *t, const struct gw_t_self *self, struct gw_pkt *p,
                               struct gw_verdict *v)
{
    v->up = gw_tbl_prefix(t, self, &p->ip.src);
    if (!v->up || v->up->kind == GW_PFX_MOVED || !gw_t_station_eq(&v->up->station, &p->from)) {
        v->up = 0;
        return gw_drop(v, GW_R_FOREIGN_SOURCE);
    }
    if (self->services_used && gw_serve(t, self, p, v))
        return;
    struct gw_t_prefix *of = gw_anchor_for(t, self, p, v);
    if (of->kind == GW_PFX_SERVED && !gw_net_of(t, self, &p->ip.dst, GW_NET_OWN)) {
        v->up = of; /* the use of a network is use of its anchor */
        v->down = of->local_routing ? gw_tbl_prefix(t, self, &p->ip.dst) : 0;
        if (v->down && v->down->local_routing)
            return gw_towards_station(t, p, v);
        v->down = 0;
        if (gw_forwardable(p, v))
            gw_tunnel_to(t, p, v, &of->peer);
        return;
    }
    if (gw_t_addr_eq(&p->ip.dst, &self->addr))
        return gw_drop(v, GW_R_TO_ROUTER);
    v->down = gw_tbl_prefix(t, self, &p->ip.dst);
    if (v->down)
        return gw_towards_station(t, p, v);
    gw_route(p, v);
}

/* The access side. ND passes to the daemon's packet socket and nowhere else: the kernel has IPv6
 * disabled there. Everything else of link scope is nobody's. */
GW_INLINE void gw_access(void *t, const struct gw_t_self *self, struct gw_pkt *p,
                         struct gw_verdict *v)
{
    if (p->from.mac[0] & 1)
        return gw_drop(v, GW_R_BAD_LLADDR);
    v->station = gw_tbl_station(t, &p->from);
    v->report = !v->station;
    if (gw_is_nd(p))
        return;
    if (!v->station)
        return gw_drop(v, GW_R_UNKNOWN_STATION);
    if (!gw_t_is_routable(&p->ip.dst) || gw_t_is_link_local(&p->ip.src))
        return gw_drop(v, GW_R_LINK_SCOPE);
    v->tclass = gw_tclass(&p->ip);
    gw_from_station(t, self, p, v);
}

/* Out of a tunnel towards the world: only for prefixes that this node anchors, and only from where
 * their station is; LOCAL covers what was under way when the station came home. Towards a local
 * network also from a MAAR, with a prefix of any of them: that it is the station's the serving one
 * has seen to. */
GW_INLINE void gw_from_tunnel(void *t, const struct gw_t_self *self, const struct gw_pkt *p,
                              struct gw_verdict *v)
{
    v->up = gw_tbl_prefix(t, self, &p->ip.src);
    if (!v->up || v->up->kind == GW_PFX_SERVED ||
        (v->up->kind == GW_PFX_MOVED && !gw_t_addr_eq(&v->up->peer, &p->outer.src))) {
        v->up = 0;
        if (!v->rx->nets || !gw_net_of(t, self, &p->ip.dst, GW_NET_OWN) ||
            !gw_net_of(t, self, &p->ip.src, GW_NET_POOL))
            return gw_drop(v, GW_R_INNER_SOURCE);
    }
    gw_route(p, v);
}

/* While a station returns, two nodes may each believe it behind the other. But stations of one
 * prefix's anchor that are behind one peer talk to each other by way of the anchor. */
GW_INLINE int gw_comes_back(void *t, const struct gw_t_self *self, const struct gw_pkt *p,
                            const struct gw_t_prefix *down)
{
    if (down->kind != GW_PFX_MOVED || !gw_t_addr_eq(&down->peer, &p->outer.src))
        return 0;
    struct gw_t_prefix *up = gw_tbl_prefix(t, self, &p->ip.src);
    return !up || up->kind != GW_PFX_MOVED || !gw_t_addr_eq(&up->peer, &p->outer.src);
}

/* Takes the inner packet of a peer's tunnel packet for the one that is forwarded; 0: refused. */
GW_INLINE int gw_take_out(void *t, struct gw_pkt *p, const __u8 *inner, const __u8 *end,
                          struct gw_verdict *v)
{
    p->outer = p->ip;
    v->rx = gw_tbl_peer(t, &p->outer.src);
    if (!v->rx)
        return gw_drop(v, GW_R_STRANGER_TUNNEL), 0;
    v->decap = 1;
    if (!gw_parse_ip6(p, inner, end, gw_total(&p->outer) - gw_outer_off(v)))
        return gw_drop(v, GW_R_INNER_MALFORMED), 0;
    if (!gw_t_is_routable(&p->ip.src) || !gw_t_is_routable(&p->ip.dst))
        return gw_drop(v, GW_R_INNER_SCOPE), 0;
    int tclass = gw_ecn_decap(gw_tclass(&p->outer), gw_tclass(&p->ip));
    if (tclass < 0)
        return gw_drop(v, GW_R_ECN), 0;
    v->tclass = (__u8)tclass;
    return 1;
}

/* A packet with next header 41 to this node. */
GW_INLINE void gw_tunnelled(void *t, const struct gw_t_self *self, struct gw_pkt *p,
                            const __u8 *inner, const __u8 *end, struct gw_verdict *v)
{
    if (!gw_take_out(t, p, inner, end, v))
        return;
    v->down = gw_tbl_prefix(t, self, &p->ip.dst);
    if (v->down && gw_comes_back(t, self, p, v->down))
        return gw_drop(v, GW_R_COMES_BACK);
    if (v->down)
        return gw_towards_station(t, p, v);
    gw_from_tunnel(t, self, p, v);
}

/* A tunnel packet to a CSCI-ID of this node's instances; 0: it is none. */
GW_INLINE int gw_core_instance(void *t, struct gw_pkt *p, const __u8 *inner, const __u8 *end,
                               struct gw_verdict *v)
{
    struct gw_t_instance *x = gw_tbl_instance(t, &p->ip.dst);

    if (!x || x->kind == GW_T_INSTANCE_AWAY)
        return 0;
    if (x->kind == GW_T_INSTANCE_BESIDE)
        gw_serve_beside(t, p, v, x);
    else if (gw_take_out(t, p, inner, end, v))
        gw_serve_here(p, v, x);
    return 1;
}

/* A D-Forwarder asks where a flow goes. */
GW_INLINE void gw_missed(void *t, const struct gw_t_self *self, struct gw_pkt *p, const __u8 *inner,
                         const __u8 *end, struct gw_verdict *v)
{
    v->missed = 1;
    if (gw_take_out(t, p, inner, end, v) && !gw_serve(t, self, p, v))
        gw_drop(v, GW_R_OTHER_SERVICE);
}

/* The core side: tunnel packets to this node, packets for prefixes in the table, what local
 * networks send to mobile nodes; the rest is the kernel's. A SERVED prefix is delivered also
 * without a tunnel: routing sent it here on purpose. */
GW_INLINE void gw_core(void *t, const struct gw_t_self *self, struct gw_pkt *p, const __u8 *inner,
                       const __u8 *end, struct gw_verdict *v)
{
    if (p->ip.next == GW_PROTO_IP6 && gw_t_addr_eq(&p->ip.dst, &self->addr))
        return gw_tunnelled(t, self, p, inner, end, v);
    if (p->ip.next == GW_PROTO_IP6 && self->instances_here && gw_core_instance(t, p, inner, end, v))
        return;
    if (p->ip.next == GW_PROTO_DSTOPTS && self->services_used &&
        gw_t_addr_eq(&p->ip.dst, &self->addr) && gw_is_miss(p, inner, end))
        return gw_missed(t, self, p, inner + GW_MARK_LEN, end, v);
    if (!gw_t_is_routable(&p->ip.src) || !gw_t_is_routable(&p->ip.dst))
        return;
    v->down = gw_tbl_prefix(t, self, &p->ip.dst);
    v->tclass = gw_tclass(&p->ip);
    if (v->down)
        gw_towards_station(t, p, v);
    else
        gw_from_local_net(t, self, p, v);
}

/* The side of clients that are no mobile nodes: what is for a service; the rest is the kernel's. */
GW_INLINE void gw_client(void *t, const struct gw_t_self *self, struct gw_pkt *p,
                         struct gw_verdict *v)
{
    if (!self->services_used || !gw_t_is_routable(&p->ip.src) || !gw_t_is_routable(&p->ip.dst))
        return;
    v->tclass = gw_tclass(&p->ip);
    (void)gw_serve(t, self, p, v);
}

/* PASS, DROP, KEEP or SEND. A SEND that is not `deliver` needs gw_fib_apply. `data` may hold fewer
 * octets than the frame, but GW_HEADERS_MAX where the frame has them. */
GW_INLINE void gw_classify(void *t, const struct gw_t_self *self, const struct gw_t_iface *iface,
                           struct gw_pkt *p, const __u8 *data, const __u8 *end,
                           struct gw_verdict *v)
{
    struct gw_eth eth;
    const __u8 *ip = data + GW_ETH_LEN;

    v->action = GW_PATH_PASS;
    v->reason = GW_R_PASSED;
    if (ip > end)
        return gw_drop(v, GW_R_MALFORMED);
    GW_COPY(&eth, GW_ETH(data), sizeof eth);
    if (eth.type != GW_HTONS(GW_ETHERTYPE_IP6))
        return;
    p->from.ifindex = p->ifindex;
    p->core = iface->side == GW_T_CORE;
    GW_COPY(p->from.mac, eth.src, sizeof p->from.mac);
    if (!gw_parse_ip6(p, ip, end, p->len))
        return gw_drop(v, GW_R_MALFORMED);
    if (iface->side == GW_T_ACCESS)
        gw_access(t, self, p, v);
    else if (iface->side == GW_T_CLIENT)
        gw_client(t, self, p, v);
    else
        gw_core(t, self, p, ip + GW_IP6_LEN, end, v);
    if (self->holds_used && !p->released)
        gw_hold_down(t, p, v);
    if (v->deliver && v->action == GW_PATH_SEND)
        gw_marker(t, self, p, v);
}

/* -- routing ------------------------------------------------------------------------------------
 */

/* Where the routing table is asked for, and for how long a packet (0: do not check). What is sent
 * although it does not fit (see the top) is not to be refused here. */
GW_INLINE const struct gw_t_addr *gw_fib_dst(const struct gw_pkt *p, const struct gw_verdict *v)
{
    return v->encap ? &v->to_addr : v->via ? v->via : &p->ip.dst;
}
GW_INLINE __u32 gw_fib_len(const struct gw_verdict *v)
{
    return v->encap && v->segment > GW_MIN_MTU ? v->segment + gw_outer_on(v) : v->segment;
}

/* rc: enum BPF_FIB_LKUP_RET_*; mtu: with FRAG_NEEDED. SEND stays for SUCCESS and NO_NEIGH. What
 * came out of a tunnel and has no route may be for this node: the kernel decides, it passes. */
GW_INLINE void gw_fib_apply(struct gw_verdict *v, int rc, __u32 mtu)
{
    if (rc == BPF_FIB_LKUP_RET_SUCCESS || rc == BPF_FIB_LKUP_RET_NO_NEIGH)
        return;
    if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED)
        return gw_too_big(v, mtu - gw_outer_on(v));
    if (rc == BPF_FIB_LKUP_RET_FWD_DISABLED)
        return gw_drop(v, GW_R_FORWARDING_OFF);
    if (v->encap)
        return gw_drop(v, GW_R_PEER_ROUTE);
    if (v->decap && !v->via && rc == BPF_FIB_LKUP_RET_NOT_FWDED) {
        v->action = GW_PATH_PASS;
        v->reason = GW_R_PASSED;
        return;
    }
    if (rc == BPF_FIB_LKUP_RET_BLACKHOLE)
        return gw_drop(v, GW_R_NO_ROUTE);
    gw_refuse(v, GW_R_NO_ROUTE, GW_ICMP6_UNREACH, 0);
}

/* -- headers ------------------------------------------------------------------------------------
 */

/* The new octets. Where they go: `eth` at the front; with encap `outer` behind it and `inner` over
 * the first octets of what follows; else `inner` over those behind eth. */
struct gw_headers {
    struct gw_eth eth; /* addresses: of a delivery; else the driver's (next hop) */
    struct {
        struct gw_ip6 ip;
        __u32 mark[GW_MARK_LEN / 4]; /* ask */
    } outer;
    __u8 inner[GW_IP6_EDIT];
};

GW_INLINE void gw_prepare_outer(const struct gw_t_self *self, const struct gw_pkt *p,
                                const struct gw_verdict *v, struct gw_headers *h)
{
    struct gw_ip6 *o = &h->outer.ip;

    o->vtf = GW_HTONL(0x60000000u | (__u32)v->tclass << 20 | gw_flow_label(p));
    o->plen = GW_HTONS((__u16)(gw_total(&p->ip) + gw_outer_on(v) - GW_IP6_LEN));
    o->next = v->ask ? GW_PROTO_DSTOPTS : GW_PROTO_IP6;
    o->hop = (__u8)self->hop_limit;
    o->src = self->addr;
    o->dst = v->to_addr;
    gw_mark_write(h->outer.mark);
}

/* pass: the packet goes to the kernel, which does the hop limit itself. */
GW_INLINE void gw_prepare(const struct gw_t_self *self, const struct gw_pkt *p,
                          const struct gw_verdict *v, struct gw_headers *h)
{
    struct gw_ip6 in = p->ip;

    in.vtf = (in.vtf & GW_HTONL(0xf00fffff)) | GW_HTONL((__u32)v->tclass << 20);
    if (v->action == GW_PATH_SEND)
        in.hop--;
    GW_COPY(h->inner, &in, sizeof h->inner);
    h->eth.type = GW_HTONS(GW_ETHERTYPE_IP6);
    if (v->encap)
        gw_prepare_outer(self, p, v, h);
    if (v->deliver) {
        GW_COPY(h->eth.dst, v->deliver->station.mac, sizeof h->eth.dst);
        GW_COPY(h->eth.src, v->deliver->dlif, sizeof h->eth.src);
    }
}

/* -- accounting ---------------------------------------------------------------------------------
 */

/* 1 if the watch was set: it is not any more. */
GW_INLINE int gw_fire(struct gw_t_prefix *x, __u32 bit)
{
    return (x->watch & bit) != 0 && (__sync_fetch_and_and(&x->watch, ~bit) & bit) != 0;
}

/* Counts a packet that has been sent (a GSO packet is one). Returns the watches that fired: UP is
 * of v->up, DOWN of v->down. */
GW_INLINE __u32 gw_account(const struct gw_pkt *p, const struct gw_verdict *v, __u64 now_ns)
{
    __u32 octets = gw_total(&p->ip), fired = 0;

    if (v->station) {
        __sync_fetch_and_add(&v->station->packets, 1);
        v->station->last_ns = now_ns;
    }
    if (v->rx)
        gw_use(&v->rx->rx, octets, now_ns);
    if (v->tx)
        gw_use(&v->tx->tx, octets, now_ns);
    gw_serve_account(p, v, octets);
    if (v->up) {
        gw_use(&v->up->up, octets, now_ns);
        fired |= gw_fire(v->up, GW_T_WATCH_UP) ? GW_T_WATCH_UP : 0;
    }
    if (v->down) {
        gw_use(&v->down->down, octets, now_ns);
        fired |= gw_fire(v->down, GW_T_WATCH_DOWN) ? GW_T_WATCH_DOWN : 0;
    }
    return fired;
}

#endif
