/* shrink.h: the shortest schedule that still breaks the same thing (delta debugging). */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "schedule.h"

/* What one run in a process of its own came to. */
struct sim_outcome {
    int exit; /* enum sim_result, or 128 + signal */
    uint64_t hash, events, handovers;
    char invariant[32], why[512];
};
struct sim_outcome sim_try(const struct sim_schedule *s);
/* Runs as often as it takes, at most `most` times, and says how far it is on stderr. Returns the
 * shorter schedule. */
struct sim_schedule *sim_shrink(const struct sim_schedule *s, unsigned most);

#endif
