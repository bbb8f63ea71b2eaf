/* test_moving.c: what the packet path does for a client that moves, in the native build; no root
 * needed: reports of what it uses, packets that are kept back, markers. That the kernel does the
 * same is the business of test_serve_twin.c and test_hold.py.
 */
#include "serve_world.h"

#include <linux/bpf.h>
#include <string.h>

enum { AP = 3, CORE = 4, CLIENTS = 5, ROOM = 64, LINK_MTU = 1500, QUARTER = 25 };

#define ME     "2001:db8:f::1"
#define A      "2001:db8:f::a" /* an egress, a peer */
#define B      "2001:db8:f::b" /* another peer */
#define NET    "2001:db8:c::"  /* the client's */
#define CS     "2001:db8:5::1"
#define XA     "2001:db8:a::1" /* CSCI-ID of an instance behind A */
#define CLIENT "2001:db8:c::7"

static const uint8_t station[6] = {2, 0, 0, 0, 0, 0xaa};

static struct world {
    struct gw_native *n;
    struct gw_native_result res;
    uint8_t room[ROOM + 2048];
    struct gw_native_frame out;
    struct gw_flow_use use;
    struct gw_marked mark;
    unsigned uses, marks;
    struct gw_addr routed; /* whom the routing table was asked for */
    int64_t now_s;
} W;

static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    (void)user;
    W.routed = *dst;
    *hop = (struct gw_native_hop){.ifindex = CORE, .mtu = LINK_MTU};
    return len > LINK_MTU ? BPF_FIB_LKUP_RET_FRAG_NEEDED : BPF_FIB_LKUP_RET_SUCCESS;
}

static void on_use(void *user, const struct gw_flow_use *u)
{
    (void)user;
    W.use = *u;
    W.uses++;
}

static void on_mark(void *user, const struct gw_marked *m)
{
    (void)user;
    W.mark = *m;
    W.marks++;
}

static void apply(const struct gw_intent *in)
{
    assert_int_equal(gw_native_apply(W.n, in), 0);
}

static void client(enum gw_prefix_kind kind)
{
    struct gw_station_key key = {.iface = 0, .lladdr = {.len = 6}};
    struct gw_intent in = {.kind = GW_INTENT_PREFIX_SET,
                           .prefix = {.prefix = gw_prefix_mask(w_addr(CLIENT), 64),
                                      .kind = kind,
                                      .peer = w_addr(A),
                                      .dlif = {.len = 6}}};

    memcpy(key.lladdr.b, station, sizeof station);
    in.prefix.station = key;
    apply(&(struct gw_intent){.kind = GW_INTENT_STATION_SET, .station = {.key = key}});
    apply(&in);
}

static int start(void **state)
{
    static const struct gw_native_if ifs[] = {
        {AP, LINK_MTU, GW_T_ACCESS}, {CORE, LINK_MTU, GW_T_CORE}, {CLIENTS, 1500, GW_T_CLIENT}};
    static const struct gw_native_ops ops = {.route = route, .used = on_use, .marked = on_mark};
    struct gw_native_conf c = {.addr = w_addr(ME),
                               .nifs = 3,
                               .ifs = ifs,
                               .stations = 4,
                               .prefixes = 8,
                               .flows = 64,
                               .seed = 5};

    (void)state;
    W = (struct world){.n = gw_native_new(&c, &ops, NULL, &gw_alloc_libc), .now_s = 1000};
    for (int i = 0; i < 2; i++)
        apply(&(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                                  .peer = {.addr = w_addr(i ? A : B), .mtu = LINK_MTU}});
    client(GW_PFX_LOCAL);
    return W.n == NULL;
}

static int stop(void **state)
{
    (void)state;
    gw_native_free(W.n);
    return 0;
}

static struct gw_intent service(enum gw_affinity affinity, bool tell)
{
    struct gw_intent s = w_service(CS, 0, 0, affinity, GW_STEER_NEAREST);
    struct gw_intent x = w_instance(&s, XA, A, 10);

    s.service.timeout = GW_SEC(4 * QUARTER);
    s.service.tell = tell;
    apply(&s);
    apply(&x);
    return s;
}

