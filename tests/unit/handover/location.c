/* location.c: ingresses and location servers on a network that loses, repeats and delays: every
 * server comes to know what is so; questions are answered; restarts lose nothing; who lies is
 * refused; memory that fails is survived; how many clients a second it is good for.
 */
#include "fn/handover/location.h"
#include "fn/handover/locate.h"

#include "../test.h"
#include "../test_alloc.h"
#include "base/prng.h"
#include "node/config.h"

#define SERVERS   2
#define INGRESSES 3
#define NODES     (SERVERS + INGRESSES)
#define FLYING    4096
#define RECORDS   512

struct record {
    uint8_t key[17], value[300];
    size_t len; /* 0: none */
};
struct node {
    struct gw_addr addr;
    struct gw_config cfg;
    struct gw_locations server;
    struct gw_metric metric;
    struct gw_metric_config rules;
    struct gw_locates locates;
    struct gw_mh out;
    struct record disk[RECORDS];
    bool up, full_disk;
    struct gw_prefix asked[64]; /* answers */
    struct gw_addr found[64];
    size_t nfound;
};
struct flight {
    struct gw_time at;
    size_t from, to, len;
    uint8_t data[GW_MH_MAX];
};

static struct {
    struct test_alloc mem;
    struct gw_alloc al;
    struct gw_timers timers;
    struct gw_time now;
    struct gw_prng prng;
    struct node n[NODES];
    struct gw_addr servers[SERVERS];
    struct flight *flight;
    size_t nflight;
    unsigned loss, dup; /* of 100 */
    uint64_t messages;
    struct gw_mh in;
} t;

static struct gw_prefix client(unsigned i)
{
    return (struct gw_prefix){
        .addr = {{0x20, 0x01, 0x0d, 0xb8, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}},
        .len = 64};
}

