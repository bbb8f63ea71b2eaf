/* access_hear_test.c: what stations say and what they get for it. Golden packets from scapy. */
#include "rig.h"

static const uint8_t na_solicited[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xfe, 0x00, 0x00, 0xaa, 0x88, 0x00, 0x39, 0x71, 0xe0,
    0x00, 0x00, 0x00, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x01, 0x00, 0x01, 0x02, 0x01, 0x02, 0x00, 0x5e, 0x00, 0x01, 0x01};
static const uint8_t na_defending[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x88, 0x00, 0x78, 0x98, 0xa0,
    0x00, 0x00, 0x00, 0xfe, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x01, 0x00, 0x01, 0x02, 0x01, 0x02, 0x00, 0x5e, 0x00, 0x01, 0x01};
static const struct gw_addr nobody;

/* A station whose current anchor is 2 and whose previous one is 1; the drawer is empty. */
static struct rig *served(void)
{
    struct rig *r = rig_new(-1);
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    assert_int_equal(gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 2), 2);
    rig_clear(r);
    return r;
}

static void every_dlif_answers(void **state)
{
    struct rig *r = served();

    (void)state;
    for (unsigned i = 1; i <= 2; i++) {
        struct gw_access_dlif d = rig_dlif(i, false);
        assert_int_equal(rig_ns(r, &rig_mn_ll, &d.link_local), GW_ACCESS_ANSWERED);
        assert_true(gw_lladdr_eq(&r->frame[i - 1].src, &d.lladdr));
        assert_true(gw_lladdr_eq(&r->frame[i - 1].dst, &rig_mn));
    }
    rig_same(&r->frame[0], na_solicited, sizeof na_solicited, 64);
    assert_int_equal(r->a.count.ns, 2);
    assert_int_equal(r->a.count.na_sent, 2);
    rig_free(r);
}

/* A host probes from any of its addresses, a global one included. */
static void global_source_is_answered(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d = rig_dlif(1, false);
    struct gw_addr global = d.prefix.addr;

    (void)state;
    global.b[15] = 0xaa;
    assert_int_equal(rig_ns(r, &global, &d.link_local), GW_ACCESS_ANSWERED);
    assert_true(gw_addr_eq(&r->frame[0].nd.dst, &global));
    rig_free(r);
}

static void dad_for_ours_is_defended(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d = rig_dlif(1, false);

    (void)state;
    assert_int_equal(rig_ns(r, &nobody, &d.link_local), GW_ACCESS_ANSWERED);
    rig_same(&r->frame[0], na_defending, sizeof na_defending, 64);
    assert_true(gw_lladdr_eq(&r->frame[0].dst, &rig_mn));
    rig_free(r);
}

static void other_targets_are_not_ours(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d = rig_dlif(1, false), other = rig_dlif(3, false);
    struct gw_addr own = d.prefix.addr;

    (void)state;
    own.b[15] = 0xaa;
    assert_int_equal(rig_ns(r, &nobody, &own), GW_ACCESS_SEEN);       /* its own DAD */
    assert_int_equal(rig_ns(r, &nobody, &rig_mn_ll), GW_ACCESS_SEEN); /* the same */
    assert_int_equal(rig_ns(r, &rig_mn_ll, &own), GW_ACCESS_SEEN);
    assert_int_equal(rig_ns(r, &rig_mn_ll, &other.link_local), GW_ACCESS_SEEN);
    assert_int_equal(r->n, 0);
    rig_free(r);
}

static void withdrawn_dlif_is_silent(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d[] = {rig_dlif(2, false), rig_dlif(1, true)};

    (void)state;
    gw_access_set_station(&r->a, &rig_key, GW_ACCESS_MAAR, d, 1);
    rig_clear(r);
    assert_int_equal(rig_ns(r, &rig_mn_ll, &d[1].link_local), GW_ACCESS_SEEN);
    assert_int_equal(rig_ns(r, &rig_mn_ll, &d[0].link_local), GW_ACCESS_ANSWERED);
    assert_int_equal(r->n, 1);
    rig_free(r);
}

