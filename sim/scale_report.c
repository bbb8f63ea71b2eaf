/* scale_report.c: what runs of large domains came to, as CSV (doc/scale.md says what each column
 * is): one row of scale.csv a run, the distributions of handover times and of previous MAARs, and
 * all that the nodes have counted.
 */
#include "scale.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define QUANTILES 200
#define PREVIOUS  16

struct scale_report {
    FILE *runs, *times, *previous, *counters;
};

static FILE *create(const char *dir, const char *name, const char *header, char *why, size_t size)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        (void)snprintf(why, size, "%s: %s", path, strerror(errno));
    else
        (void)fprintf(f, "%s\n", header);
    return f;
}

struct scale_report *scale_report_open(const char *dir, char *why, size_t size)
{
    struct scale_report *r = sim_new_memory(sizeof *r);

    r->runs = create(
        dir, "scale.csv",
        "mode,maars,mns,seed,warm_s,span_s,attachments,handovers,overtaken,handovers_per_mn_s,"
        "cmd_msgs_per_s,cmd_msgs_per_mn_s,cmd_octets_per_mn_s,"
        "maar_msgs_per_s_mean,maar_msgs_per_s_max,maar_msgs_per_mn_s,msgs_per_attachment,"
        "nd_per_mn_s,stored_per_mn_s,"
        "cmd_octets,cmd_octets_per_mn,maar_octets_mean,maar_octets_max,maar_octets_per_mn,"
        "maar_octets_fixed,"
        "prefixes,prefixes_per_mn,prefixes_max,tunnels,tunnelled,"
        "ready_p50_ms,ready_p90_ms,ready_p99_ms,ready_max_ms,path_edge_ms,path_centre_ms,"
        "retransmissions,refused,unready,events,hash",
        why, size);
    if (r->runs != NULL)
        r->times = create(dir, "handover-times.csv", "mode,maars,mns,seed,fraction,ms", why, size);
    if (r->times != NULL)
        r->previous = create(dir, "previous.csv", "mode,maars,mns,seed,previous,nodes", why, size);
    if (r->previous != NULL)
        r->counters =
            create(dir, "counters.csv", "mode,maars,mns,seed,where,counter,value", why, size);
    if (r->counters != NULL)
        return r;
    (void)scale_report_close(r);
    return NULL;
}

static bool finish(FILE *f)
{
    if (f == NULL)
        return false;
    bool ok = ferror(f) == 0;
    return fclose(f) == 0 && ok;
}

bool scale_report_close(struct scale_report *r)
{
    bool runs = finish(r->runs), times = finish(r->times), previous = finish(r->previous),
         counters = finish(r->counters);

    free(r);
    return runs && times && previous && counters;
}

static void row_begin(FILE *f, const struct scale *sc)
{
    (void)fprintf(f, "%s,%zu,%zu,%" PRIu64 ",", scale_mode_name(sc->mode), sc->nmaars, sc->nmns,
                  sc->seed);
}

static double share(double what, double of)
{
    return of > 0 ? what / of : 0;
}

/* -- signalling ---------------------------------------------------------------------------------
 */

static struct scale_count since_warm(const struct scale_node *n)
{
    return (struct scale_count){n->total.in - n->before.in, n->total.out - n->before.out,
                                n->total.octets - n->before.octets};
}

static void signalling(FILE *f, const struct scale *sc, double mns, double seconds)
{
    struct scale_count c = since_warm(&sc->node[0]);
    uint64_t all = 0, most = 0, sent = c.out;

    for (size_t i = 1; i <= sc->nmaars; i++) {
        struct scale_count m = since_warm(&sc->node[i]);
        all += m.in + m.out;
        most = m.in + m.out > most ? m.in + m.out : most;
        sent += m.out;
    }
    double cmd = (double)(c.in + c.out) / seconds, maars = (double)all / seconds;
    (void)fprintf(
        f, "%.3f,%.7f,%.4f,%.4f,%.4f,%.7f,%.3f,%.6f,%.6f,", cmd, share(cmd, mns),
        share((double)c.octets / seconds, mns), maars / (double)sc->nmaars, (double)most / seconds,
        share(maars, mns), share((double)sent, (double)sc->sum.attached),
        share((double)sc->sum.nd / seconds, mns), share((double)sc->sum.store / seconds, mns));
}

/* -- state --------------------------------------------------------------------------------------
 */

static void state(FILE *f, const struct scale *sc, double mns)
{
    size_t all = 0, most = 0, cmd = sc->node[0].octets - sc->node[0].fixed, anchored = 0;

    for (size_t i = 0; i <= sc->nmaars; i++)
        anchored = sc->node[i].prefixes > anchored ? sc->node[i].prefixes : anchored;
    for (size_t i = 1; i <= sc->nmaars; i++) {
        size_t octets = sc->node[i].octets - sc->node[i].fixed;
        all += octets;
        most = octets > most ? octets : most;
    }
    (void)fprintf(f, "%zu,%.1f,%.0f,%zu,%.1f,%zu,%zu,%.4f,%zu,%zu,%" PRIu64 ",", cmd,
                  share((double)cmd, mns), (double)all / (double)sc->nmaars, most,
                  share((double)all, mns), sc->node[1].fixed, gw_table_count(&sc->prefixes),
                  share((double)gw_table_count(&sc->prefixes), mns), anchored,
                  gw_table_count(&sc->tunnels), sc->ntunnelled);
}

