/* movement.h: who is where when: a random waypoint model over the sites, or a trace of positions.
 * Each mobile node is on a leg, a straight line walked at one speed (or a stay), in whole
 * centimetres and milliseconds.
 */
#ifndef SIM_MOVEMENT_H
#define SIM_MOVEMENT_H

#include "geo.h"

struct sim_waypoints {
    int32_t slow, fast; /* centimetres per second; each leg's speed is drawn between them */
    int64_t pause;      /* milliseconds; the longest stay at a waypoint, the shortest is 0 */
    int64_t ramp;       /* milliseconds in which all nodes appear */
    uint64_t seed;
};

struct sim_point { /* of a trace */
    int64_t ms;
    uint32_t node; /* from 0, in the order in which the file names them */
    struct sim_pos pos;
};
struct sim_trace_file {
    size_t n, nodes;
    struct sim_point *point; /* by node, then time */
    int64_t end;             /* the latest, from the earliest, which is 0 */
};
/* CSV: time in seconds, node, latitude, longitude; a header line that begins with "time" is passed
 * over. Lines may be in any order, but no node is at two places at once. false: why has file, line
 * and value. */
bool sim_trace_read(struct sim_trace_file *t, const struct sim_sites *s, const char *file,
                    char *why, size_t size);
void sim_trace_free(struct sim_trace_file *t);

struct sim_leg {
    struct sim_pos from, to;
    int64_t begin, end; /* milliseconds */
    uint64_t draw;      /* waypoints: what is drawn next; trace: the point it leads to */
};
struct sim_pos sim_leg_at(const struct sim_leg *l, int64_t ms);
int32_t sim_leg_speed(const struct sim_leg *l); /* centimetres per second, rounded up */

/* Where the node appears, and when (leg.end); then one leg after the other. next is false when a
 * trace ends: the node is gone. */
struct sim_movement {
    const struct sim_area *area;
    struct sim_waypoints random;
    const struct sim_trace_file *trace; /* NULL: random */
    size_t *first;                      /* of trace: by node, and one behind the last */
};
void sim_movement_make(struct sim_movement *m);
void sim_movement_free(struct sim_movement *m);
struct sim_leg sim_movement_begin(const struct sim_movement *m, size_t node);
bool sim_movement_next(const struct sim_movement *m, struct sim_leg *l, size_t node);

/* A number of a stream: the same for the same seed, wherever it is drawn. */
uint64_t sim_draw_number(uint64_t *stream);
/* Exponentially distributed, in whole units of the mean's. */
int64_t sim_draw_exponential(uint64_t *stream, int64_t mean);

#endif
