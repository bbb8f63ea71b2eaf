/* flow.c: traffic that checks itself: a station sends numbered packets from one of its addresses to
 * the server, which echoes each. What arrives must have come from that station, and must be its.
 */
#include "sim.h"

#include <stdlib.h>

#define IP6  40u
#define UDP  8u
#define BODY 16u
#define LEN  SIM_FLOW_PACKET
#define MOST 1460u /* what an access link carries (config.c) */
#define ICMP 8u
_Static_assert(LEN == IP6 + UDP + BODY, "what a packet consists of");

struct sim_flow *sim_flow_new(struct sim *s, struct sim_station *h, const struct gw_addr *addr,
                              size_t server, int64_t interval, int64_t span)
{
    struct sim_flow *f = sim_get(&s->pool, sizeof *f);

    *f = (struct sim_flow){.next = h->flows,
                           .station = h,
                           .addr = *addr,
                           .server = server,
                           .mtu = MOST,
                           .mtu_back = MOST,
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

/* len, at least LEN, octets: behind the numbers all are the same. */
static void write_packet(uint8_t *p, size_t len, const struct gw_addr *src,
                         const struct gw_addr *dst, uint32_t id, uint32_t seq)
{
    struct gw_wr w = gw_wr_make(p, LEN);

    gw_wr_u32(&w, 0x60000000);
    gw_wr_u16(&w, (uint16_t)(len - IP6));
    gw_wr_u8(&w, 17);
    gw_wr_u8(&w, 64);
    gw_wr_put(&w, src->b, 16);
    gw_wr_put(&w, dst->b, 16);
    gw_wr_u16(&w, 7007);
    gw_wr_u16(&w, 7007);
    gw_wr_u16(&w, (uint16_t)(len - IP6));
    gw_wr_u16(&w, 0xffff); /* nobody here looks */
    gw_wr_u32(&w, id);
    gw_wr_u32(&w, seq);
    gw_wr_u64(&w, 0x476f64776974);
    memset(p + LEN, (int)(seq & 0xff), len - LEN);
}

void sim_flow_write(uint8_t p[LEN], const struct gw_addr *src, const struct gw_addr *dst,
                    uint32_t id, uint32_t seq)
{
    write_packet(p, LEN, src, dst, id, seq);
}

/* Most packets are short; each fourth is as long as the path carries. */
static bool is_full(uint32_t seq)
{
    return seq % 4 == 3;
}

static size_t length(const struct sim_flow *f, uint32_t seq)
{
    return is_full(seq) ? f->mtu : seq % 8 == 5 ? 1280 : seq % 8 == 1 ? 576 : LEN;
}

struct seen {
    struct gw_addr src, dst;
    uint32_t id, seq;
};

static bool read_packet(const uint8_t *p, size_t len, struct seen *out)
{
    struct gw_rd r = gw_rd_make(p, len);

    if (len < LEN || p[6] != 17 || len != IP6 + ((size_t)p[4] << 8 | p[5]))
        return false;
    (void)gw_rd_take(&r, 8);
    (void)gw_rd_copy(&r, &out->src, 16);
    (void)gw_rd_copy(&r, &out->dst, 16);
    (void)gw_rd_take(&r, UDP);
    out->id = gw_rd_u32(&r);
    out->seq = gw_rd_u32(&r);
    if (len > LEN &&
        (p[LEN] != (out->seq & 0xff) || memcmp(p + LEN, p + LEN + 1, len - LEN - 1) != 0))
        return false;
    return !r.bad;
}

static struct sim_flow *flow_of(const struct sim *s, uint32_t id)
{
    return id - 1 < s->nflows ? s->flows[id - 1] : NULL;
}

/* Packet Too Big about a packet of a flow, at its station or (h NULL) at its server. */
static void hear_error(struct sim *s, const struct sim_station *h, const uint8_t *p, size_t len)
{
    struct gw_rd r = gw_rd_make(p + IP6 + 4, len - IP6 - 4);
    uint32_t mtu = gw_rd_u32(&r);

    (void)gw_rd_take(&r, IP6 + UDP);
    struct sim_flow *f = flow_of(s, gw_rd_u32(&r));
    if (r.bad || p[IP6] != 2 || f == NULL)
        return;
    if (h != NULL && f->station != h)
        sim_fail(s, "owner-only", "mn%zu got an error about a packet of mn%zu", h->index,
                 f->station->index);
    if (mtu < 1280)
        sim_fail(s, "headers-right", "a path is said to carry %u octets only", mtu);
    uint32_t *was = h != NULL ? &f->mtu : &f->mtu_back;
    if (mtu < *was)
        *was = mtu;
}

static bool is_error(const uint8_t *p, size_t len)
{
    return len >= IP6 + ICMP && p[6] == 58;
}

static void tick(struct sim *s, struct sim_event *e)
{
    struct sim_flow *f =
        (struct sim_flow *)(void *)((uint8_t *)e - offsetof(struct sim_flow, event));
    struct gw_addr server = sim_server(s, f->server);
    uint8_t p[MOST];

    if (s->now >= f->until && !f->probe) {
        sim_flow_free(s, f);
        return;
    }
    size_t len = length(f, ++f->sent);
    write_packet(p, len, &f->addr, &server, f->id, f->sent);
    sim_station_send(s, f->station, p, len);
    sim_post(s, &f->event, s->now + f->interval);
}

void sim_flow_start(struct sim *s, struct sim_flow *f)
{
    f->event.fire = tick;
    sim_post(s, &f->event, s->now);
}

void sim_server_packet(struct sim *s, size_t end, const uint8_t *packet, size_t len)
{
    struct gw_addr server = sim_server(s, end);
    struct seen x;
    uint8_t frame[14 + MOST];

    if (is_error(packet, len)) {
        hear_error(s, NULL, packet, len);
        return;
    }
    if (!read_packet(packet, len, &x) || !gw_addr_eq(&x.dst, &server)) {
        sim_fail(s, "packets-whole", "a packet of %zu octets reached the server changed", len);
        return;
    }
    struct sim_flow *f = flow_of(s, x.id);
    if (f == NULL)
        return; /* it is over */
    if (!gw_addr_eq(&f->addr, &x.src))
        sim_fail(s, "source-kept", "flow %u reached the server from another address", x.id);
    if (len > f->mtu_back)
        len = f->mtu_back;
    memcpy(frame, (const uint8_t[14]){2, [6] = 2, [12] = 0x86, 0xdd}, 14);
    write_packet(frame + 14, len, &server, &x.src, x.id, x.seq);
    if (end == s->nnodes)
        sim_core_packet(s, end, frame, 14 + len, 0);
    else
        sim_core_from_behind(s, end, frame, 14 + len);
}

void sim_flow_arrived(struct sim *s, struct sim_station *h, const uint8_t *packet, size_t len)
{
    struct seen x;

    if (is_error(packet, len)) {
        hear_error(s, h, packet, len);
        return;
    }
    if (!read_packet(packet, len, &x)) {
        sim_fail(s, "packets-whole", "a packet of %zu octets reached mn%zu changed", len, h->index);
        return;
    }
    struct sim_flow *f = flow_of(s, x.id);
    if (f == NULL)
        return;
    s->tally.delivered++;
    struct gw_addr server = sim_server(s, f->server);
    if (!gw_addr_eq(&x.src, &server) || !gw_addr_eq(&x.dst, &f->addr))
        sim_fail(s, "source-kept", "flow %u reached mn%zu with other addresses", x.id, h->index);
    if (f->station != h)
        sim_fail(s, "owner-only", "mn%zu got a packet of mn%zu", h->index, f->station->index);
    if (x.seq > f->sent)
        sim_fail(s, "packets-whole", "mn%zu got a packet that was never sent", h->index);
    f->echoed++;
    f->full += is_full(x.seq);
}
