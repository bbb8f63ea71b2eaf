/* The generator, errors' names, logging and the emitter. */
#include "../test.h"

#include <stdio.h>

#include "base/emit.h"
#include "base/err.h"
#include "base/log.h"
#include "base/prng.h"

/* From the authors' reference code, state {1, 2, 3, 4}. */
static void test_prng_reference(void **state)
{
    static const uint64_t want[] = {41943041u, 58720359u, 3588806011781223u, 3591011842654386u,
                                    9228616714210784205u};
    struct gw_prng p = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_true(gw_prng_u64(&p) == want[i]);
}

static void test_prng_below(void **state)
{
    struct gw_prng a, b;
    unsigned seen[7] = {0};

    (void)state;
    gw_prng_seed(&a, 1);
    gw_prng_seed(&b, 1);
    for (int i = 0; i < 7000; i++) {
        uint64_t v = gw_prng_below(&a, 7);
        assert_true(v < 7);
        assert_true(v == gw_prng_below(&b, 7)); /* the seed decides */
        seen[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(gw_prng_below(&a, 1), 0);
}

/* For n of three quarters of the range, a plain remainder would draw the first third half the time.
 */
static void test_prng_is_unbiased(void **state)
{
    const uint64_t quarter = (uint64_t)1 << 62;
    struct gw_prng p;
    unsigned low = 0;

    (void)state;
    gw_prng_seed(&p, 4);
    for (int i = 0; i < 30000; i++)
        low += gw_prng_below(&p, 3 * quarter) < quarter;
    assert_in_range(low, 9500, 10500);
}

static void test_err_names(void **state)
{
    (void)state;
    for (int e = GW_EVERSION; e < 0; e++)
        assert_memory_equal(gw_err_name(e), "GW_E", 4);
    assert_string_equal(gw_err_name(GW_ENOMEM), "GW_ENOMEM");
    assert_string_equal(gw_err_name(0), "GW_OK");
    assert_string_equal(gw_err_name(-1000), "GW_UNKNOWN");
    assert_string_equal(gw_err_text(GW_EDENIED), "the policy does not allow it");
    assert_string_equal(gw_err_text(-1000), "unknown error");
}

struct line {
    enum gw_log_level level;
    enum gw_log_cat cat;
    char id[32], text[1024];
};
static void keep(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                 const char *text)
{
    struct line *l = user;

    l->level = level;
    l->cat = cat;
    (void)snprintf(l->id, sizeof l->id, "%s", id);
    (void)snprintf(l->text, sizeof l->text, "%s", text);
}

static void test_log(void **state)
{
    struct line l = {0};
    struct gw_log log = {keep, &l};
    char big[2000];

    (void)state;
    gw_log(&log, GW_LOG_WARN, GW_CAT_SIGNAL, "auth-failed", "from %s: %d", "x", 7);
    assert_int_equal(l.level, GW_LOG_WARN);
    assert_int_equal(l.cat, GW_CAT_SIGNAL);
    assert_string_equal(l.id, "auth-failed");
    assert_string_equal(l.text, "from x: 7");
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    gw_log(&log, GW_LOG_INFO, GW_CAT_NODE, "big", "%s", big);
    assert_in_range(strlen(l.text), 100, 1000); /* cut, not overrun */
    gw_log(NULL, GW_LOG_INFO, GW_CAT_NODE, "x", "y");
    log.write = NULL;
    gw_log(&log, GW_LOG_INFO, GW_CAT_NODE, "x", "y");
    assert_string_equal(gw_log_level_name(GW_LOG_ERROR), "error");
    for (int c = 0; c < GW_CAT_COUNT; c++)
        assert_string_not_equal(gw_log_cat_name((enum gw_log_cat)c), "unknown");
}

static char out[512];
static void say(const char *what, const char *key, const char *value)
{
    size_t n = strlen(out);

    (void)snprintf(out + n, sizeof out - n, "%s%s%s%s;", what, key != NULL ? key : "-",
                   value[0] != '\0' ? "=" : "", value);
}
static void begin_obj(void *user, const char *key)
{
    (void)user;
    say("{", key, "");
}
static void end_obj(void *user)
{
    (void)user;
    say("}", "", "");
}
static void begin_arr(void *user, const char *key)
{
    (void)user;
    say("[", key, "");
}
static void end_arr(void *user)
{
    (void)user;
    say("]", "", "");
}
static void str(void *user, const char *key, const char *value)
{
    (void)user;
    say("", key, value);
}
static void num(void *user, const char *key, int64_t value)
{
    char text[32];

    (void)user;
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    say("", key, text);
}
static void flag(void *user, const char *key, bool value)
{
    (void)user;
    say("", key, value ? "yes" : "no");
}

static void test_emit(void **state)
{
    static const struct gw_emit_ops ops = {begin_obj, end_obj, begin_arr, end_arr, str, num, flag};
    struct gw_emit e = {&ops, NULL};
    struct gw_prefix p = {.addr = {{0x20, 0x01, 0x0d, 0xb8}}, .len = 32};
    struct gw_lladdr l = {6, {2}};
    struct gw_mnid m = {GW_MNID_NAI, 1, (const uint8_t *)"n"};

    (void)state;
    out[0] = '\0';
    gw_emit_obj(&e, NULL);
    gw_emit_str(&e, "s", "v");
    gw_emit_num(&e, "n", INT64_MIN);
    gw_emit_bool(&e, "b", true);
    gw_emit_arr(&e, "list");
    gw_emit_addr(&e, NULL, &p.addr);
    gw_emit_prefix(&e, NULL, &p);
    gw_emit_arr_end(&e);
    gw_emit_lladdr(&e, "l", &l);
    gw_emit_mnid(&e, "m", &m);
    gw_emit_obj_end(&e);
    assert_string_equal(out, "{-;s=v;n=-9223372036854775808;b=yes;[list;-=2001:db8::;"
                             "-=2001:db8::/32;];l=02:00:00:00:00:00;m=n;};");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prng_reference),
        cmocka_unit_test(test_prng_below),
        cmocka_unit_test(test_prng_is_unbiased),
        cmocka_unit_test(test_err_names),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_emit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
