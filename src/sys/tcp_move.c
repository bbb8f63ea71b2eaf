/* tcp_move.c: see tcp_move.h; a connection leaves. tcp_restore.c: it arrives.
 *
 * Decisions:
 * - The path is blocked at the socket, by a classic BPF filter that takes nothing
 * (SO_ATTACH_FILTER): it belongs to this one connection, needs no rule that could be left behind,
 * and the kernel removes it with the socket.
 * - While it is frozen the repair queue stays the send queue. With any other one the kernel's
 * timers (tail loss probe, pacing) would go on sending what has been dumped as unsent, and the new
 * host would then be acknowledged octets that it has never sent, which it must ignore (RFC 9293
 * §3.10.7.4).
 * - What a dump consists of is read twice: if a packet was under way through TCP on another CPU
 * when the filter came, the numbers differ and the dump is taken again.
 */
#include "sys/tcp_int.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define DUMPS 4 /* at most, until two looks agree */

int gw_tcp_fail(struct gw_tcp_why *why, int err, const char *what)
{
    int saved = errno;
    if (err == GW_ESYS && (saved == EPERM || saved == EACCES))
        err = GW_EDENIED;
    if (err == GW_ESYS || err == GW_EDENIED)
        snprintf(why->text, sizeof why->text, "%s: %s", what, strerror(saved));
    else
        snprintf(why->text, sizeof why->text, "%s", what);
    errno = saved;
    return err;
}

int gw_tcp_get(int fd, int level, int name, uint32_t *value)
{
    socklen_t len = sizeof *value;
    *value = 0;
    return getsockopt(fd, level, name, value, &len);
}

int gw_tcp_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

int gw_tcp_read_seq(int fd, int queue, uint32_t *seq)
{
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) < 0)
        return -1;
    return gw_tcp_get(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq);
}

/* ---- may it travel? ---- */

static const char *const state_names[] = {
    "none",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV"};

static int read_info(int fd, struct tcp_info *info, struct gw_tcp_why *why)
{
    socklen_t len = sizeof *info;
    memset(info, 0, sizeof *info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0)
        return gw_tcp_fail(why, errno == EOPNOTSUPP ? GW_EINVAL : GW_ESYS, "it is no TCP socket");
    return 0;
}

static int check_kind(int fd, struct gw_tcp_why *why)
{
    uint32_t domain, type, protocol;
    if (gw_tcp_get(fd, SOL_SOCKET, SO_DOMAIN, &domain) < 0 ||
        gw_tcp_get(fd, SOL_SOCKET, SO_TYPE, &type) < 0 ||
        gw_tcp_get(fd, SOL_SOCKET, SO_PROTOCOL, &protocol) < 0)
        return gw_tcp_fail(why, errno == ENOTSOCK ? GW_EINVAL : GW_ESYS, "it is no socket");
    if (domain != AF_INET6 || type != SOCK_STREAM || protocol != IPPROTO_TCP)
        return gw_tcp_fail(why, GW_EINVAL,
                           protocol == IPPROTO_MPTCP
                               ? "it is an MPTCP socket, whose subflows cannot travel"
                               : "it is no TCP socket over IPv6");
    return 0;
}

static int check_state(int fd, struct gw_tcp_why *why)
{
    struct tcp_info info;
    int err = read_info(fd, &info, why);
    if (err < 0 || info.tcpi_state == 1)
        return err;
    snprintf(why->text, sizeof why->text, "its state is %s; only an established one can travel",
             info.tcpi_state < sizeof state_names / sizeof *state_names
                 ? state_names[info.tcpi_state]
                 : "not known");
    return GW_EINVAL;
}

/* What changes the meaning of the octets, or the way they are read. */
static int check_layers(int fd, struct gw_tcp_why *why)
{
    char ulp[32] = "";
    socklen_t len = sizeof ulp - 1;
    uint32_t peek;
    if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len) == 0 && len > 0 && ulp[0] != '\0') {
        snprintf(why->text, sizeof why->text,
                 "the kernel does \"%.16s\" on it, whose keys and records cannot travel", ulp);
        return GW_EINVAL;
    }
    len = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) < 0 || len > 0)
        return gw_tcp_fail(why, GW_EINVAL, "it has a socket filter of its own");
    if (gw_tcp_get(fd, SOL_SOCKET, SO_PEEK_OFF, &peek) == 0 && (int32_t)peek >= 0)
        return gw_tcp_fail(why, GW_EINVAL, "it is read with SO_PEEK_OFF");
    int mark = 0;
    if (ioctl(fd, SIOCATMARK, &mark) == 0 && mark != 0)
        return gw_tcp_fail(why, GW_EINVAL, "it has urgent data");
    return 0;
}

