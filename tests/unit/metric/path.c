/* path.c: probes and their answers over a network that delays, loses and dies: what is measured is
 * what the network does, whatever the clocks say, and death is noticed in time.
 */
#include "fn/metric/path.h"

#include "../test.h"
#include "../test_alloc.h"
#include "base/err.h"

struct flying {
    struct gw_time at;
    size_t len;
    bool answer;
    uint8_t data[GW_STAMP_AUTH];
};
static struct {
    struct test_alloc mem;
    struct gw_alloc al;
    struct gw_timers timers;
    struct gw_path_config cfg;
    struct gw_paths here, there; /* the sender's and the reflector's */
    struct gw_time now;
    int64_t there_ahead; /* its clock, ns */
    int64_t out_ns, back_ns, busy_ns;
    bool dead;
    unsigned lose_every, sent, turns;
    struct flying fly[64];
    size_t n;
} w;

static const struct gw_addr there = {{0x20, 1, 0xd, 0xb8, [15] = 2}};

static void put(const uint8_t *data, size_t len, int64_t delay, bool answer)
{
    assert_true(w.n < 64 && len <= sizeof w.fly->data);
    struct flying *f = &w.fly[w.n++];
    *f = (struct flying){
        .at = gw_time_add(w.now, (struct gw_time){delay}), .len = len, .answer = answer};
    memcpy(f->data, data, len);
}

static void send(void *user, const struct gw_addr *to, const uint8_t *data, size_t len)
{
    (void)user;
    assert_true(gw_addr_eq(to, &there));
    if (w.dead || (w.lose_every != 0 && ++w.sent % w.lose_every == 0))
        return;
    put(data, len, w.out_ns, false);
}

static void turned(void *user, const struct gw_path_target *t)
{
    (void)user;
    (void)t;
    w.turns++;
}

static const struct gw_paths_ops ops = {send, turned};

static void begin(bool auth)
{
    memset(&w, 0, sizeof w);
    w.al = test_alloc_of(&w.mem);
    w.now = GW_SEC(10);
    gw_timers_init(&w.timers, &w.al);
    w.cfg = (struct gw_path_config){.interval = GW_MSEC(100),
                                    .wait = GW_MSEC(80),
                                    .detect = 2,
                                    .auth = auth,
                                    .key = {6, "shared"}};
    w.here = (struct gw_paths){.cfg = &w.cfg, .al = &w.al, .timers = &w.timers, .ops = &ops};
    w.there = w.here;
    w.here.now = (struct gw_now){w.now, 1700000000000000000};
    gw_paths_init(&w.here, 4, 1);
    gw_paths_init(&w.there, 4, 1);
    w.out_ns = 3000000;
    w.back_ns = 5000000;
    w.busy_ns = 1000000;
    assert_int_equal(gw_paths_add(&w.here, &there), 0);
    assert_int_equal(gw_paths_add(&w.here, &there), 0);
}

static void end(void)
{
    gw_paths_free(&w.here);
    gw_paths_free(&w.there);
    gw_timers_free(&w.timers);
    assert_int_equal(w.mem.held, 0);
}

static void clocks(void)
{
    w.here.now = (struct gw_now){w.now, 1700000000000000000 + w.now.ns};
    w.there.now = (struct gw_now){w.now, 1700000000000000000 + w.now.ns + w.there_ahead};
}

static void arrive(size_t i)
{
    struct flying f = w.fly[i];
    uint8_t out[GW_STAMP_AUTH];

    w.fly[i] = w.fly[--w.n];
    if (f.answer) {
        (void)gw_paths_answer(&w.here, &there, f.data, f.len, gw_ntp_time(w.here.now.wall_ns));
        return;
    }
    uint64_t received = gw_ntp_time(w.there.now.wall_ns);
    w.there.now.wall_ns += w.busy_ns; /* it answers when it has time */
    int len = gw_paths_reflect(&w.there, f.data, f.len, received, 60, out);
    assert_true(len > 0);
    put(out, (size_t)len, w.busy_ns + w.back_ns, true);
}

