/* order.c: see order.h. Retransmission: RFC 5846 §6.3 (exponential, from InitMINDelayBRIs to
 * MAX_BRACK_TIMEOUT, BRIMaxRetriesNumber times), RFC 7077 §5.2 (even, with the flag D).
 */
#include "fn/lm/order.h"

static uint64_t seq_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(uint16_t), seed);
}
static bool seq_eq(const void *key, const void *obj)
{
    return *(const uint16_t *)key == ((const struct gw_order *)obj)->seq;
}
static const void *seq_key(const void *obj)
{
    return &((const struct gw_order *)obj)->seq;
}
static const struct gw_table_ops by_seq_ops = {.hash = seq_hash, .eq = seq_eq, .key = seq_key};

/* A process begins with a number that has nothing to do with those of the process before: the peer
 * may remember these, and take what has the same number for a repetition. */
void gw_orders_init(struct gw_orders *os, struct gw_lm *lm, uint64_t seed)
{
    *os = (struct gw_orders){.lm = lm, .seq = (uint16_t)gw_hash(&seed, sizeof seed, 0)};
    gw_table_init(&os->by_seq, lm->al, &by_seq_ops, GW_ORDERS_MAX, seed);
}

static void drop(struct gw_order *o)
{
    struct gw_lm *lm = o->all->lm;

    gw_timer_stop(lm->timers, &o->timer);
    lm->pending--;
    gw_table_del(&o->all->by_seq, &o->seq);
    gw_free(lm->al, o, o->size);
}

void gw_orders_free(struct gw_orders *os)
{
    struct gw_order *o;

    if (os->by_seq.ops == NULL)
        return;
    for (size_t i = 0; (o = gw_table_next(&os->by_seq, &i)) != NULL;)
        drop(o);
    gw_table_free(&os->by_seq);
}

/* Taken out first: whoever is told may give new orders. */
static void end(struct gw_order *o, enum gw_order_end how, uint8_t status)
{
    struct gw_orders *os = o->all;
    struct gw_lm *lm = os->lm;

    gw_timer_stop(lm->timers, &o->timer);
    lm->pending--;
    gw_table_del(&os->by_seq, &o->seq);
    if (how == GW_ORDER_SILENT)
        lm->count[GW_CNT_ORDER_SILENT]++;
    os->done(os->user, o, how, status);
    gw_free(lm->al, o, o->size);
}

static bool put_names(const struct gw_order *o, struct gw_mh *m)
{
    const struct gw_order_ask *a = &o->ask;
    struct gw_opt *group;

    if (a->mn != NULL && !gw_lm_add_mnid(m, a->mn))
        return false;
    for (size_t i = 0; i < a->np; i++)
        if (!gw_lm_add_prefix(m, GW_OPT_HNP, &a->p[i]))
            return false;
    if (a->kind == GW_ORDER_NOTIFY && a->global) {
        group = gw_mh_add(m, GW_OPT_MN_GROUP);
        if (group == NULL)
            return false;
        group->group.subtype = 1;
        group->group.id = GW_ORDER_GROUP_ALL;
    }
    return a->timestamp == 0 || gw_lm_add_u64(m, GW_OPT_TIMESTAMP, a->timestamp);
}

static void transmit(struct gw_order *o)
{
    struct gw_lm *lm = o->all->lm;
    struct gw_mh *m = lm->out;

    m->nopts = 0;
    if (o->ask.kind == GW_ORDER_REVOKE) {
        m->type = GW_MH_REVOCATION;
        m->br = (struct gw_mh_revocation){.br_type = GW_BR_BRI,
                                          .code = o->ask.trigger,
                                          .seq = o->seq,
                                          .p = true,
                                          .g = o->ask.global};
    } else {
        m->type = GW_MH_UPN;
        m->upn = (struct gw_mh_upn){
            .seq = o->seq, .reason = GW_UPN_REREGISTER, .a = true, .d = o->sent > 0};
    }
    if (o->sent++ > 0)
        lm->count[GW_CNT_RETRANSMIT]++;
    if (put_names(o, m)) /* what cannot be sent is as if lost */
        (void)lm->ops->send(lm->user, o->ask.as, &o->ask.to, m);
}

static void due(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_order *o = t->owner;
    struct gw_lm *lm = o->all->lm;
    const struct gw_cfg_revocation *r = &lm->cfg->revocation;
    const struct gw_cfg_notification *n = &lm->cfg->notification;
    bool revoke = o->ask.kind == GW_ORDER_REVOKE;

    if (o->sent > (revoke ? r->max_retries : n->max_retries)) {
        end(o, GW_ORDER_SILENT, 0);
        return;
    }
    if (revoke) {
        o->wait.ns *= 2;
        if (gw_time_before(r->max_delay, o->wait))
            o->wait = r->max_delay;
    }
    /* setting a timer that has just fired needs no memory */
    (void)gw_timer_set(lm->timers, t, gw_time_add(lm->now.mono, o->wait));
    transmit(o);
}

