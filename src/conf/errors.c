/* errors.c: collects error lines, sorts them by their place in the file and hands them out. */
#include "conf/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 100 /* nobody reads more; the rest is counted */

struct gw_conf_line {
    unsigned line;
    size_t order; /* keeps lines of one place in the order they were found */
    bool warning;
    char *text;
};

static bool room(struct gw_conf_errors *e)
{
    if (e->used < e->size)
        return true;
    size_t size = e->size == 0 ? 8 : e->size * 2;
    struct gw_conf_line *list = realloc(e->list, size * sizeof *list);
    if (list == NULL)
        return false;
    e->list = list;
    e->size = size;
    return true;
}

static void GW_PRINTF(5, 0) add(struct gw_conf_errors *e, bool warning, unsigned line,
                                const char *path, const char *fmt, va_list ap)
{
    char what[1024];

    if (!warning)
        e->errors++;
    if (e->used >= LINES_MAX)
        return;
    (void)vsnprintf(what, sizeof what, fmt, ap);
    char *text = NULL;
    if (!room(e) || asprintf(&text, "%s:%u: %s: %s%s", e->file, line, path,
                             warning ? "warning: " : "", what) < 0) {
        e->nomem = true;
        return;
    }
    e->list[e->used] =
        (struct gw_conf_line){.line = line, .order = e->used, .warning = warning, .text = text};
    e->used++;
}

void gw_conf_error(struct gw_conf_errors *e, unsigned line, const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(e, false, line, path, fmt, ap);
    va_end(ap);
}

void gw_conf_warn(struct gw_conf_errors *e, unsigned line, const char *path, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(e, true, line, path, fmt, ap);
    va_end(ap);
}

static int by_line(const void *va, const void *vb)
{
    const struct gw_conf_line *a = va, *b = vb;

    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void say_rest(const struct gw_conf_errors *e, size_t said,
                     const struct gw_conf_report *report)
{
    char text[256];

    if (report->error == NULL)
        return;
    if (e->errors > said) {
        (void)snprintf(text, sizeof text, "%.128s:1: /: %zu more errors", e->file,
                       e->errors - said);
        report->error(report->user, text);
    }
    if (e->nomem) {
        (void)snprintf(text, sizeof text, "%.128s:1: /: out of memory", e->file);
        report->error(report->user, text);
    }
}

void gw_conf_errors_flush(struct gw_conf_errors *e, const struct gw_conf_report *report)
{
    size_t said = 0;

    if (e->used > 0)
        qsort(e->list, e->used, sizeof *e->list, by_line);
    for (size_t i = 0; i < e->used; i++) {
        struct gw_conf_line *l = &e->list[i];
        void (*say)(void *, const char *) = l->warning ? report->warning : report->error;

        said += !l->warning;
        if (say != NULL)
            say(report->user, l->text);
        free(l->text);
    }
    say_rest(e, said, report);
    free(e->list);
    *e = (struct gw_conf_errors){.file = e->file};
}

const char *gw_conf_quote(const char *text, size_t len, char buf[static GW_CONF_QUOTE_MAX])
{
    static const char hex[] = "0123456789abcdef";
    char *at = buf, *end = buf + GW_CONF_QUOTE_MAX - 9; /* \xHH, ..., quote, NUL */
    size_t i = 0;

    *at++ = '"';
    for (; i < len && at < end; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c != 0x7f) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    /* Not in the middle of a UTF-8 sequence. */
    while (i < len && i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80 && at > buf + 1) {
        i--;
        at--;
    }
    (void)stpcpy(at, i < len ? "...\"" : "\"");
    return buf;
}
