/* native.c: see native.h. The tables are base/table.h's; each object carries its key and, as value,
 * the very structure that a BPF map holds.
 */
#include "plane/native.h"

#include "base/err.h"
#include "base/prng.h"
#include "base/table.h"
#include "plane/entries.h"
#include "plane/native_serve.h"
#include "plane/path.h"
#include "plane/pmtu.h"

enum { RECENT = 1024, HOP_LIMIT = 64, PREFIX_LENGTHS = 129 };

struct station {
    struct gw_t_station_key key;
    struct gw_t_station v;
};
struct prefix {
    struct gw_t_prefix_key key;
    struct gw_t_prefix v;
};
struct net {
    struct gw_t_net_key key;
    struct gw_t_net v;
};
struct peer {
    struct gw_t_addr key;
    struct gw_t_peer v;
};

struct gw_native {
    struct gw_alloc al;
    struct gw_native_ops ops;
    void *user;
    struct gw_t_self self;
    size_t nifs;
    struct gw_t_iface *ifs;
    uint32_t *ifindex;
    struct gw_table stations, prefixes, nets, peers;
    uint32_t of_length[PREFIX_LENGTHS];      /* entries of each prefix length */
    uint32_t nets_of_length[PREFIX_LENGTHS]; /* the same of networks */
    struct {
        struct gw_t_station_key key;
        uint64_t at;
    } recent[RECENT]; /* direct-mapped: a collision forgets, as LRU eviction does */
    struct gw_t_counter counters[GW_R_COUNT];
    struct gw_time deadline; /* of the first path MTU that is held */
    struct gw_time sweep;    /* when flows are looked through next */
    struct gw_native_serve serve;
    struct gw_prng prng; /* of choices */
};

/* Keys are compared as octets: their padding is zero. */
#define TABLE_OPS(type)                                           \
    static uint64_t type##_hash(const void *key, uint64_t seed)   \
    {                                                             \
        return gw_hash(key, sizeof((struct type *)0)->key, seed); \
    }                                                             \
    static bool type##_eq(const void *key, const void *obj)       \
    {                                                             \
        const struct type *o = obj;                               \
        return memcmp(key, &o->key, sizeof o->key) == 0;          \
    }                                                             \
    static const void *type##_key(const void *obj)                \
    {                                                             \
        return &((const struct type *)obj)->key;                  \
    }                                                             \
    static const struct gw_table_ops type##_ops = {type##_hash, type##_eq, type##_key};
TABLE_OPS(station)
TABLE_OPS(prefix)
TABLE_OPS(net)
TABLE_OPS(peer)

/* -- what path.h asks ----------------------------------------------------------------------------
 */

GW_INLINE struct gw_t_iface *gw_tbl_iface(void *t, __u32 ifindex)
{
    const struct gw_native *n = t;
    struct gw_ifmap m = {.ifindex = n->ifindex, .n = n->nifs};
    int i = gw_ifmap_index(&m, ifindex);

    return i < 0 ? NULL : &n->ifs[i];
}

GW_INLINE struct gw_t_station *gw_tbl_station(void *t, const struct gw_t_station_key *key)
{
    const struct gw_native *n = t;
    struct station *s = gw_table_get(&n->stations, key);

    return s ? &s->v : NULL;
}

static struct prefix *find(const struct gw_native *n, const struct gw_t_addr *a, unsigned len)
{
    struct gw_prefix p = {.len = (uint8_t)len};
    struct gw_t_prefix_key key;

    memcpy(p.addr.b, a->b, sizeof p.addr.b);
    gw_entry_prefix_key(&p, &key);
    return gw_table_get(&n->prefixes, &key);
}

/* As the maps are asked: /64 first, then the longest of the others. */
GW_INLINE struct gw_t_prefix *gw_tbl_prefix(void *t, const struct gw_t_self *self,
                                            const struct gw_t_addr *a)
{
    const struct gw_native *n = t;
    struct prefix *x = find(n, a, 64);

    for (unsigned len = 128; !x && self->lpm_used && len > 0; len--)
        if (len != 64 && n->of_length[len])
            x = find(n, a, len);
    return x ? &x->v : NULL;
}

GW_INLINE struct gw_t_peer *gw_tbl_peer(void *t, const struct gw_t_addr *a)
{
    const struct gw_native *n = t;
    struct peer *p = gw_table_get(&n->peers, a);

    return p ? &p->v : NULL;
}

