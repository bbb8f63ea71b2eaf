/* test_transfer.c: a transaction moves to another instance (figure 3): node 0 is the client's
 * ingress, 1 the old egress, 2 the new one. The drivers' part is a model of two instances, which
 * says at any time who has the transaction. Every message of a move is lost, doubled and the last
 * thing that one of the three lives to see, one after the other: exactly one instance has it in
 * the end, the client's flow goes there, and nothing is left.
 */
#include "cats_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fn/handover/transfer_int.h"
#include "node/handover.h"
#include "node/steering.h"

enum has { NOTHING, RUNS, STOPPED, HOLDS };

/* What the drivers and instances of both egresses do. */
static struct {
    enum has has[3];
    bool exporting, expecting;
    unsigned carrying; /* ms left */
    unsigned size, limit;
    bool no_export, no_import, lame; /* lame: the state never arrives */
    struct {
        bool due;
        size_t node;
        struct gw_transfer_progress p;
    } answer[8];
    struct gw_transfer_what what;
    unsigned steps[6];
} m;

/* What goes wrong: at the at-th message of a move. */
enum wrong { FINE, LOST, DOUBLED, KILL, CUT };
static struct {
    unsigned seen, at;
    enum wrong what;
    size_t victim;
    bool dead, cut;
    unsigned types[32];
} fault;

static void answer(size_t node, enum gw_transfer_do of, uint8_t code)
{
    for (size_t i = 0; i < 8; i++)
        if (!m.answer[i].due) {
            m.answer[i].due = true;
            m.answer[i].node = node;
            m.answer[i].p = (struct gw_transfer_progress){.ingress = m.what.ingress,
                                                          .id = m.what.id,
                                                          .of = of,
                                                          .done = true,
                                                          .code = code,
                                                          .size = m.size,
                                                          .moved = m.size};
            return;
        }
    fail_msg("too many answers");
}

static void give(size_t node)
{
    if (m.no_export) {
        answer(node, GW_TRANSFER_EXPORT, GW_TRANSFER_NO_EXPORT);
        return;
    }
    assert_true(m.has[node] == RUNS || m.has[node] == STOPPED);
    m.has[node] = STOPPED;
    m.exporting = true;
}

static void step(struct world *w, size_t node, const struct gw_transfer_step *s)
{
    (void)w;
    m.what = *s->about;
    m.steps[s->what]++;
    switch (s->what) {
    case GW_TRANSFER_EXPORT:
        give(node);
        return;
    case GW_TRANSFER_EXPECT:
        m.expecting = true;
        return;
    case GW_TRANSFER_FORGET:
        assert_true(m.has[node] != RUNS);
        m.has[node] = NOTHING;
        break;
    case GW_TRANSFER_KEEP:
        assert_true(m.has[node] != NOTHING);
        m.has[node] = RUNS;
        m.exporting = false;
        break;
    case GW_TRANSFER_RESUME:
        assert_true(m.has[node] == HOLDS || m.has[node] == RUNS);
        m.has[node] = RUNS;
        break;
    case GW_TRANSFER_DISCARD:
        assert_true(m.has[node] != RUNS);
        m.has[node] = NOTHING;
        m.expecting = false;
        break;
    }
    answer(node, s->what, GW_TRANSFER_FINE);
}

static bool up(const struct world *w, size_t node)
{
    return w->n[node].node != NULL;
}

static void carry(struct world *w)
{
    if (!m.exporting || !m.expecting || m.lame || !up(w, 1) || !up(w, 2)) {
        m.carrying = 10;
        return;
    }
    if (m.carrying-- > 0)
        return;
    m.exporting = m.expecting = false;
    m.has[2] = m.no_import ? NOTHING : HOLDS;
    answer(2, GW_TRANSFER_EXPECT, m.no_import ? GW_TRANSFER_NO_IMPORT : GW_TRANSFER_FINE);
    answer(1, GW_TRANSFER_EXPORT, GW_TRANSFER_FINE);
}

static void tell(struct world *w)
{
    for (size_t i = 0; i < 8; i++) {
        struct gw_input in = {.kind = GW_IN_TRANSFER, .transfer = m.answer[i].p};
        if (!m.answer[i].due)
            continue;
        m.answer[i].due = false;
        if (up(w, m.answer[i].node))
            (void)w_input(w, m.answer[i].node, &in);
    }
}

