/* own.c: see own.h. */
#include "fn/metric/own.h"

#include "base/err.h"
#include "node/config.h"

#define GONE    SIZE_MAX  /* index of an instance that the configuration has no more */
#define PENDING GW_SEC(1) /* what could not be told is tried again */

static uint64_t hash_own(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_addr *)key)->b, 16, seed);
}

static bool eq_own(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_own *)obj)->csci_id);
}

static const void *key_own(const void *obj)
{
    return &((const struct gw_own *)obj)->csci_id;
}

static const struct gw_table_ops by_csci = {hash_own, eq_own, key_own};

void gw_owns_init(struct gw_owns *w, uint64_t seed)
{
    gw_table_init(&w->table, w->al, &by_csci, 0, seed);
}

static void drop(struct gw_own *o)
{
    struct gw_owns *w = o->all;

    gw_timer_stop(w->timers, &o->again);
    gw_timer_stop(w->timers, &o->lease);
    (void)gw_table_del(&w->table, &o->csci_id);
    gw_free(w->al, o, sizeof *o);
}

void gw_owns_free(struct gw_owns *w)
{
    struct gw_own *o;

    for (size_t i = 0; (o = gw_table_next(&w->table, &i)) != NULL;)
        drop(o);
    gw_table_free(&w->table);
}

static const struct gw_cfg_instance *cfg_of(const struct gw_own *o)
{
    return &o->all->cfg->instances[o->index];
}

static struct gw_cats_service service_of(const struct gw_config *c, const struct gw_cfg_instance *x)
{
    const struct gw_service_key *k = &c->services[x->service].key;

    return (struct gw_cats_service){.cs_id = k->cs_id, .proto = k->proto, .port = k->port};
}

/* Is it there without anybody saying so? */
static bool always(const struct gw_cfg_instance *x)
{
    return !x->registers && x->health.kind == GW_HEALTH_NONE;
}

