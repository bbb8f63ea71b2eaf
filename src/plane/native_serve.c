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
    for (int of = 0; of < GW_NS_FLOW_TABLES; of++) {
        s->flows[of].max = of == GW_NS_PENDING && flows > GW_PENDING_MAX ? GW_PENDING_MAX : flows;
        gw_table_init(&s->flows[of].table, al, &flow_ops, 0, seed);
    }
    gw_table_init(&s->services, al, &service_ops, GW_SERVICES_MAX, seed);
    gw_table_init(&s->instances, al, &instance_ops, 0, seed);
}

/* -- flows --------------------------------------------------------------------------------------
 */

static void unlink_flow(struct gw_ns_flows *t, const struct gw_ns_flow *f)
{
    if (f->newer != NULL)
        f->newer->older = f->older;
    else
        t->newest = f->older;
    if (f->older != NULL)
        f->older->newer = f->newer;
    else
        t->oldest = f->newer;
}

static void link_flow(struct gw_ns_flows *t, struct gw_ns_flow *f)
{
    f->newer = NULL;
    f->older = t->newest;
    if (t->newest != NULL)
        t->newest->newer = f;
    else
        t->oldest = f;
    t->newest = f;
}

/* The candidate that the flow counts at, or GW_T_NO_CANDIDATE. */
static uint32_t candidate_of(const struct gw_native_serve *s, const struct gw_t_flow *f)
{
    const struct instance *x = gw_table_get(&s->instances, &f->csci_id);

    return x != NULL && x->v.cs == f->cs ? x->v.candidate : GW_T_NO_CANDIDATE;
}

static void drop_flow(struct gw_native_serve *s, int of, struct gw_ns_flow *f)
{
    struct gw_ns_flows *t = &s->flows[of];

    if ((f->v.flags & GW_T_FLOW_OPEN) != 0)
        gw_ns_in_flight(s, candidate_of(s, &f->v), -1);
    unlink_flow(t, f);
    gw_free(s->al, gw_table_del(&t->table, &f->key), sizeof *f);
}

struct gw_t_flow *gw_ns_flow(struct gw_native_serve *s, int of, const struct gw_t_flow_key *key)
{
    struct gw_ns_flow *f = gw_table_get(&s->flows[of].table, key);

    if (f == NULL)
        return NULL;
    unlink_flow(&s->flows[of], f);
    link_flow(&s->flows[of], f);
    return &f->v;
}

struct gw_t_flow *gw_ns_flow_add(struct gw_native_serve *s, int of, const struct gw_t_flow_key *key,
                                 const struct gw_t_flow *v)
{
    struct gw_ns_flows *t = &s->flows[of];

    if (t->max == 0)
        return NULL;
    while (gw_table_count(&t->table) >= t->max) {
        s->evicted++;
        drop_flow(s, of, t->oldest);
    }
    struct gw_ns_flow *f = gw_new(s->al, sizeof *f);
    if (f == NULL)
        return NULL;
    f->key = *key;
    f->v = *v;
    if (gw_table_put(&t->table, f) != 0) {
        gw_free(s->al, f, sizeof *f);
        return NULL;
    }
    link_flow(t, f);
    return &f->v;
}

void gw_ns_flow_del(struct gw_native_serve *s, int of, const struct gw_t_flow_key *key)
{
    struct gw_ns_flow *f = gw_table_get(&s->flows[of].table, key);

    if (f != NULL)
        drop_flow(s, of, f);
}

const struct gw_t_flow *gw_ns_next_flow(const struct gw_native_serve *s, int of, size_t *it,
                                        const struct gw_t_flow_key **key)
{
    const struct gw_ns_flow *f = gw_table_next(&s->flows[of].table, it);

    if (f == NULL)
        return NULL;
    *key = &f->key;
    return &f->v;
}

void gw_ns_expire(struct gw_native_serve *s, struct gw_time now)
{
    struct gw_ns_flow *f;

    for (int of = 0; of < GW_NS_FLOW_TABLES; of++)
        for (size_t it = 0; (f = gw_table_next(&s->flows[of].table, &it)) != NULL;) {
            const struct gw_ns_service *x = s->of[f->v.cs];
            uint64_t most = of == GW_NS_PENDING ? GW_PENDING_NS : x != NULL ? x->v.timeout_ns : 0;
            if (gw_entry_flow_idle(&f->v, (uint64_t)now.ns) > most)
                drop_flow(s, of, f);
        }
}

/* Another node has chosen. The flow's counts stay while it goes where it went. */
static int flow_set(struct gw_native_serve *s, const struct gw_intent_flow *in)
{
    struct gw_t_cs_key of;
    struct gw_t_flow_key key;
    struct gw_t_flow v;

    gw_entry_cs_key(&in->service, &of);
    const struct gw_ns_service *x = gw_table_get(&s->services, &of);
    if (x == NULL)
        return GW_ENOENT;
    gw_entry_flow_key(&in->service.cs_id, &in->flow, &key);
    gw_t_flow_reduce(&x->v, &key);
    gw_entry_flow(in, x->v.id, &v);
    struct gw_t_flow *old = gw_ns_flow(s, GW_NS_FLOWS, &key);
    if (old != NULL && memcmp(&old->csci_id, &v.csci_id, sizeof v.csci_id) == 0)
        return 0;
    gw_ns_flow_del(s, GW_NS_FLOWS, &key);
    struct gw_t_flow *f = gw_ns_flow_add(s, GW_NS_FLOWS, &key, &v);
    if (f == NULL)
        return s->flows[GW_NS_FLOWS].max == 0 ? GW_EFULL : GW_ENOMEM;
    f->flags |= GW_T_FLOW_OPEN;
    gw_ns_in_flight(s, candidate_of(s, f), 1);
    return 0;
}

