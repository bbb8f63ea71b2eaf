/* many.h: seeds in a row, several at a time. */
#ifndef SIM_MANY_H
#define SIM_MANY_H

#include "try.h"

struct sim_many {
    uint64_t seed, count; /* from seed on; count is not 0 */
    uint32_t jobs;        /* at the same time; not 0 */
    const char *out;      /* directory for the schedules of failing seeds */
    struct sim_mix mix;
};

/* Says on stdout which seeds fail and, at the end, what all came to; on stderr how far it is. The
 * answer is the worst exit status of all (struct sim_outcome). What is said on stdout does not
 * depend on the number of jobs. */
int sim_many(const struct sim_many *m);

#endif
