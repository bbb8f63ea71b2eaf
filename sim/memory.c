/* memory.c: memory of the simulator and of the nodes in it, in blocks of a few sizes that are used
 * again at once: a run allocates and frees millions of messages, frames and records, and most of
 * them live for some simulated milliseconds.
 *
 * With AddressSanitizer every block is the C library's, so that what it finds is found.
 */
#include "sim.h"

#include <stdlib.h>

#define STEP      32u /* block sizes are multiples of it, up to LARGEST */
#define LARGEST   (STEP * SIM_POOL_SIZES)
#define CHUNK     (256u * 1024u)
#define ALIGNMENT 16u

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define POOLED 0
#else
#define POOLED 1
#endif

void *sim_new_memory(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        abort();
    return p;
}

void *sim_more_memory(void *p, size_t size)
{
    p = realloc(p, size);
    if (p == NULL)
        abort();
    return p;
}

static struct sim_block *carve(struct sim_pool *p, size_t size)
{
    if (p->left < size) {
        struct sim_chunk *c = malloc(CHUNK);
        if (c == NULL)
            abort();
        c->next = p->chunks;
        p->chunks = c;
        p->at = (uint8_t *)c + ALIGNMENT;
        p->left = CHUNK - ALIGNMENT;
    }
    struct sim_block *b = (struct sim_block *)(void *)p->at;
    p->at += size;
    p->left -= size;
    return b;
}

void *sim_get(struct sim_pool *p, size_t size)
{
    size_t class = (size + STEP - 1) / STEP;

    if (!POOLED || size == 0 || size > LARGEST) {
        void *m = malloc(size > 0 ? size : 1);
        if (m == NULL)
            abort();
        return m;
    }
    struct sim_block *b = p->free[class - 1];
    if (b == NULL)
        return carve(p, class * STEP);
    p->free[class - 1] = b->next;
    return b;
}

void sim_put(struct sim_pool *p, void *m, size_t size)
{
    if (m == NULL)
        return;
    if (!POOLED || size == 0 || size > LARGEST) {
        free(m);
        return;
    }
    struct sim_block *b = m;
    size_t class = (size + STEP - 1) / STEP;
    b->next = p->free[class - 1];
    p->free[class - 1] = b;
}

void *sim_resize(void *pool, void *m, size_t old_size, size_t size)
{
    struct sim_pool *p = pool;

    if (POOLED && m != NULL && size > 0 && size <= LARGEST &&
        (size + STEP - 1) / STEP == (old_size + STEP - 1) / STEP)
        return m;
    void *to = size > 0 ? sim_get(p, size) : NULL;
    if (m != NULL && to != NULL)
        memcpy(to, m, old_size < size ? old_size : size);
    sim_put(p, m, old_size);
    return to;
}

void sim_pool_init(struct sim_pool *p)
{
    *p = (struct sim_pool){.al = {sim_resize, p}};
}

void sim_pool_free(struct sim_pool *p)
{
    for (struct sim_chunk *c = p->chunks; c != NULL; c = p->chunks) {
        p->chunks = c->next;
        free(c);
    }
    *p = (struct sim_pool){0};
}
