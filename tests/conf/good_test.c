/* good_test.c: what a good configuration becomes: every value in its place, every default, and a
 * normal form that reads back to the same.
 */
#include "conf_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

static struct gw_config *load(const char *name)
{
    char path[512];
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    struct gw_config *c = NULL;

    (void)snprintf(path, sizeof path, TEST_DIR "/good/%s.yaml", name);
    int e = gw_conf_load_file(path, &report, &c);
    assert_string_equal(l.errors, "");
    assert_int_equal(e, 0);
    assert_non_null(c);
    assert_string_equal(c->file, path);
    return c;
}

static void assert_addr(const struct gw_addr *a, const char *text)
{
    char buf[GW_TEXT_MAX];

    assert_string_equal(gw_fmt_addr(a, buf), text);
}

static void assert_prefix(const struct gw_prefix *p, const char *text)
{
    char buf[GW_TEXT_MAX];

    assert_string_equal(gw_fmt_prefix(p, buf), text);
}

static void assert_key(const struct gw_key *k, uint32_t spi, enum gw_auth_alg alg, uint8_t len,
                       uint8_t first)
{
    assert_int_equal(k->spi, spi);
    assert_int_equal(k->alg, alg);
    assert_int_equal(k->len, len);
    for (uint8_t i = 0; i < len; i++)
        assert_int_equal(k->secret[i], first + i % 16);
}

static void test_minimal(void **state)
{
    struct gw_config *c = load("minimal");

    (void)state;
    assert_string_equal(c->name, "maar1");
    assert_int_equal(c->roles, GW_ROLE_MAAR);
    assert_addr(&c->addr, "2001:db8:f::1");
    assert_addr(&c->cmd, "2001:db8:f::c");
    assert_int_equal(c->nifs, 2);
    assert_string_equal(c->ifs[0].name, "ap1");
    assert_int_equal(c->ifs[0].side, GW_IF_ACCESS);
    assert_int_equal(c->ifs[0].hook, GW_HOOK_AUTO);
    assert_null(c->ifs[0].ap);
    assert_int_equal(c->ifs[1].side, GW_IF_CORE);
    assert_int_equal(c->npools, 1);
    assert_prefix(&c->pools[0].prefix, "2001:db8:1000::/48");
    assert_int_equal(c->pools[0].node_len, 64);
    assert_int_equal(c->npeers, 1);
    assert_string_equal(c->peers[0].name, "cmd");
    assert_int_equal(c->peers[0].roles, GW_ROLE_CMD);
    assert_int_equal(c->peers[0].npools, 0);
    assert_int_equal(c->peers[0].nkeys, 1);
    assert_key(&c->peers[0].keys[0], 256, GW_AUTH_HMAC_SHA256_128, 16, 0);
    assert_int_equal(c->npolicy, 1);
    assert_int_equal(c->policy[0].match, GW_MATCH_ANY);
    assert_null(c->policy[0].pattern);
    assert_true(c->policy[0].allow);
    assert_true(gw_addr_eq(&c->peers[0].addr, &c->cmd));
    gw_config_free(c);
}

static void test_default_numbers(void **state)
{
    struct gw_config *c = load("minimal");

    (void)state;
    assert_int_equal(c->access_mtu, 1460);
    assert_int_equal(c->core_mtu, 1500);
    assert_int_equal(c->codec.profile, GW_PROFILE_REGISTERED);
    assert_int_equal(c->codec.opt_cats_client, 71);
    assert_int_equal(c->codec.opt_cats_addr, 72);
    assert_int_equal(c->limits.stations, 100000);
    assert_int_equal(c->limits.bindings, 100000);
    assert_int_equal(c->limits.previous_maars, 8);
    assert_int_equal(c->limits.pending, 65536);
    assert_int_equal(c->timers.lifetime.ns, GW_SEC(600).ns);
    assert_int_equal(c->timers.refresh.ns, GW_SEC(60).ns);
    assert_int_equal(c->timers.initial_ack.ns, GW_SEC(1).ns);
    assert_int_equal(c->timers.max_ack.ns, GW_SEC(32).ns);
    assert_int_equal(c->timers.replay_window.ns, GW_SEC(7).ns);
    assert_int_equal(c->timers.ra_interval.ns, GW_SEC(60).ns);
    assert_int_equal(c->timers.transit.ns, GW_SEC(2).ns);
    assert_int_equal(c->timers.detach_guard.ns, GW_SEC(5).ns);
    assert_int_equal(c->timers.valid_lifetime_s, 7200);
    assert_int_equal(c->timers.preferred_lifetime_s, 3600);
    assert_int_equal(c->timers.router_lifetime_s, 1800);
    assert_int_equal(c->timers.max_update_rate, 3);
    assert_int_equal(c->mobility.evict, GW_EVICT_OLDEST);
    assert_int_equal(c->mobility.nlocal, 0);
    gw_config_free(c);
}

