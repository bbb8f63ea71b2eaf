/* checksum.c: the Internet checksum over the IPv6 pseudo-header (RFC 8200 §8.1, RFC 1071). Which
 * addresses go in is the caller's decision (RFC 6275 §6.1.1).
 */
#include "wire/mh.h"

/* Adds octets as big-endian 16-bit words; an odd last octet is the high half of a word. 64 bits do
 * not overflow for anything an IPv6 packet holds. */
static uint64_t sum_words(uint64_t sum, const uint8_t *p, size_t len)
{
    for (; len >= 2; len -= 2, p += 2)
        sum += (uint64_t)p[0] << 8 | p[1];
    if (len == 1)
        sum += (uint64_t)p[0] << 8;
    return sum;
}

uint16_t gw_ip6_checksum(const struct gw_mh_addrs *addrs, uint8_t proto, const uint8_t *data,
                         size_t len)
{
    uint64_t sum = sum_words(0, addrs->src.b, sizeof addrs->src.b);

    sum = sum_words(sum, addrs->dst.b, sizeof addrs->dst.b);
    sum += (uint64_t)len + proto;
    sum = sum_words(sum, data, len);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}