static int name_end(int fd, bool remote, struct gw_addr *addr, uint16_t *port)
{
    struct sockaddr_in6 sa = {0};
    socklen_t len = sizeof sa;
    int rc = remote ? getpeername(fd, (struct sockaddr *)&sa, &len)
                    : getsockname(fd, (struct sockaddr *)&sa, &len);
    if (rc < 0 || sa.sin6_family != AF_INET6)
        return -1;
    memcpy(addr->b, &sa.sin6_addr, sizeof addr->b);
    *port = ntohs(sa.sin6_port);
    return 0;
}

int gw_tcp_name(int fd, struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    int err = check_kind(fd, why);
    if (err == 0 && (name_end(fd, false, &s->local, &s->lport) < 0 ||
                     name_end(fd, true, &s->remote, &s->rport) < 0))
        err = gw_tcp_fail(why, GW_ESYS, "its addresses");
    return err;
}

static int check_names(int fd, struct gw_tcp_why *why)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct gw_tcp_state s = {0};
    int err = gw_tcp_name(fd, &s, why);
    if (err < 0)
        return err;
    if (memcmp(s.local.b, mapped, sizeof mapped) == 0)
        return gw_tcp_fail(why, GW_EINVAL, "it is an IPv4 connection");
    if (gw_addr_is_link_local(&s.local) || gw_addr_is_link_local(&s.remote))
        return gw_tcp_fail(why, GW_EINVAL, "its addresses are link-local, so of one link only");
    return 0;
}

int gw_tcp_movable(int fd, struct gw_tcp_why *why)
{
    int err = check_kind(fd, why);
    if (err == 0)
        err = check_state(fd, why);
    if (err == 0)
        err = check_names(fd, why);
    return err == 0 ? check_layers(fd, why) : err;
}

bool gw_tcp_same_host(int a, int b)
{
    uint64_t of_a = 0, of_b = 0;
    socklen_t len = sizeof of_a;
    return getsockopt(a, SOL_SOCKET, SO_NETNS_COOKIE, &of_a, &len) == 0 &&
           getsockopt(b, SOL_SOCKET, SO_NETNS_COOKIE, &of_b, &len) == 0 && of_a == of_b;
}

/* ---- frozen ---- */

int gw_tcp_deafen(int fd)
{
    struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_fprog program = {.len = 1, .filter = none};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static void hear(int fd)
{
    int none = 0;
    setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none);
}

bool gw_tcp_frozen(int fd)
{
    uint32_t on;
    return gw_tcp_get(fd, IPPROTO_TCP, TCP_REPAIR, &on) == 0 && on != 0;
}

int gw_tcp_freeze(int fd, struct gw_tcp_why *why)
{
    int err = gw_tcp_movable(fd, why);
    if (err < 0)
        return err;
    /* An ACK that is owed leaves now: who goes on does not know of it, and the window probe that it
     * begins with is too old a segment for its peer to take an acknowledgement from. First while it
     * hears, for the peer may answer with what it held back (RFC 896). */
    gw_tcp_set(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
    if (gw_tcp_deafen(fd) < 0)
        return gw_tcp_fail(why, GW_ESYS, "a filter on it");
    gw_tcp_set(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON) < 0) {
        err = gw_tcp_fail(why, GW_ESYS, "TCP_REPAIR");
        hear(fd);
        return err;
    }
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE) < 0)
        err = gw_tcp_fail(why, GW_ESYS, "TCP_REPAIR_QUEUE");
    if (err == 0)
        err = check_state(fd, why); /* it may have ended just before */
    if (err < 0) {
        struct gw_tcp_why other;
        gw_tcp_thaw(fd, &other);
    }
    return err;
}

/* TCP_REPAIR takes the socket's SO_REUSEADDR away when it is switched off; a listener that begins
 * anew wants it on all that came from it. */
int gw_tcp_thaw(int fd, struct gw_tcp_why *why)
{
    hear(fd);
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF) < 0)
        return gw_tcp_fail(why, GW_ESYS, "TCP_REPAIR");
    gw_tcp_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return 0;
}