/* Those that need no text are the model's. */
static void test_defaults_without_text(void **state)
{
    struct gw_config *c = load("minimal"), d = {0};

    (void)state;
    gw_config_defaults(&d);
    assert_int_equal(d.access_mtu, c->access_mtu);
    assert_int_equal(d.core_mtu, c->core_mtu);
    assert_memory_equal(&d.timers, &c->timers, sizeof d.timers);
    assert_int_equal(d.mobility.relay_timeout.ns, c->mobility.relay_timeout.ns);
    assert_int_equal(d.pmip.min_before_delete.ns, c->pmip.min_before_delete.ns);
    assert_int_equal(d.pmip.max_before_assign.ns, c->pmip.max_before_assign.ns);
    assert_int_equal(d.pmip.timestamp_validity.ns, c->pmip.timestamp_validity.ns);
    assert_int_equal(d.heartbeat.interval.ns, c->heartbeat.interval.ns);
    assert_int_equal(d.heartbeat.missing_allowed, c->heartbeat.missing_allowed);
    assert_int_equal(d.revocation.max_retries, c->revocation.max_retries);
    assert_int_equal(d.revocation.initial_delay.ns, c->revocation.initial_delay.ns);
    assert_int_equal(d.revocation.max_delay.ns, c->revocation.max_delay.ns);
    assert_int_equal(d.revocation.hold.ns, c->revocation.hold.ns);
    assert_int_equal(d.notification.max_retries, c->notification.max_retries);
    assert_int_equal(d.notification.min_delay.ns, c->notification.min_delay.ns);
    gw_config_free(c);
}

static void test_default_daemon(void **state)
{
    struct gw_config *c = load("minimal");

    (void)state;
    assert_string_equal(c->daemon.control_socket, "/run/godwit/maar1.sock");
    assert_string_equal(c->daemon.state_dir, "/var/lib/godwit/maar1");
    assert_string_equal(c->daemon.pin_dir, "/sys/fs/bpf/godwit/maar1");
    assert_int_equal(c->daemon.on_stop, GW_STOP_LEAVE);
    for (int i = 0; i < GW_CAT_COUNT; i++)
        assert_int_equal(c->daemon.log_level[i], GW_LOG_INFO);
    assert_int_equal(c->daemon.log_rate, 100);
    assert_null(c->daemon.log_file);
    gw_config_free(c);
}

/* Peers derive each other's: what is here once must stay. */
static void test_default_dlif(void **state)
{
    struct gw_config *c = load("minimal");
    struct gw_addr ll, other_ll, other = c->addr;
    struct gw_lladdr mac, other_mac;
    char buf[GW_TEXT_MAX];

    (void)state;
    gw_dlif_default(&c->addr, &ll, &mac);
    assert_true(gw_addr_eq(&ll, &c->dlif.link_local));
    assert_true(gw_lladdr_eq(&mac, &c->dlif.lladdr));
    assert_string_equal(gw_fmt_lladdr(&mac, buf), "02:90:49:7c:79:fc");
    assert_addr(&ll, "fe80::90:49ff:fe7c:79fc");
    other.b[15] ^= 1;
    gw_dlif_default(&other, &other_ll, &other_mac);
    assert_false(gw_addr_eq(&ll, &other_ll));
    assert_false(gw_lladdr_eq(&mac, &other_mac));
    gw_config_free(c);
}

