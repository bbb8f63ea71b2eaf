/* test_serve.c: services in the packet path, rule by rule, in the native build; no root needed.
 * That the kernel does the same is test_serve_twin.c's business.
 */
#include "serve_world.h"

#include <linux/bpf.h>
#include <string.h>

enum { AP = 3, CORE = 4, CLIENTS = 5, ROOM = 64, FLOWS = 64, LINK_MTU = 1500 };

#define ME     "2001:db8:f::1"
#define A      "2001:db8:f::a" /* an egress, a peer */
#define B      "2001:db8:f::b"
#define ROUTER "2001:db8:f::d" /* a D-Router, a peer */
#define CS     "2001:db8:5::1"
#define XA     "2001:db8:a::1" /* CSCI-ID of an instance behind A */
#define XB     "2001:db8:b::1"
#define XM     "2001:db8:e::1" /* of one here */
#define CLIENT "2001:db8:c::7"
#define VIA    "2001:db8:e::99"

static struct world {
    struct gw_native *n;
    struct gw_native_result res;
    uint8_t room[ROOM + 2048];
    struct gw_native_frame out;
    struct gw_miss miss;
    unsigned misses, errors;
    struct gw_icmp_error error;
    struct gw_addr routed; /* whom the routing table was asked for */
    int64_t now_ms;
} W;

static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    (void)user;
    W.routed = *dst;
    *hop = (struct gw_native_hop){.ifindex = CORE, .mtu = LINK_MTU};
    return len > LINK_MTU ? BPF_FIB_LKUP_RET_FRAG_NEEDED : BPF_FIB_LKUP_RET_SUCCESS;
}

static void on_error(void *user, const struct gw_icmp_error *e, const uint8_t *packet, size_t len)
{
    (void)user;
    (void)packet;
    (void)len;
    W.error = *e;
    W.errors++;
}

static void on_miss(void *user, const struct gw_miss *m)
{
    (void)user;
    W.miss = *m;
    W.misses++;
}

static void apply(const struct gw_intent *in)
{
    assert_int_equal(gw_native_apply(W.n, in), 0);
}

static int start(void **state)
{
    static const struct gw_native_if ifs[] = {
        {AP, LINK_MTU, GW_T_ACCESS}, {CORE, LINK_MTU, GW_T_CORE}, {CLIENTS, 1500, GW_T_CLIENT}};
    static const struct gw_native_ops ops = {.route = route, .error = on_error, .missed = on_miss};
    static const char *const peers[] = {A, B, ROUTER};
    struct gw_native_conf c = {
        .addr = w_addr(ME), .nifs = 3, .ifs = ifs, .flows = FLOWS, .seed = 5};

    (void)state;
    W = (struct world){.n = gw_native_new(&c, &ops, NULL, &gw_alloc_libc), .now_ms = 1000};
    for (int i = 0; i < 3; i++)
        apply(&(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                                  .peer = {.addr = w_addr(peers[i]), .mtu = LINK_MTU}});
    return W.n == NULL;
}

static int stop(void **state)
{
    (void)state;
    gw_native_free(W.n);
    return 0;
}

/* -- saying and looking -------------------------------------------------------------------------
 */

static struct w_packet udp(uint16_t sport, uint16_t dport)
{
    return (struct w_packet){.src = w_addr(CLIENT),
                             .dst = w_addr(CS),
                             .proto = W_UDP,
                             .sport = sport,
                             .dport = dport,
                             .payload = 20};
}

static struct w_packet tcp(uint16_t sport, uint8_t flags)
{
    struct w_packet p = udp(sport, 80);

    p.proto = W_TCP;
    p.flags = flags;
    return p;
}

static enum gw_reason pass(uint32_t from, const uint8_t *b, size_t len)
{
    memcpy(W.room + ROOM, b, len);
    W.out = (struct gw_native_frame){.data = W.room + ROOM, .len = len, .headroom = ROOM};
    gw_native_expire(W.n, (struct gw_time){W.now_ms * 1000000});
    W.res = gw_native_packet(W.n, from, &W.out, (struct gw_time){W.now_ms * 1000000});
    return W.res.reason;
}

