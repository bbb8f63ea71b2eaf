/* types.h: the values every layer speaks of: time, addresses, prefixes, identities. No I/O. */
#ifndef GW_BASE_TYPES_H
#define GW_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* A point on the monotonic clock, or a span: nanoseconds. */
struct gw_time {
    int64_t ns;
};
#define GW_NEVER   ((struct gw_time){INT64_MAX})
#define GW_MSEC(n) ((struct gw_time){(int64_t)(n)*1000000})
#define GW_SEC(n)  ((struct gw_time){(int64_t)(n)*1000000000})

static inline struct gw_time gw_time_add(struct gw_time a, struct gw_time b)
{
    if (a.ns > INT64_MAX - b.ns)
        return GW_NEVER;
    return (struct gw_time){a.ns + b.ns};
}
static inline struct gw_time gw_time_sub(struct gw_time a, struct gw_time b)
{
    return (struct gw_time){a.ns - b.ns};
}
static inline bool gw_time_before(struct gw_time a, struct gw_time b)
{
    return a.ns < b.ns;
}

/* What the driver knows of time at an input: timers run on mono; wall (ns since the Unix epoch) is
 * only for what goes on the wire (Timestamp, Mesg-ID) and may step. */
struct gw_now {
    struct gw_time mono;
    int64_t wall_ns;
};

/* The 64-bit NTP timestamp (RFC 5905 §6) of a wall-clock time, or of a span. */
uint64_t gw_ntp_time(int64_t wall_ns);
int64_t gw_ntp_span(int64_t ns);

/* An IPv6 address in network order. */
struct gw_addr {
    uint8_t b[16];
};

/* An IPv6 prefix; bits behind len are zero (gw_prefix_mask makes them so). */
struct gw_prefix {
    struct gw_addr addr;
    uint8_t len; /* 0..128 */
};

/* A link-layer address; Ethernet has len 6. */
struct gw_lladdr {
    uint8_t len; /* 0..8 */
    uint8_t b[8];
};

/* A view of a mobile node's identity (RFC 4283): it does not own the octets. */
enum gw_mnid_subtype {
    GW_MNID_NAI = 1,
    GW_MNID_IPV6 = 2,
    GW_MNID_IMSI = 3,
    GW_MNID_EUI48 = 5,
    GW_MNID_EUI64 = 6,
    GW_MNID_DUID = 8,
};
struct gw_mnid {
    uint8_t subtype; /* enum gw_mnid_subtype or another IANA value */
    uint8_t len;
    const uint8_t *id;
};

static inline bool gw_addr_eq(const struct gw_addr *a, const struct gw_addr *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}
static inline bool gw_lladdr_eq(const struct gw_lladdr *a, const struct gw_lladdr *b)
{
    return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}
static inline bool gw_mnid_eq(const struct gw_mnid *a, const struct gw_mnid *b)
{
    return a->subtype == b->subtype && a->len == b->len && memcmp(a->id, b->id, a->len) == 0;
}
static inline bool gw_prefix_eq(const struct gw_prefix *a, const struct gw_prefix *b)
{
    return a->len == b->len && gw_addr_eq(&a->addr, &b->addr);
}
bool gw_addr_is_zero(const struct gw_addr *a);
bool gw_addr_is_link_local(const struct gw_addr *a); /* fe80::/10 */
bool gw_addr_is_multicast(const struct gw_addr *a);
/* Zero the bits behind len. */
struct gw_prefix gw_prefix_mask(struct gw_addr addr, uint8_t len);
bool gw_prefix_contains(const struct gw_prefix *p, const struct gw_addr *a);
bool gw_prefix_overlaps(const struct gw_prefix *a, const struct gw_prefix *b);

#endif
