/* A domain of Proxy Mobile IPv6: a real LMA and real MAGs, and a MAAR that is a MAG towards a
 * central anchor (RFC 8885 appendix A.5). What each says alone is in test_lma.c and test_mag.c;
 * here is what becomes of mobile nodes between them.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_lma_session *session(struct world *w, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_binding *b = gw_binding_get(&w->n[0].node->lma.bs, &id);
    return b != NULL ? gw_lma_session(b) : NULL;
}

static struct gw_mag_mn *entry(struct world *w, size_t node, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_binding *b = gw_binding_get(&w->n[node].node->mag.bs, &id);
    return b != NULL ? gw_mag_mn(b) : NULL;
}

/* Both ends of the tunnel of each of n prefixes. */
static void check_at(struct world *w, unsigned mn, size_t at, unsigned n)
{
    struct gw_lma_session *s = session(w, mn);
    struct gw_mag_mn *m = entry(w, at, mn);

    assert_non_null(s);
    assert_non_null(m);
    if (s == NULL || m == NULL)
        return;
    assert_null(s->b.next);
    assert_false(s->leaving);
    assert_int_equal(s->b.nanchors, n);
    assert_true(gw_addr_eq(&s->b.serving, &w->n[at].cfg->addr));
    assert_int_equal(m->state, GW_MAG_SERVING);
    assert_int_equal(m->b.nanchors, n);
    assert_true(w_has_station(w, at, mn));
    for (const struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next) {
        const struct gw_t_prefix *here = w_prefix(w, at, &a->prefix);
        const struct gw_t_prefix *there = w_prefix(w, 0, &a->prefix);
        assert_non_null(here);
        assert_non_null(there);
        assert_int_equal(here->kind, GW_PFX_SERVED);
        assert_true(w_is(&here->peer, &w->n[0].cfg->addr));
        assert_int_equal(there->kind, GW_PFX_MOVED);
        assert_true(w_is(&there->peer, &w->n[at].cfg->addr));
    }
}

static int not_its(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    const uint8_t *k = key;
    const unsigned *mn = user;

    (void)value;
    (void)value_len;
    assert_false(k[0] == 'G' && k[key_len - 1] == *mn);
    return 0;
}

/* No MAG but `at` knows it, or (0) none and the LMA neither. */
static void check_only(struct world *w, unsigned mn, size_t at)
{
    for (size_t i = 1; i < w->nnodes; i++) {
        if (i == at)
            continue;
        assert_null(entry(w, i, mn));
        assert_false(w_has_station(w, i, mn));
        w_records(w, i, not_its, &mn);
    }
    if (at == 0)
        assert_null(session(w, mn));
}

/* Nothing waits, nothing was lost, the pool has what the sessions have. */
static void check_settled(struct world *w)
{
    assert_false(w_busy(w));
    for (size_t i = 0; i < w->nnodes; i++)
        assert_int_equal(w->n[i].node->queue.lost, 0);
    assert_int_equal(gw_pools_count(&w->n[0].node->maar.pools),
                     gw_table_count(&w->n[0].node->lma.bs.by_prefix));
}

static struct gw_prefix prefix_of(struct world *w, unsigned mn)
{
    struct gw_lma_session *s = session(w, mn);

    assert_non_null(s);
    return s != NULL ? s->b.anchors->prefix : (struct gw_prefix){0};
}

static struct gw_prefix settle_at(struct world *w, unsigned mn, size_t at)
{
    assert_int_equal(w_attach(w, at, mn), 0);
    w_run(w, GW_MSEC(100));
    check_at(w, mn, at, 1);
    return prefix_of(w, mn);
}

/* Two messages make it, and two tell the MAG that was left; the node sees the same router with the
 * same prefix at every MAG (§6.9.3).
 */
static void attach_and_move(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(3, 1);
    struct gw_prefix p = settle_at(w, 1, 1);
    struct gw_nd before = w->seen[1].last_ra[0], after;

    assert_int_equal(w->messages, 2);
    for (size_t at = 2; at <= 3; at++) {
        struct gw_prefix q = settle_at(w, 1, at);
        assert_true(gw_prefix_eq(&p, &q));
        after = w->seen[at].last_ra[0];
        assert_true(gw_addr_eq(&before.src, &after.src));
        assert_true(gw_lladdr_eq(&before.slla, &after.slla));
        assert_true(gw_prefix_eq(&before.pio[0].prefix, &after.pio[0].prefix));
        assert_int_equal(after.pio[0].preferred_s, 3600);
        assert_int_equal(w->messages, 2 + 4 * (at - 1));
        check_only(w, 1, at);
    }
    assert_int_equal(w_count(w, 0, GW_CNT_HANDOVER), 2);
    check_settled(w);
    w_free(w);
}

