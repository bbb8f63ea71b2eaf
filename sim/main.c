/* main.c: godwit-sim: a domain on a simulated network. See doc/simulator.md.
 *
 *   godwit-sim --seed 7                    one run; prints what it came to and its trace hash
 *   godwit-sim --seed 1 --count 1000       many, on all cores (--jobs); a failing one leaves its
 *                                          schedule behind
 *   godwit-sim --schedule FILE [--shrink]  runs what a file says; makes it shorter
 *   godwit-sim bench                       handovers per second of the wall clock
 *   godwit-sim scale ...                   what large domains cost (scale_main.c, doc/scale.md)
 *   godwit-sim steer ...                   the evaluation of steering (steer_main.c)
 *
 * Exit status: 0, 2 usage, 10 an invariant broken, 11 no convergence, 128 + n killed by signal n,
 * else what a sanitizer ends with.
 */
#include "arguments.h"
#include "bench.h"
#include "many.h"
#include "scale.h"
#include "shrink.h"
#include "sim.h"
#include "steer.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOBS_MAX 1024u

struct options {
    uint64_t seed, count, jobs, runs;
    const char *schedule, *out;
    bool trace, shrink, print;
    struct sim_mix mix;
};

static void usage(FILE *f)
{
    (void)fputs(
        "godwit-sim [--seed N] [--count N] [--maars N] [--stations N] [--ops N]\n"
        "           [--seconds N] [--kind dmm|pmip|mixed|cats] [--calm] [--out DIR] [--jobs N]\n"
        "godwit-sim --schedule FILE [--shrink]\n"
        "godwit-sim bench [--seed N] [--runs N] [--maars N] [--stations N] [--seconds N]\n"
        "godwit-sim scale --help\n"
        "godwit-sim steer --help\n"
        "  --trace prints every step; --print writes the schedule and runs nothing\n",
        f);
}

static uint64_t number(const char *option, const char *text)
{
    char *end;
    uint64_t v = strtoull(text, &end, 10);

    if (end != text && *end == 0 && *text != '-')
        return v;
    sim_refuse(NULL, option, text, "a number");
}

static unsigned kind(const char *text)
{
    static const char *const names[] = {"dmm", "pmip", "mixed", "cats"};

    for (unsigned i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0)
            return i + 1;
    sim_refuse(NULL, "kind", text, "dmm, pmip, mixed or cats");
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option list[] = {
        {"seed", 1, NULL, 's'},
        {"count", 1, NULL, 'c'},
        {"maars", 1, NULL, 'm'},
        {"stations", 1, NULL, 'n'},
        {"ops", 1, NULL, 'p'},
        {"seconds", 1, NULL, 't'},
        {"calm", 0, NULL, 'q'},
        {"out", 1, NULL, 'o'},
        {"schedule", 1, NULL, 'f'},
        {"shrink", 0, NULL, 'S'},
        {"trace", 0, NULL, 'T'},
        {"print", 0, NULL, 'P'},
        {"jobs", 1, NULL, 'j'},
        {"kind", 1, NULL, 'k'},
        {"runs", 1, NULL, 'r'},
        {"help", 0, NULL, 'h'},
        {0},
    };
    int index = 0;

    for (int c; (c = getopt_long(argc, argv, "h", list, &index)) != -1;) {
        const char *name = list[index].name;
        if (c == 's')
            o->seed = number(name, optarg);
        else if (c == 'c')
            o->count = number(name, optarg);
        else if (c == 'j')
            o->jobs = number(name, optarg);
        else if (c == 'r')
            o->runs = number(name, optarg);
        else if (c == 'm')
            o->mix.maars = (uint32_t)number(name, optarg);
        else if (c == 'n')
            o->mix.stations = (uint32_t)number(name, optarg);
        else if (c == 'p')
            o->mix.ops = (uint32_t)number(name, optarg);
        else if (c == 't')
            o->mix.span = (int64_t)number(name, optarg) * SIM_S;
        else if (c == 'k')
            o->mix.kind = kind(optarg);
        else if (c == 'q')
            o->mix.calm = true;
        else if (c == 'o')
            o->out = optarg;
        else if (c == 'f')
            o->schedule = optarg;
        else if (c == 'S')
            o->shrink = true;
        else if (c == 'T')
            o->trace = true;
        else if (c == 'P')
            o->print = true;
        else {
            usage(c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 2);
        }
    }
}

