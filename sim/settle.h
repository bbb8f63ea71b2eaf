/* settle.h: what the files that judge a settled domain share. */
#ifndef SIM_SETTLE_H
#define SIM_SETTLE_H

#include "sim.h"

/* In a function with s and say, what does not hold: the failure when say is set, and false. */
#define NOT(...)                                 \
    do {                                         \
        if (say)                                 \
            sim_fail(s, "settles", __VA_ARGS__); \
        return false;                            \
    } while (0)

struct sim_node *sim_node_of(struct sim *s, const struct gw_addr *a); /* NULL: nobody's */
const char *sim_name_of(struct sim *s, const struct gw_addr *a);
/* Does the packet path of n have the prefix as that, behind peer (NULL: any)? */
bool sim_path_is(const struct sim_node *n, const struct gw_prefix *p, enum gw_prefix_kind kind,
                 const struct gw_addr *peer);
/* Does a MAAR or MAG wait for an answer, of which hi is the Handoff Indicator? Not with a refresh
 * that it has sent once: in a large domain there is one at any time. */
bool sim_waits(const struct sim_node *n, const struct gw_exchange *x, uint8_t hi);

#endif
