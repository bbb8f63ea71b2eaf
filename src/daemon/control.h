/* control.h: a Unix stream on which a client sends one JSON object and a newline, and gets one JSON
 * object and a newline back; then it is closed, or the client goes on asking if the handler says
 * so. What requests mean is the handler's business: the control socket's request.c, the agent's
 * agent_socket.c. Nothing here blocks: a client that is slow to ask or to read
 * costs its memory for at most GWD_CONTROL_PATIENCE_MS.
 */
#ifndef GW_DAEMON_CONTROL_H
#define GW_DAEMON_CONTROL_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define GWD_CONTROL_REQUEST_MAX 65536 /* octets; a longer request is refused */
#define GWD_CONTROL_CLIENTS     64    /* at once; more are turned away */
#define GWD_CONTROL_PATIENCE_MS 10000 /* for the request, and then for taking the answer */

struct gwd_asker {
    uint32_t uid;  /* of the client's process when it connected; UINT32_MAX: not known */
    bool stays;    /* set by the handler: it may go on, and be silent as long as it likes */
    size_t number; /* the handler's */
    /* Set by the handler: when the answer is out, the connection is no longer this module's; fd,
     * non-blocking, is whose `take` is. Unless the client has said more than that request. */
    void (*take)(void *user, struct gwd_asker *who, int fd);
};
/* The answer to a request, a new reference; NULL: out of memory. req is borrowed. */
typedef json_t *gwd_control_fn(void *user, struct gwd_asker *who, const json_t *req);

struct gwd_control {
    uv_pipe_t listener;
    gwd_control_fn *handle;
    void *user;
    const char *path; /* borrowed; NULL when not open */
    unsigned clients;
    struct gwd_client *first;
};

/* Listens at path, with that mode (0660 or 0666). A socket that nobody answers is replaced; the
 * directory is made when it is missing. GW_EEXIST: another process answers there, or it is no
 * socket; GW_EINVAL: the path is too long for a socket; GW_ESYS (errno). */
int gwd_control_open(struct gwd_control *c, uv_loop_t *loop, const char *path, unsigned mode,
                     gwd_control_fn *handle, void *user);
/* Closes the listener and every client, removes the socket; the loop must run once more. */
void gwd_control_close(struct gwd_control *c);

/* The answer to a request as it came, without its newline: the handler's, or why it is none. A new
 * reference; NULL: out of memory. */
json_t *gwd_control_answer(const struct gwd_control *c, struct gwd_asker *who, const char *text,
                           size_t len);

/* {"ok": true, "result": result} and {"ok": false, "error": text}; steals result, which may be
 * NULL for none. */
json_t *gwd_answer_ok(json_t *result);
json_t *gwd_answer_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
