/* transfer.h: what this node's daemon does of moving transactions (figure 3 of the CATS mobility
 * draft): it takes the state from an instance and brings it to the other egress, or the other way
 * round, as the node says (GW_ACT_TRANSFER). Private to src/daemon.
 *
 *   transfer.c       what is on its way; steps of the node, events of the instance's side
 *   transfer_link.c  the connections between egresses: TLS over TCP, frames (wire/transfer.h)
 *
 * Left to others: the instance's side (agent_move.h), what is decided when (fn/handover).
 *
 * Decisions:
 * - A peer is whom its certificate names, by the address of its node or by the name that this
 *   configuration has for it. State is taken from the egress that the node expects it from, and
 *   from nobody else.
 * - The old egress keeps what it has sent until the move is over: a connection that was cut begins
 *   anew at the octet that the new egress says, as often as it takes, until the node gives up.
 * - A step is taken when the records that were written before it are durable (batch.c), so that a
 *   daemon that is killed knows what it has begun.
 */
#ifndef GW_DAEMON_TRANSFER_H
#define GW_DAEMON_TRANSFER_H

#include "daemon/agent_move.h"
#include "sys/tls.h"
#include "wire/transfer.h"

#define GWD_LINKS_MAX        256  /* connections at once */
#define GWD_LINK_PATIENCE_MS 5000 /* until both know each other; then, without a sign of life */

/* The instance's side: the functions of agent_move.h. */
struct gwd_mover {
    int (*export)(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                  struct gwd_move **m, const char **why);
    int (*import)(struct gwd *d, const struct gwd_transaction *t, const struct gwd_move_user *u,
                  struct gwd_move **m, const char **why);
    void (*more)(struct gwd_move *m);
    void (*blocked)(struct gwd_move *m);
    void (*release)(struct gwd_move *m);
    int (*feed)(struct gwd_move *m, const uint8_t *octets, size_t len);
    void (*end)(struct gwd_move *m);
    void (*resume)(struct gwd_move *m);
    void (*abandon)(struct gwd_move *m, int err, const char *why);
};

struct gwd_link;
/* A transaction that leaves (old) or comes. */
struct gwd_haul {
    struct gwd_transfers *all;
    struct gwd_haul *next;
    bool old;
    struct gw_transfer_what what;
    enum gw_transfer_do step; /* the node's last one */
    struct gwd_move *move;    /* NULL: the instance has no part of it */
    struct gwd_link *link;
    uint64_t told; /* octets that the node knows of */
    /* old */
    uint8_t *data;
    size_t len, size; /* taken from the instance; room */
    uint64_t sent, got;
    bool whole, asked; /* all has been taken; more was asked for */
    bool at_end;       /* END was sent */
    bool done;
    unsigned tries;
    uint64_t retry_ms; /* of the loop */
    /* new */
    uint64_t at;  /* octets given to the instance */
    bool feeding; /* it has not taken the last ones yet */
    bool holds;
};
struct gwd_later { /* a step that waits for records */
    struct gwd_later *next;
    uint64_t batch;
    enum gw_transfer_do what;
    struct gw_transfer_what about;
};
struct gwd_transfers {
    struct gwd *daemon;
    const struct gwd_mover *mover; /* NULL: no instance here moves anything */
    struct gw_tls_ctx *tls;
    uv_tcp_t listener;
    uv_timer_t soon, clock;
    bool listening;
    struct gwd_haul *hauls;
    struct gwd_link *links;
    size_t nlinks;
    struct gwd_later *later, **later_last;
};

/* transfer.c */
struct gwd_haul *gwd_haul_find(struct gwd_transfers *x, bool old, const struct gw_addr *ingress,
                               uint64_t id);
const char *gwd_haul_peer_name(const struct gwd_haul *h); /* the other egress's */
/* From the connection: it is up, and the other end is who it should be; where the other end is; its
 * octets (false: no more until gwd_link_go_on); that was all; it cannot, and why. */
void gwd_haul_up(struct gwd_haul *h);
void gwd_haul_at(struct gwd_haul *h, uint64_t octets);
bool gwd_haul_octets(struct gwd_haul *h, const uint8_t *octets, size_t len);
void gwd_haul_end(struct gwd_haul *h, uint64_t octets);
void gwd_haul_refused(struct gwd_haul *h, uint8_t code);
void gwd_haul_cut(struct gwd_haul *h);
void gwd_haul_push(struct gwd_haul *h); /* there is room in the connection */

/* transfer_link.c */
int gwd_links_listen(struct gwd_transfers *x); /* 0 or GW_ESYS (errno) */
void gwd_links_tick(struct gwd_transfers *x);  /* gives up those without a sign of life */
void gwd_link_open(struct gwd_haul *h);        /* from the old egress; gwd_haul_cut when not */
void gwd_link_close(struct gwd_link *l);
bool gwd_link_room(const struct gwd_link *l);
void gwd_link_say(struct gwd_link *l, const struct gw_tframe *f);
void gwd_link_go_on(struct gwd_link *l);
void gwd_links_free(struct gwd_transfers *x);

#endif