static enum gw_reason send(struct w_packet p)
{
    uint8_t b[2048];

    return pass(CLIENTS, b, w_frame(&p, b));
}

static bool to(const char *csci_id)
{
    struct gw_addr a = w_addr(csci_id);

    return W.res.action == GW_NATIVE_SEND && memcmp(W.out.data + W_DST, a.b, 16) == 0;
}

static struct gw_flow_id flow_of(const struct w_packet *p)
{
    return (struct gw_flow_id){
        .src = p->src, .proto = p->proto, .sport = p->sport, .dport = p->dport};
}

static bool entry(const struct w_packet *p, struct gw_flow_info *out)
{
    struct gw_flow_id id = flow_of(p);

    return gw_ns_show_flow(gw_native_services(W.n), &p->dst, &id, out);
}

static size_t entries(int of)
{
    const struct gw_t_flow_key *key;
    size_t n = 0;

    for (size_t it = 0; gw_ns_next_flow(gw_native_services(W.n), of, &it, &key) != NULL;)
        n++;
    return n;
}

/* Flows in flight of candidate i of service 0. */
static uint32_t own(uint32_t i)
{
    struct gw_steer_tables t;

    assert_true(gw_ns_steer(gw_native_services(W.n), 0, &t));
    return t.use[i].own;
}

static struct gw_intent set_service(enum gw_affinity a, enum gw_steer_policy policy, bool reselect)
{
    struct gw_intent s = w_service(CS, 0, 0, a, policy);

    s.service.reselect = reselect;
    s.service.timeout = GW_SEC(10);
    apply(&s);
    return s;
}

/* Two instances, XA the nearer one. */
static struct gw_intent two(enum gw_affinity a, bool reselect)
{
    struct gw_intent s = set_service(a, GW_STEER_NEAREST, reselect);
    struct gw_intent xa = w_instance(&s, XA, A, 10), xb = w_instance(&s, XB, B, 20);

    apply(&xa);
    apply(&xb);
    return s;
}

static void turn(const struct gw_intent *s, const char *csci_id, enum gw_instance_state state)
{
    struct gw_intent x = w_instance(s, csci_id, strcmp(csci_id, XA) == 0 ? A : B,
                                    strcmp(csci_id, XA) == 0 ? 10 : 20);

    x.instance.state = state;
    apply(&x);
}

/* -- choosing and keeping ------------------------------------------------------------------------
 */

static void test_keeps(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true);
    struct w_packet p = udp(1, 80);
    struct gw_flow_info f;

    (void)state;
    assert_int_equal(send(p), GW_R_STEERED);
    assert_true(to(XA));
    struct gw_intent nearer = w_instance(&s, XB, B, 5);
    apply(&nearer);
    assert_int_equal(send(p), GW_R_STEERED);
    assert_true(to(XA)); /* although another one is better now */
    assert_int_equal(send(udp(2, 80)), GW_R_STEERED);
    assert_true(to(XB));
    assert_true(entry(&p, &f));
    assert_int_equal(f.packets, 2);
    assert_int_equal(f.reason, GW_STEER_BY_POLICY);
    assert_true(f.open && !f.told);
    assert_int_equal(own(0), 1);
    /* drained: what is there stays, what is new goes elsewhere */
    turn(&s, XB, GW_INSTANCE_DRAINING);
    send(udp(2, 80));
    assert_true(to(XB));
    send(udp(3, 80));
    assert_true(to(XA));
}

static void test_times_out(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true), nearer = w_instance(&s, XB, B, 5);
    struct w_packet p = udp(1, 80);

    (void)state;
    send(p);
    apply(&nearer);
    W.now_ms += 9000;
    send(p);
    assert_true(to(XA)); /* the timeout is of silence */
    W.now_ms += 10001;
    send(p);
    assert_true(to(XB));
    assert_int_equal(own(0), 0);
    assert_int_equal(own(1), 1);
    W.now_ms += 20000; /* and without a packet of its own */
    gw_native_expire(W.n, (struct gw_time){W.now_ms * 1000000});
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    assert_int_equal(own(1), 0);
}

