/* tables.h: the data-plane tables: keys, values, counters and events, shared as they are by the BPF
 * programs, the loader and the native build, so nothing is copied by hand. It includes nothing but
 * <linux/types.h>, which the BPF target has too.
 *
 *   self        one entry: this node                            (array)
 *   ifaces      ifindex → side, MTU                             (hash)
 *   stations    ifindex + link-layer address → use              (hash)
 *   prefixes64  upper 64 bits → what to do, for /64s            (hash)
 *   prefixes    prefix → the same, for every other length       (LPM trie)
 *   nets        station or none, network → by destination       (LPM trie)
 *   peers       address → MTU, use                              (hash)
 *   recent      link-layer addresses reported as unknown        (LRU hash)
 *   counters    packets and octets per enum gw_reason           (per-CPU array)
 *   events      struct gw_ev                                    (ring buffer)
 *
 * Multi-octet fields are in host order unless they say otherwise. Change GW_PLANE_SCHEMA whenever
 * a layout or a meaning changes: pinned tables of another schema are not adopted.
 */
#ifndef GW_PLANE_TABLES_H
#define GW_PLANE_TABLES_H

#include <linux/types.h>

#define GW_PLANE_SCHEMA 8

/* An IPv6 address in network order. */
struct gw_t_addr {
    union {
        __u8 b[16];
        __u32 w[4];
    };
};

/* The key of a /64 in `prefixes64`. */
static inline __u64 gw_t_key64(const struct gw_t_addr *a)
{
    return (__u64)a->w[1] << 32 | a->w[0];
}

static inline __u32 gw_mix(__u32 h, __u32 w)
{
    h = (h ^ w) * 0x9e3779b1u;
    return h ^ (h >> 15);
}

/* A token bucket; see gw_bucket_take in path.h. Updates from several CPUs may race: the bound is
 * then off by a few tokens, which no user of it minds. */
struct gw_t_bucket {
    __u64 last_ns;
    __u32 tokens;
    __u32 _pad;
};

struct gw_t_self {
    __u32 schema;     /* GW_PLANE_SCHEMA; first, for good */
    __u32 generation; /* of the loader that owns the tables; entries of others go at SYNC */
    struct gw_t_addr addr;
    __u32 lpm_used;       /* entries in `prefixes`; 0 saves the lookup */
    __u32 hop_limit;      /* of outer headers */
    __u32 nets_used;      /* entries in `nets` for no station; 0 saves the lookup */
    __u32 services_used;  /* entries in `services` */
    __u32 instances_here; /* entries in `instances` of kind HERE or BESIDE */
    __u32 holds_used;     /* entries in `holds` */
    struct gw_t_bucket punts;
};

enum gw_t_side { GW_T_ACCESS, GW_T_CORE, GW_T_CLIENT, GW_T_KEEPER };
struct gw_t_iface {
    __u32 side;  /* enum gw_t_side */
    __u32 index; /* in the configuration */
    __u32 mtu;   /* of the link, octets */
    __u32 xdp;   /* runs the XDP form: XDP may redirect to it */
    struct gw_t_bucket reports;
};

struct gw_t_station_key {
    __u32 ifindex;
    __u8 mac[6];
    __u16 _pad; /* zero */
};
struct gw_t_station {
    __u64 packets;
    __u64 last_ns; /* CLOCK_MONOTONIC of the last packet from it */
    __u32 generation;
    __u32 nets; /* it has entries in `nets`; 0 saves the lookup */
};

/* The key of the LPM trie; also how a prefix is named in values and events. */
struct gw_t_prefix_key {
    __u32 len;
    struct gw_t_addr addr; /* bits behind len are zero */
};

enum gw_t_watch { GW_T_WATCH_UP = 1u << 0, GW_T_WATCH_DOWN = 1u << 1 };
struct gw_t_use {
    __u64 packets, octets;
    __u64 last_ns; /* 0: never */
};
struct gw_t_prefix {
    struct gw_t_prefix_key prefix;
    __u32 kind;            /* enum gw_prefix_kind (intent.h) */
    struct gw_t_addr peer; /* anchor (SERVED) or serving MAAR (MOVED) */
    __u32 watch;           /* enum gw_t_watch; a reported bit is cleared */
    __u32 generation;
    struct gw_t_station_key station; /* LOCAL, SERVED */
    __u8 dlif[6];                    /* source of frames to the station */
    __u8 local_routing;              /* SERVED: straight to others of these (RFC 5213 §6.10.3) */
    __u8 _pad;
    __u32 _pad2;
    struct gw_t_use up, down;
};

