/* ip6.h: finding a Mobility Header in an IPv6 packet, with the addresses its checksum runs over.
 * Pure.
 */
#ifndef GW_WIRE_IP6_H
#define GW_WIRE_IP6_H

#include "wire/mh.h"

/* Walks the extension headers of the IPv6 packet at pkt (no link layer). addrs gets the packet's
 * addresses, the source replaced by that of a Home Address option (RFC 6275 §6.3) and the
 * destination by that of a type 2 routing header not yet processed (§6.4). *mh points into pkt and
 * *mh_len reaches to the end of the packet.
 *
 * 0; GW_ENOENT: no Mobility Header (another payload, or a fragment: those must be reassembled
 * first); GW_ESHORT: the packet ends too early; GW_EFORMAT: not IPv6, or an extension header that
 * breaks its format. */
int gw_ip6_find_mh(const uint8_t *pkt, size_t len, struct gw_mh_addrs *addrs, const uint8_t **mh,
                   size_t *mh_len);

#endif
