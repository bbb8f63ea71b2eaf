/* io.c: descriptors become inputs of the node. Each callback takes a bounded number of events; the
 * loop comes back for the rest. The deadline is a timerfd, because libuv's timers count
 * milliseconds.
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/mh_socket.h"
#include "sys/nd_socket.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define READS_PER_EVENT 64
#define MH_WAITING      65536 /* more messages than the socket's buffer holds */

int gwd_watch(struct gwd *d, struct gwd_fd *f, int fd, bool owned, uv_poll_cb cb, void *data)
{
    int rc = uv_poll_init(&d->loop, &f->poll, fd);
    if (rc == 0) {
        f->poll.data = data;
        f->polled = true;
        rc = uv_poll_start(&f->poll, UV_READABLE, cb);
    }
    f->fd = fd;
    f->owned = owned;
    errno = -rc;
    return rc < 0 ? GW_ESYS : 0;
}

void gwd_unwatch(struct gwd_fd *f)
{
    if (f->polled) {
        uv_poll_stop(&f->poll);
        uv_close((uv_handle_t *)&f->poll, NULL);
    }
    if (f->owned && f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    f->polled = f->owned = false;
}

/* libuv stops watching at an error (an interface set down, netlink messages lost); reading has
 * taken the error from the socket, so go on. */
void gwd_go_on(uv_poll_t *poll, int status, uv_poll_cb cb)
{
    if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
        uv_poll_start(poll, UV_READABLE, cb);
}

static void read_mh(struct gwd *d, int most)
{
    uint8_t buf[GW_MH_MAX + 8];
    for (int i = 0; i < most; i++) {
        struct gw_input in = {.kind = GW_IN_MH};
        int n = gw_mh_recv(d->mh.fd, &in.mh.addrs, buf, sizeof buf);
        if (n < 0)
            break;
        d->count.mh_received++;
        in.mh.data = buf;
        in.mh.len = (size_t)n;
        gwd_input(d, &in, gw_clock_now());
    }
}

static void mh_readable(uv_poll_t *poll, int status, int events)
{
    struct gwd *d = poll->data;
    (void)events;
    read_mh(d, READS_PER_EVENT);
    gwd_go_on(poll, status, mh_readable);
}

void gwd_mh_read_all(struct gwd *d)
{
    read_mh(d, MH_WAITING);
}

static void nd_readable(uv_poll_t *poll, int status, int events)
{
    const struct gwd_if *ifc = poll->data;
    struct gwd *d = ifc->daemon;
    uint8_t buf[GW_ND_FRAME_MAX];
    (void)events;
    for (int i = 0; i < READS_PER_EVENT; i++) {
        struct gw_nd_frame frame;
        int n = gw_nd_recv(ifc->nd.fd, buf, &frame);
        if (n < 0)
            break;
        if (n == 0)
            continue;
        d->count.nd_received++;
        struct gw_input in = {
            .kind = GW_IN_ND,
            .nd = {.iface = ifc->index, .src = frame.src, .data = frame.packet, .len = frame.len}};
        gwd_input(d, &in, gw_clock_now());
    }
    gwd_go_on(poll, status, nd_readable);
}

static void new_station(void *user, const struct gw_station_key *key, struct gw_time seen)
{
    struct gw_input in = {.kind = GW_IN_ATTACH,
                          .attach = {.station = *key, .by = GW_SEEN_FRAME, .seen = seen}};
    gwd_input(user, &in, gw_clock_now());
}

static void first_packet(void *user, const struct gw_prefix *prefix, bool uplink,
                         struct gw_time seen)
{
    struct gw_input in = {.kind = GW_IN_FIRST_PKT,
                          .first = {.prefix = *prefix, .uplink = uplink, .seen = seen}};
    gwd_input(user, &in, gw_clock_now());
}

static void missed(void *user, const struct gw_miss *m)
{
    struct gw_input in = {.kind = GW_IN_MISS, .miss = *m};
    gwd_input(user, &in, gw_clock_now());
}

static void used(void *user, const struct gw_flow_use *u)
{
    struct gw_input in = {.kind = GW_IN_FLOW, .flow = *u};
    gwd_input(user, &in, gw_clock_now());
}

static void marked(void *user, const struct gw_marked *m)
{
    struct gw_input in = {.kind = GW_IN_MARKED, .marked = *m};
    gwd_input(user, &in, gw_clock_now());
}

static void plane_readable(uv_poll_t *poll, int status, int events)
{
    static const struct gw_bpf_ops ops = {.new_station = new_station,
                                          .first_packet = first_packet,
                                          .missed = missed,
                                          .used = used,
                                          .marked = marked};
    struct gwd *d = poll->data;
    (void)events;
    gw_bpf_dispatch(d->bpf, &ops, d, gw_clock_mono());
    gwd_go_on(poll, status, plane_readable);
}

static void carrier_event(struct gwd *d, struct gwd_if *ifc, bool carrier)
{
    if (ifc->carrier == carrier)
        return;
    ifc->carrier = carrier;
    gw_log(&d->logger.log, GW_LOG_INFO, GW_CAT_ACCESS, carrier ? "carrier-up" : "carrier-down",
           "%s", ifc->name);
    if (carrier || ifc->side != GW_IF_ACCESS)
        return;
    struct gw_input in = {.kind = GW_IN_LINK_DOWN, .link = {.iface = ifc->index}};
    gwd_input(d, &in, gw_clock_now());
}

static void station_event(struct gwd *d, const struct gwd_if *ifc, const struct gw_nl_event *ev)
{
    struct gw_now now = gw_clock_now();
    struct gw_input in = {.kind = ev->kind == GW_NL_STATION ? GW_IN_ATTACH : GW_IN_DETACH,
                          .attach = {.station = {.iface = ifc->index, .lladdr = ev->lladdr},
                                     .by = GW_SEEN_NETLINK,
                                     .seen = now.mono}};
    if (ifc->side == GW_IF_ACCESS)
        gwd_input(d, &in, now);
}

static void netlink_event(void *user, const struct gw_nl_event *ev)
{
    struct gwd *d = user;
    for (size_t i = 0; i < d->nifs; i++) {
        struct gwd_if *ifc = &d->ifs[i];
        if (ifc->ifindex != ev->ifindex && ifc->ifindex != ev->master)
            continue;
        switch (ev->kind) {
        case GW_NL_CARRIER_UP:
        case GW_NL_CARRIER_DOWN:
            carrier_event(d, ifc, ev->kind == GW_NL_CARRIER_UP);
            break;
        case GW_NL_LINK_GONE:
            carrier_event(d, ifc, false);
            gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "interface-gone",
                   "%s was deleted; restart the daemon when it is back", ifc->name);
            break;
        case GW_NL_STATION:
        case GW_NL_STATION_GONE:
            station_event(d, ifc, ev);
            break;
        }
    }
}

