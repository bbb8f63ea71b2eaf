/* test_mag.c: the MAG of RFC 5213 §6 against an LMA that this file plays message by message: what
 * each Proxy Binding Update says, and what each answer makes of the mobile node.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_mh last; /* the latest PBU to the LMA, which hears nothing itself */
static unsigned pbus;
static uint8_t kept[GW_MH_MAX];

static int listen_in(struct world *w, struct sim_message *e)
{
    if (e->to != 0)
        return 0;
    memcpy(kept, e->data, e->len);
    assert_int_equal(gw_mh_parse(&w->n[0].cfg->codec, e->addrs, kept, e->len, &last).code,
                     GW_PARSE_OK);
    pbus += last.type == GW_MH_BU;
    return 1;
}

static struct world *world(unsigned roles, uint64_t seed)
{
    unsigned all[] = {GW_ROLE_LMA, roles, roles};
    struct world *w = w_new_roles(all, 3, seed);

    w->tap = listen_in;
    pbus = 0;
    return w;
}

static struct gw_mag_mn *entry(struct world *w, size_t node, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_binding *b = gw_binding_get(&w->n[node].node->mag.bs, &id);
    return b != NULL ? gw_mag_mn(b) : NULL;
}

static struct gw_prefix hnp(unsigned i)
{
    struct gw_prefix p = sim_pool(0);
    p.addr.b[7] = (uint8_t)i;
    p.len = 64;
    return p;
}

static uint8_t opt_code(uint8_t type)
{
    const struct gw_opt *o = gw_lm_opt(&last, type);
    assert_non_null(o);
    return o->code;
}

/* Answers the latest PBU, with prefixes hnp(1)..hnp(n). */
static struct gw_mh answer_of(uint8_t status, unsigned n)
{
    struct gw_mh m = {.type = GW_MH_BA};

    m.ba = (struct gw_mh_ba){
        .status = status, .flags = GW_BA_P, .seq = last.bu.seq, .lifetime = last.bu.lifetime};
    gw_lm_add_mnid(&m, &gw_lm_opt(&last, GW_OPT_MNID)->mnid);
    for (unsigned i = 1; i <= n; i++) {
        struct gw_prefix p = hnp(i);
        gw_lm_add_prefix(&m, GW_OPT_HNP, &p);
    }
    gw_lm_add_code(&m, GW_OPT_HI, opt_code(GW_OPT_HI));
    gw_lm_add_code(&m, GW_OPT_ATT, opt_code(GW_OPT_ATT));
    return m;
}

static int inject(struct world *w, size_t from, size_t to, struct gw_mh *m)
{
    static uint64_t n; /* Mesg-IDs must differ */
    gw_mh_add(m, GW_OPT_MESGID)->u64 = gw_ntp_time(w_now(w).wall_ns) + ++n;
    return w_inject(w, from, to, m, NULL);
}

static int answer(struct world *w, size_t mag, uint8_t status, unsigned n)
{
    struct gw_mh m = answer_of(status, n);
    return inject(w, 0, mag, &m);
}

static void serve(struct world *w, unsigned mn, unsigned n)
{
    assert_int_equal(w_attach(w, 1, mn), 0);
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, n), 0);
    w_run(w, GW_SEC(1));
}

static void check_served(struct world *w, unsigned mn, unsigned n)
{
    struct gw_mag_mn *m = entry(w, 1, mn);

    assert_non_null(m);
    assert_int_equal(m->state, GW_MAG_SERVING);
    assert_true(m->programmed);
    assert_int_equal(m->b.nanchors, n);
    assert_true(w_has_station(w, 1, mn));
    for (unsigned i = 1; i <= n; i++) {
        struct gw_prefix p = hnp(i);
        const struct gw_t_prefix *x = w_prefix(w, 1, &p);
        assert_non_null(x);
        assert_int_equal(x->kind, GW_PFX_SERVED);
        assert_true(w_is(&x->peer, &w->n[0].cfg->addr));
    }
}

static void check_nothing(struct world *w, unsigned mn)
{
    struct gw_prefix p = hnp(1);

    assert_null(w_prefix(w, 1, &p));
    assert_false(w_has_station(w, 1, mn));
    assert_int_equal(sim_disk_count(w->n[1].disk, 'G'), 0);
}

