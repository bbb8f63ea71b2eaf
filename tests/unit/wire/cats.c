/* cats.c: the items of CATS control messages: each comes back as it was written, wherever the
 * message is cut, whatever octet is changed nothing worse happens than a refusal, and a full
 * message says so.
 */
#include "wire/cats.h"

#include "../test.h"
#include "mh_tools.h"
#include "wire/auth.h"

static struct gw_mh m, back;
static struct gw_cats_buf buf;

static struct gw_addr node(uint8_t last)
{
    return (struct gw_addr){.b = {0x20, 0x01, 0x0d, 0xb8, [15] = last}};
}

static struct gw_cats_instance instance(uint32_t seq)
{
    return (struct gw_cats_instance){.seq = seq,
                                     .state = GW_CATS_DRAINING,
                                     .score = 10,
                                     .computing = 0,
                                     .communication = 5,
                                     .service = GW_CATS_NO_SCORE,
                                     .weight = 0xffff,
                                     .lifetime = 1,
                                     .age = 2,
                                     .slots = 3,
                                     .latency = 0xfffffffe,
                                     .in_flight = 5,
                                     .errors = 10000,
                                     .csci_id = node(7)};
}

static void send_and_take(void)
{
    static uint8_t octets[GW_MH_MAX];
    int len = gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, octets, sizeof octets);

    assert_true(len > 0);
    assert_int_equal(
        gw_mh_parse(&gw_mh_codec_default, &sample_addrs, octets, (size_t)len, &back).code,
        GW_PARSE_OK);
    assert_true(back.type != GW_MH_EXPERIMENTAL || back.exp.data == NULL);
}

static void test_instance(void **state)
{
    struct gw_cats_item in = {.type = GW_CATS_INSTANCE, .instance = instance(0xfffffff0)}, out;
    size_t it = 0;

    (void)state;
    gw_cats_begin(&m, &buf, GW_CATS_UPDATE, GW_CATS_WANTS_DIGEST, 0xdeadbeef);
    assert_int_equal(gw_cats_add(&m, &buf, &in), 0);
    in.instance.egress = node(9);
    assert_int_equal(gw_cats_add(&m, &buf, &in), 0);
    send_and_take();
    assert_int_equal(back.exp.cats.type, GW_CATS_UPDATE);
    assert_int_equal(back.exp.cats.flags, GW_CATS_WANTS_DIGEST);
    assert_int_equal(back.exp.cats.seq, 0xdeadbeef);
    for (int i = 0; i < 2; i++) {
        in.instance.egress = i == 0 ? (struct gw_addr){{0}} : node(9);
        assert_int_equal(gw_cats_next(&back, &it, &out), 1);
        assert_int_equal(out.type, GW_CATS_INSTANCE);
        assert_int_equal(out.instance.seq, in.instance.seq);
        assert_int_equal(out.instance.state, GW_CATS_DRAINING);
        assert_int_equal(out.instance.score, 10);
        assert_int_equal(out.instance.service, GW_CATS_NO_SCORE);
        assert_int_equal(out.instance.weight, 0xffff);
        assert_int_equal(out.instance.latency, 0xfffffffe);
        assert_int_equal(out.instance.errors, 10000);
        assert_true(gw_addr_eq(&out.instance.csci_id, &in.instance.csci_id));
        assert_true(gw_addr_eq(&out.instance.egress, &in.instance.egress));
    }
    assert_int_equal(gw_cats_next(&back, &it, &out), 0);
}

/* Every item of the samples is read; what is written of them again is the same option. */
static void test_samples(void **state)
{
    struct gw_cats_item item;
    unsigned seen = 0;

    (void)state;
    for (size_t i = 0; sample_make(i, &m) != NULL; i++) {
        bool control = m.type == GW_MH_EXPERIMENTAL && m.exp.data == NULL;
        if (!control && (gw_cats_move_name(&m) == NULL || m.opt[0].type != GW_OPT_CATS_CLIENT))
            continue;
        send_and_take();
        size_t it = 0, n = 0;
        gw_cats_begin(&m, &buf, GW_CATS_ACK, 0, 0);
        while (back.opt[n].type != GW_OPT_EXPERIMENTAL)
            *gw_mh_add(&m, back.opt[n].type) = back.opt[n], n++;
        while (gw_cats_next(&back, &it, &item) == 1) {
            seen |= 1u << item.type;
            assert_int_equal(gw_cats_add(&m, &buf, &item), 0);
            assert_int_equal(m.opt[n].raw.len, back.opt[n].raw.len);
            assert_memory_equal(m.opt[n].raw.data, back.opt[n].raw.data, m.opt[n].raw.len);
            n++;
        }
        assert_int_equal(n, back.nopts);
    }
    assert_int_equal(seen, 0x3ffe); /* 1..13 */
}

