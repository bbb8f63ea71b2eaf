/* check.h: what the check*.c files share. Private to src/conf. */
#ifndef GW_CONF_CHECK_H
#define GW_CONF_CHECK_H

#include "conf/stages.h"
#include "conf/tree.h"

/* An error at a node of the tree. */
void gw_conf_fault(struct gw_conf_errors *err, const struct lyd_node *at, const char *fmt, ...)
    GW_PRINTF(3, 4);
/* An error about a member that is not there, or about a list and not one of its entries. */
void gw_conf_fault_in(struct gw_conf_errors *err, const struct lyd_node *in, const char *name,
                      const char *what);
/* Can it be the address of a node, or (as a prefix) of mobile nodes? */
bool gw_conf_is_global(const struct gw_addr *a);

/* check_roles.c: bits of enum gw_role; what each role needs. */
unsigned gw_conf_roles(const struct lyd_node *node);
void gw_conf_check_roles(const struct lyd_node *tree, struct gw_conf_errors *err);

/* check_pools.c: pools of this node and of its peers. */
void gw_conf_check_pools(const struct lyd_node *tree, struct gw_conf_errors *err);

/* check_handover.c: handover of clients. complete: the tree is without errors. */
void gw_conf_check_handover(const struct lyd_node *tree, bool complete, struct gw_conf_errors *err);

/* check_steer.c: services, instances, steering. complete: the tree is without errors. */
void gw_conf_check_steer(const struct lyd_node *tree, bool complete, struct gw_conf_errors *err);
/* The entry of `services` that an instance names, or NULL. */
const struct lyd_node *gw_conf_service_of(const struct lyd_node *tree,
                                          const struct lyd_node *instance);

#endif
