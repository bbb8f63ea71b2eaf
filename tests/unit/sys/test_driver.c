/* test_driver.c: the order in which the daemon carries actions out. The node and the system around
 * driver.c and batch.c are stand-ins that write down what happens; the store is a real front with a
 * back end that does the same. The whole daemon is judged in tests/e2e.
 */
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/mh_socket.h"
#include "sys/nd_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char diary[1024];
static bool medium_full;
static atomic_int syncs;       /* they end on another thread, which must not write the diary */
static int syncs_at_send[128]; /* how many had ended when the message left */
static size_t sends;

static void note(const char *fmt, ...) GW_PRINTF(1, 2);
static void note(const char *fmt, ...)
{
    size_t used = strlen(diary);
    va_list args;
    va_start(args, fmt);
    vsnprintf(diary + used, sizeof diary - used, fmt, args);
    va_end(args);
}

/* ---- the node: a script of actions per input ---- */

struct gw_node {
    const struct gw_action *script;
    size_t left;
    const struct gw_action *after_plane; /* what a PLANE_DONE makes it want */
    bool unprotected;                    /* what it has said may not leave any more */
};

int gw_node_input(struct gw_node *n, const struct gw_input *in, struct gw_now now)
{
    (void)now;
    if (in->kind == GW_IN_USE)
        note("used%d ", (int)in->use.last.ns);
    if (in->kind == GW_IN_TRACE)
        note("trace%u:%u ", in->trace.question.seq, (unsigned)in->trace.seen.taken);
    if (in->kind != GW_IN_PLANE_DONE)
        return 0;
    note("done%d,%d ", (int)in->plane.tag, in->plane.result);
    assert_int_equal(n->left, 0); /* only when nothing is waiting to be carried out */
    if (n->after_plane != NULL) {
        n->script = n->after_plane;
        n->left = 1;
        n->after_plane = NULL;
    }
    return 0;
}

bool gw_node_may_send(const struct gw_node *n, const struct gw_addr *to)
{
    (void)to;
    return !n->unprotected;
}

bool gw_node_next_action(struct gw_node *n, struct gw_action *act)
{
    if (n->left == 0)
        return false;
    *act = *n->script++;
    n->left--;
    return true;
}

/* ---- the system ---- */

static struct gw_time the_time;

struct gw_time gw_clock_mono(void)
{
    return the_time;
}

struct gw_now gw_clock_now(void)
{
    return (struct gw_now){.mono = the_time};
}

int gw_bpf_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    (void)b;
    note("intent ");
    return in->kind == GW_INTENT_PREFIX_SET ? GW_EFULL : 0;
}

int gw_bpf_usage(const struct gw_bpf *b, const struct gw_prefix *prefix, struct gw_bpf_usage *out)
{
    (void)b;
    if (prefix->len != 64)
        return GW_ENOENT;
    *out = (struct gw_bpf_usage){.last_up = {7}, .last_down = {9}};
    return 0;
}

struct gw_trace_seen gw_bpf_trace(const struct gw_bpf *b, const struct gw_trace_want *want)
{
    (void)b;
    (void)want;
    return (struct gw_trace_seen){.instance = true, .taken = 4};
}

int gw_mh_send(int fd, const struct gw_mh_addrs *addrs, const uint8_t *data, size_t len)
{
    (void)fd;
    (void)addrs;
    if (sends < sizeof syncs_at_send / sizeof *syncs_at_send)
        syncs_at_send[sends++] = atomic_load(&syncs);
    note("send%.*s ", (int)len, (const char *)data);
    return 0;
}

void gwd_transfer_step(struct gwd *d, const struct gw_transfer_step *step)
{
    (void)d;
    (void)step;
}

void gwd_announce_note(struct gwd *d, const struct gw_intent *in)
{
    (void)d;
    (void)in;
}

void gwd_stamp_send(struct gwd *d, const struct gw_action *act)
{
    (void)d;
    note("stamp%.*s ", (int)act->stamp.len, (const char *)act->stamp.data);
}

