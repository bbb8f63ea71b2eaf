/* maar.c: the entries of a MAAR, and what happens when a station comes, moves between access links
 * of this MAAR, or goes (RFC 8885 §3.1, §3.5). Talking to the CMD is in maar_reg.c and
 * maar_prev.c, doing without it in maar_local.c.
 */
#include "fn/lm/maar.h"

#include "base/text.h"
#include "fn/route/route.h"

static bool station_eq(const void *key, const void *obj)
{
    return gw_station_eq(key, &((const struct gw_maar_mn *)obj)->station);
}
static const void *station_key(const void *obj)
{
    return &((const struct gw_maar_mn *)obj)->station;
}
static const struct gw_table_ops by_station_ops = {
    .hash = gw_station_hash, .eq = station_eq, .key = station_key};

static uint64_t tag_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(uint64_t), seed);
}
static bool tag_eq(const void *key, const void *obj)
{
    return *(const uint64_t *)key == ((const struct gw_maar_mn *)obj)->tag;
}
static const void *tag_key(const void *obj)
{
    return &((const struct gw_maar_mn *)obj)->tag;
}
static const struct gw_table_ops by_tag_ops = {.hash = tag_hash, .eq = tag_eq, .key = tag_key};

const char *gw_mn_state_name(enum gw_mn_state s)
{
    static const char *const names[] = {"registering", "serving", "deregistering", "previous",
                                        "releasing",   "refused", "local"};
    return names[s];
}

struct gw_maar_mn *gw_maar_mn(struct gw_binding *b)
{
    return (struct gw_maar_mn *)b; /* its head */
}

struct gw_handover_row *gw_mn_row(struct gw_maar_mn *mn)
{
    return gw_handovers_get(&mn->maar->lm->handovers, mn->row);
}

/* Where nodes have their places in the pools: as before after a restart, also of those that are in
 * no record, and known to nobody who has not the keys. Without keys it is the process's. */
static uint64_t places(const struct gw_config *cfg, uint64_t seed)
{
    uint64_t h = gw_hash(&cfg->addr, sizeof cfg->addr, 0);
    size_t keys = 0;

    for (size_t i = 0; i < cfg->npeers; i++)
        for (size_t k = 0; k < cfg->peers[i].nkeys; k++, keys++)
            h = gw_hash(cfg->peers[i].keys[k].secret, cfg->peers[i].keys[k].len, h);
    return keys != 0 ? h : seed;
}

int gw_maar_init(struct gw_maar *m, struct gw_lm *lm, struct gw_access *access, uint64_t seed)
{
    const struct gw_config *cfg = lm->cfg;

    *m = (struct gw_maar){.lm = lm, .access = access};
    gw_bindings_init(&m->bs, lm, cfg->limits.bindings, seed);
    gw_table_init(&m->by_station, lm->al, &by_station_ops, cfg->limits.stations, seed ^ 1);
    gw_table_init(&m->by_tag, lm->al, &by_tag_ops, 0, seed ^ 2);
    int err = gw_pools_init(&m->pools, lm->al, cfg->pools, cfg->npools, seed ^ 3);
    if (err == 0)
        gw_pools_set_places(&m->pools, places(cfg, seed ^ 4));
    return err;
}

static void stop_timers(struct gw_maar_mn *mn)
{
    struct gw_timers *t = mn->maar->lm->timers;

    gw_exchange_stop(&mn->ex);
    gw_timer_stop(t, &mn->refresh);
    gw_timer_stop(t, &mn->guard);
    gw_timer_stop(t, &mn->transit);
    gw_timer_stop(t, &mn->presence);
    gw_timer_stop(t, &mn->idle);
}

static void free_one(struct gw_binding *b)
{
    stop_timers(gw_maar_mn(b));
}

void gw_maar_free(struct gw_maar *m)
{
    gw_bindings_free(&m->bs, free_one);
    gw_table_free(&m->by_station);
    gw_table_free(&m->by_tag);
    gw_pools_free(&m->pools);
}

static void clear_tag(struct gw_maar_mn *mn)
{
    if (mn->tag != 0)
        gw_table_del(&mn->maar->by_tag, &mn->tag);
    mn->tag = 0;
}

void gw_mn_set_tag(struct gw_maar_mn *mn)
{
    clear_tag(mn);
    mn->programmed = false;
    mn->tag = ++mn->maar->lm->last_tag;
    if (gw_table_put(&mn->maar->by_tag, mn) != 0) {
        mn->maar->lm->count[GW_CNT_NO_MEMORY]++;
        mn->tag = 0;
    }
}

