/* test_hostapd.c: the client of hostapd's control socket against a real Unix socket whose other
 * end says what the test wants, also what a broken or hostile one would. The clock is the test's.
 * With hostapd itself it is judged in tests/e2e/test_eap.py.
 */
#include "sys/hostapd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../hostapd_hostile.h"

#define A  "02:00:00:00:00:0a"
#define B  "02:00:00:00:00:0b"
#define UP "\nflags=[AUTHORIZED]\n"

struct env {
    char dir[32];
    struct sockaddr_un path, client;
    socklen_t client_len;
    int fd;
    struct gw_hostapd h;
    struct gw_time now;
    char diary[512];
};

static void note(void *user, enum gw_hostapd_news news, const struct gw_lladdr *sta,
                 const struct gw_mnid *nai)
{
    static const char *const names[] = {"came", "may", "left", "all"};
    struct env *e = user;
    size_t used = strlen(e->diary);
    snprintf(e->diary + used, sizeof e->diary - used, "%s%s%.*s%s%.*s ", names[news],
             sta != NULL ? "-" : "", sta != NULL ? 1 : 0,
             sta != NULL && sta->b[5] == 10 ? "a" : "b", nai != NULL ? "=" : "",
             nai != NULL ? nai->len : 0, nai != NULL ? (const char *)nai->id : "");
}

static void listen_here(struct env *e)
{
    e->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(e->fd >= 0);
    unlink(e->path.sun_path);
    assert_int_equal(bind(e->fd, (const struct sockaddr *)&e->path, sizeof e->path), 0);
}

static int set_up(void **state)
{
    struct env *e = calloc(1, sizeof *e);
    strcpy(e->dir, "/tmp/gw-hapd-XXXXXX");
    assert_non_null(mkdtemp(e->dir));
    e->path.sun_family = AF_UNIX;
    snprintf(e->path.sun_path, sizeof e->path.sun_path, "%s/wlan0", e->dir);
    listen_here(e);
    e->now = GW_SEC(100);
    gw_hostapd_init(&e->h, e->path.sun_path, note, e);
    gw_hostapd_run(&e->h, e->now);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct env *e = *state;
    gw_hostapd_close(&e->h);
    if (e->fd >= 0)
        close(e->fd);
    unlink(e->path.sun_path);
    assert_int_equal(rmdir(e->dir), 0);
    free(e);
    return 0;
}

/* The client has asked this, and nothing else; "" is nothing. */
static void asked(struct env *e, const char *text)
{
    char buf[128];
    struct sockaddr_un from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(e->fd, buf, sizeof buf - 1, 0, (struct sockaddr *)&from, &len);
    buf[n > 0 ? n : 0] = '\0';
    assert_string_equal(buf, text);
    if (n <= 0)
        return;
    e->client = from;
    e->client_len = len;
}

static void say(struct env *e, const char *text)
{
    assert_int_equal(
        sendto(e->fd, text, strlen(text), 0, (const struct sockaddr *)&e->client, e->client_len),
        strlen(text));
    gw_hostapd_run(&e->h, e->now);
}

static void exchange(struct env *e, const char *question, const char *reply)
{
    asked(e, question);
    say(e, reply);
}

static void diary(struct env *e, const char *text)
{
    assert_string_equal(e->diary, text);
    e->diary[0] = '\0';
}

static void attach_alone(struct env *e)
{
    exchange(e, "ATTACH", "OK\n");
    exchange(e, "STA-FIRST", "");
    diary(e, "all ");
}

static void walk(void **state)
{
    struct env *e = *state;
    exchange(e, "ATTACH", "OK\n");
    exchange(e, "STA-FIRST", A UP "dot1xAuthSessionUserName=x@y\n");
    exchange(e, "STA-NEXT " A, "FAIL\n"); /* it has left meanwhile: once more */
    exchange(e, "STA-FIRST", B UP);
    exchange(e, "STA-NEXT " B, "");
    diary(e, "may-a=x@y may-b all ");
    exchange(e, "STA " A, "FAIL\n"); /* not met again, so asked by name */
    asked(e, "");
    diary(e, "left-a ");
}

