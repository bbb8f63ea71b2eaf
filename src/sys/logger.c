/* logger.c: the sink of struct gw_log. A line is one write(2), so that lines of several processes
 * in one file stay whole. Nothing is buffered: what was said before a crash is there.
 */
#include "sys/logger.h"

#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024

bool gw_lograte_take(struct gw_lograte *r, uint32_t rate, struct gw_time now, uint32_t *suppressed)
{
    int64_t second = now.ns / 1000000000;
    *suppressed = 0;
    if (second != r->second) {
        *suppressed = r->suppressed;
        *r = (struct gw_lograte){.second = second};
    }
    if (rate != 0 && r->lines >= rate) {
        r->suppressed++;
        return false;
    }
    r->lines++;
    return true;
}

static void write_line(const struct gw_logger *l, enum gw_log_level level, enum gw_log_cat cat,
                       const char *id, const char *text)
{
    char line[LINE_MAX_LEN], stamp[32];
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime_r(&ts.tv_sec, &tm));
    int n = snprintf(line, sizeof line - 1, "%s.%06ldZ %s %s %s: %s", stamp, ts.tv_nsec / 1000,
                     gw_log_level_name(level), gw_log_cat_name(cat), id, text);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line[len++] = '\n';
    /* Nobody is left to be told that the log cannot be written. */
    ssize_t written = write(l->fd, line, len);
    (void)written;
}

static void say_suppressed(const struct gw_logger *l, enum gw_log_cat cat, uint32_t n)
{
    char text[64];
    if (n == 0)
        return;
    snprintf(text, sizeof text, "%u suppressed", n);
    write_line(l, GW_LOG_WARN, cat, "log-rate", text);
}

static void logger_write(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                         const char *text)
{
    struct gw_logger *l = user;
    uint32_t suppressed;
    if ((unsigned)cat >= GW_CAT_COUNT || level > l->level[cat])
        return;
    bool pass = gw_lograte_take(&l->state[cat], l->rate, gw_clock_mono(), &suppressed);
    say_suppressed(l, cat, suppressed);
    if (pass)
        write_line(l, level, cat, id, text);
}

void gw_logger_init(struct gw_logger *l)
{
    *l = (struct gw_logger){.log = {.write = logger_write, .user = l}, .fd = STDERR_FILENO};
    for (size_t i = 0; i < GW_CAT_COUNT; i++)
        l->level[i] = GW_LOG_NOTICE;
}

int gw_logger_set(struct gw_logger *l, const enum gw_log_level level[GW_CAT_COUNT], uint32_t rate,
                  const char *file)
{
    int fd = STDERR_FILENO;
    if (file != NULL)
        fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return GW_ESYS;
    if (l->own_fd)
        close(l->fd);
    l->fd = fd;
    l->own_fd = file != NULL;
    l->rate = rate;
    memcpy(l->level, level, sizeof l->level);
    return 0;
}

void gw_logger_tick(struct gw_logger *l)
{
    int64_t second = gw_clock_mono().ns / 1000000000;
    for (unsigned cat = 0; cat < GW_CAT_COUNT; cat++) {
        struct gw_lograte *r = &l->state[cat];
        if (r->second == second)
            continue;
        say_suppressed(l, (enum gw_log_cat)cat, r->suppressed);
        r->suppressed = 0;
    }
}

void gw_logger_close(struct gw_logger *l)
{
    for (unsigned cat = 0; cat < GW_CAT_COUNT; cat++) {
        say_suppressed(l, (enum gw_log_cat)cat, l->state[cat].suppressed);
        l->state[cat].suppressed = 0;
    }
    if (l->own_fd)
        close(l->fd);
    l->fd = STDERR_FILENO;
    l->own_fd = false;
}
