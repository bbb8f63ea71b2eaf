/* agent_socket.c: instances on this machine over a Unix socket: one JSON object a line, an answer a
 * line. The first line says who it is, {"register": NAME, "token": TOKEN}; then {"report": {...}}
 * and {"withdraw": true}. Whoever runs as root needs no token. doc/daemon.md has it for users. With
 * "frames": true in the first line, frames follow its answer instead of lines (agent_link.c).
 */
#include "daemon/agent.h"

#include <errno.h>
#include <unistd.h>

#define MODE 0666 /* instances run as anybody: the token says who may */

static json_t *refuse(json_t *why)
{
    json_t *answer = gwd_answer_error("%s", json_string_value(why));
    json_decref(why);
    return answer;
}

/* What a client is known by: an instance of this configuration; never 0. */
static size_t number_of(const struct gwd_agent *a, size_t index)
{
    return (size_t)a->generation << 32 | index;
}

static json_t *say(struct gwd_instance *x, enum gwd_verb verb, const json_t *body)
{
    json_t *why = NULL;
    if (gwd_instance_say(x, verb, body, &why) != GWD_SAID)
        return refuse(why);
    return gwd_answer_ok(json_pack("{s:f}", "lease", (double)gwd_instance_cfg(x)->lease.ns / 1e9));
}

static void open_link(void *user, struct gwd_asker *who, int fd)
{
    struct gwd_agent *a = user;
    size_t index = who->number & UINT32_MAX;
    if (who->number == number_of(a, index) && index < a->n)
        gwd_line_open(a, &a->instances[index].csci_id, fd);
    else
        close(fd);
}

static json_t *come(struct gwd_agent *a, struct gwd_asker *who, const json_t *req)
{
    const char *name = json_string_value(json_object_get(req, "register"));
    const char *token = json_string_value(json_object_get(req, "token"));
    struct gwd_instance *x = name != NULL ? gwd_instance_named(a, name) : NULL;
    bool known = x != NULL && token != NULL && gwd_instance_admits(x, token);
    if (x == NULL ? who->uid != 0 : who->uid != 0 && !known) {
        a->daemon->count.agent_denied++;
        return gwd_answer_error("register: there is no such instance, or its token is another");
    }
    if (x == NULL)
        return gwd_answer_error("register: no instance is called \"%s\"", name != NULL ? name : "");
    who->stays = true;
    who->number = number_of(a, x->index);
    if (json_is_true(json_object_get(req, "frames")))
        who->take = open_link;
    return say(x, GWD_REGISTER, NULL);
}

static json_t *handle(void *user, struct gwd_asker *who, const json_t *req)
{
    struct gwd_agent *a = user;
    const json_t *report = json_object_get(req, "report");
    if (json_object_get(req, "register") != NULL)
        return come(a, who, req);
    size_t index = who->number & UINT32_MAX;
    if (who->number == 0)
        return gwd_answer_error("the first line is {\"register\": NAME, \"token\": TOKEN}");
    if (who->number != number_of(a, index) || index >= a->n)
        return gwd_answer_error("the configuration is another one now: register again");
    struct gwd_instance *x = &a->instances[index];
    if (report != NULL)
        return say(x, GWD_REPORT, report);
    if (json_object_get(req, "withdraw") != NULL)
        return say(x, GWD_WITHDRAW, NULL);
    return gwd_answer_error("register, report or withdraw");
}

int gwd_agent_socket_open(struct gwd_agent *a)
{
    struct gwd *d = a->daemon;
    const char *path = d->conf->steering.agent_socket;
    if (path == NULL)
        return 0;
    int err = gwd_control_open(&a->socket, &d->loop, path, MODE, handle, a);
    if (err < 0)
        gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "agent-socket-failed", "%s: %s", path,
               err == GW_ESYS ? strerror(errno) : gw_err_text(err));
    return err;
}
