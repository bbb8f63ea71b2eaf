/* What is said too late, or was never heard: notices that come after what they speak of is over,
 * attachments that the CMD has not been told of, and prefixes that were given back and are asked
 * for again. Random schedules of the same are in test_faults.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static size_t lost_from, lost_to; /* messages of this way are lost */

static int lose_way(struct world *w, struct sim_message *e)
{
    return gw_addr_eq(&e->addrs->src, &w->n[lost_from].cfg->addr) &&
           gw_addr_eq(&e->addrs->dst, &w->n[lost_to].cfg->addr);
}

static void lose(struct world *w, size_t from, size_t to)
{
    lost_from = from;
    lost_to = to;
    w->tap = lose_way;
}

/* Nobody may take a prefix that a host still has an address of, and a host has room for 16: who
 * comes back after everything was given back gets the prefix it had. */
static void back_to_its_prefix(void **state)
{
    (void)state;
    struct world *w = w_new(2, 1);
    struct gw_prefix p[3];

    for (unsigned round = 0; round < 5; round++)
        for (size_t i = 1; i <= 2; i++) {
            assert_int_equal(w_attach(w, i, 1), 0);
            assert_int_equal(w_attach(w, i, 100 + round), 0); /* and others come and go */
            w_run(w, GW_SEC(1));
            struct gw_prefix own = w_own(w, i, 1);
            if (round == 0)
                p[i] = own;
            assert_true(gw_prefix_eq(&own, &p[i]));
            (void)w_detach(w, i, 1);
            w_run(w, GW_SEC(20));
            w_check_gone(w, 1);
            assert_null(w_prefix(w, i, &own));
        }
    w_free(w);
}

/* A MAAR has crashed before an attachment was durable; the CMD had it. The node comes again, gets
 * the prefix of then, and the CMD refuses: the prefix is still an anchor, as the CMD believes. */
static void refused_with_a_forgotten_anchor(void **state)
{
    (void)state;
    static struct gw_cfg_policy nobody = {.match = GW_MATCH_ANY, .allow = false};
    struct world *w = w_new(2, 2);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    struct gw_prefix p1 = w_own(w, 1, 1);
    w_crash(w, 1);
    w_forget(w, 1);
    assert_int_equal(w_attach(w, 2, 1), 0); /* of which the CMD tells MAAR 1 again and again */
    w_run(w, GW_MSEC(1500));
    w->n[1].cfg->timers.initial_ack = GW_SEC(10);
    w->n[1].pool.prefix = p1; /* all that it has to give */
    w_boot(w, 1);
    lose(w, 1, 0);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w->tap = NULL;
    struct gw_prefix again = w_own(w, 1, 1);
    assert_true(gw_prefix_eq(&again, &p1));
    w_run(w, GW_SEC(2));
    assert_int_equal(w_count(w, 1, GW_CNT_STALE), 1);
    w->n[0].cfg->policy = &nobody;
    w_run(w, GW_SEC(10));
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_BY_PEER), 1);
    w->n[0].cfg->policy = &w->n[0].policy;
    w_run(w, GW_SEC(20));
    w_check(w, 1, 2);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    w_check_all(w);
    w_free(w);
}

/* The node went to MAAR 2 and came back, and MAAR 1 has heard of neither: it served all along. When
 * MAAR 2 ends the session, the CMD releases the prefix that the node is using here. */
static void released_where_it_is(void **state)
{
    (void)state;
    for (int gone = 0; gone < 2; gone++) { /* and, again, it has just left here too */
        struct world *w = w_new(3, 3);
        assert_int_equal(w_attach(w, 3, 1), 0);
        w_run(w, GW_SEC(1));
        struct gw_prefix p3 = w_own(w, 3, 1);
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_SEC(1));
        struct gw_prefix p1 = w_own(w, 1, 1);
        lose(w, 0, 1);
        assert_int_equal(w_attach(w, 2, 1), 0);
        w_run(w, GW_MSEC(100));
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_MSEC(100));
        assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_SERVING);
        (void)w_detach(w, 2, 1);
        w_place(w, 1, 1);
        w_run(w, GW_SEC(7));
        assert_true(gw_addr_is_zero(&w_bce(w, 1)->b.serving));
        if (gone)
            (void)w_detach(w, 1, 1);
        w->tap = NULL;
        for (int i = 0; i < 200; i++) { /* served all the time */
            w_run(w, GW_MSEC(20));
            const struct gw_t_prefix *own = w_prefix(w, 1, &p1);
            assert_true(gone ||
                        (w_has_station(w, 1, 1) && own != NULL && own->kind == GW_PFX_LOCAL));
        }
        w_run(w, GW_SEC(20));
        if (gone) {
            w_check_gone(w, 1);
        } else {
            w_check(w, 1, 1);
            struct gw_prefix own = w_own(w, 1, 1);
            assert_true(gw_prefix_eq(&own, &p1));
            assert_null(w_prefix(w, 1, &p3)); /* the end of the session was the end of this */
            w_crash(w, 1);
            w_boot(w, 1);
            w_run(w, GW_SEC(5));
            w_check(w, 1, 1);
        }
        w_check_all(w);
        w_free(w);
    }
}

