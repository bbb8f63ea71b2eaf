/* location.h: the location server of the CATS mobility draft (§3): at which ingress a client has
 * flows of services, and through which egresses, for the ingress that it comes to next.
 *
 * Left to others: who is told when (locate.h), what is done with an answer (handover.h), who may
 * send at all (the node: peers that steer).
 *
 * Decisions of this implementation:
 * - An ingress speaks of itself only. It takes a client from another ingress with a later
 * generation only, and may withdraw or renew what it has said itself only. A token is not asked
 * for: an entry says whom to ask, and who is asked answers for himself.
 * - Entries are records: they outlive the process, and their lifetime is the wall clock's then.
 * What a message says is stored before it is acknowledged.
 * - Servers do not talk to each other: each ingress tells all of them all, and all again within a
 *   third of a lifetime, so that one which has lost its disk knows everything by then.
 */
#ifndef GW_FN_HANDOVER_LOCATION_H
#define GW_FN_HANDOVER_LOCATION_H

#include "base/emit.h"
#include "base/table.h"
#include "base/timer.h"
#include "wire/cats.h"

struct gw_config;

#define GW_LOCATION_COUNTERS(X)                \
    X(IN_LOCATE, "location-in-locate")         \
    X(IN_WHERE, "location-in-where")           \
    X(SET, "location-entries-set")             \
    X(RENEWED, "location-entries-renewed")     \
    X(WITHDRAWN, "location-entries-withdrawn") \
    X(EXPIRED, "location-entries-expired")     \
    X(FOUND, "location-answers-known")         \
    X(UNKNOWN, "location-answers-unknown")     \
    X(DENIED, "location-refused-not-itself")   \
    X(STALE, "location-refused-generation")    \
    X(MALFORMED, "location-malformed")         \
    X(LIMIT, "limit-locations")                \
    X(NO_MEMORY, "location-no-memory")
enum gw_location_count {
#define X(id, name) GW_LOCCNT_##id,
    GW_LOCATION_COUNTERS(X)
#undef X
        GW_LOCCNT_MAX
};
const char *gw_location_count_name(enum gw_location_count c);

struct gw_location {
    struct gw_prefix client; /* the key */
    struct gw_locations *all;
    uint32_t generation;
    struct gw_addr ingress; /* who has said it */
    struct gw_lladdr lladdr;
    uint8_t negresses;
    struct gw_addr egress[GW_CATS_EGRESSES];
    struct gw_timer timer; /* it is over then */
};

struct gw_location_ops {
    int (*send)(void *user, const struct gw_addr *to, struct gw_mh *m);
    void (*put)(void *user, const void *key, size_t key_len, const void *value, size_t len);
    void (*del)(void *user, const void *key, size_t key_len);
};
struct gw_locations {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_timers *timers;
    struct gw_now now;
    const struct gw_location_ops *ops;
    void *user;
    struct gw_table by_client; /* owned */
    struct gw_mh out;
    struct gw_cats_buf buf;
    uint64_t count[GW_LOCCNT_MAX];
};

void gw_locations_init(struct gw_locations *s, uint64_t seed);
void gw_locations_free(struct gw_locations *s);
/* cfg is another one. */
void gw_locations_reload(struct gw_locations *s);

/* A record whose key's first octet is this. 0; GW_EFORMAT, GW_EFULL, GW_ENOMEM. One that is over is
 * deleted. */
#define GW_LOCATION_RECORD 'W'
int gw_locations_restore(struct gw_locations *s, const uint8_t *key, size_t key_len,
                         const uint8_t *value, size_t len);

/* LOCATE or WHERE of an authenticated peer that steers. 0; GW_EFORMAT: nothing of it is taken;
 * GW_EINVAL: neither. */
int gw_locations_message(struct gw_locations *s, const struct gw_addr *from, const struct gw_mh *m);

void gw_locations_show(const struct gw_locations *s, struct gw_emit *e);

#endif
