/* ip6.c: the chain of IPv6 extension headers (RFC 8200 §4, RFC 6275 §6.3 and §6.4) as far as it is
 * needed to find a Mobility Header. It reassembles no fragments and looks into no tunnel.
 */
#include "wire/ip6.h"

enum {
    NH_HOP_BY_HOP = 0,
    NH_ROUTING = 43,
    NH_FRAGMENT = 44,
    NH_AH = 51,
    NH_DEST_OPTS = 60,
};
#define OPT_HOME_ADDRESS 201
#define ROUTING_TYPE_2   2

/* Home Address options of one Destination Options header; the body begins behind its length. */
static int read_dest_opts(struct gw_rd *r, struct gw_addr *src)
{
    while (gw_rd_left(r) > 0) {
        uint8_t type = gw_rd_u8(r);
        if (type == 0)
            continue; /* Pad1 */
        uint8_t len = gw_rd_u8(r);
        const uint8_t *body = gw_rd_take(r, len);
        if (body == NULL || (type == OPT_HOME_ADDRESS && len != sizeof src->b))
            return GW_EFORMAT;
        if (type == OPT_HOME_ADDRESS)
            memcpy(src->b, body, sizeof src->b);
    }
    return 0;
}

/* The home address of a type 2 routing header counts until the receiver has swapped it in. */
static int read_routing(struct gw_rd *r, struct gw_addr *dst)
{
    uint8_t type = gw_rd_u8(r), left = gw_rd_u8(r);

    if (type != ROUTING_TYPE_2 || left == 0)
        return 0;
    (void)gw_rd_u32(r);
    if (left != 1 || gw_rd_left(r) != sizeof dst->b)
        return GW_EFORMAT;
    (void)gw_rd_copy(r, dst->b, sizeof dst->b);
    return 0;
}

/* An atomic fragment (offset 0, no more to come) is a whole packet, RFC 6946. */
static int read_fragment(struct gw_rd *r)
{
    return (gw_rd_u16(r) & 0xfff9u) == 0 ? 0 : GW_ENOENT;
}

/* One extension header of type *next, which becomes the type of what follows. */
static int read_extension(struct gw_rd *r, uint8_t *next, struct gw_mh_addrs *addrs)
{
    uint8_t type = *next, following = gw_rd_u8(r), units = gw_rd_u8(r);
    size_t body = type == NH_AH         ? 4 * (size_t)units + 6
                  : type == NH_FRAGMENT ? 6
                                        : 8 * (size_t)units + 6;
    const uint8_t *data = gw_rd_take(r, body);

    if (data == NULL)
        return GW_ESHORT;
    struct gw_rd in = gw_rd_make(data, body);
    *next = following;
    if (type == NH_DEST_OPTS)
        return read_dest_opts(&in, &addrs->src);
    if (type == NH_ROUTING)
        return read_routing(&in, &addrs->dst);
    return type == NH_FRAGMENT ? read_fragment(&in) : 0;
}

int gw_ip6_find_mh(const uint8_t *pkt, size_t len, struct gw_mh_addrs *addrs, const uint8_t **mh,
                   size_t *mh_len)
{
    struct gw_rd r = gw_rd_make(pkt, len);
    uint8_t version = gw_rd_u8(&r) >> 4;

    (void)gw_rd_take(&r, 3);
    size_t payload = gw_rd_u16(&r);
    uint8_t next = gw_rd_u8(&r);
    (void)gw_rd_u8(&r);
    (void)gw_rd_copy(&r, addrs->src.b, sizeof addrs->src.b);
    if (!gw_rd_copy(&r, addrs->dst.b, sizeof addrs->dst.b) || gw_rd_left(&r) < payload)
        return version != 6 && len > 0 ? GW_EFORMAT : GW_ESHORT;
    if (version != 6)
        return GW_EFORMAT;
    r = gw_rd_make(r.p, payload); /* what lies behind is padding of the link */
    while (next == NH_HOP_BY_HOP || next == NH_ROUTING || next == NH_FRAGMENT || next == NH_AH ||
           next == NH_DEST_OPTS) {
        int err = read_extension(&r, &next, addrs);
        if (err != 0)
            return err;
    }
    if (next != GW_IPPROTO_MH)
        return GW_ENOENT;
    *mh = r.p;
    *mh_len = gw_rd_left(&r);
    return 0;
}
