/* test_bird.c: the client of BIRD's control socket against a real Unix socket whose other end says
 * what the test wants, also what a broken BIRD would. The clock is the test's. With BIRD itself it
 * is judged in tests/e2e/test_bird.py.
 */
#include "sys/bird.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define READY "0001 BIRD 2.0.12 ready.\n"

struct env {
    char dir[32];
    struct sockaddr_un path;
    int listener, fd; /* BIRD's end */
    struct gw_bird b;
    struct gw_time now;
    char diary[512];
};

static void note(void *user, const struct gw_bird_protocol *p, const char *why)
{
    struct env *e = user;
    size_t used = strlen(e->diary);

    (void)snprintf(e->diary + used, sizeof e->diary - used, "%s%s%s%s ", p->on ? "+" : "-", p->name,
                   why != NULL ? "!" : "", why != NULL ? why : "");
}

static void diary(struct env *e, const char *text)
{
    assert_string_equal(e->diary, text);
    e->diary[0] = '\0';
}

static void listen_here(struct env *e)
{
    e->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(e->listener >= 0);
    (void)unlink(e->path.sun_path);
    assert_int_equal(bind(e->listener, (const struct sockaddr *)&e->path, sizeof e->path), 0);
    assert_int_equal(listen(e->listener, 4), 0);
}

static int set_up(void **state)
{
    struct env *e = calloc(1, sizeof *e);

    assert_non_null(e);
    strcpy(e->dir, "/tmp/gw-bird-XXXXXX");
    assert_non_null(mkdtemp(e->dir));
    e->path.sun_family = AF_UNIX;
    (void)snprintf(e->path.sun_path, sizeof e->path.sun_path, "%s/bird.ctl", e->dir);
    listen_here(e);
    e->fd = -1;
    e->now = GW_SEC(100);
    gw_bird_init(&e->b, e->path.sun_path, note, e);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct env *e = *state;

    gw_bird_close(&e->b);
    if (e->fd >= 0)
        close(e->fd);
    if (e->listener >= 0)
        close(e->listener);
    (void)unlink(e->path.sun_path);
    assert_int_equal(rmdir(e->dir), 0);
    free(e);
    return 0;
}

static void run(struct env *e)
{
    gw_bird_run(&e->b, e->now);
}

static void later(struct env *e, struct gw_time by)
{
    e->now = gw_time_add(e->now, by);
    run(e);
}

