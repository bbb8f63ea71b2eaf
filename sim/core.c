/* core.c: the network between the nodes, and the packet path's edges: links that delay, lose,
 * duplicate, reorder and are cut in one direction, and the route that a packet takes: to the node
 * whose address or pool its destination is of, or to the server.
 */
#include "cats.h"
#include "judge.h"

#include <stdlib.h>

#include <linux/bpf.h>

#define ETH    14u
#define IP6    40u
#define QUEUE  (500 * SIM_MS) /* what waits for a link at most */
#define BEHIND SIM_MS         /* to the network behind a node, and back */

struct parcel {
    struct sim_event event;
    size_t to;
    bool mh;
    bool stamp, reflect, refused; /* a packet of STAMP: struct gw_input has what these are */
    bool behind;                  /* for the server in the network behind `to` */
    unsigned hops;
    struct gw_mh_addrs addrs;
    size_t len;
    uint8_t data[];
};

struct sim_link *sim_link(struct sim *s, size_t from, size_t to)
{
    return &s->links[from * (s->nnodes + 1) + to];
}

bool sim_chance(struct sim *s, uint32_t of_1000)
{
    return of_1000 != 0 && gw_prng_below(&s->prng, 1000) < of_1000;
}

/* The node that a CSCI-ID (CATS) is routed to: the egress of whoever has the instance. */
static size_t egress_of(const struct sim *s, const struct gw_addr *a)
{
    for (size_t i = 0; i < s->nnodes; i++) {
        const struct gw_config *c = &s->node[i].cfg[s->node[i].cfg_now];
        for (size_t k = 0; k < c->ninstances; k++)
            if (gw_addr_eq(a, &c->instances[k].csci_id))
                return sim_is(&s->node[i], GW_ROLES_STEERING)
                           ? i
                           : sim_core_end(s, &c->steering.egress);
    }
    return SIZE_MAX;
}

/* The host of an instance beside this node. */
static bool is_beside(const struct sim_node *n, const struct gw_addr *a)
{
    const struct gw_config *c = &n->cfg[n->cfg_now];

    for (size_t k = 0; k < c->ninstances; k++)
        if (gw_addr_eq(a, &c->instances[k].address))
            return true;
    return false;
}

size_t sim_core_end(const struct sim *s, const struct gw_addr *a)
{
    struct gw_addr server = sim_server(s, s->nnodes);

    if (gw_addr_eq(a, &server))
        return s->nnodes;
    size_t node = (size_t)a->b[14] << 8 | a->b[15]; /* config.c */
    if (node > 0 && node <= s->nnodes && gw_addr_eq(a, &s->node[node - 1].cfg[0].addr))
        return node - 1;
    node = (size_t)a->b[4] << 8 | a->b[5];
    if (node < s->nnodes && sim_anchors(&s->node[node])) {
        struct gw_prefix pool = sim_pool(node);
        if (gw_prefix_contains(&pool, a))
            return node;
    }
    return egress_of(s, a);
}

static void carry(struct sim *s, size_t from, const struct parcel *head, const uint8_t *data,
                  int64_t later);

static void stamp_arrives(struct sim *s, const struct parcel *p)
{
    struct sim_node *n = &s->node[p->to];
    struct gw_input in = {.kind = GW_IN_STAMP,
                          .stamp = {.from = p->addrs.src,
                                    .port = GW_STAMP_PORT,
                                    .hop_limit = 255,
                                    .reflect = p->reflect,
                                    .refused = p->refused,
                                    .received = gw_ntp_time(sim_node_now(s, n).wall_ns),
                                    .data = p->data,
                                    .len = p->len}};

    if (n->node != NULL || p->refused || !p->reflect) {
        (void)sim_node_input(s, n, &in);
        return;
    }
    struct parcel no = {.to = sim_core_end(s, &p->addrs.src),
                        .stamp = true,
                        .refused = true,
                        .addrs = {.src = p->addrs.dst, .dst = p->addrs.src}};
    carry(s, p->to, &no, p->data, 0);
}

static void arrive(struct sim *s, struct sim_event *e)
{
    struct parcel *p = (struct parcel *)e;

    if (p->stamp) {
        stamp_arrives(s, p);
    } else if (p->mh) {
        s->tally.messages++;
        sim_mix(s, p->data, p->len);
        sim_count_arrived(s, p->to, &p->addrs, p->data, p->len);
        sim_judge_message(s, &s->node[p->to], &p->addrs, p->data, p->len, false);
    } else if (p->behind || p->to == s->nnodes) {
        sim_server_packet(s, p->to, p->data + ETH, p->len - ETH);
    } else {
        sim_plane_frame(s, &s->node[p->to], true, p->data, p->len, p->hops);
    }
    sim_event_free(s, e);
}

