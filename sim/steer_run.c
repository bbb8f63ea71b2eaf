/* steer_run.c: one run: requests come, are sent somewhere, wait, are answered; and what that came
 * to.
 */
#include "steer.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE SIM_S /* servers' loads are looked at this often */

void steer_conf_init(struct steer_conf *c)
{
    *c = (struct steer_conf){
        .policy = GW_STEER_PREQUAL,
        .load = 900,
        .interval = 100 * SIM_MS,
        .seed = 1,
        .servers = 24,
        .slots = 8,
        .ingresses = 32,
        .span = 1800 * SIM_S,
        .warmup = 120 * SIM_S,
        .width = GW_STEER_WIDTH,
        .blur = 256,
        .lasting = 400,
        .quantile = GW_STEER_QUANTILE,
    };
}

static void set(struct steer_run *r, struct gw_timer *t, int64_t at)
{
    if (gw_timer_set(&r->timers, t, (struct gw_time){at}) != 0)
        abort();
}

int64_t steer_phase(const struct steer_run *r, uint32_t server)
{
    return r->conf->interval / r->conf->servers * server;
}

/* -- a request's way ----------------------------------------------------------------------------
 */

static int64_t delay_of(const struct steer_run *r, const struct steer_request *q)
{
    return r->world.delay[q->ingress * r->conf->servers + q->server->index];
}

static void at_server(struct gw_timer *t, void *user)
{
    struct steer_request *q = t->owner;

    (void)user;
    steer_server_take(q->server, q);
}

/* The answer has come back; the ingress sees the flow's end. */
static void at_end(struct gw_timer *t, void *user)
{
    struct steer_request *q = t->owner;
    struct steer_run *r = user;

    r->over++;
    steer_forget(r, q->ingress, q->server->index);
    if (q->at < r->conf->warmup)
        return;
    if (q->failed)
        r->failed++;
    else
        r->response_us[r->counted++] = (uint32_t)((r->now - q->at) / 1000);
}

void steer_answered(struct steer_run *r, struct steer_request *q)
{
    q->timer.fire = at_end;
    set(r, &q->timer, r->now + delay_of(r, q));
}

static void at_ingress(struct gw_timer *t, void *user)
{
    struct steer_run *r = user;
    struct steer_request *q = &r->world.request[r->arrived++];

    if (r->arrived < r->world.nrequests)
        set(r, t, r->world.request[r->arrived].at);
    q->server = &r->server[steer_choose(r, q->ingress)];
    q->timer = (struct gw_timer){.fire = at_server, .owner = q};
    set(r, &q->timer, r->now + delay_of(r, q));
}

/* -- oscillation --------------------------------------------------------------------------------
 */

static void look(struct gw_timer *t, void *user)
{
    struct steer_run *r = user;
    int64_t mean = 0, n = r->conf->servers;

    if (r->now < r->conf->span)
        set(r, t, r->now + SAMPLE);
    for (int64_t k = 0; k < n; k++)
        mean += r->server[k].in_flight * 1024;
    mean /= n > 0 ? n : 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t d = (r->server[k].in_flight * 1024 - mean) / r->conf->slots;
        r->server[k].sum += d;
        r->server[k].squares += d * d;
    }
    r->samples++;
}

/* How far a server's fill swings about its own mean, what all do together taken away: the root of
 * the mean square, of 1000. */
static uint32_t swing(const struct steer_run *r)
{
    int64_t variance = 0, root = 0;

    if (r->samples == 0 || r->conf->servers == 0)
        return 0;
    for (uint32_t k = 0; k < r->conf->servers; k++) {
        int64_t mean = r->server[k].sum / r->samples;
        variance += r->server[k].squares / r->samples - mean * mean;
    }
    variance /= r->conf->servers;
    while ((root + 1) * (root + 1) <= variance)
        root++;
    return (uint32_t)(root * 1000 / 1024);
}

/* -- outcome ------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(const uint32_t *us, size_t n, size_t of_1000)
{
    return n == 0 ? 0 : us[(n * of_1000 + 999) / 1000 - 1]; /* nearest rank */
}

void steer_summarise(struct steer_responses *r, struct steer_outcome *o)
{
    uint64_t sum = 0;

    qsort(r->us, r->used, sizeof *r->us, by_value);
    for (size_t i = 0; i < r->used; i++)
        sum += r->us[i];
    o->requests = r->used;
    o->mean_us = r->used == 0 ? 0 : sum / r->used;
    o->p50_us = percentile(r->us, r->used, 500);
    o->p99_us = percentile(r->us, r->used, 990);
    o->p999_us = percentile(r->us, r->used, 999);
}

static void append(struct steer_responses *all, const struct steer_responses *some)
{
    if (all->used + some->used > all->size) {
        all->size = 2 * (all->used + some->used);
        all->us = realloc(all->us, all->size * sizeof *all->us);
        if (all->us == NULL)
            abort();
    }
    memcpy(all->us + all->used, some->us, some->used * sizeof *some->us);
    all->used += some->used;
}

/* -- the run ------------------------------------------------------------------------------------
 */

static void begin(struct steer_run *r, const struct steer_conf *c, const struct steer_data *d)
{
    *r = (struct steer_run){.conf = c};
    gw_timers_init(&r->timers, &gw_alloc_libc);
    steer_world_make(&r->world, c, d);
    r->response_us = sim_new_memory((r->world.nrequests + 1) * sizeof *r->response_us);
    r->server = sim_new_memory(c->servers * sizeof *r->server);
    r->ingress = sim_new_memory(c->ingresses * sizeof *r->ingress);
    for (uint32_t k = 0; k < c->servers; k++)
        steer_server_init(&r->server[k], r, k);
    for (uint32_t i = 0; i < c->ingresses; i++)
        steer_ingress_init(&r->ingress[i], r, i);
    r->arrival.fire = at_ingress;
    r->sample.fire = look;
    set(r, &r->sample, c->warmup);
    if (r->world.nrequests > 0)
        set(r, &r->arrival, r->world.request[0].at);
}

static void end(struct steer_run *r)
{
    gw_timers_free(&r->timers); /* first: it touches what is still set */
    for (uint32_t k = 0; k < r->conf->servers; k++)
        steer_server_free(&r->server[k]);
    for (uint32_t i = 0; i < r->conf->ingresses; i++)
        steer_ingress_free(&r->ingress[i]);
    free(r->server);
    free(r->ingress);
    free(r->response_us);
    steer_world_free(&r->world);
}

static struct gw_time next_time(struct steer_run *r)
{
    struct gw_time at = gw_timers_next(&r->timers);

    r->now = at.ns;
    return at;
}

struct steer_outcome steer_run(const struct steer_conf *c, const struct steer_data *d,
                               struct steer_responses *responses)
{
    struct steer_run r;
    struct steer_outcome o = {0};

    begin(&r, c, d);
    while (r.over < r.world.nrequests)
        (void)gw_timers_run(&r.timers, next_time(&r), 1, &r);
    struct steer_responses own = {.us = r.response_us, .used = r.counted};
    if (responses != NULL)
        append(responses, &own);
    steer_summarise(&own, &o);
    o.failed = r.failed;
    o.swing = swing(&r);
    end(&r);
    return o;
}
