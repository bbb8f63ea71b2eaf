/* handover.h: a client with flows of services moves to another ingress, and its flows go on: the
 * CATS mobility draft (draft-jaehwoon-cats-mobility), figures 1 and 2. What the draft leaves open
 * is decided in doc/handover.md.
 *
 *   client.c   clients, their flows, where they are   offer.c    the old ingress
 *   takeover.c the new ingress                        egress.c   who has moved behind whom
 *   message.c  PBU and PBA with C, MOVE_ACK           repeat.c   until it is answered
 *   token.c    whom an egress believes                durable.c  what outlives the process
 *   ladder.c   what has happened, for people          show.c     what there is
 *   kept.c     what is kept back meanwhile
 *   locate.c   asking the location server             predict.c  who may move, and where to
 *
 * Left to others: whose a prefix is and the way to its anchor (fn/lm, which says so by intents;
 * RFC 8885 keeps the address, this keeps the steering), moving a transaction to another instance
 * (transfer.h), the location server itself (location.h).
 *
 * A client is a /64 of a station: what Godwit gives to each. On the wire its address may be one of
 * it; one with the interface identifier 0 (RFC 4291 §2.6.1: no host has it) stands for all of it.
 */
#ifndef GW_FN_HANDOVER_HANDOVER_H
#define GW_FN_HANDOVER_HANDOVER_H

#include "base/emit.h"
#include "base/log.h"
#include "base/table.h"
#include "base/timer.h"
#include "plane/intent.h"
#include "wire/auth.h"
#include "wire/cats.h"

struct gw_config;

/* Something says that a station here may move soon. */
enum gw_hint_by { GW_HINT_MANUAL, GW_HINT_SIGNAL, GW_HINT_POSITION, GW_HINT_DETACHED };
#define GW_HINT_TARGETS 8
struct gw_hint {
    enum gw_hint_by by;
    struct gw_station_key station; /* who; or, with a link-layer address of length 0, `prefix` */
    struct gw_prefix prefix;
    size_t ntargets; /* MANUAL, SIGNAL: to which of these ingresses; 0: as configured */
    struct gw_addr target[GW_HINT_TARGETS];
    int32_t latitude, longitude; /* POSITION: 1/10^7 degree */
    int32_t north, east;         /* mm/s */
};

/* One row of a ladder: a message or a step at this node. */
struct gw_handover_event {
    struct gw_time at; /* monotonic */
    struct gw_prefix client;
    struct gw_addr from, to; /* of a message; of a step: both this node */
    const char *what;        /* constant: "notification", "attached", "flows set" */
    uint32_t count;          /* flows, packets or octets it is about */
    int err;                 /* enum gw_err; 0: it went well */
};
#define GW_LADDER 1024
struct gw_ladder {
    struct gw_handover_event *event; /* a ring of GW_LADDER; NULL: without memory none is kept */
    uint64_t n;                      /* so far; the last one is at (n - 1) % GW_LADDER */
};

