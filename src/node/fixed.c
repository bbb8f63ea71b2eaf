/* fixed.c: what the packet path is told that no mobile node brings: tunnels with peers and local
 * networks (gw_route_fixed). Nothing would ask for them again if a table had no room for a moment,
 * as a refresh does for a mobile node's. So all of it is said again after a while: after the time
 * of a first retransmission, then twice that, up to that of the last.
 */
#include "fn/route/route.h"
#include "node/node_int.h"

static void again(struct gw_timer *t, void *user)
{
    (void)user;
    gw_fixed_say(t->owner, NULL);
}

static void try_later(struct gw_node *n)
{
    const struct gw_cfg_timers *t = &n->cfg->timers;
    struct gw_fixed *f = &n->fixed;

    f->wait.ns = f->wait.ns == 0 ? t->initial_ack.ns : 2 * f->wait.ns;
    if (gw_time_before(t->max_ack, f->wait))
        f->wait = t->max_ack;
    f->again.fire = again;
    f->again.owner = n;
    if (gw_timer_set(&n->timers, &f->again, gw_time_add(n->lm.now.mono, f->wait)) != 0)
        n->lm.count[GW_CNT_NO_MEMORY]++;
}

static void done(void *owner, int result)
{
    struct gw_node *n = owner;

    if (result != 0)
        try_later(n);
    else
        n->fixed.wait = (struct gw_time){0};
}

void gw_fixed_say(struct gw_node *n, const struct gw_config *before)
{
    gw_timer_stop(&n->timers, &n->fixed.again);
    uint64_t tag = gw_await(&n->fixed.plane, &n->lm, done, n);
    if (!gw_route_fixed(&n->lm, before, tag))
        gw_await_stop(&n->fixed.plane, &n->lm);
    else if (tag == 0) /* no memory to hear of it */
        try_later(n);
}
