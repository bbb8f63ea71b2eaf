/* fetch.h: asks other machines over TCP without blocking (libcurl on a libuv loop): does a
 * connection open, what does GET answer. Addresses only, no names; http only, no proxy, no
 * redirects, no connection kept. At most so many at once, each with a time limit and an answer of
 * at most GW_FETCH_BODY octets.
 */
#ifndef GW_SYS_FETCH_H
#define GW_SYS_FETCH_H

#include "base/err.h"
#include "base/types.h"

#include <uv.h>

#define GW_FETCH_BODY (1u << 20)

struct gw_fetcher; /* one for a loop */
struct gw_fetch;   /* under way */

struct gw_fetch_result {
    bool ok;         /* it is connected; or a complete answer came, of any status */
    long status;     /* of HTTP; 0: none came */
    const char *why; /* when not ok */
    const char *body;
    size_t len;
};
/* The fetch is over with this call. */
typedef void gw_fetch_fn(void *user, const struct gw_fetch_result *r);

/* NULL: out of memory. Must be made before gw_sandbox_enter. */
struct gw_fetcher *gw_fetcher_new(uv_loop_t *loop, size_t most);
/* Cancels all, and closes the handles; the loop must run once more, then free. NULL is fine. */
void gw_fetcher_close(struct gw_fetcher *f);
void gw_fetcher_free(struct gw_fetcher *f);

/* Does a connection open (path NULL), or GET path. NULL: too many, or out of memory. */
struct gw_fetch *gw_fetch_start(struct gw_fetcher *f, const struct gw_addr *addr, uint16_t port,
                                const char *path, struct gw_time timeout, gw_fetch_fn *fn,
                                void *user);
void gw_fetch_cancel(struct gw_fetch *x); /* without calling fn; NULL is fine */

#endif
