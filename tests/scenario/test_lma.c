/* The LMA by hand-made PBUs: the checks of RFC 5213 §5.3.1 in their order, every branch of the
 * lookup of §5.4.1, the two delays, both orderings, restart, failing allocations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

static struct gw_mh scratch, answer;
static unsigned answers;
static uint8_t octets[GW_MH_MAX];
static const struct gw_prefix zero;

/* What a MAG says of an interface of mobile node 1. */
struct say {
    uint8_t hi, att;
    unsigned ll; /* of its interface; 0: no option */
    struct gw_prefix hnp;
    bool leave;
};

static struct gw_mh *pbu(struct world *w, struct say s)
{
    struct gw_mh *m = &scratch;
    static uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);

    m->type = GW_MH_BU;
    m->nopts = 0;
    m->bu = (struct gw_mh_bu){.seq = 7, .flags = GW_BU_A | GW_BU_P, .lifetime = s.leave ? 0 : 10};
    gw_lm_add_mnid(m, &mn);
    gw_lm_add_prefix(m, GW_OPT_HNP, &s.hnp);
    gw_lm_add_code(m, GW_OPT_HI, s.hi);
    gw_lm_add_code(m, GW_OPT_ATT, s.att);
    if (s.ll != 0) {
        struct gw_lladdr ll = w_station(s.ll).lladdr;
        gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &ll);
    }
    gw_lm_add_u64(m, GW_OPT_TIMESTAMP, gw_lm_timestamp(w_now(w).wall_ns + 1000000));
    return m;
}

static int catch_answer(struct world *w, struct sim_message *e)
{
    (void)w;
    if (e->data[2] != GW_MH_BA)
        return 1; /* a revocation: test_pmip.c has them */
    memcpy(octets, e->data, e->len);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, e->addrs, octets, e->len, &answer).code,
                     GW_PARSE_OK);
    answers++;
    return 1;
}

static const struct gw_time plane = {50000}; /* until the packet path has confirmed */

static uint64_t asked_at(struct world *w)
{
    return gw_lm_timestamp(w_now(w).wall_ns - plane.ns);
}

/* Sends m as MAG `from`; the status of the one answer, or -1. */
static int ask(struct world *w, size_t from, struct gw_mh *m)
{
    answers = 0;
    w->tap = catch_answer;
    w_run(w, GW_MSEC(1));
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    (void)w_inject(w, from, 0, m, NULL);
    w_run(w, plane);
    assert_true(answers <= 1);
    return answers == 1 ? answer.ba.status : -1;
}

static struct gw_prefix given(void)
{
    const struct gw_opt *o = gw_lm_opt(&answer, GW_OPT_HNP);

    assert_non_null(o);
    return o != NULL ? o->prefix : zero;
}

static void check_given(const struct gw_prefix *p)
{
    struct gw_prefix x = given();
    assert_true(gw_prefix_eq(&x, p));
}

static size_t sessions(struct world *w)
{
    uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);
    size_t n = 0;

    for (struct gw_binding *b = gw_binding_get(&w->n[0].node->lma.bs, &mn); b != NULL; b = b->next)
        n++;
    return n;
}

/* The prefix is tunnelled to that MAG, or (0) to nobody. */
static void check_route(struct world *w, const struct gw_prefix *p, size_t mag)
{
    const struct gw_t_prefix *i = w_prefix(w, 0, p);

    if (mag == 0) {
        assert_null(i);
        return;
    }
    assert_non_null(i);
    assert_int_equal(i->kind, GW_PFX_MOVED);
    assert_true(w_is(&i->peer, &w->n[mag].cfg->addr));
}

static const struct say first = {.hi = GW_HI_NEW_INTERFACE, .att = 4, .ll = 1};

