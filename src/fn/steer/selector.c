/* selector.c: see selector.h. */
#include "fn/steer/selector.h"

#include "base/err.h"
#include "fn/steer/central.h"
#include "node/config.h"

#define LOOK      GW_SEC(1)
#define STEP      GW_MSEC(200) /* at least between two turns */
#define INGRESSES 4096         /* limits */
#define WAYS      4096         /* of an ingress */
#define PICKS     65536        /* likewise */

static uint64_t hash_addr(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_addr *)key)->b, 16, seed);
}

static bool eq_ingress(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_ingress *)obj)->addr);
}

static const void *key_ingress(const void *obj)
{
    return &((const struct gw_ingress *)obj)->addr;
}

static bool eq_way(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_selector_way *)obj)->egress);
}

static const void *key_way(const void *obj)
{
    return &((const struct gw_selector_way *)obj)->egress;
}

static bool eq_pick(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_pick *)obj)->csci_id);
}

static const void *key_pick(const void *obj)
{
    return &((const struct gw_pick *)obj)->csci_id;
}

static const struct gw_table_ops by_addr = {hash_addr, eq_ingress, key_ingress};
static const struct gw_table_ops by_egress = {hash_addr, eq_way, key_way};
static const struct gw_table_ops by_csci = {hash_addr, eq_pick, key_pick};

/* -- ingresses ----------------------------------------------------------------------------------
 */

static void drop(struct gw_ingress *g)
{
    struct gw_selector *s = g->all;
    struct gw_selector_way *w;
    struct gw_pick *p;

    gw_post_stop(&g->post);
    for (size_t i = 0; (w = gw_table_next(&g->ways, &i)) != NULL;)
        gw_free(s->al, w, sizeof *w);
    for (size_t i = 0; (p = gw_table_next(&g->picks, &i)) != NULL;)
        gw_free(s->al, p, sizeof *p);
    gw_table_free(&g->ways);
    gw_table_free(&g->picks);
    (void)gw_table_del(&s->ingresses, &g->addr);
    gw_free(s->al, g, sizeof *g);
}

void gw_selector_drop(struct gw_selector *s, const struct gw_addr *ingress)
{
    struct gw_ingress *g = gw_table_get(&s->ingresses, ingress);

    if (g != NULL)
        drop(g);
}

static bool build(struct gw_post *p);
static void acked(struct gw_post *p);

static void lost(struct gw_post *p)
{
    (void)p; /* what was in it is due still, and said within a second */
}

/* NULL: no room, or no memory. */
static struct gw_ingress *ingress(struct gw_selector *s, const struct gw_addr *addr)
{
    struct gw_ingress *g = gw_table_get(&s->ingresses, addr);

    if (g == NULL) {
        g = gw_new(s->al, sizeof *g);
        if (g == NULL)
            return NULL;
        *g = (struct gw_ingress){.addr = *addr, .all = s};
        if (gw_table_put(&s->ingresses, g) != 0) {
            gw_free(s->al, g, sizeof *g);
            s->limited++;
            return NULL;
        }
        gw_table_init(&g->ways, s->al, &by_egress, WAYS, s->seed);
        gw_table_init(&g->picks, s->al, &by_csci, PICKS, s->seed);
        g->post = (struct gw_post){
            .m = s->metric, .to = *addr, .owner = g, .build = build, .acked = acked, .lost = lost};
        gw_post_init(&g->post);
    }
    g->post.pace = s->cfg->steering.pace;
    g->post.first = s->metric->cfg->retransmit;
    g->heard = s->metric->now;
    return g;
}

/* Also what has been told of before: it may be as long as ever. */
static void take(struct gw_ingress *g, const struct gw_cats_path *v)
{
    struct gw_selector_way *w = gw_table_get(&g->ways, &v->to);
    struct gw_selector *s = g->all;

    if (w == NULL) {
        w = gw_new(s->al, sizeof *w);
        if (w == NULL)
            return; /* it is told again */
        w->egress = v->to;
        if (gw_table_put(&g->ways, w) != 0) {
            gw_free(s->al, w, sizeof *w);
            s->limited++;
            return;
        }
    }
    w->path_us = v->delay < UINT32_MAX / 2 ? 2 * v->delay : UINT32_MAX;
    w->down = v->loss >= 10000;
    w->at = s->metric->now;
    s->ways++;
}

/* -- shares -------------------------------------------------------------------------------------
 */

static const struct gw_metric_instance *records(const struct gw_selector *s,
                                                const struct gw_cfg_service *v)
{
    struct gw_cats_service key = gw_steer_cats_key(&v->key);
    const struct gw_metric_service *all = gw_metric_service(s->metric, &key);

    return all != NULL ? all->first : NULL;
}

