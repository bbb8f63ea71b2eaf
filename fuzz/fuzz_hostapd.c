/* fuzz_hostapd.c: any octets as a datagram of hostapd. A view that is handed out lies within it,
 * and a station is only ever a unicast EUI-48.
 */
#include <stdlib.h>

#include "wire/hostapd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_lladdr sta = {0};
    struct gw_hostapd_sta answer = {0};

    if (gw_hostapd_parse(data, size, &sta) > GW_HOSTAPD_OTHER)
        demand(sta.len == 6 && (sta.b[0] & 1) == 0);
    int err = gw_hostapd_parse_sta(data, size, &answer);
    demand(err == 0 || err == GW_ENOENT || err == GW_EFORMAT);
    if (err == 0) {
        const struct gw_mnid *n = &answer.nai;
        demand(answer.lladdr.len == 6 && (answer.lladdr.b[0] & 1) == 0);
        demand(n->len == 0 || (n->id >= data && n->id + n->len <= data + size));
    }
    (void)gw_hostapd_says(data, size, "PONG");
    return 0;
}
