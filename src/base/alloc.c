/* alloc.c: single objects and arenas over the injected allocator. Where memory comes from is the
 * driver's choice; alloc_libc.c is the usual one.
 */
#include "base/alloc.h"

#include <stdalign.h>

void *gw_new(const struct gw_alloc *al, size_t size)
{
    void *p = al->resize(al->user, NULL, 0, size);

    if (p != NULL)
        memset(p, 0, size);
    return p;
}

void gw_free(const struct gw_alloc *al, void *ptr, size_t size)
{
    if (ptr != NULL)
        (void)al->resize(al->user, ptr, size, 0);
}

/* The first chunk holds the needs of a usual packet; each later one is twice the last. */
#define ARENA_FIRST 4096u
#define ARENA_ALIGN 16u

struct gw_arena_chunk {
    struct gw_arena_chunk *next; /* the one before it in time */
    size_t size, used;           /* of data */
    alignas(ARENA_ALIGN) uint8_t data[];
};

void gw_arena_init(struct gw_arena *a, const struct gw_alloc *al)
{
    *a = (struct gw_arena){.al = al};
}

static struct gw_arena_chunk *chunk_add(struct gw_arena *a, size_t need)
{
    size_t size = a->chunk != NULL ? a->chunk->size * 2 : ARENA_FIRST;

    while (size < need) {
        if (size > SIZE_MAX / 4)
            return NULL;
        size *= 2;
    }
    struct gw_arena_chunk *c = a->al->resize(a->al->user, NULL, 0, sizeof *c + size);
    if (c == NULL)
        return NULL;
    *c = (struct gw_arena_chunk){.next = a->chunk, .size = size};
    a->chunk = c;
    a->total += sizeof *c + size;
    return c;
}

static void chunk_free(struct gw_arena *a, struct gw_arena_chunk *c)
{
    a->total -= sizeof *c + c->size;
    gw_free(a->al, c, sizeof *c + c->size);
}

void *gw_arena_get(struct gw_arena *a, size_t size)
{
    struct gw_arena_chunk *c = a->chunk;

    if (size > SIZE_MAX / 4)
        return NULL;
    size_t need = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (c == NULL || c->size - c->used < need)
        c = chunk_add(a, need);
    if (c == NULL)
        return NULL;
    void *p = c->data + c->used;
    c->used += need;
    memset(p, 0, need);
    return p;
}

/* Keeps the newest chunk, which is the largest: the next packet like this one needs no other. */
void gw_arena_reset(struct gw_arena *a)
{
    struct gw_arena_chunk *keep = a->chunk;

    if (keep == NULL)
        return;
    while (keep->next != NULL) {
        struct gw_arena_chunk *old = keep->next;
        keep->next = old->next;
        chunk_free(a, old);
    }
    keep->used = 0;
}

void gw_arena_free(struct gw_arena *a)
{
    while (a->chunk != NULL) {
        struct gw_arena_chunk *c = a->chunk;
        a->chunk = c->next;
        chunk_free(a, c);
    }
}
