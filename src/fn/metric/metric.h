/* metric.h: what a node knows of service instances, its own and everybody's, and how forwarders
 * tell each other (CATS metric distribution, RFC 10053; Dyncast architecture §4.1).
 *
 * Every node that reports instances is an origin: it numbers its changes, and a record carries the
 * number of its last change. Of an origin one knows everything up to a number or not; so two nodes
 * find out what one lacks by comparing one number an origin (DIGEST), and a change needs no memory
 * of who has heard it: a neighbour is sent what changed behind the number that it is known to know
 * (UPDATE), and says how far it knows then (ACK). One UPDATE is outstanding to a neighbour; what
 * changes meanwhile goes in the next one, once, as it is then. That is the pacing, the summary, and
 * why nothing loops: what is known already is not told again.
 *
 *   db.c      records by origin and service, ageing          flood.c   neighbours, UPDATE, DIGEST,
 * ACK
 *
 * In a domain of many neighbours nobody passes on what all hear from the origin itself: a DIGEST
 * says of each origin whether it is a neighbour and heard. When that changes, everybody is told so
 * within a second. The usual DIGEST names only the rest.
 *
 * Left to others: measuring and when a change is worth telling (report.h), the choice among the
 * instances (fn/steer), authentication (src/node/signal.c), which peers are neighbours and what
 * each may say (the driver of this: ops->may).
 *
 * Decisions of this implementation:
 * - A new epoch of an origin replaces all it has said before.
 * - A withdrawn instance stays as GONE for its lifetime, so that everybody hears of it. An instance
 * whose origin is silent for its lifetime is gone without a word; its origin says it anew every
 * third of it.
 * - A neighbour of which nothing is heard for three times the interval of DIGESTs is down.
 * - An origin that hears of itself from a later run than its own (its clock or its memory was lost)
 *   takes the run after that and says everything again.
 */
#ifndef GW_FN_METRIC_METRIC_H
#define GW_FN_METRIC_METRIC_H

#include "base/log.h"
#include "base/table.h"
#include "base/timer.h"
#include "wire/cats.h"

#define GW_METRIC_COUNTERS(X)                   \
    X(UPDATE_OUT, "cats-out-update")            \
    X(UPDATE_AGAIN, "cats-retransmissions")     \
    X(UPDATE_IN, "cats-in-update")              \
    X(DIGEST_OUT, "cats-out-digest")            \
    X(DIGEST_IN, "cats-in-digest")              \
    X(RECORDS_OUT, "cats-records-out")          \
    X(RECORDS_IN, "cats-records-in")            \
    X(RECORDS_NEWS, "cats-records-news")        \
    X(GAP, "cats-gaps")                         \
    X(STALE_ACK, "cats-unmatched-acks")         \
    X(DENIED, "cats-denied")                    \
    X(MALFORMED, "cats-malformed")              \
    X(AGED, "cats-aged-out")                    \
    X(LIMIT_INSTANCES, "limit-cats-instances")  \
    X(LIMIT_ORIGINS, "limit-cats-origins")      \
    X(POST_OUT, "cats-out-other")               \
    X(POST_AGAIN, "cats-other-retransmissions") \
    X(POST_LOST, "cats-other-unanswered")       \
    X(NEIGHBOUR_DOWN, "cats-neighbour-down")    \
    X(NEIGHBOUR_UP, "cats-neighbour-up")
enum gw_metric_count {
#define X(id, name) GW_MCNT_##id,
    GW_METRIC_COUNTERS(X)
#undef X
        GW_MCNT_MAX
};
const char *gw_metric_count_name(enum gw_metric_count c);

struct gw_metric_origin;

/* A record. Of an origin, a service and a CSCI-ID there is one. */
struct gw_metric_key {
    struct gw_addr origin;
    struct gw_cats_service service;
    struct gw_addr csci_id;
};
struct gw_metric_instance {
    struct gw_metric_key key;
    struct gw_cats_instance v; /* v.egress is never zero here */
    struct gw_time measured;   /* on this node's clock */
    struct gw_metric_origin *of;
    struct gw_metric_instance *prev, *next; /* of the origin, by v.seq, the last change last */
    struct gw_metric_instance *sib_prev, *sib_next; /* of the service */
    struct gw_timer timer; /* another's: it ages out; own: it is said anew; GONE: forgotten */
    bool mark;             /* scratch: not said by the new epoch */
};

struct gw_metric_origin {
    struct gw_addr addr; /* the key */
    struct gw_metric *m;
    uint32_t epoch, seq; /* known up to */
    struct gw_addr via;  /* egress of its latest instance: for an agent, the forwarder that tells */
    uint32_t index;      /* among the origins, which are never forgotten */
    size_t n;
    struct gw_metric_instance *first, *last;
};

struct gw_metric_service {
    struct gw_cats_service key;
    size_t n; /* of every origin, those GONE among them */
    struct gw_metric_instance *first;
};

