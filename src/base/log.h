/* log.h: where a layer without I/O says what happened. The driver owns the sink, the clock, the
 * threshold and the rate limit (src/sys/log.c); here is only the shape of an event. */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

#include "base/types.h"

enum gw_log_level { GW_LOG_ERROR, GW_LOG_WARN, GW_LOG_NOTICE, GW_LOG_INFO, GW_LOG_DEBUG };
enum gw_log_cat {
    GW_CAT_NODE,   /* start, stop, reload */
    GW_CAT_SIGNAL, /* Mobility Header messages */
    GW_CAT_ACCESS, /* stations, neighbour discovery */
    GW_CAT_LM,     /* bindings */
    GW_CAT_PLANE,  /* data plane */
    GW_CAT_STORE,
    GW_CAT_CONF,
    GW_CAT_COUNT
};
const char *gw_log_level_name(enum gw_log_level l); /* "error" */
const char *gw_log_cat_name(enum gw_log_cat c);     /* "signal" */

struct gw_log {
    /* id: stable name of the event, e.g. "auth-failed"; text: one line without newline. */
    void (*write)(void *user, enum gw_log_level level, enum gw_log_cat cat, const char *id,
                  const char *text);
    void *user;
};
/* A NULL log or write is silence. */
void gw_log(const struct gw_log *log, enum gw_log_level level, enum gw_log_cat cat, const char *id,
            const char *fmt, ...) GW_PRINTF(5, 6);

#endif
