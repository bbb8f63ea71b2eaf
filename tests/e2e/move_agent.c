/* move_agent.c: the metric agent alone (src/daemon/agent*.c), inside the daemon's sandbox, for two
 * instances on two hosts, and what moves a transaction from one to the other: the part of it that
 * is between two egresses is a copy here. test_tcp_move.py says on standard input what to do, a
 * line each, and switches the path.
 *
 *   move CLIENT FROM TO [STEP]   FROM, TO: 1 or 2. Without a STEP: up to "ready"; else it is
 * abandoned at begin, state, block, whole or ready switch                       what is ready
 * resumes there and is released here
 *
 * usage: move_agent SOCKET CS-ID PORT
 */
#include "base/text.h"
#include "daemon/agent_link.h"
#include "sys/clock.h"
#include "sys/sandbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct driver {
    struct gwd daemon;
    struct gw_config conf;
    struct gw_cfg_instance instances[2];
    struct gw_cfg_service service;
    uv_poll_t input;
    struct gwd_move *out, *in;
    const char *stop; /* the step at which it is abandoned; "": none */
    bool whole, ready, fed;
    unsigned over; /* sides that have ended */
    struct gw_time begun, blocked, whole_at, ready_at;
};

static struct driver driver;

/* ---- what the agent asks of the rest of a daemon ---- */

int gwd_input(struct gwd *d, const struct gw_input *in, struct gw_now now)
{
    (void)d;
    (void)in;
    (void)now;
    return 0;
}

int gwd_agent_http_open(struct gwd_agent *a)
{
    (void)a;
    return 0;
}

void gwd_agent_http_close(struct gwd_agent *a)
{
    (void)a;
}

void gwd_agent_http_free(struct gwd_agent *a)
{
    (void)a;
}

/* ---- a move ---- */

static void print(const char *what, int err, const char *why)
{
    printf("{\"event\": \"%s\", \"error\": \"%s\", \"why\": \"%s\"}\n", what, gw_err_name(err),
           why);
    fflush(stdout);
}

static bool stops(struct driver *v, const char *step)
{
    if (strcmp(v->stop, step) != 0)
        return false;
    gwd_move_abandon(v->out, GW_EINVAL, "the test wants it");
    return true;
}

static void given(void *user, struct gwd_move *m, const uint8_t *octets, size_t len)
{
    struct driver *v = user;
    (void)m;
    if (stops(v, "state"))
        return;
    v->fed = false;
    if (v->in == NULL || gwd_move_feed(v->in, octets, len) < 0)
        gwd_move_abandon(v->out, GW_EAGAIN, "the other side takes nothing");
}

static void ready(struct driver *v)
{
    if (!v->whole || !v->ready || stops(v, "ready"))
        return;
    printf("{\"event\": \"ready\", \"octets\": %" PRIu64 ", \"frozen_us\": %" PRId64 "}\n",
           gwd_move_progress(v->out).octets, (v->ready_at.ns - v->blocked.ns) / 1000);
    fflush(stdout);
}

static void over(struct driver *v, struct gwd_move *m, const char *what, int err, const char *why)
{
    struct gwd_move *other = m == v->out ? v->in : v->out;
    print(what, err, why);
    if (m == v->out)
        v->out = NULL;
    else
        v->in = NULL;
    if (other != NULL && err != 0)
        gwd_move_abandon(other, err, why);
    if (++v->over == 2)
        print("over", 0, "");
}

static void told(void *user, struct gwd_move *m, enum gwd_move_event e, int err, const char *why)
{
    struct driver *v = user;
    switch (e) {
    case GWD_MOVE_BLOCK:
        if (stops(v, "block"))
            break;
        v->blocked = gw_clock_mono();
        gwd_move_blocked(m);
        gwd_move_more(m);
        break;
    case GWD_MOVE_MORE:
        if (v->out != NULL && !v->whole)
            gwd_move_more(v->out);
        break;
    case GWD_MOVE_WHOLE:
        v->whole = true;
        if (!stops(v, "whole") && v->in != NULL)
            gwd_move_end(v->in);
        break;
    case GWD_MOVE_READY:
        v->ready = true;
        v->ready_at = gw_clock_mono();
        ready(v);
        break;
    case GWD_MOVE_RELEASED:
        over(v, m, "released", 0, "");
        break;
    case GWD_MOVE_RESUMED:
        over(v, m, "resumed", 0, "");
        break;
    case GWD_MOVE_FAILED:
        over(v, m, m == v->out ? "failed-out" : "failed-in", err, why);
        break;
    }
}

