/* plane_maps.c: intents into maps, and what the maps know back out: counters, use, MTUs (pmtu.h has
 * their rules). */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "plane/keeper.h"
#include "plane/pmtu.h"
#include "sys/plane_impl.h"

enum { MTU_MIN = 1280 }; /* RFC 8200 §5 */

/* The map, key and value of a prefix. */
struct slot {
    int fd;
    bool lpm;
    union {
        uint64_t upper;
        struct gw_t_prefix_key prefix;
    } key;
};

static struct slot slot_of(const struct gw_bpf *b, const struct gw_t_prefix_key *k)
{
    if (k->len == 64)
        return (struct slot){.fd = bpf_map__fd(b->skel->maps.prefixes64),
                             .key.upper = gw_t_key64(&k->addr)};
    return (struct slot){.fd = bpf_map__fd(b->skel->maps.prefixes), .lpm = true, .key.prefix = *k};
}

/* An LPM lookup finds covering entries too. */
static bool find_prefix(const struct slot *s, const struct gw_t_prefix_key *k,
                        struct gw_t_prefix *out)
{
    return bpf_map_lookup_elem(s->fd, &s->key, out) == 0 && out->prefix.len == k->len;
}

static int put(const struct gw_bpf *b, int fd, const void *key, const void *value)
{
    if (bpf_map_update_elem(fd, key, value, BPF_ANY) == 0)
        return GW_OK;
    if (errno == E2BIG || errno == ENOSPC)
        return GW_EFULL;
    return gw_bpf_fail(b, "updating a table");
}

static int del(const struct gw_bpf *b, int fd, const void *key)
{
    if (bpf_map_delete_elem(fd, key) == 0 || errno == ENOENT)
        return GW_OK;
    return gw_bpf_fail(b, "updating a table");
}

int gw_bpf_set_used(const struct gw_bpf *b)
{
    int fd = bpf_map__fd(b->skel->maps.self);
    struct gw_t_self self;
    uint32_t zero = 0;

    if (bpf_map_lookup_elem(fd, &zero, &self))
        return gw_bpf_fail(b, "self");
    self.lpm_used = b->lpm_used;
    self.nets_used = b->nets_used;
    self.services_used = b->services_used;
    self.instances_here = b->instances_here;
    self.holds_used = b->holds_used;
    return put(b, fd, &zero, &self);
}

static int set_used(struct gw_bpf *b, uint32_t lpm, uint32_t nets)
{
    b->lpm_used = lpm;
    b->nets_used = nets;
    return gw_bpf_set_used(b);
}

static int set_lpm_used(struct gw_bpf *b, uint32_t used)
{
    return set_used(b, used, b->nets_used);
}

static int prefix_set(struct gw_bpf *b, const struct gw_intent *in)
{
    struct gw_ifmap ifs = gw_bpf_ifmap(b);
    struct gw_t_prefix v, old;
    int rc = gw_entry_prefix(&ifs, in, &v);

    if (rc)
        return rc;
    struct slot s = slot_of(b, &v.prefix);
    bool known = find_prefix(&s, &v.prefix, &old);
    if (known) { /* what passes between the look-up and the update is not counted */
        v.up = old.up;
        v.down = old.down;
    }
    v.generation = b->generation;
    rc = put(b, s.fd, &s.key, &v);
    return rc == GW_OK && s.lpm && !known ? set_lpm_used(b, b->lpm_used + 1) : rc;
}

static int prefix_del(struct gw_bpf *b, const struct gw_t_prefix_key *k)
{
    struct slot s = slot_of(b, k);
    struct gw_t_prefix old;
    bool known = find_prefix(&s, k, &old);
    int rc = known ? del(b, s.fd, &s.key) : GW_OK;

    return rc == GW_OK && s.lpm && known ? set_lpm_used(b, b->lpm_used - 1) : rc;
}

/* As find_prefix: a lookup finds covering entries too. */
static bool find_net(const struct gw_bpf *b, const struct gw_t_net_key *k)
{
    struct gw_t_net old;

    return bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.nets), k, &old) == 0 &&
           old.key.len == k->len;
}