int gw_nd_send(int fd, const struct gw_lladdr *src, const struct gw_lladdr *dst,
               const uint8_t *packet, size_t len)
{
    (void)fd;
    (void)src;
    (void)dst;
    note("nd%.*s ", (int)len, (const char *)packet);
    return 0;
}

static int noting_put(void *self, const void *key, size_t key_len, const void *value,
                      size_t value_len, struct gw_store_why *why)
{
    note("put%.*s ", (int)key_len, (const char *)key);
    return gw_store_memory.put(self, key, key_len, value, value_len, why);
}

static int noting_commit(void *self, struct gw_store_why *why)
{
    note(medium_full ? "commit-failed " : "commit ");
    (void)self;
    strcpy(why->text, "full");
    return medium_full ? GW_EFULL : 0;
}

/* ---- */

static int noting_sync(void *self, struct gw_store_why *why)
{
    (void)self;
    (void)why;
    atomic_fetch_add(&syncs, 1);
    return 0;
}

struct env {
    struct gwd d;
    struct gw_config conf;
    struct gw_node node;
    struct gwd_if ifs[1];
};

static struct env *env_make(void)
{
    static struct env e;
    static struct gw_store_ops ops;
    struct gw_store_why why;
    e = (struct env){0};
    ops = gw_store_memory;
    ops.put = noting_put;
    ops.commit = noting_commit;
    ops.sync = noting_sync;
    e.d.conf = &e.conf;
    e.conf.daemon.durability = GW_DURABLE_BATCH;
    diary[0] = '\0';
    sends = 0;
    atomic_store(&syncs, 0);
    medium_full = false;
    e.d.node = &e.node;
    e.d.icmp_fd = -1;
    e.d.ifs = e.ifs;
    e.d.nifs = 1;
    assert_int_equal(gw_store_open(&ops, "", &gw_alloc_libc, &e.d.store, &why), 0);
    return &e;
}

static void env_free(struct env *e)
{
    gw_store_close(e->d.store);
    gwd_driver_free(&e->d);
}

static void play(struct env *e, const struct gw_action *script, size_t n)
{
    const struct gw_input in = {.kind = GW_IN_START};
    e->node.script = script;
    e->node.left = n;
    assert_int_equal(gwd_input(&e->d, &in, (struct gw_now){0}), 0);
}

static struct gw_action mh(const char *s)
{
    return (struct gw_action){.kind = GW_ACT_SEND_MH,
                              .mh = {.data = (const uint8_t *)s, .len = strlen(s)}};
}

static struct gw_action put(const char *key)
{
    return (struct gw_action){
        .kind = GW_ACT_STORE_PUT,
        .store = {.key = key, .key_len = strlen(key), .value = "v", .value_len = 1}};
}

static struct gw_action nd(const char *s, uint32_t iface)
{
    return (struct gw_action){.kind = GW_ACT_SEND_ND,
                              .nd = {.iface = iface, .data = (const uint8_t *)s, .len = strlen(s)}};
}

static struct gw_action intent(enum gw_intent_kind kind, uint64_t tag)
{
    return (struct gw_action){.kind = GW_ACT_INTENT, .intent = {.kind = kind, .tag = tag}};
}

static void test_nothing_to_commit_nothing_to_wait_for(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {mh("A"), nd("R", 0), mh("B")};
    play(e, script, 3);
    assert_string_equal(diary, "sendA ndR sendB ");
    gwd_flush(&e->d);
    assert_string_equal(diary, "sendA ndR sendB ");
    assert_int_equal(e->d.count.mh_sent, 2);
    env_free(e);
}

static void test_records_are_durable_before_messages(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {mh("A"), put("1"), mh("B"), nd("R", 0), put("2"), mh("C")};
    play(e, script, 6);
    play(e, script, 1); /* another input of the same iteration must not overtake */
    assert_string_equal(diary, "sendA ndR ");
    gwd_flush(&e->d);
    assert_string_equal(diary, "sendA ndR put1 put2 commit sendB sendC sendA ");
    assert_int_equal(e->d.count.store_commits, 1); /* one transaction for the batch */
    assert_true(e->d.store_dirty);
    play(e, script, 1);
    assert_non_null(strstr(diary, "sendC sendA sendA "));
    env_free(e);
}

