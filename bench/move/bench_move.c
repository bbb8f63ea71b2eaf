/* bench_move.c: how long an established TCP connection stands still when it moves from one host to
 * another with the same address (sys/tcp_move.h), while nobody on either side reads: its receive
 * queue and its send queue hold `size` octets each. The hosts are network namespaces that
 * lab/measure-tcp-move has made; the path is switched by a route of the router between them and the
 * client.
 *
 * What is not measured: carrying the octets from host to host (the transfer's own time); here they
 * stay in memory. After each move both queues are drained and compared.
 *
 * usage: bench-move CLIENT ROUTER OLD NEW CS-ID VIA-OLD VIA-NEW ROUNDS   (namespaces; IPv6
 * addresses) One line per move: size, and microseconds: freeze, dump, restore, switch, go, until
 * the first octet is read at the new host, until the first segment of the client is there.
 */
#include "base/text.h"
#include "sys/clock.h"
#include "sys/tcp_move.h"
#include "tcp_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT   8080
#define WINDOW 16384 /* of the client, so that the rest stays at the server */

enum place { CLIENT, ROUTER, OLD, NEW, PLACES };
enum stamp { BEGUN, FROZEN, DUMPED, RESTORED, SWITCHED, GONE, READ, HEARD, STAMPS };

struct bench {
    int ns[PLACES];
    struct gw_addr cs_id, via[PLACES];
    struct mnl_socket *routes; /* of the router */
    int listener, near, far;
    int64_t at[STAMPS];
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench-move: %s: %s\n", what, why);
    exit(1);
}

static void enter(const struct bench *b, enum place p)
{
    if (setns(b->ns[p], CLONE_NEWNET) < 0)
        die("namespace", strerror(errno));
}

static int tcp6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket", strerror(errno));
    return fd;
}

/* ---- the path ---- */

static void switch_to(struct bench *b, enum place p)
{
    char buf[512];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    h->nlmsg_type = RTM_NEWROUTE;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
    struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof *r);
    *r = (struct rtmsg){.rtm_family = AF_INET6,
                        .rtm_dst_len = 128,
                        .rtm_table = RT_TABLE_MAIN,
                        .rtm_protocol = RTPROT_STATIC,
                        .rtm_scope = RT_SCOPE_UNIVERSE,
                        .rtm_type = RTN_UNICAST};
    mnl_attr_put(h, RTA_DST, sizeof b->cs_id.b, b->cs_id.b);
    mnl_attr_put(h, RTA_GATEWAY, sizeof b->via[p].b, b->via[p].b);
    if (mnl_socket_sendto(b->routes, h, h->nlmsg_len) < 0)
        die("route", strerror(errno));
    ssize_t n = mnl_socket_recvfrom(b->routes, buf, sizeof buf);
    if (n < 0 || mnl_cb_run(buf, (size_t)n, 0, 0, NULL, NULL) < 0)
        die("route", strerror(errno));
}

/* ---- both queues ---- */

static void drain(int fd, size_t len, unsigned stream)
{
    const char *wrong = stream_drain(fd, 0, len, stream);
    if (wrong != NULL)
        die("reading", wrong);
}

static size_t queued(int fd, unsigned long which)
{
    int n = 0;
    if (ioctl(fd, which, &n) < 0)
        die("ioctl", strerror(errno));
    return (size_t)n;
}

static void connect_both(struct bench *b, int size)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int window = WINDOW, twice = size * 2;
    memcpy(&at.sin6_addr, b->cs_id.b, sizeof b->cs_id.b);
    enter(b, CLIENT);
    b->far = tcp6();
    setsockopt(b->far, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    setsockopt(b->far, SOL_SOCKET, SO_SNDBUFFORCE, &twice, sizeof twice);
    if (connect(b->far, (struct sockaddr *)&at, sizeof at) < 0)
        die("connect", strerror(errno));
    b->near = accept(b->listener, NULL, NULL);
    setsockopt(b->near, SOL_SOCKET, SO_SNDBUFFORCE, &twice, sizeof twice);
    setsockopt(b->near, SOL_SOCKET, SO_RCVBUFFORCE, &twice, sizeof twice);
}

