/* bench_control.c: what the control plane costs: registrations, handovers, refreshes and expiries
 * per second at a CMD and an LMA with N bindings, and memory per binding. Each case is run in turns
 * with all others, because figures of one machine drift with whatever else it does; ratios are of
 * figures of the same turn.
 *
 *   bench-control [options]          --help lists them
 *
 * What a figure counts and what is replaced: doc/control.md.
 */
#include "phases.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SIZES_MAX   8
#define REPEATS_MAX 31
/* Small tables are filled again and again until so many have registered. */
#define WORTH 50000u

struct kind {
    const char *name;
    struct domain d;
    bool durable;
};
static struct kind kinds[] = {
    {"cmd", {GW_ROLE_CMD, 0, true}, false},        {"cmd-no-auth", {GW_ROLE_CMD, 0, false}, false},
    {"cmd-durable", {GW_ROLE_CMD, 0, true}, true}, {"lma", {GW_ROLE_LMA, 0, true}, false},
    {"lma-durable", {GW_ROLE_LMA, 0, true}, true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct figure {
    double median, least, most;
};

static struct {
    uint32_t size[SIZES_MAX];
    size_t nsizes;
    unsigned repeats, peers;
    size_t refreshes;
    const char *dir, *json;
    bool wanted[KINDS];
    double cpu[KINDS][SIZES_MAX][PHASES][REPEATS_MAX]; /* per second of processor time */
    double wall[KINDS][SIZES_MAX][PHASES][REPEATS_MAX];
    double bytes[KINDS][SIZES_MAX];
} T = {
    .size = {1000, 10000, 100000, 1000000},
    .nsizes = 4,
    .repeats = 3,
    .peers = 100,
    .refreshes = 200000,
    .dir = "/var/tmp",
};

static void usage(FILE *to)
{
    (void)fprintf(
        to, "bench-control: registrations per second and memory per binding\n"
            "  --bindings N[,N...]  tables of these sizes (1000,10000,100000,1000000)\n"
            "  --cases NAME[,...]   of cmd, cmd-no-auth, cmd-durable, lma, lma-durable (all)\n"
            "  --repeat N           turns (3)\n"
            "  --peers N            MAARs or MAGs (100)\n"
            "  --refreshes N        in a turn (200000)\n"
            "  --dir DIR            where databases are made, and removed again (/var/tmp)\n"
            "  --json FILE          the figures once more\n"
            "  --config ROLE        writes the node's configuration file for --dir and --peers\n");
}

static void fail(const char *what, const char *value)
{
    (void)fprintf(stderr, "bench-control: %s: %s\n", what, value);
    exit(2);
}

static unsigned long number(const char *option, const char *text, unsigned long most)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || v == 0 || v > most)
        fail(option, text);
    return v;
}