static void test_affinities(void **state)
{
    struct gw_intent s = set_service(GW_AFFINITY_3TUPLE, GW_STEER_ROUND_ROBIN, true);
    struct gw_intent xa = w_instance(&s, XA, A, 10), xb = w_instance(&s, XB, B, 20);

    (void)state;
    apply(&xa);
    apply(&xb);
    send(udp(5004, 6000)); /* audio and video stay together */
    bool first = to(XA);
    send(udp(5006, 6002));
    assert_int_equal(to(XA), first);
    send(tcp(5006, W_SYN));
    assert_int_equal(to(XA), !first);
    set_service(GW_AFFINITY_CLIENT, GW_STEER_ROUND_ROBIN, true);
    send(udp(1, 1));
    first = to(XA);
    send(tcp(7, W_SYN));
    assert_int_equal(to(XA), first);
    assert_int_equal(entries(GW_NS_FLOWS), 3);
    send(tcp(7, W_FIN | W_ACK)); /* one of many connections of the client */
    struct w_packet p = udp(1, 1);
    struct gw_flow_info f;
    assert_true(entry(&p, &f));
    assert_true(f.open);
    assert_int_equal(f.flow.proto, 0);
}

/* Services of one CS-ID, by port and for the rest, know nothing of each other's flows. */
static void test_services_apart(void **state)
{
    struct gw_intent whole = two(GW_AFFINITY_CLIENT, true);
    struct gw_intent web = w_service(CS, W_TCP, 80, GW_AFFINITY_CLIENT, GW_STEER_NEAREST);
    struct gw_intent x = w_instance(&web, XM, B, 1);

    (void)state;
    send(tcp(1, W_SYN));
    assert_true(to(XA)); /* there is only the one for all ports */
    apply(&web);
    apply(&x);
    assert_int_equal(send(tcp(1, W_SYN)), GW_R_STEERED);
    assert_true(to(XM));
    send(udp(1, 80));
    assert_true(to(XA));
    struct gw_intent gone = {.kind = GW_INTENT_SERVICE_DEL, .service = web.service};
    apply(&gone);
    assert_int_equal(entries(GW_NS_FLOWS), 1);
    send(tcp(1, W_SYN));
    assert_true(to(XA));
    (void)whole;
}

/* -- ends ---------------------------------------------------------------------------------------
 */

static void test_dead(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true);

    (void)state;
    send(tcp(1, W_SYN));
    turn(&s, XA, GW_INSTANCE_DEAD);
    assert_int_equal(send(tcp(1, W_ACK)), GW_R_STEERED);
    assert_true(to(XB));
    turn(&s, XA, GW_INSTANCE_UP);
    send(tcp(1, W_ACK));
    assert_true(to(XB));
    assert_int_equal(own(0), 0);
    turn(&s, XB, GW_INSTANCE_DEAD);
    turn(&s, XA, GW_INSTANCE_DEAD);
    assert_int_equal(send(tcp(1, W_ACK)), GW_R_NO_INSTANCE);
    assert_int_equal(W.error.type, 1);
    assert_int_equal(W.error.code, 3);
}

/* Where flows may not go elsewhere they are refused, until they are over. */
static void test_dead_and_reset(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, false);
    struct gw_intent gone = {.kind = GW_INTENT_INSTANCE_DEL, .instance = {.csci_id = w_addr(XA)}};

    (void)state;
    send(tcp(1, W_SYN));
    send(udp(9, 9));
    apply(&gone);
    for (int i = 0; i < 3; i++) {
        W.errors = 0;
        assert_int_equal(send(tcp(1, W_ACK)), GW_R_INSTANCE_DEAD);
        assert_int_equal(W.errors, 1);
        assert_int_equal(W.error.code, 3);
        assert_int_equal(send(udp(9, 9)), GW_R_INSTANCE_DEAD);
    }
    assert_int_equal(send(tcp(1, W_SYN)), GW_R_STEERED); /* a new connection */
    assert_true(to(XB));
    W.now_ms += 10001;
    assert_int_equal(send(udp(9, 9)), GW_R_STEERED);
    (void)s;
}

