/* fuzz_path.c: the packet path's native build with tables and frames from a program of octets: one
 * opcode sets or deletes an entry or sends a frame, made of a few addresses that meet the entries,
 * or raw. Whatever comes in, what leaves keeps the promises below.
 */
#include <linux/bpf.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/err.h"
#include "plane/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    AP = 7,
    CORE = 8,
    CLIENT = 9,
    ROOM = 48,
    MARK = 8,
    FRAME_MAX = 400,
    STEPS = 64,
    OUTER = 14,
    IP6 = 40
};

struct run {
    struct gw_rd in;
    struct gw_native *n;
    uint64_t frames;
};

static const struct gw_addr zero, me = {.b = {0x20, 1, 0xd, 0xb8, [15] = 1}};

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* Few addresses, so that frames meet entries; now and then a special one. */
static struct gw_addr any_addr(struct gw_rd *r)
{
    uint8_t c = gw_rd_u8(r);
    struct gw_addr a = me;

    if (c >= 0xf0)
        return (struct gw_addr){.b = {c == 0xf0 ? 0xfe : c == 0xf1 ? 0xff : 0, 0x80, [15] = c & 1}};
    a.b[5] = c & 3;
    a.b[7] = c >> 2 & 3;
    a.b[11] = c >> 4 & 3;
    a.b[15] = 1 + (c >> 6);
    return a;
}

static struct gw_lladdr any_mac(struct gw_rd *r)
{
    uint8_t c = gw_rd_u8(r);

    return (struct gw_lladdr){.len = c < 0xf8 ? 6 : c & 15, .b = {c == 0x77, 0, 0, 0, 0, c & 3}};
}

static struct gw_service_key any_key(struct gw_rd *r)
{
    static const uint8_t protos[] = {0, 6, 17, 58};
    uint8_t c = gw_rd_u8(r);

    return (struct gw_service_key){
        .cs_id = any_addr(r), .proto = protos[c & 3], .port = (uint16_t)(c >> 2 & 7)};
}

static struct gw_intent_service any_service(struct gw_rd *r)
{
    uint8_t c = gw_rd_u8(r);

    return (struct gw_intent_service){.key = any_key(r),
                                      .affinity = (enum gw_affinity)(1 + c % 3),
                                      .timeout = GW_SEC(1 + (c >> 2 & 7)),
                                      .reselect = (c & 32) != 0,
                                      .ask = (c & 0xc0) == 0xc0 ? any_addr(r) : zero,
                                      .policy = gw_rd_u8(r) % GW_STEER_POLICY_COUNT,
                                      .rule = {.quantile = 841, .width = gw_rd_u8(r)},
                                      .max_age_ms = gw_rd_u8(r),
                                      .blur = gw_rd_u8(r),
                                      .error_limit = gw_rd_u8(r)};
}

static struct gw_intent_instance any_instance(struct gw_rd *r)
{
    uint8_t c = gw_rd_u8(r);

    return (struct gw_intent_instance){.service = any_key(r),
                                       .csci_id = any_addr(r),
                                       .state = (enum gw_instance_state)(c % 3),
                                       .here = (c & 4) != 0,
                                       .delivery = (enum gw_delivery)(c >> 3 & 1),
                                       .egress = any_addr(r),
                                       .via = any_addr(r),
                                       .path_us = gw_rd_u8(r),
                                       .service_us = gw_rd_u8(r),
                                       .load = gw_rd_u8(r),
                                       .slots = c >> 3,
                                       .errors = gw_rd_u8(r),
                                       .weight = gw_rd_u8(r),
                                       .measured = GW_SEC(c >> 5),
                                       .now = GW_SEC(8)};
}

static struct gw_intent_flow any_flow(struct gw_rd *r)
{
    return (struct gw_intent_flow){
        .service = any_key(r),
        .flow = {.src = any_addr(r), .proto = gw_rd_u8(r), .sport = gw_rd_u8(r)},
        .csci_id = any_addr(r),
        .now = GW_SEC(8)};
}

