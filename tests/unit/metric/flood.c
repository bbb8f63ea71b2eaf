/* flood.c: what one forwarder says of its instances reaches all, over a line, a ring and a full
 * mesh, through loss, restarts, partitions and clocks set back; and it costs what changed, not
 * more.
 */
#include "../test.h"

#include "mesh.h"

static struct mesh s;

static void line(size_t n)
{
    mesh_begin(&s, n, 7);
    for (size_t i = 0; i + 1 < n; i++)
        mesh_link(&s, i, i + 1);
    for (size_t i = 0; i < n; i++)
        mesh_start(&s, i, 1);
}

static void test_line(void **state)
{
    (void)state;
    line(5);
    mesh_run(&s, GW_SEC(1));
    assert_int_equal(mesh_say(&s, 0, 1, 1, GW_CATS_UP, 17), 0);
    mesh_run(&s, GW_SEC(2));
    const struct gw_metric_instance *x = mesh_get(&s, 4, 0, 1, 1);
    assert_non_null(x);
    assert_int_equal(x->v.in_flight, 17);
    struct gw_addr origin = mesh_addr(0);
    assert_true(gw_addr_eq(&x->v.egress, &origin)); /* which was not on the wire */
    /* It was measured before it came: two hops of 5 ms at least, less than two seconds. */
    int64_t age = gw_time_sub(s.now, x->measured).ns;
    assert_true(age >= 2000000000 - 1000000000 && age <= 2000000000);
    assert_int_equal(mesh_say(&s, 0, 1, 1, GW_CATS_GONE, 0), 0);
    mesh_run(&s, GW_SEC(2));
    assert_null(mesh_get(&s, 4, 0, 1, 1));
    mesh_run(&s, GW_SEC(180)); /* and is not remembered for ever */
    for (size_t i = 0; i < s.n; i++)
        assert_int_equal(gw_table_count(&s.node[i].m.instances), 0);
    mesh_end(&s);
}

/* One change of one instance in a full mesh: an UPDATE and an ACK a neighbour, and those that
 * crossed. */
static void test_cost(void **state)
{
    (void)state;
    mesh_begin(&s, 8, 3);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < i; j++)
            mesh_link(&s, i, j);
    for (size_t i = 0; i < 8; i++)
        mesh_start(&s, i, 1);
    for (unsigned k = 0; k < 20; k++)
        assert_int_equal(mesh_say(&s, 0, 1, k, GW_CATS_UP, k), 0);
    mesh_run(&s, GW_SEC(3));
    assert_true(mesh_agrees(&s));
    uint64_t sent = s.sent, records = s.node[0].m.count[GW_MCNT_RECORDS_OUT];
    for (unsigned k = 0; k < 50; k++) { /* fifty changes within the pace are told as one */
        assert_int_equal(mesh_say(&s, 0, 1, 3, GW_CATS_UP, 100 + k), 0);
        mesh_run(&s, GW_MSEC(1));
    }
    mesh_run(&s, GW_SEC(3));
    assert_true(mesh_agrees(&s));
    assert_true(s.node[0].m.count[GW_MCNT_RECORDS_OUT] - records <= 7 * 3);
    assert_true(s.sent - sent <= 8 * 7 * 2 * 3);
    sent = s.sent;
    mesh_run(&s, GW_SEC(5)); /* and then there is silence */
    assert_true(s.sent - sent <= 8 * 7 * 2);
    mesh_end(&s);
}

/* Who did not hear what another hears directly passes it on once, and learns it from the answer. */
static void test_passed_on_once(void **state)
{
    struct gw_metric *m = &s.node[0].m;
    struct gw_metric_neighbour *nb;

    (void)state;
    mesh_begin(&s, 4, 3);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            mesh_link(&s, i, j);
    for (size_t i = 0; i < 4; i++)
        mesh_start(&s, i, 1);
    assert_int_equal(mesh_say(&s, 1, 1, 1, GW_CATS_UP, 1), 0);
    mesh_run(&s, GW_SEC(3));
    for (size_t i = 0; (nb = gw_table_next(&m->neighbours, &i)) != NULL;)
        for (size_t k = 0; k < nb->size; k++)
            nb->known[k].direct = false;
    uint64_t told = m->count[GW_MCNT_RECORDS_OUT];
    assert_int_equal(mesh_say(&s, 1, 1, 1, GW_CATS_UP, 2), 0);
    mesh_run(&s, GW_SEC(1));
    assert_int_equal(m->count[GW_MCNT_RECORDS_OUT] - told, 2);
    assert_int_equal(mesh_say(&s, 1, 1, 1, GW_CATS_UP, 3), 0);
    mesh_run(&s, GW_SEC(1));
    assert_int_equal(m->count[GW_MCNT_RECORDS_OUT] - told, 2);
    mesh_end(&s);
}

