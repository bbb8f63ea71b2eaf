/* fuzz_mh.c: any octets as a Mobility Header. What the parser takes, the writer writes, and the
 * parser reads back as the same message; writing that once more gives the same octets. So do the
 * items of CATS, as far as they are known. The first
 * octet chooses the profile and whether the checksum is made right before parsing.
 */
#include <stdlib.h>

#include "../tests/unit/wire/mh_tools.h"
#include "wire/auth.h"
#include "wire/cats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gw_mh_codec codecs[] = {
    {GW_PROFILE_REGISTERED, GW_OPT_CATS_CLIENT, GW_OPT_CATS_ADDR},
    {GW_PROFILE_AS_DRAWN, GW_OPT_CATS_CLIENT, GW_OPT_CATS_ADDR},
    {GW_PROFILE_AS_DRAWN, 0, 0},
    {GW_PROFILE_REGISTERED, 210, 211},
};

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void round_trip(const struct gw_mh_codec *codec, const struct gw_mh *m, size_t size)
{
    static struct gw_mh back;
    uint8_t once[GW_MH_MAX], twice[GW_MH_MAX];
    int len = gw_mh_write(codec, &sample_addrs, m, once, sizeof once);

    /* Aligning what was not aligned may make a long message longer than any. */
    if (len == GW_EINVAL) {
        demand(size + 7u * (m->nopts + 1u) > GW_MH_MAX);
        return;
    }
    demand(len > 0 && len % 8 == 0);
    demand(gw_mh_parse(codec, &sample_addrs, once, (size_t)len, &back).code == GW_PARSE_OK);
    demand(mh_equal(codec, m, &back));
    demand(gw_mh_write(codec, &sample_addrs, &back, twice, sizeof twice) == len);
    demand(memcmp(once, twice, (size_t)len) == 0);
}

static void items(const struct gw_mh *m)
{
    static struct gw_mh once, twice;
    static struct gw_cats_buf a, b;
    struct gw_cats_item item;
    size_t it = 0;

    gw_cats_begin(&once, &a, GW_CATS_UPDATE, 0, 1);
    gw_cats_begin(&twice, &b, GW_CATS_UPDATE, 0, 1);
    while (gw_cats_next(m, &it, &item) == 1 && gw_cats_add(&once, &a, &item) == 0) {
        size_t last = once.nopts - 1u;
        demand(gw_cats_next(&once, &last, &item) == 1);
        demand(gw_cats_add(&twice, &b, &item) == 0);
    }
    demand(once.nopts == twice.nopts && a.used == b.used);
    for (size_t i = 0; i < once.nopts; i++)
        demand(once.opt[i].raw.len == twice.opt[i].raw.len &&
               memcmp(once.opt[i].raw.data, twice.opt[i].raw.data, once.opt[i].raw.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gw_key key = {256, GW_AUTH_HMAC_SHA256_128, 5, "first"};
    static struct gw_mh m;

    if (size < 1)
        return 0;
    const struct gw_mh_codec *codec = &codecs[data[0] & 3];
    const struct gw_mh_addrs *addrs = (data[0] & 4) != 0 ? &sample_addrs : NULL;
    data++;
    size--;
    struct gw_parse_result res = gw_mh_parse(codec, addrs, data, size, &m);
    demand((res.code == GW_PARSE_OK) == (res.why == NULL));
    demand(res.offset <= size);
    if (res.code != GW_PARSE_OK)
        return 0;
    demand(gw_mh_check_auth(&sample_addrs, &m, data, size, &key, 1) <= 0);
    round_trip(codec, &m, size);
    items(&m);
    return 0;
}
