/* node_world.c: see node_world.h. */
#include "node_world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ACTIONS_MOST = 20000, /* of one input or deadline */
    DEADLINES_MOST = 40000,
};
#define WALL INT64_C(1700000000000000000)

/* What the node is, and who its peers are. */
static const struct variant {
    unsigned roles, centre, others; /* the node's, peer 0's, the other peers' */
    enum gw_cmd_mode mode;
    enum gw_dereg dereg;
    bool idle, locals, sequence;
    unsigned anchoring;
} variants[] = {
    {GW_ROLE_CMD, GW_ROLE_MAAR, GW_ROLE_MAAR, .mode = GW_CMD_PROXY},
    {GW_ROLE_CMD, GW_ROLE_MAAR, GW_ROLE_MAAR, .mode = GW_CMD_RELAY},
    {GW_ROLE_CMD, GW_ROLE_MAAR, GW_ROLE_MAAR, .mode = GW_CMD_LOCATOR},
    {GW_ROLE_MAAR, GW_ROLE_CMD, GW_ROLE_MAAR, .anchoring = GW_ANCHORING_HERE},
    {GW_ROLE_MAAR, GW_ROLE_CMD, GW_ROLE_MAAR, .dereg = GW_DEREG_ASK, .idle = true, .locals = true,
     .anchoring = GW_ANCHORING_HERE},
    {GW_ROLE_MAAR | GW_ROLE_CMD, GW_ROLE_MAAR, GW_ROLE_MAAR, .locals = true,
     .anchoring = GW_ANCHORING_HERE},
    {GW_ROLE_LMA, GW_ROLE_MAG, GW_ROLE_MAG, .anchoring = 0},
    {GW_ROLE_LMA, GW_ROLE_MAG, GW_ROLE_MAG, .sequence = true},
    {GW_ROLE_MAG, GW_ROLE_LMA, GW_ROLE_MAG, .anchoring = GW_ANCHORING_LMA},
    {GW_ROLE_MAG, GW_ROLE_LMA, GW_ROLE_MAG, .sequence = true, .anchoring = GW_ANCHORING_LMA},
    {GW_ROLE_MAAR | GW_ROLE_MAG, GW_ROLE_CMD | GW_ROLE_LMA, GW_ROLE_MAAR | GW_ROLE_MAG,
     .anchoring = GW_ANCHORING_HERE | GW_ANCHORING_LMA},
    {GW_ROLE_CMD | GW_ROLE_LMA, GW_ROLE_MAAR, GW_ROLE_MAAR | GW_ROLE_MAG, .mode = GW_CMD_PROXY},
    {GW_ROLE_MAAR, GW_ROLE_CMD, GW_ROLE_MAAR, .anchoring = GW_ANCHORING_NONE},
};

void fz_holds(bool holds, const char *what, const char *where)
{
    if (holds)
        return;
    (void)fprintf(stderr, "%s: it does not hold that %s\n", where, what);
    abort();
}

/* -- names ---------------------------------------------------------------------------------------
 */

struct gw_addr fz_addr(unsigned peer)
{
    return (struct gw_addr){
        {0x20, 0x01, 0x0d, 0xb8, 0, 0x0f, [15] = (uint8_t)(peer < FZ_PEERS ? peer + 1 : 0xaa)}};
}

static struct gw_prefix pool_of(unsigned peer)
{
    struct gw_addr a = {{0x20, 0x01, 0x0d, 0xb8, 0x10, (uint8_t)(peer + 1)}};
    return gw_prefix_mask(a, 48);
}

struct gw_prefix fz_prefix(unsigned peer, unsigned mn)
{
    struct gw_addr a = pool_of(peer).addr;
    a.b[7] = (uint8_t)mn;
    return gw_prefix_mask(a, 64);
}

struct gw_station_key fz_station(unsigned mn)
{
    return (struct gw_station_key){0, {6, {2, 0, 0, 0, 0, (uint8_t)mn}}};
}

struct gw_mnid fz_mnid(unsigned mn)
{
    static const uint8_t eui[FZ_MNS][6] = {
        {2, 0, 0, 0, 0, 0}, {2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 3}};
    static const uint8_t nai[] = "alice@example.org";

    if (mn >= FZ_MNS)
        return (struct gw_mnid){GW_MNID_NAI, sizeof nai - 1, nai};
    return (struct gw_mnid){GW_MNID_EUI48, 6, eui[mn]};
}

static struct gw_key key_of(unsigned peer)
{
    return (struct gw_key){
        .spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16, .secret = {(uint8_t)peer}};
}

/* -- the configuration ---------------------------------------------------------------------------
 */

