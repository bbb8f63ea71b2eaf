/* The path selector's rule (plane/select.h over arrays): what each policy chooses, what none may
 * choose, and what the control plane computes for it. */
#include "test.h"

#include <string.h>

#include "steer_set.h"

enum { MS = 1000000, N = 16, DRAWS = 4000 };

static struct steer_set S;
static struct {
    uint64_t now;
    uint32_t hits[GW_STEER_CANDIDATES];
} T;

/* n equal instances with fresh reports: 8 slots, half full, 10 ms of service, 1 ms away. */
static void world(enum gw_steer_policy policy, uint32_t n)
{
    memset(&S, 0, sizeof S);
    memset(&T, 0, sizeof T);
    gw_prng_seed(&S.prng, 5);
    T.now = 10000ull * MS;
    S.service = (struct gw_t_service){.policy = policy,
                                      .count = n,
                                      .width = GW_STEER_WIDTH,
                                      .hot = GW_STEER_FULL,
                                      .max_age_ms = 1000,
                                      .settle_ms = 10,
                                      .blur = 0,
                                      .others = GW_STEER_FULL / 2,
                                      .typical_us = 10000,
                                      .lasting = GW_STEER_FULL,
                                      .error_limit = 100};
    for (uint32_t i = 0; i < n; i++)
        S.candidate[i] = (struct gw_t_candidate){.reported_ns = T.now,
                                                 .state = GW_STEER_UP,
                                                 .path_us = 1000,
                                                 .service_us = 10000,
                                                 .load = 4 * GW_STEER_FLOW,
                                                 .slots = 8,
                                                 .weight = 1,
                                                 .csci_id.w = {1, 2, 3, i + 1}};
    steer_compute(&S);
}

static struct gw_t_answer choose(void)
{
    struct gw_steer_tables t = steer_tables(&S);
    struct gw_steer_in d = steer_flow(&S, T.now);
    struct gw_t_answer a = {0};

    assert_true(gw_steer_choose(&t, &d, &a));
    assert_true(a.index < S.service.count);
    return a;
}

/* DRAWS choices, none of which is counted as a flow. */
static void draw(void)
{
    memset(T.hits, 0, sizeof T.hits);
    for (int k = 0; k < DRAWS; k++)
        T.hits[choose().index]++;
}

static void always(uint32_t index, enum gw_steer_reason why)
{
    for (int k = 0; k < 200; k++) {
        struct gw_t_answer a = choose();
        assert_int_equal(a.index, index);
        assert_int_equal(a.reason, why);
    }
}

static void even(uint32_t from, uint32_t to, uint32_t of_100)
{
    uint32_t share = DRAWS / (to - from);

    for (uint32_t i = from; i < to; i++)
        assert_in_range(T.hits[i], share * (100 - of_100) / 100, share * (100 + of_100) / 100);
}

/* -- the default policy -------------------------------------------------------------------------
 */

static void prequal_takes_the_soonest_of_those_sampled(void **state)
{
    (void)state;
    world(GW_STEER_PREQUAL, GW_STEER_WIDTH); /* all are sampled */
    S.candidate[3].service_us = 9000;
    always(3, GW_STEER_SOONEST);
    S.candidate[5].path_us = 1; /* nearer, but not by as much as the other is quicker */
    S.candidate[5].service_us = 9100;
    always(5, GW_STEER_SOONEST);
    S.candidate[5].load = 9 * GW_STEER_FLOW; /* flows wait there now */
    S.service.hot = 2 * GW_STEER_FULL;
    always(3, GW_STEER_SOONEST);
}

static void prequal_samples_all_alike(void **state)
{
    (void)state;
    for (uint32_t n = 9; n <= 19; n += 5) {
        uint32_t seen[GW_STEER_CANDIDATES] = {0};
        world(GW_STEER_PREQUAL, n);
        for (int k = 0; k < DRAWS; k++) {
            struct gw_t_answer a = choose();
            assert_int_equal(a.sampled, GW_STEER_WIDTH);
            for (uint32_t i = 0; i < a.sampled; i++) {
                seen[a.score[i].index]++;
                for (uint32_t j = 0; j < i; j++)
                    assert_int_not_equal(a.score[i].index, a.score[j].index);
            }
        }
        for (uint32_t i = 0; i < n; i++)
            assert_in_range(seen[i], DRAWS * 8 / n * 9 / 10, DRAWS * 8 / n * 11 / 10);
    }
}

