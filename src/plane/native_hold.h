/* native_hold.h: what is kept back while a client moves (hold.h), without a kernel; for native*.c.
 */
#ifndef GW_PLANE_NATIVE_HOLD_H
#define GW_PLANE_NATIVE_HOLD_H

#include "plane/keeper.h"

struct gw_native_holds {
    struct gw_keeper keeper;
    struct gw_keeper_hold *released, *newest; /* whose packets are to go on, in order */
    struct gw_kept *mark;   /* that is to be sent; ifindex 0: by its destination */
    struct gw_kept *passed; /* the last that went on */
    const struct gw_alloc *al;
};

void gw_native_holds_init(struct gw_native_holds *h, const struct gw_alloc *al, uint64_t seed);
void gw_native_holds_free(struct gw_native_holds *h);
void gw_native_holds_clear(struct gw_native_holds *h);
size_t gw_native_holds_used(const struct gw_native_holds *h);

/* HOLD_SET, HOLD_DEL; 0, GW_EINVAL, GW_EFULL. */
int gw_native_hold_apply(struct gw_native_holds *h, const struct gw_intent *in);
/* A frame that is to be sent as it is but for its Ethernet header. */
int gw_native_mark(struct gw_native_holds *h, const uint8_t *packet, size_t len, uint32_t ifindex);

/* The next packet that goes on; of: the hold it is of, NULL: a marker. NULL: none. It stays until
 * the next call; the caller tells when it has passed (gw_native_passed), which may end the hold. */
struct gw_kept *gw_native_next_kept(struct gw_native_holds *h, struct gw_keeper_hold **of);
void gw_native_passed(struct gw_native_holds *h, const struct gw_kept *p,
                      struct gw_keeper_hold *of);

#endif
