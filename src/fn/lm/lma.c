/* lma.c: PBUs of MAGs at the LMA: the checks in the order of RFC 5213 §5.3.1, what the lookup
 * (lma_lookup.c) then makes of them, and the PBAs (§5.3.6). What becomes of sessions is in
 * lma_session.c.
 */
#include "fn/lm/lma.h"

#include "base/text.h"
#include "fn/lm/hold.h"

struct gw_lma_session *gw_lma_session(struct gw_binding *b)
{
    return (struct gw_lma_session *)b; /* its head */
}

void gw_lma_init(struct gw_lma *l, struct gw_lm *lm, struct gw_pools *pools, uint64_t seed)
{
    *l = (struct gw_lma){.lm = lm, .pools = pools, .bs = {.several = true}};
    gw_bindings_init(&l->bs, lm, lm->cfg->limits.bindings, seed);
}

/* §5.3.6: what came comes back, whatever the status; what did not is zero. */
static bool begin_answer(struct gw_lma *l, const struct gw_lma_request *q, uint8_t status,
                         uint16_t lifetime)
{
    struct gw_mh *m = l->lm->out;

    m->type = GW_MH_BA;
    m->nopts = 0;
    m->ba =
        (struct gw_mh_ba){.status = status, .flags = GW_BA_P, .seq = q->seq, .lifetime = lifetime};
    return gw_lm_add_mnid(m, &q->id);
}

static bool end_answer(struct gw_lma *l, const struct gw_lma_request *q, uint64_t ts,
                       const struct gw_addr *link_local)
{
    struct gw_mh *m = l->lm->out;

    return gw_lm_add_code(m, GW_OPT_HI, q->hi) && gw_lm_add_code(m, GW_OPT_ATT, q->att) &&
           (!q->has_ts || gw_lm_add_u64(m, GW_OPT_TIMESTAMP, ts)) &&
           (!q->has_llid || gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &q->llid)) &&
           (!q->has_link_local || gw_lm_add_addr(m, GW_OPT_LINK_LOCAL, link_local));
}

static void send_answer(struct gw_lma *l, const struct gw_lma_request *q)
{
    (void)l->lm->ops->send(l->lm->user, GW_ROLE_LMA, &q->from, l->lm->out);
}

int gw_lma_accept(struct gw_lma *l, const struct gw_lma_request *q, const struct gw_lma_session *s,
                  uint16_t lifetime)
{
    bool fits = begin_answer(l, q, GW_ST_ACCEPTED, lifetime);

    for (const struct gw_anchor *a = s->b.anchors; a != NULL && fits; a = a->next)
        fits = gw_lm_add_prefix(l->lm->out, GW_OPT_HNP, &a->prefix);
    if (fits && end_answer(l, q, q->ts, &s->b.anchors->link_local))
        send_answer(l, q);
    return 0;
}

/* The Timestamp of a PBA that refuses one is this node's time (§5.5 (8), (9)). A wrong sequence
 * number is answered with the last accepted one (RFC 6275 §9.5.1), which the caller puts in q. */
int gw_lma_refuse(struct gw_lma *l, const struct gw_lma_request *q, uint8_t status,
                  enum gw_count why)
{
    struct gw_lm *lm = l->lm;
    bool clock = status == GW_ST_TIMESTAMP_LOWER || status == GW_ST_TIMESTAMP_MISMATCH;
    uint16_t most = q->nhnp < GW_LMA_PREFIXES_MAX ? q->nhnp : GW_LMA_PREFIXES_MAX;
    char text[GW_MNID_TEXT_MAX];
    bool fits = begin_answer(l, q, status, 0);

    lm->count[why]++;
    gw_log(lm->log, GW_LOG_NOTICE, GW_CAT_LM, "pbu-refused", "%s: %s (%u)",
           gw_fmt_mnid(&q->id, text), gw_mh_status_name(status), status);
    for (uint16_t i = 0; i < most && fits; i++)
        fits = gw_lm_add_prefix(lm->out, GW_OPT_HNP, &q->hnp[i]);
    if (q->nhnp == 0 && fits)
        fits = gw_lm_add_prefix(lm->out, GW_OPT_HNP, &(struct gw_prefix){0});
    if (fits && end_answer(l, q, clock ? gw_lm_timestamp(lm->now.wall_ns) : q->ts, &q->link_local))
        send_answer(l, q);
    return GW_EDENIED;
}

