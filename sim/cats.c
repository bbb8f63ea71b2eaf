/* cats.c: see cats.h: who is what in a domain of CATS, the clients behind ingresses and the
 * instances behind egresses.
 *
 * An instance serves so many packets at once; others wait for a slot, first come first served. What
 * a packet takes is drawn from its own numbers. It counts flows that are open and packets that are
 * there, and how long these were, and reports that to its node, which it registers with: when it
 * falls silent, its lease ends.
 */
#include "cats.h"

#include <stdlib.h>

#define ETH        14u
#define IP6        40u
#define PACKET     68u /* of a client: IPv6, TCP or UDP; at AT_ID flow and number */
#define AT_ID      60u
#define ASKS       2u /* every so manyth ingress is a D-Forwarder */
#define UDP        17
#define TCP        6
#define FIN        1
#define SYN        2
#define FLOWS_MAX  50000u /* of a schedule: each has a port of its own */
#define NODES_MOST 3u     /* that a packet passes: ingress, D-Router, egress */
#define CS_PORT    5000

/* -- who is what --------------------------------------------------------------------------------
 */

static size_t ingresses(const struct sim *s)
{
    return s->nnodes / 2;
}

size_t sim_cats_router(const struct sim *s, size_t node)
{
    return node < ingresses(s) && node % ASKS == 1 ? node - 1 : node;
}

unsigned sim_cats_role(const struct sim *s, size_t node)
{
    return sim_cats_router(s, node) != node ? GW_ROLE_D_FORWARDER : GW_ROLE_D_ROUTER;
}

size_t sim_cats_home(const struct sim *s, size_t client)
{
    return client % (s->cats->ingresses + 1); /* the first egress, too */
}

struct gw_addr sim_cats_csci(size_t instance)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xfe, [15] = (uint8_t)(instance + 1)}};
}

static struct gw_addr host(size_t instance)
{
    return (struct gw_addr){{0xfd, [1] = 2, [15] = (uint8_t)(instance + 1)}};
}

static struct gw_addr client_addr(size_t client)
{
    return (struct gw_addr){{0xfd, [1] = 1, [14] = (uint8_t)(client >> 8), [15] = (uint8_t)client}};
}

static struct sim_cats_instance *by(const struct sim *s, const struct gw_addr *a,
                                    struct gw_addr (*of)(size_t instance))
{
    size_t i = a->b[15];
    struct gw_addr is = of(i - 1);

    return i > 0 && i <= s->cats->ninstances && gw_addr_eq(a, &is) ? &s->cats->instance[i - 1]
                                                                   : NULL;
}

struct sim_cats_instance *sim_cats_by_csci(const struct sim *s, const struct gw_addr *a)
{
    return by(s, a, sim_cats_csci);
}

struct sim_cats_instance *sim_cats_by_host(const struct sim *s, const struct gw_addr *a)
{
    return by(s, a, host);
}

struct sim_bond *sim_cats_bond(const struct sim *s, struct sim_cats_flow *f)
{
    return f->service == SIM_CATS_FLOWS ? &f->bond : &s->cats->bond[f->client];
}

static struct gw_service_key service_key(size_t service)
{
    struct gw_service_key k = {
        .cs_id = {{0x20, 0x01, 0x0d, 0xb8, 0xca, 0xfe, [15] = (uint8_t)(service + 1)}}};

    if (service == SIM_CATS_FLOWS) {
        k.proto = TCP;
        k.port = CS_PORT;
    }
    return k;
}

/* -- configurations -----------------------------------------------------------------------------
 */

void sim_cats_settings(struct sim *s, struct sim_node *n, unsigned slot)
{
    static const char *const names[] = {"flows", "clients"};
    struct gw_config *c = &n->cfg[slot];

    c->nservices = SIM_CATS_SERVICES;
    c->services = s->cats->node[n->index].services[slot];
    for (size_t i = 0; i < SIM_CATS_SERVICES; i++)
        c->services[i] = (struct gw_cfg_service){
            .name = names[i],
            .key = service_key(i),
            .affinity = i == SIM_CATS_FLOWS ? GW_AFFINITY_FLOW : GW_AFFINITY_CLIENT,
            .affinity_timeout = {SIM_CATS_TIMEOUT},
            .policy = s->set.steering,
            .rule = {.quantile = GW_STEER_QUANTILE,
                     .width = 3,
                     .interval_ms = (uint32_t)(s->cats->every / SIM_MS)},
            .max_age_ms = 10000,
            .error_limit = 512,
            .reselect = i == SIM_CATS_FLOWS};
}

