/* build.c: the complete and checked data tree as the plain struct that a node runs on. The only
 * errors left are secret files and memory.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/build.h"
#include "conf/check.h"

void *gw_build_get(struct gw_build *b, size_t n, size_t size)
{
    void *p = n > 0 ? gw_arena_get(&b->c->arena, n * size) : NULL;

    if (n > 0 && p == NULL)
        b->err->nomem = true;
    return p;
}

const char *gw_build_copy(struct gw_build *b, const char *text)
{
    size_t size = text != NULL ? strlen(text) + 1 : 0;
    char *copy = gw_build_get(b, size, 1);

    return copy != NULL && text != NULL ? memcpy(copy, text, size) : NULL;
}

static void lladdr(const struct lyd_node *in, const char *name, struct gw_lladdr *out)
{
    const char *text = gw_conf_str(in, name);

    if (text != NULL)
        (void)gw_parse_lladdr(text, out); /* validated */
}

static void prefix(const char *text, struct gw_prefix *out)
{
    if (text != NULL)
        (void)gw_parse_prefix(text, out); /* validated */
}

static void build_node(struct gw_build *b, const struct lyd_node *node)
{
    b->c->name = gw_build_copy(b, gw_conf_str(node, "name"));
    b->c->roles = gw_conf_roles(node);
    (void)gw_conf_addr(node, "address", &b->c->addr);
    (void)gw_conf_addr(node, "cmd", &b->c->cmd);
    (void)gw_conf_addr(node, "lma", &b->c->lma);
}

static void build_interfaces(struct gw_build *b, const struct lyd_node *n)
{
    size_t i = 0;

    b->c->ifs = gw_build_get(b, gw_conf_count(n), sizeof *b->c->ifs);
    if (b->c->ifs == NULL)
        return;
    for (; n != NULL; n = gw_conf_next(n)) {
        b->c->ifs[i++] = (struct gw_cfg_if){
            .name = gw_build_copy(b, gw_conf_str(n, "name")),
            .side = (enum gw_if_side)gw_conf_enum(n, "side"),
            .hook = (enum gw_if_hook)gw_conf_enum(n, "hook"),
            .ap = gw_build_copy(b, gw_conf_str(n, "access-point")),
        };
    }
    b->c->nifs = i;
}

static void build_pools(struct gw_build *b, const struct lyd_node *n)
{
    size_t i = 0;

    b->c->pools = gw_build_get(b, gw_conf_count(n), sizeof *b->c->pools);
    if (b->c->pools == NULL)
        return;
    for (; n != NULL; n = gw_conf_next(n), i++) {
        prefix(gw_conf_str(n, "prefix"), &b->c->pools[i].prefix);
        b->c->pools[i].node_len = (uint8_t)gw_conf_u32(n, "node-prefix-length");
    }
    b->c->npools = i;
}

/* ---- peers ---- */

static void build_key(struct gw_build *b, const struct lyd_node *n, struct gw_key *k)
{
    k->spi = gw_conf_u32(n, "spi");
    k->alg = (enum gw_auth_alg)gw_conf_enum(n, "algorithm");
    k->len = gw_build_secret(b, n, k->secret);
}

static void build_peer(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_peer *p)
{
    const struct lyd_node *pool = gw_conf_child(n, "pools"), *key = gw_conf_child(n, "keys");
    const struct lyd_node *node = gw_conf_child(n, "nodes");

    p->name = gw_build_copy(b, gw_conf_str(n, "name"));
    (void)gw_conf_addr(n, "address", &p->addr);
    p->roles = gw_conf_roles(n);
    p->esp = strcmp(gw_conf_str(n, "protection"), "mac") != 0;
    p->bulk = gw_conf_bool(n, "bulk-revocation");
    p->placed = gw_conf_child(n, "latitude") != NULL;
    p->latitude = gw_conf_degrees(n, "latitude");
    p->longitude = gw_conf_degrees(n, "longitude");
    p->pools = gw_build_get(b, gw_conf_count(pool), sizeof *p->pools);
    for (; p->pools != NULL && pool != NULL; pool = gw_conf_next(pool))
        prefix(lyd_get_value(pool), &p->pools[p->npools++]);
    for (; key != NULL && p->nkeys < GW_PEER_KEYS; key = gw_conf_next(key))
        build_key(b, key, &p->keys[p->nkeys++]);
    p->nodes = gw_build_get(b, gw_conf_count(node), sizeof *p->nodes);
    for (; p->nodes != NULL && node != NULL; node = gw_conf_next(node))
        p->nodes[p->nnodes++] = gw_build_copy(b, lyd_get_value(node));
}