static void test_full_lists(void **state)
{
    struct gw_config *c = load("full");

    (void)state;
    assert_string_equal(c->name, "both_1-a");
    assert_int_equal(c->roles, GW_ROLE_MAAR | GW_ROLE_CMD);
    assert_addr(&c->cmd, "fd00::c");
    assert_int_equal(c->nifs, 3);
    assert_int_equal(c->ifs[0].hook, GW_HOOK_XDP);
    assert_string_equal(c->ifs[0].ap, "Röhre \"3\"\t\\");
    assert_string_equal(c->ifs[1].name, "ap2.100");
    assert_int_equal(c->ifs[1].hook, GW_HOOK_TC);
    assert_int_equal(c->npools, 2);
    assert_prefix(&c->pools[1].prefix, "fd00:1::/64");
    assert_addr(&c->dlif.link_local, "fe80::1:1");
    assert_memory_equal(c->dlif.lladdr.b, ((uint8_t[]){2, 0, 0x5e, 0, 1, 1}), 6);
    assert_int_equal(c->peers[0].roles, GW_ROLE_MAAR | GW_ROLE_CMD);
    assert_int_equal(c->peers[0].npools, 1);
    assert_prefix(&c->peers[0].pools[0], "2001:db8:c000::/48");
    assert_true(c->peers[0].esp);
    assert_key(&c->peers[0].keys[0], UINT32_MAX, GW_AUTH_HMAC_SHA1_96, 64, 0);
    assert_int_equal(c->npolicy, 3);
    assert_int_equal(c->policy[0].match, GW_MATCH_LLADDR);
    assert_string_equal(c->policy[0].pattern, "02:00:*");
    assert_false(c->policy[0].allow);
    assert_int_equal(c->policy[1].match, GW_MATCH_MNID);
    assert_string_equal(c->policy[1].pattern, "*@example.org");
    assert_true(c->policy[1].allow);
    gw_config_free(c);
}

static void test_full_numbers(void **state)
{
    struct gw_config *c = load("full");

    (void)state;
    assert_int_equal(c->access_mtu, 1960);
    assert_int_equal(c->core_mtu, 2000);
    assert_int_equal(c->codec.profile, GW_PROFILE_AS_DRAWN);
    assert_int_equal(c->codec.opt_cats_client, 100);
    assert_int_equal(c->codec.opt_cats_addr, 0);
    assert_memory_equal(&c->limits, (&(struct gw_cfg_limits){1, 2, 3, 5, 4, 20000, 600, 20000}),
                        sizeof c->limits);
    assert_int_equal(c->timers.lifetime.ns, GW_SEC(8).ns);
    assert_int_equal(c->timers.refresh.ns, GW_MSEC(500).ns);
    assert_int_equal(c->timers.initial_ack.ns, GW_MSEC(10).ns);
    assert_int_equal(c->timers.max_ack.ns, GW_MSEC(250).ns);
    assert_int_equal(c->timers.replay_window.ns, GW_MSEC(1125).ns);
    assert_int_equal(c->timers.ra_interval.ns, GW_MSEC(1500).ns);
    assert_int_equal(c->timers.transit.ns, 0);
    assert_int_equal(c->timers.detach_guard.ns, GW_MSEC(1).ns);
    assert_int_equal(c->timers.valid_lifetime_s, UINT32_MAX);
    assert_int_equal(c->timers.preferred_lifetime_s, 1);
    assert_int_equal(c->timers.router_lifetime_s, 5);
    assert_int_equal(c->timers.max_update_rate, 7);
    assert_true(c->peers[0].bulk);
    assert_int_equal(c->revocation.max_retries, 4);
    assert_int_equal(c->revocation.initial_delay.ns, GW_MSEC(500).ns);
    assert_int_equal(c->revocation.max_delay.ns, GW_SEC(8).ns);
    assert_int_equal(c->revocation.hold.ns, 0);
    assert_int_equal(c->notification.max_retries, 0);
    assert_int_equal(c->notification.min_delay.ns, GW_MSEC(4500).ns);
    assert_int_equal(c->mobility.evict, GW_EVICT_IDLE);
    assert_int_equal(c->mobility.nlocal, 2);
    assert_prefix(&c->mobility.local[0], "fd00:10::/48");
    assert_prefix(&c->mobility.local[1], "fd00:20:0:1::/64");
    gw_config_free(c);
}

