/* The procedures of RFC 8885 in the quiet case: who knows what afterwards, and how many messages
 * it took.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static void settle(struct world *w)
{
    w_run(w, GW_SEC(5));
}

static void initial(void **state)
{
    (void)state;
    struct world *w = w_new(3, 1);

    assert_int_equal(w_attach(w, 1, 1), 0);
    settle(w);
    w_check(w, 1, 1);
    w_check_all(w);
    assert_int_equal(w->sent[GW_MH_BU], 1);
    assert_int_equal(w->sent[GW_MH_BA], 1);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
    assert_true(w->seen[1].ras >= 1);
    assert_int_equal(w->seen[1].last_ra[0].npio, 1);
    assert_true(w->seen[1].last_ra[0].pio[0].preferred_s > 0);
    w_free(w);
}

/* One move, and the number of messages it takes. */
static void move(struct world *w, size_t to, unsigned previous)
{
    unsigned before = w->messages;

    assert_int_equal(w_attach(w, to, 1), 0);
    settle(w);
    w_check(w, 1, to);
    w_check_all(w);
    assert_int_equal(w->messages - before, 2 * previous + 2);
    assert_int_equal(w_bce(w, 1)->b.nanchors, previous + 1);
}

static void chain(void **state)
{
    (void)state;
    struct world *w = w_new(3, 2);

    move(w, 1, 0);
    struct gw_prefix p1 = w_own(w, 1, 1);
    move(w, 2, 1);
    struct gw_prefix p2 = w_own(w, 2, 1);
    assert_false(gw_prefix_eq(&p1, &p2));
    move(w, 3, 2);
    move(w, 1, 2);
    struct gw_prefix again = w_own(w, 1, 1);
    assert_true(gw_prefix_eq(&p1, &again)); /* the same prefix, local and preferred again */
    move(w, 2, 2);
    again = w_own(w, 2, 1);
    assert_true(gw_prefix_eq(&p2, &again));
    assert_int_equal(w_count(w, 0, GW_CNT_RETRANSMIT), 0);
    w_free(w);
}

/* RAs after a move: the own prefix is preferred, the previous anchor's deprecated, each from its
 * own router address. */
/* An anchor that says nothing of its router, or what can be none: every serving MAAR makes the same
 * addresses of its own. */
static void nameless_router(void **state)
{
    (void)state;
    static const struct {
        struct gw_addr ll;
        struct gw_lladdr mac;
    } said[] = {{.ll = {{0}}},
                {{{0x20, 1, [15] = 1}}, {6, {0x33, 0x33}}},
                {{{0xff, 2, [15] = 1}}, {8, {2, 1, 1, 1, 1, 1, 1, 1}}}};

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct world *w = w_new(2, 40 + i);
        struct gw_prefix p1;
        struct gw_addr ll;
        struct gw_lladdr mac;
        w->n[1].cfg->dlif.link_local = said[i].ll;
        w->n[1].cfg->dlif.lladdr = said[i].mac;
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_MSEC(100));
        p1 = w_own(w, 1, 1);
        assert_int_equal(w_attach(w, 2, 1), 0);
        w_run(w, GW_MSEC(100));
        gw_dlif_default(&w->n[1].cfg->addr, &ll, &mac);
        const struct gw_anchor *a = gw_anchor_get(&w->n[2].node->maar.bs, &p1);
        assert_non_null(a);
        assert_true(gw_addr_eq(&a->link_local, &ll));
        struct gw_lladdr dlif = gw_anchor_lladdr(a);
        assert_true(gw_lladdr_eq(&dlif, &mac));
        w_free(w);
    }
}

