/* Networks that can be reached through one anchor only (RFC 8885 §3.7, §4.4): announced in every
 * mode, followed through moves, reloads, crashes and releases, and taken back from stations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static struct gw_prefix one = {{{0xfd, 0, 0, 0x10}}, 48}, two = {{{0xfd, 0, 0, 0x20}}, 64};
static struct gw_prefix both[] = {{{{0xfd, 0, 0, 0x10}}, 48}, {{{0xfd, 0, 0, 0x20}}, 64}};

/* MAAR 1 has the first network, and every node is in that mode. */
static struct world *make(size_t maars, uint64_t seed, enum gw_cmd_mode mode)
{
    struct world *w = w_new(maars, seed);

    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].cfg->mobility.cmd_mode = mode;
    w->n[1].cfg->mobility.local = &one;
    w->n[1].cfg->mobility.nlocal = 1;
    w_crash(w, 1);
    w_boot(w, 1);
    return w;
}

static void reload(struct world *w, size_t node, struct gw_prefix *list, size_t n)
{
    struct gw_node *x = w->n[node].node;
    struct gw_config before = w->n[node].cfg[0];

    w->n[node].cfg->mobility.local = list;
    w->n[node].cfg->mobility.nlocal = n;
    x->cfg = x->lm.cfg = &before; /* until it has the new one */
    assert_int_equal(gw_node_reload(x, w->n[node].cfg, NULL, NULL, w_now(w)), 0);
    w_drain(w, node);
}

/* The lifetime in the latest RA of a router (a MAAR) for a network; -1: it is in none. */
static int64_t route(const struct world *w, size_t at, size_t router, const struct gw_prefix *p)
{
    for (int i = 0; i < 4; i++) {
        const struct gw_nd *ra = &w->seen[at].last_ra[i];
        if (!gw_addr_eq(&ra->src, &w->n[router].cfg->dlif.link_local))
            continue;
        for (size_t k = 0; k < ra->nrio; k++)
            if (gw_prefix_eq(&ra->rio[k].prefix, p))
                return ra->rio[k].lifetime_s;
        return -1;
    }
    return -1;
}

/* Station 1 at `at` reaches a network through maar 1 (or, via 0, does not). */
static void reaches(struct world *w, size_t at, const struct gw_prefix *p, bool does)
{
    const struct gw_t_net *i = w_net(w, at, 1, p);

    assert_int_equal(i != NULL, does);
    if (i == NULL)
        return;
    struct gw_prefix own = w_own(w, 1, 1);
    assert_int_equal(i->kind, GW_NET_BEHIND);
    assert_true(w_is(&i->to, &own.addr));
    assert_int_equal(route(w, at, 1, p), 1800);
}

static void move(struct world *w, size_t to)
{
    assert_int_equal(w_attach(w, to, 1), 0);
    w_run(w, GW_SEC(4));
    w_check(w, 1, to);
}

static void follows(void **state)
{
    static const enum gw_cmd_mode modes[] = {GW_CMD_PROXY, GW_CMD_RELAY, GW_CMD_LOCATOR};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct world *w = make(3, 1 + k, modes[k]);
        struct gw_prefix pool = sim_pool(2);
        assert_int_equal(w_net(w, 1, 0, &one)->kind, GW_NET_OWN);
        assert_int_equal(w_net(w, 1, 0, &pool)->kind, GW_NET_POOL);
        assert_true(w_is(&w_net(w, 1, 0, &pool)->to, &w->n[2].cfg->addr));
        assert_int_equal(gw_native_nets(w->n[2].plane), 0);
        move(w, 1);
        assert_int_equal(route(w, 1, 1, &one), 1800);
        reaches(w, 1, &one, false); /* it is its own */
        move(w, 2);
        reaches(w, 2, &one, true);
        assert_int_equal(route(w, 2, 2, &one), -1);
        move(w, 3);
        reaches(w, 2, &one, false);
        reaches(w, 3, &one, true);
        move(w, 1);
        reaches(w, 3, &one, false);
        assert_int_equal(route(w, 1, 1, &one), 1800);
        assert_int_equal(w_detach(w, 1, 1), 0);
        w_run(w, GW_SEC(30));
        assert_int_equal(gw_native_nets(w->n[2].plane) + gw_native_nets(w->n[3].plane), 0);
        w_check_gone(w, 1);
        w_check_all(w);
        w_free(w);
    }
}

