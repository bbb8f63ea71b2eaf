/* The CMD as relay, locator and proxy (RFC 8885 §3.2 to §3.4): how many messages a handover takes,
 * when every prefix works at the serving MAAR, and what happens when a previous MAAR is slow, is
 * down, or its answer is lost. Faults in general are in test_faults.c, in every mode.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static const enum gw_cmd_mode modes[] = {GW_CMD_PROXY, GW_CMD_RELAY, GW_CMD_LOCATOR};
#define NMODES (sizeof modes / sizeof *modes)
#define STEP   100000 /* ns: what times are measured to; delays are multiples of it */

/* What the link from one node to another takes, which is exact here. */
static int64_t link_ns(struct world *w, size_t from, size_t to)
{
    return sim_link(w->sim, from, to)->delay;
}

static void set_link(struct world *w, size_t from, size_t to, int64_t ns)
{
    sim_link(w->sim, from, to)->delay = ns;
}

static struct world *make(enum gw_cmd_mode mode, size_t maars, int64_t d)
{
    w_mobility = (struct gw_cfg_mobility){.cmd_mode = mode};
    struct world *w = w_new(maars, 1);

    w_delay(w, (struct gw_time){d});
    w_plane_takes(w, (struct gw_time){0});
    return w;
}

/* The node visits MAARs 1 to n, so that these are previous MAARs at the next. */
static void visit(struct world *w, size_t n)
{
    for (size_t i = 1; i <= n; i++) {
        assert_int_equal(w_attach(w, i, 1), 0);
        w_run(w, GW_SEC(5));
        w_check(w, 1, i);
    }
}

static bool served(struct world *w, size_t s, size_t anchor)
{
    struct gw_maar_mn *m = w_mn(w, anchor, 1);
    const struct gw_t_prefix *i = m != NULL ? w_prefix(w, s, &m->own->prefix) : NULL;

    return i != NULL && i->kind == (s == anchor ? GW_PFX_LOCAL : GW_PFX_SERVED);
}

static bool redirected(struct world *w, size_t s, size_t anchor)
{
    struct gw_prefix p = w_own(w, anchor, 1);
    const struct gw_t_prefix *i = w_prefix(w, anchor, &p);

    return i != NULL && i->kind == GW_PFX_MOVED && w_is(&i->peer, &w->n[s].cfg->addr);
}

/* When each prefix works at the serving MAAR, and when each anchor sends there; -1: not. */
struct times {
    int64_t served[W_NODES], redirected[W_NODES], all;
};

static struct times watch(struct world *w, size_t s, int64_t span)
{
    struct times t;
    int64_t start = w_now(w).mono.ns;

    t.all = -1;
    for (size_t i = 0; i < W_NODES; i++)
        t.served[i] = t.redirected[i] = -1;
    for (int64_t at = 0; at <= span; at += STEP) {
        w_run(w, (struct gw_time){start + at - w_now(w).mono.ns});
        bool all = true;
        for (size_t i = 1; i <= s; i++) {
            if (t.served[i] < 0 && served(w, s, i))
                t.served[i] = at;
            if (i != s && t.redirected[i] < 0 && redirected(w, s, i))
                t.redirected[i] = at;
            all = all && t.served[i] >= 0;
        }
        if (all && t.all < 0)
            t.all = at;
    }
    return t;
}

static unsigned expected(enum gw_cmd_mode mode, unsigned n)
{
    return mode == GW_CMD_LOCATOR && n > 0 ? 3 * n + 1 : 2 * n + 2;
}

/* The table: the time of previous MAAR p's prefix (or, p == s, of the own). */
static int64_t formula(struct world *w, enum gw_cmd_mode mode, size_t s, size_t p)
{
    int64_t sc = link_ns(w, s, 0), most = 0, soonest = INT64_MAX;

    for (size_t i = 1; i < s; i++) {
        int64_t way = link_ns(w, 0, i) + link_ns(w, i, s);
        most =
            link_ns(w, 0, i) + link_ns(w, i, 0) > most ? link_ns(w, 0, i) + link_ns(w, i, 0) : most;
        soonest = way < soonest ? way : soonest;
    }
    switch (mode) {
    case GW_CMD_PROXY:
        return sc + link_ns(w, 0, s);
    case GW_CMD_RELAY:
        return sc + link_ns(w, 0, s) + most;
    case GW_CMD_LOCATOR: /* the own prefix with the first answer */
        return sc + (p == s ? soonest : link_ns(w, 0, p) + link_ns(w, p, s));
    }
    return -1;
}

