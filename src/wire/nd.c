/* nd.c: neighbour discovery messages as whole IPv6 packets (RFC 4861 §4 and §6.1, §7.1; RFC 4191
 * route information and router preference; RFC 5380 §6 MAP option). Which message to send when, and
 * to whom, is src/fn/access' business.
 */
#include "wire/nd.h"

#define IP6_HEADER   40u
#define ICMPV6       58u
#define CHECKSUM_AT  (IP6_HEADER + 2u)
#define HOP_LIMIT    255u
#define ETHERNET_LEN 6u

enum {
    OPT_SLLA = 1,
    OPT_TLLA = 2,
    OPT_PREFIX = 3,
    OPT_MTU = 5,
    OPT_MAP = 23,
    OPT_ROUTE = 24,
};

#define RA_MANAGED    0x80u
#define RA_OTHER      0x40u
#define NA_ROUTER     0x80u
#define NA_SOLICITED  0x40u
#define NA_OVERRIDE   0x20u
#define PIO_ONLINK    0x80u
#define PIO_AUTO      0x40u
#define MAP_R         0x80u
#define PREF_SHIFT    3
#define PREF_MASK     3u
#define PREF_RESERVED 2u

static struct gw_parse_result ignore(size_t at, const char *why)
{
    return (struct gw_parse_result){.code = GW_PARSE_IGNORE, .offset = (uint16_t)at, .why = why};
}

/* RFC 4191 §2.2: the reserved preference is medium in the header (and void in an option). */
static enum gw_rtr_pref read_pref(uint8_t octet)
{
    unsigned pref = (octet >> PREF_SHIFT) & PREF_MASK;

    return pref == PREF_RESERVED ? GW_PREF_MEDIUM : (enum gw_rtr_pref)pref;
}

static void read_target(struct gw_rd *r, struct gw_nd *m)
{
    uint8_t flags = gw_rd_u8(r);

    if (m->type == GW_ND_NA) {
        m->router = (flags & NA_ROUTER) != 0;
        m->solicited = (flags & NA_SOLICITED) != 0;
        m->override = (flags & NA_OVERRIDE) != 0;
    }
    (void)gw_rd_take(r, 3);
    (void)gw_rd_copy(r, m->target.b, sizeof m->target.b);
}

static void read_ra(struct gw_rd *r, struct gw_nd *m)
{
    m->hop_limit = gw_rd_u8(r);
    uint8_t flags = gw_rd_u8(r);
    m->managed = (flags & RA_MANAGED) != 0;
    m->other = (flags & RA_OTHER) != 0;
    m->pref = read_pref(flags);
    m->router_lifetime_s = gw_rd_u16(r);
    m->reachable_ms = gw_rd_u32(r);
    m->retrans_ms = gw_rd_u32(r);
}

static void read_fixed(struct gw_rd *r, struct gw_nd *m)
{
    switch (m->type) {
    case GW_ND_RS:
        (void)gw_rd_u32(r);
        break;
    case GW_ND_RA:
        read_ra(r, m);
        break;
    case GW_ND_NS:
    case GW_ND_NA:
        read_target(r, m);
        break;
    }
}

/* Link-layer addresses of other lengths belong to links Godwit does not serve; they are left out.
 */
static void read_lladdr(struct gw_rd *r, struct gw_lladdr *l)
{
    if (gw_rd_left(r) != ETHERNET_LEN)
        return;
    l->len = ETHERNET_LEN;
    (void)gw_rd_copy(r, l->b, ETHERNET_LEN);
}

static bool read_pio(struct gw_rd *r, struct gw_nd *m)
{
    struct gw_nd_pio p = {0};
    struct gw_addr a;
    uint8_t len = gw_rd_u8(r), flags = gw_rd_u8(r);

    p.onlink = (flags & PIO_ONLINK) != 0;
    p.autonomous = (flags & PIO_AUTO) != 0;
    p.valid_s = gw_rd_u32(r);
    p.preferred_s = gw_rd_u32(r);
    (void)gw_rd_u32(r);
    (void)gw_rd_copy(r, a.b, sizeof a.b);
    if (r->bad || gw_rd_left(r) != 0 || len > 128)
        return false;
    p.prefix = gw_prefix_mask(a, len);
    if (m->npio < GW_ND_PIOS)
        m->pio[m->npio++] = p;
    return true;
}

