/* train.h: a schedule dense in handovers, for measuring the simulator (godwit-sim bench): what the
 * access network of a railway sees, with everything going wrong meanwhile that draw.c knows.
 */
#ifndef SIM_TRAIN_H
#define SIM_TRAIN_H

#include "schedule.h"

struct sim_train {
    uint32_t maars, stations;
    int64_t span;
};
/* Freed by sim_schedule_free. maars: at least 2; stations: at least 1. */
struct sim_schedule *sim_draw_train(uint64_t seed, const struct sim_train *t);

#endif
