/* test_serve_twin.c: services in the kernel's packet path against the native build (twin.h): random
 * services, instances and packets, by policies that draw nothing; what only the kernel has: tables
 * that evict, a loader that sweeps, is killed and adopts; events, and what operators are shown.
 */
#include "serve_world.h"
#include "twin.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"

enum { STEPS = 12000, SERVICES = 5, INSTANCES = 12, HOSTS = 6 };

static const uint16_t ports[] = {0, 80, 443};
static const uint8_t protos[] = {0, W_UDP, W_TCP};

static struct {
    struct gw_prng p;
    struct gw_intent service[SERVICES]; /* as said last */
    enum gw_affinity affinity[SERVICES];
    unsigned seen[GW_R_COUNT];
    struct gw_miss miss;
    struct gw_flow_use use;
    unsigned misses, uses;
} R;

static uint32_t any(uint32_t n)
{
    return (uint32_t)gw_prng_below(&R.p, n);
}

/* Two CS-IDs; on one of them services by port and protocol, and one for the rest. */
static struct gw_addr cs_id(uint32_t i)
{
    return w_addr(i < 4 ? "2001:db8:cafe::1" : "2001:db8:cafe::2");
}

static struct gw_addr csci_id(uint32_t i)
{
    struct gw_addr a = w_addr("2001:db8:e::1");

    a.b[15] = (uint8_t)(1 + i);
    return a;
}

static struct gw_addr host(uint32_t i)
{
    struct gw_addr a = addr(i & 1 ? LOCAL : SERVED);

    a.b[15] = (uint8_t)(0x10 + i);
    return a;
}

static void say_service(uint32_t i, bool ask)
{
    static const enum gw_steer_policy policies[] = {GW_STEER_HASH, GW_STEER_ROUND_ROBIN,
                                                    GW_STEER_NEAREST, GW_STEER_WEIGHTED};
    struct gw_intent s = w_service("::", 0, 0, R.affinity[i], policies[any(4)]);

    s.service.key = (struct gw_service_key){.cs_id = cs_id(i),
                                            .proto = i < 3    ? protos[i]
                                                     : i == 3 ? W_TCP
                                                              : 0,
                                            .port = ports[i % 3]};
    if (s.service.key.proto == 0)
        s.service.key.port = 0;
    s.service.reselect = any(3) > 0;
    if (ask)
        s.service.ask = addr(any(2) ? PEER_A : PEER_B);
    apply(&s);
    R.service[i] = s;
}

static void say_instance(uint32_t i)
{
    const struct gw_intent *s = &R.service[any(12) ? i % SERVICES : any(SERVICES)];
    struct gw_intent x = w_instance(s, "::1", any(8) ? (i & 1 ? PEER_A : PEER_B) : ME, 0);

    x.instance.csci_id = csci_id(i);
    x.instance.path_us = 1000 * (i + 1) + any(999); /* no two the same */
    x.instance.weight = 1 + any(3);
    x.instance.state = any(3) ? GW_INSTANCE_UP : (enum gw_instance_state)any(3);
    x.instance.here = i % 4 == 3;
    x.instance.delivery = i % 8 == 7 ? GW_DELIVERY_TUNNEL : GW_DELIVERY_DIRECT;
    x.instance.via = w_addr("2001:db8:f:1::2");
    apply(&x);
}

static struct w_packet any_packet(void)
{
    static const uint8_t flags[] = {W_SYN, W_ACK, W_ACK, W_ACK, W_FIN | W_ACK, 4};
    static const uint8_t kinds[] = {W_UDP, W_UDP, W_TCP, W_TCP, W_TCP, W_ICMP6};
    uint32_t who = any(HOSTS);

    return (struct w_packet){.mac = st1,
                             .src = host(who),
                             .dst = any(12) ? cs_id(any(5)) : addr(WORLD),
                             .proto = kinds[any(6)],
                             .flags = flags[any(6)],
                             .sport = (uint16_t)(1000 + any(4)),
                             .dport = any(4) ? ports[1 + any(2)] : 7,
                             .payload = any(20) ? any(60) : 1300 + any(180)};
}

