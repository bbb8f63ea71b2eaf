/* config.c: the configurations of a simulated domain: each node has the roles it was made with, and
 * all know each other; the first CMD and the first LMA are everybody's. Names, addresses, pools and
 * keys follow from the index; what a reload changes, from the domain's settings and the stations'
 * policies.
 */
#include "cats.h"

#include <stdio.h>
#include <stdlib.h>

/* Roles that have prefixes of their own to give. */
#define ANCHORS ((unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA))

static struct gw_addr address(size_t node)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xff,
                             0xff, [14] = (uint8_t)((node + 1) >> 8), [15] = (uint8_t)(node + 1)}};
}

static unsigned roles_of(const struct sim *s, size_t node)
{
    switch (s->sched->kind) {
    case SIM_DMM:
        return node == 0 ? GW_ROLE_CMD : GW_ROLE_MAAR;
    case SIM_PMIP:
        return node == 0 ? GW_ROLE_LMA : GW_ROLE_MAG;
    case SIM_CATS:
        return sim_cats_role(s, node);
    case SIM_MIXED:
        break;
    }
    return node == 0               ? GW_ROLE_CMD
           : node == s->nnodes - 1 ? GW_ROLE_LMA
                                   : (unsigned)(GW_ROLE_MAAR | GW_ROLE_MAG);
}

/* The first node with a role; NULL when there is none. */
static struct sim_node *first(struct sim *s, unsigned role)
{
    for (size_t i = 0; i < s->nnodes; i++)
        if ((s->node[i].roles & role) != 0)
            return &s->node[i];
    return NULL;
}

struct gw_addr sim_server(const struct sim *s, size_t end)
{
    struct gw_addr a = {{0x20, 0x01, 0x0d, 0xb8, 0xee, 0xee}};

    if (end < s->nnodes)
        a = sim_local(end).addr;
    a.b[15] = 1;
    return a;
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
                                                     .bulk = true,
                                                     .nkeys = 1,
                                                     .keys = {sim_key(n->index, j)}};
    }
}

struct gw_prefix sim_local(size_t node)
{
    struct gw_addr a = {{0x20, 0x01, 0x0d, 0xb8, 0xdd, 0xdd, (uint8_t)(node >> 8), (uint8_t)node}};
    return gw_prefix_mask(a, 64);
}

static void values(const struct sim_schedule *d, struct gw_config *c)
{
    gw_config_defaults(c);
    c->limits = (struct gw_cfg_limits){.stations = 4 * (d->stations + 16),
                                       .bindings = 4 * (d->stations + 16),
                                       .pending = 8 * d->stations + 64};
    c->timers.lifetime = GW_SEC(60); /* so that it ends within a run */
    c->timers.refresh = GW_SEC(20);
    c->timers.detach_guard = GW_SEC(3);
    c->heartbeat.interval = GW_SEC(30);
}

/* A mobile node's policy where it has none of its own; a MAAR that is a MAG too is a MAAR. */
static unsigned usual(const struct sim_node *n)
{
    return (n->roles & GW_ROLE_MAAR) != 0  ? GW_ANCHORING_HERE
           : (n->roles & GW_ROLE_MAG) != 0 ? GW_ANCHORING_LMA
                                           : 0;
}

static struct gw_cfg_policy row(const struct sim *s, unsigned anchoring)
{
    struct gw_cfg_policy p = {
        .match = GW_MATCH_ANY, .allow = true, .prefixes = 1, .anchoring = anchoring};

    if (s->lma != NULL)
        p.lma = address(s->lma->index);
    return p;
}

/* Stations with a policy of their own have a row each; centres admit everybody. */
static void policy(struct sim *s, struct sim_node *n, unsigned slot)
{
    size_t rows = 1;

    for (size_t i = 0; i < s->nstations; i++)
        rows += s->station[i].own_policy;
    free(n->rows[slot]);
    n->rows[slot] = sim_new_memory(rows * sizeof *n->rows[slot]);
    struct gw_cfg_policy *p = n->rows[slot];
    for (size_t i = 0; i < s->nstations; i++) {
        const struct sim_station *h = &s->station[i];
        if (!h->own_policy)
            continue;
        *p = row(s, h->anchoring);
        p->match = GW_MATCH_LLADDR;
        p->pattern = h->text;
        p++->allow = h->anchoring != 0;
    }
    *p = n->policy;
    n->cfg[slot].npolicy = rows;
    n->cfg[slot].policy = n->rows[slot];
}

