/* cmd_revoke.c: sessions that an operator of the CMD revokes (RFC 5846 §8.1, with the MAARs in the
 * MAG's place): of one mobile node, or of all that a MAAR serves or anchors. What a MAAR does not
 * acknowledge is released at it like any prefix that nobody needs any more (cmd_anchor.c).
 */
#include "fn/lm/cmd.h"

bool gw_cmd_has_session(const struct gw_cmd_mn *mn)
{
    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        if (a->state != GW_ANCHOR_RELEASING)
            return true;
    return false;
}

static void let_go(struct gw_cmd_mn *mn)
{
    gw_cmd_round_close(mn);
    mn->revoked = true;
    mn->b.serving = (struct gw_addr){0};
    mn->b.seq++;
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next) {
        if (a->state == GW_ANCHOR_RELEASING)
            continue;
        gw_exchange_stop(&a->ex);
        a->state = GW_ANCHOR_RELEASING;
    }
    gw_cmd_arm(mn);
    gw_cmd_put(mn);
}

void gw_cmd_revoke(struct gw_cmd_mn *mn)
{
    mn->cmd->lm->count[GW_CNT_REVOKED]++;
    let_go(mn);
}

void gw_cmd_revoked(struct gw_cmd *c, const struct gw_mnid *id, const struct gw_addr *maar,
                    bool gone)
{
    struct gw_binding *b = gw_binding_get(&c->bs, id);
    bool any = false;

    if (b == NULL)
        return;
    for (struct gw_anchor *a = b->anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (a->state != GW_ANCHOR_RELEASING || a->ex.pending || !gw_addr_eq(&a->maar, maar))
            continue;
        any = true;
        if (gone)
            gw_anchor_del(&c->bs, a);
        else
            gw_cmd_tell(gw_cmd_mn(b), a);
    }
    if (any)
        gw_cmd_settle(gw_cmd_mn(b));
}

/* The serving MAAR's session; the others are told to let go, and it too unless it has. */
static void end_served(struct gw_cmd_mn *mn, bool gone)
{
    mn->cmd->lm->count[GW_CNT_REVOKED]++;
    if (gone) {
        mn->revoked = true;
        gw_cmd_end(mn);
        return;
    }
    let_go(mn);
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        gw_cmd_tell(mn, a);
}

enum gw_cmd_expelled gw_cmd_expel(struct gw_cmd_mn *mn, const struct gw_addr *maar, bool gone,
                                  struct gw_time since, struct gw_prefix *lost)
{
    struct gw_anchor *a = gw_anchor_of(&mn->b, maar);

    if (gw_addr_eq(&mn->b.serving, maar)) {
        end_served(mn, gone);
        return GW_CMD_ENDED;
    }
    if (a == NULL)
        return GW_CMD_UNTOUCHED;
    bool waited = a->state == GW_ANCHOR_UPDATING;
    *lost = a->prefix;
    gw_exchange_stop(&a->ex);
    a->state = GW_ANCHOR_RELEASING;
    mn->b.seq++;
    bool none = gone && !gw_exchange_sent(&a->ex, since); /* else a notice made it one once more */
    if (none)
        gw_anchor_del(&mn->cmd->bs, a);
    gw_cmd_settle(mn); /* the node is served: its binding stays */
    if (!none)
        gw_cmd_tell(mn, a);
    if (waited)
        gw_cmd_round_gathered(mn, false);
    return GW_CMD_LOST_ONE;
}
