/* plane.c: opening and closing the packet path: adopt or create, in an order in which traffic never
 * meets a half-made table. Intents are in plane_maps.c, events in plane_events.c, attachment in
 * plane_attach.c, pins in plane_pin.c.
 */
#include "sys/plane.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "sys/plane_impl.h"

enum { OUTER_HOP_LIMIT = 64, SPARE = 2, PEERS_MIN = 64, TABLE_MIN = 1024, TABLE_MAX = 1 << 24 };

int gw_bpf_fail(const struct gw_bpf *b, const char *what)
{
    int err = errno;

    gw_log(b->log, GW_LOG_ERROR, GW_CAT_PLANE, "plane-failed", "%s: %s", what, strerror(err));
    errno = err;
    return GW_ESYS;
}

/* Whether a driver for something on a bus stands behind an interface. Asked of the kernel, for
 * /sys may show another network namespace. Bridges say "N/A", tun and tap their own names. */
static bool is_physical(int fd, const char *ifname)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq req = {.ifr_data = (char *)&info};

    snprintf(req.ifr_name, sizeof req.ifr_name, "%s", ifname);
    return ioctl(fd, SIOCETHTOOL, &req) == 0 && info.bus_info[0] &&
           strcmp(info.bus_info, "N/A") != 0 && strcmp(info.bus_info, "tun") != 0 &&
           strcmp(info.bus_info, "tap") != 0;
}

static enum gw_t_side side_of(enum gw_if_side s)
{
    switch (s) {
    case GW_IF_ACCESS:
        return GW_T_ACCESS;
    case GW_IF_CORE:
        return GW_T_CORE;
    case GW_IF_CLIENT:
        return GW_T_CLIENT;
    }
    return GW_T_CORE;
}

static int resolve(struct gw_bpf *b, const struct gw_cfg_if *c, struct gw_bpf_if *i)
{
    struct ifreq req = {0};

    snprintf(i->name, sizeof i->name, "%s", c->name);
    i->ifindex = if_nametoindex(i->name);
    if (i->ifindex == 0) {
        gw_log(b->log, GW_LOG_ERROR, GW_CAT_PLANE, "no-interface", "no interface \"%s\"", c->name);
        return GW_ENOENT;
    }
    memcpy(req.ifr_name, i->name, sizeof i->name);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : ioctl(fd, SIOCGIFMTU, &req);
    bool physical = rc == 0 && is_physical(fd, i->name);
    if (fd >= 0)
        close(fd);
    if (rc)
        return gw_bpf_fail(b, i->name);
    i->mtu = (uint32_t)req.ifr_mtu;
    i->side = side_of(c->side);
    i->must_xdp = c->hook == GW_HOOK_XDP;
    i->want_xdp = i->must_xdp || (c->hook == GW_HOOK_AUTO && physical);
    return GW_OK;
}

static int resolve_all(struct gw_bpf *b, const struct gw_config *c)
{
    b->ifs = calloc(c->nifs + 1, sizeof *b->ifs);
    b->ifindex = calloc(c->nifs + 1, sizeof *b->ifindex);
    if (!b->ifs || !b->ifindex)
        return GW_ENOMEM;
    for (size_t i = 0; i < c->nifs; i++) {
        int rc = resolve(b, &c->ifs[i], &b->ifs[i]);
        if (rc)
            return rc;
        b->ifindex[i] = b->ifs[i].ifindex;
        b->nifs++;
    }
    return GW_OK;
}

/* Refuses or discards what another schema left. Returns 1 if there is something to adopt. */
static int check_schema(const struct gw_bpf *b, unsigned flags)
{
    int64_t schema = gw_bpf_pinned_schema(b);

    if (schema == 0 || schema == GW_PLANE_SCHEMA)
        return schema != 0;
    if (flags & GW_BPF_REBUILD) {
        gw_log(b->log, GW_LOG_NOTICE, GW_CAT_PLANE, "pin-discarded",
               "discarded pinned state of schema %lld in %s", (long long)schema, b->pin_dir);
        gw_bpf_unpin_all(b);
        return gw_bpf_pin_dir(b);
    }
    gw_log(b->log, GW_LOG_ERROR, GW_CAT_PLANE, "pin-schema",
           "%s has schema %lld, this program speaks %d", b->pin_dir, (long long)schema,
           GW_PLANE_SCHEMA);
    return GW_EVERSION;
}

