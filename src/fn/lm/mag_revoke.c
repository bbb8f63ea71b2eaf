/* mag_revoke.c: the LMA takes back a binding (RFC 5846 §9.1), or wants it registered anew (RFC 7077
 * §6.1).
 */
#include "fn/lm/mag.h"

#include "fn/route/route.h"

static bool is_here(const struct gw_mag_mn *mn)
{
    return (mn->state == GW_MAG_REGISTERING || mn->state == GW_MAG_SERVING) && mn->on_link;
}

bool gw_mag_expel(struct gw_mag_mn *mn)
{
    if (mn->state == GW_MAG_REFUSED)
        return false;
    mn->mag->lm->count[GW_CNT_REVOKED]++;
    if (!is_here(mn)) {
        gw_mag_forget(mn);
        return true;
    }
    gw_mag_deny(mn);
    gw_mag_guard(mn, mn->mag->lm->cfg->timers.max_ack);
    return true;
}

static void drop_some(struct gw_mag_mn *mn, const struct gw_revocation *r)
{
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (!gw_revocation_means(r, &a->prefix))
            continue;
        gw_route_drop_prefix(mn->mag->lm, &a->prefix, 0);
        gw_anchor_del(&mn->mag->bs, a);
    }
    gw_mag_serve(mn, false);
    gw_mag_put(mn);
    mn->mag->lm->count[GW_CNT_REVOKED]++;
}

/* How many prefixes would be left. */
static unsigned kept(const struct gw_mag_mn *mn, const struct gw_revocation *r)
{
    unsigned n = 0;

    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        n += !gw_revocation_means(r, &a->prefix);
    return n;
}

/* Is it this LMA's, and does the BRI mean it? */
static bool is_meant(const struct gw_mag_mn *mn, const struct gw_addr *lma,
                     const struct gw_revocation *r)
{
    return mn->state != GW_MAG_REFUSED && gw_addr_eq(&mn->lma, lma) &&
           gw_revocation_touches(r, &mn->b);
}

/* A registration that is later than the one that is meant; an extension is none. */
static bool is_later(const struct gw_mag_mn *mn, const struct gw_revocation *r)
{
    if (mn->ex.pending)
        return mn->b.hi != GW_HI_REREGISTRATION;
    return mn->b.attached > r->timestamp;
}

/* §9.1: is it still attached? An LMA that says which attachment is over knows of a later one: a
 * node that is here all the same is seen by its next frame. Else this MAG knows best. */
static bool stays(const struct gw_mag_mn *mn, const struct gw_revocation *r)
{
    if (!gw_revocation_by_handover(r) || !is_here(mn))
        return false;
    if (r->trigger != GW_BR_HANDOVER_UNKNOWN && r->timestamp != 0)
        return is_later(mn, r);
    return !gw_timer_is_set(&mn->guard);
}

/* Its next frame shows it if it is here all the same; but where a MAAR serves it too, none is
 * reported. */
static void let_go(struct gw_mag_mn *mn)
{
    struct gw_access *access = mn->mag->access;
    struct gw_station_key st = mn->station;

    mn->mag->lm->count[GW_CNT_REVOKED]++;
    gw_mag_forget(mn);
    (void)gw_access_probe(access, &st);
}

uint8_t gw_mag_revoke(struct gw_mag *g, const struct gw_addr *lma, struct gw_revocation *r)
{
    bool any = false, attached = false;

    gw_revocation_note_missing(r, &g->bs);
    for (struct gw_binding *b = gw_binding_get(&g->bs, r->mn), *next; b != NULL; b = next) {
        struct gw_mag_mn *mn = gw_mag_mn(b);
        next = b->next;
        if (!is_meant(mn, lma, r))
            continue;
        if (stays(mn, r)) {
            attached = true;
            if (r->trigger != GW_BR_HANDOVER_UNKNOWN)
                gw_mag_doubt(mn);
            continue;
        }
        any = true;
        if (kept(mn, r) == 0 && gw_revocation_by_handover(r))
            let_go(mn);
        else if (kept(mn, r) == 0)
            (void)gw_mag_expel(mn);
        else
            drop_some(mn, r);
    }
    return attached && !any ? GW_BRA_ATTACHED : gw_revocation_status(r, any);
}

static bool reregister(struct gw_mag_mn *mn)
{
    if (mn->ex.pending && mn->state != GW_MAG_DEREGISTERING)
        return true; /* its PBU is under way */
    return mn->state == GW_MAG_SERVING &&
           gw_mag_register(mn, GW_HI_REREGISTRATION, (struct gw_time){0}) == 0;
}

bool gw_mag_reregister(struct gw_mag *g, const struct gw_addr *lma, const struct gw_mnid *id)
{
    bool any = false;

    for (struct gw_binding *b = gw_binding_get(&g->bs, id); b != NULL; b = b->next)
        if (gw_addr_eq(&gw_mag_mn(b)->lma, lma))
            any |= reregister(gw_mag_mn(b));
    return any;
}
