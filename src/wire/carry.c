/* carry.c: see carry.h. */
#include "wire/carry.h"

#include "base/cursor.h"
#include "base/err.h"
#include "wire/tcp_state.h"

static const uint8_t magic[4] = {'G', 'W', 'M', 'V'};

void gw_carry_write_begin(uint8_t *buf)
{
    struct gw_wr w = gw_wr_make(buf, GW_CARRY_HEAD);
    gw_wr_put(&w, magic, sizeof magic);
    gw_wr_u16(&w, GW_CARRY_VERSION);
    gw_wr_u16(&w, 0);
}

void gw_carry_write_record(uint8_t *buf, enum gw_carry_record type, uint32_t len)
{
    struct gw_wr w = gw_wr_make(buf, GW_CARRY_HEAD);
    gw_wr_u32(&w, (uint32_t)type << 24);
    gw_wr_u32(&w, len);
}

void gw_carry_write_end(uint8_t *buf, uint64_t state, uint32_t connections)
{
    struct gw_wr w = gw_wr_make(buf + GW_CARRY_HEAD, GW_CARRY_END_SIZE);
    gw_carry_write_record(buf, GW_CARRY_END, GW_CARRY_END_SIZE);
    gw_wr_u64(&w, state);
    gw_wr_u32(&w, connections);
}

struct gw_carry_reader gw_carry_reader_make(uint64_t most)
{
    return (struct gw_carry_reader){.most = most};
}

/* Gathers `size` octets in r->head; false: there were not enough. */
static bool gather(struct gw_carry_reader *r, struct gw_rd *rd, size_t size)
{
    size_t n = size - r->nhead < gw_rd_left(rd) ? size - r->nhead : gw_rd_left(rd);
    gw_rd_copy(rd, r->head + r->nhead, n);
    r->nhead += n;
    if (r->nhead < size)
        return false;
    r->nhead = 0;
    return true;
}

static int begin_stream(struct gw_carry_reader *r, const char **why)
{
    struct gw_rd rd = gw_rd_make(r->head, GW_CARRY_HEAD);
    *why = "not a transaction's state";
    if (memcmp(gw_rd_take(&rd, sizeof magic), magic, sizeof magic) != 0)
        return GW_EFORMAT;
    *why = "a transaction's state in another version";
    if (gw_rd_u16(&rd) != GW_CARRY_VERSION)
        return GW_EVERSION;
    r->begun = true;
    return 0;
}

/* NULL, or what is wrong. */
static const char *judge_record(const struct gw_carry_reader *r, uint32_t type, uint32_t len)
{
    switch (type) {
    case (uint32_t)GW_CARRY_STATE << 24:
        return len > 0 && len <= GW_CARRY_STATE_MAX ? NULL : "a record of state of that length";
    case (uint32_t)GW_CARRY_CONNECTION << 24:
        if (r->connections >= GW_CARRY_CONNECTIONS)
            return "too many connections";
        return len >= GW_CARRY_LABEL + GW_TCP_STATE_HEAD &&
                       len <= GW_CARRY_LABEL + GW_TCP_STATE_HEAD + 2 * GW_TCP_QUEUE_MAX
                   ? NULL
                   : "a connection of that length";
    case (uint32_t)GW_CARRY_END << 24:
        return len == GW_CARRY_END_SIZE ? NULL : "an end of that length";
    }
    return "an unknown record";
}

static int begin_record(struct gw_carry_reader *r, const char **why)
{
    struct gw_rd rd = gw_rd_make(r->head, GW_CARRY_HEAD);
    uint32_t type = gw_rd_u32(&rd);
    r->len = r->left = gw_rd_u32(&rd);
    *why = judge_record(r, type, r->len);
    if (*why != NULL)
        return GW_EFORMAT;
    r->type = (enum gw_carry_record)(type >> 24);
    if (r->type == GW_CARRY_CONNECTION)
        r->connections++;
    *why = "more state than is allowed";
    return r->len > r->most - r->octets ? GW_EFULL : 0;
}

/* The end says what there was. */
static int end_stream(struct gw_carry_reader *r, struct gw_carry_piece *out, const char **why)
{
    struct gw_rd rd = gw_rd_make(r->head, GW_CARRY_END_SIZE);
    bool right = gw_rd_u64(&rd) == r->state;
    right = gw_rd_u32(&rd) == r->connections && right;
    *why = "an end that does not fit what came before";
    if (!right)
        return GW_EFORMAT;
    r->ended = true;
    r->left = 0;
    *out = (struct gw_carry_piece){
        .type = GW_CARRY_END, .total = r->len, .octets = r->head, .len = r->len, .last = true};
    return 1;
}

static int give(struct gw_carry_reader *r, struct gw_rd *rd, struct gw_carry_piece *out)
{
    size_t n = r->left < gw_rd_left(rd) ? r->left : gw_rd_left(rd);
    *out = (struct gw_carry_piece){.type = r->type,
                                   .total = r->len,
                                   .at = r->len - r->left,
                                   .octets = gw_rd_take(rd, n),
                                   .len = n,
                                   .last = n == r->left};
    r->left -= (uint32_t)n;
    if (r->type == GW_CARRY_STATE)
        r->state += n;
    return 1;
}

/* One step; 0 with octets left: another one. */
static int step(struct gw_carry_reader *r, struct gw_rd *rd, struct gw_carry_piece *out,
                const char **why)
{
    if (r->ended) {
        *why = "octets behind the end";
        return GW_EFORMAT;
    }
    if (!r->begun)
        return gather(r, rd, GW_CARRY_HEAD) ? begin_stream(r, why) : 0;
    if (r->left == 0)
        return gather(r, rd, GW_CARRY_HEAD) ? begin_record(r, why) : 0;
    if (r->type == GW_CARRY_END)
        return gather(r, rd, GW_CARRY_END_SIZE) ? end_stream(r, out, why) : 0;
    return give(r, rd, out);
}

int gw_carry_read(struct gw_carry_reader *r, const uint8_t *in, size_t len, size_t *used,
                  struct gw_carry_piece *out, const char **why)
{
    struct gw_rd rd = gw_rd_make(in, len);
    int rc = 0;
    while (rc == 0 && gw_rd_left(&rd) > 0) {
        size_t before = gw_rd_left(&rd);
        rc = step(r, &rd, out, why);
        r->octets += before - gw_rd_left(&rd);
        if (rc >= 0 && r->octets > r->most) {
            *why = "more state than is allowed";
            rc = GW_EFULL;
        }
    }
    *used = gw_rd_offset(&rd);
    return rc;
}
