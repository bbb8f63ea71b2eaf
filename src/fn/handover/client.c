/* client.c: the clients that a node knows of, by prefix: what fn/lm says of where they are, the
 * flows that packet paths report, and the time when something of a client is due. What is done
 * then is offer.c's (the old ingress), takeover.c's (the new one) and egress.c's.
 *
 * Decisions of this implementation:
 * - A client is there for each prefix that fn/lm has here, with flows or without: who else is
 *   anchored where, its next ingress has to know at once. What is over the limit moves as RFC 8885
 *   has it, and its flows are chosen for anew.
 * - A flow is known from the first report until its service's timeout has passed without another.
 *   After a restart others have to tell first where its instance is: until then its egress is zero.
 */
#include "core.h"

#include "fn/steer/steer.h"

const char *gw_handover_count_name(enum gw_handover_count c)
{
    static const char *const names[] = {
#define X(id, name) [GW_HCNT_##id] = (name),
        GW_HANDOVER_COUNTERS(X)
#undef X
    };

    return names[c];
}

/* -- tables -------------------------------------------------------------------------------------
 */

static uint64_t hash_prefix(const void *key, uint64_t seed)
{
    return gw_hash(((const struct gw_prefix *)key)->addr.b, 16, seed);
}

static bool eq_prefix(const void *key, const void *obj)
{
    return gw_prefix_eq(key, &((const struct gw_client *)obj)->prefix);
}

static const void *key_prefix(const void *obj)
{
    return &((const struct gw_client *)obj)->prefix;
}

static uint64_t hash_station(const void *key, uint64_t seed)
{
    const struct gw_station_key *k = key;

    return gw_hash(k->lladdr.b, k->lladdr.len, seed + k->iface);
}

static bool same_station(const struct gw_station_key *a, const struct gw_station_key *b)
{
    return a->iface == b->iface && gw_lladdr_eq(&a->lladdr, &b->lladdr);
}

static bool eq_station(const void *key, const void *obj)
{
    return same_station(key, &((const struct gw_client *)obj)->station);
}

static const void *key_station(const void *obj)
{
    return &((const struct gw_client *)obj)->station;
}

static const struct gw_table_ops by_prefix = {hash_prefix, eq_prefix, key_prefix};
static const struct gw_table_ops by_station = {hash_station, eq_station, key_station};

struct gw_prefix gw_client_prefix(const struct gw_addr *a)
{
    return gw_prefix_mask(*a, GW_NODE_PREFIX_LEN);
}

struct gw_client *gw_client_get(const struct gw_handover *h, const struct gw_prefix *p)
{
    return gw_table_get(&h->clients, p);
}

struct gw_client *gw_handover_client(const struct gw_handover *h, const struct gw_addr *a)
{
    struct gw_prefix p = gw_client_prefix(a);

    return gw_client_get(h, &p);
}

static void due(struct gw_timer *t, void *user);

struct gw_client *gw_client_make(struct gw_handover *h, const struct gw_prefix *p)
{
    struct gw_client *c = gw_client_get(h, p);

    if (c != NULL)
        return c;
    c = gw_new(h->al, sizeof *c);
    if (c == NULL) {
        h->count[GW_HCNT_NO_MEMORY]++;
        return NULL;
    }
    *c = (struct gw_client){.prefix = *p, .all = h};
    c->timer = (struct gw_timer){.fire = due, .owner = c};
    int err = gw_table_put(&h->clients, c);
    if (err == 0)
        return c;
    h->count[err == GW_EFULL ? GW_HCNT_LIMIT_CLIENTS : GW_HCNT_NO_MEMORY]++;
    gw_free(h->al, c, sizeof *c);
    return NULL;
}

/* -- stations: a ring of the clients of each, of which the table has one ------------------------
 */

struct gw_client *gw_client_of_station(const struct gw_handover *h,
                                       const struct gw_station_key *station)
{
    return gw_table_get(&h->stations, station);
}

static void join_station(struct gw_client *c, const struct gw_station_key *station)
{
    struct gw_client *first = gw_client_of_station(c->all, station);

    c->station = *station;
    c->station_next = c;
    if (first != NULL) {
        c->station_next = first->station_next;
        first->station_next = c;
    } else if (gw_table_put(&c->all->stations, c) != 0) {
        c->all->count[GW_HCNT_NO_MEMORY]++; /* its other prefixes do not find it */
    }
}

