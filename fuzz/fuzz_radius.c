/* fuzz_radius.c: any octets as the attributes of an Accounting-Request, which is signed first: a
 * fuzzer does not find an MD5. Views lie within the request, and the answer fits and repeats no
 * more than was there. Then the octets as they are, as a whole packet.
 */
#include <stdlib.h>

#include <openssl/evp.h>

#include "wire/radius.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gw_radius_secret secret = {.len = 6, .b = "geheim"};

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void look(const uint8_t *packet, size_t len)
{
    struct gw_radius_acct a;
    uint8_t answer[GW_RADIUS_MAX];
    int err = gw_radius_parse(&secret, packet, len, &a);

    demand(err == 0 || err == GW_EFORMAT || err == GW_EAUTH);
    if (err != 0)
        return;
    demand(a.attributes == packet + 20 && a.attributes_len <= len - 20);
    demand(a.sta.len == 0 || (a.sta.len == 6 && (a.sta.b[0] & 1) == 0));
    demand(a.nai.len == 0 || (a.nai.id >= packet && a.nai.id + a.nai.len <= packet + len));
    demand(a.session_len == 0 ||
           (a.session >= packet && a.session + a.session_len <= packet + len));
    size_t got = gw_radius_answer(&secret, &a, answer);
    demand(got >= 20 && got <= 20 + a.attributes_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t p[GW_RADIUS_MAX + 6] = {4, 1};
    size_t len = 20 + size;

    look(data, size);
    if (len > GW_RADIUS_MAX)
        return 0;
    p[2] = (uint8_t)(len >> 8);
    p[3] = (uint8_t)len;
    if (size > 0)
        memcpy(p + 20, data, size);
    memcpy(p + len, secret.b, secret.len);
    demand(EVP_Digest(p, len + secret.len, p + 4, NULL, EVP_md5(), NULL) == 1);
    look(p, len);
    return 0;
}
