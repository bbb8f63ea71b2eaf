/* test_logger.c: thresholds, the form of a line, and the rate limit, whose clock is an argument. */
#include "sys/logger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_rate(void **state)
{
    (void)state;
    struct gw_lograte r = {0};
    uint32_t said;
    struct gw_time t = GW_SEC(10);
    for (int i = 0; i < 3; i++) {
        assert_true(gw_lograte_take(&r, 3, t, &said));
        assert_int_equal(said, 0);
    }
    for (int i = 0; i < 5; i++) {
        assert_false(gw_lograte_take(&r, 3, t, &said));
        assert_int_equal(said, 0);
    }
    t.ns += 999999999; /* still the same second */
    assert_false(gw_lograte_take(&r, 3, t, &said));
    t.ns += 1;
    assert_true(gw_lograte_take(&r, 3, t, &said));
    assert_int_equal(said, 6);
    assert_true(gw_lograte_take(&r, 3, t, &said));
    assert_int_equal(said, 0); /* once */
}

static void test_no_limit(void **state)
{
    (void)state;
    struct gw_lograte r = {0};
    uint32_t said;
    for (int i = 0; i < 10000; i++)
        assert_true(gw_lograte_take(&r, 0, GW_SEC(1), &said));
}

struct file {
    char path[32];
    struct gw_logger logger;
};

static void file_open(struct file *f, enum gw_log_level level, uint32_t rate)
{
    enum gw_log_level levels[GW_CAT_COUNT];
    for (size_t i = 0; i < GW_CAT_COUNT; i++)
        levels[i] = level;
    levels[GW_CAT_SIGNAL] = GW_LOG_DEBUG;
    strcpy(f->path, "/tmp/gw-log-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    gw_logger_init(&f->logger);
    assert_int_equal(gw_logger_set(&f->logger, levels, rate, f->path), 0);
}

/* What was written; closes and removes. */
static void file_read(struct file *f, char *buf, size_t size)
{
    gw_logger_close(&f->logger);
    FILE *in = fopen(f->path, "r");
    assert_non_null(in);
    buf[fread(buf, 1, size - 1, in)] = '\0';
    fclose(in);
    unlink(f->path);
}

static void test_line(void **state)
{
    (void)state;
    struct file f;
    char text[4096];
    file_open(&f, GW_LOG_NOTICE, 0);
    gw_log(&f.logger.log, GW_LOG_INFO, GW_CAT_STORE, "too-fine", "not seen");
    gw_log(&f.logger.log, GW_LOG_DEBUG, GW_CAT_SIGNAL, "pbu-sent", "seq %d", 7);
    file_read(&f, text, sizeof text);
    /* the time stamp: digits where digits are due */
    for (const char *form = "0000-00-00T00:00:00.000000Z ", *p = text; *form != '\0'; form++, p++)
        assert_true(*form == '0' ? *p >= '0' && *p <= '9' : *p == *form);
    assert_string_equal(text + 28, "debug signal pbu-sent: seq 7\n");
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void test_suppressed_is_said(void **state)
{
    (void)state;
    struct file f;
    static char text[65536];
    size_t suppressed = 0;
    file_open(&f, GW_LOG_NOTICE, 5);
    for (int i = 0; i < 200; i++) {
        gw_log(&f.logger.log, GW_LOG_ERROR, GW_CAT_STORE, "flood", "again");
        gw_log(&f.logger.log, GW_LOG_ERROR, GW_CAT_CONF, "rare", "x");
        f.logger.state[GW_CAT_CONF].lines = 0; /* another category is not affected */
    }
    file_read(&f, text, sizeof text);
    static const char line[] = "store log-rate: ";
    for (const char *p = text; (p = strstr(p, line)) != NULL; p++) {
        char *end;
        suppressed += strtoul(p + sizeof line - 1, &end, 10);
        assert_memory_equal(end, " suppressed\n", 12);
    }
    assert_int_equal(count(text, "store flood: again\n") + suppressed, 200);
    assert_true(suppressed >= 190 - 5); /* at most one change of second */
    assert_int_equal(count(text, "conf rare: x\n"), 200);
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    struct file f;
    char text[8192], big[2000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    file_open(&f, GW_LOG_NOTICE, 0);
    f.logger.log.write(f.logger.log.user, GW_LOG_ERROR, GW_CAT_NODE, "long", big);
    f.logger.log.write(f.logger.log.user, GW_LOG_ERROR, GW_CAT_NODE, "next", "y");
    file_read(&f, text, sizeof text);
    assert_int_equal(count(text, "\n"), 2);
    assert_non_null(strstr(text, "\n2"));
    assert_non_null(strstr(text, "node next: y\n"));
}

static void test_bad_file_keeps_the_old(void **state)
{
    (void)state;
    struct file f;
    char text[4096];
    enum gw_log_level levels[GW_CAT_COUNT] = {0};
    file_open(&f, GW_LOG_NOTICE, 0);
    assert_int_equal(gw_logger_set(&f.logger, levels, 0, "/nonexistent/log"), GW_ESYS);
    gw_log(&f.logger.log, GW_LOG_NOTICE, GW_CAT_NODE, "still", "here");
    file_read(&f, text, sizeof text);
    assert_non_null(strstr(text, "node still: here"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_suppressed_is_said),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_bad_file_keeps_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
