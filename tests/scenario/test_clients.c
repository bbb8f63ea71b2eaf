/* test_clients.c: clients with flows move between ingresses (doc/handover.md): figures 1 and 2 of
 * the CATS mobility draft message by message, lost and doubled messages, restarts, returns, forged
 * messages. Node 0 is the CMD and location server, 1 to 3 are MAARs and D-Routers, 4 and 5 egresses
 * with an instance.
 */
#include "cats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/handover.h"
#include "node/locating.h"
#include "node/steering.h"

#define MN    1u
#define FLOWS 8u

static const unsigned six[] = {GW_ROLE_CMD | GW_ROLE_LOCATION_SERVER,
                               GW_ROLE_MAAR | GW_ROLE_D_ROUTER,
                               GW_ROLE_MAAR | GW_ROLE_D_ROUTER,
                               GW_ROLE_MAAR | GW_ROLE_D_ROUTER,
                               GW_ROLE_D_ROUTER,
                               GW_ROLE_D_ROUTER};

/* -- what is said -------------------------------------------------------------------------------
 */

static struct {
    char text[8192]; /* the messages of handovers, in the order in which they left */
    unsigned n;      /* how many */
    unsigned lose;   /* the one of this number is lost (1 is the first) */
    unsigned copy;   /* doubled */
    struct gw_mh mh;
} told;

static const char *name_of(const struct gw_mh *m)
{
    size_t it = 0;

    if (m->type == GW_MH_EXPERIMENTAL && m->exp.cats.type == GW_CATS_MOVE_ACK)
        return (m->exp.cats.flags & GW_CATS_UNKNOWN) != 0 ? "refused" : "ack";
    if (m->type == GW_MH_BU && (m->bu.flags & GW_BU_C) != 0)
        return (m->bu.flags & GW_BU_N) != 0 ? "request" : m->bu.lifetime != 0 ? "notify" : "no";
    if (m->type != GW_MH_BA || (m->ba.flags & GW_BA_C) == 0)
        return NULL;
    if (m->ba.lifetime == 0)
        return "end";
    return gw_mh_opt(m, GW_OPT_CATS_ADDR, &it) != NULL ? "egress" : "old";
}

static int tap(struct world *w, struct sim_message *e)
{
    size_t used = strlen(told.text);

    (void)w;
    if (gw_mh_parse(&gw_mh_codec_default, NULL, e->data, e->len, &told.mh).code != GW_PARSE_OK)
        return 0;
    const char *name = name_of(&told.mh);
    if (name == NULL)
        return 0;
    (void)snprintf(told.text + used, sizeof told.text - used, "%s%zu>%zu %s", used != 0 ? ", " : "",
                   e->from, e->to, name);
    return ++told.n == told.lose;
}

static void listen(struct world *w)
{
    memset(&told, 0, sizeof told);
    w->tap = tap;
}

/* -- the world ----------------------------------------------------------------------------------
 */

static struct world *usual(uint64_t seed)
{
    cw_plan.moves = cw_plan.no_stamp = true;
    cw_plan.instances[4] = cw_plan.instances[5] = 1;
    struct world *w = cw_new(six, 6, seed);
    w_run(w, GW_SEC(3));
    assert_int_equal(w_attach(w, 1, MN), 0);
    w_run(w, GW_SEC(1));
    listen(w);
    return w;
}

static struct gw_handover *core(struct world *w, size_t node)
{
    assert_non_null(w->n[node].node->moving);
    return &w->n[node].node->moving->handover;
}

static uint64_t count(struct world *w, size_t node, enum gw_handover_count c)
{
    return core(w, node)->count[c];
}

static struct gw_client *client(struct world *w, size_t node, const struct gw_prefix *p)
{
    struct gw_addr a = p->addr;

    return gw_handover_client(core(w, node), &a);
}

/* A packet of one of its flows at `node`: the instance that it goes to; zero: nowhere. */
static struct gw_addr uplink(struct world *w, size_t node, const struct gw_prefix *p, unsigned flow)
{
    struct gw_service_key k = cw_service(0);
    uint8_t buf[64 + 256] = {0};
    struct gw_native_frame f = {.data = buf + 64, .headroom = 64, .len = 14 + 60};
    struct gw_addr out = {{0}};
    uint16_t port = (uint16_t)(1024 + flow);
    const uint8_t head[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 17, 64};