static void several_prefixes(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 2);

    w->n[0].policy.prefixes = 3;
    for (unsigned mn = 1; mn <= 10; mn++)
        assert_int_equal(w_attach(w, 1 + mn % 2, mn), 0);
    w_run(w, GW_SEC(1));
    for (unsigned mn = 1; mn <= 10; mn++)
        check_at(w, mn, 1 + mn % 2, 3);
    assert_int_equal(w->seen[1].last_ra[0].npio, 3);
    for (unsigned mn = 1; mn <= 10; mn++)
        assert_int_equal(w_attach(w, 2 - mn % 2, mn), 0);
    w_run(w, GW_SEC(70));
    for (unsigned mn = 1; mn <= 10; mn++) {
        check_at(w, mn, 2 - mn % 2, 3);
        check_only(w, mn, 2 - mn % 2);
    }
    check_settled(w);
    w_free(w);
}

/* Lifetimes are extended for as long as the node is there, by two messages each. */
static void refresh(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 3);
    struct gw_prefix p = settle_at(w, 1, 1);

    w->messages = 0;
    for (unsigned i = 0; i < 10; i++) {
        w_run(w, GW_SEC(41));
        check_at(w, 1, 1, 1);
    }
    struct gw_prefix q = prefix_of(w, 1);
    assert_true(gw_prefix_eq(&p, &q));
    assert_in_range(w->messages, 2 * 9, 2 * 10);
    assert_int_equal(w_count(w, 0, GW_CNT_EXPIRED), 0);
    w_free(w);
}

/* The end of a session, and a node that is back within MinDelayBeforeBCEDelete. */
static void leaving(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 4);
    struct gw_prefix p = settle_at(w, 1, 1);

    w_detach(w, 1, 1);
    w_run(w, GW_SEC(5)); /* the guard interval, and the exchange */
    check_only(w, 1, 99);
    assert_true(session(w, 1)->leaving);
    assert_null(w_prefix(w, 0, &p));
    struct gw_prefix q = settle_at(w, 1, 2);
    assert_true(gw_prefix_eq(&p, &q));
    w_detach(w, 2, 1);
    w_run(w, GW_SEC(20));
    check_only(w, 1, 0);
    check_settled(w);
    assert_int_equal(gw_pools_count(&w->n[0].node->maar.pools), 0);
    w_free(w);
}

/* There and back again before the first MAG has noticed anything: it serves it again. */
static void ping_pong(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 5);
    struct gw_prefix p = settle_at(w, 1, 1);

    for (unsigned i = 0; i < 5; i++) {
        w_run(w, GW_SEC(1)); /* no more updates than MAX_UPDATE_RATE */
        (void)settle_at(w, 1, 2);
        struct gw_prefix q = settle_at(w, 1, 1);
        assert_true(gw_prefix_eq(&p, &q));
    }
    w_run(w, GW_SEC(70));
    check_at(w, 1, 1, 1);
    check_only(w, 1, 1);
    check_settled(w);
    w_free(w);
}

static int no_revocations(struct world *w, struct sim_message *e)
{
    (void)w;
    return e->data[2] == GW_MH_REVOCATION;
}

/* What a bridge says again is no new attachment; what hostapd says again is one. */
static void seen_twice(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(1, 16);
    static const enum gw_seen_by by[] = {GW_SEEN_NETLINK, GW_SEEN_HOSTAPD};

    (void)settle_at(w, 1, 1);
    for (size_t i = 0; i < 2; i++) {
        struct gw_input in = {.kind = GW_IN_ATTACH,
                              .attach = {.station = w_station(1), .by = by[i]}};
        w_run(w, GW_SEC(1));
        in.attach.seen = w_now(w).mono;
        unsigned messages = w->messages;
        assert_int_equal(w_input(w, 1, &in), 0); /* another source, the same attachment */
        w_run(w, GW_SEC(1));
        assert_int_equal(w->messages, messages);
        in.attach.seen = w_now(w).mono;
        assert_int_equal(w_input(w, 1, &in), 0);
        w_run(w, GW_SEC(1));
        assert_int_equal(w->messages, messages + (i == 0 ? 0 : 2));
    }
    check_at(w, 1, 1, 1);
    w_free(w);
}

