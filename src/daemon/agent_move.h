/* agent_move.h: transactions leave an instance of this node, and come to one. A transaction is what
 * a client has under way with an instance: state of the application, which it writes and reads
 * itself (libgodwit-instance, doc/instance.md), and established TCP connections, which the agent
 * takes out of their sockets and puts into new ones (sys/tcp_move.h). Both together are a stream of
 * octets that only agents read (wire/carry.h). Whom to ask, where to carry the stream and when to
 * switch the path is the caller's (figure 3 of draft-jaehwoon-cats-mobility).
 *
 *   agent_move.c    the steps, their time limits, both directions' ends
 *   agent_export.c  an instance's state and its connections become the stream
 *   agent_import.c  the stream becomes state of an instance, and connections
 *   agent_link.c    the connection that an instance keeps open to its agent
 *
 *   old egress                                       new egress
 *   export() -> data(), more() ...                   import() -> MORE, feed() ...
 *     BLOCK -> blocked()                               (as it arrives)
 *     data(), more() ...                               end()
 *     WHOLE                                            READY: the new instance has confirmed
 *                      (the path is switched)
 *     release() -> RELEASED                          resume() -> RESUMED
 *   or abandon() -> FAILED: goes on here             or abandon() -> FAILED: forgotten here
 *
 * When it goes wrong at any step, by itself or by abandon(), the old side goes on as if nothing had
 * happened and the new side forgets: FAILED, with the reason, and *m is gone. Only one of release()
 * and abandon() may ever be called at the old side, and release() only after RESUMED has come from
 * the new one, or is bound to: until then the client has an instance in any case, and never two.
 *
 * Everything is on the loop: no function calls back before it returns. Events come in the order of
 * the picture. m is valid until RELEASED, RESUMED or FAILED has been told, in that call still.
 */
#ifndef GW_DAEMON_AGENT_MOVE_H
#define GW_DAEMON_AGENT_MOVE_H

#include "daemon/daemon.h"
#include "plane/intent.h"

#define GWD_MOVES_MAX      1024  /* at once; more are refused */
#define GWD_MOVE_FLOWS_MAX 256   /* of one transaction */
#define GWD_MOVE_PIECE     65536 /* octets that data() gives and feed() takes at once, at most */
#define GWD_MOVE_OCTETS    (256u << 20) /* of one stream, unless the caller wants fewer */
#define GWD_MOVE_GRAVE     GW_SEC(10)
#define GWD_MOVE_PATIENCE  GW_SEC(10) /* with the instance, per step, unless the caller says */

struct gwd_move;

struct gwd_transaction {
    struct gw_service_key service; /* its connections have the CS-ID at this end, and its port */
    struct gw_prefix client;       /* and an address of this at the other: a host's, or its /64 */
    struct gw_addr csci_id;        /* the instance, one of this node's configuration */
    /* The flows that belong to it, as far as they are known; connections of others are refused.
     * None: whatever the client has with the service. Borrowed for the call. */
    size_t nflows;
    const struct gw_flow_id *flows;
};

enum gwd_move_event {
    GWD_MOVE_BLOCK, /* old side: call gwd_move_blocked when the flows' packets to the instance are
                       kept back, or lost (they are sent again); its connections are frozen then */
    GWD_MOVE_WHOLE, /* old side: the last octet was given and taken */
    GWD_MOVE_MORE,  /* new side: gwd_move_feed takes again */
    GWD_MOVE_READY, /* new side: all is there, and the instance has confirmed; the path may be
                       switched: connections hear nothing before gwd_move_resume */
    GWD_MOVE_RELEASED, /* the old instance has forgotten it, or cannot be asked; m is gone. What is
                          late on its way to its connections is dropped for GWD_MOVE_GRAVE */
    GWD_MOVE_RESUMED,  /* the new instance has taken over; m is gone */
    GWD_MOVE_FAILED,   /* err, why; m is gone */
};

struct gwd_move_user {
    /* Old side: the next octets of the stream, at most GWD_MOVE_PIECE, borrowed for the call.
     * gwd_move_more asks for what follows. */
    void (*data)(void *user, struct gwd_move *m, const uint8_t *octets, size_t len);
    /* err: 0, or a gw_err; why: a text for a person, "" if there is none. */
    void (*event)(void *user, struct gwd_move *m, enum gwd_move_event e, int err, const char *why);
    void *user;
    uint64_t most;           /* octets of the stream; 0: GWD_MOVE_OCTETS */
    struct gw_time patience; /* with the instance, per step; 0: GWD_MOVE_PATIENCE */
};

struct gwd_move_progress {
    uint64_t octets;      /* of the stream, so far */
    unsigned connections; /* so far */
    const char *step;     /* for `show` */
};

/* Begins; the first gwd_move_more or _feed may follow at once. Not 0: nothing has begun, *m is NULL
 * and *why says it in a text that stays. GW_ENOENT: no such instance here; GW_EAGAIN: it is not
 * connected, or knows no moving; GW_EEXIST: this client's transaction with it moves already;
 * GW_EFULL; GW_EINVAL; GW_ENOMEM. */
int gwd_move_export(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                    struct gwd_move **m, const char **why);
int gwd_move_import(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                    struct gwd_move **m, const char **why);

/* Old side. */
void gwd_move_more(struct gwd_move *m);    /* after export, and after each data() */
void gwd_move_blocked(struct gwd_move *m); /* after BLOCK */
void gwd_move_release(struct gwd_move *m); /* after WHOLE */

/* New side. feed copies up to GWD_MOVE_PIECE octets; then MORE comes, or FAILED. GW_EAGAIN: it is
 * not its turn. end: that was all. */
int gwd_move_feed(struct gwd_move *m, const uint8_t *octets, size_t len);
void gwd_move_end(struct gwd_move *m);
void gwd_move_resume(struct gwd_move *m); /* after READY, when the path is switched */

/* Either side, at any time but after release or resume; FAILED follows, with err and why (copied).
 */
void gwd_move_abandon(struct gwd_move *m, int err, const char *why);

struct gwd_move_progress gwd_move_progress(const struct gwd_move *m);

/* A daemon that was killed while a connection was frozen is asked, by the instance that still has
 * it, what shall become of the transaction. `moved` decides (true: it went on elsewhere, release
 * it); without one it goes on here. */
typedef bool gwd_move_moved_fn(void *user, const struct gwd_transaction *t);
void gwd_move_on_orphan(struct gwd *d, gwd_move_moved_fn *moved, void *user);

#endif
