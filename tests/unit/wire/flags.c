/* Flags on the wire in both profiles, octet for octet. */
#include "../test.h"

#include "mh_tools.h"

static const struct gw_mh_codec drawn = {GW_PROFILE_AS_DRAWN, GW_OPT_CATS_CLIENT, GW_OPT_CATS_ADDR};

/* Writes a BU of the flags, with a client option or not: the flags field, or an error. */
static int bu_wire(const struct gw_mh_codec *codec, unsigned flags, bool client)
{
    struct gw_mh m = {.type = GW_MH_BU, .bu = {.flags = (uint16_t)flags}};
    uint8_t buf[64];

    if (client)
        assert_non_null(gw_mh_add(&m, codec->opt_cats_client));
    int len = gw_mh_write(codec, NULL, &m, buf, sizeof buf);
    return len < 0 ? len : buf[8] << 8 | buf[9];
}

static int ba_wire(const struct gw_mh_codec *codec, unsigned flags, bool client)
{
    struct gw_mh m = {.type = GW_MH_BA, .ba = {.flags = (uint8_t)flags}};
    uint8_t buf[64];

    if (client)
        assert_non_null(gw_mh_add(&m, codec->opt_cats_client));
    int len = gw_mh_write(codec, NULL, &m, buf, sizeof buf);
    return len < 0 ? len : buf[7];
}

static unsigned bu_read(const struct gw_mh_codec *codec, unsigned wire, bool client)
{
    struct gw_mh m = {.type = GW_MH_BU};
    uint8_t buf[64];

    if (client)
        assert_non_null(gw_mh_add(&m, codec->opt_cats_client));
    int len = gw_mh_write(codec, NULL, &m, buf, sizeof buf);
    buf[8] = (uint8_t)(wire >> 8);
    buf[9] = (uint8_t)wire;
    assert_int_equal(gw_mh_parse(codec, NULL, buf, (size_t)len, &m).code, GW_PARSE_OK);
    return m.bu.flags;
}

static void test_registered(void **state)
{
    const struct gw_mh_codec *c = &gw_mh_codec_default;

    (void)state;
    for (unsigned bit = 0x8000; bit >= 0x0004; bit >>= 1) {
        assert_int_equal(bu_wire(c, bit, false), bit);
        assert_int_equal(bu_read(c, bit, true), bit);
    }
    assert_int_equal(bu_wire(c, 0x0002, false), GW_EINVAL);
    assert_int_equal(bu_read(c, 0xffff, false), 0xfffc); /* reserved bits are ignored */
    for (unsigned bit = 1; bit < 256; bit <<= 1)
        assert_int_equal(ba_wire(c, bit, false), bit);
    assert_int_equal(GW_BU_D, 0x10); /* RFC 8885 §5 */
    assert_int_equal(GW_BA_D, 0x02);
}

static void test_as_drawn(void **state)
{
    (void)state;
    assert_int_equal(bu_wire(&drawn, GW_BU_A | GW_BU_P | GW_BU_D, false), 0x8300);
    assert_int_equal(bu_wire(&drawn, GW_BU_C, true), 0x0100);
    assert_int_equal(bu_wire(&drawn, GW_BU_C | GW_BU_N, true), 0x0180);
    assert_int_equal(bu_wire(&drawn, GW_BU_T, false), 0x0080);
    assert_int_equal(ba_wire(&drawn, GW_BA_P | GW_BA_D, false), 0x30);
    assert_int_equal(ba_wire(&drawn, GW_BA_C, true), 0x10);
    assert_int_equal(bu_read(&drawn, 0x0180, true), GW_BU_C | GW_BU_N);
    assert_int_equal(bu_read(&drawn, 0x0180, false), GW_BU_D | GW_BU_T);
    assert_int_equal(bu_read(&drawn, 0x001f, false), 0); /* where the registry has D */
}

/* What would be read back as something else must not be written. */
static void test_as_drawn_unsayable(void **state)
{
    (void)state;
    assert_int_equal(bu_wire(&drawn, GW_BU_F, false), GW_EINVAL);
    assert_int_equal(bu_wire(&drawn, GW_BU_C, false), GW_EINVAL);
    assert_int_equal(bu_wire(&drawn, GW_BU_D, true), GW_EINVAL);
    assert_int_equal(bu_wire(&drawn, GW_BU_C | GW_BU_T, true), GW_EINVAL);
    assert_int_equal(bu_wire(&drawn, GW_BU_C | GW_BU_D, true), GW_EINVAL);
    assert_int_equal(ba_wire(&drawn, GW_BA_T, false), GW_EINVAL);
    assert_int_equal(ba_wire(&drawn, GW_BA_C, false), GW_EINVAL);
}

/* A domain without CATS has no doubt about its bit. */
static void test_as_drawn_without_cats(void **state)
{
    static const struct gw_mh_codec codec = {GW_PROFILE_AS_DRAWN, 0, 0};

    (void)state;
    assert_int_equal(bu_wire(&codec, GW_BU_D, false), 0x0100);
    assert_int_equal(bu_read(&codec, 0x0100, false), GW_BU_D);
}

/* Previous MAAR: Length 33 and no reserved octet as drawn; 34 registered. */
static void test_previous_maar(void **state)
{
    struct gw_mh m = {.type = GW_MH_UPA}, back;
    uint8_t buf[96];

    (void)state;
    struct gw_opt *o = gw_mh_add(&m, GW_OPT_PREVIOUS_MAAR);
    memset(&o->previous_maar.maar, 0xaa, 16);
    o->previous_maar.hnp = (struct gw_prefix){.addr = {{0xbb}}, .len = 64};
    int len = gw_mh_write(&drawn, NULL, &m, buf, sizeof buf);
    assert_memory_equal(buf + 12, "\x00\x43\x21\x40\xaa\xaa", 6); /* Pad1; 67, 33, 64, MAAR */
    assert_int_equal(buf[32], 0xbb);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, NULL, buf, (size_t)len, &back).code,
                     GW_PARSE_ERROR);
    len = gw_mh_write(&gw_mh_codec_default, NULL, &m, buf, sizeof buf);
    assert_memory_equal(buf + 12, "\x43\x22\x00\x40\xaa\xaa", 6);
    assert_int_equal(gw_mh_parse(&drawn, NULL, buf, (size_t)len, &back).code, GW_PARSE_ERROR);
}

/* CATS options where the domain puts them; where it does not, they are unknown. */
static void test_cats_types(void **state)
{
    static const struct gw_mh_codec moved = {GW_PROFILE_REGISTERED, 210, 211};
    struct gw_mh m = {.type = GW_MH_UPA}, back;
    uint8_t buf[96];

    (void)state;
    memset(&gw_mh_add(&m, 210)->addr, 0x5a, 16);
    int len = gw_mh_write(&moved, NULL, &m, buf, sizeof buf);
    assert_int_equal(gw_mh_parse(&moved, NULL, buf, (size_t)len, &back).code, GW_PARSE_OK);
    assert_memory_equal(&back.opt[0].addr, &m.opt[0].addr, 16);
    assert_int_equal(gw_mh_opt_form(&moved, 71), GW_FORM_RAW);
    assert_int_equal(gw_mh_opt_form(&gw_mh_codec_default, 71), GW_FORM_ADDR);
    assert_int_equal(gw_mh_opt_form(&gw_mh_codec_default, 210), GW_FORM_RAW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registered),         cmocka_unit_test(test_as_drawn),
        cmocka_unit_test(test_as_drawn_unsayable), cmocka_unit_test(test_as_drawn_without_cats),
        cmocka_unit_test(test_previous_maar),      cmocka_unit_test(test_cats_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
