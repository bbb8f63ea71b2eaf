/* prng.c: xoshiro256++ 1.0 (Blackman and Vigna), its state filled from one seed by splitmix64.
 * Good for jitter and for reproducible tests, not for secrets.
 */
#include "base/prng.h"

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void gw_prng_seed(struct gw_prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        p->s[i] = splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t gw_prng_u64(struct gw_prng *p)
{
    uint64_t *s = p->s;
    uint64_t result = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Draws below 2^64 mod n are thrown away, so that what is left is a multiple of n long. */
uint64_t gw_prng_below(struct gw_prng *p, uint64_t n)
{
    uint64_t skip = (0 - n) % n, r;

    do {
        r = gw_prng_u64(p);
    } while (r < skip);
    return r % n;
}
