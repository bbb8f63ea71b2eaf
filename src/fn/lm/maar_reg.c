/* maar_reg.c: the S-MAAR towards the CMD: registration, refresh and de-registration PBUs, and what
 * their PBAs say (RFC 8885 §3.1, §3.4, §3.5; RFC 5213 §6.9). The PBA is the authority on which
 * anchors a mobile node has; every one names them all.
 */
#include "base/text.h"
#include "fn/lm/maar.h"
#include "fn/route/route.h"

/* RFC 5213 §8.5: IEEE 802.3, which is what the access links are. */
#define ATT_ETHERNET 3
#define PREFIX_TRIES 8
/* From the first answer of a previous MAAR to the refresh that finds lost ones; in initial_acks, so
 * that one retransmission of the CMD fits in. */
#define COPY_CHECK 2
/* Between stations that a new policy sends away, or that a CMD without memory is told of. */
#define REVIEW_PACE GW_MSEC(2)

static bool add_anchors(struct gw_maar_mn *mn, struct gw_mh *m)
{
    const struct gw_anchor *list[GW_LM_ANCHORS_MAX];
    size_t n = gw_mn_by_use(mn, list), room = gw_lm_locals_room(n + 1);

    for (size_t i = 0; i < n; i++) {
        struct gw_lm_previous p = gw_anchor_values(list[i]);
        if (!gw_lm_add_previous(m, &p) || !gw_lm_add_locals(mn->maar->lm, m, &p.locals, &room))
            return false;
    }
    return true;
}

/* The networks behind this node, as the configuration has them now. */
static bool add_own_locals(struct gw_maar_mn *mn, struct gw_mh *m)
{
    struct gw_lm *lm = mn->maar->lm;
    struct gw_locals now = gw_locals_of(lm->cfg);
    size_t room = now.n;

    if (!gw_locals_eq(gw_anchor_locals(mn->own), &now)) {
        (void)gw_anchor_set_locals(lm, mn->own, &now);
        if (mn->state == GW_MN_SERVING && mn->on_link)
            gw_mn_advertise(mn);
    }
    return gw_lm_add_locals(lm, m, &now, &room);
}

/* One PBU to the CMD, built from what is true now: a retransmission is never out of date. */
static void transmit(void *owner)
{
    struct gw_maar_mn *mn = owner;
    struct gw_lm *lm = mn->maar->lm;
    const struct gw_config *cfg = lm->cfg;
    struct gw_mh *m = lm->out;
    bool ask = mn->state == GW_MN_PREVIOUS, leave = ask || mn->state == GW_MN_DEREGISTERING;

    mn->asked = mn->b.attached;
    m->type = GW_MH_BU;
    m->nopts = 0;
    m->bu = (struct gw_mh_bu){.seq = mn->ex.seq,
                              .flags = GW_BU_A | GW_BU_P | GW_BU_D,
                              .lifetime = leave ? 0 : gw_lm_lifetime_units(cfg->timers.lifetime)};
    bool fits =
        gw_lm_add_mnid(m, &mn->b.mnid) && gw_lm_add_prefix(m, GW_OPT_HNP, &mn->own->prefix) &&
        gw_lm_add_code(m, GW_OPT_HI, mn->b.hi) && gw_lm_add_code(m, GW_OPT_ATT, ATT_ETHERNET) &&
        gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &mn->b.lladdr) &&
        gw_lm_add_u64(m, GW_OPT_TIMESTAMP, mn->b.attached) &&
        gw_lm_add_addr(m, GW_OPT_DLIF_LINK_LOCAL, &cfg->dlif.link_local) &&
        gw_lm_add_lladdr(m, GW_OPT_DLIF_LLADDR, &cfg->dlif.lladdr) && add_own_locals(mn, m);
    if (fits && mn->b.hi == GW_HI_REREGISTRATION && !leave)
        fits = add_anchors(mn, m);
    if (fits && lm->ops->send(lm->user, GW_ROLE_MAAR, &cfg->cmd, m) == 0 && !ask)
        gw_handover_step(gw_mn_row(mn), GW_HO_PBU_SENT, lm->now.mono);
}

