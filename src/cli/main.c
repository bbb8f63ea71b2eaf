/* main.c: the command line of `godwit`: reads it and calls the command. */
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/decode.h"
#include "node/config.h"

enum option_bit {                      /* options that only some commands have */
                  OPT_SOCKET = 1 << 0, /* and --node */
                  OPT_JSON = 1 << 1,
                  OPT_WATCH = 1 << 2,
                  OPT_MNID = 1 << 3,
                  OPT_HIDE = 1 << 4,
                  OPT_PEER = 1 << 5,
                  OPT_HOLD = 1 << 6,
                  OPT_CERT = 1 << 7,
                  OPT_FLOW = 1 << 8, /* --protocol, --port */
                  OPT_CLIENT = 1 << 9,
                  OPT_SVG = 1 << 10,
};

static const struct command {
    const char *name;
    int args;         /* behind the name; -1: one, or --peer; -2: the command looks itself */
    unsigned options; /* enum option_bit */
    int (*run)(const struct gw_cli *cli);
    const char *usage;
} commands[] = {
    {"show", 1, OPT_SOCKET | OPT_JSON | OPT_WATCH, gw_cli_show,
     "show bindings|stations|prefixes|tunnels|peers|counters|handovers|operations|revoked|"
     "services|instances|metrics|candidates|affinity|paths|selections|traces|"
     "clients|expected|locations|transfers "
     "[--json] [--watch [S]]"},
    {"status", 0, OPT_SOCKET | OPT_JSON, gw_cli_status, "status [--json]"},
    {"attach", 2, OPT_SOCKET | OPT_JSON | OPT_MNID, gw_cli_attach,
     "attach INTERFACE LLADDR [--mn-id NAI]"},
    {"detach", 2, OPT_SOCKET | OPT_JSON | OPT_MNID, gw_cli_attach, "detach INTERFACE LLADDR"},
    {"revoke", -1, OPT_SOCKET | OPT_JSON | OPT_PEER | OPT_HOLD, gw_cli_operate,
     "revoke MN-ID|--peer NAME [--hold SECONDS] [--json]"},
    {"notify", -1, OPT_SOCKET | OPT_JSON | OPT_PEER, gw_cli_operate,
     "notify MN-ID|--peer NAME [--json]"},
    {"allow", 1, OPT_SOCKET | OPT_JSON, gw_cli_operate, "allow MN-ID"},
    {"why", 2, OPT_SOCKET | OPT_JSON | OPT_FLOW | OPT_CLIENT, gw_cli_why,
     "why CLIENT CS-ID [--client-port N] [--protocol tcp|udp|N] [--port N] [--json]"},
    {"trace", -2, OPT_SOCKET | OPT_JSON | OPT_FLOW, gw_cli_trace,
     "trace [CLIENT] CS-ID [--protocol tcp|udp|N] [--port N] [--json]"},
    {"ladder", -2, OPT_SOCKET | OPT_JSON | OPT_SVG, gw_cli_ladder,
     "ladder CLIENT [--svg FILE] [--json] [SOCKET|FILE...]"},
    {"predict", -2, OPT_SOCKET | OPT_JSON, gw_cli_predict, "predict CLIENT [INGRESS...]"},
    {"transfer", -2, OPT_SOCKET | OPT_JSON | OPT_FLOW, gw_cli_transfer,
     "transfer CLIENT CS-ID [CSCI-ID] [--protocol tcp|udp|N] [--port N] [--json]"},
    {"drain", 1, OPT_SOCKET | OPT_JSON, gw_cli_drain, "drain INSTANCE"},
    {"undrain", 1, OPT_SOCKET | OPT_JSON, gw_cli_drain, "undrain INSTANCE"},
    {"reload", 0, OPT_SOCKET | OPT_JSON, gw_cli_reload, "reload"},
    {"config", 2, OPT_HIDE | OPT_CERT, gw_cli_config,
     "config check FILE | config show FILE [--hide-secrets] | "
     "config strongswan FILE [--certificates]"},
    {"export", -2, OPT_SOCKET, gw_cli_export, "export dns ZONE [FILE] | export bird|frr [FILE]"},
};

