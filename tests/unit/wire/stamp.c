/* stamp.c: STAMP packets: each field where RFC 8762 draws it, both modes, and the HMAC (computed
 * once more by the golden tests' Python).
 */
#include "wire/stamp.h"

#include "../test.h"
#include "base/err.h"

static const struct gw_stamp_key key = {9, "a secret."};
static const struct gw_stamp_probe probe = {0x01020304, 0x1112131415161718, 0x8101};
static const struct gw_stamp_reply reply = {.seq = 0x21222324,
                                            .sent = 0x3132333435363738,
                                            .received = 0x4142434445464748,
                                            .error = 0x8202,
                                            .probe = {0x01020304, 0x1112131415161718, 0x8101},
                                            .hop = 61};

static void expect(const uint8_t *buf, size_t at, const char *octets, size_t n)
{
    assert_memory_equal(buf + at, octets, n);
}

static void test_open(void **state)
{
    uint8_t buf[GW_STAMP_OPEN];
    struct gw_stamp_probe p;
    struct gw_stamp_reply r;

    (void)state;
    assert_int_equal(gw_stamp_write_probe(&probe, NULL, buf, sizeof buf), 44);
    expect(buf, 0, "\x01\x02\x03\x04\x11\x12\x13\x14\x15\x16\x17\x18\x81\x01\0\0", 16);
    assert_int_equal(gw_stamp_read_probe(buf, sizeof buf, NULL, &p), 0);
    assert_true(p.seq == probe.seq && p.sent == probe.sent && p.error == probe.error);
    assert_int_equal(gw_stamp_write_reply(&reply, NULL, buf, sizeof buf), 44);
    expect(buf, 0, "\x21\x22\x23\x24\x31\x32\x33\x34\x35\x36\x37\x38\x82\x02\0\0", 16);
    expect(buf, 16, "\x41\x42\x43\x44\x45\x46\x47\x48\x01\x02\x03\x04", 12);
    expect(buf, 28, "\x11\x12\x13\x14\x15\x16\x17\x18\x81\x01\0\0\x3d\0\0\0", 16);
    assert_int_equal(gw_stamp_read_reply(buf, sizeof buf, NULL, &r), 0);
    assert_int_equal(r.received, reply.received);
    assert_int_equal(r.probe.sent, reply.probe.sent);
    assert_int_equal(r.hop, 61);
    for (size_t n = 0; n < sizeof buf; n++) {
        assert_int_equal(gw_stamp_read_reply(buf, n, NULL, &r), GW_ESHORT);
        assert_int_equal(gw_stamp_write_reply(&reply, NULL, buf, n), GW_ESHORT);
    }
}

static void test_authenticated(void **state)
{
    uint8_t buf[GW_STAMP_AUTH];
    struct gw_stamp_probe p;
    struct gw_stamp_reply r;

    (void)state;
    assert_int_equal(gw_stamp_write_probe(&probe, &key, buf, sizeof buf), 112);
    expect(buf, 16, "\x11\x12\x13\x14\x15\x16\x17\x18\x81\x01", 10);
    assert_int_equal(gw_stamp_read_probe(buf, sizeof buf, &key, &p), 0);
    assert_true(p.seq == probe.seq && p.sent == probe.sent && p.error == probe.error);
    assert_int_equal(gw_stamp_write_reply(&reply, &key, buf, sizeof buf), 112);
    expect(buf, 32, "\x41\x42\x43\x44\x45\x46\x47\x48", 8);
    expect(buf, 48, "\x01\x02\x03\x04", 4);
    expect(buf, 64, "\x11\x12\x13\x14\x15\x16\x17\x18\x81\x01", 10);
    assert_int_equal(buf[80], 61);
    assert_int_equal(gw_stamp_read_reply(buf, sizeof buf, &key, &r), 0);
    for (size_t i = 0; i < sizeof buf; i++) {
        buf[i] ^= 1;
        assert_int_equal(gw_stamp_read_reply(buf, sizeof buf, &key, &r), GW_EAUTH);
        buf[i] ^= 1;
    }
    struct gw_stamp_key other = key;
    other.secret[0]++;
    assert_int_equal(gw_stamp_read_reply(buf, sizeof buf, &other, &r), GW_EAUTH);
    assert_int_equal(gw_stamp_read_reply(buf, GW_STAMP_OPEN, &key, &r), GW_ESHORT);
}

static void test_times(void **state)
{
    (void)state;
    assert_int_equal(
        gw_stamp_span(gw_ntp_time(1700000000000000000), gw_ntp_time(1700000000001000000)), 1000000);
    int64_t back =
        gw_stamp_span(gw_ntp_time(1700000005250000000), gw_ntp_time(1700000000000000000));
    assert_true(back >= -5250000001 && back <= -5249999999);
    assert_int_equal(gw_stamp_error(0), 1);
    for (uint64_t ns = 1; ns < 1000000000; ns = ns * 3 + 1) { /* never less than it is */
        uint16_t e = gw_stamp_error(ns);
        uint64_t units = (uint64_t)(e & 255) << (e >> 8 & 63);
        assert_true((e & 0xc000) == 0 && (e & 255) != 0);
        assert_true(units + 1 >= (ns << 32) / 1000000000 && units <= 2 + (ns << 33) / 1000000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_authenticated),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
