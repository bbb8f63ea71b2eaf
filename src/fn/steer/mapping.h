/* mapping.h: a D-Router tells a D-Forwarder where the flows go that it asked about (Dyncast
 * architecture §5, the D-Forwarder's part): MAPPING, acknowledged.
 *
 * Left to others: the miss and the choice (src/plane), retransmission (fn/metric/post.h).
 *
 * Decisions of this implementation:
 * - What is told and acknowledged is forgotten: the D-Router keeps nothing of a D-Forwarder's flow.
 *   A MAPPING that nobody answers is forgotten too: packets of the flow still come marked, and the
 *   packet path says so again.
 * - As many flows as fit go in one message, and the next one leaves with the acknowledgement.
 * - Services are named before their flows: an affinity by client alone does not tell which.
 */
#ifndef GW_FN_STEER_MAPPING_H
#define GW_FN_STEER_MAPPING_H

#include "fn/metric/post.h"
#include "fn/steer/steer.h"

struct gw_mapping { /* a flow that is to be told of */
    struct gw_miss miss;
    struct gw_mapping *next;
    bool flying; /* in the message that is out */
};
struct gw_mapper {       /* a D-Forwarder */
    struct gw_addr addr; /* the key */
    struct gw_mappers *all;
    struct gw_table flows; /* owned */
    struct gw_mapping *first, **last;
    struct gw_post post;
};
struct gw_mappers { /* at a D-Router */
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_metric *metric;
    struct gw_table by_addr; /* owned */
    uint64_t seed;
    uint64_t told, again, limited; /* flows: acknowledged; said while waiting; without room */
};

void gw_mappers_init(struct gw_mappers *s, uint64_t seed);
void gw_mappers_free(struct gw_mappers *s);
/* 0; GW_EFULL, GW_ENOMEM: it comes again. */
int gw_mappers_miss(struct gw_mappers *s, const struct gw_miss *m);
int gw_mappers_ack(struct gw_mappers *s, const struct gw_addr *from, uint32_t seq);
void gw_mappers_drop(struct gw_mappers *s, const struct gw_addr *peer); /* it is no peer any more */
size_t gw_mappers_flows(const struct gw_mappers *s);                    /* not yet acknowledged */

/* At a D-Forwarder: a MAPPING of its D-Router becomes flows of the packet path, and is
 * acknowledged. 0; GW_EFORMAT. */
int gw_steer_mapping(struct gw_steer *s, const struct gw_addr *from, const struct gw_mh *m);

#endif
