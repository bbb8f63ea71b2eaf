/* request.c: what a control request means (doc/daemon.md has the protocol). The rows
 * of `show` are the node's; the packet path's counts are added here, because only the driver knows
 * both.
 */
#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/json.h"
#include "sys/clock.h"

#include <unistd.h>

static const struct {
    const char *name;
    enum gw_show what;
} shows[] = {
    {"bindings", GW_SHOW_BINDINGS},     {"stations", GW_SHOW_STATIONS},
    {"prefixes", GW_SHOW_PREFIXES},     {"tunnels", GW_SHOW_TUNNELS},
    {"peers", GW_SHOW_PEERS},           {"counters", GW_SHOW_COUNTERS},
    {"handovers", GW_SHOW_HANDOVERS},   {"operations", GW_SHOW_OPERATIONS},
    {"revoked", GW_SHOW_REVOKED},       {"services", GW_SHOW_SERVICES},
    {"instances", GW_SHOW_INSTANCES},   {"metrics", GW_SHOW_METRICS},
    {"candidates", GW_SHOW_CANDIDATES}, {"paths", GW_SHOW_PATHS},
    {"selections", GW_SHOW_SELECTIONS}, {"traces", GW_SHOW_TRACES},
    {"clients", GW_SHOW_CLIENTS},       {"expected", GW_SHOW_EXPECTED},
    {"locations", GW_SHOW_LOCATIONS},   {"transfers", GW_SHOW_TRANSFERS},
};

static const struct {
    enum gw_role role;
    const char *name;
} role_names[] = {
    {GW_ROLE_MAAR, "maar"},
    {GW_ROLE_CMD, "cmd"},
    {GW_ROLE_LMA, "lma"},
    {GW_ROLE_MAG, "mag"},
    {GW_ROLE_D_ROUTER, "d-router"},
    {GW_ROLE_D_FORWARDER, "d-forwarder"},
    {GW_ROLE_METRIC_AGENT, "metric-agent"},
    {GW_ROLE_PATH_SELECTOR, "path-selector"},
    {GW_ROLE_LOCATION_SERVER, "location-server"},
};

static const char *text_of(const json_t *req, const char *key)
{
    const char *text = json_string_value(json_object_get(req, key));
    return text != NULL ? text : "";
}

static void emit_counters(const struct gwd *d, struct gw_emit *e)
{
#define X(member, name) gw_emit_num(e, name, (int64_t)d->count.member);
    GWD_COUNTERS(X)
#undef X
    gwd_accounting_count(d, e);
}

static json_t *show_counters(struct gwd *d)
{
    struct gwd_json j;
    json_t *root = json_object();
    gwd_json_init(&j, root);
    gw_emit_obj(&j.emit, "node");
    gw_node_show(d->node, GW_SHOW_COUNTERS, &j.emit, gw_clock_now());
    gw_emit_obj_end(&j.emit);
    gw_emit_obj(&j.emit, "plane");
    gw_bpf_counters(d->bpf, &j.emit);
    gw_emit_obj_end(&j.emit);
    gw_emit_obj(&j.emit, "daemon");
    emit_counters(d, &j.emit);
    gw_emit_obj_end(&j.emit);
    return root;
}

/* Adds what the packet path counted for the prefix that a row is about. */
static void add_usage(struct gwd *d, json_t *row)
{
    struct gw_prefix prefix;
    struct gw_bpf_usage u;
    const char *text = json_string_value(json_object_get(row, "prefix"));
    if (text == NULL || gw_parse_prefix(text, &prefix) < 0 || gw_bpf_usage(d->bpf, &prefix, &u) < 0)
        return;
    json_object_set_new(row, "up_packets", json_integer((json_int_t)u.up_packets));
    json_object_set_new(row, "up_octets", json_integer((json_int_t)u.up_octets));
    json_object_set_new(row, "down_packets", json_integer((json_int_t)u.down_packets));
    json_object_set_new(row, "down_octets", json_integer((json_int_t)u.down_octets));
    struct gw_time last = gw_time_before(u.last_up, u.last_down) ? u.last_down : u.last_up;
    int64_t ago = last.ns != 0 ? (gw_clock_mono().ns - last.ns) / 1000000 : -1;
    json_object_set_new(row, "last_used_ms", json_integer((json_int_t)ago));
}

/* What the path to a tunnel's other end carries now; the node only knows the configured MTU. */
static void add_mtu(struct gwd *d, json_t *row)
{
    struct gw_addr peer;
    const char *text = json_string_value(json_object_get(row, "remote"));
    int mtu = text != NULL && gw_parse_addr(text, &peer) == 0 ? gw_bpf_peer_mtu(d->bpf, &peer) : -1;
    if (mtu > 0)
        json_object_set_new(row, "mtu", json_integer(mtu));
}

static json_t *show_rows(struct gwd *d, enum gw_show what)
{
    struct gwd_json j;
    json_t *rows = json_array(), *row;
    size_t i;
    gwd_json_init(&j, rows);
    gw_node_show(d->node, what, &j.emit, gw_clock_now());
    json_array_foreach(rows, i, row)
    {
        if (what == GW_SHOW_PREFIXES)
            add_usage(d, row);
        else if (what == GW_SHOW_TUNNELS)
            add_mtu(d, row);
    }
    gwd_steer_add_counts(d, what, rows);
    return rows;
}

