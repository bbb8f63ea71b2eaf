/* json.h: what a layer emits (base/emit.h), as a jansson value. */
#ifndef GW_DAEMON_JSON_H
#define GW_DAEMON_JSON_H

#include "base/emit.h"

#include <jansson.h>

#define GWD_JSON_DEPTH 16 /* deeper nesting is a programmer's error */

struct gwd_json {
    struct gw_emit emit; /* what to hand out */
    json_t *stack[GWD_JSON_DEPTH];
    unsigned depth;
    bool failed; /* out of memory: the value is incomplete */
};

/* Everything emitted goes into root, an array or object that stays the caller's. */
void gwd_json_init(struct gwd_json *j, json_t *root);

#endif
