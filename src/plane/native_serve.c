/* native_serve.c: see native_serve.h. */
#include "plane/native_serve.h"

#include "base/err.h"
#include "plane/entries.h"

struct gw_ns_service {
    struct gw_t_cs_key key;
    struct gw_t_cs v;
    struct gw_steer_rule rule;
    struct gw_t_steer steer;
};
struct instance {
    struct gw_t_addr key;
    struct gw_t_instance v;
    struct gw_t_cs_key of;
};
struct gw_ns_flow {
    struct gw_t_flow_key key;
    struct gw_t_flow v;
    struct gw_ns_flow *newer, *older;
};

/* Keys are compared as octets: their padding is zero. */
#define TABLE_OPS(name, type)                                     \
    static uint64_t name##_hash(const void *key, uint64_t seed)   \
    {                                                             \
        return gw_hash(key, sizeof((struct type *)0)->key, seed); \
    }                                                             \
    static bool name##_eq(const void *key, const void *obj)       \
    {                                                             \
        const struct type *o = obj;                               \
        return memcmp(key, &o->key, sizeof o->key) == 0;          \
    }                                                             \
    static const void *name##_key(const void *obj)                \
    {                                                             \
        return &((const struct type *)obj)->key;                  \
    }                                                             \
    static const struct gw_table_ops name##_ops = {name##_hash, name##_eq, name##_key};
TABLE_OPS(service, gw_ns_service)
TABLE_OPS(instance, instance)
TABLE_OPS(flow, gw_ns_flow)

void gw_ns_init(struct gw_native_serve *s, const struct gw_alloc *al, size_t flows, uint64_t seed)
{
    s->al = al;
    s->flows_max = flows;
    gw_table_init(&s->services, al, &service_ops, GW_SERVICES_MAX, seed);
    gw_table_init(&s->instances, al, &instance_ops, 0, seed);
    gw_table_init(&s->flows, al, &flow_ops, 0, seed);
}

/* -- flows --------------------------------------------------------------------------------------
 */

static void unlink_flow(struct gw_native_serve *s, const struct gw_ns_flow *f)
{
    if (f->newer != NULL)
        f->newer->older = f->older;
    else
        s->newest = f->older;
    if (f->older != NULL)
        f->older->newer = f->newer;
    else
        s->oldest = f->newer;
}

static void link_flow(struct gw_native_serve *s, struct gw_ns_flow *f)
{
    f->newer = NULL;
    f->older = s->newest;
    if (s->newest != NULL)
        s->newest->newer = f;
    else
        s->oldest = f;
    s->newest = f;
}

static void drop_flow(struct gw_native_serve *s, struct gw_ns_flow *f)
{
    const struct instance *x = gw_table_get(&s->instances, &f->v.csci_id);

    if ((f->v.flags & GW_T_FLOW_OPEN) != 0 && x != NULL)
        gw_ns_in_flight(s, x->v.candidate, -1);
    unlink_flow(s, f);
    gw_free(s->al, gw_table_del(&s->flows, &f->key), sizeof *f);
}

struct gw_t_flow *gw_ns_flow(struct gw_native_serve *s, const struct gw_t_flow_key *key)
{
    struct gw_ns_flow *f = gw_table_get(&s->flows, key);

    if (f == NULL)
        return NULL;
    unlink_flow(s, f);
    link_flow(s, f);
    return &f->v;
}

struct gw_t_flow *gw_ns_flow_add(struct gw_native_serve *s, const struct gw_t_flow_key *key,
                                 const struct gw_t_flow *v)
{
    if (s->flows_max == 0)
        return NULL;
    while (gw_table_count(&s->flows) >= s->flows_max) {
        s->evicted++;
        drop_flow(s, s->oldest);
    }
    struct gw_ns_flow *f = gw_new(s->al, sizeof *f);
    if (f == NULL)
        return NULL;
    f->key = *key;
    f->v = *v;
    if (gw_table_put(&s->flows, f) != 0) {
        gw_free(s->al, f, sizeof *f);
        return NULL;
    }
    link_flow(s, f);
    return &f->v;
}

