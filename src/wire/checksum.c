/* checksum.c: the Internet checksum over the IPv6 pseudo-header (RFC 8200 §8.1, RFC 1071). Which
 * addresses go in is the caller's decision (RFC 6275 §6.1.1).
 */
#include "wire/mh.h"

/* Adds octets as words of this machine: the sum of 16-bit words is the same in any order of octets
 * but for its own (RFC 1071 §2 B), and 32-bit words are two of them. An odd last octet is the first
 * of a word. 64 bits do not overflow for anything an IPv6 packet holds. */
static uint64_t sum_words(uint64_t sum, const uint8_t *p, size_t len)
{
    uint32_t word = 0;

    for (; len >= sizeof word; len -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        sum += word;
    }
    word = 0;
    memcpy(&word, p, len);
    return sum + word;
}

/* A 16-bit word whose octets are as here as the network has it, and back. */
static uint16_t swap(uint16_t v)
{
    const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    uint16_t r;

    memcpy(&r, b, sizeof r);
    return r;
}

uint16_t gw_ip6_checksum(const struct gw_mh_addrs *addrs, uint8_t proto, const uint8_t *data,
                         size_t len)
{
    uint64_t sum = sum_words(0, addrs->src.b, sizeof addrs->src.b);

    sum = sum_words(sum, addrs->dst.b, sizeof addrs->dst.b);
    sum += swap((uint16_t)(len >> 16));
    sum += swap((uint16_t)len);
    sum += swap(proto);
    sum = sum_words(sum, data, len);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return swap((uint16_t)~sum);
}
