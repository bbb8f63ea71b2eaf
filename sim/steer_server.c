/* steer_server.c: an instance: so many requests at once, the others wait in the order they came.
 * Its machine has other tenants: each is busy for a while and idle for a while, and takes a share
 * of the speed while it is busy.
 *
 * Work is counted by a clock that goes as fast as a slot works; a request is over when that clock
 * has gone on by its work. So a change of speed touches no request.
 */
#include "steer.h"

#include <stdlib.h>
#include <string.h>

/* Each tenant: busy a quarter of the time, 20 s at a stretch in the mean, and takes a quarter of
 * the machine meanwhile. */
#define TENANT_BUSY  (20 * SIM_S)
#define TENANT_IDLE  (60 * SIM_S)
#define TENANT_TAKES (STEER_FULL_SPEED / 4)
/* Of an instance that fails: how long an answer takes; how much of the error rate is the last one.
 */
#define FAILING_NS   (1 * SIM_MS)
#define ERROR_WEIGHT 16

/* -- history ------------------------------------------------------------------------------------
 */

void steer_history_init(struct steer_history *h, size_t size, uint32_t value)
{
    *h = (struct steer_history){.ring = sim_new_memory(size * sizeof *h->ring), .size = size};
    steer_history_note(h, INT64_MIN, value);
}

void steer_history_note(struct steer_history *h, int64_t at, uint32_t value)
{
    h->ring[h->used++ & (h->size - 1)] = (struct steer_change){.at = at, .value = value};
}

uint32_t steer_history_at(const struct steer_history *h, int64_t at)
{
    size_t oldest = h->used > h->size ? h->used - h->size : 0, i = h->used - 1;

    while (i > oldest && h->ring[i & (h->size - 1)].at > at)
        i--;
    return h->ring[i & (h->size - 1)].value;
}

/* -- the machine --------------------------------------------------------------------------------
 */

uint32_t steer_mean_speed(void)
{
    return STEER_FULL_SPEED -
           (uint32_t)(STEER_TENANTS * TENANT_TAKES * TENANT_BUSY / (TENANT_BUSY + TENANT_IDLE));
}

static void advance(struct steer_server *v)
{
    v->done += (v->run->now - v->at) * v->speed;
    v->at = v->run->now;
}

static void set_next(struct steer_server *v)
{
    int64_t first = INT64_MAX;

    for (uint32_t i = 0; i < v->nrunning; i++)
        first = v->running[i]->finish < first ? v->running[i]->finish : first;
    if (v->nrunning == 0)
        gw_timer_stop(&v->run->timers, &v->next);
    else if (gw_timer_set(
                 &v->run->timers, &v->next,
                 (struct gw_time){v->run->now + (first - v->done + v->speed - 1) / v->speed}) != 0)
        abort();
}

/* By inversion: -log2 of a uniform number is its leading zeros and, within a power of two, nearly a
 * line. Two thirds of its mean, 1.5, is 1. */
static int64_t exponential(struct gw_prng *p, int64_t mean)
{
    uint64_t u = gw_prng_u64(p) | 1;
    int zeros = __builtin_clzll(u);
    int64_t fraction = (int64_t)((u << zeros) >> 44) - (1 << 19); /* of 2^19: mantissa - 1 */
    int64_t log2 = ((int64_t)(zeros + 1) << 19) - fraction;       /* of 2^19 */

    return mean / 1000 * (log2 * 2 / 3) / (1 << 19) * 1000;
}

static void set_tenant(struct steer_tenant *n, struct steer_server *v)
{
    int64_t lasts = exponential(&n->prng, n->busy ? TENANT_BUSY : TENANT_IDLE);

    if (gw_timer_set(&v->run->timers, &n->timer, (struct gw_time){v->run->now + lasts}) != 0)
        abort();
}

static uint32_t speed_of(const struct steer_server *v)
{
    uint32_t speed = STEER_FULL_SPEED;

    for (int i = 0; i < STEER_TENANTS; i++)
        speed -= v->tenant[i].busy ? TENANT_TAKES : 0;
    return speed;
}