static struct gw_lladdr mac(unsigned i)
{
    return (struct gw_lladdr){6, {2, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static struct gw_now now(void)
{
    return (struct gw_now){.mono = t.now, .wall_ns = t.now.ns + 1700000000000000000};
}

static size_t node_at(const struct gw_addr *a)
{
    return a->b[15] - 1u;
}

/* -- network and disk ---------------------------------------------------------------------------
 */

static void fly(size_t from, size_t to, const struct gw_mh *m)
{
    struct flight *f = &t.flight[t.nflight];
    struct gw_mh copy = *m;

    assert_true(t.nflight < FLYING);
    *f = (struct flight){.at = gw_time_add(t.now, GW_MSEC(5)), .from = from, .to = to};
    int len = gw_mh_write(&gw_mh_codec_default, NULL, &copy, f->data, sizeof f->data);
    assert_true(len > 0);
    f->len = (size_t)len;
    t.nflight++;
}

static int send(void *user, const struct gw_addr *to, struct gw_mh *m)
{
    const struct node *n = user;
    size_t from = (size_t)(n - t.n);

    t.messages++;
    if (gw_prng_below(&t.prng, 100) >= t.loss)
        fly(from, node_at(to), m);
    if (gw_prng_below(&t.prng, 100) < t.dup)
        fly(from, node_at(to), m);
    return 0;
}

static void put(void *user, const void *key, size_t key_len, const void *value, size_t len)
{
    struct node *n = user;
    struct record *free = NULL;

    assert_int_equal(key_len, 17);
    assert_true(len <= sizeof n->disk[0].value);
    for (size_t i = 0; i < RECORDS && !n->full_disk; i++) {
        struct record *r = &n->disk[i];
        if (r->len != 0 && memcmp(r->key, key, 17) == 0) {
            free = r;
            break;
        }
        free = free == NULL && r->len == 0 ? r : free;
    }
    if (free == NULL)
        return;
    memcpy(free->key, key, 17);
    memcpy(free->value, value, len);
    free->len = len;
}

static void del(void *user, const void *key, size_t key_len)
{
    struct node *n = user;

    (void)key_len;
    for (size_t i = 0; i < RECORDS && !n->full_disk; i++)
        if (n->disk[i].len != 0 && memcmp(n->disk[i].key, key, 17) == 0)
            n->disk[i].len = 0;
}

static size_t records(size_t node)
{
    size_t n = 0;

    for (size_t i = 0; i < RECORDS; i++)
        n += t.n[node].disk[i].len != 0;
    return n;
}

static void located(void *user, const struct gw_prefix *p, const struct gw_addr *ingress)
{
    struct node *n = user;

    n->asked[n->nfound % 64] = *p;
    n->found[n->nfound++ % 64] = *ingress;
}

static const struct gw_location_ops server_ops = {send, put, del};
static const struct gw_metric_ops metric_ops = {.send = send};

/* -- nodes --------------------------------------------------------------------------------------
 */

static void boot_server(size_t i)
{
    struct node *n = &t.n[i];

    n->server = (struct gw_locations){.cfg = &n->cfg,
                                      .al = &t.al,
                                      .timers = &t.timers,
                                      .now = now(),
                                      .ops = &server_ops,
                                      .user = n};
    gw_locations_init(&n->server, 7);
    for (size_t r = 0; r < RECORDS; r++)
        if (n->disk[r].len != 0)
            assert_int_equal(gw_locations_restore(&n->server, n->disk[r].key, 17, n->disk[r].value,
                                                  n->disk[r].len),
                             0);
    n->up = true;
}

static void crash_server(size_t i)
{
    gw_locations_free(&t.n[i].server);
    t.n[i].up = false;
}

static void boot_ingress(size_t i)
{
    struct node *n = &t.n[i];

    n->rules = (struct gw_metric_config){
        .retransmit = GW_SEC(1), .retransmit_max = GW_SEC(32), .tries = 5};
    n->metric = (struct gw_metric){.cfg = &n->rules,
                                   .al = &t.al,
                                   .timers = &t.timers,
                                   .now = t.now,
                                   .ops = &metric_ops,
                                   .user = n,
                                   .out = &n->out};
    n->locates = (struct gw_locates){
        .cfg = &n->cfg, .al = &t.al, .metric = &n->metric, .located = located, .user = n};
    assert_int_equal(gw_locates_init(&n->locates, 5), 0);
    n->up = true;
}

static void begin(void)
{
    struct flight *flight = t.flight;

    memset(&t, 0, sizeof t);
    t.flight = flight != NULL ? flight : malloc(FLYING * sizeof *flight);
    t.al = test_alloc_of(&t.mem);
    gw_prng_seed(&t.prng, 3);
    t.now = GW_SEC(100);
    gw_timers_init(&t.timers, &t.al);
    for (size_t i = 0; i < NODES; i++) {
        struct node *n = &t.n[i];
        n->addr.b[15] = (uint8_t)(i + 1);
        gw_config_defaults(&n->cfg);
        n->cfg.addr = n->addr;
        n->cfg.handover.locations = 200000;
        n->cfg.handover.clients = 200000;
        n->cfg.handover.find = GW_FIND_SERVER;
        n->cfg.handover.servers = t.servers;
        n->cfg.handover.nservers = SERVERS;
        t.servers[i % SERVERS] = t.n[i % SERVERS].addr;
    }
    for (size_t i = 0; i < NODES; i++)
        i < SERVERS ? boot_server(i) : boot_ingress(i);
}

static void end(void)
{
    for (size_t i = 0; i < NODES; i++)
        if (i < SERVERS && t.n[i].up)
            gw_locations_free(&t.n[i].server);
        else if (i >= SERVERS)
            gw_locates_free(&t.n[i].locates);
    gw_timers_free(&t.timers);
    assert_int_equal(t.mem.held, 0);
    free(t.flight);
    t.flight = NULL;
}

static void deliver(const struct flight *f)
{
    struct node *n = &t.n[f->to];
    const struct gw_addr *from = &t.n[f->from].addr;

    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, NULL, f->data, f->len, &t.in).code,
                     GW_PARSE_OK);
    if (!n->up)
        return;
    if (f->to < SERVERS)
        (void)gw_locations_message(&n->server, from, &t.in);
    else if (t.in.exp.cats.type == GW_CATS_ACK)
        (void)gw_locates_ack(&n->locates, from, t.in.exp.cats.seq);
    else
        (void)gw_locates_located(&n->locates, from, &t.in);
}

static void set_clocks(void)
{
    for (size_t i = 0; i < NODES; i++) {
        t.n[i].server.now = now();
        t.n[i].metric.now = t.now;
    }
}

static void run(struct gw_time span)
{
    struct gw_time last = gw_time_add(t.now, span);

    while (gw_time_before(t.now, last)) {
        t.now = gw_time_add(t.now, GW_MSEC(1));
        set_clocks();
        size_t n = t.nflight, kept = 0;
        for (size_t i = 0; i < n; i++) {
            struct flight f = t.flight[i];
            if (gw_time_before(t.now, f.at))
                t.flight[kept++] = f;
            else
                deliver(&f);
        }
        memmove(&t.flight[kept], &t.flight[n], (t.nflight - n) * sizeof *t.flight);
        t.nflight -= n - kept;
        (void)gw_timers_run(&t.timers, t.now, 100000, NULL);
    }
}

/* -- what is so ---------------------------------------------------------------------------------
 */

static void say(size_t ingress, unsigned i, uint32_t generation, size_t egresses)
{
    struct gw_prefix p = client(i);
    struct gw_lladdr ll = mac(i);
    struct gw_addr egress[GW_CATS_EGRESSES + 1] = {{{1}}, {{2}}, {{3}}};

    assert_int_equal(gw_locates_set(&t.n[ingress].locates, &p, &ll, generation, egress, egresses),
                     0);
}

static const struct gw_location *known(size_t server, unsigned i)
{
    struct gw_prefix p = client(i);

    return gw_table_get(&t.n[server].server.by_client, &p);
}

static void check_at(unsigned i, size_t ingress, size_t egresses)
{
    struct gw_lladdr ll = mac(i);

    for (size_t s = 0; s < SERVERS; s++) {
        const struct gw_location *e = known(s, i);
        assert_non_null(e);
        assert_true(gw_addr_eq(&e->ingress, &t.n[ingress].addr));
        assert_true(gw_lladdr_eq(&e->lladdr, &ll));
        assert_int_equal(e->negresses, egresses);
    }
}

static void check_nowhere(unsigned i)
{
    for (size_t s = 0; s < SERVERS; s++)
        assert_null(known(s, i));
}

static void ask(size_t ingress, unsigned i)
{
    struct gw_prefix p = client(i);
    struct gw_lladdr ll = mac(i);

    assert_true(gw_locates_ask(&t.n[ingress].locates, &p, &ll));
}

/* The n-th answer there. */
static void check_found(size_t ingress, size_t n, unsigned i, const struct gw_addr *at)
{
    struct gw_prefix p = client(i);

    assert_true(t.n[ingress].nfound > n);
    assert_true(gw_prefix_eq(&t.n[ingress].asked[n], &p));
    assert_true(gw_addr_eq(&t.n[ingress].found[n], at));
}

static const struct gw_addr nobody;

/* From the first flow to the last, and over to another ingress. */
static void test_life(void **state)
{
    (void)state;
    begin();
    say(2, 1, 0, 2);
    run(GW_MSEC(20));
    check_at(1, 2, 2);
    assert_int_equal(records(0), 1);
    ask(3, 1);
    ask(3, 1); /* once */
    ask(3, 9);
    run(GW_MSEC(20));
    assert_int_equal(t.n[3].nfound, 2);
    check_found(3, 0, 1, &t.n[2].addr);
    check_found(3, 1, 9, &nobody);
    say(3, 1, 1, 1);
    say(2, 1, 0, 0); /* it has gone from there */
    run(GW_MSEC(20));
    check_at(1, 3, 1);
    assert_int_equal(gw_locates_waiting(&t.n[2].locates), 0);
    assert_int_equal(gw_table_count(&t.n[2].locates.by_client), 0);
    run(GW_SEC(1000)); /* it is said again and again */
    check_at(1, 3, 1);
    say(3, 1, 1, 0);
    run(GW_SEC(2));
    check_nowhere(1);
    assert_int_equal(records(0) + records(1), 0);
    assert_int_equal(gw_table_count(&t.n[3].locates.by_client), 0);
    end();
}

/* Who is gone without a word is forgotten. */
static void test_expiry(void **state)
{
    (void)state;
    begin();
    say(2, 1, 0, 1);
    run(GW_MSEC(20));
    gw_locates_free(&t.n[2].locates);
    t.n[2].up = false;
    run(GW_SEC(299));
    check_at(1, 2, 1);
    run(GW_SEC(2));
    check_nowhere(1);
    assert_int_equal(records(0) + records(1), 0);
    boot_ingress(2);
    end();
}

/* Whatever is lost or comes twice, in the end everybody knows what is so. */
static void test_noise(void **state)
{
    (void)state;
    begin();
    t.loss = 40;
    t.dup = 30;
    for (unsigned i = 0; i < 100; i++)
        say(2, i, 0, 1 + i % 3);
    run(GW_SEC(3));
    for (unsigned i = 0; i < 100; i += 2) {
        say(3, i, 1, 2);
        say(2, i, 0, 0);
    }
    run(GW_SEC(400));
    t.loss = t.dup = 0;
    run(GW_SEC(110));
    for (unsigned i = 0; i < 100; i++)
        check_at(i, i % 2 == 0 ? 3 : 2, i % 2 == 0 ? 2 : 1 + i % 3);
    for (unsigned i = 0; i < 100; i++)
        say(i % 2 == 0 ? 3 : 2, i, i % 2 == 0, 0);
    run(GW_SEC(3));
    for (unsigned i = 0; i < 100; i++)
        check_nowhere(i);
    assert_int_equal(gw_locates_waiting(&t.n[2].locates) + gw_locates_waiting(&t.n[3].locates), 0);
    end();
}

/* A server that restarts knows what it has acknowledged; one that has lost its disk hears it again;
 * one that is not there holds up nobody. */
static void test_restart(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 50; i++)
        say(2, i, 0, 1);
    run(GW_MSEC(50));
    crash_server(0);
    boot_server(0);
    for (unsigned i = 0; i < 50; i++)
        check_at(i, 2, 1);
    crash_server(0);
    crash_server(1);
    memset(t.n[1].disk, 0, sizeof t.n[1].disk);
    boot_server(1);
    ask(3, 7);
    run(GW_MSEC(20)); /* the one that is there does not know it, the other does not answer */
    assert_int_equal(t.n[3].nfound, 0);
    run(GW_SEC(101));
    check_found(3, 0, 7, &nobody);
    for (unsigned i = 0; i < 50; i++)
        assert_non_null(known(1, i));
    say(2, 7, 0, 0);
    run(GW_SEC(5));
    assert_null(known(1, 7));
    boot_server(0);
    run(GW_SEC(110));
    check_nowhere(7);
    check_at(8, 2, 1);
    assert_int_equal(gw_locates_waiting(&t.n[2].locates), 0);
    end();
}

