/* test_affinity.c: packets of one flow that reach another instance than its first: none, while
 * metrics change every 10 ms, instances are added, drained and come back, and the loader is killed
 * and adopts its tables. By every policy that reads metrics, 16 k flows that come and go.
 *
 * GODWIT_PACKETS: how many through the native build; the kernel gets a tenth (test-run costs more).
 * By default a number that `make check` can spare.
 */
#include "serve_world.h"
#include "twin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"

enum { FLOWS = 16384, FIRST = 16, MOST = 64, DEFAULT_PACKETS = 300000 };
/* A packet each 2 µs of the native build's time; flows end after about 300 packets. The kernel's
 * time is real: however slow the machine, so many packets pass between two changes. */
enum { PACKET_NS = 2000, METRICS_NS = 10000000, LIFE = 300, AT_LEAST = 100 };

static const enum gw_steer_policy policies[] = {GW_STEER_PREQUAL,    GW_STEER_LEAST_LOADED,
                                                GW_STEER_LEAST_CONN, GW_STEER_TWO_CHOICES,
                                                GW_STEER_ARGMIN,     GW_STEER_HASH};

static struct {
    struct gw_prng p;
    uint64_t now_ns, changed_ns, changed_at;
    uint32_t instances, changes, restarts;
    struct gw_intent service;
    uint8_t bound[FLOWS]; /* last octet of the CSCI-ID that the first packet went to; 0: none yet */
    uint16_t age[FLOWS];  /* times the flow has been another */
    uint64_t packets, begun, wrong, spread[256];
} A;

static struct gw_intent instance_of(uint32_t i, enum gw_instance_state state)
{
    struct gw_intent x = w_instance(&A.service, "2001:db8:e::1", i & 1 ? PEER_A : PEER_B, 0);

    x.instance.csci_id.b[15] = (uint8_t)(1 + i);
    x.instance.state = state;
    x.instance.path_us = 100 + (uint32_t)gw_prng_below(&A.p, 5000);
    x.instance.service_us = 1000 + (uint32_t)gw_prng_below(&A.p, 20000);
    x.instance.load = (uint32_t)gw_prng_below(&A.p, 16 * 64);
    x.instance.slots = 64;
    x.instance.weight = 1 + (uint32_t)gw_prng_below(&A.p, 5);
    x.instance.measured = x.instance.now = (struct gw_time){(int64_t)A.now_ns};
    return x;
}

/* What the packets go through: the native build, or the kernel's. */
struct form {
    int (*apply)(const struct gw_intent *in);
    uint8_t (*send)(const struct frame *f); /* last octet of where it went, or 0 */
    void (*restart)(void);
};

static void change(const struct form *form)
{
    for (uint32_t i = 0; i < A.instances; i++) {
        struct gw_intent x =
            instance_of(i, gw_prng_below(&A.p, 8) ? GW_INSTANCE_UP : GW_INSTANCE_DRAINING);
        assert_int_equal(form->apply(&x), 0);
    }
    if (A.instances < MOST && A.changes % 4 == 3) {
        struct gw_intent x = instance_of(A.instances++, GW_INSTANCE_UP);
        assert_int_equal(form->apply(&x), 0);
    }
    A.changes++;
    A.changed_ns = A.now_ns;
    A.changed_at = A.packets;
}

static void all_again(const struct form *form)
{
    const struct gw_intent sync = {.kind = GW_INTENT_SYNC};
    const struct gw_intent serve_sync = {.kind = GW_INTENT_SERVE_SYNC};

    form->restart();
    A.restarts++;
    fill_tables();
    assert_int_equal(form->apply(&A.service), 0);
    change(form);
    assert_int_equal(form->apply(&sync), 0);
    assert_int_equal(form->apply(&serve_sync), 0);
}

/* One packet of a flow; a new flow now and then in its place, on other ports. */
static void packet(const struct form *form)
{
    uint32_t i = (uint32_t)gw_prng_below(&A.p, FLOWS);
    struct w_packet p = {.mac = st1, .src = addr(LOCAL), .proto = W_TCP, .flags = W_ACK};
    struct frame f = {.len = 0};

    if (gw_prng_below(&A.p, LIFE) == 0) {
        A.age[i]++;
        A.bound[i] = 0;
    }
    p.dst = A.service.service.key.cs_id;
    p.src.b[13] = (uint8_t)(i >> 8);
    p.src.b[14] = (uint8_t)i;
    p.sport = A.age[i];
    p.dport = 80;
    p.flags = A.bound[i] == 0 ? W_SYN : W_ACK;
    f.len = w_frame(&p, f.b);
    uint8_t to = form->send(&f);
    A.packets++;
    A.spread[to]++;
    A.wrong += to == 0 || (A.bound[i] != 0 && A.bound[i] != to);
    A.begun += A.bound[i] == 0;
    A.bound[i] = to;
}

