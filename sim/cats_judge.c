/* cats_judge.c: what must hold all the time in a domain of CATS (RFC 10053; Dyncast architecture
 * §4.2, §5), said once more and apart from the code that keeps it:
 *
 *   affinity    what belongs together stays at its instance while that lives and its egress is not
 *               known to be unreachable: a packet path leaves an instance only when it was told
 *               that it is dead or gone; and, where nothing goes wrong but that processes are
 *               killed, nobody is told that of an instance that lives
 *   agree       a D-Forwarder sends a flow where its D-Router has chosen
 *   age         no record is younger than what it says, nor kept beyond its lifetime
 *   herd        where nothing goes wrong, the default policy does not send everybody to one
 *               instance and then to another, nor overrun one while another is idle
 */
#include "cats.h"

#include <stdlib.h>

#define QUIET   (20 * SIM_S)    /* after the domain was healed */
#define LIVES   (16 * SIM_S)    /* then everybody knows */
#define STEADY  SIM_S           /* a process that is up for so long has told what it knows */
#define PENDING (4900 * SIM_MS) /* GW_PENDING_NS, and a clock that is slow */
#define WINDOW  SIM_S           /* twice the longest interval of reports */
#define MOST    600             /* of 1000 new flows of a window */
#define IDLE    4               /* so manyth part of what it serves at once is in use, at most */
#define ENOUGH  10              /* of them, to say anything */
#define TURNS   4
#define FULL    3
#define FAIR    2 /* times the share of an instance, by what it serves at once */
#define OVERRUN 4 /* times what an instance serves at once */
#define OVERDUE (250 * SIM_MS)
#define ON_WAY  (200 * SIM_MS) /* of a record, through all nodes: it does not age then */

/* Nothing goes wrong, but that processes are killed. */
static bool quiet(const struct sim *s)
{
    const struct sim_cats *c = s->cats;

    return c->calm || c->gentle || (c->healed >= 0 && s->now > c->healed + QUIET);
}

static struct sim_cats_told *told(const struct sim *s, size_t node, size_t instance)
{
    return &s->cats->node[node].told[instance];
}

/* -- affinity -----------------------------------------------------------------------------------
 */

/* Has the packet path of that node been told, or lost all it knew, since the last packet? */
static bool left(const struct sim *s, size_t node, const struct sim_bond *b)
{
    const struct sim_cats_told *t = told(s, node, b->instance - 1);

    return t->dead || t->at >= b->at;
}

/* What the D-Router chose before it chose anew: the D-Forwarder may hear of it late. */
static bool late(const struct sim *s, const struct sim_bond *b, size_t instance)
{
    return instance + 1 == b->before && s->now - b->changed <= (quiet(s) ? SIM_S : 10 * SIM_S);
}

static bool excused(const struct sim *s, const struct sim_cats_flow *f, const struct sim_bond *b)
{
    size_t home = sim_cats_home(s, f->client), router = sim_cats_router(s, home);
    const struct sim_cats_node *n = s->cats->node;

    if (s->now - b->at >= SIM_CATS_TIMEOUT - SIM_S || n[home].lost >= b->at ||
        n[router].lost >= b->at)
        return true;
    if (home != router && !b->own && s->now - b->at >= PENDING)
        return true; /* it has forgotten the flow, as it must */
    if (home == router && f->service == SIM_CATS_CLIENTS)
        return false; /* these end with their instance */
    return left(s, home, b) || left(s, router, b);
}

void sim_cats_decided(struct sim *s, const struct sim_node *n, struct sim_cats_flow *f,
                      struct sim_cats_instance *x)
{
    size_t home = sim_cats_home(s, f->client);
    struct sim_bond *b = sim_cats_bond(s, f);
    bool own = n->index == home, other = b->instance != 0 && b->instance != x->index + 1;

    if (other && !excused(s, f, b) && !(own && late(s, b, x->index)))
        sim_fail(s, own && sim_cats_router(s, home) != home ? "agree" : "affinity",
                 "%s sends flow %u of client %zu to instance %zu, and it was at %zu", n->name,
                 f->id, f->client, x->index, b->instance - 1);
    x->fresh += b->instance == 0;
    b->instance = x->index + 1;
    b->at = s->now;
    b->own = own;
    if (!own && b->chosen != x->index + 1) {
        b->before = b->chosen;
        b->chosen = x->index + 1;
        b->changed = s->now;
    }
}

/* Everybody should know it: it has been there for long, and so has its node. */
static bool lives(const struct sim *s, const struct sim_cats_instance *x)
{
    return x->state != GW_INSTANCE_DEAD && s->now - x->since > LIVES && x->reported > x->since &&
           s->now - s->cats->node[x->node].heard < SIM_CATS_LIFETIME_S * SIM_S - 2 * SIM_S;
}

static void dead(struct sim *s, const struct sim_node *n, struct sim_cats_instance *x)
{
    struct sim_cats_told *t = told(s, n->index, x->index);

    if (!t->dead && quiet(s) && lives(s, x))
        sim_fail(s, "affinity", "%s tells its packet path that instance %zu is gone, which lives",
                 n->name, x->index);
    t->dead = true;
    t->at = s->now;
}

