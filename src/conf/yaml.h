/* yaml.h: a YAML text as a tree whose nodes know their line (libfyaml). Private to src/conf.
 */
#ifndef GW_CONF_YAML_H
#define GW_CONF_YAML_H

#include <libfyaml.h>

#include "conf/errors.h"

struct gw_yaml {
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct fy_document *doc;
};

/* false after at least one error. y is to be freed in any case. The text must outlive it. */
bool gw_yaml_parse(struct gw_yaml *y, const char *text, size_t len, struct gw_conf_errors *err);
void gw_yaml_free(struct gw_yaml *y);
struct fy_node *gw_yaml_root(const struct gw_yaml *y);

/* The line of a node, from 1; `otherwise` when the node has no place of its own. */
unsigned gw_yaml_line(struct fy_node *n, unsigned otherwise);
/* "a list", "a mapping", ... for error lines. */
const char *gw_yaml_kind(struct fy_node *n);
/* Written without quotes. */
bool gw_yaml_is_plain(struct fy_node *n);
/* Nothing is written there, or null. */
bool gw_yaml_is_empty(struct fy_node *n);

#endif