static struct gw_prefix begin(struct world *w)
{
    assert_int_equal(ask(w, 1, pbu(w, first)), GW_ST_ACCEPTED);
    assert_int_equal(sessions(w), 1);
    return given();
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
    };
    struct world *w = w_new_pmip(2, 1);

    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct gw_mh *m = pbu(w, first);
        w_without(m, missing[i].option);
        assert_int_equal(ask(w, 1, m), missing[i].status);
        assert_int_equal(answer.ba.seq, 7);
        check_given(&zero);
        assert_int_equal(gw_lm_opt(&answer, GW_OPT_HI)->code,
                         missing[i].option == GW_OPT_HI ? 0 : first.hi);
        assert_int_equal(gw_lm_opt(&answer, GW_OPT_ATT)->code,
                         missing[i].option == GW_OPT_ATT ? 0 : first.att);
        assert_int_equal(sessions(w), 0);
    }
    struct gw_mh *m = pbu(w, first);
    m->bu.flags |= GW_BU_D;
    assert_int_equal(ask(w, 1, m), GW_ST_PROHIBITED);
    assert_int_equal(answer.ba.flags, GW_BA_P);
    const char *others[] = {"nobody*"};
    w->n[0].peers[0].nodes = others;
    w->n[0].peers[0].nnodes = 1;
    assert_int_equal(ask(w, 1, pbu(w, first)), GW_ST_MAG_NOT_AUTHORISED);
    w->n[0].peers[0].nnodes = 0;
    m = pbu(w, first);
    gw_lm_add_addr(m, GW_OPT_ALT_COA, &(struct gw_addr){{0x20, 1, [15] = 9}});
    assert_int_equal(ask(w, 1, m), GW_ST_MAG_NOT_AUTHORISED);
    w->n[0].policy.allow = false;
    assert_int_equal(ask(w, 1, pbu(w, first)), GW_ST_PROXY_NOT_ENABLED);
    w->n[0].cfg->npolicy = 0;
    assert_int_equal(ask(w, 1, pbu(w, first)), GW_ST_NOT_LMA_FOR_MN);
    w->n[0].cfg->npolicy = 1;
    w->n[0].policy.allow = true;
    assert_int_equal(sessions(w), 0);
    begin(w);
    w_free(w);
}

/* §5.3: the checks come in their order. Everything is wrong with the message; the fault that is
 * named is mended, and the next is named. */
static void order_of_checks(void **state)
{
    (void)state;
    static const int in_order[] = {
        GW_ST_PROHIBITED,         GW_ST_MISSING_MNID,      GW_ST_MAG_NOT_AUTHORISED,
        GW_ST_NOT_LMA_FOR_MN,     GW_ST_PROXY_NOT_ENABLED, GW_ST_TIMESTAMP_MISMATCH,
        GW_ST_MISSING_HNP,        GW_ST_MISSING_HI,        GW_ST_MISSING_ATT,
        GW_ST_HNP_NOT_AUTHORISED, GW_ST_ACCEPTED};
    struct world *w = w_new_pmip(2, 13);
    const char *others[] = {"nobody*"};

    w->n[0].peers[0].nodes = others;
    w->n[0].peers[0].nnodes = 1;
    w->n[0].policy.allow = false;
    w->n[0].cfg->npolicy = 0;
    for (unsigned mended = 0; mended < 11; mended++) {
        struct gw_mh *m = pbu(w, first);
        if (mended == 3)
            w->n[0].peers[0].nnodes = 0;
        if (mended == 4)
            w->n[0].cfg->npolicy = 1;
        if (mended == 5)
            w->n[0].policy.allow = true;
        if (mended < 1)
            m->bu.flags |= GW_BU_D;
        if (mended < 2)
            w_without(m, GW_OPT_MNID);
        w_spoil(m, mended);
        assert_int_equal(ask(w, 1, m), in_order[mended]);
    }
    w_free(w);
}