GW_INLINE struct gw_t_net *gw_tbl_net(void *t, const struct gw_t_station_key *station,
                                      const struct gw_t_addr *a)
{
    const struct gw_native *n = t;
    struct gw_prefix p;

    for (unsigned len = 128; len > 0; len--) {
        if (!n->nets_of_length[len])
            continue;
        memcpy(p.addr.b, a->b, sizeof p.addr.b);
        p = gw_prefix_mask(p.addr, (uint8_t)len);
        struct gw_t_net_key key = {.len = GW_T_NET_BITS + len, .station = *station};
        gw_entry_addr(&p.addr, &key.addr);
        struct net *x = gw_table_get(&n->nets, &key);
        if (x)
            return &x->v;
    }
    return NULL;
}

GW_INLINE struct gw_t_cs *gw_tbl_cs(void *t, const struct gw_t_cs_key *key)
{
    return gw_ns_cs(&((struct gw_native *)t)->serve, key);
}

GW_INLINE struct gw_t_flow *gw_tbl_flow(void *t, int pending, const struct gw_t_flow_key *key)
{
    return gw_ns_flow(&((struct gw_native *)t)->serve, pending, key);
}

GW_INLINE struct gw_t_flow *gw_tbl_flow_add(void *t, int pending, const struct gw_t_flow_key *key,
                                            const struct gw_t_flow *flow, int *fresh)
{
    *fresh = 1; /* nobody else writes */
    return gw_ns_flow_add(&((struct gw_native *)t)->serve, pending, key, flow);
}

GW_INLINE void gw_tbl_flow_del(void *t, int pending, const struct gw_t_flow_key *key)
{
    gw_ns_flow_del(&((struct gw_native *)t)->serve, pending, key);
}

GW_INLINE struct gw_t_instance *gw_tbl_instance(void *t, const struct gw_t_addr *csci_id)
{
    return gw_ns_instance(&((struct gw_native *)t)->serve, csci_id);
}

GW_INLINE void gw_tbl_in_flight(void *t, __u32 candidate, int by)
{
    gw_ns_in_flight(&((struct gw_native *)t)->serve, candidate, by);
}

GW_INLINE int gw_tbl_choose(void *t, struct gw_choice *c)
{
    struct gw_native *n = t;
    struct gw_steer_in d = {.now_ns = c->now_ns, .random = gw_prng_u64(&n->prng), .flow = c->flow};
    struct gw_steer_tables s;
    struct gw_t_answer a;

    if (!gw_ns_steer(&n->serve, c->id, &s) || !gw_steer_choose(&s, &d, &a))
        return 0;
    c->csci_id = s.candidate[a.index].csci_id;
    c->candidate = s.service->base + a.index;
    c->reason = a.reason;
    return 1;
}

/* -- intents -------------------------------------------------------------------------------------
 */

static struct gw_ifmap ifmap(const struct gw_native *n)
{
    return (struct gw_ifmap){.ifindex = n->ifindex, .n = n->nifs};
}

/* The object of a key, made if there is none. */
static int obtain(struct gw_native *n, struct gw_table *t, const void *key, size_t key_size,
                  size_t size, void **out)
{
    *out = gw_table_get(t, key);
    if (*out)
        return GW_OK;
    *out = gw_new(&n->al, size);
    if (!*out)
        return GW_ENOMEM;
    memcpy(*out, key, key_size); /* the key is each object's first member */
    int rc = gw_table_put(t, *out);
    if (rc)
        gw_free(&n->al, *out, size);
    return rc;
}

static void forget(struct gw_native *n, struct gw_table *t, const void *key, size_t size)
{
    gw_free(&n->al, gw_table_del(t, key), size);
}

static size_t recent_slot(const struct gw_native *n, const struct gw_t_station_key *k)
{
    return gw_hash(k, sizeof *k, n->stations.seed) % RECENT;
}

static int peer_set(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_t_addr key;
    void *p;

    if (in->peer.mtu < GW_MIN_MTU)
        return GW_EINVAL;
    gw_entry_addr(&in->peer.addr, &key);
    int rc = obtain(n, &n->peers, &key, sizeof key, sizeof(struct peer), &p);
    if (rc)
        return rc;
    gw_pmtu_configure(&((struct peer *)p)->v, in->peer.mtu);
    ((struct peer *)p)->v.generation = n->self.generation;
    ((struct peer *)p)->v.nets = in->peer.nets;
    return GW_OK;
}

