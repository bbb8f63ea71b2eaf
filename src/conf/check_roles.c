/* check_roles.c: what each role needs of the rest of the configuration, and what is of no use
 * without the role that it is for. Runs on a tree without errors only.
 */
#include <stdio.h>

#include "conf/check.h"

#define ANCHORING_ROLES ((unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA))

void gw_conf_fault_in(struct gw_conf_errors *err, const struct lyd_node *in, const char *name,
                      const char *what)
{
    const struct lyd_node *first = gw_conf_child(in, name);
    struct gw_conf_path p;

    gw_conf_path_of(in, &p);
    gw_conf_path_name(&p, name);
    gw_conf_error(err, gw_conf_line(first != NULL ? first : in), p.text, "%s", what);
}

unsigned gw_conf_roles(const struct lyd_node *node)
{
    static const unsigned role[] = {
        GW_ROLE_MAAR,         GW_ROLE_CMD,           GW_ROLE_LMA,
        GW_ROLE_MAG,          GW_ROLE_D_ROUTER,      GW_ROLE_D_FORWARDER,
        GW_ROLE_METRIC_AGENT, GW_ROLE_PATH_SELECTOR, GW_ROLE_LOCATION_SERVER};
    unsigned roles = 0; /* role: in the enumeration's order */

    for (const struct lyd_node *r = gw_conf_child(node, "roles"); r != NULL; r = gw_conf_next(r))
        roles |= role[gw_conf_enum_value(r)];
    return roles;
}

static bool has_side(const struct lyd_node *tree, enum gw_if_side side)
{
    const struct lyd_node *i = gw_conf_child(tree, "interfaces");

    for (; i != NULL; i = gw_conf_next(i)) {
        if (gw_conf_enum(i, "side") == (int)side)
            return true;
    }
    return false;
}

static const struct lyd_node *peer_at(const struct lyd_node *tree, const struct gw_addr *a)
{
    const struct lyd_node *p = gw_conf_child(tree, "peers");
    struct gw_addr addr;

    for (; p != NULL; p = gw_conf_next(p)) {
        if (gw_conf_addr(p, "address", &addr) && gw_addr_eq(&addr, a))
            return p;
    }
    return NULL;
}

/* The address of a node that this one works with: a peer with that role, or this node itself. */
struct partner {
    const char *in, *leaf, *what; /* "node", "cmd", "central mobility database" */
    unsigned role;
    const char *name; /* of the role */
    const char *user; /* the role that needs it */
};
static const struct partner cmd_of_maar = {"node",      "cmd", "central mobility database",
                                           GW_ROLE_CMD, "cmd", "maar"};
static const struct partner lma_of_mag = {"node",      "lma", "local mobility anchor",
                                          GW_ROLE_LMA, "lma", "mag"};
static const struct partner selector = {"steering",      "selector",
                                        "path selector", GW_ROLE_PATH_SELECTOR,
                                        "path-selector", "d-router of this model"};
static const struct partner router_of_forwarder = {"steering",       "d-router", "D-Router",
                                                   GW_ROLE_D_ROUTER, "d-router", "d-forwarder"};
static const struct partner egress_of_agent = {
    "steering", "egress", "egress", GW_ROLES_STEERING, "d-router or d-forwarder", "metric-agent"};

static void check_partner(const struct lyd_node *tree, const struct partner *p,
                          struct gw_conf_errors *err)
{
    const struct lyd_node *node = gw_conf_child(tree, "node"), *in = gw_conf_child(tree, p->in);
    const struct lyd_node *leaf = gw_conf_child(in, p->leaf), *peer;
    struct gw_addr a, own;
    char text[128];

    if (!gw_conf_addr(in, p->leaf, &a)) {
        (void)snprintf(text, sizeof text,
                       "is missing, expected the address of the %s, which the role %s needs",
                       p->what, p->user);
        gw_conf_fault_in(err, in, p->leaf, text);
        return;
    }
    if (gw_conf_addr(node, "address", &own) && gw_addr_eq(&a, &own)) {
        if ((gw_conf_roles(node) & p->role) == 0)
            gw_conf_fault(err, leaf,
                          "%s is this node's own address and it has not the role %s, "
                          "expected the address of a peer that has",
                          lyd_get_value(leaf), p->name);
        return;
    }
    peer = peer_at(tree, &a);
    if (peer == NULL)
        gw_conf_fault(err, leaf,
                      "%s is no peer's address, expected one of a peer with the role "
                      "%s under /godwit/peers",
                      lyd_get_value(leaf), p->name);
    else if ((gw_conf_roles(peer) & p->role) == 0)
        gw_conf_fault(err, leaf,
                      "the peer \"%s\" (line %u) has not the role %s, expected one "
                      "that has",
                      gw_conf_str(peer, "name"), gw_conf_line(peer), p->name);
}