void gw_ns_flow_del(struct gw_native_serve *s, const struct gw_t_flow_key *key)
{
    struct gw_ns_flow *f = gw_table_get(&s->flows, key);

    if (f != NULL)
        drop_flow(s, f);
}

/* -- services and instances ---------------------------------------------------------------------
 */

struct gw_t_cs *gw_ns_cs(const struct gw_native_serve *s, const struct gw_t_cs_key *key)
{
    struct gw_ns_service *x = gw_table_get(&s->services, key);

    return x != NULL ? &x->v : NULL;
}

struct gw_t_instance *gw_ns_instance(const struct gw_native_serve *s, const struct gw_t_addr *csci)
{
    struct instance *x = gw_table_get(&s->instances, csci);

    return x != NULL ? &x->v : NULL;
}

bool gw_ns_steer(const struct gw_native_serve *s, uint32_t id, struct gw_steer_tables *t)
{
    if (id >= GW_SERVICES_MAX || s->of[id] == NULL)
        return false;
    *t = gw_serve_tables(&s->of[id]->steer);
    return true;
}

void gw_ns_in_flight(const struct gw_native_serve *s, uint32_t candidate, int by)
{
    uint32_t id = candidate / GW_STEER_CANDIDATES;

    if (candidate == GW_T_NO_CANDIDATE || id >= GW_SERVICES_MAX || s->of[id] == NULL)
        return;
    struct gw_t_candidate_use *u = &s->of[id]->steer.candidate_use[candidate % GW_STEER_CANDIDATES];
    if (by > 0)
        gw_steer_begin_flow(u);
    else
        gw_steer_end_flow(u);
}

static int service_set(struct gw_native_serve *s, const struct gw_intent_service *in,
                       uint32_t generation)
{
    struct gw_t_cs_key key;
    uint32_t id = 0;

    gw_entry_cs_key(&in->key, &key);
    struct gw_ns_service *x = gw_table_get(&s->services, &key);
    if (x == NULL) {
        while (id < GW_SERVICES_MAX && s->of[id] != NULL)
            id++;
        if (id == GW_SERVICES_MAX)
            return GW_EFULL;
        x = gw_new(s->al, sizeof *x);
        if (x == NULL)
            return GW_ENOMEM;
        x->key = key;
        if (gw_table_put(&s->services, x) != 0) {
            gw_free(s->al, x, sizeof *x);
            return GW_ENOMEM;
        }
        s->of[id] = x;
    } else {
        id = x->v.id;
    }
    gw_entry_cs(in, id, &x->v);
    x->v.generation = generation;
    x->rule = in->rule;
    gw_entry_service(in, id, &x->steer.service);
    struct gw_steer_tables t = gw_serve_tables(&x->steer);
    gw_steer_weigh(&t);
    gw_steer_fill_ring(&t);
    return 0;
}

/* Its flows go with it; they would be somebody else's when the id is given away again. */
static void service_gone(struct gw_native_serve *s, struct gw_ns_service *x)
{
    struct gw_ns_flow *f;
    struct instance *i;

    for (size_t it = 0; (f = gw_table_next(&s->flows, &it)) != NULL;)
        if (f->v.cs == x->v.id)
            drop_flow(s, f);
    for (size_t it = 0; (i = gw_table_next(&s->instances, &it)) != NULL;)
        if (i->v.candidate / GW_STEER_CANDIDATES == x->v.id)
            i->v.candidate = GW_T_NO_CANDIDATE;
    s->of[x->v.id] = NULL;
    gw_free(s->al, gw_table_del(&s->services, &x->key), sizeof *x);
}

