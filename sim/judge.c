/* judge.c: see judge.h. RFC 8200 §3, RFC 2473 §3 (frames); RFC 4285 §6 (messages); RFC 4861 §6.2.3,
 * RFC 8885 §3.7 (advertisements).
 */
#include "judge.h"

#define ETH       14u
#define IP6       40u
#define TUNNEL    41u /* next header: IPv6 */
#define OUTER_HOP 64u
#define OCTETS_OF 8              /* messages: one in so many is read */
#define OVERDUE   (250 * SIM_MS) /* a commit may take 50 ms, and a starved node tries again */

/* -- frames -------------------------------------------------------------------------------------
 */

struct packet {
    const uint8_t *outer; /* NULL: none */
    const uint8_t *ip;
    size_t len; /* from ip on */
};

static bool read(const struct sim_frame *f, struct packet *p)
{
    if (f->len < ETH + IP6)
        return false;
    *p = (struct packet){.ip = f->data + ETH, .len = f->len - ETH};
    if (p->ip[6] == TUNNEL && p->len >= (size_t)2 * IP6)
        *p = (struct packet){.outer = p->ip, .ip = p->ip + IP6, .len = p->len - IP6};
    return true;
}

static struct gw_addr address(const uint8_t *at)
{
    struct gw_addr a;

    memcpy(a.b, at, sizeof a.b);
    return a;
}

static struct gw_addr source(const uint8_t *ip)
{
    return address(ip + 8);
}

static struct gw_addr destination(const uint8_t *ip)
{
    return address(ip + 24);
}

/* The node that has this address; NULL: nobody. */
static const struct sim_node *node_at(const struct sim *s, const struct gw_addr *a)
{
    size_t end = sim_core_end(s, a);

    return end < s->nnodes && gw_addr_eq(&s->node[end].cfg[0].addr, a) ? &s->node[end] : NULL;
}

/* The MAAR whose pool this is of; NULL: no MAAR's. */
static const struct sim_node *anchor_of(const struct sim *s, const struct gw_addr *a)
{
    size_t end = sim_core_end(s, a);

    return end < s->nnodes && node_at(s, a) == NULL && (s->node[end].roles & GW_ROLE_MAAR) != 0
               ? &s->node[end]
               : NULL;
}

/* Forwarding changes the hop limit of the packet, by one, and nothing else. */
static void unchanged(struct sim *s, const struct sim_node *n, const struct packet *a,
                      const struct packet *b)
{
    if (a->len != b->len || memcmp(a->ip, b->ip, 7) != 0 ||
        memcmp(a->ip + 8, b->ip + 8, a->len - 8) != 0)
        sim_fail(s, "headers-right", "%s has changed a packet that it forwards", n->name);
    else if (b->ip[7] + 1 != a->ip[7])
        sim_fail(s, "headers-right", "%s has made hop limit %u of %u", n->name, b->ip[7], a->ip[7]);
}

static void tunnelled(struct sim *s, const struct sim_node *n, const struct packet *p)
{
    struct gw_addr src = source(p->outer), dst = destination(p->outer);
    const struct sim_node *to = node_at(s, &dst);
    size_t len = (size_t)p->outer[4] << 8 | p->outer[5];

    if (!gw_addr_eq(&src, &n->cfg[0].addr) || to == NULL || to == n)
        sim_fail(s, "headers-right", "%s sends into a tunnel that is not between it and another",
                 n->name);
    else if (len != p->len || p->outer[7] != OUTER_HOP)
        sim_fail(s, "headers-right", "%s has made a tunnel header for %zu octets, hop limit %u",
                 n->name, len, p->outer[7]);
}

static void from_station(struct sim *s, const struct sim_node *n, const uint8_t *frame,
                         const struct packet *p)
{
    const struct sim_station *h = sim_station_by_mac(s, frame + 6);
    struct gw_addr src = source(p->ip);
    char text[GW_TEXT_MAX];

    for (size_t i = 0; h != NULL && i < h->naddr; i++)
        if (gw_prefix_contains(&h->addr[i].prefix, &src)) /* all of it is the station's */
            return;
    sim_fail(s, "own-source", "%s forwards a packet from %s of mn%zu, which has no such prefix",
             n->name, gw_fmt_addr(&src, text), h != NULL ? h->index : SIZE_MAX);
}

