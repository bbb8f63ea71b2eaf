/* gone.c: after the last mobile node has left and lifetimes have passed nothing is kept anywhere:
 * no entry, prefix, exchange, order, record, or prefix in a packet path.
 */
#include "sim.h"

/* Of the prefixes that stations have had: those that a packet path still knows. */
static size_t path_keeps(const struct sim *s, const struct sim_node *n)
{
    size_t left = 0;

    for (size_t i = 0; i < s->nstations; i++)
        for (size_t k = 0; k < s->station[i].naddr; k++)
            left += gw_native_prefix(n->plane, &s->station[i].addr[k].prefix) != NULL;
    return left;
}

static size_t records(const struct sim_node *n)
{
    static const char kinds[] = {'M', 'C', 'L', 'G', 'H', 'O'};
    size_t left = 0;

    for (size_t i = 0; i < sizeof kinds; i++)
        left += sim_disk_count(n->disk, (uint8_t)kinds[i]);
    return left;
}

static void check_cmd(struct sim *s, const struct sim_node *n)
{
    const struct gw_binding *b;
    size_t left = 0;

    for (size_t k = 0; (b = gw_table_next(&n->node->cmd.bs.by_mnid, &k)) != NULL;)
        left += b->anchors != NULL; /* without any it is remembered as ended for a moment */
    if (left > 0)
        sim_fail(s, "all-gone", "everybody has left, the CMD %s keeps %zu bindings", n->name, left);
}

static void check_tables(struct sim *s, const struct sim_node *n)
{
    const struct {
        const char *what;
        size_t left;
    } list[] = {
        {"entries of its MAAR", gw_table_count(&n->node->maar.bs.by_mnid)},
        {"stations of its MAAR", gw_table_count(&n->node->maar.by_station)},
        {"prefixes", gw_pools_count(&n->node->maar.pools)},
        {"sessions", gw_table_count(&n->node->lma.bs.by_mnid)},
        {"entries of its MAG", gw_table_count(&n->node->mag.bs.by_mnid)},
        {"stations of its MAG", gw_table_count(&n->node->mag.by_station)},
        {"stations in neighbour discovery", gw_table_count(&n->node->access.stations)},
        {"orders", gw_table_count(&n->node->operations.orders.by_seq)},
        {"revoked nodes", gw_table_count(&n->node->operations.holds.by_mnid)},
        {"waits for the packet path", gw_table_count(&n->node->lm.awaits)},
        {"messages waiting for an answer", n->node->lm.pending},
        {"prefixes in its packet path", path_keeps(s, n)},
        {"records", records(n)},
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].left > 0)
            sim_fail(s, "all-gone", "everybody has left, %s keeps %zu %s", n->name, list[i].left,
                     list[i].what);
}

void sim_gone(struct sim *s)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        check_cmd(s, &s->node[i]);
        check_tables(s, &s->node[i]);
    }
}
