/* refusal.c: the PBA that refuses a PBU, from what is in that PBU (RFC 5213 §5.3.6). Whether and
 * why is up to those who check it.
 */
#include "fn/lm/lm.h"

/* Home Network Prefix options that are given back: more than any peer of ours asks for. */
#define PREFIXES_MAX 16

/* All that were asked for; ALL_ZERO when there were none. */
static bool add_prefixes(struct gw_mh *out, const struct gw_mh *pbu)
{
    const struct gw_opt *o;
    size_t it = 0;
    unsigned n = 0;

    for (; n < PREFIXES_MAX && (o = gw_mh_opt(pbu, GW_OPT_HNP, &it)) != NULL; n++)
        if (!gw_lm_add_prefix(out, GW_OPT_HNP, &o->prefix))
            return false;
    return n != 0 || gw_lm_add_prefix(out, GW_OPT_HNP, &(struct gw_prefix){0});
}

static bool add_timestamp(struct gw_mh *out, const struct gw_mh *pbu, uint64_t own)
{
    const struct gw_opt *o = gw_lm_opt(pbu, GW_OPT_TIMESTAMP);

    if (own != 0)
        return gw_lm_add_u64(out, GW_OPT_TIMESTAMP, own);
    return o == NULL || gw_lm_add_u64(out, GW_OPT_TIMESTAMP, o->u64);
}

bool gw_lm_refusal(struct gw_mh *out, const struct gw_mh *pbu, uint8_t status, uint8_t flags,
                   uint64_t own_time)
{
    const struct gw_opt *id = gw_lm_opt(pbu, GW_OPT_MNID), *hi = gw_lm_opt(pbu, GW_OPT_HI);
    const struct gw_opt *att = gw_lm_opt(pbu, GW_OPT_ATT), *ll = gw_lm_opt(pbu, GW_OPT_LINK_LOCAL);
    const struct gw_opt *llid = gw_lm_opt(pbu, GW_OPT_MN_LLID);
    struct gw_mnid nobody = {.subtype = GW_MNID_NAI};

    out->type = GW_MH_BA;
    out->nopts = 0;
    out->ba = (struct gw_mh_ba){.status = status, .flags = flags, .seq = pbu->bu.seq};
    return gw_lm_add_mnid(out, id != NULL ? &id->mnid : &nobody) && add_prefixes(out, pbu) &&
           gw_lm_add_code(out, GW_OPT_HI, hi != NULL ? hi->code : 0) &&
           gw_lm_add_code(out, GW_OPT_ATT, att != NULL ? att->code : 0) &&
           add_timestamp(out, pbu, own_time) &&
           (llid == NULL || gw_lm_add_lladdr(out, GW_OPT_MN_LLID, &llid->lladdr)) &&
           (ll == NULL || gw_lm_add_addr(out, GW_OPT_LINK_LOCAL, &ll->addr));
}
