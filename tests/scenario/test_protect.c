/* Peers whose signalling is under IPsec (RFC 5213 §4): nothing leaves and nothing is taken while
 * the kernel's policies do not ask for ESP in both directions, and no longer than that. The
 * kernel's part is played by the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define BOTH 3u /* GW_POLICY_IN and GW_POLICY_OUT as bits */

static struct gw_cfg_peer *peer_of(struct world *w, size_t node, size_t other)
{
    struct gw_config *c = w->n[node].cfg;

    for (size_t i = 0; i < c->npeers; i++)
        if (gw_addr_eq(&c->peers[i].addr, &w->n[other].cfg->addr))
            return &c->peers[i];
    fail();
    abort();
}

/* From here on, and from the start: the configuration is the node's own. */
static void use_esp(struct world *w, size_t a, size_t b, bool keys)
{
    struct gw_cfg_peer *ends[] = {peer_of(w, a, b), peer_of(w, b, a)};

    for (size_t i = 0; i < 2; i++) {
        ends[i]->esp = true;
        ends[i]->nkeys = keys ? ends[i]->nkeys : 0;
    }
}

static struct gw_policy policy(struct world *w, size_t node, size_t other, enum gw_policy_dir dir)
{
    const struct gw_addr *mine = &w->n[node].cfg->addr, *theirs = &w->n[other].cfg->addr;
    bool out = dir == GW_POLICY_OUT;

    return (struct gw_policy){.dir = dir,
                              .priority = 100,
                              .src = {*(out ? mine : theirs), 128},
                              .dst = {*(out ? theirs : mine), 128},
                              .proto = 135,
                              .esp = true};
}

/* What the kernel of a node asks for towards another: those directions, and nothing else. */
static void say(struct world *w, size_t node, size_t other, unsigned dirs)
{
    struct gw_policy list[GW_POLICY_DIRS];
    size_t n = 0;

    for (unsigned dir = 0; dir < GW_POLICY_DIRS; dir++)
        if ((dirs >> dir & 1) != 0)
            list[n++] = policy(w, node, other, (enum gw_policy_dir)dir);
    struct gw_input in = {.kind = GW_IN_POLICIES, .policies = {list, n}};
    assert_int_equal(w_input(w, node, &in), 0);
}

static unsigned with_mac;

static int look_for_mac(struct world *w, struct sim_message *e)
{
    static struct gw_mh m;
    static uint8_t octets[GW_MH_MAX];

    (void)w;
    memcpy(octets, e->data, e->len);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, e->addrs, octets, e->len, &m).code,
                     GW_PARSE_OK);
    with_mac += gw_lm_opt(&m, GW_OPT_AUTH) != NULL || gw_lm_opt(&m, GW_OPT_MESGID) != NULL;
    return 0;
}

static void nothing_leaves_before(void **state)
{
    (void)state;
    struct world *w = w_new(1, 1);

    use_esp(w, 0, 1, false);
    say(w, 0, 1, BOTH);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(20));
    say(w, 1, 0, 1u << GW_POLICY_OUT);
    w_run(w, GW_SEC(20));
    say(w, 1, 0, 1u << GW_POLICY_IN);
    w_run(w, GW_SEC(20));
    assert_int_equal(w->messages, 0);
    assert_false(gw_node_may_send(w->n[1].node, &w->n[0].cfg->addr));
    assert_in_range(w_count(w, 1, GW_CNT_OUT_NO_POLICY), 30, 90); /* about one a second */
    assert_int_equal(w_count(w, 1, GW_CNT_OUT_PBU), 0);
    assert_int_equal(w_count(w, 1, GW_CNT_RETRANSMIT), 0);
    assert_null(w_bce(w, 1));

    w->tap = look_for_mac;
    with_mac = 0;
    say(w, 1, 0, BOTH);
    w_run(w, GW_MSEC(1500)); /* the exchange has not backed off */
    w_check(w, 1, 1);
    assert_true(gw_node_may_send(w->n[1].node, &w->n[0].cfg->addr));
    assert_int_equal(with_mac, 0);
    w_free(w);
}

static void nothing_is_taken_before(void **state)
{
    (void)state;
    struct world *w = w_new(1, 2);

    use_esp(w, 0, 1, false);
    say(w, 1, 0, BOTH);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(5));
    assert_true(w->messages > 0);
    assert_int_equal(w_count(w, 0, GW_CNT_IN_NO_POLICY), w->messages);
    assert_int_equal(w_count(w, 0, GW_CNT_IN_PBU), 0);
    assert_null(w_bce(w, 1));
    say(w, 0, 1, BOTH);
    w_run(w, GW_SEC(40));
    w_check(w, 1, 1);
    w_free(w);
}

