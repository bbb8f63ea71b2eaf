/* select.h: the path selector's rule (C-PS): which instance a new flow goes to. Written once;
 * included by BPF programs, by the native build and by the simulator, in the way of path.h: before
 * including it a driver defines the lookups declared below. Integers only, bounded loops; time,
 * random number and hash of the flow are arguments.
 *
 * The default policy is Prequal's rule (Wydrowski et al., NSDI 2024): sample a few candidates at
 * random; of those that are not hot the one predicted to answer soonest, and when all are hot the
 * least filled. What an ingress knows is added to what reports say, in gw_steer_estimate:
 *   - a reported load is the flows of all ingresses; this one's own among them are known to the
 *     flow at any time, so they are counted as they are now;
 *   - the rest is as old as the report, and tends to the average of all instances as it ages;
 *   - where the load is near what an instance serves at once, nobody knows whether a flow will
 * wait: the prediction rises before that point already. So a choice turns from the reports to its
 * own counts as reports get older, and several ingresses with the same stale report do not all run
 * after the same instance.
 *
 * Instances that are not up, or fail more flows than the service allows, are not chosen by any
 * policy; an instance that fails fast looks idle, so the failures must be told by whoever sees them
 * (instance, health check). What each policy reads is said at gw_steer_cost.
 */
#ifndef GW_PLANE_SELECT_H
#define GW_PLANE_SELECT_H

#include "plane/steer_tables.h"

#ifndef GW_INLINE
#ifdef __bpf__
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#define GW_INLINE static __always_inline
#else
#define GW_INLINE static inline
#endif
#endif

/* i < s->count; NULL where the driver has none. slot < GW_STEER_RING. */
GW_INLINE struct gw_t_candidate *gw_tbl_candidate(void *t, const struct gw_t_service *s, __u32 i);
GW_INLINE struct gw_t_candidate_use *gw_tbl_candidate_use(void *t, const struct gw_t_service *s,
                                                          __u32 i);
GW_INLINE const __u8 *gw_tbl_ring(void *t, const struct gw_t_service *s, __u32 slot);

/* -- small parts --------------------------------------------------------------------------------
 */

GW_INLINE __u32 gw_steer_mix(__u32 h, __u32 w)
{
    h = (h ^ w) * 0x9e3779b1u;
    h = (h ^ (h >> 15)) * 0x85ebca77u;
    return h ^ (h >> 13);
}

/* A random number below n. */
GW_INLINE __u32 gw_steer_below(__u32 random, __u32 n)
{
    return (__u32)((__u64)random * n >> 32);
}

GW_INLINE __u32 gw_steer_min(__u64 a, __u32 most)
{
    return a > most ? most : (__u32)a;
}

GW_INLINE __u32 gw_steer_slots(const struct gw_t_candidate *c)
{
    if (c->slots == 0)
        return 1;
    return c->slots > GW_STEER_SLOTS_MAX ? GW_STEER_SLOTS_MAX : c->slots;
}

/* Load to fill. */
GW_INLINE __u32 gw_steer_fill(const struct gw_t_candidate *c, __u32 load)
{
    return gw_steer_min((__u64)load * (GW_STEER_FULL / GW_STEER_FLOW) / gw_steer_slots(c), ~0u);
}

GW_INLINE int gw_steer_usable(const struct gw_t_service *s, const struct gw_t_candidate *c)
{
    return c->state == GW_STEER_UP && c->errors <= s->error_limit;
}

GW_INLINE __u32 gw_steer_age_ms(const struct gw_t_candidate *c, __u64 now_ns)
{
    if (c->reported_ns == 0)
        return ~0u;
    if (now_ns <= c->reported_ns)
        return 0;
    return gw_steer_min((now_ns - c->reported_ns) / 1000000u, ~0u);
}

/* -- prediction ---------------------------------------------------------------------------------
 */

/* How much of one service time a flow waits at an instance of that fill (the flow counted in), as
 * fill: what is beyond full, and from `blur` before full to `blur` behind it a parabola between
 * nothing and that. */
