/* transfer_new.c: the new egress of a transaction that is moved: expects it, has the instance hold
 * it, and lets it go on when the old egress has decided. See transfer.h.
 */
#include "fn/handover/transfer_int.h"

#include "fn/steer/steer.h"

static void undo(struct gw_transfer *t, enum gw_transfer_code why)
{
    t->state = GW_TRANSFER_UNDOING;
    t->code = (uint8_t)why;
    gw_transfer_store(t);
    gw_transfer_step(t, GW_TRANSFER_DISCARD);
    gw_transfer_deadline(t, t->all->cfg->handover.transfer.most);
    t->all->count[GW_TCNT_REFUSED]++;
    gw_transfer_said(t, "transfer-discarded", GW_LOG_NOTICE);
}

/* It will not be: the old egress is told why. */
static void fail(struct gw_transfer *t, enum gw_transfer_code why)
{
    undo(t, why);
    gw_transfer_tell(t, 0);
}

static void hold(struct gw_transfer *t)
{
    t->state = GW_TRANSFER_READY;
    gw_transfer_store(t);
    gw_transfer_tell(t, 0);
    gw_transfer_deadline(t, GW_TRANSFER_KEPT);
}

static void go_on(struct gw_transfer *t)
{
    t->state = GW_TRANSFER_DECIDED;
    gw_transfer_store(t);
    gw_transfer_step(t, GW_TRANSFER_RESUME);
    gw_transfer_deadline(t, GW_TRANSFER_KEPT);
}

/* Whatever came of it: it is nobody else's any more. */
static void resumed(struct gw_transfer *t, uint8_t code)
{
    t->stepped = true;
    t->code = code;
    gw_transfer_tell(t, 1);
    t->all->count[code == GW_TRANSFER_FINE ? GW_TCNT_TAKEN : GW_TCNT_FAILED]++;
    gw_transfer_said(t, code == GW_TRANSFER_FINE ? "transfer-taken" : "transfer-not-resumed",
                     code == GW_TRANSFER_FINE ? GW_LOG_INFO : GW_LOG_ERROR);
}

void gw_transfer_new_told(struct gw_transfer *t, unsigned i)
{
    if (i == 1 && t->state == GW_TRANSFER_DECIDED && t->stepped)
        gw_transfer_over(t);
}

void gw_transfer_new_lost(struct gw_transfer *t, unsigned i)
{
    if ((i == 0 && t->state == GW_TRANSFER_READY) || (i == 1 && t->state == GW_TRANSFER_DECIDED))
        gw_transfer_tell(t, i);
}

void gw_transfer_new_due(struct gw_transfer *t)
{
    switch (t->state) {
    case GW_TRANSFER_MOVING:
        fail(t, GW_TRANSFER_TIMEOUT);
        break;
    case GW_TRANSFER_READY:
        t->all->count[GW_TCNT_LOST]++;
        undo(t, GW_TRANSFER_TIMEOUT);
        break;
    case GW_TRANSFER_DECIDED:
        t->all->count[GW_TCNT_LOST]++;
        gw_transfer_over(t);
        break;
    case GW_TRANSFER_UNDOING:
        gw_transfer_step(t, GW_TRANSFER_DISCARD);
        gw_transfer_deadline(t, t->all->cfg->handover.transfer.most);
        break;
    case GW_TRANSFER_OVER:
        break;
    }
}

static void permit(struct gw_transfer *t)
{
    const struct gw_cfg_handover *h = &t->all->cfg->handover;

    t->all->ops->permit(
        t->all->user, &t->what,
        gw_time_add(t->all->metric->now, gw_time_add(h->binding, h->transfer.most)));
}

static void expect(struct gw_transfer *t)
{
    struct gw_time most = t->all->cfg->handover.transfer.most;

    permit(t);
    gw_transfer_step(t, GW_TRANSFER_EXPECT);
    gw_transfer_deadline(t, gw_time_add(most, most)); /* the old egress gives up before that */
}

