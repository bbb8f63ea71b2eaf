/* Heartbeats (RFC 5847): who is up, who is down, who has lost its state, and that everything is as
 * it was a few heartbeats later; what hostile ones change (nothing); a thousand peers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

#define INTERVAL GW_SEC(10)

/* A world whose nodes ask each other every ten seconds. */
static struct world *make(size_t maars, uint64_t seed)
{
    struct world *w = w_new(maars, seed);

    for (size_t i = 0; i < w->nnodes; i++) {
        w_crash(w, i);
        w_forget(w, i);
        w->n[i].cfg->heartbeat.interval = INTERVAL;
        w->n[i].cfg->heartbeat.missing_allowed = 3;
        w->n[i].cfg->daemon.durability = GW_DURABLE_EACH;
        w_boot(w, i);
    }
    w_run(w, GW_SEC(25));
    return w;
}

static struct gw_talk *peer(struct world *w, size_t node, size_t of)
{
    struct gw_peer *p = gw_peer_get(w->n[node].node, &w->n[of].cfg->addr);
    assert_non_null(p);
    assert_non_null(p->talk);
    return p->talk;
}

static void up(void **state)
{
    (void)state;
    struct world *w = make(2, 1);

    for (size_t i = 0; i <= 2; i++)
        for (size_t j = 0; j <= 2; j++) {
            if (i == j)
                continue;
            assert_int_equal(peer(w, i, j)->hb.state, GW_HB_UP);
            assert_int_equal(peer(w, i, j)->hb.rtt.ns, GW_MSEC(10).ns);
            assert_int_equal(peer(w, i, j)->hb.counter, w->n[j].node->restarts);
        }
    unsigned before = w->sent[GW_MH_HEARTBEAT];
    w_run(w, GW_SEC(100));
    assert_int_equal(w->sent[GW_MH_HEARTBEAT] - before, 3 * 2 * 10 * 2);
    w->n[0].cfg->heartbeat.interval = GW_SEC(0); /* the CMD asks no more, and answers on */
    w_run(w, INTERVAL);
    before = w->sent[GW_MH_HEARTBEAT];
    w_run(w, GW_SEC(100));
    assert_int_equal(w->sent[GW_MH_HEARTBEAT] - before, 2 * 2 * 10 * 2);
    w_free(w);
}

static void down(void **state)
{
    (void)state;
    struct world *w = make(2, 2);

    w_crash(w, 2);
    w_run(w, GW_SEC(30)); /* at most three misses: not yet */
    assert_int_equal(peer(w, 0, 2)->hb.state, GW_HB_UP);
    w_run(w, GW_SEC(20));
    assert_int_equal(peer(w, 0, 2)->hb.state, GW_HB_DOWN);
    assert_int_equal(peer(w, 1, 2)->hb.state, GW_HB_DOWN);
    assert_int_equal(peer(w, 0, 1)->hb.state, GW_HB_UP);
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_DOWN), 1);
    w_run(w, GW_SEC(100));
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_DOWN), 1);
    w_boot(w, 2);
    w_run(w, GW_SEC(11));
    assert_int_equal(peer(w, 0, 2)->hb.state, GW_HB_UP);
    assert_int_equal(peer(w, 0, 2)->hb.missed, 0);
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_UP), 1);
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_RESTARTED), 0); /* it has lost nothing */
    w_free(w);
}