int gw_mn_register(struct gw_maar_mn *mn, uint8_t hi, struct gw_time delay)
{
    mn->b.hi = hi;
    mn->b.att = ATT_ETHERNET;
    mn->b.seq++;
    if (hi != GW_HI_REREGISTRATION)
        mn->attach_seq = mn->b.seq;
    if (mn->state == GW_MN_REGISTERING && !mn->was_previous)
        gw_mn_put(mn); /* before it is sent */
    return gw_exchange_start(&mn->ex, mn->maar->lm, mn->b.seq, transmit, mn, delay);
}

int gw_mn_ask(struct gw_maar_mn *mn, struct gw_time delay)
{
    mn->b.seq++;
    return gw_exchange_start(&mn->ex, mn->maar->lm, mn->b.seq, transmit, mn, delay);
}

/* Only an S-MAAR ends a session (RFC 8885 §3.5); what never was one is forgotten by the CMD's
 * answer just the same. */
static int leave(struct gw_maar_mn *mn, bool is_here)
{
    struct gw_lm *lm = mn->maar->lm;
    enum gw_mn_state before = mn->state;

    if (mn->event > mn->b.attached) /* a registration from before that comes late is too late */
        mn->b.attached = mn->event;
    mn->state = GW_MN_DEREGISTERING;
    mn->b.seq++;
    gw_mn_put(mn); /* before it is said */
    int err = gw_exchange_start(&mn->ex, lm, mn->b.seq, transmit, mn, (struct gw_time){0});
    if (err != 0) {
        mn->state = before;
        gw_mn_put(mn);
        return err;
    }
    gw_timer_stop(lm->timers, &mn->guard);
    gw_timer_stop(lm->timers, &mn->refresh);
    if (is_here && mn->on_link) /* it is told that it has no router any more */
        gw_access_withdraw(mn->maar->access, &mn->station, GW_ACCESS_MAAR);
    gw_mn_strip(mn);
    gw_route_drop_prefix(lm, &mn->own->prefix, 0);
    gw_mn_put(mn);
    lm->count[GW_CNT_DETACHED]++;
    return 0;
}

int gw_mn_deregister(struct gw_maar_mn *mn)
{
    return leave(mn, false);
}

/* The policy of this MAAR may have changed since the station came. */
static bool denied(const struct gw_maar_mn *mn)
{
    return (gw_lm_anchoring(mn->maar->lm->cfg, &mn->b.mnid, &mn->b.lladdr) & GW_ANCHORING_HERE) ==
           0;
}

static void end_denied(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;
    char text[GW_MNID_TEXT_MAX];

    if (leave(mn, gw_lm_anchoring(lm->cfg, &mn->b.mnid, &mn->b.lladdr) == 0) != 0) {
        (void)gw_timer_set(lm->timers, &mn->refresh,
                           gw_time_add(lm->now.mono, lm->cfg->timers.initial_ack));
        return;
    }
    lm->count[GW_CNT_REFUSED_POLICY]++;
    gw_log(lm->log, GW_LOG_NOTICE, GW_CAT_LM, "no-longer-allowed",
           "%s is not to be anchored here any more", gw_fmt_mnid(&mn->b.mnid, text));
}

static void refresh_due(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;
    struct gw_lm *lm = mn->maar->lm;

    if (mn->state != GW_MN_SERVING)
        return;
    if (denied(mn)) {
        end_denied(mn);
        return;
    }
    gw_mn_check_presence(mn, mn->refreshed);
    /* It leaves when the answers to this are in: it names the anchors by their use. */
    struct gw_time delay = gw_mn_ask_use(mn) ? GW_LM_PACE : (struct gw_time){0};
    if (gw_mn_register(mn, GW_HI_REREGISTRATION, delay) != 0)
        (void)gw_timer_set(lm->timers, t, gw_time_add(lm->now.mono, lm->cfg->timers.initial_ack));
}

