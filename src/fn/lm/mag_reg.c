/* mag_reg.c: the MAG towards its LMA: Proxy Binding Updates for registration, extension and
 * de-registration, and what the acknowledgements say (RFC 5213 §6.9.1, §6.9.4, §5.5).
 */
#include "base/text.h"
#include "fn/lm/mag.h"
#include "fn/route/route.h"

#define ATT_ETHERNET 3 /* RFC 5213 §8.5: IEEE 802.3, which is what the access links are */
#define TRIES        3 /* registrations anew because an answer asked for it, per attachment */
#define ASK_TIMES    3
#define ASK_EVERY    GW_SEC(1) /* RETRANS_TIMER, RFC 4861 §10 */

/* One option per assigned prefix, or the one that asks for some (§6.9.1.1 (3), §6.9.1.3 (2)). */
static bool add_prefixes(const struct gw_mag_mn *mn, struct gw_mh *m)
{
    const struct gw_prefix all_zero = {0};

    if (mn->b.anchors == NULL)
        return gw_lm_add_prefix(m, GW_OPT_HNP, &all_zero);
    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        if (!gw_lm_add_prefix(m, GW_OPT_HNP, &a->prefix))
            return false;
    return true;
}

/* §6.9.1.1 (9): only where the domain has not fixed the address; all zero asks for one. */
static bool add_link_local(const struct gw_mag_mn *mn, struct gw_mh *m)
{
    if (!gw_addr_is_zero(&mn->mag->lm->cfg->pmip.mag.link_local))
        return true;
    return gw_lm_add_addr(m, GW_OPT_LINK_LOCAL, &mn->link_local);
}

/* Built from what is true now; every transmission has the time it is sent at (§6.9.4 (4)) or, when
 * numbers order the messages, a number of its own. */
static void transmit(void *owner)
{
    struct gw_mag_mn *mn = owner;
    struct gw_lm *lm = mn->mag->lm;
    struct gw_mh *m = lm->out;
    bool leave = mn->state == GW_MAG_DEREGISTERING, numbers = lm->cfg->pmip.sequence;

    if (numbers)
        mn->ex.seq = ++mn->b.seq;
    else
        mn->b.attached = gw_lm_timestamp(lm->now.wall_ns);
    m->type = GW_MH_BU;
    m->nopts = 0;
    m->bu =
        (struct gw_mh_bu){.seq = mn->ex.seq,
                          .flags = GW_BU_A | GW_BU_P,
                          .lifetime = leave ? 0 : gw_lm_lifetime_units(lm->cfg->timers.lifetime)};
    bool fits = gw_lm_add_mnid(m, &mn->b.mnid) && add_prefixes(mn, m) &&
                gw_lm_add_code(m, GW_OPT_HI, mn->b.hi) &&
                gw_lm_add_code(m, GW_OPT_ATT, mn->b.att) &&
                (numbers || gw_lm_add_u64(m, GW_OPT_TIMESTAMP, mn->b.attached)) &&
                gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &mn->b.lladdr) && add_link_local(mn, m);
    if (fits && lm->ops->send(lm->user, GW_ROLE_MAG, &mn->lma, m) == 0)
        gw_handover_step(gw_mag_row(mn), GW_HO_PBU_SENT, lm->now.mono);
}

int gw_mag_register(struct gw_mag_mn *mn, uint8_t hi, struct gw_time delay)
{
    struct gw_mag *g = mn->mag;

    mn->b.hi = hi;
    mn->b.att = ATT_ETHERNET;
    if (!g->lm->cfg->pmip.sequence)
        mn->b.seq = ++g->seq;
    return gw_exchange_start(&mn->ex, g->lm, mn->b.seq, transmit, mn, delay);
}

int gw_mag_deregister(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;
    enum gw_mag_state before = mn->state;

    mn->state = GW_MAG_DEREGISTERING;
    int err = gw_mag_register(mn, GW_HI_UNKNOWN, (struct gw_time){0});
    if (err != 0) {
        mn->state = before;
        return err;
    }
    gw_timer_stop(lm->timers, &mn->refresh);
    mn->row = 0;
    gw_mag_drop_station(mn);
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        gw_route_drop_prefix(lm, &a->prefix, 0);
    lm->count[GW_CNT_DETACHED]++;
    gw_mag_guard(mn, lm->cfg->timers.initial_ack);
    return 0;
}