    f.data[0] = 2;
    memcpy(f.data + 6, w_station(MN).lladdr.b, 6);
    memcpy(f.data + 12, head, sizeof head);
    memcpy(f.data + 22, p->addr.b, 16);
    f.data[37] = 1;
    memcpy(f.data + 38, k.cs_id.b, 16);
    f.data[54] = (uint8_t)(port >> 8);
    f.data[55] = (uint8_t)port;
    f.data[56] = 5000 >> 8;
    f.data[57] = 5000 & 0xff;
    f.data[59] = 20;
    struct gw_native_result r =
        gw_native_packet(w->n[node].plane, SIM_IF_ACCESS, &f, w_now_at(w, node).mono);
    if (r.action == GW_NATIVE_SEND)
        memcpy(out.b, f.data + 38, 16);
    return out;
}

/* A result at `egress`: behind whose tunnel it leaves; zero: none. */
static struct gw_addr result(struct world *w, size_t egress, const struct gw_prefix *p)
{
    struct gw_service_key k = cw_service(0);
    uint8_t buf[64 + 256] = {0};
    struct gw_native_frame f = {.data = buf + 64, .headroom = 64, .len = 14 + 60};
    struct gw_addr out = {{0}};
    const uint8_t head[] = {0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 17, 64};

    memcpy(f.data + 12, head, sizeof head);
    memcpy(f.data + 22, k.cs_id.b, 16);
    memcpy(f.data + 38, p->addr.b, 16);
    f.data[53] = 1;
    f.data[59] = 20;
    struct gw_native_result r =
        gw_native_packet(w->n[egress].plane, SIM_IF_CORE, &f, w_now_at(w, egress).mono);
    if (r.action == GW_NATIVE_SEND && f.data[20] == 41)
        memcpy(out.b, f.data + 38, 16);
    return out;
}

static struct gw_addr at[FLOWS]; /* the instance of each flow */

static void begin_flows(struct world *w, size_t node, const struct gw_prefix *p)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        at[i] = uplink(w, node, p, i);
        assert_false(gw_addr_is_zero(&at[i]));
    }
    w_run(w, GW_MSEC(10));
    assert_int_equal(client(w, node, p)->nflows, FLOWS);
}

static void same_instances(struct world *w, size_t node, const struct gw_prefix *p)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        struct gw_addr now = uplink(w, node, p, i);
        assert_true(gw_addr_eq(&now, &at[i]));
    }
}

static size_t node_of(struct world *w, const struct gw_addr *a)
{
    for (size_t i = 0; i < w->nnodes; i++)
        if (gw_addr_eq(&w->n[i].cfg[0].addr, a))
            return i;
    return SIZE_MAX;
}

static void straight_to(struct world *w, size_t node, const struct gw_prefix *p)
{
    for (size_t e = 4; e <= 5; e++) {
        struct gw_addr a = result(w, e, p);
        assert_int_equal(node_of(w, &a), node);
    }
}

static void hint(struct world *w, size_t node, size_t a, size_t b)
{
    struct gw_input in = {.kind = GW_IN_HINT,
                          .hint = {.by = GW_HINT_MANUAL, .station = w_station(MN), .ntargets = 2}};

    in.hint.target[0] = w->n[a].cfg[0].addr;
    in.hint.target[1] = w->n[b].cfg[0].addr;
    assert_int_equal(w_input(w, node, &in), 0);
}

static void said(const char *text)
{
    if (strcmp(told.text, text) != 0)
        fail_msg("said: %s", told.text);
    told.text[0] = '\0';
    told.n = 0;
}

