/* transfer_message.c: what is said of a transaction that is moved (figure 3): each message names it
 * (TRANSACTION, and the ingress whose number it is as HOP), its service, the old and the new
 * instance (CHOICE, in this order), and, where it begins, its flows. A client without flows of its
 * own (affinity by client) is a FLOW too.
 */
#include "fn/handover/transfer_int.h"

#include "fn/steer/steer.h"

#define HOP_INGRESS 1 /* struct gw_cats_hop */

/* -- reading ------------------------------------------------------------------------------------
 */

struct seen {
    bool transaction, service, bad;
    unsigned choices;
};

static void take_flow(const struct gw_cats_flow *f, struct gw_transfer_what *w, struct seen *s)
{
    if (w->nflows == GW_TRANSFER_FLOWS) {
        s->bad = true;
        return;
    }
    w->flow[w->nflows++] =
        (struct gw_flow_id){.src = f->src, .proto = f->proto, .sport = f->sport, .dport = f->dport};
}

static void take_choice(const struct gw_cats_choice *c, struct gw_transfer_what *w, struct seen *s)
{
    if (s->choices == 0) {
        w->from = c->csci_id;
        w->from_egress = c->egress;
    } else {
        w->to = c->csci_id;
        w->to_egress = c->egress;
    }
    s->choices++;
}

static void take(const struct gw_cats_item *i, struct gw_transfer_note *n, struct seen *s)
{
    if (i->type == GW_CATS_TRANSACTION) {
        n->what.id = i->transaction.id;
        n->code = i->transaction.code;
        n->size = i->transaction.size;
        n->moved = i->transaction.moved;
        s->transaction = true;
    } else if (i->type == GW_CATS_HOP && i->hop.role == HOP_INGRESS) {
        n->what.ingress = i->hop.at;
    } else if (i->type == GW_CATS_SERVICE) {
        n->what.service = (struct gw_service_key){
            .cs_id = i->service.cs_id, .proto = i->service.proto, .port = i->service.port};
        s->service = true;
    } else if (i->type == GW_CATS_FLOW) {
        take_flow(&i->flow, &n->what, s);
    } else if (i->type == GW_CATS_CHOICE) {
        take_choice(&i->choice, &n->what, s);
    }
}

static struct gw_addr net_of(const struct gw_addr *a)
{
    struct gw_addr net = *a;

    memset(net.b + 8, 0, 8);
    return net;
}

/* All flows are one client's. */
static bool one_client(struct gw_transfer_what *w)
{
    if (w->nflows == 0)
        return true;
    w->client = net_of(&w->flow[0].src);
    for (size_t i = 1; i < w->nflows; i++) {
        struct gw_addr net = net_of(&w->flow[i].src);
        if (!gw_addr_eq(&net, &w->client))
            return false;
    }
    return true;
}

int gw_transfer_read(const struct gw_mh *m, const struct gw_addr *from, struct gw_transfer_note *n)
{
    struct gw_cats_item item;
    struct seen s = {.choices = 0};
    size_t it = 0;
    int got;

    *n = (struct gw_transfer_note){.what = {.ingress = *from}};
    while ((got = gw_cats_next(m, &it, &item)) == 1)
        take(&item, n, &s);
    if (got < 0)
        return got;
    if (!s.transaction || s.bad || s.choices > 2 || !one_client(&n->what))
        return GW_EFORMAT;
    bool begins = m->exp.cats.type == GW_CATS_TRANSFER_NOTICE ||
                  (m->exp.cats.type == GW_CATS_TRANSFER_REQUEST && n->code == GW_TRANSFER_FINE);
    if (begins && (!s.service || s.choices != 2 || n->what.nflows == 0))
        return GW_EFORMAT;
    return 0;
}

/* -- writing ------------------------------------------------------------------------------------
 */

static bool put(struct gw_metric *m, const struct gw_cats_item *i)
{
    return gw_cats_add(m->out, &m->buf, i) == 0;
}

static bool put_flows(struct gw_transfers *x, const struct gw_transfer_what *w)
{
    for (size_t i = 0; i < w->nflows; i++) {
        const struct gw_flow_id *f = &w->flow[i];
        struct gw_cats_item item = {
            .type = GW_CATS_FLOW,
            .flow = {.affinity = gw_steer_cats_affinity(gw_steer_service(x->cfg, &w->service)),
                     .proto = f->proto,
                     .sport = f->sport,
                     .dport = f->dport,
                     .src = f->src,
                     .dst = w->service.cs_id}};
        if (!put(x->metric, &item))
            return false;
    }
    return true;
}

