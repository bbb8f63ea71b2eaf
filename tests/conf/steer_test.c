/* steer_test.c: services, instances and steering (CATS): what defaults come to, what each key comes
 * to, and that the normal form says all of it.
 */
#include "conf_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

static struct gw_config *load_text(const char *text)
{
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    const struct gw_conf_source src = {.name = "text", .text = text, .len = strlen(text)};
    struct gw_config *c = NULL;

    (void)gw_conf_load_text(NULL, &src, &report, &c);
    assert_string_equal(l.errors, "");
    assert_non_null(c);
    return c;
}

static struct gw_config *load(const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, TEST_DIR "/good/%s.yaml", name);
    char *text = read_text(path);
    struct gw_config *c = load_text(text);
    free(text);
    return c;
}

static void assert_addr(const struct gw_addr *a, const char *text)
{
    struct gw_addr want;

    assert_int_equal(gw_parse_addr(text, &want), 0);
    assert_memory_equal(a, &want, sizeof want);
}

static void assert_time(struct gw_time t, int64_t ms)
{
    assert_int_equal(t.ns, GW_MSEC(ms).ns);
}

/* ---- defaults ---- */

/* Those of the evaluation (sim/steer_run.c, sim/steer_view.c, doc/steering.md). */
static void test_default_service(void **state)
{
    struct gw_config *c = load("d-router");
    const struct gw_cfg_service *s = &c->services[0];

    (void)state;
    assert_int_equal(c->roles, GW_ROLE_D_ROUTER);
    assert_int_equal(c->ifs[1].side, GW_IF_CLIENT);
    assert_int_equal(c->limits.flows, 65536);
    assert_int_equal(c->nservices, 1);
    assert_string_equal(s->name, "web");
    assert_addr(&s->key.cs_id, "2001:db8:5::1");
    assert_int_equal(s->key.proto, 6);
    assert_int_equal(s->key.port, 80);
    assert_int_equal(s->affinity, GW_AFFINITY_FLOW);
    assert_time(s->affinity_timeout, 300000);
    assert_true(s->reselect);
    assert_int_equal(s->delivery, GW_DELIVERY_DIRECT);
    assert_int_equal(s->policy, GW_STEER_PREQUAL);
    assert_int_equal(s->rule.quantile, GW_STEER_QUANTILE);
    assert_int_equal(s->rule.width, GW_STEER_WIDTH);
    assert_int_equal(s->rule.interval_ms, 100); /* report/least, sample */
    assert_int_equal(s->rule.settle_ms, 0);
    assert_int_equal(s->max_age_ms, 5000);
    assert_int_equal(s->blur, 256);
    assert_int_equal(s->error_limit, 128);
    assert_int_equal(s->lasting, 400);
    gw_config_free(c);
}

static void test_default_instance(void **state)
{
    struct gw_config *c = load("d-router");
    const struct gw_cfg_instance *x = &c->instances[0];

    (void)state;
    assert_int_equal(c->ninstances, 1);
    assert_string_equal(x->name, "web1");
    assert_int_equal(x->service, 0);
    assert_addr(&x->csci_id, "2001:db8:51::1");
    assert_addr(&x->address, "fd00::80");
    assert_false(x->registers);
    assert_string_equal(x->token, "");
    assert_time(x->lease, 10000);
    assert_int_equal(x->slots, 8);
    assert_int_equal(x->weight, 1);
    assert_int_equal(x->health.kind, GW_HEALTH_TCP);
    assert_int_equal(x->health.port, 80); /* the service's */
    assert_string_equal(x->health.path, "/");
    assert_time(x->health.interval, 1000);
    assert_time(x->health.timeout, 500);
    assert_int_equal(x->health.fall, 3);
    assert_int_equal(x->health.rise, 2);
    assert_int_equal(x->scrape.port, 0);
    gw_config_free(c);
}

