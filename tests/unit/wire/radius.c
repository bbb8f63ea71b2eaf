/* RADIUS accounting: requests as they are read, answers sum by sum, and hostile requests: rightly
 * signed with wrong attributes, and not signed at all. Other tools judge it in tests/golden. */
#include "../test.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../radius_hostile.h"
#include "wire/radius.h"

static const struct gw_radius_secret secret = {.len = 16, .b = "godwit-of-secret"};

#define STATUS(n) "\x28\x06\0\0\0" n
#define SESSION \
    "\x2c\x06"  \
    "abcd"
#define STATION \
    "\x1f\x13"  \
    "02-00-00-00-00-01"
#define NAME   \
    "\x01\x07" \
    "alice"

struct packet {
    size_t len;
    uint8_t b[GW_RADIUS_MAX + 64];
};

static void sign(struct packet *p)
{
    uint8_t text[sizeof p->b + 16];

    memset(p->b + 4, 0, 16);
    memcpy(text, p->b, p->len);
    memcpy(text + p->len, secret.b, secret.len);
    assert_int_equal(EVP_Digest(text, p->len + secret.len, p->b + 4, NULL, EVP_md5(), NULL), 1);
}

static struct packet made(const void *attributes, size_t len)
{
    struct packet p = {.len = 20 + len};

    assert_true(p.len <= sizeof p.b);
    p.b[0] = 4;
    p.b[1] = 77;
    p.b[2] = (uint8_t)(p.len >> 8);
    p.b[3] = (uint8_t)p.len;
    memcpy(p.b + 20, attributes, len);
    sign(&p);
    return p;
}
#define MADE(attributes) made(attributes, sizeof(attributes) - 1)

/* From a heap copy of exactly that size, so that a sanitizer sees every step beyond; the views are
 * moved back into the packet. */
static int parse(const struct packet *p, struct gw_radius_acct *out)
{
    uint8_t *copy = malloc(p->len != 0 ? p->len : 1);

    assert_non_null(copy);
    memcpy(copy, p->b, p->len);
    memset(out, 0x5a, sizeof *out);
    int err = gw_radius_parse(&secret, copy, p->len, out);
    if (err == 0) {
        out->attributes = p->b + (out->attributes - copy);
        out->session = out->session != NULL ? p->b + (out->session - copy) : NULL;
        out->nai.id = out->nai.id != NULL ? p->b + (out->nai.id - copy) : NULL;
    }
    free(copy);
    return err;
}

static void start(void **state)
{
    struct packet p = MADE(STATUS("\1") SESSION STATION NAME "\x32\x03z");
    struct gw_radius_acct a;

    (void)state;
    assert_int_equal(parse(&p, &a), 0);
    assert_int_equal(a.id, 77);
    assert_int_equal(a.status, GW_RADIUS_START);
    assert_int_equal(a.session_len, 4);
    assert_memory_equal(a.session, "abcd", 4);
    assert_int_equal(a.sta.len, 6);
    assert_memory_equal(a.sta.b, "\2\0\0\0\0\1", 6);
    assert_int_equal(a.nai.subtype, GW_MNID_NAI);
    assert_int_equal(a.nai.len, 5);
    assert_memory_equal(a.nai.id, "alice", 5);
}

/* What is behind Length is padding, and a request of the greatest size is one. */
static void sizes(void **state)
{
    static const uint8_t on[] = {0x28, 6, 0, 0, 0, GW_RADIUS_ON}, proxy_state[] = {0x21, 0xff};
    static uint8_t many[GW_RADIUS_MAX - 20];
    struct packet p = MADE(STATUS("\7") SESSION);
    struct gw_radius_acct a;

    (void)state;
    p.len += 9;
    assert_int_equal(parse(&p, &a), 0);
    assert_int_equal(a.attributes_len, 12);
    size_t used;
    memcpy(many, on, sizeof on);
    for (used = sizeof on; used + 255 <= sizeof many; used += 255)
        memcpy(many + used, proxy_state, sizeof proxy_state);
    many[used] = 0x21;
    many[used + 1] = (uint8_t)(sizeof many - used);
    p = made(many, sizeof many);
    assert_int_equal(parse(&p, &a), 0);
    uint8_t answer[GW_RADIUS_MAX];
    assert_int_equal(gw_radius_answer(&secret, &a, answer), GW_RADIUS_MAX - 6);
    assert_memory_equal(answer + 20, many + 6, sizeof many - 6);
    p.b[2] = 0x10;
    p.b[3] = 1; /* 4097 */
    p.len++;
    assert_int_equal(parse(&p, &a), GW_EFORMAT);
}

