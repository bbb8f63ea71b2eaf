/* cursor.h: bounds-checked reading and writing of octets, big endian. A failed step sets `bad` and
 * moves nothing; later steps fail too, so a parser may check once at the end. */
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
size_t gw_rd_left(const struct gw_rd *r);
size_t gw_rd_offset(const struct gw_rd *r); /* octets read since base */
uint8_t gw_rd_u8(struct gw_rd *r);          /* 0 on failure, as all below */
uint16_t gw_rd_u16(struct gw_rd *r);
uint32_t gw_rd_u32(struct gw_rd *r);
uint64_t gw_rd_u64(struct gw_rd *r);
const uint8_t *gw_rd_take(struct gw_rd *r, size_t n); /* a view, or NULL */
bool gw_rd_copy(struct gw_rd *r, void *out, size_t n);

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
