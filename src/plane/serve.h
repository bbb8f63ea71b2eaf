/* serve.h: services in the packet path: what a station sends to a CS-ID goes to one instance, and
 * what comes out of a tunnel for an instance here goes to that. Part of path.h, under its rules;
 * the choice itself is select.h's. (Dyncast architecture §4.2; CATS C-TC.)
 *
 * - A flow's first packet chooses; the entry it makes decides for all others until it has seen none
 *   for the service's timeout. Of two CPUs that choose for one flow the first to write wins.
 * - An instance that is dead: the flow is chosen for anew, or, where the service does not allow
 * that, ends with ICMPv6 "address unreachable".
 * - An ICMPv6 error to a CS-ID goes where the flow goes that it is about: path MTU discovery works.
 * - Fragments show no ports: a service that looks at them does not take fragments.
 */
#ifndef GW_PLANE_SERVE_H
#define GW_PLANE_SERVE_H

#include "plane/serve_tables.h"

GW_INLINE struct gw_t_cs *gw_tbl_cs(void *t, const struct gw_t_cs_key *key);
GW_INLINE struct gw_t_flow *gw_tbl_flow(void *t, const struct gw_t_flow_key *key);
/* Adds the entry unless there is one; the entry that is there then, or NULL. */
GW_INLINE struct gw_t_flow *gw_tbl_flow_add(void *t, const struct gw_t_flow_key *key,
                                            const struct gw_t_flow *flow);
GW_INLINE void gw_tbl_flow_del(void *t, const struct gw_t_flow_key *key);
GW_INLINE struct gw_t_instance *gw_tbl_instance(void *t, const struct gw_t_addr *csci_id);
/* gw_select of select.h for c->id, c->flow, c->now_ns; 0: nobody is up. */
GW_INLINE int gw_tbl_choose(void *t, struct gw_choice *c);
/* A flow of that candidate begins (1) or has ended (-1). */
GW_INLINE void gw_tbl_in_flight(void *t, __u32 candidate, int by);

enum { GW_ICMP6_UNREACHABLE_ADDR = 3, GW_PROTO_FRAGMENT = 44, GW_TCP_FIN = 1, GW_TCP_RST = 4 };

/* What the packet is about: the packet itself or, of an ICMPv6 error, what it quotes turned round.
 */
struct gw_about {
    struct gw_t_cs_key cs;
    __u16 sport; /* network order */
    __u8 error;
};

GW_INLINE void gw_serve_about(const struct gw_pkt *p, struct gw_about *a)
{
    a->cs.cs_id = p->ip.dst;
    a->error = p->quoted_next != 0;
    if (a->error) {
        a->cs.proto = p->quoted_next;
        GW_COPY(&a->cs.port, &p->quoted_ports, 2); /* it was from the service */
        GW_COPY(&a->sport, (const __u8 *)&p->quoted_ports + 2, 2);
        return;
    }
    a->cs.proto = p->ip.next;
    GW_COPY(&a->sport, &p->ports, 2);
    GW_COPY(&a->cs.port, (const __u8 *)&p->ports + 2, 2);
}

/* The service of protocol and port, else of the CS-ID as a whole. */
GW_INLINE struct gw_t_cs *gw_serve_find(void *t, const struct gw_about *a)
{
    struct gw_t_cs *s = gw_tbl_cs(t, &a->cs);
    struct gw_t_cs_key whole = {.cs_id = a->cs.cs_id};

    return s ? s : gw_tbl_cs(t, &whole);
}

GW_INLINE void gw_serve_key(const struct gw_t_cs *s, const struct gw_pkt *p,
                            const struct gw_about *a, struct gw_t_flow_key *k)
{
    *k = (struct gw_t_flow_key){.src = p->ip.src, .cs_id = p->ip.dst};
    if (s->affinity == GW_T_BY_CLIENT)
        return;
    k->proto = a->cs.proto;
    if (s->affinity != GW_T_BY_FLOW)
        return;
    k->sport = a->sport;
    k->dport = a->cs.port;
}

GW_INLINE __u32 gw_serve_hash(const struct gw_t_flow_key *k)
{
    __u32 h = k->proto;

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        h = gw_mix(gw_mix(h, k->src.w[i]), k->cs_id.w[i]);
    return gw_mix(h, (__u32)k->sport << 16 | k->dport);
}

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

/* Into the tunnel to the instance of v->flow. */
GW_INLINE void gw_serve_tunnel(void *t, const struct gw_pkt *p, struct gw_verdict *v,
                               struct gw_t_instance *x)
{
    if (!gw_forwardable(p, v))
        return;
    v->instance = x;
    v->tx = gw_tbl_peer(t, &x->egress);
    if (!v->tx)
        return gw_drop(v, GW_R_NO_PEER);
    if (v->segment + GW_IP6_LEN > v->tx->mtu && v->segment > GW_MIN_MTU)
        return gw_too_big(v, v->tx->mtu - GW_IP6_LEN);
    if (gw_total(&p->ip) > 0xffff)
        return gw_drop(v, GW_R_NO_ROOM);
    v->encap = 1;
    v->to_addr = v->flow->csci_id;
    gw_send(v, GW_R_STEERED);
}

