/* test_nets.c: local networks (RFC 8885 §3.7): what goes by destination, in the three forms of the
 * packet path, and that nothing else does.
 */
#include "twin.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"

enum { RANDOM_FRAMES = 10000 };

#define OWN     "fd00:10::1"        /* behind this node */
#define BEHIND  "fd00:20::1"        /* behind A, for station 1 */
#define NEARER  "fd00:20:0:7::1"    /* behind B, for station 1: a longer prefix */
#define GUEST   "2001:db8:b000::10" /* of B's pool, somebody who was here */
#define SERVED2 "2001:db8:b001::10" /* of station 1, anchored at B */

static void net(enum gw_intent_kind what, enum gw_net_kind kind, const char *text, uint8_t len,
                const char *to)
{
    struct gw_intent in = {.kind = what,
                           .net = {.prefix = gw_prefix_mask(addr(text), len), .kind = kind}};

    if (kind == GW_NET_BEHIND) {
        in.net.station = station_key(st1);
        in.net.via = gw_prefix_mask(addr(to), 64);
    } else if (kind == GW_NET_POOL) {
        in.net.peer = addr(to);
    }
    apply(&in);
}

static void station(bool nets)
{
    apply(&(struct gw_intent){.kind = GW_INTENT_STATION_SET,
                              .station = {.key = station_key(st1), .nets = nets}});
}

static void all_nets(enum gw_intent_kind what)
{
    net(what, GW_NET_OWN, OWN, 48, NULL);
    net(what, GW_NET_POOL, GUEST, 36, PEER_B);
    net(what, GW_NET_BEHIND, BEHIND, 48, SERVED);
    net(what, GW_NET_BEHIND, NEARER, 64, SERVED2);
    net(what, GW_NET_BEHIND, OWN, 49, SERVED);
    station(what == GW_INTENT_NET_SET);
}

static void expect_to(struct frame f, bool access, const char *peer)
{
    struct gw_addr want = addr(peer);
    struct frame out;

    assert_int_equal(run(&f, access ? T.ap : T.core, 0, &out).reason, GW_R_TUNNELLED);
    assert_memory_equal(out.b + 14 + 24, want.b, 16);
}

