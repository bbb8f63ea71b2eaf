/* store.h: what a node must find again after a restart, as records of key and value. One front
 * (store.c) stages the operations of a batch; a pluggable back end (struct gw_store_ops) makes
 * them durable together. What records mean is the node's business (src/node).
 *
 * Durability here: gw_store_commit returns when the batch survives `kill -9` of the process. It
 * survives a power failure after the next gw_store_sync; a power failure in between goes back to
 * the last one, whole, whatever the medium has got of the later batches.
 */
#ifndef GW_STORE_STORE_H
#define GW_STORE_STORE_H

#include "base/alloc.h"
#include "base/err.h"
#include "base/types.h"

#define GW_STORE_SCHEMA     1          /* of the records; another number on disk: GW_EVERSION */
#define GW_STORE_KEY_MAX    511        /* octets; LMDB's limit */
#define GW_STORE_STAGED_MAX (64 << 20) /* octets waiting for a commit that keeps failing */
/* From a failed commit to the next try: doubled each time, from the least to the most. */
#define GW_STORE_RETRY_MIN GW_MSEC(100)
#define GW_STORE_RETRY_MAX GW_SEC(4)

/* One line for people: what failed, on which file, and what to do about it. */
struct gw_store_why {
    char text[512];
};

/* Called per record; anything but 0 ends the walk and is returned by it. */
typedef int gw_store_visit(void *user, const void *key, size_t key_len, const void *value,
                           size_t value_len);

/* A back end. Each function returns 0 or a negative gw_err and explains a failure in *why. */
struct gw_store_ops {
    const char *name;
    /* where: a directory, or whatever the back end takes; *self is its state. */
    int (*open)(const char *where, const struct gw_alloc *al, void **self,
                struct gw_store_why *why);
    /* Part of the transaction that commit ends; the first one begins it. */
    int (*put)(void *self, const void *key, size_t key_len, const void *value, size_t value_len,
               struct gw_store_why *why);
    int (*del)(void *self, const void *key, size_t key_len, struct gw_store_why *why);
    int (*commit)(void *self, struct gw_store_why *why);
    void (*abort)(void *self); /* forget the transaction */
    int (*load)(void *self, gw_store_visit *visit, void *user, struct gw_store_why *why);
    /* Down to the medium. May be called from another thread than everything else, but not
     * together with close. */
    int (*sync)(void *self, struct gw_store_why *why);
    void (*close)(void *self);
};
extern const struct gw_store_ops gw_store_memory; /* forgets everything at close */
extern const struct gw_store_ops gw_store_lmdb;   /* where: a directory, created when missing */

struct gw_store;

/* GW_ENOMEM; GW_ESYS: the directory cannot be used; GW_EFORMAT: corrupt; GW_EVERSION: written by
 * another schema; GW_EEXIST: another process has it open. *out is untouched then. */
int gw_store_open(const struct gw_store_ops *ops, const char *where, const struct gw_alloc *al,
                  struct gw_store **out, struct gw_store_why *why);
void gw_store_close(
    struct gw_store *s); /* what is staged and not committed is lost; NULL is fine */

/* Stage an operation of the current batch; key and value are copied. GW_EINVAL: the key is empty
 * or too long; GW_ENOMEM; GW_EFULL: commits have failed for too long. Deleting what is not there
 * is fine. */
int gw_store_put(struct gw_store *s, const void *key, size_t key_len, const void *value,
                 size_t value_len);
int gw_store_del(struct gw_store *s, const void *key, size_t key_len);
size_t gw_store_staged(const struct gw_store *s); /* operations */

/* All staged operations, in order, or none of them: after a failure (GW_ESYS, GW_EFULL: medium
 * full, GW_EFORMAT) they stay staged, and the first commit from gw_store_retry on tries them again
 * together with what has come since; until then a commit does nothing and is GW_EAGAIN. What waits
 * for the commit goes on as after a failure. now: of the monotonic clock; GW_NEVER tries in any
 * case, for who has no later. Committing nothing is free. */
int gw_store_commit(struct gw_store *s, struct gw_time now, struct gw_store_why *why);
struct gw_time gw_store_retry(const struct gw_store *s); /* GW_NEVER: no commit has failed */

/* Every committed record, in no particular order. */
int gw_store_load(struct gw_store *s, gw_store_visit *visit, void *user, struct gw_store_why *why);

int gw_store_sync(struct gw_store *s, struct gw_store_why *why); /* from any one thread */

#endif