static void spellings(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"02-00-00-00-00-01", true},
        {"02:00:00:00:00:01", true},
        {"0200.0000.0001", true},
        {"020000-000001", true},
        {"020000000001", true},
        {"02-00-00-00-00-01 ", false},
        {"02-00-00-00-00-0", false},
        {"02-00-00-00-00", false},
        {"02-00:00-00-00-01", false},
        {"02-00-00-00-0001", false},
        {"0200-0000-0001", true},
        {"0-20-00-00-00-001", false},
        {"-02-00-00-00-00-01", false},
        {"02-00-00-00-00-01-", false},
        {"03-00-00-00-00-01", false},
        {"02000000000100", false},
        {"020-000-000-001", false},
        {"02/00/00/00/00/01", false},
        {"0200000000g1", false},
        {"02--00-00-00-00-01", false},
        {"+15551234567", false},
        {"020000000001x", false},
        {"", false},
        {"------------", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64] = STATUS("\1") SESSION "\x1f";
        size_t n = strlen(rows[i].text);
        struct gw_radius_acct a;
        text[13] = (char)(n + 2);
        memcpy(text + 14, rows[i].text, n);
        struct packet p = made(text, 14 + n);
        assert_int_equal(parse(&p, &a), 0);
        if ((a.sta.len == 6) != rows[i].good)
            print_message("%s\n", rows[i].text);
        assert_int_equal(a.sta.len, rows[i].good ? 6 : 0);
        if (rows[i].good)
            assert_memory_equal(a.sta.b, "\2\0\0\0\0\1", 6);
    }
}

/* A NAS puts the address there when the station has no name (hostapd does without EAP). */
static void names(void **state)
{
    struct gw_radius_acct a;
    struct packet p = MADE(STATUS("\1") SESSION STATION "\x01\x0e"
                                                        "020000000001");

    (void)state;
    assert_int_equal(parse(&p, &a), 0);
    assert_int_equal(a.nai.len, 0);
    p = MADE(STATUS("\1") SESSION STATION "\x01\x0e"
                                          "020000000002");
    assert_int_equal(parse(&p, &a), 0);
    assert_int_equal(a.nai.len, 12); /* another's address is a name */
    p = MADE(STATUS("\1") SESSION "\x01\x0e"
                                  "020000000001");
    assert_int_equal(parse(&p, &a), 0);
    assert_int_equal(a.nai.len, 12);
}

static void hostile(void **state)
{
#define ROW(attributes, err)                    \
    {                                           \
        attributes, sizeof(attributes) - 1, err \
    }
    static const struct {
        const char *text;
        size_t len;
        int err;
    } rows[] = {
        ROW("", GW_EFORMAT),
        ROW(SESSION STATION, GW_EFORMAT), /* no status */
        ROW("\x28\x05\0\0\1" SESSION, GW_EFORMAT),
        ROW("\x28\x07\0\0\0\0\1" SESSION, GW_EFORMAT),
        ROW("\x28\x02" SESSION, GW_EFORMAT),
        ROW(STATUS("\1") STATUS("\2") SESSION, GW_EFORMAT),
        ROW(STATUS("\1") STATUS("\1") SESSION, GW_EFORMAT),
        ROW(STATUS("\1") SESSION SESSION, GW_EFORMAT),
        ROW(STATUS("\1") SESSION STATION STATION, GW_EFORMAT),
        ROW(STATUS("\1") SESSION NAME NAME, GW_EFORMAT),
        ROW(STATUS("\1") "\x01\x02", GW_EFORMAT), /* an empty name */
        ROW(STATUS("\1") "\x01\x04"
                         "a\0",
            GW_EFORMAT),
        ROW(STATUS("\1") "\x01", GW_EFORMAT),     /* cut behind a type */
        ROW(STATUS("\1") "\x01\x00", GW_EFORMAT), /* lengths that are none */
        ROW(STATUS("\1") "\x01\x01", GW_EFORMAT),
        ROW(STATUS("\1") "\x21\x00", GW_EFORMAT),
        ROW(STATUS("\1") "\x21\x01", GW_EFORMAT),
        ROW(STATUS("\1") "\x01\xff"
                         "alice",
            GW_EFORMAT), /* beyond the end */
        ROW(STATUS("\1") "\x50\x02", GW_EFORMAT),
        ROW(STATUS("\1") "\x50\x11"
                         "123456789012345",
            GW_EFORMAT),
        ROW(STATUS("\1") "\x50\x12"
                         "1234567890123456",
            GW_EAUTH),        /* a Message-Authenticator that is not right */
        ROW(STATUS("\1"), 0), /* the server decides what it needs */
        ROW(STATUS("\1") "\x2c\x02", 0),
        ROW(STATUS("\xff") SESSION, 0),
        ROW(STATUS("\1") "\xff\x02", 0), /* empty and unknown */
        ROW(STATUS("\1") "\x21\x02\x21\x02", 0),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct packet p = made(rows[i].text, rows[i].len);
        struct gw_radius_acct a;
        int err = parse(&p, &a);
        if (err != rows[i].err)
            print_message("row %zu\n", i);
        assert_int_equal(err, rows[i].err);
    }
}