static struct w_packet tcp(uint16_t sport, uint8_t flags)
{
    return (struct w_packet){.mac = station,
                             .src = w_addr(CLIENT),
                             .dst = w_addr(CS),
                             .proto = W_TCP,
                             .flags = flags,
                             .sport = sport,
                             .dport = 80};
}

static enum gw_reason pass(uint32_t from, const uint8_t *b, size_t len)
{
    memcpy(W.room + ROOM, b, len);
    W.out = (struct gw_native_frame){.data = W.room + ROOM, .len = len, .headroom = ROOM};
    W.res = gw_native_packet(W.n, from, &W.out, GW_SEC(W.now_s));
    return W.res.reason;
}

/* How many reports that made. */
static unsigned send(uint32_t from, struct w_packet p)
{
    uint8_t b[2048];
    unsigned before = W.uses;

    assert_int_equal(pass(from, b, w_frame(&p, b)), GW_R_STEERED);
    return W.uses - before;
}

/* -- reports of use ------------------------------------------------------------------------------
 */

static void test_use_is_told(void **state)
{
    struct gw_addr xa = w_addr(XA), src = w_addr(CLIENT), cs = w_addr(CS);

    (void)state;
    service(GW_AFFINITY_FLOW, true);
    assert_int_equal(send(AP, tcp(7, W_SYN)), 1);
    assert_memory_equal(&W.use.csci_id, &xa, sizeof xa);
    assert_memory_equal(&W.use.service.cs_id, &cs, sizeof cs);
    assert_memory_equal(&W.use.flow.src, &src, sizeof src);
    assert_int_equal(W.use.flow.proto, W_TCP);
    assert_int_equal(W.use.flow.sport, 7);
    assert_int_equal(W.use.flow.dport, 80);
    assert_false(W.use.ended);
    assert_int_equal(send(AP, tcp(7, W_ACK)), 0);
    assert_int_equal(send(AP, tcp(8, W_SYN)), 1); /* another flow */
    W.now_s += QUARTER - 1;
    assert_int_equal(send(AP, tcp(7, W_ACK)), 0);
    W.now_s += 1;
    assert_int_equal(send(AP, tcp(7, W_ACK)), 1);
    assert_int_equal(send(AP, tcp(7, W_ACK)), 0);
}

static void test_use_ends_once(void **state)
{
    (void)state;
    service(GW_AFFINITY_FLOW, true);
    send(AP, tcp(7, W_SYN));
    assert_int_equal(send(AP, tcp(7, W_FIN | W_ACK)), 1);
    assert_true(W.use.ended);
    assert_int_equal(send(AP, tcp(7, W_FIN | W_ACK)), 0); /* again */
    assert_int_equal(send(AP, tcp(7, W_ACK)), 0);
    W.now_s += QUARTER; /* it had closed one direction only */
    assert_int_equal(send(AP, tcp(7, W_ACK)), 1);
    assert_false(W.use.ended);
    assert_int_equal(send(AP, tcp(7, 4)), 1); /* a reset */
    assert_true(W.use.ended);
    assert_int_equal(send(AP, tcp(7, W_SYN)), 1); /* the same ports once more */
    assert_false(W.use.ended);
    assert_int_equal(send(AP, tcp(7, W_FIN)), 1);
    assert_true(W.use.ended);
}

static void test_use_of_a_client(void **state)
{
    (void)state;
    service(GW_AFFINITY_CLIENT, true);
    assert_int_equal(send(AP, tcp(7, W_SYN)), 1);
    assert_int_equal(W.use.flow.sport, 0);
    assert_int_equal(W.use.flow.proto, 0);
    assert_int_equal(send(AP, tcp(8, W_SYN)), 0);
    assert_int_equal(send(AP, tcp(7, W_FIN)), 0); /* others of it go on */
}

static void test_use_of_others(void **state)
{
    struct gw_intent s = service(GW_AFFINITY_FLOW, false);

    (void)state;
    assert_int_equal(send(AP, tcp(7, W_SYN)), 0); /* nobody asked */
    s.service.tell = true;
    apply(&s);
    assert_int_equal(send(AP, tcp(7, W_ACK)), 1);
    assert_int_equal(send(CLIENTS, tcp(9, W_SYN)), 0); /* no mobile node */
}

