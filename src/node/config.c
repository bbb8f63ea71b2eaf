/* config.c: what needs no file to be done with a configuration: free it. Where configurations come
 * from is src/conf.
 */
#include "node/config.h"

void gw_config_free(struct gw_config *c)
{
    if (c == NULL)
        return;
    const struct gw_alloc *al = c->arena.al;

    /* Arena memory goes back as it is; keys must not. */
    for (size_t i = 0; i < c->npeers; i++)
        explicit_bzero(c->peers[i].keys, sizeof c->peers[i].keys);
    for (size_t i = 0; i < c->attachment.radius.nnas; i++)
        explicit_bzero(&c->attachment.radius.nas[i].secret, sizeof(struct gw_radius_secret));
    gw_arena_free(&c->arena);
    gw_free(al, c, sizeof *c);
}
