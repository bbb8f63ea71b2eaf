/* check.c: what the model cannot say: which values go together, and what a role needs. Each check
 * stands alone and passes over what is not there. The ones about what is missing run only on a
 * tree without errors, because a wrong value is not in the tree.
 */
#include "conf/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/text.h"

#define TUNNEL_HEADER 40u /* octets, RFC 2473 without options */

void gw_conf_fault(struct gw_conf_errors *err, const struct lyd_node *at, const char *fmt, ...)
{
    struct gw_conf_path p;
    char what[768];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    gw_conf_error(err, gw_conf_line(at), gw_conf_path_of(at, &p), "%s", what);
}

bool gw_conf_is_global(const struct gw_addr *a)
{
    static const struct gw_addr loopback = {{[15] = 1}};

    return !gw_addr_is_zero(a) && !gw_addr_is_multicast(a) && !gw_addr_is_link_local(a) &&
           !gw_addr_eq(a, &loopback);
}

static void check_address(struct gw_conf_errors *err, const struct lyd_node *in, const char *name)
{
    const struct lyd_node *leaf = gw_conf_child(in, name);
    struct gw_addr a;

    if (gw_conf_addr(in, name, &a) && !gw_conf_is_global(&a))
        gw_conf_fault(err, leaf,
                      "%s cannot be the address of a node, expected a global or unique "
                      "local unicast address",
                      lyd_get_value(leaf));
}

/* ---- peers ---- */

static int by_address(const void *va, const void *vb)
{
    const struct lyd_node *a = *(const struct lyd_node *const *)va;
    const struct lyd_node *b = *(const struct lyd_node *const *)vb;
    int c = strcmp(lyd_get_value(a), lyd_get_value(b)); /* canonical texts */
    unsigned la = gw_conf_line(a), lb = gw_conf_line(b);

    return c != 0 ? c : la < lb ? -1 : la > lb;
}

static void check_peer_addresses(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *p = gw_conf_child(tree, "peers"), **addr;
    size_t n = 0;

    addr = calloc(gw_conf_count(p) + 1, sizeof(struct lyd_node *));
    if (addr == NULL) {
        err->nomem = true;
        return;
    }
    for (; p != NULL; p = gw_conf_next(p)) {
        const struct lyd_node *a = gw_conf_child(p, "address");
        if (a != NULL)
            addr[n++] = a;
    }
    qsort(addr, n, sizeof(struct lyd_node *), by_address);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(lyd_get_value(addr[i]), lyd_get_value(addr[i - 1])) == 0)
            gw_conf_fault(err, addr[i],
                          "%s is the address of the peer \"%s\" too (line %u), "
                          "expected one of its own",
                          lyd_get_value(addr[i]), gw_conf_str(lyd_parent(addr[i - 1]), "name"),
                          gw_conf_line(addr[i - 1]));
    }
    free(addr);
}

/* Policies name central anchors beside these words. */
static void check_peer_name(const struct lyd_node *peer, struct gw_conf_errors *err)
{
    const struct lyd_node *name = gw_conf_child(peer, "name");

    if (name != NULL &&
        (strcmp(lyd_get_value(name), "here") == 0 || strcmp(lyd_get_value(name), "none") == 0))
        gw_conf_fault(err, name, "%s has a meaning in policies, expected another name",
                      lyd_get_value(name));
}

static void check_peers(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *p = gw_conf_child(tree, "peers");
    const char *own = gw_conf_str(gw_conf_child(tree, "node"), "address");

    for (; p != NULL; p = gw_conf_next(p)) {
        const struct lyd_node *addr = gw_conf_child(p, "address");
        const struct lyd_node *pools = gw_conf_child(p, "pools");
        unsigned roles = gw_conf_roles(p);

        check_address(err, p, "address");
        if (addr != NULL && own != NULL && strcmp(lyd_get_value(addr), own) == 0)
            gw_conf_fault(err, addr, "%s is this node's own address, expected another node's", own);
        if (pools != NULL && roles != 0 && (roles & (GW_ROLE_MAAR | GW_ROLE_LMA)) == 0)
            gw_conf_fault(err, pools,
                          "pools are only for a peer with the role maar or lma, expected none");
        check_peer_name(p, err);
    }
    check_peer_addresses(tree, err);
}

static void check_keys(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *peer = gw_conf_child(tree, "peers");

    for (; peer != NULL; peer = gw_conf_next(peer)) {
        const struct lyd_node *keys = gw_conf_child(peer, "keys");
        bool mac = strcmp(gw_conf_str(peer, "protection"), "esp") != 0;
        if (mac && keys == NULL)
            gw_conf_fault_in(err, peer, "keys", "are missing, expected at least one");
        else if (!mac && keys != NULL)
            gw_conf_fault(err, keys,
                          "are for nothing with protection esp, expected none, or protection both");
    }
}