#define GW_HANDOVER_COUNTERS(X)                       \
    X(IN_NOTIFICATION, "handover-in-notification")    \
    X(IN_REQUEST, "handover-in-request")              \
    X(IN_INDICATION, "handover-in-indication")        \
    X(IN_ACK, "handover-in-ack")                      \
    X(OUT_NOTIFICATION, "handover-out-notification")  \
    X(OUT_REQUEST, "handover-out-request")            \
    X(OUT_INDICATION, "handover-out-indication")      \
    X(OUT_ACK, "handover-out-ack")                    \
    X(AGAIN, "handover-retransmissions")              \
    X(UNANSWERED, "handover-unanswered")              \
    X(MALFORMED, "handover-malformed")                \
    X(STRANGER, "handover-refused-peer")              \
    X(UNASKED, "handover-refused-not-offered")        \
    X(ELSEWHERE, "handover-refused-client-elsewhere") \
    X(TOKEN, "handover-refused-token")                \
    X(STALE, "handover-refused-generation")           \
    X(UNKNOWN_INSTANCE, "handover-refused-instance")  \
    X(REFUSED, "handover-refused-by-peer")            \
    X(LATE, "handover-answers-not-needed")            \
    X(LIMIT_CLIENTS, "limit-handover-clients")        \
    X(LIMIT_CANDIDATES, "limit-handover-candidates")  \
    X(LIMIT_FLOWS, "limit-handover-flows")            \
    X(LIMIT_POSTS, "limit-handover-messages")         \
    X(UNUSED, "handover-candidates-unused")           \
    X(PROACTIVE, "handovers-proactive")               \
    X(REACTIVE, "handovers-reactive")                 \
    X(NOTHING, "handovers-without-flows")             \
    X(FAILED, "handovers-failed")                     \
    X(FLOWS, "handover-flows-taken-over")             \
    X(BOUND, "handover-bindings-made")                \
    X(UNBOUND, "handover-bindings-ended")             \
    X(EXPIRED, "handover-bindings-expired")           \
    X(HELD, "handover-holds")                         \
    X(HELD_TOO_LONG, "handover-holds-timed-out")      \
    X(MARKED, "handover-markers")                     \
    X(NO_MEMORY, "handover-no-memory")                \
    X(RECORD_BAD, "handover-record-bad")
enum gw_handover_count {
#define X(id, name) GW_HCNT_##id,
    GW_HANDOVER_COUNTERS(X)
#undef X
        GW_HCNT_MAX
};
const char *gw_handover_count_name(enum gw_handover_count c);

/* A flow of a client. */
struct gw_client_flow {
    struct gw_client_flow *next;
    struct gw_service_key service;
    struct gw_flow_id id;
    struct gw_addr csci_id, egress; /* egress: this node's address if the instance is behind it */
    struct gw_time until;           /* it is over then, unless it is used again */
};

/* A message until it is answered (repeat.c). One of each kind to each receiver. */
enum gw_move_kind {
    GW_MOVE_REQUEST,
    GW_MOVE_NOTIFY, /* as an answer, or to a candidate */
    GW_MOVE_FORGET, /* notification with lifetime 0: to a candidate that is none any more */
    GW_MOVE_INDICATE_OLD,
    GW_MOVE_INDICATE_EGRESS,
    GW_MOVE_END, /* indication with lifetime 0: the binding is over */
};
struct gw_client;
struct gw_move_post {
    struct gw_move_post *next;
    struct gw_client *client;
    enum gw_move_kind kind;
    struct gw_addr to;
    uint16_t seq;
    unsigned tries;
    struct gw_timer timer;
};

/* An egress of the client's flows, and what this ingress has of it. */
struct gw_client_egress {
    struct gw_client_egress *next;
    struct gw_addr addr;
    bool told;                  /* it has acknowledged an indication of this generation */
    bool refused;               /* it does not believe it: results come by way of the anchor */
    bool waits;                 /* for its marker: what it sends directly is held */
    struct gw_cats_token token; /* for it; expiry 0: none */
};
/* Old ingress: whom this client was offered to. */
struct gw_offer {
    struct gw_offer *next;
    struct gw_addr to;
    uint32_t generation; /* that it was told: it takes it over with the next one */
    bool asked;          /* it has asked and not been answered: the client seems to be here still */
    uint16_t seq;        /* of its request */
    struct gw_time until;
};
/* New ingress: what an old one has told about a client that may come. */
struct gw_expected {
    struct gw_expected *next;
    struct gw_addr from;
    uint32_t generation;
    uint8_t flags; /* enum gw_cats_move_flag */
    uint16_t seq;  /* of the notification */
    struct gw_client_flow *flows;
    struct gw_client_egress *egresses;
    struct gw_time until;
};
/* Egress, and old ingress: behind whom it is. The packet path is told of it while fn/lm has no word
 * of its own about the prefix. */
struct gw_moved {
    struct gw_addr to, old; /* the new ingress; who had it before */
    uint32_t generation;
    struct gw_time until;
    bool said; /* to the packet path */
};

