/* test_transfer.c: state of transactions between two egresses: the daemon's own code for it
 * (src/daemon/transfer*.c, sys/tls.c) twice in one process, on a loopback of its own, with real
 * certificates. The instances are the test's: one gives away octets, the other takes them slowly;
 * the nodes are what it does with their steps.
 */
#include "daemon/transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

#define PORT 4433

static char dir[] = "/tmp/godwit-transfer-XXXXXX";
static uv_loop_t *loop;

struct end {
    struct gwd d;
    struct gw_config conf;
    struct gw_cfg_peer peer;
    bool exported, expected; /* the node has heard so */
    uint8_t code;
    uint32_t size;
    unsigned progress;
};
static struct end one, two;
static struct gw_transfer_what what;

/* -- the test's instances -----------------------------------------------------------------------
 */

struct gwd_move {
    struct gwd_move_user u;
    size_t at, len;
    bool old;
};
static struct gwd_move *gives, *takes;
static uint8_t *sample, *taken;
static size_t sample_len;
static uv_timer_t work;
static bool want, block, whole, fed, ended, resumed, released, abandoned;
static unsigned feeds, cut_at;

static int begin(struct gwd_move **slot, const struct gwd_move_user *u, struct gwd_move **m,
                 bool old)
{
    *m = *slot = calloc(1, sizeof **m);
    **m = (struct gwd_move){.u = *u, .old = old};
    return 0;
}
static int m_export(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                    struct gwd_move **m, const char **why)
{
    (void)d;
    (void)why;
    assert_true(gw_addr_eq(&t->csci_id, &what.from));
    return begin(&gives, u, m, true);
}
static int m_import(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                    struct gwd_move **m, const char **why)
{
    (void)d;
    (void)why;
    assert_true(gw_addr_eq(&t->csci_id, &what.to));
    return begin(&takes, u, m, false);
}
static void m_more(struct gwd_move *m)
{
    (void)m;
    want = true;
}
static void m_blocked(struct gwd_move *m)
{
    (void)m;
    block = true;
}
static int m_feed(struct gwd_move *m, const uint8_t *octets, size_t len)
{
    assert_true(!fed && m->at + len <= sample_len);
    memcpy(taken + m->at, octets, len);
    m->at += len;
    fed = true;
    feeds++;
    return 0;
}
static void m_end(struct gwd_move *m)
{
    (void)m;
    ended = true;
}
static void m_release(struct gwd_move *m)
{
    (void)m;
    released = true;
}
static void m_resume(struct gwd_move *m)
{
    (void)m;
    resumed = true;
}
static void m_abandon(struct gwd_move *m, int err, const char *why)
{
    (void)m;
    (void)err;
    (void)why;
    abandoned = true;
}
static const struct gwd_mover mover = {m_export, m_import, m_more,   m_blocked, m_release,
                                       m_feed,   m_end,    m_resume, m_abandon};

static void say(struct gwd_move **m, enum gwd_move_event e)
{
    struct gwd_move *x = *m;
    bool gone = e >= GWD_MOVE_RELEASED;

    if (gone)
        *m = NULL;
    x->u.event(x->u.user, x, e, e == GWD_MOVE_FAILED ? GW_EDENIED : 0, "");
    if (gone)
        free(x);
}

static void give(void)
{
    size_t left = sample_len - gives->at, len = left < 50000 ? left : 50000;

    want = false;
    if (len > 0) {
        gives->at += len;
        gives->u.data(gives->u.user, gives, sample + gives->at - len, len);
    } else if (!whole && !block) {
        say(&gives, GWD_MOVE_BLOCK);
        whole = true;
        say(&gives, GWD_MOVE_WHOLE);
    }
}

/* All connections of this process break. */
static void cut(void)
{
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof sa;
        if (getpeername(fd, (struct sockaddr *)&sa, &len) == 0 && sa.ss_family == AF_INET6)
            (void)shutdown(fd, SHUT_RDWR);
    }
}

static void instances(uv_timer_t *timer)
{
    (void)timer;
    if (gives != NULL && want)
        give();
    if (takes != NULL && fed) {
        fed = false;
        if (feeds == cut_at)
            cut();
        say(&takes, GWD_MOVE_MORE);
    }
    if (takes != NULL && ended) {
        ended = false;
        say(&takes, GWD_MOVE_READY);
    }
    if (gives != NULL && released)
        say(&gives, GWD_MOVE_RELEASED);
    if (takes != NULL && resumed)
        say(&takes, GWD_MOVE_RESUMED);
    if (abandoned && (gives != NULL || takes != NULL)) {
        abandoned = false;
        say(gives != NULL ? &gives : &takes, GWD_MOVE_FAILED);
    }
}

/* -- the daemon around it -----------------------------------------------------------------------
 */

