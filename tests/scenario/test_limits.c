/* Limits, policy, pools, reload, records that are broken, a process that is a MAAR and the CMD,
 * and what `godwit show` is given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world.h"

static void policy(void **state)
{
    (void)state;
    static struct gw_cfg_policy rules[] = {
        {.match = GW_MATCH_LLADDR, .pattern = "02:00:00:00:00:01", .allow = false},
        {.match = GW_MATCH_LLADDR,
         .pattern = "02:00:00:00:00:0?",
         .allow = true,
         .anchoring = GW_ANCHORING_HERE},
        {.match = GW_MATCH_MNID,
         .pattern = "*@Example.org",
         .allow = true,
         .anchoring = GW_ANCHORING_HERE},
    };
    struct world *w = w_new(2, 1);
    struct gw_mnid nai = {GW_MNID_NAI, 15, (const uint8_t *)"bob@example.org"};
    struct gw_input in = {.kind = GW_IN_ATTACH, .attach = {.station = w_station(99)}};

    w->n[1].cfg->policy = rules;
    w->n[1].cfg->npolicy = 3;
    assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
    assert_int_equal(w_attach(w, 1, 2), 0);
    assert_int_equal(w_attach(w, 1, 99), GW_EDENIED); /* no rule: no */
    assert_int_equal(w_count(w, 1, GW_CNT_REFUSED_POLICY), 2);
    in.attach.mnid = &nai;
    assert_int_equal(w_input(w, 1, &in), 0);
    w_run(w, GW_SEC(1));
    w_check(w, 2, 1);
    assert_non_null(gw_binding_get(&w->n[0].node->cmd.bs, &nai));
    /* the CMD's own policy: 152 for a denial, 153 for nobody it knows; not asked again at once */
    w->n[0].cfg->policy = rules;
    w->n[0].cfg->npolicy = 3;
    assert_int_equal(w_attach(w, 2, 1), 0);
    assert_int_equal(w_attach(w, 2, 77), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_POLICY), 2);
    assert_int_equal(w_mn(w, 2, 1)->state, GW_MN_REFUSED);
    assert_int_equal(w_attach(w, 2, 1), GW_EDENIED);
    assert_false(w_has_station(w, 2, 1));
    assert_int_equal(gw_pools_count(&w->n[2].node->maar.pools), 0);
    w_run(w, GW_SEC(40));
    w_check_gone(w, 1);
    w_free(w);
}

static void pool(void **state)
{
    (void)state;
    struct world *w = w_new(1, 2);

    w_crash(w, 1);
    w->n[1].pool.prefix.len = 62; /* four prefixes */
    w_boot(w, 1);
    for (unsigned mn = 0; mn < 4; mn++)
        assert_int_equal(w_attach(w, 1, mn), 0);
    assert_int_equal(w_attach(w, 1, 4), GW_EFULL);
    assert_int_equal(w_count(w, 1, GW_CNT_LIMIT_POOL), 1);
    assert_null(w_mn(w, 1, 4));
    w_run(w, GW_SEC(1));
    (void)w_detach(w, 1, 2);
    w_run(w, GW_SEC(5));
    assert_int_equal(w_attach(w, 1, 4), 0);
    w_run(w, GW_SEC(1));
    w_check(w, 4, 1);
    w_free(w);
}

static void limits(void **state)
{
    (void)state;
    struct world *w = w_new(2, 3);

    w_crash(w, 0);
    w_crash(w, 1);
    w->n[0].cfg->limits.bindings = 2;
    w->n[1].cfg->limits.stations = 4;
    w_boot(w, 0);
    w_boot(w, 1);
    w_run(w, GW_MSEC(1)); /* what was sent in the instant of the start might be a replay */
    for (unsigned mn = 0; mn < 4; mn++)
        assert_int_equal(w_attach(w, 1, mn), 0);
    assert_int_equal(w_attach(w, 1, 4), GW_EFULL);
    assert_int_equal(w_count(w, 1, GW_CNT_LIMIT_STATIONS), 1);
    assert_null(w_mn(w, 1, 4));
    w_run(w, GW_MSEC(500));
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_BINDINGS), 2);
    assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_RESOURCES), 2);
    assert_non_null(w_bce(w, 1));
    assert_null(w_bce(w, 2));
    w_free(w);
}

