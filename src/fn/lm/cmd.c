/* cmd.c: PBUs of MAARs at the CMD: the checks in the order of RFC 5213 §5.3.1, then registration,
 * handover, refresh, rebuilding and de-registration (RFC 8885 §3.1, §3.4, §3.5).
 */
#include "fn/lm/cmd.h"

#include "base/text.h"
#include "fn/lm/hold.h"
#include "fn/lm/order.h"

/* MinDelayBeforeBCEDelete, RFC 5213 §9.1: an ended session is remembered, without its data, so that
 * a registration from before its end is still known to be old. */
#define KEEP_ENDED GW_SEC(10)

/* A PBU as it is worked on: the options by name, NULL when absent. */
struct request {
    struct gw_cmd *cmd;
    const struct gw_cfg_peer *peer;
    const struct gw_mh *mh;
    const struct gw_opt *mnid, *hnp, *hi, *att, *llid, *ts;
    struct gw_mnid id; /* zero length when missing */
    struct gw_cmd_mn *mn;
    struct gw_anchor *named; /* who has the prefix of hnp; NULL: nobody */
};

struct gw_cmd_mn *gw_cmd_mn(struct gw_binding *b)
{
    return (struct gw_cmd_mn *)b; /* its head */
}

struct gw_handover_row *gw_cmd_row(struct gw_cmd_mn *mn)
{
    return gw_handovers_get(&mn->cmd->lm->handovers, mn->row);
}

void gw_cmd_init(struct gw_cmd *c, struct gw_lm *lm, uint64_t seed)
{
    *c = (struct gw_cmd){.lm = lm};
    gw_bindings_init(&c->bs, lm, lm->cfg->limits.bindings, seed);
}

static void free_one(struct gw_binding *b)
{
    gw_timer_stop(gw_cmd_mn(b)->cmd->lm->timers, &gw_cmd_mn(b)->expiry);
    gw_cmd_round_close(gw_cmd_mn(b));
}

void gw_cmd_free(struct gw_cmd *c)
{
    gw_bindings_free(&c->bs, free_one);
}

/* The serving MAAR has gone silent, or the session ended long enough ago. When there is no room to
 * tell the others, it lives a little longer. */
static void expired(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_cmd_mn *mn = t->owner;
    struct gw_lm *lm = mn->cmd->lm;
    const struct gw_addr nobody = {0};

    if (mn->b.anchors == NULL) {
        gw_binding_free(&mn->cmd->bs, &mn->b);
    } else if (gw_addr_is_zero(&mn->b.serving)) {
        if (gw_cmd_retell(mn))
            gw_cmd_arm(mn);
    } else if (gw_lm_room(lm, gw_cmd_notices(mn, &nobody))) {
        lm->count[GW_CNT_EXPIRED]++;
        mn->b.serving = nobody; /* its anchor has not said that it lets go: it is told, too */
        gw_cmd_end(mn);
    } else {
        (void)gw_timer_set(lm->timers, t, gw_time_add(lm->now.mono, lm->cfg->timers.initial_ack));
    }
}

