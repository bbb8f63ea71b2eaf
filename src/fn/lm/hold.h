/* hold.h: mobile nodes that an operator has sent away and that are kept out for a while: a CMD or
 * an LMA answers their registrations with status 129. RFC 5846 ends bindings and says nothing of
 * what comes after; without this the next frame of the node would undo the revocation.
 *
 * A hold is durable, and its end is a time of the wall clock: a restart does not let anybody in.
 */
#ifndef GW_FN_LM_HOLD_H
#define GW_FN_LM_HOLD_H

#include "base/table.h"
#include "fn/lm/lm.h"

struct gw_hold {
    struct gw_mnid mnid; /* the key; the octets follow */
    struct gw_holds *all;
    struct gw_timer timer;
    int64_t until_wall_ns;
    size_t size;
};
struct gw_holds {
    struct gw_lm *lm;
    struct gw_table by_mnid; /* struct gw_hold, owned; bounded by limits.bindings */
};

void gw_holds_init(struct gw_holds *hs, struct gw_lm *lm, uint64_t seed);
void gw_holds_free(struct gw_holds *hs);
/* Begins or moves. 0, GW_EFULL, GW_ENOMEM. */
int gw_hold_set(struct gw_holds *hs, const struct gw_mnid *mn, struct gw_time span);
bool gw_hold_has(const struct gw_holds *hs, const struct gw_mnid *mn);
int gw_hold_end(struct gw_holds *hs, const struct gw_mnid *mn); /* 0 or GW_ENOENT */
/* One durable record (its key's first octet is 'H'). */
int gw_hold_restore(struct gw_holds *hs, const void *value, size_t len);

#endif
