/* test_stamp_socket.c: the UDP sockets of STAMP on loopback: what arrives says from where, with
 * which hop limit and when; a port where nobody listens refuses, and that does not disturb what
 * is sent and received otherwise.
 */
#include "sys/stamp_socket.h"

#include "sys/clock.h"
#include "wire/stamp.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct gw_addr loopback = {.b = {[15] = 1}};

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 sa = {0};
    socklen_t len = sizeof sa;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    return ntohs(sa.sin6_port);
}

static int wait_and_take(int fd, struct gw_stamp_arrival *a, uint8_t *buf)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    return gw_stamp_recv(fd, a, buf);
}

static void test_what_arrives_is_described(void **state)
{
    uint8_t buf[GW_STAMP_ROOM];
    struct gw_stamp_arrival a;
    int one = gw_stamp_open(&loopback, 0), two = gw_stamp_open(&loopback, 0);
    (void)state;
    assert_true(one >= 0 && two >= 0);
    assert_int_equal(gw_stamp_recv(two, &a, buf), GW_ENOENT);

    uint64_t before = gw_ntp_time(gw_clock_now().wall_ns);
    assert_int_equal(gw_stamp_send(one, &loopback, port_of(two), (const uint8_t *)"probe", 5), 0);
    assert_int_equal(wait_and_take(two, &a, buf), 5);
    uint64_t after = gw_ntp_time(gw_clock_now().wall_ns);

    assert_memory_equal(buf, "probe", 5);
    assert_true(gw_addr_eq(&a.from, &loopback));
    assert_int_equal(a.port, port_of(one));
    assert_int_equal(a.hop_limit, 255);
    assert_false(a.refused);
    /* 1 us: the format's last bits */
    assert_true(gw_stamp_span(before, a.received) > -1000);
    assert_true(gw_stamp_span(a.received, after) > -1000);
    close(one);
    close(two);
}

static void test_a_port_without_listener_refuses(void **state)
{
    uint8_t buf[GW_STAMP_ROOM];
    struct gw_stamp_arrival a;
    int one = gw_stamp_open(&loopback, 0), two = gw_stamp_open(&loopback, 0);
    uint16_t gone = port_of(two);
    (void)state;
    close(two);
    assert_int_equal(gw_stamp_send(one, &loopback, gone, (const uint8_t *)"a", 1), 0);
    assert_int_equal(wait_and_take(one, &a, buf), 0);
    assert_true(a.refused);
    assert_true(gw_addr_eq(&a.from, &loopback));
    assert_int_equal(a.port, gone);
    assert_int_equal(gw_stamp_recv(one, &a, buf), GW_ENOENT);
    close(one);
}

/* The error of one target must neither lose what is for another nor what came from it. */
static void test_a_refusal_disturbs_nobody_else(void **state)
{
    uint8_t buf[GW_STAMP_ROOM];
    struct gw_stamp_arrival a;
    int one = gw_stamp_open(&loopback, 0), two = gw_stamp_open(&loopback, 0);
    int three = gw_stamp_open(&loopback, 0);
    uint16_t gone = port_of(three);
    int refused = 0, taken = 0;
    (void)state;
    close(three);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(gw_stamp_send(one, &loopback, gone, (const uint8_t *)"x", 1), 0);
        assert_int_equal(gw_stamp_send(one, &loopback, port_of(two), (const uint8_t *)"y", 1), 0);
        assert_int_equal(gw_stamp_send(two, &loopback, port_of(one), (const uint8_t *)"z", 1), 0);
    }
    for (int n; (n = gw_stamp_recv(one, &a, buf)) >= 0;) {
        refused += a.refused;
        taken += n == 1 && buf[0] == 'z';
    }
    assert_int_equal(taken, 20);
    assert_in_range(refused, 1, 20); /* ICMPv6 errors have a rate */
    for (taken = 0; gw_stamp_recv(two, &a, buf) == 1; taken++)
        assert_int_equal(buf[0], 'y');
    assert_int_equal(taken, 20);
    close(one);
    close(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_arrives_is_described),
        cmocka_unit_test(test_a_port_without_listener_refuses),
        cmocka_unit_test(test_a_refusal_disturbs_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