static void parse_sizes(char *text)
{
    T.nsizes = 0;
    for (char *save, *p = strtok_r(text, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
        if (T.nsizes == SIZES_MAX)
            fail("--bindings", "too many");
        T.size[T.nsizes++] = (uint32_t)number("--bindings", p, 9000000);
    }
}

static void parse_cases(char *text)
{
    memset(T.wanted, 0, sizeof T.wanted);
    for (char *save, *p = strtok_r(text, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
        size_t k = 0;
        while (k < KINDS && strcmp(kinds[k].name, p) != 0)
            k++;
        if (k == KINDS)
            fail("--cases", p);
        T.wanted[k] = true;
    }
}

static void write_config(const char *role)
{
    struct domain d = {GW_ROLE_CMD, T.peers, true};

    if (strcmp(role, "lma") == 0)
        d.role = GW_ROLE_LMA;
    else if (strcmp(role, "cmd") != 0)
        fail("--config", role);
    char *text = domain_yaml(&d, T.dir);
    if (text == NULL)
        abort();
    (void)fputs(text, stdout);
    free(text);
    exit(0);
}

static void parse_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"bindings", required_argument, NULL, 'n'},
        {"cases", required_argument, NULL, 'c'},
        {"repeat", required_argument, NULL, 'r'},
        {"peers", required_argument, NULL, 'p'},
        {"refreshes", required_argument, NULL, 'f'},
        {"dir", required_argument, NULL, 'd'},
        {"json", required_argument, NULL, 'j'},
        {"config", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *config = NULL;
    int c;

    memset(T.wanted, true, sizeof T.wanted);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            parse_sizes(optarg);
        else if (c == 'c')
            parse_cases(optarg);
        else if (c == 'r')
            T.repeats = (unsigned)number("--repeat", optarg, REPEATS_MAX);
        else if (c == 'p')
            T.peers = (unsigned)number("--peers", optarg, DOMAIN_PEERS_MAX);
        else if (c == 'f')
            T.refreshes = number("--refreshes", optarg, 100000000);
        else if (c == 'd')
            T.dir = optarg;
        else if (c == 'j')
            T.json = optarg;
        else if (c == 'o')
            config = optarg;
        else {
            usage(c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
    if (optind < argc)
        fail("what is this", argv[optind]);
    if (config != NULL)
        write_config(config);
}

static void remove_database(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "checkpoint", "in-use"};
    char path[4200];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void run_one(size_t k, size_t s, unsigned turn)
{
    struct phases_result r = {0};
    uint32_t n = T.size[s];
    char dir[4096];

    (void)fprintf(stderr, "turn %u of %u: %s, %u bindings\n", turn + 1, T.repeats, kinds[k].name,
                  n);
    (void)snprintf(dir, sizeof dir, "%.4000s/bench-control.%d", T.dir, (int)getpid());
    for (uint32_t i = 0; i == 0 || i * n < WORTH; i++) {
        phases_run(&kinds[k].d, kinds[k].durable ? dir : NULL, n, i == 0 ? T.refreshes : n, &r);
        if (kinds[k].durable)
            remove_database(dir);
    }
    T.bytes[k][s] = (double)r.held / n;
    for (int p = 0; p < PHASES; p++) {
        T.cpu[k][s][p][turn] = (double)r.phase[p].done / r.phase[p].took.cpu;
        T.wall[k][s][p][turn] = (double)r.phase[p].done / r.phase[p].took.wall;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct figure figure_of(const double *v)
{
    double sorted[REPEATS_MAX];

    memcpy(sorted, v, T.repeats * sizeof *sorted);
    qsort(sorted, T.repeats, sizeof *sorted, by_value);
    return (struct figure){sorted[T.repeats / 2], sorted[0], sorted[T.repeats - 1]};
}

/* Of figures of the same turn. */
static struct figure ratio_of(const double *a, const double *b)
{
    double v[REPEATS_MAX];

    for (unsigned i = 0; i < T.repeats; i++)
        v[i] = a[i] / b[i];
    return figure_of(v);
}

static void print_table(void)
{
    printf("per second of processor time of the one thread: median (least, most); wall: median per "
           "second\n%-12s%9s  %-9s%9s%20s%10s%8s\n",
           "case", "bindings", "what", "median", "(least, most)", "wall", "octets");
    for (size_t k = 0; k < KINDS; k++)
        for (size_t s = 0; s < T.nsizes && T.wanted[k]; s++)
            for (int p = 0; p < PHASES; p++) {
                struct figure c = figure_of(T.cpu[k][s][p]), w = figure_of(T.wall[k][s][p]);
                printf("%-12s%9u  %-9s%9.0f (%8.0f, %8.0f)%10.0f", kinds[k].name, T.size[s],
                       phase_name((enum phase)p), c.median, c.least, c.most, w.median);
                if (p == PHASE_HANDOVER)
                    printf("%8.0f", T.bytes[k][s]);
                printf("\n");
            }
}

static void print_ratio(const char *what, const double *a, const double *b)
{
    struct figure f = ratio_of(a, b);
    printf("%-52s %6.2f (%.2f, %.2f)\n", what, f.median, f.least, f.most);
}

static void print_ratios(void)
{
    char what[128];
    size_t last = T.nsizes - 1;

    printf("ratios within a turn: median (least, most)\n");
    for (size_t k = 0; k < KINDS; k++)
        for (int p = 0; p < PHASES && T.wanted[k] && last != 0; p++) {
            (void)snprintf(what, sizeof what, "%s, %s: %u to %u bindings", kinds[k].name,
                           phase_name((enum phase)p), T.size[last], T.size[0]);
            print_ratio(what, T.cpu[k][last][p], T.cpu[k][0][p]);
        }
    for (size_t k = 1; k < KINDS; k++) {
        size_t plain = kinds[k].d.role == GW_ROLE_CMD ? 0 : 3;
        for (int p = 0; p < PHASES && k != plain && T.wanted[k] && T.wanted[plain]; p++) {
            (void)snprintf(what, sizeof what, "%s to %s, %s: %u bindings", kinds[k].name,
                           kinds[plain].name, phase_name((enum phase)p), T.size[last]);
            print_ratio(what, T.cpu[k][last][p], T.cpu[plain][last][p]);
        }
    }
}

static void put_figure(FILE *out, const char *name, struct figure f)
{
    (void)fprintf(out, "\"%s\": {\"median\": %.0f, \"least\": %.0f, \"most\": %.0f}", name,
                  f.median, f.least, f.most);
}

static void write_json(void)
{
    FILE *out = fopen(T.json, "we");
    const char *between = "\n";

    if (out == NULL)
        fail("cannot be written", T.json);
    (void)fprintf(out, "[");
    for (size_t k = 0; k < KINDS; k++)
        for (size_t s = 0; s < T.nsizes && T.wanted[k]; s++)
            for (int p = 0; p < PHASES; p++, between = ",\n") {
                (void)fprintf(out,
                              "%s{\"case\": \"%s\", \"bindings\": %u, \"what\": \"%s\", "
                              "\"octets_per_binding\": %.1f, ",
                              between, kinds[k].name, T.size[s], phase_name((enum phase)p),
                              T.bytes[k][s]);
                put_figure(out, "per_cpu_second", figure_of(T.cpu[k][s][p]));
                (void)fprintf(out, ", ");
                put_figure(out, "per_second", figure_of(T.wall[k][s][p]));
                (void)fprintf(out, "}");
            }
    (void)fprintf(out, "\n]\n");
    if (fclose(out) != 0)
        fail("cannot be written", T.json);
}

int main(int argc, char **argv)
{
    struct statfs fs;

    parse_options(argc, argv);
    for (size_t k = 0; k < KINDS; k++)
        kinds[k].d.peers = T.peers;
    for (unsigned turn = 0; turn < T.repeats; turn++)
        for (size_t s = 0; s < T.nsizes; s++)
            for (size_t k = 0; k < KINDS; k++)
                if (T.wanted[k])
                    run_one(k, s, turn);
    if (statfs(T.dir, &fs) == 0)
        printf("%u peers; databases on a file system of type 0x%lx\n", T.peers,
               (unsigned long)fs.f_type);
    print_table();
    print_ratios();
    if (T.json != NULL)
        write_json();
    return 0;
}
