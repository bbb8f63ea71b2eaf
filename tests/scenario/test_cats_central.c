/* test_cats_central.c: a path selector divides the new flows of ingresses (models centralised and
 * hybrid): shares, faults, restarts, reloads and forgeries. Nodes 0 and 1 are ingresses, 2 and 3
 * egresses, 4 the path selector, unless a test says otherwise.
 */
#include "cats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/steering.h"

#define PS 4

static struct gw_addr a2, b2, a3;
static bool no_stamp; /* in the next world */

static struct world *make(const unsigned *roles, size_t n, size_t selector,
                          enum gw_steer_model model, uint64_t seed)
{
    cw_begin();
    a2 = cw_csci(2, 0);
    b2 = cw_csci(2, 1);
    a3 = cw_csci(3, 0);
    cw_plan.instances[2] = 2;
    cw_plan.instances[3] = 1;
    cw_plan.selector = selector;
    cw_plan.model = model;
    cw_plan.no_stamp = no_stamp;
    struct world *w = cw_new(roles, n, seed);
    w_run(w, GW_SEC(3));
    return w;
}

static struct world *usual(enum gw_steer_model model, uint64_t seed)
{
    static const unsigned roles[] = {GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER,
                                     GW_ROLE_D_ROUTER, GW_ROLE_PATH_SELECTOR};

    return make(roles, 5, PS, model, seed);
}

static struct gw_central *central(struct world *w, size_t node)
{
    return &w->n[node].node->steering->central;
}

static struct gw_selector *selector(struct world *w)
{
    return &w->n[PS].node->steering->selector;
}

static bool by_share(struct world *w, size_t node)
{
    struct gw_service_key k = cw_service(0);

    return gw_central_by_share(central(w, node), &k);
}

static uint32_t weight(struct world *w, size_t node, const struct gw_addr *csci)
{
    assert_non_null(cw_said(w, node, csci));
    return cw_said(w, node, csci)->said.weight;
}

static void report_all(struct world *w, uint32_t at_a2, uint32_t at_b2, uint32_t at_a3)
{
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, at_a2, 5000), 0);
    assert_int_equal(cw_report(w, 2, 1, GW_INSTANCE_UP, at_b2, 5000), 0);
    assert_int_equal(cw_report(w, 3, 0, GW_INSTANCE_UP, at_a3, 5000), 0);
}

static void near(uint32_t got, uint32_t part, uint32_t of)
{
    uint32_t want = GW_SHARE_ALL * part / of;

    /* A sixteenth is worth telling, of half of what is missing. */
    assert_in_range(got, want - want / 4, want + want / 4);
}

/* How many of `n` new flows go there. */
static unsigned sent_to(struct world *w, size_t node, const struct gw_addr *csci, unsigned from,
                        unsigned n)
{
    unsigned count = 0;

    for (unsigned f = from; f < from + n; f++) {
        struct gw_addr to = cw_send(w, node, f);
        assert_false(gw_addr_is_zero(&to));
        count += gw_addr_eq(&to, csci);
    }
    return count;
}

/* Free slots 1, 8 and 7 of 16, all as near: 1/8 is the most that a2 can take, half of the rest. */
static void test_shares(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 1);

    report_all(w, 9, 2, 3);
    w_run(w, GW_SEC(3));
    for (size_t i = 0; i < 2; i++) {
        assert_true(by_share(w, i));
        near(weight(w, i, &a2), 2, 16);
        near(weight(w, i, &b2), 7, 16);
        near(weight(w, i, &a3), 7, 16);
        assert_in_range(sent_to(w, i, &a2, 0, 800), 75, 130);
        assert_in_range(sent_to(w, i, &b2, 1000, 800), 300, 400);
    }
    report_all(w, 10, 10, 3); /* no room but at a3 */
    w_run(w, GW_SEC(5));
    assert_int_equal(sent_to(w, 0, &a3, 2000, 100), 100);
    assert_int_equal(cw_metric_count(w, 0, GW_MCNT_DENIED), 0);
    assert_int_equal(cw_metric_count(w, PS, GW_MCNT_DENIED), 0);
    cw_free(w);
}

/* Nothing changes: each share goes out three times in its lifetime, each way every five seconds,
 * and nothing else. */
