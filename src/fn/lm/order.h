/* order.h: messages by which an anchor asks another node for something out of turn and waits for a
 * word: Binding Revocation Indications (RFC 5846 §6) and Update Notifications (RFC 7077 §5). Each
 * is sent, repeated as it was (with a Mesg-ID of its own) and ends once: answered, or not.
 *
 * Left to others: what is asked of whom and what the end means for bindings (operation.c).
 *
 * Decisions of this implementation:
 * - Both kinds count in one space of sequence numbers, so that none of those outstanding is twice.
 * - A Binding Error of status 2 says that the peer knows neither kind; every order to it ends.
 */
#ifndef GW_FN_LM_ORDER_H
#define GW_FN_LM_ORDER_H

#include "base/table.h"
#include "fn/lm/lm.h"

/* Outstanding at once: an LMA has one for each mobile node that moves within a round trip. */
#define GW_ORDERS_MAX      2048
#define GW_ORDER_PREFIXES  GW_LM_PREVIOUS_MAX
#define GW_ORDER_GROUP_ALL 1 /* RFC 7077 §5: the group that all sessions are in */

enum gw_order_kind { GW_ORDER_REVOKE, GW_ORDER_NOTIFY };
enum gw_order_end {
    GW_ORDER_ANSWERED,
    GW_ORDER_SILENT,      /* no answer to any repetition */
    GW_ORDER_UNSUPPORTED, /* Binding Error */
    GW_ORDER_OVERTAKEN,   /* the mobile node has registered anew meanwhile */
};

/* What is asked, as values and views. */
struct gw_order_ask {
    enum gw_order_kind kind;
    enum gw_role as;
    struct gw_addr to;
    bool global;               /* BRI: the flag G; UPN: all sessions, as a group */
    bool session;              /* BRI: the whole session of the mobile node, not a prefix of it */
    uint8_t trigger;           /* BRI */
    const struct gw_mnid *mn;  /* NULL: none is named */
    const struct gw_prefix *p; /* BRI: those named */
    size_t np;                 /* more than GW_ORDER_PREFIXES: all are meant and none is named */
    uint64_t timestamp;        /* BRI: of the attachment that is meant (doc/protocol.md); 0: none */
    uint64_t operation;        /* handed back */
};

struct gw_orders;
struct gw_order {
    uint16_t seq; /* the key */
    struct gw_orders *all;
    struct gw_timer timer;
    struct gw_time wait;
    uint32_t sent;           /* times */
    struct gw_order_ask ask; /* its views are of this allocation */
    struct gw_mnid mn;
    size_t size;
    struct gw_prefix p[];
};

struct gw_orders {
    struct gw_lm *lm;
    struct gw_table by_seq; /* struct gw_order, owned */
    uint16_t seq;
    /* An order is over; o is freed when this returns. */
    void (*done)(void *user, const struct gw_order *o, enum gw_order_end end, uint8_t status);
    void *user;
};

void gw_orders_init(struct gw_orders *os, struct gw_lm *lm, uint64_t seed);
void gw_orders_free(struct gw_orders *os); /* nobody is told */
/* 0, GW_EFULL, GW_ENOMEM. */
int gw_orders_give(struct gw_orders *os, const struct gw_order_ask *ask);
/* Is there room for n more? */
bool gw_orders_room(const struct gw_orders *os, size_t n);
/* The mobile node has a session that is newer than what was revoked (RFC 5846 §8.1). */
void gw_orders_overtaken(struct gw_orders *os, const struct gw_mnid *mn);
/* A BRA or UPA; 0 or GW_ENOENT: nobody waits for it. */
int gw_orders_answer(struct gw_orders *os, const struct gw_addr *from, const struct gw_mh *mh);
/* A Binding Error of a peer; true when it ended any. */
bool gw_orders_error(struct gw_orders *os, const struct gw_addr *from);

#endif
