/* radius.h: the server's end of RADIUS accounting (RFC 2866): a UDP socket on which NASes (access
 * points, switches) tell of their stations' sessions. What is said is news: a session began, goes
 * on, has ended. Requests are answered when they are authentic, whether they are news or not.
 *
 * A request may come twice, under a new Identifier too when its Acct-Delay-Time has changed, or out
 * of order, or as a replay: RADIUS accounting has no protection against that. So the last sessions
 * of each station at each NAS are remembered, also behind their end: a session begins once and ends
 * once, and only the end of the session that goes on is the station's leaving. Who can reorder and
 * replay more than GW_RADIUS_SESSIONS of them needs another answer (IPsec, doc/guide.md).
 *
 * Everybody but the configured NASes is ignored, each of those has a rate, and the table of
 * stations a limit; beyond it requests stay without an answer, so that the NAS asks again (RFC 2866
 * §2).
 */
#ifndef GW_SYS_RADIUS_H
#define GW_SYS_RADIUS_H

#include "base/table.h"
#include "sys/icmp.h"
#include "wire/radius.h"

#define GW_RADIUS_SESSIONS 4 /* of a station at a NAS, remembered */

enum gw_radius_news {
    GW_RADIUS_BEGAN, /* it has just authenticated: it is there */
    GW_RADIUS_GOES,  /* it is authorised */
    GW_RADIUS_ENDED,
};
/* nai: NULL for a station without one. */
typedef void gw_radius_fn(void *user, size_t nas, enum gw_radius_news what,
                          const struct gw_lladdr *sta, const struct gw_mnid *nai);

struct gw_radius_nas {
    struct gw_addr addr;
    struct gw_radius_secret secret;
    struct gw_icmp_rate rate;
    uint64_t on, off; /* hashes of what was last said so; 0: nothing */
};

#define GW_RADIUS_COUNTERS(X)             \
    X(received, "radius-received")        \
    X(unknown, "radius-unknown-nas")      \
    X(limited, "radius-rate-limited")     \
    X(bad, "radius-malformed")            \
    X(unauthentic, "radius-unauthentic")  \
    X(unusable, "radius-without-station") \
    X(repeated, "radius-repeated")        \
    X(full, "radius-stations-limit")      \
    X(unanswered, "radius-send-errors")
struct gw_radius_counters {
#define X(member, name) uint64_t member;
    GW_RADIUS_COUNTERS(X)
#undef X
};

struct gw_radius_station;
struct gw_radius {
    int fd; /* -1: not open */
    size_t nnas;
    struct gw_radius_nas *nas; /* borrowed */
    uint32_t rate;             /* requests per second of a NAS; 0: no limit */
    struct gw_table stations;
    struct gw_radius_station *first, *last; /* whose sessions have ended, the longest ago first */
    gw_radius_fn *fn;
    void *user;
    struct gw_radius_counters count;
};

/* Opens the socket. 0, or GW_ESYS with errno. The caller sets nas, nnas, rate, fn and user. */
int gw_radius_open(struct gw_radius *r, const struct gw_addr *addr, uint16_t port, size_t stations,
                   uint64_t seed);
/* Takes what has arrived, a bounded number at a time. */
void gw_radius_read(struct gw_radius *r, struct gw_time now);
void gw_radius_close(struct gw_radius *r);

#endif