static void test_quiet(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 2);

    w_run(w, GW_SEC(10));
    uint64_t shares = central(w, 0)->shares, queries = central(w, 0)->queries;
    uint64_t ways = central(w, 0)->ways, told = selector(w)->told;
    w_run(w, GW_SEC(60));
    assert_in_range(central(w, 0)->shares - shares, 36, 3 * 16);
    assert_in_range(central(w, 0)->ways - ways, 3 * 9, 3 * 13);
    assert_in_range(selector(w)->told - told, 4 * 36, 4 * 3 * 16);
    assert_int_equal(central(w, 0)->queries, queries);
    assert_true(by_share(w, 0));
    cw_free(w);
}

static void cut(struct world *w, size_t a, size_t b, bool is)
{
    sim_link(w->sim, a, b)->cut = is;
    sim_link(w->sim, b, a)->cut = is;
}

/* Each ingress has its own shares: those of its ways. */
static void test_ways(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 3);

    assert_true(by_share(w, 0) && by_share(w, 1));
    cut(w, 0, 3, true);
    w_run(w, GW_SEC(2));
    const struct gw_ingress *g = gw_table_get(&selector(w)->ingresses, &w->n[0].cfg[0].addr);
    const struct gw_ingress *h = gw_table_get(&selector(w)->ingresses, &w->n[1].cfg[0].addr);
    assert_non_null(g);
    assert_non_null(h);
    assert_int_equal(((struct gw_pick *)gw_table_get(&g->picks, &a3))->told, 0);
    near(((struct gw_pick *)gw_table_get(&h->picks, &a3))->told, 1, 3);
    near(weight(w, 0, &a2), 1, 2);
    assert_int_equal(sent_to(w, 0, &a3, 0, 60), 0);
    assert_true(sent_to(w, 1, &a3, 0, 60) > 15);
    cut(w, 0, 3, false);
    w_run(w, GW_SEC(6));
    near(weight(w, 0, &a3), 1, 3);
    sim_link(w->sim, 0, 2)->delay = sim_link(w->sim, 2, 0)->delay = 35 * 1000000;
    report_all(w, 1, 1, 1);
    w_run(w, GW_SEC(8));
    near(weight(w, 0, &a3), 2, 3); /* the cap: one of three that are as free */
    near(weight(w, 1, &a3), 1, 3);
    cw_free(w);
}

/* It dies: its shares are good for their lifetime, then the ingresses choose by themselves; it
 * comes back: they count again. No flow notices. */
static void test_selector_dies(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 4);
    struct gw_addr to[64];

    for (unsigned f = 0; f < 64; f++)
        to[f] = cw_send(w, 0, f);
    w_crash(w, PS);
    for (int s = 0; s < 40; s++) {
        w_run(w, GW_MSEC(500));
        if (s == 10)
            assert_true(by_share(w, 0));
        for (unsigned f = 0; f < 64; f++) {
            struct gw_addr now = cw_send(w, 0, f);
            assert_true(gw_addr_eq(&now, &to[f]));
        }
    }
    assert_false(by_share(w, 0));
    assert_int_equal(central(w, 0)->alone, 1);
    assert_int_equal(weight(w, 0, &a2), 1);
    assert_true(sent_to(w, 0, &a3, 1000, 100) > 0);
    w_boot(w, PS);
    w_run(w, GW_SEC(7));
    assert_true(by_share(w, 0) && by_share(w, 1));
    for (int i = 0; i < 5; i++) { /* again and again: nobody is left alone */
        w_crash(w, PS);
        w_run(w, GW_SEC(1));
        w_boot(w, PS);
        w_run(w, GW_SEC(6));
        assert_true(by_share(w, 0));
    }
    assert_int_equal(central(w, 0)->alone, 1);
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(gw_addr_eq(&now, &to[f]));
    }
    cw_free(w);
}

/* It has started, and one of its neighbours has not told it anything yet: half of the truth is told
 * to nobody, for five seconds. */
static void test_starts_with_half(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 15);

    w_crash(w, PS);
    cut(w, PS, 3, true);
    w_boot(w, PS);
    uint64_t selections = central(w, 0)->selections;
    w_run(w, GW_MSEC(4500));
    assert_true(gw_table_count(&selector(w)->ingresses) > 0);
    assert_int_equal(central(w, 0)->selections, selections);
    w_run(w, GW_SEC(2));
    assert_true(central(w, 0)->selections > selections);
    assert_true(by_share(w, 0));
    cw_free(w);
}

