/* pool_test.c: prefix pools: exclusive, restorable, least recently released last, cheap. */
#include "fn/alloc/pool.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* An allocator that counts what is out and refuses once its credit is used up. */
struct meter {
    size_t out, most;
    long credit; /* calls that may still succeed; negative: no limit */
};

static void *meter_resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct meter *m = user;
    void *q;

    if (size > 0 && m->credit == 0)
        return NULL;
    if (size > 0 && m->credit > 0)
        m->credit--;
    m->out = m->out - (ptr != NULL ? old_size : 0) + size;
    if (m->out > m->most)
        m->most = m->out;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    q = realloc(ptr, size);
    assert_non_null(q);
    return q;
}

static struct gw_prefix pfx(const char *text)
{
    struct gw_prefix p;
    assert_int_equal(gw_parse_prefix(text, &p), 0);
    return p;
}

static struct gw_cfg_pool pool(const char *text, uint8_t node_len)
{
    return (struct gw_cfg_pool){.prefix = pfx(text), .node_len = node_len};
}

static void take_all_once(void **state)
{
    struct gw_cfg_pool cfg[] = {pool("2001:db8:1::/60", 64), pool("2001:db8:2::/126", 128)};
    struct gw_prefix got[20], extra;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, cfg, 2, 7), 0);
    assert_int_equal(gw_pools_limit(&p), 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(gw_pools_take(&p, &got[i]), 0);
        assert_true(gw_pools_own(&p, &got[i]));
        assert_true(gw_prefix_contains(&cfg[i < 16 ? 0 : 1].prefix, &got[i].addr));
        for (size_t k = 0; k < i; k++)
            assert_false(gw_prefix_overlaps(&got[i], &got[k]));
    }
    assert_int_equal(gw_pools_count(&p), 20);
    assert_int_equal(gw_pools_take(&p, &extra), GW_EFULL);
    assert_int_equal(gw_pools_release(&p, &got[3]), 0);
    assert_int_equal(gw_pools_release(&p, &got[3]), GW_ENOENT);
    assert_int_equal(gw_pools_take(&p, &extra), 0);
    assert_true(gw_prefix_eq(&extra, &got[3]));
    gw_pools_free(&p);
}

static void same_seed_same_prefixes(void **state)
{
    struct gw_cfg_pool cfg = pool("2001:db8:1000::/48", 64);
    struct gw_pools p, q, r;
    bool differs = false;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &cfg, 1, 42), 0);
    assert_int_equal(gw_pools_init(&q, &gw_alloc_libc, &cfg, 1, 42), 0);
    assert_int_equal(gw_pools_init(&r, &gw_alloc_libc, &cfg, 1, 43), 0);
    for (int i = 0; i < 50; i++) {
        struct gw_prefix a, b, c;
        assert_int_equal(gw_pools_take(&p, &a), 0);
        assert_int_equal(gw_pools_take(&q, &b), 0);
        assert_int_equal(gw_pools_take(&r, &c), 0);
        assert_true(gw_prefix_eq(&a, &b));
        differs |= !gw_prefix_eq(&a, &c);
    }
    assert_true(differs);
    gw_pools_free(&p);
    gw_pools_free(&q);
    gw_pools_free(&r);
}

/* What was just released is the last to be given away again. */
static void released_rests(void **state)
{
    struct gw_cfg_pool cfg = pool("2001:db8::/61", 64);
    struct gw_prefix got[8], x;
    struct gw_pools p;
    static const int order[] = {5, 0, 7};

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &cfg, 1, 1), 0);
    assert_int_equal(gw_pools_take(&p, &got[0]), 0);
    assert_int_equal(gw_pools_release(&p, &got[0]), 0);
    for (int i = 1; i < 8; i++) {
        assert_int_equal(gw_pools_take(&p, &got[i]), 0);
        assert_false(gw_prefix_eq(&got[i], &got[0]));
    }
    assert_int_equal(gw_pools_take(&p, &x), 0);
    assert_true(gw_prefix_eq(&x, &got[0]));
    for (int i = 0; i < 3; i++)
        assert_int_equal(gw_pools_release(&p, &got[order[i]]), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gw_pools_take(&p, &x), 0);
        assert_true(gw_prefix_eq(&x, &got[order[i]]));
    }
    gw_pools_free(&p);
}

