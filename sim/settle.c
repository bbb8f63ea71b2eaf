/* settle.c: what must hold when no fault has happened for a while: every station is served where it
 * is, all tables of the domain agree, every prefix works in both directions; and after the last
 * station has left nothing is kept. What does not hold says who waits for what.
 */
#include "sim.h"

#include <stdio.h>

static struct gw_maar_mn *entry(const struct sim_node *n, const struct gw_mnid *id)
{
    struct gw_binding *b = n->node != NULL ? gw_binding_get(&n->node->maar.bs, id) : NULL;
    return b != NULL ? gw_maar_mn(b) : NULL;
}

static struct sim_node *node_of(struct sim *s, const struct gw_addr *a)
{
    for (size_t i = 0; i < s->nnodes; i++)
        if (gw_addr_eq(&s->node[i].cfg[0].addr, a))
            return &s->node[i];
    return NULL;
}

static const char *name_of(struct sim *s, const struct gw_addr *a)
{
    const struct sim_node *n = node_of(s, a);
    return n != NULL ? n->name : "nobody";
}

#define NOT(...)                                 \
    do {                                         \
        if (say)                                 \
            sim_fail(s, "settles", __VA_ARGS__); \
        return false;                            \
    } while (0)

static bool path_is(const struct sim_node *n, const struct gw_prefix *p, enum gw_prefix_kind kind,
                    const struct gw_addr *peer)
{
    const struct gw_t_prefix *t = gw_native_prefix(n->plane, p);
    return t != NULL && t->kind == (uint32_t)kind &&
           (peer == NULL || memcmp(t->peer.b, peer->b, 16) == 0);
}

static bool anchor_agrees(struct sim *s, const struct sim_station *h, const struct sim_node *at,
                          const struct gw_anchor *a, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *n = node_of(s, &a->maar);
    const struct gw_maar_mn *mn = n != NULL ? entry(n, &id) : NULL;
    char p[GW_TEXT_MAX];

    (void)gw_fmt_prefix(&a->prefix, p);
    if (a->state != GW_ANCHOR_SETTLED || a->ex.pending)
        NOT("mn%zu at %s: the CMD waits for %s about %s (%s)", h->index, at->name,
            name_of(s, &a->maar), p, gw_anchor_state_name(a->state));
    if (n == at) {
        if (!path_is(at, &a->prefix, GW_PFX_LOCAL, NULL))
            NOT("mn%zu at %s: its own prefix %s is not local there", h->index, at->name, p);
        return true;
    }
    if (mn == NULL || mn->state != GW_MN_PREVIOUS || !gw_addr_eq(&mn->b.serving, &at->cfg[0].addr))
        NOT("mn%zu at %s: its anchor %s has it as %s", h->index, at->name, name_of(s, &a->maar),
            mn != NULL ? gw_mn_state_name(mn->state) : "unknown");
    if (!path_is(at, &a->prefix, GW_PFX_SERVED, &a->maar) ||
        !path_is(n, &a->prefix, GW_PFX_MOVED, &at->cfg[0].addr))
        NOT("mn%zu at %s: no tunnel with %s for %s", h->index, at->name, n->name, p);
    return true;
}

static bool served(struct sim *s, const struct sim_station *h, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *at = &s->node[h->at];
    const struct gw_maar_mn *mn = entry(at, &id);
    const struct gw_binding *b = gw_binding_get(&s->node[0].node->cmd.bs, &id);

    if (mn == NULL || mn->state != GW_MN_SERVING)
        NOT("mn%zu is at %s, which has it as %s", h->index, at->name,
            mn != NULL ? gw_mn_state_name(mn->state) : "unknown");
    if (mn->ex.pending)
        NOT("mn%zu: %s waits for the CMD's answer to sequence number %u", h->index, at->name,
            mn->ex.seq);
    if (b == NULL)
        NOT("mn%zu is at %s, the CMD does not know it", h->index, at->name);
    if (!gw_addr_eq(&b->serving, &at->cfg[0].addr))
        NOT("mn%zu is at %s, the CMD has it at %s", h->index, at->name, name_of(s, &b->serving));
    if (b->nanchors != mn->b.nanchors)
        NOT("mn%zu: %s knows %u anchors, the CMD %u", h->index, at->name, mn->b.nanchors,
            b->nanchors);
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (!anchor_agrees(s, h, at, a, say))
            return false;
    if (mn->own == NULL ||
        sim_station_addr((struct sim_station *)(uintptr_t)h, &mn->own->prefix) == NULL)
        NOT("mn%zu has no address of %s", h->index, at->name);
    return true;
}

