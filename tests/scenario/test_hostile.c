/* Hostile messages to a MAAR and to the CMD, in each state of an entry. */
#include "hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CMD  HOSTILE_CENTRE
#define MAAR HOSTILE_EDGE

/* Two stations, the other one at MAAR 2. */
static struct world *world(void)
{
    struct world *w = w_new(3, 64);

    assert_int_equal(w_attach(w, 2, 2), 0);
    w_run(w, GW_SEC(1));
    return w;
}

static struct world *served(void)
{
    struct world *w = world();

    assert_int_equal(w_attach(w, MAAR, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_SERVING);
    return w;
}

static struct world *moved(void)
{
    struct world *w = served();

    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_PREVIOUS);
    return w;
}

static void maar_unknown(void **state)
{
    struct world *w = world();

    (void)state;
    assert_null(w_mn(w, MAAR, 1));
    hostile_attack(w, MAAR, "maar unknown");
}

static void maar_registering(void **state)
{
    struct world *w = world();

    (void)state;
    w->tap = hostile_lose;
    assert_int_equal(w_attach(w, MAAR, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_REGISTERING);
    hostile_attack(w, MAAR, "maar registering");
}

static void maar_serving(void **state)
{
    (void)state;
    hostile_attack(served(), MAAR, "maar serving");
}

static void maar_deregistering(void **state)
{
    struct world *w = served();

    (void)state;
    w->tap = hostile_lose;
    assert_int_equal(w_detach(w, MAAR, 1), 0);
    w_run(w, GW_MSEC(3500));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_DEREGISTERING);
    hostile_attack(w, MAAR, "maar deregistering");
}

static void maar_previous(void **state)
{
    (void)state;
    hostile_attack(moved(), MAAR, "maar previous");
}

static void maar_releasing(void **state)
{
    struct world *w = moved();

    (void)state;
    w_plane_takes(w, GW_SEC(60));
    assert_int_equal(w_detach(w, 2, 1), 0);
    w_run(w, GW_SEC(4));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_RELEASING);
    hostile_attack(w, MAAR, "maar releasing");
}

static void maar_refused(void **state)
{
    struct world *w = world();

    (void)state;
    w->n[CMD].policy.allow = false;
    assert_int_equal(w_attach(w, MAAR, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_REFUSED);
    w->n[CMD].policy.allow = true;
    hostile_attack(w, MAAR, "maar refused");
}

static const struct gw_cfg_policy immobile = {
    .match = GW_MATCH_ANY, .allow = true, .anchoring = GW_ANCHORING_NONE};

static void maar_local(void **state)
{
    struct world *w = world();

    (void)state;
    w->n[MAAR].policy = immobile;
    assert_int_equal(w_attach(w, MAAR, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, MAAR, 1)->state, GW_MN_LOCAL);
    hostile_attack(w, MAAR, "maar local");
}

static void cmd_none(void **state)
{
    struct world *w = world();

    (void)state;
    assert_null(w_bce(w, 1));
    hostile_attack(w, CMD, "cmd none");
}

static void cmd_serving(void **state)
{
    (void)state;
    hostile_attack(served(), CMD, "cmd serving");
}

static void cmd_updating(void **state)
{
    struct world *w = moved();

    (void)state;
    w_crash(w, MAAR);
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(gw_anchor_of(&w_bce(w, 1)->b, &w->n[MAAR].cfg->addr)->state,
                     GW_ANCHOR_UPDATING);
    hostile_attack(w, CMD, "cmd updating");
}

static void cmd_releasing(void **state)
{
    struct world *w = moved();

    (void)state;
    w_crash(w, MAAR);
    assert_int_equal(w_detach(w, 2, 1), 0);
    w_run(w, GW_SEC(4));
    assert_true(gw_addr_is_zero(&w_bce(w, 1)->b.serving));
    assert_int_equal(w_bce(w, 1)->b.anchors->state, GW_ANCHOR_RELEASING);
    hostile_attack(w, CMD, "cmd releasing");
}

static void cmd_ended(void **state)
{
    struct world *w = served();

    (void)state;
    assert_int_equal(w_detach(w, MAAR, 1), 0);
    w_run(w, GW_SEC(4));
    assert_non_null(w_bce(w, 1));
    assert_null(w_bce(w, 1)->b.anchors);
    hostile_attack(w, CMD, "cmd ended");
}

static struct gw_mh heard;
static uint8_t heard_octets[GW_MH_MAX];

/* The CMD's answer to MAAR 2 is kept back. */
static int keep_answer(struct world *w, struct sim_message *e)
{
    (void)w;
    if (e->from != CMD || e->to != 2)
        return 0;
    memcpy(heard_octets, e->data, e->len);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, e->addrs, heard_octets, e->len, &heard).code,
                     GW_PARSE_OK);
    return 1;
}

/* Whatever the CMD says, a MAAR serves prefixes that the MAAR named may anchor, and no others. */
static void foreign_anchors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * 5; i++) {
        const struct gw_prefix forged[] = {
            {.len = 0}, sim_pool(1), sim_pool(2), sim_pool(3), {.addr = {{0xff}}, .len = 64}};
        struct world *w = served();
        w_crash(w, 2);
        if (i % 2 != 0) /* whose pools are not known here */
            w->n[2].cfg->peers[1].npools = 0;
        assert_true(gw_addr_eq(&w->n[2].cfg->peers[1].addr, &w->n[MAAR].cfg->addr));
        w_boot(w, 2);
        w_run(w, GW_SEC(1));
        w->tap = keep_answer;
        assert_int_equal(w_attach(w, 2, 1), 0);
        w_run(w, GW_MSEC(100));
        w->tap = NULL;
        assert_int_equal(heard.type, GW_MH_BA);
        struct gw_prefix p = forged[i / 2];
        if (i / 2 == 2 || i / 2 == 3) { /* as long as one of a node: of the receiver, of a third */
            p.addr.b[7] = 77;
            p.len = 64;
        }
        w_find(&heard, GW_OPT_PREVIOUS_MAAR)->previous_maar.hnp = p;
        w_without(&heard, GW_OPT_AUTH);
        w_find(&heard, GW_OPT_MESGID)->u64 = gw_ntp_time(w_now(w).wall_ns);
        assert_int_equal(w_inject(w, CMD, 2, &heard, NULL), 0);
        bool unknown = i / 2 == 3 && i % 2 != 0; /* then nobody knows better */
        assert_int_equal(w_mn(w, 2, 1)->b.nanchors, unknown ? 2 : 1);
        assert_int_equal(w_prefix(w, 2, &p) != NULL, unknown);
        assert_int_equal(w_count(w, 2, GW_CNT_REFUSED_PREFIX), !unknown);
        w_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maar_unknown),  cmocka_unit_test(maar_registering),
        cmocka_unit_test(maar_serving),  cmocka_unit_test(maar_deregistering),
        cmocka_unit_test(maar_previous), cmocka_unit_test(maar_releasing),
        cmocka_unit_test(maar_refused),  cmocka_unit_test(maar_local),
        cmocka_unit_test(cmd_none),      cmocka_unit_test(cmd_serving),
        cmocka_unit_test(cmd_updating),  cmocka_unit_test(cmd_releasing),
        cmocka_unit_test(cmd_ended),     cmocka_unit_test(foreign_anchors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
