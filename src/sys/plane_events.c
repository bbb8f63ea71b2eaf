/* plane_events.c: the ring buffer of the programs and the ICMPv6 half of the path: errors owed to
 * senders go out over a raw socket, Packet Too Big about our tunnels comes in over another. One
 * epoll descriptor stands for both inputs. plane/icmp.c knows what the messages look like.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/text.h"
#include "gw_path.skel.h"
#include "plane/icmp.h"
#include "plane/serve_entries.h"
#include "sys/plane_impl.h"

enum { ICMP_BATCH = 64, ICMP_ROOM = 2048, PROTO_RAW = 255 };

static void on_station(const struct gw_bpf *b, const struct gw_ev_station *e)
{
    struct gw_ifmap ifs = gw_bpf_ifmap(b);
    struct gw_station_key key = {.lladdr = {.len = sizeof e->mac}};
    int index = gw_ifmap_index(&ifs, e->head.ifindex);

    if (index < 0 || !b->ops->new_station)
        return;
    key.iface = (uint32_t)index;
    memcpy(key.lladdr.b, e->mac, sizeof e->mac);
    b->ops->new_station(b->user, &key, (struct gw_time){(int64_t)e->head.mono_ns});
}

static void on_first(const struct gw_bpf *b, const struct gw_ev_first *e)
{
    struct gw_prefix prefix = gw_entry_prefix_of(&e->prefix);

    if (b->ops->first_packet)
        b->ops->first_packet(b->user, &prefix, e->up != 0,
                             (struct gw_time){(int64_t)e->head.mono_ns});
}

/* MISS or USE. */
static void on_flow(const struct gw_bpf *b, const struct gw_ev_flow *e)
{
    const struct gw_t_flow_key key = {.src = e->client,
                                      .cs_id = e->cs_id,
                                      .sport = e->sport,
                                      .dport = e->dport,
                                      .proto = e->proto};

    if (!gw_bpf_service_used(b, e->cs))
        return;
    const struct gw_bpf_service *s = &b->service[e->cs];
    const struct gw_miss m = {.service = gw_entry_cs_of(&s->key),
                              .flow = gw_entry_flow_of(&key, s->affinity),
                              .from = gw_entry_addr_of(&e->from),
                              .csci_id = gw_entry_addr_of(&e->csci_id),
                              .egress = gw_entry_addr_of(&e->egress)};
    if (e->head.kind == GW_EV_MISS && b->ops->missed)
        b->ops->missed(b->user, &m);
    if (e->head.kind == GW_EV_USE && b->ops->used)
        b->ops->used(b->user, &(struct gw_flow_use){.service = m.service,
                                                    .flow = m.flow,
                                                    .csci_id = m.csci_id,
                                                    .ended = e->ended != 0});
}

/* A CS-ID is the address of many: routing might find another. The instance that sent the packet is
 * on the link it came from, or behind it. false: it is no instance of ours. */
static bool send_to_instance(struct gw_bpf *b, const struct gw_ev_error *e, const uint8_t *packet,
                             size_t len)
{
    static const uint8_t nobody[sizeof e->mac];
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_IPV6),
                             .sll_ifindex = (int)e->head.ifindex,
                             .sll_halen = sizeof e->mac};
    struct gw_t_addr dst;

    memcpy(dst.b, packet + 24, sizeof dst.b);
    if (memcmp(e->mac, nobody, sizeof nobody) == 0 || !gw_bpf_serves_here(b, &dst))
        return false;
    memcpy(to.sll_addr, e->mac, sizeof e->mac);
    if (sendto(b->link_fd, packet, len, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)len)
        gw_bpf_add_counter(b, GW_R_ERROR_SENT);
    return true;
}

static void on_error(struct gw_bpf *b, const struct gw_ev_error *e)
{
    struct gw_icmp_error err = {.type = e->type, .code = e->code, .mtu = e->mtu, .src = b->addr};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    uint8_t buf[GW_ICMP_ERROR_MAX];
    int len = gw_icmp_error_write(&err, e->packet, e->len, buf);

    if (len <= 0 || send_to_instance(b, e, buf, (size_t)len))
        return;
    memcpy(&to.sin6_addr, buf + 24, sizeof to.sin6_addr); /* the packet's own destination */
    if (sendto(b->raw_fd, buf, (size_t)len, 0, (struct sockaddr *)&to, sizeof to) == len)
        gw_bpf_add_counter(b, GW_R_ERROR_SENT);
}

