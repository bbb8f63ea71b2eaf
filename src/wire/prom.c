/* prom.c: see prom.h. */
#include "wire/prom.h"

#include <stdlib.h>

#define NUMBER_MAX 64 /* octets of a value; a double needs 24 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_name(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

static void skip_blanks(const char **at, const char *end)
{
    while (*at < end && is_blank(**at))
        (*at)++;
}

static bool take(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    (*at)++;
    return true;
}

static bool take_name(const char **at, const char *end, struct gw_prom_text *out)
{
    const char *begin = *at;

    while (*at < end && is_name(**at, *at == begin))
        (*at)++;
    *out = (struct gw_prom_text){begin, (size_t)(*at - begin)};
    return out->len > 0;
}

/* Behind the opening quote, to behind the closing one. */
static bool take_value(const char **at, const char *end, struct gw_prom_text *out)
{
    const char *begin = *at;

    for (; *at < end && **at != '"'; (*at)++) {
        if (**at != '\\')
            continue;
        (*at)++;
        if (*at == end || (**at != '\\' && **at != '"' && **at != 'n'))
            return false;
    }
    *out = (struct gw_prom_text){begin, (size_t)(*at - begin)};
    return take(at, end, '"');
}

/* Behind the opening brace, to behind the closing one. */
static bool take_labels(const char **at, const char *end, struct gw_prom_series *s)
{
    for (;;) {
        skip_blanks(at, end);
        if (take(at, end, '}'))
            return true;
        if (s->nlabels == GW_PROM_LABELS || !take_name(at, end, &s->label[s->nlabels].name))
            return false;
        skip_blanks(at, end);
        if (!take(at, end, '='))
            return false;
        skip_blanks(at, end);
        if (!take(at, end, '"') || !take_value(at, end, &s->label[s->nlabels].value))
            return false;
        s->nlabels++;
        skip_blanks(at, end);
        if (!take(at, end, ',') && (*at == end || **at != '}'))
            return false;
    }
}

static bool take_series(const char **at, const char *end, struct gw_prom_series *s)
{
    s->nlabels = 0;
    if (!take_name(at, end, &s->name))
        return false;
    skip_blanks(at, end);
    return !take(at, end, '{') || take_labels(at, end, s);
}

static struct gw_prom_text take_word(const char **at, const char *end)
{
    skip_blanks(at, end);
    const char *begin = *at;
    while (*at < end && !is_blank(**at))
        (*at)++;
    return (struct gw_prom_text){begin, (size_t)(*at - begin)};
}

/* As Go writes and reads it, without its underscores and hexadecimal digits. */
static bool read_number(struct gw_prom_text t, double *out)
{
    static const char *const words[] = {"NaN", "+Inf", "-Inf", "Inf"};
    char text[NUMBER_MAX + 1], *end;

    if (t.len == 0 || t.len > NUMBER_MAX)
        return false;
    memcpy(text, t.at, t.len);
    text[t.len] = '\0';
    bool known = strspn(text, "0123456789+-.eE") == t.len;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        known = known || strcmp(text, words[i]) == 0;
    if (!known)
        return false;
    *out = strtod(text, &end);
    return *end == '\0';
}

static bool read_sample(const char *at, const char *end, struct gw_prom_series *s, double *value)
{
    double when;

    if (!take_series(&at, end, s) || !read_number(take_word(&at, end), value))
        return false;
    struct gw_prom_text stamp = take_word(&at, end); /* it may be missing */
    skip_blanks(&at, end);
    return at == end && (stamp.len == 0 || read_number(stamp, &when));
}

struct gw_prom gw_prom_begin(const char *text, size_t len)
{
    return (struct gw_prom){.at = text, .end = text + len, .line = 0};
}

int gw_prom_next(struct gw_prom *p, struct gw_prom_series *series, double *value)
{
    while (p->at < p->end) {
        const char *at = p->at, *end = memchr(at, '\n', (size_t)(p->end - at));
        p->at = end != NULL ? end + 1 : p->end;
        p->line++;
        if (end == NULL)
            end = p->end;
        if (end > at && end[-1] == '\r')
            end--;
        skip_blanks(&at, end);
        if (at == end || *at == '#')
            continue;
        return read_sample(at, end, series, value) ? 1 : GW_EFORMAT;
    }
    return 0;
}

int gw_prom_parse_series(const char *text, size_t len, struct gw_prom_series *out)
{
    const char *at = text, *end = text + len;

    return take_series(&at, end, out) && at == end ? 0 : GW_EFORMAT;
}

static bool same(struct gw_prom_text a, struct gw_prom_text b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool has_label(const struct gw_prom_series *s, struct gw_prom_text name,
                      struct gw_prom_text value)
{
    for (size_t i = 0; i < s->nlabels; i++)
        if (same(s->label[i].name, name))
            return same(s->label[i].value, value);
    return false;
}

bool gw_prom_is(const struct gw_prom_series *s, const struct gw_prom_series *wanted,
                const char *suffix)
{
    size_t len = wanted->name.len, more = strlen(suffix);

    if (s->name.len != len + more || memcmp(s->name.at, wanted->name.at, len) != 0 ||
        memcmp(s->name.at + len, suffix, more) != 0)
        return false;
    for (size_t i = 0; i < wanted->nlabels; i++)
        if (!has_label(s, wanted->label[i].name, wanted->label[i].value))
            return false;
    return true;
}