/* §6.9.1.1, §6.9.1.5 */
static void the_first_update(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 1);

    (void)state;
    assert_int_equal(w_attach(w, 1, 1), 0);
    assert_int_equal(pbus, 1);
    assert_int_equal(last.bu.flags, GW_BU_A | GW_BU_P);
    assert_int_equal(last.bu.lifetime, 15);
    assert_int_equal(gw_lm_opt(&last, GW_OPT_HNP)->prefix.len, 0);
    assert_true(gw_addr_is_zero(&gw_lm_opt(&last, GW_OPT_HNP)->prefix.addr));
    assert_int_equal(opt_code(GW_OPT_HI), GW_HI_UNKNOWN);
    assert_int_equal(opt_code(GW_OPT_ATT), 3);
    assert_non_null(gw_lm_opt(&last, GW_OPT_MN_LLID));
    assert_true(gw_addr_is_zero(&gw_lm_opt(&last, GW_OPT_LINK_LOCAL)->addr)); /* asks for one */
    uint64_t first = gw_lm_opt(&last, GW_OPT_TIMESTAMP)->u64;
    w_run(w, GW_MSEC(1500)); /* again, with the time of this transmission (§6.9.4) */
    assert_int_equal(pbus, 2);
    assert_true(gw_lm_opt(&last, GW_OPT_TIMESTAMP)->u64 > first);
    assert_int_equal(w->seen[1].ras, 0); /* nothing is advertised before the answer */
    assert_false(w_has_station(w, 1, 1));
    w_free(w);
}

static void accepted_and_extended(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 2);
    struct gw_mh m;

    (void)state;
    w_attach(w, 1, 1);
    m = answer_of(GW_ST_ACCEPTED, 2);
    struct gw_addr ll = {{0xfe, 0x80, [15] = 0x77}};
    gw_lm_add_addr(&m, GW_OPT_LINK_LOCAL, &ll);
    assert_int_equal(inject(w, 0, 1, &m), 0);
    w_run(w, GW_SEC(1));
    check_served(w, 1, 2);
    struct gw_nd *ra = &w->seen[1].last_ra[0];
    assert_true(gw_addr_eq(&ra->src, &ll)); /* §6.9.1.2 (15) */
    assert_int_equal(ra->npio, 2);
    assert_int_equal(ra->pio[0].preferred_s, 3600);
    w_run(w, GW_MSEC(39500)); /* 20 s before the end, with every prefix (§6.9.1.3) */
    assert_int_equal(pbus, 2);
    assert_int_equal(opt_code(GW_OPT_HI), GW_HI_REREGISTRATION);
    size_t it = 0, n = 0;
    while (gw_mh_opt(&last, GW_OPT_HNP, &it) != NULL)
        n++;
    assert_int_equal(n, 2);
    unsigned ras = w->seen[1].ras;
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 2), 0);
    assert_int_equal(w->seen[1].ras, ras); /* nothing has changed for the node */
    w_run(w, GW_SEC(1));
    w_detach(w, 1, 1);
    w_run(w, GW_SEC(3)); /* the guard interval */
    assert_int_equal(pbus, 3);
    assert_int_equal(last.bu.lifetime, 0);
    assert_int_equal(opt_code(GW_OPT_HI), GW_HI_UNKNOWN);
    assert_int_equal(gw_lm_opt(&last, GW_OPT_HNP)->prefix.len, 64);
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 2), 0);
    assert_null(entry(w, 1, 1));
    check_nothing(w, 1);
    w_free(w);
}

/* §6.9.1.4: the answer is not waited for longer than INITIAL_BINDACK_TIMEOUT. */
static void leaving_without_an_answer(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 3);

    (void)state;
    serve(w, 1, 1);
    w_detach(w, 1, 1);
    w_run(w, GW_SEC(5));
    assert_null(entry(w, 1, 1));
    check_nothing(w, 1);
    assert_false(w_busy(w));
    w_free(w);
}

