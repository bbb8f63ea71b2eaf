/* fuzz_node.c: `node input` with arbitrary packets in arbitrary states. A program of octets makes a
 * node of some roles and lets things happen to it: stations, messages of its peers (made by the
 * codec, so that they are believed, then changed), answers to what it sent, neighbour discovery,
 * results of the packet path, time, restarts with whatever records, reloads, an operator, and
 * memory that is refused. What must hold all the time, and in the end, is in node_world.c.
 */
#include "node_world.h"

#include "fn/lm/lm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 80, EDITS_MOST = 4 };

static struct gw_mh msg; /* the message being made; one thread */

/* -- messages of peers ---------------------------------------------------------------------------
 */

/* Of a peer's pool, the node's own, nobody's, or ALL_ZERO. */
static struct gw_prefix any_prefix(struct fz_world *w, struct gw_rd *r)
{
    uint8_t c = gw_rd_u8(r);

    if (c < 0x40)
        return fz_prefix(c & 7, c >> 3);
    if (c < 0xc0 && w->nknown > 0)
        return w->known[c % w->nknown];
    if (c < 0xe0)
        return (struct gw_prefix){0};
    return gw_prefix_mask(fz_addr(c & 7), (uint8_t)(gw_rd_u8(r) % 129));
}

static uint64_t timestamp(const struct fz_world *w, uint8_t c)
{
    static const int64_t off_ms[] = {0, 1, -1, 100, -100, 299, 301, -1000, 1000, -30000, 3600000};

    if (c == 0xff)
        return UINT64_MAX;
    if (c == 0xfe)
        return 0;
    return gw_lm_timestamp(w->now.wall_ns + off_ms[c % 11] * 1000000);
}

static void add_group(struct fz_world *w, struct gw_rd *r, struct gw_mh *m)
{
    uint8_t who = gw_rd_u8(r);
    struct gw_lm_previous p = {.maar = fz_addr(who % (FZ_PEERS + 2)), .prefix = any_prefix(w, r)};

    gw_dlif_default(&p.maar, &p.link_local, &p.lladdr);
    (void)gw_lm_add_previous(m, &p);
}

/* What every registration has. */
static void add_identity(struct fz_world *w, struct gw_rd *r, struct gw_mh *m, uint8_t hi)
{
    uint8_t mn = gw_rd_u8(r);
    const struct gw_mnid id = fz_mnid(mn % (FZ_MNS + 1));
    const struct gw_lladdr ll = fz_station(mn % FZ_MNS).lladdr;
    const struct gw_prefix p = any_prefix(w, r);

    (void)gw_lm_add_mnid(m, &id);
    (void)gw_lm_add_prefix(m, GW_OPT_HNP, &p);
    if (hi == 0)
        return;
    (void)gw_lm_add_code(m, GW_OPT_HI, hi);
    (void)gw_lm_add_code(m, GW_OPT_ATT, 4);
    (void)gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &ll);
    (void)gw_lm_add_u64(m, GW_OPT_TIMESTAMP, timestamp(w, gw_rd_u8(r)));
}

static void make_bu(struct fz_world *w, struct gw_rd *r, uint8_t how, struct gw_mh *m)
{
    unsigned flags = GW_BU_A | GW_BU_P | ((how & 1) != 0 ? 0u : GW_BU_D);
    const struct gw_addr place = fz_addr(how >> 5);

    m->type = GW_MH_BU;
    m->bu = (struct gw_mh_bu){
        .seq = gw_rd_u8(r), .flags = (uint16_t)flags, .lifetime = (how & 2) != 0 ? 0 : 15};
    if ((how & 4) != 0) { /* the CMD to a previous MAAR */
        add_identity(w, r, m, 0);
        (void)gw_lm_add_u64(m, GW_OPT_TIMESTAMP, timestamp(w, gw_rd_u8(r)));
        (void)gw_lm_add_addr(m, GW_OPT_SERVING_MAAR, &place);
        return;
    }
    add_identity(w, r, m, (how & 8) != 0 ? GW_HI_REREGISTRATION : (uint8_t)(1 + (how >> 5)));
    if ((how & 16) != 0)
        add_group(w, r, m);
}

static void make_ba(struct fz_world *w, struct gw_rd *r, uint8_t how, struct gw_mh *m)
{
    unsigned flags = GW_BA_P | ((how & 1) != 0 ? 0u : GW_BA_D);

    m->type = GW_MH_BA;
    m->ba = (struct gw_mh_ba){.status = (how & 2) != 0 ? gw_rd_u8(r) : 0,
                              .flags = (uint8_t)flags,
                              .seq = gw_rd_u8(r),
                              .lifetime = (how & 4) != 0 ? 0 : 15};
    add_identity(w, r, m, GW_HI_UNKNOWN);
    for (int i = how >> 5; i > 0; i--)
        add_group(w, r, m);
}

