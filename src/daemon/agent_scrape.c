/* agent_scrape.c: metrics of an instance from its Prometheus endpoint, by the names that the
 * configuration gives them.
 *
 * Units are Prometheus's base units (seconds, ratios from 0 to 1, bytes, watts, and counts), unless
 * the series' name ends in another one. Where several series fit, counts add up and of the others
 * the mean is taken. A histogram or summary, called by its name without _sum and _count, yields the
 * mean since the reading before. What is no number, or negative, is not known.
 */
#include "daemon/agent.h"
#include "sys/clock.h"
#include "wire/prom.h"

#include <math.h>
#include <stdio.h>

#define VALUE_MAX 1e15

static const struct {
    double scale; /* from the base unit to that of the kind */
    bool adds;
} kinds[GW_METRIC_KINDS] = {
    [GW_METRIC_CPU] = {1e3, false},      [GW_METRIC_MEMORY] = {1e3, false},
    [GW_METRIC_PRESSURE] = {1e3, false}, [GW_METRIC_ENERGY] = {1e3, true},
    [GW_METRIC_DELAY] = {1e6, false},    [GW_METRIC_JITTER] = {1e6, false},
    [GW_METRIC_LOSS] = {1e4, false},     [GW_METRIC_BANDWIDTH] = {8e-3, true},
    [GW_METRIC_LATENCY] = {1e6, false},  [GW_METRIC_IN_FLIGHT] = {1, true},
    [GW_METRIC_QUEUE] = {1, true},       [GW_METRIC_SESSIONS] = {1, true},
    [GW_METRIC_ERRORS] = {1e4, false},   [GW_METRIC_CUSTOM] = {1e3, false},
};
static const struct {
    const char *suffix;
    double scale; /* to the base unit */
} units[] = {
    {"_milliseconds", 1e-3}, {"_ms", 1e-3},      {"_microseconds", 1e-6}, {"_us", 1e-6},
    {"_nanoseconds", 1e-9},  {"_percent", 1e-2}, {"_milliwatts", 1e-3},
};

static double scale_of(enum gw_metric_kind k, struct gw_prom_text name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen(units[i].suffix);
        if (name.len > len && memcmp(name.at + name.len - len, units[i].suffix, len) == 0)
            return kinds[k].scale * units[i].scale;
    }
    return kinds[k].scale;
}

/* What a reading has of one metric. */
struct found {
    struct gw_prom_series wanted;
    double total;
    double sum, count; /* of histograms */
    unsigned n;        /* of what `total` is of */
    bool asked, has_sum, has_count;
};

static void look_at(struct found *f, const struct gw_prom_series *s, double value)
{
    if (!f->asked || !isfinite(value) || value < 0)
        return;
    if (gw_prom_is(s, &f->wanted, "")) {
        f->n++;
        f->total += value;
    } else if (gw_prom_is(s, &f->wanted, "_sum")) {
        f->has_sum = true;
        f->sum += value;
    } else if (gw_prom_is(s, &f->wanted, "_count")) {
        f->has_count = true;
        f->count += value;
    }
}

/* In base units; false: not known. sum and count are moved on. */
static bool conclude(const struct found *f, bool adds, double *sum, double *count, double *out)
{
    double requests = f->count - *count, all = f->sum - *sum;
    bool mean = f->has_sum && f->has_count;
    bool before = *count > 0 || *sum > 0;
    if (mean) {
        *sum = f->sum;
        *count = f->count;
    }
    *out = adds ? f->total : f->total / (f->n > 0 ? f->n : 1);
    if (f->n > 0)
        return true;
    *out = requests > 0 ? all / requests : 0;
    /* Nothing since: an idle instance's latency is not known. Backwards: it was restarted. */
    return mean && before && requests > 0 && all >= 0;
}