void sim_cats_configure(struct sim *s, struct sim_node *n)
{
    struct gw_config *c = &n->cfg[0];
    size_t router = sim_cats_router(s, n->index);

    c->steering.lifetime = GW_SEC(SIM_CATS_LIFETIME_S);
    if (router != n->index)
        c->steering.d_router = s->node[router].cfg[0].addr;
    c->instances = s->cats->node[n->index].instances;
    for (size_t i = 0; i < s->cats->ninstances; i++) {
        const struct sim_cats_instance *x = &s->cats->instance[i];
        if (x->node != n->index)
            continue;
        c->instances[c->ninstances++] = (struct gw_cfg_instance){.name = "an instance",
                                                                 .service = x->service,
                                                                 .csci_id = sim_cats_csci(i),
                                                                 .address = host(i),
                                                                 .registers = true,
                                                                 .lease = {SIM_CATS_LEASE},
                                                                 .slots = x->slots,
                                                                 .weight = x->slots};
    }
}

/* -- instances ----------------------------------------------------------------------------------
 */

static void say(struct sim *s, struct sim_cats_instance *x)
{
    struct gw_input in = {
        .kind = GW_IN_REPORT,
        .sample = {.instance = x->at, .csci_id = sim_cats_csci(x->index), .state = x->state}};

    in.sample.raw.known = 1u << GW_METRIC_IN_FLIGHT | 1u << GW_METRIC_LATENCY;
    in.sample.raw.value[GW_METRIC_IN_FLIGHT] = x->open + x->in_flight;
    in.sample.raw.value[GW_METRIC_LATENCY] = x->latency / 1000;
    if (sim_node_input(s, &s->node[x->node], &in) == 0)
        x->reported = s->now;
}

static void report(struct sim *s, struct sim_event *e)
{
    struct sim_cats_instance *x =
        (struct sim_cats_instance *)(void *)((uint8_t *)e -
                                             offsetof(struct sim_cats_instance, report));

    sim_post(s, e, s->now + s->cats->every);
    say(s, x);
}

void sim_cats_change(struct sim *s, struct sim_cats_instance *x, enum gw_instance_state state,
                     bool told)
{
    bool dies = state == GW_INSTANCE_DEAD, was = x->state == GW_INSTANCE_DEAD;

    if (dies && was)
        return;
    sim_trace(s, "instance %zu at %s %s%s", x->index, s->node[x->node].name,
              dies                            ? "dies"
              : state == GW_INSTANCE_DRAINING ? "drains"
                                              : "is up",
              dies && told ? " and says so" : "");
    x->state = state;
    if (dies) {
        sim_cancel(s, &x->report);
        if (told)
            say(s, x);
        return;
    }
    if (was)
        x->since = s->now;
    if (x->report.number == 0)
        sim_post(s, &x->report, s->now);
}

struct served {
    struct sim_event event;
    struct sim_cats_instance *by;
    int64_t came;
};

static void answered(struct sim *s, struct sim_event *e)
{
    struct served *p = (struct served *)e;

    p->by->in_flight--;
    p->by->latency += (s->now - p->came - p->by->latency) / 8;
    sim_event_free(s, e);
}

static void serve(struct sim *s, struct sim_cats_instance *x)
{
    int64_t *slot = &x->busy[0];
    struct served *p = sim_get(&s->pool, sizeof *p);

    for (uint32_t i = 1; i < x->slots; i++)
        if (x->busy[i] < *slot)
            slot = &x->busy[i];
    *slot = (*slot > s->now ? *slot : s->now) + x->takes +
            (int64_t)gw_prng_below(&x->r, 2 * (uint64_t)x->takes);
    *p = (struct served){.event = {.fire = answered, .size = sizeof *p}, .by = x, .came = s->now};
    x->in_flight++;
    sim_post(s, &p->event, *slot);
}

/* -- clients ------------------------------------------------------------------------------------
 */

static void write_packet(const struct sim_cats_flow *f, bool last, uint8_t frame[ETH + PACKET])
{
    struct gw_service_key k = service_key(f->service);
    struct gw_addr src = client_addr(f->client);
    uint16_t sport = (uint16_t)(SIM_CATS_PORTS + f->id);
    const uint8_t head[ETH + 8] = {
        [0] = 2,    [6] = 2,  [12] = 0x86, [13] = 0xdd, [14] = 0x60, [19] = PACKET - IP6,
        [20] = UDP, [21] = 64};

    memset(frame, 0, ETH + PACKET);
    memcpy(frame, head, sizeof head);
    memcpy(frame + ETH + 8, src.b, 16);
    memcpy(frame + ETH + 24, k.cs_id.b, 16);
    uint8_t *next = frame + ETH + IP6;
    next[0] = (uint8_t)(sport >> 8);
    next[1] = (uint8_t)sport;
    next[2] = CS_PORT >> 8;
    next[3] = CS_PORT & 0xff;
    next[5] = PACKET - IP6; /* UDP's length, or a part of TCP's number */
    if (k.proto == TCP) {
        frame[ETH + 6] = TCP;
        next[12] = 5 << 4;
        next[13] = (uint8_t)((f->sent == 1 ? SYN : 0) | (last ? FIN : 0));
    }
    memcpy(frame + ETH + AT_ID, &f->id, sizeof f->id);
    memcpy(frame + ETH + AT_ID + 4, &f->sent, sizeof f->sent);
}

