/* nd_socket.c: see nd_socket.h. A classic BPF filter keeps everything but ND out of user space;
 * it is in place before the socket is bound, so that no other packet slips in. Bound to IPv6 and
 * not to all protocols: Linux then asks the socket after the packet path (tc), about what that
 * left over, instead of about every packet.
 */
#include "sys/nd_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#define OFF_NEXT_HEADER (ETH_HLEN + 6)
#define OFF_TYPE        (ETH_HLEN + 40) /* no extension header: RFC 6980, RFC 4861 §6.1 */
#define ICMPV6          58
#define ND_FIRST        133
#define ND_LAST         136
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static int attach_filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 6),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF_NEXT_HEADER),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMPV6, 0, 4),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF_TYPE),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ND_FIRST, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ND_LAST, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, GW_ND_FRAME_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog prog = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog);
}

static int configure(int fd, unsigned ifindex)
{
    int on = 1;
    struct packet_mreq promisc = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};
    struct sockaddr_ll sa = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6), .sll_ifindex = (int)ifindex};
    if (attach_filter(fd) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof promisc) < 0)
        return GW_ESYS;
    /* Saves filter runs; older kernels get by with the check in gw_nd_recv. */
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    return bind(fd, (const struct sockaddr *)&sa, sizeof sa) < 0 ? GW_ESYS : 0;
}

int gw_nd_open(unsigned ifindex)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return GW_ESYS;
    if (configure(fd, ifindex) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return GW_ESYS;
}

int gw_nd_recv(int fd, uint8_t buf[static GW_ND_FRAME_MAX], struct gw_nd_frame *out)
{
    struct sockaddr_ll from = {0};
    socklen_t from_len = sizeof from;
    ssize_t n;
    do
        n = recvfrom(fd, buf, GW_ND_FRAME_MAX, 0, (struct sockaddr *)&from, &from_len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? GW_ENOENT : GW_ESYS;
    if (n < ETH_HLEN + 40 || from.sll_pkttype == PACKET_OUTGOING)
        return 0;
    size_t len = (size_t)n - ETH_HLEN;
    size_t said = 40 + ((size_t)buf[ETH_HLEN + 4] << 8 | buf[ETH_HLEN + 5]);
    *out = (struct gw_nd_frame){
        .src = {.len = ETH_ALEN}, .packet = buf + ETH_HLEN, .len = said < len ? said : len};
    memcpy(out->src.b, buf + ETH_ALEN, ETH_ALEN);
    return 1;
}

int gw_nd_send(int fd, const struct gw_lladdr *src, const struct gw_lladdr *dst,
               const uint8_t *packet, size_t len)
{
    uint8_t frame[GW_ND_FRAME_MAX];
    ssize_t n;
    if (src->len != ETH_ALEN || dst->len != ETH_ALEN || len > sizeof frame - ETH_HLEN)
        return GW_EINVAL;
    memcpy(frame, dst->b, ETH_ALEN);
    memcpy(frame + ETH_ALEN, src->b, ETH_ALEN);
    frame[12] = ETH_P_IPV6 >> 8;
    frame[13] = ETH_P_IPV6 & 0xff;
    memcpy(frame + ETH_HLEN, packet, len);
    do
        n = send(fd, frame, ETH_HLEN + len, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? GW_ESYS : 0;
}