static bool put_choice(struct gw_metric *m, const struct gw_addr *csci_id,
                       const struct gw_addr *egress)
{
    return put(m, &(struct gw_cats_item){.type = GW_CATS_CHOICE,
                                         .choice = {.code = GW_CATS_CHOSEN,
                                                    .score = GW_CATS_NO_SCORE,
                                                    .csci_id = *csci_id,
                                                    .egress = *egress}});
}

bool gw_transfer_write(struct gw_transfers *x, enum gw_cats_type type, uint32_t seq,
                       const struct gw_transfer_note *n, bool whole)
{
    const struct gw_transfer_what *w = &n->what;
    struct gw_metric *m = x->metric;

    gw_cats_begin(m->out, &m->buf, type, 0, seq);
    bool fits = put(m, &(struct gw_cats_item){.type = GW_CATS_TRANSACTION,
                                              .transaction = {.id = w->id,
                                                              .code = n->code,
                                                              .size = n->size,
                                                              .moved = n->moved}}) &&
                put(m, &(struct gw_cats_item){.type = GW_CATS_HOP,
                                              .hop = {.at = w->ingress, .role = HOP_INGRESS}});
    if (!fits || gw_addr_is_zero(&w->service.cs_id))
        return fits;
    return put(m, &(struct gw_cats_item){.type = GW_CATS_SERVICE,
                                         .service = gw_steer_cats_key(&w->service)}) &&
           (!whole || put_flows(x, w)) && put_choice(m, &w->from, &w->from_egress) &&
           put_choice(m, &w->to, &w->to_egress);
}

void gw_transfer_answer(struct gw_transfers *x, enum gw_cats_type type, const struct gw_addr *to,
                        uint32_t seq, const struct gw_transfer_note *n)
{
    if (gw_transfer_write(x, type, seq, n, false))
        (void)x->metric->ops->send(x->metric->user, to, x->metric->out);
}

/* -- what is repeated until it is answered --------------------------------------------------------
 */

static enum gw_cats_type type_of(const struct gw_transfer *t, unsigned i)
{
    static const enum gw_cats_type types[][2] = {
        [GW_TRANSFER_INGRESS] = {GW_CATS_TRANSFER_REQUEST, GW_CATS_TRANSFER_NOTICE},
        [GW_TRANSFER_OLD] = {GW_CATS_TRANSFER_CONFIRM, GW_CATS_TRANSFER_CONFIRM},
        [GW_TRANSFER_NEW] = {GW_CATS_TRANSFER_READY, GW_CATS_TRANSFER_DONE},
    };

    return types[t->key.side][i];
}

static bool build(struct gw_post *p)
{
    struct gw_transfer *t = p->owner;
    unsigned i = p == &t->post[1];
    enum gw_cats_type type = type_of(t, i);
    struct gw_transfer_note n = {
        .what = t->what, .code = t->code, .size = t->size, .moved = t->moved};

    t->said[i] = t->code;
    gw_transfer_event(t, &t->all->cfg->addr, &p->to, gw_cats_type_name((uint8_t)type), t->size);
    return gw_transfer_write(t->all, type, p->seq, &n, t->key.side == GW_TRANSFER_INGRESS);
}

static void acked(struct gw_post *p)
{
    struct gw_transfer *t = p->owner;
    unsigned i = p == &t->post[1];

    if (t->said[i] != t->code) { /* it is out of date by now */
        gw_post_soon(p);
        return;
    }
    t->told[i] = true;
    switch (t->key.side) {
    case GW_TRANSFER_INGRESS:
        break; /* what comes of it is said by others */
    case GW_TRANSFER_OLD:
        gw_transfer_old_told(t, i);
        break;
    case GW_TRANSFER_NEW:
        gw_transfer_new_told(t, i);
        break;
    }
}