/* Only peers have tunnels, and into the world goes only what is anchored here. */
static void from_tunnel(struct sim *s, const struct sim_node *n, const struct packet *p, bool world)
{
    struct gw_addr outer = source(p->outer), src = source(p->ip), dst = destination(p->ip);
    struct gw_addr server = sim_server(s, s->nnodes);
    char text[GW_TEXT_MAX];

    if (node_at(s, &outer) == NULL)
        sim_fail(s, "peers-only", "%s has opened a tunnel packet of %s, which is no node", n->name,
                 gw_fmt_addr(&outer, text));
    else if (world && gw_addr_eq(&dst, &server) && sim_core_end(s, &src) != n->index)
        sim_fail(s, "own-source", "%s forwards what a tunnel brought from %s, which it has not",
                 n->name, gw_fmt_addr(&src, text));
    else if (world && sim_local_end(s, &dst) == n->index && anchor_of(s, &src) == NULL)
        sim_fail(s, "own-source", "%s brings what a tunnel brought from %s to its own network",
                 n->name, gw_fmt_addr(&src, text));
}

/* A station sees each prefix behind its own router, wherever it is (RFC 8885 §3.7). */
static void delivered(struct sim *s, const struct sim_node *n, const uint8_t *frame,
                      const struct packet *p)
{
    struct gw_addr dst = destination(p->ip);
    const struct sim_node *anchor = anchor_of(s, &dst);

    if (anchor != NULL && memcmp(frame + 6, anchor->cfg[0].dlif.lladdr.b, 6) != 0)
        sim_fail(s, "router-right", "%s delivers for a prefix of %s as another router", n->name,
                 anchor->name);
}

void sim_judge_frame(struct sim *s, const struct sim_node *n, bool core, const struct sim_frame *in,
                     bool air, const struct sim_frame *out)
{
    struct packet a, b;

    if (!s->judged || !read(in, &a) || !read(out, &b))
        return;
    unchanged(s, n, &a, &b);
    if (b.outer != NULL)
        tunnelled(s, n, &b);
    if (!core)
        from_station(s, n, in->data, &a);
    else if (a.outer != NULL)
        from_tunnel(s, n, &a, !air && b.outer == NULL);
    if (air)
        delivered(s, n, out->data, &b);
}

/* -- messages -----------------------------------------------------------------------------------
 */

/* Those that have passed authentication and replay protection. */
static uint64_t believed(const struct sim_node *n)
{
    const uint64_t *c = n->node != NULL ? n->node->lm.count : NULL;

    return c == NULL ? 0
                     : c[GW_CNT_IN_PBU] + c[GW_CNT_IN_PBA] + c[GW_CNT_IN_BE] +
                           c[GW_CNT_IN_HEARTBEAT] + c[GW_CNT_IN_BRI] + c[GW_CNT_IN_BRA] +
                           c[GW_CNT_IN_UPN] + c[GW_CNT_IN_UPA] + c[GW_CNT_IN_OTHER];
}

static uint64_t print_of(const struct sim_node *to, const uint8_t *data, size_t len)
{
    size_t mac = len < 24 ? len : 24; /* and what pads the message: no two are alike */

    return gw_hash(data + len - mac, mac, (uint64_t)to->index << 32 | to->boots);
}

static uint64_t *place(struct sim *s, uint64_t print)
{
    return &s->heard[print % (sizeof s->heard / sizeof *s->heard)];
}

/* An old one may be forgotten here; nodes refuse it by its time. */
static bool again(struct sim *s, const struct sim_node *n, const uint8_t *data, size_t len)
{
    uint64_t print = print_of(n, data, len);
    bool was = *place(s, print) == print;

    *place(s, print) = print;
    return was;
}

/* A node that was started twice with a clock behind its records has begun both times at the latest
 * of these, and may say the same once more, octet by octet. */
void sim_judge_sent(struct sim *s, const struct sim_node *to, const uint8_t *data, size_t len)
{
    uint64_t print = print_of(to, data, len);

    if (*place(s, print) == print)
        *place(s, print) = 0;
}

void sim_judge_message(struct sim *s, struct sim_node *n, const struct gw_mh_addrs *a,
                       const uint8_t *data, size_t len, bool made_up)
{
    uint64_t before = believed(n);

    (void)sim_node_input(
        s, n, &(struct gw_input){.kind = GW_IN_MH, .mh = {.addrs = *a, .data = data, .len = len}});
    if (!s->judged || believed(n) == before)
        return; /* or it waits */
    if (made_up)
        sim_fail(s, "authentic", "%s believes a %s that nobody has sent", n->name,
                 gw_mh_type_name(data[2]));
    else if (again(s, n, data, len))
        sim_fail(s, "authentic", "%s believes a %s a second time", n->name,
                 gw_mh_type_name(data[2]));
}

/* -- what stations are told ---------------------------------------------------------------------
 */

