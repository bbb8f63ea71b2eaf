/* mag.c: the entries of a MAG, and what happens when a station comes, moves between access links of
 * this MAG, or goes (RFC 5213 §6.1, §6.2). Talking to the LMA is in mag_reg.c.
 */
#include "fn/lm/mag.h"

#include "base/text.h"
#include "fn/route/route.h"

#define REVIEW_PACE GW_MSEC(2)
#define LOOK_MOST   256 /* bindings looked at to find one to forget */

static bool station_eq(const void *key, const void *obj)
{
    return gw_station_eq(key, &((const struct gw_mag_mn *)obj)->station);
}
static const void *station_key(const void *obj)
{
    return &((const struct gw_mag_mn *)obj)->station;
}
static const struct gw_table_ops by_station_ops = {
    .hash = gw_station_hash, .eq = station_eq, .key = station_key};

const char *gw_mag_state_name(enum gw_mag_state s)
{
    static const char *const names[] = {"registering", "serving", "deregistering", "refused"};
    return names[s];
}

struct gw_mag_mn *gw_mag_mn(struct gw_binding *b)
{
    return (struct gw_mag_mn *)b; /* its head */
}

struct gw_handover_row *gw_mag_row(struct gw_mag_mn *mn)
{
    return gw_handovers_get(&mn->mag->lm->handovers, mn->row);
}

void gw_mag_init(struct gw_mag *g, struct gw_lm *lm, struct gw_access *access, uint64_t seed)
{
    *g = (struct gw_mag){.lm = lm,
                         .access = access,
                         .seq = (uint16_t)seed,
                         .local_routing = lm->cfg->pmip.local_routing};
    g->bs.several = true;
    gw_bindings_init(&g->bs, lm, lm->cfg->limits.bindings, seed);
    gw_table_init(&g->by_station, lm->al, &by_station_ops, lm->cfg->limits.stations, seed ^ 1);
}

static void stop(struct gw_binding *b)
{
    struct gw_mag_mn *mn = gw_mag_mn(b);
    struct gw_timers *t = mn->mag->lm->timers;

    gw_exchange_stop(&mn->ex);
    gw_timer_stop(t, &mn->refresh);
    gw_timer_stop(t, &mn->guard);
    gw_await_stop(&mn->plane, mn->mag->lm);
}

void gw_mag_free(struct gw_mag *g)
{
    gw_bindings_free(&g->bs, stop);
    gw_table_free(&g->by_station);
}

static void clear_station(struct gw_mag_mn *mn)
{
    if (mn->on_link)
        gw_table_del(&mn->mag->by_station, &mn->station);
    mn->on_link = false;
}

void gw_mag_drop_station(struct gw_mag_mn *mn)
{
    if (!mn->on_link)
        return;
    clear_station(mn); /* first: another function may go on serving it */
    gw_access_del_station(mn->mag->access, &mn->station, GW_ACCESS_MAG);
    gw_route_drop_station(mn->mag->lm, &mn->b, &mn->station);
}

void gw_mag_drop_prefixes(struct gw_mag_mn *mn)
{
    while (mn->b.anchors != NULL) {
        gw_route_drop_prefix(mn->mag->lm, &mn->b.anchors->prefix, 0);
        gw_anchor_del(&mn->mag->bs, mn->b.anchors);
    }
}

static void free_one(struct gw_mag_mn *mn)
{
    stop(&mn->b);
    clear_station(mn);
    gw_binding_free(&mn->mag->bs, &mn->b);
}

void gw_mag_forget(struct gw_mag_mn *mn)
{
    gw_mag_drop_station(mn);
    gw_mag_drop_prefixes(mn);
    gw_mag_del_record(mn);
    free_one(mn);
}

int gw_mag_set_station(struct gw_mag_mn *mn, const struct gw_station_key *st)
{
    struct gw_mag *g = mn->mag;

    if (mn->on_link && station_eq(st, mn))
        return 0;
    if (gw_table_get(&g->by_station, st) != NULL)
        return GW_EEXIST;
    gw_mag_drop_station(mn); /* it cannot be there any more in any case */
    mn->station = *st;
    int err = gw_table_put(&g->by_station, mn);
    if (err != 0)
        g->lm->count[err == GW_EFULL ? GW_CNT_LIMIT_STATIONS : GW_CNT_NO_MEMORY]++;
    mn->on_link = err == 0;
    return err;
}

