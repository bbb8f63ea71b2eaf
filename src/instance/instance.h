/* instance.h: what the files of libgodwit-instance share. Nothing of it is seen outside.
 *
 *   agent.c  the connection to the agent: registration, reports, frames in and out
 *   move.c   moves: the agent's commands become callbacks
 *   text.c   the little JSON that is said and read
 *
 * The library needs the C library only. Frames are wire/instance.h's, compiled in.
 */
#ifndef GWI_INSTANCE_H
#define GWI_INSTANCE_H

#include "godwit/instance.h"
#include "wire/instance.h"

#include <stdbool.h>

#define GWI_PATIENCE_S 10 /* with the agent, when something is waited for */
#define GWI_TEXT       256

struct gwi_conn {
    int fd;
    uint16_t label;
    bool taken; /* by the application */
};
/* Which callback is to be called (again). */
enum gwi_due {
    GWI_DUE_NOTHING,
    GWI_DUE_BEGIN,
    GWI_DUE_STATE, /* out: export_state */
    GWI_DUE_PIECE, /* in: import_state of `piece` */
    GWI_DUE_CONFIRM,
    GWI_DUE_THAW, /* out: the agent was lost; waits for another one's word */
};
struct gwi_move {
    gwi_move *next;
    gwi *g;
    uint64_t id;
    bool in, begun; /* begun: begin_* has said yes */
    bool ready;     /* `due` can be called */
    bool confirmed; /* in: all was there, and good */
    enum gwi_due due;
    uint32_t pull; /* octets that may be given */
    uint8_t *piece;
    size_t piece_len;
    struct gw_frame_transaction about;
    void *data;
    size_t nconns, thawing; /* thawing: answers that are missing */
    bool elsewhere;         /* THAWED says so of one of them */
    struct gwi_conn conns[GWI_CONNECTIONS];
};

struct gwi {
    int fd; /* -1: no agent */
    char *path, *name, *token;
    struct gwi_callbacks cb;
    bool moves; /* cb is there */
    void *user;
    gwi_move *first;
    size_t nin;
    uint8_t in[GW_FRAME_HEAD + GW_FRAME_MAX];
    uint8_t out[GW_FRAME_MAX];
    char error[GWI_TEXT];
};

/* agent.c: a whole frame, with a descriptor unless it is -1. 0, or -ENOTCONN: it is lost then. */
int gwi_send(gwi *g, const struct gw_frame *f, const void *octets, int fd);
int gwi_fail(gwi *g, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* move.c */
void gwi_handle(gwi *g, const struct gw_frame *f, const uint8_t *octets);
void gwi_run_ready(gwi *g);
void gwi_agent_lost(gwi *g);
void gwi_agent_found(gwi *g);
void gwi_abandon_all(gwi *g);

/* text.c: the object of a report; its length, or -1: no room. */
int gwi_report_text(const struct gwi_report *r, char *buf, size_t size);
/* The first line. */
int gwi_register_text(const gwi *g, char *buf, size_t size);
/* Is the answer "ok"? If not, its error into why. */
bool gwi_answer_ok(const char *line, char why[GWI_TEXT]);

#endif
