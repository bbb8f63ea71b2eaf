/* Neighbour discovery: round trips, and each rule of RFC 4861 §6.1 and §7.1 broken alone. */
#include "../test.h"

#include <stdlib.h>

#include "base/text.h"
#include "mh_tools.h"
#include "wire/nd.h"

static struct gw_addr addr(const char *text)
{
    struct gw_addr a;

    assert_int_equal(gw_parse_addr(text, &a), 0);
    return a;
}

static struct gw_prefix prefix(const char *text)
{
    struct gw_prefix p;

    assert_int_equal(gw_parse_prefix(text, &p), 0);
    return p;
}

static struct gw_nd make_ra(void)
{
    struct gw_nd m = {.type = GW_ND_RA,
                      .src = addr("fe80::1:1"),
                      .dst = addr("fe80::2"),
                      .hop_limit = 64,
                      .managed = true,
                      .pref = GW_PREF_LOW,
                      .router_lifetime_s = 1800,
                      .reachable_ms = 30000,
                      .retrans_ms = 1000,
                      .mtu = 1460,
                      .npio = 2,
                      .nrio = 4,
                      .has_map = true,
                      .slla = {6, {2, 0, 0x5e, 0, 1, 1}}};

    m.pio[0] = (struct gw_nd_pio){prefix("2001:db8:1000::/64"), true, true, 7200, 0};
    m.pio[1] = (struct gw_nd_pio){prefix("2001:db8:2000::/64"), false, true, 86400, 3600};
    m.rio[0] = (struct gw_nd_rio){prefix("::/0"), GW_PREF_HIGH, 1};
    m.rio[1] = (struct gw_nd_rio){prefix("2001:db8::/32"), GW_PREF_MEDIUM, 600};
    m.rio[2] = (struct gw_nd_rio){prefix("2001:db8:1:2::/64"), GW_PREF_LOW, 600};
    m.rio[3] = (struct gw_nd_rio){prefix("2001:db8::7/128"), GW_PREF_LOW, 0xffffffff};
    m.map = (struct gw_nd_map){2, 9, true, 1000, addr("2001:db8:a::1")};
    return m;
}

static struct gw_nd make_rs(void)
{
    return (struct gw_nd){.type = GW_ND_RS,
                          .src = addr("fe80::2"),
                          .dst = addr("ff02::2"),
                          .slla = {6, {2, 0, 0, 0, 0, 1}}};
}

static struct gw_nd make_ns(void)
{
    return (struct gw_nd){.type = GW_ND_NS,
                          .src = addr("fe80::2"),
                          .dst = addr("ff02::1:ff01:1"),
                          .target = addr("fe80::1:1"),
                          .slla = {6, {2, 0, 0, 0, 0, 1}}};
}

static struct gw_nd make_na(void)
{
    return (struct gw_nd){.type = GW_ND_NA,
                          .src = addr("fe80::1:1"),
                          .dst = addr("fe80::2"),
                          .target = addr("fe80::1:1"),
                          .router = true,
                          .solicited = true,
                          .override = true,
                          .tlla = {6, {2, 0, 0x5e, 0, 1, 1}}};
}

static void assert_round_trip(const struct gw_nd *m)
{
    uint8_t buf[1500], again[1500];
    struct gw_nd back;
    int len = gw_nd_write(m, buf, sizeof buf);

    assert_true(len >= 48);
    assert_int_equal(buf[7], 255);
    assert_int_equal(gw_nd_parse(buf, (size_t)len, &back).code, GW_PARSE_OK);
    assert_int_equal(back.npio, m->npio);
    assert_int_equal(back.nrio, m->nrio);
    assert_int_equal(gw_nd_write(&back, again, sizeof again), len);
    assert_memory_equal(buf, again, (size_t)len);
    for (size_t size = 0; size < (size_t)len; size++) {
        uint8_t *p = malloc(size != 0 ? size : 1);
        assert_non_null(p);
        assert_int_equal(gw_nd_write(m, p, size), GW_ESHORT);
        memcpy(p, buf, size);
        assert_int_equal(gw_nd_parse(p, size, &back).code, GW_PARSE_IGNORE);
        free(p);
    }
}

