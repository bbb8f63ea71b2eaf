/* report.h: when a change of an instance's metrics is worth telling the domain (C-SMA; RFC 10053:
 * updates by interval, threshold and policy, guarded against churn). One struct a watched instance;
 * what is told goes to gw_metric_say by the owner.
 *
 * Decisions of this implementation:
 * - Whether it is up, draining or gone is told at once; dampened when it goes up and down often
 * (RFC 2439's idea: each change costs a penalty that halves over time; above a limit, coming up
 * waits).
 * - A measured value is told when it has moved by more than the threshold since it was told last,
 * but not before `least` after that; and anyway after `most`, when it has moved at all.
 * - The measure of a move is that of the load in flight and of the latency, relative, with a floor
 * below which nothing is a move; a score counts when it has changed and stayed so for one sample
 * (hysteresis).
 */
#ifndef GW_FN_METRIC_REPORT_H
#define GW_FN_METRIC_REPORT_H

#include "wire/cats.h"

struct gw_report_rules {
    struct gw_time least, most; /* between two updates; most 0: none without a move */
    uint32_t threshold;         /* of a move, 1/1000 of the value told last */
    uint32_t latency_floor;     /* us; moves below it are none */
    uint32_t load_floor;        /* requests */
    uint32_t penalty;           /* of coming up, 0: no dampening; it halves every half_life */
    uint32_t limit;             /* of penalties; above it, coming up waits until below half of it */
    struct gw_time half_life;
};

struct gw_report {
    const struct gw_report_rules *rules;
    struct gw_cats_instance told, seen; /* last; told.state 0: nothing yet */
    struct gw_time at;                  /* of `told` */
    struct gw_time penalised;           /* when `penalty` was right */
    uint32_t penalty;
    bool held; /* it is up and not told so: dampened */
};

/* A new sample. true: v is to be told now (and is taken for told); false: not yet, and *again says
 * when to ask once more without a sample (GW_NEVER: only a sample can change that). */
bool gw_report_sample(struct gw_report *r, const struct gw_cats_instance *v, struct gw_time now,
                      struct gw_time *again);
/* The same without a sample: what was seen last. */
bool gw_report_due(struct gw_report *r, struct gw_time now, struct gw_time *again);

#endif
