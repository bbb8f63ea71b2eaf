/* twin.c: see twin.h. */
#include "twin.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"

const uint8_t st1[6] = {2, 0, 0, 0, 0, 0xaa}, st2[6] = {2, 0, 0, 0, 0, 0xab};
const uint8_t stranger[6] = {2, 0, 0, 0, 0, 0xff}, group[6] = {1, 0, 0, 0, 0, 1};
const uint8_t dlif[6] = {2, 0, 0x5e, 0, 1, 1};
const uint8_t hop_mac[6] = {2, 0, 0, 0, 1, 2};
struct twin T;

struct gw_addr addr(const char *text)
{
    struct gw_addr a;

    assert_int_equal(gw_parse_addr(text, &a), 0);
    return a;
}

void sh(const char *cmd)
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

void on_first(void *user, const struct gw_prefix *prefix, bool uplink, struct gw_time seen)
{
    (void)user;
    (void)prefix;
    assert_true(seen.ns > 0);
    T.firsts += uplink ? 1 : 100;
}

void on_report(void *user, const struct gw_station_key *key, struct gw_time seen)
{
    (void)user;
    assert_true(seen.ns > 0);
    assert_int_equal(key->iface, 0);
    T.reports++;
}

void apply(const struct gw_intent *in)
{
    assert_int_equal(gw_bpf_apply(T.bpf, in), 0);
    assert_int_equal(gw_native_apply(T.native, in), 0);
}

struct gw_station_key station_key(const uint8_t mac[6])
{
    struct gw_station_key k = {.iface = 0, .lladdr = {.len = 6}};

    memcpy(k.lladdr.b, mac, 6);
    return k;
}

