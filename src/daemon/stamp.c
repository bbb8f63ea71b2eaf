/* stamp.c: the sockets of STAMP: what comes in becomes a node input, what the node wants sent goes
 * out. Open in nodes that are part of CATS, whether they measure or only reflect.
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/stamp_socket.h"

#include "base/text.h"

#include <errno.h>

#define READS_PER_EVENT 64

static void read_stamp(struct gwd *d, int fd, bool reflect)
{
    uint8_t buf[GW_STAMP_ROOM];
    for (int i = 0; i < READS_PER_EVENT; i++) {
        struct gw_stamp_arrival a;
        int n = gw_stamp_recv(fd, &a, buf);
        if (n < 0)
            break;
        if (a.refused)
            d->count.stamp_refused++;
        else
            d->count.stamp_received++;
        struct gw_input in = {.kind = GW_IN_STAMP,
                              .stamp = {.from = a.from,
                                        .port = a.port,
                                        .hop_limit = a.hop_limit,
                                        .reflect = reflect,
                                        .refused = a.refused,
                                        .received = a.received,
                                        .data = buf,
                                        .len = (size_t)n}};
        gwd_input(d, &in, gw_clock_now());
    }
}

static void probes_readable(uv_poll_t *poll, int status, int events)
{
    struct gwd *d = poll->data;
    (void)events;
    read_stamp(d, d->reflector.fd, true);
    gwd_go_on(poll, status, probes_readable);
}

static void answers_readable(uv_poll_t *poll, int status, int events)
{
    struct gwd *d = poll->data;
    (void)events;
    read_stamp(d, d->prober.fd, false);
    gwd_go_on(poll, status, answers_readable);
}

static int open_one(struct gwd *d, struct gwd_fd *f, uint16_t port, uv_poll_cb cb)
{
    char text[GW_TEXT_MAX];
    int fd = gw_stamp_open(&d->conf->addr, port);
    if (fd >= 0 && gwd_watch(d, f, fd, true, cb, d) == 0)
        return 0;
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "stamp-failed",
           "cannot open UDP [%s]:%u for STAMP: %s", gw_fmt_addr(&d->conf->addr, text), port,
           strerror(errno));
    return GW_ESYS;
}

int gwd_stamp_open(struct gwd *d)
{
    if ((d->conf->roles & GW_ROLES_CATS) == 0)
        return 0;
    int err = open_one(d, &d->reflector, d->conf->steering.stamp_port, probes_readable);
    return err < 0 ? err : open_one(d, &d->prober, 0, answers_readable);
}

void gwd_stamp_close(struct gwd *d)
{
    gwd_unwatch(&d->reflector);
    gwd_unwatch(&d->prober);
}

void gwd_stamp_send(struct gwd *d, const struct gw_action *act)
{
    int fd = act->stamp.reflect ? d->reflector.fd : d->prober.fd;
    if (fd >= 0 &&
        gw_stamp_send(fd, &act->stamp.to, act->stamp.port, act->stamp.data, act->stamp.len) == 0)
        d->count.stamp_sent++;
    else
        d->count.stamp_send_errors++; /* the node counts it as lost */
}
