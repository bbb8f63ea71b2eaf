/* test_anchoring.c: where the prefixes of a mobile node come from, by policy: anchored here, or
 * here without mobility.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gw_cfg_policy rule_here = {
    .match = GW_MATCH_ANY, .allow = true, .anchoring = GW_ANCHORING_HERE};
static struct gw_cfg_policy rule_none = {
    .match = GW_MATCH_ANY, .allow = true, .anchoring = GW_ANCHORING_NONE};
static struct gw_cfg_policy rule_deny = {.match = GW_MATCH_ANY};

static void set_policy(struct world *w, size_t node, struct gw_cfg_policy *p)
{
    w->n[node].cfg->policy = p;
    w->n[node].cfg->npolicy = 1;
    assert_int_equal(gw_node_reload(w->n[node].node, w->n[node].cfg, NULL, NULL, w_now(w)), 0);
    w_drain(w, node);
}

static struct world *without_mobility(uint64_t seed)
{
    struct world *w = w_new(2, seed);

    set_policy(w, 1, &rule_none);
    set_policy(w, 2, &rule_none);
    return w;
}

static void check_local(struct world *w, size_t node, unsigned mn)
{
    struct gw_maar_mn *m = w_mn(w, node, mn);

    assert_non_null(m);
    assert_int_equal(m->state, GW_MN_LOCAL);
    assert_true(m->programmed);
    const struct gw_t_prefix *i = w_prefix(w, node, &m->own->prefix);
    assert_non_null(i);
    assert_int_equal(i->kind, GW_PFX_LOCAL);
    assert_true(w_has_station(w, node, mn));
    assert_null(w_bce(w, mn));
}

/* No message of any kind leaves for it, and it has a prefix and a router. */
static void nobody_hears_of_it(void **state)
{
    struct world *w = without_mobility(1);
    unsigned before = w->messages;

    (void)state;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    check_local(w, 1, 1);
    assert_true(gw_prefix_eq(&w->seen[1].last_ra[0].pio[0].prefix, &w_mn(w, 1, 1)->own->prefix));
    assert_int_not_equal(w->seen[1].last_ra[0].pio[0].preferred_s, 0);
    w_run(w, GW_SEC(300)); /* it answers when it is asked, so it stays */
    check_local(w, 1, 1);
    assert_int_equal(w->messages, before);
    assert_int_equal(w_detach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 1, 1), 0); /* within the guard interval */
    w_run(w, GW_SEC(10));
    check_local(w, 1, 1);
    w_detach(w, 1, 1);
    w_run(w, GW_SEC(10));
    w_check_gone(w, 1);
    assert_int_equal(w->messages, before);
    w_check_all(w);
    w_free(w);
}

static void without_cmd(struct world *w, struct sim_node *n)
{
    (void)w;
    n->cfg->cmd = (struct gw_addr){{0}};
    n->cfg->policy = &rule_none;
    n->cfg->npolicy = 1;
}

/* A domain without a CMD: nothing is missing, and nobody is told anything, not even after a restart
 * or when a heartbeat would be due. */
static void no_cmd_at_all(void **state)
{
    static const unsigned roles[] = {GW_ROLE_MAAR, GW_ROLE_MAAR};

    (void)state;
    w_configure = without_cmd;
    struct world *w = w_new_roles(roles, 2, 9);
    w_configure = NULL;
    assert_int_equal(w_attach(w, 0, 1), 0);
    w_run(w, GW_SEC(1));
    check_local(w, 0, 1);
    w_crash(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(120));
    assert_non_null(w_mn(w, 0, 1));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_detach(w, 0, 1);
    w_run(w, GW_SEC(20));
    check_local(w, 1, 1);
    assert_null(w_mn(w, 0, 1));
    assert_int_equal(w->sent[GW_MH_BU] + w->sent[GW_MH_BA], 0);
    w_check_all(w);
    w_free(w);
}

/* The next MAAR gives another prefix and knows nothing of the first. */
static void moving_loses_it(void **state)
{
    struct world *w = without_mobility(2);

    (void)state;
    w_attach(w, 1, 1);
    w_run(w, GW_SEC(40)); /* it has been asked once, so its address is known */
    struct gw_prefix first = w_own(w, 1, 1);
    w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    check_local(w, 2, 1);
    assert_null(w_prefix(w, 2, &first));
    w_run(w, GW_SEC(60)); /* asked at the first MAAR, it does not answer */
    assert_null(w_mn(w, 1, 1));
    assert_null(w_prefix(w, 1, &first));
    assert_int_equal(w_count(w, 1, GW_CNT_SILENT), 1);
    assert_int_equal(w->messages, 0);
    w_check_all(w);
    w_free(w);
}

