/* steering.h: the functions of CATS in a node: fn/metric and fn/steer, wired. Only a node with one
 * of the roles GW_ROLES_CATS has them.
 */
#ifndef GW_NODE_STEERING_H
#define GW_NODE_STEERING_H

#include "fn/handover/transfer.h"
#include "fn/metric/own.h"
#include "fn/steer/central.h"
#include "fn/steer/mapping.h"
#include "fn/steer/selector.h"
#include "fn/steer/steer.h"
#include "fn/steer/trace.h"
#include "node/node_int.h"

struct gw_steering {
    struct gw_node *node;
    struct gw_metric_config rules; /* of the flood */
    struct gw_metric metric;
    struct gw_paths paths;
    struct gw_owns owns;
    struct gw_steer steer;
    struct gw_mappers mappers;
    struct gw_central central;   /* D-Router */
    struct gw_selector selector; /* path selector */
    struct gw_traces traces;
    uint64_t traces_limited; /* TRACE of a peer that asks too often */
    struct gw_transfers transfers;
    struct gw_timer turn; /* to look at some clients' transactions */
    size_t turn_at;       /* among the clients */
    struct gw_mh out;
    bool incomplete; /* memory was short: instances, neighbours or targets are missing */
};

/* transfer.c: of a zeroed member `transfers`. */
void gw_transferring_init(struct gw_steering *x, uint64_t seed, struct gw_now now);
int gw_transferring_start(struct gw_steering *x); /* 0; GW_ENOMEM */
void gw_transferring_free(struct gw_steering *x);

/* steering.c: records of what CATS keeps; user: a struct gw_steering. */
void gw_steering_put(void *user, const void *key, size_t key_len, const void *value,
                     size_t value_len);
void gw_steering_del(void *user, const void *key, size_t key_len);

#endif
