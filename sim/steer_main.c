/* steer_main.c: godwit-sim steer: options, sweeps, CSV. See doc/steering.md.
 *
 *   godwit-sim steer                                   one run of the default policy
 *   godwit-sim steer --policies all --loads 0.5,0.9 --intervals 10,100 --seeds 101-105 --csv FILE
 *
 * A policy that reads no report is run for one interval only and written for all.
 */
#include "arguments.h"
#include "steer.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 64 };

struct list {
    uint32_t v[LIST_MAX];
    size_t n;
};

struct options {
    struct steer_conf conf;
    struct list policies, loads, intervals; /* loads of 1000, intervals in ms */
    uint64_t first_seed, last_seed;
    const char *data, *csv;
};

static void usage(FILE *f)
{
    (void)fputs(
        "godwit-sim steer [--policies LIST|all] [--loads LIST] [--intervals MS,...]\n"
        "                 [--seeds N-M] [--csv FILE] [--data DIR] [--part 0|1|2] [--failing]\n"
        "                 [--servers N] [--slots N] [--ingresses N] [--seconds N]\n"
        "                 [--width N] [--settle MS] [--blur N] [--quantile N]\n"
        "  policies: prequal nearest random round-robin weighted least-loaded least-connections\n"
        "            two-choices argmin hash oracle; loads of capacity: 0.5,0.9\n",
        f);
}

static uint32_t number(const char *option, const char *text, uint32_t low, uint32_t high)
{
    char *end, wants[64];
    unsigned long v = strtoul(text, &end, 10);

    if (end != text && *end == 0 && *text != '-' && v >= low && v <= high)
        return (uint32_t)v;
    (void)snprintf(wants, sizeof wants, "a number from %" PRIu32 " to %" PRIu32, low, high);
    sim_refuse("steer", option, text, wants);
}

/* 0.9 or 1 or 1.25, of 1000. */
static uint32_t load(const char *text)
{
    char *end;
    unsigned long whole = strtoul(text, &end, 10), unit = 1000;
    uint32_t v;

    if (end == text || *text == '-' || whole > 9)
        sim_refuse("steer", "loads", text, "numbers such as 0.9");
    v = (uint32_t)whole * 1000;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9' && unit > 1; end++)
            v += (uint32_t)(unit /= 10) * (uint32_t)(*end - '0');
    if (*end != 0 || v < 10)
        sim_refuse("steer", "loads", text, "numbers such as 0.9");
    return v;
}

static const char *policy_name(uint32_t p)
{
    return p == STEER_ORACLE ? "oracle" : gw_steer_policy_name(p);
}

static uint32_t policy(const char *text)
{
    uint32_t p;

    if (strcmp(text, "oracle") == 0)
        return STEER_ORACLE;
    if (!gw_steer_policy_read(text, &p))
        sim_refuse("steer", "policies", text, "names of policies (--help)");
    return p;
}

static uint32_t interval(const char *text)
{
    return number("intervals", text, 1, 3600000);
}

