/* intent.h: what the node wants of the packet path, as values. The node emits intents; a driver
 * applies them to BPF maps (src/sys) or to native tables (src/plane/native.c). An intent is the
 * whole new state of its key, so that applying one twice, or all of them after a restart, is
 * harmless.
 */
#ifndef GW_PLANE_INTENT_H
#define GW_PLANE_INTENT_H

#include "base/types.h"
#include "plane/steer.h"

enum gw_prefix_kind {
    GW_PFX_LOCAL,  /* anchored here, station here: plain routing */
    GW_PFX_SERVED, /* anchored at `peer`, station here: uplink tunnels to it, downlink delivers */
    GW_PFX_MOVED,  /* anchored here, or in transit; station behind `peer`: downlink tunnels to it */
};

/* Local networks (RFC 8885 §3.7, §4.4): what is reached by destination, through one anchor only. */
enum gw_net_kind {
    GW_NET_OWN,    /* behind this node */
    GW_NET_POOL,   /* prefixes that `peer` anchors: mobile nodes that may use our own networks */
    GW_NET_BEHIND, /* for `station`: behind the anchor of its served prefix `via` */
};

enum gw_intent_kind {
    GW_INTENT_PEER_SET, /* tunnel packets from and to it are allowed */
    GW_INTENT_PEER_DEL,
    GW_INTENT_STATION_SET,
    GW_INTENT_STATION_DEL,
    GW_INTENT_PREFIX_SET,
    GW_INTENT_PREFIX_DEL,
    GW_INTENT_NET_SET, /* key: station and prefix */
    GW_INTENT_NET_DEL,
    GW_INTENT_SERVICE_SET,  /* packets to it are steered here; its flows stay as they are */
    GW_INTENT_SERVICE_DEL,  /* with its flows and candidates */
    GW_INTENT_INSTANCE_SET, /* key: csci_id; of a service that was set before, it is a candidate */
    GW_INTENT_INSTANCE_DEL, /* its flows are as those of a dead one */
    GW_INTENT_FLOW_SET, /* of a service that was set: this flow goes to that instance (set too) */
    GW_INTENT_FLOW_DEL, /* its next packet is as that of a new one; no SYNC touches flows */
    /* While a client moves; nothing of these outlives the driver, and no SYNC touches them. */
    GW_INTENT_HOLD_SET, /* key: prefix, up, from. Packets are kept back, in order */
    GW_INTENT_HOLD_DEL, /* they go on, in order and before what comes, as the tables say now */
    GW_INTENT_MARK,     /* an end-of-path marker goes to the prefix */
    /* All that is wanted has been said since start: what was not named is removed, but for services
     * and instances: others have to tell of them first. */
    GW_INTENT_SYNC,
    GW_INTENT_SERVE_SYNC, /* likewise, of services and instances */
};

/* A station on an access interface; iface is the index of the interface in the configuration's
 * list, which the driver maps to an ifindex. */
struct gw_station_key {
    uint32_t iface;
    struct gw_lladdr lladdr;
};

/* A service (CATS): an anycast address, with protocol and port, or 0 for every one. */
struct gw_service_key {
    struct gw_addr cs_id;
    uint8_t proto;
    uint16_t port;
};
/* What belongs together, as the affinity of its service has it: what that does not look at is 0. */
struct gw_flow_id {
    struct gw_addr src;
    uint8_t proto;
    uint16_t sport, dport;
};
enum gw_affinity { GW_AFFINITY_FLOW = 1, GW_AFFINITY_3TUPLE, GW_AFFINITY_CLIENT };
enum gw_instance_state { GW_INSTANCE_UP, GW_INSTANCE_DRAINING, GW_INSTANCE_DEAD };
/* Who takes packets to an instance out of the tunnel: its egress, which hands them to `via`, an
 * address of the instance on its link (it owns the CS-ID on its loopback); or the instance's own
 * host, which has the CSCI-ID: the egress passes the tunnel packet on. */
enum gw_delivery { GW_DELIVERY_DIRECT, GW_DELIVERY_TUNNEL };

/* How the flows of a service are steered (steer_tables.h has what the numbers mean). */
struct gw_intent_service {
    struct gw_service_key key;
    enum gw_affinity affinity;
    struct gw_time timeout; /* of a flow without packets */
    bool reselect;          /* flows of a dead instance go to another one; else they are reset */
    bool tell;              /* struct gw_flow_use is wanted of it */
    /* Who chooses instead of this node, which is a D-Forwarder then: a D-Router, a peer. A flow
     * without entry goes there, marked as a miss, and has none here until FLOW_SET. Zero: here. */
    struct gw_addr ask;
    uint32_t policy; /* enum gw_steer_policy */
    struct gw_steer_rule rule;
    uint32_t max_age_ms, blur, error_limit, lasting;
};
struct gw_intent_instance {
    struct gw_addr csci_id;
    struct gw_service_key service;
    enum gw_instance_state state;
    bool here; /* this node is its egress */
    enum gw_delivery delivery;
    struct gw_addr egress; /* the peer whose permission and path MTU count; not `here` */
    struct gw_addr via;    /* `here` and direct */
    uint32_t path_us;      /* there and back */
    uint32_t service_us, load, slots, errors, weight; /* as in struct gw_t_candidate */
    struct gw_time measured;                          /* monotonic; 0: never */
    struct gw_time now;                               /* when this is said */
};

