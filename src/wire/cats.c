/* cats.c: the items of CATS control messages, one table row each: sub-type, length, read, write
 * (doc/cats.md has the figures). All fields are big endian; reserved octets are zero and ignored.
 * An item that is longer than its row says has fields of a later version behind the known ones.
 */
#include "wire/cats.h"

#define AUTH_ROOM  64u /* of a message, for Mesg-ID, authentication and all padding */
#define STATE_MASK 0x0fu
#define ELSEWHERE  0x80u /* INSTANCE: the egress follows */
#define COMPLETE   0x80u /* ORIGIN */
#define DIRECT     0x80u
#define MAX_SCORE  10u
#define MOVE_FLAGS ((unsigned)(GW_CATS_MOVE_CONTINUES | GW_CATS_MOVE_BUFFERED | GW_CATS_MOVE_MARKS))
#define BU_ROOM    12u /* before the options of a PBU or a PBA */
#define ADDR_ROOM  26u /* an address's option with its padding */

static void read_addr(struct gw_rd *r, struct gw_addr *a)
{
    (void)gw_rd_copy(r, a->b, sizeof a->b);
}

static void write_addr(struct gw_wr *w, const struct gw_addr *a)
{
    gw_wr_put(w, a->b, sizeof a->b);
}

static bool is_score(uint8_t v)
{
    return v <= MAX_SCORE || v == GW_CATS_NO_SCORE;
}

static bool read_vector(struct gw_rd *r, struct gw_cats_item *i)
{
    i->vector.direct = (gw_rd_u8(r) & DIRECT) != 0;
    i->vector.epoch = gw_rd_u32(r);
    i->vector.seq = gw_rd_u32(r);
    read_addr(r, &i->vector.origin);
    return true;
}

static bool write_vector(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->vector.direct ? DIRECT : 0);
    gw_wr_u32(w, i->vector.epoch);
    gw_wr_u32(w, i->vector.seq);
    write_addr(w, &i->vector.origin);
    return true;
}

static bool read_origin(struct gw_rd *r, struct gw_cats_item *i)
{
    struct gw_cats_item v;

    (void)read_vector(r, &v);
    i->origin.upto = v.vector;
    i->origin.from = gw_rd_u32(r);
    i->origin.complete = (gw_rd_u8(r) & COMPLETE) != 0;
    return !gw_cats_later(i->origin.from, i->origin.upto.seq);
}

static bool write_origin(struct gw_wr *w, const struct gw_cats_item *i)
{
    struct gw_cats_item v = {.vector = i->origin.upto};

    (void)write_vector(w, &v);
    gw_wr_u32(w, i->origin.from);
    gw_wr_u8(w, i->origin.complete ? COMPLETE : 0);
    return !gw_cats_later(i->origin.from, i->origin.upto.seq);
}

static bool read_service(struct gw_rd *r, struct gw_cats_item *i)
{
    i->service.proto = gw_rd_u8(r);
    i->service.port = gw_rd_u16(r);
    read_addr(r, &i->service.cs_id);
    return true;
}

static bool write_service(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->service.proto);
    gw_wr_u16(w, i->service.port);
    write_addr(w, &i->service.cs_id);
    return true;
}

static bool instance_holds(const struct gw_cats_instance *x)
{
    return x->state >= GW_CATS_UP && x->state <= GW_CATS_GONE && is_score(x->score) &&
           is_score(x->computing) && is_score(x->communication) && is_score(x->service);
}

static bool read_instance(struct gw_rd *r, struct gw_cats_item *i)
{
    struct gw_cats_instance *x = &i->instance;
    uint8_t state = gw_rd_u8(r);

    x->state = state & STATE_MASK;
    x->seq = gw_rd_u32(r);
    x->score = gw_rd_u8(r);
    x->computing = gw_rd_u8(r);
    x->communication = gw_rd_u8(r);
    x->service = gw_rd_u8(r);
    x->weight = gw_rd_u16(r);
    x->lifetime = gw_rd_u16(r);
    x->age = gw_rd_u16(r);
    x->slots = gw_rd_u16(r);
    x->latency = gw_rd_u32(r);
    x->in_flight = gw_rd_u32(r);
    x->errors = gw_rd_u32(r);
    read_addr(r, &x->csci_id);
    if ((state & ELSEWHERE) != 0)
        read_addr(r, &x->egress);
    return instance_holds(x);
}

