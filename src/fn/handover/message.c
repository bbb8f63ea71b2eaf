/* message.c: notification, request and indication as the CATS mobility draft has them (PBU and PBA
 * with C, §4), and MOVE_ACK: written from what a client is at the moment, and read. What the
 * draft's messages cannot say is in Experimental Mobility Options behind its own: MOVE in each; in
 * a notification then a TOKEN for each egress, and SERVICE, CHOICE, FLOW...: a FLOW belongs to the
 * CHOICE and the SERVICE before it.
 *
 * What does not fit into one message is not said, and counted (limit-handover-flows): some forty
 * flows fit.
 */
#include "core.h"

#include "fn/steer/steer.h"

#define BU_FIXED  12u /* octets before the options */
#define ADDR_ROOM 24u /* of an address's option, with its padding */

const char *gw_move_name(enum gw_move_kind k)
{
    switch (k) {
    case GW_MOVE_REQUEST:
        return "request";
    case GW_MOVE_NOTIFY:
        return "notification";
    case GW_MOVE_FORGET:
        return "notification (forget)";
    case GW_MOVE_INDICATE_OLD:
        return "indication";
    case GW_MOVE_INDICATE_EGRESS:
        return "indication (egress)";
    case GW_MOVE_END:
        return "indication (end)";
    }
    return "?";
}

/* -- writing ------------------------------------------------------------------------------------
 */

/* Lifetimes are in units of four seconds; what is not zero does not become zero. */
static uint16_t lifetime(struct gw_time t)
{
    int64_t units = (t.ns + GW_SEC(4).ns - 1) / GW_SEC(4).ns;

    return (uint16_t)(units > UINT16_MAX ? UINT16_MAX : units);
}

static void add_addr(struct gw_handover *h, uint8_t type, const struct gw_addr *a)
{
    struct gw_opt *o = gw_mh_add(&h->out, type);

    if (o == NULL)
        return;
    o->addr = *a;
    h->buf.used += ADDR_ROOM;
}

static void begin(struct gw_handover *h, uint8_t type, const struct gw_prefix *client)
{
    h->out.type = type;
    h->out.nopts = 0;
    h->buf.used = BU_FIXED;
    add_addr(h, h->cfg->codec.opt_cats_client, &client->addr);
}

static bool add(struct gw_handover *h, const struct gw_cats_item *item)
{
    return gw_cats_add(&h->out, &h->buf, item) == 0;
}

static void add_move(struct gw_handover *h, uint32_t generation, uint8_t flags)
{
    (void)add(h, &(struct gw_cats_item){.type = GW_CATS_MOVE,
                                        .move = {.flags = flags, .generation = generation}});
}

static bool add_flow(struct gw_handover *h, const struct gw_cfg_service *s,
                     const struct gw_client_flow *f)
{
    struct gw_cats_item item = {.type = GW_CATS_FLOW,
                                .flow = {.affinity = gw_steer_cats_affinity(s),
                                         .proto = f->id.proto,
                                         .sport = f->id.sport,
                                         .dport = f->id.dport,
                                         .src = f->id.src,
                                         .dst = f->service.cs_id}};

    return add(h, &item);
}

static bool add_choice(struct gw_handover *h, const struct gw_client_flow *f)
{
    int64_t s = h->cfg->steering.lifetime.ns / GW_SEC(1).ns;
    struct gw_cats_item item = {.type = GW_CATS_CHOICE,
                                .choice = {.code = GW_CATS_CHOSEN,
                                           .score = GW_CATS_NO_SCORE,
                                           .share = UINT16_MAX,
                                           .lifetime = (uint16_t)(s > UINT16_MAX ? UINT16_MAX : s),
                                           .csci_id = f->csci_id,
                                           .egress = f->egress}};

    return add(h, &item);
}

static bool same_group(const struct gw_client_flow *a, const struct gw_client_flow *b)
{
    return gw_addr_eq(&a->csci_id, &b->csci_id) && gw_steer_same_key(&a->service, &b->service);
}

static bool first_of_group(const struct gw_client *c, const struct gw_client_flow *f)
{
    for (const struct gw_client_flow *g = c->flows; g != f; g = g->next)
        if (same_group(g, f))
            return false;
    return true;
}