/* How far a neighbour is known to know an origin. */
struct gw_metric_known {
    struct gw_metric_origin *of; /* NULL: nothing is known */
    uint32_t epoch, seq;
    bool direct; /* it hears the origin itself */
};
struct gw_metric_neighbour {
    struct gw_addr addr; /* the key */
    struct gw_metric *m;
    bool source; /* it speaks for itself only, and is told nothing of others: a metric agent */
    bool up;     /* it has answered lately */
    bool digested, synced; /* it has said what it knows; and all of that was known here once */
    struct gw_metric_known *known; /* by the origin's index */
    size_t size;
    struct gw_timer timer; /* while waiting: send again; else: the next digest */
    struct gw_timer pace;  /* what has changed goes then */
    bool waiting;          /* for the ACK of message `seq` */
    uint32_t seq;
    unsigned tries;
    size_t turn; /* the origin whose turn it is, when not all fit */
    struct gw_time heard;
};

struct gw_metric_ops {
    /* Adds authentication and sends; as if lost when it fails. m is scratch and is changed. */
    int (*send)(void *user, const struct gw_addr *to, struct gw_mh *m);
    /* May that be said of this instance by the neighbour that says it? An egress of zero is the
     * origin. */
    bool (*may)(void *user, const struct gw_addr *from, const struct gw_metric_key *key,
                const struct gw_cats_instance *v);
    /* An instance of the service has come, changed or gone. */
    void (*changed)(void *user, const struct gw_metric_instance *x);
};

struct gw_metric_config {
    struct gw_addr self;
    struct gw_time pace;       /* at least so long between two UPDATEs to a neighbour */
    struct gw_time retransmit; /* first; doubles up to retransmit_max */
    struct gw_time retransmit_max;
    unsigned tries;              /* then the neighbour is down */
    struct gw_time digest;       /* between two DIGESTs to a neighbour */
    uint32_t instances, origins; /* limits */
};

struct gw_metric {
    const struct gw_metric_config *cfg;
    const struct gw_alloc *al;
    const struct gw_log *log;
    struct gw_timers *timers;
    struct gw_time now; /* of the input being handled */
    uint64_t count[GW_MCNT_MAX];
    const struct gw_metric_ops *ops;
    void *user;
    struct gw_mh *out;
    struct gw_cats_buf buf;
    struct gw_table instances, origins, services, neighbours; /* all owned */
    struct gw_metric_origin *self;
    uint32_t seq;             /* of messages */
    struct gw_timer announce; /* who is heard has changed: everybody is told */
};

/* epoch: of this run only, and later than that of every run before as far as the caller can tell
 * (its clock's seconds). GW_ENOMEM. */
int gw_metric_init(struct gw_metric *m, uint32_t epoch, uint64_t seed);
void gw_metric_free(struct gw_metric *m);

/* A neighbour: idempotent; GW_ENOMEM. It is sent a DIGEST, and asked for its. source: see above. */
int gw_metric_neighbour_add(struct gw_metric *m, const struct gw_addr *a, bool source);
void gw_metric_neighbour_del(struct gw_metric *m, const struct gw_addr *a);
/* The way to it is known to be there again, or not to be: it is asked, or given up, at once. */
void gw_metric_neighbour_way(struct gw_metric *m, const struct gw_addr *a, bool there);

/* One's own instance as it is now; v.seq is ignored, v.age: ms since it was measured. v.state GONE
 * withdraws. 0; GW_EFULL, GW_ENOMEM, GW_EINVAL; GW_ENOENT: withdrawn and not there. */
int gw_metric_say(struct gw_metric *m, const struct gw_cats_service *s,
                  const struct gw_cats_instance *v);

/* A message of sub-type UPDATE, ACK or DIGEST from a peer. 0; GW_EDENIED: no neighbour; GW_EFORMAT.
 */
int gw_metric_input(struct gw_metric *m, const struct gw_addr *from, const struct gw_mh *mh);

/* How many neighbours have not yet told all they knew: of those that are up, or of all. */
size_t gw_metric_unsynced(const struct gw_metric *m, bool of_all);

/* Has a node that runs since then heard all that others knew before? All neighbours have told it;
 * 5 s later all that have answered; at last after `most`. */
bool gw_metric_caught_up(const struct gw_metric *m, struct gw_time since, struct gw_time most);

/* The service's instances, also those GONE; NULL when it has none. */
const struct gw_metric_service *gw_metric_service(const struct gw_metric *m,
                                                  const struct gw_cats_service *s);

/* Within this function (db.c, flood.c). */
struct gw_metric_origin *gw_metric_origin_get(struct gw_metric *m, const struct gw_addr *a);
/* Takes a record that an UPDATE brought; true when it is news. */
bool gw_metric_take(struct gw_metric *m, struct gw_metric_origin *o,
                    const struct gw_cats_service *s, const struct gw_cats_instance *v);
/* The origin has begun another run: what it said before counts no more unless it is said again. */
void gw_metric_epoch_begin(struct gw_metric_origin *o, uint32_t epoch);
void gw_metric_epoch_end(struct gw_metric_origin *o);
/* Own: another run has been heard of. */
void gw_metric_outlive(struct gw_metric *m, uint32_t epoch);
/* Something of any origin is new: every neighbour is told, paced, but for `but`. */
void gw_metric_news(struct gw_metric *m);

#endif
