/* traffic.c: what telling of instances on egresses costs as many ingresses, in octets of IPv6
 * packets with authentication, by how many instances change each second. All are neighbours of all,
 * so that egresses hear of each other too; links take 5 ms and lose nothing. The figures are
 * printed; what they must not exceed is what the change itself costs, once to each other node.
 */
#include "../test.h"

#include "../test_alloc.h"
#include "base/prng.h"
#include "fn/metric/metric.h"
#include "wire/auth.h"

#define EGRESSES  (d.egresses)
#define NODES     (2 * d.egresses) /* and as many ingresses */
#define NODES_MAX 200u
#define INSTANCES (EGRESSES * OF_EACH)
#define OF_EACH   10u /* instances of an egress */
#define IP6       40u
#define WAY       5 /* ms */
#define FLYING    1000000u
#define RECORD    80u /* octets of an INSTANCE and its share of SERVICE, ORIGIN and headers */
#define MESSAGE   (IP6 + 96u) /* of an UPDATE without them, and so an ACK */

struct packet {
    int64_t at;
    uint16_t from, to, len;
    uint8_t *data;
};
struct node {
    struct gw_metric_config cfg;
    struct gw_timers timers;
    struct gw_mh out;
    struct gw_metric m;
    uint32_t index, news;
};
static struct {
    struct test_alloc mem;
    struct gw_alloc al;
    struct gw_time now;
    uint32_t egresses;
    struct node node[NODES_MAX];
    struct packet flying[FLYING]; /* a ring: all take the same time */
    size_t first, count;
    uint64_t sent, octets, wrong;
} d;

static const struct gw_key key = {.spi = 256, .alg = GW_AUTH_HMAC_SHA256_128, .len = 16};

static struct gw_addr address(uint32_t i)
{
    return (struct gw_addr){.b = {0x20, 0x01, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
}

static int send(void *user, const struct gw_addr *to, struct gw_mh *m)
{
    const struct node *n = user;
    struct gw_mh_addrs a = {.src = address(n->index), .dst = *to};
    uint8_t octets[GW_MH_MAX];
    struct gw_opt *id = gw_mh_add(m, GW_OPT_MESGID);

    assert_non_null(id);
    id->u64 = (uint64_t)d.now.ns;
    int len = gw_mh_write_auth(&gw_mh_codec_default, &a, m, &key, octets, sizeof octets);
    assert_true(len > 0 && d.count < FLYING);
    struct packet *p = &d.flying[(d.first + d.count++) % FLYING];
    *p = (struct packet){.at = d.now.ns + WAY * 1000000,
                         .from = (uint16_t)n->index,
                         .to = (uint16_t)(to->b[14] << 8 | to->b[15]),
                         .len = (uint16_t)len,
                         .data = malloc((size_t)len)};
    assert_non_null(p->data);
    memcpy(p->data, octets, (size_t)len);
    d.sent++;
    d.octets += (uint64_t)len + IP6;
    return 0;
}

static bool may(void *user, const struct gw_addr *from, const struct gw_metric_key *k,
                const struct gw_cats_instance *v)
{
    (void)user;
    (void)from;
    (void)k;
    (void)v;
    return true;
}

static void changed(void *user, const struct gw_metric_instance *x)
{
    (void)x;
    ((struct node *)user)->news++;
}

static const struct gw_metric_ops ops = {send, may, changed};

static void start(uint32_t i)
{
    struct node *n = &d.node[i];

    n->index = i;
    n->cfg = (struct gw_metric_config){.self = address(i),
                                       .pace = GW_MSEC(50),
                                       .retransmit = GW_SEC(1),
                                       .retransmit_max = GW_SEC(32),
                                       .tries = 5,
                                       .digest = GW_SEC(10),
                                       .instances = 4096,
                                       .origins = 1024};
    gw_timers_init(&n->timers, &d.al);
    n->m = (struct gw_metric){.cfg = &n->cfg,
                              .al = &d.al,
                              .timers = &n->timers,
                              .now = d.now,
                              .ops = &ops,
                              .user = n,
                              .out = &n->out};
    assert_int_equal(gw_metric_init(&n->m, 1, i), 0);
    for (uint32_t j = 0; j < NODES; j++) {
        struct gw_addr a = address(j);
        if (i != j)
            assert_int_equal(gw_metric_neighbour_add(&n->m, &a, false), 0);
    }
}

static void deliver(void)
{
    static struct gw_mh mh;
    struct packet p = d.flying[d.first];
    struct gw_mh_addrs a = {.src = address(p.from), .dst = address(p.to)};
    struct node *n = &d.node[p.to];

    d.first = (d.first + 1) % FLYING;
    d.count--;
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, &a, p.data, p.len, &mh).code, GW_PARSE_OK);
    n->m.now = d.now;
    (void)gw_metric_input(&n->m, &a.src, &mh);
    free(p.data);
}

