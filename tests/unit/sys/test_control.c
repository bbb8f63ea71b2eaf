/* test_control.c: the control socket with real clients on a real Unix socket; only the handler is
 * the test's. Clients are plain descriptors of this process; the loop is turned between their
 * steps.
 */
#include "daemon/control.h"
#include "daemon/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct env {
    uv_loop_t loop;
    struct gwd_control control;
    char dir[32], path[64];
    unsigned asked;
};

static json_t *echo(void *user, struct gwd_asker *who, const json_t *req)
{
    struct env *e = user;
    e->asked++;
    assert_int_equal(who->uid, geteuid());
    who->stays = json_object_get(req, "stay") != NULL;
    if (json_object_get(req, "big") != NULL) {
        char *big = malloc(4u << 20);
        memset(big, 'x', (4u << 20) - 1);
        big[(4u << 20) - 1] = '\0';
        json_t *s = json_string(big);
        free(big);
        return gwd_answer_ok(s);
    }
    return gwd_answer_ok(json_deep_copy(req));
}

static int set_up(void **state)
{
    struct env *e = calloc(1, sizeof *e);
    strcpy(e->dir, "/tmp/gw-ctl-XXXXXX");
    assert_non_null(mkdtemp(e->dir));
    snprintf(e->path, sizeof e->path, "%s/sub/node.sock", e->dir);
    assert_int_equal(uv_loop_init(&e->loop), 0);
    assert_int_equal(gwd_control_open(&e->control, &e->loop, e->path, 0660, echo, e), 0);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct env *e = *state;
    char sub[64];
    gwd_control_close(&e->control);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&e->loop), 0);
    assert_int_equal(access(e->path, F_OK), -1); /* the socket is gone */
    snprintf(sub, sizeof sub, "%s/sub", e->dir);
    assert_int_equal(rmdir(sub), 0);
    assert_int_equal(rmdir(e->dir), 0);
    free(e);
    return 0;
}

