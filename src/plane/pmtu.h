/* pmtu.h: the path MTU of a tunnel over time: what was configured, lowered by Packet Too Big (RFC
 * 2473 §7.1), and tried again after ten minutes, since paths get wider, too (RFC 8201 §4). Works on
 * the entry of a peer; pure. Who reads the ICMPv6 message and who has the time is the driver's
 * business.
 */
#ifndef GW_PLANE_PMTU_H
#define GW_PLANE_PMTU_H

#include "base/types.h"
#include "plane/tables.h"

#define GW_PMTU_HOLD GW_SEC(600)

/* The configured MTU, of a new entry or an old one. What was lowered stays so while the
 * configuration says the same: saying it again is no news about the path. */
void gw_pmtu_configure(struct gw_t_peer *v, uint32_t mtu);

/* Packet Too Big said mtu at now. True if the entry changed: lower, or held anew at what it is. */
bool gw_pmtu_lower(struct gw_t_peer *v, uint32_t mtu, struct gw_time now);

/* When the configured MTU is due again; GW_NEVER: it is in force. */
struct gw_time gw_pmtu_until(const struct gw_t_peer *v);
void gw_pmtu_restore(struct gw_t_peer *v);

#endif
