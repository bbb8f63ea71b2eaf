/* agent.c: libgodwit-instance's connection to the agent. See instance.h.
 *
 * Decisions:
 * - Writing waits (GWI_PATIENCE_S at most): the agent always reads, and a program that has to be
 * told when it may write would be more to get wrong than that. Reading never waits.
 * - A lost agent is not looked for by itself: the program knows its loop.
 */
#include "instance/instance.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static _Thread_local char last_error[GWI_TEXT];

int gwi_fail(gwi *g, int err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(g->error, sizeof g->error, fmt, args);
    va_end(args);
    return err;
}

const char *gwi_error(const gwi *g)
{
    return g != NULL ? g->error : last_error;
}

int gwi_fd(const gwi *g)
{
    return g->fd;
}

static void hang_up(gwi *g)
{
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
    g->nin = 0;
}

/* ---- frames out ---- */

static ssize_t send_part(gwi *g, struct iovec *iov, int fd)
{
    union {
        struct cmsghdr align;
        char octets[CMSG_SPACE(sizeof(int))];
    } control = {.octets = {0}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    if (fd >= 0) {
        msg.msg_control = control.octets;
        msg.msg_controllen = sizeof control.octets;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(g->fd, &msg, MSG_NOSIGNAL);
}

static void advance(struct iovec *iov, size_t n)
{
    for (size_t i = 0; i < 2; i++) {
        size_t part = n < iov[i].iov_len ? n : iov[i].iov_len;
        iov[i].iov_base = (char *)iov[i].iov_base + part;
        iov[i].iov_len -= part;
        n -= part;
    }
}

int gwi_send(gwi *g, const struct gw_frame *f, const void *octets, int fd)
{
    uint8_t head[GW_FRAME_HEAD];
    struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)octets, f->len}};
    if (g->fd < 0)
        return gwi_fail(g, -ENOTCONN, "there is no agent");
    gw_frame_write(f, head);
    while (iov[0].iov_len + iov[1].iov_len > 0) {
        ssize_t took = send_part(g, iov, fd);
        if (took < 0 && errno == EINTR)
            continue;
        if (took < 0) {
            /* Who is in the middle of something hears of it from the next gwi_dispatch. */
            shutdown(g->fd, SHUT_RDWR);
            return gwi_fail(g, -ENOTCONN, "the agent: %s", strerror(errno));
        }
        advance(iov, (size_t)took);
        fd = -1;
    }
    return 0;
}

int gwi_report(gwi *g, const struct gwi_report *r)
{
    struct gwi_report whole = GWI_REPORT_NONE;
    char text[1024];
    memcpy(&whole, r, r->size < sizeof whole ? r->size : sizeof whole);
    int len = gwi_report_text(&whole, text, sizeof text);
    if (len < 0)
        return gwi_fail(g, -EINVAL, "a report too long");
    return gwi_send(g, &(struct gw_frame){.type = GW_FRAME_REPORT, .len = (uint32_t)len}, text, -1);
}

int gwi_withdraw(gwi *g)
{
    return gwi_send(g, &(struct gw_frame){.type = GW_FRAME_WITHDRAW}, "", -1);
}

/* ---- frames in ---- */

static int take_frames(gwi *g)
{
    size_t at = 0;
    while (g->nin - at >= GW_FRAME_HEAD) {
        struct gw_frame f;
        if (gw_frame_read(g->in + at, &f) < 0)
            return gwi_fail(g, -EPROTO, "the agent sent no frame");
        if (g->nin - at < GW_FRAME_HEAD + f.len)
            break;
        gwi_handle(g, &f, g->in + at + GW_FRAME_HEAD);
        at += GW_FRAME_HEAD + f.len;
    }
    g->nin -= at;
    memmove(g->in, g->in + at, g->nin);
    return 0;
}

static int read_some(gwi *g)
{
    ssize_t got = recv(g->fd, g->in + g->nin, sizeof g->in - g->nin, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0)
        return gwi_fail(g, -ENOTCONN, "the agent has gone");
    g->nin += (size_t)got;
    return (int)got;
}