static int station_set(struct gw_native *n, const struct gw_intent *in, bool set)
{
    struct gw_ifmap m = ifmap(n);
    struct gw_t_station_key key;
    void *s;
    int rc = gw_entry_station(&m, &in->station.key, &key);

    if (rc)
        return rc;
    n->recent[recent_slot(n, &key)].at = 0;
    if (!set) {
        forget(n, &n->stations, &key, sizeof(struct station));
        return GW_OK;
    }
    rc = obtain(n, &n->stations, &key, sizeof key, sizeof(struct station), &s);
    if (rc == GW_OK) {
        ((struct station *)s)->v.generation = n->self.generation;
        ((struct station *)s)->v.nets = in->station.nets;
    }
    return rc;
}

static void prefix_gone(struct gw_native *n, const struct gw_t_prefix_key *k)
{
    n->of_length[k->len]--;
    n->self.lpm_used -= k->len != 64;
}

static int prefix_set(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_ifmap m = ifmap(n);
    struct gw_t_prefix v;
    size_t before = gw_table_count(&n->prefixes);
    void *obj;
    int rc = gw_entry_prefix(&m, in, &v);

    if (rc == GW_OK)
        rc = obtain(n, &n->prefixes, &v.prefix, sizeof v.prefix, sizeof(struct prefix), &obj);
    if (rc)
        return rc;
    struct prefix *p = obj;
    v.up = p->v.up;
    v.down = p->v.down;
    v.generation = n->self.generation;
    p->v = v;
    if (gw_table_count(&n->prefixes) > before) {
        n->of_length[v.prefix.len]++;
        n->self.lpm_used += v.prefix.len != 64;
    }
    return GW_OK;
}

static void prefix_del(struct gw_native *n, const struct gw_prefix *p)
{
    struct gw_t_prefix_key key;

    gw_entry_prefix_key(p, &key);
    if (!gw_table_get(&n->prefixes, &key))
        return;
    prefix_gone(n, &key);
    forget(n, &n->prefixes, &key, sizeof(struct prefix));
}

static void net_count(struct gw_native *n, const struct gw_t_net_key *k, int by)
{
    n->nets_of_length[k->len - GW_T_NET_BITS] += (uint32_t)by;
    n->self.nets_used += gw_entry_net_own(k) ? (uint32_t)by : 0;
}

static int net_set(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_ifmap m = ifmap(n);
    size_t before = gw_table_count(&n->nets);
    struct gw_t_net v;
    void *x;
    int rc = gw_entry_net(&m, in, &v);

    if (rc == GW_OK)
        rc = obtain(n, &n->nets, &v.key, sizeof v.key, sizeof(struct net), &x);
    if (rc)
        return rc;
    v.generation = n->self.generation;
    ((struct net *)x)->v = v;
    if (gw_table_count(&n->nets) > before)
        net_count(n, &v.key, 1);
    return GW_OK;
}

static int net_del(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_ifmap m = ifmap(n);
    struct gw_t_net_key key;
    int rc = gw_entry_net_key(&m, in, &key);

    if (rc || !gw_table_get(&n->nets, &key))
        return rc;
    net_count(n, &key, -1);
    forget(n, &n->nets, &key, sizeof(struct net));
    return GW_OK;
}

/* stale_only: those of another generation. */
static void clear(struct gw_native *n, bool stale_only)
{
    const uint32_t mine = n->self.generation;
    struct station *s;
    struct prefix *x;
    struct peer *p;
    struct net *w;

    for (size_t i = 0; (s = gw_table_next(&n->stations, &i)) != NULL;)
        if (!stale_only || s->v.generation != mine)
            forget(n, &n->stations, &s->key, sizeof *s);
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;)
        if (!stale_only || p->v.generation != mine)
            forget(n, &n->peers, &p->key, sizeof *p);
    for (size_t i = 0; (x = gw_table_next(&n->prefixes, &i)) != NULL;) {
        if (stale_only && x->v.generation == mine)
            continue;
        prefix_gone(n, &x->key);
        forget(n, &n->prefixes, &x->key, sizeof *x);
    }
    for (size_t i = 0; (w = gw_table_next(&n->nets, &i)) != NULL;) {
        if (stale_only && w->v.generation == mine)
            continue;
        net_count(n, &w->key, -1);
        forget(n, &n->nets, &w->key, sizeof *w);
    }
}

