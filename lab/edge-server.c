/* edge-server.c: an instance of a service as an edge site has them: an HTTP server that computes
 * for its answer, works on so many requests at once, lets the others wait in their order, and says
 * how it fares.
 *
 *   GET /work?steps=N[&seed=S]  N steps of computing, a function of the seed; the answer is a
 * digest of the result, the same of every instance, so that clients can check it GET /stream?ms=N
 * a line every 50 ms for N ms: a flow that lasts. It takes no place GET /metrics Prometheus text
 *
 * A step is --rounds products of a 64 x 64 matrix with a vector, in integers, and then whatever is
 * left of --step-us: the accelerator that a site would have works at its own pace, whatever else
 * this machine plays at the time. When the machine is late a step takes longer, as it would there.
 *
 * It leaves to others: TLS, keep-alive (an answer ends its connection, so that each request is a
 * flow of its own), and telling the metric agent of itself (the lab does).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC            1000000000LL
#define WIDTH           64
#define RECENT          32   /* answers that the latency is taken from */
#define CONNECTIONS_MAX 1024 /* beyond them a connection waits in the kernel's queue */
#define STACK           (256 << 10)
#define STREAM_MS       50
#define STEPS_MAX       100000
#define IDLE_SECONDS    10

struct options {
    const char *listen, *name;
    uint16_t port;
    uint32_t slots, queue, rounds;
    int64_t step_ns;
};

struct server {
    struct options opt;
    uint32_t matrix[WIDTH][WIDTH];
    pthread_mutex_t lock;
    pthread_cond_t turn, room;
    uint64_t next, serving; /* tickets: drawn, and allowed to work */
    uint32_t working, waiting, connections, streams;
    uint64_t done, refused, malformed;
    int64_t total_ns, busy_ns; /* from arrival to answer, and at work, of all that are done */
    int64_t recent_ns[RECENT]; /* at work and waiting, of the last ones */
    uint64_t steps;
};

struct connection {
    struct server *s;
    int fd;
    char request[2048];
};

static struct server server;

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NSEC + t.tv_nsec;
}

