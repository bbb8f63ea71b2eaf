/* linkem.c: a link with delay, rate and loss between two Ethernet interfaces of one namespace, for
 * kernels without netem. It copies whole frames from each interface to the other through packet
 * sockets with virtio-net headers, so that segmentation offload and partial checksums pass
 * unharmed: to it, as to the stack, a 64 KB super-packet is one frame (and one loss).
 *
 * Each direction is a delay line behind a serialiser: a frame leaves at
 *     max(arrival, end of the frame before) + length / rate + delay
 * where arrival is the kernel's receive timestamp, so that the time it takes us to wake up is not
 * added. What waits for the serialiser is bounded in bytes, what is under way in frames; beyond
 * either a frame is dropped and counted. Loss is drawn from a seeded generator: same seed and same
 * frames, same losses.
 *
 * It leaves to the lab: making the interfaces and namespaces, and turning off on the senders the
 * offloads that a virtio-net header cannot describe (tunnel segmentation; see README.md).
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NSEC        1000000000LL
#define NEVER       INT64_MAX
#define FRAME_MAX   (65536 + 256)
#define RING        16384 /* frames under way in one direction */
#define BATCH       64    /* frames taken from one side before the other has its turn */
#define STALE       (50 * 1000000LL)
#define SOCKET_BUF  (32 << 20)
#define SPIN_NS_MAX 200000

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

struct frame {
    int64_t due; /* monotonic ns */
    size_t len;
    struct virtio_net_hdr vnet;
    uint8_t data[];
};

struct counters {
    uint64_t in, in_bytes, out, out_bytes;
    uint64_t lost;       /* drawn */
    uint64_t queue_full; /* no room in the serialiser's queue or on the line */
    uint64_t failed;     /* receive or send was refused */
    int64_t late_sum, late_max;
};

/* One direction. */
struct line {
    int from, to; /* packet sockets */
    int64_t delay_ns;
    int64_t rate_kbit; /* 0: no serialisation */
    uint32_t loss_ppm;
    int64_t queue_bytes;
    uint64_t prng;
    int64_t busy_until, last_due;
    struct frame *ring[RING];
    size_t head, count;
    struct counters n;
};

struct options {
    int64_t delay_us[2], rate_kbit[2], loss_ppm[2], queue_kib[2];
    int64_t seed, spin_us, fifo;
    const char *stats;
    const char *names[2];
};

struct emulator {
    struct line line[2];
    struct options opt;
    int signals;
    int64_t wall_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, of this turn */
    uint8_t scratch[FRAME_MAX];
};

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NSEC + t.tv_nsec;
}

/* splitmix64 */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* When the kernel took the frame in, on the monotonic clock; now if it does not say or the wall
 * clock has just been stepped. */
static int64_t arrival(const struct emulator *em, struct msghdr *msg, int64_t now)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        struct timespec t;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        int64_t at = t.tv_sec * NSEC + t.tv_nsec - em->wall_offset;
        if (at <= now && now - at < STALE)
            return at;
    }
    return now;
}

/* Decides the fate of a frame of len octets: when it leaves, or NEVER. */
static int64_t schedule(struct line *l, size_t len, int64_t at)
{
    if (l->loss_ppm && draw(&l->prng) % 1000000 < l->loss_ppm) {
        l->n.lost++;
        return NEVER;
    }
    int64_t start = at > l->busy_until ? at : l->busy_until;
    if (l->count == RING ||
        (l->rate_kbit && (start - at) / 1000 * l->rate_kbit / 8000 > l->queue_bytes)) {
        l->n.queue_full++;
        return NEVER;
    }
    if (l->rate_kbit)
        start += (int64_t)len * 8000000 / l->rate_kbit;
    l->busy_until = start;
    int64_t due = start + l->delay_ns;
    if (due < l->last_due) /* timestamps of two CPUs may cross; frames may not */
        due = l->last_due;
    l->last_due = due;
    return due;
}

