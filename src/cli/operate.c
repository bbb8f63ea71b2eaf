/* operate.c: the commands that have other nodes change their bindings: revoke, notify, allow. The
 * daemon begins an operation and answers at once; this looks at it until it is over, tells on
 * stderr how far it is when that takes long, and exits with 1 when anybody was left unasked, or
 * answered that it would not.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define LOOK_EVERY_MS 20
#define TELL_EVERY    50 /* looks */

static json_t *make_request(const struct gw_cli *cli)
{
    json_t *req = json_pack("{ss}", "cmd", cli->argv[0]);
    int bad = req == NULL ? -1 : 0;

    if (bad == 0 && cli->peer != NULL)
        bad = json_object_set_new(req, "peer", json_string(cli->peer));
    else if (bad == 0)
        bad = json_object_set_new(req, "mn-id", json_string(cli->argv[1]));
    if (bad == 0 && cli->has_hold)
        bad = json_object_set_new(req, "hold", json_integer(cli->hold));
    if (bad == 0)
        return req;
    json_decref(req);
    (void)fputs("godwit: an MN-ID or a peer that is not UTF-8\n", stderr);
    return NULL;
}

static json_int_t number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

/* A new reference; NULL: it could not be asked, or is not remembered any more (which is said). */
static json_t *look(const struct gw_cli *cli, json_int_t number)
{
    json_t *rows = NULL, *row, *found = NULL;
    size_t i;

    if (gw_cli_request(cli, json_pack("{ssss}", "cmd", "show", "what", "operations"), &rows) !=
        GW_CLI_OK)
        return NULL;
    json_array_foreach(rows, i, row)
    {
        if (number_of(row, "number") == number)
            found = json_incref(row);
    }
    json_decref(rows);
    if (found == NULL)
        (void)fputs("godwit: the daemon does not remember it; it has been restarted, or is busy\n",
                    stderr);
    return found;
}

static bool running(const json_t *row)
{
    const char *state = json_string_value(json_object_get(row, "state"));

    return state != NULL && strcmp(state, "running") == 0;
}

static void tell(const json_t *row)
{
    (void)fprintf(stderr, "godwit: %lld bindings, %lld of %lld answered, %lld failed ...\n",
                  (long long)number_of(row, "bindings"), (long long)number_of(row, "done"),
                  (long long)number_of(row, "asked"), (long long)number_of(row, "failed"));
}

static json_t *wait_for(const struct gw_cli *cli, json_int_t number)
{
    struct timespec t = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    json_t *row = look(cli, number);

    for (unsigned n = 1; row != NULL && running(row); n++) {
        if (n % TELL_EVERY == 0)
            tell(row);
        (void)nanosleep(&t, NULL);
        json_decref(row);
        row = look(cli, number);
    }
    return row;
}

int gw_cli_operate(const struct gw_cli *cli)
{
    json_t *begun = NULL, *req = make_request(cli);

    if (req == NULL)
        return GW_CLI_USAGE;
    if (gw_cli_request(cli, req, &begun) != GW_CLI_OK)
        return GW_CLI_FAILED;
    json_t *row = json_is_object(begun) ? wait_for(cli, number_of(begun, "operation")) : NULL;
    bool plain = !json_is_object(begun); /* allow is done at once */
    json_decref(begun);
    if (plain)
        return GW_CLI_OK;
    if (row == NULL)
        return GW_CLI_FAILED;
    int status = number_of(row, "failed") == 0 ? GW_CLI_OK : GW_CLI_FAILED;
    if (cli->json) {
        gw_cli_print_json(row, false);
    } else {
        gw_cli_print(stdout, "peers", json_object_get(row, "peers"));
        (void)printf("%lld bindings, %lld of %lld answered\n",
                     (long long)number_of(row, "bindings"), (long long)number_of(row, "done"),
                     (long long)number_of(row, "asked"));
    }
    json_decref(row);
    if (fflush(stdout) != 0)
        status = GW_CLI_FAILED;
    return status;
}