/* `refresh` before the end; never later than half of a short lifetime; at once when the policy has
 * changed while the CMD was asked. Soon, when previous MAARs have answered and not the CMD, and not
 * all of them yet: the answer of one may be lost. */
static void set_refresh(struct gw_maar_mn *mn, bool soon)
{
    struct gw_lm *lm = mn->maar->lm;
    struct gw_time span = gw_lm_lifetime_span(mn->b.lifetime), before = lm->cfg->timers.refresh;
    struct gw_time early = {COPY_CHECK * lm->cfg->timers.initial_ack.ns};

    span.ns = before.ns * 2 < span.ns ? span.ns - before.ns : span.ns / 2;
    if (soon && gw_time_before(early, span))
        span = early;
    struct gw_locals now = gw_locals_of(lm->cfg);
    if (denied(mn) ||
        !gw_locals_eq(gw_anchor_locals(mn->own), &now)) /* changed by a reload meanwhile */
        span.ns = 0;
    mn->refresh.fire = refresh_due;
    mn->refresh.owner = mn;
    struct gw_time at = gw_time_add(mn->refreshed, span);
    if (gw_time_before(at, lm->now.mono))
        at = lm->now.mono;
    if (gw_timer_set(lm->timers, &mn->refresh, at) != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
}

/* The lifetime begins. */
static void arm_refresh(struct gw_maar_mn *mn, bool soon)
{
    mn->refreshed = mn->maar->lm->now.mono;
    mn->expires = gw_time_add(mn->refreshed, gw_lm_lifetime_span(mn->b.lifetime));
    set_refresh(mn, soon);
}

/* Looks at stations that are served now and not when their refresh is due, one after another. */
static void refresh_early(struct gw_maar *m, bool only_denied)
{
    struct gw_maar_mn *mn;
    struct gw_time at = m->lm->now.mono;

    for (size_t i = 0; (mn = gw_table_next(&m->by_station, &i)) != NULL;) {
        if (mn->state == GW_MN_LOCAL && only_denied) {
            (void)gw_mn_local_look(mn, gw_time_sub(at, m->lm->now.mono));
        } else if (mn->state == GW_MN_SERVING && (!only_denied || denied(mn))) {
            mn->refresh.fire = refresh_due;
            mn->refresh.owner = mn;
            (void)gw_timer_set(m->lm->timers, &mn->refresh, at);
        } else if (mn->state == GW_MN_SERVING) {
            gw_mn_watch_use(mn, gw_time_sub(at, m->lm->now.mono));
        } else {
            continue;
        }
        at = gw_time_add(at, REVIEW_PACE);
    }
}

void gw_maar_review(struct gw_maar *m)
{
    refresh_early(m, true);
    gw_maar_tell_locals(m);
}

void gw_maar_resync(struct gw_maar *m)
{
    refresh_early(m, false);
}

void gw_mn_resume(struct gw_maar_mn *mn, struct gw_time delay)
{
    struct gw_lm *lm = mn->maar->lm;

    mn->refresh.fire = refresh_due;
    mn->refresh.owner = mn;
    if (denied(mn))
        (void)gw_timer_set(lm->timers, &mn->refresh, gw_time_add(lm->now.mono, delay));
    else if (gw_mn_register(mn, GW_HI_REREGISTRATION, delay) != 0)
        (void)gw_timer_set(lm->timers, &mn->refresh,
                           gw_time_add(lm->now.mono, lm->cfg->timers.initial_ack));
}

/* A prefix named by the CMD may still be another's here: what is only in transit, or being
 * released, gives way. */
static struct gw_anchor *place_for(struct gw_maar_mn *mn, const struct gw_lm_previous *p)
{
    struct gw_bindings *bs = &mn->maar->bs;
    struct gw_anchor *a = gw_anchor_get(bs, &p->prefix);
    int err;

    if (a != NULL && a->binding != &mn->b &&
        (a->state == GW_ANCHOR_TRANSIT || a->state == GW_ANCHOR_RELEASING)) {
        gw_mn_drop_anchor(gw_maar_mn(a->binding), a);
        a = NULL;
    }
    if (a == NULL)
        return gw_anchor_add(bs, &mn->b, p, &err);
    if (a->binding == &mn->b && a != mn->own)
        return a;
    mn->maar->lm->count[GW_CNT_PREFIX_CONFLICT]++;
    return NULL;
}

bool gw_maar_trusts(struct gw_maar *m, const struct gw_addr *maar)
{
    const struct gw_cfg_peer *peer = m->lm->ops->peer(m->lm->user, maar);
    char text[GW_TEXT_MAX];

    if (peer != NULL && (peer->roles & GW_ROLE_MAAR) != 0)
        return true;
    gw_log(m->lm->log, GW_LOG_WARN, GW_CAT_LM, "unknown-maar",
           "the CMD names %s, which is no peer with role maar: no tunnel with it",
           gw_fmt_addr(maar, text));
    return false;
}

/* May that MAAR anchor it? Its pools need not be known here; then it must not be ours, at least. */
static bool may_anchor(struct gw_maar *m, const struct gw_lm_previous *p)
{
    const struct gw_cfg_peer *peer = m->lm->ops->peer(m->lm->user, &p->maar);
    const struct gw_addr *a = &p->prefix.addr;

    if (peer != NULL && peer->npools != 0)
        return gw_lm_in_pools(peer, &p->prefix);
    return p->prefix.len == GW_NODE_PREFIX_LEN && !gw_addr_is_zero(a) && !gw_addr_is_multicast(a) &&
           !gw_addr_is_link_local(a) && !gw_pools_own(&m->pools, &p->prefix);
}

/* What was not said of the anchor's router, or could be none, follows from its address. */
static void complete_dlif(struct gw_lm_previous *p)
{
    struct gw_addr ll;
    struct gw_lladdr mac;

    gw_dlif_default(&p->maar, &ll, &mac);
    if (gw_addr_is_zero(&p->link_local))
        p->link_local = ll;
    if (p->lladdr.len == 0)
        p->lladdr = mac;
}

/* One anchor named in a PBA; true when something is different now. */
static bool accept_anchor(struct gw_maar_mn *mn, struct gw_lm_previous *p)
{
    const struct gw_config *cfg = mn->maar->lm->cfg;
    struct gw_lm *lm = mn->maar->lm;

    if (gw_addr_eq(&p->maar, &cfg->addr))
        return false;
    if (!gw_maar_trusts(mn->maar, &p->maar)) {
        mn->maar->lm->count[GW_CNT_UNKNOWN_PEER]++;
        return false;
    }
    if (!may_anchor(mn->maar, p)) {
        lm->count[GW_CNT_REFUSED_PREFIX]++;
        return false;
    }
    complete_dlif(p);
    uint16_t before = mn->b.nanchors;
    struct gw_anchor *a = place_for(mn, p);
    if (a == NULL)
        return false;
    if (a->state == GW_ANCHOR_RELEASING) { /* the CMD had not heard of it */
        a->mark = true;
        return false;
    }
    bool changed = mn->b.nanchors != before || a->state != GW_ANCHOR_SETTLED ||
                   !gw_addr_eq(&a->maar, &p->maar);
    if (!gw_locals_eq(gw_anchor_locals(a), &p->locals)) {
        changed = true;
        if (mn->on_link)
            gw_route_drop_nets(lm, &mn->b, a, &mn->station);
        (void)gw_anchor_set_locals(lm, a, &p->locals);
    }
    a->maar = p->maar;
    a->link_local = p->link_local;
    gw_anchor_set_lladdr(a, &p->lladdr);
    if (mn->b.nanchors != before || a->state != GW_ANCHOR_SETTLED)
        a->used = lm->now.mono;
    a->state = GW_ANCHOR_SETTLED;
    a->mark = true;
    gw_anchor_to_back(a);
    return changed;
}

/* The PBA's list becomes the list. true when it differs from before. */
static bool accept_anchors(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    struct gw_lm_previous p;
    bool changed = false;
    size_t it = 0;

    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        a->mark = a == mn->own;
    for (uint32_t n = 0; n < GW_LM_PREVIOUS_MAX && gw_lm_next_previous(mh, &it, &p); n++) {
        gw_lm_take_locals(mn->maar->lm, mh, it, &p.locals);
        changed |= accept_anchor(mn, &p);
    }
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a->mark)
            continue;
        gw_mn_drop_anchor(mn, a);
        changed = true;
    }
    gw_anchor_to_front(mn->own);
    return changed;
}