static void serve_clear(struct gw_native *n, bool stale_only)
{
    gw_ns_clear(&n->serve, stale_only, n->self.generation);
    n->self.services_used = (uint32_t)gw_table_count(&n->serve.services);
    n->self.instances_here = (uint32_t)gw_ns_here(&n->serve);
}

static int serve_apply(struct gw_native *n, const struct gw_intent *in)
{
    int rc = gw_ns_apply(&n->serve, in, n->self.generation);

    n->self.services_used = (uint32_t)gw_table_count(&n->serve.services);
    n->self.instances_here = (uint32_t)gw_ns_here(&n->serve);
    return rc;
}

int gw_native_apply(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_t_addr key;

    switch (in->kind) {
    case GW_INTENT_PEER_SET:
        return peer_set(n, in);
    case GW_INTENT_PEER_DEL:
        gw_entry_addr(&in->peer.addr, &key);
        forget(n, &n->peers, &key, sizeof(struct peer));
        return GW_OK;
    case GW_INTENT_STATION_SET:
    case GW_INTENT_STATION_DEL:
        return station_set(n, in, in->kind == GW_INTENT_STATION_SET);
    case GW_INTENT_PREFIX_SET:
        return prefix_set(n, in);
    case GW_INTENT_PREFIX_DEL:
        prefix_del(n, &in->prefix.prefix);
        return GW_OK;
    case GW_INTENT_NET_SET:
        return net_set(n, in);
    case GW_INTENT_NET_DEL:
        return net_del(n, in);
    case GW_INTENT_SERVICE_SET:
    case GW_INTENT_SERVICE_DEL:
    case GW_INTENT_INSTANCE_SET:
    case GW_INTENT_INSTANCE_DEL:
    case GW_INTENT_FLOW_SET:
    case GW_INTENT_FLOW_DEL:
        return serve_apply(n, in);
    case GW_INTENT_HOLD_SET:
    case GW_INTENT_HOLD_DEL:
    case GW_INTENT_MARK:
        return GW_EINVAL;
    case GW_INTENT_SYNC:
        clear(n, true);
        return GW_OK;
    case GW_INTENT_SERVE_SYNC:
        serve_clear(n, true);
        return GW_OK;
    }
    return GW_EINVAL;
}

int gw_native_lower_peer_mtu(struct gw_native *n, const struct gw_addr *peer, uint32_t mtu,
                             struct gw_time now)
{
    struct gw_t_addr key;

    if (mtu < GW_MIN_MTU)
        return GW_EINVAL;
    gw_entry_addr(peer, &key);
    struct gw_t_peer *v = gw_tbl_peer(n, &key);
    if (!v)
        return GW_ENOENT;
    uint32_t before = v->mtu;
    if (!gw_pmtu_lower(v, mtu, now))
        return 0;
    if (gw_time_before(gw_pmtu_until(v), n->deadline))
        n->deadline = gw_pmtu_until(v);
    if (v->mtu < before)
        n->counters[GW_R_PEER_MTU].packets++;
    return v->mtu < before;
}

void gw_native_expire(struct gw_native *n, struct gw_time now)
{
    struct peer *p;

    if (!gw_time_before(now, n->sweep)) {
        gw_ns_expire(&n->serve, now);
        n->sweep = gw_time_add(now, GW_SEC(1));
    }
    if (gw_time_before(now, n->deadline))
        return;
    n->deadline = GW_NEVER;
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        struct gw_time until = gw_pmtu_until(&p->v);
        if (!gw_time_before(now, until))
            gw_pmtu_restore(&p->v);
        else if (gw_time_before(until, n->deadline))
            n->deadline = until;
    }
}

void gw_native_restart(struct gw_native *n)
{
    n->self.generation++;
}

/* -- life ----------------------------------------------------------------------------------------
 */