static void pending(void **state)
{
    (void)state;
    struct world *w = w_new(3, 4);

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    w->n[0].cfg->limits.pending = 1; /* two previous MAARs would have to be told */
    (void)w_attach(w, 3, 1);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_PENDING), 1);
    assert_true(gw_addr_eq(&w_bce(w, 1)->b.serving, &w->n[2].cfg->addr)); /* unchanged */
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    w->n[0].cfg->limits.pending = 100;
    w_run(w, GW_SEC(2));
    (void)w_attach(w, 3, 1);
    w_run(w, GW_SEC(5));
    w_check(w, 1, 3);
    w->n[3].cfg->limits.pending = 0;
    assert_int_equal(w_attach(w, 3, 2), GW_EFULL);
    assert_null(w_mn(w, 3, 2));
    w_free(w);
}

/* More previous MAARs than allowed: the oldest is released, and 2n+2 still holds. */
static void previous(void **state)
{
    (void)state;
    struct world *w = w_new(4, 5);

    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].cfg->limits.previous_maars = 2;
    for (size_t i = 1; i <= 3; i++) {
        (void)w_attach(w, i, 1);
        w_run(w, GW_SEC(4));
    }
    unsigned before = w->messages;
    (void)w_attach(w, 4, 1);
    w_run(w, GW_SEC(4));
    assert_int_equal(w->messages - before, 8);
    assert_int_equal(w_count(w, 0, GW_CNT_LIMIT_PREVIOUS), 1);
    assert_null(w_mn(w, 1, 1));
    w_check(w, 1, 4);
    assert_int_equal(w_bce(w, 1)->b.nanchors, 3);
    w_check_all(w);
    w_free(w);
}

/* MAX_UPDATE_RATE: no binding makes a MAAR send more than three PBUs in a second. */
static void rate(void **state)
{
    (void)state;
    struct world *w = w_new(1, 6);

    w->n[1].cfg->timers.initial_ack = GW_MSEC(10);
    w->n[1].cfg->timers.max_ack = GW_MSEC(20);
    w_crash(w, 0);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_MSEC(990));
    assert_int_equal(w->sent[GW_MH_BU], 3);
    w_run(w, GW_MSEC(1000));
    assert_int_equal(w->sent[GW_MH_BU], 6);
    assert_true(w_count(w, 1, GW_CNT_RATE_DELAYED) > 0);
    w_free(w);
}

static void backoff(void **state)
{
    (void)state;
    struct world *w = w_new(1, 7);

    w_crash(w, 0);
    (void)w_attach(w, 1, 1); /* at 0, 1, 3, 7, 15, 31, 63, 95, 127 s */
    w_run(w, GW_SEC(64));
    assert_int_equal(w->sent[GW_MH_BU], 7);
    w_run(w, GW_SEC(64));
    assert_int_equal(w->sent[GW_MH_BU], 9);
    w_free(w);
}

static void refused_at_home(struct world *w)
{
    static struct gw_cfg_policy nobody = {.match = GW_MATCH_ANY, .allow = false};

    w->n[0].cfg->policy = &nobody;
    w->n[0].cfg->npolicy = 1;
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_PREVIOUS);
}

/* A node that comes back to a previous MAAR and is refused by the CMD is as it was before: what
 * the CMD says of its earlier attachment still counts. */
static void refused_back(void **state)
{
    (void)state;
    struct world *w = w_new(2, 12);

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix p1 = w_own(w, 1, 1);
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    refused_at_home(w);
    assert_int_equal(w_prefix(w, 1, &p1)->kind, GW_PFX_MOVED);
    (void)w_detach(w, 2, 1);
    w_run(w, GW_SEC(10)); /* the CMD releases the prefix at MAAR 1 */
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

/* The same when an attachment that was too old came in between. */
static void refused_late(void **state)
{
    (void)state;
    struct world *w = w_new(2, 13);
    struct gw_input old = {.kind = GW_IN_ATTACH, .attach = {.station = w_station(1)}};

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix p1 = w_own(w, 1, 1);
    old.attach.seen = w_now(w).mono;
    w_run(w, GW_SEC(1));
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_input(w, 1, &old), 0);
    w_run(w, GW_MSEC(100));
    assert_true(w_mn(w, 1, 1)->outdated);
    refused_at_home(w);
    assert_non_null(w_prefix(w, 1, &p1));
    assert_int_equal(w_prefix(w, 1, &p1)->kind, GW_PFX_MOVED);
    (void)w_detach(w, 2, 1);
    w_run(w, GW_SEC(10));
    w_check_gone(w, 1);
    w_check_all(w);
    w_free(w);
}

