/* takeover.c: the new ingress. When a client comes, what an old ingress has told before is used
 * (figure 1 of the draft), or those that may know of its flows are asked (figure 2): then its flows
 * go to their instances, and the old ingress and each egress are told.
 *
 * Decisions of this implementation:
 * - Who is asked: where fn/lm had the prefix before it came, what the location server says, and the
 *   anchors of all prefixes of the station: in RFC 8885 the last S-MAAR is one of them, which is
 *   the domain's sub-prefix plan of the draft. A prefix that is new (from this node's own pool, for
 *   a new client) is asked for nowhere.
 * - The first notification with flows counts; later ones, and those that say that no flow has to go
 *   on, are acknowledged and counted.
 * - What has been told before is used only if it is from one of those that would be asked, where
 *   any is known. If the old ingress does not know of it any more, they are asked after all.
 * - An egress that does not believe an indication, or does not answer, changes nothing: results
 *   come by way of the prefix's anchor.
 */
#include "core.h"
#include "fn/handover/transfer.h"

#include "fn/steer/steer.h"

#define EXPECTED 4u /* of a client: from so many old ingresses */

static bool is_self(const struct gw_handover *h, const struct gw_addr *a)
{
    return gw_addr_eq(a, &h->cfg->addr);
}

/* -- who is asked -------------------------------------------------------------------------------
 */

/* Calls f with each that may know of its flows, until that answers true, which is the result. */
static bool each_source(const struct gw_client *c, bool (*f)(void *arg, const struct gw_addr *a),
                        void *arg)
{
    struct gw_handover *h = c->all;
    const struct gw_client *r = c;
    const struct gw_addr *of[2] = {&c->last, &c->hint};

    for (size_t i = 0; i < 2; i++)
        if (h->ops->peer(h->user, of[i]) && f(arg, of[i]))
            return true;
    do {
        if (!r->anchored && r->place == GW_CLIENT_HERE && h->ops->peer(h->user, &r->peer) &&
            f(arg, &r->peer))
            return true;
        if (r->came && h->ops->peer(h->user, &r->last) && f(arg, &r->last))
            return true;
        r = r->station_next;
    } while (r != NULL && r != c);
    return false;
}

static bool ask_one(void *arg, const struct gw_addr *a)
{
    struct gw_client *c = arg;

    if (gw_post_find(c, GW_MOVE_REQUEST, a) == NULL && !is_self(c->all, a))
        (void)gw_post_move(c, GW_MOVE_REQUEST, a, 0);
    return false;
}

static bool is_one(void *arg, const struct gw_addr *a)
{
    return gw_addr_eq(arg, a);
}

static bool is_any(void *arg, const struct gw_addr *a)
{
    (void)arg;
    (void)a;
    return true;
}

/* Nothing has to go on, or nobody knows. */
static void nothing(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    gw_posts_stop(c, GW_MOVE_REQUEST);
    c->taking = GW_TAKEOVER_NONE;
    c->asks = false;
    h->count[GW_HCNT_NOTHING]++;
    gw_ladder_step(h, &c->prefix, "no flows", 0, 0);
    gw_release_up(c);
    gw_client_record(c);
}

static void nothing_left(struct gw_client *c)
{
    if (c->taking == GW_TAKEOVER_ASKING && !c->asks && !gw_post_any(c, GW_MOVE_REQUEST))
        nothing(c);
}

static void ask(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (c->anchored && gw_addr_is_zero(&c->last) && gw_addr_is_zero(&c->hint))
        return; /* nobody else has had it */
    if ((h->cfg->handover.find & GW_FIND_PLAN) != 0)
        (void)each_source(c, ask_one, c);
    else if (!gw_addr_is_zero(&c->hint) && h->ops->peer(h->user, &c->hint))
        (void)ask_one(c, &c->hint);
    c->asks = gw_addr_is_zero(&c->hint) && h->ops->ask != NULL && h->ops->ask(h->user, c);
    if (!c->asks && !gw_post_any(c, GW_MOVE_REQUEST))
        return;
    c->taking = GW_TAKEOVER_ASKING;
    c->taking_until = gw_time_add(h->now.mono, h->cfg->handover.candidate);
    gw_hold_up(c);
    gw_client_record(c);
}