void gw_cmd_arm(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    struct gw_time span = gw_lm_lifetime_span(mn->b.lifetime);

    if (mn->b.anchors == NULL)
        span = KEEP_ENDED;
    else if (gw_addr_is_zero(&mn->b.serving))
        span = lm->cfg->timers.max_ack;
    mn->expiry.fire = expired;
    mn->expiry.owner = mn;
    if (gw_timer_set(lm->timers, &mn->expiry, gw_time_add(lm->now.mono, span)) != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
}

static void send_answer(const struct request *q, struct gw_mh *m)
{
    struct gw_lm *lm = q->cmd->lm;
    (void)lm->ops->send(lm->user, GW_ROLE_CMD, &q->peer->addr, m);
}

/* A refused Timestamp, or the lack of one, is answered with this node's time (§5.5 (8), (9)). */
static int reject(const struct request *q, uint8_t status, enum gw_count why)
{
    struct gw_lm *lm = q->cmd->lm;
    bool clock = status == GW_ST_TIMESTAMP_LOWER || status == GW_ST_TIMESTAMP_MISMATCH;
    char text[GW_MNID_TEXT_MAX];

    lm->count[why]++;
    gw_log(lm->log, GW_LOG_NOTICE, GW_CAT_LM, "pbu-refused", "%s for %s: %s (%u)", q->peer->name,
           gw_fmt_mnid(&q->id, text), gw_mh_status_name(status), status);
    if (gw_lm_refusal(lm->out, q->mh, status, GW_BA_P | GW_BA_D,
                      clock ? gw_lm_timestamp(lm->now.wall_ns) : 0))
        send_answer(q, lm->out);
    return GW_EDENIED;
}

/* A de-registration's PBA. A node that is served elsewhere lives on there; `stays` is what the
 * sender anchors for it, which may have forgotten that in a crash, and names another prefix. */
static void accept_leaving(const struct request *q, const struct gw_binding *lives,
                           const struct gw_anchor *stays)
{
    struct gw_mh *m = q->cmd->lm->out;
    const struct gw_prefix *p = stays != NULL ? &stays->prefix : &q->hnp->prefix;

    m->type = GW_MH_BA;
    m->nopts = 0;
    m->ba = (struct gw_mh_ba){.status = GW_ST_ACCEPTED,
                              .flags = GW_BA_P | GW_BA_D,
                              .seq = q->mh->bu.seq,
                              .lifetime = lives != NULL ? lives->lifetime : 0};
    bool fits = gw_lm_add_mnid(m, &q->id) && gw_lm_add_prefix(m, GW_OPT_HNP, p) &&
                gw_lm_add_code(m, GW_OPT_HI, q->hi->code) &&
                gw_lm_add_code(m, GW_OPT_ATT, q->att->code) &&
                (q->llid == NULL || gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &q->llid->lladdr)) &&
                gw_lm_add_u64(m, GW_OPT_TIMESTAMP, q->ts->u64);
    if (fits && lives != NULL)
        fits = gw_lm_add_addr(m, GW_OPT_SERVING_MAAR, &lives->serving);
    if (fits)
        send_answer(q, m);
}

/* The Proxy-CoA is the sender's address: the other end of the tunnels is the MAAR itself. */
static bool may_register(const struct request *q)
{
    const struct gw_opt *coa = gw_lm_opt(q->mh, GW_OPT_ALT_COA);

    return (q->peer->roles & GW_ROLE_MAAR) != 0 && (q->mh->bu.flags & GW_BU_D) != 0 &&
           gw_lm_peer_may(q->peer, &q->id) &&
           (coa == NULL || gw_addr_eq(&coa->addr, &q->peer->addr));
}

/* RFC 5213 §5.3.1, steps 4 to 8. 0, or the answer has been sent. */
static int check_who(struct request *q)
{
    const struct gw_config *cfg = q->cmd->lm->cfg;
    struct gw_lladdr ll = q->llid != NULL ? q->llid->lladdr : (struct gw_lladdr){0};

    if (q->mnid == NULL)
        return reject(q, GW_ST_MISSING_MNID, GW_CNT_REFUSED_MNID);
    if (!may_register(q))
        return reject(q, GW_ST_MAG_NOT_AUTHORISED, GW_CNT_REFUSED_PEER);
    if (q->mh->bu.lifetime == 0)
        return 0; /* who is no longer allowed may still leave */
    if (gw_hold_has(q->cmd->lm->holds, &q->id))
        return reject(q, GW_ST_PROHIBITED, GW_CNT_REFUSED_HELD);
    const struct gw_cfg_policy *row = gw_lm_policy(cfg, &q->id, &ll);
    if (row != NULL && row->allow)
        return 0;
    return reject(q, row != NULL ? GW_ST_PROXY_NOT_ENABLED : GW_ST_NOT_LMA_FOR_MN,
                  GW_CNT_REFUSED_POLICY);
}

