/* Revocations (RFC 5846) made by hand and what they are answered with, and update notifications
 * (RFC 7077), an operator's and ones made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "revoke_world.h"

/* Every status of §5.2 that a MAAR or a MAG can have a reason for; the session stands. */
static void statuses(void **state)
{
    (void)state;
    static const struct {
        uint8_t trigger;
        bool g, no_p, v;
        unsigned named, prefix; /* prefix: 1 a foreign one */
        uint8_t status;
    } table[] = {
        {8, false, false, false, 1, 0, GW_BRA_TRIGGER_UNSUPPORTED},
        {127, false, false, false, 1, 0, GW_BRA_TRIGGER_UNSUPPORTED},
        {130, true, false, false, 0, 0, GW_BRA_TRIGGER_UNSUPPORTED},
        {255, true, false, false, 0, 0, GW_BRA_TRIGGER_UNSUPPORTED},
        {GW_BR_PER_PEER, false, false, false, 1, 0, GW_BRA_FUNCTION_UNSUPPORTED},
        {GW_BR_ADMINISTRATIVE, true, false, false, 1, 0, GW_BRA_FUNCTION_UNSUPPORTED},
        {GW_BR_PER_PEER, true, false, false, 1, 0, GW_BRA_FUNCTION_UNSUPPORTED},
        {GW_BR_PER_PEER, true, true, false, 0, 0, GW_BRA_FUNCTION_UNSUPPORTED},
        {GW_BR_ADMINISTRATIVE, false, true, false, 1, 0, GW_BRA_FUNCTION_UNSUPPORTED},
        {GW_BR_USER_ENDS, false, false, true, 1, 0, GW_BRA_NO_BINDING},
        {GW_BR_ADMINISTRATIVE, false, false, false, 2, 0, GW_BRA_NO_BINDING},
        {GW_BR_ADMINISTRATIVE, false, false, false, 1, 1, GW_BRA_NO_BINDING},
        {GW_BR_ADMINISTRATIVE, false, false, false, 0, 0, GW_BRA_IDENTITY_REQUIRED},
        {GW_BR_LOCAL_POLICY, true, false, false, 0, 0, GW_BRA_IDENTITY_REQUIRED},
        {GW_BR_LOCAL_POLICY, true, false, false, 1, 0, GW_BRA_IDENTITY_REQUIRED},
        {GW_BR_HANDOVER_SAME_ATT, false, false, false, 1, 0, GW_BRA_ATTACHED},
        {GW_BR_HANDOVER_OTHER_ATT, false, false, false, 1, 0, GW_BRA_ATTACHED},
        {GW_BR_HANDOVER_UNKNOWN, false, false, false, 1, 0, GW_BRA_ATTACHED},
    };

    for (unsigned kind = 0; kind < 2; kind++) {
        struct world *w = kind == 0 ? w_new(2, 60) : w_new_pmip(2, 61);
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_SEC(1));
        r_hear(w);
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            struct gw_mh *m = r_bri(w, table[i].trigger, table[i].g);
            m->br.p = !table[i].no_p;
            m->br.v = table[i].v;
            if (table[i].named != 0)
                r_name(m, table[i].named);
            struct gw_prefix p = sim_pool(5);
            p.len = 64;
            if (table[i].prefix == 1)
                gw_lm_add_prefix(m, GW_OPT_HNP, &p);
            assert_int_equal(r_tell(w, 0, 1, m), table[i].status);
            assert_true(w_has_station(w, 1, 1));
        }
        assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_BRI), sizeof table / sizeof *table);
        /* another MAAR, or MAG, has no say here */
        struct gw_mh *m = r_bri(w, GW_BR_ADMINISTRATIVE, false);
        r_name(m, 1);
        assert_int_equal(r_tell(w, 2, 1, m), 255);
        assert_int_equal(w_count(w, 1, GW_CNT_WRONG_ROLE), 1);
        /* not signed rightly, and again */
        struct gw_key wrong = sim_key(0, 2);
        m = r_bri(w, GW_BR_ADMINISTRATIVE, false);
        r_name(m, 1);
        gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
        assert_int_equal(w_inject(w, 0, 1, m, &wrong), GW_EAUTH);
        assert_true(w_has_station(w, 1, 1));
        assert_int_equal(w_inject(w, 0, 1, m, NULL), 0);
        assert_false(w_has_station(w, 1, 1));
        assert_int_equal(w_inject(w, 0, 1, m, NULL), GW_EREPLAY);
        w_free(w);
    }
}

