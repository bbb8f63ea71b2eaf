/* better.c: gw_better: when is another instance better for the rest of a transaction? */
#include "fn/handover/transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GAIN 200

static struct gw_bid bid(uint32_t path_us, uint32_t service_us, uint32_t in_flight)
{
    return (struct gw_bid){.path_us = path_us,
                           .service_us = service_us,
                           .in_flight = in_flight,
                           .slots = 4,
                           .usable = true};
}

static size_t better(const struct gw_bid *b, size_t n, int64_t rest_ms)
{
    return gw_better(b, n, 0, GW_MSEC(rest_ms), GAIN);
}

static void test_by_more_than_the_gain(void **unused)
{
    struct gw_bid b[] = {bid(10000, 90000, 1), bid(1000, 90000, 1), bid(1000, 60000, 1)};

    (void)unused;
    assert_int_equal(better(b, 2, 60000), 2); /* a tenth: not enough */
    assert_int_equal(better(b, 3, 60000), 2);
    assert_int_equal(gw_better(b, 3, 0, GW_SEC(60), 500), 3);
    assert_int_equal(gw_better(b, 3, 0, GW_SEC(60), 50), 2); /* the best, not the first */
    assert_int_equal(gw_better(b, 3, 2, GW_SEC(60), 0), 3);  /* it is the best */
}

/* What is nearly over is not worth the move, however good the other one is. */
static void test_the_rest(void **unused)
{
    struct gw_bid b[] = {bid(40000, 10000, 1), bid(4000, 10000, 1)};

    (void)unused;
    assert_int_equal(better(b, 2, 1000), 1);
    assert_int_equal(better(b, 2, 100), 2);
    assert_int_equal(better(b, 2, 0), 2);
}

static void test_the_wait(void **unused)
{
    struct gw_bid b[] = {bid(10000, 50000, 12), bid(10000, 50000, 4), bid(10000, 50000, 3)};

    (void)unused;
    assert_int_equal(better(b, 3, 60000), 2);
    b[0].in_flight = 4; /* itself among them: nobody waits */
    assert_int_equal(better(b, 3, 60000), 3);
    b[1].slots = 0;
    assert_int_equal(gw_better(b, 2, 1, GW_SEC(60), GAIN), 0);
}

static void test_who_may(void **unused)
{
    struct gw_bid b[] = {bid(10000, 50000, 1), bid(0, 0, 0)};

    (void)unused;
    assert_int_equal(better(b, 2, 60000), 1);
    b[1].usable = false;
    assert_int_equal(better(b, 2, 60000), 2);
    b[1].usable = true;
    b[1].silent = true; /* perhaps it is good */
    assert_int_equal(better(b, 2, 60000), 2);
    b[0].leaving = true;
    assert_int_equal(better(b, 2, 0), 1); /* anywhere */
    b[1].leaving = true;
    assert_int_equal(better(b, 2, 60000), 2);
    assert_int_equal(gw_better(b, 2, 2, GW_SEC(60), 0), 2); /* where it is is not known */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_more_than_the_gain),
        cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_the_wait),
        cmocka_unit_test(test_who_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
