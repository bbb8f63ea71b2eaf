/* ladder.c: the control request `ladder`: what this node has seen of a client's handovers, with all
 * that `godwit ladder` needs to put it beside what others have seen: whose it is, and names for
 * addresses.
 */
#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/json.h"
#include "sys/clock.h"

static bool is_about(const json_t *row, const struct gw_prefix *client)
{
    const char *text = json_string_value(json_object_get(row, "client"));
    struct gw_prefix p;

    return text != NULL && gw_parse_prefix(text, &p) == 0 && gw_prefix_overlaps(&p, client);
}

static json_t *events(struct gwd *d, const struct gw_prefix *client)
{
    json_t *rows = json_array(), *row;
    struct gwd_json j;

    gwd_json_init(&j, rows);
    gw_node_show(d->node, GW_SHOW_LADDER, &j.emit, gw_clock_now());
    for (size_t i = json_array_size(rows); i-- > 0;) {
        row = json_array_get(rows, i);
        if (!is_about(row, client))
            (void)json_array_remove(rows, i);
        else
            (void)json_object_del(row, "client");
    }
    return rows;
}

static json_t *names(const struct gw_config *c)
{
    json_t *all = json_object();
    char text[GW_TEXT_MAX];

    (void)json_object_set_new(all, gw_fmt_addr(&c->addr, text), json_string(c->name));
    for (size_t i = 0; i < c->npeers; i++)
        (void)json_object_set_new(all, gw_fmt_addr(&c->peers[i].addr, text),
                                  json_string(c->peers[i].name));
    return all;
}

json_t *gwd_ladder(struct gwd *d, const json_t *req)
{
    const char *text = json_string_value(json_object_get(req, "client"));
    struct gw_prefix client = {.len = 128};
    char addr[GW_TEXT_MAX];

    if (text == NULL ||
        (gw_parse_addr(text, &client.addr) < 0 && gw_parse_prefix(text, &client) < 0))
        return gwd_answer_error("ladder: \"%s\" is no IPv6 address or prefix of a client",
                                text != NULL ? text : "");
    return gwd_answer_ok(json_pack("{s:s, s:s, s:s, s:o, s:o}", "client", text, "node",
                                   d->conf->name, "address", gw_fmt_addr(&d->conf->addr, addr),
                                   "names", names(d->conf), "events", events(d, &client)));
}
