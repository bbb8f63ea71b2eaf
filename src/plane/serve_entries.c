/* serve_entries.c: see serve_entries.h. */
#include "plane/serve_entries.h"

#include <arpa/inet.h>
#include <string.h>

#include "plane/entries.h"

struct gw_steer_tables gw_serve_tables(struct gw_t_steer *s)
{
    return (struct gw_steer_tables){.service = &s->service,
                                    .service_use = &s->use,
                                    .candidate = s->candidate,
                                    .use = s->candidate_use,
                                    .ring = s->ring};
}

void gw_entry_cs_key(const struct gw_service_key *in, struct gw_t_cs_key *out)
{
    *out = (struct gw_t_cs_key){.port = htons(in->port), .proto = in->proto};
    gw_entry_addr(&in->cs_id, &out->cs_id);
}

static uint32_t affinity_of(enum gw_affinity a)
{
    switch (a) {
    case GW_AFFINITY_FLOW:
        return GW_T_BY_FLOW;
    case GW_AFFINITY_3TUPLE:
        return GW_T_BY_3TUPLE;
    case GW_AFFINITY_CLIENT:
        return GW_T_BY_CLIENT;
    }
    return GW_T_BY_FLOW;
}

void gw_entry_cs(const struct gw_intent_service *in, uint32_t id, struct gw_t_cs *out)
{
    static const struct gw_addr here;

    *out = (struct gw_t_cs){.timeout_ns = (uint64_t)in->timeout.ns,
                            .id = id,
                            .affinity = affinity_of(in->affinity),
                            .flags = in->reselect ? (uint32_t)GW_T_CS_RESELECT : 0,
                            .port = htons(in->key.port),
                            .proto = in->key.proto};
    gw_entry_addr(&in->ask, &out->ask);
    if (!gw_addr_eq(&in->ask, &here))
        out->flags |= GW_T_CS_ASK;
    if (in->tell)
        out->flags |= GW_T_CS_TELL;
}

struct gw_addr gw_entry_addr_of(const struct gw_t_addr *in)
{
    struct gw_addr a;

    memcpy(a.b, in->b, sizeof a.b);
    return a;
}

struct gw_service_key gw_entry_cs_of(const struct gw_t_cs_key *in)
{
    return (struct gw_service_key){
        .cs_id = gw_entry_addr_of(&in->cs_id), .proto = in->proto, .port = ntohs(in->port)};
}

void gw_entry_flow_key(const struct gw_addr *cs_id, const struct gw_flow_id *in,
                       struct gw_t_flow_key *out)
{
    *out = (struct gw_t_flow_key){
        .sport = htons(in->sport), .dport = htons(in->dport), .proto = in->proto};
    gw_entry_addr(&in->src, &out->src);
    gw_entry_addr(cs_id, &out->cs_id);
}

struct gw_flow_id gw_entry_flow_of(const struct gw_t_flow_key *in, uint32_t affinity)
{
    struct gw_flow_id f = {.src = gw_entry_addr_of(&in->src)};

    if (affinity != GW_T_BY_CLIENT)
        f.proto = in->proto;
    if (affinity == GW_T_BY_FLOW) {
        f.sport = ntohs(in->sport);
        f.dport = ntohs(in->dport);
    }
    return f;
}

void gw_entry_flow(const struct gw_intent_flow *in, uint32_t id, struct gw_t_flow *out)
{
    *out = (struct gw_t_flow){.begun_ns = (uint64_t)in->now.ns,
                              .last_ns = (uint64_t)in->now.ns,
                              .cs = id,
                              .flags = GW_T_FLOW_TOLD,
                              .reason = GW_STEER_TOLD};
    gw_entry_addr(&in->csci_id, &out->csci_id);
}

uint64_t gw_entry_flow_idle(const struct gw_t_flow *f, uint64_t now_ns)
{
    return f->last_ns < now_ns ? now_ns - f->last_ns : 0;
}

bool gw_entry_cs_same(const struct gw_t_cs *a, const struct gw_t_cs *b)
{
    return a->timeout_ns == b->timeout_ns && a->id == b->id && a->affinity == b->affinity &&
           a->flags == b->flags && a->generation == b->generation &&
           memcmp(&a->ask, &b->ask, sizeof a->ask) == 0;
}

bool gw_entry_instance_same(const struct gw_t_instance *a, const struct gw_t_instance *b)
{
    return a->kind == b->kind && a->state == b->state && a->candidate == b->candidate &&
           a->generation == b->generation && a->cs == b->cs &&
           memcmp(&a->egress, &b->egress, sizeof a->egress) == 0 &&
           memcmp(&a->via, &b->via, sizeof a->via) == 0 &&
           memcmp(&a->cs_id, &b->cs_id, sizeof a->cs_id) == 0;
}

void gw_entry_service(const struct gw_intent_service *in, uint32_t id, struct gw_t_service *s)
{
    s->policy = in->policy;
    s->base = id * GW_STEER_CANDIDATES;
    s->ring = id * GW_STEER_RING;
    s->max_age_ms = in->max_age_ms;
    s->blur = in->blur;
    s->error_limit = in->error_limit;
    s->lasting = in->lasting;
    if (s->width == 0) /* no report yet */
        s->width = in->rule.width;
}

