/* control.c: the commands that ask the daemon: show, status, reload, attach, detach. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"

static const char *const tables[] = {
    "bindings",   "stations",   "prefixes", "tunnels",   "peers",    "counters",   "handovers",
    "operations", "revoked",    "services", "instances", "metrics",  "candidates", "affinity",
    "paths",      "selections", "traces",   "clients",   "expected", "locations",  "transfers"};

void gw_cli_print_json(const json_t *result, bool one_line)
{
    (void)json_dumpf(result, stdout, JSON_ENCODE_ANY | (one_line ? JSON_COMPACT : JSON_INDENT(2)));
    (void)putchar('\n');
}

void gw_cli_print_refusal(const char *why, const json_t *details)
{
    json_t *line;
    size_t i;

    (void)fprintf(stderr, "godwit: %s\n", why);
    json_array_foreach(details, i, line)
    {
        if (json_is_string(line))
            (void)fprintf(stderr, "%s\n", json_string_value(line));
    }
}

int gw_cli_request(const struct gw_cli *cli, json_t *request, json_t **result)
{
    char why[512] = "out of memory";
    int status =
        request != NULL ? gw_cli_ask(cli, request, result, why, sizeof why) : GW_CLI_FAILED;

    json_decref(request);
    if (status == GW_CLI_OK)
        return status;
    gw_cli_print_refusal(why, *result);
    json_decref(*result);
    *result = NULL;
    return status;
}

/* Takes over the request. */
static int ask_and_print(const struct gw_cli *cli, json_t *request, const char *what)
{
    json_t *result = NULL;
    int status = gw_cli_request(cli, request, &result);

    if (status != GW_CLI_OK)
        return status;
    if (cli->json) {
        gw_cli_print_json(result, cli->watch > 0);
    } else {
        if (strcmp(what, "handovers") == 0)
            gw_cli_relative_steps(result);
        gw_cli_print(stdout, what, result);
    }
    json_decref(result);
    if (fflush(stdout) != 0)
        status = GW_CLI_FAILED; /* nobody reads */
    return status;
}

static void wait_for(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};

    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    (void)nanosleep(&t, NULL);
}

static void put_title(const char *what)
{
    time_t now = time(NULL);
    struct tm tm;
    char text[32] = "";

    if (localtime_r(&now, &tm) != NULL)
        (void)strftime(text, sizeof text, "%H:%M:%S", &tm);
    if (isatty(STDOUT_FILENO))
        (void)fputs("\033[H\033[2J", stdout); /* to the top of an empty screen */
    (void)printf("%s at %s\n", what, text);
}

int gw_cli_show(const struct gw_cli *cli)
{
    const char *what = NULL;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (strcmp(cli->argv[1], tables[i]) == 0)
            what = tables[i];
    }
    if (what == NULL) {
        (void)fprintf(stderr, "godwit: there is no table \"%s\"; there are", cli->argv[1]);
        for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
            (void)fprintf(stderr, "%s %s", i > 0 ? "," : "", tables[i]);
        (void)fputc('\n', stderr);
        return GW_CLI_USAGE;
    }
    if (cli->watch <= 0)
        return ask_and_print(cli, json_pack("{ssss}", "cmd", "show", "what", what), what);
    /* A daemon that restarts comes back: errors do not end it. A reader that is gone does. */
    while (ferror(stdout) == 0) {
        if (!cli->json)
            put_title(what);
        (void)ask_and_print(cli, json_pack("{ssss}", "cmd", "show", "what", what), what);
        wait_for(cli->watch);
    }
    return GW_CLI_FAILED;
}

int gw_cli_status(const struct gw_cli *cli)
{
    return ask_and_print(cli, json_pack("{ss}", "cmd", "status"), "status");
}

int gw_cli_reload(const struct gw_cli *cli)
{
    return ask_and_print(cli, json_pack("{ss}", "cmd", "reload"), "changes");
}

int gw_cli_attach(const struct gw_cli *cli)
{
    struct gw_lladdr l;
    char text[GW_TEXT_MAX];

    if (gw_parse_lladdr(cli->argv[2], &l) != 0) {
        (void)fprintf(stderr,
                      "godwit: \"%s\" is not a link-layer address such as "
                      "02:00:00:00:00:01\n",
                      cli->argv[2]);
        return GW_CLI_USAGE;
    }
    json_t *request = json_pack("{ssssss}", "cmd", cli->argv[0], "interface", cli->argv[1],
                                "lladdr", gw_fmt_lladdr(&l, text));
    if (request == NULL ||
        (cli->mnid != NULL && json_object_set_new(request, "mn-id", json_string(cli->mnid)) < 0)) {
        /* without its MN-ID it would be another station */
        json_decref(request);
        (void)fputs("godwit: an interface or MN-ID that is not UTF-8\n", stderr);
        return GW_CLI_USAGE;
    }
    return ask_and_print(cli, request, "stations");
}
