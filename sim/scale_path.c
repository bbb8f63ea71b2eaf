/* scale_path.c: the packet path of a large domain: no tables for packets (there are none), but what
 * the intents say: which node forwards which prefix whither, the tunnels that come of it, and
 * whether a mobile node's prefixes work where it is. A prefix works when its anchor sends to the
 * node's router and that delivers.
 */
#include "scale.h"

#include <stdlib.h>

struct forward { /* what a node does with a prefix */
    struct {
        uint64_t net, node;
    } key;
    uint32_t peer; /* the other end of the tunnel; its own number: none */
};
struct tunnel {
    struct {
        uint32_t from, to;
    } key;
    uint32_t prefixes;
};

static uint64_t net_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(uint64_t), seed);
}
static bool net_eq(const void *key, const void *obj)
{
    return memcmp(key, &((const struct scale_prefix *)obj)->net, sizeof(uint64_t)) == 0;
}
static const void *net_key(const void *obj)
{
    return &((const struct scale_prefix *)obj)->net;
}
static const struct gw_table_ops prefix_ops = {.hash = net_hash, .eq = net_eq, .key = net_key};

static uint64_t forward_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof((struct forward *)0)->key, seed);
}
static bool forward_eq(const void *key, const void *obj)
{
    const struct forward *f = obj;
    return memcmp(key, &f->key, sizeof f->key) == 0;
}
static const void *forward_key(const void *obj)
{
    return &((const struct forward *)obj)->key;
}
static const struct gw_table_ops forward_ops = {
    .hash = forward_hash, .eq = forward_eq, .key = forward_key};

static uint64_t tunnel_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof((struct tunnel *)0)->key, seed);
}
static bool tunnel_eq(const void *key, const void *obj)
{
    const struct tunnel *t = obj;
    return memcmp(key, &t->key, sizeof t->key) == 0;
}
static const void *tunnel_key(const void *obj)
{
    return &((const struct tunnel *)obj)->key;
}
static const struct gw_table_ops tunnel_ops = {
    .hash = tunnel_hash, .eq = tunnel_eq, .key = tunnel_key};

void scale_path_make(struct scale *sc)
{
    gw_table_init(&sc->prefixes, &gw_alloc_libc, &prefix_ops, 0, sc->seed);
    gw_table_init(&sc->forwards, &gw_alloc_libc, &forward_ops, 0, sc->seed);
    gw_table_init(&sc->tunnels, &gw_alloc_libc, &tunnel_ops, 0, sc->seed);
}

static void forget_all(struct gw_table *t)
{
    void *o;

    for (size_t i = 0; (o = gw_table_next(t, &i)) != NULL;)
        free(o);
    gw_table_free(t);
}

void scale_path_free(struct scale *sc)
{
    forget_all(&sc->prefixes);
    forget_all(&sc->forwards);
    forget_all(&sc->tunnels);
}

static void put(struct gw_table *t, void *o)
{
    if (gw_table_put(t, o) != 0)
        abort();
}

static uint64_t net_of(const struct gw_prefix *p)
{
    uint64_t net = 0;

    for (int i = 0; i < 8; i++)
        net = net << 8 | p->addr.b[i];
    return net;
}

/* -- tunnels ------------------------------------------------------------------------------------
 */

static void tunnel(struct scale *sc, uint32_t from, uint32_t to, bool more)
{
    struct tunnel key = {.key = {from, to}}, *t = gw_table_get(&sc->tunnels, &key.key);

    if (from == to)
        return;
    if (t == NULL) {
        t = sim_new_memory(sizeof *t);
        *t = key;
        put(&sc->tunnels, t);
    }
    t->prefixes += more ? 1 : UINT32_MAX;
    sc->ntunnelled += more ? 1 : UINT64_MAX;
    if (t->prefixes == 0)
        free(gw_table_del(&sc->tunnels, &key.key));
}

/* -- forwards -----------------------------------------------------------------------------------
 */

static void forward(struct scale *sc, uint64_t net, uint32_t node, uint32_t peer)
{
    struct forward key = {.key = {net, node}, .peer = node};
    struct forward *f = gw_table_get(&sc->forwards, &key.key);

    if (f == NULL) {
        f = sim_new_memory(sizeof *f);
        *f = key;
        put(&sc->forwards, f);
    }
    if (f->peer == peer)
        return;
    tunnel(sc, node, f->peer, false);
    tunnel(sc, node, peer, true);
    f->peer = peer;
}

