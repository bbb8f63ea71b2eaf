/* test_netlink.c: messages recorded from a Linux bridge become the events they mean, also cut short
 * at every octet; and a route and a link in the kernel of this machine where that is allowed.
 */
#include "sys/netlink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MESSAGE_MAX 2048

struct heard {
    unsigned count;
    struct gw_nl_event last;
};

static void hear(void *user, const struct gw_nl_event *ev)
{
    struct heard *h = user;
    h->count++;
    h->last = *ev;
}

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (char two[3] = {0}; hex[2 * n] > ' ' && hex[2 * n + 1] > ' '; n++) {
        memcpy(two, hex + 2 * n, 2);
        out[n] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

/* The recorded message of a number. */
static size_t message(int number, uint8_t out[static MESSAGE_MAX])
{
    static char line[2 * MESSAGE_MAX + 64];
    FILE *in = fopen(GODWIT_SOURCE_DIR "/tests/unit/sys/netlink.txt", "r");
    size_t len = 0;
    assert_non_null(in);
    while (len == 0 && fgets(line, sizeof line, in) != NULL) {
        char *end;
        if (strtol(line, &end, 10) == number && end != line)
            len = unhex(end + 1, out);
    }
    fclose(in);
    assert_true(len > 0);
    return len;
}

static struct heard parse(int number)
{
    _Alignas(8) uint8_t buf[MESSAGE_MAX];
    struct heard h = {0};
    size_t len = message(number, buf);
    assert_int_equal(gw_nl_parse(buf, len, hear, &h), 0);
    return h;
}

static void expect(int number, enum gw_nl_kind kind, unsigned ifindex, unsigned master,
                   uint8_t last_octet)
{
    struct heard h = parse(number);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.last.kind, kind);
    assert_int_equal(h.last.ifindex, ifindex);
    assert_int_equal(h.last.master, master);
    if (kind != GW_NL_STATION && kind != GW_NL_STATION_GONE)
        return;
    assert_int_equal(h.last.lladdr.len, 6);
    assert_memory_equal(h.last.lladdr.b, ((uint8_t[]){2, 0, 0, 0, 0, last_octet}), 6);
}

static void test_carrier(void **state)
{
    (void)state;
    expect(8, GW_NL_CARRIER_UP, 2, 0, 0);
    expect(12, GW_NL_CARRIER_DOWN, 2, 0, 0);
    expect(70, GW_NL_LINK_GONE, 4, 0, 0);
    assert_int_equal(parse(17).count, 0); /* a port's bridge settings say nothing of carriers */
}

static void test_stations(void **state)
{
    (void)state;
    expect(25, GW_NL_STATION, 4, 2, 7);
    expect(30, GW_NL_STATION_GONE, 4, 2, 7);
    expect(48, GW_NL_STATION, 2, 0, 9);
    assert_int_equal(parse(1).count, 0);  /* the bridge's own address is no station */
    assert_int_equal(parse(50).count, 0); /* garbage collection is no departure */
    assert_int_equal(parse(52).count, 0); /* nor is silence */
}

static void test_cut_short(void **state)
{
    (void)state;
    static const int numbers[] = {8, 25, 30, 48, 70};
    uint8_t full[MESSAGE_MAX];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t len = message(numbers[i], full);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *part = malloc(cut + 1); /* so that a sanitizer sees a step too far */
            struct heard h = {0};
            memcpy(part, full, cut);
            assert_int_equal(gw_nl_parse(part, cut, hear, &h), 0);
            assert_int_equal(h.count, 0);
            free(part);
        }
    }
}

static void test_several_in_one_read(void **state)
{
    (void)state;
    _Alignas(8) uint8_t buf[2 * MESSAGE_MAX];
    struct heard h = {0};
    size_t len = message(25, buf);
    len += message(48, buf + len);
    assert_int_equal(gw_nl_parse(buf, len, hear, &h), 0);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.last.lladdr.b[5], 9);
}

static void find_loopback(void *user, const struct gw_nl_event *ev)
{
    bool *found = user;
    *found |= ev->ifindex == 1;
}

static void test_links_of_this_machine(void **state)
{
    (void)state;
    bool found = false;
    assert_int_equal(gw_nl_links(find_loopback, &found), 0);
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carrier),
        cmocka_unit_test(test_stations),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_several_in_one_read),
        cmocka_unit_test(test_links_of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
