/* netlink.h: what the kernel says of links and neighbours (rtnetlink), as events on interfaces:
 * carrier, and stations that a bridge has learnt or the kernel's neighbour table has. Also the few
 * settings a node makes: unreachable routes for its own pools, IPv6 off on access interfaces,
 * forwarding on. Works in the network namespace of the caller. What an event means is for the
 * driver and the node.
 */
#ifndef GW_SYS_NETLINK_H
#define GW_SYS_NETLINK_H

#include "base/err.h"
#include "base/types.h"

enum gw_nl_kind {
    GW_NL_CARRIER_UP,
    GW_NL_CARRIER_DOWN, /* also: set down */
    GW_NL_LINK_GONE,    /* the interface was deleted */
    GW_NL_STATION,      /* learnt or confirmed on the link */
    GW_NL_STATION_GONE, /* its port lost the carrier, or someone removed it; not: aged */
};
struct gw_nl_event {
    enum gw_nl_kind kind;
    unsigned ifindex;        /* of the link or bridge port */
    unsigned master;         /* of the bridge, when it is a port's forwarding entry; else 0 */
    struct gw_lladdr lladdr; /* STATION, STATION_GONE */
};
typedef void gw_nl_fn(void *user, const struct gw_nl_event *ev);

/* Messages as read from a netlink socket, len octets; anything unknown or malformed is skipped.
 * Pure. Returns 0, or GW_ESYS (errno) when the kernel reported an error. */
int gw_nl_parse(const void *data, size_t len, gw_nl_fn *fn, void *user);

/* A non-blocking descriptor subscribed to links and neighbours, or GW_ESYS. */
int gw_nl_open(void);
/* Handles what waits. 0; GW_ESHORT: events were lost (see gw_nl_links); GW_ESYS. */
int gw_nl_dispatch(int fd, gw_nl_fn *fn, void *user);
/* Reports the carrier of every link there is, synchronously. Stations are not reported: a bridge
 * remembers them for minutes after they have left. 0 or GW_ESYS. */
int gw_nl_links(gw_nl_fn *fn, void *user);

/* Routes of type unreachable for these pools and no others, marked as ours: a packet to a prefix
 * nobody has must not return to the core by the default route. What an earlier process left for
 * pools that are no longer here goes. 0, or GW_ESYS (errno); then some may be missing. */
#define GW_NL_RTPROT 103
int gw_nl_pool_routes(const struct gw_prefix *pools, size_t n);
/* The same for anycast addresses of services, for whoever redistributes kernel routes; only: what
 * else an earlier call or process has left goes. */
#define GW_NL_RTPROT_SERVICES 104
int gw_nl_service_routes(const struct gw_prefix *list, size_t n, bool only);

/* For other users of netlink (NETLINK_..., a mask of groups): a non-blocking descriptor that is
 * subscribed to them, or GW_ESYS; and a request that is sent and answered until its end, that of a
 * dump or the acknowledgement, 0 or GW_ESYS (errno). */
struct nlmsghdr;
int gw_nl_listen(int bus, unsigned groups);
int gw_nl_transact(int bus, struct nlmsghdr *nlh,
                   int (*each)(const struct nlmsghdr *nlh, void *user), void *user);

/* Writes /proc/sys/net/ipv6/conf/IFNAME/KEY. 0, or GW_ESYS (errno). */
int gw_sysctl_ipv6(const char *ifname, const char *key, const char *value);

#endif