/* What has come with the station from elsewhere is told when it is used here. */
static void test_use_of_what_was_set(void **state)
{
    struct gw_intent s = service(GW_AFFINITY_FLOW, true);
    struct gw_intent in = {
        .kind = GW_INTENT_FLOW_SET,
        .flow = {.service = s.service.key,
                 .flow = {.src = w_addr(CLIENT), .proto = W_TCP, .sport = 7, .dport = 80},
                 .csci_id = w_addr(XA),
                 .now = GW_SEC(1000)}};

    (void)state;
    apply(&in);
    assert_int_equal(W.uses, 0);
    assert_int_equal(send(AP, tcp(7, W_ACK)), 1);
    assert_int_equal(send(AP, tcp(7, W_ACK)), 0);
    apply(&in); /* once more changes nothing */
    assert_int_equal(send(AP, tcp(7, W_ACK)), 0);
}

/* -- what is kept back --------------------------------------------------------------------------
 */

static void hold(bool set, bool up, const char *from, uint32_t packets, uint32_t octets, bool drop)
{
    apply(&(struct gw_intent){.kind = set ? GW_INTENT_HOLD_SET : GW_INTENT_HOLD_DEL,
                              .hold = {.prefix = gw_prefix_mask(w_addr(NET), 64),
                                       .up = up,
                                       .from = w_addr(from),
                                       .packets = packets,
                                       .octets = octets,
                                       .drop = drop}});
}

/* To the client, out of a tunnel; known by its port. */
static enum gw_reason down(const char *from, uint16_t port)
{
    struct w_packet p = tcp(80, W_ACK);
    uint8_t b[2048];

    p.src = w_addr(CS);
    p.dst = w_addr(CLIENT);
    p.dport = port;
    size_t len = w_frame(&p, b);
    return pass(CORE, b, from ? w_tunnel(b, len, w_addr(from), w_addr(ME), false) : len);
}

static enum gw_reason up(uint16_t sport)
{
    struct w_packet p = tcp(sport, W_SYN);
    uint8_t b[2048];

    return pass(AP, b, w_frame(&p, b));
}

/* What goes on next; 0: nothing. Its source or destination port, and what became of it. */
static unsigned next(bool of_source)
{
    struct gw_native_kept was;
    size_t at = W_L4 + (of_source ? 0 : 2);

    W.out = (struct gw_native_frame){.data = W.room + ROOM, .len = 2048, .headroom = ROOM};
    if (!gw_native_next(W.n, &W.out, GW_SEC(W.now_s), &W.res, &was))
        return 0;
    if (was.ifindex == CORE && was.frame[W_NEXT] == 41)
        at += 40;
    return (unsigned)was.frame[at] << 8 | was.frame[at + 1];
}

static uint64_t counted(enum gw_reason r)
{
    return gw_native_counter(W.n, r).packets;
}

static void moved_to(const char *peer)
{
    apply(&(struct gw_intent){.kind = GW_INTENT_PREFIX_SET,
                              .prefix = {.prefix = gw_prefix_mask(w_addr(NET), 64),
                                         .kind = GW_PFX_MOVED,
                                         .peer = w_addr(peer)}});
}

/* Released, it goes as the tables say then, and what comes meanwhile stays behind it. */
static void test_holds_in_order(void **state)
{
    (void)state;
    hold(true, false, "::", 10, 10000, false);
    for (uint16_t i = 1; i <= 3; i++)
        assert_int_equal(down(A, i), GW_R_KEPT_DOWN);
    assert_int_equal(W.res.action, GW_NATIVE_KEPT);
    assert_int_equal(next(false), 0);
    moved_to(B);
    hold(false, false, "::", 0, 0, false);
    assert_int_equal(next(false), 1);
    assert_int_equal(W.res.reason, GW_R_RELAYED);
    assert_int_equal(down(A, 4), GW_R_KEPT_DOWN); /* 2 and 3 go first */
    assert_int_equal(next(false), 2);
    assert_int_equal(next(false), 3);
    assert_int_equal(next(false), 4);
    assert_int_equal(down(A, 5), GW_R_RELAYED);
    assert_int_equal(next(false), 0);
    assert_int_equal(counted(GW_R_KEPT_DOWN), 4);
    assert_int_equal(counted(GW_R_RELEASED_DOWN), 4);
}

