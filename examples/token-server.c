/* token-server.c: an example of an instance of a service (CATS): an HTTP/1.1 server that streams a
 * long answer token by token while it takes what the client uploads, and whose conversations move
 * to another such server in the middle of both, with their TCP connections (libgodwit-instance).
 *
 *   GET or POST /chat?seed=N&context=N&tokens=N&row=N
 *       the answer to a context of that many tokens (chat.h), chunked; the body of a POST is taken
 * at the same time. The last line says what was uploaded. row: where in the trace its pace begins.
 *
 * One process, one thread, poll(2). Everything about one client is in one struct client, so moving
 * it is writing that down: where it is in the answer, in the body, and what is half said.
 *
 * token-server --port 80 --trace FILE [--listen ADDRESS] [--speed FACTOR]
 *              [--agent SOCKET --name INSTANCE [--token TOKEN]]
 */
#include "chat.h"
#include "godwit/instance.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC         1000000000LL
#define CLIENTS      256
#define HEAD_MAX     4096
#define OUT_MAX      512 /* octets that wait to be written; more is not said before they are */
#define IMPORT_MAX   (256u << 20)
#define REPORT_NS    NSEC
#define CLIENT_FIXED (8 + 8 + 8 + 4 + 4)

enum phase { PHASE_HEAD, PHASE_CHAT, PHASE_LAST };

struct client {
    int fd; /* -1: none */
    bool moving;
    enum phase phase;
    char head[HEAD_MAX]; /* of the request; then unused */
    size_t nhead;
    struct chat chat;
    uint64_t body_left; /* octets of the request's body that have not come */
    bool said_last;
    int64_t due_ns; /* the next token */
    char out[OUT_MAX];
    size_t nout;
};

struct server {
    const char *listen, *agent, *name, *token, *trace_path;
    uint16_t port;
    double speed;
    struct chat_trace trace;
    int listener;
    gwi *g;
    int64_t report_ns;
    struct client clients[CLIENTS];
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NSEC + t.tv_nsec;
}

/* ---- a client ---- */

static void drop(struct client *c)
{
    close(c->fd);
    chat_end(&c->chat);
    c->fd = -1;
}

static void say(struct client *c, const char *text, size_t len)
{
    if (len <= sizeof c->out - c->nout) {
        memcpy(c->out + c->nout, text, len);
        c->nout += len;
    }
}

static void say_chunk(struct client *c, const char *text, size_t len)
{
    char chunk[256];
    int n = snprintf(chunk, sizeof chunk, "%zx\r\n%.*s\r\n", len, (int)len, text);
    say(c, chunk, (size_t)n);
}

static void refuse(struct client *c, const char *status)
{
    char text[256];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    say(c, text, (size_t)n);
    c->phase = PHASE_LAST;
    c->said_last = true;
}

/* A number of the query; `missing` if it is not there, UINT64_MAX if it is none or above max. */
static uint64_t argument(const char *line, const char *name, uint64_t missing, uint64_t max)
{
    char key[32];
    for (const char *before = "?&"; *before != '\0'; before++) {
        snprintf(key, sizeof key, "%c%s=", *before, name);
        const char *at = strstr(line, key), *eol = strchr(line, '\r');
        if (at == NULL || at > eol)
            continue;
        char *rest;
        unsigned long long value = strtoull(at + strlen(key), &rest, 10);
        return rest != at + strlen(key) && (*rest == ' ' || *rest == '&') && value <= max
                   ? value
                   : UINT64_MAX;
    }
    return missing;
}

static uint64_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");
    return at != NULL ? strtoull(at + 17, NULL, 10) : 0;
}