/* The same with an LMA that revokes nothing, and without a sign of any of it: the first MAG serves
 * it again when it extends, and the second one notices that it has gone. A node that never shows an
 * address is not fetched back. */
static void silently(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 11);
    w->tap = no_revocations;
    struct gw_prefix p = settle_at(w, 1, 1), q = settle_at(w, 2, 1);

    (void)settle_at(w, 1, 2);
    (void)settle_at(w, 2, 2);
    w_place(w, 1, 1); /* it is back */
    w_run(w, GW_SEC(60));
    check_at(w, 1, 1, 1);
    check_at(w, 2, 2, 1);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_ELSEWHERE), 2);
    w_run(w, GW_SEC(60));
    check_only(w, 1, 1);
    check_only(w, 2, 2);
    assert_non_null(w_prefix(w, 0, &p));
    assert_non_null(w_prefix(w, 0, &q));
    check_settled(w);
    w_free(w);
}

static int attach_as(struct world *w, size_t node, unsigned station, const char *nai)
{
    struct gw_mnid id = {
        .subtype = GW_MNID_NAI, .len = (uint8_t)strlen(nai), .id = (const uint8_t *)nai};
    struct gw_input in = {.kind = GW_IN_ATTACH,
                          .attach = {.station = w_station(station),
                                     .mnid = &id,
                                     .by = GW_SEEN_MANUAL,
                                     .seen = w_now(w).mono}};

    w_place(w, station, node);
    return w_input(w, node, &in);
}

/* One mobile node with two interfaces at one MAG: two sessions with prefixes of their own, which
 * move and end one by one, and are still two after restarts. */
static void two_interfaces(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 12);
    struct gw_bindings *bs = &w->n[1].node->mag.bs;
    struct gw_mnid id = {.subtype = GW_MNID_NAI, .len = 3, .id = (const uint8_t *)"a@b"};

    assert_int_equal(attach_as(w, 1, 1, "a@b"), 0);
    w_run(w, GW_MSEC(10)); /* at one moment the Timestamps would be equal, which is refused */
    assert_int_equal(attach_as(w, 1, 2, "a@b"), 0);
    w_run(w, GW_SEC(2)); /* the LMA waits whether the first one moves */
    assert_int_equal(gw_table_count(&bs->by_mnid), 1);
    assert_int_equal(gw_table_count(&bs->by_prefix), 2);
    assert_int_equal(gw_native_stations(w->n[1].plane), 2);
    w_crash(w, 1);
    w_boot(w, 1);
    w_crash(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(5));
    bs = &w->n[1].node->mag.bs;
    struct gw_binding *first = gw_binding_get(&w->n[0].node->lma.bs, &id);
    assert_non_null(first);
    assert_non_null(first->next);
    assert_int_equal(gw_table_count(&bs->by_prefix), 2);
    assert_int_equal(attach_as(w, 2, 2, "a@b"), 0);
    w_run(w, GW_SEC(2));
    for (struct gw_binding *b = first; b != NULL; b = b->next) {
        size_t at = b->lladdr.b[5];
        struct gw_anchor *a = gw_anchor_get(&w->n[at].node->mag.bs, &b->anchors->prefix);
        assert_true(gw_addr_eq(&b->serving, &w->n[at].cfg->addr));
        assert_non_null(a);
        assert_true(gw_lladdr_eq(&a->binding->lladdr, &b->lladdr));
    }
    w_detach(w, 1, 1);
    w_run(w, GW_SEC(80));
    first = gw_binding_get(&w->n[0].node->lma.bs, &id);
    assert_non_null(first);
    assert_null(first->next);
    assert_int_equal(gw_table_count(&w->n[1].node->mag.bs.by_mnid), 0);
    assert_int_equal(gw_table_count(&w->n[2].node->mag.bs.by_mnid), 1);
    check_settled(w);
    w_free(w);
}

/* The mobile node has the link-local address that the LMA gave the router: another one takes its
 * place, here and at every later MAG; the prefix stays preferred. With a fixed address nothing can
 * be done but say so. */
