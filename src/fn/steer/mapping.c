/* mapping.c: see mapping.h. */
#include "fn/steer/mapping.h"

#include "base/err.h"
#include "node/config.h"

#define AGAIN     GW_MSEC(200) /* clients wait */
#define FLOWS_MAX 65536        /* of one D-Forwarder */

/* -- D-Router -----------------------------------------------------------------------------------
 */

static uint64_t hash_flow(const void *key, uint64_t seed)
{
    const struct gw_miss *m = key;
    uint8_t b[16 + 16 + 8];

    memcpy(b, m->flow.src.b, 16);
    memcpy(b + 16, m->service.cs_id.b, 16);
    memcpy(b + 32, &m->flow.sport, 2);
    memcpy(b + 34, &m->flow.dport, 2);
    memcpy(b + 36, &m->service.port, 2);
    b[38] = m->flow.proto;
    b[39] = m->service.proto;
    return gw_hash(b, sizeof b, seed);
}

static bool eq_flow(const void *key, const void *obj)
{
    const struct gw_miss *a = key, *b = &((const struct gw_mapping *)obj)->miss;

    return gw_addr_eq(&a->flow.src, &b->flow.src) && a->flow.sport == b->flow.sport &&
           a->flow.dport == b->flow.dport && a->flow.proto == b->flow.proto &&
           gw_addr_eq(&a->service.cs_id, &b->service.cs_id) && a->service.port == b->service.port &&
           a->service.proto == b->service.proto;
}

static const void *key_flow(const void *obj)
{
    return &((const struct gw_mapping *)obj)->miss;
}

static uint64_t hash_addr(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_addr *)key)->b, 16, seed);
}

static bool eq_addr(const void *key, const void *obj)
{
    return gw_addr_eq(key, &((const struct gw_mapper *)obj)->addr);
}

static const void *key_addr(const void *obj)
{
    return &((const struct gw_mapper *)obj)->addr;
}

static const struct gw_table_ops by_flow = {hash_flow, eq_flow, key_flow};
static const struct gw_table_ops by_addr = {hash_addr, eq_addr, key_addr};

void gw_mappers_init(struct gw_mappers *s, uint64_t seed)
{
    s->seed = seed;
    gw_table_init(&s->by_addr, s->al, &by_addr, 0, seed);
}

/* The first of those that wait, and in a message. */
static void forget_first(struct gw_mapper *p)
{
    struct gw_mapping *x = p->first;

    p->first = x->next;
    if (p->first == NULL)
        p->last = &p->first;
    (void)gw_table_del(&p->flows, &x->miss);
    gw_free(p->all->al, x, sizeof *x);
}

static void drop(struct gw_mapper *p)
{
    struct gw_mappers *s = p->all;

    gw_post_stop(&p->post);
    while (p->first != NULL)
        forget_first(p);
    gw_table_free(&p->flows);
    (void)gw_table_del(&s->by_addr, &p->addr);
    gw_free(s->al, p, sizeof *p);
}

void gw_mappers_drop(struct gw_mappers *s, const struct gw_addr *peer)
{
    struct gw_mapper *p = gw_table_get(&s->by_addr, peer);

    if (p != NULL)
        drop(p);
}

void gw_mappers_free(struct gw_mappers *s)
{
    struct gw_mapper *p;

    for (size_t i = 0; (p = gw_table_next(&s->by_addr, &i)) != NULL;)
        drop(p);
    gw_table_free(&s->by_addr);
}

size_t gw_mappers_flows(const struct gw_mappers *s)
{
    const struct gw_mapper *p;
    size_t n = 0;

    for (size_t i = 0; (p = gw_table_next(&s->by_addr, &i)) != NULL;)
        n += gw_table_count(&p->flows);
    return n;
}

/* All three, or none. */
static bool add(struct gw_mapper *p, const struct gw_miss *m)
{
    struct gw_mappers *s = p->all;
    struct gw_metric *x = s->metric;
    struct gw_cats_item item[3] = {
        {.type = GW_CATS_SERVICE, .service = gw_steer_cats_key(&m->service)},
        {.type = GW_CATS_FLOW,
         .flow = {.affinity = gw_steer_cats_affinity(gw_steer_service(s->cfg, &m->service)),
                  .proto = m->flow.proto,
                  .sport = m->flow.sport,
                  .dport = m->flow.dport,
                  .src = m->flow.src,
                  .dst = m->service.cs_id}},
        {.type = GW_CATS_CHOICE,
         .choice = {.code = GW_CATS_CHOSEN,
                    .share = UINT16_MAX,
                    .score = GW_CATS_NO_SCORE,
                    .lifetime = (uint16_t)(s->cfg->steering.lifetime.ns / 1000000000),
                    .csci_id = m->csci_id,
                    .egress = m->egress}}};
    uint16_t nopts = x->out->nopts;
    size_t used = x->buf.used;

    for (size_t i = 0; i < 3; i++)
        if (gw_cats_add(x->out, &x->buf, &item[i]) != 0) {
            x->out->nopts = nopts;
            x->buf.used = used;
            return false;
        }
    return true;
}