static json_t *show(struct gwd *d, const json_t *req)
{
    const char *what = text_of(req, "what");
    if (strcmp(what, "affinity") == 0)
        return gwd_steer_affinity(d);
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
        if (strcmp(what, shows[i].name) != 0)
            continue;
        if (shows[i].what == GW_SHOW_COUNTERS)
            return gwd_answer_ok(show_counters(d));
        return gwd_answer_ok(show_rows(d, shows[i].what));
    }
    return gwd_answer_error("show: nothing is called \"%s\"", what);
}

static const struct gwd_if *access_interface(const struct gwd *d, const char *name)
{
    for (size_t i = 0; i < d->nifs; i++) {
        const char *ap = d->conf->ifs[i].ap;
        if (d->ifs[i].side == GW_IF_ACCESS &&
            (strcmp(d->ifs[i].name, name) == 0 || (ap != NULL && strcmp(ap, name) == 0)))
            return &d->ifs[i];
    }
    return NULL;
}

static json_t *attach(struct gwd *d, const json_t *req, enum gw_input_kind kind)
{
    const char *cmd = text_of(req, "cmd"), *name = text_of(req, "interface");
    const char *lladdr = text_of(req, "lladdr"), *mnid = text_of(req, "mn-id");
    const struct gwd_if *ifc = access_interface(d, name);
    struct gw_now now = gw_clock_now();
    struct gw_mnid id = {.subtype = GW_MNID_NAI, .id = (const uint8_t *)mnid};
    struct gw_input in = {.kind = kind, .attach = {.by = GW_SEEN_MANUAL, .seen = now.mono}};
    if (ifc == NULL)
        return gwd_answer_error("%s: no access interface is called \"%s\"", cmd, name);
    if (gw_parse_lladdr(lladdr, &in.attach.station.lladdr) < 0)
        return gwd_answer_error("%s: \"%s\" is no link-layer address", cmd, lladdr);
    if (strlen(mnid) > UINT8_MAX)
        return gwd_answer_error("%s: the MN-ID is longer than %d octets", cmd, UINT8_MAX);
    id.len = (uint8_t)strlen(mnid);
    in.attach.station.iface = ifc->index;
    in.attach.mnid = id.len > 0 ? &id : NULL;
    int err = gwd_input(d, &in, now);
    if (err < 0)
        return gwd_answer_error("%s %s at %s: the node refused: %s", cmd, lladdr, name,
                                gw_err_text(err));
    return gwd_answer_ok(NULL);
}

static json_t *reload(struct gwd *d)
{
    json_t *problems;
    if (gwd_reload(d, &problems) == 0) {
        json_decref(problems);
        return gwd_answer_ok(NULL);
    }
    return json_pack("{s:b, s:s, s:o}", "ok", 0, "error", "the old configuration stays at work",
                     "problems", problems);
}

static json_t *status(struct gwd *d)
{
    json_t *roles = json_array(), *hooks = json_object(), *hostapd = json_object();
    struct gwd_json j;
    struct gw_time up = gw_time_sub(gw_clock_mono(), d->started);
    char addr[GW_TEXT_MAX];
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if ((d->conf->roles & (unsigned)role_names[i].role) != 0)
            json_array_append_new(roles, json_string(role_names[i].name));
    for (size_t i = 0; i < d->nifs; i++)
        json_object_set_new(hooks, d->ifs[i].name,
                            json_string(gw_bpf_hook(d->bpf, d->ifs[i].index)));
    gwd_json_init(&j, hostapd);
    gwd_attach_show(d, &j.emit);
    return gwd_answer_ok(json_pack(
        "{s:s, s:o, s:s, s:s, s:i, s:I, s:s, s:s, s:o, s:o}", "name", d->conf->name, "roles", roles,
        "address", gw_fmt_addr(&d->conf->addr, addr), "version", GODWIT_VERSION, "pid",
        (int)getpid(), "uptime_ms", (json_int_t)(up.ns / 1000000), "config_file", d->conf_path,
        "pins", d->adopted ? "adopted" : "created", "hooks", hooks, "hostapd", hostapd));
}

json_t *gwd_request(void *user, struct gwd_asker *who, const json_t *req)
{
    struct gwd *d = user;
    (void)who; /* the socket's mode says who may */
    const char *cmd = text_of(req, "cmd");
    d->count.control_requests++;
    if (strcmp(cmd, "show") == 0)
        return show(d, req);
    if (strcmp(cmd, "attach") == 0)
        return attach(d, req, GW_IN_ATTACH);
    if (strcmp(cmd, "detach") == 0)
        return attach(d, req, GW_IN_DETACH);
    if (strcmp(cmd, "revoke") == 0 || strcmp(cmd, "notify") == 0 || strcmp(cmd, "allow") == 0)
        return gwd_operate(d, req);
    if (strcmp(cmd, "why") == 0)
        return gwd_steer_why(d, req);
    if (strcmp(cmd, "transfer") == 0)
        return gwd_transfer_request(d, req);
    if (strcmp(cmd, "predict") == 0)
        return gwd_predict(d, req);
    if (strcmp(cmd, "trace") == 0)
        return gwd_steer_trace(d, req);
    if (strcmp(cmd, "ladder") == 0)
        return gwd_ladder(d, req);
    if (strcmp(cmd, "drain") == 0 || strcmp(cmd, "undrain") == 0)
        return gwd_agent_drain(d, cmd, text_of(req, "instance"));
    if (strcmp(cmd, "reload") == 0)
        return reload(d);
    if (strcmp(cmd, "status") == 0)
        return status(d);
    return gwd_answer_error("unknown command \"%s\"", cmd);
}
