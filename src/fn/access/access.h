/* access.h: neighbour discovery towards stations (RFC 4861 §6, §7; RFC 4191; RFC 8885 §3.7). To a
 * station a MAAR is several routers: one per anchor of its prefixes, each a DLIF with a link-local
 * and a link-layer address that are the same at every MAAR. A DLIF is an entry here, no netdev:
 * this file writes the RAs that come from it, answers the NSs for it, and tells the node what was
 * heard of a station.
 *
 * The access link is point to point per station: every frame goes to the station's own link-layer
 * address, also those to ff02::1 (RFC 6085), and a station is answered for its own DLIFs only.
 *
 * Left to others: which anchors a station has (src/fn/lm, the node), frames and sockets (src/sys),
 * deciding that a station has come or gone (the node).
 *
 *     gw_access_init(&a, cfg, &env, seed);
 *     n = gw_access_set_station(&a, &key, GW_ACCESS_MAAR, dlifs, 2);  // n RAs leave at once
 *     seen = gw_access_input_nd(&a, iface, &eth_src, packet, len);
 */
#ifndef GW_FN_ACCESS_ACCESS_H
#define GW_FN_ACCESS_ACCESS_H

#include "base/prng.h"
#include "base/table.h"
#include "base/timer.h"
#include "node/config.h"
#include "plane/intent.h"
#include "wire/nd.h"

/* One prefix of a station and the anchor it comes from. Two prefixes of one anchor are two of
 * these with the same link_local; they share one RA, and the anchor is a previous one only if all
 * of its prefixes are. */
struct gw_access_dlif {
    struct gw_addr link_local;
    struct gw_lladdr lladdr;
    struct gw_prefix prefix;
    bool previous; /* a P-MAAR's: deprecated, router preference Low */
    /* Local prefixes behind that anchor (RFC 8885 §4.4), copied; at most GW_ND_RIOS. Those no
     * longer listed are withdrawn like prefixes. */
    size_t nrio;
    const struct gw_nd_rio *rio;
};

/* What the node lends to it. */
struct gw_access_env {
    const struct gw_alloc *al;
    struct gw_timers *timers;  /* the node runs them */
    const struct gw_time *now; /* the node keeps it right in every call and while timers run */
    /* An IPv6 packet to leave in an Ethernet frame; data is valid during the call only. */
    void (*send)(void *user, uint32_t iface, const struct gw_lladdr *src,
                 const struct gw_lladdr *dst, const uint8_t *data, size_t len);
    void *user;
    /* Is this the link-local address of another anchor's DLIF? Then also its link-layer address.
     * May be NULL: there are none. */
    bool (*other_anchor)(void *user, const struct gw_addr *link_local, struct gw_lladdr *lladdr);
};

/* station_key.c. The hash is as struct gw_table_ops wants it. */
uint64_t gw_station_hash(const void *key, uint64_t seed);
bool gw_station_eq(const struct gw_station_key *a, const struct gw_station_key *b);

struct gw_access_counters {
    uint64_t rs, ns, na;                /* valid ones from stations, known or not */
    uint64_t ra_sent, na_sent, ns_sent; /* packets */
    uint64_t queries_sent;              /* MLD */
    uint64_t invalid;                   /* not ND, or failed validation, or an RA from a station */
    uint64_t limited;                   /* not answered, or answered later, for the rate limit */
};

struct gw_access {
    struct gw_access_env env;
    struct gw_prng prng;
    struct gw_table stations; /* struct gw_access_station, owned; bounded by limits.stations */
    uint16_t mtu;
    uint32_t valid_s, preferred_s, router_lifetime_s;
    struct gw_time ra_interval;
    struct gw_access_counters count;
};

/* Takes what it needs out of the configuration (access_mtu, limits.stations, timers); allocates
 * nothing yet. env is copied. */
void gw_access_init(struct gw_access *a, const struct gw_config *cfg,
                    const struct gw_access_env *env, uint64_t seed);