static void clear_station(struct gw_maar_mn *mn)
{
    if (mn->on_link)
        gw_table_del(&mn->maar->by_station, &mn->station);
    mn->on_link = false;
}

void gw_mn_free(struct gw_maar_mn *mn)
{
    struct gw_maar *m = mn->maar;

    stop_timers(mn);
    clear_tag(mn);
    clear_station(mn);
    if (mn->own != NULL)
        (void)gw_pools_release(&m->pools, &mn->own->prefix);
    gw_binding_free(&m->bs, &mn->b);
}

void gw_mn_drop_station(struct gw_maar_mn *mn)
{
    if (!mn->on_link)
        return;
    clear_station(mn); /* first: another function may go on serving it */
    gw_access_del_station(mn->maar->access, &mn->station, GW_ACCESS_MAAR);
    gw_route_drop_station(mn->maar->lm, &mn->b, &mn->station);
}

bool gw_maar_has_nets(const struct gw_maar *m, const struct gw_station_key *st)
{
    const struct gw_maar_mn *mn = gw_table_get(&m->by_station, st);

    for (const struct gw_anchor *a = mn != NULL ? mn->b.anchors : NULL; a != NULL; a = a->next)
        if (a != mn->own && gw_anchor_locals(a)->n != 0)
            return true;
    return false;
}

void gw_mn_drop_anchor(struct gw_maar_mn *mn, struct gw_anchor *a)
{
    if (mn->on_link)
        gw_route_drop_nets(mn->maar->lm, &mn->b, a, &mn->station);
    gw_route_drop_prefix(mn->maar->lm, &a->prefix, 0);
    gw_anchor_del(&mn->maar->bs, a);
}

void gw_mn_strip(struct gw_maar_mn *mn)
{
    mn->row = 0;
    gw_mn_drop_station(mn);
    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a != mn->own)
            gw_mn_drop_anchor(mn, a);
    }
}

void gw_mn_forget(struct gw_maar_mn *mn)
{
    gw_mn_drop_station(mn);
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        gw_route_drop_prefix(mn->maar->lm, &a->prefix, 0);
    gw_mn_del_record(mn);
    gw_mn_free(mn);
}

int gw_mn_set_station(struct gw_maar_mn *mn, const struct gw_station_key *st)
{
    struct gw_maar *m = mn->maar;

    if (mn->on_link && station_eq(st, mn))
        return 0;
    if (gw_table_get(&m->by_station, st) != NULL)
        return GW_EEXIST;
    gw_mn_drop_station(mn); /* it cannot be there any more in any case */
    mn->station = *st;
    mn->seen_by = 0;
    int err = gw_table_put(&m->by_station, mn);
    if (err != 0)
        m->lm->count[err == GW_EFULL ? GW_CNT_LIMIT_STATIONS : GW_CNT_NO_MEMORY]++;
    mn->on_link = err == 0;
    return err;
}

/* The node's own place in the pool; another, when the CMD has refused that. */
static int take(struct gw_maar_mn *mn, struct gw_prefix *out)
{
    const struct gw_mnid *id = &mn->b.mnid;

    if (mn->tries != 0)
        return gw_pools_take(&mn->maar->pools, out);
    return gw_pools_take_for(&mn->maar->pools, gw_hash(id->id, id->len, id->subtype), out);
}

/* The own prefix: `given` (RFC 5213: the PBA is the authority), else one from the pool. The one
 * before goes back to the pool only when the new one is in place. */
int gw_mn_take_prefix(struct gw_maar_mn *mn, const struct gw_prefix *given)
{
    struct gw_maar *m = mn->maar;
    const struct gw_config *cfg = m->lm->cfg;
    struct gw_lm_previous p = {
        .maar = cfg->addr, .link_local = cfg->dlif.link_local, .lladdr = cfg->dlif.lladdr};
    int err;

    if (given != NULL)
        p.prefix = *given;
    err = given != NULL ? gw_pools_reserve(&m->pools, given) : take(mn, &p.prefix);
    if (err == GW_EFULL)
        m->lm->count[GW_CNT_LIMIT_POOL]++;
    if (err != 0)
        return err;
    struct gw_anchor *a = gw_anchor_add(&m->bs, &mn->b, &p, &err);
    if (a == NULL) {
        (void)gw_pools_release(&m->pools, &p.prefix);
        return err;
    }
    if (mn->own != NULL) {
        gw_route_drop_prefix(m->lm, &mn->own->prefix, 0);
        (void)gw_pools_release(&m->pools, &mn->own->prefix);
        gw_anchor_del(&m->bs, mn->own);
    }
    mn->own = a;
    return 0;
}

