/* ladder.c: what has happened in handovers at this node, for people: the last GW_LADDER messages
 * and steps. `godwit ladder` puts those of several nodes together.
 */
#include "core.h"

void gw_ladder_init(struct gw_handover *h)
{
    h->ladder.event = gw_new(h->al, GW_LADDER * sizeof *h->ladder.event);
}

void gw_ladder_free(struct gw_handover *h)
{
    gw_free(h->al, h->ladder.event, GW_LADDER * sizeof *h->ladder.event);
    h->ladder.event = NULL;
}

void gw_ladder_message(struct gw_handover *h, const struct gw_prefix *client, const char *what,
                       const struct gw_addr *from, const struct gw_addr *to, uint32_t count,
                       int err)
{
    if (h->ladder.event == NULL)
        return;
    h->ladder.event[h->ladder.n++ % GW_LADDER] = (struct gw_handover_event){.at = h->now.mono,
                                                                            .client = *client,
                                                                            .from = *from,
                                                                            .to = *to,
                                                                            .what = what,
                                                                            .count = count,
                                                                            .err = err};
}

void gw_ladder_step(struct gw_handover *h, const struct gw_prefix *client, const char *what,
                    uint32_t count, int err)
{
    gw_ladder_message(h, client, what, &h->cfg->addr, &h->cfg->addr, count, err);
}

void gw_handover_event(struct gw_handover *h, const struct gw_addr *client, const char *what,
                       const struct gw_addr *from, const struct gw_addr *to, uint32_t count,
                       int err)
{
    struct gw_prefix p = gw_client_prefix(client);

    gw_ladder_message(h, &p, what, from, to, count, err);
}

static void show(const struct gw_handover *h, const struct gw_handover_event *x, struct gw_emit *e)
{
    int64_t ago = h->now.mono.ns - x->at.ns;

    gw_emit_obj(e, NULL);
    gw_emit_num(e, "at_us", (h->now.wall_ns - ago) / 1000);
    gw_emit_prefix(e, "client", &x->client);
    gw_emit_addr(e, "from", &x->from);
    gw_emit_addr(e, "to", &x->to);
    gw_emit_str(e, "what", x->what);
    gw_emit_num(e, "count", x->count);
    gw_emit_str(e, "result", x->err == 0 ? "ok" : gw_err_text(x->err));
    gw_emit_obj_end(e);
}

void gw_handover_show_ladder(const struct gw_handover *h, struct gw_emit *e)
{
    uint64_t first = h->ladder.n > GW_LADDER ? h->ladder.n - GW_LADDER : 0;

    for (uint64_t i = first; h->ladder.event != NULL && i < h->ladder.n; i++)
        show(h, &h->ladder.event[i % GW_LADDER], e);
}
