/* drive.c: see drive.h. */
#include "drive.h"

#include "base/text.h"
#include "conf/conf.h"
#include "daemon/daemon.h"
#include "sys/clock.h"
#include "sys/mh_socket.h"

#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#define SYNC_EVERY 1.0 /* seconds, start.c */

struct drive {
    struct gwd d;
    struct gw_alloc al;
    struct drive_memory memory;
    struct gw_now now;
    struct drive_messages sent;
    double synced; /* wall clock of the last sync */
};

/* What stands for the system has no argument for it. */
static struct drive *current;

/* ---- the system, replaced ---- */

int gw_mh_send(int fd, const struct gw_mh_addrs *addrs, const uint8_t *data, size_t len)
{
    (void)fd;
    drive_add(&current->sent, domain_peer_of(&addrs->dst), data, len);
    return 0;
}

int gw_bpf_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    (void)b;
    (void)in;
    return 0;
}

int gw_bpf_usage(const struct gw_bpf *b, const struct gw_prefix *prefix, struct gw_bpf_usage *out)
{
    (void)b;
    (void)prefix;
    (void)out;
    return GW_ENOENT;
}

struct gw_trace_seen gw_bpf_trace(const struct gw_bpf *b, const struct gw_trace_want *want)
{
    (void)b;
    (void)want;
    return (struct gw_trace_seen){.instance = false};
}

struct gw_now gw_clock_now(void)
{
    return current->now;
}

struct gw_time gw_clock_mono(void)
{
    return current->now.mono;
}

/* ---- a store that drops everything ---- */

static int none_open(const char *where, const struct gw_alloc *al, void **self,
                     struct gw_store_why *why)
{
    (void)where;
    (void)al;
    (void)self;
    (void)why;
    return 0;
}

static int none_put(void *self, const void *key, size_t key_len, const void *value,
                    size_t value_len, struct gw_store_why *why)
{
    (void)self;
    (void)key;
    (void)key_len;
    (void)value;
    (void)value_len;
    (void)why;
    return 0;
}

static int none_del(void *self, const void *key, size_t key_len, struct gw_store_why *why)
{
    return none_put(self, key, key_len, NULL, 0, why);
}

static int none_commit(void *self, struct gw_store_why *why)
{
    (void)self;
    (void)why;
    return 0;
}

static void none_close(void *self)
{
    (void)self;
}

static const struct gw_store_ops store_none = {
    .name = "none",
    .open = none_open,
    .put = none_put,
    .del = none_del,
    .commit = none_commit,
    .abort = none_close,
    .sync = none_commit,
    .close = none_close,
};

/* ---- memory ---- */

#define CHUNK_HEAD sizeof(size_t) /* glibc's bookkeeping before each chunk */

static size_t charge(void *p)
{
    return p != NULL ? malloc_usable_size(p) + CHUNK_HEAD : 0;
}

static void *counted_resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct drive_memory *m = user;
    size_t before = charge(ptr);

    (void)old_size;
    if (size == 0) {
        m->held -= before;
        free(ptr);
        return NULL;
    }
    void *p = realloc(ptr, size);
    if (p == NULL)
        return NULL;
    m->calls++;
    m->held += charge(p) - before;
    m->most = m->held > m->most ? m->held : m->most;
    return p;
}

/* ---- messages ---- */

struct head {
    uint32_t peer, len;
};

void drive_add(struct drive_messages *m, unsigned peer, const uint8_t *data, size_t len)
{
    struct head h = {peer, (uint32_t)len};

    if (m->used + sizeof h + len > m->size) {
        m->size = (m->used + sizeof h + len) * 2;
        m->buf = realloc(m->buf, m->size);
        if (m->buf == NULL)
            abort();
    }
    memcpy(m->buf + m->used, &h, sizeof h);
    memcpy(m->buf + m->used + sizeof h, data, len);
    m->used += sizeof h + len;
    m->count++;
}

bool drive_next(const struct drive_messages *m, size_t *at, unsigned *peer, const uint8_t **data,
                size_t *len)
{
    struct head h;

    if (*at >= m->used)
        return false;
    memcpy(&h, m->buf + *at, sizeof h);
    *peer = h.peer;
    *data = m->buf + *at + sizeof h;
    *len = h.len;
    *at += sizeof h + h.len;
    return true;
}

/* ---- life ---- */

static void write_log(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                      const char *text)
{
    (void)user;
    (void)cat;
    if (level <= GW_LOG_WARN)
        (void)fprintf(stderr, "bench: %s: %s\n", id, text);
}

static void print_line(void *user, const char *line)
{
    (void)user;
    (void)fprintf(stderr, "bench: %s\n", line);
}

static struct gw_config *configure(const struct domain *d, bool durable)
{
    struct gw_conf_report report = {.error = print_line};
    struct gw_config *c = NULL;
    char *text = domain_yaml(d, "/tmp");

    if (text == NULL)
        abort();
    struct gw_conf_source src = {.name = "bench", .text = text, .len = strlen(text)};
    if (gw_conf_load_text(NULL, &src, &report, &c) != 0)
        exit(1);
    free(text);
    c->daemon.durability = durable ? GW_DURABLE_BATCH : GW_DURABLE_NONE;
    return c;
}

/* The kernel asks for ESP from and to everybody. */
static void allow_esp(struct drive *x)
{
    struct gw_policy both[2] = {{.dir = GW_POLICY_IN, .esp = true},
                                {.dir = GW_POLICY_OUT, .esp = true}};
    struct gw_input in = {.kind = GW_IN_POLICIES, .policies = {both, 2}};

    gwd_input(&x->d, &in, x->now);
}

