/* heartbeat.c: heartbeats between peers (RFC 5847): requests to each of them every interval, the
 * answer to theirs, who is up and who is down, and what is done when one has lost its state.
 *
 * Left to others: authentication and replay (signal.c); what is said anew to a peer that has
 * forgotten (gw_maar_resync, gw_cmd_resync, gw_mag_resync).
 *
 * Decisions:
 * - Every peer is asked, also one without bindings (§3 says SHOULD NOT): the operator wants to know
 *   of a dead one before the first mobile node needs it. The times are spread over the interval.
 * - The Restart Counter changes only when state is lost (§3.2). It is kept in the store and is
 * known to have kept company with all bindings after an orderly stop, or when the records survive
 * what has happened (daemon.durability): always with `each`; with `batch` unless the machine has
 * been started since. Without a record it begins at the wall clock's seconds, which are more than
 *   any counter before.
 * - The counters of peers are kept too: when two nodes restart together and one loses its state,
 *   the other notices nevertheless.
 */
#include "node/node_int.h"

#define VERSION 1
/* Between unsolicited responses after a restart. */
#define TELL_PACE GW_MSEC(1)
/* The time at which the machine was started moves by this much without it: clocks are set. */
#define BOOT_SLACK GW_SEC(60)

const char *gw_heartbeat_state_name(enum gw_heartbeat_state s)
{
    static const char *const names[] = {"unknown", "up", "down"};
    return names[s];
}

static void arm(struct gw_node *n, struct gw_peer *p, struct gw_time at);

bool gw_heartbeat_send(struct gw_node *n, struct gw_peer *p, struct gw_mh_heartbeat hb)
{
    n->out.type = GW_MH_HEARTBEAT;
    n->out.nopts = 0;
    n->out.hb = hb;
    if (hb.response) {
        struct gw_opt *o = gw_mh_add(&n->out, GW_OPT_RESTART);
        if (o == NULL)
            return false;
        o->u32 = n->restarts;
    }
    return gw_signal_send(n, GW_ROLE_MAAR, &p->cfg->addr, &n->out) == 0;
}

static void missed(struct gw_node *n, struct gw_peer *p)
{
    if (p->talk->hb.missed < UINT32_MAX)
        p->talk->hb.missed++;
    if (p->talk->hb.state == GW_HB_DOWN || p->talk->hb.missed <= n->cfg->heartbeat.missing_allowed)
        return;
    p->talk->hb.state = GW_HB_DOWN;
    n->lm.count[GW_CNT_PEER_DOWN]++;
    gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "peer-down", "%s has not answered %u heartbeats",
           p->cfg->name, p->talk->hb.missed);
}

static void request(struct gw_node *n, struct gw_peer *p)
{
    if (p->talk->hb.waiting)
        missed(n, p);
    p->talk->hb.seq++;
    p->talk->hb.asked = n->lm.now.mono;
    p->talk->hb.waiting = true;
    (void)gw_heartbeat_send(n, p, (struct gw_mh_heartbeat){.seq = p->talk->hb.seq});
}

/* Somewhere within the interval, another place for each peer. */
static struct gw_time first(const struct gw_node *n, const struct gw_peer *p)
{
    uint64_t part = gw_hash(&p->cfg->addr, sizeof p->cfg->addr, n->lm.seed ^ 0x6862u);
    uint64_t span = (uint64_t)n->cfg->heartbeat.interval.ns;

    return gw_time_add(n->lm.now.mono, (struct gw_time){(int64_t)(part % span)});
}

static void due(struct gw_timer *t, void *user)
{
    struct gw_node *n = user;
    struct gw_peer *p = t->owner;

    if (n->cfg->heartbeat.interval.ns == 0)
        return;
    arm(n, p,
        p->talk->hb.tell ? first(n, p) : gw_time_add(n->lm.now.mono, n->cfg->heartbeat.interval));
    if (p->talk->hb.tell) {
        p->talk->hb.tell = false;
        (void)gw_heartbeat_send(n, p,
                                (struct gw_mh_heartbeat){.unsolicited = true, .response = true});
    } else if (!p->talk->hb.unsupported) {
        request(n, p);
    }
}

