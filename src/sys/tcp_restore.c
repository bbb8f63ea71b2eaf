/* tcp_restore.c: see tcp_move.h; a connection arrives.
 *
 * The order is the kernel's: sequence numbers while the socket is closed (they are those of the
 * queues' heads), then bind and connect, which in repair mode make it established without a packet,
 * then what the SYNs had agreed on, then the queues, which move the sequence numbers on, and last
 * the windows, which are judged by them.
 *
 * Decisions:
 * - TCP_MAXSEG before the connect: without it the kernel takes the segment size of a SYN that it
 * has never seen (1220) and looks at it again only when the path MTU changes.
 * - What had been sent but not acknowledged is put into the queue in repair mode, where the kernel
 *   takes it for sent; what had not been sent is written when the socket is itself again.
 * - The buffers are made larger than the queues and then given back to the kernel's own tuning,
 * unless the application had set them.
 */
#include "sys/tcp_int.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define SLACK      (64u << 10) /* octets of buffer beyond the queue */
#define MAXSEG_MAX 32767       /* the largest that TCP_MAXSEG takes; loopback has more */

/* ---- a connection without queues ---- */

/* The kernel doubles what it is told. */
static uint32_t half_of(uint32_t wanted, uint32_t queue)
{
    uint32_t least = queue + SLACK;
    return wanted / 2 > least ? wanted / 2 : least;
}

static int size_buffers(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    uint32_t out = half_of(s->sndbuf, s->send_len), in = half_of(s->rcvbuf, s->recv_len);
    /* FORCE asks for CAP_NET_ADMIN in the first user namespace, and is needed above
     * net.core.*mem_max only. */
    if ((gw_tcp_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)out) < 0 &&
         gw_tcp_set(fd, SOL_SOCKET, SO_SNDBUF, (int)out) < 0) ||
        (gw_tcp_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)in) < 0 &&
         gw_tcp_set(fd, SOL_SOCKET, SO_RCVBUF, (int)in) < 0))
        return gw_tcp_fail(why, GW_ESYS, "its buffers");
    return 0;
}

static int set_seq(int fd, int queue, uint32_t seq, struct gw_tcp_why *why)
{
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) < 0 ||
        gw_tcp_set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)seq) < 0)
        return gw_tcp_fail(why, GW_ESYS, "its sequence numbers");
    return 0;
}

static struct sockaddr_in6 end_of(const struct gw_addr *addr, uint16_t port)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&sa.sin6_addr, addr->b, sizeof addr->b);
    return sa;
}

static int join_ends(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    struct sockaddr_in6 local = end_of(&s->local, s->lport);
    struct sockaddr_in6 remote = end_of(&s->remote, s->rport);
    if (bind(fd, (const struct sockaddr *)&local, sizeof local) < 0)
        return gw_tcp_fail(why, errno == EADDRINUSE ? GW_EEXIST : GW_ESYS,
                           errno == EADDRNOTAVAIL ? "its address is not of this host"
                                                  : "its address and port");
    if (connect(fd, (const struct sockaddr *)&remote, sizeof remote) < 0)
        return gw_tcp_fail(why, errno == EADDRNOTAVAIL || errno == EADDRINUSE ? GW_EEXIST : GW_ESYS,
                           errno == EADDRNOTAVAIL ? "this connection is on this host already"
                                                  : "no way to its peer");
    return 0;
}

static int set_agreed(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    enum { MSS = 2, WINDOW = 3, SACK_PERMITTED = 4, TIMESTAMP = 8 }; /* kinds of TCP options */
    struct tcp_repair_opt opt[4];
    unsigned n = 0;
    opt[n++] = (struct tcp_repair_opt){MSS, s->mss};
    if (s->flags & GW_TCP_WSCALE)
        opt[n++] = (struct tcp_repair_opt){WINDOW, s->peer_wscale | (uint32_t)s->own_wscale << 16};
    if (s->flags & GW_TCP_SACK)
        opt[n++] = (struct tcp_repair_opt){SACK_PERMITTED, 0};
    if (s->flags & GW_TCP_TIMESTAMPS)
        opt[n++] = (struct tcp_repair_opt){TIMESTAMP, 0};
    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, opt, (socklen_t)(n * sizeof *opt)) < 0 ||
        gw_tcp_set(fd, IPPROTO_TCP, TCP_TIMESTAMP, (int)s->timestamp) < 0)
        return gw_tcp_fail(why, GW_ESYS, "its options");
    return 0;
}

/* ---- its queues ---- */

/* The kernel takes part of what it is given. */
static int fill(int fd, int queue, const uint8_t *octets, size_t len, struct gw_tcp_why *why)
{
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) < 0)
        return gw_tcp_fail(why, GW_ESYS, "TCP_REPAIR_QUEUE");
    while (len > 0) {
        ssize_t took = send(fd, octets, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took <= 0)
            return gw_tcp_fail(why, GW_ESYS,
                               queue == TCP_SEND_QUEUE ? "its send queue" : "its receive queue");
        octets += took;
        len -= (size_t)took;
    }
    return 0;
}

static int set_windows(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    const struct tcp_repair_window w = {.snd_wl1 = s->snd_wl1,
                                        .snd_wnd = s->snd_wnd,
                                        .max_window = s->max_window,
                                        .rcv_wnd = s->rcv_wnd,
                                        .rcv_wup = s->rcv_wup};
    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, sizeof w) < 0)
        return gw_tcp_fail(why, GW_ESYS, "its windows");
    return 0;
}

