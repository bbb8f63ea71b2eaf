/* timer.h: a heap of deadlines. O(log n); ties expire in the order they were set, so that a run is
 * a function of its inputs. It reads no clock: the caller says what time it is. */
#ifndef GW_BASE_TIMER_H
#define GW_BASE_TIMER_H

#include "base/alloc.h"

/* Embed one per deadline; zeroed is "not set". Must not move while it is set. */
struct gw_timer {
    void (*fire)(struct gw_timer *t, void *user); /* user: the wheel's */
    void *owner;                                  /* the object it belongs to */
    uint32_t pos;                                 /* index in the heap + 1; 0 when not set */
    uint32_t order; /* of setting; it wraps: told apart are those within 2^31 settings */
};

struct gw_timer_slot;
struct gw_timers {
    const struct gw_alloc *al;
    struct gw_timer_slot **block;
    size_t dir;        /* places for blocks */
    size_t used, size; /* slots */
    uint32_t order;
};

void gw_timers_init(struct gw_timers *h, const struct gw_alloc *al);
void gw_timers_free(struct gw_timers *h);
/* Sets or moves; GW_ENOMEM leaves the timer as it was. What has just fired or been stopped needs no
 * memory to be set again. */
int gw_timer_set(struct gw_timers *h, struct gw_timer *t, struct gw_time at);
void gw_timer_stop(struct gw_timers *h, struct gw_timer *t); /* stopping one not set is fine */
bool gw_timer_is_set(const struct gw_timer *t);
struct gw_time gw_timer_at(const struct gw_timers *h, const struct gw_timer *t); /* or GW_NEVER */
struct gw_time gw_timers_next(const struct gw_timers *h); /* GW_NEVER when empty */
/* Fires everything due at or before now, including what firing sets to now or before, at most
 * `most` callbacks; returns how many fired. */
size_t gw_timers_run(struct gw_timers *h, struct gw_time now, size_t most, void *user);

#endif