static void kill(struct world *w, size_t node)
{
    w_crash(w, node);
    m.exporting = m.exporting && node != 1;
    m.expecting = m.expecting && node != 2;
    for (size_t i = 0; i < 8; i++)
        m.answer[i].due = m.answer[i].due && m.answer[i].node != node;
}

/* As their checks would. */
static void report(struct world *w)
{
    if (up(w, 1))
        (void)cw_report(w, 1, 0, GW_INSTANCE_UP, 5, 40000);
    if (up(w, 2))
        (void)cw_report(w, 2, 0, GW_INSTANCE_UP, 1, 1000);
}

static void run_by(struct world *w, unsigned ms, unsigned by)
{
    static unsigned down;

    for (unsigned past = 0; past < ms; past += by) {
        if (past % 1000 == 0)
            report(w);
        w_run(w, GW_MSEC(by));
        if (fault.dead && up(w, fault.victim)) {
            kill(w, fault.victim);
            down = 200; /* sooner than paths are given up */
        }
        if (fault.dead && (down -= by) == 0) {
            fault.dead = false;
            w_boot(w, fault.victim);
        }
        carry(w);
        tell(w);
        assert_false(m.has[1] == RUNS && m.has[2] == RUNS);
    }
}

static void run(struct world *w, unsigned ms)
{
    unsigned closely = ms < 1000 ? ms : 1000;

    run_by(w, closely, 1);
    run_by(w, ms - closely, 20);
}

static int tap(struct world *w, struct sim_message *e)
{
    unsigned type = e->data[9];

    if (e->data[2] != 11 || type < GW_CATS_TRANSFER_REQUEST || type > GW_CATS_TRANSFER_READY)
        return 0;
    fault.types[type]++;
    if (fault.cut && (e->from == fault.victim || e->to == fault.victim))
        return 1;
    if (++fault.seen != fault.at)
        return 0;
    switch (fault.what) {
    case FINE:
        break;
    case LOST:
        return 1;
    case DOUBLED:
        sim_core_mh(w->sim, e->from, e->addrs, e->data, e->len);
        break;
    case KILL:
        fault.dead = true;
        break;
    case CUT:
        fault.cut = true;
        return e->from == fault.victim || e->to == fault.victim;
    }
    return 0;
}

static const unsigned three[] = {GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER};
#define FLOW 7

/* One instance at each egress; the flow is made while only the old one is up. */
static struct world *begin_with(uint64_t seed, bool moves)
{
    memset(&m, 0, sizeof m);
    memset(&fault, 0, sizeof fault);
    cw_begin();
    cw_plan.moves = moves;
    cw_plan.instances[1] = cw_plan.instances[2] = 1;
    cw_plan.checked = true;
    cw_plan.switches = true;
    struct world *w = cw_new(three, 3, seed);
    struct gw_addr from = cw_csci(1, 0);

    w->transfer = step;
    m.has[1] = RUNS;
    m.size = 4000;
    assert_int_equal(cw_report(w, 1, 0, GW_INSTANCE_UP, 5, 40000), 0);
    w_run(w, GW_SEC(2));
    struct gw_addr to = cw_send(w, 0, FLOW);
    assert_true(gw_addr_eq(&to, &from));
    assert_int_equal(cw_report(w, 2, 0, GW_INSTANCE_UP, 1, 1000), 0);
    w_run(w, GW_SEC(2));
    w->tap = tap;
    return w;
}

static struct world *begin(uint64_t seed)
{
    return begin_with(seed, false);
}

static struct gw_flow_id the_flow(void)
{
    return (struct gw_flow_id){
        .src = {{0xfd, 1, [15] = FLOW}}, .proto = 17, .sport = 1024 + FLOW, .dport = 5000};
}

static int order(struct world *w, const struct gw_addr *to)
{
    struct gw_flow_id flow = the_flow();
    struct gw_transfer_order o = {
        .service = cw_service(0), .from = cw_csci(1, 0), .to = to, .nflows = 1, .flow = &flow};
    uint64_t id;
    int err = gw_node_transfer(w->n[0].node, &o, w_now_at(w, 0), &id);

    w_drain(w, 0);
    return err;
}

static struct gw_transfers *transfers(struct world *w, size_t node)
{
    return &w->n[node].node->steering->transfers;
}

static uint64_t count(struct world *w, size_t node, enum gw_transfer_count c)
{
    return transfers(w, node)->count[c];
}