/* Some of the prefixes; one that there is none of; the same message once more. */
static void some_prefixes(void **state)
{
    (void)state;
    struct world *w = w_new(3, 62);

    r_walk(w, 1);
    struct gw_prefix first = w_own(w, 1, 1), foreign = sim_pool(5);
    foreign.len = 64;
    r_hear(w);
    unsigned ras = w->seen[3].ras;
    struct gw_mh *m = r_bri(w, GW_BR_ADMINISTRATIVE, false);
    r_name(m, 1);
    gw_lm_add_prefix(m, GW_OPT_HNP, &first);
    gw_lm_add_prefix(m, GW_OPT_HNP, &foreign);
    assert_int_equal(r_tell(w, 0, 3, m), GW_BRA_PARTIAL);
    assert_int_equal(r_opts(&r_said.last_bra, GW_OPT_MNID), 1);
    assert_true(gw_prefix_eq(&gw_lm_opt(&r_said.last_bra, GW_OPT_HNP)->prefix, &foreign));
    assert_int_equal(w_mn(w, 3, 1)->state, GW_MN_SERVING);
    assert_int_equal(w_mn(w, 3, 1)->b.nanchors, 2);
    assert_null(w_prefix(w, 3, &first));
    assert_true(w->seen[3].ras > ras);
    m->nopts = 0;
    r_name(m, 1);
    gw_lm_add_prefix(m, GW_OPT_HNP, &first);
    gw_lm_add_prefix(m, GW_OPT_HNP, &foreign);
    w_run(w, GW_SEC(1));
    assert_int_equal(r_tell(w, 0, 3, m), GW_BRA_PARTIAL); /* as before, although it is gone now */
    m = r_bri(w, GW_BR_ADMINISTRATIVE, false);
    r_name(m, 1);
    gw_lm_add_prefix(m, GW_OPT_HNP, &first);
    assert_int_equal(r_tell(w, 0, 3, m), GW_BRA_NO_BINDING);
    m = r_bri(w, GW_BR_ADMINISTRATIVE, false); /* from before the attachment that is in force */
    r_name(m, 1);
    gw_lm_add_u64(m, GW_OPT_TIMESTAMP, w_mn(w, 3, 1)->b.attached - 1);
    assert_int_equal(r_tell(w, 0, 3, m), GW_BRA_ATTACHED);
    m = r_bri(w, GW_BR_ADMINISTRATIVE, false); /* by name only: all */
    r_name(m, 1);
    assert_int_equal(r_tell(w, 0, 3, m), GW_BRA_SUCCESS);
    assert_int_equal(w_mn(w, 3, 1)->state, GW_MN_REFUSED);
    assert_false(w_has_station(w, 3, 1));
    w_free(w);
}

static void realm(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(1, 63);
    static const char *const names[] = {"a@example.com", "b@example.com", "c@foo.example.com",
                                        "@example.com"};
    struct gw_mnid id = {.subtype = GW_MNID_NAI};

    for (unsigned i = 0; i < 3; i++) {
        id.id = (const uint8_t *)names[i];
        id.len = (uint8_t)strlen(names[i]);
        struct gw_input in = {.kind = GW_IN_ATTACH,
                              .attach = {.station = w_station(i + 1),
                                         .mnid = &id,
                                         .by = GW_SEEN_FRAME,
                                         .seen = w_now(w).mono}};
        assert_int_equal(w_input(w, 1, &in), 0);
    }
    w_run(w, GW_SEC(1));
    r_hear(w);
    struct gw_mh *m = r_bri(w, GW_BR_LOCAL_POLICY, true);
    id.id = (const uint8_t *)names[3];
    id.len = (uint8_t)strlen(names[3]);
    gw_lm_add_mnid(m, &id);
    assert_int_equal(r_tell(w, 0, 1, m), GW_BRA_SUCCESS);
    assert_false(w_has_station(w, 1, 1));
    assert_false(w_has_station(w, 1, 2));
    assert_true(w_has_station(w, 1, 3));
    w_free(w);
}

