/* egress.c: behind whom a client has moved, at an egress of its flows and at its old ingress: what
 * an indication makes. Results go there in a tunnel, past the prefix's anchor.
 *
 * Decisions of this implementation:
 * - fn/lm's own word about the prefix counts while it has one (an anchor that is an egress too);
 *   when it has none any more, this one is said.
 * - An indication counts when it is of a later generation, and the ingress that the client is
 *   behind, or the one before that, has made its token. Nobody can name itself as the old ingress:
 *   to take a client needs another's consent.
 * - The marker goes the old way before the new one is set: behind all that was sent before, ahead
 * of nothing.
 */
#include "core.h"

#include "base/text.h"

void gw_moved_say(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (c->moved == NULL || c->moved->said || c->place != GW_CLIENT_NOWHERE)
        return;
    struct gw_intent i = {.kind = GW_INTENT_PREFIX_SET};
    i.prefix.prefix = c->prefix;
    i.prefix.kind = GW_PFX_MOVED;
    i.prefix.peer = c->moved->to;
    h->ops->intent(h->user, &i);
    c->moved->said = true;
}

int gw_moved_set(struct gw_client *c, const struct gw_addr *to, const struct gw_addr *old,
                 uint32_t generation, struct gw_time until)
{
    struct gw_handover *h = c->all;

    if (c->moved == NULL)
        c->moved = gw_new(h->al, sizeof *c->moved);
    if (c->moved == NULL) {
        h->count[GW_HCNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    *c->moved = (struct gw_moved){.to = *to, .old = *old, .generation = generation, .until = until};
    c->generation = generation;
    h->count[GW_HCNT_BOUND]++;
    gw_moved_say(c);
    gw_client_record(c);
    return 0;
}

void gw_moved_end(struct gw_client *c)
{
    struct gw_handover *h = c->all;

    if (c->moved == NULL)
        return;
    if (c->moved->said) {
        struct gw_intent i = {.kind = GW_INTENT_PREFIX_DEL};
        i.prefix.prefix = c->prefix;
        h->ops->intent(h->user, &i);
    }
    gw_free(h->al, c->moved, sizeof *c->moved);
    c->moved = NULL;
    h->count[GW_HCNT_UNBOUND]++;
    gw_client_record(c);
}

void gw_moved_due(struct gw_client *c)
{
    if (c->moved == NULL || !gw_client_past(c, c->moved->until))
        return;
    c->all->count[GW_HCNT_EXPIRED]++;
    gw_ladder_step(c->all, &c->prefix, "binding expired", 0, 0);
    gw_moved_end(c);
}

/* -- indications --------------------------------------------------------------------------------
 */

static bool permitted(const struct gw_client *c, const struct gw_addr *from)
{
    return c->permitted_until.ns != 0 && !gw_client_past(c, c->permitted_until) &&
           gw_addr_eq(&c->permitted, from);
}

/* `old` has had it, as far as is known here. */
static bool had_it(const struct gw_client *c, const struct gw_addr *old)
{
    return c->moved == NULL || gw_addr_eq(&c->moved->to, old) || gw_addr_eq(&c->moved->old, old);
}

static bool believed(const struct gw_client *c, const struct gw_addr *from,
                     const struct gw_move_in *in, const struct gw_mh *m)
{
    struct gw_handover *h = c->all;
    struct gw_cats_item item;

    if (permitted(c, from))
        return true;
    if (gw_addr_eq(&in->address, from) || !had_it(c, &in->address))
        return false;
    if (gw_addr_eq(&in->address, &h->cfg->addr))
        return gw_offer_fits(c, from, in->move.generation);
    if (!h->ops->peer(h->user, &in->address))
        return false;
    if (!h->cfg->handover.tokens)
        return true;
    const struct gw_cats_token *t = gw_move_token(m, &h->cfg->addr, &item);
    return t != NULL &&
           gw_token_check(h, &c->prefix, from, &in->address, in->move.generation, t) == 0;
}

static int refuse(const struct gw_client *c, const struct gw_addr *from, enum gw_handover_count why)
{
    struct gw_handover *h = c->all;
    char text[2][GW_TEXT_MAX];

    h->count[why]++;
    gw_log(h->log, GW_LOG_WARN, GW_CAT_SIGNAL, "indication-refused",
           "%s says that %s has moved behind it, which is refused: %s", gw_fmt_addr(from, text[0]),
           gw_fmt_prefix(&c->prefix, text[1]), gw_handover_count_name(why));
    return GW_EDENIED;
}

static void mark(const struct gw_client *c, uint32_t generation)
{
    struct gw_handover *h = c->all;
    struct gw_intent i = {.kind = GW_INTENT_MARK,
                          .mark = {.prefix = c->prefix, .generation = generation}};

    h->ops->intent(h->user, &i);
    gw_ladder_step(h, &c->prefix, "marked", 0, 0);
}

static bool is_current(const struct gw_client *c, const struct gw_addr *from, uint32_t generation)
{
    return c->moved != NULL && gw_addr_eq(&c->moved->to, from) &&
           c->moved->generation == generation;
}

static int bind(struct gw_client *c, const struct gw_addr *from, const struct gw_move_in *in,
                const struct gw_mh *m)
{
    uint32_t generation = in->move.generation;
    struct gw_time until = gw_time_add(c->all->now.mono, GW_SEC(4 * (int64_t)m->ba.lifetime));

    if (is_current(c, from, generation)) {
        c->moved->until = until;
        gw_client_record(c);
        return 0;
    }
    if (c->moved != NULL && !gw_cats_later(generation, c->moved->generation))
        return refuse(c, from, GW_HCNT_STALE);
    if (!believed(c, from, in, m))
        return refuse(c, from, GW_HCNT_TOKEN);
    if ((in->move.flags & GW_CATS_MOVE_MARKS) != 0)
        mark(c, generation);
    return gw_moved_set(c, from, &in->address, generation, until);
}

int gw_egress_indicated(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m)
{
    struct gw_move_in in;
    int err = gw_move_read(h, m, false, &in);

    if (err != 0)
        return err;
    bool ends = m->ba.lifetime == 0;
    struct gw_client *c = ends ? gw_client_get(h, &in.client) : gw_client_make(h, &in.client);
    if (!ends)
        err = c != NULL ? bind(c, from, &in, m) : GW_EFULL;
    else if (c != NULL && is_current(c, from, in.move.generation))
        gw_moved_end(c);
    gw_ladder_message(h, &in.client, ends ? "indication (end)" : "indication (egress)", from,
                      &h->cfg->addr, 0, err);
    if (err == 0 || err == GW_EDENIED) /* else it comes again */
        gw_move_ack(h, &in.client, from, m->ba.seq, in.move.generation, err);
    if (c != NULL)
        (void)gw_client_done(c);
    return err;
}

int gw_handover_permit(struct gw_handover *h, const struct gw_addr *client,
                       const struct gw_addr *ingress, struct gw_time until)
{
    struct gw_prefix p = gw_client_prefix(client);
    struct gw_client *c = gw_client_make(h, &p);

    if (c == NULL)
        return GW_ENOMEM;
    c->permitted = *ingress;
    c->permitted_until = until;
    (void)gw_client_done(c);
    return 0;
}
