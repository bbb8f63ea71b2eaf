/* node_int.h: what the files of src/node share. */
#ifndef GW_NODE_NODE_INT_H
#define GW_NODE_NODE_INT_H

#include "fn/lm/operation.h"
#include "node/node.h"
#include "node/queue.h"
#include "wire/policy.h"

#define GW_REPLAY 64 /* identifiers remembered per peer */

/* Mesg-IDs taken from a peer (RFC 4285 §6), ascending. What is at or below the floor is old. */
struct gw_replay {
    int64_t ahead; /* its clock, of this node's; 0 until proved otherwise (clock.c) */
    uint64_t floor;
    uint64_t id[GW_REPLAY];
    size_t used;
};
/* 0 or GW_EREPLAY; taking it in is gw_replay_take, after everything else about the message has
 * been checked. */
bool gw_replay_has(const struct gw_replay *r, uint64_t id); /* taken, not long ago */
int gw_replay_check(const struct gw_replay *r, uint64_t id, uint64_t now, int64_t window);
void gw_replay_take(struct gw_replay *r, uint64_t id);

enum gw_heartbeat_state { GW_HB_UNKNOWN, GW_HB_UP, GW_HB_DOWN };
struct gw_heartbeat {
    struct gw_timer timer; /* the next request */
    struct gw_time due;    /* when that is, or was */
    uint32_t seq;          /* of the last one */
    bool waiting;          /* for its answer */
    bool tell;             /* first say that this node has restarted */
    bool unsupported;      /* the peer said so (RFC 5847 §3) */
    bool counted;          /* `counter`, its Restart Counter, is known */
    uint32_t counter;
    uint32_t missed; /* answers in a row */
    struct gw_time asked, rtt;
    enum gw_heartbeat_state state;
};

/* What the kernel's IPsec policies ask of the messages of a peer. */
struct gw_protect {
    bool required[GW_POLICY_DIRS];            /* ESP is */
    bool said;                                /* in the log, how it is */
    struct gw_policy_sum sum[GW_POLICY_DIRS]; /* scratch of protect.c */
};

/* What was answered to a revocation or an update notification (operate.c). */
#define GW_SAID 16
struct gw_said {
    bool known;
    uint16_t seq;
    uint8_t status;
    uint64_t print; /* of what it was about */
    struct gw_time at;
};

/* A question that only a peer that is there now can answer (clock.c). */
struct gw_probe {
    bool waiting;
    bool half; /* one answer has come, by the clock `first` at first_at */
    uint32_t seq;
    uint64_t asks;              /* so far */
    struct gw_time asked, said; /* when it was made, and sent last */
    uint64_t first;
    struct gw_time first_at;
    struct gw_time answer_at; /* gw_limit_take, of answers to doubtful questions */
};

/* What has passed between this node and a peer. */
struct gw_talk {
    struct gw_mac mac[GW_PEER_KEYS]; /* of its keys */
    struct gw_replay replay;
    uint64_t in, out, refused;    /* messages */
    struct gw_time last_in;       /* authenticated; 0: never */
    struct gw_time answer_window; /* of error answers, which cost an attacker nothing */
    uint32_t answers;
    struct gw_time rate_at, line_at; /* gw_limit_take: messages from it, lines about it */
    struct gw_time trace_at;         /* likewise: TRACE from it */
    struct gw_heartbeat hb;
    struct gw_protect policy;
    struct gw_said said[GW_SAID], upn;
    struct gw_probe probe;
};
/* A configured peer, or this node itself. In a large domain a MAAR may get tunnel packets from
 * thousands of others and never a message: those cost 48 octets. */
struct gw_peer {
    const struct gw_cfg_peer *cfg; /* its addr is the key */
    struct gw_talk *talk;   /* NULL until the first message, unless heartbeats or IPsec are used */
    uint32_t served, moved; /* scratch of show.c */
};

/* fixed.c: tunnels with peers and local networks in the packet path. */
struct gw_fixed {
    struct gw_await plane;
    struct gw_timer again; /* running: it had no room for all of them */
    struct gw_time wait;   /* how long; 0: it has all of them */
};

/* A message from this node to itself: one of its roles to another. */
struct gw_loop {
    struct gw_loop *next;
    enum gw_role as;
    size_t len;
    uint8_t data[];
};