/* §6.9.1.2 (7), (11): refused for good or for a while; served before or not. */
static void refused(void **state)
{
    static const uint8_t status[] = {GW_ST_UNSPECIFIED,        GW_ST_NO_RESOURCES,
                                     GW_ST_PROXY_NOT_ENABLED,  GW_ST_NOT_LMA_FOR_MN,
                                     GW_ST_MAG_NOT_AUTHORISED, GW_ST_HNP_NOT_AUTHORISED,
                                     GW_ST_TIMESTAMP_MISMATCH, GW_ST_MISSING_HI};

    (void)state;
    for (size_t i = 0; i < sizeof status; i++) {
        struct world *w = world(GW_ROLE_MAG, 4);
        w_attach(w, 1, 1);
        assert_int_equal(answer(w, 1, status[i], 0), 0);
        assert_int_equal(entry(w, 1, 1)->state, GW_MAG_REFUSED);
        check_nothing(w, 1);
        assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
        w_run(w, GW_SEC(40));
        unsigned before = pbus;
        bool for_good = status[i] == GW_ST_PROXY_NOT_ENABLED;
        assert_int_equal(w_attach(w, 1, 1), for_good ? GW_EDENIED : 0);
        assert_int_equal(pbus, before + !for_good);
        if (for_good) { /* until an administrative action */
            assert_int_equal(gw_node_reload(w->n[1].node, w->n[1].cfg, NULL, NULL, w_now(w)), 0);
            w_drain(w, 1);
            assert_int_equal(w_attach(w, 1, 1), 0);
        }
        assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 1), 0);
        w_run(w, GW_SEC(1));
        check_served(w, 1, 1);
        w_run(w, GW_SEC(42));
        assert_int_equal(opt_code(GW_OPT_HI), GW_HI_REREGISTRATION);
        if (status[i] != GW_ST_HNP_NOT_AUTHORISED) {
            answer(w, 1, status[i], 0);
            check_nothing(w, 1);
        }
        w_free(w);
    }
}

/* Whom the LMA has refused for good is remembered while there is room for others. */
static void refused_by_the_dozen(void **state)
{
    (void)state;
    struct world *w = world(GW_ROLE_MAG, 5);

    w_crash(w, 1);
    w->n[1].cfg->limits.bindings = 4;
    w_boot(w, 1);
    serve(w, 1, 1);
    for (unsigned mn = 2; mn <= 20; mn++) {
        assert_int_equal(w_attach(w, 1, mn), 0);
        assert_int_equal(answer(w, 1, GW_ST_PROXY_NOT_ENABLED, 0), 0);
        assert_int_equal(w_attach(w, 1, mn), GW_EDENIED); /* it is not asked again */
    }
    check_served(w, 1, 1);
    w_attach(w, 1, 21);
    w_attach(w, 1, 22);
    w_attach(w, 1, 23);
    assert_int_equal(w_attach(w, 1, 24), GW_EFULL); /* those three are still waiting */
    check_served(w, 1, 1);
    w_free(w);
}

/* §6.9.1.2 (8), (10): another try. */
static void asked_again(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 5);

    (void)state;
    w_attach(w, 1, 1);
    answer(w, 1, GW_ST_TIMESTAMP_LOWER, 0);
    assert_int_equal(pbus, 2);
    answer(w, 1, GW_ST_ACCEPTED, 1);
    w_run(w, GW_SEC(43));
    answer(w, 1, GW_ST_HNP_NOT_AUTHORISED, 0);
    assert_int_equal(gw_lm_opt(&last, GW_OPT_HNP)->prefix.len, 0); /* not those again */
    assert_int_equal(opt_code(GW_OPT_HI), GW_HI_UNKNOWN);
    struct gw_prefix p = hnp(1);
    assert_null(w_prefix(w, 1, &p));
    answer(w, 1, GW_ST_ACCEPTED, 1);
    w_run(w, GW_SEC(1));
    check_served(w, 1, 1);
    w_free(w);
}

/* §6.9.1.2 (5), (6), and what an LMA must not do. */
static void answers_that_do_not_count(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 6);
    struct gw_mh m;

    (void)state;
    w_attach(w, 1, 1);
    m = answer_of(GW_ST_ACCEPTED, 1);
    m.ba.seq++;
    assert_int_equal(inject(w, 0, 1, &m), GW_ENOENT);
    m = answer_of(GW_ST_ACCEPTED, 1);
    m.ba.flags |= GW_BA_D; /* of RFC 8885 */
    assert_int_not_equal(inject(w, 0, 1, &m), 0);
    m = answer_of(GW_ST_ACCEPTED, 1);
    assert_int_not_equal(inject(w, 2, 1, &m), 0); /* another MAG is no LMA */
    assert_int_equal(entry(w, 1, 1)->state, GW_MAG_REGISTERING);
    m = answer_of(GW_ST_ACCEPTED, 0);
    struct gw_prefix foreign = sim_pool(5);
    foreign.len = 64;
    gw_lm_add_prefix(&m, GW_OPT_HNP, &foreign);
    assert_int_not_equal(inject(w, 0, 1, &m), 0); /* not of the pools of the LMA */
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_PREFIX), 1);
    assert_int_equal(entry(w, 1, 1)->state, GW_MAG_REFUSED);
    w_run(w, GW_SEC(40));
    w_attach(w, 1, 1);
    m = answer_of(GW_ST_ACCEPTED, 1);
    for (size_t i = 0; i < m.nopts; i++)
        if (m.opt[i].type == GW_OPT_ATT)
            m.opt[i].code = 4;
    assert_int_equal(inject(w, 0, 1, &m), GW_EFORMAT);
    unsigned before = pbus;
    w_run(w, GW_SEC(100));
    assert_int_equal(pbus, before); /* nor is it asked again */
    check_nothing(w, 1);
    w_free(w);
}

