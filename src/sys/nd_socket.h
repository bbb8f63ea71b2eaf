/* nd_socket.h: neighbour discovery packets of one access interface (RFC 4861) through a packet
 * socket: the kernel speaks no IPv6 there, because one interface carries the link-local addresses
 * of many anchors. The interface becomes promiscuous while the socket lives, so that frames to any
 * anchor's link-layer address are heard. What is said is the node's business.
 */
#ifndef GW_SYS_ND_SOCKET_H
#define GW_SYS_ND_SOCKET_H

#include "base/err.h"
#include "base/types.h"

#define GW_ND_FRAME_MAX 2048 /* octets; an ND packet is far shorter */

/* A descriptor, non-blocking, that yields ICMPv6 133..136 received (not sent) there; or GW_ESYS
 * (errno). */
int gw_nd_open(unsigned ifindex);

struct gw_nd_frame {
    struct gw_lladdr src;
    const uint8_t *packet; /* the IPv6 packet, without the padding of short frames; in buf */
    size_t len;
};
/* 1 and *out, 0 when the frame is to be skipped, GW_ENOENT when nothing waits, GW_ESYS (errno
 * ENETDOWN: the interface went down; the socket works again when it is up). */
int gw_nd_recv(int fd, uint8_t buf[static GW_ND_FRAME_MAX], struct gw_nd_frame *out);

/* Sends an IPv6 packet in one Ethernet frame. 0; GW_EINVAL: not Ethernet addresses, or too long;
 * GW_ESYS (errno). */
int gw_nd_send(int fd, const struct gw_lladdr *src, const struct gw_lladdr *dst,
               const uint8_t *packet, size_t len);

#endif