GW_INLINE __u32 gw_steer_wait(__u32 fill, __u32 blur)
{
    if (blur > GW_STEER_FULL)
        blur = GW_STEER_FULL;
    if (fill >= GW_STEER_FULL + blur)
        return fill - GW_STEER_FULL;
    if (fill <= GW_STEER_FULL - blur)
        return 0;
    __u32 x = fill + blur - GW_STEER_FULL; /* below 2 blur */
    return x * x / (4 * blur);
}

GW_INLINE __u32 gw_steer_completion(const struct gw_t_candidate *c, __u32 service_us, __u32 wait)
{
    return gw_steer_min(
        c->path_us + (__u64)service_us * (GW_STEER_FULL + (__u64)wait) / GW_STEER_FULL, ~0u);
}

/* The service latency over a flow's time: so much of what sets an instance apart now will last. */
GW_INLINE __u32 gw_steer_lasting(const struct gw_t_service *s, __u32 service_us)
{
    __u64 lasts = s->lasting < GW_STEER_FULL ? s->lasting : GW_STEER_FULL;

    return (__u32)((service_us * lasts + s->typical_us * (GW_STEER_FULL - lasts)) / GW_STEER_FULL);
}

/* Tends from what was reported to the average as the report ages: half way after `settle_ms`. */
GW_INLINE __u32 gw_steer_settled(const struct gw_t_service *s, __u32 reported, __u32 average,
                                 __u32 age_ms)
{
    __u64 past = (__u64)s->settle_ms + age_ms;

    if (past == 0)
        return reported;
    if (reported > average)
        return average + (__u32)((__u64)(reported - average) * s->settle_ms / past);
    return average - (__u32)((__u64)(average - reported) * s->settle_ms / past);
}

/* What the candidate looks like now, to this ingress. A report that is too old says nothing, and an
 * instance that is silent while others report is taken only when no other is cold. */
GW_INLINE void gw_steer_estimate(const struct gw_t_service *s, const struct gw_t_candidate *c,
                                 const struct gw_t_candidate_use *u, __u64 now_ns,
                                 struct gw_t_score *out)
{
    __u32 age = gw_steer_age_ms(c, now_ns), silent = age > s->max_age_ms;
    __u32 then = c->own_then * GW_STEER_FLOW;
    __u32 others = c->load > then ? c->load - then : 0;
    __u32 average =
        gw_steer_min((__u64)s->others * gw_steer_slots(c) / (GW_STEER_FULL / GW_STEER_FLOW), ~0u);

    others = silent ? average : gw_steer_settled(s, others, average, age);
    __u32 load = gw_steer_min((__u64)others + (__u64)u->own * GW_STEER_FLOW, ~0u - GW_STEER_FLOW);
    __u32 wait = gw_steer_wait(gw_steer_fill(c, load + GW_STEER_FLOW), s->blur);
    __u32 service = silent ? s->typical_us : gw_steer_lasting(s, c->service_us);
    out->fill = gw_steer_fill(c, load);
    out->hot = out->fill > s->hot || silent;
    out->completion_us = gw_steer_completion(c, service, wait);
}

/* -- policies that look at all candidates --------------------------------------------------------
 */

/* The lower the better. nearest: path; least-loaded: reported fill; argmin: completion as the
 * report alone has it; least-connections: own flows in flight; last resort: failures. */
GW_INLINE __u32 gw_steer_cost(__u32 policy, const struct gw_t_candidate *c,
                              const struct gw_t_candidate_use *u)
{
    switch ((enum gw_steer_policy)policy) {
    case GW_STEER_NEAREST:
        return c->path_us;
    case GW_STEER_LEAST_LOADED:
        return gw_steer_fill(c, c->load);
    case GW_STEER_ARGMIN:
        return gw_steer_completion(c, c->service_us,
                                   gw_steer_wait(gw_steer_fill(c, c->load + GW_STEER_FLOW), 0));
    case GW_STEER_LEAST_CONN:
        return u->own;
    case GW_STEER_PREQUAL:
    case GW_STEER_RANDOM:
    case GW_STEER_ROUND_ROBIN:
    case GW_STEER_WEIGHTED:
    case GW_STEER_TWO_CHOICES:
    case GW_STEER_HASH:
    case GW_STEER_POLICY_COUNT:
        break;
    }
    return c->errors;
}

