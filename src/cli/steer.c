/* steer.c: the commands about services: why, trace, drain, undrain. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* What is said of the whole as lines, then `rows` of it as a table. Takes over the request. */
static int ask_and_print(const struct gw_cli *cli, json_t *request, const char *rows)
{
    char why[512] = "out of memory";
    json_t *result = NULL;
    int status =
        request != NULL ? gw_cli_ask(cli, request, &result, why, sizeof why) : GW_CLI_FAILED;

    if (status != GW_CLI_OK) {
        gw_cli_print_refusal(why, result);
    } else if (cli->json) {
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
    json_decref(request);
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

int gw_cli_trace(const struct gw_cli *cli)
{
    return ask_and_print(cli, request_of(cli, cli->argv[1]), "ways");
}

int gw_cli_drain(const struct gw_cli *cli)
{
    return ask_and_print(cli, json_pack("{ssss}", "cmd", cli->argv[0], "instance", cli->argv[1]),
                         "");
}