/* Items cut short, of a value that is none, and of a type nobody knows. */
static void test_refused(void **state)
{
    struct gw_cats_item in = {.type = GW_CATS_INSTANCE, .instance = instance(1)}, out;
    uint8_t octets[256];

    (void)state;
    gw_cats_begin(&m, &buf, GW_CATS_UPDATE, 0, 1);
    assert_int_equal(gw_cats_add(&m, &buf, &in), 0);
    uint8_t whole = m.opt[0].raw.len;
    memcpy(octets, m.opt[0].raw.data, whole);
    m.opt[0].raw.data = octets;
    for (unsigned len = 0; len < 200; len++) {
        size_t it = 0;
        m.opt[0].raw.len = (uint8_t)len;
        assert_int_equal(gw_cats_next(&m, &it, &out), len < whole ? GW_EFORMAT : 1);
    }
    m.opt[0].raw.len = whole;
    for (unsigned i = 0; i < 256; i++) { /* the state, and the score */
        size_t it = 0, it2 = 0;
        octets[1] = (uint8_t)i;
        bool holds = (i & 15) >= GW_CATS_UP && (i & 15) <= GW_CATS_GONE && (i & 0x80) == 0;
        assert_int_equal(gw_cats_next(&m, &it, &out), holds ? 1 : GW_EFORMAT);
        octets[1] = GW_CATS_UP;
        octets[6] = (uint8_t)i;
        assert_int_equal(gw_cats_next(&m, &it2, &out), i <= 10 || i == 255 ? 1 : GW_EFORMAT);
        octets[6] = 1;
    }
    size_t it = 0;
    octets[0] = 200;
    assert_int_equal(gw_cats_next(&m, &it, &out), 0);
}

static void test_unsayable(void **state)
{
    struct gw_cats_item in = {.type = GW_CATS_INSTANCE, .instance = instance(1)};

    (void)state;
    gw_cats_begin(&m, &buf, GW_CATS_UPDATE, 0, 1);
    in.instance.score = 11;
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = 99};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_CHOICE};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_FLOW};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_PATH, .path = {.loss = 10001}};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_MOVE, .move = {0x10, 1}};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_TOKEN, .token = {.spi = 256}};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_TRANSACTION, .transaction = {1, 0, 10, 11}};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in = (struct gw_cats_item){.type = GW_CATS_LOCATION, .location = {.lifetime = 1}};
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in.location.client = node(1);
    in.location.lladdr.len = 9;
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    in.location.lladdr.len = 0;
    in.location.negresses = GW_CATS_EGRESSES + 1;
    assert_int_equal(gw_cats_add(&m, &buf, &in), GW_EINVAL);
    assert_int_equal(m.nopts, 0);
}

/* The items of handovers, cut at each octet and with values that are none. */
static void test_handover_refused(void **state)
{
    static const struct {
        struct gw_cats_item item;
        uint8_t whole;     /* octets */
        uint8_t at, value; /* makes it one that is none */
    } cases[] = {
        {{.type = GW_CATS_MOVE, .move = {GW_CATS_MOVE_BUFFERED, 7}}, 6, 0, 0},
        {{.type = GW_CATS_TOKEN, .token = {.egress = {{1}}, .spi = 256}}, 41, 1, 0},
        {{.type = GW_CATS_TRANSACTION, .transaction = {1, 0, 10, 10}}, 18, 17, 11},
        {{.type = GW_CATS_LOCATION, .location = {60, 1, {{1}}, {{2}}, {2, {1, 2}}, 1, {{{3}}}}},
         59,
         7,
         0},
        {{.type = GW_CATS_LOCATION, .location = {60, 1, {{1}}, {{2}}, {2, {1, 2}}, 0, {{{0}}}}},
         43,
         39,
         9},
        {{.type = GW_CATS_LOCATION, .location = {60, 1, {{1}}, {{2}}, {2, {1, 2}}, 0, {{{0}}}}},
         43,
         42,
         GW_CATS_EGRESSES + 1},
    };
    uint8_t octets[256] = {0};
    struct gw_cats_item out;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gw_cats_begin(&m, &buf, GW_CATS_LOCATE, 0, 1);
        assert_int_equal(gw_cats_add(&m, &buf, &cases[i].item), 0);
        assert_int_equal(m.opt[0].raw.len, cases[i].whole);
        memcpy(octets, m.opt[0].raw.data, cases[i].whole);
        m.opt[0].raw.data = octets;
        for (unsigned len = 1; len <= cases[i].whole + 3u; len++) {
            size_t it = 0;
            m.opt[0].raw.len = (uint8_t)len;
            assert_int_equal(gw_cats_next(&m, &it, &out), len < cases[i].whole ? GW_EFORMAT : 1);
        }
        size_t it = 0;
        octets[cases[i].at] = cases[i].value;
        if (cases[i].at != 0)
            assert_int_equal(gw_cats_next(&m, &it, &out), GW_EFORMAT);
    }
    size_t it = 0;
    gw_cats_begin(&m, &buf, GW_CATS_LOCATE, 0, 1);
    assert_int_equal(gw_cats_add(&m, &buf, &cases[0].item), 0);
    buf.data[m.opt[0].raw.data - buf.data + 1] = 0x5f; /* flags of later versions are ignored */
    assert_int_equal(gw_cats_next(&m, &it, &out), 1);
    assert_int_equal(out.move.flags, GW_CATS_MOVE_BUFFERED);
}

