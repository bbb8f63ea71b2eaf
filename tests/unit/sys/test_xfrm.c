/* test_xfrm.c: policies as this machine's kernel says them, set with ip(8) in a network namespace
 * of the test's own, become the values they mean, and their changes are noticed; also cut short at
 * every octet. The kernel need not know ESP itself for that. Skipped without the right to do so.
 */
#include "sys/xfrm.h"

#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>

#define HOSTS "src 2001:db8::1/128 dst 2001:db8::2/128"

static struct gw_addr me;
static int fd = -1;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(gw_parse_addr("2001:db8::1", &me), 0);
    if (unshare(CLONE_NEWNET) == 0)
        fd = gw_xfrm_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (fd >= 0)
        close(fd);
    return 0;
}

static void ip(const char *what)
{
    char command[512];

    snprintf(command, sizeof command, "ip xfrm policy %s", what);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the texts are the test's own */
}

/* The only policy there is; false: none concerns us. */
static bool only(struct gw_policy *out)
{
    struct gw_policy *list;
    size_t n;

    assert_int_equal(gw_xfrm_policies(&me, &list, &n), 0);
    assert_true(n <= 1);
    if (n == 1)
        *out = list[0];
    free(list);
    return n == 1;
}

static bool changed(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && gw_xfrm_changed(fd);
}

static void test_what_is_said_of_a_policy(void **state)
{
    (void)state;
    char text[GW_TEXT_MAX];
    struct gw_policy p = {0};
    if (fd < 0)
        skip();
    ip("add " HOSTS " proto 135 dir out priority 77 tmpl proto esp mode transport");
    assert_true(only(&p));
    assert_int_equal(p.dir, GW_POLICY_OUT);
    assert_int_equal(p.priority, 77);
    assert_string_equal(gw_fmt_prefix(&p.src, text), "2001:db8::1/128");
    assert_string_equal(gw_fmt_prefix(&p.dst, text), "2001:db8::2/128");
    assert_int_equal(p.proto, 135);
    assert_true(p.esp);
    assert_false(p.partly);
    ip("flush");
    ip("add src 2001:db8::2/128 dst 2001:db8::/32 dir in tmpl proto esp mode transport");
    assert_true(only(&p));
    assert_int_equal(p.dir, GW_POLICY_IN);
    assert_string_equal(gw_fmt_prefix(&p.dst, text), "2001:db8::/32");
    assert_int_equal(p.proto, 0);
    assert_true(p.esp);
    ip("flush");
}

/* All of them are there and allow something else than ESP in transport mode, or nothing. */
static void test_policies_that_do_not_ask_for_esp(void **state)
{
    static const char *const weaker[] = {
        "",
        "action block tmpl proto esp mode transport",
        "tmpl proto esp mode transport level use",
        "tmpl src 2001:db8::1 dst 2001:db8::2 proto esp mode tunnel",
        "tmpl proto ah mode transport",
    };
    char text[256];
    struct gw_policy p = {0};
    (void)state;
    if (fd < 0)
        skip();
    for (size_t i = 0; i < sizeof weaker / sizeof *weaker; i++) {
        snprintf(text, sizeof text, "add " HOSTS " proto 135 dir out %s", weaker[i]);
        ip(text);
        assert_true(only(&p));
        assert_false(p.esp);
        ip("flush");
    }
    ip("add " HOSTS " proto 135 dir out tmpl proto comp mode transport level use tmpl proto esp "
       "mode transport");
    assert_true(only(&p));
    assert_true(p.esp);
    ip("flush");
}

static void test_policies_that_look_closer(void **state)
{
    static const char *const closer[] = {"proto 135 type 5", "proto 135 type 0", "dev lo"};
    char text[256];
    struct gw_policy p = {0};
    (void)state;
    if (fd < 0)
        skip();
    for (size_t i = 0; i < sizeof closer / sizeof *closer; i++) {
        snprintf(text, sizeof text, "add " HOSTS " %s dir out tmpl proto esp mode transport",
                 closer[i]);
        ip(text);
        assert_true(only(&p));
        assert_true(p.partly);
        ip("flush");
    }
}

static void test_policies_of_others(void **state)
{
    static const char *const foreign[] = {
        "src 2001:db8::3/128 dst 2001:db8::2/128 dir out",
        "src 2001:db8::2/128 dst 2001:db8::3/128 dir in",
        "src 2001:db8::2/128 dst 2001:db8::1/128 dir fwd",
        HOSTS " dir out mark 7",
        HOSTS " dir out if_id 7",
        "src 192.0.2.1/32 dst 192.0.2.2/32 dir out",
    };
    char text[256];
    struct gw_policy p = {0};
    (void)state;
    if (fd < 0)
        skip();
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        snprintf(text, sizeof text, "add %s tmpl proto esp mode transport", foreign[i]);
        ip(text);
        assert_false(only(&p));
        ip("flush");
    }
}

static void test_changes_are_noticed(void **state)
{
    (void)state;
    if (fd < 0)
        skip();
    (void)changed(); /* what others did */
    assert_false(changed());
    ip("add " HOSTS " proto 135 dir out tmpl proto esp mode transport");
    assert_true(changed());
    assert_false(changed());
    ip("update " HOSTS " proto 135 dir out tmpl proto esp mode transport level use");
    assert_true(changed());
    ip("delete " HOSTS " proto 135 dir out");
    assert_true(changed());
    ip("add " HOSTS " proto 135 dir out tmpl proto esp mode transport");
    (void)changed();
    ip("flush");
    assert_true(changed());
}

static void count(void *user, const struct gw_policy *p)
{
    (void)p;
    ++*(unsigned *)user;
}

/* A message of the kernel's, and what is left of it when its end, or its attributes', is missing.
 */
static void test_cut_short(void **state)
{
    (void)state;
    struct {
        struct nlmsghdr h;
        struct xfrm_userpolicy_info info;
        struct nlattr attr;
        struct xfrm_user_tmpl tmpl;
    } m = {
        .h = {.nlmsg_len = sizeof m, .nlmsg_type = XFRM_MSG_NEWPOLICY},
        .info = {.sel = {.family = AF_INET6, .prefixlen_d = 200}, .dir = XFRM_POLICY_OUT},
        .attr = {.nla_len = sizeof m.attr + sizeof m.tmpl, .nla_type = XFRMA_TMPL},
    };
    unsigned n = 0;
    _Alignas(8) uint8_t behind[4 + sizeof m]; /* another message, as one of a dump is */
    memcpy(behind + 4, &m, sizeof m);
    gw_xfrm_parse(behind + 4, sizeof m, count, &n);
    assert_int_equal(n, 1);
    for (size_t len = 0; len < sizeof m; len++) {
        struct nlmsghdr *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, &m, len);
        n = 0;
        gw_xfrm_parse(copy, len, count, &n); /* the header says more than there is */
        assert_int_equal(n, 0);
        if (len >= sizeof *copy) {
            copy->nlmsg_len = (uint32_t)len;
            gw_xfrm_parse(copy, len, count, &n);
            assert_int_equal(n, len >= sizeof m.h + sizeof m.info ? 1 : 0);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said_of_a_policy),
        cmocka_unit_test(test_policies_that_do_not_ask_for_esp),
        cmocka_unit_test(test_policies_that_look_closer),
        cmocka_unit_test(test_policies_of_others),
        cmocka_unit_test(test_changes_are_noticed),
        cmocka_unit_test(test_cut_short),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