/* The prefix has 0, 8 or 16 octets; those missing are zero, and enough must be there. */
static bool read_rio(struct gw_rd *r, struct gw_nd *m)
{
    struct gw_nd_rio p = {0};
    struct gw_addr a = {0};
    uint8_t len = gw_rd_u8(r), flags = gw_rd_u8(r);

    p.lifetime_s = gw_rd_u32(r);
    size_t octets = gw_rd_left(r);
    if (r->bad || octets > sizeof a.b || len > 128 || len > octets * 8)
        return false;
    (void)gw_rd_copy(r, a.b, octets);
    p.prefix = gw_prefix_mask(a, len);
    p.pref = read_pref(flags);
    if (m->nrio < GW_ND_RIOS && ((flags >> PREF_SHIFT) & PREF_MASK) != PREF_RESERVED)
        m->rio[m->nrio++] = p;
    return true;
}

static bool read_map(struct gw_rd *r, struct gw_nd *m)
{
    uint8_t first = gw_rd_u8(r);
    struct gw_nd_map map = {.dist = first >> 4, .pref = first & 15u};

    map.r = (gw_rd_u8(r) & MAP_R) != 0;
    map.valid_s = gw_rd_u32(r);
    (void)gw_rd_copy(r, map.addr.b, sizeof map.addr.b);
    if (r->bad || gw_rd_left(r) != 0)
        return false;
    m->has_map = true;
    m->map = map;
    return true;
}

static bool read_mtu(struct gw_rd *r, struct gw_nd *m)
{
    (void)gw_rd_u16(r);
    uint32_t mtu = gw_rd_u32(r);
    if (r->bad || gw_rd_left(r) != 0)
        return false;
    m->mtu = mtu;
    return true;
}

/* False when a known option breaks its format; unknown ones are skipped (RFC 4861 §6.1.1). */
static bool read_option(uint8_t type, struct gw_rd *r, struct gw_nd *m)
{
    bool ra = m->type == GW_ND_RA;

    if (type == OPT_SLLA)
        read_lladdr(r, &m->slla);
    else if (type == OPT_TLLA)
        read_lladdr(r, &m->tlla);
    else if (ra && type == OPT_PREFIX)
        return read_pio(r, m);
    else if (ra && type == OPT_MTU)
        return read_mtu(r, m);
    else if (ra && type == OPT_MAP)
        return read_map(r, m);
    else if (ra && type == OPT_ROUTE)
        return read_rio(r, m);
    return true;
}

static struct gw_parse_result read_options(struct gw_rd *r, struct gw_nd *m)
{
    while (gw_rd_left(r) > 0) {
        size_t at = IP6_HEADER + gw_rd_offset(r);
        uint8_t type = gw_rd_u8(r), units = gw_rd_u8(r);
        if (r->bad || units == 0)
            return ignore(at, "option of length zero");
        size_t len = 8 * (size_t)units - 2;
        const uint8_t *body = gw_rd_take(r, len);
        if (body == NULL)
            return ignore(at, "option ends behind the packet");
        struct gw_rd in = gw_rd_make(body, len);
        if (!read_option(type, &in, m))
            return ignore(at, "option breaks its format");
    }
    return (struct gw_parse_result){.code = GW_PARSE_OK};
}

/* RFC 4291 §2.5.3, §2.7: no node on a link has these. */
static bool impossible_source(const struct gw_addr *a)
{
    static const struct gw_addr loopback = {{[15] = 1}};

    return gw_addr_is_multicast(a) || gw_addr_eq(a, &loopback);
}

/* What RFC 4861 §4, §6.1 and §7.1 ask beyond format. NULL, or what is broken. */
static const char *check(const struct gw_nd *m)
{
    bool from_nowhere = gw_addr_is_zero(&m->src);
    struct gw_addr snm = gw_nd_solicited_node(&m->target);

    if (impossible_source(&m->src))
        return "source is no address of a node";
    switch (m->type) {
    case GW_ND_RS:
        return from_nowhere && m->slla.len != 0 ? "link-layer address of no address" : NULL;
    case GW_ND_RA:
        return gw_addr_is_link_local(&m->src) ? NULL : "advertisement from a global address";
    case GW_ND_NS:
        if (gw_addr_is_multicast(&m->target))
            return "target is a multicast address";
        if (from_nowhere && m->slla.len != 0)
            return "link-layer address of no address";
        return from_nowhere && !gw_addr_eq(&m->dst, &snm) ? "detection to a wrong address" : NULL;
    case GW_ND_NA:
        if (gw_addr_is_multicast(&m->target))
            return "target is a multicast address";
        if (from_nowhere)
            return "advertisement of no address";
        return gw_addr_is_multicast(&m->dst) && m->solicited ? "solicited, but to all" : NULL;
    }
    return "unknown type";
}