/* The node was at MAAR 2 for a moment, whose registration is lost, and left for good from MAAR 1,
 * which knew nothing of it: what MAAR 2 says again of that moment is too late. */
static void left_before_it_was_registered(void **state)
{
    (void)state;
    struct world *w = w_new(2, 21);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(5));
    lose(w, 2, 0);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    (void)w_detach(w, 1, 1);
    w_run(w, GW_SEC(4));
    w->tap = NULL;
    w_run(w, GW_SEC(30));
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

/* A previous MAAR sees the node, loses it and sees it again, while the CMD hears nothing of it;
 * then the CMD refuses. The node's session elsewhere still has the prefix of then. */
static void refused_after_a_goodbye(void **state)
{
    (void)state;
    static struct gw_cfg_policy nobody = {.match = GW_MATCH_ANY, .allow = false};
    struct world *w = w_new(2, 23);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(4));
    lose(w, 1, 0);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(500));
    (void)w_detach(w, 1, 1);
    w_run(w, GW_MSEC(3500));
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_DEREGISTERING);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_attach(w, 2, 1), 0);
    w->tap = NULL;
    w->n[0].cfg->policy = &nobody;
    w_run(w, GW_SEC(3));
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_BY_PEER), 1);
    w->n[0].cfg->policy = &w->n[0].policy;
    w_run(w, GW_SEC(60));
    w_check(w, 1, 2);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    w_check_all(w);
    w_free(w);
}

static int lose_notice(struct world *w, struct sim_message *e)
{
    (void)w;
    return e->from == 0 && e->to == 1 && e->data[2] == GW_MH_BU;
}

/* The node was at MAAR 2 for a moment and is back at MAAR 1, which hears of it by the refusal of a
 * refresh before the CMD's notice arrives: it has seen the node since, and serves it on. */
static void refresh_refused_after_the_return(void **state)
{
    (void)state;
    struct world *w = w_new(2, 22);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(38900)); /* the refresh is due at 40 s */
    struct gw_prefix own = w_own(w, 1, 1);
    w->lose_nth = w->messages + 1; /* MAAR 2's PBU, which comes again after a second */
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(50));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w->tap = lose_notice;
    w_run(w, GW_MSEC(1500));
    w->tap = NULL;
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_BY_PEER), 1);
    for (unsigned i = 0; i < 100; i++) {
        w_run(w, GW_MSEC(100));
        assert_true(w_has_station(w, 1, 1));
    }
    w_check(w, 1, 1);
    struct gw_prefix still = w_own(w, 1, 1);
    assert_true(gw_prefix_eq(&still, &own));
    w_check_all(w);
    w_free(w);
}

static struct gw_time held_until; /* zero: not */
static const struct gw_addr *held_to;

/* The first PBU to `held_to` with a lifetime is held back in the network. */
static int hold_back(struct world *w, struct sim_message *e)
{
    static struct gw_mh mh;

    if (held_until.ns != 0 && gw_addr_eq(&e->addrs->dst, held_to) &&
        gw_mh_parse(&gw_mh_codec_default, e->addrs, e->data, e->len, &mh).code == GW_PARSE_OK &&
        mh.type == GW_MH_BU && mh.bu.lifetime != 0) {
        e->later = held_until.ns - w_now(w).mono.ns;
        held_until.ns = 0;
    }
    return 0;
}

/* A notice that is under way for longer than the session lives: nobody would ever release what it
 * brings back. */
static void notice_after_the_end(void **state)
{
    (void)state;
    struct world *w = w_new(2, 4);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    w->n[2].cfg->timers.detach_guard = GW_MSEC(100);
    held_until = gw_time_add(w_now(w).mono, GW_SEC(5));
    held_to = &w->n[1].cfg->addr;
    w->tap = hold_back;
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(500)); /* its first notice is held back, and no other has left */
    (void)w_detach(w, 2, 1);
    w_run(w, GW_SEC(3));
    assert_null(w_mn(w, 1, 1));
    w_run(w, GW_SEC(30));
    assert_int_equal(held_until.ns, 0);
    assert_int_equal(w_count(w, 1, GW_CNT_STALE), 1);
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

