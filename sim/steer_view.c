/* steer_view.c: an ingress: the tables of the packet path, filled from the reports that have
 * reached it, and the choice of an instance by the packet path's own rule.
 *
 * An instance reports every interval, at a phase of its own: its flows in flight and the service
 * time of a typical request at the speed that it works at. A report reaches an ingress after the
 * path's delay. Reports are not events: what the last one said is looked up when a request comes.
 */
#include "steer.h"

#include <stdlib.h>

/* A report older than so many intervals says nothing. */
#define REPORTS_MISSED 4
#define ERROR_LIMIT    128 /* of 1024 */

static uint32_t microseconds(int64_t ns)
{
    return ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static struct gw_steer_tables tables(struct steer_ingress *g)
{
    return (struct gw_steer_tables){.service = &g->service,
                                    .service_use = &g->service_use,
                                    .candidate = g->candidate,
                                    .use = g->use,
                                    .ring = g->ring};
}

void steer_ingress_init(struct steer_ingress *g, struct steer_run *r, uint32_t index)
{
    const struct steer_conf *c = r->conf;

    gw_prng_seed(&g->prng, c->seed * 7368787 + index);
    g->service = (struct gw_t_service){
        .policy = c->policy,
        .count = c->servers,
        .width = c->width,
        .hot = UINT32_MAX,
        .max_age_ms = (uint32_t)(REPORTS_MISSED * (c->interval / SIM_MS)) + 1000,
        .blur = c->blur,
        .lasting = c->lasting,
        .typical_us = microseconds(r->world.typical),
        .error_limit = ERROR_LIMIT,
    };
    g->service_use.turn = gw_prng_u64(&g->prng);
    g->candidate = sim_new_memory(c->servers * sizeof *g->candidate);
    g->use = sim_new_memory(c->servers * sizeof *g->use);
    g->own = sim_new_memory(c->servers * sizeof *g->own);
    g->ring = sim_new_memory(GW_STEER_RING);
    for (uint32_t k = 0; k < c->servers; k++) {
        g->candidate[k] = (struct gw_t_candidate){
            .state = GW_STEER_UP,
            .slots = c->slots,
            .weight = 1,
            .service_us = microseconds(r->world.typical),
            .path_us = microseconds(2 * r->world.delay[index * c->servers + k]),
            .csci_id.w = {1, 2, 3, k},
        };
        steer_history_init(&g->own[k], 1024, 0);
    }
    struct gw_steer_tables t = tables(g);
    gw_steer_weigh(&t);
    gw_steer_fill_ring(&t);
}

void steer_ingress_free(struct steer_ingress *g)
{
    for (uint32_t k = 0; k < g->service.count; k++)
        free(g->own[k].ring);
    free(g->candidate);
    free(g->use);
    free(g->own);
    free(g->ring);
}

/* Takes the last report that has come from the server; false: the one that is there already. */
static bool take_report(struct steer_run *r, uint32_t ingress, uint32_t k)
{
    struct steer_ingress *g = &r->ingress[ingress];
    struct gw_t_candidate *c = &g->candidate[k];
    const struct steer_server *v = &r->server[k];
    int64_t delay = r->world.delay[ingress * r->conf->servers + k];
    int64_t since = r->now - delay - steer_phase(r, k);

    if (since < 0)
        return false;
    int64_t at = r->now - delay - since % r->conf->interval;
    if (c->reported_ns == (uint64_t)at)
        return false;
    uint32_t speed = steer_history_at(&v->speeds, at);
    c->reported_ns = (uint64_t)at;
    c->load = steer_history_at(&v->loads, at) * GW_STEER_FLOW;
    c->errors = steer_history_at(&v->error_rates, at);
    c->service_us = microseconds(r->world.typical / speed * STEER_FULL_SPEED);
    c->own_then = steer_history_at(&g->own[k], at + delay);
    c->weight = speed * c->slots;
    return true;
}

static void take_reports(struct steer_run *r, uint32_t ingress)
{
    struct gw_steer_tables t = tables(&r->ingress[ingress]);
    bool news = false;

    for (uint32_t k = 0; k < r->conf->servers; k++)
        news |= take_report(r, ingress, k);
    if (!news)
        return;
    gw_steer_weigh(&t);
    struct gw_steer_rule rule = {.quantile = r->conf->quantile,
                                 .width = r->conf->width,
                                 .interval_ms = (uint32_t)(r->conf->interval / SIM_MS),
                                 .settle_ms = r->conf->settle_ms};
    gw_steer_refresh(&t, (uint64_t)r->now, &rule);
}

/* What no ingress can know: all flows under way to a server or at it, its speed, at this moment.
 * The future it does not know: how long the requests there will take. */
static uint32_t oracle(struct steer_run *r, uint32_t ingress)
{
    uint32_t best = 0, n = r->conf->servers;
    int64_t soonest = INT64_MAX;

    for (uint32_t k = 0; k < n; k++) {
        const struct steer_server *v = &r->server[k];
        int64_t flows = 1, slots = r->conf->slots;
        for (uint32_t i = 0; i < r->conf->ingresses; i++)
            flows += r->ingress[i].use[k].own;
        int64_t service = r->world.typical / v->speed * STEER_FULL_SPEED;
        int64_t at =
            2 * r->world.delay[ingress * n + k] + service / slots * (flows > slots ? flows : slots);
        if (v->errors > ERROR_LIMIT || at >= soonest)
            continue;
        soonest = at;
        best = k;
    }
    return best;
}

static void count(struct steer_run *r, uint32_t ingress, uint32_t k)
{
    struct steer_ingress *g = &r->ingress[ingress];

    steer_history_note(&g->own[k], r->now, g->use[k].own);
}

uint32_t steer_choose(struct steer_run *r, uint32_t ingress)
{
    struct steer_ingress *g = &r->ingress[ingress];
    struct gw_steer_tables t = tables(g);
    struct gw_t_answer a = {0};

    if (r->conf->policy == STEER_ORACLE) {
        a.index = oracle(r, ingress);
    } else {
        take_reports(r, ingress);
        struct gw_steer_in in = {.now_ns = (uint64_t)r->now};
        in.random = gw_prng_u64(&g->prng);
        in.flow = (uint32_t)gw_prng_u64(&g->prng);
        if (!gw_steer_choose(&t, &in, &a))
            abort();
    }
    gw_steer_begin_flow(&g->use[a.index]);
    count(r, ingress, a.index);
    return a.index;
}

void steer_forget(struct steer_run *r, uint32_t ingress, uint32_t server)
{
    gw_steer_end_flow(&r->ingress[ingress].use[server]);
    count(r, ingress, server);
}