/* Until `size` octets, to some percent, are in each queue of the server: how many were written. */
static size_t fill(const struct bench *b, size_t size, size_t *up)
{
    size_t down = 0;
    *up = stream_pour(b->far, 0, size, 2);
    for (unsigned i = 0; i < 2000 && queued(b->near, SIOCINQ) < *up; i++)
        usleep(500);
    /* The client takes what fits its window; the rest is what is asked for. */
    for (unsigned i = 0; i < 200 && queued(b->near, SIOCOUTQ) < size; i++) {
        down += stream_pour(b->near, down, size - queued(b->near, SIOCOUTQ), 1);
        usleep(2000);
    }
    if (queued(b->near, SIOCINQ) < *up || queued(b->near, SIOCOUTQ) < size)
        die("filling", "the queues did not fill");
    return down;
}

/* ---- a move ---- */

static void stamp(struct bench *b, enum stamp s)
{
    b->at[s] = gw_clock_mono().ns;
}

static void must(int err, const struct gw_tcp_why *why)
{
    if (err < 0)
        die(gw_err_name(err), why->text);
}

static uint32_t segments_in(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info.tcpi_segs_in;
}

static void move(struct bench *b)
{
    struct gw_tcp_why why;
    struct gw_tcp_state s;
    const char *wrong;
    uint8_t *blob, first;
    size_t len;
    enter(b, NEW);
    int fd = tcp6();
    stamp(b, BEGUN);
    must(gw_tcp_freeze(b->near, &why), &why);
    stamp(b, FROZEN);
    must(gw_tcp_dump(b->near, SIZE_MAX, &blob, &len, &why), &why);
    stamp(b, DUMPED);
    if (gw_tcp_state_read(blob, len, &s, &wrong) < 0)
        die("state", wrong);
    must(gw_tcp_restore(fd, &s, &why), &why);
    stamp(b, RESTORED);
    switch_to(b, NEW);
    stamp(b, SWITCHED);
    must(gw_tcp_go(fd, &s, &why), &why);
    stamp(b, GONE);
    if (recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
        die("first octet", strerror(errno));
    stamp(b, READ);
    while (segments_in(fd) == 0 && gw_clock_mono().ns - b->at[GONE] < 5000000000)
        ;
    stamp(b, HEARD);
    must(gw_tcp_bury(b->near, &why), &why);
    free(blob);
    close(b->near);
    b->near = fd;
}

static void round_of(struct bench *b, size_t size)
{
    size_t up, down;
    switch_to(b, OLD);
    connect_both(b, (int)size);
    down = fill(b, size, &up);
    move(b);
    printf("%zu", size);
    for (enum stamp s = FROZEN; s < STAMPS; s++)
        printf(" %.1f", (double)(b->at[s] - b->at[s > GONE ? BEGUN : s - 1]) / 1000);
    printf("\n");
    drain(b->far, down, 1);
    drain(b->near, up, 2);
    close(b->far);
    close(b->near);
}

/* ---- the beginning ---- */

static void open_all(struct bench *b, char **argv)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    char path[128];
    int one = 1;
    for (enum place p = CLIENT; p < PLACES; p++) {
        snprintf(path, sizeof path, "/run/netns/%s", argv[1 + p]);
        b->ns[p] = open(path, O_RDONLY | O_CLOEXEC);
        if (b->ns[p] < 0)
            die(path, strerror(errno));
    }
    if (gw_parse_addr(argv[5], &b->cs_id) < 0 || gw_parse_addr(argv[6], &b->via[OLD]) < 0 ||
        gw_parse_addr(argv[7], &b->via[NEW]) < 0)
        die("arguments", "an address is none");
    enter(b, ROUTER);
    b->routes = mnl_socket_open(NETLINK_ROUTE);
    if (b->routes == NULL || mnl_socket_bind(b->routes, 0, MNL_SOCKET_AUTOPID) < 0)
        die("netlink", strerror(errno));
    enter(b, OLD);
    b->listener = tcp6();
    setsockopt(b->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(b->listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(b->listener, 8) < 0)
        die("listener", strerror(errno));
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {16u << 10, 128u << 10, 1u << 20};
    static struct bench bench;
    if (argc != 9) {
        fprintf(stderr, "usage: bench-move CLIENT ROUTER OLD NEW CS-ID VIA-OLD VIA-NEW ROUNDS\n");
        return 2;
    }
    open_all(&bench, argv);
    for (unsigned long i = 0, n = strtoul(argv[8], NULL, 10); i < n; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            round_of(&bench, sizes[s]);
    return 0;
}