/* An instance that serves something else has lost its flows, and its former service a candidate. */
static void test_moves(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true);
    struct gw_intent other = w_service("2001:db8:5::2", 0, 0, GW_AFFINITY_FLOW, GW_STEER_NEAREST);
    struct gw_intent moved = w_instance(&other, XA, A, 10);

    (void)state;
    send(udp(1, 80));
    apply(&other);
    apply(&moved);
    assert_int_equal(send(udp(1, 80)), GW_R_STEERED);
    assert_true(to(XB));
    struct w_packet p = udp(1, 80);
    p.dst = w_addr("2001:db8:5::2");
    assert_int_equal(send(p), GW_R_STEERED);
    assert_true(to(XA));
    assert_int_equal(own(1), 1);
    (void)s;
}

static void test_in_flight(void **state)
{
    (void)state;
    two(GW_AFFINITY_FLOW, true);
    send(tcp(1, W_SYN));
    send(tcp(2, W_SYN));
    assert_int_equal(own(0), 2);
    send(tcp(1, W_FIN | W_ACK));
    send(tcp(1, W_ACK));
    assert_int_equal(own(0), 1);
    send(tcp(1, W_SYN)); /* the same ports again */
    assert_int_equal(own(0), 2);
    for (int i = 0; i < 3 * FLOWS; i++) /* evicted ones have ended */
        send(udp((uint16_t)(100 + i), 80));
    assert_int_equal(entries(GW_NS_FLOWS), FLOWS);
    assert_int_equal(own(0), FLOWS);
}

/* -- what is no ordinary packet ------------------------------------------------------------------
 */

static void test_icmp_errors(void **state)
{
    struct w_packet p = udp(1, 80);
    uint8_t b[2048];

    (void)state;
    two(GW_AFFINITY_FLOW, true);
    assert_int_equal(pass(CLIENTS, b, w_error(&p, b)), GW_R_NO_FLOW); /* it begins none */
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    send(p);
    assert_int_equal(pass(CLIENTS, b, w_error(&p, b)), GW_R_STEERED);
    assert_true(to(XA));
    size_t len = w_error(&p, b);
    b[W_L4 + 8 + 39] ^= 1; /* quotes what another client got */
    assert_int_equal(pass(CLIENTS, b, len), GW_R_NO_FLOW);
    len = w_error(&p, b);
    b[19] = 8; /* quotes nothing */
    assert_int_equal(pass(CLIENTS, b, W_L4 + 8), GW_R_NO_FLOW);
    (void)len;
}

static void test_fragments(void **state)
{
    struct w_packet p = udp(1, 80);
    uint8_t b[2048];
    size_t len = w_frame(&p, b);

    (void)state;
    two(GW_AFFINITY_FLOW, true);
    b[W_NEXT] = 44;
    memcpy(b + W_L4, (uint8_t[8]){W_UDP, 0, 0, 9, 0, 0, 0, 1}, 8);
    assert_int_equal(pass(CLIENTS, b, len), GW_R_SERVICE_FRAGMENT);
    set_service(GW_AFFINITY_3TUPLE, GW_STEER_NEAREST, true);
    assert_int_equal(pass(CLIENTS, b, len), GW_R_STEERED);
    assert_int_equal(send(p), GW_R_STEERED); /* of the same flow */
    assert_int_equal(entries(GW_NS_FLOWS), 1);
}

