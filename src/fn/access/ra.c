/* ra.c: Router Advertisements and Neighbour Solicitations from DLIFs (RFC 4861 §4.2, §6.2.3; RFC
 * 4191 §2.2; RFC 8885 §3.7). What a stock Linux makes of them is tested in tests/e2e.
 *
 * An anchor that serves the station now is an ordinary router. A previous one stays a router too,
 * with preference Low, and its prefixes are deprecated (preferred lifetime 0): running flows keep
 * their addresses, new ones take the new prefix and the new router. Prefixes are never on-link: on
 * a point-to-point link everything goes through the router.
 */
#include "fn/access/station.h"

#define RA_HOP_LIMIT  64
#define ND_PACKET_MAX 1280 /* an RA with 8 PIOs and 8 RIOs is 536 octets at most */

static const struct gw_addr all_nodes = {{0xff, 0x02, [15] = 1}};

void access_send(struct gw_access_station *st, const struct gw_lladdr *from, const struct gw_nd *m)
{
    struct gw_access *a = st->access;
    uint8_t buf[ND_PACKET_MAX];
    int len = gw_nd_write(m, buf, sizeof buf);

    if (len < 0)
        return;
    a->env.send(a->env.user, st->key.iface, from, &st->key.lladdr, buf, (size_t)len);
    switch (m->type) {
    case GW_ND_RA:
        a->count.ra_sent++;
        break;
    case GW_ND_NA:
        a->count.na_sent++;
        break;
    case GW_ND_NS:
        a->count.ns_sent++;
        break;
    case GW_ND_RS:
        break;
    }
}

static bool same_router(const struct access_entry *x, const struct access_entry *y)
{
    return gw_addr_eq(&x->dlif.link_local, &y->dlif.link_local);
}

/* A router is what its best prefix is: serving, previous, or gone. */
static void ra_router(struct gw_nd *ra, const struct gw_access_station *st,
                      const struct access_entry *first)
{
    bool serving = false, live = false;

    for (size_t i = 0; i < st->n; i++) {
        const struct access_entry *e = &st->entry[i];
        if (e->gone || !same_router(e, first))
            continue;
        live = true;
        serving |= !e->dlif.previous;
    }
    ra->router_lifetime_s = 0;
    if (live) {
        uint32_t s = st->access->router_lifetime_s;
        ra->router_lifetime_s = s > UINT16_MAX ? UINT16_MAX : (uint16_t)s;
    }
    ra->pref = live && !serving ? GW_PREF_LOW : GW_PREF_MEDIUM;
}

static void ra_begin(struct gw_nd *ra, const struct gw_access_station *st,
                     const struct access_entry *e)
{
    *ra = (struct gw_nd){
        .src = e->dlif.link_local,
        .dst = st->ll_known ? st->link_local : all_nodes,
        .type = GW_ND_RA,
        .hop_limit = RA_HOP_LIMIT,
        .mtu = st->access->mtu,
        .slla = e->dlif.lladdr,
    };
    ra_router(ra, st, e);
}

static void ra_prefix(struct gw_nd *ra, const struct gw_access *a, const struct access_entry *e)
{
    ra->pio[ra->npio++] = (struct gw_nd_pio){
        .prefix = e->dlif.prefix,
        .autonomous = true,
        .valid_s = e->gone ? 0 : a->valid_s,
        .preferred_s = e->gone || e->dlif.previous ? 0 : a->preferred_s,
    };
}

static bool has_route(const struct gw_nd *ra, const struct gw_prefix *p)
{
    for (size_t i = 0; i < ra->nrio; i++)
        if (gw_prefix_eq(&ra->rio[i].prefix, p))
            return true;
    return false;
}

/* The routes of a router (RFC 4191 §2.3): of all its entries first those that hold, then those that
 * are withdrawn, unless another of its entries has the same. */
static void ra_routes(struct gw_nd *ra, const struct gw_access_station *st,
                      const struct access_entry *first, bool live)
{
    for (size_t i = 0; i < st->n; i++) {
        const struct access_entry *e = &st->entry[i];
        if (!same_router(e, first))
            continue;
        size_t nlive = e->gone ? 0 : e->nlive;
        for (size_t k = live ? 0 : nlive; k < (live ? nlive : e->dlif.nrio); k++) {
            if (ra->nrio == GW_ND_RIOS || has_route(ra, &e->dlif.rio[k].prefix))
                continue;
            struct gw_nd_rio *r = &ra->rio[ra->nrio++];
            *r = e->dlif.rio[k];
            if (!live)
                r->lifetime_s = 0;
        }
    }
}

/* A prefix that has only changed its router is not taken back. */
static bool lives_on(const struct gw_access_station *st, const struct access_entry *e)
{
    for (size_t i = 0; e->gone && i < st->n; i++)
        if (!st->entry[i].gone && gw_prefix_eq(&st->entry[i].dlif.prefix, &e->dlif.prefix))
            return true;
    return false;
}

/* All prefixes of the router that entry i is the first of. */
static int ra_send(struct gw_access_station *st, size_t first)
{
    const struct access_entry *e = &st->entry[first];
    struct gw_nd ra;
    int sent = 0;

    ra_begin(&ra, st, e);
    ra_routes(&ra, st, e, true);
    ra_routes(&ra, st, e, false);
    for (size_t i = first; i < st->n; i++) {
        if (!same_router(&st->entry[i], e) || lives_on(st, &st->entry[i]))
            continue;
        if (ra.npio == GW_ND_PIOS) {
            access_send(st, &e->dlif.lladdr, &ra);
            sent++;
            ra_begin(&ra, st, e);
        }
        ra_prefix(&ra, st->access, &st->entry[i]);
    }
    access_send(st, &e->dlif.lladdr, &ra);
    return sent + 1;
}

static bool first_of_router(const struct gw_access_station *st, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (same_router(&st->entry[k], &st->entry[i]))
            return false;
    }
    return true;
}

int access_ra_round(struct gw_access_station *st)
{
    int sent = 0;

    for (size_t i = 0; i < st->n; i++) {
        if (first_of_router(st, i))
            sent += ra_send(st, i);
    }
    st->ra_ok = gw_time_add(*st->access->env.now, ACCESS_RS_GAP);
    return sent;
}