/* fresh: the first answer. Further ones (relay, locator) may bring more anchors. */
static void record_handover(struct gw_maar_mn *mn, bool fresh)
{
    struct gw_handover_row *row = gw_mn_row(mn);
    const struct gw_anchor *last = mn->own->next;

    if (row == NULL || (!fresh && mn->b.nanchors <= row->previous + 1))
        return;
    row->step[GW_HO_PLANE_COMPLETE] = (struct gw_time){0};
    row->previous = (uint16_t)(mn->b.nanchors - 1);
    if (!fresh)
        return;
    gw_handover_step(row, GW_HO_PBA_RECEIVED, mn->maar->lm->now.mono);
    row->initial = last == NULL;
    if (last != NULL)
        row->from = last->maar;
}

/* The prefix the CMD granted: the one asked for, or the one it knows this MAAR gave the node
 * before. GW_EINVAL when it is none of ours. */
static int accept_prefix(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *hnp = gw_lm_opt(mh, GW_OPT_HNP);

    if (hnp == NULL)
        return GW_EINVAL;
    if (gw_prefix_eq(&hnp->prefix, &mn->own->prefix))
        return 0;
    gw_maar_vacate(mn->maar, &hnp->prefix);
    int err = gw_mn_take_prefix(mn, &hnp->prefix);
    return err != 0 ? err : 1;
}

