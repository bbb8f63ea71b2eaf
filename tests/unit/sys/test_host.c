/* test_host.c: how busy a machine is, from a /proc and a control group that the test writes; and
 * that this machine's own can be read.
 */
#include "sys/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[32];

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    static const char *const dirs[] = {"", "/self", "/pressure", "/cg", "/cg/box"};
    char path[128];
    (void)state;
    strcpy(root, "/tmp/gw-host-XXXXXX");
    assert_non_null(mkdtemp(root));
    for (size_t i = 1; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, "%s%s", root, dirs[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command); /* NOLINT(cert-env33-c) */
}

static void test_the_host(void **state)
{
    struct gw_host h;
    struct gw_metric_raw raw = {0};
    (void)state;
    put("stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n");
    put("meminfo", "MemTotal:        1000 kB\nMemFree:  1 kB\nMemAvailable:    250 kB\n");
    put("pressure/cpu", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\n");
    put("pressure/io", "some avg10=12.34 avg60=0.00 avg300=0.00 total=1\nfull avg10=99.00\n");
    gw_host_open(&h, root, "/nonexistent");
    gw_host_sample(&h, GW_SEC(1), &raw);
    assert_int_equal(raw.known, 1u << GW_METRIC_MEMORY | 1u << GW_METRIC_PRESSURE);
    assert_int_equal(raw.value[GW_METRIC_MEMORY], 750);
    assert_int_equal(raw.value[GW_METRIC_PRESSURE], 123);
    /* 30 of 100 ticks since, waiting for a disk is idle */
    put("stat", "cpu  120 5 105 760 110 0 0 0 0 0\n");
    gw_host_sample(&h, GW_SEC(2), &raw);
    assert_int_equal(raw.value[GW_METRIC_CPU], 300);
    /* none since, and backwards: nothing is known */
    for (int i = 0; i < 2; i++) {
        raw = (struct gw_metric_raw){0};
        gw_host_sample(&h, GW_SEC(3), &raw);
        assert_int_equal(raw.known & 1u << GW_METRIC_CPU, 0);
        put("stat", "cpu  1 1 1 1\n");
    }
}

static void test_the_control_group_when_it_is_nearer_to_its_limit(void **state)
{
    struct gw_host h;
    struct gw_metric_raw raw = {0};
    (void)state;
    put("self/cgroup", "4:memory:/other\n0::/box\n");
    put("cg/box/cpu.stat", "usage_usec 1000000\nuser_usec 5\n");
    put("cg/box/cpu.max", "50000 100000\n");
    put("cg/box/memory.max", "1000\n");
    put("cg/box/memory.current", "900\n");
    put("stat", "cpu  0 0 0 0\n");
    put("meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
    char groups[64];
    snprintf(groups, sizeof groups, "%s/cg", root);
    gw_host_open(&h, root, groups);
    gw_host_sample(&h, GW_SEC(1), &raw);
    assert_int_equal(raw.value[GW_METRIC_MEMORY], 900);
    assert_int_equal(raw.known & 1u << GW_METRIC_CPU, 0);
    /* 0.4 s of the 0.5 that 1 s allows; the host is 10 % busy */
    put("cg/box/cpu.stat", "usage_usec 1400000\n");
    put("stat", "cpu  10 0 0 90\n");
    raw = (struct gw_metric_raw){0};
    gw_host_sample(&h, GW_SEC(2), &raw);
    put("cg/box/memory.max", "max\n");
    put("cg/box/cpu.max", "max 100000\n");
    gw_host_sample(&h, GW_SEC(3), &raw);
    assert_int_equal(raw.value[GW_METRIC_CPU], 800);
    raw = (struct gw_metric_raw){0};
    gw_host_sample(&h, GW_SEC(4), &raw);
    assert_int_equal(raw.value[GW_METRIC_MEMORY], 500);
}

static void test_this_machine(void **state)
{
    struct gw_host h;
    struct gw_metric_raw raw = {0};
    (void)state;
    gw_host_open(&h, "/proc", "/sys/fs/cgroup");
    gw_host_sample(&h, GW_SEC(1), &raw);
    assert_true((raw.known & 1u << GW_METRIC_MEMORY) != 0);
    assert_in_range(raw.value[GW_METRIC_MEMORY], 1, 1000);
    assert_true(h.total > h.busy && h.busy > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_control_group_when_it_is_nearer_to_its_limit,
                                        set_up, tear_down),
        cmocka_unit_test(test_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
