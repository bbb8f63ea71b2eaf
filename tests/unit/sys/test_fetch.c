/* test_fetch.c: asking over TCP: a server of Python's http.server that answers, redirects, is slow,
 * says too much, or is not there; a listener that never accepts. On loopback, in this process's
 * loop.
 */
#include "sys/fetch.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct gw_addr loopback = {.b = {[15] = 1}};
static const char server[] =
    "import http.server, socket, time, sys\n"
    "class S(http.server.ThreadingHTTPServer):\n"
    "    address_family = socket.AF_INET6\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def log_message(self, *a): pass\n"
    "    def do_GET(self):\n"
    "        if self.path == '/slow': time.sleep(30)\n"
    "        size = {'/big': (1 << 20) + 1, '/most': 1 << 20}.get(self.path, 5)\n"
    "        self.send_response({'/moved': 302, '/bad': 503}.get(self.path, 200))\n"
    "        self.send_header('Location', '/slow')\n"
    "        self.send_header('Content-Length', str(size))\n"
    "        self.end_headers()\n"
    "        self.wfile.write(b'hello' if size == 5 else b'x' * size)\n"
    "s = S(('::1', 0), H)\n"
    "print(s.server_address[1], flush=True)\n"
    "s.serve_forever()\n";

struct env {
    uv_loop_t loop;
    struct gw_fetcher *f;
    pid_t pid;
    uint16_t port;
    unsigned ends;
    struct gw_fetch_result last;
    char why[128];
};

static void ended(void *user, const struct gw_fetch_result *r)
{
    struct env *e = user;
    e->ends++;
    e->last = *r;
    snprintf(e->why, sizeof e->why, "%s", r->why != NULL ? r->why : "");
    if (r->len == 5)
        assert_memory_equal(r->body, "hello", 5);
    e->last.body = NULL;
}

static void start_server(struct env *e)
{
    int out[2];
    char text[16] = "";
    assert_int_equal(pipe(out), 0);
    e->pid = fork();
    if (e->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        execl("/usr/bin/python3", "python3", "-c", server, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    assert_true(read(out[0], text, sizeof text - 1) > 0);
    close(out[0]);
    e->port = (uint16_t)strtoul(text, NULL, 10);
    assert_int_not_equal(e->port, 0);
}

static int set_up(void **state)
{
    struct env *e = calloc(1, sizeof *e);
    assert_non_null(e);
    start_server(e);
    assert_int_equal(uv_loop_init(&e->loop), 0);
    e->f = gw_fetcher_new(&e->loop, 4);
    assert_non_null(e->f);
    *state = e;
    return 0;
}

static int tear_down(void **state)
{
    struct env *e = *state;
    gw_fetcher_close(e->f);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&e->loop), 0); /* nothing is left behind */
    gw_fetcher_free(e->f);
    kill(e->pid, SIGKILL);
    waitpid(e->pid, NULL, 0);
    free(e);
    return 0;
}

static void ask(struct env *e, uint16_t port, const char *path, int64_t ms)
{
    unsigned before = e->ends;
    assert_non_null(gw_fetch_start(e->f, &loopback, port, path, GW_MSEC(ms), ended, e));
    while (e->ends == before && uv_run(&e->loop, UV_RUN_ONCE) != 0) {
    }
    assert_int_equal(e->ends, before + 1);
}

static void test_answers(void **state)
{
    struct env *e = *state;
    ask(e, e->port, "/", 20000);
    assert_true(e->last.ok);
    assert_int_equal(e->last.status, 200);
    assert_int_equal(e->last.len, 5);
    ask(e, e->port, "/moved", 20000); /* is not followed */
    assert_int_equal(e->last.status, 302);
    ask(e, e->port, "/bad", 20000);
    assert_true(e->last.ok);
    assert_int_equal(e->last.status, 503);
    ask(e, e->port, NULL, 20000);
    assert_true(e->last.ok);
    assert_int_equal(e->last.status, 0);
}

static void test_limits(void **state)
{
    struct env *e = *state;
    ask(e, e->port, "/most", 20000);
    assert_true(e->last.ok);
    assert_int_equal(e->last.len, GW_FETCH_BODY);
    ask(e, e->port, "/big", 20000);
    assert_false(e->last.ok);
    assert_int_equal(e->last.status, 200);
    assert_string_equal(e->why, "the answer is too long");
    ask(e, e->port, "/slow", 100);
    assert_false(e->last.ok);
    assert_non_null(strstr(e->why, "timed out"));
    for (int i = 0; i < 4; i++)
        assert_non_null(gw_fetch_start(e->f, &loopback, e->port, "/slow", GW_SEC(20), ended, e));
    assert_null(gw_fetch_start(e->f, &loopback, e->port, "/", GW_SEC(20), ended, e));
}

static void test_nobody_there(void **state)
{
    struct env *e = *state;
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    ask(e, ntohs(sa.sin6_port), NULL, 20000); /* bound, and nobody listens */
    assert_false(e->last.ok);
    assert_non_null(strstr(e->why, "refused"));
    assert_int_equal(listen(fd, 8), 0);
    ask(e, ntohs(sa.sin6_port), NULL, 20000); /* a connection opens by the kernel alone */
    assert_true(e->last.ok);
    ask(e, ntohs(sa.sin6_port), "/", 100);
    assert_false(e->last.ok);
    close(fd);
}

static void test_cancelled_ones_do_not_end(void **state)
{
    struct env *e = *state;
    for (int i = 0; i < 20; i++) {
        struct gw_fetch *x =
            gw_fetch_start(e->f, &loopback, e->port, "/slow", GW_SEC(20), ended, e);
        assert_non_null(x);
        for (int k = 0; k < i; k++)
            uv_run(&e->loop, UV_RUN_NOWAIT);
        gw_fetch_cancel(x);
    }
    gw_fetch_cancel(NULL);
    assert_int_equal(e->ends, 0);
    ask(e, e->port, "/", 20000);
    assert_int_equal(e->last.status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_ones_do_not_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
