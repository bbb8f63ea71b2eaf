/* What the network and the machines do to a domain: every message lost once, duplicates,
 * reordering, crashes of every node at every moment, an allocator that fails at every call. Each
 * time the domain has to end where it would have without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

/* 1 → 2 → 3 → 1, then away. In locator mode each of the three handovers has as many messages more
 * as there are previous MAARs, less the CMD's answer. */
static unsigned journey_messages(void)
{
    return w_mobility.cmd_mode == GW_CMD_LOCATOR ? 24 + (1 + 2 + 2) - 3 : 24;
}

static void journey(struct world *w)
{
    static const size_t stops[] = {1, 2, 3, 1};

    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        (void)w_attach(w, stops[i], 1);
        w_run(w, GW_SEC(6));
        w_check(w, 1, stops[i]);
    }
    assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
    assert_int_equal(w_detach(w, 1, 1), 0);
    w_run(w, GW_SEC(10));
    w_check_gone(w, 1);
    w_check_all(w);
}

static void each_lost(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= journey_messages() + 1; k++) {
        struct world *w = w_new(3, k);
        uint64_t resent = 0;
        w->lose_nth = k;
        journey(w);
        for (size_t i = 0; i < w->nnodes; i++)
            resent += w_count(w, i, GW_CNT_RETRANSMIT);
        if (w_mobility.cmd_mode == GW_CMD_LOCATOR) /* a refresh makes a lost copy good */
            assert_true(resent <= 2); /* the CMD, and a serving MAAR that nobody answered */
        else
            assert_int_equal(resent, k <= journey_messages());
        w_free(w);
    }
}

/* A message for which each byte of the exchange is sent twice: no duplicate has an effect. */
static void duplicates(void **state)
{
    (void)state;
    struct world *w = w_new(3, 1);
    uint64_t replays = 0;

    w_noise(w, 0, 100, 0);
    journey(w);
    assert_int_equal(w->messages, journey_messages());
    for (size_t i = 0; i < w->nnodes; i++)
        replays += w_count(w, i, GW_CNT_REPLAY);
    assert_int_equal(replays, journey_messages());
    w_free(w);
}

/* Several nodes move at random through a bad network; then it heals, and everything is right. */
static void bad_network(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world *w = w_new(5, seed);
        size_t at[8] = {0};
        w_noise(w, 15, 10, 40);
        for (unsigned step = 0; step < 60; step++) {
            unsigned mn = (unsigned)gw_prng_below(&w->prng, 8);
            size_t to = 1 + (size_t)gw_prng_below(&w->prng, 5);
            if (gw_prng_below(&w->prng, 8) == 0 && at[mn] != 0) {
                (void)w_detach(w, at[mn], mn);
                to = 0;
            } else {
                (void)w_attach(w, to, mn);
            }
            at[mn] = to;
            w_run(w, (struct gw_time){(int64_t)gw_prng_below(&w->prng, 400000000)});
        }
        w_noise(w, 0, 0, 0);
        w_run(w, GW_SEC(240));
        for (unsigned i = 0; i < 20 && w_busy(w); i++)
            w_run(w, GW_MSEC(50)); /* a refresh may be under way just now */
        for (unsigned mn = 0; mn < 8; mn++) {
            if (at[mn] == 0)
                w_check_gone(w, mn);
            else
                w_check(w, mn, at[mn]);
        }
        w_check_all(w);
        w_free(w);
    }
}

/* One node is killed after so many messages of the journey's second move and started again. The
 * station's next frame shows the MAAR that lost a temporary BCE that it is there. */
static void crash(size_t victim, unsigned after, int64_t down_s)
{
    struct world *w = w_new(3, after);
    unsigned seen;

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(2));
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(2));
    seen = w->messages;
    (void)w_attach(w, 3, 1);
    for (unsigned i = 0; i < 2000 && w->messages - seen < after; i++)
        w_run(w, (struct gw_time){100000});
    w_crash(w, victim);
    w_run(w, GW_SEC(down_s));
    w_boot(w, victim);
    (void)w_attach(w, 3, 1);
    w_run(w, GW_SEC(70));
    w_check(w, 1, 3);
    w_check_all(w);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
    (void)w_detach(w, 3, 1);
    w_run(w, GW_SEC(45));
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

static void crashes(void **state)
{
    (void)state;
    for (size_t victim = 0; victim <= 3; victim++)
        for (unsigned after = 0; after <= 6; after++) {
            crash(victim, after, 0);
            crash(victim, after, 3);
        }
}

