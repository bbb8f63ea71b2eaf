/* serve.h: services in the packet path: what a client sends to a CS-ID goes to one instance, and
 * what comes out of a tunnel for an instance here goes to that. Part of path.h, under its rules;
 * the choice itself is select.h's. (Dyncast architecture §4.2; CATS C-TC.)
 *
 * - A flow's first packet chooses; the entry it makes decides for all others until it has seen none
 *   for the service's timeout. Of two CPUs that choose for one flow the first to write wins.
 * - An instance that is dead, or serves something else now: the flow is chosen for anew, or, where
 *   the service does not allow that, is refused with ICMPv6 "address unreachable" until its timeout
 *   or a new TCP connection.
 * - A D-Forwarder (§4.2.2) does not choose: such a packet goes to its D-Router, with a destination
 *   option in the outer header that says so, and leaves no entry. The D-Router chooses, sends it
 *   on, and tells its control plane, whose answer makes the entry at the D-Forwarder.
 * - What a station (never a client of another kind) uses of a service that wants that told is
 *   reported: the control plane has to know what moves when the station does.
 * - An ICMPv6 error to a CS-ID goes where the flow goes that it is about: path MTU discovery works.
 *   It never begins a flow.
 * - Fragments show no ports: a service that looks at them does not take fragments, and of services
 *   that share a CS-ID the one for all ports has them. Other extension headers count as protocol.
 */
#ifndef GW_PLANE_SERVE_H
#define GW_PLANE_SERVE_H

#include "plane/serve_tables.h"

/* Which table of flows: `flows` (0) or `pending`. */
GW_INLINE struct gw_t_flow *gw_tbl_flow(void *t, int pending, const struct gw_t_flow_key *key);
/* Adds the entry unless there is one: *fresh is 1 then. The entry that is there, or NULL. */
GW_INLINE struct gw_t_flow *gw_tbl_flow_add(void *t, int pending, const struct gw_t_flow_key *key,
                                            const struct gw_t_flow *flow, int *fresh);
GW_INLINE void gw_tbl_flow_del(void *t, int pending, const struct gw_t_flow_key *key);
GW_INLINE struct gw_t_cs *gw_tbl_cs(void *t, const struct gw_t_cs_key *key);
GW_INLINE struct gw_t_instance *gw_tbl_instance(void *t, const struct gw_t_addr *csci_id);
/* gw_select of select.h for c->id, c->flow, c->now_ns; 0: nobody is up. */
GW_INLINE int gw_tbl_choose(void *t, struct gw_choice *c);
/* A flow of that candidate begins (1) or has ended (-1). */
GW_INLINE void gw_tbl_in_flight(void *t, __u32 candidate, int by);

enum { GW_ICMP6_UNREACHABLE_ADDR = 3, GW_TCP_FIN = 1, GW_TCP_SYN = 2, GW_TCP_RST = 4 };

/* Somebody is about to replace the entry. */
#define GW_T_CLAIMED (~0ull)

/* What the packet is about: the packet itself or, of an ICMPv6 error, what it quotes turned round.
 * 1: it is an error. */
GW_INLINE int gw_serve_about(struct gw_pkt *p)
{
    struct gw_t_flow_key *k = &p->serve.key;
    int error = p->icmp_type >= GW_ICMP6_UNREACH && p->icmp_type <= GW_ICMP6_PARAM;

    *k = (struct gw_t_flow_key){.src = p->ip.src, .cs_id = p->ip.dst};
    if (error) {
        k->proto = p->quoted_next;
        if (!p->quoted_next)
            return 1;
        GW_COPY(&k->dport, &p->quoted_ports, 2); /* it was from the service */
        GW_COPY(&k->sport, (const __u8 *)&p->quoted_ports + 2, 2);
        return 1;
    }
    k->proto = p->ip.next == GW_PROTO_FRAGMENT ? p->fragment_of : p->ip.next;
    GW_COPY(&k->sport, &p->ports, 2);
    GW_COPY(&k->dport, (const __u8 *)&p->ports + 2, 2);
    return 0;
}

/* An error that quotes nothing of use, or what another host sent to another. */
GW_INLINE int gw_serve_astray(const struct gw_pkt *p, int error)
{
    return error && (!p->quoted_next || !gw_t_addr_eq(&p->quoted_dst, &p->ip.src) ||
                     !gw_t_addr_eq(&p->quoted_src, &p->ip.dst));
}

