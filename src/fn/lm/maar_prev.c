/* maar_prev.c: the P-MAAR: what the CMD's PBUs tell an anchor (RFC 8885 §3.4, §3.5). With a
 * Serving MAAR option the mobile node is there now; with lifetime 0 its session is over and the
 * prefix is free again. The PBA leaves when the packet path has done it.
 */
#include "base/text.h"
#include "fn/lm/maar.h"
#include "fn/route/route.h"

struct notice {
    struct gw_addr cmd;
    struct gw_mnid mnid;
    struct gw_prefix hnp;
    struct gw_addr serving;     /* zero: none */
    bool copy;                  /* the serving MAAR is answered too (§3.3) */
    struct gw_lm_previous next; /* copy: who answers it next */
    uint64_t timestamp, mesgid; /* mesgid 0: from this process, so in order */
    uint16_t seq, lifetime;
    uint8_t hi, att;
};

static bool begin_answer(struct gw_mh *out, const struct notice *n, uint8_t status)
{
    out->type = GW_MH_BA;
    out->nopts = 0;
    out->ba = (struct gw_mh_ba){.status = status,
                                .flags = GW_BA_P | GW_BA_D,
                                .seq = n->seq,
                                .lifetime = status < GW_ST_UNSPECIFIED ? n->lifetime : 0};
    return gw_lm_add_mnid(out, &n->mnid) && gw_lm_add_prefix(out, GW_OPT_HNP, &n->hnp) &&
           gw_lm_add_code(out, GW_OPT_HI, n->hi) && gw_lm_add_code(out, GW_OPT_ATT, n->att) &&
           gw_lm_add_u64(out, GW_OPT_TIMESTAMP, n->timestamp);
}

/* The networks behind this anchor (RFC 8885 §4.4). */
static bool add_locals(struct gw_lm *lm)
{
    struct gw_locals now = gw_locals_of(lm->cfg);
    size_t room = now.n;

    return gw_lm_add_locals(lm, lm->out, &now, &room);
}

/* RFC 8885 §3.3: the serving MAAR sees which prefix and, by its source, whose; how this anchor's
 * DLIF looks comes with it, and who else answers. */
static void answer_serving(struct gw_maar *m, const struct notice *n)
{
    struct gw_lm *lm = m->lm;

    if (begin_answer(lm->out, n, GW_ST_ACCEPTED) &&
        gw_lm_add_addr(lm->out, GW_OPT_DLIF_LINK_LOCAL, &lm->cfg->dlif.link_local) &&
        gw_lm_add_lladdr(lm->out, GW_OPT_DLIF_LLADDR, &lm->cfg->dlif.lladdr) && add_locals(lm) &&
        (gw_addr_is_zero(&n->next.maar) || gw_lm_add_previous(lm->out, &n->next)))
        (void)lm->ops->send(lm->user, GW_ROLE_MAAR, &n->serving, lm->out);
}

static void answer(struct gw_maar *m, const struct notice *n, uint8_t status)
{
    struct gw_lm *lm = m->lm;
    struct gw_mh *out = lm->out;
    bool fits = begin_answer(out, n, status);

    if (fits && !gw_addr_is_zero(&n->serving))
        fits = gw_lm_add_addr(out, GW_OPT_SERVING_MAAR, &n->serving);
    if (fits && status == GW_ST_ACCEPTED && n->lifetime != 0)
        fits = add_locals(lm);
    if (fits)
        (void)lm->ops->send(lm->user, GW_ROLE_MAAR, &n->cmd, out);
}

void gw_mn_answer_owed(struct gw_maar_mn *mn, uint8_t status)
{
    if (!mn->owed.due)
        return;
    mn->owed.due = false;
    struct notice n = {.cmd = mn->owed.cmd,
                       .mnid = mn->b.mnid,
                       .hnp = mn->own->prefix,
                       .serving = mn->owed.serving,
                       .next = mn->owed.next,
                       .timestamp = mn->owed.timestamp,
                       .seq = mn->owed.seq,
                       .lifetime = mn->owed.lifetime,
                       .hi = mn->owed.hi,
                       .att = mn->owed.att};
    if (mn->owed.copy && status == GW_ST_ACCEPTED)
        answer_serving(mn->maar, &n);
    answer(mn->maar, &n, status);
    gw_handover_step(gw_mn_row(mn), GW_HO_PBA_SENT, mn->maar->lm->now.mono);
}

