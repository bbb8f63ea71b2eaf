/* selector.h: the path selector (C-PS of its own; models centralised and hybrid, RFC 10053): for
 * each ingress that asks and each service of the configuration, the shares of the instances, told
 * when they change.
 *
 * Left to others: the rule (share.h), what is known of instances (fn/metric: it is a neighbour of
 * the flood like any other), what an ingress makes of shares (central.h), who may ask
 * (src/node/steering.c).
 *
 * Decisions of this implementation:
 * - An ingress is known from its first PATHS or QUERY until nothing has been heard of it for
 *   steering.lifetime: nothing is configured here, and a restart loses nothing that does not come
 *   back within seconds.
 * - After a start nobody is answered until all neighbours have told what they know (metric.h):
 *   shares of half the instances would be worse than those that the ingresses have.
 * - Shares are worked out when something has changed, at most five times a second, and every
 * second.
 * - A share is told when it is new, a sixteenth and 1/512 of all off what was told and acknowledged
 *   (half of the way: it comes to rest within twice that), a third of its lifetime old, or asked
 *   for. One message is outstanding to an ingress.
 * - A way that an ingress has not told of counts as long as a probe is waited for.
 */
#ifndef GW_FN_STEER_SELECTOR_H
#define GW_FN_STEER_SELECTOR_H

#include "fn/metric/post.h"
#include "fn/steer/share.h"
#include "fn/steer/steer.h"

struct gw_config;
struct gw_cfg_service;

struct gw_selector_way {
    struct gw_addr egress; /* the key */
    uint32_t path_us;      /* there and back */
    bool down;
    struct gw_time at; /* told of */
};
struct gw_pick {            /* an instance, for one ingress */
    struct gw_addr csci_id; /* the key */
    uint16_t share;         /* as it is to be */
    uint16_t out, told;     /* in the message that is out; acknowledged */
    struct gw_time at;      /* of `told`; 0: nothing */
    bool flying, asked;
    bool mark; /* scratch: it is there still */
};
struct gw_ingress {
    struct gw_addr addr; /* the key */
    struct gw_selector *all;
    struct gw_table ways, picks; /* owned */
    struct gw_post post;         /* SELECTION */
    struct gw_time heard;
};
struct gw_selector {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_metric *metric;
    struct gw_table ingresses; /* owned */
    struct gw_timer turn;      /* to work out all shares */
    struct gw_time started, last;
    uint64_t seed;
    bool running, synced;
    size_t room; /* of the two below, which are scratch */
    const struct gw_metric_instance **record;
    struct gw_share *share;
    uint64_t told, queries, ways, limited, silent;
};

void gw_selector_init(struct gw_selector *s, uint64_t seed);
void gw_selector_free(struct gw_selector *s);
int gw_selector_start(struct gw_selector *s);    /* 0; GW_ENOMEM: call it again */
void gw_selector_changed(struct gw_selector *s); /* a record */
void gw_selector_drop(struct gw_selector *s, const struct gw_addr *ingress);

/* From an ingress. 0; GW_EFORMAT, GW_EFULL, GW_ENOMEM: it comes again. */
int gw_selector_paths(struct gw_selector *s, const struct gw_addr *from, const struct gw_mh *m);
int gw_selector_query(struct gw_selector *s, const struct gw_addr *from, const struct gw_mh *m);
int gw_selector_ack(struct gw_selector *s, const struct gw_addr *from, uint32_t seq);

#endif
