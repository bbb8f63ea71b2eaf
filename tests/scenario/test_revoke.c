/* Revocation (RFC 5846) by an operator, in whole domains: what each node has afterwards, what is
 * said on the way, and that loss, crashes, duplicates and failing allocations change the way and
 * not the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "revoke_world.h"

/* One BRI and one BRA with each MAAR, no other message; the station hears that its prefixes end. */
static void one_node(void **state)
{
    (void)state;
    struct world *w = w_new(3, 1);

    r_walk(w, 1);
    r_hear(w);
    unsigned messages = w->messages, ras = w->seen[3].ras;
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(60)), 0);
    assert_true(r_result(w, 0)->running);
    w_run(w, GW_SEC(1));
    assert_int_equal(w->messages - messages, 6);
    assert_int_equal(r_said.bri, 3);
    assert_int_equal(r_said.bra, 3);
    assert_true(r_said.last_bri.br.p);
    assert_false(r_said.last_bri.br.g || r_said.last_bri.br.v);
    assert_int_equal(r_said.last_bri.br.code, GW_BR_ADMINISTRATIVE);
    assert_int_equal(r_opts(&r_said.last_bri, GW_OPT_MNID), 1);
    assert_int_equal(r_opts(&r_said.last_bri, GW_OPT_HNP), 1); /* a previous MAAR: its own */
    assert_true(r_said.last_bra.br.p && !r_said.last_bra.br.g);
    assert_int_equal(r_said.last_bra.br.code, GW_BRA_SUCCESS);
    assert_int_equal(r_opts(&r_said.last_bra, GW_OPT_HNP), 0);
    assert_true(w->seen[3].ras >= ras + 3); /* one for each of three routers */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(w->seen[3].last_ra[i].router_lifetime_s, 0);
        assert_int_equal(w->seen[3].last_ra[i].pio[0].valid_s, 0);
        assert_int_equal(w->seen[3].last_ra[i].pio[0].preferred_s, 0);
    }
    r_check(w, 0, 3, 3);
    assert_int_equal(r_result(w, 0)->nodes, 1);
    w_run(w, GW_SEC(5)); /* RAs get lost: three rounds, and then it is unknown */
    assert_int_equal(w->seen[3].ras, ras + 9);
    assert_int_equal(gw_table_count(&w->n[3].node->access.stations), 0);
    r_check_revoked(w, 1);
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(60)), GW_ENOENT);
    assert_int_equal(r_revoke(w, 1, 1, GW_SEC(60)), GW_EDENIED); /* a MAAR de-registers */
    w_free(w);
}

/* Who is revoked by name stays out, wherever it goes and whoever restarts, until the time is over
 * or the operator lets it in. */
static void held(void **state)
{
    (void)state;
    struct world *w = w_new(2, 2);

    r_walk(w, 1);
    assert_int_equal(r_revoke(w, 0, 1, (struct gw_time){-1}), 0); /* as configured: 300 s */
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 2, 1), GW_EDENIED); /* it has just been sent away there */
    assert_int_equal(w_attach(w, 1, 1), 0);          /* and here the CMD says so */
    w_run(w, GW_SEC(1));
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_HELD), 1);
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_REFUSED);
    r_check_revoked(w, 1);
    w_crash(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(100));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_HELD), 1);
    w_run(w, GW_SEC(200));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 1);
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(3600)), 0);
    w_run(w, GW_SEC(40));
    assert_int_equal(r_allow(w, 0, 1), 0);
    assert_int_equal(r_allow(w, 0, 1), GW_ENOENT);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 2);
    assert_int_equal(sim_disk_count(w->n[0].disk, 'H'), 0);
    w_free(w);
}

/* Without a hold the next frame brings it back, also while the revocation is under way: what is
 * newer stands (RFC 5846 §8.1). */
static void overtaken(void **state)
{
    (void)state;
    struct world *w = w_new(3, 3);

    r_walk(w, 1);
    r_hear(w);
    r_deaf = 3; /* where it is served: does not hear the BRI */
    assert_int_equal(r_revoke(w, 0, 1, (struct gw_time){0}), 0);
    w_run(w, GW_MSEC(500));
    assert_true(r_result(w, 0)->running);
    r_deaf = 0;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(10));
    assert_false(r_result(w, 0)->running);
    assert_int_equal(r_result(w, 0)->failed, 1);
    w_check(w, 1, 1);
    w_check_all(w);
    w_free(w);
}