static void test_no_durability_holds_nothing(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {put("1"), mh("A"), put("2"), mh("B")};
    e->conf.daemon.durability = GW_DURABLE_NONE;
    play(e, script, 4);
    assert_string_equal(diary, "sendA sendB ");
    gwd_flush(&e->d);
    assert_string_equal(diary, "sendA sendB put1 put2 commit ");
    env_free(e);
}

/* Held until the sync of its own batch; what comes while a sync is under way, record or not, stays
 * behind it. */
static void test_each_batch_is_synced_before_its_messages(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action first[] = {put("1"), mh("A")}, alone[] = {mh("B")},
                           second[] = {put("2"), mh("C"), mh("D")};
    e->conf.daemon.durability = GW_DURABLE_EACH;
    assert_int_equal(uv_loop_init(&e->d.loop), 0);
    e->d.serving = true;
    play(e, first, 2);
    gwd_flush(&e->d);
    assert_true(e->d.syncing);
    assert_null(strstr(diary, "send"));
    play(e, alone, 1);
    play(e, second, 3);
    gwd_flush(&e->d); /* ends a batch that the sync under way does not take along */
    assert_null(strstr(diary, "send"));
    uv_run(&e->d.loop, UV_RUN_DEFAULT); /* until both syncs have ended */
    assert_string_equal(diary, "put1 commit put2 commit sendA sendB sendC sendD ");
    assert_true(syncs_at_send[0] >= 1 && syncs_at_send[2] == 2);
    assert_int_equal(e->d.count.store_syncs, 2);
    play(e, alone, 1);
    assert_non_null(strstr(diary, "sendD sendB ")); /* nothing waits: at once */
    assert_int_equal(uv_loop_close(&e->d.loop), 0);
    env_free(e);
}

static void test_full_queue_releases_nothing_early(void **state)
{
    (void)state;
    static char big[60000];
    struct env *e = env_make();
    struct gw_action script[] = {put("1"), mh("x")};
    memset(big, 'x', sizeof big);
    script[1].mh.data = (const uint8_t *)big;
    script[1].mh.len = sizeof big;
    e->conf.daemon.durability = GW_DURABLE_EACH;
    e->d.serving = e->d.syncing = true; /* a sync that does not end */
    for (int i = 0; i < 100; i++)
        play(e, script, 2);
    assert_null(strstr(diary, "send"));
    assert_in_range(e->d.count.mh_send_errors, 1, 99);
    assert_in_range(e->d.queue.used, 1, 4 << 20);
    env_free(e);
}

static void test_stop_syncs_what_is_left(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {put("1"), mh("A")};
    e->conf.daemon.durability = GW_DURABLE_EACH;
    play(e, script, 2);
    gwd_batch_end(&e->d);
    assert_string_equal(diary, "put1 commit sendA ");
    assert_int_equal(syncs_at_send[0], 1);
    medium_full = true;
    play(e, script, 2);
    gwd_batch_end(&e->d); /* no commit, no sync: but the message leaves */
    assert_string_equal(diary, "put1 commit sendA put1 commit-failed sendA ");
    env_free(e);
}

static void test_unprotected_message_never_leaves(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {put("1"), mh("A")};
    play(e, script, 2);
    e->node.unprotected = true; /* while it waits */
    gwd_flush(&e->d);
    assert_string_equal(diary, "put1 commit ");
    assert_int_equal(e->d.count.mh_unprotected, 1);
    assert_int_equal(e->d.count.mh_sent, 0);
    env_free(e);
}

static void test_full_medium_does_not_stop_signalling(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {put("1"), mh("A")};
    medium_full = true;
    play(e, script, 2);
    gwd_flush(&e->d);
    assert_string_equal(diary, "put1 commit-failed sendA ");
    assert_int_equal(e->d.count.store_errors, 1);
    medium_full = false;
    play(e, script, 2);
    gwd_flush(&e->d); /* too early to try again, and nothing waits for that */
    assert_string_equal(diary, "put1 commit-failed sendA sendA ");
    the_time = gw_store_retry(e->d.store);
    gwd_flush(&e->d); /* the records have not been forgotten */
    assert_string_equal(diary, "put1 commit-failed sendA sendA put1 put1 commit ");
    assert_int_equal(e->d.count.store_errors, 1);
    play(e, script, 2);
    gwd_flush(&e->d);
    assert_non_null(strstr(diary, "commit put1 commit sendA "));
    env_free(e);
}