/* An ingress that starts again asks, and has shares soon; its flows stay. */
static void test_ingress_restarts(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 5);
    struct gw_addr to[64];

    for (unsigned f = 0; f < 64; f++)
        to[f] = cw_send(w, 0, f);
    w_crash(w, 0);
    w_run(w, GW_MSEC(500));
    w_boot(w, 0);
    w_run(w, GW_MSEC(2500));
    assert_true(by_share(w, 0));
    assert_true(central(w, 0)->queries > 0);
    assert_true(selector(w)->queries > 0);
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(gw_addr_eq(&now, &to[f]));
    }
    w_crash(w, 0);
    w_run(w, GW_SEC(14));
    assert_int_equal(gw_table_count(&selector(w)->ingresses), 3); /* it is forgotten */
    assert_int_equal(selector(w)->silent, 1);
    cw_free(w);
}

/* A new instance is in the shares at once, one that drains or dies is not drawn any more. */
static void test_comes_and_goes(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 6);

    report_all(w, 1, 1, 1);
    assert_int_equal(cw_report(w, 3, 0, GW_INSTANCE_DRAINING, 1, 5000), 0);
    w_run(w, GW_SEC(2));
    assert_int_equal(weight(w, 0, &a3), 0);
    assert_int_equal(sent_to(w, 0, &a3, 0, 60), 0);
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_DEAD, 0, 0), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(sent_to(w, 0, &b2, 100, 60), 60);
    assert_int_equal(cw_report(w, 3, 0, GW_INSTANCE_UP, 1, 5000), 0);
    w_run(w, GW_SEC(4));
    near(weight(w, 0, &a3), 1, 2);
    assert_in_range(sent_to(w, 0, &a3, 200, 100), 35, 65);
    cw_free(w);
}

/* With reports an ingress chooses by itself; without, by shares. */
static void test_hybrid(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_HYBRID, 7);

    assert_true(by_share(w, 0)); /* nobody has reported yet */
    report_all(w, 1, 1, 1);
    w_run(w, GW_MSEC(1500));
    assert_false(by_share(w, 0));
    assert_int_equal(weight(w, 0, &a2), 1);
    w_run(w, GW_SEC(7));
    assert_false(by_share(w, 0));
    w_run(w, GW_SEC(4)); /* older than max-age */
    assert_true(by_share(w, 0));
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 3, 5000), 0); /* one of three */
    w_run(w, GW_MSEC(1500));
    assert_true(by_share(w, 0));
    assert_int_equal(cw_report(w, 3, 0, GW_INSTANCE_UP, 3, 5000), 0);
    w_run(w, GW_MSEC(1500));
    assert_false(by_share(w, 0));
    cw_free(w);
}

static void reload(struct world *w, size_t node)
{
    assert_int_equal(gw_node_reload(w->n[node].node, w->n[node].cfg, NULL, NULL, w_now(w)), 0);
    w_drain(w, node);
}

/* Each ingress by itself, there and back, and to a path selector that is none. */
static void test_reload(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 8);
    struct gw_config *c = w->n[0].cfg;
    struct gw_addr to[64], ps = c->steering.selector;

    report_all(w, 9, 1, 1);
    w_run(w, GW_SEC(3));
    for (unsigned f = 0; f < 64; f++)
        to[f] = cw_send(w, 0, f);
    c->steering.model = GW_MODEL_DISTRIBUTED;
    reload(w, 0);
    assert_false(by_share(w, 0));
    assert_int_equal(weight(w, 0, &a2), 1);
    assert_true(by_share(w, 1));
    uint64_t ways = central(w, 0)->ways;
    w_run(w, GW_SEC(14));
    assert_false(by_share(w, 0));
    assert_int_equal(central(w, 0)->ways, ways);
    assert_int_equal(gw_table_count(&selector(w)->ingresses), 3);
    c->steering.model = GW_MODEL_CENTRALISED;
    reload(w, 0);
    w_run(w, GW_SEC(3));
    assert_true(by_share(w, 0));
    c->steering.selector = w->n[1].cfg[0].addr; /* its shares are nothing to another one */
    reload(w, 0);
    assert_false(by_share(w, 0));
    w_run(w, GW_SEC(20));
    assert_false(by_share(w, 0));
    assert_true(cw_metric_count(w, 1, GW_MCNT_DENIED) > 0);
    c->steering.selector = ps;
    reload(w, 0);
    w_run(w, GW_SEC(3));
    assert_true(by_share(w, 0));
    for (unsigned f = 0; f < 64; f++) {
        struct gw_addr now = cw_send(w, 0, f);
        assert_true(gw_addr_eq(&now, &to[f]));
    }
    cw_free(w);
}

