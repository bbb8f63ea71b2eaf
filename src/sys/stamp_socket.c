/* stamp_socket.c: see stamp_socket.h. Linux queues the ICMPv6 errors of an unconnected socket and
 * beside that fails the next call with one; that call is done again, the queue is read.
 */
#include "sys/stamp_socket.h"

#include "sys/clock.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants struct timespec */

#define HOP_LIMIT   255
#define ERRORS_MAX  64 /* of the queue, looked at in one call */
#define RETRIES_MAX 8

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

int gw_stamp_open(const struct gw_addr *local, uint16_t port)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return GW_ESYS;
    memcpy(&sa.sin6_addr, local->b, sizeof local->b);
    if (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0 &&
        set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT) == 0 &&
        set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) == 0 &&
        set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) == 0 &&
        set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0 &&
        bind(fd, (const struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return GW_ESYS;
}

static void read_control(struct msghdr *msg, struct gw_stamp_arrival *a)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
            int hops;
            memcpy(&hops, CMSG_DATA(c), sizeof hops);
            a->hop_limit = (uint8_t)hops;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec ts;
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            a->received = gw_ntp_time((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR) {
            struct sock_extended_err e;
            struct sockaddr_in6 by;
            if (c->cmsg_len < CMSG_LEN(sizeof e + sizeof by))
                continue;
            memcpy(&e, CMSG_DATA(c), sizeof e);
            memcpy(&by, CMSG_DATA(c) + sizeof e, sizeof by); /* SO_EE_OFFENDER */
            a->refused = e.ee_origin == SO_EE_ORIGIN_ICMP6 && e.ee_type == ICMP6_DST_UNREACH &&
                         e.ee_code == ICMP6_DST_UNREACH_NOPORT &&
                         memcmp(&by.sin6_addr, a->from.b, sizeof a->from.b) == 0;
        }
    }
}

/* As recvmsg; flags may be MSG_ERRQUEUE. */
static ssize_t take(int fd, int flags, struct gw_stamp_arrival *a, uint8_t *buf)
{
    _Alignas(struct cmsghdr) uint8_t control[512];
    struct sockaddr_in6 from = {0};
    struct iovec iov = {buf, GW_STAMP_ROOM};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof from,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &msg, flags);
    if (n < 0)
        return n;
    *a = (struct gw_stamp_arrival){.port = ntohs(from.sin6_port)};
    memcpy(a->from.b, &from.sin6_addr, sizeof a->from.b);
    read_control(&msg, a);
    if (a->received == 0)
        a->received = gw_ntp_time(gw_clock_now().wall_ns);
    return n;
}

int gw_stamp_recv(int fd, struct gw_stamp_arrival *a, uint8_t buf[static GW_STAMP_ROOM])
{
    for (int i = 0; i < ERRORS_MAX && take(fd, MSG_ERRQUEUE, a, buf) >= 0; i++)
        if (a->refused)
            return 0;
    for (int i = 0; i < RETRIES_MAX; i++) {
        ssize_t n = take(fd, 0, a, buf);
        if (n >= 0)
            return (int)n;
        if (errno == EAGAIN)
            return GW_ENOENT;
    }
    return GW_ESYS;
}

int gw_stamp_send(int fd, const struct gw_addr *to, uint16_t port, const uint8_t *data, size_t len)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&sa.sin6_addr, to->b, sizeof to->b);
    for (int i = 0; i < RETRIES_MAX; i++) {
        if (sendto(fd, data, len, 0, (const struct sockaddr *)&sa, sizeof sa) >= 0)
            return 0;
        if (errno != ECONNREFUSED && errno != EINTR)
            break; /* else it is the error about an earlier packet */
    }
    return GW_ESYS;
}
