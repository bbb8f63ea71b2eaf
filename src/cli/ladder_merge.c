/* ladder_merge.c: what several nodes have recorded, each by its own clock, in one order of time, a
 * message once.
 *
 * Decisions: the first guess is that the nodes' wall clocks agree. Where that makes a message
 * arrive before it was sent, the later record is shifted by as little as mends it, or, with
 * messages in both directions, to the middle of what is possible, as NTP does (RFC 5905 §8). Only
 * messages of which both sides have as many are used for that.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/ladder.h"

#define EARLY_NS 1000000     /* what clocks may be off after all that */
#define LATE_NS  10000000000 /* what took longer than this was another one */

struct record {
    size_t own; /* its node's column */
    bool aligned;
};
struct event {
    size_t by; /* record */
    int64_t at;
    size_t from, to;
    const char *what, *error;
    int64_t count;
    struct event *partner; /* sent and received */
};
struct merge {
    struct gw_ladder_drawing *out;
    size_t nrecords, nevents;
    struct record record[GW_LADDER_NODES];
    struct event *event;
    const char *why;
};

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text != NULL ? text : "";
}

/* ---- columns ---- */

static const char *name_of(json_t *const *record, size_t n, const char *address)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = text_of(json_object_get(record[i], "names"), address);
        if (name[0] != '\0')
            return name;
    }
    return address;
}

static size_t column_of(const struct gw_ladder_drawing *d, const char *address)
{
    for (size_t i = 1; i < d->ncolumns; i++)
        if (strcmp(d->column[i].address, address) == 0)
            return i;
    return d->ncolumns;
}

static bool is_any(const char *what, const char *const *among)
{
    for (; *among != NULL; among++)
        if (strncmp(what, *among, strlen(*among)) == 0)
            return true;
    return false;
}

/* Ingresses stand left of egresses: who has the client, and who talks with such a one of it. */
static int rank_of(const char *what, bool receiver)
{
    static const char *const ingress[] = {"attached", "request", "notification", NULL};
    static const char *const other[] = {"locate", "where", NULL};

    return is_any(what, ingress) ? 1 : receiver && is_any(what, other) ? 3 : 2;
}

static bool add_column(struct merge *m, json_t *const *record, const char *address, int rank)
{
    struct gw_ladder_drawing *d = m->out;
    size_t at = column_of(d, address);

    if (at == GW_LADDER_COLUMNS) {
        m->why = "more nodes than can stand beside one another";
        return false;
    }
    if (at == d->ncolumns)
        d->column[d->ncolumns++] =
            (struct gw_ladder_column){address, name_of(record, m->nrecords, address), rank};
    else if (rank == 1 || (rank == 3 && d->column[at].rank == 2))
        d->column[at].rank = rank;
    return true;
}

static int by_rank(const void *va, const void *vb)
{
    const struct gw_ladder_column *a = va, *b = vb;

    return a->rank != b->rank ? a->rank - b->rank : strverscmp(a->name, b->name);
}

static bool find_columns(struct merge *m, json_t *const *record)
{
    json_t *e;
    size_t k;

    m->out->column[0] = (struct gw_ladder_column){NULL, "client", 0};
    m->out->ncolumns = 1;
    for (size_t i = 0; i < m->nrecords; i++) {
        json_array_foreach(json_object_get(record[i], "events"), k, e)
        {
            const char *what = text_of(e, "what");
            if (!add_column(m, record, text_of(e, "from"), rank_of(what, false)) ||
                !add_column(m, record, text_of(e, "to"), rank_of(what, true)))
                return false;
        }
    }
    qsort(m->out->column + 1, m->out->ncolumns - 1, sizeof m->out->column[0], by_rank);
    return true;
}

/* ---- events ---- */

static size_t count_events(json_t *const *record, size_t n)
{
    size_t all = 0;

    for (size_t i = 0; i < n; i++)
        all += json_array_size(json_object_get(record[i], "events"));
    return all;
}

