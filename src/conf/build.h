/* build.h: what the build*.c files share. Private to src/conf. */
#ifndef GW_CONF_BUILD_H
#define GW_CONF_BUILD_H

#include "conf/stages.h"
#include "conf/tree.h"

struct gw_build {
    struct gw_config *c;
    const struct gw_conf_source *src;
    struct gw_conf_errors *err;
};

/* Zeroed memory of the configuration; NULL for none of them, and without memory (which is noted).
 */
void *gw_build_get(struct gw_build *b, size_t n, size_t size);
const char *gw_build_copy(struct gw_build *b, const char *text);

/* build_secret.c */
#define GW_BUILD_SECRET_MAX 512 /* octets of a file: 128 digits and generous white space */
/* What a secret file holds, without the white space around it; NULL after a fault. */
const char *gw_build_secret_file(struct gw_build *b, const struct lyd_node *leaf,
                                 char text[static GW_BUILD_SECRET_MAX], size_t *len);
/* The octets of a key whose digits are in `secret` or in the file `secret-file`, and their number:
 * 0 when there is neither, and after a fault. */
uint8_t gw_build_secret(struct gw_build *b, const struct lyd_node *in, uint8_t out[static 64]);

/* build_steer.c: services, instances, steering. */
void gw_build_steer(struct gw_build *b, const struct lyd_node *tree);

/* build_handover.c: handover of clients; after the peers. */
void gw_build_handover(struct gw_build *b, const struct lyd_node *tree);

#endif