static void configure_peers(struct fz_world *w, const struct variant *v)
{
    const unsigned anchors = GW_ROLE_MAAR | GW_ROLE_LMA;

    for (unsigned i = 0; i < FZ_PEERS; i++) {
        unsigned roles = i == 0 ? v->centre : v->others;
        w->pools[i] = pool_of(i);
        w->peers[i] = (struct gw_cfg_peer){.name = "peer",
                                           .addr = fz_addr(i),
                                           .roles = roles,
                                           .npools = (roles & anchors) != 0,
                                           .pools = &w->pools[i],
                                           .bulk = true,
                                           .esp = i == FZ_PEERS - 1,
                                           .nkeys = i == FZ_PEERS - 1 ? 0 : 1,
                                           .keys = {key_of(i)}};
    }
}

static void configure_times(struct gw_config *c, const struct variant *v, uint8_t options)
{
    gw_config_defaults(c);
    c->timers.lifetime = GW_SEC(60);
    c->timers.refresh = GW_SEC(20);
    c->timers.detach_guard = GW_SEC(3);
    c->mobility.relay_timeout = GW_SEC(2);
    c->revocation.hold = GW_SEC(60);
    c->pmip.sequence = v->sequence;
    c->pmip.local_routing = (options & 1) != 0;
    c->heartbeat.interval = (options & 2) != 0 ? GW_SEC(600) : GW_SEC(0);
    c->daemon.durability = (options & 4) != 0 ? GW_DURABLE_EACH : GW_DURABLE_BATCH;
    /* Small ones, so that they are reached. */
    c->limits = (options & 8) != 0 ? (struct gw_cfg_limits){2, 3, 1, 4, 4, 50, 30, 10}
                                   : (struct gw_cfg_limits){100, 100, 3, 100, 100, 0, 0, 0};
}

static void configure(struct fz_world *w, const struct variant *v, uint8_t options)
{
    struct gw_config *c = &w->cfg[0];
    const struct gw_addr me = fz_addr(FZ_PEERS), none = {0};

    w->ifs[0] = (struct gw_cfg_if){.name = "ap0", .side = GW_IF_ACCESS};
    w->ifs[1] = (struct gw_cfg_if){.name = "core0", .side = GW_IF_CORE};
    w->pool = (struct gw_cfg_pool){.prefix = pool_of(FZ_PEERS), .node_len = 64};
    if ((options & 16) != 0) /* of two prefixes */
        w->pool.prefix.len = 63;
    w->local = (struct gw_prefix){{{0x20, 1, 0xd, 0xb8, 0x77}}, 40};
    w->policy[0] = (struct gw_cfg_policy){.match = GW_MATCH_ANY,
                                          .allow = true,
                                          .anchoring = v->anchoring,
                                          .lma = fz_addr(0),
                                          .prefixes = 1 + (options >> 5 & 1)};
    *c = (struct gw_config){
        .name = "node",
        .roles = v->roles,
        .addr = me,
        .cmd = (v->roles & GW_ROLE_MAAR) == 0  ? none
               : (v->roles & GW_ROLE_CMD) != 0 ? me
                                               : fz_addr(0),
        .lma = (v->roles & GW_ROLE_MAG) != 0 ? fz_addr(0) : none,
        .codec = gw_mh_codec_default,
        .nifs = 2,
        .ifs = w->ifs,
        .npools = (v->roles & (GW_ROLE_MAAR | GW_ROLE_LMA)) != 0,
        .pools = &w->pool,
        .npeers = FZ_PEERS,
        .peers = w->peers,
        .npolicy = 1,
        .policy = w->policy,
        .mobility = {.cmd_mode = v->mode,
                     .dereg = v->dereg,
                     .evict = (options & 64) != 0 ? GW_EVICT_IDLE : GW_EVICT_OLDEST,
                     .nlocal = v->locals,
                     .local = &w->local,
                     .idle_release = v->idle ? GW_SEC(10) : GW_SEC(0)}};
    if ((options & 128) != 0)
        c->codec.profile = GW_PROFILE_AS_DRAWN;
    gw_dlif_default(&c->addr, &c->dlif.link_local, &c->dlif.lladdr);
    configure_times(c, v, options);
    configure_peers(w, v);
}

/* -- what the node wants done --------------------------------------------------------------------
 */

static void *resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct fz_world *w = user;

    if (size > old_size && w->fails > 0) {
        w->fails--;
        return NULL;
    }
    void *p = gw_alloc_libc.resize(gw_alloc_libc.user, ptr, old_size, size);
    if (p != NULL || size == 0)
        w->live += size - old_size;
    return p;
}

static void later(struct fz_world *w, const struct gw_input *in)
{
    if (w->ndone < FZ_DONE)
        w->done[w->ndone++] = *in;
}