static bool write_instance(struct gw_wr *w, const struct gw_cats_item *i)
{
    const struct gw_cats_instance *x = &i->instance;
    bool elsewhere = !gw_addr_is_zero(&x->egress);

    gw_wr_u8(w, (uint8_t)(x->state | (elsewhere ? ELSEWHERE : 0)));
    gw_wr_u32(w, x->seq);
    gw_wr_u8(w, x->score);
    gw_wr_u8(w, x->computing);
    gw_wr_u8(w, x->communication);
    gw_wr_u8(w, x->service);
    gw_wr_u16(w, x->weight);
    gw_wr_u16(w, x->lifetime);
    gw_wr_u16(w, x->age);
    gw_wr_u16(w, x->slots);
    gw_wr_u32(w, x->latency);
    gw_wr_u32(w, x->in_flight);
    gw_wr_u32(w, x->errors);
    write_addr(w, &x->csci_id);
    if (elsewhere)
        write_addr(w, &x->egress);
    return instance_holds(x);
}

static bool flow_holds(const struct gw_cats_flow *f)
{
    return f->affinity >= GW_CATS_BY_FLOW && f->affinity <= GW_CATS_BY_CLIENT;
}

static bool read_flow(struct gw_rd *r, struct gw_cats_item *i)
{
    i->flow.affinity = gw_rd_u8(r);
    i->flow.proto = gw_rd_u8(r);
    i->flow.sport = gw_rd_u16(r);
    i->flow.dport = gw_rd_u16(r);
    read_addr(r, &i->flow.src);
    read_addr(r, &i->flow.dst);
    return flow_holds(&i->flow);
}

static bool write_flow(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->flow.affinity);
    gw_wr_u8(w, i->flow.proto);
    gw_wr_u16(w, i->flow.sport);
    gw_wr_u16(w, i->flow.dport);
    write_addr(w, &i->flow.src);
    write_addr(w, &i->flow.dst);
    return flow_holds(&i->flow);
}

static bool choice_holds(const struct gw_cats_choice *c)
{
    return c->code >= GW_CATS_CHOSEN && c->code <= GW_CATS_UNREACHABLE && is_score(c->score);
}

static bool read_choice(struct gw_rd *r, struct gw_cats_item *i)
{
    i->choice.code = gw_rd_u8(r);
    i->choice.score = gw_rd_u8(r);
    i->choice.share = gw_rd_u16(r);
    i->choice.lifetime = gw_rd_u16(r);
    read_addr(r, &i->choice.csci_id);
    read_addr(r, &i->choice.egress);
    return choice_holds(&i->choice);
}

static bool write_choice(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->choice.code);
    gw_wr_u8(w, i->choice.score);
    gw_wr_u16(w, i->choice.share);
    gw_wr_u16(w, i->choice.lifetime);
    write_addr(w, &i->choice.csci_id);
    write_addr(w, &i->choice.egress);
    return choice_holds(&i->choice);
}

static bool read_path(struct gw_rd *r, struct gw_cats_item *i)
{
    (void)gw_rd_u8(r);
    i->path.loss = gw_rd_u16(r);
    i->path.age = gw_rd_u16(r);
    i->path.delay = gw_rd_u32(r);
    i->path.jitter = gw_rd_u32(r);
    read_addr(r, &i->path.to);
    return i->path.loss <= 10000;
}

static bool write_path(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, 0);
    gw_wr_u16(w, i->path.loss);
    gw_wr_u16(w, i->path.age);
    gw_wr_u32(w, i->path.delay);
    gw_wr_u32(w, i->path.jitter);
    write_addr(w, &i->path.to);
    return i->path.loss <= 10000;
}

