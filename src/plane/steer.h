/* steer.h: steering without a kernel: select.h over plain arrays (simulator, tests), and what the
 * control plane computes into the tables of a service (steer_tables.h) when reports have come, so
 * that a flow only compares. Pure. */
#ifndef GW_PLANE_STEER_H
#define GW_PLANE_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "plane/steer_tables.h"

/* Q_RIF of Prequal: 2^-0.25 of the instances are cold. */
#define GW_STEER_QUANTILE 841u /* of 1000 */

/* The tables of one service; arrays of service->count, ring of GW_STEER_RING (NULL without one). */
struct gw_steer_tables {
    struct gw_t_service *service;
    struct gw_t_service_use *service_use;
    struct gw_t_candidate *candidate;
    struct gw_t_candidate_use *use;
    uint8_t *ring;
};

/* gw_select of select.h. False: no instance is up. */
bool gw_steer_choose(const struct gw_steer_tables *t, const struct gw_steer_in *in,
                     struct gw_t_answer *a);
/* A flow goes to the candidate; it has ended. */
void gw_steer_begin_flow(struct gw_t_candidate_use *u);
void gw_steer_end_flow(struct gw_t_candidate_use *u);

/* What candidate i looks like now, to this ingress; how old its report is, ms (UINT32_MAX: there is
 * none). */
uint32_t gw_steer_look_at(const struct gw_steer_tables *t, uint32_t i, uint64_t now_ns,
                          struct gw_t_score *out);

/* What of the default policy the control plane sees to. */
struct gw_steer_rule {
    uint32_t quantile;    /* of 1000: so many instances are cold */
    uint32_t width;       /* candidates that a flow looks at when reports are fresh */
    uint32_t interval_ms; /* between two reports of an instance */
    uint32_t settle_ms;   /* 0: half the typical service latency */
};

/* After reports: others, typical_us, settle_ms, hot and width of the service. O(n log n), n <= 256.
 */
void gw_steer_refresh(const struct gw_steer_tables *t, uint64_t now_ns,
                      const struct gw_steer_rule *rule);
/* After a change of weights: their sums. */
void gw_steer_weigh(const struct gw_steer_tables *t);
/* After a change of candidates: the Maglev ring (Eisenbud et al., NSDI 2016) of those that are up.
 * An instance's slots depend on its CSCI-ID, so that most stay when others come and go. */
void gw_steer_fill_ring(const struct gw_steer_tables *t);

const char *gw_steer_policy_name(uint32_t policy); /* "?" for none */
bool gw_steer_policy_read(const char *name, uint32_t *policy);
const char *gw_steer_reason_name(uint32_t reason);

#endif
