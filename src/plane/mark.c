/* mark.c: see mark.h. */
#include "plane/mark.h"

#include <arpa/inet.h>
#include <string.h>

#include "plane/hold_tables.h"
#include "plane/serve_entries.h"

enum { HEADER = 40, OPTIONS = 16, HOP_LIMIT = 64, PROTO_IP6 = 41, PROTO_DSTOPTS = 60, PADN = 1 };

struct gw_mark_path gw_mark_path(const struct gw_intent_mark *in, const struct gw_t_prefix *x)
{
    switch (in->way) {
    case GW_MARK_ROUTED:
        return (struct gw_mark_path){.here = false};
    case GW_MARK_TUNNEL:
        return (struct gw_mark_path){.tunnel = true, .to = in->to};
    case GW_MARK_AS_TABLES:
        break;
    }
    if (x != NULL && x->kind == GW_PFX_MOVED)
        return (struct gw_mark_path){.tunnel = true, .to = gw_entry_addr_of(&x->peer)};
    return (struct gw_mark_path){.here = x != NULL};
}

static uint8_t *put_header(uint8_t *at, const struct gw_addr *src, const struct gw_addr *dst,
                           uint8_t next, size_t len)
{
    memset(at, 0, HEADER);
    at[0] = 0x60;
    at[5] = (uint8_t)len;
    at[6] = next;
    at[7] = HOP_LIMIT;
    memcpy(at + 8, src->b, sizeof src->b);
    memcpy(at + 24, dst->b, sizeof dst->b);
    return at + HEADER;
}

size_t gw_mark_packet(const struct gw_intent_mark *in, const struct gw_addr *self,
                      const struct gw_mark_path *path, uint8_t buf[static GW_MARK_MAX])
{
    const uint32_t words[] = {htonl(GW_MARKER_HEAD), htonl(GW_MARKER_KIND), htonl(in->generation)};
    struct gw_prefix client = gw_prefix_mask(in->prefix.addr, 64);
    uint8_t *at = buf;

    if (path->tunnel)
        at = put_header(at, self, &path->to, PROTO_IP6, HEADER + OPTIONS);
    at = put_header(at, self, &client.addr, PROTO_DSTOPTS, OPTIONS);
    memcpy(at, words, sizeof words);
    memcpy(at + sizeof words, (const uint8_t[]){PADN, 2, 0, 0}, OPTIONS - sizeof words);
    return (size_t)(at + OPTIONS - buf);
}