static void begin(struct server *s, struct client *c)
{
    uint64_t seed = argument(c->head, "seed", 1, UINT32_MAX);
    uint64_t context = argument(c->head, "context", 16, CHAT_CONTEXT_MAX);
    uint64_t tokens = argument(c->head, "tokens", 100, UINT32_MAX);
    uint64_t row = argument(c->head, "row", 0, UINT32_MAX);
    if (strncmp(c->head, "GET /chat", 9) != 0 && strncmp(c->head, "POST /chat", 10) != 0) {
        refuse(c, "404 Not Found");
    } else if (seed == UINT64_MAX || context == UINT64_MAX || tokens == UINT64_MAX ||
               row == UINT64_MAX) {
        refuse(c, "400 Bad Request");
    } else if (!chat_begin(&c->chat, seed, (uint32_t)context, tokens, row % s->trace.rows)) {
        refuse(c, "503 Service Unavailable");
    } else {
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                   "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        say(c, text, sizeof text - 1);
        c->phase = PHASE_CHAT;
        c->due_ns = now_ns();
    }
}

static void take_body(struct client *c, const char *octets, size_t len)
{
    size_t n = len < c->body_left ? len : (size_t)c->body_left;
    chat_upload(&c->chat, octets, n);
    c->body_left -= n;
}

static void take_head(struct server *s, struct client *c)
{
    c->head[c->nhead] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    if (end == NULL && c->nhead < sizeof c->head - 1)
        return;
    if (end == NULL) {
        refuse(c, "431 Request Header Fields Too Large");
        return;
    }
    char body[HEAD_MAX];
    size_t nbody = c->nhead - (size_t)(end + 4 - c->head);
    memcpy(body, end + 4, nbody);
    c->body_left = content_length(c->head);
    begin(s, c);
    if (c->phase == PHASE_CHAT)
        take_body(c, body, nbody);
}

static void read_from(struct server *s, struct client *c)
{
    char buf[65536];
    char *to = c->phase == PHASE_HEAD ? c->head + c->nhead : buf;
    size_t room = c->phase == PHASE_HEAD ? sizeof c->head - 1 - c->nhead : sizeof buf;
    ssize_t got = recv(c->fd, to, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(c);
    } else if (c->phase == PHASE_HEAD) {
        c->nhead += (size_t)got;
        take_head(s, c);
    } else {
        take_body(c, buf, (size_t)got);
    }
}

/* What is due is said, as far as there is room. */
static void go_on(const struct server *s, struct client *c, int64_t now)
{
    char text[CHAT_TOKEN_MAX], last[128];
    int64_t ns;
    if (c->phase != PHASE_CHAT)
        return;
    while (c->chat.next < c->chat.total && c->due_ns <= now && c->nout + 64 < sizeof c->out) {
        size_t len = chat_token(&c->chat, &s->trace, text, &ns);
        say_chunk(c, text, len);
        c->due_ns += (int64_t)((double)ns / s->speed);
    }
    if (c->chat.next < c->chat.total || c->body_left > 0 || c->nout + 160 > sizeof c->out)
        return;
    int n = snprintf(last, sizeof last, "\nuploaded %" PRIu64 " octets, FNV-1a %016" PRIx64 "\n",
                     c->chat.uploaded, c->chat.sum);
    say_chunk(c, last, (size_t)n);
    say(c, "0\r\n\r\n", 5);
    c->phase = PHASE_LAST;
    c->said_last = true;
}