static void hot_ones_are_left_to_the_last(void **state)
{
    (void)state;
    world(GW_STEER_PREQUAL, 4);
    S.candidate[1].service_us = 1000;
    S.candidate[1].load = 8 * GW_STEER_FLOW + 1;
    S.candidate[2].service_us = 9000;
    always(2, GW_STEER_SOONEST); /* 1 would answer sooner, but is hot */
    for (uint32_t i = 0; i < 4; i++)
        S.candidate[i].load = (12 + i) * GW_STEER_FLOW;
    always(0, GW_STEER_ALL_HOT);
}

static void own_flows_count_at_once(void **state)
{
    (void)state;
    world(GW_STEER_PREQUAL, GW_STEER_WIDTH);
    S.service.blur = GW_STEER_FULL;
    for (int k = 0; k < 8 * GW_STEER_WIDTH; k++) /* no report comes meanwhile */
        gw_steer_begin_flow(&S.use[choose().index]);
    for (uint32_t i = 0; i < GW_STEER_WIDTH; i++) {
        assert_int_equal(S.use[i].own, 8);
        assert_int_equal(S.use[i].chosen, 8);
    }
    for (int k = 0; k < 9; k++)
        gw_steer_end_flow(&S.use[6]); /* one too many: forgotten before */
    assert_int_equal(S.use[6].own, 0);
    always(6, GW_STEER_SOONEST);
}

static void own_flows_in_a_report_are_not_counted_twice(void **state)
{
    (void)state;
    world(GW_STEER_PREQUAL, 2);
    S.service.others = 0;
    S.candidate[0].load = 6 * GW_STEER_FLOW;
    S.candidate[0].own_then = 6;
    S.use[0].own = 3; /* half of them have ended since */
    S.candidate[1].load = 4 * GW_STEER_FLOW;
    S.service.hot = 0; /* so that fill decides */
    always(0, GW_STEER_ALL_HOT);
    S.use[0].own = 6;
    always(1, GW_STEER_ALL_HOT);
}

static void old_reports_tend_to_the_average(void **state)
{
    struct gw_t_answer fresh, old;

    (void)state;
    world(GW_STEER_PREQUAL, 1);
    S.candidate[0].load = 0;
    fresh = choose();
    T.now += 10ull * MS; /* settle_ms: half way to 4 of 8 */
    old = choose();
    assert_int_equal(fresh.score[0].fill, 0);
    assert_in_range(old.score[0].fill, GW_STEER_FULL / 4 - 32, GW_STEER_FULL / 4 + 32);
    T.now += 900ull * MS;
    assert_in_range(choose().score[0].fill, GW_STEER_FULL / 2 - 16, GW_STEER_FULL / 2);
    S.candidate[0].load = 8 * GW_STEER_FLOW;
    assert_in_range(choose().score[0].fill, GW_STEER_FULL / 2, GW_STEER_FULL / 2 + 16);
}

static void a_silent_instance_is_hot(void **state)
{
    (void)state;
    world(GW_STEER_PREQUAL, 3);
    S.candidate[1].service_us = 1000;
    S.candidate[1].reported_ns -= 1001ull * MS;
    S.candidate[2].service_us = 9999;
    always(2, GW_STEER_SOONEST);
    S.candidate[0].reported_ns = S.candidate[2].reported_ns = 0; /* nobody says anything */
    S.use[0].own = S.use[2].own = 1;
    always(1, GW_STEER_ALL_HOT); /* by own flows alone */
}

static void only_what_lasts_of_a_speed_counts(void **state)
{
    (void)state;
    world(GW_STEER_PREQUAL, 1);
    S.candidate[0].service_us = 2000;
    assert_int_equal(choose().score[0].completion_us, 3000);
    S.service.lasting = GW_STEER_FULL / 2;
    assert_int_equal(choose().score[0].completion_us, 1000 + 6000);
    S.service.lasting = 0;
    assert_int_equal(choose().score[0].completion_us, 1000 + 10000);
}

