/* maar.h: the MAAR's half of RFC 8885: registers the stations on its access links with the CMD
 * (the S-MAAR's part), and keeps the prefixes it anchors reachable for mobile nodes that went on
 * (the P-MAAR's part). One entry per mobile node known here, in one of the states below.
 *
 * Left to others: hearing stations and speaking ND (src/fn/access), forwarding (src/fn/route),
 * peers and authentication (src/node/signal.c).
 *
 * Decisions of this implementation:
 * - The Timestamp is the time of attachment, not of sending: it orders attachments, also when
 *   messages are retransmitted. The CMD hands it on to the P-MAARs, which compare it with what
 *   they saw themselves, so a late message never takes a station from where it is now. It is told
 *   in the CMD's clock: by how much that differs is learnt from its refusals (156, 157).
 * - A temporary BCE is durable as that of somebody who leaves (maar_store.c). Where it is lost all
 *   the same, the CMD's PBA names the prefix that this MAAR gave the node before, and the MAAR
 *   takes it back.
 * - A refresh names every anchor (67, 69, 70), so that a CMD that lost its store rebuilds the
 *   binding from it.
 * - A MAAR that cannot reach its CMD goes on serving and goes on trying.
 * - Without mobility (maar_local.c) the same entry serves a prefix that nobody else hears of; when
 *   the policy wants it anchored later, it is registered as it is.
 * - The S-MAAR decides that a previous anchor's prefix is not needed any more, and stops forwarding
 *   for it before it says so: what the CMD and the anchor undo then is in no packet's way.
 */
#ifndef GW_FN_LM_MAAR_H
#define GW_FN_LM_MAAR_H

#include "fn/access/access.h"
#include "fn/alloc/pool.h"
#include "fn/lm/binding.h"
#include "fn/lm/revoke.h"

enum gw_mn_state {
    GW_MN_REGISTERING,   /* seen; the CMD has not answered: a temporary BCE */
    GW_MN_SERVING,       /* this is its S-MAAR */
    GW_MN_DEREGISTERING, /* gone; the CMD has not answered */
    GW_MN_PREVIOUS,      /* this is a P-MAAR: the own prefix tunnels to the S-MAAR */
    GW_MN_RELEASING,     /* the CMD released it; waiting for the packet path */
    GW_MN_REFUSED,       /* not admitted; remembered for a while so as not to ask again at once */
    GW_MN_LOCAL,         /* served without mobility (GW_ANCHORING_NONE): unknown to the CMD */
};
const char *gw_mn_state_name(enum gw_mn_state s); /* "serving" */

struct gw_maar_mn {
    struct gw_binding b;
    struct gw_maar *maar;
    enum gw_mn_state state;
    bool on_link; /* station is valid and in the table */
    struct gw_station_key station;
    struct gw_anchor *own;    /* the prefix from my pool; NULL when REFUSED */
    struct gw_exchange ex;    /* with the CMD */
    struct gw_time expires;   /* SERVING: the CMD believes in it until then */
    struct gw_timer refresh;  /* SERVING, LOCAL: when to refresh, or to look after it */
    struct gw_timer guard;    /* running: the station is believed gone (or, REFUSED: forget;
                               * PREVIOUS: ask the packet path again) */
    struct gw_timer presence; /* SERVING, LOCAL: when an answer to an NS is overdue */
    struct gw_timer idle;     /* SERVING: when a previous anchor may be found idle */
    struct gw_time asked_at, refreshed;
    uint8_t asks;
    struct gw_timer transit; /* PREVIOUS: when the transit prefixes go */
    bool was_previous; /* REGISTERING, or a goodbye since: there is forwarding to go back to */
    bool doubt; /* PREVIOUS: restored, and no word of the CMD since: it may have been released */
    uint64_t attached_before; /* the Timestamp in force then */
    bool outdated;            /* the CMD knows a later attachment elsewhere */
    bool corrected;           /* the Timestamp has been corrected by the CMD's clock once */
    bool acked;               /* ack is the last PBU that the CMD has accepted */
    uint16_t ack, attach_seq; /* attach_seq: of the attachment's PBU; copies carry it */
    uint64_t ack_id;          /* Mesg-ID of that PBA; an older one is overtaken */
    uint64_t missing;         /* locator: 0 when every previous MAAR has answered */
    uint8_t tries;            /* prefixes refused by the CMD in this attachment */
    bool unsaid;              /* its routers could not be advertised */
    bool programmed;          /* the packet path has confirmed what was said last */
    struct gw_time seen;      /* last sign of life */
    unsigned seen_by;         /* bits: who has seen it at this station, by enum gw_seen_by */
    uint64_t event;           /* Timestamp of the last attachment seen, in force or not */
    int64_t ahead_ns;         /* the MAAR's cmd_ahead_ns that went into it and into b.attached */
    uint64_t asked;           /* Timestamp of the last PBU to the CMD */
    uint64_t tag;             /* the intent that is waited for; 0: none */
    uint64_t row;             /* of the handover in progress, see gw_handovers_get */
    struct {                  /* the CMD's PBU that is answered when the packet path is done */
        bool due, copy;       /* copy: to the serving MAAR too */
        uint16_t seq, lifetime;
        uint8_t hi, att;
        uint64_t timestamp;
        struct gw_addr cmd, serving;
        struct gw_lm_previous next; /* copy: named in it; address zero: none */
    } owed;
};

