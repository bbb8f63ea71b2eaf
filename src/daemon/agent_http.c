/* agent_http.c: instances over HTTP (libmicrohttpd on the daemon's loop):
 *
 *   POST /v1/instances/NAME/register|report|withdraw
 *   Authorization: Bearer TOKEN
 *
 * with a report's object as the body. Without TLS: for a link that is trusted, or behind something
 * that terminates it (doc/guide.md). Bounded: connections, their time, and the size of a body.
 */
#include "daemon/agent.h"

#include "base/text.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>

#define CONNECTIONS     256
#define PER_ADDRESS     64
#define IDLE_SECONDS    10
#define CONNECTION_SIZE 16384 /* octets for the header of a request */
#define BODY_MAX        8192
#define PREFIX          "/v1/instances/"

struct gwd_http {
    struct gwd_agent *agent;
    struct MHD_Daemon *mhd;
    struct gwd_fd fd;
    uv_timer_t timer;
};

struct request {
    size_t len;
    bool too_long;
    char body[BODY_MAX];
};

static enum MHD_Result answer(struct MHD_Connection *conn, unsigned status, json_t *body)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL)
        return MHD_NO;
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (r == NULL) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type", "application/json");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, "Allow", "POST");
    enum MHD_Result rc = MHD_queue_response(conn, status, r);
    MHD_destroy_response(r);
    return rc;
}

/* Whom a path is about, and what it says; NULL: nobody. *known: it is a path of ours. */
static struct gwd_instance *who(struct gwd_agent *a, const char *url, enum gwd_verb *verb,
                                bool *known)
{
    static const char *const verbs[] = {
        [GWD_REGISTER] = "register", [GWD_REPORT] = "report", [GWD_WITHDRAW] = "withdraw"};
    char name[256];
    const char *slash;
    *known = false;
    if (strncmp(url, PREFIX, sizeof PREFIX - 1) != 0 ||
        (slash = strchr(url + sizeof PREFIX - 1, '/')) == NULL ||
        (size_t)(slash - url) - (sizeof PREFIX - 1) >= sizeof name)
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)(slash - url - (long)(sizeof PREFIX - 1)),
             url + sizeof PREFIX - 1);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(slash + 1, verbs[i]) == 0) {
            *verb = (enum gwd_verb)i;
            *known = true;
        }
    return *known ? gwd_instance_named(a, name) : NULL;
}

static bool admitted(struct MHD_Connection *conn, const struct gwd_instance *x)
{
    static const char scheme[] = "Bearer ";
    const char *text = MHD_lookup_connection_value(conn, MHD_HEADER_KIND, "Authorization");
    return text != NULL && strncmp(text, scheme, sizeof scheme - 1) == 0 &&
           gwd_instance_admits(x, text + sizeof scheme - 1);
}

static enum MHD_Result say(struct MHD_Connection *conn, struct gwd_instance *x, enum gwd_verb verb,
                           const struct request *r)
{
    static const unsigned status[] = {[GWD_SAID] = MHD_HTTP_OK,
                                      [GWD_SAID_TOO_OFTEN] = MHD_HTTP_TOO_MANY_REQUESTS,
                                      [GWD_SAID_BAD] = MHD_HTTP_BAD_REQUEST};
    json_error_t error;
    json_t *why = NULL, *body = NULL;
    if (verb == GWD_REPORT &&
        (body = json_loadb(r->body, r->len, JSON_REJECT_DUPLICATES, &error)) == NULL) {
        x->agent->daemon->count.agent_malformed++;
        return answer(conn, MHD_HTTP_BAD_REQUEST, gwd_answer_error("not JSON: %s", error.text));
    }
    enum gwd_said said = gwd_instance_say(x, verb, body, &why);
    json_decref(body);
    json_t *result = said == GWD_SAID
                         ? gwd_answer_ok(json_pack("{s:f}", "lease",
                                                   (double)gwd_instance_cfg(x)->lease.ns / 1e9))
                         : gwd_answer_error("%s", json_string_value(why));
    json_decref(why);
    return answer(conn, status[said], result);
}