static void read_request(const struct gw_mh *mh, const struct gw_cfg_peer *peer,
                         struct gw_lma_request *q)
{
    *q = (struct gw_lma_request){.id = {.subtype = GW_MNID_NAI},
                                 .from = peer->addr,
                                 .coa = peer->addr,
                                 .seq = mh->bu.seq,
                                 .lifetime = mh->bu.lifetime};
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID), *coa = gw_lm_opt(mh, GW_OPT_ALT_COA);
    const struct gw_opt *hi = gw_lm_opt(mh, GW_OPT_HI), *att = gw_lm_opt(mh, GW_OPT_ATT);
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP), *o;
    const struct gw_opt *llid = gw_lm_opt(mh, GW_OPT_MN_LLID);
    const struct gw_opt *ll = gw_lm_opt(mh, GW_OPT_LINK_LOCAL);

    if (id != NULL)
        q->id = id->mnid;
    if (coa != NULL)
        q->coa = coa->addr;
    q->has_hi = hi != NULL;
    q->hi = hi != NULL ? hi->code : 0;
    q->has_att = att != NULL;
    q->att = att != NULL ? att->code : 0;
    q->has_ts = ts != NULL;
    q->ts = ts != NULL ? ts->u64 : 0;
    q->has_llid = llid != NULL;
    if (llid != NULL)
        q->llid = llid->lladdr;
    q->has_link_local = ll != NULL;
    if (ll != NULL)
        q->link_local = ll->addr;
    for (size_t it = 0; (o = gw_mh_opt(mh, GW_OPT_HNP, &it)) != NULL; q->nhnp++)
        if (q->nhnp < GW_LMA_PREFIXES_MAX)
            q->hnp[q->nhnp] = o->prefix;
}

/* Whoever the traffic goes to must be a MAG of the configuration. */
static bool may_register(const struct gw_lma *l, const struct gw_cfg_peer *peer,
                         const struct gw_lma_request *q)
{
    const struct gw_cfg_peer *to = l->lm->ops->peer(l->lm->user, &q->coa);

    return (peer->roles & GW_ROLE_MAG) != 0 && gw_lm_peer_may(peer, &q->id) && to != NULL &&
           (to->roles & GW_ROLE_MAG) != 0;
}

/* §5.3.1, steps 4 to 8. 0, or the answer has been sent. */
static int check_who(struct gw_lma *l, const struct gw_cfg_peer *peer,
                     const struct gw_lma_request *q)
{
    if (q->id.len == 0)
        return gw_lma_refuse(l, q, GW_ST_MISSING_MNID, GW_CNT_REFUSED_MNID);
    if (!may_register(l, peer, q))
        return gw_lma_refuse(l, q, GW_ST_MAG_NOT_AUTHORISED, GW_CNT_REFUSED_PEER);
    if (q->lifetime == 0)
        return 0; /* who is no longer allowed may still leave */
    if (gw_hold_has(l->lm->holds, &q->id))
        return gw_lma_refuse(l, q, GW_ST_PROHIBITED, GW_CNT_REFUSED_HELD);
    const struct gw_cfg_policy *row = gw_lm_policy(l->lm->cfg, &q->id, &q->llid);
    if (row != NULL && row->allow)
        return 0;
    return gw_lma_refuse(l, q, row != NULL ? GW_ST_PROXY_NOT_ENABLED : GW_ST_NOT_LMA_FOR_MN,
                         GW_CNT_REFUSED_POLICY);
}

/* The very message again: its answer was lost. */
static bool again(const struct gw_lma_request *q, const struct gw_binding *b)
{
    return q->ts != 0 && b->attached == q->ts && b->seq == q->seq &&
           gw_addr_eq(&b->serving, &q->coa);
}

/* §5.5 (6), (8), (9): near to the own clock, and later than all accepted before. */
static int check_timestamp(struct gw_lma *l, const struct gw_lma_request *q)
{
    uint64_t now = gw_lm_timestamp(l->lm->now.wall_ns);
    uint64_t off = q->ts > now ? q->ts - now : now - q->ts;
    uint64_t most = gw_lm_timestamp_span(l->lm->cfg->pmip.timestamp_validity);

    for (struct gw_binding *b = gw_binding_get(&l->bs, &q->id); b != NULL; b = b->next) {
        if (again(q, b))
            return 0;
        if (q->ts < b->attached)
            return gw_lma_refuse(l, q, GW_ST_TIMESTAMP_LOWER, GW_CNT_REFUSED_TIMESTAMP);
        if (q->ts == b->attached)
            return gw_lma_refuse(l, q, GW_ST_TIMESTAMP_MISMATCH, GW_CNT_REFUSED_TIMESTAMP);
    }
    if (off <= most)
        return 0;
    return gw_lma_refuse(l, q, GW_ST_TIMESTAMP_MISMATCH, GW_CNT_REFUSED_TIMESTAMP);
}