/* The anchor that it was before the registration, with what the CMD has said meanwhile; what was in
 * transit then has arrived. */
static void back_to_previous(struct gw_maar_mn *mn)
{
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a != mn->own)
            gw_mn_drop_anchor(mn, a);
    }
    mn->state = GW_MN_PREVIOUS;
    mn->b.attached = mn->attached_before; /* else no notice of the CMD would be new enough */
    mn->was_previous = mn->outdated = false;
    gw_mn_say_moved(mn);
    gw_mn_put(mn);
    gw_mn_arm_ask(mn);
}

static void refuse(struct gw_maar_mn *mn, uint8_t status)
{
    struct gw_lm *lm = mn->maar->lm;
    char text[GW_MNID_TEXT_MAX];

    lm->count[GW_CNT_REFUSED_BY_PEER]++;
    gw_log(lm->log, GW_LOG_WARN, GW_CAT_LM, "registration-refused", "%s: the CMD says %s (%u)",
           gw_fmt_mnid(&mn->b.mnid, text), gw_mh_status_name(status), status);
    if (!mn->was_previous) {
        gw_mn_refuse(mn, status == GW_ST_NO_RESOURCES ? lm->cfg->timers.initial_ack
                                                      : lm->cfg->timers.max_ack);
        return;
    }
    gw_exchange_stop(&mn->ex);
    gw_timer_stop(lm->timers, &mn->refresh);
    mn->row = 0;
    gw_mn_drop_station(mn);
    back_to_previous(mn);
}

