/* handover.h: a client with flows of services moves to another ingress, and its flows go on: the
 * CATS mobility draft (draft-jaehwoon-cats-mobility), figures 1 and 2. What the draft leaves open
 * is decided in doc/handover.md.
 *
 *   client.c   clients here, their flows, who may come   ingress.c  old and new ingress: messages
 *   egress.c   who has moved where                       locate.c   asking the location server
 *   predict.c  who may move, and where to                token.c    whom an egress believes
 *   ladder.c   what has happened, for people
 *
 * Left to others: whose a prefix is and the way to its anchor (fn/lm, which says so by intents;
 * RFC 8885 keeps the address, this keeps the steering), moving a transaction to another instance
 * (transfer.h), the location server itself (location.h).
 *
 * A client is a /64 of a station: what Godwit gives to each. On the wire its address may be one of
 * it; one with the interface identifier 0 (RFC 4291 §2.6.1: no host has it) stands for all of it.
 */
#ifndef GW_FN_HANDOVER_HANDOVER_H
#define GW_FN_HANDOVER_HANDOVER_H

#include "base/types.h"
#include "plane/intent.h"

/* Something says that a station here may move soon. */
enum gw_hint_by { GW_HINT_MANUAL, GW_HINT_SIGNAL, GW_HINT_POSITION, GW_HINT_DETACHED };
#define GW_HINT_TARGETS 8
struct gw_hint {
    enum gw_hint_by by;
    struct gw_station_key station; /* who; or, with a link-layer address of length 0, `prefix` */
    struct gw_prefix prefix;
    size_t ntargets; /* MANUAL, SIGNAL: to which of these ingresses; 0: as configured */
    struct gw_addr target[GW_HINT_TARGETS];
    int32_t latitude, longitude; /* POSITION: 1/10^7 degree */
    int32_t north, east;         /* mm/s */
};

/* One row of a ladder: a message or a step at this node. */
struct gw_handover_event {
    struct gw_time at; /* monotonic */
    struct gw_prefix client;
    struct gw_addr from, to; /* of a message; of a step: both this node */
    const char *what;        /* constant: "notification", "attached", "flows set" */
    uint32_t count;          /* flows, packets or octets it is about */
    int err;                 /* enum gw_err; 0: it went well */
};

#endif
