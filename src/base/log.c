/* log.c: turns an event into one line for the driver's sink. Time, thresholds and rates are the
 * sink's business (src/sys/log.c).
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

/* A longer text is cut: a log line is no place for a packet. */
#define LOG_LINE_MAX 512

const char *gw_log_level_name(enum gw_log_level l)
{
    switch (l) {
    case GW_LOG_ERROR:
        return "error";
    case GW_LOG_WARN:
        return "warning";
    case GW_LOG_NOTICE:
        return "notice";
    case GW_LOG_INFO:
        return "info";
    case GW_LOG_DEBUG:
        return "debug";
    }
    return "unknown";
}

const char *gw_log_cat_name(enum gw_log_cat c)
{
    switch (c) {
    case GW_CAT_NODE:
        return "node";
    case GW_CAT_SIGNAL:
        return "signal";
    case GW_CAT_ACCESS:
        return "access";
    case GW_CAT_LM:
        return "lm";
    case GW_CAT_PLANE:
        return "plane";
    case GW_CAT_STORE:
        return "store";
    case GW_CAT_CONF:
        return "conf";
    case GW_CAT_COUNT:
        break;
    }
    return "unknown";
}

void gw_log(const struct gw_log *log, enum gw_log_level level, enum gw_log_cat cat, const char *id,
            const char *fmt, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    if (log == NULL || log->write == NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log->write(log->user, level, cat, id, text);
}
