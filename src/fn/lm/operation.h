/* operation.h: what an operator, or a peer, wants done to a mobile node or to all that this node
 * shares with a peer: revoke (RFC 5846) or register anew (RFC 7077). An operation gives orders
 * (order.h), changes bindings, and keeps the result of the last ones to be looked at.
 *
 * Decisions of this implementation (doc/decisions.md):
 * - At a CMD or an LMA a node that is revoked by name is held (hold.h). Its forwarding at an LMA
 *   and its session at a CMD end at once, what the other nodes have when they acknowledge.
 * - All that is shared with a peer is revoked by one message with the flag G. Then, whether or not
 *   it was answered, bindings are gone through one by one, a few in each turn. Such an operation is
 *   durable and is begun anew after a crash (operation_store.c); others have done what must not be
 *   lost when they begin.
 */
#ifndef GW_FN_LM_OPERATION_H
#define GW_FN_LM_OPERATION_H

#include "base/emit.h"
#include "fn/lm/cmd.h"
#include "fn/lm/hold.h"
#include "fn/lm/lma.h"
#include "fn/lm/maar.h"
#include "fn/lm/mag.h"
#include "fn/lm/order.h"

#define GW_OPERATIONS      16 /* remembered, running ones among them */
#define GW_OPERATION_PEERS 72 /* told one by one in the result; others in its sums only */

enum gw_operation_kind {
    GW_OP_REVOKE_NODE,
    GW_OP_REVOKE_PEER,
    GW_OP_NOTIFY_NODE,
    GW_OP_NOTIFY_PEER,
    GW_OP_OBEY, /* a peer revokes all, or a realm, of what it shares with this node */
};
struct gw_operation_peer {
    struct gw_addr addr;
    uint32_t asked, done, failed; /* orders */
    enum gw_order_end end;        /* of the last one */
    uint8_t status;
};
/* Tables to be gone through. */
enum gw_op_table { GW_OP_CMD, GW_OP_LMA, GW_OP_MAAR, GW_OP_MAG, GW_OP_TABLES };

struct gw_operations;
struct gw_operation {
    struct gw_operations *all;
    uint64_t number; /* 1, 2, ...; 0: empty */
    enum gw_operation_kind kind;
    bool running;
    struct gw_time began, ended;
    struct gw_addr peer; /* REVOKE_PEER, NOTIFY_PEER, OBEY */
    struct gw_time hold; /* REVOKE_PEER: of each node */
    uint32_t nodes;      /* bindings changed */
    uint32_t asked, done, failed, waiting;
    bool refused; /* the peer does not let this node revoke all */
    struct {      /* through the tables */
        bool on, gone, changed;
        unsigned tables; /* 1 << enum gw_op_table */
        enum gw_op_table table;
        size_t at;
        unsigned pass;
        uint32_t newest; /* binding when it began: those since are not meant */
        uint64_t stamp;  /* Timestamp then, by this node's clock */
        struct gw_timer timer;
    } walk;
    struct gw_mh_revocation owed; /* OBEY: the BRI to be acknowledged */
    enum gw_role as;
    uint8_t mn_subtype, mn_len; /* the node's, or OBEY: a realm's; length 0: none */
    uint8_t mn[UINT8_MAX];
    size_t npeers;
    struct gw_operation_peer peers[GW_OPERATION_PEERS];
};

struct gw_operations {
    struct gw_lm *lm;
    struct gw_cmd *cmd;
    struct gw_lma *lma;
    struct gw_maar *maar;
    struct gw_mag *mag;
    struct gw_orders orders;
    struct gw_holds holds;
    uint64_t last;
    struct gw_operation op[GW_OPERATIONS];
};

/* The functions are set by the caller. */
void gw_operations_init(struct gw_operations *os, struct gw_lm *lm, uint64_t seed);
void gw_operations_free(struct gw_operations *os);

/* Each returns 0 and the operation's number; GW_ENOENT (no such node or peer here), GW_EDENIED (not
 * in this role), GW_EFULL, GW_ENOMEM. hold: 0 for none. */
int gw_operation_revoke(struct gw_operations *os, const struct gw_mnid *mn, struct gw_time hold,
                        uint64_t *number);
int gw_operation_revoke_peer(struct gw_operations *os, const struct gw_cfg_peer *peer,
                             struct gw_time hold, uint64_t *number);
int gw_operation_notify(struct gw_operations *os, const struct gw_mnid *mn, uint64_t *number);
int gw_operation_notify_peer(struct gw_operations *os, const struct gw_cfg_peer *peer,
                             uint64_t *number);
/* A BRI with the flag G that has been found right; `as`: in which role it is obeyed. It is
 * acknowledged at the end. 0, also when it is being obeyed, or has just been, which is said again;
 * GW_EFULL, GW_ENOMEM: not obeyed, and not acknowledged, so that it comes again. */
int gw_operation_obey(struct gw_operations *os, const struct gw_cfg_peer *peer, enum gw_role as,
                      const struct gw_revocation *r);

/* One durable record (its key's first octet is 'O'): it goes on with the first deadline. */
int gw_operation_restore(struct gw_operations *os, const void *value, size_t len);

const char *gw_operation_name(enum gw_operation_kind k); /* "revoke" */
void gw_operations_show(const struct gw_operations *os, struct gw_emit *e, struct gw_time now);
void gw_holds_show(const struct gw_holds *hs, struct gw_emit *e, int64_t wall_ns);

/* Within operation*.c. */
/* The oldest gives way, unless it still runs: NULL. */
struct gw_operation *gw_operation_begin(struct gw_operations *os, enum gw_operation_kind kind);
void gw_operation_cancel(struct gw_operation *op); /* it never was one */
/* REVOKE_PEER: asks the peer to let go of all. 0, GW_EDENIED (not in this role, or no peer any
 * more), GW_EFULL, GW_ENOMEM. */
int gw_operation_ask_peer(struct gw_operation *op);
void gw_operation_put(const struct gw_operation *op); /* REVOKE_PEER: its record */
void gw_operation_del(const struct gw_operation *op);
/* One order of the operation; when it cannot be given it counts as failed, and false. */
bool gw_operation_order(struct gw_operation *op, const struct gw_order_ask *ask);
void gw_operation_settle(struct gw_operation *op); /* over when nothing is left to wait for */
void gw_operation_walk(struct gw_operation *op, bool gone);

#endif
