/* serve_show.c: see serve_show.h. */
#include "plane/serve_show.h"

#include <string.h>

struct gw_flow_info gw_show_flow(const struct gw_t_cs_key *service, uint32_t affinity,
                                 const struct gw_t_flow_key *key, const struct gw_t_flow *f)
{
    return (struct gw_flow_info){.service = gw_entry_cs_of(service),
                                 .flow = gw_entry_flow_of(key, affinity),
                                 .csci_id = gw_entry_addr_of(&f->csci_id),
                                 .begun = {(int64_t)f->begun_ns},
                                 .last = {(int64_t)f->last_ns},
                                 .packets = f->packets,
                                 .reason = (enum gw_steer_reason)f->reason,
                                 .open = (f->flags & GW_T_FLOW_OPEN) != 0,
                                 .told = (f->flags & GW_T_FLOW_TOLD) != 0};
}

static struct gw_t_counter counter_of(const struct gw_t_use *u)
{
    return (struct gw_t_counter){.packets = u->packets, .octets = u->octets};
}

static enum gw_instance_state state_of(uint32_t s)
{
    return s == GW_T_INSTANCE_UP         ? GW_INSTANCE_UP
           : s == GW_T_INSTANCE_DRAINING ? GW_INSTANCE_DRAINING
                                         : GW_INSTANCE_DEAD;
}

struct gw_instance_info gw_show_instance(const struct gw_t_addr *csci_id,
                                         const struct gw_t_instance *x,
                                         const struct gw_t_cs_key *service,
                                         const struct gw_t_candidate_use *use)
{
    struct gw_instance_info i = {.csci_id = gw_entry_addr_of(csci_id),
                                 .egress = gw_entry_addr_of(&x->egress),
                                 .via = gw_entry_addr_of(&x->via),
                                 .served = service != NULL,
                                 .state = state_of(x->state),
                                 .here = x->kind != GW_T_INSTANCE_AWAY,
                                 .delivery = x->kind == GW_T_INSTANCE_BESIDE ? GW_DELIVERY_TUNNEL
                                                                             : GW_DELIVERY_DIRECT,
                                 .flows = x->flows,
                                 .in_flight = use != NULL ? use->own : 0,
                                 .in = counter_of(&x->in),
                                 .out = counter_of(&x->out),
                                 .last_in = {(int64_t)x->in.last_ns},
                                 .last_out = {(int64_t)x->out.last_ns}};

    if (service != NULL)
        i.service = gw_entry_cs_of(service);
    return i;
}

struct gw_trace_seen gw_show_trace(const struct gw_t_instance *x, const struct gw_t_peer *peer,
                                   const struct gw_t_prefix *client)
{
    struct gw_trace_seen s = {
        .instance = x != NULL, .peer = peer != NULL, .client = client != NULL};

    if (x != NULL) {
        s.sent = x->in.packets;
        s.taken = x->out.packets;
    }
    if (peer != NULL) {
        s.peer_sent = peer->tx.packets;
        s.peer_taken = peer->rx.packets;
    }
    if (client != NULL) {
        s.kind = (enum gw_prefix_kind)client->kind;
        s.to = gw_entry_addr_of(&client->peer);
        s.down = client->down.packets;
    }
    return s;
}

struct gw_service_info gw_show_service(const struct gw_t_cs_key *key, const struct gw_t_cs *s,
                                       const struct gw_t_steer *steer)
{
    struct gw_service_info i = {.service = gw_entry_cs_of(key),
                                .affinity = s->affinity == GW_T_BY_CLIENT   ? GW_AFFINITY_CLIENT
                                            : s->affinity == GW_T_BY_3TUPLE ? GW_AFFINITY_3TUPLE
                                                                            : GW_AFFINITY_FLOW,
                                .timeout = {(int64_t)s->timeout_ns},
                                .reselect = (s->flags & GW_T_CS_RESELECT) != 0,
                                .asks = (s->flags & GW_T_CS_ASK) != 0,
                                .ask = gw_entry_addr_of(&s->ask),
                                .policy = steer->service.policy,
                                .flows = s->flows,
                                .asked = s->asked,
                                .in = counter_of(&s->use)};

    for (uint32_t k = 0; k < steer->service.count; k++)
        i.up += steer->candidate[k].state == GW_STEER_UP;
    return i;
}

static struct gw_why_candidate candidate_of(const struct gw_steer_tables *t, uint32_t i,
                                            uint64_t now_ns)
{
    const struct gw_t_candidate *c = &t->candidate[i];
    struct gw_t_score score;
    uint32_t age = gw_steer_look_at(t, i, now_ns, &score);

    return (struct gw_why_candidate){.csci_id = gw_entry_addr_of(&c->csci_id),
                                     .egress = gw_entry_addr_of(&c->egress),
                                     .state = c->state == GW_STEER_UP         ? GW_INSTANCE_UP
                                              : c->state == GW_STEER_DRAINING ? GW_INSTANCE_DRAINING
                                                                              : GW_INSTANCE_DEAD,
                                     .usable = c->state == GW_STEER_UP &&
                                               c->errors <= t->service->error_limit,
                                     .hot = score.hot != 0,
                                     .fill = score.fill,
                                     .completion_us = score.completion_us,
                                     .path_us = c->path_us,
                                     .service_us = c->service_us,
                                     .load = c->load,
                                     .slots = c->slots,
                                     .errors = c->errors,
                                     .weight = c->weight,
                                     .own = t->use[i].own,
                                     .age_ms = age};
}

void gw_show_why(const struct gw_t_steer *steer, const struct gw_steer_in *in, struct gw_why *out)
{
    static const struct gw_addr none;
    struct gw_t_steer copy = *steer; /* a choice takes turns */
    struct gw_steer_tables t = gw_serve_tables(&copy);
    struct gw_t_answer a;

    out->n = 0;
    for (uint32_t i = 0; i < copy.service.count && i < GW_STEER_CANDIDATES; i++) {
        struct gw_why_candidate c = candidate_of(&t, i, in->now_ns);
        if (!gw_addr_eq(&c.csci_id, &none)) /* a free place */
            out->candidate[out->n++] = c;
    }
    out->anyone = gw_steer_choose(&t, in, &a);
    out->reason = (enum gw_steer_reason)a.reason;
    out->choice = out->anyone ? gw_entry_addr_of(&copy.candidate[a.index].csci_id) : none;
}