static void flow_del(struct gw_native_serve *s, const struct gw_intent_flow *in)
{
    struct gw_t_cs_key of;
    struct gw_t_flow_key key;

    gw_entry_cs_key(&in->service, &of);
    const struct gw_ns_service *x = gw_table_get(&s->services, &of);
    if (x == NULL)
        return;
    gw_entry_flow_key(&in->service.cs_id, &in->flow, &key);
    gw_t_flow_reduce(&x->v, &key);
    gw_ns_flow_del(s, GW_NS_FLOWS, &key);
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
    struct gw_t_cs v;
    gw_entry_cs(in, id, &v);
    v.generation = generation;
    v.flows = x->v.flows;
    v.asked = x->v.asked;
    v.use = x->v.use;
    x->v = v;
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

    for (int of = 0; of < GW_NS_FLOW_TABLES; of++)
        for (size_t it = 0; (f = gw_table_next(&s->flows[of].table, &it)) != NULL;)
            if (f->v.cs == x->v.id)
                drop_flow(s, of, f);
    for (size_t it = 0; (i = gw_table_next(&s->instances, &it)) != NULL;)
        if (i->v.cs == x->v.id) {
            i->v.candidate = GW_T_NO_CANDIDATE;
            i->v.cs = GW_T_NO_SERVICE;
        }
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
    struct gw_t_instance v;
    gw_entry_instance(in, x != NULL ? x->v.id : GW_T_NO_SERVICE, candidate, &v);
    v.flows = i->v.flows;
    v.in = i->v.in;
    v.out = i->v.out;
    v.generation = generation;
    i->v = v;
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
    if (in->kind == GW_INTENT_FLOW_SET)
        return flow_set(s, &in->flow);
    if (in->kind == GW_INTENT_FLOW_DEL) {
        flow_del(s, &in->flow);
        return 0;
    }
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
        n += i->v.kind != GW_T_INSTANCE_AWAY;
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
    for (int of = 0; of < GW_NS_FLOW_TABLES; of++)
        gw_table_free(&s->flows[of].table);
}

const struct gw_t_cs *gw_ns_service(const struct gw_native_serve *s, uint32_t id,
                                    const struct gw_t_cs_key **key)
{
    if (id >= GW_SERVICES_MAX || s->of[id] == NULL)
        return NULL;
    *key = &s->of[id]->key;
    return &s->of[id]->v;
}

/* -- for operators ------------------------------------------------------------------------------
 */

/* The service that packets of the flow are for, and the key of its entry. */
static const struct gw_ns_service *service_of(const struct gw_native_serve *s,
                                              const struct gw_addr *cs_id,
                                              const struct gw_flow_id *flow,
                                              struct gw_t_flow_key *key)
{
    gw_entry_flow_key(cs_id, flow, key);
    struct gw_t_cs_key k = {.cs_id = key->cs_id, .port = key->dport, .proto = key->proto};
    const struct gw_ns_service *x = gw_table_get(&s->services, &k);
    while (x == NULL && gw_t_cs_wider(&k))
        x = gw_table_get(&s->services, &k);
    if (x != NULL)
        gw_t_flow_reduce(&x->v, key);
    return x;
}

static bool show_entry(const struct gw_native_serve *s, const struct gw_ns_service *x,
                       const struct gw_t_flow_key *key, struct gw_flow_info *out)
{
    const struct gw_ns_flow *f = gw_table_get(&s->flows[GW_NS_FLOWS].table, key);

    if (f == NULL || f->v.cs != x->v.id)
        return false;
    *out = gw_show_flow(&x->key, x->v.affinity, key, &f->v);
    return true;
}

bool gw_ns_show_flow(const struct gw_native_serve *s, const struct gw_addr *cs_id,
                     const struct gw_flow_id *flow, struct gw_flow_info *out)
{
    struct gw_t_flow_key key;
    const struct gw_ns_service *x = service_of(s, cs_id, flow, &key);

    return x != NULL && show_entry(s, x, &key, out);
}

bool gw_ns_why(const struct gw_native_serve *s, const struct gw_addr *cs_id,
               const struct gw_flow_id *flow, struct gw_time now, uint64_t random,
               struct gw_why *out)
{
    struct gw_t_flow_key key;
    const struct gw_ns_service *x = service_of(s, cs_id, flow, &key);

    if (x == NULL)
        return false;
    struct gw_steer_in in = {
        .now_ns = (uint64_t)now.ns, .random = random, .flow = gw_t_flow_hash(&key)};
    out->service = gw_show_service(&x->key, &x->v, &x->steer);
    out->bound = show_entry(s, x, &key, &out->entry);
    gw_show_why(&x->steer, &in, out);
    return true;
}
