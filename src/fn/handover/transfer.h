/* transfer.h: a running transaction moves to a better edge server: figure 3 of the CATS mobility
 * draft, as state machines of the new ingress, the old egress and the new egress.
 *
 * Left to others: whose client it is (handover.h); which instance is better (fn/steer); carrying
 * the state (the driver: TLS between egresses, the instances' callbacks; src/daemon).
 *
 * Exactly one instance owns a transaction. It is the old one's until the old egress has decided
 * otherwise, which it does, durably, when the new egress has said that the new instance holds all
 * of the state; from then on it is the new one's. Who does not know asks the old egress.
 */
#ifndef GW_FN_HANDOVER_TRANSFER_H
#define GW_FN_HANDOVER_TRANSFER_H

#include "base/types.h"
#include "plane/intent.h"

enum gw_transfer_code { /* on the wire (struct gw_cats_transaction) */
                        GW_TRANSFER_FINE = 0,
                        GW_TRANSFER_UNKNOWN = 1,   /* no such transaction, client or instance */
                        GW_TRANSFER_DENIED = 2,    /* the peer may not */
                        GW_TRANSFER_NO_EXPORT = 3, /* the old instance cannot give it away */
                        GW_TRANSFER_TOO_LARGE = 4,
                        GW_TRANSFER_UNREACHABLE = 5, /* the other egress */
                        GW_TRANSFER_NO_IMPORT = 6,   /* the new instance cannot take it */
                        GW_TRANSFER_TIMEOUT = 7,
                        GW_TRANSFER_RESOURCES = 8,
                        GW_TRANSFER_ENDED = 9, /* the transaction has, or the client moved on */
};

#define GW_TRANSFER_FLOWS 32
/* What is moved: a client's flows of one service at one instance. */
struct gw_transfer_what {
    uint64_t id;
    struct gw_addr ingress; /* the new ingress, whose choice id is */
    struct gw_service_key service;
    struct gw_addr client;
    size_t nflows;
    struct gw_flow_id flow[GW_TRANSFER_FLOWS];
    struct gw_addr from, from_egress, to, to_egress; /* CSCI-IDs and their egresses */
};

/* GW_ACT_TRANSFER: what the driver of an egress does; each is answered by GW_IN_TRANSFER. */
enum gw_transfer_do {
    GW_TRANSFER_EXPORT,  /* old egress: block the path, take the state, bring it to to_egress */
    GW_TRANSFER_EXPECT,  /* new egress: take it from from_egress, give it to the instance */
    GW_TRANSFER_COMMIT,  /* old egress: the old instance forgets; new: the new one resumes */
    GW_TRANSFER_ABANDON, /* old: the old instance goes on; new: the new one forgets */
};
struct gw_transfer_step {
    enum gw_transfer_do what;
    const struct gw_transfer_what *about;
};
struct gw_transfer_progress {
    struct gw_addr ingress;
    uint64_t id;
    enum gw_transfer_do of;
    bool done;            /* that step is over, with `code` */
    uint8_t code;         /* enum gw_transfer_code */
    uint32_t size, moved; /* octets of state */
};

#endif
