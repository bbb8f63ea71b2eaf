/* score.c: L0 to L1 to L2, and when a change is told. Expected values are worked out by hand from
 * the metric definition's formulas.
 */
#include "fn/metric/score.h"

#include <math.h>

#include "../test.h"
#include "fn/metric/report.h"

static void test_min_max(void **state)
{
    struct gw_metric_norm n = {.kind = GW_METRIC_LATENCY, .worst = 100000, .best = 0};

    (void)state;
    assert_int_equal(gw_metric_normalise(&n, 0), 1000);
    assert_int_equal(gw_metric_normalise(&n, 100000), 0);
    assert_int_equal(gw_metric_normalise(&n, 25000), 750);
    assert_int_equal(gw_metric_normalise(&n, -5), 1000);
    assert_int_equal(gw_metric_normalise(&n, 1 << 30), 0);
    n = (struct gw_metric_norm){.kind = GW_METRIC_BANDWIDTH, .worst = 1000, .best = 2000};
    assert_int_equal(gw_metric_normalise(&n, 1250), 250);
}

static void test_sigmoid(void **state)
{
    struct gw_metric_norm n = {
        .shape = GW_SHAPE_SIGMOID, .worst = 0, .best = 1000, .steepness = 12};

    (void)state;
    for (int v = 0; v <= 1000; v++) {
        double exact = 1000 / (1 + exp(-(v - 500) * 12 / 1000.0));
        assert_true(fabs(gw_metric_normalise(&n, v) - exact) <= 3.5);
        assert_true(v == 0 || gw_metric_normalise(&n, v) >= gw_metric_normalise(&n, v - 1));
        assert_int_equal(gw_metric_normalise(&n, v) + gw_metric_normalise(&n, 1000 - v), 1000);
    }
}

static void test_levels(void **state)
{
    static const struct gw_metric_norm norm[] = {
        {GW_METRIC_CPU, GW_SHAPE_MIN_MAX, 1000, 0, 0, 3},
        {GW_METRIC_MEMORY, GW_SHAPE_MIN_MAX, 1000, 0, 0, 1},
        {GW_METRIC_QUEUE, GW_SHAPE_MIN_MAX, 20, 0, 0, 1},
        {GW_METRIC_DELAY, GW_SHAPE_MIN_MAX, 50000, 0, 0, 1},
    };
    struct gw_metric_rules r = {.n = 4, .norm = norm, .weight = {1, 0, 1}};
    struct gw_metric_raw raw = {.known = 1u << GW_METRIC_CPU | 1u << GW_METRIC_MEMORY |
                                         1u << GW_METRIC_QUEUE};

    (void)state;
    raw.value[GW_METRIC_CPU] = 800;    /* 200 of 1000 */
    raw.value[GW_METRIC_MEMORY] = 400; /* 600 */
    raw.value[GW_METRIC_QUEUE] = 2;    /* 900 */
    struct gw_metric_scores s = gw_metric_score(&r, &raw);
    assert_int_equal(s.l1[GW_METRIC_CAT_COMPUTING], 3); /* (3 * 200 + 600) / 4 = 300 */
    assert_int_equal(s.l1[GW_METRIC_CAT_SERVICE], 9);
    assert_int_equal(s.l1[GW_METRIC_CAT_COMMUNICATION], GW_SCORE_UNKNOWN);
    assert_int_equal(s.l2, 6); /* (300 + 900) / 2 */
    r.within = GW_AGG_WORST;
    r.across = GW_AGG_BEST;
    s = gw_metric_score(&r, &raw);
    assert_int_equal(s.l1[GW_METRIC_CAT_COMPUTING], 2);
    assert_int_equal(s.l2, 9);
    r.within = GW_AGG_MEAN;
    assert_int_equal(gw_metric_score(&r, &raw).l1[GW_METRIC_CAT_COMPUTING], 4);
    raw.known = 0;
    s = gw_metric_score(&r, &raw);
    assert_int_equal(s.l2, GW_SCORE_UNKNOWN);
}

static void test_names(void **state)
{
    enum gw_metric_kind k;

    (void)state;
    for (unsigned i = 0; i < GW_METRIC_KINDS; i++) {
        assert_true(gw_metric_kind_parse(gw_metric_kind_name((enum gw_metric_kind)i), &k));
        assert_int_equal(k, i);
    }
    assert_false(gw_metric_kind_parse("cpus", &k));
}

