/* daemon.h: one running node in one process: its loop, descriptors and the layers it drives.
 * Private to src/daemon. One thread; only the store's sync runs on libuv's pool.
 *
 *   main.c     arguments, exit status
 *   start.c    the order in which things are opened and closed
 *   io.c       descriptors become node inputs
 *   attach.c   hostapd's stations become node inputs, accounting.c those of RADIUS
 *   stamp.c    the sockets of STAMP
 *   agent*.c   the metric agent (agent.h)
 *   transfer*.c transactions move to instances of other egresses (transfer.h)
 *   announce.c which services have an instance becomes what BIRD announces
 *   policy.c   IPsec policies become a node input
 *   driver.c   node actions are carried out
 *   batch.c    messages wait for the records before them
 *   operate.c  control requests about other nodes' bindings
 *   steer.c    control requests about services
 *   ladder.c   the control request about a client's handovers
 *   request.c  control requests, control.c their socket, json.c their form
 *   reload.c   another configuration in a running daemon
 */
#ifndef GW_DAEMON_DAEMON_H
#define GW_DAEMON_DAEMON_H

#include "daemon/control.h"
#include "node/node.h"
#include "store/store.h"
#include "sys/icmp.h"
#include "sys/logger.h"
#include "sys/netlink.h"
#include "sys/plane.h"

#include <net/if.h>
#include <uv.h>

struct gwd;

/* A watched descriptor. */
struct gwd_fd {
    int fd; /* -1: not open */
    uv_poll_t poll;
    bool polled, owned;
};

struct gwd_if {
    char name[IF_NAMESIZE];
    enum gw_if_side side;
    unsigned ifindex;
    uint32_t index; /* in the configuration's list: the node's name for it */
    bool carrier;
    struct gwd_fd nd; /* access side only */
    struct gwd *daemon;
};

/* Messages that wait for a batch of records: a head and the octets, in order (batch.c). */
struct gwd_queue {
    uint8_t *buf;
    size_t used, size;
};

/* What the node wants to know of the packet path, with the time it was found out. */
struct gwd_done {
    struct gw_input in; /* without pointers */
    struct gw_now at;
};

#define GWD_COUNTERS(X)                                 \
    X(mh_received, "mh-received")                       \
    X(mh_sent, "mh-sent")                               \
    X(mh_send_errors, "mh-send-errors")                 \
    X(mh_unprotected, "mh-unsent-no-ipsec-policy")      \
    X(nd_received, "nd-received")                       \
    X(nd_sent, "nd-sent")                               \
    X(nd_send_errors, "nd-send-errors")                 \
    X(stamp_received, "stamp-received")                 \
    X(stamp_refused, "stamp-refused")                   \
    X(stamp_sent, "stamp-sent")                         \
    X(stamp_send_errors, "stamp-send-errors")           \
    X(param_problems_sent, "param-problems-sent")       \
    X(param_problems_limited, "param-problems-limited") \
    X(intents, "intents")                               \
    X(intent_errors, "intent-errors")                   \
    X(store_commits, "store-commits")                   \
    X(store_syncs, "store-syncs")                       \
    X(store_errors, "store-errors")                     \
    X(netlink_lost, "netlink-lost")                     \
    X(hostapd_connections, "hostapd-connections")       \
    X(hostapd_events, "hostapd-events")                 \
    X(hostapd_bad, "hostapd-malformed")                 \
    X(hostapd_full, "hostapd-stations-limit")           \
    X(agent_samples, "agent-samples")                   \
    X(agent_messages, "agent-messages")                 \
    X(agent_malformed, "agent-malformed")               \
    X(agent_denied, "agent-denied")                     \
    X(agent_limited, "agent-rate-limited")              \
    X(agent_leases_ended, "agent-leases-ended")         \
    X(agent_checks, "agent-checks")                     \
    X(agent_check_failures, "agent-check-failures")     \
    X(agent_scrapes, "agent-scrapes")                   \
    X(agent_scrape_errors, "agent-scrape-errors")       \
    X(agent_fetches_limit, "agent-fetches-limit")       \
    X(transfer_connections, "transfer-connections")     \
    X(transfer_strangers, "transfer-refused-peer")      \
    X(transfer_unannounced, "transfer-not-announced")   \
    X(transfer_failures, "transfer-connections-broken") \
    X(transfer_too_large, "transfer-too-large")         \
    X(transfer_limit, "limit-transfer-connections")     \
    X(transfer_octets, "transfer-octets")               \
    X(agent_links, "instance-links")                    \
    X(moves_out, "moves-out")                           \
    X(moves_in, "moves-in")                             \
    X(moves_failed, "moves-failed")                     \
    X(moves_refused, "moves-refused")                   \
    X(moves_connections, "moves-connections")           \
    X(moves_octets, "moves-octets")                     \
    X(moves_thawed, "moves-orphans")                    \
    X(reloads, "reloads")                               \
    X(reload_errors, "reload-errors")                   \
    X(control_requests, "control-requests")
