/* lm.c: retransmission (RFC 8885 §3.6, RFC 6275 §11.8), policy, and the options both halves build
 * and read. What a message means is in maar*.c and cmd*.c.
 */
#include "fn/lm/lm.h"

#include "base/text.h"

bool gw_lm_room(struct gw_lm *lm, uint32_t n)
{
    if (lm->pending + n <= lm->cfg->limits.pending)
        return true;
    lm->count[GW_CNT_LIMIT_PENDING]++;
    return false;
}

#define SECOND_MS 1000

/* RFC 6275 MAX_UPDATE_RATE, per binding and peer. Then the end of the second is *until. */
static bool over_rate(struct gw_exchange *x, const struct gw_lm *lm, struct gw_time *until)
{
    uint32_t most = lm->cfg->timers.max_update_rate;
    int64_t ms = lm->now.mono.ns / GW_MSEC(1).ns;
    int32_t passed = (int32_t)((uint32_t)ms - x->window); /* -1: within the millisecond */

    if (x->in_window == 0 || passed < -1 || passed >= SECOND_MS) {
        x->window = (uint32_t)ms + (lm->now.mono.ns % GW_MSEC(1).ns != 0);
        x->in_window = 0;
    }
    *until = GW_MSEC(ms + SECOND_MS - passed);
    return most != 0 && x->in_window >= most;
}

static struct gw_time backoff(struct gw_exchange_run *run)
{
    struct gw_time at = gw_time_add(run->lm->now.mono, run->wait);
    struct gw_time twice = gw_time_add(run->wait, run->wait);
    struct gw_time most = run->lm->cfg->timers.max_ack;

    run->wait = gw_time_before(twice, most) ? twice : most;
    return at;
}

/* The timer is set before the message leaves: the heap has room for it already when it fires, and
 * a message whose retransmission could not be armed never leaves. */
static int transmit(struct gw_exchange_run *run)
{
    struct gw_exchange *x = run->x;
    struct gw_lm *lm = run->lm;
    struct gw_time until;

    if (over_rate(x, lm, &until)) {
        lm->count[GW_CNT_RATE_DELAYED]++;
        run->held = true;
        return gw_timer_set(lm->timers, &run->timer, until);
    }
    run->held = false;
    int err = gw_timer_set(lm->timers, &run->timer, backoff(run));
    if (err != 0)
        return err;
    x->in_window++;
    lm->unsent = false;
    run->transmit(run->timer.owner);
    if (lm->unsent) { /* it was no attempt: the first one comes when the way is clear */
        run->held = true;
        run->wait = lm->cfg->timers.initial_ack;
    }
    return 0;
}

static void fire(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_exchange_run *x =
        (struct gw_exchange_run *)((char *)t - offsetof(struct gw_exchange_run, timer));

    if (!x->held)
        x->lm->count[GW_CNT_RETRANSMIT]++;
    (void)transmit(x); /* setting a timer that has just fired needs no memory */
}

/* NULL with *err: no room, no memory. */
static struct gw_exchange_run *begin(struct gw_exchange *x, struct gw_lm *lm, int *err)
{
    *err = GW_EFULL;
    if (!gw_lm_room(lm, 1))
        return NULL;
    x->run = gw_new(lm->al, sizeof *x->run);
    *err = GW_ENOMEM;
    if (x->run == NULL)
        return NULL;
    x->run->x = x;
    x->run->lm = lm;
    x->pending = true;
    lm->pending++;
    return x->run;
}

int gw_exchange_start(struct gw_exchange *x, struct gw_lm *lm, uint16_t seq,
                      void (*send)(void *owner), void *owner, struct gw_time delay)
{
    int err = 0;
    struct gw_exchange_run *run = x->pending ? x->run : begin(x, lm, &err);

    if (run == NULL)
        return err;
    x->seq = seq;
    run->transmit = send;
    run->wait = lm->cfg->timers.initial_ack;
    run->timer.fire = fire;
    run->timer.owner = owner;
    run->held = delay.ns != 0;
    if (run->held)
        err = gw_timer_set(lm->timers, &run->timer, gw_time_add(lm->now.mono, delay));
    else
        err = transmit(run);
    if (err != 0)
        gw_exchange_stop(x);
    return err;
}

bool gw_exchange_sent(const struct gw_exchange *x, struct gw_time since)
{
    uint32_t from = (uint32_t)(since.ns / GW_MSEC(1).ns);

    return x->in_window != 0 && (int32_t)(x->window + SECOND_MS - from) >= 0;
}

