/* drive.h: a real node under the daemon's own driver and batches (src/daemon/driver.c, batch.c) in
 * this process: the sockets and the packet path are replaced by memory, the clock by one that goes
 * on as told. The store is LMDB in a directory, or drops what it is given.
 */
#ifndef BENCH_CONTROL_DRIVE_H
#define BENCH_CONTROL_DRIVE_H

#include "domain.h"
#include "node/node_int.h"

#include <stdio.h>

/* Inputs of one turn of the daemon's loop (io.c, READS_PER_EVENT): one commit for all of them. */
#define DRIVE_TURN 64

/* Memory of the node, malloc's rounding and bookkeeping counted. */
struct drive_memory {
    size_t held, most;
    size_t calls; /* allocations so far */
};

/* Time that the driving thread has spent in the node and its driver. */
struct drive_time {
    double cpu, wall; /* seconds */
};

struct drive_messages { /* back to back: a head, then the octets */
    uint8_t *buf;
    size_t used, size, count;
};

struct drive;

/* dir: of the database, NULL: none. Exits with a message when it cannot be made. */
struct drive *drive_new(const struct domain *d, const char *dir);
void drive_free(struct drive *x);
struct gw_node *drive_node(struct drive *x);
struct gw_now drive_now(const struct drive *x);
void drive_pass(struct drive *x, struct gw_time span); /* the clock goes on; nothing is done */
const struct drive_memory *drive_memory(const struct drive *x);

/* Feeds messages, `step` apart, in turns, with the deadlines that fall due; *took is added to. What
 * the node sends is in drive_sent, from the last call on. */
void drive_feed(struct drive *x, const struct drive_messages *in, struct gw_time step,
                struct drive_time *took);
/* Lets all deadlines until now fall due; one turn of the loop for each 1024 of them. */
void drive_expire(struct drive *x, struct drive_time *took);
const struct drive_messages *drive_sent(const struct drive *x);

/* Messages: `peer` is the sender's, of what the node sends the receiver's. */
void drive_add(struct drive_messages *m, unsigned peer, const uint8_t *data, size_t len);
/* for (size_t at = 0; drive_next(m, &at, &peer, &data, &len);) */
bool drive_next(const struct drive_messages *m, size_t *at, unsigned *peer, const uint8_t **data,
                size_t *len);

/* Exits with this text and what the node has counted unless it holds: a figure of anything else
 * than what was meant is worth nothing. */
void drive_demand(const struct drive *x, bool holds, const char *what);
/* What must be zero after every phase: refusals, drops, lost actions, missing memory. */
void drive_demand_clean(const struct drive *x);

#endif