/* What this host does not have (a congestion control, an option) stays as it is here. */
static void set_options(int fd, const struct gw_tcp_state *s)
{
    gw_tcp_set(fd, IPPROTO_TCP, TCP_NODELAY, (s->flags & GW_TCP_NODELAY) != 0);
    gw_tcp_set(fd, SOL_SOCKET, SO_KEEPALIVE, (s->flags & GW_TCP_KEEPALIVE) != 0);
    if (s->keep_idle > 0)
        gw_tcp_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)s->keep_idle);
    if (s->keep_interval > 0)
        gw_tcp_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)s->keep_interval);
    if (s->keep_count > 0)
        gw_tcp_set(fd, IPPROTO_TCP, TCP_KEEPCNT, s->keep_count);
    if (s->user_timeout > 0)
        gw_tcp_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)s->user_timeout);
    if (s->unsent_low > 0)
        gw_tcp_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)s->unsent_low);
    gw_tcp_set(fd, IPPROTO_IPV6, IPV6_TCLASS, s->tclass);
    if (s->hops > 0)
        gw_tcp_set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, s->hops);
    if (s->congestion[0] != '\0')
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, s->congestion,
                   (socklen_t)strlen(s->congestion));
}

/* Is it what it should be? */
static int compare(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    struct gw_tcp_state is;
    int err = gw_tcp_look(fd, &is, why);
    if (err < 0)
        return err;
    if (is.recv_seq != s->recv_seq || is.recv_len != s->recv_len || is.send_seq != s->send_seq ||
        is.send_len != s->send_len - s->unsent_len || is.unsent_len != 0)
        return gw_tcp_fail(why, GW_EFORMAT, "the sequence numbers are not those that were dumped");
    if (is.snd_wl1 != s->snd_wl1 || is.snd_wnd != s->snd_wnd || is.rcv_wnd != s->rcv_wnd ||
        is.rcv_wup != s->rcv_wup || is.max_window != s->max_window)
        return gw_tcp_fail(why, GW_EFORMAT, "the windows are not those that were dumped");
    if (((is.flags ^ s->flags) & (GW_TCP_SACK | GW_TCP_TIMESTAMPS | GW_TCP_WSCALE)) != 0 ||
        is.peer_wscale != s->peer_wscale || is.own_wscale != s->own_wscale || is.mss != s->mss)
        return gw_tcp_fail(why, GW_EFORMAT, "the options are not those that were dumped");
    return 0;
}

static int check_fresh(int fd, struct gw_tcp_why *why)
{
    struct gw_tcp_state none = {0};
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int err = gw_tcp_name(fd, &none, why);
    if (err < 0 && err != GW_ESYS) /* GW_ESYS: it has no peer yet, as it should be */
        return err;
    if (err == 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || info.tcpi_state != 7)
        return gw_tcp_fail(why, GW_EINVAL, "it is no new socket");
    return 0;
}

static int establish(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    int err = size_buffers(fd, s, why);
    if (err == 0 &&
        (gw_tcp_deafen(fd) < 0 || gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON) < 0))
        err = gw_tcp_fail(why, GW_ESYS, "TCP_REPAIR");
    if (err == 0 &&
        gw_tcp_set(fd, IPPROTO_TCP, TCP_MAXSEG, s->mss < MAXSEG_MAX ? s->mss : MAXSEG_MAX) < 0)
        err = gw_tcp_fail(why, GW_ESYS, "its segment size");
    if (err == 0)
        err = set_seq(fd, TCP_RECV_QUEUE, s->recv_seq, why);
    if (err == 0)
        err = set_seq(fd, TCP_SEND_QUEUE, s->send_seq, why);
    if (err == 0)
        err = join_ends(fd, s, why);
    return err == 0 ? set_agreed(fd, s, why) : err;
}

int gw_tcp_restore(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    int err = check_fresh(fd, why);
    if (err == 0)
        err = establish(fd, s, why);
    if (err == 0)
        err = fill(fd, TCP_RECV_QUEUE, s->recv, s->recv_len, why);
    if (err == 0)
        err = fill(fd, TCP_SEND_QUEUE, s->send, s->send_len - s->unsent_len, why);
    if (err == 0)
        err = set_windows(fd, s, why);
    if (err < 0)
        return err;
    set_options(fd, s);
    return compare(fd, s, why);
}

int gw_tcp_go(int fd, const struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    const uint8_t *unsent = s->send + (s->send_len - s->unsent_len);
    size_t left = s->unsent_len;
    int err = gw_tcp_thaw(fd, why);
    if (err < 0)
        return err;
    while (left > 0) {
        ssize_t took = send(fd, unsent, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took <= 0)
            return gw_tcp_fail(why, GW_ESYS, "what it had not sent yet");
        unsent += took;
        left -= (size_t)took;
    }
    gw_tcp_set(fd, IPPROTO_TCP, TCP_CORK, (s->flags & GW_TCP_CORK) != 0);
    gw_tcp_set(fd, SOL_SOCKET, SO_BUF_LOCK,
               (s->flags & GW_TCP_SNDBUF_SET ? GW_SOCK_SNDBUF_LOCK : 0) |
                   (s->flags & GW_TCP_RCVBUF_SET ? GW_SOCK_RCVBUF_LOCK : 0));
    return 0;
}