static int is_record(void *user, const void *key, size_t key_len, const void *value, size_t len)
{
    (void)key_len;
    (void)value;
    (void)len;
    *(unsigned *)user += *(const uint8_t *)key == GW_TRANSFER_RECORD;
    return 0;
}

/* One instance has it, the flow goes there, and nobody knows of the move any more. */
static bool settled(struct world *w)
{
    struct gw_addr at = cw_send(w, 0, FLOW), one = cw_csci(m.has[1] == RUNS ? 1 : 2, 0);
    unsigned records = 0;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gw_table_count(&transfers(w, i)->table), 0);
        w_records(w, i, is_record, &records);
    }
    assert_int_equal(records, 0);
    assert_true((m.has[1] == RUNS) != (m.has[2] == RUNS));
    assert_true(m.has[1] == RUNS || m.has[1] == NOTHING);
    assert_true(m.has[2] == RUNS || m.has[2] == NOTHING);
    assert_true(gw_addr_eq(&at, &one));
    return m.has[2] == RUNS;
}

static void test_moves(void **unused)
{
    (void)unused;
    struct world *w = begin(1);

    assert_int_equal(order(w, NULL), 0);
    assert_int_equal(order(w, NULL), GW_EEXIST);
    run(w, 500);
    assert_int_equal(m.has[2], RUNS);
    assert_int_equal(m.has[1], STOPPED); /* what is on its way is not to be answered by a reset */
    run(w, 5000);
    assert_int_equal(m.has[1], NOTHING);
    assert_int_equal(count(w, 0, GW_TCNT_SWITCHED), 1);
    assert_int_equal(count(w, 1, GW_TCNT_GIVEN), 1);
    assert_int_equal(count(w, 2, GW_TCNT_TAKEN), 1);
    for (unsigned i = GW_CATS_TRANSFER_REQUEST; i <= GW_CATS_TRANSFER_READY; i++)
        assert_in_range(fault.types[i], 1, 5);
    run(w, 10000);
    assert_true(settled(w));
    cw_free(w);
}

/* Whoever cannot says why, and the old instance goes on. */
static void refused(void (*spoil)(struct world *w), enum gw_transfer_code code)
{
    struct world *w = begin(2);
    struct gw_addr to = cw_csci(2, 0);
    struct gw_service_key k = cw_service(0);
    struct gw_addr client = {{0xfd, 1}};

    spoil(w);
    assert_int_equal(order(w, &to), 0);
    run(w, 3500);
    const struct gw_transfer *t = gw_transfer_of(transfers(w, 0), &client, &k);
    assert_non_null(t);
    assert_int_equal(t->state, GW_TRANSFER_OVER);
    assert_int_equal(t->code, code);
    assert_int_equal(m.has[1], RUNS);
    assert_int_equal(count(w, 0, GW_TCNT_FAILED), 1);
    w->tap = NULL;
    run(w, 10000);
    assert_false(settled(w));
    cw_free(w);
}

/* A client that is here, as fn/lm would say, and uses what has become worse: nobody asks for it. */
static void test_by_itself(void **unused)
{
    (void)unused;
    struct world *w = begin_with(3, true);
    struct gw_handover *h = &w->n[0].node->moving->handover;
    struct gw_intent i = {.kind = GW_INTENT_PREFIX_SET,
                          .prefix = {.prefix = {.addr = {{0xfd, 1}}, .len = 64},
                                     .kind = GW_PFX_LOCAL,
                                     .station = w_station(1)}};
    struct gw_input in = {
        .kind = GW_IN_FLOW,
        .flow = {.service = cw_service(0), .flow = the_flow(), .csci_id = cw_csci(1, 0)}};

    gw_handover_intent(h, &i);
    gw_handover_settle(h);
    assert_int_equal(w_input(w, 0, &in), 0);
    run(w, 3500);
    assert_int_equal(m.has[2], RUNS);
    assert_int_equal(count(w, 0, GW_TCNT_BEGUN), 1);
    struct gw_addr at = cw_send(w, 0, FLOW), to = cw_csci(2, 0);
    assert_true(gw_addr_eq(&at, &to));
    const struct gw_client *c = gw_handover_client(h, &i.prefix.prefix.addr);
    assert_true(c != NULL && c->flows != NULL && gw_addr_eq(&c->flows->csci_id, &to));
    uint64_t looked = count(w, 0, GW_TCNT_LOOKED);
    run(w, 3000); /* it is left alone */
    assert_int_equal(count(w, 0, GW_TCNT_LOOKED), looked);
    run(w, 10000);
    assert_true(count(w, 0, GW_TCNT_LOOKED) > looked);
    assert_int_equal(count(w, 0, GW_TCNT_BEGUN), 1); /* nothing is better now */
    cw_free(w);
}