/* The flows of one service at one instance; how many of them are not said. */
static uint32_t add_group(const struct gw_client *c, const struct gw_client_flow *first)
{
    struct gw_handover *h = c->all;
    const struct gw_cfg_service *s = gw_client_service(h, &first->service);
    struct gw_cats_item key = {.type = GW_CATS_SERVICE,
                               .service = gw_steer_cats_key(&first->service)};
    bool room =
        s != NULL && !gw_addr_is_zero(&first->egress) && add(h, &key) && add_choice(h, first);
    uint32_t unsaid = 0;

    for (const struct gw_client_flow *f = first; f != NULL; f = f->next)
        if (same_group(f, first)) {
            room = room && add_flow(h, s, f);
            unsaid += !room;
        }
    return unsaid;
}

static void add_flows(const struct gw_client *c)
{
    uint32_t unsaid = 0;

    for (const struct gw_client_flow *f = c->flows; f != NULL; f = f->next)
        if (first_of_group(c, f))
            unsaid += add_group(c, f);
    c->all->count[GW_HCNT_LIMIT_FLOWS] += unsaid;
}

static bool first_at_egress(const struct gw_client *c, const struct gw_client_flow *f)
{
    if (gw_addr_is_zero(&f->egress))
        return false;
    for (const struct gw_client_flow *g = c->flows; g != f; g = g->next)
        if (gw_addr_eq(&g->egress, &f->egress))
            return false;
    return true;
}

static void add_tokens(const struct gw_client *c, const struct gw_addr *to, uint32_t generation)
{
    struct gw_handover *h = c->all;
    struct gw_cats_item item = {.type = GW_CATS_TOKEN};

    for (const struct gw_client_flow *f = c->flows; f != NULL; f = f->next)
        if (first_at_egress(c, f) && gw_token_make(h, &c->prefix, &f->egress, to, generation,
                                                   h->cfg->handover.candidate, &item.token) == 0)
            (void)add(h, &item);
}

static void notification(struct gw_client *c, const struct gw_move_post *p)
{
    struct gw_handover *h = c->all;
    const struct gw_offer *o = gw_offer_to(c, &p->to);
    uint32_t generation = o != NULL ? o->generation : c->generation;
    bool forget = p->kind == GW_MOVE_FORGET || o == NULL || c->flows == NULL;
    unsigned flags = (forget ? 0u : (unsigned)GW_CATS_MOVE_CONTINUES) |
                     (c->held_down ? (unsigned)GW_CATS_MOVE_BUFFERED : 0u);

    gw_client_resolve(c);
    begin(h, GW_MH_BU, &c->prefix);
    h->out.bu = (struct gw_mh_bu){.seq = p->seq,
                                  .flags = GW_BU_P | GW_BU_C,
                                  .lifetime = forget ? 0 : lifetime(h->cfg->handover.candidate)};
    for (const struct gw_client_flow *f = c->flows; f != NULL && !forget; f = f->next)
        if (first_at_egress(c, f))
            add_addr(h, h->cfg->codec.opt_cats_addr, &f->egress);
    add_move(h, generation, (uint8_t)flags);
    if (forget)
        return;
    add_tokens(c, &p->to, generation + 1);
    add_flows(c);
}

static void request(const struct gw_client *c, const struct gw_move_post *p)
{
    struct gw_handover *h = c->all;

    begin(h, GW_MH_BU, &c->prefix);
    h->out.bu = (struct gw_mh_bu){.seq = p->seq,
                                  .flags = GW_BU_P | GW_BU_C | GW_BU_N,
                                  .lifetime = lifetime(h->cfg->handover.binding)};
    add_move(h, c->generation, 0);
}

static void indication(const struct gw_client *c, const struct gw_move_post *p)
{
    struct gw_handover *h = c->all;
    const struct gw_client_egress *e = gw_egress_find(c->egresses, &p->to);
    bool to_egress = p->kind != GW_MOVE_INDICATE_OLD;

    begin(h, GW_MH_BA, &c->prefix);
    h->out.ba = (struct gw_mh_ba){
        .status = GW_ST_ACCEPTED,
        .flags = GW_BA_P | GW_BA_C,
        .seq = p->seq,
        .lifetime = p->kind == GW_MOVE_END ? 0 : lifetime(h->cfg->handover.binding)};
    if (to_egress)
        add_addr(h, h->cfg->codec.opt_cats_addr,
                 gw_addr_is_zero(&c->last) ? &h->cfg->addr : &c->last);
    add_move(h, c->generation, e != NULL && e->waits ? GW_CATS_MOVE_MARKS : 0);
    if (to_egress && e != NULL && e->token.expiry != 0)
        (void)add(h, &(struct gw_cats_item){.type = GW_CATS_TOKEN, .token = e->token});
}