/* Sequence numbers instead of Timestamps (§5.5, §6.9.4 (4)). */
static void ordered_by_numbers(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 7);
    struct gw_mh m;

    (void)state;
    w->n[1].cfg->pmip.sequence = true;
    w_attach(w, 1, 1);
    assert_null(gw_lm_opt(&last, GW_OPT_TIMESTAMP));
    uint16_t first = last.bu.seq;
    w_run(w, GW_MSEC(1500));
    assert_int_equal(last.bu.seq, first + 1);
    m = answer_of(GW_ST_SEQUENCE, 0);
    m.ba.seq = 500; /* the last one that the LMA has accepted */
    assert_int_equal(inject(w, 0, 1, &m), 0);
    assert_int_equal(last.bu.seq, 501);
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 1), 0);
    w_run(w, GW_SEC(1));
    check_served(w, 1, 1);
    w_free(w);
}

static int attach_as(struct world *w, unsigned station, const char *nai)
{
    struct gw_mnid id = {GW_MNID_NAI, (uint8_t)strlen(nai), (const uint8_t *)nai};
    struct gw_input in = {.kind = GW_IN_ATTACH,
                          .attach = {.station = w_station(station),
                                     .mnid = &id,
                                     .by = GW_SEEN_MANUAL,
                                     .seen = w_now(w).mono}};

    w_place(w, station, 1);
    return w_input(w, 1, &in);
}

/* Each interface of a node counts its messages by itself: a late answer about one is none to a
 * message about another, even with the number that the other one waits for. */
static void late_about_another_interface(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 13);
    const struct gw_station_key one = w_station(1), two = w_station(2);
    struct gw_mh first, m;

    (void)state;
    w->n[1].cfg->pmip.sequence = true;
    assert_int_equal(attach_as(w, 1, "a@b"), 0);
    uint16_t seq = last.bu.seq;
    first = answer_of(GW_ST_ACCEPTED, 1);
    assert_true(gw_lm_add_lladdr(&first, GW_OPT_MN_LLID, &one.lladdr));
    m = first;
    assert_int_equal(inject(w, 0, 1, &m), 0);
    assert_int_equal(attach_as(w, 2, "a@b"), 0);
    assert_int_equal(last.bu.seq, seq);
    m = first; /* to a message that was sent twice */
    assert_int_equal(inject(w, 0, 1, &m), GW_ENOENT);
    struct gw_mag_mn *second = gw_table_get(&w->n[1].node->mag.by_station, &two);
    assert_non_null(second);
    assert_int_equal(second->state, GW_MAG_REGISTERING);
    assert_int_equal(w_detach(w, 1, 1), 0);
    w_run(w, GW_SEC(5));
    assert_null(gw_table_get(&w->n[1].node->mag.by_station, &one));
    m = first; /* of an interface that has been forgotten */
    m.ba.seq = second->ex.seq;
    assert_int_equal(inject(w, 0, 1, &m), GW_ENOENT);
    assert_int_equal(second->state, GW_MAG_REGISTERING);
    w_free(w);
}

/* A node that has gone without a sign is not held on to (§6.9.4 (2)). */
static void gone_in_silence(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 8);

    (void)state;
    serve(w, 1, 1);
    w_run(w, GW_SEC(42)); /* it is asked, and answers */
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 1), 0);
    unsigned before = pbus;
    w_place(w, 1, 0);
    w_run(w, GW_SEC(44)); /* asked three times */
    assert_int_equal(pbus, before);
    w_run(w, GW_MSEC(2500));
    assert_int_equal(pbus, before + 1);
    assert_int_equal(last.bu.lifetime, 0);
    assert_int_equal(w_count(w, 1, GW_CNT_SILENT), 1);
    w_run(w, GW_SEC(2));
    check_nothing(w, 1);
    w_free(w);
}