/* Two programs have chosen in the kernel where nobody was up: that took turns twice. */
static void same_turn(void)
{
    struct gw_steer_tables t;

    for (uint32_t id = 0; id < GW_SERVICES_MAX; id++)
        if (gw_ns_steer(gw_native_services(T.native), id, &t))
            T.bpf->steer[id].use.turn = t.service_use->turn;
}

/* From a station; or, as in a tunnel, from a peer: to an instance, or a miss. */
static void send_any(void)
{
    static const char *const peers[] = {PEER_A, PEER_B, ME, "2001:db8:f::66"};
    struct w_packet p = any_packet();
    struct frame f = {.len = 0};
    uint32_t how = any(16);
    bool access = how < 11;

    f.len = how == 0 ? w_error(&p, f.b) : w_frame(&p, f.b);
    if (how == 1) { /* a fragment, of UDP mostly */
        f.b[W_NEXT] = 44;
        f.b[W_L4] = any(4) ? W_UDP : W_TCP;
    }
    if (how == 2)
        f.b[14 + 7] = (uint8_t)any(3); /* hop limit */
    if (!access && any(2))
        f.len = w_tunnel(f.b, f.len, addr(peers[any(4)]), csci_id(any(INSTANCES)), false);
    else if (!access)
        f.len = w_tunnel(f.b, f.len, addr(peers[any(4)]), addr(ME), true);
    if (!access && any(10) == 0)
        f.b[W_L4 + any(8)] ^= 1; /* the mark, or the inner header */
    R.seen[run(&f, access ? T.ap : T.core, 0, NULL).reason]++;
    same_turn();
}

static void say_any(void)
{
    struct w_packet p = any_packet();
    uint32_t i = any(SERVICES), what = any(40);
    struct gw_intent in = {
        .kind = GW_INTENT_FLOW_SET,
        .flow = {.service = R.service[i].service.key,
                 .flow = {.src = p.src, .proto = p.proto, .sport = p.sport, .dport = p.dport},
                 .csci_id = csci_id(any(INSTANCES)),
                 .now = GW_SEC(1)}};

    if (in.flow.service.proto != 0) /* it takes no others */
        in.flow.flow.proto = in.flow.service.proto;
    else
        in.flow.flow.proto = W_UDP;
    in.flow.flow.dport = in.flow.service.port != 0 ? in.flow.service.port : 7;
    if (what < 24)
        return say_instance(any(INSTANCES));
    if (what < 27)
        return say_service(i, i == 2);
    if (what == 27) {
        in = (struct gw_intent){.kind = GW_INTENT_SERVICE_DEL, .service = R.service[i].service};
        apply(&in);
        R.affinity[i] = (enum gw_affinity)(1 + any(3));
        return say_service(i, i == 2);
    }
    if (what == 28)
        in = (struct gw_intent){.kind = GW_INTENT_INSTANCE_DEL,
                                .instance = {.csci_id = csci_id(any(INSTANCES))}};
    else if (what < 33)
        in.kind = GW_INTENT_FLOW_DEL;
    apply(&in);
}

/* Each of the kernel's entries is the native build's. */
static bool is_there(void *user, const struct gw_flow_info *f)
{
    struct gw_flow_info twin;
    struct gw_flow_id id = f->flow;

    if (f->service.proto != 0) /* as a packet shows it */
        id.proto = f->service.proto;
    if (f->service.port != 0)
        id.dport = f->service.port;
    if (!gw_ns_show_flow(user, &f->service.cs_id, &id, &twin))
        fail_msg("the kernel has a flow that the native build has not");
    assert_memory_equal(&twin.csci_id, &f->csci_id, sizeof twin.csci_id);
    assert_int_equal(twin.open, f->open);
    assert_int_equal(twin.told, f->told);
    assert_int_equal(twin.reason, f->reason);
    return true;
}

static size_t native_flows(int of)
{
    const struct gw_t_flow_key *key;
    size_t n = 0;

    for (size_t it = 0; gw_ns_next_flow(gw_native_services(T.native), of, &it, &key) != NULL;)
        n++;
    return n;
}

