/* derive_handover.c: defaults of handover that depend on other values: how an old ingress is found,
 * and where files are.
 */
#include "conf/stages.h"
#include "conf/tree.h"

static void add_find(const struct gw_conf_model *m, const struct lyd_node *handover,
                     const char *how, struct gw_conf_errors *err)
{
    if (lyd_new_term((struct lyd_node *)handover, m->mod, "find", how, 0, NULL) != LY_SUCCESS)
        err->nomem = true;
}

void gw_conf_derive_handover(const struct gw_conf_model *m, const struct lyd_node *tree,
                             const char *dir, struct gw_conf_errors *err)
{
    const struct lyd_node *handover = gw_conf_child(tree, "handover");
    const struct lyd_node *transfer = gw_conf_child(handover, "transfer");

    gw_conf_derive_file(transfer, "certificate", dir, err);
    gw_conf_derive_file(transfer, "key", dir, err);
    gw_conf_derive_file(transfer, "authority", dir, err);
    if (handover == NULL || gw_conf_child(handover, "find") != NULL)
        return;
    if (gw_conf_child(handover, "location-servers") != NULL)
        add_find(m, handover, "location-server", err);
    add_find(m, handover, "plan", err);
}
