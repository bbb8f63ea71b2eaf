/* Addresses, prefixes and identities as text, both ways, and arithmetic on prefixes. */
#include "../test.h"

#include "base/err.h"
#include "base/prng.h"
#include "base/text.h"

static void test_addr(void **state)
{
    static const char *const good[] = {"2001:db8::1", "::",      "::1",
                                       "fe80::1:1",   "ff02::1", "2001:db8:0:1:1:1:1:1"};
    static const char *const bad[] = {
        "", "1", "2001:db8::1::", "2001:db8::g", "192.0.2.1", "fe80::1%eth0", "2001:db8::1 "};
    struct gw_addr a;
    char text[GW_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(gw_parse_addr(good[i], &a), 0);
        assert_string_equal(gw_fmt_addr(&a, text), good[i]);
    }
    memset(&a, 0x55, sizeof a);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(gw_parse_addr(bad[i], &a), GW_EFORMAT);
    for (size_t i = 0; i < sizeof a.b; i++)
        assert_int_equal(a.b[i], 0x55); /* untouched */
}

static void test_prefix(void **state)
{
    static const char *const good[] = {"::/0", "2001:db8::/32", "2001:db8:1000::/48",
                                       "2001:db8::1/128", "8000::/1"};
    static const char *const bad[] = {
        "2001:db8::",      "2001:db8::/",    "2001:db8::/129", "2001:db8::/-1",
        "2001:db8::/+1",   "2001:db8::/064", "2001:db8::/64 ", "/64",
        "2001:db8::/0x40", "2001:db8::/1/2", "2001:db8::/1000"};
    struct gw_prefix p;
    char text[GW_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(gw_parse_prefix(good[i], &p), 0);
        assert_string_equal(gw_fmt_prefix(&p, text), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(gw_parse_prefix(bad[i], &p), GW_EFORMAT);
    assert_int_equal(gw_parse_prefix("2001:db8::1/64", &p), GW_EINVAL);
    assert_string_equal(gw_fmt_prefix(&p, text), "8000::/1");
}

static void test_lladdr(void **state)
{
    struct gw_lladdr l;
    char text[GW_TEXT_MAX];

    (void)state;
    assert_int_equal(gw_parse_lladdr("02:00:5E:00:01:ff", &l), 0);
    assert_int_equal(l.len, 6);
    assert_string_equal(gw_fmt_lladdr(&l, text), "02:00:5e:00:01:ff");
    assert_int_equal(gw_parse_lladdr("02:00:5e:00:01:02:03:04", &l), 0);
    assert_int_equal(l.len, 8);
    static const char *const bad[] = {"",
                                      "02:00:5e:00:01",
                                      "02:00:5e:00:01:f",
                                      "2:0:5e:0:1:ff:00:0",
                                      "02-00-5e-00-01-ff",
                                      "02:00:5e:00:01:fg",
                                      "02:00:5e:00:01:ff:01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(gw_parse_lladdr(bad[i], &l), GW_EFORMAT);
    assert_int_equal(l.len, 8);
}

static void test_mnid(void **state)
{
    static uint8_t id[255];
    char text[GW_MNID_TEXT_MAX];
    struct gw_mnid m = {GW_MNID_EUI48, 6, (const uint8_t *)"\x02\0\0\0\0\x01"};

    (void)state;
    assert_string_equal(gw_fmt_mnid(&m, text), "02:00:00:00:00:01");
    m = (struct gw_mnid){GW_MNID_EUI48, 2, (const uint8_t *)"\x02\x03"};
    assert_string_equal(gw_fmt_mnid(&m, text), "5:0203");
    m = (struct gw_mnid){GW_MNID_NAI, 12, (const uint8_t *)"a@b.\\\n\x7f\xff ~%s"};
    assert_string_equal(gw_fmt_mnid(&m, text), "a@b.\\x5c\\x0a\\x7f\\xff\\x20~%s");
    m = (struct gw_mnid){GW_MNID_DUID, 0, id};
    assert_string_equal(gw_fmt_mnid(&m, text), "8:");
    for (int s = 0; s < 256; s++) { /* the longest of each fits */
        m = (struct gw_mnid){(uint8_t)s, 255, id};
        assert_true(strlen(gw_fmt_mnid(&m, text)) < GW_MNID_TEXT_MAX);
    }
}

/* Bit by bit: what the mask keeps, what lies in a prefix, what overlaps. */
static void test_prefix_arithmetic(void **state)
{
    struct gw_prng p;

    (void)state;
    gw_prng_seed(&p, 3);
    for (int round = 0; round < 2000; round++) {
        struct gw_addr a, b;
        for (size_t i = 0; i < 16; i++)
            a.b[i] = (uint8_t)gw_prng_u64(&p);
        unsigned len = (unsigned)gw_prng_below(&p, 129);
        unsigned same = (unsigned)gw_prng_below(&p, 129); /* first bit that differs */
        b = a;
        if (same < 128)
            b.b[same / 8] ^= (uint8_t)(0x80u >> same % 8);
        struct gw_prefix pa = gw_prefix_mask(a, (uint8_t)len);
        for (unsigned bit = 0; bit < 128; bit++) {
            unsigned want = bit < len ? (unsigned)a.b[bit / 8] >> (7 - bit % 8) & 1u : 0;
            assert_int_equal(pa.addr.b[bit / 8] >> (7 - bit % 8) & 1, want);
        }
        assert_int_equal(gw_prefix_contains(&pa, &b), same >= len);
        unsigned other = (unsigned)gw_prng_below(&p, 129);
        struct gw_prefix pb = gw_prefix_mask(b, (uint8_t)other);
        unsigned shorter = other < len ? other : len;
        assert_int_equal(gw_prefix_overlaps(&pa, &pb), same >= shorter);
        assert_int_equal(gw_prefix_overlaps(&pb, &pa), same >= shorter);
    }
}

static void test_kinds(void **state)
{
    struct gw_addr a;

    (void)state;
    assert_int_equal(gw_parse_addr("::", &a), 0);
    assert_true(gw_addr_is_zero(&a));
    assert_int_equal(gw_parse_addr("febf::1", &a), 0);
    assert_true(gw_addr_is_link_local(&a) && !gw_addr_is_multicast(&a) && !gw_addr_is_zero(&a));
    assert_int_equal(gw_parse_addr("fec0::1", &a), 0);
    assert_false(gw_addr_is_link_local(&a));
    assert_int_equal(gw_parse_addr("ff02::1", &a), 0);
    assert_true(gw_addr_is_multicast(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addr),   cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_lladdr), cmocka_unit_test(test_mnid),
        cmocka_unit_test(test_kinds),  cmocka_unit_test(test_prefix_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