/* RFC 5213 §5.5; the past is bounded by ordering only, as the Timestamp is the attachment's; zero
 * is no time at all. A MAAR that is not the serving one may be late with its goodbye. */
static int check_order(struct request *q)
{
    struct gw_lm *lm = q->cmd->lm;
    uint64_t now = gw_lm_timestamp(lm->now.wall_ns);
    uint64_t ahead = gw_lm_timestamp_span(lm->cfg->pmip.timestamp_validity);

    if (q->ts == NULL || q->ts->u64 == 0 || q->ts->u64 > now + ahead)
        return reject(q, GW_ST_TIMESTAMP_MISMATCH, GW_CNT_REFUSED_TIMESTAMP);
    if (q->mn != NULL && q->mn->revoked && q->mh->bu.lifetime != 0 &&
        q->ts->u64 <= q->mn->b.attached)
        return reject(q, GW_ST_PROHIBITED, GW_CNT_REFUSED_HELD);
    if (q->mn == NULL || q->ts->u64 >= q->mn->b.attached)
        return 0;
    if (q->mh->bu.lifetime == 0 && !gw_addr_eq(&q->mn->b.serving, &q->peer->addr))
        return 0;
    return reject(q, GW_ST_TIMESTAMP_LOWER, GW_CNT_REFUSED_TIMESTAMP);
}

/* Does a goodbye name the prefix of another MAAR, which the node can do without? */
static bool about_other(const struct request *q)
{
    return q->mh->bu.lifetime == 0 && q->mn != NULL && !gw_lm_in_pools(q->peer, &q->hnp->prefix) &&
           gw_anchor_of(&q->mn->b, &q->peer->addr) != NULL;
}

/* Who has this prefix: mostly the node itself, whose anchors are at hand; the table of all is not.
 */
static struct gw_anchor *owner_of(const struct request *q, const struct gw_prefix *p)
{
    for (struct gw_anchor *a = q->mn != NULL ? q->mn->b.anchors : NULL; a != NULL; a = a->next)
        if (gw_prefix_eq(&a->prefix, p))
            return a;
    return gw_anchor_get(&q->cmd->bs, p);
}

/* Steps 10 to 12, and whose prefix it is. */
static int check_options(struct request *q)
{
    if (q->hnp == NULL)
        return reject(q, GW_ST_MISSING_HNP, GW_CNT_REFUSED_OPTION);
    if (q->hi == NULL)
        return reject(q, GW_ST_MISSING_HI, GW_CNT_REFUSED_OPTION);
    if (q->att == NULL)
        return reject(q, GW_ST_MISSING_ATT, GW_CNT_REFUSED_OPTION);
    const struct gw_anchor *a = q->named = owner_of(q, &q->hnp->prefix);
    if ((!gw_lm_in_pools(q->peer, &q->hnp->prefix) && !about_other(q)) ||
        (a != NULL && (q->mn == NULL || a->binding != &q->mn->b)))
        return reject(q, GW_ST_HNP_NOT_AUTHORISED, GW_CNT_REFUSED_PREFIX);
    return 0;
}

/* The anchor of the sender in this binding: the one it has, one that was being released, or a new
 * one. NULL without memory. */
static struct gw_anchor *anchor_for(struct request *q)
{
    struct gw_anchor *a = gw_anchor_of(&q->mn->b, &q->peer->addr);
    struct gw_lm_previous p = {.maar = q->peer->addr, .prefix = q->hnp->prefix};
    int err;

