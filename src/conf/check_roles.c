/* check_roles.c: what each role needs of the rest of the configuration, and what is of no use
 * without the role that it is for. Runs on a tree without errors only.
 */
#include <stdio.h>

#include "conf/check.h"

#define ANCHORING_ROLES ((unsigned)(GW_ROLE_MAAR | GW_ROLE_LMA))
#define ACCESS_ROLES    ((unsigned)(GW_ROLE_MAAR | GW_ROLE_MAG))

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
    static const unsigned role[] = {GW_ROLE_MAAR, GW_ROLE_CMD, GW_ROLE_LMA, GW_ROLE_MAG};
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

/* node/cmd or node/lma: a peer with that role, or this node itself. */
struct partner {
    const char *leaf, *what; /* "cmd", "central mobility database" */
    unsigned role;
    const char *user; /* the role that needs it */
};
static const struct partner cmd_of_maar = {"cmd", "central mobility database", GW_ROLE_CMD, "maar"};
static const struct partner lma_of_mag = {"lma", "local mobility anchor", GW_ROLE_LMA, "mag"};

static void check_partner(const struct lyd_node *tree, const struct partner *p,
                          struct gw_conf_errors *err)
{
    const struct lyd_node *node = gw_conf_child(tree, "node");
    const struct lyd_node *leaf = gw_conf_child(node, p->leaf), *peer;
    struct gw_addr a, own;
    char text[128];

    if (!gw_conf_addr(node, p->leaf, &a)) {
        (void)snprintf(text, sizeof text,
                       "is missing, expected the address of the %s, which the role %s needs",
                       p->what, p->user);
        gw_conf_fault_in(err, node, p->leaf, text);
        return;
    }
    if (gw_conf_addr(node, "address", &own) && gw_addr_eq(&a, &own)) {
        if ((gw_conf_roles(node) & p->role) == 0)
            gw_conf_fault(err, leaf,
                          "%s is this node's own address and it has not the role %s, "
                          "expected the address of a peer that has",
                          lyd_get_value(leaf), p->leaf);
        return;
    }
    peer = peer_at(tree, &a);
    if (peer == NULL)
        gw_conf_fault(err, leaf,
                      "%s is no peer's address, expected one of a peer with the role "
                      "%s under /godwit/peers",
                      lyd_get_value(leaf), p->leaf);
    else if ((gw_conf_roles(peer) & p->role) == 0)
        gw_conf_fault(err, leaf,
                      "the peer \"%s\" (line %u) has not the role %s, expected one "
                      "that has",
                      gw_conf_str(peer, "name"), gw_conf_line(peer), p->leaf);
}

static void check_not_partner(const struct lyd_node *tree, const struct partner *p,
                              struct gw_conf_errors *err)
{
    const struct lyd_node *leaf = gw_conf_child(gw_conf_child(tree, "node"), p->leaf);

    if (leaf != NULL)
        gw_conf_fault(err, leaf, "is only for the role %s, expected nothing", p->user);
}

/* The first of the node's roles that is among `among`, for people. */
static const char *role_name(unsigned roles, unsigned among)
{
    roles &= among;
    return (roles & GW_ROLE_MAAR) != 0  ? "maar"
           : (roles & GW_ROLE_LMA) != 0 ? "lma"
           : (roles & GW_ROLE_MAG) != 0 ? "mag"
                                        : "cmd";
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

void gw_conf_check_roles(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    unsigned roles = gw_conf_roles(gw_conf_child(tree, "node"));
    bool pools = gw_conf_child(tree, "pools") != NULL;

    if ((roles & GW_ROLE_MAAR) != 0)
        check_partner(tree, &cmd_of_maar, err);
    else
        check_not_partner(tree, &cmd_of_maar, err);
    if ((roles & GW_ROLE_MAG) != 0)
        check_partner(tree, &lma_of_mag, err);
    else
        check_not_partner(tree, &lma_of_mag, err);
    check_needed(tree, "pools", pools, roles, ANCHORING_ROLES, "is missing", err);
    if (pools && (roles & ANCHORING_ROLES) == 0)
        gw_conf_fault_in(err, tree, "pools", "are only for the roles maar and lma, expected none");
    check_needed(tree, "interfaces", has_side(tree, GW_IF_ACCESS), roles, ACCESS_ROLES,
                 "none has side access", err);
    check_needed(tree, "interfaces", has_side(tree, GW_IF_CORE), roles, GW_ROLES_FORWARDING,
                 "none has side core", err);
    check_anchors(tree, roles, err);
}
