/* lma_plane.c: a session's prefixes in the packet path, and the acknowledgement that waits for it:
 * what a PBA says is true when it leaves (as a previous MAAR's is, maar_prev.c).
 */
#include "fn/lm/lma.h"
#include "fn/lm/order.h"
#include "fn/route/route.h"

void gw_lma_unowe(struct gw_lma_session *s)
{
    gw_free(s->lma->lm->al, s->owed, sizeof *s->owed);
    s->owed = NULL;
}

int gw_lma_owe(struct gw_lma_session *s, const struct gw_lma_request *q)
{
    struct gw_lm *lm = s->lma->lm;

    if (s->owed == NULL)
        s->owed = gw_new(lm->al, sizeof *s->owed);
    if (s->owed == NULL) {
        lm->count[GW_CNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    *s->owed = *q;
    s->owed->id = s->b.mnid;
    return 0;
}

static void answer(struct gw_lma_session *s)
{
    struct gw_lm *lm = s->lma->lm;

    s->acknowledged = true;
    (void)gw_lma_accept(s->lma, s->owed, s, s->b.lifetime);
    gw_lma_unowe(s);
    gw_handover_step(gw_handovers_get(&lm->handovers, s->row), GW_HO_PBA_SENT, lm->now.mono);
    gw_lma_tell_left(s);
}

/* A session that nobody has been told of is none; any other keeps what it has, and the next PBU
 * tries again. */
static void refuse(struct gw_lma_session *s)
{
    (void)gw_lma_refuse(s->lma, s->owed, GW_ST_NO_RESOURCES, GW_CNT_REFUSED_RESOURCES);
    if (s->acknowledged)
        gw_lma_unowe(s);
    else
        gw_lma_undo(s);
}

static void done(void *owner, int result)
{
    struct gw_lma_session *s = owner;
    struct gw_lm *lm = s->lma->lm;

    s->programmed = result == 0;
    if (result == 0)
        gw_handover_step(gw_handovers_get(&lm->handovers, s->row), GW_HO_PLANE_PROGRAMMED,
                         lm->now.mono);
    if (s->owed == NULL)
        return;
    if (result == 0)
        answer(s);
    else
        refuse(s);
}

void gw_lma_program(struct gw_lma_session *s)
{
    struct gw_lm *lm = s->lma->lm;

    s->programmed = false;
    gw_route_move(lm, &s->b, gw_await(&s->plane, lm, done, s));
}

void gw_lma_settle(struct gw_lma_session *s, bool changed)
{
    gw_orders_overtaken(s->lma->lm->orders, &s->b.mnid);
    if (changed || (!s->programmed && s->plane.tag == 0))
        gw_lma_program(s);
    else if (s->programmed)
        answer(s);
}

void gw_lma_unprogram(struct gw_lma_session *s)
{
    gw_await_stop(&s->plane, s->lma->lm);
    s->programmed = false;
    for (struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next)
        gw_route_drop_prefix(s->lma->lm, &a->prefix, 0);
}
