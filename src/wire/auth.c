/* auth.c: computing and checking the Mobility Message Authentication option (RFC 4285 §5) with
 * libcrypto. Keys come from the configuration, and replay (Mesg-ID) is src/fn's business.
 *
 * The option is written where its row says (4n+1); what pads the message behind it is outside the
 * MAC, as the RFC has it, and carries nothing: a reader takes only pads there.
 */
#include "wire/auth.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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

static const char *digest(enum gw_auth_alg alg)
{
    switch (alg) {
    case GW_AUTH_HMAC_SHA256_128:
        return "SHA256";
    case GW_AUTH_HMAC_SHA1_96:
        return "SHA1";
    }
    return NULL;
}

static bool make_ready(struct gw_mac *mac)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    char *name = (char *)(uintptr_t)digest(mac->key->alg); /* it is only read */
    OSSL_PARAM how[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };

    mac->ctx = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* the context has its own share */
    if (mac->ctx != NULL && EVP_MAC_init(mac->ctx, mac->key->secret, mac->key->len, how) == 1)
        return true;
    gw_mac_end(mac);
    return false;
}

void gw_mac_end(struct gw_mac *mac)
{
    EVP_MAC_CTX_free(mac->ctx);
    mac->ctx = NULL;
}

/* What hashing the key has come to is kept in the context; without a key it begins there. */
static bool begin(struct gw_mac *mac)
{
    const struct gw_key *key = mac->key;

    if (mac->ctx != NULL)
        return EVP_MAC_init(mac->ctx, NULL, 0, NULL) == 1;
    return digest(key->alg) != NULL && key->len <= sizeof key->secret && make_ready(mac);
}

/* The MAC over addresses and the first `covered` octets of the header. */
static bool compute(const struct gw_mh_addrs *addrs, const uint8_t *data, size_t covered,
                    struct gw_mac *mac, uint8_t out[static EVP_MAX_MD_SIZE])
{
    uint8_t text[32 + GW_MH_MAX];
    size_t len;

    if (covered > GW_MH_MAX || !begin(mac))
        return false;
    memcpy(text, addrs->src.b, 16);
    memcpy(text + 16, addrs->dst.b, 16);
    memcpy(text + 32, data, covered);
    memset(text + 32 + GW_MH_CHECKSUM_AT, 0, 2);
    return EVP_MAC_update(mac->ctx, text, 32 + covered) == 1 &&
           EVP_MAC_final(mac->ctx, out, &len, EVP_MAX_MD_SIZE) == 1;
}

int gw_mac_write(const struct gw_mh_codec *codec, const struct gw_mh_addrs *addrs,
                 const struct gw_mh *m, struct gw_mac *mac, uint8_t *buf, size_t size)
{
    static const uint8_t blank[MAC_MAX];
    uint8_t made[EVP_MAX_MD_SIZE];
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
        return GW_ENOMEM;
    memcpy(buf + mac_at, made, n);
    gw_mh_seal(addrs, buf, (size_t)len);
    return len;
}

int gw_mac_check(const struct gw_mh_addrs *addrs, const struct gw_mh *m, const uint8_t *data,
                 size_t len, struct gw_mac *macs, size_t nmacs)
{
    uint8_t made[EVP_MAX_MD_SIZE];

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
