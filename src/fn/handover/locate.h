/* locate.h: an ingress's side of the location server (location.h): it says which of its clients
 * have flows through which egresses, and asks where a client that comes has been. CATS mobility
 * draft §3.
 *
 * Left to others: whose flows they are, and what follows from an answer (handover.h); the messages
 * until they are answered (fn/metric/post.h).
 *
 * Decisions of this implementation:
 * - To each server LOCATION items are gathered: what waits goes in the next message, as it is then.
 *   GW_LOCATE_SLOTS messages of each kind are out at the same time, so that a train of clients is
 *   not held up by one round trip after the other. A client is in one of them only.
 * - What is not answered is said anew, with doubling intervals, for as long as it holds. To a
 * server that does not answer one message goes at a time.
 * - An entry is said again each third of its lifetime; a withdrawal for a lifetime at most: then
 * the server has forgotten it by itself.
 * - Of several servers the first that knows the client counts; it is unknown when none does, or
 *   none has answered within post.h's tries.
 */
#ifndef GW_FN_HANDOVER_LOCATE_H
#define GW_FN_HANDOVER_LOCATE_H

#include "fn/metric/post.h"

struct gw_config;

#define GW_LOCATE_SERVERS 4
#define GW_LOCATE_SLOTS   16
#define GW_LOCATE_ITEMS   24 /* of a message */

/* A client's place in the queue of a server, or in a message to it. */
struct gw_locate_link {
    struct gw_locate_link *prev, *next;
    struct gw_locate_list *in; /* NULL: nothing is to be said there */
    struct gw_locate *of;
    bool changed; /* since the message that it is in */
};
struct gw_locate_list {
    struct gw_locate_link *first, *last;
};
struct gw_locate_slot {
    struct gw_locate_server *server;
    struct gw_post post;
    struct gw_locate_list out;
};
enum gw_locate_kind { GW_LOCATE_SAY, GW_LOCATE_ASK, GW_LOCATE_KINDS };
struct gw_locate_server {
    struct gw_addr addr; /* zero: this place is free */
    struct gw_locates *all;
    size_t index;
    bool silent; /* it has not answered lately */
    struct gw_locate_list waits[GW_LOCATE_KINDS];
    struct gw_locate_slot slot[GW_LOCATE_KINDS][GW_LOCATE_SLOTS];
};
struct gw_locate { /* what is said of a client, or asked */
    struct gw_prefix client;
    enum gw_locate_kind kind; /* these two are the key */
    struct gw_locates *all;
    struct gw_lladdr lladdr;
    uint32_t generation;
    uint8_t negresses; /* SAY: 0: withdrawn */
    struct gw_addr egress[GW_CATS_EGRESSES];
    struct gw_locate_link link[GW_LOCATE_SERVERS];
    struct gw_timer timer; /* SAY: when it is said again, or, withdrawn, forgotten */
};

#define GW_LOCATE_COUNTERS(X)              \
    X(SAID, "locate-acknowledged")         \
    X(ASKED, "locate-asked")               \
    X(FOUND, "locate-found")               \
    X(UNKNOWN, "locate-unknown")           \
    X(SILENT, "locate-server-silent")      \
    X(UNASKED, "locate-refused-not-asked") \
    X(MALFORMED, "locate-malformed")       \
    X(EGRESSES, "limit-locate-egresses")   \
    X(LIMIT, "limit-locate-clients")       \
    X(NO_MEMORY, "locate-no-memory")
enum gw_locate_count {
#define X(id, name) GW_LOCATECNT_##id,
    GW_LOCATE_COUNTERS(X)
#undef X
        GW_LOCATECNT_MAX
};
const char *gw_locate_count_name(enum gw_locate_count c);

struct gw_locates {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_metric *metric; /* messages, numbers, clock */
    /* ingress: where it has been; zero: no server knows. */
    void (*located)(void *user, const struct gw_prefix *client, const struct gw_addr *ingress);
    void *user;
    struct gw_table by_client;       /* owned */
    struct gw_locate_server *server; /* GW_LOCATE_SERVERS of them; NULL: none is configured */
    uint64_t count[GW_LOCATECNT_MAX];
};

/* 0, GW_ENOMEM. */
int gw_locates_init(struct gw_locates *l, uint64_t seed);
void gw_locates_free(struct gw_locates *l);
/* cfg is another one: what is known is told to servers that are new. 0, GW_ENOMEM. */
int gw_locates_reload(struct gw_locates *l);

/* A client here has flows through these egresses from now on, more than GW_CATS_EGRESSES are left
 * out and counted; none: it has no more, or is not here. 0; GW_EFULL, GW_ENOMEM: not said. */
int gw_locates_set(struct gw_locates *l, const struct gw_prefix *client,
                   const struct gw_lladdr *lladdr, uint32_t generation,
                   const struct gw_addr *egress, size_t n);
/* `located` follows later; false: nobody can be asked. Asking twice is once. */
bool gw_locates_ask(struct gw_locates *l, const struct gw_prefix *client,
                    const struct gw_lladdr *lladdr);

/* An ACK; 0: it was for a message of these, GW_ENOENT. */
int gw_locates_ack(struct gw_locates *l, const struct gw_addr *from, uint32_t seq);
/* LOCATED. 0; GW_EFORMAT; GW_EDENIED: nobody has asked that. */
int gw_locates_located(struct gw_locates *l, const struct gw_addr *from, const struct gw_mh *m);

/* Items that wait for an answer of some server, or to be said. */
size_t gw_locates_waiting(const struct gw_locates *l);

#endif
