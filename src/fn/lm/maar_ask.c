/* maar_ask.c: what a P-MAAR asks the CMD of its own accord: whether a prefix whose lifetime has
 * passed is still needed (RFC 8885 §3.5, doc/protocol.md); and how the CMD hears of other networks
 * behind this node. What is sent for it is in maar_reg.c.
 */
#include "fn/lm/maar.h"

/* Between stations that the CMD is told of. */
#define PACE GW_MSEC(2)

static bool asks(const struct gw_maar_mn *mn)
{
    return mn->doubt || mn->maar->lm->cfg->mobility.dereg == GW_DEREG_ASK;
}

static void ask_due(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;
    struct gw_lm *lm = mn->maar->lm;

    if (mn->state != GW_MN_PREVIOUS || !asks(mn) || mn->ex.pending)
        return;
    if (gw_mn_ask(mn, (struct gw_time){0}) != 0)
        (void)gw_timer_set(lm->timers, t, gw_time_add(lm->now.mono, lm->cfg->timers.initial_ack));
}

void gw_mn_arm_ask(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;

    if (!asks(mn))
        return;
    mn->expires = gw_time_add(lm->now.mono, gw_lm_lifetime_span(mn->b.lifetime));
    mn->refresh.fire = ask_due;
    mn->refresh.owner = mn;
    if (gw_timer_set(lm->timers, &mn->refresh, mn->expires) != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
}

/* A serving MAAR says it in a refresh, a previous one by asking to leave, which it may not. */
static void tell_locals(struct gw_maar_mn *mn, struct gw_time delay)
{
    struct gw_locals now = gw_locals_of(mn->maar->lm->cfg);

    if (mn->own == NULL || gw_locals_eq(gw_anchor_locals(mn->own), &now))
        return;
    if (mn->state == GW_MN_SERVING && !mn->outdated)
        gw_mn_resume(mn, delay);
    else if (mn->state == GW_MN_PREVIOUS && gw_mn_ask(mn, delay) != 0)
        mn->maar->lm->count[GW_CNT_LIMIT_LOCAL]++; /* said with the next message */
}

void gw_maar_tell_locals(struct gw_maar *m)
{
    struct gw_binding *b;
    struct gw_time delay = {0};

    for (size_t i = 0; (b = gw_table_next(&m->bs.by_mnid, &i)) != NULL;) {
        if (gw_maar_mn(b)->ex.pending)
            continue; /* its message or the answer to it comes first: see asked, arm_refresh */
        tell_locals(gw_maar_mn(b), delay);
        if (gw_maar_mn(b)->ex.pending)
            delay = gw_time_add(delay, PACE);
    }
}

/* The CMD's word on a prefix whose lifetime has passed here: the node is still in the domain, and
 * where; or it is gone. */
void gw_mn_asked(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *s = gw_lm_opt(mh, GW_OPT_SERVING_MAAR);
    struct gw_lm *lm = mn->maar->lm;

    gw_exchange_stop(&mn->ex);
    if (mh->ba.status < GW_ST_UNSPECIFIED && mh->ba.lifetime == 0 && asks(mn)) {
        lm->count[GW_CNT_DEREGISTERED]++;
        gw_mn_forget(mn);
        return;
    }
    if (mh->ba.status < GW_ST_UNSPECIFIED && s != NULL) {
        mn->doubt = false;
        mn->b.lifetime = mh->ba.lifetime;
        mn->b.serving = s->addr;
        gw_mn_say_moved(mn);
        lm->count[GW_CNT_REFRESHED]++;
        gw_mn_put(mn);
    }
    gw_mn_arm_ask(mn);
    tell_locals(mn, GW_LM_PACE);
}
