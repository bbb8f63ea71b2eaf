/* test_path.c: the three forms of the packet path against each other and against what the RFCs
 * say. Every frame goes through the native build, the tc and the XDP program (BPF test-run, tables
 * filled by the same intents); verdict, octets and counters must agree. Needs root: runs in a
 * network namespace and a pin directory of its own.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/prng.h"
#include "base/text.h"
#include "gw_path.skel.h"
#include "plane/native.h"
#include "sys/plane_impl.h"

enum { ROOM = 64, FRAME_MAX = 2048, RANDOM_FRAMES = 20000, CORE_MTU = 1500 };

#define ME      "2001:db8:f::1"
#define PEER_A  "2001:db8:f::2"
#define PEER_B  "2001:db8:f::3"
#define WORLD   "2001:db8:5::2"
#define LOCAL   "2001:db8:1000::10" /* of station 1 */
#define SERVED  "2001:db8:a000::10" /* of station 1, anchored at A */
#define SERVED2 "2001:db8:a001::10" /* of station 2, for a while */
#define MOVED   "2001:db8:1001::10" /* station at A */
#define LOCAL80 "2001:db8:2000::10" /* of station 2, a /80 */
#define LOST    "2001:db8:1002::10" /* moved behind a peer nobody configured */
#define CUT_OFF "2001:db8:1003::10" /* moved behind a peer without a route */
#define NO_WAY  "2001:db8:bad::2"   /* an unreachable route */
#define HOLE    "2001:db8:bad:1::2" /* a blackhole route */
#define PEER_C  "2001:db8:bad::3"
static const uint8_t st1[6] = {2, 0, 0, 0, 0, 0xaa}, st2[6] = {2, 0, 0, 0, 0, 0xab};
static const uint8_t stranger[6] = {2, 0, 0, 0, 0, 0xff}, group[6] = {1, 0, 0, 0, 0, 1};
static const uint8_t dlif[6] = {2, 0, 0x5e, 0, 1, 1};
static const uint8_t hop_mac[6] = {2, 0, 0, 0, 1, 2};

static struct {
    struct gw_bpf *bpf;
    struct gw_native *native;
    uint32_t ap, core;
    uint8_t core_mac[6];
    char pins[64];
    struct gw_icmp_error error; /* the native build's last */
    unsigned errors, firsts, reports;
    bool forwarding_off, local_routing;
} T;

struct frame {
    uint8_t room[ROOM], b[FRAME_MAX];
    size_t len;
};

static struct gw_addr addr(const char *text)
{
    struct gw_addr a;

    assert_int_equal(gw_parse_addr(text, &a), 0);
    return a;
}

static void sh(const char *cmd)
{
    if (system(cmd) != 0) /* NOLINT(cert-env33-c): constant commands in a test */
        fail_msg("%s", cmd);
}

/* -- the two sides -------------------------------------------------------------------------------
 */

static int native_route(void *user, const struct gw_addr *dst, uint32_t len,
                        struct gw_native_hop *hop)
{
    struct gw_addr me = addr(ME);
    struct gw_prefix no_way = gw_prefix_mask(addr(NO_WAY), 64),
                     hole = gw_prefix_mask(addr(HOLE), 64);

    (void)user;
    hop->ifindex = T.core;
    hop->mtu = CORE_MTU;
    memcpy(hop->dst, hop_mac, 6);
    memcpy(hop->src, T.core_mac, 6);
    if (T.forwarding_off)
        return BPF_FIB_LKUP_RET_FWD_DISABLED;
    if (gw_addr_eq(dst, &me))
        return BPF_FIB_LKUP_RET_NOT_FWDED;
    if (gw_prefix_contains(&no_way, dst))
        return BPF_FIB_LKUP_RET_UNREACHABLE;
    if (gw_prefix_contains(&hole, dst))
        return BPF_FIB_LKUP_RET_BLACKHOLE;
    return len > CORE_MTU ? BPF_FIB_LKUP_RET_FRAG_NEEDED : BPF_FIB_LKUP_RET_SUCCESS;
}

