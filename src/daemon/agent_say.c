/* agent_say.c: what an instance says of itself, however it has come: that it is there (register),
 * how it is (report), that it leaves (withdraw). A report stands for a registration too: what an
 * agent that was restarted hears first.
 */
#include "daemon/agent.h"
#include "sys/clock.h"

#include <math.h>

#define VALUE_MAX 1e15
#define SLOTS_MAX 65535

static const struct {
    const char *name;
    enum gw_metric_kind kind;
    double scale; /* from what is said to the unit of the kind */
    double most;  /* that may be said */
} members[] = {
    {"in-flight", GW_METRIC_IN_FLIGHT, 1, 1e9}, {"queue", GW_METRIC_QUEUE, 1, 1e9},
    {"sessions", GW_METRIC_SESSIONS, 1, 1e9},   {"latency-us", GW_METRIC_LATENCY, 1, 1e12},
    {"errors", GW_METRIC_ERRORS, 1e4, 1},       {"cpu", GW_METRIC_CPU, 1e3, 1},
    {"memory", GW_METRIC_MEMORY, 1e3, 1},       {"pressure", GW_METRIC_PRESSURE, 1e3, 1},
    {"energy-mw", GW_METRIC_ENERGY, 1, 1e12},   {"bandwidth-kbps", GW_METRIC_BANDWIDTH, 1, 1e12},
    {"custom", GW_METRIC_CUSTOM, 1e3, 1e9},
};

struct report {
    struct gw_metric_raw raw;
    bool draining;
    uint32_t slots;
};

static json_t *take_metric(struct report *r, const char *key, const json_t *v)
{
    double value = json_number_value(v);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strcmp(members[i].name, key) != 0)
            continue;
        if (!json_is_number(v) || !(value >= 0 && value <= members[i].most))
            return json_sprintf("report: %s is a number from 0 to %.0f", key, members[i].most);
        r->raw.value[members[i].kind] = (int64_t)(value * members[i].scale + 0.5);
        r->raw.known |= 1u << members[i].kind;
        return NULL;
    }
    return json_sprintf("report: nothing is called \"%s\"", key);
}

static json_t *take_member(struct report *r, const char *key, const json_t *v)
{
    const char *state = json_string_value(v);
    if (strcmp(key, "state") == 0) {
        if (state == NULL || (strcmp(state, "up") != 0 && strcmp(state, "draining") != 0))
            return json_string("report: state is \"up\" or \"draining\"");
        r->draining = strcmp(state, "draining") == 0;
        return NULL;
    }
    if (strcmp(key, "slots") == 0) {
        if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > SLOTS_MAX)
            return json_sprintf("report: slots is a whole number from 1 to %d", SLOTS_MAX);
        r->slots = (uint32_t)json_integer_value(v);
        return NULL;
    }
    return take_metric(r, key, v);
}

/* NULL, or what is wrong. All or nothing. */
static json_t *read_report(const json_t *body, struct report *r)
{
    const char *key;
    json_t *v, *why = NULL;
    if (!json_is_object(body))
        return json_string("report: an object of metrics");
    json_object_foreach((json_t *)body, key, v)
    {
        if ((why = take_member(r, key, v)) != NULL)
            break;
    }
    return why;
}

bool gwd_instance_admits(const struct gwd_instance *x, const char *token)
{
    const char *own = gwd_instance_cfg(x)->token;
    size_t n = strlen(own), len = strlen(token);
    unsigned other = n == 0 || n != len;
    for (size_t i = 0; i < n; i++)
        other |= (unsigned)(own[i] ^ token[len > 0 ? i % len : 0]);
    return other == 0;
}

static void report(struct gwd_instance *x, const struct report *r)
{
    x->pushed = r->raw;
    x->draining = r->draining;
    if (r->slots != 0)
        x->slots = r->slots;
}

enum gwd_said gwd_instance_say(struct gwd_instance *x, enum gwd_verb verb, const json_t *body,
                               json_t **why)
{
    struct gwd *d = x->agent->daemon;
    struct report r = {.draining = x->draining};
    struct gw_time now = gw_clock_mono();
    if (!gw_icmp_rate_take(&x->rate, GWD_AGENT_RATE, GWD_AGENT_BURST, now)) {
        d->count.agent_limited++;
        *why = json_sprintf("more than %d messages per second", GWD_AGENT_RATE);
        return GWD_SAID_TOO_OFTEN;
    }
    if (verb == GWD_REPORT && (*why = read_report(body, &r)) != NULL) {
        d->count.agent_malformed++;
        return GWD_SAID_BAD;
    }
    d->count.agent_messages++;
    if (verb == GWD_WITHDRAW) {
        gwd_instance_leave(x);
        return GWD_SAID;
    }
    gwd_instance_come(x);
    x->heard = now;
    if (verb == GWD_REPORT)
        report(x, &r);
    gwd_check_heard(x);
    gwd_instance_changed(x);
    return GWD_SAID;
}
