/* The path selector's rule in the kernel (BPF test-run of steer.bpf.c) and over arrays
 * (plane/steer.h): the same tables and inputs, so the same choice, reason, scores and counts. That
 * the program loads at all says that the verifier accepts the rule. */
#include "test.h"

#include <string.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "gw_steer.skel.h"
#include "steer_set.h"

enum { TABLES = 150, CHOICES = 12, BASE = 100 };

static struct steer_set S;
static struct {
    struct gw_steer *skel;
    uint32_t reasons[GW_STEER_REASON_COUNT];
} T;

static uint32_t below(uint32_t n)
{
    return (uint32_t)gw_prng_below(&S.prng, n);
}

/* Mostly what is usual, now and then anything. */
static uint32_t value(uint32_t usual)
{
    return below(40) == 0 ? (uint32_t)gw_prng_u64(&S.prng) : below(usual);
}

static void draw_candidate(uint32_t i, uint64_t now)
{
    uint32_t bad = below(10);

    S.candidate[i] = (struct gw_t_candidate){
        .reported_ns = below(20) == 0 ? 0 : now + 50000000 - gw_prng_below(&S.prng, 1ull << 31),
        .state = bad == 0 ? below(4) : GW_STEER_UP,
        .path_us = value(20000),
        .service_us = value(1000000),
        .load = value(40 * GW_STEER_FLOW),
        .own_then = value(10),
        .slots = value(20),
        .errors = bad == 1 ? below(1025) : below(50),
        .weight = below(1000),
        .csci_id.w = {i, i, i, i},
    };
    S.use[i] = (struct gw_t_candidate_use){.own = value(10), .chosen = value(100)};
}

static uint64_t draw_tables(enum gw_steer_policy policy)
{
    static const uint32_t counts[] = {0, 1, 2, 3, 7, 8, 9, 24, 100, 255, 256};
    uint64_t now = (1ull << 33) + gw_prng_below(&S.prng, 1ull << 40);

    S.service = (struct gw_t_service){.policy = policy,
                                      .base = BASE,
                                      .count = counts[below(sizeof counts / sizeof *counts)],
                                      .width = value(10),
                                      .hot = value(2 * GW_STEER_FULL),
                                      .max_age_ms = value(3000),
                                      .settle_ms = value(1000),
                                      .blur = value(GW_STEER_FULL),
                                      .others = value(GW_STEER_FULL),
                                      .typical_us = value(1000000),
                                      .lasting = value(GW_STEER_FULL),
                                      .error_limit = value(100)};
    S.service_use.turn = gw_prng_u64(&S.prng);
    for (uint32_t i = 0; i < S.service.count; i++)
        draw_candidate(i, now);
    return now;
}

static void put(const struct bpf_map *map, uint32_t at, const void *v)
{
    assert_int_equal(bpf_map_update_elem(bpf_map__fd(map), &at, v, BPF_ANY), 0);
}

static void put_tables(void)
{
    put(T.skel->maps.services, 0, &S.service);
    put(T.skel->maps.service_use, 0, &S.service_use);
    for (uint32_t i = 0; i < S.service.count; i++) {
        put(T.skel->maps.candidates, BASE + i, &S.candidate[i]);
        put(T.skel->maps.candidate_use, BASE + i, &S.use[i]);
    }
    if (S.service.policy == GW_STEER_HASH)
        for (uint32_t i = 0; i < GW_STEER_RING; i++)
            put(T.skel->maps.ring, i, &S.ring[i]);
}

/* What the kernel chose; false: nobody. */
static bool kernel(const struct gw_steer_in *in, struct gw_t_answer *a)
{
    uint8_t packet[64] = {0};
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof packet);
    uint32_t zero = 0;

    put(T.skel->maps.inputs, 0, in);
    put(T.skel->maps.answers, 0, a);
    assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(T.skel->progs.choose), &opts), 0);
    assert_true(opts.retval == TC_ACT_OK || opts.retval == TC_ACT_SHOT);
    assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(T.skel->maps.answers), &zero, a), 0);
    return opts.retval == TC_ACT_OK;
}

static void same_choice(uint64_t now)
{
    struct gw_steer_tables t = steer_tables(&S);
    struct gw_steer_in d = steer_flow(&S, now);
    struct gw_t_answer there = {0}, here = {0};

    bool found = gw_steer_choose(&t, &d, &here);
    assert_int_equal(kernel(&d, &there), found);
    assert_memory_equal(&there, &here, sizeof here);
    assert_true(here.reason < GW_STEER_REASON_COUNT);
    T.reasons[here.reason]++;
    if (!found)
        return;
    gw_steer_begin_flow(&S.use[here.index]);
    struct gw_t_candidate_use u;
    uint32_t at = BASE + here.index;
    assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(T.skel->maps.candidate_use), &at, &u), 0);
    assert_memory_equal(&u, &S.use[here.index], sizeof u);
}

static void kernel_and_arrays_choose_alike(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < TABLES; n++) {
        uint64_t now = draw_tables((enum gw_steer_policy)(n % (GW_STEER_POLICY_COUNT + 1)));
        steer_compute(&S);
        put_tables();
        for (int k = 0; k < CHOICES; k++)
            same_choice(now + (uint64_t)k * 1000000);
        struct gw_t_service_use u;
        uint32_t zero = 0;
        assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(T.skel->maps.service_use), &zero, &u), 0);
        assert_int_equal(u.turn, S.service_use.turn);
    }
    for (int r = 0; r < GW_STEER_TOLD; r++) /* nothing was left untried */
        assert_true(T.reasons[r] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kernel_and_arrays_choose_alike)};

    gw_prng_seed(&S.prng, 8);
    T.skel = gw_steer__open_and_load();
    if (T.skel == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_steer__destroy(T.skel);
    return failed;
}
