/* The codec against octets it did not make (make_golden.py): each file is read, and written again
 * octet for octet; and each sample of the unit tests is written as its file says.
 */
#include "../unit/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/wire/mh_tools.h"
#include "wire/auth.h"
#include "wire/ip6.h"
#include "wire/nd.h"

static const struct gw_mh_codec drawn = {GW_PROFILE_AS_DRAWN, GW_OPT_CATS_CLIENT, GW_OPT_CATS_ADDR};

struct golden {
    uint8_t b[GW_MH_MAX + 40];
    size_t len;
    const struct gw_mh_codec *codec;
};

/* Hex octets with blanks; a line with # is a comment, but for "# profile: as-drawn". */
static bool load(const char *part, const char *name, struct golden *g)
{
    char path[512], line[512];

    (void)snprintf(path, sizeof path, GODWIT_SOURCE_DIR "/tests/golden/%s/%s.hex", part, name);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    *g = (struct golden){.codec = &gw_mh_codec_default};
    while (fgets(line, sizeof line, f) != NULL) {
        if (strcmp(line, "# profile: as-drawn\n") == 0)
            g->codec = &drawn;
        char *at = line, *end;
        for (;;) {
            unsigned long v = strtoul(at, &end, 16);
            if (line[0] == '#' || end == at)
                break;
            assert_true(v < 256 && g->len < sizeof g->b);
            g->b[g->len++] = (uint8_t)v;
            at = end;
        }
    }
    assert_int_equal(fclose(f), 0);
    return true;
}

/* Calls check for every file of a part; there must be at least so many. */
static void each(const char *part, size_t least, void (*check)(const struct golden *g))
{
    static struct golden g;
    char path[512], name[300];
    size_t n = 0;

    (void)snprintf(path, sizeof path, GODWIT_SOURCE_DIR "/tests/golden/%s", part);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        (void)snprintf(name, sizeof name, "%s", e->d_name);
        char *dot = strstr(name, ".hex");
        if (dot == NULL)
            continue;
        *dot = '\0';
        print_message("%s/%s\n", part, name);
        assert_true(load(part, name, &g));
        check(&g);
        n++;
    }
    (void)closedir(d);
    assert_true(n >= least);
}

static struct gw_mh m;

static void check_mh(const struct golden *g)
{
    uint8_t out[GW_MH_MAX];

    assert_int_equal(gw_mh_parse(g->codec, &sample_addrs, g->b, g->len, &m).code, GW_PARSE_OK);
    assert_int_equal(gw_mh_write(g->codec, &sample_addrs, &m, out, sizeof out), g->len);
    assert_memory_equal(out, g->b, g->len);
}

static void test_mh_both_ways(void **state)
{
    (void)state;
    each("mh", 20, check_mh);
    each("auth", 2, check_mh);
}

static void test_samples_are_golden(void **state)
{
    static struct golden g;
    uint8_t out[GW_MH_MAX];
    const char *name;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; (name = sample_make(i, &m)) != NULL; i++) {
        if (!load("mh", name, &g))
            continue; /* those with all options at once are judged by other tools */
        print_message("%s\n", name);
        assert_int_equal(gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, out, sizeof out),
                         g.len);
        assert_memory_equal(out, g.b, g.len);
        n++;
    }
    assert_true(n >= 15);
}

static void test_drawn_fields(void **state)
{
    static struct golden g;

    (void)state;
    assert_true(load("mh", "drawn-pba", &g));
    check_mh(&g);
    assert_int_equal(m.ba.flags, GW_BA_P | GW_BA_D);
    assert_int_equal(m.opt[1].previous_maar.hnp.len, 64);
    assert_true(load("mh", "drawn-request", &g));
    check_mh(&g);
    assert_int_equal(m.bu.flags, GW_BU_C | GW_BU_N);
    assert_true(load("mh", "request", &g));
    check_mh(&g);
    assert_int_equal(m.bu.flags, GW_BU_C | GW_BU_N);
}

/* MACs computed by Python's hmac. */
static void test_auth(void **state)
{
    static const struct {
        const char *file;
        struct gw_key key;
    } cases[] = {{"auth-sha256", {256, GW_AUTH_HMAC_SHA256_128, 5, "first"}},
                 {"auth-sha1", {257, GW_AUTH_HMAC_SHA1_96, 6, "second"}}};
    static struct golden g;
    uint8_t out[GW_MH_MAX];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(load("auth", cases[i].file, &g));
        assert_int_equal(gw_mh_parse(g.codec, &sample_addrs, g.b, g.len, &m).code, GW_PARSE_OK);
        assert_int_equal(gw_mh_check_auth(&sample_addrs, &m, g.b, g.len, &cases[i].key, 1), 0);
        assert_string_equal(sample_make(2, &m), "notification");
        assert_int_equal(gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &cases[i].key,
                                          out, sizeof out),
                         g.len);
        assert_memory_equal(out, g.b, g.len);
    }
}

static void check_nd(const struct golden *g)
{
    struct gw_nd nd;
    uint8_t out[1500];

    assert_int_equal(gw_nd_parse(g->b, g->len, &nd).code, GW_PARSE_OK);
    assert_int_equal(gw_nd_write(&nd, out, sizeof out), g->len);
    assert_memory_equal(out, g->b, g->len);
}

static void test_nd(void **state)
{
    (void)state;
    each("nd", 5, check_nd);
}

static void test_ra_fields(void **state)
{
    static struct golden g;
    struct gw_nd nd;

    (void)state;
    assert_true(load("nd", "ra", &g));
    assert_int_equal(gw_nd_parse(g.b, g.len, &nd).code, GW_PARSE_OK);
    assert_true(nd.other && !nd.managed);
    assert_int_equal(nd.pref, GW_PREF_LOW);
    assert_int_equal(nd.rio[0].pref, GW_PREF_HIGH);
    assert_int_equal(nd.pio[0].valid_s, 7200);
    assert_int_equal(nd.mtu, 1460);
    assert_int_equal(nd.map.dist, 2);
    assert_int_equal(nd.map.pref, 9);
    assert_true(nd.map.r);
}

/* Both exceptions of the checksum's addresses: with the wrong ones the sum would be wrong. */
static void check_packet(const struct golden *g)
{
    struct gw_mh_addrs addrs;
    const uint8_t *mh;
    size_t len;

    assert_int_equal(gw_ip6_find_mh(g->b, g->len, &addrs, &mh, &len), 0);
    assert_int_equal(gw_mh_parse(g->codec, &addrs, mh, len, &m).code, GW_PARSE_OK);
}

static void test_packets(void **state)
{
    (void)state;
    each("packet", 3, check_packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mh_both_ways), cmocka_unit_test(test_samples_are_golden),
        cmocka_unit_test(test_drawn_fields), cmocka_unit_test(test_auth),
        cmocka_unit_test(test_nd),           cmocka_unit_test(test_ra_fields),
        cmocka_unit_test(test_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
