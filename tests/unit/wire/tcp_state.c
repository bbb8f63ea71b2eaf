/* tcp_state.c: a TCP connection as octets, a transaction's stream, and an instance's frames: what
 * is written is read again, octet by octet as it is laid down, and everything else is refused.
 */
#include "wire/tcp_state.h"
#include "base/err.h"
#include "wire/carry.h"
#include "wire/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_tcp_state sample(void)
{
    return (struct gw_tcp_state){
        .local = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
        .remote = {{0x20, 0x01, 0x0d, 0xb8, [15] = 2}},
        .lport = 80,
        .rport = 40000,
        .flags = GW_TCP_SACK | GW_TCP_TIMESTAMPS | GW_TCP_WSCALE | GW_TCP_NODELAY,
        .recv_seq = 0xfffffff0u,
        .send_seq = 0x01020304,
        .recv_len = 20,
        .send_len = 5,
        .unsent_len = 3,
        .mss = 1440,
        .peer_wscale = 7,
        .own_wscale = 9,
        .timestamp = 0xdeadbeef,
        .snd_wl1 = 4,
        .snd_wnd = 1000,
        .max_window = 65536,
        .rcv_wnd = 60000,
        .rcv_wup = 3,
        .sndbuf = 87040,
        .rcvbuf = 131072,
        .tclass = 0x2e,
        .hops = 64,
        .keep_count = 9,
        .keep_idle = 7200,
        .keep_interval = 75,
        .user_timeout = 30000,
        .unsent_low = 16384,
        .congestion = "cubic",
        .recv = (const uint8_t *)"the receive queue...",
        .send = (const uint8_t *)"sendq",
    };
}

/* Laid down by hand: another implementation would write the same. */
static const uint8_t golden[] =
    "GWTC\0\1\0\17"
    " \1\r\270\0\0\0\0\0\0\0\0\0\0\0\1"
    " \1\r\270\0\0\0\0\0\0\0\0\0\0\0\2"
    "\0\120\234\100"
    "\377\377\377\360\1\2\3\4\0\0\0\24\0\0\0\5\0\0\0\3"
    "\5\240\7\11\336\255\276\357"
    "\0\0\0\4\0\0\3\350\0\1\0\0\0\0\352\140\0\0\0\3"
    "\0\1\124\0\0\2\0\0\56\100\0\11\0\0\34\40\0\0\0\113\0\0\165\60\0\0\100\0"
    "cubic\0\0\0\0\0\0\0\0\0\0\0"
    "the receive queue...sendq";

static void test_golden(void **state)
{
    struct gw_tcp_state s = sample(), back;
    uint8_t buf[sizeof golden];
    const char *why;
    (void)state;
    assert_int_equal(gw_tcp_state_size(&s), sizeof golden - 1);
    assert_int_equal(gw_tcp_state_write(&s, buf), sizeof golden - 1);
    assert_memory_equal(buf, golden, sizeof golden - 1);
    assert_int_equal(gw_tcp_state_read(golden, sizeof golden - 1, &back, &why), 0);
    assert_null(why);
    assert_memory_equal(back.recv, s.recv, s.recv_len);
    assert_memory_equal(back.send, s.send, s.send_len);
    memset(buf, 0, sizeof buf); /* every field is among the octets; a struct has others too */
    assert_int_equal(gw_tcp_state_write(&back, buf), sizeof golden - 1);
    assert_memory_equal(buf, golden, sizeof golden - 1);
}

static void test_every_length(void **state)
{
    struct gw_tcp_state s;
    const char *why;
    (void)state;
    for (size_t len = 0; len < sizeof golden - 1; len++) {
        uint8_t *exact = malloc(len + 1); /* the sanitizer sees what is read behind it */
        memcpy(exact, golden, len);
        assert_true(gw_tcp_state_read(exact, len, &s, &why) < 0);
        assert_non_null(why);
        free(exact);
    }
    uint8_t longer[sizeof golden];
    memcpy(longer, golden, sizeof golden);
    assert_int_equal(gw_tcp_state_read(longer, sizeof longer, &s, &why), GW_EFORMAT);
    longer[5] = 2;
    assert_int_equal(gw_tcp_state_read(longer, sizeof golden - 1, &s, &why), GW_EVERSION);
}

