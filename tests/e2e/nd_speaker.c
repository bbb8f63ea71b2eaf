/* nd_speaker.c: src/fn/access on a packet socket, so that a stock Linux host can judge it
 * (test_nd_linux.py). Not part of godwitd.
 *
 *     nd_speaker IFACE       commands on standard input, one a line, each answered by one line
 *     set MAC [LINK-LOCAL MAC PREFIX current|previous]...  -> "ok RAS"
 *     del MAC | advertise MAC | probe MAC                  -> "ok RESULT"
 *     count                                                -> "ok rs ns na ra-sent na-sent limited"
 * What is heard of stations is printed as "heard MAC RESULT" in between.
 */
#include "fn/access/access.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORDS 128

struct speaker {
    int fd;
    unsigned ifindex;
    struct gw_timers timers;
    struct gw_time now;
    struct gw_access access;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void tick(struct speaker *s)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    s->now = gw_time_add(GW_SEC(ts.tv_sec), (struct gw_time){ts.tv_nsec});
}

static void send_frame(void *user, uint32_t iface, const struct gw_lladdr *src,
                       const struct gw_lladdr *dst, const uint8_t *data, size_t len)
{
    struct speaker *s = user;
    uint8_t frame[ETH_HLEN + 1500];
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)s->ifindex};

    (void)iface;
    memcpy(frame, dst->b, 6);
    memcpy(frame + 6, src->b, 6);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    memcpy(frame + ETH_HLEN, data, len);
    if (sendto(s->fd, frame, ETH_HLEN + len, 0, (void *)&to, sizeof to) < 0 && errno != ENETDOWN)
        die("sendto");
}

static void open_link(struct speaker *s, const char *name)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6)};
    struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};

    s->ifindex = if_nametoindex(name);
    if (s->ifindex == 0)
        die(name);
    at.sll_ifindex = all.mr_ifindex = (int)s->ifindex;
    s->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IPV6));
    if (s->fd < 0 || bind(s->fd, (void *)&at, sizeof at) != 0 ||
        setsockopt(s->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0)
        die("packet socket");
}

static void hear(struct speaker *s)
{
    uint8_t frame[2048];
    struct sockaddr_ll from = {0};
    socklen_t size = sizeof from;
    struct gw_lladdr src = {.len = 6};
    char text[GW_TEXT_MAX];
    ssize_t n = recvfrom(s->fd, frame, sizeof frame, MSG_DONTWAIT, (void *)&from, &size);
    enum gw_access_seen seen;

    if (n < ETH_HLEN + 40 || from.sll_pkttype == PACKET_OUTGOING || frame[ETH_HLEN + 6] != 58)
        return;
    memcpy(src.b, frame + 6, 6);
    seen = gw_access_input_nd(&s->access, 0, &src, frame + ETH_HLEN, (size_t)n - ETH_HLEN);
    if (seen != GW_ACCESS_IGNORED)
        printf("heard %s %d\n", gw_fmt_lladdr(&src, text), (int)seen);
}

static int parse_dlif(char **w, struct gw_access_dlif *d)
{
    *d = (struct gw_access_dlif){.previous = strcmp(w[3], "previous") == 0};
    if (gw_parse_addr(w[0], &d->link_local) != 0 || gw_parse_lladdr(w[1], &d->lladdr) != 0)
        return GW_EFORMAT;
    return gw_parse_prefix(w[2], &d->prefix);
}

static int set(struct speaker *s, const struct gw_station_key *key, char **w, size_t n)
{
    struct gw_access_dlif d[WORDS / 4];

    for (size_t i = 0; i < n / 4; i++) {
        if (parse_dlif(w + 4 * i, &d[i]) != 0)
            return GW_EFORMAT;
    }
    return gw_access_set_station(&s->access, key, GW_ACCESS_MAAR, d, n / 4);
}

static int station_command(struct speaker *s, char **w, size_t n)
{
    struct gw_station_key key = {0};

    if (n < 2 || gw_parse_lladdr(w[1], &key.lladdr) != 0)
        return GW_EFORMAT;
    if (strcmp(w[0], "set") == 0)
        return set(s, &key, w + 2, n - 2);
    if (strcmp(w[0], "advertise") == 0)
        return gw_access_advertise(&s->access, &key);
    if (strcmp(w[0], "probe") == 0)
        return gw_access_probe(&s->access, &key);
    if (strcmp(w[0], "del") != 0)
        return GW_EINVAL;
    gw_access_del_station(&s->access, &key, GW_ACCESS_MAAR);
    return 0;
}

static void command(struct speaker *s, char *line)
{
    const struct gw_access_counters *c = &s->access.count;
    char *w[WORDS] = {0}, *rest = NULL;
    size_t n = 0;

    for (char *t = strtok_r(line, " \n", &rest); t && n < WORDS; t = strtok_r(NULL, " \n", &rest))
        w[n++] = t;
    if (n == 1 && strcmp(w[0], "count") == 0)
        printf("ok %lu %lu %lu %lu %lu %lu\n", c->rs, c->ns, c->na, c->ra_sent, c->na_sent,
               c->limited);
    else
        printf("ok %d\n", station_command(s, w, n));
}

static int wait_ms(const struct speaker *s)
{
    struct gw_time next = gw_timers_next(&s->timers);
    int64_t ms = gw_time_sub(next, s->now).ns / 1000000 + 1;
    return ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms;
}

int main(int argc, char **argv)
{
    struct gw_config cfg = {.access_mtu = 1460, .limits.stations = 100};
    struct speaker s = {0};
    struct gw_access_env env = {&gw_alloc_libc, &s.timers, &s.now, send_frame, &s, NULL};
    struct pollfd p[2] = {{.fd = 0, .events = POLLIN}};
    char line[4096];

    if (argc != 2)
        return 2;
    cfg.timers.valid_lifetime_s = 7200;
    cfg.timers.preferred_lifetime_s = 3600;
    cfg.timers.router_lifetime_s = 1800;
    cfg.timers.ra_interval = GW_SEC(60);
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_link(&s, argv[1]);
    p[1] = (struct pollfd){.fd = s.fd, .events = POLLIN};
    gw_timers_init(&s.timers, &gw_alloc_libc);
    gw_access_init(&s.access, &cfg, &env, 1);
    for (;;) {
        tick(&s);
        gw_timers_run(&s.timers, s.now, 100, NULL);
        if (poll(p, 2, wait_ms(&s)) < 0)
            die("poll");
        tick(&s);
        if (p[1].revents != 0)
            hear(&s);
        if (p[0].revents != 0) {
            if (fgets(line, sizeof line, stdin) == NULL)
                break;
            command(&s, line);
        }
    }
    gw_access_free(&s.access);
    gw_timers_free(&s.timers);
    return 0;
}
