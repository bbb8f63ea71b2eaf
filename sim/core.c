/* core.c: the network between the nodes, and the packet path's edges: links that delay, lose,
 * duplicate, reorder and are cut in one direction, and the route that a packet takes: to the node
 * whose address or pool its destination is of, or to the server.
 */
#include "judge.h"

#include <stdlib.h>

#include <linux/bpf.h>

#define ETH 14u
#define MTU 1500u

struct parcel {
    struct sim_event event;
    size_t to;
    bool mh;
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

size_t sim_core_end(const struct sim *s, const struct gw_addr *a)
{
    struct gw_addr server = sim_server();

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
    return SIZE_MAX;
}

static void arrive(struct sim *s, struct sim_event *e)
{
    struct parcel *p = (struct parcel *)e;

    if (p->mh) {
        s->tally.messages++;
        sim_mix(s, p->data, p->len);
        sim_count_arrived(s, p->to, &p->addrs, p->data, p->len);
        sim_judge_message(s, &s->node[p->to], &p->addrs, p->data, p->len, false);
    } else if (p->to == s->nnodes) {
        sim_server_packet(s, p->data + ETH, p->len - ETH);
    } else {
        sim_plane_frame(s, &s->node[p->to], true, p->data, p->len, p->hops);
    }
    sim_event_free(s, e);
}

static void carry(struct sim *s, size_t from, const struct parcel *head, const uint8_t *data,
                  int64_t later)
{
    const struct sim_link *l = sim_link(s, from, head->to);
    unsigned copies = l->cut || sim_chance(s, l->loss) ? 0 : sim_chance(s, l->dup) ? 2 : 1;

    while (copies-- > 0) {
        int64_t at = s->now + l->delay + later;
        if (l->jitter > 0)
            at += (int64_t)gw_prng_below(&s->prng, (uint64_t)l->jitter);
        if (sim_chance(s, l->reorder))
            at += (int64_t)gw_prng_below(&s->prng, (uint64_t)(20 * SIM_MS));
        size_t size = sizeof(struct parcel) + head->len;
        struct parcel *p = sim_get(&s->pool, size);
        *p = *head;
        p->event = (struct sim_event){.fire = arrive, .size = size};
        memcpy(p->data, data, head->len);
        sim_post(s, &p->event, at);
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
    sim_count_message(s, from, to, a, data, len);
    struct sim_seen *seen = &s->seen[s->nseen++ % (sizeof s->seen / sizeof *s->seen)];
    seen->at = s->now;
    seen->to = to;
    seen->len = len;
    seen->addrs = *a;
    memcpy(seen->data, data, len);
    carry(s, from, &(struct parcel){.to = to, .mh = true, .addrs = *a, .len = len}, data, m.later);
}

void sim_core_packet(struct sim *s, size_t from, const uint8_t *frame, size_t len, unsigned hops)
{
    struct gw_addr dst;

    memcpy(&dst, frame + ETH + 24, sizeof dst);
    size_t to = sim_core_end(s, &dst);
    if (hops > SIM_HOPS_MAX)
        sim_fail(s, "no-loop", "a packet has passed %u nodes, the last of them %s", hops,
                 from < s->nnodes ? s->node[from].name : "the server");
    if (to == SIZE_MAX || to == from || len > MTU + ETH)
        return;
    carry(s, from, &(struct parcel){.to = to, .hops = hops, .len = len}, frame, 0);
}

/* -- the packet path's surroundings -------------------------------------------------------------
 */

static int route(void *user, const struct gw_addr *dst, uint32_t len, struct gw_native_hop *hop)
{
    struct sim_node *n = user;
    size_t to = sim_core_end(n->sim, dst);

    if (len > MTU) {
        hop->mtu = MTU;
        return BPF_FIB_LKUP_RET_FRAG_NEEDED;
    }
    if (to == n->index) /* a prefix of the own pool that nobody has */
        return BPF_FIB_LKUP_RET_BLACKHOLE;
    if (to == SIZE_MAX)
        return BPF_FIB_LKUP_RET_UNREACHABLE;
    *hop = (struct gw_native_hop){.ifindex = SIM_IF_CORE, .dst = {2}, .src = {2}};
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

const struct gw_native_ops sim_plane_ops = {
    .route = route, .new_station = new_station, .first_packet = first_packet};

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

void sim_plane_frame(struct sim *s, struct sim_node *n, bool core, const uint8_t *frame, size_t len,
                     unsigned hops)
{
    uint8_t buf[SIM_HEADROOM + 2048];
    struct gw_native_frame f = {.data = buf + SIM_HEADROOM, .len = len, .headroom = SIM_HEADROOM};

    if (n->plane == NULL || len > 2048)
        return;
    s->tally.packets++;
    memcpy(f.data, frame, len);
    struct gw_native_result r =
        gw_native_packet(n->plane, core ? SIM_IF_CORE : SIM_IF_ACCESS, &f, sim_node_now(s, n).mono);
    if (r.action == GW_NATIVE_PASS && !core && is_nd(frame + ETH, len - ETH))
        hear_nd(s, n, frame, len);
    if (r.action != GW_NATIVE_SEND)
        return;
    bool air = r.ifindex == SIM_IF_ACCESS;
    sim_judge_frame(s, n, core, &(struct sim_frame){frame, len}, air,
                    &(struct sim_frame){f.data, f.len});
    if (air)
        sim_station_frame(s, n->index, f.data, f.len);
    else
        sim_core_packet(s, n->index, f.data, f.len, hops + 1);
}