static void test_round_trip(void **state)
{
    struct gw_nd all[] = {make_ra(), make_rs(), make_ns(), make_na()};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_round_trip(&all[i]);
}

static void test_fields(void **state)
{
    struct gw_nd m = make_ra(), back;
    uint8_t buf[1500];
    int len = gw_nd_write(&m, buf, sizeof buf);

    (void)state;
    assert_int_equal(gw_nd_parse(buf, (size_t)len, &back).code, GW_PARSE_OK);
    assert_true(back.managed && !back.other);
    assert_int_equal(back.pref, GW_PREF_LOW);
    assert_int_equal(back.router_lifetime_s, 1800);
    assert_int_equal(back.mtu, 1460);
    assert_int_equal(back.pio[0].preferred_s, 0);
    assert_int_equal(back.pio[1].valid_s, 86400);
    assert_false(back.pio[1].onlink);
    for (size_t i = 0; i < 4; i++) {
        assert_true(gw_prefix_eq(&back.rio[i].prefix, &m.rio[i].prefix));
        assert_int_equal(back.rio[i].pref, m.rio[i].pref);
    }
    assert_true(back.has_map && back.map.r);
    assert_int_equal(back.map.dist, 2);
    assert_int_equal(back.map.pref, 9);
    assert_true(gw_lladdr_eq(&back.slla, &m.slla));
    m = make_na();
    len = gw_nd_write(&m, buf, sizeof buf);
    assert_int_equal(buf[44], 0xe0);
    assert_int_equal(gw_nd_parse(buf, (size_t)len, &back).code, GW_PARSE_OK);
    assert_true(back.router && back.solicited && back.override);
}

static void fix_checksum(uint8_t *buf, size_t len)
{
    struct gw_mh_addrs a;

    memcpy(a.src.b, buf + 8, 16);
    memcpy(a.dst.b, buf + 24, 16);
    buf[42] = buf[43] = 0;
    uint16_t sum = gw_ip6_checksum(&a, 58, buf + 40, len - 40);
    buf[42] = (uint8_t)(sum >> 8);
    buf[43] = (uint8_t)sum;
}

/* Sets one octet of a written message: is it still taken? */
static bool taken_with(const struct gw_nd *m, size_t at, uint8_t value)
{
    uint8_t buf[1500];
    struct gw_nd back;
    int len = gw_nd_write(m, buf, sizeof buf);

    assert_true(len > 0);
    buf[at] = value;
    if (at != 42)
        fix_checksum(buf, (size_t)len);
    return gw_nd_parse(buf, (size_t)len, &back).code == GW_PARSE_OK;
}

static void test_rules(void **state)
{
    struct gw_nd ra = make_ra(), rs = make_rs(), ns = make_ns(), na = make_na();

    (void)state;
    assert_true(taken_with(&ra, 7, 255));
    assert_false(taken_with(&ra, 7, 254));   /* hop limit */
    assert_false(taken_with(&ra, 6, 17));    /* next header */
    assert_false(taken_with(&ra, 0, 0x40));  /* version */
    assert_false(taken_with(&ra, 41, 1));    /* code */
    assert_false(taken_with(&ra, 42, 0x77)); /* checksum */
    assert_false(taken_with(&ra, 40, 137));  /* redirect */
    assert_false(taken_with(&ra, 57, 0));    /* option of length zero */
    assert_false(taken_with(&ra, 57, 255));
    assert_false(taken_with(&ra, 8, 0x20)); /* RA from a global address */
    assert_true(taken_with(&rs, 8, 0x20));
    assert_false(taken_with(&ns, 48, 0xff)); /* multicast target */
    assert_false(taken_with(&na, 48, 0xff));
    assert_false(taken_with(&na, 24, 0xff)); /* solicited, but to a group */
    assert_true(taken_with(&ns, 44, 0xe0));  /* reserved bits */
}

static void test_from_nowhere(void **state)
{
    struct gw_nd rs = make_rs(), ns = make_ns();
    uint8_t buf[1500];

    (void)state;
    rs.src = ns.src = addr("::");
    assert_int_equal(gw_nd_write(&rs, buf, sizeof buf), GW_EINVAL); /* with an SLLA option */
    assert_int_equal(gw_nd_write(&ns, buf, sizeof buf), GW_EINVAL);
    rs.slla.len = ns.slla.len = 0;
    assert_round_trip(&rs);
    assert_round_trip(&ns);
    ns.dst = addr("ff02::1"); /* not the solicited-node address */
    assert_int_equal(gw_nd_write(&ns, buf, sizeof buf), GW_EINVAL);
}

