/* schedule.c: schedules as text, both ways. One table says what the operations are called and what
 * each of them takes.
 */
#include "schedule.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MN = 1,
    NODE = 2,
    OTHER = 4,
    SPAN = 8,
    AMOUNT = 16,
    MORE = 32,
    FLAG = 64,
    SETTING = 128,
    WIDTH = 256
};
static const struct {
    const char *name, *flag;
    unsigned takes;
} ops[SIM_OPS] = {
    [SIM_ATTACH] = {"attach", "carrier", MN | NODE | MORE | FLAG},
    [SIM_LEAVE] = {"leave", "told", MN | FLAG},
    [SIM_FLOW] = {"flow", NULL, MN | OTHER | SPAN | AMOUNT},
    [SIM_CRASH] = {"crash", "power", NODE | SPAN | FLAG},
    [SIM_PAUSE] = {"pause", NULL, NODE | SPAN},
    [SIM_LINK] = {"link", NULL, NODE | OTHER | SPAN | AMOUNT | MORE | WIDTH},
    [SIM_CUT] = {"cut", NULL, NODE | OTHER | SPAN},
    [SIM_CLOCK] = {"clock", NULL, NODE | AMOUNT},
    [SIM_DRIFT] = {"drift", NULL, NODE | AMOUNT},
    [SIM_NOMEM] = {"nomem", NULL, NODE | AMOUNT},
    [SIM_DISK] = {"disk", "full", NODE | SPAN | AMOUNT | FLAG},
    [SIM_REPLAY] = {"replay", NULL, AMOUNT},
    [SIM_HOSTILE] = {"hostile", NULL, AMOUNT | MORE},
    [SIM_MODE] = {"mode", NULL, AMOUNT},
    [SIM_POLICY] = {"policy", NULL, MN | AMOUNT},
    [SIM_RELOAD] = {"reload", NULL, SETTING | AMOUNT},
    [SIM_REVOKE] = {"revoke", "peer", MN | NODE | OTHER | AMOUNT | FLAG},
    [SIM_ALLOW] = {"allow", NULL, MN | NODE},
    [SIM_NOTIFY] = {"notify", "peer", MN | NODE | OTHER | FLAG},
    [SIM_FLAP] = {"flap", NULL, NODE | SPAN},
    [SIM_PART] = {"partition", "both", NODE | OTHER | SPAN | FLAG},
    [SIM_BURST] = {"burst", NULL, MN | OTHER | SPAN | AMOUNT | MORE},
    [SIM_INSTANCE] = {"instance", "told", MN | AMOUNT | FLAG},
};
static const char *const kinds[] = {"dmm", "pmip", "mixed", "cats"};
static const char *const settings[] = {"mode",       "evict", "previous", "idle",    "dereg",
                                       "durability", "relay", "locals",   "steering"};
static const char *const evicts[] = {"oldest", "idle"};
static const char *const deregs[] = {"stop-timer", "ask"};
static const char *const modes[] = {"proxy", "relay", "locator"};
static const char *const durabilities[] = {"none", "batch", "each"};
#define NAMES(list) (sizeof(list) / sizeof *(list))

static void write_domain(const struct sim_schedule *s, FILE *f)
{
    (void)fprintf(f,
                  "domain maars=%" PRIu32 " stations=%" PRIu32
                  " mode=%s durability=%s delay=%" PRId64 "us idle=%" PRId64 "us span=%" PRId64
                  "us seed=%" PRIu64 "\n",
                  s->maars, s->stations, modes[s->mode], durabilities[s->durability],
                  s->delay / 1000, s->idle / 1000, s->span / 1000, s->seed);
    (void)fprintf(f,
                  "domain kind=%s evict=%s dereg=%s previous=%" PRIu32 " prefixes=%" PRIu32
                  " locals=%d relay=%" PRId64 "us\n",
                  kinds[s->kind], evicts[s->evict], deregs[s->dereg], s->previous, s->prefixes,
                  s->locals, s->relay / 1000);
}

static void write_op(const struct sim_op *o, FILE *f)
{
    unsigned takes = ops[o->kind].takes;

    (void)fprintf(f, "%" PRId64 ".%06" PRId64 " %s", o->at / 1000000000, o->at / 1000 % 1000000,
                  ops[o->kind].name);
    if (takes & SETTING)
        (void)fprintf(f, " setting=%s", settings[o->setting]);
    if (takes & MN)
        (void)fprintf(f, " mn=%" PRIu32, o->mn);
    if (takes & NODE)
        (void)fprintf(f, " node=%" PRIu32, o->node);
    if (takes & OTHER)
        (void)fprintf(f, " other=%" PRIu32, o->other);
    if (takes & SPAN)
        (void)fprintf(f, " span=%" PRId64 "us", o->span / 1000);
    if (takes & AMOUNT)
        (void)fprintf(f, " amount=%" PRId64, o->amount);
    if (takes & MORE)
        (void)fprintf(f, " more=%" PRIu32, o->more);
    if ((takes & WIDTH) && o->rate != 0)
        (void)fprintf(f, " rate=%" PRId64, o->rate);
    if ((takes & WIDTH) && o->mtu != 0)
        (void)fprintf(f, " mtu=%" PRIu32, o->mtu);
    (void)fprintf(f, "%s%s\n", o->flag && (takes & FLAG) ? " " : "",
                  o->flag && (takes & FLAG) ? ops[o->kind].flag : "");
}

