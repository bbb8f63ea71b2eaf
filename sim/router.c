/* router.c: the routers of a mobile node, and whether they answer: default router selection by
 * preference and reachability (RFC 4191 §3.2), and neighbour unreachability detection (RFC 4861
 * §7.3) as stock Linux does it.
 *
 * A packet whose next hop is not resolved is lost instead of queued.
 */
#include "sim.h"

#define DELAY_FIRST_PROBE (5 * SIM_S)
#define RETRANS           SIM_S
#define PROBES            3
#define REACHABLE_MIN     (15 * SIM_S) /* half of, to one and a half times BaseReachableTime */
#define REACHABLE_SPREAD  (30 * SIM_S)

static void trace(struct sim *s, const struct sim_station *h, const struct sim_router *r,
                  const char *what)
{
    char text[GW_TEXT_MAX];

    sim_trace(s, "mn%zu: its router %s %s", h->index, gw_fmt_addr(&r->ll, text), what);
}

static struct sim_router *find(struct sim_station *h, const struct gw_addr *ll)
{
    for (size_t i = 0; i < h->nrouter; i++)
        if (gw_addr_eq(&h->router[i].ll, ll))
            return &h->router[i];
    return NULL;
}

void sim_router_heard(struct sim *s, struct sim_station *h, const struct gw_nd *ra)
{
    struct sim_router *r = find(h, &ra->src);

    if (r == NULL && ra->router_lifetime_s > 0 && h->nrouter < SIM_ADDRS) {
        r = &h->router[h->nrouter++];
        *r = (struct sim_router){.ll = ra->src};
        trace(s, h, r, "is new");
    }
    if (r == NULL)
        return;
    if (r->until > s->now && ra->router_lifetime_s == 0)
        trace(s, h, r, "is none any more");
    r->until = s->now + ra->router_lifetime_s * SIM_S;
    r->pref = ra->pref;
    bool known = r->state != SIM_NUD_NONE && r->state != SIM_NUD_INCOMPLETE &&
                 r->state != SIM_NUD_FAILED && gw_lladdr_eq(&r->lladdr, &ra->slla);
    if (ra->slla.len == 6 && !known) {
        r->lladdr = ra->slla;
        r->state = SIM_NUD_STALE;
    }
}

void sim_router_answers(struct sim *s, struct sim_station *h, const struct gw_nd *na)
{
    struct sim_router *r = find(h, &na->target);

    if (r == NULL || r->state == SIM_NUD_NONE)
        return;
    if (na->tlla.len == 6)
        r->lladdr = na->tlla;
    if (!na->solicited || r->lladdr.len != 6)
        return;
    r->state = SIM_NUD_REACHABLE;
    r->at = s->now + REACHABLE_MIN + (int64_t)gw_prng_below(&s->prng, (uint64_t)REACHABLE_SPREAD);
}

void sim_router_forget_links(struct sim_station *h)
{
    for (size_t i = 0; i < h->nrouter; i++)
        h->router[i].state = SIM_NUD_NONE;
}

static void ask(struct sim *s, struct sim_station *h, struct sim_router *r)
{
    bool unicast = r->state == SIM_NUD_PROBE;
    struct gw_nd ns = {.src = h->ll,
                       .dst = unicast ? r->ll : gw_nd_solicited_node(&r->ll),
                       .type = GW_ND_NS,
                       .target = r->ll,
                       .slla = h->lladdr};
    uint8_t mac[6] = {0x33, 0x33};

    memcpy(mac + 2, ns.dst.b + 12, 4);
    sim_station_send_nd(s, h, unicast ? r->lladdr.b : mac, &ns);
    r->probes++;
    r->at = s->now + RETRANS;
}

static bool waits(const struct sim_router *r)
{
    return r->state == SIM_NUD_DELAY || r->state == SIM_NUD_PROBE || r->state == SIM_NUD_INCOMPLETE;
}

static void arm(struct sim *s, struct sim_station *h)
{
    int64_t at = INT64_MAX;

    for (size_t i = 0; i < h->nrouter; i++)
        if (waits(&h->router[i]) && h->router[i].at < at)
            at = h->router[i].at;
    if (at != INT64_MAX)
        sim_post(s, &h->nud, at);
    else
        sim_cancel(s, &h->nud);
}

static void begin(struct sim *s, struct sim_station *h, struct sim_router *r, enum sim_nud state)
{
    trace(s, h, r, state == SIM_NUD_PROBE ? "is probed" : "is asked for");
    r->state = state;
    r->probes = 0;
    ask(s, h, r);
}

static void due(struct sim *s, struct sim_event *e)
{
    struct sim_station *h =
        (struct sim_station *)(void *)((uint8_t *)e - offsetof(struct sim_station, nud));

    for (size_t i = 0; i < h->nrouter; i++) {
        struct sim_router *r = &h->router[i];
        if (!waits(r) || r->at > s->now)
            continue;
        if (r->state == SIM_NUD_DELAY)
            begin(s, h, r, SIM_NUD_PROBE);
        else if (r->probes < PROBES)
            ask(s, h, r);
        else {
            r->state = SIM_NUD_FAILED;
            trace(s, h, r, "does not answer");
        }
    }
    arm(s, h);
}

/* Higher is better; 0: not to be used. */
static unsigned score(const struct sim *s, const struct sim_router *r)
{
    unsigned pref = r->pref == GW_PREF_HIGH ? 3 : r->pref == GW_PREF_MEDIUM ? 2 : 1;

    if (r->until <= s->now)
        return 0;
    return r->state == SIM_NUD_FAILED ? 1 : 1 + pref;
}

static struct sim_router *best(const struct sim *s, struct sim_station *h)
{
    struct sim_router *r = NULL;

    for (size_t i = 0; i < h->nrouter; i++)
        if (score(s, &h->router[i]) > (r != NULL ? score(s, r) : 0))
            r = &h->router[i];
    return r;
}

bool sim_router_sought(const struct sim *s, struct sim_station *h)
{
    const struct sim_router *r = best(s, h);
    return r != NULL && r->state != SIM_NUD_REACHABLE;
}

const struct gw_lladdr *sim_router_next_hop(struct sim *s, struct sim_station *h)
{
    struct sim_router *r = best(s, h);

    if (r == NULL)
        return NULL;
    h->nud.fire = due;
    if (r->state == SIM_NUD_NONE || r->state == SIM_NUD_FAILED) {
        begin(s, h, r, SIM_NUD_INCOMPLETE);
    } else if (r->state == SIM_NUD_STALE || (r->state == SIM_NUD_REACHABLE && r->at <= s->now)) {
        r->state = SIM_NUD_DELAY;
        r->at = s->now + DELAY_FIRST_PROBE;
    }
    arm(s, h);
    return r->state == SIM_NUD_INCOMPLETE ? NULL : &r->lladdr;
}
