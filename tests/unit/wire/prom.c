/* prom.c: Prometheus's text format: the example of its specification, each way a line can be
 * wrong, and which series is asked for.
 */
#include "wire/prom.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* From the specification of the format. */
static const char example[] =
    "# HELP http_requests_total The total number of HTTP requests.\n"
    "# TYPE http_requests_total counter\n"
    "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
    "http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000\n"
    "\n"
    "# Escaping in label values:\n"
    "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find "
    "file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n"
    "# Minimalistic line:\n"
    "metric_without_timestamp_and_labels 12.47\n"
    "# A weird metric from before the epoch:\n"
    "something_weird{problem=\"division by zero\"} +Inf -3982045\n"
    "# A histogram, which has a pretty complex representation in the text format:\n"
    "http_request_duration_seconds_bucket{le=\"+Inf\"} 144320\n"
    "http_request_duration_seconds_sum 53423\n"
    "http_request_duration_seconds_count 144320\n";

static void test_the_example_is_read(void **state)
{
    static const double values[] = {1027, 3, 1.458255915e9, 12.47, INFINITY, 144320, 53423, 144320};
    static const size_t labels[] = {2, 2, 2, 0, 1, 1, 0, 0};
    struct gw_prom p = gw_prom_begin(example, sizeof example - 1);
    struct gw_prom_series s;
    double value;
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(gw_prom_next(&p, &s, &value), 1);
        assert_true(value == values[i]);
        assert_int_equal(s.nlabels, labels[i]);
    }
    assert_int_equal(gw_prom_next(&p, &s, &value), 0);
    assert_int_equal(p.line, 15);
}

static void test_what_is_wrong_ends_the_reading(void **state)
{
    static const char *const wrong[] = {
        "x",
        "x ",
        "x y",
        "x 1 2 3",
        "9x 1",
        "x{ 1",
        "x{a} 1",
        "x{a=} 1",
        "x{a=1} 1",
        "x{a=\"1} 1",
        "x{a=\"1\" 1",
        "x{a=\"1\"",
        "x{=\"\"} 1",
        "x{,} 1",
        "x{a=\"\\x\"} 1",
        "x 0x10",
        "x 1e",
        "x 1_0",
        "x nan",
        "x infinity",
        "x +NaN",
        "x 1..2",
        "x{a=\"\"b=\"\"} 1",
        "x 1 z",
        "x-y 1",
        "x{a-b=\"\"} 1",
    };
    struct gw_prom_series s;
    double value;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "ok 1\n%s\nok 2\n", wrong[i]);
        struct gw_prom p = gw_prom_begin(text, (size_t)len);
        assert_int_equal(gw_prom_next(&p, &s, &value), 1);
        if (gw_prom_next(&p, &s, &value) != GW_EFORMAT)
            fail_msg("taken: %s", wrong[i]);
        assert_int_equal(p.line, 2);
    }
}

static void test_labels_have_a_limit(void **state)
{
    char text[1024];
    struct gw_prom_series s;
    (void)state;
    for (int more = 0; more < 2; more++) {
        size_t used = (size_t)snprintf(text, sizeof text, "x{");
        for (int i = 0; i < GW_PROM_LABELS + more; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "l%d=\"v\",", i);
        used += (size_t)snprintf(text + used, sizeof text - used, "}");
        assert_int_equal(gw_prom_parse_series(text, used, &s), more ? GW_EFORMAT : 0);
    }
}

static bool fits(const char *wanted, const char *series, const char *suffix)
{
    struct gw_prom_series w, s;
    assert_int_equal(gw_prom_parse_series(wanted, strlen(wanted), &w), 0);
    assert_int_equal(gw_prom_parse_series(series, strlen(series), &s), 0);
    return gw_prom_is(&s, &w, suffix);
}

static void test_which_series_is_asked_for(void **state)
{
    (void)state;
    assert_true(fits("x", "x", ""));
    assert_true(fits("x", "x{a=\"1\"}", ""));
    assert_false(fits("x{a=\"1\"}", "x", ""));
    assert_false(fits("x{a=\"1\"}", "x{a=\"2\"}", ""));
    assert_true(fits("x{b=\"2\", a=\"1\"}", "x{a=\"1\",c=\"\",b=\"2\"}", ""));
    assert_false(fits("x", "xy", ""));
    assert_false(fits("xy", "x", ""));
    assert_true(fits("x", "x_sum{a=\"\"}", "_sum"));
    assert_false(fits("x", "x_sum", ""));
    assert_false(fits("x", "x", "_sum"));
    struct gw_prom_series s;
    assert_int_equal(gw_prom_parse_series("x 1", 3, &s), GW_EFORMAT);
    assert_int_equal(gw_prom_parse_series("", 0, &s), GW_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_is_read),
        cmocka_unit_test(test_what_is_wrong_ends_the_reading),
        cmocka_unit_test(test_labels_have_a_limit),
        cmocka_unit_test(test_which_series_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