/* A refresh of the session that is being revoked does not bring it back. */
static void refresh_in_flight(void **state)
{
    (void)state;
    struct world *w = w_new(2, 4);
    uint8_t buf[6];

    r_walk(w, 1);
    r_hear(w);
    assert_true(
        gw_maar_reregister(&w->n[2].node->maar, &(struct gw_mnid){5, 6, w_mnid(1, buf).id}));
    w_drain(w, 2);
    assert_int_equal(r_revoke(w, 0, 1, (struct gw_time){0}), 0);
    w_run(w, GW_SEC(2));
    r_check(w, 0, 2, 2);
    r_check_revoked(w, 1);
    w_free(w);
}

/* Whichever message is lost; a MAAR that is down is told when it is back. */
static void lost(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 6; nth++) {
        struct world *w = w_new(3, 10 + nth);
        r_walk(w, 1);
        w->lose_nth = w->messages + nth;
        assert_int_equal(r_revoke(w, 0, 1, GW_SEC(60)), 0);
        w_run(w, GW_MSEC(2500));
        r_check(w, 0, 3, 3);
        r_check_revoked(w, 1);
        assert_int_equal(w_count(w, 0, GW_CNT_RETRANSMIT), 1);
        w_free(w);
    }
    for (size_t down = 1; down <= 3; down++) {
        struct world *w = w_new(3, 20 + down);
        r_walk(w, 1);
        r_hear(w);
        w_crash(w, down);
        assert_int_equal(r_revoke(w, 0, 1, GW_SEC(600)), 0);
        w_run(w, GW_SEC(4)); /* 1 s, and 2 s after the repetition */
        assert_int_equal(r_said.bri, 4);
        r_check(w, 0, 3, 2);
        assert_int_equal(w_count(w, 0, GW_CNT_ORDER_SILENT), 1);
        w_boot(w, down);
        w_run(w, GW_SEC(100));
        r_check_revoked(w, 1);
        w_free(w);
    }
}

/* A CMD that crashes in the middle ends what it has begun. */
static void cmd_crashes(void **state)
{
    (void)state;
    struct world *w = w_new(3, 30);

    r_walk(w, 1);
    r_hear(w);
    r_deaf = 3;
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(600)), 0);
    w_run(w, GW_MSEC(100));
    r_deaf = 0;
    w_crash(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(70));
    r_check_revoked(w, 1);
    w_free(w);
}

/* Without a hold, too, a restart of the CMD does not bring a session back that its MAAR, which was
 * down, refreshes later. */
static void not_rebuilt_after_a_restart(void **state)
{
    (void)state;
    struct world *w = w_new(2, 31);

    r_walk(w, 1);
    w_crash(w, 2);
    assert_int_equal(r_revoke(w, 0, 1, (struct gw_time){0}), 0);
    w_run(w, GW_SEC(4));
    w_crash(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(4)); /* the next repetition of the release is later than the refresh */
    w_boot(w, 2);
    w_run(w, GW_SEC(100));
    r_check_revoked(w, 1);
    w_free(w);
}

/* What the operator asks for after the machine's clock was set is said in the node's time. */
static void clock_was_set(void **state)
{
    (void)state;
    struct world *w = w_new(2, 32);

    r_walk(w, 1);
    sim_node_step_clock(&w->n[0], 3600 * INT64_C(1000000000));
    assert_int_equal(r_notify(w, 0, 1), 0);
    w_run(w, GW_SEC(2));
    r_check(w, 0, 1, 1);
    assert_true(w->n[0].node->last_mesgid < gw_ntp_time(w_now(w).wall_ns));
    assert_int_equal(w_count(w, 2, GW_CNT_REPLAY), 0);
    w_free(w);
}

/* Everything that a network does to messages, many times. */
static void weather(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 40; seed++) {
        struct world *w = w_new(3, 100 + seed);
        for (unsigned mn = 1; mn <= 4; mn++)
            r_walk(w, mn);
        w_noise(w, 25, 25, 50);
        for (unsigned mn = 1; mn <= 4; mn++)
            assert_int_equal(r_revoke(w, 0, mn, GW_SEC(600)), 0);
        w_run(w, GW_SEC(5));
        assert_false(r_result(w, 0)->running);
        w_noise(w, 0, 0, 0);
        w_run(w, GW_SEC(140));
        for (unsigned mn = 1; mn <= 4; mn++)
            r_check_revoked(w, mn);
        w_free(w);
    }
}

/* All that a MAAR serves or anchors: one message with the flag G and no name; who is served
 * elsewhere stays and loses that MAAR's prefix at once. */