/* -- times --------------------------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double quantile(const struct scale_times *t, size_t part, size_t of)
{
    size_t i = t->n > 0 ? (t->n - 1) * part / of : 0;
    return t->n > 0 ? t->us[i] / 1000.0 : 0;
}

static void times(FILE *f, const struct scale *sc)
{
    const struct scale_times *t = &sc->handover;

    (void)fprintf(f, "%.3f,%.3f,%.3f,%.3f,", quantile(t, 50, 100), quantile(t, 90, 100),
                  quantile(t, 99, 100), quantile(t, 1, 1));
}

static void distribution(FILE *f, const struct scale *sc)
{
    for (size_t i = 0; i <= QUANTILES && sc->handover.n > 0; i++) {
        row_begin(f, sc);
        (void)fprintf(f, "%.3f,%.3f\n", (double)i / QUANTILES,
                      quantile(&sc->handover, i, QUANTILES));
    }
}

/* -- paths --------------------------------------------------------------------------------------
 */

/* One way from the router where the node is through the anchor of a prefix in use: to a server at
 * the router where its sessions began, and to one at the centre. With an LMA the newest session
 * begins where the node is. */
static void paths(FILE *f, const struct scale *sc)
{
    int64_t edge = 0, centre = 0, n = 0;

    for (size_t i = 0; i < sc->nmns; i++) {
        const struct scale_mn *mn = &sc->mn[i];
        for (const struct scale_prefix *p = mn->prefixes; p != NULL && mn->at != 0; p = p->next) {
            if (p->used <= sc->sim.now)
                continue;
            int64_t there = scale_delay(sc, mn->at, p->anchor);
            edge += there + (p->anchor == 0 ? scale_delay(sc, 0, mn->at) : 0);
            centre += there + scale_delay(sc, p->anchor, 0);
            n++;
        }
    }
    (void)fprintf(f, "%.4f,%.4f,", share((double)edge / 1e6, (double)n),
                  share((double)centre / 1e6, (double)n));
}

/* -- what went wrong ----------------------------------------------------------------------------
 */

static bool is_refusal(const char *name)
{
    return strncmp(name, "drop-", 5) == 0 || strncmp(name, "refused-", 8) == 0 ||
           strncmp(name, "limit-", 6) == 0 || strcmp(name, "no-memory") == 0;
}

static void trouble(FILE *f, const struct scale *sc)
{
    uint64_t again = 0, refused = 0;

    for (size_t i = 0; i <= sc->nmaars; i++) {
        const uint64_t *count = sc->node[i].node->lm.count;
        again += count[GW_CNT_RETRANSMIT];
        for (int c = 0; c < GW_CNT_MAX; c++)
            refused += is_refusal(gw_count_name((enum gw_count)c)) ? count[c] : 0;
    }
    (void)fprintf(f, "%" PRIu64 ",%" PRIu64 ",%zu,%" PRIu64 ",%016" PRIx64 "\n", again, refused,
                  scale_unready(sc), sc->events, sc->sim.hash);
}

static void previous(FILE *f, const struct scale *sc)
{
    size_t count[PREVIOUS] = {0}, last = 0;

    for (size_t i = 0; i < sc->nmns; i++) {
        size_t n = 0;
        for (const struct scale_prefix *p = sc->mn[i].prefixes; p != NULL; p = p->next)
            n += p->anchor != 0 && p->anchor != sc->mn[i].at;
        n = n < PREVIOUS ? n : PREVIOUS - 1;
        count[n]++;
        last = n > last ? n : last;
    }
    for (size_t n = 0; n <= last; n++) {
        row_begin(f, sc);
        (void)fprintf(f, "%zu,%zu\n", n, count[n]);
    }
}

/* Of the whole run: what the CMD or LMA has counted, and the MAARs or MAGs together. */
static void counters(FILE *f, const struct scale *sc)
{
    for (int c = 0; c < GW_CNT_MAX; c++) {
        uint64_t sum[2] = {0};
        for (size_t i = 0; i <= sc->nmaars; i++)
            sum[i > 0] += sc->node[i].node->lm.count[c];
        for (size_t i = 0; i < 2; i++) {
            if (sum[i] == 0)
                continue;
            row_begin(f, sc);
            (void)fprintf(f, "%s,%s,%" PRIu64 "\n", i == 0 ? "centre" : "access",
                          gw_count_name((enum gw_count)c), sum[i]);
        }
    }
}

void scale_report_add(struct scale_report *r, struct scale *sc)
{
    const struct scale_options *o = sc->o;
    double mns = (double)sc->nmns, seconds = (double)(o->span - o->warm) / 1e9;

    qsort(sc->handover.us, sc->handover.n, sizeof *sc->handover.us, by_size);
    row_begin(r->runs, sc);
    (void)fprintf(r->runs, "%.3f,%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.7f,",
                  (double)o->warm / 1e9, (double)o->span / 1e9, sc->sum.attached, sc->sum.handovers,
                  sc->sum.overtaken, share((double)sc->sum.handovers / seconds, mns));
    signalling(r->runs, sc, mns, seconds);
    state(r->runs, sc, mns);
    times(r->runs, sc);
    paths(r->runs, sc);
    trouble(r->runs, sc);
    distribution(r->times, sc);
    previous(r->previous, sc);
    counters(r->counters, sc);
    (void)fflush(NULL); /* a long run shows what it has */
}
