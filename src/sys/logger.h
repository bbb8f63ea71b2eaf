/* logger.h: the sink of struct gw_log: thresholds and a rate limit per category, to standard error
 * or a file, one line per event:
 *
 *     2026-11-21T09:40:01.123456Z notice signal auth-failed: text
 *
 * The third and fourth word are the category and the stable id of the event.
 */
#ifndef GW_SYS_LOGGER_H
#define GW_SYS_LOGGER_H

#include "base/err.h"
#include "base/log.h"

/* At most `rate` lines per second and category; what comes on top is counted and said in one line
 * when the second is over. Pure, so that it can be tested without waiting. */
struct gw_lograte {
    int64_t second;
    uint32_t lines, suppressed;
};
/* May a line pass? *suppressed: lines of earlier seconds to be reported now; 0: none. */
bool gw_lograte_take(struct gw_lograte *r, uint32_t rate, struct gw_time now, uint32_t *suppressed);

struct gw_logger {
    struct gw_log log; /* what to hand to others; its user is this structure */
    enum gw_log_level level[GW_CAT_COUNT];
    uint32_t rate; /* 0: no limit */
    int fd;
    bool own_fd;
    struct gw_lograte state[GW_CAT_COUNT];
};

/* Standard error, level notice, no limit. The structure must not move afterwards. */
void gw_logger_init(struct gw_logger *l);
/* Takes over thresholds, rate and file (NULL: standard error); opens the file anew, so that a
 * rotated one is left. GW_ESYS (errno): it cannot be opened; the old one stays. */
int gw_logger_set(struct gw_logger *l, const enum gw_log_level level[GW_CAT_COUNT], uint32_t rate,
                  const char *file);
/* Says what has been suppressed in seconds gone by; call it once a second. */
void gw_logger_tick(struct gw_logger *l);
void gw_logger_close(struct gw_logger *l);

#endif