static void run(int64_t ms)
{
    struct gw_time until = gw_time_add(w.now, GW_MSEC(ms));

    for (;;) {
        struct gw_time at = gw_timers_next(&w.timers);
        size_t which = w.n;
        for (size_t i = 0; i < w.n; i++)
            if (!gw_time_before(at, w.fly[i].at)) {
                at = w.fly[i].at;
                which = i;
            }
        if (gw_time_before(until, at))
            break;
        w.now = at;
        clocks();
        if (which < w.n)
            arrive(which);
        else
            (void)gw_timers_run(&w.timers, w.now, 100, NULL);
    }
    w.now = until;
    clocks();
}

static const struct gw_path_target *target(void)
{
    return gw_paths_get(&w.here, &there);
}

static void test_delay(void **state)
{
    (void)state;
    for (int auth = 0; auth < 2; auth++) {
        begin(auth != 0);
        w.there_ahead = INT64_C(-3600000000000); /* an hour behind */
        run(1000);
        assert_int_equal(target()->state, GW_PATH_UP);
        assert_int_equal(w.turns, 1);
        int64_t exact = (w.out_ns + w.back_ns) / 2;
        assert_true(target()->delay - exact <= 2 && exact - target()->delay <= 2);
        assert_true(target()->jitter <= 2);
        assert_int_equal(gw_path_loss(target()), 0);
        w.out_ns = 23000000; /* the way becomes longer: followed within seconds */
        run(5000);
        exact = (w.out_ns + w.back_ns) / 2;
        assert_true(target()->delay > exact - 100000 && target()->delay <= exact + 2);
        assert_int_equal(w.here.refused + w.there.refused, 0);
        end();
    }
}

static void test_loss(void **state)
{
    (void)state;
    begin(false);
    assert_int_equal(gw_path_loss(target()), -1);
    w.lose_every = 4;
    run(20000);
    assert_true(gw_path_loss(target()) >= 2400 && gw_path_loss(target()) <= 2600);
    assert_int_equal(w.turns, 1); /* never two in a row */
    w.lose_every = 0;
    run(15000);
    assert_int_equal(gw_path_loss(target()), 0);
    end();
}

static void test_death(void **state)
{
    (void)state;
    for (int64_t phase = 0; phase < 100; phase += 7) {
        begin(true);
        run(1000 + phase);
        w.dead = true;
        struct gw_time at = w.now;
        while (target()->state == GW_PATH_UP) {
            run(1);
            assert_true(gw_time_sub(w.now, at).ns <= 300 * 1000000);
        }
        assert_int_equal(w.turns, 2);
        run(5000);
        assert_int_equal(w.turns, 2);
        w.dead = false;
        run(150);
        assert_int_equal(target()->state, GW_PATH_UP);
        end();
    }
}

static void test_strangers(void **state)
{
    static const struct gw_addr other = {{0x20, 1, 0xd, 0xb8, [15] = 9}};
    struct gw_stamp_reply r = {.seq = 1, .probe = {.seq = 1}};
    uint8_t buf[GW_STAMP_AUTH];

    (void)state;
    begin(true);
    run(1000);
    assert_int_equal(gw_stamp_write_reply(&r, &w.cfg.key, buf, sizeof buf), GW_STAMP_AUTH);
    assert_int_equal(gw_paths_answer(&w.here, &other, buf, sizeof buf, 0), GW_ENOENT);
    r.probe.seq = target()->seq; /* and not the time that was sent */
    assert_int_equal(gw_stamp_write_reply(&r, &w.cfg.key, buf, sizeof buf), GW_STAMP_AUTH);
    assert_int_equal(gw_paths_answer(&w.here, &there, buf, sizeof buf, 0), GW_EREPLAY);
    buf[100] ^= 1;
    assert_int_equal(gw_paths_answer(&w.here, &there, buf, sizeof buf, 0), GW_EAUTH);
    assert_int_equal(gw_paths_reflect(&w.there, buf, sizeof buf, 0, 1, buf), GW_EAUTH);
    assert_int_equal(target()->delay / 1000, 4000);
    gw_paths_del(&w.here, &there);
    assert_null(gw_paths_get(&w.here, &there));
    run(500);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_death),
        cmocka_unit_test(test_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
