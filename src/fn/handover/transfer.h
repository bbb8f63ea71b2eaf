/* transfer.h: a running transaction moves to a better edge server: figure 3 of the CATS mobility
 * draft, as state machines of the new ingress, the old egress and the new egress.
 *
 *   transfer.c          the transactions that are moved, their records   transfer_ingress.c  new
 * ingress transfer_message.c  what is said of them                             transfer_old.c old
 * egress better.c            is another instance better?                      transfer_new.c new
 * egress transfer_int.h      what these share
 *
 * Left to others: whose client it is (handover.h); what is known of instances (fn/metric); carrying
 * the state (the driver: TLS between egresses, the instances' callbacks; src/daemon).
 *
 * Exactly one instance owns a transaction. It is the old one's until the old egress has decided
 * otherwise, which it does, durably, when the new egress has said that the new instance holds all
 * of the state (TRANSFER_READY); from then on it is the new one's. Who does not know asks the old
 * egress: one that knows nothing of it has not decided so (presumed abort).
 *
 * Decisions of this implementation:
 * - What each of the three does is durable before it is said or done, so that after a restart it
 *   goes on where it was: the ingress and the new egress ask, the old egress gives up what was not
 *   decided and repeats what was.
 * - The old egress keeps a decision until both others have acknowledged it, KEEP at most.
 * - The old instance is stopped, not forgotten, until the new ingress has switched the flows: what
 *   is on its way still must not be answered by a reset.
 * - A transfer that is over is kept in memory for a while: to be shown, to answer what comes late,
 *   and, at the ingress, so that a client is not moved again too soon.
 * - A client is a /64 here too: a second transfer of its flows of a service waits for the first.
 */
#ifndef GW_FN_HANDOVER_TRANSFER_H
#define GW_FN_HANDOVER_TRANSFER_H

#include "base/emit.h"
#include "base/log.h"
#include "base/table.h"
#include "fn/metric/post.h"
#include "plane/intent.h"

struct gw_config;

enum gw_transfer_code { /* on the wire (struct gw_cats_transaction) */
                        GW_TRANSFER_FINE = 0,
                        GW_TRANSFER_UNKNOWN = 1,   /* no such transaction, client or instance */
                        GW_TRANSFER_DENIED = 2,    /* the peer may not */
                        GW_TRANSFER_NO_EXPORT = 3, /* the old instance cannot give it away */
                        GW_TRANSFER_TOO_LARGE = 4,
                        GW_TRANSFER_UNREACHABLE = 5, /* the other egress */
                        GW_TRANSFER_NO_IMPORT = 6,   /* the new instance cannot take it */
                        GW_TRANSFER_TIMEOUT = 7,
                        GW_TRANSFER_RESOURCES = 8,
                        GW_TRANSFER_ENDED = 9, /* the transaction has, or the client moved on */
                        GW_TRANSFER_RESTARTED = 10, /* the old egress has, before it had decided */
};
const char *gw_transfer_code_name(unsigned code); /* "too large" */

#define GW_TRANSFER_FLOWS 32
/* What is moved: a client's flows of one service at one instance. */
struct gw_transfer_what {
    uint64_t id;
    struct gw_addr ingress; /* the new ingress, whose choice id is */
    struct gw_service_key service;
    struct gw_addr client;
    size_t nflows;
    struct gw_flow_id flow[GW_TRANSFER_FLOWS];
    struct gw_addr from, from_egress, to, to_egress; /* CSCI-IDs and their egresses */
};

/* GW_ACT_TRANSFER: what the driver of an egress does; each is answered by GW_IN_TRANSFER, and may
 * be asked for again after a restart. */