/* With which an egress that dies is left after 280 ms at most (doc/cats.md). */
static void test_default_steering(void **state)
{
    struct gw_config *c = load("d-router");
    const struct gw_cfg_steering *s = &c->steering;

    (void)state;
    assert_int_equal(s->model, GW_MODEL_DISTRIBUTED);
    assert_true(gw_addr_is_zero(&s->selector));
    assert_true(gw_addr_is_zero(&s->d_router));
    assert_true(gw_addr_is_zero(&s->egress));
    assert_time(s->report.least, 100);
    assert_time(s->report.most, 1000);
    assert_int_equal(s->report.latency_floor, 1000);
    assert_time(s->sample, 100);
    assert_time(s->pace, 50);
    assert_time(s->digest, 10000);
    assert_time(s->lifetime, 12000);
    assert_time(s->stamp.interval, 100);
    assert_time(s->stamp.wait, 80);
    assert_int_equal(s->stamp.detect, 2);
    assert_false(s->stamp.auth);
    assert_int_equal(s->stamp_port, GW_STAMP_PORT);
    assert_false(s->host_metrics);
    assert_int_equal(s->http.port, 0);
    assert_null(s->agent_socket);
    assert_null(s->bird_socket);
    assert_false(s->kernel_routes);
    gw_config_free(c);
}

/* Nothing is worse than its worst or better than its best, and idle is 10 in every category. */
static void test_default_scores(void **state)
{
    struct gw_config *c = load("d-router"), *none = load("minimal");
    const struct gw_metric_rules *r = &c->steering.scores;
    struct gw_metric_raw raw = {0};

    (void)state;
    assert_int_equal(none->steering.scores.n, 0);
    assert_int_equal(r->n, 9);
    for (size_t i = 0; i < r->n; i++) {
        assert_int_equal(r->norm[i].weight, 1);
        assert_int_equal(r->norm[i].best, 0);
        assert_int_equal(gw_metric_normalise(&r->norm[i], r->norm[i].worst), 0);
        raw.known |= 1u << r->norm[i].kind;
    }
    struct gw_metric_scores s = gw_metric_score(r, &raw);
    for (size_t i = 0; i < GW_METRIC_CATS; i++)
        assert_int_equal(s.l1[i], 10);
    assert_int_equal(s.l2, 10);
    raw.value[GW_METRIC_LATENCY] = 500000;
    raw.value[GW_METRIC_QUEUE] = 32;
    s = gw_metric_score(r, &raw);
    assert_int_equal(s.l1[GW_METRIC_CAT_SERVICE], 5); /* (500 + 0 + 1000) / 3 */
    assert_int_equal(s.l2, 8);                        /* (1000 + 1000 + 500) / 3 */
    gw_config_free(c);
    gw_config_free(none);
}

static void test_other_roles(void **state)
{
    struct gw_config *c = load("d-forwarder");

    (void)state;
    assert_int_equal(c->roles, GW_ROLE_D_FORWARDER);
    assert_addr(&c->steering.d_router, "2001:db8:f::1");
    assert_int_equal(c->services[0].key.proto, 0);
    assert_int_equal(c->services[0].key.port, 0);
    gw_config_free(c);
    c = load("metric-agent");
    assert_int_equal(c->roles, GW_ROLE_METRIC_AGENT);
    assert_addr(&c->steering.egress, "2001:db8:f::1");
    assert_true(c->steering.host_metrics);
    assert_addr(&c->instances[0].address, "2001:db8:51::1"); /* its CSCI-ID */
    gw_config_free(c);
    c = load("path-selector");
    assert_int_equal(c->roles, GW_ROLE_PATH_SELECTOR);
    assert_int_equal(c->steering.model, GW_MODEL_CENTRALISED);
    assert_int_equal(c->services[0].key.proto, 17);
    gw_config_free(c);
}

/* ---- every key ---- */

static void test_full_services(void **state)
{
    struct gw_config *c = load("steering");
    const struct gw_cfg_service *s = &c->services[0];

    (void)state;
    assert_int_equal(c->roles, GW_ROLE_METRIC_AGENT | GW_ROLE_D_ROUTER | GW_ROLE_PATH_SELECTOR);
    assert_int_equal(c->limits.flows, 131072);
    assert_int_equal(c->peers[1].roles, GW_ROLE_D_FORWARDER);
    assert_int_equal(c->peers[3].roles, GW_ROLE_PATH_SELECTOR | GW_ROLE_CMD);
    assert_int_equal(c->nservices, 3);
    assert_string_equal(s->name, "media");
    assert_int_equal(s->affinity, GW_AFFINITY_3TUPLE);
    assert_time(s->affinity_timeout, 30500);
    assert_false(s->reselect);
    assert_int_equal(s->delivery, GW_DELIVERY_TUNNEL);
    assert_int_equal(s->policy, GW_STEER_TWO_CHOICES);
    assert_int_equal(s->rule.quantile, 700);
    assert_int_equal(s->rule.width, 3);
    assert_int_equal(s->rule.interval_ms, 250); /* pace */
    assert_int_equal(s->rule.settle_ms, 1500);
    assert_int_equal(s->max_age_ms, 9250);
    assert_int_equal(s->blur, 100);
    assert_int_equal(s->error_limit, 50);
    assert_int_equal(s->lasting, 1024);
    assert_int_equal(c->services[1].affinity, GW_AFFINITY_CLIENT);
    assert_int_equal(c->services[1].key.port, 8080);
    assert_int_equal(c->services[2].key.proto, 17);
    gw_config_free(c);
}

