/* scale_node.c: a node of a large domain: configured with what the YANG model has by default, fed
 * with inputs, its actions carried out, its memory counted.
 *
 * Decisions: all nodes share one list of peers and one key (what a message costs is the same);
 * heartbeats are off, for each would be asked by every other: their cost is known without a run,
 * n (n - 1) / interval.
 */
#include "scale.h"

#include <stdio.h>
#include <stdlib.h>

#define BOOT_MONO (10 * SIM_S)

struct letter {
    struct sim_event event;
    uint32_t to;
    struct gw_mh_addrs addrs;
    size_t len;
    uint8_t data[];
};

struct gw_now scale_now(const struct scale *sc)
{
    return (struct gw_now){{BOOT_MONO + sc->sim.now}, SIM_WALL_START + sc->sim.now};
}

/* -- places and names ---------------------------------------------------------------------------
 */

static struct gw_addr address(size_t node)
{
    size_t n = node + 1;
    return (struct gw_addr){
        {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

size_t scale_node_of(const struct gw_addr *a)
{
    return ((size_t)a->b[14] << 8 | a->b[15]) - 1;
}

/* 3fff::/20 is for documentation (RFC 9637); 16 bits for the node leave 28 for its prefixes. */
struct gw_prefix scale_pool(size_t node)
{
    struct gw_addr a = {
        {0x3f, 0xff, (uint8_t)(node >> 12), (uint8_t)(node >> 4), (uint8_t)(node << 4)}};
    return gw_prefix_mask(a, 36);
}

size_t scale_anchor_of(uint64_t net)
{
    return (size_t)(net >> 28 & 0xffff);
}

static struct sim_pos place(const struct scale *sc, size_t node)
{
    return node == 0 ? sc->area->centre : sc->area->at[node - 1];
}

int64_t scale_delay(const struct scale *sc, size_t from, size_t to)
{
    int64_t far = sim_distance(place(sc, from), place(sc, to)); /* 0.05 ns a centimetre */

    if (from == to)
        return 0;
    return sc->o->hop + far * 3 / 40 + (from == 0 || to == 0 ? sc->o->centre : 0);
}

/* -- memory -------------------------------------------------------------------------------------
 */

static void *resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct scale_node *n = user;

    n->octets += size - old_size;
    return gw_alloc_libc.resize(gw_alloc_libc.user, ptr, old_size, size);
}

/* -- messages -----------------------------------------------------------------------------------
 */

static void arrive(struct sim *s, struct sim_event *e)
{
    struct scale *sc = (struct scale *)s;
    struct letter *l = (struct letter *)e;
    struct scale_node *n = &sc->node[l->to];

    n->total.in++;
    n->total.octets += 40 + l->len;
    sim_mix(s, l->data, l->len);
    scale_node_input(n,
                     &(struct gw_input){.kind = GW_IN_MH,
                                        .mh = {.addrs = l->addrs, .data = l->data, .len = l->len}});
    free(l);
}

static void post(struct scale_node *n, const struct gw_action *a)
{
    struct scale *sc = n->sc;
    size_t to = scale_node_of(&a->mh.addrs.dst);

    n->total.out++;
    n->total.octets += 40 + a->mh.len;
    if (to > sc->nmaars)
        return;
    struct letter *l = sim_new_memory(sizeof *l + a->mh.len);
    l->event.fire = arrive;
    l->to = (uint32_t)to;
    l->addrs = a->mh.addrs;
    l->len = a->mh.len;
    memcpy(l->data, a->mh.data, l->len);
    sim_post(&sc->sim, &l->event, sc->sim.now + scale_delay(sc, n->index, to));
}

/* -- actions ------------------------------------------------------------------------------------
 */

static void later(struct scale *sc, const struct gw_input *in)
{
    if (sc->ndone == sc->done_size) {
        sc->done_size = sc->done_size > 0 ? 2 * sc->done_size : 64;
        sc->done = sim_more_memory(sc->done, sc->done_size * sizeof *sc->done);
    }
    sc->done[sc->ndone++] = *in;
}

static void intent(struct scale_node *n, const struct gw_intent *i)
{
    scale_path_apply(n, i);
    if (gw_intent_applied(&n->applied, i, 0))
        later(n->sc, &(struct gw_input){.kind = GW_IN_PLANE_DONE, .plane = {.tag = i->tag}});
}

static void act(struct scale_node *n, const struct gw_action *a)
{
    struct scale *sc = n->sc;

    switch (a->kind) {
    case GW_ACT_SEND_MH:
        post(n, a);
        break;
    case GW_ACT_SEND_ND:
        scale_host_nd(sc, n, &a->nd.dst, a->nd.data, a->nd.len);
        break;
    case GW_ACT_INTENT:
        intent(n, &a->intent);
        break;
    case GW_ACT_STORE_PUT:
        sc->sum.store++;
        sc->sum.store_octets += a->store.key_len + a->store.value_len;
        break;
    case GW_ACT_USE:
        later(sc,
              &(struct gw_input){.kind = GW_IN_USE,
                                 .use = {.prefix = a->use, .last = scale_path_use(sc, &a->use)}});
        break;
    case GW_ACT_STORE_DEL:
    case GW_ACT_PARAM_PROBLEM: /* counted by the node */
    case GW_ACT_TRANSFER:
    case GW_ACT_SEND_STAMP: /* no node here measures paths */
    case GW_ACT_TRACE:      /* nor has a role of CATS */
        break;
    }
}

static void due(struct sim *s, struct sim_event *e);

static void arm(struct scale_node *n)
{
    struct gw_time next = gw_node_deadline(n->node);
    int64_t at = next.ns - BOOT_MONO;

    if (next.ns == GW_NEVER.ns)
        sim_cancel(&n->sc->sim, &n->deadline);
    else if (n->deadline.number == 0 || n->deadline.at != at)
        sim_post(&n->sc->sim, &n->deadline, at);
}

static void drain(struct scale_node *n)
{
    struct scale *sc = n->sc;
    struct gw_action a;

    for (size_t i = 0;; i++) { /* what is carried out may bring more answers */
        while (gw_node_next_action(n->node, &a))
            act(n, &a);
        if (i == sc->ndone)
            break;
        struct gw_input in = sc->done[i];
        (void)gw_node_input(n->node, &in, scale_now(sc));
    }
    sc->ndone = 0;
    arm(n);
}

void scale_node_input(struct scale_node *n, const struct gw_input *in)
{
    (void)gw_node_input(n->node, in, scale_now(n->sc)); /* a refusal is in its counters */
    drain(n);
}

static void due(struct sim *s, struct sim_event *e)
{
    struct scale_node *n =
        (struct scale_node *)(void *)((uint8_t *)e - offsetof(struct scale_node, deadline));

    gw_node_expire(n->node, scale_now((struct scale *)s));
    drain(n);
}

/* -- configuration ------------------------------------------------------------------------------
 */

static unsigned role(const struct scale *sc, size_t node)
{
    if (sc->mode == SCALE_PMIP)
        return node == 0 ? GW_ROLE_LMA : GW_ROLE_MAG;
    return node == 0 ? GW_ROLE_CMD : GW_ROLE_MAAR;
}

static bool anchors(const struct scale *sc, size_t node)
{
    return (role(sc, node) & (GW_ROLE_LMA | GW_ROLE_MAAR)) != 0;
}

static void peers(struct scale *sc)
{
    static const struct gw_key key = {
        .spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16, .secret = "of the simulator"};

    sc->peers = sim_new_memory((sc->nmaars + 1) * sizeof *sc->peers);
    sc->pools = sim_new_memory((sc->nmaars + 1) * sizeof *sc->pools);
    for (size_t i = 0; i <= sc->nmaars; i++) {
        sc->pools[i] = scale_pool(i);
        sc->peers[i] = (struct gw_cfg_peer){.name = sc->node[i].name,
                                            .addr = address(i),
                                            .roles = role(sc, i),
                                            .npools = anchors(sc, i) ? 1 : 0,
                                            .pools = &sc->pools[i],
                                            .nkeys = 1,
                                            .keys = {key}};
    }
}

/* src/conf/godwit.yang's defaults, but for the limits of a domain of this size. */
static void values(const struct scale *sc, struct gw_config *c)
{
    static const enum gw_cmd_mode modes[SCALE_MODES] = {GW_CMD_PROXY, GW_CMD_RELAY, GW_CMD_LOCATOR,
                                                        GW_CMD_PROXY};
    uint32_t all = (uint32_t)sc->nmns + 16;

    gw_config_defaults(c);
    c->heartbeat.interval = GW_SEC(0); /* none: doc/scale.md */
    c->limits = (struct gw_cfg_limits){
        .stations = all, .bindings = 2 * all, .previous_maars = 8, .pending = 8 * all};
    c->mobility.cmd_mode = modes[sc->mode];
    c->mobility.idle_release.ns = sc->o->idle;
    c->daemon.durability = GW_DURABLE_NONE;
}

static void configure(struct scale *sc, struct scale_node *n)
{
    struct gw_config *c = &n->cfg;

    n->pool = (struct gw_cfg_pool){.prefix = scale_pool(n->index), .node_len = 64};
    *c = (struct gw_config){.name = n->name,
                            .roles = role(sc, n->index),
                            .addr = address(n->index),
                            .codec = gw_mh_codec_default,
                            .nifs = 2,
                            .ifs = sc->ifs,
                            .npools = anchors(sc, n->index) ? 1 : 0,
                            .pools = &n->pool,
                            .npeers = sc->nmaars + 1,
                            .peers = sc->peers,
                            .npolicy = 1,
                            .policy = &sc->policy};
    if (n->index != 0 && sc->mode == SCALE_PMIP)
        c->lma = address(0);
    else if (n->index != 0)
        c->cmd = address(0);
    gw_dlif_default(&c->addr, &c->dlif.link_local, &c->dlif.lladdr);
    values(sc, c);
}

static void shared(struct scale *sc)
{
    sc->ifs[0] = (struct gw_cfg_if){.name = "ap0", .side = GW_IF_ACCESS};
    sc->ifs[1] = (struct gw_cfg_if){.name = "core0", .side = GW_IF_CORE};
    sc->policy = (struct gw_cfg_policy){
        .match = GW_MATCH_ANY, .allow = true, .prefixes = 1, .anchoring = GW_ANCHORING_HERE};
    if (sc->mode == SCALE_PMIP) {
        sc->policy.anchoring = GW_ANCHORING_LMA;
        sc->policy.lma = address(0);
    }
    peers(sc);
}

void scale_nodes_make(struct scale *sc)
{
    /* A moment before the first message, which would look like one from before the start. */
    struct gw_now born = {{BOOT_MONO - SIM_S}, SIM_WALL_START - SIM_S};

    sc->node = sim_new_memory((sc->nmaars + 1) * sizeof *sc->node);
    shared(sc);
    for (size_t i = 0; i <= sc->nmaars; i++) {
        struct scale_node *n = &sc->node[i];
        n->sc = sc;
        n->index = (uint32_t)i;
        n->al = (struct gw_alloc){resize, n};
        n->deadline.fire = due;
        (void)snprintf(n->name, sizeof n->name, "n%zu", i);
        configure(sc, n);
        n->node = gw_node_new(&n->cfg, &n->al, NULL, sc->seed * 31 + i, born);
        if (n->node == NULL)
            abort();
        scale_node_input(n, &(struct gw_input){.kind = GW_IN_START});
        n->fixed = n->octets;
    }
}

void scale_nodes_free(struct scale *sc)
{
    for (size_t i = 0; i <= sc->nmaars; i++)
        gw_node_free(sc->node[i].node);
    free(sc->node);
    free(sc->peers);
    free(sc->pools);
    free(sc->done);
}