int gwi_dispatch(gwi *g)
{
    if (g->fd < 0)
        return -ENOTCONN;
    gwi_run_ready(g);
    int rc = 1;
    while (rc > 0) {
        rc = read_some(g);
        int bad = rc > 0 ? take_frames(g) : 0;
        rc = bad < 0 ? bad : rc;
    }
    if (rc == 0)
        return 0;
    hang_up(g);
    gwi_agent_lost(g);
    return -ENOTCONN;
}

/* ---- registration ---- */

static int dial(gwi *g)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = GWI_PATIENCE_S};
    if (strlen(g->path) >= sizeof sa.sun_path)
        return gwi_fail(g, -ENAMETOOLONG, "%s: too long for a socket", g->path);
    memcpy(sa.sun_path, g->path, strlen(g->path) + 1);
    g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (g->fd < 0 || connect(g->fd, (const struct sockaddr *)&sa, sizeof sa) < 0)
        return gwi_fail(g, -errno, "%s: %s", g->path, strerror(errno));
    setsockopt(g->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(g->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return 0;
}

/* One line, and nothing behind it: frames follow. */
static int read_line(gwi *g, char *line, size_t size)
{
    size_t n = 0;
    while (n < size - 1) {
        ssize_t got = recv(g->fd, line + n, 1, 0);
        if (got <= 0)
            return gwi_fail(g, got == 0 ? -ECONNRESET : -errno, "the agent does not answer");
        if (line[n++] == '\n')
            break;
    }
    line[n] = '\0';
    return 0;
}

static int enrol(gwi *g)
{
    char line[1024], why[GWI_TEXT] = "";
    int len = gwi_register_text(g, line, sizeof line);
    if (len < 0)
        return gwi_fail(g, -EINVAL, "a name or token too long");
    if (send(g->fd, line, (size_t)len, MSG_NOSIGNAL) != len)
        return gwi_fail(g, -errno, "the agent: %s", strerror(errno));
    int err = read_line(g, line, sizeof line);
    if (err == 0 && !gwi_answer_ok(line, why))
        err = gwi_fail(g, -EACCES, "%s", why);
    return err;
}

static int join(gwi *g)
{
    int err = dial(g);
    if (err == 0)
        err = enrol(g);
    if (err < 0)
        hang_up(g);
    return err;
}

int gwi_reconnect(gwi *g)
{
    if (g->fd >= 0)
        return 0;
    int err = join(g);
    if (err == 0)
        gwi_agent_found(g);
    return err;
}

static bool callbacks_whole(const struct gwi_callbacks *cb)
{
    return cb->size >= offsetof(struct gwi_callbacks, refused) && cb->begin_export != NULL &&
           cb->export_state != NULL && cb->release != NULL && cb->begin_import != NULL &&
           cb->import_state != NULL && cb->resume != NULL && cb->abandon != NULL;
}

static void free_all(gwi *g)
{
    free(g->path);
    free(g->name);
    free(g->token);
    free(g);
}

int gwi_open(gwi **out, const char *socket_path, const char *name, const char *token,
             const struct gwi_callbacks *callbacks, void *user)
{
    *out = NULL;
    last_error[0] = '\0';
    if (callbacks != NULL && !callbacks_whole(callbacks))
        return -EINVAL;
    gwi *g = calloc(1, sizeof *g);
    if (g == NULL)
        return -ENOMEM;
    *g = (gwi){.fd = -1, .path = strdup(socket_path), .name = strdup(name), .user = user};
    g->token = token != NULL ? strdup(token) : NULL;
    if (callbacks != NULL) {
        size_t size = callbacks->size < sizeof g->cb ? callbacks->size : sizeof g->cb;
        memcpy(&g->cb, callbacks, size);
        g->moves = true;
    }
    int err = g->path == NULL || g->name == NULL || (token != NULL && g->token == NULL) ? -ENOMEM
                                                                                        : join(g);
    if (err < 0) {
        memcpy(last_error, g->error, sizeof last_error);
        free_all(g);
        return err;
    }
    *out = g;
    return 0;
}

void gwi_close(gwi *g)
{
    if (g == NULL)
        return;
    if (g->fd >= 0)
        gwi_withdraw(g);
    hang_up(g);
    gwi_abandon_all(g);
    free_all(g);
}