static void once_more(struct world *w, struct gw_mh *m)
{
    uint16_t seq = m->br.seq;

    m = r_bri(w, GW_BR_PER_PEER, true); /* with another Mesg-ID */
    m->br.seq = seq;
    assert_int_equal(r_tell(w, 0, 1, m), GW_BRA_SUCCESS);
}

/* The acknowledgement of a revocation of all is lost: what has begun since it was obeyed stays when
 * it comes again. A later one ends that too. */
static void all_again(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        struct world *w = kind == 0 ? w_new(1, 80) : w_new_pmip(1, 81);
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_SEC(1));
        r_hear(w);
        struct gw_mh *m = r_bri(w, GW_BR_PER_PEER, true);
        assert_int_equal(r_tell(w, 0, 1, m), GW_BRA_SUCCESS);
        assert_false(w_has_station(w, 1, 1));
        assert_int_equal(w_attach(w, 1, 2), 0);
        w_run(w, GW_SEC(1));
        once_more(w, m);
        assert_true(w_has_station(w, 1, 2));
        w_run(w, GW_SEC(10));
        once_more(w, m);
        assert_true(w_has_station(w, 1, 2));
        m = r_bri(w, GW_BR_PER_PEER, true);
        assert_int_equal(r_tell(w, 0, 1, m), GW_BRA_SUCCESS);
        assert_false(w_has_station(w, 1, 2));
        w_free(w);
    }
}

/* Sessions that begin while all are gone through are not meant. */
static void begun_meanwhile(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        struct world *w = kind == 0 ? w_new(1, 82) : w_new_pmip(1, 83);
        for (unsigned mn = 1; mn <= 20; mn++)
            assert_int_equal(w_attach(w, 1, mn), 0);
        w_run(w, GW_SEC(1));
        r_hear(w);
        struct gw_mh *m = r_bri(w, GW_BR_PER_PEER, true);
        gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
        assert_int_equal(w_inject(w, 0, 1, m, NULL), 0);
        for (unsigned mn = 21; mn <= 40; mn++) /* before the first turn of its timer */
            assert_int_equal(w_attach(w, 1, mn), 0);
        w_run(w, GW_SEC(1));
        assert_int_equal(r_said.bra, 1);
        for (unsigned mn = 1; mn <= 40; mn++)
            assert_int_equal(w_has_station(w, 1, mn), mn > 20);
        w_free(w);
    }
}

/* Without memory to obey there is no acknowledgement; the repetition is obeyed. */
static void obeyed_without_memory(void **state)
{
    (void)state;
    struct world *w = w_new(1, 84);
    const struct gw_timers *t = &w->n[1].node->timers;
    unsigned mns = 0;

    while (mns < 2 || t->used < t->size) { /* so that one more timer needs memory */
        assert_true(++mns < W_STATIONS);
        assert_int_equal(w_attach(w, 1, mns), 0);
        w_run(w, GW_SEC(1));
    }
    r_hear(w);
    struct gw_mh *m = r_bri(w, GW_BR_PER_PEER, true);
    uint16_t seq = m->br.seq;
    assert_int_equal(t->used, t->size);
    w->n[1].alloc_fails = 1;
    assert_int_equal(r_tell(w, 0, 1, m), 255);
    assert_int_equal(w->n[1].alloc_fails, 0);
    assert_true(w_has_station(w, 1, 1));
    m = r_bri(w, GW_BR_PER_PEER, true);
    m->br.seq = seq;
    assert_int_equal(r_tell(w, 0, 1, m), GW_BRA_SUCCESS);
    for (unsigned mn = 1; mn <= mns; mn++)
        assert_false(w_has_station(w, 1, mn));
    w_free(w);
}