/* One handover to MAAR n+1, against the table. */
static void handover(struct world *w, enum gw_cmd_mode mode, size_t n)
{
    size_t s = n + 1;

    visit(w, n);
    unsigned before = w->messages;
    assert_int_equal(w_attach(w, s, 1), 0);
    struct times t = watch(w, s, 400000000);
    assert_int_equal(w->messages - before, expected(mode, (unsigned)n));
    int64_t all = 0;
    for (size_t p = 1; p <= s; p++) {
        int64_t due = formula(w, mode, s, p);
        assert_int_equal(t.served[p], due);
        all = due > all ? due : all;
        if (p != s)
            assert_int_equal(t.redirected[p], link_ns(w, s, 0) + link_ns(w, 0, p));
    }
    assert_int_equal(t.all, all);
    const struct gw_handover_row *row = gw_mn_row(w_mn(w, s, 1));
    assert_non_null(row);
    assert_int_equal(row->previous, n);
    assert_int_equal(row->step[GW_HO_PLANE_COMPLETE].ns - row->step[GW_HO_ATTACHMENT_SEEN].ns, all);
    w_run(w, GW_SEC(5)); /* and nothing is said of it later */
    assert_int_equal(w->messages - before, expected(mode, (unsigned)n));
    w_check(w, 1, s);
    w_check_all(w);
    for (size_t i = 0; i < w->nnodes; i++) {
        assert_int_equal(w_count(w, i, GW_CNT_RETRANSMIT), 0);
        assert_int_equal(w_count(w, i, GW_CNT_UNMATCHED), 0);
    }
}

static void table(void **state)
{
    (void)state;
    for (size_t m = 0; m < NMODES; m++)
        for (size_t n = 1; n <= 5; n++)
            for (int64_t d = 0; d <= 10000000; d += 10000000) {
                struct world *w = make(modes[m], 6, d);
                handover(w, modes[m], n);
                w_free(w);
            }
}

static void distinct_delays(void **state)
{
    (void)state;
    struct gw_prng r;

    gw_prng_seed(&r, 7);
    for (unsigned round = 0; round < 8; round++)
        for (size_t m = 0; m < NMODES; m++) {
            struct world *w = make(modes[m], 6, 0);
            for (size_t i = 0; i < w->nnodes; i++)
                for (size_t j = 0; j < w->nnodes; j++)
                    set_link(w, i, j, STEP * (int64_t)(1 + gw_prng_below(&r, 300)));
            handover(w, modes[m], 1 + round % 5);
            w_free(w);
        }
}

/* A first registration is the CMD's to answer in every mode. */
static void initial(void **state)
{
    (void)state;
    for (size_t m = 0; m < NMODES; m++) {
        struct world *w = make(modes[m], 1, 10000000);
        assert_int_equal(w_attach(w, 1, 1), 0);
        struct times t = watch(w, 1, 100000000);
        assert_int_equal(t.all, 20000000);
        assert_int_equal(w->messages, 2);
        w_run(w, GW_SEC(100)); /* and refreshes */
        w_check(w, 1, 1);
        w_free(w);
    }
}

/* A process that is a MAAR and the CMD; it serves, then another, then it again. */
static void both_roles(void **state)
{
    (void)state;
    const unsigned roles[] = {GW_ROLE_MAAR | GW_ROLE_CMD, GW_ROLE_MAAR, GW_ROLE_MAAR};

    for (size_t m = 0; m < NMODES; m++) {
        static const size_t stops[] = {0, 1, 2, 0, 1, 0};
        w_mobility = (struct gw_cfg_mobility){.cmd_mode = modes[m]};
        struct world *w = w_new_roles(roles, 3, 3);
        for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
            assert_int_equal(w_attach(w, stops[i], 1), 0);
            w_run(w, GW_SEC(5));
            w_check(w, 1, stops[i]);
        }
        assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
        for (size_t i = 0; i < w->nnodes; i++) {
            assert_int_equal(w_count(w, i, GW_CNT_RETRANSMIT), 0);
            assert_int_equal(w_count(w, i, GW_CNT_UNMATCHED), 0);
        }
        assert_int_equal(w_detach(w, 0, 1), 0);
        w_run(w, GW_SEC(20));
        w_check_gone(w, 1);
        w_check_all(w);
        w_free(w);
    }
}