static void native_error(void *user, const struct gw_icmp_error *e, const uint8_t *packet,
                         size_t len)
{
    (void)user;
    (void)packet;
    (void)len;
    T.error = *e;
    T.errors++;
}

static void on_first(void *user, const struct gw_prefix *prefix, bool uplink, struct gw_time seen)
{
    (void)user;
    (void)prefix;
    assert_true(seen.ns > 0);
    T.firsts += uplink ? 1 : 100;
}

static void on_report(void *user, const struct gw_station_key *key, struct gw_time seen)
{
    (void)user;
    assert_true(seen.ns > 0);
    assert_int_equal(key->iface, 0);
    T.reports++;
}

static void apply(const struct gw_intent *in)
{
    assert_int_equal(gw_bpf_apply(T.bpf, in), 0);
    assert_int_equal(gw_native_apply(T.native, in), 0);
}

static struct gw_station_key station_key(const uint8_t mac[6])
{
    struct gw_station_key k = {.iface = 0, .lladdr = {.len = 6}};

    memcpy(k.lladdr.b, mac, 6);
    return k;
}

static void set_prefix(const char *text, uint8_t len, enum gw_prefix_kind kind, const char *peer,
                       const uint8_t *mac, bool watch)
{
    struct gw_intent in = {.kind = GW_INTENT_PREFIX_SET,
                           .prefix = {.prefix = gw_prefix_mask(addr(text), len),
                                      .kind = kind,
                                      .peer = addr(peer),
                                      .station = station_key(mac ? mac : st1),
                                      .dlif = {.len = 6},
                                      .local_routing = T.local_routing,
                                      .watch_up = watch,
                                      .watch_down = watch}};

    memcpy(in.prefix.dlif.b, dlif, 6);
    apply(&in);
}

static void set_peer(const char *text, uint16_t mtu)
{
    apply(
        &(struct gw_intent){.kind = GW_INTENT_PEER_SET, .peer = {.addr = addr(text), .mtu = mtu}});
}

static void fill_tables(void)
{
    const char *const peers[] = {PEER_A, PEER_B, PEER_C};
    const uint8_t *const macs[] = {st1, st2};

    for (int i = 0; i < 3; i++)
        set_peer(peers[i], CORE_MTU);
    for (int i = 0; i < 2; i++) {
        apply(&(struct gw_intent){.kind = GW_INTENT_STATION_SET,
                                  .station = {.key = station_key(macs[i])}});
    }
    set_prefix(LOCAL, 64, GW_PFX_LOCAL, "::", st1, false);
    set_prefix(SERVED, 64, GW_PFX_SERVED, PEER_A, st1, false);
    set_prefix(MOVED, 64, GW_PFX_MOVED, PEER_A, NULL, false);
    set_prefix(LOCAL80, 80, GW_PFX_LOCAL, "::", st2, false);
    set_prefix(LOST, 64, GW_PFX_MOVED, "2001:db8:f::99", NULL, false);
    set_prefix(CUT_OFF, 64, GW_PFX_MOVED, PEER_C, NULL, false);
}

/* -- frames --------------------------------------------------------------------------------------
 */

static uint8_t *push(struct frame *f, size_t n)
{
    uint8_t *at = f->b + f->len;

    memset(at, 0, n);
    f->len += n;
    return at;
}

static void push_eth(struct frame *f, const uint8_t *src)
{
    uint8_t *e = push(f, 14);

    memcpy(e, dlif, 6);
    memcpy(e + 6, src, 6);
    e[12] = 0x86;
    e[13] = 0xdd;
}

static void push_ip(struct frame *f, const char *src, const char *dst, uint8_t tclass, uint8_t next,
                    uint8_t hop, size_t payload)
{
    uint8_t *h = push(f, 40);
    struct gw_addr s = addr(src), d = addr(dst);

    h[0] = (uint8_t)(0x60 | tclass >> 4);
    h[1] = (uint8_t)(tclass << 4);
    h[4] = (uint8_t)(payload >> 8);
    h[5] = (uint8_t)payload;
    h[6] = next;
    h[7] = hop;
    memcpy(h + 8, s.b, 16);
    memcpy(h + 24, d.b, 16);
}

