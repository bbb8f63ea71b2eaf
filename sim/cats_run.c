/* cats_run.c: a run of a domain of CATS behind its schedule: all is healed, and the domain has to
 * agree on who is there; every client must reach an instance that is up; one process after another
 * is killed, and no flow may lose a packet by it; in the end nothing may be kept anywhere.
 */
#include "cats.h"
#include "settle.h"

#define SETTLE_MAX (300 * SIM_S)
#define PACKETS    20
#define EVERY      (50 * SIM_MS)
#define DOWN       SIM_S
#define BETWEEN    (6 * SIM_S)
#define FORGOTTEN  (SIM_CATS_TIMEOUT + 7 * SIM_S) /* flows, and what is pending */
#define GONE_AFTER (60 * SIM_S)

/* -- settled ------------------------------------------------------------------------------------
 */

static bool knows(struct sim *s, const struct sim_node *n, bool say)
{
    const struct gw_steering *g = n->node->steering;

    for (size_t i = 0; i < s->cats->ninstances; i++) {
        const struct sim_cats_instance *x = &s->cats->instance[i];
        struct gw_addr csci = sim_cats_csci(i);
        const struct gw_steer_instance *e = gw_table_get(&g->steer.instances, &csci);
        if (e == NULL || e->said.state != x->state)
            NOT("%s does not know that instance %zu is there", n->name, i);
        if (e->said.here != (x->node == n->index))
            NOT("%s has instance %zu at another egress", n->name, i);
        const struct gw_t_addr *key = (const struct gw_t_addr *)(const void *)&csci;
        const struct gw_t_instance *t = gw_ns_instance(gw_native_services(n->plane), key);
        if (t == NULL || t->state != GW_T_INSTANCE_UP || t->candidate == GW_T_NO_CANDIDATE)
            NOT("the packet path of %s does not have instance %zu", n->name, i);
    }
    return true;
}

static bool paths(struct sim *s, const struct sim_node *n, bool say)
{
    for (size_t k = 0; k < s->nnodes; k++) {
        const struct gw_path_target *t =
            gw_paths_get(&n->node->steering->paths, &s->node[k].cfg[0].addr);
        if (k != n->index && (t == NULL || t->state != GW_PATH_UP))
            NOT("%s has no way to %s", n->name, s->node[k].name);
    }
    return true;
}

static bool settled(struct sim *s, bool say)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        const struct sim_node *n = &s->node[i];
        if (n->node == NULL)
            NOT("%s does not run", n->name);
        if (!n->node->steering->steer.synced)
            NOT("%s waits for what its neighbours know", n->name);
        if (!paths(s, n, say) || !knows(s, n, say))
            return false;
    }
    return true;
}

static void settle(struct sim *s)
{
    int64_t end = s->now + SETTLE_MAX;

    do
        sim_until(s, s->now + SIM_S);
    while (!s->failed && s->now < end && !settled(s, false));
    if (!s->failed)
        (void)settled(s, true);
}

static void heal(struct sim *s)
{
    sim_heal(s);
    s->cats->healed = s->now;
    for (size_t i = 0; i < s->cats->ninstances; i++)
        sim_cats_change(s, &s->cats->instance[i], GW_INSTANCE_UP, false);
}

/* -- every client reaches an instance -----------------------------------------------------------
 */

/* A flow of every client to each service. The number of the first. */
static size_t ask(struct sim *s, int64_t span)
{
    size_t first = s->cats->nflows;

    for (size_t i = 0; i < s->cats->nclients; i++)
        for (size_t k = 0; k < SIM_CATS_SERVICES; k++)
            (void)sim_cats_flow(s, i, k, EVERY, span);
    return first;
}

static void answered(struct sim *s, size_t first, const char *invariant, const char *when)
{
    for (size_t i = first; i < s->cats->nflows && !s->failed; i++) {
        const struct sim_cats_flow *f = s->cats->flow[i];
        if (f->served != f->sent)
            sim_fail(s, invariant, "%s %u of %u packets of client %zu to service %zu arrived", when,
                     f->served, f->sent, f->client, f->service);
    }
}