void gw_maar_vacate(struct gw_maar *m, const struct gw_prefix *p)
{
    const struct gw_config *cfg = m->lm->cfg;
    struct gw_anchor *a = gw_anchor_get(&m->bs, p);
    struct gw_maar_mn *mn = a != NULL ? gw_maar_mn(a->binding) : NULL;

    if (mn == NULL || mn->own != a)
        return;
    if (mn->state == GW_MN_REGISTERING && !mn->was_previous) {
        mn->tries++;
        if (gw_mn_take_prefix(mn, NULL) == 0)
            (void)gw_mn_register(mn, mn->b.hi, (struct gw_time){0});
    } else if (mn->state == GW_MN_DEREGISTERING && !mn->was_previous) {
        mn->tries++; /* its goodbye is about the node; any prefix of the pool will do for it */
        if (gw_mn_take_prefix(mn, NULL) == 0)
            gw_mn_put(mn);
    } else if (mn->state == GW_MN_LOCAL) {
        struct gw_station_key st = mn->station;
        gw_mn_local_leave(mn);
        gw_access_ask_again(m->access, &st, &cfg->dlif.link_local, &cfg->dlif.lladdr);
    }
}

/* More specific routes (RFC 4191), by which a station sends to local networks through the DLIF of
 * their anchor (RFC 8885 §3.7). */
static void write_routes(const struct gw_config *cfg, const struct gw_locals *l,
                         struct gw_nd_rio out[static GW_LM_LOCALS_MAX])
{
    for (size_t i = 0; i < l->n; i++)
        out[i] = (struct gw_nd_rio){.prefix = l->list[i],
                                    .pref = GW_PREF_MEDIUM,
                                    .lifetime_s = cfg->timers.router_lifetime_s};
}

void gw_mn_advertise(struct gw_maar_mn *mn)
{
    struct gw_access_dlif d[1 + GW_LM_PREVIOUS_MAX];
    struct gw_nd_rio rio[1 + GW_LM_PREVIOUS_MAX][GW_LM_LOCALS_MAX];
    size_t n = 0;

    for (struct gw_anchor *a = mn->b.anchors; a != NULL && n < sizeof d / sizeof *d; a = a->next) {
        if (a != mn->own && (a->state == GW_ANCHOR_RELEASING || gw_addr_is_zero(&a->link_local)))
            continue;
        d[n] = (struct gw_access_dlif){.link_local = a->link_local,
                                       .lladdr = gw_anchor_lladdr(a),
                                       .prefix = a->prefix,
                                       .previous = a != mn->own,
                                       .nrio = gw_anchor_locals(a)->n,
                                       .rio = rio[n]};
        write_routes(mn->maar->lm->cfg, gw_anchor_locals(a), rio[n++]);
    }
    int sent = gw_access_set_station(mn->maar->access, &mn->station, GW_ACCESS_MAAR, d, n);
    if (sent > 0)
        gw_handover_step(gw_mn_row(mn), GW_HO_RA_SENT, mn->maar->lm->now.mono);
    mn->unsaid = sent < 0; /* the next sign of life, or the next refresh, tries again */
    if (sent < 0)
        gw_log(mn->maar->lm->log, GW_LOG_WARN, GW_CAT_ACCESS, "ra-failed",
               "a station cannot be advertised to: %s", gw_err_name(sent));
}

static void guard_over(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_maar_mn *mn = t->owner;

    if (mn->state == GW_MN_REFUSED) {
        const struct gw_config *cfg = mn->maar->lm->cfg;
        gw_access_ask_again(mn->maar->access, &mn->station, &cfg->dlif.link_local,
                            &cfg->dlif.lladdr);
        gw_mn_free(mn);
    } else if (mn->state == GW_MN_PREVIOUS) {
        if (!mn->programmed && mn->tag == 0)
            gw_mn_say_moved(mn);
    } else if (mn->state == GW_MN_LOCAL) {
        gw_mn_local_leave(mn);
    } else if (gw_mn_deregister(mn) != 0) {
        gw_mn_guard(mn, mn->maar->lm->cfg->timers.initial_ack);
    }
}