/* What fn/lm says of the prefix. */
enum gw_client_place { GW_CLIENT_NOWHERE, GW_CLIENT_HERE, GW_CLIENT_ELSEWHERE };
enum gw_takeover { GW_TAKEOVER_NONE, GW_TAKEOVER_ASKING, GW_TAKEOVER_TELLING };
struct gw_client {
    struct gw_prefix prefix;       /* the key */
    struct gw_station_key station; /* HERE, or where it was last */
    struct gw_addr peer;           /* HERE: its anchor; ELSEWHERE: the node that it is behind */
    enum gw_client_place place;
    uint32_t generation; /* of the ingress that it is, or was last, at */
    uint32_t nflows;
    struct gw_client_flow *flows;   /* at the ingress where it is, or was last */
    struct gw_client *station_next; /* HERE: a ring of those of the same station */
    struct gw_handover *all;
    /* New ingress. */
    struct gw_addr last; /* the ingress before this one; zero: none known */
    struct gw_addr hint; /* the location server's word; zero: none */
    struct gw_time hint_until;
    struct gw_client_egress *egresses; /* taken over: who is told */
    struct gw_time taking_until;       /* ASKING: then nobody knows; later: then no marker comes */
    struct gw_time refresh;            /* when egresses are told again; 0: none is */
    struct gw_time grace;              /* after a restart: until then no flow is missed; 0: none */
    struct gw_time up_until;           /* of held_up */
    struct gw_expected *expected;      /* one of each old ingress */
    /* Old ingress. */
    struct gw_offer *offers;
    struct gw_time down_until; /* of held_down */
    struct gw_time keep;       /* it has left: until then its flows are kept; 0: not at all */
    /* Egress and old ingress. */
    struct gw_moved *moved;
    struct gw_addr permitted; /* may say without a token that it is behind it */
    struct gw_time permitted_until;

    struct gw_move_post *posts;
    struct gw_client *fresh_next; /* of those that are `fresh` */
    struct gw_timer timer;        /* the next of all these times */
    enum gw_takeover taking;
    bool anchored;           /* HERE: in a pool of this node */
    bool came;               /* it has just come */
    bool proactive;          /* taken over by what had been told before */
    bool again;              /* that was not so any more: it has been asked for after all */
    bool asks;               /* the location server is asked */
    bool held_up, held_down; /* its packets; packets to it, here as the old ingress */
    bool recorded, restored; /* there is a record; fn/lm has not said yet where it is */
    bool fresh;              /* fn/lm has said something, and settle has to look at it */
};

struct gw_handover_ops {
    int (*send)(void *user, const struct gw_addr *to, struct gw_mh *m);
    void (*intent)(void *user, const struct gw_intent *i); /* straight to the packet path */
    void (*put)(void *user, const void *key, size_t key_len, const void *value, size_t len);
    void (*del)(void *user, const void *key, size_t key_len);
    bool (*peer)(void *user, const struct gw_addr *a); /* is it a forwarder that is a peer? */
    /* Keys that are shared with a peer; NULL: none. */
    struct gw_mac *(*keys)(void *user, const struct gw_addr *peer, size_t *n);
    /* The egress of an instance that this node knows; false: it does not. */
    bool (*egress_of)(void *user, const struct gw_service_key *k, const struct gw_addr *csci_id,
                      struct gw_addr *egress);
    /* An instance of a configured service, behind a peer, is used: the packet path has to know it.
     */
    void (*told)(void *user, const struct gw_service_key *k, const struct gw_addr *csci_id,
                 const struct gw_addr *egress);
    /* For others; all may be NULL.
     * changed: which egresses its flows are at is another set now (perhaps none), it is here;
     * taken: it has been taken over, and every egress has answered; left: it is here no more. */
    void (*changed)(void *user, struct gw_client *c);
    void (*taken)(void *user, struct gw_client *c);
    void (*left)(void *user, struct gw_client *c);
    /* Who may be asked for a client that has come, beside those that are known here: an answer is
     * gw_handover_located. true: somebody is being asked. */
    bool (*ask)(void *user, struct gw_client *c);
};