void gw_transfer_new_resume(struct gw_transfer *t)
{
    switch (t->state) {
    case GW_TRANSFER_MOVING:
        expect(t);
        break;
    case GW_TRANSFER_READY:
        permit(t);
        hold(t);
        break;
    case GW_TRANSFER_DECIDED:
        permit(t);
        go_on(t);
        break;
    case GW_TRANSFER_UNDOING:
        undo(t, (enum gw_transfer_code)t->code);
        break;
    case GW_TRANSFER_OVER:
        break;
    }
}

void gw_transfer_new_progress(struct gw_transfer *t, const struct gw_transfer_progress *p)
{
    if (!p->done)
        return;
    if (p->of == GW_TRANSFER_EXPECT && t->state == GW_TRANSFER_MOVING) {
        if (p->code == GW_TRANSFER_FINE)
            hold(t);
        else
            fail(t, (enum gw_transfer_code)p->code);
    } else if (p->of == GW_TRANSFER_RESUME && t->state == GW_TRANSFER_DECIDED && !t->stepped) {
        resumed(t, p->code);
    } else if (p->of == GW_TRANSFER_DISCARD && t->state == GW_TRANSFER_UNDOING) {
        gw_transfer_over(t);
    }
}

/* -- what others say ----------------------------------------------------------------------------
 */

static enum gw_transfer_code check(struct gw_transfers *x, const struct gw_transfer_what *w)
{
    if (gw_steer_service(x->cfg, &w->service) == NULL ||
        !gw_addr_eq(&w->to_egress, &x->cfg->addr) ||
        !x->ops->own(x->user, &w->service, &w->to, true))
        return GW_TRANSFER_UNKNOWN;
    if (x->cfg->handover.transfer.port == 0)
        return GW_TRANSFER_NO_IMPORT;
    return x->ops->forwarder(x->user, &w->from_egress) ? GW_TRANSFER_FINE : GW_TRANSFER_UNREACHABLE;
}

static void begin(struct gw_transfers *x, const struct gw_addr *from,
                  const struct gw_transfer_note *n)
{
    enum gw_transfer_code code = check(x, &n->what);
    struct gw_transfer_note out = *n;
    struct gw_transfer *t = NULL;
    int err = 0;

    if (code == GW_TRANSFER_FINE)
        t = gw_transfer_new(x, GW_TRANSFER_NEW, &n->what, &err);
    if (t == NULL) {
        x->count[GW_TCNT_REFUSED]++;
        out.code = (uint8_t)(code != GW_TRANSFER_FINE ? code : GW_TRANSFER_RESOURCES);
        gw_transfer_answer(x, GW_CATS_TRANSFER_DONE, from, ++x->metric->seq, &out);
        return;
    }
    gw_transfer_store(t);
    expect(t);
}

/* From a new ingress. */
int gw_transfer_noticed(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                        const struct gw_transfer_note *n)
{
    if (!gw_addr_eq(from, &n->what.ingress)) {
        x->count[GW_TCNT_DENIED]++;
        return GW_EDENIED;
    }
    gw_transfer_answer(x, GW_CATS_TRANSFER_ACK, from, seq, n);
    if (gw_transfer_get(x, GW_TRANSFER_NEW, from, n->what.id) == NULL)
        begin(x, from, n);
    return 0;
}

/* The old egress says whose it is. */
int gw_transfer_decided(struct gw_transfers *x, const struct gw_addr *from,
                        const struct gw_transfer_note *n)
{
    struct gw_transfer *t = gw_transfer_get(x, GW_TRANSFER_NEW, &n->what.ingress, n->what.id);
    bool fine = n->code == GW_TRANSFER_FINE;

    if (t == NULL)
        return 0;
    if (!gw_addr_eq(from, &t->what.from_egress) || (t->state == GW_TRANSFER_MOVING && fine)) {
        x->count[GW_TCNT_DENIED]++;
        return GW_EDENIED;
    }
    gw_post_stop(&t->post[0]);
    if (fine && t->state == GW_TRANSFER_READY)
        go_on(t);
    else if (!fine && (t->state == GW_TRANSFER_READY || t->state == GW_TRANSFER_MOVING))
        undo(t, (enum gw_transfer_code)n->code);
    return 0;
}
