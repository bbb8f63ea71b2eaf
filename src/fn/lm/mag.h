/* mag.h: the Mobile Access Gateway of RFC 5213 §6 for IPv6: registers the stations on its access
 * links with an LMA and serves them with the home network prefixes (HNP) that the LMA gives. An
 * entry is an entry of the Binding Update List, one per interface of a mobile node (those of one
 * node are chained); its anchors are the prefixes, all the LMA's.
 *
 * Left to others: hearing stations and speaking ND (src/fn/access), forwarding (src/fn/route),
 * peers and authentication (src/node/signal.c), which stations are the MAG's (src/node/attach.c).
 *
 * Decisions of this implementation:
 * - The Handoff Indicator of an attachment is 4 (unknown), for nothing tells a MAG that an
 * interface was elsewhere before; the LMA knows the interface by its link-layer identifier.
 * - Before the lifetime is extended the station has been heard of, or has been asked (§6.9.4): else
 * a MAG that a node has left without a sign would take the binding back.
 * - When the LMA says that a later attachment is elsewhere (status 157), the station is asked; if
 *   it answers it is registered anew, else it has left without a sign.
 * - A source that sees a station for the second time has seen it come back: it is registered again,
 *   for it may have been elsewhere meanwhile.
 * - What the LMA refuses for good (§6.9.1.2 (6), (7)) is not asked again until a reload.
 * - A de-registered entry goes with the answer or INITIAL_BINDACK_TIMEOUT later (§6.9.1.4).
 * - A prefix that is not of the pools that the LMA has in the configuration is not taken.
 */
#ifndef GW_FN_LM_MAG_H
#define GW_FN_LM_MAG_H

#include "fn/access/access.h"
#include "fn/lm/await.h"
#include "fn/lm/binding.h"
#include "fn/lm/revoke.h"

#define GW_MAG_PREFIXES_MAX 16 /* of one mobile node */

enum gw_mag_state {
    GW_MAG_REGISTERING,
    GW_MAG_SERVING,
    GW_MAG_DEREGISTERING,
    GW_MAG_REFUSED, /* by the LMA; remembered so as not to ask again */
};
const char *gw_mag_state_name(enum gw_mag_state s);

struct gw_mag_mn {
    struct gw_binding b; /* serving: this node, while it is */
    struct gw_mag *mag;
    enum gw_mag_state state;
    bool on_link; /* station is valid and in the table */
    struct gw_station_key station;
    struct gw_addr lma;
    struct gw_addr link_local; /* the router that the node sees; zero: the LMA has not said yet */
    struct gw_exchange ex;
    struct gw_time expires;  /* SERVING: the LMA believes in it until then */
    struct gw_timer refresh; /* SERVING: when to extend, or to ask the station again */
    struct gw_timer guard;   /* running: believed gone; DEREGISTERING, REFUSED: forget */
    struct gw_time seen, refreshed;
    uint8_t asks;    /* NSs since the refresh is due */
    uint8_t tries;   /* answers that asked for another try, since the attachment */
    bool doubted;    /* the LMA says that the node is elsewhere */
    bool programmed; /* the packet path has confirmed what was said last */
    bool unsaid;     /* its router could not be advertised */
    struct gw_await plane;
    uint64_t row;     /* of the handover in progress */
    unsigned seen_by; /* this attachment: 1 << enum gw_seen_by */
};

struct gw_mag {
    struct gw_lm *lm;
    struct gw_bindings bs;
    struct gw_table by_station;
    struct gw_access *access;
    uint16_t seq;       /* of messages ordered by Timestamp (§6.9.1.1 (6)) */
    bool local_routing; /* as the packet path has been told */
    size_t look;        /* where the next look for somebody to forget begins */
};

void gw_mag_init(struct gw_mag *g, struct gw_lm *lm, struct gw_access *access, uint64_t seed);
void gw_mag_free(struct gw_mag *g);

/* A plausible station (gw_lm_plausible) under a name. 0, GW_EDENIED, GW_EFULL, GW_ENOMEM,
 * GW_EEXIST. */
