/* test_location.c: a location server in a domain: what it is told is on its disk before it is
 * acknowledged, survives a crash and is found; it listens to nodes that steer only, and to
 * authentic messages only. Its rules are tests/unit/handover's.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/locating.h"

enum { SERVER, INGRESS, OTHER, CMD };
static const unsigned roles[] = {GW_ROLE_LOCATION_SERVER, GW_ROLE_D_ROUTER, GW_ROLE_D_ROUTER,
                                 GW_ROLE_CMD};
static const struct gw_addr client = {{0x20, 1, 0xd, 0xb8, 0x10}};
static unsigned acks, known, early; /* ACKs, LOCATED that know it; ACKs before the record */

static size_t entries(struct world *w)
{
    return gw_table_count(&w->n[SERVER].node->locating->server->by_client);
}

static int count_record(void *user, const void *key, size_t key_len, const void *value, size_t len)
{
    (void)value, (void)len;
    *(unsigned *)user += key_len > 0 && *(const uint8_t *)key == GW_LOCATION_RECORD;
    return 0;
}

static unsigned records(struct world *w)
{
    unsigned n = 0;

    w_records(w, SERVER, count_record, &n);
    return n;
}

static int tap(struct world *w, struct sim_message *e)
{
    static struct gw_mh m;
    struct gw_cats_item item;
    size_t it = 0;

    if (e->from != SERVER ||
        gw_mh_parse(&gw_mh_codec_default, e->addrs, e->data, e->len, &m).code != GW_PARSE_OK ||
        m.type != GW_MH_EXPERIMENTAL)
        return 0;
    if (m.exp.cats.type == GW_CATS_ACK) {
        acks++;
        early += records(w) == 0;
    }
    if (m.exp.cats.type == GW_CATS_LOCATED && gw_cats_next(&m, &it, &item) == 1)
        known += item.location.lifetime > 0 &&
                 gw_addr_eq(&item.location.ingress, &w->n[INGRESS].cfg[0].addr);
    return 0;
}

static struct world *domain(uint64_t seed)
{
    struct world *w = w_new_roles(roles, 4, seed);

    w->tap = tap;
    acks = known = early = 0;
    w->n[SERVER].commit_ns = 2 * SIM_MS;
    return w;
}

/* `of` says, or asks, in the name of `ingress`. */
static int tell(struct world *w, size_t of, size_t ingress, enum gw_cats_type type,
                const struct gw_key *key)
{
    static struct gw_mh m;
    static struct gw_cats_buf b;
    static uint32_t seq;
    struct gw_cats_item item = {.type = GW_CATS_LOCATION,
                                .location = {.lifetime = 60,
                                             .client = client,
                                             .ingress = w->n[ingress].cfg[0].addr,
                                             .negresses = 1,
                                             .egress = {w->n[OTHER].cfg[0].addr}}};

    gw_cats_begin(&m, &b, type, 0, ++seq);
    assert_int_equal(gw_cats_add(&m, &b, &item), 0);
    gw_lm_add_u64(&m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns) + seq);
    int err = w_inject(w, of, SERVER, &m, key);
    w_run(w, GW_MSEC(20));
    return err;
}

static void survives_a_crash(void **state)
{
    struct world *w = domain(1);

    (void)state;
    assert_int_equal(tell(w, INGRESS, INGRESS, GW_CATS_LOCATE, NULL), 0);
    assert_int_equal(acks, 1);
    assert_int_equal(early, 0);
    assert_int_equal(records(w), 1);
    w_crash(w, SERVER);
    w_boot(w, SERVER);
    assert_int_equal(entries(w), 1);
    assert_int_equal(tell(w, OTHER, OTHER, GW_CATS_WHERE, NULL), 0);
    assert_int_equal(known, 1);
    w_power(w, SERVER);
    w_boot(w, SERVER);
    assert_int_equal(entries(w), 1);
    w_run(w, GW_SEC(60));
    assert_int_equal(entries(w), 0);
    assert_int_equal(records(w), 0);
    w_free(w);
}

static void listens_to_few(void **state)
{
    struct world *w = domain(2);
    struct gw_key bad = sim_key(INGRESS, SERVER);

    (void)state;
    uint64_t before = w_count(w, SERVER, GW_CNT_WRONG_ROLE);
    assert_int_equal(tell(w, CMD, CMD, GW_CATS_LOCATE, NULL), GW_EDENIED);
    assert_int_equal(tell(w, CMD, CMD, GW_CATS_WHERE, NULL), GW_EDENIED);
    assert_int_equal(w_count(w, SERVER, GW_CNT_WRONG_ROLE), before + 2);
    bad.secret[5] ^= 1;
    assert_int_equal(tell(w, INGRESS, INGRESS, GW_CATS_LOCATE, &bad), GW_EAUTH);
    assert_int_equal(tell(w, INGRESS, OTHER, GW_CATS_LOCATE, NULL), 0);
    assert_int_equal(w->n[SERVER].node->locating->server->count[GW_LOCCNT_DENIED], 1);
    assert_int_equal(entries(w), 0);
    assert_int_equal(records(w), 0);
    w_free(w);
}

/* A node that is none says so, and a limit holds after a reload. */
static void limits(void **state)
{
    struct world *w = domain(3);

    (void)state;
    assert_null(w->n[INGRESS].node->locating);
    assert_int_equal(tell(w, INGRESS, INGRESS, GW_CATS_LOCATE, NULL), 0);
    w->n[SERVER].cfg[0].handover.locations = 1;
    assert_int_equal(gw_node_reload(w->n[SERVER].node, &w->n[SERVER].cfg[0], NULL, NULL, w_now(w)),
                     0);
    w_drain(w, SERVER);
    assert_int_equal(w->n[SERVER].node->locating->server->by_client.limit, 1);
    assert_int_equal(entries(w), 1);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_a_crash),
        cmocka_unit_test(listens_to_few),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