/* More than fits into a message, and several services. */
static void test_many(void **state)
{
    (void)state;
    line(3);
    for (unsigned k = 0; k < 900; k++)
        assert_int_equal(mesh_say(&s, k % 3, k % 7, k, GW_CATS_UP, k), 0);
    mesh_run(&s, GW_SEC(20));
    assert_true(mesh_agrees(&s));
    assert_int_equal(gw_table_count(&s.node[2].m.instances), 900);
    mesh_end(&s);
}

static void test_restart(void **state)
{
    (void)state;
    line(3);
    mesh_run(&s, GW_SEC(1));
    assert_int_equal(mesh_say(&s, 0, 1, 1, GW_CATS_UP, 1), 0);
    assert_int_equal(mesh_say(&s, 0, 1, 2, GW_CATS_UP, 2), 0);
    mesh_run(&s, GW_SEC(2));
    mesh_stop(&s, 2); /* who forgets what it has heard */
    mesh_run(&s, GW_SEC(1));
    mesh_start(&s, 2, 2);
    mesh_run(&s, GW_SEC(3));
    assert_non_null(mesh_get(&s, 2, 0, 1, 1));
    mesh_stop(&s, 0); /* the origin: its next run says less */
    mesh_run(&s, GW_SEC(1));
    mesh_start(&s, 0, 2);
    assert_int_equal(mesh_say(&s, 0, 1, 2, GW_CATS_UP, 22), 0);
    mesh_run(&s, GW_SEC(4));
    assert_null(mesh_get(&s, 2, 0, 1, 1));
    assert_non_null(mesh_get(&s, 2, 0, 1, 2));
    assert_int_equal(mesh_get(&s, 2, 0, 1, 2)->v.in_flight, 22);
    mesh_stop(&s, 0); /* and one whose number is that of an earlier run */
    mesh_start(&s, 0, 1);
    assert_int_equal(mesh_say(&s, 0, 1, 5, GW_CATS_UP, 5), 0);
    mesh_run(&s, GW_SEC(4));
    assert_non_null(mesh_get(&s, 2, 0, 1, 5));
    assert_null(mesh_get(&s, 2, 0, 1, 2));
    assert_true(mesh_agrees(&s));
    mesh_end(&s);
}

static void test_silent_origin(void **state)
{
    (void)state;
    line(2);
    mesh_run(&s, GW_SEC(1));
    assert_int_equal(mesh_say(&s, 0, 1, 1, GW_CATS_UP, 1), 0);
    mesh_run(&s, GW_SEC(150)); /* said anew: it lives longer than its lifetime */
    assert_non_null(mesh_get(&s, 1, 0, 1, 1));
    mesh_stop(&s, 0);
    mesh_run(&s, GW_SEC(38)); /* it may have been said 20 s before */
    assert_int_equal(s.node[1].m.count[GW_MCNT_AGED], 0);
    mesh_run(&s, GW_SEC(30));
    assert_null(mesh_get(&s, 1, 0, 1, 1));
    assert_int_equal(s.node[1].m.count[GW_MCNT_AGED], 1);
    assert_int_equal(s.node[1].m.count[GW_MCNT_NEIGHBOUR_UP], 1);
    mesh_end(&s);
}

