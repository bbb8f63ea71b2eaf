/* maar_local.c: mobile nodes without mobility (policy `anchors: [none]`): a prefix of the own pool
 * for as long as the station stays here. The CMD never hears of it and no other MAAR does; who
 * moves on gets a new prefix there and loses its connections, as with any access router.
 *
 * Decisions of this implementation: the record is durable like any other, so that a restart costs
 * the station nothing; a station is looked after as often as a registration would be refreshed; a
 * policy that wants the node anchored here afterwards registers it with the prefix it has.
 */
#include "base/text.h"
#include "fn/lm/maar.h"
#include "fn/route/route.h"

bool gw_mn_served(const struct gw_maar_mn *mn)
{
    return mn->state == GW_MN_SERVING || mn->state == GW_MN_LOCAL;
}

static void serve(struct gw_maar_mn *mn)
{
    gw_mn_set_tag(mn);
    gw_route_serve(mn->maar->lm, &mn->b, &mn->station, false, mn->tag);
    gw_mn_advertise(mn);
}

static struct gw_time interval(const struct gw_lm *lm)
{
    return (struct gw_time){lm->cfg->timers.lifetime.ns / 2};
}

void gw_mn_local_leave(struct gw_maar_mn *mn)
{
    mn->maar->lm->count[GW_CNT_DETACHED]++;
    gw_mn_forget(mn);
}

static void refused(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;
    char text[GW_MNID_TEXT_MAX];

    lm->count[GW_CNT_REFUSED_POLICY]++;
    gw_log(lm->log, GW_LOG_NOTICE, GW_CAT_LM, "no-longer-allowed",
           "%s is refused by the policy now", gw_fmt_mnid(&mn->b.mnid, text));
    gw_mn_local_leave(mn);
}

static void look(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;
    struct gw_lm *lm = mn->maar->lm;
    unsigned how = gw_lm_anchoring(lm->cfg, &mn->b.mnid, &mn->b.lladdr);

    if (mn->state != GW_MN_LOCAL)
        return;
    if ((how & (GW_ANCHORING_HERE | GW_ANCHORING_NONE)) == 0) {
        refused(mn);
        return;
    }
    if ((how & GW_ANCHORING_HERE) != 0 && mn->on_link) {
        /* It may have left in silence: who has seen it later knows better. */
        if (gw_mn_begin(mn, &mn->station, mn->seen) != 0)
            (void)gw_mn_local_look(mn, lm->cfg->timers.initial_ack);
        return;
    }
    if (mn->on_link && !mn->programmed && mn->tag == 0)
        serve(mn); /* the packet path refused: a table may have room */
    gw_mn_check_presence(mn, mn->refreshed);
    mn->refreshed = lm->now.mono;
    (void)gw_mn_local_look(mn, interval(lm)); /* its timer has just fired: needs no memory */
}

int gw_mn_local_look(struct gw_maar_mn *mn, struct gw_time delay)
{
    struct gw_lm *lm = mn->maar->lm;

    mn->refresh.fire = look;
    mn->refresh.owner = mn;
    int err = gw_timer_set(lm->timers, &mn->refresh, gw_time_add(lm->now.mono, delay));
    if (err != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
    return err;
}

int gw_mn_local(struct gw_maar_mn *mn, const struct gw_station_key *st, struct gw_time seen)
{
    struct gw_lm *lm = mn->maar->lm;
    int err = gw_mn_set_station(mn, st);

    if (err == 0)
        err = gw_mn_local_look(mn, interval(lm));
    if (err != 0)
        return err;
    gw_mn_saw(mn, seen);
    mn->state = GW_MN_LOCAL;
    mn->b.lladdr = st->lladdr;
    mn->b.attached = mn->event;
    mn->b.serving = lm->cfg->addr;
    mn->refreshed = lm->now.mono;
    serve(mn);
    gw_mn_put(mn);
    lm->count[GW_CNT_ATTACHED]++;
    return 0;
}
