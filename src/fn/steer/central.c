/* central.c: see central.h. */
#include "fn/steer/central.h"

#include "base/err.h"
#include "node/config.h"

#define LOOK  GW_SEC(1)
#define AGAIN GW_SEC(1) /* a question without answer */

static uint64_t hash_service(const void *key, uint64_t seed)
{
    const struct gw_service_key *k = key;
    uint8_t b[16 + 3];

    memcpy(b, k->cs_id.b, 16);
    b[16] = k->proto;
    b[17] = (uint8_t)(k->port >> 8);
    b[18] = (uint8_t)k->port;
    return gw_hash(b, sizeof b, seed);
}

static bool eq_service(const void *key, const void *obj)
{
    return gw_steer_same_key(key, &((const struct gw_central_service *)obj)->key);
}

static const void *key_service(const void *obj)
{
    return &((const struct gw_central_service *)obj)->key;
}

static const struct gw_table_ops by_service = {hash_service, eq_service, key_service};

bool gw_central_used(const struct gw_central *c)
{
    return (c->cfg->roles & GW_ROLE_D_ROUTER) != 0 &&
           c->cfg->steering.model != GW_MODEL_DISTRIBUTED &&
           !gw_addr_is_zero(&c->cfg->steering.selector);
}

bool gw_central_by_share(const struct gw_central *c, const struct gw_service_key *k)
{
    const struct gw_central_service *s = gw_table_get(&c->services, k);

    return s != NULL && s->by_share;
}

/* -- do the shares of a service count? -----------------------------------------------------------
 */

static struct gw_central_service *service(struct gw_central *c, const struct gw_service_key *k)
{
    struct gw_central_service *s = gw_table_get(&c->services, k);

    if (s != NULL)
        return s;
    s = gw_new(c->al, sizeof *s);
    if (s == NULL)
        return NULL;
    s->key = *k;
    if (gw_table_put(&c->services, s) == 0)
        return s;
    gw_free(c->al, s, sizeof *s);
    return NULL;
}

static const struct gw_metric_instance *records(const struct gw_central *c,
                                                const struct gw_service_key *k)
{
    struct gw_cats_service key = gw_steer_cats_key(k);
    const struct gw_metric_service *all = gw_metric_service(c->steer->metric, &key);

    return all != NULL ? all->first : NULL;
}

/* What the packet path has been told of a record's instance; NULL: it takes no new flows. */
static struct gw_steer_instance *candidate(const struct gw_central *c,
                                           const struct gw_service_key *k,
                                           const struct gw_metric_instance *x)
{
    struct gw_steer_instance *e = gw_table_get(&c->steer->instances, &x->v.csci_id);

    return e != NULL && e->said.state == GW_INSTANCE_UP && gw_steer_same_key(&e->said.service, k)
               ? e
               : NULL;
}

struct view { /* of the candidates of a service */
    size_t up, fresh, lacking;
    uint32_t shares;
};

static struct view view(const struct gw_central *c, const struct gw_cfg_service *v)
{
    struct gw_time now = c->steer->metric->now, most = GW_MSEC(v->max_age_ms);
    struct view w = {.up = 0};

    for (const struct gw_metric_instance *x = records(c, &v->key); x != NULL; x = x->sib_next) {
        const struct gw_steer_instance *e = candidate(c, &v->key, x);
        if (e == NULL)
            continue;
        struct gw_time age = gw_time_sub(now, e->said.measured);
        w.up++;
        w.fresh += e->said.measured.ns != 0 && !gw_time_before(most, age);
        w.lacking += !gw_time_before(now, e->share_ask);
        w.shares += gw_steer_share(c->steer, e);
    }
    return w;
}

static bool counts(const struct gw_central *c, const struct view *w, bool was)
{
    if (!gw_central_used(c))
        return false;
    if (w->up == 0)
        return was; /* there is nothing to choose from */
    return w->shares != 0 &&
           (c->cfg->steering.model == GW_MODEL_CENTRALISED || 2 * w->fresh < w->up);
}

/* Not those that are of another service too (steer.h: a CSCI-ID is of one), which would be counted
 * each time. */
static void review(struct gw_central *c, const struct gw_service_key *k)
{
    for (const struct gw_metric_instance *x = records(c, k); x != NULL; x = x->sib_next) {
        const struct gw_steer_instance *e = gw_table_get(&c->steer->instances, &x->v.csci_id);
        if (e != NULL && gw_steer_same_key(&e->said.service, k))
            gw_steer_changed(c->steer, x);
    }
}

/* The packet path gets what is so now: weights before they are drawn by, and after. */
static void settle(struct gw_central *c, const struct gw_cfg_service *v)
{
    struct gw_central_service *s = service(c, &v->key);
    struct view w = view(c, v);

    if (s == NULL)
        return;
    bool was = s->by_share;
    s->by_share = counts(c, &w, was);
    if (was && !s->by_share) {
        c->alone++;
        gw_steer_say_service(c->steer, v);
    }
    if (was || s->by_share)
        review(c, &v->key);
    if (!was && s->by_share)
        gw_steer_say_service(c->steer, v);
    if (was != s->by_share)
        gw_log(c->steer->metric->log, GW_LOG_INFO, GW_CAT_NODE, "steer-model",
               "new flows of %s are %s", v->name,
               s->by_share ? "drawn by the path selector's shares" : "chosen for by this node");
}

