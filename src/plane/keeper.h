/* keeper.h: who keeps back the packets of clients that move (hold.h): a queue for each hold,
 * bounded in packets and octets, and all of them together. Pure; the loader's (plane_hold.c) gets
 * packets from a TAP device, the native build's from itself.
 *
 * A hold has an id, by which the packet path counts (hold_tables.h). What is released goes in the
 * order in which it came.
 */
#ifndef GW_PLANE_KEEPER_H
#define GW_PLANE_KEEPER_H

#include "base/table.h"
#include "plane/hold_tables.h"
#include "plane/intent.h"

/* Of all holds together; more are dropped, as beyond the limits of one. */
#define GW_KEEPER_PACKETS 131072u
#define GW_KEEPER_OCTETS  (64u << 20)

struct gw_kept {
    struct gw_kept *next;
    uint32_t ifindex; /* it came in on */
    uint32_t frames;  /* as the path counted it */
    uint32_t gso_size;
    uint32_t len;
    uint8_t data[]; /* an Ethernet frame */
};

struct gw_keeper_hold {
    struct gw_t_hold_key key;
    uint32_t id;
    uint32_t most_packets, most_octets;
    bool released, discards;
    uint32_t packets, octets; /* kept now */
    struct gw_kept *first, *last;
    struct gw_t_hold state;      /* of the native path; programs have theirs in a map */
    struct gw_keeper_hold *next; /* for the keeper's user */
};

/* What has become of packets, of both directions: [1] is up. Not reset by the user. */
struct gw_keeper_count {
    uint64_t released[2], discarded[2], beyond[2];
};

struct gw_keeper {
    const struct gw_alloc *al;
    struct gw_table holds; /* struct gw_keeper_hold, owned */
    struct gw_keeper_id {
        struct gw_keeper_hold *hold; /* NULL: it is free */
        uint32_t next;               /* free one, the oldest first */
    } * ids;
    uint32_t nids, room; /* that were ever given; of ids */
    uint32_t first_free, last_free, nfree;
    uint32_t packets, octets;
    struct gw_keeper_count count;
};

void gw_keeper_init(struct gw_keeper *k, const struct gw_alloc *al, uint64_t seed);
void gw_keeper_free(struct gw_keeper *k); /* what is kept is gone */

/* 0, or GW_EINVAL: no /64. */
int gw_keeper_key(const struct gw_intent_hold *in, struct gw_t_hold_key *out);
/* Made if there is none, or its limits are changed and it keeps again. NULL: no memory, or there
 * are GW_HOLDS_MAX. *fresh: it was made. */
struct gw_keeper_hold *gw_keeper_set(struct gw_keeper *k, const struct gw_t_hold_key *key,
                                     const struct gw_intent_hold *in, bool *fresh);
struct gw_keeper_hold *gw_keeper_get(const struct gw_keeper *k, const struct gw_t_hold_key *key);
struct gw_keeper_hold *gw_keeper_by_id(const struct gw_keeper *k, uint32_t id); /* or NULL */
/* What it keeps goes with it. */
void gw_keeper_del(struct gw_keeper *k, struct gw_keeper_hold *h);

/* What there is to that counter of the path; 0: of others. */
uint64_t gw_keeper_counted(const struct gw_keeper_count *c, enum gw_reason r);

/* Copies the frame behind those that are kept. false: it is beyond a limit, or there is no memory,
 * and counted as dropped. */
bool gw_keeper_push(struct gw_keeper *k, struct gw_keeper_hold *h, const uint8_t *frame, size_t len,
                    const struct gw_kept *of);
/* The oldest, now the caller's (gw_keeper_done); counted as released, or as discarded if the hold
 * does that. NULL: none. */
struct gw_kept *gw_keeper_take(struct gw_keeper *k, struct gw_keeper_hold *h);
void gw_keeper_done(const struct gw_keeper *k, struct gw_kept *p);

#endif