static void test_not_for_a_service(void **state)
{
    struct w_packet p = udp(1, 80);

    (void)state;
    assert_int_equal(send(p), GW_R_PASSED);
    struct gw_intent web = w_service(CS, W_TCP, 80, GW_AFFINITY_FLOW, GW_STEER_NEAREST);
    apply(&web);
    assert_int_equal(send(p), GW_R_PASSED);
    assert_int_equal(send(tcp(1, W_SYN)), GW_R_NO_INSTANCE);
    assert_int_equal(entries(GW_NS_FLOWS), 0);
}

static void test_too_big(void **state)
{
    struct w_packet p = udp(1, 80);

    (void)state;
    two(GW_AFFINITY_FLOW, true);
    p.payload = LINK_MTU - 40 - 48;
    assert_int_equal(send(p), GW_R_STEERED);
    p.payload++;
    assert_int_equal(send(p), GW_R_TOO_BIG);
    assert_int_equal(W.error.mtu, LINK_MTU - 40);
}

/* -- delivery -----------------------------------------------------------------------------------
 */

static void test_direct(void **state)
{
    struct gw_intent s = set_service(GW_AFFINITY_FLOW, GW_STEER_NEAREST, true);
    struct gw_intent x = w_instance(&s, XM, ME, 1);
    struct w_packet p = udp(1, 80);
    struct gw_addr via = w_addr(VIA);
    uint8_t b[2048];

    (void)state;
    x.instance.here = true;
    x.instance.via = via;
    apply(&x);
    size_t plain = w_frame(&p, b), len = w_tunnel(b, plain, w_addr(A), w_addr(XM), false);
    assert_int_equal(pass(CORE, b, len), GW_R_SERVED);
    assert_true(to(CS));
    assert_int_equal(W.out.len, plain);
    assert_memory_equal(W.routed.b, via.b, 16);
    assert_int_equal(entries(GW_NS_FLOWS), 0); /* the ingress keeps it */
    /* from a client here it goes straight there */
    assert_int_equal(send(p), GW_R_SERVED);
    assert_int_equal(W.out.len, plain);
    assert_memory_equal(W.routed.b, via.b, 16);
    struct gw_t_addr key;
    memcpy(key.b, w_addr(XM).b, sizeof key.b);
    const struct gw_t_instance *e = gw_ns_instance(gw_native_services(W.n), &key);
    assert_int_equal(e->in.packets, 1);
    assert_int_equal(e->out.packets, 1);
    /* strangers, and what it does not serve */
    len = w_tunnel(b, w_frame(&p, b), w_addr(CLIENT), w_addr(XM), false);
    assert_int_equal(pass(CORE, b, len), GW_R_STRANGER_TUNNEL);
    p.dst = w_addr("2001:db8:5::9");
    len = w_tunnel(b, w_frame(&p, b), w_addr(A), w_addr(XM), false);
    assert_int_equal(pass(CORE, b, len), GW_R_OTHER_SERVICE);
}

static void test_tunnel(void **state)
{
    struct gw_intent s = set_service(GW_AFFINITY_FLOW, GW_STEER_NEAREST, true);
    struct gw_intent x = w_instance(&s, XM, ME, 1);
    struct w_packet p = udp(1, 80);
    uint8_t b[2048];

    (void)state;
    x.instance.here = true;
    x.instance.delivery = GW_DELIVERY_TUNNEL;
    apply(&x);
    size_t plain = w_frame(&p, b), len = w_tunnel(b, plain, w_addr(A), w_addr(XM), false);
    assert_int_equal(pass(CORE, b, len), GW_R_SERVED);
    assert_true(to(XM)); /* the tunnel packet goes on */
    assert_int_equal(W.out.len, len);
    assert_int_equal(send(p), GW_R_STEERED); /* no peer is needed */
    assert_true(to(XM));
    assert_int_equal(W.out.len, len);
    p.payload = LINK_MTU - 40 - 48 + 1; /* but its link carries no more than others */
    assert_int_equal(send(p), GW_R_TOO_BIG);
    len = w_tunnel(b, w_frame(&p, b), w_addr(CLIENT), w_addr(XM), false);
    assert_int_equal(pass(CORE, b, len), GW_R_STRANGER_TUNNEL);
}