/* Relay: MAAR 1 is down. The others' answers leave when the time is over; MAAR 1's when it comes.
 */
static void relay_timeout(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_RELAY, 4, 10000000);

    visit(w, 3);
    w->n[0].cfg->mobility.relay_timeout = GW_MSEC(200);
    struct gw_prefix p1 = w_own(w, 1, 1);
    w_crash(w, 1);
    assert_int_equal(w_attach(w, 4, 1), 0);
    w_run(w, GW_MSEC(215));
    assert_false(w_has_station(w, 4, 1));
    w_run(w, GW_MSEC(10)); /* d(S,C) + 200 ms + d(C,S) */
    assert_true(served(w, 4, 4) && served(w, 4, 2) && served(w, 4, 3));
    assert_null(w_prefix(w, 4, &p1));
    assert_int_equal(w_count(w, 0, GW_CNT_RELAY_TIMEOUT), 1);
    w_boot(w, 1);
    w_run(w, GW_SEC(5));
    assert_int_equal(w_prefix(w, 4, &p1)->kind, GW_PFX_SERVED);
    assert_int_equal(w_count(w, 4, GW_CNT_UNMATCHED), 0);
    assert_int_equal(w_count(w, 4, GW_CNT_RETRANSMIT), 0);
    w_check(w, 1, 4);
    w_check_all(w);
    w_free(w);
}

/* Two that come late and whose answers overtake each other: the later list stands. */
static void further_answers_overtake(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_RELAY, 3, 10000000);

    visit(w, 2);
    w->n[0].cfg->mobility.relay_timeout = GW_MSEC(1);
    assert_int_equal(w_attach(w, 3, 1), 0);
    set_link(w, 1, 0, 30000000); /* late, but soonest of the two */
    set_link(w, 2, 0, 32000000);
    w_run(w, GW_MSEC(45));
    set_link(w, 0, 3, 80000000); /* the PBA that names MAAR 1 only, at 50 ms */
    w_run(w, GW_MSEC(6));
    set_link(w, 0, 3, 1000000);
    w_run(w, GW_MSEC(10));
    assert_true(served(w, 3, 1) && served(w, 3, 2));
    uint64_t old = w_count(w, 3, GW_CNT_UNMATCHED);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_count(w, 3, GW_CNT_UNMATCHED) - old, 1);
    assert_true(served(w, 3, 1) && served(w, 3, 2));
    w_run(w, GW_SEC(3));
    w_check(w, 1, 3);
    w_free(w);
}

/* "All" is not for ever, and a serving MAAR that asks again starts nothing again. */
static void relay_waits_for_all(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_RELAY, 3, 10000000);

    visit(w, 2);
    w_crash(w, 1);
    uint64_t told = w_count(w, 2, GW_CNT_IN_PBU);
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(31));
    assert_false(w_has_station(w, 3, 1));
    assert_true(w_count(w, 3, GW_CNT_RETRANSMIT) >= 4);
    assert_int_equal(w_count(w, 2, GW_CNT_IN_PBU) - told, 1);
    w_run(w, GW_SEC(2)); /* MAX_BINDACK_TIMEOUT */
    assert_true(served(w, 3, 3) && served(w, 3, 2));
    w_boot(w, 1);
    w_run(w, GW_SEC(60));
    w_check(w, 1, 3);
    w_check_all(w);
    w_free(w);
}

