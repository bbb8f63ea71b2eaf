/* lma_revoke.c: sessions that an operator, or the MAG that has them, revokes (RFC 5846 §8). A
 * session that is being revoked carries no traffic any more and stays until the MAG has
 * acknowledged, or will not.
 */
#include "fn/lm/lma.h"
#include "fn/lm/order.h"

void gw_lma_revoke(struct gw_lma_session *s)
{
    const struct gw_cfg_revocation *r = &s->lma->lm->cfg->revocation;
    struct gw_time most = {r->max_delay.ns * ((int64_t)r->max_retries + 2)};

    s->revoked = true;
    gw_lma_retire(s, most, false);
}

/* What the MAG answers changes nothing; when it is not told, it learns when it extends. */
void gw_lma_tell_left(struct gw_lma_session *s)
{
    struct gw_lm *lm = s->lma->lm;
    struct gw_prefix p[GW_LMA_PREFIXES_MAX];
    struct gw_order_ask ask = {.kind = GW_ORDER_REVOKE,
                               .as = GW_ROLE_LMA,
                               .to = s->left.mag,
                               .session = true,
                               .trigger = s->left.trigger,
                               .mn = &s->b.mnid,
                               .p = p,
                               .timestamp = s->left.attached};
    const struct gw_cfg_peer *mag = lm->ops->peer(lm->user, &s->left.mag);

    s->left = (struct gw_lma_left){0};
    if (mag == NULL || (mag->roles & GW_ROLE_MAG) == 0)
        return;
    for (const struct gw_anchor *a = s->b.anchors; a != NULL; a = a->next)
        p[ask.np++] = a->prefix;
    (void)gw_orders_give(lm->orders, &ask);
}

/* A MAG that does not answer goes on advertising the prefixes to their node, until its lifetime is
 * over: nobody else may have them. */
static struct gw_time left(const struct gw_lma_session *s, bool gone)
{
    struct gw_time now = s->lma->lm->now.mono;

    return gone || gw_time_before(s->lapses, now) ? (struct gw_time){0}
                                                  : gw_time_sub(s->lapses, now);
}

void gw_lma_revoked(struct gw_lma *l, const struct gw_mnid *mn, const struct gw_addr *mag,
                    bool gone)
{
    for (struct gw_binding *b = gw_binding_get(&l->bs, mn); b != NULL; b = b->next) {
        struct gw_lma_session *s = gw_lma_session(b);
        if (s->revoked && gw_addr_eq(&b->serving, mag))
            (void)gw_lma_arm(s, left(s, gone)); /* moving a timer needs no memory */
    }
}

bool gw_lma_expel(struct gw_binding *first, const struct gw_addr *mag, uint32_t newest, bool gone)
{
    bool any = false;

    for (struct gw_binding *b = first; b != NULL; b = b->next) {
        struct gw_lma_session *s = gw_lma_session(b);
        if (s->leaving || !gw_addr_eq(&b->serving, mag) || gw_binding_since(b, newest))
            continue;
        s->revoked = !gone && s->wait == NULL; /* else another MAG takes it over */
        gw_lma_retire(s, (struct gw_time){0}, true);
        (void)gw_lma_arm(s, left(s, !s->revoked)); /* moving a timer needs no memory */
        any = true;
    }
    return any;
}

/* Sessions are taken as a whole: a prefix of one ends it. */
uint8_t gw_lma_revoked_by(struct gw_lma *l, const struct gw_addr *mag, struct gw_revocation *r)
{
    bool any = false;

    gw_revocation_note_missing(r, &l->bs);
    for (struct gw_binding *b = gw_binding_get(&l->bs, r->mn); b != NULL; b = b->next) {
        struct gw_lma_session *s = gw_lma_session(b);
        if (s->leaving || !gw_addr_eq(&b->serving, mag) || !gw_revocation_touches(r, b))
            continue;
        gw_lma_retire(s, (struct gw_time){0}, true);
        any = true;
    }
    return gw_revocation_status(r, any);
}