static void as_without(void)
{
    expect(plain(st1, LOCAL, BEHIND, 0, 64, 20), true, GW_R_ROUTED);
    expect_to(plain(st1, SERVED2, BEHIND, 0, 64, 20), true, PEER_B);
    expect_to(plain(st1, SERVED, OWN, 0, 64, 20), true, PEER_A);
    expect(tunnelled(PEER_B, GUEST, OWN, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(plain(hop_mac, OWN, GUEST, 0, 64, 20), false, GW_R_PASSED);
}

static void test_by_destination(void **state)
{
    struct gw_prefix served = gw_prefix_mask(addr(SERVED), 64);
    struct gw_bpf_usage before, after;

    (void)state;
    as_without();
    all_nets(GW_INTENT_NET_SET);
    assert_int_equal(gw_bpf_usage(T.bpf, &served, &before), 0);
    expect_to(plain(st1, LOCAL, BEHIND, 0, 64, 20), true, PEER_A);
    assert_int_equal(gw_bpf_usage(T.bpf, &served, &after), 0);
    assert_int_equal(after.up_packets, before.up_packets + 2); /* the anchor is in use */
    expect_to(plain(st1, SERVED, BEHIND, 0, 64, 20), true, PEER_A);
    expect_to(plain(st1, SERVED2, BEHIND, 0, 64, 20), true, PEER_A);
    expect_to(plain(st1, LOCAL, NEARER, 0, 64, 20), true, PEER_B);
    expect(plain(st1, LOCAL, BEHIND, 0, 1, 20), true, GW_R_HOP_LIMIT);
    expect(plain(st1, LOCAL, BEHIND, 0, 64, 1421), true, GW_R_TOO_BIG);
    expect(plain(st1, LOCAL, WORLD, 0, 64, 20), true, GW_R_ROUTED);
    expect_to(plain(st1, SERVED, WORLD, 0, 64, 20), true, PEER_A);
    /* only for who has them, from addresses that are its own */
    expect(plain(st2, LOCAL80, BEHIND, 0, 64, 20), true, GW_R_ROUTED);
    expect(plain(st1, GUEST, BEHIND, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    expect(plain(st1, LOCAL80, BEHIND, 0, 64, 20), true, GW_R_FOREIGN_SOURCE);
    all_nets(GW_INTENT_NET_DEL);
    as_without();
}

/* The anchor's own networks: who may use them, and what they send. */
static void test_own(void **state)
{
    (void)state;
    all_nets(GW_INTENT_NET_SET);
    expect(plain(st1, SERVED, OWN, 0, 64, 20), true, GW_R_ROUTED);
    expect(plain(st1, LOCAL, OWN, 0, 64, 20), true, GW_R_ROUTED);
    expect(tunnelled(PEER_B, GUEST, OWN, 0, 0, 64, 20), false, GW_R_ROUTED);
    expect(tunnelled(PEER_A, GUEST, OWN, 0, 0, 64, 20), false, GW_R_ROUTED); /* it is at A */
    expect(tunnelled(PEER_A, MOVED, OWN, 0, 0, 64, 20), false, GW_R_ROUTED);
    expect(tunnelled("2001:db8:f::66", GUEST, OWN, 0, 0, 64, 20), false, GW_R_STRANGER_TUNNEL);
    T.no_nets = true; /* an LMA or a MAG has no part in this, but with the prefixes of its own */
    set_peer(PEER_A, 1500);
    expect(tunnelled(PEER_A, GUEST, OWN, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_A, MOVED, OWN, 0, 0, 64, 20), false, GW_R_ROUTED);
    T.no_nets = false;
    set_peer(PEER_A, 1500);
    expect(tunnelled(PEER_B, GUEST, WORLD, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_B, GUEST, BEHIND, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_B, WORLD, OWN, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect(tunnelled(PEER_B, MOVED, OWN, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect_to(plain(hop_mac, OWN, GUEST, 0, 64, 20), false, PEER_B);
    expect_to(plain(hop_mac, OWN, MOVED, 0, 64, 20), false, PEER_A);
    expect(plain(hop_mac, OWN, LOCAL, 0, 64, 20), false, GW_R_DELIVERED);
    expect(plain(hop_mac, OWN, SERVED, 0, 64, 20), false, GW_R_DELIVERED);
    expect(plain(hop_mac, OWN, WORLD, 0, 64, 20), false, GW_R_PASSED);
    expect(plain(hop_mac, WORLD, GUEST, 0, 64, 20), false, GW_R_PASSED);
    expect(plain(hop_mac, OWN, GUEST, 0, 1, 20), false, GW_R_HOP_LIMIT);
    expect(plain(hop_mac, OWN, GUEST, 0, 64, 1421), false, GW_R_TOO_BIG);
    all_nets(GW_INTENT_NET_DEL);
    as_without();
}

/* An anchor that is given up takes its networks with it, whatever is in the table. */
static void test_without_anchor(void **state)
{
    (void)state;
    all_nets(GW_INTENT_NET_SET);
    apply(&(struct gw_intent){.kind = GW_INTENT_PREFIX_DEL,
                              .prefix = {.prefix = gw_prefix_mask(addr(SERVED2), 64)}});
    expect(plain(st1, LOCAL, NEARER, 0, 64, 20), true, GW_R_ROUTED);
    set_prefix(SERVED2, 64, GW_PFX_SERVED, PEER_B, st2, false);
    expect(plain(st1, LOCAL, NEARER, 0, 64, 20), true, GW_R_ROUTED);
    set_prefix(SERVED2, 64, GW_PFX_MOVED, PEER_B, NULL, false);
    expect(plain(st1, LOCAL, NEARER, 0, 64, 20), true, GW_R_ROUTED);
    set_prefix(SERVED2, 64, GW_PFX_SERVED, PEER_B, st1, false);
    expect_to(plain(st1, LOCAL, NEARER, 0, 64, 20), true, PEER_B);
    all_nets(GW_INTENT_NET_DEL);
}

/* After a restart what is not said again goes; what is said, and said twice, is there once. */
static void test_sync(void **state)
{
    (void)state;
    all_nets(GW_INTENT_NET_SET);
    T.bpf->generation++;
    gw_native_restart(T.native);
    fill_tables();
    set_prefix(SERVED2, 64, GW_PFX_SERVED, PEER_B, st1, false);
    station(true);
    for (int twice = 0; twice < 2; twice++) {
        net(GW_INTENT_NET_SET, GW_NET_OWN, OWN, 48, NULL);
        net(GW_INTENT_NET_SET, GW_NET_BEHIND, BEHIND, 48, SERVED);
    }
    apply(&(struct gw_intent){.kind = GW_INTENT_SYNC});
    expect(plain(st1, SERVED, OWN, 0, 64, 20), true, GW_R_ROUTED);
    expect(tunnelled(PEER_B, GUEST, OWN, 0, 0, 64, 20), false, GW_R_INNER_SOURCE);
    expect_to(plain(st1, LOCAL, NEARER, 0, 64, 20), true, PEER_A);
    assert_int_equal(T.bpf->nets_used, 1);
    all_nets(GW_INTENT_NET_DEL);
    assert_int_equal(T.bpf->nets_used, 0);
    as_without();
}

static void test_refused(void **state)
{
    struct gw_intent in = {.kind = GW_INTENT_NET_SET, .net = {.kind = GW_NET_OWN}};
    struct gw_intent of_nobody = {
        .kind = GW_INTENT_NET_SET,
        .net = {.prefix = gw_prefix_mask(addr(OWN), 48), .kind = GW_NET_BEHIND}};

    (void)state;
    assert_int_equal(gw_bpf_apply(T.bpf, &in), GW_EINVAL); /* ::/0 */
    assert_int_equal(gw_native_apply(T.native, &in), GW_EINVAL);
    assert_int_equal(gw_bpf_apply(T.bpf, &of_nobody), GW_EINVAL);
    assert_int_equal(gw_native_apply(T.native, &of_nobody), GW_EINVAL);
}

static void test_random(void **state)
{
    static const char *const all[] = {LOCAL, SERVED, SERVED2, MOVED,  LOCAL80, WORLD, ME,     OWN,
                                      OWN,   BEHIND, BEHIND,  NEARER, GUEST,   GUEST, PEER_A, "::"};
    unsigned seen[GW_R_COUNT] = {0}, kinds = 0;
    struct gw_prng p;

    (void)state;
    all_nets(GW_INTENT_NET_SET);
    gw_prng_seed(&p, 8885);
    for (unsigned i = 0; i < RANDOM_FRAMES; i++) {
        struct frame f = any_frame(&p, all, sizeof all / sizeof *all);
        seen[run(&f, gw_prng_below(&p, 2) ? T.ap : T.core, 0, NULL).reason]++;
    }
    for (int r = 0; r < GW_R_COUNT; r++)
        kinds += seen[r] > 0;
    assert_true(kinds >= 15);
}

static int begin(void **state)
{
    int err = set_up(state);

    if (err == 0)
        set_prefix(SERVED2, 64, GW_PFX_SERVED, PEER_B, st1, false);
    return err;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_destination), cmocka_unit_test(test_own),
        cmocka_unit_test(test_without_anchor), cmocka_unit_test(test_sync),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, begin, tear_down);
}