static void router_collision(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 14);
    struct gw_prefix p = settle_at(w, 1, 1);
    struct gw_addr before = w->seen[1].last_ra[0].src;
    struct gw_nd na = {.type = GW_ND_NA, .src = before, .dst = before, .target = before};
    struct gw_input in = {.kind = GW_IN_ND, .nd = {.src = w_station(1).lladdr}};
    uint8_t buf[256];

    na.tlla = w_station(1).lladdr;
    int len = gw_nd_write(&na, buf, sizeof buf);
    assert_true(len > 0);
    in.nd.data = buf;
    in.nd.len = (size_t)len;
    unsigned messages = w->messages;
    assert_int_equal(w_input(w, 1, &in), 0);
    assert_int_equal(w->seen[1].last_ra[0].router_lifetime_s,
                     0); /* the old one, without the prefix */
    assert_true(gw_addr_eq(&w->seen[1].last_ra[0].src, &before));
    assert_int_equal(w->seen[1].last_ra[0].npio, 0);
    assert_false(gw_addr_eq(&w->seen[1].last_ra[1].src, &before));
    assert_true(gw_prefix_eq(&w->seen[1].last_ra[1].pio[0].prefix, &p));
    assert_int_equal(w->seen[1].last_ra[1].pio[0].preferred_s, 3600);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w->messages, messages + 2); /* at once */
    struct gw_addr now = entry(w, 1, 1)->link_local;
    assert_true(gw_addr_eq(&session(w, 1)->b.anchors->link_local, &now));
    assert_int_equal(w_input(w, 1, &in), 0); /* it is nobody else's now */
    assert_int_equal(w_count(w, 1, GW_CNT_ROUTER_COLLISION), 1);
    w_run(w, GW_SEC(6));
    (void)settle_at(w, 1, 2);
    assert_true(gw_addr_eq(&w->seen[2].last_ra[0].src, &now));
    w->n[1].cfg->pmip.mag.link_local = before;
    (void)settle_at(w, 2, 1);
    in.nd.src = w_station(2).lladdr;
    messages = w->messages;
    assert_int_equal(w_input(w, 1, &in), 0);
    assert_int_equal(w_count(w, 1, GW_CNT_ROUTER_COLLISION), 2);
    assert_int_equal(w->messages, messages);
    w_free(w);
}

static struct gw_mh kept;
static uint8_t kept_octets[GW_MH_MAX];

static int lose_everything(struct world *w, struct sim_message *e)
{
    (void)w;
    (void)e;
    return 1;
}

static int keep_revocation(struct world *w, struct sim_message *e)
{
    if (e->data[2] != GW_MH_REVOCATION || e->to == 0)
        return 0;
    memcpy(kept_octets, e->data, e->len);
    assert_int_equal(gw_mh_parse(&w->n[0].cfg->codec, e->addrs, kept_octets, e->len, &kept).code,
                     GW_PARSE_OK);
    return 1;
}

/* What the LMA says to the MAG that was left (RFC 5846 §8.1), and a MAG to which the node is back
 * already: it keeps it. */
static void left_behind(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 15);
    struct gw_prefix p = settle_at(w, 1, 1);
    uint64_t attached = session(w, 1)->b.attached;

    w->tap = keep_revocation;
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_MSEC(100));
    check_at(w, 1, 2, 1);
    assert_int_equal(kept.br.br_type, GW_BR_BRI);
    assert_int_equal(kept.br.code, GW_BR_HANDOVER_SAME_ATT);
    assert_true(kept.br.p && !kept.br.g);
    assert_true(gw_prefix_eq(&gw_lm_opt(&kept, GW_OPT_HNP)->prefix, &p));
    assert_int_equal(gw_lm_opt(&kept, GW_OPT_TIMESTAMP)->u64, attached);
    w->tap = lose_everything;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(2));
    w->tap = NULL; /* the LMA repeats it before it has heard of the return */
    w_run(w, GW_SEC(3));
    check_at(w, 1, 1, 1);
    check_only(w, 1, 1);
    w_run(w, GW_SEC(60));
    check_settled(w);
    w_free(w);
}

