/* agent_link.h: what agent_link.c, agent_move.c, agent_export.c and agent_import.c share: an
 * instance's connection in frames, and a move (agent_move.h). Private to src/daemon/agent*.c. */
#ifndef GW_DAEMON_AGENT_LINK_H
#define GW_DAEMON_AGENT_LINK_H

#include "daemon/agent.h"
#include "daemon/agent_move.h"
#include "sys/tcp_move.h"
#include "wire/carry.h"
#include "wire/instance.h"

#define GWD_LINE_FDS 64 /* descriptors that have come before their frames */

struct gwd_out { /* frames to be sent */
    struct gwd_out *next;
    size_t len, at;
    uint8_t octets[];
};

/* An instance's connection. */
struct gwd_line {
    struct gwd_line *next, *prev;
    struct gwd_agent *agent;
    struct gw_addr csci_id; /* of the instance */
    int fd;
    uv_poll_t poll;
    struct gwd_out *out, *out_last;
    int fds[GWD_LINE_FDS];
    size_t nfds, nin;
    uint8_t in[GW_FRAME_HEAD + GW_FRAME_MAX];
};

/* An established connection that moves. */
struct gwd_conn {
    int fd; /* -1: not there (yet) */
    uint16_t label;
    uint8_t *blob; /* owned; s has views of it */
    size_t len;
    struct gw_tcp_state s;
};

/* Whose turn it is, in brackets the agent's frame that is to be answered. */
enum gwd_step {
    GWD_STEP_BEGIN,   /* the instance's [EXPORT, IMPORT] */
    GWD_STEP_CALLER,  /* the caller's: more, feed */
    GWD_STEP_PULL,    /* the instance's [PULL] */
    GWD_STEP_BLOCK,   /* the caller's: blocked */
    GWD_STEP_POUR,    /* the caller's: more, of what follows the state */
    GWD_STEP_WHOLE,   /* the caller's: release */
    GWD_STEP_PUSH,    /* the instance's [PUSH] */
    GWD_STEP_SOCKET,  /* the instance's [SOCKET] */
    GWD_STEP_CONFIRM, /* the instance's [WHOLE] */
    GWD_STEP_READY,   /* the caller's: resume */
    GWD_STEP_RESUME,  /* the instance's [RESUME] */
    GWD_STEP_OVER,    /* its end is about to be told */
};

struct gwd_move {
    struct gwd_move *next, *prev;
    struct gwd_agent *agent;
    struct gwd_line *link; /* NULL: the instance is gone, which matters no more */
    uint64_t id;
    bool in; /* to here */
    enum gwd_step step;
    struct gw_frame_transaction t;
    struct gw_addr csci_id;
    struct gwd_move_user user;
    struct gw_timer patience, kick;
    bool tell; /* `event` is to be told */
    enum gwd_move_event event;
    int err;
    char why[192];
    struct gwd_conn conns[GW_CARRY_CONNECTIONS];
    size_t nconns;
    uint64_t octets, state;        /* of the stream, and of these of state */
    bool wanted;                   /* old side: more was called and not answered */
    bool begun;                    /* old side: the stream's head is out */
    size_t pour, poured;           /* old side: connection, and octets of its record that are out */
    struct gw_carry_reader reader; /* new side, as all below */
    uint8_t buf[GWD_MOVE_PIECE + GW_CARRY_HEAD * 2]; /* either: octets on their way */
    size_t nbuf, at;
    bool whole; /* end was called */
};

/* agent_link.c */
void gwd_line_send(struct gwd_line *l, const struct gw_frame *f, const void *octets);
struct gwd_line *gwd_line_of(struct gwd_agent *a, const struct gw_addr *csci_id);

/* agent_move.c: to the agent. A command, which the instance is to answer in time. */
void gwd_move_ask(struct gwd_move *m, enum gwd_step step, enum gw_frame_type type, uint16_t label,
                  const void *octets, size_t len);
void gwd_move_tell(struct gwd_move *m, enum gwd_move_event event);
void gwd_move_turn(struct gwd_move *m, enum gwd_step step); /* the caller's */
void gwd_move_fail(struct gwd_move *m, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void gwd_move_log(const struct gwd_move *m, enum gw_log_level level, const char *id,
                  const char *text);
/* Is this connection one of the transaction's? */
bool gwd_move_covers(const struct gw_frame_transaction *t, const struct gw_tcp_state *s);
/* A frame of an instance about a move; fd: its descriptor or -1, taken over. */
void gwd_move_frame(struct gwd_line *l, const struct gw_frame *f, const uint8_t *octets, int fd);
void gwd_move_thaw(struct gwd_line *l, const uint8_t *octets, size_t len, int fd);
void gwd_move_link_gone(struct gwd_line *l);
void gwd_move_exhume(struct gwd_agent *a, int fd, const struct gw_tcp_state *s);
void gwd_move_bury(struct gwd_agent *a, int fd); /* takes fd over */

/* agent_export.c, agent_import.c: an answer of the instance; what was put off until now. */
void gwd_export_frame(struct gwd_move *m, const struct gw_frame *f, const uint8_t *octets, int fd);
void gwd_export_kick(struct gwd_move *m);
void gwd_import_frame(struct gwd_move *m, const struct gw_frame *f, int fd);
void gwd_import_kick(struct gwd_move *m);

#endif