static void owe(struct gw_maar_mn *mn, const struct notice *n)
{
    mn->owed.due = true;
    mn->owed.cmd = n->cmd;
    mn->owed.serving = n->serving;
    mn->owed.copy = n->copy;
    mn->owed.next = n->next;
    mn->owed.timestamp = n->timestamp;
    mn->owed.seq = n->seq;
    mn->owed.lifetime = n->lifetime;
    mn->owed.hi = n->hi;
    mn->owed.att = n->att;
}

void gw_mn_end_transit(struct gw_maar_mn *mn)
{
    gw_timer_stop(mn->maar->lm->timers, &mn->transit);
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a->state == GW_ANCHOR_TRANSIT)
            gw_mn_drop_anchor(mn, a);
    }
}

static void transit_over(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;

    gw_mn_end_transit(mn);
    gw_mn_put(mn);
}

static void start_transit(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;
    bool any = false;

    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a == mn->own)
            continue;
        if (a->state == GW_ANCHOR_RELEASING) { /* whether it goes is the new S-MAAR's to say */
            gw_mn_drop_anchor(mn, a);
            continue;
        }
        a->state = GW_ANCHOR_TRANSIT;
        any = true;
    }
    mn->transit.fire = transit_over;
    mn->transit.owner = mn;
    if (any && gw_timer_set(lm->timers, &mn->transit,
                            gw_time_add(lm->now.mono, lm->cfg->timers.transit)) != 0)
        transit_over(&mn->transit, NULL); /* without a timer there is no transit */
}

static void demote(struct gw_maar_mn *mn, const struct notice *n)
{
    struct gw_lm *lm = mn->maar->lm;
    bool served = mn->state == GW_MN_SERVING || mn->state == GW_MN_REGISTERING;

    gw_exchange_stop(&mn->ex);
    gw_timer_stop(lm->timers, &mn->refresh);
    gw_timer_stop(lm->timers, &mn->guard);
    struct gw_handover_row *row = gw_handovers_add(&lm->handovers, GW_HO_PREVIOUS, &mn->b.mnid);
    mn->row = row->number;
    row->from = served && !mn->was_previous ? lm->cfg->addr : mn->b.serving;
    row->to = n->serving;
    row->sequence = n->seq;
    gw_handover_step(row, GW_HO_PBU_RECEIVED, lm->now.mono);
    mn->state = GW_MN_PREVIOUS;
    mn->was_previous = mn->outdated = mn->doubt = false;
    mn->b.serving = n->serving;
    mn->b.attached = n->timestamp;
    mn->b.seq = n->seq;
    mn->b.lifetime = n->lifetime;
    struct gw_locals nets = gw_locals_of(lm->cfg);
    (void)gw_anchor_set_locals(lm, mn->own, &nets); /* the answer says so */
    if (served)
        start_transit(mn);
    gw_mn_say_moved(mn);
    gw_mn_drop_station(mn);
    gw_mn_put(mn);
    gw_mn_arm_ask(mn);
    owe(mn, n);
}

/* Lost here, known there: an anchor without its record takes its prefix back. */
static struct gw_maar_mn *recreate(struct gw_maar *m, const struct notice *n)
{
    int err;
    struct gw_binding *b = gw_binding_new(&m->bs, sizeof(struct gw_maar_mn), &n->mnid, &err);

    if (b == NULL)
        return NULL;
    struct gw_maar_mn *mn = gw_maar_mn(b);
    mn->maar = m;
    mn->state = GW_MN_PREVIOUS;
    if (gw_mn_take_prefix(mn, &n->hnp) == 0)
        return mn;
    gw_mn_free(mn);
    return NULL;
}