static void on_mark(const struct gw_bpf *b, const struct gw_ev_mark *e)
{
    if (b->ops->marked)
        b->ops->marked(b->user, &(struct gw_marked){.prefix = gw_entry_prefix_of(&e->prefix),
                                                    .by = gw_entry_addr_of(&e->by),
                                                    .generation = e->generation});
}

/* ops NULL: events of a time when nobody listened. A station seen then may have moved on since, so
 * that to attach it now would be wrong. */
static int on_event(void *user, void *data, size_t size)
{
    struct gw_bpf *b = user;
    const struct gw_ev_head *h = data;

    if (!b->ops || size < sizeof *h)
        return 0;
    switch ((enum gw_ev_kind)h->kind) {
    case GW_EV_STATION:
        on_station(b, data);
        break;
    case GW_EV_FIRST:
        on_first(b, data);
        break;
    case GW_EV_ERROR:
        on_error(b, data);
        break;
    case GW_EV_MISS:
    case GW_EV_USE:
        on_flow(b, data);
        break;
    case GW_EV_MARK:
        on_mark(b, data);
        break;
    }
    return 0;
}

/* Only lowers: a forged message must not raise, and cannot go below 1280. */
static void on_too_big(struct gw_bpf *b, const uint8_t *icmp, size_t len, struct gw_time now)
{
    struct gw_addr peer;
    char text[GW_TEXT_MAX];
    uint32_t mtu;

    if (gw_icmp_tunnel_too_big(icmp, len, &b->addr, &peer, &mtu))
        return;
    if (gw_bpf_lower_peer_mtu(b, &peer, mtu, now) <= 0)
        return;
    gw_bpf_add_counter(b, GW_R_PEER_MTU);
    gw_log(b->log, GW_LOG_NOTICE, GW_CAT_PLANE, "peer-mtu", "path MTU to %s is now %u",
           gw_fmt_addr(&peer, text), mtu);
}

static void read_icmp(struct gw_bpf *b, struct gw_time now)
{
    uint8_t buf[ICMP_ROOM];

    for (int i = 0; i < ICMP_BATCH; i++) {
        ssize_t len = recv(b->icmp_fd, buf, sizeof buf, MSG_DONTWAIT);
        if (len <= 0)
            return;
        on_too_big(b, buf, (size_t)len, now);
    }
}

static int open_sockets(struct gw_bpf *b)
{
    const int type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    struct icmp6_filter filter;

    b->raw_fd = socket(AF_INET6, type, PROTO_RAW);
    b->icmp_fd = socket(AF_INET6, type, IPPROTO_ICMPV6);
    b->link_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* sends only */
    if (b->raw_fd < 0 || b->icmp_fd < 0 || b->link_fd < 0)
        return gw_bpf_fail(b, "raw socket");
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
    if (setsockopt(b->icmp_fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter))
        return gw_bpf_fail(b, "ICMP6_FILTER");
    return GW_OK;
}

int gw_bpf_events_open(struct gw_bpf *b)
{
    struct epoll_event in = {.events = EPOLLIN};

    if (open_sockets(b))
        return GW_ESYS;
    b->ring = ring_buffer__new(bpf_map__fd(b->skel->maps.events), on_event, b, NULL);
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int kept = gw_bpf_keeper_fd(b);
    if (!b->ring || b->epoll_fd < 0 ||
        epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, ring_buffer__epoll_fd(b->ring), &in) ||
        epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, b->icmp_fd, &in) ||
        (kept >= 0 && epoll_ctl(b->epoll_fd, EPOLL_CTL_ADD, kept, &in)))
        return gw_bpf_fail(b, "event ring");
    ring_buffer__consume(b->ring);
    return GW_OK;
}

void gw_bpf_events_close(struct gw_bpf *b)
{
    ring_buffer__free(b->ring);
    int fds[] = {b->epoll_fd, b->icmp_fd, b->raw_fd, b->link_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int gw_bpf_fd(const struct gw_bpf *b)
{
    return b->epoll_fd;
}

int gw_bpf_dispatch(struct gw_bpf *b, const struct gw_bpf_ops *ops, void *user, struct gw_time now)
{
    static const struct gw_bpf_ops none;

    b->ops = ops ? ops : &none;
    b->user = user;
    int rc = ring_buffer__consume(b->ring);
    b->ops = NULL;
    read_icmp(b, now);
    gw_bpf_keeper_dispatch(b);
    return rc < 0 ? GW_ESYS : GW_OK;
}