static bool read_metric(struct gw_rd *r, struct gw_cats_item *i)
{
    i->metric.kind = gw_rd_u8(r);
    i->metric.level = gw_rd_u8(r);
    i->metric.unit = gw_rd_u8(r);
    i->metric.source = gw_rd_u8(r);
    i->metric.statistic = gw_rd_u8(r);
    i->metric.window = gw_rd_u32(r);
    i->metric.value = gw_rd_u64(r);
    return i->metric.level <= 2;
}

static bool write_metric(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->metric.kind);
    gw_wr_u8(w, i->metric.level);
    gw_wr_u8(w, i->metric.unit);
    gw_wr_u8(w, i->metric.source);
    gw_wr_u8(w, i->metric.statistic);
    gw_wr_u32(w, i->metric.window);
    gw_wr_u64(w, i->metric.value);
    return i->metric.level <= 2;
}

static bool read_hop(struct gw_rd *r, struct gw_cats_item *i)
{
    i->hop.role = gw_rd_u8(r);
    i->hop.code = gw_rd_u8(r);
    i->hop.rx = gw_rd_u64(r);
    i->hop.tx = gw_rd_u64(r);
    read_addr(r, &i->hop.at);
    return true;
}

static bool write_hop(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->hop.role);
    gw_wr_u8(w, i->hop.code);
    gw_wr_u64(w, i->hop.rx);
    gw_wr_u64(w, i->hop.tx);
    write_addr(w, &i->hop.at);
    return true;
}

static bool read_move(struct gw_rd *r, struct gw_cats_item *i)
{
    i->move.flags = gw_rd_u8(r) & MOVE_FLAGS;
    i->move.generation = gw_rd_u32(r);
    return true;
}

static bool write_move(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u8(w, i->move.flags);
    gw_wr_u32(w, i->move.generation);
    return (i->move.flags & ~MOVE_FLAGS) == 0;
}

static bool read_token(struct gw_rd *r, struct gw_cats_item *i)
{
    read_addr(r, &i->token.egress);
    i->token.spi = gw_rd_u32(r);
    i->token.expiry = gw_rd_u32(r);
    (void)gw_rd_copy(r, i->token.mac, sizeof i->token.mac);
    return !gw_addr_is_zero(&i->token.egress);
}

static bool write_token(struct gw_wr *w, const struct gw_cats_item *i)
{
    write_addr(w, &i->token.egress);
    gw_wr_u32(w, i->token.spi);
    gw_wr_u32(w, i->token.expiry);
    gw_wr_put(w, i->token.mac, sizeof i->token.mac);
    return !gw_addr_is_zero(&i->token.egress);
}

static bool transaction_holds(const struct gw_cats_transaction *t)
{
    return t->size == 0 || t->moved <= t->size;
}

static bool read_transaction(struct gw_rd *r, struct gw_cats_item *i)
{
    i->transaction.id = gw_rd_u64(r);
    i->transaction.code = gw_rd_u8(r);
    i->transaction.size = gw_rd_u32(r);
    i->transaction.moved = gw_rd_u32(r);
    return transaction_holds(&i->transaction);
}

static bool write_transaction(struct gw_wr *w, const struct gw_cats_item *i)
{
    gw_wr_u64(w, i->transaction.id);
    gw_wr_u8(w, i->transaction.code);
    gw_wr_u32(w, i->transaction.size);
    gw_wr_u32(w, i->transaction.moved);
    return transaction_holds(&i->transaction);
}

static bool read_location(struct gw_rd *r, struct gw_cats_item *i)
{
    struct gw_cats_location *x = &i->location;

    x->lifetime = gw_rd_u16(r);
    x->generation = gw_rd_u32(r);
    read_addr(r, &x->client);
    read_addr(r, &x->ingress);
    x->lladdr.len = gw_rd_u8(r);
    if (x->lladdr.len > sizeof x->lladdr.b)
        return false;
    (void)gw_rd_copy(r, x->lladdr.b, x->lladdr.len);
    x->negresses = gw_rd_u8(r);
    if (x->negresses > GW_CATS_EGRESSES)
        return false;
    for (size_t e = 0; e < x->negresses; e++)
        read_addr(r, &x->egress[e]);
    return !gw_addr_is_zero(&x->client);
}

