/* steer.c: the commands about services: why, trace, transfer, drain, undrain. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

#define LOOK_EVERY_MS 20

/* What is said of the whole as lines, then `rows` of it as a table. Takes over the request. */
static int ask_and_print(const struct gw_cli *cli, json_t *request, const char *rows)
{
    json_t *result = NULL;
    int status = gw_cli_request(cli, request, &result);

    if (status != GW_CLI_OK)
        return status;
    if (cli->json) {
        gw_cli_print_json(result, false);
    } else {
        json_t *list = json_incref(json_object_get(result, rows));
        json_object_del(result, rows);
        gw_cli_print(stdout, cli->argv[0], result);
        if (list != NULL) {
            (void)putchar('\n');
            gw_cli_print(stdout, rows, list);
        }
        json_decref(list);
    }
    json_decref(result);
    return status;
}

/* A number, or a text the daemon knows. */
static bool add(json_t *request, const char *key, const char *text)
{
    char *end;

    if (text == NULL)
        return true;
    long number = strtol(text, &end, 10);
    json_t *v = end != text && *end == '\0' ? json_integer(number) : json_string(text);
    return json_object_set_new(request, key, v) == 0;
}

static json_t *request_of(const struct gw_cli *cli, const char *cs_id)
{
    json_t *request = json_pack("{ssss}", "cmd", cli->argv[0], "cs-id", cs_id);

    if (request != NULL &&
        (!add(request, "protocol", cli->protocol) || !add(request, "port", cli->port))) {
        json_decref(request);
        return NULL;
    }
    return request;
}

int gw_cli_why(const struct gw_cli *cli)
{
    json_t *request = request_of(cli, cli->argv[2]);

    if (request == NULL || !add(request, "client-port", cli->client_port) ||
        json_object_set_new(request, "client", json_string(cli->argv[1])) < 0) {
        json_decref(request);
        (void)fputs("godwit: an argument that is not UTF-8\n", stderr);
        return GW_CLI_USAGE;
    }
    return ask_and_print(cli, request, "candidates");
}

/* What has begun; how it goes is in `show transfers`. */
int gw_cli_transfer(const struct gw_cli *cli)
{
    if (cli->argc < 3 || cli->argc > 4) {
        (void)fputs("godwit: transfer CLIENT CS-ID [CSCI-ID]\n", stderr);
        return GW_CLI_USAGE;
    }
    json_t *request = request_of(cli, cli->argv[2]);
    if (request == NULL || json_object_set_new(request, "client", json_string(cli->argv[1])) < 0 ||
        (cli->argc > 3 &&
         json_object_set_new(request, "instance", json_string(cli->argv[3])) < 0)) {
        json_decref(request);
        (void)fputs("godwit: an argument that is not UTF-8\n", stderr);
        return GW_CLI_USAGE;
    }
    return ask_and_print(cli, request, "flows");
}

/* A client is about to move; to these ingresses, or to the configured ones. */
int gw_cli_predict(const struct gw_cli *cli)
{
    if (cli->argc < 2) {
        (void)fputs("godwit: predict CLIENT [INGRESS...]\n", stderr);
        return GW_CLI_USAGE;
    }
    json_t *to = json_array(), *none = NULL;
    int bad = to == NULL ? -1 : 0;
    for (int i = 2; i < cli->argc && bad == 0; i++)
        bad = json_array_append_new(to, json_string(cli->argv[i]));
    json_t *request =
        json_pack("{ss, ss, so}", "cmd", "predict", "client", cli->argv[1], "ingresses", to);
    if (request == NULL || bad != 0) {
        json_decref(request);
        (void)fputs("godwit: an argument that is not UTF-8\n", stderr);
        return GW_CLI_USAGE;
    }
    int status = gw_cli_request(cli, request, &none);
    json_decref(none);
    return status;
}

/* ---- trace: this node's view at once, then what others answer ---- */

/* A new reference, when everybody has answered or been given up. NULL: that has been said. */
static json_t *answers(const struct gw_cli *cli, json_int_t number)
{
    struct timespec t = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    json_t *rows = NULL, *row, *found = NULL;
    size_t i;

    while (gw_cli_request(cli, json_pack("{ssss}", "cmd", "show", "what", "traces"), &rows) ==
           GW_CLI_OK) {
        const char *state = NULL;
        json_array_foreach(rows, i, row)
        {
            if (json_integer_value(json_object_get(row, "number")) != number)
                continue;
            state = json_string_value(json_object_get(row, "state"));
            if (state != NULL && strcmp(state, "running") != 0)
                found = json_incref(json_object_get(row, "answers"));
        }
        bool lost = state == NULL;
        json_decref(rows);
        if (lost)
            (void)fputs("godwit: the daemon does not remember the trace; it has been restarted, or "
                        "is busy\n",
                        stderr);
        if (lost || found != NULL)
            return found;
        (void)nanosleep(&t, NULL);
    }
    return NULL;
}

static void print_trace(const struct gw_cli *cli, json_t *result)
{
    static const char *const tables[] = {"ways", "answers"};

    if (cli->json) {
        gw_cli_print_json(result, false);
        return;
    }
    (void)printf("service %s\n", json_string_value(json_object_get(result, "service")));
    for (size_t i = 0; i < 2; i++) {
        (void)putchar('\n');
        gw_cli_print(stdout, tables[i], json_object_get(result, tables[i]));
    }
}

int gw_cli_trace(const struct gw_cli *cli)
{
    json_t *result = NULL, *request, *said;
    bool client = cli->argc == 3;

    if (cli->argc != 2 && !client) {
        (void)fputs("godwit: usage: godwit trace [CLIENT] CS-ID [--protocol tcp|udp|N] [--port N] "
                    "[--json]\n",
                    stderr);
        return GW_CLI_USAGE;
    }
    request = request_of(cli, cli->argv[cli->argc - 1]);
    if (request == NULL ||
        (client && json_object_set_new(request, "client", json_string(cli->argv[1])) < 0)) {
        json_decref(request);
        (void)fputs("godwit: an argument that is not UTF-8\n", stderr);
        return GW_CLI_USAGE;
    }
    int status = gw_cli_request(cli, request, &result);
    if (status != GW_CLI_OK)
        return status;
    said = answers(cli, json_integer_value(json_object_get(result, "trace")));
    if (said != NULL && json_object_set_new(result, "answers", said) == 0 &&
        json_object_del(result, "trace") == 0)
        print_trace(cli, result);
    else
        status = GW_CLI_FAILED;
    json_decref(result);
    return status;
}

int gw_cli_drain(const struct gw_cli *cli)
{
    return ask_and_print(cli, json_pack("{ssss}", "cmd", cli->argv[0], "instance", cli->argv[1]),
                         "");
}