    if (a == NULL)
        a = q->named; /* its own: check_options */
    if (a == NULL)
        a = gw_anchor_add(&q->cmd->bs, &q->mn->b, &p, &err);
    if (a == NULL)
        return NULL;
    gw_exchange_stop(&a->ex);
    a->state = GW_ANCHOR_SETTLED;
    struct gw_lladdr mac = gw_anchor_lladdr(a);
    gw_lm_take_dlif(gw_lm_opt(q->mh, GW_OPT_DLIF_LINK_LOCAL), &a->link_local, &mac);
    gw_lm_take_dlif(gw_lm_opt(q->mh, GW_OPT_DLIF_LLADDR), &a->link_local, &mac);
    gw_anchor_set_lladdr(a, &mac);
    (void)gw_cmd_take_locals(a, q->mh);
    return a;
}

static void take_values(struct request *q)
{
    struct gw_binding *b = &q->mn->b;
    uint16_t most = gw_lm_lifetime_units(q->cmd->lm->cfg->timers.lifetime);

    q->mn->revoked = false;
    b->serving = q->peer->addr;
    b->attached = q->ts->u64;
    b->lifetime = q->mh->bu.lifetime < most ? q->mh->bu.lifetime : most;
    b->hi = q->hi->code;
    b->att = q->att->code;
    q->mn->round.llid = q->llid != NULL;
    if (q->llid != NULL)
        b->lladdr = q->llid->lladdr;
}

/* A refresh names the anchors by their use (gw_mn_by_use). With mobility/evict `idle` that is the
 * order in which they are kept; a MAAR that has served since then comes before all of them. */
static void order_by_use(struct request *q)
{
    struct gw_lm_previous p;
    size_t it = 0;

    if (q->hi->code != GW_HI_REREGISTRATION || q->cmd->lm->cfg->mobility.evict != GW_EVICT_IDLE)
        return;
    for (uint32_t n = 0; n < GW_LM_PREVIOUS_MAX && gw_lm_next_previous(q->mh, &it, &p); n++) {
        struct gw_anchor *a = owner_of(q, &p.prefix);
        if (a != NULL && a->binding == &q->mn->b && !gw_addr_eq(&a->maar, &q->peer->addr))
            gw_anchor_to_back(a);
    }
}

/* The number of P-MAARs is capped; the last of the list goes: the one that served longest ago, or
 * the one without use for longest (order_by_use). */
static void evict(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    uint32_t most = lm->cfg->limits.previous_maars, n = 0;

    if (most > GW_LM_PREVIOUS_MAX)
        most = GW_LM_PREVIOUS_MAX;
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next) {
        if (a->state == GW_ANCHOR_RELEASING || n++ <= most)
            continue;
        lm->count[GW_CNT_LIMIT_PREVIOUS]++;
        a->state = GW_ANCHOR_RELEASING;
    }
}

static void record_handover(const struct request *q, const struct gw_addr *from)
{
    struct gw_lm *lm = q->cmd->lm;
    struct gw_handover_row *row = gw_handovers_add(&lm->handovers, GW_HO_CMD, &q->mn->b.mnid);

    q->mn->row = row->number;
    row->from = *from;
    row->to = q->peer->addr;
    row->initial = gw_addr_is_zero(from);
    row->sequence = q->mh->bu.seq;
    for (struct gw_anchor *a = q->mn->b.anchors; a != NULL; a = a->next)
        if (a->state != GW_ANCHOR_RELEASING && !gw_addr_eq(&a->maar, &row->to))
            row->previous++;
    gw_handover_step(row, GW_HO_PBU_RECEIVED, lm->now.mono);
}

