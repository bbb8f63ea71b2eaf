/* lma_session.c: the life of a mobility session at the LMA: made with its prefixes (RFC 5213
 * §5.3.2), prolonged and moved (§5.3.3, §5.3.4), de-registered and remembered for a while (§5.3.5),
 * expired; and the requests that wait to learn whether a session moves (§5.4.1.2, §5.4.1.3).
 */
#include "fn/lm/lma.h"
#include "fn/route/route.h"

static void free_wait(struct gw_lma_session *s)
{
    struct gw_lm *lm = s->lma->lm;
    struct gw_lma_wait *w = s->wait;

    if (w == NULL)
        return;
    gw_timer_stop(lm->timers, &w->timer);
    gw_free(lm->al, w, sizeof *w);
    s->wait = NULL;
}

static void free_one(struct gw_binding *b)
{
    struct gw_lma_session *s = gw_lma_session(b);

    free_wait(s);
    gw_lma_unowe(s);
    gw_await_stop(&s->plane, s->lma->lm);
    gw_timer_stop(s->lma->lm->timers, &s->expiry);
}

void gw_lma_free(struct gw_lma *l)
{
    gw_bindings_free(&l->bs, free_one);
}

static void release_prefixes(struct gw_lma_session *s)
{
    for (struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next)
        (void)gw_pools_release(s->lma->pools, &a->prefix);
}

/* Without a trace. */
static void discard(struct gw_lma_session *s)
{
    release_prefixes(s);
    free_one(&s->b);
    gw_binding_free(&s->lma->bs, &s->b);
}

void gw_lma_undo(struct gw_lma_session *s)
{
    gw_lma_unprogram(s);
    gw_lma_del_record(s);
    discard(s);
}

static void expired(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_lma_session *s = t->owner;
    struct gw_lm *lm = s->lma->lm;
    struct gw_lma_wait *w = s->wait;
    struct gw_lma *l = s->lma;

    s->wait = NULL;
    if (!s->leaving) {
        lm->count[GW_CNT_EXPIRED]++;
        gw_lma_unprogram(s);
    }
    gw_lma_del_record(s);
    if (w != NULL) { /* its identity is a view of the session's */
        gw_timer_stop(lm->timers, &w->timer);
        (void)gw_lma_enter(l, &w->q, NULL);
        gw_free(lm->al, w, sizeof *w);
    }
    discard(s);
}