static void test_holds_again(void **state)
{
    (void)state;
    hold(true, false, "::", 10, 10000, false);
    down(A, 1);
    down(A, 2);
    hold(false, false, "::", 0, 0, false);
    assert_int_equal(next(false), 1);
    hold(true, false, "::", 10, 10000, false); /* it moves once more */
    assert_int_equal(next(false), 0);
    assert_int_equal(down(A, 3), GW_R_KEPT_DOWN);
    hold(false, false, "::", 0, 0, false);
    assert_int_equal(next(false), 2);
    assert_int_equal(next(false), 3);
    assert_int_equal(down(A, 4), GW_R_DELIVERED);
}

static void test_holds_by_tunnel(void **state)
{
    (void)state;
    hold(true, false, A, 10, 10000, false);
    assert_int_equal(down(A, 1), GW_R_KEPT_DOWN);
    assert_int_equal(down(B, 2), GW_R_DELIVERED);
    assert_int_equal(down(NULL, 3), GW_R_DELIVERED);
    hold(true, false, "::", 10, 10000, false);
    assert_int_equal(down(B, 4), GW_R_KEPT_DOWN);
    hold(false, false, A, 0, 0, false);
    assert_int_equal(next(false), 1);
    assert_int_equal(down(A, 5), GW_R_KEPT_DOWN); /* now as all of them */
    hold(false, false, "::", 0, 0, false);
    assert_int_equal(next(false), 4);
    assert_int_equal(next(false), 5);
}

static void test_hold_limits(void **state)
{
    (void)state;
    hold(true, false, "::", 2, 10000, false);
    for (uint16_t i = 1; i <= 3; i++)
        assert_int_equal(down(A, i), GW_R_KEPT_DOWN);
    assert_int_equal(counted(GW_R_BEYOND_DOWN), 1);
    hold(true, false, "::", 10, 250, false); /* a frame has 114 octets */
    assert_int_equal(down(A, 4), GW_R_KEPT_DOWN);
    assert_int_equal(counted(GW_R_BEYOND_DOWN), 2);
    hold(false, false, "::", 0, 0, false);
    assert_int_equal(next(false), 1);
    assert_int_equal(next(false), 2); /* the newest were dropped */
    assert_int_equal(next(false), 0);
    assert_int_equal(down(A, 5), GW_R_DELIVERED);
    hold(true, false, "::", 10, 10000, false);
    down(A, 6);
    hold(false, false, "::", 0, 0, true);
    assert_int_equal(next(false), 0);
    assert_int_equal(counted(GW_R_DISCARDED_DOWN), 1);
    assert_int_equal(down(A, 7), GW_R_DELIVERED);
    hold(true, false, "::", 10, 10000, false);
    down(A, 8);
    gw_native_restart(W.n); /* whose it was is gone */
    assert_int_equal(down(A, 9), GW_R_DELIVERED);
    assert_int_equal(next(false), 0);
}

/* A new ingress does not choose before it has heard of the flows. */
static void test_holds_up(void **state)
{
    struct gw_intent s = service(GW_AFFINITY_FLOW, true);
    struct gw_intent in = {
        .kind = GW_INTENT_FLOW_SET,
        .flow = {.service = s.service.key,
                 .flow = {.src = w_addr(CLIENT), .proto = W_TCP, .sport = 8, .dport = 80},
                 .csci_id = w_addr(XA),
                 .now = GW_SEC(1000)}};

    (void)state;
    assert_int_equal(up(7), GW_R_STEERED);
    hold(true, true, "::", 10, 10000, false);
    assert_int_equal(up(7), GW_R_STEERED); /* a flow of ours */
    assert_int_equal(up(8), GW_R_KEPT_UP);
    assert_int_equal(W.uses, 1);
    apply(&in);
    assert_int_equal(up(8), GW_R_KEPT_UP); /* not before what is kept */
    hold(false, true, "::", 0, 0, false);
    assert_int_equal(next(true), 8);
    assert_int_equal(W.res.reason, GW_R_STEERED);
    assert_true(W.use.flow.sport == 8);
    assert_int_equal(next(true), 8);
    assert_int_equal(up(8), GW_R_STEERED);
    assert_int_equal(counted(GW_R_RELEASED_UP), 2);
}