static void whole_peer(void **state)
{
    (void)state;
    struct world *w = w_new(3, 40);

    for (unsigned mn = 1; mn <= 20; mn++)
        r_walk(w, mn); /* all are at 3 and anchored at 1, 2 and 3 */
    for (unsigned mn = 1; mn <= 5; mn++)
        assert_int_equal(w_attach(w, 2, mn), 0);
    w_run(w, GW_SEC(3));
    r_hear(w);
    assert_int_equal(r_revoke_peer(w, 0, 2), 0);
    w_run(w, GW_MSEC(5));
    assert_int_equal(r_said.bri, 1);
    assert_true(r_said.last_bri.br.p && r_said.last_bri.br.g);
    assert_int_equal(r_said.last_bri.br.code, GW_BR_PER_PEER);
    assert_int_equal(r_said.last_bri.nopts, 2); /* Mesg-ID and authentication */
    w_run(w, GW_SEC(5));
    assert_int_equal(r_said.bri, 1 + 15); /* the serving MAAR of each of the others */
    r_check(w, 0, 16, 16);
    assert_int_equal(r_result(w, 0)->nodes, 20);
    for (unsigned mn = 1; mn <= 5; mn++)
        assert_null(w_mn(w, 1, mn)); /* its session is over */
    for (unsigned mn = 6; mn <= 20; mn++) {
        w_check(w, mn, 3);
        assert_int_equal(w_mn(w, 3, mn)->b.nanchors, 2);
    }
    assert_int_equal(gw_pools_count(&w->n[2].node->maar.pools), 0);
    w_run(w, GW_SEC(60));
    assert_int_equal(w_attach(w, 2, 1), 0); /* nobody is held */
    w_run(w, GW_SEC(1));
    w_check(w, 1, 2);
    assert_int_equal(r_revoke_peer(w, 0, 0), GW_EDENIED); /* itself: no MAAR */
    w_free(w);
}

/* A peer that does not answer: what was shared with it is cleaned up just the same, and it is told
 * when it is back. */
static void peer_is_down(void **state)
{
    (void)state;
    struct world *w = w_new(3, 41);

    for (unsigned mn = 1; mn <= 10; mn++)
        r_walk(w, mn);
    w_crash(w, 3);
    assert_int_equal(r_revoke_peer(w, 0, 3), 0);
    w_run(w, GW_SEC(6));
    assert_false(r_result(w, 0)->running);
    assert_int_equal(r_result(w, 0)->nodes, 10);
    w_boot(w, 3);
    w_run(w, GW_SEC(70));
    for (unsigned mn = 1; mn <= 10; mn++)
        r_check_revoked(w, mn); /* what it has restored is not taken for a new attachment */
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 3);
    w_free(w);
}

static void lma_node(void **state)
{
    (void)state;
    struct world *w = r_pmip(2, 50);

    r_hear(w);
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(60)), 0);
    assert_int_equal(w_prefixes(w, 0), 2); /* the other node's: the tunnel ends at once (§8.1) */
    w_run(w, GW_SEC(1));
    assert_int_equal(r_said.bri, 1);
    assert_int_equal(r_opts(&r_said.last_bri, GW_OPT_HNP), 2);
    assert_int_equal(r_opts(&r_said.last_bri, GW_OPT_TIMESTAMP), 0);
    r_check(w, 0, 1, 1);
    assert_null(r_session(w, 1));
    assert_int_equal(r_at_mag(w, 1, 1)->state, GW_MAG_REFUSED);
    assert_false(w_has_station(w, 1, 1));
    assert_true(w_has_station(w, 1, 2));
    assert_int_equal(w_prefixes(w, 1), 2);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_HELD), 1);
    assert_null(r_session(w, 1));
    assert_int_equal(r_allow(w, 0, 1), 0);
    w_run(w, GW_SEC(40));
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(r_at_mag(w, 2, 1)->state, GW_MAG_SERVING);
    w_free(w);
}

/* Without an answer the session carries nothing after the repetitions (§6.3), but its prefix may
 * still be advertised at the MAG: until its lifetime is over, also across a restart, it is nobody
 * else's. */
static void lma_alone(void **state)
{
    (void)state;
    struct world *w = r_pmip(1, 51);

    r_hear(w);
    w_crash(w, 1);
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(600)), 0);
    w_run(w, GW_MSEC(900));
    assert_non_null(r_session(w, 1));
    w_run(w, GW_SEC(3));
    assert_int_equal(r_said.bri, 2);
    r_check(w, 0, 1, 0);
    assert_true(gw_lma_session(r_session(w, 1))->leaving);
    assert_int_equal(w_prefixes(w, 0), 0);
    w_crash(w, 0);
    w_boot(w, 0);
    w_boot(w, 1); /* its registration is refused, and it lets go */
    w_run(w, GW_SEC(30));
    assert_int_equal(r_at_mag(w, 1, 1)->state, GW_MAG_REFUSED);
    assert_int_equal(w_prefixes(w, 1), 0);
    assert_true(gw_lma_session(r_session(w, 1))->leaving);
    w_run(w, GW_SEC(31));
    assert_null(r_session(w, 1));
    w_free(w);
}