/* RFC 6275 §9.5.1, for the session that the request is about. */
static int check_sequence(struct gw_lma *l, struct gw_lma_request *q)
{
    struct gw_lma_session *s;
    enum gw_lma_verdict v = gw_lma_lookup(l, q, &s);

    if (v != GW_LMA_UPDATE || (int16_t)(q->seq - s->b.seq) > 0)
        return 0;
    q->seq = s->b.seq;
    return gw_lma_refuse(l, q, GW_ST_SEQUENCE, GW_CNT_REFUSED_SEQUENCE);
}

/* Steps 10 to 12. */
static int check_options(struct gw_lma *l, const struct gw_lma_request *q)
{
    if (q->nhnp == 0)
        return gw_lma_refuse(l, q, GW_ST_MISSING_HNP, GW_CNT_REFUSED_OPTION);
    if (!q->has_hi)
        return gw_lma_refuse(l, q, GW_ST_MISSING_HI, GW_CNT_REFUSED_OPTION);
    if (!q->has_att)
        return gw_lma_refuse(l, q, GW_ST_MISSING_ATT, GW_CNT_REFUSED_OPTION);
    if (q->nhnp > GW_LMA_PREFIXES_MAX)
        return gw_lma_refuse(l, q, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
    return 0;
}

int gw_lma_enter(struct gw_lma *l, const struct gw_lma_request *q, struct gw_lma_session *s)
{
    uint8_t status = s != NULL ? gw_lma_update(s, q) : gw_lma_create(l, q, &s);

    if (status == GW_ST_ACCEPTED)
        return 0;
    return gw_lma_refuse(l, q, status,
                         status == GW_ST_NO_RESOURCES ? GW_CNT_REFUSED_RESOURCES
                                                      : GW_CNT_REFUSED_PREFIX);
}

/* Does a MAG that does not serve it say that nothing has changed? */
static bool from_elsewhere(const struct gw_lma_session *s, const struct gw_lma_request *q)
{
    return q->hi == GW_HI_REREGISTRATION && !s->leaving && !gw_addr_eq(&s->b.serving, &q->coa);
}

/* A PBU about a session that there is. */
static int act_on(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    if (q->lifetime == 0)
        return gw_lma_leave(s, q);
    if (from_elsewhere(s, q))
        return gw_lma_refuse(s->lma, q, GW_ST_TIMESTAMP_LOWER, GW_CNT_REFUSED_ELSEWHERE);
    return gw_lma_enter(s->lma, q, s);
}

/* Step 13. */
static int act(struct gw_lma *l, const struct gw_lma_request *q)
{
    struct gw_lma_session *s;

    switch (gw_lma_lookup(l, q, &s)) {
    case GW_LMA_NEW:
        return gw_lma_enter(l, q, NULL);
    case GW_LMA_UPDATE:
        return act_on(s, q);
    case GW_LMA_WAIT:
        if (l->lm->cfg->pmip.max_before_assign.ns == 0 || gw_lma_hold(s, q) != 0)
            return gw_lma_enter(l, q, NULL);
        return 0;
    case GW_LMA_NOT_AUTHORISED:
        return gw_lma_refuse(l, q, GW_ST_HNP_NOT_AUTHORISED, GW_CNT_REFUSED_PREFIX);
    case GW_LMA_MISMATCH:
        if (from_elsewhere(s, q))
            return gw_lma_refuse(l, q, GW_ST_TIMESTAMP_LOWER, GW_CNT_REFUSED_ELSEWHERE);
        return gw_lma_refuse(l, q, GW_ST_PREFIX_MISMATCH, GW_CNT_REFUSED_PREFIX_SET);
    case GW_LMA_NONE:
        break;
    }
    l->lm->count[GW_CNT_STALE]++;
    return GW_ENOENT;
}

int gw_lma_pbu(struct gw_lma *l, const struct gw_cfg_peer *peer, const struct gw_mh *mh)
{
    struct gw_lma_request q;

    read_request(mh, peer, &q);
    if ((mh->bu.flags & GW_BU_D) != 0)
        return gw_lma_refuse(l, &q, GW_ST_PROHIBITED, GW_CNT_REFUSED_RFC8885);
    int err = check_who(l, peer, &q);
    if (err == 0)
        err = q.has_ts ? check_timestamp(l, &q) : check_sequence(l, &q);
    if (err == 0)
        err = check_options(l, &q);
    return err != 0 ? err : act(l, &q);
}
