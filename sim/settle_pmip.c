/* settle_pmip.c: the part of settle.c that is about LMA and MAGs (RFC 5213): the session is where
 * the station is, the MAG's entry and both packet paths say the same, and nobody else has it.
 */
#include "settle.h"

static const struct gw_mag_mn *entry(const struct sim_node *n, const struct gw_mnid *id)
{
    struct gw_binding *b = n->node != NULL ? gw_binding_get(&n->node->mag.bs, id) : NULL;
    return b != NULL ? gw_mag_mn(b) : NULL;
}

static const char *state_of(const struct gw_mag_mn *mn)
{
    return mn != NULL ? gw_mag_state_name(mn->state) : "unknown";
}

static bool prefixes_agree(struct sim *s, const struct sim_station *h, const struct gw_binding *b,
                           bool say)
{
    const struct sim_node *at = &s->node[h->at];
    char p[GW_TEXT_MAX];

    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        const struct gw_anchor *there = gw_anchor_get(&at->node->mag.bs, &a->prefix);
        (void)gw_fmt_prefix(&a->prefix, p);
        if (there == NULL || !gw_mnid_eq(&there->binding->mnid, &b->mnid))
            NOT("mn%zu at %s: the LMA gives it %s, the MAG does not know", h->index, at->name, p);
        if (!sim_path_is(at, &a->prefix, GW_PFX_SERVED, &s->lma->cfg[0].addr) ||
            !sim_path_is(s->lma, &a->prefix, GW_PFX_MOVED, &at->cfg[0].addr))
            NOT("mn%zu at %s: no tunnel with the LMA for %s", h->index, at->name, p);
        if (sim_station_addr((struct sim_station *)(uintptr_t)h, &a->prefix) == NULL)
            NOT("mn%zu at %s has no address of %s", h->index, at->name, p);
    }
    return true;
}

static bool served(struct sim *s, const struct sim_station *h, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *at = &s->node[h->at];
    const struct gw_mag_mn *mn = entry(at, &id);
    struct gw_binding *b = gw_binding_get(&s->lma->node->lma.bs, &id);

    if (mn == NULL || mn->state != GW_MAG_SERVING)
        NOT("mn%zu is at %s, whose MAG has it as %s", h->index, at->name, state_of(mn));
    if (sim_waits(at, &mn->ex, mn->b.hi))
        NOT("mn%zu: %s waits for the LMA's answer to sequence number %u", h->index, at->name,
            mn->ex.seq);
    if (b == NULL)
        NOT("mn%zu is at %s, the LMA does not know it", h->index, at->name);
    const struct gw_lma_session *x = gw_lma_session(b);
    if (b->next != NULL)
        NOT("mn%zu is at %s, the LMA has two sessions of its interface", h->index, at->name);
    if (!gw_addr_eq(&b->serving, &at->cfg[0].addr) || x->leaving)
        NOT("mn%zu is at %s, the LMA has it %s %s", h->index, at->name,
            x->leaving ? "leaving" : "at", sim_name_of(s, &b->serving));
    if (!x->programmed || x->owed != NULL || !mn->programmed)
        NOT("mn%zu at %s: a packet path has not confirmed", h->index, at->name);
    if (b->nanchors != mn->b.nanchors)
        NOT("mn%zu: %s knows %u prefixes, the LMA %u", h->index, at->name, mn->b.nanchors,
            b->nanchors);
    return prefixes_agree(s, h, b, say);
}

/* At no other MAG; expected: at the one where it is. */
static bool nowhere_else(struct sim *s, const struct sim_station *h, bool expected, bool say)
{
    struct gw_mnid id = sim_mnid(h);

    for (size_t i = 0; i < s->nnodes; i++) {
        const struct gw_mag_mn *mn = entry(&s->node[i], &id);
        if (mn != NULL && mn->state != GW_MAG_REFUSED && !(expected && i == h->at))
            NOT("mn%zu is at %s%s, the MAG %s has it as %s", h->index, s->node[h->at].name,
                expected ? "" : " and is no LMA's", s->node[i].name, state_of(mn));
    }
    if (!expected && gw_binding_get(&s->lma->node->lma.bs, &id) != NULL)
        NOT("mn%zu at %s is no LMA's, which has a session of it", h->index, s->node[h->at].name);
    return true;
}

bool sim_settled_pmip(struct sim *s, const struct sim_station *h, bool say)
{
    bool expected = (h->anchoring & GW_ANCHORING_LMA) != 0;

    if (s->lma == NULL)
        return true;
    return (!expected || served(s, h, say)) && nowhere_else(s, h, expected, say);
}
