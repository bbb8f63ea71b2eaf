/* operate.c: Binding Revocation (RFC 5846) and Update Notification (RFC 7077) at a node: what the
 * operator asks for, and the four messages. A node is told by those above it only (its CMD, an
 * LMA); what a MAAR or a MAG may revoke, its sessions at the CMD or LMA, is that peer's permission.
 *
 * A message that comes again because its answer was lost is answered again and does nothing: the
 * last ones of each peer are remembered for as long as a peer would repeat them.
 */
#include "node/node_int.h"

#define REPEATS_WITHIN GW_SEC(30)

static int refused(struct gw_node *n, enum gw_count why)
{
    n->lm.count[why]++;
    return GW_EDENIED;
}

/* A peer that has restarted may begin with a number that it had before: the attachment that is
 * meant tells the two apart. */
static uint64_t fingerprint(const struct gw_mh *m)
{
    uint64_t h = gw_hash(&m->br.code, 1, 1);

    for (uint16_t i = 0; i < m->nopts; i++) {
        const struct gw_opt *o = &m->opt[i];
        if (o->type == GW_OPT_MNID)
            h = gw_hash(o->mnid.id, o->mnid.len, h);
        else if (o->type == GW_OPT_HNP)
            h = gw_hash(o->prefix.addr.b, sizeof o->prefix.addr.b, h);
        else if (o->type == GW_OPT_TIMESTAMP)
            h = gw_hash(&o->u64, sizeof o->u64, h);
    }
    return h;
}

static struct gw_said *said(struct gw_peer *p, uint16_t seq)
{
    return &p->talk->said[seq % GW_SAID];
}

static bool repeated(const struct gw_node *n, const struct gw_said *s, uint16_t seq, uint64_t print)
{
    return s->known && s->seq == seq && s->print == print &&
           gw_time_before(n->lm.now.mono, gw_time_add(s->at, REPEATS_WITHIN));
}

static void remember(const struct gw_node *n, struct gw_said *s, uint16_t seq, uint64_t print,
                     uint8_t status)
{
    *s = (struct gw_said){
        .known = true, .seq = seq, .print = print, .status = status, .at = n->lm.now.mono};
}

/* Is it an LMA, and this node a MAG of it? */
static bool is_lma(const struct gw_node *n, const struct gw_peer *p)
{
    return (n->cfg->roles & GW_ROLE_MAG) != 0 && (p->cfg->roles & GW_ROLE_LMA) != 0;
}

/* In which role a revocation of this peer is for this node; 0: it has no business with it. */
static enum gw_role told_as(const struct gw_node *n, const struct gw_peer *p, unsigned to)
{
    if ((to & GW_ROLE_MAAR) != 0 && gw_addr_eq(&p->cfg->addr, &n->cfg->cmd))
        return GW_ROLE_MAAR;
    if ((to & GW_ROLE_MAG) != 0 && (p->cfg->roles & GW_ROLE_LMA) != 0)
        return GW_ROLE_MAG;
    if ((to & GW_ROLE_CMD) != 0 && (p->cfg->roles & GW_ROLE_MAAR) != 0)
        return GW_ROLE_CMD;
    return (to & GW_ROLE_LMA) != 0 && (p->cfg->roles & GW_ROLE_MAG) != 0 ? GW_ROLE_LMA
                                                                         : (enum gw_role)0;
}

static bool has_options(const struct gw_mh *m)
{
    for (uint16_t i = 0; i < m->nopts; i++)
        if (m->opt[i].type != GW_OPT_MESGID && m->opt[i].type != GW_OPT_AUTH)
            return true;
    return false;
}

/* All that is shared with the peer, or a realm of it (§8.2, §9.1). */
static uint8_t check_global(const struct gw_peer *p, enum gw_role as, const struct gw_revocation *r)
{
    bool central = as == GW_ROLE_CMD || as == GW_ROLE_LMA;
    const char *name = p->cfg->name;

    if (r->trigger == GW_BR_LOCAL_POLICY && (central || r->mn == NULL))
        return central ? GW_BRA_FUNCTION_UNSUPPORTED : GW_BRA_IDENTITY_REQUIRED;
    if (!central && r->trigger == GW_BR_PER_PEER && has_options(r->mh))
        return GW_BRA_FUNCTION_UNSUPPORTED;
    if (!central)
        return GW_BRA_SUCCESS;
    if (!p->cfg->bulk || r->mn == NULL || r->mn->subtype != GW_MNID_NAI ||
        r->mn->len != strlen(name) || memcmp(r->mn->id, name, r->mn->len) != 0)
        return GW_BRA_GLOBAL_NOT_AUTHORISED;
    return GW_BRA_SUCCESS;
}

