/* agent.c: see agent.h. */
#include "daemon/agent.h"

#include "base/text.h"
#include "sys/clock.h"

#include <stdlib.h>

#define FETCHES_MAX 256 /* at once */
#define FIRED_MAX   256 /* timers in one turn of the loop */

struct gwd_instance *gwd_instance_named(struct gwd_agent *a, const char *name)
{
    for (size_t i = 0; a != NULL && i < a->n; i++)
        if (strcmp(gwd_instance_cfg(&a->instances[i])->name, name) == 0)
            return &a->instances[i];
    return NULL;
}

/* ---- time ---- */

static void arm(struct gwd_agent *a);

static void clock_rings(uv_timer_t *timer)
{
    struct gwd_agent *a = timer->data;
    gw_timers_run(&a->timers, gw_clock_mono(), FIRED_MAX, a);
    arm(a);
}

static void arm(struct gwd_agent *a)
{
    struct gw_time next = gw_timers_next(&a->timers);
    if (next.ns == GW_NEVER.ns) {
        uv_timer_stop(&a->clock);
        return;
    }
    int64_t ms = (next.ns - gw_clock_mono().ns + 999999) / 1000000;
    uv_timer_start(&a->clock, clock_rings, ms > 0 ? (uint64_t)ms : 0, 0);
}

void gwd_agent_at(struct gwd_agent *a, struct gw_timer *t, struct gw_time at)
{
    if (gw_timer_set(&a->timers, t, at) < 0)
        gw_log(&a->daemon->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "no-memory",
               "a timer of the metric agent");
    arm(a);
}

void gwd_agent_stop(struct gwd_agent *a, struct gw_timer *t)
{
    gw_timer_stop(&a->timers, t);
}

/* ---- what is known of an instance ---- */

/* false: nothing yet. */
static bool judge(const struct gwd_instance *x, enum gw_instance_state *out, const char **why)
{
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    *why = "";
    *out = x->draining || x->drained ? GW_INSTANCE_DRAINING : GW_INSTANCE_UP;
    if (x->gone || (cfg->registers && !x->registered)) {
        *out = GW_INSTANCE_DEAD;
        *why = x->gone ? "it has left" : "its lease has ended";
        return x->said; /* before it has come nobody needs to hear that it is not there */
    }
    if (cfg->health.kind != GW_HEALTH_NONE && x->check.verdict == GWD_NOT_KNOWN)
        return false;
    if (cfg->health.kind != GW_HEALTH_NONE && x->check.verdict == GWD_BAD) {
        *out = GW_INSTANCE_DEAD;
        *why = x->check.why;
    }
    return true;
}

static void add_raw(struct gw_metric_raw *to, const struct gw_metric_raw *from)
{
    for (unsigned k = 0; k < GW_METRIC_KINDS; k++)
        if ((from->known & 1u << k) != 0)
            to->value[k] = from->value[k];
    to->known |= from->known;
}

static bool is_fresh(struct gw_time at, struct gw_time span, struct gw_time now)
{
    return at.ns != 0 && !gw_time_before(gw_time_add(at, span), now);
}

/* The nearer source wins: what it says itself, what was read from it, what its host has. */
static struct gw_metric_raw gather(const struct gwd_instance *x, struct gw_time now)
{
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    struct gw_metric_raw raw = {0};
    if (x->agent->daemon->conf->steering.host_metrics)
        add_raw(&raw, &x->agent->host_raw);
    if (is_fresh(x->scrape.at, (struct gw_time){3 * cfg->scrape.interval.ns}, now))
        add_raw(&raw, &x->scrape.raw);
    if (is_fresh(x->heard, cfg->lease, now))
        add_raw(&raw, &x->pushed);
    return raw;
}

static void log_turn(const struct gwd_instance *x, enum gw_instance_state state, const char *why)
{
    static const struct {
        enum gw_log_level level;
        const char *id;
    } turns[] = {[GW_INSTANCE_UP] = {GW_LOG_NOTICE, "instance-up"},
                 [GW_INSTANCE_DRAINING] = {GW_LOG_NOTICE, "instance-draining"},
                 [GW_INSTANCE_DEAD] = {GW_LOG_WARN, "instance-dead"}};
    gw_log(&x->agent->daemon->logger.log, turns[state].level, GW_CAT_NODE, turns[state].id,
           "%s%s%s", gwd_instance_cfg(x)->name, *why != '\0' ? ": " : "", why);
}

