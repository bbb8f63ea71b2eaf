/* auth.c: computing and checking the Mobility Message Authentication option (RFC 4285 §5) with
 * libcrypto's hashes; HMAC (RFC 2104) is made of them here, because what is kept of a key is then
 * two hash states of 32 octets, and nothing is allocated for a message: doc/decisions.md. Keys come
 * from the configuration, and replay (Mesg-ID) is src/fn's business.
 *
 * The option is written where its row says (4n+1); what pads the message behind it is outside the
 * MAC, as the RFC has it, and carries nothing: a reader takes only pads there.
 */
#include "wire/auth.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* a hash's state as a plain value */
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "wire/mh_int.h"

#define AUTH_MN_HA   1u /* subtype, RFC 4285 §5.1 */
#define AUTH_SPI_END 7u /* from the option's start to behind its SPI */
#define MAC_MAX      16u

static size_t mac_len(enum gw_auth_alg alg)
{
    switch (alg) {
    case GW_AUTH_HMAC_SHA256_128:
        return 16;
    case GW_AUTH_HMAC_SHA1_96:
        return 12;
    }
    return 0;
}

/* -- hashes: either of them, behind one block ---------------------------------------------------
 */

#define BLOCK    64u /* octets, of both */
#define HASH_MAX SHA256_DIGEST_LENGTH

static void hash_block(enum gw_auth_alg alg, const uint8_t block[static BLOCK], uint32_t state[8])
{
    SHA256_CTX s256;
    SHA_CTX s1;

    switch (alg) {
    case GW_AUTH_HMAC_SHA256_128:
        (void)SHA256_Init(&s256);
        (void)SHA256_Update(&s256, block, BLOCK);
        memcpy(state, s256.h, sizeof s256.h);
        return;
    case GW_AUTH_HMAC_SHA1_96:
        (void)SHA1_Init(&s1);
        (void)SHA1_Update(&s1, block, BLOCK);
        memcpy(state, (const uint32_t[5]){s1.h0, s1.h1, s1.h2, s1.h3, s1.h4}, 20);
        return;
    }
}

static size_t sha256_on(const uint32_t state[8], const uint8_t *data, size_t len, uint8_t *out)
{
    SHA256_CTX x;

    (void)SHA256_Init(&x);
    memcpy(x.h, state, sizeof x.h);
    x.Nl = 8 * BLOCK;
    (void)SHA256_Update(&x, data, len);
    (void)SHA256_Final(out, &x);
    return SHA256_DIGEST_LENGTH;
}

static size_t sha1_on(const uint32_t state[8], const uint8_t *data, size_t len, uint8_t *out)
{
    SHA_CTX x;

    (void)SHA1_Init(&x);
    x.h0 = state[0];
    x.h1 = state[1];
    x.h2 = state[2];
    x.h3 = state[3];
    x.h4 = state[4];
    x.Nl = 8 * BLOCK;
    (void)SHA1_Update(&x, data, len);
    (void)SHA1_Final(out, &x);
    return SHA_DIGEST_LENGTH;
}

/* The hash of the block of this state and of data behind it. */
static size_t hash_on(enum gw_auth_alg alg, const uint32_t state[8], const uint8_t *data,
                      size_t len, uint8_t out[static HASH_MAX])
{
    switch (alg) {
    case GW_AUTH_HMAC_SHA256_128:
        return sha256_on(state, data, len, out);
    case GW_AUTH_HMAC_SHA1_96:
        return sha1_on(state, data, len, out);
    }
    return 0;
}

/* -- keys ---------------------------------------------------------------------------------------
 */

static void hash_key(const struct gw_key *key, uint8_t with, uint32_t state[8])
{
    uint8_t block[BLOCK] = {0};

    memcpy(block, key->secret, key->len);
    for (size_t i = 0; i < BLOCK; i++)
        block[i] ^= with;
    hash_block(key->alg, block, state);
    OPENSSL_cleanse(block, sizeof block);
}

static bool make_ready(struct gw_mac *mac)
{
    _Static_assert(sizeof mac->key->secret <= BLOCK, "a key is not hashed to become shorter");
    if (mac->key->len > sizeof mac->key->secret || mac_len(mac->key->alg) == 0)
        return false;
    if (!mac->ready) {
        hash_key(mac->key, 0x36, mac->inner);
        hash_key(mac->key, 0x5c, mac->outer);
        mac->ready = true;
    }
    return true;
}

void gw_mac_end(struct gw_mac *mac)
{
    OPENSSL_cleanse(mac->inner, sizeof mac->inner);
    OPENSSL_cleanse(mac->outer, sizeof mac->outer);
    mac->ready = false;
}

