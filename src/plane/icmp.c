/* icmp.c: see icmp.h. */
#include "plane/icmp.h"

#include "base/cursor.h"
#include "base/err.h"
#include "wire/mh.h"

enum {
    IP6_LEN = 40,
    IP6_NEXT = 6,
    IP6_SRC = 8,
    IP6_DST = 24,
    ICMP_LEN = 8,
    ICMP_CSUM = IP6_LEN + 2,
    PROTO_IP6 = 41,
    PROTO_ICMP6 = 58,
    TOO_BIG = 2,
    REDIRECT = 137,
    HOP_LIMIT = 64,
    MIN_MTU = 1280,
};

/* RFC 4443 §2.4 (e): not about errors or redirects, not about group packets, not to a source that
 * is not one node. */
static bool may_answer(const uint8_t *packet, size_t len)
{
    struct gw_addr src, dst;

    memcpy(src.b, packet + IP6_SRC, sizeof src.b);
    memcpy(dst.b, packet + IP6_DST, sizeof dst.b);
    if (gw_addr_is_multicast(&dst) || gw_addr_is_multicast(&src) || gw_addr_is_zero(&src))
        return false;
    if (packet[IP6_NEXT] != PROTO_ICMP6)
        return true;
    return len > IP6_LEN && packet[IP6_LEN] >= 128 && packet[IP6_LEN] != REDIRECT;
}

int gw_icmp_error_write(const struct gw_icmp_error *e, const uint8_t *packet, size_t len,
                        uint8_t buf[static GW_ICMP_ERROR_MAX])
{
    struct gw_wr w = gw_wr_make(buf, GW_ICMP_ERROR_MAX);
    struct gw_mh_addrs addrs = {.src = e->src};

    if (len < IP6_LEN)
        return GW_ESHORT;
    if (!may_answer(packet, len))
        return 0;
    if (len > GW_ICMP_ERROR_MAX - IP6_LEN - ICMP_LEN)
        len = GW_ICMP_ERROR_MAX - IP6_LEN - ICMP_LEN;
    memcpy(addrs.dst.b, packet + IP6_SRC, sizeof addrs.dst.b);
    gw_wr_u32(&w, 0x60000000);
    gw_wr_u16(&w, (uint16_t)(ICMP_LEN + len));
    gw_wr_u8(&w, PROTO_ICMP6);
    gw_wr_u8(&w, HOP_LIMIT);
    gw_wr_put(&w, &addrs.src, sizeof addrs.src);
    gw_wr_put(&w, &addrs.dst, sizeof addrs.dst);
    gw_wr_u8(&w, e->type);
    gw_wr_u8(&w, e->code);
    gw_wr_u16(&w, 0);
    gw_wr_u32(&w, e->mtu);
    gw_wr_put(&w, packet, len);
    uint16_t sum = gw_ip6_checksum(&addrs, PROTO_ICMP6, buf + IP6_LEN, ICMP_LEN + len);
    buf[ICMP_CSUM] = (uint8_t)(sum >> 8);
    buf[ICMP_CSUM + 1] = (uint8_t)sum;
    return (int)gw_wr_len(&w);
}

int gw_icmp_tunnel_too_big(const uint8_t *icmp, size_t len, const struct gw_addr *me,
                           struct gw_addr *peer, uint32_t *mtu)
{
    struct gw_rd r = gw_rd_make(icmp, len);
    struct gw_addr src, dst;

    if (gw_rd_u8(&r) != TOO_BIG)
        return GW_ENOENT;
    gw_rd_take(&r, 3);
    uint32_t said = gw_rd_u32(&r);
    gw_rd_take(&r, IP6_NEXT);
    uint8_t next = gw_rd_u8(&r);
    gw_rd_u8(&r);
    gw_rd_copy(&r, &src, sizeof src);
    gw_rd_copy(&r, &dst, sizeof dst);
    if (r.bad)
        return GW_EFORMAT;
    if (next != PROTO_IP6 || !gw_addr_eq(&src, me))
        return GW_ENOENT;
    if (said < MIN_MTU)
        return GW_EFORMAT;
    *peer = dst;
    *mtu = said;
    return GW_OK;
}
