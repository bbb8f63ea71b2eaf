/* accounting.c: sessions that NASes account for (src/sys/radius.h) become attachments. A NAS with
 * one access interface says with a Start where the station is. One with several (a switch, a
 * controller of access points) does not: its stations may come in on any of these, and are where
 * they show themselves.
 */
#include "base/text.h"
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/radius.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

struct gwd_accounting {
    struct gwd *daemon;
    struct gw_radius radius;
    struct gw_radius_nas *nas;
    struct gwd_fd fd;
};

static void news(void *user, size_t nas, enum gw_radius_news what, const struct gw_lladdr *sta,
                 const struct gw_mnid *nai)
{
    static const enum gw_input_kind kinds[] = {[GW_RADIUS_BEGAN] = GW_IN_ATTACH,
                                               [GW_RADIUS_GOES] = GW_IN_AUTHORISED,
                                               [GW_RADIUS_ENDED] = GW_IN_DETACH};
    const struct gwd_accounting *a = user;
    const struct gw_cfg_nas *cfg = &a->daemon->conf->attachment.radius.nas[nas];
    struct gw_now now = gw_clock_now();
    struct gw_input in = {
        .kind = kinds[what],
        .attach = {.mnid = nai, .by = GW_SEEN_RADIUS, .seen = now.mono, .station.lladdr = *sta}};

    if (what == GW_RADIUS_BEGAN && cfg->nifs > 1)
        in.kind = GW_IN_AUTHORISED;
    for (size_t i = 0; i < cfg->nifs; i++) {
        const struct gwd_if *ifc = gwd_if_named(a->daemon, cfg->ifs[i]);
        if (ifc == NULL)
            continue; /* the configuration's check rules it out */
        in.attach.station.iface = ifc->index;
        gwd_input(a->daemon, &in, now);
    }
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct gwd_accounting *a = poll->data;
    (void)events;
    gw_radius_read(&a->radius, gw_clock_mono());
    if (status < 0 && a->fd.polled) /* libuv has stopped watching */
        uv_poll_start(poll, UV_READABLE, readable);
}

static int failed(struct gwd *d)
{
    char text[GW_TEXT_MAX];
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_ACCESS, "radius-failed",
           "cannot listen on [%s]:%u: %s", gw_fmt_addr(&d->conf->attachment.radius.addr, text),
           d->conf->attachment.radius.port, strerror(errno));
    return GW_ESYS;
}

int gwd_accounting_open(struct gwd *d)
{
    const struct gw_cfg_attachment *cfg = &d->conf->attachment;
    uint64_t seed;
    if (cfg->radius.port == 0)
        return 0;
    struct gwd_accounting *a = d->accounting = calloc(1, sizeof *a);
    if (a == NULL)
        return GW_ENOMEM;
    *a = (struct gwd_accounting){.daemon = d, .fd = {.fd = -1}, .radius = {.fd = -1}};
    a->nas = calloc(cfg->radius.nnas, sizeof *a->nas);
    if (a->nas == NULL)
        return GW_ENOMEM;
    for (size_t i = 0; i < cfg->radius.nnas; i++)
        a->nas[i] = (struct gw_radius_nas){.addr = cfg->radius.nas[i].addr,
                                           .secret = cfg->radius.nas[i].secret};
    a->radius.nas = a->nas;
    a->radius.nnas = cfg->radius.nnas;
    a->radius.rate = d->conf->limits.peer_rate;
    a->radius.fn = news;
    a->radius.user = a;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed ||
        gw_radius_open(&a->radius, &cfg->radius.addr, cfg->radius.port, d->conf->limits.stations,
                       seed) < 0 ||
        gwd_watch(d, &a->fd, a->radius.fd, false, readable, a) < 0)
        return failed(d);
    return 0;
}

void gwd_accounting_close(struct gwd *d)
{
    if (d->accounting == NULL)
        return;
    gwd_unwatch(&d->accounting->fd);
    gw_radius_close(&d->accounting->radius);
}

void gwd_accounting_free(struct gwd *d)
{
    struct gwd_accounting *a = d->accounting;
    if (a == NULL)
        return;
    if (a->nas != NULL)
        explicit_bzero(a->nas, a->radius.nnas * sizeof *a->nas);
    free(a->nas);
    free(a);
}

void gwd_accounting_count(const struct gwd *d, struct gw_emit *e)
{
    if (d->accounting == NULL)
        return;
#define X(member, name) gw_emit_num(e, name, (int64_t)d->accounting->radius.count.member);
    GW_RADIUS_COUNTERS(X)
#undef X
}

static bool same_nas(const struct gw_cfg_nas *a, const struct gw_cfg_nas *b)
{
    if (!gw_addr_eq(&a->addr, &b->addr) || a->secret.len != b->secret.len ||
        memcmp(a->secret.b, b->secret.b, a->secret.len) != 0 || a->nifs != b->nifs)
        return false;
    for (size_t i = 0; i < a->nifs; i++)
        if (strcmp(a->ifs[i], b->ifs[i]) != 0)
            return false;
    return true;
}

bool gwd_accounting_same(const struct gw_config *a, const struct gw_config *b)
{
    const struct gw_cfg_attachment *x = &a->attachment, *y = &b->attachment;
    if (x->radius.port != y->radius.port || !gw_addr_eq(&x->radius.addr, &y->radius.addr) ||
        x->radius.nnas != y->radius.nnas)
        return false;
    for (size_t i = 0; i < x->radius.nnas; i++)
        if (!same_nas(&x->radius.nas[i], &y->radius.nas[i]))
            return false;
    return true;
}