/* A notification takes items as long as it can be signed, and says so then. */
static void test_full_notification(void **state)
{
    static const struct gw_key key = {256, GW_AUTH_HMAC_SHA256_128, 5, "first"};
    struct gw_cats_item in = {.type = GW_CATS_TOKEN, .token = {.egress = node(1)}};
    static uint8_t octets[GW_MH_MAX];
    int err;

    (void)state;
    m = (struct gw_mh){.type = GW_MH_BU, .bu = {.flags = GW_BU_C, .lifetime = 1}};
    for (uint8_t i = 0; i < 20; i++)
        gw_mh_add(&m, i == 0 ? GW_OPT_CATS_CLIENT : GW_OPT_CATS_ADDR)->addr = node(i);
    gw_cats_carry(&m, &buf);
    while ((err = gw_cats_add(&m, &buf, &in)) == 0)
        continue;
    assert_int_equal(err, GW_ESHORT);
    assert_true(m.nopts > 50);
    gw_mh_add(&m, GW_OPT_MESGID)->u64 = 1;
    assert_true(
        gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &key, octets, sizeof octets) > 0);
}

static void test_names(void **state)
{
    (void)state;
    m = (struct gw_mh){.type = GW_MH_BU, .bu = {.flags = GW_BU_C}};
    assert_string_equal(gw_cats_move_name(&m), "notification");
    m.bu.flags |= GW_BU_N;
    assert_string_equal(gw_cats_move_name(&m), "request");
    m.bu.flags = GW_BU_N | GW_BU_D | GW_BU_P;
    assert_null(gw_cats_move_name(&m));
    m = (struct gw_mh){.type = GW_MH_BA, .ba = {.flags = GW_BA_C}};
    assert_string_equal(gw_cats_move_name(&m), "indication");
    m.ba.flags = GW_BA_D;
    assert_null(gw_cats_move_name(&m));
    for (unsigned i = 1; i <= GW_CATS_TRANSFER_READY; i++)
        assert_string_not_equal(gw_cats_type_name((uint8_t)i), "unknown");
    for (unsigned i = 1; i <= GW_CATS_LOCATION; i++)
        assert_string_not_equal(gw_cats_item_name((uint8_t)i), "unknown");
    assert_string_equal(gw_cats_item_name(0), "unknown");
    assert_string_equal(gw_cats_item_name(GW_CATS_LOCATION + 1), "unknown");
}

/* A message that is full takes no more, and can be signed as it is. */
static void test_full(void **state)
{
    static const struct gw_key key = {256, GW_AUTH_HMAC_SHA256_128, 5, "first"};
    struct gw_cats_item in = {.type = GW_CATS_INSTANCE, .instance = instance(1)};
    static uint8_t octets[GW_MH_MAX];
    int err;

    (void)state;
    gw_cats_begin(&m, &buf, GW_CATS_UPDATE, 0, 1);
    while ((err = gw_cats_add(&m, &buf, &in)) == 0)
        continue;
    assert_int_equal(err, GW_ESHORT);
    assert_true(m.nopts > 35);
    gw_mh_add(&m, GW_OPT_MESGID)->u64 = 1;
    int len =
        gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &key, octets, sizeof octets);
    assert_true(len > 0);
    assert_int_equal(
        gw_mh_parse(&gw_mh_codec_default, &sample_addrs, octets, (size_t)len, &back).code,
        GW_PARSE_OK);
    assert_int_equal(gw_mh_check_auth(&sample_addrs, &back, octets, (size_t)len, &key, 1), 0);
    octets[20] ^= 1;
    assert_int_equal(gw_mh_check_auth(&sample_addrs, &back, octets, (size_t)len, &key, 1),
                     GW_EAUTH);
}

static void test_serial(void **state)
{
    (void)state;
    assert_true(gw_cats_later(1, 0));
    assert_true(gw_cats_later(0, 0xffffffff));
    assert_false(gw_cats_later(0xffffffff, 0));
    assert_false(gw_cats_later(5, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instance),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unsayable),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_handover_refused),
        cmocka_unit_test(test_full_notification),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