/* Not heard of since the lifetime was extended last: it is asked. true: that is not over yet, or it
 * does not answer. The silence of a station that has shown no address says nothing, unless the LMA
 * says that it is elsewhere. */
static bool missing(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;

    if (gw_time_before(mn->refreshed, mn->seen))
        return false;
    if (mn->asks == ASK_TIMES) {
        lm->count[GW_CNT_SILENT]++;
        gw_mag_believe_gone(mn);
        return true;
    }
    int err = gw_access_probe(mn->mag->access, &mn->station);
    if (err < 0)
        gw_mag_serve(mn, false); /* there was no memory for the station: what it missed */
    if (err != 0 && !mn->doubted)
        return false;
    mn->asks++;
    (void)gw_mag_extend(mn, ASK_EVERY); /* its timer has just fired: needs no memory */
    return true;
}

static void extend_due(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_mag_mn *mn = t->owner;

    if (mn->state != GW_MAG_SERVING || gw_timer_is_set(&mn->guard))
        return;
    if (!gw_mag_allows(mn)) { /* the policy has changed while the LMA was asked */
        gw_mag_guard(mn, (struct gw_time){0});
        return;
    }
    if (missing(mn))
        return;
    if ((!mn->programmed && mn->plane.tag == 0) || mn->unsaid)
        gw_mag_serve(mn, false); /* the packet path refused: a table may have room */
    uint8_t hi = mn->doubted ? GW_HI_UNKNOWN : GW_HI_REREGISTRATION;
    if (gw_mag_register(mn, hi, (struct gw_time){0}) != 0)
        (void)gw_mag_extend(mn, mn->mag->lm->cfg->timers.initial_ack);
}

int gw_mag_extend(struct gw_mag_mn *mn, struct gw_time delay)
{
    struct gw_lm *lm = mn->mag->lm;

    mn->refresh.fire = extend_due;
    mn->refresh.owner = mn;
    int err = gw_timer_set(lm->timers, &mn->refresh, gw_time_add(lm->now.mono, delay));
    if (err != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
    return err;
}

int gw_mag_doubt(struct gw_mag_mn *mn)
{
    if (mn->state != GW_MAG_SERVING || mn->ex.pending)
        return 0; /* the answer will tell */
    mn->refreshed = mn->mag->lm->now.mono;
    mn->asks = 0;
    mn->doubted = true;
    return gw_mag_extend(mn, (struct gw_time){0});
}

void gw_mag_resync(struct gw_mag *g, const struct gw_addr *lma)
{
    struct gw_time delay = {0};
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&g->bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next) {
            struct gw_mag_mn *mn = gw_mag_mn(b);
            if (mn->state != GW_MAG_SERVING || !gw_addr_eq(&mn->lma, lma))
                continue;
            if (gw_mag_register(mn, GW_HI_REREGISTRATION, delay) != 0)
                (void)gw_mag_extend(mn, g->lm->cfg->timers.initial_ack);
            delay = gw_time_add(delay, GW_LM_PACE);
        }
}

/* `refresh` before the end; never later than half of a short lifetime. */
static void arm_extension(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;
    struct gw_time span = gw_lm_lifetime_span(mn->b.lifetime), before = lm->cfg->timers.refresh;

    mn->expires = gw_time_add(lm->now.mono, span);
    mn->refreshed = lm->now.mono;
    mn->asks = 0;
    span.ns = before.ns * 2 < span.ns ? span.ns - before.ns : span.ns / 2;
    (void)gw_mag_extend(mn, span);
}