/* Every model does what it says. */
static void test_models_without_warning(void **state)
{
    static const char *const files[] = {"path-selector", "d-router", "steering"};
    char path[256];

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct lines l;
        struct gw_conf_report report = report_into(&l);
        struct gw_config *c = NULL;
        (void)snprintf(path, sizeof path, TEST_DIR "/good/%s.yaml", files[i]);
        assert_int_equal(gw_conf_load_file(path, &report, &c), 0);
        assert_null(strstr(l.warnings, "/godwit/steering/model"));
        gw_config_free(c);
    }
}

static void test_full_instances(void **state)
{
    struct gw_config *c = load("steering");
    const struct gw_cfg_instance *x = &c->instances[0];

    (void)state;
    assert_int_equal(c->ninstances, 3);
    assert_int_equal(x->service, 1);
    assert_addr(&x->csci_id, "2001:db8:51::1");
    assert_addr(&x->address, "fe80::80");
    assert_true(x->registers);
    assert_string_equal(x->token, "0123456789abcdef!\"#~");
    assert_time(x->lease, 250);
    assert_int_equal(x->slots, 65535);
    assert_int_equal(x->weight, 7);
    assert_int_equal(x->health.kind, GW_HEALTH_HTTP);
    assert_int_equal(x->health.port, 8080); /* the service's */
    assert_string_equal(x->health.path, "/health?x=1");
    assert_time(x->health.interval, 200);
    assert_time(x->health.timeout, 100);
    assert_int_equal(x->health.fall, 1);
    assert_int_equal(x->health.rise, 4);
    assert_int_equal(x->scrape.port, 9100);
    assert_string_equal(x->scrape.path, "/m");
    assert_time(x->scrape.interval, 500);
    assert_string_equal(x->scrape.name[GW_METRIC_IN_FLIGHT], "requests{state=\"active\"}");
    assert_string_equal(x->scrape.name[GW_METRIC_CUSTOM], "own");
    assert_null(x->scrape.name[GW_METRIC_CPU]);
    assert_int_equal(c->instances[1].health.kind, GW_HEALTH_REPORT);
    assert_string_equal(c->instances[1].token, "0123456789abcdef");
    assert_int_equal(c->instances[2].health.port, 554);
    assert_addr(&c->instances[2].address, "2001:db8:51::3"); /* its CSCI-ID */
    gw_config_free(c);
}

static void test_full_steering(void **state)
{
    struct gw_config *c = load("steering");
    const struct gw_cfg_steering *s = &c->steering;

    (void)state;
    assert_int_equal(s->model, GW_MODEL_HYBRID);
    assert_addr(&s->selector, "2001:db8:f::1");
    assert_addr(&s->egress, "2001:db8:f::1"); /* itself */
    assert_time(s->report.least, 10);
    assert_time(s->report.most, 0);
    assert_int_equal(s->report.threshold, 100);
    assert_int_equal(s->report.latency_floor, 250000);
    assert_int_equal(s->report.load_floor, 3);
    assert_int_equal(s->report.penalty, 500);
    assert_int_equal(s->report.limit, 1500);
    assert_time(s->report.half_life, 60000);
    assert_time(s->sample, 20);
    assert_true(s->host_metrics);
    assert_time(s->pace, 250);
    assert_time(s->digest, 3500);
    assert_time(s->lifetime, 14000);
    assert_time(s->stamp.interval, 50);
    assert_time(s->stamp.wait, 400);
    assert_int_equal(s->stamp.detect, 3);
    assert_true(s->stamp.auth);
    assert_int_equal(s->stamp.key.len, 16);
    assert_int_equal(s->stamp.key.secret[15], 15);
    assert_int_equal(s->stamp_port, 8620);
    assert_addr(&s->http.addr, "fd00::1");
    assert_int_equal(s->http.port, 8080);
    assert_string_equal(s->agent_socket, "/run/godwit/edge1-agent.sock");
    assert_string_equal(s->bird_socket, "/run/bird/edge1.ctl");
    assert_true(s->kernel_routes);
    gw_config_free(c);
}