/* Nobody has anything of it any more, but what fn/lm has. */
static void nothing_left(struct world *w)
{
    for (size_t i = 1; i < w->nnodes; i++) {
        const struct gw_handover *h = core(w, i);
        const struct gw_client *c;
        assert_int_equal(h->nexpected, 0);
        assert_int_equal(h->nposts, 0);
        for (size_t it = 0; (c = gw_table_next(&h->clients, &it)) != NULL;) {
            assert_true(c->place != GW_CLIENT_NOWHERE);
            assert_null(c->flows);
            assert_null(c->egresses);
            assert_null(c->moved);
            assert_null(c->offers);
            assert_false(c->held_up || c->held_down || c->recorded);
        }
    }
}

/* -- figures ------------------------------------------------------------------------------------
 */

/* Figure 2. */
static void test_reactive(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(1);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_MSEC(200));
    said("2>1 request, 1>2 notify, 2>1 old, 2>4 egress, 2>5 egress, 1>2 ack, 4>2 ack, 5>2 ack");
    same_instances(w, 2, &p);
    straight_to(w, 2, &p);
    assert_int_equal(count(w, 2, GW_HCNT_REACTIVE), 1);
    assert_int_equal(count(w, 2, GW_HCNT_FLOWS), FLOWS);
    assert_null(client(w, 1, &p)->flows);
    w_run(w, GW_SEC(200)); /* no packet is sent: the flows end, and all bindings */
    nothing_left(w);
    assert_int_equal(count(w, 4, GW_HCNT_UNBOUND), 1);
    assert_int_equal(count(w, 4, GW_HCNT_EXPIRED), 0);
    cw_free(w);
}

static struct gw_addr use(struct world *w, size_t node, const struct gw_prefix *p)
{
    w_run(w, GW_SEC(1));
    same_instances(w, node, p);
    struct gw_addr a = result(w, 4, p);
    return a;
}

/* The flags as the drafts draw them: D of RFC 8885 and C share a bit, and one attachment uses both.
 */
static void as_drawn(struct world *w, struct sim_node *n)
{
    (void)w;
    n->cfg[0].codec.profile = GW_PROFILE_AS_DRAWN;
}

static void test_as_drawn(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.also = as_drawn;
    struct world *w = usual(8);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    for (size_t to = 2; to <= 3; to++) {
        assert_int_equal(w_attach(w, to, MN), 0);
        struct gw_addr a = use(w, to, &p);
        assert_int_equal(node_of(w, &a), to);
    }
    assert_int_equal(count(w, 3, GW_HCNT_REACTIVE), 1);
    cw_free(w);
}

/* Figure 2, where nothing but the location server knows the old ingress; it restarts meanwhile, and
 * flows that had begun before it was configured are told to it. */
static void test_located(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(11);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    cw_locate(w);
    w_run(w, GW_MSEC(100));
    cw_located(w, &p, 1);
    w_crash(w, 0);
    w_boot(w, 0);
    cw_located(w, &p, 1);
    w_run(w, GW_SEC(2)); /* its peers know that it has restarted */
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_MSEC(300));
    said("2>1 request, 1>2 notify, 2>1 old, 2>5 egress, 2>4 egress, 1>2 ack, 5>2 ack, 4>2 ack");
    same_instances(w, 2, &p);
    straight_to(w, 2, &p);
    cw_located(w, &p, 2);
    assert_int_equal(w->n[2].node->locating->ingress->count[GW_LOCATECNT_FOUND], 1);
    w_run(w, GW_SEC(200));
    nothing_left(w);
    assert_int_equal(gw_table_count(&w->n[0].node->locating->server->by_client), 0);
    assert_int_equal(gw_table_count(&w->n[2].node->locating->ingress->by_client), 0);
    cw_free(w);
}

/* Figure 1. */
static void test_proactive(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(2);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    hint(w, 1, 2, 3);
    w_run(w, GW_MSEC(100));
    said("1>2 notify, 1>3 notify, 2>1 ack, 3>1 ack");
    hint(w, 1, 2, 3); /* again, as signals do */
    assert_int_equal(core(w, 2)->nexpected, 1);
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_MSEC(200));
    said("2>1 old, 2>4 egress, 2>5 egress, 1>3 no, 1>2 ack, 4>2 ack, 5>2 ack, 3>1 ack");
    same_instances(w, 2, &p);
    straight_to(w, 2, &p);
    assert_int_equal(count(w, 2, GW_HCNT_PROACTIVE), 1);
    assert_int_equal(core(w, 3)->nexpected, 0);
    w_run(w, GW_SEC(200));
    nothing_left(w);
    cw_free(w);
}

