/* hold_test.c: a record of a hold, as it comes back after a restart: for how long it keeps out. */
#include "fn/lm/hold.h"

#include "../test.h"
#include "base/cursor.h"

#include <stdlib.h>

#define WALL GW_SEC(1800000000).ns

static const struct gw_config config = {.limits.bindings = 10};

/* How long a hold lasts whose record says that it ends at `until`; -1: the record is refused. */
static int64_t kept_out(int64_t until)
{
    static const uint8_t name[] = {'a', '@', 'b'};
    const struct gw_mnid mn = {GW_MNID_NAI, sizeof name, name};
    struct gw_timers timers;
    struct gw_lm lm = {
        .cfg = &config, .al = &gw_alloc_libc, .timers = &timers, .now = {GW_SEC(5), WALL}};
    struct gw_holds holds;
    uint8_t value[32];
    struct gw_wr w = gw_wr_make(value, sizeof value);
    int64_t left = -1;

    gw_timers_init(&timers, &gw_alloc_libc);
    gw_holds_init(&holds, &lm, 1);
    gw_wr_u8(&w, 1);
    gw_wr_u64(&w, (uint64_t)until);
    gw_wr_u8(&w, mn.subtype);
    gw_wr_u8(&w, mn.len);
    gw_wr_put(&w, mn.id, mn.len);
    if (gw_hold_restore(&holds, value, gw_wr_len(&w)) == 0) {
        assert_true(gw_hold_has(&holds, &mn));
        left = gw_timers_next(&timers).ns - lm.now.mono.ns;
    }
    gw_holds_free(&holds);
    gw_timers_free(&timers);
    return left;
}

static void goes_on(void **state)
{
    (void)state;
    assert_int_equal(kept_out(WALL + GW_SEC(300).ns), GW_SEC(300).ns);
    assert_int_equal(kept_out(WALL + GW_SEC(GW_HOLD_MAX_S).ns), GW_SEC(GW_HOLD_MAX_S).ns);
}

static void is_over(void **state)
{
    (void)state;
    assert_int_equal(kept_out(WALL), 0);
    assert_int_equal(kept_out(WALL - GW_SEC(300).ns), 0);
    assert_int_equal(kept_out(0), 0);
    assert_int_equal(kept_out(INT64_MIN), 0); /* of a spoilt record */
}

/* The clock was far ahead when the hold began and has been set right, or the record is spoilt. */
static void lasts_no_longer_than_any(void **state)
{
    (void)state;
    assert_int_equal(kept_out(WALL + GW_SEC(GW_HOLD_MAX_S + 1).ns), GW_SEC(GW_HOLD_MAX_S).ns);
    assert_int_equal(kept_out(INT64_MAX), GW_SEC(GW_HOLD_MAX_S).ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),
        cmocka_unit_test(is_over),
        cmocka_unit_test(lasts_no_longer_than_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
