/* The Mobility Header codec: writing then parsing is the identity, canonical octets come out as
 * they went in, alignment, the order of RFC 6275 §9.2.
 */
#include "../test.h"

#include "mh_tools.h"

static const struct gw_mh_codec drawn = {GW_PROFILE_AS_DRAWN, GW_OPT_CATS_CLIENT, GW_OPT_CATS_ADDR};
static const struct gw_mh_codec moved = {GW_PROFILE_REGISTERED, 210, 211};
static const struct gw_mh_codec no_cats = {GW_PROFILE_AS_DRAWN, 0, 0};

static void assert_round_trip(const struct gw_mh_codec *codec, const struct gw_mh *m)
{
    static struct gw_mh back;
    uint8_t buf[GW_MH_MAX], again[GW_MH_MAX];
    int len = gw_mh_write(codec, &sample_addrs, m, buf, sizeof buf);

    assert_true(len > 0);
    assert_int_equal(len % 8, 0);
    assert_int_equal(len, 8 * buf[1] + 8);
    struct gw_parse_result res = gw_mh_parse(codec, &sample_addrs, buf, (size_t)len, &back);
    assert_int_equal(res.code, GW_PARSE_OK);
    assert_null(res.why);
    assert_true(mh_equal(codec, m, &back));
    assert_int_equal(gw_mh_write(codec, &sample_addrs, &back, again, sizeof again), len);
    assert_memory_equal(buf, again, (size_t)len);
}

static void test_samples(void **state)
{
    static struct gw_mh m;

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++)
        assert_round_trip(&gw_mh_codec_default, &m);
}

static void test_random(void **state)
{
    static const struct gw_mh_codec *const codecs[] = {&gw_mh_codec_default, &drawn, &moved,
                                                       &no_cats};
    static struct gw_mh m;
    struct random_pool pool;
    struct gw_prng p;

    (void)state;
    gw_prng_seed(&p, 2026);
    for (int i = 0; i < 20000; i++) {
        const struct gw_mh_codec *codec = codecs[i % 4];
        random_mh(&p, codec, &pool, 24, &m);
        assert_round_trip(codec, &m);
    }
}

/* Each option alone, so that one that corrupts its neighbour is seen alone as well. */
static void test_each_option(void **state)
{
    static struct gw_mh all, m;

    (void)state;
    sample_all_options(&all);
    for (size_t i = 0; i < all.nopts; i++) {
        m = (struct gw_mh){.type = GW_MH_UPA, .nopts = 1};
        m.opt[0] = all.opt[i];
        assert_round_trip(&gw_mh_codec_default, &m);
    }
}

struct align {
    uint8_t type, n, plus;
};
/* From the RFCs, not from the code. */
static const struct align aligns[] = {
    {2, 2, 0},  {3, 8, 6},  {5, 8, 2},  {9, 4, 1},  {10, 8, 2}, {19, 4, 2}, {22, 8, 4},
    {26, 8, 6}, {27, 8, 2}, {28, 4, 2}, {33, 4, 0}, {50, 4, 0}, {51, 8, 4}, {65, 8, 4},
    {66, 8, 4}, {67, 8, 4}, {68, 8, 6}, {69, 8, 6}, {71, 8, 6}, {72, 8, 6},
};

static void test_alignment(void **state)
{
    static struct gw_mh m, back;
    struct random_pool pool;
    struct gw_prng p;
    uint8_t buf[GW_MH_MAX];
    size_t checked = 0;

    (void)state;
    gw_prng_seed(&p, 6275);
    for (int i = 0; i < 3000; i++) {
        random_mh(&p, &gw_mh_codec_default, &pool, 10, &m);
        int len = gw_mh_write(&gw_mh_codec_default, NULL, &m, buf, sizeof buf);
        assert_int_equal(gw_mh_parse(&gw_mh_codec_default, NULL, buf, (size_t)len, &back).code,
                         GW_PARSE_OK);
        for (size_t k = 0; k < back.nopts; k++)
            for (size_t a = 0; a < sizeof aligns / sizeof *aligns; a++)
                if (aligns[a].type == back.opt[k].type) {
                    assert_int_equal(back.opt[k].offset % aligns[a].n, aligns[a].plus);
                    checked++;
                }
    }
    assert_true(checked > 2000);
}

