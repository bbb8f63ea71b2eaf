/* run.c: one run: the schedule under faults, then healed and given time to settle, then everybody
 * leaves. The trace hash takes in every message delivered and every line of the trace.
 */
#include "cats.h"
#include "exam.h"
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK         (250 * SIM_MS) /* between looks at the whole domain */
#define SETTLE_MAX   (300 * SIM_S)  /* liveness: the longest back-off is 32 s, a lifetime 60 s */
#define GONE_AFTER   (400 * SIM_S)
#define EVENTS_MAX   UINT64_C(200000000) /* of one run: more is a livelock */
#define EVENTS_LEAST UINT64_C(10000)     /* and less proves little */
#define TALK_MOST    1000                /* s; nobody may be there to talk */

static uint64_t stir(uint64_t hash, uint64_t x)
{
    hash = (hash ^ x) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Nobody chooses what is mixed in so as to deceive: eight octets at a time will do. */
void sim_mix(struct sim *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t h = stir(s->hash, (uint64_t)s->now), word;

    h = stir(h, len);
    for (; len >= sizeof word; len -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        h = stir(h, word);
    }
    word = 0;
    memcpy(&word, p, len);
    s->hash = stir(h, word);
}

void sim_note(struct sim *s, enum sim_note what, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t h = stir(s->hash, (uint64_t)s->now);

    h = stir(h, a << 8 | (uint64_t)what);
    s->hash = stir(stir(h, b), c);
}

static void print(const struct sim *s, const char *line)
{
    (void)printf("%11.6f %s\n", (double)s->now / 1e9, line);
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (len < 0)
        return;
    sim_mix(s, line, strlen(line));
    if (s->trace)
        print(s, line);
}

void sim_say(struct sim *s, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    print(s, line);
}

static void next_op(struct sim *s, struct sim_event *e)
{
    (void)e;
    while (s->op < s->sched->nops && s->sched->op[s->op].at <= s->now)
        sim_apply(s, &s->sched->op[s->op++]);
    if (s->op < s->sched->nops)
        sim_post(s, &s->next_op, s->sched->op[s->op].at);
}

static void look(struct sim *s, struct sim_event *e)
{
    sim_invariants(s);
    sim_count_judge(s);
    sim_cats_look(s);
    sim_post(s, e, s->now + s->look_every);
}

static void make_stations(struct sim *s)
{
    s->station = sim_new_memory((s->nstations + 1) * sizeof *s->station);
    for (size_t i = 0; i < 2; i++)
        s->ledger[i] = sim_new_memory((s->nstations + 1) * sizeof *s->ledger[i]);
    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        h->index = i;
        h->lladdr = sim_station_mac(i);
        h->ll = (struct gw_addr){{0xfe, 0x80}};
        memcpy(h->ll.b + 8,
               (const uint8_t[]){0, 0, h->lladdr.b[2], 0xff, 0xfe, h->lladdr.b[3], h->lladdr.b[4],
                                 h->lladdr.b[5]},
               8);
        (void)gw_fmt_lladdr(&h->lladdr, h->text);
    }
}

struct sim *sim_make(struct sim_schedule *sched, const unsigned *roles, bool trace)
{
    struct sim *s = sim_new_memory(sizeof *s);

    sim_pool_init(&s->pool);
    s->sched = sched;
    s->trace = trace;
    s->nnodes = sim_schedule_nodes(sched);
    s->nstations = sched->kind == SIM_CATS ? 0 : sched->stations;
    gw_prng_seed(&s->prng, sched->seed);
    s->normal =
        (struct sim_link){.delay = sched->delay, .jitter = sched->delay / 10, .mtu = SIM_MTU};
    s->links = sim_new_memory((s->nnodes + 1) * (s->nnodes + 1) * sizeof *s->links);
    for (size_t i = 0; i < (s->nnodes + 1) * (s->nnodes + 1); i++)
        s->links[i] = s->normal;
    s->node = sim_new_memory(s->nnodes * sizeof *s->node);
    make_stations(s);
    if (sched->kind == SIM_CATS)
        sim_cats_make(s);
    sim_configure(s, roles);
    s->next_op.fire = next_op;
    s->look.fire = look;
    s->look_every = LOOK;
    return s;
}

