/* mld.c: see mld.h. RFC 3810 §5.1 (the query), §5.1.14 and §6.2 (hop limit 1, Router Alert, a
 * link-local source, or hosts ignore it), RFC 2711 (Router Alert). */
#include "wire/mld.h"

#include <string.h>

#include "base/cursor.h"
#include "wire/mh.h"

#define IP6_HEADER 40
#define MLD_AT     48
#define MLD_LEN    28
#define CHECKSUM   (MLD_AT + 2)
#define ICMPV6     58
#define QUERY      130
/* Robustness Variable 2 and a Query Interval of 125 s: what they are where nobody asks again. */
#define ROBUSTNESS     2
#define QUERY_INTERVAL 125

void gw_mld_write_query(const struct gw_addr *src, uint16_t within_ms,
                        uint8_t buf[static GW_MLD_QUERY_LEN])
{
    static const struct gw_addr all_nodes = {{0xff, 0x02, [15] = 1}};
    static const uint8_t hop_by_hop[8] = {ICMPV6, 0, 5, 2,
                                          0,      0, 1, 0}; /* Router Alert: MLD; PadN */
    struct gw_mh_addrs sum = {*src, all_nodes};
    struct gw_wr w = gw_wr_make(buf, GW_MLD_QUERY_LEN);

    memset(buf, 0, GW_MLD_QUERY_LEN);
    gw_wr_u32(&w, 6u << 28);
    gw_wr_u16(&w, GW_MLD_QUERY_LEN - IP6_HEADER);
    gw_wr_u8(&w, 0); /* hop-by-hop options */
    gw_wr_u8(&w, 1);
    gw_wr_put(&w, src->b, sizeof src->b);
    gw_wr_put(&w, all_nodes.b, sizeof all_nodes.b);
    gw_wr_put(&w, hop_by_hop, sizeof hop_by_hop);
    buf[MLD_AT] = QUERY;
    buf[MLD_AT + 4] = (uint8_t)(within_ms >> 8);
    buf[MLD_AT + 5] = (uint8_t)within_ms;
    buf[MLD_AT + 24] = ROBUSTNESS;
    buf[MLD_AT + 25] = QUERY_INTERVAL;
    uint16_t check = gw_ip6_checksum(&sum, ICMPV6, buf + MLD_AT, MLD_LEN);
    buf[CHECKSUM] = (uint8_t)(check >> 8);
    buf[CHECKSUM + 1] = (uint8_t)check;
}
