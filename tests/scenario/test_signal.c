/* Who is listened to, what is refused and how: strangers, wrong keys, replays, truncated and
 * malformed messages, the status codes of RFC 5213 §5.3.1 in their order. State is unchanged by all
 * of them and service goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

static struct gw_mh scratch;

/* A complete registration as MAAR 1 would send it for mobile node 1. */
static struct gw_mh *pbu(struct world *w)
{
    struct gw_mh *m = &scratch;
    static uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);
    struct gw_prefix p = w->n[1].pool.prefix;

    p.len = 64;
    m->type = GW_MH_BU;
    m->nopts = 0;
    m->bu = (struct gw_mh_bu){.seq = 7, .flags = GW_BU_A | GW_BU_P | GW_BU_D, .lifetime = 15};
    gw_lm_add_mnid(m, &mn);
    gw_lm_add_prefix(m, GW_OPT_HNP, &p);
    gw_lm_add_code(m, GW_OPT_HI, GW_HI_UNKNOWN);
    gw_lm_add_code(m, GW_OPT_ATT, 3);
    gw_lm_add_u64(m, GW_OPT_TIMESTAMP, gw_lm_timestamp(w_now(w).wall_ns));
    return m;
}

static void mesgid(struct world *w, struct gw_mh *m, int64_t ahead_ns)
{
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns + ahead_ns));
}

static struct gw_mh answer;
static unsigned answers, questions;
static uint8_t octets[GW_MH_MAX];

static int catch_answer(struct world *w, struct sim_message *e)
{
    (void)w;
    memcpy(octets, e->data, e->len);
    if (octets[2] == GW_MH_HEARTBEAT) { /* to a peer whose clock is in doubt: test_clock.c */
        questions++;
        return 1;
    }
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, e->addrs, octets, e->len, &answer).code,
                     GW_PARSE_OK);
    answers++;
    return 1;
}

/* Sends m as MAAR `from`; the status of the one answer, or -1. */
static int ask(struct world *w, size_t from, struct gw_mh *m)
{
    answers = 0;
    w->tap = catch_answer;
    w_run(w, GW_MSEC(1));
    mesgid(w, m, 0);
    (void)w_inject(w, from, 0, m, NULL);
    w->tap = NULL;
    assert_true(answers <= 1);
    return answers == 1 ? answer.ba.status : -1;
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        uint8_t option;
        int status;
    } missing[] = {
        {GW_OPT_MNID, GW_ST_MISSING_MNID},
        {GW_OPT_HNP, GW_ST_MISSING_HNP},
        {GW_OPT_HI, GW_ST_MISSING_HI},
        {GW_OPT_ATT, GW_ST_MISSING_ATT},
        {GW_OPT_TIMESTAMP, GW_ST_TIMESTAMP_MISMATCH},
    };
    struct world *w = w_new(2, 1);

    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct gw_mh *m = pbu(w);
        w_without(m, missing[i].option);
        assert_int_equal(ask(w, 1, m), missing[i].status);
        assert_int_equal(answer.ba.seq, 7);
        assert_null(w_bce(w, 1));
    }
    struct gw_mh *m = pbu(w); /* everything is missing: the first check speaks */
    m->nopts = 0;
    assert_int_equal(ask(w, 1, m), GW_ST_MISSING_MNID);
    assert_int_equal(gw_lm_opt(&answer, GW_OPT_MNID)->mnid.len, 0);
    m = pbu(w);
    m->bu.flags &= (uint16_t)~GW_BU_D;
    assert_int_equal(ask(w, 1, m), GW_ST_MAG_NOT_AUTHORISED);
    m = pbu(w);
    w_find(m, GW_OPT_TIMESTAMP)->u64 += 65536 * 2;
    assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_MISMATCH);
    uint64_t cmd_time = gw_lm_opt(&answer, GW_OPT_TIMESTAMP)->u64;
    assert_int_equal(cmd_time, gw_lm_timestamp(w_now(w).wall_ns));
    assert_int_equal(ask(w, 2, pbu(w)), GW_ST_HNP_NOT_AUTHORISED); /* of MAAR 1's pool */
    assert_int_equal(gw_lm_opt(&answer, GW_OPT_HI)->code, GW_HI_UNKNOWN);
    m = pbu(w);
    w_find(m, GW_OPT_HNP)->prefix = (struct gw_prefix){0};
    assert_int_equal(ask(w, 1, m), GW_ST_HNP_NOT_AUTHORISED);
    m = pbu(w); /* in its pool, but not of a mobile node's length */
    w_find(m, GW_OPT_HNP)->prefix.len = 80;
    assert_int_equal(ask(w, 1, m), GW_ST_HNP_NOT_AUTHORISED);
    assert_int_equal(gw_lm_opt(&answer, GW_OPT_HNP)->prefix.len, 80);
    m = pbu(w);
    w_find(m, GW_OPT_TIMESTAMP)->u64 = 0;
    assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_MISMATCH);
    m = pbu(w);
    m->bu.flags = GW_BU_A | GW_BU_H;
    assert_int_equal(ask(w, 1, m), GW_ST_HOME_REG_UNSUPPORTED);
    assert_int_equal(answer.ba.flags, 0);
    assert_null(w_bce(w, 1));
    assert_int_equal(ask(w, 1, pbu(w)), GW_ST_ACCEPTED);
    assert_non_null(w_bce(w, 1));
    w_free(w);
}

