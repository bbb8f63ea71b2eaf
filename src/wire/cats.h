/* cats.h: CATS control messages: the experimental Mobility Header of RFC 5096 with Godwit's
 * experiment number, a sub-type, and items in Experimental Mobility Options (type 18). RFC 10053
 * assigns no code points; doc/cats.md has the layout, figure by figure. Authentication (option 9)
 * and replay protection (option 10) are those of every other message.
 *
 * Pure, like mh.h: reading points into the packet, writing uses the caller's memory. What a message
 * means, who may send it and what acknowledges it is src/fn/metric's and src/fn/steer's business.
 */
#ifndef GW_WIRE_CATS_H
#define GW_WIRE_CATS_H

#include "wire/mh.h"

/* The sub-type in the message (enum gw_cats_type, struct gw_mh_cats in mh.h). */
enum gw_cats_type {
    GW_CATS_UPDATE = 1,  /* service instances of an origin as they are now; flooded; acknowledged */
    GW_CATS_ACK = 2,     /* of the message with that sequence number */
    GW_CATS_DIGEST = 3,  /* what the sender knows of each origin */
    GW_CATS_MAPPING = 4, /* D-Router to D-Forwarder: where a flow goes; acknowledged */
    GW_CATS_SELECTION = 5, /* central C-PS to ingress: instances and shares; acknowledged */
    GW_CATS_QUERY = 6,     /* ingress to central C-PS: the selection of a service */
    GW_CATS_PATHS = 7,     /* C-NMA to central C-PS: path metrics; acknowledged */
    GW_CATS_TRACE = 8,     /* to an egress, about a service: answer with the way taken */
    GW_CATS_TRACE_REPLY = 9,
    /* Handover of clients (doc/handover.md); its notification, request and indication are PBUs and
     * PBAs with C. */
    GW_CATS_MOVE_ACK = 10, /* of a notification or an indication with that sequence number */
    GW_CATS_LOCATE = 11,   /* ingress to location server: a client is here; acknowledged */
    GW_CATS_WHERE = 12,    /* ingress to location server: where has it been? */
    GW_CATS_LOCATED = 13,  /* its answer */
    /* Figure 3 of the CATS mobility draft. */
    GW_CATS_SWITCH_QUERY = 14,     /* new ingress to C-PS: is there a better instance by now? */
    GW_CATS_SWITCH_ANSWER = 15,    /* its response */
    GW_CATS_TRANSFER_REQUEST = 16, /* new ingress to old egress; acknowledged by a confirmation */
    GW_CATS_TRANSFER_NOTICE = 17,  /* new ingress to new egress: expect it; acknowledged */
    GW_CATS_TRANSFER_CONFIRM = 18, /* old egress to new ingress: it is over there, or why not */
    GW_CATS_TRANSFER_DONE = 19,    /* new egress to new ingress: the new instance has taken over */
    GW_CATS_TRANSFER_ACK = 20,     /* of any of these but READY */
    GW_CATS_TRANSFER_READY = 21,   /* new to old egress: the new instance holds it, or why it will
                                      not; answered by a confirmation */
};
enum gw_cats_flag {
    GW_CATS_WANTS_DIGEST = 0x8000, /* DIGEST: answer with yours */
    GW_CATS_UNKNOWN = 0x4000,      /* SELECTION, TRACE_REPLY: no such service here */
    GW_CATS_RESET = 0x2000,        /* DIGEST: what is not named here the sender does not know */
};

/* Sub-types of option 18, and what selects the member of struct gw_cats_item. */
enum gw_cats_item_type {
    GW_CATS_ORIGIN = 1,   /* whose the items behind it are */
    GW_CATS_SERVICE = 2,  /* the service of the items behind it */
    GW_CATS_INSTANCE = 3, /* one instance of it as it is now */
    GW_CATS_VECTOR = 4,   /* an origin and how far it is known */
    GW_CATS_FLOW = 5,
    GW_CATS_CHOICE = 6, /* an instance and its share; for a flow: the chosen one */
    GW_CATS_PATH = 7,
    GW_CATS_METRIC = 8, /* a raw (L0) metric of the instance before it, for people and policies */
    GW_CATS_HOP = 9,
    GW_CATS_MOVE = 10,        /* about the client before it: which of its handovers this is */
    GW_CATS_TOKEN = 11,       /* by whom an egress may be told that this client has moved */
    GW_CATS_TRANSACTION = 12, /* which one; the service, flows and choices behind it are its */
    GW_CATS_LOCATION = 13,    /* at which ingress a client has flows, and through which egresses */
};

