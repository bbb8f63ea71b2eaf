/* scale.h: what a large domain costs (doc/scale.md): the real nodes of src/node, all their messages
 * with their MACs, under hosts and a packet path that are as lean as can be.
 *
 *   geo.c       where MAARs are      scale_node.c  a node: configuration, inputs, actions, memory
 *   movement.c  who walks where      scale_host.c  a mobile node: attaches, answers NSs
 *   scale.c     one run              scale_path.c  the packet path: counted, and who is ready
 *   scale_main.c  options            scale_report.c  CSV
 *
 * Left out of a run: losses, stores, packets of users (their times are kept instead), CPU time of
 * nodes: an input is handled in no time.
 */
#ifndef SIM_SCALE_H
#define SIM_SCALE_H

#include "movement.h"
#include "sim.h"

#define SCALE_NODES_MAX 65000 /* an address has 16 bits for the node */

enum scale_mode { SCALE_PROXY, SCALE_RELAY, SCALE_LOCATOR, SCALE_PMIP, SCALE_MODES };
const char *scale_mode_name(enum scale_mode m); /* "proxy" */

struct scale_options {
    struct sim_waypoints walk;
    int64_t warm, span;  /* ns: figures are of what is between */
    int64_t hop, centre; /* ns: one way between two nodes; in addition, to the CMD or LMA */
    int64_t idle;        /* ns: mobility/idle-release */
    int64_t session;     /* ms: what is open when a node moves goes on for this long, on average */
    int32_t hysteresis;  /* cm: another MAAR must be nearer by this */
    bool progress;
};

struct scale;

/* Signalling of a node: messages both ways and their octets, IPv6 header included. */
struct scale_count {
    uint64_t in, out, octets;
};
struct scale_node {
    struct scale *sc;
    uint32_t index;
    char name[12];
    struct gw_config cfg;
    struct gw_cfg_pool pool;
    struct gw_alloc al;
    size_t octets, fixed; /* allocated: now; before anybody had attached */
    struct gw_node *node;
    struct gw_intent_result applied;
    struct sim_event deadline;
    struct scale_count total, before; /* before: at the end of the warm-up */
    uint32_t prefixes;                /* anchored here */
};

/* One prefix of a mobile node, as the packet paths have it. */
struct scale_prefix {
    uint64_t net;              /* its 64 bits; the key */
    struct scale_mn *mn;       /* NULL: nobody's yet */
    struct scale_prefix *next; /* of mn */
    uint32_t anchor, to; /* where the anchor sends its packets; itself: to its own access link */
    uint32_t served;     /* the node that delivers them; 0: none */
    bool given_up;       /* by its S-MAAR: idle */
    int64_t used;        /* ns: a session goes on until then; INT64_MAX: the newest */
};
struct scale_mn {
    struct sim_event step;
    struct sim_leg leg;
    uint32_t at; /* node; 0: nowhere */
    bool ready;  /* every live prefix works where it is, both ways */
    bool moved;  /* it is a handover, not a first attachment */
    int64_t since;
    struct scale_prefix *prefixes;
};

/* Times in microseconds, one by one. */
struct scale_times {
    size_t n, size;
    uint32_t *us;
};
struct scale_sum {                           /* from the end of the warm-up on */
    uint64_t attached, handovers, overtaken; /* overtaken: by the next one, before it was over */
    uint64_t nd, nd_octets;                  /* out of all access links */
    uint64_t store, store_octets;            /* records put */
};

struct scale {
    struct sim sim; /* the first member: its queue, clock, prng and hash are used */
    const struct scale_options *o;
    enum scale_mode mode;
    uint64_t seed;
    const struct sim_area *area;
    struct sim_movement moves;
    size_t nmaars, nmns;
    struct scale_node *node; /* 0: CMD or LMA; MAAR i is node i + 1 */
    struct scale_mn *mn;
    struct gw_cfg_peer *peers; /* all nodes: everybody's, as one key is */
    struct gw_prefix *pools;
    struct gw_cfg_if ifs[2];
    struct gw_cfg_policy policy;
    struct gw_input *done; /* answers to the actions of the input that is being handled */
    size_t ndone, done_size;
    struct gw_table prefixes, forwards, tunnels; /* scale_path.c */
    uint64_t ntunnelled;                         /* forwards that lead into a tunnel */
    uint64_t draw, events;
    struct scale_times handover;
    struct scale_sum sum;
};

/* scale_node.c */
void scale_nodes_make(struct scale *sc);
void scale_nodes_free(struct scale *sc);
void scale_node_input(struct scale_node *n, const struct gw_input *in);
struct gw_now scale_now(const struct scale *sc);
struct gw_prefix scale_pool(size_t node);
size_t scale_node_of(const struct gw_addr *a); /* by its own address */
size_t scale_anchor_of(uint64_t net);          /* the node whose pool it is from */
/* One way, by what lies between and how far it is; light in fibre, half as far again as the crow
 * flies. */
int64_t scale_delay(const struct scale *sc, size_t from, size_t to);

/* scale_host.c */
void scale_hosts_make(struct scale *sc);
/* An ND packet for a station: a solicitation is answered. */
void scale_host_nd(struct scale *sc, struct scale_node *n, const struct gw_lladdr *to,
                   const uint8_t *data, size_t len);
struct scale_mn *scale_host_of(const struct scale *sc, const struct gw_lladdr *l); /* or NULL */
struct gw_lladdr scale_host_lladdr(const struct scale *sc, const struct scale_mn *mn);
/* Something of its forwarding has changed. */
void scale_host_check(struct scale *sc, struct scale_mn *mn);

/* scale_path.c */
void scale_path_make(struct scale *sc);
void scale_path_free(struct scale *sc);
void scale_path_apply(struct scale_node *n, const struct gw_intent *i);
struct gw_time scale_path_use(const struct scale *sc, const struct gw_prefix *p);

/* scale.c. One run; sc is to be freed by scale_free, whatever the answer. */
struct scale_setup {
    const struct scale_options *o;
    const struct sim_sites *sites;
    const struct sim_trace_file *trace; /* NULL: random waypoint */
    enum scale_mode mode;
    size_t maars, mns;
    uint64_t seed;
};
struct scale *scale_run(const struct scale_setup *s);
void scale_free(struct scale *sc);
size_t scale_unready(const struct scale *sc); /* attached for long, and not served as it should */

/* scale_report.c: scale.csv, handover-times.csv, previous.csv and counters.csv in a directory. */
struct scale_report;
struct scale_report *scale_report_open(const char *dir, char *why, size_t size); /* NULL: why */
void scale_report_add(struct scale_report *r, struct scale *sc);
bool scale_report_close(struct scale_report *r); /* false: could not be written */

/* scale_main.c: godwit-sim scale ...; the exit status. */
int scale_main(int argc, char **argv);

#endif
