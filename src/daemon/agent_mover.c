/* agent_mover.c: the agent's moves (agent_move.h) as what carries transactions between egresses
 * wants them (transfer.h). */
#include "daemon/agent_move.h"
#include "daemon/transfer.h"

const struct gwd_mover gwd_agent_mover = {
    .export = gwd_move_export,
    .import = gwd_move_import,
    .more = gwd_move_more,
    .blocked = gwd_move_blocked,
    .release = gwd_move_release,
    .feed = gwd_move_feed,
    .end = gwd_move_end,
    .resume = gwd_move_resume,
    .abandon = gwd_move_abandon,
};