/* What was in transit when it came back does not stay for ever. */
static void refused_in_transit(void **state)
{
    (void)state;
    struct world *w = w_new(3, 16);

    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix p2 = w_own(w, 2, 1);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    (void)w_attach(w, 3, 1);
    w_run(w, GW_MSEC(500));
    assert_non_null(w_prefix(w, 1, &p2));
    refused_at_home(w);
    assert_null(w_prefix(w, 1, &p2));
    w_check(w, 1, 3);
    w_free(w);
}

/* The CMD speaks of an older attachment while a newer one's registration is under way, and then
 * refuses that, or the MAAR crashes before it has the answer: what the CMD said holds. */
static void refused_after_notice(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool released = i & 1, crash = i & 2;
        struct world *w = w_new(3, 17);
        (void)w_attach(w, 1, 1);
        w_run(w, GW_SEC(1));
        (void)w_attach(w, 2, 1);
        w_run(w, GW_SEC(1));
        w->n[1].cfg->timers.initial_ack = GW_SEC(10);
        w_noise(w, 100, 0, 0);
        (void)(released ? w_detach(w, 2, 1) : w_attach(w, 3, 1));
        w_run(w, released ? GW_MSEC(2900) : GW_MSEC(100));
        (void)w_attach(w, 1, 1);
        w_noise(w, 0, 0, 0);
        w_run(w, GW_SEC(5));
        assert_int_equal(w_count(w, 1, GW_CNT_STALE), 1);
        assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_REGISTERING);
        size_t npolicy = w->n[0].cfg->npolicy;
        w->n[0].cfg->npolicy = 0; /* nobody */
        if (crash) {
            w_crash(w, 1);
            w_boot(w, 1);
        }
        w_run(w, GW_SEC(6));
        assert_int_equal(w_count(w, 0, GW_CNT_REFUSED_POLICY), !crash);
        w->n[0].cfg->npolicy = npolicy;
        w_place(w, 1, released ? 0 : 3);
        w_run(w, GW_SEC(40));
        if (released)
            w_check_gone(w, 1);
        else
            w_check(w, 1, 3);
        w_free(w);
    }
}

static unsigned refusals;
static const char *refused_path;
static void refuse(void *user, const char *path, const char *why)
{
    (void)user;
    assert_non_null(why);
    refused_path = path;
    refusals++;
}

static void reload(void **state)
{
    (void)state;
    struct world *w = w_new(3, 8);
    struct gw_config c = w->n[1].cfg[0];

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    c.name = "other";
    c.npools = 0;
    refusals = 0;
    assert_int_equal(gw_node_reload(w->n[1].node, &c, refuse, NULL, w_now(w)), GW_EINVAL);
    assert_int_equal(refusals, 2);
    assert_string_equal(refused_path, "/godwit/pools");
    c = w->n[1].cfg[0];
    c.npeers--; /* maar3 is no peer any more */
    c.limits.stations = 1;
    assert_int_equal(gw_node_reload(w->n[1].node, &c, refuse, NULL, w_now(w)), 0);
    struct gw_action a;
    unsigned gone = 0;
    while (gw_node_next_action(w->n[1].node, &a))
        gone += a.kind == GW_ACT_INTENT && a.intent.kind == GW_INTENT_PEER_DEL &&
                gw_addr_eq(&a.intent.peer.addr, &w->n[3].cfg->addr);
    assert_int_equal(gone, 1);
    assert_int_equal(w_attach(w, 1, 2), GW_EFULL);
    w_check(w, 1, 1);
    w_run(w, GW_SEC(100)); /* signalling goes on with the peer that stayed */
    w_check(w, 1, 1);
    w_crash(w, 1);
    w_boot(w, 1);
    w_free(w);
}

