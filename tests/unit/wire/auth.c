/* The Mobility Message Authentication option: what it covers, keys and their rollover. That the MAC
 * is the right one is judged by another implementation in tests/golden.
 */
#include "../test.h"

#include "mh_tools.h"
#include "wire/auth.h"

static const struct gw_key key_a = {256, GW_AUTH_HMAC_SHA256_128, 5, "first"};
static const struct gw_key key_b = {257, GW_AUTH_HMAC_SHA1_96, 6, "second"};

static struct gw_mh m, got;
static uint8_t buf[GW_MH_MAX];

static int sign(const struct gw_key *key)
{
    assert_non_null(sample_make(0, &m));
    int len = gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, key, buf, sizeof buf);
    assert_true(len > 0);
    return len;
}

static int check(const uint8_t *data, int len, const struct gw_key *keys, size_t nkeys)
{
    if (gw_mh_parse(&gw_mh_codec_default, NULL, data, (size_t)len, &got).code != GW_PARSE_OK)
        return GW_EFORMAT;
    return gw_mh_check_auth(&sample_addrs, &got, data, (size_t)len, keys, nkeys);
}

static void test_good(void **state)
{
    const struct gw_key *const keys[] = {&key_a, &key_b};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int len = sign(keys[i]);
        assert_int_equal(
            gw_mh_parse(&gw_mh_codec_default, &sample_addrs, buf, (size_t)len, &got).code,
            GW_PARSE_OK); /* the checksum is right too */
        assert_int_equal(got.nopts, m.nopts + 1);
        const struct gw_opt *o = &got.opt[got.nopts - 1];
        assert_int_equal(o->type, GW_OPT_AUTH);
        assert_int_equal(o->auth.subtype, 1);
        assert_int_equal(o->auth.spi, keys[i]->spi);
        assert_int_equal(o->auth.mac_len, i == 0 ? 16 : 12);
        assert_int_equal(o->offset % 4, 1);
        assert_int_equal(check(buf, len, keys[i], 1), 0);
    }
}

/* Every bit but the checksum's and the last padding's is protected. */
static void test_every_bit(void **state)
{
    int len = sign(&key_a);
    const size_t mac_end = (size_t)len - 4; /* 23 octets from 4n+1, then PadN of 4 or none */

    (void)state;
    assert_int_equal(check(buf, len, &key_a, 1), 0);
    size_t end = got.opt[got.nopts - 1].offset + 2u + 5u + 16u;
    assert_true(end == mac_end || end == (size_t)len);
    for (size_t bit = 0; bit < 8 * end; bit++) {
        if (bit / 8 == 4 || bit / 8 == 5)
            continue;
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(check(buf, len, &key_a, 1), 0);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buf[4] ^= 0xff;
    assert_int_equal(check(buf, len, &key_a, 1), 0);
}

static void test_addresses(void **state)
{
    struct gw_mh_addrs other = sample_addrs;
    int len = sign(&key_a);

    (void)state;
    assert_int_equal(check(buf, len, &key_a, 1), 0);
    other.src.b[15] ^= 1;
    assert_int_equal(gw_mh_check_auth(&other, &got, buf, (size_t)len, &key_a, 1), GW_EAUTH);
    other = sample_addrs;
    other.dst.b[15] ^= 1;
    assert_int_equal(gw_mh_check_auth(&other, &got, buf, (size_t)len, &key_a, 1), GW_EAUTH);
}

static void test_keys(void **state)
{
    struct gw_key both[2] = {key_b, key_a}, wrong = key_a;
    int len = sign(&key_a);

    (void)state;
    assert_int_equal(check(buf, len, both, 2), 0); /* a rollover */
    assert_int_equal(check(buf, len, both, 1), GW_EAUTH);
    assert_int_equal(check(buf, len, both, 0), GW_EAUTH);
    wrong.spi = 255;
    assert_int_equal(check(buf, len, &wrong, 1), GW_EAUTH);
    wrong = key_a;
    wrong.secret[0] ^= 1;
    assert_int_equal(check(buf, len, &wrong, 1), GW_EAUTH);
    wrong = key_a;
    wrong.alg = GW_AUTH_HMAC_SHA1_96; /* the length of its MAC differs */
    assert_int_equal(check(buf, len, &wrong, 1), GW_EAUTH);
}

static void test_missing_or_not_last(void **state)
{
    (void)state;
    assert_non_null(sample_make(0, &m));
    int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf);
    assert_int_equal(check(buf, len, &key_a, 1), GW_EAUTH);
    len = sign(&key_a);
    assert_int_equal(check(buf, len, &key_a, 1), 0);
    got.opt[got.nopts - 1].type = 200; /* the same octets by another name */
    assert_int_equal(gw_mh_check_auth(&sample_addrs, &got, buf, (size_t)len, &key_a, 1), GW_EAUTH);
    got.opt[got.nopts - 1].type = GW_OPT_AUTH;
    /* An option appended behind it by somebody in between. */
    m = got;
    struct gw_opt *o = gw_mh_add(&m, 200);
    o->raw.data = buf;
    o->raw.len = 0;
    uint8_t more[GW_MH_MAX];
    len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, more, sizeof more);
    assert_int_equal(check(more, len, &key_a, 1), GW_EAUTH);
    assert_non_null(sample_make(15, &m)); /* no option at all */
    m.nopts = 0;
    assert_int_equal(gw_mh_check_auth(&sample_addrs, &m, buf, sizeof buf, &key_a, 1), GW_EAUTH);
}

static void test_refused_to_sign(void **state)
{
    uint8_t small[64];

    (void)state;
    assert_non_null(sample_make(5, &m)); /* has one already */
    assert_int_equal(
        gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &key_a, buf, sizeof buf),
        GW_EINVAL);
    assert_non_null(sample_make(8, &m)); /* Experimental: takes no options */
    assert_int_equal(
        gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &key_a, buf, sizeof buf),
        GW_EINVAL);
    assert_non_null(sample_make(0, &m));
    for (size_t size = 0; size < sizeof small; size++)
        assert_int_equal(
            gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &key_a, small, size),
            GW_ESHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_missing_or_not_last),
        cmocka_unit_test(test_refused_to_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
