/* Hostile neighbour discovery: each of a table of hand-written packets on an access link, in each
 * state of a station's entry, from the link-layer address that the node knows and from one that it
 * does not. All of them break RFC 4861 or RFC 4291, or cannot come from a station: none may change
 * what is shown, stored or forwarded, none is answered, each is counted or refused, and nothing is
 * attached. What valid packets that lie may bring about is in tests/unit/access.
 */
#include "hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EDGE HOSTILE_EDGE

enum {
    PAYLOAD_LEN = 4,
    NEXT_HEADER = 6,
    HOP_LIMIT = 7,
    SRC = 8,
    DST = 24,
    TYPE = 40,
    CODE = 41,
    CHECKSUM = 42,
    FLAGS = 44,
    RS_OPTION = 48,
    TARGET = 48,
    NS_OPTION = 64,
};
enum edit {
    NONE,
    SET,     /* the octet at `at` is arg */
    ADDRESS, /* the address at `at` is addresses[arg] */
    CUT,     /* to `at` octets, and the header says so */
    MORE,    /* arg octets of `at` at the end, and the header says so */
    SPOIL,   /* SET, and the checksum is as before */
    SHORT,   /* to `at` octets, and the header says otherwise */
    LINK,    /* from link-layer address links[arg] */
    IFACE,   /* on interface arg */
};
enum base { RS, NS, DAD, NA, RA };
struct hostile {
    const char *name;
    enum base base;
    struct {
        enum edit what;
        uint16_t at, arg;
    } edit[2];
};

