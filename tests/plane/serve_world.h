/* serve_world.h: services, instances and packets of clients, for tests of them. Addresses are text.
 */
#ifndef TESTS_PLANE_SERVE_WORLD_H
#define TESTS_PLANE_SERVE_WORLD_H

#include "test.h"

#include "base/err.h"
#include "base/prng.h"
#include "base/text.h"
#include "plane/native.h"
#include "plane/native_serve.h"

enum { W_TCP = 6, W_UDP = 17, W_ICMP6 = 58, W_FRAME = 512, W_FIN = 1, W_SYN = 2, W_ACK = 16 };
enum { W_NEXT = 14 + 6, W_SRC = 14 + 8, W_DST = 14 + 24, W_L4 = 14 + 40 }; /* in a frame */

struct gw_addr w_addr(const char *text);

/* A service with no timeout to speak of; change what matters. port 0: any. */
struct gw_intent w_service(const char *cs_id, uint8_t proto, uint16_t port,
                           enum gw_affinity affinity, enum gw_steer_policy policy);
/* An instance of it behind an egress, up. */
struct gw_intent w_instance(const struct gw_intent *service, const char *csci_id,
                            const char *egress, uint32_t path_us);

struct w_packet {
    const uint8_t *mac; /* NULL: some */
    struct gw_addr src, dst;
    uint8_t proto, flags; /* TCP */
    uint16_t sport, dport;
    size_t payload; /* behind the TCP, UDP or ICMPv6 header */
};
/* As Ethernet frames; the length. b has W_FRAME octets, or what they come to. */
size_t w_frame(const struct w_packet *p, uint8_t *b);
/* An ICMPv6 error of its source about a packet that came from there: Packet Too Big. */
size_t w_error(const struct w_packet *p, uint8_t *b);
/* In front of the packet in a frame: a tunnel header, with the mark of a miss or without. */
size_t w_tunnel(uint8_t *b, size_t len, struct gw_addr from, struct gw_addr to, bool mark);

#endif