static void run(int64_t ms)
{
    for (; ms > 0; ms--) {
        d.now.ns += 1000000;
        while (d.count > 0 && d.flying[d.first].at <= d.now.ns)
            deliver();
        for (size_t i = 0; i < NODES; i++) {
            d.node[i].m.now = d.now;
            if (gw_timers_next(&d.node[i].timers).ns <= d.now.ns)
                (void)gw_timers_run(&d.node[i].timers, d.now, 1000, NULL);
        }
    }
}

static void say(uint32_t egress, uint32_t i, uint32_t load)
{
    struct gw_cats_service k = {.cs_id = {{0x20, 2}}, .proto = 6, .port = 443};
    struct gw_cats_instance v = {.state = GW_CATS_UP,
                                 .lifetime = 3600,
                                 .in_flight = load,
                                 .csci_id = {{0x20, 3, [13] = (uint8_t)egress, [15] = (uint8_t)i}}};

    d.node[egress].m.now = d.now;
    assert_int_equal(gw_metric_say(&d.node[egress].m, &k, &v), 0);
}

/* Octets a second while so many instances change every second; each is measured anew, and
 * told if changed, once a second. */
static uint64_t measure(const char *what, uint32_t changing, uint32_t seconds)
{
    uint64_t octets = d.octets, sent = d.sent;

    for (uint32_t s = 0; s < seconds; s++) {
        for (uint32_t k = 0; k < changing; k++)
            say(k % EGRESSES, k / EGRESSES, 1000 + s * 7 + k);
        run(1000);
    }
    octets = (d.octets - octets) / seconds;
    print_message("%-34s %9llu octets/s, %6llu messages/s\n", what, (unsigned long long)octets,
                  (unsigned long long)((d.sent - sent) / seconds));
    return octets;
}

static void test_traffic(void **state)
{
    (void)state;
    d.al = test_alloc_of(&d.mem);
    d.now = GW_SEC(100);
    for (uint32_t i = 0; i < NODES; i++)
        start(i);
    run(1500);
    for (uint32_t k = 0; k < INSTANCES; k++)
        say(k % EGRESSES, k / EGRESSES, 1);
    run(3000);
    for (uint32_t i = EGRESSES; i < NODES; i++)
        assert_int_equal(gw_table_count(&d.node[i].m.instances), INSTANCES);
    uint64_t none = measure("none changes", 0, 10);
    uint64_t tenth = measure("one in ten changes each second", INSTANCES / 10, 10);
    uint64_t all = measure("all change each second", INSTANCES, 10);
    /* A change costs each node one record; an UPDATE and an ACK carry those of an egress. */
    const uint64_t others = NODES - 1, update = others * EGRESSES * 2 * MESSAGE;
    assert_true(tenth <= none + update + others * INSTANCES / 10 * RECORD);
    assert_true(all <= none + update + others * INSTANCES * RECORD);
    assert_true(none * 4 < tenth && tenth * 2 < all);
    for (uint32_t i = EGRESSES; i < NODES; i++) /* each heard of each change once */
        assert_int_equal(d.node[i].news, INSTANCES * 12);
    for (uint32_t i = 0; i < NODES; i++) {
        gw_metric_free(&d.node[i].m);
        gw_timers_free(&d.node[i].timers);
    }
    while (d.count > 0) {
        free(d.flying[d.first].data);
        d.first = (d.first + 1) % FLYING;
        d.count--;
    }
    assert_int_equal(d.mem.held, 0);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_traffic)};

/* With an argument: so many egresses and ingresses, at most 100 of each. */
int main(int argc, char **argv)
{
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 20;

    d.egresses = n > 0 && n <= (long)NODES_MAX / 2 ? (uint32_t)n : 20;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