/* RFC 5847 §3.2: the counter changes when state is lost, and only then. */
static void counter(void **state)
{
    (void)state;
    struct world *w = make(1, 3);
    uint32_t c = w->n[1].node->restarts;

    assert_int_equal(c, (uint32_t)(w_now(w).wall_ns / 1000000000 - 25));
    w_crash(w, 1); /* each: everything is there */
    w_boot(w, 1);
    assert_int_equal(w->n[1].node->restarts, c);
    w->n[1].cfg->daemon.durability = GW_DURABLE_BATCH; /* the process, not the machine */
    w_crash(w, 1);
    w_boot(w, 1);
    assert_int_equal(w->n[1].node->restarts, c);
    w_run(w, GW_SEC(500));
    w_power(w, 1);
    w_boot(w, 1);
    assert_int_equal(w->n[1].node->restarts, c + 1);
    w->n[1].cfg->daemon.durability = GW_DURABLE_NONE;
    w_crash(w, 1);
    w_boot(w, 1);
    assert_int_equal(w->n[1].node->restarts, c + 2);
    assert_int_equal(w_input(w, 1, &(struct gw_input){.kind = GW_IN_STOP}), 0);
    w_crash(w, 1); /* it stopped in order */
    w_boot(w, 1);
    assert_int_equal(w->n[1].node->restarts, c + 2);
    w_run(w, GW_SEC(30));
    w_crash(w, 1);
    w_forget(w, 1);
    w_boot(w, 1);
    assert_true(w->n[1].node->restarts > c + 2);
    w_free(w);
}

/* Nodes 1..n with a walk through all MAARs behind them; the last is where they are. */
static void populate(struct world *w, unsigned mns)
{
    for (size_t at = 1; at < w->nnodes; at++)
        for (unsigned mn = 1; mn <= mns; mn++) {
            (void)w_attach(w, at, mn);
            w_run(w, GW_MSEC(100));
        }
    w_run(w, GW_SEC(5));
    for (unsigned mn = 1; mn <= mns; mn++)
        w_check(w, mn, w->nnodes - 1);
}

/* Whoever restarts, with its store or without, with or without loss: the bindings are complete
 * again, at the latest a few heartbeats later. */
static void restarts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct world *w = make(3, 10 + i);
        size_t who = i % 3; /* the CMD, and two previous MAARs */
        bool forget = i % 6 >= 3, loss = i >= 6;
        populate(w, 5);
        w_noise(w, loss ? 20 : 0, 0, 0);
        w_crash(w, who);
        if (forget)
            w_forget(w, who);
        w_run(w, GW_SEC(1));
        w_boot(w, who);
        w_run(w, loss ? GW_SEC(50) : GW_SEC(1)); /* told at once that it restarted */
        w_noise(w, 0, 0, 0);
        w_run(w, loss ? GW_SEC(40) : GW_SEC(1));
        assert_int_equal(w_count(w, who == 0 ? 3 : 0, GW_CNT_PEER_RESTARTED), forget);
        for (unsigned mn = 1; mn <= 5; mn++)
            w_check(w, mn, 3);
        w_check_all(w);
        w_free(w);
    }
}

/* The CMD and a MAAR go down together, and the MAAR loses its store: the CMD remembers the counter
 * that it knew. */
static void together(void **state)
{
    (void)state;
    struct world *w = make(2, 30);

    populate(w, 3);
    w_crash(w, 0);
    w_crash(w, 1);
    w_forget(w, 1);
    w_run(w, GW_SEC(1));
    w_boot(w, 1);
    w_run(w, GW_SEC(1));
    w_boot(w, 0);
    w_run(w, GW_SEC(12));
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_RESTARTED), 1);
    for (unsigned mn = 1; mn <= 3; mn++)
        w_check(w, mn, 2);
    w_free(w);
}

/* Two restarts in a row, the second while the first is being repaired. */
static void again(void **state)
{
    (void)state;
    struct world *w = make(3, 31);

    populate(w, 5);
    for (unsigned i = 0; i < 3; i++) {
        w_crash(w, 0);
        w_forget(w, 0);
        w_run(w, GW_MSEC(1500));
        w_boot(w, 0);
        w_run(w, GW_MSEC(12));
    }
    w_run(w, GW_SEC(30));
    for (unsigned mn = 1; mn <= 5; mn++)
        w_check(w, mn, 3);
    w_check_all(w);
    w_free(w);
}

static struct gw_mh scratch;
static struct gw_mh *message(struct world *w, bool response, bool unsolicited, uint32_t seq,
                             uint32_t restart)
{
    struct gw_mh *m = &scratch;

    w_run(w, GW_MSEC(1));
    m->type = GW_MH_HEARTBEAT;
    m->nopts = 0;
    m->hb = (struct gw_mh_heartbeat){.response = response, .unsolicited = unsolicited, .seq = seq};
    if (response)
        gw_mh_add(m, GW_OPT_RESTART)->u32 = restart;
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    return m;
}