/* Those that a process has not named since its start are gone. */
static void synced(struct sim *s, const struct sim_node *n)
{
    for (size_t i = 0; i < s->cats->ninstances; i++)
        if (told(s, n->index, i)->boots != n->boots)
            dead(s, n, &s->cats->instance[i]);
}

static void mapping(struct sim *s, const struct sim_node *n, const struct gw_intent_flow *i)
{
    const struct sim_cats_instance *x = sim_cats_by_csci(s, &i->csci_id);
    size_t service = (size_t)i->service.cs_id.b[15] - 1,
           id = (size_t)i->flow.sport - SIM_CATS_PORTS;
    size_t client = (size_t)i->flow.src.b[14] << 8 | i->flow.src.b[15];
    const struct sim_bond *b = NULL;

    if (service == SIM_CATS_CLIENTS && client < s->cats->nclients)
        b = &s->cats->bond[client];
    else if (id > 0 && id <= s->cats->nflows)
        b = &s->cats->flow[id - 1]->bond;
    size_t is = x != NULL ? x->index + 1 : 0;
    if (b == NULL || is == 0 || (is != b->chosen && !late(s, b, x->index)))
        sim_fail(s, "agree",
                 "%s is told that a flow goes to instance %zd, and its D-Router chose %zd", n->name,
                 (ssize_t)is - 1, b != NULL ? (ssize_t)b->chosen - 1 : -1);
}

void sim_cats_intent(struct sim *s, const struct sim_node *n, const struct gw_intent *i)
{
    struct sim_cats_instance *x = NULL;

    if (s->cats == NULL)
        return;
    if (i->kind == GW_INTENT_INSTANCE_SET || i->kind == GW_INTENT_INSTANCE_DEL)
        x = sim_cats_by_csci(s, &i->instance.csci_id);
    if (i->kind == GW_INTENT_SERVE_SYNC)
        synced(s, n);
    else if (i->kind == GW_INTENT_FLOW_SET)
        mapping(s, n, &i->flow);
    if (x == NULL)
        return;
    sim_note(s, SIM_NOTE_TOLD, n->index, x->index,
             i->kind == GW_INTENT_INSTANCE_SET ? (uint64_t)i->instance.state : 3);
    if (i->kind == GW_INTENT_INSTANCE_DEL || i->instance.state == GW_INSTANCE_DEAD)
        dead(s, n, x);
    else
        told(s, n->index, x->index)->dead = false;
    told(s, n->index, x->index)->boots = n->boots;
}

void sim_cats_power(struct sim *s, const struct sim_node *n)
{
    if (s->cats == NULL)
        return;
    s->cats->node[n->index].lost = s->now;
    for (size_t i = 0; i < s->cats->ninstances; i++)
        *told(s, n->index, i) = (struct sim_cats_told){.dead = true, .at = s->now};
}

/* -- age ----------------------------------------------------------------------------------------
 */

static bool is_measured(const struct gw_cats_instance *v)
{
    return v->state != GW_CATS_GONE && (v->latency != 0 || v->in_flight != 0);
}

static void aged(struct sim *s, const struct sim_node *n, const struct gw_metric_instance *r)
{
    const struct sim_cats_instance *x = sim_cats_by_csci(s, &r->v.csci_id);
    struct gw_time now = sim_node_now(s, n).mono;
    int64_t old = now.ns - r->measured.ns;
    int64_t due = gw_timer_at(&n->node->timers, &r->timer).ns;

    if (old < 0)
        sim_fail(s, "age", "%s has a record of instance %zu that was measured in %lld ms", n->name,
                 x->index, (long long)(-old / SIM_MS));
    else if (due < now.ns - OVERDUE)
        sim_fail(s, "age", "%s keeps a record of instance %zu beyond its lifetime", n->name,
                 x->index);
    else if (quiet(s) && is_measured(&r->v) && s->now - old > x->reported + ON_WAY)
        sim_fail(s, "age", "%s has instance %zu as of %lld ms ago, last measured %lld ms ago",
                 n->name, x->index, (long long)(old / SIM_MS),
                 (long long)((s->now - x->reported) / SIM_MS));
}

/* What a node uses is what it has a record of, or what a D-Router has told it. */
static void used(struct sim *s, const struct sim_node *n, const struct gw_steer_instance *e)
{
    struct gw_steering *x = n->node->steering;
    struct gw_cats_service k = gw_steer_cats_key(&e->said.service);
    struct gw_time until = gw_time_add(e->mapped, (struct gw_time){SIM_S + OVERDUE});

    if (gw_steer_record(&x->metric, &k, &e->csci_id) == NULL &&
        !gw_time_before(sim_node_now(s, n).mono, until))
        sim_fail(s, "age", "%s uses instance %zu, of which it knows nothing any more", n->name,
                 sim_cats_by_csci(s, &e->csci_id)->index);
}

