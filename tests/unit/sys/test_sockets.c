/* test_sockets.c: the raw and packet sockets on real links, in a network namespace of this
 * process's own: what reaches the node, what does not, and what leaves. Needs root; skipped
 * without.
 */
#include "sys/icmp.h"
#include "sys/mh_socket.h"
#include "sys/nd_socket.h"
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const links[] = {
    "ip link set lo up",
    "ip link add a0 type veth peer name b0",
    "ip link set a0 address 02:00:00:00:00:0a",
    "ip link set b0 address 02:00:00:00:00:0b",
    "ip link set a0 up",
    "ip link set b0 up",
};
static const struct gw_addr local = {.b = {[15] = 1}}; /* ::1 */
static bool isolated;

static void sh(const char *command)
{
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static int set_up(void **state)
{
    (void)state;
    isolated = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
    if (!isolated)
        return 0;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        sh(links[i]);
    gw_sysctl_ipv6("a0", "disable_ipv6", "1");
    gw_sysctl_ipv6("b0", "disable_ipv6", "1");
    return 0;
}

static void need_namespace(void)
{
    if (!isolated)
        skip();
}

static bool wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 5000) == 1;
}

static void test_mh_with_a_bad_checksum_arrives(void **state)
{
    (void)state;
    need_namespace();
    const uint8_t mh[16] = {59, 1, 5, 0, 0xde, 0xad, 0, 1};
    const struct gw_mh_addrs to_self = {.src = local, .dst = local};
    struct gw_mh_addrs addrs;
    uint8_t buf[GW_MH_MAX + 8];
    int fd = gw_mh_open(&local);
    assert_true(fd >= 0);
    assert_int_equal(gw_mh_recv(fd, &addrs, buf, sizeof buf), GW_ENOENT);
    assert_int_equal(gw_mh_send(fd, &to_self, mh, sizeof mh), 0);
    assert_true(wait_for(fd));
    assert_int_equal(gw_mh_recv(fd, &addrs, buf, sizeof buf), sizeof mh);
    assert_memory_equal(buf, mh, sizeof mh); /* not filled in when sent, nor dropped when read */
    assert_true(gw_addr_eq(&addrs.src, &local));
    assert_true(gw_addr_eq(&addrs.dst, &local));
    close(fd);
}

static void test_mh_needs_its_address(void **state)
{
    (void)state;
    need_namespace();
    const struct gw_addr foreign = {.b = {0x20, 1, 0xd, 0xb8, [15] = 9}};
    assert_int_equal(gw_mh_open(&foreign), GW_ESYS);
    assert_int_equal(errno, EADDRNOTAVAIL);
}

static void test_param_problem_leaves(void **state)
{
    (void)state;
    need_namespace();
    const uint8_t mh[8] = {6, 0, 5};
    const struct gw_mh_addrs addrs = {.src = local, .dst = local};
    uint8_t msg[GW_ICMP_MAX], buf[2048];
    int in = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), out = gw_icmp_open(&local);
    assert_true(in >= 0 && out >= 0);
    size_t len = gw_icmp_param_problem(&addrs, 0, mh, sizeof mh, msg);
    assert_int_equal(gw_icmp_send(out, &local, msg, len), 0);
    assert_true(wait_for(in));
    assert_int_equal(recv(in, buf, sizeof buf, 0), len);
    assert_memory_equal(buf + 4, msg + 4, len - 4);
    assert_int_equal(gw_ip6_checksum(&addrs, IPPROTO_ICMPV6, msg, len),
                     (uint16_t)(buf[2] << 8 | buf[3])); /* the kernel has filled it in */
    close(in);
    close(out);
}

/* An IPv6 packet of len octets behind its header, with an ICMPv6 type. */
static size_t packet(uint8_t *out, uint8_t next, uint8_t type, uint8_t len)
{
    memset(out, 0, 40u + len);
    out[0] = 0x60;
    out[5] = len;
    out[6] = next;
    out[7] = 255;
    out[40] = type;
    return 40u + len;
}

