/* dlif.c: the DLIF addresses of an anchor that configures none (RFC 8885 §4; for an LMA, what every
 * MAG looks like, RFC 5213 §6.9.3). Declared in node/config.h, with the configuration they default.
 */
#include "node/config.h"

/* FNV-1a: every node of a domain and every version must derive the same, so the hash is written
 * down here instead of being the seeded one of src/base. */
static uint64_t fnv1a(const uint8_t *data, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ data[i]) * 0x100000001b3u;
    return h ^ h >> 40;
}

void gw_dlif_default(const struct gw_addr *node, struct gw_addr *ll, struct gw_lladdr *mac)
{
    uint64_t h = fnv1a(node->b, sizeof node->b);

    *mac = (struct gw_lladdr){.len = 6, .b = {0x02}}; /* locally administered, unicast */
    for (size_t i = 1; i < 6; i++)
        mac->b[i] = (uint8_t)(h >> (40 - 8 * i));

    /* Modified EUI-64: the universal/local bit is inverted (RFC 4291 §2.5.1). */
    *ll = (struct gw_addr){{0xfe, 0x80}};
    memcpy(ll->b + 8, mac->b, 3);
    ll->b[8] ^= 0x02;
    ll->b[11] = 0xff;
    ll->b[12] = 0xfe;
    memcpy(ll->b + 13, mac->b + 3, 3);
}
