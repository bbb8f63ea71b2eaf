/* hostapd.c: see hostapd.h. One request at a time, for answers carry no mark; what an event makes
 * worth asking waits in a list, then come the steps through all stations, then a PING to notice
 * that hostapd has gone. An answer that stays out ends the connection, so that a late one is never
 * taken for another's.
 */
#include "sys/hostapd.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_WITHIN  GW_SEC(2)
#define PING_EVERY     GW_SEC(2)
#define BACKOFF_FIRST  GW_MSEC(100)
#define BACKOFF_MOST   GW_SEC(3)
#define READS_PER_CALL 64

enum asking { ASK_NOTHING, ASK_ATTACH, ASK_STA, ASK_STEP, ASK_PING };

struct gw_hostapd_known {
    struct gw_lladdr lladdr;
    bool authorised, queued, event; /* event: something has just happened to it */
    uint32_t round;                 /* seen in this passage through all */
    struct gw_hostapd_known *next;
};

static uint64_t known_hash(const void *key, uint64_t seed)
{
    const struct gw_lladdr *l = key;
    return gw_hash(l->b, l->len, seed);
}
static bool known_eq(const void *key, const void *obj)
{
    return gw_lladdr_eq(key, &((const struct gw_hostapd_known *)obj)->lladdr);
}
static const void *known_key(const void *obj)
{
    return &((const struct gw_hostapd_known *)obj)->lladdr;
}
static const struct gw_table_ops known_ops = {.hash = known_hash, .eq = known_eq, .key = known_key};

void gw_hostapd_init(struct gw_hostapd *h, const char *path, gw_hostapd_fn *fn, void *user)
{
    *h = (struct gw_hostapd){.path = {.sun_family = AF_UNIX},
                             .fn = fn,
                             .user = user,
                             .fd = -1,
                             .backoff = BACKOFF_FIRST};
    snprintf(h->path.sun_path, sizeof h->path.sun_path, "%s", path);
    gw_table_init(&h->known, &gw_alloc_libc, &known_ops, GW_HOSTAPD_STATIONS,
                  (uint64_t)(uintptr_t)h);
}

static struct gw_hostapd_known *known_add(struct gw_hostapd *h, const struct gw_lladdr *sta)
{
    struct gw_hostapd_known *k = gw_table_get(&h->known, sta);

    if (k != NULL)
        return k;
    k = gw_new(&gw_alloc_libc, sizeof *k);
    if (k == NULL)
        return NULL;
    k->lladdr = *sta;
    if (gw_table_put(&h->known, k) == 0)
        return k;
    h->full++;
    gw_free(&gw_alloc_libc, k, sizeof *k);
    return NULL;
}

/* Not while it is in the list. */
static void known_free(struct gw_hostapd *h, struct gw_hostapd_known *k)
{
    gw_table_del(&h->known, &k->lladdr);
    gw_free(&gw_alloc_libc, k, sizeof *k);
}

static void enqueue(struct gw_hostapd *h, struct gw_hostapd_known *k, bool event)
{
    k->event = k->event || event;
    if (k->queued)
        return;
    k->queued = true;
    k->next = NULL;
    if (h->last != NULL)
        h->last->next = k;
    else
        h->first = k;
    h->last = k;
}

static struct gw_hostapd_known *dequeue(struct gw_hostapd *h)
{
    struct gw_hostapd_known *k = h->first;

    h->first = k->next;
    if (h->first == NULL)
        h->last = NULL;
    k->queued = false;
    return k;
}

/* -- the connection --------------------------------------------------------------------------- */

static void lose(struct gw_hostapd *h, struct gw_time now)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->attached = h->walking = false;
    h->asking = ASK_NOTHING;
    h->deadline = gw_time_add(now, h->backoff);
    h->backoff.ns *= 2;
    if (gw_time_before(BACKOFF_MOST, h->backoff))
        h->backoff = BACKOFF_MOST;
}

