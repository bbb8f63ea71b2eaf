/* fuzz_ip6.c: any octets as an IPv6 packet that may hold a Mobility Header. What is found lies in
 * the packet, and goes through the parser with the addresses found.
 */
#include <stdlib.h>

#include "wire/ip6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gw_mh m;
    struct gw_mh_addrs addrs;
    const uint8_t *mh;
    size_t len;

    if (gw_ip6_find_mh(data, size, &addrs, &mh, &len) != 0)
        return 0;
    if (mh < data + 40 || len > size || mh + len > data + size)
        abort();
    (void)gw_mh_parse(&gw_mh_codec_default, &addrs, mh, len, &m);
    (void)gw_mh_parse(&gw_mh_codec_default, NULL, mh, len, &m);
    return 0;
}
