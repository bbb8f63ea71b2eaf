/* show.c: what `godwit show` shows of a node: rows of names and values, in no particular order.
 */
#include "fn/route/route.h"
#include "node/node_int.h"

static void show_locals(const struct gw_anchor *a, struct gw_emit *e)
{
    gw_emit_arr(e, "local_prefixes");
    for (size_t i = 0; i < gw_anchor_locals(a)->n; i++)
        gw_emit_prefix(e, NULL, &gw_anchor_locals(a)->list[i]);
    gw_emit_arr_end(e);
}

static void show_maar_binding(const struct gw_maar_mn *mn, struct gw_emit *e, struct gw_now now)
{
    const struct gw_binding *b = &mn->b;
    bool timed = mn->state == GW_MN_SERVING;

    gw_emit_obj(e, NULL);
    gw_emit_mnid(e, "mn", &b->mnid);
    gw_emit_str(e, "role", "maar");
    gw_emit_str(e, "state", gw_mn_state_name(mn->state));
    gw_emit_addr(e, "serving", &b->serving);
    if (mn->own != NULL)
        gw_emit_prefix(e, "prefix", &mn->own->prefix);
    gw_emit_num(e, "sequence", b->seq);
    gw_emit_num(e, "expires_ms", timed ? (mn->expires.ns - now.mono.ns) / 1000000 : -1);
    gw_emit_bool(e, "pending", mn->ex.pending);
    gw_emit_num(e, "anchors", b->nanchors);
    gw_emit_obj_end(e);
}

static void show_mag_binding(const struct gw_mag_mn *mn, struct gw_emit *e, struct gw_now now)
{
    const struct gw_binding *b = &mn->b;
    bool timed = mn->state == GW_MAG_SERVING;

    gw_emit_obj(e, NULL);
    gw_emit_mnid(e, "mn", &b->mnid);
    gw_emit_str(e, "role", "mag");
    gw_emit_str(e, "state", gw_mag_state_name(mn->state));
    gw_emit_addr(e, "serving", &b->serving);
    gw_emit_addr(e, "lma", &mn->lma);
    if (b->anchors != NULL)
        gw_emit_prefix(e, "prefix", &b->anchors->prefix);
    gw_emit_num(e, "sequence", b->seq);
    gw_emit_num(e, "expires_ms", timed ? (mn->expires.ns - now.mono.ns) / 1000000 : -1);
    gw_emit_bool(e, "pending", mn->ex.pending);
    gw_emit_num(e, "anchors", b->nanchors);
    gw_emit_obj_end(e);
}

static void show_cmd_binding(const struct gw_cmd_mn *mn, struct gw_emit *e, struct gw_now now)
{
    const struct gw_binding *b = &mn->b;
    bool served = !gw_addr_is_zero(&b->serving);
    struct gw_time expires = gw_timer_at(mn->cmd->lm->timers, &mn->expiry);

    if (b->anchors == NULL)
        return; /* over; remembered for the sake of order only */
    gw_emit_obj(e, NULL);
    gw_emit_mnid(e, "mn", &b->mnid);
    gw_emit_str(e, "role", "cmd");
    gw_emit_str(e, "state", served ? "bound" : "releasing");
    gw_emit_addr(e, "serving", &b->serving);
    gw_emit_num(e, "sequence", b->seq);
    gw_emit_num(e, "expires_ms", served ? (expires.ns - now.mono.ns) / 1000000 : -1);
    gw_emit_num(e, "anchors", b->nanchors);
    gw_emit_arr(e, "anchored");
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
        gw_emit_obj(e, NULL);
        gw_emit_addr(e, "maar", &a->maar);
        gw_emit_prefix(e, "prefix", &a->prefix);
        gw_emit_str(e, "state", gw_anchor_state_name(a->state));
        gw_emit_bool(e, "pending", a->ex.pending);
        show_locals(a, e);
        gw_emit_obj_end(e);
    }
    gw_emit_arr_end(e);
    gw_emit_obj_end(e);
}