/* Ethernet, IPv6, UDP and zeroes. */
static struct frame plain(const uint8_t *mac, const char *src, const char *dst, uint8_t tclass,
                          uint8_t hop, size_t payload)
{
    struct frame f = {.len = 0};

    push_eth(&f, mac);
    push_ip(&f, src, dst, tclass, 17, hop, payload);
    push(&f, payload);
    return f;
}

static struct frame tunnelled(const char *from, const char *src, const char *dst, uint8_t outer,
                              uint8_t tclass, uint8_t hop, size_t payload)
{
    struct frame f = {.len = 0};

    push_eth(&f, hop_mac);
    push_ip(&f, from, ME, outer, 41, 60, 40 + payload);
    push_ip(&f, src, dst, tclass, 17, hop, payload);
    push(&f, payload);
    return f;
}

/* -- one frame through all three -----------------------------------------------------------------
 */

static uint64_t bpf_counter(enum gw_reason r)
{
    struct gw_t_counter per_cpu[256];
    uint32_t key = r;
    uint64_t sum = 0;

    assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(T.bpf->skel->maps.counters), &key, per_cpu),
                     0);
    for (int i = 0; i < T.bpf->ncpus; i++)
        sum += per_cpu[i].packets;
    return sum;
}

static void snapshot(uint64_t out[GW_R_COUNT])
{
    for (int r = 0; r < GW_R_COUNT; r++)
        out[r] = bpf_counter((enum gw_reason)r);
}

/* Exactly `reason` went up, or none (GW_R_COUNT); reports depend on the clock. */
static void assert_counted(const uint64_t before[GW_R_COUNT], int reason)
{
    for (int r = 0; r <= GW_R_NO_ROOM; r++)
        if (bpf_counter((enum gw_reason)r) != before[r] + (r == reason))
            fail_msg("counter %s: the native build says %s", gw_reason_name((enum gw_reason)r),
                     reason < GW_R_COUNT ? gw_reason_name((enum gw_reason)reason) : "none");
}

static void check_tc(const struct frame *in, uint32_t ifindex, uint32_t gso,
                     struct gw_native_result want, const struct gw_native_frame *out)
{
    static const uint32_t code[] = {TC_ACT_OK, TC_ACT_SHOT, TC_ACT_REDIRECT};
    struct __sk_buff ctx = {.ifindex = ifindex, .gso_size = gso};
    uint8_t got[FRAME_MAX + 256];
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->b, .data_size_in = (uint32_t)in->len,
                .data_out = got, .data_size_out = sizeof got, .ctx_in = &ctx,
                .ctx_size_in = sizeof ctx);
    uint64_t before[GW_R_COUNT];

    snapshot(before);
    int rc = bpf_prog_test_run_opts(bpf_program__fd(T.bpf->skel->progs.gw_tc), &o);
    if (rc)
        fail_msg("tc test-run: %s", strerror(errno));
    assert_int_equal(o.retval, code[want.action]);
    assert_counted(before, (int)want.reason);
    if (want.action == GW_NATIVE_DROP)
        return;
    assert_int_equal(o.data_size_out, out->len);
    /* the neighbour's addresses come behind the program, but for a delivery */
    size_t from = want.action == GW_NATIVE_SEND && want.ifindex != T.ap ? 12 : 0;
    assert_memory_equal(got + from, out->data + from, out->len - from);
}