static void build_peers(struct gw_build *b, const struct lyd_node *n)
{
    b->c->peers = gw_build_get(b, gw_conf_count(n), sizeof *b->c->peers);
    if (b->c->peers == NULL)
        return;
    for (; n != NULL; n = gw_conf_next(n))
        build_peer(b, n, &b->c->peers[b->c->npeers++]);
}

/* The central anchor of that name, which the checks have found to be there. */
static struct gw_addr lma_named(const struct gw_build *b, const char *name)
{
    for (size_t i = 0; i < b->c->npeers; i++)
        if (strcmp(b->c->peers[i].name, name) == 0)
            return b->c->peers[i].addr;
    return b->c->lma;
}

static void build_anchors(struct gw_build *b, const struct lyd_node *a, struct gw_cfg_policy *p)
{
    if (a == NULL && (b->c->roles & GW_ROLE_MAAR) != 0) {
        p->anchoring = GW_ANCHORING_HERE;
    } else if (a == NULL && (b->c->roles & GW_ROLE_MAG) != 0) {
        p->anchoring = GW_ANCHORING_LMA;
        p->lma = b->c->lma;
    }
    for (; a != NULL; a = gw_conf_next(a)) {
        const char *name = lyd_get_value(a);
        if (strcmp(name, "here") == 0) {
            p->anchoring |= GW_ANCHORING_HERE;
        } else if (strcmp(name, "none") == 0) {
            p->anchoring |= GW_ANCHORING_NONE;
        } else {
            p->anchoring |= GW_ANCHORING_LMA;
            p->lma = lma_named(b, name);
        }
    }
}

static void build_policy(struct gw_build *b, const struct lyd_node *n)
{
    size_t i = 0;

    b->c->policy = gw_build_get(b, gw_conf_count(n), sizeof *b->c->policy);
    if (b->c->policy == NULL)
        return;
    for (; n != NULL; n = gw_conf_next(n)) {
        const char *lladdr_glob = gw_conf_str(n, "lladdr"), *mnid_glob = gw_conf_str(n, "mn-id");
        enum gw_match match = lladdr_glob != NULL ? GW_MATCH_LLADDR
                              : mnid_glob != NULL ? GW_MATCH_MNID
                                                  : GW_MATCH_ANY;
        b->c->policy[i] = (struct gw_cfg_policy){
            .match = match,
            .pattern = gw_build_copy(b, lladdr_glob != NULL ? lladdr_glob : mnid_glob),
            .allow = strcmp(gw_conf_str(n, "action"), "allow") == 0,
            .prefixes = (uint8_t)gw_conf_u32(n, "prefixes"),
        };
        build_anchors(b, gw_conf_child(n, "anchors"), &b->c->policy[i++]);
    }
    b->c->npolicy = i;
}

/* ---- numbers ---- */

static void build_numbers(struct gw_build *b, const struct lyd_node *tree)
{
    const struct lyd_node *mtu = gw_conf_child(tree, "mtu");
    const struct lyd_node *l = gw_conf_child(tree, "limits");
    const struct lyd_node *p = gw_conf_child(tree, "protocol");

    b->c->access_mtu = (uint16_t)gw_conf_u32(mtu, "access");
    b->c->core_mtu = (uint16_t)gw_conf_u32(mtu, "core");
    b->c->limits = (struct gw_cfg_limits){
        .stations = gw_conf_u32(l, "stations"),
        .bindings = gw_conf_u32(l, "bindings"),
        .previous_maars = gw_conf_u32(l, "previous-maars"),
        .flows = gw_conf_u32(l, "flows"),
        .pending = gw_conf_u32(l, "pending"),
        .peer_rate = gw_conf_u32(l, "peer-rate"),
        .station_rate = gw_conf_u32(l, "station-rate"),
        .notice_rate = gw_conf_u32(l, "notice-rate"),
    };
    b->c->codec = (struct gw_mh_codec){
        .profile = (enum gw_mh_profile)gw_conf_enum(p, "profile"),
        .opt_cats_client = (uint8_t)gw_conf_u32(p, "cats-client-option"),
        .opt_cats_addr = (uint8_t)gw_conf_u32(p, "cats-address-option"),
    };
}

