/* central.h: an ingress whose new flows a path selector divides (models centralised and hybrid,
 * RFC 10053): it tells the path selector its ways to the egresses (PATHS), takes the shares that
 * come back (SELECTION), asks for those that it lacks (QUERY), and judges for each service whether
 * they count.
 *
 * Left to others: the rule (share.h), the path selector (selector.h), drawing by shares (src/plane:
 * policy weighted; steer.c says the weights), who is the path selector and may speak
 * (src/node/steering.c).
 *
 * Decisions of this implementation:
 * - A share is that of one instance, for its lifetime; each comes alone, so that messages may be
 *   lost and lists be long. What counts is their proportion.
 * - centralised: shares count while one that is up has one that is not over. Else the ingress
 *   chooses by itself, by the policy of the service.
 * - hybrid: likewise, but only while fewer than half of those that are up have a report that is
 *   younger than the service's max-age: with reports the ingress knows better itself.
 * - A share is asked for when half of its lifetime is over, every second.
 * - A way is told when it is up or down, or by an eighth and 100 us longer or shorter than told,
 * and every 5 s. One that is down, or on whose machine nobody answers, has lost all.
 * - No flow is touched: shares are for new ones, and which instances can be reached the ingress
 *   knows itself.
 */
#ifndef GW_FN_STEER_CENTRAL_H
#define GW_FN_STEER_CENTRAL_H

#include "fn/metric/post.h"
#include "fn/steer/steer.h"

#define GW_CENTRAL_REPEAT GW_SEC(5) /* a way is told at least so often */

struct gw_central_service {
    struct gw_service_key key;
    bool by_share;
    struct gw_time ask_at; /* not before */
};
struct gw_central {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_steer *steer; /* its metric and paths are this one's */
    struct gw_addr selector;
    struct gw_table services; /* owned */
    struct gw_post paths;     /* PATHS */
    struct gw_timer look;     /* every second */
    uint64_t selections, shares, unknown, queries, ways, alone;
};

void gw_central_init(struct gw_central *c, uint64_t seed);
void gw_central_free(struct gw_central *c);
/* c->cfg is another one, or the node starts. GW_ENOMEM: call it again. */
int gw_central_follow(struct gw_central *c);
/* Has this node a path selector? */
bool gw_central_used(const struct gw_central *c);
bool gw_central_by_share(const struct gw_central *c, const struct gw_service_key *k);
void gw_central_turned(struct gw_central *c); /* a way is up or down */
/* From the path selector. 0; GW_EFORMAT. */
int gw_central_selection(struct gw_central *c, const struct gw_mh *m);
int gw_central_ack(struct gw_central *c, const struct gw_addr *from, uint32_t seq);

#endif