/* RFC 5213 §5.3: the checks come in their order. Everything is wrong with the message; the fault
 * that is named is mended, and the next is named. */
static void order_of_checks(void **state)
{
    (void)state;
    static const int in_order[] = {
        GW_ST_HOME_REG_UNSUPPORTED, GW_ST_MISSING_MNID,      GW_ST_MAG_NOT_AUTHORISED,
        GW_ST_NOT_LMA_FOR_MN,       GW_ST_PROXY_NOT_ENABLED, GW_ST_TIMESTAMP_MISMATCH,
        GW_ST_MISSING_HNP,          GW_ST_MISSING_HI,        GW_ST_MISSING_ATT,
        GW_ST_HNP_NOT_AUTHORISED,   GW_ST_ACCEPTED};
    struct world *w = w_new(2, 6);

    w->n[0].policy.allow = false;
    w->n[0].cfg->npolicy = 0;
    for (unsigned mended = 0; mended < 11; mended++) {
        struct gw_mh *m = pbu(w);
        struct gw_addr other = {{0x20, 1, [15] = 9}};
        if (mended == 4)
            w->n[0].cfg->npolicy = 1;
        if (mended == 5)
            w->n[0].policy.allow = true;
        if (mended < 1)
            m->bu.flags = GW_BU_A | GW_BU_H;
        if (mended < 2)
            w_without(m, GW_OPT_MNID);
        if (mended < 3)
            gw_lm_add_addr(m, GW_OPT_ALT_COA, &other);
        w_spoil(m, mended);
        assert_int_equal(ask(w, 1, m), in_order[mended]);
    }
    w_free(w);
}

/* A prefix has one owner, and an older attachment does not win. */
static void owner_and_order(void **state)
{
    (void)state;
    struct world *w = w_new(2, 2);
    uint8_t id[6];

    assert_int_equal(ask(w, 1, pbu(w)), GW_ST_ACCEPTED);
    struct gw_mh *m = pbu(w);
    w_find(m, GW_OPT_MNID)->mnid = w_mnid(2, id);
    assert_int_equal(ask(w, 1, m), GW_ST_HNP_NOT_AUTHORISED);
    assert_null(w_bce(w, 2));
    m = pbu(w);
    w_find(m, GW_OPT_TIMESTAMP)->u64 -= 65536;
    assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_LOWER);
    /* another prefix from the same MAAR: it is told the one it gave before */
    m = pbu(w);
    w_find(m, GW_OPT_HNP)->prefix.addr.b[7] = 9;
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    assert_int_equal(gw_lm_opt(&answer, GW_OPT_HNP)->prefix.addr.b[7], 0);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
    w_free(w);
}

