/* bench_plane.c: nanoseconds per packet of both forms of the packet path, one packet per BPF
 * test-run, clock read inside the kernel around the path alone. All cases take turns in one
 * process, because these figures drift by a factor with whatever else the machine does; each is
 * given beside a program that only passes, measured in the same round.
 *
 *   bench-plane [ROUNDS]      root; runs in a network namespace of its own
 *
 * The tables hold KEYS stations with a local and a served prefix each, and KEYS moved prefixes;
 * packets use 1, 1 k or all of them, at random. One service with INSTANCES instances, by the
 * default policy; flows have a table of 4 KEYS entries, which new ones fill until it evicts.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/prng.h"
#include "base/text.h"
#include "gw_bench.skel.h"
#include "gw_path.skel.h"
#include "sys/plane_impl.h"

enum { KEYS = 65536, PACKETS = 1000, ROUNDS = 61, MAX_ROUNDS = 1000, PAYLOAD = 64, FRAME = 256 };

#define ME    "2001:db8:f::1"
#define PEER  "2001:db8:f::2"
#define WORLD "2001:db8:5::2"

enum net { NET_ME, NET_PEER, NET_WORLD, NET_LOCAL, NET_SERVED, NET_MOVED, NET_CS };
enum { INSTANCES = 16 };

/* What a packet is, and what must become of it: a figure of anything else would be worthless. */
static const struct shape {
    const char *name;
    bool access, tunnel, sent;
    enum net src, dst;
    int grows;
    bool services; /* there are any; else only the one look that says so is paid for */
    bool fresh;    /* each packet is of a flow that has no entry */
} shapes[] = {
    {"baseline: pass at once", false, false, false, NET_WORLD, NET_ME, 0, false, false},
    {"pass to the kernel", false, false, false, NET_WORLD, NET_ME, 0, false, false},
    {"uplink, local prefix: route", true, false, true, NET_LOCAL, NET_WORLD, 0, false, false},
    {"uplink, served prefix: tunnel", true, false, true, NET_SERVED, NET_WORLD, 40, false, false},
    {"downlink, moved prefix: tunnel", false, false, true, NET_WORLD, NET_MOVED, 40, false, false},
    {"downlink, out of a tunnel: deliver", false, true, true, NET_WORLD, NET_SERVED, -40, false,
     false},
    {"to a service's address, without services: tunnel", true, false, true, NET_SERVED, NET_CS, 40,
     false, false},
    {"no service, among services: tunnel", true, false, true, NET_SERVED, NET_WORLD, 40, true,
     false},
    {"to a service, flow known: steer", true, false, true, NET_SERVED, NET_CS, 40, true, false},
    {"to a service, new flow: choose, steer", true, false, true, NET_SERVED, NET_CS, 40, true,
     true},
};
/* Those with services against the same program without. */
enum { WITHOUT = 6 };
static const unsigned in_use[] = {1, 1024, KEYS};
enum { SHAPES = sizeof shapes / sizeof *shapes, USES = sizeof in_use / sizeof *in_use, FORMS = 2 };

static struct {
    struct gw_bpf *bpf;
    struct gw_bench *skel;
    struct gw_prng prng;
    uint32_t ap, core, flows;
    struct gw_t_flow_key made[PACKETS]; /* the last flows that were new */
    double ns[FORMS][SHAPES][USES][MAX_ROUNDS];
} T;