void gwd_instance_changed(struct gwd_instance *x)
{
    struct gwd *d = x->agent->daemon;
    struct gw_now now = gw_clock_now();
    struct gw_input in = {.kind = GW_IN_REPORT,
                          .sample = {.instance = x->index, .csci_id = x->csci_id}};
    const char *why;
    if (!judge(x, &in.sample.state, &why))
        return;
    if (!x->said || x->state != in.sample.state)
        log_turn(x, in.sample.state, why);
    x->said = true;
    x->state = in.sample.state;
    in.sample.slots = x->slots;
    in.sample.raw = gather(x, now.mono);
    d->count.agent_samples++;
    gwd_input(d, &in, now);
}

static void look(struct gw_timer *t, void *user)
{
    struct gwd_agent *a = user;
    const struct gw_cfg_steering *cfg = &a->daemon->conf->steering;
    struct gw_time now = gw_clock_mono();
    (void)t;
    a->host_raw = (struct gw_metric_raw){0};
    if (cfg->host_metrics)
        gw_host_sample(&a->host, now, &a->host_raw);
    for (size_t i = 0; i < a->n; i++)
        gwd_instance_changed(&a->instances[i]);
    gwd_agent_at(a, &a->sample, gw_time_add(now, cfg->sample));
}

/* What is not there is not looked at, and when it comes again it is looked at anew. */
static void stop(struct gwd_instance *x)
{
    x->registered = false;
    x->draining = false;
    gwd_check_end(x);
    gwd_scrape_end(x);
    gwd_agent_stop(x->agent, &x->lease);
    x->check.verdict = GWD_NOT_KNOWN;
    x->check.row = 0;
}

static void lease_ends(struct gw_timer *t, void *user)
{
    struct gwd_instance *x = t->owner;
    (void)user;
    x->agent->daemon->count.agent_leases_ended++;
    stop(x);
    gwd_instance_changed(x);
}

void gwd_instance_come(struct gwd_instance *x)
{
    const struct gw_cfg_instance *cfg = gwd_instance_cfg(x);
    bool comes = x->gone || (cfg->registers && !x->registered);
    x->gone = false;
    x->registered = true;
    if (cfg->registers)
        gwd_agent_at(x->agent, &x->lease, gw_time_add(gw_clock_mono(), cfg->lease));
    if (!comes)
        return;
    gwd_check_begin(x);
    gwd_scrape_begin(x);
}

void gwd_instance_leave(struct gwd_instance *x)
{
    x->gone = true;
    stop(x);
    gwd_instance_changed(x);
}

/* ---- coming and going ---- */

static void begin(struct gwd_instance *x, struct gwd_agent *a, size_t index)
{
    *x = (struct gwd_instance){
        .agent = a, .index = index, .csci_id = a->daemon->conf->instances[index].csci_id};
    x->lease.fire = lease_ends;
    x->lease.owner = x;
}

static void end(struct gwd_instance *x)
{
    gwd_check_end(x);
    gwd_scrape_end(x);
    gwd_agent_stop(x->agent, &x->lease);
}

/* What stays true of it under another configuration. */
static void inherit(struct gwd_instance *x, const struct gwd_instance *old, struct gw_time lease)
{
    x->registered = old->registered && gwd_instance_cfg(x)->registers;
    x->gone = old->gone;
    x->draining = old->draining;
    x->drained = old->drained;
    x->heard = old->heard;
    x->pushed = old->pushed;
    x->slots = old->slots;
    x->rate = old->rate;
    x->said = old->said;
    x->state = old->state;
    x->check.verdict = old->check.verdict;
    x->scrape.raw = old->scrape.raw;
    x->scrape.at = old->scrape.at;
    if (x->registered)
        gwd_agent_at(x->agent, &x->lease, lease);
}

static const struct gwd_instance *find(const struct gwd_instance *list, size_t n,
                                       const struct gw_addr *csci_id)
{
    for (size_t i = 0; i < n; i++)
        if (gw_addr_eq(&list[i].csci_id, csci_id))
            return &list[i];
    return NULL;
}

/* The instances of the daemon's configuration; those of before keep what is known of them. */
static int load(struct gwd_agent *a)
{
    const struct gw_config *c = a->daemon->conf;
    struct gwd_instance *old = a->instances, *list = calloc(c->ninstances + 1, sizeof *list);
    size_t nold = a->n;
    if (list == NULL)
        return GW_ENOMEM;
    a->instances = list;
    a->n = c->ninstances;
    a->generation++;
    for (size_t i = 0; i < a->n; i++) {
        const struct gwd_instance *was = find(old, nold, &c->instances[i].csci_id);
        begin(&list[i], a, i);
        if (was != NULL)
            inherit(&list[i], was, gw_timer_at(&a->timers, &was->lease));
    }
    for (size_t i = 0; i < nold; i++)
        end(&old[i]);
    free(old);
    for (size_t i = 0; i < a->n; i++) {
        gwd_check_begin(&list[i]);
        gwd_scrape_begin(&list[i]);
    }
    gwd_agent_at(a, &a->sample, gw_clock_mono());
    return 0;
}