static void survives_a_crash(void **state)
{
    struct world *w = world(GW_ROLE_MAG, 9);

    (void)state;
    serve(w, 1, 2);
    w_crash(w, 1);
    w_boot(w, 1);
    w_run(w, GW_MSEC(100));
    check_served(w, 1, 2);
    assert_int_equal(opt_code(GW_OPT_HI), GW_HI_REREGISTRATION);
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 2), 0);
    w_run(w, GW_SEC(1));
    check_served(w, 1, 2);
    w_free(w);
}

/* The policy of a MAAR that is a MAG too (RFC 8885 appendix A.5). */
static void beside_a_maar(void **state)
{
    unsigned roles[] = {GW_ROLE_LMA, GW_ROLE_MAAR | GW_ROLE_MAG, GW_ROLE_CMD};
    struct world *w = w_new_roles(roles, 3, 10);
    struct gw_prefix p = hnp(1);

    (void)state;
    w->tap = listen_in;
    pbus = 0;
    w->n[1].policy.anchoring = GW_ANCHORING_HERE | GW_ANCHORING_LMA;
    assert_int_equal(w_attach(w, 1, 1), 0);
    assert_int_equal(pbus, 1);
    assert_int_equal(answer(w, 1, GW_ST_ACCEPTED, 1), 0);
    w_run(w, GW_SEC(1));
    check_served(w, 1, 1);
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_SERVING);
    struct gw_prefix own = w_own(w, 1, 1);
    assert_int_equal(w_prefix(w, 1, &own)->kind, GW_PFX_LOCAL);
    assert_int_equal(gw_table_count(&w->n[1].node->access.stations), 1);
    w->n[1].policy.anchoring = GW_ANCHORING_LMA; /* the other one goes on */
    gw_node_reload(w->n[1].node, w->n[1].cfg, NULL, NULL, w_now(w));
    w_drain(w, 1);
    w_run(w, GW_SEC(2));
    assert_null(w_mn(w, 1, 1));
    check_served(w, 1, 1);
    w->n[1].policy.anchoring = GW_ANCHORING_NONE | GW_ANCHORING_LMA;
    gw_node_reload(w->n[1].node, w->n[1].cfg, NULL, NULL, w_now(w));
    w_drain(w, 1);
    w_run(w, GW_SEC(2)); /* it is known here, so no frame of it need be reported */
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_LOCAL);
    w->n[1].policy.anchoring = GW_ANCHORING_NONE;
    gw_node_reload(w->n[1].node, w->n[1].cfg, NULL, NULL, w_now(w));
    w_drain(w, 1);
    w_run(w, GW_MSEC(100));
    assert_int_equal(last.bu.lifetime, 0);
    w_run(w, GW_SEC(2));
    assert_null(entry(w, 1, 1));
    assert_null(w_prefix(w, 1, &p));
    assert_true(w_has_station(w, 1, 1));
    w_free(w);
}

static void no_memory(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 80; at++) {
        struct world *w = world(GW_ROLE_MAG, 11);
        w->sim->memory.fail_at = w->sim->memory.count + at;
        w->sim->memory.fail_for = 1 + at % 3;
        (void)w_attach(w, 1, 1);
        if (pbus != 0)
            (void)answer(w, 1, GW_ST_ACCEPTED, 2);
        w_run(w, GW_SEC(1));
        w->sim->memory.fail_at = 0;
        for (unsigned i = 0; i < 4; i++) {
            if (!w_has_station(w, 1, 1))
                (void)w_attach(w, 1, 1);
            w_run(w, GW_SEC(43));
            (void)answer(w, 1, GW_ST_ACCEPTED, 2);
        }
        w_run(w, GW_SEC(1));
        check_served(w, 1, 2);
        assert_int_equal(w->n[1].node->queue.lost, 0);
        w_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_update),
        cmocka_unit_test(accepted_and_extended),
        cmocka_unit_test(leaving_without_an_answer),
        cmocka_unit_test(refused),
        cmocka_unit_test(refused_by_the_dozen),
        cmocka_unit_test(asked_again),
        cmocka_unit_test(answers_that_do_not_count),
        cmocka_unit_test(ordered_by_numbers),
        cmocka_unit_test(late_about_another_interface),
        cmocka_unit_test(gone_in_silence),
        cmocka_unit_test(survives_a_crash),
        cmocka_unit_test(beside_a_maar),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