/* The service of protocol and port, else of the protocol, else of the CS-ID as a whole. */
GW_INLINE struct gw_t_cs *gw_serve_find(void *t, struct gw_pkt *p)
{
    struct gw_t_cs_key *k = &p->serve.of;

    *k = (struct gw_t_cs_key){
        .cs_id = p->ip.dst, .port = p->serve.key.dport, .proto = p->serve.key.proto};
    struct gw_t_cs *s = gw_tbl_cs(t, k);
    if (s || !gw_t_cs_wider(k))
        return s;
    s = gw_tbl_cs(t, k);
    if (s || !gw_t_cs_wider(k))
        return s;
    return gw_tbl_cs(t, k);
}

/* -- the mark of a miss --------------------------------------------------------------------------
 */

/* The destination options of a miss: one of an experimental type (RFC 4727 §3.6: 0x1e, skip if
 * unknown), with the experiment's number and what is said. */
GW_INLINE void gw_mark_write(__u32 *w)
{
    w[0] = GW_HTONL((__u32)GW_PROTO_IP6 << 24 | 0x1e04);
    w[1] = GW_HTONL(0x47570100);
}
GW_INLINE int gw_is_miss(const struct gw_pkt *p, const __u8 *opt, const __u8 *end)
{
    __u32 is[2], want[2];

    if (opt + GW_MARK_LEN > end || gw_total(&p->ip) < GW_IP6_LEN + GW_MARK_LEN)
        return 0;
    GW_COPY(is, GW_HDR(opt), sizeof is);
    gw_mark_write(want);
    return is[0] == want[0] && is[1] == want[1];
}

/* -- to an instance -----------------------------------------------------------------------------
 */

/* To an instance that this node is the egress of. */
GW_INLINE void gw_serve_deliver(const struct gw_pkt *p, struct gw_verdict *v,
                                struct gw_t_instance *x)
{
    if (!gw_forwardable(p, v))
        return;
    v->instance = x;
    v->via = &x->via;
    gw_send(v, GW_R_SERVED);
}

/* Into the tunnel to the instance of v->flow, or straight to it. */
GW_INLINE void gw_serve_send(void *t, const struct gw_pkt *p, struct gw_verdict *v,
                             struct gw_t_instance *x)
{
    if (x->kind == GW_T_INSTANCE_HERE)
        return gw_serve_deliver(p, v, x);
    if (!gw_forwardable(p, v))
        return;
    v->instance = x;
    v->to_addr = v->flow->csci_id;
    gw_encap(t, p, v, x->kind == GW_T_INSTANCE_AWAY ? &x->egress : 0, GW_R_STEERED);
}

/* To the D-Router that is to choose. */
GW_INLINE void gw_serve_ask(void *t, const struct gw_t_cs *s, const struct gw_pkt *p,
                            struct gw_verdict *v)
{
    if (!gw_forwardable(p, v))
        return;
    v->ask = 1;
    v->to_addr = s->ask;
    gw_encap(t, p, v, &s->ask, GW_R_ASKED);
}

/* -- flows --------------------------------------------------------------------------------------
 */

/* An instance counts those of its flows that are open: a connection that ends may begin again. */
GW_INLINE void gw_serve_open(void *t, struct gw_t_flow *f, __u32 candidate)
{
    if (__sync_fetch_and_or(&f->flags, GW_T_FLOW_OPEN) & GW_T_FLOW_OPEN)
        return;
    if (candidate != GW_T_NO_CANDIDATE)
        gw_tbl_in_flight(t, candidate, 1);
}

GW_INLINE void gw_serve_end(void *t, struct gw_t_flow *f, __u32 candidate)
{
    if (!(__sync_fetch_and_and(&f->flags, ~(__u32)GW_T_FLOW_OPEN) & GW_T_FLOW_OPEN))
        return;
    if (candidate != GW_T_NO_CANDIDATE)
        gw_tbl_in_flight(t, candidate, -1);
}

/* One TCP connection is the whole flow: it begins and ends with it. */
GW_INLINE void gw_serve_tcp(void *t, const struct gw_t_cs *s, const struct gw_pkt *p,
                            struct gw_t_flow *f, __u32 candidate)
{
    if (s->affinity != GW_T_BY_FLOW)
        return;
    if (p->tcp_flags & (GW_TCP_FIN | GW_TCP_RST))
        gw_serve_end(t, f, candidate);
    else if (p->tcp_flags & GW_TCP_SYN && !(f->flags & GW_T_FLOW_OPEN))
        gw_serve_open(t, f, candidate);
}

/* The flow's entry with an instance that is not dead, or NULL: there is none any more, or (DROP)
 * the packet is refused. Of two CPUs that would replace an entry one does: the other might remove
 * what it has made, and its flow would change instances. */