void sim_schedule_write(const struct sim_schedule *s, FILE *f)
{
    write_domain(s, f);
    for (size_t i = 0; i < s->nops; i++)
        write_op(&s->op[i], f);
}

/* -- reading ------------------------------------------------------------------------------------
 */

/* Beyond this nothing can be meant, and sums of it stay numbers: 30 years in microseconds. */
#define NUMBER_MAX INT64_C(1000000000000000)
#define AMOUNT_MAX INT64_C(1000000000000) /* the same in milliseconds */

/* "key=value"; with unit, the number is followed by "us". */
static bool number(const char *word, const char *key, bool us, int64_t *out)
{
    size_t len = strlen(key);
    char *end;

    if (strncmp(word, key, len) != 0 || word[len] != '=')
        return false;
    int64_t v = strtoll(word + len + 1, &end, 10);
    if (end == word + len + 1 || strcmp(end, us ? "us" : "") != 0)
        return false;
    if (us && (v > NUMBER_MAX || v < -NUMBER_MAX))
        return false;
    *out = us ? v * 1000 : v;
    return true;
}

static bool name(const char *word, const char *key, const char *const *names, size_t n,
                 unsigned *out)
{
    size_t len = strlen(key);

    if (strncmp(word, key, len) != 0 || word[len] != '=')
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(word + len + 1, names[i]) == 0) {
            *out = (unsigned)i;
            return true;
        }
    return false;
}

static bool domain_name(struct sim_schedule *s, const char *w)
{
    unsigned e;

    if (name(w, "mode", modes, NAMES(modes), &e))
        s->mode = (enum gw_cmd_mode)e;
    else if (name(w, "durability", durabilities, NAMES(durabilities), &e))
        s->durability = (enum gw_durability)e;
    else if (name(w, "kind", kinds, NAMES(kinds), &e))
        s->kind = (enum sim_kind)e;
    else if (name(w, "evict", evicts, NAMES(evicts), &e))
        s->evict = (enum gw_evict)e;
    else if (name(w, "dereg", deregs, NAMES(deregs), &e))
        s->dereg = (enum gw_dereg)e;
    else
        return false;
    return true;
}

static bool domain_word(struct sim_schedule *s, const char *w)
{
    int64_t v;

    if (number(w, "maars", false, &v) && v >= 1 && v <= SIM_MAARS_MAX)
        s->maars = (uint32_t)v;
    else if (number(w, "stations", false, &v) && v >= 0 && v <= 65535)
        s->stations = (uint32_t)v;
    else if (number(w, "previous", false, &v) && v >= 0 && v <= 20)
        s->previous = (uint32_t)v;
    else if (number(w, "prefixes", false, &v) && v >= 0 && v <= 16)
        s->prefixes = (uint32_t)v;
    else if (number(w, "locals", false, &v) && v >= 0 && v <= 1)
        s->locals = v != 0;
    else if (number(w, "delay", true, &v) && v >= 0)
        s->delay = v;
    else if (number(w, "idle", true, &v) && v >= 0)
        s->idle = v;
    else if (number(w, "relay", true, &v) && v >= 0)
        s->relay = v;
    else if (number(w, "span", true, &v) && v >= 0)
        s->span = v;
    else if (number(w, "seed", false, &v))
        s->seed = strtoull(w + 5, NULL, 10);
    else
        return domain_name(s, w);
    return true;
}

static bool op_word(struct sim_op *o, const char *w)
{
    unsigned takes = ops[o->kind].takes;
    int64_t v;
    unsigned e;

    if ((takes & SETTING) && name(w, "setting", settings, NAMES(settings), &e))
        o->setting = (enum sim_setting)e;
    else if ((takes & MN) && number(w, "mn", false, &v))
        o->mn = (uint32_t)v;
    else if ((takes & NODE) && number(w, "node", false, &v))
        o->node = (uint32_t)v;
    else if ((takes & OTHER) && number(w, "other", false, &v))
        o->other = (uint32_t)v;
    else if ((takes & SPAN) && number(w, "span", true, &v) && v >= 0)
        o->span = v;
    else if ((takes & AMOUNT) && number(w, "amount", false, &v) && v >= -AMOUNT_MAX &&
             v <= AMOUNT_MAX)
        o->amount = v;
    else if ((takes & MORE) && number(w, "more", false, &v))
        o->more = (uint32_t)v;
    else if ((takes & WIDTH) && number(w, "rate", false, &v) && v >= 1000 && v <= AMOUNT_MAX)
        o->rate = v;
    else if ((takes & WIDTH) && number(w, "mtu", false, &v) && v >= SIM_MTU_MIN && v <= SIM_MTU)
        o->mtu = (uint32_t)v;
    else if ((takes & FLAG) && strcmp(w, ops[o->kind].flag) == 0)
        o->flag = true;
    else
        return false;
    return true;
}

