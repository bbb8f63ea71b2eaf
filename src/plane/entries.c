/* entries.c: see entries.h. */
#include "plane/entries.h"

#include "base/err.h"

int gw_ifmap_index(const struct gw_ifmap *m, uint32_t ifindex)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->ifindex[i] == ifindex)
            return (int)i;
    return GW_ENOENT;
}

int gw_entry_station(const struct gw_ifmap *m, const struct gw_station_key *in,
                     struct gw_t_station_key *out)
{
    if (in->iface >= m->n || in->lladdr.len != sizeof out->mac)
        return GW_EINVAL;
    *out = (struct gw_t_station_key){.ifindex = m->ifindex[in->iface]};
    memcpy(out->mac, in->lladdr.b, sizeof out->mac);
    return GW_OK;
}

int gw_entry_prefix(const struct gw_ifmap *m, const struct gw_intent *in, struct gw_t_prefix *out)
{
    if (in->prefix.prefix.len == 0 || in->prefix.prefix.len > 128)
        return GW_EINVAL;
    *out = (struct gw_t_prefix){.kind = in->prefix.kind};
    gw_entry_prefix_key(&in->prefix.prefix, &out->prefix);
    gw_entry_addr(&in->prefix.peer, &out->peer);
    out->watch = (in->prefix.watch_up ? (uint32_t)GW_T_WATCH_UP : 0) |
                 (in->prefix.watch_down ? (uint32_t)GW_T_WATCH_DOWN : 0);
    if (in->prefix.kind == GW_PFX_MOVED)
        return GW_OK;
    if (in->prefix.dlif.len != sizeof out->dlif)
        return GW_EINVAL;
    memcpy(out->dlif, in->prefix.dlif.b, sizeof out->dlif);
    out->local_routing = in->prefix.kind == GW_PFX_SERVED && in->prefix.local_routing;
    return gw_entry_station(m, &in->prefix.station, &out->station);
}

int gw_entry_net_key(const struct gw_ifmap *m, const struct gw_intent *in, struct gw_t_net_key *out)
{
    struct gw_prefix p = gw_prefix_mask(in->net.prefix.addr, in->net.prefix.len);
    struct gw_t_station_key station = {0};

    if (p.len == 0 || p.len > 128)
        return GW_EINVAL;
    if (in->net.station.lladdr.len != 0) {
        int rc = gw_entry_station(m, &in->net.station, &station);
        if (rc)
            return rc;
    }
    *out = (struct gw_t_net_key){.len = GW_T_NET_BITS + p.len, .station = station};
    gw_entry_addr(&p.addr, &out->addr);
    return GW_OK;
}

int gw_entry_net(const struct gw_ifmap *m, const struct gw_intent *in, struct gw_t_net *out)
{
    *out = (struct gw_t_net){.kind = in->net.kind};
    gw_entry_addr(in->net.kind == GW_NET_BEHIND ? &in->net.via.addr : &in->net.peer, &out->to);
    if ((in->net.kind == GW_NET_BEHIND) != (in->net.station.lladdr.len != 0))
        return GW_EINVAL;
    return gw_entry_net_key(m, in, &out->key);
}

bool gw_entry_net_own(const struct gw_t_net_key *k)
{
    return k->station.ifindex == 0;
}

void gw_entry_addr(const struct gw_addr *in, struct gw_t_addr *out)
{
    memcpy(out->b, in->b, sizeof out->b);
}

void gw_entry_prefix_key(const struct gw_prefix *in, struct gw_t_prefix_key *out)
{
    struct gw_prefix masked = gw_prefix_mask(in->addr, in->len);

    out->len = in->len;
    gw_entry_addr(&masked.addr, &out->addr);
}

struct gw_prefix gw_entry_prefix_of(const struct gw_t_prefix_key *in)
{
    struct gw_prefix p = {.len = (uint8_t)in->len};

    memcpy(p.addr.b, in->addr.b, sizeof p.addr.b);
    return p;
}

const char *gw_reason_name(enum gw_reason r)
{
    static const char *const name[] = {
#define GW_R_NAME(id, text) [id] = (text),
        GW_REASONS(GW_R_NAME)
#undef GW_R_NAME
    };

    return (unsigned)r < GW_R_COUNT ? name[r] : "?";
}