/* A sequence number does not undo what Timestamps have ordered, nor the other way round. */
static void both_orders(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 14);
    struct gw_prefix p = begin(w);
    struct say more = {.hi = 5, .att = 4, .ll = 1, .hnp = p};
    struct gw_mh *m = pbu(w, more);

    w_without(m, GW_OPT_TIMESTAMP);
    assert_int_equal(ask(w, 1, m), GW_ST_SEQUENCE); /* the number is not higher */
    m = pbu(w, more);
    w_without(m, GW_OPT_TIMESTAMP);
    m->bu.seq = 8;
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    m = pbu(w, more);
    w_find(m, GW_OPT_TIMESTAMP)->u64 -= 65536 / 4;
    m->bu.seq = 9;
    assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_LOWER);
    m = pbu(w, more);
    w_find(m, GW_OPT_TIMESTAMP)->u64 = 0;
    assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_LOWER);
    w_free(w);
}

/* Timestamps: a window on both sides, and later than all before; else sequence numbers. */
static void order(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 2);
    static const int64_t off[] = {-1, 1};

    for (int i = 0; i < 2; i++) {
        struct gw_mh *m = pbu(w, first);
        w_find(m, GW_OPT_TIMESTAMP)->u64 += (uint64_t)(off[i] * 65536);
        assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_MISMATCH);
        assert_int_equal(gw_lm_opt(&answer, GW_OPT_TIMESTAMP)->u64, asked_at(w));
    }
    struct gw_prefix p = begin(w);
    struct gw_mh *m = pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1});
    w_find(m, GW_OPT_TIMESTAMP)->u64 -= 6000;
    assert_int_equal(ask(w, 2, m), GW_ST_TIMESTAMP_LOWER);
    assert_int_equal(gw_lm_opt(&answer, GW_OPT_TIMESTAMP)->u64, asked_at(w));
    check_route(w, &p, 1);
    /* the very same once more is answered; another with the same Timestamp is not */
    m = pbu(w, (struct say){.hi = 5, .att = 4, .ll = 1, .hnp = p});
    struct gw_mh again = *m;
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    *m = again;
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    *m = again;
    m->bu.seq++;
    assert_int_equal(ask(w, 1, m), GW_ST_TIMESTAMP_MISMATCH);
    /* without a Timestamp */
    *m = again;
    w_without(m, GW_OPT_TIMESTAMP);
    m->bu.seq = 6;
    assert_int_equal(ask(w, 1, m), GW_ST_SEQUENCE);
    assert_int_equal(answer.ba.seq, 7);
    assert_null(gw_lm_opt(&answer, GW_OPT_TIMESTAMP));
    *m = again;
    w_without(m, GW_OPT_TIMESTAMP);
    m->bu.seq = 8;
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_SEQUENCE), 1);
    w_free(w);
}

/* §5.4.1.1 */
static void lookup_prefix(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(3, 3);
    struct gw_prefix p = begin(w), other = p;
    uint8_t id[6];

    /* (5): the same interface; the other one by HI 2; the same MAG by ATT */
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1, .hnp = p})), 0);
    check_route(w, &p, 2);
    assert_int_equal(ask(w, 3, pbu(w, (struct say){.hi = 2, .att = 5, .ll = 2, .hnp = p})), 0);
    check_route(w, &p, 3);
    assert_int_equal(ask(w, 3, pbu(w, (struct say){.hi = 5, .att = 5, .hnp = p})), 0);
    /* now it has no link-layer identifier: HI 3 and ATT suffice */
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 3, .att = 5, .hnp = p})), 0);
    check_route(w, &p, 1);
    assert_int_equal(sessions(w), 1);
    /* (6): another session, but the prefix is taken */
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 1, .att = 9, .ll = 3, .hnp = p})),
                     GW_ST_HNP_NOT_AUTHORISED);
    assert_int_equal(
        ask(w, 2, pbu(w, (struct say){.hi = 1, .att = 9, .ll = 3, .hnp = p, .leave = true})), -1);
    /* (4) */
    other.addr.b[7] ^= 1;
    struct gw_mh *m = pbu(w, (struct say){.hi = 5, .att = 5, .hnp = p});
    gw_lm_add_prefix(m, GW_OPT_HNP, &other);
    assert_int_equal(ask(w, 1, m), GW_ST_PREFIX_MISMATCH);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_PREFIX_SET), 1);
    /* (3) */
    m = pbu(w, (struct say){.hi = 3, .att = 5, .hnp = p});
    w_find(m, GW_OPT_MNID)->mnid = w_mnid(2, id);
    assert_int_equal(ask(w, 2, m), GW_ST_HNP_NOT_AUTHORISED);
    check_given(&p);
    /* (2): a new session with what was asked for, if it is this LMA's */
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 1, .att = 4, .ll = 7, .hnp = other})), 0);
    check_route(w, &other, 2);
    assert_int_equal(sessions(w), 2);
    other.addr.b[3] ^= 1;
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 1, .att = 4, .ll = 8, .hnp = other})),
                     GW_ST_HNP_NOT_AUTHORISED);
    w_free(w);
}

