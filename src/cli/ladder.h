/* ladder.h: the sequence of messages and steps of a client's handovers, as columns (who) and rows
 * (what, in the order of time). Private to src/cli.
 *
 *   ladder.c        the command        ladder_text.c  drawn with characters
 *   ladder_merge.c  one order of time  ladder_svg.c   drawn as SVG
 */
#ifndef GW_CLI_LADDER_H
#define GW_CLI_LADDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GW_LADDER_NODES   16 /* whose records are merged, at most */
#define GW_LADDER_COLUMNS 16
#define GW_LADDER_UNKNOWN INT64_MIN /* a time that nobody has recorded */

struct gw_ladder_column {
    const char *address; /* NULL: the client */
    const char *name;    /* the address, if nobody has a name for it */
    int rank;            /* client, ingresses, egresses */
};
/* A message, or, with from == to, a step. */
struct gw_ladder_row {
    int64_t sent, received; /* ns since the first row */
    size_t from, to;
    const char *what;
    int64_t count;     /* what it is about; 0: nothing that is counted */
    const char *error; /* NULL: it went well */
    bool lost;         /* whom it was for has recorded everything but this */
};
struct gw_ladder_drawing {
    size_t ncolumns, nrows;
    struct gw_ladder_column column[GW_LADDER_COLUMNS];
    struct gw_ladder_row *row; /* owned */
};

/* The records are the daemons' answers to the request `ladder`, and are borrowed. 0, or
 * GW_CLI_FAILED and why. Clocks of different machines are brought together by the
 * messages: none arrives before it is sent. */
int gw_ladder_merge(struct gw_ladder_drawing *out, json_t *const *record, size_t n,
                    const char **why);
int64_t gw_ladder_time(const struct gw_ladder_row *r);

void gw_ladder_text(FILE *out, const struct gw_ladder_drawing *d);
void gw_ladder_svg(FILE *out, const struct gw_ladder_drawing *d, const char *title);

#endif
