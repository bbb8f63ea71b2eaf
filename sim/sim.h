/* sim.h: a domain in one process and one thread: real nodes (src/node) with the native packet path
 * (src/plane), on a simulated network, clock, disk and set of mobile nodes. What happens is a
 * function of a schedule (schedule.h), which is drawn from a seed (draw.c) or read from a file.
 *
 *   event.c     what comes next               node.c    a process: clock, inputs, actions, crashes
 *   core.c      links between nodes           store.c   a disk
 *   host.c      ND and SLAAC of a station     flow.c    traffic that checks itself
 *   router.c    which router it sends to
 *   apply.c     the operations of a schedule  ledger.c  what has been acknowledged
 *   admin.c     what operators do             config.c  how the nodes are configured
 *   invariant.c what must hold all the time   judge.c   what must hold in the moment it happens
 *   settle.c    what must hold once healed    settle_pmip.c  the same, of LMA and MAGs
 *   exam.c      what must go right at once    attack.c  who means ill
 *   gone.c      nothing is left in the end
 *   cats.h      domains of CATS
 *
 * Scenarios that are told step by step in C (tests/scenario/world.h) drive the same domain: without
 * a schedule, with sim_make, configurations of their own, sim_start and sim_until.
 *
 * Time is in nanoseconds since the start of the run. Nothing here reads a clock or draws entropy;
 * trace hashes of two runs with the same schedule are equal whatever the compiler.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/text.h"
#include "node/node_int.h"
#include "plane/native.h"
#include "schedule.h"
#include "store/store.h"

#define SIM_MS         INT64_C(1000000)
#define SIM_S          INT64_C(1000000000)
#define SIM_ADDRS      32 /* a station's addresses and routers */
#define SIM_HEADROOM   64
#define SIM_HOPS_MAX   10 /* nodes that one packet passes; more is a loop */
#define SIM_IF_ACCESS  1u /* interface indices of every node */
#define SIM_IF_CORE    2u
#define SIM_COMMIT     20000 /* ns */
#define SIM_IF_ACCESS2 3u    /* of nodes that tests give another one */

struct sim;

/* -- event.c ------------------------------------------------------------------------------------
 */

/* Embedded in what it happens to. Ties are broken by the seed. */
struct sim_event {
    int64_t at;
    size_t number; /* in the queue, from 1; 0: not posted */
    size_t size;   /* of what it is the head of, from the pool; 0: it is part of something else */
    void (*fire)(struct sim *s, struct sim_event *e);
};
struct sim_list {
    struct sim_place *place;
    size_t used, size;
};
struct sim_queue {
    struct sim_list *list; /* near, far, and the wheel's; NULL until the first event is posted */
    uint64_t *busy;        /* a bit for each slot of the wheel that has events */
    uint64_t slot;         /* events of the slots before it are near */
    struct sim_number *number;
    size_t size, free; /* numbers; the first free one, from 1 */
    uint64_t order;
};
void sim_post(struct sim *s, struct sim_event *e, int64_t at); /* or moves it */
void sim_cancel(struct sim *s, struct sim_event *e);
/* Taken out; NULL when none is due until then. */
struct sim_event *sim_next(struct sim *s, int64_t end);
void sim_queue_free(struct sim_queue *q);
void sim_event_free(struct sim *s, struct sim_event *e); /* what it is the head of */

/* -- memory.c -----------------------------------------------------------------------------------
 */

/* Memory that is used again at once. It ends the process when there is none. */
#define SIM_POOL_SIZES 32u
struct sim_block {
    struct sim_block *next;
};
struct sim_chunk {
    struct sim_chunk *next;
};
struct sim_pool {
    struct sim_block *free[SIM_POOL_SIZES];
    struct sim_chunk *chunks;
    uint8_t *at;
    size_t left;        /* of the newest chunk */
    struct gw_alloc al; /* it, for others */
};
void *sim_get(struct sim_pool *p, size_t size);         /* not zeroed */
void sim_put(struct sim_pool *p, void *m, size_t size); /* as it was got; NULL is fine */
void *sim_resize(void *pool, void *m, size_t old_size, size_t size); /* of struct gw_alloc */
void sim_pool_init(struct sim_pool *p);
void sim_pool_free(struct sim_pool *p); /* with all that it has given */
/* Zeroed, of the C library, for what lives as long as the run. */
__attribute__((returns_nonnull)) void *sim_new_memory(size_t size);
__attribute__((returns_nonnull)) void *sim_more_memory(void *p, size_t size); /* realloc */