static void leave_station(struct gw_client *c)
{
    struct gw_client *before = c;

    if (c->station_next == NULL)
        return;
    while (before->station_next != c)
        before = before->station_next;
    if (gw_client_of_station(c->all, &c->station) == c) {
        if (before != c)
            gw_table_swap(&c->all->stations, before);
        else
            (void)gw_table_del(&c->all->stations, &c->station);
    }
    before->station_next = c->station_next;
    c->station_next = NULL;
}

/* -- flows --------------------------------------------------------------------------------------
 */

const struct gw_cfg_service *gw_client_service(const struct gw_handover *h,
                                               const struct gw_service_key *k)
{
    const struct gw_cfg_service *s = gw_steer_service(h->cfg, k);

    return s != NULL && s->handover.continuity ? s : NULL;
}

static bool same_flow(const struct gw_flow_id *a, const struct gw_flow_id *b)
{
    return a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
           gw_addr_eq(&a->src, &b->src);
}

struct gw_client_flow *gw_flow_find(const struct gw_client_flow *list,
                                    const struct gw_service_key *k, const struct gw_flow_id *id)
{
    for (const struct gw_client_flow *f = list; f != NULL; f = f->next)
        if (same_flow(&f->id, id) && gw_steer_same_key(&f->service, k))
            return (struct gw_client_flow *)f;
    return NULL;
}

void gw_flows_free(struct gw_handover *h, struct gw_client_flow **list)
{
    for (struct gw_client_flow *f = *list; f != NULL; f = *list) {
        *list = f->next;
        gw_free(h->al, f, sizeof *f);
    }
}

void gw_client_drop_flows(struct gw_client *c)
{
    gw_flows_free(c->all, &c->flows);
    c->nflows = 0;
}

bool gw_flows_at(const struct gw_client_flow *list, const struct gw_addr *egress)
{
    for (; list != NULL; list = list->next)
        if (gw_addr_eq(&list->egress, egress))
            return true;
    return false;
}

struct gw_client_egress *gw_egress_find(struct gw_client_egress *list, const struct gw_addr *a)
{
    while (list != NULL && !gw_addr_eq(&list->addr, a))
        list = list->next;
    return list;
}

void gw_egresses_free(struct gw_handover *h, struct gw_client_egress **list)
{
    for (struct gw_client_egress *e = *list; e != NULL; e = *list) {
        *list = e->next;
        gw_free(h->al, e, sizeof *e);
    }
}

static void wish(struct gw_wishes *w, const struct gw_cfg_service *s)
{
    if (s->handover.packets > w->packets)
        w->packets = s->handover.packets;
    if (s->handover.octets > w->octets)
        w->octets = s->handover.octets;
    if (gw_time_before(w->most, s->handover.most))
        w->most = s->handover.most;
    w->in_order = w->in_order || s->handover.in_order;
}

struct gw_wishes gw_client_wishes(const struct gw_client *c, const struct gw_addr *egress)
{
    struct gw_wishes w = {.packets = 0};

    for (const struct gw_client_flow *f = c->flows; f != NULL; f = f->next) {
        const struct gw_cfg_service *s = gw_client_service(c->all, &f->service);
        if (s != NULL && (egress == NULL || gw_addr_eq(&f->egress, egress)))
            wish(&w, s);
    }
    return w;
}

struct gw_wishes gw_handover_wishes(const struct gw_handover *h)
{
    struct gw_wishes w = {.packets = 0};

    for (size_t i = 0; i < h->cfg->nservices; i++)
        if (h->cfg->services[i].handover.continuity)
            wish(&w, &h->cfg->services[i]);
    return w;
}

static void changed(struct gw_client *c)
{
    if (c->all->ops->changed != NULL)
        c->all->ops->changed(c->all->user, c);
}

/* *at is the flow. */
static void remove_flow(struct gw_client *c, struct gw_client_flow **at)
{
    struct gw_client_flow *f = *at;
    struct gw_addr egress = f->egress;

    *at = f->next;
    gw_free(c->all->al, f, sizeof *f);
    c->nflows--;
    if (gw_flows_at(c->flows, &egress))
        return;
    gw_takeover_flow_ended(c, &egress);
    if (c->place == GW_CLIENT_HERE)
        changed(c);
}

