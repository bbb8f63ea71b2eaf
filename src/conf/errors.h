/* errors.h: what is wrong with a configuration, collected so that it can be said in the order of
 * the file. Private to src/conf.
 */
#ifndef GW_CONF_ERRORS_H
#define GW_CONF_ERRORS_H

#include "conf/conf.h"

struct gw_conf_line;
struct gw_conf_errors {
    const char *file;
    struct gw_conf_line *list;
    size_t used, size;
    size_t errors; /* without warnings; counts those too many to keep, too */
    bool nomem;
};

/* line: from 1. path: "/" for the whole document. */
void gw_conf_error(struct gw_conf_errors *e, unsigned line, const char *path, const char *fmt, ...)
    GW_PRINTF(4, 5);
void gw_conf_warn(struct gw_conf_errors *e, unsigned line, const char *path, const char *fmt, ...)
    GW_PRINTF(4, 5);
/* Says all of them and forgets them. */
void gw_conf_errors_flush(struct gw_conf_errors *e, const struct gw_conf_report *report);

/* text in double quotes, shortened and with what is not printable as \xHH. */
#define GW_CONF_QUOTE_MAX 96
const char *gw_conf_quote(const char *text, size_t len, char buf[static GW_CONF_QUOTE_MAX]);

#endif
