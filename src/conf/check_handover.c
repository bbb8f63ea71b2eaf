/* check_handover.c: handover of clients (CATS mobility draft): which values go together, and what
 * it needs of the rest of the configuration.
 *
 * Decision: in the profile as-drawn the flags D and C are one bit, so a node's address speaks
 * either DMM or CATS: handover is refused at a node that registers with a CMD or is one. Nobody can
 * check for others that they do the same; so the model says it.
 */
#include <stdio.h>

#include "conf/check.h"

/* Both or none. */
static void check_position(const struct lyd_node *in, struct gw_conf_errors *err)
{
    const struct lyd_node *lat = gw_conf_child(in, "latitude");
    const struct lyd_node *lon = gw_conf_child(in, "longitude");

    if ((lat == NULL) != (lon == NULL))
        gw_conf_fault(err, lat != NULL ? lat : lon, "has no %s beside it, expected both",
                      lat != NULL ? "longitude" : "latitude");
}

static const struct lyd_node *peer_named(const struct lyd_node *tree, const char *name)
{
    const struct lyd_node *p = gw_conf_child(tree, "peers");

    while (p != NULL && strcmp(gw_conf_str(p, "name"), name) != 0)
        p = gw_conf_next(p);
    return p;
}

static const struct lyd_node *peer_at(const struct lyd_node *tree, const char *address)
{
    const struct lyd_node *p = gw_conf_child(tree, "peers");

    while (p != NULL && strcmp(gw_conf_str(p, "address"), address) != 0) /* canonical texts */
        p = gw_conf_next(p);
    return p;
}

static void check_neighbours(const struct lyd_node *tree, const struct lyd_node *h,
                             struct gw_conf_errors *err)
{
    const struct lyd_node *n = gw_conf_child(h, "neighbours"), *p;

    for (; n != NULL; n = gw_conf_next(n)) {
        const char *name = lyd_get_value(n);
        p = peer_named(tree, name);
        if (p == NULL)
            gw_conf_fault(err, n, "%s is no peer's name, expected one under /godwit/peers", name);
        else if ((gw_conf_roles(p) & GW_ROLES_STEERING) == 0)
            gw_conf_fault(err, n,
                          "the peer \"%s\" (line %u) is no ingress, expected one with the role "
                          "d-router or d-forwarder",
                          name, gw_conf_line(p));
    }
}

static void check_servers(const struct lyd_node *tree, const struct lyd_node *h,
                          struct gw_conf_errors *err)
{
    const struct lyd_node *node = gw_conf_child(tree, "node"), *p;
    const struct lyd_node *s = gw_conf_child(h, "location-servers");
    const char *own = gw_conf_str(node, "address");

    for (; s != NULL; s = gw_conf_next(s)) {
        const char *address = lyd_get_value(s);
        p = own != NULL && strcmp(address, own) == 0 ? node : peer_at(tree, address);
        if (p == NULL)
            gw_conf_fault(err, s,
                          "%s is no peer's address, expected one of a peer with the role "
                          "location-server under /godwit/peers",
                          address);
        else if ((gw_conf_roles(p) & GW_ROLE_LOCATION_SERVER) == 0)
            gw_conf_fault(err, s,
                          "\"%s\" (line %u) has not the role location-server, expected one that "
                          "has",
                          gw_conf_str(p, "name"), gw_conf_line(p));
    }
}

static void check_find(const struct lyd_node *h, struct gw_conf_errors *err)
{
    const struct lyd_node *f = gw_conf_child(h, "find");

    for (; f != NULL; f = gw_conf_next(f))
        if (strcmp(lyd_get_value(f), "location-server") == 0 &&
            gw_conf_child(h, "location-servers") == NULL)
            gw_conf_fault(err, f, "nobody is named to ask, expected handover/location-servers too");
}

/* A token is a MAC under a key that an ingress shares with each egress. */
static void check_token_keys(const struct lyd_node *tree, const struct lyd_node *h,
                             struct gw_conf_errors *err)
{
    const struct lyd_node *p = gw_conf_child(tree, "peers");