static const char help[] =
    "godwit asks and steers godwitd, checks configurations and decodes captures.\n"
    "\n"
    "  godwit show TABLE [--json] [--watch [SECONDS]]\n"
    "      TABLE: bindings, stations, prefixes, tunnels, peers, counters, handovers, operations,\n"
    "      revoked, services, instances, metrics, candidates, affinity, paths, selections,\n"
    "      traces, clients, expected, locations or transfers\n"
    "  godwit status [--json]\n"
    "  godwit attach INTERFACE LLADDR [--mn-id NAI]   a station is there, as if it had been seen\n"
    "  godwit detach INTERFACE LLADDR                 it has left\n"
    "  godwit revoke MN-ID|--peer NAME [--hold SECONDS] [--json]\n"
    "      ends a mobile node's session, or all that is shared with a peer, and keeps it out\n"
    "  godwit allow MN-ID                             a revoked node may come back now\n"
    "  godwit notify MN-ID|--peer NAME [--json]       asks for new registrations\n"
    "  godwit why CLIENT CS-ID [--client-port N] [--protocol tcp|udp|N] [--port N] [--json]\n"
    "      where a flow goes, why, and what its service's instances score (a name will do as "
    "CS-ID)\n"
    "  godwit trace [CLIENT] CS-ID [--protocol tcp|udp|N] [--port N] [--json]\n"
    "      the ways from here to each instance of a service, as this node and the egresses have\n"
    "      them; and the way of results back to a client (the nodes on it are told who)\n"
    "  godwit ladder CLIENT [--svg FILE] [--json] [SOCKET|FILE...]\n"
    "      the messages of a client's handovers in their order, as this node or, merged, as "
    "several\n"
    "      nodes have seen them: at their sockets, or what they said with --json\n"
    "  godwit predict CLIENT [INGRESS...]\n"
    "      a client behind this node is about to move: to one of these, or of the configured\n"
    "      neighbours\n"
    "  godwit transfer CLIENT CS-ID [CSCI-ID] [--protocol tcp|udp|N] [--port N] [--json]\n"
    "      what a client behind this node has under way moves to another instance, or to the best\n"
    "  godwit drain INSTANCE | godwit undrain INSTANCE\n"
    "      an instance of this node's takes no new flows, or takes them again\n"
    "  godwit reload                                  read the configuration again\n"
    "  godwit config check FILE                       say what is wrong with it\n"
    "  godwit config show FILE [--hide-secrets]       its normal form with every default\n"
    "  godwit config strongswan FILE [--certificates] what strongSwan needs for peers under IPsec\n"
    "  godwit export dns ZONE [FILE]                  the services' names, as records of a zone\n"
    "  godwit export bird|frr [FILE]                  their anycast routes\n"
    "  godwit decode FILE.pcap [--json]               the Mobility Header messages of a capture\n"
    "\n"
    "Where the daemon is: --socket PATH, or -n NODE for /run/godwit/NODE.sock, or $GODWIT_SOCKET,\n"
    "or the only socket in /run/godwit.\n"
    "\n"
    "Exit status: 0; 1 when the daemon refuses or is not there; 2 for a wrong command line or\n"
    "configuration.\n";

/* The number of --watch may stand alone behind it. */
static bool take_watch(struct gw_cli *cli, const char *text, int argc, char **argv)
{
    char *end;

    cli->watch = 1;
    if (text == NULL && optind < argc) {
        double v = strtod(argv[optind], &end);
        if (end == argv[optind] || *end != '\0')
            return true; /* the next argument is another thing */
        (void)v;
        text = argv[optind++];
    }
    if (text == NULL)
        return true;
    cli->watch = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(cli->watch) && cli->watch >= 0.05 &&
           cli->watch <= 86400;
}

static bool take_hold(struct gw_cli *cli, const char *text)
{
    char *end;

    cli->has_hold = true;
    cli->hold = strtol(text, &end, 10);
    return end != text && *end == '\0' && cli->hold >= 0 && cli->hold <= GW_HOLD_MAX_S;
}

enum {
    LONG_SOCKET = 256,
    LONG_JSON,
    LONG_WATCH,
    LONG_MNID,
    LONG_HIDE,
    LONG_CERT,
    LONG_PEER,
    LONG_HOLD,
    LONG_PROTOCOL,
    LONG_PORT,
    LONG_CLIENT,
    LONG_SVG,
    LONG_VERSION
};

