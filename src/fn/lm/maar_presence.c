/* maar_presence.c: is a station that has not been heard of since the last refresh still there? A
 * radio may lose one without an event; a binding must not be refreshed for ever for nobody. It is
 * asked by unicast Neighbor Solicitations (RFC 4861 §7.3); when none is answered, it has left.
 */
#include "fn/lm/maar.h"

#define ASK_TIMES 3
#define ASK_EVERY GW_SEC(1) /* RETRANS_TIMER, RFC 4861 §10 */

static void ask(struct gw_maar_mn *mn);

static void asked(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;
    struct gw_lm *lm = mn->maar->lm;

    if (!gw_mn_served(mn) || !mn->on_link || !gw_time_before(mn->seen, mn->asked_at))
        return;
    if (mn->asks < ASK_TIMES) {
        ask(mn);
        return;
    }
    lm->count[GW_CNT_SILENT]++;
    gw_mn_believe_gone(mn);
}

static void ask(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;

    mn->asks++;
    mn->presence.fire = asked;
    mn->presence.owner = mn;
    if (gw_timer_set(lm->timers, &mn->presence, gw_time_add(lm->now.mono, ASK_EVERY)) != 0)
        return;
    int err = gw_access_probe(mn->maar->access, &mn->station);
    if (err == 0)
        return;
    gw_timer_stop(lm->timers, &mn->presence); /* silence would say nothing */
    if (err < 0)
        gw_mn_advertise(mn); /* there was no memory for the station: what it missed */
}

void gw_mn_check_presence(struct gw_maar_mn *mn, struct gw_time since)
{
    if (!mn->on_link || gw_time_before(since, mn->seen))
        return;
    mn->asks = 0;
    mn->asked_at = mn->maar->lm->now.mono;
    ask(mn);
}