static int net_set(struct gw_bpf *b, const struct gw_intent *in)
{
    struct gw_ifmap ifs = gw_bpf_ifmap(b);
    struct gw_t_net v;
    int rc = gw_entry_net(&ifs, in, &v);

    if (rc)
        return rc;
    bool known = find_net(b, &v.key);
    v.generation = b->generation;
    rc = put(b, bpf_map__fd(b->skel->maps.nets), &v.key, &v);
    return rc == GW_OK && !known && gw_entry_net_own(&v.key)
               ? set_used(b, b->lpm_used, b->nets_used + 1)
               : rc;
}

static int net_del(struct gw_bpf *b, const struct gw_intent *in)
{
    struct gw_ifmap ifs = gw_bpf_ifmap(b);
    struct gw_t_net_key k;
    int rc = gw_entry_net_key(&ifs, in, &k);

    if (rc || !find_net(b, &k))
        return rc;
    rc = del(b, bpf_map__fd(b->skel->maps.nets), &k);
    return rc == GW_OK && gw_entry_net_own(&k) ? set_used(b, b->lpm_used, b->nets_used - 1) : rc;
}

/* It is not unknown any more; and if it is so again, that is news at once. */
static void forget_report(const struct gw_bpf *b, const struct gw_t_station_key *k)
{
    bpf_map_delete_elem(bpf_map__fd(b->skel->maps.recent), k);
}

static int station_set(const struct gw_bpf *b, const struct gw_station_key *key, bool nets)
{
    struct gw_ifmap ifs = gw_bpf_ifmap(b);
    int fd = bpf_map__fd(b->skel->maps.stations);
    struct gw_t_station v = {0};
    struct gw_t_station_key k;
    int rc = gw_entry_station(&ifs, key, &k);

    if (rc)
        return rc;
    bpf_map_lookup_elem(fd, &k, &v);
    v.generation = b->generation;
    v.nets = nets;
    rc = put(b, fd, &k, &v);
    forget_report(b, &k);
    return rc;
}

static int station_del(const struct gw_bpf *b, const struct gw_station_key *key)
{
    struct gw_ifmap ifs = gw_bpf_ifmap(b);
    struct gw_t_station_key k;
    int rc = gw_entry_station(&ifs, key, &k);

    if (rc)
        return rc;
    rc = del(b, bpf_map__fd(b->skel->maps.stations), &k);
    forget_report(b, &k);
    return rc;
}

static int peer_set(const struct gw_bpf *b, const struct gw_intent *in)
{
    int fd = bpf_map__fd(b->skel->maps.peers);
    struct gw_t_peer v = {0};
    struct gw_t_addr k;

    if (in->peer.mtu < MTU_MIN)
        return GW_EINVAL;
    gw_entry_addr(&in->peer.addr, &k);
    bpf_map_lookup_elem(fd, &k, &v);
    gw_pmtu_configure(&v, in->peer.mtu);
    v.generation = b->generation;
    v.nets = in->peer.nets;
    return put(b, fd, &k, &v);
}

int gw_bpf_lower_peer_mtu(struct gw_bpf *b, const struct gw_addr *peer, uint32_t mtu,
                          struct gw_time now)
{
    int fd = bpf_map__fd(b->skel->maps.peers);
    struct gw_t_peer v;
    struct gw_t_addr k;

    if (mtu < MTU_MIN)
        return GW_EINVAL;
    gw_entry_addr(peer, &k);
    if (bpf_map_lookup_elem(fd, &k, &v))
        return GW_ENOENT;
    uint32_t before = v.mtu;
    if (!gw_pmtu_lower(&v, mtu, now))
        return 0;
    int rc = put(b, fd, &k, &v);
    if (rc)
        return rc;
    if (gw_time_before(gw_pmtu_until(&v), b->deadline))
        b->deadline = gw_pmtu_until(&v);
    return v.mtu < before;
}

int gw_bpf_peer_mtu(const struct gw_bpf *b, const struct gw_addr *peer)
{
    struct gw_t_peer v;
    struct gw_t_addr k;

    gw_entry_addr(peer, &k);
    return bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.peers), &k, &v) ? GW_ENOENT : (int)v.mtu;
}