/* §5.4.1.2 and §5.4.1.3, without the waiting */
static void lookup_interface(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(3, 4);
    struct gw_prefix p = begin(w);

    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1})), 0); /* .2 (2) */
    check_given(&p);
    check_route(w, &p, 2);
    assert_int_equal(ask(w, 3, pbu(w, (struct say){.hi = 2, .att = 5, .ll = 2})), 0); /* .2 (3) */
    check_route(w, &p, 3);
    assert_int_equal(sessions(w), 1);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 3, .att = 5})), 0); /* .3 (2) */
    check_route(w, &p, 1);
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 2, .att = 6})), 0);
    check_route(w, &p, 2);
    assert_int_equal(sessions(w), 1);
    /* .2 (5) and .3 (4): a new session; and with two of them nothing is the only one */
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 1, .att = 4, .ll = 9})), 0);
    assert_int_equal(sessions(w), 2);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 2, .att = 4, .ll = 10})), 0);
    assert_int_equal(sessions(w), 3);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 3, .att = 4})), 0);
    assert_int_equal(sessions(w), 4);
    /* a de-registration of nothing */
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 4, .att = 4, .ll = 99, .leave = true})),
                     -1);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 1, .att = 4, .ll = 20 + i})), 0);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 1, .att = 4, .ll = 30})),
                     GW_ST_NO_RESOURCES);
    assert_int_equal(sessions(w), GW_LMA_SESSIONS_MAX);
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_SESSIONS), 1);
    w_free(w);
}

/* MaxDelayBeforeNewBCEAssign */
static void unknown_handoff(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(3, 5);
    static const unsigned ll[] = {2, 0};

    for (int i = 0; i < 2; i++) {
        struct say s = {.hi = GW_HI_UNKNOWN, .att = 4, .ll = ll[i]};
        /* the de-registration comes: the session moves */
        struct gw_prefix p = begin(w);
        assert_int_equal(ask(w, 2, pbu(w, s)), -1);
        check_route(w, &p, 1);
        w_run(w, GW_MSEC(500));
        answers = 0;
        struct gw_mh *m = pbu(w, (struct say){.hi = 4, .att = 4, .ll = 1, .hnp = p, .leave = true});
        gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
        (void)w_inject(w, 1, 0, m, NULL);
        w_run(w, plane);
        assert_int_equal(answers, 2); /* both are answered */
        check_route(w, &p, 2);
        assert_int_equal(sessions(w), 1);
        /* it does not: a new one */
        w_run(w, GW_MSEC(5));
        s.ll = ll[i] == 0 ? 0 : 3;
        assert_int_equal(ask(w, 3, pbu(w, s)), -1);
        w_run(w, GW_MSEC(1400));
        assert_int_equal(sessions(w), 1);
        w_run(w, GW_MSEC(200));
        assert_int_equal(sessions(w), 2);
        assert_int_equal(answers, 1);
        assert_int_equal(answer.ba.status, GW_ST_ACCEPTED);
        check_route(w, &p, 2);
        w_run(w, GW_SEC(41)); /* all of them expire */
        assert_int_equal(sessions(w), 0);
        check_route(w, &p, 0);
    }
    /* what waits when its session expires gets a new one; without a delay nothing waits */
    begin(w);
    w_run(w, GW_MSEC(39500));
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 4, .att = 4, .ll = 2})), -1);
    w_run(w, GW_SEC(1));
    assert_int_equal(sessions(w), 1);
    assert_int_equal(answers, 1);
    w->n[0].cfg->pmip.max_before_assign = GW_MSEC(0);
    assert_int_equal(ask(w, 3, pbu(w, (struct say){.hi = 4, .att = 4, .ll = 3})), 0);
    assert_int_equal(sessions(w), 2);
    w_free(w);
}

