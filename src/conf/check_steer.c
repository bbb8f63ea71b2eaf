/* check_steer.c: services, instances and steering (CATS): which values go together. `complete`: the
 * tree has no errors, so that what is not in it is not in the file either. What a role needs is
 * check_roles.c's.
 */
#include <stdio.h>

#include "base/text.h"
#include "conf/check.h"

const struct lyd_node *gw_conf_service_of(const struct lyd_node *tree,
                                          const struct lyd_node *instance)
{
    const struct lyd_node *s = gw_conf_child(tree, "services");
    const char *name = gw_conf_str(instance, "service"), *is;

    for (; name != NULL && s != NULL; s = gw_conf_next(s))
        if ((is = gw_conf_str(s, "name")) != NULL && strcmp(is, name) == 0)
            return s;
    return NULL;
}

/* Whose address it is among this node and its peers, or NULL. */
static const struct lyd_node *node_at(const struct lyd_node *tree, const struct gw_addr *a)
{
    const struct lyd_node *n = gw_conf_child(tree, "node");
    struct gw_addr addr;

    if (gw_conf_addr(n, "address", &addr) && gw_addr_eq(&addr, a))
        return n;
    for (n = gw_conf_child(tree, "peers"); n != NULL; n = gw_conf_next(n))
        if (gw_conf_addr(n, "address", &addr) && gw_addr_eq(&addr, a))
            return n;
    return NULL;
}

/* A CS-ID or CSCI-ID: unicast, and nobody else's. */
static void check_own_address(const struct lyd_node *tree, const struct lyd_node *in,
                              const char *name, struct gw_conf_errors *err)
{
    const struct lyd_node *leaf = gw_conf_child(in, name), *n;
    struct gw_conf_path path;
    struct gw_addr a;

    if (!gw_conf_addr(in, name, &a))
        return;
    if (!gw_conf_is_global(&a))
        gw_conf_fault(err, leaf, "%s cannot be a %s, expected a global or unique local address",
                      lyd_get_value(leaf), strcmp(name, "cs-id") == 0 ? "CS-ID" : "CSCI-ID");
    else if ((n = node_at(tree, &a)) != NULL)
        gw_conf_fault(err, leaf, "%s is the address of %s (line %u), expected one of its own",
                      lyd_get_value(leaf), gw_conf_path_of(n, &path), gw_conf_line(n));
}

/* ---- services ---- */

static bool same_text(const struct lyd_node *a, const struct lyd_node *b, const char *name)
{
    const char *x = gw_conf_str(a, name), *y = gw_conf_str(b, name);

    return x != NULL && y != NULL ? strcmp(x, y) == 0 : x == y;
}

static void check_service_twice(const struct lyd_node *tree, const struct lyd_node *s,
                                struct gw_conf_errors *err)
{
    const struct lyd_node *o = gw_conf_child(tree, "services");

    for (; o != s; o = gw_conf_next(o)) {
        const char *name = gw_conf_str(s, "name"), *other = gw_conf_str(o, "name");
        if (name != NULL && other != NULL && strcasecmp(name, other) == 0)
            gw_conf_fault(err, gw_conf_child(s, "name"),
                          "%s is the domain name of the service \"%s\" too (line %u), expected "
                          "another one",
                          name, other, gw_conf_line(o));
        if (!same_text(s, o, "cs-id") || !same_text(s, o, "protocol") || !same_text(s, o, "port"))
            continue;
        gw_conf_fault(err, s,
                      "has the CS-ID, protocol and port of the service \"%s\" (line %u), expected "
                      "another one",
                      gw_conf_str(o, "name"), gw_conf_line(o));
        return;
    }
}

static void check_service(const struct lyd_node *tree, const struct lyd_node *s, bool complete,
                          struct gw_conf_errors *err)
{
    const struct lyd_node *port = gw_conf_child(s, "port"), *age = gw_conf_child(s, "max-age");
    const struct lyd_node *steering = gw_conf_child(tree, "steering");
    const char *protocol = gw_conf_str(s, "protocol");
    bool any = protocol != NULL && strcmp(protocol, "any") == 0;