/* -- store.c ------------------------------------------------------------------------------------
 */

/* A back end of store.h. Opening it again after a crash finds what was committed, after a power
 * failure (sim_disk_power) what was synced. */
struct sim_disk;
struct sim_disk *sim_disk_new(struct sim_pool *pool);
void sim_disk_free(struct sim_disk *d);
void sim_disk_power(struct sim_disk *d);
void sim_disk_full(struct sim_disk *d, bool full);
bool sim_disk_is_full(const struct sim_disk *d);
size_t sim_disk_count(const struct sim_disk *d, uint8_t first); /* records, by their first octet */
/* What is committed under a key, and its length; NULL: nothing. */
const uint8_t *sim_disk_get(const struct sim_disk *d, const uint8_t *key, size_t key_len,
                            size_t *len);
extern const struct gw_store_ops sim_disk_ops; /* where: the struct sim_disk */

/* -- node.c -------------------------------------------------------------------------------------
 */

struct sim_clock {
    int64_t from;  /* of the simulation, when mono was `mono` */
    int64_t mono;  /* since the machine's start */
    int64_t wall;  /* the wall clock is ahead of mono by this */
    int64_t drift; /* parts per million */
};

struct sim_input { /* waits for a process that is paused or busy */
    struct sim_input *next;
    bool admin; /* op is an operator's; else in */
    struct sim_op op;
    struct gw_input in; /* views point into data */
    size_t len;         /* of data */
    uint8_t data[];
};
struct sim_out { /* a message that waits for the store */
    struct sim_out *next;
    struct gw_mh_addrs addrs;
    size_t len;
    uint8_t data[];
};

struct sim_node {
    size_t index;
    char name[32];
    unsigned roles;
    struct gw_config cfg[2]; /* the one in force, and the next */
    unsigned cfg_now;
    bool stale;              /* the domain's settings are others than its configuration's */
    struct gw_cfg_if ifs[3]; /* access, core, and perhaps another access */
    struct gw_cfg_pool pool;
    struct gw_prefix local; /* the network behind it */
    struct gw_cfg_policy policy;
    struct gw_cfg_policy *rows[2]; /* of stations with a policy of their own, and policy */
    struct gw_cfg_peer *peers;
    struct gw_prefix *pools;
    struct sim *sim;
    struct gw_alloc al;
    uint32_t alloc_fails;    /* so many allocations from now on are refused */
    size_t live;             /* allocations; none without a process */
    struct gw_node *node;    /* NULL: no process */
    struct gw_native *plane; /* survives the process, not the machine */
    struct gw_intent_result applied;
    struct sim_disk *disk;
    struct gw_store *store;
    struct sim_clock clock;
    bool paused;
    int64_t commit_ns; /* what a commit takes; 0: it is over before anything else happens */
    int64_t plane_ns;  /* what the packet path takes to confirm an intent, and to say what a */
    int64_t use_ns;    /* prefix was used for; 0 as above */
    bool plane_full;   /* it takes out and puts nothing in */
    bool committing;
    struct sim_event deadline, commit, restart;
    struct sim_station *stations; /* those at its access link */
    struct sim_input *in, **in_last;
    size_t nin;
    struct sim_out *out, **out_last;
    struct gw_input *done; /* results for the node, when its actions are carried out */
    size_t ndone, done_size;
    unsigned boots;
};

