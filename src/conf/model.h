/* model.h: the YANG model compiled by libyang, and what it expects of a value, in words. Private
 * to src/conf.
 */
#ifndef GW_CONF_MODEL_H
#define GW_CONF_MODEL_H

#include <libyang/libyang.h>

#include "conf/errors.h"

struct gw_conf_model {
    struct ly_ctx *ctx;
    const struct lys_module *mod;
};

#define GW_CONF_EXPECT_MAX 512
/* "a whole number from 1 to 8 (octets)". */
const char *gw_conf_expect(const struct lysc_node *leaf, char buf[static GW_CONF_EXPECT_MAX]);
/* Is the value a key, which no message may show? */
bool gw_conf_is_secret(const struct lysc_node *schema);
/* Is the list's key an entry's place, which the file does not give? */
bool gw_conf_is_positional(const struct lysc_node *list);
/* The type of a leaf or leaf-list. */
const struct lysc_type *gw_conf_type(const struct lysc_node *leaf);
/* Is it written without quotes in YAML and in JSON: a number or truth value? */
bool gw_conf_is_plain_type(const struct lysc_type *t);
bool gw_conf_is_number_type(const struct lysc_type *t);
bool gw_conf_is_prefix_type(const struct lysc_type *t);
/* The next member of a node (or of the root: NULL) that a file can name. */
const struct lysc_node *gw_conf_next_member(const struct gw_conf_model *m,
                                            const struct lysc_node *parent,
                                            const struct lysc_node *last);

#endif
