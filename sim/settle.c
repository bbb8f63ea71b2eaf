/* settle.c: what must hold when no fault has happened for a while: every station is served where it
 * is and as its policy says, all tables of the domain agree, every prefix works in both directions.
 * What does not hold says who waits for what. Here: CMD and MAARs (RFC 8885), and the probes;
 * settle_pmip.c: LMA and MAGs.
 */
#include "settle.h"

#include "fn/access/station.h"

#define PROBE    (2 * SIM_S)
#define SEEK_MAX (120 * SIM_S) /* eleven seconds for each router that is none any more */

static struct gw_maar_mn *entry(const struct sim_node *n, const struct gw_mnid *id)
{
    struct gw_binding *b = n->node != NULL ? gw_binding_get(&n->node->maar.bs, id) : NULL;
    return b != NULL ? gw_maar_mn(b) : NULL;
}

struct sim_node *sim_node_of(struct sim *s, const struct gw_addr *a)
{
    for (size_t i = 0; i < s->nnodes; i++)
        if (gw_addr_eq(&s->node[i].cfg[0].addr, a))
            return &s->node[i];
    return NULL;
}

const char *sim_name_of(struct sim *s, const struct gw_addr *a)
{
    const struct sim_node *n = sim_node_of(s, a);
    return n != NULL ? n->name : "nobody";
}

bool sim_path_is(const struct sim_node *n, const struct gw_prefix *p, enum gw_prefix_kind kind,
                 const struct gw_addr *peer)
{
    const struct gw_t_prefix *t = gw_native_prefix(n->plane, p);
    return t != NULL && t->kind == (uint32_t)kind &&
           (peer == NULL || memcmp(t->peer.b, peer->b, 16) == 0);
}

bool sim_waits(const struct sim_node *n, const struct gw_exchange *x, uint8_t hi)
{
    int64_t first = 2 * n->cfg[n->cfg_now].timers.initial_ack.ns; /* what a second one waits */

    return x->pending && (hi != GW_HI_REREGISTRATION || x->run->wait.ns > first);
}

static bool anchor_agrees(struct sim *s, const struct sim_station *h, const struct sim_node *at,
                          const struct gw_anchor *a, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *n = sim_node_of(s, &a->maar);
    const struct gw_maar_mn *mn = n != NULL ? entry(n, &id) : NULL;
    char p[GW_TEXT_MAX];

    (void)gw_fmt_prefix(&a->prefix, p);
    if (a->state != GW_ANCHOR_SETTLED || a->ex.pending)
        NOT("mn%zu at %s: the CMD waits for %s about %s (%s)", h->index, at->name,
            sim_name_of(s, &a->maar), p, gw_anchor_state_name(a->state));
    if (n == at) {
        if (!sim_path_is(at, &a->prefix, GW_PFX_LOCAL, NULL))
            NOT("mn%zu at %s: its own prefix %s is not local there", h->index, at->name, p);
        return true;
    }
    if (mn == NULL || mn->state != GW_MN_PREVIOUS || !gw_addr_eq(&mn->b.serving, &at->cfg[0].addr))
        NOT("mn%zu at %s: its anchor %s has it as %s", h->index, at->name, sim_name_of(s, &a->maar),
            mn != NULL ? gw_mn_state_name(mn->state) : "unknown");
    for (size_t i = 0; i < s->nnodes; i++)
        if (&s->node[i] != at && &s->node[i] != n && s->node[i].plane != NULL &&
            gw_native_prefix(s->node[i].plane, &a->prefix) != NULL)
            NOT("mn%zu at %s: %s, which has no part in it, forwards %s", h->index, at->name,
                s->node[i].name, p);
    if (!sim_path_is(at, &a->prefix, GW_PFX_SERVED, &a->maar) ||
        !sim_path_is(n, &a->prefix, GW_PFX_MOVED, &at->cfg[0].addr))
        NOT("mn%zu at %s: no tunnel with %s for %s", h->index, at->name, n->name, p);
    return true;
}