static int dial(struct gw_hostapd *h)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};

    h->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (h->fd < 0)
        return GW_ESYS;
    if (connect(h->fd, (const struct sockaddr *)&h->path, sizeof h->path) < 0 ||
        bind(h->fd, (const struct sockaddr *)&any, sizeof any.sun_family) < 0)
        return GW_ESYS;
    h->connections++;
    return 0;
}

static int ask(struct gw_hostapd *h, enum asking what, const char *verb,
               const struct gw_lladdr *sta, struct gw_time now)
{
    char text[96], mac[GW_TEXT_MAX] = "";

    if (sta != NULL)
        gw_fmt_lladdr(sta, mac);
    int n = snprintf(text, sizeof text, "%s%s%s", verb, sta != NULL ? " " : "", mac);
    if (send(h->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        return GW_ESYS;
    h->asking = (uint8_t)what;
    h->deadline = gw_time_add(now, ANSWER_WITHIN);
    return 0;
}

/* -- answers ---------------------------------------------------------------------------------- */

static void say(struct gw_hostapd *h, struct gw_hostapd_known *k, const struct gw_hostapd_sta *sta)
{
    enum gw_hostapd_news news = k->event ? GW_HOSTAPD_CAME : GW_HOSTAPD_MAY;

    k->round = h->round;
    if (!k->event && k->authorised)
        return; /* nothing new */
    k->authorised = true;
    k->event = false;
    h->fn(h->user, news, &k->lladdr, sta->nai.len > 0 ? &sta->nai : NULL);
}

static void gone(struct gw_hostapd *h, struct gw_hostapd_known *k)
{
    struct gw_lladdr who = k->lladdr;
    bool was = k->authorised;

    k->authorised = k->event = false;
    if (!k->queued)
        known_free(h, k);
    if (was)
        h->fn(h->user, GW_HOSTAPD_LEFT, &who, NULL);
}

static void sta_answer(struct gw_hostapd *h, const void *data, size_t len)
{
    struct gw_hostapd_known *k = gw_table_get(&h->known, &h->whom);
    struct gw_hostapd_sta sta;
    int err = gw_hostapd_parse_sta(data, len, &sta);

    if (k == NULL)
        return;
    if (err == GW_EFORMAT || (err == 0 && !gw_lladdr_eq(&sta.lladdr, &h->whom)))
        h->bad++;
    if (err == 0 && gw_lladdr_eq(&sta.lladdr, &h->whom) && sta.authorised)
        say(h, k, &sta);
    else
        gone(h, k);
}

/* Whom this passage has not met is asked for by name. */
static void end_walk(struct gw_hostapd *h, bool complete)
{
    struct gw_hostapd_known *k;

    h->walking = false;
    for (size_t i = 0; (k = gw_table_next(&h->known, &i)) != NULL;)
        if (k->round != h->round)
            enqueue(h, k, false);
    if (complete)
        h->fn(h->user, GW_HOSTAPD_ALL, NULL, NULL);
}

static void step_answer(struct gw_hostapd *h, const void *data, size_t len)
{
    struct gw_hostapd_sta sta;
    int err = gw_hostapd_parse_sta(data, len, &sta);

    h->bad += err == GW_EFORMAT;
    if (len == 0 || err == GW_EFORMAT || h->steps++ >= GW_HOSTAPD_STATIONS) {
        end_walk(h, len == 0);
        return;
    }
    if (err < 0) { /* "FAIL": the one it stood at has left meanwhile; from the start again */
        h->at.len = 0;
        h->round++;
        return;
    }
    h->at = sta.lladdr;
    if (!sta.authorised)
        return;
    struct gw_hostapd_known *k = known_add(h, &sta.lladdr);
    if (k != NULL)
        say(h, k, &sta);
}

static int answer(struct gw_hostapd *h, const void *data, size_t len, struct gw_time now)
{
    uint8_t asked = h->asking;

    h->asking = ASK_NOTHING;
    h->deadline = gw_time_add(now, PING_EVERY);
    switch ((enum asking)asked) {
    case ASK_NOTHING: /* to nothing: the order is lost */
        return GW_EFORMAT;
    case ASK_ATTACH:
        if (!gw_hostapd_says(data, len, "OK"))
            return GW_EFORMAT;
        h->attached = h->walking = true;
        h->at.len = 0;
        h->steps = 0;
        h->round++;
        h->backoff = BACKOFF_FIRST;
        return 0;
    case ASK_STA:
        sta_answer(h, data, len);
        return 0;
    case ASK_STEP:
        step_answer(h, data, len);
        return 0;
    case ASK_PING:
        return gw_hostapd_says(data, len, "PONG") ? 0 : GW_EFORMAT;
    }
    return GW_EFORMAT;
}

static void event(struct gw_hostapd *h, enum gw_hostapd_event what, const struct gw_lladdr *sta)
{
    struct gw_hostapd_known *k = gw_table_get(&h->known, sta);

    h->events++;
    if (k == NULL && what != GW_HOSTAPD_DISCONNECTED)
        k = known_add(h, sta);
    if (k != NULL)
        enqueue(h, k, what != GW_HOSTAPD_DISCONNECTED);
}

/* 1 when a datagram was taken, 0 when there is none. */
static int read_one(struct gw_hostapd *h, struct gw_time now)
{
    char buf[GW_HOSTAPD_MAX];
    struct gw_lladdr sta;
    ssize_t n = recv(h->fd, buf, sizeof buf, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : GW_ESYS;
    enum gw_hostapd_event what = gw_hostapd_parse(buf, (size_t)n, &sta);
    switch (what) {
    case GW_HOSTAPD_ANSWER: {
        int err = answer(h, buf, (size_t)n, now);
        h->bad += err < 0;
        return err < 0 ? err : 1;
    }
    case GW_HOSTAPD_OTHER:
        break;
    case GW_HOSTAPD_CONNECTED:
    case GW_HOSTAPD_DISCONNECTED:
    case GW_HOSTAPD_EAP_SUCCESS:
        event(h, what, &sta);
        break;
    }
    return 1;
}

/* -- requests --------------------------------------------------------------------------------- */

static int ask_next(struct gw_hostapd *h, struct gw_time now)
{
    if (h->asking != ASK_NOTHING)
        return gw_time_before(now, h->deadline) ? 0 : GW_ESYS;
    if (!h->attached)
        return ask(h, ASK_ATTACH, "ATTACH", NULL, now);
    if (h->first != NULL) {
        h->whom = dequeue(h)->lladdr;
        return ask(h, ASK_STA, "STA", &h->whom, now);
    }
    if (h->walking && h->at.len == 0)
        return ask(h, ASK_STEP, "STA-FIRST", NULL, now);
    if (h->walking)
        return ask(h, ASK_STEP, "STA-NEXT", &h->at, now);
    return gw_time_before(now, h->deadline) ? 0 : ask(h, ASK_PING, "PING", NULL, now);
}

void gw_hostapd_run(struct gw_hostapd *h, struct gw_time now)
{
    int got = 1;

    if (h->fd < 0) {
        if (gw_time_before(now, h->deadline))
            return;
        got = dial(h) < 0 ? GW_ESYS : 1;
    }
    for (int i = 0; got > 0 && i < READS_PER_CALL; i++) {
        got = read_one(h, now);
        if (got >= 0 && ask_next(h, now) < 0)
            got = GW_ESYS;
    }
    if (got < 0)
        lose(h, now);
}

struct gw_time gw_hostapd_deadline(const struct gw_hostapd *h)
{
    return h->deadline;
}

void gw_hostapd_close(struct gw_hostapd *h)
{
    struct gw_hostapd_known *k;

    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->first = h->last = NULL;
    for (size_t i = 0; (k = gw_table_next(&h->known, &i)) != NULL;)
        known_free(h, k);
    gw_table_free(&h->known);
}
