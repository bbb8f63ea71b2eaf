/* test_moving.c: what the packet path does for a client that moves, in the native build; no root
 * needed: reports of what it uses. That the kernel does the same is test_moving_twin.c's business.
 */
#include "serve_world.h"

#include <linux/bpf.h>
#include <string.h>

enum { AP = 3, CORE = 4, CLIENTS = 5, ROOM = 64, LINK_MTU = 1500, QUARTER = 25 };

#define ME     "2001:db8:f::1"
#define A      "2001:db8:f::a" /* an egress, a peer */
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
    unsigned uses;
    int64_t now_s;
} W;

static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    (void)user;
    (void)dst;
    *hop = (struct gw_native_hop){.ifindex = CORE, .mtu = LINK_MTU};
    return len > LINK_MTU ? BPF_FIB_LKUP_RET_FRAG_NEEDED : BPF_FIB_LKUP_RET_SUCCESS;
}

static void on_use(void *user, const struct gw_flow_use *u)
{
    (void)user;
    W.use = *u;
    W.uses++;
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
    static const struct gw_native_ops ops = {.route = route, .used = on_use};
    struct gw_native_conf c = {.addr = w_addr(ME),
                               .nifs = 3,
                               .ifs = ifs,
                               .stations = 4,
                               .prefixes = 8,
                               .flows = 64,
                               .seed = 5};

    (void)state;
    W = (struct world){.n = gw_native_new(&c, &ops, NULL, &gw_alloc_libc), .now_s = 1000};
    apply(&(struct gw_intent){.kind = GW_INTENT_PEER_SET,
                              .peer = {.addr = w_addr(A), .mtu = LINK_MTU}});
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_use_is_told),   TEST(test_use_ends_once),       TEST(test_use_of_a_client),
        TEST(test_use_of_others), TEST(test_use_of_what_was_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