static void same_counts(void)
{
    for (uint32_t id = 0; id < SERVICES; id++) {
        struct gw_steer_tables t;
        if (!gw_ns_steer(gw_native_services(T.native), id, &t))
            continue;
        for (uint32_t i = 0; i < t.service->count; i++) {
            const struct gw_t_candidate_use *u = &T.bpf->steer[id].candidate_use[i];
            assert_memory_equal(&T.bpf->steer[id].candidate[i].csci_id, &t.candidate[i].csci_id,
                                16);
            assert_int_equal(u->chosen, t.use[i].chosen);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    gw_prng_seed(&R.p, 8885);
    for (uint32_t i = 0; i < SERVICES; i++) {
        R.affinity[i] = (enum gw_affinity)(1 + i % 3);
        say_service(i, i == 2);
    }
    for (uint32_t i = 0; i < INSTANCES; i++)
        say_instance(i);
    for (unsigned k = 0; k < STEPS; k++) {
        if (any(8) == 0)
            say_any();
        send_any();
        if (k % 1000 != 999)
            continue;
        int n = gw_bpf_flows(T.bpf, NULL, is_there, (void *)gw_native_services(T.native));
        assert_int_equal(n, native_flows(GW_NS_FLOWS));
        same_counts();
    }
    static const enum gw_reason all[] = {GW_R_STEERED,          GW_R_SERVED,          GW_R_ASKED,
                                         GW_R_INSTANCE_DEAD,    GW_R_NO_INSTANCE,     GW_R_NO_FLOW,
                                         GW_R_SERVICE_FRAGMENT, GW_R_OTHER_SERVICE,   GW_R_ROUTED,
                                         GW_R_TOO_BIG,          GW_R_STRANGER_TUNNEL, GW_R_NO_PEER,
                                         GW_R_HOP_LIMIT};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (R.seen[all[i]] == 0)
            fail_msg("nothing was %s", gw_reason_name(all[i]));
}

/* -- the kernel's own ----------------------------------------------------------------------------
 */

static struct gw_intent lone(uint8_t last, uint32_t timeout_s)
{
    char cs[GW_TEXT_MAX], x[GW_TEXT_MAX];

    snprintf(cs, sizeof cs, "2001:db8:beef::%x", last);
    snprintf(x, sizeof x, "2001:db8:e:1::%x", last);
    struct gw_intent s = w_service(cs, 0, 0, GW_AFFINITY_FLOW, GW_STEER_NEAREST);
    s.service.timeout = GW_SEC(timeout_s);
    struct gw_intent i = w_instance(&s, x, PEER_A, 10);
    apply(&s);
    apply(&i);
    return s;
}

static void send_to(const struct gw_intent *s, uint16_t sport, bool miss)
{
    struct w_packet p = {.mac = st1,
                         .src = host(1),
                         .dst = s->service.key.cs_id,
                         .proto = W_UDP,
                         .sport = sport,
                         .dport = 80};
    struct frame f = {.len = 0};

    f.len = w_frame(&p, f.b);
    if (miss)
        f.len = w_tunnel(f.b, f.len, addr(PEER_B), addr(ME), true);
    assert_int_equal(run(&f, miss ? T.core : T.ap, 0, NULL).reason, GW_R_STEERED);
}

static bool look(void *user, const struct gw_instance_info *i)
{
    struct gw_instance_info *want = user;

    if (memcmp(&i->csci_id, &want->csci_id, sizeof i->csci_id) == 0)
        *want = *i;
    return true;
}

static struct gw_instance_info instance(const char *csci)
{
    struct gw_instance_info i = {.csci_id = addr(csci)};

    assert_true(gw_bpf_instances(T.bpf, look, &i) > 0);
    return i;
}

static void test_sweep(void **state)
{
    struct gw_intent s = lone(1, 100);
    const char *const x = "2001:db8:e:1::1";
    struct gw_time now = twin_now();

    (void)state;
    for (uint16_t i = 0; i < 300; i++)
        send_to(&s, i, false);
    for (uint16_t i = 0; i < 100; i++)
        send_to(&s, (uint16_t)(1000 + i), true);
    assert_int_equal(instance(x).in_flight, 400);
    assert_int_equal(instance(x).flows, 400);
    assert_int_equal(instance(x).in.packets, 800); /* tc and XDP */
    /* what the kernel has evicted is found out */
    struct gw_t_flow_key key = {.proto = W_UDP, .dport = htons(80)};
    gw_entry_addr(&s.service.key.cs_id, &key.cs_id);
    gw_entry_addr(&(struct gw_addr){0}, &key.src);
    memcpy(key.src.b, host(1).b, sizeof key.src.b);
    for (uint16_t i = 0; i < 50; i++) {
        key.sport = htons(i);
        assert_int_equal(bpf_map_delete_elem(bpf_map__fd(T.bpf->skel->maps.flows), &key), 0);
    }
    now = gw_time_add(now, GW_SEC(2));
    assert_int_equal(gw_bpf_expire(T.bpf, now), 0);
    assert_int_equal(instance(x).in_flight, 350);
    /* a minute later nobody waits for an answer any more, and the flows are still there */
    now = gw_time_add(now, GW_SEC(60));
    assert_int_equal(gw_bpf_expire(T.bpf, now), 0);
    assert_int_equal(instance(x).in_flight, 250);
    now = gw_time_add(now, GW_SEC(60));
    assert_true(!gw_time_before(now, gw_bpf_deadline(T.bpf)));
    assert_int_equal(gw_bpf_expire(T.bpf, now), 0);
    assert_int_equal(instance(x).in_flight, 0);
}

static void on_miss(void *user, const struct gw_miss *m)
{
    (void)user;
    R.miss = *m;
    R.misses++;
}

static void test_events(void **state)
{
    static const struct gw_bpf_ops ops = {.missed = on_miss};
    struct gw_intent s = lone(2, 100);
    struct gw_addr from = addr(PEER_B), egress = addr(PEER_A), x = addr("2001:db8:e:1::2");
    struct gw_addr client = host(1);

    (void)state;
    gw_bpf_dispatch(T.bpf, NULL, NULL, GW_SEC(1));
    R.misses = 0;
    send_to(&s, 77, true);
    gw_bpf_dispatch(T.bpf, &ops, NULL, GW_SEC(1));
    assert_int_equal(R.misses, 1); /* tc's; XDP's came within GW_MISS_AGAIN_NS */
    assert_memory_equal(&R.miss.from, &from, sizeof from);
    assert_memory_equal(&R.miss.egress, &egress, sizeof egress);
    assert_memory_equal(&R.miss.csci_id, &x, sizeof x);
    assert_memory_equal(&R.miss.flow.src, &client, sizeof client);
    assert_int_equal(R.miss.flow.sport, 77);
    assert_int_equal(R.miss.flow.dport, 80);
    assert_memory_equal(&R.miss.service.cs_id, &s.service.key.cs_id, 16);
}

static void on_use(void *user, const struct gw_flow_use *u)
{
    (void)user;
    R.use = *u;
    R.uses++;
}

static void send_tcp(const struct gw_intent *s, uint8_t flags)
{
    struct w_packet p = {.mac = st1,
                         .src = host(1),
                         .dst = s->service.key.cs_id,
                         .proto = W_TCP,
                         .flags = flags,
                         .sport = 78,
                         .dport = 80};
    struct frame f = {.len = 0};

    f.len = w_frame(&p, f.b);
    assert_int_equal(run(&f, T.ap, 0, NULL).reason, GW_R_STEERED);
}

static void test_uses(void **state)
{
    static const struct gw_bpf_ops ops = {.used = on_use};
    struct gw_intent s = lone(4, 100);
    struct gw_addr x = addr("2001:db8:e:1::4"), client = host(1);

    (void)state;
    gw_bpf_dispatch(T.bpf, NULL, NULL, GW_SEC(1));
    send_tcp(&s, W_SYN);
    gw_bpf_dispatch(T.bpf, &ops, NULL, GW_SEC(1));
    assert_int_equal(R.uses, 0); /* nobody asked */
    s.service.tell = true;
    apply(&s);
    send_tcp(&s, W_ACK);
    gw_bpf_dispatch(T.bpf, &ops, NULL, GW_SEC(1));
    assert_int_equal(R.uses, 1); /* tc's; XDP's came within a quarter of the timeout */
    assert_memory_equal(&R.use.csci_id, &x, sizeof x);
    assert_memory_equal(&R.use.service.cs_id, &s.service.key.cs_id, 16);
    assert_memory_equal(&R.use.flow.src, &client, sizeof client);
    assert_int_equal(R.use.flow.sport, 78);
    assert_int_equal(R.use.flow.dport, 80);
    assert_false(R.use.ended);
    send_tcp(&s, W_FIN | W_ACK);
    gw_bpf_dispatch(T.bpf, &ops, NULL, GW_SEC(1));
    assert_int_equal(R.uses, 2);
    assert_true(R.use.ended);
}

/* -- what is kept back --------------------------------------------------------------------------
 */

static struct gw_intent hold(const char *client, bool up, const char *from)
{
    return (struct gw_intent){.kind = GW_INTENT_HOLD_SET,
                              .hold = {.prefix = gw_prefix_mask(addr(client), 64),
                                       .up = up,
                                       .from = addr(from),
                                       .packets = 1000,
                                       .octets = 1000000}};
}

/* Ends it on both sides. In a test-run nothing gets to who keeps packets: that is found out. */
static void unhold(struct gw_intent h)
{
    struct gw_time now = twin_now();

    h.kind = GW_INTENT_HOLD_DEL;
    h.hold.drop = true;
    apply(&h);
    for (int i = 0; i < 8; i++) {
        now = gw_time_add(now, (struct gw_time){30000000});
        assert_int_equal(gw_bpf_expire(T.bpf, now), 0);
    }
    assert_int_equal(T.bpf->holds_used, 0);
}

static enum gw_reason send_plain(const char *from, const char *to)
{
    struct frame f =
        from ? tunnelled(from, WORLD, to, 0, 0, 64, 40) : plain(hop_mac, WORLD, to, 0, 64, 40);

    return run(&f, T.core, 0, NULL).reason;
}

static void test_holds_down(void **state)
{
    struct gw_intent of_a = hold(SERVED, false, PEER_A), all = hold(MOVED, false, "::"),
                     nobody = hold("2001:db8:4444::", false, PEER_B);

    (void)state;
    apply(&of_a);
    assert_int_equal(send_plain(PEER_A, SERVED), GW_R_KEPT_DOWN);
    assert_int_equal(send_plain(PEER_B, SERVED), GW_R_DELIVERED);
    assert_int_equal(send_plain(NULL, SERVED), GW_R_DELIVERED);
    assert_int_equal(send_plain(PEER_A, LOCAL), GW_R_DELIVERED);
    unhold(of_a);
    assert_int_equal(send_plain(PEER_A, SERVED), GW_R_DELIVERED);
    apply(&all);
    assert_int_equal(send_plain(PEER_B, MOVED), GW_R_KEPT_DOWN);
    assert_int_equal(send_plain(NULL, MOVED), GW_R_KEPT_DOWN);
    assert_int_equal(send_plain(PEER_A, MOVED), GW_R_COMES_BACK); /* held or not */
    unhold(all);
    assert_int_equal(send_plain(NULL, MOVED), GW_R_TUNNELLED);
    assert_int_equal(send_plain(PEER_B, "2001:db8:4444::1"), GW_R_INNER_SOURCE);
    apply(&nobody); /* it has no entry yet */
    assert_int_equal(send_plain(PEER_B, "2001:db8:4444::1"), GW_R_KEPT_DOWN);
    unhold(nobody);
}

static enum gw_reason send_udp(const struct gw_intent *s, uint16_t sport)
{
    struct w_packet p = {.mac = st1,
                         .src = host(1),
                         .dst = s->service.key.cs_id,
                         .proto = W_UDP,
                         .sport = sport,
                         .dport = 80};
    struct frame f = {.len = 0};

    f.len = w_frame(&p, f.b);
    return run(&f, T.ap, 0, NULL).reason;
}

static void test_holds_up(void **state)
{
    struct gw_intent s = lone(5, 100), h = hold(LOCAL, true, "::");

    (void)state;
    assert_int_equal(send_udp(&s, 1), GW_R_STEERED);
    apply(&h);
    assert_int_equal(send_udp(&s, 1), GW_R_STEERED);
    assert_int_equal(send_udp(&s, 2), GW_R_KEPT_UP);
    assert_int_equal(send_udp(&s, 1), GW_R_KEPT_UP); /* behind the rest */
    unhold(h);
    assert_int_equal(send_udp(&s, 2), GW_R_STEERED);
}

/* Markers, of peers and others, where they would be delivered and where they go on. */
static void test_markers(void **state)
{
    static const uint8_t options[] = {59, 1, 0x1e, 8, 0x47, 0x57, 2, 0, 0, 0, 0, 5, 1, 2, 0, 0};
    static const struct {
        const char *src, *dst;
        enum gw_reason is;
    } rows[] = {
        {PEER_B, "2001:db8:a000::", GW_R_MARKER},        {PEER_B, "2001:db8:1000::", GW_R_MARKER},
        {WORLD, "2001:db8:a000::", GW_R_FOREIGN_MARKER}, {PEER_B, "2001:db8:1001::", GW_R_RELAYED},
        {PEER_B, "2001:db8:a000::1", GW_R_DELIVERED}, /* to a host: not ours */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame f = tunnelled(PEER_B, rows[i].src, rows[i].dst, 0, 0, 64, sizeof options);
        f.b[54 + 6] = 60;
        memcpy(f.b + 94, options, sizeof options);
        assert_int_equal(run(&f, T.core, 0, NULL).reason, rows[i].is);
    }
}

/* A loader that was killed: another adopts the tables, says what it wants, and nothing has moved.
 */
static void test_adopt(void **state)
{
    struct gw_intent s = lone(3, 100000), sync = {.kind = GW_INTENT_SYNC},
                     serve_sync = {.kind = GW_INTENT_SERVE_SYNC};
    struct gw_flow_id id = {.src = host(1), .proto = W_UDP, .sport = 9, .dport = 80};
    struct gw_flow_info f;
    static struct gw_why why;
    const char *const x = "2001:db8:e:1::3";

    (void)state;
    send_to(&s, 9, false);
    gw_bpf_close(T.bpf, GW_STOP_LEAVE);
    assert_int_equal(twin_open(), 0);
    assert_true(gw_bpf_adopted(T.bpf));
    gw_native_restart(T.native);
    send_to(&s, 9, false);
    fill_tables();
    struct gw_intent nearer = w_instance(&s, "2001:db8:e:1::4", PEER_A, 1);
    apply(&s);
    apply(&nearer);
    struct gw_intent same = w_instance(&s, x, PEER_A, 10);
    apply(&same);
    apply(&sync);
    apply(&serve_sync);
    send_to(&s, 9, false);
    assert_int_equal(gw_bpf_flow(T.bpf, &s.service.key.cs_id, &id, &f), 0);
    struct gw_addr is = addr(x), other = addr("2001:db8:e:1::4");
    assert_memory_equal(&f.csci_id, &is, sizeof is);
    assert_int_equal(f.packets, 6);
    assert_int_equal(instance(x).in_flight, 1);
    assert_int_equal(gw_bpf_why(T.bpf, &s.service.key.cs_id, &id, twin_now(), 1, &why), 0);
    assert_true(why.bound);
    assert_int_equal(why.n, 2);
    assert_memory_equal(&why.entry.csci_id, &is, sizeof is);
    assert_memory_equal(&why.choice, &other, sizeof other);
    assert_int_equal(gw_bpf_flows(T.bpf, NULL, is_there, (void *)gw_native_services(T.native)), 1);
    assert_int_equal(gw_bpf_flow(T.bpf, &is, &id, &f), GW_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),     cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_events),     cmocka_unit_test(test_uses),
        cmocka_unit_test(test_holds_down), cmocka_unit_test(test_holds_up),
        cmocka_unit_test(test_markers),    cmocka_unit_test(test_adopt),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