static enum gw_handover_count counted(enum gw_move_kind k)
{
    return k == GW_MOVE_REQUEST                         ? GW_HCNT_OUT_REQUEST
           : k == GW_MOVE_NOTIFY || k == GW_MOVE_FORGET ? GW_HCNT_OUT_NOTIFICATION
                                                        : GW_HCNT_OUT_INDICATION;
}

void gw_move_write(struct gw_handover *h, const struct gw_move_post *p)
{
    struct gw_client *c = p->client;

    switch (p->kind) {
    case GW_MOVE_REQUEST:
        request(c, p);
        break;
    case GW_MOVE_NOTIFY:
    case GW_MOVE_FORGET:
        notification(c, p);
        break;
    case GW_MOVE_INDICATE_OLD:
    case GW_MOVE_INDICATE_EGRESS:
    case GW_MOVE_END:
        indication(c, p);
        break;
    }
    h->count[counted(p->kind)]++;
    int err = h->ops->send(h->user, &p->to, &h->out);
    gw_ladder_message(h, &c->prefix, gw_move_name(p->kind), &h->cfg->addr, &p->to, c->nflows, err);
}

void gw_move_say_no(struct gw_handover *h, const struct gw_prefix *client, const struct gw_addr *to,
                    uint16_t seq)
{
    begin(h, GW_MH_BU, client);
    h->out.bu = (struct gw_mh_bu){.seq = seq, .flags = GW_BU_P | GW_BU_C, .lifetime = 0};
    add_move(h, 0, 0);
    h->count[GW_HCNT_OUT_NOTIFICATION]++;
    int err = h->ops->send(h->user, to, &h->out);
    gw_ladder_message(h, client, "notification", &h->cfg->addr, to, 0, err);
}

void gw_move_ack(struct gw_handover *h, const struct gw_prefix *client, const struct gw_addr *to,
                 uint16_t seq, uint32_t generation, int result)
{
    gw_cats_begin(&h->out, &h->buf, GW_CATS_MOVE_ACK, result != 0 ? GW_CATS_UNKNOWN : 0, seq);
    add_addr(h, h->cfg->codec.opt_cats_client, &client->addr);
    add_move(h, generation, 0);
    h->count[GW_HCNT_OUT_ACK]++;
    int err = h->ops->send(h->user, to, &h->out);
    gw_ladder_message(h, client, "acknowledgement", &h->cfg->addr, to, 0, err != 0 ? err : result);
}

/* -- reading ------------------------------------------------------------------------------------
 */

/* Where the items of a notification are. */
struct reading {
    struct gw_handover *h;
    struct gw_move_in *in;
    struct gw_service_key service;
    const struct gw_cfg_service *cfg;
    struct gw_addr csci_id, egress;
    bool chosen; /* the last CHOICE names an instance that may be used */
};

static bool is_forwarder(const struct gw_handover *h, const struct gw_addr *a)
{
    return gw_addr_eq(a, &h->cfg->addr) || h->ops->peer(h->user, a);
}

/* What this node knows of the instance counts more than what it is told. */
static void read_choice(struct reading *r, const struct gw_cats_choice *x)
{
    struct gw_handover *h = r->h;

    r->csci_id = x->csci_id;
    r->egress = x->egress;
    r->chosen = r->cfg != NULL && x->code != GW_CATS_UNREACHABLE &&
                (h->ops->egress_of(h->user, &r->service, &r->csci_id, &r->egress) ||
                 is_forwarder(h, &r->egress));
    h->count[GW_HCNT_UNKNOWN_INSTANCE] += !r->chosen;
}

static int need_egress(struct reading *r, const struct gw_addr *a)
{
    struct gw_client_egress *e = gw_egress_find(r->in->egresses, a);

    if (e != NULL)
        return 0;
    e = gw_new(r->h->al, sizeof *e);
    if (e == NULL)
        return GW_ENOMEM;
    *e = (struct gw_client_egress){.next = r->in->egresses, .addr = *a};
    r->in->egresses = e;
    return 0;
}

static int read_flow(struct reading *r, const struct gw_cats_flow *x)
{
    struct gw_handover *h = r->h;
    struct gw_flow_id id = {.src = x->src, .proto = x->proto, .sport = x->sport, .dport = x->dport};

    if (!r->chosen)
        return 0;
    if (!gw_prefix_contains(&r->in->client, &x->src) ||
        x->affinity != gw_steer_cats_affinity(r->cfg))
        return GW_EFORMAT;
    if (r->in->nflows >= h->cfg->handover.flows ||
        gw_flow_find(r->in->flows, &r->service, &id) != NULL) {
        h->count[GW_HCNT_LIMIT_FLOWS]++;
        return 0;
    }
    struct gw_client_flow *f = gw_new(h->al, sizeof *f);
    if (f == NULL)
        return GW_ENOMEM;
    *f = (struct gw_client_flow){.next = r->in->flows,
                                 .service = r->service,
                                 .id = id,
                                 .csci_id = r->csci_id,
                                 .egress = r->egress};
    r->in->flows = f;
    r->in->nflows++;
    return need_egress(r, &r->egress);
}