static void waiting_begins_before_full(void **state)
{
    uint32_t before = 0;

    (void)state;
    world(GW_STEER_PREQUAL, 1);
    S.service.blur = GW_STEER_FULL / 4;
    for (uint32_t load = 0; load < 20 * GW_STEER_FLOW; load += 4) {
        S.candidate[0].load = load;
        uint32_t now = choose().score[0].completion_us;
        assert_true(now >= before);
        if (load + GW_STEER_FLOW <= 6 * GW_STEER_FLOW)
            assert_int_equal(now, 11000);
        if (load + GW_STEER_FLOW >=
            10 * GW_STEER_FLOW) /* flows over slots, as far as fill can say */
            assert_in_range(now, 1000 + (load + 15) * 10000 / 128,
                            1000 + (load + 16) * 10000 / 128);
        before = now;
    }
}

/* -- the others ---------------------------------------------------------------------------------
 */

static void scanning_policies_take_the_least(void **state)
{
    (void)state;
    world(GW_STEER_NEAREST, N);
    S.candidate[7].path_us = 999;
    always(7, GW_STEER_BY_POLICY);

    world(GW_STEER_LEAST_LOADED, N);
    S.candidate[8].load = 3 * GW_STEER_FLOW; /* fewer flows, but of less */
    S.candidate[8].slots = 4;
    S.candidate[9].load = 4 * GW_STEER_FLOW - 1;
    S.use[9].own = 100; /* the report alone */
    always(9, GW_STEER_BY_POLICY);

    world(GW_STEER_LEAST_CONN, N);
    for (uint32_t i = 0; i < N; i++)
        S.use[i].own = i == 10 ? 1 : 2;
    S.candidate[10].load = 100 * GW_STEER_FLOW; /* own flows alone */
    always(10, GW_STEER_BY_POLICY);

    world(GW_STEER_ARGMIN, N);
    S.candidate[11].service_us = 9999;
    S.candidate[12].service_us = 5000;
    S.candidate[12].load = 16 * GW_STEER_FLOW;
    always(11, GW_STEER_BY_POLICY);
}

static void equals_are_chosen_alike(void **state)
{
    const enum gw_steer_policy p[] = {GW_STEER_PREQUAL, GW_STEER_NEAREST, GW_STEER_RANDOM,
                                      GW_STEER_TWO_CHOICES, GW_STEER_LEAST_CONN};

    (void)state;
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        world(p[i], N);
        draw();
        even(0, N, 25);
    }
}

static void round_robin_takes_turns(void **state)
{
    (void)state;
    world(GW_STEER_ROUND_ROBIN, N);
    for (uint32_t k = 0; k < 3 * N; k++)
        assert_int_equal(choose().index, k % N);
}

static void weights_are_kept(void **state)
{
    (void)state;
    world(GW_STEER_WEIGHTED, N);
    for (uint32_t i = 0; i < N; i++)
        S.candidate[i].weight = i;
    struct gw_steer_tables t = steer_tables(&S);
    gw_steer_weigh(&t);
    assert_int_equal(S.service.weights, N * (N - 1) / 2);
    draw();
    for (uint32_t i = 0; i < N; i++) /* far closer than chance would have it */
        assert_in_range(T.hits[i] + 3, DRAWS * i / S.service.weights,
                        DRAWS * i / S.service.weights + 6);
    for (uint32_t i = 0; i < N; i++)
        S.candidate[i].weight = 0;
    gw_steer_weigh(&t);
    draw(); /* no weights: at random */
    even(0, N, 25);
}

static void two_choices_take_the_less_loaded(void **state)
{
    (void)state;
    world(GW_STEER_TWO_CHOICES, 2);
    S.candidate[1].load--;
    always(1, GW_STEER_BY_POLICY);
    world(GW_STEER_TWO_CHOICES, N);
    for (uint32_t i = 0; i < N; i++)
        S.candidate[i].load = i * GW_STEER_FLOW;
    draw();
    assert_true(T.hits[0] > DRAWS * 3 / 2 / N); /* nearly twice its share */
    assert_true(T.hits[N - 1] < DRAWS / 4 / N);
}