/* Node 1 is ingress and path selector. */
static void test_both(void **unused)
{
    (void)unused;
    static const unsigned roles[] = {GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER | GW_ROLE_PATH_SELECTOR,
                                     GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER};
    struct world *w = make(roles, 4, 1, GW_MODEL_CENTRALISED, 9);

    assert_true(by_share(w, 0) && by_share(w, 1));
    cut(w, 1, 3, true);
    w_run(w, GW_SEC(2));
    near(weight(w, 1, &a2), 1, 2);
    near(weight(w, 0, &a2), 1, 3);
    w_crash(w, 1);
    w_run(w, GW_SEC(2));
    w_boot(w, 1);
    w_run(w, GW_SEC(8));
    assert_true(by_share(w, 0) && by_share(w, 1));
    assert_int_equal(cw_metric_count(w, 1, GW_MCNT_DENIED), 0);
    cw_free(w);
}

/* A fifth is lost, and comes twice or late. */
static void test_noise(void **unused)
{
    (void)unused;
    no_stamp = true; /* or ways would be down now and then, rightly */
    struct world *w = usual(GW_MODEL_CENTRALISED, 10);
    no_stamp = false;

    w_noise(w, 20, 5, 5);
    for (uint32_t i = 0; i < 60; i++) {
        report_all(w, i % 10, (i + 3) % 10, (i + 6) % 10);
        w_run(w, GW_SEC(1));
        assert_true(by_share(w, 0) && by_share(w, 1));
    }
    w_noise(w, 0, 0, 0);
    report_all(w, 9, 2, 3);
    w_run(w, GW_SEC(8));
    for (size_t i = 0; i < 2; i++)
        near(weight(w, i, &a2), 2, 16);
    cw_free(w);
}

/* Memory fails anywhere, for a moment: shares come later. */
static void test_memory(void **unused)
{
    (void)unused;
    for (uint64_t nth = 1; nth < 300; nth += 13) {
        struct world *w = usual(GW_MODEL_CENTRALISED, 11);
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 5;
        for (uint32_t i = 1; i < 8; i++) {
            (void)cw_report(w, 2, 0, GW_INSTANCE_UP, i, 5000);
            if (i == 2)
                w_crash(w, PS);
            while (i >= 3 && w->n[PS].node == NULL) /* an attempt may fail */
                (void)sim_node_boot(w->sim, &w->n[PS]);
            while (i >= 3 && !w->n[PS].node->started)
                (void)w_input(w, PS, &(struct gw_input){.kind = GW_IN_START});
            w_run(w, GW_MSEC(500));
        }
        w->sim->memory.fail_at = 0;
        report_all(w, 9, 2, 3);
        w_run(w, GW_SEC(20));
        for (size_t i = 0; i < 2; i++)
            assert_true(by_share(w, i));
        cw_free(w);
    }
}

/* What operators see: rows, and the sum of a number in them. */
struct seen {
    unsigned rows;
    int64_t sum;
};
static void see_open(void *user, const char *key)
{
    (void)key;
    ((struct seen *)user)->rows++;
}
static void see_close(void *user)
{
    (void)user;
}
static void see_text(void *user, const char *key, const char *value)
{
    (void)user, (void)key;
    assert_non_null(value);
}
static void see_number(void *user, const char *key, int64_t value)
{
    if (strcmp(key, "share_of_65535") == 0 || strcmp(key, "cats-shares-told") == 0)
        ((struct seen *)user)->sum += value;
}
static void see_flag(void *user, const char *key, bool value)
{
    if (strcmp(key, "by_share") == 0)
        ((struct seen *)user)->sum += value;
}

static struct seen see(struct world *w, size_t node, enum gw_show what)
{
    static const struct gw_emit_ops ops = {see_open, see_close,  see_open, see_close,
                                           see_text, see_number, see_flag};
    struct seen s = {.rows = 0};
    struct gw_emit e = {&ops, &s};

    gw_node_show(w->n[node].node, what, &e, w_now(w));
    return s;
}

static void test_shown(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 14);
    struct seen at = see(w, PS, GW_SHOW_SELECTIONS);

    assert_int_equal(at.rows, 4 * 3);
    assert_in_range(at.sum, 4 * GW_SHARE_ALL - 20, 4 * GW_SHARE_ALL);
    assert_int_equal(see(w, 0, GW_SHOW_SELECTIONS).rows, 0);
    at = see(w, 0, GW_SHOW_CANDIDATES);
    assert_in_range(at.sum, GW_SHARE_ALL - 5, GW_SHARE_ALL);
    assert_int_equal(see(w, 0, GW_SHOW_SERVICES).sum, 1); /* the other has no instances */
    assert_true(see(w, PS, GW_SHOW_COUNTERS).sum >= 12);
    cw_free(w);
}

/* -- hostile --------------------------------------------------------------------------------------
 */

