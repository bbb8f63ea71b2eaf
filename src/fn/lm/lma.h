/* lma.h: the Local Mobility Anchor of RFC 5213 §5 for IPv6: mobility sessions, one per interface of
 * a mobile node, each with its home network prefixes and the MAG (Proxy-CoA) that they are
 * tunnelled to. A session is a struct gw_binding; those of one mobile node are chained.
 *
 * Left to others: peers and authentication (src/node/signal.c), forwarding (src/fn/route), prefixes
 * (src/fn/alloc; a node that is a MAAR too has one set of pools for both).
 *
 * Decisions of this implementation (doc/decisions.md has the reasons):
 * - A PBU with the flag D of RFC 8885 is answered with status 129, and nothing else of it is read.
 * - A PBU is ordered by its Timestamp when it has one, else by its sequence number (§5.5), whatever
 *   this node's own configuration says: what is in the message decides.
 * - The same PBU once more (same MAG, Timestamp and sequence number) is answered once more.
 * - A prefix that a request names and another session has is status 155, also when that session is
 *   the same mobile node's: a prefix has one owner.
 * - A PBA of status 0 leaves when the packet path has done what it says; if it refuses, so does the
 *   PBA (130).
 * - "Handoff state not changed" (HI 5) from another MAG than the one that serves is refused with
 *   status 157: a MAG that has not noticed that the node left must not take it back.
 * - The MAG that a mobile node has left without de-registering it gets a Binding Revocation
 *   Indication when the traffic has moved: else it would not notice that the node comes back.
 * - An Alternate Care-of Address must be the sender's or another MAG's of the configuration.
 */
#ifndef GW_FN_LM_LMA_H
#define GW_FN_LM_LMA_H

#include "fn/alloc/pool.h"
#include "fn/lm/await.h"
#include "fn/lm/binding.h"
#include "fn/lm/revoke.h"

/* Home Network Prefix options of a PBU, and prefixes of a session. */
#define GW_LMA_PREFIXES_MAX 16
/* Interfaces of one mobile node. */
#define GW_LMA_SESSIONS_MAX 8

struct gw_lma {
    struct gw_lm *lm;
    struct gw_pools *pools; /* borrowed */
    struct gw_bindings bs;  /* several: the sessions of a mobile node are chained */
};

/* A PBU past its parsing: values only, so that it can wait. */
struct gw_lma_request {
    struct gw_mnid id; /* a view of the message's, or of the session's that it waits for */
    struct gw_addr from;
    struct gw_addr coa; /* Proxy-CoA: `from`, or that of the Alternate Care-of Address option */
    uint16_t seq, lifetime;
    bool has_ts, has_llid, has_link_local, has_hi, has_att;
    uint8_t hi, att;
    uint64_t ts;
    struct gw_lladdr llid; /* as it came; all zero is "none" */
    struct gw_addr link_local;
    uint16_t nhnp; /* may be above GW_LMA_PREFIXES_MAX: then it is refused */
    struct gw_prefix hnp[GW_LMA_PREFIXES_MAX];
};

/* A request that waits for the de-registration of a session (§5.4.1.2 (4), §5.4.1.3 (3)). */
struct gw_lma_wait {
    struct gw_timer timer;
    struct gw_lma_session *on;
    struct gw_lma_request q;
};

/* A MAG that the mobile node has left without its knowing: told when the traffic has moved. */
struct gw_lma_left {
    struct gw_addr mag; /* zero: none */
    uint64_t attached;  /* Timestamp of the attachment that is over */
    uint8_t trigger;    /* enum gw_br_trigger */
};

struct gw_lma_session {
    struct gw_binding b; /* its anchors are the home network prefixes, maar is this LMA */
    struct gw_lma *lma;
    struct gw_timer expiry;
    struct gw_time expires;
    struct gw_time lapses; /* leaving: when it would have expired */
    bool leaving;      /* de-registered; kept for MinDelayBeforeBCEDelete, without its traffic */
    bool revoked;      /* leaving, by this node's word; kept until the MAG has answered or, if it
                        * does not, has no lifetime left in which it may believe in it */
    bool acknowledged; /* the mobile node's MAG has been told of it */
    bool programmed;   /* the packet path has confirmed what was said last */
    struct gw_await plane;
    struct gw_lma_request *owed; /* the PBU whose PBA waits for the packet path; NULL: none */
    uint64_t row;                /* of the handover in progress */
    struct gw_lma_left left;
    struct gw_lma_wait *wait;
};

/* The prefixes are taken from `pools`, which is borrowed. */
void gw_lma_init(struct gw_lma *l, struct gw_lm *lm, struct gw_pools *pools, uint64_t seed);
void gw_lma_free(struct gw_lma *l);