static void flow_ended(struct gw_client *c, const struct gw_flow_use *u)
{
    struct gw_client_flow *f = gw_flow_find(c->flows, &u->service, &u->flow);

    for (struct gw_client_flow **at = &c->flows; *at != NULL; at = &(*at)->next)
        if (*at == f) {
            remove_flow(c, at);
            return;
        }
}

static int new_flow(struct gw_client *c, const struct gw_flow_use *u, struct gw_time until)
{
    struct gw_handover *h = c->all;
    struct gw_addr egress = {.b = {0}};

    (void)h->ops->egress_of(h->user, &u->service, &u->csci_id, &egress);
    if (c->nflows >= h->cfg->handover.flows) {
        h->count[GW_HCNT_LIMIT_FLOWS]++;
        return GW_EFULL;
    }
    struct gw_client_flow *f = gw_new(h->al, sizeof *f);
    if (f == NULL) {
        h->count[GW_HCNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    bool news = !gw_addr_is_zero(&egress) && !gw_flows_at(c->flows, &egress);
    *f = (struct gw_client_flow){.next = c->flows,
                                 .service = u->service,
                                 .id = u->flow,
                                 .csci_id = u->csci_id,
                                 .egress = egress,
                                 .until = until};
    c->flows = f;
    c->nflows++;
    gw_offer_news(c);
    if (news && c->place == GW_CLIENT_HERE)
        changed(c);
    return 0;
}

void gw_client_resolve(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    for (struct gw_client_flow *f = c->flows; f != NULL; f = f->next)
        if (gw_addr_is_zero(&f->egress))
            (void)h->ops->egress_of(h->user, &f->service, &f->csci_id, &f->egress);
}

/* Of a client that has left too: after a restart, what the packet path has still of it. */
static int use_flow(struct gw_client *c, const struct gw_flow_use *u)
{
    const struct gw_cfg_service *s = gw_client_service(c->all, &u->service);
    struct gw_time until = gw_time_add(c->all->now.mono, s->affinity_timeout);
    struct gw_client_flow *f = gw_flow_find(c->flows, &u->service, &u->flow);

    if (u->ended) {
        flow_ended(c, u);
        return 0;
    }
    if (f != NULL && gw_addr_eq(&f->csci_id, &u->csci_id)) {
        f->until = until;
        gw_client_resolve(c);
        return 0;
    }
    if (f != NULL) /* chosen anew */
        flow_ended(c, u);
    return new_flow(c, u, until);
}

int gw_handover_flow(struct gw_handover *h, const struct gw_flow_use *u)
{
    struct gw_client *c = gw_handover_client(h, &u->flow.src);

    if (c == NULL || gw_client_service(h, &u->service) == NULL)
        return GW_ENOENT;
    if (c->moved != NULL && c->place != GW_CLIENT_HERE)
        return GW_ENOENT; /* another ingress has them */
    int err = use_flow(c, u);
    (void)gw_client_done(c);
    return err;
}

static void flows_due(struct gw_client *c)
{
    for (struct gw_client_flow **at = &c->flows; *at != NULL;)
        if (gw_client_past(c, (*at)->until))
            remove_flow(c, at);
        else
            at = &(*at)->next;
}

/* -- what fn/lm says ----------------------------------------------------------------------------
 */

void gw_client_set_fresh(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (c->fresh)
        return;
    c->fresh = true;
    c->fresh_next = h->fresh;
    h->fresh = c;
}

static void no_more_here(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (c->place != GW_CLIENT_HERE)
        return;
    leave_station(c);
    c->place = GW_CLIENT_NOWHERE;
    c->came = false;
    c->keep = gw_time_add(h->now.mono, h->cfg->handover.binding);
    gw_ladder_step(h, &c->prefix, "left", c->nflows, 0);
    gw_takeover_left(c);
    if (h->ops->left != NULL)
        h->ops->left(h->user, c);
}

static void here(struct gw_client *c, const struct gw_intent *i)
{
    bool was = c->place == GW_CLIENT_HERE;

    if (was && !same_station(&c->station, &i->prefix.station))
        leave_station(c);
    if (!was && c->place == GW_CLIENT_ELSEWHERE)
        c->last = c->peer;
    c->place = GW_CLIENT_HERE;
    c->anchored = i->prefix.kind == GW_PFX_LOCAL;
    c->peer = i->prefix.peer;
    c->keep.ns = 0;
    if (c->station_next == NULL)
        join_station(c, &i->prefix.station);
    if (!was && (c->all->started || (c->restored && c->taking == GW_TAKEOVER_ASKING)))
        c->came = true;
    c->restored = false;
}

static void elsewhere(struct gw_client *c, const struct gw_intent *i)
{
    no_more_here(c);
    c->place = GW_CLIENT_ELSEWHERE;
    c->peer = i->prefix.peer;
}

/* i: to become what is said instead. */
static void nowhere(struct gw_client *c, struct gw_intent *i)
{
    if (c->place == GW_CLIENT_HERE && c->moved == NULL)
        gw_hold_down(c);
    no_more_here(c);
    c->place = GW_CLIENT_NOWHERE;
    if (c->moved == NULL)
        return;
    struct gw_intent said = {.kind = GW_INTENT_PREFIX_SET, .tag = i->tag, .more = i->more};
    said.prefix.prefix = c->prefix;
    said.prefix.kind = GW_PFX_MOVED;
    said.prefix.peer = c->moved->to;
    *i = said;
    c->moved->said = true;
}

void gw_handover_intent(struct gw_handover *h, struct gw_intent *i)
{
    struct gw_client *c;

    if ((i->kind != GW_INTENT_PREFIX_SET && i->kind != GW_INTENT_PREFIX_DEL) ||
        i->prefix.prefix.len != GW_NODE_PREFIX_LEN)
        return;
    c = i->kind == GW_INTENT_PREFIX_SET ? gw_client_make(h, &i->prefix.prefix)
                                        : gw_client_get(h, &i->prefix.prefix);
    if (c == NULL)
        return;
    if (i->kind == GW_INTENT_PREFIX_DEL) {
        nowhere(c, i);
    } else {
        if (c->moved != NULL)
            c->moved->said = false; /* its own word counts */
        if (i->prefix.kind == GW_PFX_MOVED)
            elsewhere(c, i);
        else
            here(c, i);
    }
    gw_client_set_fresh(c);
}

/* What has been said of it is with the packet path now. */
static void settle(struct gw_client *c)
{
    if (c->place == GW_CLIENT_HERE) {
        if (c->came)
            gw_takeover_fresh(c);
        c->came = false;
        return;
    }
    if (c->place == GW_CLIENT_ELSEWHERE || c->moved != NULL)
        gw_release_down(c);
    gw_offer_review(c);
}

void gw_handover_settle(struct gw_handover *h)
{
    while (h->fresh != NULL) {
        struct gw_client *c = h->fresh;
        h->fresh = c->fresh_next;
        c->fresh = false;
        settle(c);
        (void)gw_client_done(c);
    }
}

/* -- time ---------------------------------------------------------------------------------------
 */

static void sooner(struct gw_time *next, bool is, struct gw_time at)
{
    if (is && gw_time_before(at, *next))
        *next = at;
}

static struct gw_time next_time(const struct gw_client *c)
{
    struct gw_time t = GW_NEVER;

    for (const struct gw_client_flow *f = c->flows; f != NULL; f = f->next)
        sooner(&t, true, f->until);
    for (const struct gw_expected *x = c->expected; x != NULL; x = x->next)
        sooner(&t, true, x->until);
    for (const struct gw_offer *o = c->offers; o != NULL; o = o->next)
        sooner(&t, true, o->until);
    sooner(&t, c->moved != NULL, c->moved != NULL ? c->moved->until : t);
    sooner(&t, c->taking == GW_TAKEOVER_ASKING || gw_takeover_waits(c), c->taking_until);
    sooner(&t, c->held_up, c->up_until);
    sooner(&t, c->held_down, c->down_until);
    sooner(&t, c->refresh.ns != 0, c->refresh);
    sooner(&t, c->grace.ns != 0, c->grace);
    sooner(&t, c->hint_until.ns != 0, c->hint_until);
    sooner(&t, c->permitted_until.ns != 0, c->permitted_until);
    sooner(&t, c->keep.ns != 0, c->keep);
    return t;
}

static void lapse(const struct gw_client *c, struct gw_time *t)
{
    if (t->ns != 0 && gw_client_past(c, *t))
        t->ns = 0;
}

static void due(struct gw_timer *t, void *user)
{
    struct gw_client *c = t->owner;
    struct gw_handover *h = c->all;

    (void)user;
    flows_due(c);
    gw_takeover_due(c);
    gw_offers_due(c);
    gw_moved_due(c);
    lapse(c, &c->hint_until);
    lapse(c, &c->permitted_until);
    lapse(c, &c->grace);
    (void)gw_client_done(c);
    gw_handover_settle(h);
}

/* It is here or elsewhere by fn/lm's word, or something of it is not over. */
static bool wanted(const struct gw_client *c)
{
    return c->place != GW_CLIENT_NOWHERE || c->flows != NULL || c->expected != NULL ||
           c->offers != NULL || c->moved != NULL || c->posts != NULL || c->fresh ||
           c->egresses != NULL || c->hint_until.ns != 0 || c->permitted_until.ns != 0 ||
           c->keep.ns != 0;
}

static void free_client(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    leave_station(c);
    while (c->posts != NULL)
        gw_post_stop_move(c->posts);
    while (c->expected != NULL)
        gw_expected_free(c, c->expected);
    gw_offers_free(c);
    gw_client_drop_flows(c);
    gw_egresses_free(h, &c->egresses);
    gw_free(h->al, c->moved, sizeof *c->moved);
    gw_timer_stop(h->timers, &c->timer);
    (void)gw_table_del(&h->clients, &c->prefix);
    gw_free(h->al, c, sizeof *c);
}

/* Without memory for its time nothing of it may wait for that. */
static void cannot_wait(struct gw_client *c)
{
    c->all->count[GW_HCNT_NO_MEMORY]++;
    gw_release_up(c);
    gw_release_down(c);
    for (struct gw_client_egress *e = c->egresses; e != NULL; e = e->next)
        gw_release_egress(c, e);
}

bool gw_client_done(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (!wanted(c)) {
        free_client(c);
        return true;
    }
    struct gw_time at = next_time(c);
    if (at.ns == GW_NEVER.ns)
        gw_timer_stop(h->timers, &c->timer);
    else if (gw_time_before(at, h->now.mono))
        at = h->now.mono;
    if (at.ns != GW_NEVER.ns && gw_timer_set(h->timers, &c->timer, at) != 0)
        cannot_wait(c);
    return false;
}

/* -- life ---------------------------------------------------------------------------------------
 */

void gw_handover_init(struct gw_handover *h, uint64_t seed)
{
    gw_table_init(&h->clients, h->al, &by_prefix, h->cfg->handover.clients, seed);
    gw_table_init(&h->stations, h->al, &by_station, 0, seed + 1);
    gw_ladder_init(h);
}

void gw_handover_free(struct gw_handover *h)
{
    struct gw_client *c;

    for (size_t i = 0; (c = gw_table_next(&h->clients, &i)) != NULL;)
        free_client(c);
    gw_table_free(&h->stations);
    gw_table_free(&h->clients);
    gw_ladder_free(h);
}

static void started(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    gw_moved_say(c);
    if (c->egresses != NULL && c->place == GW_CLIENT_HERE)
        c->refresh = h->now.mono; /* an egress may have forgotten it */
    (void)gw_client_done(c);
}

void gw_handover_start(struct gw_handover *h)
{
    struct gw_client *c;

    h->started = true;
    for (size_t i = 0; (c = gw_table_next(&h->clients, &i)) != NULL;)
        started(c);
    gw_handover_settle(h);
}

/* Flows of services that do not go on any more. */
static void drop_services(struct gw_client *c)
{
    for (struct gw_client_flow **at = &c->flows; *at != NULL;)
        if (gw_client_service(c->all, &(*at)->service) == NULL)
            remove_flow(c, at);
        else
            at = &(*at)->next;
}

void gw_handover_reload(struct gw_handover *h)
{
    struct gw_client *c;

    h->clients.limit = h->cfg->handover.clients;
    for (size_t i = 0; (c = gw_table_next(&h->clients, &i)) != NULL;) {
        drop_services(c);
        (void)gw_client_done(c);
    }
}
