/* Clocks: a step of a machine's wall clock does no harm, neither to a running node nor to one that
 * is started again after it, whichever way it goes and whosever clock it is (RFC 4285 §6, RFC 5213
 * §5.5). What is old or comes again stays refused.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HOUR_NS 3600000000000

/* Station 1 is at MAAR 2, from MAAR 1. */
static struct world *roamed(uint64_t seed)
{
    struct world *w = w_new(3, seed);

    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(1));
    assert_int_equal(w_attach(w, 2, 1), 0);
    w_run(w, GW_SEC(2));
    w_check(w, 1, 2);
    return w;
}

/* A handover to every MAAR in turn, a refresh of each registration, and a new station. */
static void goes_on(struct world *w)
{
    for (unsigned i = 0; i < 6; i++) {
        size_t to = 1 + (i + 2) % 3;
        assert_int_equal(w_attach(w, to, 1), 0);
        w_run(w, GW_SEC(8));
        w_check(w, 1, to);
        assert_int_equal(w_attach(w, to, 1), 0); /* seen again: no reason to keep it later */
        w_run(w, GW_SEC(1));
    }
    assert_int_equal(w_attach(w, 3, 2), 0);
    w_run(w, GW_SEC(8));
    w_check(w, 2, 3);
    w_run(w, gw_time_add(w->n[0].cfg->timers.lifetime, GW_SEC(30)));
    w_check(w, 1, 2);
    w_check(w, 2, 3);
    w_check_all(w);
}

/* Of a running node nobody notices anything: not one message is refused. */
static void step_while_running(void **state)
{
    (void)state;
    for (size_t who = 0; who < 4; who++) {
        for (int64_t sign = -1; sign <= 1; sign += 2) {
            struct world *w = roamed(who);
            sim_node_step_clock(&w->n[who], sign * HOUR_NS);
            goes_on(w);
            for (size_t i = 0; i < 4; i++) {
                assert_int_equal(w_count(w, i, GW_CNT_REPLAY), 0);
                assert_int_equal(w_count(w, i, GW_CNT_REFUSED_TIMESTAMP), 0);
                assert_int_equal(w_count(w, i, GW_CNT_PEER_CLOCK), 0);
            }
            w_free(w);
        }
    }
}

/* After a start with another clock its peers ask it once; then it is as before. */
static void step_over_a_restart(void **state)
{
    (void)state;
    for (size_t who = 0; who < 4; who++) {
        for (int64_t sign = -1; sign <= 1; sign += 2) {
            struct world *w = roamed(who);
            w_crash(w, who);
            sim_node_step_clock(&w->n[who], sign * HOUR_NS);
            w_boot(w, who);
            w_run(w, GW_SEC(8));
            w_check(w, 1, 2);
            goes_on(w);
            uint64_t proved = 0;
            for (size_t i = 0; i < 4; i++)
                proved += w_count(w, i, GW_CNT_PEER_CLOCK);
            /* A CMD's clock does not go back behind its records. */
            assert_in_range(proved, who == 0 && sign < 0 ? 0 : 1, 6);
            /* A MAAR is told once how far the CMD's clock is. */
            assert_in_range(w_count(w, 0, GW_CNT_REFUSED_TIMESTAMP), 0, 3);
            w_free(w);
        }
    }
}

/* A domain whose nodes never agreed on the time: 1970 here, next year there. */
static void no_clock_at_all(void **state)
{
    (void)state;
    struct world *w = w_new(3, 77);

    for (size_t i = 0; i < 4; i++) {
        w_crash(w, i);
        sim_node_step_clock(&w->n[i], ((int64_t)i - 2) * 9000 * HOUR_NS);
    }
    for (size_t i = 0; i < 4; i++)
        w_boot(w, i);
    assert_int_equal(w_attach(w, 1, 1), 0);
    w_run(w, GW_SEC(8));
    w_check(w, 1, 1);
    goes_on(w);
    w_free(w);
}

/* The machines are started anew: the monotonic clock is at its beginning, stored lifetimes are not
 * counted by it. */
static void reboot(void **state)
{
    (void)state;
    struct world *w = roamed(5);

    for (size_t i = 0; i < 4; i++)
        w_power(w, i);
    for (size_t i = 0; i < 4; i++)
        w_boot(w, i);
    w_run(w, GW_SEC(8));
    w_check(w, 1, 2);
    goes_on(w);
    w_free(w);
}

static uint32_t asked; /* the number of the last Heartbeat Request */
static unsigned questions;

static int catch_question(struct world *w, struct sim_message *e)
{
    struct gw_mh m;
    uint8_t copy[GW_MH_MAX];

    (void)w;
    memcpy(copy, e->data, e->len);
    assert_int_equal(gw_mh_parse(&gw_mh_codec_default, e->addrs, copy, e->len, &m).code,
                     GW_PARSE_OK);
    if (m.type == GW_MH_HEARTBEAT && !m.hb.response) {
        asked = m.hb.seq;
        questions++;
    }
    return 1;
}

/* A heartbeat of MAAR 1 to the CMD, by a clock that is this much ahead. */
static int beat(struct world *w, struct gw_mh_heartbeat hb, int64_t ahead_ns)
{
    static struct gw_mh m;

    m = (struct gw_mh){.type = GW_MH_HEARTBEAT, .hb = hb};
    gw_lm_add_u64(&m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns + ahead_ns));
    return w_inject(w, 1, 0, &m, NULL);
}