static void show_lma_session(struct gw_lma_session *s, struct gw_emit *e, struct gw_now now)
{
    const struct gw_binding *b = &s->b;

    gw_emit_obj(e, NULL);
    gw_emit_mnid(e, "mn", &b->mnid);
    gw_emit_str(e, "role", "lma");
    gw_emit_str(e, "state", s->leaving ? "leaving" : "bound");
    gw_emit_addr(e, "serving", &b->serving);
    gw_emit_prefix(e, "prefix", &b->anchors->prefix);
    gw_emit_num(e, "sequence", b->seq);
    gw_emit_num(e, "expires_ms", (s->expires.ns - now.mono.ns) / 1000000);
    gw_emit_bool(e, "pending", s->wait != NULL);
    gw_emit_num(e, "anchors", b->nanchors);
    gw_emit_num(e, "access_technology", b->att);
    gw_emit_lladdr(e, "lladdr", &b->lladdr);
    gw_emit_obj_end(e);
}

static void show_bindings(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&n->maar.bs.by_mnid, &i)) != NULL;)
        show_maar_binding(gw_maar_mn(b), e, now);
    for (size_t i = 0; (b = gw_table_next(&n->cmd.bs.by_mnid, &i)) != NULL;)
        show_cmd_binding(gw_cmd_mn(b), e, now);
    for (size_t i = 0; (b = gw_table_next(&n->lma.bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next)
            show_lma_session(gw_lma_session(b), e, now);
    for (size_t i = 0; (b = gw_table_next(&n->mag.bs.by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next)
            show_mag_binding(gw_mag_mn(b), e, now);
}

struct station_row {
    const struct gw_station_key *key;
    const struct gw_mnid *mn;
    const char *role, *state;
    struct gw_time seen;
    unsigned seen_by; /* 1 << enum gw_seen_by */
};

static void show_station(const struct gw_node *n, const struct station_row *r, struct gw_emit *e,
                         struct gw_now now)
{
    const struct gw_cfg_if *ifc = &n->cfg->ifs[r->key->iface];

    gw_emit_obj(e, NULL);
    gw_emit_str(e, "interface", ifc->name);
    gw_emit_str(e, "ap", ifc->ap != NULL ? ifc->ap : ifc->name);
    gw_emit_lladdr(e, "lladdr", &r->key->lladdr);
    gw_emit_mnid(e, "mn", r->mn);
    gw_emit_str(e, "role", r->role);
    gw_emit_str(e, "state", r->state);
    gw_emit_num(e, "idle_ms", (now.mono.ns - r->seen.ns) / 1000000);
    gw_emit_arr(e, "seen_by");
    for (int by = 0; by < GW_SEEN_SOURCES; by++)
        if ((r->seen_by & 1u << by) != 0)
            gw_emit_str(e, NULL, gw_seen_by_name((enum gw_seen_by)by));
    gw_emit_arr_end(e);
    gw_emit_obj_end(e);
}

static void show_stations(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    const struct gw_maar_mn *mn;
    const struct gw_mag_mn *mag;

    for (size_t i = 0; (mn = gw_table_next(&n->maar.by_station, &i)) != NULL;)
        show_station(n,
                     &(struct station_row){
                         &mn->station, &mn->b.mnid, "maar",
                         gw_timer_is_set(&mn->guard) ? "leaving" : gw_mn_state_name(mn->state),
                         mn->seen, mn->seen_by},
                     e, now);
    for (size_t i = 0; (mag = gw_table_next(&n->mag.by_station, &i)) != NULL;)
        show_station(n,
                     &(struct station_row){
                         &mag->station, &mag->b.mnid, "mag",
                         gw_timer_is_set(&mag->guard) ? "leaving" : gw_mag_state_name(mag->state),
                         mag->seen, mag->seen_by},
                     e, now);
}

/* What the packet path has been told of a prefix. */
static const char *prefix_kind(const struct gw_maar_mn *mn, const struct gw_anchor *a)
{
    if (a->state == GW_ANCHOR_RELEASING)
        return "releasing";
    switch (mn->state) {
    case GW_MN_LOCAL:
    case GW_MN_SERVING:
        return a == mn->own ? "local" : "served";
    case GW_MN_PREVIOUS:
        return a == mn->own ? "moved" : "transit";
    case GW_MN_REGISTERING:
        return mn->was_previous ? "moved" : "reserved";
    case GW_MN_DEREGISTERING:
    case GW_MN_RELEASING:
    case GW_MN_REFUSED:
        break;
    }
    return "releasing";
}

static void show_prefix(const struct gw_anchor *a, const char *kind, struct gw_emit *e)
{
    gw_emit_obj(e, NULL);
    gw_emit_prefix(e, "prefix", &a->prefix);
    gw_emit_str(e, "kind", kind);
    gw_emit_mnid(e, "mn", &a->binding->mnid);
    gw_emit_addr(e, "anchor", &a->maar);
    gw_emit_addr(e, "serving", &a->binding->serving);
    show_locals(a, e);
    gw_emit_obj_end(e);
}

static void show_prefixes(const struct gw_node *n, struct gw_emit *e)
{
    const struct gw_anchor *a;

    for (size_t i = 0; (a = gw_table_next(&n->maar.bs.by_prefix, &i)) != NULL;)
        show_prefix(a, prefix_kind(gw_maar_mn(a->binding), a), e);
    for (size_t i = 0; (a = gw_table_next(&n->cmd.bs.by_prefix, &i)) != NULL;)
        show_prefix(a, gw_anchor_state_name(a->state), e);
    for (size_t i = 0; (a = gw_table_next(&n->lma.bs.by_prefix, &i)) != NULL;)
        show_prefix(a, gw_lma_session(a->binding)->leaving ? "releasing" : "moved", e);
    for (size_t i = 0; (a = gw_table_next(&n->mag.bs.by_prefix, &i)) != NULL;)
        show_prefix(a, gw_mag_mn(a->binding)->state == GW_MAG_SERVING ? "served" : "reserved", e);
}

/* Prefixes that use the tunnel with each peer: from it for SERVED, towards it for MOVED. One pass
 * over the prefixes; the numbers are left with the peers. */
static void count_tunnels(const struct gw_node *n)
{
    const struct gw_anchor *a;
    struct gw_peer *p;

    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;)
        p->served = p->moved = 0;
    for (size_t i = 0; (a = gw_table_next(&n->maar.bs.by_prefix, &i)) != NULL;) {
        const struct gw_maar_mn *mn = gw_maar_mn(a->binding);
        bool here = mn->state == GW_MN_SERVING;
        if (!here && mn->state != GW_MN_PREVIOUS)
            continue;
        p = gw_peer_get(n, here ? &a->maar : &mn->b.serving);
        if (p != NULL && here)
            p->served++;
        else if (p != NULL)
            p->moved++;
    }
    for (size_t i = 0; (a = gw_table_next(&n->lma.bs.by_prefix, &i)) != NULL;) {
        p = gw_lma_session(a->binding)->leaving ? NULL : gw_peer_get(n, &a->binding->serving);
        if (p != NULL)
            p->moved++;
    }
}

static void count_mag_tunnels(const struct gw_node *n)
{
    const struct gw_anchor *a;

    for (size_t i = 0; (a = gw_table_next(&n->mag.bs.by_prefix, &i)) != NULL;) {
        struct gw_peer *p = gw_peer_get(n, &a->maar);
        if (p != NULL && gw_mag_mn(a->binding)->state == GW_MAG_SERVING)
            p->served++;
    }
}

static void show_tunnels(const struct gw_node *n, struct gw_emit *e)
{
    const struct gw_peer *p;

    if ((n->cfg->roles & (GW_ROLES_FORWARDING | GW_ROLES_STEERING)) == 0)
        return;
    count_tunnels(n);
    count_mag_tunnels(n);
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        if (p->cfg == &n->self || !gw_route_tunnels(n->cfg->roles, p->cfg->roles))
            continue;
        gw_emit_obj(e, NULL);
        gw_emit_str(e, "peer", p->cfg->name);
        gw_emit_addr(e, "local", &n->cfg->addr);
        gw_emit_addr(e, "remote", &p->cfg->addr);
        gw_emit_num(e, "mtu", n->cfg->core_mtu);
        gw_emit_num(e, "served", (int64_t)p->served);
        gw_emit_num(e, "moved", (int64_t)p->moved);
        gw_emit_obj_end(e);
    }
}

static void show_talk(const struct gw_talk *t, struct gw_emit *e, struct gw_now now)
{
    gw_emit_num(e, "messages_in", (int64_t)t->in);
    gw_emit_num(e, "messages_out", (int64_t)t->out);
    gw_emit_num(e, "refused", (int64_t)t->refused);
    gw_emit_num(e, "last_heard_ms",
                t->last_in.ns != 0 ? (now.mono.ns - t->last_in.ns) / 1000000 : -1);
}

static void show_heartbeat(const struct gw_heartbeat *hb, struct gw_emit *e)
{
    gw_emit_str(e, "state", gw_heartbeat_state_name(hb->state));
    gw_emit_num(e, "missed", hb->missed);
    gw_emit_num(e, "rtt_us", hb->rtt.ns != 0 ? hb->rtt.ns / 1000 : -1);
    gw_emit_num(e, "restart_counter", hb->counted ? (int64_t)hb->counter : -1);
}

static void show_roles(unsigned roles, struct gw_emit *e)
{
    static const char *const names[] = {"maar",     "cmd",         "lma",          "mag",
                                        "d-router", "d-forwarder", "metric-agent", "path-selector"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((roles & 1u << i) != 0)
            gw_emit_str(e, NULL, names[i]);
}

static void show_peers(const struct gw_node *n, struct gw_emit *e, struct gw_now now)
{
    static const struct gw_talk none;
    const struct gw_peer *p;

    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;) {
        if (p->cfg == &n->self)
            continue;
        gw_emit_obj(e, NULL);
        gw_emit_str(e, "name", p->cfg->name);
        gw_emit_addr(e, "address", &p->cfg->addr);
        gw_emit_arr(e, "roles");
        show_roles(p->cfg->roles, e);
        gw_emit_arr_end(e);
        const struct gw_talk *t = p->talk != NULL ? p->talk : &none;
        show_talk(t, e, now);
        gw_protect_show(p, e);
        show_heartbeat(&t->hb, e);
        gw_emit_obj_end(e);
    }
}

static void show_counters(const struct gw_node *n, struct gw_emit *e)
{
    const struct gw_access_counters *a = &n->access.count;

    for (int i = 0; i < GW_CNT_MAX; i++)
        gw_emit_num(e, gw_count_name((enum gw_count)i), (int64_t)n->lm.count[i]);
    gw_emit_num(e, "restart-counter", n->restarts);
    gw_emit_num(e, "pending", n->lm.pending);
    gw_emit_num(e, "prefixes-taken", (int64_t)gw_pools_count(&n->maar.pools));
    gw_emit_num(e, "actions-lost", (int64_t)n->queue.lost);
    gw_emit_num(e, "nd-rs", (int64_t)a->rs);
    gw_emit_num(e, "nd-ns", (int64_t)a->ns);
    gw_emit_num(e, "nd-na", (int64_t)a->na);
    gw_emit_num(e, "nd-ra-sent", (int64_t)a->ra_sent);
    gw_emit_num(e, "nd-na-sent", (int64_t)a->na_sent);
    gw_emit_num(e, "nd-ns-sent", (int64_t)a->ns_sent);
    gw_emit_num(e, "mld-queries-sent", (int64_t)a->queries_sent);
    gw_emit_num(e, "nd-invalid", (int64_t)a->invalid);
    gw_emit_num(e, "nd-limited", (int64_t)a->limited);
    gw_steering_counters(n, e);
    gw_moving_counters(n, e);
    gw_locating_counters(n, e);
}

static void show_steps(const struct gw_handover_row *h, struct gw_emit *e)
{
    gw_emit_obj(e, "steps");
    for (int s = 0; s < GW_HO_STEPS; s++)
        if (h->step[s].ns != 0)
            gw_emit_num(e, gw_ho_step_name((enum gw_ho_step)s), h->step[s].ns);
    gw_emit_obj_end(e);
    if (h->role != GW_HO_CMD)
        return;
    gw_emit_arr(e, "previous_maars");
    for (uint16_t i = 0; i < h->nprev; i++) {
        gw_emit_obj(e, NULL);
        gw_emit_addr(e, "maar", &h->prev[i].maar);
        gw_emit_num(e, "pbu_sent", h->prev[i].pbu_sent.ns);
        gw_emit_num(e, "pba_received", h->prev[i].pba_received.ns);
        gw_emit_obj_end(e);
    }
    gw_emit_arr_end(e);
}

static void show_handovers(const struct gw_node *n, struct gw_emit *e)
{
    const struct gw_handover_row *h;

    for (uint64_t i = 0; (h = gw_handovers_next(&n->lm.handovers, &i)) != NULL;) {
        struct gw_mnid mn = {.subtype = h->mnid_subtype, .len = h->mnid_len, .id = h->mnid};
        gw_emit_obj(e, NULL);
        gw_emit_num(e, "number", (int64_t)h->number);
        gw_emit_mnid(e, "mn", &mn);
        gw_emit_str(e, "role", gw_ho_role_name(h->role));
        gw_emit_bool(e, "initial", h->initial);
        if (!gw_addr_is_zero(&h->from))
            gw_emit_addr(e, "from", &h->from);
        gw_emit_addr(e, "to", &h->to);
        gw_emit_num(e, "previous", h->previous);
        gw_emit_num(e, "sequence", h->sequence);
        show_steps(h, e);
        gw_emit_obj_end(e);
    }
}

void gw_node_show(const struct gw_node *n, enum gw_show what, struct gw_emit *e, struct gw_now now)
{
    switch (what) {
    case GW_SHOW_BINDINGS:
        show_bindings(n, e, now);
        break;
    case GW_SHOW_STATIONS:
        show_stations(n, e, now);
        break;
    case GW_SHOW_PREFIXES:
        show_prefixes(n, e);
        break;
    case GW_SHOW_TUNNELS:
        show_tunnels(n, e);
        break;
    case GW_SHOW_PEERS:
        show_peers(n, e, now);
        break;
    case GW_SHOW_COUNTERS:
        show_counters(n, e);
        break;
    case GW_SHOW_HANDOVERS:
        show_handovers(n, e);
        break;
    case GW_SHOW_OPERATIONS:
        gw_operations_show(&n->operations, e, now.mono);
        break;
    case GW_SHOW_REVOKED:
        gw_holds_show(&n->operations.holds, e, now.mono.ns + n->wall_ns);
        break;
    case GW_SHOW_SERVICES:
    case GW_SHOW_INSTANCES:
    case GW_SHOW_METRICS:
    case GW_SHOW_CANDIDATES:
    case GW_SHOW_PATHS:
    case GW_SHOW_SELECTIONS:
    case GW_SHOW_TRACES:
    case GW_SHOW_TRANSFERS:
        gw_steering_show(n, what, e, now);
        break;
    case GW_SHOW_LOCATIONS:
        gw_locating_show(n, e, now);
        break;
    case GW_SHOW_CLIENTS:
    case GW_SHOW_EXPECTED:
    case GW_SHOW_LADDER:
        gw_moving_show(n, what, e);
        break;
    }
}
