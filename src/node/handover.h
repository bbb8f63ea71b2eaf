/* handover.h: the handover of clients in a node: fn/handover, wired. Only a node that steers and
 * whose configuration has it on has it.
 */
#ifndef GW_NODE_HANDOVER_H
#define GW_NODE_HANDOVER_H

#include "fn/handover/handover.h"
#include "node/node_int.h"

struct gw_moving {
    struct gw_node *node;
    struct gw_handover handover;
};

#endif