static void look_at(struct sim *s, const struct sim_node *n)
{
    const struct gw_steering *x = n->node->steering;
    const struct gw_metric_instance *r;
    const struct gw_steer_instance *e;

    if (n->paused || n->committing || n->node->starved || n->in != NULL)
        return; /* it may be late */
    for (size_t i = 0; !s->failed && (r = gw_table_next(&x->metric.instances, &i)) != NULL;)
        aged(s, n, r);
    for (size_t i = 0; !s->failed && (e = gw_table_next(&x->steer.instances, &i)) != NULL;)
        used(s, n, e);
}

/* For how long has its process been up? */
static void heard(struct sim *s, const struct sim_node *n)
{
    struct sim_cats_node *c = &s->cats->node[n->index];

    if (n->node == NULL || n->boots != c->boots)
        c->up = s->now;
    c->boots = n->boots;
    if (s->now - c->up >= STEADY)
        c->heard = s->now;
}

void sim_cats_look(struct sim *s)
{
    for (size_t i = 0; s->cats != NULL && i < s->nnodes && !s->failed; i++) {
        heard(s, &s->node[i]);
        if (s->node[i].node != NULL && s->node[i].node->steering != NULL)
            look_at(s, &s->node[i]);
    }
}

/* -- herds --------------------------------------------------------------------------------------
 */

static bool counts(const struct sim_cats_instance *x)
{
    return x->service == SIM_CATS_FLOWS && x->state == GW_INSTANCE_UP;
}

/* What the new flows of a window were, and what there was for them all the time. */
struct share {
    uint32_t all, most; /* and who got most of them; and 1 */
    size_t who;
    uint32_t slots; /* of all */
    bool idle;      /* somebody had next to nothing to do, and everybody knew him */
};

static struct share share(struct sim *s)
{
    struct share r = {.all = 0};

    for (size_t i = 0; i < s->cats->ninstances; i++) {
        const struct sim_cats_instance *x = &s->cats->instance[i];
        if (!counts(x))
            continue;
        r.all += x->fresh;
        r.slots += x->slots;
        if (x->fresh > r.most) {
            r.most = x->fresh;
            r.who = i + 1;
        }
        r.idle |= x->in_flight * IDLE <= x->slots && x->then * IDLE <= x->slots &&
                  s->now - x->since > LIVES;
    }
    return r;
}

/* Has been overrun since before the window and is still, and got much more than its share. NULL:
 * none has, or there was no better. */
static const struct sim_cats_instance *overrun(const struct sim *s, const struct share *r)
{
    for (size_t i = 0; r->idle && i < s->cats->ninstances; i++) {
        const struct sim_cats_instance *x = &s->cats->instance[i];
        if (counts(x) && x->then > OVERRUN * x->slots && x->in_flight > OVERRUN * x->slots &&
            x->fresh >= ENOUGH && x->fresh * r->slots > FAIR * r->all * x->slots)
            return x;
    }
    return NULL;
}

static void window(struct sim *s, struct sim_event *e)
{
    struct sim_cats *c = s->cats;
    struct share r = share(s);
    const struct sim_cats_instance *x = overrun(s, &r);
    size_t now = r.all >= ENOUGH && r.most * 1000 >= r.all * MOST ? r.who : 0;

    sim_post(s, e, s->now + WINDOW);
    c->turns = now != 0 && c->top != 0 && now != c->top ? c->turns + 1 : 0;
    c->full = x != NULL ? c->full + 1 : 0;
    c->top = now;
    if (!c->calm || s->set.steering != GW_STEER_PREQUAL)
        c->turns = c->full = 0;
    else if (c->turns >= TURNS)
        sim_fail(s, "herd", "new flows go to one instance, and then to another, %u times", TURNS);
    else if (c->full >= FULL)
        sim_fail(s, "herd", "%u of %u new flows go to instance %zu, which is overrun", x->fresh,
                 r.all, x->index);
    for (size_t i = 0; i < c->ninstances; i++) {
        c->instance[i].fresh = 0;
        c->instance[i].then = c->instance[i].in_flight;
    }
}

/* -- life ---------------------------------------------------------------------------------------
 */

/* Does nothing of that kind go wrong? */
static bool harmless(const struct sim_op *o, bool killed)
{
    return o->kind == SIM_FLOW || o->kind == SIM_BURST || o->kind == SIM_INSTANCE ||
           o->kind == SIM_RELOAD || (killed && o->kind == SIM_CRASH && !o->flag);
}

void sim_cats_judge_start(struct sim *s)
{
    struct sim_cats *c = s->cats;

    c->calm = c->gentle = true;
    c->healed = -1;
    for (size_t i = 0; i < s->sched->nops; i++) {
        c->calm &= harmless(&s->sched->op[i], false);
        c->gentle &= harmless(&s->sched->op[i], true);
    }
    for (size_t i = 0; i < s->nnodes; i++) {
        c->node[i].lost = -1;
        c->node[i].told = sim_new_memory(c->ninstances * sizeof *c->node[i].told);
        for (size_t k = 0; k < c->ninstances; k++)
            c->node[i].told[k].dead = true;
    }
    c->window.fire = window;
    sim_post(s, &c->window, s->now + WINDOW);
}
