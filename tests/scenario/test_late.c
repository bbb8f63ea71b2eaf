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

static int lose_way(struct world *w, struct w_event *e)
{
    return gw_addr_eq(&e->addrs.src, &w->n[lost_from].cfg.addr) &&
           gw_addr_eq(&e->addrs.dst, &w->n[lost_to].cfg.addr);
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
    w->n[1].cfg.timers.initial_ack = GW_SEC(10);
    w_boot(w, 1);
    lose(w, 1, 0);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w->tap = NULL;
    struct gw_prefix again = w_own(w, 1, 1);
    assert_true(gw_prefix_eq(&again, &p1));
    w_run(w, GW_SEC(2));
    assert_int_equal(w_count(w, 1, GW_CNT_STALE), 1);
    w->n[0].cfg.policy = &nobody;
    w_run(w, GW_SEC(10));
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_BY_PEER), 1);
    w->n[0].cfg.policy = &w->n[0].policy;
    w_run(w, GW_SEC(20));
    w_check(w, 1, 2);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    w_check_all(w);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(back_to_its_prefix),
        cmocka_unit_test(refused_with_a_forgotten_anchor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
