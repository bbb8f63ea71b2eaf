/* route.c: see route.h. The forwarding rules are DESIGN's: by inner source prefix on the way up,
 * by inner destination prefix on the way down (RFC 8885 §3.2, step 5).
 */
#include "fn/route/route.h"

static void say(struct gw_lm *lm, const struct gw_intent *i)
{
    lm->ops->intent(lm->user, i);
}

/* Intents that belong together, each said when the next one is known: the last says that it is. */
struct run {
    struct gw_lm *lm;
    uint64_t tag;
    struct gw_intent held;
    bool any;
};

static void release(struct run *r, bool more)
{
    if (!r->any)
        return;
    r->held.tag = r->tag;
    r->held.more = r->tag != 0 && more;
    say(r->lm, &r->held);
}

static void add(struct run *r, const struct gw_intent *i)
{
    release(r, true);
    r->held = *i;
    r->any = true;
}

bool gw_route_tunnels(unsigned here, unsigned there)
{
    return ((here & GW_ROLES_FORWARDING) != 0 && (there & GW_ROLES_FORWARDING) != 0) ||
           ((here & GW_ROLES_STEERING) != 0 && (there & GW_ROLES_STEERING) != 0);
}

static bool forwards(const struct gw_lm *lm, const struct gw_cfg_peer *p)
{
    return gw_route_tunnels(lm->cfg->roles, p->roles) && !gw_addr_eq(&p->addr, &lm->cfg->addr);
}

void gw_route_drop_peer(struct gw_lm *lm, const struct gw_cfg_peer *p)
{
    if (forwards(lm, p))
        say(lm, &(struct gw_intent){.kind = GW_INTENT_PEER_DEL, .peer = {.addr = p->addr}});
}

static void add_peers(struct run *r)
{
    const struct gw_config *c = r->lm->cfg;

    for (const struct gw_cfg_peer *p = c->peers; p < c->peers + c->npeers; p++)
        if (forwards(r->lm, p))
            add(r, &(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                                       .peer = {.addr = p->addr,
                                                .mtu = c->core_mtu,
                                                .nets = (p->roles & GW_ROLE_MAAR) != 0}});
}

/* via NULL: through no anchor any more. */
static struct gw_intent net(const struct gw_station_key *st, const struct gw_prefix *p,
                            const struct gw_anchor *via)
{
    struct gw_intent i = {.kind = via != NULL ? GW_INTENT_NET_SET : GW_INTENT_NET_DEL,
                          .net = {.station = *st, .prefix = *p, .kind = GW_NET_BEHIND}};

    if (via != NULL)
        i.net.via = via->prefix;
    return i;
}

/* Through which anchor, but for `other`, a station reaches a network: the first that has it. */
static const struct gw_anchor *way_to(const struct gw_lm *lm, const struct gw_binding *b,
                                      const struct gw_prefix *p, const struct gw_anchor *other)
{
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (a != other && a->state == GW_ANCHOR_SETTLED && !gw_addr_eq(&a->maar, &lm->cfg->addr) &&
            gw_locals_have(gw_anchor_locals(a), p))
            return a;
    return NULL;
}

static void add_nets(struct run *r, const struct gw_binding *b, const struct gw_station_key *st)
{
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        const struct gw_locals *l = gw_anchor_locals(a);
        for (size_t i = 0; i < l->n; i++) {
            struct gw_intent n = net(st, &l->list[i], a);
            if (way_to(r->lm, b, &l->list[i], NULL) == a)
                add(r, &n);
        }
    }
}

void gw_route_drop_nets(struct gw_lm *lm, const struct gw_binding *b, const struct gw_anchor *a,
                        const struct gw_station_key *st)
{
    const struct gw_locals *l = gw_anchor_locals(a);

    if (gw_addr_eq(&a->maar, &lm->cfg->addr))
        return;
    for (size_t i = 0; i < l->n; i++) {
        struct gw_intent n = net(st, &l->list[i], way_to(lm, b, &l->list[i], a));
        say(lm, &n);
    }
}

static void add_own_net(struct run *r, enum gw_net_kind kind, const struct gw_prefix *p,
                        const struct gw_addr *peer)
{
    add(r, &(struct gw_intent){.kind = GW_INTENT_NET_SET,
                               .net = {.prefix = *p, .kind = kind, .peer = *peer}});
}

/* Is it one of the networks that add_own_nets says of a configuration? */
static bool has_own_net(const struct gw_config *c, const struct gw_prefix *p)
{
    for (size_t i = 0; i < c->mobility.nlocal; i++)
        if (gw_prefix_eq(&c->mobility.local[i], p))
            return true;
    for (size_t i = 0; i < c->npeers && c->mobility.nlocal != 0; i++)
        for (size_t k = 0; k < c->peers[i].npools; k++)
            if ((c->peers[i].roles & GW_ROLE_MAAR) != 0 && gw_prefix_eq(&c->peers[i].pools[k], p))
                return true;
    return false;
}

