/* export.c: `godwit export dns ZONE [FILE]`, `godwit export bird [FILE]`, `godwit export frr
 * [FILE]`: what the services' anycast addresses (CS-IDs) are for others: names for clients, routes
 * for the underlay. The services are those of the file or, without one, those that the daemon has.
 *
 * Decisions: names are a service's own name in the zone, and its SRV record (RFC 2782) has it as
 * the symbolic name, `_web._tcp`. Records, not a zone: whose it is has its SOA and NS. A route is
 * unreachable, because packets for a CS-ID never get as far as the routing table of an ingress that
 * steers them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "conf/conf.h"

#define TTL_S     300
#define TCP       6
#define ZONE_MAX  253
#define LABEL_MAX 63

struct service {
    char name[LABEL_MAX + 1];
    struct gw_addr cs_id;
    uint8_t protocol;
    uint16_t port;
};
struct list {
    char of[128]; /* whose they are: for people */
    size_t n;
    struct service *services; /* owned */
    bool announced;           /* as far as is known, the daemon tells BIRD */
    bool routed;              /* likewise, it makes routes of the kernel */
};

static int usage(void)
{
    (void)fputs("godwit: usage: godwit export dns ZONE [FILE], or godwit export bird [FILE], or "
                "godwit export frr [FILE]\n",
                stderr);
    return GW_CLI_USAGE;
}

static void say(void *user, const char *line)
{
    (void)user;
    (void)fprintf(stderr, "%s\n", line);
}

static bool alloc(struct list *l, size_t n)
{
    l->services = calloc(n + 1, sizeof *l->services);
    if (l->services == NULL)
        (void)fputs("godwit: out of memory\n", stderr);
    return l->services != NULL;
}

static int of_file(struct list *l, const char *file)
{
    const struct gw_conf_report report = {.error = say, .warning = say};
    struct gw_config *c = NULL;

    if (gw_conf_load_file(file, &report, &c) != 0)
        return GW_CLI_USAGE;
    (void)snprintf(l->of, sizeof l->of, "%s", c->name);
    l->announced = c->steering.bird_socket != NULL;
    l->routed = c->steering.kernel_routes;
    if (!alloc(l, c->nservices)) {
        gw_config_free(c);
        return GW_CLI_FAILED;
    }
    for (; l->n < c->nservices; l->n++) {
        const struct gw_cfg_service *s = &c->services[l->n];
        struct service *x = &l->services[l->n];
        *x = (struct service){.cs_id = s->key.cs_id, .protocol = s->key.proto, .port = s->key.port};
        (void)snprintf(x->name, sizeof x->name, "%s", s->name);
    }
    gw_config_free(c);
    return GW_CLI_OK;
}

static bool take_row(struct list *l, json_t *row)
{
    struct service *x = &l->services[l->n];
    const char *name = json_string_value(json_object_get(row, "service"));
    const char *cs_id = json_string_value(json_object_get(row, "cs_id"));

    if (name == NULL || cs_id == NULL || gw_parse_addr(cs_id, &x->cs_id) < 0)
        return false;
    (void)snprintf(x->name, sizeof x->name, "%s", name);
    x->protocol = (uint8_t)json_integer_value(json_object_get(row, "protocol"));
    x->port = (uint16_t)json_integer_value(json_object_get(row, "port"));
    l->n++;
    return true;
}

static int of_daemon(struct list *l, const struct gw_cli *cli)
{
    json_t *request = json_pack("{s:s, s:s}", "cmd", "show", "what", "services");
    json_t *rows = NULL, *row;
    char why[512] = "out of memory";
    int status = request != NULL ? gw_cli_ask(cli, request, &rows, why, sizeof why) : GW_CLI_FAILED;
    size_t i;

    (void)snprintf(l->of, sizeof l->of, "a running node");
    l->announced = l->routed = true;
    if (status != GW_CLI_OK)
        gw_cli_print_refusal(why, rows);
    else if (!alloc(l, json_array_size(rows)))
        status = GW_CLI_FAILED;
    if (status == GW_CLI_OK) {
        json_array_foreach(rows, i, row)
        {
            if (!take_row(l, row)) {
                (void)fputs("godwit: the daemon's answer has a service without name or CS-ID\n",
                            stderr);
                status = GW_CLI_FAILED;
                break;
            }
        }
    }
    json_decref(rows);
    json_decref(request);
    return status;
}

/* ---- names ---- */

