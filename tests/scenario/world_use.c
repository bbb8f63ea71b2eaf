/* world_use.c: what prefixes carry, as a packet path would have counted it, the networks that it
 * was told of, and who still knows of a prefix.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct w_traffic *traffic(struct world *w, const struct gw_prefix *p)
{
    for (size_t i = 0; i < w->ntraffic; i++)
        if (gw_prefix_eq(&w->traffic[i].prefix, p))
            return &w->traffic[i];
    assert_true(w->ntraffic < W_PREFIXES);
    w->traffic[w->ntraffic] = (struct w_traffic){.prefix = *p};
    return &w->traffic[w->ntraffic++];
}

bool w_packet(struct world *w, size_t serving, const struct gw_prefix *p)
{
    const struct gw_intent *i = w_prefix(w, serving, p);

    if (i == NULL || i->prefix.kind == GW_PFX_MOVED)
        return false;
    traffic(w, p)->last = w->now.mono;
    return true;
}

void w_read_use(struct world *w, size_t node, const struct gw_prefix *p)
{
    struct w_event *e = w_event(W_USE, node, gw_time_add(w->now.mono, w->use_delay));

    e->use = *traffic(w, p);
    w->asked++;
    w_post(w, e);
}

static bool same_net(const struct gw_intent *a, const struct gw_intent *b)
{
    return gw_prefix_eq(&a->net.prefix, &b->net.prefix) &&
           gw_lladdr_eq(&a->net.station.lladdr, &b->net.station.lladdr) &&
           a->net.station.iface == b->net.station.iface;
}

void w_net_intent(struct w_node *n, const struct gw_intent *i)
{
    for (size_t k = 0; k < n->nnets; k++)
        if (same_net(&n->net[k], i))
            n->net[k--] = n->net[--n->nnets];
    if (i->kind == GW_INTENT_NET_DEL)
        return;
    assert_true(n->nnets < W_NETS);
    n->net[n->nnets++] = *i;
}

const struct gw_intent *w_net(struct world *w, size_t node, unsigned mn, const struct gw_prefix *p)
{
    struct gw_intent key = {.net.prefix = *p};
    const struct gw_intent *found = NULL;

    if (mn != 0)
        key.net.station = w_station(mn);
    for (size_t k = 0; k < w->n[node].nnets; k++)
        if (same_net(&w->n[node].net[k], &key))
            found = &w->n[node].net[k];
    for (size_t k = 0; found != NULL && mn != 0 && k < w->n[node].nstations; k++)
        if (gw_lladdr_eq(&w->n[node].station[k].lladdr, &key.net.station.lladdr))
            assert_true(w->n[node].nets[k]); /* or the path would not look */
    return found;
}

size_t w_traces(struct world *w, const struct gw_prefix *p)
{
    size_t n = 0;

    for (size_t i = 0; i < w->nnodes; i++) {
        const struct gw_node *x = w->n[i].node;
        n += gw_anchor_get(&x->cmd.bs, p) != NULL || gw_anchor_get(&x->maar.bs, p) != NULL ||
             w_prefix(w, i, p) != NULL;
    }
    return n;
}
