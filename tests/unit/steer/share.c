/* share.c: the path selector's rule. Expected shares are worked out by hand from share.h.
 */
#include "fn/steer/share.h"

#include "../test.h"
#include "base/prng.h"

#define ALL GW_SHARE_ALL

/* Ten slots, 9 ms there and back, 1 ms of service: 10 ms. */
static struct gw_share plain(void)
{
    return (struct gw_share){
        .path_us = 9000, .service_us = 1000, .slots = 10, .weight = 1, .usable = true};
}

static void near(uint32_t got, double part)
{
    assert_in_range(got + 4u, (uint32_t)(part * ALL), (uint32_t)(part * ALL) + 8u);
}

static void test_inverse(void **state)
{
    struct gw_share c[3] = {plain(), plain(), plain()};

    (void)state;
    gw_shares(c, 3);
    for (int i = 0; i < 3; i++)
        near(c[i].share, 1 / 3.0);
    c[1].path_us = 19000; /* twice as long */
    c[2].weight = 2;
    gw_shares(c, 3);
    near(c[0].share, 2 / 7.0);
    near(c[1].share, 1 / 7.0);
    near(c[2].share, 4 / 7.0);
    gw_shares(c, 1);
    assert_int_equal(c[0].share, ALL);
    gw_shares(c, 0);
}

/* The nearest of ten is twice what it would be, and not ten times. */
static void test_cap(void **state)
{
    struct gw_share c[10];

    (void)state;
    for (int i = 0; i < 10; i++)
        c[i] = plain();
    c[0].path_us = 0;
    gw_shares(c, 10);
    near(c[0].share, 0.2);
    for (int i = 1; i < 10; i++)
        near(c[i].share, 0.8 / 9);
    c[0].in_flight = 9; /* one slot of 91 is its own */
    gw_shares(c, 10);
    near(c[0].share, 2 / 91.0);
}

static void test_hot(void **state)
{
    struct gw_share c[3] = {plain(), plain(), plain()};

    (void)state;
    c[0].in_flight = 10;
    gw_shares(c, 3);
    assert_int_equal(c[0].share, 0);
    near(c[1].share, 0.5);
    c[1].in_flight = c[2].in_flight = 10;
    c[2].slots = 5; /* six wait for five slots: 2.2 ms of service, so 11.2 ms; the others 10.1 */
    gw_shares(c, 3);
    near(c[0].share, (10 / 10.1) / (2 * 10 / 10.1 + 5 / 11.2));
    near(c[2].share, (5 / 11.2) / (2 * 10 / 10.1 + 5 / 11.2));
}

static void test_silent(void **state)
{
    struct gw_share c[2] = {plain(), plain()};

    (void)state;
    c[0].silent = true;
    gw_shares(c, 2);
    assert_int_equal(c[0].share, 0);
    assert_int_equal(c[1].share, ALL);
    c[1].in_flight = 1000; /* its completion is 109.1 ms, that of the silent one 10 */
    gw_shares(c, 2);
    near(c[0].share, 109.1 / 119.1);
    c[1].silent = true; /* nothing is known of either but the way */
    c[1].path_us = 18000;
    gw_shares(c, 2);
    near(c[0].share, 2 / 3.0);
}

static void test_halfway(void **state)
{
    struct gw_share c[2] = {plain(), plain()};

    (void)state;
    c[0].was = ALL;
    gw_shares(c, 2);
    near(c[0].share, 0.75);
    near(c[1].share, 0.25);
    for (int i = 0; i < 20; i++) {
        c[0].was = c[0].share;
        c[1].was = c[1].share;
        gw_shares(c, 2);
    }
    near(c[0].share, 0.5);
    c[0].in_flight = 10; /* full: it ends in nothing */
    for (int i = 0; i < 7; i++) {
        assert_int_not_equal(c[0].share, 0);
        c[0].was = c[0].share;
        c[1].was = c[1].share;
        gw_shares(c, 2);
    }
    assert_int_equal(c[0].share, 0);
    c[0] = plain();
    c[0].was = ALL / 2;
    c[0].usable = false; /* at once */
    gw_shares(c, 2);
    assert_int_equal(c[0].share, 0);
    assert_int_equal(c[1].share, ALL);
    c[0] = plain(); /* back again, as a new one */
    c[0].untold = true;
    c[1].was = c[1].share;
    gw_shares(c, 2);
    near(c[0].share, 0.5 / 1.25);
    c[0].usable = c[1].usable = false;
    gw_shares(c, 2);
    assert_int_equal(c[0].share, 0);
    assert_int_equal(c[1].share, 0);
}