static enum MHD_Result complete(struct gwd_agent *a, struct MHD_Connection *conn, const char *url,
                                const char *method, const struct request *r)
{
    enum gwd_verb verb;
    bool known;
    struct gwd_instance *x = who(a, url, &verb, &known);
    if (!known)
        return answer(
            conn, MHD_HTTP_NOT_FOUND,
            gwd_answer_error("there is only " PREFIX "NAME/register, .../report and .../withdraw"));
    if (strcmp(method, "POST") != 0)
        return answer(conn, MHD_HTTP_METHOD_NOT_ALLOWED, gwd_answer_error("POST only"));
    if (x == NULL || !admitted(conn, x)) {
        a->daemon->count.agent_denied++;
        return answer(conn, MHD_HTTP_UNAUTHORIZED,
                      gwd_answer_error("there is no such instance, or its token is another"));
    }
    if (r->too_long) {
        a->daemon->count.agent_malformed++;
        return answer(conn, MHD_HTTP_CONTENT_TOO_LARGE,
                      gwd_answer_error("longer than %d octets", BODY_MAX));
    }
    return say(conn, x, verb, r);
}

/* Called when the header is there, for each part of the body, and at the end. */
static enum MHD_Result handle(void *user, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **state)
{
    struct gwd_http *h = user;
    struct request *r = *state;
    (void)version;
    if (r == NULL) {
        *state = calloc(1, sizeof *r);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*len == 0)
        return complete(h->agent, conn, url, method, r);
    if (*len > sizeof r->body - r->len)
        r->too_long = true;
    if (!r->too_long) {
        memcpy(r->body + r->len, data, *len);
        r->len += *len;
    }
    *len = 0;
    return MHD_YES;
}

static void forget(void *user, struct MHD_Connection *conn, void **state,
                   enum MHD_RequestTerminationCode how)
{
    (void)user;
    (void)conn;
    (void)how;
    free(*state);
}

/* ---- on the loop ---- */

static void turn(struct gwd_http *h);

static void time_is_up(uv_timer_t *timer)
{
    turn(timer->data);
}

static void turn(struct gwd_http *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    MHD_run(h->mhd);
    if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
        uv_timer_start(&h->timer, time_is_up, ms, 0);
    else
        uv_timer_stop(&h->timer);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct gwd_http *h = poll->data;
    (void)events;
    turn(h);
    gwd_go_on(poll, status, readable);
}

static struct MHD_Daemon *listen_at(struct gwd_http *h, const struct gw_addr *addr, uint16_t port)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&sa.sin6_addr, addr->b, sizeof addr->b);
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_IPv6, port, NULL, NULL, handle, h, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&sa, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_SIZE,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
        MHD_OPTION_END);
}

int gwd_agent_http_open(struct gwd_agent *a)
{
    struct gwd *d = a->daemon;
    const struct gw_cfg_steering *cfg = &d->conf->steering;
    char text[GW_TEXT_MAX];
    if (cfg->http.port == 0)
        return 0;
    struct gwd_http *h = a->http = calloc(1, sizeof *h);
    if (h == NULL)
        return GW_ENOMEM;
    *h = (struct gwd_http){.agent = a, .fd = {.fd = -1}};
    uv_timer_init(&d->loop, &h->timer);
    h->timer.data = h;
    errno = 0;
    h->mhd = listen_at(h, &cfg->http.addr, cfg->http.port);
    const union MHD_DaemonInfo *info =
        h->mhd != NULL ? MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (info != NULL && gwd_watch(d, &h->fd, info->epoll_fd, false, readable, h) == 0)
        return 0;
    gw_log(&d->logger.log, GW_LOG_ERROR, GW_CAT_NODE, "agent-http-failed",
           "cannot listen on [%s]:%u: %s", gw_fmt_addr(&cfg->http.addr, text), cfg->http.port,
           errno != 0 ? strerror(errno) : "libmicrohttpd refused");
    return GW_ESYS;
}

void gwd_agent_http_close(struct gwd_agent *a)
{
    if (a->http == NULL)
        return;
    gwd_unwatch(&a->http->fd);
    uv_timer_stop(&a->http->timer);
    if (a->http->mhd != NULL)
        MHD_stop_daemon(a->http->mhd);
}

void gwd_agent_http_free(struct gwd_agent *a)
{
    free(a->http);
}
