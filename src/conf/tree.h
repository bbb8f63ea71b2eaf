/* tree.h: reading libyang's data tree, and paths as error lines have them. Private to src/conf.
 */
#ifndef GW_CONF_TREE_H
#define GW_CONF_TREE_H

#include <libyang/libyang.h>

#include "base/types.h"

/* "/godwit/peers[name='cmd']/address"; too long a path is cut. */
#define GW_CONF_PATH_MAX 512
struct gw_conf_path {
    char text[GW_CONF_PATH_MAX];
    size_t len;
};
void gw_conf_path_init(struct gw_conf_path *p);
void gw_conf_path_name(struct gw_conf_path *p, const char *name);
void gw_conf_path_index(struct gw_conf_path *p, size_t pos); /* from 1 */
void gw_conf_path_key(struct gw_conf_path *p, const char *key, const char *value);
void gw_conf_path_cut(struct gw_conf_path *p, size_t len);
/* The same for a node of the tree. */
const char *gw_conf_path_of(const struct lyd_node *n, struct gw_conf_path *p);

unsigned gw_conf_line(const struct lyd_node *n); /* 0: not in the file */

/* The first child of that name, or NULL; n may be NULL. */
const struct lyd_node *gw_conf_child(const struct lyd_node *n, const char *name);
/* The next sibling of the same schema node: entries of a list. */
const struct lyd_node *gw_conf_next(const struct lyd_node *n);
size_t gw_conf_count(const struct lyd_node *first);
/* Values of children that have a default or are mandatory: 0 or NULL when absent after all. */
const char *gw_conf_str(const struct lyd_node *n, const char *name);
uint32_t gw_conf_u32(const struct lyd_node *n, const char *name);
bool gw_conf_bool(const struct lyd_node *n, const char *name);
int gw_conf_enum(const struct lyd_node *n, const char *name);
int gw_conf_enum_value(const struct lyd_node *leaf);
struct gw_time gw_conf_time(const struct lyd_node *n, const char *name); /* seconds, 3 decimals */
int32_t gw_conf_int(const struct lyd_node *n, const char *name);
int32_t gw_conf_degrees(const struct lyd_node *n, const char *name); /* in 1/10^7 degree */
bool gw_conf_addr(const struct lyd_node *n, const char *name, struct gw_addr *out);

#endif
