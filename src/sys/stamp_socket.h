/* stamp_socket.h: UDP for STAMP (RFC 8762): the Session-Reflector's socket on its port, and the
 * Session-Sender's on any. Hop limit 255 (§4.1), the hop limit and the kernel's time of what
 * arrives, and the ICMPv6 errors about what was sent. What packets say is src/wire/stamp.h's
 * business, which of them are believed the node's.
 *
 * Of the errors only a port unreachable by the target itself counts (RFC 4443 §3.1 code 4): the
 * machine answers, the daemon does not. That of a router on the way says nothing that silence
 * does not say, and anybody on the way can forge it.
 */
#ifndef GW_SYS_STAMP_SOCKET_H
#define GW_SYS_STAMP_SOCKET_H

#include "base/err.h"
#include "base/types.h"

#define GW_STAMP_ROOM 2048 /* octets; a longer packet is cut (extensions are ignored anyway) */

struct gw_stamp_arrival {
    struct gw_addr from;
    uint16_t port; /* of the sender */
    uint8_t hop_limit;
    bool refused;      /* nothing came: `from` has nobody at `port` */
    uint64_t received; /* NTP time by the kernel */
};

/* A descriptor, non-blocking, bound to the address and port (0: any); or GW_ESYS (errno
 * EADDRINUSE, EACCES for a port below 1024 without CAP_NET_BIND_SERVICE). */
int gw_stamp_open(const struct gw_addr *local, uint16_t port);

/* Octets put into buf (0 when refused), GW_ENOENT when nothing waits, or GW_ESYS. */
int gw_stamp_recv(int fd, struct gw_stamp_arrival *a, uint8_t buf[static GW_STAMP_ROOM]);
int gw_stamp_send(int fd, const struct gw_addr *to, uint16_t port, const uint8_t *data, size_t len);

#endif
