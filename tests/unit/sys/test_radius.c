/* test_radius.c: the server of RADIUS accounting against a NAS that is a real UDP socket and says
 * what the test wants: sessions in and out of order, repeated, of a stranger, too many. The clock
 * is the test's. With hostapd and radclient it is judged in tests/e2e/test_radius.py.
 */
#include "sys/radius.h"

#include "../radius_hostile.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#define STATIONS 3

static const struct gw_radius_secret secret = {.len = 6, .b = "geheim"};

struct env {
    int fd;
    struct gw_radius r;
    struct gw_radius_nas nas[2]; /* the second is the sender */
    struct gw_time now;
    uint8_t id;
    char diary[512];
};

static void note(void *user, size_t nas, enum gw_radius_news news, const struct gw_lladdr *sta,
                 const struct gw_mnid *nai)
{
    static const char *const names[] = {"began", "goes", "ended"};
    struct env *e = user;
    size_t used = strlen(e->diary);
    assert_int_equal(nas, 1);
    snprintf(e->diary + used, sizeof e->diary - used, "%s-%x%s%.*s ", names[news], sta->b[5],
             nai != NULL ? "=" : "", nai != NULL ? nai->len : 0,
             nai != NULL ? (const char *)nai->id : "");
}

static int set_up(void **state)
{
    struct env *e = calloc(1, sizeof *e);
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof sa;
    struct gw_addr loopback = {{[15] = 1}};

    assert_non_null(e);
    e->nas[0] = (struct gw_radius_nas){.addr = {{0x20, 1}}, .secret = secret};
    e->nas[1] = (struct gw_radius_nas){.addr = loopback, .secret = secret};
    e->now = GW_SEC(100);
    e->r = (struct gw_radius){.fd = -1, .nas = e->nas, .nnas = 2, .fn = note, .user = e};
    assert_int_equal(gw_radius_open(&e->r, &loopback, 0, STATIONS, 42), 0);
    assert_int_equal(getsockname(e->r.fd, (struct sockaddr *)&sa, &len), 0);
    e->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(e->fd, (const struct sockaddr *)&sa, len), 0);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct env *e = *state;
    gw_radius_close(&e->r);
    close(e->fd);
    free(e);
    return 0;
}

static size_t add(uint8_t *at, uint8_t type, const void *value, size_t len)
{
    at[0] = type;
    at[1] = (uint8_t)(len + 2);
    memcpy(at + 2, value, len);
    return len + 2;
}

/* A request without its length and authenticator, to its end. Was it answered? */
static bool deliver(struct env *e, uint8_t *p, size_t len)
{
    uint8_t answer[64];

    p[3] = (uint8_t)len;
    memcpy(p + len, secret.b, secret.len);
    assert_int_equal(EVP_Digest(p, len + secret.len, p + 4, NULL, EVP_md5(), NULL), 1);
    assert_int_equal(send(e->fd, p, len, 0), len);
    gw_radius_read(&e->r, e->now);
    ssize_t n = recv(e->fd, answer, sizeof answer, 0);
    assert_true(n < 0 || (n == 20 && answer[0] == 5 && answer[1] == p[1]));
    return n > 0;
}

/* A request about a station (0: none) and its session ("": none), to its end. Was it answered? */
static bool say(struct env *e, enum gw_radius_status status, uint8_t sta, const char *session)
{
    uint8_t p[256] = {4, ++e->id};
    uint8_t kind[4] = {0, 0, 0, (uint8_t)status};
    char mac[18];
    size_t len = 20 + add(p + 20, 40, kind, 4);
    if (session[0] != '\0')
        len += add(p + len, 44, session, strlen(session));
    if (sta != 0) {
        snprintf(mac, sizeof mac, "02-00-00-00-00-%02x", sta);
        len += add(p + len, 31, mac, 17);
        len += add(p + len, 1, "al", 2);
    }
    return deliver(e, p, len);
}

static void diary(struct env *e, const char *text)
{
    assert_string_equal(e->diary, text);
    e->diary[0] = '\0';
}

