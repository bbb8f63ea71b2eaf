/* maar_revoke.c: the CMD takes back what this MAAR has of a mobile node (RFC 5846 §9.1), or wants
 * it registered anew (RFC 7077 §6.1); and how all there is of one ends here, as after a refusal.
 */
#include "fn/lm/maar.h"

#include "fn/route/route.h"

static bool has_any(const struct gw_maar_mn *mn)
{
    switch (mn->state) {
    case GW_MN_REGISTERING:
    case GW_MN_SERVING:
    case GW_MN_DEREGISTERING:
    case GW_MN_PREVIOUS:
        return true;
    case GW_MN_RELEASING: /* it goes already */
    case GW_MN_REFUSED:
    case GW_MN_LOCAL: /* none of the CMD's business */
        break;
    }
    return false;
}

static bool is_here(const struct gw_maar_mn *mn)
{
    return (mn->state == GW_MN_REGISTERING || mn->state == GW_MN_SERVING) && mn->on_link;
}

bool gw_maar_expel(struct gw_maar_mn *mn)
{
    if (!has_any(mn))
        return false;
    mn->maar->lm->count[GW_CNT_REVOKED]++;
    if (is_here(mn))
        gw_mn_refuse(mn, mn->maar->lm->cfg->timers.max_ack);
    else
        gw_mn_forget(mn);
    return true;
}

/* Some previous anchors only: the node stays, without their prefixes. */
static void drop_some(struct gw_maar_mn *mn, const struct gw_revocation *r)
{
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a != mn->own && gw_revocation_means(r, &a->prefix))
            gw_mn_drop_anchor(mn, a);
    }
    if (gw_mn_served(mn) && mn->on_link)
        gw_mn_advertise(mn);
    gw_mn_put(mn);
    mn->maar->lm->count[GW_CNT_REVOKED]++;
}

uint8_t gw_maar_revoke(struct gw_maar *m, struct gw_revocation *r)
{
    struct gw_binding *b = gw_binding_get(&m->bs, r->mn);
    struct gw_maar_mn *mn = b != NULL ? gw_maar_mn(b) : NULL;

    if (mn == NULL || !has_any(mn)) {
        gw_mn_ended(m, r->mh); /* the CMD takes this as a yes */
        return GW_BRA_NO_BINDING;
    }
    if (gw_revocation_by_handover(r) && is_here(mn) && !gw_timer_is_set(&mn->guard))
        return GW_BRA_ATTACHED;
    if (r->timestamp != 0 && r->timestamp < b->attached)
        return GW_BRA_ATTACHED; /* since the attachment that is meant */
    if (!gw_revocation_touches(r, b))
        return GW_BRA_NO_BINDING;
    gw_mn_ended(m, r->mh);
    gw_revocation_note_missing(r, &m->bs);
    if (gw_revocation_means(r, &mn->own->prefix))
        (void)gw_maar_expel(mn);
    else
        drop_some(mn, r);
    return gw_revocation_status(r, true);
}

bool gw_maar_reregister(struct gw_maar *m, const struct gw_mnid *id)
{
    struct gw_binding *b = gw_binding_get(&m->bs, id);
    struct gw_maar_mn *mn = b != NULL ? gw_maar_mn(b) : NULL;

    if (mn == NULL)
        return false;
    if (mn->state == GW_MN_REGISTERING || (mn->state == GW_MN_SERVING && mn->ex.pending))
        return true; /* its PBU is under way */
    return mn->state == GW_MN_SERVING &&
           gw_mn_register(mn, GW_HI_REREGISTRATION, (struct gw_time){0}) == 0;
}

void gw_mn_refuse(struct gw_maar_mn *mn, struct gw_time span)
{
    struct gw_maar *m = mn->maar;

    gw_exchange_stop(&mn->ex);
    gw_timer_stop(m->lm->timers, &mn->refresh);
    mn->row = 0;
    if (mn->on_link) /* its prefixes end: an RA says so to the station */
        gw_access_withdraw(m->access, &mn->station, GW_ACCESS_MAAR);
    gw_mn_drop_station(mn);
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a == mn->own)
            (void)gw_pools_release(&m->pools, &a->prefix);
        gw_mn_drop_anchor(mn, a);
    }
    mn->own = NULL;
    mn->was_previous = false;
    mn->state = GW_MN_REFUSED;
    gw_mn_del_record(mn);
    gw_mn_guard(mn, span);
}