void gw_handover_located(struct gw_handover *h, const struct gw_prefix *client,
                         const struct gw_addr *ingress)
{
    bool known = h->ops->peer(h->user, ingress);
    struct gw_client *c = known ? gw_client_make(h, client) : gw_client_get(h, client);

    if (c == NULL)
        return;
    c->asks = false;
    if (known) {
        c->hint = *ingress;
        c->hint_until = gw_time_add(h->now.mono, h->cfg->handover.candidate);
    }
    if (c->taking == GW_TAKEOVER_ASKING && known)
        (void)ask_one(c, ingress);
    nothing_left(c);
    (void)gw_client_done(c);
}

/* -- taking it over -----------------------------------------------------------------------------
 */

/* f becomes one of the client's, and the packet path's. */
static void set_flow(struct gw_client *c, struct gw_client_flow *f)
{
    struct gw_handover *h = c->all;
    const struct gw_cfg_service *s = gw_client_service(h, &f->service);
    struct gw_client_flow *old = gw_flow_find(c->flows, &f->service, &f->id);
    struct gw_addr egress = f->egress;

    if (!h->ops->egress_of(h->user, &f->service, &f->csci_id, &egress))
        h->ops->told(h->user, &f->service, &f->csci_id, &f->egress);
    if (s != NULL)
        f->until = gw_time_add(h->now.mono, s->affinity_timeout);
    h->ops->intent(h->user, &(struct gw_intent){.kind = GW_INTENT_FLOW_SET,
                                                .flow = {.service = f->service,
                                                         .flow = f->id,
                                                         .csci_id = f->csci_id,
                                                         .now = h->now.mono}});
    if (old != NULL) {
        f->next = old->next;
        *old = *f;
        gw_free(h->al, f, sizeof *f);
        return;
    }
    f->next = c->flows;
    c->flows = f;
    c->nflows++;
}

static uint32_t set_flows(struct gw_client *c, struct gw_client_flow *flows)
{
    uint32_t n = 0;

    for (struct gw_client_flow *f = flows, *next; f != NULL; f = next, n++) {
        next = f->next;
        set_flow(c, f);
    }
    c->all->count[GW_HCNT_FLOWS] += n;
    gw_ladder_step(c->all, &c->prefix, "flows set", n, 0);
    return n;
}

/* Does what this egress sends take another way from now on, so that it may overtake? */
static bool overtakes(const struct gw_client *c, const struct gw_client_egress *e)
{
    return !gw_addr_eq(&e->addr, &c->last) && (c->anchored || !gw_addr_eq(&e->addr, &c->peer));
}

static void tell_egresses(struct gw_client *c)
{
    for (struct gw_client_egress *e = c->egresses; e != NULL; e = e->next) {
        if (is_self(c->all, &e->addr))
            continue;
        if (overtakes(c, e))
            gw_hold_egress(c, e);
        if (!gw_post_move(c, GW_MOVE_INDICATE_EGRESS, &e->addr, 0))
            gw_release_egress(c, e);
    }
}

static void finish(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (c->taking != GW_TAKEOVER_TELLING || gw_post_any(c, GW_MOVE_INDICATE_OLD) ||
        gw_post_any(c, GW_MOVE_INDICATE_EGRESS))
        return;
    c->taking = GW_TAKEOVER_NONE;
    gw_ladder_step(h, &c->prefix, "taken over", c->nflows, 0);
    gw_client_record(c);
    if (h->ops->taken != NULL)
        h->ops->taken(h->user, c);
}

static void no_more_posts(struct gw_client *c)
{
    gw_posts_stop(c, GW_MOVE_REQUEST);
    gw_posts_stop(c, GW_MOVE_INDICATE_OLD);
    gw_posts_stop(c, GW_MOVE_INDICATE_EGRESS);
    for (struct gw_client_egress *e = c->egresses; e != NULL; e = e->next)
        gw_release_egress(c, e);
    c->asks = false;
}

