/* lma_lookup.c: which mobility session a PBU is about: RFC 5213 §5.4.1.1 to §5.4.1.3, rule by rule.
 * It changes nothing, so that it can be asked again.
 */
#include "fn/lm/lma.h"

static bool usable(const struct gw_lma_request *q)
{
    for (uint8_t i = 0; q->has_llid && i < q->llid.len; i++)
        if (q->llid.b[i] != 0)
            return true;
    return false; /* §2.2: ALL_ZERO is no identifier */
}

static uint16_t held(const struct gw_lma_request *q)
{
    return q->nhnp < GW_LMA_PREFIXES_MAX ? q->nhnp : GW_LMA_PREFIXES_MAX;
}

static bool named(const struct gw_lma_request *q, const struct gw_prefix *p)
{
    for (uint16_t i = 0; i < held(q); i++)
        if (gw_prefix_eq(&q->hnp[i], p))
            return true;
    return false;
}

/* §5.4.1.1 (4): all prefixes of one are all prefixes of the other. */
static bool same_prefixes(const struct gw_lma_request *q, const struct gw_lma_session *s)
{
    if (q->nhnp != s->b.nanchors)
        return false;
    for (const struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next)
        if (!named(q, &a->prefix))
            return false;
    return true;
}

static bool same_interface(const struct gw_lma_request *q, const struct gw_lma_session *s)
{
    return q->att == s->b.att && usable(q) && gw_lladdr_eq(&q->llid, &s->b.lladdr);
}

/* §5.4.1.1 (5) */
static bool updates(const struct gw_lma_request *q, const struct gw_lma_session *s)
{
    if (same_interface(q, s) || q->hi == GW_HI_OTHER_INTERFACE)
        return true;
    if (q->att != s->b.att)
        return false;
    return (!usable(q) && s->b.lladdr.len == 0 && q->hi == GW_HI_INTER_MAG) ||
           gw_addr_eq(&s->b.serving, &q->coa);
}

static enum gw_lma_verdict fresh(const struct gw_lma_request *q)
{
    return q->lifetime == 0 ? GW_LMA_NONE : GW_LMA_NEW;
}

/* §5.4.1.1 (2) has a new session made, §5.2 one session per interface: where there is one already
 * the request is an old one's, whose prefixes are gone. */
static enum gw_lma_verdict unknown_prefixes(const struct gw_lma *l, const struct gw_lma_request *q,
                                            struct gw_lma_session **s)
{
    for (struct gw_binding *b = gw_binding_get(&l->bs, &q->id); b != NULL; b = b->next)
        if (q->lifetime != 0 && same_interface(q, gw_lma_session(b))) {
            *s = gw_lma_session(b);
            return GW_LMA_MISMATCH;
        }
    return fresh(q);
}

static enum gw_lma_verdict by_prefix(const struct gw_lma *l, const struct gw_lma_request *q,
                                     struct gw_lma_session **s)
{
    for (uint16_t i = 0; i < held(q); i++) {
        struct gw_anchor *a = gw_anchor_get(&l->bs, &q->hnp[i]);
        if (a == NULL)
            continue;
        if (!gw_mnid_eq(&a->binding->mnid, &q->id))
            return GW_LMA_NOT_AUTHORISED;
        *s = gw_lma_session(a->binding);
    }
    if (*s == NULL)
        return unknown_prefixes(l, q, s);
    if (!same_prefixes(q, *s))
        return GW_LMA_MISMATCH;
    return updates(q, *s) ? GW_LMA_UPDATE : fresh(q);
}

/* "One and only one", and the previous MAG may be about to de-register it: then the session moves.
 */
static enum gw_lma_verdict maybe(const struct gw_lma_request *q, struct gw_lma_session *only)
{
    return q->lifetime == 0 || only->leaving ? GW_LMA_UPDATE : GW_LMA_WAIT;
}

static enum gw_lma_verdict by_interface(struct gw_binding *first, const struct gw_lma_request *q,
                                        struct gw_lma_session **s)
{
    for (struct gw_binding *b = first; b != NULL; b = b->next)
        if (same_interface(q, gw_lma_session(b))) {
            *s = gw_lma_session(b);
            return GW_LMA_UPDATE;
        }
    if (first == NULL || first->next != NULL)
        return fresh(q);
    *s = gw_lma_session(first);
    if (q->hi == GW_HI_OTHER_INTERFACE)
        return GW_LMA_UPDATE;
    return q->hi == GW_HI_UNKNOWN ? maybe(q, *s) : fresh(q);
}

static enum gw_lma_verdict by_mobile_node(struct gw_binding *first, const struct gw_lma_request *q,
                                          struct gw_lma_session **s)
{
    if (first == NULL || first->next != NULL)
        return fresh(q);
    *s = gw_lma_session(first);
    if (q->hi == GW_HI_OTHER_INTERFACE || q->hi == GW_HI_INTER_MAG)
        return GW_LMA_UPDATE;
    return q->hi == GW_HI_UNKNOWN ? maybe(q, *s) : fresh(q);
}

enum gw_lma_verdict gw_lma_lookup(const struct gw_lma *l, const struct gw_lma_request *q,
                                  struct gw_lma_session **s)
{
    struct gw_binding *first = gw_binding_get(&l->bs, &q->id);

    *s = NULL;
    for (uint16_t i = 0; i < held(q); i++)
        if (!gw_addr_is_zero(&q->hnp[i].addr))
            return by_prefix(l, q, s);
    return usable(q) ? by_interface(first, q, s) : by_mobile_node(first, q, s);
}
