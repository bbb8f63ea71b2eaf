/* ladder.c: `godwit ladder CLIENT [--svg FILE] [SOCKET|FILE...]`: the handovers of a client as a
 * sequence of messages, of one node or, merged, of several: each is asked at its socket, or has
 * been asked before and what it said with --json is in a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/ladder.h"

struct sources {
    size_t n;
    json_t *record[GW_LADDER_NODES]; /* owned */
};

static bool is_socket(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int ask(const struct gw_cli *cli, const char *socket, json_t **record)
{
    struct gw_cli at = *cli;
    char why[512] = "an argument that is not UTF-8";
    json_t *request = json_pack("{ssss}", "cmd", "ladder", "client", cli->argv[1]);

    *record = NULL;
    at.socket = socket != NULL ? socket : cli->socket;
    int status =
        request != NULL ? gw_cli_ask(&at, request, record, why, sizeof why) : GW_CLI_FAILED;
    if (status != GW_CLI_OK)
        (void)fprintf(stderr, "godwit: %s%s%s\n", socket != NULL ? socket : "",
                      socket != NULL ? ": " : "", why);
    json_decref(request);
    return status;
}

static int load(const char *file, json_t **record)
{
    json_error_t e;

    *record = json_load_file(file, 0, &e);
    if (*record != NULL && json_is_array(json_object_get(*record, "events")))
        return GW_CLI_OK;
    if (*record != NULL)
        (void)fprintf(stderr,
                      "godwit: %s: expected what `godwit ladder CLIENT --json` says of one node\n",
                      file);
    else
        (void)fprintf(stderr, "godwit: %s: line %d: %s\n", file, e.line, e.text);
    return GW_CLI_FAILED;
}

static int gather(const struct gw_cli *cli, struct sources *s)
{
    int status = GW_CLI_OK;

    if (cli->argc == 2) {
        status = ask(cli, NULL, &s->record[0]);
        s->n = 1;
    }
    for (int i = 2; i < cli->argc && status == GW_CLI_OK; i++) {
        if (s->n == GW_LADDER_NODES) {
            (void)fprintf(stderr, "godwit: more than %d nodes\n", GW_LADDER_NODES);
            return GW_CLI_USAGE;
        }
        json_t **record = &s->record[s->n++];
        status =
            is_socket(cli->argv[i]) ? ask(cli, cli->argv[i], record) : load(cli->argv[i], record);
    }
    return status;
}

static json_t *time_of(int64_t ns)
{
    return ns != GW_LADDER_UNKNOWN ? json_integer(ns / 1000) : json_null();
}

/* Of several nodes: rows as they are drawn. */
static void put_json(const struct gw_ladder_drawing *d)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < d->nrows; i++) {
        const struct gw_ladder_row *r = &d->row[i];
        (void)json_array_append_new(
            rows,
            json_pack("{s:o, s:o, s:s, s:s, s:s, s:I, s:s, s:b}", "sent_us", time_of(r->sent),
                      "received_us", time_of(r->received), "from", d->column[r->from].name, "to",
                      d->column[r->to].name, "what", r->what, "count", (json_int_t)r->count,
                      "error", r->error != NULL ? r->error : "", "lost", r->lost));
    }
    gw_cli_print_json(rows, false);
    json_decref(rows);
}

static int write_svg(const struct gw_cli *cli, const struct gw_ladder_drawing *d)
{
    FILE *f = fopen(cli->svg, "we");

    if (f != NULL) {
        gw_ladder_svg(f, d, cli->argv[1]);
        bool bad = ferror(f) != 0;
        if (fclose(f) == 0 && !bad)
            return GW_CLI_OK;
    }
    (void)fprintf(stderr, "godwit: %s: %s\n", cli->svg, strerror(errno));
    return GW_CLI_FAILED;
}

static int draw(const struct gw_cli *cli, const struct sources *s)
{
    struct gw_ladder_drawing d;
    const char *why = "";
    int status = gw_ladder_merge(&d, s->record, s->n, &why);

    if (status != GW_CLI_OK) {
        (void)fprintf(stderr, "godwit: %s\n", why);
        return status;
    }
    if (cli->svg != NULL)
        status = write_svg(cli, &d);
    else if (cli->json)
        put_json(&d);
    else if (d.nrows == 0)
        (void)printf("no handover of %s is remembered\n", cli->argv[1]);
    else
        gw_ladder_text(stdout, &d);
    free(d.row);
    return status;
}

int gw_cli_ladder(const struct gw_cli *cli)
{
    struct sources s = {0};
    int status;

    if (cli->argc < 2) {
        (void)fputs("godwit: usage: godwit ladder CLIENT [--svg FILE] [--json] [SOCKET|FILE...]\n",
                    stderr);
        return GW_CLI_USAGE;
    }
    status = gather(cli, &s);
    if (status == GW_CLI_OK && cli->json && cli->argc == 2)
        gw_cli_print_json(s.record[0], false);
    else if (status == GW_CLI_OK)
        status = draw(cli, &s);
    for (size_t i = 0; i < s.n; i++)
        json_decref(s.record[i]);
    if (fflush(stdout) != 0 && status == GW_CLI_OK)
        status = GW_CLI_FAILED;
    return status;
}