/* "Based on the size": the address begins on its natural boundary. */
static void test_alignment_by_size(void **state)
{
    static const uint8_t want[9] = {
        [1] = 2, [2] = 2, [3] = 2, [4] = 4, [5] = 2, [6] = 2, [7] = 2, [8] = 8};
    static struct gw_mh m, back;
    uint8_t buf[GW_MH_MAX];

    (void)state;
    for (uint8_t len = 1; len <= 8; len++) {
        for (uint8_t before = 1; before < 9; before++) {
            m = (struct gw_mh){.type = GW_MH_UPA};
            struct gw_opt *o = gw_mh_add(&m, 200);
            o->raw.data = buf;
            o->raw.len = before;
            gw_mh_add(&m, GW_OPT_DLIF_LLADDR)->lladdr = (struct gw_lladdr){.len = len};
            int n = gw_mh_write(&gw_mh_codec_default, NULL, &m, buf, sizeof buf);
            assert_int_equal(gw_mh_parse(&gw_mh_codec_default, NULL, buf, (size_t)n, &back).code,
                             GW_PARSE_OK);
            assert_int_equal((back.opt[1].offset + 4) % want[len], 0);
        }
    }
}

static void fix_checksum(uint8_t *buf, size_t len)
{
    buf[4] = buf[5] = 0;
    uint16_t sum = gw_ip6_checksum(&sample_addrs, GW_IPPROTO_MH, buf, len);
    buf[4] = (uint8_t)(sum >> 8);
    buf[5] = (uint8_t)sum;
}

static void assert_refused(const uint8_t *buf, size_t len, enum gw_parse code, int offset,
                           int answer)
{
    static struct gw_mh m;
    struct gw_parse_result res = gw_mh_parse(&gw_mh_codec_default, &sample_addrs, buf, len, &m);

    assert_int_equal(res.code, code);
    assert_int_equal(res.offset, offset);
    assert_int_equal(res.answer, answer);
    assert_non_null(res.why);
}

/* RFC 6275 §9.2: each fault alone, then all at once; the first in its order decides. */
static void test_validation_order(void **state)
{
    static struct gw_mh m;
    uint8_t buf[GW_MH_MAX];

    (void)state;
    assert_non_null(sample_make(7, &m)); /* a Binding Error: 24 octets at least */
    int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf);
    assert_int_equal(len, 24);

    buf[9] ^= 1;
    assert_refused(buf, 24, GW_PARSE_IGNORE, 4, GW_ANSWER_NONE);
    buf[9] ^= 1;
    buf[1] = 1; /* too short for a BE, though not for its data */
    fix_checksum(buf, 16);
    assert_refused(buf, 24, GW_PARSE_ERROR, 1, GW_ANSWER_PARAM_PROBLEM);
    buf[0] = 58;
    fix_checksum(buf, 16);
    assert_refused(buf, 24, GW_PARSE_ERROR, 0, GW_ANSWER_PARAM_PROBLEM);
    buf[2] = 99;
    fix_checksum(buf, 16);
    assert_refused(buf, 24, GW_PARSE_ERROR, 2, GW_ANSWER_BE_UNKNOWN_TYPE);
    buf[4] ^= 1;
    assert_refused(buf, 24, GW_PARSE_IGNORE, 4, GW_ANSWER_NONE);
    buf[1] = 200; /* more than there is: not even the checksum can be told */
    assert_refused(buf, 24, GW_PARSE_ERROR, 1, GW_ANSWER_NONE);
}

static void test_types(void **state)
{
    static const char known[256] = {[5] = 1,  [6] = 1,  [7] = 1,  [11] = 1, [13] = 1,
                                    [16] = 1, [17] = 1, [18] = 1, [19] = 1, [20] = 1};
    static struct gw_mh m;
    uint8_t buf[24] = {59, 2, 0};

    (void)state;
    for (int type = 0; type < 256; type++) {
        buf[2] = (uint8_t)type;
        struct gw_parse_result res = gw_mh_parse(&gw_mh_codec_default, NULL, buf, sizeof buf, &m);
        assert_int_equal(res.code, known[type] ? GW_PARSE_OK : GW_PARSE_ERROR);
        assert_int_equal(res.answer, known[type] ? GW_ANSWER_NONE : GW_ANSWER_BE_UNKNOWN_TYPE);
        assert_int_equal(strcmp(gw_mh_type_name((uint8_t)type), "unknown") != 0, known[type]);
    }
}

