/* Do the kernel's IPsec policies ask for ESP for every message between two addresses? */
#include "../test.h"

#include "base/text.h"
#include "wire/policy.h"

static struct gw_addr addr(const char *text)
{
    struct gw_addr a;

    assert_int_equal(gw_parse_addr(text, &a), 0);
    return a;
}

static struct gw_prefix prefix(const char *text)
{
    struct gw_prefix p;

    assert_int_equal(gw_parse_prefix(text, &p), 0);
    return p;
}

/* Of the messages from ::1 to ::2. */
static bool required(const struct gw_policy *list, size_t n)
{
    struct gw_addr src = addr("2001:db8::1"), dst = addr("2001:db8::2");
    struct gw_policy_sum sum = {0};

    for (size_t i = 0; i < n; i++)
        if (gw_policy_matches(&list[i], &src, &dst))
            gw_policy_add(&sum, &list[i]);
    return gw_policy_requires_esp(&sum);
}

static struct gw_policy esp(uint32_t priority)
{
    return (struct gw_policy){.priority = priority,
                              .src = prefix("2001:db8::1/128"),
                              .dst = prefix("2001:db8::2/128"),
                              .proto = 135,
                              .esp = true};
}

static struct gw_policy clear(uint32_t priority)
{
    return (struct gw_policy){.priority = priority};
}

static void test_none(void **state)
{
    (void)state;
    assert_false(required(NULL, 0));
}

static void test_selector(void **state)
{
    (void)state;
    struct gw_policy p = esp(7);
    assert_true(required(&p, 1));
    p.proto = 0; /* any */
    assert_true(required(&p, 1));
    p.proto = 58;
    assert_false(required(&p, 1));
    p = esp(7);
    p.src = prefix("::/0");
    p.dst = prefix("2001:db8::/32");
    assert_true(required(&p, 1));
    p.dst = prefix("2001:db8::3/128");
    assert_false(required(&p, 1));
    p = esp(7);
    p.src = prefix("2001:db8::2/128"); /* the other direction */
    p.dst = prefix("2001:db8::1/128");
    assert_false(required(&p, 1));
}

static void test_the_lowest_priority_decides(void **state)
{
    (void)state;
    struct gw_policy before[] = {esp(10), clear(9)}, behind[] = {clear(11), esp(10)};
    struct gw_policy beside[] = {esp(10), clear(10)}, top[] = {clear(UINT32_MAX), esp(0)};
    struct gw_policy both[] = {clear(5), esp(10), esp(4)};
    assert_false(required(before, 2));
    assert_true(required(behind, 2));
    assert_false(required(beside, 2)); /* the older of equal ones, and nobody knows which */
    assert_true(required(top, 2));
    assert_true(required(both, 3));
}

static void test_partial_matches(void **state)
{
    (void)state;
    struct gw_policy some_types[] = {esp(10)}, hole[] = {esp(10), clear(9)};
    struct gw_policy patched[] = {esp(10), esp(9), clear(9)};
    some_types[0].partly = true;
    assert_false(required(some_types, 1)); /* ESP for some types only */
    hole[1].partly = true;
    assert_false(required(hole, 2)); /* some types go in the clear */
    hole[1].priority = 11;
    assert_true(required(hole, 2)); /* never asked */
    patched[1].partly = true;
    assert_false(required(patched, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_selector),
        cmocka_unit_test(test_the_lowest_priority_decides),
        cmocka_unit_test(test_partial_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