/* The key of `nets`. The station is zero for what holds for the whole node. */
#define GW_T_NET_BITS 96 /* of the station, all of which must be the same */
struct gw_t_net_key {
    __u32 len; /* GW_T_NET_BITS and the prefix length */
    struct gw_t_station_key station;
    struct gw_t_addr addr; /* bits behind the prefix are zero */
};
struct gw_t_net {
    struct gw_t_net_key key;
    __u32 kind; /* enum gw_net_kind (intent.h) */
    __u32 generation;
    struct gw_t_addr to; /* POOL: the peer; BEHIND: the station's prefix whose anchor it is */
};

struct gw_t_peer {
    __u32 mtu; /* of the path to it: octets of the outer packet */
    __u32 generation;
    __u32 configured; /* what mtu is while nobody said Packet Too Big (pmtu.h) */
    __u32 nets;       /* its mobile nodes may use this node's own networks */
    __u64 lowered_ns; /* when that was said, CLOCK_MONOTONIC */
    struct gw_t_use tx, rx;
};

struct gw_t_counter {
    __u64 packets, octets;
};

/* What became of a packet: name in `godwit show counters`, and why. Each packet adds to exactly one
 * reason up to GW_R_PEER_MTU; those behind it are counted beside it. */
#define GW_REASONS(X)                                                                          \
    X(GW_R_PASSED, "passed-to-kernel")                                                         \
    X(GW_R_DELIVERED, "forwarded-delivered")                                                   \
    X(GW_R_TUNNELLED, "forwarded-tunnelled")                                                   \
    X(GW_R_RELAYED, "forwarded-relayed") /* from one tunnel into another */                    \
    X(GW_R_ROUTED, "forwarded-routed")                                                         \
    X(GW_R_STEERED, "forwarded-steered") /* to an instance of a service */                     \
    X(GW_R_SERVED, "forwarded-served")   /* to one that this node is the egress of */          \
    X(GW_R_ASKED, "forwarded-asked")     /* to the D-Router that is to choose one */           \
    X(GW_R_MALFORMED, "drop-malformed")                                                        \
    X(GW_R_BAD_LLADDR, "drop-bad-link-layer-source")                                           \
    X(GW_R_UNKNOWN_STATION, "drop-unknown-station")                                            \
    X(GW_R_LINK_SCOPE, "drop-link-scope") /* multicast and link-local from stations */         \
    X(GW_R_FOREIGN_SOURCE, "drop-foreign-source")                                              \
    X(GW_R_TO_ROUTER, "drop-to-router")                                                        \
    X(GW_R_STRANGER_TUNNEL, "drop-stranger-tunnel")                                            \
    X(GW_R_INNER_MALFORMED, "drop-inner-malformed")                                            \
    X(GW_R_INNER_SCOPE, "drop-inner-scope")                                                    \
    X(GW_R_INNER_SOURCE, "drop-inner-source") /* not anchored here, or from another peer */    \
    X(GW_R_ECN, "drop-ecn")                   /* not-ECT inside, CE outside (RFC 6040) */      \
    X(GW_R_NO_PEER, "drop-no-peer")           /* the entry's peer is not configured */         \
    X(GW_R_COMES_BACK, "drop-comes-back")     /* the entry's peer is whom it came from */      \
    X(GW_R_HOP_LIMIT, "drop-hop-limit")                                                        \
    X(GW_R_TOO_BIG, "drop-too-big")                                                            \
    X(GW_R_NO_ROUTE, "drop-no-route")                                                          \
    X(GW_R_PEER_ROUTE, "drop-no-route-to-peer")                                                \
    X(GW_R_FORWARDING_OFF, "drop-forwarding-off") /* sysctl of the interface */                \
    X(GW_R_NO_ROOM, "drop-no-room")               /* the kernel would not make room */         \
    X(GW_R_INSTANCE_DEAD, "drop-instance-dead")   /* and its flows are not to go elsewhere */  \
    X(GW_R_NO_INSTANCE, "drop-no-instance")       /* of the service is up */                   \
    X(GW_R_NO_FLOW, "drop-no-flow")               /* no room for it, or an error about none */ \
    X(GW_R_SERVICE_FRAGMENT, "drop-service-fragment")                                          \
    X(GW_R_OTHER_SERVICE, "drop-other-service") /* the instance does not serve it */           \
    X(GW_R_KEPT_UP, "kept-back-up")             /* once more when it goes on */                \
    X(GW_R_KEPT_DOWN, "kept-back-down")                                                        \
    X(GW_R_MARKER, "markers-taken")                                                            \
    X(GW_R_FOREIGN_MARKER, "drop-foreign-marker") /* of no peer */                             \
    X(GW_R_PEER_MTU, "peer-mtu-lowered")                                                       \
    X(GW_R_REPORTED, "stations-reported")                                                      \
    X(GW_R_REPORT_BOUND, "station-reports-bounded")                                            \
    X(GW_R_ERROR_BOUND, "icmp-errors-bounded")                                                 \
    X(GW_R_ERROR_SENT, "icmp-errors-sent")                                                     \
    X(GW_R_EVENT_LOST, "events-lost")                                                          \
    X(GW_R_RELEASED_UP, "kept-released-up") /* frames, as all of these */                      \
    X(GW_R_RELEASED_DOWN, "kept-released-down")                                                \
    X(GW_R_BEYOND_UP, "kept-drop-limit-up")                                                    \
    X(GW_R_BEYOND_DOWN, "kept-drop-limit-down")                                                \
    X(GW_R_DISCARDED_UP, "kept-discarded-up") /* nobody wanted them any more */                \
    X(GW_R_DISCARDED_DOWN, "kept-discarded-down")                                              \
    X(GW_R_KEPT_LOST, "kept-lost") /* on their way to who keeps them */                        \
    X(GW_R_MARKED, "markers-sent")

