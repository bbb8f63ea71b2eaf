/* offer.c: the old ingress. It tells candidates when a hint says that a client may move, answers
 * who asks for one that has moved, and takes note when another ingress has taken it over.
 *
 * Decisions of this implementation:
 * - A client is given away only when it is not here, as fn/lm says, or when a hint is there for it.
 *   Who asks for one that is here still waits until it is not: the answer to its request follows;
 *   and if fn/lm says behind whom it is, nobody else gets it.
 * - All candidates of a hint are told the same generation: the first to take it over has it. A node
 *   that asks while others have been told is told the next one, so that it comes before them.
 * - A flow that begins after a hint is told to the candidates too.
 */
#include "core.h"

#include "base/text.h"

#define OFFERS (2u * GW_HINT_TARGETS) /* of a client, at most */

struct gw_offer *gw_offer_to(const struct gw_client *c, const struct gw_addr *to)
{
    for (struct gw_offer *o = c->offers; o != NULL; o = o->next)
        if (gw_addr_eq(&o->to, to))
            return o;
    return NULL;
}

static void drop(struct gw_client *c, struct gw_offer *o)
{
    struct gw_offer **at = &c->offers;

    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    gw_free(c->all->al, o, sizeof *o);
}

void gw_offers_free(struct gw_client *c)
{
    while (c->offers != NULL)
        drop(c, c->offers);
}

static struct gw_offer *make(struct gw_client *c, const struct gw_addr *to)
{
    struct gw_handover *h = c->all;
    struct gw_offer *o = gw_offer_to(c, to);
    unsigned n = 0;

    if (o != NULL)
        return o;
    for (o = c->offers; o != NULL; o = o->next)
        n++;
    if (n >= OFFERS) {
        h->count[GW_HCNT_LIMIT_CANDIDATES]++;
        return NULL;
    }
    o = gw_new(h->al, sizeof *o);
    if (o == NULL) {
        h->count[GW_HCNT_NO_MEMORY]++;
        return NULL;
    }
    *o = (struct gw_offer){.next = c->offers, .to = *to, .asked = true};
    c->offers = o;
    return o;
}

/* It may take the client over from now on. */
static void give(struct gw_client *c, struct gw_offer *o, uint16_t seq)
{
    o->asked = false;
    o->generation = c->generation;
    o->until = gw_time_add(c->all->now.mono, c->all->cfg->handover.candidate);
    (void)gw_post_move(c, GW_MOVE_NOTIFY, &o->to, seq);
}

/* -- hints --------------------------------------------------------------------------------------
 */

/* Hints come again and again while a signal is weak. */
static bool told_lately(const struct gw_client *c, const struct gw_offer *o)
{
    struct gw_time half = {c->all->cfg->handover.candidate.ns / 2};

    return !o->asked && o->generation == c->generation &&
           gw_time_before(gw_time_add(c->all->now.mono, half), o->until);
}

static bool hint_to(struct gw_client *c, const struct gw_addr *to)
{
    struct gw_handover *h = c->all;

    if (gw_addr_eq(to, &h->cfg->addr) || !h->ops->peer(h->user, to))
        return false;
    struct gw_offer *o = make(c, to);
    if (o == NULL)
        return false;
    if (!told_lately(c, o))
        give(c, o, 0);
    return true;
}

static int hint_client(struct gw_client *c, const struct gw_hint *hint)
{
    const struct gw_cfg_handover *cfg = &c->all->cfg->handover;
    size_t n = hint->ntargets != 0 ? hint->ntargets : cfg->nneighbours;
    const struct gw_addr *to = hint->ntargets != 0 ? hint->target : cfg->neighbours;
    bool any = false;

    if (c->flows == NULL)
        return GW_EINVAL;
    gw_hold_down(c);
    if (hint->by == GW_HINT_DETACHED)
        return 0;
    gw_ladder_step(c->all, &c->prefix, "hint", c->nflows, 0);
    for (size_t i = 0; i < n; i++)
        any = hint_to(c, &to[i]) || any;
    return any ? 0 : GW_ENOENT;
}