static void tenant_changes(struct gw_timer *t, void *user)
{
    struct steer_server *v = t->owner;

    (void)user;
    for (int i = 0; i < STEER_TENANTS; i++) {
        if (t != &v->tenant[i].timer)
            continue;
        v->tenant[i].busy = !v->tenant[i].busy;
        set_tenant(&v->tenant[i], v);
    }
    advance(v);
    v->speed = speed_of(v);
    steer_history_note(&v->speeds, v->run->now, v->speed);
    set_next(v);
}

/* -- requests -----------------------------------------------------------------------------------
 */

static bool is_failing(const struct steer_server *v)
{
    int64_t third = v->run->conf->span / 3;

    return v->run->conf->failing && v->index == 0 && v->run->now >= third &&
           v->run->now < 2 * third;
}

static void note_outcome(struct steer_server *v, bool failed)
{
    v->errors = (v->errors * (ERROR_WEIGHT - 1) + (failed ? 1024 : 0)) / ERROR_WEIGHT;
    steer_history_note(&v->error_rates, v->run->now, v->errors);
}

/* Its health is asked every second, so that it is known when nobody sends it requests, too. */
static void check(struct gw_timer *t, void *user)
{
    struct steer_server *v = t->owner;

    (void)user;
    note_outcome(v, is_failing(v));
    if (gw_timer_set(&v->run->timers, t, (struct gw_time){v->run->now + SIM_S}) != 0)
        abort();
}

static void start(struct steer_server *v, struct steer_request *q)
{
    q->failed = is_failing(v);
    q->finish = v->done + (q->failed ? FAILING_NS : q->work) * STEER_FULL_SPEED;
    v->running[v->nrunning++] = q;
}

static void leave(struct steer_server *v, uint32_t i)
{
    struct steer_request *q = v->running[i];

    v->running[i] = v->running[--v->nrunning];
    if (v->first != NULL) {
        start(v, v->first);
        v->first = v->first->next;
        if (v->first == NULL)
            v->last = &v->first;
    }
    v->in_flight--;
    steer_history_note(&v->loads, v->run->now, v->in_flight);
    note_outcome(v, q->failed);
    steer_answered(v->run, q);
}

static void some_are_done(struct gw_timer *t, void *user)
{
    struct steer_server *v = t->owner;

    (void)user;
    advance(v);
    for (uint32_t i = v->nrunning; i-- > 0;)
        if (v->running[i]->finish <= v->done)
            leave(v, i);
    set_next(v);
}

void steer_server_take(struct steer_server *v, struct steer_request *q)
{
    advance(v);
    q->next = NULL;
    if (v->nrunning < v->run->conf->slots) {
        start(v, q);
        set_next(v);
    } else {
        *v->last = q;
        v->last = &q->next;
    }
    v->in_flight++;
    steer_history_note(&v->loads, v->run->now, v->in_flight);
}

void steer_server_init(struct steer_server *v, struct steer_run *r, uint32_t index)
{
    *v = (struct steer_server){.run = r, .index = index};
    v->last = &v->first;
    v->running = sim_new_memory(r->conf->slots * sizeof(struct steer_request *));
    v->next.fire = some_are_done;
    v->next.owner = v;
    for (uint32_t i = 0; i < STEER_TENANTS; i++) {
        struct steer_tenant *n = &v->tenant[i];
        gw_prng_seed(&n->prng, r->conf->seed * 1000003 + index * STEER_TENANTS + i);
        n->busy = gw_prng_below(&n->prng, TENANT_BUSY + TENANT_IDLE) < TENANT_BUSY;
        n->timer.fire = tenant_changes;
        n->timer.owner = v;
        set_tenant(n, v);
    }
    v->speed = speed_of(v);
    steer_history_init(&v->loads, 4096, 0);
    steer_history_init(&v->speeds, 64, v->speed);
    steer_history_init(&v->error_rates, 4096, 0);
    v->check.fire = check;
    v->check.owner = v;
    if (r->conf->failing)
        check(&v->check, r);
}

void steer_server_free(struct steer_server *v)
{
    free(v->running);
    free(v->loads.ring);
    free(v->speeds.ring);
    free(v->error_rates.ring);
}