/* Whose router an RA speaks for: of the anchor of its first prefix, as a rule. */
static const struct sim_node *router(const struct sim *s, const struct gw_nd *ra)
{
    const struct gw_addr *ll = &ra->src;
    const struct sim_node *n = ra->npio > 0 ? anchor_of(s, &ra->pio[0].prefix.addr) : NULL;

    if (n != NULL && gw_addr_eq(&n->cfg[0].dlif.link_local, ll))
        return n;
    for (size_t i = 0; i < s->nnodes; i++)
        if (gw_addr_eq(&s->node[i].cfg[0].dlif.link_local, ll))
            return &s->node[i];
    return NULL;
}

/* Does n serve this station with that prefix? */
static bool serves(const struct sim_node *n, const struct sim_station *h, const struct gw_prefix *p)
{
    const struct gw_anchor *a = gw_anchor_get(&n->node->maar.bs, p);
    struct gw_mnid id = sim_mnid(h);

    return a != NULL && a->state == GW_ANCHOR_SETTLED && gw_mnid_eq(&a->binding->mnid, &id) &&
           gw_maar_mn(a->binding)->state == GW_MN_SERVING && gw_maar_mn(a->binding)->on_link;
}

static void prefix(struct sim *s, const struct sim_node *n, const struct sim_station *h,
                   const struct sim_node *of, const struct gw_nd *ra, size_t i)
{
    const struct gw_nd_pio *p = &ra->pio[i];
    const struct gw_cfg_timers *t = &n->cfg[n->cfg_now].timers;
    bool live = serves(n, h, &p->prefix);
    uint32_t preferred = of == n ? t->preferred_lifetime_s : 0;
    char text[GW_TEXT_MAX];

    if (anchor_of(s, &p->prefix.addr) != of || p->prefix.len != 64 || !p->autonomous || p->onlink)
        sim_fail(s, "router-right", "%s advertises %s as %s", n->name,
                 gw_fmt_prefix(&p->prefix, text), of->name);
    else if ((p->valid_s != 0 || live) &&
             (p->valid_s != t->valid_lifetime_s || p->preferred_s != preferred))
        sim_fail(s, "router-right", "%s advertises %s of %s to mn%zu for %u s, preferred %u s",
                 n->name, gw_fmt_prefix(&p->prefix, text), of->name, h->index, p->valid_s,
                 p->preferred_s);
    else if (live && ra->router_lifetime_s != t->router_lifetime_s)
        sim_fail(s, "router-right", "%s advertises %s to mn%zu with router lifetime %u", n->name,
                 of->name, h->index, ra->router_lifetime_s);
}

void sim_judge_nd(struct sim *s, const struct sim_node *n, const struct gw_lladdr *src,
                  const struct gw_lladdr *dst, const uint8_t *data, size_t len)
{
    const struct sim_station *h = sim_station_by_mac(s, dst->b);
    struct gw_nd ra;

    if (!s->judged || h == NULL || (n->roles & GW_ROLES_ACCESS) != GW_ROLE_MAAR ||
        gw_nd_parse(data, len, &ra).code != GW_PARSE_OK || ra.type != GW_ND_RA)
        return;
    const struct sim_node *of = router(s, &ra);
    if (of == NULL || !gw_lladdr_eq(src, &of->cfg[0].dlif.lladdr) ||
        (ra.slla.len != 0 && !gw_lladdr_eq(&ra.slla, src))) {
        sim_fail(s, "router-right", "%s advertises a router to mn%zu that there is not", n->name,
                 h->index);
        return;
    }
    for (size_t i = 0; i < ra.npio; i++)
        prefix(s, n, h, of, &ra, i);
}

/* -- what is put off ----------------------------------------------------------------------------
 */

void sim_judge_durable(struct sim *s, const struct sim_node *n, const struct sim_station *h,
                       const struct gw_addr *serving, const struct gw_prefix *p)
{
    struct gw_mnid id = sim_mnid(h);
    uint8_t key[GW_RECORD_KEY_MAX];
    size_t len, at = 3u + id.len; /* where a record has the serving MAAR: record.c */
    const uint8_t *r = sim_disk_get(n->disk, key, gw_record_key('C', &id, key), &len);
    char text[GW_TEXT_MAX];

    if (n->cfg[n->cfg_now].daemon.durability == GW_DURABLE_NONE)
        return; /* it is not promised */
    if (s->judged && (r == NULL || len < at + 16 || memcmp(r + at, serving->b, 16) != 0 ||
                      memmem(r, len, p->addr.b, 16) == NULL))
        sim_fail(s, "durable-first", "%s acknowledges %s of mn%zu before its record says so",
                 n->name, gw_fmt_prefix(p, text), h->index);
}