/* Prefixes of an LMA are never deprecated: wherever the node is, they are its own. */
static void advertise(struct gw_mag_mn *mn)
{
    struct gw_access_dlif d[GW_MAG_PREFIXES_MAX];
    size_t n = 0;

    for (struct gw_anchor *a = mn->b.anchors; a != NULL && n < GW_MAG_PREFIXES_MAX; a = a->next)
        d[n++] = (struct gw_access_dlif){
            .link_local = a->link_local, .lladdr = gw_anchor_lladdr(a), .prefix = a->prefix};
    int sent = gw_access_set_station(mn->mag->access, &mn->station, GW_ACCESS_MAG, d, n);
    mn->unsaid = sent < 0; /* the next sign of life, or the next extension, tries again */
    if (sent > 0)
        gw_handover_step(gw_mag_row(mn), GW_HO_RA_SENT, mn->mag->lm->now.mono);
    else if (sent < 0)
        gw_log(mn->mag->lm->log, GW_LOG_WARN, GW_CAT_ACCESS, "ra-failed",
               "a station cannot be advertised to: %s", gw_err_name(sent));
}

static void plane_done(void *owner, int result)
{
    struct gw_mag_mn *mn = owner;

    mn->programmed = result == 0;
    if (result == 0)
        gw_handover_step(gw_mag_row(mn), GW_HO_PLANE_PROGRAMMED, mn->mag->lm->now.mono);
}

void gw_mag_serve(struct gw_mag_mn *mn, bool watch)
{
    struct gw_lm *lm = mn->mag->lm;

    if (!mn->on_link)
        return;
    mn->programmed = false;
    uint64_t tag = gw_await(&mn->plane, lm, plane_done, mn);
    gw_route_serve(lm, &mn->b, &mn->station, watch, tag);
    advertise(mn);
}

static void guard_over(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_mag_mn *mn = t->owner;

    const struct gw_config *cfg = mn->mag->lm->cfg;

    if (mn->state == GW_MAG_REFUSED)
        gw_access_ask_again(mn->mag->access, &mn->station, &cfg->dlif.link_local,
                            &cfg->dlif.lladdr);
    if (mn->state == GW_MAG_REFUSED || mn->state == GW_MAG_DEREGISTERING)
        gw_mag_forget(mn);
    else if (gw_mag_deregister(mn) != 0)
        gw_mag_guard(mn, mn->mag->lm->cfg->timers.initial_ack);
}