int gwd_agent_open(struct gwd *d)
{
    if ((d->conf->roles & GW_ROLES_CATS) == 0)
        return 0;
    struct gwd_agent *a = d->agent = calloc(1, sizeof *a);
    if (a == NULL)
        return GW_ENOMEM;
    a->daemon = d;
    gw_timers_init(&a->timers, &gw_alloc_libc);
    uv_timer_init(&d->loop, &a->clock);
    a->clock.data = a;
    a->sample.fire = look;
    gw_host_open(&a->host, "/proc", "/sys/fs/cgroup");
    a->fetcher = gw_fetcher_new(&d->loop, FETCHES_MAX);
    int err = a->fetcher != NULL ? load(a) : GW_ENOMEM;
    if (err == 0)
        err = gwd_agent_socket_open(a);
    if (err == 0)
        err = gwd_agent_http_open(a);
    return err;
}

void gwd_agent_close(struct gwd *d)
{
    struct gwd_agent *a = d->agent;
    if (a == NULL)
        return;
    gwd_move_close(a);
    gwd_control_close(&a->socket);
    gwd_agent_http_close(a);
    for (size_t i = 0; i < a->n; i++)
        end(&a->instances[i]);
    gwd_agent_stop(a, &a->sample);
    gw_fetcher_close(a->fetcher);
    uv_timer_stop(&a->clock);
}

void gwd_agent_free(struct gwd *d)
{
    struct gwd_agent *a = d->agent;
    if (a == NULL)
        return;
    gwd_agent_http_free(a);
    gw_fetcher_free(a->fetcher);
    gw_timers_free(&a->timers);
    free(a->instances);
    free(a);
    d->agent = NULL;
}

void gwd_agent_reload(struct gwd *d)
{
    struct gwd_agent *a = d->agent;
    if (a != NULL && load(a) < 0) {
        a->n = 0; /* their configuration is gone */
        gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "no-memory",
               "the metric agent has no instances now");
    }
}

static bool same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

bool gwd_agent_same(const struct gw_config *a, const struct gw_config *b)
{
    return same_text(a->steering.agent_socket, b->steering.agent_socket) &&
           a->steering.http.port == b->steering.http.port &&
           gw_addr_eq(&a->steering.http.addr, &b->steering.http.addr);
}

/* ---- for people ---- */

static const char *health_text(const struct gwd_instance *x)
{
    if (gwd_instance_cfg(x)->health.kind == GW_HEALTH_NONE)
        return "not checked";
    return x->check.verdict == GWD_GOOD  ? "good"
           : x->check.verdict == GWD_BAD ? "bad"
                                         : "not known";
}

void gwd_agent_describe(const struct gwd *d, const struct gw_addr *csci_id, json_t *row)
{
    const struct gwd_agent *a = d->agent;
    const struct gwd_instance *x = a != NULL ? find(a->instances, a->n, csci_id) : NULL;
    if (x == NULL)
        return;
    json_object_set_new(row, "name", json_string(gwd_instance_cfg(x)->name));
    json_object_set_new(row, "health", json_string(health_text(x)));
    json_object_set_new(row, "problem",
                        json_string(x->check.why[0] != '\0' ? x->check.why : x->scrape.why));
    json_object_set_new(row, "drained", json_boolean(x->drained));
    struct gw_time ends = gw_timer_at(&a->timers, &x->lease);
    if (x->registered && ends.ns != GW_NEVER.ns)
        json_object_set_new(row, "lease_ms",
                            json_integer((ends.ns - gw_clock_mono().ns) / 1000000));
}

json_t *gwd_agent_drain(struct gwd *d, const char *cmd, const char *name)
{
    struct gwd_instance *x = gwd_instance_named(d->agent, name);
    if (x == NULL)
        return gwd_answer_error("%s: this node speaks for no instance called \"%s\"", cmd, name);
    x->drained = strcmp(cmd, "drain") == 0;
    gwd_instance_changed(x);
    return gwd_answer_ok(NULL);
}
