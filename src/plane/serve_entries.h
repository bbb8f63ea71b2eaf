/* serve_entries.h: intents about services as the tables of serve_tables.h and steer_tables.h hold
 * them; the same for the loader of BPF maps and the native build. Pure.
 *
 * A service has a fixed range of candidates. A candidate keeps its place as long as it is one, so
 * that counts and rings mean the same from one report to the next; a place that becomes free is
 * given away last.
 */
#ifndef GW_PLANE_SERVE_ENTRIES_H
#define GW_PLANE_SERVE_ENTRIES_H

#include "plane/intent.h"
#include "plane/serve_tables.h"
#include "plane/steer.h"

/* The tables of one service, where they are. */
struct gw_steer_tables gw_serve_tables(struct gw_t_steer *s);

void gw_entry_cs_key(const struct gw_service_key *in, struct gw_t_cs_key *out);
/* Of generation 0 and unused; id: where its candidates are, in units of GW_STEER_CANDIDATES. */
void gw_entry_cs(const struct gw_intent_service *in, uint32_t id, struct gw_t_cs *out);
/* All that packets of the flow show; gw_t_flow_reduce makes the key of it. */
void gw_entry_flow_key(const struct gw_addr *cs_id, const struct gw_flow_id *in,
                       struct gw_t_flow_key *out);
/* Of a key in the table of a service of that affinity (enum gw_t_affinity). */
struct gw_flow_id gw_entry_flow_of(const struct gw_t_flow_key *in, uint32_t affinity);
struct gw_service_key gw_entry_cs_of(const struct gw_t_cs_key *in);
struct gw_addr gw_entry_addr_of(const struct gw_t_addr *in);
/* Of a flow that another node has chosen for; not yet open. */
void gw_entry_flow(const struct gw_intent_flow *in, uint32_t id, struct gw_t_flow *out);
/* How long it has had no packet, ns; 0: somebody is about to replace it. */
uint64_t gw_entry_flow_idle(const struct gw_t_flow *f, uint64_t now_ns);
/* But for what is counted there. */
bool gw_entry_cs_same(const struct gw_t_cs *a, const struct gw_t_cs *b);
bool gw_entry_instance_same(const struct gw_t_instance *a, const struct gw_t_instance *b);
/* What a choice is made by; what is computed from reports, and the number of candidates, stays. */
void gw_entry_service(const struct gw_intent_service *in, uint32_t id, struct gw_t_service *s);
/* Of generation 0 and unused; cs: id of its service, or GW_T_NO_SERVICE; candidate: its place, or
 * GW_T_NO_CANDIDATE. */
void gw_entry_instance(const struct gw_intent_instance *in, uint32_t cs, uint32_t candidate,
                       struct gw_t_instance *out);

/* The index in the whole table that gw_serve_candidate would put it at, or GW_T_NO_CANDIDATE. So
 * the instance can be in its own table before it is chosen. */
uint32_t gw_serve_place(const struct gw_steer_tables *t, const struct gw_addr *csci_id);
/* Puts an instance into its place among the service's candidates, a new one if need be, and
 * computes what follows from it. The index in the whole table, or GW_T_NO_CANDIDATE: there is no
 * room. */
uint32_t gw_serve_candidate(const struct gw_steer_tables *t, const struct gw_intent_instance *in,
                            const struct gw_steer_rule *rule);
/* It is none any more. */
void gw_serve_no_candidate(const struct gw_steer_tables *t, const struct gw_addr *csci_id,
                           const struct gw_steer_rule *rule);

#endif
