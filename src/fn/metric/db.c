/* db.c: the records of metric.h: by origin, service and instance; ageing. Who is told is flood.c's.
 */
#include "fn/metric/metric.h"

static uint64_t hash_key(const void *key, uint64_t seed)
{
    const struct gw_metric_key *k = key;
    uint8_t b[51];

    memcpy(b, k->origin.b, 16);
    memcpy(b + 16, k->service.cs_id.b, 16);
    memcpy(b + 32, k->csci_id.b, 16);
    b[48] = k->service.proto;
    b[49] = (uint8_t)(k->service.port >> 8);
    b[50] = (uint8_t)k->service.port;
    return gw_hash(b, sizeof b, seed);
}

static bool service_eq(const struct gw_cats_service *a, const struct gw_cats_service *b)
{
    return a->proto == b->proto && a->port == b->port && gw_addr_eq(&a->cs_id, &b->cs_id);
}

static bool eq_key(const void *key, const void *obj)
{
    const struct gw_metric_key *a = key, *b = &((const struct gw_metric_instance *)obj)->key;

    return gw_addr_eq(&a->csci_id, &b->csci_id) && service_eq(&a->service, &b->service) &&
           gw_addr_eq(&a->origin, &b->origin);
}

static const void *key_of(const void *obj)
{
    return &((const struct gw_metric_instance *)obj)->key;
}

static uint64_t hash_addr(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_addr *)key)->b, 16, seed);
}

static bool eq_origin(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_metric_origin *)obj)->addr);
}

static const void *key_origin(const void *obj)
{
    return &((const struct gw_metric_origin *)obj)->addr;
}

static bool eq_neighbour(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_metric_neighbour *)obj)->addr);
}

static const void *key_neighbour(const void *obj)
{
    return &((const struct gw_metric_neighbour *)obj)->addr;
}

static uint64_t hash_service(const void *key, uint64_t seed)
{
    const struct gw_cats_service *s = key;

    return gw_hash(s->cs_id.b, 16, seed ^ ((uint64_t)s->proto << 16 | s->port));
}

static bool eq_service(const void *key, const void *obj)
{
    return service_eq(key, &((const struct gw_metric_service *)obj)->key);
}

static const void *key_service(const void *obj)
{
    return &((const struct gw_metric_service *)obj)->key;
}

static const struct gw_table_ops by_key = {hash_key, eq_key, key_of};
static const struct gw_table_ops by_origin = {hash_addr, eq_origin, key_origin};
static const struct gw_table_ops by_service = {hash_service, eq_service, key_service};
static const struct gw_table_ops by_neighbour = {hash_addr, eq_neighbour, key_neighbour};

const char *gw_metric_count_name(enum gw_metric_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_MCNT_##id] = (name),
        GW_METRIC_COUNTERS(X)
#undef X
    };

    return names[c];
}

int gw_metric_init(struct gw_metric *m, uint32_t epoch, uint64_t seed)
{
    gw_table_init(&m->instances, m->al, &by_key, m->cfg->instances, seed);
    gw_table_init(&m->origins, m->al, &by_origin, m->cfg->origins, seed);
    gw_table_init(&m->services, m->al, &by_service, 0, seed);
    gw_table_init(&m->neighbours, m->al, &by_neighbour, 0, seed);
    m->self = gw_metric_origin_get(m, &m->cfg->self);
    if (m->self == NULL)
        return GW_ENOMEM;
    m->self->epoch = epoch;
    return 0;
}

static void unlink_change(struct gw_metric_instance *x)
{
    struct gw_metric_origin *o = x->of;

    if (x->prev != NULL)
        x->prev->next = x->next;
    else
        o->first = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    else
        o->last = x->prev;
    o->n--;
}

/* By v.seq; nearly always the last. */
static void link_change(struct gw_metric_instance *x)
{
    struct gw_metric_origin *o = x->of;
    struct gw_metric_instance *after = o->last;

    while (after != NULL && gw_cats_later(after->v.seq, x->v.seq))
        after = after->prev;
    x->prev = after;
    x->next = after != NULL ? after->next : o->first;
    if (x->next != NULL)
        x->next->prev = x;
    else
        o->last = x;
    if (after != NULL)
        after->next = x;
    else
        o->first = x;
    o->n++;
}