bool sim_node_boot(struct sim *s, struct sim_node *n); /* false: there was no memory for it */
void sim_node_crash(struct sim *s, struct sim_node *n, bool power);
void sim_node_pause(struct sim *s, struct sim_node *n, bool paused);
/* What the node answers; 0 when it waits, GW_ENOENT when there is no process. */
int sim_node_input(struct sim *s, struct sim_node *n, const struct gw_input *in);
/* Without views, for the process that runs now. */
void sim_node_input_at(struct sim *s, struct sim_node *n, const struct gw_input *in, int64_t at);
void sim_node_drain(struct sim *s, struct sim_node *n); /* carries out what it wants done */
#define SIM_WALL_START INT64_C(1700000000000000000)     /* at time 0 */
#define SIM_BOOT_MONO  (10 * SIM_S) /* machines have been up for a moment when processes start */
void sim_node_step_clock(struct sim_node *n, int64_t by);
void sim_node_drift(struct sim *s, struct sim_node *n, int64_t ppm);
/* Takes over the domain's settings: now, or when it goes on or starts. */
void sim_node_reload(struct sim *s, struct sim_node *n);
/* SIM_REVOKE, SIM_ALLOW, SIM_NOTIFY: now, or when it goes on. */
void sim_node_operate(struct sim *s, struct sim_node *n, const struct sim_op *op);
struct gw_now sim_node_now(const struct sim *s, const struct sim_node *n);
void sim_node_free(struct sim *s, struct sim_node *n);

/* -- config.c, admin.c --------------------------------------------------------------------------
 */

/* What reloads change; a mobile node's policy is in its struct sim_station. */
struct sim_settings {
    enum gw_cmd_mode mode;
    enum gw_evict evict;
    enum gw_dereg dereg;
    enum gw_durability durability;
    uint32_t previous;
    int64_t idle, relay;
    bool locals;
    unsigned steering; /* enum gw_steer_policy */
};
/* roles: of each node; NULL: as the schedule's kind says. */
void sim_configure(struct sim *s, const unsigned *roles);
/* What the settings and the stations' policies say now, into cfg[slot] of a node. */
void sim_configure_settings(struct sim *s, struct sim_node *n, unsigned slot);
bool sim_anchors(const struct sim_node *n); /* it has a pool of its own: */
struct gw_prefix sim_pool(size_t node);
struct gw_key sim_key(size_t a, size_t b); /* between two nodes */
/* The network behind a MAAR (RFC 8885 §3.7); nobody else has a route to it. */
struct gw_prefix sim_local(size_t node);
/* The server in the network behind a node, or that of the whole domain: end nnodes. */
struct gw_addr sim_server(const struct sim *s, size_t end);
/* The centres: the node that is the CMD, the LMA; NULL. */
struct sim_node *sim_cmd(struct sim *s);
struct sim_node *sim_lma(struct sim *s);
static inline bool sim_is(const struct sim_node *n, unsigned roles)
{
    return (n->cfg[0].roles & roles) != 0;
}
/* What an operator wants of a process that runs. */
void sim_operate(struct sim *s, struct sim_node *n, const struct sim_op *op);
void sim_admin(struct sim *s, const struct sim_op *op);
void sim_admin_heal(struct sim *s); /* all are let in, and configured alike */

/* -- core.c -------------------------------------------------------------------------------------
 */

struct sim_link { /* from one end to another */
    int64_t delay, jitter;
    uint32_t loss, dup, reorder; /* of 1000 */
    uint32_t mtu;                /* packets; messages are what their sender fragments */
    int64_t rate;                /* bit/s; 0: without limit */
    int64_t busy;                /* until then it sends what it has */
    bool cut;
};
/* The ends are the nodes and, behind them, the server. */
struct sim_link *sim_link(struct sim *s, size_t from, size_t to);
/* The end that an address belongs to: nnodes is the server, which is behind the nodes; SIZE_MAX:
 * nobody. */
size_t sim_core_end(const struct sim *s, const struct gw_addr *a);
void sim_core_mh(struct sim *s, size_t from, const struct gw_mh_addrs *a, const uint8_t *data,
                 size_t len);
/* A packet of STAMP; where no process is, the machine refuses it. */
void sim_core_stamp(struct sim *s, size_t from, const struct gw_action *a);
/* The node whose network behind it (sim_local) an address is of; SIZE_MAX: none. */
size_t sim_local_end(const struct sim *s, const struct gw_addr *a);
/* An IPv6 packet behind an Ethernet header. */
void sim_core_packet(struct sim *s, size_t from, const uint8_t *frame, size_t len, unsigned hops);
/* The same from the network behind a node, into that node. */
void sim_core_from_behind(struct sim *s, size_t node, const uint8_t *frame, size_t len);
/* What has been sent lately, for replays: NULL when nothing. */
struct sim_seen {
    int64_t at;
    size_t to, len;
    struct gw_mh_addrs addrs;
    uint8_t data[GW_MH_MAX];
};
/* A frame at a node, from a station (core: false) or from another node. */
void sim_plane_frame(struct sim *s, struct sim_node *n, bool core, const uint8_t *frame, size_t len,
                     unsigned hops);