static void hostile(void **state)
{
    (void)state;
    struct world *w = make(1, 40);
    struct gw_talk *p = peer(w, 0, 1);
    struct gw_key wrong = {.spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16};
    uint32_t known = p->hb.counter;

    populate(w, 1);
    while (p->hb.waiting)
        w_run(w, GW_MSEC(1));
    uint32_t seq = p->hb.seq;
    /* never asked for; the one that has been answered; another sequence number */
    assert_int_equal(w_inject(w, 1, 0, message(w, true, false, seq, 7), NULL), GW_ENOENT);
    assert_int_equal(w_inject(w, 1, 0, message(w, true, false, seq + 1, 7), NULL), GW_ENOENT);
    w_crash(w, 1);
    while (!p->hb.waiting)
        w_run(w, GW_MSEC(100));
    assert_int_equal(w_inject(w, 1, 0, message(w, true, false, seq, 7), NULL), GW_ENOENT);
    assert_int_equal(w_inject(w, 1, 0, message(w, true, false, seq + 2, 7), NULL), GW_ENOENT);
    assert_true(p->hb.waiting);
    assert_int_equal(w_count(w, 0, GW_CNT_UNMATCHED), 4);
    /* not the peer's: forged, and replayed */
    assert_int_equal(w_inject(w, 1, 0, message(w, true, true, 0, 7), &wrong), GW_EAUTH);
    struct gw_mh *m = message(w, false, false, 99, 0);
    unsigned sent = w->sent[GW_MH_HEARTBEAT];
    assert_int_equal(w_inject(w, 1, 0, m, NULL), 0);
    assert_int_equal(w->sent[GW_MH_HEARTBEAT], sent + 1);
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EREPLAY);
    assert_int_equal(w->sent[GW_MH_HEARTBEAT], sent + 1);
    /* an unsolicited request is none */
    assert_int_equal(w_inject(w, 1, 0, message(w, false, true, 1, 0), NULL), GW_EINVAL);
    assert_int_equal(p->hb.counter, known);
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_RESTARTED), 0);
    w_free(w);
}

/* A peer that answers with "unknown type" is not asked again (RFC 5847 §3), until it asks. */
static void unsupported(void **state)
{
    (void)state;
    struct world *w = make(1, 41);
    struct gw_talk *p = peer(w, 0, 1);

    w_crash(w, 1);
    while (!p->hb.waiting)
        w_run(w, GW_MSEC(100));
    struct gw_mh *m = message(w, false, false, 0, 0);
    m->type = GW_MH_BE;
    m->be = (struct gw_mh_be){.status = 2};
    assert_int_equal(w_inject(w, 1, 0, m, NULL), 0);
    unsigned sent = w->sent[GW_MH_HEARTBEAT];
    w_run(w, GW_SEC(100));
    assert_int_equal(w->sent[GW_MH_HEARTBEAT], sent);
    assert_int_equal(p->hb.state, GW_HB_UNKNOWN);
    w_boot(w, 1);
    w_run(w, GW_SEC(25));
    assert_int_equal(p->hb.state, GW_HB_UP);
    w_free(w);
}

/* A reload keeps what is known of a peer that stays, and when it is asked next. */
static void reload(void **state)
{
    (void)state;
    struct world *w = make(2, 42);
    struct gw_config c = w->n[0].cfg[0];
    struct gw_heartbeat before = peer(w, 0, 1)->hb;

    c.npeers = 1;
    assert_int_equal(gw_node_reload(w->n[0].node, &c, NULL, NULL, w_now(w)), 0);
    w_drain(w, 0);
    assert_int_equal(peer(w, 0, 1)->hb.counter, before.counter);
    assert_int_equal(peer(w, 0, 1)->hb.state, GW_HB_UP);
    assert_int_equal(peer(w, 0, 1)->hb.due.ns, before.due.ns);
    c.npeers = 2;
    assert_int_equal(gw_node_reload(w->n[0].node, &c, NULL, NULL, w_now(w)), 0);
    w_drain(w, 0);
    w_run(w, GW_SEC(11));
    assert_int_equal(peer(w, 0, 2)->hb.state, GW_HB_UP);
    assert_int_equal(peer(w, 0, 1)->hb.missed, 0);
    w_crash(w, 0);
    w_boot(w, 0);
    w_free(w);
}

