/* cats_world.c: see cats_world.h. */
#include "cats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/locating.h"
#include "node/steering.h"

struct cw_plan cw_plan;

/* What configurations borrow; one world at a time. */
static struct {
    struct gw_cfg_service services[CW_SERVICES];
    struct gw_cfg_instance instances[W_NODES][CW_INSTANCES];
} cw;

struct gw_addr cw_csci(size_t node, size_t i)
{
    return (struct gw_addr){{0x20, 0x01, 0x0d, 0xb8, 0xcc, (uint8_t)node, [15] = (uint8_t)(i + 1)}};
}

static struct gw_addr csci_of(size_t node, size_t i)
{
    return cw_plan.one_moves && node == 3 && i == 0 ? cw_csci(2, 0) : cw_csci(node, i);
}

struct gw_service_key cw_service(size_t i)
{
    return (struct gw_service_key){
        .cs_id = {{0x20, 0x01, 0x0d, 0xb8, 0xca, 0xfe, [15] = (uint8_t)(i + 1)}},
        .proto = 17,
        .port = 5000};
}

static void services(void)
{
    for (size_t i = 0; i < CW_SERVICES; i++)
        cw.services[i] = (struct gw_cfg_service){
            .name = i == 0 ? "first" : "second",
            .key = cw_service(i),
            .affinity = GW_AFFINITY_FLOW,
            .affinity_timeout = GW_SEC(60),
            .policy = GW_STEER_PREQUAL,
            .rule = {.quantile = GW_STEER_QUANTILE, .width = 3, .interval_ms = 100},
            .max_age_ms = 10000,
            .error_limit = 512,
            .reselect = true,
            .handover = {.continuity = cw_plan.moves,
                         .packets = cw_plan.kept,
                         .octets = cw_plan.kept * 1500,
                         .most = GW_MSEC(500),
                         .in_order = cw_plan.in_order,
                         .switches = cw_plan.switches}};
}

static void instance(struct gw_cfg_instance *x, size_t node, size_t i)
{
    *x = (struct gw_cfg_instance){.name = "an instance",
                                  .csci_id = csci_of(node, i),
                                  .address = {{0xfd, [14] = (uint8_t)node, [15] = (uint8_t)i}},
                                  .registers = cw_plan.registers,
                                  .lease = GW_SEC(5),
                                  .slots = 10,
                                  .weight = 1};
    if (cw_plan.checked)
        x->health = (struct gw_cfg_health){.kind = GW_HEALTH_TCP, .interval = GW_SEC(1)};
}

static void configure(struct world *w, struct sim_node *n)
{
    struct gw_config *c = &n->cfg[0];

    c->nservices = CW_SERVICES;
    c->services = cw.services;
    c->ninstances = cw_plan.instances[n->index];
    c->instances = cw.instances[n->index];
    for (size_t i = 0; i < c->ninstances; i++)
        instance(&c->instances[i], n->index, i);
    c->limits.flows = cw_plan.flows;
    c->steering.model = cw_plan.model;
    c->steering.egress = w->n[cw_plan.egress[n->index]].cfg[0].addr;
    c->steering.d_router = w->n[cw_plan.d_router[n->index]].cfg[0].addr;
    if (cw_plan.selector != 0)
        c->steering.selector = w->n[cw_plan.selector].cfg[0].addr;
    if (cw_plan.moves)
        c->handover = (struct gw_cfg_handover){.on = true,
                                               .find = GW_FIND_PLAN,
                                               .tokens = !cw_plan.no_tokens,
                                               .candidate = GW_SEC(10),
                                               .binding = GW_SEC(30),
                                               .retries = 3,
                                               .clients = 100,
                                               .candidates = 10,
                                               .flows = 20};
    c->handover.transfer.gain = 200;
    c->handover.transfer.again = GW_SEC(5);
    c->handover.transfer.rest = GW_SEC(10);
    c->handover.transfer.most = GW_SEC(2);
    c->handover.transfer.octets = 1000000;
    c->handover.transfer.port = cw_plan.switches ? 4433 : 0;
    if (cw_plan.no_stamp)
        c->steering.stamp.interval.ns = 0;
    if (cw_plan.also != NULL)
        cw_plan.also(w, n);
}

void cw_begin(void)
{
    cw_plan = (struct cw_plan){.selector = 0};
}

struct world *cw_new(const unsigned *roles, size_t n, uint64_t seed)
{
    services();
    w_configure = configure;
    struct world *w = w_new_roles(roles, n, seed);
    w_configure = NULL;
    return w;
}

void cw_free(struct world *w)
{
    w_free(w);
}

int cw_report(struct world *w, size_t node, size_t i, enum gw_instance_state state, uint32_t load,
              uint32_t latency)
{
    struct gw_input in = {.kind = GW_IN_REPORT,
                          .sample = {.instance = i, .csci_id = csci_of(node, i), .state = state}};

    in.sample.raw.known = 1u << GW_METRIC_IN_FLIGHT | 1u << GW_METRIC_LATENCY;
    in.sample.raw.value[GW_METRIC_IN_FLIGHT] = load;
    in.sample.raw.value[GW_METRIC_LATENCY] = latency;
    return w_input(w, node, &in);
}

static struct gw_steering *steering(struct world *w, size_t node)
{
    assert_non_null(w->n[node].node);
    assert_non_null(w->n[node].node->steering);
    return w->n[node].node->steering;
}

