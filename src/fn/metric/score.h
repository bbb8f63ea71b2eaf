/* score.h: CATS metrics of one instance at three levels (metric definition draft, doc/cats.md): L0
 * as measured, with a unit; L1 one value of 0..10 a category; L2 one value for all. Higher is
 * better. Pure arithmetic in integers, so that every node makes the same of the same.
 *
 * Decisions of this implementation:
 * - A value between is rounded to the nearest; L1 and L2 are aggregated from values in thousandths
 * of the whole scale, not from rounded ones.
 * - A category of which nothing is known has no score, and is left out of the L2.
 * - The sigmoid is a table of the logistic function in steps of 1/4 between -6 and 6, straight
 * lines between them: it needs no floating point and is documented as such.
 */
#ifndef GW_FN_METRIC_SCORE_H
#define GW_FN_METRIC_SCORE_H

#include "base/types.h"

enum gw_metric_kind {                      /* unit of the value */
                      GW_METRIC_CPU,       /* busy, 1/1000 */
                      GW_METRIC_MEMORY,    /* in use, 1/1000 */
                      GW_METRIC_PRESSURE,  /* stalled, 1/1000 (PSI, 10 s) */
                      GW_METRIC_ENERGY,    /* mW */
                      GW_METRIC_DELAY,     /* of the path, us */
                      GW_METRIC_JITTER,    /* us */
                      GW_METRIC_LOSS,      /* 1/10 000 */
                      GW_METRIC_BANDWIDTH, /* free, kbit/s; higher is better */
                      GW_METRIC_LATENCY,   /* of the service, us */
                      GW_METRIC_IN_FLIGHT, /* requests */
                      GW_METRIC_QUEUE,     /* requests waiting */
                      GW_METRIC_SESSIONS,  /* at the same time */
                      GW_METRIC_ERRORS,    /* 1/10 000 */
                      GW_METRIC_CUSTOM,    /* as an instance defines it, 1/1000 */
                      GW_METRIC_KINDS
};
enum gw_metric_category {
    GW_METRIC_CAT_COMPUTING,
    GW_METRIC_CAT_COMMUNICATION,
    GW_METRIC_CAT_SERVICE,
    GW_METRIC_CATS
};

const char *gw_metric_kind_name(enum gw_metric_kind k); /* "in-flight" */
bool gw_metric_kind_parse(const char *name, enum gw_metric_kind *out);
enum gw_metric_category gw_metric_category(enum gw_metric_kind k);

enum gw_metric_shape { GW_SHAPE_MIN_MAX, GW_SHAPE_SIGMOID };
enum gw_metric_aggregate { GW_AGG_WEIGHTED, GW_AGG_MEAN, GW_AGG_WORST, GW_AGG_BEST };

/* How a raw value becomes one of the scale: `worst` is 0, `best` is 10, whichever is greater. */
struct gw_metric_norm {
    enum gw_metric_kind kind;
    enum gw_metric_shape shape;
    int64_t worst, best; /* unequal */
    uint32_t
        steepness;   /* SIGMOID: how many units of the exponent from worst to best; 12 is usual */
    uint32_t weight; /* within its category; 0: it does not count */
};
struct gw_metric_rules { /* the same everywhere in a domain */
    size_t n;
    const struct gw_metric_norm *norm;
    enum gw_metric_aggregate within, across;
    uint32_t weight[GW_METRIC_CATS]; /* of the categories in the L2 */
};

struct gw_metric_raw {
    uint32_t known; /* bits 1 << kind */
    int64_t value[GW_METRIC_KINDS];
};
#define GW_SCORE_UNKNOWN 255
struct gw_metric_scores {
    uint8_t l1[GW_METRIC_CATS]; /* 0..10, or GW_SCORE_UNKNOWN */
    uint8_t l2;
};

/* In thousandths, 0..1000; beyond worst and best it stays there. */
int32_t gw_metric_normalise(const struct gw_metric_norm *n, int64_t value);
struct gw_metric_scores gw_metric_score(const struct gw_metric_rules *r,
                                        const struct gw_metric_raw *raw);

#endif