/* After an intent: packets that were kept back go on, and markers. */
void sim_plane_next(struct sim *s, struct sim_node *n);
extern const struct gw_native_ops sim_plane_ops;

/* -- host.c -------------------------------------------------------------------------------------
 */

struct sim_haddr {
    struct gw_prefix prefix;
    struct gw_addr addr;
    int64_t valid, preferred, since;
};
enum sim_nud {
    SIM_NUD_NONE, /* not asked for yet, or the link has been down */
    SIM_NUD_INCOMPLETE,
    SIM_NUD_REACHABLE,
    SIM_NUD_STALE,
    SIM_NUD_DELAY,
    SIM_NUD_PROBE,
    SIM_NUD_FAILED,
};
struct sim_router {
    struct gw_addr ll;
    struct gw_lladdr lladdr;
    int64_t until;
    enum gw_rtr_pref pref;
    enum sim_nud state;
    int64_t at; /* REACHABLE: until; DELAY, PROBE, INCOMPLETE: the next step */
    unsigned probes;
};
struct sim_station {
    size_t index;
    struct gw_lladdr lladdr;
    char text[GW_TEXT_MAX]; /* lladdr, as a policy has it */
    struct gw_addr ll;
    unsigned anchoring;               /* its policy: enum gw_anchoring; 0: it is denied */
    bool own_policy;                  /* it is not as everybody's */
    size_t at;                        /* node; 0: nowhere */
    struct sim_station *next, **prev; /* of those at that node */
    size_t flapped;                   /* lost its link with that node's; 0: no */
    int64_t since;
    unsigned moves;
    struct sim_haddr addr[SIM_ADDRS];
    struct sim_router router[SIM_ADDRS];
    size_t naddr, nrouter;
    bool by_hand; /* a test speaks for it: it only answers solicitations, of any address */
    struct sim_event rs, nud;
    int64_t rs_wait; /* until the next solicitation; 0: it has its answer */
    struct sim_flow *flows;
};
void sim_station_attach(struct sim *s, struct sim_station *h, size_t node, bool carrier);
void sim_station_leave(struct sim *s, struct sim_station *h);
/* An ND packet out of a node's access link. */
void sim_station_nd(struct sim *s, size_t node, const struct gw_lladdr *src,
                    const struct gw_lladdr *dst, const uint8_t *data, size_t len);
/* An Ethernet frame of a node towards a station. */
void sim_station_frame(struct sim *s, size_t node, const uint8_t *frame, size_t len);
void sim_station_send_nd(struct sim *s, struct sim_station *h, const uint8_t dst[6],
                         const struct gw_nd *nd);
/* router.c: what an RA or an NA says of a router; the link has been down; where a packet goes now,
 * NULL: to nobody, or nobody knows yet. */
void sim_router_heard(struct sim *s, struct sim_station *h, const struct gw_nd *ra);
void sim_router_answers(struct sim *s, struct sim_station *h, const struct gw_nd *na);
bool sim_router_sought(const struct sim *s, struct sim_station *h); /* it does not know yet */
void sim_router_forget_links(struct sim_station *h);
const struct gw_lladdr *sim_router_next_hop(struct sim *s, struct sim_station *h);
/* A packet of the station's, into the access link where it is. */
void sim_station_send(struct sim *s, struct sim_station *h, const uint8_t *packet, size_t len);
/* Its address in a prefix, or NULL; and the newest preferred one, or else the newest deprecated. */
struct sim_haddr *sim_station_addr(struct sim_station *h, const struct gw_prefix *p);
struct sim_haddr *sim_station_newest(struct sim *s, struct sim_station *h);

/* -- flow.c -------------------------------------------------------------------------------------
 */

