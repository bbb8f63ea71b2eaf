/* agent_check.c: health checks. A check is a connection that opens, an answer to GET of 2xx or 3xx,
 * or a report within the interval; so many in a row that speak against the verdict turn it.
 */
#include "daemon/agent.h"

#include "sys/clock.h"

#include <stdio.h>

/* why: NULL: it was good */
static void judge(struct gwd_instance *x, const char *why)
{
    const struct gw_cfg_health *cfg = &gwd_instance_cfg(x)->health;
    struct gwd_check *c = &x->check;
    enum gwd_verdict says = why == NULL ? GWD_GOOD : GWD_BAD;
    unsigned needed = says == GWD_BAD ? cfg->fall : c->verdict == GWD_NOT_KNOWN ? 1 : cfg->rise;
    x->agent->daemon->count.agent_checks++;
    x->agent->daemon->count.agent_check_failures += why != NULL;
    snprintf(c->why, sizeof c->why, "%s", why != NULL ? why : "");
    if (says == c->verdict) {
        c->row = 0;
        return;
    }
    if (++c->row < needed)
        return;
    c->row = 0;
    c->verdict = says;
    gwd_instance_changed(x);
}

static void over(void *user, const struct gw_fetch_result *r)
{
    struct gwd_instance *x = user;
    char text[64];
    bool http = gwd_instance_cfg(x)->health.kind == GW_HEALTH_HTTP;
    x->check.fetch = NULL;
    snprintf(text, sizeof text, "HTTP status %ld", r->status);
    /* A status is an answer, even when its body is too long to be read. */
    if (http && r->status != 0)
        judge(x, r->status >= 200 && r->status < 400 ? NULL : text);
    else
        judge(x, r->ok ? NULL : r->why);
}

static void begin_one(struct gwd_instance *x, const struct gw_cfg_instance *cfg)
{
    gw_fetch_cancel(x->check.fetch); /* the timeout is at most the interval: there is none */
    x->check.fetch = gw_fetch_start(x->agent->fetcher, &cfg->address, cfg->health.port,
                                    cfg->health.kind == GW_HEALTH_HTTP ? cfg->health.path : NULL,
                                    cfg->health.timeout, over, x);
    if (x->check.fetch == NULL)
        x->agent->daemon->count.agent_fetches_limit++; /* says nothing of the instance */
}

static void due(struct gw_timer *t, void *user)
{
    struct gwd_instance *x = t->owner;
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    struct gw_time now = gw_clock_mono();
    (void)user;
    gwd_agent_at(x->agent, t, gw_time_add(now, cfg->health.interval));
    switch (cfg->health.kind) {
    case GW_HEALTH_NONE:
        break;
    case GW_HEALTH_TCP:
    case GW_HEALTH_HTTP:
        begin_one(x, cfg);
        break;
    case GW_HEALTH_REPORT:
        judge(x,
              x->heard.ns != 0 && !gw_time_before(gw_time_add(x->heard, cfg->health.interval), now)
                  ? NULL
                  : "it does not report");
        break;
    }
}

void gwd_check_begin(struct gwd_instance *x)
{
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    struct gw_time first = gw_clock_mono();
    x->check.timer.fire = due;
    x->check.timer.owner = x;
    if (cfg->health.kind == GW_HEALTH_NONE || x->gone || (cfg->registers && !x->registered))
        return;
    if (cfg->health.kind == GW_HEALTH_REPORT) /* it has an interval's time for that */
        first = gw_time_add(first, cfg->health.interval);
    gwd_agent_at(x->agent, &x->check.timer, first);
}

void gwd_check_end(struct gwd_instance *x)
{
    gwd_agent_stop(x->agent, &x->check.timer);
    gw_fetch_cancel(x->check.fetch);
    x->check.fetch = NULL;
}

void gwd_check_heard(struct gwd_instance *x)
{
    if (gwd_instance_cfg(x)->health.kind == GW_HEALTH_REPORT && x->check.verdict == GWD_NOT_KNOWN)
        judge(x, NULL);
}