static void check_xdp(const struct frame *in, uint32_t ifindex, struct gw_native_result want,
                      const struct gw_native_frame *out)
{
    struct xdp_md ctx = {.data_end = (uint32_t)in->len, .ingress_ifindex = ifindex};
    uint8_t got[FRAME_MAX + 256];
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in->b, .data_size_in = (uint32_t)in->len,
                .data_out = got, .data_size_out = sizeof got, .ctx_in = &ctx,
                .ctx_size_in = sizeof ctx);
    uint64_t before[GW_R_COUNT];

    snapshot(before);
    int rc = bpf_prog_test_run_opts(bpf_program__fd(T.bpf->skel->progs.gw_xdp), &o);
    if (rc)
        fail_msg("XDP test-run: %s", strerror(errno));
    if (o.retval == XDP_PASS) { /* left to tc: whatever is not sent, nor simply dropped */
        bool error = want.reason == GW_R_HOP_LIMIT || want.reason == GW_R_TOO_BIG ||
                     (want.reason >= GW_R_NO_ROUTE && want.reason <= GW_R_FORWARDING_OFF);
        assert_true(want.action == GW_NATIVE_PASS || error);
        assert_int_equal(o.data_size_out, in->len);
        assert_memory_equal(got, in->b, in->len);
        assert_counted(before, GW_R_COUNT);
        return;
    }
    assert_int_equal(o.retval, want.action == GW_NATIVE_SEND ? XDP_REDIRECT : XDP_DROP);
    assert_counted(before, (int)want.reason);
    if (want.action != GW_NATIVE_SEND)
        return;
    assert_int_equal(o.data_size_out, out->len);
    assert_memory_equal(got, out->data, out->len);
}

static struct gw_native_result run(const struct frame *in, uint32_t ifindex, uint32_t gso,
                                   struct frame *result)
{
    struct frame work = *in;
    struct gw_native_frame f = {.data = work.b, .len = work.len, .headroom = ROOM, .gso_size = gso};
    struct gw_native_result r = gw_native_packet(T.native, ifindex, &f, GW_SEC(1));

    if (in->len >= 54) /* the kernel's test-run refuses skbs shorter than their IPv6 header */
        check_tc(in, ifindex, gso, r, &f);
    if (gso == 0)
        check_xdp(in, ifindex, r, &f);
    if (result) {
        result->len = f.len;
        memcpy(result->b, f.data, f.len);
    }
    return r;
}

static void expect(struct frame f, bool access, enum gw_reason reason)
{
    struct gw_native_result r = run(&f, access ? T.ap : T.core, 0, NULL);

    if (r.reason != reason)
        fail_msg("%s, expected %s", gw_reason_name(r.reason), gw_reason_name(reason));
}

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

static const char *any_address(struct gw_prng *p)
{
    static const char *const all[] = {LOCAL, SERVED,    MOVED,     LOCAL80, LOST,   WORLD, ME,
                                      LOCAL, SERVED,    WORLD,     PEER_A,  PEER_B, "::",  "::1",
                                      LOCAL, "fe80::1", "ff02::1", MOVED,   WORLD};

    return all[gw_prng_below(p, sizeof all / sizeof *all)];
}

static struct frame any_frame(struct gw_prng *p)
{
    static const uint8_t *const macs[] = {st1, st1, st2, stranger, group};
    static const uint8_t nexts[] = {6, 17, 58, 41, 59, 0}, hops[] = {0, 1, 2, 64, 255};
    uint8_t tclass = (uint8_t)gw_prng_u64(p), outer = (uint8_t)gw_prng_u64(p);
    uint8_t hop = hops[gw_prng_below(p, sizeof hops)];
    size_t payload = gw_prng_below(p, gw_prng_below(p, 4) ? 100 : 1500), ip = 14;
    struct frame f;

    if (gw_prng_below(p, 2)) {
        f = tunnelled(any_address(p), any_address(p), any_address(p), outer, tclass, hop, payload);
        ip = 54;
    } else {
        f = plain(macs[gw_prng_below(p, 5)], any_address(p), any_address(p), tclass, hop, payload);
    }
    if (gw_prng_below(p, 2))
        f.b[ip + 6] = nexts[gw_prng_below(p, sizeof nexts)];
    for (size_t i = ip + 40; i < f.len && i < ip + 60; i++)
        f.b[i] = (uint8_t)gw_prng_u64(p);
    if (gw_prng_below(p, 2)) /* an inner flow label */
        f.b[ip + 3] = (uint8_t)gw_prng_u64(p);
    if (gw_prng_below(p, 8) == 0)
        f.b[gw_prng_below(p, f.len)] ^= (uint8_t)(1u << gw_prng_below(p, 8));
    if (gw_prng_below(p, 8) == 0)
        f.len = 15 + gw_prng_below(p, f.len - 14); /* a test-run wants more than Ethernet */
    return f;
}