static void test_nd_filter(void **state)
{
    (void)state;
    need_namespace();
    static const struct {
        uint8_t next, type;
    } cases[] = {{58, 132}, {17, 134}, {58, 137}, {58, 128}, {58, 133}, {58, 136}};
    const struct gw_lladdr from = {6, {2, 0, 0, 0, 0, 0x0b}}, to = {6, {2, 0, 0, 0, 0x99, 0x99}};
    uint8_t frame[GW_ND_FRAME_MAX], p[128];
    struct gw_nd_frame got;
    int rx = gw_nd_open(if_nametoindex("a0")), tx = gw_nd_open(if_nametoindex("b0"));
    assert_true(rx >= 0 && tx >= 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(gw_nd_send(tx, &from, &to, p, packet(p, cases[i].next, cases[i].type, 8)),
                         0);
    /* The first four are no ND; the last two are, although for nobody's link-layer address. */
    for (size_t i = 4; i < 6; i++) {
        assert_true(wait_for(rx));
        assert_int_equal(gw_nd_recv(rx, frame, &got), 1);
        assert_int_equal(got.packet[40], cases[i].type);
        assert_int_equal(got.len, 48); /* without the padding of a short frame */
        assert_true(gw_lladdr_eq(&got.src, &from));
    }
    assert_int_equal(gw_nd_recv(rx, frame, &got), GW_ENOENT);
    assert_int_equal(gw_nd_recv(tx, frame, &got), GW_ENOENT); /* what it sent itself */
    close(rx);
    close(tx);
}

static void test_nd_survives_a_link_set_down(void **state)
{
    (void)state;
    need_namespace();
    const struct gw_lladdr from = {6, {2, 0, 0, 0, 0, 0x0b}}, to = {6, {2, 0, 0, 0, 0, 0x0a}};
    uint8_t frame[GW_ND_FRAME_MAX], p[128];
    struct gw_nd_frame got;
    int rx = gw_nd_open(if_nametoindex("a0")), tx = gw_nd_open(if_nametoindex("b0"));
    sh("ip link set a0 down");
    assert_true(wait_for(rx));
    assert_int_equal(gw_nd_recv(rx, frame, &got), GW_ESYS);
    assert_int_equal(errno, ENETDOWN);
    sh("ip link set a0 up");
    /* The other end gets its carrier back some time later, and loses frames until then. */
    struct pollfd p_rx = {.fd = rx, .events = POLLIN};
    for (int i = 0; i < 100 && poll(&p_rx, 1, 50) == 0; i++)
        gw_nd_send(tx, &from, &to, p, packet(p, 58, 133, 8));
    assert_int_equal(gw_nd_recv(rx, frame, &got), 1);
    close(rx);
    close(tx);
}

static void note_carrier(void *user, const struct gw_nl_event *ev)
{
    bool *up = user;
    if (ev->ifindex == if_nametoindex("b0"))
        *up = ev->kind == GW_NL_CARRIER_UP;
}

static void wait_carrier(int fd, bool *state, bool want)
{
    for (int i = 0; *state != want && i < 50 && wait_for(fd); i++)
        assert_int_equal(gw_nl_dispatch(fd, note_carrier, state), 0);
    assert_true(*state == want);
}

static void test_carrier_events(void **state)
{
    (void)state;
    need_namespace();
    bool up = false;
    int fd = gw_nl_open();
    assert_true(fd >= 0);
    assert_int_equal(gw_nl_links(note_carrier, &up), 0);
    assert_true(up);
    sh("ip link set a0 down");
    wait_carrier(fd, &up, false);
    sh("ip link set a0 up");
    wait_carrier(fd, &up, true);
    close(fd);
}

static bool has_route(const char *prefix, int protocol)
{
    char command[128];
    snprintf(command, sizeof command, "ip -6 route show proto %d | grep -q '^unreachable %s '",
             protocol, prefix);
    return system(command) == 0; /* NOLINT(cert-env33-c) */
}

static bool route_is_there(const char *prefix)
{
    return has_route(prefix, GW_NL_RTPROT);
}

static void test_pool_routes(void **state)
{
    (void)state;
    need_namespace();
    const struct gw_prefix pools[] = {{.addr.b = {0x20, 1, 0x0d, 0xb8, 0x10}, .len = 48},
                                      {.addr.b = {0x20, 1, 0x0d, 0xb8, 0x20}, .len = 44}};
    sh("ip -6 route add unreachable 2001:db8:3000::/48"); /* not ours */
    assert_int_equal(gw_nl_pool_routes(pools, 2), 0);
    assert_int_equal(gw_nl_pool_routes(pools, 2), 0);
    assert_true(route_is_there("2001:db8:1000::/48") && route_is_there("2001:db8:2000::/44"));
    assert_int_equal(gw_nl_pool_routes(pools + 1, 1), 0);
    assert_true(!route_is_there("2001:db8:1000::/48") && route_is_there("2001:db8:2000::/44"));
    assert_int_equal(gw_nl_pool_routes(NULL, 0), 0);
    assert_false(route_is_there("2001:db8:2000::/44"));
    sh("ip -6 route show type unreachable | grep -q 2001:db8:3000::/48");
}

/* Those of pools stay as they are; what an earlier process left goes when all are said to be there.
 */
static void test_service_routes(void **state)
{
    (void)state;
    need_namespace();
    const struct gw_prefix pool = {.addr.b = {0x20, 1, 0x0d, 0xb8, 0x10}, .len = 48};
    const struct gw_prefix list[] = {{.addr.b = {0x20, 1, 0x0d, 0xb8, 0, 5, [15] = 1}, .len = 128},
                                     {.addr.b = {0x20, 1, 0x0d, 0xb8, 0, 5, [15] = 2}, .len = 128}};
    assert_int_equal(gw_nl_pool_routes(&pool, 1), 0);
    assert_int_equal(gw_nl_service_routes(list, 1, true), 0);
    assert_int_equal(gw_nl_service_routes(list + 1, 1, false), 0);
    assert_true(has_route("2001:db8:5::1", GW_NL_RTPROT_SERVICES));
    assert_true(has_route("2001:db8:5::2", GW_NL_RTPROT_SERVICES));
    assert_int_equal(gw_nl_service_routes(list + 1, 1, true), 0);
    assert_false(has_route("2001:db8:5::1", GW_NL_RTPROT_SERVICES));
    assert_true(has_route("2001:db8:5::2", GW_NL_RTPROT_SERVICES));
    assert_int_equal(gw_nl_service_routes(NULL, 0, true), 0);
    assert_false(has_route("2001:db8:5::2", GW_NL_RTPROT_SERVICES));
    assert_true(route_is_there("2001:db8:1000::/48"));
    assert_int_equal(gw_nl_pool_routes(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mh_with_a_bad_checksum_arrives),
        cmocka_unit_test(test_mh_needs_its_address),
        cmocka_unit_test(test_param_problem_leaves),
        cmocka_unit_test(test_nd_filter),
        cmocka_unit_test(test_nd_survives_a_link_set_down),
        cmocka_unit_test(test_carrier_events),
        cmocka_unit_test(test_pool_routes),
        cmocka_unit_test(test_service_routes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
