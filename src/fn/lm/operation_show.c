/* operation_show.c: what `godwit show operations` and `godwit show revoked` show. */
#include "fn/lm/operation.h"

const char *gw_operation_name(enum gw_operation_kind k)
{
    static const char *const names[] = {"revoke", "revoke-peer", "notify", "notify-peer",
                                        "revoked-by-peer"};
    return names[k];
}

static const char *end_name(const struct gw_operation_peer *p)
{
    static const char *const names[] = {"answered", "no answer", "not supported", "overtaken"};

    return p->done + p->failed == 0 ? "waiting" : names[p->end];
}

static void show_peer(const struct gw_operations *os, const struct gw_operation *op,
                      const struct gw_operation_peer *p, struct gw_emit *e)
{
    const struct gw_cfg_peer *cfg = os->lm->ops->peer(os->lm->user, &p->addr);
    bool notify = op->kind == GW_OP_NOTIFY_NODE || op->kind == GW_OP_NOTIFY_PEER;
    bool answered = p->done + p->failed != 0 && p->end == GW_ORDER_ANSWERED;

    gw_emit_obj(e, NULL);
    gw_emit_str(e, "peer", cfg != NULL ? cfg->name : "");
    gw_emit_addr(e, "address", &p->addr);
    gw_emit_num(e, "asked", p->asked);
    gw_emit_num(e, "done", p->done);
    gw_emit_num(e, "failed", p->failed);
    gw_emit_str(e, "answer", end_name(p));
    if (answered) {
        gw_emit_num(e, "status", p->status);
        gw_emit_str(e, "meaning",
                    notify ? gw_mh_upa_status_name(p->status) : gw_mh_bra_status_name(p->status));
    }
    gw_emit_obj_end(e);
}

static void show_one(const struct gw_operations *os, const struct gw_operation *op,
                     struct gw_emit *e, struct gw_time now)
{
    struct gw_mnid mn = {.subtype = op->mn_subtype, .len = op->mn_len, .id = op->mn};
    const struct gw_cfg_peer *peer = os->lm->ops->peer(os->lm->user, &op->peer);
    struct gw_time end = op->running ? now : op->ended;

    gw_emit_obj(e, NULL);
    gw_emit_num(e, "number", (int64_t)op->number);
    gw_emit_str(e, "what", gw_operation_name(op->kind));
    if (mn.len != 0)
        gw_emit_mnid(e, "mn", &mn);
    if (!gw_addr_is_zero(&op->peer))
        gw_emit_str(e, "of", peer != NULL ? peer->name : "");
    gw_emit_str(e, "state", op->running ? "running" : op->refused ? "refused" : "done");
    gw_emit_num(e, "took_ms", (end.ns - op->began.ns) / 1000000);
    gw_emit_num(e, "bindings", op->nodes);
    gw_emit_num(e, "asked", op->asked);
    gw_emit_num(e, "done", op->done);
    gw_emit_num(e, "failed", op->failed);
    gw_emit_arr(e, "peers");
    for (size_t i = 0; i < op->npeers; i++)
        show_peer(os, op, &op->peers[i], e);
    gw_emit_arr_end(e);
    gw_emit_obj_end(e);
}

void gw_operations_show(const struct gw_operations *os, struct gw_emit *e, struct gw_time now)
{
    uint64_t first = os->last > GW_OPERATIONS ? os->last - GW_OPERATIONS + 1 : 1;

    for (uint64_t n = first; n <= os->last; n++) {
        const struct gw_operation *op = &os->op[n % GW_OPERATIONS];
        if (op->number == n)
            show_one(os, op, e, now);
    }
}

void gw_holds_show(const struct gw_holds *hs, struct gw_emit *e, int64_t wall_ns)
{
    const struct gw_hold *h;

    for (size_t i = 0; (h = gw_table_next(&hs->by_mnid, &i)) != NULL;) {
        gw_emit_obj(e, NULL);
        gw_emit_mnid(e, "mn", &h->mnid);
        gw_emit_num(e, "left_ms", (h->until_wall_ns - wall_ns) / 1000000);
        gw_emit_obj_end(e);
    }
}