static void advertised(void **state)
{
    (void)state;
    struct world *w = w_new(2, 3);
    bool own = false, previous = false;

    move(w, 1, 0);
    move(w, 2, 1);
    struct gw_prefix p1 = w_own(w, 1, 1), p2 = w_own(w, 2, 1);
    for (int i = 0; i < 2; i++) {
        const struct gw_nd *ra = &w->seen[2].last_ra[i];
        size_t from = gw_addr_eq(&ra->src, &w->n[2].cfg->dlif.link_local) ? 2 : 1;
        assert_true(gw_addr_eq(&ra->src, &w->n[from].cfg->dlif.link_local));
        assert_true(gw_lladdr_eq(&ra->slla, &w->n[from].cfg->dlif.lladdr));
        assert_true(gw_prefix_eq(&ra->pio[0].prefix, from == 2 ? &p2 : &p1));
        assert_int_equal(ra->pio[0].preferred_s != 0, from == 2);
        assert_true(ra->pio[0].valid_s != 0);
        own |= from == 2;
        previous |= from == 1;
    }
    assert_true(own && previous);
    w_free(w);
}

static void transit(void **state)
{
    (void)state;
    struct world *w = w_new(3, 4);

    move(w, 1, 0);
    move(w, 2, 1);
    struct gw_prefix p1 = w_own(w, 1, 1);
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_MSEC(500));
    const struct gw_t_prefix *i = w_prefix(w, 2, &p1); /* served at 2 until now */
    assert_non_null(i);
    assert_int_equal(i->kind, GW_PFX_MOVED);
    assert_true(w_is(&i->peer, &w->n[3].cfg->addr));
    w_run(w, GW_SEC(3));
    assert_null(w_prefix(w, 2, &p1));
    w_check(w, 1, 3);
    w_free(w);
}

/* The PBA of a previous MAAR leaves when its packet path has confirmed, not before. */
static void confirmed(void **state)
{
    (void)state;
    struct world *w = w_new(2, 5);

    move(w, 1, 0);
    w_plane_takes(w, GW_MSEC(300));
    unsigned before = w->sent[GW_MH_BA];
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(200));
    assert_int_equal(w->sent[GW_MH_BA] - before, 1); /* the CMD's */
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    w_run(w, GW_MSEC(300));
    assert_int_equal(w->sent[GW_MH_BA] - before, 2);
    settle(w);
    w_check(w, 1, 2);
    w_free(w);
}

static void refresh(void **state)
{
    (void)state;
    struct world *w = w_new(2, 6);

    move(w, 1, 0);
    move(w, 2, 1);
    unsigned before = w->messages;
    w_run(w, GW_SEC(39)); /* lifetime 60 s, refreshed 20 s before its end */
    assert_int_equal(w->messages - before, 2);
    w_run(w, GW_SEC(40 * 9));
    assert_int_equal(w->messages - before, 20);
    assert_int_equal(w_count(w, 0, GW_CNT_EXPIRED), 0);
    w_check(w, 1, 2);
    w_check_all(w);
    w_free(w);
}

static void expiry(void **state)
{
    (void)state;
    struct world *w = w_new(3, 7);

    move(w, 1, 0);
    move(w, 2, 1);
    move(w, 3, 2);
    w_crash(w, 3);
    w_forget(w, 3);
    w_run(w, GW_SEC(70));
    assert_int_equal(w_count(w, 0, GW_CNT_EXPIRED), 1);
    w_boot(w, 3);
    settle(w);
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

static void detach(void **state)
{
    (void)state;
    struct world *w = w_new(3, 8);

    move(w, 1, 0);
    move(w, 2, 1);
    move(w, 3, 2);
    unsigned before = w->messages;
    assert_int_equal(w_detach(w, 3, 1), 0);
    w_run(w, GW_SEC(2)); /* in the guard its next frame counts as a stranger's, and is reported */
    assert_false(w_has_station(w, 3, 1));
    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(2));
    w_check(w, 1, 3);
    assert_int_equal(w->messages - before, 0);
    assert_int_equal(w_detach(w, 3, 1), 0);
    w_run(w, GW_SEC(5));
    w_check_gone(w, 1);
    w_check_all(w);
    assert_int_equal(w->messages - before, 6);
    w_free(w);
}