static const struct gw_report_rules rules = {.least = {100000000},
                                             .most = {1000000000},
                                             .threshold = 200,
                                             .latency_floor = 500,
                                             .load_floor = 2,
                                             .penalty = 1000,
                                             .limit = 2500,
                                             .half_life = {10000000000}};

static struct gw_cats_instance sample(uint32_t load, uint32_t latency)
{
    return (struct gw_cats_instance){
        .state = GW_CATS_UP, .in_flight = load, .latency = latency, .score = 5};
}

static bool give(struct gw_report *r, struct gw_cats_instance v, int64_t ms, int64_t *again)
{
    struct gw_time t;
    bool told = gw_report_sample(r, &v, GW_MSEC(ms), &t);

    *again = t.ns == GW_NEVER.ns ? -1 : t.ns / 1000000;
    return told;
}

static void test_threshold(void **state)
{
    struct gw_report r = {.rules = &rules};
    int64_t again;

    (void)state;
    assert_true(give(&r, sample(10, 10000), 1000, &again));
    assert_false(give(&r, sample(10, 10000), 1010, &again)); /* nothing new at all */
    assert_int_equal(again, -1);
    assert_false(give(&r, sample(12, 10000), 1020, &again)); /* within floor and threshold */
    assert_int_equal(again, 2000);
    assert_false(give(&r, sample(13, 10000), 1030, &again)); /* a move, too early */
    assert_int_equal(again, 1100);
    struct gw_time t;
    assert_false(gw_report_due(&r, GW_MSEC(1099), &t));
    assert_true(gw_report_due(&r, GW_MSEC(1100), &t));
    assert_int_equal(r.told.in_flight, 13);
    assert_false(give(&r, sample(13, 10400), 1300, &again)); /* below the floor */
    assert_true(give(&r, sample(13, 10400), 2100, &again));  /* told anyway, at last */
    assert_false(give(&r, sample(13, 12000), 2300, &again)); /* 15 % is no move */
    assert_true(give(&r, sample(13, 12600), 2301, &again));
}

static void test_hysteresis(void **state)
{
    struct gw_report r = {.rules = &rules};
    struct gw_cats_instance a = sample(1, 1), b = sample(1, 1);
    int64_t again;

    (void)state;
    b.score = 6;
    assert_true(give(&r, a, 0, &again));
    for (int i = 1; i < 9; i++) /* to and fro: not worth telling at once */
        assert_false(give(&r, (i & 1) != 0 ? b : a, i * 110, &again));
    assert_false(give(&r, b, 990, &again));
    assert_true(give(&r, b, 995, &again));
}

static void test_flapping(void **state)
{
    struct gw_report r = {.rules = &rules};
    struct gw_cats_instance up = sample(1, 1), gone = up;
    int64_t again;
    unsigned told = 0;

    (void)state;
    gone.state = GW_CATS_GONE;
    assert_false(give(&r, gone, 0, &again)); /* it has never been there */
    assert_true(give(&r, up, 1, &again));
    for (int64_t ms = 100; ms < 1100; ms += 100) {
        bool said_up = r.told.state != GW_CATS_GONE;
        assert_int_equal(give(&r, gone, ms, &again), said_up);
        told += give(&r, up, ms + 50, &again);
        if (r.told.state == GW_CATS_GONE)
            assert_true(again > ms);
    }
    assert_int_equal(told, 2); /* of ten */
    struct gw_time t = GW_SEC(1);
    int64_t end = 0;
    while (!gw_report_due(&r, t, &t)) { /* left alone it comes up */
        assert_true(t.ns < GW_SEC(60).ns);
        end = t.ns;
    }
    assert_true(end > 0);
    assert_int_equal(r.told.state, GW_CATS_UP);
}

static void test_state_at_once(void **state)
{
    struct gw_report r = {.rules = &rules};
    struct gw_cats_instance v = sample(1, 1);
    int64_t again;

    (void)state;
    assert_true(give(&r, v, 0, &again));
    v.state = GW_CATS_DRAINING;
    assert_true(give(&r, v, 1, &again));
    v.state = GW_CATS_GONE;
    assert_true(give(&r, v, 2, &again));
    assert_false(give(&r, v, 3, &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_min_max),   cmocka_unit_test(test_sigmoid),
        cmocka_unit_test(test_levels),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_threshold), cmocka_unit_test(test_hysteresis),
        cmocka_unit_test(test_flapping),  cmocka_unit_test(test_state_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