static void make_revocation(struct fz_world *w, struct gw_rd *r, uint8_t how, struct gw_mh *m)
{
    bool global = (how & 1) != 0;

    m->type = GW_MH_REVOCATION;
    m->br = (struct gw_mh_revocation){.br_type = (how & 2) != 0 ? GW_BR_BRA : GW_BR_BRI,
                                      .code = global ? 128 : how >> 5,
                                      .seq = gw_rd_u8(r),
                                      .p = true,
                                      .g = global};
    if (!global || (how & 4) != 0)
        add_identity(w, r, m, 0);
    if ((how & 8) != 0)
        (void)gw_lm_add_u64(m, GW_OPT_TIMESTAMP, timestamp(w, gw_rd_u8(r)));
}

static void make_other(struct fz_world *w, struct gw_rd *r, uint8_t how, struct gw_mh *m)
{
    uint8_t seq = gw_rd_u8(r);

    switch (how & 3) {
    case 0:
        m->type = GW_MH_HEARTBEAT;
        m->hb = (struct gw_mh_heartbeat){(how & 4) != 0, (how & 8) != 0, seq};
        struct gw_opt *o = gw_mh_add(m, GW_OPT_RESTART);
        o->u32 = how >> 4;
        break;
    case 1:
        m->type = GW_MH_BE;
        m->be = (struct gw_mh_be){.status = how >> 4};
        break;
    case 2:
        m->type = GW_MH_UPN;
        m->upn = (struct gw_mh_upn){seq, how >> 4, true, (how & 4) != 0};
        add_identity(w, r, m, 0);
        break;
    case 3:
        m->type = GW_MH_UPA;
        m->upa = (struct gw_mh_upa){seq, how >> 2};
        break;
    }
}

/* One thing about the message becomes another. */
static void edit(struct fz_world *w, struct gw_rd *r, struct gw_mh *m)
{
    uint8_t what = gw_rd_u8(r), arg = gw_rd_u8(r);
    uint16_t wide = (uint16_t)(arg << 8 | gw_rd_u8(r));
    struct gw_opt *o = m->nopts > 0 ? &m->opt[arg % m->nopts] : NULL;

    switch (what % 12) {
    case 0: /* an option less */
        if (o != NULL)
            *o = m->opt[--m->nopts];
        break;
    case 1: /* twice */
        if (o != NULL && m->nopts < GW_MH_OPTS) {
            m->opt[m->nopts] = *o;
            m->nopts++;
        }
        break;
    case 2: /* the fixed part: flags or status */
        m->bu.flags = m->type == GW_MH_BU ? wide & 0xfffc : m->bu.flags;
        m->ba.status = m->type == GW_MH_BA ? arg : m->ba.status;
        break;
    case 3: /* lifetime */
        if (m->type == GW_MH_BU)
            m->bu.lifetime = wide;
        else if (m->type == GW_MH_BA)
            m->ba.lifetime = wide;
        break;
    case 4:
        if (m->type == GW_MH_BU)
            m->bu.seq = wide;
        break;
    case 5: {
        const struct gw_prefix p = any_prefix(w, r);
        (void)gw_lm_add_prefix(m,
                               arg % 3 == 0   ? GW_OPT_LOCAL_PREFIX
                               : arg % 3 == 1 ? GW_OPT_ANCHORED_PREFIX
                                              : GW_OPT_HNP,
                               &p);
        break;
    }
    case 6:
        add_group(w, r, m);
        break;
    case 7: {
        const struct gw_addr a = fz_addr(arg % (FZ_PEERS + 2));
        (void)gw_lm_add_addr(m, arg < 0x80 ? GW_OPT_SERVING_MAAR : GW_OPT_ALT_COA, &a);
        break;
    }
    case 8:
        if (o != NULL && o->type == GW_OPT_TIMESTAMP)
            o->u64 = timestamp(w, (uint8_t)wide);
        break;
    case 9: /* the same value under another type, of the same form */
        if (o != NULL && (o->type == GW_OPT_HI || o->type == GW_OPT_ATT))
            o->code = (uint8_t)wide;
        break;
    case 10: {
        const struct gw_addr a = {{0xfe, 0x80, [15] = arg}};
        (void)gw_lm_add_addr(m, arg < 0x80 ? GW_OPT_LINK_LOCAL : GW_OPT_DLIF_LINK_LOCAL, &a);
        break;
    }
    case 11:
        for (unsigned i = arg; i > 0; i--)
            (void)gw_lm_add_code(m, GW_OPT_HI, (uint8_t)wide);
        break;
    }
}

