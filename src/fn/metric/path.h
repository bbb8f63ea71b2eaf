/* path.h: the way from here to other forwarders (C-NMA): probes of STAMP (RFC 8762), what their
 * answers say of delay, jitter and loss, and whether the other end is there at all. And the
 * reflector.
 *
 * Left to others: sockets, the hop limit of what comes in and, where it can do better than this
 * node's idea of now, the timestamps (src/sys); what an unreachable egress means for flows
 * (fn/steer).
 *
 * Decisions of this implementation:
 * - Delay is half of the round trip without the reflector's own time: clocks need not agree (§4.2.1
 * allows both). Smoothed by 1/8, and never below the least of the last 16.
 * - Jitter is the mean deviation of RFC 3550 §6.4.1, of round trips, halved.
 * - A target is down when `detect` probes in a row have no answer, and up with the first answer:
 * detection takes at most detect + 1 intervals and `wait`.
 * - Where a kernel says that nobody listens, packets get through and their path lives: `refused`
 * is neither up nor down. Kernels say that once a second (Linux's icmp ratelimit), so a target that
 * has refused is down only after 2.5 s of silence.
 * - The reflector keeps no state but counts (a stateless one, §4.3): the sequence number comes
 * back.
 */
#ifndef GW_FN_METRIC_PATH_H
#define GW_FN_METRIC_PATH_H

#include "base/table.h"
#include "base/timer.h"
#include "wire/stamp.h"

#define GW_PATH_OUTSTANDING 16
#define GW_PATH_WINDOW      128 /* probes that loss is counted over */

struct gw_path_config {
    struct gw_time interval; /* between probes of one target */
    struct gw_time wait;     /* for an answer; later ones are late, and lost */
    unsigned detect;
    bool auth;
    struct gw_stamp_key key;
};

enum gw_path_state {
    GW_PATH_UNKNOWN,
    GW_PATH_UP,
    GW_PATH_REFUSED, /* the machine is there, and nobody on it answers probes */
    GW_PATH_DOWN,
};
struct gw_path_target {
    struct gw_addr addr; /* the key */
    struct gw_paths *all;
    enum gw_path_state state;
    struct gw_timer timer; /* the next probe, or the end of the wait for one */
    uint32_t seq;          /* of the last probe */
    struct {
        bool waiting;
        struct gw_time at;
        uint64_t ntp;
    } out[GW_PATH_OUTSTANDING];  /* by seq */
    unsigned missed;             /* in a row */
    struct gw_time next;         /* probe */
    int64_t delay, jitter, last; /* ns, one way; -1: not known */
    int64_t least[16];           /* of the last answers, one way */
    uint32_t answers;
    uint64_t lost[GW_PATH_WINDOW / 64]; /* bits, by seq */
    uint32_t judged;                    /* probes that are over, up to the window */
    struct gw_time heard;               /* also a refusal */
    struct {                            /* what the path selector has heard (steer/central.h) */
        struct gw_time at;              /* 0: nothing */
        uint32_t delay;                 /* us */
        bool down, flying;              /* flying: in the message that is out */
    } told;
};
const char *gw_path_state_name(enum gw_path_state s); /* "up" */

struct gw_paths_ops {
    /* A packet to UDP port 862 of a target. */
    void (*send)(void *user, const struct gw_addr *to, const uint8_t *data, size_t len);
    void (*turned)(void *user, const struct gw_path_target *t); /* up or down */
};
struct gw_paths {
    const struct gw_path_config *cfg;
    const struct gw_alloc *al;
    struct gw_timers *timers;
    struct gw_now now;
    const struct gw_paths_ops *ops;
    void *user;
    struct gw_table targets; /* owned */
    uint64_t sent, answered, lost, late, refused, reflected;
};

void gw_paths_init(struct gw_paths *p, size_t limit, uint64_t seed);
void gw_paths_free(struct gw_paths *p);
int gw_paths_add(struct gw_paths *p, const struct gw_addr *a); /* idempotent; GW_EFULL, GW_ENOMEM */
void gw_paths_del(struct gw_paths *p, const struct gw_addr *a);
const struct gw_path_target *gw_paths_get(const struct gw_paths *p, const struct gw_addr *a);

/* An answer to one of ours. received: NTP time of its arrival. 0, GW_ENOENT, GW_ESHORT, GW_EAUTH,
 * GW_EREPLAY: nobody waits for it. */
int gw_paths_answer(struct gw_paths *p, const struct gw_addr *from, const uint8_t *data, size_t len,
                    uint64_t received);
/* The machine of a target says that nobody listens there. */
void gw_paths_refused(struct gw_paths *p, const struct gw_addr *from);
/* A probe of somebody's: the octets to send back, their number, or an error as above. `may`: from a
 * configured peer, for nobody else's is answered. */
int gw_paths_reflect(struct gw_paths *p, const uint8_t *data, size_t len, uint64_t received,
                     uint8_t hop, uint8_t out[static GW_STAMP_AUTH]);

/* In 10 000, over the window; -1: nothing is known. */
int32_t gw_path_loss(const struct gw_path_target *t);

#endif
