/* shrink.h: the shortest schedule that still breaks the same thing (delta debugging). */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "try.h"

/* Runs as often as it takes, at most `most` times, and says how far it is on stderr. Returns the
 * shorter schedule. */
struct sim_schedule *sim_shrink(const struct sim_schedule *s, unsigned most);

#endif
