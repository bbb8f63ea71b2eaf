/* bird.c: see bird.h. One command at a time. A reply is lines of a code of four digits and a space
 * or, when more follow, a '-'; lines that begin with a space belong to the one before. Codes from
 * 8000 on are errors. An answer that stays out, or a line that is none of those, ends the
 * connection.
 */
#include "sys/bird.h"

#include "base/err.h"
#include "sys/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_WITHIN  GW_SEC(2)
#define BACKOFF_FIRST  GW_MSEC(100)
#define BACKOFF_MOST   GW_SEC(3)
#define LINES_PER_CALL 256
#define CODE_ERROR     8000 /* the first */
#define CODE_READY     1

void gw_bird_init(struct gw_bird *b, const char *path, gw_bird_fn *fn, void *user)
{
    *b = (struct gw_bird){.path = {.sun_family = AF_UNIX},
                          .fn = fn,
                          .user = user,
                          .fd = -1,
                          .backoff = BACKOFF_FIRST};
    (void)snprintf(b->path.sun_path, sizeof b->path.sun_path, "%s", path);
}

static struct gw_bird_protocol *named(const struct gw_bird *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->protocols[i].name, name) == 0)
            return &b->protocols[i];
    return NULL;
}

int gw_bird_want(struct gw_bird *b, const char *name, bool on)
{
    struct gw_bird_protocol *p = named(b, name);

    if (p == NULL && b->n == b->size) {
        size_t size = b->size > 0 ? 2 * b->size : 8;
        struct gw_bird_protocol *more = realloc(b->protocols, size * sizeof *more);
        if (more == NULL)
            return GW_ENOMEM;
        b->protocols = more;
        b->size = size;
    }
    if (p == NULL) {
        p = &b->protocols[b->n++];
        *p = (struct gw_bird_protocol){.on = !on};
        (void)snprintf(p->name, sizeof p->name, "%s", name);
    }
    p->forget = false;
    if (p->on != on)
        p->said = false;
    p->on = on;
    return 0;
}

void gw_bird_forget(struct gw_bird *b, const char *name)
{
    struct gw_bird_protocol *p = named(b, name);

    if (p == NULL)
        return;
    p->said = p->on = false;
    p->forget = true;
}

/* -- the connection --------------------------------------------------------------------------- */

static void lose(struct gw_bird *b, struct gw_time now)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
    b->greeted = b->asking = false;
    b->used = 0;
    for (size_t i = 0; i < b->n; i++)
        b->protocols[i].said = false;
    b->deadline = gw_time_add(now, b->backoff);
    b->backoff = gw_time_add(b->backoff, b->backoff);
    if (gw_time_before(BACKOFF_MOST, b->backoff))
        b->backoff = BACKOFF_MOST;
}

static int dial(struct gw_bird *b, struct gw_time now)
{
    b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (b->fd < 0 || connect(b->fd, (const struct sockaddr *)&b->path, sizeof b->path) < 0)
        return GW_ESYS;
    b->connections++;
    b->deadline = gw_time_add(now, ANSWER_WITHIN); /* for its greeting */
    return 0;
}

/* -- answers ---------------------------------------------------------------------------------- */

enum told { TOLD_NOTHING, TOLD_ON, TOLD_OFF, TOLD_REFUSED };

static void answered(struct gw_bird *b, const char *why)
{
    struct gw_bird_protocol *p = named(b, b->whom);
    enum told now = why != NULL ? TOLD_REFUSED : b->asked_on ? TOLD_ON : TOLD_OFF;

    b->asking = false;
    if (p == NULL)
        return;
    p->said = p->on == b->asked_on; /* it may have changed meanwhile */
    if (p->said && p->told != now && b->fn != NULL)
        b->fn(b->user, p, why);
    if (p->said)
        p->told = (uint8_t)now;
    if (p->said && p->forget)
        *p = b->protocols[--b->n];
}

static int greeting(struct gw_bird *b, unsigned code, struct gw_time now)
{
    if (code != CODE_READY)
        return GW_EFORMAT;
    b->greeted = true;
    b->backoff = BACKOFF_FIRST;
    b->deadline = gw_time_add(now, GW_BIRD_AGAIN);
    return 0;
}