/* Letters, digits, '-' and '_' (RFC 1035 §2.3.1 and what is in use), with or without a last dot. */
static bool is_zone(const char *zone)
{
    size_t len = strlen(zone), label = 0;

    if (len == 0 || len > ZONE_MAX || zone[0] == '.')
        return false;
    for (const char *c = zone; *c != '\0'; c++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (*c == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if ((!letter && *c != '-' && *c != '_') || ++label > LABEL_MAX) {
            return false;
        }
    }
    return true;
}

static int put_dns(FILE *out, const struct list *l, const char *zone)
{
    const char *dot = zone[strlen(zone) - 1] == '.' ? "" : ".";
    char text[GW_TEXT_MAX];

    (void)fprintf(out,
                  "; The services of %s by name, for the zone %s%s Written by\n"
                  ";     godwit export dns\n"
                  "; Goes into the file of that zone, with $INCLUDE for instance.\n",
                  l->of, zone, dot);
    for (size_t i = 0; i < l->n; i++) {
        const struct service *s = &l->services[i];
        (void)fprintf(out, "%s.%s%s %d IN AAAA %s\n", s->name, zone, dot, TTL_S,
                      gw_fmt_addr(&s->cs_id, text));
        if (s->port != 0)
            (void)fprintf(out, "_%s._%s.%s%s %d IN SRV 0 0 %u %s.%s%s\n", s->name,
                          s->protocol == TCP ? "tcp" : "udp", zone, dot, TTL_S, s->port, s->name,
                          zone, dot);
    }
    return GW_CLI_OK;
}

/* ---- routes ---- */

static int put_bird(FILE *out, const struct list *l)
{
    char text[GW_TEXT_MAX], name[LABEL_MAX + 1];

    (void)fprintf(out,
                  "# The anycast addresses of %s's services, for BIRD 2. Written by\n"
                  "#     godwit export bird\n"
                  "# godwitd enables each while its service has an instance (steering/announce).\n"
                  "# Routing protocols announce them by: export where proto ~ \"godwit_*\";\n",
                  l->of);
    for (size_t i = 0; i < l->n; i++) {
        const struct service *s = &l->services[i];
        (void)snprintf(name, sizeof name, "%s", s->name);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '-' ? '_' : *c;
        (void)fprintf(out,
                      "protocol static godwit_%s {\n"
                      "    disabled;\n"
                      "    ipv6;\n"
                      "    route %s/128 unreachable;\n"
                      "}\n",
                      name, gw_fmt_addr(&s->cs_id, text));
    }
    if (!l->announced)
        (void)fputs("godwit: warning: the configuration has no steering/announce: nobody will "
                    "enable them\n",
                    stderr);
    return GW_CLI_OK;
}

static bool is_first(const struct list *l, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (gw_addr_eq(&l->services[i].cs_id, &l->services[at].cs_id))
            return false;
    return true;
}

static int put_frr(FILE *out, const struct list *l)
{
    char text[GW_TEXT_MAX];

    (void)fprintf(out,
                  "! The anycast addresses of %s's services, for FRR. Written by\n"
                  "!     godwit export frr\n"
                  "! godwitd has each as a route of the kernel while its service has an instance\n"
                  "! (steering/announce/kernel-routes).\n",
                  l->of);
    for (size_t i = 0; i < l->n; i++)
        if (is_first(l, i))
            (void)fprintf(out, "ipv6 prefix-list godwit permit %s/128\n",
                          gw_fmt_addr(&l->services[i].cs_id, text));
    (void)fputs("route-map godwit permit 10\n"
                " match ipv6 address prefix-list godwit\n"
                "exit\n"
                "! In the routing protocol, such as router ospf6:\n"
                "!     redistribute kernel route-map godwit\n",
                out);
    if (!l->routed)
        (void)fputs("godwit: warning: the configuration has no steering/announce/kernel-routes: "
                    "there will be no routes\n",
                    stderr);
    return GW_CLI_OK;
}

int gw_cli_export(const struct gw_cli *cli)
{
    const char *what = cli->argc > 1 ? cli->argv[1] : "", *zone = NULL, *file;
    bool dns = strcmp(what, "dns") == 0;
    int args = 2 + dns, status;
    struct list l = {0};

    if ((!dns && strcmp(what, "bird") != 0 && strcmp(what, "frr") != 0) || cli->argc < args ||
        cli->argc > args + 1)
        return usage();
    if (dns && !is_zone(zone = cli->argv[2])) {
        (void)fprintf(stderr, "godwit: \"%s\" is no domain name\n", zone);
        return GW_CLI_USAGE;
    }
    file = cli->argc > args ? cli->argv[args] : NULL;
    status = file != NULL ? of_file(&l, file) : of_daemon(&l, cli);
    if (status == GW_CLI_OK && l.n == 0) {
        (void)fputs("godwit: there are no services\n", stderr);
        status = GW_CLI_USAGE;
    }
    if (status == GW_CLI_OK)
        status = dns                         ? put_dns(stdout, &l, zone)
                 : strcmp(what, "bird") == 0 ? put_bird(stdout, &l)
                                             : put_frr(stdout, &l);
    free(l.services);
    return status;
}
