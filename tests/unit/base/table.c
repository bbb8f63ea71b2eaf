/* The hash table: against a model under random operations, limits, growth, removal while iterating,
 * refused memory, the cost of one insertion.
 */
#include "../test.h"

#include "../test_alloc.h"
#include "base/err.h"
#include "base/prng.h"
#include "base/table.h"

struct item {
    uint32_t key;
    unsigned seen;
};

static uint64_t item_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(uint32_t), seed);
}
/* The worst hash there is: one chain holds everything. */
static uint64_t one_chain(const void *key, uint64_t seed)
{
    (void)key;
    return seed;
}
static bool item_eq(const void *key, const void *obj)
{
    return *(const uint32_t *)key == ((const struct item *)obj)->key;
}
static const void *item_key(const void *obj)
{
    return &((const struct item *)obj)->key;
}
static const struct gw_table_ops ops = {item_hash, item_eq, item_key};
static const struct gw_table_ops chain_ops = {one_chain, item_eq, item_key};

#define KEYS 600

static void check_model(const struct gw_table *t, const struct item *items, const bool *in)
{
    size_t n = 0;

    for (uint32_t k = 0; k < KEYS; k++) {
        const struct item *got = gw_table_get(t, &k);
        assert_ptr_equal(got, in[k] ? &items[k] : NULL);
        n += in[k];
    }
    assert_int_equal(gw_table_count(t), n);
}

static void random_against_model(const struct gw_table_ops *o, size_t steps)
{
    static struct item items[KEYS];
    bool in[KEYS] = {false};
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_table t;
    struct gw_prng p;

    gw_prng_seed(&p, 7);
    gw_table_init(&t, &al, o, 0, 42);
    for (size_t i = 0; i < steps; i++) {
        uint32_t k = (uint32_t)gw_prng_below(&p, KEYS);
        items[k].key = k;
        if (gw_prng_below(&p, 2) == 0) {
            assert_int_equal(gw_table_put(&t, &items[k]), in[k] ? GW_EEXIST : 0);
            in[k] = true;
        } else {
            assert_ptr_equal(gw_table_del(&t, &k), in[k] ? &items[k] : NULL);
            in[k] = false;
        }
        if (i % 500 == 0)
            check_model(&t, items, in);
    }
    check_model(&t, items, in);
    gw_table_free(&t);
    assert_int_equal(ta.held, 0);
}

static void test_random(void **state)
{
    (void)state;
    random_against_model(&ops, 20000);
}

static void test_one_chain(void **state)
{
    (void)state;
    random_against_model(&chain_ops, 3000);
}

/* Removing the entry the iterator stands on: every other entry is seen exactly once. */
static void remove_while_iterating(const struct gw_table_ops *o)
{
    static struct item items[KEYS];
    struct gw_table t;
    struct item *it;

    gw_table_init(&t, &gw_alloc_libc, o, 0, 1);
    for (uint32_t k = 0; k < KEYS; k++) {
        items[k] = (struct item){.key = k};
        assert_int_equal(gw_table_put(&t, &items[k]), 0);
    }
    for (size_t i = 0; (it = gw_table_next(&t, &i)) != NULL;) {
        it->seen++;
        if (it->key % 3 != 0)
            assert_ptr_equal(gw_table_del(&t, &it->key), it);
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        assert_int_equal(items[k].seen, 1);
        assert_ptr_equal(gw_table_get(&t, &k), k % 3 == 0 ? &items[k] : NULL);
    }
    for (size_t i = 0; (it = gw_table_next(&t, &i)) != NULL;)
        assert_non_null(gw_table_del(&t, &it->key));
    assert_int_equal(gw_table_count(&t), 0);
    gw_table_free(&t);
}

static void test_remove_while_iterating(void **state)
{
    (void)state;
    remove_while_iterating(&ops);
    remove_while_iterating(&chain_ops);
}

static void test_limit(void **state)
{
    struct item items[4] = {{.key = 1}, {.key = 2}, {.key = 3}, {.key = 1}};
    struct gw_table t;

    (void)state;
    gw_table_init(&t, &gw_alloc_libc, &ops, 2, 0);
    assert_int_equal(gw_table_put(&t, &items[0]), 0);
    assert_int_equal(gw_table_put(&t, &items[1]), 0);
    assert_int_equal(gw_table_put(&t, &items[2]), GW_EFULL);
    assert_int_equal(gw_table_put(&t, &items[3]), GW_EEXIST);
    assert_non_null(gw_table_del(&t, &items[0].key));
    assert_int_equal(gw_table_put(&t, &items[2]), 0);
    gw_table_free(&t);
}

