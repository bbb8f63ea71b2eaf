/* Rate limits: what one peer, one station and a stranger can make a node do in a second, and that
 * nobody else is served worse for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static unsigned lines;
static void count_line(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                       const char *text)
{
    (void)user;
    (void)level;
    (void)cat;
    (void)id;
    (void)text;
    lines++;
}
static const struct gw_log counting = {.write = count_line};

/* `times` messages of eight octets that are no message, within `span`; how many were parsed. */
static uint64_t flood(struct world *w, const struct gw_addr *from, unsigned times,
                      struct gw_time span)
{
    static const uint8_t junk[8] = {59, 0, 5};
    struct gw_input in = {.kind = GW_IN_MH, .mh = {{*from, w->n[0].cfg->addr}, junk, sizeof junk}};
    uint64_t before = w_count(w, 0, GW_CNT_IGNORED) + w_count(w, 0, GW_CNT_MALFORMED);

    for (unsigned i = 0; i < times; i++) {
        assert_true(w_input(w, 0, &in) < 0);
        w_run(w, (struct gw_time){span.ns / times});
    }
    return w_count(w, 0, GW_CNT_IGNORED) + w_count(w, 0, GW_CNT_MALFORMED) - before;
}

static void peer(void **state)
{
    (void)state;
    struct world *w = w_new(2, 1);

    w->n[0].cfg->limits.peer_rate = 100;
    w->n[0].node->log = &counting;
    lines = 0;
    uint64_t taken = flood(w, &w->n[1].cfg->addr, 10000, GW_SEC(1));
    assert_in_range(taken, 195, 205); /* a second's worth at once, and one in its time */
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_RATE), 10000 - taken);
    assert_in_range(lines, 10, 21);
    (void)w_attach(w, 2, 2); /* another peer does not notice */
    w_run(w, GW_MSEC(100));
    w_check(w, 2, 2);
    (void)w_attach(w, 1, 1); /* nor does this one, once it is quiet */
    w_run(w, GW_SEC(3));
    w_check(w, 1, 1);
    w->n[0].cfg->limits.peer_rate = 0;
    assert_int_equal(flood(w, &w->n[1].cfg->addr, 1000, GW_MSEC(1)), 1000);
    w_free(w);
}

static void stranger(void **state)
{
    (void)state;
    struct world *w = w_new(1, 2);
    struct gw_addr from = w->n[1].cfg->addr;

    w->n[0].node->log = &counting;
    lines = 0;
    for (unsigned i = 0; i < 1000; i++) {
        from.b[7] = (uint8_t)(1 + i);
        from.b[8] = 1;
        assert_int_equal(flood(w, &from, 10, GW_MSEC(1)), 0);
    }
    assert_int_equal(w_count(w, 0, GW_CNT_UNKNOWN_PEER), 10000);
    assert_in_range(lines, 10, 21);
    assert_int_equal(w->messages, 0);
    w_free(w);
}

static void station(void **state)
{
    (void)state;
    struct world *w = w_new(1, 3);
    unsigned taken = 0;

    w->n[1].cfg->limits.station_rate = 60;
    for (unsigned i = 0; i < 600; i++) {
        taken += w_attach(w, 1, 1) == 0;
        w_run(w, GW_MSEC(100));
    }
    assert_in_range(taken, 118, 122);
    assert_int_equal(w_count(w, 1, GW_CNT_STATION_RATE), 600 - taken);
    w_check(w, 1, 1); /* the session is none the worse */
    struct gw_input in = {.kind = GW_IN_ATTACH,
                          .attach = {.station = w_station(1), .by = GW_SEEN_MANUAL}};
    assert_int_equal(w_input(w, 1, &in), 0); /* the operator is not limited */
    assert_int_equal(w_attach(w, 1, 2), 0);  /* nor is another station */
    for (unsigned i = 0; w_attach(w, 1, 1) == 0; i++)
        assert_in_range(i, 0, 2);
    for (unsigned i = 1000; i < 60000; i++) {
        in.attach.station = w_station(i);
        in.attach.by = GW_SEEN_FRAME;
        in.attach.station.iface = 9; /* which leads to nothing but a place in the table */
        (void)w_input(w, 1, &in);
    }
    assert_int_equal(w_attach(w, 1, 1), GW_EFULL); /* and these do not make it forgotten */
    w_free(w);
}

