/* reload.c: another configuration in a running daemon. All or nothing: a file with errors, or one
 * that changes what cannot change, leaves the old configuration at work and says why.
 */
#include "conf/conf.h"
#include "daemon/daemon.h"
#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct reload {
    struct gwd *d;
    json_t *problems;
};

static void problem(struct reload *r, const char *id, const char *text)
{
    gw_log(&r->d->logger.log, GW_LOG_ERROR, GW_CAT_CONF, id, "%s", text);
    json_array_append_new(r->problems, json_string(text));
}

static void conf_error(void *user, const char *line)
{
    problem(user, "bad-configuration", line);
}

static void conf_warning(void *user, const char *line)
{
    struct reload *r = user;
    gw_log(&r->d->logger.log, GW_LOG_WARN, GW_CAT_CONF, "configuration", "%s", line);
}

static void refused(void *user, const char *path, const char *why)
{
    char text[512];
    snprintf(text, sizeof text, "%s: %s", path, why);
    problem(user, "needs-restart", text);
}

/* What the daemon itself cannot change while it runs. */
static int check_daemon(struct reload *r, const struct gw_config *c)
{
    static const char why[] = "cannot change in a running daemon; restart it";
    const struct gw_config *old = r->d->conf;
    size_t before = json_array_size(r->problems);
    if (strcmp(old->daemon.control_socket, c->daemon.control_socket) != 0)
        refused(r, "/godwit/daemon/control-socket", why);
    if (strcmp(old->daemon.state_dir, c->daemon.state_dir) != 0)
        refused(r, "/godwit/daemon/state-directory", why);
    if (strcmp(old->daemon.pin_dir, c->daemon.pin_dir) != 0)
        refused(r, "/godwit/daemon/pin-directory", why);
    if (old->daemon.sandbox != c->daemon.sandbox)
        refused(r, "/godwit/daemon/sandbox", why);
    if (old->steering.stamp_port != c->steering.stamp_port)
        refused(r, "/godwit/steering/stamp/port", why);
    if (!gwd_agent_same(old, c))
        refused(r, "/godwit/steering", "http and agent-socket cannot change in a running daemon");
    if (!gwd_attach_same(old, c))
        refused(r, "/godwit/attachment", why);
    if (!gwd_announce_same(old, c))
        refused(r, "/godwit/steering/announce", why);
    if (gwd_policies_open(r->d, c) < 0)
        refused(r, "/godwit/peers", "the IPsec policies cannot be watched");
    const char *log = c->daemon.log_file;
    int fd = log != NULL ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (log != NULL && fd < 0)
        refused(r, "/godwit/daemon/log/file", strerror(errno));
    if (fd >= 0)
        close(fd);
    return json_array_size(r->problems) > before ? GW_EINVAL : 0;
}

/* It could be opened a moment ago; if it cannot now, that does not undo the reload. */
static void set_log(struct gwd *d, const struct gw_config *c)
{
    if (gw_logger_set(&d->logger, c->daemon.log_level, c->daemon.log_rate, c->daemon.log_file) < 0)
        gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_CONF, "log-file", "%s: %s; the old one goes on",
               c->daemon.log_file, strerror(errno));
}

static int take_over(struct reload *r, struct gw_config *c)
{
    struct gwd *d = r->d;
    struct gw_config *old = d->conf;
    int err = check_daemon(r, c);
    if (err == 0)
        err = gw_node_reload(d->node, c, refused, r, gw_clock_now());
    if (err < 0)
        return err;
    set_log(d, c);
    d->control.path = c->daemon.control_socket;
    d->conf = c;
    gwd_carry_out(d);
    gwd_agent_reload(d);
    gwd_announce_reload(d, old);
    gw_config_free(old);
    gwd_policies_read(d);
    return 0;
}

int gwd_reload(struct gwd *d, json_t **problems)
{
    struct reload r = {.d = d, .problems = json_array()};
    const struct gw_conf_report report = {.error = conf_error, .warning = conf_warning, .user = &r};
    struct gw_config *c = NULL;
    int err = gw_conf_load_file(d->conf_path, &report, &c);
    if (err == 0 && (err = take_over(&r, c)) < 0)
        gw_config_free(c);
    if (err < 0)
        d->count.reload_errors++;
    else
        d->count.reloads++;
    gw_log(&d->logger.log, err < 0 ? GW_LOG_ERROR : GW_LOG_NOTICE, GW_CAT_CONF,
           err < 0 ? "reload-failed" : "reloaded", "%s%s", d->conf_path,
           err < 0 ? ": the old configuration stays at work" : "");
    if (problems != NULL)
        *problems = r.problems;
    else
        json_decref(r.problems);
    return err;
}