enum gw_transfer_do {
    GW_TRANSFER_EXPORT,  /* old egress: stop the instance's part, take the state, bring it */
    GW_TRANSFER_EXPECT,  /* new egress: take it from from_egress, give it to the instance */
    GW_TRANSFER_FORGET,  /* old egress: the old instance forgets */
    GW_TRANSFER_KEEP,    /* old egress: the old instance goes on */
    GW_TRANSFER_RESUME,  /* new egress: the new instance goes on with it */
    GW_TRANSFER_DISCARD, /* new egress: the new instance forgets */
};
const char *gw_transfer_do_name(enum gw_transfer_do d); /* "export" */
struct gw_transfer_step {
    enum gw_transfer_do what;
    const struct gw_transfer_what *about;
};
struct gw_transfer_progress {
    struct gw_addr ingress;
    uint64_t id;
    enum gw_transfer_do of;
    bool done;            /* that step is over, with `code` */
    uint8_t code;         /* enum gw_transfer_code */
    uint32_t size, moved; /* octets of state */
};

#define GW_TRANSFER_COUNTERS(X)                      \
    X(BEGUN, "transfers-begun")                      \
    X(SWITCHED, "transfers-switched")                \
    X(FAILED, "transfers-failed")                    \
    X(LOOKED, "transfers-considered")                \
    X(ASKED, "transfers-instance-asked")             \
    X(TOO_SOON, "transfers-too-soon")                \
    X(GIVEN, "transfers-given-away")                 \
    X(TAKEN, "transfers-taken")                      \
    X(DENIED, "transfers-denied")                    \
    X(REFUSED, "transfers-refused")                  \
    X(MALFORMED, "transfers-malformed")              \
    X(UNMATCHED, "transfers-unmatched-messages")     \
    X(LOST, "transfers-decision-not-told")           \
    X(RESTORED, "transfers-resumed-after-a-restart") \
    X(LIMIT, "limit-transfers")
enum gw_transfer_count {
#define X(id, name) GW_TCNT_##id,
    GW_TRANSFER_COUNTERS(X)
#undef X
        GW_TCNT_MAX
};
const char *gw_transfer_count_name(enum gw_transfer_count c);

enum gw_transfer_side { GW_TRANSFER_INGRESS, GW_TRANSFER_OLD, GW_TRANSFER_NEW };
enum gw_transfer_state {
    GW_TRANSFER_MOVING,  /* ingress: asked for; old: given away; new: expected, or coming */
    GW_TRANSFER_READY,   /* new: the instance holds all of it; the old egress decides */
    GW_TRANSFER_DECIDED, /* old: it is the new one's; new: the instance goes on with it */
    GW_TRANSFER_UNDOING, /* old and new: it stays where it was, which the instance is told */
    GW_TRANSFER_OVER,
};
struct gw_transfer_key {
    enum gw_transfer_side side;
    struct gw_addr ingress;
    uint64_t id;
};
/* Whose flows of what: one transfer at a time. */
struct gw_transfer_client {
    enum gw_transfer_side side;
    struct gw_addr net; /* the /64 */
    struct gw_service_key service;
};

struct gw_transfer {
    struct gw_transfer_key key;
    struct gw_transfer_client client; /* the key in `clients`; the latest one is there */
    struct gw_transfers *all;
    struct gw_transfer_what what;
    enum gw_transfer_state state;
    uint8_t code;                  /* so far, or how it ended */
    enum gw_transfer_code said[2]; /* in the last message of post[i] */
    bool told[2];                  /* and that was acknowledged, or answered */
    bool stepped;                  /* the driver's last step is done */
    bool stopped;                  /* old: FORGET has been asked for */
    uint32_t size, moved;          /* octets of state */
    struct gw_time begun, ended;
    struct gw_timer timer;
    /* ingress: TRANSFER_REQUEST to the old egress, TRANSFER_NOTICE to the new one; old:
     * TRANSFER_CONFIRM to the ingress, to the new egress; new: TRANSFER_READY to the old egress,
     * TRANSFER_DONE to the ingress. */
    struct gw_post post[2];
};