enum gw_reason {
#define GW_R_ENUM(id, name) id,
    GW_REASONS(GW_R_ENUM)
#undef GW_R_ENUM
        GW_R_COUNT
};

/* Unknown stations: the same one again after this long, at most so many per interface. */
#define GW_REPORT_AGAIN_NS 200000000ull
#define GW_REPORT_RATE     1000
#define GW_REPORT_BURST    256
/* ICMPv6 errors (RFC 4443 §2.4 (f)). */
#define GW_ERROR_RATE  200
#define GW_ERROR_BURST 50

enum gw_ev_kind { GW_EV_STATION, GW_EV_FIRST, GW_EV_ERROR, GW_EV_MISS, GW_EV_USE, GW_EV_MARK };

/* As much of a packet as an ICMPv6 error quotes: 1280 - 40 - 8 (RFC 4443 §2.4 (c)). */
#define GW_QUOTE_MAX 1232

struct gw_ev_head {
    __u32 kind;
    __u32 ifindex; /* it came in on */
    __u64 mono_ns;
};
struct gw_ev_station {
    struct gw_ev_head head;
    __u8 mac[6];
    __u16 _pad;
};
struct gw_ev_first {
    struct gw_ev_head head;
    struct gw_t_prefix_key prefix;
    __u32 up;
};
/* A flow of a service (serve.h), and where it goes: a station uses it (USE), or a D-Forwarder has
 * asked about it (MISS). */
struct gw_ev_flow {
    struct gw_ev_head head;
    struct gw_t_addr client, cs_id, csci_id;
    __u16 sport, dport; /* network order; 0 where affinity does not look at them */
    __u8 proto;
    __u8 ended; /* USE: the connection has */
    __u8 _pad[2];
    __u32 cs; /* id of the service */
    __u32 _pad2;
    struct gw_t_addr from, egress; /* MISS: who asked; of the instance */
};
struct gw_ev_mark {
    struct gw_ev_head head;
    struct gw_t_addr by;
    struct gw_t_prefix_key prefix;
    __u32 generation;
};
/* An ICMPv6 error is due to the source of the (inner) packet. */
struct gw_ev_error {
    struct gw_ev_head head;
    __u8 type, code; /* of the ICMPv6 error */
    __u16 len;       /* octets of packet */
    __u32 mtu;       /* Packet Too Big */
    __u8 mac[6];     /* of whom it came from, on that link; zero: out of a tunnel */
    __u16 _pad;
    __u8 packet[GW_QUOTE_MAX];
};

#endif