static void read_record(struct merge *m, size_t i, const json_t *record)
{
    json_t *e;
    size_t k;

    m->record[i].own = column_of(m->out, text_of(record, "address"));
    json_array_foreach(json_object_get(record, "events"), k, e)
    {
        const char *result = text_of(e, "result");
        m->event[m->nevents++] = (struct event){
            .by = i,
            .at = json_integer_value(json_object_get(e, "at_us")) * 1000,
            .from = column_of(m->out, text_of(e, "from")),
            .to = column_of(m->out, text_of(e, "to")),
            .what = text_of(e, "what"),
            .count = json_integer_value(json_object_get(e, "count")),
            .error = strcmp(result, "ok") != 0 ? result : NULL,
        };
    }
}

static bool is_step(const struct event *e)
{
    return e->from == e->to;
}

static bool was_sent(const struct merge *m, const struct event *e)
{
    return !is_step(e) && e->from == m->record[e->by].own;
}

static bool same(const struct event *a, const struct event *b)
{
    return a->from == b->from && a->to == b->to && strcmp(a->what, b->what) == 0;
}

/* The record of the node of a column; nrecords: there is none. */
static size_t record_of(const struct merge *m, size_t column)
{
    for (size_t i = 0; i < m->nrecords; i++)
        if (m->record[i].own == column)
            return i;
    return m->nrecords;
}

/* ---- clocks ---- */

/* The number of events like e that `by` has; *before: of these, how many before e. */
static size_t count_like(const struct merge *m, const struct event *e, size_t by, size_t *before)
{
    size_t n = 0;

    *before = 0;
    for (size_t i = 0; i < m->nevents; i++) {
        const struct event *o = &m->event[i];
        if (o->by != by || !same(o, e))
            continue;
        n++;
        *before += o < e;
    }
    return n;
}

static struct event *nth_like(const struct merge *m, const struct event *e, size_t by, size_t n)
{
    for (size_t i = 0; i < m->nevents; i++) {
        struct event *o = &m->event[i];
        if (o->by == by && same(o, e) && n-- == 0)
            return o;
    }
    return NULL;
}

/* By how much the clock of b has to be shifted so that nothing arrives at or from a before it is
 * sent. false: they share no message. */
static bool find_shift(const struct merge *m, size_t a, size_t b, int64_t *shift)
{
    int64_t least = INT64_MIN, most = INT64_MAX;
    size_t before, unused;

    for (size_t i = 0; i < m->nevents; i++) {
        const struct event *e = &m->event[i];
        size_t to = record_of(m, e->to);
        if (!was_sent(m, e) || !((e->by == a && to == b) || (e->by == b && to == a)) ||
            count_like(m, e, e->by, &before) != count_like(m, e, to, &unused))
            continue;
        int64_t took = nth_like(m, e, to, before)->at - e->at;
        if (to == b && -took > least)
            least = -took;
        else if (to == a && took < most)
            most = took;
    }
    if (least == INT64_MIN && most == INT64_MAX)
        return false;
    if (least <= 0 && most >= 0)
        *shift = 0;
    else if (least == INT64_MIN || most == INT64_MAX)
        *shift = least == INT64_MIN ? most : least;
    else
        *shift = least + (most - least) / 2;
    return true;
}

static bool align_one(struct merge *m)
{
    int64_t shift;

    for (size_t b = 0; b < m->nrecords; b++) {
        for (size_t a = 0; a < m->nrecords && !m->record[b].aligned; a++) {
            if (!m->record[a].aligned || !find_shift(m, a, b, &shift))
                continue;
            for (size_t i = 0; i < m->nevents; i++)
                m->event[i].at += m->event[i].by == b ? shift : 0;
            m->record[b].aligned = true;
            return true;
        }
    }
    return false;
}

/* ---- rows ---- */

static int by_time(const void *va, const void *vb)
{
    const struct event *a = va, *b = vb;

    return (a->at > b->at) - (a->at < b->at);
}

