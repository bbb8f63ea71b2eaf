/* test_alloc.h: an allocator for tests that counts what is held and refuses when told: after
 * `allow` more allocations (growing counts too). Over the C library, so that the sanitizers see
 * leaks and overruns.
 */
#ifndef GW_TEST_ALLOC_H
#define GW_TEST_ALLOC_H

#include <stdlib.h>

#include "base/alloc.h"

struct test_alloc {
    size_t allow; /* SIZE_MAX: never refuse */
    size_t held;  /* octets */
    size_t calls; /* allocations asked for */
};

static inline void *test_resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct test_alloc *t = user;

    if (size == 0) {
        t->held -= old_size;
        free(ptr);
        return NULL;
    }
    t->calls++;
    if (t->allow == 0)
        return NULL;
    if (t->allow != SIZE_MAX)
        t->allow--;
    void *p = realloc(ptr, size);
    if (p != NULL)
        t->held += size - old_size;
    return p;
}

static inline struct gw_alloc test_alloc_of(struct test_alloc *t)
{
    *t = (struct test_alloc){.allow = SIZE_MAX};
    return (struct gw_alloc){.resize = test_resize, .user = t};
}

#endif