/* -- markers ------------------------------------------------------------------------------------
 */

static void mark(uint32_t generation, enum gw_mark_way way, const char *to)
{
    apply(&(struct gw_intent){.kind = GW_INTENT_MARK,
                              .mark = {.prefix = gw_prefix_mask(w_addr(NET), 64),
                                       .generation = generation,
                                       .way = way,
                                       .to = w_addr(to)}});
    (void)next(false);
}

static void test_marks_its_way(void **state)
{
    struct gw_addr b = w_addr(B), a = w_addr(A), net = w_addr(NET), me = w_addr(ME);
    struct gw_prefix of = gw_prefix_mask(net, 64);

    (void)state;
    mark(3, GW_MARK_AS_TABLES, "::"); /* its station is here */
    assert_int_equal(W.marks, 1);
    assert_int_equal(W.mark.generation, 3);
    assert_memory_equal(&W.mark.by, &me, sizeof me);
    assert_memory_equal(&W.mark.prefix, &of, sizeof of);
    moved_to(B);
    mark(4, GW_MARK_AS_TABLES, "::");
    assert_int_equal(W.res.action, GW_NATIVE_SEND);
    assert_memory_equal(&W.routed, &b, sizeof b);
    mark(5, GW_MARK_TUNNEL, A);
    assert_memory_equal(&W.routed, &a, sizeof a);
    mark(6, GW_MARK_ROUTED, "::");
    assert_memory_equal(&W.routed, &net, sizeof net);
    assert_int_equal(counted(GW_R_MARKED), 4);
    assert_int_equal(W.marks, 1);
}

/* Two nodes: what one sends the other takes, behind what it holds; what no peer has said, never. */
static void test_marks_are_taken(void **state)
{
    uint8_t b[2048];

    (void)state;
    mark(9, GW_MARK_TUNNEL, A);
    size_t len = W.out.len;
    memcpy(b, W.out.data, len);
    memcpy(b + W_SRC, w_addr(A).b, 16); /* of A, to this node */
    memcpy(b + W_DST, w_addr(ME).b, 16);
    memcpy(b + W_SRC + 40, w_addr(B).b, 16); /* B has made it */
    hold(true, false, A, 10, 10000, false);
    down(A, 1);
    assert_int_equal(pass(CORE, b, len), GW_R_KEPT_DOWN);
    assert_int_equal(W.marks, 0);
    hold(false, false, A, 0, 0, false);
    assert_int_equal(next(false), 1);
    assert_int_equal(W.marks, 0);
    (void)next(false);
    assert_int_equal(W.res.reason, GW_R_MARKER);
    assert_int_equal(W.marks, 1);
    assert_int_equal(W.mark.generation, 9);
    memcpy(b + W_SRC + 40, w_addr(CS).b, 16);
    assert_int_equal(pass(CORE, b, len), GW_R_FOREIGN_MARKER);
    memcpy(b + W_SRC + 40, w_addr(ME).b, 16); /* nor this node, from outside */
    assert_int_equal(pass(CORE, b, len), GW_R_FOREIGN_MARKER);
    assert_int_equal(W.marks, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_use_is_told),   TEST(test_use_ends_once),       TEST(test_use_of_a_client),
        TEST(test_use_of_others), TEST(test_use_of_what_was_set), TEST(test_holds_in_order),
        TEST(test_holds_again),   TEST(test_holds_by_tunnel),     TEST(test_hold_limits),
        TEST(test_holds_up),      TEST(test_marks_its_way),       TEST(test_marks_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