static void build_timers(struct gw_build *b, const struct lyd_node *t)
{
    b->c->timers = (struct gw_cfg_timers){
        .lifetime = gw_conf_time(t, "lifetime"),
        .refresh = gw_conf_time(t, "refresh"),
        .initial_ack = gw_conf_time(t, "initial-ack"),
        .max_ack = gw_conf_time(t, "max-ack"),
        .replay_window = gw_conf_time(t, "replay-window"),
        .ra_interval = gw_conf_time(t, "ra-interval"),
        .transit = gw_conf_time(t, "transit"),
        .detach_guard = gw_conf_time(t, "detach-guard"),
        .valid_lifetime_s = gw_conf_u32(t, "valid-lifetime"),
        .preferred_lifetime_s = gw_conf_u32(t, "preferred-lifetime"),
        .router_lifetime_s = gw_conf_u32(t, "router-lifetime"),
        .max_update_rate = gw_conf_u32(t, "max-update-rate"),
    };
}

/* ---- how the protocols work ---- */

static void build_mobility(struct gw_build *b, const struct lyd_node *m)
{
    const struct lyd_node *local = gw_conf_child(m, "local-prefixes");
    struct gw_cfg_mobility *out = &b->c->mobility;

    *out = (struct gw_cfg_mobility){
        .cmd_mode = (enum gw_cmd_mode)gw_conf_enum(m, "mode"),
        .relay_timeout = gw_conf_time(m, "relay-timeout"),
        .dereg = (enum gw_dereg)gw_conf_enum(m, "de-registration"),
        .evict = (enum gw_evict)gw_conf_enum(m, "evict"),
        .idle_release = gw_conf_time(m, "idle-release"),
    };
    out->local = gw_build_get(b, gw_conf_count(local), sizeof *out->local);
    for (; out->local != NULL && local != NULL; local = gw_conf_next(local))
        prefix(lyd_get_value(local), &out->local[out->nlocal++]);
}

static void build_pmip(struct gw_build *b, const struct lyd_node *p)
{
    const char *ordering = gw_conf_str(p, "ordering");

    b->c->pmip = (struct gw_cfg_pmip){
        .sequence = ordering != NULL && strcmp(ordering, "sequence") == 0,
        .local_routing = gw_conf_bool(p, "local-routing"),
        .min_before_delete = gw_conf_time(p, "min-delay-before-delete"),
        .max_before_assign = gw_conf_time(p, "max-delay-before-assign"),
        .timestamp_validity = gw_conf_time(p, "timestamp-validity"),
    };
    (void)gw_conf_addr(p, "link-local", &b->c->pmip.mag.link_local);
    lladdr(p, "link-layer", &b->c->pmip.mag.lladdr);
}

static void build_heartbeat(struct gw_build *b, const struct lyd_node *h)
{
    b->c->heartbeat = (struct gw_cfg_heartbeat){
        .interval = gw_conf_time(h, "interval"),
        .missing_allowed = gw_conf_u32(h, "missing-allowed"),
    };
}

static void build_orders(struct gw_build *b, const struct lyd_node *r, const struct lyd_node *n)
{
    b->c->revocation = (struct gw_cfg_revocation){
        .max_retries = gw_conf_u32(r, "max-retries"),
        .initial_delay = gw_conf_time(r, "initial-delay"),
        .max_delay = gw_conf_time(r, "max-delay"),
        .hold = GW_SEC(gw_conf_u32(r, "hold")),
    };
    b->c->notification = (struct gw_cfg_notification){
        .max_retries = gw_conf_u32(n, "max-retries"),
        .min_delay = gw_conf_time(n, "min-delay"),
    };
}

static void read_radius_secret(struct gw_build *b, const struct lyd_node *leaf,
                               struct gw_radius_secret *s)
{
    char text[GW_BUILD_SECRET_MAX];
    size_t len = 0;
    const char *from = gw_build_secret_file(b, leaf, text, &len);

    if (from != NULL && (len == 0 || len > sizeof s->b)) {
        gw_conf_fault(b->err, leaf, "%s: bad secret (not shown), expected 1 to %zu octets of text",
                      lyd_get_value(leaf), sizeof s->b);
    } else if (from != NULL) {
        memcpy(s->b, from, len);
        s->len = (uint8_t)len;
    }
    explicit_bzero(text, sizeof text);
}

static void build_nas(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_nas *nas)
{
    const struct lyd_node *i = gw_conf_child(n, "interfaces");

    (void)gw_conf_addr(n, "address", &nas->addr);
    read_radius_secret(b, gw_conf_child(n, "secret-file"), &nas->secret);
    nas->ifs = gw_build_get(b, gw_conf_count(i), sizeof *nas->ifs);
    for (; nas->ifs != NULL && i != NULL; i = gw_conf_next(i))
        nas->ifs[nas->nifs++] = gw_build_copy(b, lyd_get_value(i));
}

