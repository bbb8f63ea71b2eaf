/* icmp.h: the ICMPv6 Parameter Problem that RFC 6275 §9.2 wants for a malformed Mobility Header
 * (RFC 4443 §3.4), at a bounded rate (RFC 4443 §2.4 f). The errors of forwarded packets are the
 * packet path's (sys/plane.h).
 */
#ifndef GW_SYS_ICMP_H
#define GW_SYS_ICMP_H

#include "wire/mh.h"

/* RFC 4443 §2.4 f asks for a token bucket; pure. */
struct gw_icmp_rate {
    struct gw_time last;
    int64_t tokens_us; /* a token is 1 s / rate, kept in microseconds */
};
bool gw_icmp_rate_take(struct gw_icmp_rate *b, uint32_t rate, uint32_t burst, struct gw_time now);

/* The ICMPv6 message (checksum zero: the kernel's) about a Mobility Header that came from
 * addrs->dst to addrs->src: pointer counts from the start of the Mobility Header. As much of the
 * packet as fits into 1280 octets (RFC 4443 §2.4 c). Returns the length. */
#define GW_ICMP_MAX (1280 - 40)
size_t gw_icmp_param_problem(const struct gw_mh_addrs *addrs, uint16_t pointer, const uint8_t *mh,
                             size_t len, uint8_t out[static GW_ICMP_MAX]);

/* A raw socket that only sends, bound to the node's address; or GW_ESYS. */
int gw_icmp_open(const struct gw_addr *local);
int gw_icmp_send(int fd, const struct gw_addr *to, const uint8_t *data, size_t len);

#endif