/* §5.3.5 and MinDelayBeforeBCEDelete */
static void leaving(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 6);
    struct gw_prefix p = begin(w);
    struct say bye = {.hi = 4, .att = 4, .ll = 1, .hnp = p, .leave = true};

    assert_int_equal(ask(w, 2, pbu(w, bye)), -1); /* not that MAG's */
    check_route(w, &p, 1);
    assert_int_equal(w_count(w, 0, GW_CNT_STALE), 1);
    assert_int_equal(ask(w, 1, pbu(w, bye)), GW_ST_ACCEPTED);
    assert_int_equal(answer.ba.lifetime, 0);
    check_route(w, &p, 0);
    w_run(w, GW_SEC(9));
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 4, .att = 4})), 0); /* it moves at once */
    check_given(&p);
    check_route(w, &p, 2);
    w_run(w, GW_SEC(11)); /* the wait is over without an end */
    check_route(w, &p, 2);
    assert_int_equal(ask(w, 2, pbu(w, bye)), GW_ST_ACCEPTED);
    w_crash(w, 0);
    w_boot(w, 0);
    assert_int_equal(sessions(w), 1);
    check_route(w, &p, 0);
    w_run(w, GW_SEC(11));
    assert_int_equal(sessions(w), 0);
    assert_int_equal(sim_disk_count(w->n[0].disk, 'L'), 0);
    assert_int_equal(gw_pools_count(&w->n[0].node->maar.pools), 0);
    assert_int_equal(ask(w, 1, pbu(w, bye)), -1);
    w_free(w);
}

/* A PBA says what the packet path does: it waits for it, and says no when that does. */
static void refused_by_the_path(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 9);

    w_plane_takes(w, GW_MSEC(5));
    assert_int_equal(ask(w, 1, pbu(w, first)), -1);
    w_run(w, GW_MSEC(4));
    assert_int_equal(answers, 0);
    w_run(w, GW_MSEC(1));
    assert_int_equal(answers, 1);
    assert_int_equal(answer.ba.status, GW_ST_ACCEPTED);
    struct gw_prefix p = given();
    /* meanwhile the node moves on: each MAG hears of its own */
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1, .hnp = p})), -1);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1, .hnp = p})), -1);
    w_run(w, GW_MSEC(6));
    assert_int_equal(answers, 1);
    check_route(w, &p, 1);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 5, .att = 4, .ll = 1, .hnp = p})), 0);
    /* one that is over before the packet path has answered */
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1, .hnp = p})), -1);
    struct say bye = {.hi = 4, .att = 4, .ll = 1, .hnp = p, .leave = true};
    assert_int_equal(ask(w, 2, pbu(w, bye)), 0);
    w_run(w, GW_SEC(11));
    assert_int_equal(answers, 1);
    assert_int_equal(sessions(w), 0);
    w_plane_takes(w, (struct gw_time){20000});
    w_plane_refuses(w, true);
    assert_int_equal(ask(w, 1, pbu(w, first)), GW_ST_NO_RESOURCES);
    assert_int_equal(sessions(w), 0);
    assert_int_equal(gw_pools_count(&w->n[0].node->maar.pools), 0);
    assert_int_equal(sim_disk_count(w->n[0].disk, 'L'), 0);
    w_plane_refuses(w, false);
    p = begin(w);
    w_plane_refuses(w, true);
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1})),
                     GW_ST_NO_RESOURCES);
    assert_int_equal(sessions(w), 1);
    w_plane_refuses(w, false);
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 5, .att = 4, .ll = 1, .hnp = p})), 0);
    check_route(w, &p, 2);
    assert_int_equal(w_count(w, 0, GW_CNT_PLANE_FAILED), 2);
    w_free(w);
}