static uint32_t table_size(uint64_t wanted)
{
    if (wanted < TABLE_MIN)
        return TABLE_MIN;
    return wanted > TABLE_MAX ? TABLE_MAX : (uint32_t)wanted;
}

/* A pinned map keeps its size, whatever the configuration now says. */
static int prepare_map(const struct gw_bpf *b, struct bpf_map *m, uint32_t size)
{
    struct bpf_map_info info = {0};
    uint32_t len = sizeof info;
    char path[4096];

    gw_bpf_pin_path(b, bpf_map__name(m), "", sizeof path, path);
    int fd = bpf_obj_get(path);
    if (fd >= 0) {
        if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0) {
            if (size && size != info.max_entries)
                gw_log(b->log, GW_LOG_NOTICE, GW_CAT_PLANE, "table-size",
                       "table %s keeps its %u entries until it is rebuilt", bpf_map__name(m),
                       info.max_entries);
            size = info.max_entries;
        }
        close(fd);
    }
    if (size && bpf_map__set_max_entries(m, size))
        return gw_bpf_fail(b, bpf_map__name(m));
    return bpf_map__set_pin_path(m, path) ? gw_bpf_fail(b, path) : GW_OK;
}

static int load(struct gw_bpf *b, const struct gw_config *c)
{
    uint64_t stations = c->limits.stations, nodes = c->limits.bindings;
    uint64_t prefixes = stations * (1 + c->limits.previous_maars) + nodes;
    struct bpf_map *m;

    b->skel = gw_path__open();
    if (!b->skel)
        return gw_bpf_fail(b, "BPF object");
    bpf_object__for_each_map(m, b->skel->obj)
    {
        uint32_t size = 0;
        if (bpf_map__is_internal(m)) /* constants of this very program */
            continue;
        if (m == b->skel->maps.stations || m == b->skel->maps.nets)
            size = table_size(stations * SPARE);
        else if (m == b->skel->maps.prefixes64)
            size = table_size(prefixes * SPARE);
        else if (m == b->skel->maps.prefixes)
            size = table_size(prefixes);
        else if (m == b->skel->maps.peers)
            size = (uint32_t)(c->npeers * SPARE + PEERS_MIN);
        else if (m == b->skel->maps.flows)
            size = table_size(c->limits.flows);
        else if (m == b->skel->maps.pending)
            size = table_size(c->limits.flows < GW_PENDING_MAX ? c->limits.flows : GW_PENDING_MAX);
        if (prepare_map(b, m, size))
            return GW_ESYS;
    }
    return gw_path__load(b->skel) ? gw_bpf_fail(b, "loading the BPF programs") : GW_OK;
}

/* Takes the tables over: entries keep working, and count as stale until they are set again. */
static int own_tables(struct gw_bpf *b)
{
    int fd = bpf_map__fd(b->skel->maps.self);
    struct gw_t_self self = {0};
    uint32_t zero = 0;

    if (bpf_map_lookup_elem(fd, &zero, &self))
        return gw_bpf_fail(b, "self");
    b->generation = self.generation + 1;
    b->lpm_used = self.lpm_used;
    b->nets_used = self.nets_used;
    self.schema = GW_PLANE_SCHEMA;
    self.generation = b->generation;
    self.hop_limit = OUTER_HOP_LIMIT;
    gw_entry_addr(&b->addr, &self.addr);
    return bpf_map_update_elem(fd, &zero, &self, BPF_ANY) ? gw_bpf_fail(b, "self")
                                                          : gw_bpf_serve_open(b);
}

