/* Arenas and single objects: zeroed, aligned, accounted, refused. */
#include "../test.h"

#include "../test_alloc.h"
#include "base/prng.h"

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void test_arena(void **state)
{
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_arena a;
    struct gw_prng p;

    (void)state;
    gw_prng_seed(&p, 5);
    gw_arena_init(&a, &al);
    for (int round = 0; round < 20; round++) {
        uint8_t *got[50];
        size_t size[50];
        for (size_t i = 0; i < 50; i++) {
            size[i] = gw_prng_below(&p, 700);
            got[i] = gw_arena_get(&a, size[i]);
            assert_non_null(got[i]);
            assert_int_equal((uintptr_t)got[i] % 16, 0);
            assert_true(all_zero(got[i], size[i]));
            memset(got[i], (int)i + 1, size[i]);
        }
        for (size_t i = 0; i < 50; i++)
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(got[i][k], i + 1);
        assert_int_equal(a.total, ta.held);
        gw_arena_reset(&a);
        assert_int_equal(a.total, ta.held);
    }
    gw_arena_free(&a);
    assert_int_equal(a.total, 0);
    assert_int_equal(ta.held, 0);
}

/* After a reset, the same work takes no memory any more. */
static void test_reset_keeps_a_chunk(void **state)
{
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_arena a;

    (void)state;
    gw_arena_init(&a, &al);
    for (int i = 0; i < 100; i++)
        assert_non_null(gw_arena_get(&a, 100));
    gw_arena_reset(&a);
    ta.allow = 0;
    for (int i = 0; i < 70; i++)
        assert_non_null(gw_arena_get(&a, 100));
    gw_arena_free(&a);
    assert_int_equal(ta.held, 0);
}

static void test_refused(void **state)
{
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_arena a;

    (void)state;
    gw_arena_init(&a, &al);
    ta.allow = 0;
    assert_null(gw_arena_get(&a, 1));
    assert_null(gw_new(&al, 10));
    ta.allow = SIZE_MAX;
    assert_null(gw_arena_get(&a, SIZE_MAX - 3));
    assert_non_null(gw_arena_get(&a, 1));
    ta.allow = 0;
    assert_null(gw_arena_get(&a, 100000));
    assert_non_null(gw_arena_get(&a, 1)); /* what it has is still good */
    gw_arena_free(&a);
    gw_arena_reset(&a);
    assert_int_equal(ta.held, 0);
}

static void test_single(void **state)
{
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    uint8_t *p = gw_new(&al, 100);

    (void)state;
    assert_true(all_zero(p, 100));
    assert_int_equal(ta.held, 100);
    gw_free(&al, p, 100);
    gw_free(&al, NULL, 100);
    assert_int_equal(ta.held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_reset_keeps_a_chunk),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_single),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
