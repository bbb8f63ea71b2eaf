/* path.c: see path.h. */
#include "fn/metric/path.h"

#include "base/err.h"

#define SMOOTH_DELAY  8
#define SMOOTH_JITTER 16
#define REFUSAL       GW_MSEC(2500)
#define LEAST         (sizeof((struct gw_path_target *)0)->least / sizeof(int64_t))

static uint64_t hash_target(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_addr *)key)->b, 16, seed);
}

static bool eq_target(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_path_target *)obj)->addr);
}

static const void *key_target(const void *obj)
{
    return &((const struct gw_path_target *)obj)->addr;
}

static const struct gw_table_ops by_addr = {hash_target, eq_target, key_target};

void gw_paths_init(struct gw_paths *p, size_t limit, uint64_t seed)
{
    gw_table_init(&p->targets, p->al, &by_addr, limit, seed);
}

void gw_paths_free(struct gw_paths *p)
{
    struct gw_path_target *t;

    for (size_t i = 0; (t = gw_table_next(&p->targets, &i)) != NULL;) {
        gw_timer_stop(p->timers, &t->timer);
        gw_free(p->al, t, sizeof *t);
    }
    gw_table_free(&p->targets);
}

static void turn(struct gw_path_target *t, enum gw_path_state to)
{
    if (t->state == to)
        return;
    t->state = to;
    t->all->ops->turned(t->all->user, t);
}

static void mark(struct gw_path_target *t, uint32_t seq, bool lost)
{
    uint32_t at = seq % GW_PATH_WINDOW;
    uint64_t bit = UINT64_C(1) << at % 64;

    if (lost)
        t->lost[at / 64] |= bit;
    else
        t->lost[at / 64] &= ~bit;
    if (t->judged < GW_PATH_WINDOW)
        t->judged++;
}

static void miss(struct gw_path_target *t, size_t slot, uint32_t seq)
{
    struct gw_paths *p = t->all;

    t->out[slot].waiting = false;
    mark(t, seq, true);
    p->lost++;
    t->missed++;
    if (t->state == GW_PATH_REFUSED && gw_time_before(p->now.mono, gw_time_add(t->heard, REFUSAL)))
        return;
    if (t->missed >= p->cfg->detect)
        turn(t, GW_PATH_DOWN);
}

/* Those whose time is over, oldest first. */
static void expire(struct gw_path_target *t)
{
    struct gw_paths *p = t->all;

    for (uint32_t k = GW_PATH_OUTSTANDING; k > 0; k--) {
        uint32_t seq = t->seq - (k - 1);
        size_t slot = seq % GW_PATH_OUTSTANDING;
        if (t->out[slot].waiting &&
            !gw_time_before(p->now.mono, gw_time_add(t->out[slot].at, p->cfg->wait)))
            miss(t, slot, seq);
    }
}

static void probe(struct gw_path_target *t)
{
    struct gw_paths *p = t->all;
    uint8_t buf[GW_STAMP_AUTH];
    size_t slot = ++t->seq % GW_PATH_OUTSTANDING;
    struct gw_stamp_probe out = {
        .seq = t->seq, .sent = gw_ntp_time(p->now.wall_ns), .error = gw_stamp_error(1000000)};

    if (t->out[slot].waiting) /* a wait longer than all that can be outstanding */
        miss(t, slot, t->seq - GW_PATH_OUTSTANDING);
    t->out[slot].waiting = true;
    t->out[slot].at = p->now.mono;
    t->out[slot].ntp = out.sent;
    int len = gw_stamp_write_probe(&out, p->cfg->auth ? &p->cfg->key : NULL, buf, sizeof buf);
    if (len > 0)
        p->ops->send(p->user, &t->addr, buf, (size_t)len);
    p->sent++;
}

/* The earlier of the next probe and the end of the oldest wait. */
static void arm(struct gw_path_target *t)
{
    struct gw_paths *p = t->all;
    struct gw_time at = t->next;

    for (size_t i = 0; i < GW_PATH_OUTSTANDING; i++) {
        struct gw_time end = gw_time_add(t->out[i].at, p->cfg->wait);
        if (t->out[i].waiting && gw_time_before(end, at))
            at = end;
    }
    (void)gw_timer_set(p->timers, &t->timer, at); /* set before: it only moves */
}

static void due(struct gw_timer *timer, void *user)
{
    struct gw_path_target *t = timer->owner;
    struct gw_paths *p = t->all;

    (void)user;
    expire(t);
    if (!gw_time_before(p->now.mono, t->next)) {
        probe(t);
        t->next = gw_time_add(p->now.mono, p->cfg->interval);
    }
    arm(t);
}

