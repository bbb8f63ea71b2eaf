/* steer_set.h: the tables of one service in plain memory, as both tests of the path selector's rule
 * have them, and a flow to choose for. What is in them is the test's.
 */
#ifndef TESTS_PLANE_STEER_SET_H
#define TESTS_PLANE_STEER_SET_H

#include "base/prng.h"
#include "plane/steer.h"

struct steer_set {
    struct gw_t_service service;
    struct gw_t_service_use service_use;
    struct gw_t_candidate candidate[GW_STEER_CANDIDATES];
    struct gw_t_candidate_use use[GW_STEER_CANDIDATES];
    uint8_t ring[GW_STEER_RING];
    struct gw_prng prng;
};

static inline struct gw_steer_tables steer_tables(struct steer_set *s)
{
    return (struct gw_steer_tables){.service = &s->service,
                                    .service_use = &s->service_use,
                                    .candidate = s->candidate,
                                    .use = s->use,
                                    .ring = s->ring};
}

/* What the control plane computes of the tables, in place. */
static inline void steer_compute(struct steer_set *s)
{
    struct gw_steer_tables t = steer_tables(s);

    gw_steer_weigh(&t);
    gw_steer_fill_ring(&t);
}

/* Any flow, at `now`. */
static inline struct gw_steer_in steer_flow(struct steer_set *s, uint64_t now_ns)
{
    struct gw_steer_in d = {.now_ns = now_ns, .random = gw_prng_u64(&s->prng)};

    d.flow = (uint32_t)gw_prng_u64(&s->prng); /* drawn second: initialisers have no order */
    return d;
}

#endif