static void strangers_get_nothing(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d = rig_dlif(1, false);
    struct gw_nd m = {.type = GW_ND_NS, .src = rig_mn_ll, .target = d.link_local};

    (void)state;
    m.dst = gw_nd_solicited_node(&m.target);
    assert_int_equal(rig_hear(r, &rig_mn2, &m), GW_ACCESS_UNKNOWN);
    assert_int_equal(rig_rs(r, &rig_mn2), GW_ACCESS_RS_UNKNOWN);
    m = (struct gw_nd){.type = GW_ND_NA, .src = rig_mn_ll, .dst = {{0xff, 2, [15] = 1}}};
    m.target = rig_mn_ll;
    m.tlla = rig_mn2;
    assert_int_equal(rig_hear(r, &rig_mn2, &m), GW_ACCESS_UNKNOWN);
    assert_int_equal(r->n, 0);
    assert_int_equal(gw_table_count(&r->a.stations), 1);
    rig_free(r);
}

/* A host that was away when its session ended still has that session's router. */
static void former_router_is_retired(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif former = rig_dlif(9, false), unheard = rig_dlif(10, false);

    (void)state;
    rig_run(r, GW_SEC(20));
    rig_clear(r);
    assert_int_equal(rig_ns(r, &rig_mn_ll, &unheard.link_local), GW_ACCESS_SEEN);
    assert_int_equal(rig_ns(r, &nobody, &former.link_local), GW_ACCESS_SEEN);
    assert_int_equal(r->n, 0);
    assert_int_equal(rig_ns(r, &rig_mn_ll, &former.link_local), GW_ACCESS_SEEN);
    assert_int_equal(r->n, 3); /* and of the routers that it has: it may have lost them elsewhere */
    assert_true(r->frame[1].nd.router_lifetime_s != 0 && r->frame[2].nd.router_lifetime_s != 0);
    assert_int_equal(r->frame[0].nd.type, GW_ND_RA);
    assert_int_equal(r->frame[0].nd.router_lifetime_s, 0);
    assert_int_equal(r->frame[0].nd.npio, 0);
    assert_true(gw_addr_eq(&r->frame[0].nd.src, &former.link_local));
    assert_memory_equal(r->frame[0].src.b, former.lladdr.b, 6);
    for (unsigned i = 0; i < 100; i++)
        (void)rig_ns(r, &rig_mn_ll, &former.link_local);
    assert_in_range(r->total, 1, 60); /* and not at any rate */
    rig_free(r);
}

static void rs_brings_every_ra(void **state)
{
    struct rig *r = served();
    struct gw_nd rs = {.type = GW_ND_RS, .dst = {{0xff, 2, [15] = 2}}};

    (void)state;
    rig_run(r, GW_SEC(20));
    rig_clear(r);
    assert_int_equal(rig_hear(r, &rig_mn, &rs), GW_ACCESS_ANSWERED); /* from :: */
    assert_int_equal(r->n, 2);
    assert_true(gw_addr_is_multicast(&r->frame[0].nd.dst));
    rig_run(r, GW_SEC(1));
    rig_clear(r);
    assert_int_equal(rig_rs(r, &rig_mn), GW_ACCESS_ANSWERED);
    assert_int_equal(r->n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(r->frame[i].nd.type, GW_ND_RA);
        assert_true(gw_addr_eq(&r->frame[i].nd.dst, &rig_mn_ll));
        assert_true(r->frame[i].nd.slla.len == 6);
    }
    rig_free(r);
}

/* Too early is late, not never. */
static void hasty_rs_is_answered_later(void **state)
{
    struct rig *r = served();

    (void)state;
    rig_run(r, GW_SEC(20));
    rig_clear(r);
    assert_int_equal(rig_rs(r, &rig_mn), GW_ACCESS_ANSWERED);
    rig_run(r, GW_MSEC(100));
    assert_int_equal(rig_rs(r, &rig_mn), GW_ACCESS_SEEN);
    assert_int_equal(r->n, 2);
    assert_int_equal(r->a.count.limited, 1);
    rig_run(r, GW_MSEC(400));
    assert_int_equal(r->n, 4);
    rig_free(r);
}

static void presence_is_told(void **state)
{
    struct rig *r = served();
    struct gw_nd na = {.type = GW_ND_NA, .src = rig_mn_ll, .target = rig_mn_ll, .solicited = true};

    (void)state;
    na.dst = rig_dlif(2, false).link_local;
    assert_int_equal(rig_hear(r, &rig_mn, &na), GW_ACCESS_SEEN);
    assert_int_equal(r->a.count.na, 1);
    assert_int_equal(r->n, 0);
    rig_free(r);
}

