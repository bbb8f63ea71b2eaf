/* chat.c: see chat.h. */
#include "chat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FNV_BASE  0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u
#define MS        1000000

static uint64_t draw(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t fold(uint64_t sum, const uint8_t *octets, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ octets[i]) * FNV_PRIME;
    return sum;
}

/* ---- trace ---- */

static bool grow(struct chat_trace *t)
{
    size_t rows = t->rows + 1024;
    if (t->rows % 1024 != 0)
        return true;
    uint32_t *generated = realloc(t->generated, rows * sizeof *generated);
    if (generated != NULL)
        t->generated = generated;
    int64_t *pace = realloc(t->pace_ns, rows * sizeof *pace);
    if (pace != NULL)
        t->pace_ns = pace;
    return generated != NULL && pace != NULL;
}

/* Seconds and generated tokens of a row; false: it is none. */
static bool read_row(const char *line, double *at, uint32_t *generated)
{
    struct tm tm = {0};
    char *at_context, *at_generated, *end;
    const char *rest = strptime(line, "%Y-%m-%d %H:%M:%S", &tm);
    double fraction = rest != NULL ? strtod(rest, &at_context) : 0;
    if (rest == NULL || *at_context != ',')
        return false;
    strtoul(at_context + 1, &at_generated, 10);
    if (*at_generated != ',')
        return false;
    *generated = (uint32_t)strtoul(at_generated + 1, &end, 10);
    *at = (double)timegm(&tm) + fraction;
    return end != at_generated + 1;
}

static int64_t pace_of(double seconds, uint32_t generated)
{
    double ns = generated > 0 ? seconds * 1e9 / generated : 0;
    if (ns < 1 * MS)
        return 1 * MS;
    return ns > 200 * MS ? 200 * MS : (int64_t)ns;
}

bool chat_trace_read(struct chat_trace *t, const char *path)
{
    char line[256];
    double before = 0, at = 0;
    unsigned number = 1;
    FILE *file = fopen(path, "r");
    *t = (struct chat_trace){0};
    if (file == NULL || fgets(line, sizeof line, file) == NULL) {
        fprintf(stderr, "%s: %s\n", path, file == NULL ? strerror(errno) : "is empty");
        if (file != NULL)
            fclose(file);
        return false;
    }
    bool good = true;
    while (good && fgets(line, sizeof line, file) != NULL) {
        number++;
        good = grow(t) && read_row(line, &at, &t->generated[t->rows]);
        if (!good)
            fprintf(stderr, "%s:%u: expected a time and two numbers\n", path, number);
        else if (t->rows++ > 0)
            t->pace_ns[t->rows - 2] = pace_of(at - before, t->generated[t->rows - 2]);
        before = at;
    }
    fclose(file);
    if (good && t->rows < 2)
        fprintf(stderr, "%s: fewer than two rows\n", path);
    t->rows = t->rows > 0 ? t->rows - 1 : 0; /* of the last one the time is not known */
    return good && t->rows > 0;
}

/* ---- a conversation ---- */

bool chat_begin(struct chat *c, uint64_t seed, uint32_t context_tokens, uint64_t tokens,
                uint64_t row)
{
    size_t size = (size_t)context_tokens * CHAT_BLOCK;
    uint64_t state = seed;
    *c = (struct chat){.seed = seed,
                       .digest = FNV_BASE,
                       .total = tokens,
                       .row = row,
                       .sum = FNV_BASE,
                       .context_tokens = context_tokens,
                       .context = malloc(size > 0 ? size : 1)};
    for (size_t i = 0; c->context != NULL && i + 8 <= size; i += 8) {
        uint64_t word = draw(&state);
        memcpy(c->context + i, &word, sizeof word);
    }
    return c->context != NULL;
}

void chat_end(struct chat *c)
{
    free(c->context);
    c->context = NULL;
}

size_t chat_token(struct chat *c, const struct chat_trace *t, char text[CHAT_TOKEN_MAX],
                  int64_t *ns)
{
    static const char letters[] = "etaoinshrdlucmfw";
    *ns = t->pace_ns[c->row % t->rows];
    if (c->context_tokens > 0)
        c->digest =
            fold(c->digest, c->context + c->next % c->context_tokens * CHAT_BLOCK, CHAT_BLOCK);
    uint64_t state = c->digest ^ c->seed ^ c->next;
    uint64_t word = draw(&state);
    size_t len = 2 + (size_t)(word >> 60) % 9;
    for (size_t i = 0; i < len; i++, word >>= 4)
        text[i] = letters[word & 15];
    text[len++] = ++c->next % 16 == 0 ? '\n' : ' ';
    if (++c->in_row >= t->generated[c->row % t->rows]) {
        c->row++;
        c->in_row = 0;
    }
    return len;
}

void chat_upload(struct chat *c, const void *octets, size_t len)
{
    c->uploaded += len;
    c->sum = fold(c->sum, octets, len);
}

/* ---- as octets ---- */

size_t chat_size(const struct chat *c)
{
    return (size_t)CHAT_HEAD + (size_t)c->context_tokens * CHAT_BLOCK;
}

static uint64_t *member(struct chat *c, size_t i)
{
    uint64_t *const members[] = {&c->seed, &c->digest, &c->total,    &c->next,
                                 &c->row,  &c->in_row, &c->uploaded, &c->sum};
    return members[i];
}

void chat_write(const struct chat *c, uint8_t *buf)
{
    struct chat copy = *c;
    /* The length of the context stands in the upper half of the row's number: both are small. */
    copy.row |= (uint64_t)c->context_tokens << 32;
    for (size_t i = 0; i < CHAT_HEAD; i++)
        buf[i] = (uint8_t)(*member(&copy, i / 8) >> (56 - i % 8 * 8));
    memcpy(buf + CHAT_HEAD, c->context, (size_t)c->context_tokens * CHAT_BLOCK);
}

size_t chat_read(struct chat *c, const uint8_t *buf, size_t len)
{
    *c = (struct chat){0};
    if (len < CHAT_HEAD)
        return 0;
    for (size_t i = 0; i < CHAT_HEAD; i++)
        *member(c, i / 8) = *member(c, i / 8) << 8 | buf[i];
    c->context_tokens = (uint32_t)(c->row >> 32);
    c->row &= UINT32_MAX;
    if (c->context_tokens > CHAT_CONTEXT_MAX || c->next > c->total || len < chat_size(c))
        return 0;
    size_t size = (size_t)c->context_tokens * CHAT_BLOCK;
    c->context = malloc(size > 0 ? size : 1);
    if (c->context == NULL)
        return 0;
    memcpy(c->context, buf + CHAT_HEAD, size);
    return chat_size(c);
}