static struct gw_cats_buf buf;
static struct gw_mh forged;

static struct gw_mh *message(const struct world *w, enum gw_cats_type type, size_t service)
{
    struct gw_service_key k = cw_service(service);
    struct gw_cats_item s = {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&k)};

    gw_cats_begin(&forged, &buf, type, 0, 77);
    assert_int_equal(gw_cats_add(&forged, &buf, &s), 0);
    gw_lm_add_u64(&forged, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    return &forged;
}

static struct gw_mh *selection(const struct world *w)
{
    struct gw_service_key k = cw_service(0);
    struct gw_cats_item s = {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&k)};
    struct gw_cats_item c = {.type = GW_CATS_CHOICE,
                             .choice = {.code = GW_CATS_CHOSEN,
                                        .score = GW_CATS_NO_SCORE,
                                        .lifetime = 1000,
                                        .csci_id = b2,
                                        .egress = w->n[0].cfg[0].addr}};

    gw_cats_begin(&forged, &buf, GW_CATS_SELECTION, 0, 77);
    assert_int_equal(gw_cats_add(&forged, &buf, &s), 0);
    assert_int_equal(gw_cats_add(&forged, &buf, &c), 0); /* none for b2 */
    c.choice.csci_id = cw_csci(7, 7);                    /* nobody has heard of it */
    c.choice.share = UINT16_MAX;
    assert_int_equal(gw_cats_add(&forged, &buf, &c), 0);
    gw_lm_add_u64(&forged, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    return &forged;
}

static void test_hostile(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 12);
    uint32_t before = weight(w, 0, &b2);

    assert_int_not_equal(before, 0);
    assert_int_equal(w_inject(w, 2, 0, selection(w), NULL), GW_EDENIED);
    assert_int_equal(cw_metric_count(w, 0, GW_MCNT_DENIED), 1);
    assert_int_equal(weight(w, 0, &b2), before);
    struct gw_key bad = sim_key(PS, 0);
    bad.secret[5] ^= 1;
    assert_int_equal(w_inject(w, PS, 0, selection(w), &bad), GW_EAUTH);
    assert_int_equal(weight(w, 0, &b2), before);
    w_run(w, GW_MSEC(1));
    assert_int_equal(w_inject(w, 2, 1, message(w, GW_CATS_QUERY, 0), NULL), GW_EDENIED);
    w_run(w, GW_MSEC(1));
    assert_int_equal(w_inject(w, 2, 1, message(w, GW_CATS_PATHS, 0), NULL), GW_EDENIED);
    assert_int_equal(cw_metric_count(w, 1, GW_MCNT_DENIED), 2);
    w_run(w, GW_MSEC(1));
    assert_int_equal(w_inject(w, PS, 0, selection(w), NULL), 0); /* it may */
    assert_int_equal(weight(w, 0, &b2), 0);
    assert_int_equal(central(w, 0)->unknown, 1);
    assert_null(cw_said(w, 0, &(struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xcc, 7, [15] = 8}}));
    assert_true(by_share(w, 0));
    cw_free(w);
}

/* A service without instances: the answer says so, and tells of none. */
static void test_unknown_service(void **unused)
{
    (void)unused;
    struct world *w = usual(GW_MODEL_CENTRALISED, 13);
    uint64_t shares = central(w, 0)->shares, selections = central(w, 0)->selections;

    assert_int_equal(w_inject(w, 0, PS, message(w, GW_CATS_QUERY, 1), NULL), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(central(w, 0)->selections, selections + 1);
    assert_int_equal(central(w, 0)->shares, shares);
    w_run(w, GW_MSEC(1));
    assert_int_equal(w_inject(w, 0, PS, message(w, GW_CATS_QUERY, 0), NULL), 0);
    w_run(w, GW_MSEC(400));
    assert_int_equal(central(w, 0)->shares, shares + 3);
    cw_free(w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shares),
    cmocka_unit_test(test_quiet),
    cmocka_unit_test(test_ways),
    cmocka_unit_test(test_selector_dies),
    cmocka_unit_test(test_starts_with_half),
    cmocka_unit_test(test_ingress_restarts),
    cmocka_unit_test(test_comes_and_goes),
    cmocka_unit_test(test_hybrid),
    cmocka_unit_test(test_reload),
    cmocka_unit_test(test_both),
    cmocka_unit_test(test_noise),
    cmocka_unit_test(test_memory),
    cmocka_unit_test(test_hostile),
    cmocka_unit_test(test_unknown_service),
    cmocka_unit_test(test_shown),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