/* A lifetime passes while it is off, and the clock may be set back meanwhile. */
static void test_restart_late(void **state)
{
    struct record old;

    (void)state;
    begin();
    say(2, 1, 0, 1);
    run(GW_MSEC(20));
    old = t.n[0].disk[0];
    crash_server(0);
    t.n[0].server.now = now();
    t.now = gw_time_add(t.now, GW_SEC(301));
    boot_server(0);
    assert_null(known(0, 1));
    assert_int_equal(records(0), 0);
    crash_server(0);
    old.value[0] = 9; /* another version */
    t.n[0].up = true;
    boot_server(0);
    assert_int_equal(gw_locations_restore(&t.n[0].server, old.key, 17, old.value, old.len),
                     GW_EFORMAT);
    old.value[0] = 1;
    old.value[1] = 0x7f; /* far in the future */
    for (size_t len = 0; len < old.len; len++)
        assert_int_equal(gw_locations_restore(&t.n[0].server, old.key, 17, old.value, len),
                         GW_EFORMAT);
    assert_int_equal(gw_locations_restore(&t.n[0].server, old.key, 17, old.value, old.len), 0);
    assert_true(gw_timer_at(&t.timers, &known(0, 1)->timer).ns <= t.now.ns + GW_SEC(UINT16_MAX).ns);
    end();
}