/* The router that the node sees (§6.9.3, §6.9.1.2 (15)). true when it is another one now. */
static bool accept_router(struct gw_mag_mn *mn, const struct gw_mh *mh, struct gw_lladdr *mac)
{
    const struct gw_config *cfg = mn->mag->lm->cfg;
    const struct gw_opt *given = gw_lm_opt(mh, GW_OPT_LINK_LOCAL);
    struct gw_addr before = mn->link_local, ll;

    gw_dlif_default(&mn->lma, &ll, mac);
    if (cfg->pmip.mag.lladdr.len != 0)
        *mac = cfg->pmip.mag.lladdr;
    if (!gw_addr_is_zero(&cfg->pmip.mag.link_local))
        ll = cfg->pmip.mag.link_local;
    else if (given != NULL && gw_addr_is_link_local(&given->addr))
        ll = given->addr;
    else if (!gw_addr_is_zero(&before)) /* what it has said before stands */
        ll = before;
    mn->link_local = ll;
    return !gw_addr_eq(&before, &ll);
}

void gw_mag_collision(struct gw_mag *g, const struct gw_station_key *st)
{
    struct gw_mag_mn *mn = gw_table_get(&g->by_station, st);
    const struct gw_config *cfg = g->lm->cfg;
    struct gw_lladdr unused;
    char text[GW_MNID_TEXT_MAX];

    if (mn == NULL || mn->state != GW_MAG_SERVING)
        return;
    g->lm->count[GW_CNT_ROUTER_COLLISION]++;
    gw_log(g->lm->log, GW_LOG_NOTICE, GW_CAT_LM, "router-collision",
           "%s has the link-local address of its router", gw_fmt_mnid(&mn->b.mnid, text));
    if (!gw_addr_is_zero(&cfg->pmip.mag.link_local))
        return;
    gw_dlif_default(&cfg->addr, &mn->link_local, &unused);
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        a->link_local = mn->link_local;
    gw_mag_serve(mn, false);
    gw_mag_put(mn);
    if (gw_mag_register(mn, GW_HI_REREGISTRATION, (struct gw_time){0}) != 0)
        (void)gw_mag_extend(mn, cfg->timers.initial_ack);
}

/* NULL: not taken. */
static struct gw_anchor *accept_prefix(struct gw_mag_mn *mn, const struct gw_cfg_peer *from,
                                       const struct gw_lm_previous *p)
{
    struct gw_lm *lm = mn->mag->lm;
    struct gw_anchor *a = gw_anchor_get(&mn->mag->bs, &p->prefix);
    int err;

    if (!gw_lm_in_pools(from, &p->prefix)) {
        lm->count[GW_CNT_REFUSED_PREFIX]++;
        return NULL;
    }
    if (a == NULL)
        return mn->b.nanchors < GW_MAG_PREFIXES_MAX ? gw_anchor_add(&mn->mag->bs, &mn->b, p, &err)
                                                    : NULL;
    if (a->binding == &mn->b)
        return a;
    lm->count[GW_CNT_PREFIX_CONFLICT]++;
    return NULL;
}

/* The acknowledgement's prefixes become the node's. true when something is different now. */
static bool accept_prefixes(struct gw_mag_mn *mn, const struct gw_cfg_peer *from,
                            const struct gw_mh *mh)
{
    struct gw_lladdr mac;
    bool changed = accept_router(mn, mh, &mac);
    uint16_t before = mn->b.nanchors;
    const struct gw_opt *o;

    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        a->mark = false;
    for (size_t it = 0; (o = gw_mh_opt(mh, GW_OPT_HNP, &it)) != NULL;) {
        struct gw_lm_previous p = {
            .maar = mn->lma, .prefix = o->prefix, .link_local = mn->link_local, .lladdr = mac};
        struct gw_anchor *a = accept_prefix(mn, from, &p);
        if (a == NULL)
            continue;
        a->mark = true;
        a->link_local = mn->link_local;
        gw_anchor_set_lladdr(a, &mac);
    }
    changed |= mn->b.nanchors != before;
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a->mark)
            continue;
        gw_route_drop_prefix(mn->mag->lm, &a->prefix, 0);
        gw_anchor_del(&mn->mag->bs, a);
        changed = true;
    }
    return changed;
}