static void hashing_spreads_and_stays(void **state)
{
    uint8_t before[GW_STEER_RING];
    uint32_t moved = 0, slots = 0;

    (void)state;
    world(GW_STEER_HASH, N);
    for (uint32_t i = 0; i < GW_STEER_RING; i++)
        T.hits[S.ring[i]]++;
    for (uint32_t i = 0; i < N; i++)
        assert_in_range(T.hits[i], GW_STEER_RING / N, GW_STEER_RING / N + 1);
    memcpy(before, S.ring, sizeof before);
    S.candidate[4].state = GW_STEER_DOWN;
    struct gw_steer_tables t = steer_tables(&S);
    gw_steer_fill_ring(&t);
    for (uint32_t i = 0; i < GW_STEER_RING; i++) {
        assert_int_not_equal(S.ring[i], 4);
        moved += before[i] != 4 && S.ring[i] != before[i];
        slots += before[i] != 4;
    }
    assert_true(moved < slots / 8); /* few of those that need not */
}

static void a_flow_hash_decides_alone(void **state)
{
    struct gw_t_answer first = {0}, a = {0};

    (void)state;
    world(GW_STEER_HASH, N);
    struct gw_steer_tables t = steer_tables(&S);
    for (uint32_t flow = 0; flow < 100; flow++) {
        struct gw_steer_in d = {.now_ns = 1, .random = 2, .flow = flow * 77777};
        assert_true(gw_steer_choose(&t, &d, &first));
        d.now_ns = d.random = gw_prng_u64(&S.prng);
        S.candidate[first.index].load += 1000;
        assert_true(gw_steer_choose(&t, &d, &a));
        assert_int_equal(a.index, first.index);
    }
}

/* -- what holds for all -------------------------------------------------------------------------
 */

static void nobody_takes_one_that_is_not_usable(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < GW_STEER_POLICY_COUNT; p++) {
        world((enum gw_steer_policy)p, N);
        S.candidate[2].state = GW_STEER_DOWN;
        S.candidate[5].state = GW_STEER_DRAINING;
        S.candidate[6].errors = 101; /* fails at once, so it looks quick and idle */
        for (uint32_t i = 2; i <= 6; i++) {
            S.candidate[i].load = 0;
            S.candidate[i].service_us = i == 3 || i == 4 ? 10000 : 1;
        }
        draw();
        assert_int_equal(T.hits[2] + T.hits[5] + T.hits[6], 0);
        assert_true(T.hits[3] > 0);
    }
}

/* The share of one that is not usable goes to all, not to its neighbour in the list. */
static void a_neighbour_does_not_inherit(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < GW_STEER_POLICY_COUNT; p++) {
        world((enum gw_steer_policy)p, N);
        S.candidate[7].state = GW_STEER_DOWN;
        S.candidate[8].state = GW_STEER_DOWN;
        draw();
        assert_int_equal(T.hits[7] + T.hits[8], 0);
        if (p == GW_STEER_RANDOM || p == GW_STEER_ROUND_ROBIN || p == GW_STEER_WEIGHTED ||
            p == GW_STEER_TWO_CHOICES || p == GW_STEER_HASH)
            assert_in_range(T.hits[9], 1, DRAWS / (N - 2) * 13 / 10);
    }
}

static void the_last_resort(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < GW_STEER_POLICY_COUNT; p++) {
        struct gw_t_answer a = {0};
        world((enum gw_steer_policy)p, N);
        struct gw_steer_tables t = steer_tables(&S);
        for (uint32_t i = 0; i < N; i++)
            S.candidate[i].errors = 500 + (i == 9 ? 0 : 1);
        always(9, GW_STEER_LAST_RESORT);
        for (uint32_t i = 0; i < N; i++)
            S.candidate[i].state = i == 9 ? GW_STEER_DRAINING : GW_STEER_DOWN;
        assert_false(gw_steer_choose(&t, &(struct gw_steer_in){.now_ns = T.now}, &a));
        assert_int_equal(a.reason, GW_STEER_NOBODY);
        S.service.count = 0;
        assert_false(gw_steer_choose(&t, &(struct gw_steer_in){.now_ns = T.now}, &a));
    }
}

/* -- the control plane's part --------------------------------------------------------------------
 */