static void post(struct sim *s, const struct parcel *head, const uint8_t *data, int64_t at)
{
    size_t size = sizeof(struct parcel) + head->len;
    struct parcel *p = sim_get(&s->pool, size);

    *p = *head;
    p->event = (struct sim_event){.fire = arrive, .size = size};
    memcpy(p->data, data, head->len);
    sim_post(s, &p->event, at);
}

/* Behind what waits already. false: the queue is full; else *sent is when its last bit has left. */
static bool queue(struct sim *s, struct sim_link *l, size_t octets, int64_t *sent)
{
    *sent = s->now;
    if (l->rate == 0)
        return true;
    if (l->busy > s->now + QUEUE) {
        s->tally.queue_full++;
        return false;
    }
    l->busy = (l->busy > s->now ? l->busy : s->now) + (int64_t)octets * 8 * SIM_S / l->rate;
    *sent = l->busy;
    return true;
}

static void carry(struct sim *s, size_t from, const struct parcel *head, const uint8_t *data,
                  int64_t later)
{
    struct sim_link *l = sim_link(s, from, head->to);
    int64_t sent;

    if (l->cut || !queue(s, l, head->mh || head->stamp ? head->len + IP6 : head->len - ETH, &sent))
        return;
    unsigned copies = sim_chance(s, l->loss) ? 0 : sim_chance(s, l->dup) ? 2 : 1;
    while (copies-- > 0) {
        int64_t at = sent + l->delay + later;
        if (l->jitter > 0)
            at += (int64_t)gw_prng_below(&s->prng, (uint64_t)l->jitter);
        if (sim_chance(s, l->reorder))
            at += (int64_t)gw_prng_below(&s->prng, (uint64_t)(20 * SIM_MS));
        post(s, head, data, at);
    }
}

void sim_core_mh(struct sim *s, size_t from, const struct gw_mh_addrs *a, const uint8_t *data,
                 size_t len)
{
    size_t to = sim_core_end(s, &a->dst);

    sim_note(s, SIM_NOTE_SENT, from, to, (uint64_t)data[2] << 8 | data[6]);
    if (s->trace)
        sim_say(s, data[2] == GW_MH_BA ? "%s sends %s to %s, status %u" : "%s sends %s to %s",
                s->node[from].name, gw_mh_type_name(data[2]),
                to < s->nnodes ? s->node[to].name : "nobody", data[6]);
    struct sim_message m = {from, to, a, data, len, 0};
    if (s->hooks.message != NULL && !s->hooks.message(s->hooks.user, &m))
        return;
    if (to >= s->nnodes)
        return;
    sim_judge_octets(s, &s->node[from], a, data, len);
    sim_judge_sent(s, &s->node[to], data, len);
    sim_count_message(s, from, to, a, data, len);
    struct sim_seen *seen = &s->seen[s->nseen++ % (sizeof s->seen / sizeof *s->seen)];
    seen->at = s->now;
    seen->to = to;
    seen->len = len;
    seen->addrs = *a;
    memcpy(seen->data, data, len);
    carry(s, from, &(struct parcel){.to = to, .mh = true, .addrs = *a, .len = len}, data, m.later);
}

void sim_core_stamp(struct sim *s, size_t from, const struct gw_action *a)
{
    struct parcel p = {.to = sim_core_end(s, &a->stamp.to),
                       .stamp = true,
                       .reflect = !a->stamp.reflect,
                       .addrs = {.src = s->node[from].cfg[0].addr, .dst = a->stamp.to},
                       .len = a->stamp.len};

    if (p.to < s->nnodes)
        carry(s, from, &p, a->stamp.data, 0);
}

size_t sim_local_end(const struct sim *s, const struct gw_addr *a)
{
    size_t node = (size_t)a->b[6] << 8 | a->b[7]; /* config.c */

    if (node >= s->nnodes || (s->node[node].roles & GW_ROLE_MAAR) == 0 ||
        !gw_prefix_contains(&s->node[node].local, a))
        return SIZE_MAX;
    return node;
}

void sim_core_from_behind(struct sim *s, size_t node, const uint8_t *frame, size_t len)
{
    post(s, &(struct parcel){.to = node, .len = len}, frame, s->now + BEHIND);
}

/* An ICMPv6 error as a frame, of which the octets are in buf; 0: none is due. */
#define ERROR_FRAME (ETH + GW_ICMP_ERROR_MAX)
static size_t error_frame(const struct gw_icmp_error *e, const uint8_t *packet, size_t len,
                          uint8_t buf[ERROR_FRAME])
{
    memcpy(buf, (const uint8_t[ETH]){2, [6] = 2, [12] = 0x86, 0xdd}, ETH);
    int n = gw_icmp_error_write(e, packet, len, buf + ETH);

    return n > 0 ? ETH + (size_t)n : 0;
}