static bool write_location(struct gw_wr *w, const struct gw_cats_item *i)
{
    const struct gw_cats_location *x = &i->location;

    if (x->lladdr.len > sizeof x->lladdr.b || x->negresses > GW_CATS_EGRESSES)
        return false;
    gw_wr_u16(w, x->lifetime);
    gw_wr_u32(w, x->generation);
    write_addr(w, &x->client);
    write_addr(w, &x->ingress);
    gw_wr_u8(w, x->lladdr.len);
    gw_wr_put(w, x->lladdr.b, x->lladdr.len);
    gw_wr_u8(w, (uint8_t)x->negresses);
    for (size_t e = 0; e < x->negresses; e++)
        write_addr(w, &x->egress[e]);
    return !gw_addr_is_zero(&x->client);
}

/* Both answer false for a value that is none. */
struct row {
    const char *name;
    bool (*read)(struct gw_rd *r, struct gw_cats_item *i);
    bool (*write)(struct gw_wr *w, const struct gw_cats_item *i);
};
static const struct row rows[] = {
    [GW_CATS_ORIGIN] = {"origin", read_origin, write_origin},
    [GW_CATS_SERVICE] = {"service", read_service, write_service},
    [GW_CATS_INSTANCE] = {"instance", read_instance, write_instance},
    [GW_CATS_VECTOR] = {"vector", read_vector, write_vector},
    [GW_CATS_FLOW] = {"flow", read_flow, write_flow},
    [GW_CATS_CHOICE] = {"choice", read_choice, write_choice},
    [GW_CATS_PATH] = {"path", read_path, write_path},
    [GW_CATS_METRIC] = {"metric", read_metric, write_metric},
    [GW_CATS_HOP] = {"hop", read_hop, write_hop},
    [GW_CATS_MOVE] = {"move", read_move, write_move},
    [GW_CATS_TOKEN] = {"token", read_token, write_token},
    [GW_CATS_TRANSACTION] = {"transaction", read_transaction, write_transaction},
    [GW_CATS_LOCATION] = {"location", read_location, write_location},
};

static const struct row *row_of(uint8_t type)
{
    return type < sizeof rows / sizeof *rows && rows[type].read != NULL ? &rows[type] : NULL;
}

int gw_cats_next(const struct gw_mh *m, size_t *it, struct gw_cats_item *item)
{
    const struct gw_opt *o;

    while ((o = gw_mh_opt(m, GW_OPT_EXPERIMENTAL, it)) != NULL) {
        struct gw_rd r = gw_rd_make(o->raw.data, o->raw.len);
        *item = (struct gw_cats_item){.type = gw_rd_u8(&r)};
        const struct row *row = row_of(item->type);
        if (r.bad)
            return GW_EFORMAT;
        if (row == NULL)
            continue;
        return row->read(&r, item) && !r.bad ? 1 : GW_EFORMAT;
    }
    return 0;
}

void gw_cats_begin(struct gw_mh *m, struct gw_cats_buf *b, enum gw_cats_type type, uint16_t flags,
                   uint32_t seq)
{
    m->type = GW_MH_EXPERIMENTAL;
    m->exp =
        (struct gw_mh_experimental){.cats = {.type = (uint8_t)type, .flags = flags, .seq = seq}};
    m->nopts = 0;
    b->used = 16; /* what stands before the options */
}

void gw_cats_carry(const struct gw_mh *m, struct gw_cats_buf *b)
{
    b->used = BU_ROOM + ADDR_ROOM * (size_t)m->nopts;
}

int gw_cats_add(struct gw_mh *m, struct gw_cats_buf *b, const struct gw_cats_item *item)
{
    const struct row *row = row_of(item->type);
    size_t at = b->used + 2, end = sizeof b->data - AUTH_ROOM;

    if (row == NULL)
        return GW_EINVAL;
    if (at > end || m->nopts + 2 >= GW_MH_OPTS) /* two are Mesg-ID's and the authentication's */
        return GW_ESHORT;
    struct gw_wr w = gw_wr_make(b->data + at, end - at);
    gw_wr_u8(&w, item->type);
    bool sayable = row->write(&w, item);
    if (!sayable || w.bad)
        return sayable ? GW_ESHORT : GW_EINVAL;
    struct gw_opt *o = gw_mh_add(m, GW_OPT_EXPERIMENTAL);
    o->raw.data = w.base;
    o->raw.len = (uint8_t)gw_wr_len(&w);
    b->used += 2u + o->raw.len;
    return 0;
}