/* -- who may ------------------------------------------------------------------------------------
 */

static int forge(size_t from, unsigned i, size_t of, uint32_t generation, uint16_t lifetime)
{
    static struct gw_cats_buf b;
    struct gw_cats_item item = {.type = GW_CATS_LOCATION,
                                .location = {.lifetime = lifetime,
                                             .generation = generation,
                                             .client = client(i).addr,
                                             .ingress = t.n[of].addr}};

    gw_cats_begin(&t.in, &b, GW_CATS_LOCATE, 0, 1);
    assert_int_equal(gw_cats_add(&t.in, &b, &item), 0);
    return gw_locations_message(&t.n[0].server, &t.n[from].addr, &t.in);
}

static uint64_t count(enum gw_location_count c)
{
    return t.n[0].server.count[c];
}

static void test_hostile_writers(void **state)
{
    (void)state;
    begin();
    say(2, 1, 5, 1);
    run(GW_MSEC(20));
    assert_int_equal(forge(3, 1, 2, 9, 0), 0); /* in the name of another */
    assert_int_equal(forge(3, 1, 4, 9, 60), 0);
    assert_int_equal(count(GW_LOCCNT_DENIED), 2);
    (void)forge(3, 1, 3, 5, 60); /* it has not taken it over */
    (void)forge(3, 1, 3, 4, 60);
    (void)forge(3, 1, 3, 5u - 0x7fffffff, 60);
    (void)forge(2, 1, 2, 4, 60); /* its own, but late */
    (void)forge(3, 1, 3, 9, 0);  /* withdraws what it has not said */
    assert_int_equal(count(GW_LOCCNT_STALE), 5);
    check_at(1, 2, 1);
    (void)forge(3, 1, 3, 6, 60);
    assert_true(gw_addr_eq(&known(0, 1)->ingress, &t.n[3].addr));
    (void)forge(3, 2, 3, 6, 0); /* nothing was there */
    assert_null(known(0, 2));
    end();
}

