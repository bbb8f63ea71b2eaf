/* transfer.c: see transfer.h. */
#include "wire/transfer.h"

#include "base/cursor.h"
#include "base/err.h"

static bool body(struct gw_rd *r, struct gw_tframe *f)
{
    switch ((enum gw_tframe_type)f->type) {
    case GW_TFRAME_HELLO:
        (void)gw_rd_copy(r, f->hello.ingress.b, 16);
        f->hello.id = gw_rd_u64(r);
        return true;
    case GW_TFRAME_AT:
    case GW_TFRAME_END:
        f->octets = gw_rd_u64(r);
        return true;
    case GW_TFRAME_DATA:
        f->data.len = gw_rd_left(r);
        f->data.octets = gw_rd_take(r, f->data.len);
        return f->data.len > 0;
    case GW_TFRAME_NO:
        f->code = gw_rd_u8(r);
        return true;
    }
    return false;
}

int gw_tframe_read(const uint8_t *buf, size_t len, struct gw_tframe *f)
{
    struct gw_rd head = gw_rd_make(buf, len), r;

    *f = (struct gw_tframe){.type = gw_rd_u8(&head)};
    uint32_t n = gw_rd_u32(&head);
    if (head.bad)
        return 0;
    if (n > GW_TFRAME_MOST)
        return GW_EFORMAT;
    if (gw_rd_left(&head) < n)
        return 0;
    r = gw_rd_make(buf + GW_TFRAME_HEAD, n);
    if (!body(&r, f) || r.bad || gw_rd_left(&r) != 0)
        return GW_EFORMAT;
    return (int)(GW_TFRAME_HEAD + n);
}

size_t gw_tframe_write(const struct gw_tframe *f, uint8_t out[static GW_TFRAME_MAX])
{
    struct gw_wr w = gw_wr_make(out + GW_TFRAME_HEAD, GW_TFRAME_MOST);
    struct gw_wr head = gw_wr_make(out, GW_TFRAME_HEAD);

    switch ((enum gw_tframe_type)f->type) {
    case GW_TFRAME_HELLO:
        gw_wr_put(&w, f->hello.ingress.b, 16);
        gw_wr_u64(&w, f->hello.id);
        break;
    case GW_TFRAME_AT:
    case GW_TFRAME_END:
        gw_wr_u64(&w, f->octets);
        break;
    case GW_TFRAME_DATA:
        gw_wr_put(&w, f->data.octets, f->data.len);
        break;
    case GW_TFRAME_NO:
        gw_wr_u8(&w, f->code);
        break;
    }
    gw_wr_u8(&head, f->type);
    gw_wr_u32(&head, (uint32_t)gw_wr_len(&w));
    return GW_TFRAME_HEAD + gw_wr_len(&w);
}
