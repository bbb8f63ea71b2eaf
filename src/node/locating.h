/* locating.h: location server and those who ask it, in a node: fn/handover's location.c and
 * locate.c, wired. A node with the role location-server has the one, an ingress that hands clients
 * over the other.
 */
#ifndef GW_NODE_LOCATING_H
#define GW_NODE_LOCATING_H

#include "fn/handover/locate.h"
#include "fn/handover/location.h"
#include "node/node_int.h"

struct gw_locating {
    struct gw_node *node;
    struct gw_locations *server; /* NULL: it is none */
    struct gw_locates *ingress;  /* NULL: it is none */
};

#endif