struct gwd_counters {
#define X(member, name) uint64_t member;
    GWD_COUNTERS(X)
#undef X
};

struct gwd {
    uv_loop_t loop;
    uv_prepare_t prepare; /* arms the deadline */
    uv_check_t check;     /* ends the batch of an iteration */
    uv_timer_t second;
    uv_signal_t signal[3];
    uv_work_t sync;
    struct gw_logger logger;
    struct gw_config *conf;
    const char *conf_path;
    bool rebuild; /* discard a packet path of another version */
    struct gw_node *node;
    struct gw_bpf *bpf;
    struct gw_store *store;
    struct gwd_control control;
    size_t nifs;
    struct gwd_if *ifs;
    struct gwd_fd mh, plane, netlink, deadline, xfrm;
    struct gwd_fd reflector, prober; /* of STAMP */
    size_t nhostapd;
    struct gwd_hostapd *hostapd; /* attach.c */
    struct gwd_accounting *accounting;
    struct gwd_agent *agent;         /* NULL: none */
    struct gwd_announce *announce;   /* NULL: BIRD is told nothing */
    struct gwd_transfers *transfers; /* transfer.h */
    int icmp_fd;
    struct gw_icmp_rate icmp_rate;
    struct gw_time armed; /* what the deadline timer stands at */
    struct gwd_queue queue;
    struct gwd_done *done;
    size_t ndone, done_size;
    struct gw_intent_result applied;
    struct gwd_counters count;
    struct gw_time started;
    bool adopted;     /* pins of an earlier process were there */
    bool store_dirty; /* committed and not yet synced */
    bool syncing;
    bool serving;              /* the loop runs: a sync need not hold it up */
    uint64_t batches, durable; /* ended, and durable of them as the configuration asks */
    uint64_t sync_batch;       /* the last one that the sync under way takes along */
    struct gw_store_why sync_why;
    int sync_err;
};

/* start.c */
int gwd_start(struct gwd *d); /* 0, or a negative gw_err after a log line */
void gwd_stop(struct gwd *d); /* also after a failed start; uses conf->daemon.on_stop */

/* io.c: GW_ESYS leaves the descriptor with the caller. */
int gwd_watch(struct gwd *d, struct gwd_fd *f, int fd, bool owned, uv_poll_cb cb, void *data);
void gwd_unwatch(struct gwd_fd *f);
/* At the end of a callback of gwd_watch's: goes on watching after an error. */
void gwd_go_on(uv_poll_t *poll, int status, uv_poll_cb cb);
/* Takes the signalling messages that have arrived by now. */
void gwd_mh_read_all(struct gwd *d);
int gwd_io_open(struct gwd *d);
void gwd_io_close(struct gwd *d);
void gwd_links_refresh(struct gwd *d);

/* attach.c: NULL when no interface is called so; open when the node has started; free when the loop
 * is closed. */
const struct gwd_if *gwd_if_named(const struct gwd *d, const char *name);
int gwd_attach_open(struct gwd *d);
void gwd_attach_close(struct gwd *d);
void gwd_attach_free(struct gwd *d);
void gwd_attach_show(const struct gwd *d, struct gw_emit *e); /* members of an object */
/* Do they learn of attachments from the same places? */
bool gwd_attach_same(const struct gw_config *a, const struct gw_config *b);

/* policy.c: open for what a configuration needs, 0 or GW_ESYS (errno); read and tell the node. */
int gwd_policies_open(struct gwd *d, const struct gw_config *c);
void gwd_policies_read(struct gwd *d);
void gwd_policies_close(struct gwd *d);

