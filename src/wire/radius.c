/* radius.c: see radius.h. What is not about attachment is skipped. An attribute that may be there
 * once and is there twice spoils the request (RFC 2866 §5.13): which of them would count? A
 * Calling-Station-Id is whatever text a NAS makes of an address: all spellings with 12 digits are
 * read. Stations that authenticate with a key or by their address have no name, and a NAS puts the
 * address into User-Name; that is no NAI.
 */
#include "wire/radius.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cursor.h"

#define ACCOUNTING_REQUEST  4u
#define ACCOUNTING_RESPONSE 5u
#define HEADER              20u
#define AUTHENTICATOR_AT    4u
#define MD5_LEN             16u
#define NAI_MOST            253u
#define MAC_DIGITS          12u

enum attribute {
    USER_NAME = 1,
    CALLING_STATION_ID = 31,
    PROXY_STATE = 33,
    ACCT_STATUS_TYPE = 40,
    ACCT_SESSION_ID = 44,
    MESSAGE_AUTHENTICATOR = 80,
};

/* What is looked at, each there at most once. */
enum value { NAME, STATION, STATUS, SESSION, MAC, VALUES };
struct values {
    const uint8_t *at[VALUES];
    uint8_t len[VALUES];
};

/* ---- MD5 and HMAC-MD5 over a packet ---- */

static bool digest(const struct gw_radius_secret *secret, const uint8_t *packet, size_t len,
                   uint8_t out[static MD5_LEN])
{
    uint8_t text[GW_RADIUS_MAX + GW_RADIUS_SECRET_MAX];

    if (len > GW_RADIUS_MAX || secret->len > GW_RADIUS_SECRET_MAX)
        return false;
    memcpy(text, packet, len);
    memcpy(text + len, secret->b, secret->len);
    int done = EVP_Digest(text, len + secret->len, out, NULL, EVP_md5(), NULL);
    OPENSSL_cleanse(text + len, secret->len);
    return done == 1;
}

static bool hmac(const struct gw_radius_secret *secret, const uint8_t *packet, size_t len,
                 uint8_t out[static MD5_LEN])
{
    return HMAC(EVP_md5(), secret->b, secret->len, packet, len, out, NULL) != NULL;
}

/* ---- reading ---- */

static int value_of(uint8_t type)
{
    static const struct {
        uint8_t type;
        enum value value;
    } known[] = {{USER_NAME, NAME},
                 {CALLING_STATION_ID, STATION},
                 {ACCT_STATUS_TYPE, STATUS},
                 {ACCT_SESSION_ID, SESSION},
                 {MESSAGE_AUTHENTICATOR, MAC}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type)
            return (int)known[i].value;
    return GW_ENOENT;
}

static int read_attributes(const uint8_t *data, size_t len, struct values *v)
{
    struct gw_rd r = gw_rd_make(data, len);

    while (gw_rd_left(&r) > 0) {
        int which = value_of(gw_rd_u8(&r));
        uint8_t whole = gw_rd_u8(&r);
        const uint8_t *at = whole >= 2 ? gw_rd_take(&r, whole - 2u) : NULL;
        if (at == NULL)
            return GW_EFORMAT;
        if (which < 0)
            continue;
        if (v->at[which] != NULL)
            return GW_EFORMAT;
        v->at[which] = at;
        v->len[which] = (uint8_t)(whole - 2);
    }
    return 0;
}

static int nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : GW_EFORMAT;
}

/* "02-00-00-00-00-01" (RFC 3580 §3.21), "02:00:...", "0200.0000.0001", "020000-000001",
 * "020000000001": 12 digits in groups of one size, between them one and the same mark. */
static bool read_lladdr(const uint8_t *text, size_t len, struct gw_lladdr *out)
{
    struct gw_lladdr l = {.len = 6};
    size_t digits = 0, group = 0, marks = 0;
    uint8_t mark = 0;

    for (size_t i = 0; i < len; i++) {
        int n = nibble(text[i]);
        if (n >= 0 && digits < MAC_DIGITS) {
            l.b[digits / 2] = (uint8_t)(l.b[digits / 2] << 4 | n);
            digits++;
            continue;
        }
        if (marks++ == 0) {
            mark = text[i];
            group = digits;
        }
        if (text[i] != mark || group == 0 || digits != marks * group)
            return false;
    }
    if (digits != MAC_DIGITS || (l.b[0] & 1) != 0)
        return false;
    if (marks > 0 && ((mark != '-' && mark != ':' && mark != '.') || group % 2 != 0 ||
                      (marks + 1) * group != MAC_DIGITS))
        return false;
    *out = l;
    return true;
}