int gw_paths_add(struct gw_paths *p, const struct gw_addr *a)
{
    struct gw_path_target *t = gw_table_get(&p->targets, a);

    if (t != NULL)
        return 0;
    t = gw_new(p->al, sizeof *t);
    if (t == NULL)
        return GW_ENOMEM;
    *t = (struct gw_path_target){.addr = *a, .all = p, .delay = -1, .jitter = -1, .last = -1};
    t->timer.fire = due;
    t->timer.owner = t;
    t->next = p->now.mono;
    int err = gw_table_put(&p->targets, t);
    if (err == 0 && (err = gw_timer_set(p->timers, &t->timer, p->now.mono)) != 0)
        (void)gw_table_del(&p->targets, a);
    if (err != 0)
        gw_free(p->al, t, sizeof *t);
    return err;
}

void gw_paths_del(struct gw_paths *p, const struct gw_addr *a)
{
    struct gw_path_target *t = gw_table_del(&p->targets, a);

    if (t == NULL)
        return;
    gw_timer_stop(p->timers, &t->timer);
    gw_free(p->al, t, sizeof *t);
}

const struct gw_path_target *gw_paths_get(const struct gw_paths *p, const struct gw_addr *a)
{
    return gw_table_get(&p->targets, a);
}

static void measure(struct gw_path_target *t, int64_t one_way)
{
    int64_t least = one_way;

    t->least[t->answers++ % LEAST] = one_way;
    for (size_t i = 0; i < LEAST && i < t->answers; i++)
        least = t->least[i] < least ? t->least[i] : least;
    if (t->delay < 0) {
        t->delay = one_way;
        t->jitter = 0;
    } else {
        int64_t by = one_way > t->last ? one_way - t->last : t->last - one_way;
        t->delay += (one_way - t->delay) / SMOOTH_DELAY;
        t->jitter += (by - t->jitter) / SMOOTH_JITTER;
    }
    if (t->delay < least)
        t->delay = least;
    t->last = one_way;
}

int gw_paths_answer(struct gw_paths *p, const struct gw_addr *from, const uint8_t *data, size_t len,
                    uint64_t received)
{
    struct gw_path_target *t = gw_table_get(&p->targets, from);
    struct gw_stamp_reply r = {.seq = 0};
    int err = gw_stamp_read_reply(data, len, p->cfg->auth ? &p->cfg->key : NULL, &r);

    if (err == 0 && t == NULL)
        err = GW_ENOENT;
    size_t slot = r.probe.seq % GW_PATH_OUTSTANDING;
    if (err == 0 && (t->seq - r.probe.seq >= GW_PATH_OUTSTANDING || !t->out[slot].waiting ||
                     t->out[slot].ntp != r.probe.sent)) {
        p->late++;
        return GW_EREPLAY;
    }
    if (err != 0) {
        p->refused++;
        return err;
    }
    t->out[slot].waiting = false;
    mark(t, r.probe.seq, false);
    t->missed = 0;
    t->heard = p->now.mono;
    p->answered++;
    int64_t there = gw_stamp_span(r.received, r.sent);
    int64_t round = gw_stamp_span(r.probe.sent, received) - (there > 0 ? there : 0);
    measure(t, round > 0 ? round / 2 : 0);
    turn(t, GW_PATH_UP);
    arm(t);
    return 0;
}

void gw_paths_refused(struct gw_paths *p, const struct gw_addr *from)
{
    struct gw_path_target *t = gw_table_get(&p->targets, from);

    if (t == NULL)
        return;
    t->heard = p->now.mono;
    t->missed = 0;
    turn(t, GW_PATH_REFUSED);
}

const char *gw_path_state_name(enum gw_path_state s)
{
    static const char *const names[] = {"unknown", "up", "refused", "down"};

    return names[s];
}

int gw_paths_reflect(struct gw_paths *p, const uint8_t *data, size_t len, uint64_t received,
                     uint8_t hop, uint8_t out[static GW_STAMP_AUTH])
{
    const struct gw_stamp_key *key = p->cfg->auth ? &p->cfg->key : NULL;
    struct gw_stamp_reply r = {.received = received, .hop = hop, .error = gw_stamp_error(1000000)};
    int err = gw_stamp_read_probe(data, len, key, &r.probe);

    if (err != 0) {
        p->refused++;
        return err;
    }
    p->reflected++;
    r.seq = r.probe.seq;
    r.sent = gw_ntp_time(p->now.wall_ns);
    return gw_stamp_write_reply(&r, key, out, GW_STAMP_AUTH);
}

int32_t gw_path_loss(const struct gw_path_target *t)
{
    unsigned lost = 0;

    if (t->judged == 0)
        return -1;
    for (size_t i = 0; i < sizeof t->lost / sizeof *t->lost; i++)
        lost += (unsigned)__builtin_popcountll(t->lost[i]);
    return (int32_t)(lost * 10000 / t->judged);
}
