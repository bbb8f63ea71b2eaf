/* files_test.c: configuration and key files that are not there, not files, too large, or open to
 * others.
 */
#include "conf_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "000102030405060708090a0b0c0d0e0f"

static char dir[] = "/tmp/godwit-conf-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
    FILE *f = fopen(in_dir(name), "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(in_dir(name), mode), 0);
}

/* minimal.yaml with another key. */
static void put_config(const char *key, mode_t mode)
{
    char *text = read_text(TEST_DIR "/good/minimal.yaml"), changed[4096];
    const char *at = strstr(text, "secret: " KEY);

    assert_non_null(at);
    (void)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, key,
                   at + strlen("secret: " KEY));
    put("node.yaml", changed, mode);
    free(text);
}

static int load(struct lines *l, struct gw_config **c)
{
    struct gw_conf_report report = report_into(l);

    return gw_conf_load_file(in_dir("node.yaml"), &report, c);
}

static void assert_refused(int error, const char *text)
{
    struct lines l;
    struct gw_config *c = NULL;

    assert_int_equal(load(&l, &c), error);
    assert_null(c);
    if (strstr(l.errors, text) == NULL)
        print_message("not in: %s", l.errors);
    assert_non_null(strstr(l.errors, text));
    assert_null(strstr(l.errors, "00010203"));
}

static void test_no_file(void **state)
{
    (void)state;
    (void)unlink(in_dir("node.yaml"));
    assert_refused(GW_ESYS, "node.yaml:1: /: cannot be read: No such file or directory, expected");
}

static void test_directory(void **state)
{
    (void)state;
    (void)unlink(in_dir("node.yaml"));
    assert_int_equal(mkdir(in_dir("node.yaml"), 0700), 0);
    assert_refused(GW_ESYS, "node.yaml:1: /: cannot be read: is a directory, expected");
    assert_int_equal(rmdir(in_dir("node.yaml")), 0);
}

static void test_fifo(void **state)
{
    (void)state;
    (void)unlink(in_dir("node.yaml"));
    assert_int_equal(mkfifo(in_dir("node.yaml"), 0600), 0);
    assert_refused(GW_ESYS, "cannot be read: is not a file, expected");
    assert_int_equal(unlink(in_dir("node.yaml")), 0);
}

static void test_no_permission(void **state)
{
    (void)state;
    bool root = geteuid() == 0;

    put_config("secret: " KEY, root ? 0600 : 0);
    assert_int_equal(chmod(dir, 0755), 0);
    if (root) /* who may read everything */
        assert_int_equal(seteuid(65534), 0);
    assert_refused(GW_ESYS, "cannot be read: Permission denied, expected");
    if (root)
        assert_int_equal(seteuid(0), 0);
}

static void test_too_large(void **state)
{
    (void)state;
    put("node.yaml", "godwit:\n", 0600);
    assert_int_equal(truncate(in_dir("node.yaml"), GW_CONF_MAX_SIZE + 1), 0);
    assert_refused(GW_ESYS, "is too large, expected");
}

static void test_key_file(void **state)
{
    struct lines l;
    struct gw_config *c = NULL;

    (void)state;
    put("a.key", "  \n" KEY "\r\n\n", 0600);
    put_config("secret-file: a.key", 0644); /* no key in it: it may be read */
    assert_int_equal(load(&l, &c), 0);
    assert_string_equal(l.warnings, "");
    assert_int_equal(c->peers[0].keys[0].len, 16);
    for (uint8_t i = 0; i < 16; i++)
        assert_int_equal(c->peers[0].keys[0].secret[i], i);
    gw_config_free(c);
}

/* The normal form names the file by its absolute path and does not hold the key. */
static void test_key_file_in_normal_form(void **state)
{
    const struct gw_conf_report silent = {0};
    char *text = NULL, want[256];

    (void)state;
    put("a.key", KEY, 0640);
    put_config("secret-file: a.key", 0600);
    assert_int_equal(gw_conf_show_file(in_dir("node.yaml"), false, &silent, &text), 0);
    (void)snprintf(want, sizeof want, "secret-file: \"%s/a.key\"\n", dir);
    assert_non_null(strstr(text, want));
    assert_null(strstr(text, "00010203"));
    free(text);
}

