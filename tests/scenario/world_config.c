/* world_config.c: the configurations of a world's nodes: addresses, pools, keys, peers, timers.
 * Node i is known by its index everywhere: address 2001:db8:f::i (node 0: ::c), pool
 * 2001:db8:i0::/48, link-local address fe80::i.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Roles that have prefixes of their own to give. */
#define ANCHORS ((unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA))

static struct gw_addr addr_of(size_t node)
{
    struct gw_addr a = {{0x20, 0x01, 0x0d, 0xb8, 0, 0x0f}};
    a.b[15] = (uint8_t)(node == 0 ? 0x0c : node);
    return a;
}

struct gw_prefix w_pool(size_t node)
{
    struct gw_addr a = {{0x20, 0x01, 0x0d, 0xb8, (uint8_t)(node << 4)}};
    return gw_prefix_mask(a, 48);
}

struct gw_key w_key(size_t a, size_t b)
{
    struct gw_key k = {.spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16};
    k.secret[0] = (uint8_t)(a < b ? a : b);
    k.secret[1] = (uint8_t)(a < b ? b : a);
    return k;
}

static void configure_peers(struct world *w, size_t i, const unsigned *roles)
{
    struct w_node *n = &w->n[i];

    n->cfg.peers = n->peers;
    for (size_t j = 0; j < w->nnodes; j++) {
        if (j == i)
            continue;
        struct gw_cfg_peer *p = &n->peers[n->cfg.npeers++];
        n->peer_pools[j] = w_pool(j);
        *p = (struct gw_cfg_peer){.name = w->n[j].name,
                                  .addr = addr_of(j),
                                  .roles = roles[j],
                                  .npools = (roles[j] & ANCHORS) != 0 ? 1 : 0,
                                  .pools = &n->peer_pools[j],
                                  .nkeys = 1,
                                  .keys = {w_key(i, j)}};
    }
}

static void name(struct w_node *n, size_t i, unsigned roles)
{
    if (roles == GW_ROLE_CMD)
        (void)snprintf(n->name, sizeof n->name, "cmd");
    else
        (void)snprintf(n->name, sizeof n->name, "%s%zu",
                       (roles & GW_ROLE_MAAR) != 0  ? "maar"
                       : (roles & GW_ROLE_LMA) != 0 ? "lma"
                                                    : "mag",
                       i);
}

struct gw_cfg_mobility w_mobility;

static void configure_timers(struct gw_config *c)
{
    c->timers.lifetime = GW_SEC(60);
    c->timers.refresh = GW_SEC(20);
    c->timers.initial_ack = GW_SEC(1);
    c->timers.max_ack = GW_SEC(32);
    c->timers.replay_window = GW_SEC(7);
    c->timers.ra_interval = GW_SEC(60);
    c->timers.transit = GW_SEC(2);
    c->timers.detach_guard = GW_SEC(3);
    c->timers.valid_lifetime_s = 7200;
    c->timers.preferred_lifetime_s = 3600;
    c->timers.router_lifetime_s = 1800;
    c->timers.max_update_rate = 3;
    c->revocation = (struct gw_cfg_revocation){1, GW_SEC(1), GW_SEC(2), GW_SEC(300)};
    c->notification = (struct gw_cfg_notification){1, GW_SEC(1)};
    c->pmip.min_before_delete = GW_SEC(10);
    c->pmip.max_before_assign = GW_MSEC(1500);
    c->pmip.timestamp_validity = GW_MSEC(300);
}

/* The address of the first node with a role; zero when there is none. */
static struct gw_addr first(const struct world *w, const unsigned *roles, unsigned role)
{
    for (size_t i = 0; i < w->nnodes; i++)
        if ((roles[i] & role) != 0)
            return addr_of(i);
    return (struct gw_addr){0};
}

static void configure(struct world *w, size_t i, const unsigned *roles)
{
    struct w_node *n = &w->n[i];
    struct gw_config *c = &n->cfg;

    n->ifs[0] = (struct gw_cfg_if){.name = "ap1", .side = GW_IF_ACCESS};
    n->ifs[1] = (struct gw_cfg_if){.name = "ap2", .side = GW_IF_ACCESS};
    n->ifs[2] = (struct gw_cfg_if){.name = "core0", .side = GW_IF_CORE};
    n->pool = (struct gw_cfg_pool){.prefix = w_pool(i), .node_len = 64};
    n->policy = (struct gw_cfg_policy){.match = GW_MATCH_ANY, .allow = true, .prefixes = 1};
    *c = (struct gw_config){.name = n->name,
                            .roles = roles[i],
                            .addr = addr_of(i),
                            .codec = gw_mh_codec_default,
                            .nifs = 3,
                            .ifs = n->ifs,
                            .npools = (roles[i] & ANCHORS) != 0 ? 1 : 0,
                            .pools = &n->pool,
                            .access_mtu = 1460,
                            .core_mtu = 1500,
                            .npolicy = 1,
                            .policy = &n->policy,
                            .limits = {1000, 1000, 8, 1000, 0, 0, 0}};
    if ((roles[i] & GW_ROLE_MAAR) != 0) {
        c->cmd = first(w, roles, GW_ROLE_CMD);
        n->policy.anchoring = GW_ANCHORING_HERE;
    }
    if ((roles[i] & GW_ROLE_MAG) != 0) {
        c->lma = first(w, roles, GW_ROLE_LMA);
        n->policy.lma = c->lma;
        if ((roles[i] & GW_ROLE_MAAR) == 0)
            n->policy.anchoring = GW_ANCHORING_LMA;
    }
    c->dlif.link_local = (struct gw_addr){{0xfe, 0x80, [15] = (uint8_t)i}};
    c->dlif.lladdr = (struct gw_lladdr){6, {2, 0, 0x5e, 0, 1, (uint8_t)i}};
    c->mobility = w_mobility;
    configure_timers(c);
}

void w_configure(struct world *w, const unsigned *roles)
{
    for (size_t i = 0; i < w->nnodes; i++)
        name(&w->n[i], i, roles[i]);
    for (size_t i = 0; i < w->nnodes; i++) {
        configure(w, i, roles);
        configure_peers(w, i, roles);
    }
}

struct world *w_new(size_t maars, uint64_t seed)
{
    unsigned roles[W_NODES] = {GW_ROLE_CMD};

    assert_true(maars < W_NODES);
    for (size_t i = 1; i <= maars; i++)
        roles[i] = GW_ROLE_MAAR;
    return w_new_roles(roles, maars + 1, seed);
}

struct world *w_new_pmip(size_t mags, uint64_t seed)
{
    unsigned roles[W_NODES] = {GW_ROLE_LMA};

    assert_true(mags < W_NODES);
    for (size_t i = 1; i <= mags; i++)
        roles[i] = GW_ROLE_MAG;
    return w_new_roles(roles, mags + 1, seed);
}
