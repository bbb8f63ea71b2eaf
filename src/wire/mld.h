/* mld.h: one message of Multicast Listener Discovery (RFC 3810): the General Query, which every
 * IPv6 host on a link answers. Reports are not read: a frame of a host is what is wanted of it.
 */
#ifndef GW_WIRE_MLD_H
#define GW_WIRE_MLD_H

#include "base/types.h"

#define GW_MLD_QUERY_LEN 76 /* octets of the IPv6 packet */

/* A packet to all nodes (ff02::1) from a link-local address; answers come within `within_ms`,
 * spread at random. within_ms is below 32768. */
void gw_mld_write_query(const struct gw_addr *src, uint16_t within_ms,
                        uint8_t buf[static GW_MLD_QUERY_LEN]);

#endif