static void no_candidate(const struct gw_native_serve *s, const struct instance *i)
{
    struct gw_ns_service *x = gw_table_get(&s->services, &i->of);
    struct gw_addr csci;

    if (x == NULL)
        return;
    struct gw_steer_tables t = gw_serve_tables(&x->steer);
    memcpy(csci.b, i->key.b, sizeof csci.b);
    gw_serve_no_candidate(&t, &csci, &x->rule);
}

static void instance_gone(struct gw_native_serve *s, struct instance *i)
{
    no_candidate(s, i);
    gw_free(s->al, gw_table_del(&s->instances, &i->key), sizeof *i);
}

static int instance_set(struct gw_native_serve *s, const struct gw_intent_instance *in,
                        uint32_t generation)
{
    struct gw_t_addr key;
    struct gw_t_cs_key of;

    gw_entry_addr(&in->csci_id, &key);
    gw_entry_cs_key(&in->service, &of);
    struct instance *i = gw_table_get(&s->instances, &key);
    if (i == NULL) {
        i = gw_new(s->al, sizeof *i);
        if (i == NULL)
            return GW_ENOMEM;
        i->key = key;
        i->of = of;
        if (gw_table_put(&s->instances, i) != 0) {
            gw_free(s->al, i, sizeof *i);
            return GW_ENOMEM;
        }
    } else if (memcmp(&i->of, &of, sizeof of) != 0) {
        no_candidate(s, i); /* it serves another service now */
        i->of = of;
    }
    struct gw_ns_service *x = gw_table_get(&s->services, &of);
    uint32_t candidate = GW_T_NO_CANDIDATE;
    if (x != NULL) {
        struct gw_steer_tables t = gw_serve_tables(&x->steer);
        candidate = gw_serve_candidate(&t, in, &x->rule);
    }
    struct gw_t_use use = i->v.use;
    gw_entry_instance(in, candidate, &i->v);
    i->v.use = use;
    i->v.generation = generation;
    return x != NULL && candidate == GW_T_NO_CANDIDATE ? GW_EFULL : 0;
}

int gw_ns_apply(struct gw_native_serve *s, const struct gw_intent *in, uint32_t generation)
{
    struct gw_t_cs_key key;
    struct gw_t_addr csci;

    if (in->kind == GW_INTENT_SERVICE_SET)
        return service_set(s, &in->service, generation);
    if (in->kind == GW_INTENT_INSTANCE_SET)
        return instance_set(s, &in->instance, generation);
    if (in->kind == GW_INTENT_SERVICE_DEL) {
        gw_entry_cs_key(&in->service.key, &key);
        struct gw_ns_service *x = gw_table_get(&s->services, &key);
        if (x != NULL)
            service_gone(s, x);
        return 0;
    }
    gw_entry_addr(&in->instance.csci_id, &csci);
    struct instance *i = gw_table_get(&s->instances, &csci);
    if (i != NULL)
        instance_gone(s, i);
    return 0;
}

size_t gw_ns_here(const struct gw_native_serve *s)
{
    const struct instance *i;
    size_t n = 0;

    for (size_t it = 0; (i = gw_table_next(&s->instances, &it)) != NULL;)
        n += i->v.kind == GW_T_INSTANCE_HERE;
    return n;
}

void gw_ns_clear(struct gw_native_serve *s, bool stale, uint32_t generation)
{
    struct gw_ns_service *x;
    struct instance *i;

    for (size_t it = 0; (x = gw_table_next(&s->services, &it)) != NULL;)
        if (!stale || x->v.generation != generation)
            service_gone(s, x);
    for (size_t it = 0; (i = gw_table_next(&s->instances, &it)) != NULL;)
        if (!stale || i->v.generation != generation)
            instance_gone(s, i);
}

void gw_ns_free(struct gw_native_serve *s)
{
    gw_ns_clear(s, false, 0);
    gw_table_free(&s->services);
    gw_table_free(&s->instances);
    gw_table_free(&s->flows);
}