struct gw_handover {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    const struct gw_log *log;
    struct gw_timers *timers;
    struct gw_now now;
    const struct gw_handover_ops *ops;
    void *user;
    struct gw_table clients;  /* owned, by prefix */
    struct gw_table stations; /* one client of each station that is HERE, by station */
    struct gw_client *fresh;
    struct gw_ladder ladder;
    struct gw_mh out;
    struct gw_cats_buf buf;
    size_t nexpected, nposts;
    uint16_t seq;
    bool started;
    uint64_t count[GW_HCNT_MAX];
};

/* -- life ---------------------------------------------------------------------------------------
 */

void gw_handover_init(struct gw_handover *h, uint64_t seed);
void gw_handover_free(struct gw_handover *h);
/* A record whose key's first octet is GW_HANDOVER_RECORD. 0; GW_EFORMAT, GW_ENOMEM. */
#define GW_HANDOVER_RECORD 'V'
int gw_handover_restore(struct gw_handover *h, const uint8_t *key, size_t key_len,
                        const uint8_t *value, size_t len);
/* fn/lm has said all; GW_INTENT_SYNC follows. */
void gw_handover_start(struct gw_handover *h);
void gw_handover_reload(struct gw_handover *h);

/* -- what comes in ------------------------------------------------------------------------------
 */

/* fn/lm says this of a prefix: it may become something else on its way to the packet path. */
void gw_handover_intent(struct gw_handover *h, struct gw_intent *i);
/* All that belongs together has been said: acts on it. */
void gw_handover_settle(struct gw_handover *h);
int gw_handover_flow(struct gw_handover *h, const struct gw_flow_use *u);
int gw_handover_marked(struct gw_handover *h, const struct gw_marked *m);
/* Its targets are who is notified; none: the configured neighbours. 0; GW_ENOENT: nobody here;
 * GW_EINVAL: it needs no continuity, has no flows. */
int gw_handover_hint(struct gw_handover *h, const struct gw_hint *hint);
/* A station is here (again), whatever a hint has said. */
void gw_handover_seen(struct gw_handover *h, const struct gw_station_key *station);
/* The location server has answered: its old ingress; zero: it has none. The client may not be here
 * yet. */
void gw_handover_located(struct gw_handover *h, const struct gw_prefix *client,
                         const struct gw_addr *ingress);
/* A PBU or PBA with C, or a MOVE_ACK, of an authenticated peer. 0 or why it was refused. */
int gw_handover_message(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m);

/* -- for the transfer of transactions (transfer.h) ----------------------------------------------
 */

struct gw_client *gw_handover_client(const struct gw_handover *h, const struct gw_addr *a);
/* New ingress: those of its flows of this service that are named go from `from` to `to` from now
 * on, in one step: flows of the packet path, then an indication to the new egress, which must have
 * been told to permit it. Others, begun meanwhile, stay. The number of flows; GW_ENOENT: none;
 * GW_EINVAL: it is not here. */
struct gw_transfer_what;
int gw_handover_switch(struct gw_handover *h, struct gw_client *c,
                       const struct gw_transfer_what *w);
/* New egress: that ingress may say without a token that the client is behind it, until then. */
int gw_handover_permit(struct gw_handover *h, const struct gw_addr *client,
                       const struct gw_addr *ingress, struct gw_time until);
/* Of a step or a message of others, for the ladder. client: any address of it. */
void gw_handover_event(struct gw_handover *h, const struct gw_addr *client, const char *what,
                       const struct gw_addr *from, const struct gw_addr *to, uint32_t count,
                       int err);

/* -- for people ---------------------------------------------------------------------------------
 */

void gw_handover_show_clients(const struct gw_handover *h, struct gw_emit *e);
void gw_handover_show_expected(const struct gw_handover *h, struct gw_emit *e);
void gw_handover_show_ladder(const struct gw_handover *h, struct gw_emit *e);

#endif
