/* Attachments by their sources: on an interface whose stations authenticate, hostapd (or RADIUS
 * accounting) admits and names, and what else is seen of a station counts only after that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

static struct gw_cfg_hostapd on_access = {.socket = "/run/hostapd/wlan0"};
static const struct gw_mnid alice = {GW_MNID_NAI, 17, (const uint8_t *)"alice@example.org"};

/* Maar 1 and 2 have hostapd on their access interface. */
static struct world *controlled_world(void)
{
    struct world *w = w_new(2, 7);

    on_access.iface = w->n[1].cfg->ifs[w_station(0).iface].name;
    for (size_t i = 1; i <= 2; i++) {
        assert_string_equal(w->n[i].cfg->ifs[0].name, on_access.iface);
        w->n[i].cfg->attachment.nhostapd = 1;
        w->n[i].cfg->attachment.hostapd = &on_access;
    }
    return w;
}

static int tell(struct world *w, size_t node, enum gw_input_kind kind, enum gw_seen_by by,
                unsigned mn, const struct gw_mnid *id)
{
    struct gw_input in = {
        .kind = kind,
        .attach = {.station = w_station(mn), .mnid = id, .by = by, .seen = w_now(w).mono}};
    return w_input(w, node, &in);
}

static int all_said(struct world *w, size_t node)
{
    struct gw_input in = {.kind = GW_IN_ALL_SAID, .link = {.iface = w_station(0).iface}};
    return w_input(w, node, &in);
}

/* A router solicitation of a station. */
static int solicit(struct world *w, size_t node, unsigned mn)
{
    struct gw_station_key st = w_station(mn);
    struct gw_nd rs = {.type = GW_ND_RS,
                       .src.b = {0xfe, 0x80, [15] = 1},
                       .dst.b = {0xff, 2, [15] = 2},
                       .slla = st.lladdr};
    uint8_t buf[256];
    int len = gw_nd_write(&rs, buf, sizeof buf);

    assert_true(len > 0);
    struct gw_input in = {
        .kind = GW_IN_ND,
        .nd = {.iface = st.iface, .src = st.lladdr, .data = buf, .len = (size_t)len}};
    return w_input(w, node, &in);
}

static struct gw_maar_mn *named(struct world *w, size_t node, const struct gw_mnid *id)
{
    struct gw_binding *b = gw_binding_get(&w->n[node].node->maar.bs, id);
    return b != NULL ? gw_maar_mn(b) : NULL;
}

static void only_the_authorised(void **state)
{
    (void)state;
    struct world *w = controlled_world();

    assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
    assert_int_equal(solicit(w, 1, 1), GW_EDENIED);
    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_NETLINK, 1, NULL), GW_EDENIED);
    assert_int_equal(w_count(w, 1, GW_CNT_UNAUTHORISED), 3);
    w_run(w, GW_SEC(1));
    assert_int_equal(w->messages, 0);
    /* all sources together are one attachment under one name */
    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 1, &alice), 0);
    assert_int_equal(w_attach(w, 1, 1), 0);
    assert_int_equal(solicit(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_count(w, 1, GW_CNT_ATTACHED), 1);
    assert_int_equal(w->messages, 2);
    struct gw_maar_mn *mn = named(w, 1, &alice);
    assert_non_null(mn);
    assert_int_equal(mn->state, GW_MN_SERVING);
    assert_int_equal(mn->seen_by, 1u << GW_SEEN_HOSTAPD | 1u << GW_SEEN_FRAME | 1u << GW_SEEN_RS);
    assert_null(w_mn(w, 1, 1)); /* none under its EUI-48 */
    w_free(w);
}

static void without_an_identity(void **state)
{
    (void)state;
    struct world *w = controlled_world();

    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 1, NULL), 0);
    w_run(w, GW_SEC(1));
    w_place(w, 1, 1);
    w_check(w, 1, 1);
    assert_int_equal(tell(w, 1, GW_IN_DETACH, GW_SEEN_HOSTAPD, 1, NULL), 0);
    w_place(w, 1, 0);
    w_run(w, GW_SEC(40));
    w_check_gone(w, 1);
    w_free(w);
}

