/* The prefixes of previous anchors that carry nothing any more go away, everywhere, whatever the
 * network, a move or a crash does meanwhile; those in use stay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

#define IDLE GW_SEC(10)

static struct world *idle_world(size_t maars, uint64_t seed)
{
    struct world *w = w_new(maars, seed);

    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].cfg->mobility.idle_release = IDLE;
    return w;
}

/* At maar 2, with one previous prefix, of maar 1. */
static struct gw_prefix moved_once(struct world *w)
{
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    struct gw_prefix old = w_own(w, 1, 1);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 2);
    return old;
}

static void check_gone(struct world *w, const struct gw_prefix *old, size_t at)
{
    assert_int_equal(w_traces(w, old), 0);
    assert_false(w_busy(w));
    w_check(w, 1, at);
    w_check_all(w);
}

static bool withdrawn(const struct w_seen *n, const struct gw_prefix *p)
{
    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < n->last_ra[i].npio; j++)
            if (gw_prefix_eq(&n->last_ra[i].pio[j].prefix, p))
                return n->last_ra[i].pio[j].valid_s == 0 && n->last_ra[i].pio[j].preferred_s == 0 &&
                       n->last_ra[i].router_lifetime_s == 0;
    return false;
}

static void idle_goes(void **state)
{
    (void)state;
    struct world *w = idle_world(3, 1);
    struct gw_prefix old = moved_once(w);
    struct gw_prefix own = w_own(w, 2, 1);
    unsigned before = w->messages;

    w_run(w, GW_SEC(8)); /* since it moved, not since the last packet before that */
    assert_int_equal(w->messages, before);
    w_check(w, 1, 2);
    w_run(w, GW_SEC(2));
    assert_int_equal(w->messages - before, 4);
    check_gone(w, &old, 2);
    assert_true(withdrawn(&w->seen[2], &old));
    assert_null(w_mn(w, 1, 1));
    assert_int_equal(gw_pools_count(&w->n[1].node->maar.pools), 0);
    assert_int_equal(w_count(w, 2, GW_CNT_IDLE_RELEASED), 1);
    assert_int_equal(w_count(w, 0, GW_CNT_IDLE_RELEASED), 1);
    w_run(w, GW_SEC(300)); /* its own prefix, as idle, stays */
    assert_non_null(w_prefix(w, 2, &own));
    w_check(w, 1, 2);
    w_free(w);
}

static void never(void **state)
{
    (void)state;
    struct world *w = idle_world(2, 2);
    struct gw_prefix old = moved_once(w);

    w->n[2].cfg->mobility.idle_release = (struct gw_time){0};
    w_run(w, GW_SEC(1000));
    assert_int_equal(w_count(w, 2, GW_CNT_IDLE_RELEASED), 0);
    assert_int_equal(w_traces(w, &old), 3);
    w_free(w);
}

/* A prefix in use costs one look per idle-release and refresh, not one per packet. */
static void use_keeps(void **state)
{
    (void)state;
    struct world *w = idle_world(3, 3);
    struct gw_prefix old = moved_once(w);

    w->asked = 0;
    for (int i = 0; i < 100; i++) {
        assert_true(w_packet(w, 2, &old));
        w_run(w, GW_SEC(1));
    }
    assert_in_range(w->asked, 10, 20);
    w_check(w, 1, 2);
    assert_int_equal(w_traces(w, &old), 3);
    w_run(w, GW_SEC(8));
    assert_int_equal(w_traces(w, &old), 3);
    w_run(w, GW_SEC(4));
    check_gone(w, &old, 2);
    w_free(w);
}

/* One previous MAAR too many: which of the two goes, the CMD knows from the last refresh, also
 * after a crash. */
static void evicted_by_use(enum gw_evict how, size_t in_use, size_t gone)
{
    struct world *w = w_new(4, 20 + in_use);
    struct gw_prefix old[3] = {0};

    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].cfg->limits.previous_maars = 2;
    w->n[0].cfg->mobility.evict = how;
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(w_attach(w, i, 1), 0);
        w_run(w, GW_SEC(4));
        if (i < 3)
            old[i] = w_own(w, i, 1);
    }
    for (unsigned s = 0; s < 45; s++) { /* a refresh is among them */
        assert_true(w_packet(w, 3, &old[in_use]));
        w_run(w, GW_SEC(1));
    }
    w_crash(w, 0);
    w_boot(w, 0);
    assert_int_equal(w_attach(w, 4, 1), 0);
    w_run(w, GW_SEC(10));
    w_check(w, 1, 4);
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_PREVIOUS), 1);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
    assert_int_equal(w_traces(w, &old[gone]), 0);
    assert_int_equal(w_traces(w, &old[3 - gone]), 3);
    w_check_all(w);
    w_free(w);
}