static void test_full_scores(void **state)
{
    struct gw_config *c = load("steering");
    const struct gw_metric_rules *r = &c->steering.scores;

    (void)state;
    assert_int_equal(r->n, 2);
    assert_int_equal(r->norm[0].kind, GW_METRIC_LATENCY);
    assert_int_equal(r->norm[0].shape, GW_SHAPE_SIGMOID);
    assert_int_equal(r->norm[0].worst, 200000);
    assert_int_equal(r->norm[0].best, 1000);
    assert_int_equal(r->norm[0].steepness, 8);
    assert_int_equal(r->norm[0].weight, 3);
    assert_int_equal(r->norm[1].kind, GW_METRIC_BANDWIDTH);
    assert_int_equal(r->norm[1].shape, GW_SHAPE_MIN_MAX);
    assert_int_equal(r->within, GW_AGG_WORST);
    assert_int_equal(r->across, GW_AGG_BEST);
    assert_int_equal(r->weight[GW_METRIC_CAT_COMPUTING], 0);
    assert_int_equal(r->weight[GW_METRIC_CAT_COMMUNICATION], 2);
    assert_int_equal(r->weight[GW_METRIC_CAT_SERVICE], 5);
    gw_config_free(c);
}

/* ---- names ---- */

/* With that name in the model in the place of `policy: ...` or `metric: ...`. */
static struct gw_config *load_with(const char *member, const char *name)
{
    char text[1024];

    (void)snprintf(text, sizeof text,
                   "godwit:\n"
                   "  node: {name: r1, roles: [d-router], address: \"2001:db8:f::1\"}\n"
                   "  interfaces: [{name: core0, side: core}]\n"
                   "  services: [{name: web, cs-id: \"2001:db8:5::1\", policy: %s}]\n"
                   "  steering: {normalisation: [{metric: %s, worst: 0, best: 1}]}\n",
                   strcmp(member, "policy") == 0 ? name : "random",
                   strcmp(member, "metric") == 0 ? name : "cpu");
    return load_text(text);
}

/* The numbers of the model are those of the layers below. */
static void test_names(void **state)
{
    (void)state;
    for (uint32_t p = 0; p < GW_STEER_POLICY_COUNT; p++) {
        struct gw_config *c = load_with("policy", gw_steer_policy_name(p));
        assert_int_equal(c->services[0].policy, p);
        gw_config_free(c);
    }
    for (uint32_t k = 0; k < GW_METRIC_KINDS; k++) {
        struct gw_config *c = load_with("metric", gw_metric_kind_name((enum gw_metric_kind)k));
        assert_int_equal(c->steering.scores.norm[0].kind, k);
        gw_config_free(c);
    }
}

/* ---- the normal form ---- */

static char *show(const char *text, bool hide)
{
    const struct gw_conf_report silent = {0};
    const struct gw_conf_source src = {.name = "text", .text = text, .len = strlen(text)};
    char *out = NULL;

    assert_int_equal(gw_conf_show_text(NULL, &src, hide, &silent, &out), 0);
    return out;
}

static void assert_same_instance(const struct gw_cfg_instance *a, const struct gw_cfg_instance *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->service, b->service);
    assert_memory_equal(&a->csci_id, &b->csci_id, sizeof a->csci_id);
    assert_memory_equal(&a->address, &b->address, sizeof a->address);
    assert_int_equal(a->registers, b->registers);
    assert_memory_equal(a->token, b->token, sizeof a->token);
    assert_int_equal(a->lease.ns, b->lease.ns);
    assert_int_equal(a->health.kind, b->health.kind);
    assert_int_equal(a->health.port, b->health.port);
    assert_string_equal(a->health.path, b->health.path);
    assert_int_equal(a->health.interval.ns, b->health.interval.ns);
    assert_int_equal(a->scrape.port, b->scrape.port);
    for (size_t i = 0; i < GW_METRIC_KINDS; i++) {
        assert_int_equal(a->scrape.name[i] == NULL, b->scrape.name[i] == NULL);
        if (a->scrape.name[i] != NULL)
            assert_string_equal(a->scrape.name[i], b->scrape.name[i]);
    }
}

