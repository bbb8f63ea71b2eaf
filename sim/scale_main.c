/* scale_main.c: `godwit-sim scale`: reads its options, runs every combination of what they list,
 * one after the other, and writes CSV; tools/plot-scale makes plots of it. See doc/scale.md.
 *
 * Exit status: 0, 2 usage or input, 11 mobile nodes are not served as they should be.
 */
#include "arguments.h"
#include "scale.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX 16

struct list {
    size_t n;
    uint64_t value[LIST_MAX];
};
struct arguments {
    struct scale_options o;
    struct list maars, mns;
    unsigned modes[SCALE_MODES];
    size_t nmodes;
    uint64_t seed;
    const char *sites, *trace, *out;
};

static void usage(FILE *f)
{
    (void)fputs(
        "godwit-sim scale --sites FILE --out DIR [--trace FILE] [--seed N]\n"
        "  [--maars N,...] [--mns N,...]      every combination is run (100; 10000)\n"
        "  [--modes proxy,relay,locator,pmip] the CMD's modes, and PMIPv6 with one LMA (all)\n"
        "  [--seconds N] [--warm N]           of each run (300), and what is not counted (120)\n"
        "  [--speed MIN-MAX] [--pause N]      m/s (1-5) and s (60) of the random waypoint model\n"
        "  [--ramp N]                         s in which the nodes appear (60)\n"
        "  [--session N] [--idle N]           s: open sessions go on (30); idle-release (30)\n"
        "  [--hop MS] [--centre MS]           one way: between nodes (0.5), more to the CMD (5)\n"
        "  [--hysteresis M]                   another MAAR must be nearer by this (20)\n"
        "  [--quiet]\n",
        f);
}

/* A decimal number times `unit`, at most 1e9 of them. */
static int64_t amount(const char *option, const char *text, double unit)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end != 0 || !(v >= 0) || v > 1e9)
        sim_refuse("scale", option, text, "a number");
    return (int64_t)(v * unit + 0.5);
}

static void numbers(const char *option, const char *text, uint64_t least, uint64_t most,
                    struct list *l)
{
    const char *at = text;

    l->n = 0;
    for (char *end; l->n < LIST_MAX; at = end + 1) {
        l->value[l->n] = strtoull(at, &end, 10);
        if (end == at || *at == '-' || (*end != 0 && *end != ',') || l->value[l->n] < least ||
            l->value[l->n] > most)
            break;
        l->n++;
        if (*end == 0)
            return;
    }
    char wanted[96];
    (void)snprintf(wanted, sizeof wanted, "up to %d numbers from %" PRIu64 " to %" PRIu64, LIST_MAX,
                   least, most);
    sim_refuse("scale", option, text, wanted);
}

static void modes(const char *text, struct arguments *a)
{
    char copy[64];
    char *rest = copy;

    a->nmodes = 0;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (const char *word; (word = strsep(&rest, ",")) != NULL;) {
        unsigned m = 0;
        while (m < SCALE_MODES && strcmp(word, scale_mode_name((enum scale_mode)m)) != 0)
            m++;
        if (m == SCALE_MODES || a->nmodes == SCALE_MODES)
            sim_refuse("scale", "modes", text, "proxy, relay, locator and pmip");
        a->modes[a->nmodes++] = m;
    }
}

static void speeds(const char *text, struct sim_waypoints *w)
{
    char *end;
    double slow = strtod(text, &end), fast = *end == '-' ? strtod(end + 1, &end) : -1;

    if (*end != 0 || !(slow >= 0.1) || !(fast >= slow) || fast > 1000)
        sim_refuse("scale", "speed", text, "MIN-MAX in m/s, from 0.1 to 1000");
    w->slow = (int32_t)(slow * 100);
    w->fast = (int32_t)(fast * 100);
}

static const struct option options[] = {{"sites", 1, NULL, 'S'},      {"trace", 1, NULL, 'T'},
                                        {"out", 1, NULL, 'o'},        {"seed", 1, NULL, 's'},
                                        {"maars", 1, NULL, 'm'},      {"mns", 1, NULL, 'n'},
                                        {"modes", 1, NULL, 'M'},      {"seconds", 1, NULL, 't'},
                                        {"warm", 1, NULL, 'w'},       {"speed", 1, NULL, 'v'},
                                        {"pause", 1, NULL, 'p'},      {"ramp", 1, NULL, 'r'},
                                        {"session", 1, NULL, 'x'},    {"idle", 1, NULL, 'i'},
                                        {"hop", 1, NULL, 'd'},        {"centre", 1, NULL, 'c'},
                                        {"hysteresis", 1, NULL, 'y'}, {"quiet", 0, NULL, 'q'},
                                        {"help", 0, NULL, 'h'},       {0}};

/* What is a text or a list. */
static bool words(int c, const char *name, struct arguments *a)
{
    struct list seed;

    if (c == 'S')
        a->sites = optarg;
    else if (c == 'T')
        a->trace = optarg;
    else if (c == 'o')
        a->out = optarg;
    else if (c == 'm')
        numbers(name, optarg, 1, SCALE_NODES_MAX, &a->maars);
    else if (c == 'n')
        numbers(name, optarg, 1, 100000000, &a->mns);
    else if (c == 'M')
        modes(optarg, a);
    else if (c == 'v')
        speeds(optarg, &a->o.walk);
    else if (c == 'q')
        a->o.progress = false;
    else if (c == 's') {
        numbers(name, optarg, 0, UINT64_MAX, &seed);
        a->seed = seed.value[0];
    } else
        return false;
    return true;
}