static void test_full_daemon(void **state)
{
    struct gw_config *c = load("full");

    (void)state;
    assert_string_equal(c->daemon.control_socket, "/tmp/both_1-a/both_1-a.sock");
    assert_string_equal(c->daemon.state_dir, "/tmp/state");
    assert_string_equal(c->daemon.pin_dir, "/sys/fs/bpf/x");
    assert_string_equal(c->daemon.log_file, "/tmp/both_1-a.log");
    assert_int_equal(c->daemon.on_stop, GW_STOP_REMOVE);
    assert_int_equal(c->daemon.log_rate, 0);
    for (int i = 0; i < GW_CAT_COUNT; i++)
        assert_int_equal(c->daemon.log_level[i], i == GW_CAT_SIGNAL ? GW_LOG_DEBUG
                                                 : i == GW_CAT_CONF ? GW_LOG_WARN
                                                                    : GW_LOG_ERROR);
    gw_config_free(c);
}

/* The names in the model are those of the layers below. */
static void test_proxy_mobile_ip(void **state)
{
    struct gw_config *c = load("lma");

    (void)state;
    assert_int_equal(c->roles, GW_ROLE_LMA);
    assert_int_equal(c->policy[0].prefixes, 2);
    assert_true(c->pmip.sequence);
    assert_false(c->pmip.local_routing);
    assert_addr(&c->pmip.mag.link_local, "fe80::1");
    assert_int_equal(c->pmip.min_before_delete.ns, GW_SEC(5).ns);
    assert_int_equal(c->pmip.max_before_assign.ns, GW_MSEC(500).ns);
    assert_int_equal(c->pmip.timestamp_validity.ns, GW_SEC(1).ns);
    gw_config_free(c);
    c = load("fallback");
    assert_int_equal(c->roles, GW_ROLE_MAAR | GW_ROLE_MAG);
    assert_addr(&c->lma, "2001:db8:f::a");
    assert_int_equal(c->policy[0].anchoring, GW_ANCHORING_LMA);
    assert_addr(&c->policy[0].lma, "2001:db8:f::a");
    assert_int_equal(c->policy[1].anchoring, GW_ANCHORING_HERE | GW_ANCHORING_LMA);
    assert_int_equal(c->policy[2].anchoring, GW_ANCHORING_NONE);
    assert_int_equal(c->policy[3].anchoring, GW_ANCHORING_HERE);
    assert_true(c->pmip.local_routing);
    assert_false(c->pmip.sequence);
    assert_int_equal(c->pmip.mag.lladdr.len, 6);
    assert_int_equal(c->pmip.min_before_delete.ns, GW_SEC(10).ns);
    gw_config_free(c);
}

static void test_names_of_levels(void **state)
{
    (void)state;
    for (int i = 0; i <= GW_LOG_DEBUG; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "enum %s", gw_log_level_name((enum gw_log_level)i));
        assert_non_null(strstr(gw_conf_yang(), want));
    }
    for (int i = 0; i < GW_CAT_COUNT; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "enum %s {", gw_log_cat_name((enum gw_log_cat)i));
        assert_non_null(strstr(gw_conf_yang(), want));
    }
}

static void test_keys_in_order(void **state)
{
    struct gw_config *c = load("cmd");

    (void)state;
    assert_int_equal(c->npeers, 3);
    assert_int_equal(c->peers[0].nkeys, 2);
    assert_false(c->peers[0].esp);
    assert_int_equal(c->peers[2].nkeys, 0);
    assert_true(c->peers[2].esp);
    assert_key(&c->peers[0].keys[0], 257, GW_AUTH_HMAC_SHA256_128, 16, 16); /* signs */
    assert_key(&c->peers[0].keys[1], 256, GW_AUTH_HMAC_SHA1_96, 16, 0);
    assert_int_equal(c->peers[0].npools, 2);
    assert_prefix(&c->peers[0].pools[0], "2001:db8:1000::/48");
    assert_prefix(&c->peers[0].pools[1], "2001:db8:8000::/64");
    assert_int_equal(c->npools, 0);
    assert_true(gw_addr_is_zero(&c->cmd));
    gw_config_free(c);
}

