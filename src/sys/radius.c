/* radius.c: see radius.h. A session is known by a keyed hash of its Acct-Session-Id. What a
 * station's entry says: the sessions that were seen, the latest first, and whether that one goes
 * on.
 *
 *   Start    of a session not seen before: it began.
 *   Interim  of the one that goes on, or of one not seen before (its Start was lost, or heard
 * before a restart of this process): it goes on. Stop     of the one that goes on, or of one not
 * seen before while none does: it has ended. On, Off  all sessions of that NAS have ended.
 *
 * Anything else is repeated or late.
 */
#include "sys/radius.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_PER_CALL 64

struct gw_radius_key {
    struct gw_addr nas;
    struct gw_lladdr sta;
};

struct gw_radius_station {
    struct gw_radius_key key;
    uint64_t seen[GW_RADIUS_SESSIONS]; /* 0: none */
    bool open;
    struct gw_radius_station *prev, *next; /* in the list of those that are not open */
};

static uint64_t station_hash(const void *key, uint64_t seed)
{
    const struct gw_radius_key *k = key;
    return gw_hash(k->sta.b, k->sta.len, seed ^ gw_hash(k->nas.b, sizeof k->nas.b, seed));
}
static bool station_eq(const void *key, const void *obj)
{
    const struct gw_radius_key *a = key, *b = &((const struct gw_radius_station *)obj)->key;
    return gw_addr_eq(&a->nas, &b->nas) && gw_lladdr_eq(&a->sta, &b->sta);
}
static const void *station_key(const void *obj)
{
    return &((const struct gw_radius_station *)obj)->key;
}
static const struct gw_table_ops station_ops = {
    .hash = station_hash, .eq = station_eq, .key = station_key};

int gw_radius_open(struct gw_radius *r, const struct gw_addr *addr, uint16_t port, size_t stations,
                   uint64_t seed)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memcpy(&sa.sin6_addr, addr->b, sizeof addr->b);
    gw_table_init(&r->stations, &gw_alloc_libc, &station_ops, stations, seed);
    r->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (r->fd < 0 || bind(r->fd, (const struct sockaddr *)&sa, sizeof sa) < 0)
        return GW_ESYS; /* gw_radius_close is the caller's */
    return 0;
}

/* ---- stations ---- */

static void unlist(struct gw_radius *r, struct gw_radius_station *s)
{
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        r->first = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    else
        r->last = s->prev;
    s->prev = s->next = NULL;
}

static void enlist(struct gw_radius *r, struct gw_radius_station *s)
{
    s->prev = r->last;
    if (r->last != NULL)
        r->last->next = s;
    else
        r->first = s;
    r->last = s;
}

static void set_open(struct gw_radius *r, struct gw_radius_station *s, bool open)
{
    if (s->open == open)
        return;
    s->open = open;
    if (open)
        unlist(r, s);
    else
        enlist(r, s);
}

static void forget(struct gw_radius *r, struct gw_radius_station *s)
{
    if (!s->open)
        unlist(r, s);
    gw_table_del(&r->stations, &s->key);
    gw_free(&gw_alloc_libc, s, sizeof *s);
}

/* Its entry, a new one if need be, for which the station that has been away longest makes room. */
static struct gw_radius_station *station(struct gw_radius *r, const struct gw_radius_key *key)
{
    struct gw_radius_station *s = gw_table_get(&r->stations, key);

    if (s != NULL)
        return s;
    if (gw_table_count(&r->stations) >= r->stations.limit && r->first != NULL)
        forget(r, r->first);
    s = gw_new(&gw_alloc_libc, sizeof *s);
    if (s != NULL) {
        s->key = *key;
        if (gw_table_put(&r->stations, s) == 0) {
            enlist(r, s);
            return s;
        }
        gw_free(&gw_alloc_libc, s, sizeof *s);
    }
    r->count.full++;
    return NULL;
}

void gw_radius_close(struct gw_radius *r)
{
    struct gw_radius_station *s;

    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    if (r->stations.ops == NULL)
        return;
    for (size_t i = 0; (s = gw_table_next(&r->stations, &i)) != NULL;)
        forget(r, s);
    gw_table_free(&r->stations);
}

/* ---- sessions ---- */

static bool was_seen(const struct gw_radius_station *s, uint64_t session)
{
    for (size_t i = 0; i < GW_RADIUS_SESSIONS; i++)
        if (s->seen[i] == session)
            return true;
    return false;
}

static void note(struct gw_radius_station *s, uint64_t session)
{
    memmove(&s->seen[1], &s->seen[0], sizeof s->seen - sizeof s->seen[0]);
    s->seen[0] = session;
}

/* Is the request news about the station, and which? The entry knows it afterwards. */
static bool session_news(struct gw_radius *r, struct gw_radius_station *s,
                         enum gw_radius_status status, uint64_t session, enum gw_radius_news *news)
{
    bool known = was_seen(s, session), current = s->open && s->seen[0] == session;

