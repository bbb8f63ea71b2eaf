/* ledger.c: what the CMD and the LMA have acknowledged, kept by reading their answers on the wire:
 * after a restart each acknowledged prefix whose lifetime has not ended must be there, with its
 * node. What operators revoke is not; neither is, after a power failure, what was not said to be on
 * the disk (durability other than each).
 */
#include "judge.h"

struct sim_station *sim_station_of(const struct sim *s, const struct gw_mnid *id)
{
    return id->subtype == GW_MNID_EUI48 && id->len == 6 ? sim_station_by_mac(s, id->id) : NULL;
}

struct gw_mnid sim_mnid(const struct sim_station *h)
{
    return (struct gw_mnid){.subtype = GW_MNID_EUI48, .len = 6, .id = h->lladdr.b};
}

/* The prefixes that a message names. */
static uint8_t named(const struct gw_mh *m, struct gw_prefix out[static SIM_LEDGER])
{
    const struct gw_opt *o;
    uint8_t n = 0;

    for (size_t it = 0; n < SIM_LEDGER && (o = gw_mh_opt(m, GW_OPT_HNP, &it)) != NULL;)
        if (!gw_addr_is_zero(&o->prefix.addr))
            out[n++] = o->prefix;
    return n;
}

/* A CMD releases a prefix: it has forgotten it, or is about to. */
static void released(struct sim_ledger *l, const struct gw_mh *m)
{
    struct gw_prefix p[SIM_LEDGER];

    for (uint8_t n = named(m, p); n-- > 0;)
        for (uint8_t i = 0; i < l->nprefix; i++)
            if (gw_prefix_eq(&l->prefix[i], &p[n]))
                l->prefix[i--] = l->prefix[--l->nprefix];
}

void sim_ledger_note(struct sim *s, const struct sim_node *n, const uint8_t *data, size_t len,
                     const struct gw_mh_addrs *a, bool committed)
{
    const struct gw_mh *m = &s->mh;

    if ((data[2] != GW_MH_BA && data[2] != GW_MH_BU) ||
        gw_mh_parse(&gw_mh_codec_default, a, data, len, &s->mh).code != GW_PARSE_OK)
        return;
    const struct gw_opt *id = gw_lm_opt(m, GW_OPT_MNID);
    struct sim_station *h = id != NULL ? sim_station_of(s, &id->mnid) : NULL;
    if (h == NULL)
        return;
    if (data[2] == GW_MH_BU) {
        if (m->bu.lifetime == 0)
            released(&s->ledger[0][h->index], m);
        return;
    }
    if (m->ba.status != GW_ST_ACCEPTED)
        return;
    struct sim_ledger *l = &s->ledger[(m->ba.flags & GW_BA_D) == 0][h->index];
    committed = committed && s->now > s->revoking;
    *l = (struct sim_ledger){.held = committed && m->ba.lifetime != 0,
                             .synced = n->cfg[n->cfg_now].daemon.durability == GW_DURABLE_EACH,
                             .until = s->now + (int64_t)m->ba.lifetime * 4 * SIM_S};
    l->nprefix = named(m, l->prefix);
    if (l->held && l->nprefix > 0 && (m->ba.flags & GW_BA_D) != 0) {
        const struct gw_opt *o = gw_lm_opt(m, GW_OPT_SERVING_MAAR); /* to one that is not it */
        sim_judge_durable(s, n, h, o != NULL ? &o->addr : &a->dst, &l->prefix[0]);
        sim_judge_relay(s, n, m);
    }
}

/* The ledgers of a centre: from the first to before the last. */
static void ledgers(const struct sim *s, const struct sim_node *n, size_t *from, size_t *to)
{
    *from = n == s->cmd ? 0 : 1;
    *to = n == s->lma ? 2 : 1;
}

void sim_ledger_revoked(struct sim *s, const struct sim_node *n, const struct gw_mnid *id)
{
    const struct sim_station *h = id != NULL ? sim_station_of(s, id) : NULL;
    size_t i, to;

    if (id == NULL) /* one by one, when the peer has answered or will not */
        s->revoking = s->now + 10 * SIM_S;
    ledgers(s, n, &i, &to);
    if (i == to) { /* a MAAR or a MAG tells its centres */
        i = 0;
        to = 2;
    }
    for (; i < to; i++)
        for (size_t k = 0; k < s->nstations; k++)
            if (id == NULL || h == &s->station[k])
                s->ledger[i][k].held = false;
}

void sim_ledger_power(struct sim *s, const struct sim_node *n)
{
    size_t i, to;

    for (ledgers(s, n, &i, &to); i < to; i++)
        for (size_t k = 0; k < s->nstations; k++)
            s->ledger[i][k].held &= s->ledger[i][k].synced;
}

static void check(struct sim *s, const struct sim_node *n, const struct gw_bindings *bs,
                  const struct sim_ledger *ledger)
{
    char text[GW_TEXT_MAX];

    for (size_t i = 0; i < s->nstations; i++) {
        const struct sim_ledger *l = &ledger[i];
        struct gw_mnid id = sim_mnid(&s->station[i]);
        if (!l->held || l->until <= s->now)
            continue;
        for (size_t p = 0; p < l->nprefix; p++) {
            const struct gw_anchor *a = gw_anchor_get(bs, &l->prefix[p]);
            if (a == NULL || !gw_mnid_eq(&a->binding->mnid, &id))
                sim_fail(s, "acknowledged-kept", "after its restart %s has %s %s of mn%zu", n->name,
                         a == NULL ? "no entry for" : "another owner for",
                         gw_fmt_prefix(&l->prefix[p], text), i);
        }
    }
}

void sim_ledger_check(struct sim *s, const struct sim_node *n)
{
    if (n == s->cmd)
        check(s, n, &n->node->cmd.bs, s->ledger[0]);
    if (n == s->lma)
        check(s, n, &n->node->lma.bs, s->ledger[1]);
}
