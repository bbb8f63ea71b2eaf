/* agent_link.c: the connection that an instance keeps open to its agent, once it has registered
 * with
 * {"frames": 1} (agent_socket.c): frames of wire/instance.h in both directions, and descriptors
 * from the instance. What it says of itself counts as on the other ways (agent_say.c); what it says
 * of moves is agent_move.c's.
 *
 * Decisions:
 * - One instance has one such connection; a new one takes the place of the old one, whose process
 * may have been killed without the agent's knowing.
 * - Whoever breaks the framing is cut off: nothing can be read behind it.
 * - Not libuv's own pipes: it makes streams of received descriptors and sets them to non-blocking,
 * which the instance, who has the same open file, would notice.
 */
#include "daemon/agent_link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void turned(uv_poll_t *poll, int status, int events);

static struct gwd_instance *instance_of(const struct gwd_line *l)
{
    struct gwd_agent *a = l->agent;
    for (size_t i = 0; i < a->n; i++)
        if (gw_addr_eq(&a->instances[i].csci_id, &l->csci_id))
            return &a->instances[i];
    return NULL;
}

struct gwd_line *gwd_line_of(struct gwd_agent *a, const struct gw_addr *csci_id)
{
    for (struct gwd_line *l = a->links; l != NULL; l = l->next)
        if (gw_addr_eq(&l->csci_id, csci_id))
            return l;
    return NULL;
}

/* ---- its end ---- */

static void freed(uv_handle_t *handle)
{
    free(handle->data);
}

void gwd_line_close(struct gwd_line *l)
{
    struct gwd_agent *a = l->agent;
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        a->links = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    for (size_t i = 0; i < l->nfds; i++)
        close(l->fds[i]);
    while (l->out != NULL) {
        struct gwd_out *next = l->out->next;
        free(l->out);
        l->out = next;
    }
    uv_poll_stop(&l->poll);
    close(l->fd);
    uv_close((uv_handle_t *)&l->poll, freed);
    gwd_move_link_gone(l);
}

static void cut_off(struct gwd_line *l, const char *why)
{
    const struct gwd_instance *x = instance_of(l);
    l->agent->daemon->count.agent_malformed++;
    gw_log(&l->agent->daemon->logger.log, GW_LOG_WARN, GW_CAT_NODE, "instance-cut-off", "%s: %s",
           x != NULL ? gwd_instance_cfg(x)->name : "an instance", why);
    gwd_line_close(l);
}

/* ---- to the instance ---- */

