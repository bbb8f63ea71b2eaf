/* limit.c: how often something is done for somebody who need not be friendly: messages taken from
 * one peer (limits.peer_rate), attachments of one station that are acted on (limits.station_rate),
 * and lines written about what is refused. All are token buckets without timers (GCRA): a bucket
 * is one time, which runs ahead of the clock by what was taken lately.
 *
 * Left to others: what is dropped or refused then, and its counter (signal.c, node.c).
 *
 * Decisions: a peer may burst one second's worth, a station one minute's. Stations are kept in a
 * table of fixed size, a few to a set; a new one takes the place of the one that has taken least
 * of late, so that strangers with ever new addresses cost no memory and free no station that is
 * over its rate.
 */
#include "node/node_int.h"

/* Lines about refusals: of one peer, and of all unknown sources together. */
#define LINES_PER_SECOND 10

#define SETS 1024u /* a power of two */
#define WAYS 4u
struct gw_station_rate {
    uint64_t who; /* keyed hash of the link-layer address; 0: empty */
    struct gw_time at;
};

bool gw_limit_take(struct gw_time *at, struct gw_time now, uint32_t most, struct gw_time per)
{
    struct gw_time from = gw_time_before(*at, now) ? now : *at;
    struct gw_time next = gw_time_add(from, (struct gw_time){per.ns / (most == 0 ? 1 : most)});

    if (most == 0)
        return true;
    if (gw_time_before(gw_time_add(now, per), next))
        return false;
    *at = next;
    return true;
}

bool gw_limit_line(struct gw_time *at, struct gw_time now)
{
    return gw_limit_take(at, now, LINES_PER_SECOND, GW_SEC(1));
}

int gw_limit_init(struct gw_node *n)
{
    n->stations = gw_new(n->al, SETS * WAYS * sizeof *n->stations);
    return n->stations != NULL ? 0 : GW_ENOMEM;
}

void gw_limit_free(struct gw_node *n)
{
    gw_free(n->al, n->stations, SETS * WAYS * sizeof *n->stations);
}

bool gw_limit_station(struct gw_node *n, const struct gw_lladdr *who)
{
    uint64_t hash = gw_hash(who->b, who->len <= sizeof who->b ? who->len : sizeof who->b,
                            n->lm.seed ^ 0x6c6du) |
                    1;
    struct gw_station_rate *set = &n->stations[(hash >> 1 & (SETS - 1)) * WAYS], *s = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].who == hash) {
            s = &set[i];
            break;
        }
        if (gw_time_before(set[i].at, s->at))
            s = &set[i];
    }
    if (s->who != hash)
        *s = (struct gw_station_rate){.who = hash};
    if (gw_limit_take(&s->at, n->lm.now.mono, n->cfg->limits.station_rate, GW_SEC(60)))
        return true;
    n->lm.count[GW_CNT_STATION_RATE]++;
    return false;
}