/* The registration is in force. */
static void serve(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);

    mn->state = GW_MN_SERVING;
    mn->was_previous = false;
    mn->b.serving = mn->maar->lm->cfg->addr;
    mn->b.lifetime = mh->ba.lifetime;
    /* The one that is in force at the CMD; a later one that a retransmission has told is, too. */
    if (ts != NULL && ts->u64 >= mn->asked)
        mn->b.attached = ts->u64;
}

/* After its anchors have been accepted; fresh: this was the first answer. */
static void serve_anchors(struct gw_maar_mn *mn, bool changed, bool fresh)
{
    struct gw_lm *lm = mn->maar->lm;

    changed |= !mn->programmed && mn->tag == 0; /* the packet path refused: a table may have room */
    changed |= mn->unsaid;
    record_handover(mn, fresh);
    if (changed && mn->on_link) {
        gw_mn_set_tag(mn);
        gw_route_serve(lm, &mn->b, &mn->station, fresh, mn->tag);
        gw_mn_advertise(mn);
    }
    gw_mn_watch_use(mn, GW_LM_PACE);
    gw_mn_put(mn);
    lm->count[fresh ? GW_CNT_REGISTERED : GW_CNT_REFRESHED]++;
    if (fresh && mn->b.nanchors > 1)
        lm->count[GW_CNT_HANDOVER]++;
}

static uint64_t mesgid(const struct gw_mh *mh)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MESGID);

    return id != NULL ? id->u64 : UINT64_MAX; /* from this process: in order */
}

static int accepted(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    bool fresh = mn->state == GW_MN_REGISTERING;
    bool awaited = gw_exchange_matches(&mn->ex, mh->ba.seq);
    int prefix = accept_prefix(mn, mh);

    if (prefix < 0) {
        refuse(mn, GW_ST_PREFIX_MISMATCH);
        return prefix;
    }
    if (awaited)
        gw_exchange_stop(&mn->ex);
    mn->acked = true;
    mn->ack = mh->ba.seq;
    mn->ack_id = mesgid(mh);
    serve(mn, mh);
    bool changed = accept_anchors(mn, mh) || prefix > 0 || fresh;
    serve_anchors(mn, changed, fresh);
    if (awaited)
        arm_refresh(mn, false);
    return 0;
}

/* One more PBA of the CMD for a PBU that it has accepted already (relay, RFC 8885 §3.2). */
static bool further(const struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    return mn->state == GW_MN_SERVING && mn->acked && mn->ack == mh->ba.seq &&
           mh->ba.status < GW_ST_UNSPECIFIED && mh->ba.lifetime != 0 && mesgid(mh) >= mn->ack_id;
}

/* Is it an answer to the registration of this attachment? */
static bool copy_fits(const struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);

    if (ts == NULL || mh->ba.seq != mn->attach_seq)
        return false;
    if (mn->state == GW_MN_REGISTERING)
        return mn->ex.pending && ts->u64 == mn->asked;
    return mn->state == GW_MN_SERVING && ts->u64 == mn->b.attached;
}

/* The CMD has put the previous MAARs in a circle and each names the next: who has answered and who
 * was named are the same set only when it is complete. The sum has each of both. */
static void heard(struct gw_maar_mn *mn, const struct gw_prefix *p, const struct gw_mh *mh)
{
    struct gw_lm *lm = mn->maar->lm;
    struct gw_anchor *a = gw_anchor_get(&mn->maar->bs, p);
    const struct gw_opt *next = gw_lm_opt(mh, GW_OPT_PREVIOUS_MAAR);

    if (a == NULL || a->binding != &mn->b || a->heard)
        return;
    a->heard = true;
    mn->missing ^= gw_hash(p, sizeof *p, lm->seed);
    if (next != NULL)
        mn->missing ^= gw_hash(&next->previous_maar.hnp, sizeof *p, lm->seed);
    if (mn->missing == 0)
        set_refresh(mn, false); /* the CMD's lifetime has not begun anew */
}

static void hear_from_now(struct gw_maar_mn *mn)
{
    mn->missing = 0;
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        a->heard = false;
}

