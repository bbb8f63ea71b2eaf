/* What hostapd says: real datagrams of hostapd 2.10, and 64 hostile ones as events and answers. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include "../hostapd_hostile.h"
#include "wire/hostapd.h"

static const struct gw_lladdr station = {.len = 6, .b = {2, 0, 0, 0, 0, 1}};

/* From a heap copy of exactly that size, so that a sanitizer sees every step beyond. */
static enum gw_hostapd_event parse(const char *text, size_t len, struct gw_lladdr *sta)
{
    char *copy = malloc(len != 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    enum gw_hostapd_event e = gw_hostapd_parse(copy, len, sta);
    free(copy);
    return e;
}

/* The identity goes into id, for it is a view. */
static int parse_sta(const char *text, size_t len, struct gw_hostapd_sta *out, char id[256])
{
    char *copy = malloc(len != 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    int err = gw_hostapd_parse_sta(copy, len, out);
    id[0] = '\0';
    if (err == 0 && out->nai.len > 0) {
        memcpy(id, out->nai.id, out->nai.len);
        id[out->nai.len] = '\0';
    }
    free(copy);
    return err;
}

static void events(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum gw_hostapd_event event;
    } rows[] = {
        {"<3>AP-STA-CONNECTED " MAC, GW_HOSTAPD_CONNECTED},
        {"<3>AP-STA-CONNECTED " MAC " auth_alg=open", GW_HOSTAPD_CONNECTED},
        {"<3>AP-STA-DISCONNECTED " MAC, GW_HOSTAPD_DISCONNECTED},
        {"<3>CTRL-EVENT-EAP-SUCCESS " MAC, GW_HOSTAPD_EAP_SUCCESS},
        {"<3>CTRL-EVENT-EAP-SUCCESS2 " MAC, GW_HOSTAPD_EAP_SUCCESS},
        {"<3>CTRL-EVENT-EAP-SUCCESS3 " MAC, GW_HOSTAPD_OTHER},
        {"<3>CTRL-EVENT-EAP-STARTED " MAC, GW_HOSTAPD_OTHER},
        {"<3>CTRL-EVENT-EAP-FAILURE " MAC, GW_HOSTAPD_OTHER},
        {"<3>AP-DISABLED ", GW_HOSTAPD_OTHER},
        {"OK\n", GW_HOSTAPD_ANSWER},
        {"", GW_HOSTAPD_ANSWER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gw_lladdr sta = {0};
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &sta), rows[i].event);
        assert_int_equal(gw_lladdr_eq(&sta, &station), rows[i].event > GW_HOSTAPD_OTHER);
    }
    assert_true(gw_hostapd_says("PONG\n", 5, "PONG"));
    assert_false(gw_hostapd_says("PONG", 4, "PONG"));
    assert_false(gw_hostapd_says("PONG\n\n", 6, "PONG"));
    assert_false(gw_hostapd_says("", 0, "PONG"));
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
        bool authorised;
        const char *nai;
    } rows[] = {
        {HEAD "dot1xAuthSessionUserName=alice@example.org\n" TAIL, 0, true, "alice@example.org"},
        {HEAD "dot1xAuthSessionUserName=alice@example.org", 0, true, "alice@example.org"},
        {HEAD "dot1xAuthSessionUserName=\n" TAIL, 0, true, ""},
        {HEAD, 0, true, ""},
        {MAC "\nflags=[AUTH][ASSOC][AUTHORIZED][WMM]\n", 0, true, ""},
        {MAC "\nflags=\naid=0\n", 0, false, ""},
        {MAC "\nflags=[AUTH][ASSOC]\n", 0, false, ""},
        {"FAIL\n", GW_ENOENT, false, ""},
        {"", GW_ENOENT, false, ""},
        {"OK\n", GW_EFORMAT, false, ""},
        /* a station's identity that would be lines of hostapd's */
        {MAC "\nflags=[AUTH]\ndot1xAuthSessionUserName=a\nflags=[AUTHORIZED]\n", 0, false, "a"},
        {HEAD "dot1xAuthSessionUserName=a\ndot1xAuthSessionUserName=b\n" TAIL, 0, true, "a"},
        {HEAD "dot1xAuthSessionUserName=alice\n@example.org\n" TAIL, GW_EFORMAT, false, ""},
        {HEAD "dot1xAuthSessionUserName=alice\n\n" TAIL, GW_EFORMAT, false, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gw_hostapd_sta sta = {0};
        char id[256];
        assert_int_equal(parse_sta(rows[i].text, strlen(rows[i].text), &sta, id), rows[i].err);
        assert_int_equal(sta.authorised, rows[i].authorised);
        assert_string_equal(id, rows[i].nai);
        assert_int_equal(gw_lladdr_eq(&sta.lladdr, &station), rows[i].err == 0);
    }
}

static void long_identities(void **state)
{
    (void)state;
    char text[1024], name[512], id[256];
    struct gw_hostapd_sta sta;

    for (size_t n = 250; n < 260; n++) {
        memset(name, 'x', n);
        name[n] = '\0';
        int len = snprintf(text, sizeof text, HEAD "dot1xAuthSessionUserName=%s\n" TAIL, name);
        int err = parse_sta(text, (size_t)len, &sta, id);
        assert_int_equal(err, n <= 253 ? 0 : GW_EFORMAT);
        if (err == 0)
            assert_string_equal(id, name);
    }
}

static void hostile_ones(void **state)
{
    (void)state;
    assert_true(HOSTAPD_HOSTILES >= 64);
    for (size_t i = 0; i < HOSTAPD_HOSTILES; i++) {
        struct gw_lladdr sta = {0};
        struct gw_hostapd_sta answer = {0};
        char id[256];
        assert_true(parse(hostapd_hostile[i].text, hostapd_hostile[i].len, &sta) <=
                    GW_HOSTAPD_OTHER);
        assert_int_equal(sta.len, 0);
        int err = parse_sta(hostapd_hostile[i].text, hostapd_hostile[i].len, &answer, id);
        if (err == 0 && answer.authorised)
            fail_msg("hostile answer %zu authorises", i);
    }
}

/* Every beginning of an answer: never authorised before the flags are whole, never a longer name.
 */
static void cut_short(void **state)
{
    (void)state;
    static const char text[] = HEAD "dot1xAuthSessionUserName=alice@example.org\n" TAIL;
    struct gw_hostapd_sta sta;
    char id[256];

    for (size_t n = 0; n < sizeof text; n++) {
        int err = parse_sta(text, n, &sta, id);
        if (n < sizeof(MAC "\nflags=[AUTHORIZED]") - 1)
            assert_true(err != 0 || !sta.authorised);
        assert_memory_equal(id, "alice@example.org", strlen(id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),          cmocka_unit_test(answers),
        cmocka_unit_test(long_identities), cmocka_unit_test(hostile_ones),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
