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
                                .peer = {.addr = p->addr, .mtu = lm->cfg->core_mtu}});
}

void gw_route_peers(struct gw_lm *lm)
{
    for (size_t i = 0; i < lm->cfg->npeers; i++)
        gw_route_peer(lm, &lm->cfg->peers[i], true);
}

void gw_route_serve(struct gw_lm *lm, const struct gw_binding *b, const struct gw_station_key *st,
                    bool watch, uint64_t tag)
{
    const struct gw_anchor *last = NULL;

    say(lm, &(struct gw_intent){.kind = GW_INTENT_STATION_SET, .station = {.key = *st}});
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
                       .dlif = a->lladdr,
                       .watch_up = watch,
                       .watch_down = watch,
                       .local_routing = !here && lm->cfg->pmip.local_routing},
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

void gw_route_drop_station(struct gw_lm *lm, const struct gw_station_key *st)
{
    say(lm, &(struct gw_intent){.kind = GW_INTENT_STATION_DEL, .station = {.key = *st}});
}

void gw_route_sync(struct gw_lm *lm)
{
    say(lm, &(struct gw_intent){.kind = GW_INTENT_SYNC});
}