static void assert_same_service(const struct gw_cfg_service *a, const struct gw_cfg_service *b)
{
    assert_string_equal(a->name, b->name);
    assert_memory_equal(&a->key, &b->key, sizeof a->key);
    assert_int_equal(a->affinity, b->affinity);
    assert_int_equal(a->affinity_timeout.ns, b->affinity_timeout.ns);
    assert_int_equal(a->reselect, b->reselect);
    assert_int_equal(a->delivery, b->delivery);
    assert_int_equal(a->policy, b->policy);
    assert_memory_equal(&a->rule, &b->rule, sizeof a->rule);
    assert_int_equal(a->max_age_ms, b->max_age_ms);
    assert_int_equal(a->lasting, b->lasting);
}

static void assert_same_steering(const struct gw_cfg_steering *a, const struct gw_cfg_steering *b)
{
    assert_int_equal(a->model, b->model);
    assert_memory_equal(&a->selector, &b->selector, sizeof a->selector);
    assert_memory_equal(&a->egress, &b->egress, sizeof a->egress);
    assert_memory_equal(&a->report, &b->report, sizeof a->report);
    assert_int_equal(a->scores.n, b->scores.n);
    for (size_t i = 0; i < a->scores.n; i++) {
        assert_int_equal(a->scores.norm[i].kind, b->scores.norm[i].kind);
        assert_int_equal(a->scores.norm[i].worst, b->scores.norm[i].worst);
        assert_int_equal(a->scores.norm[i].weight, b->scores.norm[i].weight);
    }
    assert_int_equal(a->scores.within, b->scores.within);
    assert_memory_equal(a->scores.weight, b->scores.weight, sizeof a->scores.weight);
    assert_memory_equal(&a->stamp.key, &b->stamp.key, sizeof a->stamp.key);
    assert_int_equal(a->host_metrics, b->host_metrics);
    assert_int_equal(a->http.port, b->http.port);
    assert_int_equal(a->agent_socket == NULL, b->agent_socket == NULL);
    if (a->agent_socket != NULL)
        assert_string_equal(a->agent_socket, b->agent_socket);
}

static void assert_same(const struct gw_config *a, const struct gw_config *b)
{
    assert_int_equal(a->nservices, b->nservices);
    for (size_t i = 0; i < a->nservices; i++)
        assert_same_service(&a->services[i], &b->services[i]);
    assert_int_equal(a->ninstances, b->ninstances);
    for (size_t i = 0; i < a->ninstances; i++)
        assert_same_instance(&a->instances[i], &b->instances[i]);
    assert_same_steering(&a->steering, &b->steering);
}

static void reads_back(const char *dir, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s.yaml", dir, name);
    char *text = read_text(path), *normal = show(text, false);
    struct gw_config *a = load_text(text), *b = load_text(normal);
    assert_same(a, b);
    gw_config_free(a);
    gw_config_free(b);
    free(text);
    free(normal);
}

static void test_normal_form_reads_back(void **state)
{
    (void)state;
    assert_in_range(for_each_file(TEST_DIR "/good", ".yaml", reads_back), 8, 1000);
}

static void test_hidden_secrets(void **state)
{
    char *text = read_text(TEST_DIR "/good/steering.yaml"), *hidden = show(text, true);

    (void)state;
    assert_null(strstr(hidden, "0123456789abcdef"));
    assert_null(strstr(hidden, "000102030405"));
    assert_non_null(strstr(hidden, "token: \"(hidden)\""));
    free(text);
    free(hidden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_service),
        cmocka_unit_test(test_default_instance),
        cmocka_unit_test(test_default_steering),
        cmocka_unit_test(test_default_scores),
        cmocka_unit_test(test_other_roles),
        cmocka_unit_test(test_full_services),
        cmocka_unit_test(test_models_without_warning),
        cmocka_unit_test(test_full_instances),
        cmocka_unit_test(test_full_steering),
        cmocka_unit_test(test_full_scores),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_normal_form_reads_back),
        cmocka_unit_test(test_hidden_secrets),
    };
    return cmocka_run_group_tests_name("conf_steer", tests, NULL, NULL);
}