static void test_random(void **state)
{
    struct gw_prng p;
    unsigned seen[GW_R_COUNT] = {0}, kinds = 0;

    (void)state;
    gw_prng_seed(&p, 20261121);
    for (unsigned i = 0; i < RANDOM_FRAMES; i++) {
        struct frame f = any_frame(&p);
        seen[run(&f, gw_prng_below(&p, 2) ? T.ap : T.core, 0, NULL).reason]++;
    }
    for (int r = 0; r < GW_R_COUNT; r++)
        kinds += seen[r] > 0;
    assert_true(kinds >= 18); /* the generator reaches most of the path */
}

/* -- set-up --------------------------------------------------------------------------------------
 */

static void read_mac(void)
{
    struct ifreq req = {.ifr_name = "core0"};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &req), 0);
    close(fd);
    memcpy(T.core_mac, req.ifr_hwaddr.sa_data, sizeof T.core_mac);
}

static void make_links(void)
{
    sh("mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf");
    sh("sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0");
    sh("ip link set lo up && ip link add ap0 type veth peer name mn0 && "
       "ip link add core0 type veth peer name r0");
    /* the far ends say nothing of their own: it would be counted */
    sh("for d in ap0 mn0 r0; do sysctl -qw net.ipv6.conf.$d.disable_ipv6=1; done");
    sh("for d in ap0 mn0 core0 r0; do ip link set $d up; done");
    sh("ip addr add " ME "/128 dev lo && ip addr add 2001:db8:f:1::1/64 dev core0 nodad && "
       "ip -6 route add default via 2001:db8:f:1::2 dev core0 && "
       "ip -6 route add unreachable 2001:db8:bad::/64 && "
       "ip -6 route add blackhole 2001:db8:bad:1::/64 && "
       "ip -6 neigh add 2001:db8:f:1::2 lladdr 02:00:00:00:01:02 dev core0 nud permanent");
    T.ap = if_nametoindex("ap0");
    T.core = if_nametoindex("core0");
    read_mac();
}

static int set_up(void **state)
{
    struct gw_cfg_if ifs[] = {{.name = "ap0", .side = GW_IF_ACCESS, .hook = GW_HOOK_XDP},
                              {.name = "core0", .side = GW_IF_CORE, .hook = GW_HOOK_XDP}};
    struct gw_config c = {.addr = addr(ME),
                          .nifs = 2,
                          .ifs = ifs,
                          .limits = {.stations = 10, .bindings = 10, .previous_maars = 2},
                          .daemon = {.pin_dir = T.pins}};
    static const struct gw_native_ops ops = {
        .route = native_route, .error = native_error, .first_packet = on_first};

    (void)state;
    if (unshare(CLONE_NEWNET))
        return -1;
    make_links();
    snprintf(T.pins, sizeof T.pins, "/sys/fs/bpf/gw-test-%d", getpid());
    struct gw_native_if nifs[] = {{T.ap, 1500, true}, {T.core, 1500, false}};
    T.native =
        gw_native_new(&(struct gw_native_conf){.addr = c.addr, .nifs = 2, .ifs = nifs, .seed = 1},
                      &ops, NULL, &gw_alloc_libc);
    if (!T.native || gw_bpf_open(&T.bpf, &c, 0, NULL))
        return -1;
    fill_tables();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_bpf_close(T.bpf, GW_STOP_REMOVE);
    gw_native_free(T.native);
    return access(T.pins, F_OK) == 0 ? -1 : 0; /* removed means removed */
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
