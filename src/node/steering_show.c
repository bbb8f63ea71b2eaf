/* steering_show.c: what `godwit show` shows of CATS: rows of names and values, in no particular
 * order. What the packet path counts, the driver adds.
 */
#include "node/steering.h"

static const char *affinity_name(enum gw_affinity a)
{
    switch (a) {
    case GW_AFFINITY_FLOW:
        return "5-tuple";
    case GW_AFFINITY_3TUPLE:
        return "3-tuple";
    case GW_AFFINITY_CLIENT:
        return "client";
    }
    return "?";
}

static const char *model_name(enum gw_steer_model m)
{
    switch (m) {
    case GW_MODEL_DISTRIBUTED:
        return "distributed";
    case GW_MODEL_CENTRALISED:
        return "centralised";
    case GW_MODEL_HYBRID:
        return "hybrid";
    }
    return "?";
}

static void key(struct gw_emit *e, const struct gw_addr *cs_id, uint8_t proto, uint16_t port)
{
    gw_emit_addr(e, "cs_id", cs_id);
    gw_emit_num(e, "protocol", proto);
    gw_emit_num(e, "port", port);
}

/* The service's name, where the configuration has one. */
static void named(const struct gw_node *n, struct gw_emit *e, const struct gw_service_key *k)
{
    const struct gw_cfg_service *s = gw_steer_service(n->cfg, k);

    if (s != NULL)
        gw_emit_str(e, "service", s->name);
    key(e, &k->cs_id, k->proto, k->port);
}

/* How many of its instances are told of, and how many of these take new flows. */
static void count(const struct gw_steering *x, const struct gw_service_key *k, size_t *all,
                  size_t *up)
{
    struct gw_cats_service key = gw_steer_cats_key(k);
    const struct gw_metric_service *s = gw_metric_service(&x->metric, &key);

    *all = *up = 0;
    for (const struct gw_metric_instance *i = s != NULL ? s->first : NULL; i != NULL;
         i = i->sib_next) {
        *all += i->v.state != GW_CATS_GONE;
        *up += i->v.state == GW_CATS_UP;
    }
}

static void show_services(const struct gw_node *n, struct gw_emit *e)
{
    for (size_t i = 0; i < n->cfg->nservices; i++) {
        const struct gw_cfg_service *s = &n->cfg->services[i];
        size_t all, up;
        count(n->steering, &s->key, &all, &up);
        gw_emit_obj(e, NULL);
        named(n, e, &s->key);
        gw_emit_str(e, "policy", gw_steer_policy_name(s->policy));
        gw_emit_str(e, "model", model_name(n->cfg->steering.model));
        gw_emit_bool(e, "by_share", gw_central_by_share(&n->steering->central, &s->key));
        gw_emit_str(e, "affinity", affinity_name(s->affinity));
        gw_emit_num(e, "affinity_timeout_ms", s->affinity_timeout.ns / 1000000);
        gw_emit_str(e, "on_failure", s->reselect ? "reselect" : "reset");
        gw_emit_str(e, "delivery", s->delivery == GW_DELIVERY_TUNNEL ? "tunnel" : "direct");
        gw_emit_num(e, "instances", (int64_t)all);
        gw_emit_num(e, "instances_up", (int64_t)up);
        gw_emit_obj_end(e);
    }
}

static void level(struct gw_emit *e, const char *name, uint8_t v)
{
    gw_emit_num(e, name, v == GW_CATS_NO_SCORE ? -1 : v);
}

static void show_instance(const struct gw_node *n, const struct gw_metric_instance *x,
                          struct gw_emit *e, struct gw_now now)
{
    const struct gw_cats_service *k = &x->key.service;

