/* mark.h: the packet that ends a path (hold.h has what becomes of it), as octets. Pure. */
#ifndef GW_PLANE_MARK_H
#define GW_PLANE_MARK_H

#include "plane/intent.h"
#include "plane/tables.h"

#define GW_MARK_MAX 96

/* Which way it is, for a prefix with that entry (NULL: none). */
struct gw_mark_path {
    bool here;   /* its station is on a link of ours */
    bool tunnel; /* to `to` */
    struct gw_addr to;
};
struct gw_mark_path gw_mark_path(const struct gw_intent_mark *in, const struct gw_t_prefix *x);

/* The whole IPv6 packet, with the tunnel's header if there is one; its length. */
size_t gw_mark_packet(const struct gw_intent_mark *in, const struct gw_addr *self,
                      const struct gw_mark_path *path, uint8_t buf[static GW_MARK_MAX]);

#endif
