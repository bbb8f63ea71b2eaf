/* node.h: a Godwit node: the functions of src/fn wired by a configuration. Inputs in, actions out:
 * no clock, no I/O, no randomness but the seed. Daemon, simulator, fuzzers and benchmarks drive it
 * the same way:
 *
 *     gw_node_input(node, &in, now);              // or gw_node_expire(node, now)
 *     while (gw_node_next_action(node, &act)) ... // carry each out, in order
 *     arm a timer for gw_node_deadline(node)
 *
 * Views in an action are valid until the next call into the node.
 */
#ifndef GW_NODE_NODE_H
#define GW_NODE_NODE_H

#include "base/emit.h"
#include "base/log.h"
#include "fn/handover/handover.h"
#include "fn/handover/transfer.h"
#include "fn/metric/own.h"
#include "fn/steer/trace.h"
#include "node/config.h"
#include "plane/intent.h"
#include "wire/policy.h"

struct gw_node;

/* Where an attachment or detachment was seen first. */
enum gw_seen_by {
    GW_SEEN_FRAME,
    GW_SEEN_RS,
    GW_SEEN_NETLINK,
    GW_SEEN_MANUAL,
    GW_SEEN_HOSTAPD,
    GW_SEEN_RADIUS,
};
#define GW_SEEN_SOURCES (GW_SEEN_RADIUS + 1)
const char *gw_seen_by_name(enum gw_seen_by by); /* "hostapd" */

enum gw_input_kind {
    GW_IN_MH,         /* a Mobility Header message from the core */
    GW_IN_ND,         /* an ICMPv6 ND packet from an access link (RS, NS, NA) */
    GW_IN_ATTACH,     /* a station is on an access link (idempotent) */
    GW_IN_DETACH,     /* it has left; from hostapd or RADIUS also: it is not authorised any more */
    GW_IN_AUTHORISED, /* by hostapd or RADIUS: it may attach, as mnid, when it is seen */
    GW_IN_ALL_SAID,   /* every station authorised on an interface has been said; others leave */
    GW_IN_LINK_DOWN,  /* an access interface lost its carrier: its stations may be gone */
    GW_IN_PLANE_DONE, /* an intent with a tag has been applied (result: 0 or gw_err) */
    GW_IN_FIRST_PKT,  /* the first packet of a watched prefix passed */
    GW_IN_USE,        /* the answer to GW_ACT_USE; now: when the packet path was read */
    GW_IN_POLICIES,   /* all IPsec policies that may concern this node's signalling */
    GW_IN_RESTORE,    /* before GW_IN_START: one record of the store */
    GW_IN_START,      /* all records given: say every intent, then GW_INTENT_SYNC; resume */
    GW_IN_STOP,       /* the daemon is about to leave */
    GW_IN_STAMP,      /* a packet of STAMP (UDP) */
    GW_IN_REPORT,     /* what is known of an instance that this node speaks for */
    GW_IN_MISS,       /* D-Router: a flow of a D-Forwarder has been chosen for */
    GW_IN_FLOW,       /* a station's flow of a service: begun, going on, ended */
    GW_IN_MARKED,     /* an end-of-path marker has come */
    GW_IN_HINT,       /* a station here may be about to move */
    GW_IN_TRANSFER,   /* the driver's part of a transaction's move has got somewhere */
    GW_IN_TRACE,      /* the answer to GW_ACT_TRACE */
};

