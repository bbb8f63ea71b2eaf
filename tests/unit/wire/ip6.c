/* Finding a Mobility Header behind extension headers, and the addresses its checksum runs over. */
#include "../test.h"

#include <stdlib.h>

#include "mh_tools.h"
#include "wire/ip6.h"

struct packet {
    uint8_t b[512];
    size_t len, next_at; /* where the last Next Header field is */
};

static struct packet begin(void)
{
    struct packet p = {.b = {0x60}, .len = 40, .next_at = 6};

    p.b[7] = 64;
    memcpy(p.b + 8, sample_addrs.src.b, 16);
    memcpy(p.b + 24, sample_addrs.dst.b, 16);
    return p;
}

static void append(struct packet *p, uint8_t type, const void *data, size_t len)
{
    p->b[p->next_at] = type;
    p->next_at = p->len;
    memcpy(p->b + p->len, data, len);
    p->len += len;
    p->b[4] = (uint8_t)((p->len - 40) >> 8);
    p->b[5] = (uint8_t)(p->len - 40);
}

static const uint8_t mh[16] = {59, 1, GW_MH_UPA};
static const uint8_t home[16] = {0x20, 1, 0xd, 0xb8, 9, 9, 9};

static struct gw_mh_addrs addrs;
static const uint8_t *found;
static size_t found_len;

static int find(const struct packet *p)
{
    uint8_t *copy = malloc(p->len);

    assert_non_null(copy);
    memcpy(copy, p->b, p->len);
    int err = gw_ip6_find_mh(copy, p->len, &addrs, &found, &found_len);
    if (err == 0)
        assert_memory_equal(found, mh, sizeof mh);
    for (size_t cut = 0; cut < p->len; cut++) {
        uint8_t *shorter = malloc(cut != 0 ? cut : 1);
        struct gw_mh_addrs a;
        const uint8_t *f;
        size_t n;
        assert_non_null(shorter);
        memcpy(shorter, p->b, cut);
        assert_int_equal(gw_ip6_find_mh(shorter, cut, &a, &f, &n), GW_ESHORT);
        free(shorter);
    }
    free(copy);
    return err;
}

static void test_plain(void **state)
{
    struct packet p = begin();

    (void)state;
    append(&p, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(find(&p), 0);
    assert_int_equal(found_len, 16);
    assert_memory_equal(&addrs, &sample_addrs, sizeof addrs);
    p.b[0] = 0x45;
    assert_int_equal(gw_ip6_find_mh(p.b, p.len, &addrs, &found, &found_len), GW_EFORMAT);
}

/* What is behind the payload is the link's padding. */
static void test_link_padding(void **state)
{
    struct packet p = begin();

    (void)state;
    append(&p, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(gw_ip6_find_mh(p.b, p.len + 30, &addrs, &found, &found_len), 0);
    assert_int_equal(found_len, 16);
}

/* Pad1 and PadN of each size before the Home Address option (another tool trips over the latter).
 */
static void test_home_address(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 2; variant++) {
        uint8_t opts[24] = {0, 2, 1, 2, 0, 0, 201, 16};
        struct packet p = begin();
        if (variant == 1)
            memset(opts + 2, 0, 4); /* four times Pad1 */
        memcpy(opts + 8, home, 16);
        append(&p, 60, opts, sizeof opts);
        append(&p, GW_IPPROTO_MH, mh, sizeof mh);
        assert_int_equal(find(&p), 0);
        assert_memory_equal(addrs.src.b, home, 16);
        assert_memory_equal(addrs.dst.b, sample_addrs.dst.b, 16);
    }
}

static void test_routing_header(void **state)
{
    uint8_t rh[24] = {0, 2, 2, 1};
    struct packet p = begin();

    (void)state;
    memcpy(rh + 8, home, 16);
    append(&p, 43, rh, sizeof rh);
    append(&p, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(find(&p), 0);
    assert_memory_equal(addrs.dst.b, home, 16);
    p.b[43] = 0; /* processed already */
    assert_int_equal(gw_ip6_find_mh(p.b, p.len, &addrs, &found, &found_len), 0);
    assert_memory_equal(addrs.dst.b, sample_addrs.dst.b, 16);
    p.b[43] = 2; /* type 2 has one address */
    assert_int_equal(gw_ip6_find_mh(p.b, p.len, &addrs, &found, &found_len), GW_EFORMAT);
}

static void test_long_chain(void **state)
{
    const uint8_t hbh[8] = {0, 0, 1, 4}, ah[24] = {0, 4}, atomic[8] = {0};
    uint8_t opts[24] = {0, 2, 1, 2, 0, 0, 201, 16};
    struct packet p = begin();

    (void)state;
    memcpy(opts + 8, home, 16);
    append(&p, 0, hbh, sizeof hbh);
    append(&p, 60, opts, sizeof opts);
    append(&p, 44, atomic, sizeof atomic);
    append(&p, 51, ah, sizeof ah);
    append(&p, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(find(&p), 0);
    assert_memory_equal(addrs.src.b, home, 16);
}

static void test_not_there(void **state)
{
    const uint8_t fragment[8] = {0, 0, 0, 1}, udp[8] = {0};
    struct packet p = begin(), q = begin();

    (void)state;
    append(&p, 17, udp, sizeof udp);
    assert_int_equal(find(&p), GW_ENOENT);
    append(&q, 44, fragment, sizeof fragment);
    append(&q, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(find(&q), GW_ENOENT);
}

static void test_broken_chains(void **state)
{
    uint8_t opts[8] = {0, 0, 201, 4}, wild[8] = {0, 200};
    struct packet p = begin(), q = begin(), r = begin();

    (void)state;
    append(&p, 60, opts, sizeof opts); /* a Home Address option of four octets */
    append(&p, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(gw_ip6_find_mh(p.b, p.len, &addrs, &found, &found_len), GW_EFORMAT);
    opts[2] = 5;
    opts[3] = 5; /* one more than there is */
    append(&q, 60, opts, sizeof opts);
    append(&q, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(gw_ip6_find_mh(q.b, q.len, &addrs, &found, &found_len), GW_EFORMAT);
    append(&r, 60, wild, sizeof wild);
    append(&r, GW_IPPROTO_MH, mh, sizeof mh);
    assert_int_equal(gw_ip6_find_mh(r.b, r.len, &addrs, &found, &found_len), GW_ESHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),         cmocka_unit_test(test_link_padding),
        cmocka_unit_test(test_home_address),  cmocka_unit_test(test_routing_header),
        cmocka_unit_test(test_long_chain),    cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_broken_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