int gw_maar_copy(struct gw_maar *m, const struct gw_lm_previous *from, const struct gw_mh *mh)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID), *hnp = gw_lm_opt(mh, GW_OPT_HNP);
    struct gw_binding *b = id != NULL ? gw_binding_get(&m->bs, &id->mnid) : NULL;
    struct gw_maar_mn *mn = b != NULL ? gw_maar_mn(b) : NULL;

    if (mn == NULL || hnp == NULL || !copy_fits(mn, mh)) {
        m->lm->count[GW_CNT_UNMATCHED]++;
        return GW_ENOENT;
    }
    struct gw_lm_previous p = *from;
    p.prefix = hnp->prefix;
    gw_lm_take_dlif(gw_lm_opt(mh, GW_OPT_DLIF_LINK_LOCAL), &p.link_local, &p.lladdr);
    gw_lm_take_dlif(gw_lm_opt(mh, GW_OPT_DLIF_LLADDR), &p.link_local, &p.lladdr);
    gw_lm_take_locals(m->lm, mh, 0, &p.locals);
    bool fresh = mn->state == GW_MN_REGISTERING;
    if (fresh) {
        gw_exchange_stop(&mn->ex);
        hear_from_now(mn);
        serve(mn, mh);
    }
    m->lm->count[GW_CNT_COPY]++;
    bool changed = accept_anchor(mn, &p) || fresh;
    gw_anchor_to_front(mn->own);
    serve_anchors(mn, changed, fresh);
    if (fresh)
        arm_refresh(mn, true);
    heard(mn, &p.prefix, mh);
    return 0;
}

/* A refresh was refused for an attachment elsewhere, but the node has been seen here since the
 * attachment that the refresh was about: registers that. */
static bool is_back(struct gw_maar_mn *mn)
{
    bool leaving = gw_timer_is_set(&mn->guard);

    if (mn->state != GW_MN_SERVING || !mn->on_link || mn->event <= mn->asked ||
        gw_mn_begin(mn, &mn->station, gw_maar_seen(mn->maar, mn->event)) != 0)
        return false;
    if (leaving)
        (void)gw_maar_detach(mn->maar, &mn->station);
    return true;
}

/* The CMD knows a later attachment (157), or has another clock (156). Once per attachment the
 * clock is corrected; after that the station is elsewhere until it shows itself here. */
static void outdated(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    struct gw_lm *lm = mn->maar->lm;
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);

    lm->count[GW_CNT_REFUSED_BY_PEER]++;
    gw_exchange_stop(&mn->ex);
    if (mn->state == GW_MN_REGISTERING && mn->event > mn->asked) {
        mn->b.attached = mn->event; /* it has been seen here again meanwhile */
        if (gw_mn_register(mn, mn->b.hi, (struct gw_time){0}) == 0)
            return;
    }
    if (is_back(mn))
        return;
    if (ts != NULL && !mn->corrected && mn->state == GW_MN_REGISTERING) {
        mn->corrected = true;
        if (gw_mn_correct_clock(mn, ts->u64) &&
            gw_mn_register(mn, mn->b.hi, (struct gw_time){0}) == 0)
            return;
    }
    gw_timer_stop(lm->timers, &mn->refresh);
    mn->outdated = true;
    if (mn->on_link) /* if it is here after all, it says so */
        (void)gw_access_probe(mn->maar->access, &mn->station);
    if (!gw_timer_is_set(&mn->guard))
        gw_mn_guard(mn, lm->cfg->timers.detach_guard);
}

static void other_prefix(struct gw_maar_mn *mn, uint8_t status)
{
    mn->maar->lm->count[GW_CNT_REFUSED_BY_PEER]++;
    gw_pools_disown(&mn->maar->pools, &mn->own->prefix); /* the CMD has it as another's */
    if (mn->state != GW_MN_REGISTERING || ++mn->tries > PREFIX_TRIES ||
        gw_mn_take_prefix(mn, NULL) != 0 ||
        gw_mn_register(mn, mn->b.hi, (struct gw_time){0}) != 0) {
        mn->was_previous = false;
        refuse(mn, status);
    }
}