/* Nowhere else is it believed to be. */
static bool only_there(struct sim *s, const struct sim_station *h, bool say)
{
    struct gw_mnid id = sim_mnid(h);

    for (size_t i = 1; i < s->nnodes; i++) {
        const struct gw_maar_mn *mn = i != h->at ? entry(&s->node[i], &id) : NULL;
        if (mn != NULL && mn->state != GW_MN_PREVIOUS)
            NOT("mn%zu is at %s, %s has it as %s", h->index, s->node[h->at].name, s->node[i].name,
                gw_mn_state_name(mn->state));
    }
    return true;
}

bool sim_settled(struct sim *s, bool say)
{
    for (size_t i = 0; i < s->nnodes; i++)
        if (s->node[i].node == NULL)
            NOT("%s is down", s->node[i].name);
    for (size_t i = 0; i < s->nstations; i++) {
        const struct sim_station *h = &s->station[i];
        if (h->at != 0 && (!served(s, h, say) || !only_there(s, h, say)))
            return false;
    }
    return true;
}

void sim_probe_begin(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        struct gw_mnid id = sim_mnid(h);
        const struct gw_binding *b = gw_binding_get(&s->node[0].node->cmd.bs, &id);
        for (const struct gw_anchor *a = b != NULL && h->at != 0 ? b->anchors : NULL; a != NULL;
             a = a->next) {
            const struct sim_haddr *x = sim_station_addr(h, &a->prefix);
            if (x == NULL)
                continue; /* it was elsewhere when that anchor advertised */
            struct sim_flow *f = sim_flow_new(s, h, &x->addr, 50 * SIM_MS, 0);
            f->probe = true;
            sim_flow_start(s, f);
        }
    }
}

/* An idle prefix may have been released meanwhile. */
static bool live(const struct sim *s, const struct gw_addr *a)
{
    struct gw_prefix p = gw_prefix_mask(*a, 64);
    return gw_anchor_get(&s->node[0].node->cmd.bs, &p) != NULL;
}

void sim_probe_end(struct sim *s)
{
    char text[GW_TEXT_MAX];

    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        for (struct sim_flow *f = h->flows, *next; f != NULL; f = next) {
            next = f->next;
            if (!f->probe)
                continue;
            if (live(s, &f->addr) && f->echoed * 2 < f->sent)
                sim_fail(s, "both-ways", "mn%zu at %s: %u of %u packets from %s were answered", i,
                         s->node[h->at].name, f->echoed, f->sent, gw_fmt_addr(&f->addr, text));
            sim_flow_free(s, f);
        }
    }
}

/* Of the prefixes that stations have had: those that a packet path still knows. */
static size_t path_keeps(const struct sim *s, const struct sim_node *n)
{
    size_t left = 0;

    for (size_t i = 0; i < s->nstations; i++)
        for (size_t k = 0; k < s->station[i].naddr; k++)
            left += gw_native_prefix(n->plane, &s->station[i].addr[k].prefix) != NULL;
    return left;
}

void sim_gone(struct sim *s)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        const struct gw_node *n = s->node[i].node;
        const struct gw_binding *b;
        size_t left = 0;
        for (size_t k = 0; (b = gw_table_next(&n->cmd.bs.by_mnid, &k)) != NULL;)
            left += b->anchors != NULL; /* without any it is remembered as ended for a moment */
        if (left > 0 || gw_table_count(&n->maar.bs.by_mnid) > 0 ||
            gw_pools_count(&n->maar.pools) > 0 || gw_table_count(&n->maar.by_station) > 0)
            sim_fail(s, "all-gone",
                     "everybody has left, %s keeps %zu bindings, %zu entries, %zu "
                     "prefixes, %zu stations",
                     s->node[i].name, left, gw_table_count(&n->maar.bs.by_mnid),
                     gw_pools_count(&n->maar.pools), gw_table_count(&n->maar.by_station));
        size_t path = path_keeps(s, &s->node[i]);
        size_t records =
            sim_disk_count(s->node[i].disk, 'M') + sim_disk_count(s->node[i].disk, 'C');
        if (path > 0 || records > 0)
            sim_fail(s, "all-gone",
                     "everybody has left, %s keeps %zu prefixes in its path, %zu records",
                     s->node[i].name, path, records);
        if (n->lm.pending > 0)
            sim_fail(s, "all-gone", "everybody has left, %s waits for %u answers", s->node[i].name,
                     n->lm.pending);
    }
}