/* Locator: nobody is there to answer but the CMD. */
static void all_down(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_LOCATOR, 3, 10000000);

    visit(w, 2);
    w_crash(w, 1);
    w_crash(w, 2);
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_MSEC(1019));
    assert_false(w_has_station(w, 3, 1));
    w_run(w, GW_MSEC(2));
    assert_true(w_has_station(w, 3, 1));
    w_boot(w, 1);
    w_boot(w, 2);
    w_run(w, GW_SEC(60));
    w_check(w, 1, 3);
    w_check_all(w);
    w_free(w);
}

static size_t lost_from, lost_to;

static int lose_between(struct world *w, struct sim_message *e)
{
    (void)w;
    return e->from == lost_from && e->to == lost_to;
}

/* The answer of one previous MAAR, or of all, does not reach the serving one. */
static void lost_copies(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_LOCATOR, 3, 10000000);

    visit(w, 2);
    lost_from = 2;
    lost_to = 3;
    w->tap = lose_between;
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(1));
    assert_true(served(w, 3, 1) && !served(w, 3, 2));
    w_run(w, GW_MSEC(1100));
    assert_true(served(w, 3, 2));
    w_check(w, 1, 3);
    w_free(w);

    w = make(GW_CMD_LOCATOR, 2, 10000000);
    visit(w, 1);
    lost_from = 1;
    lost_to = 2;
    w->tap = lose_between;
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(1100)); /* its PBU again, which the CMD answers */
    assert_true(served(w, 2, 1));
    w_check(w, 1, 2);
    w_free(w);
}

/* The configuration changes at every moment of a handover: it ends as it began. */
static void reload_meanwhile(void **state)
{
    (void)state;
    for (size_t from = 0; from < NMODES; from++)
        for (size_t to = 0; to < NMODES; to++)
            for (int64_t at = 5; at < 60; at += 10) {
                struct world *w = make(modes[from], 4, 10000000);
                visit(w, 2);
                unsigned before = w->messages;
                assert_int_equal(w_attach(w, 3, 1), 0);
                w_run(w, GW_MSEC(at));
                w->n[0].cfg->mobility.cmd_mode = modes[to];
                assert_int_equal(gw_node_reload(w->n[0].node, w->n[0].cfg, NULL, NULL, w_now(w)),
                                 0);
                w_drain(w, 0);
                w_run(w, GW_MSEC(500));
                bool begun = at > 10; /* the PBU is there after 10 ms */
                assert_int_equal(w->messages - before,
                                 expected(begun ? modes[from] : modes[to], 2));
                w_run(w, GW_SEC(5));
                w_check(w, 1, 3);
                before = w->messages;
                assert_int_equal(w_attach(w, 4, 1), 0);
                w_run(w, GW_MSEC(500));
                assert_int_equal(w->messages - before, expected(modes[to], 3));
                w_run(w, GW_SEC(5));
                w_check(w, 1, 4);
                w_free(w);
            }
}

/* The CMD crashes at every moment of a handover and comes back in any mode, at once or after a
 * while. Its record does not say which mode the handover began in: it ends as configured now, and
 * every prefix works within the second that the serving MAAR takes to ask again. */
static void crash_meanwhile(void **state)
{
    (void)state;
    for (size_t from = 0; from < NMODES; from++)
        for (size_t to = 0; to < NMODES; to++)
            for (int64_t at = 5; at < 60; at += 10)
                for (int64_t down = 0; down <= 300; down += 100) {
                    struct world *w = make(modes[from], 4, 10000000);
                    visit(w, 2);
                    assert_int_equal(w_attach(w, 3, 1), 0);
                    w_run(w, GW_MSEC(at));
                    w_crash(w, 0);
                    w->n[0].cfg->mobility.cmd_mode = modes[to];
                    w_run(w, GW_MSEC(down));
                    w_boot(w, 0);
                    w_run(w, GW_MSEC(1100 - at - down));
                    for (size_t i = 1; i <= 3; i++)
                        assert_true(served(w, 3, i) && (i == 3 || redirected(w, 3, i)));
                    w_run(w, GW_SEC(10));
                    w_check(w, 1, 3);
                    w_check_all(w);
                    w_free(w);
                }
}

static struct gw_mh forged;