/* What a MAG may revoke of its own at the LMA (§8.2), and what not. */
static void from_a_mag(void **state)
{
    (void)state;
    struct world *w = r_pmip(3, 64);
    struct gw_prefix one = r_session(w, 1)->anchors->prefix,
                     other = r_session(w, 2)->anchors->prefix;

    r_hear(w);
    struct gw_mh *m = r_bri(w, GW_BR_USER_ENDS, false);
    r_name(m, 1);
    assert_int_equal(r_tell(w, 2, 0, m), GW_BRA_NO_BINDING); /* it is at the other one */
    m = r_bri(w, GW_BR_USER_ENDS, false);
    r_name(m, 1);
    gw_lm_add_prefix(m, GW_OPT_HNP, &other);
    assert_int_equal(r_tell(w, 1, 0, m), GW_BRA_NO_BINDING);
    gw_lm_add_prefix(m = r_bri(w, GW_BR_USER_ENDS, false), GW_OPT_HNP, &one);
    r_name(m, 1);
    gw_lm_add_prefix(m, GW_OPT_HNP, &other);
    assert_int_equal(r_tell(w, 1, 0, m), GW_BRA_PARTIAL);
    w_run(w, GW_MSEC(1));
    assert_null(r_session(w, 1));
    m = r_bri(w, GW_BR_USER_ENDS, false);
    r_name(m, 2);
    assert_int_equal(r_tell(w, 1, 0, m), GW_BRA_SUCCESS);
    m = r_bri(w, GW_BR_LOCAL_POLICY, true);
    r_name(m, 3);
    assert_int_equal(r_tell(w, 1, 0, m), GW_BRA_FUNCTION_UNSUPPORTED);
    m = r_bri(w, GW_BR_PER_PEER, true); /* allowed, but under another name */
    w->n[0].peers[0].bulk = true;
    r_name(m, 3);
    assert_int_equal(r_tell(w, 1, 0, m), GW_BRA_GLOBAL_NOT_AUTHORISED);
    assert_non_null(r_session(w, 3));
    w_free(w);

    w = w_new(1, 65); /* a MAAR de-registers */
    r_walk(w, 1);
    r_hear(w);
    m = r_bri(w, GW_BR_USER_ENDS, false);
    r_name(m, 1);
    assert_int_equal(r_tell(w, 1, 0, m), GW_BRA_FUNCTION_UNSUPPORTED);
    w_check(w, 1, 1);
    w_free(w);
}

/* Acknowledgements that nobody waits for, or of somebody else. */
static void forged_answers(void **state)
{
    (void)state;
    struct world *w = w_new(2, 66);

    r_walk(w, 1);
    r_hear(w);
    r_deaf = 2;
    assert_int_equal(r_revoke(w, 0, 1, GW_SEC(60)), 0);
    w_run(w, GW_MSEC(100));
    uint16_t seq = 0;
    const struct gw_orders *os = &w->n[0].node->operations.orders;
    const struct gw_order *o;
    for (size_t i = 0; (o = gw_table_next(&os->by_seq, &i)) != NULL;)
        seq = o->seq;
    static const struct {
        size_t from;
        int off;
        bool p, g;
    } table[] = {
        {1, 0, true, false}, {2, 1, true, false}, {2, 0, false, false}, {2, 0, true, true}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct gw_mh *m = r_bri(w, GW_BRA_SUCCESS, table[i].g);
        m->br.br_type = GW_BR_BRA;
        m->br.p = table[i].p;
        m->br.seq = (uint16_t)(seq + table[i].off);
        gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
        assert_int_equal(w_inject(w, table[i].from, 0, m, NULL), GW_ENOENT);
        assert_true(r_result(w, 0)->running);
    }
    struct gw_mh *m = r_bri(w, 0, false); /* an UPA is no BRA */
    m->type = GW_MH_UPA;
    m->upa = (struct gw_mh_upa){.seq = seq};
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    assert_int_equal(w_inject(w, 2, 0, m, NULL), GW_ENOENT);
    assert_int_equal(w_count(w, 0, GW_CNT_UNMATCHED), 5);
    m = r_bri(w, 0, false); /* neither a BRI nor a BRA */
    m->br.br_type = 3;
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    assert_int_equal(w_inject(w, 2, 0, m, NULL), GW_EINVAL);
    m = r_bri(w, 0, false); /* it does not know the message: no repetition */
    m->type = GW_MH_BE;
    m->be = (struct gw_mh_be){.status = 2};
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    assert_int_equal(w_inject(w, 2, 0, m, NULL), 0);
    r_check(w, 0, 2, 1);
    r_deaf = 0;
    w_run(w, GW_SEC(2)); /* it is told to let go as of old */
    assert_int_equal(r_said.bri, 2);
    r_check_revoked(w, 1);
    w_free(w);
}