/* Growth that is refused leaves the table as it was. */
static void test_no_memory(void **state)
{
    static struct item items[100];
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_table t;
    uint32_t put = 0;

    (void)state;
    gw_table_init(&t, &al, &ops, 0, 3);
    ta.allow = 0;
    assert_int_equal(gw_table_put(&t, &items[0]), GW_ENOMEM);
    ta.allow = 1;
    for (; put < 100; put++) {
        items[put].key = put;
        int err = gw_table_put(&t, &items[put]);
        if (err != 0) {
            assert_int_equal(err, GW_ENOMEM);
            break;
        }
    }
    assert_in_range(put, 8, 99);
    for (uint32_t k = 0; k < put; k++)
        assert_ptr_equal(gw_table_get(&t, &k), &items[k]);
    assert_int_equal(gw_table_count(&t), put);
    ta.allow = SIZE_MAX;
    assert_int_equal(gw_table_put(&t, &items[put]), 0);
    gw_table_free(&t);
    assert_int_equal(ta.held, 0);
}

/* Putting and removing for ever must neither make it grow for ever nor be rebuilt all the time. */
static void test_churn_keeps_size(void **state)
{
    static struct item items[1000];
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_table t;

    (void)state;
    gw_table_init(&t, &al, &ops, 0, 9);
    for (uint32_t i = 0; i < 100000; i++) {
        struct item *it = &items[i % 1000];
        uint32_t gone = i - 20;
        it->key = i;
        assert_int_equal(gw_table_put(&t, it), 0);
        if (i >= 20)
            assert_non_null(gw_table_del(&t, &gone));
    }
    assert_int_equal(gw_table_count(&t), 20);
    assert_true(ta.held <= 128 * sizeof(void *));
    assert_true(ta.calls < 1000);
    gw_table_free(&t);
}

static size_t hashes, largest;

static uint64_t counted_hash(const void *key, uint64_t seed)
{
    hashes++;
    return item_hash(key, seed);
}

static void *note_largest(void *user, void *ptr, size_t old_size, size_t size)
{
    largest = size > largest ? size : largest;
    return test_resize(user, ptr, old_size, size);
}

/* However many there are, one more costs placing some hundred entries anew at most, and no memory
 * in the size of the table. */
static void test_growth_in_small_steps(void **state)
{
    enum { MANY = 300000 };
    static const struct gw_table_ops counting = {counted_hash, item_eq, item_key};
    struct item *items = calloc(MANY, sizeof *items);
    struct test_alloc ta;
    struct gw_alloc al = test_alloc_of(&ta);
    struct gw_table t;

    (void)state;
    assert_non_null(items);
    al.resize = note_largest;
    largest = 0;
    gw_table_init(&t, &al, &counting, 0, 5);
    for (uint32_t i = 0; i < MANY; i++) {
        items[i].key = i;
        hashes = 0;
        assert_int_equal(gw_table_put(&t, &items[i]), 0);
        assert_in_range(hashes, 1, 600);
    }
    assert_in_range(largest, 1, 65536);
    assert_in_range(ta.held, MANY * 9, MANY * 26);
    for (uint32_t i = 0; i < MANY; i++)
        assert_ptr_equal(gw_table_get(&t, &i), &items[i]);
    gw_table_free(&t);
    assert_int_equal(ta.held, 0);
    free(items);
}

static void test_hash_depends_on_all(void **state)
{
    uint8_t data[32] = {0};
    uint64_t h = gw_hash(data, sizeof data, 1);

    (void)state;
    assert_int_not_equal(h, gw_hash(data, sizeof data, 2));
    assert_int_not_equal(h, gw_hash(data, sizeof data - 1, 1));
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(h, gw_hash(data, sizeof data, 1));
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_one_chain),
        cmocka_unit_test(test_remove_while_iterating),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_churn_keeps_size),
        cmocka_unit_test(test_growth_in_small_steps),
        cmocka_unit_test(test_hash_depends_on_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
