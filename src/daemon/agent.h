/* agent.h: the metric agent (C-SMA): what this node knows of the instances that it speaks for, from
 * the host, from checks, from scraping and from what they say of themselves; each becomes samples
 * for the node (GW_IN_REPORT), which scores them and decides what is told. Private to src/daemon.
 *
 *   agent.c         instances, their state, samples, the agent's time
 *   agent_check.c   health checks
 *   agent_scrape.c  Prometheus endpoints
 *   agent_say.c     what an instance says of itself: register, report, withdraw
 *   agent_socket.c  ... over the Unix socket, agent_http.c over HTTP
 *   agent_link.c    ... over the connection that moves of transactions need too (agent_move.h)
 *
 * Decisions:
 * - Nothing is said of an instance before something is known: a restarted agent neither takes an
 *   instance down nor up that it has not heard of. What others were told holds meanwhile (steering
 *   lifetime).
 * - The first good check takes an instance up; `fall` bad ones take it down, also at the start.
 * - Whoever runs as root on this host may speak for each instance over the Unix socket; everybody
 *   else, and everybody over HTTP, needs its token.
 * - What an instance has said of its load holds for its lease, what was scraped for three
 *   intervals; then it is not known.
 */
#ifndef GW_DAEMON_AGENT_H
#define GW_DAEMON_AGENT_H

#include "base/timer.h"
#include "daemon/daemon.h"
#include "sys/fetch.h"
#include "sys/host.h"

#define GWD_AGENT_RATE  200 /* messages per second of one instance */
#define GWD_AGENT_BURST 400

enum gwd_verdict { GWD_NOT_KNOWN, GWD_GOOD, GWD_BAD };

struct gwd_check {
    struct gw_timer timer; /* the next one */
    struct gw_fetch *fetch;
    enum gwd_verdict verdict;
    unsigned row; /* results in a row that speak against the verdict */
    char why[96]; /* the last one failed; "": it did not */
};
struct gwd_scrape {
    struct gw_timer timer;
    struct gw_fetch *fetch;
    struct gw_metric_raw raw;
    struct gw_time at;                                   /* of raw; 0: never */
    double sum[GW_METRIC_KINDS], count[GW_METRIC_KINDS]; /* of histograms, at the last reading */
    char why[96];
};
struct gwd_instance {
    struct gwd_agent *agent;
    size_t index; /* in the configuration */
    struct gw_addr csci_id;
    bool registered;
    bool gone;     /* it has said so */
    bool draining; /* it says so */
    bool drained;  /* the operator says so */
    struct gw_timer lease;
    struct gw_time heard; /* from itself, last; 0: never */
    struct gw_metric_raw pushed;
    uint32_t slots; /* as it says; 0: as configured */
    struct gw_icmp_rate rate;
    struct gwd_check check;
    struct gwd_scrape scrape;
    bool said; /* `state` has been */
    enum gw_instance_state state;
};

struct gwd_transaction;
struct gwd_line;
struct gwd_agent {
    struct gwd *daemon;
    struct gw_timers timers;
    uv_timer_t clock; /* of `timers` */
    struct gw_timer sample;
    struct gw_host host;
    struct gw_metric_raw host_raw;
    struct gw_fetcher *fetcher;
    size_t n;
    struct gwd_instance *instances;
    uint32_t generation; /* of `instances`: a reload begins another */
    struct gwd_control socket;
    struct gwd_http *http; /* NULL: none */
    /* agent_link.h: instances that can move transactions, moves, what has gone elsewhere. */
    struct gwd_line *links;
    struct gwd_move *moves;
    struct gwd_grave *graves;
    size_t nmoves, ngraves;
    uint64_t last_move;
    bool (*moved)(void *user, const struct gwd_transaction *t);
    void *moved_user;
};

static inline const struct gw_cfg_instance *gwd_instance_cfg(const struct gwd_instance *x)
{
    return &x->agent->daemon->conf->instances[x->index];
}

/* agent.c */
struct gwd_instance *gwd_instance_named(struct gwd_agent *a, const char *name);
void gwd_agent_at(struct gwd_agent *a, struct gw_timer *t, struct gw_time at);
void gwd_agent_stop(struct gwd_agent *a, struct gw_timer *t);
/* It has come, or is gone until it comes again. */
void gwd_instance_come(struct gwd_instance *x);
void gwd_instance_leave(struct gwd_instance *x);
/* Something about it has changed: the node gets a sample, if anything is known. */
void gwd_instance_changed(struct gwd_instance *x);

/* agent_check.c: begins (anew), ends; the result of a check; and what it said of itself counts as
 * one where it is checked by its reports. */
void gwd_check_begin(struct gwd_instance *x);
void gwd_check_end(struct gwd_instance *x);
void gwd_check_heard(struct gwd_instance *x);

/* agent_scrape.c */
void gwd_scrape_begin(struct gwd_instance *x);
void gwd_scrape_end(struct gwd_instance *x);
/* The metrics that a Prometheus text has of the instance, added to raw; GW_EFORMAT, and the line.
 * sum and count: of histograms and summaries, at the last reading; 0: none yet. */
int gwd_scrape_read(const struct gw_cfg_scrape *cfg, const char *text, size_t len, double *sum,
                    double *count, struct gw_metric_raw *raw, unsigned *line);

/* agent_say.c */
enum gwd_said { GWD_SAID, GWD_SAID_TOO_OFTEN, GWD_SAID_BAD };
enum gwd_verb { GWD_REGISTER, GWD_REPORT, GWD_WITHDRAW };
/* Is that its credential? In constant time. */
bool gwd_instance_admits(const struct gwd_instance *x, const char *token);
/* body: the report, an object; else not looked at. Not GWD_SAID: *why is a new text. */
enum gwd_said gwd_instance_say(struct gwd_instance *x, enum gwd_verb verb, const json_t *body,
                               json_t **why);

/* agent_link.c: the instance speaks in frames from now on; fd is taken over. */
void gwd_line_open(struct gwd_agent *a, const struct gw_addr *csci_id, int fd);
void gwd_line_close(struct gwd_line *l);
/* agent_move.c: the agent ends: everything goes on where it is. */
void gwd_move_close(struct gwd_agent *a);

/* agent_socket.c, agent_http.c: 0, or a gw_err after a log line. */
int gwd_agent_socket_open(struct gwd_agent *a);
int gwd_agent_http_open(struct gwd_agent *a);
void gwd_agent_http_close(struct gwd_agent *a);
void gwd_agent_http_free(struct gwd_agent *a); /* when the loop is closed */

#endif