static struct gw_time refresh_at(const struct gw_handover *h)
{
    return gw_time_add(h->now.mono, (struct gw_time){h->cfg->handover.binding.ns / 3});
}

/* flows and egresses become the client's. seq: of the notification, which this answers. */
static void take(struct gw_client *c, const struct gw_addr *from, uint32_t generation,
                 struct gw_client_flow *flows, struct gw_client_egress *egresses, uint16_t seq)
{
    struct gw_handover *h = c->all;

    no_more_posts(c);
    c->generation = generation + 1;
    c->last = *from;
    c->taking = GW_TAKEOVER_TELLING;
    (void)set_flows(c, flows);
    gw_release_up(c);
    gw_egresses_free(h, &c->egresses);
    c->egresses = egresses;
    (void)gw_post_move(c, GW_MOVE_INDICATE_OLD, from, seq);
    tell_egresses(c);
    c->refresh = refresh_at(h);
    gw_client_record(c);
    if (h->ops->changed != NULL)
        h->ops->changed(h->user, c);
    finish(c);
}

static void take_expected(struct gw_client *c, struct gw_expected *x)
{
    struct gw_client_flow *flows = x->flows;
    struct gw_client_egress *egresses = x->egresses;

    x->flows = NULL;
    x->egresses = NULL;
    c->proactive = true;
    c->all->count[GW_HCNT_PROACTIVE]++;
    take(c, &x->from, x->generation, flows, egresses, x->seq);
    while (c->expected != NULL)
        gw_expected_free(c, c->expected);
}

/* What has been told before and may be believed. */
static struct gw_expected *best(struct gw_client *c)
{
    struct gw_expected *b = NULL;
    bool known = each_source(c, is_any, NULL);

    for (struct gw_expected *x = c->expected; x != NULL; x = x->next)
        if (!gw_client_past(c, x->until) && (!known || each_source(c, is_one, &x->from)) &&
            !gw_cats_later(c->generation, x->generation) &&
            (b == NULL || gw_cats_later(x->generation, b->generation)))
            b = x;
    return b;
}

void gw_takeover_fresh(struct gw_client *c)
{
    struct gw_expected *x = best(c);

    gw_ladder_step(c->all, &c->prefix, "attached", 0, 0);
    if (c->moved != NULL)
        gw_moved_end(c);
    c->again = c->proactive = false;
    if (x != NULL)
        take_expected(c, x);
    else
        ask(c);
}

/* -- notifications ------------------------------------------------------------------------------
 */

void gw_expected_free(struct gw_client *c, struct gw_expected *x)
{
    struct gw_expected **at = &c->expected;
    struct gw_handover *h = c->all;

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
    gw_flows_free(h, &x->flows);
    gw_egresses_free(h, &x->egresses);
    gw_free(h->al, x, sizeof *x);
    h->nexpected--;
}

static struct gw_expected *expected_from(const struct gw_client *c, const struct gw_addr *from)
{
    struct gw_expected *x = c->expected;

    while (x != NULL && !gw_addr_eq(&x->from, from))
        x = x->next;
    return x;
}

static struct gw_expected *make_expected(struct gw_client *c, const struct gw_addr *from)
{
    struct gw_handover *h = c->all;
    struct gw_expected *x = expected_from(c, from);
    unsigned n = 0;

    if (x != NULL)
        return x;
    for (x = c->expected; x != NULL; x = x->next)
        n++;
    x = n < EXPECTED && h->nexpected < h->cfg->handover.candidates ? gw_new(h->al, sizeof *x)
                                                                   : NULL;
    if (x == NULL) {
        h->count[GW_HCNT_LIMIT_CANDIDATES]++;
        return NULL;
    }
    *x = (struct gw_expected){.next = c->expected, .from = *from};
    c->expected = x;
    h->nexpected++;
    return x;
}