static const struct hostile table[] = {
    {"hop limit 254", RS, {{SET, HOP_LIMIT, 254}}},
    {"hop limit 64", RS, {{SET, HOP_LIMIT, 64}}},
    {"hop limit 0", RS, {{SET, HOP_LIMIT, 0}}},
    {"IPv4", RS, {{SET, 0, 0x45}}},
    {"version 0", RS, {{SET, 0, 0}}},
    {"version 15", RS, {{SET, 0, 0xff}}},
    {"hop-by-hop options", RS, {{SET, NEXT_HEADER, 0}}},
    {"fragment", RS, {{SET, NEXT_HEADER, 44}}},
    {"routing header", RS, {{SET, NEXT_HEADER, 43}}},
    {"destination options", RS, {{SET, NEXT_HEADER, 60}}},
    {"ICMP for IPv4", RS, {{SET, NEXT_HEADER, 1}}},
    {"UDP", RS, {{SET, NEXT_HEADER, 17}}},
    {"IPv6 in IPv6", RS, {{SET, NEXT_HEADER, 41}}},
    {"Mobility Header", RS, {{SET, NEXT_HEADER, 135}}},
    {"no next header", RS, {{SET, NEXT_HEADER, 59}}},
    {"code 1", RS, {{SET, CODE, 1}}},
    {"code 255", RS, {{SET, CODE, 255}}},
    {"checksum", RS, {{SPOIL, CHECKSUM, 0xa5}}},
    {"reserved changed under the checksum", RS, {{SPOIL, FLAGS, 1}}},
    {"payload of nothing", RS, {{SPOIL, PAYLOAD_LEN + 1, 0}}},
    {"payload of 7 octets", RS, {{SPOIL, PAYLOAD_LEN + 1, 7}}},
    {"payload one octet too long", RS, {{SPOIL, PAYLOAD_LEN + 1, 17}}},
    {"payload of 65 kB", RS, {{SPOIL, PAYLOAD_LEN, 255}}},
    {"nothing", RS, {{SHORT, 0, 0}}},
    {"one octet", RS, {{SHORT, 1, 0}}},
    {"half a header", RS, {{SHORT, 20, 0}}},
    {"39 octets", RS, {{SHORT, 39, 0}}},
    {"a header without a payload", RS, {{CUT, 40, 0}}},
    {"a type without a code", RS, {{CUT, 41, 0}}},
    {"7 octets of ICMP", RS, {{CUT, 47, 0}}},
    {"half an option", RS, {{CUT, 52, 0}}},
    {"an octet behind the options", RS, {{MORE, 1, 1}}},
    {"seven octets behind the options", RS, {{MORE, 1, 7}}},
    {"option of length zero", RS, {{SET, RS_OPTION + 1, 0}}},
    {"option of 16 octets in 8", RS, {{SET, RS_OPTION + 1, 2}}},
    {"option of 2040 octets in 8", RS, {{SET, RS_OPTION + 1, 255}}},
    {"unknown option of length zero", RS, {{SET, RS_OPTION, 200}, {SET, RS_OPTION + 1, 0}}},
    {"many options of nothing", RS, {{MORE, 0, 1000}}},
    {"solicitation of nobody that has a link", RS, {{ADDRESS, SRC, 0}}},
    {"from a group", RS, {{ADDRESS, SRC, 2}}},
    {"from the loopback address", RS, {{ADDRESS, SRC, 1}}},
    {"type 0", RS, {{SET, TYPE, 0}}},
    {"echo request", RS, {{SET, TYPE, 128}}},
    {"listener query", RS, {{SET, TYPE, 130}}},
    {"redirect", RS, {{SET, TYPE, 137}}},
    {"type 255", RS, {{SET, TYPE, 255}}},
    {"a rogue router", RA, {{NONE, 0, 0}}},
    {"a router in the anchor's name", RA, {{ADDRESS, SRC, 3}}},
    {"a router with a global address", RA, {{ADDRESS, SRC, 4}}},
    {"target is a group", NS, {{ADDRESS, TARGET, 2}}},
    {"target is the anchor's group", NS, {{ADDRESS, TARGET, 5}}},
    {"half a target", NS, {{CUT, 56, 0}}},
    {"no target", NS, {{CUT, 48, 0}}},
    {"question with an option of length zero", NS, {{SET, NS_OPTION + 1, 0}}},
    {"question with an option too long", NS, {{SET, NS_OPTION + 1, 9}}},
    {"question from a group", NS, {{ADDRESS, SRC, 2}}},
    {"question from the loopback address", NS, {{ADDRESS, SRC, 1}}},
    {"question, code 1", NS, {{SET, CODE, 1}}},
    {"question, hop limit 1", NS, {{SET, HOP_LIMIT, 1}}},
    {"question, checksum", NS, {{SPOIL, CHECKSUM + 1, 0x5a}}},
    {"question, target changed under the checksum", NS, {{SPOIL, TARGET + 15, 0xee}}},
    {"detection with a link-layer address", NS, {{ADDRESS, SRC, 0}}},
    {"detection to all nodes", DAD, {{ADDRESS, DST, 2}}},
    {"detection to the anchor alone", DAD, {{ADDRESS, DST, 3}}},
    {"detection of a group", DAD, {{ADDRESS, TARGET, 2}}},
    {"advertisement of a group", NA, {{ADDRESS, TARGET, 2}}},
    {"solicited advertisement to all", NA, {{SET, FLAGS, 0xe0}}},
    {"advertisement from nowhere", NA, {{ADDRESS, SRC, 0}}},
    {"advertisement from a group", NA, {{ADDRESS, SRC, 2}}},
    {"advertisement from the loopback address", NA, {{ADDRESS, SRC, 1}}},
    {"advertisement of half a target", NA, {{CUT, 63, 0}}},
    {"advertisement with an option of length zero", NA, {{SET, NS_OPTION + 1, 0}}},
    {"advertisement, hop limit 254", NA, {{SET, HOP_LIMIT, 254}}},
    {"advertisement, code 3", NA, {{SET, CODE, 3}}},
    {"advertisement, checksum", NA, {{SPOIL, CHECKSUM, 0x5a}}},
    {"from a group on the link", RS, {{LINK, 0, 0}}},
    {"from all on the link", RS, {{LINK, 0, 1}}},
    {"from no link-layer address", RS, {{LINK, 0, 2}}},
    {"from a link-layer address of three octets", RS, {{LINK, 0, 3}}},
    {"question from a group on the link", NS, {{LINK, 0, 0}}},
    {"advertisement from a group on the link", NA, {{LINK, 0, 0}}},
    {"on the core interface", RS, {{IFACE, 0, 1}}},
    {"on no interface", RS, {{IFACE, 0, 99}}},
};
#define PACKETS (sizeof table / sizeof *table)

static uint8_t buf[2048];

static struct gw_addr anchor(struct world *w)
{
    return w->n[EDGE].cfg->dlif.link_local;
}

static struct gw_addr address(struct world *w, unsigned which)
{
    struct gw_addr own = anchor(w);
    struct gw_addr a[] = {{{0}},
                          {{[15] = 1}},
                          {{0xff, 2, [15] = 1}},
                          own,
                          {{0x20, 1, 0x0d, 0xb8, [15] = 9}},
                          gw_nd_solicited_node(&own)};
    return a[which];
}

