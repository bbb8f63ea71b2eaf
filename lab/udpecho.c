/* udpecho.c: a UDP echo client that paces itself and accounts for every packet, and its server.
 *
 * The client sends a numbered packet from a given address at a fixed interval and writes, when it
 * is told to stop (SIGTERM, SIGINT) or has sent its count, one line per packet:
 *     seq sent_ns answers answered_ns up_ns down_ns
 * sent_ns and answered_ns are monotonic; answers counts copies (0: lost); up_ns and down_ns are
 * the one-way times of the first copy between kernel receive timestamps and the sender's clock,
 * which is right for namespaces of one machine (one clock) and for nothing else.
 *
 * It leaves to its reader what a loss belongs to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC        1000000000LL
#define DRAIN_NS    NSEC /* answers may come so long after the last packet */
#define MAGIC       0x676f6477u
#define COUNT_MAX   4000000u
#define PAYLOAD_LEN 64

struct payload {
    uint32_t magic, seq;
    int64_t sent_wall;   /* when the client sent it */
    int64_t served_rx;   /* when the server's kernel took it in */
    int64_t served_wall; /* when the server sent it back */
    uint8_t pad[PAYLOAD_LEN - 32];
};

struct record {
    int64_t sent, answered, up, down;
    uint32_t answers;
};

struct client {
    int fd;
    int64_t interval_ns;
    uint32_t want; /* 0: until told to stop */
    uint32_t sent, room;
    struct record *records;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NSEC + t.tv_nsec;
}

/* One datagram with the kernel's receive time (wall clock; now if it gives none). */
static ssize_t receive(int fd, struct payload *p, struct sockaddr_in6 *from, int64_t *rx)
{
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec iov = {.iov_base = p, .iov_len = sizeof *p};
    struct msghdr msg = {.msg_name = from,
                         .msg_namelen = from ? sizeof *from : 0,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &msg, MSG_DONTWAIT);
    *rx = clock_ns(CLOCK_REALTIME);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); got >= 0 && c; c = CMSG_NXTHDR(&msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            *rx = t.tv_sec * NSEC + t.tv_nsec;
        }
    return got;
}

static int serve(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    while (!stopped) {
        struct payload p;
        struct sockaddr_in6 from;
        int64_t rx;
        if (poll(&pfd, 1, -1) < 0)
            continue;
        if (receive(fd, &p, &from, &rx) != (ssize_t)sizeof p || p.magic != MAGIC)
            continue;
        p.served_rx = rx;
        p.served_wall = clock_ns(CLOCK_REALTIME);
        /* A lost answer is the client's to notice. */
        (void)sendto(fd, &p, sizeof p, 0, (struct sockaddr *)&from, sizeof from);
    }
    return 0;
}

static bool send_one(struct client *c)
{
    if (c->sent == c->room) {
        uint32_t room = c->room ? c->room * 2 : 4096;
        struct record *r = realloc(c->records, room * sizeof *r);
        if (!r || room > COUNT_MAX) {
            c->records = r ? r : c->records;
            return false;
        }
        c->records = r;
        c->room = room;
    }
    struct payload p = {.magic = MAGIC, .seq = c->sent, .sent_wall = clock_ns(CLOCK_REALTIME)};
    c->records[c->sent++] = (struct record){.sent = clock_ns(CLOCK_MONOTONIC)};
    /* A refusal (no route for a moment) is a packet lost, and shows as one. */
    (void)send(c->fd, &p, sizeof p, MSG_DONTWAIT);
    return true;
}

static void take_answers(struct client *c)
{
    for (;;) {
        struct payload p;
        int64_t rx;
        ssize_t got = receive(c->fd, &p, NULL, &rx);
        if (got < 0)
            return;
        if (got != (ssize_t)sizeof p || p.magic != MAGIC || p.seq >= c->sent)
            continue;
        struct record *r = &c->records[p.seq];
        if (r->answers++)
            continue;
        r->answered = clock_ns(CLOCK_MONOTONIC) - (clock_ns(CLOCK_REALTIME) - rx);
        r->up = p.served_rx - p.sent_wall;
        r->down = rx - p.served_wall;
    }
}