/* It is not here: it may come. What `in` has is taken out of it. */
static int expect(struct gw_handover *h, const struct gw_addr *from, struct gw_move_in *in,
                  const struct gw_mh *m)
{
    struct gw_client *c = gw_client_make(h, &in->client);
    struct gw_expected *x = c != NULL ? make_expected(c, from) : NULL;
    struct gw_time asked = GW_SEC(4 * (int64_t)m->bu.lifetime);
    struct gw_time most = h->cfg->handover.candidate;

    if (x != NULL) {
        gw_flows_free(h, &x->flows);
        gw_egresses_free(h, &x->egresses);
        x->flows = in->flows;
        x->egresses = in->egresses;
        in->flows = NULL;
        in->egresses = NULL;
        x->generation = in->move.generation;
        x->flags = in->move.flags;
        x->seq = m->bu.seq;
        x->until = gw_time_add(h->now.mono, gw_time_before(asked, most) ? asked : most);
    }
    if (c != NULL)
        (void)gw_client_done(c);
    return x != NULL ? 0 : GW_EFULL;
}

static void unexpect(struct gw_handover *h, const struct gw_addr *from,
                     const struct gw_prefix *client)
{
    struct gw_client *c = gw_client_get(h, client);
    struct gw_expected *x = c != NULL ? expected_from(c, from) : NULL;

    if (x == NULL)
        return;
    gw_expected_free(c, x);
    (void)gw_client_done(c);
}

/* It is here: does this say where its flows go? */
static bool helps(const struct gw_client *c, const struct gw_move_in *in, bool asked)
{
    if (in->flows == NULL || gw_cats_later(c->generation, in->move.generation + 1))
        return false;
    return (asked && c->taking == GW_TAKEOVER_ASKING) ||
           (c->nflows == 0 && c->taking != GW_TAKEOVER_TELLING);
}

static void tell_here(struct gw_client *c, const struct gw_addr *from, struct gw_move_in *in,
                      const struct gw_mh *m)
{
    struct gw_handover *h = c->all;
    struct gw_move_post *asked = gw_post_find(c, GW_MOVE_REQUEST, from);

    if (helps(c, in, asked != NULL)) {
        struct gw_client_flow *flows = in->flows;
        struct gw_client_egress *egresses = in->egresses;
        in->flows = NULL;
        in->egresses = NULL;
        c->proactive = false;
        h->count[GW_HCNT_REACTIVE]++;
        take(c, from, in->move.generation, flows, egresses, m->bu.seq);
        return;
    }
    h->count[GW_HCNT_LATE] += asked == NULL;
    if (asked != NULL)
        gw_post_stop_move(asked);
    if (m->bu.lifetime != 0) /* who says no waits for nothing */
        gw_move_ack(h, &c->prefix, from, m->bu.seq, in->move.generation, 0);
    nothing_left(c);
}

int gw_takeover_notified(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_move_in in;
    int err = gw_move_read(h, m, true, &in);

    if (err != 0)
        return err;
    struct gw_client *c = gw_client_get(h, &in.client);
    bool goes_on = m->bu.lifetime != 0 && (in.move.flags & GW_CATS_MOVE_CONTINUES) != 0;
    gw_ladder_message(h, &in.client, "notification", from, &h->cfg->addr, in.nflows, 0);
    if (!goes_on)
        gw_move_in_free(h, &in);
    if (c != NULL && c->place == GW_CLIENT_HERE) {
        tell_here(c, from, &in, m);
        (void)gw_client_done(c);
    } else {
        if (goes_on && in.flows != NULL)
            err = expect(h, from, &in, m);
        else
            unexpect(h, from, &in.client);
        if (err == 0)
            gw_move_ack(h, &in.client, from, m->bu.seq, in.move.generation, 0);
    }
    gw_move_in_free(h, &in);
    return err;
}

/* -- afterwards ---------------------------------------------------------------------------------
 */

/* The old ingress knows of nothing that it would have been told of: it has moved on since. */
static void not_offered(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (!c->proactive || c->again) {
        h->count[GW_HCNT_FAILED]++;
        return;
    }
    c->again = true;
    c->proactive = false;
    gw_posts_stop(c, GW_MOVE_INDICATE_EGRESS);
    c->taking = GW_TAKEOVER_NONE;
    ask(c);
}