struct gw_node {
    const struct gw_alloc *al;
    const struct gw_config *cfg;
    const struct gw_log *log;
    struct gw_timers timers;
    struct gw_lm lm;
    struct gw_queue queue;
    struct gw_table peers;      /* struct gw_peer, owned */
    struct gw_table authorised; /* struct gw_authorised, owned; bounded by limits.stations */
    struct gw_cfg_peer self;
    struct gw_access access;
    struct gw_maar maar;
    struct gw_cmd cmd;
    struct gw_lma lma;
    struct gw_mag mag;
    struct gw_operations operations;
    struct gw_fixed fixed;
    int64_t wall_ns;      /* the clock that it tells: this much ahead of the monotonic one */
    uint64_t last_mesgid; /* sent */
    uint64_t born;        /* NTP time of the start: older messages may have been seen before it */
    bool started;
    bool starved;          /* a deadline could not be handled for want of memory */
    struct gw_time ask_at; /* when the stations on all access links are asked; 0: they are not */
    struct gw_loop *loop, *loop_last;
    struct gw_mh in, out;
    uint32_t restarts;                /* own Restart Counter (RFC 5847 §3.2); 0: not known yet */
    bool kept;                        /* the records are all there were */
    struct gw_time stranger_at;       /* lines about unknown sources */
    struct gw_station_rate *stations; /* limit.c */
    struct gw_steering *steering;     /* NULL: no role of CATS */
    struct gw_moving *moving;         /* NULL: clients are not handed over */
    struct gw_locating *locating;     /* NULL: no location server, nor anybody who asks one */
};

/* fixed.c. before: the configuration that was in force, or NULL. */
void gw_fixed_say(struct gw_node *n, const struct gw_config *before);

/* limit.c. true: within the limit, and taken. `at` is the bucket's state, zero at first; `most` in
 * any span of `per`, 0: no limit. */
bool gw_limit_take(struct gw_time *at, struct gw_time now, uint32_t most, struct gw_time per);
bool gw_limit_line(struct gw_time *at, struct gw_time now); /* before a text is put together */
int gw_limit_init(struct gw_node *n);
void gw_limit_free(struct gw_node *n);
/* May this attachment of a station be acted on? Counts those that may not. */
bool gw_limit_station(struct gw_node *n, const struct gw_lladdr *who);

/* signal.c */
int gw_signal_input(struct gw_node *n, const struct gw_mh_addrs *addrs, const uint8_t *data,
                    size_t len);
int gw_signal_send(void *node, enum gw_role as, const struct gw_addr *to, struct gw_mh *m);
/* Refuses the BU in n->in, of an authenticated peer, before any function has seen it. Not often. */
void gw_signal_refuse(struct gw_node *n, struct gw_peer *p, uint8_t status);
void gw_signal_drain(struct gw_node *n); /* delivers messages to itself */
void gw_signal_drop_loop(struct gw_node *n);

/* protect.c. Are the messages of a peer under the protection that it is configured with? */
bool gw_protect_is(const struct gw_peer *p);
int gw_protect_policies(struct gw_node *n, const struct gw_policy *list, size_t count);
void gw_protect_show(const struct gw_peer *p, struct gw_emit *e);

/* clock.c */
void gw_clock_start(struct gw_node *n, struct gw_now now);
void gw_clock_set(struct gw_node *n,
                  struct gw_now now); /* lm.now; a step of its wall clock is not */
/* Not behind what the records know to have been. */
void gw_clock_after(struct gw_node *n, uint64_t timestamp);
/* n->in is a peer's, but its Mesg-ID is not fresh. 0: it answers a question about the peer's clock,
 * which counts from now on if this proves it, and is done with; else GW_EREPLAY. */
int gw_clock_doubt(struct gw_node *n, struct gw_peer *p, const struct gw_opt *id);

/* dispatch.c: the message in n->in, of an authenticated peer; `to`: the roles of this node that it
 * can be for (enum gw_role). 0 or why it was refused. */
int gw_dispatch(struct gw_node *n, struct gw_peer *p, unsigned to);

/* operate.c: a message of revocation or update notification in n->in. */
int gw_operate_input(struct gw_node *n, struct gw_peer *p, unsigned to);

/* heartbeat.c */
const char *gw_heartbeat_state_name(enum gw_heartbeat_state s); /* "up" */
/* One record whose key's first octet is 'R'; before gw_heartbeat_start. */
int gw_heartbeat_restore(struct gw_node *n, const uint8_t *key, size_t key_len, const void *value,
                         size_t len);
bool gw_heartbeat_start(struct gw_node *n); /* has this node lost what it knew? */
void gw_heartbeat_stop(struct gw_node *n);  /* an orderly one: all records are stored */
void gw_heartbeat_peers(struct gw_node *n); /* peers without a time of their own get one */
int gw_heartbeat_input(struct gw_node *n, struct gw_peer *p); /* the message in n->in */
bool gw_heartbeat_send(struct gw_node *n, struct gw_peer *p, struct gw_mh_heartbeat hb);
int gw_heartbeat_error(struct gw_node *n, struct gw_peer *p); /* a Binding Error in n->in */

/* attach.c: attachments as their sources see them, and whom they may admit. */
void gw_attach_init(struct gw_node *n, uint64_t seed);
void gw_attach_free(struct gw_node *n);
/* GW_IN_ATTACH, GW_IN_DETACH, GW_IN_AUTHORISED, GW_IN_ALL_SAID, GW_IN_ND. */
int gw_attach_input(struct gw_node *n, const struct gw_input *in);
/* whose.c: the MAAR, the MAG or both. */
int gw_attach(struct gw_node *n, const struct gw_station_key *st, const struct gw_mnid *mnid,
              struct gw_time seen);