static void refuse(const struct gw_tcp_state *s, const char *what)
{
    struct gw_tcp_state back;
    uint8_t buf[sizeof golden];
    const char *why;
    gw_tcp_state_write(s, buf);
    assert_int_equal(gw_tcp_state_read(buf, gw_tcp_state_size(s), &back, &why), GW_EFORMAT);
    if (strstr(why, what) == NULL)
        fail_msg("\"%s\" does not name \"%s\"", why, what);
}

#define REFUSE(what, ...)                 \
    do {                                  \
        struct gw_tcp_state s = sample(); \
        __VA_ARGS__;                      \
        refuse(&s, what);                 \
    } while (0)

static void test_what_no_kernel_should_get(void **state)
{
    (void)state;
    REFUSE("flag", s.flags |= 1 << 8);
    REFUSE("address", s.local = (struct gw_addr){{0}});
    REFUSE("address", s.remote.b[0] = 0xff);
    REFUSE("address", s.remote = ((struct gw_addr){{0xfe, 0x80, [15] = 1}}));
    REFUSE("address", s.remote = ((struct gw_addr){{[10] = 0xff, [11] = 0xff, [15] = 1}}));
    REFUSE("address", s.lport = 0);
    REFUSE("unsent", s.unsent_len = 6);
    REFUSE("segment", s.mss = 63);
    REFUSE("buffer", s.rcvbuf = UINT32_MAX);
    REFUSE("name's end", memset(s.congestion, 'x', sizeof s.congestion));
    REFUSE("scale above", s.own_wscale = 15);
    REFUSE("not agreed", s.flags &= (uint16_t)~GW_TCP_WSCALE);
    REFUSE("largest", s.max_window = 999);
    REFUSE("windows outside", s.snd_wl1 = s.recv_seq + s.recv_len + s.rcv_wnd + 1);
    REFUSE("windows outside", s.rcv_wup = s.recv_seq + s.recv_len + 1);
}

/* ---- the stream ---- */

struct heard {
    char text[512];
    size_t len;
};

/* Reads a stream in pieces of `step` octets; 0 or the first error. */
static int read_in_steps(const uint8_t *in, size_t len, size_t step, uint64_t most, struct heard *h)
{
    struct gw_carry_reader r = gw_carry_reader_make(most);
    struct gw_carry_piece p;
    const char *why;
    int rc = 0;
    *h = (struct heard){.len = 0};
    for (size_t at = 0; at < len && rc >= 0;) {
        size_t used, n = len - at < step ? len - at : step;
        rc = gw_carry_read(&r, in + at, n, &used, &p, &why);
        at += used;
        if (rc <= 0)
            continue;
        if (p.at == 0)
            h->text[h->len++] = (char)('0' + p.type);
        memcpy(h->text + h->len, p.octets, p.type == GW_CARRY_STATE ? p.len : 0);
        h->len += p.type == GW_CARRY_STATE ? p.len : 0;
        if (p.last)
            h->text[h->len++] = '.';
    }
    if (rc >= 0 && !r.ended)
        return GW_ESHORT;
    return rc < 0 ? rc : 0;
}

static void put_text(uint8_t *to, const char *text)
{
    while (*text != '\0')
        *to++ = (uint8_t)*text++;
}

static size_t make_stream(uint8_t *buf)
{
    size_t at = GW_CARRY_HEAD;
    gw_carry_write_begin(buf);
    gw_carry_write_record(buf + at, GW_CARRY_STATE, 3);
    put_text(buf + at + GW_CARRY_HEAD, "abc");
    at += GW_CARRY_HEAD + 3;
    gw_carry_write_record(buf + at, GW_CARRY_STATE, 2);
    put_text(buf + at + GW_CARRY_HEAD, "de");
    at += GW_CARRY_HEAD + 2;
    gw_carry_write_record(buf + at, GW_CARRY_CONNECTION, GW_CARRY_LABEL + sizeof golden - 1);
    at += GW_CARRY_HEAD;
    memset(buf + at, 0, GW_CARRY_LABEL);
    memcpy(buf + at + GW_CARRY_LABEL, golden, sizeof golden - 1);
    at += GW_CARRY_LABEL + sizeof golden - 1;
    gw_carry_write_end(buf + at, 5, 1);
    return at + GW_CARRY_HEAD + GW_CARRY_END_SIZE;
}