static bool served(struct sim *s, const struct sim_station *h, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *at = &s->node[h->at];
    const struct gw_maar_mn *mn = entry(at, &id);
    const struct gw_binding *b = gw_binding_get(&s->cmd->node->cmd.bs, &id);

    if (mn == NULL || mn->state != GW_MN_SERVING)
        NOT("mn%zu is at %s, which has it as %s", h->index, at->name,
            mn != NULL ? gw_mn_state_name(mn->state) : "unknown");
    if (sim_waits(at, &mn->ex, mn->b.hi))
        NOT("mn%zu: %s waits for the CMD's answer to sequence number %u", h->index, at->name,
            mn->ex.seq);
    if (b == NULL)
        NOT("mn%zu is at %s, the CMD does not know it", h->index, at->name);
    if (!gw_addr_eq(&b->serving, &at->cfg[0].addr))
        NOT("mn%zu is at %s, the CMD has it at %s", h->index, at->name,
            sim_name_of(s, &b->serving));
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

/* Without mobility (RFC 8885 has none either): it has a prefix here, and no CMD knows of it. */
static bool served_locally(struct sim *s, const struct sim_station *h, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *at = &s->node[h->at];
    const struct gw_maar_mn *mn = entry(at, &id);

    if (mn == NULL || mn->state != GW_MN_LOCAL || mn->own == NULL)
        NOT("mn%zu is at %s without mobility, which has it as %s", h->index, at->name,
            mn != NULL ? gw_mn_state_name(mn->state) : "unknown");
    if (!sim_path_is(at, &mn->own->prefix, GW_PFX_LOCAL, NULL))
        NOT("mn%zu at %s: its prefix is not local there", h->index, at->name);
    if (sim_station_addr((struct sim_station *)(uintptr_t)h, &mn->own->prefix) == NULL)
        NOT("mn%zu has no address of %s", h->index, at->name);
    return true;
}

bool sim_shown(const struct sim_node *n, const struct sim_station *h)
{
    struct gw_station_key key = {.iface = 0, .lladdr = h->lladdr};
    const struct gw_access_station *st =
        n->node != NULL ? gw_table_get(&n->node->access.stations, &key) : NULL;

    return st != NULL && (st->ll_known || !gw_addr_is_zero(&st->global));
}

/* No CMD and no MAAR but the one that may serve it without mobility has anything of it. */
static bool unknown(struct sim *s, const struct sim_station *h, bool say)
{
    struct gw_mnid id = sim_mnid(h);
    const struct gw_binding *b = s->cmd != NULL ? gw_binding_get(&s->cmd->node->cmd.bs, &id) : NULL;
    bool local = (h->anchoring & GW_ANCHORING_NONE) != 0;

    if (b != NULL && b->anchors != NULL)
        NOT("mn%zu at %s is not anchored by its policy, the CMD has it at %s", h->index,
            s->node[h->at].name, sim_name_of(s, &b->serving));
    for (size_t i = 0; i < s->nnodes; i++) {
        const struct gw_maar_mn *mn = entry(&s->node[i], &id);
        if (mn == NULL || mn->state == GW_MN_REFUSED || (local && i == h->at))
            continue;
        if (mn->state != GW_MN_LOCAL || sim_shown(&s->node[i], h))
            NOT("mn%zu at %s is not anchored by its policy, %s has it as %s", h->index,
                s->node[h->at].name, s->node[i].name, gw_mn_state_name(mn->state));
    }
    return true;
}

static bool settled(struct sim *s, const struct sim_station *h, bool say)
{
    bool here = (h->anchoring & GW_ANCHORING_HERE) != 0;

    if (here && (!served(s, h, say) || !only_there(s, h, say)))
        return false;
    if ((h->anchoring & GW_ANCHORING_NONE) != 0 && !served_locally(s, h, say))
        return false;
    return (here || unknown(s, h, say)) && sim_settled_pmip(s, h, say);
}

bool sim_settled(struct sim *s, bool say)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        if (s->node[i].node == NULL)
            NOT("%s is down", s->node[i].name);
        if (gw_store_retry(s->node[i].store).ns != GW_NEVER.ns)
            NOT("%s has records that its disk has not taken", s->node[i].name);
    }
    for (size_t i = 0; i < s->nstations; i++) {
        const struct sim_station *h = &s->station[i];
        if (h->at != 0 && !settled(s, h, say))
            return false;
    }
    return true;
}

