/* test_cats.c: service instances from the node that has them to the packet path that chooses among
 * them: flood, paths, restarts, faults. Nodes 0 and 1 are ingresses, 2 and 3 egresses, 4 a metric
 * agent behind 3, unless a test says otherwise.
 */
#include "cats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/steering.h"
#include "plane/native_serve.h"

#define DETECTION GW_MSEC(285) /* 280 ms, and a moment of the packet path's */

static const unsigned five[] = {GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER,
                                GW_ROLE_D_ROUTER, GW_ROLE_METRIC_AGENT};
static struct gw_addr a2, b2, a3, a4;

/* Two instances at node 2, one at node 3. */
static struct world *usual(uint64_t seed)
{
    a2 = cw_csci(2, 0);
    b2 = cw_csci(2, 1);
    a3 = cw_csci(3, 0);
    a4 = cw_csci(4, 0);
    cw_plan.instances[2] = 2;
    cw_plan.instances[3] = 1;
    struct world *w = cw_new(five, 5, seed);
    w_run(w, GW_SEC(3));
    return w;
}

static bool is(const struct gw_addr *a, const struct gw_addr *b)
{
    return gw_addr_eq(a, b);
}

static bool is_none(struct gw_addr a)
{
    return gw_addr_is_zero(&a);
}

/* Whose state a packet path was told last; DEAD when nothing. */
static enum gw_instance_state state(struct world *w, size_t node, const struct gw_addr *csci)
{
    const struct gw_steer_instance *x = cw_said(w, node, csci);

    return x != NULL ? x->said.state : GW_INSTANCE_DEAD;
}

static void test_told(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(1);

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(state(w, i, &a2), GW_INSTANCE_UP);
        assert_int_equal(state(w, i, &b2), GW_INSTANCE_UP);
        assert_int_equal(state(w, i, &a3), GW_INSTANCE_UP);
        assert_false(cw_said(w, i, &a2)->said.here);
        assert_in_range(cw_said(w, i, &a2)->said.path_us, 9900, 10100); /* 5 ms each way */
    }
    assert_true(cw_said(w, 2, &a2)->said.here);
    assert_int_equal(cw_said(w, 2, &a2)->said.path_us, 0);
    struct gw_addr to = cw_send(w, 0, 1), again = cw_send(w, 0, 1);
    assert_true(is(&to, &a2) || is(&to, &b2) || is(&to, &a3));
    assert_true(is(&to, &again));
    assert_true(cw_delivers(w, 0, 2, &a2));
    assert_false(cw_delivers(w, 0, 3, &a2)); /* not its egress */
    cw_free(w);
}

static void test_reports(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(2);

    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 7, 4000), 0);
    w_run(w, GW_MSEC(300));
    const struct gw_steer_instance *x = cw_said(w, 1, &a2);
    assert_int_equal(x->said.load, 7 * GW_STEER_FLOW);
    assert_int_equal(x->said.service_us, 4000);
    assert_int_equal(x->said.slots, 10);
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_DRAINING, 7, 4000), 0);
    w_run(w, GW_MSEC(300));
    assert_int_equal(state(w, 1, &a2), GW_INSTANCE_DRAINING);
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_DEAD, 0, 0), 0);
    w_run(w, GW_MSEC(300));
    assert_null(cw_said(w, 1, &a2));
    for (unsigned f = 0; f < 50; f++) {
        struct gw_addr to = cw_send(w, 1, f);
        assert_false(is_none(to) || is(&to, &a2));
    }
    struct gw_input in = {.kind = GW_IN_REPORT, .sample = {.csci_id = cw_csci(7, 7)}};
    assert_int_equal(w_input(w, 2, &in), GW_ENOENT);
    cw_free(w);
}

/* What is told once more has the age of its sample, however late that is. */
static void test_age(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(21);

    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 7, 4000), 0);
    w_run(w, GW_MSEC(300));
    uint64_t seq = cw_knows(w, 0, &a2)->v.seq;
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 7, 4000), 0);
    w_run(w, GW_SEC(4)); /* a third of a lifetime */
    const struct gw_metric_instance *x = cw_knows(w, 0, &a2);
    assert_true(x->v.seq != seq);
    int64_t age = gw_time_sub(w_now_at(w, 0).mono, x->measured).ns;
    assert_in_range(age, GW_MSEC(3900).ns, GW_MSEC(4000).ns);
    cw_free(w);
}