    check_own_address(tree, s, "cs-id", err);
    check_service_twice(tree, s, err);
    if (any && port != NULL)
        gw_conf_fault(err, port, "%s needs a protocol, expected protocol tcp or udp, or no port",
                      lyd_get_value(port));
    else if (complete && !any && port == NULL)
        gw_conf_fault_in(err, s, "port", "is missing, expected one with protocol tcp or udp");
    if (age != NULL && steering != NULL && gw_conf_child(steering, "lifetime") != NULL &&
        gw_conf_time(s, "max-age").ns <= gw_conf_time(steering, "lifetime").ns / 3)
        gw_conf_fault(
            err, age,
            "max-age is %s and steering/lifetime is %s, expected max-age more than a third of "
            "it, after which what does not change is said again",
            lyd_get_value(age), gw_conf_str(steering, "lifetime"));
}

/* ---- instances ---- */

static void check_csci_id(const struct lyd_node *tree, const struct lyd_node *x,
                          struct gw_conf_errors *err)
{
    const struct lyd_node *leaf = gw_conf_child(x, "csci-id"), *o;

    if (leaf == NULL)
        return;
    check_own_address(tree, x, "csci-id", err);
    for (o = gw_conf_child(tree, "services"); o != NULL; o = gw_conf_next(o)) {
        const char *cs_id = gw_conf_str(o, "cs-id");
        if (cs_id == NULL || strcmp(cs_id, lyd_get_value(leaf)) != 0)
            continue;
        gw_conf_fault(err, leaf,
                      "%s is the CS-ID of the service \"%s\" (line %u), expected a unicast address "
                      "of the instance",
                      cs_id, gw_conf_str(o, "name"), gw_conf_line(o));
        return;
    }
    for (o = gw_conf_child(tree, "instances"); o != x; o = gw_conf_next(o)) {
        if (!same_text(x, o, "csci-id"))
            continue;
        gw_conf_fault(err, leaf,
                      "%s is the CSCI-ID of the instance \"%s\" too (line %u), expected one of its "
                      "own",
                      lyd_get_value(leaf), gw_conf_str(o, "name"), gw_conf_line(o));
        return;
    }
}

/* Where its packets go. */
static void check_delivery(const struct lyd_node *service, const struct lyd_node *x, bool complete,
                           struct gw_conf_errors *err)
{
    const struct lyd_node *leaf = gw_conf_child(x, "address");
    const char *csci_id = gw_conf_str(x, "csci-id");
    struct gw_addr a;

    if (gw_conf_addr(x, "address", &a) && (gw_addr_is_zero(&a) || gw_addr_is_multicast(&a)))
        gw_conf_fault(err, leaf, "%s cannot be the address of a host, expected a unicast address",
                      lyd_get_value(leaf));
    if (service == NULL || gw_conf_enum(service, "delivery") != GW_DELIVERY_DIRECT)
        return;
    if (leaf == NULL && complete)
        gw_conf_fault_in(err, x, "address",
                         "is missing, expected the address of the instance's host, which delivery "
                         "direct needs");
    else if (leaf != NULL && csci_id != NULL && strcmp(lyd_get_value(leaf), csci_id) == 0)
        gw_conf_fault(err, leaf,
                      "%s is the CSCI-ID, which the egress owns with delivery direct, expected "
                      "the address of the instance's host",
                      lyd_get_value(leaf));
}

/* reports: whether it can. */
static void check_health(const struct lyd_node *x, bool reports, bool complete,
                         struct gw_conf_errors *err)
{
    const struct lyd_node *h = gw_conf_child(x, "health"), *kind = gw_conf_child(h, "kind");
    const struct lyd_node *timeout = gw_conf_child(h, "timeout");
    enum gw_health is = (enum gw_health)gw_conf_enum(h, "kind");

    bool asks = is == GW_HEALTH_TCP || is == GW_HEALTH_HTTP;