static void settle_all(struct gw_central *c)
{
    for (size_t i = 0; i < c->cfg->nservices; i++)
        settle(c, &c->cfg->services[i]);
}

/* -- SELECTION ----------------------------------------------------------------------------------
 */

static void take(struct gw_central *c, const struct gw_service_key *k,
                 const struct gw_cats_choice *v)
{
    struct gw_steer_instance *e = gw_table_get(&c->steer->instances, &v->csci_id);
    struct gw_time now = c->steer->metric->now;

    if (e == NULL || !gw_steer_same_key(&e->said.service, k)) {
        c->unknown++; /* it is not known here yet, or not any more */
        return;
    }
    c->shares++;
    e->share = v->share;
    e->share_until = gw_time_add(now, GW_SEC(v->lifetime));
    e->share_ask = gw_time_add(now, GW_MSEC(500 * (int64_t)v->lifetime));
}

/* The path selector knows of no instance: it is not asked every second. */
static void refused(struct gw_central *c, const struct gw_service_key *k)
{
    struct gw_central_service *s = gw_table_get(&c->services, k);

    if (s != NULL)
        s->ask_at =
            gw_time_add(c->steer->metric->now, (struct gw_time){c->cfg->steering.lifetime.ns / 2});
}

static void settle_named(struct gw_central *c, const struct gw_service_key *k)
{
    const struct gw_cfg_service *v = gw_steer_service(c->cfg, k);

    if (v != NULL)
        settle(c, v);
}

int gw_central_selection(struct gw_central *c, const struct gw_mh *m)
{
    bool none = (m->exp.cats.flags & GW_CATS_UNKNOWN) != 0, named = false;
    struct gw_service_key k = {.port = 0};
    struct gw_cats_item item;
    size_t it = 0;
    int got;

    c->selections++;
    while ((got = gw_cats_next(m, &it, &item)) == 1) {
        if (item.type == GW_CATS_SERVICE) {
            if (named)
                settle_named(c, &k);
            k = (struct gw_service_key){item.service.cs_id, item.service.proto, item.service.port};
            named = true;
            if (none)
                refused(c, &k);
        } else if (item.type == GW_CATS_CHOICE && named && item.choice.code == GW_CATS_CHOSEN) {
            take(c, &k, &item.choice);
        }
    }
    if (named)
        settle_named(c, &k);
    if (got < 0) {
        c->steer->metric->count[GW_MCNT_MALFORMED]++;
        return got;
    }
    if (!none)
        gw_post_answer(c->steer->metric, &c->selector, m->exp.cats.seq);
    return 0;
}

/* -- QUERY --------------------------------------------------------------------------------------
 */

static void query(struct gw_central *c)
{
    struct gw_metric *m = c->steer->metric;

    if (m->out->nopts == 0)
        return;
    c->queries++;
    (void)m->ops->send(m->user, &c->selector, m->out);
}

static void ask(struct gw_central *c)
{
    struct gw_metric *m = c->steer->metric;

    gw_cats_begin(m->out, &m->buf, GW_CATS_QUERY, 0, ++m->seq);
    for (size_t i = 0; i < c->cfg->nservices; i++) {
        const struct gw_cfg_service *v = &c->cfg->services[i];
        struct gw_central_service *s = gw_table_get(&c->services, &v->key);
        struct gw_cats_item item = {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&v->key)};
        if (s == NULL || gw_time_before(m->now, s->ask_at) || view(c, v).lacking == 0)
            continue;
        s->ask_at = gw_time_add(m->now, AGAIN);
        if (gw_cats_add(m->out, &m->buf, &item) == 0)
            continue;
        query(c);
        gw_cats_begin(m->out, &m->buf, GW_CATS_QUERY, 0, ++m->seq);
        (void)gw_cats_add(m->out, &m->buf, &item);
    }
    query(c);
}

/* -- PATHS --------------------------------------------------------------------------------------
 */

static bool is_down(const struct gw_path_target *t)
{
    return t->state == GW_PATH_DOWN || t->state == GW_PATH_REFUSED;
}

