/* fuzz_nd.c: any octets as a neighbour discovery packet. The checksum is made right first, for no
 * fuzzer guesses it. What is taken can be written, and reads back to the same octets.
 */
#include <stdlib.h>

#include "wire/nd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void fix_checksum(uint8_t *pkt, size_t size)
{
    struct gw_mh_addrs a;
    size_t payload;

    if (size < 48)
        return;
    payload = (size_t)pkt[4] << 8 | pkt[5];
    if (payload > size - 40)
        return;
    memcpy(a.src.b, pkt + 8, 16);
    memcpy(a.dst.b, pkt + 24, 16);
    pkt[42] = pkt[43] = 0;
    uint16_t sum = gw_ip6_checksum(&a, 58, pkt + 40, payload);
    pkt[42] = (uint8_t)(sum >> 8);
    pkt[43] = (uint8_t)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_nd m, back;
    uint8_t once[2048], twice[2048];
    uint8_t *pkt = malloc(size != 0 ? size : 1);

    demand(pkt != NULL);
    memcpy(pkt, data, size);
    fix_checksum(pkt, size);
    struct gw_parse_result res = gw_nd_parse(pkt, size, &m);
    demand(res.code != GW_PARSE_ERROR && (res.code == GW_PARSE_OK) == (res.why == NULL));
    if (res.code == GW_PARSE_OK) {
        int len = gw_nd_write(&m, once, sizeof once);
        demand(len > 0 && gw_nd_parse(once, (size_t)len, &back).code == GW_PARSE_OK);
        demand(gw_nd_write(&back, twice, sizeof twice) == len);
        demand(memcmp(once, twice, (size_t)len) == 0);
    }
    free(pkt);
    return 0;
}