static void peers(void **state)
{
    (void)state;
    struct world *w = w_new(2, 3);
    struct gw_key wrong = {.spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16};
    struct gw_mh *m = pbu(w);

    mesgid(w, m, 0);
    assert_int_equal(w_inject(w, 1, 0, m, &wrong), GW_EAUTH);
    wrong.spi = 999;
    m = pbu(w);
    mesgid(w, m, 0);
    assert_int_equal(w_inject(w, 1, 0, m, &wrong), GW_EAUTH);
    assert_int_equal(w_count(w, 0, GW_CNT_AUTH_FAILED), 2);
    struct gw_addr mine = w->n[1].cfg->addr; /* an address nobody has configured */
    w->n[1].cfg->addr.b[15] = 0x77;
    m = pbu(w);
    mesgid(w, m, 0);
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EDENIED);
    w->n[1].cfg->addr = mine;
    assert_int_equal(w_count(w, 0, GW_CNT_UNKNOWN_PEER), 1);
    /* a MAAR is no CMD */
    m = pbu(w);
    mesgid(w, m, 0);
    assert_int_equal(w_inject(w, 2, 1, m, NULL), GW_EDENIED);
    assert_int_equal(w_count(w, 1, GW_CNT_WRONG_ROLE), 1);
    assert_int_equal(w->messages, 0); /* none of these was answered */
    assert_null(w_bce(w, 1));
    w_free(w);
}

static void replay(void **state)
{
    (void)state;
    struct world *w = w_new(1, 4);
    struct gw_mh *m = pbu(w);

    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    w->tap = catch_answer;
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EREPLAY); /* the very same */
    assert_int_equal(answers, 1);                             /* to the first of them */
    m = pbu(w);
    mesgid(w, m, -8000000000);
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EREPLAY);
    assert_int_equal(answers, 2);
    assert_int_equal(answer.ba.status, GW_ST_MESGID_MISMATCH);
    m = pbu(w);
    mesgid(w, m, 8000000000);
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EREPLAY);
    assert_int_equal(answers, 3);
    m = pbu(w); /* no Mesg-ID at all */
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EREPLAY);
    assert_int_equal(answers, 4);
    assert_int_equal(answer.ba.status, GW_ST_MESGID_REQUIRED);
    assert_int_equal(w_count(w, 0, GW_CNT_REPLAY), 4);
    for (int i = 0; i < 20; i++) /* not for ever */
        (void)w_inject(w, 1, 0, m, NULL);
    assert_int_equal(answers, 1 + 10);
    assert_int_equal(w_count(w, 0, GW_CNT_ANSWER_LIMITED), 13);
    assert_int_equal(questions, 1);
    w->tap = NULL;
    /* a restart opens no hole: what was sent before it is not taken after it */
    m = pbu(w);
    mesgid(w, m, 0);
    w_run(w, GW_MSEC(500));
    w_crash(w, 0);
    w_boot(w, 0);
    assert_int_equal(w_inject(w, 1, 0, m, NULL), GW_EREPLAY);
    w_run(w, GW_MSEC(10));
    assert_int_equal(ask(w, 1, pbu(w)), GW_ST_ACCEPTED);
    w_free(w);
}

/* The window is exact under any order, for as many as it remembers. */
static void window(void **state)
{
    (void)state;
    struct gw_replay r = {.floor = 1000};
    struct gw_prng p;
    bool taken[400] = {false};

    gw_prng_seed(&p, 5);
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t id = 1000 + gw_prng_below(&p, 400);
        int err = gw_replay_check(&r, id, 1200, 1000);
        if (err == 0) {
            assert_false(taken[id - 1000]);
            gw_replay_take(&r, id);
            taken[id - 1000] = true;
        } else {
            assert_true(taken[id - 1000] || id <= r.floor);
        }
    }
    assert_int_equal(r.used, GW_REPLAY);
    assert_int_equal(gw_replay_check(&r, 1399, 3000, 1000), GW_EREPLAY);
    assert_int_equal(gw_replay_check(&r, 5000, 3000, 1000), GW_EREPLAY);
    assert_int_equal(gw_replay_check(&r, 2001, 3000, 1000), 0);
}