/* It is open at that instance; and 1, 0: at none. */
static void open_at(struct sim *s, struct sim_cats_flow *f, size_t instance)
{
    if (f->at != 0)
        s->cats->instance[f->at - 1].open--;
    if (instance != 0)
        s->cats->instance[instance - 1].open++;
    f->at = instance;
}

static void next_packet(struct sim *s, struct sim_event *e)
{
    struct sim_cats_flow *f = (struct sim_cats_flow *)e;
    uint8_t frame[ETH + PACKET];

    f->ended = s->now + f->interval > f->until;
    f->sent++;
    write_packet(f, f->ended, frame);
    if (f->ended)
        open_at(s, f, 0);
    else
        sim_post(s, e, s->now + f->interval);
    sim_plane_frame(s, &s->node[sim_cats_home(s, f->client)], false, frame, sizeof frame, 0);
}

struct sim_cats_flow *sim_cats_flow(struct sim *s, size_t client, size_t service, int64_t interval,
                                    int64_t span)
{
    struct sim_cats *c = s->cats;
    struct sim_cats_flow *f = sim_new_memory(sizeof *f);

    if ((c->nflows & (c->nflows - 1)) == 0) /* doubled at each power of two */
        c->flow = sim_more_memory(c->flow, 2 * (c->nflows + 1) * sizeof(struct sim_cats_flow *));
    c->flow[c->nflows++] = f;
    *f = (struct sim_cats_flow){.event = {.fire = next_packet},
                                .id = (uint32_t)c->nflows,
                                .client = client,
                                .service = service,
                                .interval = interval > 0 ? interval : SIM_MS,
                                .until = s->now + span};
    sim_post(s, &f->event, s->now);
    return f;
}

/* -- packets on their way -----------------------------------------------------------------------
 */

/* Nobody changes a client's packet on its way, but its hop limit, by one. */
static void unchanged(struct sim *s, const struct sim_node *n, const uint8_t *a, const uint8_t *b)
{
    if (memcmp(a, b, 7) != 0 || memcmp(a + 8, b + 8, PACKET - 8) != 0)
        sim_fail(s, "headers-right", "%s has changed a packet that it forwards", n->name);
    else if (b[7] + 1 != a[7])
        sim_fail(s, "headers-right", "%s has made hop limit %u of %u", n->name, b[7], a[7]);
}

static void arrived(struct sim *s, const struct sim_node *n, struct sim_cats_flow *f,
                    struct sim_cats_instance *x, unsigned hops)
{
    sim_note(s, SIM_NOTE_SERVED, f->id, x->index, hops);
    if (x->node != n->index || x->service != f->service)
        sim_fail(s, "affinity", "%s delivers a packet to instance %zu, which it was not for",
                 n->name, x->index);
    if (x->state == GW_INSTANCE_DEAD)
        return;
    f->served++;
    if (!f->ended && f->at != x->index + 1)
        open_at(s, f, x->index + 1);
    s->tally.delivered++;
    serve(s, x);
}

bool sim_cats_frame(struct sim *s, struct sim_node *n, enum gw_reason reason, const uint8_t *in,
                    size_t in_len, const uint8_t *out, size_t out_len, unsigned hops)
{
    struct gw_addr to, was;
    uint32_t id;

    if (reason != GW_R_STEERED && reason != GW_R_SERVED && reason != GW_R_ASKED)
        return false;
    if (in_len < ETH + PACKET || out_len < ETH + PACKET)
        return true;
    unchanged(s, n, in + in_len - PACKET, out + out_len - PACKET);
    memcpy(&id, out + out_len - PACKET + AT_ID, sizeof id);
    memcpy(&was, in + ETH + 24, sizeof was);
    memcpy(&to, out + ETH + 24, sizeof to);
    bool by_tunnel = in_len > ETH + PACKET && sim_cats_by_csci(s, &was) != NULL;
    if (hops > NODES_MOST - 1)
        sim_fail(s, "steer-loop", "%s is node %u that a packet passes", n->name, hops + 1);
    else if (by_tunnel && reason != GW_R_SERVED)
        sim_fail(s, "steer-loop", "%s steers what a tunnel has brought to an instance", n->name);
    if (s->failed || id == 0 || id > s->cats->nflows)
        return true;
    struct sim_cats_flow *f = s->cats->flow[id - 1];
    if (reason == GW_R_ASKED)
        return false;
    struct sim_cats_instance *x =
        reason == GW_R_STEERED ? sim_cats_by_csci(s, &to) : &s->cats->instance[out[5]];
    if (x == NULL || (by_tunnel && x != sim_cats_by_csci(s, &was))) {
        sim_fail(s, "affinity", "%s sends a packet to another instance than it was for", n->name);
        return true;
    }
    if (!by_tunnel)
        sim_cats_decided(s, n, f, x);
    if (reason == GW_R_SERVED)
        arrived(s, n, f, x, hops);
    return reason == GW_R_SERVED;
}

