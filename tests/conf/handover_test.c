/* handover_test.c: handover of clients: what defaults come to, what each key comes to, and that the
 * normal form says all of it.
 */
#include "conf_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

static struct gw_config *load_text(const char *text)
{
    struct lines l;
    struct gw_conf_report report = report_into(&l);
    const struct gw_conf_source src = {
        .name = "text", .dir = "/etc/x", .text = text, .len = strlen(text)};
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

static void test_defaults(void **state)
{
    struct gw_config *c = load("d-router");
    const struct gw_cfg_handover *h = &c->handover;

    (void)state;
    assert_false(h->on);
    assert_int_equal(h->find, GW_FIND_PLAN);
    assert_int_equal(h->nservers, 0);
    assert_int_equal(h->nneighbours, 0);
    assert_true(h->tokens);
    assert_false(h->placed);
    assert_int_equal(h->clients, 100000);
    assert_int_equal(h->candidates, 100000);
    assert_int_equal(h->flows, 32);
    assert_int_equal(h->locations, 1000000);
    assert_int_equal(h->transfer.octets, 16 << 20);
    assert_int_equal(h->transfer.port, 0);
    assert_null(h->transfer.certificate);
    assert_true(c->services[0].handover.continuity);
    assert_int_equal(c->services[0].handover.packets, 0);
    assert_int_equal(c->services[0].handover.octets, 262144);
    assert_time(c->services[0].handover.most, 500);
    assert_false(c->services[0].handover.in_order);
    assert_false(c->services[0].handover.switches);
    assert_false(c->peers[0].placed);
    gw_config_free(c);
}

/* Times, and how often something is repeated, without a text. */
static void test_defaults_without_text(void **state)
{
    struct gw_config *c = load("d-router"), d = {0};
    const struct gw_cfg_handover *a = &c->handover, *b = &d.handover;

    (void)state;
    gw_config_defaults(&d);
    assert_int_equal(a->horizon.ns, b->horizon.ns);
    assert_int_equal(a->nearest, b->nearest);
    assert_int_equal(a->weak_dbm, b->weak_dbm);
    assert_int_equal(a->candidate.ns, b->candidate.ns);
    assert_int_equal(a->binding.ns, b->binding.ns);
    assert_int_equal(a->location.ns, b->location.ns);
    assert_int_equal(a->retries, b->retries);
    assert_int_equal(a->transfer.gain, b->transfer.gain);
    assert_int_equal(a->transfer.again.ns, b->transfer.again.ns);
    assert_int_equal(a->transfer.rest.ns, b->transfer.rest.ns);
    assert_int_equal(a->transfer.most.ns, b->transfer.most.ns);
    assert_true(a->retries > 0 && a->binding.ns > 0);
    gw_config_free(c);
}

static void check_all(const struct gw_config *c)
{
    const struct gw_cfg_handover *h = &c->handover;

    assert_int_equal(c->roles, GW_ROLE_MAAR | GW_ROLE_D_ROUTER | GW_ROLE_LOCATION_SERVER);
    assert_true(gw_addr_is_zero(&c->cmd));
    assert_int_equal(c->policy[1].anchoring, GW_ANCHORING_NONE);
    assert_int_equal(c->codec.opt_cats_client, 90);
    assert_int_equal(c->codec.opt_cats_addr, 91);
    assert_true(h->on);
    assert_int_equal(h->find, GW_FIND_SERVER);
    assert_int_equal(h->nservers, 2);
    assert_addr(&h->servers[0], "2001:db8:f::9");
    assert_addr(&h->servers[1], "2001:db8:f::1");
    assert_int_equal(h->nneighbours, 2);
    assert_addr(&h->neighbours[0], "2001:db8:f::3");
    assert_addr(&h->neighbours[1], "2001:db8:f::2");
    assert_false(h->tokens);
    assert_true(h->placed);
    assert_int_equal(h->latitude, 525200000);
    assert_int_equal(h->longitude, 134000000);
    assert_time(h->horizon, 1500);
    assert_int_equal(h->nearest, 3);
    assert_int_equal(h->weak_dbm, -82);
    assert_time(h->candidate, 20000);
    assert_time(h->binding, 30500);
    assert_time(h->location, 45000);
    assert_int_equal(h->retries, 2);
    assert_int_equal(h->clients, 1000);
    assert_int_equal(h->candidates, 2000);
    assert_int_equal(h->flows, 8);
    assert_int_equal(h->locations, 3000);
}

static void check_transfer(const struct gw_config *c)
{
    const struct gw_cfg_handover *h = &c->handover;

    assert_int_equal(h->transfer.gain, 500);
    assert_time(h->transfer.again, 1000);
    assert_time(h->transfer.rest, 2000);
    assert_time(h->transfer.most, 3000);
    assert_int_equal(h->transfer.octets, 4096);
    assert_int_equal(h->transfer.port, 7443);
    assert_string_equal(h->transfer.certificate, "/etc/godwit/node.pem");
    assert_string_equal(h->transfer.key, "/etc/godwit/node.key");
    assert_string_equal(h->transfer.authority, "/etc/godwit/ca.pem");
}

static void check_others(const struct gw_config *c)
{
    const struct gw_cfg_service *s = c->services;

    assert_false(s[0].handover.continuity);
    assert_int_equal(s[0].handover.packets, 512);
    assert_int_equal(s[0].handover.octets, 1048576);
    assert_time(s[0].handover.most, 250);
    assert_true(s[0].handover.in_order);
    assert_true(s[0].handover.switches);
    assert_true(s[1].handover.continuity);
    assert_true(c->peers[0].placed && c->peers[1].placed && !c->peers[2].placed);
    assert_int_equal(c->peers[0].latitude, 525200066);
    assert_int_equal(c->peers[0].longitude, 134049540);
    assert_int_equal(c->peers[1].latitude, -900000000);
    assert_int_equal(c->peers[1].longitude, -1800000000);
}

/* As it is written, and as the normal form of it. */
static void test_every_key(void **state)
{
    char *text = read_text(TEST_DIR "/good/handover.yaml");
    struct gw_conf_source src = {
        .name = "text", .dir = "/etc/x", .text = text, .len = strlen(text)};
    const struct gw_conf_report silent = {0};
    struct gw_config *c = load_text(text), *again;
    char *normal = NULL;

    (void)state;
    check_all(c);
    check_transfer(c);
    check_others(c);
    assert_int_equal(gw_conf_show_text(NULL, &src, false, &silent, &normal), 0);
    again = load_text(normal);
    check_all(again);
    check_transfer(again);
    check_others(again);
    gw_config_free(c);
    gw_config_free(again);
    free(normal);
    free(text);
}

/* A file's name that is not absolute starts at the directory of the configuration. */
static void test_relative_files(void **state)
{
    static const char text[] =
        "godwit:\n"
        "  node: {name: r1, roles: [d-router], address: '2001:db8:f::1'}\n"
        "  interfaces: [{name: core0, side: core}]\n"
        "  handover:\n"
        "    transfer: {port: 1, certificate: a.pem, key: keys/b.pem, authority: /c.pem}\n";
    struct gw_config *c = load_text(text);

    (void)state;
    assert_string_equal(c->handover.transfer.certificate, "/etc/x/a.pem");
    assert_string_equal(c->handover.transfer.key, "/etc/x/keys/b.pem");
    assert_string_equal(c->handover.transfer.authority, "/c.pem");
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_defaults_without_text),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_relative_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
