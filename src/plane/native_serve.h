/* native_serve.h: the tables of services (serve_tables.h) without a kernel, for native.c. The flow
 * table gives away its least recently used entry when it is full, as the BPF map does (which is
 * only nearly so exact).
 */
#ifndef GW_PLANE_NATIVE_SERVE_H
#define GW_PLANE_NATIVE_SERVE_H

#include "base/table.h"
#include "plane/serve_entries.h"
#include "plane/serve_show.h"

struct gw_ns_flow;
struct gw_ns_flows {
    struct gw_table table;
    size_t max;
    struct gw_ns_flow *newest, *oldest; /* use */
};
enum { GW_NS_FLOWS, GW_NS_PENDING, GW_NS_FLOW_TABLES };
struct gw_native_serve {
    const struct gw_alloc *al;
    struct gw_table services, instances; /* owned */
    struct gw_ns_flows flows[GW_NS_FLOW_TABLES];
    struct gw_ns_service *of[GW_SERVICES_MAX]; /* by id */
    uint64_t evicted;
};

void gw_ns_init(struct gw_native_serve *s, const struct gw_alloc *al, size_t flows, uint64_t seed);
/* Services, instances and flows go; stale: only those of other generations. */
void gw_ns_clear(struct gw_native_serve *s, bool stale, uint32_t generation);
void gw_ns_free(struct gw_native_serve *s);

/* The intents about services; 0, GW_EINVAL, GW_EFULL, GW_ENOMEM. */
int gw_ns_apply(struct gw_native_serve *s, const struct gw_intent *in, uint32_t generation);
size_t gw_ns_here(const struct gw_native_serve *s); /* instances of kind HERE */

struct gw_t_cs *gw_ns_cs(const struct gw_native_serve *s, const struct gw_t_cs_key *key);
struct gw_t_instance *gw_ns_instance(const struct gw_native_serve *s, const struct gw_t_addr *csci);
/* of: GW_NS_FLOWS or GW_NS_PENDING. */
struct gw_t_flow *gw_ns_flow(struct gw_native_serve *s, int of, const struct gw_t_flow_key *key);
struct gw_t_flow *gw_ns_flow_add(struct gw_native_serve *s, int of, const struct gw_t_flow_key *key,
                                 const struct gw_t_flow *v);
void gw_ns_flow_del(struct gw_native_serve *s, int of, const struct gw_t_flow_key *key);
/* All of a table, in no particular order: *it is 0 at first; NULL: no more. */
const struct gw_t_flow *gw_ns_next_flow(const struct gw_native_serve *s, int of, size_t *it,
                                        const struct gw_t_flow_key **key);
/* Flows that have had no packet for their service's timeout end. O(flows). */
void gw_ns_expire(struct gw_native_serve *s, struct gw_time now);
/* The key and entry of service id, or NULL. */
const struct gw_t_cs *gw_ns_service(const struct gw_native_serve *s, uint32_t id,
                                    const struct gw_t_cs_key **key);
/* The tables of a service's choice; false: no such service. */
bool gw_ns_steer(const struct gw_native_serve *s, uint32_t id, struct gw_steer_tables *t);
/* As gw_bpf_flow and gw_bpf_why: false where those say GW_ENOENT. */
bool gw_ns_show_flow(const struct gw_native_serve *s, const struct gw_addr *cs_id,
                     const struct gw_flow_id *flow, struct gw_flow_info *out);
bool gw_ns_why(const struct gw_native_serve *s, const struct gw_addr *cs_id,
               const struct gw_flow_id *flow, struct gw_time now, uint64_t random,
               struct gw_why *out);
void gw_ns_in_flight(const struct gw_native_serve *s, uint32_t candidate, int by);

#endif