struct gw_time gw_bpf_deadline(const struct gw_bpf *b)
{
    struct gw_time at = gw_bpf_keeper_deadline(b);

    if (gw_time_before(b->sweep_at, at))
        at = b->sweep_at;
    return gw_time_before(b->deadline, at) ? b->deadline : at;
}

int gw_bpf_expire(struct gw_bpf *b, struct gw_time now)
{
    int fd = bpf_map__fd(b->skel->maps.peers), rc = GW_OK;
    struct gw_t_addr key, next;
    struct gw_t_peer v;

    gw_bpf_keeper_expire(b, now);
    if (!gw_time_before(now, b->sweep_at))
        gw_bpf_sweep(b, now);
    if (gw_time_before(now, b->deadline))
        return GW_OK;
    b->deadline = GW_NEVER;
    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more && rc == GW_OK;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (bpf_map_lookup_elem(fd, &key, &v))
            continue;
        struct gw_time until = gw_pmtu_until(&v);
        if (gw_time_before(now, until)) {
            b->deadline = gw_time_before(until, b->deadline) ? until : b->deadline;
            continue;
        }
        gw_pmtu_restore(&v);
        rc = put(b, fd, &key, &v);
        gw_log(b->log, GW_LOG_INFO, GW_CAT_PLANE, "peer-mtu",
               "path MTU to a peer is %u again, as configured", v.mtu);
    }
    return rc;
}

/* Deletes what has another generation from a map whose values carry theirs at `at`. Returns how
 * many, or GW_ESYS, GW_ENOMEM. */
static int sweep(const struct gw_bpf *b, const struct bpf_map *m, size_t at)
{
    struct gw_t_net_key key, next; /* the largest of all keys */
    uint32_t generation;
    int fd = bpf_map__fd(m), gone = 0;
    uint8_t *value = malloc(bpf_map__value_size(m));

    _Static_assert(sizeof key >= sizeof(struct gw_t_station_key) &&
                       sizeof key >= sizeof(struct gw_t_prefix_key),
                   "room for any key");
    if (!value)
        return GW_ENOMEM;
    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (bpf_map_lookup_elem(fd, &key, value))
            continue;
        memcpy(&generation, value + at, sizeof generation);
        if (generation != b->generation && bpf_map_delete_elem(fd, &key) == 0)
            gone++;
    }
    free(value);
    return gone;
}

/* Networks of the node itself. */
static uint32_t own_nets(const struct gw_bpf *b)
{
    int fd = bpf_map__fd(b->skel->maps.nets);
    struct gw_t_net_key key, next;
    uint32_t n = 0;

    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        n += gw_entry_net_own(&key);
    }
    return n;
}

static int sync(struct gw_bpf *b)
{
    const size_t in_prefix = offsetof(struct gw_t_prefix, generation);
    int peers = sweep(b, b->skel->maps.peers, offsetof(struct gw_t_peer, generation));
    int stations = sweep(b, b->skel->maps.stations, offsetof(struct gw_t_station, generation));
    int hashed = sweep(b, b->skel->maps.prefixes64, in_prefix);
    int lpm = sweep(b, b->skel->maps.prefixes, in_prefix);
    int nets = sweep(b, b->skel->maps.nets, offsetof(struct gw_t_net, generation));

    if (peers < 0 || stations < 0 || hashed < 0 || lpm < 0 || nets < 0)
        return GW_ENOMEM;
    gw_log(b->log, GW_LOG_INFO, GW_CAT_PLANE, "synced",
           "removed what nobody wants any more: %d peers, %d stations, %d prefixes, %d networks",
           peers, stations, hashed + lpm, nets);
    return set_used(b, b->lpm_used - (uint32_t)lpm, own_nets(b));
}