/* The IPv6 header; *icmp_len is the length of what follows. */
static struct gw_parse_result read_header(const uint8_t *data, size_t len, struct gw_nd *m,
                                          size_t *icmp_len)
{
    struct gw_mh_addrs sum;

    if (len < IP6_HEADER || data[0] >> 4 != 6 || data[6] != ICMPV6)
        return ignore(0, "not ICMPv6");
    size_t payload = (size_t)data[4] << 8 | data[5];
    if (payload > len - IP6_HEADER || payload < 8)
        return ignore(4, "packet is too short");
    if (data[7] != HOP_LIMIT)
        return ignore(7, "hop limit is not 255");
    memcpy(sum.src.b, data + 8, 16);
    memcpy(sum.dst.b, data + 24, 16);
    if (gw_ip6_checksum(&sum, ICMPV6, data + IP6_HEADER, payload) != 0)
        return ignore(CHECKSUM_AT, "checksum is wrong");
    m->src = sum.src;
    m->dst = sum.dst;
    *icmp_len = payload;
    return (struct gw_parse_result){.code = GW_PARSE_OK};
}

struct gw_parse_result gw_nd_parse(const uint8_t *data, size_t len, struct gw_nd *out)
{
    size_t icmp_len = 0;

    *out = (struct gw_nd){0};
    struct gw_parse_result res = read_header(data, len, out, &icmp_len);
    if (res.code != GW_PARSE_OK)
        return res;
    struct gw_rd r = gw_rd_make(data + IP6_HEADER, icmp_len);
    uint8_t type = gw_rd_u8(&r);
    if (type < GW_ND_RS || type > GW_ND_NA)
        return ignore(IP6_HEADER, "not neighbour discovery");
    out->type = (enum gw_nd_type)type;
    if (gw_rd_u8(&r) != 0)
        return ignore(IP6_HEADER + 1, "code is not zero");
    (void)gw_rd_u16(&r);
    read_fixed(&r, out);
    if (r.bad)
        return ignore(4, "packet is too short");
    res = read_options(&r, out);
    const char *why = res.code == GW_PARSE_OK ? check(out) : NULL;
    return why != NULL ? ignore(IP6_HEADER, why) : res;
}

static void write_lladdr(struct gw_wr *w, uint8_t type, const struct gw_lladdr *l)
{
    if (l->len == 0)
        return;
    gw_wr_u8(w, type);
    gw_wr_u8(w, 1);
    gw_wr_put(w, l->b, ETHERNET_LEN);
}

static void write_pio(struct gw_wr *w, const struct gw_nd_pio *p)
{
    struct gw_prefix masked = gw_prefix_mask(p->prefix.addr, p->prefix.len);

    gw_wr_u8(w, OPT_PREFIX);
    gw_wr_u8(w, 4);
    gw_wr_u8(w, p->prefix.len);
    gw_wr_u8(w, (uint8_t)((p->onlink ? PIO_ONLINK : 0u) | (p->autonomous ? PIO_AUTO : 0u)));
    gw_wr_u32(w, p->valid_s);
    gw_wr_u32(w, p->preferred_s);
    gw_wr_u32(w, 0);
    gw_wr_put(w, masked.addr.b, sizeof masked.addr.b);
}

static void write_rio(struct gw_wr *w, const struct gw_nd_rio *p)
{
    struct gw_prefix masked = gw_prefix_mask(p->prefix.addr, p->prefix.len);
    size_t octets = p->prefix.len == 0 ? 0 : p->prefix.len <= 64 ? 8 : 16;

    gw_wr_u8(w, OPT_ROUTE);
    gw_wr_u8(w, (uint8_t)(1 + octets / 8));
    gw_wr_u8(w, p->prefix.len);
    gw_wr_u8(w, (uint8_t)((unsigned)p->pref << PREF_SHIFT));
    gw_wr_u32(w, p->lifetime_s);
    gw_wr_put(w, masked.addr.b, octets);
}

static void write_map(struct gw_wr *w, const struct gw_nd_map *m)
{
    gw_wr_u8(w, OPT_MAP);
    gw_wr_u8(w, 3);
    gw_wr_u8(w, (uint8_t)((unsigned)m->dist << 4 | m->pref));
    gw_wr_u8(w, m->r ? MAP_R : 0);
    gw_wr_u32(w, m->valid_s);
    gw_wr_put(w, m->addr.b, sizeof m->addr.b);
}

