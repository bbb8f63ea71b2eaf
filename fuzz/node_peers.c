/* node_peers.c: what is done to the node of node_world.h: messages of its peers, well-meant
 * answers, an operator's commands, a reload; and the end, when all of it must be forgotten.
 */
#include "node_world.h"

#include <stdio.h>

#include "wire/mh_int.h"

/* The longest that anything may stay: a lifetime of 16 bits in units of 4 s, and some. */
#define FORGOTTEN   GW_SEC(INT64_C(75) * 3600).ns
#define SOON        GW_SEC(1800).ns
#define POLITE_MOST 20000

static uint64_t mesgid(struct fz_world *w)
{
    uint64_t now = gw_ntp_time(w->now.wall_ns);

    w->mesgid = w->mesgid < now ? now : w->mesgid + 1;
    return w->mesgid;
}

void fz_seal(const struct gw_mh_addrs *addrs, uint8_t *buf, size_t len)
{
    buf[GW_MH_CHECKSUM_AT] = buf[GW_MH_CHECKSUM_AT + 1] = 0;
    gw_mh_seal(addrs, buf, gw_mh_length(buf) <= len ? gw_mh_length(buf) : len);
}

void fz_send(struct fz_world *w, unsigned peer, struct gw_mh *m, uint64_t late, struct fz_flip f)
{
    const struct gw_config *c = &w->cfg[w->cfg_now];
    const struct gw_cfg_peer *p = &w->peers[peer % FZ_PEERS];
    struct gw_mh_addrs addrs = {.src = p->addr, .dst = c->addr};
    uint8_t buf[GW_MH_MAX];
    int len;

    if (p->nkeys > 0) {
        struct gw_opt *o = gw_mh_add(m, GW_OPT_MESGID);
        if (o == NULL)
            return;
        o->u64 = mesgid(w) - late;
        len = gw_mh_write_auth(&c->codec, &addrs, m, &p->keys[0], buf, sizeof buf);
    } else {
        len = gw_mh_write(&c->codec, &addrs, m, buf, sizeof buf);
    }
    if (len < 0)
        return;
    if (f.with != 0) {
        buf[f.at % (unsigned)len] ^= f.with;
        fz_seal(&addrs, buf, (size_t)len);
    }
    fz_input(w, &(struct gw_input){.kind = GW_IN_MH,
                                   .mh = {.addrs = addrs, .data = buf, .len = (size_t)len}});
}

/* -- helpful peers -------------------------------------------------------------------------------
 */

static void without(struct gw_mh *m, uint8_t type)
{
    uint16_t n = 0;

    for (uint16_t i = 0; i < m->nopts; i++)
        if (m->opt[i].type != type)
            m->opt[n++] = m->opt[i];
    m->nopts = n;
}

static void acknowledge(struct gw_mh *m)
{
    struct gw_mh_bu bu = m->bu;
    unsigned flags =
        ((bu.flags & GW_BU_P) != 0 ? GW_BA_P : 0u) | ((bu.flags & GW_BU_D) != 0 ? GW_BA_D : 0u);

    m->type = GW_MH_BA;
    m->ba = (struct gw_mh_ba){.flags = (uint8_t)flags, .seq = bu.seq, .lifetime = bu.lifetime};
    for (uint16_t i = 0; i < m->nopts; i++) /* an LMA gives what it was asked for */
        if (m->opt[i].type == GW_OPT_HNP && m->opt[i].prefix.len == 0)
            m->opt[i].prefix = fz_prefix(0, 1);
}

bool fz_answer(const struct fz_world *w, const struct fz_sent *s, struct gw_mh *m, unsigned *peer)
{
    const struct gw_config *c = &w->cfg[w->cfg_now];

    for (*peer = 0; *peer < FZ_PEERS && !gw_addr_eq(&w->peers[*peer].addr, &s->addrs.dst);)
        ++*peer;
    if (*peer == FZ_PEERS ||
        gw_mh_parse(&c->codec, &s->addrs, s->data, s->len, m).code != GW_PARSE_OK)
        return false;
    without(m, GW_OPT_AUTH);
    without(m, GW_OPT_MESGID);
    if (m->type == GW_MH_BU) {
        acknowledge(m);
    } else if (m->type == GW_MH_HEARTBEAT && !m->hb.response) {
        m->hb.response = true;
        struct gw_opt *o = gw_mh_add(m, GW_OPT_RESTART);
        if (o != NULL)
            o->u32 = 7;
    } else if (m->type == GW_MH_REVOCATION && m->br.br_type == GW_BR_BRI) {
        m->br.br_type = GW_BR_BRA;
        m->br.code = GW_BRA_SUCCESS;
    } else if (m->type == GW_MH_UPN) {
        struct gw_mh_upn upn = m->upn;
        m->type = GW_MH_UPA;
        m->upa = (struct gw_mh_upa){.seq = upn.seq};
    } else {
        return false;
    }
    return true;
}