void gw_mag_guard(struct gw_mag_mn *mn, struct gw_time span)
{
    struct gw_lm *lm = mn->mag->lm;

    mn->guard.fire = guard_over;
    mn->guard.owner = mn;
    if (gw_timer_set(lm->timers, &mn->guard, gw_time_add(lm->now.mono, span)) != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
}

void gw_mag_believe_gone(struct gw_mag_mn *mn)
{
    if (gw_timer_is_set(&mn->guard))
        return;
    gw_mag_guard(mn, mn->mag->lm->cfg->timers.detach_guard);
    if (mn->state == GW_MAG_SERVING && mn->on_link)
        gw_route_drop_station(mn->mag->lm, &mn->b, &mn->station);
}

bool gw_mag_allows(const struct gw_mag_mn *mn)
{
    struct gw_addr lma = gw_mag_lma(mn->mag->lm->cfg, &mn->b.mnid, &mn->b.lladdr);

    return gw_addr_eq(&lma, &mn->lma);
}

/* It was believed to be leaving, and has been seen. Where it had been asked for in vain, the
 * extension of its lifetime has waited for this. */
static void stay(struct gw_mag_mn *mn)
{
    if (!gw_timer_is_set(&mn->guard) || !gw_mag_allows(mn))
        return;
    gw_timer_stop(mn->mag->lm->timers, &mn->guard);
    if (mn->state != GW_MAG_SERVING)
        return;
    gw_mag_serve(mn, false);
    (void)gw_access_advertise(mn->mag->access, &mn->station); /* it may have been elsewhere */
    if (!mn->ex.pending && !gw_timer_is_set(&mn->refresh))
        (void)gw_mag_extend(mn, (struct gw_time){0});
}

struct gw_addr gw_mag_lma(const struct gw_config *cfg, const struct gw_mnid *mn,
                          const struct gw_lladdr *ll)
{
    const struct gw_cfg_policy *row = gw_lm_policy(cfg, mn, ll);

    if (row == NULL || !row->allow || (row->anchoring & GW_ANCHORING_LMA) == 0)
        return (struct gw_addr){0};
    return row->lma;
}

/* state and prefixes are what they were before. */
static int begin(struct gw_mag_mn *mn, const struct gw_station_key *st, const struct gw_addr *lma,
                 struct gw_time seen)
{
    struct gw_lm *lm = mn->mag->lm;
    enum gw_mag_state before = mn->state;
    int err = gw_mag_set_station(mn, st);

    if (err != 0)
        return err;
    if (!gw_addr_eq(&mn->lma, lma)) { /* the prefixes of one LMA are nothing to another */
        gw_mag_drop_prefixes(mn);
        mn->link_local = (struct gw_addr){0};
    }
    mn->lma = *lma;
    mn->b.lladdr = st->lladdr;
    mn->seen = lm->now.mono;
    mn->tries = 0;
    mn->seen_by = 0;
    mn->doubted = false;
    mn->state = GW_MAG_REGISTERING;
    struct gw_handover_row *row = gw_handovers_add(&lm->handovers, GW_HO_SERVING, &mn->b.mnid);
    row->to = lm->cfg->addr;
    mn->row = row->number;
    gw_handover_step(row, GW_HO_ATTACHMENT_SEEN, seen);
    err = gw_mag_register(mn, GW_HI_UNKNOWN, (struct gw_time){0});
    row->sequence = mn->b.seq;
    if (err != 0) {
        clear_station(mn);
        mn->state = before;
        return err;
    }
    gw_timer_stop(lm->timers, &mn->guard);
    lm->count[GW_CNT_ATTACHED]++;
    return 0;
}

/* Whom an LMA has refused for good is remembered until a reload, but keeps out nobody else. */
static void make_room(struct gw_mag *g)
{
    size_t looked = 0;
    struct gw_binding *b;

    if (g->bs.by_mnid.limit == 0 || gw_table_count(&g->bs.by_mnid) < g->bs.by_mnid.limit)
        return;
    while (looked++ < LOOK_MOST) {
        b = gw_table_next(&g->bs.by_mnid, &g->look);
        if (b == NULL)
            g->look = 0;
        for (; b != NULL; b = b->next) {
            struct gw_mag_mn *mn = gw_mag_mn(b);
            if (mn->state != GW_MAG_REFUSED || gw_timer_is_set(&mn->guard))
                continue;
            gw_mag_forget(mn);
            return;
        }
    }
}

static int attach_new(struct gw_mag *g, const struct gw_station_key *st, const struct gw_mnid *mnid,
                      const struct gw_addr *lma, struct gw_time seen)
{
    int err;

    make_room(g);
    struct gw_binding *b = gw_binding_new(&g->bs, sizeof(struct gw_mag_mn), mnid, &err);

    if (b == NULL)
        return err;
    struct gw_mag_mn *mn = gw_mag_mn(b);
    mn->mag = g;
    mn->state = GW_MAG_REGISTERING;
    mn->lma = *lma;
    err = begin(mn, st, lma, seen);
    if (err != 0)
        free_one(mn);
    return err;
}

static int came_back(struct gw_mag_mn *mn)
{
    mn->seen = mn->mag->lm->now.mono;
    stay(mn);
    if (mn->unsaid && mn->state == GW_MAG_SERVING && mn->on_link)
        advertise(mn);
    return 0;
}

void gw_mag_reattached(struct gw_mag *g, const struct gw_station_key *st, struct gw_time seen)
{
    struct gw_mag_mn *mn = gw_table_get(&g->by_station, st);

    if (mn == NULL || mn->state != GW_MAG_SERVING || !gw_time_before(mn->refreshed, seen) ||
        (mn->ex.pending && mn->b.hi != GW_HI_REREGISTRATION))
        return;
    mn->seen = g->lm->now.mono;
    mn->seen_by = 0;
    stay(mn);
    (void)gw_access_advertise(g->access, st);
    if (gw_mag_register(mn, GW_HI_UNKNOWN, (struct gw_time){0}) != 0)
        (void)gw_mag_extend(mn, g->lm->cfg->timers.initial_ack);
}

/* The same MAG, another access link: nothing for the LMA to know. */
static int move_here(struct gw_mag_mn *mn, const struct gw_station_key *st)
{
    int err = gw_mag_set_station(mn, st);

    mn->seen = mn->mag->lm->now.mono;
    if (err != 0) {
        gw_mag_guard(mn, mn->mag->lm->cfg->timers.detach_guard);
        return err;
    }
    gw_timer_stop(mn->mag->lm->timers, &mn->guard);
    if (mn->state != GW_MAG_SERVING)
        return 0;
    gw_mag_serve(mn, false);
    gw_mag_put(mn);
    return 0;
}

static struct gw_mag_mn *find(struct gw_mag *g, const struct gw_mnid *mnid,
                              const struct gw_lladdr *ll)
{
    for (struct gw_binding *b = gw_binding_get(&g->bs, mnid); b != NULL; b = b->next)
        if (gw_lladdr_eq(&b->lladdr, ll))
            return gw_mag_mn(b);
    return NULL;
}

int gw_mag_attach(struct gw_mag *g, const struct gw_station_key *st, const struct gw_mnid *mnid,
                  struct gw_time seen)
{
    struct gw_mag_mn *at = gw_table_get(&g->by_station, st);

    if (seen.ns == 0 || gw_time_before(g->lm->now.mono, seen))
        seen = g->lm->now.mono;
    if (at != NULL && gw_mnid_eq(mnid, &at->b.mnid))
        return came_back(at);
    if (at != NULL) { /* the same device under another name */
        int err = gw_mag_deregister(at);
        if (err != 0)
            return err;
    }
    struct gw_mag_mn *mn = find(g, mnid, &st->lladdr);
    if (mn != NULL && mn->state == GW_MAG_REFUSED) {
        if (!gw_lm_refusal_ends(g->lm, &mn->guard))
            return GW_EDENIED;
        gw_mag_forget(mn);
        mn = NULL;
    }
    if (mn != NULL && mn->state != GW_MAG_DEREGISTERING)
        return move_here(mn, st);
    struct gw_addr lma = gw_mag_lma(g->lm->cfg, mnid, &st->lladdr);
    if (gw_addr_is_zero(&lma)) {
        g->lm->count[GW_CNT_REFUSED_POLICY]++;
        return GW_EDENIED;
    }
    return mn != NULL ? begin(mn, st, &lma, seen) : attach_new(g, st, mnid, &lma, seen);
}

int gw_mag_detach(struct gw_mag *g, const struct gw_station_key *st)
{
    struct gw_mag_mn *mn = gw_table_get(&g->by_station, st);

    if (mn == NULL)
        return GW_ENOENT;
    gw_mag_believe_gone(mn);
    return 0;
}

void gw_mag_link_down(struct gw_mag *g, uint32_t iface)
{
    struct gw_mag_mn *mn;

    for (size_t i = 0; (mn = gw_table_next(&g->by_station, &i)) != NULL;)
        if (mn->station.iface == iface)
            gw_mag_believe_gone(mn);
}

bool gw_mag_alive(struct gw_mag *g, const struct gw_station_key *st)
{
    struct gw_mag_mn *mn = gw_table_get(&g->by_station, st);

    if (mn == NULL)
        return false;
    mn->seen = g->lm->now.mono;
    stay(mn);
    return true;
}

int gw_mag_first_packet(struct gw_mag *g, const struct gw_prefix *p, bool uplink,
                        struct gw_time seen)
{
    struct gw_anchor *a = gw_anchor_get(&g->bs, p);

    if (a == NULL)
        return GW_ENOENT;
    struct gw_mag_mn *mn = gw_mag_mn(a->binding);
    if (uplink)
        mn->seen = g->lm->now.mono;
    gw_handover_step(gw_mag_row(mn), uplink ? GW_HO_FIRST_UPLINK : GW_HO_FIRST_DOWNLINK, seen);
    return 0;
}

static void review(struct gw_mag_mn *mn, struct gw_time *delay)
{
    if (mn->state == GW_MAG_REFUSED) {
        free_one(mn); /* it has neither station, prefixes nor record; its next frame asks again */
    } else if (mn->state != GW_MAG_DEREGISTERING && !gw_mag_allows(mn)) {
        /* It is still here, and is told that it has no router any more. */
        if (mn->on_link && gw_lm_anchoring(mn->mag->lm->cfg, &mn->b.mnid, &mn->b.lladdr) == 0)
            gw_access_withdraw(mn->mag->access, &mn->station, GW_ACCESS_MAG);
        gw_mag_guard(mn, *delay);
        *delay = gw_time_add(*delay, REVIEW_PACE);
    }
}

void gw_mag_review(struct gw_mag *g)
{
    struct gw_time delay = {0};
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&g->bs.by_mnid, &i)) != NULL;)
        for (struct gw_binding *next; b != NULL; b = next) {
            next = b->next;
            review(gw_mag_mn(b), &delay);
        }
    if (g->local_routing == g->lm->cfg->pmip.local_routing)
        return;
    g->local_routing = g->lm->cfg->pmip.local_routing;
    gw_mag_say_all(g);
}