/* What another node has chosen (MAPPING, handover). What the service's affinity does not look at
 * does not matter here. */
struct gw_intent_flow {
    struct gw_service_key service;
    struct gw_flow_id flow;
    struct gw_addr csci_id;
    struct gw_time now; /* monotonic; the flow's timeout begins */
};

/* Packets of a client that moves: up: its own to services that it has no flow of (and all others to
 * services while something of it is still kept); else those to it, out of the tunnels of `from`,
 * or, zero, all. Whether the prefix has an entry does not matter. */
struct gw_intent_hold {
    struct gw_prefix prefix; /* a /64 */
    bool up;
    struct gw_addr from;
    uint32_t packets, octets; /* more are dropped and counted, the newest first */
    bool drop;                /* DEL: they go nowhere */
};
/* In-band, behind all that went to the prefix before it: what comes from this node on that path
 * has ended. Who gets it reports it (struct gw_marked) and passes it to nobody. Said before the
 * entry of the prefix changes, packets may follow it on the old path until that is done; said
 * after, with the old way, none do. */
enum gw_mark_way {
    GW_MARK_AS_TABLES, /* as packets to the prefix go now */
    GW_MARK_ROUTED,    /* as they went without an entry */
    GW_MARK_TUNNEL,    /* as with a MOVED one: to the peer `to` */
};
struct gw_intent_mark {
    struct gw_prefix prefix; /* a /64 */
    uint32_t generation;     /* of the handover */
    enum gw_mark_way way;
    struct gw_addr to;
};
struct gw_marked {
    struct gw_prefix prefix;
    struct gw_addr by; /* who made it */
    uint32_t generation;
};
/* A driver reports of services with `tell` what a station here uses: when a flow begins, every
 * quarter of its service's timeout while it has packets, and when a TCP connection ends. */
struct gw_flow_use {
    struct gw_service_key service;
    struct gw_flow_id flow;
    struct gw_addr csci_id;
    bool ended;
};

/* What a driver reports, too: this D-Router chose for a D-Forwarder, which is to be told (MAPPING).
 * Again every GW_MISS_AGAIN_NS (serve_tables.h) while marked packets of the flow keep coming. */
struct gw_miss {
    struct gw_addr from; /* the D-Forwarder */
    struct gw_service_key service;
    struct gw_flow_id flow;
    struct gw_addr csci_id, egress; /* egress: this node's address if it is here */
};

struct gw_intent {
    enum gw_intent_kind kind;
    uint64_t tag; /* of those that belong together and follow one another; 0: no answer wanted */
    bool more;    /* another one with this tag follows */
    union {
        struct {
            struct gw_addr addr;
            uint16_t mtu;
            bool nets; /* what it sends of prefixes in POOL may go to networks of OWN */
        } peer;
        struct {
            struct gw_station_key key;
            bool nets; /* there are networks BEHIND for it */
        } station;
        struct {
            struct gw_prefix prefix;
            enum gw_prefix_kind kind;
            struct gw_addr peer;           /* anchor (SERVED) or serving MAAR (MOVED) */
            struct gw_station_key station; /* LOCAL, SERVED */
            struct gw_lladdr dlif;         /* source MAC towards the station: the anchor's */
            bool watch_up, watch_down;     /* report the next packet in that direction, once */
            /* SERVED: packets to another such prefix with a station here do not go through the
             * anchor (RFC 5213 §6.10.3) */
            bool local_routing;
        } prefix;
        struct {
            struct gw_station_key station; /* BEHIND; zero: of the node */
            struct gw_prefix prefix;
            enum gw_net_kind kind;
            struct gw_addr peer;  /* POOL */
            struct gw_prefix via; /* BEHIND */
        } net;
        struct gw_intent_service service;
        struct gw_intent_instance instance;
        struct gw_intent_flow flow;
        struct gw_intent_hold hold;
        struct gw_intent_mark mark;
    };
};

/* For a driver: those that belong together get one answer (GW_IN_PLANE_DONE), when the last of them
 * has been applied. Zeroed is the beginning. */
struct gw_intent_result {
    uint64_t tag;
    int err; /* 0, or that of the first that failed */
};
/* err: what came of i. true: r->err is to be answered now. */
static inline bool gw_intent_applied(struct gw_intent_result *r, const struct gw_intent *i, int err)
{
    if (i->tag == 0)
        return false;
    if (r->tag != i->tag)
        *r = (struct gw_intent_result){.tag = i->tag};
    if (r->err == 0)
        r->err = err;
    if (i->more)
        return false;
    r->tag = 0; /* a node that is started again begins anew with its tags */
    return true;
}

#endif