/* The trap of the wired driver: a disconnection that is none. */
static void confirmed(void **state)
{
    struct env *e = *state;
    attach_alone(e);
    asked(e, "");
    say(e, "<3>CTRL-EVENT-EAP-SUCCESS " A);
    asked(e, "STA " A);
    say(e, "<3>AP-STA-CONNECTED " A); /* between question and answer */
    say(e, A UP "dot1xAuthSessionUserName=x@y\n");
    exchange(e, "STA " A, A UP "dot1xAuthSessionUserName=x@y\n");
    say(e, "<3>AP-STA-DISCONNECTED " A);
    exchange(e, "STA " A, A UP "dot1xAuthSessionUserName=x@y\n");
    asked(e, "");
    diary(e, "came-a=x@y ");
    say(e, "<3>AP-STA-DISCONNECTED " A);
    exchange(e, "STA " A, A "\nflags=\n");
    diary(e, "left-a ");
    say(e, "<3>AP-STA-DISCONNECTED " B); /* of nobody we know */
    asked(e, "");
    assert_int_equal(gw_table_count(&e->h.known), 0);
}

static void restarted(void **state)
{
    struct env *e = *state;
    attach_alone(e);
    say(e, "<3>AP-STA-CONNECTED " A);
    exchange(e, "STA " A, A UP);
    diary(e, "came-a ");
    close(e->fd);
    e->now = gw_hostapd_deadline(&e->h);
    gw_hostapd_run(&e->h, e->now); /* the PING finds nobody */
    assert_int_equal(e->h.fd, -1);
    for (int i = 0; i < 20; i++) {
        struct gw_time due = gw_hostapd_deadline(&e->h);
        assert_true(gw_time_before(e->now, due));
        assert_true(gw_time_sub(due, e->now).ns <= GW_SEC(3).ns);
        e->now = due;
        gw_hostapd_run(&e->h, e->now);
    }
    diary(e, ""); /* nobody leaves meanwhile */
    listen_here(e);
    e->now = gw_hostapd_deadline(&e->h);
    gw_hostapd_run(&e->h, e->now);
    exchange(e, "ATTACH", "OK\n");
    exchange(e, "STA-FIRST", "");
    diary(e, "all ");
    exchange(e, "STA " A, "FAIL\n");
    diary(e, "left-a ");
}

/* Answers that nobody asked for, wrong ones and none: a new connection, and no news. */
static void broken(void **state)
{
    static const char *const wrong[] = {"FAIL\n", "UNKNOWN COMMAND\n", "", "\xff"};
    struct env *e = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        exchange(e, "ATTACH", wrong[i]);
        assert_int_equal(e->h.fd, -1);
        e->now = gw_hostapd_deadline(&e->h);
        gw_hostapd_run(&e->h, e->now);
    }
    asked(e, "ATTACH");
    e->now = gw_hostapd_deadline(&e->h);
    gw_hostapd_run(&e->h, e->now); /* silence */
    assert_int_equal(e->h.fd, -1);
    e->now = gw_hostapd_deadline(&e->h);
    gw_hostapd_run(&e->h, e->now);
    attach_alone(e);
    say(e, A UP); /* to nothing */
    assert_int_equal(e->h.fd, -1);
    diary(e, "");
    assert_int_equal(e->h.bad, sizeof wrong / sizeof *wrong + 1);
}

static void about_another(void **state)
{
    struct env *e = *state;
    attach_alone(e);
    say(e, "<3>AP-STA-CONNECTED " A);
    exchange(e, "STA " A, B UP);
    diary(e, "");
    assert_int_equal(gw_table_count(&e->h.known), 0);
    assert_int_equal(e->h.bad, 1);
}

