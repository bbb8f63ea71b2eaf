/* show.c: what `godwit show clients` and `godwit show expected` show: rows of names and values, in
 * no particular order.
 */
#include "core.h"

static const char *place_name(const struct gw_client *c)
{
    switch (c->place) {
    case GW_CLIENT_HERE:
        return "here";
    case GW_CLIENT_ELSEWHERE:
        return "elsewhere";
    case GW_CLIENT_NOWHERE:
        break;
    }
    return c->moved != NULL ? "moved" : "gone";
}

static const char *taking_name(enum gw_takeover t)
{
    switch (t) {
    case GW_TAKEOVER_NONE:
        return "none";
    case GW_TAKEOVER_ASKING:
        return "asking";
    case GW_TAKEOVER_TELLING:
        return "telling";
    }
    return "?";
}

static void ms_left(const struct gw_handover *h, struct gw_emit *e, const char *key,
                    struct gw_time until)
{
    gw_emit_num(e, key, gw_time_sub(until, h->now.mono).ns / 1000000);
}

static void show_flow(const struct gw_client *c, const struct gw_client_flow *f, struct gw_emit *e)
{
    const struct gw_cfg_service *s = gw_client_service(c->all, &f->service);

    gw_emit_obj(e, NULL);
    if (s != NULL)
        gw_emit_str(e, "service", s->name);
    gw_emit_addr(e, "source", &f->id.src);
    gw_emit_num(e, "protocol", f->id.proto);
    gw_emit_num(e, "source_port", f->id.sport);
    gw_emit_num(e, "port", f->id.dport);
    gw_emit_addr(e, "csci_id", &f->csci_id);
    gw_emit_addr(e, "egress", &f->egress);
    ms_left(c->all, e, "left_ms", f->until);
    gw_emit_obj_end(e);
}

static void show_here(const struct gw_client *c, struct gw_emit *e)
{
    gw_emit_lladdr(e, "station", &c->station.lladdr);
    gw_emit_str(e, "handover", taking_name(c->taking));
    if (!gw_addr_is_zero(&c->last))
        gw_emit_addr(e, "from", &c->last);
    gw_emit_arr(e, "egresses");
    for (const struct gw_client_egress *x = c->egresses; x != NULL; x = x->next) {
        gw_emit_obj(e, NULL);
        gw_emit_addr(e, "address", &x->addr);
        gw_emit_bool(e, "told", x->told);
        gw_emit_bool(e, "refused", x->refused);
        gw_emit_bool(e, "waits_for_marker", x->waits);
        gw_emit_obj_end(e);
    }
    gw_emit_arr_end(e);
}

static void show_client(const struct gw_client *c, struct gw_emit *e)
{
    gw_emit_obj(e, NULL);
    gw_emit_prefix(e, "client", &c->prefix);
    gw_emit_str(e, "place", place_name(c));
    gw_emit_num(e, "generation", c->generation);
    if (c->place == GW_CLIENT_HERE)
        show_here(c, e);
    if (c->moved != NULL) {
        gw_emit_addr(e, "behind", &c->moved->to);
        gw_emit_addr(e, "before", &c->moved->old);
        ms_left(c->all, e, "left_ms", c->moved->until);
        gw_emit_bool(e, "in_force", c->moved->said);
    }
    gw_emit_arr(e, "offered_to");
    for (const struct gw_offer *o = c->offers; o != NULL; o = o->next)
        gw_emit_addr(e, NULL, &o->to);
    gw_emit_arr_end(e);
    gw_emit_arr(e, "flows");
    for (const struct gw_client_flow *f = c->flows; f != NULL; f = f->next)
        show_flow(c, f, e);
    gw_emit_arr_end(e);
    gw_emit_obj_end(e);
}

void gw_handover_show_clients(const struct gw_handover *h, struct gw_emit *e)
{
    const struct gw_client *c;

    for (size_t i = 0; (c = gw_table_next(&h->clients, &i)) != NULL;)
        if (c->flows != NULL || c->moved != NULL || c->egresses != NULL || c->offers != NULL)
            show_client(c, e);
}

static void show_expected(const struct gw_client *c, const struct gw_expected *x, struct gw_emit *e)
{
    int64_t n = 0;

    for (const struct gw_client_flow *f = x->flows; f != NULL; f = f->next)
        n++;
    gw_emit_obj(e, NULL);
    gw_emit_prefix(e, "client", &c->prefix);
    gw_emit_addr(e, "from", &x->from);
    gw_emit_num(e, "generation", x->generation);
    gw_emit_num(e, "flows", n);
    ms_left(c->all, e, "left_ms", x->until);
    gw_emit_obj_end(e);
}

void gw_handover_show_expected(const struct gw_handover *h, struct gw_emit *e)
{
    const struct gw_client *c;

    for (size_t i = 0; (c = gw_table_next(&h->clients, &i)) != NULL;)
        for (const struct gw_expected *x = c->expected; x != NULL; x = x->next)
            show_expected(c, x, e);
}
