/* test_plane.c: the packet path has no room for a part of what it is told: a prefix among several,
 * a tunnel, a network. It is told again of all that belongs together, and nobody is told meanwhile
 * that it is there. What happens when it refuses everything is in test_limits.c and test_lma.c.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static unsigned refused; /* so far; a test allows for some only */

static bool own_prefix_of_2(size_t node, const struct gw_intent *i)
{
    bool no = node == 2 && i->kind == GW_INTENT_PREFIX_SET && i->prefix.kind == GW_PFX_LOCAL &&
              refused < 1;
    refused += no;
    return no;
}

/* Of a serving MAAR's prefixes not the last that is said, but one before it. */
static void one_of_several_prefixes(void **state)
{
    (void)state;
    struct world *w = w_new(2, 31);

    refused = 0;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    w->refuse = own_prefix_of_2;
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(1));
    struct gw_prefix own = w_own(w, 2, 1), before = w_own(w, 1, 1);
    assert_int_equal(refused, 1);
    assert_null(w_prefix(w, 2, &own));
    assert_non_null(w_prefix(w, 2, &before));
    assert_int_equal(w_count(w, 2, GW_CNT_PLANE_FAILED), 1);
    w_run(w, GW_SEC(45)); /* a refresh */
    w_check(w, 1, 2);
    w_check_all(w);
    w_free(w);
}

static bool first_of_the_lma(size_t node, const struct gw_intent *i)
{
    bool no = node == 0 && i->kind == GW_INTENT_PREFIX_SET && refused < 1;
    refused += no;
    return no;
}

/* An LMA does not say that a session has prefixes that it cannot forward. */
static void one_of_a_session(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(1, 32);
    struct gw_bindings *bs = &w->n[1].node->mag.bs;

    refused = 0;
    w->n[0].policy.prefixes = 2;
    w->n[0].cfg->policy = &w->n[0].policy;
    w->n[0].cfg->npolicy = 1;
    w->refuse = first_of_the_lma;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(500));
    assert_int_equal(refused, 1);
    assert_int_equal(gw_table_count(&bs->by_prefix), 0);
    assert_int_equal(w_prefixes(w, 0), 0);
    w_run(w, GW_SEC(2));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(2));
    assert_int_equal(gw_table_count(&bs->by_prefix), 2);
    assert_int_equal(w_prefixes(w, 0), 2);
    w_free(w);
}

static bool moved_at_1(size_t node, const struct gw_intent *i)
{
    bool no = node == 1 && i->kind == GW_INTENT_PREFIX_SET && i->prefix.kind == GW_PFX_MOVED &&
              refused < 2;
    refused += no;
    return no;
}

/* A MAAR starts as a previous MAAR, and there is no room for its prefix. */
static void anchor_that_starts(void **state)
{
    (void)state;
    struct world *w = w_new(2, 33);

    refused = 0;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(3));
    struct gw_prefix p = w_own(w, 1, 1);
    w_crash(w, 1);
    w->refuse = moved_at_1;
    w_boot(w, 1);
    w_run(w, GW_SEC(1));
    assert_int_equal(refused, 1);
    assert_null(w_prefix(w, 1, &p));
    w_run(w, GW_SEC(70));
    assert_int_equal(refused, 2);
    w_check(w, 1, 2);
    w_check_all(w);
    w_free(w);
}

static bool peers_of_1(size_t node, const struct gw_intent *i)
{
    bool no = node == 1 && i->kind == GW_INTENT_PEER_SET && refused < 3;
    refused += no;
    return no;
}

/* Tunnels with peers, of which there are two at MAAR 1: each is refused once, and one twice. */
static void tunnels(void **state)
{
    (void)state;
    struct world *w = w_new(3, 34);

    refused = 0;
    w_crash(w, 1);
    w->refuse = peers_of_1;
    w_boot(w, 1);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(500));
    assert_int_equal(refused, 2);
    assert_int_equal(w_count(w, 1, GW_CNT_PLANE_FAILED), 1);
    w_run(w, GW_SEC(10)); /* 1 s, then 2 s later */
    assert_int_equal(refused, 3);
    assert_int_equal(w_count(w, 1, GW_CNT_PLANE_FAILED), 2);
    struct gw_prefix p = w_own(w, 2, 1);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_true(w_packet(w, 1, &p));
    w_check(w, 1, 1);
    w_check_all(w);
    w_free(w);
}

static bool own_net_of_1(size_t node, const struct gw_intent *i)
{
    bool no = node == 1 && i->kind == GW_INTENT_NET_SET && i->net.kind == GW_NET_OWN && refused < 1;
    refused += no;
    return no;
}

/* A network behind this node, of which a reload tells. */
static void network(void **state)
{
    (void)state;
    static struct gw_prefix behind = {{{0x20, 0x01, 0x0d, 0xb8, 0x77}}, 48};
    struct world *w = w_new(2, 35);
    struct gw_config *c = &w->n[1].cfg[1];

    refused = 0;
    w->refuse = own_net_of_1;
    *c = w->n[1].cfg[0];
    c->mobility.nlocal = 1;
    c->mobility.local = &behind;
    assert_int_equal(gw_node_reload(w->n[1].node, c, NULL, NULL, w_now(w)), 0);
    w_drain(w, 1);
    assert_int_equal(refused, 1);
    assert_null(w_net(w, 1, 0, &behind));
    w_run(w, GW_SEC(2));
    assert_non_null(w_net(w, 1, 0, &behind));
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_several_prefixes),
        cmocka_unit_test(one_of_a_session),
        cmocka_unit_test(anchor_that_starts),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
