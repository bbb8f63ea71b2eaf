/* config.c: the configurations of a simulated domain: each node has the roles it was made with, and
 * all know each other; the first CMD and the first LMA are everybody's. Names, addresses, pools and
 * keys follow from the index.
 */
#include "sim.h"

#include <stdio.h>

/* Roles that have prefixes of their own to give. */
#define ANCHORS ((unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA))

static struct gw_addr address(size_t node)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xff,
                             0xff, [14] = (uint8_t)((node + 1) >> 8), [15] = (uint8_t)(node + 1)}};
}

/* The address of the first node with a role; zero when there is none. */
static struct gw_addr first(const struct sim *s, unsigned role)
{
    for (size_t i = 0; i < s->nnodes; i++)
        if ((s->node[i].roles & role) != 0)
            return address(i);
    return (struct gw_addr){0};
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

struct gw_key sim_key(size_t a, size_t b)
{
    struct gw_key k = {.spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16};
    size_t low = a < b ? a : b, high = a < b ? b : a;

    k.secret[0] = (uint8_t)low;
    k.secret[1] = (uint8_t)(low >> 8);
    k.secret[2] = (uint8_t)high;
    k.secret[3] = (uint8_t)(high >> 8);
    return k;
}

bool sim_anchors(const struct sim_node *n)
{
    return (n->roles & ANCHORS) != 0;
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
                                                     .roles = s->node[j].roles,
                                                     .npools = sim_anchors(&s->node[j]) ? 1 : 0,
                                                     .pools = &n->pools[j],
                                                     .nkeys = 1,
                                                     .keys = {sim_key(n->index, j)}};
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
    c->revocation = (struct gw_cfg_revocation){1, GW_SEC(1), GW_SEC(2), GW_SEC(300)};
    c->notification = (struct gw_cfg_notification){1, GW_SEC(1)};
    c->pmip.min_before_delete = GW_SEC(10);
    c->pmip.max_before_assign = GW_MSEC(1500);
    c->pmip.timestamp_validity = GW_MSEC(300);
    c->heartbeat = (struct gw_cfg_heartbeat){.interval = GW_SEC(30), .missing_allowed = 3};
    c->daemon.durability = d->durability;
}

/* Whose a node's mobile nodes are. */
static void anchoring(const struct sim *s, struct sim_node *n, struct gw_config *c)
{
    n->policy = (struct gw_cfg_policy){.match = GW_MATCH_ANY, .allow = true, .prefixes = 1};
    if ((n->roles & GW_ROLE_MAAR) != 0) {
        c->cmd = first(s, GW_ROLE_CMD);
        n->policy.anchoring = GW_ANCHORING_HERE;
    }
    if ((n->roles & GW_ROLE_MAG) != 0) {
        c->lma = first(s, GW_ROLE_LMA);
        n->policy.lma = c->lma;
        if ((n->roles & GW_ROLE_MAAR) == 0)
            n->policy.anchoring = GW_ANCHORING_LMA;
    }
}

static void configure(struct sim *s, struct sim_node *n)
{
    struct gw_config *c = &n->cfg[0];

    n->ifs[0] = (struct gw_cfg_if){.name = "ap0", .side = GW_IF_ACCESS};
    n->ifs[1] = (struct gw_cfg_if){.name = "core0", .side = GW_IF_CORE};
    n->ifs[2] = (struct gw_cfg_if){.name = "ap1", .side = GW_IF_ACCESS};
    n->pool = (struct gw_cfg_pool){.prefix = sim_pool(n->index), .node_len = 64};
    *c = (struct gw_config){.name = n->name,
                            .roles = n->roles,
                            .addr = address(n->index),
                            .codec = gw_mh_codec_default,
                            .nifs = 2,
                            .ifs = n->ifs,
                            .npools = sim_anchors(n) ? 1 : 0,
                            .pools = &n->pool,
                            .npolicy = 1,
                            .policy = &n->policy};
    anchoring(s, n, c);
    gw_dlif_default(&c->addr, &c->dlif.link_local, &c->dlif.lladdr);
    values(s->sched, c);
    peers(s, n, c);
}

static void name(struct sim_node *n)
{
    const char *role = (n->roles & GW_ROLE_MAAR) != 0  ? "maar"
                       : (n->roles & GW_ROLE_LMA) != 0 ? "lma"
                                                       : "mag";

    if (n->roles == GW_ROLE_CMD)
        (void)snprintf(n->name, sizeof n->name, "cmd");
    else
        (void)snprintf(n->name, sizeof n->name, "%s%zu", role, n->index);
}

void sim_configure(struct sim *s, const unsigned *roles)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        s->node[i].index = i;
        s->node[i].roles = roles != NULL ? roles[i] : i == 0 ? GW_ROLE_CMD : GW_ROLE_MAAR;
        name(&s->node[i]);
    }
    for (size_t i = 0; i < s->nnodes; i++)
        configure(s, &s->node[i]);
}
