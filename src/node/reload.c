/* reload.c: taking over a new configuration: first everything that cannot change in a running node
 * is compared and named, then the rest is taken at once.
 */
#include "node/node_int.h"

#include "fn/route/route.h"

struct refusal {
    void (*say)(void *user, const char *path, const char *why);
    void *user;
    bool any;
};

static void check(struct refusal *r, bool same, const char *path, const char *why)
{
    if (same)
        return;
    r->any = true;
    if (r->say != NULL)
        r->say(r->user, path, why);
}

static bool same_ifs(const struct gw_config *a, const struct gw_config *b)
{
    if (a->nifs != b->nifs)
        return false;
    for (size_t i = 0; i < a->nifs; i++)
        if (strcmp(a->ifs[i].name, b->ifs[i].name) != 0 || a->ifs[i].side != b->ifs[i].side ||
            a->ifs[i].hook != b->ifs[i].hook)
            return false;
    return true;
}

static bool same_pools(const struct gw_config *a, const struct gw_config *b)
{
    if (a->npools != b->npools)
        return false;
    for (size_t i = 0; i < a->npools; i++)
        if (!gw_prefix_eq(&a->pools[i].prefix, &b->pools[i].prefix) ||
            a->pools[i].node_len != b->pools[i].node_len)
            return false;
    return true;
}

static void compare(const struct gw_config *a, const struct gw_config *b, struct refusal *r)
{
    static const char *const held = "bindings and tunnels depend on it; restart the daemon";

    check(r, strcmp(a->name, b->name) == 0, "/godwit/node/name", held);
    check(r, a->roles == b->roles, "/godwit/node/roles", held);
    check(r, gw_addr_eq(&a->addr, &b->addr), "/godwit/node/address", held);
    check(r, gw_addr_eq(&a->cmd, &b->cmd), "/godwit/node/cmd", held);
    check(r, gw_addr_eq(&a->lma, &b->lma), "/godwit/node/lma", held);
    check(r, same_ifs(a, b), "/godwit/interfaces",
          "hooks are attached to them; restart the daemon");
    check(r, same_pools(a, b), "/godwit/pools", "prefixes of it may be in use; restart the daemon");
    check(r,
          gw_addr_eq(&a->dlif.link_local, &b->dlif.link_local) &&
              gw_lladdr_eq(&a->dlif.lladdr, &b->dlif.lladdr),
          "/godwit/dlif", "mobile nodes hold it as their router; restart the daemon");
    check(r,
          a->codec.profile == b->codec.profile &&
              a->codec.opt_cats_client == b->codec.opt_cats_client &&
              a->codec.opt_cats_addr == b->codec.opt_cats_addr,
          "/godwit/protocol", "peers would read our messages differently; restart the daemon");
    check(r, a->handover.on == b->handover.on, "/godwit/handover/enabled",
          "flows were not followed before; restart the daemon");
}

/* Tunnels of peers that came and went. */
static void switch_peers(struct gw_node *n, struct gw_table *now)
{
    struct gw_peer *p;

    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        struct gw_peer *q = gw_table_get(now, &p->cfg->addr);
        unsigned here = n->cfg->roles;
        if (gw_route_tunnels(here, p->cfg->roles) &&
            (q == NULL || !gw_route_tunnels(here, q->cfg->roles)))
            gw_route_drop_peer(&n->lm, p->cfg);
    }
    gw_peers_free(n, &n->peers);
    n->peers = *now;
}

int gw_node_reload(struct gw_node *n, const struct gw_config *c,
                   void (*refuse)(void *user, const char *path, const char *why), void *user,
                   struct gw_now now)
{
    struct refusal r = {.say = refuse, .user = user};
    struct gw_table peers;

    gw_clock_set(n, now);
    gw_steering_now(n, now);
    gw_moving_now(n, now);
    gw_queue_recycle(&n->queue);
    compare(n->cfg, c, &r);
    if (r.any)
        return GW_EINVAL;
    int err = gw_queue_reserve(&n->queue);
    if (err == 0)
        err = gw_peers_load(n, c, &peers);
    if (err != 0)
        return err;
    if ((c->roles & (GW_ROLES_FORWARDING | GW_ROLES_STEERING)) != 0)
        switch_peers(n, &peers);
    else {
        gw_peers_free(n, &n->peers);
        n->peers = peers;
    }
    const struct gw_config *before = n->cfg;
    n->self.name = c->name;
    n->cfg = c;
    n->lm.cfg = c;
    gw_heartbeat_peers(n);
    n->maar.bs.by_mnid.limit = c->limits.bindings;
    n->maar.by_station.limit = c->limits.stations;
    n->cmd.bs.by_mnid.limit = c->limits.bindings;
    n->lma.bs.by_mnid.limit = c->limits.bindings;
    n->operations.holds.by_mnid.limit = c->limits.bindings;
    n->mag.bs.by_mnid.limit = c->limits.bindings;
    n->mag.by_station.limit = c->limits.stations;
    gw_access_reload(&n->access, c);
    gw_fixed_say(n, before);
    gw_cmd_review(&n->cmd);
    gw_attach_review(n);
    int said = gw_steering_reload(n, before);
    int told = gw_locating_reload(n);
    gw_moving_reload(n);
    gw_moving_settle(n);
    return said != 0 ? said : told;
}