static struct gw_order *make(struct gw_orders *os, const struct gw_order_ask *ask)
{
    size_t np = ask->np <= GW_ORDER_PREFIXES ? ask->np : 0;
    size_t len = ask->mn != NULL ? ask->mn->len : 0;
    size_t size = sizeof(struct gw_order) + np * sizeof(struct gw_prefix) + len;
    struct gw_order *o = gw_new(os->lm->al, size);

    if (o == NULL)
        return NULL;
    o->size = size;
    o->all = os;
    o->ask = *ask;
    o->ask.np = np;
    o->ask.p = o->p;
    if (np != 0)
        memcpy(o->p, ask->p, np * sizeof *o->p);
    if (ask->mn != NULL) {
        uint8_t *id = (uint8_t *)(o->p + np);
        memcpy(id, ask->mn->id, len);
        o->mn = (struct gw_mnid){.subtype = ask->mn->subtype, .len = (uint8_t)len, .id = id};
        o->ask.mn = &o->mn;
    }
    return o;
}

bool gw_orders_room(const struct gw_orders *os, size_t n)
{
    return gw_table_count(&os->by_seq) + n <= GW_ORDERS_MAX;
}

int gw_orders_give(struct gw_orders *os, const struct gw_order_ask *ask)
{
    struct gw_lm *lm = os->lm;

    if (!gw_lm_room(lm, 1))
        return GW_EFULL;
    struct gw_order *o = make(os, ask);
    if (o == NULL) {
        lm->count[GW_CNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    do
        o->seq = ++os->seq;
    while (gw_table_get(&os->by_seq, &o->seq) != NULL);
    o->wait = ask->kind == GW_ORDER_REVOKE ? lm->cfg->revocation.initial_delay
                                           : lm->cfg->notification.min_delay;
    o->timer.fire = due;
    o->timer.owner = o;
    int err = gw_table_put(&os->by_seq, o);
    if (err == 0) {
        err = gw_timer_set(lm->timers, &o->timer, gw_time_add(lm->now.mono, o->wait));
        if (err != 0)
            gw_table_del(&os->by_seq, &o->seq);
    }
    if (err != 0) {
        lm->count[err == GW_EFULL ? GW_CNT_LIMIT_PENDING : GW_CNT_NO_MEMORY]++;
        gw_free(lm->al, o, o->size);
        return err;
    }
    lm->pending++;
    transmit(o);
    return 0;
}

static bool about(const struct gw_order *o, const struct gw_mnid *mn)
{
    return o->ask.kind == GW_ORDER_REVOKE && o->ask.session && gw_mnid_eq(&o->mn, mn);
}

void gw_orders_overtaken(struct gw_orders *os, const struct gw_mnid *mn)
{
    struct gw_order *o;

    if (gw_table_count(&os->by_seq) == 0) /* every registration asks */
        return;
    for (size_t i = 0; (o = gw_table_next(&os->by_seq, &i)) != NULL;)
        if (about(o, mn))
            end(o, GW_ORDER_OVERTAKEN, 0);
}

int gw_orders_answer(struct gw_orders *os, const struct gw_addr *from, const struct gw_mh *mh)
{
    bool bra = mh->type == GW_MH_REVOCATION;
    uint16_t seq = bra ? mh->br.seq : mh->upa.seq;
    struct gw_order *o = gw_table_get(&os->by_seq, &seq);

    if (o == NULL || bra != (o->ask.kind == GW_ORDER_REVOKE) || !gw_addr_eq(&o->ask.to, from) ||
        (bra && (!mh->br.p || mh->br.v || mh->br.g != o->ask.global))) {
        os->lm->count[GW_CNT_UNMATCHED]++;
        return GW_ENOENT;
    }
    end(o, GW_ORDER_ANSWERED, bra ? mh->br.code : mh->upa.status);
    return 0;
}

bool gw_orders_error(struct gw_orders *os, const struct gw_addr *from)
{
    struct gw_order *o;
    bool any = false;

    for (size_t i = 0; (o = gw_table_next(&os->by_seq, &i)) != NULL;) {
        if (!gw_addr_eq(&o->ask.to, from))
            continue;
        end(o, GW_ORDER_UNSUPPORTED, 0);
        any = true;
    }
    return any;
}