static void egress_answered(struct gw_client *c, const struct gw_addr *by, int err)
{
    struct gw_client_egress *e = gw_egress_find(c->egresses, by);

    if (e == NULL)
        return;
    e->told = err == 0;
    e->refused = err == GW_EDENIED;
    if (err != 0)
        gw_release_egress(c, e);
}

void gw_takeover_answered(struct gw_client *c, enum gw_move_kind kind, const struct gw_addr *by,
                          int err)
{
    switch (kind) {
    case GW_MOVE_REQUEST:
        nothing_left(c);
        break;
    case GW_MOVE_INDICATE_OLD:
        if (err == GW_EDENIED)
            not_offered(c);
        finish(c);
        break;
    case GW_MOVE_INDICATE_EGRESS:
        egress_answered(c, by, err);
        finish(c);
        break;
    case GW_MOVE_NOTIFY:
    case GW_MOVE_FORGET:
    case GW_MOVE_END:
        break;
    }
}

bool gw_takeover_waits(const struct gw_client *c)
{
    for (const struct gw_client_egress *e = c->egresses; e != NULL; e = e->next)
        if (e->waits)
            return true;
    return false;
}

int gw_handover_marked(struct gw_handover *h, const struct gw_marked *m)
{
    struct gw_client *c = gw_client_get(h, &m->prefix);
    struct gw_client_egress *e = c != NULL ? gw_egress_find(c->egresses, &m->by) : NULL;

    if (e == NULL || !e->waits || m->generation != c->generation)
        return GW_ENOENT;
    h->count[GW_HCNT_MARKED]++;
    gw_ladder_message(h, &c->prefix, "end of path", &m->by, &h->cfg->addr, 0, 0);
    gw_release_egress(c, e);
    (void)gw_client_done(c);
    return 0;
}

/* *at: its flows are over, or go elsewhere. */
static void end_egress(struct gw_client *c, struct gw_client_egress **at)
{
    struct gw_client_egress *e = *at;
    struct gw_move_post *p = gw_post_find(c, GW_MOVE_INDICATE_EGRESS, &e->addr);

    if (p != NULL)
        gw_post_stop_move(p);
    gw_release_egress(c, e);
    if (!is_self(c->all, &e->addr) && !e->refused)
        (void)gw_post_move(c, GW_MOVE_END, &e->addr, 0);
    *at = e->next;
    gw_free(c->all->al, e, sizeof *e);
}

static void end_unused(struct gw_client *c)
{
    for (struct gw_client_egress **at = &c->egresses; *at != NULL;)
        if (!gw_flows_at(c->flows, &(*at)->addr))
            end_egress(c, at);
        else
            at = &(*at)->next;
    if (c->egresses == NULL)
        c->refresh.ns = 0;
    finish(c);
    gw_client_record(c);
}

void gw_takeover_flow_ended(struct gw_client *c, const struct gw_addr *egress)
{
    if (c->place == GW_CLIENT_HERE && c->grace.ns == 0 &&
        gw_egress_find(c->egresses, egress) != NULL)
        end_unused(c);
}

static void refresh(struct gw_client *c)
{
    if (c->grace.ns == 0)
        end_unused(c);
    for (struct gw_client_egress *e = c->egresses; e != NULL; e = e->next)
        if (!e->refused && !is_self(c->all, &e->addr))
            (void)gw_post_move(c, GW_MOVE_INDICATE_EGRESS, &e->addr, 0);
    c->refresh.ns = 0;
    if (c->egresses != NULL)
        c->refresh = refresh_at(c->all);
}

static void marker_missing(struct gw_client *c)
{
    for (struct gw_client_egress *e = c->egresses; e != NULL; e = e->next) {
        c->all->count[GW_HCNT_HELD_TOO_LONG] += e->waits;
        gw_release_egress(c, e);
    }
}