/* No mobility service for this node (§6.9.1.2 (11)): nothing is advertised or forwarded. */
void gw_mag_deny(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;

    gw_exchange_stop(&mn->ex);
    gw_timer_stop(lm->timers, &mn->refresh);
    gw_timer_stop(lm->timers, &mn->guard);
    mn->row = 0;
    mn->state = GW_MAG_REFUSED;
    if (mn->on_link) /* its prefixes end: an RA says so to the station */
        gw_access_withdraw(mn->mag->access, &mn->station, GW_ACCESS_MAG);
    gw_mag_drop_station(mn);
    gw_mag_drop_prefixes(mn);
    gw_mag_del_record(mn);
}

/* After status 152 it is not asked again until a reload. */
static void refuse(struct gw_mag_mn *mn, uint8_t status)
{
    struct gw_lm *lm = mn->mag->lm;
    char text[GW_MNID_TEXT_MAX];

    lm->count[GW_CNT_REFUSED_BY_PEER]++;
    gw_log(lm->log, GW_LOG_WARN, GW_CAT_LM, "registration-refused", "%s: the LMA says %s (%u)",
           gw_fmt_mnid(&mn->b.mnid, text), gw_mh_status_name(status), status);
    gw_mag_deny(mn);
    if (status != GW_ST_PROXY_NOT_ENABLED)
        gw_mag_guard(mn, status == GW_ST_NO_RESOURCES ? lm->cfg->timers.initial_ack
                                                      : lm->cfg->timers.max_ack);
}

static int accepted(struct gw_mag_mn *mn, const struct gw_cfg_peer *from, const struct gw_mh *mh)
{
    struct gw_lm *lm = mn->mag->lm;
    bool fresh = mn->state == GW_MAG_REGISTERING;
    bool changed = accept_prefixes(mn, from, mh) || fresh;

    if (mn->b.anchors == NULL) { /* a session without a prefix is none */
        refuse(mn, GW_ST_UNSPECIFIED);
        return GW_EFORMAT;
    }
    gw_exchange_stop(&mn->ex);
    mn->state = GW_MAG_SERVING;
    mn->doubted = false;
    mn->tries = 0;
    mn->b.serving = lm->cfg->addr;
    mn->b.lifetime = mh->ba.lifetime;
    if (fresh)
        gw_handover_step(gw_mag_row(mn), GW_HO_PBA_RECEIVED, lm->now.mono);
    if (changed)
        gw_mag_serve(mn, fresh);
    arm_extension(mn);
    gw_mag_put(mn);
    lm->count[fresh ? GW_CNT_REGISTERED : GW_CNT_REFRESHED]++;
    return 0;
}

/* Registers anew at once, as often as that makes sense. */
static bool again(struct gw_mag_mn *mn)
{
    struct gw_lm *lm = mn->mag->lm;

    if (mn->tries++ >= TRIES)
        return false;
    lm->count[GW_CNT_REFUSED_BY_PEER]++;
    gw_exchange_stop(&mn->ex);
    return gw_mag_register(mn, mn->b.hi, (struct gw_time){0}) == 0;
}

/* §6.9.1.2 (9): only with a right clock, and the answer has the LMA's: they agree, so the message
 * was late (it waited at a busy LMA, for one). */
static bool was_late(const struct gw_mag_mn *mn, const struct gw_mh *mh)
{
    const struct gw_lm *lm = mn->mag->lm;
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);
    uint64_t now = gw_lm_timestamp(lm->now.wall_ns);

    if (ts == NULL)
        return false;
    return (ts->u64 > now ? ts->u64 - now : now - ts->u64) <=
           gw_lm_timestamp_span(lm->cfg->pmip.timestamp_validity);
}

/* Another node has been given the prefixes, or the LMA gave this one others: asks for some. */
static bool other_prefixes(struct gw_mag_mn *mn)
{
    if (mn->b.anchors == NULL)
        return false;
    gw_mag_drop_prefixes(mn);
    mn->state = GW_MAG_REGISTERING;
    mn->b.hi = GW_HI_UNKNOWN;
    return again(mn);
}