static void write_ra(struct gw_wr *w, const struct gw_nd *m)
{
    gw_wr_u8(w, m->hop_limit);
    gw_wr_u8(w, (uint8_t)((m->managed ? RA_MANAGED : 0u) | (m->other ? RA_OTHER : 0u) |
                          (unsigned)m->pref << PREF_SHIFT));
    gw_wr_u16(w, m->router_lifetime_s);
    gw_wr_u32(w, m->reachable_ms);
    gw_wr_u32(w, m->retrans_ms);
}

static void write_ra_options(struct gw_wr *w, const struct gw_nd *m)
{
    if (m->mtu != 0) {
        gw_wr_u8(w, OPT_MTU);
        gw_wr_u8(w, 1);
        gw_wr_u16(w, 0);
        gw_wr_u32(w, m->mtu);
    }
    for (size_t i = 0; i < m->npio; i++)
        write_pio(w, &m->pio[i]);
    for (size_t i = 0; i < m->nrio; i++)
        write_rio(w, &m->rio[i]);
    if (m->has_map)
        write_map(w, &m->map);
}

static void write_icmp(struct gw_wr *w, const struct gw_nd *m)
{
    unsigned flags = (m->router ? NA_ROUTER : 0u) | (m->solicited ? NA_SOLICITED : 0u) |
                     (m->override ? NA_OVERRIDE : 0u);

    gw_wr_u8(w, (uint8_t)m->type);
    gw_wr_zero(w, 3);
    switch (m->type) {
    case GW_ND_RS:
        gw_wr_zero(w, 4);
        break;
    case GW_ND_RA:
        write_ra(w, m);
        break;
    case GW_ND_NS:
    case GW_ND_NA:
        gw_wr_u8(w, (uint8_t)(m->type == GW_ND_NA ? flags : 0));
        gw_wr_zero(w, 3);
        gw_wr_put(w, m->target.b, sizeof m->target.b);
        break;
    }
    write_lladdr(w, OPT_SLLA, &m->slla);
    write_lladdr(w, OPT_TLLA, &m->tlla);
    if (m->type == GW_ND_RA)
        write_ra_options(w, m);
}

static bool pref_ok(enum gw_rtr_pref pref)
{
    return pref == GW_PREF_MEDIUM || pref == GW_PREF_HIGH || pref == GW_PREF_LOW;
}

/* Every value fits its field. */
static bool values_fit(const struct gw_nd *m)
{
    if (m->type < GW_ND_RS || m->type > GW_ND_NA || m->npio > GW_ND_PIOS || m->nrio > GW_ND_RIOS ||
        !pref_ok(m->pref))
        return false;
    if ((m->slla.len != 0 && m->slla.len != ETHERNET_LEN) ||
        (m->tlla.len != 0 && m->tlla.len != ETHERNET_LEN))
        return false;
    for (size_t i = 0; i < m->npio; i++)
        if (m->pio[i].prefix.len > 128)
            return false;
    for (size_t i = 0; i < m->nrio; i++)
        if (m->rio[i].prefix.len > 128 || !pref_ok(m->rio[i].pref))
            return false;
    return m->map.dist < 16 && m->map.pref < 16;
}

int gw_nd_write(const struct gw_nd *m, uint8_t *buf, size_t size)
{
    struct gw_wr w = gw_wr_make(buf, size);
    struct gw_mh_addrs sum = {m->src, m->dst};

    if (!values_fit(m) || check(m) != NULL)
        return GW_EINVAL;
    gw_wr_u32(&w, 6u << 28);
    gw_wr_u16(&w, 0);
    gw_wr_u8(&w, ICMPV6);
    gw_wr_u8(&w, HOP_LIMIT);
    gw_wr_put(&w, m->src.b, sizeof m->src.b);
    gw_wr_put(&w, m->dst.b, sizeof m->dst.b);
    write_icmp(&w, m);
    if (w.bad)
        return GW_ESHORT;
    size_t payload = gw_wr_len(&w) - IP6_HEADER;
    buf[4] = (uint8_t)(payload >> 8);
    buf[5] = (uint8_t)payload;
    uint16_t check_sum = gw_ip6_checksum(&sum, ICMPV6, buf + IP6_HEADER, payload);
    buf[CHECKSUM_AT] = (uint8_t)(check_sum >> 8);
    buf[CHECKSUM_AT + 1] = (uint8_t)check_sum;
    return (int)gw_wr_len(&w);
}

struct gw_addr gw_nd_solicited_node(const struct gw_addr *a)
{
    struct gw_addr snm = {{0xff, 0x02, [11] = 0x01, [12] = 0xff}};

    memcpy(snm.b + 13, a->b + 13, 3);
    return snm;
}
