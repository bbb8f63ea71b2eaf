/* Hostile messages to an LMA and to a MAG, in each state of a session and of an entry. */
#include "hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LMA HOSTILE_CENTRE
#define MAG HOSTILE_EDGE

/* Two stations, the other one at MAG 2. */
static struct world *world(void)
{
    struct world *w = w_new_pmip(3, 64);

    assert_int_equal(w_attach(w, 2, 2), 0);
    w_run(w, GW_SEC(1));
    return w;
}

static struct gw_binding *of_node_1(struct world *w, size_t node)
{
    uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);

    return gw_binding_get(node == LMA ? &w->n[LMA].node->lma.bs : &w->n[node].node->mag.bs, &mn);
}

static void check_mag(struct world *w, enum gw_mag_state state)
{
    struct gw_binding *b = of_node_1(w, MAG);

    assert_non_null(b);
    assert_int_equal(gw_mag_mn(b)->state, state);
}

static struct world *served(void)
{
    struct world *w = world();

    assert_int_equal(w_attach(w, MAG, 1), 0);
    w_run(w, GW_SEC(1));
    check_mag(w, GW_MAG_SERVING);
    return w;
}

static void lma_none(void **state)
{
    struct world *w = world();

    (void)state;
    assert_null(of_node_1(w, LMA));
    hostile_attack(w, LMA, "lma none");
}

static void lma_serving(void **state)
{
    struct world *w = served();

    (void)state;
    assert_false(gw_lma_session(of_node_1(w, LMA))->leaving);
    hostile_attack(w, LMA, "lma serving");
}

static void lma_leaving(void **state)
{
    struct world *w = served();

    (void)state;
    assert_int_equal(w_detach(w, MAG, 1), 0);
    w_run(w, GW_SEC(5));
    assert_non_null(of_node_1(w, LMA));
    assert_true(gw_lma_session(of_node_1(w, LMA))->leaving);
    hostile_attack(w, LMA, "lma leaving");
}

/* The node is at another MAG, and whether its session moves is not known yet. */
static void lma_waiting(void **state)
{
    struct world *w = served();

    (void)state;
    w->n[LMA].cfg->pmip.max_before_assign = GW_SEC(60);
    struct gw_mh m = {.type = GW_MH_BU, .bu = {7, GW_BU_A | GW_BU_P, 15}};
    uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);
    struct gw_lladdr other = w_station(9).lladdr;
    gw_lm_add_mnid(&m, &mn);
    gw_lm_add_prefix(&m, GW_OPT_HNP, &(struct gw_prefix){0});
    gw_lm_add_code(&m, GW_OPT_HI, GW_HI_UNKNOWN);
    gw_lm_add_code(&m, GW_OPT_ATT, 4);
    gw_lm_add_lladdr(&m, GW_OPT_MN_LLID, &other);
    gw_lm_add_u64(&m, GW_OPT_TIMESTAMP, gw_lm_timestamp(w_now(w).wall_ns));
    gw_lm_add_u64(&m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    assert_int_equal(w_inject(w, 3, LMA, &m, NULL), 0);
    assert_non_null(gw_lma_session(of_node_1(w, LMA))->wait);
    hostile_attack(w, LMA, "lma waiting");
}

static void mag_unknown(void **state)
{
    struct world *w = world();

    (void)state;
    assert_null(of_node_1(w, MAG));
    hostile_attack(w, MAG, "mag unknown");
}

static void mag_registering(void **state)
{
    struct world *w = world();

    (void)state;
    w->tap = hostile_lose;
    assert_int_equal(w_attach(w, MAG, 1), 0);
    w_run(w, GW_MSEC(100));
    check_mag(w, GW_MAG_REGISTERING);
    hostile_attack(w, MAG, "mag registering");
}

static void mag_serving(void **state)
{
    (void)state;
    hostile_attack(served(), MAG, "mag serving");
}

static void mag_deregistering(void **state)
{
    struct world *w = served();

    (void)state;
    w->tap = hostile_lose;
    assert_int_equal(w_detach(w, MAG, 1), 0);
    w_run(w, GW_MSEC(3500));
    check_mag(w, GW_MAG_DEREGISTERING);
    hostile_attack(w, MAG, "mag deregistering");
}

static void mag_refused(void **state)
{
    struct world *w = world();

    (void)state;
    w->n[LMA].policy.allow = false;
    assert_int_equal(w_attach(w, MAG, 1), 0);
    w_run(w, GW_MSEC(100));
    check_mag(w, GW_MAG_REFUSED);
    w->n[LMA].policy.allow = true;
    hostile_attack(w, MAG, "mag refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lma_none),    cmocka_unit_test(lma_serving),
        cmocka_unit_test(lma_leaving), cmocka_unit_test(lma_waiting),
        cmocka_unit_test(mag_unknown), cmocka_unit_test(mag_registering),
        cmocka_unit_test(mag_serving), cmocka_unit_test(mag_deregistering),
        cmocka_unit_test(mag_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