static void test_results_of_intents_return_last(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {intent(GW_INTENT_STATION_SET, 7),
                                       intent(GW_INTENT_PREFIX_SET, 8), intent(GW_INTENT_SYNC, 0),
                                       nd("R", 0)};
    const struct gw_action next = intent(GW_INTENT_PEER_SET, 9);
    e->node.after_plane = &next;
    play(e, script, 4);
    assert_string_equal(diary, "intent intent intent ndR done7,0 intent done8,-5 done9,0 ");
    assert_int_equal(e->d.count.intents, 4);
    assert_int_equal(e->d.count.intent_errors, 1);
    env_free(e);
}

/* One answer for those that belong together: the first error, even if the last one worked. */
static void test_one_result_for_what_belongs_together(void **state)
{
    (void)state;
    struct env *e = env_make();
    struct gw_action script[] = {intent(GW_INTENT_STATION_SET, 7), intent(GW_INTENT_PREFIX_SET, 7),
                                 intent(GW_INTENT_STATION_SET, 7),
                                 intent(GW_INTENT_STATION_SET, 8)};
    script[0].intent.more = script[1].intent.more = true;
    play(e, script, 4);
    assert_string_equal(diary, "intent intent intent intent done7,-5 done8,0 ");
    diary[0] = '\0';
    play(e, script + 2, 1); /* a node that has started again has the same tags */
    assert_string_equal(diary, "intent done7,0 ");
    env_free(e);
}

static void test_use_is_the_later_direction(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {{.kind = GW_ACT_USE, .use = {.len = 64}},
                                       {.kind = GW_ACT_USE, .use = {.len = 48}},
                                       nd("R", 0)};
    play(e, script, 3);
    assert_string_equal(diary, "ndR used9 used0 "); /* unknown to the path: never used */
    env_free(e);
}

static void test_a_question_of_a_trace_comes_back_with_what_the_path_has(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {{.kind = GW_ACT_TRACE, .trace = {.seq = 3}}, nd("R", 0)};
    play(e, script, 2);
    assert_string_equal(diary, "ndR trace3:4 ");
    env_free(e);
}

static void test_unknown_interface(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {nd("R", 1)};
    play(e, script, 1);
    assert_string_equal(diary, "");
    assert_int_equal(e->d.count.nd_send_errors, 1);
    env_free(e);
}

static void test_problems_are_rate_limited(void **state)
{
    (void)state;
    struct env *e = env_make();
    const struct gw_action script[] = {
        {.kind = GW_ACT_PARAM_PROBLEM, .problem = {.data = (const uint8_t *)"", .len = 0}}};
    for (int i = 0; i < 100; i++)
        play(e, script, 1);
    assert_in_range(e->d.count.param_problems_limited, 1, 99); /* the bucket: test_icmp.c */
    env_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_commit_nothing_to_wait_for),
        cmocka_unit_test(test_records_are_durable_before_messages),
        cmocka_unit_test(test_no_durability_holds_nothing),
        cmocka_unit_test(test_each_batch_is_synced_before_its_messages),
        cmocka_unit_test(test_full_queue_releases_nothing_early),
        cmocka_unit_test(test_stop_syncs_what_is_left),
        cmocka_unit_test(test_unprotected_message_never_leaves),
        cmocka_unit_test(test_full_medium_does_not_stop_signalling),
        cmocka_unit_test(test_results_of_intents_return_last),
        cmocka_unit_test(test_one_result_for_what_belongs_together),
        cmocka_unit_test(test_use_is_the_later_direction),
        cmocka_unit_test(test_a_question_of_a_trace_comes_back_with_what_the_path_has),
        cmocka_unit_test(test_unknown_interface),
        cmocka_unit_test(test_problems_are_rate_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