/* The pool, the table of bindings, a reload with sessions alive, and a sender that is no MAG. */
static void limits(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 10);
    struct gw_prefix p = begin(w);
    uint8_t id[6];

    w->n[0].cfg->limits.bindings = 2;
    w->n[0].policy.prefixes = 2;
    assert_int_equal(gw_node_reload(w->n[0].node, w->n[0].cfg, NULL, NULL, w_now(w)), 0);
    w_drain(w, 0);
    check_route(w, &p, 1);
    assert_int_equal(sessions(w), 1);
    struct gw_mh *m = pbu(w, first);
    w_find(m, GW_OPT_MNID)->mnid = w_mnid(2, id);
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    m = pbu(w, first);
    w_find(m, GW_OPT_MNID)->mnid = w_mnid(3, id);
    assert_int_equal(ask(w, 1, m), GW_ST_NO_RESOURCES);
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_BINDINGS), 1);
    assert_int_equal(gw_table_count(&w->n[0].node->lma.bs.by_prefix), 3);
    /* what the policy no longer allows ends with its lifetime */
    w->n[0].policy.allow = false;
    assert_int_equal(gw_node_reload(w->n[0].node, w->n[0].cfg, NULL, NULL, w_now(w)), 0);
    w_drain(w, 0);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 5, .att = 4, .ll = 1, .hnp = p})),
                     GW_ST_PROXY_NOT_ENABLED);
    w_run(w, GW_SEC(41));
    assert_int_equal(sessions(w), 0);
    check_route(w, &p, 0);
    w->n[0].policy.allow = true;
    w->n[0].peers[0].roles = GW_ROLE_MAAR; /* no MAG */
    assert_int_equal(ask(w, 1, pbu(w, first)), GW_ST_MAG_NOT_AUTHORISED);
    w_free(w);
}

/* A pool of two prefixes: the third is refused, and whoever needs two gets none. */
static void exhausted(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 11);
    uint8_t id[6];

    w_crash(w, 0);
    w->n[0].pool.prefix.len = 63;
    w_boot(w, 0);
    w_run(w, GW_MSEC(1));
    struct gw_prefix p = begin(w);
    w->n[0].policy.prefixes = 2;
    struct gw_mh *m = pbu(w, first);
    w_find(m, GW_OPT_MNID)->mnid = w_mnid(2, id);
    assert_int_equal(ask(w, 1, m), GW_ST_NO_RESOURCES);
    check_given(&zero);
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_POOL), 1);
    assert_int_equal(gw_pools_count(&w->n[0].node->maar.pools), 1);
    w->n[0].policy.prefixes = 1;
    m = pbu(w, first);
    w_find(m, GW_OPT_MNID)->mnid = w_mnid(2, id);
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 1, .att = 5, .ll = 9})),
                     GW_ST_NO_RESOURCES);
    struct say bye = {.hi = 4, .att = 4, .ll = 1, .hnp = p, .leave = true};
    assert_int_equal(ask(w, 1, pbu(w, bye)), GW_ST_ACCEPTED);
    w_run(w, GW_SEC(11)); /* it is free again */
    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 1, .att = 5, .ll = 9})), 0);
    check_given(&p);
    w_free(w);
}

/* A MAG that has not noticed that the node left does not take it back by extending. */
static void not_taken_back(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 12);
    struct gw_prefix p = begin(w);

    assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1})), 0);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 5, .att = 4, .ll = 1, .hnp = p})),
                     GW_ST_TIMESTAMP_LOWER);
    check_given(&p);
    check_route(w, &p, 2);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_ELSEWHERE), 1);
    assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 4, .att = 4, .ll = 1, .hnp = p})), 0);
    check_route(w, &p, 1);
    w_free(w);
}