int gw_cats_amend(struct gw_mh *m, struct gw_cats_buf *b, size_t i, const struct gw_cats_item *item)
{
    const struct row *row = row_of(item->type);

    if (row == NULL || i >= m->nopts || m->opt[i].raw.len == 0 ||
        m->opt[i].raw.data[0] != item->type)
        return GW_EINVAL;
    size_t at = (size_t)(m->opt[i].raw.data - b->data);
    struct gw_wr w = gw_wr_make(b->data + at + 1, m->opt[i].raw.len - 1u);
    bool sayable = row->write(&w, item);
    return sayable && !w.bad && w.p == w.end ? 0 : GW_EINVAL;
}

const char *gw_cats_type_name(uint8_t type)
{
    static const char *const names[] = {
        [GW_CATS_UPDATE] = "update",
        [GW_CATS_ACK] = "ack",
        [GW_CATS_DIGEST] = "digest",
        [GW_CATS_MAPPING] = "mapping",
        [GW_CATS_SELECTION] = "selection",
        [GW_CATS_QUERY] = "query",
        [GW_CATS_PATHS] = "paths",
        [GW_CATS_TRACE] = "trace",
        [GW_CATS_TRACE_REPLY] = "trace-reply",
        [GW_CATS_MOVE_ACK] = "move-ack",
        [GW_CATS_LOCATE] = "locate",
        [GW_CATS_WHERE] = "where",
        [GW_CATS_LOCATED] = "located",
        [GW_CATS_SWITCH_QUERY] = "switch-query",
        [GW_CATS_SWITCH_ANSWER] = "switch-answer",
        [GW_CATS_TRANSFER_REQUEST] = "transfer-request",
        [GW_CATS_TRANSFER_NOTICE] = "transfer-notice",
        [GW_CATS_TRANSFER_CONFIRM] = "transfer-confirm",
        [GW_CATS_TRANSFER_DONE] = "transfer-done",
        [GW_CATS_TRANSFER_ACK] = "transfer-ack",
        [GW_CATS_TRANSFER_READY] = "transfer-ready",
    };

    return type < sizeof names / sizeof *names && names[type] != NULL ? names[type] : "unknown";
}

const char *gw_cats_item_name(uint8_t type)
{
    const struct row *row = row_of(type);

    return row != NULL ? row->name : "unknown";
}

const char *gw_cats_move_name(const struct gw_mh *m)
{
    if (m->type == GW_MH_BU && (m->bu.flags & GW_BU_C) != 0)
        return (m->bu.flags & GW_BU_N) != 0 ? "request" : "notification";
    return m->type == GW_MH_BA && (m->ba.flags & GW_BA_C) != 0 ? "indication" : NULL;
}

const char *gw_cats_hop_code_name(uint8_t code)
{
    static const char *const names[] = {
        [GW_CATS_HOP_REACHED] = "reached",     [GW_CATS_HOP_DRAINING] = "draining",
        [GW_CATS_HOP_DEAD] = "dead",           [GW_CATS_HOP_STRANGE] = "unknown there",
        [GW_CATS_HOP_ELSEWHERE] = "elsewhere", [GW_CATS_HOP_TUNNELLED] = "tunnelled",
        [GW_CATS_HOP_DELIVERED] = "delivered", [GW_CATS_HOP_ROUTED] = "routed",
    };

    return code < sizeof names / sizeof *names ? names[code] : "unknown";
}

const char *gw_cats_state_name(uint8_t state)
{
    static const char *const names[] = {
        [GW_CATS_UP] = "up", [GW_CATS_DRAINING] = "draining", [GW_CATS_GONE] = "gone"};

    return state < sizeof names / sizeof *names && names[state] != NULL ? names[state] : "unknown";
}
