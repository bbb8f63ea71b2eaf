/* flow.c: traffic that checks itself: a station sends numbered packets from one of its addresses to
 * the server, which echoes each. What arrives must have come from that station, and must be its.
 */
#include "sim.h"

#include <stdlib.h>

#define IP6  40u
#define UDP  8u
#define BODY 16u
#define LEN  SIM_FLOW_PACKET
_Static_assert(LEN == IP6 + UDP + BODY, "what a packet consists of");

struct sim_flow *sim_flow_new(struct sim *s, struct sim_station *h, const struct gw_addr *addr,
                              int64_t interval, int64_t span)
{
    struct sim_flow *f = sim_get(&s->pool, sizeof *f);

    *f = (struct sim_flow){.next = h->flows,
                           .station = h,
                           .addr = *addr,
                           .id = ++s->last_flow,
                           .interval = interval,
                           .until = s->now + span};
    h->flows = f;
    if (f->id > s->nflows) {
        size_t n = s->nflows == 0 ? 64 : 2 * s->nflows;
        s->flows = realloc(s->flows, n * sizeof(struct sim_flow *));
        if (s->flows == NULL)
            abort();
        memset(s->flows + s->nflows, 0, (n - s->nflows) * sizeof(struct sim_flow *));
        s->nflows = n;
    }
    s->flows[f->id - 1] = f;
    return f;
}

void sim_flow_free(struct sim *s, struct sim_flow *f)
{
    struct sim_flow **p = &f->station->flows;

    while (*p != f)
        p = &(*p)->next;
    *p = f->next;
    s->flows[f->id - 1] = NULL;
    sim_cancel(s, &f->event);
    sim_put(&s->pool, f, sizeof *f);
}

void sim_flow_write(uint8_t p[LEN], const struct gw_addr *src, const struct gw_addr *dst,
                    uint32_t id, uint32_t seq)
{
    struct gw_wr w = gw_wr_make(p, LEN);

    gw_wr_u32(&w, 0x60000000);
    gw_wr_u16(&w, UDP + BODY);
    gw_wr_u8(&w, 17);
    gw_wr_u8(&w, 64);
    gw_wr_put(&w, src->b, 16);
    gw_wr_put(&w, dst->b, 16);
    gw_wr_u16(&w, 7007);
    gw_wr_u16(&w, 7007);
    gw_wr_u16(&w, UDP + BODY);
    gw_wr_u16(&w, 0xffff); /* nobody here looks */
    gw_wr_u32(&w, id);
    gw_wr_u32(&w, seq);
    gw_wr_u64(&w, 0x476f64776974);
}

struct seen {
    struct gw_addr src, dst;
    uint32_t id, seq;
};

static bool read_packet(const uint8_t *p, size_t len, struct seen *out)
{
    struct gw_rd r = gw_rd_make(p, len);

    if (len != LEN || p[6] != 17)
        return false;
    (void)gw_rd_take(&r, 8);
    (void)gw_rd_copy(&r, &out->src, 16);
    (void)gw_rd_copy(&r, &out->dst, 16);
    (void)gw_rd_take(&r, UDP);
    out->id = gw_rd_u32(&r);
    out->seq = gw_rd_u32(&r);
    return !r.bad;
}

static void tick(struct sim *s, struct sim_event *e)
{
    struct sim_flow *f =
        (struct sim_flow *)(void *)((uint8_t *)e - offsetof(struct sim_flow, event));
    struct gw_addr server = sim_server();
    uint8_t p[LEN];

    if (s->now >= f->until && !f->probe) {
        sim_flow_free(s, f);
        return;
    }
    sim_flow_write(p, &f->addr, &server, f->id, ++f->sent);
    sim_station_send(s, f->station, p, sizeof p);
    sim_post(s, &f->event, s->now + f->interval);
}

void sim_flow_start(struct sim *s, struct sim_flow *f)
{
    f->event.fire = tick;
    sim_post(s, &f->event, s->now);
}

void sim_server_packet(struct sim *s, const uint8_t *packet, size_t len)
{
    struct gw_addr server = sim_server();
    struct seen x;
    uint8_t p[LEN], frame[14 + LEN] = {2, [6] = 2, [12] = 0x86, 0xdd};

    if (!read_packet(packet, len, &x)) {
        sim_fail(s, "packets-whole", "a packet of %zu octets reached the server changed", len);
        return;
    }
    struct sim_flow *f = x.id - 1 < s->nflows ? s->flows[x.id - 1] : NULL;
    if (f == NULL)
        return; /* it is over */
    if (!gw_addr_eq(&f->addr, &x.src))
        sim_fail(s, "source-kept", "flow %u reached the server from another address", x.id);
    sim_flow_write(p, &server, &x.src, x.id, x.seq);
    memcpy(frame + 14, p, LEN);
    sim_core_packet(s, s->nnodes, frame, sizeof frame, 0);
}

void sim_flow_arrived(struct sim *s, struct sim_station *h, const uint8_t *packet, size_t len)
{
    struct seen x;

    if (!read_packet(packet, len, &x)) {
        sim_fail(s, "packets-whole", "a packet of %zu octets reached mn%zu changed", len, h->index);
        return;
    }
    struct sim_flow *f = x.id - 1 < s->nflows ? s->flows[x.id - 1] : NULL;
    if (f == NULL)
        return;
    s->tally.delivered++;
    struct gw_addr server = sim_server();
    if (!gw_addr_eq(&x.src, &server) || !gw_addr_eq(&x.dst, &f->addr))
        sim_fail(s, "source-kept", "flow %u reached mn%zu with other addresses", x.id, h->index);
    if (f->station != h)
        sim_fail(s, "owner-only", "mn%zu got a packet of mn%zu", h->index, f->station->index);
    if (x.seq > f->sent)
        sim_fail(s, "packets-whole", "mn%zu got a packet that was never sent", h->index);
    f->echoed++;
}