    switch (status) {
    case GW_RADIUS_START:
        if (known)
            return false;
        *news = GW_RADIUS_BEGAN;
        break;
    case GW_RADIUS_INTERIM:
        if (known && !current)
            return false;
        *news = GW_RADIUS_GOES;
        break;
    case GW_RADIUS_STOP:
        if (!current && (known || s->open))
            return false;
        *news = GW_RADIUS_ENDED;
        break;
    case GW_RADIUS_ON:
    case GW_RADIUS_OFF:
        return false;
    }
    if (!known)
        note(s, session);
    set_open(r, s, status != GW_RADIUS_STOP);
    return true;
}

static uint64_t hash_of(const struct gw_radius *r, const void *data, size_t len)
{
    return gw_hash(data, len, r->stations.seed) | 1; /* 0 is none */
}

static bool about_station(struct gw_radius *r, size_t nas, const struct gw_radius_acct *req)
{
    const struct gw_radius_key key = {.nas = r->nas[nas].addr, .sta = req->sta};
    enum gw_radius_news news = GW_RADIUS_GOES;

    if (req->sta.len == 0 || req->session_len == 0) {
        r->count.unusable++; /* somebody's login at the NAS, for instance */
        return true;
    }
    struct gw_radius_station *s = station(r, &key);
    if (s == NULL)
        return false;
    if (session_news(r, s, (enum gw_radius_status)req->status,
                     hash_of(r, req->session, req->session_len), &news))
        r->fn(r->user, nas, news, &key.sta, req->nai.len > 0 ? &req->nai : NULL);
    else
        r->count.repeated++;
    return true;
}

static void about_nas(struct gw_radius *r, size_t nas, const struct gw_radius_acct *req)
{
    uint64_t *last = req->status == GW_RADIUS_ON ? &r->nas[nas].on : &r->nas[nas].off;
    uint64_t said = req->session_len > 0
                        ? hash_of(r, req->session, req->session_len)
                        : hash_of(r, req->authenticator, sizeof req->authenticator);
    struct gw_radius_station *s;

    if (*last == said) {
        r->count.repeated++;
        return;
    }
    *last = said;
    for (size_t i = 0; (s = gw_table_next(&r->stations, &i)) != NULL;) {
        if (!gw_addr_eq(&s->key.nas, &r->nas[nas].addr))
            continue;
        struct gw_lladdr sta = s->key.sta;
        bool was = s->open;
        forget(r, s);
        if (was)
            r->fn(r->user, nas, GW_RADIUS_ENDED, &sta, NULL);
    }
}

/* ---- requests ---- */

/* Whether it is to be answered. */
static bool take(struct gw_radius *r, size_t nas, const struct gw_radius_acct *req)
{
    if (req->status == GW_RADIUS_START || req->status == GW_RADIUS_STOP ||
        req->status == GW_RADIUS_INTERIM)
        return about_station(r, nas, req);
    if (req->status == GW_RADIUS_ON || req->status == GW_RADIUS_OFF)
        about_nas(r, nas, req);
    return true; /* the accounting of tunnels and links is nothing to us */
}

static bool find_nas(const struct gw_radius *r, const struct sockaddr_in6 *from, size_t *nas)
{
    for (*nas = 0; *nas < r->nnas; ++*nas)
        if (memcmp(r->nas[*nas].addr.b, &from->sin6_addr, sizeof from->sin6_addr) == 0)
            return true;
    return false;
}

static void request(struct gw_radius *r, const struct sockaddr_in6 *from, const uint8_t *data,
                    size_t len, struct gw_time now)
{
    struct gw_radius_acct req;
    uint8_t answer[GW_RADIUS_MAX];
    size_t nas;

    r->count.received++;
    if (!find_nas(r, from, &nas)) {
        r->count.unknown++;
        return;
    }
    int err = gw_radius_parse(&r->nas[nas].secret, data, len, &req);
    if (err < 0) {
        r->count.bad += err == GW_EFORMAT;
        r->count.unauthentic += err == GW_EAUTH;
        return;
    }
    /* Only now: whoever borrows a NAS's address must not use up its rate. */
    if (r->rate > 0 && !gw_icmp_rate_take(&r->nas[nas].rate, r->rate, r->rate, now)) {
        r->count.limited++;
        return;
    }
    if (!take(r, nas, &req))
        return;
    len = gw_radius_answer(&r->nas[nas].secret, &req, answer);
    if (sendto(r->fd, answer, len, 0, (const struct sockaddr *)from, sizeof *from) != (ssize_t)len)
        r->count.unanswered++;
}

void gw_radius_read(struct gw_radius *r, struct gw_time now)
{
    for (int i = 0; i < READS_PER_CALL; i++) {
        uint8_t data[GW_RADIUS_MAX];
        struct sockaddr_in6 from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(r->fd, data, sizeof data, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0 && errno != EINTR)
            return; /* there is none, or an ICMP error about an answer, or the socket is ill */
        if (n >= 0 && from_len == sizeof from)
            request(r, &from, data, (size_t)n, now);
    }
}