/* A reload at the anchor, served elsewhere, whatever message is lost on the way. */
static void reloads(void **state)
{
    (void)state;
    for (unsigned nth = 0; nth <= 3; nth++) {
        struct world *w = make(2, 10 + nth, GW_CMD_PROXY);
        move(w, 1);
        move(w, 2);
        unsigned before = w->messages;
        w->lose_nth = nth != 0 ? before + nth : 0;
        reload(w, 1, both, 2);
        w_run(w, GW_SEC(2));
        if (nth == 0)
            assert_int_equal(w->messages - before, 3); /* PBU, PBA, and the serving MAAR's PBA */
        w_run(w, GW_SEC(50));
        reaches(w, 2, &one, true);
        reaches(w, 2, &two, true);
        assert_int_equal(w_net(w, 1, 0, &two)->kind, GW_NET_OWN);
        reload(w, 1, &two, 1);
        w_run(w, GW_SEC(2));
        reaches(w, 2, &one, false);
        reaches(w, 2, &two, true);
        assert_int_equal(route(w, 2, 1, &one), 0); /* withdrawn */
        assert_null(w_net(w, 1, 0, &one));
        before = w->messages;
        reload(w, 1, &two, 1);
        w_run(w, GW_SEC(2));
        assert_int_equal(w->messages, before); /* nothing new */
        reload(w, 1, NULL, 0);
        w_run(w, GW_SEC(2));
        reaches(w, 2, &two, false);
        assert_int_equal(route(w, 2, 1, &two), 0);
        assert_int_equal(gw_native_nets(w->n[1].plane) + gw_native_nets(w->n[2].plane), 0);
        w_check(w, 1, 2);
        w_check_all(w);
        w_free(w);
    }
}

/* The same while the node is at that MAAR, or on its way back to it. */
static void reloads_at_home(void **state)
{
    (void)state;
    struct world *w = make(3, 20, GW_CMD_PROXY);

    move(w, 1);
    reload(w, 1, &two, 1);
    w_run(w, GW_SEC(2));
    assert_int_equal(route(w, 1, 1, &one), 0);
    assert_int_equal(route(w, 1, 1, &two), 1800);
    move(w, 2);
    reaches(w, 2, &two, true);
    reaches(w, 2, &one, false);
    assert_int_equal(w_attach(w, 1, 1), 0);
    reload(w, 1, both, 2); /* its PBU is on the way */
    w_run(w, GW_SEC(2));
    assert_int_equal(route(w, 1, 1, &one), 1800);
    move(w, 3);
    reaches(w, 3, &one, true);
    reaches(w, 3, &two, true);
    w_check_all(w);
    w_free(w);
}

static void released_when_idle(void **state)
{
    (void)state;
    struct world *w = make(2, 30, GW_CMD_PROXY);

    move(w, 1);
    struct gw_prefix old = w_own(w, 1, 1);
    w->n[2].cfg->mobility.idle_release = GW_SEC(10);
    move(w, 2);
    reaches(w, 2, &one, true);
    w_run(w, GW_SEC(8));
    assert_null(w_net(w, 2, 1, &one));
    assert_int_equal(route(w, 2, 1, &one), 0);
    assert_int_equal(w_traces(w, &old), 0);
    w_check(w, 1, 2);
    w_free(w);
}

/* Each node crashes, with and without its store, and the anchor comes back with another list. */
static void crashes(void **state)
{
    (void)state;
    for (size_t victim = 0; victim <= 2; victim++) {
        struct world *w = make(3, 40 + victim, GW_CMD_PROXY);
        move(w, 1);
        move(w, 2);
        w_crash(w, victim);
        w_run(w, GW_SEC(1));
        w_boot(w, victim);
        w_run(w, GW_SEC(60));
        reaches(w, 2, &one, true);
        w_crash(w, 0);
        w_forget(w, 0);
        w_boot(w, 0);
        w_run(w, GW_SEC(60));
        reaches(w, 2, &one, true); /* the refresh named it */
        w_crash(w, 1);
        w->n[1].cfg->mobility.local = &two;
        w_run(w, GW_SEC(1));
        w_boot(w, 1);
        w_run(w, GW_SEC(5));
        reaches(w, 2, &one, false);
        reaches(w, 2, &two, true);
        move(w, 3);
        reaches(w, 3, &two, true);
        w_check_all(w);
        w_free(w);
    }
}

/* Two anchors have the same network: the way is through the later one while it is an anchor. */
static void twice(void **state)
{
    (void)state;
    struct world *w = make(3, 50, GW_CMD_PROXY);

    w->n[2].cfg->mobility.local = &one;
    w->n[2].cfg->mobility.nlocal = 1;
    w_crash(w, 2);
    w_boot(w, 2);
    move(w, 1);
    move(w, 2);
    reaches(w, 2, &one, true); /* for others than the packet path, which asks for its own first */
    move(w, 3);
    struct gw_prefix first = w_own(w, 1, 1), second = w_own(w, 2, 1);
    assert_true(w_is(&w_net(w, 3, 1, &one)->to, &second.addr));
    for (unsigned s = 0; s < 12; s++) {
        w->n[3].cfg->mobility.idle_release = GW_SEC(10);
        if (s == 0)
            (void)gw_node_reload(w->n[3].node, w->n[3].cfg, NULL, NULL, w_now(w));
        w_drain(w, 3);
        assert_true(w_packet(w, 3, &first));
        w_run(w, GW_SEC(1));
    }
    assert_int_equal(w_traces(w, &second), 0);
    assert_true(w_is(&w_net(w, 3, 1, &one)->to, &first.addr));
    w_check(w, 1, 3);
    w_free(w);
}