/* Programs off the interfaces that a former configuration had. */
static void drop_interfaces(const struct gw_bpf *b, bool all)
{
    int fd = bpf_map__fd(b->skel->maps.ifaces);
    struct gw_ifmap mine = gw_bpf_ifmap(b);
    uint32_t key, next, device = gw_bpf_keeper_device(b);
    char name[IFNAMSIZ];

    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (!all && (key == device || gw_ifmap_index(&mine, key) >= 0))
            continue;
        bpf_map_delete_elem(fd, &key);
        gw_bpf_detach_tc(key);
        if (if_indextoname(key, name))
            gw_bpf_detach_xdp(b, name);
    }
}

static int attach_all(struct gw_bpf *b)
{
    int fd = bpf_map__fd(b->skel->maps.ifaces);

    for (size_t k = 0; k < b->nifs; k++) {
        struct gw_bpf_if *i = &b->ifs[k];
        if (gw_bpf_attach(b, i))
            return GW_ESYS;
        struct gw_t_iface entry = {
            .side = i->side, .index = (uint32_t)k, .mtu = i->mtu, .xdp = i->xdp};
        if (bpf_map_update_elem(fd, &i->ifindex, &entry, BPF_ANY))
            return gw_bpf_fail(b, i->name);
        gw_log(b->log, GW_LOG_INFO, GW_CAT_PLANE, "attached", "%s: %s, %s side", i->name,
               gw_bpf_hook(b, (uint32_t)k),
               i->side == GW_T_ACCESS   ? "access"
               : i->side == GW_T_CLIENT ? "client"
                                        : "core");
    }
    return GW_OK;
}

static int set_up(struct gw_bpf *b, const struct gw_config *c, unsigned flags)
{
    int rc = resolve_all(b, c);

    if (rc)
        return rc;
    rc = gw_bpf_pin_dir(b);
    if (rc)
        return rc;
    int adopted = check_schema(b, flags);
    if (adopted < 0)
        return adopted;
    rc = load(b, c);
    if (rc == GW_OK)
        rc = own_tables(b);
    if (rc == GW_OK)
        rc = gw_bpf_keeper_open(b);
    if (rc == GW_OK)
        rc = gw_bpf_events_open(b);
    if (rc)
        return rc;
    drop_interfaces(b, false);
    rc = attach_all(b);
    if (rc && !adopted) {
        drop_interfaces(b, true);
        gw_bpf_unpin_all(b);
    }
    b->adopted = adopted;
    if (rc == GW_OK && adopted)
        gw_log(b->log, GW_LOG_NOTICE, GW_CAT_PLANE, "adopted", "adopted the tables in %s",
               b->pin_dir);
    return rc;
}

static void release(struct gw_bpf *b)
{
    gw_bpf_events_close(b);
    gw_bpf_keeper_close(b);
    gw_bpf_serve_close(b);
    gw_path__destroy(b->skel);
    free(b->ifindex);
    free(b->ifs);
    free(b->pin_dir);
    free(b);
}

int gw_bpf_open(struct gw_bpf **out, const struct gw_config *c, unsigned flags,
                const struct gw_log *log)
{
    struct gw_bpf *b = calloc(1, sizeof *b);

    *out = NULL;
    if (!b)
        return GW_ENOMEM;
    b->log = log;
    b->addr = c->addr;
    b->keeps = c->handover.on;
    b->epoll_fd = b->icmp_fd = b->raw_fd = b->link_fd = -1;
    b->ncpus = libbpf_num_possible_cpus();
    b->pin_dir = strdup(c->daemon.pin_dir);
    int rc = b->pin_dir ? set_up(b, c, flags) : GW_ENOMEM;
    if (rc) {
        int err = errno;
        release(b);
        errno = err;
        return rc;
    }
    *out = b;
    return GW_OK;
}

void gw_bpf_close(struct gw_bpf *b, enum gw_on_stop on_stop)
{
    if (!b)
        return;
    if (on_stop == GW_STOP_REMOVE) {
        drop_interfaces(b, true);
        gw_bpf_unpin_all(b);
    }
    release(b);
}

bool gw_bpf_adopted(const struct gw_bpf *b)
{
    return b->adopted;
}

const char *gw_bpf_hook(const struct gw_bpf *b, uint32_t iface)
{
    return iface < b->nifs && b->ifs[iface].xdp ? "xdp" : "tc";
}
