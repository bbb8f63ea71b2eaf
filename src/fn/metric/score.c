/* score.c: see score.h. */
#include "fn/metric/score.h"

static const struct {
    const char *name;
    enum gw_metric_category category;
} kinds[GW_METRIC_KINDS] = {
    [GW_METRIC_CPU] = {"cpu", GW_METRIC_CAT_COMPUTING},
    [GW_METRIC_MEMORY] = {"memory", GW_METRIC_CAT_COMPUTING},
    [GW_METRIC_PRESSURE] = {"pressure", GW_METRIC_CAT_COMPUTING},
    [GW_METRIC_ENERGY] = {"energy", GW_METRIC_CAT_COMPUTING},
    [GW_METRIC_DELAY] = {"delay", GW_METRIC_CAT_COMMUNICATION},
    [GW_METRIC_JITTER] = {"jitter", GW_METRIC_CAT_COMMUNICATION},
    [GW_METRIC_LOSS] = {"loss", GW_METRIC_CAT_COMMUNICATION},
    [GW_METRIC_BANDWIDTH] = {"bandwidth", GW_METRIC_CAT_COMMUNICATION},
    [GW_METRIC_LATENCY] = {"latency", GW_METRIC_CAT_SERVICE},
    [GW_METRIC_IN_FLIGHT] = {"in-flight", GW_METRIC_CAT_SERVICE},
    [GW_METRIC_QUEUE] = {"queue", GW_METRIC_CAT_SERVICE},
    [GW_METRIC_SESSIONS] = {"sessions", GW_METRIC_CAT_SERVICE},
    [GW_METRIC_ERRORS] = {"errors", GW_METRIC_CAT_SERVICE},
    [GW_METRIC_CUSTOM] = {"custom", GW_METRIC_CAT_SERVICE},
};

const char *gw_metric_kind_name(enum gw_metric_kind k)
{
    return k < GW_METRIC_KINDS ? kinds[k].name : "unknown";
}

bool gw_metric_kind_parse(const char *name, enum gw_metric_kind *out)
{
    for (unsigned k = 0; k < GW_METRIC_KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0) {
            *out = (enum gw_metric_kind)k;
            return true;
        }
    return false;
}

enum gw_metric_category gw_metric_category(enum gw_metric_kind k)
{
    return kinds[k].category;
}

/* 1000 / (1 + e^-x) for x = 0, 1/4, ... 6. */
static const uint16_t logistic[] = {500, 562, 622, 679, 731, 777, 818, 852, 881, 905, 924, 940, 953,
                                    963, 971, 977, 982, 986, 989, 991, 993, 995, 996, 997, 998};
#define LOGISTIC_END (sizeof logistic / sizeof *logistic - 1)

/* x in thousandths of the exponent. */
static int32_t sigmoid(int64_t x)
{
    int64_t quarters = (x < 0 ? -x : x) * 4;
    size_t i = (size_t)(quarters / 1000);
    int32_t up;

    if (i >= LOGISTIC_END)
        up = logistic[LOGISTIC_END];
    else
        up = (int32_t)(logistic[i] + (logistic[i + 1] - logistic[i]) * (quarters % 1000) / 1000);
    return x < 0 ? 1000 - up : up;
}

int32_t gw_metric_normalise(const struct gw_metric_norm *n, int64_t value)
{
    int64_t span = n->best - n->worst, at = value - n->worst;

    if (span < 0) {
        span = -span;
        at = -at;
    }
    if (at < 0)
        at = 0;
    if (at > span)
        at = span;
    /* Spans of the units above are far below 2^50. */
    int64_t part = (at * 1000 + span / 2) / span;
    switch (n->shape) {
    case GW_SHAPE_MIN_MAX:
        return (int32_t)part;
    case GW_SHAPE_SIGMOID:
        return sigmoid((part - 500) * n->steepness);
    }
    return 0;
}

struct sum {
    int64_t weighted, weights, plain;
    int32_t worst, best, n;
};

static void add(struct sum *s, int32_t v, uint32_t weight)
{
    if (weight == 0)
        return;
    s->weighted += (int64_t)v * weight;
    s->weights += weight;
    s->plain += v;
    s->worst = s->n == 0 || v < s->worst ? v : s->worst;
    s->best = s->n == 0 || v > s->best ? v : s->best;
    s->n++;
}

/* In thousandths; -1 when there is nothing. */
static int32_t result(const struct sum *s, enum gw_metric_aggregate how)
{
    if (s->n == 0)
        return -1;
    switch (how) {
    case GW_AGG_WEIGHTED:
        return (int32_t)(s->weighted / s->weights);
    case GW_AGG_MEAN:
        return (int32_t)(s->plain / s->n);
    case GW_AGG_WORST:
        return s->worst;
    case GW_AGG_BEST:
        return s->best;
    }
    return -1;
}

static uint8_t octet(int32_t thousandths)
{
    return (uint8_t)(thousandths < 0 ? GW_SCORE_UNKNOWN : (thousandths * 10 + 500) / 1000);
}

struct gw_metric_scores gw_metric_score(const struct gw_metric_rules *r,
                                        const struct gw_metric_raw *raw)
{
    struct sum of[GW_METRIC_CATS] = {0}, all = {0};
    struct gw_metric_scores out;

    for (size_t i = 0; i < r->n; i++) {
        const struct gw_metric_norm *n = &r->norm[i];
        if ((raw->known & 1u << n->kind) != 0)
            add(&of[kinds[n->kind].category], gw_metric_normalise(n, raw->value[n->kind]),
                n->weight);
    }
    for (unsigned c = 0; c < GW_METRIC_CATS; c++) {
        int32_t v = result(&of[c], r->within);
        out.l1[c] = octet(v);
        if (v >= 0)
            add(&all, v, r->weight[c]);
    }
    out.l2 = octet(result(&all, r->across));
    return out;
}
