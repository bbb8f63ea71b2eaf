/* transfer_old.c: the old egress of a transaction that is moved: takes it from the instance, and
 * decides whose it is. See transfer.h.
 */
#include "fn/handover/transfer_int.h"

#include "fn/steer/steer.h"

static void tell_both(struct gw_transfer *t)
{
    gw_transfer_tell(t, 0);
    gw_transfer_tell(t, 1);
}

static void decide(struct gw_transfer *t)
{
    const struct gw_addr *me = &t->all->cfg->addr;

    t->state = GW_TRANSFER_DECIDED;
    t->code = GW_TRANSFER_FINE;
    t->moved = t->size;
    gw_transfer_store(t);
    gw_transfer_event(t, me, me, "decided: it is the new instance's", t->size);
    tell_both(t);
    gw_transfer_deadline(t, GW_TRANSFER_KEPT);
    t->all->count[GW_TCNT_GIVEN]++;
    gw_transfer_said(t, "transfer-decided", GW_LOG_INFO);
}

/* It stays with the old instance, which goes on. */
static void give_up(struct gw_transfer *t, enum gw_transfer_code why)
{
    t->state = GW_TRANSFER_UNDOING;
    t->code = (uint8_t)why;
    gw_transfer_store(t);
    gw_transfer_step(t, GW_TRANSFER_KEEP);
    tell_both(t);
    gw_transfer_deadline(t, t->all->cfg->handover.transfer.most);
    t->all->count[GW_TCNT_REFUSED]++;
    gw_transfer_said(t, "transfer-given-up", GW_LOG_NOTICE);
}

static void forget(struct gw_transfer *t)
{
    t->stopped = true;
    gw_transfer_step(t, GW_TRANSFER_FORGET);
    gw_transfer_deadline(t, GW_TRANSFER_KEPT);
}

static void settle(struct gw_transfer *t)
{
    bool heard = t->stopped && t->told[0] && t->told[1];

    if (t->stepped &&
        (t->state == GW_TRANSFER_UNDOING || (t->state == GW_TRANSFER_DECIDED && heard)))
        gw_transfer_over(t);
}

void gw_transfer_old_told(struct gw_transfer *t, unsigned i)
{
    if (t->state == GW_TRANSFER_DECIDED && i == 0 && !t->stopped)
        gw_transfer_deadline(t, t->all->cfg->timers.transit); /* what is on its way still */
    settle(t);
}

/* A decision is said until it is heard. */
void gw_transfer_old_lost(struct gw_transfer *t, unsigned i)
{
    if (t->state != GW_TRANSFER_DECIDED)
        return;
    if (i == 0 && !t->stopped)
        forget(t);
    gw_transfer_tell(t, i);
}

void gw_transfer_old_due(struct gw_transfer *t)
{
    if (t->state == GW_TRANSFER_MOVING) {
        give_up(t, GW_TRANSFER_TIMEOUT);
    } else if (t->state == GW_TRANSFER_UNDOING) {
        gw_transfer_step(t, GW_TRANSFER_KEEP);
        gw_transfer_deadline(t, t->all->cfg->handover.transfer.most);
    } else if (!t->stopped) {
        forget(t);
    } else {
        t->all->count[GW_TCNT_LOST]++;
        gw_transfer_said(t, "transfer-unheard", GW_LOG_WARN);
        gw_transfer_over(t);
    }
}

void gw_transfer_old_resume(struct gw_transfer *t)
{
    if (t->state == GW_TRANSFER_DECIDED) {
        tell_both(t);
        gw_transfer_deadline(t, GW_TRANSFER_KEPT);
        return;
    }
    give_up(t, t->state == GW_TRANSFER_MOVING ? GW_TRANSFER_RESTARTED
                                              : (enum gw_transfer_code)t->code);
}

void gw_transfer_old_progress(struct gw_transfer *t, const struct gw_transfer_progress *p)
{
    if (!p->done)
        return;
    if (p->of == GW_TRANSFER_EXPORT) {
        if (t->state == GW_TRANSFER_MOVING && p->code != GW_TRANSFER_FINE)
            give_up(t, (enum gw_transfer_code)p->code);
        return;
    }
    if (p->of == (t->state == GW_TRANSFER_UNDOING ? GW_TRANSFER_KEEP : GW_TRANSFER_FORGET))
        t->stepped = true;
    settle(t);
}

