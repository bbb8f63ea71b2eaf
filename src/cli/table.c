/* table.c: JSON for people. Columns come from the rows themselves, in their order, so that whatever
 * a node says of itself is shown; one that only later rows have stands where it stands in them.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define COLUMNS_MAX 48
#define GAP         2

/* ---- cells ---- */

/* Names come from the network: nothing of them may steer a terminal. */
static void put_text(FILE *f, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        (void)fputc(c < ' ' || c == 0x7f ? '?' : c, f);
    }
}

static void put_cell(FILE *f, const json_t *v);

static void put_object(FILE *f, const json_t *v)
{
    const char *key, *sep = "";
    json_t *item;

    json_object_foreach((json_t *)v, key, item)
    {
        (void)fputs(sep, f);
        put_text(f, key);
        (void)fputc('=', f);
        put_cell(f, item);
        sep = " ";
    }
}

static void put_array(FILE *f, const json_t *v)
{
    const char *sep = json_is_object(json_array_get(v, 0)) ? "; " : ", ";
    json_t *item;
    size_t i;

    if (json_array_size(v) == 0)
        (void)fputc('-', f);
    json_array_foreach(v, i, item)
    {
        (void)fputs(i > 0 ? sep : "", f);
        put_cell(f, item);
    }
}

static void put_cell(FILE *f, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        put_object(f, v);
        break;
    case JSON_ARRAY:
        put_array(f, v);
        break;
    case JSON_STRING:
        put_text(f, json_string_length(v) > 0 ? json_string_value(v) : "-");
        break;
    case JSON_INTEGER:
        (void)fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        (void)fprintf(f, "%g", json_real_value(v));
        break;
    case JSON_TRUE:
        (void)fputs("yes", f);
        break;
    case JSON_FALSE:
        (void)fputs("no", f);
        break;
    case JSON_NULL:
        (void)fputc('-', f);
        break;
    }
}

/* To be freed; NULL: out of memory. */
static char *cell_text(const json_t *v)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    if (f == NULL)
        return NULL;
    if (v == NULL)
        (void)fputc('-', f);
    else
        put_cell(f, v);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Characters, not octets, of UTF-8. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* ---- rows ---- */

struct table {
    size_t n;
    struct {
        const char *key; /* borrowed from the rows */
        size_t width;
        bool number; /* all cells are: to the right */
    } col[COLUMNS_MAX];
};

/* at: where a new one goes */
static size_t column(struct table *t, const char *key, size_t at)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->col[i].key, key) == 0)
            return i;
    }
    if (t->n == COLUMNS_MAX)
        return COLUMNS_MAX;
    memmove(&t->col[at + 1], &t->col[at], (t->n - at) * sizeof t->col[0]);
    t->n++;
    t->col[at].key = key;
    t->col[at].width = width(key);
    t->col[at].number = true;
    return at;
}

static void measure(struct table *t, const json_t *row)
{
    const char *key;
    json_t *v;
    size_t next = 0;

    json_object_foreach((json_t *)row, key, v)
    {
        size_t i = column(t, key, next);
        next = i < COLUMNS_MAX ? i + 1 : t->n;
        char *text = cell_text(v);
        if (i < COLUMNS_MAX && text != NULL) {
            size_t w = width(text);
            t->col[i].width = w > t->col[i].width ? w : t->col[i].width;
            t->col[i].number = t->col[i].number && (json_is_number(v) || json_is_null(v));
        }
        free(text);
    }
}

static void put_padded(FILE *out, const struct table *t, size_t i, const char *text)
{
    int pad = (int)(t->col[i].width - width(text));
    int gap = i + 1 < t->n ? GAP : 0;

    if (t->col[i].number)
        (void)fprintf(out, "%*s%s%*s", pad, "", text, gap, "");
    else
        (void)fprintf(out, "%s%*s", text, i + 1 < t->n ? pad + gap : 0, "");
}

static void put_heading(FILE *out, const struct table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        char title[64];
        size_t n = 0;
        for (const char *s = t->col[i].key; *s != '\0' && n < sizeof title - 1; s++)
            title[n++] = *s == '_' || *s == '-' ? ' ' : (char)toupper((unsigned char)*s);
        title[n] = '\0';
        put_padded(out, t, i, title);
    }
    (void)fputc('\n', out);
}

static void put_row(FILE *out, const struct table *t, const json_t *row)
{
    for (size_t i = 0; i < t->n; i++) {
        char *text = cell_text(json_object_get(row, t->col[i].key));
        put_padded(out, t, i, text != NULL ? text : "?");
        free(text);
    }
    (void)fputc('\n', out);
}

/* A node's tables are hashed; people look for a name. */
struct sorted {
    char *name; /* the first cell */
    const json_t *row;
};

static int by_name(const void *va, const void *vb)
{
    const struct sorted *a = va, *b = vb;

    return a->name == NULL || b->name == NULL ? 0 : strverscmp(a->name, b->name);
}

/* The rows in the order to print them, or NULL: out of memory. */
static struct sorted *sort_rows(const json_t *rows, const char *key, bool keep_order)
{
    size_t n = json_array_size(rows);
    struct sorted *list = calloc(n, sizeof *list);

    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        list[i].row = json_array_get(rows, i);
        list[i].name = cell_text(json_object_get(list[i].row, key));
    }
    if (!keep_order)
        qsort(list, n, sizeof *list, by_name);
    return list;
}

static void print_rows(FILE *out, const char *what, const json_t *rows)
{
    struct table t = {0};
    size_t n = json_array_size(rows);

    if (n == 0) {
        (void)fprintf(out, "no %s\n", what);
        return;
    }
    for (size_t i = 0; i < n; i++)
        measure(&t, json_array_get(rows, i));
    if (t.n == 0)
        return;
    struct sorted *list = sort_rows(
        rows, t.col[0].key, strcmp(what, "handovers") == 0 || strcmp(what, "operations") == 0);
    if (list == NULL)
        return;
    put_heading(out, &t);
    for (size_t i = 0; i < n; i++) {
        put_row(out, &t, list[i].row);
        free(list[i].name);
    }
    free(list);
}

/* ---- objects ---- */

/* Nested ones become "outer.inner". */
static size_t name_width(const json_t *o, size_t outer)
{
    const char *key;
    json_t *v;
    size_t most = 0;

    json_object_foreach((json_t *)o, key, v)
    {
        size_t w = outer + width(key);
        if (json_is_object(v))
            w = name_width(v, w + 1);
        most = w > most ? w : most;
    }
    return most;
}

static void print_members(FILE *out, const json_t *o, const char *outer, size_t most)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)o, key, v)
    {
        char name[256];
        (void)snprintf(name, sizeof name, "%s%s%s", outer, outer[0] != '\0' ? "." : "", key);
        if (json_is_object(v)) {
            print_members(out, v, name, most);
            continue;
        }
        put_text(out, name);
        size_t w = width(name);
        (void)fprintf(out, "%*s", (int)(most > w ? most - w + GAP : GAP), "");
        put_cell(out, v);
        (void)fputc('\n', out);
    }
}

void gw_cli_print(FILE *out, const char *what, const json_t *result)
{
    if (json_is_array(result)) {
        print_rows(out, what, result);
    } else if (json_is_object(result)) {
        print_members(out, result, "", name_width(result, 0));
    } else if (!json_is_null(result)) {
        put_cell(out, result);
        (void)fputc('\n', out);
    }
}
