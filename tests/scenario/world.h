/* world.h: what scenario tests need of the simulated domain (sim/sim.h) to be told step by step: a
 * CMD and some MAARs, or an LMA and some MAGs, made and started; attachments, crashes and forged
 * messages by call; what the network, the packet path and memory do when told to; what the nodes
 * and their packet paths have come to.
 *
 * There is no other world below this: clock, events, network, disks, nodes and packet paths are the
 * simulator's. Links here delay by exactly 5 ms, commits take no time, confirmations 20 us, and
 * what is due at the same time comes in order, so that tests can count. The mobile nodes are the
 * simulator's too, but speak only through a test, save that they answer solicitations where they
 * are. The simulator's invariants are looked at all the time. A run is a function of the seed.
 */
#ifndef TESTS_SCENARIO_WORLD_H
#define TESTS_SCENARIO_WORLD_H

#include "sim.h"

#define W_NODES    8
#define W_STATIONS 128
#define W_IFACE2   2 /* another access link of each node; the usual one is 0 */

struct w_seen { /* of what a node has done since the world began */
    unsigned ras, nds, problems, queries;
    struct gw_nd last_ra[4]; /* the latest RAs, newest first */
};

struct world {
    struct sim *sim;
    struct sim_schedule sched; /* empty but for sizes and seed */
    struct sim_node *n;        /* the simulator's; their cfg[0] is in force */
    size_t nnodes;             /* 0 is the CMD or the LMA, the others MAARs or MAGs */
    struct w_seen seen[W_NODES];
    struct gw_prng prng; /* of a test's own choices */
    unsigned sent[32];   /* messages by Mobility Header type */
    unsigned messages;   /* all of them */
    unsigned lose_nth;   /* the message of this number is lost (1 is the first) */
    unsigned asked;      /* times that the use of a prefix was read */
    int (*tap)(struct world *w, struct sim_message *e); /* non-zero: lost */
    /* What a driver does of a transaction's move; NULL: nothing. */
    void (*transfer)(struct world *w, size_t node, const struct gw_transfer_step *s);
    /* What packet paths have no room for; NULL: w_plane_refuses says it. */
    bool (*refuse)(size_t node, const struct gw_intent *i);
};

/* What a test changes in the configuration of every node of a world to be made, or NULL. */
extern void (*w_configure)(struct world *w, struct sim_node *n);
/* Nodes are made and started: a CMD and maars, an LMA (node 0) and mags, or any roles (of enum
 * gw_role) in which the first CMD and LMA are everybody's. */
extern struct gw_cfg_mobility w_mobility; /* of every node of a world to be made */
struct world *w_new(size_t maars, uint64_t seed);
struct world *w_new_pmip(size_t mags, uint64_t seed);
struct world *w_new_roles(const unsigned *roles, size_t n, uint64_t seed);
void w_free(struct world *w);                /* asserts that no memory is left */
void w_boot(struct world *w, size_t node);   /* restores from its store */
void w_crash(struct world *w, size_t node);  /* the store survives, the packet path too */
void w_forget(struct world *w, size_t node); /* its store does not */
/* The machine, whose disk has been written; its monotonic clock begins again. */
void w_power(struct world *w, size_t node);

/* Until `span` has passed. */
void w_run(struct world *w, struct gw_time span);
void w_drain(struct world *w, size_t node); /* carries out the actions of a node */
/* The time everywhere, save where a node's clock was set; and at a node. */
struct gw_now w_now(const struct world *w);
struct gw_now w_now_at(const struct world *w, size_t node);

/* What links do: percentages; ns. */
void w_noise(struct world *w, unsigned loss, unsigned dup, unsigned reorder);
void w_delay(struct world *w, struct gw_time delay);
/* What packet paths do: how long until they confirm, until they have said what a prefix was used
 * for; whether they refuse what is new. */
void w_plane_takes(struct world *w, struct gw_time t);
void w_use_takes(struct world *w, struct gw_time t);
void w_plane_refuses(struct world *w, bool refuses);

/* Another key at `node` for `other`, and not the other way round. */
void w_spoil_key(struct world *w, size_t node, size_t other);

struct gw_station_key w_station(unsigned mn);
struct gw_mnid w_mnid(unsigned mn, uint8_t buf[6]);
int w_attach(struct world *w, size_t node, unsigned mn);
int w_detach(struct world *w, size_t node, unsigned mn);
/* Where it answers from now on, which nobody is told; 0: nowhere. */
void w_place(struct world *w, unsigned mn, size_t node);
size_t w_where(const struct world *w, unsigned mn);
int w_input(struct world *w, size_t node, const struct gw_input *in);
/* A message as peer `from` would send it to `to`, signed with key or, NULL, the right one. */
int w_inject(struct world *w, size_t from, size_t to, struct gw_mh *m, const struct gw_key *key);

/* Options of a message that a test makes: takes all of a type out; the first of a type, or NULL. */
void w_without(struct gw_mh *m, uint8_t type);
struct gw_opt *w_find(struct gw_mh *m, uint8_t type);
/* For the order of checks of a registration (RFC 5213 §5.3.1): what step 7 and later ones refuse,
 * but for the first `mended` steps. */
void w_spoil(struct gw_mh *m, unsigned mended);

/* world_see.c: what nodes and packet paths have come to. */
bool w_busy(struct world *w); /* somebody waits for an answer */
struct gw_maar_mn *w_mn(struct world *w, size_t node, unsigned mn);
struct gw_cmd_mn *w_bce(struct world *w, unsigned mn);
uint64_t w_count(struct world *w, size_t node, enum gw_count c);
struct gw_prefix w_own(struct world *w, size_t node, unsigned mn);
/* The packet path's entry, or NULL; how many there are; the network in force for a station (mn 0:
 * for the node), or NULL. */
const struct gw_t_prefix *w_prefix(const struct world *w, size_t node, const struct gw_prefix *p);
size_t w_prefixes(const struct world *w, size_t node);
bool w_has_station(const struct world *w, size_t node, unsigned mn);
const struct gw_t_net *w_net(const struct world *w, size_t node, unsigned mn,
                             const struct gw_prefix *p);
bool w_is(const struct gw_t_addr *a, const struct gw_addr *b); /* the same */
/* A packet of this prefix is sent at `serving`: does it forward it? */
bool w_packet(struct world *w, size_t serving, const struct gw_prefix *p);
/* How many nodes know of this prefix: a binding, a pool, a packet path. */
size_t w_traces(const struct world *w, const struct gw_prefix *p);
/* The records of a node's disk, in the order of their keys. */
void w_records(const struct world *w, size_t node, gw_store_visit *visit, void *user);

/* After everything has settled: a node served at `at` (0: nowhere) is so in the CMD, at its S-MAAR
 * and at every anchor, and nowhere else. */
void w_check(struct world *w, unsigned mn, size_t at);
/* Nobody knows the mobile node any more: no binding, prefix, station or record. */
void w_check_gone(struct world *w, unsigned mn);
/* No prefix is LOCAL in two places, none has two owners, nothing waits, no action was lost. */
void w_check_all(struct world *w);

#endif
