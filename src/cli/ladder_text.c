/* ladder_text.c: a ladder with characters, as the figures of RFCs have it. A column is as wide as
 * the longest text of a message; what a step is stands beside its node's line, over the others.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/ladder.h"

#define NARROW   14
#define LABEL    64
#define TIME     11
#define PAUSE_NS 1000000000 /* another handover, probably */

struct canvas {
    const struct gw_ladder_drawing *d;
    size_t width; /* of a column */
    size_t size;  /* of a line */
    char *line;   /* size + LABEL + 1 */
};

static const char *label(const struct gw_ladder_row *r, char text[LABEL])
{
    if (r->count > 0)
        (void)snprintf(text, LABEL, "%s (%lld)", r->what, (long long)r->count);
    else
        (void)snprintf(text, LABEL, "%s", r->what);
    return text;
}

static size_t column_width(const struct gw_ladder_drawing *d)
{
    char text[LABEL];
    size_t most = NARROW;

    for (size_t i = 0; i < d->nrows; i++) {
        size_t n = strlen(label(&d->row[i], text)) + 6;
        most = d->row[i].from != d->row[i].to && n > most ? n : most;
    }
    for (size_t i = 0; i < d->ncolumns; i++) {
        size_t n = strlen(d->column[i].name) + 2;
        most = n > most ? n : most;
    }
    return most;
}

static size_t middle(const struct canvas *c, size_t column)
{
    return column * c->width + c->width / 2;
}

static void put(struct canvas *c, size_t at, const char *text)
{
    memcpy(c->line + at, text, strlen(text));
}

static void clear(struct canvas *c)
{
    memset(c->line, ' ', c->size + LABEL);
    for (size_t i = 0; i < c->d->ncolumns; i++)
        c->line[middle(c, i)] = '|';
}

static void print(FILE *out, struct canvas *c, const char *time, const char *behind)
{
    size_t n = c->size + LABEL;

    c->line[n] = '\0';
    for (; behind[0] == '\0' && n > 0 && c->line[n - 1] == ' '; n--)
        c->line[n - 1] = '\0';
    if (behind[0] != '\0' && n > c->size && strspn(c->line + c->size, " ") == LABEL)
        c->line[c->size] = '\0';
    (void)fprintf(out, "%*s%s%s\n", TIME, time, c->line, behind);
}

static void put_head(FILE *out, struct canvas *c)
{
    memset(c->line, ' ', c->size + LABEL);
    for (size_t i = 0; i < c->d->ncolumns; i++) {
        const char *name = c->d->column[i].name;
        put(c, middle(c, i) - strlen(name) / 2, name);
    }
    print(out, c, "ms ", "");
}

static void put_message(struct canvas *c, const struct gw_ladder_row *r, const char *text)
{
    size_t a = middle(c, r->from), b = middle(c, r->to);
    size_t left = a < b ? a : b, right = a < b ? b : a;

    memset(c->line + left + 1, '-', right - left - 1);
    if (a < b)
        c->line[right - 1] = r->lost ? 'x' : '>';
    else
        c->line[left + 1] = r->lost ? 'x' : '<';
    /* Beside the sender, where lines that it crosses do not hide it. */
    size_t at = a < b ? left + 3 : right - 2 - strlen(text);
    put(c, at, text);
}

/* What stands behind the lines: how long it took, what went wrong. */
static void remark(const struct gw_ladder_row *r, char text[LABEL])
{
    bool took = r->sent != GW_LADDER_UNKNOWN && r->received != GW_LADDER_UNKNOWN &&
                r->from != r->to && r->from != 0;

    text[0] = '\0';
    if (r->lost)
        (void)snprintf(text, LABEL, "  lost");
    else if (took)
        (void)snprintf(text, LABEL, "  %.3f", (double)(r->received - r->sent) / 1e6);
    if (r->error != NULL)
        (void)snprintf(text + strlen(text), LABEL - strlen(text), "  %.40s", r->error);
}

static void put_row(FILE *out, struct canvas *c, const struct gw_ladder_row *r)
{
    char text[LABEL], time[32], behind[LABEL];

    clear(c);
    (void)label(r, text);
    if (r->from != r->to) {
        put_message(c, r, text);
    } else {
        c->line[middle(c, r->from)] = '*';
        put(c, middle(c, r->from) + 2, text);
    }
    (void)snprintf(time, sizeof time, "%.3f ", (double)gw_ladder_time(r) / 1e6);
    remark(r, behind);
    print(out, c, time, behind);
}

void gw_ladder_text(FILE *out, const struct gw_ladder_drawing *d)
{
    struct canvas c = {.d = d, .width = column_width(d)};
    int64_t before = 0;

    c.size = c.width * d->ncolumns;
    c.line = malloc(c.size + LABEL + 1);
    if (c.line == NULL)
        return;
    put_head(out, &c);
    for (size_t i = 0; i < d->nrows; i++) {
        if (gw_ladder_time(&d->row[i]) - before > PAUSE_NS) {
            clear(&c);
            print(out, &c, "", "");
        }
        put_row(out, &c, &d->row[i]);
        before = gw_ladder_time(&d->row[i]);
    }
    free(c.line);
}
