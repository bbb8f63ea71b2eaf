/* alloc.h: the injected allocator, and the arena for what lives as long as one packet.
 * Nothing below src/sys calls malloc; tests pass an allocator that fails on the nth call. */
#ifndef GW_BASE_ALLOC_H
#define GW_BASE_ALLOC_H

#include "base/types.h"

/* realloc semantics as in C: ptr NULL allocates, size 0 frees and returns NULL; the old size is
 * given so that a driver can account. Memory is not zeroed. */
struct gw_alloc {
    void *(*resize)(void *user, void *ptr, size_t old_size, size_t size);
    void *user;
};

/* The C library's allocator; stateless. */
extern const struct gw_alloc gw_alloc_libc;

/* Zeroed memory, or NULL. */
void *gw_new(const struct gw_alloc *al, size_t size);
void gw_free(const struct gw_alloc *al, void *ptr, size_t size);

/* Bump allocation from chunks; everything is freed at once. */
struct gw_arena {
    const struct gw_alloc *al;
    struct gw_arena_chunk *chunk;
    size_t total; /* octets taken from al */
};
void gw_arena_init(struct gw_arena *a, const struct gw_alloc *al);
void *gw_arena_get(struct gw_arena *a, size_t size); /* zeroed, 16-aligned, or NULL */
void gw_arena_reset(struct gw_arena *a);             /* keeps one chunk */
void gw_arena_free(struct gw_arena *a);

#endif
