/* cli.h: what the commands of `godwit` share. Exit status: 0, 1 when the daemon refuses or is not
 * there, 2 for a wrong command line or configuration.
 */
#ifndef GW_CLI_CLI_H
#define GW_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define GW_CLI_OK     0
#define GW_CLI_FAILED 1
#define GW_CLI_USAGE  2

/* The command line, read: argv[0] is the command. */
struct gw_cli {
    const char *socket, *node; /* where the daemon is; NULL: not said */
    const char *mnid, *peer;
    bool has_hold;
    long hold;                                 /* seconds */
    const char *protocol, *port, *client_port; /* NULL: not said */
    const char *svg;                           /* a file; NULL: not said */
    bool json, hide_secrets, certificates;
    double watch; /* seconds; 0: once */
    int argc;
    char **argv;
};

/* client.c: asks the daemon; *result is a new reference. 0, or GW_CLI_FAILED with the reason in
 * why and *result NULL or a list of texts with the details. request is borrowed. */
int gw_cli_ask(const struct gw_cli *cli, json_t *request, json_t **result, char *why, size_t size);

/* table.c: a result for people: rows as a table, an object as lines. what: "bindings", for the
 * text when there are none. */
void gw_cli_print(FILE *out, const char *what, const json_t *result);

/* handover.c: rewrites the rows of `show handovers`: "steps" becomes "steps_us", microseconds since
 * the row's first step, and so do the times of previous MAARs. */
void gw_cli_relative_steps(json_t *rows);

/* control.c */
void gw_cli_print_json(const json_t *result, bool one_line);
void gw_cli_print_refusal(const char *why, const json_t *details);
/* gw_cli_ask, and says why not. Takes over the request, NULL: out of memory; *result is NULL at
 * first, and after a refusal. */
int gw_cli_request(const struct gw_cli *cli, json_t *request, json_t **result);

/* strongswan.c: swanctl.conf for the peers under IPsec; GW_CLI_USAGE, and why, when there are none.
 */
struct gw_config;
int gw_cli_strongswan(FILE *out, const struct gw_config *c, bool certificates);

/* The commands. */
int gw_cli_show(const struct gw_cli *cli);
int gw_cli_status(const struct gw_cli *cli);
int gw_cli_reload(const struct gw_cli *cli);
int gw_cli_attach(const struct gw_cli *cli);  /* and detach */
int gw_cli_operate(const struct gw_cli *cli); /* revoke, notify, allow */
int gw_cli_why(const struct gw_cli *cli);
int gw_cli_transfer(const struct gw_cli *cli);
int gw_cli_predict(const struct gw_cli *cli);
int gw_cli_trace(const struct gw_cli *cli);
int gw_cli_ladder(const struct gw_cli *cli);
int gw_cli_drain(const struct gw_cli *cli); /* and undrain */
int gw_cli_config(const struct gw_cli *cli);
int gw_cli_export(const struct gw_cli *cli);

#endif