void set_prefix(const char *text, uint8_t len, enum gw_prefix_kind kind, const char *peer,
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

void set_peer(const char *text, uint16_t mtu)
{
    apply(&(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                              .peer = {.addr = addr(text), .mtu = mtu, .nets = !T.no_nets}});
}

void fill_tables(void)
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

struct frame plain(const uint8_t *mac, const char *src, const char *dst, uint8_t tclass,
                   uint8_t hop, size_t payload)
{
    struct frame f = {.len = 0};

    push_eth(&f, mac);
    push_ip(&f, src, dst, tclass, 17, hop, payload);
    push(&f, payload);
    return f;
}

struct frame tunnelled(const char *from, const char *src, const char *dst, uint8_t outer,
                       uint8_t tclass, uint8_t hop, size_t payload)
{
    struct frame f = {.len = 0};

    push_eth(&f, hop_mac);
    push_ip(&f, from, ME, outer, 41, 60, 40 + payload);
    push_ip(&f, src, dst, tclass, 17, hop, payload);
    push(&f, payload);
    return f;
}

static const char *any_of(struct gw_prng *p, const char *const *all, size_t n)
{
    return all[gw_prng_below(p, n)];
}

struct frame any_frame(struct gw_prng *p, const char *const *all, size_t n)
{
    static const uint8_t *const macs[] = {st1, st1, st2, stranger, group};
    static const uint8_t nexts[] = {6, 17, 58, 41, 59, 0}, hops[] = {0, 1, 2, 64, 255};
    uint8_t tclass = (uint8_t)gw_prng_u64(p), outer = (uint8_t)gw_prng_u64(p);
    uint8_t hop = hops[gw_prng_below(p, sizeof hops)];
    size_t payload = gw_prng_below(p, gw_prng_below(p, 4) ? 100 : 1500), ip = 14;
    struct frame f;

    if (gw_prng_below(p, 2)) {
        f = tunnelled(any_of(p, all, n), any_of(p, all, n), any_of(p, all, n), outer, tclass, hop,
                      payload);
        ip = 54;
    } else {
        f = plain(macs[gw_prng_below(p, 5)], any_of(p, all, n), any_of(p, all, n), tclass, hop,
                  payload);
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

/* -- one frame through all three -----------------------------------------------------------------
 */

uint64_t bpf_counter(enum gw_reason r)
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
static void assert_counted(const char *form, const uint64_t before[GW_R_COUNT], int reason)
{
    for (int r = 0; r < GW_R_PEER_MTU; r++) {
        uint64_t by = bpf_counter((enum gw_reason)r) - before[r];
        if (by != (r == reason))
            fail_msg("%s: counter %s by %u, the native build says %s", form,
                     gw_reason_name((enum gw_reason)r), (unsigned)by,
                     reason < GW_R_COUNT ? gw_reason_name((enum gw_reason)reason) : "none");
    }
}

static void check_tc(const struct frame *in, uint32_t ifindex, uint32_t gso,
                     struct gw_native_result want, const struct gw_native_frame *out)
{
    static const uint32_t code[] = {TC_ACT_OK, TC_ACT_SHOT, TC_ACT_REDIRECT, TC_ACT_REDIRECT};
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
    assert_counted("tc", before, (int)want.reason);
    if (want.action == GW_NATIVE_DROP)
        return;
    assert_int_equal(o.data_size_out, out->len);
    /* the neighbour's addresses come behind the program, but for a delivery */
    size_t from = want.action == GW_NATIVE_SEND && want.ifindex != T.ap ? 12 : 0;
    if (want.action == GW_NATIVE_KEPT) /* whose it is stands there */
        from = 6;
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
                     (want.reason >= GW_R_NO_ROUTE && want.reason <= GW_R_FORWARDING_OFF) ||
                     want.reason == GW_R_INSTANCE_DEAD || want.reason == GW_R_NO_INSTANCE;
        assert_true(want.action == GW_NATIVE_PASS || error);
        assert_int_equal(o.data_size_out, in->len);
        assert_memory_equal(got, in->b, in->len);
        assert_counted("XDP", before, GW_R_COUNT);
        return;
    }
    assert_int_equal(o.retval, want.action == GW_NATIVE_DROP ? XDP_DROP : XDP_REDIRECT);
    assert_counted("XDP", before, (int)want.reason);
    if (want.action == GW_NATIVE_DROP)
        return;
    size_t from = want.action == GW_NATIVE_KEPT ? 6 : 0;
    assert_int_equal(o.data_size_out, out->len);
    assert_memory_equal(got + from, out->data + from, out->len - from);
}

struct gw_native_result run(const struct frame *in, uint32_t ifindex, uint32_t gso,
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

void expect(struct frame f, bool access, enum gw_reason reason)
{
    struct gw_native_result r = run(&f, access ? T.ap : T.core, 0, NULL);

    if (r.reason != reason)
        fail_msg("%s, expected %s", gw_reason_name(r.reason), gw_reason_name(reason));
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

int twin_open(void)
{
    struct gw_cfg_if ifs[] = {{.name = "ap0", .side = GW_IF_ACCESS, .hook = GW_HOOK_XDP},
                              {.name = "core0", .side = GW_IF_CORE, .hook = GW_HOOK_XDP}};
    struct gw_config c = {
        .addr = addr(ME),
        .nifs = 2,
        .ifs = ifs,
        .limits = {.stations = 10, .bindings = 10, .previous_maars = 2, .flows = TWIN_FLOWS},
        .handover = {.on = true},
        .daemon = {.pin_dir = T.pins}};

    return gw_bpf_open(&T.bpf, &c, 0, NULL);
}

struct gw_time twin_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return gw_time_add(GW_SEC(ts.tv_sec), (struct gw_time){ts.tv_nsec});
}

int set_up(void **state)
{
    static const struct gw_native_ops ops = {
        .route = native_route, .error = native_error, .first_packet = on_first};

    (void)state;
    if (unshare(CLONE_NEWNET))
        return -1;
    make_links();
    snprintf(T.pins, sizeof T.pins, "/sys/fs/bpf/gw-test-%d", getpid());
    struct gw_native_if nifs[] = {{T.ap, 1500, GW_T_ACCESS}, {T.core, 1500, GW_T_CORE}};
    T.native = gw_native_new(
        &(struct gw_native_conf){
            .addr = addr(ME), .nifs = 2, .ifs = nifs, .flows = TWIN_FLOWS, .seed = 1},
        &ops, NULL, &gw_alloc_libc);
    if (!T.native || twin_open())
        return -1;
    fill_tables();
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    gw_bpf_close(T.bpf, GW_STOP_REMOVE);
    gw_native_free(T.native);
    return access(T.pins, F_OK) == 0 ? -1 : 0; /* removed means removed */
}