static void evicts_idle(void **state)
{
    (void)state;
    evicted_by_use(GW_EVICT_IDLE, 1, 2);
    evicted_by_use(GW_EVICT_IDLE, 2, 1);
    evicted_by_use(GW_EVICT_OLDEST, 1, 1);
    evicted_by_use(GW_EVICT_OLDEST, 2, 1);
}

/* Every message of the release is lost once, each in turn. */
static void lost(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 4; nth++) {
        struct world *w = idle_world(3, 10 + nth);
        struct gw_prefix old = moved_once(w);
        w->lose_nth = w->messages + nth;
        w_run(w, GW_SEC(20));
        check_gone(w, &old, 2);
        w_free(w);
    }
}

/* A network that loses, repeats and reorders, while nodes move and their prefixes fall idle. */
static void noise(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 10; seed++) {
        struct world *w = idle_world(4, 400 + seed);
        size_t at[9] = {0};
        w_noise(w, 15, 15, 30);
        for (unsigned step = 0; step < 40; step++) {
            unsigned mn = 1 + (unsigned)gw_prng_below(&w->prng, 8);
            at[mn] = 1 + gw_prng_below(&w->prng, 4);
            assert_int_equal(w_attach(w, at[mn], mn), 0);
            w_run(w, GW_MSEC(1500));
        }
        w_noise(w, 0, 15, 30);
        w_run(w, GW_SEC(300));
        for (unsigned mn = 1; mn <= 8; mn++) {
            if (at[mn] == 0)
                continue;
            w_check(w, mn, at[mn]);
            assert_int_equal(w_bce(w, mn)->b.nanchors, 1);
        }
        w_check_all(w);
        w_free(w);
    }
}

/* The path was read before the last packet: this is the race that is accepted. The packet after
 * the release is not forwarded, and nothing hangs. */
static void packet_too_late(void **state)
{
    (void)state;
    struct world *w = idle_world(3, 4);
    struct gw_prefix old = moved_once(w);

    w_use_takes(w, GW_MSEC(50));
    while (w->asked == 0)
        w_run(w, GW_MSEC(10));
    assert_true(w_packet(w, 2, &old));
    w_run(w, GW_SEC(1));
    assert_false(w_packet(w, 2, &old));
    check_gone(w, &old, 2);
    w_free(w);
}

/* The node moves `ms` after the use was asked for: between question and answer, between decision,
 * request, release and answers. */
static void moves_meanwhile(void **state)
{
    (void)state;
    for (unsigned ms = 0; ms < 60; ms += 3) {
        struct world *w = idle_world(3, 100 + ms);
        struct gw_prefix old = moved_once(w);
        w_use_takes(w, GW_MSEC(20));
        w_noise(w, 0, 0, 30);
        while (w->asked == 0)
            w_run(w, GW_MSEC(1));
        w_run(w, GW_MSEC(ms));
        assert_int_equal(w_attach(w, 3, 1), 0);
        w_run(w, GW_SEC(5));
        w_check(w, 1, 3); /* with the prefix or without it: they agree */
        w_run(w, GW_SEC(60));
        check_gone(w, &old, 3);
        assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
        w_free(w);
    }
}

/* It goes back to the anchor that is being released. */
static void returns_meanwhile(void **state)
{
    (void)state;
    for (unsigned ms = 0; ms < 60; ms += 3) {
        struct world *w = idle_world(3, 200 + ms);
        (void)moved_once(w);
        w_use_takes(w, GW_MSEC(20));
        while (w->asked == 0)
            w_run(w, GW_MSEC(1));
        w_run(w, GW_MSEC(ms));
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_SEC(5));
        w_check(w, 1, 1);
        w_run(w, GW_SEC(60));
        w_check(w, 1, 1);
        w_check_all(w);
        assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
        w_free(w);
    }
}

/* A node crashes `ms` into a release and comes back, its store kept or (the CMD) lost. */
static void crash(size_t node, bool forget, unsigned ms)
{
    struct world *w = idle_world(3, 300 + ms);
    struct gw_prefix old = moved_once(w);

    while (w->asked == 0)
        w_run(w, GW_MSEC(1));
    w_run(w, GW_MSEC(ms));
    w_crash(w, node);
    if (forget)
        w_forget(w, node);
    w_run(w, GW_MSEC(700));
    w_boot(w, node);
    w_run(w, GW_SEC(120));
    check_gone(w, &old, 2);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
    w_free(w);
}

static void crashes(void **state)
{
    (void)state;
    for (unsigned ms = 0; ms < 20; ms += 2)
        for (size_t node = 0; node <= 2; node++)
            crash(node, false, ms);
}

/* The request comes to a CMD that has lost everything: it learns of the anchor first, else the
 * anchor would keep the prefix for ever. */
static void cmd_without_store(void **state)
{
    (void)state;
    struct world *w = idle_world(3, 5);
    struct gw_prefix old = moved_once(w);

    w_crash(w, 0);
    w_forget(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(12));
    assert_int_equal(w_count(w, 0, GW_CNT_REBUILT), 1);
    w_run(w, GW_SEC(30));
    check_gone(w, &old, 2);
    w_free(w);
}

