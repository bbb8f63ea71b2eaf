/* bench.h: what the simulator does in a second of the wall clock. */
#ifndef SIM_BENCH_H
#define SIM_BENCH_H

#include "train.h"

struct sim_bench {
    struct sim_train train;
    uint64_t seed; /* of the first run; each has the next */
    uint32_t runs; /* not 0 */
};
/* Prints a line for each run and the median with its spread. The answer is the worst of the runs'
 * (enum sim_result): what a run found wrong is said, but how fast it was is only printed. */
int sim_bench(const struct sim_bench *b);

#endif
