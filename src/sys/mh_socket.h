/* mh_socket.h: Mobility Header messages over IPv6 (RFC 6275 §6.1) through a raw socket bound to
 * the node's address. What they say is the codec's business (src/wire/mh.h), which also judges
 * the checksum: the kernel's own check is switched off, so that bad ones can be counted.
 *
 * Home Address option and type 2 routing header: Linux handles both before a raw socket sees the
 * packet. With CONFIG_IPV6_MIP6 it has exchanged the addresses (RFC 6275 §9.3.1, §11.3.3), so the
 * addresses reported here are the home addresses as the checksum wants them; without, it discards
 * such packets itself.
 */
#ifndef GW_SYS_MH_SOCKET_H
#define GW_SYS_MH_SOCKET_H

#include "base/err.h"
#include "wire/mh.h"

/* A descriptor, non-blocking; or GW_ESYS (errno: EADDRNOTAVAIL when no interface has the address,
 * EPERM without CAP_NET_RAW). */
int gw_mh_open(const struct gw_addr *local);

/* Octets of the Mobility Header put into buf (at most GW_MH_MAX; a longer one is cut and then
 * malformed to the codec), or GW_ENOENT when nothing waits, or GW_ESYS. */
int gw_mh_recv(int fd, struct gw_mh_addrs *addrs, uint8_t *buf, size_t size);

/* From addrs->src, which must be the node's address, to addrs->dst, hop limit 64. 0 or GW_ESYS
 * (errno: ENETUNREACH, EAGAIN ...). */
int gw_mh_send(int fd, const struct gw_mh_addrs *addrs, const uint8_t *data, size_t len);

#endif
