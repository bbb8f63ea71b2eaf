/* invariant.c: what must hold at every moment, faults or not: a prefix has one owner in the whole
 * domain, and what a node keeps is bounded. (Packets are judged where they arrive: core.c, flow.c;
 * acknowledgements in ledger.c.)
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...)
{
    va_list ap;

    if (s->failed)
        return;
    s->failed = true;
    (void)snprintf(s->invariant, sizeof s->invariant, "%s", invariant);
    va_start(ap, fmt);
    (void)vsnprintf(s->why, sizeof s->why, fmt, ap);
    va_end(ap);
    sim_trace(s, "FAILED %s: %s", s->invariant, s->why);
}

static void differ(struct sim *s, const struct sim_node *n, const struct gw_prefix *p,
                   const struct gw_mnid *here, const struct sim_node *m,
                   const struct gw_mnid *there)
{
    char text[GW_TEXT_MAX];
    const struct sim_station *x = sim_station_of(s, here), *y = sim_station_of(s, there);

    sim_fail(s, "one-owner", "%s is mn%zu's at %s and mn%zu's at %s", gw_fmt_prefix(p, text),
             x != NULL ? x->index : 0, n->name, y != NULL ? y->index : 0, m->name);
}

/* What MAARs have given out, by prefix: filled at each look, so that a look costs as much as there
 * are anchors, however many nodes there are. */
struct sim_given {
    uint32_t look; /* the number of the look that has filled it; others: empty */
    uint32_t node;
    struct gw_prefix prefix;
    struct gw_mnid mnid;
};

static struct sim_given *given(struct sim *s, const struct gw_prefix *p)
{
    uint64_t net;

    memcpy(&net, p->addr.b, sizeof net);
    size_t i = (size_t)(net * 0x9e3779b97f4a7c15u >> 32);
    for (;; i++) {
        struct sim_given *g = &s->given[i & s->given_mask];
        if (g->look != s->looks || gw_prefix_eq(&g->prefix, p))
            return g;
    }
}

static size_t anchors_at_most(const struct sim *s)
{
    size_t n = 0;

    for (size_t i = 1; i < s->nnodes; i++)
        if (s->node[i].node != NULL)
            n += gw_table_count(&s->node[i].node->maar.bs.by_mnid);
    return n;
}

static void begin_look(struct sim *s)
{
    size_t want = 2 * anchors_at_most(s) + 2, size = 64;

    while (size < want)
        size *= 2;
    s->looks++;
    if (s->given != NULL && size - 1 <= s->given_mask)
        return;
    free(s->given);
    s->given = sim_new_memory(size * sizeof *s->given);
    s->given_mask = size - 1;
}

static void give(struct sim *s, const struct sim_node *n)
{
    const struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&n->node->maar.bs.by_mnid, &i)) != NULL;) {
        const struct gw_maar_mn *mn = gw_maar_mn((struct gw_binding *)(uintptr_t)b);
        if (mn->own == NULL || mn->state == GW_MN_RELEASING)
            continue;
        struct sim_given *g = given(s, &mn->own->prefix);
        if (g->look == s->looks && !gw_mnid_eq(&g->mnid, &b->mnid))
            differ(s, n, &mn->own->prefix, &b->mnid, &s->node[g->node], &g->mnid);
        *g = (struct sim_given){s->looks, (uint32_t)n->index, mn->own->prefix, b->mnid};
    }
}

/* What a MAAR gave to a node is nobody else's: at the CMD, and where it is forwarded. */
static void owners(struct sim *s, const struct sim_node *n)
{
    const struct gw_bindings *bs = n->index == 0 ? &n->node->cmd.bs : &n->node->maar.bs;
    const struct gw_anchor *a;

    for (size_t i = 0; (a = gw_table_next(&bs->by_prefix, &i)) != NULL;) {
        if (a->state != GW_ANCHOR_SETTLED)
            continue;
        const struct sim_given *g = given(s, &a->prefix);
        if (g->look == s->looks && g->node != n->index && !gw_mnid_eq(&g->mnid, &a->binding->mnid))
            differ(s, &s->node[g->node], &a->prefix, &g->mnid, n, &a->binding->mnid);
    }
}

static void bounded(struct sim *s, const struct sim_node *n)
{
    const struct gw_node *x = n->node;
    size_t most = s->nstations + 16;

    if (gw_table_count(&x->maar.bs.by_mnid) > most || gw_table_count(&x->cmd.bs.by_mnid) > most ||
        gw_table_count(&x->maar.by_station) > most || gw_pools_count(&x->maar.pools) > most)
        sim_fail(s, "bounded", "%s keeps more than there are mobile nodes", n->name);
    if (x->lm.pending > n->cfg[n->cfg_now].limits.pending)
        sim_fail(s, "bounded", "%s waits for %u answers", n->name, x->lm.pending);
}

void sim_invariants(struct sim *s)
{
    begin_look(s);
    for (size_t i = 1; i < s->nnodes; i++)
        if (s->node[i].node != NULL)
            give(s, &s->node[i]);
    for (size_t i = 0; i < s->nnodes && !s->failed; i++) {
        if (s->node[i].node == NULL)
            continue;
        bounded(s, &s->node[i]);
        owners(s, &s->node[i]);
    }
}
