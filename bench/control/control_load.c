/* control_load.c: registrations over real Mobility Header sockets, from the addresses of the peers
 * of domain.h, which this machine or namespace must have: so many under way at a time, each for
 * another station, until all are answered. One line of JSON says how it went.
 *
 *   control-load PEERS REGISTRATIONS WINDOW
 *
 * Left to others: the daemon that answers, namespaces (lab/measure-control).
 */
#include "domain.h"
#include "node/node_int.h"
#include "sys/clock.h"
#include "sys/mh_socket.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define LIFETIME 75u   /* of 4 s */
#define PATIENCE 10000 /* ms without any answer: the rest is lost */

static struct {
    struct domain d;
    struct pollfd fd[DOMAIN_PEERS_MAX];
    uint32_t wanted, sent, answered, refused;
    int64_t last_ns; /* a Mesg-ID is the time, and no two are the same */
    struct gw_mh m;
} L;

static uint32_t number(const char *what, const char *text, unsigned long most)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*text != '\0' && *end == '\0' && v != 0 && v <= most)
        return (uint32_t)v;
    (void)fprintf(stderr, "control-load: %s: %s is not 1 to %lu\n", what, text, most);
    exit(2);
}

static void open_all(void)
{
    for (unsigned i = 0; i < L.d.peers; i++) {
        struct gw_addr a = domain_peer(i);
        L.fd[i] = (struct pollfd){.fd = gw_mh_open(&a), .events = POLLIN};
        if (L.fd[i].fd < 0) {
            perror("control-load: a peer's socket");
            exit(1);
        }
    }
}

static struct gw_now unique_now(void)
{
    struct gw_now now = gw_clock_now();

    if (now.wall_ns <= L.last_ns)
        now.wall_ns = L.last_ns + 1;
    L.last_ns = now.wall_ns;
    return now;
}

/* false: the socket takes no more now. */
static bool send_next(void)
{
    struct gw_now now = unique_now();
    struct domain_pbu p = {.station = L.sent,
                           .peer = L.sent % L.d.peers,
                           .seq = 1,
                           .lifetime = LIFETIME,
                           .hi = GW_HI_NEW_INTERFACE,
                           .attached_ns = now.wall_ns,
                           .previous = UINT_MAX};
    struct gw_mh_addrs addrs = {.src = domain_peer(p.peer), .dst = domain_node()};
    uint8_t buf[GW_MH_MAX];
    size_t len = domain_write_pbu(&L.d, &p, now, buf);

    if (gw_mh_send(L.fd[p.peer].fd, &addrs, buf, len) == 0) {
        L.sent++;
        return true;
    }
    if (errno == EAGAIN || errno == ENOBUFS)
        return false;
    perror("control-load: sending");
    exit(1);
}

static void receive(unsigned peer)
{
    struct gw_mh_addrs addrs;
    uint8_t buf[GW_MH_MAX];
    int len;

    while ((len = gw_mh_recv(L.fd[peer].fd, &addrs, buf, sizeof buf)) > 0) {
        struct gw_parse_result r =
            gw_mh_parse(&gw_mh_codec_default, &addrs, buf, (size_t)len, &L.m);
        if (r.code != GW_PARSE_OK || L.m.type != GW_MH_BA)
            continue;
        L.answered++;
        L.refused += L.m.ba.status != GW_ST_ACCEPTED;
    }
}

/* false: nothing has come for too long. */
static bool wait_for_answers(void)
{
    int n = poll(L.fd, L.d.peers, PATIENCE);

    for (unsigned i = 0; i < L.d.peers && n > 0; i++)
        if (L.fd[i].revents != 0)
            receive(i);
    return n != 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: control-load PEERS REGISTRATIONS WINDOW\n");
        return 2;
    }
    L.d = (struct domain){GW_ROLE_CMD, number("PEERS", argv[1], DOMAIN_PEERS_MAX), true};
    L.wanted = number("REGISTRATIONS", argv[2], 9000000);
    uint32_t window = number("WINDOW", argv[3], 100000);
    open_all();
    struct gw_time begun = gw_clock_mono(), ended = begun;
    while (L.answered < L.wanted) {
        bool room = true;
        while (room && L.sent < L.wanted && L.sent - L.answered < window)
            room = send_next();
        uint32_t before = L.answered;
        if (!wait_for_answers())
            break;
        if (L.answered != before)
            ended = gw_clock_mono();
    }
    double s = (double)gw_time_sub(ended, begun).ns / 1e9;
    printf("{\"registrations\": %u, \"lost\": %u, \"refused\": %u, \"seconds\": %.3f, "
           "\"per_second\": %.0f}\n",
           L.answered, L.sent - L.answered, L.refused, s, s > 0 ? L.answered / s : 0);
    return L.answered == L.wanted && L.refused == 0 ? 0 : 1;
}
