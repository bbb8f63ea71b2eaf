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
    *out = (struct gw_t_cs){.timeout_ns = (uint64_t)in->timeout.ns,
                            .id = id,
                            .affinity = affinity_of(in->affinity),
                            .flags = in->reselect ? (uint32_t)GW_T_CS_RESELECT : 0};
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

void gw_entry_instance(const struct gw_intent_instance *in, uint32_t candidate,
                       struct gw_t_instance *out)
{
    *out = (struct gw_t_instance){.kind = in->here ? GW_T_INSTANCE_HERE : GW_T_INSTANCE_AWAY,
                                  .state = state_of(in->state),
                                  .candidate = candidate};
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