/* But one for a node that is not known, after the end of another's session, brings its anchor back.
 */
static void notice_of_a_forgotten_anchor(void **state)
{
    (void)state;
    struct world *w = w_new(3, 5);

    for (unsigned mn = 1; mn <= 2; mn++)
        assert_int_equal(w_attach(w, 1, mn), 0);
    w_run(w, GW_SEC(1));
    for (unsigned mn = 1; mn <= 2; mn++)
        assert_int_equal(w_attach(w, 2, mn), 0);
    w_run(w, GW_SEC(1));
    struct gw_prefix p1 = w_own(w, 1, 1);
    w_crash(w, 1);
    w_forget(w, 1);
    w_boot(w, 1);
    w_run(w, GW_SEC(1));
    (void)w_detach(w, 2, 2);
    w_run(w, GW_SEC(10));
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(10));
    assert_non_null(w_prefix(w, 1, &p1));
    w_check(w, 1, 3);
    w_check_gone(w, 2);
    w_check_all(w);
    w_free(w);
}

/* Who starts asks every access link who is there, whether it has lost what it knew or not: stations
 * have come meanwhile, and those that it had refused are in no record. */
static void asks_when_it_starts(void **state)
{
    (void)state;
    struct world *w = w_new(1, 6);
    unsigned links = 0;

    for (size_t i = 0; i < w->n[1].cfg->nifs; i++)
        links += w->n[1].cfg->ifs[i].side == GW_IF_ACCESS;
    assert_int_equal(w->seen[1].queries, 0); /* who has just been reported is not at once again */
    w_run(w, GW_MSEC(300));
    assert_int_equal(w->seen[1].queries, links); /* the first start of all */
    assert_int_equal(w->seen[0].queries, 0);
    w->n[1].cfg->daemon.durability = GW_DURABLE_EACH; /* else a crash may have lost something */
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    w_crash(w, 1);
    w_boot(w, 1);
    w_run(w, GW_MSEC(300));
    assert_int_equal(w->seen[1].queries, 2 * links);
    w_crash(w, 1);
    w_forget(w, 1);
    w_boot(w, 1);
    w_run(w, GW_MSEC(300));
    assert_int_equal(w->seen[1].queries, 3 * links);
    w_check_all(w);
    w_free(w);
}

/* Nobody remembers which prefix it had, and it gets the same again: its host has addresses of it.
 */
static void same_place_after_all_is_lost(void **state)
{
    (void)state;
    struct world *w = w_new(1, 31);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    struct gw_prefix before = w_own(w, 1, 1);
    for (size_t i = 0; i < 2; i++) {
        w_crash(w, i);
        w_forget(w, i);
    }
    w_boot(w, 0);
    w_boot(w, 1);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(5));
    struct gw_prefix now = w_own(w, 1, 1);
    assert_true(gw_prefix_eq(&before, &now));
    w_free(w);
}

static unsigned answers;

static int late_then_lost(struct world *w, struct sim_message *e)
{
    if (e->from != 0 || e->data[2] != GW_MH_BA)
        return 0;
    (void)w;
    if (++answers == 1)
        e->later = GW_MSEC(1500).ns;
    return answers == 2;
}

/* The answer to an attachment comes when a later one has been told already, whose answer is lost:
 * the CMD knows the later one, and so does the refresh. */
static void answered_for_an_earlier_one(void **state)
{
    (void)state;
    struct world *w = w_new(1, 41);

    answers = 0;
    w->tap = late_then_lost;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(500));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(2));
    w->tap = NULL;
    assert_int_equal(answers, 2);
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_SERVING);
    assert_true(w_mn(w, 1, 1)->b.attached == w_bce(w, 1)->b.attached);
    w_run(w, GW_SEC(60));
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_TIMESTAMP), 0);
    w_check(w, 1, 1);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_to_its_prefix),
        cmocka_unit_test(refused_with_a_forgotten_anchor),
        cmocka_unit_test(left_before_it_was_registered),
        cmocka_unit_test(refused_after_a_goodbye),
        cmocka_unit_test(refresh_refused_after_the_return),
        cmocka_unit_test(released_where_it_is),
        cmocka_unit_test(notice_after_the_end),
        cmocka_unit_test(notice_of_a_forgotten_anchor),
        cmocka_unit_test(asks_when_it_starts),
        cmocka_unit_test(same_place_after_all_is_lost),
        cmocka_unit_test(answered_for_an_earlier_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