struct gw_input {
    enum gw_input_kind kind;
    union {
        struct {
            struct gw_mh_addrs addrs; /* as the checksum wants them */
            const uint8_t *data;      /* the Mobility Header */
            size_t len;
        } mh;
        struct {
            uint32_t iface;
            struct gw_lladdr src; /* link-layer source */
            const uint8_t *data;  /* the IPv6 packet */
            size_t len;
        } nd;
        struct {
            struct gw_station_key station;
            const struct gw_mnid *mnid; /* NULL: EUI-48 of the link-layer address */
            enum gw_seen_by by;
            struct gw_time seen; /* monotonic; when the first frame was seen, at or before now */
        } attach;                /* and detach, authorised */
        struct {
            uint32_t iface;
        } link; /* and all said */
        struct {
            uint64_t tag;
            int result;
        } plane;
        struct {
            struct gw_prefix prefix;
            bool uplink;
            struct gw_time seen;
        } first;
        struct {
            struct gw_prefix prefix;
            struct gw_time last; /* monotonic; the last packet in either direction; 0: none */
        } use;
        struct {
            const struct gw_policy *list; /* in no particular order */
            size_t n;                     /* 0 also when they cannot be read */
        } policies;
        struct {
            const void *key, *value;
            size_t key_len, value_len;
        } restore;
        struct {
            struct gw_addr from;
            uint16_t port; /* of the sender */
            uint8_t hop_limit;
            bool reflect; /* it came to the reflector's port: a probe; else an answer */
            /* No packet: the kernel of `from` says that nobody listens there (ICMPv6 port
             * unreachable). The machine lives, and so does its packet path. */
            bool refused;
            uint64_t received; /* NTP time */
            const uint8_t *data;
            size_t len;
        } stamp;
        struct gw_sample sample; /* GW_IN_REPORT; fn/metric/own.h */
        struct gw_miss miss;
        struct gw_flow_use flow;
        struct gw_marked marked;
        struct gw_hint hint;                  /* fn/handover/handover.h */
        struct gw_transfer_progress transfer; /* fn/handover/transfer.h */
        struct {
            struct gw_trace_question question; /* as the action had it */
            struct gw_trace_seen seen;
        } trace;
    };
};

enum gw_action_kind {
    GW_ACT_SEND_MH,   /* over IPv6, next header 135, hop limit 64 */
    GW_ACT_SEND_ND,   /* an IPv6 packet out of an access interface in an Ethernet frame */
    GW_ACT_INTENT,    /* for the packet path */
    GW_ACT_STORE_PUT, /* durable before any later GW_ACT_SEND_MH of the same batch leaves */
    GW_ACT_STORE_DEL,
    GW_ACT_USE,           /* read from the packet path when `use` last carried a packet */
    GW_ACT_PARAM_PROBLEM, /* ICMPv6 Parameter Problem code 0 about an MH (RFC 6275 §9.2) */
    GW_ACT_SEND_STAMP,    /* from this node's address, hop limit 255 */
    GW_ACT_TRANSFER,      /* what an egress's driver does of a transaction's move */
    GW_ACT_TRACE,         /* read from the packet path what `trace` wants of it */
};
struct gw_action {
    enum gw_action_kind kind;
    union {
        struct {
            struct gw_mh_addrs addrs;
            const uint8_t *data;
            size_t len;
        } mh;
        struct {
            uint32_t iface;
            struct gw_lladdr src, dst;
            const uint8_t *data;
            size_t len;
        } nd;
        struct gw_intent intent;
        struct gw_prefix use;
        struct {
            const void *key, *value;
            size_t key_len, value_len;
        } store;
        struct {
            struct gw_mh_addrs addrs; /* src: me, dst: who sent the message */
            uint16_t pointer;    /* of the octet in the MH; the driver adds the headers before */
            const uint8_t *data; /* the offending MH */
            size_t len;
        } problem;
        struct gw_transfer_step transfer;
        struct {
            struct gw_addr to;
            uint16_t port;
            bool reflect; /* from the reflector's port; else from the sender's */
            const uint8_t *data;
            size_t len;
        } stamp;
        struct gw_trace_question trace;
    };
};

/* The configuration is borrowed and must outlive the node or be replaced by gw_node_reload.
 * NULL when the allocator refuses. */
struct gw_node *gw_node_new(const struct gw_config *c, const struct gw_alloc *al,
                            const struct gw_log *log, uint64_t seed, struct gw_now now);
void gw_node_free(struct gw_node *n);

/* 0; GW_EINVAL, GW_EFORMAT, GW_EAUTH, GW_EREPLAY, GW_EDENIED, GW_EFULL, GW_ENOMEM say why an input
 * was refused (it is counted in any case and the state is unchanged). */
int gw_node_input(struct gw_node *n, const struct gw_input *in, struct gw_now now);
struct gw_time gw_node_deadline(const struct gw_node *n);
void gw_node_expire(struct gw_node *n, struct gw_now now);
bool gw_node_next_action(struct gw_node *n, struct gw_action *act);
/* May a GW_ACT_SEND_MH to that address leave still? For drivers that keep some back: the IPsec
 * policy that a peer needs may have gone meanwhile. */
bool gw_node_may_send(const struct gw_node *n, const struct gw_addr *to);

/* Takes over a new configuration. What cannot change in a running node (name, roles, own address,
 * pools in use, interfaces) is refused: refuse(user, path, why) is called for each and, if any,
 * nothing is changed and GW_EINVAL returned. */