/* A candidate that the client does not go to forgets it, in any case. */
static void test_unused(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(3);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    hint(w, 1, 2, 3);
    w_run(w, GW_MSEC(100));
    assert_int_equal(core(w, 3)->nexpected, 1);
    w_run(w, GW_SEC(11));
    assert_int_equal(core(w, 3)->nexpected, 0);
    assert_int_equal(count(w, 3, GW_HCNT_UNUSED), 1);
    same_instances(w, 1, &p);
    w_run(w, GW_SEC(200));
    nothing_left(w);
    cw_free(w);
}

/* Back and forth, and on before it is finished. */
static void test_returns(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(4);
    struct gw_prefix p = w_own(w, 1, MN);
    static const size_t way[] = {2, 1, 3, 2, 3, 1, 2, 1};

    begin_flows(w, 1, &p);
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        assert_int_equal(w_attach(w, way[i], MN), 0);
        w_run(w, GW_SEC(1));
        same_instances(w, way[i], &p);
        straight_to(w, way[i], &p);
        w_run(w, GW_MSEC(10));
    }
    for (unsigned ms = 1; ms < 60; ms += 3) {
        assert_int_equal(w_attach(w, 2, MN), 0);
        w_run(w, GW_MSEC(ms));
        assert_int_equal(w_attach(w, 3, MN), 0);
        w_run(w, GW_SEC(3));
        same_instances(w, 3, &p);
        assert_int_equal(w_attach(w, 1, MN), 0);
        w_run(w, GW_SEC(3));
        same_instances(w, 1, &p);
        straight_to(w, 1, &p);
    }
    w_run(w, GW_SEC(300));
    nothing_left(w);
    cw_free(w);
}

/* -- what goes wrong ----------------------------------------------------------------------------
 */

/* One handover, of which the message of that number is lost; false: there were not so many. */
static bool one_lost(unsigned nth, bool proactive)
{
    cw_begin();
    struct world *w = usual(5);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    told.lose = nth;
    if (proactive)
        hint(w, 1, 2, 3);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 2, MN), 0);
    for (unsigned i = 0; i < 16; i++) {
        w_run(w, GW_MSEC(500));
        if (i >= 6)
            same_instances(w, 2, &p);
    }
    straight_to(w, 2, &p);
    bool more = told.n >= nth;
    w_run(w, GW_SEC(200));
    nothing_left(w);
    cw_free(w);
    return more;
}

static void test_each_lost(void **unused)
{
    (void)unused;
    unsigned n[2] = {1, 1};

    for (unsigned proactive = 0; proactive < 2; proactive++)
        while (one_lost(n[proactive], proactive != 0))
            n[proactive]++;
    assert_true(n[0] > 8 && n[1] > 12);
}

static void test_noise(void **unused)
{
    (void)unused;
    for (uint64_t seed = 10; seed < 20; seed++) {
        cw_begin();
        struct world *w = usual(seed);
        struct gw_prefix p = w_own(w, 1, MN);
        begin_flows(w, 1, &p);
        w_noise(w, 10, 20, 20);
        for (size_t i = 0; i < 8; i++) {
            size_t to = 1 + (i + seed) % 3;
            if (i % 2 == 0 && w_where(w, MN) != to && w->n[w_where(w, MN)].node != NULL)
                hint(w, w_where(w, MN), to, 1 + to % 3);
            w_run(w, GW_MSEC(100));
            (void)w_attach(w, to, MN);
            w_run(w, GW_SEC(15));
            same_instances(w, to, &p);
            w_run(w, GW_MSEC(20));
        }
        w_noise(w, 0, 0, 0);
        w_run(w, GW_SEC(300));
        nothing_left(w);
        cw_free(w);
    }
}

