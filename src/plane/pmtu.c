/* pmtu.c: see pmtu.h. */
#include "plane/pmtu.h"

void gw_pmtu_configure(struct gw_t_peer *v, uint32_t mtu)
{
    if (v->configured == mtu)
        return;
    v->configured = mtu;
    gw_pmtu_restore(v);
}

/* Never raises: a forged message could do that, too. */
bool gw_pmtu_lower(struct gw_t_peer *v, uint32_t mtu, struct gw_time now)
{
    if (mtu > v->mtu || mtu >= v->configured)
        return false;
    v->mtu = mtu;
    v->lowered_ns = (uint64_t)now.ns;
    return true;
}

struct gw_time gw_pmtu_until(const struct gw_t_peer *v)
{
    if (v->mtu >= v->configured)
        return GW_NEVER;
    return gw_time_add((struct gw_time){(int64_t)v->lowered_ns}, GW_PMTU_HOLD);
}

void gw_pmtu_restore(struct gw_t_peer *v)
{
    v->mtu = v->configured;
    v->lowered_ns = 0;
}