/* Does the realm name anybody here? */
static bool anybody(const struct gw_node *n, const struct gw_revocation *r, enum gw_role as)
{
    const struct gw_bindings *bs = as == GW_ROLE_MAAR ? &n->maar.bs : &n->mag.bs;
    const struct gw_binding *b;

    if (r->trigger != GW_BR_LOCAL_POLICY)
        return true;
    for (size_t i = 0; (b = gw_table_next(&bs->by_mnid, &i)) != NULL;)
        if (gw_revocation_realm(r->mn, &b->mnid))
            return true;
    return false;
}

/* The status of the BRA; an operation that is under way answers itself: *later. */
static uint8_t obey(struct gw_node *n, struct gw_peer *p, enum gw_role as, struct gw_revocation *r,
                    bool *later)
{
    uint8_t status;

    if (r->global) {
        status = check_global(p, as, r);
        if (status != GW_BRA_SUCCESS)
            return status;
        if (!anybody(n, r, as))
            return GW_BRA_IDENTITY_REQUIRED;
        *later = true;
        if (as == GW_ROLE_MAAR)
            gw_mn_ended(&n->maar, r->mh);
        return gw_operation_obey(&n->operations, p->cfg, as, r) == 0 ? GW_BRA_SUCCESS : UINT8_MAX;
    }
    switch (as) {
    case GW_ROLE_MAAR:
        status = gw_maar_revoke(&n->maar, r);
        if (status != GW_BRA_NO_BINDING || !is_lma(n, p))
            return status;
        return gw_mag_revoke(&n->mag, &p->cfg->addr, r); /* it is both CMD and LMA */
    case GW_ROLE_MAG:
        return gw_mag_revoke(&n->mag, &p->cfg->addr, r);
    case GW_ROLE_LMA:
        return gw_lma_revoked_by(&n->lma, &p->cfg->addr, r);
    case GW_ROLE_CMD:
    case GW_ROLE_D_ROUTER:
    case GW_ROLE_D_FORWARDER:
    case GW_ROLE_METRIC_AGENT:
    case GW_ROLE_PATH_SELECTOR:
    case GW_ROLE_LOCATION_SERVER:
        break;
    }
    return GW_BRA_FUNCTION_UNSUPPORTED; /* a MAAR de-registers a mobile node */
}

static int bri(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    struct gw_mh_revocation in = n->in.br;
    enum gw_role as = told_as(n, p, to);
    uint64_t print = fingerprint(&n->in);
    struct gw_said *s = said(p, in.seq);
    struct gw_revocation r;
    bool later = false;

    if (as == 0)
        return refused(n, GW_CNT_WRONG_ROLE);
    if (repeated(n, s, in.seq, print)) {
        gw_revocation_answer(&n->lm, as, &p->cfg->addr, &in, s->status, NULL);
        return 0;
    }
    uint8_t status = gw_revocation_read(&n->in, &r);
    if (status == GW_BRA_SUCCESS)
        status = obey(n, p, as, &r, &later);
    if (status == UINT8_MAX)
        return GW_EFULL; /* it comes again */
    if (later && status == GW_BRA_SUCCESS)
        return 0;
    remember(n, s, in.seq, print, status);
    gw_revocation_answer(&n->lm, as, &p->cfg->addr, &in, status, &r);
    if (status < 128)
        return 0;
    n->lm.count[GW_CNT_REFUSED_BRI]++;
    return GW_EDENIED;
}

static void answer_upn(struct gw_node *n, struct gw_peer *p, enum gw_role as, uint8_t status)
{
    const struct gw_opt *id = gw_lm_opt(&n->in, GW_OPT_MNID);
    const struct gw_opt *group = gw_lm_opt(&n->in, GW_OPT_MN_GROUP);
    struct gw_mh *m = &n->out;
    bool fits = true;

    m->type = GW_MH_UPA;
    m->nopts = 0;
    m->upa = (struct gw_mh_upa){.seq = n->in.upn.seq, .status = status};
    if (id != NULL)
        fits = gw_lm_add_mnid(m, &id->mnid);
    if (fits && group != NULL) {
        struct gw_opt *o = gw_mh_add(m, GW_OPT_MN_GROUP);
        fits = o != NULL;
        if (fits)
            o->group = group->group;
    }
    if (fits)
        (void)gw_signal_send(n, as, &p->cfg->addr, m);
}