/* A thousand peers are asked one by one, not all at once. */
static void thousand(void **state)
{
    (void)state;
    enum { PEERS = 1000, BINS = 100 };
    struct world *w = make(1, 43);
    struct gw_config c = w->n[0].cfg[0];
    struct gw_action a;
    unsigned bin[BINS] = {0}, most = 0, all = 0;

    c.npeers = PEERS;
    c.peers = calloc(PEERS, sizeof *c.peers);
    for (size_t i = 0; i < PEERS; i++) {
        c.peers[i] = w->n[0].peers[0];
        c.peers[i].addr.b[14] = (uint8_t)(i >> 8);
        c.peers[i].addr.b[13] = (uint8_t)i;
    }
    struct gw_now now = w_now(w);
    struct gw_node *n = gw_node_new(&c, &w->n[0].al, NULL, 7, now);
    struct gw_time start = now.mono;
    assert_int_equal(gw_node_input(n, &(struct gw_input){.kind = GW_IN_START}, now), 0);
    for (;;) {
        while (gw_node_next_action(n, &a)) {
            int64_t at = now.mono.ns - start.ns - GW_SEC(2).ns;
            if (a.kind != GW_ACT_SEND_MH || at < 0)
                continue; /* the first second says that the node has restarted */
            bin[at * BINS / INTERVAL.ns % BINS]++;
            all++;
        }
        now.mono = gw_node_deadline(n);
        if (now.mono.ns >= start.ns + GW_SEC(22).ns)
            break;
        gw_node_expire(n, now);
    }
    for (size_t i = 0; i < BINS; i++)
        most = bin[i] > most ? bin[i] : most;
    assert_in_range(all, 2 * PEERS - 10, 2 * PEERS + 10);
    assert_in_range(most, 2, 60); /* 20 in each on average */
    gw_node_free(n);
    free(c.peers);
    w_free(w);
}

/* Without heartbeats a MAAR keeps nothing of another that never says anything to it; from the first
 * message on it does, and its messages count once only. */
static void silent(void **state)
{
    (void)state;
    struct world *w = w_new(2, 44);
    const struct gw_peer *p = gw_peer_get(w->n[1].node, &w->n[2].cfg->addr);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(10));
    assert_null(p->talk);
    assert_int_equal(peer(w, 1, 0)->in, 1);
    struct gw_config c = w->n[1].cfg[0]; /* nor after a reload */
    assert_int_equal(gw_node_reload(w->n[1].node, &c, NULL, NULL, w_now(w)), 0);
    w_drain(w, 1);
    p = gw_peer_get(w->n[1].node, &w->n[2].cfg->addr);
    assert_null(p->talk);
    assert_int_equal(peer(w, 1, 0)->in, 1);

    w->n[1].alloc_fails = 1; /* no memory for it */
    assert_int_equal(w_inject(w, 2, 1, message(w, false, false, 1, 0), NULL), GW_ENOMEM);
    assert_null(p->talk);
    assert_int_equal(w_count(w, 1, GW_CNT_NO_MEMORY), 1);
    assert_int_equal(w_inject(w, 2, 1, message(w, false, false, 1, 0), NULL), 0);
    assert_int_equal(peer(w, 1, 2)->in, 1);
    assert_int_equal(peer(w, 1, 2)->out, 1);
    w_crash(w, 1);
    w_boot(w, 1);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up),       cmocka_unit_test(down),        cmocka_unit_test(counter),
        cmocka_unit_test(restarts), cmocka_unit_test(together),    cmocka_unit_test(again),
        cmocka_unit_test(hostile),  cmocka_unit_test(unsupported), cmocka_unit_test(reload),
        cmocka_unit_test(thousand), cmocka_unit_test(silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