/* The node is back here already, the CMD just does not know yet: the newer attachment stands. */
static bool stale(const struct gw_maar_mn *mn, const struct notice *n)
{
    return n->timestamp < mn->b.attached;
}

/* What is left of a stale notice: should the CMD refuse the newer attachment, or this node crash
 * before it has answered, it holds. So the prefix of a registration under way may turn out to be
 * an anchor of old, which this node had forgotten. */
static void note(struct gw_maar_mn *mn, const struct notice *n)
{
    if (mn->state == GW_MN_DEREGISTERING && n->lifetime == 0)
        mn->was_previous = false; /* should it come back before that is answered */
    if (mn->state != GW_MN_REGISTERING || (mn->was_previous && n->timestamp < mn->attached_before))
        return;
    mn->attached_before = n->timestamp;
    mn->was_previous = n->lifetime != 0;
    if (n->lifetime != 0) {
        mn->b.serving = n->serving;
        mn->b.lifetime = n->lifetime;
    }
    gw_mn_put(mn);
}

/* Says where the node is to the packet path, and waits for it. */
void gw_mn_say_moved(struct gw_maar_mn *mn)
{
    gw_mn_set_tag(mn);
    gw_route_move(mn->maar->lm, &mn->b, mn->tag);
}

/* The same notice once more: our answer was lost, is not due yet, or the packet path failed. */
static void again(struct gw_maar_mn *mn, const struct notice *n)
{
    mn->b.serving = n->serving;
    owe(mn, n);
    if (!mn->programmed && mn->tag == 0)
        gw_mn_say_moved(mn);
    if (mn->tag == 0)
        gw_mn_answer_owed(mn, GW_ST_ACCEPTED);
}

static int moved(struct gw_maar_mn *mn, const struct notice *n)
{
    struct gw_maar *m = mn->maar;
    bool here = mn->on_link;
    struct gw_station_key st = mn->station;

    if (mn->state == GW_MN_PREVIOUS && mn->b.attached == n->timestamp) {
        again(mn, n);
        return 0;
    }
    uint64_t event = gw_mn_event(mn);
    bool leaving = gw_timer_is_set(&mn->guard);
    demote(mn, n);
    if (mn->tag == 0) /* no memory to wait for the packet path */
        gw_mn_answer_owed(mn, GW_ST_ACCEPTED);
    if (!here || event <= n->timestamp)
        return 0;
    /* It has been seen here after the attachment that this notice is about: it is back, or, if
     * it has gone again since, this is the MAAR that has to end the session. */
    int err = gw_maar_attach(m, &st, &mn->b.mnid, gw_maar_seen(m, event));
    if (err == 0 && leaving)
        (void)gw_maar_detach(m, &st);
    return err;
}

/* The same, when the notice is that the session is over: nobody here knew that the node was away,
 * and it is served on, with the prefix it has. 0, or it could not be registered. */
static int begin_again(struct gw_maar_mn *mn, const struct notice *n)
{
    struct gw_maar *m = mn->maar;
    bool leaving = gw_timer_is_set(&mn->guard);
    int err = gw_mn_begin(mn, &mn->station, gw_maar_seen(m, gw_mn_event(mn)));

    if (err != 0)
        return err;
    gw_timer_stop(m->lm->timers, &mn->refresh);
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a != mn->own)
            gw_mn_drop_anchor(mn, a);
    }
    gw_mn_advertise(mn);
    gw_mn_put(mn);
    answer(m, n, GW_ST_ACCEPTED);
    if (leaving)
        (void)gw_maar_detach(m, &mn->station);
    return 0;
}

