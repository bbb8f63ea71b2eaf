/* operation_store.c: a revocation of all that is shared with a peer outlives the process: whoever
 * crashes between the peer's answer and the end of going through the bindings would have bindings
 * that the peer has given up, and nobody to say so. A record is
 *
 *     version 1 | the peer's address | hold, ns (8)
 *
 * under the key 'O' | the peer's address. It is stored before the peer is asked and goes with the
 * operation.
 *
 * Decision of this implementation: an operation is begun anew, with another message to the peer,
 * because how far it had got is not stored. So it may end sessions that began after it was ordered
 * and before the crash, like one that the operator orders again.
 */
#include "fn/lm/operation.h"

#include "base/cursor.h"

#define VERSION 1
#define KEY_LEN 17u
#define AGAIN   GW_SEC(1) /* until there is room for the order */

static void key_of(const struct gw_addr *peer, uint8_t key[static KEY_LEN])
{
    key[0] = 'O';
    memcpy(key + 1, peer->b, sizeof peer->b);
}

void gw_operation_put(const struct gw_operation *op)
{
    struct gw_lm *lm = op->all->lm;
    uint8_t key[KEY_LEN], value[32];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    key_of(&op->peer, key);
    gw_wr_u8(&w, VERSION);
    gw_wr_put(&w, op->peer.b, sizeof op->peer.b);
    gw_wr_u64(&w, (uint64_t)op->hold.ns);
    lm->ops->put(lm->user, key, sizeof key, value, gw_wr_len(&w));
}

void gw_operation_del(const struct gw_operation *op)
{
    const struct gw_operations *os = op->all;
    uint8_t key[KEY_LEN];

    for (size_t i = 0; i < GW_OPERATIONS; i++)
        if (&os->op[i] != op && os->op[i].running && os->op[i].kind == GW_OP_REVOKE_PEER &&
            gw_addr_eq(&os->op[i].peer, &op->peer))
            return; /* it needs the record still */
    key_of(&op->peer, key);
    os->lm->ops->del(os->lm->user, key, sizeof key);
}

/* With the first deadline after the start. */
static void resume(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_operation *op = t->owner;
    struct gw_lm *lm = op->all->lm;
    int err = gw_operation_ask_peer(op);

    if (err == GW_EDENIED) /* another configuration: nothing is shared with it any more */
        gw_operation_settle(op);
    else if (err != 0) /* setting a timer that has just fired needs no memory */
        (void)gw_timer_set(lm->timers, t, gw_time_add(lm->now.mono, AGAIN));
}

int gw_operation_restore(struct gw_operations *os, const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    uint8_t version = gw_rd_u8(&r);
    struct gw_addr peer;

    gw_rd_copy(&r, peer.b, sizeof peer.b);
    uint64_t hold = gw_rd_u64(&r);
    if (version != VERSION)
        return GW_EVERSION;
    if (r.bad || gw_rd_left(&r) != 0 || hold > (uint64_t)GW_SEC(GW_HOLD_MAX_S).ns)
        return GW_EFORMAT;
    struct gw_operation *op = gw_operation_begin(os, GW_OP_REVOKE_PEER);
    if (op == NULL)
        return GW_EFULL;
    op->peer = peer;
    op->hold = (struct gw_time){(int64_t)hold};
    op->walk.timer.fire = resume;
    op->walk.timer.owner = op;
    int err = gw_timer_set(os->lm->timers, &op->walk.timer, os->lm->now.mono);
    if (err != 0)
        gw_operation_cancel(op);
    return err;
}