/* What breaks is the message, what is unknown is skipped. */
static void test_options(void **state)
{
    struct gw_nd ra = make_ra(), back;
    uint8_t buf[1500];

    (void)state;
    assert_true(taken_with(&ra, 56, 200));  /* the SLLA becomes unknown */
    assert_false(taken_with(&ra, 56, 3));   /* or a prefix of one unit */
    assert_false(taken_with(&ra, 74, 129)); /* prefix length of the first PIO */
    ra.nrio = ra.npio = 0;
    ra.has_map = false;
    ra.mtu = 0;
    int len = gw_nd_write(&ra, buf, sizeof buf);
    assert_int_equal(len, 64);
    /* A RIO of two units can hold 64 bits; its reserved preference voids it. */
    const uint8_t rio[16] = {24, 2, 65, 0, 0, 0, 0, 9, 0x20, 1};
    memcpy(buf + 64, rio, 16);
    buf[5] = (uint8_t)(80 - 40);
    fix_checksum(buf, 80);
    assert_int_equal(gw_nd_parse(buf, 80, &back).code, GW_PARSE_IGNORE);
    buf[66] = 64;
    fix_checksum(buf, 80);
    assert_int_equal(gw_nd_parse(buf, 80, &back).code, GW_PARSE_OK);
    assert_int_equal(back.nrio, 1);
    buf[67] = 2 << 3;
    fix_checksum(buf, 80);
    assert_int_equal(gw_nd_parse(buf, 80, &back).code, GW_PARSE_OK);
    assert_int_equal(back.nrio, 0);
}

static void test_more_prefixes_than_kept(void **state)
{
    struct gw_nd m = make_ra(), back;
    uint8_t buf[1500];

    (void)state;
    m.npio = GW_ND_PIOS;
    for (size_t i = 0; i < GW_ND_PIOS; i++)
        m.pio[i].prefix.len = 64;
    m.nrio = 0;
    m.has_map = false;
    int len = gw_nd_write(&m, buf, sizeof buf);
    memcpy(buf + len, buf + len - 32, 32); /* the last once more */
    buf[4] = (uint8_t)((len - 8) >> 8);
    buf[5] = (uint8_t)(len - 8);
    fix_checksum(buf, (size_t)len + 32);
    assert_int_equal(gw_nd_parse(buf, (size_t)len + 32, &back).code, GW_PARSE_OK);
    assert_int_equal(back.npio, GW_ND_PIOS);
}

static void test_unsayable(void **state)
{
    struct gw_nd m = make_ra();
    uint8_t buf[1500];

    (void)state;
    m.npio = GW_ND_PIOS + 1;
    assert_int_equal(gw_nd_write(&m, buf, sizeof buf), GW_EINVAL);
    m = make_ra();
    m.slla.len = 8;
    assert_int_equal(gw_nd_write(&m, buf, sizeof buf), GW_EINVAL);
    m = make_ra();
    m.map.dist = 16;
    assert_int_equal(gw_nd_write(&m, buf, sizeof buf), GW_EINVAL);
    m = make_ra();
    m.rio[0].pref = (enum gw_rtr_pref)2;
    assert_int_equal(gw_nd_write(&m, buf, sizeof buf), GW_EINVAL);
    m = make_ra();
    m.type = (enum gw_nd_type)137;
    assert_int_equal(gw_nd_write(&m, buf, sizeof buf), GW_EINVAL);
}

static void test_solicited_node(void **state)
{
    struct gw_addr a = addr("2001:db8::12:3456:789a"), snm = gw_nd_solicited_node(&a);
    char text[GW_TEXT_MAX];

    (void)state;
    assert_string_equal(gw_fmt_addr(&snm, text), "ff02::1:ff56:789a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_rules),      cmocka_unit_test(test_from_nowhere),
        cmocka_unit_test(test_options),    cmocka_unit_test(test_more_prefixes_than_kept),
        cmocka_unit_test(test_unsayable),  cmocka_unit_test(test_solicited_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