/* What is to be ended may be there nevertheless: the CMD's clock was misjudged. */
static bool leave_again(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);

    if (mh->ba.status != GW_ST_TIMESTAMP_MISMATCH || ts == NULL || mn->corrected)
        return false;
    mn->corrected = true;
    mn->maar->lm->count[GW_CNT_REFUSED_BY_PEER]++;
    return gw_mn_correct_clock(mn, ts->u64) && gw_mn_ask(mn, (struct gw_time){0}) == 0;
}

static void rejected(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    uint8_t status = mh->ba.status;

    if (mn->state == GW_MN_DEREGISTERING && leave_again(mn, mh))
        return;
    if (mn->state == GW_MN_DEREGISTERING && status != GW_ST_NO_RESOURCES)
        gw_mn_forget(mn); /* there is nothing to end */
    else if (status == GW_ST_TIMESTAMP_LOWER || status == GW_ST_TIMESTAMP_MISMATCH)
        outdated(mn, mh);
    else if (status == GW_ST_HNP_NOT_AUTHORISED)
        other_prefix(mn, status);
    else if (mn->state != GW_MN_REGISTERING && status == GW_ST_NO_RESOURCES)
        mn->maar->lm->count[GW_CNT_REFUSED_BY_PEER]++; /* goes on trying, and serving */
    else
        refuse(mn, status);
}

/* The answer to a de-registration: over, or (non-zero lifetime) the session lives on elsewhere
 * and this is a P-MAAR of it, with the prefix that the CMD names; what it cannot have it is no
 * anchor of, which the next notice tells the CMD. */
static void left(struct gw_maar_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *s = gw_lm_opt(mh, GW_OPT_SERVING_MAAR);
    struct gw_lm *lm = mn->maar->lm;

    if (mh->ba.lifetime == 0 || s == NULL || gw_addr_eq(&s->addr, &lm->cfg->addr) ||
        accept_prefix(mn, mh) < 0) {
        lm->count[GW_CNT_DEREGISTERED]++;
        gw_mn_forget(mn);
        return;
    }
    gw_exchange_stop(&mn->ex);
    mn->state = GW_MN_PREVIOUS;
    mn->b.serving = s->addr;
    mn->b.lifetime = mh->ba.lifetime;
    gw_mn_say_moved(mn);
    gw_mn_put(mn);
    gw_mn_arm_ask(mn);
}

int gw_maar_pba(struct gw_maar *m, const struct gw_addr *from, const struct gw_mh *mh)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID);
    struct gw_binding *b = id != NULL ? gw_binding_get(&m->bs, &id->mnid) : NULL;
    struct gw_maar_mn *mn = b != NULL ? gw_maar_mn(b) : NULL;

    if (mn != NULL && gw_addr_eq(from, &m->lm->cfg->cmd) && gw_mn_release_answered(mn, mh))
        return 0;
    if (mn == NULL || !gw_addr_eq(from, &m->lm->cfg->cmd) ||
        (!gw_exchange_matches(&mn->ex, mh->ba.seq) && !further(mn, mh))) {
        m->lm->count[GW_CNT_UNMATCHED]++;
        return GW_ENOENT;
    }
    if (mh->ba.lifetime == 0)
        gw_mn_ended(m, mh);
    if (mn->state == GW_MN_PREVIOUS)
        gw_mn_asked(mn, mh);
    else if (mh->ba.status >= GW_ST_UNSPECIFIED)
        rejected(mn, mh);
    else if (mn->state == GW_MN_DEREGISTERING)
        left(mn, mh);
    else if (mh->ba.lifetime == 0)
        refuse(mn, GW_ST_UNSPECIFIED);
    else
        return accepted(mn, mh);
    return 0;
}