/* Everything at once: all daemons die and come back; prefixes are as they were. */
static void power_cut(void **state)
{
    (void)state;
    struct world *w = w_new(3, 9);

    for (unsigned mn = 1; mn <= 5; mn++) {
        (void)w_attach(w, 1, mn);
        (void)w_attach(w, 1 + mn % 3, mn);
        w_run(w, GW_SEC(1));
    }
    struct gw_prefix p = w_own(w, 2, 1);
    for (size_t i = 0; i < w->nnodes; i++)
        w_crash(w, i);
    w_run(w, GW_SEC(10));
    for (size_t i = 0; i < w->nnodes; i++)
        w_boot(w, i);
    w_run(w, GW_SEC(10));
    for (unsigned mn = 1; mn <= 5; mn++)
        w_check(w, mn, 1 + mn % 3);
    struct gw_prefix q = w_own(w, 2, 1);
    assert_true(gw_prefix_eq(&p, &q));
    w_check_all(w);
    w_free(w);
}

/* A CMD that comes back with nothing learns the binding from the next refresh. */
static void amnesic_cmd(void **state)
{
    (void)state;
    struct world *w = w_new(3, 10);

    for (size_t i = 1; i <= 3; i++) {
        (void)w_attach(w, i, 1);
        w_run(w, GW_SEC(1));
    }
    struct gw_prefix p1 = w_own(w, 1, 1);
    w_crash(w, 0);
    w_forget(w, 0);
    w_boot(w, 0);
    assert_null(w_bce(w, 1));
    w_run(w, GW_SEC(50));
    w_check(w, 1, 3);
    assert_int_equal(w_count(w, 0, GW_CNT_REBUILT), 1);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
    assert_int_equal(w_prefix(w, 1, &p1)->kind, GW_PFX_MOVED);
    w_check_all(w);
    w_free(w);
}

/* A MAAR that comes back with nothing is told by the CMD which prefix it gave the node before,
 * and, as a previous MAAR, takes it back when it is told where the node went. */
static void amnesic_maar(void **state)
{
    (void)state;
    struct world *w = w_new(2, 11);

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix p1 = w_own(w, 1, 1);
    w_crash(w, 1);
    w_forget(w, 1);
    w_boot(w, 1);
    (void)w_attach(w, 1, 2); /* somebody else comes first */
    w_run(w, GW_SEC(1));
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix q = w_own(w, 1, 1);
    assert_true(gw_prefix_eq(&p1, &q));
    w_check(w, 1, 1);
    w_check(w, 2, 1);
    w_crash(w, 1);
    w_forget(w, 1);
    w_boot(w, 1);
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 2);
    assert_int_equal(w_prefix(w, 1, &p1)->kind, GW_PFX_MOVED);
    w_free(w);
}

/* A CMD that is away for longer than a lifetime: stations go on being served. */
static void long_absence(void **state)
{
    (void)state;
    struct world *w = w_new(2, 12);

    (void)w_attach(w, 1, 1);
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    w_crash(w, 0);
    w_run(w, GW_SEC(300));
    assert_true(w_has_station(w, 2, 1));
    w_boot(w, 0);
    w_run(w, GW_SEC(40));
    w_check(w, 1, 2);
    w_check_all(w);
    w_free(w);
}

/* The packet path refuses: the previous MAAR says so, and the CMD goes on asking. */
static void plane_fails(void **state)
{
    (void)state;
    struct world *w = w_new(2, 13);

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    w_plane_refuses(w, true);
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(4));
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    assert_true(w_count(w, 1, GW_CNT_PLANE_FAILED) > 1);
    assert_true(w_count(w, 0, GW_CNT_REFUSED_BY_PEER) > 1);
    w_plane_refuses(w, false);
    w_run(w, GW_SEC(10));
    assert_int_equal(w_bce(w, 1)->b.anchors->state, GW_ANCHOR_SETTLED);
    assert_int_equal(w_bce(w, 1)->b.anchors->next->state, GW_ANCHOR_SETTLED);
    w_run(w, GW_SEC(35)); /* the serving MAAR's own path has it at the next refresh */
    w_check(w, 1, 2);
    w_free(w);
}

/* The nth allocation, and some after it, fail in any node; afterwards there is memory again. */
static void no_memory(void **state)
{
    (void)state;
    unsigned failed = 0;

    for (uint64_t nth = 1; nth < 60; nth++) {
        for (uint64_t many = 1; many <= 4; many += 3) {
            struct world *w = w_new(3, nth);
            (void)w_attach(w, 1, 1);
            w_run(w, GW_SEC(1));
            w->sim->memory.fail_at = w->sim->memory.count + nth;
            w->sim->memory.fail_for = many;
            (void)w_attach(w, 2, 1);
            w_run(w, GW_SEC(2));
            (void)w_attach(w, 3, 1);
            w_run(w, GW_SEC(2));
            failed += w->sim->memory.count >= w->sim->memory.fail_at;
            w->sim->memory.fail_at = 0;
            (void)w_attach(w, 3, 1); /* the next frame */
            w_run(w, GW_SEC(120));
            w_check(w, 1, 3);
            (void)w_detach(w, 3, 1);
            w_run(w, GW_SEC(120));
            w_check_gone(w, 1);
            w_check_all(w);
            w_free(w);
        }
    }
    assert_true(failed > 20);
}