static bool amounts(int c, const char *name, struct scale_options *o)
{
    if (c == 't')
        o->span = amount(name, optarg, 1e9);
    else if (c == 'w')
        o->warm = amount(name, optarg, 1e9);
    else if (c == 'p')
        o->walk.pause = amount(name, optarg, 1e3);
    else if (c == 'r')
        o->walk.ramp = amount(name, optarg, 1e3);
    else if (c == 'x')
        o->session = amount(name, optarg, 1e3);
    else if (c == 'i')
        o->idle = amount(name, optarg, 1e9);
    else if (c == 'd')
        o->hop = amount(name, optarg, 1e6);
    else if (c == 'c')
        o->centre = amount(name, optarg, 1e6);
    else if (c == 'y')
        o->hysteresis = (int32_t)(amount(name, optarg, 100) % 100000000);
    else
        return false;
    return true;
}

static void parse(int argc, char **argv, struct arguments *a)
{
    int index = 0;

    for (int c; (c = getopt_long(argc, argv, "h", options, &index)) != -1;) {
        if (c != 'h' && c != '?' &&
            (words(c, options[index].name, a) || amounts(c, options[index].name, &a->o)))
            continue;
        usage(c == 'h' ? stdout : stderr);
        exit(c == 'h' ? 0 : 2);
    }
    if (optind < argc || a->sites == NULL || a->out == NULL) {
        usage(stderr);
        exit(2);
    }
    if (a->o.warm >= a->o.span) {
        (void)fputs("godwit-sim scale: --warm must be less than --seconds\n", stderr);
        exit(2);
    }
}

/* The number of mobile nodes that are not served. */
static size_t run(const struct scale_setup *s, struct scale_report *r)
{
    struct scale *sc = scale_run(s);
    size_t unready = scale_unready(sc);

    scale_report_add(r, sc);
    scale_free(sc);
    if (unready > 0)
        (void)fprintf(stderr,
                      "godwit-sim scale: %s, %zu MAARs: %zu mobile nodes are not served where "
                      "they are\n",
                      scale_mode_name(s->mode), s->maars, unready);
    return unready;
}

static size_t run_all(const struct arguments *a, const struct sim_sites *sites,
                      const struct sim_trace_file *trace, struct scale_report *r)
{
    size_t mns = trace != NULL ? 1 : a->mns.n, unready = 0;

    for (size_t i = 0; i < a->maars.n * mns * a->nmodes; i++) {
        size_t row = i / a->nmodes;
        struct scale_setup s = {.o = &a->o,
                                .sites = sites,
                                .trace = trace,
                                .mode = (enum scale_mode)a->modes[i % a->nmodes],
                                .maars = a->maars.value[row / mns],
                                .mns = a->mns.value[row % mns],
                                .seed = a->seed};
        unready += run(&s, r);
    }
    return unready;
}

static int work(const struct arguments *a, const struct sim_sites *sites)
{
    struct sim_trace_file trace = {0};
    struct scale_report *r = NULL;
    char why[768];
    int result = 2;

    if (a->trace != NULL && !sim_trace_read(&trace, sites, a->trace, why, sizeof why))
        goto out;
    r = scale_report_open(a->out, why, sizeof why);
    if (r == NULL)
        goto out;
    result = run_all(a, sites, a->trace != NULL ? &trace : NULL, r) > 0 ? SIM_NOT_SETTLED : 0;
    if (!scale_report_close(r)) {
        (void)snprintf(why, sizeof why, "%s: could not be written", a->out);
        result = 2;
    }
out:
    if (result == 2)
        (void)fprintf(stderr, "godwit-sim: %s\n", why);
    sim_trace_free(&trace);
    return result;
}

int scale_main(int argc, char **argv)
{
    struct arguments a = {.o = {.walk = {.slow = 100, .fast = 500, .pause = 60000, .ramp = 60000},
                                .warm = 120 * SIM_S,
                                .span = 300 * SIM_S,
                                .hop = SIM_MS / 2,
                                .centre = 5 * SIM_MS,
                                .idle = 30 * SIM_S,
                                .session = 30000,
                                .hysteresis = 2000,
                                .progress = true},
                          .maars = {1, {100}},
                          .mns = {1, {10000}},
                          .modes = {SCALE_PROXY, SCALE_RELAY, SCALE_LOCATOR, SCALE_PMIP},
                          .nmodes = SCALE_MODES,
                          .seed = 1};
    struct sim_sites sites;
    char why[768];

    parse(argc, argv, &a);
    if (!sim_sites_read(&sites, a.sites, why, sizeof why)) {
        (void)fprintf(stderr, "godwit-sim: %s\n", why);
        sim_sites_free(&sites);
        return 2;
    }
    int result = work(&a, &sites);
    sim_sites_free(&sites);
    return result;
}
