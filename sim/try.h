/* try.h: a run in a process of its own, so that a crash is that run's only. Several may run at the
 * same time.
 */
#ifndef SIM_TRY_H
#define SIM_TRY_H

#include "schedule.h"

#include <sys/types.h>

/* What a run came to. */
struct sim_outcome {
    int exit; /* enum sim_result, 128 + signal, or what a sanitizer ended with */
    uint64_t hash, events, moves, handovers, messages, packets;
    char invariant[32], why[512];
};
/* One under way. fd becomes readable when there is something to collect. */
struct sim_trial {
    pid_t pid;
    int fd;
};
struct sim_trial sim_trial_begin(const struct sim_schedule *s);
struct sim_outcome sim_trial_end(struct sim_trial t); /* waits for it */
struct sim_outcome sim_try(const struct sim_schedule *s);

#endif