/* -- what others say ----------------------------------------------------------------------------
 */

/* Of what nothing is kept here. */
static void refuse(struct gw_transfers *x, const struct gw_addr *to,
                   const struct gw_transfer_note *n, enum gw_transfer_code why)
{
    struct gw_transfer_note out = *n;

    out.code = (uint8_t)why;
    gw_transfer_answer(x, GW_CATS_TRANSFER_CONFIRM, to, ++x->metric->seq, &out);
}

static enum gw_transfer_code check(struct gw_transfers *x, const struct gw_transfer_what *w)
{
    const struct gw_cfg_service *s = gw_steer_service(x->cfg, &w->service);

    if (!x->ops->may(x->user, &w->ingress, &w->client))
        return GW_TRANSFER_DENIED;
    if (s == NULL || !gw_addr_eq(&w->from_egress, &x->cfg->addr) ||
        !x->ops->own(x->user, &w->service, &w->from, false))
        return GW_TRANSFER_UNKNOWN;
    if (!s->handover.switches || x->cfg->handover.transfer.port == 0)
        return GW_TRANSFER_NO_EXPORT;
    return x->ops->forwarder(x->user, &w->to_egress) ? GW_TRANSFER_FINE : GW_TRANSFER_UNREACHABLE;
}

static void begin(struct gw_transfers *x, const struct gw_addr *from,
                  const struct gw_transfer_note *n)
{
    enum gw_transfer_code code = check(x, &n->what);
    struct gw_transfer *t = NULL;
    int err = 0;

    if (code == GW_TRANSFER_FINE)
        t = gw_transfer_new(x, GW_TRANSFER_OLD, &n->what, &err);
    if (t == NULL) {
        x->count[code == GW_TRANSFER_DENIED ? GW_TCNT_DENIED : GW_TCNT_REFUSED]++;
        refuse(x, from, n, code != GW_TRANSFER_FINE ? code : GW_TRANSFER_RESOURCES);
        return;
    }
    gw_transfer_store(t);
    gw_transfer_step(t, GW_TRANSFER_EXPORT);
    gw_transfer_deadline(t, x->cfg->handover.transfer.most);
}

/* From a new ingress: it is to be moved, or (with a code) not any more. */
int gw_transfer_requested(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                          const struct gw_transfer_note *n)
{
    struct gw_transfer *t = gw_transfer_get(x, GW_TRANSFER_OLD, &n->what.ingress, n->what.id);

    if (!gw_addr_eq(from, &n->what.ingress)) {
        x->count[GW_TCNT_DENIED]++;
        return GW_EDENIED;
    }
    gw_transfer_answer(x, GW_CATS_TRANSFER_ACK, from, seq, n);
    if (t == NULL && n->code == GW_TRANSFER_FINE)
        begin(x, from, n);
    else if (t == NULL)
        refuse(x, from, n, GW_TRANSFER_UNKNOWN);
    else if (t->state != GW_TRANSFER_MOVING)
        gw_transfer_tell(t, 0);
    else if (n->code != GW_TRANSFER_FINE)
        give_up(t, (enum gw_transfer_code)n->code);
    return 0;
}

/* From a new egress: the new instance holds all of it, or (with a code) never will. */
int gw_transfer_ready(struct gw_transfers *x, const struct gw_addr *from,
                      const struct gw_transfer_note *n)
{
    struct gw_transfer *t = gw_transfer_get(x, GW_TRANSFER_OLD, &n->what.ingress, n->what.id);

    if (t == NULL) {
        refuse(x, from, n, GW_TRANSFER_UNKNOWN);
        return 0;
    }
    if (!gw_addr_eq(from, &t->what.to_egress)) {
        x->count[GW_TCNT_DENIED]++;
        return GW_EDENIED;
    }
    if (t->state != GW_TRANSFER_MOVING) {
        gw_transfer_tell(t, 1);
        return 0;
    }
    if (n->size != 0)
        t->size = n->size;
    if (n->code == GW_TRANSFER_FINE)
        decide(t);
    else
        give_up(t, (enum gw_transfer_code)n->code);
    return 0;
}