void gw_mn_guard(struct gw_maar_mn *mn, struct gw_time span)
{
    struct gw_lm *lm = mn->maar->lm;

    mn->guard.fire = guard_over;
    mn->guard.owner = mn;
    if (gw_timer_set(lm->timers, &mn->guard, gw_time_add(lm->now.mono, span)) != 0)
        lm->count[GW_CNT_NO_MEMORY]++;
}

void gw_mn_believe_gone(struct gw_maar_mn *mn)
{
    if (gw_timer_is_set(&mn->guard))
        return;
    gw_mn_guard(mn, mn->maar->lm->cfg->timers.detach_guard);
    if (gw_mn_served(mn) && mn->on_link)
        gw_route_drop_station(mn->maar->lm, &mn->b, &mn->station);
}

uint64_t gw_maar_timestamp(const struct gw_maar *m, struct gw_time seen)
{
    int64_t ago = m->lm->now.mono.ns - seen.ns;

    return gw_lm_timestamp(m->lm->now.wall_ns + m->cmd_ahead_ns - (ago > 0 ? ago : 0));
}

struct gw_time gw_maar_seen(const struct gw_maar *m, uint64_t timestamp)
{
    int64_t ago = m->lm->now.wall_ns + m->cmd_ahead_ns - gw_lm_timestamp_ns(timestamp);

    return gw_time_sub(m->lm->now.mono, (struct gw_time){ago});
}

bool gw_mn_correct_clock(struct gw_maar_mn *mn, uint64_t now)
{
    struct gw_maar *m = mn->maar;
    int64_t slack = m->lm->cfg->pmip.timestamp_validity.ns;
    int64_t off = gw_lm_timestamp_ns(now) - (m->lm->now.wall_ns + m->cmd_ahead_ns);
    int64_t ahead = m->cmd_ahead_ns;

    if (off > slack || off < -slack)
        ahead += off;
    off = ahead - mn->ahead_ns;
    if (off <= slack && off >= -slack)
        return false;
    m->cmd_ahead_ns = mn->ahead_ns; /* the time in which both were told */
    struct gw_time seen = gw_maar_seen(m, mn->b.attached), event = gw_maar_seen(m, mn->event);
    m->cmd_ahead_ns = mn->ahead_ns = ahead;
    mn->b.attached = gw_maar_timestamp(m, seen);
    mn->event = gw_maar_timestamp(m, event);
    return true;
}

uint64_t gw_mn_event(const struct gw_maar_mn *mn)
{
    int64_t off = mn->maar->cmd_ahead_ns - mn->ahead_ns;
    int64_t slack = mn->maar->lm->cfg->pmip.timestamp_validity.ns;

    if (off >= -slack)
        return mn->event;
    return gw_lm_timestamp(gw_lm_timestamp_ns(mn->event) + off);
}

void gw_mn_saw(struct gw_maar_mn *mn, struct gw_time seen)
{
    mn->seen = mn->maar->lm->now.mono;
    mn->event = gw_maar_timestamp(mn->maar, seen);
    mn->ahead_ns = mn->maar->cmd_ahead_ns;
}

/* state is what it was before */
int gw_mn_begin(struct gw_maar_mn *mn, const struct gw_station_key *st, struct gw_time seen)
{
    struct gw_lm *lm = mn->maar->lm;
    enum gw_mn_state before = mn->state;
    uint64_t attached = mn->b.attached;
    bool was_here = mn->on_link, was_previous = mn->was_previous, outdated = mn->outdated;
    int err = gw_mn_set_station(mn, st);

    if (err != 0)
        return err;
    gw_mn_saw(mn, seen);
    mn->b.lladdr = st->lladdr;
    mn->b.attached = mn->event;
    if (before == GW_MN_PREVIOUS) /* what a refusal goes back to */
        mn->attached_before = attached;
    mn->was_previous =
        before == GW_MN_PREVIOUS || /* a goodbye may not have arrived either */
        ((before == GW_MN_REGISTERING || before == GW_MN_DEREGISTERING) && mn->was_previous);
    mn->corrected = mn->outdated = false;
    mn->tries = 0;
    mn->state = GW_MN_REGISTERING;
    struct gw_handover_row *row = gw_handovers_add(&lm->handovers, GW_HO_SERVING, &mn->b.mnid);
    row->to = lm->cfg->addr;
    mn->row = row->number;
    gw_handover_step(row, GW_HO_ATTACHMENT_SEEN, seen);
    if (before == GW_MN_DEREGISTERING && mn->was_previous)
        gw_mn_put(mn); /* its goodbye is none any more; else gw_mn_register does it */
    err =
        gw_mn_register(mn, mn->was_previous ? GW_HI_INTER_MAG : GW_HI_UNKNOWN, (struct gw_time){0});
    row->sequence = mn->b.seq;
    if (err != 0) {
        if (!was_here)
            clear_station(mn);
        mn->state = before;
        mn->was_previous = was_previous;
        mn->outdated = outdated;
        mn->b.attached = attached;
        gw_mn_put(mn);
        if (before == GW_MN_DEREGISTERING && !mn->ex.pending)
            gw_mn_guard(mn, lm->cfg->timers.initial_ack);
        return err;
    }
    gw_timer_stop(lm->timers, &mn->guard);
    gw_mn_end_transit(mn);
    lm->count[GW_CNT_ATTACHED]++;
    return 0;
}

