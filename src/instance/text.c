/* text.c: the JSON of libgodwit-instance: written where the agent wants it (registration, reports),
 * read in one answer only. Numbers are written without the C library's locale. */
#include "instance/instance.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
    char *buf;
    size_t size, len;
    bool full;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->size - t->len)
        t->full = true;
    else
        t->len += (size_t)n;
}

static void put_string(struct text *t, const char *s)
{
    put(t, "\"");
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == '"' || *s == '\\')
            put(t, "\\u%04x", (unsigned char)*s);
        else
            put(t, "%c", *s);
    put(t, "\"");
}

/* Not known is not said. */
static void put_number(struct text *t, const char *name, double value)
{
    if (!(value >= 0 && value < 9e15))
        return;
    double whole = (double)(uint64_t)value;
    put(t, "%s\"%s\":%.0f.%06u", t->len > 1 ? "," : "", name, whole,
        (unsigned)((value - whole) * 999999.5));
}

int gwi_report_text(const struct gwi_report *r, char *buf, size_t size)
{
    struct text t = {.buf = buf, .size = size};
    put(&t, "{");
    put_number(&t, "in-flight", r->in_flight);
    put_number(&t, "queue", r->queue);
    put_number(&t, "sessions", r->sessions);
    put_number(&t, "latency-us", r->latency_us);
    put_number(&t, "errors", r->errors);
    put_number(&t, "cpu", r->cpu);
    put_number(&t, "memory", r->memory);
    put_number(&t, "pressure", r->pressure);
    put_number(&t, "energy-mw", r->energy_mw);
    put_number(&t, "bandwidth-kbps", r->bandwidth_kbps);
    put_number(&t, "custom", r->custom);
    if (r->slots > 0)
        put(&t, "%s\"slots\":%d", t.len > 1 ? "," : "", r->slots);
    put(&t, "%s\"state\":\"%s\"}", t.len > 1 ? "," : "", r->draining != 0 ? "draining" : "up");
    return t.full ? -1 : (int)t.len;
}

int gwi_register_text(const gwi *g, char *buf, size_t size)
{
    struct text t = {.buf = buf, .size = size};
    put(&t, "{\"register\":");
    put_string(&t, g->name);
    if (g->token != NULL) {
        put(&t, ",\"token\":");
        put_string(&t, g->token);
    }
    put(&t, ",\"frames\":true}\n");
    return t.full ? -1 : (int)t.len;
}

bool gwi_answer_ok(const char *line, char why[GWI_TEXT])
{
    static const char key[] = "\"error\":";
    const char *at = strstr(line, key);
    size_t n = 0;
    if (strstr(line, "\"ok\":true") != NULL)
        return true;
    at = at != NULL ? strchr(at + sizeof key - 1, '"') : NULL;
    for (at = at != NULL ? at + 1 : ""; *at != '\0' && *at != '"' && n < GWI_TEXT - 1; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        why[n++] = *at;
    }
    why[n] = '\0';
    return false;
}