static char *show(const char *text, bool hide)
{
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    const struct gw_conf_source src = {.name = "text", .text = text, .len = strlen(text)};
    char *out = NULL;

    assert_int_equal(gw_conf_show_text(NULL, &src, hide, &report, &out), 0);
    assert_string_equal(l.errors, "");
    assert_non_null(out);
    return out;
}

static void assert_same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

static void assert_same_lists(const struct gw_config *a, const struct gw_config *b)
{
    assert_int_equal(a->nifs, b->nifs);
    for (size_t i = 0; i < a->nifs; i++) {
        assert_string_equal(a->ifs[i].name, b->ifs[i].name);
        assert_int_equal(a->ifs[i].side, b->ifs[i].side);
        assert_int_equal(a->ifs[i].hook, b->ifs[i].hook);
        assert_same_text(a->ifs[i].ap, b->ifs[i].ap);
    }
    assert_int_equal(a->npools, b->npools);
    for (size_t i = 0; i < a->npools; i++)
        assert_true(gw_prefix_eq(&a->pools[i].prefix, &b->pools[i].prefix));
    assert_int_equal(a->npeers, b->npeers);
    for (size_t i = 0; i < a->npeers; i++) {
        const struct gw_cfg_peer *p = &a->peers[i], *q = &b->peers[i];
        assert_string_equal(p->name, q->name);
        assert_true(gw_addr_eq(&p->addr, &q->addr));
        assert_int_equal(p->roles, q->roles);
        assert_int_equal(p->npools, q->npools);
        for (size_t k = 0; k < p->npools; k++)
            assert_true(gw_prefix_eq(&p->pools[k], &q->pools[k]));
        assert_int_equal(p->esp, q->esp);
        assert_int_equal(p->nkeys, q->nkeys);
        assert_memory_equal(p->keys, q->keys, sizeof p->keys);
    }
    assert_int_equal(a->npolicy, b->npolicy);
    for (size_t i = 0; i < a->npolicy; i++) {
        assert_int_equal(a->policy[i].match, b->policy[i].match);
        assert_int_equal(a->policy[i].allow, b->policy[i].allow);
        assert_same_text(a->policy[i].pattern, b->policy[i].pattern);
    }
}

static void assert_same(const struct gw_config *a, const struct gw_config *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->roles, b->roles);
    assert_true(gw_addr_eq(&a->addr, &b->addr));
    assert_true(gw_addr_eq(&a->cmd, &b->cmd));
    assert_true(gw_addr_eq(&a->lma, &b->lma));
    assert_memory_equal(&a->pmip.mag, &b->pmip.mag, sizeof a->pmip.mag);
    assert_memory_equal(&a->codec, &b->codec, sizeof a->codec);
    assert_memory_equal(&a->dlif, &b->dlif, sizeof a->dlif);
    assert_int_equal(a->access_mtu, b->access_mtu);
    assert_int_equal(a->core_mtu, b->core_mtu);
    assert_memory_equal(&a->limits, &b->limits, sizeof a->limits);
    assert_memory_equal(&a->timers, &b->timers, sizeof a->timers);
    assert_memory_equal(&a->revocation, &b->revocation, sizeof a->revocation);
    assert_memory_equal(&a->notification, &b->notification, sizeof a->notification);
    assert_string_equal(a->daemon.control_socket, b->daemon.control_socket);
    assert_string_equal(a->daemon.state_dir, b->daemon.state_dir);
    assert_string_equal(a->daemon.pin_dir, b->daemon.pin_dir);
    assert_same_text(a->daemon.log_file, b->daemon.log_file);
    assert_int_equal(a->daemon.on_stop, b->daemon.on_stop);
    assert_int_equal(a->daemon.log_rate, b->daemon.log_rate);
    assert_memory_equal(a->daemon.log_level, b->daemon.log_level, sizeof a->daemon.log_level);
    assert_same_lists(a, b);
}