/* A service: CS-ID, with protocol and port 0 for all. */
struct gw_cats_service {
    struct gw_addr cs_id;
    uint8_t proto;
    uint16_t port;
};

enum gw_cats_state {
    GW_CATS_UP = 1,
    GW_CATS_DRAINING = 2, /* keeps its flows, takes no new ones */
    GW_CATS_GONE = 3,     /* withdrawn; kept until everybody has heard */
};
struct gw_cats_instance {
    uint32_t seq;  /* of the origin when this changed last */
    uint8_t state; /* enum gw_cats_state */
    uint8_t score; /* L2, 0..10, higher is better; GW_CATS_NO_SCORE: not known */
    uint8_t computing, communication, service; /* L1, likewise */
    uint16_t weight;                           /* share of static capacity; 0: 1 */
    uint16_t lifetime;                         /* s; without an update for so long it is gone */
    uint16_t age;                              /* ms since it was measured, when this was sent */
    uint16_t slots;     /* requests it serves at the same time; 0: not known */
    uint32_t latency;   /* L0: of the service, us; what a request would take if it came now */
    uint32_t in_flight; /* L0: requests there, waiting ones too */
    uint32_t errors;    /* L0: of 10 000 requests lately */
    struct gw_addr csci_id;
    struct gw_addr egress; /* whom to send through; the origin's unless the item says so */
};
#define GW_CATS_NO_SCORE 255

struct gw_cats_vector { /* all of this origin's changes up to seq are known */
    struct gw_addr origin;
    uint32_t epoch; /* of the origin's run; later ones are greater (RFC 1982) */
    uint32_t seq;
    bool direct; /* DIGEST: the sender hears it from the origin itself; do not pass it on */
};
/* What follows are all of this origin's instances that changed behind `from`, up to seq: who knows
 * those up to `from` knows those up to seq then. */
struct gw_cats_origin {
    struct gw_cats_vector upto;
    uint32_t from;
    bool complete; /* the sender knows of nothing later */
};

/* Which packets belong together: the fields that the service's affinity names; others are zero. */
enum gw_cats_affinity { GW_CATS_BY_FLOW = 1, GW_CATS_BY_3TUPLE = 2, GW_CATS_BY_CLIENT = 3 };
struct gw_cats_flow {
    uint8_t affinity; /* enum gw_cats_affinity */
    uint8_t proto;
    uint16_t sport, dport;
    struct gw_addr src, dst;
};

enum gw_cats_choice_code {
    GW_CATS_CHOSEN = 1,      /* for a new flow */
    GW_CATS_REPLACED = 2,    /* the one before cannot be reached: use this one from now on */
    GW_CATS_UNREACHABLE = 3, /* likewise, and there is none to use: tell the client */
};
struct gw_cats_choice {
    uint8_t code;
    uint8_t score;
    uint16_t share;    /* SELECTION: of 65 535 */
    uint16_t lifetime; /* s */
    struct gw_addr csci_id, egress;
};

struct gw_cats_path { /* as measured with STAMP (RFC 8762), one way where clocks allow, else half */
    struct gw_addr to;
    uint32_t delay, jitter; /* us */
    uint16_t loss;          /* of 10 000 */
    uint16_t age;           /* ms */
};

/* Fields of the metric definition: level, unit and source as numbers of doc/cats.md. */
struct gw_cats_metric {
    uint8_t kind, level, unit, source, statistic;
    uint32_t window; /* ms */
    uint64_t value;  /* fixed point, 1/1000 of the unit */
};

/* What a HOP is about. */
enum gw_cats_hop_role {
    GW_CATS_HOP_TUNNELS = 1,  /* at: who asks; rx, tx: tunnel packets from it and to it */
    GW_CATS_HOP_EGRESS = 2,   /* at: who answers */
    GW_CATS_HOP_INSTANCE = 3, /* at: its CSCI-ID; rx, tx: taken out for it, sent to it from here */
    GW_CATS_HOP_RESULTS = 4, /* of the FLOW's client; at: where they go; tx: packets to it so far */
};
enum gw_cats_hop_code {
    GW_CATS_HOP_REACHED = 0,
    GW_CATS_HOP_DRAINING = 1,
    GW_CATS_HOP_DEAD = 2,      /* configured there, but gone, withdrawn or failing its check */
    GW_CATS_HOP_STRANGE = 3,   /* no such instance is known here */
    GW_CATS_HOP_ELSEWHERE = 4, /* it is, but behind another egress */
    GW_CATS_HOP_TUNNELLED = 5, /* results: there is a binding */
    GW_CATS_HOP_DELIVERED = 6, /* results: the client is on a link of this node */
    GW_CATS_HOP_ROUTED = 7,    /* results: no binding; the network's routes say */
};
struct gw_cats_hop {
    struct gw_addr at;
    uint8_t role, code; /* enums above */
    uint64_t rx, tx;    /* packets so far */
};
const char *gw_cats_hop_code_name(uint8_t code); /* "reached" */