static int attach_new(struct gw_maar *m, const struct gw_station_key *st,
                      const struct gw_mnid *mnid, unsigned anchoring, struct gw_time seen)
{
    int err;
    struct gw_binding *b = gw_binding_new(&m->bs, sizeof(struct gw_maar_mn), mnid, &err);

    if (b == NULL)
        return err;
    struct gw_maar_mn *mn = gw_maar_mn(b);
    mn->maar = m;
    mn->state = GW_MN_REGISTERING;
    err = gw_mn_take_prefix(mn, NULL);
    if (err == 0)
        err = (anchoring & GW_ANCHORING_HERE) != 0 ? gw_mn_begin(mn, st, seen)
                                                   : gw_mn_local(mn, st, seen);
    if (err != 0) {
        gw_mn_del_record(mn);
        gw_mn_free(mn);
    }
    return err;
}

/* It was believed to be leaving, and has been seen. It may have been elsewhere meanwhile, where it
 * was told that its routers here are none any more. */
static void stay(struct gw_maar_mn *mn)
{
    struct gw_lm *lm = mn->maar->lm;

    if (!gw_timer_is_set(&mn->guard))
        return;
    gw_timer_stop(lm->timers, &mn->guard);
    if (!gw_mn_served(mn))
        return;
    gw_mn_set_tag(mn);
    gw_route_serve(lm, &mn->b, &mn->station, false, mn->tag);
    (void)gw_access_advertise(mn->maar->access, &mn->station);
}

static int came_back(struct gw_maar_mn *mn, struct gw_time seen)
{
    if (mn->outdated)
        return gw_mn_begin(mn, &mn->station, seen);
    gw_mn_saw(mn, seen);
    if (mn->state == GW_MN_REGISTERING) {
        mn->b.attached = mn->event; /* the next transmission says so */
        gw_mn_put(mn);
    }
    stay(mn);
    if (mn->unsaid && gw_mn_served(mn) && mn->on_link)
        gw_mn_advertise(mn);
    return 0;
}

/* The same MAAR, another access link: nothing for the CMD to know. */
static int move_here(struct gw_maar_mn *mn, const struct gw_station_key *st, struct gw_time seen)
{
    if (mn->outdated)
        return gw_mn_begin(mn, st, seen);
    int err = gw_mn_set_station(mn, st);
    gw_mn_saw(mn, seen);
    if (err != 0) {
        gw_mn_guard(mn, mn->maar->lm->cfg->timers.detach_guard);
        return err;
    }
    gw_timer_stop(mn->maar->lm->timers, &mn->guard);
    if (!gw_mn_served(mn))
        return 0;
    gw_mn_set_tag(mn);
    gw_route_serve(mn->maar->lm, &mn->b, &mn->station, false, mn->tag);
    gw_mn_advertise(mn);
    gw_mn_put(mn);
    return 0;
}

/* What this MAAR is to do for it (HERE or NONE); 0: nothing, which is counted. */
static unsigned allowed(struct gw_maar *m, const struct gw_mnid *mnid, const struct gw_lladdr *ll)
{
    unsigned how = gw_lm_anchoring(m->lm->cfg, mnid, ll) & (GW_ANCHORING_HERE | GW_ANCHORING_NONE);

    if (how == 0)
        m->lm->count[GW_CNT_REFUSED_POLICY]++;
    return how;
}