int gw_bpf_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    struct gw_t_prefix_key prefix;
    struct gw_t_addr peer;

    switch (in->kind) {
    case GW_INTENT_PEER_SET:
        return peer_set(b, in);
    case GW_INTENT_PEER_DEL:
        gw_entry_addr(&in->peer.addr, &peer);
        return del(b, bpf_map__fd(b->skel->maps.peers), &peer);
    case GW_INTENT_STATION_SET:
        return station_set(b, &in->station.key, in->station.nets);
    case GW_INTENT_STATION_DEL:
        return station_del(b, &in->station.key);
    case GW_INTENT_PREFIX_SET:
        return prefix_set(b, in);
    case GW_INTENT_PREFIX_DEL:
        gw_entry_prefix_key(&in->prefix.prefix, &prefix);
        return prefix_del(b, &prefix);
    case GW_INTENT_NET_SET:
        return net_set(b, in);
    case GW_INTENT_NET_DEL:
        return net_del(b, in);
    case GW_INTENT_SERVICE_SET:
    case GW_INTENT_SERVICE_DEL:
    case GW_INTENT_INSTANCE_SET:
    case GW_INTENT_INSTANCE_DEL:
        return gw_bpf_serve_apply(b, in);
    case GW_INTENT_FLOW_SET:
    case GW_INTENT_FLOW_DEL:
        return gw_bpf_flow_apply(b, in);
    case GW_INTENT_HOLD_SET:
    case GW_INTENT_HOLD_DEL:
        return gw_bpf_hold_apply(b, in);
    case GW_INTENT_MARK:
        return gw_bpf_mark(b, &in->mark);
    case GW_INTENT_SYNC:
        return sync(b);
    case GW_INTENT_SERVE_SYNC:
        gw_bpf_serve_sync(b);
        return gw_bpf_set_used(b);
    }
    return GW_EINVAL;
}

/* Counts of the keeper, which this process has made. */
static uint64_t of_keeper(const struct gw_bpf *b, uint32_t r)
{
    const struct gw_keeper_count *k = gw_bpf_keeper_count(b);

    return k != NULL ? gw_keeper_counted(k, (enum gw_reason)r) : 0;
}

void gw_bpf_counters(const struct gw_bpf *b, struct gw_emit *e)
{
    struct gw_t_counter *per_cpu = calloc((size_t)b->ncpus, sizeof *per_cpu);

    if (!per_cpu)
        return;
    for (uint32_t r = 0; r < GW_R_COUNT; r++) {
        uint64_t sum = of_keeper(b, r);
        if (bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.counters), &r, per_cpu))
            continue;
        for (int i = 0; i < b->ncpus; i++)
            sum += per_cpu[i].packets;
        gw_emit_num(e, gw_reason_name((enum gw_reason)r), (int64_t)sum);
    }
    free(per_cpu);
}

/* For what the loader itself does; on the CPU slot 0, where no program of ours need run. */
void gw_bpf_add_counter(const struct gw_bpf *b, enum gw_reason r)
{
    gw_bpf_add_counters(b, r, 1);
}

void gw_bpf_add_counters(const struct gw_bpf *b, enum gw_reason r, uint64_t by)
{
    int fd = bpf_map__fd(b->skel->maps.counters);
    struct gw_t_counter *per_cpu = calloc((size_t)b->ncpus, sizeof *per_cpu);
    uint32_t key = r;

    if (per_cpu && bpf_map_lookup_elem(fd, &key, per_cpu) == 0) {
        per_cpu[0].packets += by;
        bpf_map_update_elem(fd, &key, per_cpu, BPF_ANY);
    }
    free(per_cpu);
}

int gw_bpf_usage(const struct gw_bpf *b, const struct gw_prefix *prefix, struct gw_bpf_usage *out)
{
    struct gw_t_prefix_key k;
    struct gw_t_prefix v;

    gw_entry_prefix_key(prefix, &k);
    struct slot s = slot_of(b, &k);
    if (!find_prefix(&s, &k, &v))
        return GW_ENOENT;
    *out = (struct gw_bpf_usage){.up_packets = v.up.packets,
                                 .up_octets = v.up.octets,
                                 .down_packets = v.down.packets,
                                 .down_octets = v.down.octets,
                                 .last_up = {(int64_t)v.up.last_ns},
                                 .last_down = {(int64_t)v.down.last_ns}};
    return GW_OK;
}
