/* serve_show.h: services in the packet path as operators see them (`godwit show affinity`, `why`);
 * the same of BPF maps and of native tables. Pure. Packets and octets of an instance can be
 * matched: what one ingress counts as `in` for an instance of an egress that counts it as `out`
 * differs by what was lost between them, and by other ingresses.
 */
#ifndef GW_PLANE_SERVE_SHOW_H
#define GW_PLANE_SERVE_SHOW_H

#include "plane/serve_entries.h"

struct gw_flow_info {
    struct gw_service_key service;
    struct gw_flow_id flow; /* 0 where affinity does not look */
    struct gw_addr csci_id;
    struct gw_time begun, last; /* monotonic; last: the last packet */
    uint64_t packets;
    enum gw_steer_reason reason; /* of the choice; gw_steer_reason_name says it */
    bool open;                   /* counts as in flight */
    bool told;                   /* another node has chosen */
};

struct gw_instance_info {
    struct gw_addr csci_id, egress, via;
    bool served; /* its service is known here */
    struct gw_service_key service;
    enum gw_instance_state state;
    bool here;
    enum gw_delivery delivery;
    uint64_t flows;                   /* it was chosen for here */
    uint32_t in_flight;               /* flows, as the choice counts them */
    struct gw_t_counter in, out;      /* packets of clients here; out of tunnels, as its egress */
    struct gw_time last_in, last_out; /* 0: never */
};

struct gw_service_info {
    struct gw_service_key service;
    enum gw_affinity affinity;
    struct gw_time timeout;
    bool reselect, asks;
    struct gw_addr ask; /* the D-Router */
    uint32_t policy;    /* enum gw_steer_policy */
    uint32_t up;        /* candidates that are */
    uint64_t flows;     /* chosen for here */
    uint64_t asked;     /* packets sent to the D-Router */
    struct gw_t_counter in;
};

struct gw_why_candidate {
    struct gw_addr csci_id, egress;
    enum gw_instance_state state;
    bool usable; /* it is up, and fails not too often */
    bool hot;    /* fuller than most, or silent */
    uint32_t fill;
    uint32_t completion_us; /* predicted for a flow that begins now */
    uint32_t path_us, service_us, load, slots, errors, weight; /* as in struct gw_t_candidate */
    uint32_t own;                                              /* flows in flight of this ingress */
    uint32_t age_ms; /* of what was reported; UINT32_MAX: never */
};
struct gw_why {
    struct gw_service_info service;
    bool bound; /* the flow has an entry, which decides: */
    struct gw_flow_info entry;
    bool anyone; /* what would be chosen for it now, were it new: */
    struct gw_addr choice;
    enum gw_steer_reason reason;
    uint32_t n;
    struct gw_why_candidate candidate[GW_STEER_CANDIDATES];
};

/* What a trace asks of the packet path: about an instance, a peer, and what becomes of packets to a
 * client; zero: not asked. */
struct gw_trace_want {
    struct gw_addr csci_id, peer, client;
};
struct gw_trace_seen {
    bool instance, peer, client;    /* each has an entry */
    uint64_t sent, taken;           /* packets to the instance from here; out of tunnels for it */
    uint64_t peer_sent, peer_taken; /* in tunnels, of whatever */
    enum gw_prefix_kind kind;       /* of the client's prefix */
    struct gw_addr to;              /* MOVED: the peer that they are tunnelled to */
    uint64_t down;                  /* packets to that prefix */
};
/* Any of the entries may be NULL: there is none, or it was not asked for. */
struct gw_trace_seen gw_show_trace(const struct gw_t_instance *x, const struct gw_t_peer *peer,
                                   const struct gw_t_prefix *client);

struct gw_flow_info gw_show_flow(const struct gw_t_cs_key *service, uint32_t affinity,
                                 const struct gw_t_flow_key *key, const struct gw_t_flow *f);
/* service, use: of the instance's candidate, or NULL. */
struct gw_instance_info gw_show_instance(const struct gw_t_addr *csci_id,
                                         const struct gw_t_instance *x,
                                         const struct gw_t_cs_key *service,
                                         const struct gw_t_candidate_use *use);
struct gw_service_info gw_show_service(const struct gw_t_cs_key *key, const struct gw_t_cs *s,
                                       const struct gw_t_steer *steer);
/* Scores and choice; leaves service and entry alone. The tables do not change: a policy that takes
 * turns or draws may choose another one when the flow comes. */
void gw_show_why(const struct gw_t_steer *steer, const struct gw_steer_in *in, struct gw_why *out);

#endif
