/* test_tcp_move.c: real connections over the loopback of a network namespace of their own leave one
 * socket and go on in another. The peer is an ordinary socket of this process: it must see nothing
 * of it. Between two hosts, with a path that is switched: tests/e2e/test_tcp_move.py.
 */
#include "sys/tcp_move.h"
#include "tcp_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct pair {
    int listener, near, far; /* far: the peer, which never travels */
    struct gw_tcp_why why;
};

static int tcp6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static struct sockaddr_in6 loopback(uint16_t port)
{
    return (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(port)};
}

/* far: the peer's receive buffer, which must be small before it offers a window; 0: as it comes. */
static struct pair connected_to(int far)
{
    struct pair p = {.listener = tcp6(), .far = tcp6()};
    struct sockaddr_in6 at = loopback(0);
    socklen_t len = sizeof at;
    assert_int_equal(bind(p.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(p.listener, 1), 0);
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&at, &len), 0);
    if (far > 0)
        setsockopt(p.far, SOL_SOCKET, SO_RCVBUF, &far, sizeof far);
    assert_int_equal(connect(p.far, (struct sockaddr *)&at, sizeof at), 0);
    p.near = accept(p.listener, NULL, NULL);
    assert_true(p.near >= 0);
    return p;
}

static struct pair connected(void)
{
    return connected_to(0);
}

static void end(struct pair *p)
{
    close(p->near);
    close(p->far);
    close(p->listener);
}

/* Reads exactly that much and compares it. */
static void drain(int fd, size_t from, size_t len, unsigned stream)
{
    const char *wrong = stream_drain(fd, from, len, stream);
    if (wrong != NULL)
        fail_msg("%s", wrong);
}

static void assert_ok(int err, const struct gw_tcp_why *why)
{
    if (err != 0)
        fail_msg("%s: %s", gw_err_name(err), why->text);
}

static struct gw_tcp_state parse(const uint8_t *blob, size_t len)
{
    struct gw_tcp_state s;
    const char *why;
    if (gw_tcp_state_read(blob, len, &s, &why) < 0)
        fail_msg("%s", why);
    return s;
}

/* The whole way; the peer must not send anything between the two sockets. */
static struct gw_tcp_state move(struct pair *p)
{
    uint8_t *blob;
    size_t len;
    assert_ok(gw_tcp_freeze(p->near, &p->why), &p->why);
    assert_ok(gw_tcp_dump(p->near, SIZE_MAX, &blob, &len, &p->why), &p->why);
    struct gw_tcp_state s = parse(blob, len);
    close(p->near);
    p->near = tcp6();
    assert_ok(gw_tcp_restore(p->near, &s, &p->why), &p->why);
    assert_ok(gw_tcp_go(p->near, &s, &p->why), &p->why);
    free(blob);
    s.recv = s.send = NULL;
    return s;
}

static int queued(int fd, unsigned long what)
{
    int n;
    assert_int_equal(ioctl(fd, what, &n), 0);
    return n;
}

static void set_buffers(int fd, int size)
{
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* What both sides have sent, and nobody has read, is there, and it goes on both ways. */
static void move_with(size_t size)
{
    struct pair p = connected_to(16384);
    int twice = (int)size * 2;
    set_buffers(p.near, twice);
    setsockopt(p.far, SOL_SOCKET, SO_SNDBUFFORCE, &twice, sizeof twice);
    size_t down = stream_pour(p.near, 0, SIZE_MAX, 1), up = stream_pour(p.far, 0, size, 2);
    assert_int_equal(up, size);
    struct gw_tcp_state s = move(&p);
    assert_true(s.recv_len > 0 && s.send_len >= size);
    down += stream_pour(p.near, down, 1000, 1);
    drain(p.far, 0, down, 1);
    drain(p.near, 0, up, 2);
    stream_pour(p.far, up, 5000, 2);
    drain(p.near, up, 5000, 2);
    end(&p);
}

static void test_filled_queues(void **state)
{
    (void)state;
    move_with(16u << 10);
    move_with(128u << 10);
    move_with(1u << 20);
}

static void test_again_and_again(void **state)
{
    struct pair p = connected();
    size_t down = 0, up = 0;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        down += stream_pour(p.near, down, 3000, 1);
        up += stream_pour(p.far, up, 2000, 2);
        move(&p);
    }
    drain(p.far, 0, down, 1);
    drain(p.near, 0, up, 2);
    end(&p);
}

