/* kept.c: what is kept back while a client moves: its packets to services until the new ingress
 * knows their instances; packets to it at the old ingress, from the first sign that it moves until
 * the way is known; and at the new one what comes directly from an egress, until the marker behind
 * what went the old way has come. The packet path keeps and counts them; here are only the ends.
 */
#include "core.h"

static void hold(struct gw_client *c, bool up, const struct gw_addr *from,
                 const struct gw_wishes *w)
{
    struct gw_handover *h = c->all;
    struct gw_intent i = {
        .kind = GW_INTENT_HOLD_SET,
        .hold = {.prefix = c->prefix, .up = up, .packets = w->packets, .octets = w->octets}};

    if (from != NULL)
        i.hold.from = *from;
    h->ops->intent(h->user, &i);
    h->count[GW_HCNT_HELD]++;
}

static void release(struct gw_client *c, bool up, const struct gw_addr *from)
{
    struct gw_handover *h = c->all;
    struct gw_intent i = {.kind = GW_INTENT_HOLD_DEL, .hold = {.prefix = c->prefix, .up = up}};

    if (from != NULL)
        i.hold.from = *from;
    h->ops->intent(h->user, &i);
}

void gw_hold_up(struct gw_client *c)
{
    struct gw_wishes w = gw_handover_wishes(c->all);

    if (w.packets == 0 || c->held_up)
        return;
    hold(c, true, NULL, &w);
    c->held_up = true;
    c->up_until = gw_time_add(c->all->now.mono, w.most);
}

void gw_release_up(struct gw_client *c)
{
    if (c->held_up)
        release(c, true, NULL);
    c->held_up = false;
}

void gw_hold_down(struct gw_client *c)
{
    struct gw_wishes w = gw_client_wishes(c, NULL);

    if (w.packets == 0)
        return;
    if (!c->held_down)
        hold(c, false, NULL, &w);
    c->held_down = true;
    c->down_until = gw_time_add(c->all->now.mono, w.most);
    gw_ladder_step(c->all, &c->prefix, "held", c->nflows, 0);
}

void gw_release_down(struct gw_client *c)
{
    if (!c->held_down)
        return;
    release(c, false, NULL);
    c->held_down = false;
    gw_ladder_step(c->all, &c->prefix, "released", c->nflows, 0);
}

void gw_hold_egress(struct gw_client *c, struct gw_client_egress *e)
{
    struct gw_wishes w = gw_client_wishes(c, &e->addr);
    struct gw_time until = gw_time_add(c->all->now.mono, w.most);

    if (!w.in_order || w.packets == 0 || e->waits)
        return;
    if (!gw_takeover_waits(c) || gw_time_before(c->taking_until, until))
        c->taking_until = until;
    hold(c, false, &e->addr, &w);
    e->waits = true;
}

void gw_release_egress(struct gw_client *c, struct gw_client_egress *e)
{
    if (e->waits)
        release(c, false, &e->addr);
    e->waits = false;
}