/* Anchors that the refresh of a MAAR names and this CMD has lost. Each must be its peer's. */
static void rebuild_anchors(struct request *q)
{
    struct gw_cmd *c = q->cmd;
    struct gw_lm_previous p;
    size_t it = 0;
    int err;

    c->lm->count[GW_CNT_REBUILT]++;
    for (uint32_t n = 0; n < GW_LM_PREVIOUS_MAX && gw_lm_next_previous(q->mh, &it, &p); n++) {
        const struct gw_cfg_peer *peer = c->lm->ops->peer(c->lm->user, &p.maar);
        if (peer == NULL || (peer->roles & GW_ROLE_MAAR) == 0 || !gw_lm_in_pools(peer, &p.prefix) ||
            gw_anchor_of(&q->mn->b, &p.maar) != NULL || gw_anchor_get(&c->bs, &p.prefix) != NULL)
            continue;
        gw_lm_take_locals(c->lm, q->mh, it, &p.locals);
        struct gw_anchor *a = gw_anchor_add(&c->bs, &q->mn->b, &p, &err);
        if (a != NULL)
            gw_anchor_to_back(a);
    }
}

/* A registration by another MAAR than before: initial, or a handover. */
static int attach(struct request *q)
{
    struct gw_binding *b = &q->mn->b;
    struct gw_addr from = b->serving;
    bool rebuild = q->hi->code == GW_HI_REREGISTRATION;

    if (!gw_lm_room(q->cmd->lm, gw_cmd_notices(q->mn, &q->peer->addr)) ||
        b->nanchors >= GW_LM_ANCHORS_MAX)
        return GW_EFULL;
    struct gw_anchor *own = anchor_for(q);
    if (own == NULL)
        return GW_ENOMEM;
    take_values(q);
    gw_cmd_round_begin(q->mn, q->mh->bu.seq, rebuild);
    gw_anchor_to_front(own);
    if (rebuild)
        rebuild_anchors(q);
    evict(q->mn);
    record_handover(q, &from);
    gw_cmd_arm(q->mn);
    for (struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (a != own && a->state == GW_ANCHOR_SETTLED)
            a->state = GW_ANCHOR_UPDATING; /* in the record before the PBUs leave */
    gw_cmd_put(q->mn);
    gw_cmd_round_open(q->mn);
    q->cmd->lm->count[gw_addr_is_zero(&from) ? GW_CNT_REGISTERED : GW_CNT_HANDOVER]++;
    return 0;
}

/* The serving MAAR again: a refresh, a retransmission, or the node came back to the same access
 * link. The previous MAARs know what they need to. */
static int refresh(struct request *q)
{
    bool same = q->mn->b.attached == q->ts->u64 && q->hi->code != GW_HI_REREGISTRATION;

    if (anchor_for(q) == NULL)
        return GW_ENOMEM;
    take_values(q);
    order_by_use(q);
    gw_cmd_arm(q->mn);
    (void)gw_cmd_retell(q->mn);
    gw_cmd_put(q->mn);
    gw_cmd_round_again(q->mn, q->mh->bu.seq, q->hi->code == GW_HI_REREGISTRATION);
    if (!same)
        q->cmd->lm->count[GW_CNT_REFRESHED]++;
    return 0;
}

static int leave(struct request *q)
{
    struct gw_cmd_mn *mn = q->mn;
    struct gw_lm *lm = q->cmd->lm;

    if (mn == NULL || gw_addr_is_zero(&mn->b.serving)) {
        accept_leaving(q, NULL, NULL);
        return 0;
    }
    if (!gw_addr_eq(&mn->b.serving, &q->peer->addr) && q->ts->u64 <= mn->b.attached) {
        struct gw_anchor *a = gw_anchor_of(&mn->b, &q->peer->addr);
        accept_leaving(q, a != NULL ? &mn->b : NULL, a);
        if (a != NULL && gw_cmd_take_locals(a, q->mh)) { /* why it has asked, perhaps */
            gw_cmd_put(mn);
            gw_cmd_round_changed(mn);
        }
        return 0;
    }
    if (!gw_lm_room(lm, gw_cmd_notices(mn, &q->peer->addr)))
        return reject(q, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
    lm->count[GW_CNT_DEREGISTERED]++;
    mn->b.serving = q->peer->addr; /* or it was so last: its registration never arrived */
    mn->b.attached = q->ts->u64;
    gw_cmd_end(mn); /* first: what is acknowledged is in the record */
    accept_leaving(q, NULL, NULL);
    return 0;
}

/* The serving MAAR says that a previous anchor's prefix is idle (doc/protocol.md): that anchor
 * alone is released. One that is not the node's any more has been before. */
static int release(struct request *q)
{
    struct gw_cmd_mn *mn = q->mn;
    struct gw_lm *lm = q->cmd->lm;
    struct gw_anchor *a = q->named;

    if (a == NULL || a->state == GW_ANCHOR_RELEASING) { /* whoever says it once more */
        accept_leaving(q, NULL, NULL);
        return 0;
    }
    if (!gw_addr_eq(&mn->b.serving, &q->peer->addr)) {
        accept_leaving(q, &mn->b, NULL);
        return 0;
    }
    if (gw_addr_eq(&a->maar, &mn->b.serving))
        return reject(q, GW_ST_HNP_NOT_AUTHORISED, GW_CNT_REFUSED_PREFIX);
    if (!a->ex.pending && !gw_lm_room(lm, 1))
        return reject(q, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
    lm->count[GW_CNT_IDLE_RELEASED]++;
    bool waited = a->state == GW_ANCHOR_UPDATING;
    gw_exchange_stop(&a->ex);
    a->state = GW_ANCHOR_RELEASING;
    mn->b.seq++;
    gw_cmd_put(mn);
    accept_leaving(q, NULL, NULL);
    (void)gw_cmd_retell(mn);
    if (waited)
        gw_cmd_round_gathered(mn, false);
    return 0;
}

/* Past all checks, a binding is found or made. */
static int enter(struct request *q)
{
    bool fresh = q->mn == NULL;
    int err;

    if (fresh) {
        struct gw_binding *b = gw_binding_new(&q->cmd->bs, sizeof(struct gw_cmd_mn), &q->id, &err);
        if (b == NULL)
            return reject(q, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
        q->mn = gw_cmd_mn(b);
        q->mn->cmd = q->cmd;
    }
    err = gw_addr_eq(&q->mn->b.serving, &q->peer->addr) ? refresh(q) : attach(q);
    if (err == 0) {
        gw_orders_overtaken(q->cmd->lm->orders, &q->id);
        return 0;
    }
    if (fresh) {
        gw_binding_free(&q->cmd->bs, &q->mn->b);
        q->mn = NULL;
    }
    return reject(q, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
}

int gw_cmd_pbu(struct gw_cmd *c, const struct gw_cfg_peer *peer, const struct gw_mh *mh)
{
    struct request q = {
        .cmd = c,
        .peer = peer,
        .mh = mh,
        .mnid = gw_lm_opt(mh, GW_OPT_MNID),
        .hnp = gw_lm_opt(mh, GW_OPT_HNP),
        .hi = gw_lm_opt(mh, GW_OPT_HI),
        .att = gw_lm_opt(mh, GW_OPT_ATT),
        .llid = gw_lm_opt(mh, GW_OPT_MN_LLID),
        .ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP),
        .id = {.subtype = GW_MNID_NAI},
    };
    if (q.mnid != NULL && q.mnid->mnid.len == 0)
        q.mnid = NULL; /* so it is said that it was missing (step 4); nobody is called that */
    if (q.mnid != NULL) {
        q.id = q.mnid->mnid;
        struct gw_binding *b = gw_binding_get(&c->bs, &q.id);
        q.mn = b != NULL ? gw_cmd_mn(b) : NULL;
    }
    int err = check_who(&q);
    if (err == 0)
        err = check_order(&q);
    if (err == 0)
        err = check_options(&q);
    if (err != 0)
        return err;
    if (mh->bu.lifetime != 0)
        return enter(&q);
    return about_other(&q) ? release(&q) : leave(&q);
}