static void drop_service(struct gw_metric *m, struct gw_metric_instance *x)
{
    struct gw_metric_service *s = gw_table_get(&m->services, &x->key.service);

    if (x->sib_prev != NULL)
        x->sib_prev->sib_next = x->sib_next;
    else
        s->first = x->sib_next;
    if (x->sib_next != NULL)
        x->sib_next->sib_prev = x->sib_prev;
    if (--s->n == 0)
        gw_free(m->al, gw_table_del(&m->services, &x->key.service), sizeof *s);
}

static void forget(struct gw_metric *m, struct gw_metric_instance *x)
{
    gw_timer_stop(m->timers, &x->timer);
    unlink_change(x);
    drop_service(m, x);
    (void)gw_table_del(&m->instances, &x->key);
    gw_free(m->al, x, sizeof *x);
}

void gw_metric_free(struct gw_metric *m)
{
    void *obj;

    for (size_t i = 0; (obj = gw_table_next(&m->instances, &i)) != NULL;)
        forget(m, obj);
    for (size_t i = 0; (obj = gw_table_next(&m->neighbours, &i)) != NULL;) {
        struct gw_addr a = ((struct gw_metric_neighbour *)obj)->addr;
        gw_metric_neighbour_del(m, &a);
    }
    for (size_t i = 0; (obj = gw_table_next(&m->origins, &i)) != NULL;)
        gw_free(m->al, obj, sizeof(struct gw_metric_origin));
    gw_timer_stop(m->timers, &m->announce);
    gw_table_free(&m->instances);
    gw_table_free(&m->origins);
    gw_table_free(&m->services);
    gw_table_free(&m->neighbours);
}

struct gw_metric_origin *gw_metric_origin_get(struct gw_metric *m, const struct gw_addr *a)
{
    struct gw_metric_origin *o = gw_table_get(&m->origins, a);

    if (o != NULL)
        return o;
    o = gw_new(m->al, sizeof *o);
    if (o == NULL)
        return NULL;
    o->addr = *a;
    o->m = m;
    o->index = (uint32_t)gw_table_count(&m->origins);
    if (gw_table_put(&m->origins, o) != 0) {
        gw_free(m->al, o, sizeof *o);
        m->count[GW_MCNT_LIMIT_ORIGINS]++;
        return NULL;
    }
    return o;
}

static struct gw_metric_service *service_get(struct gw_metric *m, const struct gw_cats_service *key)
{
    struct gw_metric_service *s = gw_table_get(&m->services, key);

    if (s != NULL)
        return s;
    s = gw_new(m->al, sizeof *s);
    if (s == NULL)
        return NULL;
    s->key = *key;
    if (gw_table_put(&m->services, s) == 0)
        return s;
    gw_free(m->al, s, sizeof *s);
    return NULL;
}

/* Not in the origin's list yet. */
static struct gw_metric_instance *create(struct gw_metric *m, struct gw_metric_origin *o,
                                         const struct gw_metric_key *key)
{
    struct gw_metric_service *s = service_get(m, &key->service);
    struct gw_metric_instance *x = s != NULL ? gw_new(m->al, sizeof *x) : NULL;

    if (x != NULL) {
        x->key = *key;
        x->of = o;
        if (gw_table_put(&m->instances, x) != 0) {
            gw_free(m->al, x, sizeof *x);
            x = NULL;
            m->count[GW_MCNT_LIMIT_INSTANCES]++;
        }
    }
    if (x == NULL) {
        if (s != NULL && s->n == 0)
            gw_free(m->al, gw_table_del(&m->services, &key->service), sizeof *s);
        return NULL;
    }
    x->sib_next = s->first;
    if (s->first != NULL)
        s->first->sib_prev = x;
    s->first = x;
    s->n++;
    return x;
}

static void age(struct gw_timer *t, void *user);

static void arm(struct gw_metric *m, struct gw_metric_instance *x)
{
    int64_t s = x->v.lifetime != 0 ? x->v.lifetime : 1;
    bool again = x->of == m->self && x->v.state != GW_CATS_GONE;

    x->timer.fire = age;
    x->timer.owner = x;
    /* Without memory it stays as it was, for ever at worst: a limit bounds how many there are. */
    (void)gw_timer_set(m->timers, &x->timer,
                       gw_time_add(m->now, again ? GW_MSEC(s * 1000 / 3) : GW_SEC(s)));
}

