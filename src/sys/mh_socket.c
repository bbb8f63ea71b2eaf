/* mh_socket.c: see mh_socket.h. */
#include "sys/mh_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOP_LIMIT 64
/* Room for the burst of a CMD whose MAARs all restart at once; the default holds some 200. */
#define RECEIVE_BUFFER (8 << 20)

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static struct sockaddr_in6 sockaddr_of(const struct gw_addr *a)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    memcpy(&sa.sin6_addr, a->b, sizeof a->b);
    return sa;
}

int gw_mh_open(const struct gw_addr *local)
{
    struct sockaddr_in6 sa = sockaddr_of(local);
    int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, GW_IPPROTO_MH);
    if (fd < 0)
        return GW_ESYS;
    /* For this protocol Linux verifies and fills in the checksum unless told not to. */
    if (set(fd, IPPROTO_IPV6, IPV6_CHECKSUM, -1) < 0 ||
        set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
        set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOP_LIMIT) < 0 ||
        bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0)
        goto fail;
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
        set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    return fd;
fail:;
    int saved = errno;
    close(fd);
    errno = saved;
    return GW_ESYS;
}

static void read_destination(struct msghdr *msg, struct gw_addr *out)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
            continue;
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof info);
        memcpy(out->b, &info.ipi6_addr, sizeof out->b);
    }
}

int gw_mh_recv(int fd, struct gw_mh_addrs *addrs, uint8_t *buf, size_t size)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct sockaddr_in6 from = {0};
    struct iovec iov = {buf, size};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof from,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? GW_ENOENT : GW_ESYS;
    *addrs = (struct gw_mh_addrs){0};
    memcpy(addrs->src.b, &from.sin6_addr, sizeof addrs->src.b);
    read_destination(&msg, &addrs->dst);
    return (int)n;
}

int gw_mh_send(int fd, const struct gw_mh_addrs *addrs, const uint8_t *data, size_t len)
{
    /* The socket is bound to the source, so only the destination is to be said. */
    struct sockaddr_in6 to = sockaddr_of(&addrs->dst);
    ssize_t n;
    do
        n = sendto(fd, data, len, 0, (const struct sockaddr *)&to, sizeof to);
    while (n < 0 && errno == EINTR);
    return n < 0 ? GW_ESYS : 0;
}