/* accounting.c: the same for RADIUS; free after the node. */
int gwd_accounting_open(struct gwd *d); /* 0, GW_ENOMEM, or GW_ESYS with errno */
void gwd_accounting_close(struct gwd *d);
void gwd_accounting_free(struct gwd *d);
void gwd_accounting_count(const struct gwd *d, struct gw_emit *e);
bool gwd_accounting_same(const struct gw_config *a, const struct gw_config *b);

/* announce.c: open before the node starts (0 or GW_ENOMEM), free when the loop is closed. */
int gwd_announce_open(struct gwd *d);
void gwd_announce_note(struct gwd *d, const struct gw_intent *in);
void gwd_announce_reload(struct gwd *d, const struct gw_config *old); /* d->conf is the new one */
bool gwd_announce_same(const struct gw_config *a, const struct gw_config *b);
void gwd_announce_close(struct gwd *d, bool withdraw);
void gwd_announce_free(struct gwd *d);

/* stamp.c: 0, or GW_ESYS after a log line. */
int gwd_stamp_open(struct gwd *d);
void gwd_stamp_close(struct gwd *d);
void gwd_stamp_send(struct gwd *d, const struct gw_action *act);

/* agent.c: open when the node has started (0, or a gw_err), free when the loop is closed; after
 * another configuration; what it knows of an instance of its own, into a row of `show`; and the
 * requests drain and undrain. */
int gwd_agent_open(struct gwd *d);
void gwd_agent_close(struct gwd *d);
void gwd_agent_free(struct gwd *d);
void gwd_agent_reload(struct gwd *d);
bool gwd_agent_same(const struct gw_config *a, const struct gw_config *b);
void gwd_agent_describe(const struct gwd *d, const struct gw_addr *csci_id, json_t *row);
json_t *gwd_agent_drain(struct gwd *d, const char *cmd, const char *name);

/* transfer.c: open before the node starts (0, or a gw_err after a log line), free when the loop is
 * closed; a step that the node wants. */
struct gwd_mover;
extern const struct gwd_mover gwd_agent_mover; /* agent_mover.c */
int gwd_transfers_open(struct gwd *d, const struct gwd_mover *mover);
void gwd_transfers_free(struct gwd *d);
void gwd_transfer_step(struct gwd *d, const struct gw_transfer_step *step);

/* driver.c */
int gwd_input(struct gwd *d, const struct gw_input *in, struct gw_now now);
void gwd_carry_out(struct gwd *d);   /* whatever the node wants done */
void gwd_driver_free(struct gwd *d); /* the memory of driver.c and batch.c */

/* batch.c */
void gwd_send_mh(struct gwd *d, const struct gw_action *act);
void gwd_flush(struct gwd *d);     /* ends the batch, and sends what may leave */
void gwd_sync(struct gwd *d);      /* begins a sync of what is committed, if need be */
void gwd_batch_end(struct gwd *d); /* the last flush: nothing waits after it */

/* request.c */
gwd_control_fn gwd_request;

/* steer.c: what the packet path counts for rows of the node's; what `show affinity` shows; the
 * requests why and trace. */
void gwd_steer_add_counts(const struct gwd *d, enum gw_show what, json_t *rows);
json_t *gwd_steer_affinity(struct gwd *d);
json_t *gwd_steer_why(struct gwd *d, const json_t *req);
json_t *gwd_steer_trace(struct gwd *d, const json_t *req);

/* ladder.c */
json_t *gwd_ladder(struct gwd *d, const json_t *req);

/* What a request means by a service: its name, or a CS-ID and what else tells it. What is left out
 * is that of the first service with this CS-ID. false: *wrong is the answer. */
bool gwd_steer_read_service(const struct gwd *d, const json_t *req, struct gw_service_key *out,
                            json_t **wrong);

/* transfer_order.c: the request transfer. */
json_t *gwd_transfer_request(struct gwd *d, const json_t *req);

/* operate.c: the requests revoke, notify and allow. */
json_t *gwd_operate(struct gwd *d, const json_t *req);
/* By its name or address; NULL: none. */
const struct gw_cfg_peer *gwd_find_peer(const struct gwd *d, const char *text);

/* predict.c */
json_t *gwd_predict(struct gwd *d, const json_t *req);

/* reload.c: reads the file again. 0 and what was not done is nothing; else a gw_err, and *problems
 * (may be NULL) is a new array of texts. */
int gwd_reload(struct gwd *d, json_t **problems);

#endif