static bool make_room(struct gw_selector *s, size_t n)
{
    size_t more = s->room == 0 ? 64 : 2 * s->room;

    if (n < s->room)
        return true;
    if (n >= GW_SHARES_MAX)
        return false;
    const struct gw_metric_instance **record = gw_new(s->al, more * sizeof(void *));
    struct gw_share *share = gw_new(s->al, more * sizeof *share);
    if (record == NULL || share == NULL) {
        gw_free(s->al, record, more * sizeof(void *));
        gw_free(s->al, share, more * sizeof *share);
        return false;
    }
    if (s->room != 0)
        memcpy(record, s->record, s->room * sizeof(void *));
    gw_free(s->al, s->record, s->room * sizeof(void *));
    gw_free(s->al, s->share, s->room * sizeof *share);
    s->record = record;
    s->share = share;
    s->room = more;
    return true;
}

/* Of each instance of the service the record that counts. */
static size_t collect(struct gw_selector *s, const struct gw_cfg_service *v)
{
    struct gw_cats_service key = gw_steer_cats_key(&v->key);
    size_t n = 0;

    for (const struct gw_metric_instance *x = records(s, v); x != NULL; x = x->sib_next) {
        if (gw_steer_record(s->metric, &key, &x->v.csci_id) != x)
            continue;
        if (!make_room(s, n)) {
            s->limited++;
            break;
        }
        s->record[n++] = x;
    }
    return n;
}

static void find_way(const struct gw_ingress *g, const struct gw_addr *egress, uint32_t *us,
                     bool *down)
{
    const struct gw_selector *s = g->all;
    const struct gw_selector_way *w = gw_table_get(&g->ways, egress);
    struct gw_time until = {w != NULL ? w->at.ns + 3 * GW_CENTRAL_REPEAT.ns : 0};

    *down = false;
    *us = 0;
    if (gw_addr_eq(egress, &g->addr))
        return;
    if (w == NULL || !gw_time_before(s->metric->now, until)) {
        *us = (uint32_t)(s->cfg->steering.stamp.wait.ns / 1000);
        return;
    }
    *us = w->path_us;
    *down = w->down;
}

static struct gw_share bid(const struct gw_ingress *g, const struct gw_cfg_service *v,
                           const struct gw_metric_instance *x, const struct gw_pick *p)
{
    int64_t age = gw_time_sub(g->all->metric->now, x->measured).ns / 1000000;
    struct gw_share b = {.service_us = x->v.latency,
                         .in_flight = x->v.in_flight,
                         .slots = x->v.slots,
                         .weight = x->v.weight,
                         .silent = !gw_steer_measured(&x->v) || age > (int64_t)v->max_age_ms,
                         .untold = p == NULL || p->at.ns == 0,
                         .was = p != NULL ? p->told : 0};
    bool down;

    find_way(g, &x->v.egress, &b.path_us, &down);
    b.usable =
        x->v.state == GW_CATS_UP && !down && (uint64_t)x->v.errors * 1024 / 10000 <= v->error_limit;
    return b;
}

static struct gw_pick *pick(struct gw_ingress *g, const struct gw_addr *csci_id)
{
    struct gw_pick *p = gw_table_get(&g->picks, csci_id);

    if (p != NULL)
        return p;
    p = gw_new(g->all->al, sizeof *p);
    if (p == NULL)
        return NULL;
    p->csci_id = *csci_id;
    if (gw_table_put(&g->picks, p) == 0)
        return p;
    gw_free(g->all->al, p, sizeof *p);
    g->all->limited++;
    return NULL;
}

static void divide(struct gw_ingress *g, const struct gw_cfg_service *v, size_t n)
{
    struct gw_selector *s = g->all;

    for (size_t i = 0; i < n; i++)
        s->share[i] = bid(g, v, s->record[i], gw_table_get(&g->picks, &s->record[i]->v.csci_id));
    gw_shares(s->share, n);
    for (size_t i = 0; i < n; i++) {
        struct gw_pick *p = pick(g, &s->record[i]->v.csci_id);
        if (p == NULL)
            continue; /* at the next turn */
        p->mark = true;
        p->share = s->share[i].share;
    }
}

static bool is_due(const struct gw_selector *s, const struct gw_pick *p)
{
    uint32_t by =
        p->share > p->told ? (uint32_t)(p->share - p->told) : (uint32_t)(p->told - p->share);
    struct gw_time since = gw_time_sub(s->metric->now, p->at);

    return p->at.ns == 0 || p->asked || (p->share == 0) != (p->told == 0) ||
           by > p->told / 16u + GW_SHARE_ALL / 512 || since.ns >= s->cfg->steering.lifetime.ns / 3;
}