/* A PBU of an authenticated peer. 0 (also when it waits), or why it was refused: it has been
 * answered (GW_EDENIED) or, GW_ENOENT, is a de-registration of nothing here and gets no answer. */
int gw_lma_pbu(struct gw_lma *l, const struct gw_cfg_peer *peer, const struct gw_mh *mh);

/* One durable record (its key's first octet is 'L'). */
int gw_lma_restore(struct gw_lma *l, const void *value, size_t len);
void gw_lma_say_all(struct gw_lma *l); /* every intent again */
/* After restoring: every session has its full lifetime again. */
void gw_lma_resume(struct gw_lma *l);

/* Revocation (lma_revoke.c). Ends a session; telling the MAG is the caller's. */
void gw_lma_revoke(struct gw_lma_session *s);
/* Tells the MAG that the mobile node has left of it (RFC 5846 §3.4.1.2). */
void gw_lma_tell_left(struct gw_lma_session *s);
/* The MAG has answered: sessions of the mobile node there go now if it has let go of them (gone),
 * else when they would have expired, as their prefixes may be in use until then. */
void gw_lma_revoked(struct gw_lma *l, const struct gw_mnid *mn, const struct gw_addr *mag,
                    bool gone);
/* Ends those of a chain that are at this MAG and not newer than binding `newest`
 * (gw_binding_since), now or later as above; false: there are none. */
bool gw_lma_expel(struct gw_binding *first, const struct gw_addr *mag, uint32_t newest, bool gone);
/* A BRI of a MAG that names a mobile node (RFC 5846 §8.2); the BRA's status. */
uint8_t gw_lma_revoked_by(struct gw_lma *l, const struct gw_addr *mag, struct gw_revocation *r);

/* Within the LMA (lma*.c). */
enum gw_lma_verdict {
    GW_LMA_NEW,            /* a new session */
    GW_LMA_UPDATE,         /* of the session found */
    GW_LMA_WAIT,           /* until the session found is de-registered, or for long enough */
    GW_LMA_NONE,           /* a de-registration of nothing: ignored */
    GW_LMA_NOT_AUTHORISED, /* 155 */
    GW_LMA_MISMATCH,       /* 159 */
};
/* §5.4.1; *s is set for UPDATE and WAIT. */
enum gw_lma_verdict gw_lma_lookup(const struct gw_lma *l, const struct gw_lma_request *q,
                                  struct gw_lma_session **s);
struct gw_lma_session *gw_lma_session(struct gw_binding *b);

/* Registers, for the session found or, NULL, a new one, and answers, at once or when the packet
 * path is ready. 0 or GW_EDENIED. */
int gw_lma_enter(struct gw_lma *l, const struct gw_lma_request *q, struct gw_lma_session *s);
/* Both return the status of the PBA that is due; ACCEPTED: it is owed. */
uint8_t gw_lma_create(struct gw_lma *l, const struct gw_lma_request *q, struct gw_lma_session **s);
uint8_t gw_lma_update(struct gw_lma_session *s, const struct gw_lma_request *q);
/* De-registers and answers; GW_ENOENT when it is not the sender's to end: ignored. */
int gw_lma_leave(struct gw_lma_session *s, const struct gw_lma_request *q);
/* Lets q wait for the de-registration of s. GW_ENOMEM: it cannot. */
int gw_lma_hold(struct gw_lma_session *s, const struct gw_lma_request *q);
void gw_lma_undo(struct gw_lma_session *s); /* one that was never in force */

/* lma_plane.c. The PBA is owed until gw_lma_settle or the packet path says so. GW_ENOMEM. */
int gw_lma_owe(struct gw_lma_session *s, const struct gw_lma_request *q);
void gw_lma_unowe(struct gw_lma_session *s);
/* An accepted PBU: programs what has changed or was refused, and answers when that is done. */
void gw_lma_settle(struct gw_lma_session *s, bool changed);
void gw_lma_program(struct gw_lma_session *s);
void gw_lma_unprogram(struct gw_lma_session *s);

/* Ends a session without a word to anybody: its traffic now, the rest `span` later. A request that
 * waits for that is served then (wait) or forgotten. */
void gw_lma_retire(struct gw_lma_session *s, struct gw_time span, bool wait);
/* When the session ends. GW_ENOMEM only when it was not armed before. */
int gw_lma_arm(struct gw_lma_session *s, struct gw_time span);

/* The PBA. accept: 0; refuse: GW_EDENIED. */
int gw_lma_accept(struct gw_lma *l, const struct gw_lma_request *q, const struct gw_lma_session *s,
                  uint16_t lifetime);
int gw_lma_refuse(struct gw_lma *l, const struct gw_lma_request *q, uint8_t status,
                  enum gw_count why);

void gw_lma_put(struct gw_lma_session *s);
void gw_lma_del_record(struct gw_lma_session *s);

#endif