/* A station whose prefix is anchored elsewhere: its packets go to the instance, not to the anchor;
 * answers find the anchor by routing. */
static void test_mobile_client(void **state)
{
    struct gw_station_key st = {.iface = 0, .lladdr = {.len = 6, .b = {2, 0, 0, 0, 0, 7}}};
    struct gw_intent in = {.kind = GW_INTENT_STATION_SET, .station = {.key = st}};
    struct w_packet p = udp(1, 80);
    uint8_t b[2048];

    (void)state;
    two(GW_AFFINITY_FLOW, true);
    apply(&in);
    in = (struct gw_intent){.kind = GW_INTENT_PREFIX_SET,
                            .prefix = {.prefix = gw_prefix_mask(w_addr(CLIENT), 64),
                                       .kind = GW_PFX_SERVED,
                                       .peer = w_addr(B),
                                       .station = st,
                                       .dlif = {.len = 6}}};
    apply(&in);
    p.mac = st.lladdr.b;
    assert_int_equal(pass(AP, b, w_frame(&p, b)), GW_R_STEERED);
    assert_true(to(XA));
    p.dst = w_addr("2001:db8:99::1");
    assert_int_equal(pass(AP, b, w_frame(&p, b)), GW_R_TUNNELLED);
    assert_true(to(B));
    p = udp(1, 80); /* somebody else's address */
    p.mac = st.lladdr.b;
    p.src = w_addr("2001:db8:77::1");
    assert_int_equal(pass(AP, b, w_frame(&p, b)), GW_R_FOREIGN_SOURCE);
}

/* -- told ---------------------------------------------------------------------------------------
 */

static struct gw_intent told(const struct gw_intent *s, const struct w_packet *p, const char *x)
{
    return (struct gw_intent){.kind = GW_INTENT_FLOW_SET,
                              .flow = {.service = s->service.key,
                                       .flow = flow_of(p),
                                       .csci_id = w_addr(x),
                                       .now = {W.now_ms * 1000000}}};
}

static void test_told(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true);
    struct w_packet p = udp(1, 80);
    struct gw_intent in = told(&s, &p, XB);
    struct gw_flow_info f;

    (void)state;
    apply(&in);
    send(p);
    assert_true(to(XB));
    assert_true(entry(&p, &f));
    assert_true(f.told && f.packets == 1 && f.reason == GW_STEER_TOLD);
    apply(&in); /* once more: nothing changes */
    assert_true(entry(&p, &f));
    assert_int_equal(f.packets, 1);
    in = told(&s, &p, XA);
    apply(&in);
    assert_int_equal(own(0), 1);
    assert_int_equal(own(1), 0);
    send(p);
    assert_true(to(XA));
    in.kind = GW_INTENT_FLOW_DEL;
    apply(&in);
    apply(&in);
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    assert_int_equal(own(0), 0);
    in = told(&s, &p, XA);
    in.flow.service.port = 1;
    assert_int_equal(gw_native_apply(W.n, &in), GW_ENOENT);
}