int gw_handover_hint(struct gw_handover *h, const struct gw_hint *hint)
{
    bool station = hint->station.lladdr.len != 0;
    struct gw_client *first =
        station ? gw_client_of_station(h, &hint->station) : gw_client_get(h, &hint->prefix);
    int err = GW_ENOENT;

    if (first == NULL || first->place != GW_CLIENT_HERE)
        return GW_ENOENT;
    struct gw_client *c = first;
    do {
        struct gw_client *next = c->station_next;
        int e = hint_client(c, hint);
        err = e == 0 || err == GW_ENOENT ? e : err;
        (void)gw_client_done(c); /* it is here: it stays */
        c = next;
    } while (station && c != first);
    return err;
}

void gw_handover_seen(struct gw_handover *h, const struct gw_station_key *station)
{
    struct gw_client *first = gw_client_of_station(h, station), *c = first;

    for (; c != NULL; c = c->station_next != first ? c->station_next : NULL)
        gw_release_down(c);
}

void gw_offer_news(struct gw_client *c)
{
    for (struct gw_offer *o = c->offers; o != NULL; o = o->next)
        if (!o->asked && c->place == GW_CLIENT_HERE)
            (void)gw_post_move(c, GW_MOVE_NOTIFY, &o->to, 0);
}

/* -- requests -----------------------------------------------------------------------------------
 */

static bool may_have(const struct gw_client *c, const struct gw_addr *who)
{
    return c->place == GW_CLIENT_NOWHERE ||
           (c->place == GW_CLIENT_ELSEWHERE && gw_addr_eq(&c->peer, who));
}

/* Are there flows of it that are this node's to give? */
static bool has(const struct gw_client *c)
{
    return c != NULL && c->flows != NULL && c->moved == NULL;
}

static bool others_told(const struct gw_client *c, const struct gw_addr *who)
{
    for (const struct gw_offer *o = c->offers; o != NULL; o = o->next)
        if (!o->asked && o->generation == c->generation && !gw_addr_eq(&o->to, who))
            return true;
    return false;
}

static void answer(struct gw_client *c, struct gw_offer *o)
{
    uint16_t seq = o->seq;

    if (!has(c)) {
        struct gw_addr to = o->to;
        drop(c, o);
        gw_move_say_no(c->all, &c->prefix, &to, seq);
        return;
    }
    if (others_told(c, &o->to))
        c->generation++;
    give(c, o, seq);
}

int gw_offer_request(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_move_in in;
    int err = gw_move_read(h, m, false, &in);

    if (err != 0)
        return err;
    struct gw_client *c = gw_client_get(h, &in.client);
    gw_ladder_message(h, &in.client, "request", from, &h->cfg->addr, 0, 0);
    if (!has(c)) {
        gw_move_say_no(h, &in.client, from, m->bu.seq);
        return 0;
    }
    struct gw_offer *o = make(c, from);
    if (o == NULL)
        return GW_EFULL;
    o->seq = m->bu.seq;
    if (may_have(c, from)) {
        answer(c, o);
    } else if (o->asked) {
        o->until = gw_time_add(h->now.mono, h->cfg->handover.candidate);
        err = GW_EAGAIN;
    } else { /* a hint has named it, and it seems to be there by now */
        give(c, o, m->bu.seq);
    }
    (void)gw_client_done(c);
    return err;
}

void gw_offer_review(struct gw_client *c)
{
    for (struct gw_offer *o = c->offers, *next; o != NULL; o = next) {
        next = o->next;
        if (o->asked && may_have(c, &o->to))
            answer(c, o);
    }
}

/* -- indications --------------------------------------------------------------------------------
 */

bool gw_offer_fits(const struct gw_client *c, const struct gw_addr *to, uint32_t generation)
{
    const struct gw_offer *o = gw_offer_to(c, to);

    return o != NULL && !o->asked && o->generation + 1 == generation;
}

/* Those that have been told, but for the one that has it, may forget it. */
static void forget_others(struct gw_client *c, const struct gw_addr *taker)
{
    gw_posts_stop(c, GW_MOVE_NOTIFY);
    for (struct gw_offer *o = c->offers, *next; o != NULL; o = next) {
        struct gw_addr to = o->to;
        bool told = !o->asked && !gw_addr_eq(&o->to, taker);
        c->all->count[GW_HCNT_ELSEWHERE] += o->asked;
        next = o->next;
        drop(c, o);
        if (told)
            (void)gw_post_move(c, GW_MOVE_FORGET, &to, 0);
    }
}