static void know(struct fz_world *w, const struct gw_prefix *p)
{
    for (size_t i = 0; i < w->nknown; i++)
        if (gw_prefix_eq(&w->known[i], p))
            return;
    if (w->nknown < FZ_KNOWN)
        w->known[w->nknown++] = *p;
}

static void intent(struct fz_world *w, const struct gw_intent *i)
{
    bool adds = i->kind == GW_INTENT_PREFIX_SET || i->kind == GW_INTENT_STATION_SET ||
                i->kind == GW_INTENT_NET_SET ||
                i->kind == GW_INTENT_PEER_SET; /* a table may be full; taking out does not fail */
    bool fails = w->plane_fails > 0 && adds;
    int err = GW_ENOMEM;

    if (fails)
        w->plane_fails--;
    else
        err = gw_native_apply(w->plane, i);
    fz_demand(fails || err == 0); /* what the node wants makes sense */
    if (i->kind == GW_INTENT_PREFIX_SET)
        know(w, &i->prefix.prefix);
    if (gw_intent_applied(&w->applied, i, err))
        later(w, &(struct gw_input){.kind = GW_IN_PLANE_DONE,
                                    .plane = {.tag = i->tag, .result = w->applied.err}});
}

static void read_use(struct fz_world *w, const struct gw_prefix *p)
{
    struct gw_time last = {0};

    if (w->used > 0)
        last = gw_time_sub(w->now.mono, GW_SEC(w->used - 1));
    later(w, &(struct gw_input){.kind = GW_IN_USE, .use = {.prefix = *p, .last = last}});
}

/* A message that the node sends is one that can be read, to somebody it knows. */
static void sent(struct fz_world *w, const struct gw_action *a)
{
    static struct gw_mh m;
    struct fz_sent *s = &w->sent[w->nsent++ % FZ_SENT];
    const struct gw_config *c = &w->cfg[w->cfg_now];

    fz_demand(a->mh.len <= sizeof s->data && gw_addr_eq(&a->mh.addrs.src, &c->addr));
    s->addrs = a->mh.addrs;
    s->len = a->mh.len;
    memcpy(s->data, a->mh.data, a->mh.len);
    fz_demand(gw_mh_parse(&c->codec, &s->addrs, s->data, s->len, &m).code == GW_PARSE_OK);
}

static void act(struct fz_world *w, const struct gw_action *a)
{
    struct gw_nd nd;

    switch (a->kind) {
    case GW_ACT_SEND_MH:
        sent(w, a);
        break;
    case GW_ACT_SEND_ND: /* or an MLD query */
        fz_demand(gw_nd_parse(a->nd.data, a->nd.len, &nd).code != GW_PARSE_ERROR);
        break;
    case GW_ACT_INTENT:
        intent(w, &a->intent);
        break;
    case GW_ACT_STORE_PUT:
        fz_demand(gw_store_put(w->store, a->store.key, a->store.key_len, a->store.value,
                               a->store.value_len) == 0);
        break;
    case GW_ACT_STORE_DEL:
        fz_demand(gw_store_del(w->store, a->store.key, a->store.key_len) == 0);
        break;
    case GW_ACT_USE:
        read_use(w, &a->use);
        break;
    case GW_ACT_PARAM_PROBLEM:
        fz_demand(a->problem.pointer < a->problem.len);
        break;
    case GW_ACT_SEND_STAMP:
        fz_demand(a->stamp.len != 0);
        break;
    case GW_ACT_TRACE:
        later(w, &(struct gw_input){.kind = GW_IN_TRACE,
                                    .trace = {.question = a->trace,
                                              .seen = gw_native_trace(w->plane, &a->trace.want)}});
        break;
    case GW_ACT_TRANSFER: /* no instance here gives anything away */
        break;
    }
}

static void carry_out(struct fz_world *w, unsigned *actions)
{
    struct gw_action a;

    while (gw_node_next_action(w->node, &a)) {
        fz_demand(++*actions < ACTIONS_MOST);
        act(w, &a);
    }
}

/* -- what always holds ---------------------------------------------------------------------------
 */