static void build_radius(struct gw_build *b, const struct lyd_node *r)
{
    const struct lyd_node *n = gw_conf_child(r, "nas");
    struct gw_cfg_attachment *out = &b->c->attachment;

    if (r == NULL)
        return;
    (void)gw_conf_addr(r, "address", &out->radius.addr);
    out->radius.port = (uint16_t)gw_conf_u32(r, "port");
    out->radius.nas = gw_build_get(b, gw_conf_count(n), sizeof *out->radius.nas);
    for (; out->radius.nas != NULL && n != NULL; n = gw_conf_next(n))
        build_nas(b, n, &out->radius.nas[out->radius.nnas++]);
}

static void build_attachment(struct gw_build *b, const struct lyd_node *a)
{
    const struct lyd_node *h = gw_conf_child(a, "hostapd");
    struct gw_cfg_attachment *out = &b->c->attachment;

    build_radius(b, gw_conf_child(a, "radius"));

    out->hostapd = gw_build_get(b, gw_conf_count(h), sizeof *out->hostapd);
    for (; out->hostapd != NULL && h != NULL; h = gw_conf_next(h))
        out->hostapd[out->nhostapd++] = (struct gw_cfg_hostapd){
            .iface = gw_build_copy(b, gw_conf_str(h, "interface")),
            .socket = gw_build_copy(b, gw_conf_str(h, "socket")),
        };
}

static void build_daemon(struct gw_build *b, const struct lyd_node *d)
{
    const struct lyd_node *log = gw_conf_child(d, "log"), *l;
    enum gw_log_level all = (enum gw_log_level)gw_conf_enum(log, "level");

    b->c->daemon.control_socket = gw_build_copy(b, gw_conf_str(d, "control-socket"));
    b->c->daemon.state_dir = gw_build_copy(b, gw_conf_str(d, "state-directory"));
    b->c->daemon.pin_dir = gw_build_copy(b, gw_conf_str(d, "pin-directory"));
    b->c->daemon.on_stop = (enum gw_on_stop)gw_conf_enum(d, "on-stop");
    b->c->daemon.durability = (enum gw_durability)gw_conf_enum(d, "durability");
    b->c->daemon.sandbox = (enum gw_sandbox)gw_conf_enum(d, "sandbox");
    b->c->daemon.log_rate = gw_conf_u32(log, "rate");
    b->c->daemon.log_file = gw_build_copy(b, gw_conf_str(log, "file"));
    for (size_t i = 0; i < GW_CAT_COUNT; i++)
        b->c->daemon.log_level[i] = all;
    for (l = gw_conf_child(log, "levels"); l != NULL; l = gw_conf_next(l))
        b->c->daemon.log_level[gw_conf_enum(l, "category")] =
            (enum gw_log_level)gw_conf_enum(l, "level");
}

struct gw_config *gw_conf_build(const struct lyd_node *tree, const struct gw_conf_source *src,
                                struct gw_conf_errors *err)
{
    struct gw_build b = {.src = src, .err = err};

    b.c = gw_new(&gw_alloc_libc, sizeof *b.c);
    if (b.c == NULL) {
        err->nomem = true;
        return NULL;
    }
    gw_arena_init(&b.c->arena, &gw_alloc_libc);
    b.c->file = gw_build_copy(&b, src->name);
    build_node(&b, gw_conf_child(tree, "node"));
    build_interfaces(&b, gw_conf_child(tree, "interfaces"));
    build_pools(&b, gw_conf_child(tree, "pools"));
    (void)gw_conf_addr(gw_conf_child(tree, "dlif"), "link-local", &b.c->dlif.link_local);
    lladdr(gw_conf_child(tree, "dlif"), "link-layer", &b.c->dlif.lladdr);
    build_peers(&b, gw_conf_child(tree, "peers"));
    build_policy(&b, gw_conf_child(tree, "policy"));
    build_numbers(&b, tree);
    build_timers(&b, gw_conf_child(tree, "timers"));
    build_mobility(&b, gw_conf_child(tree, "mobility"));
    build_pmip(&b, gw_conf_child(tree, "proxy-mobile-ip"));
    build_heartbeat(&b, gw_conf_child(tree, "heartbeat"));
    build_orders(&b, gw_conf_child(tree, "revocation"), gw_conf_child(tree, "update-notification"));
    build_attachment(&b, gw_conf_child(tree, "attachment"));
    build_daemon(&b, gw_conf_child(tree, "daemon"));
    gw_build_steer(&b, tree);
    gw_build_handover(&b, tree);
    if (err->errors > 0 || err->nomem) {
        gw_config_free(b.c);
        return NULL;
    }
    return b.c;
}