static void answer_all(struct fz_world *w, size_t *from)
{
    static struct fz_sent s;
    static struct gw_mh m;
    unsigned peer;

    if (w->nsent > *from + FZ_SENT)
        *from = w->nsent - FZ_SENT; /* those are repeated */
    while (*from < w->nsent) {
        s = w->sent[(*from)++ % FZ_SENT];
        if (fz_answer(w, &s, &m, &peer))
            fz_send(w, peer, &m, 0, (struct fz_flip){0});
    }
}

/* Time passes, and every question is answered. */
static void politely(struct fz_world *w, int64_t ns)
{
    int64_t end = w->now.mono.ns + ns;
    size_t answered = w->nsent;

    for (unsigned i = 0; w->now.mono.ns < end; i++) {
        int64_t at = gw_node_deadline(w->node).ns;
        fz_demand(i < POLITE_MOST);
        at = at > end ? end : at < w->now.mono.ns ? w->now.mono.ns : at;
        fz_advance(w, at - w->now.mono.ns);
        answer_all(w, &answered);
    }
}

/* -- an operator ---------------------------------------------------------------------------------
 */

void fz_policies(struct fz_world *w, bool esp)
{
    const struct gw_prefix me = {fz_addr(FZ_PEERS), 128}, it = {fz_addr(FZ_PEERS - 1), 128};
    const struct gw_policy list[] = {
        {.dir = GW_POLICY_IN, .src = it, .dst = me, .esp = esp},
        {.dir = GW_POLICY_OUT, .src = me, .dst = it, .esp = esp},
    };

    fz_input(w, &(struct gw_input){.kind = GW_IN_POLICIES,
                                   .policies = {.list = list, .n = esp ? 2 : 1}});
}

void fz_reload(struct fz_world *w, uint8_t how)
{
    struct gw_config *next = &w->cfg[!w->cfg_now];

    *next = w->cfg[w->cfg_now];
    next->mobility.cmd_mode = (enum gw_cmd_mode)(how % 3);
    next->mobility.dereg = (how & 4) != 0 ? GW_DEREG_ASK : GW_DEREG_STOP_TIMER;
    next->mobility.nlocal = (how & 8) != 0 && (next->roles & GW_ROLE_MAAR) != 0;
    next->npeers = (how & 16) != 0 ? FZ_PEERS - 1 : FZ_PEERS;
    w->policy[1] = w->policy[0];
    w->policy[1].allow = (how & 32) == 0;
    if ((how & 64) != 0 && (next->roles & GW_ROLES_ACCESS) == GW_ROLES_ACCESS)
        w->policy[1].anchoring = GW_ANCHORING_LMA;
    next->policy = next->policy == &w->policy[0] ? &w->policy[1] : &w->policy[0];
    if ((how & 128) != 0)
        next->mobility.idle_release = GW_SEC(5);
    if (gw_node_reload(w->node, next, NULL, NULL, w->now) == 0)
        w->cfg_now = !w->cfg_now;
    fz_advance(w, 0);
}

void fz_operate(struct fz_world *w, uint8_t what, uint8_t who)
{
    const struct gw_mnid mn = fz_mnid(who % (FZ_MNS + 1));
    const struct gw_addr peer = fz_addr(who % FZ_PEERS);
    bool all = (what & 4) != 0;
    struct gw_operate o = {.kind = (enum gw_operate_kind)(what % 3),
                           .mnid = all ? NULL : &mn,
                           .peer = all ? &peer : NULL,
                           .hold = {(what & 8) != 0 ? -1 : GW_SEC(what >> 4).ns}};
    uint64_t number;

    (void)gw_node_operate(w->node, &o, w->now, &number);
    fz_advance(w, 0);
}

static void nothing(void *user, const char *key)
{
    (void)user;
    (void)key;
}
static void end(void *user)
{
    (void)user;
}
static void text(void *user, const char *key, const char *value)
{
    (void)key;
    *(size_t *)user += strlen(value);
}
static void number(void *user, const char *key, int64_t value)
{
    (void)user;
    (void)key;
    (void)value;
}
static void flag(void *user, const char *key, bool value)
{
    (void)user;
    (void)key;
    (void)value;
}

void fz_show(struct fz_world *w)
{
    static const struct gw_emit_ops ops = {nothing, end, nothing, end, text, number, flag};
    size_t octets = 0;
    struct gw_emit e = {&ops, &octets};

    for (int what = GW_SHOW_BINDINGS; what <= GW_SHOW_REVOKED; what++)
        gw_node_show(w->node, (enum gw_show)what, &e, w->now);
}

/* -- the end -------------------------------------------------------------------------------------
 */

static void leaves(struct fz_world *w, struct gw_station_key st, enum gw_seen_by by)
{
    fz_input(w, &(struct gw_input){.kind = GW_IN_DETACH,
                                   .attach = {.station = st, .by = by, .seen = w->now.mono}});
}

