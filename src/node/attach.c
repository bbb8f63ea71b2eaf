/* attach.c: attachments as their sources see them. The sources differ in what they prove. A frame,
 * a router solicitation or a bridge's entry says that somebody with that address is on the link;
 * hostapd and RADIUS accounting say that it has authenticated, and as whom. So on an interface
 * whose stations authenticate, only the latter admit: what the others see there of a station that
 * is not authorised is counted and ignored. Once authorised, each source will do, and all of them
 * together make one attachment under one MN-ID: the EAP identity (a NAI), else the EUI-48.
 *
 * An operator's word (GW_SEEN_MANUAL) needs no authorisation. A station that is here already, from
 * the store after a restart for instance, stays until hostapd has said all that are authorised.
 */
#include "node/node_int.h"

struct gw_authorised {
    struct gw_station_key station;
    uint8_t len; /* of its NAI; 0: none */
    uint8_t id[UINT8_MAX];
};

static bool authorised_eq(const void *key, const void *obj)
{
    return gw_station_eq(key, &((const struct gw_authorised *)obj)->station);
}
static const void *authorised_key(const void *obj)
{
    return &((const struct gw_authorised *)obj)->station;
}
static const struct gw_table_ops authorised_ops = {
    .hash = gw_station_hash, .eq = authorised_eq, .key = authorised_key};

const char *gw_seen_by_name(enum gw_seen_by by)
{
    static const char *const names[GW_SEEN_SOURCES] = {"frame",  "rs",      "netlink",
                                                       "manual", "hostapd", "radius"};
    return names[by];
}

void gw_attach_init(struct gw_node *n, uint64_t seed)
{
    gw_table_init(&n->authorised, n->al, &authorised_ops, n->cfg->limits.stations, seed);
}

static void forget(struct gw_node *n, const struct gw_station_key *st)
{
    struct gw_authorised *a = gw_table_del(&n->authorised, st);

    gw_free(n->al, a, sizeof *a);
}

void gw_attach_free(struct gw_node *n)
{
    struct gw_authorised *a;

    if (n->authorised.ops == NULL)
        return;
    for (size_t i = 0; (a = gw_table_next(&n->authorised, &i)) != NULL;)
        forget(n, &a->station);
    gw_table_free(&n->authorised);
}

static int authorise(struct gw_node *n, const struct gw_station_key *st, const struct gw_mnid *mn)
{
    struct gw_authorised *a = gw_table_get(&n->authorised, st);

    if (mn != NULL && mn->subtype != GW_MNID_NAI)
        return GW_EINVAL;
    if (a == NULL) {
        a = gw_new(n->al, sizeof *a);
        int err = GW_ENOMEM;
        if (a != NULL) {
            a->station = *st;
            err = gw_table_put(&n->authorised, a);
        }
        if (err != 0) {
            gw_free(n->al, a, sizeof *a);
            n->lm.count[err == GW_EFULL ? GW_CNT_LIMIT_STATIONS : GW_CNT_NO_MEMORY]++;
            return err;
        }
    }
    a->len = mn != NULL ? mn->len : 0;
    if (a->len > 0)
        memcpy(a->id, mn->id, a->len);
    return 0;
}

static bool serves(const struct gw_cfg_nas *nas, const char *name)
{
    for (size_t i = 0; i < nas->nifs; i++)
        if (strcmp(nas->ifs[i], name) == 0)
            return true;
    return false;
}

/* Do stations on this interface authenticate? */
static bool controlled(const struct gw_config *cfg, uint32_t iface)
{
    const struct gw_cfg_attachment *a = &cfg->attachment;

    for (size_t i = 0; iface < cfg->nifs && i < a->nhostapd; i++)
        if (strcmp(a->hostapd[i].iface, cfg->ifs[iface].name) == 0)
            return true;
    for (size_t i = 0; iface < cfg->nifs && i < a->radius.nnas; i++)
        if (serves(&a->radius.nas[i], cfg->ifs[iface].name))
            return true;
    return false;
}

/* May what was seen of a station count? *mn becomes its identity, len 0 for none. */
static bool admitted(struct gw_node *n, const struct gw_station_key *st, struct gw_mnid *mn)
{
    const struct gw_authorised *a = gw_table_get(&n->authorised, st);

    *mn = (struct gw_mnid){.subtype = GW_MNID_NAI};
    if (a != NULL) {
        mn->len = a->len;
        mn->id = a->id;
        return true;
    }
    if (!controlled(n->cfg, st->iface) || gw_attach_holds(n, st))
        return true;
    n->lm.count[GW_CNT_UNAUTHORISED]++;
    return false;
}