/* Who comes back gets what he had, as long as it is free, from the first pool; others do not. */
static void who_comes_back(void **state)
{
    struct gw_cfg_pool cfg[] = {pool("2001:db8::/33", 64), pool("2001:db8:8000::/33", 64)};
    struct gw_prefix first[100], x;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, cfg, 2, 1), 0);
    for (uint64_t who = 1; who < 100; who++) {
        assert_int_equal(gw_pools_take_for(&p, who, &first[who]), 0);
        assert_true(gw_prefix_contains(&cfg[0].prefix, &first[who].addr));
    }
    for (uint64_t who = 1; who < 100; who++)
        assert_int_equal(gw_pools_release(&p, &first[who]), 0);
    for (uint64_t who = 200; who < 20000; who++) { /* so many that the first are forgotten */
        assert_int_equal(gw_pools_take_for(&p, who, &x), 0);
        for (uint64_t k = 1; k < 100 && who < 1000; k++)
            assert_false(gw_prefix_eq(&x, &first[k]));
        assert_int_equal(gw_pools_release(&p, &x), 0);
    }
    for (uint64_t who = 1; who < 100; who++) {
        assert_int_equal(gw_pools_take_for(&p, who, &x), 0);
        assert_true(gw_prefix_eq(&x, &first[who]));
    }
    assert_int_equal(gw_pools_take_for(&p, 5, &x), 0); /* he has that one */
    assert_false(gw_prefix_eq(&x, &first[5]));
    gw_pools_disown(&p, &first[7]); /* it was another's */
    assert_int_equal(gw_pools_release(&p, &first[7]), 0);
    assert_int_equal(gw_pools_take_for(&p, 7, &x), 0);
    assert_false(gw_prefix_eq(&x, &first[7]));
    gw_pools_free(&p);
}

/* With hashed places, too, every prefix is given away once and the last is found. */
static void places_fill_up(void **state)
{
    struct gw_cfg_pool cfg[] = {pool("2001:db8:1::/58", 64), pool("2001:db8:2::/64", 64)};
    struct gw_prefix got[65], x;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, cfg, 2, 3), 0);
    for (uint64_t i = 0; i < 65; i++) {
        assert_int_equal(gw_pools_take_for(&p, i + 1, &got[i]), 0);
        for (uint64_t k = 0; k < i; k++)
            assert_false(gw_prefix_eq(&got[i], &got[k]));
    }
    assert_int_equal(gw_pools_take_for(&p, 1000, &x), GW_EFULL);
    assert_int_equal(gw_pools_release(&p, &got[17]), 0);
    assert_int_equal(gw_pools_take_for(&p, 1000, &x), 0);
    assert_true(gw_prefix_eq(&x, &got[17]));
    gw_pools_free(&p);
}

/* A pool with fresh prefixes is preferred to a released prefix of an earlier pool. */
static void fresh_before_released(void **state)
{
    struct gw_cfg_pool cfg[] = {pool("2001:db8:1::/64", 64), pool("2001:db8:2::/64", 64)};
    struct gw_prefix a, b;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, cfg, 2, 1), 0);
    assert_int_equal(gw_pools_take(&p, &a), 0);
    assert_true(gw_prefix_eq(&a, &cfg[0].prefix));
    assert_int_equal(gw_pools_release(&p, &a), 0);
    assert_int_equal(gw_pools_take(&p, &b), 0);
    assert_true(gw_prefix_eq(&b, &cfg[1].prefix));
    gw_pools_free(&p);
}

static void restart_restores(void **state)
{
    struct gw_cfg_pool cfg = pool("2001:db8:1000::/62", 64);
    struct gw_prefix kept[3], x;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &cfg, 1, 9), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gw_pools_take(&p, &kept[i]), 0);
    gw_pools_free(&p);
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &cfg, 1, 9), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(gw_pools_reserve(&p, &kept[i]), 0);
    assert_int_equal(gw_pools_reserve(&p, &kept[1]), GW_EEXIST);
    assert_true(gw_pools_is_taken(&p, &kept[1]));
    assert_int_equal(gw_pools_take(&p, &x), 0);
    for (int i = 0; i < 3; i++)
        assert_false(gw_prefix_eq(&x, &kept[i]));
    assert_int_equal(gw_pools_take(&p, &x), GW_EFULL);
    /* one that rests can be reserved, too */
    assert_int_equal(gw_pools_release(&p, &kept[0]), 0);
    assert_false(gw_pools_is_taken(&p, &kept[0]));
    assert_int_equal(gw_pools_reserve(&p, &kept[0]), 0);
    assert_int_equal(gw_pools_take(&p, &x), GW_EFULL);
    gw_pools_free(&p);
}

static void reserve_refuses_strangers(void **state)
{
    struct gw_cfg_pool cfg = pool("2001:db8:1000::/48", 64);
    struct gw_prefix bits = pfx("2001:db8:1000:5::/64");
    struct gw_prefix outside = pfx("2001:db8:1001::/64"), longer = pfx("2001:db8:1000::/65");
    struct gw_prefix wide = {.len = 200};
    struct gw_pools p;

    (void)state;
    bits.addr.b[15] = 1;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &cfg, 1, 9), 0);
    assert_int_equal(gw_pools_reserve(&p, &outside), GW_EINVAL);
    assert_int_equal(gw_pools_reserve(&p, &longer), GW_EINVAL);
    assert_int_equal(gw_pools_reserve(&p, &bits), GW_EINVAL);
    assert_int_equal(gw_pools_reserve(&p, &wide), GW_EINVAL);
    assert_int_equal(gw_pools_release(&p, &outside), GW_ENOENT);
    assert_int_equal(gw_pools_count(&p), 0);
    gw_pools_free(&p);
}

