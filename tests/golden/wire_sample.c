/* wire_sample.c: prints every sample message as Godwit writes it, for test_judges.py: a line each
 * of "mh|nd NAME HEX"; mh is a Mobility Header from 2001:db8:f::1 to 2001:db8:f::c, nd a whole
 * packet.
 */
#include <stdio.h>

#include "../unit/wire/mh_tools.h"
#include "wire/auth.h"
#include "wire/nd.h"

static void print(const char *kind, const char *name, const uint8_t *data, int len)
{
    printf("%s %s ", kind, name);
    for (int i = 0; i < len; i++)
        printf("%02x", data[i]);
    printf("\n");
}

static void print_ra(void)
{
    struct gw_nd m = {.type = GW_ND_RA,
                      .src = {{0xfe, 0x80, [13] = 1, [15] = 1}},
                      .dst = {{0xfe, 0x80, [15] = 2}},
                      .hop_limit = 64,
                      .pref = GW_PREF_HIGH,
                      .router_lifetime_s = 1800,
                      .mtu = 1460,
                      .npio = 1,
                      .nrio = 1,
                      .slla = {6, {2, 0, 0x5e, 0, 1, 1}},
                      .has_map = true};
    uint8_t buf[1500];

    m.pio[0] = (struct gw_nd_pio){{{{0x20, 1, 0xd, 0xb8, 0x10}}, 64}, true, true, 7200, 3600};
    m.rio[0] = (struct gw_nd_rio){{{{0x20, 1, 0xd, 0xb8}}, 33}, GW_PREF_LOW, 600};
    m.map = (struct gw_nd_map){3, 7, true, 900, {{0x20, 1, 0xd, 0xb8, [15] = 9}}};
    print("nd", "ra", buf, gw_nd_write(&m, buf, sizeof buf));
}

static void print_na(void)
{
    struct gw_nd m = {.type = GW_ND_NA,
                      .src = {{0xfe, 0x80, [13] = 1, [15] = 1}},
                      .dst = {{0xfe, 0x80, [15] = 2}},
                      .target = {{0xfe, 0x80, [13] = 1, [15] = 1}},
                      .router = true,
                      .override = true,
                      .tlla = {6, {2, 0, 0x5e, 0, 1, 1}}};
    uint8_t buf[1500];

    print("nd", "na", buf, gw_nd_write(&m, buf, sizeof buf));
}

int main(void)
{
    static const struct gw_key key = {256, GW_AUTH_HMAC_SHA256_128, 5, "first"};
    static struct gw_mh m;
    uint8_t buf[GW_MH_MAX];
    const char *name;

    for (size_t i = 0; (name = sample_make(i, &m)) != NULL; i++)
        print("mh", name, buf,
              gw_mh_write(&gw_mh_codec_default, &sample_addrs, &m, buf, sizeof buf));
    (void)sample_make(0, &m);
    print("mh", "signed", buf,
          gw_mh_write_auth(&gw_mh_codec_default, &sample_addrs, &m, &key, buf, sizeof buf));
    print_ra();
    print_na();
    return 0;
}
