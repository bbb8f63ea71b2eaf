/* client.c: finds the daemon's control socket, sends one JSON object and reads one. What is asked
 * and what the answer means is the commands' business.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"

#define RUN_DIR    "/run/godwit"
#define SUFFIX     ".sock"
#define TIMEOUT_S  10
#define ANSWER_MAX (1u << 30) /* octets; a table of a million rows is less */

struct reason {
    char *text;
    size_t size;
};

static int fail(struct reason *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct reason *why, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why->text, why->size, fmt, ap);
    va_end(ap);
    return GW_CLI_FAILED;
}

/* ---- where ---- */

static bool is_socket_name(const char *name)
{
    size_t len = strlen(name), suffix = sizeof SUFFIX - 1;

    return name[0] != '.' && len > suffix && strcmp(name + len - suffix, SUFFIX) == 0;
}

/* The only socket in RUN_DIR. */
static int find_only(char *path, size_t size, struct reason *why)
{
    char names[160] = "";
    size_t n = 0;
    DIR *dir = opendir(RUN_DIR);
    const struct dirent *e;

    if (dir == NULL)
        return fail(why, "no daemon: %s: %s (--socket or -n says where it is)", RUN_DIR,
                    strerror(errno));
    while ((e = readdir(dir)) != NULL) {
        if (!is_socket_name(e->d_name))
            continue;
        size_t used = strlen(names);
        int stem = (int)(strlen(e->d_name) - (sizeof SUFFIX - 1));
        (void)snprintf(names + used, sizeof names - used, "%s%.*s", n > 0 ? ", " : "", stem,
                       e->d_name);
        (void)snprintf(path, size, "%s/%s", RUN_DIR, e->d_name);
        n++;
    }
    (void)closedir(dir);
    if (n == 0)
        return fail(why, "no daemon: %s has no socket (--socket or -n says where it is)", RUN_DIR);
    if (n > 1)
        return fail(why, "%zu daemons are here, choose one with -n: %s", n, names);
    return 0;
}

static int find(const struct gw_cli *cli, char *path, size_t size, struct reason *why)
{
    const char *env = getenv("GODWIT_SOCKET");
    int n;

    if (cli->socket != NULL)
        n = snprintf(path, size, "%s", cli->socket);
    else if (cli->node != NULL)
        n = snprintf(path, size, "%s/%s%s", RUN_DIR, cli->node, SUFFIX);
    else if (env != NULL && env[0] != '\0')
        n = snprintf(path, size, "%s", env);
    else
        return find_only(path, size, why);
    if (n < 0 || (size_t)n >= size)
        return fail(why, "the path of the socket is longer than %zu octets", size - 1);
    return 0;
}

static int open_socket(const struct gw_cli *cli, struct reason *why)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = TIMEOUT_S};

    if (find(cli, sa.sun_path, sizeof sa.sun_path, why) != 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        (void)fail(why, "socket: %s", strerror(errno));
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    (void)fail(why, "no daemon at %s: %s%s", sa.sun_path, strerror(errno),
               errno == ECONNREFUSED ? " (it is not running)" : "");
    (void)close(fd);
    return -1;
}

/* ---- what ---- */

static int send_all(int fd, const char *data, size_t len, struct reason *why)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(why, "the daemon took no request: %s", strerror(errno));
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int send_request(int fd, const json_t *request, struct reason *why)
{
    char *text = json_dumps(request, JSON_COMPACT), *line = NULL;
    int n = text != NULL ? asprintf(&line, "%s\n", text) : -1;

    free(text);
    if (n < 0)
        return fail(why, "out of memory");
    int result = send_all(fd, line, (size_t)n, why);
    free(line);
    return result;
}

/* Until the daemon closes; to be freed. */
static char *read_answer(int fd, size_t *len, struct reason *why)
{
    char *text = NULL;
    size_t size = 0;

    for (*len = 0;;) {
        if (*len == size) {
            size = size == 0 ? 65536 : size * 2;
            char *more = size <= ANSWER_MAX ? realloc(text, size) : NULL;
            if (more == NULL) {
                (void)fail(why, "the answer is too large");
                break;
            }
            text = more;
        }
        ssize_t n = recv(fd, text + *len, size - *len, 0);
        if (n == 0)
            return text;
        if (n > 0)
            *len += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            (void)fail(why, "the daemon gave no answer within %d s", TIMEOUT_S);
        else if (errno != EINTR)
            (void)fail(why, "the daemon gave no answer: %s", strerror(errno));
        if (n < 0 && errno != EINTR)
            break;
    }
    free(text);
    return NULL;
}

static int take_result(const char *text, size_t len, json_t **result, struct reason *why)
{
    json_error_t e;
    json_t *answer = json_loadb(text, len, 0, &e);

    if (answer == NULL)
        return len == 0 ? fail(why, "the daemon gave no answer")
                        : fail(why, "the daemon's answer is not JSON: %s", e.text);
    if (json_is_true(json_object_get(answer, "ok"))) {
        *result = json_incref(json_object_get(answer, "result"));
        if (*result == NULL)
            *result = json_null();
        json_decref(answer);
        return 0;
    }
    const char *error = json_string_value(json_object_get(answer, "error"));
    (void)fail(why, "%s", error != NULL ? error : "the daemon refused and did not say why");
    *result = json_incref(json_object_get(answer, "problems"));
    json_decref(answer);
    return GW_CLI_FAILED;
}

int gw_cli_ask(const struct gw_cli *cli, json_t *request, json_t **result, char *why, size_t size)
{
    struct reason r = {why, size};
    size_t len = 0;
    int status = GW_CLI_FAILED;
    char *text = NULL;
    int fd = open_socket(cli, &r);

    *result = NULL;
    if (fd < 0)
        return GW_CLI_FAILED;
    if (send_request(fd, request, &r) == 0)
        text = read_answer(fd, &len, &r);
    if (text != NULL)
        status = take_result(text, len, result, &r);
    free(text);
    (void)close(fd);
    return status;
}