    if (complete && asks && gw_conf_child(h, "port") == NULL)
        gw_conf_fault_in(err, h, "port",
                         "is missing, expected one, because the service has no port of tcp");
    if (complete && is == GW_HEALTH_REPORT && !reports)
        gw_conf_fault(err, kind,
                      "report needs a place to report at, expected steering/agent-socket or "
                      "steering/http, and a token");
    if (asks && timeout != NULL &&
        gw_time_before(gw_conf_time(h, "interval"), gw_conf_time(h, "timeout")))
        gw_conf_fault(err, timeout, "timeout is %s and interval is %s, expected timeout at most it",
                      lyd_get_value(timeout), gw_conf_str(h, "interval"));
}

static void check_instance(const struct lyd_node *tree, const struct lyd_node *x, bool complete,
                           struct gw_conf_errors *err)
{
    const struct lyd_node *service = gw_conf_service_of(tree, x);
    const struct lyd_node *name = gw_conf_child(x, "service");
    const struct lyd_node *steering = gw_conf_child(tree, "steering");
    bool place =
        gw_conf_child(steering, "http") != NULL || gw_conf_child(steering, "agent-socket") != NULL;
    bool token = gw_conf_child(x, "token") != NULL || gw_conf_child(x, "token-file") != NULL;

    if (complete && service == NULL)
        gw_conf_fault(err, name,
                      "%s is no service under /godwit/services, expected the name of one",
                      lyd_get_value(name));
    check_csci_id(tree, x, err);
    check_delivery(service, x, complete, err);
    check_health(x, place && token, complete, err);
    if (complete && gw_conf_bool(x, "registers") && !(place && token))
        gw_conf_fault(err, gw_conf_child(x, "registers"), "%s, expected %s",
                      token ? "there is no place to register at" : "it has no credential",
                      token ? "steering/agent-socket or steering/http" : "a token or token-file");
}

/* ---- steering ---- */

static void check_normalisation(const struct lyd_node *steering, struct gw_conf_errors *err)
{
    const struct lyd_node *n = gw_conf_child(steering, "normalisation");

    for (; n != NULL; n = gw_conf_next(n)) {
        const struct lyd_node *best = gw_conf_child(n, "best");
        if (best != NULL && gw_conf_child(n, "worst") != NULL &&
            gw_conf_u32(n, "best") == gw_conf_u32(n, "worst"))
            gw_conf_fault(err, best, "best and worst are both %s, expected two values",
                          lyd_get_value(best));
    }
}

static void check_steering(const struct lyd_node *s, struct gw_conf_errors *err)
{
    const struct lyd_node *report = gw_conf_child(s, "report"), *stamp = gw_conf_child(s, "stamp");
    const struct lyd_node *most = gw_conf_child(report, "most");
    const struct lyd_node *wait = gw_conf_child(stamp, "wait");
    const struct lyd_node *announce = gw_conf_child(s, "announce");
    int64_t interval = gw_conf_time(stamp, "interval").ns;

    if (announce != NULL && gw_conf_str(announce, "bird-socket") == NULL &&
        !gw_conf_bool(announce, "kernel-routes"))
        gw_conf_fault(err, announce, "tells nobody, expected bird-socket or kernel-routes");
    check_normalisation(s, err);
    if (most != NULL && gw_conf_time(report, "most").ns > 0 &&
        gw_time_before(gw_conf_time(report, "most"), gw_conf_time(report, "least")))
        gw_conf_fault(err, most, "most is %s and least is %s, expected most at least it, or 0",
                      lyd_get_value(most), gw_conf_str(report, "least"));
    if (wait != NULL && interval > 0 &&
        gw_conf_time(stamp, "wait").ns >= interval * GW_PATH_OUTSTANDING)
        gw_conf_fault(err, wait, "wait is %s and interval is %s, expected wait less than %d of it",
                      lyd_get_value(wait), gw_conf_str(stamp, "interval"), GW_PATH_OUTSTANDING);
}

void gw_conf_check_steer(const struct lyd_node *tree, bool complete, struct gw_conf_errors *err)
{
    const struct lyd_node *n;

    for (n = gw_conf_child(tree, "services"); n != NULL; n = gw_conf_next(n))
        check_service(tree, n, complete, err);
    for (n = gw_conf_child(tree, "instances"); n != NULL; n = gw_conf_next(n))
        check_instance(tree, n, complete, err);
    check_steering(gw_conf_child(tree, "steering"), err);
}