/* Without samples nothing registers, and leases end; checks have to say that it is up. */
static void test_leases(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.registers = true;
    struct world *w = usual(3);

    assert_null(cw_knows(w, 0, &a2));
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 1, 1), 0);
    w_run(w, GW_SEC(4));
    assert_non_null(cw_knows(w, 0, &a2));
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 1, 1), 0);
    w_run(w, GW_SEC(4));
    assert_non_null(cw_knows(w, 0, &a2)); /* renewed */
    w_run(w, GW_SEC(2));
    assert_null(cw_knows(w, 0, &a2)); /* not renewed */
    assert_null(cw_said(w, 0, &a2));
    cw_free(w);
    cw_begin();
    cw_plan.checked = true;
    w = usual(4);
    assert_null(cw_knows(w, 0, &a3));
    assert_int_equal(cw_report(w, 3, 0, GW_INSTANCE_UP, 1, 1), 0);
    w_run(w, GW_SEC(20));
    assert_non_null(cw_knows(w, 0, &a3));
    cw_free(w);
}

static void cut(struct world *w, size_t a, size_t b, bool is)
{
    sim_link(w->sim, a, b)->cut = is;
    sim_link(w->sim, b, a)->cut = is;
}

static void isolate(struct world *w, size_t node, bool is)
{
    for (size_t i = 0; i < w->nnodes; i++)
        if (i != node)
            cut(w, i, node, is);
}

/* A machine dies: within one detection time it gets nothing more, and its flows go elsewhere. */
static void test_machine_dies(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(5);
    struct gw_addr to[64];

    for (unsigned f = 0; f < 64; f++)
        to[f] = cw_send(w, 0, f);
    isolate(w, 2, true);
    w_run(w, DETECTION);
    assert_int_equal(cw_path(w, 0, 2), GW_PATH_DOWN);
    assert_int_equal(state(w, 0, &a2), GW_INSTANCE_DEAD);
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(is(&now, &a3));
        to[f] = now;
    }
    isolate(w, 2, false);
    w_run(w, GW_SEC(1));
    assert_int_equal(state(w, 0, &a2), GW_INSTANCE_UP);
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(is(&now, &to[f])); /* who has gone does not come back */
    }
    cw_free(w);
}

/* Its daemon dies and the machine lives: no new flows, and the old ones stay; through its start
 * too. */
static void test_egress_restarts(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.registers = true;
    struct world *w = usual(6);
    struct gw_addr to[64];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(cw_report(w, 2, i, GW_INSTANCE_UP, 1, 1000), 0);
    assert_int_equal(cw_report(w, 3, 0, GW_INSTANCE_UP, 1, 1000), 0);
    w_run(w, GW_SEC(1));
    for (unsigned f = 0; f < 64; f++)
        to[f] = cw_send(w, 0, f);
    w_crash(w, 2);
    w_run(w, GW_MSEC(300));
    assert_int_equal(cw_path(w, 0, 2), GW_PATH_REFUSED);
    assert_int_equal(state(w, 0, &a2), GW_INSTANCE_DRAINING);
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr now = cw_send(w, 0, f), fresh = cw_send(w, 0, 100 + f);
        assert_true(is(&now, &to[f]));
        assert_true(is(&fresh, &a3));
    }
    assert_true(cw_delivers(w, 0, 2, &a2));
    w_boot(w, 2);
    for (int i = 0; i < 30; i++) { /* nobody has registered again yet */
        w_run(w, GW_MSEC(100));
        assert_true(cw_delivers(w, 0, 2, &a2));
        for (unsigned f = 0; f < 64; f++) {
            struct gw_addr now = cw_send(w, 0, f);
            assert_true(is(&now, &to[f]));
        }
    }
    assert_int_equal(state(w, 0, &a2), GW_INSTANCE_UP);
    cw_free(w);
}

static void test_ingress_restarts(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(7);
    struct gw_addr to[64];

    for (unsigned f = 0; f < 64; f++)
        to[f] = cw_send(w, 0, f);
    w_crash(w, 0);
    w_run(w, GW_SEC(1));
    /* Meanwhile one has gone: after the start nobody names it. */
    assert_int_equal(cw_report(w, 2, 1, GW_INSTANCE_DEAD, 0, 0), 0);
    w_boot(w, 0);
    for (int i = 0; i < 80; i++) {
        for (unsigned f = 0; f < 64; f++) {
            struct gw_addr now = cw_send(w, 0, f);
            if (!is(&to[f], &b2))
                assert_true(is(&now, &to[f]));
            else if (!is(&now, &b2))
                to[f] = now; /* once, and not back */
        }
        w_run(w, GW_MSEC(100));
    }
    for (unsigned f = 0; f < 64; f++)
        assert_false(is(&to[f], &b2));
    assert_true(w->n[0].node->steering->steer.synced);
    cw_free(w);
}