int gw_mag_attach(struct gw_mag *g, const struct gw_station_key *st, const struct gw_mnid *mnid,
                  struct gw_time seen);
/* A station that is served was seen to attach again at `seen`. */
void gw_mag_reattached(struct gw_mag *g, const struct gw_station_key *st, struct gw_time seen);
int gw_mag_detach(struct gw_mag *g, const struct gw_station_key *st); /* 0 or GW_ENOENT */
void gw_mag_link_down(struct gw_mag *g, uint32_t iface);
bool gw_mag_alive(struct gw_mag *g, const struct gw_station_key *st); /* false: unknown */
int gw_mag_first_packet(struct gw_mag *g, const struct gw_prefix *p, bool uplink,
                        struct gw_time seen);
/* The station has the link-local address that is the router's here: the router takes another one
 * and the LMA is told (§6.9.1.2 (15)), unless the configuration has fixed it. */
void gw_mag_collision(struct gw_mag *g, const struct gw_station_key *st);
/* A PBA of an authenticated peer with the role lma. */
int gw_mag_pba(struct gw_mag *g, const struct gw_cfg_peer *from, const struct gw_mh *mh);

/* One durable record (its key's first octet is 'G'). */
int gw_mag_restore(struct gw_mag *g, const void *value, size_t len);
void gw_mag_say_all(struct gw_mag *g);
void gw_mag_resume(struct gw_mag *g);
/* The LMA has lost its state: what it had been told is said again, paced. */
void gw_mag_resync(struct gw_mag *g, const struct gw_addr *lma);
/* After a reload: whom the policy gives to nobody, or to another LMA, is de-registered, paced; whom
 * an LMA has refused may be asked about again. */
void gw_mag_review(struct gw_mag *g);

/* A BRI of an LMA that names a mobile node (RFC 5846 §9.1); the BRA's status. */
uint8_t gw_mag_revoke(struct gw_mag *g, const struct gw_addr *lma, struct gw_revocation *r);
/* Drops what its LMA knows of; false when that is nothing. May free mn. */
bool gw_mag_expel(struct gw_mag_mn *mn);
/* Registers it anew (RFC 7077 §6.1); false: it is not served here. */
bool gw_mag_reregister(struct gw_mag *g, const struct gw_addr *lma, const struct gw_mnid *id);

/* Within the MAG (mag*.c). */
struct gw_mag_mn *gw_mag_mn(struct gw_binding *b);
struct gw_handover_row *gw_mag_row(struct gw_mag_mn *mn);
void gw_mag_put(struct gw_mag_mn *mn);
void gw_mag_del_record(struct gw_mag_mn *mn);
void gw_mag_forget(struct gw_mag_mn *mn);
void gw_mag_drop_station(struct gw_mag_mn *mn);
void gw_mag_drop_prefixes(struct gw_mag_mn *mn);
void gw_mag_guard(struct gw_mag_mn *mn, struct gw_time span);
void gw_mag_believe_gone(struct gw_mag_mn *mn); /* as gw_mn_believe_gone */
int gw_mag_set_station(struct gw_mag_mn *mn, const struct gw_station_key *st);
void gw_mag_serve(struct gw_mag_mn *mn, bool watch);
/* Ends all there is of it here but the entry itself, REFUSED. */
void gw_mag_deny(struct gw_mag_mn *mn);
int gw_mag_register(struct gw_mag_mn *mn, uint8_t hi, struct gw_time delay);
int gw_mag_deregister(struct gw_mag_mn *mn);
/* SERVING: looks whether the station is there and extends the lifetime, `delay` from now. */
int gw_mag_extend(struct gw_mag_mn *mn, struct gw_time delay);
/* SERVING, and the LMA says that it is elsewhere: the station is asked, and registered anew when it
 * answers. GW_ENOMEM. */
int gw_mag_doubt(struct gw_mag_mn *mn);
bool gw_mag_allows(const struct gw_mag_mn *mn); /* is it the policy's still, and its LMA's? */
/* Which LMA the policy gives the node to now; zero: none. */
struct gw_addr gw_mag_lma(const struct gw_config *cfg, const struct gw_mnid *mn,
                          const struct gw_lladdr *ll);

#endif
