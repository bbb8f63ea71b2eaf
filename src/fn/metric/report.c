/* report.c: see report.h. */
#include "fn/metric/report.h"

static bool moved(uint32_t was, uint32_t is, uint32_t floor, uint32_t threshold)
{
    uint64_t by = was > is ? was - is : is - was;

    return by > floor && by * 1000 > (uint64_t)was * threshold;
}

static bool scores_differ(const struct gw_cats_instance *a, const struct gw_cats_instance *b)
{
    return a->score != b->score || a->computing != b->computing ||
           a->communication != b->communication || a->service != b->service;
}

/* before: the sample before v, which v's scores must agree with. */
static bool worth(const struct gw_report *r, const struct gw_cats_instance *before,
                  const struct gw_cats_instance *v)
{
    const struct gw_report_rules *k = r->rules;

    return moved(r->told.in_flight, v->in_flight, k->load_floor, k->threshold) ||
           moved(r->told.latency, v->latency, k->latency_floor, k->threshold) ||
           (scores_differ(&r->told, v) && !scores_differ(before, v)) ||
           r->told.weight != v->weight || r->told.slots != v->slots ||
           moved(r->told.errors, v->errors, 100, k->threshold);
}

static bool differs(const struct gw_report *r, const struct gw_cats_instance *v)
{
    return r->told.in_flight != v->in_flight || r->told.latency != v->latency ||
           r->told.errors != v->errors || scores_differ(&r->told, v);
}

/* The penalty as it is now. */
static void decay(struct gw_report *r, struct gw_time now)
{
    int64_t half = r->rules->half_life.ns;

    if (half <= 0)
        return;
    for (; r->penalty != 0 && now.ns - r->penalised.ns >= half; r->penalised.ns += half)
        r->penalty /= 2;
    if (r->penalty == 0)
        r->penalised = now;
}

/* It has come up again, or wants to: may that be told? */
static bool may_come_up(struct gw_report *r, struct gw_time now, struct gw_time *again)
{
    const struct gw_report_rules *k = r->rules;

    decay(r, now);
    if (k->penalty == 0)
        return true;
    if (!r->held && r->told.state == GW_CATS_GONE) {
        if (r->penalty == 0)
            r->penalised = now;
        r->penalty = r->penalty > UINT32_MAX - k->penalty ? UINT32_MAX : r->penalty + k->penalty;
        r->held = r->penalty > k->limit;
    } else if (r->held && r->penalty <= k->limit / 2) {
        r->held = false;
    }
    if (r->held)
        *again = gw_time_add(r->penalised, k->half_life);
    return !r->held;
}

static bool tell(struct gw_report *r, const struct gw_cats_instance *v, struct gw_time now)
{
    r->told = *v;
    r->at = now;
    return true;
}

static bool decide(struct gw_report *r, const struct gw_cats_instance *before,
                   const struct gw_cats_instance *v, struct gw_time now, struct gw_time *again)
{
    const struct gw_report_rules *k = r->rules;

    *again = GW_NEVER;
    if (v->state == GW_CATS_GONE) {
        r->held = false;
        return r->told.state != GW_CATS_GONE && r->told.state != 0 && tell(r, v, now);
    }
    if (r->told.state == 0)
        return tell(r, v, now);
    if (r->told.state == GW_CATS_GONE)
        return may_come_up(r, now, again) && tell(r, v, now);
    if (r->told.state != v->state)
        return tell(r, v, now);
    bool big = worth(r, before, v);
    if (!big && (k->most.ns == 0 || !differs(r, v)))
        return false;
    struct gw_time due = gw_time_add(r->at, big ? k->least : k->most);
    if (!gw_time_before(now, due))
        return tell(r, v, now);
    *again = due;
    return false;
}

bool gw_report_sample(struct gw_report *r, const struct gw_cats_instance *v, struct gw_time now,
                      struct gw_time *again)
{
    struct gw_cats_instance before = r->seen.state != 0 ? r->seen : *v;

    r->seen = *v;
    return decide(r, &before, v, now, again);
}

bool gw_report_due(struct gw_report *r, struct gw_time now, struct gw_time *again)
{
    *again = GW_NEVER;
    return r->seen.state != 0 && decide(r, &r->seen, &r->seen, now, again);
}