/* Nothing may end it before it is closed: an ended one would be answered for with RST. What it
 * still sends again are octets that its peer discards as old. */
int gw_tcp_bury(int fd, struct gw_tcp_why *why)
{
    if (!gw_tcp_frozen(fd))
        return gw_tcp_fail(why, GW_EINVAL, "it is not frozen");
    gw_tcp_set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    gw_tcp_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
    return 0;
}

/* ---- dump ---- */

static int look_at_queues(int fd, struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    int in, out, unsent;
    uint32_t end_in, end_out;
    if (gw_tcp_read_seq(fd, TCP_RECV_QUEUE, &end_in) < 0 || ioctl(fd, SIOCINQ, &in) < 0 ||
        gw_tcp_read_seq(fd, TCP_SEND_QUEUE, &end_out) < 0 || ioctl(fd, SIOCOUTQ, &out) < 0 ||
        ioctl(fd, SIOCOUTQNSD, &unsent) < 0)
        return gw_tcp_fail(why, GW_ESYS, "its queues");
    if (in < 0 || out < 0 || unsent < 0 || unsent > out)
        return gw_tcp_fail(why, GW_EFORMAT, "its queues: the kernel's numbers disagree");
    s->recv_len = (uint32_t)in;
    s->send_len = (uint32_t)out;
    s->unsent_len = (uint32_t)unsent;
    s->recv_seq = end_in - (uint32_t)in;
    s->send_seq = end_out - (uint32_t)out;
    return 0;
}

static int look_at_protocol(int fd, struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    struct tcp_repair_window w;
    struct tcp_info info;
    socklen_t len = sizeof w;
    uint32_t mss;
    int err = read_info(fd, &info, why);
    if (err < 0)
        return err;
    if (gw_tcp_get(fd, IPPROTO_TCP, TCP_MAXSEG, &mss) < 0 ||
        gw_tcp_get(fd, IPPROTO_TCP, TCP_TIMESTAMP, &s->timestamp) < 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, &len) < 0)
        return gw_tcp_fail(why, GW_ESYS, "its windows and options");
    s->mss = (uint16_t)mss;
    s->flags = (uint16_t)((info.tcpi_options & TCPI_OPT_SACK ? GW_TCP_SACK : 0) |
                          (info.tcpi_options & TCPI_OPT_TIMESTAMPS ? GW_TCP_TIMESTAMPS : 0) |
                          (info.tcpi_options & TCPI_OPT_WSCALE ? GW_TCP_WSCALE : 0));
    s->peer_wscale = info.tcpi_snd_wscale & 15;
    s->own_wscale = info.tcpi_rcv_wscale & 15;
    s->snd_wl1 = w.snd_wl1;
    s->snd_wnd = w.snd_wnd;
    s->max_window = w.max_window;
    s->rcv_wnd = w.rcv_wnd;
    s->rcv_wup = w.rcv_wup;
    return 0;
}

static void take_flag(int fd, int level, int name, uint16_t flag, struct gw_tcp_state *s)
{
    uint32_t on;
    if (gw_tcp_get(fd, level, name, &on) == 0 && on != 0)
        s->flags |= flag;
}

/* What an older kernel does not know stays 0: the default. */
static void look_at_options(int fd, struct gw_tcp_state *s)
{
    uint32_t value;
    socklen_t len = sizeof s->congestion - 1;
    take_flag(fd, IPPROTO_TCP, TCP_NODELAY, GW_TCP_NODELAY, s);
    take_flag(fd, IPPROTO_TCP, TCP_CORK, GW_TCP_CORK, s);
    take_flag(fd, SOL_SOCKET, SO_KEEPALIVE, GW_TCP_KEEPALIVE, s);
    gw_tcp_get(fd, IPPROTO_TCP, TCP_KEEPIDLE, &s->keep_idle);
    gw_tcp_get(fd, IPPROTO_TCP, TCP_KEEPINTVL, &s->keep_interval);
    if (gw_tcp_get(fd, IPPROTO_TCP, TCP_KEEPCNT, &value) == 0)
        s->keep_count = (uint16_t)value;
    gw_tcp_get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &s->user_timeout);
    gw_tcp_get(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &s->unsent_low);
    gw_tcp_get(fd, SOL_SOCKET, SO_SNDBUF, &s->sndbuf);
    gw_tcp_get(fd, SOL_SOCKET, SO_RCVBUF, &s->rcvbuf);
    if (gw_tcp_get(fd, SOL_SOCKET, SO_BUF_LOCK, &value) == 0)
        s->flags |= (uint16_t)((value & GW_SOCK_SNDBUF_LOCK ? GW_TCP_SNDBUF_SET : 0) |
                               (value & GW_SOCK_RCVBUF_LOCK ? GW_TCP_RCVBUF_SET : 0));
    if (gw_tcp_get(fd, IPPROTO_IPV6, IPV6_TCLASS, &value) == 0)
        s->tclass = (uint8_t)value;
    if (gw_tcp_get(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &value) == 0 && value < 256)
        s->hops = (uint8_t)value;
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, s->congestion, &len);
}