/* What would draw traffic of others to a MAAR is not taken from it. */
static void refuses(void **state)
{
    (void)state;
    static struct gw_prefix bad[] = {
        {{{0x20, 0x01, 0x0d, 0xb8, 0, 2, 0x10}}, 52}, /* of maar 2's pool */
        {{{0x20, 0x01, 0x0d, 0xb8}}, 32},             /* of everybody's */
        {{{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff}}, 48}, /* the nodes */
        {{{0xfe, 0x80}}, 64}};
    struct world *w = make(2, 60, GW_CMD_PROXY);

    w->n[1].cfg->mobility.local = bad;
    w->n[1].cfg->mobility.nlocal = 4;
    move(w, 1);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_LOCAL), 4);
    w->n[1].cfg->mobility.local = &bad[2];
    w->n[1].cfg->mobility.nlocal = 1;
    move(w, 2);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_LOCAL), 5);
    assert_int_equal(gw_native_nets(w->n[2].plane), 0);
    w_check(w, 1, 2);
    w_free(w);
}

/* Whatever allocation fails on the way, in the end everything is as it should be. */
static void without_memory(void **state)
{
    (void)state;
    for (unsigned nth = 0; nth < 60; nth += 3) {
        struct world *w = make(3, 70 + nth, GW_CMD_RELAY);
        move(w, 1);
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 2;
        (void)w_attach(w, 2, 1);
        w_run(w, GW_SEC(2));
        w->sim->memory.fail_at = 0;
        reload(w, 1, both, 2);
        w->sim->memory.fail_at = w->sim->memory.count + nth % 7;
        w_run(w, GW_SEC(2));
        w->sim->memory.fail_at = 0;
        (void)w_attach(w, 2, 1);
        w_run(w, GW_SEC(130));
        w_check(w, 1, 2);
        reaches(w, 2, &one, true);
        reaches(w, 2, &two, true);
        w_free(w);
    }
}

static void put_header(struct gw_wr *x, const struct gw_addr *src, const struct gw_addr *dst,
                       uint8_t next, uint16_t payload)
{
    gw_wr_u32(x, 6u << 28);
    gw_wr_u16(x, payload);
    gw_wr_u8(x, next);
    gw_wr_u8(x, 64);
    gw_wr_put(x, src, sizeof *src);
    gw_wr_put(x, dst, sizeof *dst);
}

/* What becomes at MAAR 1 of a packet of a prefix of MAAR 2's pool to its network, out of the tunnel
 * of a node. */
static enum gw_reason tunnelled_by(struct world *w, size_t node)
{
    uint8_t buf[64 + 14 + 80] = {0};
    struct gw_wr x = gw_wr_make(buf + 64, sizeof buf - 64);
    struct gw_addr src = sim_pool(2).addr, dst = one.addr;

    src.b[7] = 99;
    src.b[15] = dst.b[15] = 1;
    gw_wr_zero(&x, 12);
    gw_wr_u16(&x, 0x86dd);
    put_header(&x, &w->n[node].cfg->addr, &w->n[1].cfg->addr, 41, 40);
    put_header(&x, &src, &dst, 59, 0);
    struct gw_native_frame f = {.data = buf + 64, .len = gw_wr_len(&x), .headroom = 64};
    return gw_native_packet(w->n[1].plane, SIM_IF_CORE, &f, w_now(w).mono).reason;
}

/* The networks of a MAAR are for what MAARs carry: not for LMAs and MAGs that it is peer of. */
static void not_for_others(void **state)
{
    (void)state;
    const unsigned roles[] = {GW_ROLE_CMD, GW_ROLE_MAAR, GW_ROLE_MAAR, GW_ROLE_LMA, GW_ROLE_MAG};
    struct world *w = w_new_roles(roles, 5, 77);

    w_crash(w, 1);
    w->n[1].cfg->mobility.local = &one;
    w->n[1].cfg->mobility.nlocal = 1;
    w_boot(w, 1);
    w_run(w, GW_SEC(1));
    assert_int_equal(tunnelled_by(w, 2), GW_R_NO_ROUTE); /* this world has no such network */
    assert_int_equal(tunnelled_by(w, 3), GW_R_INNER_SOURCE);
    assert_int_equal(tunnelled_by(w, 4), GW_R_INNER_SOURCE);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows),         cmocka_unit_test(reloads),
        cmocka_unit_test(reloads_at_home), cmocka_unit_test(released_when_idle),
        cmocka_unit_test(crashes),         cmocka_unit_test(twice),
        cmocka_unit_test(refuses),         cmocka_unit_test(without_memory),
        cmocka_unit_test(not_for_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