static void arm(struct gw_node *n, struct gw_peer *p, struct gw_time at)
{
    p->talk->hb.timer.fire = due;
    p->talk->hb.timer.owner = p;
    p->talk->hb.due = at;
    if (gw_timer_set(n->lm.timers, &p->talk->hb.timer, at) != 0)
        n->lm.count[GW_CNT_NO_MEMORY]++;
}

void gw_heartbeat_peers(struct gw_node *n)
{
    int64_t span = n->cfg->heartbeat.interval.ns;
    struct gw_time now = n->lm.now.mono;
    struct gw_peer *p;

    if (span == 0)
        return;
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        if (p->cfg == &n->self || gw_peer_talk(n, p) == NULL || gw_timer_is_set(&p->talk->hb.timer))
            continue;
        struct gw_time at = p->talk->hb.due; /* as it was before a reload */
        if (gw_time_before(at, now) || at.ns > now.ns + span)
            at = first(n, p);
        arm(n, p, at);
    }
}

/* A counter of this node or (addr not NULL) of a peer. */
static void put_counter(struct gw_node *n, const struct gw_addr *addr, bool clean, uint32_t counter)
{
    uint8_t key[17] = {'R', 0}, value[16];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    if (addr != NULL)
        memcpy(key + 1, addr->b, 16);
    gw_wr_u8(&w, VERSION);
    gw_wr_u8(&w, clean);
    gw_wr_u32(&w, counter);
    gw_wr_u64(&w, (uint64_t)(n->lm.now.wall_ns - n->lm.now.mono.ns)); /* the machine's start */
    n->lm.ops->put(n, key, addr != NULL ? 17 : 2, value, gw_wr_len(&w));
}

/* Do all records survive what ended the process that left this one? */
static bool whole(const struct gw_node *n, bool clean, uint64_t boot)
{
    int64_t d = n->lm.now.wall_ns - n->lm.now.mono.ns - (int64_t)boot;

    switch (n->cfg->daemon.durability) {
    case GW_DURABLE_NONE:
        return clean;
    case GW_DURABLE_BATCH:
        return clean || (d < BOOT_SLACK.ns && d > -BOOT_SLACK.ns);
    case GW_DURABLE_EACH:
        break;
    }
    return true;
}

int gw_heartbeat_restore(struct gw_node *n, const uint8_t *key, size_t key_len, const void *value,
                         size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    uint8_t version = gw_rd_u8(&r);
    bool clean = gw_rd_u8(&r) != 0;
    uint32_t counter = gw_rd_u32(&r);
    uint64_t boot = gw_rd_u64(&r);

    if (r.bad || gw_rd_left(&r) != 0 || (key_len != 2 && key_len != 17))
        return GW_EFORMAT;
    if (version != VERSION)
        return GW_EVERSION;
    if (key_len == 2) {
        n->restarts = counter;
        n->kept = whole(n, clean, boot);
        return 0;
    }
    struct gw_addr addr;
    memcpy(addr.b, key + 1, 16);
    struct gw_peer *p = gw_peer_get(n, &addr);
    if (p != NULL && gw_peer_talk(n, p) != NULL) { /* else it is no peer any more */
        p->talk->hb.counted = true;
        p->talk->hb.counter = counter;
    }
    return 0;
}

bool gw_heartbeat_start(struct gw_node *n)
{
    bool lost = !n->kept || n->lm.count[GW_CNT_RECORD_BAD] != 0;
    struct gw_peer *p;

    if (n->restarts == 0)
        n->restarts = (uint32_t)(n->lm.now.wall_ns / 1000000000);
    else if (lost)
        n->restarts++;
    put_counter(n, NULL, false, n->restarts);
    gw_heartbeat_peers(n);
    if (!lost || n->cfg->heartbeat.interval.ns == 0)
        return lost;
    struct gw_time at = gw_time_add(n->lm.now.mono, TELL_PACE);
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        if (p->cfg == &n->self || p->talk == NULL)
            continue;
        p->talk->hb.tell = true;
        arm(n, p, at);
        at = gw_time_add(at, TELL_PACE);
    }
    return lost;
}

void gw_heartbeat_stop(struct gw_node *n)
{
    put_counter(n, NULL, true, n->restarts);
}