static void write_to(struct client *c)
{
    ssize_t took = c->nout > 0 ? send(c->fd, c->out, c->nout, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (took < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    if (took > 0) {
        c->nout -= (size_t)took;
        memmove(c->out, c->out + took, c->nout);
    }
    if (c->nout == 0 && c->said_last)
        drop(c);
}

static struct client *room(struct server *s)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (s->clients[i].fd < 0)
            return &s->clients[i];
    return NULL;
}

/* ---- clients that move ---- */

/* Everything of one client: numbers, what waits to be written, a head that is not whole, its chat.
 */
static size_t client_size(const struct client *c)
{
    return CLIENT_FIXED + c->nout + (c->phase == PHASE_HEAD ? c->nhead : chat_size(&c->chat));
}

static void put(uint8_t **at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *(*at)++ = (uint8_t)(value >> ((size - 1 - i) * 8));
}

static uint64_t get(const uint8_t **at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | *(*at)++;
    return value;
}

static void client_write(const struct client *c, unsigned label, uint8_t *to, int64_t now)
{
    bool head = c->phase == PHASE_HEAD;
    uint8_t *at = to;
    put(&at, (uint64_t)(c->due_ns > now ? c->due_ns - now : 0), 8);
    put(&at, c->body_left, 8);
    put(&at, head ? c->nhead : chat_size(&c->chat), 8);
    put(&at, c->nout, 4);
    put(&at, label << 8 | (unsigned)c->phase << 1 | c->said_last, 4);
    memcpy(at, c->out, c->nout);
    if (head)
        memcpy(at + c->nout, c->head, c->nhead);
    else
        chat_write(&c->chat, at + c->nout);
}

/* How many of len octets were a client's; 0: they are none. */
static size_t client_read(struct client *c, unsigned *label, const uint8_t *from, size_t len)
{
    const uint8_t *at = from;
    *c = (struct client){.fd = -1};
    if (len < CLIENT_FIXED)
        return 0;
    c->due_ns = now_ns() + (int64_t)get(&at, 8);
    c->body_left = get(&at, 8);
    uint64_t rest = get(&at, 8);
    c->nout = get(&at, 4);
    uint32_t bits = (uint32_t)get(&at, 4);
    *label = bits >> 8;
    c->phase = (enum phase)(bits >> 1 & 3);
    c->said_last = bits & 1;
    len -= CLIENT_FIXED;
    if (c->phase > PHASE_LAST || c->nout > sizeof c->out || c->nout > len || rest > len - c->nout)
        return 0;
    memcpy(c->out, at, c->nout);
    at += c->nout;
    if (c->phase == PHASE_HEAD && rest < sizeof c->head)
        memcpy(c->head, at, c->nhead = (size_t)rest);
    else if (c->phase == PHASE_HEAD || chat_read(&c->chat, at, (size_t)rest) != rest)
        return 0;
    return CLIENT_FIXED + c->nout + (size_t)rest;
}

/* What leaves or comes, as octets. */
struct parcel {
    uint8_t *octets;
    size_t len, at;
    size_t n;
    struct client *clients[CLIENTS]; /* of ours; or, as they come, on the heap */
    unsigned labels[CLIENTS];
};

static void unpack(gwi_move *m)
{
    struct parcel *p = gwi_move_get(m);
    free(p->octets);
    free(p);
    gwi_move_set(m, NULL);
}

/* Its clients are left alone from here on. */
static int begin_export(void *user, gwi_move *m)
{
    struct server *s = user;
    struct parcel *p = calloc(1, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &s->clients[i];
        if (c->fd < 0 || c->moving || gwi_move_covers(m, c->fd) != 1 || gwi_give(m, c->fd, i) < 0)
            continue;
        c->moving = true;
        p->clients[p->n] = c;
        p->labels[p->n++] = i;
        p->len += client_size(c);
    }
    p->octets = malloc(p->len + 1);
    gwi_move_set(m, p);
    for (size_t i = 0, at = 0; p->octets != NULL && i < p->n; i++) {
        client_write(p->clients[i], p->labels[i], p->octets + at, now_ns());
        at += client_size(p->clients[i]);
    }
    if (p->n > 0 && p->octets != NULL)
        return 0;
    for (size_t i = 0; i < p->n; i++)
        p->clients[i]->moving = false;
    unpack(m);
    return -ENOENT;
}

static ssize_t export_state(void *user, gwi_move *m, void *buf, size_t size)
{
    struct parcel *p = gwi_move_get(m);
    size_t n = p->len - p->at < size ? p->len - p->at : size;
    (void)user;
    memcpy(buf, p->octets + p->at, n);
    p->at += n;
    return (ssize_t)n;
}

/* The library closes the descriptors. */
static void release(void *user, gwi_move *m)
{
    struct parcel *p = gwi_move_get(m);
    (void)user;
    for (size_t i = 0; i < p->n; i++) {
        chat_end(&p->clients[i]->chat);
        p->clients[i]->fd = -1;
        p->clients[i]->moving = false;
    }
    fprintf(stderr, "released %zu\n", p->n);
    unpack(m);
}

static int begin_import(void *user, gwi_move *m)
{
    (void)user;
    gwi_move_set(m, calloc(1, sizeof(struct parcel)));
    return gwi_move_get(m) != NULL ? 0 : -ENOMEM;
}

static int import_state(void *user, gwi_move *m, const void *octets, size_t len)
{
    struct parcel *p = gwi_move_get(m);
    (void)user;
    if (len > IMPORT_MAX - p->len)
        return -EFBIG;
    uint8_t *more = realloc(p->octets, p->len + len);
    if (more == NULL)
        return -ENOMEM;
    memcpy(more + p->len, octets, len);
    p->octets = more;
    p->len += len;
    return 0;
}

/* Everything is read here, so that nothing can go wrong in resume. */
static int confirm(void *user, gwi_move *m)
{
    struct parcel *p = gwi_move_get(m);
    (void)user;
    while (p->at < p->len && p->n < CLIENTS) {
        struct client *c = p->clients[p->n] = calloc(1, sizeof *c);
        size_t used =
            c != NULL ? client_read(c, &p->labels[p->n], p->octets + p->at, p->len - p->at) : 0;
        p->n += c != NULL;
        p->at += used;
        if (used == 0)
            return -EPROTO;
    }
    return p->at == p->len ? 0 : -EUSERS;
}

static void resume(void *user, gwi_move *m)
{
    struct server *s = user;
    struct parcel *p = gwi_move_get(m);
    for (size_t i = 0; i < p->n; i++) {
        struct client *c = room(s);
        int fd = c != NULL ? gwi_take(m, p->labels[i]) : -1;
        if (fd >= 0) {
            *c = *p->clients[i];
            c->fd = fd;
        } else {
            chat_end(&p->clients[i]->chat);
        }
        free(p->clients[i]);
    }
    fprintf(stderr, "resumed %zu\n", p->n);
    unpack(m);
}

static void abandon(void *user, gwi_move *m, const char *why)
{
    struct server *s = user;
    struct parcel *p = gwi_move_get(m);
    fprintf(stderr, "abandoned: %s\n", why);
    for (size_t i = 0; i < p->n; i++) {
        struct client *c = p->clients[i];
        c->moving = false;
        if (c < s->clients || c >= s->clients + CLIENTS) { /* one that had come */
            chat_end(&c->chat);
            free(c);
        }
    }
    unpack(m);
}

static const struct gwi_callbacks callbacks = {
    .size = sizeof callbacks,
    .begin_export = begin_export,
    .export_state = export_state,
    .release = release,
    .begin_import = begin_import,
    .import_state = import_state,
    .confirm = confirm,
    .resume = resume,
    .abandon = abandon,
};

/* ---- the loop ---- */

static unsigned busy(const struct server *s)
{
    unsigned n = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        n += s->clients[i].fd >= 0;
    return n;
}

static void talk_to_agent(struct server *s, int64_t now)
{
    struct gwi_report r = GWI_REPORT_NONE;
    if (gwi_dispatch(s->g) == 0 && now < s->report_ns)
        return;
    if (now < s->report_ns)
        return;
    s->report_ns = now + REPORT_NS;
    r.in_flight = r.sessions = busy(s);
    if (gwi_reconnect(s->g) == 0)
        gwi_report(s->g, &r);
}

static void welcome(struct server *s)
{
    struct client *c = room(s);
    int fd = c != NULL ? accept(s->listener, NULL, NULL) : -1;
    if (fd >= 0)
        *c = (struct client){.fd = fd};
}

/* Milliseconds until something is due, rounded up; at most a second. */
static int patience(const struct server *s, int64_t now)
{
    int64_t next = now + NSEC;
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *c = &s->clients[i];
        if (c->fd >= 0 && !c->moving && c->phase == PHASE_CHAT && c->chat.next < c->chat.total &&
            c->nout == 0 && c->due_ns < next)
            next = c->due_ns;
    }
    return next > now ? (int)((next - now + 999999) / 1000000) : 0;
}

