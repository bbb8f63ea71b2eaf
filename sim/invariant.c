/* invariant.c: what must hold at every moment, faults or not: a prefix has one owner in the whole
 * domain, and what a node keeps is bounded. (Packets are judged where they arrive: core.c, flow.c;
 * acknowledgements in ledger.c.)
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>

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

/* What a MAAR gave to a node is nobody else's: at the CMD, and where it is forwarded. */
static void owners(struct sim *s, struct sim_node *n)
{
    const struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&n->node->maar.bs.by_mnid, &i)) != NULL;) {
        const struct gw_maar_mn *mn = gw_maar_mn((struct gw_binding *)(uintptr_t)b);
        if (mn->own == NULL || mn->state == GW_MN_RELEASING)
            continue;
        for (size_t j = 0; j < s->nnodes; j++) {
            struct sim_node *m = &s->node[j];
            if (m == n || m->node == NULL)
                continue;
            const struct gw_anchor *a =
                gw_anchor_get(j == 0 ? &m->node->cmd.bs : &m->node->maar.bs, &mn->own->prefix);
            if (a != NULL && a->state == GW_ANCHOR_SETTLED &&
                !gw_mnid_eq(&a->binding->mnid, &b->mnid))
                differ(s, n, &mn->own->prefix, &b->mnid, m, &a->binding->mnid);
        }
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
    for (size_t i = 0; i < s->nnodes && !s->failed; i++) {
        if (s->node[i].node == NULL)
            continue;
        bounded(s, &s->node[i]);
        if (i > 0)
            owners(s, &s->node[i]);
    }
}