    gw_emit_obj(e, NULL);
    named(n, e, &(struct gw_service_key){k->cs_id, k->proto, k->port});
    gw_emit_addr(e, "csci_id", &x->v.csci_id);
    gw_emit_addr(e, "egress", &x->v.egress);
    gw_emit_addr(e, "origin", &x->key.origin);
    gw_emit_str(e, "state", gw_cats_state_name(x->v.state));
    gw_emit_num(e, "change", x->v.seq);
    gw_emit_num(e, "age_ms", (now.mono.ns - x->measured.ns) / 1000000);
    gw_emit_num(e, "lifetime_s", x->v.lifetime);
    level(e, "l2", x->v.score);
    level(e, "computing", x->v.computing);
    level(e, "communication", x->v.communication);
    level(e, "service_level", x->v.service);
    gw_emit_num(e, "latency_us", x->v.latency);
    gw_emit_num(e, "in_flight", x->v.in_flight);
    gw_emit_num(e, "errors_of_10000", x->v.errors);
    gw_emit_num(e, "slots", x->v.slots);
    gw_emit_num(e, "weight", x->v.weight);
    gw_emit_obj_end(e);
}

static void show_instances(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    const struct gw_metric_instance *x;

    for (size_t i = 0; (x = gw_table_next(&n->steering->metric.instances, &i)) != NULL;)
        show_instance(n, x, e, now);
}

static const char *unit_of(enum gw_metric_kind k)
{
    static const char *const units[GW_METRIC_KINDS] = {
        [GW_METRIC_CPU] = "1/1000",      [GW_METRIC_MEMORY] = "1/1000",
        [GW_METRIC_PRESSURE] = "1/1000", [GW_METRIC_ENERGY] = "mW",
        [GW_METRIC_DELAY] = "us",        [GW_METRIC_JITTER] = "us",
        [GW_METRIC_LOSS] = "1/10000",    [GW_METRIC_BANDWIDTH] = "kbit/s",
        [GW_METRIC_LATENCY] = "us",      [GW_METRIC_IN_FLIGHT] = "requests",
        [GW_METRIC_QUEUE] = "requests",  [GW_METRIC_SESSIONS] = "sessions",
        [GW_METRIC_ERRORS] = "1/10000",  [GW_METRIC_CUSTOM] = "1/1000",
    };

    return units[k];
}

static void show_raw(const struct gw_metric_raw *r, struct gw_emit *e)
{
    gw_emit_arr(e, "l0");
    for (int k = 0; k < GW_METRIC_KINDS; k++) {
        if ((r->known & 1u << k) == 0)
            continue;
        gw_emit_obj(e, NULL);
        gw_emit_str(e, "metric", gw_metric_kind_name((enum gw_metric_kind)k));
        gw_emit_str(e, "unit", unit_of((enum gw_metric_kind)k));
        gw_emit_num(e, "value", r->value[k]);
        gw_emit_obj_end(e);
    }
    gw_emit_arr_end(e);
}

static void show_metrics(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    for (size_t i = 0; i < n->cfg->ninstances; i++) {
        const struct gw_cfg_instance *c = &n->cfg->instances[i];
        const struct gw_own *o = gw_own_get(&n->steering->owns, &c->csci_id);
        if (o == NULL)
            continue;
        gw_emit_obj(e, NULL);
        gw_emit_str(e, "instance", c->name);
        named(n, e, &n->cfg->services[c->service].key);
        gw_emit_addr(e, "csci_id", &c->csci_id);
        gw_emit_bool(e, "there", o->there);
        gw_emit_bool(e, "dampened", o->report.held);
        gw_emit_num(e, "age_ms", o->at.ns != 0 ? (now.mono.ns - o->at.ns) / 1000000 : -1);
        show_raw(&o->sample.raw, e);
        gw_emit_obj(e, "l1");
        level(e, "computing", o->scores.l1[GW_METRIC_CAT_COMPUTING]);
        level(e, "communication", o->scores.l1[GW_METRIC_CAT_COMMUNICATION]);
        level(e, "service", o->scores.l1[GW_METRIC_CAT_SERVICE]);
        gw_emit_obj_end(e);
        level(e, "l2", o->scores.l2);
        gw_emit_obj_end(e);
    }
}

