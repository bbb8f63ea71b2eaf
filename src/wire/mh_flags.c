/* mh_flags.c: the flags of binding updates and acknowledgements in both profiles (RFC 8885 §4.1,
 * §4.2; draft-ietf-dmm-pmipv6-dlif-02 and the CATS mobility draft as they draw them).
 *
 * `registered` has a bit for each flag. `as-drawn` puts D and C on the same bit, which is F in a BU
 * and T in a BA by the registry, and N on T of a BU. There a CATS message is told from a DMM
 * message by the client node address option, which the CATS draft puts into each message of its
 * own; and F, and T where it collides, cannot be said.
 */
#include "wire/mh_int.h"

#define BU_KNOWN 0xfffcu /* all of enum gw_bu_flag */

#define DRAWN_BU_DC 0x0100u
#define DRAWN_BU_N  0x0080u
#define DRAWN_BA_DC 0x10u
/* What both profiles have in the same place. */
#define BU_COMMON (BU_KNOWN & ~(unsigned)(GW_BU_F | GW_BU_T | GW_BU_D | GW_BU_C | GW_BU_N))
#define BA_COMMON (0xffu & ~(unsigned)(GW_BA_T | GW_BA_D | GW_BA_C))

static bool has_client(const struct gw_mh_codec *codec, const struct gw_mh *m)
{
    size_t it = 0;

    return codec->opt_cats_client != 0 && gw_mh_opt(m, codec->opt_cats_client, &it) != NULL;
}

uint16_t gw_mh_bu_flags_in(const struct gw_mh_codec *codec, const struct gw_mh *m, uint16_t wire)
{
    if (codec->profile == GW_PROFILE_REGISTERED)
        return wire & BU_KNOWN;
    bool cats = (wire & DRAWN_BU_DC) != 0 && has_client(codec, m);
    unsigned flags = wire & BU_COMMON;
    if ((wire & DRAWN_BU_DC) != 0)
        flags |= cats ? GW_BU_C : GW_BU_D;
    if ((wire & DRAWN_BU_N) != 0)
        flags |= cats ? GW_BU_N : GW_BU_T;
    return (uint16_t)flags;
}

uint8_t gw_mh_ba_flags_in(const struct gw_mh_codec *codec, const struct gw_mh *m, uint8_t wire)
{
    if (codec->profile == GW_PROFILE_REGISTERED)
        return wire;
    unsigned flags = wire & BA_COMMON;
    if ((wire & DRAWN_BA_DC) != 0)
        flags |= has_client(codec, m) ? GW_BA_C : GW_BA_D;
    return (uint8_t)flags;
}

/* What gw_mh_bu_flags_in would not read back as it is, is refused. */
int gw_mh_bu_flags_out(const struct gw_mh_codec *codec, const struct gw_mh *m)
{
    unsigned flags = m->bu.flags, wire = flags & BU_COMMON;

    if ((flags & ~BU_KNOWN) != 0)
        return GW_EINVAL;
    if (codec->profile == GW_PROFILE_REGISTERED)
        return (int)flags;
    if ((flags & (GW_BU_D | GW_BU_C)) != 0)
        wire |= DRAWN_BU_DC;
    if ((flags & (GW_BU_T | GW_BU_N)) != 0)
        wire |= DRAWN_BU_N;
    return gw_mh_bu_flags_in(codec, m, (uint16_t)wire) == flags ? (int)wire : GW_EINVAL;
}

int gw_mh_ba_flags_out(const struct gw_mh_codec *codec, const struct gw_mh *m)
{
    unsigned flags = m->ba.flags, wire = flags & BA_COMMON;

    if (codec->profile == GW_PROFILE_REGISTERED)
        return (int)flags;
    if ((flags & (GW_BA_D | GW_BA_C)) != 0)
        wire |= DRAWN_BA_DC;
    return gw_mh_ba_flags_in(codec, m, (uint8_t)wire) == flags ? (int)wire : GW_EINVAL;
}
