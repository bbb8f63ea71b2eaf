/* test_cats_trace.c: TRACE between forwarders: what an egress says of an instance and of a client's
 * results, the way of results followed from node to node, silence, strangers and forgeries. Nodes 0
 * and 1 are ingresses, 2 and 3 egresses, 4 a metric agent behind 3.
 */
#include "cats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/steering.h"

#define AGENT 4
#define DELAY GW_MSEC(5)

static struct gw_addr a2, b2, a3, none;

static struct world *usual(uint64_t seed)
{
    static const unsigned roles[] = {GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER,
                                     GW_ROLE_D_ROUTER, GW_ROLE_METRIC_AGENT};

    cw_begin();
    a2 = cw_csci(2, 0);
    b2 = cw_csci(2, 1);
    a3 = cw_csci(3, 0);
    cw_plan.instances[2] = 2;
    cw_plan.instances[3] = 1;
    cw_plan.instances[AGENT] = 1;
    cw_plan.egress[AGENT] = 3;
    struct world *w = cw_new(roles, 5, seed);
    w_delay(w, DELAY);
    w_run(w, GW_SEC(3));
    return w;
}

static struct gw_traces *traces(struct world *w, size_t node)
{
    return &w->n[node].node->steering->traces;
}

static const struct gw_addr *addr(const struct world *w, size_t node)
{
    return &w->n[node].cfg[0].addr;
}

static struct gw_addr client(unsigned i)
{
    return (struct gw_addr){{0xfd, 1, 2, [15] = (uint8_t)i}};
}

static int begin(struct world *w, size_t node, const struct gw_addr *csci_id,
                 const struct gw_addr *of, uint64_t *number)
{
    struct gw_service_key k = cw_service(0);
    int err = gw_node_trace(w->n[node].node, &k, csci_id, of, w_now_at(w, node), number);

    w_drain(w, node);
    return err;
}

static const struct gw_trace *started(struct world *w, size_t node, const struct gw_addr *csci_id,
                                      const struct gw_addr *of)
{
    uint64_t number;

    assert_int_equal(begin(w, node, csci_id, of, &number), 0);
    return traces(w, node)->kept[number % GW_TRACE_KEPT];
}

static const struct gw_trace_ask *said(const struct gw_trace *x, const struct gw_addr *at,
                                       const struct gw_addr *csci_id)
{
    for (size_t i = 0; i < x->n; i++)
        if (gw_addr_eq(&x->ask[i].at, at) && gw_addr_eq(&x->ask[i].csci_id, csci_id))
            return &x->ask[i];
    fail();
    return NULL;
}

/* Every instance is asked about, at its egress, also one behind another host; the answers come
 * after a round trip, with the packets that the egress has taken out. */
static void test_instances(void **unused)
{
    (void)unused;
    struct world *w = usual(1);
    struct gw_addr of4 = cw_csci(AGENT, 0);

    for (int i = 0; i < 7; i++)
        assert_true(cw_delivers(w, 0, 2, &a2));
    for (int i = 0; i < 4; i++)
        assert_true(cw_delivers(w, 1, 2, &a2));
    const struct gw_trace *x = started(w, 0, &none, &none);
    assert_int_equal(x->n, 4);
    w_run(w, GW_MSEC(9));
    for (size_t i = 0; i < x->n; i++)
        assert_int_equal(x->ask[i].state, GW_TRACE_WAITING);
    w_run(w, GW_MSEC(30));
    for (size_t i = 0; i < x->n; i++) {
        assert_int_equal(x->ask[i].state, GW_TRACE_ANSWERED);
        assert_in_range(x->ask[i].rtt_ns, 2 * DELAY.ns, 3 * DELAY.ns);
        assert_int_equal(x->ask[i].instance.code, GW_CATS_HOP_REACHED);
        assert_false(x->ask[i].has_results); /* no client was named */
    }
    assert_int_equal(said(x, addr(w, 2), &a2)->instance.rx, 11); /* of all ingresses */
    assert_int_equal(said(x, addr(w, 2), &a2)->tunnels.rx, 7);   /* of the one that asks */
    assert_int_equal(said(x, addr(w, 2), &b2)->instance.rx, 0);
    assert_int_equal(said(x, addr(w, 3), &of4)->instance.code, GW_CATS_HOP_REACHED);
    assert_false(gw_timer_is_set(&x->timer));
    assert_int_equal(traces(w, 2)->answered, 2);
    cw_free(w);
}

/* One only; and what the egress knows better. */
static void test_states(void **unused)
{
    (void)unused;
    struct world *w = usual(2);

    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_DRAINING, 1, 1000), 0);
    w_run(w, GW_SEC(1));
    const struct gw_trace *x = started(w, 0, &a2, &none);
    assert_int_equal(x->n, 1);
    w_run(w, GW_MSEC(30));
    assert_int_equal(x->ask[0].instance.code, GW_CATS_HOP_DRAINING);
    assert_true(x->ask[0].has_record);
    assert_in_range(x->ask[0].record.age, 900, 1100);
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_DEAD, 1, 1000), 0); /* nobody has heard yet */
    x = started(w, 0, &a2, &none);
    w_run(w, GW_MSEC(30));
    assert_int_equal(x->ask[0].instance.code, GW_CATS_HOP_DEAD);
    w->n[3].cfg[0].nservices = 0;
    x = started(w, 0, &a3, &none);
    w_run(w, GW_MSEC(30));
    assert_int_equal(x->ask[0].state, GW_TRACE_UNKNOWN);
    assert_false(x->ask[0].has_instance);
    cw_free(w);
}

