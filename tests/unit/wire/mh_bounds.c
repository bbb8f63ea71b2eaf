/* The Mobility Header codec at its limits: truncation, hostile lengths, small buffers, too much. */
#include "../test.h"

#include <stdlib.h>

#include "mh_tools.h"

static enum gw_parse parse(const uint8_t *data, size_t len, struct gw_parse_result *res)
{
    static struct gw_mh m;

    *res = gw_mh_parse(&gw_mh_codec_default, NULL, data, len, &m);
    return res->code;
}

/* A copy that ends where the data end, so that the sanitizer sees a read behind it. */
static uint8_t *exact(const uint8_t *data, size_t len)
{
    uint8_t *p = malloc(len != 0 ? len : 1);

    assert_non_null(p);
    memcpy(p, data, len);
    return p;
}

static void test_truncated(void **state)
{
    static struct gw_mh m;
    uint8_t buf[GW_MH_MAX];
    struct gw_parse_result res;

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++) {
        int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf);
        for (size_t cut = 0; cut < (size_t)len; cut++) {
            uint8_t *p = exact(buf, cut);
            assert_int_equal(parse(p, cut, &res), GW_PARSE_ERROR);
            assert_true(res.offset <= cut);
            free(p);
        }
    }
}

/* The header says it is shorter than it is: options are cut, in any place. */
static void test_short_header_len(void **state)
{
    static struct gw_mh m;
    uint8_t buf[GW_MH_MAX];
    struct gw_parse_result res;
    size_t refused = 0;

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++) {
        int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf);
        for (uint8_t units = 0; 8 * units + 8 < len; units++) {
            buf[1] = units;
            uint8_t *p = exact(buf, 8u * units + 8u);
            refused += parse(p, 8u * units + 8u, &res) != GW_PARSE_OK;
            free(p);
        }
    }
    assert_true(refused > 50);
}

/* Every octet of every sample takes every value: no read behind the end (the sanitizer watches),
 * and what is taken is written and read back as the same. */
static void test_each_octet_any_value(void **state)
{
    static struct gw_mh m, again;
    uint8_t buf[GW_MH_MAX], out[GW_MH_MAX];
    size_t taken = 0;

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++) {
        int len = gw_mh_write(&gw_mh_codec_default, NULL, &m, buf, sizeof buf);
        uint8_t *p = exact(buf, (size_t)len);
        for (size_t at = 0; at < (size_t)len; at++) {
            for (unsigned v = 0; v < 256; v += at % 3 == 0 ? 1 : 37) {
                p[at] = (uint8_t)v;
                if (gw_mh_parse(&gw_mh_codec_default, NULL, p, (size_t)len, &m).code != GW_PARSE_OK)
                    continue;
                int n = gw_mh_write(&gw_mh_codec_default, NULL, &m, out, sizeof out);
                assert_true(n > 0);
                assert_int_equal(
                    gw_mh_parse(&gw_mh_codec_default, NULL, out, (size_t)n, &again).code,
                    GW_PARSE_OK);
                assert_true(mh_equal(&gw_mh_codec_default, &m, &again));
                taken++;
            }
            p[at] = buf[at];
        }
        free(p);
    }
    assert_true(taken > 1000);
}

struct rule {
    uint8_t type, min, max;
};
/* From the RFCs, not from the code. */
static const struct rule rules[] = {
    {2, 2, 2},    {3, 16, 16},  {5, 1, 255},  {7, 2, 9},    {8, 1, 255},   {9, 6, 255},
    {10, 8, 8},   {18, 0, 255}, {19, 5, 255}, {20, 1, 255}, {22, 18, 18},  {23, 2, 2},
    {24, 2, 2},   {25, 3, 10},  {26, 16, 16}, {27, 8, 8},   {28, 4, 4},    {50, 6, 6},
    {51, 18, 18}, {62, 0, 255}, {65, 18, 18}, {66, 18, 18}, {67, 34, 34},  {68, 16, 16},
    {69, 16, 16}, {70, 3, 10},  {71, 16, 16}, {72, 16, 16}, {200, 0, 255},
};