static void rejected(struct gw_mag_mn *mn, const struct gw_mh *mh)
{
    struct gw_lm *lm = mn->mag->lm;
    bool done = false;

    switch (mh->ba.status) {
    case GW_ST_TIMESTAMP_LOWER: /* if it is here, that is said once more (§6.9.1.2 (8)) */
        if (mn->state == GW_MAG_SERVING) {
            lm->count[GW_CNT_REFUSED_BY_PEER]++;
            gw_exchange_stop(&mn->ex);
            done = gw_mag_doubt(mn) == 0;
        } else {
            done = again(mn);
        }
        break;
    case GW_ST_TIMESTAMP_MISMATCH:
        done = was_late(mn, mh) && again(mn);
        break;
    case GW_ST_SEQUENCE: /* RFC 6275 §11.7.3: the answer has the last one accepted */
        mn->b.seq = mh->ba.seq;
        done = lm->cfg->pmip.sequence && again(mn);
        break;
    case GW_ST_HNP_NOT_AUTHORISED:
    case GW_ST_PREFIX_MISMATCH:
        done = other_prefixes(mn);
        break;
    default: /* a value of the wire */
        break;
    }
    if (!done)
        refuse(mn, mh->ba.status);
}

/* §6.9.1.2 (6): what the LMA echoes is what it was asked. */
static bool echoes(const struct gw_mag_mn *mn, const struct gw_mh *mh)
{
    const struct gw_opt *hi = gw_lm_opt(mh, GW_OPT_HI), *att = gw_lm_opt(mh, GW_OPT_ATT);

    return (hi == NULL || hi->code == mn->b.hi) && (att == NULL || att->code == mn->b.att);
}

static bool awaited(const struct gw_mag_mn *mn, const struct gw_mh *mh)
{
    if (mh->ba.status == GW_ST_SEQUENCE && mn->mag->lm->cfg->pmip.sequence)
        return mn->ex.pending;
    return gw_exchange_matches(&mn->ex, mh->ba.seq);
}

/* Which message it answers (§6.9.1.2 (5)): by the node's identifier, the interface's and the
 * number. Numbers are an interface's own, so that an answer about one that comes late, even after
 * it has been forgotten, may have the number that another one waits for. */
static struct gw_mag_mn *addressee(struct gw_mag *g, const struct gw_cfg_peer *from,
                                   const struct gw_mh *mh)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID), *ll = gw_lm_opt(mh, GW_OPT_MN_LLID);
    struct gw_binding *b = id != NULL ? gw_binding_get(&g->bs, &id->mnid) : NULL;

    for (; b != NULL; b = b->next) {
        struct gw_mag_mn *mn = gw_mag_mn(b);
        bool its = ll == NULL || gw_lladdr_eq(&ll->lladdr, &b->lladdr);
        if (its && gw_addr_eq(&from->addr, &mn->lma) && awaited(mn, mh))
            return mn;
    }
    return NULL;
}

int gw_mag_pba(struct gw_mag *g, const struct gw_cfg_peer *from, const struct gw_mh *mh)
{
    struct gw_mag_mn *mn = addressee(g, from, mh);

    if (mn == NULL) {
        g->lm->count[GW_CNT_UNMATCHED]++;
        return GW_ENOENT;
    }
    if (!echoes(mn, mh)) {
        g->lm->count[GW_CNT_IGNORED]++;
        if (mn->state != GW_MAG_DEREGISTERING)
            gw_mag_deny(
                mn); /* and nothing is sent again until an administrative action: a reload */
        return GW_EFORMAT;
    }
    if (mn->state == GW_MAG_DEREGISTERING) {
        g->lm->count[GW_CNT_DEREGISTERED]++;
        gw_mag_forget(mn); /* also when it was refused: there is nothing to end */
    } else if (mh->ba.status >= GW_ST_UNSPECIFIED) {
        rejected(mn, mh);
    } else if (mh->ba.lifetime == 0) {
        refuse(mn, GW_ST_UNSPECIFIED);
    } else {
        return accepted(mn, from, mh);
    }
    return 0;
}