/* Messages that are cut, and answers that nobody asked for. */
static void test_hostile_messages(void **state)
{
    static struct gw_cats_buf b;
    struct gw_cats_item item = {.type = GW_CATS_LOCATION,
                                .location = {60, 9, client(1).addr, t.n[3].addr, {0}, 0, {{{0}}}}};

    (void)state;
    begin();
    item.location.ingress = t.n[3].addr;
    gw_cats_begin(&t.in, &b, GW_CATS_LOCATE, 0, 1);
    assert_int_equal(gw_cats_add(&t.in, &b, &item), 0);
    assert_int_equal(gw_cats_add(&t.in, &b, &item), 0);
    t.in.opt[1].raw.len = 20; /* nothing of it counts */
    assert_int_equal(gw_locations_message(&t.n[0].server, &t.n[3].addr, &t.in), GW_EFORMAT);
    assert_int_equal(count(GW_LOCCNT_MALFORMED), 1);
    assert_null(known(0, 1));
    t.in.exp.cats.type = GW_CATS_UPDATE;
    assert_int_equal(gw_locations_message(&t.n[0].server, &t.n[3].addr, &t.in), GW_EINVAL);
    run(GW_MSEC(20));
    ask(2, 1);
    run(GW_MSEC(2)); /* the question is on its way */
    gw_cats_begin(&t.in, &b, GW_CATS_LOCATED, 0, 1);
    assert_int_equal(gw_cats_add(&t.in, &b, &item), 0);
    assert_int_equal(gw_locates_located(&t.n[2].locates, &t.n[3].addr, &t.in), GW_EDENIED);
    t.in.exp.cats.seq = 77;
    assert_int_equal(gw_locates_located(&t.n[2].locates, &t.n[0].addr, &t.in), GW_EDENIED);
    assert_int_equal(t.n[2].locates.count[GW_LOCATECNT_UNASKED], 2);
    item.location.client = client(2).addr; /* a client that it was not asked about */
    gw_cats_begin(&t.in, &b, GW_CATS_LOCATED, 0, t.n[2].metric.seq);
    assert_int_equal(gw_cats_add(&t.in, &b, &item), 0);
    (void)gw_locates_located(&t.n[2].locates, &t.n[1].addr, &t.in);
    assert_int_equal(t.n[2].nfound, 0);
    run(GW_MSEC(20));
    check_found(2, 0, 1, &nobody);
    end();
}