void sim_configure_settings(struct sim *s, struct sim_node *n, unsigned slot)
{
    struct gw_config *c = &n->cfg[slot];
    const struct sim_settings *set = &s->set;

    c->mobility.cmd_mode = set->mode;
    c->mobility.relay_timeout.ns = set->relay;
    c->mobility.dereg = set->dereg;
    c->mobility.evict = set->evict;
    c->mobility.idle_release.ns = set->idle;
    c->mobility.nlocal = set->locals && (n->roles & GW_ROLE_MAAR) != 0 ? 1 : 0;
    c->mobility.local = &n->local;
    c->limits.previous_maars = set->previous;
    c->daemon.durability = set->durability;
    if (s->cats != NULL)
        sim_cats_settings(s, n, slot);
    if (s->policies && (n->roles & GW_ROLES_ACCESS) != 0)
        policy(s, n, slot);
}

/* Of sim_pool only twice what all stations can have: prefixes come again, and get scarce. */
static struct gw_cfg_pool pool(const struct sim *s, const struct sim_node *n)
{
    size_t each = s->sched->prefixes != 0 ? s->sched->prefixes : 1;
    uint8_t len = 60;

    while (len > 48 && (size_t)1 << (64 - len) < 2 * each * s->nstations)
        len--;
    return (struct gw_cfg_pool){.prefix = gw_prefix_mask(sim_pool(n->index).addr, len),
                                .node_len = 64};
}

static void configure(struct sim *s, struct sim_node *n)
{
    struct gw_config *c = &n->cfg[0];

    n->ifs[0] = (struct gw_cfg_if){.name = "ap0", .side = GW_IF_ACCESS};
    n->ifs[1] = (struct gw_cfg_if){.name = "core0", .side = GW_IF_CORE};
    n->ifs[2] = (struct gw_cfg_if){.name = "ap1", .side = GW_IF_ACCESS};
    n->commit_ns = SIM_COMMIT;
    n->pool = pool(s, n);
    n->local = sim_local(n->index);
    n->policy = row(s, usual(n));
    if ((n->roles & GW_ROLE_LMA) != 0 && s->sched->prefixes != 0)
        n->policy.prefixes = (uint8_t)s->sched->prefixes;
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
    if ((n->roles & GW_ROLE_MAAR) != 0 && s->cmd != NULL)
        c->cmd = address(s->cmd->index);
    if ((n->roles & GW_ROLE_MAG) != 0 && s->lma != NULL)
        c->lma = address(s->lma->index);
    gw_dlif_default(&c->addr, &c->dlif.link_local, &c->dlif.lladdr);
    values(s->sched, c);
    peers(s, n, c);
    if (s->cats != NULL)
        sim_cats_configure(s, n);
    sim_configure_settings(s, n, 0);
}

static void settings(struct sim *s)
{
    const struct sim_schedule *d = s->sched;

    s->set = (struct sim_settings){.mode = d->mode,
                                   .evict = d->evict,
                                   .dereg = d->dereg,
                                   .durability = d->durability,
                                   .previous = d->previous != 0 ? d->previous : 8,
                                   .idle = d->idle,
                                   .relay = d->relay != 0 ? d->relay : 2 * SIM_S,
                                   .locals = d->locals};
    for (size_t i = 0; i < s->nstations; i++)
        s->station[i].anchoring = usual(&s->node[s->nnodes > 1]);
}

static void name(struct sim_node *n)
{
    const char *role = (n->roles & GW_ROLE_MAAR) != 0          ? "maar"
                       : (n->roles & GW_ROLE_LMA) != 0         ? "lma"
                       : (n->roles & GW_ROLE_MAG) != 0         ? "mag"
                       : (n->roles & GW_ROLE_D_FORWARDER) != 0 ? "forwarder"
                                                               : "router";

    if (n->roles == GW_ROLE_CMD)
        (void)snprintf(n->name, sizeof n->name, "cmd");
    else
        (void)snprintf(n->name, sizeof n->name, "%s%zu", role, n->index);
}

void sim_configure(struct sim *s, const unsigned *roles)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        s->node[i].index = i;
        s->node[i].roles = roles != NULL ? roles[i] : roles_of(s, i);
        name(&s->node[i]);
    }
    s->cmd = first(s, GW_ROLE_CMD);
    s->lma = first(s, GW_ROLE_LMA);
    settings(s);
    for (size_t i = 0; i < s->nnodes; i++)
        configure(s, &s->node[i]);
}