static void probe(struct sim *s, struct sim_station *h, const struct gw_prefix *p, size_t server)
{
    const struct sim_haddr *x = sim_station_addr(h, p);

    if (x == NULL)
        return; /* it was elsewhere when that anchor advertised */
    struct sim_flow *f = sim_flow_new(s, h, &x->addr, server, 50 * SIM_MS, 0);
    f->probe = true;
    sim_flow_start(s, f);
}

/* What a station has: of the CMD's binding, of LMA sessions, of a MAAR alone. */
static const struct gw_binding *bindings(struct sim *s, const struct sim_station *h, unsigned which)
{
    struct gw_mnid id = sim_mnid(h);
    const struct gw_maar_mn *mn = entry(&s->node[h->at], &id);

    if (which == 0)
        return s->cmd != NULL ? gw_binding_get(&s->cmd->node->cmd.bs, &id) : NULL;
    if (which == 1)
        return s->lma != NULL ? gw_binding_get(&s->lma->node->lma.bs, &id) : NULL;
    return mn != NULL && mn->state == GW_MN_LOCAL ? &mn->b : NULL;
}

/* Is the network behind that node one that the station's packets have a way to: the serving MAAR's
 * own, or one behind an anchor? From its newest prefix, that no other anchor has. */
static bool reaches(struct sim *s, const struct sim_station *h, size_t node)
{
    struct gw_station_key key = {.lladdr = h->lladdr};
    struct gw_mnid id = sim_mnid(h);
    const struct sim_node *at = &s->node[h->at];
    const struct gw_maar_mn *mn = entry(at, &id);

    if (!s->set.locals || mn == NULL || mn->state != GW_MN_SERVING || mn->own == NULL)
        return false;
    return node == h->at || gw_native_net(at->plane, &key, &s->node[node].local) != NULL;
}

static void probe_begin(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        struct gw_mnid id = sim_mnid(h);
        for (unsigned which = 0; which < 3 && h->at != 0; which++)
            for (const struct gw_binding *b = bindings(s, h, which); b != NULL; b = b->next)
                for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
                    probe(s, h, &a->prefix, s->nnodes);
        for (size_t k = 1; k < s->nnodes && h->at != 0; k++)
            if (reaches(s, h, k))
                probe(s, h, &entry(&s->node[h->at], &id)->own->prefix, k);
    }
}

/* An idle prefix may have been released meanwhile. */
static bool live(struct sim *s, const struct sim_station *h, const struct gw_addr *a)
{
    for (unsigned which = 0; which < 3 && h->at != 0; which++)
        for (const struct gw_binding *b = bindings(s, h, which); b != NULL; b = b->next)
            for (const struct gw_anchor *x = b->anchors; x != NULL; x = x->next)
                if (gw_prefix_contains(&x->prefix, a))
                    return true;
    return false;
}

static void probe_end(struct sim *s)
{
    char text[GW_TEXT_MAX];

    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        for (struct sim_flow *f = h->flows, *next; f != NULL; f = next) {
            next = f->next;
            if (!f->probe)
                continue;
            if (live(s, h, &f->addr) && (f->server == s->nnodes || reaches(s, h, f->server)) &&
                (f->echoed * 2 < f->sent || f->full == 0))
                sim_fail(s, "both-ways",
                         "mn%zu at %s: %u of %u packets from %s to %s were answered, %u long", i,
                         s->node[h->at].name, f->echoed, f->sent, gw_fmt_addr(&f->addr, text),
                         f->server < s->nnodes ? s->node[f->server].name : "the server", f->full);
            sim_flow_free(s, f);
        }
    }
}

/* Does any station still look for a router that answers? Those of former places may have to be
 * tried and given up first (RFC 4861 §7.3); then it sends where it is heard. */
static bool sought(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        if (h->at != 0 && sim_station_newest(s, h) != NULL && sim_router_sought(s, h))
            return true;
    }
    return false;
}

void sim_probe(struct sim *s)
{
    for (int64_t end = s->now + SEEK_MAX; !s->failed && s->now < end && sought(s);) {
        sim_keep_talking(s);
        sim_until(s, s->now + SIM_S);
    }
    if (s->failed)
        return;
    probe_begin(s);
    sim_until(s, s->now + PROBE);
    if (!s->failed)
        probe_end(s);
}