static void go(const struct form *form, const char *name, uint64_t packets, bool own_clock)
{
    uint32_t reached = 0;

    memset(&A, 0, sizeof A);
    gw_prng_seed(&A.p, 53);
    A.now_ns = (uint64_t)GW_SEC(1).ns;
    for (size_t k = 0; k < sizeof policies / sizeof *policies; k++) {
        A.service = w_service("2001:db8:cafe::1", 0, 0, GW_AFFINITY_FLOW, policies[k]);
        A.service.service.reselect = true;
        if (k == 0)
            A.instances = FIRST;
        assert_int_equal(form->apply(&A.service), 0);
        change(form);
        for (uint64_t n = 0; n < packets / 6; n++) {
            A.now_ns = own_clock ? A.now_ns + PACKET_NS : (uint64_t)twin_now().ns;
            if (A.now_ns - A.changed_ns >= METRICS_NS && A.packets - A.changed_at >= AT_LEAST)
                change(form);
            if (n == packets / 12 && k % 3 == 0) /* in the middle */
                all_again(form);
            packet(form);
        }
    }
    for (int i = 1; i < 256; i++)
        reached += A.spread[i] > 0;
    print_message("%s: %llu packets of %llu flows to %u instances, metrics changed %u times, %u "
                  "restarts: %llu packets to another instance than the first\n",
                  name, (unsigned long long)A.packets, (unsigned long long)A.begun, reached,
                  A.changes, A.restarts, (unsigned long long)A.wrong);
    assert_int_equal(A.wrong, 0);
    assert_true(reached > FIRST / 2); /* the choice was one */
}

/* -- the two forms ------------------------------------------------------------------------------
 */

static int native_apply(const struct gw_intent *in)
{
    return gw_native_apply(T.native, in);
}

static uint8_t native_send(const struct frame *f)
{
    struct frame work;
    struct gw_time now = {(int64_t)A.now_ns};

    memcpy(work.room + ROOM, f->b, f->len);
    struct gw_native_frame out = {.data = work.room + ROOM, .len = f->len, .headroom = ROOM};
    gw_native_expire(T.native, now);
    struct gw_native_result r = gw_native_packet(T.native, T.ap, &out, now);
    return r.reason == GW_R_STEERED ? out.data[W_DST + 15] : 0;
}

static void native_restart(void)
{
    gw_native_restart(T.native);
}

static int bpf_apply(const struct gw_intent *in)
{
    return gw_bpf_apply(T.bpf, in);
}

static uint8_t bpf_send(const struct frame *f)
{
    struct __sk_buff ctx = {.ifindex = T.ap};
    uint8_t got[FRAME_MAX];
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = f->b, .data_size_in = (uint32_t)f->len,
                .data_out = got, .data_size_out = sizeof got, .ctx_in = &ctx,
                .ctx_size_in = sizeof ctx);

    assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(T.bpf->skel->progs.gw_tc), &o), 0);
    return o.retval == TC_ACT_REDIRECT && o.data_size_out == f->len + 40 ? got[W_DST + 15] : 0;
}

/* As when the daemon was killed. */
static void bpf_restart(void)
{
    gw_bpf_close(T.bpf, GW_STOP_LEAVE);
    assert_int_equal(twin_open(), 0);
    assert_true(gw_bpf_adopted(T.bpf));
}

static uint64_t asked_for(void)
{
    const char *n = getenv("GODWIT_PACKETS");

    return n != NULL ? strtoull(n, NULL, 10) : DEFAULT_PACKETS;
}

static void test_native(void **state)
{
    static const struct form form = {native_apply, native_send, native_restart};

    (void)state;
    go(&form, "native", asked_for(), true);
}

static void test_kernel(void **state)
{
    static const struct form form = {bpf_apply, bpf_send, bpf_restart};

    (void)state;
    go(&form, "kernel", asked_for() / 10, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_native),
                                       cmocka_unit_test(test_kernel)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