/* A D-Forwarder asks, keeps what it is told, and asks again when that has died. */
static void test_asks(void **state)
{
    struct gw_intent s = w_service(CS, 0, 0, GW_AFFINITY_FLOW, GW_STEER_NEAREST);
    struct w_packet p = udp(1, 80);
    uint8_t plain[2048], want[2048];

    (void)state;
    s.service.ask = w_addr(ROUTER);
    s.service.reselect = true;
    apply(&s);
    size_t len = w_frame(&p, plain);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send(p), GW_R_ASKED);
        assert_true(to(ROUTER));
        memcpy(want, plain, len);
        size_t outer = w_tunnel(want, len, w_addr(ME), w_addr(ROUTER), true);
        assert_int_equal(W.out.len, outer);
        assert_int_equal(W.out.data[W_NEXT], 60);
        assert_memory_equal(W.out.data + W_SRC, want + W_SRC, 32 + 8); /* and the mark */
        assert_int_equal(W.out.data[W_L4 + 8 + 7], 63);
        assert_memory_equal(W.out.data + W_L4 + 16, want + W_L4 + 16, outer - W_L4 - 16);
        assert_int_equal(W.out.data[18] << 8 | W.out.data[19], outer - W_L4);
    }
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    struct gw_intent x = w_instance(&s, XA, A, 10), in = told(&s, &p, XA);
    apply(&x);
    assert_int_equal(send(p), GW_R_ASKED); /* an instance alone says nothing */
    apply(&in);
    assert_int_equal(send(p), GW_R_STEERED);
    assert_true(to(XA));
    turn(&s, XA, GW_INSTANCE_DEAD);
    assert_int_equal(send(p), GW_R_ASKED);
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    p.payload = LINK_MTU - 40 - 48 - 8;
    assert_int_equal(send(p), GW_R_ASKED);
    p.payload++;
    assert_int_equal(send(p), GW_R_TOO_BIG);
    assert_int_equal(W.error.mtu, LINK_MTU - 48);
}

/* A D-Router chooses for it, tells, keeps to it while it may not have been heard, and forgets. */
static void test_answers(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true), nearer = w_instance(&s, XB, B, 5);
    struct w_packet p = udp(1, 80);
    struct gw_addr xa = w_addr(XA), egress = w_addr(A), router = w_addr(ROUTER);
    uint8_t b[2048];
    size_t len = w_tunnel(b, w_frame(&p, b), router, w_addr(ME), true);

    (void)state;
    assert_int_equal(pass(CORE, b, len), GW_R_STEERED);
    assert_true(to(XA));
    assert_int_equal(W.out.len, len - 8);
    assert_int_equal(W.out.data[W_NEXT], 41);
    assert_int_equal(W.misses, 1);
    assert_memory_equal(&W.miss.from, &router, sizeof router);
    assert_memory_equal(&W.miss.csci_id, &xa, sizeof xa);
    assert_memory_equal(&W.miss.egress, &egress, sizeof egress);
    assert_int_equal(W.miss.flow.sport, 1);
    assert_int_equal(W.miss.flow.dport, 80);
    assert_int_equal(own(0), 1);
    apply(&nearer);
    W.now_ms += 1;
    pass(CORE, b, len);
    assert_true(to(XA));
    assert_int_equal(W.misses, 1); /* not for each packet */
    W.now_ms += 60;
    pass(CORE, b, len);
    assert_int_equal(W.misses, 2);
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    assert_int_equal(entries(GW_NS_PENDING), 1);
    turn(&s, XA, GW_INSTANCE_DEAD); /* here it matters at once */
    pass(CORE, b, len);
    assert_true(to(XB));
    W.now_ms += 7000;
    gw_native_expire(W.n, (struct gw_time){W.now_ms * 1000000});
    assert_int_equal(entries(GW_NS_PENDING), 0);
    assert_int_equal(own(0) + own(1), 0);
}

static void test_answers_whom(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true);
    struct w_packet p = udp(1, 80);
    uint8_t b[2048];
    size_t len = w_tunnel(b, w_frame(&p, b), w_addr(CLIENT), w_addr(ME), true);

    (void)state;
    assert_int_equal(pass(CORE, b, len), GW_R_STRANGER_TUNNEL);
    len = w_tunnel(b, w_frame(&p, b), w_addr(A), w_addr(ME), true);
    b[W_L4 + 6] = 2; /* another option: the kernel's */
    assert_int_equal(pass(CORE, b, len), GW_R_PASSED);
    len = w_tunnel(b, w_error(&p, b), w_addr(A), w_addr(ME), true);
    assert_int_equal(pass(CORE, b, len), GW_R_NO_FLOW);
    p.dst = w_addr("2001:db8:5::9");
    len = w_tunnel(b, w_frame(&p, b), w_addr(A), w_addr(ME), true);
    assert_int_equal(pass(CORE, b, len), GW_R_OTHER_SERVICE);
    s.service.ask = w_addr(B); /* it has nobody to ask for others */
    apply(&s);
    p = udp(1, 80);
    len = w_tunnel(b, w_frame(&p, b), w_addr(A), w_addr(ME), true);
    assert_int_equal(pass(CORE, b, len), GW_R_NO_FLOW);
    assert_int_equal(W.misses, 0);
}