static void notified(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        struct world *w = kind == 0 ? w_new(2, 70) : r_pmip(3, 71);
        size_t at = kind == 0 ? 2 : 1;
        for (unsigned mn = 1; kind == 0 && mn <= 3; mn++)
            r_walk(w, mn);
        r_hear(w);
        assert_int_equal(r_notify(w, 0, 1), 0);
        w_run(w, GW_SEC(1));
        assert_int_equal(r_said.upn, 1);
        assert_int_equal(r_said.upa, 1);
        assert_int_equal(r_said.pbu, 1);
        assert_int_equal(r_said.last_upn.upn.reason, GW_UPN_REREGISTER);
        assert_true(r_said.last_upn.upn.a && !r_said.last_upn.upn.d);
        assert_int_equal(r_said.last_upa.upa.status, GW_UPA_SUCCESS);
        assert_int_equal(r_opts(&r_said.last_upa, GW_OPT_MNID), 1);
        r_check(w, 0, 1, 1);
        assert_int_equal(r_notify(w, 0, 9), GW_ENOENT);
        assert_int_equal(r_notify(w, at, 1), GW_EDENIED);
        /* all of a peer's */
        struct gw_operate o = {.kind = GW_OPERATE_NOTIFY, .peer = &w->n[at].cfg->addr};
        uint64_t number;
        r_hear(w);
        w_run(w, GW_SEC(1));
        assert_int_equal(r_operate(w, 0, &o, &number), 0);
        w_run(w, GW_SEC(1));
        assert_int_equal(r_said.upn, 1);
        assert_int_equal(r_said.pbu, 3);
        assert_int_equal(r_opts(&r_said.last_upn, GW_OPT_MN_GROUP), 1);
        assert_int_equal(r_opts(&r_said.last_upa, GW_OPT_MN_GROUP), 1);
        r_check(w, 0, 1, 1);
        for (unsigned mn = 1; kind == 0 && mn <= 3; mn++)
            w_check(w, mn, 2);
        w_free(w);
    }
}

/* Lost messages: the repetition carries D; a lost acknowledgement causes no second PBU. */
static void notified_again(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        struct world *w = w_new(1, 72);
        r_walk(w, 1);
        r_hear(w);
        w->lose_nth = w->messages + (nth == 1 ? 1 : 3); /* UPN; then PBU, UPA */
        assert_int_equal(r_notify(w, 0, 1), 0);
        w_run(w, GW_SEC(2));
        assert_int_equal(r_said.last_upn.upn.d, true);
        assert_int_equal(r_said.pbu, 1);
        r_check(w, 0, 1, 1);
        w_free(w);
    }
    struct world *w = w_new(1, 73);
    r_walk(w, 1);
    r_hear(w);
    w_crash(w, 1);
    assert_int_equal(r_notify(w, 0, 1), 0);
    w_run(w, GW_SEC(3));
    assert_int_equal(r_said.upn, 2);
    r_check(w, 0, 1, 0);
    assert_int_equal(w_count(w, 0, GW_CNT_ORDER_SILENT), 1);
    w_free(w);
}