/* The answer of MAAR `from` about a prefix to MAAR 2, which waits for one with seq 1. */
static void forge(struct world *w, size_t from, const struct gw_prefix *p, uint16_t seq)
{
    uint8_t id[6];
    struct gw_mnid mn = w_mnid(1, id);

    forged.type = GW_MH_BA;
    forged.nopts = 0;
    forged.ba = (struct gw_mh_ba){.flags = GW_BA_P | GW_BA_D, .seq = seq, .lifetime = 15};
    gw_lm_add_mnid(&forged, &mn);
    gw_lm_add_prefix(&forged, GW_OPT_HNP, p);
    gw_lm_add_u64(&forged, GW_OPT_TIMESTAMP, w_mn(w, 2, 1)->asked);
    w_run(w, (struct gw_time){1000});
    gw_lm_add_u64(&forged, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    (void)w_inject(w, from, 2, &forged, NULL);
}

/* Who may answer a serving MAAR: a MAAR, for its own prefixes, to the PBU that is out. */
static void forged_copies(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_LOCATOR, 3, 10000000);

    visit(w, 1);
    struct gw_prefix p1 = w_own(w, 1, 1);
    w_crash(w, 1);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(5));
    forge(w, 3, &p1, 1); /* not MAAR 3's to give */
    forge(w, 1, &p1, 2); /* of another registration */
    assert_false(w_has_station(w, 2, 1));
    assert_null(w_prefix(w, 2, &p1));
    assert_int_equal(w_mn(w, 2, 1)->state, GW_MN_REGISTERING);
    assert_int_equal(w_count(w, 2, GW_CNT_COPY), 0);
    forge(w, 1, &p1, 1); /* and this is what it would be like */
    assert_int_equal(w_prefix(w, 2, &p1)->kind, GW_PFX_SERVED);
    /* It does not say who else answers, as another implementation's: the CMD is asked soon. */
    uint64_t asked = w_count(w, 2, GW_CNT_OUT_PBU);
    w_run(w, GW_MSEC(1990));
    assert_int_equal(w_count(w, 2, GW_CNT_OUT_PBU), asked);
    w_run(w, GW_MSEC(20));
    assert_int_equal(w_count(w, 2, GW_CNT_OUT_PBU), asked + 1);
    w_free(w);
}

static char said[128];
static void keep_line(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                      const char *text)
{
    (void)user;
    (void)level;
    (void)cat;
    (void)text;
    if (strstr(said, id) == NULL)
        (void)snprintf(said + strlen(said), sizeof said - strlen(said), "%s ", id);
}
static const struct gw_log keeping = {.write = keep_line};

static void keep_lines(struct world *w, size_t node)
{
    said[0] = 0;
    w->n[node].node->log = w->n[node].node->lm.log = &keeping;
}

static struct gw_cfg_peer *peer_of(struct world *w, size_t node, size_t of)
{
    for (size_t i = 0; i < w->n[node].cfg->npeers; i++)
        if (gw_addr_eq(&w->n[node].peers[i].addr, &w->n[of].cfg->addr))
            return &w->n[node].peers[i];
    fail();
    return NULL;
}

/* §6: locators need security associations between MAARs. Where keys differ the log says so, and the
 * CMD's answer takes the place of the copy that does not count. */
static void without_association(void **state)
{
    (void)state;
    for (size_t s = 2; s <= 3; s++) {
        struct world *w = make(GW_CMD_LOCATOR, 3, 10000000);
        visit(w, s - 1);
        w_spoil_key(w, s, 1);
        keep_lines(w, s);
        assert_int_equal(w_attach(w, s, 1), 0);
        w_run(w, GW_MSEC(31));
        assert_false(served(w, s, 1));
        assert_int_equal(served(w, s, 2), s == 3); /* with the other there is one */
        assert_int_equal(w_count(w, s, GW_CNT_AUTH_FAILED), 1);
        assert_string_equal(said, "auth-failed ");
        w_run(w, GW_MSEC(2100)); /* asked again, or the refresh */
        assert_true(served(w, s, 1));
        w_check(w, 1, s);
        w_check_all(w);
        w_free(w);
    }
}

/* Nor is there a tunnel with a MAAR that is no peer at all: that anchor is lost, and both say why.
 */