static void survives_a_crash(void **state)
{
    struct world *w = without_mobility(3);

    (void)state;
    w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix own = w_own(w, 1, 1);
    w_crash(w, 1);
    w_boot(w, 1);
    w_run(w, GW_SEC(1));
    check_local(w, 1, 1);
    assert_true(gw_prefix_eq(&w_mn(w, 1, 1)->own->prefix, &own));
    w_run(w, GW_SEC(40));
    w_place(w, 1, 0); /* it goes without a word */
    w_run(w, GW_SEC(120));
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

static void the_policy_changes(void **state)
{
    struct world *w = without_mobility(4);

    (void)state;
    w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix own = w_own(w, 1, 1);
    set_policy(w, 1, &rule_here); /* registered with the prefix it has */
    w_run(w, GW_SEC(1));
    w_check(w, 1, 1);
    assert_true(gw_prefix_eq(&w_mn(w, 1, 1)->own->prefix, &own));
    set_policy(w, 1, &rule_none); /* the session ends; its next frame attaches it again */
    w_run(w, GW_SEC(1));
    assert_null(w_mn(w, 1, 1));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(20));
    check_local(w, 1, 1);
    set_policy(w, 1, &rule_deny);
    w_run(w, GW_SEC(1));
    w_check_gone(w, 1);
    assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
    w_check_all(w);
    w_free(w);
}

/* HERE is taken out of the row while the CMD is being asked, and while the node is elsewhere. */
static void mobility_ends_in_the_middle(void **state)
{
    struct world *w = w_new(2, 5);

    (void)state;
    w_attach(w, 1, 1);
    set_policy(w, 1, &rule_none);
    w_run(w, GW_SEC(1));
    assert_null(w_mn(w, 1, 1)); /* registered, and over at once */
    w_attach(w, 1, 1);
    w_run(w, GW_SEC(20));
    check_local(w, 1, 1);
    set_policy(w, 1, &rule_here);
    w_run(w, GW_SEC(1));
    w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 2);
    set_policy(w, 1, &rule_none);
    assert_int_equal(w_attach(w, 1, 1), 0); /* back as a P-MAAR that has no mobility any more */
    w_run(w, GW_SEC(5));
    w_attach(w, 1, 1);
    w_run(w, GW_SEC(20));
    check_local(w, 1, 1);
    assert_null(w_mn(w, 2, 1));
    w_check_all(w);
    w_free(w);
}

static void no_memory(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 60; at++) {
        struct world *w = without_mobility(6);
        w->sim->memory.fail_at = w->sim->memory.count + at;
        w->sim->memory.fail_for = 1 + at % 3;
        (void)w_attach(w, 1, 1);
        w_run(w, GW_SEC(1));
        w->sim->memory.fail_at = 0;
        (void)w_attach(w, 1, 1);
        w_run(w, GW_SEC(100));
        check_local(w, 1, 1);
        w_detach(w, 1, 1);
        w_run(w, GW_SEC(10));
        w_check_gone(w, 1);
        w_check_all(w);
        w_free(w);
    }
}

/* The MAAR is killed before it hears that the CMD has said yes. It knows nevertheless that the
 * prefix is not free: the station has it again when it shows itself, also where the CMD is asked
 * for nothing any more; else the session is ended. */
static void killed_while_registering(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 3; what++) {
        struct world *w = w_new(2, 30);
        assert_int_equal(w_attach(w, 1, 1), 0);
        struct gw_prefix p = w_own(w, 1, 1);
        assert_int_equal(sim_disk_count(w->n[1].disk, 'M'), 1);
        while (w_bce(w, 1) == NULL)
            w_run(w, (struct gw_time){100000});
        w_crash(w, 1);
        w_boot(w, 1);
        assert_non_null(w_mn(w, 1, 1));
        assert_true(gw_pools_is_taken(&w->n[1].node->maar.pools, &p));
        if (what == 1)
            assert_int_equal(w_attach(w, 1, 1), 0);
        if (what == 2) { /* nobody has asked the CMD about this one */
            set_policy(w, 1, &rule_none);
            for (unsigned mn = 2; mn <= 10; mn++) {
                assert_int_equal(w_attach(w, 1, mn), 0);
                struct gw_prefix q = w_own(w, 1, mn);
                assert_false(gw_prefix_eq(&q, &p));
            }
        }
        w_run(w, GW_SEC(10));
        if (what == 1) {
            w_check(w, 1, 1);
            struct gw_prefix now = w_own(w, 1, 1);
            assert_true(gw_prefix_eq(&now, &p));
        } else {
            w_check_gone(w, 1);
        }
        w_check_all(w);
        w_free(w);
    }
}

/* Who is refused leaves no record. */
static void refused_while_registering(void **state)
{
    (void)state;
    struct world *w = w_new(2, 31);

    set_policy(w, 0, &rule_deny);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_REFUSED);
    assert_int_equal(sim_disk_count(w->n[1].disk, 'M'), 0);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_hears_of_it),
        cmocka_unit_test(no_cmd_at_all),
        cmocka_unit_test(moving_loses_it),
        cmocka_unit_test(survives_a_crash),
        cmocka_unit_test(the_policy_changes),
        cmocka_unit_test(mobility_ends_in_the_middle),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(killed_while_registering),
        cmocka_unit_test(refused_while_registering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