static void lma_peer(void **state)
{
    (void)state;
    struct world *w = r_pmip(30, 52);

    assert_int_equal(w_attach(w, 2, 40), 0);
    w_run(w, GW_SEC(1));
    r_hear(w);
    assert_int_equal(r_revoke_peer(w, 0, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(r_said.bri, 1);
    r_check(w, 0, 1, 1);
    assert_int_equal(r_result(w, 0)->nodes, 30);
    for (unsigned mn = 1; mn <= 30; mn++)
        assert_null(r_session(w, mn));
    assert_int_equal(w_prefixes(w, 1), 0);
    assert_non_null(r_session(w, 40));
    assert_int_equal(w_prefixes(w, 0), 2);
    w_free(w);
}

/* The CMD is killed when the peer has let go of all and before it has done its own part: it begins
 * anew, also when memory is short then, and ends. */
static void peer_in_a_crash(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 8; at++) {
        struct world *w = w_new(3, 42);
        for (unsigned mn = 1; mn <= 5; mn++)
            r_walk(w, mn);
        r_hear(w);
        assert_int_equal(r_revoke_peer(w, 0, 2), 0);
        assert_int_equal(sim_disk_count(w->n[0].disk, 'O'), 1);
        while (w_mn(w, 2, 1) != NULL || gw_pools_count(&w->n[2].node->maar.pools) != 0)
            w_run(w, (struct gw_time){100000});
        assert_int_equal(r_result(w, 0)->nodes, 0);
        w_crash(w, 0);
        w_boot(w, 0);
        if (at != 0) {
            w->sim->memory.fail_at = w->sim->memory.count + at;
            w->sim->memory.fail_for = 1;
        }
        w_run(w, GW_SEC(90));
        assert_int_equal(r_result(w, 0)->kind, GW_OP_REVOKE_PEER);
        assert_false(r_result(w, 0)->running);
        assert_int_equal(r_result(w, 0)->nodes, 5);
        for (unsigned mn = 1; mn <= 5; mn++) {
            w_check(w, mn, 3);
            assert_int_equal(w_mn(w, 3, mn)->b.nanchors, 2);
        }
        assert_int_equal(sim_disk_count(w->n[0].disk, 'O'), 0);
        w_check_all(w);
        w_free(w);
    }
}

/* What was to be revoked is shared with nobody after the restart. */
static void peer_is_no_more(void **state)
{
    (void)state;
    struct world *w = w_new(2, 43);

    r_walk(w, 1);
    assert_int_equal(r_revoke_peer(w, 0, 2), 0);
    w_crash(w, 0);
    w->n[0].cfg->peers[1].roles = GW_ROLE_LMA;
    w_boot(w, 0);
    w_run(w, GW_SEC(1));
    assert_false(r_result(w, 0)->running);
    assert_int_equal(r_result(w, 0)->asked, 0);
    assert_int_equal(sim_disk_count(w->n[0].disk, 'O'), 0);
    w_free(w);
}

/* A MAG, or a MAAR, ends all it has at its LMA or CMD (§8.2, §9.2), if that lets it. */
static void bulk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world *w = i == 0 ? r_pmip(12, 53) : w_new(2, 54);
        for (unsigned mn = 1; i == 1 && mn <= 12; mn++)
            r_walk(w, mn);
        size_t who = i == 0 ? 1 : 2;
        r_hear(w);
        assert_int_equal(r_revoke_peer(w, who, 0), 0);
        w_run(w, GW_SEC(1));
        assert_int_equal(r_said.last_bra.br.code, GW_BRA_GLOBAL_NOT_AUTHORISED);
        r_check(w, who, 1, 0);
        assert_true(r_result(w, who)->refused);
        assert_int_equal(r_result(w, who)->nodes, 0);
        assert_true(w_has_station(w, who, 1));
        w->n[0].peers[who - 1].bulk = true;
        assert_int_equal(r_revoke_peer(w, who, 0), 0);
        w_run(w, GW_SEC(3));
        assert_true(r_said.last_bri.br.g && r_said.last_bri.br.p);
        const struct gw_opt *id = gw_lm_opt(&r_said.last_bri, GW_OPT_MNID);
        assert_non_null(id);
        assert_memory_equal(id->mnid.id, w->n[who].name, id->mnid.len);
        r_check(w, who, 1, 1);
        assert_int_equal(r_result(w, who)->nodes, 12);
        assert_int_equal(r_result(w, 0)->kind, GW_OP_OBEY);
        assert_int_equal(r_result(w, 0)->nodes, 12);
        for (unsigned mn = 1; mn <= 12; mn++) {
            assert_false(w_has_station(w, who, mn));
            assert_true(i == 1 || r_session(w, mn) == NULL);
        }
        w_free(w);
    }
}