static void set(struct run *x, enum gw_intent_kind kind)
{
    struct gw_rd *r = &x->in;
    struct gw_intent in = {.kind = kind};

    switch (kind) {
    case GW_INTENT_PEER_SET:
    case GW_INTENT_PEER_DEL:
        in.peer.addr = any_addr(r);
        in.peer.mtu = (uint16_t)(1200 + gw_rd_u8(r) * 2);
        in.peer.nets = (in.peer.mtu & 4) != 0;
        break;
    case GW_INTENT_STATION_SET:
    case GW_INTENT_STATION_DEL:
        in.station.key.iface = gw_rd_u8(r) % 3;
        in.station.key.lladdr = any_mac(r);
        in.station.nets = gw_rd_u8(r) & 1;
        break;
    case GW_INTENT_PREFIX_SET:
    case GW_INTENT_PREFIX_DEL:
        in.prefix.prefix.addr = any_addr(r);
        in.prefix.prefix.len = gw_rd_u8(r);
        in.prefix.kind = (enum gw_prefix_kind)(gw_rd_u8(r) % 3);
        in.prefix.peer = any_addr(r);
        in.prefix.station.lladdr = any_mac(r);
        in.prefix.dlif = any_mac(r);
        in.prefix.watch_up = in.prefix.watch_down = true;
        break;
    case GW_INTENT_NET_SET:
    case GW_INTENT_NET_DEL:
        in.net.kind = (enum gw_net_kind)(gw_rd_u8(r) % 3);
        in.net.prefix.addr = any_addr(r);
        in.net.prefix.len = gw_rd_u8(r);
        in.net.peer = any_addr(r);
        in.net.via = (struct gw_prefix){.addr = any_addr(r), .len = 64};
        if (in.net.kind == GW_NET_BEHIND)
            in.net.station.lladdr = any_mac(r);
        break;
    case GW_INTENT_SERVICE_SET:
    case GW_INTENT_SERVICE_DEL:
        in.service = any_service(r);
        break;
    case GW_INTENT_INSTANCE_SET:
    case GW_INTENT_INSTANCE_DEL:
        in.instance = any_instance(r);
        break;
    case GW_INTENT_FLOW_SET:
    case GW_INTENT_FLOW_DEL:
        in.flow = any_flow(r);
        break;
    case GW_INTENT_HOLD_SET:
    case GW_INTENT_HOLD_DEL:
    case GW_INTENT_MARK:
    case GW_INTENT_SYNC:
    case GW_INTENT_SERVE_SYNC:
        gw_native_restart(x->n);
        break;
    }
    gw_native_apply(x->n, &in);
}

/* What the driver says depends on the destination alone. */
static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    (void)user;
    *hop = (struct gw_native_hop){.ifindex = CORE, .mtu = 1280 + dst->b[11] * 40u};
    if (dst->b[15] == 4)
        return dst->b[11] + BPF_FIB_LKUP_RET_BLACKHOLE + dst->b[7];
    return len > hop->mtu ? BPF_FIB_LKUP_RET_FRAG_NEEDED : BPF_FIB_LKUP_RET_SUCCESS;
}

static void error(void *user, const struct gw_icmp_error *e, const uint8_t *packet, size_t len)
{
    uint8_t buf[GW_ICMP_ERROR_MAX];

    (void)user;
    int n = gw_icmp_error_write(e, packet, len, buf);
    demand(n == GW_ESHORT || (n >= 0 && n <= GW_ICMP_ERROR_MAX));
    demand(e->type != 2 || e->mtu >= 1280);
}

/* -- frames --------------------------------------------------------------------------------------
 */

static void put_ip(struct gw_wr *w, struct gw_rd *r, uint8_t next, size_t payload)
{
    struct gw_addr src = any_addr(r), dst = next == 41 && gw_rd_u8(r) < 0xc0 ? me : any_addr(r);
    uint32_t tclass = gw_rd_u8(r), label = gw_rd_u8(r);

    gw_wr_u32(w, 0x60000000u | tclass << 20 | label);
    gw_wr_u16(w, (uint16_t)payload);
    gw_wr_u8(w, next);
    gw_wr_u8(w, gw_rd_u8(r));
    gw_wr_put(w, &src, sizeof src);
    gw_wr_put(w, &dst, sizeof dst);
}

static size_t make(struct gw_rd *r, uint8_t how, uint8_t buf[static FRAME_MAX])
{
    static const uint8_t nexts[] = {6, 17, 58, 59};
    static const uint8_t mark[MARK] = {41, 0, 0x1e, 4, 0x47, 0x57, 1, 0};
    struct gw_wr w = gw_wr_make(buf, FRAME_MAX);
    struct gw_lladdr mac = any_mac(r);
    size_t payload = gw_rd_u8(r) & 0x7f;

    gw_wr_put(&w, mac.b, 6);
    gw_wr_put(&w, mac.b, 6);
    gw_wr_u16(&w, 0x86dd);
    if ((how & 1) && payload > 0x60) { /* a D-Forwarder asks */
        put_ip(&w, r, 60, payload + IP6 + MARK);
        gw_wr_put(&w, mark, sizeof mark);
    } else if (how & 1) {
        put_ip(&w, r, 41, payload + IP6);
    }
    put_ip(&w, r, nexts[how >> 1 & 3], payload);
    const uint8_t *rest = gw_rd_take(r, payload);
    if (rest != NULL)
        gw_wr_put(&w, rest, payload);
    if (how & 8) { /* break something */
        uint8_t at = gw_rd_u8(r);
        buf[at] ^= gw_rd_u8(r);
    }
    return how & 16 ? gw_rd_u8(r) % (gw_wr_len(&w) + 1) : gw_wr_len(&w);
}