static void no_export(struct world *w)
{
    (void)w;
    m.no_export = true;
}
static void no_import(struct world *w)
{
    (void)w;
    m.no_import = true;
}
static void lame(struct world *w)
{
    (void)w;
    m.lame = true;
}
static void old_without(struct world *w)
{
    w->n[1].cfg[0].handover.transfer.port = 0;
}
static void new_without(struct world *w)
{
    w->n[2].cfg[0].handover.transfer.port = 0;
}
static struct gw_prefix pool;
static void of_another(struct world *w)
{
    struct gw_config *c = &w->n[1].cfg[0];

    pool = (struct gw_prefix){.addr = {{0xfd, 1}}, .len = 32};
    for (size_t i = 0; i < c->npeers; i++)
        if (gw_addr_eq(&c->peers[i].addr, &w->n[2].cfg[0].addr)) {
            c->peers[i].npools = 1;
            c->peers[i].pools = &pool;
        }
}

static void test_refusals(void **unused)
{
    (void)unused;
    refused(no_export, GW_TRANSFER_NO_EXPORT);
    refused(no_import, GW_TRANSFER_NO_IMPORT);
    refused(lame, GW_TRANSFER_TIMEOUT);
    refused(old_without, GW_TRANSFER_NO_EXPORT);
    refused(new_without, GW_TRANSFER_NO_IMPORT);
    refused(of_another, GW_TRANSFER_DENIED);
}

/* -- everything that can go wrong once ----------------------------------------------------------
 */

static unsigned outcomes[2];

/* false: the move has fewer messages than that. */
static bool try(unsigned at, enum wrong what, size_t victim)
{
    struct world *w = begin(100 + at);
    struct gw_addr to = cw_csci(2, 0);

    fault.at = at;
    fault.what = what;
    fault.victim = victim;
    assert_int_equal(order(w, &to), 0);
    run(w, 4000);
    fault.cut = false;
    bool reached = fault.seen >= at;
    run(w, 26000);
    outcomes[settled(w)]++;
    cw_free(w);
    return reached;
}

static void enumerate(enum wrong what, size_t victims)
{
    outcomes[0] = outcomes[1] = 0;
    for (size_t v = 0; v < victims; v++)
        for (unsigned at = 1; try(at, what, v); at++)
            ;
}

static void test_each_message_is_lost(void **unused)
{
    (void)unused;
    enumerate(LOST, 1);
    assert_true(outcomes[1] >= 8);
    assert_int_equal(outcomes[0], 0); /* it is only said again */
}

static void test_each_message_is_doubled(void **unused)
{
    (void)unused;
    enumerate(DOUBLED, 1);
    assert_true(outcomes[1] >= 8);
    assert_int_equal(outcomes[0], 0);
}

static void test_each_of_them_is_killed_at_each_message(void **unused)
{
    (void)unused;
    enumerate(KILL, 3);
    assert_true(outcomes[0] > 0 && outcomes[1] > 8);
}

static void test_each_of_them_is_cut_off_at_each_message(void **unused)
{
    (void)unused;
    enumerate(CUT, 3);
    assert_true(outcomes[0] > 0 && outcomes[1] > 8);
}

/* Between the messages, too. */
static void test_each_of_them_is_killed_at_any_time(void **unused)
{
    (void)unused;
    outcomes[0] = outcomes[1] = 0;
    for (size_t v = 0; v < 3; v++)
        for (unsigned ms = 1; ms < 120; ms += 5) {
            struct world *w = begin(300 + ms);
            struct gw_addr to = cw_csci(2, 0);
            fault.victim = v;
            assert_int_equal(order(w, &to), 0);
            run(w, ms);
            fault.dead = true;
            run(w, 30000);
            outcomes[settled(w)]++;
            cw_free(w);
        }
    assert_true(outcomes[0] > 0 && outcomes[1] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_by_itself),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_each_message_is_lost),
        cmocka_unit_test(test_each_message_is_doubled),
        cmocka_unit_test(test_each_of_them_is_killed_at_each_message),
        cmocka_unit_test(test_each_of_them_is_cut_off_at_each_message),
        cmocka_unit_test(test_each_of_them_is_killed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