/* What a MAAR makes of other notifications (RFC 7077 §6.1). */
static void notifications(void **state)
{
    (void)state;
    static const struct {
        uint16_t reason;
        bool a, vendor;
        unsigned named; /* 0: a group; 2 is nobody */
        uint32_t group;
        int status; /* -1: no answer */
    } table[] = {
        {GW_UPN_REREGISTER, true, false, 2, 0, GW_UPA_FAILED},
        {GW_UPN_REREGISTER, true, false, 0, 7, GW_UPA_FAILED},
        {GW_UPN_PARAMETERS, true, false, 1, 0, GW_UPA_FAILED},
        {GW_UPN_PARAMETERS, false, false, 1, 0, -1},
        {GW_UPN_VENDOR, true, false, 1, 0, GW_UPA_VENDOR_MISSING},
        {GW_UPN_VENDOR, true, true, 1, 0, GW_UPA_FAILED},
        {GW_UPN_ANI, true, false, 1, 0, GW_UPA_FAILED},
        {0, true, false, 1, 0, GW_UPA_FAILED},
        {255, false, false, 1, 0, -1},
        {GW_UPN_REREGISTER, false, false, 1, 0, -1},
        {GW_UPN_REREGISTER, true, false, 1, 0, GW_UPA_SUCCESS},
    };
    static const uint8_t vendor[] = {0, 0, 0x1a, 0x0a, 1};
    struct world *w = w_new(2, 74);

    r_walk(w, 1);
    r_hear(w);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct gw_mh *m = r_bri(w, 0, false);
        unsigned upa = r_said.upa;
        m->type = GW_MH_UPN;
        m->upn = (struct gw_mh_upn){
            .seq = (uint16_t)(100 + i), .reason = table[i].reason, .a = table[i].a};
        if (table[i].named != 0)
            r_name(m, table[i].named);
        else
            gw_mh_add(m, GW_OPT_MN_GROUP)->group.id = table[i].group;
        if (table[i].vendor) {
            struct gw_opt *o = gw_mh_add(m, GW_OPT_VENDOR);
            o->raw.data = vendor;
            o->raw.len = sizeof vendor;
        }
        gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
        bool good = table[i].reason == GW_UPN_REREGISTER && table[i].named == 1;
        assert_int_equal(w_inject(w, 0, 2, m, NULL), good ? 0 : GW_EDENIED);
        w_run(w, GW_SEC(2));
        assert_int_equal(r_said.upa - upa, table[i].status >= 0);
        if (table[i].status >= 0)
            assert_int_equal(r_said.last_upa.upa.status, table[i].status);
    }
    assert_int_equal(r_said.pbu, 2);
    assert_int_equal(w_count(w, 2, GW_CNT_REFUSED_UPN), 9);
    struct gw_mh *m = r_bri(w, 0, false); /* of another MAAR */
    m->type = GW_MH_UPN;
    m->upn = (struct gw_mh_upn){.seq = 1, .reason = GW_UPN_REREGISTER, .a = true};
    r_name(m, 1);
    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    assert_int_equal(w_inject(w, 1, 2, m, NULL), GW_EDENIED);
    assert_int_equal(w_count(w, 2, GW_CNT_WRONG_ROLE), 1);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),
        cmocka_unit_test(some_prefixes),
        cmocka_unit_test(realm),
        cmocka_unit_test(from_a_mag),
        cmocka_unit_test(forged_answers),
        cmocka_unit_test(notified),
        cmocka_unit_test(notified_again),
        cmocka_unit_test(notifications),
        cmocka_unit_test(all_again),
        cmocka_unit_test(begun_meanwhile),
        cmocka_unit_test(obeyed_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
