/* mh_tools.h: samples of every Mobility Header message, random ones, and comparison; shared by the
 * unit tests, the golden tests and the fuzzers.
 */
#ifndef GW_TEST_MH_TOOLS_H
#define GW_TEST_MH_TOOLS_H

#include "base/prng.h"
#include "wire/mh.h"

/* 2001:db8:f::1 to 2001:db8:f::c */
extern const struct gw_mh_addrs sample_addrs;

/* The i-th sample and its name; NULL behind the last. Every message type is there, and every option
 * in a PBU and a PBA. Registered profile. */
const char *sample_make(size_t i, struct gw_mh *m);

/* Appends one option of each type the codec knows, and an unknown one. */
void sample_all_options(struct gw_mh *m);

/* Octets that views of random messages point into. */
struct random_pool {
    uint8_t octets[256];
};
/* Any message the codec can say, with at most `most` options. */
void random_mh(struct gw_prng *p, const struct gw_mh_codec *codec, struct random_pool *pool,
               size_t most, struct gw_mh *m);

/* Equal in everything but offsets. */
bool mh_equal(const struct gw_mh_codec *codec, const struct gw_mh *a, const struct gw_mh *b);

#endif