struct gw_maar {
    struct gw_lm *lm;
    int64_t cmd_ahead_ns; /* the CMD's clock, of this node's, as far as it matters */
    struct gw_bindings bs;
    struct gw_table by_station, by_tag;
    struct gw_pools pools;
    struct gw_access *access;
    uint64_t forgot; /* Mesg-ID of the CMD's latest message that ended something; 0: none */
};

int gw_maar_init(struct gw_maar *m, struct gw_lm *lm, struct gw_access *access, uint64_t seed);
void gw_maar_free(struct gw_maar *m);

/* mnid NULL: EUI-48 (or EUI-64) of the link-layer address. 0, GW_EDENIED, GW_EFULL, GW_ENOMEM,
 * GW_EINVAL (no such interface, not an access interface, no link-layer address). */
int gw_maar_attach(struct gw_maar *m, const struct gw_station_key *st, const struct gw_mnid *mnid,
                   struct gw_time seen);
/* Starts the guard; 0 or GW_ENOENT. */
int gw_maar_detach(struct gw_maar *m, const struct gw_station_key *st);
void gw_maar_link_down(struct gw_maar *m, uint32_t iface);
/* A sign of life of a station; 0, GW_ENOENT (it is not known), or why an attachment that it shows
 * could not be acted on. */
int gw_maar_alive(struct gw_maar *m, const struct gw_station_key *st);

/* Messages from a peer that may be a CMD. 0 or why it was refused. */
int gw_maar_pba(struct gw_maar *m, const struct gw_addr *from, const struct gw_mh *mh);
/* A previous MAAR's own answer to a registration of this one (locator, RFC 8885 §3.3), about a
 * prefix of its pools. from: its address, and its DLIF where the message does not say. */
int gw_maar_copy(struct gw_maar *m, const struct gw_lm_previous *from, const struct gw_mh *mh);
int gw_maar_pbu(struct gw_maar *m, const struct gw_addr *from, const struct gw_mh *mh);

int gw_maar_plane_done(struct gw_maar *m, uint64_t tag, int result);
int gw_maar_first_packet(struct gw_maar *m, const struct gw_prefix *p, bool uplink,
                         struct gw_time seen);
/* The answer to ask_use, from now: `last` is 0 when there was none. 0 or GW_ENOENT. */
int gw_maar_use(struct gw_maar *m, const struct gw_prefix *p, struct gw_time last);

/* One durable record (its key's first octet is 'M'). */
int gw_maar_restore(struct gw_maar *m, const void *value, size_t len);
/* Says every intent and every advertisement again. */
void gw_maar_say_all(struct gw_maar *m);
/* After restoring: registers the stations that were served again, paced. */
void gw_maar_resume(struct gw_maar *m);
/* The CMD has lost its bindings: refreshes every station that is served, paced; a refresh names
 * all anchors. */
void gw_maar_resync(struct gw_maar *m);
/* The networks behind this node are others than the CMD was told (a reload, a restart): it is told,
 * paced, for every prefix that this node anchors. */
void gw_maar_tell_locals(struct gw_maar *m);
/* Are there networks behind the anchors of this station? */
bool gw_maar_has_nets(const struct gw_maar *m, const struct gw_station_key *st);
/* After a reload: whom the policy does not allow any more is deregistered, paced; and idle-release
 * may be another. */
void gw_maar_review(struct gw_maar *m);

/* A BRI of the CMD that names a mobile node (RFC 5846 §9.1); the BRA's status. */
uint8_t gw_maar_revoke(struct gw_maar *m, struct gw_revocation *r);
/* Drops what the CMD knows of; false when that is nothing. May free mn. */
bool gw_maar_expel(struct gw_maar_mn *mn);
/* Refreshes it now (RFC 7077 §6.1); false when it is not served here. */
bool gw_maar_reregister(struct gw_maar *m, const struct gw_mnid *id);

/* Within the MAAR (maar*.c). */
struct gw_maar_mn *gw_maar_mn(struct gw_binding *b);
void gw_mn_free(struct gw_maar_mn *mn);   /* with its prefix; not its record */
void gw_mn_forget(struct gw_maar_mn *mn); /* the same, and its record, station, forwarding */
void gw_mn_put(struct gw_maar_mn *mn);
void gw_mn_del_record(struct gw_maar_mn *mn);
void gw_mn_set_tag(struct gw_maar_mn *mn);      /* a new tag, or 0 without memory */
void gw_mn_say_moved(struct gw_maar_mn *mn);    /* PREVIOUS, to the packet path */
void gw_mn_drop_station(struct gw_maar_mn *mn); /* from tables, forwarding and access */
void gw_mn_strip(struct gw_maar_mn *mn);        /* of its station and all anchors but the own */
int gw_mn_set_station(struct gw_maar_mn *mn, const struct gw_station_key *st);
void gw_mn_advertise(struct gw_maar_mn *mn); /* its anchors to the access function */
int gw_mn_take_prefix(struct gw_maar_mn *mn, const struct gw_prefix *given);
/* A prefix is somebody's, says the CMD: whoever else has it without the CMD's word (this node may
 * have lost whose it was before) has to take another one. */
