/* hash.c: SipHash-1-3 (Aumasson and Bernstein) of octets under a 64-bit seed, so that a peer who
 * chooses keys cannot choose collisions. The tables that use it are table.c's business.
 */
#include "base/table.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline __attribute__((always_inline)) void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline __attribute__((always_inline)) void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    s->v0 ^= m;
}

uint64_t gw_hash(const void *data, size_t len, uint64_t seed)
{
    const uint8_t *p = data;
    uint64_t k1 = seed ^ 0x9e3779b97f4a7c15u, word, last = (uint64_t)len << 56;
    struct sip s = {seed ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
                    seed ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};

    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&word, p, 8);
        sip_word(&s, word);
    }
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)p[i] << (8 * i);
    sip_word(&s, last);
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