/* EnableMAGLocalRouting, and a reload that turns it on and off (§6.10.3). */
static void local_routing(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 13);
    struct gw_prefix p = settle_at(w, 1, 1);

    for (int on = 1; on >= 0; on--) {
        assert_int_equal(w_prefix(w, 1, &p)->local_routing, !on);
        w->n[1].cfg->pmip.local_routing = on;
        assert_int_equal(gw_node_reload(w->n[1].node, w->n[1].cfg, NULL, NULL, w_now(w)), 0);
        w_drain(w, 1);
        w_run(w, GW_MSEC(1));
        assert_int_equal(w_prefix(w, 1, &p)->local_routing, on);
        struct gw_prefix q = settle_at(w, 2 + (unsigned)on, 1);
        assert_int_equal(w_prefix(w, 1, &q)->local_routing, on);
        assert_true(entry(w, 1, 1)->programmed);
    }
    assert_int_equal(w->messages, 6); /* the LMA has nothing to do with it */
    w_free(w);
}

/* Any one of the first messages is lost, or a quarter of all. */
static void lossy(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 6; nth++) {
        struct world *w = w_new_pmip(2, 6);
        w->lose_nth = nth;
        assert_int_equal(w_attach(w, 1, 1), 0);
        w_run(w, GW_SEC(2));
        check_at(w, 1, 1, 1);
        assert_int_equal(w_attach(w, 2, 1), 0);
        w_run(w, GW_SEC(2));
        check_at(w, 1, 2, 1);
        w_run(w, GW_SEC(70));
        check_at(w, 1, 2, 1);
        check_only(w, 1, 2);
        check_settled(w);
        w_free(w);
    }
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = w_new_pmip(3, seed);
        w_noise(w, 25, 20, 20);
        for (unsigned step = 0; step < 12; step++) {
            for (unsigned mn = 1; mn <= 4; mn++)
                (void)w_attach(w, 1 + gw_prng_below(&w->prng, 3), mn);
            w_run(w, GW_MSEC((int64_t)gw_prng_below(&w->prng, 5000)));
        }
        w_noise(w, 0, 0, 0);
        w_run(w, GW_SEC(60));
        /* A MAG that was left may be heard last, for each transmission has its own time (§6.9.4
         * (4)). Then the one that has the node lets go, and is shown its next frame. */
        for (unsigned mn = 1; mn <= 4; mn++)
            if (!w_has_station(w, w_where(w, mn), mn))
                (void)w_attach(w, w_where(w, mn), mn);
        w_run(w, GW_SEC(90));
        for (unsigned mn = 1; mn <= 4; mn++) {
            check_at(w, mn, w_where(w, mn), 1);
            check_only(w, mn, w_where(w, mn));
        }
        check_settled(w);
        w_free(w);
    }
}

/* With its store nobody notices; the packet path is told everything again. */
static void lma_restarts(void **state)
{
    (void)state;
    struct world *w = w_new_pmip(2, 7);
    struct gw_prefix p[6];

    for (unsigned mn = 1; mn <= 5; mn++)
        p[mn] = settle_at(w, mn, 1 + mn % 2);
    w_crash(w, 0);
    w_run(w, GW_SEC(10));
    assert_int_equal(w_attach(w, 1, 1), 0); /* moves while the LMA is down */
    w_run(w, GW_SEC(1));
    w_boot(w, 0);
    w_run(w, GW_SEC(5));
    for (unsigned mn = 1; mn <= 5; mn++) {
        check_at(w, mn, mn == 1 ? 1 : 1 + mn % 2, 1);
        struct gw_prefix q = prefix_of(w, mn);
        assert_true(gw_prefix_eq(&p[mn], &q));
    }
    w_run(w, GW_SEC(70));
    for (unsigned mn = 1; mn <= 5; mn++)
        check_only(w, mn, mn == 1 ? 1 : 1 + mn % 2);
    check_settled(w);
    w_free(w);
}

/* Without its store the LMA learns from the MAGs: by heartbeats at once, else when lifetimes are
 * extended. A MAG without its store learns from what its stations say. */
