/* cats.h: a domain of CATS (kind `cats`; RFC 10053, Dyncast architecture): what runs beside the
 * nodes of sim.h, and what must hold of it.
 *
 *   cats.c        who is what; clients, their flows, instances that serve and report
 *   cats_draw.c   schedules of this kind       cats_judge.c  what must hold all the time
 *   cats_run.c    healing, examination, end
 *
 * Of n nodes the first half are ingresses, by turns a D-Router and a D-Forwarder that asks the
 * D-Router before it; the others, all D-Routers, are egresses with three instances each. The first
 * egress has clients too. There are two services: `flows`, TCP connections steered by 5-tuple that
 * may be chosen for anew, and `clients`, UDP steered by client, which end with their instance.
 *
 * Left to others: nodes, links, faults (sim.h).
 */
#ifndef SIM_CATS_H
#define SIM_CATS_H

#include "node/steering.h"
#include "plane/native_serve.h"
#include "sim.h"

#define SIM_CATS_SERVICES   2
#define SIM_CATS_AT         3 /* instances at an egress: two of `flows`, one of `clients` */
#define SIM_CATS_SLOTS      16
#define SIM_CATS_PORTS      1024        /* and its number: a flow's source port */
#define SIM_CATS_TIMEOUT    (8 * SIM_S) /* of affinity */
#define SIM_CATS_LEASE      (6 * SIM_S)
#define SIM_CATS_LIFETIME_S 12 /* of a record: longer than processes are down */
enum { SIM_CATS_FLOWS, SIM_CATS_CLIENTS };

struct sim_cats_instance {
    size_t index, node, at; /* `at`: in the configuration of node */
    size_t service;
    enum gw_instance_state state;
    int64_t since;                /* it is not dead */
    int64_t reported;             /* the last sample that its node has taken; -1: none */
    uint32_t slots;               /* packets served at once; the others wait */
    int64_t takes, latency;       /* ns: the least to serve one; the average lately */
    int64_t busy[SIM_CATS_SLOTS]; /* until then */
    uint32_t open, in_flight;     /* flows; packets */
    uint32_t fresh;               /* flows that have begun here in this window (cats_judge.c), */
    uint32_t then;                /* and what was in flight when it began */
    struct gw_prng r;
    struct sim_event report;
};

/* What belongs together: a flow of `flows`, a client of `clients`. */
struct sim_bond {
    size_t instance;       /* and 1, of the last packet that was sent to any; 0: none yet */
    int64_t at;            /* when that packet was */
    bool own;              /* the client's node has decided, not the D-Router that it asks */
    size_t chosen, before; /* and 1: what that D-Router chose last; and before that, */
    int64_t changed;       /* up to then */
};

struct sim_cats_flow {
    struct sim_event event;
    uint32_t id, sent, served;
    size_t at;  /* and 1: the instance where it is open */
    bool ended; /* its last packet has been sent */
    size_t client, service;
    int64_t interval, until;
    struct sim_bond bond;
};

/* What the packet path of a node has been told of an instance. */
struct sim_cats_told {
    bool dead;
    int64_t at;     /* the last time that it was dead, or gone */
    unsigned boots; /* of the process that has named it last */
};
struct sim_cats_node {
    struct gw_cfg_service services[2][SIM_CATS_SERVICES]; /* of both configurations */
    struct gw_cfg_instance instances[SIM_CATS_AT];
    struct sim_cats_told *told; /* by instance */
    int64_t lost;               /* its machine has lost power; -1: never */
    unsigned boots;             /* cats_judge.c: the process seen last, */
    int64_t up;                 /* and since when; */
    int64_t heard;              /* when one has last been up for a while */
};

struct sim_cats {
    size_t ingresses, nclients, ninstances;
    int64_t every; /* between two reports of an instance */
    struct sim_cats_instance *instance;
    struct sim_cats_node *node;
    struct sim_bond *bond; /* of clients, for `clients` */
    struct sim_cats_flow **flow;
    size_t nflows;
    bool calm;      /* nothing goes wrong in this schedule, */
    bool gentle;    /* or nothing but that processes are killed */
    int64_t healed; /* since then nothing goes wrong; -1: not yet */
    struct sim_event window;
    size_t top;           /* and 1, who got nearly all new flows in the last window; 0: nobody */
    unsigned turns, full; /* windows in a row: in which that was another; was overrun */
};

/* -- cats.c -------------------------------------------------------------------------------------
 */

unsigned sim_cats_role(const struct sim *s, size_t node);
void sim_cats_make(struct sim *s);
void sim_cats_free(struct sim *s);
void sim_cats_configure(struct sim *s, struct sim_node *n); /* but for: */
void sim_cats_settings(struct sim *s, struct sim_node *n, unsigned slot);
void sim_cats_start(struct sim *s);
/* false: the operation is as in any domain. */
bool sim_cats_apply(struct sim *s, const struct sim_op *op);
void sim_cats_change(struct sim *s, struct sim_cats_instance *x, enum gw_instance_state state,
                     bool told);
struct sim_cats_flow *sim_cats_flow(struct sim *s, size_t client, size_t service, int64_t interval,
                                    int64_t span);
size_t sim_cats_home(const struct sim *s, size_t client); /* the node that it is behind */
/* The D-Router that a node asks; the node itself, when it does not ask. */
size_t sim_cats_router(const struct sim *s, size_t node);
struct gw_addr sim_cats_csci(size_t instance);
/* By CSCI-ID, or by the address of its host; NULL: nobody's. */
struct sim_cats_instance *sim_cats_by_csci(const struct sim *s, const struct gw_addr *a);
struct sim_cats_instance *sim_cats_by_host(const struct sim *s, const struct gw_addr *a);
struct sim_bond *sim_cats_bond(const struct sim *s, struct sim_cats_flow *f);
/* A packet that the packet path of n sends on: as it came and as it goes. true: it has arrived. */
bool sim_cats_frame(struct sim *s, struct sim_node *n, enum gw_reason reason, const uint8_t *in,
                    size_t in_len, const uint8_t *out, size_t out_len, unsigned hops);

/* -- cats_draw.c --------------------------------------------------------------------------------
 */

struct sim_schedule *sim_cats_draw(uint64_t seed, const struct sim_mix *mix);

/* -- cats_judge.c -------------------------------------------------------------------------------
 */

void sim_cats_judge_start(struct sim *s);
/* Node n sends a packet of f to that instance. */
void sim_cats_decided(struct sim *s, const struct sim_node *n, struct sim_cats_flow *f,
                      struct sim_cats_instance *x);
/* A node tells its packet path something. */
void sim_cats_intent(struct sim *s, const struct sim_node *n, const struct gw_intent *i);
void sim_cats_power(struct sim *s, const struct sim_node *n); /* it has failed */
void sim_cats_look(struct sim *s);                            /* over the whole domain */

/* -- cats_run.c ---------------------------------------------------------------------------------
 */

void sim_cats_run(struct sim *s); /* behind the span of the schedule */

#endif
