/* icmp.h: the ICMPv6 errors of the packet path (RFC 4443), both ways: those it owes to senders, and
 * Packet Too Big about its own tunnel packets. Pure; how many are sent is bounded in the path.
 */
#ifndef GW_PLANE_ICMP_H
#define GW_PLANE_ICMP_H

#include "base/types.h"

struct gw_icmp_error {
    uint8_t type, code;
    uint32_t mtu;       /* of Packet Too Big; 0 otherwise */
    struct gw_addr src; /* this node */
};
#define GW_ICMP_ERROR_MAX 1280

/* Writes a whole IPv6 packet about `packet` (which may be cut short), addressed to its source.
 * Returns its length; 0 where RFC 4443 §2.4 (e) forbids one; GW_ESHORT: no IPv6 header in it. */
int gw_icmp_error_write(const struct gw_icmp_error *e, const uint8_t *packet, size_t len,
                        uint8_t buf[static GW_ICMP_ERROR_MAX]);

/* icmp: an ICMPv6 message from the core, checksum verified. If it is Packet Too Big about an
 * IPv6-in-IPv6 packet of `me`: its destination and the MTU it says. GW_ENOENT: it is something
 * else; GW_EFORMAT: cut short, or an MTU below 1280, which no link has (RFC 8201 §4). */
int gw_icmp_tunnel_too_big(const uint8_t *icmp, size_t len, const struct gw_addr *me,
                           struct gw_addr *peer, uint32_t *mtu);

#endif