static void test_stream_in_any_pieces(void **state)
{
    uint8_t buf[512];
    size_t len = make_stream(buf);
    struct heard h;
    (void)state;
    for (size_t step = 1; step <= len; step++) {
        assert_int_equal(read_in_steps(buf, len, step, 1000, &h), 0);
        assert_int_equal(h.len, strlen("1abc.1de.2.3."));
        assert_memory_equal(h.text, "1abc.1de.2.3.", h.len);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(read_in_steps(buf, cut, 64, 1000, &h), GW_ESHORT);
}

static void test_streams_that_are_none(void **state)
{
    uint8_t buf[512];
    size_t len = make_stream(buf), records = GW_CARRY_HEAD;
    struct heard h;
    (void)state;
    assert_int_equal(read_in_steps(buf, len, len, len - 1, &h), GW_EFULL);
    assert_int_equal(read_in_steps(buf, len + 1, len, 1000, &h), GW_EFORMAT); /* behind the end */
    buf[len - 1] ^= 1; /* another number of connections */
    assert_int_equal(read_in_steps(buf, len, len, 1000, &h), GW_EFORMAT);
    buf[records] = 9; /* an unknown record */
    assert_int_equal(read_in_steps(buf, len, len, 1000, &h), GW_EFORMAT);
    gw_carry_write_record(buf + records, GW_CARRY_STATE, GW_CARRY_STATE_MAX + 1);
    assert_int_equal(read_in_steps(buf, len, len, UINT64_MAX, &h), GW_EFORMAT);
    buf[5] = 9; /* another version */
    assert_int_equal(read_in_steps(buf, len, len, 1000, &h), GW_EVERSION);
    buf[0] = 'X';
    assert_int_equal(read_in_steps(buf, len, len, 1000, &h), GW_EFORMAT);
}

/* ---- frames ---- */

static void test_frames(void **state)
{
    struct gw_frame f = {
        .len = 4, .type = GW_FRAME_GIVE, .label = 0x1234, .move = 0x0102030405060708};
    struct gw_frame back;
    uint8_t buf[GW_FRAME_HEAD];
    (void)state;
    gw_frame_write(&f, buf);
    assert_memory_equal(buf, "\0\0\0\4\45\0\22\64\1\2\3\4\5\6\7\10", sizeof buf);
    assert_int_equal(gw_frame_read(buf, &back), 0);
    assert_int_equal(back.label, f.label);
    assert_true(back.move == f.move && back.type == f.type && back.len == f.len);
    f.len = GW_FRAME_MAX + 1;
    gw_frame_write(&f, buf);
    assert_int_equal(gw_frame_read(buf, &back), GW_EFORMAT);
}

static void test_transactions(void **state)
{
    static struct gw_frame_transaction t, back;
    static uint8_t buf[GW_FRAME_MAX];
    (void)state;
    t = (struct gw_frame_transaction){
        .cs_id = {{1}}, .proto = 6, .port = 80, .client = {{{2}}, 64}, .nflows = 2};
    t.flow[1] = (struct gw_frame_flow){.proto = 6, .client_port = 40000, .port = 80};
    size_t len = gw_frame_write_transaction(&t, buf);
    assert_int_equal(gw_frame_read_transaction(buf, len, &back), 0);
    assert_memory_equal(&back.flow[1], &t.flow[1], sizeof t.flow[1]);
    assert_int_equal(back.client.len, 64);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(gw_frame_read_transaction(buf, cut, &back), GW_EFORMAT);
    t.nflows = GW_FRAME_FLOWS;
    len = gw_frame_write_transaction(&t, buf);
    assert_int_equal(gw_frame_read_transaction(buf, len, &back), 0);
    buf[17] = 129; /* the client's prefix */
    assert_int_equal(gw_frame_read_transaction(buf, len, &back), GW_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_what_no_kernel_should_get),
        cmocka_unit_test(test_stream_in_any_pieces),
        cmocka_unit_test(test_streams_that_are_none),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
