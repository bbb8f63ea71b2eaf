/* steer.c: services, instances and the ways to them as intents: see steer.h. */
#include "fn/steer/steer.h"

#include "base/err.h"
#include "node/config.h"

#define LOOK       GW_SEC(1)
#define OF_SERVICE (UINT64_C(1) << 62) /* in a tag */

const char *gw_steer_count_name(enum gw_steer_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_SCNT_##id] = (name),
        GW_STEER_COUNTERS(X)
#undef X
    };

    return names[c];
}

static uint64_t hash_csci(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_addr *)key)->b, 16, seed);
}

static bool eq_csci(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_steer_instance *)obj)->csci_id);
}

static const void *key_csci(const void *obj)
{
    return &((const struct gw_steer_instance *)obj)->csci_id;
}

static const struct gw_table_ops by_csci = {hash_csci, eq_csci, key_csci};

static void look(struct gw_timer *t, void *user);

void gw_steer_init(struct gw_steer *s, size_t limit, uint64_t seed)
{
    gw_table_init(&s->instances, s->al, &by_csci, limit, seed);
    s->look = (struct gw_timer){.fire = look, .owner = s};
}

void gw_steer_free(struct gw_steer *s)
{
    struct gw_steer_instance *e;

    gw_timer_stop(s->timers, &s->look);
    for (size_t i = 0; (e = gw_table_next(&s->instances, &i)) != NULL;)
        gw_free(s->al, e, sizeof *e);
    gw_table_free(&s->instances);
}

static void say(struct gw_steer *s, const struct gw_intent *i)
{
    s->count[GW_SCNT_INTENTS]++;
    s->ops->intent(s->user, i);
}

/* -- services -----------------------------------------------------------------------------------
 */

bool gw_steer_same_key(const struct gw_service_key *a, const struct gw_service_key *b)
{
    return a->proto == b->proto && a->port == b->port && gw_addr_eq(&a->cs_id, &b->cs_id);
}

const struct gw_cfg_service *gw_steer_service(const struct gw_config *c,
                                              const struct gw_service_key *k)
{
    for (size_t i = 0; i < c->nservices; i++)
        if (gw_steer_same_key(&c->services[i].key, k))
            return &c->services[i];
    return NULL;
}

uint8_t gw_steer_cats_affinity(const struct gw_cfg_service *s)
{
    return (uint8_t)(s == NULL                           ? GW_CATS_BY_FLOW
                     : s->affinity == GW_AFFINITY_3TUPLE ? GW_CATS_BY_3TUPLE
                     : s->affinity == GW_AFFINITY_CLIENT ? GW_CATS_BY_CLIENT
                                                         : GW_CATS_BY_FLOW);
}

const char *gw_steer_state_name(enum gw_instance_state s)
{
    switch (s) {
    case GW_INSTANCE_UP:
        return "up";
    case GW_INSTANCE_DRAINING:
        return "draining";
    case GW_INSTANCE_DEAD:
        return "dead";
    }
    return "?";
}

/* A D-Forwarder that is no D-Router. */
static bool asks(const struct gw_steer *s)
{
    return (s->cfg->roles & GW_ROLES_STEERING) == GW_ROLE_D_FORWARDER;
}

void gw_steer_say_service(struct gw_steer *s, const struct gw_cfg_service *v)
{
    say(s,
        &(struct gw_intent){
            .kind = GW_INTENT_SERVICE_SET,
            .tag = GW_STEER_TAG | OF_SERVICE,
            .service = {.key = v->key,
                        .affinity = v->affinity,
                        .timeout = v->affinity_timeout,
                        .reselect = v->reselect,
                        .tell = s->cfg->handover.on && v->handover.continuity,
                        .ask = asks(s) ? s->cfg->steering.d_router : (struct gw_addr){.b = {0}},
                        .policy = s->ops->by_share(s->user, &v->key) ? (uint32_t)GW_STEER_WEIGHTED
                                                                     : v->policy,
                        .rule = v->rule,
                        .max_age_ms = v->max_age_ms,
                        .blur = v->blur,
                        .error_limit = v->error_limit,
                        .lasting = v->lasting}});
}

static void say_services(struct gw_steer *s)
{
    s->services_refused = false;
    for (size_t i = 0; i < s->cfg->nservices; i++)
        gw_steer_say_service(s, &s->cfg->services[i]);
}

/* -- instances ----------------------------------------------------------------------------------
 */