/* Refused, or nothing that one could take for a station's session or a NAS's beginning or end. */
static void hostile_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < RADIUS_HOSTILES; i++) {
        struct packet p = made(radius_hostile[i].text, radius_hostile[i].len);
        struct gw_radius_acct a;
        int err = parse(&p, &a);
        if (err == 0 && a.sta.len > 0 && a.session_len > 0 && a.status >= GW_RADIUS_START &&
            a.status <= GW_RADIUS_INTERIM)
            fail_msg("row %zu", i);
        if (err == 0)
            assert_true(a.status != GW_RADIUS_ON && a.status != GW_RADIUS_OFF);
    }
}

/* Every octet counts, every cut is seen, and other codes are not ours. */
static void tampered(void **state)
{
    const struct packet good = MADE(STATUS("\1") SESSION STATION NAME);
    struct gw_radius_acct a;

    (void)state;
    for (size_t i = 0; i < good.len * 8; i++) {
        struct packet p = good;
        p.b[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_true(parse(&p, &a) < 0);
    }
    for (size_t i = 0; i < good.len; i++) {
        struct packet p = good;
        p.len = i;
        assert_int_equal(parse(&p, &a), GW_EFORMAT);
    }
    for (unsigned code = 0; code < 256; code++) {
        struct packet p = good;
        p.b[0] = (uint8_t)code;
        sign(&p);
        assert_int_equal(parse(&p, &a), code == 4 ? 0 : GW_EFORMAT);
    }
    struct packet p = good;
    p.b[3] = 19;
    assert_int_equal(parse(&p, &a), GW_EFORMAT);
}

/* Proxy-States come back in their order, under the sum of RFC 2866 §3. */
static void answer(void **state)
{
    struct packet p = MADE("\x21\x04p1" STATUS("\1") "\x50\x12"
                                                     "................" SESSION "\x21\x03q");
    struct gw_radius_acct a;
    uint8_t out[GW_RADIUS_MAX], sum[16], text[128];

    (void)state;
    memset(p.b + 4, 0, 16);
    memset(p.b + 32, 0, 16);
    assert_non_null(HMAC(EVP_md5(), secret.b, secret.len, p.b, p.len, sum, NULL));
    memcpy(p.b + 32, sum, 16);
    sign(&p);
    assert_int_equal(parse(&p, &a), 0);
    size_t len = gw_radius_answer(&secret, &a, out);
    assert_int_equal(len, 20 + 4 + 3);
    assert_memory_equal(out, "\5\115\0\33", 4);
    assert_memory_equal(out + 20, "\x21\x04p1\x21\x03q", 7);
    memcpy(text, out, len);
    memcpy(text + 4, p.b + 4, 16);
    memcpy(text + len, secret.b, secret.len);
    assert_int_equal(EVP_Digest(text, len + secret.len, sum, NULL, EVP_md5(), NULL), 1);
    assert_memory_equal(out + 4, sum, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start),    cmocka_unit_test(sizes),   cmocka_unit_test(spellings),
        cmocka_unit_test(names),    cmocka_unit_test(hostile), cmocka_unit_test(hostile_ones),
        cmocka_unit_test(tampered), cmocka_unit_test(answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
