/* serve_world.c: see serve_world.h. */
#include "serve_world.h"

#include <string.h>

struct gw_addr w_addr(const char *text)
{
    struct gw_addr a;

    assert_int_equal(gw_parse_addr(text, &a), 0);
    return a;
}

struct gw_intent w_service(const char *cs_id, uint8_t proto, uint16_t port,
                           enum gw_affinity affinity, enum gw_steer_policy policy)
{
    return (struct gw_intent){
        .kind = GW_INTENT_SERVICE_SET,
        .service = {.key = {.cs_id = w_addr(cs_id), .proto = proto, .port = port},
                    .affinity = affinity,
                    .timeout = GW_SEC(100000000),
                    .policy = policy,
                    .rule = {.quantile = 841, .width = 4, .interval_ms = 100},
                    .max_age_ms = 1000,
                    .blur = 200,
                    .error_limit = 100,
                    .lasting = 1024}};
}

struct gw_intent w_instance(const struct gw_intent *service, const char *csci_id,
                            const char *egress, uint32_t path_us)
{
    return (struct gw_intent){.kind = GW_INTENT_INSTANCE_SET,
                              .instance = {.csci_id = w_addr(csci_id),
                                           .service = service->service.key,
                                           .egress = w_addr(egress),
                                           .path_us = path_us,
                                           .service_us = 1000,
                                           .slots = 8,
                                           .weight = 1,
                                           .measured = GW_SEC(1),
                                           .now = GW_SEC(1)}};
}

static size_t l4_len(const struct w_packet *p)
{
    return p->proto == W_TCP ? 20 : 8;
}

static void put_ip(uint8_t *h, struct gw_addr src, struct gw_addr dst, uint8_t next, size_t len)
{
    memset(h, 0, 40);
    h[0] = 0x60;
    h[4] = (uint8_t)(len >> 8);
    h[5] = (uint8_t)len;
    h[6] = next;
    h[7] = 64;
    memcpy(h + 8, src.b, 16);
    memcpy(h + 24, dst.b, 16);
}

static size_t put_l4(const struct w_packet *p, uint8_t *at)
{
    memset(at, 0, l4_len(p) + p->payload);
    if (p->proto != W_ICMP6) {
        at[0] = (uint8_t)(p->sport >> 8);
        at[1] = (uint8_t)p->sport;
        at[2] = (uint8_t)(p->dport >> 8);
        at[3] = (uint8_t)p->dport;
    } else {
        at[0] = 128;
    }
    if (p->proto == W_TCP) {
        at[12] = 5 << 4;
        at[13] = p->flags;
    }
    return l4_len(p) + p->payload;
}

static void put_eth(const struct w_packet *p, uint8_t *b)
{
    static const uint8_t some[6] = {2, 0, 0, 0, 9, 9};

    memset(b, 2, 6);
    memcpy(b + 6, p->mac != NULL ? p->mac : some, 6);
    b[12] = 0x86;
    b[13] = 0xdd;
}

size_t w_frame(const struct w_packet *p, uint8_t *b)
{
    size_t len = put_l4(p, b + W_L4);

    put_eth(p, b);
    put_ip(b + 14, p->src, p->dst, p->proto, len);
    return W_L4 + len;
}

size_t w_error(const struct w_packet *p, uint8_t *b)
{
    struct w_packet back = *p;
    uint8_t *icmp = b + W_L4;

    back.src = p->dst;
    back.dst = p->src;
    back.sport = p->dport;
    back.dport = p->sport;
    size_t quoted = 40 + put_l4(&back, icmp + 8 + 40);
    put_ip(icmp + 8, back.src, back.dst, p->proto, quoted - 40);
    memset(icmp, 0, 8);
    icmp[0] = 2;
    icmp[6] = 5;
    put_eth(p, b);
    put_ip(b + 14, p->src, p->dst, W_ICMP6, 8 + quoted);
    return W_L4 + 8 + quoted;
}

size_t w_tunnel(uint8_t *b, size_t len, struct gw_addr from, struct gw_addr to, bool mark)
{
    static const uint8_t option[8] = {41, 0, 0x1e, 4, 0x47, 0x57, 1, 0};
    size_t room = 40 + (mark ? sizeof option : 0);

    memmove(b + 14 + room, b + 14, len - 14);
    put_ip(b + 14, from, to, mark ? 60 : 41, len - 14 + room - 40);
    if (mark)
        memcpy(b + 14 + 40, option, sizeof option);
    return len + room;
}