void gwd_links_refresh(struct gwd *d)
{
    if (gw_nl_links(netlink_event, d) < 0)
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_NODE, "links-unknown",
               "cannot ask for the state of the links: %s", strerror(errno));
}

static void netlink_readable(uv_poll_t *poll, int status, int events)
{
    struct gwd *d = poll->data;
    (void)events;
    int err = gw_nl_dispatch(d->netlink.fd, netlink_event, d);
    gwd_go_on(poll, status, netlink_readable);
    if (err != GW_ESHORT)
        return;
    d->count.netlink_lost++;
    gwd_links_refresh(d);
}

static void deadline_reached(uv_poll_t *poll, int status, int events)
{
    struct gwd *d = poll->data;
    uint64_t times;
    (void)status;
    (void)events;
    if (read(d->deadline.fd, &times, sizeof times) < 0)
        return; /* it has been set anew meanwhile */
    d->armed = GW_NEVER;
    gw_node_expire(d->node, gw_clock_now());
    gwd_carry_out(d);
    gw_bpf_expire(d->bpf, gw_clock_mono());
}

static void arm_deadline(uv_prepare_t *prepare)
{
    struct gwd *d = prepare->data;
    struct gw_time at = gw_node_deadline(d->node), plane = gw_bpf_deadline(d->bpf);
    struct gw_time store = gw_store_retry(d->store);
    struct itimerspec spec = {0};
    if (gw_time_before(plane, at))
        at = plane;
    if (gw_time_before(store, at)) /* the batch's end commits */
        at = store;
    if (at.ns == d->armed.ns)
        return;
    d->armed = at;
    if (at.ns != GW_NEVER.ns) {
        int64_t ns = at.ns > 0 ? at.ns : 1; /* 0 would stop the timer */
        spec.it_value.tv_sec = ns / 1000000000;
        spec.it_value.tv_nsec = ns % 1000000000;
    }
    timerfd_settime(d->deadline.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void end_batch(uv_check_t *check)
{
    gwd_flush(check->data);
}

static int open_access(struct gwd *d)
{
    for (size_t i = 0; i < d->nifs; i++) {
        struct gwd_if *ifc = &d->ifs[i];
        if (ifc->side != GW_IF_ACCESS)
            continue;
        int fd = gw_nd_open(ifc->ifindex);
        if (fd < 0 || gwd_watch(d, &ifc->nd, fd, true, nd_readable, ifc) < 0) {
            gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_ACCESS, "nd-socket-failed",
                   "cannot listen on %s: %s", ifc->name, strerror(errno));
            return GW_ESYS;
        }
    }
    return 0;
}

static int open_one(struct gwd *d, struct gwd_fd *f, int fd, uv_poll_cb cb, const char *what)
{
    if (fd >= 0 && gwd_watch(d, f, fd, true, cb, d) == 0)
        return 0;
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "open-failed", "cannot open %s: %s", what,
           strerror(errno));
    return GW_ESYS;
}

int gwd_io_open(struct gwd *d)
{
    char addr[GW_TEXT_MAX], what[128];
    snprintf(what, sizeof what, "the signalling socket on %s", gw_fmt_addr(&d->conf->addr, addr));
    int err = open_one(d, &d->mh, gw_mh_open(&d->conf->addr), mh_readable, what);
    d->icmp_fd = err == 0 ? gw_icmp_open(&d->conf->addr) : -1;
    if (err == 0)
        err = open_one(d, &d->netlink, gw_nl_open(), netlink_readable, "netlink");
    if (err == 0)
        err = open_one(d, &d->deadline, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                       deadline_reached, "a timer");
    if (err == 0)
        err = open_access(d);
    if (err == 0)
        err = gwd_stamp_open(d);
    if (err == 0)
        err = gwd_watch(d, &d->plane, gw_bpf_fd(d->bpf), false, plane_readable, d);
    if (err < 0)
        return err;
    d->armed = GW_NEVER;
    uv_prepare_start(&d->prepare, arm_deadline);
    uv_check_start(&d->check, end_batch);
    return 0;
}

void gwd_io_close(struct gwd *d)
{
    uv_prepare_stop(&d->prepare);
    uv_check_stop(&d->check);
    for (size_t i = 0; i < d->nifs; i++)
        gwd_unwatch(&d->ifs[i].nd);
    gwd_unwatch(&d->plane);
    gwd_stamp_close(d);
    gwd_unwatch(&d->deadline);
    gwd_unwatch(&d->netlink);
    gwd_unwatch(&d->mh);
    if (d->icmp_fd >= 0)
        close(d->icmp_fd);
    d->icmp_fd = -1;
}