/* Whatever the values: they make up the whole, nobody unusable has any, and no cold one more than
 * its part of the free slots allows. */
static void test_any(void **state)
{
    struct gw_share c[40];
    struct gw_prng p;

    (void)state;
    gw_prng_seed(&p, 5);
    for (int turn = 0; turn < 5000; turn++) {
        size_t n = 1 + gw_prng_below(&p, 40);
        uint64_t room = 0, sum = 0, usable = 0;
        unsigned wide = (unsigned)gw_prng_below(&p, 32);
        for (size_t i = 0; i < n; i++) {
            c[i] = (struct gw_share){.path_us = (uint32_t)gw_prng_u64(&p) >> wide,
                                     .service_us = (uint32_t)gw_prng_u64(&p) >> wide,
                                     .in_flight = (uint32_t)gw_prng_below(&p, 30),
                                     .slots = (uint32_t)gw_prng_below(&p, 70000) >> wide / 2,
                                     .weight = (uint32_t)gw_prng_below(&p, 5),
                                     .usable = gw_prng_below(&p, 4) != 0,
                                     .silent = gw_prng_below(&p, 4) == 0};
            uint32_t slots = c[i].slots == 0 ? 1 : c[i].slots < ALL ? c[i].slots : ALL;
            usable += c[i].usable;
            c[i].most = 0; /* here: its room */
            if (c[i].usable && !c[i].silent && c[i].in_flight < slots)
                c[i].most = (slots - c[i].in_flight) * (c[i].weight != 0 ? c[i].weight : 1);
            room += c[i].most;
        }
        uint32_t rooms[40];
        for (size_t i = 0; i < n; i++)
            rooms[i] = c[i].most;
        gw_shares(c, n);
        for (size_t i = 0; i < n; i++) {
            sum += c[i].share;
            assert_true(c[i].usable || c[i].share == 0);
            if (room != 0)
                assert_true(c[i].share <= 2ull * ALL * rooms[i] / room + n);
        }
        assert_true(usable == 0 ? sum == 0 : sum <= ALL && sum + 2 * n >= ALL);
    }
}

/* What it is for: four sites behind one ingress, each report a step old. Shares follow the load
 * without swinging; whoever sends all to the one with the lowest report fills it at once. */
static uint32_t fullest(int steps, int all_to_best)
{
    struct gw_share c[4] = {plain(), plain(), plain(), plain()};
    double load[4] = {10, 0, 4, 4}, most = 0;

    for (int t = 0; t < steps; t++) {
        int best = 0;
        for (int i = 0; i < 4; i++) {
            c[i].in_flight = (uint32_t)load[i];
            c[i].was = c[i].share;
            if (load[i] < load[best])
                best = i;
        }
        gw_shares(c, 4);
        for (int i = 0; i < 4; i++) /* 28 of 40 slots are busy in balance: 14 come, half go */
            load[i] = (load[i] + (all_to_best ? (i == best) * 28.0 : c[i].share * 28.0 / ALL)) / 2;
        for (int i = 0; t > steps / 2 && i < 4; i++)
            most = load[i] > most ? load[i] : most;
    }
    return (uint32_t)most;
}

static void test_no_herd(void **state)
{
    (void)state;
    assert_in_range(fullest(60, 0), 6, 8); /* 7 each */
    assert_true(fullest(60, 1) > 10);      /* more than it has slots */
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_inverse), cmocka_unit_test(test_cap),     cmocka_unit_test(test_hot),
    cmocka_unit_test(test_silent),  cmocka_unit_test(test_halfway), cmocka_unit_test(test_any),
    cmocka_unit_test(test_no_herd),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
