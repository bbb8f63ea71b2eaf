/* steer_data.c: the data of the evaluation, from CSV files with a heading (sim/data): cellular
 * sites and users of the EUA data set, an hour of the Azure LLM inference trace.
 */
#include "steer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    char name[512];
    FILE *f;
    unsigned line;
    char text[1024];
    char *why;
    size_t size;
};

static bool bad(struct reader *r, const char *what, const char *value)
{
    (void)snprintf(r->why, r->size, "%s:%u: %s \"%s\"", r->name, r->line, what, value);
    return false;
}

/* Past the heading. */
static bool start(struct reader *r, const char *dir, const char *file)
{
    (void)snprintf(r->name, sizeof r->name, "%s/%s", dir, file);
    r->line = 1;
    r->f = fopen(r->name, "r");
    if (r->f == NULL || fgets(r->text, sizeof r->text, r->f) == NULL) {
        (void)snprintf(r->why, r->size, "%s: cannot be opened", r->name);
        return false;
    }
    return true;
}

static bool next_line(struct reader *r)
{
    r->line++;
    return fgets(r->text, sizeof r->text, r->f) != NULL;
}

/* The n-th field of the line, cut out of it; NULL when there are not so many. */
static char *field(char *line, unsigned n)
{
    for (; n > 0 && line != NULL; n--) {
        line = strchr(line, ',');
        line = line == NULL ? NULL : line + 1;
    }
    if (line != NULL)
        line[strcspn(line, ",\r\n")] = 0;
    return line;
}

static void *grown(void *array, size_t used, size_t each)
{
    if ((used & (used - 1)) != 0)
        return array;
    array = realloc(array, (used == 0 ? 1 : 2 * used) * each);
    if (array == NULL)
        abort();
    return array;
}

static bool read_users(struct reader *r, struct steer_data *d)
{
    while (next_line(r)) {
        double longitude, latitude;
        char *east = field(r->text, 1), *north = field(r->text, 0);
        if (east == NULL || !sim_degrees(east, 180, &longitude) ||
            !sim_degrees(north, 90, &latitude))
            return bad(r, "no latitude and longitude:", r->text);
        d->user = grown(d->user, d->nusers, sizeof *d->user);
        d->user[d->nusers++] = sim_project(&d->sites, latitude, longitude);
    }
    return d->nusers > 0 || bad(r, "no users in", r->name);
}

/* 2023-11-16 18:15:46.6805900, all of one day. */
static bool time_of_day(const char *text, int64_t *out)
{
    unsigned h, m, s, part;

    /* NOLINTNEXTLINE(cert-err34-c): digits are counted and the values checked */
    if (sscanf(text, "%*4u-%*2u-%*2u %2u:%2u:%2u.%7u", &h, &m, &s, &part) != 4 || h > 23 ||
        m > 59 || s > 60)
        return false;
    *out = ((int64_t)h * 3600 + m * 60 + s) * SIM_S + (int64_t)part * 100;
    return true;
}

static bool tokens(const char *text, uint32_t *out)
{
    char *end;
    unsigned long v = text == NULL ? 0 : strtoul(text, &end, 10);

    if (text == NULL || end == text || *end != 0 || v > 1000000)
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool read_rows(struct reader *r, struct steer_data *d)
{
    while (next_line(r)) {
        struct steer_row row;
        if (!tokens(field(r->text, 2), &row.generated) ||
            !tokens(field(r->text, 1), &row.context) || !time_of_day(field(r->text, 0), &row.at))
            return bad(r, "not a time and two numbers of tokens:", r->text);
        if (d->nrows > 0 && row.at < d->row[d->nrows - 1].at)
            return bad(r, "earlier than the line before:", r->text);
        d->row = grown(d->row, d->nrows, sizeof *d->row);
        d->row[d->nrows++] = row;
    }
    return d->nrows > 1 || bad(r, "no requests in", r->name);
}

static bool read_file(struct steer_data *d, struct reader *r, const char *dir, const char *file,
                      bool (*read)(struct reader *, struct steer_data *))
{
    bool ok = start(r, dir, file) && read(r, d);

    if (r->f != NULL)
        (void)fclose(r->f);
    r->f = NULL;
    return ok;
}

bool steer_data_read(struct steer_data *d, const char *dir, char *why, size_t size)
{
    struct reader r = {.why = why, .size = size};

    *d = (struct steer_data){0};
    (void)snprintf(r.name, sizeof r.name, "%s/eua-sites-melbcbd.csv", dir);
    if (sim_sites_read(&d->sites, r.name, why, size) &&
        read_file(d, &r, dir, "eua-users-melbcbd.csv", read_users) &&
        read_file(d, &r, dir, "azure-llm-2023-conv.csv", read_rows))
        return true;
    steer_data_free(d);
    return false;
}

void steer_data_free(struct steer_data *d)
{
    sim_sites_free(&d->sites);
    free(d->user);
    free(d->row);
    *d = (struct steer_data){0};
}