static void bind(struct world *w, size_t node, unsigned of, size_t to)
{
    struct gw_intent i = {.kind = GW_INTENT_PREFIX_SET,
                          .prefix = {.prefix = {.addr = client(of), .len = 128},
                                     .kind = GW_PFX_MOVED,
                                     .peer = *addr(w, to)}};

    assert_int_equal(gw_native_apply(w->n[node].plane, &i), 0);
}

/* Without a binding at the egress results are routed: by way of the old ingress, which tunnels
 * them on. With one they go straight to the new ingress. */
static void test_results(void **unused)
{
    (void)unused;
    struct world *w = usual(3);
    struct gw_addr c = client(1);

    bind(w, 0, 1, 1);
    const struct gw_trace *x = started(w, 0, &a2, &c);
    w_run(w, GW_MSEC(60));
    assert_int_equal(x->n, 3);
    const struct gw_trace_ask *egress = said(x, addr(w, 2), &a2);
    const struct gw_trace_ask *old = said(x, addr(w, 0), &none);
    const struct gw_trace_ask *new = said(x, addr(w, 1), &none);
    assert_int_equal(egress->results.code, GW_CATS_HOP_ROUTED);
    assert_int_equal(old->results.code, GW_CATS_HOP_TUNNELLED);
    assert_true(gw_addr_eq(&old->results.at, addr(w, 1)));
    assert_int_equal(new->state, GW_TRACE_ANSWERED);
    assert_int_equal(new->results.code, GW_CATS_HOP_ROUTED); /* to a link of its own */

    bind(w, 2, 1, 1);
    x = started(w, 0, &a2, &c);
    w_run(w, GW_MSEC(60));
    egress = said(x, addr(w, 2), &a2);
    assert_int_equal(egress->results.code, GW_CATS_HOP_TUNNELLED);
    assert_true(gw_addr_eq(&egress->results.at, addr(w, 1)));
    assert_true(egress->has_path);
    assert_in_range(egress->path.delay, 4900, 5600); /* as the egress measures it */
    assert_int_equal(said(x, addr(w, 1), &none)->state, GW_TRACE_ANSWERED);
    cw_free(w);
}

/* Bindings that lead in a circle end the trace all the same: nobody is asked twice. */
static void test_circle(void **unused)
{
    (void)unused;
    struct world *w = usual(4);
    struct gw_addr c = client(1);

    bind(w, 2, 1, 3);
    bind(w, 3, 1, 2);
    const struct gw_trace *x = started(w, 0, &a2, &c);
    w_run(w, GW_SEC(1));
    assert_int_equal(x->n, 3); /* 2, 0, 3 */
    for (size_t i = 0; i < x->n; i++)
        assert_int_equal(x->ask[i].state, GW_TRACE_ANSWERED);
    cw_free(w);
}

static void test_silence(void **unused)
{
    (void)unused;
    struct world *w = usual(5);
    uint64_t number;

    w_crash(w, 3);
    const struct gw_trace *x = started(w, 0, &none, &none);
    w_run(w, GW_MSEC(1400));
    assert_int_equal(said(x, addr(w, 3), &a3)->state, GW_TRACE_WAITING);
    assert_int_equal(said(x, addr(w, 3), &a3)->tries, GW_TRACE_TRIES);
    w_run(w, GW_MSEC(200));
    assert_int_equal(said(x, addr(w, 3), &a3)->state, GW_TRACE_SILENT);
    assert_int_equal(said(x, addr(w, 2), &a2)->state, GW_TRACE_ANSWERED);
    assert_int_equal(traces(w, 0)->silent, 2);
    for (size_t i = 0; i < GW_TRACE_KEPT; i++) /* as many at once as are kept */
        assert_int_equal(begin(w, 0, &a3, &none, &number), 0);
    assert_int_equal(begin(w, 0, &a3, &none, &number), GW_EFULL);
    w_run(w, GW_SEC(2));
    assert_int_equal(begin(w, 0, &a3, &none, &number), 0);
    cw_free(w);
}

/* A question that is lost is asked again, and so is one whose answer is. */
static void test_loss(void **unused)
{
    (void)unused;
    unsigned answered = 0, again = 0;

    for (uint64_t seed = 10; seed < 20; seed++) {
        struct world *w = usual(seed);
        w_noise(w, 30, 10, 10);
        const struct gw_trace *x = started(w, 0, &none, &none);
        w_run(w, GW_SEC(2));
        for (size_t i = 0; i < x->n; i++) {
            assert_int_not_equal(x->ask[i].state, GW_TRACE_WAITING);
            answered += x->ask[i].state == GW_TRACE_ANSWERED;
            again += x->ask[i].state == GW_TRACE_ANSWERED && x->ask[i].tries > 1;
        }
        cw_free(w);
    }
    assert_in_range(answered, 28, 40); /* of 40, half of whose tries fail */
    assert_in_range(again, 5, 40);
}