/* The entry for an address as tables.h has it: a /64 first, then the longest. */
static const struct gw_t_prefix *entry(const struct gw_native *n, const uint8_t *addr)
{
    struct gw_prefix p = {.len = 64};
    memcpy(p.addr.b, addr, sizeof p.addr.b);
    const struct gw_t_prefix *e = gw_native_prefix(n, &p);

    for (p.len = 128; e == NULL && p.len > 0; p.len--)
        e = gw_native_prefix(n, &p);
    return e;
}

/* What left: of the length that its form asks for, one hop on, to where it may go. */
static void check_sent(const struct run *x, uint32_t from, const uint8_t *in, size_t len,
                       const struct gw_native_frame *f, const struct gw_native_result *res)
{
    bool ask = res->reason == GW_R_ASKED;
    bool encap = ask || res->reason == GW_R_TUNNELLED || res->reason == GW_R_RELAYED ||
                 res->reason == GW_R_STEERED;
    size_t on = ask ? IP6 + MARK : encap ? IP6 : 0, off = len + on - f->len;
    bool decap = off != 0;
    const uint8_t *was = in + OUTER + off, *is = f->data + OUTER + on;

    demand(off == 0 || off == IP6 || (off == IP6 + MARK && in[OUTER + 6] == 60));
    demand(is[7] == was[7] - 1 && memcmp(is + 8, was + 8, 32) == 0);
    demand(!encap ||
           (f->data[OUTER + 6] == (ask ? 60 : 41) && memcmp(f->data + OUTER + 8, me.b, 16) == 0));
    demand((size_t)(f->data[OUTER + 4] << 8 | f->data[OUTER + 5]) + OUTER + IP6 <= f->len);
    if (from != AP)
        return;
    const struct gw_t_prefix *own = entry(x->n, was + 8); /* a station's own, or not at all */
    demand(own != NULL && own->kind != GW_PFX_MOVED && !decap);
    demand(own->station.ifindex == AP && memcmp(own->station.mac, in + 6, 6) == 0);
}

static void send(struct run *x, uint8_t how)
{
    uint8_t buf[FRAME_MAX] = {0};
    size_t len = make(&x->in, how, buf);
    uint32_t from = how & 64 ? CLIENT : how & 32 ? AP : CORE;
    uint8_t *room = malloc(ROOM + len); /* exactly: the sanitizer sees one octet too many */

    demand(room != NULL);
    memcpy(room + ROOM, buf, len);
    size_t head = gw_rd_u8(&x->in) == 1 ? ROOM - 1 : ROOM;
    struct gw_native_frame f = {.data = room + ROOM, .len = len, .headroom = head};
    struct gw_native_result res = gw_native_packet(x->n, from, &f, GW_SEC(++x->frames));
    demand(res.reason < GW_R_COUNT);
    demand(f.data >= room && f.data + f.len == room + ROOM + len);
    if (res.action == GW_NATIVE_SEND)
        check_sent(x, from, buf, len, &f, &res);
    if (res.action == GW_NATIVE_DROP)
        demand(res.reason >= GW_R_MALFORMED && res.reason < GW_R_PEER_MTU && f.len == len);
    x->frames -= len < OUTER; /* too short to be a frame: nothing is counted */
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gw_native_if ifs[] = {
        {AP, 1400, GW_T_ACCESS}, {CORE, 1500, GW_T_CORE}, {CLIENT, 1500, GW_T_CLIENT}};
    static const enum gw_intent_kind kinds[] = {
        GW_INTENT_PEER_SET,     GW_INTENT_PEER_DEL,    GW_INTENT_STATION_SET,
        GW_INTENT_STATION_DEL,  GW_INTENT_PREFIX_SET,  GW_INTENT_PREFIX_DEL,
        GW_INTENT_NET_SET,      GW_INTENT_NET_DEL,     GW_INTENT_SYNC,
        GW_INTENT_SERVICE_SET,  GW_INTENT_SERVICE_DEL, GW_INTENT_INSTANCE_SET,
        GW_INTENT_INSTANCE_DEL, GW_INTENT_FLOW_SET,    GW_INTENT_FLOW_DEL,
        GW_INTENT_SERVE_SYNC};
    const struct gw_native_ops ops = {.route = route, .error = error};
    struct run x = {.in = gw_rd_make(data, size)};
    uint64_t counted = 0;

    x.n = gw_native_new(
        &(struct gw_native_conf){.addr = me, .nifs = 3, .ifs = ifs, .flows = 8, .seed = 1}, &ops,
        NULL, &gw_alloc_libc);
    demand(x.n != NULL);
    for (int i = 0; i < STEPS && gw_rd_left(&x.in) > 0; i++) {
        uint8_t op = gw_rd_u8(&x.in);
        if (op < 0x80)
            set(&x, kinds[op % (sizeof kinds / sizeof *kinds)]);
        else
            send(&x, op & 0x7f);
    }
    for (int r = 0; r < GW_R_PEER_MTU; r++)
        counted += gw_native_counter(x.n, (enum gw_reason)r).packets;
    demand(counted == x.frames); /* each packet has exactly one fate */
    gw_native_free(x.n);
    return 0;
}