static void fits(const struct options *o)
{
    if (o->mix.kind != SIM_CATS + 1 ||
        (o->mix.maars <= SIM_CATS_MAX && o->mix.stations <= SIM_CLIENTS))
        return;
    (void)fprintf(stderr, "godwit-sim: --kind cats has --maars %d and --stations %d at most\n",
                  SIM_CATS_MAX, SIM_CLIENTS);
    exit(2);
}

static struct sim_schedule *read_schedule(const char *file)
{
    char why[256];
    FILE *f = fopen(file, "r");

    if (f == NULL) {
        perror(file);
        exit(2);
    }
    struct sim_schedule *s = sim_schedule_read(f, file, why, sizeof why);
    (void)fclose(f);
    if (s == NULL) {
        (void)fprintf(stderr, "godwit-sim: %s\n", why);
        exit(2);
    }
    return s;
}

static int run_one(const struct options *o, struct sim_schedule *sched)
{
    struct sim *s = sim_new(sched, o->trace);
    int result = (int)sim_run(s);

    (void)printf("events %" PRIu64 " moves %" PRIu64 " handovers %" PRIu64 " messages %" PRIu64
                 " packets %" PRIu64 " answered %" PRIu64 " too-long %" PRIu64
                 " queue-full %" PRIu64 " hash %016" PRIx64 "\n",
                 s->tally.events, s->tally.moves, s->tally.handovers, s->tally.messages,
                 s->tally.packets, s->tally.delivered, s->tally.too_long, s->tally.queue_full,
                 s->hash);
    if (result != SIM_OK)
        (void)printf("FAILED %s: %s\n", s->invariant, s->why);
    sim_free(s);
    return result;
}

static int run_many(const struct options *o)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t jobs = o->jobs != 0 ? o->jobs : cores > 0 ? (uint64_t)cores : 1;

    return sim_many(&(struct sim_many){.seed = o->seed,
                                       .count = o->count,
                                       .jobs = (uint32_t)(jobs < JOBS_MAX ? jobs : JOBS_MAX),
                                       .out = o->out,
                                       .mix = o->mix});
}

static int run_bench(const struct options *o)
{
    const struct sim_mix *m = &o->mix;

    if (m->maars == 1) {
        (void)fputs("godwit-sim: there are no handovers with one MAAR\n", stderr);
        return 2;
    }
    return sim_bench(
        &(struct sim_bench){.seed = o->seed,
                            .runs = o->runs != 0 ? (uint32_t)o->runs : 5,
                            .train = {.maars = m->maars != 0 ? m->maars : 99,
                                      .stations = m->stations != 0 ? m->stations : 2000,
                                      .span = m->span != 0 ? m->span : 120 * SIM_S}});
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1, .count = 1, .out = "."};
    int result = 0;

    if (argc > 1 && strcmp(argv[1], "scale") == 0)
        return scale_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "steer") == 0)
        return steer_main(argc - 1, argv + 1);
    parse(argc, argv, &o);
    fits(&o);
    if (optind < argc && strcmp(argv[optind], "bench") == 0)
        return run_bench(&o);
    if (o.schedule == NULL && o.count > 1 && !o.print && !o.shrink)
        return run_many(&o);
    struct sim_schedule *s =
        o.schedule != NULL ? read_schedule(o.schedule) : sim_draw(o.seed, &o.mix);
    if (o.shrink) {
        struct sim_schedule *less = sim_shrink(s, 2000);
        sim_schedule_write(less, stdout);
        sim_schedule_free(less);
    } else if (o.print) {
        sim_schedule_write(s, stdout);
    } else {
        result = run_one(&o, s);
    }
    sim_schedule_free(s);
    return result;
}