static uint32_t microseconds(int64_t ns)
{
    return ns <= 0 ? 0 : ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static bool is_due(const struct gw_central *c, const struct gw_path_target *t)
{
    struct gw_time since = gw_time_sub(c->steer->metric->now, t->told.at);

    if (t->state == GW_PATH_UNKNOWN)
        return false;
    return t->told.at.ns == 0 || !gw_time_before(since, GW_CENTRAL_REPEAT) ||
           t->told.down != is_down(t) || !gw_steer_near(t->told.delay, microseconds(t->delay));
}

static struct gw_cats_item path_of(const struct gw_central *c, const struct gw_path_target *t)
{
    int64_t age = gw_time_sub(c->steer->metric->now, t->heard).ns / 1000000;
    int32_t loss = is_down(t) ? 10000 : gw_path_loss(t);

    return (struct gw_cats_item){.type = GW_CATS_PATH,
                                 .path = {.to = t->addr,
                                          .delay = microseconds(t->delay),
                                          .jitter = microseconds(t->jitter),
                                          .loss = (uint16_t)(loss > 0 ? loss : 0),
                                          .age = (uint16_t)(age < 0            ? 0
                                                            : age > UINT16_MAX ? UINT16_MAX
                                                                               : age)}};
}

static bool build(struct gw_post *p)
{
    struct gw_central *c = p->owner;
    struct gw_metric *m = p->m;
    struct gw_path_target *t;
    bool room = true;

    gw_cats_begin(m->out, &m->buf, GW_CATS_PATHS, 0, p->seq);
    for (size_t i = 0; (t = gw_table_next(&c->steer->paths->targets, &i)) != NULL;) {
        struct gw_cats_item item = path_of(c, t);
        t->told.flying = room && is_due(c, t) && gw_cats_add(m->out, &m->buf, &item) == 0;
        room = room && (t->told.flying || !is_due(c, t));
        if (!t->told.flying)
            continue;
        t->told.delay = item.path.delay;
        t->told.down = is_down(t);
        t->told.at = (struct gw_time){0}; /* until it is acknowledged */
    }
    return m->out->nopts != 0;
}

static void acked(struct gw_post *p)
{
    struct gw_central *c = p->owner;
    struct gw_path_target *t;

    for (size_t i = 0; (t = gw_table_next(&c->steer->paths->targets, &i)) != NULL;)
        if (t->told.flying) {
            t->told.flying = false;
            t->told.at = p->m->now;
            c->ways++;
        }
    gw_post_soon(p);
}

static void lost(struct gw_post *p)
{
    (void)p; /* what was in it is due still, and said within a second */
}

void gw_central_turned(struct gw_central *c)
{
    if (gw_central_used(c))
        gw_post_soon(&c->paths);
}

int gw_central_ack(struct gw_central *c, const struct gw_addr *from, uint32_t seq)
{
    return gw_addr_eq(from, &c->selector) ? gw_post_ack(&c->paths, seq) : GW_ENOENT;
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void look(struct gw_timer *t, void *user)
{
    struct gw_central *c = t->owner;
    struct gw_metric *m = c->steer->metric;

    (void)user;
    (void)gw_timer_set(m->timers, t, gw_time_add(m->now, LOOK));
    settle_all(c);
    ask(c);
    gw_post_soon(&c->paths);
}

void gw_central_init(struct gw_central *c, uint64_t seed)
{
    gw_table_init(&c->services, c->al, &by_service, 0, seed);
    c->look = (struct gw_timer){.fire = look, .owner = c};
    c->paths = (struct gw_post){
        .m = c->steer->metric, .owner = c, .build = build, .acked = acked, .lost = lost};
    gw_post_init(&c->paths);
}

/* Those that the configuration has no more, or all. */
static void drop_services(struct gw_central *c, bool all)
{
    struct gw_central_service *s;

    for (size_t i = 0; (s = gw_table_next(&c->services, &i)) != NULL;)
        if (all || gw_steer_service(c->cfg, &s->key) == NULL) {
            (void)gw_table_del(&c->services, &s->key);
            gw_free(c->al, s, sizeof *s);
        }
}

void gw_central_free(struct gw_central *c)
{
    gw_timer_stop(c->steer->metric->timers, &c->look);
    gw_post_stop(&c->paths);
    drop_services(c, true);
    gw_table_free(&c->services);
}

/* What another path selector has said, and has been told, is nothing to this one. */
static void forget(struct gw_central *c)
{
    struct gw_steer_instance *e;
    struct gw_path_target *t;

    gw_post_stop(&c->paths);
    for (size_t i = 0; (e = gw_table_next(&c->steer->instances, &i)) != NULL;)
        e->share_until = e->share_ask = (struct gw_time){0};
    for (size_t i = 0; (t = gw_table_next(&c->steer->paths->targets, &i)) != NULL;)
        t->told.at = (struct gw_time){0};
}

int gw_central_follow(struct gw_central *c)
{
    struct gw_metric *m = c->steer->metric;
    struct gw_addr to = gw_central_used(c) ? c->cfg->steering.selector : (struct gw_addr){.b = {0}};

    drop_services(c, false);
    c->paths.pace = c->cfg->steering.pace;
    c->paths.first = m->cfg->retransmit;
    if (!gw_addr_eq(&to, &c->selector)) {
        forget(c);
        c->selector = c->paths.to = to;
    }
    if (gw_central_used(c)) {
        settle_all(c);
        return gw_timer_is_set(&c->look)
                   ? 0
                   : gw_timer_set(m->timers, &c->look, gw_time_add(m->now, LOOK));
    }
    if (gw_table_count(&c->services) != 0)
        settle_all(c);
    drop_services(c, true);
    gw_timer_stop(m->timers, &c->look);
    return 0;
}