static int refuse(struct gw_handover *h, const struct gw_addr *from, enum gw_handover_count why)
{
    char text[GW_TEXT_MAX];

    h->count[why]++;
    gw_log(h->log, GW_LOG_WARN, GW_CAT_SIGNAL, "indication-refused",
           "%s says that it has a client, which is refused: %s", gw_fmt_addr(from, text),
           gw_handover_count_name(why));
    return GW_EDENIED;
}

/* Here they are over: what comes back to this node comes with what is known then. */
static void give_up_flows(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    for (const struct gw_client_flow *f = c->flows; f != NULL && c->place != GW_CLIENT_HERE;
         f = f->next)
        h->ops->intent(h->user, &(struct gw_intent){.kind = GW_INTENT_FLOW_DEL,
                                                    .flow = {.service = f->service,
                                                             .flow = f->id,
                                                             .csci_id = f->csci_id,
                                                             .now = h->now.mono}});
    gw_client_drop_flows(c);
}

static int taken(struct gw_client *c, const struct gw_addr *from, uint32_t generation,
                 struct gw_time until)
{
    struct gw_handover *h = c->all;
    bool again =
        c->moved != NULL && gw_addr_eq(&c->moved->to, from) && c->moved->generation == generation;

    if (again) {
        c->moved->until = until;
        return 0;
    }
    if (!gw_offer_fits(c, from, generation))
        return refuse(h, from, GW_HCNT_UNASKED);
    if (!gw_cats_later(generation, c->generation))
        return refuse(h, from, GW_HCNT_STALE);
    int err = gw_moved_set(c, from, &h->cfg->addr, generation, until);
    if (err != 0)
        return err;
    forget_others(c, from);
    give_up_flows(c);
    gw_egresses_free(h, &c->egresses); /* the new ingress tells them */
    c->refresh.ns = 0;
    if (c->place != GW_CLIENT_HERE)
        gw_release_down(c);
    gw_client_record(c);
    return 0;
}

int gw_offer_taken(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_move_in in;
    int err = gw_move_read(h, m, false, &in);

    if (err != 0)
        return err;
    struct gw_client *c = gw_client_get(h, &in.client);
    uint32_t generation = in.move.generation;
    if (m->ba.lifetime != 0)
        err = c != NULL ? taken(c, from, generation,
                                gw_time_add(h->now.mono, GW_SEC(4 * (int64_t)m->ba.lifetime)))
                        : refuse(h, from, GW_HCNT_UNASKED);
    else if (c != NULL && c->moved != NULL && gw_addr_eq(&c->moved->to, from) &&
             c->moved->generation == generation)
        gw_moved_end(c);
    gw_ladder_message(h, &in.client, "indication", from, &h->cfg->addr, 0, err);
    if (err != GW_ENOMEM) /* then it comes again */
        gw_move_ack(h, &in.client, from, m->ba.seq, generation, err);
    if (c != NULL)
        (void)gw_client_done(c);
    return err;
}

/* -- time ---------------------------------------------------------------------------------------
 */

static void not_taken(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    for (struct gw_client_egress *e = c->egresses; e != NULL && c->moved == NULL; e = e->next)
        if (e->told)
            (void)gw_post_move(c, GW_MOVE_END, &e->addr, 0);
    gw_egresses_free(h, &c->egresses);
    gw_client_drop_flows(c);
    c->keep.ns = 0;
    gw_client_record(c);
}

void gw_offers_due(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    for (struct gw_offer *o = c->offers, *next; o != NULL; o = next) {
        next = o->next;
        if (!gw_client_past(c, o->until))
            continue;
        h->count[o->asked ? GW_HCNT_ELSEWHERE : GW_HCNT_UNUSED]++;
        drop(c, o);
    }
    if (c->held_down && gw_client_past(c, c->down_until)) {
        h->count[GW_HCNT_HELD_TOO_LONG]++;
        gw_release_down(c);
    }
    if (c->keep.ns != 0 && gw_client_past(c, c->keep))
        not_taken(c);
}