/* Takes answers until the deadline (monotonic) or a signal. */
static void listen_until(struct client *c, int64_t deadline)
{
    struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
    for (;;) {
        int64_t left = deadline - clock_ns(CLOCK_MONOTONIC);
        if (left <= 0)
            return;
        struct timespec t = {.tv_sec = left / NSEC, .tv_nsec = left % NSEC};
        if (ppoll(&pfd, 1, &t, NULL) > 0)
            take_answers(c);
        else if (errno == EINTR && stopped)
            return;
    }
}

static int write_records(const struct client *c, const char *file)
{
    FILE *f = fopen(file, "we");
    if (!f) {
        perror(file);
        return 1;
    }
    for (uint32_t i = 0; i < c->sent; i++) {
        const struct record *r = &c->records[i];
        fprintf(f, "%u %" PRId64 " %u %" PRId64 " %" PRId64 " %" PRId64 "\n", i, r->sent,
                r->answers, r->answered, r->up, r->down);
    }
    return fclose(f) == 0 ? 0 : 1;
}

static int run_client(struct client *c, const char *file)
{
    int64_t next = clock_ns(CLOCK_MONOTONIC);
    while (!stopped && (c->want == 0 || c->sent < c->want)) {
        if (!send_one(c))
            break;
        next += c->interval_ns;
        listen_until(c, next);
    }
    stopped = 0; /* the drain is short; a second signal ends it */
    listen_until(c, clock_ns(CLOCK_MONOTONIC) + DRAIN_NS);
    return write_records(c, file);
}

static int udp_socket(const char *addr, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET6, addr, &sin6.sin6_addr) != 1) {
        fprintf(stderr, "udpecho: %s: not an IPv6 address\n", addr);
        return -1;
    }
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) ||
        bind(fd, (struct sockaddr *)&sin6, sizeof sin6)) {
        fprintf(stderr, "udpecho: %s port %u: %s\n", addr, port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static bool number(const char *text, long max, long *out)
{
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out >= 0 && *out <= max;
}

static int client_main(char **argv)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    long port, interval_us, count;
    if (inet_pton(AF_INET6, argv[1], &to.sin6_addr) != 1 || !number(argv[2], 65535, &port) ||
        !number(argv[3], 60000000, &interval_us) || !number(argv[4], COUNT_MAX, &count)) {
        fputs("udpecho: bad destination, port, interval or count\n", stderr);
        return 2;
    }
    struct client c = {.interval_ns = interval_us * 1000, .want = (uint32_t)count};
    c.fd = udp_socket(argv[0], 0);
    if (c.fd < 0)
        return 1;
    to.sin6_port = htons((uint16_t)port);
    int rc = 1;
    if (connect(c.fd, (struct sockaddr *)&to, sizeof to) != 0)
        perror("udpecho: connect");
    else
        rc = run_client(&c, argv[5]);
    free(c.records);
    close(c.fd);
    return rc;
}

int main(int argc, char **argv)
{
    const struct sigaction stop = {.sa_handler = on_signal};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    if (prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0)
        perror("udpecho: timer slack");
    long port;
    if (argc == 4 && !strcmp(argv[1], "serve") && number(argv[3], 65535, &port)) {
        int fd = udp_socket(argv[2], (uint16_t)port);
        return fd < 0 ? 1 : serve(fd);
    }
    if (argc == 8 && !strcmp(argv[1], "send"))
        return client_main(argv + 2);
    fputs("usage: udpecho serve ADDRESS PORT\n"
          "       udpecho send SOURCE DESTINATION PORT INTERVAL-US COUNT FILE   (COUNT 0: on and "
          "on)\n",
          stderr);
    return 2;
}
