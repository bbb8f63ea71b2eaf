/* stamp.c: see stamp.h. The two modes differ in where the fields are, which is a table each. */
#include "wire/stamp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cursor.h"
#include "base/err.h"

#define COVERED 96u /* octets under the HMAC */
#define MAC_LEN 16u

/* Offsets of fields in each mode. */
struct layout {
    size_t size;
    size_t sent, error;                                       /* of both */
    size_t received, probe_seq, probe_sent, probe_error, hop; /* of the reply */
};
static const struct layout open_mode = {GW_STAMP_OPEN, 4, 12, 16, 24, 28, 36, 40};
static const struct layout auth_mode = {GW_STAMP_AUTH, 16, 24, 32, 48, 64, 72, 80};

static const struct layout *layout_of(const struct gw_stamp_key *key)
{
    return key != NULL ? &auth_mode : &open_mode;
}

static void put16(uint8_t *at, uint16_t v)
{
    struct gw_wr w = gw_wr_make(at, 2);
    gw_wr_u16(&w, v);
}

static void put32(uint8_t *at, uint32_t v)
{
    struct gw_wr w = gw_wr_make(at, 4);
    gw_wr_u32(&w, v);
}

static void put64(uint8_t *at, uint64_t v)
{
    struct gw_wr w = gw_wr_make(at, 8);
    gw_wr_u64(&w, v);
}

static uint16_t get16(const uint8_t *at)
{
    struct gw_rd r = gw_rd_make(at, 2);
    return gw_rd_u16(&r);
}

static uint32_t get32(const uint8_t *at)
{
    struct gw_rd r = gw_rd_make(at, 4);
    return gw_rd_u32(&r);
}

static uint64_t get64(const uint8_t *at)
{
    struct gw_rd r = gw_rd_make(at, 8);
    return gw_rd_u64(&r);
}

static bool mac(const struct gw_stamp_key *key, const uint8_t *data,
                uint8_t out[static EVP_MAX_MD_SIZE])
{
    return key->len <= sizeof key->secret &&
           HMAC(EVP_sha256(), key->secret, key->len, data, COVERED, out, NULL) != NULL;
}

static int seal(const struct gw_stamp_key *key, uint8_t *buf)
{
    uint8_t out[EVP_MAX_MD_SIZE];

    if (key == NULL)
        return GW_STAMP_OPEN;
    if (!mac(key, buf, out))
        return GW_EINVAL;
    memcpy(buf + COVERED, out, MAC_LEN);
    return GW_STAMP_AUTH;
}

static int check(const struct gw_stamp_key *key, const uint8_t *data, size_t len)
{
    uint8_t out[EVP_MAX_MD_SIZE];

    if (len < layout_of(key)->size)
        return GW_ESHORT;
    if (key == NULL)
        return 0;
    return mac(key, data, out) && CRYPTO_memcmp(out, data + COVERED, MAC_LEN) == 0 ? 0 : GW_EAUTH;
}

int gw_stamp_write_probe(const struct gw_stamp_probe *p, const struct gw_stamp_key *key,
                         uint8_t *buf, size_t size)
{
    const struct layout *l = layout_of(key);

    if (size < l->size)
        return GW_ESHORT;
    memset(buf, 0, l->size);
    put32(buf, p->seq);
    put64(buf + l->sent, p->sent);
    put16(buf + l->error, p->error);
    return seal(key, buf);
}

int gw_stamp_write_reply(const struct gw_stamp_reply *r, const struct gw_stamp_key *key,
                         uint8_t *buf, size_t size)
{
    const struct layout *l = layout_of(key);

    if (size < l->size)
        return GW_ESHORT;
    memset(buf, 0, l->size);
    put32(buf, r->seq);
    put64(buf + l->sent, r->sent);
    put16(buf + l->error, r->error);
    put64(buf + l->received, r->received);
    put32(buf + l->probe_seq, r->probe.seq);
    put64(buf + l->probe_sent, r->probe.sent);
    put16(buf + l->probe_error, r->probe.error);
    buf[l->hop] = r->hop;
    return seal(key, buf);
}

int gw_stamp_read_probe(const uint8_t *data, size_t len, const struct gw_stamp_key *key,
                        struct gw_stamp_probe *p)
{
    const struct layout *l = layout_of(key);
    int err = check(key, data, len);

    if (err != 0)
        return err;
    *p = (struct gw_stamp_probe){get32(data), get64(data + l->sent), get16(data + l->error)};
    return 0;
}

int gw_stamp_read_reply(const uint8_t *data, size_t len, const struct gw_stamp_key *key,
                        struct gw_stamp_reply *r)
{
    const struct layout *l = layout_of(key);
    int err = check(key, data, len);

    if (err != 0)
        return err;
    *r = (struct gw_stamp_reply){.seq = get32(data),
                                 .sent = get64(data + l->sent),
                                 .error = get16(data + l->error),
                                 .received = get64(data + l->received),
                                 .probe = {.seq = get32(data + l->probe_seq),
                                           .sent = get64(data + l->probe_sent),
                                           .error = get16(data + l->probe_error)},
                                 .hop = data[l->hop]};
    return 0;
}

int64_t gw_stamp_span(uint64_t from, uint64_t to)
{
    int64_t d = (int64_t)(to - from); /* 32.32 */
    int64_t s = d >> 32;
    uint64_t part = (uint64_t)d & 0xffffffffu;

    return s * 1000000000 + (int64_t)((part * 1000000000 + (1u << 31)) >> 32);
}

uint16_t gw_stamp_error(uint64_t ns)
{
    /* error = multiplier * 2^(scale - 32) seconds, scale 6 bits, multiplier 8, not 0. */
    uint64_t units = ns < UINT64_C(1) << 31 ? (ns << 32) / 1000000000 : UINT64_C(1) << 33;
    unsigned scale = 0;

    for (; units > 255; units = (units + 1) / 2)
        scale++;
    return (uint16_t)(scale << 8 | (units != 0 ? units : 1));
}