static void demand(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

static struct gw_addr address(enum net net, uint32_t i)
{
    static const char *const text[] = {
        ME, PEER, WORLD, "2001:db9::1", "2001:dba::1", "2001:dbb::1", "2001:db8:cafe::1"};
    struct gw_addr a;

    demand(gw_parse_addr(text[net], &a) == 0, text[net]);
    if (net >= NET_LOCAL && net < NET_CS)
        for (int k = 0; k < 4; k++)
            a.b[4 + k] = (uint8_t)(i >> (24 - 8 * k));
    return a;
}

static struct gw_lladdr station_mac(uint32_t i)
{
    return (struct gw_lladdr){.len = 6,
                              .b = {2, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

/* -- frames --------------------------------------------------------------------------------------
 */

static size_t put_ip(uint8_t *h, struct gw_addr src, struct gw_addr dst, uint8_t next, size_t len)
{
    memset(h, 0, 40);
    h[0] = 0x60;
    h[4] = (uint8_t)(len >> 8);
    h[5] = (uint8_t)len;
    h[6] = next;
    h[7] = 64;
    memcpy(h + 8, &src, 16);
    memcpy(h + 24, &dst, 16);
    return 40;
}

static size_t make(const struct shape *s, uint32_t i, uint8_t frame[static FRAME])
{
    struct gw_lladdr mac = station_mac(s->access ? i : 0xffffff);
    size_t len = 14;

    memset(frame, 2, 6);
    memcpy(frame + 6, mac.b, 6);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    if (s->tunnel)
        len += put_ip(frame + len, address(NET_PEER, 0), address(NET_ME, 0), 41, 40 + PAYLOAD);
    len += put_ip(frame + len, address(s->src, i), address(s->dst, i), 17, PAYLOAD);
    memset(frame + len, 0, PAYLOAD);
    if (s->fresh) { /* ports that no packet had before */
        T.flows++;
        memcpy(frame + len, &T.flows, sizeof T.flows);
        struct gw_t_flow_key *k = &T.made[T.flows % PACKETS];
        *k = (struct gw_t_flow_key){.proto = 17};
        memcpy(&k->src, frame + 14 + 8, 2 * sizeof k->src);
        memcpy(&k->sport, &T.flows, sizeof T.flows);
    }
    return len + PAYLOAD;
}

/* -- measuring -----------------------------------------------------------------------------------
 */

static int program(bool xdp, bool baseline)
{
    const struct bpf_program *tc = baseline ? T.skel->progs.bench_tc_ok : T.skel->progs.bench_tc;
    const struct bpf_program *x = baseline ? T.skel->progs.bench_xdp_pass : T.skel->progs.bench_xdp;

    return bpf_program__fd(xdp ? x : tc);
}

static void run_one(int prog, bool xdp, const struct shape *s, uint32_t i)
{
    uint8_t frame[FRAME];
    uint32_t len = (uint32_t)make(s, i, frame), from = s->access ? T.ap : T.core;
    struct __sk_buff skb = {.ifindex = from};
    struct xdp_md md = {.data_end = len, .ingress_ifindex = from};
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = len, .repeat = 1,
                .ctx_in = xdp ? (void *)&md : (void *)&skb,
                .ctx_size_in = xdp ? sizeof md : sizeof skb);
    uint32_t sent = xdp ? XDP_REDIRECT : TC_ACT_REDIRECT, passed = xdp ? XDP_PASS : TC_ACT_OK;

    demand(bpf_prog_test_run_opts(prog, &o) == 0, "test-run");
    demand(o.retval == (s->sent ? sent : passed) && o.data_size_out == len + (uint32_t)s->grows,
           s->name);
}

/* So that each round finds the same number of them. */
static void forget_flows(void)
{
    for (int i = 0; i < PACKETS; i++)
        demand(bpf_map_delete_elem(bpf_map__fd(T.bpf->skel->maps.flows), &T.made[i]) == 0,
               "a flow that was new");
}

/* What says in one look whether there are services. */
static void set_services(bool on)
{
    int fd = bpf_map__fd(T.bpf->skel->maps.self);
    struct gw_t_self self;
    uint32_t zero = 0;

    demand(bpf_map_lookup_elem(fd, &zero, &self) == 0, "self");
    self.services_used = on;
    demand(bpf_map_update_elem(fd, &zero, &self, BPF_ANY) == 0, "self");
}

static double measure(bool xdp, const struct shape *s, unsigned keys)
{
    int fd = bpf_map__fd(T.skel->maps.spent), prog = program(xdp, s == &shapes[0]);
    uint64_t sum = 0;
    uint32_t zero = 0;

    set_services(s->services);
    demand(bpf_map_update_elem(fd, &zero, &sum, BPF_ANY) == 0, "map");
    for (int i = 0; i < PACKETS; i++)
        run_one(prog, xdp, s, (uint32_t)gw_prng_below(&T.prng, keys));
    demand(bpf_map_lookup_elem(fd, &zero, &sum) == 0, "map");
    if (s->fresh)
        forget_flows();
    return (double)sum / PACKETS;
}

static void measure_round(unsigned round)
{
    for (int s = 0; s < SHAPES; s++)
        for (int u = 0; u < USES; u++)
            for (int xdp = 0; xdp < FORMS; xdp++)
                T.ns[xdp][s][u][round] = measure(xdp, &shapes[s], in_use[u]);
}

/* -- report --------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Above the baseline of the same round: median, first to ninth decile; and the median ratio to it.
 */
static void report_case(int xdp, int s, int u, unsigned rounds)
{
    static double above[MAX_ROUNDS], ratio[MAX_ROUNDS];

    for (unsigned r = 0; r < rounds; r++) {
        above[r] = T.ns[xdp][s][u][r] - T.ns[xdp][0][u][r];
        ratio[r] = T.ns[xdp][s][u][r] / T.ns[xdp][0][u][r];
    }
    qsort(above, rounds, sizeof *above, by_value);
    qsort(ratio, rounds, sizeof *ratio, by_value);
    unsigned low = rounds / 10, high = rounds - 1 - rounds / 10;
    printf(" | %.0f (%.0f–%.0f) ×%.1f", above[rounds / 2], above[low], above[high],
           ratio[rounds / 2]);
}

/* The same round's packet that the program without services tunnels is the measure. */
static void report_services(unsigned rounds)
{
    static double ratio[MAX_ROUNDS];

    puts("Against the same packet without services: median ratio (10–90 % of rounds)\n\n"
         "| Packet | Form | 1 client | 1 k | 64 k |\n|---|---|---|---|---|");
    for (int s = WITHOUT + 1; s < SHAPES; s++)
        for (int xdp = 0; xdp < FORMS; xdp++) {
            printf("| %s | %s", shapes[s].name, xdp ? "XDP" : "tc");
            for (int u = 0; u < USES; u++) {
                for (unsigned r = 0; r < rounds; r++)
                    ratio[r] = T.ns[xdp][s][u][r] / T.ns[xdp][WITHOUT][u][r];
                qsort(ratio, rounds, sizeof *ratio, by_value);
                printf(" | ×%.2f (%.2f–%.2f)", ratio[rounds / 2], ratio[rounds / 10],
                       ratio[rounds - 1 - rounds / 10]);
            }
            puts(" |");
        }
}

static void report(unsigned rounds)
{
    report_services(rounds);
    puts("\nAbove the baseline: median ns (10–90 % of rounds) × ratio to it\n\n"
         "| Packet | Form | 1 prefix in use | 1 k | 64 k |\n|---|---|---|---|---|");
    for (int s = 1; s < SHAPES; s++)
        for (int xdp = 0; xdp < FORMS; xdp++) {
            printf("| %s | %s", shapes[s].name, xdp ? "XDP" : "tc");
            for (int u = 0; u < USES; u++)
                report_case(xdp, s, u, rounds);
            puts(" |");
        }
    for (int xdp = 0; xdp < FORMS; xdp++) { /* last: it sorts what the others compare with */
        double *base = T.ns[xdp][0][0];
        qsort(base, rounds, sizeof *base, by_value);
        printf("%s%s baseline, two clock readings: %.0f ns", xdp ? "; " : "\n", xdp ? "XDP" : "tc",
               base[rounds / 2]);
    }
    printf("; %u rounds of %d packets\n", rounds, PACKETS);
}

/* -- set-up --------------------------------------------------------------------------------------
 */

static void apply(const struct gw_intent *in)
{
    demand(gw_bpf_apply(T.bpf, in) == 0, "intent");
}

static void set_prefix(enum net net, enum gw_prefix_kind kind, uint32_t i)
{
    apply(&(struct gw_intent){.kind = GW_INTENT_PREFIX_SET,
                              .prefix = {.prefix = gw_prefix_mask(address(net, i), 64),
                                         .kind = kind,
                                         .peer = address(NET_PEER, 0),
                                         .station = {.iface = 0, .lladdr = station_mac(i)},
                                         .dlif = station_mac(0xfffffe)}});
}

static void fill_tables(void)
{
    apply(&(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                              .peer = {.addr = address(NET_PEER, 0), .mtu = 1500}});
    for (uint32_t i = 0; i < KEYS; i++) {
        apply(&(struct gw_intent){.kind = GW_INTENT_STATION_SET,
                                  .station = {.key = {.iface = 0, .lladdr = station_mac(i)}}});
        set_prefix(NET_LOCAL, GW_PFX_LOCAL, i);
        set_prefix(NET_SERVED, GW_PFX_SERVED, i);
        set_prefix(NET_MOVED, GW_PFX_MOVED, i);
    }
}

/* One by the default policy, its instances behind the peer. */
static void make_service(void)
{
    struct gw_intent s = {
        .kind = GW_INTENT_SERVICE_SET,
        .service = {.key = {.cs_id = address(NET_CS, 0)},
                    .affinity = GW_AFFINITY_FLOW,
                    .timeout = GW_SEC(100000),
                    .policy = GW_STEER_PREQUAL,
                    .rule = {.quantile = GW_STEER_QUANTILE, .width = 4, .interval_ms = 100},
                    .max_age_ms = UINT32_MAX,
                    .blur = 256,
                    .error_limit = 100,
                    .lasting = 1024}};

    apply(&s);
    for (uint32_t i = 0; i < INSTANCES; i++) {
        struct gw_intent x = {.kind = GW_INTENT_INSTANCE_SET,
                              .instance = {.service = s.service.key,
                                           .csci_id = address(NET_PEER, 0),
                                           .egress = address(NET_PEER, 0),
                                           .path_us = 1000 + i,
                                           .service_us = 5000,
                                           .slots = 1000,
                                           .weight = 1,
                                           .measured = GW_SEC(1),
                                           .now = GW_SEC(1)}};
        x.instance.csci_id.b[14] = (uint8_t)(1 + i);
        apply(&x);
    }
}

/* Each client has a flow. */
static void make_flows(void)
{
    const struct shape s = {"a first packet", true, false, true, NET_SERVED,
                            NET_CS,           40,   true,  false};

    set_services(true);
    for (uint32_t i = 0; i < KEYS; i++)
        run_one(program(false, false), false, &s, i);
}

static void sh(const char *cmd)
{
    demand(system(cmd) == 0, cmd); /* NOLINT(cert-env33-c): constant commands */
}

static void make_links(void)
{
    sh("mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf");
    sh("sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0");
    sh("ip link set lo up && ip link add ap0 type veth peer name mn0 && "
       "ip link add core0 type veth peer name r0");
    sh("for d in ap0 mn0 core0 r0; do ip link set $d up; done");
    sh("ip addr add " ME "/128 dev lo && ip addr add 2001:db8:f:1::1/64 dev core0 nodad && "
       "ip -6 route add default via 2001:db8:f:1::2 dev core0 && "
       "ip -6 neigh add 2001:db8:f:1::2 lladdr 02:00:00:00:01:02 dev core0 nud permanent");
    T.ap = if_nametoindex("ap0");
    T.core = if_nametoindex("core0");
}

static void load(void)
{
    struct bpf_map *m;

    T.skel = gw_bench__open();
    demand(T.skel != NULL, "BPF object");
    bpf_object__for_each_map(m, T.skel->obj)
    {
        const struct bpf_map *same =
            bpf_object__find_map_by_name(T.bpf->skel->obj, bpf_map__name(m));
        if (same && !bpf_map__is_internal(m))
            demand(bpf_map__reuse_fd(m, bpf_map__fd(same)) == 0, bpf_map__name(m));
    }
    demand(gw_bench__load(T.skel) == 0, "BPF programs");
}

int main(int argc, char **argv)
{
    struct gw_cfg_if ifs[] = {{.name = "ap0", .side = GW_IF_ACCESS, .hook = GW_HOOK_XDP},
                              {.name = "core0", .side = GW_IF_CORE, .hook = GW_HOOK_XDP}};
    char pins[64];
    struct gw_config c = {
        .addr = address(NET_ME, 0),
        .nifs = 2,
        .ifs = ifs,
        .limits = {.stations = KEYS, .bindings = KEYS, .previous_maars = 1, .flows = 4 * KEYS},
        .daemon = {.pin_dir = pins}};
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;

    if (rounds == 0 || rounds > MAX_ROUNDS)
        return 2;
    snprintf(pins, sizeof pins, "/sys/fs/bpf/gw-bench-%d", getpid());
    demand(unshare(CLONE_NEWNET) == 0, "network namespace");
    make_links();
    demand(gw_bpf_open(&T.bpf, &c, 0, NULL) == 0, "packet path");
    fill_tables();
    make_service();
    load();
    make_flows();
    gw_prng_seed(&T.prng, 1);
    measure_round(0); /* warms up; overwritten */
    for (unsigned r = 0; r < rounds; r++)
        measure_round(r);
    report(rounds);
    gw_bench__destroy(T.skel);
    gw_bpf_close(T.bpf, GW_STOP_REMOVE);
    return 0;
}
