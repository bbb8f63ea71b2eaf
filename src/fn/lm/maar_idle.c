/* maar_idle.c: the S-MAAR gives up the prefixes of previous anchors that carry nothing any more
 * (RFC 8885 §3.5 leaves it open how an anchor gets rid of a node that stays in the domain). The use
 * of a prefix is in the packet path's tables; it is asked for when the prefix may have been idle
 * for mobility/idle-release, and at a refresh, which names the anchors by their use. So a prefix in
 * use costs one look per idle-release, whatever it carries.
 *
 * Release: the packet path and the station (an RA with lifetimes 0) first, then a PBU with lifetime
 * 0 and that HNP to the CMD, which sees to the anchor (doc/protocol.md). Until it is answered
 * the anchor is GW_ANCHOR_RELEASING, also over a crash. If the node moves meanwhile this MAAR
 * forgets about it: the next S-MAAR counts anew.
 */
#include "fn/lm/maar.h"
#include "fn/route/route.h"

/* RFC 5213 §8.5, as in maar_reg.c. */
#define ATT_ETHERNET 3
/* When there was no answer, or no room for the release. */
#define ASK_AGAIN GW_SEC(1)

static bool watched(const struct gw_maar_mn *mn, const struct gw_anchor *a)
{
    return a != mn->own && a->state == GW_ANCHOR_SETTLED;
}

static bool serves(const struct gw_maar_mn *mn)
{
    return mn->state == GW_MN_SERVING && !mn->outdated;
}

static void transmit(void *owner)
{
    struct gw_anchor *a = owner;
    struct gw_maar_mn *mn = gw_maar_mn(a->binding);
    struct gw_lm *lm = mn->maar->lm;
    struct gw_mh *m = lm->out;

    m->type = GW_MH_BU;
    m->nopts = 0;
    m->bu = (struct gw_mh_bu){.seq = a->ex.seq, .flags = GW_BU_A | GW_BU_P | GW_BU_D};
    if (gw_lm_add_mnid(m, &mn->b.mnid) && gw_lm_add_prefix(m, GW_OPT_HNP, &a->prefix) &&
        gw_lm_add_code(m, GW_OPT_HI, GW_HI_REREGISTRATION) &&
        gw_lm_add_code(m, GW_OPT_ATT, ATT_ETHERNET) &&
        gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &mn->b.lladdr) &&
        gw_lm_add_u64(m, GW_OPT_TIMESTAMP, mn->b.attached))
        (void)lm->ops->send(lm->user, GW_ROLE_MAAR, &lm->cfg->cmd, m);
}

/* A little later, so that forwarding has ended and the record is durable when the CMD hears it. */
static int say(struct gw_maar_mn *mn, struct gw_anchor *a)
{
    mn->b.seq++;
    return gw_exchange_start(&a->ex, mn->maar->lm, mn->b.seq, transmit, a, GW_LM_PACE);
}

static int release(struct gw_maar_mn *mn, struct gw_anchor *a)
{
    struct gw_lm *lm = mn->maar->lm;
    int err = say(mn, a);

    if (err != 0)
        return err;
    lm->count[GW_CNT_IDLE_RELEASED]++;
    a->state = GW_ANCHOR_RELEASING;
    if (mn->on_link)
        gw_route_drop_nets(lm, &mn->b, a, &mn->station);
    gw_route_drop_prefix(lm, &a->prefix, 0);
    gw_mn_advertise(mn);
    gw_mn_put(mn);
    return 0;
}

static void look(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;
    struct gw_lm *lm = mn->maar->lm;
    struct gw_time span = lm->cfg->mobility.idle_release;

    if (!serves(mn) || span.ns == 0)
        return;
    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        if (watched(mn, a) && !gw_time_before(lm->now.mono, gw_time_add(a->used, span)))
            lm->ops->ask_use(lm->user, &a->prefix);
    gw_mn_watch_use(mn, ASK_AGAIN);
}

