/* schedule.h: what happens to a domain and when, as data and as text, one operation a line:
 *
 *     domain maars=4 stations=8 mode=proxy durability=batch delay=5000us span=60000000us seed=1
 *     1.500000 attach mn=3 node=2 more=0 carrier
 *
 * Written by draw.c or by people, executed by apply.c, made shorter by shrink.c.
 */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "node/config.h"

#include <stdio.h>

#define SIM_MAARS_MAX 4000
#define SIM_CATS_MAX  64   /* of them in a domain of CATS, */
#define SIM_CLIENTS   1000 /* and clients there */
#define SIM_MTU       1500 /* of links */
#define SIM_MTU_MIN   1320 /* what links between peers must carry (plane/path.h) */

/* What the nodes are. Node 0 is the centre, 1 to maars have stations; MIXED has a second centre,
 * the last node. */
enum sim_kind {
    SIM_DMM,   /* a CMD and MAARs (RFC 8885) */
    SIM_PMIP,  /* an LMA and MAGs (RFC 5213) */
    SIM_MIXED, /* a CMD, MAARs that are MAGs too, and an LMA: a policy says who serves whom */
    SIM_CATS,  /* forwarders, services and their instances (cats.h); mobile nodes are clients */
};

/* What a reload changes, at every node of the domain. */
enum sim_setting {
    SIM_SET_MODE,       /* enum gw_cmd_mode */
    SIM_SET_EVICT,      /* enum gw_evict */
    SIM_SET_PREVIOUS,   /* previous MAARs of a mobile node */
    SIM_SET_IDLE,       /* ms without traffic until a previous prefix goes; 0: never */
    SIM_SET_DEREG,      /* enum gw_dereg */
    SIM_SET_DURABILITY, /* enum gw_durability */
    SIM_SET_RELAY,      /* ms that a relay waits for previous MAARs */
    SIM_SET_LOCALS,     /* networks behind the MAARs: 0 or 1 each */
    SIM_SET_STEERING,   /* of services: enum gw_steer_policy */
    SIM_SETTINGS
};

enum sim_op_kind {
    SIM_ATTACH,   /* mn, node; flag: the carrier came up with it */
    SIM_LEAVE,    /* mn; flag: the access point says so */
    SIM_FLOW,     /* mn, span: a packet each `amount` us from its newest address, to the server or,
                   * other: to the network behind that node */
    SIM_CRASH,    /* node, span: down for so long; flag: with the machine */
    SIM_PAUSE,    /* node, span */
    SIM_LINK,     /* node, other, span: both ways; amount: loss, more: duplicates and reordering;
                   * rate, mtu: as they say */
    SIM_CUT,      /* node, other, span: one way */
    SIM_CLOCK,    /* node; amount: ms to step the wall clock by */
    SIM_DRIFT,    /* node; amount: parts per million */
    SIM_NOMEM,    /* node; amount: allocations refused */
    SIM_DISK,     /* node, span: full (flag) or each commit takes amount us */
    SIM_REPLAY,   /* amount: which of the messages seen lately */
    SIM_HOSTILE,  /* amount: which, with more deciding what is changed in it */
    SIM_MODE,     /* amount: enum gw_cmd_mode, at node 0 */
    SIM_POLICY,   /* mn; amount: enum gw_anchoring from now on, 0: it is denied */
    SIM_RELOAD,   /* setting, amount */
    SIM_REVOKE,   /* at node: of mn, amount ms kept out; flag: of all shared with other */
    SIM_ALLOW,    /* at node: mn */
    SIM_NOTIFY,   /* at node: mn registers anew; flag: all shared with other */
    SIM_FLAP,     /* node, span: its access link is down, and the stations there with it */
    SIM_PART,     /* node, other, span: from nodes (bits) to nodes (bits); flag: and back */
    SIM_BURST,    /* CATS: `more` flows at once to service `other`, of mn and those behind it;
                   * amount, span: as FLOW (where `other` is the service, too) */
    SIM_INSTANCE, /* CATS: mn; amount: enum gw_instance_state; flag: one that dies says so */
    SIM_OPS
};
struct sim_op {
    int64_t at; /* ns, multiple of 1000 */
    enum sim_op_kind kind;
    enum sim_setting setting;
    uint32_t mn, node, other;
    int64_t span;
    int64_t amount;
    uint32_t more;
    uint32_t mtu; /* octets; 0: as usual */
    int64_t rate; /* bit/s; 0: without limit */
    bool flag;
};

struct sim_schedule {
    enum sim_kind kind;
    uint32_t maars, stations; /* maars: nodes with an access link */
    enum gw_cmd_mode mode;
    enum gw_durability durability;
    enum gw_evict evict;
    enum gw_dereg dereg;
    uint32_t previous; /* previous MAARs of a mobile node; 0: 8 */
    uint32_t prefixes; /* that an LMA gives to each; 0: 1 */
    bool locals;       /* there is a network behind each MAAR (RFC 8885 §3.7) */
    int64_t delay, idle, span;
    int64_t relay; /* mobility/relay-timeout; 0: 2 s */
    uint64_t seed; /* of what links do to single packets, and of ties */
    struct sim_op *op;
    size_t nops, size; /* in use; that there is room for */
};

/* A domain of CATS of at most that size, or of another kind. */
static inline bool sim_schedule_fits(const struct sim_schedule *s)
{
    return s->kind != SIM_CATS || (s->maars <= SIM_CATS_MAX && s->stations <= SIM_CLIENTS);
}
/* How many nodes the domain has. */
size_t sim_schedule_nodes(const struct sim_schedule *s);

/* A mix of faults drawn from a seed; sizes of 0 are drawn too. */
struct sim_mix {
    uint32_t maars, stations;
    int64_t span;
    uint32_t ops;
    bool calm;     /* no faults */
    unsigned kind; /* enum sim_kind and 1; 0: any */
};
struct sim_schedule *sim_draw(uint64_t seed, const struct sim_mix *mix);
/* One more operation, all zero, at the end; good until the next. */
struct sim_op *sim_schedule_add(struct sim_schedule *s);
void sim_schedule_sort(struct sim_schedule *s); /* by time, then in an order of its own */
struct sim_schedule *sim_schedule_copy(const struct sim_schedule *s);
void sim_schedule_free(struct sim_schedule *s);
void sim_schedule_write(const struct sim_schedule *s, FILE *f);
/* NULL: the reason, with file and line, is in why. */
struct sim_schedule *sim_schedule_read(FILE *f, const char *name, char *why, size_t size);

#endif
