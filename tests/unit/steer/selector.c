/* selector.c: a path selector with more instances than a message takes, without a network: messages
 * are lost and acknowledged as the test has it, and memory fails.
 */
#include "fn/steer/selector.h"

#include "../test.h"
#include "../test_alloc.h"
#include "node/config.h"

#define INSTANCES 200 /* of each of two services */

static const struct gw_addr self = {{0xfd, [15] = 1}}, ingress = {{0xfd, [15] = 2}};

static struct {
    struct test_alloc mem;
    struct gw_alloc al;
    struct gw_timers timers;
    struct gw_cfg_service services[2];
    struct gw_config cfg;
    struct gw_metric_config rules;
    struct gw_mh out, in;
    struct gw_cats_buf buf;
    struct gw_metric m;
    struct gw_selector s;
    bool answers;                          /* messages are acknowledged */
    unsigned selections, unknown, longest; /* sent; with flag U; items of one */
    unsigned told[2][INSTANCES];           /* how often each was named */
    uint16_t share[2][INSTANCES];
    uint32_t seq;
    bool waiting;
} t;

static int send(void *user, const struct gw_addr *to, struct gw_mh *m)
{
    int service = -1, err;
    struct gw_cats_item item;
    unsigned n = 0;

    (void)user;
    assert_true(gw_addr_eq(to, &ingress));
    if (m->exp.cats.type != GW_CATS_SELECTION)
        return 0;
    t.selections++;
    t.unknown += (m->exp.cats.flags & GW_CATS_UNKNOWN) != 0;
    for (size_t it = 0; (err = gw_cats_next(m, &it, &item)) == 1; n++) {
        if (item.type == GW_CATS_SERVICE)
            service = item.service.cs_id.b[15];
        if (item.type != GW_CATS_CHOICE)
            continue;
        assert_in_range(service, 0, 1);
        assert_int_equal(item.choice.csci_id.b[13], service);
        assert_int_equal(item.choice.lifetime, 12);
        t.told[service][item.choice.csci_id.b[15]]++;
        t.share[service][item.choice.csci_id.b[15]] = item.choice.share;
    }
    assert_int_equal(err, 0);
    t.longest = n > t.longest ? n : t.longest;
    t.seq = m->exp.cats.seq;
    t.waiting = t.answers && (m->exp.cats.flags & GW_CATS_UNKNOWN) == 0;
    return 0;
}

static bool may(void *user, const struct gw_addr *from, const struct gw_metric_key *key,
                const struct gw_cats_instance *v)
{
    (void)user, (void)from, (void)key, (void)v;
    return true;
}

static void changed(void *user, const struct gw_metric_instance *x)
{
    (void)user, (void)x;
    gw_selector_changed(&t.s);
}

static const struct gw_metric_ops ops = {send, may, changed};

static void run(struct gw_time span)
{
    struct gw_time end = gw_time_add(t.m.now, span);

    while (gw_time_before(t.m.now, end)) {
        t.m.now = gw_time_add(t.m.now, GW_MSEC(10));
        (void)gw_timers_run(&t.timers, t.m.now, 1000, NULL);
        if (t.waiting)
            (void)gw_selector_ack(&t.s, &ingress, t.seq);
        t.waiting = false;
    }
}

static void say(uint8_t service, uint8_t i, uint32_t load)
{
    struct gw_cats_service k = gw_steer_cats_key(&t.services[service].key);
    struct gw_cats_instance v = {.state = GW_CATS_UP,
                                 .score = 5,
                                 .lifetime = 60,
                                 .slots = 10,
                                 .latency = 5000,
                                 .in_flight = load,
                                 .csci_id = {{0xfd, 1, [13] = service, [15] = i}}};

    assert_int_equal(gw_metric_say(&t.m, &k, &v), 0);
}

