/* config.c: the configurations of a simulated domain: node 0 is the CMD, the others are MAARs with
 * one access link each, and all know each other. Addresses follow from the index.
 */
#include "sim.h"

#include <stdio.h>

static struct gw_addr address(size_t node)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xff,
                             0xff, [14] = (uint8_t)(node >> 8), [15] = (uint8_t)(node + 1)}};
}

struct gw_addr sim_server(void)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xee, 0xee, [15] = 1}};
}

struct gw_prefix sim_pool(size_t node)
{
    struct gw_addr a = {{0x20, 0x01, 0x0d, 0xb8, (uint8_t)(node >> 8), (uint8_t)node}};
    return gw_prefix_mask(a, 48);
}

static struct gw_key key(size_t a, size_t b)
{
    struct gw_key k = {.spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16};
    size_t low = a < b ? a : b, high = a < b ? b : a;

    k.secret[0] = (uint8_t)low;
    k.secret[1] = (uint8_t)(low >> 8);
    k.secret[2] = (uint8_t)high;
    k.secret[3] = (uint8_t)(high >> 8);
    return k;
}

static void peers(struct sim *s, struct sim_node *n, struct gw_config *c)
{
    n->peers = sim_new_memory(s->nnodes * sizeof *n->peers);
    n->pools = sim_new_memory(s->nnodes * sizeof *n->pools);
    c->peers = n->peers;
    for (size_t j = 0; j < s->nnodes; j++) {
        if (j == n->index)
            continue;
        n->pools[j] = sim_pool(j);
        n->peers[c->npeers++] = (struct gw_cfg_peer){.name = s->node[j].name,
                                                     .addr = address(j),
                                                     .roles = j == 0 ? GW_ROLE_CMD : GW_ROLE_MAAR,
                                                     .npools = j == 0 ? 0 : 1,
                                                     .pools = &n->pools[j],
                                                     .nkeys = 1,
                                                     .keys = {key(n->index, j)}};
    }
}

static void values(const struct sim_schedule *d, struct gw_config *c)
{
    c->access_mtu = 1460;
    c->core_mtu = 1500;
    c->limits = (struct gw_cfg_limits){.stations = 4 * (d->stations + 16),
                                       .bindings = 4 * (d->stations + 16),
                                       .previous_maars = 8,
                                       .pending = 8 * d->stations + 64};
    c->timers = (struct gw_cfg_timers){.lifetime = GW_SEC(60),
                                       .refresh = GW_SEC(20),
                                       .initial_ack = GW_SEC(1),
                                       .max_ack = GW_SEC(32),
                                       .replay_window = GW_SEC(7),
                                       .ra_interval = GW_SEC(60),
                                       .transit = GW_SEC(2),
                                       .detach_guard = GW_SEC(3),
                                       .valid_lifetime_s = 7200,
                                       .preferred_lifetime_s = 3600,
                                       .router_lifetime_s = 1800,
                                       .max_update_rate = 3};
    c->mobility = (struct gw_cfg_mobility){
        .cmd_mode = d->mode, .relay_timeout = GW_SEC(2), .idle_release = {d->idle}};
    c->heartbeat = (struct gw_cfg_heartbeat){.interval = GW_SEC(30), .missing_allowed = 3};
    c->daemon.durability = d->durability;
}

static void configure(struct sim *s, struct sim_node *n)
{
    struct gw_config *c = &n->cfg[0];

    n->ifs[0] = (struct gw_cfg_if){.name = "ap0", .side = GW_IF_ACCESS};
    n->ifs[1] = (struct gw_cfg_if){.name = "core0", .side = GW_IF_CORE};
    n->pool = (struct gw_cfg_pool){.prefix = sim_pool(n->index), .node_len = 64};
    n->policy = (struct gw_cfg_policy){
        .match = GW_MATCH_ANY, .allow = true, .prefixes = 1, .anchoring = GW_ANCHORING_HERE};
    *c = (struct gw_config){.name = n->name,
                            .roles = n->index == 0 ? GW_ROLE_CMD : GW_ROLE_MAAR,
                            .addr = address(n->index),
                            .codec = gw_mh_codec_default,
                            .nifs = 2,
                            .ifs = n->ifs,
                            .npools = n->index == 0 ? 0 : 1,
                            .pools = &n->pool,
                            .npolicy = 1,
                            .policy = &n->policy};
    if (n->index != 0)
        c->cmd = address(0);
    gw_dlif_default(&c->addr, &c->dlif.link_local, &c->dlif.lladdr);
    values(s->sched, c);
    peers(s, n, c);
}

void sim_configure(struct sim *s)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        s->node[i].index = i;
        if (i == 0)
            (void)snprintf(s->node[i].name, sizeof s->node[i].name, "cmd");
        else
            (void)snprintf(s->node[i].name, sizeof s->node[i].name, "maar%zu", i);
    }
    for (size_t i = 0; i < s->nnodes; i++)
        configure(s, &s->node[i]);
}