static void enqueue(struct line *l, const struct virtio_net_hdr *vnet, const uint8_t *data,
                    size_t len, int64_t at)
{
    int64_t due = schedule(l, len, at);
    if (due == NEVER)
        return;
    struct frame *f = malloc(sizeof *f + len);
    if (!f) {
        l->n.failed++;
        return;
    }
    f->due = due;
    f->len = len;
    f->vnet = *vnet;
    memcpy(f->data, data, len);
    l->ring[(l->head + l->count++) % RING] = f;
}

/* Takes in what has arrived on one side. */
static void receive(struct emulator *em, struct line *l)
{
    for (int i = 0; i < BATCH; i++) {
        struct virtio_net_hdr vnet;
        char control[CMSG_SPACE(sizeof(struct timespec))];
        struct iovec iov[] = {{.iov_base = &vnet, .iov_len = sizeof vnet},
                              {.iov_base = em->scratch, .iov_len = sizeof em->scratch}};
        struct msghdr msg = {.msg_iov = iov,
                             .msg_iovlen = 2,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        ssize_t got = recvmsg(l->from, &msg, MSG_DONTWAIT);
        if (got < 0) {
            if (errno != EAGAIN && errno != EINTR)
                l->n.failed++;
            return;
        }
        if ((size_t)got <= sizeof vnet || (msg.msg_flags & MSG_TRUNC)) {
            l->n.failed++;
            continue;
        }
        size_t len = (size_t)got - sizeof vnet;
        l->n.in++;
        l->n.in_bytes += len;
        enqueue(l, &vnet, em->scratch, len, arrival(em, &msg, clock_ns(CLOCK_MONOTONIC)));
    }
}

static void transmit(struct line *l, struct frame *f, int64_t now)
{
    struct iovec iov[] = {{.iov_base = &f->vnet, .iov_len = sizeof f->vnet},
                          {.iov_base = f->data, .iov_len = f->len}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    /* The receive path reports a verified checksum in a flag that is not one for sending. */
    f->vnet.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    if (sendmsg(l->to, &msg, MSG_DONTWAIT) < 0) {
        l->n.failed++;
        return;
    }
    int64_t late = now - f->due;
    l->n.out++;
    l->n.out_bytes += f->len;
    l->n.late_sum += late;
    if (late > l->n.late_max)
        l->n.late_max = late;
}

/* Sends what is due; the time of the next frame, or NEVER. */
static int64_t deliver(struct line *l)
{
    while (l->count) {
        struct frame *f = l->ring[l->head];
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        if (f->due > now)
            return f->due;
        transmit(l, f, now);
        free(f);
        l->head = (l->head + 1) % RING;
        l->count--;
    }
    return NEVER;
}

static void write_line(FILE *f, const char *name, const struct line *l)
{
    int64_t mean = l->n.out ? l->n.late_sum / (int64_t)l->n.out : 0;
    fprintf(f,
            "  \"%s\": {\"in\": %" PRIu64 ", \"in_bytes\": %" PRIu64 ", \"out\": %" PRIu64
            ", \"out_bytes\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"queue_full\": %" PRIu64
            ", \"failed\": %" PRIu64 ", \"under_way\": %zu, \"late_mean_ns\": %" PRId64
            ", \"late_max_ns\": %" PRId64 "}",
            name, l->n.in, l->n.in_bytes, l->n.out, l->n.out_bytes, l->n.lost, l->n.queue_full,
            l->n.failed, l->count, mean, l->n.late_max);
}

/* Replaces the statistics file as a whole, so that a reader never sees half of one. */
static void write_stats(const struct emulator *em)
{
    char tmp[4096];
    if (!em->opt.stats || snprintf(tmp, sizeof tmp, "%s.new", em->opt.stats) >= (int)sizeof tmp)
        return;
    FILE *f = fopen(tmp, "we");
    if (!f)
        return;
    fputs("{\n", f);
    write_line(f, "forth", &em->line[0]);
    fputs(",\n", f);
    write_line(f, "back", &em->line[1]);
    fputs("\n}\n", f);
    if (fclose(f) == 0 && rename(tmp, em->opt.stats) != 0)
        perror(em->opt.stats);
}

/* False when we have been told to stop. */
static bool signalled(struct emulator *em)
{
    struct signalfd_siginfo info;
    bool go_on = true;
    while (read(em->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGUSR1)
            write_stats(em);
        else
            go_on = false;
    return go_on;
}

/* Sleeps until a frame or a signal comes or a frame is nearly due: the rest, the time a wake-up
 * takes, is spent awake. */
static bool wait_for_work(struct emulator *em, struct pollfd fds[3], int64_t next)
{
    struct timespec t = {0}, *timeout = NULL;
    if (next != NEVER) {
        int64_t left = next - clock_ns(CLOCK_MONOTONIC) - em->opt.spin_us * 1000;
        if (left > 0)
            t = (struct timespec){.tv_sec = left / NSEC, .tv_nsec = left % NSEC};
        timeout = &t;
    }
    if (ppoll(fds, 3, timeout, NULL) < 0 && errno != EINTR) {
        perror("linkem: ppoll");
        return false;
    }
    return true;
}

static void run(struct emulator *em)
{
    struct pollfd fds[3] = {{.fd = em->line[0].from, .events = POLLIN},
                            {.fd = em->line[1].from, .events = POLLIN},
                            {.fd = em->signals, .events = POLLIN}};
    bool go_on = true;
    while (go_on) {
        int64_t a = deliver(&em->line[0]), b = deliver(&em->line[1]);
        go_on = wait_for_work(em, fds, a < b ? a : b);
        em->wall_offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                receive(em, &em->line[i]);
        if (fds[2].revents)
            go_on = go_on && signalled(em);
    }
    write_stats(em);
}

static int fail(const char *what, const char *name)
{
    fprintf(stderr, "linkem: %s: %s: %s\n", name, what, strerror(errno));
    return -1;
}

static int set_promiscuous(int fd, unsigned ifindex)
{
    struct packet_mreq mr = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mr, sizeof mr);
}

/* A packet socket for all that the interface receives; protocol only at bind, or it would take in
 * frames of other interfaces first. */
static int open_side(const char *name)
{
    const int on = 1, size = SOCKET_BUF;
    unsigned ifindex = if_nametoindex(name);
    if (!ifindex)
        return fail("interface", name);
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail("socket", name);
    struct sockaddr_ll sll = {.sll_family = AF_PACKET,
                              .sll_protocol = __builtin_bswap16(ETH_P_ALL),
                              .sll_ifindex = (int)ifindex};
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) ||
        set_promiscuous(fd, ifindex) || bind(fd, (struct sockaddr *)&sll, sizeof sll)) {
        fail("packet socket", name);
        close(fd);
        return -1;
    }
    return fd;
}