static int released(struct gw_maar_mn *mn, const struct notice *n)
{
    struct gw_lm *lm = mn->maar->lm;

    if (mn->on_link && gw_mn_event(mn) > n->timestamp && begin_again(mn, n) == 0)
        return 0;
    owe(mn, n);
    if (mn->state == GW_MN_RELEASING)
        return 0;
    gw_exchange_stop(&mn->ex);
    gw_timer_stop(lm->timers, &mn->refresh);
    gw_timer_stop(lm->timers, &mn->guard);
    gw_timer_stop(lm->timers, &mn->transit);
    mn->state = GW_MN_RELEASING;
    gw_mn_strip(mn);
    gw_mn_set_tag(mn);
    gw_route_drop_prefix(lm, &mn->own->prefix, mn->tag);
    gw_mn_del_record(mn);
    lm->count[GW_CNT_DEREGISTERED]++;
    if (mn->tag == 0) { /* no memory to wait for the packet path */
        gw_mn_answer_owed(mn, GW_ST_ACCEPTED);
        gw_mn_free(mn);
    }
    return 0;
}

static int to_known(struct gw_maar_mn *mn, const struct notice *n)
{
    struct gw_lm *lm = mn->maar->lm;

    if (mn->state == GW_MN_REFUSED || mn->state == GW_MN_LOCAL ||
        !gw_prefix_eq(&mn->own->prefix, &n->hnp)) {
        lm->count[GW_CNT_REFUSED_PREFIX]++;
        answer(mn->maar, n, n->lifetime == 0 ? GW_ST_ACCEPTED : GW_ST_PREFIX_MISMATCH);
        return 0;
    }
    if (stale(mn, n)) {
        lm->count[GW_CNT_STALE]++;
        if (mn->state == GW_MN_PREVIOUS) /* overtaken by a later notice */
            return 0;
        note(mn, n);
        answer(mn->maar, n, GW_ST_ACCEPTED);
        return 0;
    }
    if (n->lifetime == 0)
        return released(mn, n);
    if (mn->state == GW_MN_RELEASING) { /* the CMD has thought better of it */
        mn->maar->lm->count[GW_CNT_STALE]++;
        return 0;
    }
    return moved(mn, n);
}

/* Of two Mesg-IDs of one sender (NTP time, RFC 4285 §6). */
static bool earlier(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

void gw_mn_ended(struct gw_maar *m, const struct gw_mh *mh)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MESGID);

    if (id != NULL && (m->forgot == 0 || earlier(m->forgot, id->u64)))
        m->forgot = id->u64;
}

static int to_unknown(struct gw_maar *m, const struct notice *n)
{
    struct gw_maar_mn *mn;

    if (n->lifetime == 0) {
        answer(m, n, GW_ST_ACCEPTED);
        return 0;
    }
    if (n->mesgid != 0 && m->forgot != 0 && earlier(n->mesgid, m->forgot)) {
        m->lm->count[GW_CNT_STALE]++; /* what still holds is said again */
        return 0;
    }
    gw_maar_vacate(m, &n->hnp);
    mn = recreate(m, n);
    if (mn != NULL)
        return moved(mn, n);
    m->lm->count[GW_CNT_REFUSED_PREFIX]++;
    answer(m, n, GW_ST_HNP_NOT_AUTHORISED);
    return GW_EDENIED;
}

static void read_notice(const struct gw_addr *from, const struct gw_mh *mh, struct notice *n)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID), *hnp = gw_lm_opt(mh, GW_OPT_HNP);
    const struct gw_opt *s = gw_lm_opt(mh, GW_OPT_SERVING_MAAR);
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);
    const struct gw_opt *hi = gw_lm_opt(mh, GW_OPT_HI), *att = gw_lm_opt(mh, GW_OPT_ATT);
    const struct gw_opt *coa = gw_lm_opt(mh, GW_OPT_ALT_COA); /* the Proxy-CoA of the binding */
    const struct gw_opt *mesgid = gw_lm_opt(mh, GW_OPT_MESGID);

    *n = (struct notice){.cmd = *from,
                         .mnid = {.subtype = GW_MNID_NAI},
                         .timestamp = ts != NULL ? ts->u64 : 0,
                         .mesgid = mesgid != NULL ? mesgid->u64 : 0,
                         .seq = mh->bu.seq,
                         .lifetime = mh->bu.lifetime,
                         .hi = hi != NULL ? hi->code : 0,
                         .att = att != NULL ? att->code : 0};
    if (id != NULL)
        n->mnid = id->mnid;
    if (hnp != NULL)
        n->hnp = hnp->prefix;
    if (s != NULL)
        n->serving = s->addr;
    n->copy = coa != NULL && s != NULL && n->lifetime != 0 && gw_addr_eq(&coa->addr, &s->addr);
    size_t it = 0;
    if (n->copy)
        (void)gw_lm_next_previous(mh, &it, &n->next);
}