int gw_tcp_look(int fd, struct gw_tcp_state *s, struct gw_tcp_why *why)
{
    *s = (struct gw_tcp_state){0};
    int err = gw_tcp_name(fd, s, why);
    if (err == 0)
        err = look_at_protocol(fd, s, why);
    if (err == 0)
        err = look_at_queues(fd, s, why);
    if (err == 0)
        look_at_options(fd, s);
    return err;
}

/* Without taking anything out. */
static int copy_queue(int fd, int queue, uint8_t *to, size_t len, struct gw_tcp_why *why)
{
    if (len == 0)
        return 0;
    if (gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue) < 0)
        return gw_tcp_fail(why, GW_ESYS, "TCP_REPAIR_QUEUE");
    ssize_t got = recv(fd, to, len, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0)
        return gw_tcp_fail(why, GW_ESYS, "its queues");
    return (size_t)got == len ? 0 : GW_EAGAIN;
}

static bool is_same(const struct gw_tcp_state *a, const struct gw_tcp_state *b)
{
    return a->recv_seq == b->recv_seq && a->recv_len == b->recv_len && a->send_seq == b->send_seq &&
           a->send_len == b->send_len && a->unsent_len == b->unsent_len &&
           a->snd_wnd == b->snd_wnd && a->rcv_wnd == b->rcv_wnd;
}

/* GW_EAGAIN: it changed meanwhile. */
static int dump_once(int fd, size_t most, uint8_t **blob, size_t *len, struct gw_tcp_why *why)
{
    struct gw_tcp_state s, after = {0};
    int err = gw_tcp_look(fd, &s, why);
    if (err < 0)
        return err;
    *len = gw_tcp_state_size(&s);
    if (*len > most || s.recv_len > GW_TCP_QUEUE_MAX || s.send_len > GW_TCP_QUEUE_MAX)
        return gw_tcp_fail(why, GW_EFULL, "its queues are longer than the limit");
    uint8_t *buf = *blob = malloc(*len);
    if (buf == NULL)
        return gw_tcp_fail(why, GW_ENOMEM, "no memory for its queues");
    s.recv = buf + GW_TCP_STATE_HEAD;
    s.send = s.recv + s.recv_len;
    err = copy_queue(fd, TCP_RECV_QUEUE, buf + GW_TCP_STATE_HEAD, s.recv_len, why);
    if (err == 0)
        err = copy_queue(fd, TCP_SEND_QUEUE, buf + GW_TCP_STATE_HEAD + s.recv_len, s.send_len, why);
    if (err == 0)
        err = gw_tcp_look(fd, &after, why);
    if (err == 0 && !is_same(&s, &after))
        err = GW_EAGAIN;
    if (err == 0)
        gw_tcp_state_write(&s, buf);
    return err;
}

int gw_tcp_dump(int fd, size_t most, uint8_t **blob, size_t *len, struct gw_tcp_why *why)
{
    int err = GW_EAGAIN;
    *blob = NULL;
    if (!gw_tcp_frozen(fd))
        return gw_tcp_fail(why, GW_EINVAL, "it is not frozen");
    for (unsigned i = 0; i < DUMPS && err == GW_EAGAIN; i++) {
        free(*blob);
        *blob = NULL;
        err = dump_once(fd, most, blob, len, why);
    }
    if (err == GW_EAGAIN)
        gw_tcp_fail(why, err, "it changes while it is frozen");
    /* Whatever happened, nothing may leave by itself. */
    gw_tcp_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
    if (err < 0) {
        free(*blob);
        *blob = NULL;
    }
    return err;
}