void gw_exchange_stop(struct gw_exchange *x)
{
    struct gw_exchange_run *run = x->run;

    if (!x->pending)
        return;
    x->pending = false;
    x->run = NULL;
    run->lm->pending--;
    gw_timer_stop(run->lm->timers, &run->timer);
    gw_free(run->lm->al, run, sizeof *run);
}

bool gw_exchange_matches(const struct gw_exchange *x, uint16_t seq)
{
    return x->pending && x->seq == seq;
}

uint64_t gw_lm_timestamp(int64_t wall_ns)
{
    uint64_t ns = wall_ns > 0 ? (uint64_t)wall_ns : 0;
    uint64_t frac = (ns % 1000000000u << 16) / 1000000000u;

    return ns / 1000000000u << 16 | frac;
}

int64_t gw_lm_timestamp_ns(uint64_t timestamp)
{
    uint64_t s = timestamp >> 16, frac = timestamp & 0xffff;

    return s < INT64_MAX / 1000000000
               ? (int64_t)(s * 1000000000u + ((frac * 1000000000u + 0xffff) >> 16))
               : INT64_MAX;
}

uint64_t gw_lm_timestamp_span(struct gw_time t)
{
    return gw_lm_timestamp(t.ns);
}

/* A glob with * and ?, ASCII letters without case; linear but for backtracking to the last star. */
static bool glob(const char *p, const char *s)
{
    const char *star = NULL, *mark = NULL;

    while (*s != '\0') {
        char a = *p, b = *s;
        a = (char)(a >= 'A' && a <= 'Z' ? a + 32 : a);
        b = (char)(b >= 'A' && b <= 'Z' ? b + 32 : b);
        if (*p == '*') {
            star = p++;
            mark = s;
        } else if (*p == '?' || (*p != '\0' && a == b)) {
            p++;
            s++;
        } else if (star != NULL) {
            p = star + 1;
            s = ++mark;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return *p == '\0';
}

const struct gw_cfg_policy *gw_lm_policy(const struct gw_config *cfg, const struct gw_mnid *mn,
                                         const struct gw_lladdr *ll)
{
    char lltext[GW_TEXT_MAX], mntext[GW_MNID_TEXT_MAX];

    gw_fmt_lladdr(ll, lltext);
    gw_fmt_mnid(mn, mntext);
    for (size_t i = 0; i < cfg->npolicy; i++) {
        const struct gw_cfg_policy *p = &cfg->policy[i];
        bool hit = false;
        switch (p->match) {
        case GW_MATCH_ANY:
            hit = true;
            break;
        case GW_MATCH_LLADDR:
            hit = ll->len != 0 && glob(p->pattern, lltext);
            break;
        case GW_MATCH_MNID:
            hit = glob(p->pattern, mntext);
            break;
        }
        if (hit)
            return p;
    }
    return NULL;
}

unsigned gw_lm_anchoring(const struct gw_config *cfg, const struct gw_mnid *mn,
                         const struct gw_lladdr *ll)
{
    const struct gw_cfg_policy *row = gw_lm_policy(cfg, mn, ll);

    return row != NULL && row->allow ? row->anchoring : 0;
}

bool gw_lm_plausible(const struct gw_config *cfg, const struct gw_station_key *st)
{
    return st->iface < cfg->nifs && cfg->ifs[st->iface].side == GW_IF_ACCESS &&
           (st->lladdr.len == 6 || st->lladdr.len == 8) && (st->lladdr.b[0] & 1) == 0;
}

struct gw_mnid gw_lm_eui(const struct gw_lladdr *ll)
{
    return (struct gw_mnid){
        .subtype = ll->len == 8 ? GW_MNID_EUI64 : GW_MNID_EUI48, .len = ll->len, .id = ll->b};
}

bool gw_lm_in_pools(const struct gw_cfg_peer *peer, const struct gw_prefix *p)
{
    if (p->len != GW_NODE_PREFIX_LEN)
        return false;
    for (size_t i = 0; i < peer->npools; i++)
        if (peer->pools[i].len <= p->len && gw_prefix_contains(&peer->pools[i], &p->addr))
            return true;
    return false;
}

bool gw_lm_peer_may(const struct gw_cfg_peer *peer, const struct gw_mnid *mn)
{
    char text[GW_MNID_TEXT_MAX];

    gw_fmt_mnid(mn, text);
    for (size_t i = 0; i < peer->nnodes; i++)
        if (glob(peer->nodes[i], text))
            return true;
    return peer->nnodes == 0;
}

bool gw_lm_add_mnid(struct gw_mh *m, const struct gw_mnid *mn)
{
    struct gw_opt *o = gw_mh_add(m, GW_OPT_MNID);
    if (o != NULL)
        o->mnid = *mn;
    return o != NULL;
}

bool gw_lm_add_prefix(struct gw_mh *m, uint8_t type, const struct gw_prefix *p)
{
    struct gw_opt *o = gw_mh_add(m, type);
    if (o != NULL)
        o->prefix = *p;
    return o != NULL;
}

bool gw_lm_add_code(struct gw_mh *m, uint8_t type, uint8_t code)
{
    struct gw_opt *o = gw_mh_add(m, type);
    if (o != NULL)
        o->code = code;
    return o != NULL;
}

bool gw_lm_add_u64(struct gw_mh *m, uint8_t type, uint64_t v)
{
    struct gw_opt *o = gw_mh_add(m, type);
    if (o != NULL)
        o->u64 = v;
    return o != NULL;
}

bool gw_lm_add_addr(struct gw_mh *m, uint8_t type, const struct gw_addr *a)
{
    struct gw_opt *o = gw_mh_add(m, type);
    if (o != NULL)
        o->addr = *a;
    return o != NULL;
}

bool gw_lm_add_lladdr(struct gw_mh *m, uint8_t type, const struct gw_lladdr *l)
{
    if (l->len == 0)
        return true;
    struct gw_opt *o = gw_mh_add(m, type);
    if (o != NULL)
        o->lladdr = *l;
    return o != NULL;
}

const struct gw_opt *gw_lm_opt(const struct gw_mh *m, uint8_t type)
{
    size_t it = 0;
    return gw_mh_opt(m, type, &it);
}

void gw_lm_take_dlif(const struct gw_opt *o, struct gw_addr *ll, struct gw_lladdr *mac)
{
    if (o == NULL)
        return;
    if (o->type == GW_OPT_DLIF_LINK_LOCAL && gw_addr_is_link_local(&o->addr))
        *ll = o->addr;
    else if (o->type == GW_OPT_DLIF_LLADDR && o->lladdr.len == 6 && (o->lladdr.b[0] & 1) == 0)
        *mac = o->lladdr;
}

bool gw_lm_next_previous(const struct gw_mh *m, size_t *it, struct gw_lm_previous *out)
{
    const struct gw_opt *o = gw_mh_opt(m, GW_OPT_PREVIOUS_MAAR, it);

    if (o == NULL)
        return false;
    *out = (struct gw_lm_previous){.maar = o->previous_maar.maar, .prefix = o->previous_maar.hnp};
    for (size_t i = *it; i < m->nopts && m->opt[i].type != GW_OPT_PREVIOUS_MAAR; i++)
        gw_lm_take_dlif(&m->opt[i], &out->link_local, &out->lladdr);
    return true;
}

bool gw_lm_add_previous(struct gw_mh *m, const struct gw_lm_previous *p)
{
    struct gw_opt *o = gw_mh_add(m, GW_OPT_PREVIOUS_MAAR);

    if (o == NULL)
        return false;
    o->previous_maar.maar = p->maar;
    o->previous_maar.hnp = p->prefix;
    return (gw_addr_is_zero(&p->link_local) ||
            gw_lm_add_addr(m, GW_OPT_DLIF_LINK_LOCAL, &p->link_local)) &&
           gw_lm_add_lladdr(m, GW_OPT_DLIF_LLADDR, &p->lladdr);
}

bool gw_lm_refusal_ends(const struct gw_lm *lm, const struct gw_timer *guard)
{
    return gw_time_before(gw_timer_at(lm->timers, guard),
                          gw_time_add(lm->now.mono, GW_LM_REPORT_AGAIN));
}

uint16_t gw_lm_lifetime_units(struct gw_time t)
{
    int64_t units = (t.ns + GW_SEC(4).ns - 1) / GW_SEC(4).ns;

    return (uint16_t)(units < 1 ? 1 : units > UINT16_MAX ? UINT16_MAX : units);
}

struct gw_time gw_lm_lifetime_span(uint16_t units)
{
    return GW_SEC((int64_t)units * 4);
}