static void not_a_peer(void **state)
{
    (void)state;
    for (size_t m = 0; m < NMODES; m++) {
        struct world *w = make(modes[m], 3, 10000000);
        visit(w, 2);
        struct gw_prefix p1 = w_own(w, 1, 1);
        peer_of(w, 1, 3)->roles = GW_ROLE_LMA;
        keep_lines(w, 1);
        assert_int_equal(w_attach(w, 3, 1), 0);
        w_run(w, GW_SEC(5));
        assert_string_equal(said, "unknown-maar ");
        assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_PEER), 1);
        assert_int_equal(w_count(w, 0, GW_CNT_ANCHOR_LOST), 1);
        assert_true(served(w, 3, 3) && served(w, 3, 2));
        assert_null(gw_anchor_get(&w->n[0].node->cmd.bs, &p1));
        w_free(w);
    }
}

/* De-registration `ask` (§3.5): previous MAARs ask when the lifetime is over and keep the prefix
 * while the node is in the domain, also after a crash. */
static void ask_and_stay(void **state)
{
    (void)state;
    struct world *w = make(GW_CMD_PROXY, 3, 10000000);

    w->n[1].cfg->mobility.dereg = w->n[2].cfg->mobility.dereg = GW_DEREG_ASK;
    visit(w, 3);
    struct gw_prefix p1 = w_own(w, 1, 1);
    uint64_t asked = w_count(w, 1, GW_CNT_OUT_PBU);
    w_run(w, GW_SEC(50));
    assert_int_equal(w_count(w, 1, GW_CNT_OUT_PBU), asked); /* the lifetime is 60 s */
    w_run(w, GW_SEC(150));
    assert_true(w_count(w, 1, GW_CNT_OUT_PBU) - asked >= 3);
    assert_int_equal(w_count(w, 3, GW_CNT_DEREGISTERED), 0);
    w_crash(w, 1);
    w_boot(w, 1);
    w_run(w, GW_SEC(130));
    assert_true(w_count(w, 1, GW_CNT_OUT_PBU) >= 2);
    assert_int_equal(w_prefix(w, 1, &p1)->kind, GW_PFX_MOVED);
    w_check(w, 1, 3);
    assert_int_equal(w_attach(w, 1, 1), 0); /* and it comes back to its prefix */
    w_run(w, GW_SEC(5));
    w_check(w, 1, 1);
    assert_int_equal(w_detach(w, 1, 1), 0);
    w_run(w, GW_SEC(20));
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

/* The CMD has lost everything and the serving MAAR is gone too: nobody will release the prefixes,
 * and those who ask are told. */
static void ask_when_orphaned(void **state)
{
    (void)state;
    for (enum gw_dereg how = GW_DEREG_STOP_TIMER; how <= GW_DEREG_ASK; how++) {
        struct world *w = make(GW_CMD_PROXY, 3, 10000000);
        for (size_t i = 1; i <= 3; i++)
            w->n[i].cfg->mobility.dereg = how;
        visit(w, 3);
        w_place(w, 1, 0);
        for (size_t i = 0; i <= 3; i += 3) {
            w_crash(w, i);
            w_forget(w, i);
            w_boot(w, i);
        }
        w_run(w, GW_SEC(90));
        if (how == GW_DEREG_ASK)
            w_check_gone(w, 1);
        else
            assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_PREVIOUS);
        w_check_all(w);
        w_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(distinct_delays),
        cmocka_unit_test(initial),
        cmocka_unit_test(both_roles),
        cmocka_unit_test(relay_timeout),
        cmocka_unit_test(further_answers_overtake),
        cmocka_unit_test(relay_waits_for_all),
        cmocka_unit_test(all_down),
        cmocka_unit_test(lost_copies),
        cmocka_unit_test(reload_meanwhile),
        cmocka_unit_test(crash_meanwhile),
        cmocka_unit_test(forged_copies),
        cmocka_unit_test(without_association),
        cmocka_unit_test(not_a_peer),
        cmocka_unit_test(ask_and_stay),
        cmocka_unit_test(ask_when_orphaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