/* ---- numbers that go together ---- */

/* Which of two to blame: the one that the file gives. */
static const struct lyd_node *given(const struct lyd_node *a, const struct lyd_node *b)
{
    return a->priv != NULL || b->priv == NULL ? a : b;
}

static void check_mtu(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *mtu = gw_conf_child(tree, "mtu");
    const struct lyd_node *access = gw_conf_child(mtu, "access");
    const struct lyd_node *core = gw_conf_child(mtu, "core");

    if (access == NULL || core == NULL ||
        gw_conf_u32(mtu, "access") + TUNNEL_HEADER <= gw_conf_u32(mtu, "core"))
        return;
    gw_conf_fault(err, given(access, core),
                  "the access MTU of %s and the %u octets of a tunnel's header do not fit into the "
                  "core MTU of %s, expected an access MTU of at most %u",
                  lyd_get_value(access), TUNNEL_HEADER, lyd_get_value(core),
                  gw_conf_u32(mtu, "core") - TUNNEL_HEADER);
}

/* `a` at most (or below) `b`; both are in `in`. */
static void check_order(struct gw_conf_errors *err, const struct lyd_node *in, const char *a,
                        const char *b, bool strictly)
{
    const struct lyd_node *la = gw_conf_child(in, a), *lb = gw_conf_child(in, b);

    if (la == NULL || lb == NULL)
        return;
    struct gw_time ta = gw_conf_time(in, a), tb = gw_conf_time(in, b);
    if (gw_time_before(ta, tb) || (!strictly && ta.ns == tb.ns))
        return;
    gw_conf_fault(err, given(la, lb), "%s is %s and %s is %s, expected %s %s %s", a,
                  lyd_get_value(la), b, lyd_get_value(lb), a, strictly ? "less than" : "at most",
                  b);
}

static void check_timers(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *t = gw_conf_child(tree, "timers");
    const struct lyd_node *life = gw_conf_child(t, "lifetime");

    if (life != NULL && gw_conf_u32(t, "lifetime") % 4 != 0)
        gw_conf_fault(err, life,
                      "%s cannot be said on the wire, expected a multiple of 4 (seconds)",
                      lyd_get_value(life));
    check_order(err, t, "refresh", "lifetime", true);
    check_order(err, t, "initial-ack", "max-ack", false);
    check_order(err, t, "preferred-lifetime", "valid-lifetime", false);
    check_order(err, gw_conf_child(tree, "revocation"), "initial-delay", "max-delay", false);
    const struct lyd_node *ra = gw_conf_child(t, "ra-interval");
    const struct lyd_node *router = gw_conf_child(t, "router-lifetime");
    if (ra != NULL && router != NULL &&
        gw_conf_time(t, "ra-interval").ns > gw_conf_time(t, "router-lifetime").ns / 3)
        gw_conf_fault(err, given(ra, router),
                      "ra-interval is %s and router-lifetime is %s, expected ra-interval at most a "
                      "third of it, so that a lost advertisement does no harm",
                      lyd_get_value(ra), lyd_get_value(router));
}

static void check_protocol(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *p = gw_conf_child(tree, "protocol");
    const struct lyd_node *profile = gw_conf_child(p, "profile");
    const struct lyd_node *addr = gw_conf_child(p, "cats-address-option");
    struct gw_conf_path path;

    if (addr != NULL && gw_conf_u32(p, "cats-address-option") != 0 &&
        gw_conf_u32(p, "cats-address-option") == gw_conf_u32(p, "cats-client-option"))
        gw_conf_fault(err, addr, "%s is the number of cats-client-option too, expected another",
                      lyd_get_value(addr));
    if (profile != NULL && gw_conf_enum(p, "profile") == GW_PROFILE_AS_DRAWN)
        gw_conf_warn(err, gw_conf_line(profile), gw_conf_path_of(profile, &path),
                     "as-drawn cannot tell DMM from CATS messages: a peer address must speak one "
                     "of the two only");
}

/* ---- the rest ---- */

