/* build_handover.c: handover of clients, of the complete and checked tree. The only error left is
 * memory.
 */
#include "base/text.h"
#include "conf/build.h"

static void build_lists(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_handover *h)
{
    const struct lyd_node *find = gw_conf_child(n, "find");
    const struct lyd_node *server = gw_conf_child(n, "location-servers");
    const struct lyd_node *name = gw_conf_child(n, "neighbours");

    for (; find != NULL; find = gw_conf_next(find))
        h->find |= strcmp(lyd_get_value(find), "plan") == 0 ? GW_FIND_PLAN : GW_FIND_SERVER;
    h->servers = gw_build_get(b, gw_conf_count(server), sizeof *h->servers);
    for (; h->servers != NULL && server != NULL; server = gw_conf_next(server))
        (void)gw_parse_addr(lyd_get_value(server), &h->servers[h->nservers++]); /* validated */
    h->neighbours = gw_build_get(b, gw_conf_count(name), sizeof *h->neighbours);
    for (; h->neighbours != NULL && name != NULL; name = gw_conf_next(name))
        for (size_t i = 0; i < b->c->npeers; i++)
            if (strcmp(b->c->peers[i].name, lyd_get_value(name)) == 0)
                h->neighbours[h->nneighbours++] = b->c->peers[i].addr;
}

static void build_transfer(struct gw_build *b, const struct lyd_node *n, struct gw_cfg_handover *h)
{
    h->transfer.gain = gw_conf_u32(n, "gain");
    h->transfer.again = gw_conf_time(n, "again");
    h->transfer.rest = gw_conf_time(n, "rest");
    h->transfer.most = gw_conf_time(n, "most");
    h->transfer.octets = gw_conf_u32(n, "octets");
    h->transfer.port = (uint16_t)gw_conf_u32(n, "port");
    h->transfer.certificate = gw_build_copy(b, gw_conf_str(n, "certificate"));
    h->transfer.key = gw_build_copy(b, gw_conf_str(n, "key"));
    h->transfer.authority = gw_build_copy(b, gw_conf_str(n, "authority"));
}

static void build_services(struct gw_build *b, const struct lyd_node *n)
{
    for (size_t i = 0; i < b->c->nservices && n != NULL; i++, n = gw_conf_next(n)) {
        const struct lyd_node *h = gw_conf_child(n, "handover");
        struct gw_cfg_service *s = &b->c->services[i]; /* in the same order */
        s->handover.continuity = gw_conf_bool(h, "continuity");
        s->handover.packets = gw_conf_u32(h, "packets");
        s->handover.octets = gw_conf_u32(h, "octets");
        s->handover.most = gw_conf_time(h, "most");
        s->handover.in_order = gw_conf_bool(h, "in-order");
        s->handover.switches = gw_conf_bool(h, "switches");
    }
}

void gw_build_handover(struct gw_build *b, const struct lyd_node *tree)
{
    const struct lyd_node *n = gw_conf_child(tree, "handover");
    struct gw_cfg_handover *h = &b->c->handover;

    h->on = gw_conf_bool(n, "enabled");
    h->tokens = gw_conf_bool(n, "tokens");
    h->placed = gw_conf_child(n, "latitude") != NULL;
    h->latitude = gw_conf_degrees(n, "latitude");
    h->longitude = gw_conf_degrees(n, "longitude");
    h->horizon = gw_conf_time(n, "horizon");
    h->nearest = gw_conf_u32(n, "nearest");
    h->weak_dbm = gw_conf_int(n, "weak-signal");
    h->candidate = gw_conf_time(n, "candidate");
    h->binding = gw_conf_time(n, "binding");
    h->location = gw_conf_time(n, "location");
    h->retries = gw_conf_u32(n, "retries");
    h->clients = gw_conf_u32(n, "clients");
    h->candidates = gw_conf_u32(n, "candidates");
    h->flows = gw_conf_u32(n, "flows");
    h->locations = gw_conf_u32(n, "locations");
    build_lists(b, n, h);
    build_transfer(b, gw_conf_child(n, "transfer"), h);
    build_services(b, gw_conf_child(tree, "services"));
}
