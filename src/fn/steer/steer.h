/* steer.h: what is known of service instances, wherever they are, becomes what the packet path
 * chooses from (C-TC and, in the distributed model, C-PS; RFC 10053): each service of the
 * configuration, and each of its instances with the way to it.
 *
 *   steer.c    services, instances, paths to intents   mapping.c   D-Router and D-Forwarder:
 * MAPPING central.c  an ingress that has a path selector     selector.c  the path selector share.c
 * its rule
 *
 * Left to others: who knows which instances (fn/metric), the choice itself and what belongs to a
 * flow (src/plane).
 *
 * Decisions of this implementation:
 * - A CSCI-ID is one instance, of one service. When several origins speak of it, the record of this
 *   node counts first, then one that is up, then the latest.
 * - Only what changed is said: a report always, the way to an egress when it is more than an eighth
 *   and 100 us off what was said.
 * - Until the way to an egress has been measured, it counts as long as a probe is waited for.
 * - Egress down: its instances are dead. Its machine refuses probes: they are draining, because
 *   packets still get through. The record withdrawn or aged out: the instance is removed, and its
 *   flows are as those of a dead one.
 * - After a start the packet path keeps what it had until every neighbour has told all it knew, or
 *   5 s later all of those that have answered, at last after a record's lifetime: then
 *   GW_INTENT_SERVE_SYNC removes what nobody has named.
 * - What the packet path refuses is said again, every second.
 */
#ifndef GW_FN_STEER_STEER_H
#define GW_FN_STEER_STEER_H

#include "fn/metric/metric.h"
#include "fn/metric/path.h"
#include "plane/intent.h"

struct gw_config;
struct gw_cfg_service;

#define GW_STEER_COUNTERS(X)                   \
    X(CONFLICT, "steer-conflicting-instances") \
    X(STRANGE, "steer-unknown-egress")         \
    X(LIMIT, "limit-steer-instances")          \
    X(MAPPED, "steer-flows-mapped")            \
    X(REFUSED, "steer-refused-by-packet-path") \
    X(INTENTS, "steer-intents")
enum gw_steer_count {
#define X(id, name) GW_SCNT_##id,
    GW_STEER_COUNTERS(X)
#undef X
        GW_SCNT_MAX
};
const char *gw_steer_count_name(enum gw_steer_count c);

/* Tags of its intents have this bit; nobody else's do. */
#define GW_STEER_TAG (UINT64_C(1) << 63)

struct gw_steer_instance {
    struct gw_addr csci_id; /* the key */
    struct gw_intent_instance said;
    bool refused;          /* say it again */
    struct gw_time mapped; /* a D-Router has said where it is, which counts until then */
    uint64_t tag;          /* of the last time that it was said */
    uint16_t share;        /* of its service's new flows, as the path selector has it */
    struct gw_time share_until, share_ask; /* it counts; it is asked for again. 0: none */
};

struct gw_steer_ops {
    void (*intent)(void *user, const struct gw_intent *i);
    bool (*peer)(void *user, const struct gw_addr *a); /* is it a forwarder that may be sent to? */
    /* Are its new flows drawn by the path selector's shares, not by its policy? */
    bool (*by_share)(void *user, const struct gw_service_key *k);
};

struct gw_steer {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_timers *timers;
    struct gw_metric *metric; /* its `now` is this one's */
    struct gw_paths *paths;
    const struct gw_steer_ops *ops;
    void *user;
    struct gw_table instances; /* owned */
    uint64_t count[GW_SCNT_MAX];
    uint64_t last_tag;
    struct gw_timer look; /* every second */
    struct gw_time started;
    bool running, synced;
    bool services_refused; /* one of them: say them again */
};

void gw_steer_init(struct gw_steer *s, size_t limit, uint64_t seed);
void gw_steer_free(struct gw_steer *s);
/* Says all services; instances follow as they are told. 0; GW_ENOMEM. */
int gw_steer_start(struct gw_steer *s);
/* s->cfg is another one. */
void gw_steer_reload(struct gw_steer *s, const struct gw_config *before);
/* A record has come, changed or gone (struct gw_metric_ops). */
void gw_steer_changed(struct gw_steer *s, const struct gw_metric_instance *x);
/* The way to a forwarder is another one: up, down, refused. */
void gw_steer_turned(struct gw_steer *s, const struct gw_addr *egress);
/* The packet path's answer to an intent. GW_ENOENT: not one of these. */
int gw_steer_done(struct gw_steer *s, uint64_t tag, int result);
/* A MAPPING names an instance: where nobody else tells of it, that is all there is to know. */
void gw_steer_told(struct gw_steer *s, const struct gw_service_key *k,
                   const struct gw_cats_choice *c);
/* A neighbour has told something: is that all of them? */
void gw_steer_look_synced(struct gw_steer *s);

/* Its policy, or what is drawn by, is another one. */
void gw_steer_say_service(struct gw_steer *s, const struct gw_cfg_service *v);
/* Its share; 0: none that counts still. */
uint16_t gw_steer_share(const struct gw_steer *s, const struct gw_steer_instance *e);

/* Of ways, in us: is it not worth saying that a has become b? */
bool gw_steer_near(uint32_t a, uint32_t b);
bool gw_steer_same_key(const struct gw_service_key *a, const struct gw_service_key *b);
bool gw_steer_measured(const struct gw_cats_instance *v); /* or is nothing of it known? */
/* The configured service; NULL: none. */
const struct gw_cfg_service *gw_steer_service(const struct gw_config *c,
                                              const struct gw_service_key *k);
/* On the wire (enum gw_cats_affinity); NULL, a service that is not configured: by flow. */
uint8_t gw_steer_cats_affinity(const struct gw_cfg_service *s);
const char *gw_steer_state_name(enum gw_instance_state s); /* "draining" */
static inline struct gw_cats_service gw_steer_cats_key(const struct gw_service_key *k)
{
    return (struct gw_cats_service){.cs_id = k->cs_id, .proto = k->proto, .port = k->port};
}
/* The record that counts of those that are told of an instance; NULL: all are gone. */
const struct gw_metric_instance *gw_steer_record(const struct gw_metric *m,
                                                 const struct gw_cats_service *s,
                                                 const struct gw_addr *csci_id);

#endif