/* What the operator asks for is done in any case. */
static int take_in(struct gw_node *n, const struct gw_station_key *st, const struct gw_mnid *mn,
                   enum gw_seen_by by, struct gw_time seen)
{
    if (by != GW_SEEN_MANUAL && !gw_limit_station(n, &st->lladdr))
        return GW_EFULL;
    struct gw_mag_mn *mag = gw_table_get(&n->mag.by_station, st);
    /* A bridge or a neighbour cache repeats itself. */
    if (mag != NULL && (mag->seen_by & 1u << by) != 0 && by != GW_SEEN_NETLINK)
        gw_mag_reattached(&n->mag, st, seen);
    int err = gw_attach(n, st, mn, seen);
    struct gw_maar_mn *here = gw_table_get(&n->maar.by_station, st);
    mag = gw_table_get(&n->mag.by_station, st);
    if (err == 0 && here != NULL)
        here->seen_by |= 1u << by;
    if (err == 0 && mag != NULL)
        mag->seen_by |= 1u << by;
    return err;
}

static int nd(struct gw_node *n, const struct gw_input *in)
{
    struct gw_station_key st = {.iface = in->nd.iface, .lladdr = in->nd.src};
    enum gw_seen_by by = GW_SEEN_FRAME;
    struct gw_mnid mn;

    if (!admitted(n, &st, &mn))
        return GW_EDENIED;
    switch (gw_access_input_nd(&n->access, in->nd.iface, &in->nd.src, in->nd.data, in->nd.len)) {
    case GW_ACCESS_IGNORED:
        return GW_EFORMAT;
    case GW_ACCESS_SEEN:
    case GW_ACCESS_ANSWERED:
        if (gw_access_collision(&n->access, &st))
            gw_mag_collision(&n->mag, &st);
        return gw_attach_alive(n, &st);
    case GW_ACCESS_RS_UNKNOWN:
        by = GW_SEEN_RS;
        break;
    case GW_ACCESS_UNKNOWN:
        break;
    }
    return take_in(n, &st, mn.len > 0 ? &mn : NULL, by, n->lm.now.mono);
}

static int attach(struct gw_node *n, const struct gw_input *in)
{
    const struct gw_station_key *st = &in->attach.station;
    const struct gw_mnid *name = in->attach.mnid;
    struct gw_mnid mn;
    int err;

    switch (in->attach.by) {
    case GW_SEEN_HOSTAPD:
    case GW_SEEN_RADIUS:
        err = authorise(n, st, name);
        if (err != 0)
            return err;
        break;
    case GW_SEEN_FRAME:
    case GW_SEEN_RS:
    case GW_SEEN_NETLINK:
        if (!admitted(n, st, &mn))
            return GW_EDENIED;
        if (mn.len > 0)
            name = &mn;
        break;
    case GW_SEEN_MANUAL:
        break;
    }
    return take_in(n, st, name, in->attach.by, in->attach.seen);
}

static int detach(struct gw_node *n, const struct gw_input *in)
{
    if (in->attach.by == GW_SEEN_HOSTAPD || in->attach.by == GW_SEEN_RADIUS)
        forget(n, &in->attach.station);
    return gw_detach(n, &in->attach.station);
}

static void all_said(struct gw_node *n, uint32_t iface)
{
    struct gw_maar_mn *mn;
    struct gw_mag_mn *mag;

    for (size_t i = 0; (mn = gw_table_next(&n->maar.by_station, &i)) != NULL;)
        if (mn->station.iface == iface && gw_table_get(&n->authorised, &mn->station) == NULL)
            (void)gw_maar_detach(&n->maar, &mn->station);
    for (size_t i = 0; (mag = gw_table_next(&n->mag.by_station, &i)) != NULL;)
        if (mag->station.iface == iface && gw_table_get(&n->authorised, &mag->station) == NULL)
            (void)gw_mag_detach(&n->mag, &mag->station);
}

int gw_attach_input(struct gw_node *n, const struct gw_input *in)
{
    switch (in->kind) {
    case GW_IN_ND:
        return nd(n, in);
    case GW_IN_ATTACH:
        return attach(n, in);
    case GW_IN_DETACH:
        return detach(n, in);
    case GW_IN_AUTHORISED:
        return authorise(n, &in->attach.station, in->attach.mnid);
    case GW_IN_ALL_SAID:
        all_said(n, in->link.iface);
        return 0;
    case GW_IN_MH:
    case GW_IN_LINK_DOWN:
    case GW_IN_PLANE_DONE:
    case GW_IN_FIRST_PKT:
    case GW_IN_USE:
    case GW_IN_POLICIES:
    case GW_IN_RESTORE:
    case GW_IN_START:
    case GW_IN_STOP:
    case GW_IN_STAMP:
    case GW_IN_REPORT:
    case GW_IN_MISS:
    case GW_IN_FLOW:
    case GW_IN_MARKED:
    case GW_IN_HINT:
    case GW_IN_TRANSFER:
    case GW_IN_TRACE:
        break;
    }
    return GW_EINVAL;
}
