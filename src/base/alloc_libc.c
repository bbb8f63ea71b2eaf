/* alloc_libc.c: the C library as an allocator. It is apart from alloc.c so that a program which
 * injects its own does not link it.
 */
#include <stdlib.h>

#include "base/alloc.h"

static void *libc_resize(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

const struct gw_alloc gw_alloc_libc = {.resize = libc_resize};