static nfds_t gather(const struct server *s, struct pollfd *p, size_t *of)
{
    nfds_t n = 2;
    p[0] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    p[1] = (struct pollfd){.fd = s->g != NULL ? gwi_fd(s->g) : -1, .events = POLLIN};
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *c = &s->clients[i];
        if (c->fd < 0 || c->moving)
            continue;
        of[n] = i;
        p[n++] =
            (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (c->nout > 0 ? POLLOUT : 0))};
    }
    return n;
}

static void serve(struct server *s)
{
    struct pollfd p[CLIENTS + 2];
    size_t of[CLIENTS + 2];
    for (;;) {
        nfds_t n = gather(s, p, of);
        if (poll(p, n, patience(s, now_ns())) < 0 && errno != EINTR)
            return;
        int64_t now = now_ns();
        for (nfds_t i = 2; i < n; i++) {
            struct client *c = &s->clients[of[i]];
            if ((p[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
                read_from(s, c);
            if (c->fd >= 0)
                go_on(s, c, now);
            if (c->fd >= 0)
                write_to(c);
        }
        if ((p[0].revents & POLLIN) != 0)
            welcome(s);
        if (s->g != NULL)
            talk_to_agent(s, now);
    }
}

/* ---- the beginning ---- */

static int open_listener(const struct server *s)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(s->port)};
    int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET6, s->listen, &at.sin6_addr) != 1) {
        fprintf(stderr, "token-server: --listen %s: not an IPv6 address\n", s->listen);
        exit(2);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 128) < 0) {
        fprintf(stderr, "token-server: [%s]:%u: %s\n", s->listen, s->port, strerror(errno));
        exit(1);
    }
    return fd;
}