/* An agent speaks for what is behind its egress; the node delivers to it. */
static void test_agent(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.instances[4] = 1;
    cw_plan.egress[4] = 3;
    struct world *w = usual(8);

    assert_int_equal(state(w, 0, &a4), GW_INSTANCE_UP);
    assert_true(is(&cw_said(w, 0, &a4)->said.egress, &w->n[3].cfg[0].addr));
    assert_true(cw_said(w, 3, &a4)->said.here);
    assert_true(is(&cw_said(w, 3, &a4)->said.via, &w->n[4].cfg[0].addr));
    assert_false(cw_said(w, 2, &a4)->said.here);
    assert_true(cw_delivers(w, 0, 3, &a4));
    assert_null(cw_knows(w, 4, &a2)); /* it is told nothing */
    w_crash(w, 4);
    w_run(w, GW_SEC(5));
    assert_int_equal(state(w, 0, &a4), GW_INSTANCE_UP); /* the packet path of 3 does not need it */
    w_run(w, GW_SEC(9));
    assert_null(cw_said(w, 0, &a4)); /* a lifetime of silence */
    w_boot(w, 4);
    w_run(w, GW_SEC(12));
    assert_int_equal(state(w, 0, &a4), GW_INSTANCE_UP);
    cw_free(w);
}

/* An instance moves to another site and takes its CSCI-ID along: it is there before it leaves here,
 * so no flow is without it at any time, and all stay with it. */
static void test_instance_moves(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.registers = cw_plan.one_moves = true;
    struct world *w = usual(13);

    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 1, 1000), 0);
    w_run(w, GW_SEC(1));
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr to = cw_send(w, 0, f);
        assert_true(is(&to, &a2));
    }
    for (int back = 0; back < 2; back++) {
        size_t from = back ? 3 : 2, to = back ? 2 : 3;
        assert_true(is(&cw_said(w, 0, &a2)->said.egress, &w->n[from].cfg[0].addr));
        assert_true(cw_delivers(w, 0, from, &a2) && !cw_delivers(w, 0, to, &a2));
        assert_int_equal(cw_report(w, to, 0, GW_INSTANCE_UP, 1, 1000), 0);
        for (int ms = 0; ms < 1000; ms += 100) {
            if (ms == 500)
                assert_int_equal(cw_report(w, from, 0, GW_INSTANCE_DEAD, 1, 1000), 0);
            for (unsigned f = 0; f < 64; f++) {
                struct gw_addr now = cw_send(w, 0, f);
                assert_true(is(&now, &a2));
            }
            size_t at = is(&cw_said(w, 0, &a2)->said.egress, &w->n[to].cfg[0].addr) ? to : from;
            assert_true(cw_delivers(w, 0, at, &a2));
            w_run(w, GW_MSEC(100));
        }
        assert_true(is(&cw_said(w, 0, &a2)->said.egress, &w->n[to].cfg[0].addr));
        assert_true(cw_delivers(w, 0, to, &a2) && !cw_delivers(w, 0, from, &a2));
    }
    cw_free(w);
}

/* Node 0 is a D-Forwarder that asks node 1. */
static struct world *asking(uint64_t seed)
{
    static const unsigned roles[] = {GW_ROLE_D_FORWARDER, GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER,
                                     GW_ROLE_D_ROUTER};

    a2 = cw_csci(2, 0);
    a3 = cw_csci(3, 0);
    cw_plan.instances[2] = cw_plan.instances[3] = 1;
    cw_plan.d_router[0] = 1;
    struct world *w = cw_new(roles, 4, seed);
    w_run(w, GW_SEC(3));
    return w;
}

#define ASKED 200u