/* Only the answer to a question of now moves a peer's clock; what was sent before it is old. */
static void proof(void **state)
{
    (void)state;
    struct world *w = w_new(1, 9);
    const struct gw_mh_heartbeat wrong = {.response = true, .seq = 1},
                                 told = {.response = true, .unsolicited = true};

    w_run(w, GW_SEC(2));
    w->tap = catch_question;
    questions = 0;
    for (unsigned i = 0; i < 10; i++) /* paced */
        assert_int_equal(beat(w, told, -HOUR_NS + i), GW_EREPLAY);
    assert_int_equal(questions, 1);
    assert_int_equal(beat(w, wrong, -HOUR_NS), GW_EREPLAY);
    struct gw_mh_heartbeat right = {.response = true, .seq = asked};
    w_run(w, GW_SEC(6));
    assert_int_equal(beat(w, right, -HOUR_NS), GW_EREPLAY); /* late; asks again */
    assert_int_equal(questions, 2);
    assert_int_not_equal(asked, right.seq);
    right.seq = asked;
    assert_int_equal(beat(w, right, -HOUR_NS), 0);
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_CLOCK), 0); /* it is asked once more, at once */
    assert_int_equal(questions, 3);
    assert_int_not_equal(asked, right.seq);
    right.seq = asked;
    w_run(w, GW_MSEC(1));
    assert_int_equal(beat(w, right, -HOUR_NS), 0);
    assert_int_equal(w_count(w, 0, GW_CNT_PEER_CLOCK), 1);
    assert_int_equal(beat(w, right, -HOUR_NS), GW_EREPLAY);       /* once */
    assert_int_equal(beat(w, told, -HOUR_NS - 1000), GW_EREPLAY); /* from before the question */
    w_run(w, GW_MSEC(1));
    assert_int_equal(beat(w, told, -HOUR_NS), 0);
    assert_int_equal(beat(w, told, 0), GW_EREPLAY); /* an hour ahead of its clock */
    w->tap = NULL;
    w_free(w);
}

/* Somebody has recorded the peer's answers, and one of them is to the number that is asked for: the
 * clock does not go back to it, whatever the second answer is. */
static void recorded(void **state)
{
    (void)state;
    static const int64_t second[] = {0, -2 * HOUR_NS, -HOUR_NS / 2, -HOUR_NS - 1000000};
    const struct gw_mh_heartbeat told = {.response = true, .unsolicited = true};

    for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
        struct world *w = w_new(1, 10 + i);
        w_run(w, GW_SEC(2));
        w->tap = catch_question;
        questions = 0;
        assert_int_equal(beat(w, told, -HOUR_NS), GW_EREPLAY);
        struct gw_mh_heartbeat answer = {.response = true, .seq = asked};
        assert_int_equal(beat(w, answer, -HOUR_NS), 0);
        assert_int_equal(questions, 2);
        assert_int_not_equal(asked, answer.seq);
        assert_int_equal(beat(w, answer, -HOUR_NS + 1), GW_EREPLAY); /* the first once more */
        answer.seq = asked;
        (void)beat(w, answer, second[i]);
        assert_int_equal(w_count(w, 0, GW_CNT_PEER_CLOCK), 0);
        w_run(w, GW_MSEC(1));
        assert_int_equal(beat(w, told, -HOUR_NS + 1000000), GW_EREPLAY);
        assert_int_equal(beat(w, told, 0), 0); /* who is there now is heard as before */
        w->tap = NULL;
        w_free(w);
    }
}

/* While an answer may be under way the question stays the same one, however often it is asked. */
static void same_question(void **state)
{
    (void)state;
    const struct gw_mh_heartbeat told = {.response = true, .unsolicited = true};
    struct world *w = w_new(1, 11);

    w_run(w, GW_SEC(2));
    w->tap = catch_question;
    questions = 0;
    assert_int_equal(beat(w, told, -HOUR_NS), GW_EREPLAY);
    uint32_t first = asked;
    for (int64_t i = 1; i < 5; i++) {
        w_run(w, GW_MSEC(1100));
        assert_int_equal(beat(w, told, -HOUR_NS + i), GW_EREPLAY);
        assert_int_equal(questions, 1 + i);
        assert_int_equal(asked, first);
    }
    struct gw_mh_heartbeat answer = {.response = true, .seq = first};
    assert_int_equal(beat(w, answer, -HOUR_NS), 0);
    assert_int_not_equal(asked, first);
    w->tap = NULL;
    w_free(w);
}

/* What is kept as a Timestamp and told once more is the same. */
static void timestamps_come_back(void **state)
{
    (void)state;
    for (uint64_t fraction = 0; fraction < 0x10000; fraction++) {
        uint64_t ts = UINT64_C(1700000000) << 16 | fraction;
        assert_true(gw_lm_timestamp(gw_lm_timestamp_ns(ts)) == ts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_while_running),
        cmocka_unit_test(step_over_a_restart),
        cmocka_unit_test(no_clock_at_all),
        cmocka_unit_test(reboot),
        cmocka_unit_test(proof),
        cmocka_unit_test(recorded),
        cmocka_unit_test(same_question),
        cmocka_unit_test(timestamps_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
