/* auth.c: computing and checking the Mobility Message Authentication option (RFC 4285 §5) with
 * libcrypto. Keys come from the configuration, and replay (Mesg-ID) is src/fn's business.
 *
 * The option is written where its row says (4n+1); what pads the message behind it is outside the
 * MAC, as the RFC has it, and carries nothing: a reader takes only pads there.
 */
#include "wire/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

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

static const EVP_MD *digest(enum gw_auth_alg alg)
{
    switch (alg) {
    case GW_AUTH_HMAC_SHA256_128:
        return EVP_sha256();
    case GW_AUTH_HMAC_SHA1_96:
        return EVP_sha1();
    }
    return NULL;
}

/* The MAC over addresses and the first `covered` octets of the header. */
static bool compute(const struct gw_mh_addrs *addrs, const uint8_t *data, size_t covered,
                    const struct gw_key *key, uint8_t out[static EVP_MAX_MD_SIZE])
{
    uint8_t text[32 + GW_MH_MAX];
    const EVP_MD *md = digest(key->alg);

    if (md == NULL || key->len > sizeof key->secret || covered > GW_MH_MAX)
        return false;
    memcpy(text, addrs->src.b, 16);
    memcpy(text + 16, addrs->dst.b, 16);
    memcpy(text + 32, data, covered);
    memset(text + 32 + GW_MH_CHECKSUM_AT, 0, 2);
    return HMAC(md, key->secret, key->len, text, 32 + covered, out, NULL) != NULL;
}

int gw_mh_write_auth(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                     const struct gw_mh *m, const struct gw_key *key, uint8_t *buf, size_t size)
{
    static const uint8_t blank[MAC_MAX];
    uint8_t mac[EVP_MAX_MD_SIZE];
    struct gw_wr w = gw_wr_make(buf, size < GW_MH_MAX ? size : GW_MH_MAX);
    struct gw_opt o = {.type = GW_OPT_AUTH};
    size_t it = 0, n = mac_len(key->alg);

    if (n == 0 || m->type == GW_MH_EXPERIMENTAL || gw_mh_opt(m, GW_OPT_AUTH, &it) != NULL)
        return GW_EINVAL;
    int err = gw_mh_put(codec, m, &w);
    if (err != 0)
        return err;
    o.auth.subtype = AUTH_MN_HA;
    o.auth.spi = key->spi;
    o.auth.mac = blank;
    o.auth.mac_len = (uint8_t)n;
    (void)gw_opt_write(codec, &w, &o); /* its values are allowed; room is checked by closing */
    size_t mac_at = gw_wr_len(&w) - n;
    int len = gw_mh_close(&w, size);
    if (len < 0)
        return len;
    if (!compute(addrs, buf, mac_at, key, mac))
        return GW_ENOMEM;
    memcpy(buf + mac_at, mac, n);
    gw_mh_seal(addrs, buf, (size_t)len);
    return len;
}

int gw_mh_check_auth(const struct gw_mh_addrs *addrs, const struct gw_mh *m, const uint8_t *data,
                     size_t len, const struct gw_key *keys, size_t nkeys)
{
    uint8_t mac[EVP_MAX_MD_SIZE];

    if (m->type == GW_MH_EXPERIMENTAL || m->nopts == 0)
        return GW_EAUTH;
    const struct gw_opt *o = &m->opt[m->nopts - 1];
    size_t covered = o->offset + (size_t)AUTH_SPI_END;
    if (o->type != GW_OPT_AUTH || o->auth.subtype != AUTH_MN_HA || covered > len)
        return GW_EAUTH;
    for (size_t i = 0; i < nkeys; i++) {
        size_t n = mac_len(keys[i].alg);
        if (keys[i].spi != o->auth.spi || o->auth.mac_len != n || n == 0)
            continue;
        if (compute(addrs, data, covered, &keys[i], mac) && CRYPTO_memcmp(mac, o->auth.mac, n) == 0)
            return 0;
    }
    return GW_EAUTH;
}