const struct gw_metric_instance *cw_knows(struct world *w, size_t node, const struct gw_addr *csci)
{
    for (size_t i = 0; i < CW_SERVICES; i++) {
        struct gw_service_key k = cw_service(i);
        struct gw_cats_service key = gw_steer_cats_key(&k);
        const struct gw_metric_instance *x =
            gw_steer_record(&steering(w, node)->metric, &key, csci);
        if (x != NULL)
            return x;
    }
    return NULL;
}

const struct gw_steer_instance *cw_said(struct world *w, size_t node, const struct gw_addr *csci)
{
    return gw_table_get(&steering(w, node)->steer.instances, csci);
}

enum gw_path_state cw_path(struct world *w, size_t from, size_t to)
{
    const struct gw_path_target *t = gw_paths_get(&steering(w, from)->paths, &w->n[to].cfg[0].addr);

    return t != NULL ? t->state : GW_PATH_UNKNOWN;
}

uint64_t cw_metric_count(struct world *w, size_t node, enum gw_metric_count c)
{
    return steering(w, node)->metric.count[c];
}

#define ETH  14u
#define IP6  40u
#define ROOM 64u

static size_t packet(uint8_t *f, const struct gw_addr *src, const struct gw_addr *dst,
                     uint16_t sport)
{
    const uint8_t head[ETH + 8] = {
        [5] = 1, [11] = 2, [12] = 0x86, [13] = 0xdd, [14] = 0x60, [19] = 20, [20] = 17, [21] = 64};
    memcpy(f, head, sizeof head);
    memcpy(f + ETH + 8, src->b, 16);
    memcpy(f + ETH + 24, dst->b, 16);
    memset(f + ETH + IP6, 0, 20);
    f[ETH + IP6] = (uint8_t)(sport >> 8);
    f[ETH + IP6 + 1] = (uint8_t)sport;
    f[ETH + IP6 + 2] = 5000 >> 8;
    f[ETH + IP6 + 3] = 5000 & 0xff;
    f[ETH + IP6 + 5] = 20;
    return ETH + IP6 + 20;
}

static struct gw_addr pass(struct world *w, size_t node, uint32_t iface, struct gw_native_frame *f)
{
    struct gw_native_result r =
        gw_native_packet(w->n[node].plane, iface, f, w_now_at(w, node).mono);
    struct gw_addr out = {{0}};

    if (r.action == GW_NATIVE_SEND && r.ifindex == SIM_IF_CORE)
        memcpy(out.b, f->data + ETH + 24, 16);
    return out;
}

static struct gw_addr send(struct world *w, size_t node, size_t next, unsigned flow)
{
    struct gw_service_key k = cw_service(0);
    struct gw_addr client = {{0xfd, 1, [12] = (uint8_t)(flow >> 16), [13] = (uint8_t)node,
                              [14] = (uint8_t)(flow >> 8), [15] = (uint8_t)flow}};
    uint8_t buf[ROOM + 256];
    struct gw_native_frame f = {.data = buf + ROOM, .headroom = ROOM};

    f.len = packet(f.data, &client, &k.cs_id, (uint16_t)(1024 + flow));
    struct gw_addr out = pass(w, node, SIM_IF_ACCESS, &f);
    if (next != node) {
        assert_true(gw_addr_eq(&out, &w->n[next].cfg[0].addr));
        out = pass(w, next, SIM_IF_CORE, &f);
    }
    return out;
}

struct gw_addr cw_send(struct world *w, size_t node, unsigned flow)
{
    return send(w, node, node, flow);
}

struct gw_addr cw_send_by(struct world *w, size_t node, size_t next, unsigned flow)
{
    return send(w, node, next, flow);
}

bool cw_delivers(struct world *w, size_t from, size_t egress, const struct gw_addr *csci)
{
    struct gw_service_key k = cw_service(0);
    struct gw_addr client = {{0xfd, 1, [15] = 9}};
    uint8_t buf[ROOM + 256];
    struct gw_native_frame f = {.data = buf + ROOM, .headroom = ROOM};

    f.len = packet(f.data + IP6, &client, &k.cs_id, 1024) + IP6;
    memmove(f.data, f.data + IP6, ETH + 8);
    memmove(f.data + ETH + IP6, f.data + IP6 + ETH, f.len - ETH - IP6);
    f.data[ETH + 5] = 60;
    f.data[ETH + 6] = 41;
    memcpy(f.data + ETH + 8, w->n[from].cfg[0].addr.b, 16);
    memcpy(f.data + ETH + 24, csci->b, 16);
    struct gw_native_result r =
        gw_native_packet(w->n[egress].plane, SIM_IF_CORE, &f, w_now_at(w, egress).mono);
    return r.action == GW_NATIVE_SEND && r.reason == GW_R_SERVED;
}

void cw_locate(struct world *w)
{
    for (size_t i = 0; i < w->nnodes; i++) {
        struct gw_cfg_handover *h = &w->n[i].cfg[0].handover;
        h->find = GW_FIND_SERVER;
        h->location = GW_SEC(60);
        h->servers = &w->n[0].cfg[0].addr;
        h->nservers = 1;
        assert_int_equal(gw_node_reload(w->n[i].node, &w->n[i].cfg[0], NULL, NULL, w_now_at(w, i)),
                         0);
        w_drain(w, i);
    }
}

void cw_located(struct world *w, const struct gw_prefix *p, size_t node)
{
    const struct gw_location *e = gw_table_get(&w->n[0].node->locating->server->by_client, p);

    assert_non_null(e);
    assert_true(gw_addr_eq(&e->ingress, &w->n[node].cfg[0].addr));
    assert_int_equal(e->negresses, 2);
}