/* kill -9 of each node that has a part, at each moment of a handover. */
static void one_killed(size_t node, unsigned ms, bool proactive)
{
    cw_begin();
    struct world *w = usual(6);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    if (proactive)
        hint(w, 1, 2, 3);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_MSEC(ms));
    w_crash(w, node);
    w_run(w, GW_MSEC(300));
    w_boot(w, node);
    if (node == 2)
        assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_SEC(8));
    same_instances(w, 2, &p);
    straight_to(w, 2, &p);
    w_run(w, GW_SEC(300));
    nothing_left(w);
    cw_free(w);
}

static void test_killed(void **unused)
{
    (void)unused;
    static const size_t nodes[] = {1, 2, 4};

    for (size_t i = 0; i < 3; i++)
        for (unsigned ms = 1; ms < 60; ms += 4) {
            size_t node = nodes[i];
            one_killed(node, ms, false);
            one_killed(node, ms, true);
        }
}

/* Who restarts knows what it has said: bindings are there before anybody refreshes them. */
static void test_restarts(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(7);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_MSEC(200));
    w_crash(w, 4);
    w_boot(w, 4);
    w_run(w, GW_MSEC(1));
    straight_to(w, 2, &p);
    w_crash(w, 2);
    w_boot(w, 2);
    assert_int_equal(w_attach(w, 2, MN), 0);
    for (unsigned i = 0; i < 20; i++) { /* they are used, and the bindings refreshed */
        w_run(w, GW_SEC(5));
        same_instances(w, 2, &p);
        straight_to(w, 2, &p);
    }
    assert_int_equal(w_attach(w, 3, MN), 0); /* of a later generation than before */
    w_run(w, GW_SEC(1));
    same_instances(w, 3, &p);
    straight_to(w, 3, &p);
    w_run(w, GW_SEC(300));
    nothing_left(w);
    cw_free(w);
}

/* -- what peers may not do ----------------------------------------------------------------------
 */

struct lie {
    uint32_t generation;
    size_t old; /* the node that is said to have had it */
    bool token; /* a made-up one */
    uint16_t lifetime;
};

static void claim(struct gw_mh *m, struct gw_cats_buf *b, struct world *w, size_t to,
                  const struct gw_prefix *p, const struct lie *lie)
{
    static uint64_t id;

    *m = (struct gw_mh){.type = GW_MH_BA};
    m->ba = (struct gw_mh_ba){.flags = GW_BA_P | GW_BA_C, .seq = 7, .lifetime = lie->lifetime};
    b->used = 60;
    gw_mh_add(m, GW_OPT_CATS_CLIENT)->addr = p->addr;
    if (lie->old != 0)
        gw_mh_add(m, GW_OPT_CATS_ADDR)->addr = w->n[lie->old].cfg[0].addr;
    assert_int_equal(gw_cats_add(m, b,
                                 &(struct gw_cats_item){.type = GW_CATS_MOVE,
                                                        .move = {.generation = lie->generation}}),
                     0);
    struct gw_cats_item t = {
        .type = GW_CATS_TOKEN,
        .token = {.egress = w->n[to].cfg[0].addr, .spi = 256, .expiry = UINT32_MAX / 2}};
    if (lie->token)
        assert_int_equal(gw_cats_add(m, b, &t), 0);
    gw_mh_add(m, GW_OPT_MESGID)->u64 = gw_ntp_time(w_now(w).wall_ns) + ++id;
}

static int lie_to(struct world *w, size_t from, size_t to, const struct gw_prefix *p,
                  struct lie lie)
{
    static struct gw_mh m;
    static struct gw_cats_buf b;

    claim(&m, &b, w, to, p, &lie);
    return w_inject(w, from, to, &m, NULL);
}

