/* lm.h: what the halves of location management (the MAAR's and the CMD's) share: what the node
 * lends them, and the exchange of one PBU for one PBA with retransmission.
 *
 * Left to others: parsing, peers, authentication and replay (src/node/signal.c); this sees only
 * messages of a known peer that were authenticated.
 */
#ifndef GW_FN_LM_LM_H
#define GW_FN_LM_LM_H

#include "base/log.h"
#include "base/table.h"
#include "base/timer.h"
#include "fn/lm/count.h"
#include "fn/lm/handover.h"
#include "node/config.h"
#include "plane/intent.h"
#include "wire/mh.h"

/* Previous MAARs one PBA can name beside everything else in it (GW_MH_MAX); the configured limit
 * is capped to this. */
#define GW_LM_PREVIOUS_MAX 20
/* Anchors of one mobile node, those still to be released among them. */
#define GW_LM_ANCHORS_MAX 64
/* What a MAAR leaves between the packet path's part and what it says of it. */
#define GW_LM_PACE GW_MSEC(1)

/* After this, what reports frames of strangers reports the same one again: it is longer than the
 * packet path's GW_REPORT_AGAIN_NS. */
#define GW_LM_REPORT_AGAIN GW_MSEC(250)

struct gw_lm_ops {
    /* Adds Mesg-ID and authentication and sends, in the role `as`. 0, or GW_ENOMEM, GW_ENOENT (no
     * such peer), GW_ESHORT: as if the network had lost it. m is scratch of the caller and is
     * changed. */
    int (*send)(void *user, enum gw_role as, const struct gw_addr *to, struct gw_mh *m);
    /* A configured peer, or this node itself; NULL. */
    const struct gw_cfg_peer *(*peer)(void *user, const struct gw_addr *a);
    void (*intent)(void *user, const struct gw_intent *i);
    void (*put)(void *user, const void *key, size_t key_len, const void *value, size_t value_len);
    void (*del)(void *user, const void *key, size_t key_len);
    /* When did the last packet of this prefix pass? The answer comes to gw_maar_use. */
    void (*ask_use)(void *user, const struct gw_prefix *p);
};

struct gw_orders;
struct gw_holds;
struct gw_lm {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    const struct gw_log *log;
    struct gw_timers *timers;
    struct gw_now now; /* of the input or deadline being handled */
    uint64_t count[GW_CNT_MAX];
    struct gw_handovers handovers;
    uint32_t pending; /* exchanges waiting for an answer */
    uint32_t bindings_made;
    struct gw_time paced;   /* CMD: when the next PBU to a previous MAAR may leave */
    uint64_t last_tag;      /* given to an intent */
    struct gw_table awaits; /* who waits for the packet path, by tag (await.h) */
    uint64_t seed;
    const struct gw_lm_ops *ops;
    void *user;
    struct gw_mh *out; /* scratch for the message being built */
    bool unsent;       /* ops->send has refused a message for want of protection */
    struct gw_orders *orders;
    struct gw_holds *holds;
};

/* One PBU that wants a PBA (RFC 8885 §3.6): exponential backoff from initial_ack to max_ack, at
 * most max_update_rate messages in a second. Zeroed is idle. Must not move while it is pending;
 * most are idle, so what only a pending one needs is allocated. */
struct gw_exchange {
    struct gw_exchange_run *run;
    uint32_t window; /* start of the second that is being counted, ms, rounded up; it wraps */
    uint16_t in_window : 15;
    uint16_t pending : 1;
    uint16_t seq;
};
struct gw_exchange_run {
    struct gw_timer timer;
    struct gw_exchange *x;
    struct gw_time wait; /* current retransmission time */
    void (*transmit)(void *owner);
    struct gw_lm *lm;
    bool held; /* the timer is for the first transmission: paced or over the rate */
};

/* Is there room for n more exchanges? Counts the limit when not. */
bool gw_lm_room(struct gw_lm *lm, uint32_t n);
/* Begins (or begins anew) under sequence number seq: calls transmit(owner) now, or after `delay`,
 * or when the rate allows. GW_EFULL, GW_ENOMEM: not begun. */
int gw_exchange_start(struct gw_exchange *x, struct gw_lm *lm, uint16_t seq,
                      void (*transmit)(void *owner), void *owner, struct gw_time delay);
void gw_exchange_stop(struct gw_exchange *x);
/* May it have sent a message at `since` or later? Certainly not, when false. */
bool gw_exchange_sent(const struct gw_exchange *x, struct gw_time since);
/* Is this the answer that is awaited? */
bool gw_exchange_matches(const struct gw_exchange *x, uint16_t seq);

/* The Timestamp option's value (48.16 since the Unix epoch) of a wall-clock time, and back: to the
 * first time that has it, so that it comes to the same again. */
uint64_t gw_lm_timestamp(int64_t wall_ns);
int64_t gw_lm_timestamp_ns(uint64_t timestamp);
/* A span in its units, 1/65536 s. */
uint64_t gw_lm_timestamp_span(struct gw_time t);