/* An UPA whose only option is of a type and length; the rest is PadN. 128 suits Address Length. */
static size_t one_option(uint8_t *buf, uint8_t type, uint8_t len)
{
    size_t at = 16, end = (at + 2u + len + 7u) / 8 * 8;

    memset(buf, 0, end);
    buf[0] = 59;
    buf[1] = (uint8_t)(end / 8 - 1);
    buf[2] = GW_MH_UPA;
    buf[12] = GW_OPT_PADN;
    buf[13] = 2;
    buf[at] = type;
    buf[at + 1] = len;
    if (type == GW_OPT_MAG_ADDR && len >= 2)
        buf[at + 3] = 128;
    return end;
}

static void test_option_lengths(void **state)
{
    uint8_t buf[GW_MH_MAX];
    struct gw_parse_result res;

    (void)state;
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
        for (unsigned len = 0; len < 256; len++) {
            size_t n = one_option(buf, rules[r].type, (uint8_t)len);
            bool good = len >= rules[r].min && len <= rules[r].max;
            assert_int_equal(parse(buf, n, &res), good ? GW_PARSE_OK : GW_PARSE_ERROR);
            assert_int_equal(res.offset, good ? 0 : 16);
            assert_int_equal(res.answer, GW_ANSWER_NONE);
        }
    }
}

static void test_option_sets_of_lengths(void **state)
{
    uint8_t buf[GW_MH_MAX];
    struct gw_parse_result res;

    (void)state;
    for (unsigned len = 0; len < 256; len++) {
        size_t n = one_option(buf, GW_OPT_GRE_KEY, (uint8_t)len);
        assert_int_equal(parse(buf, n, &res) == GW_PARSE_OK, len == 2 || len == 6);
        n = one_option(buf, GW_OPT_BID, (uint8_t)len);
        assert_int_equal(parse(buf, n, &res) == GW_PARSE_OK, len == 4 || len == 8 || len == 20);
    }
}

static void test_option_values(void **state)
{
    static const uint8_t prefixes[] = {GW_OPT_HNP, GW_OPT_ANCHORED_PREFIX, GW_OPT_LOCAL_PREFIX};
    uint8_t buf[GW_MH_MAX];
    struct gw_parse_result res;

    (void)state;
    for (size_t i = 0; i < sizeof prefixes; i++) {
        for (unsigned plen = 0; plen < 256; plen++) {
            size_t n = one_option(buf, prefixes[i], 18);
            buf[19] = (uint8_t)plen;
            assert_int_equal(parse(buf, n, &res) == GW_PARSE_OK, plen <= 128);
        }
    }
    size_t n = one_option(buf, GW_OPT_PREVIOUS_MAAR, 34);
    buf[19] = 129;
    assert_int_equal(parse(buf, n, &res), GW_PARSE_ERROR);
    n = one_option(buf, GW_OPT_MAG_ADDR, 18);
    buf[19] = 64;
    assert_int_equal(parse(buf, n, &res), GW_PARSE_ERROR);
    assert_int_equal(res.offset, 16);
}

/* Bits behind a prefix's length are to be ignored (RFC 8885 §4.3). */
static void test_prefix_bits_behind(void **state)
{
    static struct gw_mh m;
    uint8_t buf[GW_MH_MAX];

    (void)state;
    size_t n = one_option(buf, GW_OPT_ANCHORED_PREFIX, 18);
    buf[18] = 0xee; /* reserved */
    buf[19] = 12;
    memset(buf + 20, 0xff, 16);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, NULL, buf, n, &m).code, GW_PARSE_OK);
    assert_int_equal(m.opt[0].prefix.len, 12);
    assert_memory_equal(m.opt[0].prefix.addr.b, "\xff\xf0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void test_options_that_overrun(void **state)
{
    uint8_t buf[32] = {59, 3, GW_MH_UPA};
    struct gw_parse_result res;

    (void)state;
    buf[12] = GW_OPT_PADN;
    buf[13] = 19; /* one more than there is */
    assert_int_equal(parse(buf, 32, &res), GW_PARSE_ERROR);
    assert_int_equal(res.offset, 12);
    buf[13] = 18;
    assert_int_equal(parse(buf, 32, &res), GW_PARSE_OK);
    buf[13] = 17;
    buf[31] = GW_OPT_PADN; /* a type without a length */
    assert_int_equal(parse(buf, 32, &res), GW_PARSE_ERROR);
    assert_int_equal(res.offset, 31);
    buf[31] = 200;
    assert_int_equal(parse(buf, 32, &res), GW_PARSE_ERROR);
    assert_int_equal(res.offset, 31);
    buf[31] = GW_OPT_PAD1;
    assert_int_equal(parse(buf, 32, &res), GW_PARSE_OK);
}

static void test_too_many_options(void **state)
{
    uint8_t buf[GW_MH_MAX] = {59, 255, GW_MH_UPA};
    struct gw_parse_result res;

    (void)state;
    for (size_t i = 0; i < GW_MH_OPTS; i++)
        buf[12 + 2 * i] = 200;
    assert_int_equal(parse(buf, sizeof buf, &res), GW_PARSE_OK);
    buf[12 + 2 * GW_MH_OPTS] = 200;
    assert_int_equal(parse(buf, sizeof buf, &res), GW_PARSE_ERROR);
    assert_int_equal(res.offset, 12 + 2 * GW_MH_OPTS);
}

static void test_small_buffers(void **state)
{
    static struct gw_mh m;
    uint8_t buf[GW_MH_MAX];

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++) {
        int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf);
        for (size_t size = 0; size < (size_t)len; size++) {
            uint8_t *p = malloc(size != 0 ? size : 1);
            assert_non_null(p);
            assert_int_equal(gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, p, size),
                             GW_ESHORT);
            free(p);
        }
    }
}

