/* exam.c: see exam.h. Each part leaves the domain settled. */
#include "exam.h"

#include <stdlib.h>

#define SILENCE   (100 * SIM_S) /* two refreshes, three probes, the guard of a departure */
#define SOON      (5 * SIM_S)   /* a solicitation may wait for a second, an answer too */
#define CUT       (70 * SIM_S)  /* a lifetime is 60 s */
#define RETURN    (60 * SIM_S)  /* the longest back-off is 32 s */
#define STEP      (SIM_S / 4)
#define CUT_OF    4 /* seeds: one in so many has a MAAR cut off, which takes long */
#define NARROW_OF 2 /* in so many of them paths are narrower than links */

static uint64_t counted(const struct sim *s, enum gw_count c)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s->nnodes; i++)
        n += s->node[i].node != NULL ? s->node[i].node->lm.count[c] : 0;
    return n;
}

/* Within `span` all is as it must be, or the run has failed under that name. */
static void settled(struct sim *s, const char *name, int64_t span)
{
    for (int64_t end = s->now + span; !s->failed && !sim_settled(s, false);) {
        if (s->now >= end) {
            (void)sim_settled(s, true);
            (void)snprintf(s->invariant, sizeof s->invariant, "%s", name);
            return;
        }
        sim_until(s, s->now + STEP);
    }
}

/* Stations that are served where they are. */
static size_t served(const struct sim *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->nstations; i++) {
        const struct sim_station *h = &s->station[i];
        struct gw_mnid id = sim_mnid(h);
        struct gw_binding *b =
            h->at != 0 ? gw_binding_get(&s->node[h->at].node->maar.bs, &id) : NULL;
        n += b != NULL && gw_maar_mn(b)->state == GW_MN_SERVING && gw_maar_mn(b)->on_link;
    }
    return n;
}

static void silence(struct sim *s)
{
    size_t before = served(s);

    for (int64_t end = s->now + SILENCE; !s->failed && s->now < end;) {
        sim_until(s, s->now + STEP);
        if (!s->failed && served(s) < before)
            sim_fail(s, "steady", "a station that is there and silent is served no longer");
    }
    settled(s, "steady", SOON);
}

static void station_op(struct sim *s, size_t mn, struct sim_op op)
{
    op.mn = (uint32_t)mn;
    sim_apply(s, &op);
}

static void talk(struct sim *s, size_t mn)
{
    station_op(s, mn, (struct sim_op){.kind = SIM_FLOW, .span = SIM_S, .amount = 100000});
}

/* Every station loses its link for less than the guard. */
static void blink(struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++) {
        uint32_t at = (uint32_t)s->station[i].at;
        if (at == 0)
            continue;
        station_op(s, i, (struct sim_op){.kind = SIM_LEAVE, .flag = true});
        station_op(s, i, (struct sim_op){.kind = SIM_ATTACH, .node = at});
        talk(s, i);
    }
    sim_until(s, s->now + SOON);
    settled(s, "prompt", STEP);
}

/* Every station leaves, and is back while the CMD's answer to its de-registration is on its way. */
static void turn_back(struct sim *s)
{
    uint32_t *at = sim_new_memory((s->nstations + 1) * sizeof *at);
    int64_t guard = s->node[0].cfg[0].timers.detach_guard.ns;

    for (size_t i = 0; i < s->nstations; i++) {
        at[i] = (uint32_t)s->station[i].at;
        station_op(s, i, (struct sim_op){.kind = SIM_LEAVE, .flag = true});
    }
    sim_until(s, s->now + guard + s->sched->delay);
    for (size_t i = 0; i < s->nstations && !s->failed; i++) {
        if (at[i] == 0)
            continue;
        station_op(s, i, (struct sim_op){.kind = SIM_ATTACH, .node = at[i]});
        talk(s, i);
    }
    free(at);
    sim_until(s, s->now + SOON);
    settled(s, "prompt", STEP);
}

static uint32_t next_access(const struct sim *s, size_t at)
{
    do
        at = (at + 1) % s->nnodes;
    while ((s->node[at].roles & GW_ROLES_ACCESS) == 0);
    return (uint32_t)at;
}