struct gw_native *gw_native_new(const struct gw_native_conf *c, const struct gw_native_ops *ops,
                                void *user, const struct gw_alloc *al)
{
    struct gw_native *n = gw_new(al, sizeof *n);

    if (!n)
        return NULL;
    n->al = *al;
    n->ops = *ops;
    n->user = user;
    n->deadline = GW_NEVER;
    n->self =
        (struct gw_t_self){.schema = GW_PLANE_SCHEMA, .generation = 1, .hop_limit = HOP_LIMIT};
    gw_entry_addr(&c->addr, &n->self.addr);
    gw_table_init(&n->stations, &n->al, &station_ops, c->stations, c->seed);
    gw_table_init(&n->prefixes, &n->al, &prefix_ops, c->prefixes, c->seed);
    gw_table_init(&n->nets, &n->al, &net_ops, 0, c->seed);
    gw_table_init(&n->peers, &n->al, &peer_ops, c->peers, c->seed);
    gw_ns_init(&n->serve, &n->al, c->flows, c->seed);
    gw_prng_seed(&n->prng, c->seed);
    n->nifs = c->nifs;
    n->ifs = gw_new(al, c->nifs * sizeof *n->ifs);
    n->ifindex = gw_new(al, c->nifs * sizeof *n->ifindex);
    if (!n->ifs || !n->ifindex) {
        gw_native_free(n);
        return NULL;
    }
    for (size_t i = 0; i < c->nifs; i++) {
        n->ifindex[i] = c->ifs[i].ifindex;
        n->ifs[i] =
            (struct gw_t_iface){.side = c->ifs[i].side, .index = (uint32_t)i, .mtu = c->ifs[i].mtu};
    }
    return n;
}

void gw_native_free(struct gw_native *n)
{
    if (!n)
        return;
    struct gw_alloc al = n->al;
    clear(n, false);
    serve_clear(n, false);
    gw_table_free(&n->stations);
    gw_table_free(&n->prefixes);
    gw_table_free(&n->nets);
    gw_table_free(&n->peers);
    gw_ns_free(&n->serve);
    gw_free(&al, n->ifs, n->nifs * sizeof *n->ifs);
    gw_free(&al, n->ifindex, n->nifs * sizeof *n->ifindex);
    gw_free(&al, n, sizeof *n);
}

/* -- packets -------------------------------------------------------------------------------------
 */

static void count(struct gw_native *n, enum gw_reason r, uint32_t octets)
{
    n->counters[r].packets++;
    n->counters[r].octets += octets;
}

static void report_station(struct gw_native *n, struct gw_t_iface *i, const struct gw_pkt *p,
                           uint64_t now)
{
    size_t slot = recent_slot(n, &p->from);
    bool known = memcmp(&n->recent[slot].key, &p->from, sizeof p->from) == 0;
    struct gw_station_key key = {.iface = i->index, .lladdr = {.len = sizeof p->from.mac}};

    if (known && n->recent[slot].at && now - n->recent[slot].at < GW_REPORT_AGAIN_NS)
        return;
    if (!gw_bucket_take(&i->reports, now, GW_REPORT_RATE, GW_REPORT_BURST)) {
        count(n, GW_R_REPORT_BOUND, p->len);
        return;
    }
    n->recent[slot].key = p->from;
    n->recent[slot].at = now;
    count(n, GW_R_REPORTED, p->len);
    memcpy(key.lladdr.b, p->from.mac, sizeof p->from.mac);
    if (n->ops.new_station)
        n->ops.new_station(n->user, &key, (struct gw_time){(int64_t)now});
}

static void report_first(const struct gw_native *n, const struct gw_t_prefix *x, bool up,
                         uint64_t now)
{
    struct gw_prefix prefix = gw_entry_prefix_of(&x->prefix);

    if (n->ops.first_packet)
        n->ops.first_packet(n->user, &prefix, up, (struct gw_time){(int64_t)now});
}

static void report_error(struct gw_native *n, const struct gw_verdict *v,
                         const struct gw_native_frame *f, uint64_t now)
{
    size_t off = GW_ETH_LEN + gw_outer_off(v);
    struct gw_icmp_error e = {.type = v->icmp_type, .code = v->icmp_code, .mtu = v->mtu};

    if (!gw_bucket_take(&n->self.punts, now, GW_ERROR_RATE, GW_ERROR_BURST)) {
        count(n, GW_R_ERROR_BOUND, 0);
        return;
    }
    memcpy(e.src.b, n->self.addr.b, sizeof e.src.b);
    if (n->ops.error)
        n->ops.error(n->user, &e, f->data + off, f->len - off);
}