GW_INLINE struct gw_t_flow *gw_serve_bound(void *t, const struct gw_t_cs *s, const struct gw_pkt *p,
                                           struct gw_verdict *v, struct gw_t_instance **x)
{
    struct gw_t_flow *f = gw_tbl_flow(t, v->missed, &p->serve.key);
    __u64 timeout = v->missed ? GW_PENDING_NS : s->timeout_ns;

    if (!f)
        return 0;
    __u64 last = f->last_ns;
    if (last == GW_T_CLAIMED)
        return gw_drop(v, GW_R_NO_FLOW), (struct gw_t_flow *)0;
    int late = f->cs != s->id || (p->now_ns > last && p->now_ns - last > timeout);
    struct gw_t_instance *old = gw_tbl_instance(t, &f->csci_id);
    __u32 candidate = GW_T_NO_CANDIDATE, dead = 1;
    if (old && old->cs == s->id) {
        candidate = old->candidate;
        dead = old->state == GW_T_INSTANCE_DEAD;
    }
    if (!late && !dead) {
        *x = old;
        return f;
    }
    if (!late && f->packets && !(s->flags & GW_T_CS_RESELECT) && !v->missed &&
        !(p->tcp_flags & GW_TCP_SYN)) {
        gw_refuse(v, GW_R_INSTANCE_DEAD, GW_ICMP6_UNREACH, GW_ICMP6_UNREACHABLE_ADDR);
        return 0;
    }
    if (__sync_val_compare_and_swap(&f->last_ns, last, GW_T_CLAIMED) != last)
        return gw_drop(v, GW_R_NO_FLOW), (struct gw_t_flow *)0;
    gw_serve_end(t, f, candidate);
    gw_tbl_flow_del(t, v->missed, &p->serve.key);
    return 0;
}

GW_INLINE struct gw_t_flow *gw_serve_new(void *t, struct gw_t_cs *s, struct gw_pkt *p,
                                         struct gw_verdict *v, struct gw_t_instance **x)
{
    struct gw_choice *c = &p->serve.choice;
    int fresh = 0;

    *c =
        (struct gw_choice){.now_ns = p->now_ns, .id = s->id, .flow = gw_t_flow_hash(&p->serve.key)};
    if (!gw_tbl_choose(t, c)) {
        gw_refuse(v, GW_R_NO_INSTANCE, GW_ICMP6_UNREACH, GW_ICMP6_UNREACHABLE_ADDR);
        return 0;
    }
    p->serve.flow = (struct gw_t_flow){.csci_id = c->csci_id,
                                       .begun_ns = p->now_ns,
                                       .last_ns = p->now_ns,
                                       .cs = s->id,
                                       .reason = c->reason};
    struct gw_t_flow *f = gw_tbl_flow_add(t, v->missed, &p->serve.key, &p->serve.flow, &fresh);
    *x = f ? gw_tbl_instance(t, &f->csci_id) : 0;
    if (!*x || (*x)->cs != s->id) {
        gw_drop(v, GW_R_NO_FLOW);
        return 0;
    }
    if (fresh) {
        gw_serve_open(t, f, (*x)->candidate);
        __sync_fetch_and_add(&s->flows, 1);
        __sync_fetch_and_add(&(*x)->flows, 1);
    }
    return f;
}

/* -- what a packet is for ------------------------------------------------------------------------
 */

/* For the service s; p->serve.key is set. */
GW_INLINE void gw_serve_flow(void *t, const struct gw_t_self *self, struct gw_t_cs *s,
                             struct gw_pkt *p, struct gw_verdict *v, int error)
{
    struct gw_t_instance *x = 0;

    v->cs = s;
    v->flow = gw_serve_bound(t, s, p, v, &x);
    if (v->action == GW_PATH_DROP)
        return;
    if (v->up && self->holds_used && !p->released && gw_hold_up(t, p, v, v->flow != 0))
        return;
    if (!v->flow && error)
        return gw_drop(v, GW_R_NO_FLOW);
    if (!v->flow && s->flags & GW_T_CS_ASK)
        return gw_serve_ask(t, s, p, v);
    if (!v->flow)
        v->flow = gw_serve_new(t, s, p, v, &x);
    if (!v->flow || !x)
        return;
    gw_serve_send(t, p, v, x);
    gw_serve_tcp(t, s, p, v->flow, x->candidate);
}

/* A packet of a client whose source has been checked. 1: it is for a service, and decided. */
GW_INLINE int gw_serve(void *t, const struct gw_t_self *self, struct gw_pkt *p,
                       struct gw_verdict *v)
{
    int error = gw_serve_about(p);
    struct gw_t_cs *s = gw_serve_find(t, p);

