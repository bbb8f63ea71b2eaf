/* query.c: asks everybody on an access link to show himself. A node that has lost what it knew of
 * its stations learns of one by its next frame; a station that only listens may not send any for
 * minutes. A General Query of MLD (RFC 3810) is what every IPv6 host answers: its report is that
 * frame, whatever is in it.
 */
#include "fn/access/access.h"
#include "wire/mld.h"

/* Answers are spread over this, so that many stations do not come all at once. */
#define WITHIN_MS 1000

void gw_access_query(struct gw_access *a, uint32_t iface, const struct gw_addr *link_local,
                     const struct gw_lladdr *lladdr)
{
    static const struct gw_lladdr all_nodes = {6, {0x33, 0x33, 0, 0, 0, 1}};
    uint8_t buf[GW_MLD_QUERY_LEN];

    gw_mld_write_query(link_local, WITHIN_MS, buf);
    a->env.send(a->env.user, iface, lladdr, &all_nodes, buf, sizeof buf);
    a->count.queries_sent++;
}

/* Whoever was sent away is told to have no router; nothing but this makes it say a word again. In a
 * frame to itself (RFC 6085), so that nobody else is asked. */
void gw_access_ask_again(struct gw_access *a, const struct gw_station_key *key,
                         const struct gw_addr *link_local, const struct gw_lladdr *lladdr)
{
    uint8_t buf[GW_MLD_QUERY_LEN];

    if (key->lladdr.len == 0)
        return;
    gw_mld_write_query(link_local, WITHIN_MS, buf);
    a->env.send(a->env.user, key->iface, lladdr, &key->lladdr, buf, sizeof buf);
    a->count.queries_sent++;
}