static void state_is_lost(void **state)
{
    (void)state;
    for (int heartbeats = 0; heartbeats <= 1; heartbeats++) {
        struct world *w = w_new_pmip(2, 8);
        struct gw_prefix p[6];
        for (size_t i = 0; i < w->nnodes && heartbeats; i++) {
            w_crash(w, i);
            w_forget(w, i);
            w->n[i].cfg->heartbeat.interval = GW_SEC(10);
            w->n[i].cfg->heartbeat.missing_allowed = 3;
            w_boot(w, i);
        }
        w_run(w, GW_SEC(25));
        w->n[0].policy.prefixes = 2;
        for (unsigned mn = 1; mn <= 5; mn++) {
            assert_int_equal(w_attach(w, 1 + mn % 2, mn), 0);
            w_run(w, GW_MSEC(100));
            p[mn] = prefix_of(w, mn);
        }
        w_crash(w, 0);
        w_forget(w, 0);
        w_boot(w, 0);
        w_run(w, heartbeats ? GW_SEC(3) : GW_SEC(45));
        for (unsigned mn = 1; mn <= 5; mn++) {
            check_at(w, mn, 1 + mn % 2, 2);
            assert_non_null(w_prefix(w, 0, &p[mn]));
        }
        w_crash(w, 1);
        w_forget(w, 1);
        w_boot(w, 1);
        w_run(w, GW_SEC(5));
        for (unsigned mn = 2; mn <= 4; mn += 2)
            assert_int_equal(w_attach(w, 1, mn), 0); /* its first frame */
        w_run(w, GW_SEC(3));
        for (unsigned mn = 1; mn <= 5; mn++) {
            check_at(w, mn, 1 + mn % 2, 2);
            assert_non_null(w_prefix(w, 0, &p[mn]));
        }
        check_settled(w);
        w_free(w);
    }
}

/* Both names of the fallback: a MAAR whose policy leaves a node to a central anchor is a MAG, and
 * the node keeps its prefix wherever it goes, be it to another such MAAR or to a MAG. */
static void maar_as_mag(void **state)
{
    (void)state;
    unsigned roles[] = {GW_ROLE_LMA, GW_ROLE_MAAR | GW_ROLE_MAG, GW_ROLE_MAAR | GW_ROLE_MAG,
                        GW_ROLE_MAG, GW_ROLE_CMD};
    struct world *w = w_new_roles(roles, 5, 9);

    w->n[1].policy.anchoring = w->n[2].policy.anchoring = GW_ANCHORING_LMA;
    struct gw_prefix p = settle_at(w, 1, 1);
    for (size_t at = 2; at <= 3; at++) {
        struct gw_prefix q = settle_at(w, 1, at);
        assert_true(gw_prefix_eq(&p, &q));
        assert_null(w_mn(w, at, 1));
    }
    assert_int_equal(gw_table_count(&w->n[4].node->cmd.bs.by_mnid), 0);
    w_run(w, GW_SEC(70));
    check_at(w, 1, 3, 1);
    check_only(w, 1, 3);
    /* beside the central prefix one of the MAAR's own, which follows the node by RFC 8885 */
    w->n[1].policy.anchoring = w->n[2].policy.anchoring = GW_ANCHORING_LMA | GW_ANCHORING_HERE;
    p = settle_at(w, 2, 1);
    struct gw_prefix own = w_own(w, 1, 2);
    assert_int_equal(gw_native_stations(w->n[1].plane), 1);
    struct gw_prefix q = settle_at(w, 2, 2);
    assert_true(gw_prefix_eq(&p, &q));
    assert_int_equal(w_mn(w, 2, 2)->state, GW_MN_SERVING);
    assert_int_equal(w_prefix(w, 2, &own)->kind, GW_PFX_SERVED);
    assert_true(w_is(&w_prefix(w, 2, &own)->peer, &w->n[1].cfg->addr));
    w_run(w, GW_SEC(70));
    check_at(w, 2, 2, 1);
    check_only(w, 2, 2);
    assert_int_equal(w_prefix(w, 1, &own)->kind, GW_PFX_MOVED);
    assert_false(w_has_station(w, 1, 2));
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attach_and_move),  cmocka_unit_test(several_prefixes),
        cmocka_unit_test(refresh),          cmocka_unit_test(leaving),
        cmocka_unit_test(ping_pong),        cmocka_unit_test(lossy),
        cmocka_unit_test(lma_restarts),     cmocka_unit_test(state_is_lost),
        cmocka_unit_test(maar_as_mag),      cmocka_unit_test(silently),
        cmocka_unit_test(two_interfaces),   cmocka_unit_test(local_routing),
        cmocka_unit_test(left_behind),      cmocka_unit_test(seen_twice),
        cmocka_unit_test(router_collision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
