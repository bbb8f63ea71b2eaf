/* own.h: the instances that this node speaks for (C-SMA): what host, instance and checks say of
 * each (samples) becomes scores, and what is worth telling goes to gw_metric_say.
 *
 * Left to others: taking samples and checking health (src/daemon), scores (score.h), what is worth
 * telling (report.h), who is told (metric.h).
 *
 * Decisions of this implementation:
 * - An instance without health check that does not register itself is there from the start; every
 *   other one from a sample that says so. A sample of state DEAD ends it, and so does its lease: of
 *   one that registers, the configured time without a sample; of one whose health check is its own
 *   reports, as many intervals as checks may fall.
 * - That an instance is there survives a restart (a record of the store): it is told at once, with
 *   a lease of its own or, where somebody checks its health, of a record's lifetime. Or else the
 *   restart of a daemon would end the flows of instances that live.
 * - What has been sampled lately and has not moved is told anew four times a lifetime, with the
 *   time of the sample; what nobody samples any more is told anew with the age it has (metric.h).
 */
#ifndef GW_FN_METRIC_OWN_H
#define GW_FN_METRIC_OWN_H

#include "fn/metric/metric.h"
#include "fn/metric/report.h"
#include "fn/metric/score.h"
#include "plane/intent.h"

struct gw_config;

/* What host, instance and checks say of an instance; the node makes scores of it, and decides what
 * is told to others. */
struct gw_sample {
    size_t instance;        /* index in the configuration */
    struct gw_addr csci_id; /* its, as the sender knows it: after a reload indices may be others */
    enum gw_instance_state state;
    uint32_t slots;           /* 0: as configured */
    struct gw_metric_raw raw; /* L0 */
};

struct gw_own {
    struct gw_addr csci_id; /* the key */
    struct gw_owns *all;
    size_t index; /* in the configuration */
    struct gw_cats_service service;
    bool there, stored;
    bool sampled; /* since it was told last */
    struct gw_sample sample;
    struct gw_metric_scores scores;
    struct gw_time at; /* of the sample; 0: none */
    struct gw_report report;
    struct gw_timer again; /* what is held back, or told anew */
    struct gw_timer lease;
};

struct gw_owns_ops {
    void (*put)(void *user, const void *key, size_t key_len, const void *value, size_t value_len);
    void (*del)(void *user, const void *key, size_t key_len);
};
#define GW_OWN_RECORD 'S' /* the first octet of its record's key; its CSCI-ID follows */

struct gw_owns {
    const struct gw_config *cfg;
    const struct gw_alloc *al;
    struct gw_timers *timers;
    struct gw_metric *metric; /* its `now` is this one's */
    const struct gw_owns_ops *ops;
    void *user;
    struct gw_table table; /* owned */
    uint64_t samples, strange, expired;
};

void gw_owns_init(struct gw_owns *w, uint64_t seed);
void gw_owns_free(struct gw_owns *w);
/* Before gw_owns_load: a record of the store. 0; GW_EFORMAT, GW_ENOMEM. */
int gw_owns_restore(struct gw_owns *w, const uint8_t *key, size_t key_len);
/* Follows w->cfg: those that are new are told when they are there, those that it has no more are
 * withdrawn. GW_ENOMEM: not all of them; call it again. */
int gw_owns_load(struct gw_owns *w);
/* 0; GW_ENOENT: none of ours; GW_EFULL, GW_ENOMEM: it is told later. */
int gw_owns_sample(struct gw_owns *w, const struct gw_sample *s);
const struct gw_own *gw_own_get(const struct gw_owns *w, const struct gw_addr *csci_id);

#endif