static int read_item(struct reading *r, const struct gw_cats_item *i)
{
    if (i->type == GW_CATS_SERVICE) {
        r->service = (struct gw_service_key){i->service.cs_id, i->service.proto, i->service.port};
        r->cfg = gw_client_service(r->h, &r->service);
        r->chosen = false;
    } else if (i->type == GW_CATS_CHOICE) {
        read_choice(r, &i->choice);
    } else if (i->type == GW_CATS_FLOW) {
        return read_flow(r, &i->flow);
    }
    return 0;
}

static int read_items(struct reading *r, const struct gw_mh *m, bool lists)
{
    struct gw_cats_item item;
    size_t it = 0;
    int got, err = 0;

    while (err == 0 && (got = gw_cats_next(m, &it, &item)) != 0) {
        if (got < 0)
            return got;
        if (item.type == GW_CATS_MOVE) {
            r->in->move = item.move;
            r->in->moves = true;
        } else if (lists) {
            err = read_item(r, &item);
        }
    }
    return err;
}

const struct gw_cats_token *gw_move_token(const struct gw_mh *m, const struct gw_addr *egress,
                                          struct gw_cats_item *item)
{
    size_t it = 0;

    while (gw_cats_next(m, &it, item) == 1)
        if (item->type == GW_CATS_TOKEN && gw_addr_eq(&item->token.egress, egress))
            return &item->token;
    return NULL;
}

static void read_tokens(struct gw_move_in *in, const struct gw_mh *m)
{
    struct gw_cats_item item;

    for (struct gw_client_egress *e = in->egresses; e != NULL; e = e->next) {
        const struct gw_cats_token *t = gw_move_token(m, &e->addr, &item);
        if (t != NULL)
            e->token = *t;
    }
}

void gw_move_in_free(struct gw_handover *h, struct gw_move_in *in)
{
    gw_flows_free(h, &in->flows);
    gw_egresses_free(h, &in->egresses);
    in->nflows = 0;
}

int gw_move_read(struct gw_handover *h, const struct gw_mh *m, bool lists, struct gw_move_in *in)
{
    struct reading r = {.h = h, .in = in};
    size_t at = 0, it = 0;
    const struct gw_opt *client = gw_mh_opt(m, h->cfg->codec.opt_cats_client, &at);
    const struct gw_opt *address = gw_mh_opt(m, h->cfg->codec.opt_cats_addr, &it);

    *in = (struct gw_move_in){.moves = false};
    int err = client != NULL ? 0 : GW_EFORMAT;
    if (err == 0) {
        in->client = gw_client_prefix(&client->addr);
        err = read_items(&r, m, lists);
    }
    if (err == 0 && !in->moves)
        err = GW_EFORMAT;
    if (err != 0) {
        h->count[err == GW_ENOMEM ? GW_HCNT_NO_MEMORY : GW_HCNT_MALFORMED]++;
        gw_move_in_free(h, in);
        return err;
    }
    if (address != NULL)
        in->address = address->addr;
    read_tokens(in, m);
    return 0;
}

int gw_handover_message(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m)
{
    size_t it = 0;

    if (!h->ops->peer(h->user, from)) {
        h->count[GW_HCNT_STRANGER]++;
        return GW_EDENIED;
    }
    if (m->type == GW_MH_EXPERIMENTAL) {
        h->count[GW_HCNT_IN_ACK]++;
        return gw_post_acked(h, from, m);
    }
    if (m->type == GW_MH_BU && (m->bu.flags & GW_BU_N) != 0) {
        h->count[GW_HCNT_IN_REQUEST]++;
        return gw_offer_request(h, from, m);
    }
    if (m->type == GW_MH_BU) {
        h->count[GW_HCNT_IN_NOTIFICATION]++;
        return gw_takeover_notified(h, from, m);
    }
    h->count[GW_HCNT_IN_INDICATION]++;
    return gw_mh_opt(m, h->cfg->codec.opt_cats_addr, &it) != NULL ? gw_egress_indicated(h, from, m)
                                                                  : gw_offer_taken(h, from, m);
}