static void check_dlif(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *dlif = gw_conf_child(tree, "dlif");
    const struct lyd_node *mac = gw_conf_child(dlif, "link-layer");
    struct gw_lladdr l;
    struct gw_addr a;

    if (gw_conf_addr(dlif, "link-local", &a) && !gw_addr_is_link_local(&a))
        gw_conf_fault(err, gw_conf_child(dlif, "link-local"),
                      "%s is not link-local, expected an address in fe80::/10",
                      gw_conf_str(dlif, "link-local"));
    if (mac == NULL || gw_parse_lladdr(lyd_get_value(mac), &l) != 0)
        return;
    if ((l.b[0] & 1) != 0)
        gw_conf_fault(err, mac, "%s is a multicast address, expected a unicast one",
                      lyd_get_value(mac));
    else if (memcmp(l.b, (uint8_t[6]){0}, 6) == 0)
        gw_conf_fault(err, mac, "%s is no station's address, expected a unicast one",
                      lyd_get_value(mac));
}

static void check_policy(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *rule = gw_conf_child(tree, "policy");
    struct gw_conf_path path;

    if (rule == NULL && (gw_conf_roles(gw_conf_child(tree, "node")) & ~GW_ROLES_CATS) != 0)
        gw_conf_warn(err, gw_conf_line(tree), gw_conf_path_of(tree, &path),
                     "there is no policy: every mobile node is refused");
    for (; rule != NULL; rule = gw_conf_next(rule)) {
        const struct lyd_node *next = gw_conf_next(rule);
        if (gw_conf_child(rule, "any") == NULL || next == NULL)
            continue;
        gw_conf_warn(err, gw_conf_line(next), gw_conf_path_of(next, &path),
                     "is never tried: the rule in line %u matches every mobile node",
                     gw_conf_line(rule));
        return;
    }
}

/* One warning is enough for a file. */
static void check_exposure(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *n;
    struct gw_conf_path path;

    LYD_TREE_DFS_BEGIN(tree, n)
    {
        if (gw_conf_is_secret(n->schema)) {
            gw_conf_warn(err, gw_conf_line(n), gw_conf_path_of(n, &path),
                         "a key is in a file that others can read, expected mode 0600 or a "
                         "%s-file",
                         n->schema->name);
            return;
        }
        LYD_TREE_DFS_END(tree, n)
    }
}

static void check_access(const struct lyd_node *tree, const struct lyd_node *leaf,
                         struct gw_conf_errors *err)
{
    const struct lyd_node *i = gw_conf_child(tree, "interfaces");

    for (; leaf != NULL && i != NULL; i = gw_conf_next(i)) {
        const char *name = gw_conf_str(i, "name");
        if (name != NULL && strcmp(name, lyd_get_value(leaf)) == 0 &&
            gw_conf_enum(i, "side") == GW_IF_ACCESS)
            return;
    }
    if (leaf != NULL)
        gw_conf_fault(err, leaf, "%s is no access interface under /godwit/interfaces, expected one",
                      lyd_get_value(leaf));
}

static void check_attachment(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *a = gw_conf_child(tree, "attachment"), *i;
    const struct lyd_node *h = gw_conf_child(a, "hostapd");
    const struct lyd_node *nas = gw_conf_child(gw_conf_child(a, "radius"), "nas");

    for (; h != NULL; h = gw_conf_next(h))
        check_access(tree, gw_conf_child(h, "interface"), err);
    for (; nas != NULL; nas = gw_conf_next(nas))
        for (i = gw_conf_child(nas, "interfaces"); i != NULL; i = gw_conf_next(i))
            check_access(tree, i, err);
}

static void check_socket(const struct lyd_node *s, struct gw_conf_errors *err)
{
    size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

    if (s != NULL && strlen(lyd_get_value(s)) > most)
        gw_conf_fault(err, s, "is %zu octets long, expected at most %zu", strlen(lyd_get_value(s)),
                      most);
}

void gw_conf_check(const struct lyd_node *tree, const struct gw_conf_source *src,
                   struct gw_conf_errors *err)
{
    const struct lyd_node *node = gw_conf_child(tree, "node");
    const struct lyd_node *steering = gw_conf_child(tree, "steering");
    bool complete = err->errors == 0;

    check_address(err, node, "address");
    check_address(err, node, "cmd");
    check_address(err, node, "lma");
    check_attachment(tree, err);
    gw_conf_check_pools(tree, err);
    check_peers(tree, err);
    check_mtu(tree, err);
    check_timers(tree, err);
    check_protocol(tree, err);
    check_dlif(tree, err);
    check_socket(gw_conf_child(gw_conf_child(tree, "daemon"), "control-socket"), err);
    check_socket(gw_conf_child(steering, "agent-socket"), err);
    check_socket(gw_conf_child(gw_conf_child(steering, "announce"), "bird-socket"), err);
    gw_conf_check_steer(tree, complete, err);
    gw_conf_check_handover(tree, complete, err);
    if (src->exposed)
        check_exposure(tree, err);
    if (complete) {
        gw_conf_check_roles(tree, err);
        check_keys(tree, err);
        check_policy(tree, err);
    }
}
