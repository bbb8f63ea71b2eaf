/* invariant.c: what must hold at every moment, faults or not: a prefix has one owner in the whole
 * domain, and what a node keeps is bounded. (Packets are judged where they arrive: core.c, flow.c;
 * acknowledgements in ledger.c.)
 */
#include "judge.h"

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

static size_t place_of(const struct gw_prefix *p)
{
    uint64_t net;

    memcpy(&net, p->addr.b, sizeof net);
    return (size_t)((net ^ net >> 32) * 0x9e3779b97f4a7c15u >> 32); /* both halves matter */
}

static struct sim_given *given(struct sim *s, const struct gw_prefix *p)
{
    for (size_t i = place_of(p);; i++) {
        struct sim_given *g = &s->given[i & s->given_mask];
        if (g->look != s->looks || gw_prefix_eq(&g->prefix, p))
            return g;
    }
}

static size_t anchors_at_most(const struct sim *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->nnodes; i++)
        if (s->node[i].node != NULL)
            n += gw_table_count(&s->node[i].node->maar.bs.by_mnid) +
                 gw_table_count(&s->node[i].node->lma.bs.by_prefix);
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

static void give(struct sim *s, const struct sim_node *n, const struct gw_prefix *p,
                 const struct gw_mnid *id)
{
    struct sim_given *g = given(s, p);

    if (g->look == s->looks && !gw_mnid_eq(&g->mnid, id))
        differ(s, n, p, id, &s->node[g->node], &g->mnid);
    *g = (struct sim_given){s->looks, (uint32_t)n->index, *p, *id};
}

/* Not while the CMD has yet to say whether the node may have it: a MAAR that has forgotten a node
 * in a crash asks for the same prefix for another, and is refused. Nor when that one leaves before
 * it has ever been answered. */
static bool is_given(const struct gw_maar_mn *mn)
{
    bool asked = mn->state == GW_MN_REGISTERING || (mn->state == GW_MN_DEREGISTERING && !mn->acked);

    return mn->state != GW_MN_RELEASING && (!asked || mn->was_previous);
}

/* What a look visits is all over the memory of the nodes, and a large domain's is in no cache: it
 * is fetched some at a time before it is looked at. */
#define AT_ONCE 32u

static size_t next_some(const struct gw_table *t, size_t *it, const void *some[static AT_ONCE])
{
    size_t n = 0;

    while (n < AT_ONCE && (some[n] = gw_table_next(t, it)) != NULL) {
        __builtin_prefetch(some[n]);
        __builtin_prefetch((const uint8_t *)some[n] + 64);
        __builtin_prefetch((const uint8_t *)some[n++] + 128);
    }
    return n;
}

static void give_all(struct sim *s, const struct sim_node *n)
{
    const void *some[AT_ONCE];
    const struct gw_anchor *own[AT_ONCE], *a;

    for (size_t i = 0, k; (k = next_some(&n->node->maar.bs.by_mnid, &i, some)) > 0;) {
        for (size_t j = 0; j < k; j++) {
            const struct gw_maar_mn *mn = gw_maar_mn((struct gw_binding *)(uintptr_t)some[j]);
            own[j] = is_given(mn) ? mn->own : NULL;
            __builtin_prefetch(own[j]);
        }
        for (size_t j = 0; j < k; j++)
            if (own[j] != NULL)
                give(s, n, &own[j]->prefix, &((const struct gw_binding *)some[j])->mnid);
    }
    for (size_t i = 0; (a = gw_table_next(&n->node->lma.bs.by_prefix, &i)) != NULL;)
        give(s, n, &a->prefix, &a->binding->mnid);
}

/* What a MAAR remembers from before it started, and the CMD has not answered about since: its
 * anchor may have been told meanwhile that the prefix is free again. */
static bool is_doubted(const struct sim_node *n, const struct gw_bindings *bs, struct gw_binding *b)
{
    return bs == &n->node->maar.bs && n->boots > 1 && !gw_maar_mn(b)->acked;
}

static void owned(struct sim *s, const struct sim_node *n, const struct gw_anchor *a)
{
    const struct sim_given *g = given(s, &a->prefix);

    if (g->look == s->looks && g->node != n->index && !gw_mnid_eq(&g->mnid, &a->binding->mnid))
        differ(s, &s->node[g->node], &a->prefix, &g->mnid, n, &a->binding->mnid);
}

/* What a MAAR or an LMA gave to a node is nobody else's: at the CMD, and where it is forwarded. */
static void owners(struct sim *s, const struct sim_node *n, const struct gw_bindings *bs)
{
    const void *some[AT_ONCE];
    const struct gw_anchor *a;

    for (size_t i = 0, k; (k = next_some(&bs->by_prefix, &i, some)) > 0;) {
        for (size_t j = 0; j < k; j++) {
            a = some[j];
            __builtin_prefetch(a->binding);
            __builtin_prefetch(&s->given[place_of(&a->prefix) & s->given_mask]);
        }
        for (size_t j = 0; j < k; j++) {
            a = some[j];
            __builtin_prefetch(a->binding->mnid.id);
            __builtin_prefetch(s->given[place_of(&a->prefix) & s->given_mask].mnid.id);
        }
        for (size_t j = 0; j < k; j++) {
            a = some[j];
            if (a->state == GW_ANCHOR_SETTLED && !is_doubted(n, bs, a->binding))
                owned(s, n, a);
        }
    }
}

static void bounded(struct sim *s, const struct sim_node *n)
{
    const struct gw_node *x = n->node;
    /* an LMA gives several, and keeps those of a session that has ended for a while */
    size_t pools =
        gw_pools_count(&x->maar.pools) / ((n->roles & GW_ROLE_LMA) != 0 ? GW_LMA_PREFIXES_MAX : 1);
    const size_t count[] = {
        gw_table_count(&x->maar.bs.by_mnid), gw_table_count(&x->cmd.bs.by_mnid),
        gw_table_count(&x->maar.by_station), pools,
        gw_table_count(&x->lma.bs.by_mnid),  gw_table_count(&x->mag.bs.by_mnid),
        gw_table_count(&x->mag.by_station),  gw_table_count(&x->access.stations)};

    for (size_t i = 0; i < sizeof count / sizeof *count; i++)
        if (count[i] > s->nstations + 16)
            sim_fail(s, "bounded", "%s keeps more than there are mobile nodes", n->name);
    if (x->lm.pending > n->cfg[n->cfg_now].limits.pending)
        sim_fail(s, "bounded", "%s waits for %u answers", n->name, x->lm.pending);
}

void sim_invariants(struct sim *s)
{
    begin_look(s);
    for (size_t i = 0; i < s->nnodes; i++)
        if (s->node[i].node != NULL)
            give_all(s, &s->node[i]);
    for (size_t i = 0; i < s->nnodes && !s->failed; i++) {
        struct sim_node *n = &s->node[i];
        if (n->node == NULL)
            continue;
        bounded(s, n);
        sim_judge_node(s, n);
        owners(s, n, &n->node->cmd.bs);
        owners(s, n, &n->node->maar.bs);
        owners(s, n, &n->node->mag.bs);
    }
}