static size_t base(struct world *w, enum base b, const struct gw_lladdr *from)
{
    struct gw_nd m = {.src = {{0xfe, 0x80, [15] = 0x55}}, .dst = {{0xff, 2, [15] = 2}}};

    if (b == RS) {
        m.type = GW_ND_RS;
        m.slla = *from;
    } else if (b == RA) {
        m.type = GW_ND_RA;
        m.router_lifetime_s = 9000;
    } else if (b == NA) {
        m.type = GW_ND_NA;
        m.target = m.src;
        m.tlla = *from;
    } else {
        m.type = GW_ND_NS;
        m.target = anchor(w);
        m.dst = gw_nd_solicited_node(&m.target);
        if (b == NS)
            m.slla = *from;
        else
            m.src = (struct gw_addr){0};
    }
    int len = gw_nd_write(&m, buf, sizeof buf);
    assert_true(len > 0);
    return (size_t)len;
}

static void say_length(size_t len)
{
    buf[PAYLOAD_LEN] = (uint8_t)((len - 40) >> 8);
    buf[PAYLOAD_LEN + 1] = (uint8_t)(len - 40);
}

static void sum(size_t len)
{
    struct gw_mh_addrs addrs;

    if (len < NS_OPTION - 20) /* nothing to put it in */
        return;
    memcpy(addrs.src.b, buf + SRC, 16);
    memcpy(addrs.dst.b, buf + DST, 16);
    buf[CHECKSUM] = buf[CHECKSUM + 1] = 0;
    uint16_t s = gw_ip6_checksum(&addrs, 58, buf + 40, len - 40);
    buf[CHECKSUM] = (uint8_t)(s >> 8);
    buf[CHECKSUM + 1] = (uint8_t)s;
}

static size_t edited(struct world *w, const struct hostile *h, size_t len)
{
    for (size_t i = 0; i < 2; i++) {
        enum edit what = h->edit[i].what;
        size_t at = h->edit[i].at, arg = h->edit[i].arg;
        if (what == SET) {
            buf[at] = (uint8_t)arg;
        } else if (what == ADDRESS) {
            struct gw_addr a = address(w, (unsigned)arg);
            memcpy(buf + at, a.b, 16);
        } else if (what == CUT) {
            len = at;
            say_length(len);
        } else if (what == MORE) {
            memset(buf + len, (int)at, arg);
            len += arg;
            say_length(len);
        }
    }
    sum(len);
    for (size_t i = 0; i < 2; i++)
        if (h->edit[i].what == SPOIL)
            buf[h->edit[i].at] ^= h->edit[i].at == PAYLOAD_LEN + 1
                                      ? (uint8_t)(buf[h->edit[i].at] ^ h->edit[i].arg)
                                      : (uint8_t)h->edit[i].arg;
        else if (h->edit[i].what == SHORT)
            len = h->edit[i].at;
    return len;
}

static uint64_t counted(const struct gw_node *n)
{
    uint64_t total = n->access.count.invalid;

    for (size_t i = 0; i < GW_CNT_MAX; i++)
        total += n->lm.count[i];
    return total;
}

static void hear(struct world *w, const struct hostile *h, struct gw_lladdr from, const char *state)
{
    static const struct gw_lladdr links[] = {
        {6, {0x33, 0x33, 0, 0, 0, 1}}, {6, {255, 255, 255, 255, 255, 255}}, {0}, {3, {2, 0, 0}}};
    struct sim_node *n = &w->n[EDGE];
    char *before = hostile_snapshot(w, EDGE);
    unsigned said = w->seen[EDGE].nds, sent = w->messages;
    uint64_t count = counted(n->node);
    size_t len = edited(w, h, base(w, h->base, &from));
    struct gw_input in = {.kind = GW_IN_ND, .nd = {.iface = w_station(1).iface, .src = from}};

    if (h->edit[0].what == LINK)
        in.nd.src = links[h->edit[0].arg];
    else if (h->edit[0].what == IFACE)
        in.nd.iface = h->edit[0].arg;
    uint8_t *exact = malloc(len + (len == 0)); /* so that the sanitizer sees an octet too far */
    memcpy(exact, buf, len);
    in.nd.data = exact;
    in.nd.len = len;
    int err = w_input(w, EDGE, &in);
    free(exact);
    if (err == 0)
        fail_msg("%s, %s: taken", state, h->name);
    if (err == GW_EFORMAT && counted(n->node) == count)
        fail_msg("%s, %s: is not counted", state, h->name);
    if (w->seen[EDGE].nds != said || w->messages != sent)
        fail_msg("%s, %s: is answered", state, h->name);
    char *after = hostile_snapshot(w, EDGE);
    if (strcmp(before, after) != 0)
        fail_msg("%s, %s: before\n%s\nafter\n%s", state, h->name, before, after);
    free(before);
    free(after);
}

