/* cats_world.h: a world (world.h) of forwarders and metric agents: two services, instances at
 * egresses, clients behind ingresses, and what packet paths do with a client's packet.
 */
#ifndef TESTS_SCENARIO_CATS_WORLD_H
#define TESTS_SCENARIO_CATS_WORLD_H

#include "world.h"

#define CW_SERVICES  2
#define CW_INSTANCES 4 /* of one node, at most */

/* How the nodes of the next world are configured; cw_begin makes it plain. */
struct cw_plan {
    size_t instances[W_NODES]; /* of service 0 there; those of service 1 are made by tests */
    bool registers, checked;   /* they are there when they say so; when a check says so */
    size_t egress[W_NODES];    /* of a metric agent: the node that its instances are behind */
    size_t d_router[W_NODES];  /* of a D-Forwarder */
    size_t selector;           /* the path selector; 0: none */
    enum gw_steer_model model;
    bool no_stamp;
    bool switches;  /* transactions of both services may move */
    uint32_t flows; /* of a packet path, limit; 0: as usual */
    bool one_moves; /* instance 0 of node 3 is that of node 2 */
    bool moves;     /* clients are handed over, */
    bool in_order;  /* their packets in order, */
    uint32_t kept;  /* and so many of them are kept back meanwhile */
    bool no_tokens; /* indications are believed without */
    /* What else a test changes in each node's configuration, or NULL. */
    void (*also)(struct world *w, struct sim_node *n);
};
extern struct cw_plan cw_plan;
void cw_begin(void);
struct world *cw_new(const unsigned *roles, size_t n, uint64_t seed);
void cw_free(struct world *w);

struct gw_addr cw_csci(size_t node, size_t i);
struct gw_service_key cw_service(size_t i);
/* As an agent at that node would report; in flight and latency in us; state 0: up. */
int cw_report(struct world *w, size_t node, size_t i, enum gw_instance_state state, uint32_t load,
              uint32_t latency);
/* What a node knows, or NULL; what it told its packet path, or NULL. */
const struct gw_metric_instance *cw_knows(struct world *w, size_t node, const struct gw_addr *csci);
const struct gw_steer_instance *cw_said(struct world *w, size_t node, const struct gw_addr *csci);
enum gw_path_state cw_path(struct world *w, size_t from, size_t to);
uint64_t cw_metric_count(struct world *w, size_t node, enum gw_metric_count c);
/* A packet of UDP of client `flow` to service 0 at an ingress: whose tunnel it leaves by. zero: it
 * does not leave. */
struct gw_addr cw_send(struct world *w, size_t node, unsigned flow);
/* The same, and what comes out goes into node `next`: where that sends it. */
struct gw_addr cw_send_by(struct world *w, size_t node, size_t next, unsigned flow);
/* A packet from node `from` for an instance arrives at its egress: is it delivered? */
bool cw_delivers(struct world *w, size_t from, size_t egress, const struct gw_addr *csci);

/* Node 0 is the location server of all, and the only one to ask; and it says so of a client. */
void cw_locate(struct world *w);
void cw_located(struct world *w, const struct gw_prefix *p, size_t node);

#endif
