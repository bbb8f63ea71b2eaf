/* native_tables.c: intents into the tables of the native build, and what ages in them. */
#include "base/err.h"
#include "plane/mark.h"
#include "plane/native_impl.h"
#include "plane/pmtu.h"

enum { MIN_MTU = 1280 }; /* RFC 8200 §5 */

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

static int peer_set(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_t_addr key;
    void *p;

    if (in->peer.mtu < MIN_MTU)
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
    struct gw_ifmap m = gw_native_ifmap(n);
    struct gw_t_station_key key;
    void *s;
    int rc = gw_entry_station(&m, &in->station.key, &key);

    if (rc)
        return rc;
    n->recent[gw_native_recent(n, &key)].at = 0;
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
    struct gw_ifmap m = gw_native_ifmap(n);
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
    struct gw_ifmap m = gw_native_ifmap(n);
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
    struct gw_ifmap m = gw_native_ifmap(n);
    struct gw_t_net_key key;
    int rc = gw_entry_net_key(&m, in, &key);

    if (rc || !gw_table_get(&n->nets, &key))
        return rc;
    net_count(n, &key, -1);
    forget(n, &n->nets, &key, sizeof(struct net));
    return GW_OK;
}

/* stale_only: those of another generation. */
void gw_native_clear(struct gw_native *n, bool stale_only)
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

void gw_native_serve_clear(struct gw_native *n, bool stale_only)
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

/* A marker to a station here takes the way of all packets, and is reported at its end. */
static int mark(struct gw_native *n, const struct gw_intent_mark *in)
{
    uint8_t packet[GW_MARK_MAX];
    struct gw_addr self = gw_entry_addr_of(&n->self.addr);
    struct gw_t_prefix_key key;
    uint32_t core = 0;

    if (in->prefix.len != 64)
        return GW_EINVAL;
    gw_entry_prefix_key(&in->prefix, &key);
    const struct prefix *x = gw_table_get(&n->prefixes, &key);
    struct gw_mark_path path = gw_mark_path(in, x != NULL ? &x->v : NULL);
    for (size_t i = 0; path.here && i < n->nifs; i++)
        if (n->ifs[i].side == GW_T_CORE)
            core = n->ifindex[i];
    return gw_native_mark(&n->holds, packet, gw_mark_packet(in, &self, &path, packet), core);
}

int gw_native_apply(struct gw_native *n, const struct gw_intent *in)
{
    struct gw_t_addr key;
    int rc;

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
        rc = gw_native_hold_apply(&n->holds, in);
        n->self.holds_used = (uint32_t)gw_native_holds_used(&n->holds);
        return rc;
    case GW_INTENT_MARK:
        return mark(n, &in->mark);
    case GW_INTENT_SYNC:
        gw_native_clear(n, true);
        return GW_OK;
    case GW_INTENT_SERVE_SYNC:
        gw_native_serve_clear(n, true);
        return GW_OK;
    }
    return GW_EINVAL;
}

int gw_native_lower_peer_mtu(struct gw_native *n, const struct gw_addr *peer, uint32_t mtu,
                             struct gw_time now)
{
    struct gw_t_addr key;

    if (mtu < MIN_MTU)
        return GW_EINVAL;
    gw_entry_addr(peer, &key);
    struct peer *p = gw_table_get(&n->peers, &key);
    if (!p)
        return GW_ENOENT;
    struct gw_t_peer *v = &p->v;
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
    gw_native_holds_clear(&n->holds); /* they were the process's */
    n->self.holds_used = 0;
}
