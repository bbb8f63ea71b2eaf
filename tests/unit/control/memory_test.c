/* memory_test.c: what a binding may take (doc/control.md), by the count of the node's allocator:
 * with malloc's rounding and every table and timer. Sizes are where tables have just grown and are
 * emptiest, and others. The phases themselves demand that each message was accepted and answered.
 */
#include "../test.h"

#include "phases.h"

#define OCTETS_MOST 512

/* One previous anchor each, settled. */
static double octets(enum gw_role role, uint32_t n)
{
    struct domain d = {role, 20, true};
    struct phases_result r = {0};

    phases_run(&d, NULL, n, n / 10, &r);
    assert_int_equal(r.phase[PHASE_INITIAL].done, n);
    assert_int_equal(r.phase[PHASE_HANDOVER].done, n);
    assert_int_equal(r.phase[PHASE_EXPIRE].done, n);
    return (double)r.held / n;
}

static void test_cmd(void **state)
{
    static const uint32_t sizes[] = {1000, 1800, 3500};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double got = octets(GW_ROLE_CMD, sizes[i]);
        if (got > OCTETS_MOST)
            fail_msg("%u bindings take %.0f octets each", sizes[i], got);
        assert_true(got > 200); /* it was counted at all */
    }
}

static void test_lma(void **state)
{
    (void)state;
    double got = octets(GW_ROLE_LMA, 3500);
    if (got > OCTETS_MOST + 64) /* and an entry of the pool */
        fail_msg("a session takes %.0f octets", got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cmd),
        cmocka_unit_test(test_lma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