/* Sixteen operations at once, and as many messages as may be pending. */
static void limits(void **state)
{
    (void)state;
    struct world *w = w_new(2, 80);

    for (unsigned mn = 1; mn <= 20; mn++)
        r_walk(w, mn);
    w_crash(w, 1);
    w_crash(w, 2);
    for (unsigned mn = 1; mn <= GW_OPERATIONS; mn++)
        assert_int_equal(r_revoke(w, 0, mn, GW_SEC(600)), 0);
    assert_int_equal(r_revoke(w, 0, 17, GW_SEC(600)), GW_EFULL);
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_OPERATIONS), 1);
    w_run(w, GW_SEC(4));
    w->n[0].cfg->limits.pending = (uint32_t)w->n[0].node->lm.pending + 1;
    assert_int_equal(r_revoke(w, 0, 17, GW_SEC(600)), 0); /* one is asked, one is told later */
    assert_int_equal(r_result(w, 0)->asked, 2);
    assert_int_equal(r_result(w, 0)->failed, 1);
    w->n[0].cfg->limits.pending = 1000;
    w_boot(w, 1);
    w_boot(w, 2);
    w_run(w, GW_SEC(140));
    for (unsigned mn = 1; mn <= 17; mn++)
        assert_true(w_bce(w, mn) == NULL || w_bce(w, mn)->b.anchors == NULL);
    w_check(w, 18, 2);
    w_check_all(w);
    w_free(w);
}

/* Whichever allocation fails, and whoever's: nobody crashes, nothing leaks, and in the end the
 * node is gone or, when the operator was told no, as it was. */
static void no_memory(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 30; at++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            struct world *w = kind == 2 ? r_pmip(2, 81) : w_new(2, 82);
            if (kind != 2)
                r_walk(w, 1);
            w->sim->memory.fail_at = w->sim->memory.count + at;
            w->sim->memory.fail_for = 1;
            int err = kind == 1 ? r_revoke_peer(w, 0, 2) : r_revoke(w, 0, 1, GW_SEC(600));
            w_run(w, GW_SEC(10));
            w->sim->memory.fail_at = 0;
            w_run(w, GW_SEC(140));
            assert_true(err == 0 || err == GW_ENOMEM);
            if (kind == 0 && err == 0)
                r_check_revoked(w, 1);
            else if (kind == 0)
                w_check(w, 1, 2);
            if (kind == 2 && err == 0)
                assert_null(r_session(w, 1));
            w_free(w);
        }
    }
}

/* One process that is a MAAR and the CMD revokes at itself. */
static void at_itself(void **state)
{
    (void)state;
    unsigned roles[] = {GW_ROLE_MAAR | GW_ROLE_CMD, GW_ROLE_MAAR};
    struct world *w = w_new_roles(roles, 2, 90);

    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 0, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(60)), 0);
    w_run(w, GW_SEC(1));
    r_check(w, 0, 2, 2);
    r_check_revoked(w, 1);
    assert_false(w_has_station(w, 0, 1));
    assert_int_equal(w_prefixes(w, 0), 0);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node),
        cmocka_unit_test(held),
        cmocka_unit_test(overtaken),
        cmocka_unit_test(refresh_in_flight),
        cmocka_unit_test(lost),
        cmocka_unit_test(cmd_crashes),
        cmocka_unit_test(not_rebuilt_after_a_restart),
        cmocka_unit_test(clock_was_set),
        cmocka_unit_test(weather),
        cmocka_unit_test(whole_peer),
        cmocka_unit_test(peer_is_down),
        cmocka_unit_test(peer_in_a_crash),
        cmocka_unit_test(peer_is_no_more),
        cmocka_unit_test(lma_node),
        cmocka_unit_test(lma_alone),
        cmocka_unit_test(lma_peer),
        cmocka_unit_test(bulk),
        cmocka_unit_test(limits),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(at_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
