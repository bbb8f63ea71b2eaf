/* native.h: the packet path without a kernel: path.h over ordinary hash tables, for the simulator
 * and as the twin of the BPF programs in differential tests. Sans-I/O: frames in, frames out; what
 * the kernel would know (routes, neighbours) is asked of the driver.
 */
#ifndef GW_PLANE_NATIVE_H
#define GW_PLANE_NATIVE_H

#include "base/alloc.h"
#include "plane/icmp.h"
#include "plane/intent.h"
#include "plane/serve_show.h"
#include "plane/tables.h"

struct gw_native;
struct gw_native_serve;

struct gw_native_if {
    uint32_t ifindex; /* the driver's name for it; not 0 */
    uint32_t mtu;
    enum gw_t_side side;
};

struct gw_native_hop {
    uint32_t ifindex;
    uint8_t dst[6], src[6];
    uint32_t mtu; /* when it is too small */
};

struct gw_native_ops {
    /* Where to send a packet of len octets for dst: enum BPF_FIB_LKUP_RET_* (linux/bpf.h). */
    int (*route)(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop);
    /* As in struct gw_bpf_ops; any may be NULL. */
    void (*new_station)(void *user, const struct gw_station_key *key, struct gw_time seen);
    void (*first_packet)(void *user, const struct gw_prefix *prefix, bool uplink,
                         struct gw_time seen);
    void (*missed)(void *user, const struct gw_miss *m);
    void (*used)(void *user, const struct gw_flow_use *u);
    void (*marked)(void *user, const struct gw_marked *m);
    /* An ICMPv6 error is due about packet (gw_icmp_error_write makes it). */
    void (*error)(void *user, const struct gw_icmp_error *e, const uint8_t *packet, size_t len);
};

struct gw_native_conf {
    struct gw_addr addr;
    size_t nifs;
    const struct gw_native_if *ifs;          /* copied */
    size_t stations, prefixes, peers, flows; /* limits */
    uint64_t seed;
};

/* NULL when the allocator refuses. */
struct gw_native *gw_native_new(const struct gw_native_conf *c, const struct gw_native_ops *ops,
                                void *user, const struct gw_alloc *al);
void gw_native_free(struct gw_native *n);

/* As gw_bpf_apply; GW_ENOMEM too. GW_INTENT_SYNC removes what was not set since the last one or
 * since gw_native_restart. */
int gw_native_apply(struct gw_native *n, const struct gw_intent *in);
/* As gw_bpf_lower_peer_mtu: 1 if the path MTU is lower now, 0 if not, GW_EINVAL, GW_ENOENT. */
int gw_native_lower_peer_mtu(struct gw_native *n, const struct gw_addr *peer, uint32_t mtu,
                             struct gw_time now);
/* As gw_bpf_expire; does nothing before anything is due. */
void gw_native_expire(struct gw_native *n, struct gw_time now);
/* The node starts again over these tables: what it does not set again goes at SYNC. */
void gw_native_restart(struct gw_native *n);

/* A frame in the driver's buffer: headroom octets before data may be used (48 are needed). */
struct gw_native_frame {
    uint8_t *data;
    size_t len, headroom;
    uint32_t gso_size;
};
struct gw_native_result {
    enum { GW_NATIVE_PASS, GW_NATIVE_DROP, GW_NATIVE_SEND, GW_NATIVE_KEPT } action;
    enum gw_reason reason;
    uint32_t ifindex; /* SEND */
};
struct gw_native_result gw_native_packet(struct gw_native *n, uint32_t ifindex,
                                         struct gw_native_frame *f, struct gw_time now);

/* What goes on since an intent was applied, one at a time: packets that were kept back, passed now
 * as by gw_native_packet, and markers. To be asked after each gw_native_apply, until it says false:
 * there is none. f: data has room for len octets behind the headroom. was: as it came, until the
 * next call. */
struct gw_native_kept {
    uint32_t ifindex; /* 0: a marker of this node */
    const uint8_t *frame;
    size_t len;
};
bool gw_native_next(struct gw_native *n, struct gw_native_frame *f, struct gw_time now,
                    struct gw_native_result *r, struct gw_native_kept *was);

struct gw_t_counter gw_native_counter(const struct gw_native *n, enum gw_reason r);
/* The entries as the path sees them, or NULL; net: of exactly that network, station NULL: the
 * node's own. */
const struct gw_t_prefix *gw_native_prefix(const struct gw_native *n, const struct gw_prefix *p);
const struct gw_t_station *gw_native_station(const struct gw_native *n,
                                             const struct gw_station_key *key);
const struct gw_t_net *gw_native_net(const struct gw_native *n,
                                     const struct gw_station_key *station,
                                     const struct gw_prefix *net);
/* As gw_bpf_trace. */
struct gw_trace_seen gw_native_trace(const struct gw_native *n, const struct gw_trace_want *want);
/* All of them, in no particular order: *it is 0 at first; NULL: no more. */
const struct gw_t_prefix *gw_native_next_prefix(const struct gw_native *n, size_t *it);
size_t gw_native_stations(const struct gw_native *n); /* how many */
/* Tables of services, flows and instances (native_serve.h). */
const struct gw_native_serve *gw_native_services(const struct gw_native *n);
size_t gw_native_nets(const struct gw_native *n);

#endif