/* A walk over candidates: all of them from one on, or a sample. The verifier would follow each turn
 * of a plain loop with each outcome of the turns before; the helper's callback it looks at once. */
struct gw_steer_walk {
    void *t;
    const struct gw_t_service *s;
    __u32 policy, from, failing_too;
    __u32 found, index, turns;    /* turns: before the one drawn */
    __u32 best;                   /* cost of that found, or, sampling, where its score is */
    struct gw_t_service_use *su;  /* taking turns */
    const struct gw_steer_in *in; /* sampling */
    struct gw_t_answer *a;
    __u32 width;
};

GW_INLINE __u32 gw_steer_turn(const struct gw_steer_walk *w, __u32 k)
{
    return w->from + k < w->s->count ? w->from + k : w->from + k - w->s->count;
}

/* 1: no further. */
static long gw_steer_least(__u32 k, void *walk)
{
    struct gw_steer_walk *w = walk;
    __u32 i = gw_steer_turn(w, k);
    const struct gw_t_candidate *c = gw_tbl_candidate(w->t, w->s, i);
    const struct gw_t_candidate_use *u = gw_tbl_candidate_use(w->t, w->s, i);

    if (!c || !u || c->state != GW_STEER_UP || (!w->failing_too && !gw_steer_usable(w->s, c)))
        return 0;
    __u32 cost = gw_steer_cost(w->policy, c, u);
    if (w->found && cost >= w->best)
        return 0;
    w->found = 1;
    w->best = cost;
    w->index = i;
    return 0;
}

static long gw_steer_next(__u32 k, void *walk)
{
    struct gw_steer_walk *w = walk;
    __u32 i = gw_steer_turn(w, k);
    const struct gw_t_candidate *c = gw_tbl_candidate(w->t, w->s, i);

    if (!c || !gw_steer_usable(w->s, c))
        return 0;
    w->found = 1;
    w->index = i;
    return 1;
}

GW_INLINE void gw_steer_walk(struct gw_steer_walk *w, __u32 n, long (*step)(__u32, void *))
{
#ifdef __bpf__
    bpf_loop(n, step, w, 0);
#else
    for (__u32 k = 0; k < n && step(k, w) == 0;)
        k++;
#endif
}

/* The usable one of the lowest cost, the first of equals from `from` on. */
GW_INLINE int gw_steer_scan(struct gw_steer_walk *w, __u32 policy, __u32 from, __u32 failing_too,
                            struct gw_t_answer *a)
{
    w->policy = policy;
    w->from = from;
    w->failing_too = failing_too;
    w->found = 0;
    gw_steer_walk(w, w->s->count, gw_steer_least);
    a->index = w->index;
    return w->found != 0;
}

/* The first usable one from `from` on; in place of a choice that could not be had. */
GW_INLINE int gw_steer_first(struct gw_steer_walk *w, __u32 from, struct gw_t_answer *a)
{
    w->from = from;
    w->found = 0;
    gw_steer_walk(w, w->s->count, gw_steer_next);
    a->index = w->index;
    a->reason = GW_STEER_NEXT;
    return w->found != 0;
}

/* -- policies that look at some ------------------------------------------------------------------
 */

/* The k-th of n sampled candidates, all different: one from each n-th part of the list, whose
 * beginning is random. */
GW_INLINE __u32 gw_steer_sample(const struct gw_t_service *s, const struct gw_steer_in *in, __u32 k,
                                __u32 n)
{
    __u32 low = k * s->count / n, high = (k + 1) * s->count / n;
    __u32 i = low + gw_steer_below(gw_steer_mix((__u32)in->random, k), high - low);

    i += gw_steer_below((__u32)(in->random >> 32), s->count);
    return i < s->count ? i : i - s->count;
}

