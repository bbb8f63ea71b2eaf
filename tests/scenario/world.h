/* world.h: a small domain in one process for scenario tests: one CMD and some MAARs as real nodes,
 * a virtual clock, a network that delays and, when told to, loses, duplicates and reorders, a
 * store per node that survives its crash, and a packet path that records what it was told.
 * A run is a function of the seed.
 */
#ifndef TESTS_SCENARIO_WORLD_H
#define TESTS_SCENARIO_WORLD_H

#include "node/node_int.h"

#define W_NODES    8
#define W_STATIONS 64
#define W_PREFIXES 256
#define W_EVENTS   4096
#define W_RECORDS  256
#define W_NETS     64

struct w_prefix {
    bool used;
    struct gw_intent i;
};
struct w_record {
    size_t key_len, value_len;
    uint8_t key[300], value[GW_RECORD_MAX];
};
struct w_node {
    struct gw_config cfg;
    char name[32];
    struct gw_cfg_policy policy; /* everybody */
    struct gw_cfg_if ifs[3];
    struct gw_cfg_pool pool;
    struct gw_cfg_peer peers[W_NODES];
    struct gw_prefix peer_pools[W_NODES];
    struct gw_node *node; /* NULL: down */
    int64_t skew_ns;      /* its wall clock is ahead by this */
    struct w_prefix prefix[W_PREFIXES];
    struct gw_station_key station[W_STATIONS];
    bool nets[W_STATIONS]; /* of each: it has some in `net` */
    size_t nstations;
    struct gw_intent net[W_NETS]; /* the last NET_SET of each key in force */
    size_t nnets;
    unsigned syncs, ras, nds, problems, bes, queries;
    struct gw_nd last_ra[4]; /* the latest RAs, newest first */
    struct w_record *record[W_RECORDS];
    size_t nrecords;
};

enum w_kind { W_MH, W_DONE, W_ND, W_USE };
/* When a prefix last carried a packet, in either direction. */
struct w_traffic {
    struct gw_prefix prefix;
    struct gw_time last;
};
struct w_event {
    enum w_kind kind;
    struct gw_time at;
    uint64_t order;
    size_t node;
    uint32_t iface;
    struct gw_lladdr lladdr;
    struct gw_mh_addrs addrs;
    uint64_t tag;
    struct w_traffic use; /* as it was read */
    size_t len;
    uint8_t *data;
};

struct world {
    struct gw_alloc al;
    size_t live;       /* allocations */
    uint64_t allocs;   /* so far */
    uint64_t fail_at;  /* the allocation that fails; 0: none */
    uint64_t fail_for; /* how many in a row */
    struct gw_now now;
    struct gw_prng prng;
    struct gw_time delay, plane_delay;
    struct w_node n[W_NODES];
    size_t nnodes; /* 0 is the CMD or the LMA, the others MAARs or MAGs */
    struct w_event *ev[W_EVENTS];
    size_t nev;
    uint64_t order;
    unsigned sent[32]; /* messages by Mobility Header type */
    unsigned messages; /* all of them */
    unsigned lose_nth; /* the message of this number is lost (1 is the first) */
    unsigned loss_pct, dup_pct, reorder_pct;
    size_t where[W_STATIONS * 2]; /* the node at whose access link a mobile node is; 0: none */
    bool plane_fails;
    struct w_traffic traffic[W_PREFIXES];
    size_t ntraffic;
    struct gw_time use_delay; /* from reading the packet path until the node has the answer */
    unsigned asked;           /* times that it was read */
    int (*tap)(struct world *w, struct w_event *e); /* non-zero: drop */
};

/* Nodes are made and started: a CMD and maars, an LMA (node 0) and mags, or any roles (of enum
 * gw_role) in which the first CMD and LMA are everybody's. */
extern struct gw_cfg_mobility w_mobility; /* of every node of a world to be made */
struct world *w_new(size_t maars, uint64_t seed);
struct world *w_new_pmip(size_t mags, uint64_t seed);
struct world *w_new_roles(const unsigned *roles, size_t n, uint64_t seed);
void w_configure(struct world *w, const unsigned *roles);
struct gw_key w_key(size_t a, size_t b); /* between two nodes */
struct gw_prefix w_pool(size_t node);
void w_free(struct world *w);                /* asserts that no memory is left */
void w_boot(struct world *w, size_t node);   /* restores from its store */
void w_crash(struct world *w, size_t node);  /* the store survives, the packet path too */
void w_forget(struct world *w, size_t node); /* its store does not */

/* Until `span` has passed. */
void w_run(struct world *w, struct gw_time span);
void w_drain(struct world *w, size_t node); /* carries out the actions of a node */

struct gw_station_key w_station(unsigned mn);
struct gw_mnid w_mnid(unsigned mn, uint8_t buf[6]);
int w_attach(struct world *w, size_t node, unsigned mn);
int w_detach(struct world *w, size_t node, unsigned mn);
int w_input(struct world *w, size_t node, const struct gw_input *in);
/* A message as peer `from` would send it to `to`, signed with key or, NULL, the right one. */
int w_inject(struct world *w, size_t from, size_t to, struct gw_mh *m, const struct gw_key *key);

/* Options of a message that a test makes: takes all of a type out; the first of a type, or NULL. */
void w_without(struct gw_mh *m, uint8_t type);
struct gw_opt *w_find(struct gw_mh *m, uint8_t type);
/* For the order of checks of a registration (RFC 5213 §5.3.1): what step 7 and later ones refuse,
 * but for the first `mended` steps. */
void w_spoil(struct gw_mh *m, unsigned mended);

/* world_use.c. A packet of this prefix, if `serving` still forwards it; else false. */
bool w_packet(struct world *w, size_t serving, const struct gw_prefix *p);
void w_read_use(struct world *w, size_t node, const struct gw_prefix *p);
struct w_event *w_event(enum w_kind kind, size_t node, struct gw_time at);
void w_post(struct world *w, struct w_event *e);
void w_net_intent(struct w_node *n, const struct gw_intent *i);
/* The network in force for a station (mn 0: for the node), or NULL. */
const struct gw_intent *w_net(struct world *w, size_t node, unsigned mn, const struct gw_prefix *p);
/* How many nodes know of this prefix: a binding, a pool, a packet path. */
size_t w_traces(struct world *w, const struct gw_prefix *p);

bool w_busy(struct world *w); /* somebody waits for an answer */
struct gw_maar_mn *w_mn(struct world *w, size_t node, unsigned mn);
struct gw_cmd_mn *w_bce(struct world *w, unsigned mn);
const struct gw_intent *w_prefix(struct world *w, size_t node, const struct gw_prefix *p);
bool w_has_station(struct world *w, size_t node, unsigned mn);
uint64_t w_count(struct world *w, size_t node, enum gw_count c);
struct gw_prefix w_own(struct world *w, size_t node, unsigned mn);

/* After everything has settled: a node served at `at` (0: nowhere) is so in the CMD, at its S-MAAR
 * and at every anchor, and nowhere else. */
void w_check(struct world *w, unsigned mn, size_t at);
/* Nobody knows the mobile node any more: no binding, prefix, station or record. */
void w_check_gone(struct world *w, unsigned mn);
/* No prefix is LOCAL in two places, none has two owners, nothing waits, no action was lost. */
void w_check_all(struct world *w);

#endif