static int attach_known(struct gw_maar_mn *mn, const struct gw_station_key *st, struct gw_time seen)
{
    switch (mn->state) {
    case GW_MN_REGISTERING:
    case GW_MN_SERVING:
    case GW_MN_LOCAL:
        return move_here(mn, st, seen);
    case GW_MN_REFUSED:
        return GW_EDENIED;
    case GW_MN_DEREGISTERING:
    case GW_MN_PREVIOUS:
    case GW_MN_RELEASING: /* gw_maar_attach has finished it */
        break;
    }
    unsigned how = allowed(mn->maar, &mn->b.mnid, &st->lladdr);
    if (how == 0)
        return GW_EDENIED;
    /* Mobility that a new policy ends is ended with the CMD first: who comes back is registered
     * once more for that, who is leaving comes again when the CMD has answered. */
    if (how == GW_ANCHORING_NONE && mn->state == GW_MN_DEREGISTERING) {
        mn->maar->lm->count[GW_CNT_REFUSED_POLICY]++;
        return GW_EDENIED;
    }
    return gw_mn_begin(mn, st, seen);
}

/* What is being released, or refused for a moment only, is over when its node is seen. */
static bool give_way(struct gw_maar_mn *mn)
{
    if (mn->state == GW_MN_RELEASING)
        gw_mn_answer_owed(mn, GW_ST_ACCEPTED);
    else if (mn->state != GW_MN_REFUSED || !gw_lm_refusal_ends(mn->maar->lm, &mn->guard))
        return false;
    gw_mn_free(mn);
    return true;
}

int gw_maar_attach(struct gw_maar *m, const struct gw_station_key *st, const struct gw_mnid *mnid,
                   struct gw_time seen)
{
    struct gw_mnid eui = gw_lm_eui(&st->lladdr);

    if (!gw_lm_plausible(m->lm->cfg, st))
        return GW_EINVAL;
    if (seen.ns == 0 || gw_time_before(m->lm->now.mono, seen))
        seen = m->lm->now.mono;
    struct gw_maar_mn *at = gw_table_get(&m->by_station, st);
    if (at != NULL && (mnid == NULL || gw_mnid_eq(mnid, &at->b.mnid)))
        return came_back(at, seen);
    if (mnid == NULL)
        mnid = &eui;
    if (at != NULL && at->state == GW_MN_LOCAL) { /* the same device under another name */
        gw_mn_local_leave(at);
    } else if (at != NULL) {
        int err = gw_mn_deregister(at);
        if (err != 0)
            return err;
    }
    struct gw_binding *b = gw_binding_get(&m->bs, mnid);
    if (b != NULL && give_way(gw_maar_mn(b)))
        b = NULL;
    if (b != NULL)
        return attach_known(gw_maar_mn(b), st, seen);
    unsigned how = allowed(m, mnid, &st->lladdr);
    return how == 0 ? GW_EDENIED : attach_new(m, st, mnid, how, seen);
}

int gw_maar_detach(struct gw_maar *m, const struct gw_station_key *st)
{
    struct gw_maar_mn *mn = gw_table_get(&m->by_station, st);

    if (mn == NULL)
        return GW_ENOENT;
    gw_mn_believe_gone(mn);
    return 0;
}

void gw_maar_link_down(struct gw_maar *m, uint32_t iface)
{
    struct gw_maar_mn *mn;

    for (size_t i = 0; (mn = gw_table_next(&m->by_station, &i)) != NULL;)
        if (mn->station.iface == iface)
            gw_mn_believe_gone(mn);
}

int gw_maar_alive(struct gw_maar *m, const struct gw_station_key *st)
{
    struct gw_maar_mn *mn = gw_table_get(&m->by_station, st);

    if (mn == NULL)
        return GW_ENOENT;
    if (mn->outdated)
        return gw_mn_begin(mn, &mn->station, m->lm->now.mono);
    mn->seen = m->lm->now.mono; /* no attachment event: a frame may have been under way for long */
    if (mn->state != GW_MN_REFUSED)
        stay(mn);
    return 0;
}

int gw_maar_first_packet(struct gw_maar *m, const struct gw_prefix *p, bool uplink,
                         struct gw_time seen)
{
    struct gw_anchor *a = gw_anchor_get(&m->bs, p);

    if (a == NULL)
        return GW_ENOENT;
    struct gw_maar_mn *mn = gw_maar_mn(a->binding);
    if (uplink)
        mn->seen = m->lm->now.mono;
    gw_handover_step(gw_mn_row(mn), uplink ? GW_HO_FIRST_UPLINK : GW_HO_FIRST_DOWNLINK, seen);
    return 0;
}