struct sim_flow {
    struct sim_flow *next;
    struct sim_event event;
    struct sim_station *station;
    struct gw_addr addr; /* of the station */
    size_t server;       /* in the network behind that node; nnodes: everybody's */
    uint32_t id, sent, echoed;
    uint32_t full;          /* echoes of packets that were as long as possible */
    uint32_t mtu, mtu_back; /* of the path, as Packet Too Big has told */
    int64_t interval, until;
    bool probe; /* of settle.c, which frees it */
};
struct sim_flow *sim_flow_new(struct sim *s, struct sim_station *h, const struct gw_addr *addr,
                              size_t server, int64_t interval, int64_t span);
void sim_flow_start(struct sim *s, struct sim_flow *f);
void sim_flow_free(struct sim *s, struct sim_flow *f);
/* One packet; with the number of no flow nobody answers it. */
#define SIM_FLOW_PACKET 64
void sim_flow_write(uint8_t p[SIM_FLOW_PACKET], const struct gw_addr *src,
                    const struct gw_addr *dst, uint32_t id, uint32_t seq);
/* At the server of that end (sim_server). */
void sim_server_packet(struct sim *s, size_t end, const uint8_t *packet, size_t len);
void sim_flow_arrived(struct sim *s, struct sim_station *h, const uint8_t *packet, size_t len);

/* -- ledger.c, invariant.c, settle.c ------------------------------------------------------------
 */

#define SIM_LEDGER 16
struct sim_ledger { /* of one station: what a centre has acknowledged last */
    bool held;
    bool synced; /* a power failure must not lose it either */
    int64_t until;
    uint8_t nprefix;
    struct gw_prefix prefix[SIM_LEDGER];
};
/* n, a centre, sends this. committed: a crash must not lose what is acknowledged here. */
void sim_ledger_note(struct sim *s, const struct sim_node *n, const uint8_t *data, size_t len,
                     const struct gw_mh_addrs *a, bool committed);
void sim_ledger_check(struct sim *s, const struct sim_node *n); /* a centre has restarted */
/* Sessions are being revoked: of one mobile node or, NULL, of anybody. */
void sim_ledger_revoked(struct sim *s, const struct sim_node *n, const struct gw_mnid *id);
void sim_ledger_power(struct sim *s, const struct sim_node *n); /* it has failed */

void sim_fail(struct sim *s, const char *invariant, const char *fmt, ...) GW_PRINTF(3, 4);
void sim_invariants(struct sim *s); /* over the whole domain */
/* Is all as it must be when nothing has gone wrong for a while? Else, when say is true, the failure
 * says who waits for what. */
bool sim_settled(struct sim *s, bool say);
/* The same about one station and what an LMA and MAGs have of it. */
bool sim_settled_pmip(struct sim *s, const struct sim_station *h, bool say);
/* Every live prefix of every station works both ways: begin, and see some time later. */
void sim_probe(struct sim *s);
/* Has the station shown an address there? If not, its silence proves nothing: without mobility
 * nobody tells that node that it has left (doc/protocol.md). */
bool sim_shown(const struct sim_node *n, const struct sim_station *h);
void sim_keep_talking(struct sim *s); /* every station shows that it is there, for half a second */
void sim_gone(struct sim *s);         /* after everybody has left */
/* The MN-ID of a station. */
struct gw_mnid sim_mnid(const struct sim_station *h);
struct sim_station *sim_station_of(const struct sim *s, const struct gw_mnid *id);
/* By its link-layer address: six octets; NULL: nobody's. */
struct sim_station *sim_station_by_mac(const struct sim *s, const uint8_t mac[static 6]);
struct gw_lladdr sim_station_mac(size_t index);

/* -- watching, and lending a hand ---------------------------------------------------------------
 */

struct sim_message { /* from node to node, when it leaves */
    size_t from, to; /* SIZE_MAX: nobody has that address */
    const struct gw_mh_addrs *addrs;
    const uint8_t *data;
    size_t len;
    int64_t later; /* ns on top of what the link takes */
};
/* Any may be NULL. */
struct sim_hooks {
    void *user;
    /* Each action of a node, before it is carried out. */
    void (*action)(void *user, const struct sim_node *n, const struct gw_action *a);
    /* Each message; false: it is lost. */
    bool (*message)(void *user, struct sim_message *m);
};

/* -- the run ------------------------------------------------------------------------------------
 */

