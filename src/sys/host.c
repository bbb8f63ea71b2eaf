/* host.c: see host.h. */
#include "sys/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX 8192 /* octets looked at; what is wanted stands at the beginning */
#define FULL     1000

/* The beginning of dir/name as a string; false: it is not there. */
static bool slurp(const char *dir, const char *name, char text[static FILE_MAX])
{
    char path[GW_HOST_PATH + 64];
    size_t used = 0;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    for (ssize_t n = 1; n > 0 && used < FILE_MAX - 1;) {
        n = read(fd, text + used, FILE_MAX - 1 - used);
        used += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    text[used] = '\0';
    return used > 0;
}

/* The next number, behind blanks. */
static bool take_number(const char **at, uint64_t *out)
{
    char *end;

    *at += strspn(*at, " \t");
    if (**at < '0' || **at > '9')
        return false;
    *out = strtoull(*at, &end, 10);
    *at = end;
    return true;
}

/* The number behind `key` at the beginning of a line. */
static bool number_after(const char *text, const char *key, uint64_t *out)
{
    size_t len = strlen(key);
    const char *line = text;

    while (line != NULL && strncmp(line, key, len) != 0) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    line = line != NULL ? line + len : "";
    return take_number(&line, out);
}

/* The worst of what is known. */
static void note(struct gw_metric_raw *raw, enum gw_metric_kind kind, uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return;
    int64_t v = part >= whole ? FULL : (int64_t)((double)part / (double)whole * FULL + 0.5);
    if ((raw->known & 1u << kind) == 0 || v > raw->value[kind])
        raw->value[kind] = v;
    raw->known |= 1u << kind;
}

static void look_at_cpus(struct gw_host *h, struct gw_metric_raw *raw)
{
    char text[FILE_MAX];
    /* user nice system idle iowait irq softirq steal; guest is in user */
    uint64_t t[8] = {0}, total = 0;
    size_t n = 0;

    if (!slurp(h->proc, "stat", text) || strncmp(text, "cpu ", 4) != 0)
        return;
    for (const char *at = text + 4; n < sizeof t / sizeof *t && take_number(&at, &t[n]); n++)
        total += t[n];
    uint64_t busy = total - t[3] - t[4];
    if (h->total > 0 && total > h->total && busy >= h->busy)
        note(raw, GW_METRIC_CPU, busy - h->busy, total - h->total);
    h->busy = busy;
    h->total = total;
}

static void look_at_memory(const struct gw_host *h, struct gw_metric_raw *raw)
{
    char text[FILE_MAX];
    uint64_t total, available;

    if (slurp(h->proc, "meminfo", text) && number_after(text, "MemTotal:", &total) &&
        number_after(text, "MemAvailable:", &available) && available <= total)
        note(raw, GW_METRIC_MEMORY, total - available, total);
}

static void look_at_pressure(const struct gw_host *h, struct gw_metric_raw *raw)
{
    static const char *const files[] = {"pressure/cpu", "pressure/memory", "pressure/io"};
    char text[FILE_MAX];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        static const char key[] = "some avg10=";
        if (!slurp(h->proc, files[i], text) || strncmp(text, key, sizeof key - 1) != 0)
            continue;
        double percent = strtod(text + sizeof key - 1, NULL);
        if (percent >= 0 && percent <= 100)
            note(raw, GW_METRIC_PRESSURE, (uint64_t)(percent * 10 + 0.5), FULL);
    }
}

static void look_at_group_cpu(struct gw_host *h, struct gw_time now, struct gw_metric_raw *raw)
{
    char text[FILE_MAX];
    const char *at = text;
    uint64_t quota, period, used;

    if (!slurp(h->cgroup, "cpu.stat", text) || !number_after(text, "usage_usec ", &used))
        return;
    struct gw_time before = h->at;
    uint64_t since = used - h->used_us;
    h->at = now;
    h->used_us = used;
    if (before.ns == 0 || !gw_time_before(before, now) || !slurp(h->cgroup, "cpu.max", text) ||
        !take_number(&at, &quota) || !take_number(&at, &period) || period == 0) /* or "max" */
        return;
    uint64_t most =
        (uint64_t)((double)(now.ns - before.ns) / 1000 * (double)quota / (double)period);
    note(raw, GW_METRIC_CPU, since, most);
}

static void look_at_group_memory(const struct gw_host *h, struct gw_metric_raw *raw)
{
    char text[FILE_MAX];
    uint64_t most, used;

    if (slurp(h->cgroup, "memory.max", text) && number_after(text, "", &most) &&
        slurp(h->cgroup, "memory.current", text) && number_after(text, "", &used))
        note(raw, GW_METRIC_MEMORY, used, most);
}

void gw_host_open(struct gw_host *h, const char *proc, const char *cgroups)
{
    char text[FILE_MAX];

    *h = (struct gw_host){0};
    snprintf(h->proc, sizeof h->proc, "%s", proc);
    if (!slurp(proc, "self/cgroup", text))
        return;
    const char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    if (line == NULL)
        return;
    line += *line == '\n' ? 4 : 3;
    snprintf(h->cgroup, sizeof h->cgroup, "%s%.*s", cgroups, (int)strcspn(line, "\n"), line);
}

void gw_host_sample(struct gw_host *h, struct gw_time now, struct gw_metric_raw *raw)
{
    look_at_cpus(h, raw);
    look_at_memory(h, raw);
    look_at_pressure(h, raw);
    if (h->cgroup[0] != '\0') {
        look_at_group_cpu(h, now, raw);
        look_at_group_memory(h, raw);
    }
}
