/* emit.h: how a layer without I/O hands out its state: it walks, the driver renders (JSON, table).
 * Keys are the names in the documented JSON of `godwit show`. */
#ifndef GW_BASE_EMIT_H
#define GW_BASE_EMIT_H

#include "base/types.h"

/* key is NULL inside an array. */
struct gw_emit_ops {
    void (*begin_obj)(void *user, const char *key);
    void (*end_obj)(void *user);
    void (*begin_arr)(void *user, const char *key);
    void (*end_arr)(void *user);
    void (*str)(void *user, const char *key, const char *value);
    void (*num)(void *user, const char *key, int64_t value);
    void (*flag)(void *user, const char *key, bool value);
};
struct gw_emit {
    const struct gw_emit_ops *ops;
    void *user;
};

void gw_emit_obj(struct gw_emit *e, const char *key);
void gw_emit_obj_end(struct gw_emit *e);
void gw_emit_arr(struct gw_emit *e, const char *key);
void gw_emit_arr_end(struct gw_emit *e);
void gw_emit_str(struct gw_emit *e, const char *key, const char *value);
void gw_emit_num(struct gw_emit *e, const char *key, int64_t value);
void gw_emit_bool(struct gw_emit *e, const char *key, bool value);
void gw_emit_addr(struct gw_emit *e, const char *key, const struct gw_addr *a);
void gw_emit_prefix(struct gw_emit *e, const char *key, const struct gw_prefix *p);
void gw_emit_lladdr(struct gw_emit *e, const char *key, const struct gw_lladdr *l);
void gw_emit_mnid(struct gw_emit *e, const char *key, const struct gw_mnid *m);

#endif