static void sleep_until(int64_t at)
{
    struct timespec t = {.tv_sec = at / NSEC, .tv_nsec = at % NSEC};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void step(const struct server *s, uint32_t v[WIDTH])
{
    for (uint32_t round = 0; round < s->opt.rounds; round++) {
        uint32_t out[WIDTH];

        for (size_t i = 0; i < WIDTH; i++) {
            uint32_t sum = round;

            for (size_t j = 0; j < WIDTH; j++)
                sum += s->matrix[i][j] * v[j];
            out[i] = sum ^ (sum >> 15);
        }
        memcpy(v, out, sizeof out);
    }
}

/* The computing of one request; its digest. */
static uint64_t work(const struct server *s, uint64_t seed, uint64_t steps)
{
    uint32_t v[WIDTH];
    uint64_t digest = 0;
    int64_t due = now_ns();

    for (size_t i = 0; i < WIDTH; i++)
        v[i] = (uint32_t)draw(&seed);
    for (uint64_t i = 0; i < steps; i++) {
        step(s, v);
        due += s->opt.step_ns;
        sleep_until(due);
    }
    for (size_t i = 0; i < WIDTH; i++)
        digest = digest * 0x100000001b3u ^ v[i];
    return digest;
}

/* A place to work, in the order of arrival; false: too many wait already. */
static bool enter(struct server *s)
{
    bool taken = false;

    pthread_mutex_lock(&s->lock);
    if (s->waiting >= s->opt.queue) {
        s->refused++;
    } else {
        uint64_t ticket = s->next++;

        s->waiting++;
        while (ticket >= s->serving + s->opt.slots)
            pthread_cond_wait(&s->turn, &s->lock);
        s->waiting--;
        s->working++;
        taken = true;
    }
    pthread_mutex_unlock(&s->lock);
    return taken;
}

static void leave(struct server *s, int64_t arrived, int64_t begun, uint64_t steps)
{
    int64_t now = now_ns();

    pthread_mutex_lock(&s->lock);
    s->working--;
    s->serving++;
    s->recent_ns[s->done % RECENT] = now - arrived;
    s->done++;
    s->steps += steps;
    s->total_ns += now - arrived;
    s->busy_ns += now - begun;
    pthread_cond_broadcast(&s->turn);
    pthread_mutex_unlock(&s->lock);
}

/* false: the other side is gone. */
static bool put(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void answer(const struct connection *c, const char *status, const char *type,
                   const char *body)
{
    char text[4096];
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                       "X-Instance: %s\r\nConnection: close\r\n\r\n%s",
                       status, type, strlen(body), c->s->opt.name, body);

    if (len > 0 && (size_t)len < sizeof text)
        put(c->fd, text, (size_t)len);
}

/* A number of the query; `missing` if it is not there, -1 if it is none or above max. */
static int64_t argument(const char *request, const char *name, int64_t missing, int64_t max)
{
    char key[16];
    const char *line_end = strchr(request, '\r');

    for (char before = '?';; before = '&') {
        snprintf(key, sizeof key, "%c%s=", before, name);
        const char *at = strstr(request, key);

        if (at && at < line_end) {
            char *end;
            const char *digits = at + strlen(key);
            unsigned long long value = strtoull(digits, &end, 10);
            bool whole = end != digits && (*end == ' ' || *end == '&');

            return whole && *digits != '-' && value <= (unsigned long long)max ? (int64_t)value
                                                                               : -1;
        }
        if (before == '&')
            return missing;
    }
}

static void malformed(struct connection *c, const char *status)
{
    pthread_mutex_lock(&c->s->lock);
    c->s->malformed++;
    pthread_mutex_unlock(&c->s->lock);
    answer(c, status, "text/plain", "GET /work?steps=N&seed=S, /stream?ms=N or /metrics\n");
}

static void serve_work(struct connection *c)
{
    struct server *s = c->s;
    char body[256];
    int64_t steps = argument(c->request, "steps", 1, STEPS_MAX);
    int64_t seed = argument(c->request, "seed", 0, INT64_MAX);
    int64_t arrived = now_ns();

    if (steps < 0 || seed < 0)
        return malformed(c, "400 Bad Request");
    if (!enter(s))
        return answer(c, "503 Service Unavailable", "text/plain", "too many requests wait\n");
    int64_t begun = now_ns();
    uint64_t digest = work(s, (uint64_t)seed, (uint64_t)steps);
    int64_t ended = now_ns();
    leave(s, arrived, begun, (uint64_t)steps);
    snprintf(body, sizeof body,
             "{\"instance\": \"%s\", \"digest\": \"%016" PRIx64 "\", \"waited_us\": %" PRId64
             ", \"worked_us\": %" PRId64 "}\n",
             s->opt.name, digest, (begun - arrived) / 1000, (ended - begun) / 1000);
    answer(c, "200 OK", "application/json", body);
}

static void serve_stream(struct connection *c)
{
    struct server *s = c->s;
    int64_t ms = argument(c->request, "ms", 1000, 3600000), due = now_ns();
    char line[128];
    int len = snprintf(line, sizeof line,
                       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Instance: %s\r\n"
                       "Connection: close\r\n\r\n",
                       s->opt.name);

    if (ms < 0)
        return malformed(c, "400 Bad Request");
    pthread_mutex_lock(&s->lock);
    s->streams++;
    pthread_mutex_unlock(&s->lock);
    for (int64_t i = 0, lines = ms / STREAM_MS; put(c->fd, line, (size_t)len) && i < lines; i++) {
        len = snprintf(line, sizeof line, "%" PRId64 " %s\n", i, s->opt.name);
        sleep_until(due += STREAM_MS * 1000000LL);
    }
    pthread_mutex_lock(&s->lock);
    s->streams--;
    pthread_mutex_unlock(&s->lock);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Of the answers since a while; 0 before there is one. Under the lock. */
static int64_t median_ns(const struct server *s)
{
    int64_t sorted[RECENT];
    size_t n = s->done < RECENT ? (size_t)s->done : RECENT;

    memcpy(sorted, s->recent_ns, sizeof sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n ? sorted[n / 2] : 0;
}

static void serve_metrics(struct connection *c)
{
    struct server *s = c->s;
    char body[2048];

    pthread_mutex_lock(&s->lock);
    snprintf(body, sizeof body,
             "# TYPE edge_requests_in_flight gauge\nedge_requests_in_flight %u\n"
             "# TYPE edge_requests_queued gauge\nedge_requests_queued %u\n"
             "# TYPE edge_slots gauge\nedge_slots %u\n"
             "# TYPE edge_sessions gauge\nedge_sessions %u\n"
             "# TYPE edge_latency_us gauge\nedge_latency_us %" PRId64 "\n"
             "# TYPE edge_requests_total counter\nedge_requests_total %" PRIu64 "\n"
             "# TYPE edge_errors_total counter\nedge_errors_total %" PRIu64 "\n"
             "# TYPE edge_steps_total counter\nedge_steps_total %" PRIu64 "\n"
             "# TYPE edge_request_seconds summary\nedge_request_seconds_sum %.6f\n"
             "edge_request_seconds_count %" PRIu64 "\n"
             "# TYPE edge_busy_seconds_total counter\nedge_busy_seconds_total %.6f\n",
             s->working + s->waiting, s->waiting, s->opt.slots, s->streams, median_ns(s) / 1000,
             s->done, s->refused + s->malformed, s->steps, (double)s->total_ns / 1e9, s->done,
             (double)s->busy_ns / 1e9);
    pthread_mutex_unlock(&s->lock);
    answer(c, "200 OK", "text/plain; version=0.0.4", body);
}

/* Reads to the empty line after the header; false: there is none within the limits. */
static bool read_request(struct connection *c)
{
    size_t len = 0;

    while (len < sizeof c->request - 1) {
        ssize_t got = recv(c->fd, c->request + len, sizeof c->request - 1 - len, 0);

        if (got <= 0)
            return false;
        len += (size_t)got;
        c->request[len] = '\0';
        if (strstr(c->request, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void *serve(void *argument_)
{
    struct connection *c = argument_;
    struct server *s = c->s;

    if (read_request(c)) {
        if (!strncmp(c->request, "GET /work", 9))
            serve_work(c);
        else if (!strncmp(c->request, "GET /stream", 11))
            serve_stream(c);
        else if (!strncmp(c->request, "GET /metrics", 12))
            serve_metrics(c);
        else
            malformed(c, "404 Not Found");
    }
    shutdown(c->fd, SHUT_WR);
    close(c->fd);
    free(c);
    pthread_mutex_lock(&s->lock);
    s->connections--;
    pthread_cond_signal(&s->room);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void accept_all(struct server *s, int listener, const pthread_attr_t *attr)
{
    for (;;) {
        pthread_t thread;
        struct timeval idle = {.tv_sec = IDLE_SECONDS};

        pthread_mutex_lock(&s->lock);
        while (s->connections == CONNECTIONS_MAX)
            pthread_cond_wait(&s->room, &s->lock);
        s->connections++;
        pthread_mutex_unlock(&s->lock);
        int fd = accept(listener, NULL, NULL);
        struct connection *c = fd < 0 ? NULL : calloc(1, sizeof *c);
        if (c) {
            *c = (struct connection){.s = s, .fd = fd};
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
        }
        if (c && pthread_create(&thread, attr, serve, c) == 0)
            continue;
        free(c);
        if (fd >= 0)
            close(fd);
        pthread_mutex_lock(&s->lock);
        s->connections--;
        s->refused++;
        pthread_mutex_unlock(&s->lock);
    }
}

static int open_listener(const struct options *o)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(o->port)};
    int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET6, o->listen, &at.sin6_addr) != 1) {
        fprintf(stderr, "edge-server: --listen %s: not an IPv6 address\n", o->listen);
        exit(2);
    }
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024)) {
        fprintf(stderr, "edge-server: [%s]:%u: %s\n", o->listen, o->port, strerror(errno));
        exit(1);
    }
    return fd;
}

static uint32_t number(const char *option, const char *text, uint32_t min, uint32_t max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end || *text == '-' || value < min || value > max) {
        fprintf(stderr, "edge-server: --%s %s: expected %u to %u\n", option, text, min, max);
        exit(2);
    }
    return (uint32_t)value;
}

static void read_options(struct options *o, int argc, char **argv)
{
    enum { LISTEN, PORT, NAME, SLOTS, QUEUE, ROUNDS, STEP };
    static const struct option known[] = {{"listen", 1, NULL, LISTEN}, {"port", 1, NULL, PORT},
                                          {"name", 1, NULL, NAME},     {"slots", 1, NULL, SLOTS},
                                          {"queue", 1, NULL, QUEUE},   {"rounds", 1, NULL, ROUNDS},
                                          {"step-us", 1, NULL, STEP},  {NULL, 0, NULL, 0}};
    int which, index = 0;

    *o = (struct options){.listen = "::",
                          .name = "edge",
                          .port = 80,
                          .slots = 2,
                          .queue = 256,
                          .rounds = 8,
                          .step_ns = 5000000};
    while ((which = getopt_long(argc, argv, "", known, &index)) >= 0) {
        const char *name = known[index].name;

        switch (which) {
        case LISTEN:
            o->listen = optarg;
            break;
        case NAME:
            o->name = optarg;
            break;
        case PORT:
            o->port = (uint16_t)number(name, optarg, 1, 65535);
            break;
        case SLOTS:
            o->slots = number(name, optarg, 1, 1000);
            break;
        case QUEUE:
            o->queue = number(name, optarg, 1, 100000);
            break;
        case ROUNDS:
            o->rounds = number(name, optarg, 0, 1000000);
            break;
        case STEP:
            o->step_ns = 1000LL * number(name, optarg, 0, 10000000);
            break;
        default:
            exit(2);
        }
    }
    if (optind != argc || strpbrk(o->name, "\"\\\r\n")) {
        fprintf(stderr, "edge-server: unexpected argument or name\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    struct server *s = &server;
    pthread_attr_t attr;
    uint64_t seed = 8885;

    read_options(&s->opt, argc, argv);
    for (size_t i = 0; i < WIDTH * WIDTH; i++)
        s->matrix[i / WIDTH][i % WIDTH] = (uint32_t)draw(&seed);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->turn, NULL);
    pthread_cond_init(&s->room, NULL);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1000);
    int listener = open_listener(&s->opt);
    printf("ready\n");
    fflush(stdout);
    accept_all(s, listener, &attr);
}