/* Picks of instances that are no more go; is something to be told? */
static bool review(struct gw_ingress *g)
{
    struct gw_pick *p;
    bool due = false;

    for (size_t i = 0; (p = gw_table_next(&g->picks, &i)) != NULL;) {
        if (p->mark) {
            p->mark = false;
            due = due || is_due(g->all, p);
            continue;
        }
        (void)gw_table_del(&g->picks, &p->csci_id);
        gw_free(g->all->al, p, sizeof *p);
    }
    if (due)
        gw_post_soon(&g->post);
    return due;
}

/* true: shares are on their way to where they go. */
static bool work_out(struct gw_selector *s)
{
    struct gw_ingress *g;
    bool moving = false;

    for (size_t i = 0; (g = gw_table_next(&s->ingresses, &i)) != NULL;)
        if (gw_time_sub(s->metric->now, g->heard).ns > s->cfg->steering.lifetime.ns) {
            s->silent++;
            drop(g);
        }
    if (gw_table_count(&s->ingresses) == 0)
        return false;
    for (size_t k = 0; k < s->cfg->nservices; k++) {
        size_t n = collect(s, &s->cfg->services[k]);
        for (size_t i = 0; (g = gw_table_next(&s->ingresses, &i)) != NULL;)
            divide(g, &s->cfg->services[k], n);
    }
    for (size_t i = 0; (g = gw_table_next(&s->ingresses, &i)) != NULL;)
        moving = review(g) || moving;
    return moving;
}

static void turn(struct gw_timer *t, void *user)
{
    struct gw_selector *s = t->owner;

    (void)user;
    s->last = s->metric->now;
    /* Has fired: this needs no memory. */
    (void)gw_timer_set(s->metric->timers, t, gw_time_add(s->last, LOOK));
    s->synced = s->synced || gw_metric_caught_up(s->metric, s->started, s->cfg->steering.lifetime);
    if (s->synced && work_out(s))
        gw_selector_changed(s);
}

void gw_selector_changed(struct gw_selector *s)
{
    struct gw_timers *all = s->metric->timers;
    struct gw_time at = gw_time_add(s->last, STEP);

    if (!s->running)
        return;
    if (gw_time_before(at, s->metric->now))
        at = s->metric->now;
    if (!gw_timer_is_set(&s->turn) || gw_time_before(at, gw_timer_at(all, &s->turn)))
        (void)gw_timer_set(all, &s->turn, at); /* without memory: within a second */
}

/* -- SELECTION ----------------------------------------------------------------------------------
 */

/* Adds an instance, behind its service unless that is the one before; false: no room. */
static bool add(struct gw_selector *s, const struct gw_cfg_service *v,
                const struct gw_metric_instance *x, struct gw_pick *p,
                const struct gw_cfg_service **last)
{
    struct gw_metric *m = s->metric;
    int64_t lifetime = s->cfg->steering.lifetime.ns / 1000000000;
    struct gw_cats_item service = {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&v->key)};
    struct gw_cats_item choice = {
        .type = GW_CATS_CHOICE,
        .choice = {.code = GW_CATS_CHOSEN,
                   .score = x->v.score,
                   .share = p->share,
                   .lifetime = (uint16_t)(lifetime < UINT16_MAX ? lifetime : UINT16_MAX),
                   .csci_id = x->v.csci_id,
                   .egress = x->v.egress}};
    uint16_t nopts = m->out->nopts;
    size_t used = m->buf.used;

    if ((*last == v || gw_cats_add(m->out, &m->buf, &service) == 0) &&
        gw_cats_add(m->out, &m->buf, &choice) == 0) {
        *last = v;
        p->flying = true;
        p->out = p->share;
        return true;
    }
    m->out->nopts = nopts;
    m->buf.used = used;
    return false;
}

static bool add_service(struct gw_ingress *g, const struct gw_cfg_service *v)
{
    const struct gw_cfg_service *last = NULL;

    for (const struct gw_metric_instance *x = records(g->all, v); x != NULL; x = x->sib_next) {
        struct gw_pick *p = gw_table_get(&g->picks, &x->v.csci_id);
        if (p != NULL && !p->flying && is_due(g->all, p) && !add(g->all, v, x, p, &last))
            return false;
    }
    return true;
}

