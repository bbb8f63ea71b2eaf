/* config.c: `godwit config check FILE`, `godwit config show FILE` and, with strongswan.c,
 * `godwit config strongswan FILE`.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "conf/conf.h"

static void say(void *user, const char *line)
{
    (void)user;
    (void)fprintf(stderr, "%s\n", line);
}

int gw_cli_config(const struct gw_cli *cli)
{
    const struct gw_conf_report report = {.error = say, .warning = say};
    const char *verb = cli->argv[1], *file = cli->argv[2];

    if (strcmp(verb, "strongswan") == 0 && !cli->hide_secrets) {
        struct gw_config *c = NULL;
        if (gw_conf_load_file(file, &report, &c) != 0)
            return GW_CLI_USAGE;
        int status = gw_cli_strongswan(stdout, c, cli->certificates);
        gw_config_free(c);
        return status;
    }
    if (strcmp(verb, "check") == 0 && !cli->hide_secrets && !cli->certificates) {
        struct gw_config *c = NULL;
        int e = gw_conf_load_file(file, &report, &c);
        gw_config_free(c);
        return e == 0 ? GW_CLI_OK : GW_CLI_USAGE;
    }
    if (strcmp(verb, "show") == 0 && !cli->certificates) {
        char *text = NULL;
        int e = gw_conf_show_file(file, cli->hide_secrets, &report, &text);
        if (e == 0)
            (void)fputs(text, stdout);
        free(text);
        return e == 0 ? GW_CLI_OK : GW_CLI_USAGE;
    }
    (void)fputs("godwit: usage: godwit config check FILE, or godwit config show FILE "
                "[--hide-secrets], or godwit config strongswan FILE [--certificates]\n",
                stderr);
    return GW_CLI_USAGE;
}
