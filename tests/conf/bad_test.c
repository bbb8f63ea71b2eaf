/* bad_test.c: every file in bad/ is refused with exactly the lines of its .errors file (without
 * the file's name), and no text, however cut or changed, does harm.
 */
#include "conf_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"

/* The lines without the leading "FILE:". */
static char *without_name(const char *text, const char *file)
{
    char *out = calloc(1, strlen(text) + 1), *at = out;
    const char *from = text;
    size_t len = strlen(file);

    assert_non_null(out);
    while (*from != '\0') {
        const char *end = strchr(from, '\n') + 1;
        assert_int_equal(strncmp(from, file, len), 0);
        assert_int_equal(from[len], ':');
        from += len + 1;
        at = mempcpy(at, from, (size_t)(end - from));
        from = end;
    }
    return out;
}

static void refuse(const char *dir, const char *name)
{
    char path[512], expected_path[512];
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    struct gw_config *c = NULL;

    (void)snprintf(path, sizeof path, "%s/%s.yaml", dir, name);
    (void)snprintf(expected_path, sizeof expected_path, "%s/%s.errors", dir, name);
    assert_int_equal(gw_conf_load_file(path, &report, &c), GW_EFORMAT);
    assert_null(c);
    char *expected = read_text(expected_path), *got = without_name(l.errors, path);
    if (strcmp(expected, got) != 0)
        print_message("%s says otherwise:\n", path);
    assert_string_equal(got, expected);
    assert_true(strlen(got) > 0);
    free(expected);
    free(got);
}

static void test_bad_files(void **state)
{
    (void)state;
    assert_in_range(for_each_file(TEST_DIR "/bad", ".yaml", refuse), 80, 10000);
}

/* Each line says where and what was expected; the exceptions are the YAML parser's words. */
static void has_form(const char *dir, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s.errors", dir, name);
    char *text = read_text(path), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        assert_in_range(line[0], '1', '9');
        assert_non_null(strstr(line, ": /"));
        if (strstr(line, "not YAML:") == NULL)
            assert_non_null(strstr(line, "expected "));
    }
    free(text);
}

static void test_form_of_lines(void **state)
{
    (void)state;
    (void)for_each_file(TEST_DIR "/bad", ".errors", has_form);
}

static void test_key_is_never_shown(void **state)
{
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    struct gw_config *c;

    (void)state;
    (void)gw_conf_load_file(TEST_DIR "/bad/secret_not_hex.yaml", &report, &c);
    assert_non_null(strstr(l.errors, "secret"));
    assert_null(strstr(l.errors, "00010203"));
}

static void load_quietly(struct gw_conf_model *m, const char *text, size_t len)
{
    const struct gw_conf_report silent = {0};
    const struct gw_conf_source src = {.name = "text", .text = text, .len = len};
    struct gw_config *c = NULL;
    int e = gw_conf_load_text(m, &src, &silent, &c);

    assert_true((e == 0) == (c != NULL));
    gw_config_free(c);
}

static void test_every_truncation(void **state)
{
    struct gw_conf_model *m = gw_conf_model_new();
    char *text = read_text(TEST_DIR "/good/full.yaml");

    (void)state;
    assert_non_null(m);
    for (size_t len = 0; len <= strlen(text); len++) {
        char *cut = malloc(len + 1); /* so that reading behind the end is seen */
        assert_non_null(cut);
        memcpy(cut, text, len);
        load_quietly(m, cut, len);
        free(cut);
    }
    free(text);
    gw_conf_model_free(m);
}

static void test_changed_octets(void **state)
{
    struct gw_conf_model *m = gw_conf_model_new();
    char *text = read_text(TEST_DIR "/good/full.yaml");
    size_t len = strlen(text);
    struct gw_prng p;

    (void)state;
    assert_non_null(m);
    gw_prng_seed(&p, 1);
    for (int i = 0; i < 1000; i++) {
        char *changed = malloc(len + 1);
        assert_non_null(changed);
        memcpy(changed, text, len + 1);
        for (uint64_t n = 1 + gw_prng_below(&p, 3); n > 0; n--)
            changed[gw_prng_below(&p, len)] = (char)gw_prng_below(&p, 256);
        load_quietly(m, changed, len);
        free(changed);
    }
    free(text);
    gw_conf_model_free(m);
}

/* A file of errors only must not take for ever or say more than can be read. */
static void test_many_errors(void **state)
{
    size_t size = 1 << 20, used;
    char *text = malloc(size);
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    struct gw_config *c;

    (void)state;
    assert_non_null(text);
    used = (size_t)sprintf(text, "godwit:\n");
    for (unsigned i = 0; i < 5000; i++)
        used += (size_t)sprintf(text + used, "  k%u: [\"long enough to be said\"]\n", i);
    const struct gw_conf_source src = {.name = "f", .text = text, .len = used};
    assert_int_equal(gw_conf_load_text(NULL, &src, &report, &c), GW_EFORMAT);
    assert_non_null(strstr(l.errors, "f:1: /: 4901 more errors\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),          cmocka_unit_test(test_form_of_lines),
        cmocka_unit_test(test_key_is_never_shown), cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_changed_octets),     cmocka_unit_test(test_many_errors),
    };
    return cmocka_run_group_tests_name("conf_bad", tests, NULL, NULL);
}