static bool build(struct gw_post *post)
{
    struct gw_mapper *p = post->owner;
    struct gw_metric *m = p->all->metric;

    for (struct gw_mapping *x = p->first; x != NULL; x = x->next)
        x->flying = false;
    gw_cats_begin(m->out, &m->buf, GW_CATS_MAPPING, 0, post->seq);
    for (struct gw_mapping *x = p->first; x != NULL && add(p, &x->miss); x = x->next)
        x->flying = true;
    return m->out->nopts != 0;
}

static void over(struct gw_post *post)
{
    struct gw_mapper *p = post->owner;

    while (p->first != NULL && p->first->flying)
        forget_first(p);
    if (p->first != NULL)
        gw_post_soon(post);
}

static void acked(struct gw_post *post)
{
    struct gw_mapper *p = post->owner;

    for (const struct gw_mapping *x = p->first; x != NULL && x->flying; x = x->next)
        p->all->told++;
    over(post);
}

static struct gw_mapper *mapper(struct gw_mappers *s, const struct gw_addr *to)
{
    struct gw_mapper *p = gw_table_get(&s->by_addr, to);

    if (p != NULL)
        return p;
    p = gw_new(s->al, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct gw_mapper){.addr = *to, .all = s};
    p->last = &p->first;
    p->post = (struct gw_post){.m = s->metric,
                               .to = *to,
                               .owner = p,
                               .build = build,
                               .acked = acked,
                               .lost = over,
                               .first = AGAIN};
    gw_post_init(&p->post);
    gw_table_init(&p->flows, s->al, &by_flow, FLOWS_MAX, s->seed);
    if (gw_table_put(&s->by_addr, p) == 0)
        return p;
    gw_table_free(&p->flows);
    gw_free(s->al, p, sizeof *p);
    return NULL;
}

int gw_mappers_miss(struct gw_mappers *s, const struct gw_miss *m)
{
    struct gw_mapper *p = mapper(s, &m->from);

    if (p == NULL)
        return GW_ENOMEM;
    struct gw_mapping *x = gw_table_get(&p->flows, m);
    if (x != NULL) {
        x->miss = *m;
        s->again++;
        gw_post_soon(&p->post);
        return 0;
    }
    x = gw_new(s->al, sizeof *x);
    if (x == NULL)
        return GW_ENOMEM;
    x->miss = *m;
    int err = gw_table_put(&p->flows, x);
    if (err != 0) {
        gw_free(s->al, x, sizeof *x);
        s->limited++;
        return err;
    }
    *p->last = x;
    p->last = &x->next;
    gw_post_soon(&p->post);
    return 0;
}

int gw_mappers_ack(struct gw_mappers *s, const struct gw_addr *from, uint32_t seq)
{
    struct gw_mapper *p = gw_table_get(&s->by_addr, from);

    return p != NULL ? gw_post_ack(&p->post, seq) : GW_ENOENT;
}

/* -- D-Forwarder --------------------------------------------------------------------------------
 */

static void flow(struct gw_steer *s, const struct gw_service_key *k, const struct gw_cats_flow *f,
                 const struct gw_cats_choice *c)
{
    if (gw_steer_service(s->cfg, k) == NULL)
        return;
    gw_steer_told(s, k, c);
    s->ops->intent(s->user, &(struct gw_intent){.kind = GW_INTENT_FLOW_SET,
                                                .flow = {.service = *k,
                                                         .flow = {.src = f->src,
                                                                  .proto = f->proto,
                                                                  .sport = f->sport,
                                                                  .dport = f->dport},
                                                         .csci_id = c->csci_id,
                                                         .now = s->metric->now}});
    s->count[GW_SCNT_MAPPED]++;
}

int gw_steer_mapping(struct gw_steer *s, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_cats_item item;
    struct gw_service_key k = {.port = 0};
    struct gw_cats_flow f = {.affinity = 0};
    size_t it = 0;
    int got;

    while ((got = gw_cats_next(m, &it, &item)) == 1) {
        if (item.type == GW_CATS_SERVICE)
            k = (struct gw_service_key){item.service.cs_id, item.service.proto, item.service.port};
        else if (item.type == GW_CATS_FLOW)
            f = item.flow;
        else if (item.type == GW_CATS_CHOICE && f.affinity != 0 &&
                 item.choice.code != GW_CATS_UNREACHABLE)
            flow(s, &k, &f, &item.choice);
    }
    if (got < 0) {
        s->metric->count[GW_MCNT_MALFORMED]++;
        return got;
    }
    gw_post_answer(s->metric, from, m->exp.cats.seq);
    return 0;
}