static void reads_back(const char *dir, const char *name)
{
    char path[512];
    const struct gw_conf_report silent = {0};
    struct gw_config *a = NULL, *b = NULL;

    (void)snprintf(path, sizeof path, "%s/%s.yaml", dir, name);
    char *text = read_text(path), *once = show(text, false), *twice = show(once, false);
    assert_string_equal(once, twice);
    const struct gw_conf_source first = {.name = "a", .text = text, .len = strlen(text)};
    const struct gw_conf_source second = {.name = "b", .text = once, .len = strlen(once)};
    assert_int_equal(gw_conf_load_text(NULL, &first, &silent, &a), 0);
    assert_int_equal(gw_conf_load_text(NULL, &second, &silent, &b), 0);
    assert_same(a, b);
    gw_config_free(a);
    gw_config_free(b);
    free(text);
    free(once);
    free(twice);
}

static void test_normal_form_reads_back(void **state)
{
    (void)state;
    assert_in_range(for_each_file(TEST_DIR "/good", ".yaml", reads_back), 3, 1000);
}

static void test_hidden_secrets(void **state)
{
    const struct gw_conf_report silent = {0};
    struct gw_config *c = NULL;
    char *text = read_text(TEST_DIR "/good/minimal.yaml"), *hidden = show(text, true);
    const struct gw_conf_source src = {.name = "h", .text = hidden, .len = strlen(hidden)};

    (void)state;
    assert_non_null(strstr(text, "00010203"));
    assert_null(strstr(hidden, "00010203"));
    assert_non_null(strstr(hidden, "secret: \"(hidden)\""));
    assert_int_equal(gw_conf_load_text(NULL, &src, &silent, &c), GW_EFORMAT);
    free(text);
    free(hidden);
}

/* YAML takes JSON: programs that write configurations quote every text. */
static void test_json_means_the_same(void **state)
{
    char *yaml = read_text(TEST_DIR "/good/minimal.yaml");
    char *json = read_text(TEST_DIR "/good/json.yaml");
    char *a = show(yaml, false), *b = show(json, false);

    (void)state;
    assert_string_equal(a, b);
    free(yaml);
    free(json);
    free(a);
    free(b);
}

/* One model serves many loads, and a failed one leaves nothing behind. */
static void test_model_again(void **state)
{
    struct gw_conf_model *m = gw_conf_model_new();
    const struct gw_conf_report silent = {0};
    char *text = read_text(TEST_DIR "/good/minimal.yaml");
    const struct gw_conf_source good = {.name = "g", .text = text, .len = strlen(text)};
    const struct gw_conf_source bad = {.name = "b", .text = "godwit: {}", .len = 10};
    struct gw_config *c;

    (void)state;
    assert_non_null(m);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gw_conf_load_text(m, &bad, &silent, &c), GW_EFORMAT);
        assert_int_equal(gw_conf_load_text(m, &good, &silent, &c), 0);
        gw_config_free(c);
    }
    free(text);
    gw_conf_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_default_numbers),
        cmocka_unit_test(test_defaults_without_text),
        cmocka_unit_test(test_default_daemon),
        cmocka_unit_test(test_default_dlif),
        cmocka_unit_test(test_full_lists),
        cmocka_unit_test(test_full_numbers),
        cmocka_unit_test(test_full_daemon),
        cmocka_unit_test(test_proxy_mobile_ip),
        cmocka_unit_test(test_names_of_levels),
        cmocka_unit_test(test_keys_in_order),
        cmocka_unit_test(test_normal_form_reads_back),
        cmocka_unit_test(test_hidden_secrets),
        cmocka_unit_test(test_model_again),
        cmocka_unit_test(test_json_means_the_same),
    };
    return cmocka_run_group_tests_name("conf_good", tests, NULL, NULL);
}