static void test_bad_key_files(void **state)
{
    char large[2048];

    (void)state;
    (void)memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put_config("secret-file: a.key", 0600);
    (void)unlink(in_dir("a.key"));
    assert_refused(GW_EFORMAT, "a.key: No such file or directory, expected a file with a key");
    assert_refused(GW_EFORMAT, "node.yaml:11: /godwit/peers[name='cmd']/keys[spi='256']/"
                               "secret-file: ");
    put("a.key", KEY, 0604);
    assert_refused(GW_EFORMAT, "a.key: is open to others (its mode), expected mode 0600");
    put("a.key", KEY "0", 0600);
    assert_refused(GW_EFORMAT, "a.key: bad key (not shown), expected 16 to 64 octets");
    put("a.key", KEY " " KEY, 0600);
    assert_refused(GW_EFORMAT, "a.key: bad key (not shown)");
    put("a.key", "", 0600);
    assert_refused(GW_EFORMAT, "a.key: bad key (not shown)");
    put("a.key", large, 0600);
    assert_refused(GW_EFORMAT, "a.key: is too large, expected");
}

static void test_exposed_key(void **state)
{
    struct lines l;
    struct gw_config *c = NULL;

    (void)state;
    put_config("secret: " KEY, 0600);
    assert_int_equal(load(&l, &c), 0);
    assert_string_equal(l.warnings, "");
    gw_config_free(c);
    put_config("secret: " KEY, 0644);
    assert_int_equal(load(&l, &c), 0);
    assert_non_null(strstr(l.warnings, "node.yaml:11: /godwit/peers[name='cmd']/keys[spi='256']/"
                                       "secret: warning: a key is in a file that others can read"));
    gw_config_free(c);
}

/* minimal.yaml with accounting, and what the secret's file holds. */
static void put_accounting(const char *secret, mode_t mode)
{
    char *text = read_text(TEST_DIR "/good/minimal.yaml"), more[4096];

    (void)snprintf(more, sizeof more,
                   "%s\n  attachment:\n    radius:\n      address: 2001:db8:f::1\n      nas:\n"
                   "        - {address: 2001:db8:a::1, interfaces: [ap1], secret-file: a.key}\n",
                   text);
    free(text);
    put("node.yaml", more, 0600);
    put("a.key", secret, mode);
}

static void test_radius_secret(void **state)
{
    struct lines l;
    struct gw_config *c = NULL;
    char large[200];

    (void)state;
    put_accounting("  a secret, with spaces\r\n", 0600);
    assert_int_equal(load(&l, &c), 0);
    assert_string_equal(l.warnings, "");
    assert_int_equal(c->attachment.radius.port, 1813);
    assert_int_equal(c->attachment.radius.nnas, 1);
    const struct gw_cfg_nas *nas = &c->attachment.radius.nas[0];
    assert_int_equal(nas->secret.len, 21);
    assert_memory_equal(nas->secret.b, "a secret, with spaces", 21);
    assert_int_equal(nas->nifs, 1);
    assert_string_equal(nas->ifs[0], "ap1");
    gw_config_free(c);
    put_accounting("secret", 0604);
    assert_refused(GW_EFORMAT,
                   "/godwit/attachment/radius/nas[address='2001:db8:a::1']/secret-file:");
    assert_refused(GW_EFORMAT, "a.key: is open to others (its mode), expected mode 0600");
    put_accounting("\n", 0600);
    assert_refused(GW_EFORMAT, "a.key: bad secret (not shown), expected 1 to 128 octets of text");
    memset(large, 's', sizeof large);
    large[129] = '\0';
    put_accounting(large, 0600);
    assert_refused(GW_EFORMAT, "a.key: bad secret (not shown)");
    large[128] = '\0';
    put_accounting(large, 0600);
    assert_int_equal(load(&l, &c), 0);
    assert_int_equal(c->attachment.radius.nas[0].secret.len, 128);
    gw_config_free(c);
}