/* Whose a prefix is, is said in two places, and the same in both. */
static void check_bindings(const struct gw_bindings *bs, size_t limit)
{
    const struct gw_binding *b;
    size_t anchors = 0;

    fz_demand(gw_table_count(&bs->by_mnid) <= limit);
    for (size_t i = 0; (b = gw_table_next(&bs->by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next) {
            size_t n = 0;
            for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next, n++)
                fz_demand(a->binding == b && gw_anchor_get(bs, &a->prefix) == a);
            fz_demand(n == b->nanchors && n <= GW_LM_ANCHORS_MAX);
            anchors += n;
        }
    fz_demand(anchors == gw_table_count(&bs->by_prefix));
}

static void check(const struct fz_world *w)
{
    const struct gw_node *n = w->node;
    const struct gw_cfg_limits *l = &w->cfg[w->cfg_now].limits;

    check_bindings(&n->cmd.bs, l->bindings);
    check_bindings(&n->maar.bs, l->bindings);
    check_bindings(&n->lma.bs, l->bindings);
    check_bindings(&n->mag.bs, l->bindings);
    fz_demand(gw_table_count(&n->maar.by_station) <= l->stations);
    fz_demand(gw_table_count(&n->mag.by_station) <= l->stations);
    fz_demand(gw_table_count(&n->authorised) <= l->stations);
    fz_demand(gw_table_count(&n->operations.orders.by_seq) <= GW_ORDERS_MAX);
    fz_demand(gw_table_count(&n->operations.holds.by_mnid) <= l->bindings);
    fz_demand(n->lm.pending <= l->pending);
}

static void drain(struct fz_world *w)
{
    unsigned actions = 0;
    struct gw_store_why why;

    carry_out(w, &actions);
    for (size_t i = 0; i < w->ndone; i++) { /* which may grow */
        struct gw_input in = w->done[i];
        (void)gw_node_input(w->node, &in, w->now);
        carry_out(w, &actions);
    }
    w->ndone = 0;
    fz_demand(gw_store_commit(w->store, GW_NEVER, &why) == 0);
    check(w);
}

void fz_input(struct fz_world *w, const struct gw_input *in)
{
    (void)gw_node_input(w->node, in, w->now);
    drain(w);
}

static void pass(struct fz_world *w, int64_t ns)
{
    w->now.mono.ns += ns;
    w->now.wall_ns += ns;
}

void fz_advance(struct fz_world *w, int64_t ns)
{
    int64_t end = w->now.mono.ns + ns;

    for (unsigned i = 0;; i++) {
        int64_t at = gw_node_deadline(w->node).ns;
        if (at > end)
            break;
        fz_demand(i < DEADLINES_MOST);
        if (at > w->now.mono.ns)
            pass(w, at - w->now.mono.ns);
        gw_node_expire(w->node, w->now);
        drain(w);
    }
    pass(w, end - w->now.mono.ns);
}

/* -- life ----------------------------------------------------------------------------------------
 */

static int restore(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct fz_world *w = user;
    struct gw_input in = {.kind = GW_IN_RESTORE,
                          .restore = {key, value, .key_len = key_len, .value_len = value_len}};
    unsigned actions = 0;

    (void)gw_node_input(w->node, &in, w->now);
    carry_out(w, &actions);
    return 0;
}

static void start(struct fz_world *w)
{
    struct gw_store_why why;

    w->fails = 0;
    w->node = gw_node_new(&w->cfg[w->cfg_now], &w->al, NULL, 1, w->now);
    fz_demand(w->node != NULL);
    fz_demand(gw_store_load(w->store, restore, w, &why) == 0);
    fz_policies(w, true);
    fz_input(w, &(struct gw_input){.kind = GW_IN_START});
}

void fz_restart(struct fz_world *w)
{
    gw_node_free(w->node);
    w->ndone = 0;
    gw_native_restart(w->plane);
    start(w);
}

static int nowhere(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    (void)user;
    (void)dst;
    (void)len;
    (void)hop;
    return 0;
}

struct fz_world *fz_new(uint8_t variant, uint8_t options)
{
    static const struct gw_native_if ifs[] = {{1, 1500, GW_T_ACCESS}, {2, 1500, GW_T_CORE}};
    const struct gw_native_ops ops = {.route = nowhere};
    struct fz_world *w = calloc(1, sizeof *w);
    struct gw_store_why why;

    fz_demand(w != NULL);
    w->al = (struct gw_alloc){resize, w};
    w->now = (struct gw_now){GW_SEC(10), WALL};
    configure(w, &variants[variant % (sizeof variants / sizeof *variants)], options);
    w->plane =
        gw_native_new(&(struct gw_native_conf){.addr = w->cfg[0].addr, .nifs = 2, .ifs = ifs}, &ops,
                      NULL, &gw_alloc_libc);
    fz_demand(w->plane != NULL);
    fz_demand(gw_store_open(&gw_store_memory, "", &gw_alloc_libc, &w->store, &why) == 0);
    start(w);
    return w;
}

void fz_free(struct fz_world *w)
{
    gw_node_free(w->node);
    fz_demand(w->live == 0);
    gw_native_free(w->plane);
    gw_store_close(w->store);
    free(w);
}