struct gw_transfers_ops {
    void (*step)(void *user, enum gw_transfer_do what, const struct gw_transfer_what *about);
    void (*put)(void *user, const void *key, size_t key_len, const void *value, size_t value_len);
    void (*del)(void *user, const void *key, size_t key_len);
    /* ingress: all flows go to the new instance from now on; it is called once. */
    void (*switched)(void *user, const struct gw_transfer_what *w);
    /* new egress: the client is about to be behind that ingress; so long. */
    void (*permit)(void *user, const struct gw_transfer_what *w, struct gw_time until);
    /* May that ingress have the flows of this client moved? (old egress) */
    bool (*may)(void *user, const struct gw_addr *ingress, const struct gw_addr *client);
    /* Is this node the egress of that instance, and (takes) can it have more? */
    bool (*own)(void *user, const struct gw_service_key *s, const struct gw_addr *csci_id,
                bool takes);
    bool (*forwarder)(void *user, const struct gw_addr *a); /* a peer, or this node */
    /* For people. from, to: of a message; of a step both are this node. */
    void (*event)(void *user, const struct gw_transfer_what *w, const struct gw_addr *from,
                  const struct gw_addr *to, const char *what, uint32_t count, uint8_t code);
};

struct gw_transfers {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    const struct gw_log *log;
    struct gw_timers *timers;
    struct gw_metric *metric; /* its messages, numbers and `now` are this one's */
    const struct gw_transfers_ops *ops;
    void *user;
    struct gw_table table;   /* by key; owned */
    struct gw_table clients; /* of those, by client */
    uint64_t last_id;
    uint64_t count[GW_TCNT_MAX];
};
#define GW_TRANSFER_RECORD 'T' /* the first octet of its record's key */

/* run: of this run of the node only, later than that of runs before (its clock's seconds). */
void gw_transfers_init(struct gw_transfers *x, uint32_t run, uint64_t seed);
void gw_transfers_free(struct gw_transfers *x);
/* Before gw_transfers_start: a record. 0; GW_EFORMAT, GW_EVERSION, GW_EEXIST, GW_ENOMEM. */
int gw_transfers_restore(struct gw_transfers *x, const uint8_t *key, size_t key_len,
                         const void *value, size_t len);
void gw_transfers_start(struct gw_transfers *x); /* what the records have goes on */

/* New ingress: w's id and ingress are filled in. 0; GW_EEXIST: one of this client and service is
 * under way, or was lately (force: only the former); GW_EINVAL; GW_EFULL, GW_ENOMEM. */
int gw_transfers_begin(struct gw_transfers *x, struct gw_transfer_what *w, bool force);
/* New ingress: may it be moved now, as far as earlier transfers are concerned? */
bool gw_transfers_rested(const struct gw_transfers *x, const struct gw_addr *client,
                         const struct gw_service_key *s);
/* The client has gone from this ingress, or its flows have ended: what is under way is called off.
 */
void gw_transfers_left(struct gw_transfers *x, const struct gw_addr *client);

/* A message of sub-types TRANSFER_* of a peer. 0, or why it was refused, which is counted. */
int gw_transfers_message(struct gw_transfers *x, const struct gw_addr *from, const struct gw_mh *m);
/* The driver's. 0; GW_ENOENT: nobody waits for it. */
int gw_transfers_progress(struct gw_transfers *x, const struct gw_transfer_progress *p);
/* Old egress: has it been decided that this client's transaction is another instance's? */
bool gw_transfers_moved(const struct gw_transfers *x, const struct gw_addr *client,
                        const struct gw_service_key *s, const struct gw_addr *from);
void gw_transfers_show(const struct gw_transfers *x, struct gw_emit *e);

/* -- which instance is better (better.c) ------------------------------------------------------ */

struct gw_bid {
    struct gw_addr csci_id, egress;
    uint32_t path_us;    /* there and back */
    uint32_t service_us; /* what a request would take */
    uint32_t in_flight, slots;
    bool usable;  /* it takes new ones and can be reached */
    bool silent;  /* nothing is known of its load */
    bool leaving; /* it is draining, or hot to be left otherwise */
};
/* Which of the bids is better for what is left of a transaction at `at` (index), by more than
 * gain of 1000, after what the move itself costs; n: none. rest: expected. */
size_t gw_better(const struct gw_bid *b, size_t n, size_t at, struct gw_time rest, uint32_t gain);

#endif
