/* Cursors: big endian, bounds, and failure that lasts. */
#include "../test.h"

#include "base/cursor.h"

static void test_read(void **state)
{
    const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct gw_rd r = gw_rd_make(data, sizeof data);
    uint8_t last = 0;

    (void)state;
    assert_int_equal(gw_rd_u8(&r), 0x01);
    assert_int_equal(gw_rd_u16(&r), 0x0203);
    assert_int_equal(gw_rd_u32(&r), 0x04050607);
    assert_int_equal(gw_rd_u64(&r), 0x08090a0b0c0d0e0fu);
    assert_int_equal(gw_rd_left(&r), 1);
    assert_int_equal(gw_rd_offset(&r), 15);
    assert_true(gw_rd_copy(&r, &last, 1));
    assert_int_equal(last, 16);
    assert_non_null(gw_rd_take(&r, 0)); /* nothing, at the end, is there */
    assert_false(r.bad);
}

static void test_read_beyond(void **state)
{
    const uint8_t data[] = {1, 2, 3};
    struct gw_rd r = gw_rd_make(data, sizeof data);
    uint8_t out[2] = {9, 9};

    (void)state;
    assert_int_equal(gw_rd_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(gw_rd_offset(&r), 0);
    assert_int_equal(gw_rd_u8(&r), 0); /* also what would fit */
    assert_null(gw_rd_take(&r, 1));
    assert_false(gw_rd_copy(&r, out, 2));
    assert_int_equal(out[0], 0);
    assert_null(gw_rd_take(&r, SIZE_MAX));
}

static void test_write(void **state)
{
    const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xaa, 0xbb, 0, 0};
    uint8_t buf[sizeof want];
    struct gw_wr w = gw_wr_make(buf, sizeof buf);

    (void)state;
    memset(buf, 0xee, sizeof buf);
    gw_wr_u8(&w, 1);
    gw_wr_u16(&w, 0x0203);
    gw_wr_u32(&w, 0x04050607);
    gw_wr_u64(&w, 0x08090a0b0c0d0e0fu);
    gw_wr_put(&w, "\xaa\xbb", 2);
    gw_wr_zero(&w, 2);
    assert_false(w.bad);
    assert_int_equal(gw_wr_len(&w), sizeof want);
    assert_memory_equal(buf, want, sizeof want);
}

static void test_write_beyond(void **state)
{
    uint8_t buf[4] = {7, 7, 7, 7};
    struct gw_wr w = gw_wr_make(buf, 3);

    (void)state;
    gw_wr_u32(&w, 0);
    assert_true(w.bad);
    gw_wr_u8(&w, 0);
    gw_wr_zero(&w, 1);
    gw_wr_put(&w, "", 0);
    assert_int_equal(gw_wr_len(&w), 0);
    assert_memory_equal(buf, "\7\7\7\7", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_beyond),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