void sim_judge_relay(struct sim *s, const struct sim_node *n, const struct gw_mh *m)
{
    const struct gw_opt *id = gw_lm_opt(m, GW_OPT_MNID), *o;
    struct gw_binding *b = id != NULL ? gw_binding_get(&n->node->cmd.bs, &id->mnid) : NULL;
    char text[GW_TEXT_MAX];

    if (!s->judged || b == NULL || gw_cmd_mn(b)->round.mode != GW_CMD_RELAY)
        return;
    for (size_t it = 0; (o = gw_mh_opt(m, GW_OPT_PREVIOUS_MAAR, &it)) != NULL;) {
        const struct gw_anchor *a = gw_anchor_get(&n->node->cmd.bs, &o->previous_maar.hnp);
        if (a == NULL || a->state != GW_ANCHOR_SETTLED)
            sim_fail(s, "relay-waits", "%s names the anchor of %s, which has not answered yet",
                     n->name, gw_fmt_prefix(&o->previous_maar.hnp, text));
    }
}

void sim_judge_octets(struct sim *s, const struct sim_node *n, const struct gw_mh_addrs *a,
                      const uint8_t *data, size_t len)
{
    static const struct {
        uint8_t type, n, plus;
    } rows[] = {{GW_OPT_HNP, 8, 4},           {GW_OPT_TIMESTAMP, 8, 2},
                {GW_OPT_MESGID, 8, 2},        {GW_OPT_AUTH, 4, 1},
                {GW_OPT_PREVIOUS_MAAR, 8, 4}, {GW_OPT_SERVING_MAAR, 8, 6},
                {GW_OPT_LOCAL_PREFIX, 8, 4},  {GW_OPT_DLIF_LINK_LOCAL, 8, 6},
                {GW_OPT_MN_LLID, 2, 0},       {GW_OPT_DLIF_LLADDR, 2, 0}};

    if (!s->judged || s->nseen % OCTETS_OF != 0)
        return;
    if (gw_mh_parse(&gw_mh_codec_default, a, data, len, &s->mh).code != GW_PARSE_OK) {
        sim_fail(s, "aligned", "%s sends what nobody can read", n->name);
        return;
    }
    for (size_t i = 0; i < s->mh.nopts; i++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            if (rows[k].type == s->mh.opt[i].type &&
                s->mh.opt[i].offset % rows[k].n != rows[k].plus)
                sim_fail(s, "aligned", "%s sends option %s at octet %u", n->name,
                         gw_mh_opt_name(rows[k].type), s->mh.opt[i].offset);
}

/* -- at each look -------------------------------------------------------------------------------
 */

static void due(struct sim *s, const struct sim_node *n, const struct gw_timer *t, int64_t now)
{
    int64_t at = gw_timer_at(&n->node->timers, t).ns;

    if (at < now - OVERDUE)
        sim_fail(s, "in-time", "%s has not done for %lld ms what was due", n->name,
                 (long long)((now - at) / SIM_MS));
}

static void due_anchors(struct sim *s, const struct sim_node *n, const struct gw_binding *b,
                        int64_t now)
{
    for (const struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (a->ex.pending)
            due(s, n, &a->ex.run->timer, now);
}

static void own_prefix(struct sim *s, const struct sim_node *n, const struct gw_maar_mn *mn)
{
    char text[GW_TEXT_MAX];

    if (mn->own != NULL && !gw_pools_is_taken(&n->node->maar.pools, &mn->own->prefix))
        sim_fail(s, "one-owner", "%s has %s in its pool and has given it away", n->name,
                 gw_fmt_prefix(&mn->own->prefix, text));
}

void sim_judge_node(struct sim *s, const struct sim_node *n)
{
    int64_t now = sim_node_now(s, n).mono.ns;
    struct gw_binding *b;

    if (!s->judged || n->paused || n->committing || n->node->starved)
        return; /* it may be late */
    for (size_t i = 0; (b = gw_table_next(&n->node->maar.bs.by_mnid, &i)) != NULL;) {
        const struct gw_maar_mn *mn = gw_maar_mn(b);
        if (mn->ex.pending)
            due(s, n, &mn->ex.run->timer, now);
        due(s, n, &mn->refresh, now);
        due(s, n, &mn->guard, now);
        due(s, n, &mn->transit, now);
        due(s, n, &mn->presence, now);
        due(s, n, &mn->idle, now);
        own_prefix(s, n, mn);
        due_anchors(s, n, b, now);
    }
    for (size_t i = 0; (b = gw_table_next(&n->node->cmd.bs.by_mnid, &i)) != NULL;) {
        due(s, n, &gw_cmd_mn(b)->expiry, now);
        if (gw_cmd_mn(b)->round.timer != NULL)
            due(s, n, gw_cmd_mn(b)->round.timer, now);
        due_anchors(s, n, b, now);
    }
}