static void init_refuses_nonsense(void **state)
{
    struct gw_cfg_pool shorter = pool("2001:db8::/48", 40), beyond = pool("2001:db8::/48", 129);
    struct gw_cfg_pool huge = pool("2001::/16", 128);
    struct gw_cfg_pool twice[] = {pool("2001:db8::/32", 64), pool("2001:db8:1::/48", 64)};
    struct gw_prefix x;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &shorter, 1, 1), GW_EINVAL);
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &beyond, 1, 1), GW_EINVAL);
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &huge, 1, 1), GW_EINVAL);
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, twice, 2, 1), GW_EINVAL);
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, NULL, 0, 1), 0); /* a CMD has none */
    assert_int_equal(gw_pools_limit(&p), 0);
    assert_int_equal(gw_pools_take(&p, &x), GW_EFULL);
    gw_pools_free(&p);
}

static void memory_follows_use(void **state)
{
    struct gw_cfg_pool cfg[] = {pool("2001:db8::/32", 64), pool("3fff::/20", 64)};
    struct meter m = {.credit = -1};
    struct gw_alloc al = {meter_resize, &m};
    struct gw_prefix x;
    struct gw_pools p;

    (void)state;
    assert_int_equal(gw_pools_init(&p, &al, cfg, 2, 3), 0);
    assert_int_equal(gw_pools_limit(&p), (UINT64_C(1) << 32) + (UINT64_C(1) << 44));
    for (int i = 0; i < 100; i++)
        assert_int_equal(gw_pools_take(&p, &x), 0);
    assert_true(m.most < 64 * 1024);
    assert_int_equal(gw_pools_release(&p, &x), 0);
    /* churn without end does not pile up what was released */
    for (int i = 0; i < 10 * GW_POOL_RESTING; i++) {
        assert_int_equal(gw_pools_take(&p, &x), 0);
        assert_int_equal(gw_pools_release(&p, &x), 0);
    }
    assert_int_equal(p.resting, GW_POOL_RESTING);
    assert_int_equal(p.pool[0].used, GW_POOL_RESTING + 99);
    assert_true(m.most < 1024 * 1024);
    gw_pools_free(&p);
    assert_int_equal(m.out, 0);
}

static void a_whole_48_fits(void **state)
{
    struct gw_cfg_pool cfg = pool("2001:db8:1000::/48", 64);
    struct gw_prefix x, last = {.len = 0};
    struct gw_pools p;
    static uint8_t seen[65536];

    (void)state;
    assert_int_equal(gw_pools_init(&p, &gw_alloc_libc, &cfg, 1, 11), 0);
    for (int i = 0; i < 65536; i++) {
        assert_int_equal(gw_pools_take(&p, &x), 0);
        assert_int_equal(seen[x.addr.b[6] << 8 | x.addr.b[7]]++, 0);
        last = x;
    }
    assert_int_equal(gw_pools_take(&p, &x), GW_EFULL);
    assert_int_equal(gw_pools_release(&p, &last), 0);
    assert_int_equal(gw_pools_take(&p, &x), 0);
    gw_pools_free(&p);
}

/* Every allocation refused in turn: an error, and the pools go on as if nothing had been asked. */
static void survives_failing_memory(void **state)
{
    struct gw_cfg_pool cfg = pool("2001:db8:1000::/56", 64);
    long credit;

    (void)state;
    for (credit = 0; credit < 60; credit++) {
        struct meter m = {.credit = credit};
        struct gw_alloc al = {meter_resize, &m};
        struct gw_prefix x;
        struct gw_pools p;
        size_t got = 0;

        if (gw_pools_init(&p, &al, &cfg, 1, 5) == GW_ENOMEM) {
            assert_int_equal(m.out, 0);
            continue;
        }
        for (int i = 0; i < 30; i++) {
            int err = gw_pools_take(&p, &x);
            assert_true(err == 0 || err == GW_ENOMEM);
            got += err == 0;
            assert_int_equal(gw_pools_count(&p), got);
        }
        m.credit = -1;
        for (; got < 256; got++)
            assert_int_equal(gw_pools_take(&p, &x), 0);
        assert_int_equal(gw_pools_take(&p, &x), GW_EFULL);
        gw_pools_free(&p);
        assert_int_equal(m.out, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_all_once),         cmocka_unit_test(same_seed_same_prefixes),
        cmocka_unit_test(released_rests),        cmocka_unit_test(fresh_before_released),
        cmocka_unit_test(restart_restores),      cmocka_unit_test(reserve_refuses_strangers),
        cmocka_unit_test(init_refuses_nonsense), cmocka_unit_test(memory_follows_use),
        cmocka_unit_test(a_whole_48_fits),       cmocka_unit_test(survives_failing_memory),
        cmocka_unit_test(who_comes_back),        cmocka_unit_test(places_fill_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
