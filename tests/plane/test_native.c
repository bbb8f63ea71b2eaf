/* test_native.c: the native build where memory is short and where a frame leaves no room; no root
 * needed. What it does with frames otherwise is test_path.c's business.
 */
#include <linux/bpf.h>
#include <stdlib.h>

#include "test.h"

#include "base/err.h"
#include "base/text.h"
#include "plane/native.h"

enum { AP = 3, CORE = 4, PREFIXES = 40, INTENTS = PREFIXES + 2, HUGE_LEN = 14 + 40 + 65520 };

#define ME    "2001:db8:f::1"
#define PEER  "2001:db8:f::2"
#define WORLD "2001:db8:5::2"

static const uint8_t station[6] = {2, 0, 0, 0, 0, 0xaa};

/* The C library's allocator that counts and, from the nth call on, fails `failing` times. */
struct ration {
    unsigned calls, nth, failing;
    size_t held;
};

static void *ration_resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct ration *r = user;

    if (size > 0) {
        r->calls++;
        if (r->calls >= r->nth && r->calls - r->nth < r->failing)
            return NULL;
    }
    r->held += size - (ptr ? old_size : 0);
    return gw_alloc_libc.resize(gw_alloc_libc.user, ptr, old_size, size);
}

static struct gw_addr addr(const char *text)
{
    struct gw_addr a;

    assert_int_equal(gw_parse_addr(text, &a), 0);
    return a;
}

static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    (void)user;
    (void)dst;
    (void)len;
    hop->ifindex = CORE;
    return BPF_FIB_LKUP_RET_SUCCESS;
}

static struct gw_native *make(const struct gw_alloc *al)
{
    static const struct gw_native_ops ops = {.route = route};
    const struct gw_native_if ifs[] = {{AP, 1500, GW_T_ACCESS}, {CORE, 1500, GW_T_CORE}};

    return gw_native_new(
        &(struct gw_native_conf){.addr = addr(ME), .nifs = 2, .ifs = ifs, .seed = 1}, &ops, NULL,
        al);
}

/* A peer, a station, and prefixes of the station that are served for the peer, /64s and /80s. */
static struct gw_intent intent(unsigned i)
{
    struct gw_station_key key = {.iface = 0, .lladdr = {.len = 6}};
    struct gw_addr base = addr("2001:db8:a000::10");

    memcpy(key.lladdr.b, station, 6);
    if (i == 0)
        return (struct gw_intent){.kind = GW_INTENT_PEER_SET,
                                  .peer = {.addr = addr(PEER), .mtu = 1500}};
    if (i == 1)
        return (struct gw_intent){.kind = GW_INTENT_STATION_SET, .station = {.key = key}};
    base.b[7] = (uint8_t)i;
    return (struct gw_intent){.kind = GW_INTENT_PREFIX_SET,
                              .prefix = {.prefix = gw_prefix_mask(base, i % 2 ? 64 : 80),
                                         .kind = GW_PFX_SERVED,
                                         .peer = addr(PEER),
                                         .station = key,
                                         .dlif = key.lladdr}};
}

/* From the station, with prefix i's source. payload: octets of UDP. */
static void write_frame(uint8_t *at, unsigned i, size_t payload)
{
    struct gw_addr src = addr("2001:db8:a000::10"), dst = addr(WORLD);

    src.b[7] = (uint8_t)i;
    memset(at, 0, 14 + 40);
    memcpy(at + 6, station, 6);
    at[12] = 0x86;
    at[13] = 0xdd;
    at[14] = 0x60;
    at[18] = (uint8_t)(payload >> 8);
    at[19] = (uint8_t)payload;
    at[20] = 17;
    at[21] = 64;
    memcpy(at + 22, &src, 16);
    memcpy(at + 38, &dst, 16);
}

static enum gw_reason send(struct gw_native *n, unsigned i)
{
    uint8_t buf[40 + 14 + 40 + 20] = {0};
    struct gw_native_frame f = {.data = buf + 40, .len = sizeof buf - 40, .headroom = 40};

    write_frame(f.data, i, 20);
    return gw_native_packet(n, AP, &f, GW_SEC(1)).reason;
}

/* Applies all. What there was no memory for is not there, and does not harm what is; then again. */
static void fill_twice(struct gw_native *n)
{
    int got[INTENTS];

    for (unsigned i = 0; i < INTENTS; i++) {
        struct gw_intent in = intent(i);
        got[i] = gw_native_apply(n, &in);
        assert_true(got[i] == GW_OK || got[i] == GW_ENOMEM);
    }
    for (unsigned i = 2; i < INTENTS && got[0] == GW_OK && got[1] == GW_OK; i++)
        assert_int_equal(send(n, i), got[i] ? GW_R_FOREIGN_SOURCE : GW_R_TUNNELLED);
    for (unsigned i = 0; i < INTENTS; i++) {
        struct gw_intent in = intent(i);
        assert_int_equal(gw_native_apply(n, &in), GW_OK);
    }
    for (unsigned i = 2; i < INTENTS; i++)
        assert_int_equal(send(n, i), GW_R_TUNNELLED);
}

