/* ledger.c: what the CMD has acknowledged, kept by reading its answers on the wire: after a restart
 * each acknowledged prefix whose lifetime has not ended must be there, with its node.
 */
#include "sim.h"

struct sim_station *sim_station_of(const struct sim *s, const struct gw_mnid *id)
{
    return id->subtype == GW_MNID_EUI48 && id->len == 6 ? sim_station_by_mac(s, id->id) : NULL;
}

struct gw_mnid sim_mnid(const struct sim_station *h)
{
    return (struct gw_mnid){.subtype = GW_MNID_EUI48, .len = 6, .id = h->lladdr.b};
}

void sim_ledger_note(struct sim *s, const struct gw_mh_addrs *a, const uint8_t *data, size_t len,
                     bool committed)
{
    const struct gw_opt *o;
    size_t it = 0;

    if (data[2] != GW_MH_BA ||
        gw_mh_parse(&gw_mh_codec_default, a, data, len, &s->mh).code != GW_PARSE_OK)
        return;
    if (s->mh.ba.status != GW_ST_ACCEPTED || (o = gw_mh_opt(&s->mh, GW_OPT_MNID, &it)) == NULL)
        return;
    struct sim_station *h = sim_station_of(s, &o->mnid);
    if (h == NULL)
        return;
    struct sim_ledger *l = &s->ledger[h->index];
    *l = (struct sim_ledger){.held = committed && s->mh.ba.lifetime != 0,
                             .until = s->now + (int64_t)s->mh.ba.lifetime * 4 * SIM_S};
    it = 0;
    while (l->nprefix < 4 && (o = gw_mh_opt(&s->mh, GW_OPT_HNP, &it)) != NULL)
        if (!gw_addr_is_zero(&o->prefix.addr))
            l->prefix[l->nprefix++] = o->prefix;
}

void sim_ledger_check(struct sim *s)
{
    const struct gw_cmd *c = &s->node[0].node->cmd;
    char text[GW_TEXT_MAX];

    for (size_t i = 0; i < s->nstations; i++) {
        const struct sim_ledger *l = &s->ledger[i];
        struct gw_mnid id = sim_mnid(&s->station[i]);
        if (!l->held || l->until <= s->now)
            continue;
        for (size_t p = 0; p < l->nprefix; p++) {
            const struct gw_anchor *a = gw_anchor_get(&c->bs, &l->prefix[p]);
            if (a == NULL || !gw_mnid_eq(&a->binding->mnid, &id))
                sim_fail(s, "acknowledged-kept", "after its restart the CMD has %s %s of mn%zu",
                         a == NULL ? "no entry for" : "another owner for",
                         gw_fmt_prefix(&l->prefix[p], text), i);
        }
    }
}
