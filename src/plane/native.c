/* native.c: see native.h. The tables are base/table.h's; each object carries its key and, as value,
 * the very structure that a BPF map holds.
 */
#include "plane/native.h"

#include "base/err.h"
#include "plane/native_impl.h"
#include "plane/path.h"

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
GW_INLINE int gw_tbl_keep(void *t, struct gw_pkt *p)
{
    struct gw_hold_ask *a = &p->hold;
    const struct gw_keeper *k = &((struct gw_native *)t)->holds.keeper;
    struct gw_keeper_hold *h = gw_keeper_get(k, &a->key);

    if (!h) {
        a->key.from = (struct gw_t_addr){};
        h = gw_keeper_get(k, &a->key);
    }
    if (!h)
        return 0;
    a->id = h->id;
    return gw_hold_takes(&h->state, a);
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
    gw_native_holds_init(&n->holds, &n->al, c->seed);
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
    gw_native_clear(n, false);
    gw_native_serve_clear(n, false);
    gw_native_holds_free(&n->holds);
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
    size_t slot = gw_native_recent(n, &p->from);
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

static void report_mark(const struct gw_native *n, const struct gw_pkt *p,
                        const struct gw_verdict *v)
{
    if (n->ops.marked)
        n->ops.marked(n->user,
                      &(struct gw_marked){.prefix = gw_entry_prefix_of(&v->deliver->prefix),
                                          .by = gw_entry_addr_of(&p->ip.src),
                                          .generation = ntohl(p->option[2])});
}

/* Counters, use, watches: after the packet's fate is sealed. */
static void settle(struct gw_native *n, const struct gw_pkt *p, const struct gw_verdict *v,
                   uint64_t now)
{
    count(n, (enum gw_reason)v->reason, p->len);
    if (v->marked)
        report_mark(n, p, v);
    if (v->action == GW_PATH_DROP || v->action == GW_PATH_KEEP ||
        (v->action == GW_PATH_PASS && !v->decap))
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

static void keep(struct gw_native *n, const struct gw_pkt *p, const struct gw_native_frame *f)
{
    struct gw_keeper_hold *h = gw_keeper_by_id(&n->holds.keeper, p->hold.id);
    struct gw_kept of = {.ifindex = p->ifindex, .frames = p->hold.frames, .gso_size = p->gso_size};

    if (h && !gw_keeper_push(&n->holds.keeper, h, f->data, f->len, &of))
        h->state.back += of.frames;
}

static struct gw_native_result result_of(const struct gw_verdict *v,
                                         const struct gw_native_hop *hop)
{
    struct gw_native_result r = {.action = GW_NATIVE_PASS, .reason = (enum gw_reason)v->reason};

    r.ifindex = v->deliver ? v->deliver->station.ifindex : hop->ifindex;
    if (v->action == GW_PATH_SEND)
        r.action = GW_NATIVE_SEND;
    else if (v->action == GW_PATH_DROP)
        r.action = GW_NATIVE_DROP;
    else if (v->action == GW_PATH_KEEP)
        r.action = GW_NATIVE_KEPT;
    return r;
}

static struct gw_native_result pass(struct gw_native *n, uint32_t ifindex,
                                    struct gw_native_frame *f, bool released, struct gw_time now)
{
    struct gw_native_result none = {.action = GW_NATIVE_PASS, .reason = GW_R_PASSED};
    struct gw_t_iface *i = gw_tbl_iface(n, ifindex);
    struct gw_verdict v = {0};
    struct gw_native_hop hop = {0};
    uint64_t at = (uint64_t)now.ns;

    if (!i || f->len < GW_ETH_LEN)
        return none;
    struct gw_pkt p = {.ifindex = ifindex,
                       .len = (uint32_t)(f->len - GW_ETH_LEN),
                       .gso_size = f->gso_size,
                       .released = released,
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
    if (v.action == GW_PATH_KEEP)
        keep(n, &p, f);
    return result_of(&v, &hop);
}

struct gw_native_result gw_native_packet(struct gw_native *n, uint32_t ifindex,
                                         struct gw_native_frame *f, struct gw_time now)
{
    return pass(n, ifindex, f, false, now);
}

/* A marker that knows its way. */
static struct gw_native_result send_mark(struct gw_native *n, struct gw_native_frame *f)
{
    struct gw_native_result r = {.action = GW_NATIVE_DROP, .reason = GW_R_NO_ROUTE};
    struct gw_native_hop hop = {0};
    struct gw_addr dst;

    memcpy(dst.b, f->data + GW_ETH_LEN + 24, sizeof dst.b);
    int rc = n->ops.route(n->user, &dst, (uint32_t)f->len - GW_ETH_LEN, &hop);
    if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
        return r;
    memcpy(f->data, hop.dst, sizeof hop.dst);
    memcpy(f->data + sizeof hop.dst, hop.src, sizeof hop.src);
    return (struct gw_native_result){
        .action = GW_NATIVE_SEND, .reason = GW_R_MARKED, .ifindex = hop.ifindex};
}

bool gw_native_next(struct gw_native *n, struct gw_native_frame *f, struct gw_time now,
                    struct gw_native_result *r, struct gw_native_kept *was)
{
    struct gw_keeper_hold *of;
    struct gw_kept *p = gw_native_next_kept(&n->holds, &of);

    if (!p)
        return false;
    *was = (struct gw_native_kept){.ifindex = p->ifindex, .frame = p->data, .len = p->len};
    *r = (struct gw_native_result){.action = GW_NATIVE_DROP, .reason = GW_R_NO_ROOM};
    if (p->len <= f->len) {
        f->len = p->len;
        f->gso_size = p->gso_size;
        memcpy(f->data, p->data, p->len);
        *r = p->ifindex != 0 ? pass(n, p->ifindex, f, true, now) : send_mark(n, f);
    }
    if (of == NULL)
        n->counters[GW_R_MARKED].packets++;
    gw_native_passed(&n->holds, p, of);
    n->self.holds_used = (uint32_t)gw_native_holds_used(&n->holds);
    return true;
}

struct gw_t_counter gw_native_counter(const struct gw_native *n, enum gw_reason r)
{
    struct gw_t_counter c = n->counters[r];

    c.packets += gw_keeper_counted(&n->holds.keeper.count, r);
    return c;
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
    struct gw_ifmap m = gw_native_ifmap(n);
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
    struct gw_ifmap m = gw_native_ifmap(n);
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