/* The transmission that has arrived as `got`: when as many were sent as have arrived, the one with
 * its number, else the last one before it. */
static struct event *find_sent(struct merge *m, const struct event *got)
{
    size_t by = record_of(m, got->from), before, unused;
    struct event *last = NULL;

    if (by == m->nrecords)
        return NULL;
    if (count_like(m, got, got->by, &before) == count_like(m, got, by, &unused))
        return nth_like(m, got, by, before);
    for (size_t i = 0; i < m->nevents; i++) {
        struct event *o = &m->event[i];
        if (o->by == by && same(o, got) && o->partner == NULL && o->at <= got->at + EARLY_NS &&
            o->at >= got->at - LATE_NS)
            last = o;
    }
    return last;
}

static void pair(struct merge *m, struct event *got)
{
    struct event *sent = is_step(got) || was_sent(m, got) ? NULL : find_sent(m, got);

    if (sent != NULL) {
        sent->partner = got;
        got->partner = sent;
    }
}

static struct gw_ladder_row row_of(const struct merge *m, const struct event *e)
{
    const struct event *got = e->partner;
    bool sent = was_sent(m, e), step = is_step(e);
    struct gw_ladder_row r = {
        .sent = sent || step ? e->at : GW_LADDER_UNKNOWN,
        .received = !sent             ? e->at
                    : !got            ? GW_LADDER_UNKNOWN
                    : got->at > e->at ? got->at
                                      : e->at,
        .from = e->from,
        .to = e->to,
        .what = e->what,
        .count = e->count,
        .error = got != NULL && got->error != NULL ? got->error : e->error,
        .lost = sent && got == NULL && record_of(m, e->to) < m->nrecords,
    };

    if (step && strcmp(e->what, "attached") == 0)
        r.from = 0;
    return r;
}

static void make_rows(struct merge *m)
{
    struct gw_ladder_drawing *d = m->out;
    int64_t first = m->nevents > 0 ? m->event[0].at : 0;

    for (size_t i = 0; i < m->nevents; i++) {
        const struct event *e = &m->event[i];
        if (!was_sent(m, e) && e->partner != NULL)
            continue; /* it is the sender's row */
        struct gw_ladder_row *r = &d->row[d->nrows++];
        *r = row_of(m, e);
        r->sent -= r->sent != GW_LADDER_UNKNOWN ? first : 0;
        r->received -= r->received != GW_LADDER_UNKNOWN ? first : 0;
    }
}

int64_t gw_ladder_time(const struct gw_ladder_row *r)
{
    return r->sent != GW_LADDER_UNKNOWN ? r->sent : r->received;
}

static int merge(struct merge *m, json_t *const *record)
{
    if (!find_columns(m, record))
        return GW_CLI_FAILED;
    for (size_t i = 0; i < m->nrecords; i++)
        read_record(m, i, record[i]);
    m->record[0].aligned = true;
    while (align_one(m))
        ;
    qsort(m->event, m->nevents, sizeof *m->event, by_time);
    for (size_t i = 0; i < m->nevents; i++)
        pair(m, &m->event[i]);
    make_rows(m);
    return GW_CLI_OK;
}

int gw_ladder_merge(struct gw_ladder_drawing *out, json_t *const *record, size_t n,
                    const char **why)
{
    struct merge m = {.out = out, .nrecords = n, .why = "out of memory"};
    size_t events = count_events(record, n);
    int result = GW_CLI_FAILED;

    *out = (struct gw_ladder_drawing){.row = calloc(events + 1, sizeof *out->row)};
    m.event = calloc(events + 1, sizeof *m.event);
    if (out->row != NULL && m.event != NULL)
        result = merge(&m, record);
    free(m.event);
    if (result != GW_CLI_OK) {
        free(out->row);
        out->row = NULL;
        *why = m.why;
    }
    return result;
}