static void show_candidates(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    const struct gw_steer_instance *x;

    for (size_t i = 0; (x = gw_table_next(&n->steering->steer.instances, &i)) != NULL;) {
        const struct gw_intent_instance *c = &x->said;
        gw_emit_obj(e, NULL);
        named(n, e, &c->service);
        gw_emit_addr(e, "csci_id", &c->csci_id);
        gw_emit_addr(e, "egress", &c->egress);
        gw_emit_bool(e, "here", c->here);
        gw_emit_str(e, "state", gw_steer_state_name(c->state));
        gw_emit_num(e, "path_us", c->path_us);
        gw_emit_num(e, "service_us", c->service_us);
        gw_emit_num(e, "load_of_16", c->load);
        gw_emit_num(e, "slots", c->slots);
        gw_emit_num(e, "errors_of_1024", c->errors);
        gw_emit_num(e, "weight", c->weight);
        gw_emit_num(e, "share_of_65535", gw_steer_share(&n->steering->steer, x));
        gw_emit_num(e, "age_ms",
                    c->measured.ns != 0 ? (now.mono.ns - c->measured.ns) / 1000000 : -1);
        gw_emit_bool(e, "refused", x->refused);
        gw_emit_obj_end(e);
    }
}

static void show_paths(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    const struct gw_path_target *t;

    for (size_t i = 0; (t = gw_table_next(&n->steering->paths.targets, &i)) != NULL;) {
        const struct gw_peer *p = gw_peer_get(n, &t->addr);
        gw_emit_obj(e, NULL);
        gw_emit_str(e, "peer", p != NULL ? p->cfg->name : "?");
        gw_emit_addr(e, "address", &t->addr);
        gw_emit_str(e, "state", gw_path_state_name(t->state));
        gw_emit_num(e, "delay_us", t->delay >= 0 ? t->delay / 1000 : -1);
        gw_emit_num(e, "jitter_us", t->jitter >= 0 ? t->jitter / 1000 : -1);
        gw_emit_num(e, "loss_of_10000", gw_path_loss(t));
        gw_emit_num(e, "probes", t->seq);
        gw_emit_num(e, "last_heard_ms",
                    t->heard.ns != 0 ? (now.mono.ns - t->heard.ns) / 1000000 : -1);
        gw_emit_obj_end(e);
    }
}

static void show_ingress(const struct gw_node *n, const struct gw_ingress *g, struct gw_emit *e,
                         struct gw_now now)
{
    const struct gw_peer *peer = gw_peer_get(n, &g->addr);
    const struct gw_pick *p;

    for (size_t i = 0; (p = gw_table_next(&g->picks, &i)) != NULL;) {
        gw_emit_obj(e, NULL);
        gw_emit_str(e, "ingress", peer != NULL ? peer->cfg->name : "?");
        gw_emit_addr(e, "address", &g->addr);
        gw_emit_addr(e, "csci_id", &p->csci_id);
        gw_emit_num(e, "share_of_65535", p->share);
        gw_emit_num(e, "told", p->at.ns != 0 ? p->told : -1);
        gw_emit_num(e, "told_ms", p->at.ns != 0 ? (now.mono.ns - p->at.ns) / 1000000 : -1);
        gw_emit_obj_end(e);
    }
}

static void show_selections(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    const struct gw_ingress *g;

    for (size_t i = 0; (g = gw_table_next(&n->steering->selector.ingresses, &i)) != NULL;)
        show_ingress(n, g, e, now);
}

void gw_steering_show(const struct gw_node *n, enum gw_show what, struct gw_emit *e,
                      struct gw_now now)
{
    if (n->steering == NULL)
        return;
    if (what == GW_SHOW_SERVICES)
        show_services(n, e);
    else if (what == GW_SHOW_INSTANCES)
        show_instances(n, e, now);
    else if (what == GW_SHOW_METRICS)
        show_metrics(n, e, now);
    else if (what == GW_SHOW_CANDIDATES)
        show_candidates(n, e, now);
    else if (what == GW_SHOW_PATHS)
        show_paths(n, e, now);
    else if (what == GW_SHOW_TRANSFERS)
        gw_transfers_show(&n->steering->transfers, e);
    else if (what == GW_SHOW_SELECTIONS)
        show_selections(n, e, now);
    else if (what == GW_SHOW_TRACES)
        gw_traces_show(&n->steering->traces, e);
}

