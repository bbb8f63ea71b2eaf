/* revoke.c: see revoke.h. */
#include "fn/lm/revoke.h"

static bool known_trigger(uint8_t t)
{
    return t <= GW_BR_OUT_OF_SYNC || t == GW_BR_PER_PEER || t == GW_BR_LOCAL_POLICY;
}

uint8_t gw_revocation_read(const struct gw_mh *mh, struct gw_revocation *r)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID), *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);

    *r = (struct gw_revocation){.mh = mh,
                                .mn = id != NULL && id->mnid.len != 0 ? &id->mnid : NULL,
                                .trigger = mh->br.code,
                                .timestamp = ts != NULL ? ts->u64 : 0,
                                .global = mh->br.g};
    if (!known_trigger(r->trigger))
        return GW_BRA_TRIGGER_UNSUPPORTED;
    if (r->global != (r->trigger >= GW_BR_PER_PEER) || !mh->br.p)
        return GW_BRA_FUNCTION_UNSUPPORTED; /* there are proxy bindings only */
    if (mh->br.v)
        return GW_BRA_NO_BINDING; /* nobody has an IPv4 home address */
    if (!r->global && r->mn == NULL)
        return GW_BRA_IDENTITY_REQUIRED;
    return GW_BRA_SUCCESS;
}

bool gw_revocation_by_handover(const struct gw_revocation *r)
{
    return r->trigger >= GW_BR_HANDOVER_SAME_ATT && r->trigger <= GW_BR_HANDOVER_UNKNOWN;
}

bool gw_revocation_means(const struct gw_revocation *r, const struct gw_prefix *p)
{
    const struct gw_opt *o;
    bool any = false;

    for (size_t it = 0; (o = gw_mh_opt(r->mh, GW_OPT_HNP, &it)) != NULL; any = true)
        if (gw_prefix_eq(&o->prefix, p))
            return true;
    return !any;
}

bool gw_revocation_touches(const struct gw_revocation *r, const struct gw_binding *b)
{
    if (gw_lm_opt(r->mh, GW_OPT_HNP) == NULL)
        return true;
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (gw_revocation_means(r, &a->prefix))
            return true;
    return false;
}

void gw_revocation_note_missing(struct gw_revocation *r, const struct gw_bindings *bs)
{
    const struct gw_opt *o;

    r->nmissing = 0;
    for (size_t it = 0; (o = gw_mh_opt(r->mh, GW_OPT_HNP, &it)) != NULL;) {
        const struct gw_anchor *a = gw_anchor_get(bs, &o->prefix);
        if ((a == NULL || !gw_mnid_eq(&a->binding->mnid, r->mn)) && r->nmissing < GW_LM_ANCHORS_MAX)
            r->missing[r->nmissing++] = o->prefix;
    }
}

uint8_t gw_revocation_status(const struct gw_revocation *r, bool any)
{
    if (!any)
        return GW_BRA_NO_BINDING;
    return r->nmissing == 0 ? GW_BRA_SUCCESS : GW_BRA_PARTIAL;
}

bool gw_revocation_realm(const struct gw_mnid *realm, const struct gw_mnid *mn)
{
    if (realm->subtype != GW_MNID_NAI || mn->subtype != GW_MNID_NAI || realm->len < 2 ||
        realm->id[0] != '@' || mn->len <= realm->len)
        return false;
    return memcmp(mn->id + mn->len - realm->len, realm->id, realm->len) == 0;
}

void gw_revocation_answer(struct gw_lm *lm, enum gw_role as, const struct gw_addr *to,
                          const struct gw_mh_revocation *bri, uint8_t status,
                          const struct gw_revocation *r)
{
    struct gw_mh *m = lm->out;
    bool fits = true;

    m->type = GW_MH_REVOCATION;
    m->nopts = 0;
    m->br = (struct gw_mh_revocation){.br_type = GW_BR_BRA,
                                      .code = status,
                                      .seq = bri->seq,
                                      .p = bri->p,
                                      .v = bri->v,
                                      .g = bri->g};
    if (status == GW_BRA_PARTIAL && r != NULL && r->mn != NULL) {
        fits = gw_lm_add_mnid(m, r->mn);
        for (size_t i = 0; i < r->nmissing && fits; i++)
            fits = gw_lm_add_prefix(m, GW_OPT_HNP, &r->missing[i]);
    }
    if (fits)
        (void)lm->ops->send(lm->user, as, to, m);
}