    for (; gw_conf_bool(h, "tokens") && p != NULL; p = gw_conf_next(p))
        if ((gw_conf_roles(p) & GW_ROLES_STEERING) != 0 && gw_conf_child(p, "keys") == NULL)
            gw_conf_fault_in(err, p, "keys",
                             "is missing, expected at least one, which tokens of handovers need "
                             "with any protection, or handover/tokens false");
}

static void check_code_points(const struct lyd_node *tree, unsigned roles,
                              struct gw_conf_errors *err)
{
    const struct lyd_node *node = gw_conf_child(tree, "node"), *p = gw_conf_child(tree, "protocol");
    static const char *const options[] = {"cats-client-option", "cats-address-option"};
    bool dmm = (roles & GW_ROLE_CMD) != 0 || gw_conf_child(node, "cmd") != NULL;

    if (dmm && gw_conf_enum(p, "profile") == GW_PROFILE_AS_DRAWN)
        gw_conf_fault(err, gw_conf_child(p, "profile"),
                      "as-drawn has one bit for the flags D and C, and %s speaks both with "
                      "handover/enabled: DMM with its CMD and CATS, expected registered, or one of "
                      "the two on an address",
                      gw_conf_str(node, "address"));
    for (size_t i = 0; i < 2; i++)
        if (gw_conf_u32(p, options[i]) == 0)
            gw_conf_fault(err, gw_conf_child(p, options[i]),
                          "0 leaves handovers without their option, expected 71 to 255, or "
                          "handover/enabled false");
}

static void check_transfer(const struct lyd_node *t, struct gw_conf_errors *err)
{
    static const char *const files[] = {"certificate", "key", "authority"};
    const struct lyd_node *port = gw_conf_child(t, "port");

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct lyd_node *file = gw_conf_child(t, files[i]);
        if (port != NULL && file == NULL)
            gw_conf_fault_in(err, t, files[i],
                             "is missing, expected the name of a file, which transfers at "
                             "handover/transfer/port need");
        else if (port == NULL && file != NULL)
            gw_conf_fault(err, file, "is for transfers, expected handover/transfer/port too");
    }
}

static void check_services(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *s = gw_conf_child(tree, "services");

    for (; s != NULL; s = gw_conf_next(s)) {
        const struct lyd_node *h = gw_conf_child(s, "handover");
        if (gw_conf_bool(h, "in-order") && gw_conf_u32(h, "packets") == 0)
            gw_conf_fault(err, gw_conf_child(h, "in-order"),
                          "what waits has to be kept, expected packets above 0, or false");
    }
}

/* What is meant for those that take part. */
static void check_used(const struct lyd_node *tree, const struct lyd_node *h, unsigned roles,
                       struct gw_conf_errors *err)
{
    if (gw_conf_bool(h, "enabled") && (roles & GW_ROLES_STEERING) == 0)
        gw_conf_fault(err, gw_conf_child(h, "enabled"),
                      "is only for the roles d-router and d-forwarder, expected false");
    if (gw_conf_bool(h, "enabled") && (roles & GW_ROLES_STEERING) != 0) {
        check_token_keys(tree, h, err);
        check_code_points(tree, roles, err);
    }
}

void gw_conf_check_handover(const struct lyd_node *tree, bool complete, struct gw_conf_errors *err)
{
    const struct lyd_node *h = gw_conf_child(tree, "handover");
    const struct lyd_node *p = gw_conf_child(tree, "peers");

    check_position(h, err);
    for (; p != NULL; p = gw_conf_next(p))
        check_position(p, err);
    check_services(tree, err);
    if (!complete)
        return;
    check_neighbours(tree, h, err);
    check_servers(tree, h, err);
    check_find(h, err);
    check_transfer(gw_conf_child(h, "transfer"), err);
    check_used(tree, h, gw_conf_roles(gw_conf_child(tree, "node")), err);
}
