/* fuzz_carry.c: what another agent or an instance says of a transaction that moves. The first octet
 * chooses: the state of a TCP connection, which, when it is taken, is written back as it was; a
 * stream of records, read in pieces of any length, which gives the same pieces; a frame and the
 * transaction in it.
 */
#include <stdlib.h>

#include "base/err.h"
#include "wire/carry.h"
#include "wire/instance.h"
#include "wire/tcp_state.h"

#define MOST (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void try_connection(const uint8_t *data, size_t size)
{
    struct gw_tcp_state s;
    const char *why;
    if (gw_tcp_state_read(data, size, &s, &why) < 0) {
        demand(why != NULL);
        return;
    }
    demand(gw_tcp_state_size(&s) == size && s.unsent_len <= s.send_len && s.peer_wscale <= 14);
    uint8_t *back = malloc(size);
    demand(gw_tcp_state_write(&s, back) == size && memcmp(back, data, size) == 0);
    free(back);
}

/* A digest of what is read in pieces of `step` octets, and how it ends. */
static uint64_t read_stream(const uint8_t *data, size_t size, size_t step, int *rc)
{
    struct gw_carry_reader r = gw_carry_reader_make(MOST);
    struct gw_carry_piece p;
    const char *why;
    uint64_t digest = 1;
    *rc = 0;
    for (size_t at = 0; at < size && *rc >= 0;) {
        size_t used, n = size - at < step ? size - at : step;
        *rc = gw_carry_read(&r, data + at, n, &used, &p, &why);
        demand(*rc < 0 || used > 0);
        at += used;
        if (*rc <= 0)
            continue;
        demand(p.at + p.len <= p.total && p.last == (p.at + p.len == p.total));
        for (size_t i = 0; i < p.len; i++)
            digest = (digest ^ p.octets[i] ^ (uint64_t)p.type << 8) * 0x100000001b3u;
    }
    demand(r.octets <= MOST || *rc < 0);
    return *rc < 0 ? 0 : digest + r.ended;
}

static void try_stream(const uint8_t *data, size_t size)
{
    int whole, pieces;
    uint64_t a = read_stream(data, size, size > 0 ? size : 1, &whole);
    uint64_t b = read_stream(data, size, 3, &pieces);
    demand(a == b && (whole < 0) == (pieces < 0));
}

static void try_frame(const uint8_t *data, size_t size)
{
    static struct gw_frame_transaction t;
    static uint8_t buf[GW_FRAME_MAX];
    struct gw_frame f;
    uint8_t head[GW_FRAME_HEAD];
    if (size >= GW_FRAME_HEAD && gw_frame_read(data, &f) == 0) {
        gw_frame_write(&f, head);
        demand(f.len <= GW_FRAME_MAX && memcmp(head, data, 5) == 0);
    }
    if (gw_frame_read_transaction(data, size, &t) == 0)
        demand(gw_frame_write_transaction(&t, buf) == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        try_connection(data + 1, size - 1);
    else if (data[0] % 3 == 1)
        try_stream(data + 1, size - 1);
    else
        try_frame(data + 1, size - 1);
    return 0;
}
