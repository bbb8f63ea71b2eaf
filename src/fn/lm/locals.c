/* locals.c: Local Prefix options (RFC 8885 §4.4): the networks that can be reached through one
 * anchor only, as messages carry them. In a PBU or PBA they belong to the anchor of the Previous
 * MAAR option before them or, before the first of these, to the sender (doc/protocol.md).
 *
 * Decision: a network that cannot be one, or that would draw traffic of other nodes to that anchor
 * (pools, the nodes' own addresses), is left out and counted; the message counts without it.
 */
#include "fn/lm/lm.h"

/* Octets of a group 67, 69, 70 and of an option 66, aligned; and all else in a message. */
#define GROUP  72u
#define OPTION 24u
#define REST   512u

struct gw_locals gw_locals_of(const struct gw_config *cfg)
{
    struct gw_locals l = {0};

    for (; l.n < cfg->mobility.nlocal && l.n < GW_LM_LOCALS_MAX; l.n++)
        l.list[l.n] = cfg->mobility.local[l.n];
    return l;
}

bool gw_locals_eq(const struct gw_locals *a, const struct gw_locals *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!gw_prefix_eq(&a->list[i], &b->list[i]))
            return false;
    return a->n == b->n;
}

bool gw_locals_have(const struct gw_locals *l, const struct gw_prefix *p)
{
    for (size_t i = 0; i < l->n; i++)
        if (gw_prefix_eq(&l->list[i], p))
            return true;
    return false;
}

size_t gw_lm_locals_room(size_t groups)
{
    size_t used = REST + groups * GROUP;

    return used < GW_MH_MAX ? (GW_MH_MAX - used) / OPTION : 0;
}

bool gw_lm_add_locals(struct gw_lm *lm, struct gw_mh *m, const struct gw_locals *l, size_t *room)
{
    for (size_t i = 0; i < l->n; i++) {
        if (*room == 0) {
            lm->count[GW_CNT_LIMIT_LOCAL]++;
            return true;
        }
        if (!gw_lm_add_prefix(m, GW_OPT_LOCAL_PREFIX, &l->list[i]))
            return false;
        --*room;
    }
    return true;
}

static bool in_a_pool(const struct gw_config *cfg, const struct gw_prefix *p)
{
    for (size_t i = 0; i < cfg->npools; i++)
        if (gw_prefix_overlaps(&cfg->pools[i].prefix, p))
            return true;
    for (size_t i = 0; i < cfg->npeers; i++)
        for (size_t k = 0; k < cfg->peers[i].npools; k++)
            if (gw_prefix_overlaps(&cfg->peers[i].pools[k], p))
                return true;
    return false;
}

static bool has_a_node(const struct gw_config *cfg, const struct gw_prefix *p)
{
    for (size_t i = 0; i < cfg->npeers; i++)
        if (gw_prefix_contains(p, &cfg->peers[i].addr))
            return true;
    return gw_prefix_contains(p, &cfg->addr);
}

static bool plausible(const struct gw_config *cfg, const struct gw_prefix *p)
{
    return p->len != 0 && !gw_addr_is_zero(&p->addr) && !gw_addr_is_multicast(&p->addr) &&
           !gw_addr_is_link_local(&p->addr) && !in_a_pool(cfg, p) && !has_a_node(cfg, p);
}

void gw_lm_take_locals(struct gw_lm *lm, const struct gw_mh *m, size_t from, struct gw_locals *out)
{
    *out = (struct gw_locals){0};
    for (size_t i = from; i < m->nopts && m->opt[i].type != GW_OPT_PREVIOUS_MAAR; i++) {
        const struct gw_prefix *p = &m->opt[i].prefix;
        if (m->opt[i].type != GW_OPT_LOCAL_PREFIX || gw_locals_have(out, p))
            continue;
        if (out->n == GW_LM_LOCALS_MAX)
            lm->count[GW_CNT_LIMIT_LOCAL]++;
        else if (plausible(lm->cfg, p))
            out->list[out->n++] = *p;
        else
            lm->count[GW_CNT_REFUSED_LOCAL]++;
    }
}