/* Reserved fields are ignored, and so is what follows the header. */
static void test_tolerance(void **state)
{
    static struct gw_mh m, back;
    uint8_t buf[GW_MH_MAX + 8] = {0};

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++) {
        int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, GW_MH_MAX);
        buf[3] = 0xff;
        fix_checksum(buf, (size_t)len);
        assert_int_equal(
            gw_mh_parse(&gw_mh_codec_default, &sample_addrs, buf, (size_t)len + 5, &back).code,
            GW_PARSE_OK);
        assert_true(mh_equal(&gw_mh_codec_default, &m, &back));
    }
}

static void test_checksum_addresses(void **state)
{
    static struct gw_mh m;
    struct gw_mh_addrs other = sample_addrs;
    uint8_t buf[GW_MH_MAX];

    (void)state;
    assert_non_null(sample_make(0, &m));
    int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf);
    other.src.b[15] ^= 1;
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, &other, buf, (size_t)len, &m).code,
                     GW_PARSE_IGNORE);
    other = sample_addrs;
    other.dst.b[0] ^= 1;
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, &other, buf, (size_t)len, &m).code,
                     GW_PARSE_IGNORE);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, NULL, buf, (size_t)len, &m).code,
                     GW_PARSE_OK);
}

/* Against the definition (RFC 1071), with odd lengths too: a last octet counts as followed by 0. */
static void test_checksum_definition(void **state)
{
    uint8_t all[40 + 64];
    struct gw_prng p;

    (void)state;
    gw_prng_seed(&p, 1071);
    for (size_t len = 0; len < 64; len++) {
        memcpy(all, &sample_addrs, 32);
        for (size_t i = 32; i < sizeof all; i++)
            all[i] = 0;
        all[35] = (uint8_t)len;
        all[39] = 135;
        for (size_t i = 0; i < len; i++)
            all[40 + i] = (uint8_t)gw_prng_u64(&p);
        uint32_t sum = 0;
        for (size_t i = 0; i < sizeof all; i += 2) {
            sum += (uint32_t)(all[i] << 8 | all[i + 1]);
            sum = (sum & 0xffff) + (sum >> 16);
        }
        assert_int_equal(gw_ip6_checksum(&sample_addrs, 135, all + 40, len), ~sum & 0xffff);
    }
}

static void test_finding_options(void **state)
{
    static struct gw_mh m;
    size_t it = 0, n = 0;

    (void)state;
    assert_non_null(sample_make(5, &m));
    while (gw_mh_opt(&m, GW_OPT_GRE_KEY, &it) != NULL)
        n++;
    assert_int_equal(n, 2);
    it = 0;
    assert_null(gw_mh_opt(&m, 250, &it));
    assert_string_equal(gw_mh_opt_name(GW_OPT_MNID), "mn-id");
    assert_string_equal(gw_mh_opt_name(250), "unknown");
    assert_string_equal(gw_mh_status_name(GW_ST_AUTH_FAILED), "authentication failed");
    assert_string_equal(gw_mh_status_name(99), "unknown");
    assert_string_equal(gw_mh_bra_status_name(GW_BRA_ATTACHED), "the mobile node is attached");
    assert_string_equal(gw_mh_bra_status_name(2), "unknown");
    assert_string_equal(gw_mh_upa_status_name(GW_UPA_SUCCESS), "success");
    assert_string_equal(gw_mh_upa_status_name(130), "unknown");
    while (gw_mh_add(&m, 200) != NULL)
        ;
    assert_int_equal(m.nopts, GW_MH_OPTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_each_option),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_alignment_by_size),
        cmocka_unit_test(test_validation_order),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_checksum_addresses),
        cmocka_unit_test(test_checksum_definition),
        cmocka_unit_test(test_finding_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