static void take_connection(struct env *e)
{
    if (e->fd >= 0)
        close(e->fd);
    e->fd = accept4(e->listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(e->fd >= 0);
}

static void say(struct env *e, const char *text)
{
    assert_int_equal(send(e->fd, text, strlen(text), 0), strlen(text));
    run(e);
}

/* The client has asked this, and nothing else; "" is nothing. */
static void asked(struct env *e, const char *text)
{
    char buf[256];
    ssize_t n = recv(e->fd, buf, sizeof buf - 1, 0);

    buf[n > 0 ? n : 0] = '\0';
    assert_string_equal(buf, text);
}

static void greet(struct env *e)
{
    run(e);
    take_connection(e);
    asked(e, "");
    say(e, READY);
}

static void test_on_and_off(void **state)
{
    struct env *e = *state;

    assert_int_equal(gw_bird_want(&e->b, "godwit_web", true), 0);
    greet(e);
    asked(e, "enable \"godwit_web\"\n");
    diary(e, "");
    say(e, "0011-godwit_web: enabled\n0000 \n");
    diary(e, "+godwit_web ");
    asked(e, "");
    assert_int_equal(gw_bird_want(&e->b, "godwit_web", true), 0);
    run(e);
    asked(e, "");
    assert_int_equal(gw_bird_want(&e->b, "godwit_web", false), 0);
    run(e);
    asked(e, "disable \"godwit_web\"\n");
    say(e, "0009-godwit_web: disabled\n0000 \n");
    diary(e, "-godwit_web ");
}

/* Two things are not asked at once, and what changes meanwhile is asked behind it. */
static void test_one_at_a_time(void **state)
{
    struct env *e = *state;

    (void)gw_bird_want(&e->b, "a", true);
    (void)gw_bird_want(&e->b, "b", true);
    greet(e);
    asked(e, "enable \"a\"\n");
    (void)gw_bird_want(&e->b, "a", false);
    run(e);
    asked(e, "");
    say(e, "0011-a: ena"); /* in pieces */
    asked(e, "");
    say(e, "bled\n0000 \n");
    diary(e, ""); /* it is not what is wanted any more */
    asked(e, "disable \"a\"\n");
    say(e, "0009-a: disabled\n0000 \n");
    asked(e, "enable \"b\"\n");
    say(e, "0011-b: enabled\n0000 \n");
    diary(e, "-a +b ");
}

static void test_refused(void **state)
{
    struct env *e = *state;

    (void)gw_bird_want(&e->b, "a", true);
    greet(e);
    asked(e, "enable \"a\"\n");
    say(e, "8003 No protocols match\n");
    diary(e, "+a!No protocols match ");
    run(e);
    asked(e, "");
    later(e, GW_BIRD_AGAIN); /* perhaps it has been configured since */
    asked(e, "enable \"a\"\n");
    say(e, "8003 No protocols match\n");
    diary(e, ""); /* nothing new */
    later(e, GW_BIRD_AGAIN);
    asked(e, "enable \"a\"\n");
    say(e, "0011-a: enabled\n0000 \n");
    diary(e, "+a ");
}

static void test_said_again(void **state)
{
    struct env *e = *state;

    (void)gw_bird_want(&e->b, "a", true);
    greet(e);
    asked(e, "enable \"a\"\n");
    say(e, "0011-a: enabled\n0000 \n");
    diary(e, "+a ");
    later(e, GW_BIRD_AGAIN);
    asked(e, "enable \"a\"\n"); /* BIRD may have been configured anew */
    say(e, "0008-a: already enabled\n0000 \n");
    diary(e, "");
    close(e->fd); /* BIRD has ended */
    e->fd = -1;
    run(e);
    assert_int_equal(e->b.fd, -1);
    later(e, GW_SEC(1));
    take_connection(e);
    say(e, READY);
    asked(e, "enable \"a\"\n");
}

static void test_forgotten(void **state)
{
    struct env *e = *state;

    (void)gw_bird_want(&e->b, "a", true);
    (void)gw_bird_want(&e->b, "b", true);
    greet(e);
    asked(e, "enable \"a\"\n");
    gw_bird_forget(&e->b, "a"); /* while its answer is under way */
    say(e, "0011-a: enabled\n0000 \n");
    asked(e, "disable \"a\"\n");
    say(e, "0009-a: disabled\n0000 \n");
    asked(e, "enable \"b\"\n");
    say(e, "0011-b: enabled\n0000 \n");
    later(e, GW_BIRD_AGAIN);
    asked(e, "enable \"b\"\n"); /* alone */
    assert_int_equal(e->b.n, 1);
    gw_bird_forget(&e->b, "c");
}

/* Nobody listens, then somebody does. */
static void test_absent(void **state)
{
    struct env *e = *state;

    close(e->listener);
    (void)unlink(e->path.sun_path);
    (void)gw_bird_want(&e->b, "a", true);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(e->b.fd, -1);
        later(e, GW_SEC(1));
    }
    assert_int_equal(e->b.connections, 0);
    listen_here(e);
    later(e, GW_SEC(3));
    take_connection(e);
    say(e, READY);
    asked(e, "enable \"a\"\n");
}

static void test_silent(void **state)
{
    struct env *e = *state;

    run(e);
    take_connection(e);
    later(e, GW_MSEC(1999));
    assert_true(e->b.fd >= 0);
    later(e, GW_MSEC(1)); /* no greeting */
    assert_int_equal(e->b.fd, -1);
    later(e, GW_SEC(1));
    take_connection(e);
    say(e, READY);
    (void)gw_bird_want(&e->b, "a", true);
    run(e);
    asked(e, "enable \"a\"\n");
    later(e, GW_SEC(2)); /* no answer */
    assert_int_equal(e->b.fd, -1);
}

static void test_broken(void **state)
{
    static const char *const texts[] = {
        "SSH-2.0-x\n", "1 ready\n",     "00010 x\n",         "0001\n", "9001 no\n", "\n",
        "-001 x\n",    READY "0000 \n", READY "0011 more\n",
    };
    struct env *e = *state;
    char flood[700];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        later(e, GW_SEC(5));
        take_connection(e);
        say(e, texts[i]);
        if (e->b.fd >= 0)
            print_message("taken: %s", texts[i]);
        assert_int_equal(e->b.fd, -1);
    }
    memset(flood, '0', sizeof flood - 1); /* a line without an end */
    flood[sizeof flood - 1] = '\0';
    later(e, GW_SEC(5));
    take_connection(e);
    say(e, flood);
    assert_int_equal(e->b.fd, -1);
    diary(e, "");
}

static void test_withdraw(void **state)
{
    struct env *e = *state;
    char want[64] = "";

    (void)gw_bird_want(&e->b, "a", true);
    greet(e);
    asked(e, "enable \"a\"\n");
    say(e, "0011-a: enabled\n0000 \n");
    diary(e, "+a ");
    /* Nobody answers: it is asked, and waited for no longer than that. */
    gw_bird_withdraw(&e->b, 50);
    assert_true(recv(e->fd, want, sizeof want - 1, 0) > 0);
    assert_string_equal(want, "disable \"a\"\n");
    gw_bird_close(&e->b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_on_and_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_said_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_absent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_withdraw, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("unit-sys-bird", tests, NULL, NULL);
}
