/* xfrm.h: the kernel's IPsec policies (NETLINK_XFRM), as far as they may concern signalling: those
 * for packets in and out whose selector may match a Mobility Header message of a node. Whether they
 * change is told; what they are is then read anew. Works in the network namespace of the caller and
 * needs CAP_NET_ADMIN. What they mean is for wire/policy.h and the node.
 */
#ifndef GW_SYS_XFRM_H
#define GW_SYS_XFRM_H

#include "base/err.h"
#include "wire/policy.h"

typedef void gw_xfrm_fn(void *user, const struct gw_policy *p);

/* Messages as read from a netlink socket, len octets, of a dump of policies; anything else is
 * skipped, also policies that no packet of ours can meet: of another family, for a mark or an XFRM
 * interface, of one socket. Pure. */
void gw_xfrm_parse(const void *data, size_t len, gw_xfrm_fn *fn, void *user);

/* A non-blocking descriptor that becomes readable when policies come, change, go or expire; or
 * GW_ESYS (errno), EPROTONOSUPPORT when the kernel knows nothing of IPsec. */
int gw_xfrm_open(void);
/* Takes what waits. true: policies may have changed. */
bool gw_xfrm_changed(int fd);
/* Every policy that may match a message from or to `local`, synchronously: *list is to be freed
 * (NULL: none). 0, GW_ENOMEM or GW_ESYS (errno); then *n is 0. */
int gw_xfrm_policies(const struct gw_addr *local, struct gw_policy **list, size_t *n);

#endif