/* how: who sends it and how it is spoilt. */
static void finish(struct fz_world *w, struct gw_rd *r, unsigned peer, struct gw_mh *m)
{
    uint8_t how = gw_rd_u8(r);
    uint64_t late = (how & 8) != 0 ? (uint64_t)gw_rd_u8(r) << 29 : 0;
    struct fz_flip f = {0};

    for (unsigned i = how % EDITS_MOST; i > 0; i--)
        edit(w, r, m);
    if ((how & 16) != 0) {
        f.at = gw_rd_u8(r);
        f.with = gw_rd_u8(r);
    }
    fz_send(w, peer, m, late, f);
}

static void message(struct fz_world *w, struct gw_rd *r)
{
    static void (*const make[])(struct fz_world *, struct gw_rd *, uint8_t, struct gw_mh *) = {
        make_bu, make_bu, make_ba, make_revocation, make_other};
    uint8_t what = gw_rd_u8(r), how = gw_rd_u8(r);

    msg.nopts = 0;
    make[what % 5](w, r, how, &msg);
    finish(w, r, what >> 6, &msg);
}

/* What a peer would say to one of the messages of the node, or nearly so. */
static void answer(struct fz_world *w, struct gw_rd *r)
{
    static struct fz_sent s;
    uint8_t which = gw_rd_u8(r);
    unsigned peer;

    if (w->nsent == 0)
        return;
    s = w->sent[(w->nsent - 1 - which % (w->nsent < FZ_SENT ? w->nsent : FZ_SENT)) % FZ_SENT];
    if (fz_answer(w, &s, &msg, &peer))
        finish(w, r, peer, &msg);
}

/* Whatever octets, from whoever. */
static void raw(struct fz_world *w, struct gw_rd *r)
{
    struct gw_mh_addrs a = {.src = fz_addr(gw_rd_u8(r) % (FZ_PEERS + 2)), .dst = fz_addr(FZ_PEERS)};
    size_t len = gw_rd_u8(r);
    const uint8_t *data = gw_rd_take(r, len);
    uint8_t buf[256];

    if (data == NULL)
        return;
    memcpy(buf, data, len);
    if (len >= 8)
        fz_seal(&a, buf, len);
    fz_input(w, &(struct gw_input){.kind = GW_IN_MH, .mh = {.addrs = a, .data = buf, .len = len}});
}

/* -- stations ------------------------------------------------------------------------------------
 */

static void station(struct fz_world *w, struct gw_rd *r, enum gw_input_kind kind)
{
    uint8_t c = gw_rd_u8(r);
    const struct gw_mnid id = fz_mnid(c >> 2 & 7);
    struct gw_input in = {.kind = kind,
                          .attach = {.station = fz_station(c % FZ_MNS),
                                     .mnid = (c & 0x20) != 0 ? &id : NULL,
                                     .by = (enum gw_seen_by)((c >> 5) % GW_SEEN_SOURCES),
                                     .seen = w->now.mono}};

    in.attach.station.iface = (c & 0x10) != 0 && (c & 3) == 3;
    fz_input(w, &in);
}

static void neighbour(struct fz_world *w, struct gw_rd *r)
{
    uint8_t c = gw_rd_u8(r), mn = gw_rd_u8(r), at = gw_rd_u8(r), with = gw_rd_u8(r);
    const struct gw_lladdr ll = fz_station(mn % FZ_MNS).lladdr;
    struct gw_nd m = {.type = (enum gw_nd_type)(GW_ND_RS + (c & 3)),
                      .dst = {{0xff, 2, [15] = 2}},
                      .target = {{0xfe, 0x80, [15] = (uint8_t)(mn >> 2)}}};
    uint8_t buf[512];

    m.src = (c & 4) != 0 ? (struct gw_addr){{0xfe, 0x80, [15] = (uint8_t)(0x80 | mn)}}
            : (c & 8) != 0 && w->nknown > 0 ? w->known[mn % w->nknown].addr
                                            : (struct gw_addr){0};
    if ((c & 16) != 0)
        m.slla = ll;
    if ((c & 32) != 0)
        m.target = w->cfg[0].dlif.link_local;
    int len = gw_nd_write(&m, buf, sizeof buf);
    if (len < 0)
        return;
    if (at < len)
        buf[at] ^= with;
    fz_input(
        w, &(struct gw_input){.kind = GW_IN_ND,
                              .nd = {.iface = c >> 7, .src = ll, .data = buf, .len = (size_t)len}});
}