/* The MAC over addresses and the first `covered` octets of the header. */
static bool compute(const struct gw_mh_addrs *addrs, const uint8_t *data, size_t covered,
                    struct gw_mac *mac, uint8_t out[static HASH_MAX])
{
    uint8_t text[32 + GW_MH_MAX];

    if (covered > GW_MH_MAX || !make_ready(mac))
        return false;
    memcpy(text, addrs->src.b, 16);
    memcpy(text + 16, addrs->dst.b, 16);
    memcpy(text + 32, data, covered);
    memset(text + 32 + GW_MH_CHECKSUM_AT, 0, 2);
    size_t n = hash_on(mac->key->alg, mac->inner, text, 32 + covered, out);
    (void)hash_on(mac->key->alg, mac->outer, out, n, out);
    return true;
}

int gw_mac_write(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                 const struct gw_mh *m, struct gw_mac *mac, uint8_t *buf, size_t size)
{
    static const uint8_t blank[MAC_MAX];
    uint8_t made[HASH_MAX];
    struct gw_wr w = gw_wr_make(buf, size < GW_MH_MAX ? size : GW_MH_MAX);
    struct gw_opt o = {.type = GW_OPT_AUTH};
    size_t it = 0, n = mac_len(mac->key->alg);

    if (n == 0 || (m->type == GW_MH_EXPERIMENTAL && m->exp.data != NULL) ||
        gw_mh_opt(m, GW_OPT_AUTH, &it) != NULL)
        return GW_EINVAL;
    int err = gw_mh_put(codec, m, &w);
    if (err != 0)
        return err;
    o.auth.subtype = AUTH_MN_HA;
    o.auth.spi = mac->key->spi;
    o.auth.mac = blank;
    o.auth.mac_len = (uint8_t)n;
    (void)gw_opt_write(codec, &w, &o); /* its values are allowed; room is checked by closing */
    size_t mac_at = gw_wr_len(&w) - n;
    int len = gw_mh_close(&w, size);
    if (len < 0)
        return len;
    if (!compute(addrs, buf, mac_at, mac, made))
        return GW_EINVAL;
    memcpy(buf + mac_at, made, n);
    gw_mh_seal(addrs, buf, (size_t)len);
    return len;
}

int gw_mac_check(const struct gw_mh_addrs *addrs, const struct gw_mh *m, const uint8_t *data,
                 size_t len, struct gw_mac *macs, size_t nmacs)
{
    uint8_t made[HASH_MAX];

    if (m->nopts == 0) /* others' experimental messages have none */
        return GW_EAUTH;
    const struct gw_opt *o = &m->opt[m->nopts - 1];
    size_t covered = o->offset + (size_t)AUTH_SPI_END;
    if (o->type != GW_OPT_AUTH || o->auth.subtype != AUTH_MN_HA || covered > len)
        return GW_EAUTH;
    for (size_t i = 0; i < nmacs; i++) {
        size_t n = mac_len(macs[i].key->alg);
        if (macs[i].key->spi != o->auth.spi || o->auth.mac_len != n || n == 0)
            continue;
        if (compute(addrs, data, covered, &macs[i], made) &&
            CRYPTO_memcmp(made, o->auth.mac, n) == 0)
            return 0;
    }
    return GW_EAUTH;
}

int gw_mac_octets(struct gw_mac *mac, const uint8_t *data, size_t len,
                  uint8_t out[static GW_MAC_OCTETS])
{
    uint8_t made[HASH_MAX];

    if (len > GW_MH_MAX || !make_ready(mac))
        return GW_EINVAL;
    size_t n = hash_on(mac->key->alg, mac->inner, data, len, made);
    (void)hash_on(mac->key->alg, mac->outer, made, n, made);
    memset(out, 0, GW_MAC_OCTETS);
    memcpy(out, made, mac_len(mac->key->alg));
    return 0;
}

int gw_mh_write_auth(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                     const struct gw_mh *m, const struct gw_key *key, uint8_t *buf, size_t size)
{
    struct gw_mac mac = {.key = key};
    int len = gw_mac_write(codec, addrs, m, &mac, buf, size);

    gw_mac_end(&mac);
    return len;
}

int gw_mh_check_auth(const struct gw_mh_addrs *addrs, const struct gw_mh *m, const uint8_t *data,
                     size_t len, const struct gw_key *keys, size_t nkeys)
{
    int err = GW_EAUTH;

    for (size_t i = 0; i < nkeys && err != 0; i++) {
        struct gw_mac mac = {.key = &keys[i]};
        err = gw_mac_check(addrs, m, data, len, &mac, 1);
        gw_mac_end(&mac);
    }
    return err;
}
