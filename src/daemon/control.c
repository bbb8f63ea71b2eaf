/* control.c: see control.h. */
#include "daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct gwd_client {
    uv_pipe_t pipe;
    uv_timer_t patience;
    uv_write_t write;
    struct gwd_control *control;
    struct gwd_client *next, *prev;
    char *answer;
    size_t used;
    size_t taken; /* of `used`: the request that is being answered */
    struct gwd_asker who;
    unsigned handles; /* open ones; the client is freed with the last */
    char request[GWD_CONTROL_REQUEST_MAX];
};

json_t *gwd_answer_ok(json_t *result)
{
    return result != NULL ? json_pack("{s:b, s:o}", "ok", 1, "result", result)
                          : json_pack("{s:b}", "ok", 1);
}

json_t *gwd_answer_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    json_t *error = json_vsprintf(fmt, args);
    va_end(args);
    return json_pack("{s:b, s:o}", "ok", 0, "error",
                     error != NULL ? error : json_string("not UTF-8"));
}

static void client_closed(uv_handle_t *handle)
{
    struct gwd_client *cl = handle->data;
    if (--cl->handles > 0)
        return;
    free(cl->answer);
    free(cl);
}

static void client_close(struct gwd_client *cl)
{
    struct gwd_control *c = cl->control;
    if (uv_is_closing((uv_handle_t *)&cl->pipe))
        return;
    if (cl->prev != NULL)
        cl->prev->next = cl->next;
    else
        c->first = cl->next;
    if (cl->next != NULL)
        cl->next->prev = cl->prev;
    c->clients--;
    uv_close((uv_handle_t *)&cl->patience, client_closed);
    uv_close((uv_handle_t *)&cl->pipe, client_closed);
}

static void out_of_patience(uv_timer_t *timer)
{
    client_close(timer->data);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void received(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
static void ask(struct gwd_client *cl, size_t len);

/* The next request may be there already. */
static void go_on(struct gwd_client *cl)
{
    free(cl->answer);
    cl->answer = NULL;
    cl->used -= cl->taken;
    memmove(cl->request, cl->request + cl->taken, cl->used);
    const char *end = memchr(cl->request, '\n', cl->used);
    uv_timer_stop(&cl->patience);
    if (end != NULL)
        ask(cl, (size_t)(end - cl->request));
    else if (uv_read_start((uv_stream_t *)&cl->pipe, give_buffer, received) < 0)
        client_close(cl);
}

static void hand_over(struct gwd_client *cl)
{
    uv_os_fd_t fd;
    int other = cl->used == cl->taken && uv_fileno((uv_handle_t *)&cl->pipe, &fd) == 0
                    ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
                    : -1;
    if (other >= 0)
        cl->who.take(cl->control->user, &cl->who, other);
    client_close(cl);
}

static void written(uv_write_t *write, int status)
{
    struct gwd_client *cl = write->data;
    if (status == 0 && cl->who.take != NULL && !uv_is_closing((uv_handle_t *)&cl->pipe))
        hand_over(cl);
    else if (status == 0 && cl->who.stays && !uv_is_closing((uv_handle_t *)&cl->pipe))
        go_on(cl);
    else /* whoever left does not want the answer */
        client_close(cl);
}

/* Steals answer. */
static void respond(struct gwd_client *cl, json_t *answer)
{
    uv_read_stop((uv_stream_t *)&cl->pipe);
    cl->answer = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (cl->answer == NULL) {
        client_close(cl);
        return;
    }
    /* The newline takes the place of the terminating NUL. */
    size_t len = strlen(cl->answer);
    cl->answer[len] = '\n';
    uv_buf_t buf = {.base = cl->answer, .len = len + 1};
    cl->write.data = cl;
    uv_timer_start(&cl->patience, out_of_patience, GWD_CONTROL_PATIENCE_MS, 0);
    if (uv_write(&cl->write, (uv_stream_t *)&cl->pipe, &buf, 1, written) < 0)
        client_close(cl);
}

json_t *gwd_control_answer(const struct gwd_control *c, struct gwd_asker *who, const char *text,
                           size_t len)
{
    json_error_t error;
    json_t *req = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error), *answer;

    if (req == NULL)
        answer = gwd_answer_error("not JSON: %s", error.text);
    else if (!json_is_object(req))
        answer = gwd_answer_error("a request is a JSON object");
    else
        answer = c->handle(c->user, who, req);
    json_decref(req);
    return answer;
}

static void ask(struct gwd_client *cl, size_t len)
{
    cl->taken = len < cl->used ? len + 1 : len;
    respond(cl, gwd_control_answer(cl->control, &cl->who, cl->request, len));
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct gwd_client *cl = handle->data;
    (void)suggested;
    buf->base = cl->request + cl->used;
    buf->len = sizeof cl->request - cl->used;
}

static void received(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct gwd_client *cl = stream->data;
    (void)buf;
    if (n == UV_EOF && cl->used > 0) {
        ask(cl, cl->used); /* the newline may be missing when the client has closed its side */
    } else if (n == UV_ENOBUFS) {
        cl->who.stays = false;
        respond(cl, gwd_answer_error("request longer than %d octets", GWD_CONTROL_REQUEST_MAX));
    } else if (n < 0) {
        client_close(cl);
    } else {
        const char *end = memchr(cl->request + cl->used, '\n', (size_t)n);
        cl->used += (size_t)n;
        if (end != NULL)
            ask(cl, (size_t)(end - cl->request));
    }
}

static uint32_t uid_of(const uv_pipe_t *pipe)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)pipe, &fd) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return UINT32_MAX;
    return cred.uid;
}