static void test_what_was_agreed_on_and_set(void **state)
{
    struct pair p = connected();
    int mss = option(p.near, IPPROTO_TCP, TCP_MAXSEG), seconds = 77, ms = 12345, on = 1, many = 4;
    (void)state;
    setsockopt(p.near, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(p.near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(p.near, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    setsockopt(p.near, IPPROTO_TCP, TCP_KEEPCNT, &many, sizeof many);
    setsockopt(p.near, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
    struct gw_tcp_state s = move(&p);
    assert_int_equal(s.flags & (GW_TCP_SACK | GW_TCP_TIMESTAMPS | GW_TCP_WSCALE),
                     GW_TCP_SACK | GW_TCP_TIMESTAMPS | GW_TCP_WSCALE);
    assert_int_equal(option(p.near, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(p.near, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(p.near, IPPROTO_TCP, TCP_KEEPIDLE), seconds);
    assert_int_equal(option(p.near, IPPROTO_TCP, TCP_KEEPCNT), many);
    assert_int_equal(option(p.near, IPPROTO_TCP, TCP_USER_TIMEOUT), ms);
    assert_int_equal(option(p.near, IPPROTO_TCP, TCP_MAXSEG), mss);
    assert_false(gw_tcp_frozen(p.near));
    end(&p);
}

/* A frozen socket neither takes nor sends; thawed it does both, and nothing is lost. */
static void test_it_did_not_work(void **state)
{
    struct pair p = connected();
    uint8_t *blob;
    size_t len;
    (void)state;
    for (unsigned dump = 0; dump < 2; dump++) {
        assert_ok(gw_tcp_freeze(p.near, &p.why), &p.why);
        assert_true(gw_tcp_frozen(p.near));
        if (dump) {
            assert_ok(gw_tcp_dump(p.near, SIZE_MAX, &blob, &len, &p.why), &p.why);
            free(blob);
        }
        stream_pour(p.far, 1000 * dump, 1000, 2);
        assert_int_equal(queued(p.near, FIONREAD), 0);
        assert_ok(gw_tcp_thaw(p.near, &p.why), &p.why);
        assert_false(gw_tcp_frozen(p.near));
        stream_pour(p.near, 1000 * dump, 1000, 1);
        drain(p.near, 1000 * dump, 1000, 2);
        drain(p.far, 1000 * dump, 1000, 1);
    }
    end(&p);
}

/* Whoever sends to a buried connection hears neither RST nor acknowledgement. */
static void test_buried(void **state)
{
    struct pair p = connected();
    uint8_t *blob;
    size_t len;
    (void)state;
    assert_int_equal(gw_tcp_bury(p.near, &p.why), GW_EINVAL);
    assert_ok(gw_tcp_freeze(p.near, &p.why), &p.why);
    assert_ok(gw_tcp_dump(p.near, SIZE_MAX, &blob, &len, &p.why), &p.why);
    assert_ok(gw_tcp_bury(p.near, &p.why), &p.why);
    stream_pour(p.far, 0, 100, 2);
    struct pollfd silence = {.fd = p.far, .events = POLLIN};
    assert_int_equal(poll(&silence, 1, 50), 0);
    close(p.near); /* and nobody hears of that */
    assert_int_equal(poll(&silence, 1, 0), 0);
    free(blob);
    p.near = -1;
    end(&p);
}

static void refuse(int fd, const char *what)
{
    struct gw_tcp_why why = {""};
    assert_int_equal(gw_tcp_freeze(fd, &why), GW_EINVAL);
    if (strstr(why.text, what) == NULL)
        fail_msg("\"%s\" does not name \"%s\"", why.text, what);
    assert_false(gw_tcp_frozen(fd));
}

static void test_refused_states(void **state)
{
    struct pair p = connected();
    int fresh = tcp6(), udp = socket(AF_INET6, SOCK_DGRAM, 0),
        old = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;
    refuse(p.listener, "LISTEN");
    refuse(fresh, "CLOSE");
    refuse(udp, "no TCP");
    refuse(old, "no TCP socket over IPv6");
    refuse(STDIN_FILENO, "no socket");
    stream_pour(p.far, 0, 10, 2);
    shutdown(p.far, SHUT_WR);
    struct pollfd wait = {.fd = p.near, .events = POLLRDHUP};
    assert_int_equal(poll(&wait, 1, STREAM_PATIENCE_MS), 1);
    refuse(p.near, "CLOSE_WAIT");
    stream_pour(p.near, 0, 10, 1);
    shutdown(p.near, SHUT_WR);
    refuse(p.near, "state is");
    close(fresh);
    close(udp);
    close(old);
    end(&p);
}

static void test_refused_layers(void **state)
{
    struct pair p = connected();
    (void)state;
    if (setsockopt(p.near, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0)
        refuse(p.near, "tls");
    else
        print_message("this kernel has no TLS: not tried\n");
    refuse(p.near, setsockopt(p.far, SOL_SOCKET, SO_PEEK_OFF, &(int){0}, sizeof(int)) == 0 &&
                           setsockopt(p.near, SOL_SOCKET, SO_PEEK_OFF, &(int){0}, sizeof(int)) == 0
                       ? "SO_PEEK_OFF"
                       : "tls");
    end(&p);
}

static void test_too_long_queues(void **state)
{
    struct pair p = connected();
    uint8_t *blob;
    size_t len, up = stream_pour(p.far, 0, 5000, 2);
    (void)state;
    assert_ok(gw_tcp_freeze(p.near, &p.why), &p.why);
    assert_int_equal(gw_tcp_dump(p.near, 4096, &blob, &len, &p.why), GW_EFULL);
    assert_null(blob);
    assert_ok(gw_tcp_thaw(p.near, &p.why), &p.why);
    drain(p.near, 0, up, 2);
    end(&p);
}

/* While the first one is open, this connection is here already; and only a new socket will do. */
static void test_refused_restores(void **state)
{
    struct pair p = connected(), q = connected();
    uint8_t *blob;
    size_t len;
    int second = tcp6();
    (void)state;
    assert_ok(gw_tcp_freeze(p.near, &p.why), &p.why);
    assert_ok(gw_tcp_dump(p.near, SIZE_MAX, &blob, &len, &p.why), &p.why);
    struct gw_tcp_state s = parse(blob, len);
    assert_int_equal(gw_tcp_restore(second, &s, &p.why), GW_EEXIST);
    close(second);
    assert_int_equal(gw_tcp_restore(q.near, &s, &p.why), GW_EINVAL);
    second = tcp6();
    s.local.b[0] = 0x20; /* not of this host */
    assert_int_equal(gw_tcp_restore(second, &s, &p.why), GW_ESYS);
    assert_non_null(strstr(p.why.text, "not of this host"));
    close(second);
    assert_ok(gw_tcp_thaw(p.near, &p.why), &p.why);
    stream_pour(p.near, 0, 10, 1);
    drain(p.far, 0, 10, 1);
    free(blob);
    end(&p);
    end(&q);
}

/* In a user namespace that does not own the socket's network namespace. */
static void test_without_privilege(void **state)
{
    struct pair p = connected();
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct gw_tcp_why why;
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(2);
        _exit(gw_tcp_freeze(p.near, &why) == GW_EDENIED && !gw_tcp_frozen(p.near) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    stream_pour(p.far, 0, 10, 2);
    drain(p.near, 0, 10, 2); /* it is not deaf */
    end(&p);
}

/* A namespace of its own, and the privilege in it, also for who is not root. */
static int set_up(void **state)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    (void)state;
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return -1;
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    int rc = ioctl(fd, SIOCSIFFLAGS, &lo);
    lo.ifr_mtu = 1500; /* as on a link: TCP_MAXSEG does not take what loopback has */
    rc |= ioctl(fd, SIOCSIFMTU, &lo);
    close(fd);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filled_queues),
        cmocka_unit_test(test_again_and_again),
        cmocka_unit_test(test_what_was_agreed_on_and_set),
        cmocka_unit_test(test_it_did_not_work),
        cmocka_unit_test(test_buried),
        cmocka_unit_test(test_refused_states),
        cmocka_unit_test(test_refused_layers),
        cmocka_unit_test(test_too_long_queues),
        cmocka_unit_test(test_refused_restores),
        cmocka_unit_test(test_without_privilege),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