static void begin(struct driver *v, const char *client, unsigned from, unsigned to)
{
    const struct gwd_move_user user = {.data = given, .event = told, .user = v};
    struct gwd_transaction t = {.service = v->service.key, .client = {.len = 128}};
    const char *why;
    if (gw_parse_addr(client, &t.client.addr) < 0 || from - 1 > 1 || to - 1 > 1)
        return;
    v->whole = v->ready = false;
    v->over = 0;
    t.csci_id = v->instances[to - 1].csci_id;
    int err = gwd_move_import(&v->daemon, &t, &user, &v->in, &why);
    t.csci_id = v->instances[from - 1].csci_id;
    if (err == 0)
        err = gwd_move_export(&v->daemon, &t, &user, &v->out, &why);
    if (err < 0)
        print("refused", err, why);
    else if (!stops(v, "begin"))
        gwd_move_more(v->out);
    if (err < 0 && v->in != NULL)
        gwd_move_abandon(v->in, err, why);
}

static void obey(struct driver *v, const char *line)
{
    static char step[16];
    char client[64];
    char from[4], to[4];
    step[0] = '\0';
    if (sscanf(line, "move %63s %3s %3s %15s", client, from, to, step) >= 3) {
        v->stop = step;
        begin(v, client, (unsigned)(from[0] - '0'), (unsigned)(to[0] - '0'));
    } else if (strncmp(line, "switch", 6) == 0 && v->in != NULL && v->out != NULL) {
        gwd_move_resume(v->in);
        gwd_move_release(v->out);
    }
}

static void typed(uv_poll_t *poll, int status, int events)
{
    static char buf[512];
    static size_t n;
    struct driver *v = poll->data;
    ssize_t got = read(STDIN_FILENO, buf + n, sizeof buf - 1 - n);
    (void)status;
    (void)events;
    if (got <= 0) {
        uv_stop(&v->daemon.loop);
        return;
    }
    n += (size_t)got;
    buf[n] = '\0';
    for (char *end; (end = strchr(buf, '\n')) != NULL;) {
        *end = '\0';
        obey(v, buf);
        n -= (size_t)(end + 1 - buf);
        memmove(buf, end + 1, n + 1);
    }
}

/* ---- the agent ---- */

static int configure(struct driver *v, char **argv)
{
    static const char *const names[2] = {"one", "two"};
    unsigned long port = strtoul(argv[3], NULL, 10);
    gw_config_defaults(&v->conf);
    v->conf.roles = GW_ROLES_CATS;
    v->conf.steering.agent_socket = argv[1];
    v->service.key = (struct gw_service_key){.proto = 6, .port = (uint16_t)port};
    if (gw_parse_addr(argv[2], &v->service.key.cs_id) < 0)
        return -1;
    for (unsigned i = 0; i < 2; i++)
        v->instances[i] = (struct gw_cfg_instance){.name = names[i],
                                                   .csci_id = {{0xfd, [15] = (uint8_t)(i + 1)}},
                                                   .token = "the-token-of-the-test",
                                                   .registers = true,
                                                   .lease = GW_SEC(60)};
    v->conf.services = &v->service;
    v->conf.nservices = 1;
    v->conf.instances = v->instances;
    v->conf.ninstances = 2;
    return 0;
}

int main(int argc, char **argv)
{
    struct driver *v = &driver;
    const char *what;
    if (argc != 4 || configure(v, argv) < 0)
        return 2;
    v->daemon.conf = &v->conf;
    gw_logger_init(&v->daemon.logger);
    uv_loop_init(&v->daemon.loop);
    if (gwd_agent_open(&v->daemon) < 0 || gw_sandbox_enter(true, true, &what) < 0)
        return 1;
    uv_poll_init(&v->daemon.loop, &v->input, STDIN_FILENO);
    v->input.data = v;
    uv_poll_start(&v->input, UV_READABLE, typed);
    printf("{\"event\": \"up\"}\n");
    fflush(stdout);
    uv_run(&v->daemon.loop, UV_RUN_DEFAULT);
    gwd_agent_close(&v->daemon);
    uv_run(&v->daemon.loop, UV_RUN_NOWAIT);
    gwd_agent_free(&v->daemon);
    return 0;
}