int gw_detach(struct gw_node *n, const struct gw_station_key *st);
int gw_attach_alive(struct gw_node *n, const struct gw_station_key *st); /* 0 or GW_ENOMEM */
/* Is it anybody's still, and not believed gone? */
bool gw_attach_holds(const struct gw_node *n, const struct gw_station_key *st);
void gw_attach_review(struct gw_node *n); /* after a reload */
/* Has the stations on all access links, also those that nobody knows, show themselves: when
 * ask_at comes, which these set. */
void gw_attach_ask(struct gw_node *n);
void gw_attach_ask_soon(struct gw_node *n);
/* Memory was missing for a station that showed itself: it may say nothing more for long. */
void gw_attach_missed(struct gw_node *n);
void gw_attach_resume(struct gw_node *n); /* after restoring; the policy may be another too */

/* steering.c: nothing happens without a role of CATS. */
int gw_steering_init(struct gw_node *n, const struct gw_config *c, uint64_t seed,
                     struct gw_now now);
void gw_steering_free(struct gw_node *n);
void gw_steering_now(struct gw_node *n, struct gw_now now); /* at every call into the node */
int gw_steering_restore(struct gw_node *n, const uint8_t *key, size_t key_len, const void *value,
                        size_t len);
/* GW_ENOMEM: not all has been said; what is missing follows. */
int gw_steering_start(struct gw_node *n);
int gw_steering_reload(struct gw_node *n, const struct gw_config *before);
int gw_steering_input(struct gw_node *n,
                      const struct gw_input *in);              /* STAMP, REPORT, MISS, TRANSFER */
int gw_steering_message(struct gw_node *n, struct gw_peer *p); /* n->in, authenticated */
int gw_steering_plane_done(struct gw_node *n, uint64_t tag, int result);
/* transfer.c: a client has been taken over, and every egress knows. */
struct gw_client;
void gw_transferring_taken(struct gw_node *n, struct gw_client *c);
/* steering_show.c */
void gw_steering_show(const struct gw_node *n, enum gw_show what, struct gw_emit *e,
                      struct gw_now now);
void gw_steering_counters(const struct gw_node *n, struct gw_emit *e);

/* handover.c: nothing happens where clients are not handed over. */
int gw_moving_init(struct gw_node *n, const struct gw_config *c, uint64_t seed);
void gw_moving_free(struct gw_node *n);
void gw_moving_now(struct gw_node *n, struct gw_now now); /* at every call into the node */
int gw_moving_restore(struct gw_node *n, const struct gw_input *in);
void gw_moving_start(struct gw_node *n); /* fn/lm has said all; SYNC follows */
void gw_moving_reload(struct gw_node *n);
/* What fn/lm says of a prefix: it may become something else. */
void gw_moving_intent(struct gw_node *n, struct gw_intent *i);
void gw_moving_settle(struct gw_node *n); /* an input or a deadline has been dealt with */
int gw_moving_input(struct gw_node *n, const struct gw_input *in); /* FLOW, MARKED, HINT */
void gw_moving_station(struct gw_node *n, const struct gw_station_key *st, bool here);
int gw_moving_message(struct gw_node *n, const struct gw_peer *p); /* n->in, with C; MOVE_ACK */
void gw_moving_show(const struct gw_node *n, enum gw_show what, struct gw_emit *e);
void gw_moving_counters(const struct gw_node *n, struct gw_emit *e);
/* locating.c: nothing happens where there is neither a location server nor handover of clients. */
struct gw_client;
int gw_locating_init(struct gw_node *n, const struct gw_config *c, uint64_t seed);
void gw_locating_free(struct gw_node *n);
int gw_locating_restore(struct gw_node *n, const struct gw_input *in);
int gw_locating_reload(struct gw_node *n);
/* Of a client here: the egresses of its flows are others now; it is gone; has anybody seen it? */
void gw_locating_changed(struct gw_node *n, const struct gw_client *c);
void gw_locating_left(struct gw_node *n, const struct gw_client *c);
bool gw_locating_ask(struct gw_node *n, const struct gw_client *c);
int gw_locating_message(struct gw_node *n, const struct gw_peer *p); /* LOCATE, WHERE, LOCATED */
int gw_locating_ack(struct gw_node *n, const struct gw_peer *p);     /* GW_ENOENT: not for it */
void gw_locating_show(const struct gw_node *n, struct gw_emit *e, struct gw_now now);
void gw_locating_counters(const struct gw_node *n, struct gw_emit *e);

/* peer.c */
int gw_peers_load(struct gw_node *n, const struct gw_config *cfg, struct gw_table *out);
void gw_peers_free(struct gw_node *n, struct gw_table *t);
struct gw_peer *gw_peer_get(const struct gw_node *n, const struct gw_addr *a);
/* NULL without memory, which is counted. */
struct gw_talk *gw_peer_talk(struct gw_node *n, struct gw_peer *p);
const struct gw_cfg_peer *gw_peer_cfg(void *node, const struct gw_addr *a);

#endif