static bool build(struct gw_post *post)
{
    struct gw_ingress *g = post->owner;
    struct gw_selector *s = g->all;
    struct gw_pick *p;

    for (size_t i = 0; (p = gw_table_next(&g->picks, &i)) != NULL;)
        p->flying = false;
    gw_cats_begin(post->m->out, &post->m->buf, GW_CATS_SELECTION, 0, post->seq);
    for (size_t k = 0; k < s->cfg->nservices; k++)
        if (!add_service(g, &s->cfg->services[k]))
            break;
    return post->m->out->nopts != 0;
}

static void acked(struct gw_post *post)
{
    struct gw_ingress *g = post->owner;
    struct gw_pick *p;

    for (size_t i = 0; (p = gw_table_next(&g->picks, &i)) != NULL;)
        if (p->flying) {
            p->flying = p->asked = false;
            p->told = p->out;
            p->at = post->m->now;
            g->all->told++;
        }
    gw_post_soon(post);
}

int gw_selector_ack(struct gw_selector *s, const struct gw_addr *from, uint32_t seq)
{
    struct gw_ingress *g = gw_table_get(&s->ingresses, from);

    if (g == NULL)
        return GW_ENOENT;
    g->heard = s->metric->now;
    return gw_post_ack(&g->post, seq);
}

/* -- PATHS and QUERY ----------------------------------------------------------------------------
 */

int gw_selector_paths(struct gw_selector *s, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_ingress *g = ingress(s, from);
    struct gw_cats_item item;
    size_t it = 0;
    int got;

    if (g == NULL)
        return GW_ENOMEM;
    while ((got = gw_cats_next(m, &it, &item)) == 1)
        if (item.type == GW_CATS_PATH)
            take(g, &item.path);
    gw_selector_changed(s);
    if (got < 0) {
        s->metric->count[GW_MCNT_MALFORMED]++;
        return got;
    }
    gw_post_answer(s->metric, from, m->exp.cats.seq);
    return 0;
}

/* Is there an instance of it to tell of? Those are told anew. */
static bool asked(struct gw_ingress *g, const struct gw_cats_service *key)
{
    const struct gw_service_key k = {key->cs_id, key->proto, key->port};
    const struct gw_cfg_service *v = gw_steer_service(g->all->cfg, &k);
    bool any = false;

    for (const struct gw_metric_instance *x = v != NULL ? records(g->all, v) : NULL; x != NULL;
         x = x->sib_next) {
        struct gw_pick *p = gw_table_get(&g->picks, &x->v.csci_id);
        any = any || x->v.state != GW_CATS_GONE;
        if (p != NULL)
            p->asked = true;
    }
    return any;
}

/* It fits: what came was as long. */
static void add_unknown(struct gw_metric *m, const struct gw_cats_item *item)
{
    if (m->out->nopts == 0)
        gw_cats_begin(m->out, &m->buf, GW_CATS_SELECTION, GW_CATS_UNKNOWN, ++m->seq);
    (void)gw_cats_add(m->out, &m->buf, item);
}

int gw_selector_query(struct gw_selector *s, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_ingress *g = ingress(s, from);
    struct gw_metric *x = s->metric;
    struct gw_cats_item item;
    size_t it = 0;
    int got;

    if (g == NULL)
        return GW_ENOMEM;
    s->queries++;
    x->out->nopts = 0;
    while ((got = gw_cats_next(m, &it, &item)) == 1)
        if (item.type == GW_CATS_SERVICE && s->synced && !asked(g, &item.service))
            add_unknown(x, &item);
    if (x->out->nopts != 0)
        (void)x->ops->send(x->user, from, x->out);
    gw_selector_changed(s);
    if (got < 0)
        x->count[GW_MCNT_MALFORMED]++;
    return got;
}

/* -- life ---------------------------------------------------------------------------------------
 */

void gw_selector_init(struct gw_selector *s, uint64_t seed)
{
    s->seed = seed;
    gw_table_init(&s->ingresses, s->al, &by_addr, INGRESSES, seed);
    s->turn = (struct gw_timer){.fire = turn, .owner = s};
}

void gw_selector_free(struct gw_selector *s)
{
    struct gw_ingress *g;

    gw_timer_stop(s->metric->timers, &s->turn);
    for (size_t i = 0; (g = gw_table_next(&s->ingresses, &i)) != NULL;)
        drop(g);
    gw_table_free(&s->ingresses);
    gw_free(s->al, s->record, s->room * sizeof(void *));
    gw_free(s->al, s->share, s->room * sizeof *s->share);
}

int gw_selector_start(struct gw_selector *s)
{
    if (s->running)
        return 0;
    int err = gw_timer_set(s->metric->timers, &s->turn, gw_time_add(s->metric->now, STEP));
    s->running = err == 0;
    s->started = s->metric->now;
    return err;
}
