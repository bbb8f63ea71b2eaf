/* cursor.c: the bounds checks every writer of Godwit goes through; those of parsers are in
 * cursor.h. Formats are src/wire's business.
 */
#include "base/cursor.h"

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

void gw_wr_put(struct gw_wr *w, const void *data, size_t n)
{
    uint8_t *at = claim(w, n);

    if (at != NULL && n > 0)
        memcpy(at, data, n);
}

void gw_wr_u8(struct gw_wr *w, uint8_t v)
{
    gw_wr_put(w, &v, 1);
}

void gw_wr_u16(struct gw_wr *w, uint16_t v)
{
    gw_wr_put(w, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

void gw_wr_u32(struct gw_wr *w, uint32_t v)
{
    const uint8_t b[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

    gw_wr_put(w, b, sizeof b);
}

void gw_wr_u64(struct gw_wr *w, uint64_t v)
{
    const uint8_t b[] = {(uint8_t)(v >> 56), (uint8_t)(v >> 48), (uint8_t)(v >> 40),
                         (uint8_t)(v >> 32), (uint8_t)(v >> 24), (uint8_t)(v >> 16),
                         (uint8_t)(v >> 8),  (uint8_t)v};

    gw_wr_put(w, b, sizeof b);
}

void gw_wr_zero(struct gw_wr *w, size_t n)
{
    uint8_t *at = claim(w, n);

    if (at != NULL && n > 0)
        memset(at, 0, n);
}
