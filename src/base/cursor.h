/* cursor.h: bounds-checked reading and writing of octets, big endian. A failed step sets `bad` and
 * moves nothing; later steps fail too, so a parser may check once at the end. Reading is inline:
 * every octet of a message and of a frame goes through it. */
#ifndef GW_BASE_CURSOR_H
#define GW_BASE_CURSOR_H

#include "base/types.h"

struct gw_rd {
    const uint8_t *base, *p, *end;
    bool bad;
};
static inline struct gw_rd gw_rd_make(const void *data, size_t len)
{
    const uint8_t *d = data;
    return (struct gw_rd){d, d, d + len, false};
}

static inline size_t gw_rd_left(const struct gw_rd *r)
{
    return (size_t)(r->end - r->p);
}

static inline size_t gw_rd_offset(const struct gw_rd *r) /* octets read since base */
{
    return (size_t)(r->p - r->base);
}

static inline const uint8_t *gw_rd_take(struct gw_rd *r, size_t n) /* a view, or NULL */
{
    if (r->bad || gw_rd_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->p;
    r->p += n;
    return at;
}

static inline bool gw_rd_copy(struct gw_rd *r, void *out, size_t n)
{
    const uint8_t *at = gw_rd_take(r, n);

    if (at == NULL) {
        memset(out, 0, n);
        return false;
    }
    memcpy(out, at, n);
    return true;
}

static inline uint64_t gw_rd_be(struct gw_rd *r, size_t n)
{
    const uint8_t *at = gw_rd_take(r, n);
    uint64_t v = 0;

    for (size_t i = 0; at != NULL && i < n; i++)
        v = v << 8 | at[i];
    return v;
}

static inline uint8_t gw_rd_u8(struct gw_rd *r) /* 0 on failure, as all below */
{
    return (uint8_t)gw_rd_be(r, 1);
}

static inline uint16_t gw_rd_u16(struct gw_rd *r)
{
    return (uint16_t)gw_rd_be(r, 2);
}

static inline uint32_t gw_rd_u32(struct gw_rd *r)
{
    return (uint32_t)gw_rd_be(r, 4);
}

static inline uint64_t gw_rd_u64(struct gw_rd *r)
{
    return gw_rd_be(r, 8);
}

struct gw_wr {
    uint8_t *base, *p, *end;
    bool bad;
};
static inline struct gw_wr gw_wr_make(void *buf, size_t size)
{
    uint8_t *b = buf;
    return (struct gw_wr){b, b, b + size, false};
}

size_t gw_wr_len(const struct gw_wr *w);
void gw_wr_u8(struct gw_wr *w, uint8_t v);
void gw_wr_u16(struct gw_wr *w, uint16_t v);
void gw_wr_u32(struct gw_wr *w, uint32_t v);
void gw_wr_u64(struct gw_wr *w, uint64_t v);
void gw_wr_put(struct gw_wr *w, const void *data, size_t n);
void gw_wr_zero(struct gw_wr *w, size_t n);

#endif