/* A router on the way has a next link that the packet does not fit into: it says so to whoever has
 * sent it, which is at the end that it came from. */
static void too_long(struct sim *s, size_t from, const struct sim_link *l, const uint8_t *frame,
                     size_t len)
{
    const struct gw_icmp_error e = {
        .type = 2, .mtu = l->mtu, .src = {{0x20, 0x01, 0x0d, 0xb8, 0xcc, 0xcc, [15] = 1}}};
    uint8_t error[ERROR_FRAME];
    size_t n = error_frame(&e, frame + ETH, len - ETH, error);

    s->tally.too_long++;
    if (n > 0 && !l->cut)
        post(s, &(struct parcel){.to = from, .len = n}, error, s->now + l->delay);
}

void sim_core_packet(struct sim *s, size_t from, const uint8_t *frame, size_t len, unsigned hops)
{
    struct gw_addr dst;

    memcpy(&dst, frame + ETH + 24, sizeof dst);
    size_t to = sim_core_end(s, &dst);
    if (hops > SIM_HOPS_MAX)
        sim_fail(s, "no-loop", "a packet has passed %u nodes, the last of them %s", hops,
                 from < s->nnodes ? s->node[from].name : "the server");
    if (from < s->nnodes && sim_local_end(s, &dst) == from) {
        post(s, &(struct parcel){.to = from, .behind = true, .len = len}, frame, s->now + BEHIND);
        return;
    }
    if (to == SIZE_MAX || to == from)
        return;
    if (len - ETH > sim_link(s, from, to)->mtu) {
        too_long(s, from, sim_link(s, from, to), frame, len);
        return;
    }
    carry(s, from, &(struct parcel){.to = to, .hops = hops, .len = len}, frame, 0);
}

/* -- the packet path's surroundings -------------------------------------------------------------
 */

static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    struct sim_node *n = user;
    size_t to = sim_core_end(n->sim, dst);

    if (len > SIM_MTU) {
        hop->mtu = SIM_MTU;
        return BPF_FIB_LKUP_RET_FRAG_NEEDED;
    }
    if (sim_local_end(n->sim, dst) == n->index || is_beside(n, dst))
        to = n->sim->nnodes;
    if (to == n->index) /* a prefix of the own pool that nobody has */
        return BPF_FIB_LKUP_RET_BLACKHOLE;
    if (to == SIZE_MAX)
        return BPF_FIB_LKUP_RET_UNREACHABLE;
    *hop = (struct gw_native_hop){.ifindex = SIM_IF_CORE, .dst = {2}, .src = {2}};
    if (n->sim->cats != NULL && to == n->sim->nnodes)
        hop->dst[5] = (uint8_t)sim_cats_by_host(n->sim, dst)->index;
    return BPF_FIB_LKUP_RET_SUCCESS;
}

/* What the packet path reports goes through a ring buffer, to the process of that time. */
#define RING_DELAY (10 * INT64_C(1000))

static void report(struct sim_node *n, const struct gw_input *in)
{
    sim_node_input_at(n->sim, n, in, n->sim->now + RING_DELAY);
}

static void new_station(void *user, const struct gw_station_key *key, struct gw_time seen)
{
    report(user,
           &(struct gw_input){.kind = GW_IN_ATTACH,
                              .attach = {.station = *key, .by = GW_SEEN_FRAME, .seen = seen}});
}

static void first_packet(void *user, const struct gw_prefix *prefix, bool uplink,
                         struct gw_time seen)
{
    report(user, &(struct gw_input){.kind = GW_IN_FIRST_PKT,
                                    .first = {.prefix = *prefix, .uplink = uplink, .seen = seen}});
}

static void missed(void *user, const struct gw_miss *m)
{
    report(user, &(struct gw_input){.kind = GW_IN_MISS, .miss = *m});
}

static void used(void *user, const struct gw_flow_use *u)
{
    report(user, &(struct gw_input){.kind = GW_IN_FLOW, .flow = *u});
}

static void marked(void *user, const struct gw_marked *m)
{
    report(user, &(struct gw_input){.kind = GW_IN_MARKED, .marked = *m});
}

/* The process sends it, and it takes the way of all packets: to a station through the packet path.
 */
static void error(void *user, const struct gw_icmp_error *e, const uint8_t *packet, size_t len)
{
    struct sim_node *n = user;
    uint8_t frame[ERROR_FRAME];
    size_t size = error_frame(e, packet, len, frame);
    struct gw_addr dst;

    if (size == 0 || n->node == NULL || n->paused)
        return;
    memcpy(&dst, frame + ETH + 24, sizeof dst);
    struct gw_prefix of = gw_prefix_mask(dst, 64);
    if (gw_native_prefix(n->plane, &of) != NULL)
        post(n->sim, &(struct parcel){.to = n->index, .len = size}, frame,
             n->sim->now + RING_DELAY);
    else
        sim_core_packet(n->sim, n->index, frame, size, 0);
}

