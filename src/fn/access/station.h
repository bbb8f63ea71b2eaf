/* station.h: what the files of this directory share: a station's entry and how its RAs are written.
 * Nobody else includes it.
 */
#ifndef GW_FN_ACCESS_STATION_H
#define GW_FN_ACCESS_STATION_H

#include "fn/access/access.h"

/* Rounds of RAs after a change: the first at once, then after these gaps (RFC 4861 §6.2.4 asks for
 * up to MAX_INITIAL_RTR_ADVERTISEMENTS = 3, §6.2.5 for up to 3 final ones). */
#define ACCESS_ROUNDS 3
#define ACCESS_GAP_1  GW_MSEC(1000)
#define ACCESS_GAP_2  GW_MSEC(3000)
/* RAs asked for by RSs keep at least this distance from the round before (RFC 4861 §6.2.6 limits
 * multicast ones only; ours cost as many packets as there are anchors). */
#define ACCESS_RS_GAP GW_MSEC(500)
/* NAs to one station: 20 at once, 20 per second. */
#define ACCESS_NA_GAP   GW_MSEC(50)
#define ACCESS_NA_BURST GW_MSEC(1000)
/* Withdrawn prefixes remembered per station until their three rounds are over. */
#define ACCESS_GONE_MAX 8

struct access_entry {
    struct gw_access_dlif dlif; /* its rio points behind the entries, into the same block */
    enum gw_access_owner owner;
    bool gone;    /* being withdrawn */
    size_t nlive; /* of dlif's routes; those behind are being withdrawn, with lifetime 0 */
};

struct gw_access_station {
    struct gw_station_key key;
    struct gw_access *access;
    struct gw_timer timer; /* the next round */
    unsigned rounds;       /* quick ones still to come */
    struct gw_time ra_ok;  /* not before it is an RS answered */
    struct gw_time na_at;  /* rate of NAs: the time at which what was sent would have been due */
    bool leaving;          /* all it had is being withdrawn; then it is forgotten */
    bool collides;         /* it uses the address of a DLIF of its own */
    bool ll_known;
    struct gw_addr link_local; /* its own, learnt from what it says */
    struct gw_addr global;     /* the last other address of its own it has used; zero: none */
    size_t n, size;            /* size: octets of the block */
    struct access_entry *entry;
};

/* Sends one RA per anchor (more if one has more prefixes than fit); the number sent. */
int access_ra_round(struct gw_access_station *st);

/* Sends one message from a DLIF to the station. */
void access_send(struct gw_access_station *st, const struct gw_lladdr *from, const struct gw_nd *m);

struct gw_access_station *access_find(const struct gw_access *a, const struct gw_station_key *key);

/* The live DLIF with that link-local address, or NULL. */
const struct gw_access_dlif *access_dlif(const struct gw_access_station *st,
                                         const struct gw_addr *link_local);

#endif