/* The first matching row of the policy; NULL when none does, which denies. */
const struct gw_cfg_policy *gw_lm_policy(const struct gw_config *cfg, const struct gw_mnid *mn,
                                         const struct gw_lladdr *ll);
/* How the prefixes of an allowed mobile node are anchored (enum gw_anchoring); 0 when it is
 * denied. */
unsigned gw_lm_anchoring(const struct gw_config *cfg, const struct gw_mnid *mn,
                         const struct gw_lladdr *ll);

/* Can a station be there: on an access link, with a unicast link-layer address? */
bool gw_lm_plausible(const struct gw_config *cfg, const struct gw_station_key *st);
/* The identity of a station that has no other: the EUI-48 or EUI-64 of its link-layer address, of
 * which it is a view. */
struct gw_mnid gw_lm_eui(const struct gw_lladdr *ll);
/* May a peer anchor a prefix: is it one of its pools', of a mobile node's length? */
bool gw_lm_in_pools(const struct gw_cfg_peer *peer, const struct gw_prefix *p);
/* May this peer register that mobile node (its `nodes`)? */
bool gw_lm_peer_may(const struct gw_cfg_peer *peer, const struct gw_mnid *mn);

/* Options of messages being built; false when there is no room. */
bool gw_lm_add_mnid(struct gw_mh *m, const struct gw_mnid *mn);
bool gw_lm_add_prefix(struct gw_mh *m, uint8_t type, const struct gw_prefix *p);
bool gw_lm_add_code(struct gw_mh *m, uint8_t type, uint8_t code);
bool gw_lm_add_u64(struct gw_mh *m, uint8_t type, uint64_t v);
bool gw_lm_add_addr(struct gw_mh *m, uint8_t type, const struct gw_addr *a);
bool gw_lm_add_lladdr(struct gw_mh *m, uint8_t type, const struct gw_lladdr *l);

/* Networks behind one anchor (locals.c): Local Prefix options, RFC 8885 §4.4. */
#define GW_LM_LOCALS_MAX 4
struct gw_locals {
    uint8_t n;
    struct gw_prefix list[GW_LM_LOCALS_MAX];
};
struct gw_locals gw_locals_of(const struct gw_config *cfg); /* this node's own */
bool gw_locals_eq(const struct gw_locals *a, const struct gw_locals *b);
bool gw_locals_have(const struct gw_locals *l, const struct gw_prefix *p);
/* How many of these options a message has room for beside so many groups 67, 69, 70. */
size_t gw_lm_locals_room(size_t groups);
/* Adds as many as *room allows; what is left out is counted. */
bool gw_lm_add_locals(struct gw_lm *lm, struct gw_mh *m, const struct gw_locals *l, size_t *room);
/* Those of m from option `from` up to the next 67: of the sender from 0 on, of the anchor that
 * gw_lm_next_previous has just found from its *it on. */
void gw_lm_take_locals(struct gw_lm *lm, const struct gw_mh *m, size_t from, struct gw_locals *out);

/* One option, or NULL. */
const struct gw_opt *gw_lm_opt(const struct gw_mh *m, uint8_t type);
/* A group 67, 69, 70 (doc/protocol.md): of the next anchor named in m from option *it on. */
struct gw_lm_previous {
    struct gw_addr maar;
    struct gw_prefix prefix;
    struct gw_addr link_local;
    struct gw_lladdr lladdr;
    struct gw_locals locals; /* apart: gw_lm_take_locals, gw_lm_add_locals */
};
/* Of option 69 or 70 (NULL: neither) what can be a router's address; else nothing changes. */
void gw_lm_take_dlif(const struct gw_opt *o, struct gw_addr *ll, struct gw_lladdr *mac);
bool gw_lm_next_previous(const struct gw_mh *m, size_t *it, struct gw_lm_previous *out);
bool gw_lm_add_previous(struct gw_mh *m, const struct gw_lm_previous *p);

/* refusal.c: the PBA that refuses a PBU, RFC 5213 §5.3.6: what was asked for comes back, what was
 * missing is zero. own_time: in the place of the Timestamp (§5.5), 0: that of the PBU, if any.
 * false: no room. */
bool gw_lm_refusal(struct gw_mh *out, const struct gw_mh *pbu, uint8_t status, uint8_t flags,
                   uint64_t own_time);

/* Whoever is refused for a moment is asked for when that is over. A frame of his shortly before
 * counts already: what reports frames of strangers is silent about the same one for
 * GW_REPORT_AGAIN_NS. guard: the timer that ends the refusal. */
bool gw_lm_refusal_ends(const struct gw_lm *lm, const struct gw_timer *guard);

uint16_t gw_lm_lifetime_units(struct gw_time t); /* 4 s units, rounded up */
struct gw_time gw_lm_lifetime_span(uint16_t units);

#endif