int gwd_scrape_read(const struct gw_cfg_scrape *cfg, const char *text, size_t len, double *sum,
                    double *count, struct gw_metric_raw *raw, unsigned *line)
{
    struct gw_prom p = gw_prom_begin(text, len);
    struct gw_prom_series series;
    struct found found[GW_METRIC_KINDS] = {0};
    double value;
    int rc;
    for (unsigned k = 0; k < GW_METRIC_KINDS; k++)
        found[k].asked =
            cfg->name[k] != NULL &&
            gw_prom_parse_series(cfg->name[k], strlen(cfg->name[k]), &found[k].wanted) == 0;
    while ((rc = gw_prom_next(&p, &series, &value)) > 0)
        for (unsigned k = 0; k < GW_METRIC_KINDS; k++)
            look_at(&found[k], &series, value);
    *line = p.line;
    if (rc < 0)
        return rc;
    for (unsigned k = 0; k < GW_METRIC_KINDS; k++) {
        if (!found[k].asked || !conclude(&found[k], kinds[k].adds, &sum[k], &count[k], &value))
            continue;
        value *= scale_of(k, found[k].wanted.name);
        raw->value[k] = (int64_t)(value < VALUE_MAX ? value + 0.5 : VALUE_MAX);
        raw->known |= 1u << k;
    }
    return 0;
}

/* why: NULL: it went well */
static void note(struct gwd_instance *x, const char *why)
{
    struct gwd *d = x->agent->daemon;
    d->count.agent_scrapes++;
    d->count.agent_scrape_errors += why != NULL;
    if (why != NULL && x->scrape.why[0] == '\0')
        gw_log(&d->logger.log, GW_LOG_WARN, GW_CAT_NODE, "scrape-failed", "%s: %s",
               gwd_instance_cfg(x)->name, why);
    snprintf(x->scrape.why, sizeof x->scrape.why, "%s", why != NULL ? why : "");
}

static void over(void *user, const struct gw_fetch_result *r)
{
    struct gwd_instance *x = user;
    struct gwd_scrape *s = &x->scrape;
    const struct gw_cfg_scrape *cfg = &gwd_instance_cfg(x)->scrape;
    struct gw_metric_raw raw = {0};
    char text[96];
    unsigned line;
    s->fetch = NULL;
    if (!r->ok) {
        note(x, r->why);
    } else if (r->status != 200) {
        snprintf(text, sizeof text, "%s: HTTP status %ld", cfg->path, r->status);
        note(x, text);
    } else if (gwd_scrape_read(cfg, r->body, r->len, s->sum, s->count, &raw, &line) < 0) {
        snprintf(text, sizeof text, "%s: line %u is malformed", cfg->path, line);
        note(x, text);
    } else {
        s->raw = raw;
        s->at = gw_clock_mono();
        note(x, raw.known == 0 ? "none of its series is there" : NULL);
        gwd_instance_changed(x);
    }
}

static void due(struct gw_timer *t, void *user)
{
    struct gwd_instance *x = t->owner;
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    (void)user;
    gwd_agent_at(x->agent, t, gw_time_add(gw_clock_mono(), cfg->scrape.interval));
    gw_fetch_cancel(x->scrape.fetch);
    x->scrape.fetch = gw_fetch_start(x->agent->fetcher, &cfg->address, cfg->scrape.port,
                                     cfg->scrape.path, cfg->scrape.interval, over, x);
    if (x->scrape.fetch == NULL)
        x->agent->daemon->count.agent_fetches_limit++;
}

void gwd_scrape_begin(struct gwd_instance *x)
{
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    x->scrape.timer.fire = due;
    x->scrape.timer.owner = x;
    if (cfg->scrape.port != 0 && !x->gone && (!cfg->registers || x->registered))
        gwd_agent_at(x->agent, &x->scrape.timer, gw_clock_mono());
}

void gwd_scrape_end(struct gwd_instance *x)
{
    gwd_agent_stop(x->agent, &x->scrape.timer);
    gw_fetch_cancel(x->scrape.fetch);
    x->scrape.fetch = NULL;
}