/* The first packets of flows go by the D-Router, which forgets them when it has told of them. */
static void test_mapping(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = asking(10);
    const struct gw_mappers *at = &w->n[1].node->steering->mappers;
    struct gw_addr to[ASKED];

    w_noise(w, 20, 5, 5);
    for (unsigned f = 0; f < ASKED; f++) {
        to[f] = cw_send_by(w, 0, 1, f);
        assert_true(is(&to[f], &a2) || is(&to[f], &a3));
    }
    w_run(w, GW_MSEC(1));
    assert_int_equal(gw_mappers_flows(at), ASKED);
    w_run(w, GW_SEC(30));
    assert_int_equal(gw_mappers_flows(at), 0);
    assert_true(at->told <= ASKED);
    unsigned direct = 0;
    for (unsigned f = 0; f < ASKED; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        direct += is(&now, &to[f]);
        assert_true(is(&now, &to[f]) || is(&now, &w->n[1].cfg[0].addr));
    }
    assert_int_equal(direct, ASKED); /* a fifth of the messages was lost */
    w_noise(w, 0, 0, 0);
    w_crash(w, 1); /* both can do without it, and start again */
    w_crash(w, 0);
    w_run(w, GW_SEC(1));
    w_boot(w, 0);
    w_boot(w, 1);
    for (int i = 0; i < 30; i++) {
        for (unsigned f = 0; f < ASKED; f++) {
            struct gw_addr now = cw_send(w, 0, f);
            assert_true(is(&now, &to[f]));
        }
        w_run(w, GW_MSEC(300));
    }
    cw_free(w);
}

/* 10^5 flows of a D-Forwarder, 5000 new ones a second: its D-Router has an entry for none of them
 * at any time, and what it needs until it has told of them is bounded by seconds, not by flows. */
#define MANY 100000u
#define WAVE 1000u

/* After a driver's look through the table, which is due every second. */
static size_t entries(const struct world *w, size_t node, int of)
{
    gw_native_expire(w->n[node].plane, w_now_at(w, node).mono);
    return gw_table_count(&gw_native_services(w->n[node].plane)->flows[of].table);
}

static void test_mapping_of_many(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.flows = 2 * MANY;
    struct world *w = asking(12);
    const struct gw_mappers *at = &w->n[1].node->steering->mappers;
    uint8_t *to = malloc(MANY);
    size_t most = 0;

    assert_non_null(to);
    w_delay(w, GW_MSEC(1)); /* 17 flows a round trip */
    for (unsigned f = 0; f < MANY; f++) {
        struct gw_addr now = cw_send_by(w, 0, 1, f);
        assert_true(is(&now, &a2) || is(&now, &a3));
        to[f] = is(&now, &a2);
        if (f % WAVE != WAVE - 1)
            continue;
        w_run(w, GW_MSEC(200));
        size_t pending = entries(w, 1, GW_NS_PENDING);
        most = pending > most ? pending : most;
        assert_int_equal(entries(w, 1, GW_NS_FLOWS), 0);
        assert_true(gw_mappers_flows(at) <= WAVE);
    }
    assert_in_range(most, WAVE, 6 * 5 * WAVE); /* 5 s, and a second until they are looked through */
    assert_int_equal(entries(w, 0, GW_NS_FLOWS), MANY);
    w_run(w, GW_SEC(7));
    assert_int_equal(gw_mappers_flows(at), 0);
    assert_int_equal(entries(w, 1, GW_NS_PENDING), 0);
    assert_int_equal(entries(w, 1, GW_NS_FLOWS), 0);
    assert_int_equal(at->told, MANY);
    for (unsigned f = 0; f < MANY; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(is(&now, to[f] ? &a2 : &a3));
    }
    free(to);
    cw_free(w);
}

/* Its paths say so before its D-Router does: the flows are asked about again, and go elsewhere. */
static void test_mapping_of_dead(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = asking(11);

    for (unsigned f = 0; f < 40; f++)
        (void)cw_send_by(w, 0, 1, f);
    w_run(w, GW_SEC(1));
    isolate(w, 2, true);
    w_run(w, DETECTION);
    assert_int_equal(state(w, 0, &a2), GW_INSTANCE_DEAD);
    for (unsigned f = 0; f < 40; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        if (!is(&now, &a3))
            now = cw_send_by(w, 0, 1, f);
        assert_true(is(&now, &a3));
    }
    w_run(w, GW_SEC(1));
    for (unsigned f = 0; f < 40; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(is(&now, &a3));
    }
    cw_free(w);
}