static void test_denied(void **state)
{
    (void)state;
    line(3);
    struct gw_cats_service key = mesh_service(1);
    struct gw_cats_instance v = {.state = GW_CATS_UP, .lifetime = 60, .csci_id = mesh_csci(2, 1)};
    mesh_run(&s, GW_SEC(1));
    assert_int_equal(gw_metric_say(&s.node[0].m, &key, &v), 0); /* which is not its own */
    mesh_run(&s, GW_SEC(5));
    assert_null(gw_metric_service(&s.node[1].m, &key));
    assert_true(s.node[1].m.count[GW_MCNT_DENIED] >= 1);
    assert_true(s.node[1].m.count[GW_MCNT_DENIED] <= 3); /* nor is it told for ever */
    struct gw_addr stranger = mesh_addr(9);
    static struct gw_mh mh;
    static struct gw_cats_buf buf;
    gw_cats_begin(&mh, &buf, GW_CATS_UPDATE, 0, 1);
    assert_int_equal(gw_metric_input(&s.node[0].m, &stranger, &mh), GW_EDENIED);
    mesh_end(&s);
}

/* Runs are numbered as clocks that are set forth and back do it: never twice the same. */
static void step(unsigned services)
{
    static uint32_t runs;
    size_t i = gw_prng_below(&s.prng, s.n);
    uint64_t what = gw_prng_below(&s.prng, 100);
    size_t j = gw_prng_below(&s.prng, s.n);

    if (what < 70) {
        if (s.node[i].up)
            (void)mesh_say(&s, i, (unsigned)gw_prng_below(&s.prng, services),
                           (unsigned)gw_prng_below(&s.prng, 10),
                           gw_prng_below(&s.prng, 5) == 0 ? GW_CATS_GONE : GW_CATS_UP,
                           (uint32_t)gw_prng_below(&s.prng, 1000));
    } else if (what < 76) {
        if (s.node[i].up)
            mesh_stop(&s, i);
        else
            mesh_start(&s, i, (uint32_t)gw_prng_below(&s.prng, 50) << 16 | ++runs);
    } else if (what < 80 && i != j) {
        s.link[i][j] = !s.link[i][j]; /* one direction */
    }
    mesh_run(&s, GW_MSEC((int64_t)gw_prng_below(&s.prng, 400)));
}

/* Loss, duplicates, restarts, cuts in one direction; then all is well, and all agree. */
static void test_storms(void **state)
{
    static bool whole[M_NODES][M_NODES];

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        mesh_begin(&s, 3 + seed % 6, seed);
        for (size_t i = 0; i < s.n; i++) {
            mesh_link(&s, i, (i + 1) % s.n);
            if (i > 1 && gw_prng_below(&s.prng, 2) == 0)
                mesh_link(&s, i, i - 2);
        }
        memcpy(whole, s.link, sizeof whole);
        for (size_t i = 0; i < s.n; i++)
            mesh_start(&s, i, 1);
        s.loss = (unsigned)gw_prng_below(&s.prng, 40);
        s.dup = 20;
        for (unsigned k = 0; k < 150; k++)
            step(4);
        s.loss = 0;
        memcpy(s.link, whole, sizeof whole);
        for (size_t i = 0; i < s.n; i++)
            if (!s.node[i].up)
                mesh_start(&s, i, 100);
        mesh_run(&s, GW_SEC(130)); /* also what a dead run said has aged out */
        if (!mesh_agrees(&s))
            fail_msg("seed %llu: no agreement", (unsigned long long)seed);
        mesh_end(&s);
    }
}

/* Every allocation fails once; nothing breaks, and later all is as it should be. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t allow = 0; allow < 60; allow++) {
        line(3);
        s.mem.allow = allow;
        for (unsigned k = 0; k < 12; k++)
            (void)mesh_say(&s, 0, k % 3, k, GW_CATS_UP, k);
        s.mem.allow = SIZE_MAX;
        for (unsigned k = 0; k < 12; k++)
            assert_int_equal(mesh_say(&s, 0, k % 3, k, GW_CATS_UP, k), 0);
        s.mem.allow = allow / 2;
        mesh_run(&s, GW_MSEC(500));
        s.mem.allow = SIZE_MAX;
        mesh_run(&s, GW_SEC(100));
        assert_true(mesh_agrees(&s));
        assert_int_equal(gw_table_count(&s.node[2].m.instances), 12);
        mesh_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),           cmocka_unit_test(test_cost),
        cmocka_unit_test(test_many),           cmocka_unit_test(test_restart),
        cmocka_unit_test(test_passed_on_once), cmocka_unit_test(test_silent_origin),
        cmocka_unit_test(test_denied),         cmocka_unit_test(test_storms),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