void gw_steering_counters(const struct gw_node *n, struct gw_emit *e)
{
    const struct gw_steering *x = n->steering;

    if (x == NULL)
        return;
    for (int i = 0; i < GW_MCNT_MAX; i++)
        gw_emit_num(e, gw_metric_count_name((enum gw_metric_count)i), (int64_t)x->metric.count[i]);
    for (int i = 0; i < GW_SCNT_MAX; i++)
        gw_emit_num(e, gw_steer_count_name((enum gw_steer_count)i), (int64_t)x->steer.count[i]);
    gw_emit_num(e, "cats-mappings-told", (int64_t)x->mappers.told);
    gw_emit_num(e, "cats-mappings-again", (int64_t)x->mappers.again);
    gw_emit_num(e, "limit-cats-mappings", (int64_t)x->mappers.limited);
    gw_emit_num(e, "cats-mappings-waiting", (int64_t)gw_mappers_flows(&x->mappers));
    gw_emit_num(e, "cats-in-selection", (int64_t)x->central.selections);
    gw_emit_num(e, "cats-shares-in", (int64_t)x->central.shares);
    gw_emit_num(e, "cats-shares-unknown", (int64_t)x->central.unknown);
    gw_emit_num(e, "cats-shares-over", (int64_t)x->central.alone);
    for (unsigned i = 0; i < GW_TCNT_MAX; i++)
        gw_emit_num(e, gw_transfer_count_name((enum gw_transfer_count)i),
                    (int64_t)x->transfers.count[i]);
    gw_emit_num(e, "cats-out-query", (int64_t)x->central.queries);
    gw_emit_num(e, "cats-ways-told", (int64_t)x->central.ways);
    gw_emit_num(e, "cats-in-query", (int64_t)x->selector.queries);
    gw_emit_num(e, "cats-ways-in", (int64_t)x->selector.ways);
    gw_emit_num(e, "cats-shares-told", (int64_t)x->selector.told);
    gw_emit_num(e, "cats-ingresses", (int64_t)gw_table_count(&x->selector.ingresses));
    gw_emit_num(e, "cats-ingresses-silent", (int64_t)x->selector.silent);
    gw_emit_num(e, "limit-cats-selections", (int64_t)x->selector.limited);
    gw_emit_num(e, "cats-traces", (int64_t)x->traces.begun);
    gw_emit_num(e, "cats-out-trace", (int64_t)x->traces.asked);
    gw_emit_num(e, "cats-traces-unanswered", (int64_t)x->traces.silent);
    gw_emit_num(e, "cats-traces-answered", (int64_t)x->traces.answered);
    gw_emit_num(e, "cats-trace-replies-unmatched", (int64_t)x->traces.strange);
    gw_emit_num(e, "limit-cats-traces", (int64_t)x->traces_limited);
    gw_emit_num(e, "cats-samples", (int64_t)x->owns.samples);
    gw_emit_num(e, "cats-samples-unknown", (int64_t)x->owns.strange);
    gw_emit_num(e, "cats-leases-ended", (int64_t)x->owns.expired);
    gw_emit_num(e, "stamp-probes", (int64_t)x->paths.sent);
    gw_emit_num(e, "stamp-answers", (int64_t)x->paths.answered);
    gw_emit_num(e, "stamp-lost", (int64_t)x->paths.lost);
    gw_emit_num(e, "stamp-late", (int64_t)x->paths.late);
    gw_emit_num(e, "stamp-invalid", (int64_t)x->paths.refused);
    gw_emit_num(e, "stamp-reflected", (int64_t)x->paths.reflected);
}
