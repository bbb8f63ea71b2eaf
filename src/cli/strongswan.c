/* strongswan.c: `godwit config strongswan FILE`: the swanctl.conf of a node's peers whose
 * signalling is under IPsec (RFC 5213 §4): a connection per peer, ESP in transport mode for the
 * Mobility Header and nothing else, in place before the first message (start_action trap).
 *
 * Left to others: secrets. Connections name only who the ends are, so that the file can be written
 * again; where its secrets go is said in it.
 *
 * Decisions: algorithms are strongSwan's defaults, all of which protect integrity, which RFC 5213
 * asks for. No MOBIKE: a node's address is its identity here.
 */
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "conf/conf.h"

static void put_head(FILE *out, const struct gw_config *c, bool certificates)
{
    (void)fprintf(out,
                  "# The signalling of %s under IPsec, for strongSwan. Written by\n"
                  "#     godwit config strongswan %s%s\n"
                  "# Goes to /etc/swanctl/conf.d/godwit-%s.conf; then: swanctl --load-all\n",
                  c->name, c->file, certificates ? " --certificates" : "", c->name);
}

static void put_end(FILE *out, const char *which, const struct gw_addr *who, const char *cert)
{
    char text[GW_TEXT_MAX];

    (void)fprintf(out,
                  "        %s {\n"
                  "            auth = %s\n",
                  which, cert != NULL ? "pubkey" : "psk");
    if (cert != NULL && *cert != '\0')
        (void)fprintf(out, "            certs = %s.pem\n", cert);
    (void)fprintf(out,
                  "            id = %s\n"
                  "        }\n",
                  gw_fmt_addr(who, text));
}

static void put_connection(FILE *out, const struct gw_config *c, const struct gw_cfg_peer *p,
                           bool certificates)
{
    char text[GW_TEXT_MAX];

    (void)fprintf(out,
                  "    godwit-%s {\n"
                  "        version = 2\n"
                  "        local_addrs = %s\n",
                  p->name, gw_fmt_addr(&c->addr, text));
    (void)fprintf(out,
                  "        remote_addrs = %s\n"
                  "        mobike = no\n"
                  "        dpd_delay = 30s\n",
                  gw_fmt_addr(&p->addr, text));
    put_end(out, "local", &c->addr, certificates ? c->name : NULL);
    put_end(out, "remote", &p->addr, certificates ? "" : NULL);
    (void)fprintf(out,
                  "        children {\n"
                  "            godwit-%s {\n"
                  "                mode = transport\n"
                  "                # 135: the Mobility Header\n"
                  "                local_ts = dynamic[135]\n"
                  "                remote_ts = dynamic[135]\n"
                  "                start_action = trap\n"
                  "                dpd_action = trap\n"
                  "                close_action = trap\n"
                  "            }\n"
                  "        }\n"
                  "    }\n",
                  p->name);
}

static void put_secrets_help(FILE *out, const struct gw_config *c, bool certificates)
{
    char text[GW_TEXT_MAX];

    if (certificates) {
        (void)fprintf(out,
                      "# The certificate of this node, with its address as a subjectAltName, is\n"
                      "# /etc/swanctl/x509/%s.pem, its key is in /etc/swanctl/private, and the\n"
                      "# authority of all of them in /etc/swanctl/x509ca.\n",
                      c->name);
        return;
    }
    (void)fputs(
        "# Secrets are in a file of their own that only root can read (mode 0600), such as\n"
        "# /etc/swanctl/conf.d/godwit-secrets.conf, one for each pair of nodes, the same at\n"
        "# both; 32 octets of /dev/urandom in hexadecimal digits are a good one:\n"
        "# secrets {\n",
        out);
    for (size_t i = 0; i < c->npeers; i++) {
        if (!c->peers[i].esp)
            continue;
        (void)fprintf(out, "#     ike-%s {\n#         id-1 = %s\n", c->peers[i].name,
                      gw_fmt_addr(&c->addr, text));
        (void)fprintf(out, "#         id-2 = %s\n#         secret = 0x...\n#     }\n",
                      gw_fmt_addr(&c->peers[i].addr, text));
    }
    (void)fputs("# }\n", out);
}

int gw_cli_strongswan(FILE *out, const struct gw_config *c, bool certificates)
{
    size_t n = 0;

    for (size_t i = 0; i < c->npeers; i++)
        n += c->peers[i].esp;
    if (n == 0) {
        (void)fprintf(stderr, "godwit: %s: no peer's protection is esp or both\n", c->file);
        return GW_CLI_USAGE;
    }
    put_head(out, c, certificates);
    put_secrets_help(out, c, certificates);
    (void)fputs("connections {\n", out);
    for (size_t i = 0; i < c->npeers; i++)
        if (c->peers[i].esp)
            put_connection(out, c, &c->peers[i], certificates);
    (void)fputs("}\n", out);
    return GW_CLI_OK;
}