/* What may attach does so when it is seen, and then by its name. */
static void may_attach(void **state)
{
    (void)state;
    struct world *w = controlled_world();

    assert_int_equal(tell(w, 1, GW_IN_AUTHORISED, GW_SEEN_HOSTAPD, 1, &alice), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w->messages, 0);
    assert_int_equal(solicit(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_non_null(named(w, 1, &alice));
    assert_int_equal(named(w, 1, &alice)->seen_by, 1u << GW_SEEN_RS);
    w_free(w);
}

/* The interfaces of a NAS are controlled too, and it may say where a station may show itself. */
static void accounted_for(void **state)
{
    (void)state;
    struct world *w = controlled_world();
    const char *ifs[] = {"another", on_access.iface};
    struct gw_cfg_nas nas = {.nifs = 1, .ifs = ifs};

    w->n[1].cfg->attachment.nhostapd = 0;
    w->n[1].cfg->attachment.radius.nnas = 1;
    w->n[1].cfg->attachment.radius.nas = &nas;
    assert_int_equal(solicit(w, 1, 1), 0); /* not that NAS's interface */
    nas.nifs = 2;
    assert_int_equal(solicit(w, 1, 2), GW_EDENIED);
    assert_int_equal(tell(w, 1, GW_IN_AUTHORISED, GW_SEEN_RADIUS, 2, &alice), 0);
    w_run(w, GW_SEC(1));
    assert_null(named(w, 1, &alice)); /* let in, and not seen yet */
    assert_int_equal(solicit(w, 1, 2), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(named(w, 1, &alice)->seen_by, 1u << GW_SEEN_RS);
    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_RADIUS, 2, &alice), 0);
    assert_int_equal(named(w, 1, &alice)->seen_by, 1u << GW_SEEN_RS | 1u << GW_SEEN_RADIUS);
    assert_int_equal(tell(w, 1, GW_IN_DETACH, GW_SEEN_RADIUS, 2, NULL), 0);
    assert_true(gw_timer_is_set(&named(w, 1, &alice)->guard));
    assert_int_equal(solicit(w, 1, 2), GW_EDENIED);
    w_free(w);
}

/* Whom hostapd has disconnected cannot keep itself here by its frames; others cannot disconnect. */
static void disconnected(void **state)
{
    (void)state;
    struct world *w = controlled_world();

    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 1, &alice), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(tell(w, 1, GW_IN_DETACH, GW_SEEN_NETLINK, 1, NULL), 0);
    assert_true(gw_timer_is_set(&named(w, 1, &alice)->guard));
    assert_int_equal(solicit(w, 1, 1), 0);
    assert_false(gw_timer_is_set(&named(w, 1, &alice)->guard));
    assert_int_equal(tell(w, 1, GW_IN_DETACH, GW_SEEN_HOSTAPD, 1, NULL), 0);
    assert_int_equal(solicit(w, 1, 1), GW_EDENIED);
    assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
    assert_true(gw_timer_is_set(&named(w, 1, &alice)->guard));
    w_run(w, GW_SEC(40));
    assert_null(named(w, 1, &alice));
    assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
    w_free(w);
}

/* After a restart of the daemon: who is here stays until hostapd has said all, and then only those
 * it named. */
static void restarted(void **state)
{
    (void)state;
    struct world *w = controlled_world();

    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 1, &alice), 0);
    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 2, NULL), 0);
    w_place(w, 1, 1);
    w_place(w, 2, 1);
    w_run(w, GW_SEC(1));
    w_crash(w, 1);
    w_boot(w, 1);
    w_run(w, GW_SEC(1));
    assert_int_equal(solicit(w, 1, 2), 0);
    assert_int_equal(tell(w, 1, GW_IN_AUTHORISED, GW_SEEN_HOSTAPD, 1, &alice), 0);
    assert_int_equal(all_said(w, 1), 0);
    assert_int_equal(solicit(w, 1, 1), 0);
    assert_int_equal(solicit(w, 1, 2), GW_EDENIED);
    w_place(w, 2, 0);
    w_run(w, GW_SEC(40));
    assert_non_null(named(w, 1, &alice));
    w_check_gone(w, 2);
    w_free(w);
}

static void policy_on_names(void **state)
{
    (void)state;
    static struct gw_cfg_policy rules[] = {
        {.match = GW_MATCH_MNID, .pattern = "mallory@*", .allow = false},
        {.match = GW_MATCH_MNID,
         .pattern = "*@example.org",
         .allow = true,
         .anchoring = GW_ANCHORING_HERE},
    };
    static const struct gw_mnid mallory = {GW_MNID_NAI, 19, (const uint8_t *)"mallory@example.org"};
    struct world *w = controlled_world();

    w->n[1].cfg->policy = rules;
    w->n[1].cfg->npolicy = 2;
    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 1, &mallory), GW_EDENIED);
    assert_int_equal(solicit(w, 1, 1), GW_EDENIED);
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_POLICY), 2);
    assert_int_equal(gw_pools_count(&w->n[1].node->maar.pools), 0);
    assert_int_equal(tell(w, 1, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 2, &alice), 0);
    w_run(w, GW_SEC(1));
    assert_non_null(named(w, 1, &alice));
    w_free(w);
}

/* The table of the authorised has the stations' limit, and failing allocations are survived. */
static void bounds(void **state)
{
    (void)state;
    struct world *w = controlled_world();

    w_crash(w, 1);
    w->n[1].cfg->limits.stations = 4;
    w_boot(w, 1);
    for (unsigned mn = 0; mn < 4; mn++)
        assert_int_equal(tell(w, 1, GW_IN_AUTHORISED, GW_SEEN_HOSTAPD, mn, &alice), 0);
    assert_int_equal(tell(w, 1, GW_IN_AUTHORISED, GW_SEEN_HOSTAPD, 4, NULL), GW_EFULL);
    assert_int_equal(w_count(w, 1, GW_CNT_LIMIT_STATIONS), 1);
    assert_int_equal(tell(w, 1, GW_IN_DETACH, GW_SEEN_HOSTAPD, 0, NULL), GW_ENOENT);
    assert_int_equal(tell(w, 1, GW_IN_AUTHORISED, GW_SEEN_HOSTAPD, 4, NULL), 0);
    for (unsigned n = 1; n < 8; n++) {
        w->sim->memory.fail_at = w->sim->memory.count + n;
        w->sim->memory.fail_for = 1;
        (void)tell(w, 2, GW_IN_ATTACH, GW_SEEN_HOSTAPD, 10 + n, NULL);
    }
    w->sim->memory.fail_at = 0;
    w_run(w, GW_SEC(1));
    w_free(w); /* asserts that nothing is lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_authorised), cmocka_unit_test(without_an_identity),
        cmocka_unit_test(may_attach),          cmocka_unit_test(accounted_for),
        cmocka_unit_test(disconnected),        cmocka_unit_test(restarted),
        cmocka_unit_test(policy_on_names),     cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
