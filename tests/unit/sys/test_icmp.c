/* test_icmp.c: the Parameter Problem's octets, its length bound, and the token bucket. */
#include "sys/icmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct gw_mh_addrs addrs = {.src.b = {0x20, 1, [15] = 0xaa},
                                         .dst.b = {0x20, 1, [15] = 0xbb}};

static void test_param_problem(void **state)
{
    (void)state;
    const uint8_t mh[8] = {6, 0, 5, 0, 0x12, 0x34, 0, 1}; /* payload proto is not 59 */
    const uint8_t head[16] = {4, 0, 0, 0, 0, 0, 0, 40, 0x60, 0, 0, 0, 0, 8, 135, 64};
    uint8_t out[GW_ICMP_MAX];
    assert_int_equal(gw_icmp_param_problem(&addrs, 0, mh, sizeof mh, out), 8 + 40 + 8);
    assert_memory_equal(out, head, sizeof head);
    assert_memory_equal(out + 16, addrs.dst.b, 16); /* the message came from there, to us */
    assert_memory_equal(out + 32, addrs.src.b, 16);
    assert_memory_equal(out + 48, mh, sizeof mh);
    gw_icmp_param_problem(&addrs, 0x0107, mh, sizeof mh, out);
    assert_memory_equal(out + 4, ((uint8_t[]){0, 0, 1, 0x2f}), 4);
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    uint8_t mh[GW_MH_MAX] = {59, 255}, out[GW_ICMP_MAX];
    assert_int_equal(gw_icmp_param_problem(&addrs, 0, mh, sizeof mh, out), GW_ICMP_MAX);
    assert_memory_equal(out + 12, ((uint8_t[]){GW_MH_MAX >> 8, GW_MH_MAX & 0xff}), 2);
}

static unsigned take(struct gw_icmp_rate *b, struct gw_time at)
{
    unsigned n = 0;
    while (n < 1000 && gw_icmp_rate_take(b, 10, 20, at))
        n++;
    return n;
}

static void test_bucket(void **state)
{
    (void)state;
    struct gw_icmp_rate b = {0};
    struct gw_time t = GW_SEC(1000);
    assert_int_equal(take(&b, t), 20); /* the burst, not more after a long silence */
    assert_int_equal(take(&b, t), 0);
    t = gw_time_add(t, GW_MSEC(99));
    assert_int_equal(take(&b, t), 0);
    t = gw_time_add(t, GW_MSEC(1));
    assert_int_equal(take(&b, t), 1);
    t = gw_time_add(t, GW_SEC(1));
    assert_int_equal(take(&b, t), 10);
    t = gw_time_add(t, GW_SEC(3600));
    assert_int_equal(take(&b, t), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_param_problem),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