static void lost(struct gw_post *p)
{
    struct gw_transfer *t = p->owner;
    unsigned i = p == &t->post[1];

    p->pace = p->first = p->m->cfg->retransmit_max; /* from now on, if at all */
    switch (t->key.side) {
    case GW_TRANSFER_INGRESS:
        gw_transfer_ingress_lost(t, i);
        break;
    case GW_TRANSFER_OLD:
        gw_transfer_old_lost(t, i);
        break;
    case GW_TRANSFER_NEW:
        gw_transfer_new_lost(t, i);
        break;
    }
}

void gw_transfer_posts(struct gw_transfer *t)
{
    const struct gw_transfer_what *w = &t->what;
    const struct gw_addr *to[][2] = {
        [GW_TRANSFER_INGRESS] = {&w->from_egress, &w->to_egress},
        [GW_TRANSFER_OLD] = {&w->ingress, &w->to_egress},
        [GW_TRANSFER_NEW] = {&w->from_egress, &w->ingress},
    };

    for (unsigned i = 0; i < 2; i++) {
        t->post[i] = (struct gw_post){.m = t->all->metric,
                                      .to = *to[t->key.side][i],
                                      .owner = t,
                                      .build = build,
                                      .acked = acked,
                                      .lost = lost,
                                      .first = t->all->cfg->timers.initial_ack};
        gw_post_init(&t->post[i]);
    }
}

void gw_transfer_tell(struct gw_transfer *t, unsigned i)
{
    t->told[i] = false;
    gw_post_soon(&t->post[i]);
}

/* -- what comes in ------------------------------------------------------------------------------
 */

/* Numbers are of this node, not of a side of it. */
static int ack(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
               const struct gw_transfer_note *n)
{
    for (unsigned side = GW_TRANSFER_INGRESS; side <= GW_TRANSFER_NEW; side++) {
        struct gw_transfer *t =
            gw_transfer_get(x, (enum gw_transfer_side)side, &n->what.ingress, n->what.id);
        for (unsigned i = 0; t != NULL && i < 2; i++)
            if (gw_addr_eq(from, &t->post[i].to) && gw_post_ack(&t->post[i], seq) == 0)
                return 0;
    }
    x->count[GW_TCNT_UNMATCHED]++;
    return GW_ENOENT;
}

/* To an ingress and to a new egress, which may be one node. */
static int confirm(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                   const struct gw_transfer_note *n)
{
    int a = gw_transfer_confirmed(x, from, n), b = gw_transfer_decided(x, from, n);

    if (a == GW_EDENIED || b == GW_EDENIED)
        return GW_EDENIED;
    gw_transfer_answer(x, GW_CATS_TRANSFER_ACK, from, seq, n);
    return 0;
}

int gw_transfers_message(struct gw_transfers *x, const struct gw_addr *from, const struct gw_mh *m)
{
    uint32_t seq = m->exp.cats.seq;
    struct gw_transfer_note n;
    int err = gw_transfer_read(m, from, &n);

    if (err != 0) {
        x->count[GW_TCNT_MALFORMED]++;
        return err;
    }
    switch ((enum gw_cats_type)m->exp.cats.type) {
    case GW_CATS_TRANSFER_REQUEST:
        return gw_transfer_requested(x, from, seq, &n);
    case GW_CATS_TRANSFER_NOTICE:
        return gw_transfer_noticed(x, from, seq, &n);
    case GW_CATS_TRANSFER_READY:
        return gw_transfer_ready(x, from, &n);
    case GW_CATS_TRANSFER_CONFIRM:
        return confirm(x, from, seq, &n);
    case GW_CATS_TRANSFER_DONE:
        return gw_transfer_done(x, from, seq, &n);
    case GW_CATS_TRANSFER_ACK:
        return ack(x, from, seq, &n);
    case GW_CATS_UPDATE:
    case GW_CATS_ACK:
    case GW_CATS_DIGEST:
    case GW_CATS_MAPPING:
    case GW_CATS_SELECTION:
    case GW_CATS_QUERY:
    case GW_CATS_PATHS:
    case GW_CATS_TRACE:
    case GW_CATS_TRACE_REPLY:
    case GW_CATS_MOVE_ACK:
    case GW_CATS_LOCATE:
    case GW_CATS_WHERE:
    case GW_CATS_LOCATED:
    case GW_CATS_SWITCH_QUERY:
    case GW_CATS_SWITCH_ANSWER:
        break;
    }
    return GW_EINVAL;
}