static int open_all(struct emulator *em)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    em->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (em->signals < 0)
        return fail("signalfd", "signals");
    int fd[2];
    for (int i = 0; i < 2; i++)
        if ((fd[i] = open_side(em->opt.names[i])) < 0)
            return -1;
    for (int i = 0; i < 2; i++) {
        struct line *l = &em->line[i];
        l->from = fd[i];
        l->to = fd[1 - i];
        l->delay_ns = em->opt.delay_us[i] * 1000;
        l->rate_kbit = em->opt.rate_kbit[i];
        l->loss_ppm = (uint32_t)em->opt.loss_ppm[i];
        l->queue_bytes = em->opt.queue_kib[i] * 1024;
        l->prng = (uint64_t)em->opt.seed * 2 + (uint64_t)i;
    }
    return 0;
}

/* Real-time priority only when asked for: one spinning emulator may not starve a small machine. */
static void be_punctual(const struct options *opt)
{
    const struct sched_param prio = {.sched_priority = 10};
    if (prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0)
        perror("linkem: timer slack");
    if (opt->fifo && sched_setscheduler(0, SCHED_FIFO, &prio) != 0)
        perror("linkem: SCHED_FIFO");
}

/* "X" or "X,Y" (forth, back) into out[2]; each within 0..max. */
static bool parse_pair(const char *text, int64_t max, int64_t out[2])
{
    char *end;
    errno = 0;
    out[0] = out[1] = strtoll(text, &end, 10);
    if (end != text && *end == ',') {
        text = end + 1;
        out[1] = strtoll(text, &end, 10);
    }
    return errno == 0 && end != text && *end == '\0' && out[0] >= 0 && out[1] >= 0 &&
           out[0] <= max && out[1] <= max;
}

