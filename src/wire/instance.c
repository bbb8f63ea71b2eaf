/* instance.c: see instance.h. */
#include "wire/instance.h"

#include "base/cursor.h"
#include "base/err.h"

#define FLOW_SIZE 22

void gw_frame_write(const struct gw_frame *f, uint8_t buf[GW_FRAME_HEAD])
{
    struct gw_wr w = gw_wr_make(buf, GW_FRAME_HEAD);
    gw_wr_u32(&w, f->len);
    gw_wr_u8(&w, f->type);
    gw_wr_u8(&w, 0);
    gw_wr_u16(&w, f->label);
    gw_wr_u64(&w, f->move);
}

int gw_frame_read(const uint8_t buf[GW_FRAME_HEAD], struct gw_frame *f)
{
    struct gw_rd r = gw_rd_make(buf, GW_FRAME_HEAD);
    f->len = gw_rd_u32(&r);
    f->type = gw_rd_u8(&r);
    gw_rd_u8(&r);
    f->label = gw_rd_u16(&r);
    f->move = gw_rd_u64(&r);
    return f->len <= GW_FRAME_MAX ? 0 : GW_EFORMAT;
}

size_t gw_frame_write_transaction(const struct gw_frame_transaction *t, uint8_t *buf)
{
    struct gw_wr w = gw_wr_make(buf, GW_FRAME_MAX);
    gw_wr_put(&w, t->cs_id.b, sizeof t->cs_id.b);
    gw_wr_u8(&w, t->proto);
    gw_wr_u8(&w, t->client.len);
    gw_wr_u16(&w, t->port);
    gw_wr_put(&w, t->client.addr.b, sizeof t->client.addr.b);
    gw_wr_u16(&w, (uint16_t)t->nflows);
    for (size_t i = 0; i < t->nflows; i++) {
        gw_wr_u8(&w, t->flow[i].proto);
        gw_wr_u8(&w, 0);
        gw_wr_u16(&w, t->flow[i].client_port);
        gw_wr_u16(&w, t->flow[i].port);
        gw_wr_put(&w, t->flow[i].client.b, sizeof t->flow[i].client.b);
    }
    return gw_wr_len(&w);
}

int gw_frame_read_transaction(const uint8_t *buf, size_t len, struct gw_frame_transaction *t)
{
    struct gw_rd r = gw_rd_make(buf, len);
    gw_rd_copy(&r, t->cs_id.b, sizeof t->cs_id.b);
    t->proto = gw_rd_u8(&r);
    t->client.len = gw_rd_u8(&r);
    t->port = gw_rd_u16(&r);
    gw_rd_copy(&r, t->client.addr.b, sizeof t->client.addr.b);
    t->nflows = gw_rd_u16(&r);
    if (r.bad || t->client.len > 128 || t->nflows > GW_FRAME_FLOWS ||
        gw_rd_left(&r) != t->nflows * FLOW_SIZE)
        return GW_EFORMAT;
    for (size_t i = 0; i < t->nflows; i++) {
        t->flow[i].proto = gw_rd_u8(&r);
        gw_rd_u8(&r);
        t->flow[i].client_port = gw_rd_u16(&r);
        t->flow[i].port = gw_rd_u16(&r);
        gw_rd_copy(&r, t->flow[i].client.b, sizeof t->flow[i].client.b);
    }
    return 0;
}