GW_INLINE void gw_serve_end(void *t, struct gw_t_flow *f, const struct gw_t_instance *x)
{
    if (!(f->flags & GW_T_FLOW_OPEN))
        return;
    f->flags &= ~(__u32)GW_T_FLOW_OPEN;
    if (x && x->candidate != GW_T_NO_CANDIDATE)
        gw_tbl_in_flight(t, x->candidate, -1);
}

/* The flow's entry with an instance that is not dead, or NULL: there is none any more. */
GW_INLINE struct gw_t_flow *gw_serve_bound(void *t, const struct gw_t_cs *s, const struct gw_pkt *p,
                                           struct gw_verdict *v, struct gw_t_instance **x)
{
    const struct gw_t_flow_key *k = &p->serve.key;
    struct gw_t_flow *f = gw_tbl_flow(t, k);

    if (!f)
        return 0;
    *x = gw_tbl_instance(t, &f->csci_id);
    int late = p->now_ns > f->last_ns && p->now_ns - f->last_ns > s->timeout_ns;
    if (!late && *x && (*x)->state != GW_T_INSTANCE_DEAD)
        return f;
    gw_serve_end(t, f, *x);
    gw_tbl_flow_del(t, k);
    if (!late && !(s->flags & GW_T_CS_RESELECT))
        gw_refuse(v, GW_R_INSTANCE_DEAD, GW_ICMP6_UNREACH, GW_ICMP6_UNREACHABLE_ADDR);
    return 0;
}

GW_INLINE struct gw_t_flow *gw_serve_new(void *t, const struct gw_t_cs *s, struct gw_pkt *p,
                                         struct gw_verdict *v, struct gw_t_instance **x)
{
    struct gw_choice *c = &p->serve.choice;

    *c = (struct gw_choice){.now_ns = p->now_ns, .id = s->id, .flow = gw_serve_hash(&p->serve.key)};
    if (!gw_tbl_choose(t, c)) {
        gw_refuse(v, GW_R_NO_INSTANCE, GW_ICMP6_UNREACH, GW_ICMP6_UNREACHABLE_ADDR);
        return 0;
    }
    p->serve.flow = (struct gw_t_flow){.csci_id = c->csci_id,
                                       .begun_ns = p->now_ns,
                                       .last_ns = p->now_ns,
                                       .cs = s->id,
                                       .flags = GW_T_FLOW_OPEN,
                                       .reason = c->reason};
    struct gw_t_flow *f = gw_tbl_flow_add(t, &p->serve.key, &p->serve.flow);
    if (!f) {
        gw_drop(v, GW_R_NO_FLOW);
        return 0;
    }
    *x = gw_tbl_instance(t, &f->csci_id);
    if (!*x) {
        gw_drop(v, GW_R_NO_INSTANCE);
        return 0;
    }
    if (f->begun_ns == p->now_ns && f->packets == 0)
        gw_tbl_in_flight(t, c->candidate, 1);
    v->chosen = 1;
    return f;
}

/* A packet of a client whose source has been checked. 1: it is for a service, and decided. */
GW_INLINE int gw_serve(void *t, struct gw_pkt *p, struct gw_verdict *v)
{
    struct gw_about a = {};
    struct gw_t_instance *x = 0;

    gw_serve_about(p, &a);
    struct gw_t_cs *s = gw_serve_find(t, &a);
    if (!s)
        return 0;
    if (a.error &&
        !(gw_t_addr_eq(&p->quoted_dst, &p->ip.src) && gw_t_addr_eq(&p->quoted_src, &p->ip.dst))) {
        gw_drop(v, GW_R_NO_FLOW); /* about a flow of somebody else's */
        return 1;
    }
    if (a.cs.proto == GW_PROTO_FRAGMENT && s->affinity == GW_T_BY_FLOW) {
        gw_drop(v, GW_R_SERVICE_FRAGMENT);
        return 1;
    }
    gw_serve_key(s, p, &a, &p->serve.key);
    v->flow = gw_serve_bound(t, s, p, v, &x);
    if (!v->flow && v->action != GW_PATH_DROP && !a.error)
        v->flow = gw_serve_new(t, s, p, v, &x);
    if (v->flow && x) {
        if (x->kind == GW_T_INSTANCE_HERE)
            gw_serve_deliver(p, v, x);
        else
            gw_serve_tunnel(t, p, v, x);
        if (p->tcp_flags & (GW_TCP_FIN | GW_TCP_RST))
            gw_serve_end(t, v->flow, x);
    } else if (v->action != GW_PATH_DROP) {
        gw_drop(v, GW_R_NO_FLOW);
    }
    return 1;
}

/* Out of a tunnel to a CSCI-ID that this node has. The outer source is a configured peer. */
GW_INLINE void gw_serve_here(const struct gw_pkt *p, struct gw_verdict *v, struct gw_t_instance *x)
{
    if (!gw_t_addr_eq(&p->ip.dst, &x->cs_id))
        return gw_drop(v, GW_R_OTHER_SERVICE);
    gw_serve_deliver(p, v, x);
}

/* After the packet is sent. */
GW_INLINE void gw_serve_account(const struct gw_pkt *p, const struct gw_verdict *v, __u32 octets)
{
    if (v->instance)
        gw_use(&v->instance->use, octets, p->now_ns);
    if (!v->flow)
        return;
    v->flow->last_ns = p->now_ns;
    __sync_fetch_and_add(&v->flow->packets, 1);
}

#endif