/* A station that claims an anchor's address does not make us send its packets there. */
static void dlif_address_is_not_learnt(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d = rig_dlif(2, false);

    (void)state;
    rig_ns(r, &d.link_local, &d.link_local);
    rig_clear(r);
    gw_access_probe(&r->a, &rig_key);
    assert_true(gw_addr_eq(&r->frame[0].nd.target, &rig_mn_ll));
    rig_free(r);
}

static void bad_packets_are_ignored(void **state)
{
    struct rig *r = served();
    struct gw_nd m = {.type = GW_ND_RS, .src = rig_mn_ll, .dst = {{0xff, 2, [15] = 2}}};
    uint8_t good[128], bad[128];
    size_t len, told = 0;

    (void)state;
    m.slla = rig_mn;
    len = (size_t)gw_nd_write(&m, good, sizeof good);
    for (size_t n = 0; n < len; n++, told++)
        assert_int_equal(gw_access_input_nd(&r->a, 3, &rig_mn, good, n), GW_ACCESS_IGNORED);
    memcpy(bad, good, len);
    bad[7] = 64; /* it came through a router */
    assert_int_equal(gw_access_input_nd(&r->a, 3, &rig_mn, bad, len), GW_ACCESS_IGNORED);
    for (size_t i = 8; i < len; i++) { /* the checksum covers all of it */
        memcpy(bad, good, len);
        bad[i] ^= 0x04;
        assert_int_equal(gw_access_input_nd(&r->a, 3, &rig_mn, bad, len), GW_ACCESS_IGNORED);
    }
    m = (struct gw_nd){.type = GW_ND_RA, .src = rig_mn_ll, .dst = {{0xff, 2, [15] = 1}}};
    assert_int_equal(rig_hear(r, &rig_mn, &m), GW_ACCESS_IGNORED); /* a rogue router */
    assert_int_equal(r->n, 0);
    assert_int_equal(r->a.count.invalid, told + 1 + (len - 8) + 1);
    assert_int_equal(r->a.count.rs, 0);
    rig_free(r);
}

static void floods_are_bounded(void **state)
{
    struct rig *r = served();
    struct gw_access_dlif d = rig_dlif(1, false);
    struct gw_access_dlif two = rig_dlif(2, false);
    struct gw_nd other = {.type = GW_ND_NS, .src = rig_mn_ll, .target = two.link_local};

    (void)state;
    gw_access_set_station(&r->a, &rig_key2, GW_ACCESS_MAAR, &two, 1);
    rig_run(r, GW_SEC(20));
    rig_clear(r);
    for (int i = 0; i < 20000; i++) { /* 2 s of 10 000 of each a second */
        rig_run(r, (struct gw_time){100000});
        rig_ns(r, &rig_mn_ll, &d.link_local);
        rig_rs(r, &rig_mn);
    }
    assert_in_range(r->a.count.na_sent, 20, 62);           /* 20 and 20 a second */
    assert_in_range(r->total - r->a.count.na_sent, 2, 14); /* 2 RAs, twice a second */
    assert_true(r->a.count.limited > 39000);
    other.dst = gw_nd_solicited_node(&other.target);
    assert_int_equal(rig_hear(r, &rig_mn2, &other), GW_ACCESS_ANSWERED); /* it pays alone */
    rig_run(r, GW_SEC(2));
    assert_int_equal(rig_ns(r, &rig_mn_ll, &d.link_local), GW_ACCESS_ANSWERED);
    rig_free(r);
}

int access_hear_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dlif_answers),         cmocka_unit_test(global_source_is_answered),
        cmocka_unit_test(dad_for_ours_is_defended),   cmocka_unit_test(other_targets_are_not_ours),
        cmocka_unit_test(withdrawn_dlif_is_silent),   cmocka_unit_test(strangers_get_nothing),
        cmocka_unit_test(former_router_is_retired),   cmocka_unit_test(rs_brings_every_ra),
        cmocka_unit_test(hasty_rs_is_answered_later), cmocka_unit_test(presence_is_told),
        cmocka_unit_test(dlif_address_is_not_learnt), cmocka_unit_test(bad_packets_are_ignored),
        cmocka_unit_test(floods_are_bounded),
    };
    return cmocka_run_group_tests_name("access: asked", tests, NULL, NULL);
}