void gw_access_free(struct gw_access *a); /* silently */
void gw_access_reload(struct gw_access *a, const struct gw_config *cfg);

/* Who gives a station routers. One station may have some of each: what one owner lists is nothing
 * to the other's. */
enum gw_access_owner { GW_ACCESS_MAAR, GW_ACCESS_MAG };

/* The whole new list of what an owner gives a station, current anchor's first. If it differs from
 * before, one RA per anchor leaves at once, again after about 1 s and 4 s (RAs get lost), then
 * every ra_interval with jitter. Prefixes no longer listed are withdrawn in those three rounds
 * (lifetimes 0), so n = 0 takes everything back from a station that is still here. The same list
 * again is silent. Returns the number of RAs sent now, GW_EFULL, GW_ENOMEM (nothing changed, but
 * what is listed is not withdrawn any more), GW_EINVAL (a link-layer address without octets, more
 * than GW_ND_RIOS). */
int gw_access_set_station(struct gw_access *a, const struct gw_station_key *key,
                          enum gw_access_owner owner, const struct gw_access_dlif *dlifs, size_t n);
/* The station is still here and gets nothing from its owner any more: its prefixes, and routers
 * without another, are withdrawn in three rounds (RFC 4861 §6.2.5). When that was all it had it is
 * forgotten then, and what it says meanwhile is as from one that is not set. Needs no memory. */
void gw_access_withdraw(struct gw_access *a, const struct gw_station_key *key,
                        enum gw_access_owner owner);
/* The station has left its owner. When that was the last one it is forgotten, silently; when
 * another one goes on serving it, it is told in three rounds. Unknown is fine, and so is one that
 * is being withdrawn. */
void gw_access_del_station(struct gw_access *a, const struct gw_station_key *key,
                           enum gw_access_owner owner);

/* Three rounds of RAs again, the first now: for a station that was seen to come back without its
 * list having changed (carrier flap). Number of RAs sent now; GW_ENOENT. */
int gw_access_advertise(struct gw_access *a, const struct gw_station_key *key);

/* Ask a station whether it is still here: a unicast NS to an address it has used or, when it has
 * shown none, to the link-local one derived from its link-layer address. An answer comes in as
 * GW_ACCESS_SEEN. 0; 1 when the address was derived, so that silence proves nothing; GW_ENOENT
 * (unknown, or without a DLIF to ask from). */
int gw_access_probe(struct gw_access *a, const struct gw_station_key *key);

/* Asks all stations of an access link to show themselves, also those that are not known (query.c).
 */
void gw_access_query(struct gw_access *a, uint32_t iface, const struct gw_addr *link_local,
                     const struct gw_lladdr *lladdr);

/* The same of a station that was refused a while ago, so that it comes again if it is still there.
 * One that all is withdrawn from is asked so at the end of the three rounds. */
void gw_access_ask_again(struct gw_access *a, const struct gw_station_key *key,
                         const struct gw_addr *link_local, const struct gw_lladdr *lladdr);

enum gw_access_seen {
    GW_ACCESS_IGNORED,    /* not valid: no sign of anything */
    GW_ACCESS_SEEN,       /* a known station, alive; nothing to answer, or over its rate */
    GW_ACCESS_ANSWERED,   /* a known station, alive; answered */
    GW_ACCESS_UNKNOWN,    /* valid, from a station not set here: it may be attached */
    GW_ACCESS_RS_UNKNOWN, /* the same, and it asks for a router: attach (GW_SEEN_RS) */
};
/* data: an IPv6 packet heard on an access link, src its link-layer source. */
enum gw_access_seen gw_access_input_nd(struct gw_access *a, uint32_t iface,
                                       const struct gw_lladdr *src, const uint8_t *data,
                                       size_t len);

/* Has the station used the link-local address of one of its own DLIFs since this was asked last
 * (RFC 5213 §6.9.1.2 (15))? */
bool gw_access_collision(struct gw_access *a, const struct gw_station_key *key);

#endif