static uint32_t state_of(enum gw_instance_state s)
{
    switch (s) {
    case GW_INSTANCE_UP:
        return GW_T_INSTANCE_UP;
    case GW_INSTANCE_DRAINING:
        return GW_T_INSTANCE_DRAINING;
    case GW_INSTANCE_DEAD:
        return GW_T_INSTANCE_DEAD;
    }
    return GW_T_INSTANCE_DEAD;
}

static uint32_t kind_of(const struct gw_intent_instance *in)
{
    if (!in->here)
        return GW_T_INSTANCE_AWAY;
    return in->delivery == GW_DELIVERY_TUNNEL ? GW_T_INSTANCE_BESIDE : GW_T_INSTANCE_HERE;
}

void gw_entry_instance(const struct gw_intent_instance *in, uint32_t cs, uint32_t candidate,
                       struct gw_t_instance *out)
{
    *out = (struct gw_t_instance){
        .kind = kind_of(in), .state = state_of(in->state), .candidate = candidate, .cs = cs};
    gw_entry_addr(&in->egress, &out->egress);
    gw_entry_addr(&in->via, &out->via);
    gw_entry_addr(&in->service.cs_id, &out->cs_id);
}

static uint32_t steer_state(enum gw_instance_state s)
{
    switch (s) {
    case GW_INSTANCE_UP:
        return GW_STEER_UP;
    case GW_INSTANCE_DRAINING:
        return GW_STEER_DRAINING;
    case GW_INSTANCE_DEAD:
        return GW_STEER_DOWN;
    }
    return GW_STEER_DOWN;
}

static bool is(const struct gw_t_candidate *c, const struct gw_addr *csci_id)
{
    return memcmp(c->csci_id.b, csci_id->b, sizeof csci_id->b) == 0;
}

static bool is_free(const struct gw_t_candidate *c)
{
    static const struct gw_addr none;

    return is(c, &none);
}

/* Its place, else a free one, else one at the end; GW_STEER_CANDIDATES: none. */
static uint32_t place_of(const struct gw_steer_tables *t, const struct gw_addr *csci_id)
{
    uint32_t count = t->service->count, found = count;

    for (uint32_t i = count; i-- > 0;) {
        if (is(&t->candidate[i], csci_id))
            return i;
        if (is_free(&t->candidate[i]))
            found = i;
    }
    return found;
}

uint32_t gw_serve_place(const struct gw_steer_tables *t, const struct gw_addr *csci_id)
{
    uint32_t at = place_of(t, csci_id);

    return at == GW_STEER_CANDIDATES ? GW_T_NO_CANDIDATE : t->service->base + at;
}

/* now_ns 0: what reports say is as it was. */
static void follow(const struct gw_steer_tables *t, bool others, uint64_t now_ns,
                   const struct gw_steer_rule *rule)
{
    if (now_ns != 0)
        gw_steer_refresh(t, now_ns, rule);
    if (!others)
        return;
    gw_steer_weigh(t);
    if (t->service->policy == GW_STEER_HASH && t->ring != NULL)
        gw_steer_fill_ring(t);
}

uint32_t gw_serve_candidate(const struct gw_steer_tables *t, const struct gw_intent_instance *in,
                            const struct gw_steer_rule *rule)
{
    struct gw_t_service *s = t->service;
    uint32_t at = place_of(t, &in->csci_id);

    if (at == GW_STEER_CANDIDATES)
        return GW_T_NO_CANDIDATE;
    struct gw_t_candidate *c = &t->candidate[at], before = *c;
    bool fresh = at == s->count || is_free(c);
    if (fresh) {
        before = (struct gw_t_candidate){.state = GW_STEER_DOWN};
        t->use[at] = (struct gw_t_candidate_use){.own = 0};
        s->count = at == s->count ? at + 1 : s->count;
    }
    if (fresh) /* it is not chosen while it is written */
        c->state = GW_STEER_DOWN;
    struct gw_t_candidate now = {.reported_ns = (uint64_t)in->measured.ns,
                                 .state = steer_state(in->state),
                                 .path_us = in->path_us,
                                 .service_us = in->service_us,
                                 .load = in->load,
                                 .own_then = before.own_then,
                                 .slots = in->slots,
                                 .errors = in->errors,
                                 .weight = in->weight,
                                 .before = before.before};
    if (now.reported_ns != before.reported_ns)
        now.own_then = t->use[at].own;
    gw_entry_addr(&in->csci_id, &now.csci_id);
    gw_entry_addr(&in->egress, &now.egress);
    uint32_t state = now.state;
    now.state = fresh ? (uint32_t)GW_STEER_DOWN : state;
    *c = now;
    __atomic_store_n(&c->state, state, __ATOMIC_RELEASE);
    follow(t, fresh || before.state != state || before.weight != now.weight, (uint64_t)in->now.ns,
           rule);
    return s->base + at;
}

void gw_serve_no_candidate(const struct gw_steer_tables *t, const struct gw_addr *csci_id,
                           const struct gw_steer_rule *rule)
{
    uint32_t at = place_of(t, csci_id);

    if (at >= t->service->count || !is(&t->candidate[at], csci_id))
        return;
    t->candidate[at] = (struct gw_t_candidate){.state = GW_STEER_DOWN};
    while (t->service->count > 0 && is_free(&t->candidate[t->service->count - 1]))
        t->service->count--;
    follow(t, true, 0, rule);
}
