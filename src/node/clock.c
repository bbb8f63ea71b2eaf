/* clock.c: what time it is, and whose clock says so. Steps of a machine's wall clock change
 * nothing:
 *
 * - A node tells the wall clock of its start, counted on by the monotonic one, which NTP slews
 * alike and nobody sets. A database's is never behind the latest attachment in its records, so that
 * a start after the clock was set back does not take for future what has been.
 * - Whether a peer's message is fresh (RFC 4285 §6) is judged by the peer's clock. That is taken to
 * be this node's until an authentic message is outside the window, or below what was heard last.
 * Then the peer is asked by a Heartbeat Request (RFC 5847) with a number that cannot be known
 * before, and at its answer once more: whoever has recorded the answers of days may have one to a
 * number of 32 bits, but not a second to another one from the same moments. Both answers were made
 * after the questions, so the clock in them is the peer's, now, and no older message counts any
 * more. A request that is itself doubtful is answered, because both may doubt, and has no other
 * effect. Questions and answers are paced.
 *
 * Attachments of different MAARs are ordered in the CMD's clock: maar.h. Mesg-IDs are signal.c's.
 */
#include "node/node_int.h"

#define FAR         (INT64_MAX / 2) /* the year 2116: no record has that, and sums stay sums */
#define PROBE_PACE  GW_SEC(1)
#define PROBE_VALID GW_SEC(5)
#define ANSWERS     10 /* to doubtful requests of one peer, per second */

void gw_clock_start(struct gw_node *n, struct gw_now now)
{
    n->wall_ns = now.wall_ns - now.mono.ns;
}

void gw_clock_set(struct gw_node *n, struct gw_now now)
{
    n->lm.now = (struct gw_now){now.mono, now.mono.ns + n->wall_ns};
}

void gw_clock_after(struct gw_node *n, uint64_t timestamp)
{
    int64_t then = gw_lm_timestamp_ns(timestamp), behind = then - n->lm.now.wall_ns;

    if (behind <= 0 || then > FAR)
        return;
    gw_log(n->log, GW_LOG_WARN, GW_CAT_NODE, "clock-back",
           "the machine's clock is %lld ms behind the latest record; that time is taken",
           (long long)(behind / 1000000));
    n->wall_ns += behind;
    n->lm.now.wall_ns += behind;
}

static bool proves(const struct gw_node *n, const struct gw_peer *p)
{
    struct gw_time age = gw_time_sub(n->lm.now.mono, p->talk->probe.asked);

    return n->in.type == GW_MH_HEARTBEAT && n->in.hb.response && !n->in.hb.unsolicited &&
           p->talk->probe.waiting && n->in.hb.seq == p->talk->probe.seq && age.ns <= PROBE_VALID.ns;
}

/* Nanoseconds of a difference of NTP times. */
static int64_t ntp_ns(int64_t span)
{
    return (span >> 32) * 1000000000 + (int64_t)(((uint64_t)span & UINT32_MAX) * 1000000000 >> 32);
}

static void take_clock(struct gw_node *n, struct gw_peer *p, uint64_t id)
{
    int64_t ahead = (int64_t)(id - gw_ntp_time(n->lm.now.wall_ns));

    p->talk->probe.half = false;
    if (gw_addr_eq(&p->cfg->addr, &n->cfg->cmd)) {
        n->maar.forgot = 0; /* of another time */
        n->maar.cmd_ahead_ns = ntp_ns(ahead);
    }
    p->talk->replay = (struct gw_replay){.ahead = ahead, .floor = id};
    p->talk->last_in = n->lm.now.mono;
    p->talk->in++;
    n->lm.count[GW_CNT_PEER_CLOCK]++;
    gw_log(n->log, GW_LOG_NOTICE, GW_CAT_SIGNAL, "peer-clock",
           "the clock of %s is %lld s ahead of this node's", p->cfg->name,
           (long long)(ahead >> 32));
}

static void ask(struct gw_node *n, struct gw_peer *p)
{
    struct gw_time now = n->lm.now.mono;

    if (p->talk->hb.unsupported || gw_time_sub(now, p->talk->probe.said).ns < PROBE_PACE.ns)
        return;
    p->talk->probe.said = now;
    if (!p->talk->probe.waiting || gw_time_sub(now, p->talk->probe.asked).ns > PROBE_VALID.ns) {
        p->talk->probe.asked = now; /* else the same question again: its answer may be under way */
        p->talk->probe.seq = (uint32_t)gw_hash(&p->talk->probe.asks, sizeof p->talk->probe.asks,
                                               n->lm.seed ^ (uint64_t)now.ns ^ 0x636bu);
        p->talk->probe.asks++;
    }
    p->talk->probe.waiting =
        gw_heartbeat_send(n, p, (struct gw_mh_heartbeat){.seq = p->talk->probe.seq});
}

/* An answer by this clock to a question: is it the second, and says what the first one said? */
static void answered(struct gw_node *n, struct gw_peer *p, uint64_t id)
{
    struct gw_probe *q = &p->talk->probe;
    int64_t since = (int64_t)(id - q->first), window = gw_ntp_span(PROBE_VALID.ns);
    int64_t passed = gw_ntp_span(gw_time_sub(n->lm.now.mono, q->first_at).ns);

    q->waiting = false;
    if (q->half && since > 0 && since <= passed + window && passed <= window) {
        take_clock(n, p, id);
        return;
    }
    q->half = true;
    q->first = id;
    q->first_at = n->lm.now.mono;
    q->said = (struct gw_time){-PROBE_PACE.ns}; /* the second question waits for nothing */
    ask(n, p);
}

int gw_clock_doubt(struct gw_node *n, struct gw_peer *p, const struct gw_opt *id)
{
    const struct gw_mh *m = &n->in;

    if (id == NULL || gw_replay_has(&p->talk->replay, id->u64))
        return GW_EREPLAY;
    if (proves(n, p)) {
        answered(n, p, id->u64);
        return 0;
    }
    struct gw_mh_heartbeat answer = {.response = true, .seq = m->hb.seq};
    if (m->type == GW_MH_HEARTBEAT && !m->hb.response && !m->hb.unsolicited &&
        gw_limit_take(&p->talk->probe.answer_at, n->lm.now.mono, ANSWERS, GW_SEC(1)))
        (void)gw_heartbeat_send(n, p, answer);
    ask(n, p);
    return GW_EREPLAY;
}