int gwd_input(struct gwd *d, const struct gw_input *in, struct gw_now now)
{
    struct end *e = d == &one.d ? &one : &two;
    const struct gw_transfer_progress *p = &in->transfer;

    (void)now;
    assert_int_equal(in->kind, GW_IN_TRANSFER);
    assert_int_equal(p->id, what.id);
    e->progress++;
    e->size = p->size;
    if (!p->done)
        return 0;
    e->code = p->code;
    e->exported = e->exported || p->of == GW_TRANSFER_EXPORT;
    e->expected = e->expected || p->of == GW_TRANSFER_EXPECT;
    return 0;
}

size_t gw_store_staged(const struct gw_store *s)
{
    (void)s;
    return 0;
}

static struct gw_addr addr(uint8_t i)
{
    return (struct gw_addr){{0xfd, [15] = i}};
}

static char *path(const char *name, const char *suffix)
{
    char *p = NULL;
    assert_true(asprintf(&p, "%s/%s.%s", dir, name, suffix) > 0);
    return p;
}

static void open_end(struct end *e, const char *name, const char *cert, uint8_t i, uint8_t other,
                     const char *other_name)
{
    struct gw_cfg_handover *h = &e->conf.handover;

    memset(e, 0, sizeof *e);
    e->conf.addr = addr(i);
    e->conf.name = name;
    e->peer = (struct gw_cfg_peer){.name = other_name, .addr = addr(other)};
    e->conf.npeers = 1;
    e->conf.peers = &e->peer;
    h->transfer.port = PORT;
    h->transfer.octets = 8u << 20;
    h->transfer.most = GW_SEC(10);
    h->transfer.certificate = path(cert, "pem");
    h->transfer.key = path(cert, "key");
    h->transfer.authority = path(strcmp(cert, "forged") == 0 ? "ca2" : "ca", "pem");
    e->d.conf = &e->conf;
    assert_int_equal(uv_loop_init(&e->d.loop), 0);
    assert_int_equal(gwd_transfers_open(&e->d, &mover), 0);
}

static void close_one(uv_handle_t *h, void *user)
{
    (void)user;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void close_end(struct end *e)
{
    uv_walk(&e->d.loop, close_one, NULL);
    uv_run(&e->d.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&e->d.loop), 0);
    gwd_transfers_free(&e->d);
    free((void *)(uintptr_t)e->conf.handover.transfer.certificate);
    free((void *)(uintptr_t)e->conf.handover.transfer.key);
    free((void *)(uintptr_t)e->conf.handover.transfer.authority);
}

static void begin_pair(const char *cert, size_t len)
{
    gives = takes = NULL;
    want = block = whole = fed = ended = resumed = released = abandoned = false;
    feeds = cut_at = 0;
    sample_len = len;
    sample = malloc(len);
    taken = calloc(1, len);
    for (size_t i = 0; i < len; i++)
        sample[i] = (uint8_t)(i * 2654435761u >> 13);
    what = (struct gw_transfer_what){.id = 77,
                                     .ingress = addr(9),
                                     .nflows = 1,
                                     .from = addr(11),
                                     .from_egress = addr(1),
                                     .to = addr(12),
                                     .to_egress = addr(2)};
    open_end(&one, "eg1", cert, 1, 2, "eg2");
    open_end(&two, "eg2", "two", 2, 1, "eg1");
    loop = &one.d.loop;
    assert_int_equal(uv_timer_init(loop, &work), 0);
    uv_timer_start(&work, instances, 1, 1);
}

static void end_pair(void)
{
    close_end(&one);
    close_end(&two);
    free(gives);
    free(takes);
    free(sample);
    free(taken);
}

static void order(struct end *e, enum gw_transfer_do of)
{
    struct gw_transfer_step s = {.what = of, .about = &what};
    gwd_transfer_step(&e->d, &s);
}