int gw_lma_arm(struct gw_lma_session *s, struct gw_time span)
{
    struct gw_lm *lm = s->lma->lm;
    struct gw_time at = gw_time_add(lm->now.mono, span);

    s->expiry.fire = expired;
    s->expiry.owner = s;
    int err = gw_timer_set(lm->timers, &s->expiry, at);
    if (err != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
    else
        s->expires = at;
    return err;
}

/* §5.3.6, last rules of the Link-local Address option. */
static void set_link_local(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    const struct gw_config *cfg = s->lma->lm->cfg;
    struct gw_lladdr mac;
    struct gw_addr ll = s->b.anchors->link_local;

    if (q->has_link_local && !gw_addr_is_zero(&q->link_local))
        ll = q->link_local;
    else if (gw_addr_is_zero(&ll) && !gw_addr_is_zero(&cfg->pmip.mag.link_local))
        ll = cfg->pmip.mag.link_local;
    else if (gw_addr_is_zero(&ll))
        gw_dlif_default(&cfg->addr, &ll, &mac);
    for (struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next)
        a->link_local = ll;
}

static struct gw_lladdr interface_of(const struct gw_lma_request *q)
{
    for (uint8_t i = 0; q->has_llid && i < q->llid.len; i++)
        if (q->llid.b[i] != 0)
            return q->llid;
    return (struct gw_lladdr){0};
}

static uint16_t granted(const struct gw_lma_session *s, const struct gw_lma_request *q)
{
    uint16_t most = gw_lm_lifetime_units(s->lma->lm->cfg->timers.lifetime);

    return q->lifetime < most ? q->lifetime : most;
}

static void take_values(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    struct gw_binding *b = &s->b;

    b->serving = q->coa;
    if (q->ts > b->attached) /* it may have waited for a later message, or have no Timestamp */
        b->attached = q->ts;
    b->seq = q->seq;
    b->lifetime = granted(s, q);
    b->hi = q->hi;
    b->att = q->att;
    b->lladdr = interface_of(q);
    s->leaving = s->revoked = false;
    set_link_local(s, q);
}

static void record_handover(struct gw_lma_session *s, const struct gw_addr *from)
{
    struct gw_lm *lm = s->lma->lm;
    struct gw_handover_row *row = gw_handovers_add(&lm->handovers, GW_HO_LMA, &s->b.mnid);

    row->from = *from;
    row->to = s->b.serving;
    row->initial = gw_addr_is_zero(from);
    row->sequence = s->b.seq;
    gw_handover_step(row, GW_HO_PBU_RECEIVED, lm->now.mono);
    s->row = row->number;
}

static uint8_t status_of(int err)
{
    return err == 0                               ? GW_ST_ACCEPTED
           : err == GW_EINVAL || err == GW_EEXIST ? GW_ST_HNP_NOT_AUTHORISED
                                                  : GW_ST_NO_RESOURCES;
}

/* One more prefix for the session: the one that is asked for, or NULL for any. */
static int add_prefix(struct gw_lma_session *s, const struct gw_prefix *want)
{
    struct gw_lma *l = s->lma;
    struct gw_lm_previous p = {.maar = l->lm->cfg->addr};
    int err;

    if (want != NULL)
        p.prefix = *want;
    err = want != NULL ? gw_pools_reserve(l->pools, want) : gw_pools_take(l->pools, &p.prefix);
    if (err == GW_EFULL)
        l->lm->count[GW_CNT_LIMIT_POOL]++;
    if (err != 0)
        return err;
    if (gw_anchor_add(&l->bs, &s->b, &p, &err) == NULL)
        (void)gw_pools_release(l->pools, &p.prefix);
    return err;
}

/* §5.3.2 (1) to (3): those named, and as many as the policy says when any is left to this LMA. */
static int assign(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    const struct gw_cfg_policy *row = gw_lm_policy(s->lma->lm->cfg, &q->id, &q->llid);
    bool any = false;
    int err = 0;

    for (uint16_t i = 0; i < q->nhnp && err == 0; i++) {
        if (gw_addr_is_zero(&q->hnp[i].addr))
            any = true;
        else
            err = add_prefix(s, &q->hnp[i]);
    }
    uint8_t most = row != NULL && row->prefixes != 0 ? row->prefixes : 1;
    while (any && err == 0 && most-- > 0 && s->b.nanchors < GW_LMA_PREFIXES_MAX)
        err = add_prefix(s, NULL);
    return err;
}

static bool room(struct gw_lma *l, const struct gw_lma_request *q)
{
    unsigned n = 0;

    for (struct gw_binding *b = gw_binding_get(&l->bs, &q->id); b != NULL; b = b->next)
        n++;
    if (n < GW_LMA_SESSIONS_MAX)
        return true;
    l->lm->count[GW_CNT_LIMIT_SESSIONS]++;
    return false;
}

uint8_t gw_lma_create(struct gw_lma *l, const struct gw_lma_request *q, struct gw_lma_session **s)
{
    int err;

    if (!room(l, q))
        return GW_ST_NO_RESOURCES;
    struct gw_binding *b = gw_binding_new(&l->bs, sizeof **s, &q->id, &err);
    if (b == NULL)
        return GW_ST_NO_RESOURCES;
    *s = gw_lma_session(b);
    (*s)->lma = l;
    err = assign(*s, q);
    if (err == 0)
        err = gw_lma_owe(*s, q);
    if (err == 0) {
        take_values(*s, q);
        err = gw_lma_arm(*s, gw_lm_lifetime_span(b->lifetime));
    }
    if (err != 0) {
        discard(*s);
        return status_of(err);
    }
    gw_lma_put(*s);
    l->lm->count[GW_CNT_REGISTERED]++;
    record_handover(*s, &(struct gw_addr){0});
    gw_lma_settle(*s, true);
    return GW_ST_ACCEPTED;
}

/* Where the answer does not get as far, the first one that was left is told. */
static void note_left(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    if (gw_addr_eq(&s->left.mag, &q->coa))
        s->left = (struct gw_lma_left){0};
    if (s->leaving || gw_addr_eq(&s->b.serving, &q->coa) || !gw_addr_is_zero(&s->left.mag))
        return;
    s->left.mag = s->b.serving;
    s->left.attached = s->b.attached;
    s->left.trigger = q->att == s->b.att ? GW_BR_HANDOVER_SAME_ATT : GW_BR_HANDOVER_OTHER_ATT;
}

uint8_t gw_lma_update(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    struct gw_lm *lm = s->lma->lm;
    struct gw_addr from = s->b.serving;
    bool moved = !gw_addr_eq(&from, &q->coa), silent = s->leaving;

    if (gw_lma_owe(s, q) != 0 || gw_lma_arm(s, gw_lm_lifetime_span(granted(s, q))) != 0)
        return GW_ST_NO_RESOURCES;
    note_left(s, q);
    take_values(s, q);
    gw_lma_put(s);
    lm->count[moved ? GW_CNT_HANDOVER : GW_CNT_REFRESHED]++;
    if (moved)
        record_handover(s, &from);
    gw_lma_settle(s, moved || silent);
    return GW_ST_ACCEPTED;
}

int gw_lma_leave(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    struct gw_lm *lm = s->lma->lm;

    if (!gw_addr_eq(&s->b.serving, &q->coa)) { /* §5.3.5 (1) */
        lm->count[GW_CNT_STALE]++;
        return GW_ENOENT;
    }
    if (!s->leaving && gw_lma_arm(s, lm->cfg->pmip.min_before_delete) != 0)
        return gw_lma_refuse(s->lma, q, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
    if (q->ts > s->b.attached)
        s->b.attached = q->ts;
    s->b.seq = q->seq;
    s->left = (struct gw_lma_left){0};
    if (!s->leaving) {
        s->leaving = true;
        lm->count[GW_CNT_DEREGISTERED]++;
        gw_lma_unprogram(s);
    }
    gw_lma_unowe(s);
    gw_lma_put(s);
    (void)gw_lma_accept(s->lma, q, s, 0);
    struct gw_lma_wait *w = s->wait;
    s->wait = NULL;
    if (w != NULL) { /* it moves */
        gw_timer_stop(lm->timers, &w->timer);
        (void)gw_lma_enter(s->lma, &w->q, s);
        gw_free(lm->al, w, sizeof *w);
    }
    return 0;
}

/* Since its last PBU, or since the start. Added to the Timestamp of that it is the MAG's time now,
 * whatever this node's clock says: one that ran ahead would be taken for right by the next start
 * (clock.c). */
static struct gw_time age(const struct gw_lma_session *s)
{
    struct gw_time from = gw_time_sub(s->expires, gw_lm_lifetime_span(s->b.lifetime));

    return gw_time_sub(s->lma->lm->now.mono, from);
}

void gw_lma_retire(struct gw_lma_session *s, struct gw_time span, bool wait)
{
    struct gw_lm *lm = s->lma->lm;

    if (!wait)
        free_wait(s);
    lm->count[GW_CNT_REVOKED]++;
    if (s->b.attached != 0) /* a PBU that is under way is too late */
        s->b.attached += gw_lm_timestamp_span(age(s));
    s->leaving = true;
    s->lapses = s->expires;
    gw_lma_unprogram(s);
    gw_lma_unowe(s);
    gw_lma_put(s);
    (void)gw_lma_arm(s, span); /* moving a timer needs no memory */
}

/* No de-registration came: it was another interface after all. */
static void waited(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_lma_wait *w = t->owner;
    struct gw_lma_session *s = w->on;

    s->wait = NULL;
    (void)gw_lma_enter(s->lma, &w->q, NULL);
    gw_free(s->lma->lm->al, w, sizeof *w);
}

int gw_lma_hold(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    struct gw_lm *lm = s->lma->lm;
    struct gw_lma_wait *w = s->wait;

    if (w == NULL) {
        w = gw_new(lm->al, sizeof *w);
        if (w == NULL) {
            lm->count[GW_CNT_NO_MEMORY]++;
            return GW_ENOMEM;
        }
        w->on = s;
        w->timer.fire = waited;
        w->timer.owner = w;
        struct gw_time at = gw_time_add(lm->now.mono, lm->cfg->pmip.max_before_assign);
        if (gw_timer_set(lm->timers, &w->timer, at) != 0) {
            lm->count[GW_CNT_NO_MEMORY]++;
            gw_free(lm->al, w, sizeof *w);
            return GW_ENOMEM;
        }
        s->wait = w;
    }
    w->q = *q; /* the latest is the one that is answered */
    w->q.id = s->b.mnid;
    return 0;
}
