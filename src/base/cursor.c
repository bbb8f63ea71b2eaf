/* cursor.c: the bounds checks every parser and writer of Godwit goes through. Formats are
 * src/wire's business.
 */
#include "base/cursor.h"

size_t gw_rd_left(const struct gw_rd *r)
{
    return (size_t)(r->end - r->p);
}

size_t gw_rd_offset(const struct gw_rd *r)
{
    return (size_t)(r->p - r->base);
}

const uint8_t *gw_rd_take(struct gw_rd *r, size_t n)
{
    if (r->bad || gw_rd_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->p;
    r->p += n;
    return at;
}

bool gw_rd_copy(struct gw_rd *r, void *out, size_t n)
{
    const uint8_t *at = gw_rd_take(r, n);

    if (at == NULL) {
        memset(out, 0, n);
        return false;
    }
    memcpy(out, at, n);
    return true;
}

static uint64_t read_be(struct gw_rd *r, size_t n)
{
    const uint8_t *at = gw_rd_take(r, n);
    uint64_t v = 0;

    for (size_t i = 0; at != NULL && i < n; i++)
        v = v << 8 | at[i];
    return v;
}

uint8_t gw_rd_u8(struct gw_rd *r)
{
    return (uint8_t)read_be(r, 1);
}

uint16_t gw_rd_u16(struct gw_rd *r)
{
    return (uint16_t)read_be(r, 2);
}

uint32_t gw_rd_u32(struct gw_rd *r)
{
    return (uint32_t)read_be(r, 4);
}

uint64_t gw_rd_u64(struct gw_rd *r)
{
    return read_be(r, 8);
}

size_t gw_wr_len(const struct gw_wr *w)
{
    return (size_t)(w->p - w->base);
}

static uint8_t *claim(struct gw_wr *w, size_t n)
{
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->p;
    w->p += n;
    return at;
}

static void write_be(struct gw_wr *w, uint64_t v, size_t n)
{
    uint8_t *at = claim(w, n);

    for (size_t i = n; at != NULL && i > 0; i--) {
        at[i - 1] = (uint8_t)v;
        v >>= 8;
    }
}

void gw_wr_u8(struct gw_wr *w, uint8_t v)
{
    write_be(w, v, 1);
}

void gw_wr_u16(struct gw_wr *w, uint16_t v)
{
    write_be(w, v, 2);
}

void gw_wr_u32(struct gw_wr *w, uint32_t v)
{
    write_be(w, v, 4);
}

void gw_wr_u64(struct gw_wr *w, uint64_t v)
{
    write_be(w, v, 8);
}

void gw_wr_put(struct gw_wr *w, const void *data, size_t n)
{
    uint8_t *at = claim(w, n);

    if (at != NULL && n > 0)
        memcpy(at, data, n);
}

void gw_wr_zero(struct gw_wr *w, size_t n)
{
    uint8_t *at = claim(w, n);

    if (at != NULL && n > 0)
        memset(at, 0, n);
}