/* An RS of a station that is not served is an attachment; it is limited as such. */
static void solicitation(void **state)
{
    (void)state;
    static struct gw_cfg_policy nobody = {.match = GW_MATCH_ANY, .allow = false};
    struct world *w = w_new(1, 4);
    struct gw_nd rs = {.type = GW_ND_RS,
                       .src = {{0xfe, 0x80, [15] = 7}},
                       .dst = {{0xff, 0x02, [15] = 2}},
                       .slla = w_station(7).lladdr};
    uint8_t buf[128];
    int len = gw_nd_write(&rs, buf, sizeof buf);
    struct gw_input in = {.kind = GW_IN_ND,
                          .nd = {.src = w_station(7).lladdr, .data = buf, .len = (size_t)len}};

    assert_true(len > 0);
    w->n[1].cfg->policy = &nobody;
    w->n[1].cfg->limits.station_rate = 10;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(w_input(w, 1, &in), i < 10 ? GW_EDENIED : GW_EFULL);
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_POLICY), 10);
    assert_int_equal(w_count(w, 1, GW_CNT_STATION_RATE), 90);
    w_free(w);
}

static struct gw_time noticed[64], answered; /* PBUs of the CMD; its last PBA */
static size_t nnoticed;

static int watch_cmd(struct world *w, struct sim_message *e)
{
    if (!gw_addr_eq(&e->addrs->src, &w->n[0].cfg->addr))
        return 0;
    if (e->data[2] == GW_MH_BA)
        answered = w_now(w).mono;
    else if (nnoticed < sizeof noticed / sizeof *noticed)
        noticed[nnoticed++] = w_now(w).mono;
    return 0;
}

/* The CMD's PBUs since the last look: never two within a hundredth of a second. */
static void check_paced(size_t want)
{
    assert_int_equal(nnoticed, want);
    for (size_t i = 1; i < nnoticed; i++)
        assert_true(noticed[i].ns - noticed[i - 1].ns >= 10000000);
    nnoticed = 0;
}

/* As when MAAR 1 is seen to have restarted. */
static void resync(struct world *w)
{
    w->n[0].node->lm.now = w_now(w);
    gw_cmd_resync(&w->n[0].node->cmd, &w->n[1].cfg->addr);
    w_drain(w, 0);
}

/* RFC 8885 §3.2: one PBU that causes k, or three at once, make no burst; the serving MAAR does not
 * wait for that. Nor does a handover wait behind all that a restarted MAAR is told. */
static void notices(void **state)
{
    (void)state;
    struct world *w = w_new(5, 5);

    for (unsigned mn = 1; mn <= 3; mn++)
        for (size_t i = 1; i <= 4; i++) {
            (void)w_attach(w, i, mn);
            w_run(w, GW_SEC(2));
        }
    w->n[0].cfg->limits.notice_rate = 100;
    w->tap = watch_cmd;
    nnoticed = 0;
    struct gw_time start = w_now(w).mono;
    for (unsigned mn = 1; mn <= 3; mn++)
        (void)w_attach(w, 5, mn);
    w_run(w, GW_SEC(3));
    assert_true(answered.ns - start.ns < 10000000);
    check_paced(12);
    for (unsigned mn = 1; mn <= 3; mn++)
        w_check(w, mn, 5);
    w_run(w, GW_SEC(2));
    resync(w);
    w_run(w, GW_SEC(1));
    check_paced(3);
    w_run(w, GW_SEC(1));
    resync(w);
    start = w_now(w).mono;
    (void)w_attach(w, 4, 1);
    w_run(w, GW_SEC(5));
    assert_true(noticed[1].ns - start.ns <= 10000000);
    for (unsigned mn = 1; mn <= 3; mn++)
        w_check(w, mn, mn == 1 ? 4 : 5);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer),         cmocka_unit_test(stranger), cmocka_unit_test(station),
        cmocka_unit_test(solicitation), cmocka_unit_test(notices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
