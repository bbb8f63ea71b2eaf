/* test_scrape.c: what a scrape of an instance says of it: units, several series, histograms between
 * two readings, what is malformed; and who may speak for an instance. The agent around is a
 * stand-in; with real servers it is judged in tests/e2e/test_agent.py.
 */
#include "daemon/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the agent ---- */

void gwd_agent_at(struct gwd_agent *a, struct gw_timer *t, struct gw_time at)
{
    (void)a;
    (void)t;
    (void)at;
}

void gwd_agent_stop(struct gwd_agent *a, struct gw_timer *t)
{
    (void)a;
    (void)t;
}

void gwd_instance_changed(struct gwd_instance *x)
{
    (void)x;
}

void gwd_instance_come(struct gwd_instance *x)
{
    x->registered = true;
}

void gwd_instance_leave(struct gwd_instance *x)
{
    x->registered = false;
}

void gwd_check_heard(struct gwd_instance *x)
{
    (void)x;
}

/* ---- */

struct reading {
    double sum[GW_METRIC_KINDS], count[GW_METRIC_KINDS];
    struct gw_metric_raw raw;
    unsigned line;
};

static int take(struct reading *r, enum gw_metric_kind kind, const char *series, const char *text)
{
    struct gw_cfg_scrape cfg = {0};
    cfg.name[kind] = series;
    r->raw = (struct gw_metric_raw){0};
    return gwd_scrape_read(&cfg, text, strlen(text), r->sum, r->count, &r->raw, &r->line);
}

/* -1: not known */
static int64_t value_of(enum gw_metric_kind kind, const char *series, const char *text)
{
    struct reading r = {0};
    assert_int_equal(take(&r, kind, series, text), 0);
    assert_int_equal(r.raw.known & ~(1u << kind), 0);
    return r.raw.known != 0 ? r.raw.value[kind] : -1;
}

static void test_units(void **state)
{
    (void)state;
    assert_int_equal(value_of(GW_METRIC_LATENCY, "x_seconds", "x_seconds 0.25\n"), 250000);
    assert_int_equal(value_of(GW_METRIC_LATENCY, "x", "x 1.5e-3\n"), 1500);
    assert_int_equal(value_of(GW_METRIC_LATENCY, "x_milliseconds", "x_milliseconds 7\n"), 7000);
    assert_int_equal(value_of(GW_METRIC_LATENCY, "x_us", "x_us 7\n"), 7);
    assert_int_equal(value_of(GW_METRIC_CPU, "x_ratio", "x_ratio 0.5\n"), 500);
    assert_int_equal(value_of(GW_METRIC_CPU, "x_percent", "x_percent 12.5\n"), 125);
    assert_int_equal(value_of(GW_METRIC_ERRORS, "x", "x 0.0125\n"), 125);
    assert_int_equal(value_of(GW_METRIC_ENERGY, "x_watts", "x_watts 2\n"), 2000);
    assert_int_equal(value_of(GW_METRIC_BANDWIDTH, "x", "x 125000\n"), 1000);
    assert_int_equal(value_of(GW_METRIC_QUEUE, "x", "x 1e300\n"), 1000000000000000);
}

static void test_several_series(void **state)
{
    static const char text[] = "x{a=\"1\"} 3\nx{a=\"2\"} 5\nx{a=\"3\"} NaN\nx{a=\"4\"} -1\n";
    (void)state;
    assert_int_equal(value_of(GW_METRIC_IN_FLIGHT, "x", text), 8);
    assert_int_equal(value_of(GW_METRIC_LATENCY, "x_s", "x_s{a=\"1\"} 3\nx_s{a=\"2\"} 5\n"),
                     4000000);
    assert_int_equal(value_of(GW_METRIC_IN_FLIGHT, "x{a=\"2\"}", text), 5);
    assert_int_equal(value_of(GW_METRIC_IN_FLIGHT, "x{a=\"3\"}", text), -1);
    assert_int_equal(value_of(GW_METRIC_IN_FLIGHT, "y", text), -1);
    assert_int_equal(value_of(GW_METRIC_IN_FLIGHT, "x", "x +Inf\n"), -1);
}

static void test_a_histogram_between_two_readings(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: not known */
    } readings[] = {
        {"x_sum 10\nx_count 100\n", -1},    {"x_sum 12\nx_count 110\n", 200000},
        {"x_sum 12\nx_count 110\n", -1},    {"x_sum 1\nx_count 4\n", -1}, /* restarted */
        {"x_sum 1.5\nx_count 5\n", 500000},
    };
    struct reading r = {0};
    (void)state;
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        assert_int_equal(take(&r, GW_METRIC_LATENCY, "x", readings[i].text), 0);
        assert_int_equal(r.raw.known != 0 ? r.raw.value[GW_METRIC_LATENCY] : -1, readings[i].us);
    }
}

static void test_malformed(void **state)
{
    struct reading r = {0};
    (void)state;
    assert_int_equal(take(&r, GW_METRIC_QUEUE, "x", "x 1\n<html>\nx 2\n"), GW_EFORMAT);
    assert_int_equal(r.line, 2);
    assert_int_equal(r.raw.known, 0);
}

static void test_who_may_speak(void **state)
{
    struct gw_cfg_instance cfg = {.name = "web", .token = "0123456789abcdef"};
    struct gw_config conf = {.ninstances = 1, .instances = &cfg};
    struct gwd daemon = {.conf = &conf};
    struct gwd_agent agent = {.daemon = &daemon};
    struct gwd_instance x = {.agent = &agent};
    (void)state;
    assert_true(gwd_instance_admits(&x, "0123456789abcdef"));
    assert_false(gwd_instance_admits(&x, "0123456789abcdeF"));
    assert_false(gwd_instance_admits(&x, "0123456789abcdef0123456789abcdef"));
    assert_false(gwd_instance_admits(&x, "0"));
    assert_false(gwd_instance_admits(&x, ""));
    cfg.token[0] = '\0'; /* it has none: nobody has it */
    assert_false(gwd_instance_admits(&x, ""));
}

/* A burst is taken, what is more is refused until time has passed. */
static void test_too_often(void **state)
{
    struct gw_cfg_instance cfg = {.name = "web"};
    struct gw_config conf = {.ninstances = 1, .instances = &cfg};
    struct gwd daemon = {.conf = &conf};
    struct gwd_agent agent = {.daemon = &daemon};
    struct gwd_instance x = {.agent = &agent};
    json_t *why = NULL;
    unsigned taken = 0;
    (void)state;
    for (int i = 0; i < 100000 && why == NULL; i++)
        taken += gwd_instance_say(&x, GWD_REGISTER, NULL, &why) == GWD_SAID;
    assert_non_null(why);
    assert_in_range(taken, GWD_AGENT_BURST, 99999);
    assert_int_equal(daemon.count.agent_limited, 1);
    assert_int_equal(daemon.count.agent_messages, taken);
    json_decref(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_several_series),
        cmocka_unit_test(test_a_histogram_between_two_readings),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_who_may_speak),
        cmocka_unit_test(test_too_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
