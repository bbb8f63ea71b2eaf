/* await.h: waiting for the packet path: an intent with a tag is answered when it has been applied
 * (GW_IN_PLANE_DONE), and whoever said it is told. What must not be said to a peer before the
 * packet path does it hangs on one of these.
 */
#ifndef GW_FN_LM_AWAIT_H
#define GW_FN_LM_AWAIT_H

#include "fn/lm/lm.h"

/* Zeroed is idle. It must not move while it waits. */
struct gw_await {
    uint64_t tag; /* the intent that is waited for; 0: none */
    void (*done)(void *owner, int result);
    void *owner;
};

void gw_awaits_init(struct gw_lm *lm, uint64_t seed);
void gw_awaits_free(struct gw_lm *lm);

/* Waits (anew) for an intent that is about to be said: the tag it must have. 0: there is no memory
 * to wait, done will not be called. */
uint64_t gw_await(struct gw_await *x, struct gw_lm *lm, void (*done)(void *owner, int result),
                  void *owner);
void gw_await_stop(struct gw_await *x, struct gw_lm *lm);
/* result: 0 or enum gw_err. Counts what failed. 0, or GW_ENOENT: nobody waits for it. */
int gw_await_done(struct gw_lm *lm, uint64_t tag, int result);

#endif
