/* auth.h: the Mobility Message Authentication option (RFC 4285 §5, option 9) as Godwit uses it
 * between its nodes: subtype 1, SPI, MAC over source address | destination address | MH up to and
 * including the SPI, checksum field zero (doc/protocol.md). Always the last option. Pure: no key
 * files, no clock.
 */
#ifndef GW_WIRE_AUTH_H
#define GW_WIRE_AUTH_H

#include "wire/mh.h"

enum gw_auth_alg {
    GW_AUTH_HMAC_SHA256_128, /* default: HMAC-SHA-256 truncated to 128 bits (RFC 4868 style) */
    GW_AUTH_HMAC_SHA1_96,    /* RFC 4285 §5.1 */
};
struct gw_key {
    uint32_t spi;
    enum gw_auth_alg alg;
    uint8_t len;
    uint8_t secret[64];
};

/* A key at work: what hashing it has come to, from the first message on. Zeroed but for `key`. */
struct gw_mac {
    const struct gw_key *key;
    bool ready;
    uint32_t inner[8], outer[8]; /* a hash's state behind the key's block (RFC 2104 §4) */
};
void gw_mac_end(struct gw_mac *mac); /* wipes it; it may be used again */

/* Like gw_mh_write, with the option appended and computed. */
int gw_mac_write(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                 const struct gw_mh *m, struct gw_mac *mac, uint8_t *buf, size_t size);

/* 0, or GW_EAUTH when the option is missing, not last, of an unknown SPI, or wrong. macs: those
 * live for the peer (two during a rollover). Constant-time comparison. */
int gw_mac_check(const struct gw_mh_addrs *addrs, const struct gw_mh *m, const uint8_t *data,
                 size_t len, struct gw_mac *macs, size_t nmacs);

/* A MAC of its own over other octets, at most GW_MH_MAX, as of a message whose addresses they begin
 * with: they must begin with what is no address of a node. Behind a shorter MAC are zeros. 0;
 * GW_EINVAL. */
#define GW_MAC_OCTETS 16
int gw_mac_octets(struct gw_mac *mac, const uint8_t *data, size_t len,
                  uint8_t out[static GW_MAC_OCTETS]);

/* gw_mac_write and gw_mac_check for one message. */
int gw_mh_write_auth(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                     const struct gw_mh *m, const struct gw_key *key, uint8_t *buf, size_t size);
int gw_mh_check_auth(const struct gw_mh_addrs *addrs, const struct gw_mh *m, const uint8_t *data,
                     size_t len, const struct gw_key *keys, size_t nkeys);

#endif