GW_INLINE int gw_steer_better(const struct gw_t_score *a, const struct gw_t_score *b)
{
    if (a->hot != b->hot)
        return !a->hot;
    return a->hot ? a->fill < b->fill : a->completion_us < b->completion_us;
}

static long gw_steer_look(__u32 k, void *walk)
{
    struct gw_steer_walk *w = walk;
    __u32 i = gw_steer_sample(w->s, w->in, k, w->width);
    const struct gw_t_candidate *c = gw_tbl_candidate(w->t, w->s, i);
    const struct gw_t_candidate_use *u = gw_tbl_candidate_use(w->t, w->s, i);
    struct gw_t_score now = {.index = i};

    if (!c || !u || !gw_steer_usable(w->s, c))
        return 0;
    gw_steer_estimate(w->s, c, u, w->in->now_ns, &now);
    __u32 at = w->a->sampled;
    if (at >= GW_STEER_WIDTH)
        return 1;
    w->a->score[at] = now;
    w->a->sampled = at + 1;
    if (w->found && !gw_steer_better(&now, &w->a->score[w->best & (GW_STEER_WIDTH - 1)]))
        return 0;
    w->found = 1;
    w->best = at;
    return 0;
}

GW_INLINE int gw_steer_prequal(struct gw_steer_walk *w, const struct gw_steer_in *in,
                               struct gw_t_answer *a)
{
    __u32 width = w->s->width < GW_STEER_WIDTH ? w->s->width : GW_STEER_WIDTH;

    w->in = in;
    w->a = a;
    w->width = width < w->s->count ? width : w->s->count;
    if (w->width == 0)
        w->width = 1;
    gw_steer_walk(w, w->width, gw_steer_look);
    const struct gw_t_score *best = &a->score[w->best & (GW_STEER_WIDTH - 1)];
    a->index = best->index;
    a->reason = best->hot ? GW_STEER_ALL_HOT : GW_STEER_SOONEST;
    return w->found != 0;
}

/* Mitzenmacher's two choices, on the reported load. */
GW_INLINE int gw_steer_two(void *t, const struct gw_t_service *s, const struct gw_steer_in *in,
                           struct gw_t_answer *a)
{
    __u32 best = ~0u;
    int found = 0;

    for (__u32 k = 0; k < 2 && k < s->count; k++) {
        __u32 i = gw_steer_sample(s, in, k, s->count < 2 ? 1 : 2);
        const struct gw_t_candidate *c = gw_tbl_candidate(t, s, i);
        if (!c || !gw_steer_usable(s, c))
            continue;
        __u32 fill = gw_steer_fill(c, c->load);
        if (found && fill >= best)
            continue;
        found = 1;
        best = fill;
        a->index = i;
    }
    a->reason = GW_STEER_BY_POLICY;
    return found;
}

/* -- policies that look at none ------------------------------------------------------------------
 */

/* Takes turns in proportion to the weights, spread as evenly as round robin: the multiples of the
 * golden ratio find their place among the weights by bisection. */