static void report_miss(const struct gw_native *n, const struct gw_pkt *p,
                        const struct gw_verdict *v)
{
    const struct gw_t_instance *x = v->instance;
    const struct gw_t_cs_key *key;
    const struct gw_t_cs *s = gw_ns_service(&n->serve, v->flow->cs, &key);

    if (n->ops.missed && s)
        n->ops.missed(n->user,
                      &(struct gw_miss){.service = gw_entry_cs_of(key),
                                        .flow = gw_entry_flow_of(&p->serve.key, s->affinity),
                                        .from = gw_entry_addr_of(&p->outer.src),
                                        .csci_id = gw_entry_addr_of(&v->flow->csci_id),
                                        .egress = gw_entry_addr_of(x->kind == GW_T_INSTANCE_AWAY
                                                                       ? &x->egress
                                                                       : &n->self.addr)});
}

static void report_use(const struct gw_native *n, const struct gw_pkt *p,
                       const struct gw_verdict *v, bool ended)
{
    const struct gw_t_cs_key *key;
    const struct gw_t_cs *s = gw_ns_service(&n->serve, v->flow->cs, &key);

    if (n->ops.used && s)
        n->ops.used(n->user,
                    &(struct gw_flow_use){.service = gw_entry_cs_of(key),
                                          .flow = gw_entry_flow_of(&p->serve.key, s->affinity),
                                          .csci_id = gw_entry_addr_of(&v->flow->csci_id),
                                          .ended = ended});
}

/* Counters, use, watches: after the packet's fate is sealed. */
static void settle(struct gw_native *n, const struct gw_pkt *p, const struct gw_verdict *v,
                   uint64_t now)
{
    count(n, (enum gw_reason)v->reason, p->len);
    if (v->action == GW_PATH_DROP || (v->action == GW_PATH_PASS && !v->decap))
        return;
    uint32_t fired = gw_account(p, v, now);
    enum gw_serve_use use = gw_serve_uses(p, v);
    if (use != GW_SERVE_USE_NONE)
        report_use(n, p, v, use == GW_SERVE_USE_ENDED);
    else if (gw_serve_tells(p, v))
        report_miss(n, p, v);
    if (v->up && fired & GW_T_WATCH_UP)
        report_first(n, v->up, true, now);
    if (v->down && fired & GW_T_WATCH_DOWN)
        report_first(n, v->down, false, now);
}

/* Makes or takes away room between the Ethernet header and the rest, and writes the headers. */
static int edit(const struct gw_verdict *v, const struct gw_headers *h, struct gw_native_frame *f)
{
    int grow = (int)gw_outer_on(v) - (int)gw_outer_off(v);

    if (grow > 0 && f->headroom < (size_t)grow)
        return GW_ESHORT;
    f->data -= grow;
    f->len = (size_t)((ptrdiff_t)f->len + grow);
    f->headroom = (size_t)((ptrdiff_t)f->headroom - grow);
    memcpy(f->data, &h->eth, sizeof h->eth);
    memcpy(f->data + GW_ETH_LEN, &h->outer, gw_outer_on(v));
    memcpy(f->data + GW_ETH_LEN + gw_outer_on(v), h->inner, sizeof h->inner);
    return GW_OK;
}

/* Asks the driver for the way. */
static void route(const struct gw_native *n, const struct gw_pkt *p, struct gw_verdict *v,
                  struct gw_native_hop *hop)
{
    struct gw_addr dst;

    memcpy(dst.b, gw_fib_dst(p, v)->b, sizeof dst.b);
    int rc = n->ops.route(n->user, &dst, gw_fib_len(v), hop);
    gw_fib_apply(v, rc, hop->mtu);
}

static void rewrite(struct gw_native *n, const struct gw_pkt *p, struct gw_verdict *v,
                    const struct gw_native_hop *hop, struct gw_native_frame *f)
{
    struct gw_headers h = {0};

    gw_prepare(&n->self, p, v, &h);
    if (v->action == GW_PATH_PASS)
        memcpy(&h.eth, f->data, sizeof h.eth);
    else if (!v->deliver) {
        memcpy(h.eth.dst, hop->dst, sizeof h.eth.dst);
        memcpy(h.eth.src, hop->src, sizeof h.eth.src);
    }
    if (edit(v, &h, f))
        gw_drop(v, GW_R_NO_ROOM);
}