enum gw_cats_move_flag {
    GW_CATS_MOVE_CONTINUES = 0x80, /* it has flows that must go on; without: it needs nothing */
    GW_CATS_MOVE_BUFFERED = 0x40,  /* the sender keeps packets back until the indication */
    GW_CATS_MOVE_MARKS = 0x20,     /* an end-of-path marker follows on the old path */
};
struct gw_cats_move {
    uint8_t flags;       /* enum gw_cats_move_flag */
    uint32_t generation; /* one more at each ingress; the later one counts (RFC 1982) */
};
/* Made by the old ingress for one new ingress and one egress, with the key that it shares with the
 * egress; the new ingress hands it on in its indication. */
#define GW_CATS_TOKEN_MAC 16
struct gw_cats_token {
    struct gw_addr egress;
    uint32_t spi;    /* of the key */
    uint32_t expiry; /* seconds of the Unix epoch, modulo 2^32 */
    uint8_t mac[GW_CATS_TOKEN_MAC];
};
struct gw_cats_transaction {
    uint64_t id;    /* the new ingress's choice */
    uint8_t code;   /* enum gw_transfer_code of fn/handover/transfer.h; 0: fine so far */
    uint32_t size;  /* octets of state; 0: not known */
    uint32_t moved; /* of them so far; with a size, no more than that */
};

#define GW_CATS_EGRESSES 8
struct gw_cats_location {
    uint16_t lifetime;       /* s; 0: it has no flows (any more), it is not known */
    uint32_t generation;     /* as in MOVE */
    struct gw_addr client;   /* with the interface identifier 0: the whole /64 */
    struct gw_addr ingress;  /* WHERE: zero */
    struct gw_lladdr lladdr; /* length 0: not known */
    size_t negresses;
    struct gw_addr egress[GW_CATS_EGRESSES];
};

struct gw_cats_item {
    uint8_t type; /* enum gw_cats_item_type */
    union {
        struct gw_cats_origin origin;
        struct gw_cats_vector vector;
        struct gw_cats_service service;
        struct gw_cats_instance instance;
        struct gw_cats_flow flow;
        struct gw_cats_choice choice;
        struct gw_cats_path path;
        struct gw_cats_metric metric;
        struct gw_cats_hop hop;
        struct gw_cats_move move;
        struct gw_cats_token token;
        struct gw_cats_transaction transaction;
        struct gw_cats_location location;
    };
};

/* The next item of a message at or behind index *it (from 0), which moves behind it. 1; 0 at the
 * end; GW_EFORMAT for an item that is too short or has a value that is none. Items of unknown type
 * are passed over: a later version may add some. An INSTANCE without an egress has it zero. */
int gw_cats_next(const struct gw_mh *m, size_t *it, struct gw_cats_item *item);

/* Where the octets of items live until the message is written. */
struct gw_cats_buf {
    size_t used;
    uint8_t data[GW_MH_MAX];
};
/* Begins a message: m's type, fixed part and no options; b is empty. */
void gw_cats_begin(struct gw_mh *m, struct gw_cats_buf *b, enum gw_cats_type type, uint16_t flags,
                   uint32_t seq);
/* Begins the items of another message, a notification say: m has its fixed part and options so far,
 * which count as addresses; behind the first item no other options are added. b is empty. */
void gw_cats_carry(const struct gw_mh *m, struct gw_cats_buf *b);
/* Appends. GW_ESHORT when the message would be too long together with its authentication: send it
 * and begin the next one; GW_EINVAL for a value that cannot be said. */
int gw_cats_add(struct gw_mh *m, struct gw_cats_buf *b, const struct gw_cats_item *item);

/* Replaces the i-th option, an item of the same sub-type and length. 0 or GW_EINVAL. */
int gw_cats_amend(struct gw_mh *m, struct gw_cats_buf *b, size_t i,
                  const struct gw_cats_item *item);

const char *gw_cats_type_name(uint8_t type); /* "update" */
const char *gw_cats_item_name(uint8_t type); /* "instance" */
/* What a PBU or PBA with the flag C is: "notification", "request", "indication"; others NULL. */
const char *gw_cats_move_name(const struct gw_mh *m);
const char *gw_cats_state_name(uint8_t state);

/* Is a the later one (RFC 1982 serial numbers)? */
static inline bool gw_cats_later(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

#endif