static void begin(void)
{
    memset(&t, 0, sizeof t);
    t.al = test_alloc_of(&t.mem);
    gw_timers_init(&t.timers, &t.al);
    for (uint8_t k = 0; k < 2; k++)
        t.services[k] = (struct gw_cfg_service){.name = "a service",
                                                .key = {.cs_id = {{0xfd, 2, [15] = k}}},
                                                .max_age_ms = 60000,
                                                .error_limit = 512};
    t.cfg.services = t.services;
    t.cfg.nservices = 2;
    t.cfg.steering.lifetime = GW_SEC(12);
    t.cfg.steering.pace = GW_MSEC(50);
    t.cfg.steering.stamp.wait = GW_MSEC(80);
    t.rules = (struct gw_metric_config){.self = self,
                                        .retransmit = GW_SEC(1),
                                        .retransmit_max = GW_SEC(8),
                                        .tries = 5,
                                        .instances = 1000,
                                        .origins = 10};
    t.m = (struct gw_metric){.cfg = &t.rules,
                             .al = &t.al,
                             .timers = &t.timers,
                             .now = GW_SEC(100),
                             .ops = &ops,
                             .out = &t.out};
    t.s = (struct gw_selector){.cfg = &t.cfg, .al = &t.al, .metric = &t.m};
    gw_selector_init(&t.s, 1);
    assert_int_equal(gw_metric_init(&t.m, 1, 1), 0);
    assert_int_equal(gw_selector_start(&t.s), 0);
    for (uint8_t k = 0; k < 2; k++)
        for (uint8_t i = 0; i < INSTANCES; i++)
            say(k, i, 1);
    t.answers = true;
}

static void end(void)
{
    gw_selector_free(&t.s);
    gw_metric_free(&t.m);
    gw_timers_free(&t.timers);
    assert_int_equal(t.mem.held, 0);
}

static int query(uint8_t service)
{
    struct gw_cats_item item = {.type = GW_CATS_SERVICE,
                                .service = {.cs_id = {{0xfd, 2, [15] = service}}}};

    gw_cats_begin(&t.in, &t.buf, GW_CATS_QUERY, 0, 1);
    assert_int_equal(gw_cats_add(&t.in, &t.buf, &item), 0);
    return gw_selector_query(&t.s, &ingress, &t.in);
}

static void named(unsigned least, unsigned most)
{
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < INSTANCES; i++)
            assert_in_range(t.told[k][i], least, most);
}

static void test_long_lists(void **state)
{
    (void)state;
    begin();
    run(GW_SEC(1));
    assert_int_equal(t.selections, 0); /* nobody has asked */
    assert_int_equal(query(0), 0);
    run(GW_SEC(2));
    named(1, 1);
    assert_in_range(t.selections, 9, 12);
    assert_true(t.longest > 40);
    for (int k = 0; k < 2; k++) {
        uint32_t sum = 0;
        for (int i = 0; i < INSTANCES; i++)
            sum += t.share[k][i];
        assert_in_range(sum, GW_SHARE_ALL - INSTANCES, GW_SHARE_ALL);
    }
    say(1, 7, 10); /* full: its share goes in steps, those of the others are as they were */
    run(GW_MSEC(1500));
    assert_int_equal(t.share[1][7], 0);
    assert_int_equal(t.told[1][8], 1);
    assert_int_equal(t.told[0][7], 1);
    unsigned before = t.selections;
    run(GW_SEC(2)); /* a third of the lifetime has passed for the rest */
    named(2, 9);
    assert_in_range(t.selections - before, 9, 14);
    end();
}

/* What is not acknowledged is said again, with what is so then. */
static void test_lost(void **state)
{
    (void)state;
    begin();
    t.answers = false;
    assert_int_equal(query(0), 0);
    run(GW_MSEC(900));
    assert_int_equal(t.selections, 1);
    uint8_t i = 0;
    while (t.told[0][i] == 0) /* one of those in it */
        i++;
    say(0, i, 10);
    run(GW_SEC(2));
    assert_in_range(t.selections, 2, 3);
    t.answers = true;
    run(GW_SEC(4));
    named(1, 4);
    assert_int_equal(t.share[0][i], 0);
    end();
}

/* An ingress that is silent is forgotten; a service without instances is none. */
static void test_silence(void **state)
{
    (void)state;
    begin();
    run(GW_SEC(1));
    assert_int_equal(query(9), 0);
    assert_int_equal(t.unknown, 1);
    t.answers = false;
    run(GW_SEC(13));
    assert_int_equal(gw_table_count(&t.s.ingresses), 0);
    assert_int_equal(t.s.silent, 1);
    unsigned before = t.selections;
    run(GW_SEC(13));
    assert_int_equal(t.selections, before);
    end();
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t fail = 0; fail < 60; fail++) {
        begin();
        run(GW_SEC(1));
        t.mem.allow = fail;
        (void)query(0);
        run(GW_MSEC(300));
        t.mem.allow = SIZE_MAX;
        assert_int_equal(query(0), 0);
        run(GW_SEC(3));
        named(1, 6);
        end();
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_long_lists),
    cmocka_unit_test(test_lost),
    cmocka_unit_test(test_silence),
    cmocka_unit_test(test_memory),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
