/* steer.c: see steer.h. */
#include "plane/steer.h"

#include <stdlib.h>
#include <string.h>

#include "plane/select.h"

#define STEER_RUSH 4

/* -- the rule over arrays -----------------------------------------------------------------------
 */

GW_INLINE struct gw_t_candidate *gw_tbl_candidate(void *t, const struct gw_t_service *s, __u32 i)
{
    (void)s;
    return &((const struct gw_steer_tables *)t)->candidate[i];
}

GW_INLINE struct gw_t_candidate_use *gw_tbl_candidate_use(void *t, const struct gw_t_service *s,
                                                          __u32 i)
{
    (void)s;
    return &((const struct gw_steer_tables *)t)->use[i];
}

GW_INLINE const __u8 *gw_tbl_ring(void *t, const struct gw_t_service *s, __u32 slot)
{
    const uint8_t *ring = ((const struct gw_steer_tables *)t)->ring;

    (void)s;
    return ring == NULL ? NULL : &ring[slot];
}

bool gw_steer_choose(const struct gw_steer_tables *t, const struct gw_steer_in *in,
                     struct gw_t_answer *a)
{
    struct gw_steer_tables own = *t;

    return gw_select(&own, t->service, t->service_use, in, a) != 0;
}

uint32_t gw_steer_look_at(const struct gw_steer_tables *t, uint32_t i, uint64_t now_ns,
                          struct gw_t_score *out)
{
    *out = (struct gw_t_score){.index = i};
    gw_steer_estimate(t->service, &t->candidate[i], &t->use[i], now_ns, out);
    return gw_steer_age_ms(&t->candidate[i], now_ns);
}

void gw_steer_begin_flow(struct gw_t_candidate_use *u)
{
    gw_steer_begin(u);
}

void gw_steer_end_flow(struct gw_t_candidate_use *u)
{
    gw_steer_end(u);
}

/* -- what reports have in common ----------------------------------------------------------------
 */

static bool says(const struct gw_t_service *s, const struct gw_t_candidate *c, uint64_t now_ns)
{
    return gw_steer_usable(s, c) && gw_steer_age_ms(c, now_ns) <= s->max_age_ms;
}

/* How many flows looking at `width` candidates each make of the best one, while no report comes,
 * `width` times as many as its share. So that it is not overrun, its share of an interval, times
 * width, is kept to STEER_RUSH flows. Flows per instance and interval: by Little's law. */
static uint32_t width_for(const struct gw_steer_rule *rule, uint64_t load, uint64_t n,
                          uint32_t typical_us)
{
    uint64_t flows16 = load / n * rule->interval_ms * 1000 / (typical_us == 0 ? 1 : typical_us);
    uint64_t width = STEER_RUSH * GW_STEER_FLOW / (flows16 == 0 ? 1 : flows16);

    if (width > rule->width)
        return rule->width;
    return width < 2 ? 2 : (uint32_t)width;
}

static void refresh_averages(const struct gw_steer_tables *t, uint64_t now_ns,
                             const struct gw_steer_rule *rule)
{
    struct gw_t_service *s = t->service;
    uint64_t others = 0, slots = 0, service = 0, load = 0, n = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        const struct gw_t_candidate *c = &t->candidate[i];
        uint64_t own = (uint64_t)c->own_then * GW_STEER_FLOW;
        if (!says(s, c, now_ns))
            continue;
        others += c->load > own ? c->load - own : 0;
        load += c->load;
        slots += gw_steer_slots(c);
        service += c->service_us;
        n++;
    }
    if (n == 0)
        return; /* what was true last is the best guess */
    s->others = gw_steer_min(others * (GW_STEER_FULL / GW_STEER_FLOW) / slots, UINT32_MAX);
    s->typical_us = (uint32_t)(service / n);
    s->width = width_for(rule, load, n, s->typical_us);
    s->settle_ms = rule->settle_ms != 0 ? rule->settle_ms : s->typical_us / 2000;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void gw_steer_refresh(const struct gw_steer_tables *t, uint64_t now_ns,
                      const struct gw_steer_rule *rule)
{
    struct gw_t_service *s = t->service;
    uint32_t fill[GW_STEER_CANDIDATES], n = 0;

    refresh_averages(t, now_ns, rule);
    for (uint32_t i = 0; i < s->count && n < GW_STEER_CANDIDATES; i++) {
        struct gw_t_score score;
        if (!says(s, &t->candidate[i], now_ns))
            continue;
        gw_steer_estimate(s, &t->candidate[i], &t->use[i], now_ns, &score);
        fill[n++] = score.fill;
    }
    if (n == 0)
        return;
    qsort(fill, n, sizeof *fill, by_value);
    uint32_t at = n * (rule->quantile < 1000 ? rule->quantile : 1000) / 1000;
    s->hot = fill[at < n ? at : n - 1];
}

void gw_steer_weigh(const struct gw_steer_tables *t)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < t->service->count; i++) {
        t->candidate[i].before = sum;
        sum += t->candidate[i].weight;
    }
    t->service->weights = sum;
}

/* -- Maglev -------------------------------------------------------------------------------------
 */

struct walk { /* of one candidate through the ring, in its own order */
    uint32_t at, step;
};

static struct walk walk_of(const struct gw_t_candidate *c)
{
    uint32_t h = 0;

    for (int i = 0; i < 4; i++)
        h = gw_steer_mix(h, c->csci_id.w[i]);
    return (struct walk){.at = h % GW_STEER_RING,
                         .step = 1 + gw_steer_mix(h, 0x6d61676c) % (GW_STEER_RING - 1)};
}

static void take_slot(uint8_t *ring, bool *taken, struct walk *w, uint32_t who)
{
    while (taken[w->at])
        w->at = (w->at + w->step) % GW_STEER_RING;
    taken[w->at] = true;
    ring[w->at] = (uint8_t)who;
}

void gw_steer_fill_ring(const struct gw_steer_tables *t)
{
    bool taken[GW_STEER_RING] = {false};
    uint8_t ring[GW_STEER_RING] = {0}; /* the other one is in use */
    struct walk walk[GW_STEER_CANDIDATES];
    uint32_t who[GW_STEER_CANDIDATES], n = 0;

    for (uint32_t i = 0; i < t->service->count && n < GW_STEER_CANDIDATES; i++) {
        if (t->candidate[i].state != GW_STEER_UP)
            continue;
        walk[n] = walk_of(&t->candidate[i]);
        who[n++] = i;
    }
    for (uint32_t k = 0; n > 0 && k < GW_STEER_RING; k++)
        take_slot(ring, taken, &walk[k % n], who[k % n]);
    memcpy(t->ring, ring, sizeof ring);
}

/* -- names --------------------------------------------------------------------------------------
 */

#define NAME(id, name) [id] = (name),
static const char *const policies[] = {GW_STEER_POLICIES(NAME)};
static const char *const reasons[] = {GW_STEER_REASONS(NAME)};
#undef NAME

const char *gw_steer_policy_name(uint32_t policy)
{
    return policy < GW_STEER_POLICY_COUNT ? policies[policy] : "?";
}

const char *gw_steer_reason_name(uint32_t reason)
{
    return reason < GW_STEER_REASON_COUNT ? reasons[reason] : "?";
}

bool gw_steer_policy_read(const char *name, uint32_t *policy)
{
    for (uint32_t i = 0; i < GW_STEER_POLICY_COUNT; i++) {
        if (strcmp(name, policies[i]) != 0)
            continue;
        *policy = i;
        return true;
    }
    return false;
}
