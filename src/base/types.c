/* types.c: arithmetic on IPv6 addresses and prefixes (RFC 4291 §2). Text is text.c's business.
 */
#include "base/types.h"

#define NTP_UNIX 2208988800u /* 1970 in seconds since 1900 */

bool gw_addr_is_zero(const struct gw_addr *a)
{
    static const struct gw_addr zero;

    return gw_addr_eq(a, &zero);
}

bool gw_addr_is_link_local(const struct gw_addr *a)
{
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool gw_addr_is_multicast(const struct gw_addr *a)
{
    return a->b[0] == 0xff;
}

struct gw_prefix gw_prefix_mask(struct gw_addr addr, uint8_t len)
{
    struct gw_prefix p = {.addr = addr, .len = len > 128 ? 128 : len};
    size_t whole = p.len / 8u;

    if (p.len % 8u != 0) {
        p.addr.b[whole] &= (uint8_t)(0xff00u >> (p.len % 8u));
        whole++;
    }
    memset(p.addr.b + whole, 0, sizeof p.addr.b - whole);
    return p;
}

bool gw_prefix_contains(const struct gw_prefix *p, const struct gw_addr *a)
{
    struct gw_prefix cut = gw_prefix_mask(*a, p->len);

    return gw_addr_eq(&cut.addr, &p->addr);
}

/* Two prefixes overlap when the longer lies in the shorter. */
bool gw_prefix_overlaps(const struct gw_prefix *a, const struct gw_prefix *b)
{
    return a->len <= b->len ? gw_prefix_contains(a, &b->addr) : gw_prefix_contains(b, &a->addr);
}

uint64_t gw_ntp_time(int64_t wall_ns)
{
    uint64_t ns = wall_ns > 0 ? (uint64_t)wall_ns : 0;
    uint64_t s = ns / 1000000000u + NTP_UNIX, frac = (ns % 1000000000u << 32) / 1000000000u;

    return s << 32 | frac;
}

int64_t gw_ntp_span(int64_t ns)
{
    int64_t s = ns / 1000000000;

    return s > INT32_MAX ? INT64_MAX : s * 4294967296 + (ns % 1000000000 * 4294967296) / 1000000000;
}