static void everybody_leaves(struct fz_world *w)
{
    for (unsigned i = 0; i < 2 * FZ_MNS; i++) {
        struct gw_station_key st = fz_station(i % FZ_MNS);
        st.iface = i / FZ_MNS;
        leaves(w, st, GW_SEEN_HOSTAPD);
    }
    /* Whoever a spoilt record was about. */
    fz_input(w, &(struct gw_input){.kind = GW_IN_ALL_SAID});
}

static int count_record(void *user, const void *key, size_t key_len, const void *value,
                        size_t value_len)
{
    (void)key_len;
    (void)value;
    (void)value_len;
    if (*(const uint8_t *)key != 'R')
        ++*(size_t *)user;
    return 0;
}

static size_t forwarded(const struct fz_world *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->nknown; i++)
        n += gw_native_prefix(w->plane, &w->known[i]) != NULL;
    return n;
}

/* How much is left; with its name where there is any, if it is to be said. */
static size_t left(const struct fz_world *w, bool say)
{
    const struct gw_node *n = w->node;
    struct gw_store_why why;
    size_t records = 0, sum = 0;

    if (!w->spoilt) /* what cannot be read stays */
        (void)gw_store_load(w->store, count_record, &records, &why);
    const struct {
        const char *what;
        size_t count;
    } parts[] = {
        {"bindings of the CMD", gw_table_count(&n->cmd.bs.by_mnid)},
        {"bindings of the MAAR", gw_table_count(&n->maar.bs.by_mnid)},
        {"bindings of the LMA", gw_table_count(&n->lma.bs.by_mnid)},
        {"bindings of the MAG", gw_table_count(&n->mag.bs.by_mnid)},
        {"stations of the MAAR", gw_table_count(&n->maar.by_station)},
        {"stations of the MAG", gw_table_count(&n->mag.by_station)},
        {"authorised stations", gw_table_count(&n->authorised)},
        {"prefixes taken", gw_pools_count(&n->maar.pools)},
        {"stations with routers", gw_table_count(&n->access.stations)},
        {"waits for the packet path", gw_table_count(&n->lm.awaits)},
        {"orders", gw_table_count(&n->operations.orders.by_seq)},
        {"holds", gw_table_count(&n->operations.holds.by_mnid)},
        {"exchanges", n->lm.pending},
        {"prefixes forwarded", forwarded(w)},
        {"records", records},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        sum += parts[i].count;
        if (say && parts[i].count > 0)
            (void)fprintf(stderr, "in the end there are %s: %zu\n", parts[i].what, parts[i].count);
    }
    return sum;
}

/* An anchor of a mobile node that went on, of a MAAR whose CMD is another node; NULL. */
static const struct gw_maar_mn *previous(const struct fz_world *w)
{
    const struct gw_config *c = &w->cfg[w->cfg_now];
    struct gw_binding *b;

    if (!gw_addr_eq(&c->cmd, &w->peers[0].addr))
        return NULL;
    for (size_t i = 0; (b = gw_table_next(&w->node->maar.bs.by_mnid, &i)) != NULL;)
        if (gw_maar_mn(b)->state == GW_MN_PREVIOUS)
            return gw_maar_mn(b);
    return NULL;
}

/* A previous MAAR keeps its binding until the CMD says that the session is over (RFC 8885 §3.5). */
static void end_sessions(struct fz_world *w)
{
    static struct gw_mh m;
    const struct gw_maar_mn *mn;

    for (unsigned i = 0; (mn = previous(w)) != NULL; i++) {
        fz_demand(i < w->cfg[w->cfg_now].limits.bindings);
        m.type = GW_MH_BU;
        m.nopts = 0;
        m.bu = (struct gw_mh_bu){.flags = GW_BU_A | GW_BU_P | GW_BU_D};
        fz_demand(gw_lm_add_mnid(&m, &mn->b.mnid) &&
                  gw_lm_add_prefix(&m, GW_OPT_HNP, &mn->own->prefix) &&
                  gw_lm_add_u64(&m, GW_OPT_TIMESTAMP, mn->b.attached));
        fz_send(w, 0, &m, 0, (struct fz_flip){0});
    }
}

static void allow_all(struct fz_world *w)
{
    struct gw_table *held = &w->node->operations.holds.by_mnid;
    struct gw_hold *h;
    uint64_t number;

    for (size_t i = 0; (h = gw_table_next(held, &i)) != NULL; i = 0) {
        struct gw_operate o = {.kind = GW_OPERATE_ALLOW, .mnid = &h->mnid};
        fz_demand(gw_node_operate(w->node, &o, w->now, &number) == 0);
    }
}

void fz_end(struct fz_world *w)
{
    w->fails = w->plane_fails = 0;
    w->used = 0;
    fz_policies(w, true);
    fz_reload(w, 0); /* whom an LMA does not want is remembered until then (RFC 5213 §6.9.1.2) */
    everybody_leaves(w);
    politely(w, SOON);
    end_sessions(w);
    if (left(w, false) > 0)
        politely(w, FORGOTTEN);
    if (w->spoilt) /* one that is kept out for a year */
        allow_all(w);
    fz_demand(left(w, true) == 0);
}