static void test_session(void **state)
{
    struct env *e = *state;
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1"));
    diary(e, "began-a=al ");
    assert_true(say(e, GW_RADIUS_INTERIM, 0xa, "s1"));
    diary(e, "goes-a=al ");
    assert_true(say(e, GW_RADIUS_STOP, 0xa, "s1"));
    diary(e, "ended-a=al ");
    assert_int_equal(e->r.count.received, 3);
    assert_int_equal(e->r.count.repeated, 0);
}

static void test_repeated(void **state)
{
    struct env *e = *state;
    for (int i = 0; i < 3; i++)
        assert_true(say(e, GW_RADIUS_START, 0xa, "s1"));
    diary(e, "began-a=al ");
    for (int i = 0; i < 3; i++)
        assert_true(say(e, GW_RADIUS_STOP, 0xa, "s1"));
    diary(e, "ended-a=al ");
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1")); /* late, or a replay */
    assert_true(say(e, GW_RADIUS_INTERIM, 0xa, "s1"));
    diary(e, "");
    assert_int_equal(e->r.count.repeated, 6);
}

/* The end of one session comes behind the beginning of the next. */
static void test_out_of_order(void **state)
{
    struct env *e = *state;
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1"));
    assert_true(say(e, GW_RADIUS_START, 0xa, "s2"));
    assert_true(say(e, GW_RADIUS_STOP, 0xa, "s1"));
    assert_true(say(e, GW_RADIUS_INTERIM, 0xa, "s1"));
    diary(e, "began-a=al began-a=al ");
    assert_true(say(e, GW_RADIUS_STOP, 0xa, "other")); /* whose start nobody heard */
    diary(e, "");
    assert_true(say(e, GW_RADIUS_STOP, 0xa, "s2"));
    diary(e, "ended-a=al ");
    assert_true(say(e, GW_RADIUS_STOP, 0xb, "s9"));
    assert_true(say(e, GW_RADIUS_START, 0xb, "s9"));
    diary(e, "ended-b=al "); /* it is over already */
}

/* What began before this process did. */
static void test_known_to_nobody(void **state)
{
    struct env *e = *state;
    assert_true(say(e, GW_RADIUS_INTERIM, 0xa, "s1"));
    assert_true(say(e, GW_RADIUS_STOP, 0xb, "s1"));
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1"));
    diary(e, "goes-a=al ended-b=al ");
}

static void test_nas_restarts(void **state)
{
    struct env *e = *state;
    assert_true(say(e, GW_RADIUS_ON, 0, "boot1"));
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1"));
    assert_true(say(e, GW_RADIUS_START, 0xb, "s2"));
    assert_true(say(e, GW_RADIUS_STOP, 0xb, "s2"));
    diary(e, "began-a=al began-b=al ended-b=al ");
    assert_true(say(e, GW_RADIUS_ON, 0, "boot1")); /* repeated */
    diary(e, "");
    assert_true(say(e, GW_RADIUS_OFF, 0, "boot1"));
    diary(e, "ended-a ");
    assert_true(say(e, GW_RADIUS_ON, 0, "boot2"));
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1")); /* its numbers begin again */
    diary(e, "began-a=al ");
    assert_true(say(e, GW_RADIUS_ON, 0, "")); /* by its authenticator then */
    diary(e, "ended-a ");
}

static void test_nothing_about_a_station(void **state)
{
    struct env *e = *state;
    assert_true(say(e, GW_RADIUS_START, 0, "login"));
    assert_true(say(e, GW_RADIUS_START, 0xa, ""));
    assert_true(say(e, (enum gw_radius_status)15, 0xa, "s1"));
    diary(e, "");
    assert_int_equal(e->r.count.unusable, 2);
    assert_int_equal(gw_table_count(&e->r.stations), 0);
}