static void a_policy_that_goes_stops_messages(void **state)
{
    (void)state;
    struct world *w = w_new(1, 3);

    use_esp(w, 0, 1, false);
    say(w, 0, 1, BOTH);
    say(w, 1, 0, BOTH);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(2));
    w_check(w, 1, 1);
    say(w, 1, 0, 0);
    unsigned before = w->messages;
    w_run(w, GW_SEC(50)); /* less than the lifetime, after which the CMD tells it */
    assert_int_equal(w->messages, before);
    assert_true(w_count(w, 1, GW_CNT_OUT_NO_POLICY) > 0);
    w_free(w);
}

/* Other policies of the machine, before and behind; what a host may have of its own. */
static void only_what_the_kernel_would_choose_counts(void **state)
{
    (void)state;
    struct world *w = w_new(2, 4);
    struct gw_policy list[3];
    struct gw_input in = {.kind = GW_IN_POLICIES, .policies = {list, 3}};

    use_esp(w, 0, 1, false);
    list[0] = policy(w, 1, 0, GW_POLICY_IN);
    list[1] = policy(w, 1, 0, GW_POLICY_OUT);
    list[2] = (struct gw_policy){.dir = GW_POLICY_OUT, .priority = 200}; /* all, in the clear */
    assert_int_equal(w_input(w, 1, &in), 0);
    assert_true(gw_node_may_send(w->n[1].node, &w->n[0].cfg->addr));
    list[2].priority = 50;
    assert_int_equal(w_input(w, 1, &in), 0);
    assert_false(gw_node_may_send(w->n[1].node, &w->n[0].cfg->addr));
    list[2].esp = true; /* any to any, under ESP */
    list[0].src = list[1].dst = (struct gw_prefix){0};
    assert_int_equal(w_input(w, 1, &in), 0);
    assert_true(gw_node_may_send(w->n[1].node, &w->n[0].cfg->addr));
    assert_true(gw_node_may_send(w->n[1].node, &w->n[2].cfg->addr)); /* a MAC protects that */
    w_free(w);
}

/* Keys beside ESP: the kernel's word is not enough. */
static void both(void **state)
{
    (void)state;
    struct world *w = w_new(1, 5);

    use_esp(w, 0, 1, true);
    say(w, 0, 1, BOTH);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(2));
    assert_int_equal(w->messages, 0);
    w->tap = look_for_mac;
    with_mac = 0;
    say(w, 1, 0, BOTH);
    w_run(w, GW_SEC(2));
    w_check(w, 1, 1);
    assert_true(with_mac >= 2 && with_mac == w->messages);
    w_spoil_key(w, 0, 1);
    uint64_t pbus = w_count(w, 0, GW_CNT_IN_PBU);
    w_run(w, w->n[1].cfg->timers.lifetime);
    assert_true(w_count(w, 0, GW_CNT_AUTH_FAILED) > 0);
    assert_int_equal(w_count(w, 0, GW_CNT_IN_PBU), pbus);
    w_free(w);
}

/* A peer with neither key nor ESP, which no file can say, is spoken with by nobody. */
static void neither(void **state)
{
    (void)state;
    struct world *w = w_new(1, 6);

    use_esp(w, 0, 1, false);
    peer_of(w, 0, 1)->esp = peer_of(w, 1, 0)->esp = false;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(5));
    assert_int_equal(w->messages, 0);
    w_free(w);
}

/* RFC 6275 §9.2 wants Parameter Problems; under ESP they would show the message to everybody. */
static void errors_do_not_carry_what_was_secret(void **state)
{
    (void)state;
    struct world *w = w_new(2, 7);

    use_esp(w, 0, 1, false);
    say(w, 0, 1, BOTH);
    for (size_t from = 1; from <= 2; from++) {
        uint8_t bad[] = {59, 0, GW_MH_BU, 0, 0, 0, 0, 0}; /* too short for an update */
        struct gw_input in = {.kind = GW_IN_MH,
                              .mh = {{w->n[from].cfg->addr, w->n[0].cfg->addr}, bad, sizeof bad}};
        uint16_t sum = gw_ip6_checksum(&in.mh.addrs, GW_IPPROTO_MH, bad, sizeof bad);
        bad[4] = (uint8_t)(sum >> 8);
        bad[5] = (uint8_t)sum;
        assert_int_equal(w_input(w, 0, &in), GW_EFORMAT);
        assert_int_equal(w->seen[0].problems, from - 1); /* only to the second */
    }
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaves_before),
        cmocka_unit_test(nothing_is_taken_before),
        cmocka_unit_test(a_policy_that_goes_stops_messages),
        cmocka_unit_test(only_what_the_kernel_would_choose_counts),
        cmocka_unit_test(both),
        cmocka_unit_test(neither),
        cmocka_unit_test(errors_do_not_carry_what_was_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