/* A forwarder with an instance whose credential is in a.key, and what that holds. */
static void put_instance(const char *token, mode_t mode)
{
    put("node.yaml",
        "godwit:\n"
        "  node: {name: r1, roles: [d-router], address: \"2001:db8:f::1\"}\n"
        "  interfaces: [{name: core0, side: core}]\n"
        "  services: [{name: web, cs-id: \"2001:db8:5::1\", delivery: tunnel}]\n"
        "  instances:\n"
        "    - {name: web1, service: web, csci-id: \"2001:db8:51::1\", token-file: a.key}\n",
        0644);
    put("a.key", token, mode);
}

static void test_token(void **state)
{
    struct lines l;
    struct gw_config *c = NULL;

    (void)state;
    put_instance("  0123456789abcdef\n", 0600);
    assert_int_equal(load(&l, &c), 0);
    assert_string_equal(l.warnings,
                        ""); /* no key in it, and no mobile nodes to have a policy for */
    assert_string_equal(c->instances[0].token, "0123456789abcdef");
    gw_config_free(c);
    put_instance("0123456789abcdef", 0604);
    assert_refused(GW_EFORMAT, "node.yaml:6: /godwit/instances[name='web1']/token-file:");
    assert_refused(GW_EFORMAT, "a.key: is open to others (its mode), expected mode 0600");
    put_instance("0123456789abcde", 0600);
    assert_refused(GW_EFORMAT, "a.key: bad credential (not shown), expected 16 to 64 printable");
    put_instance("0123456789abcdef 0123456789abcdef", 0600);
    assert_refused(GW_EFORMAT, "a.key: bad credential (not shown)");
    put_instance("00010203040506070001020304050607000102030405060700010203040506070", 0600);
    assert_refused(GW_EFORMAT, "a.key: bad credential (not shown)");
}

/* The key of STAMP, and credentials in the file itself. */
static void test_exposed_steering(void **state)
{
    struct lines l;
    struct gw_config *c = NULL;
    char *text = read_text(TEST_DIR "/good/steering.yaml");
    char *keys = strstr(text, "  services:"), *head = strstr(text, "  peers:");

    (void)state;
    memmove(head, keys, strlen(keys) + 1); /* without the keys of peers */
    put("node.yaml", text, 0644);
    assert_int_equal(load(&l, &c), 0);
    assert_non_null(strstr(l.warnings,
                           "/godwit/instances[name='web1']/token: warning: a key is in a "
                           "file that others can read, expected mode 0600 or a "
                           "token-file"));
    gw_config_free(c);
    free(text);
}

/* A file that refuses everybody is allowed, but hardly meant. */
static void test_no_policy(void **state)
{
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    struct gw_config *c = NULL;

    (void)state;
    assert_int_equal(gw_conf_load_file(TEST_DIR "/good/cmd.yaml", &report, &c), 0);
    assert_int_equal(c->npolicy, 0);
    assert_non_null(strstr(l.warnings, "/godwit: warning: there is no policy: every mobile node"));
    gw_config_free(c);
}

/* Without a way to read files there is none that could be read. */
static void test_no_reader(void **state)
{
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    struct gw_config *c = NULL;

    (void)state;
    put_config("secret-file: /etc/passwd", 0600);
    char *text = read_text(in_dir("node.yaml"));
    const struct gw_conf_source src = {.name = "t", .text = text, .len = strlen(text)};
    assert_int_equal(gw_conf_load_text(NULL, &src, &report, &c), GW_EFORMAT);
    assert_non_null(strstr(l.errors, "files cannot be read here"));
    free(text);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(in_dir("node.yaml"));
    (void)unlink(in_dir("a.key"));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_file),       cmocka_unit_test(test_directory),
        cmocka_unit_test(test_fifo),          cmocka_unit_test(test_no_permission),
        cmocka_unit_test(test_too_large),     cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_bad_key_files), cmocka_unit_test(test_key_file_in_normal_form),
        cmocka_unit_test(test_exposed_key),   cmocka_unit_test(test_no_reader),
        cmocka_unit_test(test_no_policy),     cmocka_unit_test(test_radius_secret),
        cmocka_unit_test(test_token),         cmocka_unit_test(test_exposed_steering),
    };
    return cmocka_run_group_tests_name("conf_files", tests, make_dir, remove_dir);
}