static uint8_t refusal(struct gw_maar *m, uint8_t status, enum gw_count why)
{
    m->lm->count[why]++;
    return status;
}

/* RFC 5213 §5.3.1 steps 4, 9 and 10 for one that is asked by the CMD; HI and ATT are of no use to
 * an anchor and not insisted on. And it must be told where the node is. */
static uint8_t check(struct gw_maar *m, const struct gw_mh *mh, const struct notice *n)
{
    if (n->mnid.len == 0)
        return refusal(m, GW_ST_MISSING_MNID, GW_CNT_REFUSED_MNID);
    if (n->timestamp == 0)
        return refusal(m, GW_ST_TIMESTAMP_MISMATCH, GW_CNT_REFUSED_TIMESTAMP);
    if (gw_lm_opt(mh, GW_OPT_HNP) == NULL)
        return refusal(m, GW_ST_MISSING_HNP, GW_CNT_REFUSED_OPTION);
    if (n->lifetime == 0)
        return GW_ST_ACCEPTED;
    if (gw_addr_eq(&n->serving, &m->lm->cfg->addr) || !gw_maar_trusts(m, &n->serving))
        return refusal(m, GW_ST_UNSPECIFIED, GW_CNT_REFUSED_PEER);
    return GW_ST_ACCEPTED;
}

int gw_maar_pbu(struct gw_maar *m, const struct gw_addr *from, const struct gw_mh *mh)
{
    struct gw_lm *lm = m->lm;
    struct notice n;

    read_notice(from, mh, &n);
    uint8_t status = check(m, mh, &n);
    if (status != GW_ST_ACCEPTED) {
        bool clock = status == GW_ST_TIMESTAMP_MISMATCH;
        if (gw_lm_refusal(lm->out, mh, status, GW_BA_P | GW_BA_D,
                          clock ? gw_lm_timestamp(lm->now.wall_ns) : 0))
            (void)lm->ops->send(lm->user, GW_ROLE_MAAR, from, lm->out);
        return GW_EDENIED;
    }
    if (n.lifetime == 0)
        gw_mn_ended(m, mh);
    struct gw_binding *b = gw_binding_get(&m->bs, &n.mnid);
    return b != NULL ? to_known(gw_maar_mn(b), &n) : to_unknown(m, &n);
}

int gw_maar_plane_done(struct gw_maar *m, uint64_t tag, int result)
{
    struct gw_maar_mn *mn = gw_table_del(&m->by_tag, &tag);

    if (mn == NULL)
        return GW_ENOENT;
    mn->tag = 0;
    mn->programmed = result == 0;
    if (result != 0)
        m->lm->count[GW_CNT_PLANE_FAILED]++;
    else
        gw_handover_step(gw_mn_row(mn), GW_HO_PLANE_PROGRAMMED, m->lm->now.mono);
    if (result == 0 && mn->state == GW_MN_SERVING)
        gw_handover_step(gw_mn_row(mn), GW_HO_PLANE_COMPLETE, m->lm->now.mono);
    if (mn->state == GW_MN_RELEASING) {
        gw_mn_answer_owed(mn, GW_ST_ACCEPTED);
        gw_mn_free(mn);
    } else if (mn->state == GW_MN_PREVIOUS) {
        gw_mn_answer_owed(mn, result == 0 ? GW_ST_ACCEPTED : GW_ST_NO_RESOURCES);
        if (result != 0) /* a table may have room then, and nothing else asks again */
            gw_mn_guard(mn, m->lm->cfg->timers.max_ack);
    }
    return 0;
}