static int read_name(const struct values *v, struct gw_radius_acct *out)
{
    struct gw_lladdr same;

    out->nai = (struct gw_mnid){.subtype = GW_MNID_NAI};
    if (v->len[NAME] == 0)
        return v->at[NAME] == NULL ? 0 : GW_EFORMAT;
    if (v->len[NAME] > NAI_MOST || memchr(v->at[NAME], '\0', v->len[NAME]) != NULL)
        return GW_EFORMAT;
    if (read_lladdr(v->at[NAME], v->len[NAME], &same) && gw_lladdr_eq(&same, &out->sta))
        return 0;
    out->nai.len = v->len[NAME];
    out->nai.id = v->at[NAME];
    return 0;
}

static int read_values(const struct values *v, struct gw_radius_acct *out)
{
    if (v->at[STATUS] == NULL || v->len[STATUS] != 4)
        return GW_EFORMAT;
    struct gw_rd status = gw_rd_make(v->at[STATUS], 4);
    out->status = gw_rd_u32(&status);
    out->session = v->at[SESSION];
    out->session_len = v->len[SESSION];
    out->sta.len = 0;
    if (v->at[STATION] != NULL)
        (void)read_lladdr(v->at[STATION], v->len[STATION], &out->sta);
    return read_name(v, out);
}

/* Both are over the packet with zeros in the place of the one that is computed; the HMAC with zeros
 * for the Request Authenticator too (RFC 5176 §3.4), which in turn covers it. */
static bool authentic(const struct gw_radius_secret *secret, uint8_t packet[static GW_RADIUS_MAX],
                      size_t len, const struct gw_radius_acct *req)
{
    uint8_t sum[MD5_LEN];

    memset(packet + AUTHENTICATOR_AT, 0, MD5_LEN);
    return digest(secret, packet, len, sum) && CRYPTO_memcmp(sum, req->authenticator, MD5_LEN) == 0;
}

static bool mac_is_right(const struct gw_radius_secret *secret,
                         uint8_t packet[static GW_RADIUS_MAX], size_t len, size_t at)
{
    uint8_t sum[MD5_LEN], claimed[MD5_LEN];

    memcpy(claimed, packet + at, MD5_LEN);
    memset(packet + at, 0, MD5_LEN);
    return hmac(secret, packet, len, sum) && CRYPTO_memcmp(sum, claimed, MD5_LEN) == 0;
}

int gw_radius_parse(const struct gw_radius_secret *secret, const void *data, size_t len,
                    struct gw_radius_acct *out)
{
    struct gw_rd r = gw_rd_make(data, len);
    struct gw_radius_acct req = {0};
    struct values v = {0};
    uint8_t copy[GW_RADIUS_MAX];

    uint8_t code = gw_rd_u8(&r);
    req.id = gw_rd_u8(&r);
    uint16_t whole = gw_rd_u16(&r);
    if (!gw_rd_copy(&r, req.authenticator, MD5_LEN) || code != ACCOUNTING_REQUEST ||
        whole < HEADER || whole > len || whole > GW_RADIUS_MAX)
        return GW_EFORMAT;
    memcpy(copy, data, whole); /* what is behind is padding (RFC 2865 §3) */
    if (!authentic(secret, copy, whole, &req))
        return GW_EAUTH;
    req.attributes = r.p;
    req.attributes_len = whole - HEADER;
    if (read_attributes(req.attributes, req.attributes_len, &v) < 0 || read_values(&v, &req) < 0)
        return GW_EFORMAT;
    if (v.at[MAC] != NULL && v.len[MAC] != MD5_LEN)
        return GW_EFORMAT;
    if (v.at[MAC] != NULL && !mac_is_right(secret, copy, whole, (size_t)(v.at[MAC] - r.base)))
        return GW_EAUTH;
    *out = req;
    return 0;
}

/* ---- answering ---- */

static void put_proxy_states(struct gw_wr *w, const struct gw_radius_acct *req)
{
    struct gw_rd r = gw_rd_make(req->attributes, req->attributes_len);

    while (gw_rd_left(&r) > 0) { /* the request was parsed */
        const uint8_t *at = r.p;
        uint8_t type = gw_rd_u8(&r), whole = gw_rd_u8(&r);
        if (gw_rd_take(&r, whole - 2u) == NULL)
            return;
        if (type == PROXY_STATE)
            gw_wr_put(w, at, whole);
    }
}

size_t gw_radius_answer(const struct gw_radius_secret *secret, const struct gw_radius_acct *request,
                        uint8_t out[static GW_RADIUS_MAX])
{
    /* Not more than the request, which had the same Proxy-States. */
    struct gw_wr w = gw_wr_make(out, GW_RADIUS_MAX);
    uint8_t sum[MD5_LEN] = {0};

    gw_wr_u8(&w, ACCOUNTING_RESPONSE);
    gw_wr_u8(&w, request->id);
    gw_wr_u16(&w, 0);
    gw_wr_put(&w, request->authenticator, MD5_LEN);
    put_proxy_states(&w, request);
    size_t len = gw_wr_len(&w);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    if (!digest(secret, out, len, sum))
        return 0;
    memcpy(out + AUTHENTICATOR_AT, sum, MD5_LEN);
    return len;
}