static void unforward(struct scale *sc, uint64_t net, uint32_t node)
{
    struct forward key = {.key = {net, node}}, *f = gw_table_del(&sc->forwards, &key.key);

    if (f != NULL)
        tunnel(sc, node, f->peer, false);
    free(f);
}

/* -- prefixes -----------------------------------------------------------------------------------
 */

static struct scale_prefix *prefix(struct scale *sc, uint64_t net)
{
    struct scale_prefix *p = gw_table_get(&sc->prefixes, &net);

    if (p != NULL)
        return p;
    p = sim_new_memory(sizeof *p);
    *p = (struct scale_prefix){
        .net = net, .anchor = (uint32_t)scale_anchor_of(net), .used = INT64_MAX};
    sc->node[p->anchor].prefixes++;
    put(&sc->prefixes, p);
    return p;
}

static void own(struct scale_prefix *p, struct scale_mn *mn)
{
    if (p->mn != NULL || mn == NULL)
        return;
    p->mn = mn;
    p->next = mn->prefixes;
    mn->prefixes = p;
}

static void forget(struct scale *sc, struct scale_prefix *p)
{
    if (p->mn != NULL) {
        struct scale_prefix **at = &p->mn->prefixes;
        while (*at != p)
            at = &(*at)->next;
        *at = p->next;
    }
    sc->node[p->anchor].prefixes--;
    gw_table_del(&sc->prefixes, &p->net);
    free(p);
}

/* What was in flight goes on to the new S-MAAR for a moment (PREFIX_SET of a node that is neither
 * anchor nor server): a tunnel, and nothing else. */
static void set(struct scale_node *n, const struct gw_intent *i)
{
    struct scale *sc = n->sc;
    uint64_t net = net_of(&i->prefix.prefix);
    struct scale_prefix *p = prefix(sc, net);
    uint32_t peer =
        i->prefix.kind == GW_PFX_LOCAL ? n->index : (uint32_t)scale_node_of(&i->prefix.peer);

    forward(sc, net, n->index, peer);
    if (n->index == p->anchor)
        p->to = peer;
    if (i->prefix.kind != GW_PFX_MOVED) {
        own(p, scale_host_of(sc, &i->prefix.station.lladdr));
        p->served = n->index;
        p->given_up = false;
    }
    if (p->mn != NULL)
        scale_host_check(sc, p->mn);
}

static void unset(struct scale_node *n, const struct gw_intent *i)
{
    struct scale *sc = n->sc;
    uint64_t net = net_of(&i->prefix.prefix);
    struct scale_prefix *p = gw_table_get(&sc->prefixes, &net);

    unforward(sc, net, n->index);
    if (p == NULL)
        return;
    struct scale_mn *mn = p->mn;
    if (p->served == n->index) {
        p->served = 0;
        p->given_up = mn != NULL && mn->at == n->index;
    }
    if (n->index == p->anchor)
        forget(sc, p);
    if (mn != NULL)
        scale_host_check(sc, mn);
}

void scale_path_apply(struct scale_node *n, const struct gw_intent *i)
{
    switch (i->kind) {
    case GW_INTENT_PREFIX_SET:
        set(n, i);
        break;
    case GW_INTENT_PREFIX_DEL:
        unset(n, i);
        break;
    case GW_INTENT_PEER_SET:
    case GW_INTENT_PEER_DEL:
    case GW_INTENT_STATION_SET:
    case GW_INTENT_STATION_DEL:
    case GW_INTENT_NET_SET:
    case GW_INTENT_NET_DEL:
    case GW_INTENT_SERVICE_SET:
    case GW_INTENT_SERVICE_DEL:
    case GW_INTENT_INSTANCE_SET:
    case GW_INTENT_INSTANCE_DEL:
    case GW_INTENT_FLOW_SET:
    case GW_INTENT_FLOW_DEL:
    case GW_INTENT_HOLD_SET:
    case GW_INTENT_HOLD_DEL:
    case GW_INTENT_MARK:
    case GW_INTENT_SYNC:
    case GW_INTENT_SERVE_SYNC:
        break;
    }
}

struct gw_time scale_path_use(const struct scale *sc, const struct gw_prefix *prefix)
{
    uint64_t net = net_of(prefix);
    const struct scale_prefix *p = gw_table_get(&sc->prefixes, &net);
    struct gw_time now = scale_now(sc).mono;

    if (p == NULL)
        return (struct gw_time){0};
    return p->used > sc->sim.now ? now : (struct gw_time){now.ns - sc->sim.now + p->used};
}
