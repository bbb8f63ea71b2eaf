/* nd.h: neighbour discovery messages (RFC 4861, RFC 4191, RFC 5380 MAP option) as whole IPv6
 * packets (IPv6 header and ICMPv6, no link layer). Pure.
 */
#ifndef GW_WIRE_ND_H
#define GW_WIRE_ND_H

#include "wire/mh.h"

enum gw_nd_type { GW_ND_RS = 133, GW_ND_RA = 134, GW_ND_NS = 135, GW_ND_NA = 136 };
enum gw_rtr_pref { GW_PREF_MEDIUM = 0, GW_PREF_HIGH = 1, GW_PREF_LOW = 3 }; /* RFC 4191 §2.1 */

#define GW_ND_PIOS 8
#define GW_ND_RIOS 8
struct gw_nd_pio {
    struct gw_prefix prefix;
    bool onlink, autonomous;
    uint32_t valid_s, preferred_s;
};
struct gw_nd_rio {
    struct gw_prefix prefix;
    enum gw_rtr_pref pref;
    uint32_t lifetime_s;
};
struct gw_nd_map {
    uint8_t dist, pref;
    bool r;
    uint32_t valid_s;
    struct gw_addr addr;
};

struct gw_nd {
    struct gw_addr src, dst;
    enum gw_nd_type type;
    /* RA */
    enum gw_rtr_pref pref;
    uint32_t reachable_ms, retrans_ms;
    uint32_t mtu; /* 0: no MTU option */
    uint16_t router_lifetime_s;
    uint8_t hop_limit;
    bool managed, other;
    uint8_t npio, nrio;
    struct gw_nd_pio pio[GW_ND_PIOS];
    struct gw_nd_rio rio[GW_ND_RIOS];
    struct gw_nd_map map;
    bool has_map;
    /* NS, NA */
    bool router, solicited, override; /* NA flags */
    struct gw_addr target;
    /* options 1 and 2; len 0: absent */
    struct gw_lladdr slla, tlla;
};

/* data: an IPv6 packet. IGNORE: not ND, or fails RFC 4861 §6.1/§7.1 validation (hop limit 255,
 * checksum, code, lengths); unknown options are skipped. */
struct gw_parse_result gw_nd_parse(const uint8_t *data, size_t len, struct gw_nd *out);
/* Hop limit 255, checksum filled in. Length, GW_ESHORT or GW_EINVAL. */
int gw_nd_write(const struct gw_nd *m, uint8_t *buf, size_t size);
/* ff02::1:ffXX:XXXX of an address (RFC 4291 §2.7.1). */
struct gw_addr gw_nd_solicited_node(const struct gw_addr *a);

#endif