static bool better(const struct gw_metric *m, const struct gw_metric_instance *a,
                   const struct gw_metric_instance *b)
{
    if ((a->of == m->self) != (b->of == m->self))
        return a->of == m->self;
    if (a->v.state != b->v.state)
        return a->v.state < b->v.state;
    return gw_time_before(b->measured, a->measured);
}

const struct gw_metric_instance *gw_steer_record(const struct gw_metric *m,
                                                 const struct gw_cats_service *key,
                                                 const struct gw_addr *csci_id)
{
    const struct gw_metric_service *all = gw_metric_service(m, key);
    const struct gw_metric_instance *best = NULL;

    for (const struct gw_metric_instance *x = all != NULL ? all->first : NULL; x != NULL;
         x = x->sib_next)
        if (gw_addr_eq(&x->v.csci_id, csci_id) && x->v.state != GW_CATS_GONE &&
            (best == NULL || better(m, x, best)))
            best = x;
    return best;
}

static struct gw_addr host_of(const struct gw_steer *s, const struct gw_metric_instance *x)
{
    if (x->of != s->metric->self)
        return x->key.origin;
    for (size_t i = 0; i < s->cfg->ninstances; i++)
        if (gw_addr_eq(&s->cfg->instances[i].csci_id, &x->v.csci_id))
            return s->cfg->instances[i].address;
    return (struct gw_addr){.b = {0}};
}