static void reach(struct sim *s)
{
    size_t first = ask(s, PACKETS * EVERY);

    sim_until(s, s->now + PACKETS * EVERY + SIM_S);
    answered(s, first, "reaches", "once settled");
}

/* Flows that have begun go on while one process after another is down, and begins anew. */
static void restarts(struct sim *s)
{
    size_t first = ask(s, (int64_t)s->nnodes * BETWEEN + PACKETS * EVERY);

    sim_until(s, s->now + PACKETS * EVERY);
    for (size_t i = 0; i < s->nnodes && !s->failed; i++) {
        sim_trace(s, "%s is killed", s->node[i].name);
        sim_node_crash(s, &s->node[i], false);
        sim_until(s, s->now + DOWN);
        if (s->failed)
            return;
        (void)sim_node_boot(s, &s->node[i]);
        sim_until(s, s->now + BETWEEN - DOWN);
    }
    sim_until(s, s->now + SIM_S);
    answered(s, first, "restarts", "while processes were killed");
}

/* -- the end ------------------------------------------------------------------------------------
 */

static void no_flows(struct sim *s, const struct sim_node *n)
{
    const struct gw_native_serve *p = gw_native_services(n->plane);
    const struct gw_t_flow_key *key;
    struct gw_steer_tables t;

    gw_native_expire(n->plane, sim_node_now(s, n).mono);
    for (int of = 0; of < GW_NS_FLOW_TABLES; of++) {
        size_t it = 0;
        if (gw_ns_next_flow(p, of, &it, &key) != NULL)
            sim_fail(s, "all-gone", "all flows have ended, the packet path of %s keeps one",
                     n->name);
    }
    for (uint32_t id = 0; id < GW_SERVICES_MAX; id++)
        for (uint32_t i = 0; gw_ns_steer(p, id, &t) && i < t.service->count; i++)
            if (t.use[i].own != 0)
                sim_fail(s, "all-gone", "all flows have ended, %s counts %u in flight", n->name,
                         t.use[i].own);
}

static void nothing(struct sim *s, const struct sim_node *n)
{
    const struct gw_steering *g = n->node->steering;
    const struct {
        const char *what;
        size_t left;
    } list[] = {
        {"records of instances", gw_table_count(&g->metric.instances)},
        {"services with instances", gw_table_count(&g->metric.services)},
        {"instances for its packet path", gw_table_count(&g->steer.instances)},
        {"instances in its packet path", gw_table_count(&gw_native_services(n->plane)->instances)},
        {"flows to tell of", gw_mappers_flows(&g->mappers)},
        {"records in its store", sim_disk_count(n->disk, GW_OWN_RECORD)},
        {"messages waiting for an answer", n->node->lm.pending},
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].left > 0)
            sim_fail(s, "all-gone", "all instances have gone, %s keeps %zu %s", n->name,
                     list[i].left, list[i].what);
}

static void farewell(struct sim *s)
{
    for (size_t i = 0; i < s->cats->nflows; i++)
        sim_cancel(s, &s->cats->flow[i]->event);
    sim_until(s, s->now + FORGOTTEN);
    for (size_t i = 0; i < s->nnodes && !s->failed; i++)
        no_flows(s, &s->node[i]);
    for (size_t i = 0; i < s->cats->ninstances && !s->failed; i++)
        sim_cats_change(s, &s->cats->instance[i], GW_INSTANCE_DEAD, i % 2 == 0);
    sim_until(s, s->now + GONE_AFTER);
    for (size_t i = 0; i < s->nnodes && !s->failed; i++)
        nothing(s, &s->node[i]);
}

void sim_cats_run(struct sim *s)
{
    static void (*const parts[])(struct sim * s) = {heal, settle, reach, restarts, farewell};

    for (size_t i = 0; i < sizeof parts / sizeof *parts && !s->failed; i++)
        parts[i](s);
}