const struct gw_native_ops sim_plane_ops = {.route = route,
                                            .new_station = new_station,
                                            .first_packet = first_packet,
                                            .missed = missed,
                                            .used = used,
                                            .marked = marked,
                                            .error = error};

/* What the kernel gives to the process: Packet Too Big about its tunnels (sys/plane_events.c). */
static void hear_icmp(struct sim *s, struct sim_node *n, const uint8_t *packet, size_t len)
{
    const struct gw_addr *me = &n->cfg[0].addr;
    struct gw_addr peer;
    uint32_t mtu;

    if (n->node == NULL || n->paused || len < IP6 || packet[6] != 58 ||
        memcmp(packet + 24, me->b, 16) != 0 ||
        gw_icmp_tunnel_too_big(packet + IP6, len - IP6, me, &peer, &mtu) != 0)
        return;
    if (gw_native_lower_peer_mtu(n->plane, &peer, mtu, sim_node_now(s, n).mono) > 0)
        sim_trace(s, "%s: the path to a peer carries %u octets", n->name, mtu);
}

static bool is_nd(const uint8_t *packet, size_t len)
{
    return len > 40 && packet[6] == 58 && packet[40] >= GW_ND_RS && packet[40] <= GW_ND_NA;
}

static void hear_nd(struct sim *s, struct sim_node *n, const uint8_t *frame, size_t len)
{
    struct gw_input in = {
        .kind = GW_IN_ND,
        .nd = {.iface = 0, .src = {.len = 6}, .data = frame + ETH, .len = len - ETH}};

    memcpy(in.nd.src.b, frame + 6, 6);
    (void)sim_node_input(s, n, &in);
}

/* What the packet path has made of a frame goes on its way. */
static void go_on(struct sim *s, struct sim_node *n, bool core, const struct sim_frame *in,
                  const struct gw_native_frame *f, struct gw_native_result r, unsigned hops)
{
    if (r.action == GW_NATIVE_PASS && !core && is_nd(in->data + ETH, in->len - ETH))
        hear_nd(s, n, in->data, in->len);
    else if (r.action == GW_NATIVE_PASS && core)
        hear_icmp(s, n, f->data + ETH, f->len - ETH);
    if (r.action != GW_NATIVE_SEND)
        return;
    if (s->cats != NULL) {
        if (!sim_cats_frame(s, n, r.reason, in->data, in->len, f->data, f->len, hops))
            sim_core_packet(s, n->index, f->data, f->len, hops + 1);
        return;
    }
    bool air = r.ifindex == SIM_IF_ACCESS;
    sim_judge_frame(s, n, core, in, air, &(struct sim_frame){f->data, f->len});
    if (air)
        sim_station_frame(s, n->index, f->data, f->len);
    else
        sim_core_packet(s, n->index, f->data, f->len, hops + 1);
}

void sim_plane_frame(struct sim *s, struct sim_node *n, bool core, const uint8_t *frame, size_t len,
                     unsigned hops)
{
    uint8_t buf[SIM_HEADROOM + 2048];
    struct gw_native_frame f = {.data = buf + SIM_HEADROOM, .len = len, .headroom = SIM_HEADROOM};

    if (n->plane == NULL || len > 2048)
        return;
    s->tally.packets++;
    gw_native_expire(n->plane, sim_node_now(s, n).mono);
    memcpy(f.data, frame, len);
    struct gw_native_result r =
        gw_native_packet(n->plane, core ? SIM_IF_CORE : SIM_IF_ACCESS, &f, sim_node_now(s, n).mono);
    go_on(s, n, core, &(struct sim_frame){frame, len}, &f, r, hops);
}

void sim_plane_next(struct sim *s, struct sim_node *n)
{
    uint8_t buf[SIM_HEADROOM + 2048];
    struct gw_native_frame f = {.data = buf + SIM_HEADROOM, .len = 2048, .headroom = SIM_HEADROOM};
    struct gw_native_result r;
    struct gw_native_kept was;

    while (gw_native_next(n->plane, &f, sim_node_now(s, n).mono, &r, &was)) {
        if (was.ifindex != 0)
            go_on(s, n, was.ifindex == SIM_IF_CORE, &(struct sim_frame){was.frame, was.len}, &f, r,
                  0);
        else if (r.action == GW_NATIVE_SEND)
            sim_core_packet(s, n->index, f.data, f.len, 1);
        f = (struct gw_native_frame){
            .data = buf + SIM_HEADROOM, .len = 2048, .headroom = SIM_HEADROOM};
    }
}
