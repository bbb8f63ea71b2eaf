/* steer_tables.h: the data-plane tables of steering, beside those of tables.h and under the same
 * rules: no library, no pointer, host order unless said otherwise.
 *
 *   services        a CS-ID → how its flows are steered               (control plane writes)
 *   candidates      service's base + index → an instance, as reported  (control plane writes)
 *   candidate_use   the same index → what this node sent there         (packet path writes)
 *   service_use     a service → its turn                               (packet path writes)
 *   rings           service's ring + slot → candidate, for `hash`      (control plane writes)
 *
 * Each table has one writer, so that a report never undoes a count. Loads are in sixteenths of a
 * flow (GW_STEER_FLOW), because averages have fractions; *fill* is load by what the instance serves
 * at once, 1024 (GW_STEER_FULL) when all of it is taken. Times of prediction are microseconds.
 */
#ifndef GW_PLANE_STEER_TABLES_H
#define GW_PLANE_STEER_TABLES_H

#include "plane/tables.h"

#define GW_STEER_CANDIDATES 256  /* of one service, at most */
#define GW_STEER_WIDTH      8    /* candidates that one flow looks at, at most */
#define GW_STEER_TRIES      8    /* draws, before what is usable is searched for */
#define GW_STEER_RING       4093 /* slots of a Maglev ring: prime, 16 for each candidate */
#define GW_STEER_FLOW       16u
#define GW_STEER_FULL       1024u
#define GW_STEER_SLOTS_MAX  65535u

#define GW_STEER_POLICIES(X)                    \
    X(GW_STEER_PREQUAL, "prequal")              \
    X(GW_STEER_NEAREST, "nearest")              \
    X(GW_STEER_RANDOM, "random")                \
    X(GW_STEER_ROUND_ROBIN, "round-robin")      \
    X(GW_STEER_WEIGHTED, "weighted")            \
    X(GW_STEER_LEAST_LOADED, "least-loaded")    \
    X(GW_STEER_LEAST_CONN, "least-connections") \
    X(GW_STEER_TWO_CHOICES, "two-choices")      \
    X(GW_STEER_ARGMIN, "argmin")                \
    X(GW_STEER_HASH, "hash")

enum gw_steer_policy {
#define GW_STEER_ENUM(id, name) id,
    GW_STEER_POLICIES(GW_STEER_ENUM) GW_STEER_POLICY_COUNT
};

enum gw_steer_state { GW_STEER_DOWN, GW_STEER_UP, GW_STEER_DRAINING };

/* Why this one, for `godwit why`. */
#define GW_STEER_REASONS(X)                                                  \
    X(GW_STEER_NOBODY, "no instance is up")                                  \
    X(GW_STEER_SOONEST, "answers soonest of the sampled that are not hot")   \
    X(GW_STEER_ALL_HOT, "all sampled are hot: least filled")                 \
    X(GW_STEER_BY_POLICY, "first by the service's policy")                   \
    X(GW_STEER_NEXT, "in place of one that is not usable")                   \
    X(GW_STEER_LAST_RESORT, "none is free of failures: the one with fewest") \
    X(GW_STEER_TOLD, "another node has chosen")

enum gw_steer_reason { GW_STEER_REASONS(GW_STEER_ENUM) GW_STEER_REASON_COUNT };

/* How the flows of a service are steered. What the reports of all instances have in common is
 * computed by the control plane (steer.h), not by each flow. */
struct gw_t_service {
    __u32 policy;      /* enum gw_steer_policy */
    __u32 base;        /* of its candidates */
    __u32 count;       /* of them, at most GW_STEER_CANDIDATES */
    __u32 ring;        /* of its slots in `rings`; `hash` only */
    __u32 width;       /* candidates that one flow looks at, at most GW_STEER_WIDTH */
    __u32 hot;         /* an instance of a higher fill is hot */
    __u32 max_age_ms;  /* an older report says nothing any more */
    __u32 settle_ms;   /* a load's distance from the average has half its weight at this age */
    __u32 blur;        /* how far an instance may be from full for flows to begin to wait; fill */
    __u32 others;      /* average fill by flows of other ingresses */
    __u32 typical_us;  /* average service_us */
    __u32 error_limit; /* of 1024 flows; an instance with more is not usable */
    __u32 weights;     /* sum over the candidates */
    __u32 lasting;     /* of 1024: how much of an instance's distance from typical_us will last */
};

struct gw_t_service_use {
    __u64 turn;
};

struct gw_t_candidate {
    __u64 reported_ns; /* CLOCK_MONOTONIC; 0: never */
    __u32 state;       /* enum gw_steer_state */
    __u32 path_us;     /* there and back */
    __u32 service_us;  /* service latency of a flow that need not wait, at present */
    __u32 load;        /* flows in flight at the instance, of all ingresses */
    __u32 own_then;    /* of these, flows of this ingress: `own` when the report came */
    __u32 slots;       /* flows it serves at once, 1 to GW_STEER_SLOTS_MAX */
    __u32 errors;      /* of 1024 recent flows, failed ones */
    __u32 weight;
    __u32 before; /* weights of the candidates ahead of it */
    __u32 _pad;
    struct gw_t_addr csci_id; /* of the instance */
    struct gw_t_addr egress;  /* forwarder that delivers to it */
};

struct gw_t_candidate_use {
    __u32 own; /* flows in flight that this ingress sent there, whole ones */
    __u32 _pad;
    __u64 chosen; /* ever */
};

/* What a choice is made of, beside the tables. */
struct gw_steer_in {
    __u64 now_ns; /* CLOCK_MONOTONIC */
    __u64 random;
    __u32 flow; /* hash of what identifies the flow */
    __u32 _pad;
};

/* What the choice of one flow came to. */
struct gw_t_score {
    __u32 index;
    __u32 fill;
    __u32 completion_us;
    __u32 hot;
};
struct gw_t_answer {
    __u32 index;   /* of the candidate in its service; nothing with GW_STEER_NOBODY */
    __u32 reason;  /* enum gw_steer_reason */
    __u32 sampled; /* entries of score; 0 for policies that do not sample */
    struct gw_t_score score[GW_STEER_WIDTH];
};

#endif