/* Returns how many allocations it took; refused: gw_native_new was. */
static unsigned try_with(struct ration *r, bool *refused)
{
    struct gw_alloc al = {ration_resize, r};
    struct gw_native *n = make(&al);

    *refused = n == NULL;
    if (n)
        fill_twice(n);
    gw_native_free(n);
    assert_int_equal(r->held, 0);
    return r->calls;
}

static void test_each_allocation_fails(void **state)
{
    bool now;
    unsigned refused = 0, calls = try_with(&(struct ration){.failing = 0}, &now);

    (void)state;
    assert_true(calls > INTENTS); /* every entry is one, and tables grow */
    for (unsigned nth = 1; nth <= calls; nth++) {
        try_with(&(struct ration){.nth = nth, .failing = 1}, &now);
        refused += now;
    }
    assert_int_equal(refused, 3); /* itself and its two lists of interfaces */
}

/* Memory runs out and comes back; what was set before is deleted meanwhile. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    for (unsigned nth = 4; nth < 60; nth += 5) {
        struct ration r = {.nth = nth, .failing = 1000};
        struct gw_alloc al = {ration_resize, &r};
        struct gw_native *n = make(&al);
        assert_non_null(n);
        for (unsigned i = 0; i < INTENTS; i++) {
            struct gw_intent in = intent(i);
            gw_native_apply(n, &in);
        }
        for (unsigned i = 2; i < INTENTS; i += 2) {
            struct gw_intent in = intent(i);
            in.kind = GW_INTENT_PREFIX_DEL;
            assert_int_equal(gw_native_apply(n, &in), GW_OK);
        }
        assert_int_not_equal(send(n, 2), GW_R_TUNNELLED);
        r.failing = 0;
        fill_twice(n);
        gw_native_restart(n);
        assert_int_equal(gw_native_apply(n, &(struct gw_intent){.kind = GW_INTENT_SYNC}), GW_OK);
        assert_int_equal(send(n, 3), GW_R_UNKNOWN_STATION);
        gw_native_free(n);
        assert_int_equal(r.held, 0);
    }
}

static void test_no_room(void **state)
{
    struct gw_native *n = make(&gw_alloc_libc);
    uint8_t *buf = calloc(1, HUGE_LEN + 40);
    struct gw_native_frame f = {.data = buf + 40, .len = 14 + 40 + 20, .headroom = 39};

    (void)state;
    assert_non_null(n);
    assert_non_null(buf);
    fill_twice(n);
    write_frame(f.data, 3, 20);
    assert_int_equal(gw_native_packet(n, AP, &f, GW_SEC(1)).reason, GW_R_NO_ROOM);
    assert_ptr_equal(f.data, buf + 40); /* as it was */
    assert_int_equal(f.data[21], 64);
    /* a GSO packet longer than the length field of an outer header can say */
    f = (struct gw_native_frame){
        .data = buf + 40, .len = HUGE_LEN, .headroom = 40, .gso_size = 1400};
    write_frame(f.data, 3, 65520);
    assert_int_equal(gw_native_packet(n, AP, &f, GW_SEC(1)).reason, GW_R_NO_ROOM);
    f.len -= 40;
    write_frame(f.data, 3, 65480);
    assert_int_equal(gw_native_packet(n, AP, &f, GW_SEC(1)).reason, GW_R_TUNNELLED);
    free(buf);
    gw_native_free(n);
}

/* As the maps' (tests/plane/test_path.c). */
static void test_path_mtu_is_lowered_and_comes_back(void **state)
{
    struct gw_native *n = make(&gw_alloc_libc);
    const struct gw_addr peer = addr(PEER), nobody = addr(WORLD);
    struct gw_intent set = intent(0);

    (void)state;
    assert_int_equal(gw_native_apply(n, &set), 0);
    assert_int_equal(gw_native_lower_peer_mtu(n, &peer, 1279, GW_SEC(1)), GW_EINVAL);
    assert_int_equal(gw_native_lower_peer_mtu(n, &nobody, 1400, GW_SEC(1)), GW_ENOENT);
    assert_int_equal(gw_native_lower_peer_mtu(n, &peer, 1400, GW_SEC(1)), 1);
    assert_int_equal(gw_native_lower_peer_mtu(n, &peer, 1450, GW_SEC(1)), 0);
    gw_native_expire(n, GW_SEC(600)); /* not yet */
    assert_int_equal(gw_native_lower_peer_mtu(n, &peer, 1450, GW_SEC(600)), 0);
    gw_native_expire(n, GW_SEC(601));
    assert_int_equal(gw_native_lower_peer_mtu(n, &peer, 1450, GW_SEC(601)), 1);
    assert_int_equal(gw_native_counter(n, GW_R_PEER_MTU).packets, 2);
    gw_native_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_path_mtu_is_lowered_and_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