static bool reregister(struct gw_node *n, const struct gw_peer *p, enum gw_role as)
{
    const struct gw_opt *id = gw_lm_opt(&n->in, GW_OPT_MNID);
    const struct gw_opt *group = gw_lm_opt(&n->in, GW_OPT_MN_GROUP);

    if (id != NULL)
        return as == GW_ROLE_MAAR ? gw_maar_reregister(&n->maar, &id->mnid)
                                  : gw_mag_reregister(&n->mag, &p->cfg->addr, &id->mnid);
    if (group == NULL || group->group.id != GW_ORDER_GROUP_ALL)
        return false; /* no other group is agreed on */
    if (as == GW_ROLE_MAAR)
        gw_maar_resync(&n->maar);
    else
        gw_mag_resync(&n->mag, &p->cfg->addr);
    return true;
}

/* RFC 7077 §6.1. There are no session parameters and no vendor's reasons here. */
static uint8_t act_on(struct gw_node *n, const struct gw_peer *p, enum gw_role as)
{
    switch (n->in.upn.reason) {
    case GW_UPN_REREGISTER:
        return reregister(n, p, as) ||
                       (as == GW_ROLE_MAAR && is_lma(n, p) && reregister(n, p, GW_ROLE_MAG))
                   ? GW_UPA_SUCCESS
                   : GW_UPA_FAILED;
    case GW_UPN_VENDOR:
        return gw_lm_opt(&n->in, GW_OPT_VENDOR) != NULL ? GW_UPA_FAILED : GW_UPA_VENDOR_MISSING;
    default: /* a value of the wire */
        return GW_UPA_FAILED;
    }
}

static int upn(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    uint16_t seq = n->in.upn.seq;
    enum gw_role as = told_as(n, p, to & (GW_ROLE_MAAR | GW_ROLE_MAG));
    bool again = p->talk->upn.known && p->talk->upn.seq == seq && n->in.upn.d;
    uint8_t status;

    if (as == 0)
        return refused(n, GW_CNT_WRONG_ROLE);
    if (again && n->in.upn.a)
        status = p->talk->upn.status; /* its answer was lost */
    else
        status = act_on(n, p, as);
    remember(n, &p->talk->upn, seq, 0, status);
    if (n->in.upn.a)
        answer_upn(n, p, as, status);
    if (status < 128)
        return 0;
    gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "update-impossible",
           "a notification of %s with reason %u: %s", p->cfg->name, n->in.upn.reason,
           gw_mh_upa_status_name(status));
    return refused(n, GW_CNT_REFUSED_UPN);
}

int gw_operate_input(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    switch (n->in.type) {
    case GW_MH_REVOCATION:
        if (n->in.br.br_type == GW_BR_BRI)
            return bri(n, p, to);
        if (n->in.br.br_type == GW_BR_BRA)
            return gw_orders_answer(&n->operations.orders, &p->cfg->addr, &n->in);
        break;
    case GW_MH_UPN:
        return upn(n, p, to);
    case GW_MH_UPA:
        return gw_orders_answer(&n->operations.orders, &p->cfg->addr, &n->in);
    default: /* a value of the wire */
        break;
    }
    n->lm.count[GW_CNT_IGNORED]++;
    return GW_EINVAL;
}

static int revoke(struct gw_node *n, const struct gw_operate *o, uint64_t *number)
{
    if (o->mnid != NULL)
        return gw_operation_revoke(&n->operations, o->mnid,
                                   o->hold.ns < 0 ? n->cfg->revocation.hold : o->hold, number);
    const struct gw_peer *p = gw_peer_get(n, o->peer);
    if (p == NULL)
        return GW_ENOENT;
    return gw_operation_revoke_peer(&n->operations, p->cfg,
                                    o->hold.ns < 0 ? (struct gw_time){0} : o->hold, number);
}

static int notify(struct gw_node *n, const struct gw_operate *o, uint64_t *number)
{
    if (o->mnid != NULL)
        return gw_operation_notify(&n->operations, o->mnid, number);
    const struct gw_peer *p = gw_peer_get(n, o->peer);
    return p != NULL ? gw_operation_notify_peer(&n->operations, p->cfg, number) : GW_ENOENT;
}

int gw_node_operate(struct gw_node *n, const struct gw_operate *o, struct gw_now now,
                    uint64_t *number)
{
    int err = GW_EINVAL;

    *number = 0;
    gw_clock_set(n, now);
    gw_queue_recycle(&n->queue);
    if (!n->started)
        return GW_EINVAL;
    if (gw_queue_reserve(&n->queue) != 0) {
        n->lm.count[GW_CNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    switch (o->kind) {
    case GW_OPERATE_REVOKE:
        err = revoke(n, o, number);
        break;
    case GW_OPERATE_NOTIFY:
        err = notify(n, o, number);
        break;
    case GW_OPERATE_ALLOW: /* a mobile node, by name */
        err = o->mnid != NULL ? gw_hold_end(&n->operations.holds, o->mnid) : GW_EINVAL;
        break;
    }
    gw_signal_drain(n);
    return err;
}
