/* attach.c: hostapd's stations become attachments: one client (src/sys/hostapd.h) per configured
 * control socket, each with its descriptor and deadline in the loop.
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/hostapd.h"

#include <stdlib.h>

struct gwd_hostapd {
    struct gwd *daemon;
    const struct gwd_if *ifc;
    struct gw_hostapd client;
    uint64_t watched; /* the connection that is */
    bool attached;    /* as last logged */
    struct gwd_fd fd;
    uv_timer_t timer;
};

static void news(void *user, enum gw_hostapd_news what, const struct gw_lladdr *sta,
                 const struct gw_mnid *nai)
{
    static const enum gw_input_kind kinds[] = {[GW_HOSTAPD_CAME] = GW_IN_ATTACH,
                                               [GW_HOSTAPD_MAY] = GW_IN_AUTHORISED,
                                               [GW_HOSTAPD_LEFT] = GW_IN_DETACH,
                                               [GW_HOSTAPD_ALL] = GW_IN_ALL_SAID};
    const struct gwd_hostapd *h = user;
    struct gw_now now = gw_clock_now();
    struct gw_input in = {.kind = kinds[what]};
    if (what == GW_HOSTAPD_ALL) {
        in.link.iface = h->ifc->index;
    } else {
        in.attach.station = (struct gw_station_key){.iface = h->ifc->index, .lladdr = *sta};
        in.attach.mnid = nai;
        in.attach.by = GW_SEEN_HOSTAPD;
        in.attach.seen = now.mono;
    }
    gwd_input(h->daemon, &in, now);
}

static void turn(struct gwd_hostapd *h);

static void readable(uv_poll_t *poll, int status, int events)
{
    struct gwd_hostapd *h = poll->data;
    (void)events;
    turn(h);
    if (status < 0 && h->fd.polled) /* libuv has stopped watching */
        uv_poll_start(poll, UV_READABLE, readable);
}

static void due(uv_timer_t *timer)
{
    turn(timer->data);
}

static void log_state(struct gwd_hostapd *h)
{
    if (h->attached == h->client.attached)
        return;
    h->attached = h->client.attached;
    gw_log(&h->daemon->logger.log, h->attached ? GW_LOG_NOTICE : GW_LOG_WARN, GW_CAT_ACCESS,
           h->attached ? "hostapd-attached" : "hostapd-lost", "%s on %s", h->client.path.sun_path,
           h->ifc->name);
}

static void turn(struct gwd_hostapd *h)
{
    struct gwd *d = h->daemon;
    struct gw_hostapd *c = &h->client;
    struct gw_time now = gw_clock_mono();
    uint64_t events = c->events, bad = c->bad, full = c->full;
    gw_hostapd_run(c, now);
    d->count.hostapd_events += c->events - events;
    d->count.hostapd_bad += c->bad - bad;
    d->count.hostapd_full += c->full - full;
    log_state(h);
    if (h->watched != c->connections || c->fd < 0)
        gwd_unwatch(&h->fd);
    if (c->fd >= 0 && h->watched != c->connections) {
        d->count.hostapd_connections++;
        if (gwd_watch(d, &h->fd, c->fd, false, readable, h) < 0)
            gwd_unwatch(&h->fd); /* asked at each deadline then */
    }
    h->watched = c->connections;
    int64_t wait = gw_time_sub(gw_hostapd_deadline(c), now).ns;
    uv_timer_start(&h->timer, due, wait > 0 ? (uint64_t)(wait / 1000000 + 1) : 1, 0);
}

const struct gwd_if *gwd_if_named(const struct gwd *d, const char *name)
{
    for (size_t i = 0; i < d->nifs; i++)
        if (strcmp(d->ifs[i].name, name) == 0)
            return &d->ifs[i];
    return NULL;
}

int gwd_attach_open(struct gwd *d)
{
    const struct gw_cfg_attachment *cfg = &d->conf->attachment;
    int err = gwd_accounting_open(d);
    if (err < 0 || cfg->nhostapd == 0)
        return err;
    d->hostapd = calloc(cfg->nhostapd, sizeof *d->hostapd);
    if (d->hostapd == NULL)
        return GW_ENOMEM;
    d->nhostapd = cfg->nhostapd;
    for (size_t i = 0; i < d->nhostapd; i++) {
        struct gwd_hostapd *h = &d->hostapd[i];
        *h = (struct gwd_hostapd){
            .daemon = d, .ifc = gwd_if_named(d, cfg->hostapd[i].iface), .fd = {.fd = -1}};
        gw_hostapd_init(&h->client, cfg->hostapd[i].socket, news, h);
        uv_timer_init(&d->loop, &h->timer);
        h->timer.data = h;
        turn(h);
    }
    return 0;
}

void gwd_attach_close(struct gwd *d)
{
    gwd_accounting_close(d);
    for (size_t i = 0; i < d->nhostapd; i++) {
        gwd_unwatch(&d->hostapd[i].fd);
        uv_close((uv_handle_t *)&d->hostapd[i].timer, NULL);
        gw_hostapd_close(&d->hostapd[i].client);
    }
}

void gwd_attach_free(struct gwd *d)
{
    free(d->hostapd);
    gwd_accounting_free(d);
}

void gwd_attach_show(const struct gwd *d, struct gw_emit *e)
{
    for (size_t i = 0; i < d->nhostapd; i++)
        gw_emit_str(e, d->hostapd[i].ifc->name,
                    d->hostapd[i].client.attached ? "attached" : "waiting");
}

bool gwd_attach_same(const struct gw_config *a, const struct gw_config *b)
{
    const struct gw_cfg_attachment *x = &a->attachment, *y = &b->attachment;
    if (x->nhostapd != y->nhostapd)
        return false;
    for (size_t i = 0; i < x->nhostapd; i++)
        if (strcmp(x->hostapd[i].iface, y->hostapd[i].iface) != 0 ||
            strcmp(x->hostapd[i].socket, y->hostapd[i].socket) != 0)
            return false;
    return gwd_accounting_same(a, b);
}