static void client_start(struct gwd_control *c, struct gwd_client *cl)
{
    cl->next = c->first;
    if (cl->next != NULL)
        cl->next->prev = cl;
    c->first = cl;
    c->clients++;
    cl->control = c;
    if (uv_accept((uv_stream_t *)&c->listener, (uv_stream_t *)&cl->pipe) < 0 ||
        c->clients > GWD_CONTROL_CLIENTS ||
        uv_read_start((uv_stream_t *)&cl->pipe, give_buffer, received) < 0) {
        client_close(cl);
        return;
    }
    cl->who.uid = uid_of(&cl->pipe);
    uv_timer_start(&cl->patience, out_of_patience, GWD_CONTROL_PATIENCE_MS, 0);
}

static void connected(uv_stream_t *listener, int status)
{
    struct gwd_control *c = listener->data;
    struct gwd_client *cl = status == 0 ? calloc(1, sizeof *cl) : NULL;
    if (cl == NULL)
        return;
    uv_pipe_init(listener->loop, &cl->pipe, 0);
    uv_timer_init(listener->loop, &cl->patience);
    cl->pipe.data = cl->patience.data = cl;
    cl->handles = 2;
    client_start(c, cl);
}

/* Makes room at the path: 0, or why not. */
static int clear_path(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : GW_ESYS;
    if (!S_ISSOCK(st.st_mode))
        return GW_EEXIST;
    snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return GW_ESYS;
    int rc = connect(fd, (const struct sockaddr *)&sa, sizeof sa), saved = errno;
    close(fd);
    /* EAGAIN: somebody listens but is too busy to accept. */
    if (rc == 0 || saved == EAGAIN)
        return GW_EEXIST;
    return unlink(path) < 0 && errno != ENOENT ? GW_ESYS : 0;
}

static int make_parent(const char *path)
{
    char dir[sizeof((struct sockaddr_un *)0)->sun_path];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL || slash == dir)
        return 0;
    *slash = '\0';
    return mkdir(dir, 0755) < 0 && errno != EEXIST ? GW_ESYS : 0;
}

static int listen_at(struct gwd_control *c, const char *path, unsigned mode)
{
    mode_t old = umask(~mode & 0777); /* from the first moment on */
    int rc = uv_pipe_bind(&c->listener, path);
    umask(old);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->listener, 128, connected);
    errno = -rc;
    return rc < 0 ? GW_ESYS : 0;
}

int gwd_control_open(struct gwd_control *c, uv_loop_t *loop, const char *path, unsigned mode,
                     gwd_control_fn *handle, void *user)
{
    *c = (struct gwd_control){.handle = handle, .user = user};
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return GW_EINVAL;
    int err = make_parent(path);
    if (err == 0)
        err = clear_path(path);
    if (err < 0)
        return err;
    uv_pipe_init(loop, &c->listener, 0);
    c->listener.data = c;
    err = listen_at(c, path, mode);
    if (err < 0) {
        int saved = errno;
        uv_close((uv_handle_t *)&c->listener, NULL);
        errno = saved;
        return err;
    }
    c->path = path;
    return 0;
}

void gwd_control_close(struct gwd_control *c)
{
    if (c->path == NULL)
        return;
    while (c->first != NULL)
        client_close(c->first);
    uv_close((uv_handle_t *)&c->listener, NULL); /* libuv unlinks what it has bound */
    c->path = NULL;
}