GW_INLINE __u32 gw_steer_weighted(void *t, const struct gw_t_service *s, __u64 turn)
{
    __u32 at = gw_steer_below((__u32)turn * 0x9e3779b1u, s->weights);
    __u32 low = 0, high = s->count;

    for (int step = 0; step < 9 && high - low > 1; step++) {
        __u32 mid = (low + high) / 2;
        const struct gw_t_candidate *c = gw_tbl_candidate(t, s, mid);
        if (c && c->before <= at)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Draws once more while the drawn one is not usable, GW_STEER_TRIES times: were its place taken by
 * its neighbour in the list, that one would have twice its share. */
static long gw_steer_try(__u32 k, void *walk)
{
    struct gw_steer_walk *w = walk;
    __u32 i = gw_steer_below(w->from, w->s->count);

    if (w->policy == GW_STEER_ROUND_ROBIN) {
        i = (__u32)(__sync_fetch_and_add(&w->su->turn, 1) % w->s->count);
    } else if (w->policy == GW_STEER_WEIGHTED && w->s->weights > 0) {
        i = gw_steer_weighted(w->t, w->s, __sync_fetch_and_add(&w->su->turn, 1));
    } else if (w->policy == GW_STEER_HASH) { /* Maglev */
        const __u8 *slot = gw_tbl_ring(w->t, w->s, w->from % GW_STEER_RING);
        i = slot && *slot < w->s->count ? *slot : 0;
    }
    w->from = gw_steer_mix(w->from, k);
    w->index = i;
    w->turns = k;
    const struct gw_t_candidate *c = gw_tbl_candidate(w->t, w->s, i);
    w->found = c && gw_steer_usable(w->s, c);
    return w->found != 0;
}

GW_INLINE int gw_steer_draw(struct gw_steer_walk *w, const struct gw_steer_in *in,
                            struct gw_t_answer *a)
{
    w->policy = w->s->policy;
    w->from = w->policy == GW_STEER_HASH ? in->flow : (__u32)(in->random >> 32);
    gw_steer_walk(w, GW_STEER_TRIES, gw_steer_try);
    a->index = w->index;
    a->reason = w->turns == 0 ? GW_STEER_BY_POLICY : GW_STEER_NEXT;
    return w->found || gw_steer_first(w, w->index, a);
}

/* -- the choice ---------------------------------------------------------------------------------
 */

GW_INLINE int gw_steer_by_policy(struct gw_steer_walk *w, const struct gw_steer_in *in,
                                 struct gw_t_answer *a)
{
    const struct gw_t_service *s = w->s;
    __u32 from = gw_steer_below((__u32)(in->random >> 32), s->count);

    switch ((enum gw_steer_policy)s->policy) {
    case GW_STEER_PREQUAL:
        return gw_steer_prequal(w, in, a) || gw_steer_first(w, from, a);
    case GW_STEER_TWO_CHOICES:
        return gw_steer_two(w->t, s, in, a) || gw_steer_first(w, from, a);
    case GW_STEER_NEAREST:
    case GW_STEER_LEAST_LOADED:
    case GW_STEER_LEAST_CONN:
    case GW_STEER_ARGMIN:
        a->reason = GW_STEER_BY_POLICY;
        return gw_steer_scan(w, s->policy, from, 0, a);
    case GW_STEER_ROUND_ROBIN:
    case GW_STEER_WEIGHTED:
    case GW_STEER_HASH:
    case GW_STEER_RANDOM:
    case GW_STEER_POLICY_COUNT:
        break;
    }
    return gw_steer_draw(w, in, a);
}

/* Fills in the answer; 0 when no instance is up. The caller takes the chosen one (gw_steer_begin)
 * when the flow is really sent there. */
GW_INLINE int gw_select(void *t, const struct gw_t_service *s, struct gw_t_service_use *su,
                        const struct gw_steer_in *in, struct gw_t_answer *a)
{
    struct gw_steer_walk w = {.t = t, .s = s, .su = su};

    a->index = 0;
    a->reason = GW_STEER_NOBODY;
    a->sampled = 0;
    if (s->count == 0 || s->count > GW_STEER_CANDIDATES)
        return 0;
    if (gw_steer_by_policy(&w, in, a))
        return 1;
    a->reason = GW_STEER_LAST_RESORT;
    if (gw_steer_scan(&w, GW_STEER_POLICY_COUNT,
                      gw_steer_below((__u32)(in->random >> 32), s->count), 1, a))
        return 1;
    a->reason = GW_STEER_NOBODY;
    return 0;
}

/* A flow goes to the candidate; it has ended (or is forgotten). */
GW_INLINE void gw_steer_begin(struct gw_t_candidate_use *u)
{
    __sync_fetch_and_add(&u->own, 1);
    __sync_fetch_and_add(&u->chosen, 1);
}

GW_INLINE void gw_steer_end(struct gw_t_candidate_use *u)
{
    if (__sync_fetch_and_add(&u->own, ~0u) == 0)
        __sync_fetch_and_add(&u->own, 1); /* it was counted at a former candidate of this place */
}

#endif