/* Node 3 would like to have the client that is at node 1. */
static void test_stolen(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(30);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    assert_int_equal(lie_to(w, 3, 1, &p, (struct lie){1, 0, false, 8}), GW_EDENIED);
    assert_int_equal(count(w, 1, GW_HCNT_UNASKED), 1);
    assert_int_equal(lie_to(w, 3, 4, &p, (struct lie){1, 1, false, 8}), GW_EDENIED);
    assert_int_equal(lie_to(w, 3, 4, &p, (struct lie){1, 1, true, 8}), GW_EDENIED);
    assert_int_equal(lie_to(w, 3, 4, &p, (struct lie){1, 3, true, 8}), GW_EDENIED);
    assert_int_equal(lie_to(w, 3, 4, &p, (struct lie){1, 4, true, 8}), GW_EDENIED);
    assert_int_equal(count(w, 4, GW_HCNT_TOKEN), 4);
    assert_int_equal(lie_to(w, 0, 4, &p, (struct lie){1, 1, true, 8}), GW_EDENIED);
    w_run(w, GW_SEC(1));
    struct gw_addr a = result(w, 4, &p);
    assert_true(gw_addr_is_zero(&a)); /* as before: to the anchor, plainly */
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_SEC(1));
    straight_to(w, 2, &p);
    /* Now it is at node 2, which has not given it away; and nobody but node 2 may end it. */
    for (uint32_t g = 0; g < 4; g++)
        assert_int_equal(lie_to(w, 3, 4, &p, (struct lie){g, 1 + g % 2, true, 8}), GW_EDENIED);
    assert_int_equal(lie_to(w, 3, 4, &p, (struct lie){1, 2, true, 0}), 0);
    straight_to(w, 2, &p);
    same_instances(w, 2, &p);
    cw_free(w);
}

/* A request for a client that has not moved: nothing is given away. */
static void test_requested(void **unused)
{
    (void)unused;
    static struct gw_mh m;
    static struct gw_cats_buf b;
    cw_begin();
    struct world *w = usual(31);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    struct lie lie = {.generation = 0};
    claim(&m, &b, w, 1, &p, &lie);
    m.type = GW_MH_BU;
    m.bu = (struct gw_mh_bu){.seq = 9, .flags = GW_BU_P | GW_BU_C | GW_BU_N, .lifetime = 8};
    assert_int_equal(w_inject(w, 3, 1, &m, NULL), GW_EAGAIN);
    w_run(w, GW_SEC(1));
    assert_int_equal(told.n, 0);
    assert_int_equal(w_attach(w, 2, MN), 0); /* and it is node 2 that gets it */
    w_run(w, GW_SEC(1));
    same_instances(w, 2, &p);
    straight_to(w, 2, &p);
    w_run(w, GW_SEC(12));
    assert_int_equal(count(w, 1, GW_HCNT_ELSEWHERE), 1);
    assert_int_equal(count(w, 1, GW_HCNT_OUT_NOTIFICATION), 1);
    cw_free(w);
}

/* Candidates beyond the limit are counted and refused, and each is forgotten in time. */
static void test_limits(void **unused)
{
    (void)unused;
    cw_begin();
    struct world *w = usual(32);
    struct gw_prefix p = w_own(w, 1, MN);

    for (size_t i = 1; i <= 3; i++)
        w->n[i].cfg[0].handover.candidates = 0;
    w->n[1].cfg[0].handover.flows = FLOWS;
    begin_flows(w, 1, &p);
    (void)uplink(w, 1, &p, FLOWS);
    w_run(w, GW_MSEC(10));
    assert_int_equal(client(w, 1, &p)->nflows, FLOWS);
    assert_int_equal(count(w, 1, GW_HCNT_LIMIT_FLOWS), 1);
    hint(w, 1, 2, 3);
    w_run(w, GW_MSEC(100));
    assert_int_equal(count(w, 2, GW_HCNT_LIMIT_CANDIDATES), 1);
    assert_int_equal(w_attach(w, 2, MN), 0); /* as if nobody had told */
    w_run(w, GW_SEC(1));
    assert_int_equal(count(w, 2, GW_HCNT_REACTIVE), 1);
    same_instances(w, 2, &p);
    straight_to(w, 2, &p);
    cw_free(w);
}

/* -- what is kept back --------------------------------------------------------------------------
 */

static struct {
    char text[2048];
} kept;