static struct gw_cats_buf buf;
static struct gw_mh forged;

static struct gw_mh *message(const struct world *w, enum gw_cats_type type, uint32_t seq,
                             const struct gw_addr *tunnel, bool service)
{
    struct gw_service_key k = cw_service(0);
    struct gw_cats_item s = {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&k)};
    struct gw_cats_item h = {
        .type = GW_CATS_HOP,
        .hop = {.role = GW_CATS_HOP_RESULTS, .code = GW_CATS_HOP_TUNNELLED, .at = *tunnel}};

    gw_cats_begin(&forged, &buf, type, 0, seq);
    if (service)
        assert_int_equal(gw_cats_add(&forged, &buf, &s), 0);
    if (type == GW_CATS_TRACE_REPLY)
        assert_int_equal(gw_cats_add(&forged, &buf, &h), 0);
    gw_lm_add_u64(&forged, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    return &forged;
}

static void test_hostile(void **unused)
{
    (void)unused;
    struct world *w = usual(6);
    struct gw_addr c = client(1);
    struct gw_key bad = sim_key(0, 2);

    bad.secret[5] ^= 1;
    assert_int_equal(w_inject(w, 0, 2, message(w, GW_CATS_TRACE, 1, &none, true), &bad), GW_EAUTH);
    w_run(w, GW_MSEC(1));
    assert_int_equal(w_inject(w, 0, 2, message(w, GW_CATS_TRACE, 1, &none, false), NULL),
                     GW_EFORMAT);
    assert_int_equal(cw_metric_count(w, 2, GW_MCNT_MALFORMED), 1);
    w_run(w, GW_MSEC(1));
    assert_int_equal(w_inject(w, AGENT, 3, message(w, GW_CATS_TRACE, 1, &none, true), NULL),
                     GW_EDENIED);
    assert_int_equal(cw_metric_count(w, 3, GW_MCNT_DENIED), 1);
    assert_int_equal(traces(w, 2)->answered + traces(w, 3)->answered, 0);

    /* Whoever was not asked, or not with that number, answers in vain. */
    const struct gw_trace *x = started(w, 0, &a2, &c);
    uint32_t seq = said(x, addr(w, 2), &a2)->seq;
    w_run(w, GW_MSEC(1));
    assert_int_equal(
        w_inject(w, 3, 0, message(w, GW_CATS_TRACE_REPLY, seq, addr(w, 3), true), NULL), GW_ENOENT);
    assert_int_equal(
        w_inject(w, 2, 0, message(w, GW_CATS_TRACE_REPLY, seq + 9, addr(w, 3), true), NULL),
        GW_ENOENT);
    assert_int_equal(said(x, addr(w, 2), &a2)->state, GW_TRACE_WAITING);
    w_run(w, GW_MSEC(30));
    assert_int_equal(said(x, addr(w, 2), &a2)->results.code, GW_CATS_HOP_ROUTED);
    assert_int_equal(traces(w, 0)->strange, 2);
    cw_free(w);
}

static void test_rate(void **unused)
{
    (void)unused;
    struct world *w = usual(7);
    unsigned taken = 0;

    for (uint32_t i = 0; i < 300; i++) {
        taken += w_inject(w, 0, 2, message(w, GW_CATS_TRACE, i, &none, true), NULL) == 0;
        w_run(w, (struct gw_time){10000});
    }
    assert_in_range(taken, 100, 102);
    assert_int_equal(w->n[2].node->steering->traces_limited, 300 - taken);
    assert_int_equal(w_inject(w, 1, 2, message(w, GW_CATS_TRACE, 1, &none, true), NULL), 0);
    cw_free(w);
}

/* Memory fails anywhere: a trace ends. */
static void test_memory(void **unused)
{
    (void)unused;
    unsigned refused = 0;

    for (uint64_t nth = 1; nth < 12; nth++) {
        struct world *w = usual(8);
        struct gw_addr c = client(1);
        uint64_t number;
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 2;
        int err = begin(w, 0, &none, &c, &number);
        refused += err == GW_ENOMEM;
        assert_true(err == 0 || err == GW_ENOMEM);
        w_run(w, GW_SEC(3));
        w->sim->memory.fail_at = 0;
        for (size_t i = 0; i < GW_TRACE_KEPT; i++) {
            const struct gw_trace *x = traces(w, 0)->kept[i];
            for (size_t k = 0; x != NULL && k < x->n; k++)
                assert_int_not_equal(x->ask[k].state, GW_TRACE_WAITING);
        }
        cw_free(w);
    }
    assert_in_range(refused, 1, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instances), cmocka_unit_test(test_states),
        cmocka_unit_test(test_results),   cmocka_unit_test(test_circle),
        cmocka_unit_test(test_silence),   cmocka_unit_test(test_loss),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_rate),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