static const struct option options[] = {
    {"socket", required_argument, NULL, LONG_SOCKET},
    {"node", required_argument, NULL, 'n'},
    {"json", no_argument, NULL, LONG_JSON},
    {"watch", optional_argument, NULL, LONG_WATCH},
    {"mn-id", required_argument, NULL, LONG_MNID},
    {"peer", required_argument, NULL, LONG_PEER},
    {"hold", required_argument, NULL, LONG_HOLD},
    {"hide-secrets", no_argument, NULL, LONG_HIDE},
    {"certificates", no_argument, NULL, LONG_CERT},
    {"protocol", required_argument, NULL, LONG_PROTOCOL},
    {"port", required_argument, NULL, LONG_PORT},
    {"client-port", required_argument, NULL, LONG_CLIENT},
    {"svg", required_argument, NULL, LONG_SVG},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, LONG_VERSION},
    {0},
};

/* What reading the options found. */
enum verdict { GO_ON, DONE, WRONG };

static enum verdict take_option(struct gw_cli *cli, int c, unsigned *used, int argc, char **argv)
{
    switch (c) {
    case LONG_SOCKET:
        cli->socket = optarg;
        *used |= OPT_SOCKET;
        break;
    case 'n':
        cli->node = optarg;
        *used |= OPT_SOCKET;
        break;
    case LONG_JSON:
        cli->json = true;
        *used |= OPT_JSON;
        break;
    case LONG_WATCH:
        *used |= OPT_WATCH;
        if (take_watch(cli, optarg, argc, argv))
            break;
        (void)fputs("godwit: --watch takes seconds from 0.05 to 86400\n", stderr);
        return WRONG;
    case LONG_MNID:
        cli->mnid = optarg;
        *used |= OPT_MNID;
        break;
    case LONG_PEER:
        cli->peer = optarg;
        *used |= OPT_PEER;
        break;
    case LONG_HOLD:
        *used |= OPT_HOLD;
        if (take_hold(cli, optarg))
            break;
        (void)fprintf(stderr, "godwit: --hold takes whole seconds from 0 to %d\n", GW_HOLD_MAX_S);
        return WRONG;
    case LONG_PROTOCOL:
        cli->protocol = optarg;
        *used |= OPT_FLOW;
        break;
    case LONG_PORT:
        cli->port = optarg;
        *used |= OPT_FLOW;
        break;
    case LONG_CLIENT:
        cli->client_port = optarg;
        *used |= OPT_CLIENT;
        break;
    case LONG_SVG:
        cli->svg = optarg;
        *used |= OPT_SVG;
        break;
    case LONG_HIDE:
        cli->hide_secrets = true;
        *used |= OPT_HIDE;
        break;
    case LONG_CERT:
        cli->certificates = true;
        *used |= OPT_CERT;
        break;
    case 'h':
        (void)fputs(help, stdout);
        return DONE;
    case LONG_VERSION:
        (void)puts("godwit " GODWIT_VERSION);
        return DONE;
    default: /* getopt's own characters; it has said what is wrong */
        return WRONG;
    }
    return GO_ON;
}

static int run(const struct gw_cli *cli, unsigned used)
{
    const struct command *cmd = NULL;

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(cli->argv[0], commands[i].name) == 0)
            cmd = &commands[i];
    }
    if (cmd == NULL) {
        (void)fprintf(stderr, "godwit: unknown command \"%s\"; godwit --help lists them\n",
                      cli->argv[0]);
        return GW_CLI_USAGE;
    }
    int args = cmd->args >= 0 ? cmd->args : cmd->args == -1 ? cli->peer == NULL : cli->argc - 1;
    if (cli->argc - 1 != args || (used & ~cmd->options) != 0) {
        (void)fprintf(stderr, "godwit: usage: godwit %s\n", cmd->usage);
        return GW_CLI_USAGE;
    }
    return cmd->run(cli);
}

int main(int argc, char **argv)
{
    struct gw_cli cli = {0};
    unsigned used = 0;
    enum verdict v = GO_ON;
    int c;

    /* decode reads its own arguments and needs no daemon. */
    if (argc > 1 && strcmp(argv[1], "decode") == 0)
        return gw_cli_decode(argc - 1, argv + 1);
    while (v == GO_ON && (c = getopt_long(argc, argv, "n:h", options, NULL)) != -1)
        v = take_option(&cli, c, &used, argc, argv);
    if (v != GO_ON)
        return v == DONE ? GW_CLI_OK : GW_CLI_USAGE;
    cli.argc = argc - optind;
    cli.argv = argv + optind;
    if (cli.argc == 0) {
        (void)fputs(help, stderr);
        return GW_CLI_USAGE;
    }
    return run(&cli, used);
}