struct sim {
    struct sim_schedule *sched;
    int64_t now;
    struct sim_queue queue;
    struct sim_pool pool;
    struct gw_prng prng; /* of links and ties */
    uint64_t hash;       /* of all that has happened */
    bool trace;          /* say it too */
    size_t nnodes;       /* 0 is the CMD, or the LMA where there is no CMD */
    struct sim_node *node;
    struct sim_node *cmd, *lma; /* the centres; NULL: there is none */
    size_t nstations;
    struct sim_station *station;
    struct sim_settings set;
    bool policies;                /* some stations have had a policy of their own */
    struct sim_cats *cats;        /* cats.h; NULL: it is a domain of another kind */
    struct sim_ledger *ledger[2]; /* of the CMD, of the LMA */
    int64_t revoking;             /* until then what a peer has is being revoked */
    struct sim_link *links, normal;
    struct sim_given *given;  /* invariant.c */
    struct sim_count *counts; /* count.c: per station, at a CMD and at an LMA; NULL: none */
    size_t given_mask;
    uint32_t looks;
    struct sim_event next_op, look;
    int64_t look_every; /* ns between looks at the whole domain */
    struct undo *undo;  /* apply.c */
    size_t op;
    bool healed, leaving;
    uint32_t last_flow;
    struct sim_flow **flows; /* by id - 1; NULL: over */
    size_t nflows;
    struct sim_seen seen[16];
    size_t nseen;
    struct gw_mh mh;      /* scratch */
    bool judged;          /* judge.h */
    uint64_t heard[1024]; /* messages that were believed, by their hash */
    struct sim_hooks hooks;
    bool in_order; /* what is due at the same time comes in the order in which it was posted */
    struct {
        uint64_t count;    /* allocations of all nodes */
        uint64_t fail_at;  /* the first that is refused; 0: none */
        uint64_t fail_for; /* and how many in a row */
    } memory;
    struct sim_tally {
        uint64_t events, messages, packets, delivered;
        uint64_t moves;                /* from one node to another */
        uint64_t too_long, queue_full; /* packets; packets and messages: not carried */
        uint64_t handovers; /* of those: acknowledged, and the node serves while it is there */
    } tally;
    /* The first failure ends the run. */
    bool failed;
    char invariant[32], why[512];
};

/* n faults of single nodes and links as the default mix has them, at any time of the span of a
 * schedule whose domain is set; behind the others, which are not sorted then (draw.c). */
void sim_draw_faults(struct sim_schedule *s, struct gw_prng *r, size_t n);

/* Runs a schedule to its end; the answer is the exit status. */
enum sim_result { SIM_OK = 0, SIM_BROKEN = 10, SIM_NOT_SETTLED = 11 };
/* Configured and not started, so that configurations may be changed still. roles: of each node, as
 * for sim_configure. */
struct sim *sim_make(struct sim_schedule *sched, const unsigned *roles, bool trace);
void sim_start(struct sim *s);
struct sim *sim_new(struct sim_schedule *sched, bool trace); /* both */
/* All that is due until then. */
void sim_until(struct sim *s, int64_t end);
enum sim_result sim_run(struct sim *s);
void sim_free(struct sim *s);
void sim_apply(struct sim *s, const struct sim_op *op);
void sim_heal(struct sim *s);
void sim_farewell(struct sim *s, struct sim_station *h); /* for good; everybody is told */

/* Into the trace and its hash: what, and where it matters octets. */
void sim_trace(struct sim *s, const char *fmt, ...) GW_PRINTF(2, 3);
void sim_mix(struct sim *s, const void *data, size_t len);
/* What happens often: its values go into the hash, and the text (sim_say) is put together only when
 * somebody reads the trace. */
enum sim_note {
    SIM_NOTE_SENT = 1,
    SIM_NOTE_PREFIX,
    SIM_NOTE_STATION,
    SIM_NOTE_ATTACH,
    SIM_NOTE_LEAVE,
    SIM_NOTE_SERVED,
    SIM_NOTE_TOLD
};
void sim_note(struct sim *s, enum sim_note what, uint64_t a, uint64_t b, uint64_t c);
void sim_say(struct sim *s, const char *fmt, ...) GW_PRINTF(2, 3);
bool sim_chance(struct sim *s, uint32_t of_1000);

#endif
