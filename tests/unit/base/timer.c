/* Timers: order, ties, moving and stopping, against a sorted model; firing that sets timers. */
#include "../test.h"

#include "../test_alloc.h"
#include "base/err.h"
#include "base/prng.h"
#include "base/timer.h"

#define TIMERS 2000

struct trace {
    struct gw_timers *h;
    struct gw_timer *fired[4 * TIMERS];
    size_t n;
    int again; /* how often a timer sets itself anew */
};

static void note(struct gw_timer *t, void *user)
{
    struct trace *tr = user;

    tr->fired[tr->n++] = t;
}

static void test_ties_in_order_of_setting(void **state)
{
    struct gw_timers h;
    struct gw_timer t[10] = {0};
    struct trace tr = {0};

    (void)state;
    gw_timers_init(&h, &gw_alloc_libc);
    for (size_t i = 0; i < 10; i++) {
        t[i].fire = note;
        assert_int_equal(gw_timer_set(&h, &t[i], GW_SEC(5)), 0);
    }
    assert_int_equal(gw_timer_set(&h, &t[0], GW_SEC(5)), 0); /* set last now */
    assert_int_equal(gw_timers_run(&h, GW_SEC(4), 100, &tr), 0);
    assert_int_equal(gw_timers_run(&h, GW_SEC(5), 100, &tr), 10);
    for (size_t i = 0; i < 9; i++)
        assert_ptr_equal(tr.fired[i], &t[i + 1]);
    assert_ptr_equal(tr.fired[9], &t[0]);
    assert_int_equal(gw_timers_next(&h).ns, GW_NEVER.ns);
    gw_timers_free(&h);
}

/* Random setting, moving, stopping; what fires is what the model says, in its order. */
static void test_random(void **state)
{
    static struct gw_timer t[TIMERS];
    static struct {
        int64_t at;
        unsigned order;
    } model[TIMERS];
    unsigned order = 0;
    struct gw_timers h;
    struct gw_prng p;
    int64_t now = 0;

    (void)state;
    gw_prng_seed(&p, 11);
    gw_timers_init(&h, &gw_alloc_libc);
    for (size_t i = 0; i < TIMERS; i++)
        t[i] = (struct gw_timer){.fire = note};
    for (int round = 0; round < 300; round++) {
        struct trace tr = {0};
        for (int k = 0; k < 200; k++) {
            size_t i = (size_t)gw_prng_below(&p, TIMERS);
            struct gw_timer *x = &t[i];
            if (gw_prng_below(&p, 4) == 0) {
                gw_timer_stop(&h, x);
                assert_false(gw_timer_is_set(x));
            } else {
                struct gw_time at = {now + (int64_t)gw_prng_below(&p, 50)};
                assert_int_equal(gw_timer_set(&h, x, at), 0);
                assert_true(gw_timer_is_set(x));
                assert_int_equal(gw_timer_at(&h, x).ns, at.ns);
                model[i].at = at.ns;
                model[i].order = order++;
            }
        }
        size_t due = 0;
        int64_t first = INT64_MAX;
        now += (int64_t)gw_prng_below(&p, 20);
        for (size_t i = 0; i < TIMERS; i++) {
            due += gw_timer_is_set(&t[i]) && model[i].at <= now;
            if (gw_timer_is_set(&t[i]) && model[i].at < first)
                first = model[i].at;
        }
        assert_int_equal(gw_timers_next(&h).ns, first);
        assert_int_equal(gw_timers_run(&h, (struct gw_time){now}, SIZE_MAX, &tr), due);
        for (size_t i = 1; i < tr.n; i++) {
            size_t a = (size_t)(tr.fired[i - 1] - t), b = (size_t)(tr.fired[i] - t);
            assert_true(model[a].at < model[b].at ||
                        (model[a].at == model[b].at && model[a].order < model[b].order));
        }
    }
    gw_timers_free(&h);
}

static void set_again(struct gw_timer *t, void *user)
{
    struct trace *tr = user;

    tr->n++;
    if (tr->again-- > 0)
        assert_int_equal(gw_timer_set(tr->h, t, GW_SEC(1)), 0);
}

static void test_firing_that_sets(void **state)
{
    struct gw_timers h;
    struct gw_timer t = {.fire = set_again};
    struct trace tr = {.h = &h, .again = 5};

    (void)state;
    gw_timers_init(&h, &gw_alloc_libc);
    assert_int_equal(gw_timer_set(&h, &t, GW_SEC(1)), 0);
    assert_int_equal(gw_timers_run(&h, GW_SEC(1), 2, &tr), 2); /* bounded */
    assert_true(gw_timer_is_set(&t));
    assert_int_equal(gw_timers_run(&h, GW_SEC(1), 100, &tr), 4);
    assert_false(gw_timer_is_set(&t));
    gw_timers_free(&h);
}

static void test_no_memory(void **state)
{
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_timers h;
    struct gw_timer t = {.fire = note};
    struct trace tr = {0};

    (void)state;
    gw_timers_init(&h, &al);
    ta.allow = 0;
    assert_int_equal(gw_timer_set(&h, &t, GW_SEC(1)), GW_ENOMEM);
    assert_false(gw_timer_is_set(&t));
    ta.allow = 2;
    assert_int_equal(gw_timer_set(&h, &t, GW_SEC(1)), 0);
    assert_int_equal(gw_timer_set(&h, &t, GW_SEC(2)), 0); /* moving needs none */
    assert_int_equal(gw_timers_run(&h, GW_SEC(1), 9, &tr), 0);
    gw_timers_free(&h);
    assert_false(gw_timer_is_set(&t));
    assert_int_equal(ta.held, 0);
}

/* Ties are told apart also where the count of settings wraps. */
static void test_order_wraps(void **state)
{
    struct gw_timers h;
    struct gw_timer t[10] = {0};
    struct trace tr = {0};

    (void)state;
    gw_timers_init(&h, &gw_alloc_libc);
    h.order = UINT32_MAX - 4;
    for (size_t i = 0; i < 10; i++) {
        t[i].fire = note;
        assert_int_equal(gw_timer_set(&h, &t[i], GW_SEC(5)), 0);
    }
    assert_int_equal(gw_timers_run(&h, GW_SEC(5), 100, &tr), 10);
    for (size_t i = 0; i < 10; i++)
        assert_ptr_equal(tr.fired[i], &t[i]);
    gw_timers_free(&h);
}

/* Memory follows what is set, growth takes it in small pieces, and what has fired is set again
 * without any. */
static void test_memory_follows(void **state)
{
    enum { MANY = 20000 };
    struct gw_timer *t = calloc(MANY, sizeof *t);
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_timers h;
    struct trace tr = {.h = &h, .again = MANY};

    (void)state;
    assert_non_null(t);
    gw_timers_init(&h, &al);
    for (size_t i = 0; i < MANY; i++) {
        size_t before = ta.held;
        t[i].fire = set_again;
        assert_int_equal(gw_timer_set(&h, &t[i], GW_SEC(1)), 0);
        assert_true(ta.held - before <= 8192);
    }
    assert_in_range(ta.held, MANY * 16, MANY * 18);
    ta.allow = 0;
    assert_int_equal(gw_timers_run(&h, GW_SEC(1), MANY, &tr), MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(gw_timer_is_set(&t[i]));
        gw_timer_stop(&h, &t[i]);
    }
    assert_in_range(ta.held, 0, 32768);
    gw_timers_free(&h);
    assert_int_equal(ta.held, 0);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ties_in_order_of_setting),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_firing_that_sets),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_order_wraps),
        cmocka_unit_test(test_memory_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