/* Until it is so, or the time is over: 20 s, which is a failure. */
static bool until(const bool *so)
{
    for (unsigned i = 0; i < 20000 && !*so; i++) {
        uv_run(&one.d.loop, UV_RUN_NOWAIT);
        uv_run(&two.d.loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    return *so;
}

static void test_whole(void **unused)
{
    (void)unused;
    begin_pair("one", 3000000);
    order(&two, GW_TRANSFER_EXPECT);
    order(&one, GW_TRANSFER_EXPORT);
    assert_true(until(&two.expected) && until(&one.exported));
    assert_int_equal(two.code, GW_TRANSFER_FINE);
    assert_int_equal(one.code, GW_TRANSFER_FINE);
    assert_int_equal(two.size, sample_len);
    assert_memory_equal(taken, sample, sample_len);
    assert_true(one.progress > 3 && two.progress > 3);
    assert_int_equal(one.d.count.transfer_connections, 1);
    order(&two, GW_TRANSFER_RESUME);
    assert_true(until(&resumed));
    order(&one, GW_TRANSFER_FORGET);
    assert_true(until(&released));
    end_pair();
}

/* As often as it is cut, it goes on where it was. */
static void test_cut(void **unused)
{
    (void)unused;
    begin_pair("one", 3000000);
    order(&two, GW_TRANSFER_EXPECT);
    order(&one, GW_TRANSFER_EXPORT);
    cut_at = 60;
    assert_true(until(&two.expected) && until(&one.exported));
    assert_int_equal(two.code, GW_TRANSFER_FINE);
    assert_memory_equal(taken, sample, sample_len);
    assert_int_equal(one.d.count.transfer_connections, 2);
    assert_int_equal(two.d.count.transfer_octets, sample_len); /* none of it twice */
    end_pair();
}

/* Announced later, which is usual: the old egress comes again. */
static void test_not_announced(void **unused)
{
    bool heard = false;

    (void)unused;
    begin_pair("one", 100000);
    order(&one, GW_TRANSFER_EXPORT);
    for (unsigned i = 0; i < 20000 && !heard; i++) {
        uv_run(&one.d.loop, UV_RUN_NOWAIT);
        uv_run(&two.d.loop, UV_RUN_NOWAIT);
        usleep(200);
        heard = two.d.count.transfer_unannounced > 0;
    }
    assert_true(heard);
    assert_null(takes);
    assert_false(one.exported);
    order(&two, GW_TRANSFER_EXPECT);
    assert_true(until(&two.expected));
    assert_memory_equal(taken, sample, sample_len);
    end_pair();
}

static void test_too_large(void **unused)
{
    (void)unused;
    begin_pair("one", 3000000);
    two.conf.handover.transfer.octets = 1000000;
    order(&two, GW_TRANSFER_EXPECT);
    order(&one, GW_TRANSFER_EXPORT);
    assert_true(until(&two.expected) && until(&one.exported));
    assert_int_equal(two.code, GW_TRANSFER_TOO_LARGE);
    assert_int_equal(one.code, GW_TRANSFER_TOO_LARGE);
    assert_int_equal(two.d.count.transfer_too_large, 1);
    assert_true(two.d.count.transfer_octets <= 1000000);
    order(&one, GW_TRANSFER_KEEP);
    end_pair();
}

static void refused(const char *cert, const uint64_t *counter)
{
    bool so = false;

    begin_pair(cert, 100000);
    order(&two, GW_TRANSFER_EXPECT);
    order(&one, GW_TRANSFER_EXPORT);
    for (unsigned i = 0; i < 10000 && !so; i++) {
        uv_run(&one.d.loop, UV_RUN_NOWAIT);
        uv_run(&two.d.loop, UV_RUN_NOWAIT);
        usleep(200);
        so = *counter > 0;
    }
    assert_true(so);
    assert_false(two.expected);
    assert_int_equal(two.d.count.transfer_octets, 0);
    end_pair();
}

/* Of the authority, but another node's; of another authority; for no key of its own. */
static void test_strangers(void **unused)
{
    (void)unused;
    refused("three", &two.d.count.transfer_strangers);
    refused("forged", &two.d.count.transfer_failures);
}

/* -- a loopback of its own, and certificates ----------------------------------------------------
 */

static void run(const char *command)
{
    if (system(command) != 0) {
        (void)fprintf(stderr, "failed: %s\n", command);
        exit(1);
    }
}

static void certificate(const char *name, const char *ca, const char *alt)
{
    char command[1024];

    (void)snprintf(
        command, sizeof command,
        "cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
        "%s.key -out %s.csr -subj /CN=%s 2>/dev/null && printf 'subjectAltName=%s' > "
        "%s.ext && openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key "
        "-CAcreateserial -days 2 -extfile %s.ext -out %s.pem 2>/dev/null",
        dir, name, name, name, alt, name, name, ca, ca, name, name);
    run(command);
}

static void authority(const char *name)
{
    char command[512];

    (void)snprintf(command, sizeof command,
                   "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                   "-keyout %s.key -out %s.pem -days 2 -subj /CN=%s 2>/dev/null",
                   dir, name, name, name);
    run(command);
}

static int set_up(void **unused)
{
    (void)unused;
    if (unshare(CLONE_NEWNET) < 0)
        return -1;
    run("ip link set lo up && ip -6 addr add fd00::1/128 dev lo nodad && "
        "ip -6 addr add fd00::2/128 dev lo nodad");
    if (mkdtemp(dir) == NULL)
        return -1;
    authority("ca");
    authority("ca2");
    certificate("one", "ca", "IP:fd00::1");
    certificate("two", "ca", "DNS:eg2");
    certificate("three", "ca", "IP:fd00::3,DNS:eg3");
    certificate("forged", "ca2", "IP:fd00::1,DNS:eg1");
    return 0;
}

static int tear_down(void **unused)
{
    char command[128];

    (void)unused;
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    run(command);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_cut),
        cmocka_unit_test(test_not_announced), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_strangers),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    if (geteuid() != 0) {
        (void)puts("not root: skipped");
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
