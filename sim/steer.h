/* steer.h: the evaluation of steering (doc/steering.md): the path selector's rule as the packet
 * path has it (plane/steer.h), several ingresses with a view of their own each, instances as queues
 * whose machines others use too, and real input: sites, users and requests.
 *
 *   steer_data.c    reads the data             steer_view.c    an ingress: its tables, its choice
 *   steer_world.c   who is where, what comes   steer_run.c     one run and what it came to
 *   steer_server.c  an instance                steer_main.c    options, sweeps, CSV
 *
 * Time is in nanoseconds since the start of the run. A run is a function of its configuration and
 * the data: integers only, no clock, no entropy. Runs that differ in policy or interval only have
 * the same users, requests and interference.
 */
#ifndef SIM_STEER_H
#define SIM_STEER_H

#include <stdio.h>

#include "base/prng.h"
#include "base/timer.h"
#include "geo.h"
#include "plane/steer.h"
#include "sim.h"

enum {
    STEER_ORACLE = GW_STEER_POLICY_COUNT, /* knows all loads, speeds and paths as they are */
    STEER_POLICIES,
    STEER_TENANTS = 3, /* others that use a server's machine */
    STEER_FULL_SPEED = 1024,
};

struct steer_conf {
    uint32_t policy;
    uint32_t load; /* offered work by mean capacity, of 1000 */
    int64_t interval;
    uint64_t seed;
    uint32_t servers, slots, ingresses;
    int64_t span, warmup; /* requests come until span; those before warmup are not counted */
    uint32_t part;        /* of the trace: 0 all, 1 first half, 2 second half */
    bool failing;         /* an instance fails at once for the middle third */
    uint32_t width, settle_ms, blur, quantile, lasting; /* of the default policy */
};
/* Every field but seed, policy, interval and load; the defaults of doc/steering.md. */
void steer_conf_init(struct steer_conf *c);

/* -- steer_data.c -------------------------------------------------------------------------------
 */

struct steer_row {
    int64_t at;
    uint32_t context, generated; /* tokens */
};
struct steer_data {
    struct sim_sites sites;
    struct sim_pos *user;
    struct steer_row *row;
    size_t nusers, nrows;
};
/* Reads all files of dir. On a fault: false, and why names file, line and value. */
bool steer_data_read(struct steer_data *d, const char *dir, char *why, size_t size);
void steer_data_free(struct steer_data *d);

/* -- steer_world.c ------------------------------------------------------------------------------
 */

struct steer_run;
struct steer_server;

struct steer_request {
    int64_t at;
    int64_t work; /* ns at full speed */
    uint32_t ingress;
    bool failed;
    struct steer_server *server;
    struct gw_timer timer;
    int64_t finish;             /* the server's work, when it runs */
    struct steer_request *next; /* that waits */
};

struct steer_world {
    struct sim_pos *server, *ingress;
    int64_t *delay; /* one way, [ingress * servers + server] */
    struct steer_request *request;
    size_t nrequests;
    int64_t typical; /* mean work */
};
/* The service time of a request that need not wait, at full speed. */
int64_t steer_work(const struct steer_row *r);
void steer_world_make(struct steer_world *w, const struct steer_conf *c,
                      const struct steer_data *d);
void steer_world_free(struct steer_world *w);

/* -- steer_server.c -----------------------------------------------------------------------------
 */

/* What a value was at a time that is not long ago. */
struct steer_change {
    int64_t at;
    uint32_t value;
};
struct steer_history {
    struct steer_change *ring;
    size_t size, used; /* size: a power of two; used: ever */
};
void steer_history_init(struct steer_history *h, size_t size, uint32_t value);
void steer_history_note(struct steer_history *h, int64_t at, uint32_t value);
uint32_t steer_history_at(const struct steer_history *h, int64_t at);

struct steer_tenant {
    struct gw_timer timer;
    struct gw_prng prng;
    bool busy;
};

struct steer_server {
    struct steer_run *run;
    uint32_t index, speed, in_flight, nrunning, errors;
    int64_t done, at; /* work done by a slot that was never idle, times 1024, as of `at` */
    struct steer_request **running, *first, **last;
    struct gw_timer next, check;
    struct steer_tenant tenant[STEER_TENANTS];
    struct steer_history loads, speeds, error_rates;
    int64_t sum, squares; /* of samples: distance of its fill from the mean of all */
};
/* Mean over time of a server's speed, of STEER_FULL_SPEED. */
uint32_t steer_mean_speed(void);
void steer_server_init(struct steer_server *v, struct steer_run *r, uint32_t index);
void steer_server_free(struct steer_server *v);
void steer_server_take(struct steer_server *v, struct steer_request *q);

/* -- steer_view.c -------------------------------------------------------------------------------
 */

struct steer_ingress {
    struct gw_prng prng;
    struct gw_t_service service;
    struct gw_t_service_use service_use;
    struct gw_t_candidate *candidate;
    struct gw_t_candidate_use *use;
    struct steer_history *own;
    uint8_t *ring;
};
void steer_ingress_init(struct steer_ingress *g, struct steer_run *r, uint32_t index);
void steer_ingress_free(struct steer_ingress *g);
/* Which server a request that comes now goes to; counted there. */
uint32_t steer_choose(struct steer_run *r, uint32_t ingress);
void steer_forget(struct steer_run *r, uint32_t ingress, uint32_t server); /* a flow has ended */

/* -- steer_run.c --------------------------------------------------------------------------------
 */

struct steer_run {
    const struct steer_conf *conf;
    struct steer_world world;
    struct steer_server *server;
    struct steer_ingress *ingress;
    struct gw_timers timers;
    struct gw_timer arrival, sample;
    int64_t now;
    size_t arrived, over; /* requests */
    uint32_t samples;
    uint32_t *response_us; /* of those counted */
    size_t counted, failed;
};
int64_t steer_phase(const struct steer_run *r, uint32_t server); /* of its reports */
void steer_answered(struct steer_run *r, struct steer_request *q);

struct steer_outcome {
    size_t requests, failed;
    uint64_t mean_us;
    uint32_t p50_us, p99_us, p999_us;
    uint32_t swing; /* of 1000: see doc/steering.md */
};
/* responses: if not NULL, those of this run are appended (the caller frees it). */
struct steer_responses {
    uint32_t *us;
    size_t used, size;
};
struct steer_outcome steer_run(const struct steer_conf *c, const struct steer_data *d,
                               struct steer_responses *responses);
/* What a set of responses comes to; sorts it. */
void steer_summarise(struct steer_responses *r, struct steer_outcome *o);

int steer_main(int argc, char **argv);

#endif