void gw_maar_vacate(struct gw_maar *m, const struct gw_prefix *p);
/* Forwards nothing more of what was in flight to it when it left: it has arrived, is lost, or comes
 * after it to where it is now; from there it would come back here. */
void gw_mn_end_transit(struct gw_maar_mn *mn);
void gw_mn_drop_anchor(struct gw_maar_mn *mn, struct gw_anchor *a); /* with its forwarding */
int gw_mn_register(struct gw_maar_mn *mn, uint8_t hi, struct gw_time delay);
/* The same message once more, under a new number: a goodbye, or (PREVIOUS) the question whether it
 * is one. */
int gw_mn_ask(struct gw_maar_mn *mn, struct gw_time delay);
void gw_mn_asked(struct gw_maar_mn *mn, const struct gw_mh *mh); /* PREVIOUS: the CMD's answer */
/* PREVIOUS, de-registration `ask` (RFC 8885 §3.5) or in doubt: the lifetime begins anew. */
void gw_mn_arm_ask(struct gw_maar_mn *mn);
int gw_mn_deregister(struct gw_maar_mn *mn);
void gw_mn_guard(struct gw_maar_mn *mn, struct gw_time span);
/* The guard of a detachment. Meanwhile the packet path admits nothing of the station, so that its
 * next frame is reported like a stranger's and shows that it is there. */
void gw_mn_believe_gone(struct gw_maar_mn *mn);
void gw_mn_resume(struct gw_maar_mn *mn, struct gw_time delay);
/* Ends all there is of it here; it is not asked about for `span`. */
void gw_mn_refuse(struct gw_maar_mn *mn, struct gw_time span);
bool gw_mn_served(const struct gw_maar_mn *mn); /* SERVING or LOCAL */
/* A new attachment of an entry that has its prefix: asks the CMD. */
int gw_mn_begin(struct gw_maar_mn *mn, const struct gw_station_key *st, struct gw_time seen);
/* The same without the CMD. */
int gw_mn_local(struct gw_maar_mn *mn, const struct gw_station_key *st, struct gw_time seen);
void gw_mn_local_leave(struct gw_maar_mn *mn); /* the station is gone; frees the entry */
/* LOCAL: looks after it, `delay` from now; 0 or GW_ENOMEM. */
int gw_mn_local_look(struct gw_maar_mn *mn, struct gw_time delay);
/* The Timestamp, in the CMD's clock, of a monotonic time at or before now; and back. */
uint64_t gw_maar_timestamp(const struct gw_maar *m, struct gw_time seen);
struct gw_time gw_maar_seen(const struct gw_maar *m, uint64_t timestamp);
/* The CMD's clock says `now`: attachments are told in it from here on. false: a difference so small
 * is the way the answer took, or a clock that is good enough. An answer about another node may have
 * said so before: then it is this one's attachment that is still told in the old time. */
bool gw_mn_correct_clock(struct gw_maar_mn *mn, uint64_t now);
/* The last attachment seen, in the CMD's clock as it is known now; or, if that is earlier, as it
 * was then: other MAARs may not have learnt it, and whoever is here after all is seen again. */
uint64_t gw_mn_event(const struct gw_maar_mn *mn);
void gw_mn_saw(struct gw_maar_mn *mn, struct gw_time seen); /* an event of attachment */
/* Asks the station, unless it was heard of after `since`; silence starts the guard. */
void gw_mn_check_presence(struct gw_maar_mn *mn, struct gw_time since);
/* maar_idle.c. Looks after the use of the previous anchors from now on; one that was found idle
 * already is asked about `after` from now. */
void gw_mn_watch_use(struct gw_maar_mn *mn, struct gw_time after);
bool gw_mn_ask_use(struct gw_maar_mn *mn); /* of all previous anchors; true when there are any */
/* The previous anchors, most recently used first; at most GW_LM_ANCHORS_MAX. */
size_t gw_mn_by_use(const struct gw_maar_mn *mn, const struct gw_anchor **out);
/* Is this PBA about one anchor? Then it has been dealt with. */
bool gw_mn_release_answered(struct gw_maar_mn *mn, const struct gw_mh *mh);
/* Is it a MAAR that tunnels may lead to? The log says when it is not. */
bool gw_maar_trusts(struct gw_maar *m, const struct gw_addr *maar);
/* A message with lifetime 0, or a BRI: what the CMD said before it brings no anchor back. */
void gw_mn_ended(struct gw_maar *m, const struct gw_mh *mh);
void gw_mn_answer_owed(struct gw_maar_mn *mn, uint8_t status);
struct gw_handover_row *gw_mn_row(struct gw_maar_mn *mn);

#endif
