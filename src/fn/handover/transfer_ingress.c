/* transfer_ingress.c: the new ingress of a client has a transaction moved: it asks the old egress
 * and tells the new one to expect it; when either says that it is done, the flows are switched.
 * Until then, and when it comes to nothing, everything stays as it is.
 *
 * Decisions of this implementation:
 * - Whatever goes wrong here (nobody answers, it takes too long, the client has gone, the new
 * egress cannot) only calls it off: the old egress, which may have decided meanwhile, has the last
 * word, and is asked for it until it answers.
 */
#include "fn/handover/transfer_int.h"

int gw_transfers_begin(struct gw_transfers *x, struct gw_transfer_what *w, bool force)
{
    int err;

    if (w->nflows == 0 || w->nflows > GW_TRANSFER_FLOWS || gw_addr_eq(&w->from, &w->to) ||
        !x->ops->forwarder(x->user, &w->from_egress) || !x->ops->forwarder(x->user, &w->to_egress))
        return GW_EINVAL;
    if (!force && !gw_transfers_rested(x, &w->client, &w->service)) {
        x->count[GW_TCNT_TOO_SOON]++;
        return GW_EEXIST;
    }
    w->ingress = x->cfg->addr;
    w->id = ++x->last_id;
    struct gw_transfer *t = gw_transfer_new(x, GW_TRANSFER_INGRESS, w, &err);
    if (t == NULL)
        return err;
    x->count[GW_TCNT_BEGUN]++;
    gw_transfer_store(t);
    gw_transfer_tell(t, 0);
    gw_transfer_tell(t, 1);
    gw_transfer_deadline(t, x->cfg->handover.transfer.most);
    gw_transfer_said(t, "transfer-begun", GW_LOG_INFO);
    return 0;
}

static void finish(struct gw_transfer *t, uint8_t code)
{
    struct gw_transfers *x = t->all;

    t->code = code;
    gw_post_stop(&t->post[0]);
    gw_post_stop(&t->post[1]);
    x->count[code == GW_TRANSFER_FINE ? GW_TCNT_SWITCHED : GW_TCNT_FAILED]++;
    gw_transfer_over(t);
    gw_transfer_said(t, code == GW_TRANSFER_FINE ? "transfer-switched" : "transfer-failed",
                     code == GW_TRANSFER_FINE ? GW_LOG_INFO : GW_LOG_NOTICE);
}

static void win(struct gw_transfer *t)
{
    const struct gw_addr *me = &t->all->cfg->addr;

    t->all->ops->switched(t->all->user, &t->what);
    gw_transfer_event(t, me, me, "flows switched", (uint32_t)t->what.nflows);
    finish(t, GW_TRANSFER_FINE);
}

static void call_off(struct gw_transfer *t, enum gw_transfer_code why)
{
    const struct gw_addr *me = &t->all->cfg->addr;

    if (t->state != GW_TRANSFER_MOVING || t->code != GW_TRANSFER_FINE)
        return;
    t->code = (uint8_t)why;
    gw_transfer_event(t, me, me, "called off", 0);
    gw_transfer_store(t);
    gw_post_stop(&t->post[1]);
    gw_transfer_tell(t, 0);
    gw_transfer_deadline(t, GW_TRANSFER_KEPT);
}

void gw_transfers_left(struct gw_transfers *x, const struct gw_addr *client)
{
    for (size_t i = 0; i < x->cfg->nservices; i++) {
        struct gw_transfer *t = gw_transfer_of(x, client, &x->cfg->services[i].key);
        if (t != NULL)
            call_off(t, GW_TRANSFER_ENDED);
    }
}

void gw_transfer_ingress_lost(struct gw_transfer *t, unsigned i)
{
    if (t->state != GW_TRANSFER_MOVING)
        return;
    if (t->code == GW_TRANSFER_FINE)
        call_off(t, GW_TRANSFER_UNREACHABLE);
    else if (i == 0)
        gw_transfer_tell(t, 0);
}

void gw_transfer_ingress_due(struct gw_transfer *t)
{
    if (t->code == GW_TRANSFER_FINE) {
        call_off(t, GW_TRANSFER_TIMEOUT);
        return;
    }
    t->all->count[GW_TCNT_LOST]++;
    finish(t, t->code);
}

void gw_transfer_ingress_resume(struct gw_transfer *t)
{
    gw_transfer_tell(t, 0);
    if (t->code == GW_TRANSFER_FINE)
        gw_transfer_tell(t, 1);
    gw_transfer_deadline(t, t->code == GW_TRANSFER_FINE ? t->all->cfg->handover.transfer.most
                                                        : GW_TRANSFER_KEPT);
}

/* The one that it concerns; NULL: *err is 0, it is over, or GW_EDENIED. */
static struct gw_transfer *find(struct gw_transfers *x, const struct gw_transfer_note *n,
                                const struct gw_addr *from, bool old, int *err)
{
    struct gw_transfer *t = gw_transfer_get(x, GW_TRANSFER_INGRESS, &n->what.ingress, n->what.id);

    *err = 0;
    if (t == NULL)
        return NULL;
    if (!gw_addr_eq(from, old ? &t->what.from_egress : &t->what.to_egress)) {
        x->count[GW_TCNT_DENIED]++;
        *err = GW_EDENIED;
        return NULL;
    }
    t->size = n->size != 0 ? n->size : t->size;
    t->moved = n->moved != 0 ? n->moved : t->moved;
    return t->state == GW_TRANSFER_MOVING ? t : NULL;
}

int gw_transfer_confirmed(struct gw_transfers *x, const struct gw_addr *from,
                          const struct gw_transfer_note *n)
{
    int err;
    struct gw_transfer *t = find(x, n, from, true, &err);

    if (t != NULL && n->code == GW_TRANSFER_FINE)
        win(t);
    else if (t != NULL)
        finish(t, t->code != GW_TRANSFER_FINE ? t->code : n->code); /* the first reason */
    return err;
}

int gw_transfer_done(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                     const struct gw_transfer_note *n)
{
    int err;
    struct gw_transfer *t = find(x, n, from, false, &err);

    if (err != 0)
        return err;
    if (t != NULL && n->code == GW_TRANSFER_FINE)
        win(t);
    else if (t != NULL)
        call_off(t, (enum gw_transfer_code)n->code);
    gw_transfer_answer(x, GW_CATS_TRANSFER_ACK, from, seq, n);
    return 0;
}
