/* prom.h: Prometheus's text exposition format 0.0.4, read: the samples of a scrape one after the
 * other, and whether a sample is of a series that somebody asks for. Pure; views into the text,
 * which need not end in NUL.
 *
 * Comments, HELP and TYPE lines are skipped: what a value means is said by who asks for it. Strict:
 * the first malformed line ends the reading, because what follows it cannot be trusted to be what
 * it looks like.
 */
#ifndef GW_WIRE_PROM_H
#define GW_WIRE_PROM_H

#include "base/err.h"
#include "base/types.h"

#define GW_PROM_LABELS 32 /* of a series; one with more is malformed */

struct gw_prom_text {
    const char *at;
    size_t len;
};
struct gw_prom_series {
    struct gw_prom_text name;
    size_t nlabels;
    struct {
        struct gw_prom_text name, value; /* value: as written, with its escapes, of which each
                                            character has one form */
    } label[GW_PROM_LABELS];
};

/* The rest of a scrape. */
struct gw_prom {
    const char *at, *end;
    unsigned line; /* of `at`, from 1; of the error after GW_EFORMAT */
};
struct gw_prom gw_prom_begin(const char *text, size_t len);
/* 1 and *series and *value (which may be infinite or no number), 0 at the end, or GW_EFORMAT. */
int gw_prom_next(struct gw_prom *p, struct gw_prom_series *series, double *value);

/* `name` or `name{label="value",...}`, and nothing else. 0 or GW_EFORMAT. */
int gw_prom_parse_series(const char *text, size_t len, struct gw_prom_series *out);
/* Has `s` the name of `wanted`, followed by `suffix` ("" for none), and all of its labels? It may
 * have more. */
bool gw_prom_is(const struct gw_prom_series *s, const struct gw_prom_series *wanted,
                const char *suffix);

#endif
