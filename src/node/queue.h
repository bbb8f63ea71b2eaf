/* queue.h: the actions of a node, in order, with the octets they point to. Before each operation
 * room for all that the operation can emit is reserved (gw_queue_reserve), so that an action is
 * never lost half-way: when there is no memory the input is refused as a whole.
 */
#ifndef GW_NODE_QUEUE_H
#define GW_NODE_QUEUE_H

#include "node/node.h"

/* The most that one operation on one mobile node emits: GW_LM_ANCHORS_MAX messages, one record and
 * the intents and RAs of GW_LM_PREVIOUS_MAX anchors. */
#define GW_QUEUE_RESERVE 49152u

struct gw_queue_block {
    struct gw_queue_block *next;
    size_t size, used;
    _Alignas(16) uint8_t data[];
};
struct gw_queue_item {
    struct gw_queue_item *next;
    struct gw_action act;
};
struct gw_queue {
    const struct gw_alloc *al;
    struct gw_queue_block *first, *last;
    struct gw_queue_item *head, *tail;
    uint64_t lost; /* actions for which there was no room after all; a bug when not 0 */
};

void gw_queue_init(struct gw_queue *q, const struct gw_alloc *al);
void gw_queue_free(struct gw_queue *q);
/* At the start of every call into the node, and when everything has been carried out. */
void gw_queue_recycle(struct gw_queue *q);
int gw_queue_reserve(struct gw_queue *q); /* 0 or GW_ENOMEM */
/* Octets that live as long as the actions; NULL only beyond the reserve and without memory. */
void *gw_queue_copy(struct gw_queue *q, const void *data, size_t len);
void gw_queue_add(struct gw_queue *q, const struct gw_action *a);
bool gw_queue_next(struct gw_queue *q, struct gw_action *a);

#endif
