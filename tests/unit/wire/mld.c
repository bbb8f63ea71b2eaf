/* The General Query, octet by octet. What hosts make of it: tests/e2e/test_relearn.py. */
#include "../test.h"

#include "base/text.h"
#include "wire/mh.h"
#include "wire/mld.h"

static void query(void **state)
{
    static const uint8_t want[GW_MLD_QUERY_LEN] = {
        0x60, 0,    0, 0, 0,    36,   0, 1,                            /* hop-by-hop, hop limit 1 */
        0xfe, 0x80, 0, 0, 0,    0,    0, 0, 0, 0x90, 0, 0, 0, 0, 0, 7, /* fe80::90:0:0:7 */
        0xff, 0x02, 0, 0, 0,    0,    0, 0, 0, 0,    0, 0, 0, 0, 0, 1, /* ff02::1 */
        58,   0,    5, 2, 0,    0,    1, 0,                            /* Router Alert */
        130,  0,    0, 0, 0x03, 0xe8, 0, 0,                            /* 1000 ms */
        0,    0,    0, 0, 0,    0,    0, 0, 0, 0,    0, 0, 0, 0, 0, 0,
        2,    125,  0, 0 /* every group */
    };
    struct gw_mh_addrs sum;
    uint8_t buf[GW_MLD_QUERY_LEN];

    (void)state;
    assert_int_equal(gw_parse_addr("fe80::90:0:0:7", &sum.src), 0);
    assert_int_equal(gw_parse_addr("ff02::1", &sum.dst), 0);
    gw_mld_write_query(&sum.src, 1000, buf);
    assert_int_equal(gw_ip6_checksum(&sum, 58, buf + 48, 28), 0);
    assert_true(buf[50] != 0 || buf[51] != 0);
    buf[50] = buf[51] = 0;
    assert_memory_equal(buf, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(query)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