void sim_start(struct sim *s)
{
    if (s->cats != NULL)
        sim_cats_start(s);
    for (size_t i = 0; i < s->nnodes; i++)
        (void)sim_node_boot(s, &s->node[i]);
    sim_post(s, &s->next_op, 0);
    sim_post(s, &s->look, s->now + s->look_every);
}

struct sim *sim_new(struct sim_schedule *sched, bool trace)
{
    struct sim *s = sim_make(sched, NULL, trace);

    s->judged = true;
    sim_start(s);
    return s;
}

void sim_until(struct sim *s, int64_t end)
{
    for (struct sim_event *e; !s->failed && (e = sim_next(s, end)) != NULL;) {
        s->now = e->at;
        if (++s->tally.events > EVENTS_MAX)
            sim_fail(s, "settles", "the run does not come to an end");
        e->fire(s, e);
    }
    if (!s->failed && s->now < end)
        s->now = end;
}

/* Every station shows now and then that it is there. */
void sim_keep_talking(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        const struct sim_haddr *a = h->at != 0 ? sim_station_newest(s, h) : NULL;
        if (a != NULL)
            sim_flow_start(s, sim_flow_new(s, h, &a->addr, s->nnodes, SIM_S / 4, SIM_S / 2));
    }
}

static void settle(struct sim *s)
{
    int64_t end = s->now + SETTLE_MAX;

    while (!s->failed && s->now < end) {
        sim_keep_talking(s);
        sim_until(s, s->now + SIM_S);
        if (!s->failed && sim_settled(s, false))
            return;
    }
    if (!s->failed)
        (void)sim_settled(s, true);
}

/* A run in which little has happened goes on until there was something to judge. */
static void talk_on(struct sim *s)
{
    for (int i = 0; i < TALK_MOST && !s->failed && s->tally.events < EVENTS_LEAST; i++) {
        sim_keep_talking(s);
        sim_until(s, s->now + SIM_S);
    }
}

static void farewell(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++)
        sim_farewell(s, &s->station[i]);
    sim_until(s, s->now + GONE_AFTER);
    if (!s->failed)
        sim_gone(s);
}

/* What a mobility domain goes through behind its schedule. */
static void behind(struct sim *s)
{
    if (!s->failed)
        sim_heal(s);
    settle(s);
    if (!s->failed) {
        sim_trace(s, "settled");
        sim_probe(s);
    }
    if (!s->failed)
        sim_exam(s);
    if (!s->failed && s->nstations > 0)
        talk_on(s);
    if (!s->failed)
        farewell(s);
}

enum sim_result sim_run(struct sim *s)
{
    sim_count_begin(s);
    sim_until(s, s->sched->span);
    sim_count_end(s);
    if (s->cats == NULL)
        behind(s);
    else if (!s->failed)
        sim_cats_run(s);
    if (!s->failed)
        return SIM_OK;
    return strcmp(s->invariant, "settles") == 0 ? SIM_NOT_SETTLED : SIM_BROKEN;
}

void sim_free(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++)
        while (s->station[i].flows != NULL)
            sim_flow_free(s, s->station[i].flows);
    for (size_t i = 0; i < s->nnodes; i++)
        sim_node_free(s, &s->node[i]);
    for (size_t i = 0; i < s->nstations; i++) {
        sim_cancel(s, &s->station[i].rs);
        sim_cancel(s, &s->station[i].nud);
    }
    sim_cancel(s, &s->next_op);
    sim_cancel(s, &s->look);
    sim_cats_free(s);
    for (struct sim_event *e; (e = sim_next(s, INT64_MAX)) != NULL;)
        sim_event_free(s, e); /* parcels, frames, reports, undo: the event is their head */
    sim_queue_free(&s->queue);
    free(s->flows);
    free(s->links);
    free(s->given);
    free(s->counts);
    free(s->station);
    free(s->ledger[0]);
    free(s->ledger[1]);
    free(s->node);
    sim_pool_free(&s->pool);
    free(s);
}
