/* station_key.c: stations as keys of tables: an access link and a link-layer address there. */
#include "base/table.h"
#include "fn/access/access.h"

uint64_t gw_station_hash(const void *key, uint64_t seed)
{
    const struct gw_station_key *k = key;

    return gw_hash(k->lladdr.b, k->lladdr.len, seed ^ k->iface);
}

bool gw_station_eq(const struct gw_station_key *a, const struct gw_station_key *b)
{
    return a->iface == b->iface && gw_lladdr_eq(&a->lladdr, &b->lladdr);
}