/* In which way the previous MAARs have answered (RFC 8885 §3.2 to §3.4). */
static void in_mode(struct sim *s, uint64_t moved, uint64_t copies)
{
    enum gw_cmd_mode mode = s->cmd->cfg[s->cmd->cfg_now].mobility.cmd_mode;

    if (mode == GW_CMD_LOCATOR ? copies < moved : copies != 0)
        sim_fail(
            s, "prompt",
            "%llu handovers have brought %llu answers of previous MAARs to serving ones, which "
            "is not how a %s does it",
            (unsigned long long)moved, (unsigned long long)copies,
            mode == GW_CMD_LOCATOR ? "locator"
            : mode == GW_CMD_RELAY ? "relay"
                                   : "proxy");
}

static void handover(struct sim *s)
{
    uint64_t copies = counted(s, GW_CNT_COPY), moved = 0;

    for (size_t i = 0; i < s->nstations; i++) {
        size_t at = s->station[i].at, to = next_access(s, at);
        if (at == 0 || at == to)
            continue;
        moved++;
        station_op(
            s, i,
            (struct sim_op){.kind = SIM_ATTACH, .node = (uint32_t)to, .more = 1, .flag = true});
    }
    sim_until(s, s->now + SOON);
    settled(s, "prompt", STEP);
    if (!s->failed && s->sched->kind == SIM_DMM && !s->policies)
        in_mode(s, moved, counted(s, GW_CNT_COPY) - copies);
    sim_probe(s);
}

/* A process that is killed loses nothing: silent stations are served on. */
static void restart(struct sim *s, size_t node)
{
    if (s->failed)
        return;
    sim_apply(s, &(struct sim_op){.kind = SIM_CRASH, .node = (uint32_t)node, .span = SIM_S});
    sim_until(s, s->now + SIM_S);
    settled(s, "restarts", SOON);
}

static size_t first_used(const struct sim *s)
{
    for (size_t i = 0; i < s->nstations; i++)
        if (s->station[i].at != 0)
            return s->station[i].at;
    return 0;
}

static void restarts(struct sim *s)
{
    restart(s, first_used(s)); /* without stations it is the centre, twice */
    restart(s, 0);
}

static void cut(struct sim *s, size_t node, bool is)
{
    sim_link(s, s->cmd->index, node)->cut = sim_link(s, node, s->cmd->index)->cut = is;
}

static void expired(struct sim *s, const struct sim_node *n)
{
    const struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&s->cmd->node->cmd.bs.by_mnid, &i)) != NULL;)
        if (gw_addr_eq(&b->serving, &n->cfg[0].addr))
            sim_fail(s, "expires", "the CMD still believes in a binding that %s cannot refresh",
                     n->name);
}

/* A MAAR is cut off from the CMD for longer than a lifetime. */
static void cut_off(struct sim *s)
{
    size_t at = first_used(s);

    if (at == 0 || s->sched->seed % CUT_OF != 0 || s->sched->kind != SIM_DMM)
        return;
    cut(s, at, true);
    sim_until(s, s->now + CUT);
    if (!s->failed)
        expired(s, &s->node[at]);
    cut(s, at, false);
    for (int64_t end = s->now + RETURN; !s->failed && s->now < end && !sim_settled(s, false);) {
        for (size_t i = 0; i < s->nstations; i++) /* who was told that all is over has to speak */
            talk(s, i);
        sim_until(s, s->now + SIM_S);
    }
    settled(s, "prompt", STEP);
}

/* Between any two ends the path is narrower than their links tell: who sends what is too long for
 * it has to learn that, through tunnels too. */
static void narrow(struct sim *s)
{
    size_t ends = s->nnodes + 1;

    if (s->sched->seed % NARROW_OF != 0)
        return;
    for (size_t i = 0; i < ends * ends; i++)
        s->links[i].mtu = SIM_MTU_MIN + (uint32_t)(i * 41 % (SIM_MTU - SIM_MTU_MIN));
    sim_probe(s);
    for (size_t i = 0; i < ends * ends; i++)
        s->links[i].mtu = s->normal.mtu;
}

void sim_exam(struct sim *s)
{
    static void (*const parts[])(struct sim * s) = {sim_attack, silence,  blink,   turn_back,
                                                    handover,   restarts, cut_off, narrow};

    for (size_t i = 0; i < sizeof parts / sizeof *parts && !s->failed; i++)
        parts[i](s);
}