/* A line without its newline. */
static int take_line(struct gw_bird *b, const char *line, struct gw_time now)
{
    char *end;
    unsigned long code = strtoul(line, &end, 10);

    if (line[0] == ' ')
        return 0;
    if (end != line + 4 || (*end != ' ' && *end != '-'))
        return GW_EFORMAT;
    if (*end == '-')
        return 0;
    if (!b->greeted)
        return greeting(b, (unsigned)code, now);
    if (!b->asking)
        return GW_EFORMAT; /* nobody has asked: the order is lost */
    answered(b, code >= CODE_ERROR ? end + 1 : NULL);
    b->deadline = gw_time_add(now, GW_BIRD_AGAIN);
    return 0;
}

/* 1 when there were lines, 0 when there is nothing more. */
static int read_lines(struct gw_bird *b, struct gw_time now)
{
    ssize_t n = recv(b->fd, b->line + b->used, sizeof b->line - 1 - b->used, 0);
    char *from = b->line, *newline;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : GW_ESYS;
    if (n == 0)
        return GW_ESYS; /* the end, or a line that is too long */
    b->used += (size_t)n;
    b->line[b->used] = '\0';
    while ((newline = memchr(from, '\n', b->used - (size_t)(from - b->line))) != NULL) {
        *newline = '\0';
        if (take_line(b, from, now) < 0)
            return GW_EFORMAT;
        from = newline + 1;
    }
    b->used -= (size_t)(from - b->line);
    memmove(b->line, from, b->used);
    return 1;
}

/* -- requests --------------------------------------------------------------------------------- */

static int ask(struct gw_bird *b, const struct gw_bird_protocol *p, struct gw_time now)
{
    char text[GW_BIRD_NAME + 16];
    int n = snprintf(text, sizeof text, "%s \"%s\"\n", p->on ? "enable" : "disable", p->name);

    if (send(b->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        return GW_ESYS;
    (void)snprintf(b->whom, sizeof b->whom, "%s", p->name);
    b->asking = true;
    b->asked_on = p->on;
    b->deadline = gw_time_add(now, ANSWER_WITHIN);
    return 0;
}

static int ask_next(struct gw_bird *b, struct gw_time now)
{
    bool due = !gw_time_before(now, b->deadline);

    if (!b->greeted || b->asking)
        return due ? GW_ESYS : 0; /* it should have said something by now */
    for (size_t i = 0; i < b->n; i++)
        if (!b->protocols[i].said)
            return ask(b, &b->protocols[i], now);
    if (due && b->n > 0) {
        for (size_t i = 0; i < b->n; i++)
            b->protocols[i].said = false;
        return ask(b, &b->protocols[0], now);
    }
    if (due)
        b->deadline = gw_time_add(now, GW_BIRD_AGAIN);
    return 0;
}

void gw_bird_run(struct gw_bird *b, struct gw_time now)
{
    int got = 1;

    if (b->fd < 0) {
        if (gw_time_before(now, b->deadline))
            return;
        got = dial(b, now) < 0 ? GW_ESYS : 1;
    }
    for (int i = 0; got > 0 && i < LINES_PER_CALL; i++) {
        got = read_lines(b, now);
        if (got >= 0 && ask_next(b, now) < 0)
            got = GW_ESYS;
    }
    if (got < 0)
        lose(b, now);
}

struct gw_time gw_bird_deadline(const struct gw_bird *b)
{
    return b->deadline;
}

static bool all_said(const struct gw_bird *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (!b->protocols[i].said)
            return false;
    return true;
}

void gw_bird_withdraw(struct gw_bird *b, int ms)
{
    struct gw_time end = gw_time_add(gw_clock_mono(), GW_MSEC(ms));

    for (size_t i = 0; i < b->n; i++)
        if (b->protocols[i].on)
            (void)gw_bird_want(b, b->protocols[i].name, false);
    for (;;) {
        struct gw_time now = gw_clock_mono();
        gw_bird_run(b, now);
        if (all_said(b) || b->fd < 0 || !gw_time_before(now, end))
            return;
        struct pollfd p = {.fd = b->fd, .events = POLLIN};
        (void)poll(&p, 1, (int)(gw_time_sub(end, now).ns / 1000000) + 1);
    }
}

void gw_bird_close(struct gw_bird *b)
{
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
    free(b->protocols);
    b->protocols = NULL;
    b->n = b->size = 0;
}