static void check_not_partner(const struct lyd_node *tree, const struct partner *p,
                              struct gw_conf_errors *err)
{
    const struct lyd_node *leaf = gw_conf_child(gw_conf_child(tree, p->in), p->leaf);

    if (leaf != NULL)
        gw_conf_fault(err, leaf, "is only for the role %s, expected nothing", p->user);
}

static void check_if_partner(const struct lyd_node *tree, const struct partner *p, bool used,
                             struct gw_conf_errors *err)
{
    if (used)
        check_partner(tree, p, err);
    else
        check_not_partner(tree, p, err);
}

/* The first of the node's roles that is among `among`, for people. */
static const char *role_name(unsigned roles, unsigned among)
{
    roles &= among;
    return (roles & GW_ROLE_MAAR) != 0       ? "maar"
           : (roles & GW_ROLE_LMA) != 0      ? "lma"
           : (roles & GW_ROLE_MAG) != 0      ? "mag"
           : (roles & GW_ROLE_D_ROUTER) != 0 ? "d-router"
                                             : "d-forwarder";
}

static void check_needed(const struct lyd_node *tree, const char *list, bool there, unsigned roles,
                         unsigned among, const char *what, struct gw_conf_errors *err)
{
    char text[128];

    if (there || (roles & among) == 0)
        return;
    (void)snprintf(text, sizeof text, "%s, expected at least one, which the role %s needs", what,
                   role_name(roles, among));
    gw_conf_fault_in(err, tree, list, text);
}

static void check_anchor(const struct lyd_node *tree, const struct lyd_node *a, unsigned roles,
                         struct gw_conf_errors *err)
{
    const char *name = lyd_get_value(a);
    const struct lyd_node *p = gw_conf_child(tree, "peers");

    if (strcmp(name, "here") == 0 || strcmp(name, "none") == 0) {
        if ((roles & GW_ROLE_MAAR) == 0)
            gw_conf_fault(err, a, "%s needs the role maar, expected the name of an lma", name);
        return;
    }
    while (p != NULL && strcmp(gw_conf_str(p, "name"), name) != 0)
        p = gw_conf_next(p);
    if (p == NULL || (gw_conf_roles(p) & GW_ROLE_LMA) == 0)
        gw_conf_fault(err, a,
                      "%s is no peer with the role lma, expected 'here', 'none' or the name of "
                      "one",
                      name);
    else if ((roles & GW_ROLE_MAG) == 0)
        gw_conf_fault(err, a,
                      "%s is an lma, which needs the role mag here, expected 'here' or "
                      "'none'",
                      name);
}

static void check_anchors(const struct lyd_node *tree, unsigned roles, struct gw_conf_errors *err)
{
    const struct lyd_node *rule = gw_conf_child(tree, "policy"), *a;

    for (; rule != NULL; rule = gw_conf_next(rule)) {
        unsigned own = 0, central = 0;
        for (a = gw_conf_child(rule, "anchors"); a != NULL; a = gw_conf_next(a)) {
            bool here =
                strcmp(lyd_get_value(a), "here") == 0 || strcmp(lyd_get_value(a), "none") == 0;
            own += here;
            central += !here;
            check_anchor(tree, a, roles, err);
            if (own > 1 || central > 1)
                gw_conf_fault(err, a,
                              "%s does not go together with the other, expected one of "
                              "'here' and 'none' and at most one lma",
                              lyd_get_value(a));
        }
    }
}

/* What only nodes of those roles have a use for. */
static void check_only(const struct lyd_node *tree, const char *list, bool used, const char *whose,
                       struct gw_conf_errors *err)
{
    char text[128];