void gw_takeover_due(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    for (struct gw_expected *x = c->expected, *next; x != NULL; x = next) {
        next = x->next;
        if (!gw_client_past(c, x->until))
            continue;
        h->count[GW_HCNT_UNUSED]++;
        gw_expected_free(c, x);
    }
    if (c->held_up && gw_client_past(c, c->up_until)) {
        h->count[GW_HCNT_HELD_TOO_LONG]++;
        gw_release_up(c);
    }
    if (gw_client_past(c, c->taking_until)) {
        if (c->taking == GW_TAKEOVER_ASKING)
            nothing(c);
        marker_missing(c);
    }
    if (c->refresh.ns != 0 && gw_client_past(c, c->refresh))
        refresh(c);
    if (c->hint_until.ns != 0 && gw_client_past(c, c->hint_until))
        c->hint = (struct gw_addr){.b = {0}};
}

/* It goes before all is done: who has its flows is what has been reached. */
void gw_takeover_left(struct gw_client *c)
{
    no_more_posts(c);
    gw_release_up(c);
    c->taking = GW_TAKEOVER_NONE;
    c->refresh.ns = 0;
    c->proactive = c->again = false;
    gw_client_record(c);
}

/* -- for transfers ------------------------------------------------------------------------------
 */

static int need_egress(struct gw_client *c, const struct gw_addr *a)
{
    struct gw_handover *h = c->all;
    struct gw_client_egress *e = gw_egress_find(c->egresses, a);

    if (is_self(h, a) || (c->anchored && gw_addr_is_zero(&c->last)))
        return 0;
    if (e == NULL) {
        e = gw_new(h->al, sizeof *e);
        if (e == NULL)
            return GW_ENOMEM;
        *e = (struct gw_client_egress){.next = c->egresses, .addr = *a};
        c->egresses = e;
    }
    e->refused = false;
    (void)gw_post_move(c, GW_MOVE_INDICATE_EGRESS, a, 0);
    if (c->refresh.ns == 0)
        c->refresh = refresh_at(h);
    return 0;
}

static void switch_flow(struct gw_client *c, struct gw_client_flow *f, const struct gw_addr *to,
                        const struct gw_addr *egress)
{
    struct gw_handover *h = c->all;

    f->csci_id = *to;
    f->egress = *egress;
    h->ops->intent(
        h->user,
        &(struct gw_intent){
            .kind = GW_INTENT_FLOW_SET,
            .flow = {.service = f->service, .flow = f->id, .csci_id = *to, .now = h->now.mono}});
}

static bool is_moved(const struct gw_client_flow *f, const struct gw_transfer_what *w)
{
    bool named = false;

    for (size_t i = 0; i < w->nflows && !named; i++)
        named = gw_addr_eq(&w->flow[i].src, &f->id.src) && w->flow[i].proto == f->id.proto &&
                w->flow[i].sport == f->id.sport && w->flow[i].dport == f->id.dport;
    return named && gw_addr_eq(&f->csci_id, &w->from) &&
           gw_steer_same_key(&f->service, &w->service);
}

int gw_handover_switch(struct gw_handover *h, struct gw_client *c, const struct gw_transfer_what *w)
{
    struct gw_addr egress = w->to_egress;
    int n = 0;

    if (c->place != GW_CLIENT_HERE)
        return GW_EINVAL;
    if (!h->ops->egress_of(h->user, &w->service, &w->to, &egress))
        h->ops->told(h->user, &w->service, &w->to, &egress);
    for (struct gw_client_flow *f = c->flows; f != NULL; f = f->next)
        if (is_moved(f, w)) {
            switch_flow(c, f, &w->to, &egress);
            n++;
        }
    if (n == 0)
        return GW_ENOENT;
    gw_ladder_step(h, &c->prefix, "flows switched", (uint32_t)n, 0);
    (void)need_egress(c, &egress); /* without memory its results come by way of the anchor */
    end_unused(c);
    if (h->ops->changed != NULL)
        h->ops->changed(h->user, c);
    (void)gw_client_done(c);
    return n;
}