int gw_node_reload(struct gw_node *n, const struct gw_config *c,
                   void (*refuse)(void *user, const char *path, const char *why), void *user,
                   struct gw_now now);

/* What an operator wants of other nodes: that they give up bindings (RFC 5846), or register them
 * anew (RFC 7077); and that a node that was sent away may come back. */
enum gw_operate_kind { GW_OPERATE_REVOKE, GW_OPERATE_NOTIFY, GW_OPERATE_ALLOW };
struct gw_operate {
    enum gw_operate_kind kind;
    const struct gw_mnid *mnid; /* of this mobile node; NULL: of all that is shared with `peer` */
    const struct gw_addr *peer;
    struct gw_time hold; /* REVOKE: keeps out so long; below 0: as configured */
};
/* 0, and the number (of GW_SHOW_OPERATIONS) of what has begun, 0 for ALLOW. GW_ENOENT: no such
 * mobile node or peer here; GW_EDENIED: not this node's to do; GW_EFULL, GW_ENOMEM, GW_EINVAL (not
 * started; ALLOW of a peer). Actions are due in any case. */
int gw_node_operate(struct gw_node *n, const struct gw_operate *o, struct gw_now now,
                    uint64_t *number);

/* Asks the egresses of a service's instances, and of results to a client the nodes on their way
 * (fn/steer/trace.h; csci_id or client zero: all, none). 0, and the number of GW_SHOW_TRACES; as
 * gw_traces_begin; GW_EINVAL: not started, or no role of CATS. Actions are due in any case. */
int gw_node_trace(struct gw_node *n, const struct gw_service_key *service,
                  const struct gw_addr *csci_id, const struct gw_addr *client, struct gw_now now,
                  uint64_t *number);

/* An operator, or who looks after clients, wants a client's flows of a service at another instance
 * (figure 3 of the CATS mobility draft). */
struct gw_transfer_order {
    struct gw_service_key service;
    struct gw_addr from;      /* CSCI-ID: where they are */
    const struct gw_addr *to; /* NULL: the one that is best for the rest of them */
    size_t nflows;            /* up to GW_TRANSFER_FLOWS, of one /64 */
    const struct gw_flow_id *flow;
};
/* 0, and what it is called in GW_SHOW_TRANSFERS. GW_EDENIED: no such service, or its transactions
 * are not moved; GW_ENOENT: no such instance, or none is better; GW_EEXIST: it is being moved;
 * GW_EFULL, GW_ENOMEM, GW_EINVAL. Actions are due in any case. */
int gw_node_transfer(struct gw_node *n, const struct gw_transfer_order *o, struct gw_now now,
                     uint64_t *id);

/* Old egress: does this client's transaction with an instance here go on elsewhere? */
bool gw_node_transfer_moved(const struct gw_node *n, const struct gw_addr *client,
                            const struct gw_service_key *service, const struct gw_addr *from);

enum gw_show {
    GW_SHOW_BINDINGS,
    GW_SHOW_STATIONS,
    GW_SHOW_PREFIXES,
    GW_SHOW_TUNNELS,
    GW_SHOW_PEERS,
    GW_SHOW_COUNTERS, /* the node's own; the driver adds the packet path's */
    GW_SHOW_HANDOVERS,
    GW_SHOW_OPERATIONS,
    GW_SHOW_REVOKED, /* who is kept out, and for how long */
    GW_SHOW_SERVICES,
    GW_SHOW_INSTANCES,  /* of all services, from wherever they are told */
    GW_SHOW_METRICS,    /* L0, L1 and L2 of those that this node speaks for */
    GW_SHOW_CANDIDATES, /* as the choice sees them; the driver adds what the packet path counts */
    GW_SHOW_PATHS,
    GW_SHOW_SELECTIONS, /* a path selector's shares, for each ingress */
    GW_SHOW_CLIENTS,    /* of services, with continuity: here, come, gone; bindings at an egress */
    GW_SHOW_EXPECTED,   /* clients that other ingresses said may come (candidates) */
    GW_SHOW_LOCATIONS,  /* a location server's */
    GW_SHOW_TRANSFERS,
    GW_SHOW_LADDER, /* events of handovers, oldest first: struct gw_handover_event */
    GW_SHOW_TRACES, /* the last ones, with what was answered */
};
/* Emits one array member per row (objects; the caller has begun the array), or for counters one
 * object of numbers. */
void gw_node_show(const struct gw_node *n, enum gw_show what, struct gw_emit *e, struct gw_now now);

#endif