static int dial(const struct env *e)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", e->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static void turn(struct env *e)
{
    for (int i = 0; i < 10; i++)
        uv_run(&e->loop, UV_RUN_NOWAIT);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Reads up to the end of the stream, turning the loop meanwhile; NULL when it does not end. */
static char *hear(struct env *e, int fd)
{
    size_t used = 0, size = 8u << 20;
    char *buf = malloc(size);
    for (int idle = 0; idle < 1000;) {
        ssize_t n = read(fd, buf + used, size - 1 - used);
        if (n == 0) {
            buf[used] = '\0';
            return buf;
        }
        if (n > 0)
            used += (size_t)n;
        idle = n > 0 ? 0 : idle + 1;
        uv_run(&e->loop, UV_RUN_NOWAIT);
    }
    free(buf);
    return NULL;
}

static void expect(struct env *e, int fd, const char *want)
{
    char *got = hear(e, fd);
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
    close(fd);
}

static void test_answer(void **state)
{
    struct env *e = *state;
    int fd = dial(e);
    say(fd, "{\"cmd\":\"x\"}\n");
    expect(e, fd, "{\"ok\":true,\"result\":{\"cmd\":\"x\"}}\n");
    struct stat st;
    assert_int_equal(stat(e->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
}

static void test_piecemeal_and_interleaved(void **state)
{
    struct env *e = *state;
    int slow = dial(e), quick = dial(e);
    say(slow, "{\"n\":");
    turn(e);
    say(quick, "{\"n\":2}\n");
    expect(e, quick, "{\"ok\":true,\"result\":{\"n\":2}}\n"); /* not held up by the other */
    say(slow, "1}\n");
    expect(e, slow, "{\"ok\":true,\"result\":{\"n\":1}}\n");
}

static void test_end_of_stream_ends_a_request(void **state)
{
    struct env *e = *state;
    int fd = dial(e);
    say(fd, "{}");
    shutdown(fd, SHUT_WR);
    expect(e, fd, "{\"ok\":true,\"result\":{}}\n");
}

static void test_nonsense(void **state)
{
    struct env *e = *state;
    int fd = dial(e);
    say(fd, "[1]\n");
    expect(e, fd, "{\"ok\":false,\"error\":\"a request is a JSON object\"}\n");
    fd = dial(e);
    say(fd, "{\"a\":1,\n");
    char *got = hear(e, fd);
    assert_non_null(strstr(got, "{\"ok\":false,\"error\":\"not JSON: "));
    free(got);
    close(fd);
    fd = dial(e); /* says nothing and leaves */
    close(fd);
    turn(e);
    assert_int_equal(e->asked, 0);
    assert_int_equal(e->control.clients, 0);
}

static void test_long_request(void **state)
{
    struct env *e = *state;
    int fd = dial(e);
    char *junk = malloc(GWD_CONTROL_REQUEST_MAX);
    memset(junk, ' ', GWD_CONTROL_REQUEST_MAX);
    assert_int_equal(write(fd, junk, GWD_CONTROL_REQUEST_MAX), GWD_CONTROL_REQUEST_MAX);
    free(junk);
    expect(e, fd, "{\"ok\":false,\"error\":\"request longer than 65536 octets\"}\n");
}

static void test_slow_reader_blocks_nobody(void **state)
{
    struct env *e = *state;
    int slow = dial(e), quick = dial(e);
    say(slow, "{\"big\":1}\n");
    turn(e); /* far more than the socket's buffer is now under way to someone who does not read */
    assert_int_equal(e->control.clients, 2);
    say(quick, "{}\n");
    expect(e, quick, "{\"ok\":true,\"result\":{}}\n");
    char *got = hear(e, slow);
    assert_non_null(got);
    assert_true(strlen(got) > (4u << 20));
    free(got);
    close(slow);
}

static void test_too_many_clients(void **state)
{
    struct env *e = *state;
    int fd[GWD_CONTROL_CLIENTS];
    for (int i = 0; i < GWD_CONTROL_CLIENTS; i++) {
        fd[i] = dial(e);
        turn(e);
    }
    int more = dial(e);
    expect(e, more, ""); /* turned away */
    close(fd[0]);
    turn(e);
    more = dial(e);
    say(more, "{}\n");
    expect(e, more, "{\"ok\":true,\"result\":{}}\n");
    for (int i = 1; i < GWD_CONTROL_CLIENTS; i++)
        close(fd[i]);
    turn(e);
    assert_int_equal(e->control.clients, 0);
}

static void test_second_daemon(void **state)
{
    struct env *e = *state;
    struct gwd_control other;
    assert_int_equal(gwd_control_open(&other, &e->loop, e->path, 0660, echo, e), GW_EEXIST);
    int fd = dial(e); /* the first one is not disturbed */
    say(fd, "{}\n");
    expect(e, fd, "{\"ok\":true,\"result\":{}}\n");
}

static void test_stale_socket_and_other_files(void **state)
{
    struct env *e = *state;
    struct gwd_control c;
    char path[64], long_path[200];
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "%s/stale", e->dir);
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    close(fd); /* leaves the name, as kill -9 does */
    assert_int_equal(gwd_control_open(&c, &e->loop, path, 0660, echo, e), 0);
    gwd_control_close(&c);
    turn(e);
    FILE *f = fopen(path, "w");
    fclose(f);
    assert_int_equal(gwd_control_open(&c, &e->loop, path, 0660, echo, e), GW_EEXIST);
    assert_int_equal(unlink(path), 0); /* still there, so not replaced */
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(gwd_control_open(&c, &e->loop, long_path, 0660, echo, e), GW_EINVAL);
}

static void test_emit(void **state)
{
    (void)state;
    struct gwd_json j;
    json_t *root = json_array();
    gwd_json_init(&j, root);
    gw_emit_obj(&j.emit, NULL);
    gw_emit_num(&j.emit, "n", INT64_MIN);
    gw_emit_bool(&j.emit, "b", true);
    gw_emit_arr(&j.emit, "list");
    gw_emit_str(&j.emit, NULL, "a\"b");
    gw_emit_str(&j.emit, NULL, "\xff");
    gw_emit_arr_end(&j.emit);
    gw_emit_obj(&j.emit, "o");
    gw_emit_obj_end(&j.emit);
    gw_emit_obj_end(&j.emit);
    char *text = json_dumps(root, JSON_COMPACT);
    assert_string_equal(text, "[{\"n\":-9223372036854775808,\"b\":true,\"list\":[\"a\\\"b\","
                              "\"?\"],\"o\":{}}]");
    assert_false(j.failed);
    free(text);
    json_decref(root);
}

/* Two requests in one write, the second cut, its rest later; the last one does not ask to stay. */
static void test_a_client_that_stays_goes_on_asking(void **state)
{
    struct env *e = *state;
    int fd = dial(e);
    say(fd, "{\"stay\":1}\n{\"stay\":2}\n{\"st");
    turn(e);
    assert_int_equal(e->asked, 2);
    say(fd, "ay\":3}\n");
    turn(e);
    assert_int_equal(e->asked, 3);
    assert_int_equal(e->control.clients, 1);
    say(fd, "{\"last\":4}\n{\"stay\":5}\n");
    char *heard = hear(e, fd);
    assert_non_null(heard);
    assert_string_equal(heard, "{\"ok\":true,\"result\":{\"stay\":1}}\n"
                               "{\"ok\":true,\"result\":{\"stay\":2}}\n"
                               "{\"ok\":true,\"result\":{\"stay\":3}}\n"
                               "{\"ok\":true,\"result\":{\"last\":4}}\n");
    assert_int_equal(e->asked, 4);
    free(heard);
    close(fd);
}

int main(void)
{
#define WITH_ENV(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_client_that_stays_goes_on_asking, set_up, tear_down),
        WITH_ENV(test_answer),
        WITH_ENV(test_piecemeal_and_interleaved),
        WITH_ENV(test_end_of_stream_ends_a_request),
        WITH_ENV(test_nonsense),
        WITH_ENV(test_long_request),
        WITH_ENV(test_slow_reader_blocks_nobody),
        WITH_ENV(test_too_many_clients),
        WITH_ENV(test_second_daemon),
        WITH_ENV(test_stale_socket_and_other_files),
        cmocka_unit_test(test_emit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
