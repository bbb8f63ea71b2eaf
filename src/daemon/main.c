/* main.c: godwitd: one node per process, in the foreground. Exit status: 0 stopped as asked; 1 the
 * system refused something, which the log names; 2 the arguments or the configuration are wrong,
 * and nothing was started.
 *
 * Needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF to start, and write access to the
 * directories named in the configuration. It never gains more than it was started with
 * (PR_SET_NO_NEW_PRIVS), and once started it keeps less (sys/sandbox.h).
 */
#include "conf/conf.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static const char usage[] =
    "usage: godwitd -c FILE [--check] [--rebuild]\n"
    "       godwitd --version | --help\n"
    "  -c, --config FILE  the node's configuration (YAML)\n"
    "      --check        only check the configuration: exit status 0, or 2 and its errors\n"
    "      --rebuild      discard a pinned packet path of another version instead of refusing it\n"
    "Signals: SIGHUP reads the configuration again, SIGTERM and SIGINT stop.\n";

struct options {
    const char *config;
    bool check, rebuild;
};

static void print_line(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *opt)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"rebuild", no_argument, NULL, 'r'},      {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "c:Vh", options, NULL)) != -1;) {
        if (c == 'c') {
            opt->config = optarg;
        } else if (c == 'k') {
            opt->check = true;
        } else if (c == 'r') {
            opt->rebuild = true;
        } else if (c == 'V' || c == 'h') {
            fputs(c == 'h' ? usage : "godwitd " GODWIT_VERSION "\n", stdout);
            return EXIT_SUCCESS;
        } else {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (opt->config != NULL && optind == argc)
        return -1;
    fputs(usage, stderr);
    return 2;
}

static int run(struct gwd *d)
{
    if (gw_logger_set(&d->logger, d->conf->daemon.log_level, d->conf->daemon.log_rate,
                      d->conf->daemon.log_file) < 0) {
        fprintf(stderr, "%s: %s\n", d->conf->daemon.log_file, strerror(errno));
        return EXIT_FAILURE;
    }
    int err = gwd_start(d);
    if (err == 0)
        uv_run(&d->loop, UV_RUN_DEFAULT);
    gwd_stop(d);
    gw_logger_close(&d->logger);
    return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct gwd daemon; /* handles of libuv need an address that stays */
    struct options opt = {0};
    const struct gw_conf_report report = {.error = print_line, .warning = print_line};
    int status = parse_options(argc, argv, &opt);
    if (status >= 0)
        return status;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    gw_logger_init(&daemon.logger);
    daemon.conf_path = opt.config;
    daemon.rebuild = opt.rebuild;
    if (gw_conf_load_file(opt.config, &report, &daemon.conf) < 0)
        return 2;
    status = opt.check ? EXIT_SUCCESS : run(&daemon);
    gw_config_free(daemon.conf);
    return status;
}