static void first_packet(struct fz_world *w, struct gw_rd *r)
{
    const struct gw_prefix p = any_prefix(w, r);

    fz_input(w, &(struct gw_input){
                    .kind = GW_IN_FIRST_PKT,
                    .first = {.prefix = p, .uplink = (p.addr.b[7] & 1) != 0, .seen = w->now.mono}});
}

/* -- the machine ---------------------------------------------------------------------------------
 */

static void wait(struct fz_world *w, struct gw_rd *r)
{
    static const int64_t ms[] = {1,    10,   100,   500,   1000,  1500,
                                 3000, 5000, 10000, 20000, 61000, 400000};

    fz_advance(w, ms[gw_rd_u8(r) % 12] * 1000000);
}

/* A record as no node has written it, or one with an octet changed; then a start. */
struct spoil {
    struct fz_world *w;
    unsigned which, at;
    uint8_t with;
};

static int spoil_one(void *user, const void *key, size_t key_len, const void *value, size_t len)
{
    struct spoil *s = user;
    uint8_t buf[GW_RECORD_MAX];

    if (s->which-- != 0 || len == 0 || len > sizeof buf)
        return 0;
    memcpy(buf, value, len);
    buf[s->at % len] ^= s->with;
    fz_demand(gw_store_put(s->w->store, key, key_len, buf, len) == 0);
    return 0;
}

static void records(struct fz_world *w, struct gw_rd *r)
{
    static const char kinds[] = "MCLGHRO";
    struct gw_store_why why;
    uint8_t c = gw_rd_u8(r);

    if (c < 0x80) {
        struct spoil s = {w, c & 7, gw_rd_u8(r), gw_rd_u8(r)};
        fz_demand(gw_store_load(w->store, spoil_one, &s, &why) == 0);
    } else {
        uint8_t key[3] = {(uint8_t)kinds[c % 7], c, 0};
        size_t len = gw_rd_u8(r);
        const uint8_t *value = gw_rd_take(r, len);
        if (value != NULL)
            fz_demand(gw_store_put(w->store, key, c % 7 == 5 ? 2 : 3, value, len) == 0);
    }
    fz_demand(gw_store_commit(w->store, GW_NEVER, &why) == 0);
    w->spoilt = true;
    fz_restart(w);
}

static void happen(struct fz_world *w, struct gw_rd *r)
{
    uint8_t op = gw_rd_u8(r);

    switch (op % 20) {
    case 0:
    case 1:
        station(w, r, GW_IN_ATTACH);
        break;
    case 2:
        station(w, r, GW_IN_DETACH);
        break;
    case 3:
        station(w, r, GW_IN_AUTHORISED);
        break;
    case 4:
    case 5:
    case 6:
        message(w, r);
        break;
    case 7:
    case 8:
    case 9:
        answer(w, r);
        break;
    case 10:
        neighbour(w, r);
        break;
    case 11:
    case 12:
        wait(w, r);
        break;
    case 13:
        first_packet(w, r);
        break;
    case 14:
        fz_input(w, &(struct gw_input){.kind = op < 0x80 ? GW_IN_ALL_SAID : GW_IN_LINK_DOWN});
        break;
    case 15:
        w->used = gw_rd_u8(r) % 20;
        w->plane_fails = op >> 7;
        break;
    case 16:
        w->fails = 1 + gw_rd_u8(r) % 4;
        break;
    case 17:
        fz_reload(w, gw_rd_u8(r));
        break;
    case 18:
        fz_operate(w, op, gw_rd_u8(r));
        break;
    case 19:
        switch (op / 20 % 5) {
        case 0:
            fz_restart(w);
            break;
        case 1:
            records(w, r);
            break;
        case 2:
            fz_policies(w, (gw_rd_u8(r) & 1) != 0);
            break;
        case 3:
            raw(w, r);
            break;
        case 4:
            fz_show(w);
            break;
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_rd r = gw_rd_make(data, size);
    uint8_t variant = gw_rd_u8(&r);
    struct fz_world *w = fz_new(variant, gw_rd_u8(&r));

    for (int i = 0; i < STEPS && gw_rd_left(&r) > 0; i++)
        happen(w, &r);
    fz_end(w);
    fz_free(w);
    return 0;
}
