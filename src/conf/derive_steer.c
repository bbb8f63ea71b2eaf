/* derive_steer.c: defaults of instances and steering (CATS) that depend on other values: on the
 * service of an instance, on the roles, and the normalisation of metrics, because a YANG list has
 * none.
 *
 * Decision: normalisation counts what every host or instance can say without being asked: ratios
 * over their whole range, an eighth of a second of path and a second of service as the worst that
 * is worth a difference. In flight and sessions do not count, because what is many of them depends
 * on the instance; the packet path looks at its load and slots themselves.
 */
#include <stdio.h>

#include "conf/check.h"

static const struct {
    const char *metric;
    uint32_t worst; /* best is 0 */
} normalisation[] = {
    {"cpu", 1000}, {"memory", 1000},     {"pressure", 500}, {"delay", 50000}, {"jitter", 10000},
    {"loss", 500}, {"latency", 1000000}, {"queue", 32},     {"errors", 1000},
};

static void add(const struct gw_conf_model *m, const struct lyd_node *in, const char *name,
                const char *text, struct gw_conf_errors *err)
{
    if (lyd_new_term((struct lyd_node *)in, m->mod, name, text, 0, NULL) != LY_SUCCESS)
        err->nomem = true;
}

static void derive_normalisation(const struct gw_conf_model *m, const struct lyd_node *steering,
                                 struct gw_conf_errors *err)
{
    if (gw_conf_child(steering, "normalisation") != NULL)
        return;
    for (size_t i = 0; i < sizeof normalisation / sizeof *normalisation; i++) {
        struct lyd_node *n;
        char worst[16];
        if (lyd_new_list((struct lyd_node *)steering, m->mod, "normalisation", 0, &n,
                         normalisation[i].metric) != LY_SUCCESS) {
            err->nomem = true;
            return;
        }
        (void)snprintf(worst, sizeof worst, "%u", normalisation[i].worst);
        add(m, n, "worst", worst, err);
        add(m, n, "best", "0", err);
        if (lyd_new_implicit_tree(n, 0, NULL) != LY_SUCCESS)
            err->nomem = true;
    }
}

static void derive_steering(const struct gw_conf_model *m, const struct lyd_node *tree,
                            struct gw_conf_errors *err)
{
    const struct lyd_node *node = gw_conf_child(tree, "node");
    const struct lyd_node *steering = gw_conf_child(tree, "steering");
    unsigned roles = gw_conf_roles(node);
    bool agent = (roles & GW_ROLE_METRIC_AGENT) != 0, forwarder = (roles & GW_ROLES_STEERING) != 0;

    if (steering == NULL)
        return;
    if (gw_conf_child(steering, "host-metrics") == NULL)
        add(m, steering, "host-metrics", agent && !forwarder ? "true" : "false", err);
    if (agent && forwarder && gw_conf_child(steering, "egress") == NULL &&
        gw_conf_child(node, "address") != NULL)
        add(m, steering, "egress", gw_conf_str(node, "address"), err);
    if ((roles & GW_ROLES_CATS) != 0)
        derive_normalisation(m, steering, err);
}

static void derive_instance(const struct gw_conf_model *m, const struct lyd_node *tree,
                            const struct lyd_node *x, struct gw_conf_errors *err)
{
    const struct lyd_node *s = gw_conf_service_of(tree, x), *health = gw_conf_child(x, "health");
    const char *csci_id = gw_conf_str(x, "csci-id");

    if (s == NULL)
        return;
    if (gw_conf_child(x, "address") == NULL && csci_id != NULL &&
        gw_conf_enum(s, "delivery") == GW_DELIVERY_TUNNEL)
        add(m, x, "address", csci_id, err);
    if (health != NULL && gw_conf_child(health, "port") == NULL && gw_conf_u32(s, "port") != 0 &&
        strcmp(gw_conf_str(s, "protocol"), "tcp") == 0 &&
        (gw_conf_enum(health, "kind") == GW_HEALTH_TCP ||
         gw_conf_enum(health, "kind") == GW_HEALTH_HTTP))
        add(m, health, "port", gw_conf_str(s, "port"), err);
}

void gw_conf_derive_steer(const struct gw_conf_model *m, const struct lyd_node *tree,
                          struct gw_conf_errors *err)
{
    const struct lyd_node *x = gw_conf_child(tree, "instances");

    derive_steering(m, tree, err);
    for (; x != NULL; x = gw_conf_next(x))
        derive_instance(m, tree, x, err);
}