/* -- operations ---------------------------------------------------------------------------------
 */

bool sim_cats_apply(struct sim *s, const struct sim_op *op)
{
    struct sim_cats *c = s->cats;
    size_t service = op->other % SIM_CATS_SERVICES;

    if (op->kind == SIM_INSTANCE && op->mn < c->ninstances)
        sim_cats_change(s, &c->instance[op->mn], (enum gw_instance_state)((uint64_t)op->amount % 3),
                        op->flag);
    for (uint32_t i = 0;
         op->kind == SIM_BURST && i < op->more && c->nflows < FLOWS_MAX && op->mn < c->nclients;
         i++)
        (void)sim_cats_flow(s, (op->mn + i) % c->nclients, service, op->amount * 1000, op->span);
    if (op->kind == SIM_FLOW && c->nflows < FLOWS_MAX && op->mn < c->nclients)
        (void)sim_cats_flow(s, op->mn, service, op->amount * 1000, op->span);
    return op->kind == SIM_INSTANCE || op->kind == SIM_BURST || op->kind == SIM_FLOW;
}

/* -- life ---------------------------------------------------------------------------------------
 */

static void make_instances(struct sim *s)
{
    struct gw_prng r;

    gw_prng_seed(&r, s->sched->seed ^ 0x63617473u);
    s->cats->every = (int64_t)(50 + gw_prng_below(&r, 450)) * SIM_MS;
    for (size_t i = 0; i < s->cats->ninstances; i++) {
        struct sim_cats_instance *x = &s->cats->instance[i];
        x->index = i;
        x->node = s->cats->ingresses + i / SIM_CATS_AT;
        x->at = i % SIM_CATS_AT;
        x->service = x->at == SIM_CATS_AT - 1 ? SIM_CATS_CLIENTS : SIM_CATS_FLOWS;
        x->slots = 4 + (uint32_t)gw_prng_below(&r, SIM_CATS_SLOTS - 3);
        x->takes = x->latency = (int64_t)(1000 + gw_prng_below(&r, 20000)) * 1000;
        x->reported = -1;
        x->report.fire = report;
        gw_prng_seed(&x->r, gw_prng_u64(&r));
    }
}

void sim_cats_make(struct sim *s)
{
    struct sim_cats *c = s->cats = sim_new_memory(sizeof *c);

    c->ingresses = ingresses(s);
    c->nclients = s->sched->stations;
    c->ninstances = (s->nnodes - c->ingresses) * SIM_CATS_AT;
    c->instance = sim_new_memory(c->ninstances * sizeof *c->instance);
    c->node = sim_new_memory(s->nnodes * sizeof *c->node);
    c->bond = sim_new_memory((c->nclients + 1) * sizeof *c->bond);
    make_instances(s);
}

void sim_cats_start(struct sim *s)
{
    sim_cats_judge_start(s);
    for (size_t i = 0; i < s->cats->ninstances; i++)
        sim_post(s, &s->cats->instance[i].report, s->now + (int64_t)i * SIM_MS);
}

void sim_cats_free(struct sim *s)
{
    struct sim_cats *c = s->cats;

    if (c == NULL)
        return;
    for (size_t i = 0; i < c->ninstances; i++)
        sim_cancel(s, &c->instance[i].report);
    for (size_t i = 0; i < c->nflows; i++) {
        sim_cancel(s, &c->flow[i]->event);
        free(c->flow[i]);
    }
    for (size_t i = 0; i < s->nnodes; i++)
        free(c->node[i].told);
    sim_cancel(s, &c->window);
    free(c->flow);
    free(c->bond);
    free(c->node);
    free(c->instance);
    free(c);
    s->cats = NULL;
}
