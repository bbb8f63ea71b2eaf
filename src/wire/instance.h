/* instance.h: frames between an instance and its agent, on the Unix connection that the instance
 * has opened and keeps (doc/instance.md). Pure; compiled into libgodwit-instance too, so it needs
 * nothing but base/cursor.
 *
 *   length of what follows the head (4)  type (1)  0 (1)  label (2)  move (8)  octets
 *
 * The agent numbers the moves. To each of its commands the instance answers once, and only then
 * the next one for that move follows. A descriptor (SCM_RIGHTS) comes with the first octet of its
 * frame.
 */
#ifndef GW_WIRE_INSTANCE_H
#define GW_WIRE_INSTANCE_H

#include "base/types.h"

#define GW_FRAME_HEAD  16
#define GW_FRAME_MAX   65536 /* octets behind the head */
#define GW_FRAME_FLOWS 256

enum gw_frame_type {
    /* From the agent: commands of a move. */
    GW_FRAME_EXPORT = 1, /* a transaction: DONE */
    GW_FRAME_PULL,       /* how many octets (4): GIVEs, then STATE */
    GW_FRAME_IMPORT,     /* a transaction: DONE */
    GW_FRAME_PUSH,       /* octets of state: DONE */
    GW_FRAME_SOCKET,     /* label: GIVE of that label, a new socket */
    GW_FRAME_WHOLE,      /* all is there: DONE is the instance's confirmation */
    GW_FRAME_RESUME,     /* go on with it here: DONE */
    GW_FRAME_ABANDON,    /* a text: the move failed. Go on here (old), forget it (new). No answer */
    GW_FRAME_RELEASE,    /* it went on elsewhere, forget it. No answer */
    /* From the agent: answers. */
    GW_FRAME_ANSWER, /* to REPORT, WITHDRAW: status (1), text */
    GW_FRAME_THAWED, /* to THAW: status (1): 0 goes on here, 1 gone elsewhere, 2 failed; text */
    /* From the instance. */
    GW_FRAME_REPORT = 32, /* a JSON object */
    GW_FRAME_WITHDRAW,
    GW_FRAME_THAW, /* a transaction, and one connection of it, which a lost agent has left frozen */
    GW_FRAME_DONE, /* status (1): 0 well; text: why not */
    GW_FRAME_STATE, /* octets of state; none: that was all */
    GW_FRAME_GIVE,  /* label, and a descriptor */
};

struct gw_frame {
    uint32_t len;
    uint8_t type; /* enum gw_frame_type, or unknown */
    uint16_t label;
    uint64_t move;
};
/* Writes, and reads, GW_FRAME_HEAD octets. GW_EFORMAT: longer than GW_FRAME_MAX. */
void gw_frame_write(const struct gw_frame *f, uint8_t buf[GW_FRAME_HEAD]);
int gw_frame_read(const uint8_t buf[GW_FRAME_HEAD], struct gw_frame *f);

/* What a transaction is called. */
struct gw_frame_flow {
    uint8_t proto;
    uint16_t client_port, port;
    struct gw_addr client;
};
struct gw_frame_transaction {
    struct gw_addr cs_id;
    uint8_t proto;
    uint16_t port;
    struct gw_prefix client;
    size_t nflows;
    struct gw_frame_flow flow[GW_FRAME_FLOWS];
};
/* The octets written, of at most GW_FRAME_MAX; t->nflows is at most GW_FRAME_FLOWS. */
size_t gw_frame_write_transaction(const struct gw_frame_transaction *t, uint8_t *buf);
int gw_frame_read_transaction(const uint8_t *buf, size_t len, struct gw_frame_transaction *t);

#endif
