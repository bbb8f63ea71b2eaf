/* entries.h: intents as table entries. Pure; the loader puts them into BPF maps, native.c into its
 * own tables.
 */
#ifndef GW_PLANE_ENTRIES_H
#define GW_PLANE_ENTRIES_H

#include "plane/intent.h"
#include "plane/tables.h"

/* ifindex of each interface in the configuration's order; borrowed. */
struct gw_ifmap {
    const uint32_t *ifindex;
    size_t n;
};

/* Index in the configuration of an ifindex, or GW_ENOENT. */
int gw_ifmap_index(const struct gw_ifmap *m, uint32_t ifindex);

/* 0, or GW_EINVAL: no such interface, or not an Ethernet address. */
int gw_entry_station(const struct gw_ifmap *m, const struct gw_station_key *in,
                     struct gw_t_station_key *out);
/* The value of a PREFIX_SET, unused and of generation 0; GW_EINVAL also for a prefix of length 0
 * (everything). */
int gw_entry_prefix(const struct gw_ifmap *m, const struct gw_intent *in, struct gw_t_prefix *out);

/* The key and value of a NET_SET, of generation 0; GW_EINVAL also for a prefix of length 0. */
int gw_entry_net_key(const struct gw_ifmap *m, const struct gw_intent *in,
                     struct gw_t_net_key *out);
int gw_entry_net(const struct gw_ifmap *m, const struct gw_intent *in, struct gw_t_net *out);
/* Is it of the node, not of a station? */
bool gw_entry_net_own(const struct gw_t_net_key *k);

void gw_entry_addr(const struct gw_addr *in, struct gw_t_addr *out);
void gw_entry_prefix_key(const struct gw_prefix *in, struct gw_t_prefix_key *out);
struct gw_prefix gw_entry_prefix_of(const struct gw_t_prefix_key *in);

const char *gw_reason_name(enum gw_reason r);

#endif