/* Memory fails anywhere, for a moment: what everybody is told comes later. */
static void test_memory(void **unused)
{
    (void)unused;
    for (uint64_t nth = 1; nth < 400; nth += 9) {
        cw_begin();
        cw_plan.instances[4] = 1;
        cw_plan.egress[4] = 3;
        struct world *w = usual(12);
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 5;
        for (uint32_t i = 1; i < 8; i++) {
            (void)cw_report(w, 2, 0, GW_INSTANCE_UP, 5 * i, 1000);
            (void)cw_report(w, 4, 0, i % 2 ? GW_INSTANCE_DEAD : GW_INSTANCE_UP, i, 1000);
            if (i == 3)
                w_crash(w, 0);
            while (i >= 4 && w->n[0].node == NULL) /* an attempt may fail */
                (void)sim_node_boot(w->sim, &w->n[0]);
            w_run(w, GW_MSEC(500));
        }
        w->sim->memory.fail_at = 0;
        (void)cw_report(w, 4, 0, GW_INSTANCE_UP, 1, 1000);
        w_run(w, GW_SEC(40)); /* and no flapping is held against it any more */
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(state(w, i, &a2), GW_INSTANCE_UP);
            assert_int_equal(cw_said(w, i, &a2)->said.load, 35 * GW_STEER_FLOW);
            assert_int_equal(state(w, i, &a3), GW_INSTANCE_UP);
            assert_int_equal(state(w, i, &a4), GW_INSTANCE_UP);
        }
        cw_free(w);
    }
}

/* -- hostile --------------------------------------------------------------------------------------
 */

static struct gw_cats_buf buf;

static void update(const struct world *w, struct gw_mh *m, const struct gw_addr *origin,
                   uint32_t epoch, uint32_t seq, const struct gw_cats_instance *v)
{
    struct gw_service_key k = cw_service(0);
    struct gw_cats_item o = {
        .type = GW_CATS_ORIGIN,
        .origin = {.upto = {.origin = *origin, .epoch = epoch, .seq = seq}, .complete = true}};
    struct gw_cats_item s = {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&k)};
    struct gw_cats_item i = {.type = GW_CATS_INSTANCE, .instance = *v};

    gw_cats_begin(m, &buf, GW_CATS_UPDATE, 0, 77);
    assert_int_equal(gw_cats_add(m, &buf, &o), 0);
    assert_int_equal(gw_cats_add(m, &buf, &s), 0);
    assert_int_equal(gw_cats_add(m, &buf, &i), 0);
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
}

static void test_hostile(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.instances[4] = 1;
    cw_plan.egress[4] = 3;
    struct world *w = usual(9);
    const struct gw_addr *agent = &w->n[4].cfg[0].addr, *two = &w->n[2].cfg[0].addr;
    const struct gw_addr *three = &w->n[3].cfg[0].addr;
    struct gw_addr mine = cw_csci(4, 3);
    struct gw_cats_instance v = {
        .state = GW_CATS_UP, .lifetime = 10, .csci_id = mine, .egress = *three};
    static struct gw_mh m;

    update(w, &m, two, UINT32_MAX / 2, 1, &v); /* in another's name: what that said would go */
    assert_int_equal(w_inject(w, 4, 3, &m, NULL), 0);
    w_run(w, GW_MSEC(500));
    assert_int_equal(cw_metric_count(w, 3, GW_MCNT_DENIED), 1);
    assert_non_null(cw_knows(w, 3, &a2));
    assert_null(cw_knows(w, 3, &mine));
    v.egress = *two;
    update(w, &m, agent, UINT32_MAX / 2, 1, &v); /* its own, behind somebody else */
    assert_int_equal(w_inject(w, 4, 3, &m, NULL), 0);
    w_run(w, GW_MSEC(1));
    v.egress = *agent;
    update(w, &m, agent, UINT32_MAX / 2, 2, &v);
    assert_int_equal(w_inject(w, 4, 3, &m, NULL), 0);
    w_run(w, GW_MSEC(500));
    assert_int_equal(cw_metric_count(w, 3, GW_MCNT_DENIED), 3);
    assert_null(cw_knows(w, 0, &mine));
    struct gw_key bad = sim_key(4, 3);
    bad.secret[5] ^= 1;
    v.egress = *three;
    update(w, &m, agent, UINT32_MAX / 2, 3, &v);
    assert_int_equal(w_inject(w, 4, 3, &m, &bad), GW_EAUTH);
    assert_null(cw_knows(w, 0, &mine));
    cw_free(w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_told),
    cmocka_unit_test(test_reports),
    cmocka_unit_test(test_age),
    cmocka_unit_test(test_leases),
    cmocka_unit_test(test_machine_dies),
    cmocka_unit_test(test_egress_restarts),
    cmocka_unit_test(test_ingress_restarts),
    cmocka_unit_test(test_agent),
    cmocka_unit_test(test_instance_moves),
    cmocka_unit_test(test_mapping),
    cmocka_unit_test(test_mapping_of_many),
    cmocka_unit_test(test_mapping_of_dead),
    cmocka_unit_test(test_memory),
    cmocka_unit_test(test_hostile),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