/* Comma-separated; each by `read`. */
static void read_list(struct list *l, const char *option, char *text,
                      uint32_t (*read)(const char *))
{
    char *rest = NULL;

    l->n = 0;
    for (char *one = strtok_r(text, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
        if (l->n == LIST_MAX)
            sim_refuse("steer", option, one, "at most 64 values");
        l->v[l->n++] = read(one);
    }
    if (l->n == 0)
        sim_refuse("steer", option, "", "a list");
}

static void read_policies(struct options *o, char *text)
{
    if (strcmp(text, "all") != 0)
        return read_list(&o->policies, "policies", text, policy);
    for (o->policies.n = 0; o->policies.n < STEER_POLICIES; o->policies.n++)
        o->policies.v[o->policies.n] = (uint32_t)o->policies.n;
}

static void read_seeds(struct options *o, const char *text)
{
    char *end;

    o->first_seed = strtoull(text, &end, 10);
    o->last_seed = o->first_seed;
    if (end != text && *end == '-') {
        const char *second = end + 1;
        o->last_seed = strtoull(second, &end, 10);
        end = end == second ? (char *)(uintptr_t) "x" : end;
    }
    if (end == text || *end != 0 || o->last_seed < o->first_seed)
        sim_refuse("steer", "seeds", text, "a seed or a range as 1-5");
}

static void set(struct options *o, int c, const char *name, char *text)
{
    struct steer_conf *f = &o->conf;

    switch (c) {
    case 'p':
        read_policies(o, text);
        break;
    case 'l':
        read_list(&o->loads, name, text, load);
        break;
    case 'i':
        read_list(&o->intervals, name, text, interval);
        break;
    case 's':
        read_seeds(o, text);
        break;
    case 'c':
        o->csv = text;
        break;
    case 'd':
        o->data = text;
        break;
    case 'P':
        f->part = number(name, text, 0, 2);
        break;
    case 'f':
        f->failing = true;
        break;
    case 'n':
        f->servers = number(name, text, 1, 125);
        break;
    case 'k':
        f->slots = number(name, text, 1, 1000);
        break;
    case 'g':
        f->ingresses = number(name, text, 1, 125);
        break;
    case 't':
        f->span = number(name, text, 1, 86400) * SIM_S;
        break;
    case 'w':
        f->width = number(name, text, 1, GW_STEER_WIDTH);
        break;
    case 'S':
        f->settle_ms = number(name, text, 1, 1000000);
        break;
    case 'b':
        f->blur = number(name, text, 0, GW_STEER_FULL);
        break;
    case 'L':
        f->lasting = number(name, text, 0, GW_STEER_FULL);
        break;
    case 'q':
        f->quantile = number(name, text, 1, 1000);
        break;
    default:
        usage(c == 'h' ? stdout : stderr);
        exit(c == 'h' ? 0 : 2);
    }
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option list[] = {{"policies", 1, NULL, 'p'},
                                         {"loads", 1, NULL, 'l'},
                                         {"intervals", 1, NULL, 'i'},
                                         {"seeds", 1, NULL, 's'},
                                         {"csv", 1, NULL, 'c'},
                                         {"data", 1, NULL, 'd'},
                                         {"part", 1, NULL, 'P'},
                                         {"failing", 0, NULL, 'f'},
                                         {"servers", 1, NULL, 'n'},
                                         {"slots", 1, NULL, 'k'},
                                         {"ingresses", 1, NULL, 'g'},
                                         {"seconds", 1, NULL, 't'},
                                         {"width", 1, NULL, 'w'},
                                         {"settle", 1, NULL, 'S'},
                                         {"blur", 1, NULL, 'b'},
                                         {"quantile", 1, NULL, 'q'},
                                         {"lasting", 1, NULL, 'L'},
                                         {"help", 0, NULL, 'h'},
                                         {0}};
    int index = 0;

    for (int c; (c = getopt_long(argc, argv, "h", list, &index)) != -1;)
        set(o, c, list[index].name, optarg);
    if (optind < argc)
        sim_refuse("steer", "help", argv[optind], "no further arguments");
    if (o->conf.span <= o->conf.warmup)
        o->conf.warmup = o->conf.span / 10;
}

/* -- runs ---------------------------------------------------------------------------------------
 */

static bool reads_reports(uint32_t p)
{
    return p == GW_STEER_PREQUAL || p == GW_STEER_WEIGHTED || p == GW_STEER_LEAST_LOADED ||
           p == GW_STEER_TWO_CHOICES || p == GW_STEER_ARGMIN;
}

static void write_row(FILE *f, const struct steer_conf *c, const char *seed,
                      const struct steer_outcome *o)
{
    (void)fprintf(f,
                  "%s,%" PRId64 ",%" PRIu32 ".%03" PRIu32 ",%s,%zu,%zu,%" PRIu64 ",%" PRIu32
                  ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ".%03" PRIu32 "\n",
                  policy_name(c->policy), c->interval / SIM_MS, c->load / 1000, c->load % 1000,
                  seed, o->requests, o->failed, o->mean_us / 1000, o->p50_us / 1000,
                  o->p99_us / 1000, o->p999_us / 1000, o->swing / 1000, o->swing % 1000);
}

/* All seeds of one case: a row for each, and one for all of their requests together. */
static void run_case(FILE *f, const struct options *o, struct steer_conf c,
                     const struct steer_data *d, const struct list *intervals)
{
    struct steer_responses all = {0};
    struct steer_outcome whole = {0};
    uint64_t seeds = o->last_seed - o->first_seed + 1, swing = 0;

    for (c.seed = o->first_seed; c.seed <= o->last_seed; c.seed++) {
        char name[32];
        struct steer_outcome one = steer_run(&c, d, &all);
        (void)snprintf(name, sizeof name, "%" PRIu64, c.seed);
        for (size_t i = 0; i < intervals->n; i++) {
            c.interval = intervals->v[i] * SIM_MS;
            write_row(f, &c, name, &one);
        }
        whole.failed += one.failed;
        swing += one.swing;
    }
    steer_summarise(&all, &whole);
    whole.swing = (uint32_t)(swing / seeds);
    for (size_t i = 0; i < intervals->n; i++) {
        c.interval = intervals->v[i] * SIM_MS;
        write_row(f, &c, "all", &whole);
    }
    free(all.us);
}

static void run_all(FILE *f, const struct options *o, const struct steer_data *d)
{
    size_t done = 0, cases = o->policies.n * o->loads.n;

    (void)fputs("policy,interval_ms,load,seed,requests,failed,mean_ms,p50_ms,p99_ms,p999_ms,"
                "oscillation\n",
                f);
    for (size_t p = 0; p < o->policies.n; p++) {
        for (size_t l = 0; l < o->loads.n; l++) {
            struct steer_conf c = o->conf;
            c.policy = o->policies.v[p];
            c.load = o->loads.v[l];
            size_t step = reads_reports(c.policy) ? 1 : o->intervals.n;
            for (size_t i = 0; i < o->intervals.n; i += step) {
                struct list at = {.n = step};
                memcpy(at.v, o->intervals.v + i, step * sizeof *at.v);
                c.interval = at.v[0] * SIM_MS;
                run_case(f, o, c, d, &at);
            }
            if (cases > 1)
                (void)fprintf(stderr, "\r%zu of %zu: %s ", ++done, cases, policy_name(c.policy));
        }
    }
    if (cases > 1)
        (void)fputc('\n', stderr);
}

int steer_main(int argc, char **argv)
{
    struct options o = {.policies = {.v = {GW_STEER_PREQUAL}, .n = 1},
                        .loads = {.v = {900}, .n = 1},
                        .intervals = {.v = {100}, .n = 1},
                        .first_seed = 1,
                        .last_seed = 1,
                        .data = GODWIT_SIM_DATA};
    struct steer_data d;
    char why[1024];
    FILE *f = stdout;

    steer_conf_init(&o.conf);
    parse(argc, argv, &o);
    if (!steer_data_read(&d, o.data, why, sizeof why)) {
        (void)fprintf(stderr, "godwit-sim steer: %s\n", why);
        return 2;
    }
    if (d.sites.n < o.conf.servers || d.sites.n < o.conf.ingresses) {
        (void)fprintf(stderr, "godwit-sim steer: %s: %zu sites are too few\n", o.data, d.sites.n);
        steer_data_free(&d);
        return 2;
    }
    if (o.csv != NULL && (f = fopen(o.csv, "w")) == NULL) {
        perror(o.csv);
        steer_data_free(&d);
        return 2;
    }
    run_all(f, &o, &d);
    if (f != stdout)
        (void)fclose(f);
    steer_data_free(&d);
    return 0;
}