static void refresh_says_what_is_common(void **state)
{
    struct gw_steer_rule rule = {.quantile = 750, .width = 8, .interval_ms = 1};

    (void)state;
    world(GW_STEER_PREQUAL, 4);
    struct gw_steer_tables t = steer_tables(&S);
    for (uint32_t i = 0; i < 4; i++) {
        S.candidate[i].load = (i + 1) * 2 * GW_STEER_FLOW;
        S.candidate[i].service_us = (i + 1) * 1000;
    }
    S.candidate[0].own_then = S.use[0].own = 1;
    S.candidate[2].reported_ns = 0; /* says nothing */
    gw_steer_refresh(&t, T.now, &rule);
    assert_int_equal(S.service.others, (1 + 4 + 8) * GW_STEER_FULL / 24);
    assert_int_equal(S.service.typical_us, (1000 + 2000 + 4000) / 3);
    assert_int_equal(S.service.settle_ms, S.service.typical_us / 2000);
    assert_int_equal(S.service.hot, GW_STEER_FULL); /* the highest of three */
    rule.quantile = 0;
    rule.settle_ms = 77;
    gw_steer_refresh(&t, T.now, &rule);
    assert_int_equal(S.service.hot, GW_STEER_FULL / 4);
    assert_int_equal(S.service.settle_ms, 77);
}

static void width_shrinks_as_reports_get_rare(void **state)
{
    struct gw_steer_rule rule = {.quantile = GW_STEER_QUANTILE, .width = 8};
    uint32_t before = 8;

    (void)state;
    world(GW_STEER_PREQUAL, N); /* 4 flows of 10 ms each: 0.4 a millisecond and instance */
    struct gw_steer_tables t = steer_tables(&S);
    for (rule.interval_ms = 1; rule.interval_ms < 100; rule.interval_ms++) {
        gw_steer_refresh(&t, T.now, &rule);
        assert_true(S.service.width <= before);
        before = S.service.width;
        if (rule.interval_ms == 1)
            assert_int_equal(S.service.width, 8);
        if (rule.interval_ms == 3) /* 1.2 flows while a report holds */
            assert_int_equal(S.service.width, 3);
    }
    assert_int_equal(before, 2);
}

static void names_are_read_back(void **state)
{
    uint32_t p;

    (void)state;
    for (uint32_t i = 0; i < GW_STEER_POLICY_COUNT; i++) {
        assert_true(gw_steer_policy_read(gw_steer_policy_name(i), &p));
        assert_int_equal(p, i);
    }
    assert_false(gw_steer_policy_read("best", &p));
    assert_string_equal(gw_steer_policy_name(GW_STEER_POLICY_COUNT), "?");
    assert_string_equal(gw_steer_reason_name(GW_STEER_NOBODY), "no instance is up");
    assert_string_equal(gw_steer_reason_name(GW_STEER_REASON_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prequal_takes_the_soonest_of_those_sampled),
        cmocka_unit_test(prequal_samples_all_alike),
        cmocka_unit_test(hot_ones_are_left_to_the_last),
        cmocka_unit_test(own_flows_count_at_once),
        cmocka_unit_test(own_flows_in_a_report_are_not_counted_twice),
        cmocka_unit_test(old_reports_tend_to_the_average),
        cmocka_unit_test(a_silent_instance_is_hot),
        cmocka_unit_test(only_what_lasts_of_a_speed_counts),
        cmocka_unit_test(waiting_begins_before_full),
        cmocka_unit_test(scanning_policies_take_the_least),
        cmocka_unit_test(equals_are_chosen_alike),
        cmocka_unit_test(round_robin_takes_turns),
        cmocka_unit_test(weights_are_kept),
        cmocka_unit_test(two_choices_take_the_less_loaded),
        cmocka_unit_test(hashing_spreads_and_stays),
        cmocka_unit_test(a_flow_hash_decides_alone),
        cmocka_unit_test(nobody_takes_one_that_is_not_usable),
        cmocka_unit_test(a_neighbour_does_not_inherit),
        cmocka_unit_test(the_last_resort),
        cmocka_unit_test(refresh_says_what_is_common),
        cmocka_unit_test(width_shrinks_as_reports_get_rare),
        cmocka_unit_test(names_are_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
