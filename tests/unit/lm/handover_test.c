/* handover_test.c: the ring of handovers grows as it fills, keeps the newest, and does with the
 * memory it can get. */
#include "fn/lm/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../test_alloc.h"

#define MOST 64

static void add(struct gw_handovers *h, uint64_t n)
{
    static const uint8_t id[] = "mn";
    struct gw_mnid mn = {.subtype = GW_MNID_NAI, .len = 2, .id = id};

    while (n-- > 0) {
        struct gw_handover_row *row = gw_handovers_add(h, GW_HO_CMD, &mn);
        row->sequence = (uint16_t)row->number;
    }
}

/* The last `kept`, in order, each found by its number; none before them. */
static void check(const struct gw_handovers *h, uint64_t kept)
{
    const struct gw_handover_row *row;
    uint64_t expect = h->last - kept + 1;

    for (uint64_t i = 0; (row = gw_handovers_next(h, &i)) != NULL; expect++) {
        assert_int_equal(row->number, expect);
        assert_int_equal(row->sequence, expect);
        assert_ptr_equal(gw_handovers_get(h, expect), row);
    }
    assert_int_equal(expect, h->last + 1);
    if (h->last > kept)
        assert_null(gw_handovers_get(h, h->last - kept));
}

static void grows_to_its_limit(void **state)
{
    struct test_alloc t;
    struct gw_alloc al = test_alloc_of(&t);
    struct gw_handovers h;
    (void)state;

    assert_int_equal(gw_handovers_init(&h, &al, MOST), 0);
    size_t few = t.held;
    check(&h, 0);
    for (uint64_t n = 1; n <= 3 * MOST; n++) {
        add(&h, 1);
        check(&h, n < MOST ? n : MOST);
    }
    assert_true(t.held == MOST / 16 * few);
    gw_handovers_free(&h);
    assert_int_equal(t.held, 0);
}

/* Memory is refused until `starved` rows have been added, which may be in the middle of a round. */
static void starved(uint64_t rows)
{
    struct test_alloc t;
    struct gw_alloc al = test_alloc_of(&t);
    struct gw_handovers h;

    assert_int_equal(gw_handovers_init(&h, &al, MOST), 0);
    t.allow = 0;
    add(&h, rows);
    check(&h, rows < 16 ? rows : 16);
    t.allow = SIZE_MAX;
    uint64_t whole = (rows + 15) / 16 * 16;
    add(&h, whole - rows + 1); /* the next round begins: room for 16 more */
    check(&h, whole == 0 ? 1 : 17);
    add(&h, 4 * MOST);
    check(&h, MOST);
    gw_handovers_free(&h);
    assert_int_equal(t.held, 0);
}

static void does_without_memory(void **state)
{
    (void)state;
    for (uint64_t rows = 0; rows <= 70; rows++)
        starved(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_limit),
        cmocka_unit_test(does_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
