/* godwit/instance.h: for a server that is an instance of a service (CATS): it tells the agent on
 * its machine (godwitd) that it is there and how busy it is, and hands what a client has under way
 * over to another instance, with the client's TCP connections, in the middle of them.
 *
 *     gwi *g;
 *     if (gwi_open(&g, "/run/godwit/agent.sock", "web1", token, &callbacks, self) < 0) ...
 *     poll gwi_fd(g) for reading with your own descriptors; when it is ready: gwi_dispatch(g)
 *
 * A client's transaction leaves:                          and arrives at another instance:
 *
 *     begin_export   stop serving this client; for each      begin_import   a transaction is coming
 *                    of its connections gwi_give()           import_state   octets of its state, in
 * order export_state   its state, in pieces                    confirm        that was all: could
 * you go on? then either                                            then either release        it
 * went on elsewhere: forget it         resume         go on; gwi_take() connections or abandon the
 * move failed: go on here             or abandon     forget it
 *
 * Between begin_export and release or abandon a connection that was given must be left alone:
 * neither read nor written, nor closed. What its client sends stays in the kernel's queues and
 * travels with it, as does what was written and not yet acknowledged: to the client nothing happens
 * but a pause.
 *
 * Errors: functions return 0 or a positive number, or a negative errno value; gwi_error() has a
 * text. Callbacks return 0 or a negative number: the move is refused, then abandon follows where
 * begin_* had returned 0. They may return GWI_LATER: they are called again, with the same
 * arguments, when gwi_ready(m) says so. Within callbacks only functions that take a gwi_move, and
 * gwi_error, may be called.
 *
 * Not thread-safe: one thread at a time per gwi. SIGPIPE is never raised. Nothing here needs
 * privileges; the agent has those that moving connections takes.
 */
#ifndef GODWIT_INSTANCE_H
#define GODWIT_INSTANCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define GWI_VERSION     1       /* of this interface; grows when something is added */
#define GWI_LATER       (-1000) /* from a callback: not yet */
#define GWI_CONNECTIONS 256     /* of one transaction, at most */

typedef struct gwi gwi;
typedef struct gwi_move gwi_move;

/* What may not be NULL is marked (!). */
struct gwi_callbacks {
    size_t size; /* (!) of this structure: sizeof, so that it may grow */
    int (*begin_export)(void *user, gwi_move *m); /* (!) */
    /* (!) Up to `size` octets into buf: how many; 0: that was all. Connections may be given until
     * then, so a large state that does not change may leave while the client is still served. */
    ssize_t (*export_state)(void *user, gwi_move *m, void *buf, size_t size);
    void (*release)(void *user, gwi_move *m);                                     /* (!) */
    int (*begin_import)(void *user, gwi_move *m);                                 /* (!) */
    int (*import_state)(void *user, gwi_move *m, const void *octets, size_t len); /* (!) */
    int (*confirm)(void *user, gwi_move *m);                   /* NULL: it always can */
    void (*resume)(void *user, gwi_move *m);                   /* (!) */
    void (*abandon)(void *user, gwi_move *m, const char *why); /* (!) */
    /* The agent has refused a report; NULL: never mind. */
    void (*refused)(void *user, const char *why);
};

/* -- the agent -- */

/* Connects to the agent's socket and registers as the instance `name` of its configuration. token:
 * its credential; NULL for a process of root. Waits for the answer, at most 10 s. callbacks:
 * copied; NULL: this instance moves nothing. -ENOENT, -ECONNREFUSED: no agent there; -EACCES: it
 * refuses; *g is NULL then, and gwi_error(NULL) has the text of the last such failure in this
 * thread. */
int gwi_open(gwi **g, const char *socket_path, const char *name, const char *token,
             const struct gwi_callbacks *callbacks, void *user);
/* Also withdraws. What was under way is abandoned. */
void gwi_close(gwi *g);

/* To be polled for reading; -1 while there is no connection. */
int gwi_fd(const gwi *g);
/* Does what has arrived asks for: calls back. Never waits for anything to arrive. 0; -ENOTCONN: the
 * agent is gone, what was under way has been abandoned, or is held until gwi_reconnect. */
int gwi_dispatch(gwi *g);
/* After -ENOTCONN, as often as one likes (each second, say). 0: it is registered again. Connections
 * that the lost agent had frozen go on then: here (abandon), or, if the move had been decided,
 * elsewhere (release). */
int gwi_reconnect(gwi *g);

/* How it is; negative: not known. Also keeps the registration up: well within its lease. */
struct gwi_report {
    size_t size; /* sizeof */
    double in_flight, queue, sessions, latency_us;
    double errors, cpu, memory, pressure; /* 0 to 1 */
    double energy_mw, bandwidth_kbps, custom;
    int slots;    /* what it serves at once; 0: as configured */
    int draining; /* not 0: no new clients, please */
};
#define GWI_REPORT_NONE                                                             \
    {                                                                               \
        sizeof(struct gwi_report), -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0 \
    }
int gwi_report(gwi *g, const struct gwi_report *r);
/* It leaves: gets no new clients. A report takes it back. */
int gwi_withdraw(gwi *g);

/* Never NULL. */
const char *gwi_error(const gwi *g);

/* -- a transaction that moves: m is valid from begin_* until release, resume or abandon returns --
 */

struct gwi_service {
    uint8_t address[16]; /* the CS-ID: what clients connect to */
    uint8_t protocol;    /* IPPROTO_TCP, ...; 0: any */
    uint16_t port;       /* 0: any */
};
struct gwi_client {
    uint8_t address[16];
    uint8_t prefix_len; /* 128, or shorter: all its addresses in that prefix */
};
struct gwi_service gwi_move_service(const gwi_move *m);
struct gwi_client gwi_move_client(const gwi_move *m);
/* Is this connected socket one of the transaction's? 1, 0, or -ENOTCONN. */
int gwi_move_covers(const gwi_move *m, int fd);
/* The application's own pointer; NULL at first. */
void gwi_move_set(gwi_move *m, void *data);
void *gwi_move_get(const gwi_move *m);
/* A callback had said GWI_LATER. It is called from the next gwi_dispatch, which is to be called
 * now. */
void gwi_ready(gwi_move *m);

/* Export: this connection goes along, known by that label (its own in the transaction). The
 * descriptor stays the application's if the move is abandoned; after release it is closed. -EINVAL:
 * it is no connection of the transaction, or the label is taken; -EMFILE: too many. */
int gwi_give(gwi_move *m, int fd, unsigned label);
/* Import, within resume: the connection of that label, the application's from now on; -ENOENT.
 * Those that nobody takes are closed. */
int gwi_take(gwi_move *m, unsigned label);
/* The labels that came, into labels[size]; how many there are. */
size_t gwi_labels(const gwi_move *m, unsigned *labels, size_t size);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