static bool time_of(const char *w, int64_t *out)
{
    char *end;
    int64_t whole = strtoll(w, &end, 10), part;
    const char *dot = end;

    if (end == w || *dot != '.' || strlen(dot) != 7 || strspn(dot + 1, "0123456789") != 6 ||
        whole < 0 || whole > NUMBER_MAX / 1000000)
        return false;
    part = strtoll(dot + 1, &end, 10);
    *out = whole * 1000000000 + part * 1000;
    return true;
}

/* false: *bad is the word that is not understood. */
static bool line(struct sim_schedule *s, char *text, const char **bad)
{
    char *save = NULL;
    const char *w = strtok_r(text, " \n", &save);
    struct sim_op *o;
    size_t kind;

    *bad = w;
    if (w == NULL || *w == '#')
        return true;
    if (strcmp(w, "domain") == 0) {
        while ((*bad = strtok_r(NULL, " \n", &save)) != NULL)
            if (!domain_word(s, *bad))
                return false;
        return true;
    }
    o = sim_schedule_add(s);
    if (!time_of(w, &o->at) || (s->nops > 1 && o->at < o[-1].at))
        return false;
    *bad = w = strtok_r(NULL, " \n", &save);
    for (kind = 0; w != NULL && kind < SIM_OPS && strcmp(w, ops[kind].name) != 0;)
        kind++;
    if (w == NULL || kind == SIM_OPS)
        return false;
    o->kind = (enum sim_op_kind)kind;
    while ((*bad = strtok_r(NULL, " \n", &save)) != NULL)
        if (!op_word(o, *bad))
            return false;
    return true;
}

struct sim_schedule *sim_schedule_read(FILE *f, const char *file, char *why, size_t size)
{
    struct sim_schedule *s = calloc(1, sizeof *s);
    char text[512];
    const char *bad;
    unsigned n = 0;

    if (s == NULL)
        abort();
    while (fgets(text, sizeof text, f) != NULL) {
        n++;
        if (line(s, text, &bad))
            continue;
        (void)snprintf(why, size, "%s:%u: \"%s\" is not understood", file, n,
                       bad != NULL ? bad : "(end of line)");
        sim_schedule_free(s);
        return NULL;
    }
    if (s->maars > 0 && sim_schedule_fits(s))
        return s;
    if (s->maars > 0)
        (void)snprintf(why, size,
                       "%s: maars=%" PRIu32 " stations=%" PRIu32
                       ": a domain of CATS has %d and %d at most",
                       file, s->maars, s->stations, SIM_CATS_MAX, SIM_CLIENTS);
    else
        (void)snprintf(why, size, "%s: no \"domain\" line", file);
    sim_schedule_free(s);
    return NULL;
}

size_t sim_schedule_nodes(const struct sim_schedule *s)
{
    return (size_t)s->maars + (s->kind == SIM_MIXED ? 2 : 1);
}

struct sim_op *sim_schedule_add(struct sim_schedule *s)
{
    if (s->nops == s->size) {
        s->size = s->size > 0 ? 2 * s->size : 64;
        s->op = realloc(s->op, s->size * sizeof *s->op);
        if (s->op == NULL)
            abort();
    }
    s->op[s->nops] = (struct sim_op){0};
    return &s->op[s->nops++];
}

struct sim_schedule *sim_schedule_copy(const struct sim_schedule *s)
{
    struct sim_schedule *c = malloc(sizeof *c);

    if (c == NULL)
        abort();
    *c = *s;
    c->size = s->nops + 1;
    c->op = malloc(c->size * sizeof *c->op);
    if (c->op == NULL)
        abort();
    if (s->nops > 0)
        memcpy(c->op, s->op, s->nops * sizeof *c->op);
    return c;
}

void sim_schedule_free(struct sim_schedule *s)
{
    if (s == NULL)
        return;
    free(s->op);
    free(s);
}

static int by_time(const void *a, const void *b)
{
    const struct sim_op *x = a, *y = b;

    if (x->at != y->at)
        return x->at > y->at ? 1 : -1;
    if (x->kind != y->kind)
        return x->kind > y->kind ? 1 : -1;
    return (x->mn > y->mn) - (x->mn < y->mn);
}

void sim_schedule_sort(struct sim_schedule *s)
{
    qsort(s->op, s->nops, sizeof *s->op, by_time);
}