static void test_too_long(void **state)
{
    static struct gw_mh m;
    static const uint8_t data[255];
    static uint8_t buf[2 * GW_MH_MAX];

    (void)state;
    m = (struct gw_mh){.type = GW_MH_UPA};
    for (int i = 0; i < 7; i++) {
        struct gw_opt *o = gw_mh_add(&m, 200);
        o->raw.data = data;
        o->raw.len = 255;
    }
    struct gw_opt *last = gw_mh_add(&m, 200);
    last->raw.data = data;
    last->raw.len = 2048 - 12 - 7 * 257 - 2;
    assert_int_equal(gw_mh_write(&gw_mh_codec_default, NULL, &m, buf, sizeof buf), GW_MH_MAX);
    last->raw.len++;
    assert_int_equal(gw_mh_write(&gw_mh_codec_default, NULL, &m, buf, sizeof buf), GW_EINVAL);
}

static void assert_unsayable(const struct gw_mh *m)
{
    uint8_t buf[GW_MH_MAX];

    assert_int_equal(gw_mh_write(&gw_mh_codec_default, NULL, m, buf, sizeof buf), GW_EINVAL);
}

static void test_unsayable(void **state)
{
    static struct gw_mh m;
    uint8_t octets[256] = {0};

    (void)state;
    m = (struct gw_mh){.type = 0};
    assert_unsayable(&m);
    m = (struct gw_mh){.type = GW_MH_UPA, .nopts = GW_MH_OPTS + 1};
    assert_unsayable(&m);
    m = (struct gw_mh){.type = GW_MH_UPA};
    struct gw_opt *o = gw_mh_add(&m, GW_OPT_PADN);
    assert_unsayable(&m);
    *o = (struct gw_opt){.type = GW_OPT_HNP, .prefix = {.len = 129}};
    assert_unsayable(&m);
    *o = (struct gw_opt){.type = GW_OPT_MNID, .mnid = {1, 255, octets}};
    assert_unsayable(&m);
    *o = (struct gw_opt){.type = GW_OPT_DLIF_LLADDR, .lladdr = {.len = 0}};
    assert_unsayable(&m);
    *o = (struct gw_opt){.type = GW_OPT_DLIF_LLADDR, .lladdr = {.len = 9}};
    assert_unsayable(&m);
    *o = (struct gw_opt){.type = GW_OPT_AUTH, .auth = {1, 256, octets, 251}};
    assert_unsayable(&m);
    *o = (struct gw_opt){.type = GW_OPT_BID, .raw = {octets, 5}};
    assert_unsayable(&m);
    m = (struct gw_mh){.type = GW_MH_EXPERIMENTAL, .exp = {.data = octets, .len = 3}};
    assert_unsayable(&m);
    m = (struct gw_mh){.type = GW_MH_EXPERIMENTAL, .exp = {.data = octets, .len = 2}};
    assert_non_null(gw_mh_add(&m, 200));
    assert_unsayable(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_short_header_len),
        cmocka_unit_test(test_each_octet_any_value),
        cmocka_unit_test(test_option_lengths),
        cmocka_unit_test(test_option_sets_of_lengths),
        cmocka_unit_test(test_option_values),
        cmocka_unit_test(test_prefix_bits_behind),
        cmocka_unit_test(test_options_that_overrun),
        cmocka_unit_test(test_too_many_options),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_unsayable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