static uint32_t raw_of(const struct gw_metric_raw *r, enum gw_metric_kind k)
{
    int64_t v = (r->known & 1u << k) != 0 ? r->value[k] : 0;

    return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint16_t at_most_u16(int64_t v)
{
    return v > UINT16_MAX ? UINT16_MAX : (uint16_t)v;
}

/* Of the sample, ms; what has none says nothing that could be old. */
static uint16_t age(const struct gw_own *o)
{
    return o->at.ns == 0 ? 0 : at_most_u16(gw_time_sub(o->all->metric->now, o->at).ns / 1000000);
}

/* What it comes to, as others are told. */
static struct gw_cats_instance value(const struct gw_own *o)
{
    const struct gw_config *c = o->all->cfg;
    const struct gw_cfg_instance *x = cfg_of(o);
    const struct gw_metric_scores *s = &o->scores;
    int64_t lifetime = c->steering.lifetime.ns / 1000000000;
    struct gw_cats_instance v = {
        .state = !o->there                                 ? GW_CATS_GONE
                 : o->sample.state == GW_INSTANCE_DRAINING ? GW_CATS_DRAINING
                                                           : GW_CATS_UP,
        .score = s->l2,
        .computing = s->l1[GW_METRIC_CAT_COMPUTING],
        .communication = s->l1[GW_METRIC_CAT_COMMUNICATION],
        .service = s->l1[GW_METRIC_CAT_SERVICE],
        .weight = at_most_u16(x->weight),
        .lifetime = at_most_u16(lifetime > 0 ? lifetime : 1),
        .slots = at_most_u16(o->sample.slots != 0 ? o->sample.slots : x->slots),
        .latency = raw_of(&o->sample.raw, GW_METRIC_LATENCY),
        .in_flight = raw_of(&o->sample.raw, GW_METRIC_IN_FLIGHT),
        .errors = raw_of(&o->sample.raw, GW_METRIC_ERRORS),
        .csci_id = o->csci_id,
    };
    if ((c->roles & GW_ROLES_STEERING) == 0)
        v.egress = c->steering.egress;
    return v;
}

/* That it is there, or not, in the store. */
static void keep(struct gw_own *o, bool there)
{
    struct gw_owns *w = o->all;
    uint8_t key[17] = {GW_OWN_RECORD};
    static const uint8_t version = 1;

    memcpy(key + 1, o->csci_id.b, 16);
    if (there && !o->stored)
        w->ops->put(w->user, key, sizeof key, &version, 1);
    else if (!there && o->stored)
        w->ops->del(w->user, key, sizeof key);
    o->stored = there;
}

/* Four times a lifetime: when nothing is held back, what was sampled is told as it is. */
static struct gw_time anew(const struct gw_own *o)
{
    return gw_time_add(o->report.at, GW_MSEC(1000 * (int64_t)o->report.told.lifetime / 4));
}

static void wake(struct gw_own *o, struct gw_time at)
{
    if (o->report.told.state == GW_CATS_UP || o->report.told.state == GW_CATS_DRAINING)
        at = gw_time_before(anew(o), at) ? anew(o) : at;
    if (at.ns == GW_NEVER.ns)
        gw_timer_stop(o->all->timers, &o->again);
    else
        (void)gw_timer_set(o->all->timers, &o->again, at);
}

/* v has been taken for told by the report. */
static int tell(struct gw_own *o, const struct gw_cats_instance *v, struct gw_time again)
{
    struct gw_owns *w = o->all;
    struct gw_cats_instance now = *v;

    now.age = age(o);
    int err = gw_metric_say(w->metric, &o->service, &now);

    o->sampled = false;
    if (err != 0 && err != GW_ENOENT) { /* nobody has heard it */
        o->report.told.state = 0;
        again = gw_time_add(w->metric->now, PENDING);
    }
    wake(o, again);
    return err == GW_ENOENT ? 0 : err;
}

static int offer(struct gw_own *o)
{
    struct gw_cats_instance v = value(o);
    struct gw_time again;

    if (gw_report_sample(&o->report, &v, o->all->metric->now, &again))
        return tell(o, &v, again);
    wake(o, again);
    return 0;
}

static void due(struct gw_timer *t, void *user)
{
    struct gw_own *o = t->owner;
    struct gw_time now = o->all->metric->now, again;
    struct gw_cats_instance v = o->report.seen;

    (void)user;
    if (gw_report_due(&o->report, now, &again)) {
        (void)tell(o, &v, again);
        return;
    }
    bool told = o->report.told.state == GW_CATS_UP || o->report.told.state == GW_CATS_DRAINING;
    if (told && !gw_time_before(now, anew(o))) {
        o->report.at = now;
        if (o->sampled) {
            o->report.told = v;
            (void)tell(o, &v, again);
            return;
        }
    }
    wake(o, again);
}

static void end(struct gw_timer *t, void *user)
{
    struct gw_own *o = t->owner;

    (void)user;
    o->all->expired++;
    o->there = false;
    keep(o, false);
    (void)offer(o);
}

/* How long it is there without a sample; GW_NEVER: as long as nobody says otherwise. */
static struct gw_time lease(const struct gw_own *o)
{
    const struct gw_cfg_instance *x = cfg_of(o);
    int64_t fall = x->health.fall != 0 ? x->health.fall : 1;

    if (x->registers)
        return x->lease;
    if (x->health.kind == GW_HEALTH_REPORT)
        return (struct gw_time){x->health.interval.ns * fall + x->health.timeout.ns};
    return GW_NEVER;
}

static void begin_lease(struct gw_own *o, struct gw_time span)
{
    struct gw_owns *w = o->all;

    if (span.ns == GW_NEVER.ns)
        gw_timer_stop(w->timers, &o->lease);
    else /* without memory it has the one before, or none until the next sample */
        (void)gw_timer_set(w->timers, &o->lease, gw_time_add(w->metric->now, span));
}

int gw_owns_sample(struct gw_owns *w, const struct gw_sample *s)
{
    struct gw_own *o = gw_table_get(&w->table, &s->csci_id);

    w->samples++;
    if (o == NULL || o->index == GONE) {
        w->strange++;
        return GW_ENOENT;
    }
    o->sample = *s;
    o->scores = gw_metric_score(&w->cfg->steering.scores, &s->raw);
    o->at = w->metric->now;
    o->sampled = true;
    o->there = s->state != GW_INSTANCE_DEAD;
    if (!o->there)
        gw_timer_stop(w->timers, &o->lease);
    else
        begin_lease(o, lease(o));
    if (!always(cfg_of(o)))
        keep(o, o->there);
    return offer(o);
}

static struct gw_own *create(struct gw_owns *w, const struct gw_addr *csci_id)
{
    struct gw_own *o = gw_new(w->al, sizeof *o);

    if (o == NULL)
        return NULL;
    *o = (struct gw_own){.csci_id = *csci_id,
                         .all = w,
                         .index = GONE,
                         .scores = {.l1 = {GW_SCORE_UNKNOWN, GW_SCORE_UNKNOWN, GW_SCORE_UNKNOWN},
                                    .l2 = GW_SCORE_UNKNOWN}};
    o->again = (struct gw_timer){.fire = due, .owner = o};
    o->lease = (struct gw_timer){.fire = end, .owner = o};
    if (gw_table_put(&w->table, o) == 0)
        return o;
    gw_free(w->al, o, sizeof *o);
    return NULL;
}

int gw_owns_restore(struct gw_owns *w, const uint8_t *key, size_t key_len)
{
    struct gw_addr csci;

    if (key_len != 1 + sizeof csci)
        return GW_EFORMAT;
    memcpy(csci.b, key + 1, sizeof csci);
    struct gw_own *o = create(w, &csci);
    if (o == NULL)
        return GW_ENOMEM;
    o->there = o->stored = true;
    return 0;
}

static void withdraw(struct gw_own *o)
{
    struct gw_cats_instance v = {
        .state = GW_CATS_GONE, .lifetime = o->report.told.lifetime, .csci_id = o->csci_id};

    if (o->report.told.state != 0)
        (void)gw_metric_say(o->all->metric, &o->service, &v);
    o->report.told.state = 0;
}

static int load(struct gw_owns *w, size_t index)
{
    const struct gw_cfg_instance *x = &w->cfg->instances[index];
    struct gw_cats_service service = service_of(w->cfg, x);
    struct gw_own *o = gw_table_get(&w->table, &x->csci_id);

    if (o == NULL)
        o = create(w, &x->csci_id);
    if (o == NULL)
        return GW_ENOMEM;
    bool fresh = o->report.rules == NULL;
    if (!fresh && (o->service.proto != service.proto || o->service.port != service.port ||
                   !gw_addr_eq(&o->service.cs_id, &service.cs_id)))
        withdraw(o);
    o->index = index;
    o->service = service;
    o->report.rules = &w->cfg->steering.report;
    if (always(x)) {
        o->there = o->there || o->at.ns == 0;
        keep(o, false);
    }
    if (fresh && o->stored) {
        struct gw_time own = lease(o);
        begin_lease(o, own.ns != GW_NEVER.ns ? own : w->cfg->steering.lifetime);
    }
    return offer(o);
}

int gw_owns_load(struct gw_owns *w)
{
    struct gw_own *o;
    int err = 0;

    for (size_t i = 0; (o = gw_table_next(&w->table, &i)) != NULL;)
        o->index = GONE;
    for (size_t i = 0; i < w->cfg->ninstances; i++) {
        int e = load(w, i);
        err = e != 0 ? e : err;
    }
    for (size_t i = 0; (o = gw_table_next(&w->table, &i)) != NULL;)
        if (o->index == GONE) {
            withdraw(o);
            keep(o, false);
            drop(o);
        }
    return err;
}

const struct gw_own *gw_own_get(const struct gw_owns *w, const struct gw_addr *csci_id)
{
    return gw_table_get(&w->table, csci_id);
}