static void attack(struct world *w, const char *state)
{
    struct gw_lladdr known = w_station(1).lladdr, stranger = w_station(50).lladdr;

    w->tap = hostile_lose;
    for (size_t i = 0; i < PACKETS; i++) {
        hear(w, &table[i], known, state);
        hear(w, &table[i], stranger, state);
    }
    print_message("[ hostile  ] %s: %zu packets, each of a station and of a stranger\n", state,
                  PACKETS);
    assert_true(PACKETS >= 64);
    /* What they were made from is believed. */
    struct gw_input in = {.kind = GW_IN_ND,
                          .nd = {w_station(51).iface, w_station(51).lladdr, buf, 0}};
    in.nd.len = base(w, RS, &in.nd.src);
    assert_int_equal(w_input(w, EDGE, &in), 0);
    assert_true(gw_attach_holds(w->n[EDGE].node, &(struct gw_station_key){in.nd.iface, in.nd.src}));
    w_free(w);
}

static struct world *served(size_t away)
{
    struct world *w = w_new(3, 64);

    assert_int_equal(w_attach(w, EDGE, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, EDGE, 1)->state, GW_MN_SERVING);
    if (away != 0) {
        assert_int_equal(w_attach(w, away, 1), 0);
        w_run(w, GW_SEC(1));
        assert_int_equal(w_mn(w, EDGE, 1)->state, GW_MN_PREVIOUS);
    }
    return w;
}

static void unknown(void **state)
{
    (void)state;
    attack(w_new(3, 64), "unknown");
}

static void registering(void **state)
{
    struct world *w = w_new(3, 64);

    (void)state;
    w->tap = hostile_lose;
    assert_int_equal(w_attach(w, EDGE, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_mn(w, EDGE, 1)->state, GW_MN_REGISTERING);
    attack(w, "registering");
}

static void serving(void **state)
{
    (void)state;
    attack(served(0), "serving");
}

static void guarded(void **state)
{
    struct world *w = served(0);

    (void)state;
    assert_int_equal(w_detach(w, EDGE, 1), 0);
    w_run(w, GW_SEC(1));
    assert_true(gw_timer_is_set(&w_mn(w, EDGE, 1)->guard));
    attack(w, "believed gone");
}

static void deregistering(void **state)
{
    struct world *w = served(0);

    (void)state;
    w->tap = hostile_lose;
    assert_int_equal(w_detach(w, EDGE, 1), 0);
    w_run(w, GW_MSEC(3500));
    assert_int_equal(w_mn(w, EDGE, 1)->state, GW_MN_DEREGISTERING);
    attack(w, "deregistering");
}

static void previous(void **state)
{
    (void)state;
    attack(served(2), "previous");
}

static void returned(void **state)
{
    struct world *w = served(2);

    (void)state;
    assert_int_equal(w_attach(w, 2, 2), 0);
    assert_int_equal(w_attach(w, EDGE, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, EDGE, 1)->b.nanchors, 2); /* two DLIFs */
    attack(w, "serving with a previous anchor");
}

static void refused(void **state)
{
    struct world *w = w_new(3, 64);

    (void)state;
    w->n[0].policy.allow = false;
    assert_int_equal(w_attach(w, EDGE, 1), 0);
    w_run(w, GW_MSEC(100));
    assert_int_equal(w_mn(w, EDGE, 1)->state, GW_MN_REFUSED);
    attack(w, "refused");
}

static void immobile(void **state)
{
    struct world *w = w_new(3, 64);

    (void)state;
    w->n[EDGE].policy.anchoring = GW_ANCHORING_NONE;
    assert_int_equal(w_attach(w, EDGE, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_mn(w, EDGE, 1)->state, GW_MN_LOCAL);
    attack(w, "without mobility");
}

static void mag(void **state)
{
    struct world *w = w_new_pmip(3, 64);

    (void)state;
    assert_int_equal(w_attach(w, EDGE, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(gw_native_stations(w->n[EDGE].plane), 1);
    attack(w, "served by a mag");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown),  cmocka_unit_test(registering),   cmocka_unit_test(serving),
        cmocka_unit_test(guarded),  cmocka_unit_test(deregistering), cmocka_unit_test(previous),
        cmocka_unit_test(returned), cmocka_unit_test(refused),       cmocka_unit_test(immobile),
        cmocka_unit_test(mag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