static void guard(void **state)
{
    (void)state;
    struct world *w = w_new(2, 9);

    move(w, 1, 0);
    unsigned before = w->messages;
    assert_int_equal(w_detach(w, 1, 1), 0);
    w_run(w, GW_SEC(2));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(10));
    w_check(w, 1, 1);
    assert_int_equal(w->messages, before);
    w_free(w);
}

/* The link below goes, the station comes back elsewhere: a handover, and the guard of the old
 * place ends nothing. */
static void detach_after_move(void **state)
{
    (void)state;
    struct world *w = w_new(2, 10);
    struct gw_input down = {.kind = GW_IN_LINK_DOWN, .link = {.iface = 0}};

    move(w, 1, 0);
    assert_int_equal(w_input(w, 1, &down), 0);
    w_run(w, GW_MSEC(100));
    move(w, 2, 1);
    assert_int_equal(w_detach(w, 1, 1), GW_ENOENT);
    w_run(w, GW_SEC(20));
    w_check(w, 1, 2);
    w_free(w);
}

/* The guard of the old place runs out while the new registration is under way. */
static void late_goodbye(void **state)
{
    (void)state;
    struct world *w = w_new(2, 11);

    move(w, 1, 0);
    w_delay(w, GW_MSEC(400));
    assert_int_equal(w_detach(w, 1, 1), 0);
    w_run(w, GW_MSEC(2900));
    assert_int_equal(w_attach(w, 2, 1), 0); /* the goodbye leaves 100 ms later */
    w_run(w, GW_SEC(10));
    w_check(w, 1, 2);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    w_check_all(w);
    w_free(w);
}

/* Another access link of the same MAAR: nobody else needs to know. */
static void same_maar(void **state)
{
    (void)state;
    struct world *w = w_new(2, 12);
    struct gw_input in = {.kind = GW_IN_ATTACH,
                          .attach = {.station = w_station(1), .by = GW_SEEN_FRAME}};

    move(w, 1, 0);
    move(w, 2, 1);
    unsigned before = w->messages, ras = w->seen[2].ras;
    in.attach.station.iface = W_IFACE2;
    in.attach.seen = w_now(w).mono;
    assert_int_equal(w_input(w, 2, &in), 0);
    settle(w);
    assert_int_equal(w->messages, before);
    assert_true(w->seen[2].ras > ras);
    assert_int_equal(gw_native_stations(w->n[2].plane), 1);
    assert_non_null(gw_native_station(w->n[2].plane, &in.attach.station));
    struct gw_prefix p1 = w_own(w, 1, 1);
    assert_int_equal(w_prefix(w, 2, &p1)->station.ifindex, SIM_IF_ACCESS2);
    w_check(w, 1, 2);
    w_free(w);
}

/* Back and forth faster than messages travel. */
static void ping_pong(void **state)
{
    (void)state;
    struct world *w = w_new(3, 13);

    w_delay(w, GW_MSEC(20));
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(w_attach(w, 1 + i % 3, 1), 0);
        w_run(w, GW_MSEC(7));
    }
    w_run(w, GW_SEC(20));
    w_check(w, 1, 3);
    w_check_all(w);
    assert_true(w_bce(w, 1)->b.nanchors == 3);
    w_free(w);
}