/* Whoever else knows the client's address cannot reach it. */
static void strangers(void **state)
{
    struct env *e = *state;
    attach_alone(e);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    static const char text[] = "<3>AP-STA-CONNECTED " A;
    assert_int_equal(
        sendto(fd, text, sizeof text - 1, 0, (const struct sockaddr *)&e->client, e->client_len),
        -1);
    close(fd);
}

/* More events than stations it keeps. */
static void bounded(void **state)
{
    struct env *e = *state;
    char text[64];
    attach_alone(e);
    for (unsigned i = 0; i < GW_HOSTAPD_STATIONS + 10; i++) {
        snprintf(text, sizeof text, "<3>AP-STA-CONNECTED 02:00:00:01:%02x:%02x", i >> 8, i & 0xff);
        say(e, text);
    }
    assert_int_equal(gw_table_count(&e->h.known), GW_HOSTAPD_STATIONS);
    assert_int_equal(e->h.full, 10);
}

enum phase { ATTACHING, WALKING, IDLE, ASKING, KNOWING, ASKING_AGAIN, PHASES };

static void bring_to(struct env *e, enum phase phase)
{
    asked(e, "ATTACH");
    if (phase == ATTACHING)
        return;
    say(e, "OK\n");
    asked(e, "STA-FIRST");
    if (phase == WALKING)
        return;
    say(e, "");
    if (phase == IDLE)
        return;
    say(e, "<3>AP-STA-CONNECTED " A);
    asked(e, "STA " A);
    if (phase == ASKING)
        return;
    say(e, A UP);
    if (phase == ASKING_AGAIN)
        say(e, "<3>AP-STA-DISCONNECTED " A);
    e->diary[0] = '\0';
}

/* Answers what the client asks until it has nothing more to ask and is connected; what it still
 * waits for is lost. */
static void go_on(struct env *e)
{
    for (int turn = 0; turn < 20; turn++) {
        char buf[128];
        struct sockaddr_un from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(e->fd, buf, sizeof buf - 1, 0, (struct sockaddr *)&from, &len);
        buf[n > 0 ? n : 0] = '\0';
        if (n <= 0 && e->h.attached && e->h.asking == 0)
            return;
        if (n > 0) {
            e->client = from;
            e->client_len = len;
        }
        if (n <= 0 || e->h.fd < 0) { /* a question of a connection that is gone has no asker */
            e->now = gw_hostapd_deadline(&e->h);
            gw_hostapd_run(&e->h, e->now);
        } else {
            say(e, strcmp(buf, "ATTACH") == 0      ? "OK\n"
                   : strcmp(buf, "PING") == 0      ? "PONG\n"
                   : strcmp(buf, "STA-FIRST") == 0 ? ""
                                                   : "FAIL\n");
        }
    }
    fail_msg("it never comes to rest");
}

/* In each phase: nobody is authorised by it, and the next rightful word counts. One who was, and
 * whom hostapd is being asked about, may be gone. */
static void hostile_in(enum phase phase, const struct hostapd_hostile *h)
{
    void *state;

    assert_int_equal(set_up(&state), 0);
    struct env *e = state;
    bring_to(e, phase);
    (void)sendto(e->fd, h->text, h->len, 0, (const struct sockaddr *)&e->client, e->client_len);
    gw_hostapd_run(&e->h, e->now);
    if (strstr(e->diary, "came") != NULL || strstr(e->diary, "may") != NULL)
        fail_msg("phase %d, \"%.*s\": %s", (int)phase, (int)h->len, h->text, e->diary);
    go_on(e);
    assert_null(strstr(e->diary, "came"));
    say(e, "<3>AP-STA-CONNECTED " B);
    exchange(e, "STA " B, B UP);
    assert_non_null(strstr(e->diary, "came-b"));
    assert_int_equal(tear_down(&state), 0);
}

static void hostile(void **state)
{
    (void)state;
    for (int phase = 0; phase < PHASES; phase++)
        for (size_t i = 0; i < HOSTAPD_HOSTILES; i++)
            hostile_in((enum phase)phase, &hostapd_hostile[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(walk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(confirmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restarted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(about_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strangers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
        cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