/* A policy that no longer allows a station ends its session: at a reload, and at a restart. */
static void policy_changed(void **state)
{
    (void)state;
    static struct gw_cfg_policy rules[] = {
        {.match = GW_MATCH_LLADDR, .pattern = "02:00:00:00:00:01", .allow = false},
        {.match = GW_MATCH_ANY, .allow = true, .anchoring = GW_ANCHORING_HERE},
    };
    struct world *w = w_new(2, 14);
    struct gw_config c = w->n[1].cfg[0];

    for (unsigned mn = 1; mn <= 2; mn++)
        assert_int_equal(w_attach(w, 1, mn), 0);
    assert_int_equal(w_attach(w, 2, 3), 0);
    w_run(w, GW_SEC(1));
    c.policy = rules;
    c.npolicy = 2;
    assert_int_equal(gw_node_reload(w->n[1].node, &c, refuse, NULL, w_now(w)), 0);
    w_run(w, GW_SEC(2));
    w_check_gone(w, 1);
    w_check(w, 2, 1);
    assert_int_equal(w_attach(w, 1, 1), GW_EDENIED);
    w_crash(w, 2);
    rules[0].pattern = "02:00:00:00:00:03";
    w->n[2].cfg->policy = rules;
    w->n[2].cfg->npolicy = 2;
    w_boot(w, 2);
    w_run(w, GW_SEC(2));
    w_check_gone(w, 3);
    w_check_all(w);
    w_free(w);
}

/* A packet path that refuses what was said is asked again with the next refresh. */
static void plane_refuses(void **state)
{
    (void)state;
    struct world *w = w_new(1, 15);

    w_plane_refuses(w, true);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    struct gw_prefix p = w_own(w, 1, 1);
    assert_int_equal(w_count(w, 1, GW_CNT_PLANE_FAILED), 1);
    w_plane_refuses(w, false);
    assert_null(w_prefix(w, 1, &p));
    w_run(w, GW_SEC(45));
    assert_true(w_count(w, 1, GW_CNT_REFRESHED) > 0);
    assert_non_null(w_prefix(w, 1, &p));
    unsigned refreshed = (unsigned)w_count(w, 1, GW_CNT_REFRESHED);
    struct gw_intent del = {.kind = GW_INTENT_PREFIX_DEL, .prefix.prefix = p};
    assert_int_equal(gw_native_apply(w->n[1].plane, &del), 0);
    w_run(w, GW_SEC(45)); /* once it has it, it is not told again */
    assert_true(w_count(w, 1, GW_CNT_REFRESHED) > refreshed);
    assert_null(w_prefix(w, 1, &p));
    w_free(w);
}

/* The same for a station that is back before it was given up. */
static void plane_refuses_a_return(void **state)
{
    (void)state;
    struct world *w = w_new(1, 16);

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    (void)w_detach(w, 1, 1);
    w_run(w, GW_SEC(1));
    assert_false(w_has_station(w, 1, 1));
    w_plane_refuses(w, true);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    w_plane_refuses(w, false);
    w_run(w, GW_SEC(45));
    w_check(w, 1, 1);
    w_free(w);
}

struct record {
    size_t key_len, value_len;
    uint8_t key[GW_RECORD_KEY_MAX], value[GW_RECORD_MAX];
};

/* The first that is not a restart counter. */
static int binding_record(void *user, const void *key, size_t key_len, const void *value,
                          size_t value_len)
{
    struct record *r = user;

    if (*(const uint8_t *)key == 'R' || r->key_len != 0)
        return 0;
    assert_true(key_len <= sizeof r->key && value_len <= sizeof r->value);
    r->key_len = key_len;
    r->value_len = value_len;
    memcpy(r->key, key, key_len);
    memcpy(r->value, value, value_len);
    return 0;
}

/* The node starts again with this record and no other. */
static void start_with(struct world *w, size_t node, const struct record *r)
{
    struct sim_disk *disk = w->n[node].disk;
    struct gw_store_why why;

    w_crash(w, node);
    w_forget(w, node);
    assert_int_equal(sim_disk_ops.put(disk, r->key, r->key_len, r->value, r->value_len, &why), 0);
    assert_int_equal(sim_disk_ops.commit(disk, &why), 0);
    w_boot(w, node);
}