static void truncated(void **state)
{
    (void)state;
    struct world *w = w_new(1, 6);
    struct gw_mh *m = pbu(w);
    uint8_t buf[GW_MH_MAX];
    struct gw_mh_addrs addrs = {.src = w->n[1].cfg->addr, .dst = w->n[0].cfg->addr};

    mesgid(w, m, 0);
    int len = gw_mh_write_auth(&gw_mh_codec_default, &addrs, m, &w->n[1].peers[0].keys[0], buf,
                               sizeof buf);
    assert_true(len > 40);
    for (size_t cut = 0; cut < (size_t)len; cut++) {
        uint8_t *exact = malloc(cut + 1); /* so that the sanitizer sees one octet too far */
        memcpy(exact, buf, cut);
        struct gw_input in = {.kind = GW_IN_MH, .mh = {addrs, exact, cut}};
        assert_true(w_input(w, 0, &in) < 0);
        free(exact);
    }
    for (size_t i = 0; i < (size_t)len; i++) { /* and every octet changed */
        buf[i] ^= 0x41;
        struct gw_input in = {.kind = GW_IN_MH, .mh = {addrs, buf, (size_t)len}};
        assert_true(w_input(w, 0, &in) < 0);
        buf[i] ^= 0x41;
    }
    assert_null(w_bce(w, 1));
    struct gw_input in = {.kind = GW_IN_MH, .mh = {addrs, buf, (size_t)len}};
    assert_int_equal(w_input(w, 0, &in), 0);
    assert_non_null(w_bce(w, 1));
    w_free(w);
}

/* RFC 6275 §9.2: an unknown type is answered with a Binding Error, to a peer, at a bounded rate. */
static void unknown_type(void **state)
{
    (void)state;
    struct world *w = w_new(1, 7);
    uint8_t buf[8] = {59, 0, 99};
    struct gw_mh_addrs addrs = {.src = w->n[1].cfg->addr, .dst = w->n[0].cfg->addr};
    struct gw_input in = {.kind = GW_IN_MH, .mh = {addrs, buf, sizeof buf}};
    uint16_t sum = gw_ip6_checksum(&addrs, GW_IPPROTO_MH, buf, sizeof buf);

    memcpy(buf + 4, &sum, 2);
    if (gw_mh_parse(&gw_mh_codec_default, &addrs, buf, sizeof buf, &scratch).code !=
        GW_PARSE_ERROR) { /* "in network value": as a number */
        buf[4] = (uint8_t)(sum >> 8);
        buf[5] = (uint8_t)sum;
    }
    for (unsigned i = 0; i < 100; i++)
        assert_true(w_input(w, 0, &in) < 0);
    assert_int_equal(w->sent[GW_MH_BE], 10);
    assert_int_equal(w_count(w, 0, GW_CNT_ANSWER_LIMITED), 90);
    in.mh.addrs.src.b[15] = 0x99;
    assert_true(w_input(w, 0, &in) < 0);
    assert_int_equal(w->sent[GW_MH_BE], 10);
    w_free(w);
}

/* A MAAR's clock is ahead of the CMD's by more than RFC 5213 allows: one correction, and the
 * station is registered. */
static void wrong_clock(void **state)
{
    (void)state;
    struct world *w = w_new(1, 8);

    w_crash(w, 1);
    sim_node_step_clock(&w->n[1], 2000000000);
    w_boot(w, 1);
    w_run(w, GW_SEC(3)); /* what the CMD says counts as old until then */
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(2));
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_TIMESTAMP), 1);
    w_check(w, 1, 1);
    w_free(w);
}

/* What a peer says of a message is not what it says of the registration. */
static void not_believed(void **state)
{
    (void)state;
    struct world *w = w_new(1, 5);

    w->tap = catch_answer; /* and lose it */
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(100));
    w->tap = NULL;
    for (unsigned status = GW_ST_MESGID_MISMATCH; status <= GW_ST_AUTH_FAILED; status++) {
        struct gw_mh *m = pbu(w);
        m->type = GW_MH_BA;
        m->ba = (struct gw_mh_ba){
            .status = (uint8_t)status, .flags = GW_BA_P | GW_BA_D, .seq = w_mn(w, 1, 1)->ex.seq};
        mesgid(w, m, status);
        assert_int_equal(w_inject(w, 0, 1, m, NULL), GW_EREPLAY);
        assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_REGISTERING);
    }
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_BY_PEER), 3);
    w_run(w, GW_SEC(3));
    w_check(w, 1, 1);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),     cmocka_unit_test(owner_and_order),
        cmocka_unit_test(peers),        cmocka_unit_test(replay),
        cmocka_unit_test(window),       cmocka_unit_test(truncated),
        cmocka_unit_test(unknown_type), cmocka_unit_test(wrong_clock),
        cmocka_unit_test(not_believed), cmocka_unit_test(order_of_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