/* There and back, in us. */
static uint32_t way(const struct gw_steer *s, const struct gw_path_target *t)
{
    int64_t ns = t == NULL ? 0 : t->delay >= 0 ? 2 * t->delay : s->paths->cfg->wait.ns;

    return ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static enum gw_instance_state state_of(const struct gw_metric_instance *x,
                                       const struct gw_path_target *t)
{
    if (t != NULL && t->state == GW_PATH_DOWN)
        return GW_INSTANCE_DEAD;
    if (x->v.state == GW_CATS_DRAINING || (t != NULL && t->state == GW_PATH_REFUSED))
        return GW_INSTANCE_DRAINING;
    return GW_INSTANCE_UP;
}

bool gw_steer_measured(const struct gw_cats_instance *v)
{
    return v->score != GW_CATS_NO_SCORE || v->latency != 0 || v->in_flight != 0 || v->errors != 0;
}

uint16_t gw_steer_share(const struct gw_steer *s, const struct gw_steer_instance *e)
{
    return gw_time_before(s->metric->now, e->share_until) ? e->share : 0;
}

/* What the policy `weighted` draws by: what nobody may be sent to is not drawn. */
static uint32_t weight_of(const struct gw_steer *s, const struct gw_metric_instance *x,
                          const struct gw_intent_instance *i)
{
    const struct gw_steer_instance *e = gw_table_get(&s->instances, &x->v.csci_id);

    if (!s->ops->by_share(s->user, &i->service))
        return x->v.weight != 0 ? x->v.weight : 1;
    return e != NULL && i->state == GW_INSTANCE_UP ? gw_steer_share(s, e) : 0;
}

static struct gw_intent_instance wanted(const struct gw_steer *s,
                                        const struct gw_metric_instance *x)
{
    bool here = gw_addr_eq(&x->v.egress, &s->cfg->addr);
    const struct gw_path_target *t = here ? NULL : gw_paths_get(s->paths, &x->v.egress);
    const struct gw_cats_service *k = &x->key.service;
    const struct gw_service_key service = {k->cs_id, k->proto, k->port};
    const struct gw_cfg_service *v = gw_steer_service(s->cfg, &service);
    struct gw_intent_instance i = {
        .csci_id = x->v.csci_id,
        .service = service,
        .state = state_of(x, t),
        .here = here,
        .delivery = v != NULL ? v->delivery : GW_DELIVERY_DIRECT,
        .egress = x->v.egress,
        .path_us = way(s, t),
        .service_us = x->v.latency,
        .load = x->v.in_flight < UINT32_MAX / GW_STEER_FLOW ? x->v.in_flight * GW_STEER_FLOW
                                                            : UINT32_MAX,
        .slots = x->v.slots != 0 ? x->v.slots : 1,
        .errors = (uint32_t)((uint64_t)x->v.errors * 1024 / 10000),
        .now = s->metric->now,
    };
    i.weight = weight_of(s, x, &i);
    if (gw_steer_measured(&x->v) && x->measured.ns > 0)
        i.measured = x->measured;
    if (here)
        i.via = host_of(s, x);
    return i;
}

bool gw_steer_near(uint32_t a, uint32_t b)
{
    uint32_t by = a > b ? a - b : b - a;

    return by <= 100 || by <= b / 8;
}

static bool same(const struct gw_intent_instance *a, const struct gw_intent_instance *b)
{
    return gw_steer_same_key(&a->service, &b->service) && a->state == b->state &&
           a->here == b->here && a->delivery == b->delivery && gw_addr_eq(&a->egress, &b->egress) &&
           gw_addr_eq(&a->via, &b->via) && a->service_us == b->service_us && a->load == b->load &&
           a->slots == b->slots && a->errors == b->errors && a->weight == b->weight &&
           a->measured.ns == b->measured.ns && gw_steer_near(a->path_us, b->path_us);
}

/* Of a service that is steered here, or an instance behind this node; and it can be reached. */
static bool concerns(struct gw_steer *s, const struct gw_intent_instance *i)
{
    if (i->here)
        return true;
    if (gw_steer_service(s->cfg, &i->service) == NULL)
        return false;
    if (s->ops->peer(s->user, &i->egress))
        return true;
    s->count[GW_SCNT_STRANGE]++;
    return false;
}

static void forget(struct gw_steer *s, struct gw_steer_instance *e)
{
    say(s, &(struct gw_intent){.kind = GW_INTENT_INSTANCE_DEL,
                               .instance = {.csci_id = e->csci_id, .service = e->said.service}});
    (void)gw_table_del(&s->instances, &e->csci_id);
    gw_free(s->al, e, sizeof *e);
}

static void say_instance(struct gw_steer *s, struct gw_steer_instance *e,
                         const struct gw_intent_instance *i)
{
    e->said = *i;
    e->refused = false;
    e->tag = GW_STEER_TAG | ++s->last_tag;
    say(s, &(struct gw_intent){.kind = GW_INTENT_INSTANCE_SET, .tag = e->tag, .instance = *i});
}

/* What only a MAPPING has named, with the way to it as it is now. */
static struct gw_intent_instance mapped(const struct gw_steer *s, const struct gw_steer_instance *e)
{
    const struct gw_path_target *t = e->said.here ? NULL : gw_paths_get(s->paths, &e->said.egress);
    struct gw_intent_instance i = e->said;

    i.state = t != NULL && t->state == GW_PATH_DOWN ? GW_INSTANCE_DEAD : GW_INSTANCE_UP;
    i.path_us = way(s, t);
    i.now = s->metric->now;
    return i;
}

static struct gw_steer_instance *create(struct gw_steer *s, const struct gw_addr *csci_id)
{
    struct gw_steer_instance *e = gw_new(s->al, sizeof *e);

    if (e == NULL)
        return NULL;
    e->csci_id = *csci_id;
    if (gw_table_put(&s->instances, e) == 0)
        return e;
    gw_free(s->al, e, sizeof *e);
    s->count[GW_SCNT_LIMIT]++;
    return NULL;
}

/* What there is to say of an instance of this service now; e: what has been said, or NULL. */
static void review(struct gw_steer *s, const struct gw_cats_service *key,
                   const struct gw_addr *csci_id, struct gw_steer_instance *e)
{
    const struct gw_metric_instance *x = gw_steer_record(s->metric, key, csci_id);
    bool told = e != NULL && gw_time_before(s->metric->now, e->mapped);
    struct gw_intent_instance i = {.here = false};

    if (x != NULL)
        i = wanted(s, x);
    else if (told)
        i = mapped(s, e);
    if ((x == NULL && !told) || !concerns(s, &i)) {
        if (e != NULL)
            forget(s, e);
        return;
    }
    if (e == NULL)
        e = create(s, csci_id);
    if (e != NULL && (e->tag == 0 || e->refused || !same(&i, &e->said)))
        say_instance(s, e, &i);
}

static struct gw_cats_service service_of(const struct gw_steer_instance *e)
{
    return gw_steer_cats_key(&e->said.service);
}

void gw_steer_changed(struct gw_steer *s, const struct gw_metric_instance *x)
{
    struct gw_steer_instance *e = gw_table_get(&s->instances, &x->v.csci_id);
    struct gw_service_key k = {x->key.service.cs_id, x->key.service.proto, x->key.service.port};

    if (!s->running)
        return;
    if (e != NULL && !gw_steer_same_key(&e->said.service, &k)) {
        struct gw_cats_service other = service_of(e);
        if (gw_steer_record(s->metric, &other, &e->csci_id) != NULL) {
            s->count[GW_SCNT_CONFLICT] += x->v.state != GW_CATS_GONE;
            return;
        }
        forget(s, e);
        e = NULL;
    }
    review(s, &x->key.service, &x->v.csci_id, e);
}

/* Also those that nothing has been said of yet: memory was short, or the configuration did not want
 * them. */
static void review_all(struct gw_steer *s)
{
    struct gw_steer_instance *e;
    struct gw_metric_instance *x;

    for (size_t i = 0; (e = gw_table_next(&s->instances, &i)) != NULL;) {
        struct gw_cats_service k = service_of(e);
        review(s, &k, &e->csci_id, e);
    }
    for (size_t i = 0; (x = gw_table_next(&s->metric->instances, &i)) != NULL;)
        if (gw_table_get(&s->instances, &x->v.csci_id) == NULL)
            gw_steer_changed(s, x);
}

void gw_steer_told(struct gw_steer *s, const struct gw_service_key *k,
                   const struct gw_cats_choice *c)
{
    struct gw_cats_service key = gw_steer_cats_key(k);
    struct gw_steer_instance *e = gw_table_get(&s->instances, &c->csci_id);

    if (e == NULL && gw_steer_record(s->metric, &key, &c->csci_id) == NULL) {
        e = create(s, &c->csci_id);
        if (e == NULL)
            return;
        e->said = (struct gw_intent_instance){.csci_id = c->csci_id,
                                              .service = *k,
                                              .here = gw_addr_eq(&c->egress, &s->cfg->addr),
                                              .egress = c->egress,
                                              .slots = 1,
                                              .weight = 1};
    }
    if (e == NULL)
        return;
    e->mapped = gw_time_add(s->metric->now, GW_SEC(c->lifetime));
    review(s, &key, &c->csci_id, e);
}

void gw_steer_turned(struct gw_steer *s, const struct gw_addr *egress)
{
    struct gw_steer_instance *e;

    if (!s->running)
        return;
    for (size_t i = 0; (e = gw_table_next(&s->instances, &i)) != NULL;) {
        struct gw_cats_service k = service_of(e);
        if (gw_addr_eq(&e->said.egress, egress))
            review(s, &k, &e->csci_id, e);
    }
}

/* -- life ---------------------------------------------------------------------------------------
 */

void gw_steer_look_synced(struct gw_steer *s)
{
    if (s->synced || !s->running)
        return;
    if (!gw_metric_caught_up(s->metric, s->started, s->cfg->steering.lifetime))
        return;
    s->synced = true;
    say(s, &(struct gw_intent){.kind = GW_INTENT_SERVE_SYNC});
}

static void look(struct gw_timer *t, void *user)
{
    struct gw_steer *s = t->owner;

    (void)user;
    (void)gw_timer_set(s->timers, &s->look, gw_time_add(s->metric->now, LOOK));
    if (s->services_refused)
        say_services(s);
    review_all(s);
    gw_steer_look_synced(s);
}

int gw_steer_start(struct gw_steer *s)
{
    s->running = true;
    s->started = s->metric->now;
    say_services(s);
    return gw_timer_set(s->timers, &s->look, gw_time_add(s->metric->now, LOOK));
}

void gw_steer_reload(struct gw_steer *s, const struct gw_config *before)
{
    if (!s->running)
        return;
    for (size_t i = 0; i < before->nservices; i++)
        if (gw_steer_service(s->cfg, &before->services[i].key) == NULL)
            say(s, &(struct gw_intent){.kind = GW_INTENT_SERVICE_DEL,
                                       .service = {.key = before->services[i].key}});
    say_services(s);
    review_all(s);
}

int gw_steer_done(struct gw_steer *s, uint64_t tag, int result)
{
    struct gw_steer_instance *e;

    if ((tag & GW_STEER_TAG) == 0)
        return GW_ENOENT;
    if (result == 0)
        return 0;
    s->count[GW_SCNT_REFUSED]++;
    if ((tag & OF_SERVICE) != 0)
        s->services_refused = true;
    for (size_t i = 0; (e = gw_table_next(&s->instances, &i)) != NULL;)
        if (e->tag == tag)
            e->refused = true;
    return 0;
}
