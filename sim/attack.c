/* attack.c: who means ill, and what a domain must not let happen. Stations send from addresses of
 * others, strangers send tunnel packets, a MAAR tunnels what is not its to bring, and somebody on
 * the way changes messages and makes up their time and checksum. judge.c sees whether any is
 * believed.
 */
#include "exam.h"
#include "judge.h"
#include "wire/mh_int.h"

#define ETH    14u
#define IP6    40u
#define WHILE  (2 * SIM_S)
#define NOBODY UINT32_MAX /* no flow has that number */

/* A packet with an outer header before it, as it comes from the core. */
static void tunnel(struct sim *s, struct sim_node *to, const struct gw_addr *from,
                   const struct gw_addr *src, const struct gw_addr *dst)
{
    uint8_t f[ETH + IP6 + SIM_FLOW_PACKET] = {2, [6] = 2, [12] = 0x86, 0xdd};
    struct gw_wr w = gw_wr_make(f + ETH, IP6);

    gw_wr_u32(&w, 0x60000000);
    gw_wr_u16(&w, SIM_FLOW_PACKET);
    gw_wr_u8(&w, 41);
    gw_wr_u8(&w, 64);
    gw_wr_put(&w, from->b, 16);
    gw_wr_put(&w, to->cfg[0].addr.b, 16);
    sim_flow_write(f + ETH + IP6, src, dst, NOBODY, 1);
    sim_plane_frame(s, to, true, f, sizeof f, 0);
}

/* A stranger reaches for the station, a peer speaks in its name: it is not there. */
static void tunnels(struct sim *s, struct sim_station *h, const struct gw_addr *a)
{
    struct gw_addr server = sim_server(s, s->nnodes), stranger = server;

    stranger.b[15] = 0x66;
    tunnel(s, &s->node[h->at], &stranger, &server, a);
    for (size_t i = 1; i < s->nnodes; i++)
        for (size_t k = 1; k < s->nnodes; k++)
            if (i != k && k != h->at)
                tunnel(s, &s->node[i], &s->node[k].cfg[0].addr, a, &server);
}

static void stations(struct sim *s)
{
    struct gw_addr server = sim_server(s, s->nnodes);
    uint8_t p[SIM_FLOW_PACKET];

    for (size_t i = 0; i < s->nstations; i++) {
        struct sim_station *h = &s->station[i];
        const struct sim_haddr *a = h->at != 0 ? sim_station_newest(s, h) : NULL;
        if (a == NULL)
            continue;
        tunnels(s, h, &a->addr);
        sim_flow_write(p, &a->addr, &server, NOBODY, 1);
        for (size_t k = 0; k < s->nstations; k++)
            if (k != i && s->station[k].at != 0 &&
                sim_station_addr(&s->station[k], &a->prefix) == NULL) /* it may have it now */
                sim_station_send(s, &s->station[k], p, sizeof p);
    }
}

void sim_seal(struct sim_seen *m)
{
    memset(m->data + GW_MH_CHECKSUM_AT, 0, 2);
    gw_mh_seal(&m->addrs, m->data, m->len);
}

/* A message that was sent lately, with another value in the option of that type and, as an attacker
 * would, the Mesg-ID that its sender would give it now, and the right checksum. */
static void forge(struct sim *s, const struct sim_seen *seen, uint8_t type)
{
    struct sim_seen m = *seen;
    const struct gw_opt *id, *o;
    size_t it = 0, other = 0;

    if (gw_mh_parse(&gw_mh_codec_default, &m.addrs, m.data, m.len, &s->mh).code != GW_PARSE_OK ||
        (id = gw_mh_opt(&s->mh, GW_OPT_MESGID, &it)) == NULL ||
        (o = gw_mh_opt(&s->mh, type, &other)) == NULL)
        return;
    struct gw_wr w = gw_wr_make(m.data + id->offset + 2, 8);
    gw_wr_u64(&w, id->u64 + (uint64_t)gw_ntp_span(s->now - seen->at) + 1);
    m.data[o->offset + 9] ^= 1;
    sim_seal(&m);
    sim_judge_message(s, &s->node[m.to], &m.addrs, m.data, m.len, true);
}

static void messages(struct sim *s)
{
    static const uint8_t changed[] = {GW_OPT_HNP, GW_OPT_TIMESTAMP, GW_OPT_AUTH};
    size_t n = sizeof s->seen / sizeof *s->seen;

    for (size_t i = 0; i < n && i < s->nseen; i++) {
        struct sim_seen was = s->seen[i];
        for (size_t k = 0; k < sizeof changed && !s->failed; k++)
            forge(s, &was, changed[k]);
        sim_judge_message(s, &s->node[was.to], &was.addrs, was.data, was.len, false);
    }
}

void sim_attack(struct sim *s)
{
    stations(s);
    messages(s);
    sim_until(s, s->now + WHILE);
}