/* An answer that nobody waits for, and one about a prefix that is unknown. */
static void stale_answers(void **state)
{
    (void)state;
    struct world *w = idle_world(3, 6);
    struct gw_prefix old = moved_once(w);
    struct gw_input in = {.kind = GW_IN_USE, .use = {.prefix = old}};

    assert_int_equal(w_input(w, 2, &in), 0); /* just moved: not idle */
    assert_int_equal(w_input(w, 1, &in), 0); /* not served here */
    in.use.prefix = w_own(w, 2, 1);
    assert_int_equal(w_input(w, 2, &in), 0);
    assert_int_equal(w_input(w, 3, &in), GW_ENOENT);
    w_check(w, 1, 2);
    assert_int_equal(w_input(w, 0, &in), GW_EINVAL); /* no MAAR */
    w_free(w);
}

/* Only the serving MAAR may; a previous one is told who serves, a stranger to the node nothing. */
static int ask_release(struct world *w, size_t from, const struct gw_prefix *p)
{
    uint8_t buf[6];
    struct gw_mh m = {.type = GW_MH_BU, .bu = {.seq = 77, .flags = GW_BU_A | GW_BU_P | GW_BU_D}};
    struct gw_mnid id = w_mnid(1, buf);
    struct gw_lladdr ll = w_station(1).lladdr;

    assert_true(gw_lm_add_mnid(&m, &id) && gw_lm_add_prefix(&m, GW_OPT_HNP, p) &&
                gw_lm_add_code(&m, GW_OPT_HI, GW_HI_REREGISTRATION) &&
                gw_lm_add_code(&m, GW_OPT_ATT, 3) && gw_lm_add_lladdr(&m, GW_OPT_MN_LLID, &ll) &&
                gw_lm_add_u64(&m, GW_OPT_TIMESTAMP, w_bce(w, 1)->b.attached));
    m.opt[m.nopts++] =
        (struct gw_opt){.type = GW_OPT_MESGID, .u64 = gw_ntp_time(w_now(w).wall_ns) + from};
    return w_inject(w, from, 0, &m, NULL);
}

static void who_may(void **state)
{
    (void)state;
    struct world *w = idle_world(4, 7);
    struct gw_prefix first = moved_once(w);
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(1));

    assert_int_equal(ask_release(w, 4, &first), GW_EDENIED);
    assert_int_equal(ask_release(w, 2, &first), 0);
    w_run(w, GW_SEC(4));
    w_check(w, 1, 3);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
    w_free(w);
}

/* Memory runs out at every allocation of a release in turn. */
static void without_memory(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 12; nth++) {
        struct world *w = idle_world(3, 8);
        struct gw_prefix old = moved_once(w);
        w_run(w, GW_SEC(8));
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 1;
        w_run(w, GW_SEC(60));
        w->sim->memory.fail_at = 0;
        w_run(w, GW_SEC(60));
        check_gone(w, &old, 2);
        w_free(w);
    }
}

/* 100 moves among six MAARs with one connection that lives through all of them. */
static void hundred_moves(void **state)
{
    (void)state;
    struct world *w = idle_world(6, 9);
    size_t at = 1;

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    struct gw_prefix live = w_own(w, 1, 1);
    for (int i = 0; i < 100; i++) {
        at = at % 6 + 1;
        assert_int_equal(w_attach(w, at, 1), 0);
        for (int s = 0; s < 15; s++) {
            w_run(w, GW_SEC(1));
            assert_true(w_packet(w, at, &live));
        }
        w_check(w, 1, at);
        assert_int_equal(w_bce(w, 1)->b.nanchors, at == 1 ? 1 : 2);
        size_t taken = 0, entries = 0;
        for (size_t n = 1; n < w->nnodes; n++) {
            taken += gw_pools_count(&w->n[n].node->maar.pools);
            entries += w_prefixes(w, n);
        }
        assert_int_equal(taken, at == 1 ? 1 : 2);   /* the live one and the current one */
        assert_int_equal(entries, at == 1 ? 1 : 3); /* at two MAARs and at one */
    }
    w_run(w, GW_SEC(30));
    check_gone(w, &live, at);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_goes),       cmocka_unit_test(never),
        cmocka_unit_test(use_keeps),       cmocka_unit_test(lost),
        cmocka_unit_test(noise),           cmocka_unit_test(packet_too_late),
        cmocka_unit_test(moves_meanwhile), cmocka_unit_test(returns_meanwhile),
        cmocka_unit_test(crashes),         cmocka_unit_test(cmd_without_store),
        cmocka_unit_test(stale_answers),   cmocka_unit_test(who_may),
        cmocka_unit_test(without_memory),  cmocka_unit_test(hundred_moves),
        cmocka_unit_test(evicts_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
