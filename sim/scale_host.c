/* scale_host.c: a mobile node of a large domain: it walks, is on the access link of the nearest
 * MAAR, solicits a router when it gets there and answers when it is asked whether it is there. Of
 * its traffic there are only the times: the newest prefix is always in use, a previous one until
 * the sessions that were open when the node left its anchor are over.
 *
 * Left to others: addresses, routers, packets (host.c and flow.c, in domains that are tested).
 *
 * Decisions: the old router sees the node leave in the moment in which the new one sees it come (as
 * from hostapd, by its link's event); association takes no time. A handover is over when every live
 * prefix works at the new router, both ways (scale_path.c).
 */
#include "scale.h"

#include <stdlib.h>

#define MS        INT64_C(1000000)
#define LOOK_MIN  INT64_C(100)   /* ms between two looks at where it is */
#define LOOK_MAX  INT64_C(60000) /* and at most */
#define NA_DELAY  (1 * MS)
#define LOCAL_MAC 0x02 /* locally administered */

struct gw_lladdr scale_host_lladdr(const struct scale *sc, const struct scale_mn *mn)
{
    uint32_t i = (uint32_t)(mn - sc->mn);

    return (struct gw_lladdr){
        6, {LOCAL_MAC, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

struct scale_mn *scale_host_of(const struct scale *sc, const struct gw_lladdr *l)
{
    size_t i = (size_t)l->b[2] << 24 | (size_t)l->b[3] << 16 | (size_t)l->b[4] << 8 | l->b[5];
    return l->len == 6 && l->b[0] == LOCAL_MAC && l->b[1] == 0 && i < sc->nmns ? &sc->mn[i] : NULL;
}

static struct gw_addr link_local(const struct gw_lladdr *l)
{
    return (struct gw_addr){
        {0xfe, 0x80, [8] = l->b[0] ^ 2, l->b[1], l->b[2], 0xff, 0xfe, l->b[3], l->b[4], l->b[5]}};
}

static void say(struct scale *sc, struct scale_mn *mn, const struct gw_nd *m)
{
    uint8_t buf[256];
    int len = gw_nd_write(m, buf, sizeof buf);

    if (len < 0)
        abort();
    scale_node_input(&sc->node[mn->at], &(struct gw_input){.kind = GW_IN_ND,
                                                           .nd = {.src = scale_host_lladdr(sc, mn),
                                                                  .data = buf,
                                                                  .len = (size_t)len}});
}

static void solicit(struct scale *sc, struct scale_mn *mn)
{
    struct gw_lladdr l = scale_host_lladdr(sc, mn);

    say(sc, mn,
        &(struct gw_nd){
            .type = GW_ND_RS, .src = link_local(&l), .dst = {{0xff, 0x02, [15] = 2}}, .slla = l});
}

/* -- answers ------------------------------------------------------------------------------------
 */

struct answer {
    struct sim_event event;
    struct scale_mn *mn;
    uint32_t at;
    struct gw_nd na;
};

static void answer(struct sim *s, struct sim_event *e)
{
    struct answer *a = (struct answer *)e;

    if (a->mn->at == a->at)
        say((struct scale *)s, a->mn, &a->na);
    free(a);
}

void scale_host_nd(struct scale *sc, struct scale_node *n, const struct gw_lladdr *to,
                   const uint8_t *data, size_t len)
{
    struct scale_mn *mn = scale_host_of(sc, to);
    struct gw_nd ns;

    sc->sum.nd++;
    sc->sum.nd_octets += len;
    if (mn == NULL || mn->at != n->index || data[40] != GW_ND_NS ||
        gw_nd_parse(data, len, &ns).code != GW_PARSE_OK)
        return;
    struct answer *a = sim_new_memory(sizeof *a);
    *a = (struct answer){.event = {.fire = answer},
                         .mn = mn,
                         .at = mn->at,
                         .na = {.type = GW_ND_NA,
                                .src = link_local(to),
                                .dst = ns.src,
                                .solicited = true,
                                .target = ns.target,
                                .tlla = *to}};
    sim_post(&sc->sim, &a->event, sc->sim.now + NA_DELAY);
}

/* -- is it served? ------------------------------------------------------------------------------
 */

static void took(struct scale *sc, int64_t ns)
{
    struct scale_times *t = &sc->handover;

    if (t->n == t->size) {
        t->size = t->size == 0 ? 4096 : 2 * t->size;
        t->us = sim_more_memory(t->us, t->size * sizeof *t->us);
    }
    t->us[t->n++] = (uint32_t)(ns / 1000);
}

void scale_host_check(struct scale *sc, struct scale_mn *mn)
{
    bool any = false;

    if (mn->ready || mn->at == 0)
        return;
    for (const struct scale_prefix *p = mn->prefixes; p != NULL; p = p->next) {
        if (p->given_up)
            continue;
        if (p->served != mn->at || p->to != mn->at)
            return;
        any = true;
    }
    if (!any)
        return;
    mn->ready = true;
    if (mn->moved && mn->since >= sc->o->warm)
        took(sc, sc->sim.now - mn->since);
}

/* -- comes and goes -----------------------------------------------------------------------------
 */

/* The node goes to `node`. An LMA's prefix stays the newest wherever it goes. */
static void mark_sessions(struct scale *sc, struct scale_mn *mn, uint32_t node)
{
    for (struct scale_prefix *p = mn->prefixes; p != NULL; p = p->next) {
        if (p->anchor == 0 || p->anchor == node)
            p->used = INT64_MAX;
        else if (p->used == INT64_MAX)
            p->used = sc->sim.now + sim_draw_exponential(&sc->draw, sc->o->session) * MS;
    }
}

static void leave(struct scale *sc, struct scale_mn *mn)
{
    struct scale_node *old = &sc->node[mn->at];

    if (mn->at == 0)
        return;
    if (!mn->ready && mn->moved && mn->since >= sc->o->warm)
        sc->sum.overtaken++;
    mn->at = 0;
    scale_node_input(old,
                     &(struct gw_input){.kind = GW_IN_DETACH,
                                        .attach = {.station = {.lladdr = scale_host_lladdr(sc, mn)},
                                                   .by = GW_SEEN_NETLINK,
                                                   .seen = scale_now(sc).mono}});
}

static void attach(struct scale *sc, struct scale_mn *mn, uint32_t node)
{
    mn->moved = mn->at != 0;
    leave(sc, mn);
    mark_sessions(sc, mn, node);
    mn->at = node;
    mn->since = sc->sim.now;
    mn->ready = false;
    if (sc->sim.now >= sc->o->warm) {
        sc->sum.attached++;
        sc->sum.handovers += mn->moved;
    }
    solicit(sc, mn);
}

/* -- walks --------------------------------------------------------------------------------------
 */

/* When it may be time for another MAAR, in ms: each metre it goes changes the difference of two
 * distances by two at most. */
static int64_t look_after(const struct scale *sc, const struct scale_mn *mn,
                          const struct sim_near *near, int64_t here)
{
    int64_t other = near->node[0] + 1 == mn->at ? near->dist[1] : near->dist[0];
    int32_t speed = sim_leg_speed(&mn->leg);

    if (speed == 0 || other == INT64_MAX)
        return LOOK_MAX;
    int64_t ms = (other + sc->o->hysteresis - here) * 1000 / (2 * speed);
    return ms < LOOK_MIN ? LOOK_MIN : ms > LOOK_MAX ? LOOK_MAX : ms;
}

static int64_t look(struct scale *sc, struct scale_mn *mn, int64_t ms)
{
    struct sim_pos p = sim_leg_at(&mn->leg, ms);
    struct sim_near near = sim_area_near(sc->area, p);
    int64_t here = mn->at == 0 ? INT64_MAX / 2 : sim_distance(sc->area->at[mn->at - 1], p);

    if (near.dist[0] + sc->o->hysteresis < here) {
        attach(sc, mn, (uint32_t)near.node[0] + 1);
        here = near.dist[0];
    }
    return look_after(sc, mn, &near, here);
}

static void step(struct sim *s, struct sim_event *e)
{
    struct scale *sc = (struct scale *)s;
    struct scale_mn *mn = (struct scale_mn *)e;
    int64_t ms = s->now / MS;

    while (ms >= mn->leg.end) {
        if (sim_movement_next(&sc->moves, &mn->leg, (size_t)(mn - sc->mn)))
            continue;
        leave(sc, mn);
        return;
    }
    int64_t next = ms + look(sc, mn, ms);
    sim_post(s, &mn->step, (next < mn->leg.end ? next : mn->leg.end) * MS);
}

void scale_hosts_make(struct scale *sc)
{
    sc->mn = sim_new_memory(sc->nmns * sizeof *sc->mn);
    for (size_t i = 0; i < sc->nmns; i++) {
        struct scale_mn *mn = &sc->mn[i];
        mn->step.fire = step;
        mn->leg = sim_movement_begin(&sc->moves, i);
        sim_post(&sc->sim, &mn->step, mn->leg.end * MS);
    }
}
