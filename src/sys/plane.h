/* plane.h: the packet path in the kernel: loads the BPF programs, pins maps and links below
 * daemon.pin_dir, adopts what an earlier process left there, and turns intents into map entries.
 * What the packets undergo is in src/plane/path.h; which entries are wanted is the node's business.
 *
 * It also is the path's slow half: it sends the ICMPv6 errors the path asks for (RFC 4443) and
 * lowers a peer's MTU when the core says Packet Too Big about a tunnel packet (RFC 2473 §7.1),
 * for ten minutes.
 *
 * Needs CAP_BPF, CAP_NET_ADMIN, CAP_NET_RAW, a bpffs, net.ipv6.conf.all.forwarding = 1, and to be
 * called in the node's network namespace. One thread.
 */
#ifndef GW_SYS_PLANE_H
#define GW_SYS_PLANE_H

#include "base/emit.h"
#include "base/log.h"
#include "node/config.h"
#include "plane/intent.h"
#include "plane/serve_show.h"

struct gw_bpf;

enum gw_bpf_flags {
    GW_BPF_REBUILD = 1u << 0, /* discard pinned state of another schema instead of refusing it */
};

/* Resolves the configuration's interfaces, adopts or creates the maps, attaches or atomically
 * replaces the programs. The configuration is only read during the call.
 *   GW_EVERSION  pinned state has another schema and GW_BPF_REBUILD was not given
 *   GW_ENOENT    an interface does not exist (logged by name)
 *   GW_ESYS      the kernel refused; errno and the log say what
 *   GW_ENOMEM */
int gw_bpf_open(struct gw_bpf **out, const struct gw_config *c, unsigned flags,
                const struct gw_log *log);

/* Were tables of an earlier process there, which are in use again? */
bool gw_bpf_adopted(const struct gw_bpf *b);

/* Frees the handle. GW_STOP_LEAVE: programs and maps stay at work without us.
 * GW_STOP_REMOVE: everything is detached, unpinned and gone. NULL is fine. */
void gw_bpf_close(struct gw_bpf *b, enum gw_on_stop on_stop);

/* Done when it returns; the result is what GW_IN_PLANE_DONE wants: 0, GW_EFULL (a table's limit),
 * GW_EINVAL (no such interface index, prefix length 0; a hold without `handover`), GW_ESYS.
 * Deleting what is not there is fine. GW_INTENT_SYNC removes every entry not set since gw_bpf_open.
 */
int gw_bpf_apply(struct gw_bpf *b, const struct gw_intent *in);

/* Any may be NULL. Times are CLOCK_MONOTONIC, taken when the packet passed. */
struct gw_bpf_ops {
    /* A frame from a link-layer address that is no station there; reported at a bounded rate and
     * again when frames go on after 200 ms. */
    void (*new_station)(void *user, const struct gw_station_key *key, struct gw_time seen);
    /* The first packet of a watched prefix (watch_up, watch_down of the intent). */
    void (*first_packet)(void *user, const struct gw_prefix *prefix, bool uplink,
                         struct gw_time seen);
    /* A D-Forwarder asked and this node chose. */
    void (*missed)(void *user, const struct gw_miss *m);
    /* What a station uses of a service with `tell`. */
    void (*used)(void *user, const struct gw_flow_use *u);
    /* A path has ended here (GW_INTENT_MARK of another node). */
    void (*marked)(void *user, const struct gw_marked *m);
};
/* Becomes readable when gw_bpf_dispatch has work. An epoll descriptor: watch it for input only,
 * level-triggered (uv_poll is fine); it belongs to the handle. */
int gw_bpf_fd(const struct gw_bpf *b);
/* Never blocks; handles a bounded number of events per call. now: CLOCK_MONOTONIC. */
int gw_bpf_dispatch(struct gw_bpf *b, const struct gw_bpf_ops *ops, void *user, struct gw_time now);

/* When gw_bpf_expire has work, by the clock of gw_bpf_dispatch's now; GW_NEVER: not yet known. Any
 * call may change it. gw_bpf_expire too early does nothing; GW_ESYS as ever. */
struct gw_time gw_bpf_deadline(const struct gw_bpf *b);
int gw_bpf_expire(struct gw_bpf *b, struct gw_time now);

/* One number per reason, packets, named as in plane/tables.h ("forwarded-delivered",
 * "drop-foreign-source", ...), into the object that the caller has begun. */
void gw_bpf_counters(const struct gw_bpf *b, struct gw_emit *e);

/* Octets and packets of a prefix as the path counted them, and when it was last used. */
struct gw_bpf_usage {
    uint64_t up_packets, up_octets, down_packets, down_octets;
    struct gw_time last_up, last_down; /* 0: never */
};
int gw_bpf_usage(const struct gw_bpf *b, const struct gw_prefix *prefix, struct gw_bpf_usage *out);

/* The path MTU towards a peer in force, octets of the outer packet; or GW_ENOENT: no such peer. */
int gw_bpf_peer_mtu(const struct gw_bpf *b, const struct gw_addr *peer);
/* A Packet Too Big said so (dispatch does it by itself). Holds for ten minutes (RFC 8201 §4), also
 * over PEER_SET with the MTU it has already got, so over a restart. 1: it is lower now; 0: not;
 * GW_ENOENT: no such peer; GW_EINVAL: below 1280. */
int gw_bpf_lower_peer_mtu(struct gw_bpf *b, const struct gw_addr *peer, uint32_t mtu,
                          struct gw_time now);

/* -- services, for operators (plane/serve_show.h) --
 * All of them, in no order, while packets go on; each: false to stop. How many were shown, or
 * GW_ESYS, GW_ENOMEM. service NULL: flows of every one. */
int gw_bpf_flows(const struct gw_bpf *b, const struct gw_service_key *service,
                 bool (*each)(void *user, const struct gw_flow_info *f), void *user);
int gw_bpf_services(const struct gw_bpf *b,
                    bool (*each)(void *user, const struct gw_service_info *s), void *user);
int gw_bpf_instances(const struct gw_bpf *b,
                     bool (*each)(void *user, const struct gw_instance_info *i), void *user);
/* What packets of that flow, as they show it, are bound to; GW_ENOENT: no service, or no entry. */
int gw_bpf_flow(const struct gw_bpf *b, const struct gw_addr *cs_id, const struct gw_flow_id *flow,
                struct gw_flow_info *out);
/* Why, and what would be chosen now; random: what a policy that draws is to draw. GW_ENOENT: no
 * service takes such packets. */
int gw_bpf_why(const struct gw_bpf *b, const struct gw_addr *cs_id, const struct gw_flow_id *flow,
               struct gw_time now, uint64_t random, struct gw_why *out);

/* What the tables say to a trace, each entry as packets find it. */
struct gw_trace_seen gw_bpf_trace(const struct gw_bpf *b, const struct gw_trace_want *want);

/* "tc" or "xdp": what interface i of the configuration got. */
const char *gw_bpf_hook(const struct gw_bpf *b, uint32_t iface);

#endif