static void put(struct gw_metric *m, struct gw_metric_instance *x, const struct gw_cats_instance *v)
{
    if (x->v.state != 0)
        unlink_change(x);
    x->v = *v;
    if (gw_addr_is_zero(&x->v.egress))
        x->v.egress = x->key.origin;
    x->of->via = x->v.egress;
    x->measured = gw_time_sub(m->now, GW_MSEC(v->age));
    link_change(x);
    arm(m, x);
    m->ops->changed(m->user, x);
}

/* An own record is said anew, or forgotten; another's has not been for its lifetime. */
static void age(struct gw_timer *t, void *user)
{
    struct gw_metric_instance *x = t->owner;
    struct gw_metric *m = x->of->m;

    (void)user;
    if (x->of == m->self && x->v.state != GW_CATS_GONE) {
        struct gw_cats_instance v = x->v;
        v.seq = ++m->self->seq;
        struct gw_time measured = x->measured;
        put(m, x, &v);
        x->measured = measured;
        gw_metric_news(m);
        return;
    }
    if (x->v.state != GW_CATS_GONE) {
        m->count[GW_MCNT_AGED]++;
        x->v.state = GW_CATS_GONE;
        m->ops->changed(m->user, x);
    }
    forget(m, x);
}

int gw_metric_say(struct gw_metric *m, const struct gw_cats_service *s,
                  const struct gw_cats_instance *v)
{
    struct gw_metric_key key = {m->cfg->self, *s, v->csci_id};
    struct gw_metric_instance *x = gw_table_get(&m->instances, &key);
    struct gw_cats_instance now = *v;

    if (v->state < GW_CATS_UP || v->state > GW_CATS_GONE)
        return GW_EINVAL;
    if (x == NULL && v->state == GW_CATS_GONE)
        return GW_ENOENT;
    if (x == NULL)
        x = create(m, m->self, &key);
    if (x == NULL)
        return m->cfg->instances != 0 && gw_table_count(&m->instances) >= m->cfg->instances
                   ? GW_EFULL
                   : GW_ENOMEM;
    now.seq = ++m->self->seq;
    put(m, x, &now);
    gw_metric_news(m);
    return 0;
}

bool gw_metric_take(struct gw_metric *m, struct gw_metric_origin *o,
                    const struct gw_cats_service *s, const struct gw_cats_instance *v)
{
    struct gw_metric_key key = {o->addr, *s, v->csci_id};
    struct gw_metric_instance *x = gw_table_get(&m->instances, &key);

    if (x != NULL && !x->mark && !gw_cats_later(v->seq, x->v.seq))
        return false;
    if (x == NULL && v->state == GW_CATS_GONE)
        return false; /* it has never been known here */
    if (x == NULL)
        x = create(m, o, &key);
    if (x == NULL)
        return false;
    x->mark = false;
    put(m, x, v);
    return true;
}

void gw_metric_epoch_begin(struct gw_metric_origin *o, uint32_t epoch)
{
    o->epoch = epoch;
    o->seq = 0;
    for (struct gw_metric_instance *x = o->first; x != NULL; x = x->next)
        x->mark = true;
}

void gw_metric_epoch_end(struct gw_metric_origin *o)
{
    struct gw_metric *m = o->m;

    for (struct gw_metric_instance *x = o->first, *next; x != NULL; x = next) {
        next = x->next;
        if (!x->mark)
            continue;
        if (x->v.state != GW_CATS_GONE) {
            x->v.state = GW_CATS_GONE;
            m->ops->changed(m->user, x);
        }
        forget(m, x);
    }
}

void gw_metric_outlive(struct gw_metric *m, uint32_t epoch)
{
    struct gw_metric_origin *o = m->self;

    o->epoch = epoch + 1;
    o->seq = 0;
    for (struct gw_metric_instance *x = o->first; x != NULL; x = x->next)
        x->v.seq = ++o->seq;
    gw_metric_news(m);
}

const struct gw_metric_service *gw_metric_service(const struct gw_metric *m,
                                                  const struct gw_cats_service *s)
{
    return gw_table_get(&m->services, s);
}
