/* stages.h: the steps from a YAML document to a configuration, in their order. Each adds its
 * errors and goes on with what is right, so that later steps find theirs. Private to src/conf.
 */
#ifndef GW_CONF_STAGES_H
#define GW_CONF_STAGES_H

#include "conf/model.h"
#include "conf/yaml.h"

/* walk.c: the document along the model becomes a data tree of what is right in it; each node's
 * priv is its line. NULL: nothing is. */
struct lyd_node *gw_conf_walk(const struct gw_conf_model *m, struct fy_node *root,
                              struct gw_conf_errors *err);

/* derive.c: fills in the defaults of the model and those that depend on other values. */
void gw_conf_derive(const struct gw_conf_model *m, const char *dir, struct lyd_node **tree,
                    struct gw_conf_errors *err);

/* The name of a file that is not absolute starts at `dir`. */
void gw_conf_derive_file(const struct lyd_node *in, const char *leaf, const char *dir,
                         struct gw_conf_errors *err);

/* derive_steer.c: those of services, instances and steering. */
void gw_conf_derive_steer(const struct gw_conf_model *m, const struct lyd_node *tree,
                          struct gw_conf_errors *err);

/* derive_handover.c: those of handover. */
void gw_conf_derive_handover(const struct gw_conf_model *m, const struct lyd_node *tree,
                             const char *dir, struct gw_conf_errors *err);

/* check.c: what YANG does not say about values and their relations. */
void gw_conf_check(const struct lyd_node *tree, const struct gw_conf_source *src,
                   struct gw_conf_errors *err);

/* build.c: the complete and checked tree as a configuration; reads secret files. NULL after an
 * error. */
struct gw_config *gw_conf_build(const struct lyd_node *tree, const struct gw_conf_source *src,
                                struct gw_conf_errors *err);

/* show.c: the tree as YAML; NULL: out of memory. */
char *gw_conf_print(const struct lyd_node *tree, bool hide_secrets);

#endif