static void unsay(struct gw_lm *lm, const struct gw_prefix *p)
{
    if (!has_own_net(lm->cfg, p))
        say(lm, &(struct gw_intent){.kind = GW_INTENT_NET_DEL, .net = {.prefix = *p}});
}

static void drop_own_nets(struct gw_lm *lm, const struct gw_config *before)
{
    for (size_t i = 0; i < before->mobility.nlocal; i++)
        unsay(lm, &before->mobility.local[i]);
    for (size_t i = 0; before->mobility.nlocal != 0 && i < before->npeers; i++)
        for (size_t k = 0; k < before->peers[i].npools; k++)
            unsay(lm, &before->peers[i].pools[k]);
}

static void add_own_nets(struct run *r)
{
    const struct gw_config *c = r->lm->cfg;

    for (size_t i = 0; i < c->mobility.nlocal; i++)
        add_own_net(r, GW_NET_OWN, &c->mobility.local[i], &c->addr);
    for (size_t i = 0; i < c->npeers && c->mobility.nlocal != 0; i++)
        for (size_t k = 0; k < c->peers[i].npools; k++)
            if ((c->peers[i].roles & GW_ROLE_MAAR) != 0)
                add_own_net(r, GW_NET_POOL, &c->peers[i].pools[k], &c->peers[i].addr);
}

bool gw_route_fixed(struct gw_lm *lm, const struct gw_config *before, uint64_t tag)
{
    struct run r = {.lm = lm, .tag = tag};

    if (before != NULL)
        drop_own_nets(lm, before);
    add_peers(&r);
    add_own_nets(&r);
    release(&r, false);
    return r.any;
}

/* RFC 5213 §6.10.3, for prefixes of an LMA; a MAAR's go to it in any case. */
static bool past_anchor(struct gw_lm *lm, const struct gw_anchor *a)
{
    const struct gw_cfg_peer *p =
        lm->cfg->pmip.local_routing ? lm->ops->peer(lm->user, &a->maar) : NULL;

    return p != NULL && (p->roles & GW_ROLE_LMA) != 0 && !gw_addr_eq(&p->addr, &lm->cfg->addr);
}

void gw_route_serve(struct gw_lm *lm, const struct gw_binding *b, const struct gw_station_key *st,
                    bool watch, uint64_t tag)
{
    struct run r = {.lm = lm, .tag = tag};

    add(&r, &(struct gw_intent){.kind = GW_INTENT_STATION_SET, .station = {.key = *st}});
    add_nets(&r, b, st);
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        if (a->state == GW_ANCHOR_RELEASING)
            continue;
        bool here = gw_addr_eq(&a->maar, &lm->cfg->addr);
        struct gw_intent i = {
            .kind = GW_INTENT_PREFIX_SET,
            .prefix = {.prefix = a->prefix,
                       .kind = here ? GW_PFX_LOCAL : GW_PFX_SERVED,
                       .station = *st,
                       .dlif = gw_anchor_lladdr(a),
                       .watch_up = watch,
                       .watch_down = watch,
                       .local_routing = past_anchor(lm, a)},
        };
        if (!here)
            i.prefix.peer = a->maar;
        add(&r, &i);
    }
    release(&r, false);
}

void gw_route_move(struct gw_lm *lm, const struct gw_binding *b, uint64_t tag)
{
    struct run r = {.lm = lm, .tag = tag};

    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        add(&r, &(struct gw_intent){
                    .kind = GW_INTENT_PREFIX_SET,
                    .prefix = {.prefix = a->prefix, .kind = GW_PFX_MOVED, .peer = b->serving},
                });
    release(&r, false);
}

void gw_route_drop_prefix(struct gw_lm *lm, const struct gw_prefix *p, uint64_t tag)
{
    say(lm,
        &(struct gw_intent){.kind = GW_INTENT_PREFIX_DEL, .tag = tag, .prefix = {.prefix = *p}});
}

void gw_route_drop_station(struct gw_lm *lm, const struct gw_binding *b,
                           const struct gw_station_key *st)
{
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        const struct gw_locals *l = gw_anchor_locals(a);
        for (size_t i = 0; i < l->n && !gw_addr_eq(&a->maar, &lm->cfg->addr); i++) {
            struct gw_intent n = net(st, &l->list[i], NULL);
            say(lm, &n);
        }
    }
    say(lm, &(struct gw_intent){.kind = GW_INTENT_STATION_DEL, .station = {.key = *st}});
}

void gw_route_sync(struct gw_lm *lm)
{
    say(lm, &(struct gw_intent){.kind = GW_INTENT_SYNC});
}

void gw_route_serve_sync(struct gw_lm *lm)
{
    say(lm, &(struct gw_intent){.kind = GW_INTENT_SERVE_SYNC});
}