static const char usage[] =
    "usage: linkem [options] IFACE IFACE\n"
    "Joins two Ethernet interfaces. X,Y: from the first to the second, and back; X: both.\n"
    "  --delay-us X[,Y]    one-way delay\n"
    "  --rate-kbit X[,Y]   serialisation rate; 0: none\n"
    "  --loss-ppm X[,Y]    loss, frames per million\n"
    "  --queue-kib X[,Y]   what may wait for the serialiser (default 4096)\n"
    "  --seed N            of the loss\n"
    "  --spin-us N         stay awake so long before a frame is due (default 20)\n"
    "  --fifo 0|1          SCHED_FIFO\n"
    "  --stats FILE        JSON, written at the end and on SIGUSR1\n";

enum option_id { DELAY, RATE, LOSS, QUEUE, SEED, SPIN, FIFO, STATS, OPTIONS };
static const struct option long_options[OPTIONS + 1] = {
    [DELAY] = {"delay-us", required_argument, NULL, DELAY},
    [RATE] = {"rate-kbit", required_argument, NULL, RATE},
    [LOSS] = {"loss-ppm", required_argument, NULL, LOSS},
    [QUEUE] = {"queue-kib", required_argument, NULL, QUEUE},
    [SEED] = {"seed", required_argument, NULL, SEED},
    [SPIN] = {"spin-us", required_argument, NULL, SPIN},
    [FIFO] = {"fifo", required_argument, NULL, FIFO},
    [STATS] = {"stats", required_argument, NULL, STATS},
};

static bool parse_options(int argc, char **argv, struct options *o)
{
    int64_t seed[2] = {1, 1}, spin[2] = {20, 20}, fifo[2] = {0, 0};
    const struct {
        int64_t *out, max;
    } rows[STATS] = {
        [DELAY] = {o->delay_us, 60 * 1000000LL},
        [RATE] = {o->rate_kbit, 100 * 1000000LL},
        [LOSS] = {o->loss_ppm, 1000000},
        [QUEUE] = {o->queue_kib, 1 << 20},
        [SEED] = {seed, INT64_MAX / 4},
        [SPIN] = {spin, SPIN_NS_MAX / 1000},
        [FIFO] = {fifo, 1},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
        if (c == STATS)
            o->stats = optarg;
        else if (c < 0 || c >= STATS || !parse_pair(optarg, rows[c].max, rows[c].out))
            return false;
    }
    if (argc - optind != 2)
        return false;
    o->names[0] = argv[optind];
    o->names[1] = argv[optind + 1];
    o->seed = seed[0];
    o->spin_us = spin[0];
    o->fifo = fifo[0];
    return true;
}

static void release(struct emulator *em)
{
    for (int i = 0; i < 2; i++) {
        struct line *l = &em->line[i];
        for (size_t k = 0; k < l->count; k++)
            free(l->ring[(l->head + k) % RING]);
        if (l->from > 0)
            close(l->from);
    }
    free(em);
}

int main(int argc, char **argv)
{
    int rc = 1;
    struct emulator *em = calloc(1, sizeof *em);
    if (!em)
        return rc;
    em->opt = (struct options){.queue_kib = {4096, 4096}};
    if (!parse_options(argc, argv, &em->opt)) {
        fputs(usage, stderr);
        rc = 2;
        goto out;
    }
    if (open_all(em) < 0)
        goto out;
    be_punctual(&em->opt);
    puts("ready"); /* whoever started us may send now */
    fflush(stdout);
    run(em);
    rc = 0;
out:
    release(em);
    return rc;
}
