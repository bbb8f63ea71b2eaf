/* hear.c: what stations say, and the answers (RFC 4861 §6.2.6, §7.2.3-7.2.4; RFC 4862 §5.4). A
 * station that asks for a DLIF of its own is answered from it, so that neighbour unreachability
 * detection finds every anchor wherever the station is. Anything else on the link (the station's
 * own duplicate address detection, other addresses) is not ours to answer, except for the DLIF of
 * an anchor that the station has no more: a host whose session ended while it was away still has
 * that router, for router-lifetime, and would go on trying it. It is told that it is none any more.
 */
#include "fn/access/station.h"

static const struct gw_addr all_nodes = {{0xff, 0x02, [15] = 1}};

const struct gw_access_dlif *access_dlif(const struct gw_access_station *st,
                                         const struct gw_addr *link_local)
{
    for (size_t i = 0; i < st->n; i++) {
        const struct access_entry *e = &st->entry[i];
        if (!e->gone && gw_addr_eq(&e->dlif.link_local, link_local))
            return &e->dlif;
    }
    return NULL;
}

/* An address of the station: the source of what it says or, without one, the target of its
 * duplicate address detection. After a move with the carrier kept that is all it may say of itself:
 * hosts with privacy addresses cannot be asked by an address made from their link-layer one. */
static void learn_address(struct gw_access_station *st, const struct gw_nd *m)
{
    bool dad = m->type == GW_ND_NS && gw_addr_is_zero(&m->src);
    const struct gw_addr *a = dad ? &m->target : &m->src;

    if (gw_addr_is_zero(a))
        return;
    if (access_dlif(st, a) != NULL) { /* while it only wants to, it is told that it cannot */
        st->collides |= !dad;
        return;
    }
    if (gw_addr_is_link_local(a)) {
        st->ll_known = true;
        st->link_local = *a;
    } else {
        st->global = *a;
    }
}

bool gw_access_collision(struct gw_access *a, const struct gw_station_key *key)
{
    struct gw_access_station *st = access_find(a, key);
    bool was = st != NULL && st->collides;

    if (was)
        st->collides = false;
    return was;
}

/* Token bucket without a timer (GCRA): na_at runs ahead of the clock by what was sent lately. */
static bool na_allowed(struct gw_access_station *st)
{
    struct gw_time now = *st->access->env.now;
    struct gw_time at = gw_time_before(st->na_at, now) ? now : st->na_at;
    struct gw_time next = gw_time_add(at, ACCESS_NA_GAP);

    if (gw_time_before(gw_time_add(now, ACCESS_NA_BURST), next))
        return false;
    st->na_at = next;
    return true;
}

/* An RA with Router Lifetime 0 (RFC 4861 §6.2.5) from a router of an earlier session. Whoever asks
 * for it has been elsewhere, where it may have been told the same of the routers that it has here.
 */
static void retire_router(struct gw_access_station *st, const struct gw_nd *ns)
{
    const struct gw_access_env *env = &st->access->env;
    struct gw_nd ra = {.type = GW_ND_RA, .src = ns->target, .dst = ns->src, .pref = GW_PREF_MEDIUM};
    struct gw_lladdr from;

    if (env->other_anchor == NULL || gw_addr_is_zero(&ns->src) ||
        !gw_addr_is_link_local(&ns->target))
        return;
    if (!na_allowed(st))
        st->access->count.limited++;
    else if (env->other_anchor(env->user, &ns->target, &from)) {
        access_send(st, &from, &ra);
        (void)gw_access_advertise(st->access, &st->key);
    }
}

static enum gw_access_seen hear_ns(struct gw_access_station *st, const struct gw_nd *ns)
{
    const struct gw_access_dlif *d = access_dlif(st, &ns->target);
    bool dad = gw_addr_is_zero(&ns->src);
    struct gw_nd na = {.type = GW_ND_NA, .router = true, .override = true};

    if (d == NULL) {
        retire_router(st, ns);
        return GW_ACCESS_SEEN;
    }
    if (!na_allowed(st)) {
        st->access->count.limited++;
        return GW_ACCESS_SEEN;
    }
    na.src = na.target = d->link_local;
    na.dst = dad ? all_nodes : ns->src;
    na.solicited = !dad;
    na.tlla = d->lladdr;
    access_send(st, &d->lladdr, &na);
    return GW_ACCESS_ANSWERED;
}

/* While a station has a DLIF its timer is set, so that moving it needs no memory. */
static enum gw_access_seen hear_rs(struct gw_access_station *st)
{
    struct gw_access *a = st->access;

    if (st->n == 0)
        return GW_ACCESS_SEEN;
    if (!gw_time_before(*a->env.now, st->ra_ok)) {
        access_ra_round(st);
        return GW_ACCESS_ANSWERED;
    }
    a->count.limited++;
    if (gw_time_before(st->ra_ok, gw_timer_at(a->env.timers, &st->timer)))
        (void)gw_timer_set(a->env.timers, &st->timer, st->ra_ok);
    return GW_ACCESS_SEEN;
}

enum gw_access_seen gw_access_input_nd(struct gw_access *a, uint32_t iface,
                                       const struct gw_lladdr *src, const uint8_t *data, size_t len)
{
    struct gw_station_key key = {.iface = iface, .lladdr = *src};
    struct gw_access_station *st;
    struct gw_nd m;

    if (gw_nd_parse(data, len, &m).code != GW_PARSE_OK || m.type == GW_ND_RA) {
        a->count.invalid++;
        return GW_ACCESS_IGNORED;
    }
    st = access_find(a, &key);
    if (st != NULL)
        learn_address(st, &m);
    if (st != NULL && st->leaving)
        st = NULL;
    switch (m.type) {
    case GW_ND_RS:
        a->count.rs++;
        return st != NULL ? hear_rs(st) : GW_ACCESS_RS_UNKNOWN;
    case GW_ND_NS:
        a->count.ns++;
        return st != NULL ? hear_ns(st, &m) : GW_ACCESS_UNKNOWN;
    case GW_ND_NA:
        a->count.na++;
        return st != NULL ? GW_ACCESS_SEEN : GW_ACCESS_UNKNOWN;
    case GW_ND_RA:
        break;
    }
    return GW_ACCESS_IGNORED;
}