    if (!s)
        return 0;
    if (gw_serve_astray(p, error)) {
        gw_drop(v, GW_R_NO_FLOW);
        return 1;
    }
    if (p->ip.next == GW_PROTO_FRAGMENT && s->affinity == GW_T_BY_FLOW) {
        gw_drop(v, GW_R_SERVICE_FRAGMENT);
        return 1;
    }
    if (v->missed && (error || s->flags & GW_T_CS_ASK)) { /* nobody to ask on their behalf */
        gw_drop(v, GW_R_NO_FLOW);
        return 1;
    }
    gw_t_flow_reduce(s, &p->serve.key);
    gw_serve_flow(t, self, s, p, v, error);
    return 1;
}

/* Out of a tunnel to a CSCI-ID that this node has. The outer source is a configured peer. */
GW_INLINE void gw_serve_here(const struct gw_pkt *p, struct gw_verdict *v, struct gw_t_instance *x)
{
    if (!gw_t_addr_eq(&p->ip.dst, &x->cs_id))
        return gw_drop(v, GW_R_OTHER_SERVICE);
    gw_serve_deliver(p, v, x);
}

/* A tunnel packet of a peer for an instance beside this node, which takes it out itself. */
GW_INLINE void gw_serve_beside(void *t, const struct gw_pkt *p, struct gw_verdict *v,
                               struct gw_t_instance *x)
{
    v->rx = gw_tbl_peer(t, &p->ip.src);
    if (!v->rx)
        return gw_drop(v, GW_R_STRANGER_TUNNEL);
    if (!gw_forwardable(p, v))
        return;
    v->tclass = gw_tclass(&p->ip);
    v->instance = x;
    gw_send(v, GW_R_SERVED);
}

/* After the packet is sent. */
GW_INLINE void gw_serve_account(const struct gw_pkt *p, const struct gw_verdict *v, __u32 octets)
{
    if (v->cs && v->ask)
        __sync_fetch_and_add(&v->cs->asked, 1);
    if (v->cs && !v->ask)
        gw_use(&v->cs->use, octets, p->now_ns);
    if (v->instance)
        gw_use(v->flow ? &v->instance->in : &v->instance->out, octets, p->now_ns);
    if (!v->flow)
        return;
    v->flow->last_ns = p->now_ns;
    __sync_fetch_and_add(&v->flow->packets, 1);
}

/* 1: the control plane has to be told where v->flow, which a D-Forwarder asked about, goes. */
GW_INLINE int gw_serve_tells(const struct gw_pkt *p, const struct gw_verdict *v)
{
    if (!v->missed || !v->flow)
        return 0;
    if (v->flow->told_ns != 0 && p->now_ns - v->flow->told_ns < GW_MISS_AGAIN_NS)
        return 0;
    v->flow->told_ns = p->now_ns;
    return 1;
}

enum gw_serve_use { GW_SERVE_USE_NONE, GW_SERVE_USE_GOES_ON, GW_SERVE_USE_ENDED };

/* What the control plane has to be told of v->flow, which a station uses. A FIN is its end once:
 * what is sent behind it (a half-closed connection may go on for long) is use again when it is
 * due, and a new connection is at once. */
GW_INLINE enum gw_serve_use gw_serve_uses(const struct gw_pkt *p, const struct gw_verdict *v)
{
    struct gw_t_flow *f = v->flow;

    if (!f || !v->up || !v->cs || !(v->cs->flags & GW_T_CS_TELL))
        return GW_SERVE_USE_NONE;
    int connection = v->cs->affinity == GW_T_BY_FLOW;
    if (connection && p->tcp_flags & (GW_TCP_FIN | GW_TCP_RST)) {
        if (__sync_fetch_and_or(&f->flags, GW_T_FLOW_ENDED) & GW_T_FLOW_ENDED)
            return GW_SERVE_USE_NONE;
        f->told_ns = p->now_ns;
        return GW_SERVE_USE_ENDED;
    }
    int anew = f->flags & GW_T_FLOW_ENDED && p->tcp_flags & GW_TCP_SYN;
    if (!anew && f->told_ns != 0 && p->now_ns - f->told_ns < GW_USE_AGAIN(v->cs->timeout_ns))
        return GW_SERVE_USE_NONE;
    if (f->flags & GW_T_FLOW_ENDED)
        __sync_fetch_and_and(&f->flags, ~(__u32)GW_T_FLOW_ENDED);
    f->told_ns = p->now_ns;
    return GW_SERVE_USE_GOES_ON;
}

#endif