static void read_options(struct server *s, int argc, char **argv)
{
    static const struct option known[] = {{"listen", 1, NULL, 'l'}, {"port", 1, NULL, 'p'},
                                          {"trace", 1, NULL, 't'},  {"speed", 1, NULL, 's'},
                                          {"agent", 1, NULL, 'a'},  {"name", 1, NULL, 'n'},
                                          {"token", 1, NULL, 'k'},  {NULL, 0, NULL, 0}};
    int which;
    while ((which = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (which == 'l')
            s->listen = optarg;
        else if (which == 'p')
            s->port = (uint16_t)strtoul(optarg, NULL, 10);
        else if (which == 't')
            s->trace_path = optarg;
        else if (which == 's')
            s->speed = strtod(optarg, NULL);
        else if (which == 'a')
            s->agent = optarg;
        else if (which == 'n')
            s->name = optarg;
        else if (which == 'k')
            s->token = optarg;
        else
            exit(2);
    }
    if (optind != argc || s->port == 0 || s->trace_path == NULL || !(s->speed > 0) ||
        (s->agent != NULL) != (s->name != NULL)) {
        fprintf(stderr, "usage: token-server --port N --trace FILE [--listen ADDRESS] "
                        "[--speed FACTOR] [--agent SOCKET --name INSTANCE [--token TOKEN]]\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct server server;
    struct server *s = &server;
    *s = (struct server){.listen = "::", .speed = 1};
    for (size_t i = 0; i < CLIENTS; i++)
        s->clients[i].fd = -1;
    read_options(s, argc, argv);
    if (!chat_trace_read(&s->trace, s->trace_path))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    s->listener = open_listener(s);
    if (s->agent != NULL && gwi_open(&s->g, s->agent, s->name, s->token, &callbacks, s) < 0) {
        fprintf(stderr, "token-server: %s: %s\n", s->agent, gwi_error(NULL));
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    serve(s);
    gwi_close(s->g);
    return 1;
}
