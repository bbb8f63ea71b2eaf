/* serve_tables.h: the data-plane tables of services, beside those of tables.h (whose rules hold)
 * and steer_tables.h, which has what a choice is made from.
 *
 *   services     CS-ID, protocol, port → service          (control plane writes)   ingress
 *   flows        what belongs together → instance         (packet path writes)     ingress; LRU
 *   pending      the same, of flows that a D-Forwarder asked about                 D-Router; LRU
 *   instances    CSCI-ID → where it is, and whether       (control plane writes)   ingress, egress
 *   steer        service → what its choices are made from (steer_tables.h)         ingress
 *
 * `flows` is the binding table of the Dyncast architecture, figure 3. Its entries name the instance
 * by its CSCI-ID and nothing else, so that they mean the same after a restart, when other instances
 * come and go, and at another ingress.
 *
 * A D-Router keeps no entry of a D-Forwarder's flow. Only until its answer has arrived there, what
 * still comes marked must go to the same instance: that is in `pending`, for seconds.
 */
#ifndef GW_PLANE_SERVE_TABLES_H
#define GW_PLANE_SERVE_TABLES_H

#include "plane/steer_tables.h"

/* A flow in use is reported again after this part of its service's timeout. */
#define GW_USE_AGAIN(timeout_ns) ((timeout_ns) / 4)

/* How long after its last marked packet a flow is in `pending`, and how often its answer is asked
 * for meanwhile. */
#define GW_PENDING_NS    5000000000ull
#define GW_MISS_AGAIN_NS 50000000ull
#define GW_PENDING_MAX   65536u /* entries, at most */

struct gw_t_cs_key {
    struct gw_t_addr cs_id;
    __u16 port; /* network order; 0: every */
    __u8 proto; /* 0: every */
    __u8 _pad;
};

/* To the next wider key under which the service of a packet may be; 0: there is none. */
static inline int gw_t_cs_wider(struct gw_t_cs_key *k)
{
    if (!k->port && !k->proto)
        return 0;
    if (!k->port)
        k->proto = 0;
    k->port = 0;
    return 1;
}

enum gw_t_affinity {
    GW_T_BY_FLOW = 1, /* source, protocol and both ports */
    GW_T_BY_3TUPLE,   /* source and protocol: RTP's audio and video go together */
    GW_T_BY_CLIENT,   /* source */
};
enum gw_t_cs_flag {
    GW_T_CS_RESELECT =
        1u << 0,            /* flows of a dead instance go to another one; else they are reset */
    GW_T_CS_ASK = 1u << 1,  /* a D-Router chooses: `ask` */
    GW_T_CS_TELL = 1u << 2, /* what stations use of it is reported */
};
struct gw_t_cs {
    __u64 timeout_ns; /* of a flow without packets */
    __u32 id;         /* of its entries in the tables of steer_tables.h; stable while it lives */
    __u32 affinity;   /* enum gw_t_affinity */
    __u32 flags;      /* enum gw_t_cs_flag */
    __u32 generation;
    struct gw_t_addr ask; /* the D-Router that chooses */
    __u16 port;           /* as in its key */
    __u8 proto;
    __u8 _pad[5];
    __u64 flows;         /* chosen for here */
    __u64 asked;         /* packets sent to the D-Router */
    struct gw_t_use use; /* packets of clients to its instances */
};

/* Of services that share a CS-ID each has keys of its own: protocol and port are the service's
 * where affinity does not look at the packet's. */
struct gw_t_flow_key {
    struct gw_t_addr src;
    struct gw_t_addr cs_id;
    __u16 sport, dport; /* network order */
    __u8 proto;
    __u8 _pad[3];
};
/* Of a key that has all that a packet shows: what the service's flows go by. */
static inline void gw_t_flow_reduce(const struct gw_t_cs *s, struct gw_t_flow_key *k)
{
    if (s->affinity == GW_T_BY_FLOW)
        return;
    k->sport = 0;
    k->dport = s->port;
    if (s->affinity == GW_T_BY_CLIENT)
        k->proto = s->proto;
}

/* For `hash`. */
static inline __u32 gw_t_flow_hash(const struct gw_t_flow_key *k)
{
    __u32 h = k->proto;

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        h = gw_mix(gw_mix(h, k->src.w[i]), k->cs_id.w[i]);
    return gw_mix(h, (__u32)k->sport << 16 | k->dport);
}

enum gw_t_flow_flag {
    GW_T_FLOW_OPEN = 1u << 0, /* counted as in flight at its candidate */
    GW_T_FLOW_TOLD =
        1u << 1, /* came from another node (mapping, handover), not from a choice here */
    GW_T_FLOW_ENDED = 1u << 2, /* the control plane knows that its connection has ended */
};
struct gw_t_flow {
    struct gw_t_addr csci_id;
    __u64 begun_ns, last_ns; /* CLOCK_MONOTONIC */
    __u64 packets;
    __u64 told_ns; /* when the control plane was told last, of a miss or of use; 0: never */
    __u32 cs;      /* id of the service */
    __u32 flags;   /* enum gw_t_flow_flag */
    __u32 reason;  /* enum gw_steer_reason, for `godwit why` */
    __u32 _pad;
};

enum gw_t_instance_kind {
    GW_T_INSTANCE_AWAY,   /* packets are tunnelled to its CSCI-ID, which its egress or itself has */
    GW_T_INSTANCE_HERE,   /* this node is its egress: they are taken out and routed to `via` */
    GW_T_INSTANCE_BESIDE, /* its egress, too, but the host of the CSCI-ID takes them out */
};
enum gw_t_instance_state { GW_T_INSTANCE_UP, GW_T_INSTANCE_DRAINING, GW_T_INSTANCE_DEAD };
struct gw_t_instance {
    __u32 kind;              /* enum gw_t_instance_kind */
    __u32 state;             /* enum gw_t_instance_state; of new flows steer_tables.h decides */
    struct gw_t_addr egress; /* AWAY: the peer whose path MTU and permission count */
    struct gw_t_addr via;    /* HERE: its address on this node's link */
    struct gw_t_addr cs_id;  /* HERE: what it serves */
    __u32 candidate;         /* its index in `candidates`, or GW_T_NO_CANDIDATE */
    __u32 generation;
    __u32 cs; /* id of its service, or GW_T_NO_SERVICE: flows of others have lost it */
    __u32 _pad;
    __u64 flows;             /* it was chosen for here */
    struct gw_t_use in, out; /* packets of clients here; out of tunnels, as its egress */
};
#define GW_T_NO_CANDIDATE 0xffffffffu
#define GW_T_NO_SERVICE   0xffffffffu

#define GW_SERVICES_MAX 64
/* What a service's choices are made from; by its id. */
struct gw_t_steer {
    struct gw_t_service service;
    struct gw_t_service_use use;
    struct gw_t_candidate candidate[GW_STEER_CANDIDATES];
    struct gw_t_candidate_use candidate_use[GW_STEER_CANDIDATES];
    __u8 ring[(GW_STEER_RING + 7) / 8 * 8];
};

#endif
