/* test_path.c: the three forms of the packet path against each other (twin.h) and against what the
 * RFCs say.
 */
#include "twin.h"

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"

enum { RANDOM_FRAMES = 20000 };

#define SERVED2 "2001:db8:a001::10" /* of station 2, for a while */

/* -- directed ------------------------------------------------------------------------------------
 */

static void test_drops(void **state)
{
    struct frame f;

    (void)state;
    expect(plain(stranger, LOCAL, WORLD, 0, 64, 20), true, GW_R_UNKNOWN_STATION);
    expect(plain(group, LOCAL, WORLD, 0, 64, 20), true, GW_R_BAD_LLADDR);
    expect(plain(st2, LOCAL, WORLD, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    expect(plain(st1, WORLD, WORLD, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    expect(plain(st1, MOVED, WORLD, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    expect(plain(st1, "::", WORLD, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    expect(plain(st1, LOCAL, "ff02::16", 0, 1, 20), true, GW_R_LINK_SCOPE);
    expect(plain(st1, "fe80::1", WORLD, 0, 64, 20), true, GW_R_LINK_SCOPE);
    expect(plain(st1, LOCAL, "::1", 0, 64, 20), true, GW_R_LINK_SCOPE);
    expect(plain(st1, LOCAL, ME, 0, 64, 20), true, GW_R_TO_ROUTER);
    expect(plain(st1, LOCAL, WORLD, 0, 1, 20), true, GW_R_HOP_LIMIT);
    expect(plain(st1, LOCAL, LOST, 0, 64, 20), true, GW_R_NO_PEER);
    expect(tunnelled("2001:db8:f::66", WORLD, SERVED, 0, 0, 64, 20), false, GW_R_STRANGER_TUNNEL);
    expect(tunnelled(PEER_A, WORLD, WORLD, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_B, MOVED, WORLD, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_A, SERVED, WORLD, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_A, MOVED, "ff0e::1", 0, 0, 64, 20), false, GW_R_INNER_SCOPE);
    expect(tunnelled(PEER_A, WORLD, SERVED, 3, 0, 64, 20), false, GW_R_ECN);
    f = tunnelled(PEER_A, WORLD, SERVED, 0, 0, 64, 20);
    f.b[54] = 0x45;
    expect(f, false, GW_R_INNER_MALFORMED);
    f = plain(st1, LOCAL, WORLD, 0, 64, 20);
    f.len -= 1;
    expect(f, true, GW_R_MALFORMED);
}

/* EnableMAGLocalRouting (RFC 5213 §6.10.3): between two stations here that have it. */
static void test_local_routing(void **state)
{
    (void)state;
    T.local_routing = true;
    set_prefix(SERVED2, 64, GW_PFX_SERVED, PEER_A, st2, false);
    expect(plain(st1, SERVED, SERVED2, 0, 64, 20), true, GW_R_TUNNELLED); /* one says no */
    set_prefix(SERVED, 64, GW_PFX_SERVED, PEER_A, st1, false);
    expect(plain(st1, SERVED, SERVED2, 0, 64, 20), true, GW_R_DELIVERED);
    expect(plain(st2, SERVED2, SERVED, 0, 1, 20), true, GW_R_HOP_LIMIT);
    expect(plain(st1, SERVED2, SERVED, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    expect(plain(st1, SERVED, MOVED, 0, 64, 20), true, GW_R_TUNNELLED);
    T.local_routing = false;
    set_prefix(SERVED, 64, GW_PFX_SERVED, PEER_A, st1, false);
}

/* XDP leaves what it cannot send to tc, which drops and counts. */
static void test_no_way(void **state)
{
    (void)state;
    T.error.type = 0;
    expect(plain(st1, LOCAL, NO_WAY, 0, 64, 20), true, GW_R_NO_ROUTE);
    assert_int_equal(T.error.type, 1); /* Destination Unreachable: no route */
    assert_int_equal(T.error.code, 0);
    expect(tunnelled(PEER_A, MOVED, NO_WAY, 0, 0, 64, 20), false, GW_R_NO_ROUTE);
    T.error.type = 0;
    expect(plain(st1, LOCAL, HOLE, 0, 64, 20), true, GW_R_NO_ROUTE);
    expect(plain(st1, LOCAL, CUT_OFF, 0, 64, 20), true, GW_R_PEER_ROUTE);
    expect(tunnelled(PEER_A, WORLD, CUT_OFF, 0, 0, 64, 20), false, GW_R_PEER_ROUTE);
    assert_int_equal(T.error.type, 0); /* nothing the source could do about */
}

static void test_forwarding_off(void **state)
{
    (void)state;
    sh("sysctl -qw net.ipv6.conf.all.forwarding=0");
    T.forwarding_off = true;
    expect(plain(st1, LOCAL, WORLD, 0, 64, 20), true, GW_R_FORWARDING_OFF);
    expect(plain(st1, SERVED, WORLD, 0, 64, 20), true, GW_R_FORWARDING_OFF);
    expect(plain(hop_mac, WORLD, LOCAL, 0, 64, 20), false, GW_R_DELIVERED);
    sh("sysctl -qw net.ipv6.conf.all.forwarding=1");
    T.forwarding_off = false;
    expect(plain(st1, LOCAL, WORLD, 0, 64, 20), true, GW_R_ROUTED);
}

static void test_ways(void **state)
{
    struct frame f;

    (void)state;
    expect(plain(st1, LOCAL, WORLD, 0, 64, 20), true, GW_R_ROUTED);
    expect(plain(st1, SERVED, WORLD, 0, 64, 20), true, GW_R_TUNNELLED);
    expect(plain(st1, LOCAL, MOVED, 0, 64, 20), true, GW_R_TUNNELLED);
    expect(plain(st1, LOCAL, LOCAL80, 0, 64, 20), true, GW_R_DELIVERED);
    expect(plain(st2, LOCAL80, LOCAL, 0, 64, 20), true, GW_R_DELIVERED);
    expect(plain(hop_mac, WORLD, LOCAL, 0, 64, 20), false, GW_R_DELIVERED);
    expect(plain(hop_mac, WORLD, SERVED, 0, 64, 20), false, GW_R_DELIVERED);
    expect(plain(hop_mac, WORLD, MOVED, 0, 64, 20), false, GW_R_TUNNELLED);
    expect(plain(hop_mac, WORLD, ME, 0, 64, 20), false, GW_R_PASSED);
    expect(plain(hop_mac, WORLD, PEER_A, 0, 64, 20), false, GW_R_PASSED);
    expect(tunnelled(PEER_B, WORLD, SERVED, 0, 0, 64, 20), false, GW_R_DELIVERED);
    expect(tunnelled(PEER_B, WORLD, MOVED, 0, 0, 64, 20), false, GW_R_RELAYED);
    expect(tunnelled(PEER_A, WORLD, MOVED, 0, 0, 64, 20), false, GW_R_COMES_BACK);
    expect(tunnelled(PEER_A, MOVED, MOVED, 0, 0, 64, 20), false, GW_R_RELAYED);
    expect(tunnelled(PEER_A, MOVED, WORLD, 0, 0, 64, 20), false, GW_R_ROUTED);
    expect(tunnelled(PEER_A, MOVED, ME, 0, 0, 64, 20), false, GW_R_PASSED);
    /* ND passes even from nobody, and only from here */
    f = plain(stranger, "::", "ff02::1:ff00:10", 0, 255, 24);
    f.b[20] = 58;
    f.b[54] = 135;
    expect(f, true, GW_R_PASSED);
    f.b[54] = 143; /* MLD */
    expect(f, true, GW_R_UNKNOWN_STATION);
}

static void test_encapsulation(void **state)
{
    struct frame in = plain(st1, SERVED, WORLD, 0xb8 | 2, 64, 20), out;
    struct gw_addr me = addr(ME), peer = addr(PEER_A);
    uint32_t label;

    (void)state;
    run(&in, T.ap, 0, &out);
    assert_int_equal(out.len, in.len + 40);
    const uint8_t *o = out.b + 14, *i = out.b + 54;
    assert_int_equal(o[0] >> 4, 6);
    assert_int_equal((uint8_t)(o[0] << 4 | o[1] >> 4), 0xb8 | 2); /* DSCP and ECN copied */
    label = (uint32_t)(o[1] & 15) << 16 | (uint32_t)o[2] << 8 | o[3];
    assert_int_not_equal(label, 0);
    assert_int_equal(o[4] << 8 | o[5], 60);
    assert_int_equal(o[6], 41);
    assert_int_equal(o[7], 64);
    assert_memory_equal(o + 8, me.b, 16);
    assert_memory_equal(o + 24, peer.b, 16);
    assert_int_equal(i[7], 63);
    assert_memory_equal(i + 8, in.b + 22, in.len - 22);
    /* the same flow keeps its label, another port gets another */
    run(&in, T.ap, 0, &out);
    assert_int_equal((uint32_t)(out.b[15] & 15) << 16 | (uint32_t)out.b[16] << 8 | out.b[17],
                     label);
    in.b[55] = 1;
    run(&in, T.ap, 0, &out);
    assert_int_not_equal((uint32_t)(out.b[15] & 15) << 16 | (uint32_t)out.b[16] << 8 | out.b[17],
                         label);
}

static void test_delivery(void **state)
{
    struct frame in = tunnelled(PEER_A, WORLD, SERVED, 0, 0x20, 9, 20), out;

    (void)state;
    assert_int_equal(run(&in, T.core, 0, &out).ifindex, T.ap);
    assert_int_equal(out.len, in.len - 40);
    assert_memory_equal(out.b, st1, 6);
    assert_memory_equal(out.b + 6, dlif, 6);
    assert_int_equal(out.b[14 + 7], 8);
    assert_int_equal((uint8_t)(out.b[14] << 4 | out.b[15] >> 4), 0x20);
}

/* RFC 6040, figure 4: rows inner, columns outer (not-ECT, ECT(1), ECT(0), CE as 0, 1, 2, 3). */
static void test_ecn_table(void **state)
{
    static const int want[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

    (void)state;
    for (uint8_t inner = 0; inner < 4; inner++) {
        for (uint8_t outer = 0; outer < 4; outer++) {
            struct frame in = tunnelled(PEER_A, WORLD, SERVED, outer, 0x28 | inner, 64, 20), out;
            struct gw_native_result r = run(&in, T.core, 0, &out);
            if (want[inner][outer] < 0) {
                assert_int_equal(r.reason, GW_R_ECN);
                continue;
            }
            assert_int_equal((uint8_t)(out.b[14] << 4 | out.b[15] >> 4), 0x28 | want[inner][outer]);
        }
    }
}

static void test_too_big(void **state)
{
    struct frame f = plain(st1, SERVED, WORLD, 0, 64, CORE_MTU - 80);

    (void)state;
    expect(f, true, GW_R_TUNNELLED);
    T.error.type = 0;
    expect(plain(st1, SERVED, WORLD, 0, 64, CORE_MTU - 79), true, GW_R_TOO_BIG);
    assert_int_equal(T.error.type, 2);
    assert_int_equal(T.error.mtu, CORE_MTU - 40);
    expect(plain(hop_mac, WORLD, LOCAL, 0, 64, CORE_MTU - 39), false, GW_R_TOO_BIG);
    assert_int_equal(T.error.mtu, CORE_MTU);
    expect(plain(st1, LOCAL, WORLD, 0, 64, CORE_MTU - 39), true, GW_R_TOO_BIG);
    /* what every link carries goes, however small the tunnel says it is */
    set_peer(PEER_A, 1280);
    expect(plain(st1, SERVED, WORLD, 0, 64, 1240), true, GW_R_TUNNELLED);
    expect(plain(st1, SERVED, WORLD, 0, 64, 1241), true, GW_R_TOO_BIG);
    assert_int_equal(T.error.mtu, 1280);
    set_peer(PEER_A, CORE_MTU);
}

/* A GSO packet is as long as its segments. From tunnel to tunnel, because a test-run cannot say
 * what kind of GSO it is, which making room asks for; test_path.py has real ones. */
static void test_gso(void **state)
{
    struct frame f = tunnelled(PEER_B, WORLD, MOVED, 0, 0, 64, 1800);

    (void)state;
    f.b[54 + 6] = 6;
    f.b[94 + 12] = 5 << 4;
    assert_int_equal(run(&f, T.core, 1400, NULL).reason, GW_R_RELAYED);
    assert_int_equal(run(&f, T.core, 1401, NULL).reason, GW_R_TOO_BIG);
}

/* Packet Too Big lowers for ten minutes (RFC 8201 §4), whatever the configuration repeats. */
static void test_peer_mtu_ages(void **state)
{
    struct gw_addr b = addr(PEER_B), nobody = addr("2001:db8:f::66");
    const struct gw_time at = GW_SEC(1000), due = GW_SEC(1600), more = GW_SEC(1700);

    (void)state;
    assert_int_equal(gw_bpf_expire(T.bpf, at), 0); /* the first one learns that nothing is due */
    assert_true(gw_bpf_deadline(T.bpf).ns == GW_NEVER.ns);
    assert_int_equal(gw_bpf_lower_peer_mtu(T.bpf, &b, 1400, at), 1);
    assert_int_equal(gw_bpf_lower_peer_mtu(T.bpf, &b, 1450, at), 0);
    assert_int_equal(gw_bpf_lower_peer_mtu(T.bpf, &b, 1279, at), GW_EINVAL);
    assert_int_equal(gw_bpf_lower_peer_mtu(T.bpf, &nobody, 1400, at), GW_ENOENT);
    assert_int_equal(gw_bpf_deadline(T.bpf).ns, due.ns);
    set_peer(PEER_B, CORE_MTU);
    assert_int_equal(gw_bpf_expire(T.bpf, (struct gw_time){due.ns - 1}), 0);
    assert_int_equal(gw_bpf_peer_mtu(T.bpf, &b), 1400);
    /* said again: held for longer, which the deadline finds out */
    assert_int_equal(gw_bpf_lower_peer_mtu(T.bpf, &b, 1400, GW_SEC(1100)), 0);
    assert_int_equal(gw_bpf_expire(T.bpf, due), 0);
    assert_int_equal(gw_bpf_peer_mtu(T.bpf, &b), 1400);
    assert_int_equal(gw_bpf_deadline(T.bpf).ns, more.ns);
    assert_int_equal(gw_bpf_expire(T.bpf, more), 0);
    assert_int_equal(gw_bpf_peer_mtu(T.bpf, &b), CORE_MTU);
    assert_true(gw_bpf_deadline(T.bpf).ns == GW_NEVER.ns);
    /* another configuration is in force at once */
    assert_int_equal(gw_bpf_lower_peer_mtu(T.bpf, &b, 1300, more), 1);
    set_peer(PEER_B, 1480);
    assert_int_equal(gw_bpf_peer_mtu(T.bpf, &b), 1480);
    set_peer(PEER_B, CORE_MTU);
}

static void test_watch(void **state)
{
    static const struct gw_bpf_ops ops = {.first_packet = on_first, .new_station = on_report};
    struct frame up = plain(st1, LOCAL, WORLD, 0, 64, 20);
    struct frame down = plain(hop_mac, WORLD, LOCAL, 0, 64, 20);

    (void)state;
    gw_bpf_dispatch(T.bpf, NULL, NULL, GW_SEC(1));
    set_prefix(LOCAL, 64, GW_PFX_LOCAL, "::", st1, true);
    T.firsts = 0;
    run(&up, T.ap, 0, NULL);
    assert_int_equal(T.firsts, 1); /* the native one */
    run(&up, T.ap, 0, NULL);
    run(&down, T.core, 0, NULL);
    run(&down, T.core, 0, NULL);
    assert_int_equal(T.firsts, 101);
    gw_bpf_dispatch(T.bpf, &ops, NULL, GW_SEC(1));
    assert_int_equal(T.firsts, 202); /* tc and XDP share the tables: one event each way */
}

/* Many unknown stations: as many reports as tokens, all drops counted. */
static void test_report_bound(void **state)
{
    static const struct gw_bpf_ops ops = {.new_station = on_report};
    uint64_t dropped = bpf_counter(GW_R_UNKNOWN_STATION), bound = bpf_counter(GW_R_REPORT_BOUND);
    struct frame f = plain(stranger, LOCAL, WORLD, 0, 64, 20);
    const unsigned n = 3000;

    (void)state;
    gw_bpf_dispatch(T.bpf, NULL, NULL, GW_SEC(1));
    T.reports = 0;
    for (unsigned i = 0; i < n; i++) {
        f.b[8] = 1; /* none of the other tests' */
        f.b[9] = (uint8_t)(i >> 8);
        f.b[10] = (uint8_t)i;
        struct xdp_md ctx = {.data_end = (uint32_t)f.len, .ingress_ifindex = T.ap};
        LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f.b, .data_size_in = (uint32_t)f.len,
                    .ctx_in = &ctx, .ctx_size_in = sizeof ctx);
        assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(T.bpf->skel->progs.gw_xdp), &o), 0);
        assert_int_equal(o.retval, XDP_DROP);
    }
    gw_bpf_dispatch(T.bpf, &ops, NULL, GW_SEC(1));
    assert_int_equal(bpf_counter(GW_R_UNKNOWN_STATION) - dropped, n);
    assert_true(T.reports >= 1);
    assert_int_equal(T.reports + (bpf_counter(GW_R_REPORT_BOUND) - bound), n);
}

static void test_usage(void **state)
{
    struct gw_prefix p = gw_prefix_mask(addr(LOCAL80), 80);
    struct frame f = plain(st2, LOCAL80, WORLD, 0, 64, 20);
    struct gw_bpf_usage before, after;

    (void)state;
    assert_int_equal(gw_bpf_usage(T.bpf, &p, &before), 0);
    run(&f, T.ap, 0, NULL);
    assert_int_equal(gw_bpf_usage(T.bpf, &p, &after), 0);
    assert_int_equal(after.up_packets, before.up_packets + 2); /* tc and XDP */
    assert_int_equal(after.up_octets, before.up_octets + 120);
    assert_true(after.last_up.ns > before.last_up.ns);
    assert_int_equal(gw_native_prefix(T.native, &p)->up.packets * 2, after.up_packets);
}

/* -- random --------------------------------------------------------------------------------------
 */

static const char *const all[] = {LOCAL, SERVED,    MOVED,     LOCAL80, LOST,   WORLD, ME,
                                  LOCAL, SERVED,    WORLD,     PEER_A,  PEER_B, "::",  "::1",
                                  LOCAL, "fe80::1", "ff02::1", MOVED,   WORLD};

static void test_random(void **state)
{
    struct gw_prng p;
    unsigned seen[GW_R_COUNT] = {0}, kinds = 0;

    (void)state;
    gw_prng_seed(&p, 20261121);
    for (unsigned i = 0; i < RANDOM_FRAMES; i++) {
        struct frame f = any_frame(&p, all, sizeof all / sizeof *all);
        seen[run(&f, gw_prng_below(&p, 2) ? T.ap : T.core, 0, NULL).reason]++;
    }
    for (int r = 0; r < GW_R_COUNT; r++)
        kinds += seen[r] > 0;
    assert_true(kinds >= 18); /* the generator reaches most of the path */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_way),        cmocka_unit_test(test_forwarding_off),
        cmocka_unit_test(test_drops),         cmocka_unit_test(test_ways),
        cmocka_unit_test(test_encapsulation), cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_ecn_table),     cmocka_unit_test(test_too_big),
        cmocka_unit_test(test_gso),           cmocka_unit_test(test_watch),
        cmocka_unit_test(test_usage),         cmocka_unit_test(test_random),
        cmocka_unit_test(test_local_routing), cmocka_unit_test(test_report_bound),
        cmocka_unit_test(test_peer_mtu_ages),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