/* What this node had told a peer that has forgotten it. */
static void resync(struct gw_node *n, const struct gw_peer *p)
{
    n->lm.count[GW_CNT_PEER_RESTARTED]++;
    gw_log(n->log, GW_LOG_NOTICE, GW_CAT_SIGNAL, "peer-restarted",
           "%s has lost its state (restart counter %u)", p->cfg->name, p->talk->hb.counter);
    if ((n->cfg->roles & GW_ROLE_MAAR) != 0 && gw_addr_eq(&p->cfg->addr, &n->cfg->cmd))
        gw_maar_resync(&n->maar);
    if ((n->cfg->roles & GW_ROLE_CMD) != 0 && (p->cfg->roles & GW_ROLE_MAAR) != 0)
        gw_cmd_resync(&n->cmd, &p->cfg->addr);
    if ((n->cfg->roles & GW_ROLE_MAG) != 0 && (p->cfg->roles & GW_ROLE_LMA) != 0)
        gw_mag_resync(&n->mag, &p->cfg->addr);
    /* An LMA has nothing to tell a MAG: it learns from the first frames of its stations, and gets
     * the same prefixes for them. */
}

static void heard_counter(struct gw_node *n, struct gw_peer *p, uint32_t counter)
{
    bool known = p->talk->hb.counted;

    if (known && p->talk->hb.counter == counter)
        return;
    p->talk->hb.counted = true;
    p->talk->hb.counter = counter;
    put_counter(n, &p->cfg->addr, false, counter);
    if (known)
        resync(n, p);
}

static int response(struct gw_node *n, struct gw_peer *p)
{
    const struct gw_opt *counter = gw_lm_opt(&n->in, GW_OPT_RESTART);
    bool unsolicited = n->in.hb.unsolicited;
    uint32_t value = counter != NULL ? counter->u32 : 0;

    if (!unsolicited && (!p->talk->hb.waiting || n->in.hb.seq != p->talk->hb.seq)) {
        n->lm.count[GW_CNT_UNMATCHED]++;
        return GW_ENOENT;
    }
    if (!unsolicited) {
        p->talk->hb.waiting = false;
        p->talk->hb.rtt = gw_time_sub(n->lm.now.mono, p->talk->hb.asked);
    }
    p->talk->hb.missed = 0;
    if (p->talk->hb.state == GW_HB_DOWN) {
        n->lm.count[GW_CNT_PEER_UP]++;
        gw_log(n->log, GW_LOG_NOTICE, GW_CAT_SIGNAL, "peer-up", "%s answers again", p->cfg->name);
    }
    p->talk->hb.state = GW_HB_UP;
    if (counter != NULL)
        heard_counter(n, p, value);
    return 0;
}

int gw_heartbeat_input(struct gw_node *n, struct gw_peer *p)
{
    if (n->in.hb.response)
        return response(n, p);
    if (n->in.hb.unsolicited) {
        n->lm.count[GW_CNT_IGNORED]++;
        return GW_EINVAL;
    }
    p->talk->hb.unsupported = false;
    (void)gw_heartbeat_send(n, p, (struct gw_mh_heartbeat){.response = true, .seq = n->in.hb.seq});
    return 0;
}

/* It does not say which message it is about: a peer that answers heartbeats means an order. */
int gw_heartbeat_error(struct gw_node *n, struct gw_peer *p)
{
    bool order = n->in.be.status == 2 && gw_orders_error(&n->operations.orders, &p->cfg->addr);

    if (order && (p->talk->hb.state == GW_HB_UP || !p->talk->hb.waiting))
        return 0;
    if (n->in.be.status != 2 || !p->talk->hb.waiting) {
        n->lm.count[GW_CNT_IGNORED]++;
        return GW_EINVAL;
    }
    p->talk->hb.unsupported = true;
    p->talk->hb.waiting = false;
    p->talk->hb.missed = 0;
    p->talk->hb.state = GW_HB_UNKNOWN;
    gw_log(n->log, GW_LOG_NOTICE, GW_CAT_SIGNAL, "no-heartbeat",
           "%s does not know heartbeats and is not asked any more", p->cfg->name);
    return 0;
}
