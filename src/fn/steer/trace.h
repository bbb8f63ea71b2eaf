/* trace.h: the ways to a service's instances, and back, as the nodes along them tell (RFC 10053's
 * reachability check and path trace; doc/cats.md, TRACE). Whoever is asked to trace asks the egress
 * of each instance, all at once; and, when a client is named, each node that its results are said
 * to go to, itself first: so the way of results is followed hop by hop through bindings.
 *
 * Left to others: which peers may ask and how often (src/node/steering.c), what the packet path has
 * (GW_ACT_TRACE), who asks for it and shows it (src/daemon/trace.c, godwit trace).
 *
 * Decisions of this implementation:
 * - An answer needs the packet path's counts, which the driver reads: the question goes there and
 *   comes back with them, so a node remembers nothing of whom it answers.
 * - A question without answer is repeated, with a number of its own, every 500 ms, three times.
 * - The client is named to nodes that are asked when the operator names it, and not otherwise.
 * - Where results are *routed* nobody knows more of the way than the network. Since they may be
 *   routed to the node that traces, that one is always among those that say.
 */
#ifndef GW_FN_STEER_TRACE_H
#define GW_FN_STEER_TRACE_H

#include "base/emit.h"
#include "fn/steer/steer.h"
#include "plane/serve_show.h"

#define GW_TRACE_ASKS  24 /* nodes and instances of one trace */
#define GW_TRACE_HOPS  8  /* of them, kept for the way of results */
#define GW_TRACE_KEPT  8  /* traces, the latest */
#define GW_TRACE_AGAIN GW_MSEC(500)
#define GW_TRACE_TRIES 3u

/* A question that waits for what the packet path says; the driver hands it back as it is. */
struct gw_trace_question {
    struct gw_addr from; /* whom to answer */
    uint32_t seq;
    struct gw_service_key service;
    struct gw_trace_want want; /* peer: `from` */
};

enum gw_trace_state {
    GW_TRACE_WAITING,
    GW_TRACE_ANSWERED,
    GW_TRACE_UNKNOWN, /* it says that it has no such service */
    GW_TRACE_SILENT,
    GW_TRACE_NO_PEER, /* nobody that can be asked */
};
struct gw_trace_ask {
    struct gw_addr at, csci_id; /* csci_id zero: about results only */
    enum gw_trace_state state;
    uint32_t seq;
    unsigned tries;
    struct gw_time sent; /* the last one */
    int64_t rtt_ns;
    bool has_instance, has_results, has_record, has_path; /* in the answer: */
    struct gw_cats_hop tunnels, instance, results;
    struct gw_cats_instance record; /* the instance's */
    struct gw_cats_path path;       /* on which results are tunnelled */
};
struct gw_trace {
    uint64_t number;
    struct gw_traces *all;
    struct gw_service_key service;
    struct gw_addr client; /* zero: none */
    struct gw_time begun;
    struct gw_timer timer; /* running while anybody is waited for */
    size_t n, skipped;     /* asked; for whom there was no room */
    struct gw_trace_ask ask[GW_TRACE_ASKS];
};

struct gw_traces_ops {
    void (*look)(void *user, const struct gw_trace_question *q);
};
struct gw_traces {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_steer *steer; /* its metric and paths are this one's */
    const struct gw_traces_ops *ops;
    void *user;
    uint64_t last;                        /* number */
    struct gw_trace *kept[GW_TRACE_KEPT]; /* by number; owned */
    uint64_t begun, asked, silent, answered, strange;
};

void gw_traces_free(struct gw_traces *t);

/* csci_id: zero for all instances that the packet path knows; client: zero for none. 0 and its
 * number; GW_ENOENT: no such service; GW_EFULL: as many are under way as are kept; GW_ENOMEM. */
int gw_traces_begin(struct gw_traces *t, const struct gw_service_key *service,
                    const struct gw_addr *csci_id, const struct gw_addr *client, uint64_t *number);
/* TRACE from a peer that may ask, and what the packet path said to it: the answer leaves. 0;
 * GW_EFORMAT. */
int gw_traces_question(struct gw_traces *t, const struct gw_addr *from, const struct gw_mh *m);
void gw_traces_seen(struct gw_traces *t, const struct gw_trace_question *q,
                    const struct gw_trace_seen *seen);
/* TRACE_REPLY. 0; GW_EFORMAT; GW_ENOENT: nobody waits for it. */
int gw_traces_reply(struct gw_traces *t, const struct gw_addr *from, const struct gw_mh *m);

/* Rows of the traces that are kept, in no particular order. */
void gw_traces_show(const struct gw_traces *t, struct gw_emit *e);

#endif
