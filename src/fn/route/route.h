/* route.h: bindings become forwarding: what the packet path must do for the prefixes of one
 * mobile node, said as intents (plane/intent.h). Every function says the whole wanted state of
 * what it names, so saying it again is harmless.
 *
 * Left to others: when (src/fn/lm), how (src/plane).
 */
#ifndef GW_FN_ROUTE_ROUTE_H
#define GW_FN_ROUTE_ROUTE_H

#include "fn/lm/binding.h"

/* Do nodes of these roles have tunnels with each other: for mobile nodes (MAAR, LMA, MAG), or for
 * services (forwarders of CATS)? */
bool gw_route_tunnels(unsigned here, unsigned there);
/* Where a tag is taken, it is on all that is said and gets one answer (plane/intent.h). */

/* What no mobile node brings: tunnels with the configured peers that have them, but for
 * this node itself; the networks behind this node, and the peers whose mobile nodes may use
 * them. before: the configuration whose networks were said so far, or NULL. false: there is
 * nothing, and no answer. */
bool gw_route_fixed(struct gw_lm *lm, const struct gw_config *before, uint64_t tag);
void gw_route_drop_peer(struct gw_lm *lm, const struct gw_cfg_peer *p);

/* The station is here: prefixes anchored here are LOCAL, the others SERVED, but for those
 * being released. watch: report the first packets. */
void gw_route_serve(struct gw_lm *lm, const struct gw_binding *b, const struct gw_station_key *st,
                    bool watch, uint64_t tag);
/* The mobile node is behind b->serving: every prefix is MOVED. */
void gw_route_move(struct gw_lm *lm, const struct gw_binding *b, uint64_t tag);
void gw_route_drop_prefix(struct gw_lm *lm, const struct gw_prefix *p, uint64_t tag);
/* With the networks behind its anchors. */
void gw_route_drop_station(struct gw_lm *lm, const struct gw_binding *b,
                           const struct gw_station_key *st);
/* The station reaches the networks behind an anchor no more, or through another that has them. */
void gw_route_drop_nets(struct gw_lm *lm, const struct gw_binding *b, const struct gw_anchor *a,
                        const struct gw_station_key *st);
void gw_route_sync(struct gw_lm *lm);
void gw_route_serve_sync(struct gw_lm *lm); /* of a node without services */

#endif
