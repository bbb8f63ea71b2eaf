/* prng.h: a seeded generator (xoshiro256++). The seed is an argument; nothing here draws entropy.
 */
#ifndef GW_BASE_PRNG_H
#define GW_BASE_PRNG_H

#include <stdint.h>

struct gw_prng {
    uint64_t s[4];
};
void gw_prng_seed(struct gw_prng *p, uint64_t seed);
uint64_t gw_prng_u64(struct gw_prng *p);
uint64_t gw_prng_below(struct gw_prng *p, uint64_t n); /* unbiased, 0 <= r < n; n > 0 */

#endif