/* -- restart, and why ---------------------------------------------------------------------------
 */

static void test_restart(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true), sync = {.kind = GW_INTENT_SYNC},
                     serve_sync = {.kind = GW_INTENT_SERVE_SYNC};
    static const char *const peers[] = {A, B, ROUTER};

    (void)state;
    send(udp(1, 80));
    gw_native_restart(W.n);
    for (int i = 0; i < 3; i++)
        apply(&(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                                  .peer = {.addr = w_addr(peers[i]), .mtu = LINK_MTU}});
    send(udp(1, 80));
    assert_true(to(XA)); /* before anything is said again */
    apply(&s);
    turn(&s, XB, GW_INSTANCE_UP);
    struct gw_intent xa = w_instance(&s, XA, A, 100);
    apply(&xa);
    apply(&sync);
    apply(&serve_sync);
    send(udp(1, 80));
    assert_true(to(XA));
    assert_int_equal(own(0), 1);
    gw_native_restart(W.n);
    apply(&sync);
    apply(&serve_sync);
    assert_int_equal(entries(GW_NS_FLOWS), 0);
    assert_int_equal(send(udp(1, 80)), GW_R_PASSED);
}

static void test_why(void **state)
{
    struct gw_intent s = two(GW_AFFINITY_FLOW, true);
    struct w_packet p = udp(1, 80);
    struct gw_flow_id id = flow_of(&p);
    struct gw_addr cs = w_addr(CS), xa = w_addr(XA), xb = w_addr(XB);
    static struct gw_why why;

    (void)state;
    turn(&s, XB, GW_INSTANCE_DRAINING);
    assert_true(gw_ns_why(gw_native_services(W.n), &cs, &id, GW_SEC(2), 7, &why));
    assert_false(why.bound);
    assert_true(why.anyone);
    assert_memory_equal(&why.choice, &xa, sizeof xa);
    assert_int_equal(why.n, 2);
    assert_int_equal(why.service.up, 1);
    assert_true(why.candidate[0].usable && !why.candidate[1].usable);
    assert_int_equal(why.candidate[1].state, GW_INSTANCE_DRAINING);
    assert_memory_equal(&why.candidate[1].csci_id, &xb, sizeof xb);
    assert_int_equal(why.candidate[0].age_ms, 1000);
    assert_true(why.candidate[0].completion_us >= 10 + 1000);
    send(p);
    turn(&s, XB, GW_INSTANCE_UP);
    turn(&s, XA, GW_INSTANCE_DRAINING);
    assert_true(gw_ns_why(gw_native_services(W.n), &cs, &id, GW_SEC(2), 7, &why));
    assert_true(why.bound);
    assert_memory_equal(&why.entry.csci_id, &xa, sizeof xa);
    assert_memory_equal(&why.choice, &xb, sizeof xb);
    assert_int_equal(why.candidate[0].own, 1);
    assert_int_equal(why.service.flows, 1);
    id.dport = 0;
    cs = xa;
    assert_false(gw_ns_why(gw_native_services(W.n), &cs, &id, GW_SEC(2), 7, &why));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keeps),     TEST(test_times_out),      TEST(test_affinities),
        TEST(test_dead),      TEST(test_dead_and_reset), TEST(test_services_apart),
        TEST(test_moves),     TEST(test_in_flight),      TEST(test_icmp_errors),
        TEST(test_fragments), TEST(test_too_big),        TEST(test_not_for_a_service),
        TEST(test_direct),    TEST(test_tunnel),         TEST(test_mobile_client),
        TEST(test_told),      TEST(test_asks),           TEST(test_answers),
        TEST(test_restart),   TEST(test_answers_whom),   TEST(test_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