/* Every octet of a record changed, and every length cut: refused or harmless, never worse. */
static void broken_records(void **state)
{
    (void)state;
    struct world *w = w_new(2, 9);

    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    (void)w_attach(w, 2, 1);
    w_run(w, GW_SEC(1));
    for (size_t node = 0; node < 3; node++) {
        struct record good = {0};
        w_records(w, node, binding_record, &good);
        assert_true(good.value_len > 0);
        for (size_t i = 0; i < 2 * good.value_len; i++) {
            struct record bad = good;
            if (i < good.value_len)
                bad.value_len = i;
            else
                bad.value[i - good.value_len] ^= 0xff;
            start_with(w, node, &bad);
            if (i < good.value_len)
                assert_int_equal(w_count(w, node, GW_CNT_RECORD_BAD), 1);
        }
        start_with(w, node, &good);
    }
    w_free(w);
}

/* One process is MAAR 1 and the CMD: its messages to itself take the same way but the network. */
static void both_roles(void **state)
{
    (void)state;
    struct world *w = w_new(2, 10);
    struct sim_node *n = &w->n[0];

    w_crash(w, 0);
    n->cfg->roles = GW_ROLE_MAAR | GW_ROLE_CMD;
    n->cfg->cmd = n->cfg->addr;
    n->cfg->npools = 1;
    n->policy.anchoring = GW_ANCHORING_HERE;
    w_boot(w, 0);
    w_run(w, GW_MSEC(1));
    w->n[1].peers[0].roles = w->n[2].peers[0].roles = GW_ROLE_MAAR | GW_ROLE_CMD;
    w->n[1].peers[0].npools = w->n[2].peers[0].npools = 1;
    (void)w_attach(w, 0, 1);
    w_run(w, GW_SEC(1));
    assert_int_equal(w->messages, 0);
    assert_int_equal(w_mn(w, 0, 1)->state, GW_MN_SERVING);
    struct gw_prefix p0 = w_own(w, 0, 1);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 1);
    assert_int_equal(w->messages, 2);
    assert_int_equal(w_prefix(w, 0, &p0)->kind, GW_PFX_MOVED);
    (void)w_attach(w, 0, 1);
    w_run(w, GW_SEC(4));
    assert_int_equal(w->messages, 4);
    assert_int_equal(w_prefix(w, 0, &p0)->kind, GW_PFX_LOCAL);
    w_check(w, 1, 0);
    (void)w_detach(w, 0, 1);
    w_run(w, GW_SEC(10));
    w_check_gone(w, 1);
    w_free(w);
}

/* Counts what a walk emits, and that it is balanced. */
struct walk {
    int depth;
    unsigned rows, values;
};
static void open_(void *user, const char *key)
{
    struct walk *k = user;
    k->rows += k->depth++ == 0;
    (void)key;
}
static void close_(void *user)
{
    ((struct walk *)user)->depth--;
}
static void str_(void *user, const char *key, const char *value)
{
    (void)key;
    assert_non_null(value);
    ((struct walk *)user)->values++;
}
static void num_(void *user, const char *key, int64_t value)
{
    (void)key, (void)value;
    ((struct walk *)user)->values++;
}
static void flag_(void *user, const char *key, bool value)
{
    (void)key, (void)value;
    ((struct walk *)user)->values++;
}

static unsigned rows(struct world *w, size_t node, enum gw_show what)
{
    static const struct gw_emit_ops ops = {open_, close_, open_, close_, str_, num_, flag_};
    struct walk k = {0};
    struct gw_emit e = {&ops, &k};

    gw_node_show(w->n[node].node, what, &e, w_now(w));
    assert_int_equal(k.depth, 0);
    assert_true(k.values > 0 || k.rows == 0);
    return what == GW_SHOW_COUNTERS ? k.values : k.rows;
}