struct gw_native_result gw_native_packet(struct gw_native *n, uint32_t ifindex,
                                         struct gw_native_frame *f, struct gw_time now)
{
    struct gw_native_result pass = {.action = GW_NATIVE_PASS, .reason = GW_R_PASSED};
    struct gw_t_iface *i = gw_tbl_iface(n, ifindex);
    struct gw_verdict v = {0};
    struct gw_native_hop hop = {0};
    uint64_t at = (uint64_t)now.ns;

    if (!i || f->len < GW_ETH_LEN)
        return pass;
    struct gw_pkt p = {.ifindex = ifindex,
                       .len = (uint32_t)(f->len - GW_ETH_LEN),
                       .gso_size = f->gso_size,
                       .now_ns = at};
    gw_classify(n, &n->self, i, &p, f->data, f->data + f->len, &v);
    if (v.report)
        report_station(n, i, &p, at);
    if (v.action == GW_PATH_SEND && !v.deliver)
        route(n, &p, &v, &hop);
    if (v.action == GW_PATH_SEND || (v.action == GW_PATH_PASS && v.decap))
        rewrite(n, &p, &v, &hop, f);
    if (v.action == GW_PATH_DROP && v.icmp_type)
        report_error(n, &v, f, at);
    settle(n, &p, &v, at);
    return (struct gw_native_result){.action = v.action == GW_PATH_SEND   ? GW_NATIVE_SEND
                                               : v.action == GW_PATH_DROP ? GW_NATIVE_DROP
                                                                          : GW_NATIVE_PASS,
                                     .reason = (enum gw_reason)v.reason,
                                     .ifindex =
                                         v.deliver ? v.deliver->station.ifindex : hop.ifindex};
}

struct gw_t_counter gw_native_counter(const struct gw_native *n, enum gw_reason r)
{
    return n->counters[r];
}

const struct gw_t_prefix *gw_native_prefix(const struct gw_native *n, const struct gw_prefix *p)
{
    struct gw_t_addr a;

    gw_entry_addr(&p->addr, &a);
    const struct prefix *x = find(n, &a, p->len);
    return x ? &x->v : NULL;
}

struct gw_trace_seen gw_native_trace(const struct gw_native *n, const struct gw_trace_want *want)
{
    struct gw_t_addr csci_id, peer, client;
    void *t = (void *)n; /* what the path reads its tables by */

    gw_entry_addr(&want->csci_id, &csci_id);
    gw_entry_addr(&want->peer, &peer);
    gw_entry_addr(&want->client, &client);
    return gw_show_trace(
        gw_addr_is_zero(&want->csci_id) ? NULL : gw_ns_instance(&n->serve, &csci_id),
        gw_addr_is_zero(&want->peer) ? NULL : gw_tbl_peer(t, &peer),
        gw_addr_is_zero(&want->client) ? NULL : gw_tbl_prefix(t, &n->self, &client));
}

const struct gw_t_station *gw_native_station(const struct gw_native *n,
                                             const struct gw_station_key *key)
{
    struct gw_ifmap m = ifmap(n);
    struct gw_t_station_key k;
    const struct station *s =
        gw_entry_station(&m, key, &k) == 0 ? gw_table_get(&n->stations, &k) : NULL;

    return s ? &s->v : NULL;
}

const struct gw_t_net *gw_native_net(const struct gw_native *n,
                                     const struct gw_station_key *station,
                                     const struct gw_prefix *net)
{
    struct gw_intent in = {.net.prefix = *net};
    struct gw_ifmap m = ifmap(n);
    struct gw_t_net_key key;

    if (station)
        in.net.station = *station;
    const struct net *x =
        gw_entry_net_key(&m, &in, &key) == 0 ? gw_table_get(&n->nets, &key) : NULL;
    return x ? &x->v : NULL;
}

const struct gw_t_prefix *gw_native_next_prefix(const struct gw_native *n, size_t *it)
{
    const struct prefix *x = gw_table_next(&n->prefixes, it);

    return x ? &x->v : NULL;
}

size_t gw_native_stations(const struct gw_native *n)
{
    return gw_table_count(&n->stations);
}

size_t gw_native_nets(const struct gw_native *n)
{
    return gw_table_count(&n->nets);
}

const struct gw_native_serve *gw_native_services(const struct gw_native *n)
{
    return &n->serve;
}