/* Lost without an event: when it is asked nobody answers, and the session ends. */
static void silence(void **state)
{
    (void)state;
    struct world *w = w_new(2, 16);

    move(w, 1, 0);
    move(w, 2, 1);
    w_run(w, GW_SEC(200)); /* answers when it is asked */
    w_check(w, 1, 2);
    assert_int_equal(w_count(w, 2, GW_CNT_SILENT), 0);
    w_place(w, 1, 0);
    w_run(w, GW_SEC(100));
    assert_int_equal(w_count(w, 2, GW_CNT_SILENT), 1);
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

static void handover_rows(void **state)
{
    (void)state;
    struct world *w = w_new(3, 14);
    const struct gw_handover_row *h, *last = NULL;
    struct gw_time t0;

    move(w, 1, 0);
    move(w, 2, 1);
    t0 = w_now(w).mono;
    move(w, 3, 2);
    for (uint64_t i = 0; (h = gw_handovers_next(&w->n[3].node->lm.handovers, &i)) != NULL;)
        last = h;
    assert_non_null(last);
    if (last == NULL)
        return; /* for the analyser, which does not know that an assertion ends the test */
    assert_int_equal(last->role, GW_HO_SERVING);
    assert_false(last->initial);
    assert_int_equal(last->previous, 2);
    assert_true(gw_addr_eq(&last->from, &w->n[2].cfg->addr));
    assert_int_equal(last->step[GW_HO_ATTACHMENT_SEEN].ns, t0.ns);
    assert_int_equal(last->step[GW_HO_PBU_SENT].ns, t0.ns);
    assert_int_equal(last->step[GW_HO_PBA_RECEIVED].ns, t0.ns + 2 * w->sim->normal.delay);
    assert_int_equal(last->step[GW_HO_PLANE_PROGRAMMED].ns,
                     t0.ns + 2 * w->sim->normal.delay + w->n[1].plane_ns);
    assert_int_equal(last->step[GW_HO_RA_SENT].ns, t0.ns + 2 * w->sim->normal.delay);
    for (uint64_t i = 0; (h = gw_handovers_next(&w->n[0].node->lm.handovers, &i)) != NULL;)
        last = h;
    assert_int_equal(last->role, GW_HO_CMD);
    assert_int_equal(last->nprev, 2);
    assert_int_equal(last->prev[1].pba_received.ns - last->prev[1].pbu_sent.ns,
                     2 * w->sim->normal.delay + w->n[1].plane_ns);
    for (uint64_t i = 0; (h = gw_handovers_next(&w->n[1].node->lm.handovers, &i)) != NULL;)
        last = h;
    assert_int_equal(last->role, GW_HO_PREVIOUS);
    assert_true(gw_addr_eq(&last->from, &w->n[2].cfg->addr));
    assert_true(gw_addr_eq(&last->to, &w->n[3].cfg->addr));
    w_free(w);
}

static void first_packets(void **state)
{
    (void)state;
    struct world *w = w_new(2, 15);

    move(w, 1, 0);
    move(w, 2, 1);
    struct gw_input in = {.kind = GW_IN_FIRST_PKT, .first = {.uplink = true}};
    in.first.prefix = w_own(w, 1, 1); /* the served prefix, at 2 */
    assert_true(w_prefix(w, 2, &in.first.prefix)->watch & GW_T_WATCH_UP);
    in.first.seen = w_now(w).mono;
    assert_int_equal(w_input(w, 2, &in), 0);
    struct gw_handover_row *row = gw_mn_row(w_mn(w, 2, 1));
    assert_int_equal(row->step[GW_HO_FIRST_UPLINK].ns, in.first.seen.ns);
    assert_int_equal(row->step[GW_HO_FIRST_DOWNLINK].ns, 0);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial),
        cmocka_unit_test(chain),
        cmocka_unit_test(nameless_router),
        cmocka_unit_test(advertised),
        cmocka_unit_test(transit),
        cmocka_unit_test(confirmed),
        cmocka_unit_test(refresh),
        cmocka_unit_test(expiry),
        cmocka_unit_test(detach),
        cmocka_unit_test(guard),
        cmocka_unit_test(detach_after_move),
        cmocka_unit_test(late_goodbye),
        cmocka_unit_test(same_maar),
        cmocka_unit_test(ping_pong),
        cmocka_unit_test(silence),
        cmocka_unit_test(handover_rows),
        cmocka_unit_test(first_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