static void shown(void **state)
{
    (void)state;
    struct world *w = w_new(3, 11);

    for (size_t i = 1; i <= 3; i++) {
        (void)w_attach(w, i, 1);
        (void)w_attach(w, 1, 1 + (unsigned)i);
        w_run(w, GW_SEC(1));
    }
    assert_int_equal(rows(w, 0, GW_SHOW_BINDINGS), 4);
    assert_int_equal(rows(w, 0, GW_SHOW_PREFIXES), 6);
    assert_int_equal(rows(w, 0, GW_SHOW_TUNNELS), 0);
    assert_int_equal(rows(w, 0, GW_SHOW_PEERS), 3);
    assert_int_equal(rows(w, 0, GW_SHOW_HANDOVERS), 6);
    assert_int_equal(rows(w, 1, GW_SHOW_STATIONS), 3);
    assert_int_equal(rows(w, 1, GW_SHOW_BINDINGS), 4);
    assert_int_equal(rows(w, 1, GW_SHOW_TUNNELS), 2);
    assert_int_equal(rows(w, 3, GW_SHOW_PREFIXES), 3);
    assert_true(rows(w, 1, GW_SHOW_COUNTERS) > GW_CNT_MAX);
    w_free(w);
}

/* A MAAR that is a peer no more, by reload or restart of the CMD: nobody waits for its answers, and
 * whom it served is served by nobody. */
static void peer_removed(bool restart)
{
    struct world *w = w_new(3, 21);
    struct gw_config c = w->n[0].cfg[0];

    assert_int_equal(w_attach(w, 3, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 1, 1), 0);
    assert_int_equal(w_attach(w, 3, 2), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    c.npeers--; /* maar3 */
    if (restart) {
        w_crash(w, 0);
        sim_ledger_revoked(w->sim, &w->n[0], NULL); /* maar3's are not kept */
        *w->n[0].cfg = c;
        w_boot(w, 0);
    } else {
        assert_int_equal(gw_node_reload(w->n[0].node, &c, refuse, NULL, w_now(w)), 0);
        w_drain(w, 0);
    }
    w_run(w, GW_SEC(1));
    assert_int_equal(w_bce(w, 1)->b.nanchors, 1);
    assert_true(w_bce(w, 2) == NULL || w_bce(w, 2)->b.anchors == NULL);
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(3));
    assert_int_equal(w_bce(w, 1)->b.nanchors, 2);
    assert_int_equal(w->n[0].node->lm.pending, 0);
    w_free(w);
}

static void peer_gone(void **state)
{
    (void)state;
    peer_removed(false);
    peer_removed(true);
}

/* While the CMD's disk is full it answers; once there is room it writes down what it has said,
 * though nobody says anything to it. */
static void disk_full(void **state)
{
    (void)state;
    struct world *w = w_new(2, 4);
    struct sim_node *cmd = &w->n[0];

    sim_disk_full(cmd->disk, true);
    (void)w_attach(w, 1, 1);
    w_run(w, GW_SEC(1));
    (void)w_attach(w, 2, 2); /* before the store tries again */
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_mn(w, 1, 1)->state, GW_MN_SERVING);
    assert_int_equal(w_mn(w, 2, 2)->state, GW_MN_SERVING);
    w_run(w, GW_SEC(1));
    assert_int_equal(sim_disk_count(cmd->disk, 'C'), 0);
    sim_disk_full(cmd->disk, false);
    w_run(w, GW_STORE_RETRY_MAX);
    assert_int_equal(sim_disk_count(cmd->disk, 'C'), 2);
    assert_int_equal(gw_store_retry(cmd->store).ns, GW_NEVER.ns);
    w_crash(w, 0);
    w_boot(w, 0);
    w_run(w, GW_SEC(1));
    w_check(w, 1, 1);
    w_check(w, 2, 2);
    w_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_gone),
        cmocka_unit_test(policy),
        cmocka_unit_test(pool),
        cmocka_unit_test(limits),
        cmocka_unit_test(pending),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(previous),
        cmocka_unit_test(rate),
        cmocka_unit_test(backoff),
        cmocka_unit_test(reload),
        cmocka_unit_test(broken_records),
        cmocka_unit_test(both_roles),
        cmocka_unit_test(shown),
        cmocka_unit_test(refused_back),
        cmocka_unit_test(refused_late),
        cmocka_unit_test(refused_in_transit),
        cmocka_unit_test(refused_after_notice),
        cmocka_unit_test(policy_changed),
        cmocka_unit_test(plane_refuses),
        cmocka_unit_test(plane_refuses_a_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