/* Several prefixes per session, the Link-local Address, the pool, and all of it after a restart. */
static void prefixes(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 7);
    struct gw_prefix got[3];
    struct gw_opt *ll;
    struct gw_lladdr mac;
    struct gw_addr mine;
    size_t it = 0, n = 0;

    w->n[0].policy.prefixes = 3;
    struct gw_mh *m = pbu(w, first);
    gw_lm_add_addr(m, GW_OPT_LINK_LOCAL, &(struct gw_addr){0});
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED);
    gw_dlif_default(&w->n[0].cfg->addr, &mine, &mac);
    assert_true(gw_addr_eq(&gw_lm_opt(&answer, GW_OPT_LINK_LOCAL)->addr, &mine));
    for (const struct gw_opt *o; (o = gw_mh_opt(&answer, GW_OPT_HNP, &it)) != NULL && n < 3; n++)
        got[n] = o->prefix;
    assert_int_equal(n, 3);
    assert_null(gw_mh_opt(&answer, GW_OPT_HNP, &it));
    m = pbu(w, (struct say){.hi = 5, .att = 4, .ll = 1, .hnp = got[0]});
    assert_int_equal(ask(w, 1, m), GW_ST_PREFIX_MISMATCH);
    w_crash(w, 0);
    w_boot(w, 0);
    for (size_t i = 0; i < 3; i++)
        check_route(w, &got[i], 1);
    m = pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1, .hnp = got[2]});
    gw_lm_add_prefix(m, GW_OPT_HNP, &got[0]);
    gw_lm_add_prefix(m, GW_OPT_HNP, &got[1]);
    gw_lm_add_addr(m, GW_OPT_LINK_LOCAL, &(struct gw_addr){{0xfe, 0x80, [15] = 0x33}});
    assert_int_equal(ask(w, 2, m), GW_ST_ACCEPTED);
    assert_int_equal(gw_lm_opt(&answer, GW_OPT_LINK_LOCAL)->addr.b[15], 0x33);
    for (size_t i = 0; i < 3; i++)
        check_route(w, &got[i], 2);
    m = pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1});
    gw_lm_add_addr(m, GW_OPT_LINK_LOCAL, &(struct gw_addr){0});
    assert_int_equal(ask(w, 1, m), GW_ST_ACCEPTED); /* of the binding */
    ll = w_find(&answer, GW_OPT_LINK_LOCAL);
    assert_non_null(ll);
    assert_int_equal(ll->addr.b[15], 0x33);
    w_free(w);
}

/* Every allocation of a registration fails once: an answer or none, and nothing half. */
static void no_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct world *w = w_new_pmip(2, 8);
        w_run(w, GW_MSEC(1));
        w->sim->memory.fail_at = w->sim->memory.count + nth;
        w->sim->memory.fail_for = 1;
        int status = ask(w, 1, pbu(w, first));
        w->sim->memory.fail_at = 0;
        assert_true(status == GW_ST_ACCEPTED || status == GW_ST_NO_RESOURCES || status == -1);
        if (status == GW_ST_NO_RESOURCES)
            assert_int_equal(sessions(w), 0);
        assert_int_equal(gw_pools_count(&w->n[0].node->maar.pools), sessions(w));
        assert_int_equal(ask(w, 2, pbu(w, (struct say){.hi = 3, .att = 4, .ll = 1})), 0);
        struct gw_prefix p = given();
        check_route(w, &p, 2);
        assert_int_equal(ask(w, 1, pbu(w, (struct say){.hi = 4, .att = 4, .ll = 2})), -1);
        w_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),        cmocka_unit_test(order_of_checks),
        cmocka_unit_test(both_orders),     cmocka_unit_test(order),
        cmocka_unit_test(lookup_prefix),   cmocka_unit_test(lookup_interface),
        cmocka_unit_test(unknown_handoff), cmocka_unit_test(leaving),
        cmocka_unit_test(prefixes),        cmocka_unit_test(no_memory),
        cmocka_unit_test(limits),          cmocka_unit_test(refused_by_the_path),
        cmocka_unit_test(exhausted),       cmocka_unit_test(not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