struct drive *drive_new(const struct domain *d, const char *dir)
{
    struct drive *x = calloc(1, sizeof *x);
    struct gw_store_why why;

    if (x == NULL)
        abort();
    current = x;
    x->al = (struct gw_alloc){counted_resize, &x->memory};
    x->now = (struct gw_now){GW_SEC(1000), GW_SEC(1800000000).ns};
    x->d.conf = configure(d, dir != NULL);
    x->d.logger.log.write = write_log;
    x->d.mh.fd = x->d.icmp_fd = -1;
    x->d.serving = true;
    uv_loop_init(&x->d.loop);
    if (gw_store_open(dir != NULL ? &gw_store_lmdb : &store_none, dir, &gw_alloc_libc, &x->d.store,
                      &why) != 0) {
        (void)fprintf(stderr, "bench: %s\n", why.text);
        exit(1);
    }
    x->d.node = gw_node_new(x->d.conf, &x->al, &x->d.logger.log, 8885, x->now);
    if (x->d.node == NULL)
        abort();
    if (!d->auth)
        allow_esp(x);
    gwd_input(&x->d, &(struct gw_input){.kind = GW_IN_START}, x->now);
    gwd_flush(&x->d);
    drive_pass(x, GW_MSEC(1)); /* messages of before the start are not believed */
    return x;
}

void drive_free(struct drive *x)
{
    gwd_batch_end(&x->d);
    gw_node_free(x->d.node);
    gw_store_close(x->d.store);
    uv_loop_close(&x->d.loop);
    gw_config_free(x->d.conf);
    gwd_driver_free(&x->d);
    free(x->sent.buf);
    free(x);
}

struct gw_node *drive_node(struct drive *x)
{
    return x->d.node;
}

struct gw_now drive_now(const struct drive *x)
{
    return x->now;
}

void drive_pass(struct drive *x, struct gw_time span)
{
    x->now.mono.ns += span.ns;
    x->now.wall_ns += span.ns;
}

const struct drive_memory *drive_memory(const struct drive *x)
{
    return &x->memory;
}

const struct drive_messages *drive_sent(const struct drive *x)
{
    return &x->sent;
}

/* ---- the loop ---- */

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct drive_time start_watch(struct drive *x)
{
    current = x;
    x->sent.used = x->sent.count = 0;
    return (struct drive_time){seconds(CLOCK_THREAD_CPUTIME_ID), seconds(CLOCK_MONOTONIC)};
}

static void stop_watch(struct drive_time begun, struct drive_time *took)
{
    took->cpu += seconds(CLOCK_THREAD_CPUTIME_ID) - begun.cpu;
    took->wall += seconds(CLOCK_MONOTONIC) - begun.wall;
}

static void due(struct drive *x)
{
    if (gw_time_before(x->now.mono, gw_node_deadline(x->d.node)))
        return;
    gw_node_expire(x->d.node, x->now);
    gwd_carry_out(&x->d);
}

/* As the loop of the daemon ends an iteration: the batch, and once in a second a sync, whose end
 * is heard of in the loop. */
static void end_turn(struct drive *x)
{
    due(x);
    gwd_flush(&x->d);
    if (x->d.conf->daemon.durability == GW_DURABLE_NONE)
        return;
    double now = seconds(CLOCK_MONOTONIC);
    if (now - x->synced >= SYNC_EVERY) {
        x->synced = now;
        gwd_sync(&x->d);
    }
    uv_run(&x->d.loop, UV_RUN_NOWAIT);
}

void drive_feed(struct drive *x, const struct drive_messages *m, struct gw_time step,
                struct drive_time *took)
{
    struct drive_time begun = start_watch(x);
    struct gw_input in = {.kind = GW_IN_MH, .mh = {.addrs = {.dst = domain_node()}}};
    size_t at = 0, turn = 0;
    unsigned peer;

    while (drive_next(m, &at, &peer, &in.mh.data, &in.mh.len)) {
        in.mh.addrs.src = domain_peer(peer);
        gwd_input(&x->d, &in, x->now);
        drive_pass(x, step);
        if (++turn % DRIVE_TURN == 0)
            end_turn(x);
    }
    end_turn(x);
    stop_watch(begun, took);
}

void drive_expire(struct drive *x, struct drive_time *took)
{
    struct drive_time begun = start_watch(x);

    do
        end_turn(x);
    while (!gw_time_before(x->now.mono, gw_node_deadline(x->d.node)));
    stop_watch(begun, took);
}

void drive_demand(const struct drive *x, bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "bench: %s\n", what);
    for (int i = 0; i < GW_CNT_MAX; i++)
        if (x->d.node->lm.count[i] != 0)
            (void)fprintf(stderr, "  %s %llu\n", gw_count_name((enum gw_count)i),
                          (unsigned long long)x->d.node->lm.count[i]);
    exit(1);
}

void drive_demand_clean(const struct drive *x)
{
    static const enum gw_count none[] = {
        GW_CNT_UNKNOWN_PEER, GW_CNT_AUTH_FAILED,   GW_CNT_REPLAY,    GW_CNT_MALFORMED,
        GW_CNT_IGNORED,      GW_CNT_WRONG_ROLE,    GW_CNT_UNMATCHED, GW_CNT_STALE,
        GW_CNT_NO_MEMORY,    GW_CNT_LIMIT_PENDING, GW_CNT_PEER_RATE, GW_CNT_RETRANSMIT,
    };

    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        drive_demand(x, x->d.node->lm.count[none[i]] == 0, gw_count_name(none[i]));
    drive_demand(x, x->d.node->queue.lost == 0, "actions were lost");
    drive_demand(x, x->d.count.store_errors == 0 && x->d.count.mh_send_errors == 0,
                 "the store or the queue of messages failed");
}
