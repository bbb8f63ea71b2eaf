/* route.c: see route.h. The forwarding rules are DESIGN's: by inner source prefix on the way up,
 * by inner destination prefix on the way down (RFC 8885 §3.2, step 5).
 */
#include "fn/route/route.h"

static void say(struct gw_lm *lm, const struct gw_intent *i)
{
    lm->ops->intent(lm->user, i);
}

void gw_route_peer(struct gw_lm *lm, const struct gw_cfg_peer *p, bool wanted)
{
    if ((p->roles & GW_ROLES_FORWARDING) == 0 || gw_addr_eq(&p->addr, &lm->cfg->addr))
        return;
    say(lm, &(struct gw_intent){.kind = wanted ? GW_INTENT_PEER_SET : GW_INTENT_PEER_DEL,
                                .peer = {.addr = p->addr,
                                         .mtu = lm->cfg->core_mtu,
                                         .nets = (p->roles & GW_ROLE_MAAR) != 0}});
}

void gw_route_peers(struct gw_lm *lm)
{
    for (size_t i = 0; i < lm->cfg->npeers; i++)
        gw_route_peer(lm, &lm->cfg->peers[i], true);
}

static void say_net(struct gw_lm *lm, const struct gw_station_key *st, const struct gw_prefix *p,
                    const struct gw_anchor *via)
{
    struct gw_intent i = {.kind = via != NULL ? GW_INTENT_NET_SET : GW_INTENT_NET_DEL,
                          .net = {.station = *st, .prefix = *p, .kind = GW_NET_BEHIND}};

    if (via != NULL)
        i.net.via = via->prefix;
    say(lm, &i);
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

static void say_nets(struct gw_lm *lm, const struct gw_binding *b, const struct gw_station_key *st)
{
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        const struct gw_locals *l = gw_anchor_locals(a);
        for (size_t i = 0; i < l->n; i++)
            if (way_to(lm, b, &l->list[i], NULL) == a)
                say_net(lm, st, &l->list[i], a);
    }
}

void gw_route_drop_nets(struct gw_lm *lm, const struct gw_binding *b, const struct gw_anchor *a,
                        const struct gw_station_key *st)
{
    const struct gw_locals *l = gw_anchor_locals(a);

    if (gw_addr_eq(&a->maar, &lm->cfg->addr))
        return;
    for (size_t i = 0; i < l->n; i++)
        say_net(lm, st, &l->list[i], way_to(lm, b, &l->list[i], a));
}

static void own_net(struct gw_lm *lm, enum gw_net_kind kind, const struct gw_prefix *p,
                    const struct gw_addr *peer)
{
    say(lm, &(struct gw_intent){.kind = GW_INTENT_NET_SET,
                                .net = {.prefix = *p, .kind = kind, .peer = *peer}});
}

/* Is it one of the networks that gw_route_own_nets says of a configuration? */
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

void gw_route_own_nets(struct gw_lm *lm, const struct gw_config *before)
{
    const struct gw_config *c = lm->cfg;

    for (size_t i = 0; before != NULL && i < before->mobility.nlocal; i++)
        unsay(lm, &before->mobility.local[i]);
    for (size_t i = 0; before != NULL && before->mobility.nlocal != 0 && i < before->npeers; i++)
        for (size_t k = 0; k < before->peers[i].npools; k++)
            unsay(lm, &before->peers[i].pools[k]);
    for (size_t i = 0; i < c->mobility.nlocal; i++)
        own_net(lm, GW_NET_OWN, &c->mobility.local[i], &c->addr);
    for (size_t i = 0; i < c->npeers && c->mobility.nlocal != 0; i++)
        for (size_t k = 0; k < c->peers[i].npools; k++)
            if ((c->peers[i].roles & GW_ROLE_MAAR) != 0)
                own_net(lm, GW_NET_POOL, &c->peers[i].pools[k], &c->peers[i].addr);
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
    const struct gw_anchor *last = NULL;

    say(lm, &(struct gw_intent){.kind = GW_INTENT_STATION_SET, .station = {.key = *st}});
    say_nets(lm, b, st);
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (a->state != GW_ANCHOR_RELEASING)
            last = a;
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        if (a->state == GW_ANCHOR_RELEASING)
            continue;
        bool here = gw_addr_eq(&a->maar, &lm->cfg->addr);
        struct gw_intent i = {
            .kind = GW_INTENT_PREFIX_SET,
            .tag = a == last ? tag : 0,
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
        say(lm, &i);
    }
}

void gw_route_move(struct gw_lm *lm, const struct gw_binding *b, uint64_t tag)
{
    const struct gw_anchor *last = NULL;

    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (gw_addr_eq(&a->maar, &lm->cfg->addr))
            last = a;
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        say(lm, &(struct gw_intent){
                    .kind = GW_INTENT_PREFIX_SET,
                    .tag = a == last ? tag : 0,
                    .prefix = {.prefix = a->prefix, .kind = GW_PFX_MOVED, .peer = b->serving},
                });
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
        for (size_t i = 0; i < l->n && !gw_addr_eq(&a->maar, &lm->cfg->addr); i++)
            say_net(lm, st, &l->list[i], NULL);
    }
    say(lm, &(struct gw_intent){.kind = GW_INTENT_STATION_DEL, .station = {.key = *st}});
}

void gw_route_sync(struct gw_lm *lm)
{
    say(lm, &(struct gw_intent){.kind = GW_INTENT_SYNC});
}