void gw_mn_watch_use(struct gw_maar_mn *mn, struct gw_time after)
{
    struct gw_lm *lm = mn->maar->lm;
    struct gw_time span = lm->cfg->mobility.idle_release, at = GW_NEVER;

    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next) {
        struct gw_time due = gw_time_add(a->used, span);
        if (a->state == GW_ANCHOR_RELEASING && !a->ex.pending) /* from before a crash */
            (void)say(mn, a);
        if (!watched(mn, a))
            continue;
        if (!gw_time_before(lm->now.mono, due))
            due = gw_time_add(lm->now.mono, after);
        if (gw_time_before(due, at))
            at = due;
    }
    gw_timer_stop(lm->timers, &mn->idle);
    if (span.ns == 0 || at.ns == GW_NEVER.ns)
        return;
    mn->idle.fire = look;
    mn->idle.owner = mn;
    if (gw_timer_set(lm->timers, &mn->idle, at) != 0)
        lm->count[GW_CNT_NO_MEMORY]++; /* until the next refresh */
}

bool gw_mn_ask_use(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;
    bool any = false;

    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next) {
        if (!watched(mn, a))
            continue;
        lm->ops->ask_use(lm->user, &a->prefix);
        any = true;
    }
    return any;
}

int gw_maar_use(struct gw_maar *m, const struct gw_prefix *p, struct gw_time last)
{
    struct gw_anchor *a = gw_anchor_get(&m->bs, p);
    struct gw_lm *lm = m->lm;
    struct gw_time span = lm->cfg->mobility.idle_release;

    if (a == NULL)
        return GW_ENOENT;
    struct gw_maar_mn *mn = gw_maar_mn(a->binding);
    if (!serves(mn) || !watched(mn, a)) /* asked before the node moved, or was given up */
        return 0;
    if (gw_time_before(lm->now.mono, last))
        last = lm->now.mono;
    if (gw_time_before(a->used, last))
        a->used = last;
    int err = 0;
    if (span.ns != 0 && !gw_time_before(lm->now.mono, gw_time_add(a->used, span)))
        err = release(mn, a);
    gw_mn_watch_use(mn, ASK_AGAIN);
    return err;
}

/* Equals stay in the order of the list, which is the CMD's. */
size_t gw_mn_by_use(const struct gw_maar_mn *mn, const struct gw_anchor **out)
{
    size_t n = 0;

    for (const struct gw_anchor *a = mn->b.anchors; a != NULL && n < GW_LM_ANCHORS_MAX;
         a = a->next) {
        size_t i = n;
        if (!watched(mn, a))
            continue;
        for (; i > 0 && gw_time_before(out[i - 1]->used, a->used); i--)
            out[i] = out[i - 1];
        out[i] = a;
        n++;
    }
    return n;
}

/* The CMD does not know the node: it has lost its store. Were the anchor left out of the refresh
 * that rebuilds the binding, nobody would ever tell it. */
static void take_back(struct gw_maar_mn *mn, struct gw_anchor *a)
{
    struct gw_lm *lm = mn->maar->lm;

    gw_exchange_stop(&a->ex);
    a->state = GW_ANCHOR_SETTLED;
    a->used = lm->now.mono;
    if (mn->state == GW_MN_SERVING && mn->on_link) {
        gw_mn_set_tag(mn);
        gw_route_serve(lm, &mn->b, &mn->station, false, mn->tag);
        gw_mn_advertise(mn);
        (void)gw_mn_register(mn, GW_HI_REREGISTRATION, (struct gw_time){0});
    }
    gw_mn_watch_use(mn, ASK_AGAIN);
    gw_mn_put(mn);
}

bool gw_mn_release_answered(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *hnp = gw_lm_opt(mh, GW_OPT_HNP);
    struct gw_maar *m = mn->maar;
    struct gw_anchor *a = hnp != NULL ? gw_anchor_get(&m->bs, &hnp->prefix) : NULL;

    if (a == NULL || a->binding != &mn->b || !gw_exchange_matches(&a->ex, mh->ba.seq))
        return false;
    if (mh->ba.status >= GW_ST_UNSPECIFIED)
        m->lm->count[GW_CNT_REFUSED_BY_PEER]++;
    if (mh->ba.status == GW_ST_NO_RESOURCES)
        return true; /* goes on trying */
    if (mh->ba.status == GW_ST_HNP_NOT_AUTHORISED) {
        take_back(mn, a);
        return true;
    }
    gw_anchor_del(&m->bs, a); /* done, or the node is elsewhere and it is not ours to say */
    gw_mn_put(mn);
    return true;
}