/* Those who left longest ago make room; who is there does not. */
static void test_limit(void **state)
{
    struct env *e = *state;
    assert_true(say(e, GW_RADIUS_START, 1, "s"));
    assert_true(say(e, GW_RADIUS_STOP, 1, "s"));
    assert_true(say(e, GW_RADIUS_START, 2, "s"));
    assert_true(say(e, GW_RADIUS_START, 3, "s"));
    assert_true(say(e, GW_RADIUS_START, 4, "s"));
    assert_false(say(e, GW_RADIUS_START, 5, "s"));
    diary(e, "began-1=al ended-1=al began-2=al began-3=al began-4=al ");
    assert_int_equal(e->r.count.full, 1);
    assert_int_equal(gw_table_count(&e->r.stations), STATIONS);
    assert_true(say(e, GW_RADIUS_STOP, 3, "s"));
    assert_true(say(e, GW_RADIUS_START, 5, "s"));
    diary(e, "ended-3=al began-5=al ");
}

static void test_strangers(void **state)
{
    struct env *e = *state;
    e->nas[1].addr.b[0] = 0xfd;
    assert_false(say(e, GW_RADIUS_START, 0xa, "s1"));
    assert_int_equal(e->r.count.unknown, 1);
    e->nas[1].addr.b[0] = 0;
    e->nas[1].secret.b[0] ^= 1;
    assert_false(say(e, GW_RADIUS_START, 0xa, "s1"));
    assert_int_equal(e->r.count.unauthentic, 1);
    assert_int_equal(send(e->fd, "\4", 1, 0), 1);
    assert_int_equal(send(e->fd, "", 0, 0), 0);
    gw_radius_read(&e->r, e->now);
    assert_int_equal(e->r.count.bad, 2);
    assert_int_equal(gw_table_count(&e->r.stations), 0);
    diary(e, "");
}

/* All hostile requests; nobody has come or left, and nothing is remembered. */
static void try_hostile(struct env *e)
{
    size_t known = gw_table_count(&e->r.stations);

    for (size_t i = 0; i < RADIUS_HOSTILES; i++) {
        uint8_t p[256] = {4, ++e->id};
        memcpy(p + 20, radius_hostile[i].text, radius_hostile[i].len);
        (void)deliver(e, p, 20 + radius_hostile[i].len);
        if (e->diary[0] != '\0')
            print_message("row %zu\n", i);
        diary(e, "");
        assert_int_equal(gw_table_count(&e->r.stations), known);
    }
}

/* By a NAS that knows the secret, by one that does not, and from an unknown address. */
static void try_hostile_senders(struct env *e)
{
    try_hostile(e);
    e->nas[1].secret.b[0] ^= 1;
    try_hostile(e);
    e->nas[1].secret.b[0] ^= 1;
    e->nas[1].addr.b[0] = 0xfd;
    try_hostile(e);
    e->nas[1].addr.b[0] = 0;
}

static void test_hostile(void **state)
{
    struct env *e = *state;
    try_hostile_senders(e); /* nobody is known */
    assert_true(say(e, GW_RADIUS_START, 0xa, "s1"));
    diary(e, "began-a=al ");
    try_hostile_senders(e);
    assert_true(say(e, GW_RADIUS_INTERIM, 0xa, "s1")); /* it goes on as if nothing were */
    diary(e, "goes-a=al ");
    assert_true(say(e, GW_RADIUS_STOP, 0xa, "s1"));
    diary(e, "ended-a=al ");
    try_hostile_senders(e);
    assert_true(say(e, GW_RADIUS_START, 0xa, "s2"));
    diary(e, "began-a=al ");
}

static void test_rate(void **state)
{
    struct env *e = *state;
    unsigned answered = 0;
    e->r.rate = 10;
    for (int i = 0; i < 50; i++)
        answered += say(e, GW_RADIUS_INTERIM, 0xa, "s1");
    assert_int_equal(answered, 10);
    assert_int_equal(e->r.count.limited, 40);
    e->now = gw_time_add(e->now, GW_MSEC(100));
    assert_true(say(e, GW_RADIUS_INTERIM, 0xa, "s1"));
    assert_false(say(e, GW_RADIUS_INTERIM, 0xa, "s1"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_session),         T(test_repeated),     T(test_out_of_order),
        T(test_known_to_nobody), T(test_nas_restarts), T(test_nothing_about_a_station),
        T(test_limit),           T(test_strangers),    T(test_rate),
        T(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