static void watch(void *user, const struct sim_node *n, const struct gw_action *a)
{
    static const char *const names[] = {
        [GW_INTENT_HOLD_SET] = "hold", [GW_INTENT_HOLD_DEL] = "release", [GW_INTENT_MARK] = "mark"};
    static const char *const nodes[] = {"0", "1", "2", "3"};
    size_t used = strlen(kept.text);

    (void)user;
    if (a->kind != GW_ACT_INTENT || a->intent.kind < GW_INTENT_HOLD_SET ||
        a->intent.kind > GW_INTENT_MARK)
        return;
    bool mark = a->intent.kind == GW_INTENT_MARK;
    (void)snprintf(kept.text + used, sizeof kept.text - used, "%s%s %s%s", used != 0 ? ", " : "",
                   n->index < 4 ? nodes[n->index] : "egress", names[a->intent.kind],
                   mark                                    ? ""
                   : a->intent.hold.up                     ? " up"
                   : gw_addr_is_zero(&a->intent.hold.from) ? " down"
                                                           : " direct");
}

static void kept_as(const char *text)
{
    if (strcmp(kept.text, text) != 0)
        fail_msg("kept: %s", kept.text);
    kept.text[0] = '\0';
}

/* What is held is released, in the right order, and what waits for a marker waits no longer than it
 * may. */
static void test_kept(void **unused)
{
    (void)unused;
    cw_begin();
    cw_plan.kept = 100;
    cw_plan.in_order = true;
    struct world *w = usual(33);
    struct gw_prefix p = w_own(w, 1, MN);

    begin_flows(w, 1, &p);
    w->sim->hooks.action = watch;
    memset(&kept, 0, sizeof kept);
    hint(w, 1, 2, 3);
    w_run(w, GW_MSEC(20));
    kept_as("1 hold down");
    assert_int_equal(w_attach(w, 2, MN), 0);
    w_run(w, GW_MSEC(100));
    kept_as("2 hold direct, 2 hold direct, 1 release down, egress mark, egress mark, "
            "2 release direct, 2 release direct");
    struct gw_input in = {.kind = GW_IN_MARKED,
                          .marked = {.prefix = p, .by = w->n[4].cfg[0].addr, .generation = 2}};
    assert_int_equal(w_input(w, 2, &in), GW_ENOENT);
    w_run(w, GW_SEC(1)); /* each had its marker in time */
    kept_as("");
    assert_int_equal(count(w, 2, GW_HCNT_HELD_TOO_LONG), 0);
    same_instances(w, 2, &p);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_attach(w, 3, MN), 0); /* unannounced */
    w_run(w, GW_MSEC(100));
    same_instances(w, 3, &p);
    assert_non_null(strstr(kept.text, "3 hold up, "));
    assert_non_null(strstr(kept.text, "3 release up, "));
    w->sim->hooks.action = NULL;
    w_run(w, GW_SEC(200));
    nothing_left(w);
    cw_free(w);
}

/* -- memory -------------------------------------------------------------------------------------
 */

/* One allocation is refused: the handover may fail, nothing is left of it, and nothing breaks. */
static void test_memory(void **unused)
{
    (void)unused;
    for (uint64_t nth = 1; nth < 120; nth += 2) {
        cw_begin();
        cw_plan.kept = 10;
        struct world *w = usual(34);
        struct gw_prefix p = w_own(w, 1, MN);
        begin_flows(w, 1, &p);
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 1;
        if (nth % 4 == 1)
            hint(w, 1, 2, 3);
        w_run(w, GW_MSEC(100));
        (void)w_attach(w, 2, MN);
        w_run(w, GW_SEC(5));
        (void)w_attach(w, 3, MN);
        w_run(w, GW_SEC(300));
        nothing_left(w);
        cw_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reactive),  cmocka_unit_test(test_proactive),
        cmocka_unit_test(test_unused),    cmocka_unit_test(test_returns),
        cmocka_unit_test(test_each_lost), cmocka_unit_test(test_noise),
        cmocka_unit_test(test_killed),    cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_stolen),    cmocka_unit_test(test_requested),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_kept),
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_as_drawn),
        cmocka_unit_test(test_located),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