    if (used || gw_conf_child(tree, list) == NULL)
        return;
    (void)snprintf(text, sizeof text, "are only for the roles %s, expected none", whose);
    gw_conf_fault_in(err, tree, list, text);
}

static void check_client_sides(const struct lyd_node *tree, unsigned roles,
                               struct gw_conf_errors *err)
{
    const struct lyd_node *i = gw_conf_child(tree, "interfaces");

    for (; i != NULL; i = gw_conf_next(i))
        if (gw_conf_enum(i, "side") == GW_IF_CLIENT && (roles & GW_ROLES_STEERING) == 0)
            gw_conf_fault(err, gw_conf_child(i, "side"),
                          "client is only for the roles d-router and d-forwarder, expected access "
                          "or core");
}

/* CATS. */
static void check_steering_roles(const struct lyd_node *tree, unsigned roles,
                                 struct gw_conf_errors *err)
{
    const struct lyd_node *steering = gw_conf_child(tree, "steering");
    bool central = gw_conf_enum(steering, "model") != GW_MODEL_DISTRIBUTED;
    bool forwarder = (roles & GW_ROLE_D_FORWARDER) != 0;
    bool agent = (roles & GW_ROLE_METRIC_AGENT) != 0;

    if (forwarder && (roles & GW_ROLE_D_ROUTER) != 0)
        gw_conf_fault_in(err, gw_conf_child(tree, "node"), "roles",
                         "have both d-router and d-forwarder, expected one of the two");
    check_if_partner(tree, &router_of_forwarder, forwarder, err);
    check_if_partner(tree, &egress_of_agent, agent, err);
    if (((roles & GW_ROLE_D_ROUTER) != 0 && central) || gw_conf_child(steering, "selector") != NULL)
        check_partner(tree, &selector, err);
    check_only(tree, "services", (roles & GW_ROLES_CATS) != 0,
               "d-router, d-forwarder, metric-agent and path-selector", err);
    check_only(tree, "instances", (roles & GW_ROLES_STEERING) != 0 || agent,
               "d-router, d-forwarder and metric-agent", err);
    if (gw_conf_child(steering, "announce") != NULL && (roles & GW_ROLES_STEERING) == 0)
        gw_conf_fault(err, gw_conf_child(steering, "announce"),
                      "is only for the roles d-router and d-forwarder, expected nothing");
    check_client_sides(tree, roles, err);
}

/* Whoever gets a prefix that other MAARs are to know of is registered with the CMD. Without any
 * rule nobody is served at all, which may change. */
static bool needs_cmd(const struct lyd_node *tree)
{
    const struct lyd_node *rule = gw_conf_child(tree, "policy"), *a;
    bool any = rule == NULL;

    for (; rule != NULL; rule = gw_conf_next(rule)) {
        a = gw_conf_child(rule, "anchors");
        bool none = a != NULL && gw_conf_next(a) == NULL && strcmp(lyd_get_value(a), "none") == 0;
        any = any || (strcmp(gw_conf_str(rule, "action"), "allow") == 0 && !none);
    }
    return any;
}

void gw_conf_check_roles(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    unsigned roles = gw_conf_roles(gw_conf_child(tree, "node"));
    bool pools = gw_conf_child(tree, "pools") != NULL;

    bool cmd = gw_conf_child(gw_conf_child(tree, "node"), "cmd") != NULL;

    check_if_partner(tree, &cmd_of_maar, (roles & GW_ROLE_MAAR) != 0 && (cmd || needs_cmd(tree)),
                     err);
    check_if_partner(tree, &lma_of_mag, (roles & GW_ROLE_MAG) != 0, err);
    check_needed(tree, "pools", pools, roles, ANCHORING_ROLES, "is missing", err);
    check_only(tree, "pools", (roles & ANCHORING_ROLES) != 0, "maar and lma", err);
    check_needed(tree, "interfaces", has_side(tree, GW_IF_ACCESS), roles, GW_ROLES_ACCESS,
                 "none has side access", err);
    check_needed(tree, "interfaces", has_side(tree, GW_IF_CORE), roles,
                 GW_ROLES_FORWARDING | GW_ROLES_STEERING, "none has side core", err);
    check_anchors(tree, roles, err);
    check_steering_roles(tree, roles, err);
}