/* false: it is gone; the loop will hear of that by itself. */
static bool write_some(struct gwd_line *l)
{
    while (l->out != NULL) {
        struct gwd_out *o = l->out;
        ssize_t took = send(l->fd, o->octets + o->at, o->len - o->at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (took < 0)
            return errno == EAGAIN || errno == EINTR;
        o->at += (size_t)took;
        if (o->at < o->len)
            continue;
        l->out = o->next;
        free(o);
    }
    l->out_last = NULL;
    return true;
}

static void watch(struct gwd_line *l)
{
    uv_poll_start(&l->poll, UV_READABLE | (l->out != NULL ? UV_WRITABLE : 0), turned);
}

/* Without memory the frame is lost, and the move's patience ends. */
void gwd_line_send(struct gwd_line *l, const struct gw_frame *f, const void *octets)
{
    struct gwd_out *o = malloc(sizeof *o + GW_FRAME_HEAD + f->len);
    if (o == NULL)
        return;
    *o = (struct gwd_out){.len = GW_FRAME_HEAD + f->len};
    gw_frame_write(f, o->octets);
    if (f->len > 0)
        memcpy(o->octets + GW_FRAME_HEAD, octets, f->len);
    if (l->out != NULL)
        l->out_last->next = o;
    else
        l->out = o;
    l->out_last = o;
    write_some(l);
    watch(l);
}

static void answer(struct gwd_line *l, const char *problem)
{
    uint8_t octets[512];
    size_t len = strnlen(problem, sizeof octets - 1);
    octets[0] = *problem != '\0';
    memcpy(octets + 1, problem, len);
    gwd_line_send(l, &(struct gw_frame){.type = GW_FRAME_ANSWER, .len = (uint32_t)len + 1}, octets);
}

/* ---- from the instance ---- */

static void say(struct gwd_line *l, enum gwd_verb verb, const uint8_t *octets, size_t len)
{
    struct gwd_instance *x = instance_of(l);
    json_t *why = NULL, *body = NULL;
    json_error_t error;
    if (x == NULL) {
        answer(l, "the configuration is another one now");
        return;
    }
    if (verb == GWD_REPORT &&
        (body = json_loadb((const char *)octets, len, JSON_REJECT_DUPLICATES, &error)) == NULL) {
        l->agent->daemon->count.agent_malformed++;
        answer(l, "not JSON");
        return;
    }
    enum gwd_said said = gwd_instance_say(x, verb, body, &why);
    answer(l, said == GWD_SAID ? "" : json_string_value(why));
    json_decref(body);
    json_decref(why);
}

/* The first descriptor that no frame has had yet; -1: none. */
static int next_fd(struct gwd_line *l)
{
    if (l->nfds == 0)
        return -1;
    int fd = l->fds[0];
    memmove(l->fds, l->fds + 1, --l->nfds * sizeof *l->fds);
    return fd;
}

static bool known(uint8_t type)
{
    return type >= GW_FRAME_REPORT && type <= GW_FRAME_GIVE;
}

static void handle(struct gwd_line *l, const struct gw_frame *f, const uint8_t *octets)
{
    bool brings = f->type == GW_FRAME_GIVE || f->type == GW_FRAME_THAW;
    int fd = brings ? next_fd(l) : -1;
    if (f->type == GW_FRAME_REPORT)
        say(l, GWD_REPORT, octets, f->len);
    else if (f->type == GW_FRAME_WITHDRAW)
        say(l, GWD_WITHDRAW, NULL, 0);
    else if (f->type == GW_FRAME_THAW)
        gwd_move_thaw(l, octets, f->len, fd);
    else
        gwd_move_frame(l, f, octets, fd);
}

/* NULL, or why it is cut off. */
static const char *take_frames(struct gwd_line *l)
{
    size_t at = 0;
    const char *why = NULL;
    while (why == NULL && l->nin - at >= GW_FRAME_HEAD) {
        struct gw_frame f;
        if (gw_frame_read(l->in + at, &f) < 0 || !known(f.type))
            why = "a frame that is none";
        else if (l->nin - at < GW_FRAME_HEAD + f.len)
            break;
        else if ((f.type == GW_FRAME_GIVE || f.type == GW_FRAME_THAW) && l->nfds == 0)
            why = "a frame without its descriptor";
        else {
            handle(l, &f, l->in + at + GW_FRAME_HEAD);
            at += GW_FRAME_HEAD + f.len;
        }
    }
    l->nin -= at;
    memmove(l->in, l->in + at, l->nin);
    return why;
}

/* Descriptors that have no room are closed by who sees that they are too many. */
static bool keep_fds(struct gwd_line *l, struct msghdr *msg)
{
    bool room = (msg->msg_flags & MSG_CTRUNC) == 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (l->nfds < GWD_LINE_FDS)
                l->fds[l->nfds++] = fd;
            else
                room = (close(fd), false);
        }
    }
    return room;
}

/* 1: something came; 0: nothing now; -1: it is gone; -2: too many descriptors. */
static int read_some(struct gwd_line *l)
{
    union {
        struct cmsghdr align;
        char octets[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = l->in + l->nin, .iov_len = sizeof l->in - l->nin};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.octets,
                         .msg_controllen = sizeof control.octets};
    ssize_t got = recvmsg(l->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (!keep_fds(l, &msg))
        return -2;
    l->nin += (size_t)got;
    return got > 0 ? 1 : -1;
}

static void turned(uv_poll_t *poll, int status, int events)
{
    struct gwd_line *l = poll->data;
    if (status < 0 || ((events & UV_WRITABLE) != 0 && !write_some(l))) {
        gwd_line_close(l);
        return;
    }
    int rc = (events & UV_READABLE) != 0 ? read_some(l) : 0;
    if (rc == -1) {
        gwd_line_close(l);
        return;
    }
    const char *why = rc == -2 ? "too many descriptors" : take_frames(l);
    if (why != NULL)
        cut_off(l, why);
    else
        watch(l);
}

void gwd_line_open(struct gwd_agent *a, const struct gw_addr *csci_id, int fd)
{
    struct gwd_line *old = gwd_line_of(a, csci_id), *l = calloc(1, sizeof *l);
    if (l == NULL || uv_poll_init(&a->daemon->loop, &l->poll, fd) < 0) {
        free(l);
        close(fd);
        return;
    }
    if (old != NULL)
        gwd_line_close(old);
    l->agent = a;
    l->csci_id = *csci_id;
    l->fd = fd;
    l->poll.data = l;
    l->next = a->links;
    if (l->next != NULL)
        l->next->prev = l;
    a->links = l;
    a->daemon->count.agent_links++;
    watch(l);
}