static void test_limits(void **state)
{
    (void)state;
    begin();
    t.n[0].server.by_client.limit = 2;
    for (unsigned i = 0; i < 3; i++)
        say(2, i, 0, 1);
    run(GW_MSEC(20));
    assert_int_equal(gw_table_count(&t.n[0].server.by_client), 2);
    assert_int_equal(count(GW_LOCCNT_LIMIT), 1);
    assert_int_equal(gw_table_count(&t.n[1].server.by_client), 3);
    say(2, 0, 0, GW_CATS_EGRESSES + 1);
    assert_int_equal(t.n[2].locates.count[GW_LOCATECNT_EGRESSES], 1);
    t.n[2].locates.by_client.limit = 3;
    struct gw_prefix p = client(9);
    struct gw_lladdr ll = mac(9);
    struct gw_addr egress = {{1}};
    assert_int_equal(gw_locates_set(&t.n[2].locates, &p, &ll, 0, &egress, 1), GW_EFULL);
    assert_false(gw_locates_ask(&t.n[2].locates, &p, &ll));
    assert_int_equal(t.n[2].locates.count[GW_LOCATECNT_LIMIT], 2);
    end();
}

/* Servers come and go by reload. */
static void test_reload(void **state)
{
    struct gw_locates *l = &t.n[2].locates;

    (void)state;
    begin();
    t.n[2].cfg.handover.nservers = 1;
    assert_int_equal(gw_locates_reload(l), 0);
    say(2, 1, 0, 1);
    run(GW_MSEC(20));
    assert_non_null(known(0, 1));
    assert_null(known(1, 1));
    t.n[2].cfg.handover.nservers = 2;
    assert_int_equal(gw_locates_reload(l), 0);
    run(GW_MSEC(20));
    check_at(1, 2, 1);
    t.loss = 100;
    ask(2, 5);
    run(GW_MSEC(20));
    t.n[2].cfg.handover.nservers = 0;
    assert_int_equal(gw_locates_reload(l), 0);
    check_found(2, 0, 5, &nobody);
    struct gw_prefix p = client(6);
    struct gw_lladdr ll = mac(6);
    assert_false(gw_locates_ask(l, &p, &ll));
    end();
}

/* Whatever allocation fails, it is counted, and what is asked later is done. */
static void test_no_memory(void **state)
{
    (void)state;
    for (unsigned nth = 0; nth < 60; nth++) {
        begin();
        struct gw_prefix p = client(1);
        struct gw_lladdr ll = mac(1);
        struct gw_addr egress = {{1}};
        t.mem.allow = nth;
        for (unsigned i = 0; i < 8; i++) {
            p = client(i);
            (void)gw_locates_set(&t.n[2].locates, &p, &ll, 0, &egress, 1);
            (void)gw_locates_ask(&t.n[3].locates, &p, &ll);
            run(GW_MSEC(7));
        }
        t.mem.allow = SIZE_MAX;
        for (unsigned i = 0; i < 8; i++)
            say(2, i, 0, 1);
        run(GW_SEC(101));
        for (unsigned i = 0; i < 8; i++)
            check_at(i, 2, 1);
        end();
    }
}

/* A train: all its clients are asked for at once, and then said. */
static void test_train(void **state)
{
    enum { CLIENTS = 100000 };
    struct gw_time from;

    (void)state;
    begin();
    for (size_t i = 0; i < SERVERS; i++)
        t.n[i].full_disk = true; /* this test has no room for them */
    for (unsigned i = 0; i < CLIENTS; i++)
        say(2, i, 0, 1);
    from = t.now;
    while (gw_locates_waiting(&t.n[2].locates) > 0)
        run(GW_MSEC(100));
    print_message("said: %.1f s, %.2f messages a client and server\n",
                  (double)(t.now.ns - from.ns) / 1e9, (double)t.messages / CLIENTS / SERVERS);
    assert_int_equal(gw_table_count(&t.n[0].server.by_client), CLIENTS);
    assert_true(t.now.ns - from.ns < GW_SEC(10).ns);
    t.messages = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        ask(3, i);
    from = t.now;
    while (gw_locates_waiting(&t.n[3].locates) > 0)
        run(GW_MSEC(100));
    print_message("asked: %.1f s, %.2f messages a client and server\n",
                  (double)(t.now.ns - from.ns) / 1e9, (double)t.messages / CLIENTS / SERVERS);
    assert_int_equal(t.n[3].locates.count[GW_LOCATECNT_FOUND], CLIENTS);
    assert_true(t.now.ns - from.ns < GW_SEC(10).ns);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_late),
        cmocka_unit_test(test_hostile_writers),
        cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_train),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
