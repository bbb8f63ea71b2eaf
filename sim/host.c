/* host.c: a mobile node as stock Linux is one: router solicitations when the carrier comes up,
 * SLAAC with duplicate address detection, answers to neighbour solicitations. It has never heard of
 * mobility. Which router it sends to is in router.c.
 *
 * Not here: MLD, but for an answer to queries.
 */
#include "judge.h"

#include <stdlib.h>

#define RADIO     (500 * INT64_C(1000)) /* one way over the access link */
#define RS_WAIT   (4 * SIM_S)           /* doubled each time (RFC 7559) */
#define ETH       14u
#define TWO_HOURS (7200 * SIM_S) /* RFC 4862 §5.5.3 (e) */

struct airframe {
    struct sim_event event;
    struct sim_station *station; /* NULL: from it; see node */
    size_t node, len;
    unsigned moves; /* of the station, when it was sent */
    uint8_t data[];
};

static struct gw_addr with_iid(const struct gw_addr *net, const struct gw_lladdr *l)
{
    struct gw_addr a = *net;

    memcpy(a.b + 8,
           (const uint8_t[]){l->b[0] ^ 2, l->b[1], l->b[2], 0xff, 0xfe, l->b[3], l->b[4], l->b[5]},
           8);
    return a;
}

struct gw_lladdr sim_station_mac(size_t i)
{
    return (struct gw_lladdr){
        6, {2, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

struct sim_station *sim_station_by_mac(const struct sim *s, const uint8_t mac[static 6])
{
    size_t i = (size_t)mac[2] << 24 | (size_t)mac[3] << 16 | (size_t)mac[4] << 8 | mac[5];

    return mac[0] == 2 && mac[1] == 0 && i < s->nstations ? &s->station[i] : NULL;
}

/* -- what it sends ------------------------------------------------------------------------------
 */

static void uplink(struct sim *s, struct sim_event *e)
{
    struct airframe *f = (struct airframe *)e;

    if (f->station->at == f->node)
        sim_plane_frame(s, &s->node[f->node], false, f->data, f->len, 0);
    sim_event_free(s, e);
}

static struct airframe *frame_new(struct sim *s, struct sim_station *h, size_t len,
                                  void (*fire)(struct sim *s, struct sim_event *e))
{
    size_t size = sizeof(struct airframe) + len;
    struct airframe *f = sim_get(&s->pool, size);

    *f = (struct airframe){.event = {.fire = fire, .size = size},
                           .station = h,
                           .node = h->at,
                           .len = len,
                           .moves = h->moves};
    return f;
}

static void transmit(struct sim *s, struct sim_station *h, const uint8_t dst[6],
                     const uint8_t *packet, size_t len)
{
    if (h->at == 0)
        return;
    struct airframe *f = frame_new(s, h, ETH + len, uplink);
    memcpy(f->data, dst, 6);
    memcpy(f->data + 6, h->lladdr.b, 6);
    f->data[12] = 0x86;
    f->data[13] = 0xdd;
    memcpy(f->data + ETH, packet, len);
    sim_post(s, &f->event, s->now + RADIO);
}

void sim_station_send_nd(struct sim *s, struct sim_station *h, const uint8_t dst[6],
                         const struct gw_nd *nd)
{
    uint8_t buf[256];
    int len = gw_nd_write(nd, buf, sizeof buf);

    if (len > 0)
        transmit(s, h, dst, buf, (size_t)len);
}

void sim_station_send(struct sim *s, struct sim_station *h, const uint8_t *packet, size_t len)
{
    const struct gw_lladdr *to = h->at != 0 ? sim_router_next_hop(s, h) : NULL;

    if (to != NULL)
        transmit(s, h, to->b, packet, len);
}

static void solicit(struct sim *s, struct sim_event *e)
{
    struct sim_station *h =
        (struct sim_station *)(void *)((uint8_t *)e - offsetof(struct sim_station, rs));
    struct gw_nd rs = {
        .src = h->ll, .dst = {{0xff, 2, [15] = 2}}, .type = GW_ND_RS, .slla = h->lladdr};

    if (h->at == 0 || h->rs_wait == 0)
        return;
    sim_station_send_nd(s, h, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 2}, &rs);
    sim_post(s, &h->rs, s->now + h->rs_wait);
    h->rs_wait *= 2;
}

/* Duplicate address detection (RFC 4862 §5.4): one solicitation from ::. */
static void detect(struct sim *s, struct sim_station *h, const struct gw_addr *a)
{
    struct gw_nd ns = {.dst = gw_nd_solicited_node(a), .type = GW_ND_NS, .target = *a};
    uint8_t mac[6] = {0x33, 0x33};

    memcpy(mac + 2, ns.dst.b + 12, 4);
    sim_station_send_nd(s, h, mac, &ns);
}

static void enter(struct sim_station *h, struct sim_node *n)
{
    h->at = n->index;
    h->prev = &n->stations;
    h->next = n->stations;
    if (h->next != NULL)
        h->next->prev = &h->next;
    n->stations = h;
}

static void expire(struct sim *s, struct sim_station *h)
{
    for (size_t i = 0; i < h->naddr; i++)
        if (h->addr[i].valid <= s->now)
            h->addr[i--] = h->addr[--h->naddr];
    for (size_t i = 0; i < h->nrouter; i++)
        if (h->router[i].until <= s->now)
            h->router[i--] = h->router[--h->nrouter];
}

void sim_station_attach(struct sim *s, struct sim_station *h, size_t node, bool carrier)
{
    h->rs.fire = solicit;
    enter(h, &s->node[node]);
    h->since = s->now;
    h->moves++;
    sim_note(s, SIM_NOTE_ATTACH, h->index, node, 0);
    if (s->trace)
        sim_say(s, "mn%zu attaches to %s", h->index, s->node[node].name);
    expire(s, h);
    if (h->by_hand || (!carrier && h->nrouter > 0))
        return; /* it has noticed nothing; its next packet gives it away */
    sim_router_forget_links(h);
    h->rs_wait = RS_WAIT;
    detect(s, h, &h->ll);
    sim_post(s, &h->rs, s->now + (int64_t)gw_prng_below(&s->prng, (uint64_t)SIM_S));
}

void sim_station_leave(struct sim *s, struct sim_station *h)
{
    sim_note(s, SIM_NOTE_LEAVE, h->index, h->at, 0);
    if (s->trace)
        sim_say(s, "mn%zu leaves", h->index);
    if (h->at != 0) {
        *h->prev = h->next;
        if (h->next != NULL)
            h->next->prev = h->prev;
    }
    h->at = 0;
    h->rs_wait = 0;
}

/* -- what it has --------------------------------------------------------------------------------
 */

struct sim_haddr *sim_station_addr(struct sim_station *h, const struct gw_prefix *p)
{
    for (size_t i = 0; i < h->naddr; i++)
        if (gw_prefix_eq(&h->addr[i].prefix, p))
            return &h->addr[i];
    return NULL;
}

struct sim_haddr *sim_station_newest(struct sim *s, struct sim_station *h)
{
    struct sim_haddr *best = NULL;

    expire(s, h);
    for (size_t i = 0; i < h->naddr; i++) {
        struct sim_haddr *a = &h->addr[i];
        bool better = a->preferred > s->now, good = best != NULL && best->preferred > s->now;
        if (best == NULL || (better == good ? a->since > best->since : better))
            best = a;
    }
    return best;
}

/* RFC 4862 §5.5.3. */
static void hear_prefix(struct sim *s, struct sim_station *h, const struct gw_nd_pio *p)
{
    struct sim_haddr *a = sim_station_addr(h, &p->prefix);
    int64_t valid = s->now + (int64_t)p->valid_s * SIM_S;

    if (!p->autonomous || p->prefix.len != 64 || p->preferred_s > p->valid_s)
        return;
    if (a == NULL && (p->valid_s == 0 || h->naddr == SIM_ADDRS))
        return;
    if (a == NULL) {
        a = &h->addr[h->naddr++];
        *a = (struct sim_haddr){.prefix = p->prefix,
                                .addr = with_iid(&p->prefix.addr, &h->lladdr),
                                .valid = valid,
                                .since = s->now};
        detect(s, h, &a->addr);
    } else if (p->valid_s > 7200 || valid > a->valid) {
        a->valid = valid;
    } else if (a->valid > s->now + TWO_HOURS) {
        a->valid = s->now + TWO_HOURS;
    }
    a->preferred = s->now + (int64_t)p->preferred_s * SIM_S;
}

static void hear_ra(struct sim *s, struct sim_station *h, const struct gw_nd *ra)
{
    h->rs_wait = 0;
    expire(s, h);
    sim_router_heard(s, h, ra);
    for (size_t i = 0; i < ra->npio; i++)
        hear_prefix(s, h, &ra->pio[i]);
}

static bool has(const struct sim_station *h, const struct gw_addr *a)
{
    if (gw_addr_eq(a, &h->ll))
        return true;
    for (size_t i = 0; i < h->naddr; i++)
        if (gw_addr_eq(a, &h->addr[i].addr))
            return true;
    return false;
}

static void hear_ns(struct sim *s, struct sim_station *h, const struct gw_nd *ns,
                    const uint8_t from[6])
{
    struct gw_nd na = {.src = ns->target,
                       .dst = ns->src,
                       .type = GW_ND_NA,
                       .target = ns->target,
                       .solicited = true,
                       .tlla = h->lladdr};

    if (!gw_addr_is_zero(&ns->src) && (h->by_hand || has(h, &ns->target)))
        sim_station_send_nd(s, h, from, &na);
}

/* -- what reaches it ----------------------------------------------------------------------------
 */

/* A General Query (behind a Router Alert) is answered; what with, nobody here reads. */
static bool hear_query(struct sim *s, struct sim_station *h, const uint8_t *packet, size_t len)
{
    struct gw_nd ns = {
        .src = h->ll, .dst = {{0xff, 2, [15] = 2}}, .type = GW_ND_NS, .target = h->ll};
    uint8_t report[256];

    if (len < 49 || packet[6] != 0 || packet[48] != 130)
        return false;
    int n = gw_nd_write(&ns, report, sizeof report);
    if (n <= 40)
        abort();
    report[40] = 143; /* a Version 2 report, as long as that */
    transmit(s, h, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 0x16}, report, (size_t)n);
    return true;
}

static void hear(struct sim *s, struct sim_station *h, const struct airframe *f)
{
    const uint8_t *packet = f->data + ETH;
    size_t len = f->len - ETH;
    struct gw_nd nd;

    if (!h->by_hand && hear_query(s, h, packet, len))
        return;
    bool is_nd = gw_nd_parse(packet, len, &nd).code == GW_PARSE_OK;
    if (is_nd && nd.type == GW_ND_NS)
        hear_ns(s, h, &nd, f->data + 6);
    else if (is_nd && nd.type == GW_ND_RA && !h->by_hand)
        hear_ra(s, h, &nd);
    else if (is_nd && nd.type == GW_ND_NA)
        sim_router_answers(s, h, &nd);
    else if (!is_nd && !h->by_hand)
        sim_flow_arrived(s, h, packet, len);
}

static void downlink(struct sim *s, struct sim_event *e)
{
    struct airframe *f = (struct airframe *)e;

    if (f->station->at == f->node && f->station->moves == f->moves)
        hear(s, f->station, f);
    sim_event_free(s, e);
}

static void deliver(struct sim *s, struct sim_station *h, const uint8_t *frame, size_t len)
{
    struct airframe *f = frame_new(s, h, len, downlink);

    memcpy(f->data, frame, len);
    sim_post(s, &f->event, s->now + RADIO);
}

void sim_station_frame(struct sim *s, size_t node, const uint8_t *frame, size_t len)
{
    if ((frame[0] & 1) != 0) {
        for (struct sim_station *h = s->node[node].stations; h != NULL; h = h->next)
            deliver(s, h, frame, len);
        return;
    }
    struct sim_station *h = sim_station_by_mac(s, frame);
    if (h != NULL && h->at == node)
        deliver(s, h, frame, len);
}

void sim_station_nd(struct sim *s, size_t node, const struct gw_lladdr *src,
                    const struct gw_lladdr *dst, const uint8_t *data, size_t len)
{
    uint8_t frame[ETH + 2048];

    if (len > 2048)
        return;
    sim_judge_nd(s, &s->node[node], src, dst, data, len);
    memcpy(frame, dst->b, 6);
    memcpy(frame + 6, src->b, 6);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    memcpy(frame + ETH, data, len);
    sim_station_frame(s, node, frame, ETH + len);
}