/* A node is made completely or not at all. */
static void no_memory_at_start(void **state)
{
    (void)state;
    struct world *w = w_new(1, 1);
    unsigned refused = 0;

    w_crash(w, 1);
    for (uint64_t nth = 1; nth < 40; nth++) {
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 1;
        w_boot(w, 1);
        refused += w->n[1].node == NULL;
        if (w->n[1].node != NULL)
            w_crash(w, 1);
    }
    w->sim->memory.fail_at = 0;
    assert_true(refused > 3);
    w_boot(w, 1);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 1);
    w_free(w);
}

/* Policies that change, a packet path that refuses, and daemons that die, while nodes move. */
static void disturb(struct world *w, bool down[static 5])
{
    static struct gw_cfg_policy rule[] = {
        {.match = GW_MATCH_ANY, .allow = false},
        {.match = GW_MATCH_ANY, .allow = true, .anchoring = GW_ANCHORING_HERE}};
    size_t v = (size_t)gw_prng_below(&w->prng, 5);

    switch (gw_prng_below(&w->prng, 12)) {
    case 0:
        (down[v] ? w_boot : w_crash)(w, v);
        down[v] = !down[v];
        break;
    case 1:
        w->n[v].cfg->policy = &rule[gw_prng_below(&w->prng, 2)];
        w->n[v].cfg->npolicy = 1;
        if (down[v])
            break;
        assert_int_equal(gw_node_reload(w->n[v].node, w->n[v].cfg, NULL, NULL, w_now(w)), 0);
        w_drain(w, v);
        break;
    case 2:
        w_plane_refuses(w, !w->n[0].plane_full);
        break;
    default:
        break;
    }
}

static void heal(struct world *w, const bool down[static 5], const size_t at[static 8])
{
    static struct gw_cfg_policy all = {
        .match = GW_MATCH_ANY, .allow = true, .anchoring = GW_ANCHORING_HERE};

    w_noise(w, 0, 0, 0);
    w_plane_refuses(w, false);
    for (size_t v = 0; v < 5; v++) {
        w->n[v].cfg->policy = &all;
        w->n[v].cfg->npolicy = 1;
        if (down[v])
            w_boot(w, v);
    }
    w_run(w, GW_SEC(2));
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned mn = 0; mn < 8; mn++)
            if (at[mn] != 0 && !w_has_station(w, at[mn], mn))
                (void)w_attach(w, at[mn], mn); /* its next frame */
        w_run(w, GW_SEC(60));
    }
    for (unsigned i = 0; i < 20 && w_busy(w); i++)
        w_run(w, GW_MSEC(50));
}

static void refusals(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = w_new(4, seed);
        bool down[5] = {false};
        size_t at[8] = {0};
        w_noise(w, 15, 10, 40);
        for (unsigned step = 0; step < 80; step++) {
            disturb(w, down);
            unsigned mn = (unsigned)gw_prng_below(&w->prng, 8);
            if (at[mn] != 0 && !down[at[mn]] && gw_prng_below(&w->prng, 4) == 0) {
                (void)w_detach(w, at[mn],
                               mn); /* and comes back elsewhere, soon or after the guard */
                w_run(w, (struct gw_time){(int64_t)gw_prng_below(&w->prng, 4000000000)});
            }
            at[mn] = 1 + (size_t)gw_prng_below(&w->prng, 4);
            w_place(w, mn, at[mn]);
            if (!down[at[mn]])
                (void)w_attach(w, at[mn], mn);
            w_run(w, (struct gw_time){(int64_t)gw_prng_below(&w->prng, 400000000)});
        }
        heal(w, down, at);
        for (unsigned mn = 0; mn < 8; mn++)
            if (at[mn] != 0)
                w_check(w, mn, at[mn]);
        w_check_all(w);
        w_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lost),          cmocka_unit_test(duplicates),
        cmocka_unit_test(bad_network),        cmocka_unit_test(crashes),
        cmocka_unit_test(power_cut),          cmocka_unit_test(amnesic_cmd),
        cmocka_unit_test(amnesic_maar),       cmocka_unit_test(long_absence),
        cmocka_unit_test(plane_fails),        cmocka_unit_test(no_memory),
        cmocka_unit_test(no_memory_at_start), cmocka_unit_test(refusals),
    };
    static const enum gw_cmd_mode modes[] = {GW_CMD_PROXY, GW_CMD_RELAY, GW_CMD_LOCATOR};
    int failed = 0;

    w_mobility.relay_timeout = GW_MSEC(500);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        w_mobility.cmd_mode = modes[i];
        w_mobility.dereg = modes[i] == GW_CMD_RELAY ? GW_DEREG_ASK : GW_DEREG_STOP_TIMER;
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}
