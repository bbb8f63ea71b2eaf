/* world.c: see world.h. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/mld.h"

static void *resize(void *user, void *ptr, size_t old_size, size_t size)
{
    struct world *w = user;

    (void)old_size;
    if (size == 0) {
        w->live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    w->allocs++;
    if (w->fail_at != 0 && w->allocs >= w->fail_at && w->allocs < w->fail_at + w->fail_for)
        return NULL;
    w->live += ptr == NULL;
    return realloc(ptr, size);
}

struct world *w_new_roles(const unsigned *roles, size_t n, uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_true(n <= W_NODES);
    w->al = (struct gw_alloc){.resize = resize, .user = w};
    w->now = (struct gw_now){GW_SEC(1000), 1700000000000000000};
    w->delay = GW_MSEC(5);
    w->plane_delay = (struct gw_time){20000};
    w->nnodes = n;
    gw_prng_seed(&w->prng, seed);
    w_configure(w, roles);
    for (size_t i = 0; i < w->nnodes; i++)
        w_boot(w, i);
    w_run(w, GW_MSEC(1));
    return w;
}

static void event_free(struct w_event *e)
{
    free(e->data);
    free(e);
}

void w_free(struct world *w)
{
    for (size_t i = 0; i < w->nnodes; i++) {
        if (w->n[i].node != NULL)
            gw_node_free(w->n[i].node);
        w_forget(w, i);
    }
    for (size_t i = 0; i < w->nev; i++)
        event_free(w->ev[i]);
    assert_int_equal(w->live, 0);
    free(w);
}

void w_post(struct world *w, struct w_event *e)
{
    assert_true(w->nev < W_EVENTS);
    e->order = ++w->order;
    w->ev[w->nev++] = e;
}

struct w_event *w_event(enum w_kind kind, size_t node, struct gw_time at)
{
    struct w_event *e = calloc(1, sizeof *e);

    assert_non_null(e);
    e->kind = kind;
    e->node = node;
    e->at = at;
    return e;
}

static bool chance(struct world *w, unsigned pct)
{
    return pct != 0 && gw_prng_below(&w->prng, 100) < pct;
}

static size_t node_at(struct world *w, const struct gw_addr *a)
{
    for (size_t i = 0; i < w->nnodes; i++)
        if (gw_addr_eq(&w->n[i].cfg.addr, a))
            return i;
    return SIZE_MAX;
}

static void transmit(struct world *w, const struct gw_mh_addrs *addrs, const uint8_t *data,
                     size_t len)
{
    size_t to = node_at(w, &addrs->dst);

    assert_true(len >= 8);
    if (data[2] < 32)
        w->sent[data[2]]++;
    w->messages++;
    bool lost = w->messages == w->lose_nth || chance(w, w->loss_pct);
    unsigned copies = lost || to == SIZE_MAX ? 0 : chance(w, w->dup_pct) ? 2 : 1;
    while (copies-- > 0) {
        struct gw_time at = gw_time_add(w->now.mono, w->delay);
        if (chance(w, w->reorder_pct))
            at.ns += (int64_t)gw_prng_below(&w->prng, 40000000);
        struct w_event *e = w_event(W_MH, to, at);
        e->addrs = *addrs;
        e->len = len;
        e->data = malloc(len);
        memcpy(e->data, data, len);
        if (w->tap != NULL && w->tap(w, e) != 0)
            event_free(e);
        else
            w_post(w, e);
    }
}

static bool key_eq(const struct gw_station_key *a, const struct gw_station_key *b)
{
    return a->iface == b->iface && gw_lladdr_eq(&a->lladdr, &b->lladdr);
}

static void station_del(struct w_node *n, const struct gw_station_key *k)
{
    for (size_t i = 0; i < n->nstations; i++)
        if (key_eq(&n->station[i], k)) {
            n->nets[i] = n->nets[n->nstations - 1];
            n->station[i--] = n->station[--n->nstations];
        }
}

static struct w_prefix *slot(struct w_node *n, const struct gw_prefix *p)
{
    struct w_prefix *empty = NULL;

    for (size_t i = 0; i < W_PREFIXES; i++) {
        if (n->prefix[i].used && gw_prefix_eq(&n->prefix[i].i.prefix.prefix, p))
            return &n->prefix[i];
        if (!n->prefix[i].used && empty == NULL)
            empty = &n->prefix[i];
    }
    return empty;
}

static void intent(struct world *w, size_t node, const struct gw_intent *i)
{
    struct w_node *n = &w->n[node];
    struct w_prefix *s;

    switch (i->kind) {
    case GW_INTENT_PEER_SET:
    case GW_INTENT_PEER_DEL:
        break;
    case GW_INTENT_STATION_SET:
        station_del(n, &i->station.key);
        assert_true(n->nstations < W_STATIONS);
        n->nets[n->nstations] = i->station.nets;
        n->station[n->nstations++] = i->station.key;
        break;
    case GW_INTENT_STATION_DEL:
        station_del(n, &i->station.key);
        break;
    case GW_INTENT_PREFIX_SET:
    case GW_INTENT_PREFIX_DEL:
        s = slot(n, &i->prefix.prefix);
        assert_non_null(s);
        *s = (struct w_prefix){.used = i->kind == GW_INTENT_PREFIX_SET, .i = *i};
        break;
    case GW_INTENT_NET_SET:
    case GW_INTENT_NET_DEL:
        w_net_intent(n, i);
        break;
    case GW_INTENT_SYNC:
        n->syncs++;
        break;
    }
    if (i->tag != 0) {
        struct w_event *e = w_event(W_DONE, node, gw_time_add(w->now.mono, w->plane_delay));
        e->tag = i->tag;
        w_post(w, e);
    }
}

static size_t record_at(struct w_node *n, const struct gw_action *a)
{
    size_t i;

    for (i = 0; i < n->nrecords; i++)
        if (n->record[i]->key_len == a->store.key_len &&
            memcmp(n->record[i]->key, a->store.key, a->store.key_len) == 0)
            break;
    return i;
}

static void store(struct w_node *n, const struct gw_action *a)
{
    size_t i = record_at(n, a);

    if (a->kind == GW_ACT_STORE_DEL) {
        if (i == n->nrecords)
            return;
        free(n->record[i]);
        n->record[i] = n->record[--n->nrecords];
        return;
    }
    if (i == n->nrecords) {
        assert_true(n->nrecords < W_RECORDS);
        n->record[n->nrecords++] = calloc(1, sizeof **n->record);
    }
    struct w_record *r = n->record[i];
    assert_true(a->store.key_len <= sizeof r->key && a->store.value_len <= sizeof r->value);
    r->key_len = a->store.key_len;
    r->value_len = a->store.value_len;
    memcpy(r->key, a->store.key, r->key_len);
    memcpy(r->value, a->store.value, r->value_len);
}

/* A station that is there answers a Neighbor Solicitation. */
static void answer_ns(struct world *w, size_t node, const struct gw_action *a,
                      const struct gw_nd *ns)
{
    unsigned mn = (unsigned)a->nd.dst.b[4] << 8 | a->nd.dst.b[5];
    struct gw_nd na = {.src = ns->target,
                       .dst = ns->src,
                       .type = GW_ND_NA,
                       .target = ns->target,
                       .solicited = true,
                       .tlla = a->nd.dst};
    uint8_t buf[256];

    if (mn >= 2 * W_STATIONS || w->where[mn] != node)
        return;
    int len = gw_nd_write(&na, buf, sizeof buf);
    assert_true(len > 0);
    struct w_event *e = w_event(W_ND, node, gw_time_add(w->now.mono, GW_MSEC(1)));
    e->len = (size_t)len;
    e->data = malloc(e->len);
    e->iface = a->nd.iface;
    e->lladdr = a->nd.dst;
    memcpy(e->data, buf, e->len);
    w_post(w, e);
}

static void heard(struct world *w, size_t node, const struct gw_action *a)
{
    struct w_node *n = &w->n[node];
    struct gw_nd nd;

    if (a->nd.len == GW_MLD_QUERY_LEN && a->nd.data[48] == 130) {
        n->queries++; /* nobody answers: a station is seen when a test says so */
        return;
    }
    n->nds++;
    assert_int_equal(gw_nd_parse(a->nd.data, a->nd.len, &nd).code, GW_PARSE_OK);
    if (nd.type == GW_ND_NS)
        answer_ns(w, node, a, &nd);
    if (nd.type != GW_ND_RA)
        return;
    n->ras++;
    memmove(n->last_ra + 1, n->last_ra, 3 * sizeof n->last_ra[0]);
    n->last_ra[0] = nd;
}

static struct gw_now now_of(const struct world *w, size_t node)
{
    return (struct gw_now){w->now.mono, w->now.wall_ns + w->n[node].skew_ns};
}

void w_drain(struct world *w, size_t node)
{
    struct w_node *n = &w->n[node];
    struct gw_action a;

    while (gw_node_next_action(n->node, &a)) {
        switch (a.kind) {
        case GW_ACT_SEND_MH:
            transmit(w, &a.mh.addrs, a.mh.data, a.mh.len);
            break;
        case GW_ACT_SEND_ND:
            heard(w, node, &a);
            break;
        case GW_ACT_INTENT:
            intent(w, node, &a.intent);
            break;
        case GW_ACT_STORE_PUT:
        case GW_ACT_STORE_DEL:
            store(n, &a);
            break;
        case GW_ACT_PARAM_PROBLEM:
            n->problems++;
            break;
        case GW_ACT_USE:
            w_read_use(w, node, &a.use);
            break;
        }
    }
}

int w_input(struct world *w, size_t node, const struct gw_input *in)
{
    if (w->n[node].node == NULL)
        return GW_ENOENT;
    int err = gw_node_input(w->n[node].node, in, now_of(w, node));
    w_drain(w, node);
    return err;
}

void w_boot(struct world *w, size_t node)
{
    struct w_node *n = &w->n[node];
    struct gw_input in = {.kind = GW_IN_RESTORE};

    assert_null(n->node);
    n->node = gw_node_new(&n->cfg, &w->al, NULL, 42 + node, now_of(w, node));
    if (n->node == NULL)
        return;
    for (size_t i = 0; i < n->nrecords; i++) {
        struct w_record *r = n->record[i];
        in.restore.key = r->key;
        in.restore.key_len = r->key_len;
        in.restore.value = r->value;
        in.restore.value_len = r->value_len;
        (void)w_input(w, node, &in);
    }
    memset(n->prefix, 0, sizeof n->prefix); /* what is not said again goes at the sync */
    n->nstations = 0;
    (void)w_input(w, node, &(struct gw_input){.kind = GW_IN_START});
}

void w_crash(struct world *w, size_t node)
{
    gw_node_free(w->n[node].node);
    w->n[node].node = NULL;
}

void w_forget(struct world *w, size_t node)
{
    struct w_node *n = &w->n[node];

    while (n->nrecords > 0)
        free(n->record[--n->nrecords]);
}

static void deliver(struct world *w, struct w_event *e)
{
    struct gw_input in = {.kind = GW_IN_MH};

    if (e->kind == W_MH) {
        in.mh.addrs = e->addrs;
        in.mh.data = e->data;
        in.mh.len = e->len;
    } else if (e->kind == W_ND) {
        in.kind = GW_IN_ND;
        in.nd.iface = e->iface;
        in.nd.src = e->lladdr;
        in.nd.data = e->data;
        in.nd.len = e->len;
    } else if (e->kind == W_USE) {
        in.kind = GW_IN_USE;
        in.use.prefix = e->use.prefix;
        in.use.last = e->use.last;
    } else {
        in.kind = GW_IN_PLANE_DONE;
        in.plane.tag = e->tag;
        in.plane.result = w->plane_fails ? GW_ESYS : 0;
    }
    (void)w_input(w, e->node, &in);
    event_free(e);
}

/* The earliest event, and the earliest deadline of a node. */
static size_t next_event(struct world *w)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < w->nev; i++)
        if (best == SIZE_MAX || gw_time_before(w->ev[i]->at, w->ev[best]->at) ||
            (w->ev[i]->at.ns == w->ev[best]->at.ns && w->ev[i]->order < w->ev[best]->order))
            best = i;
    return best;
}

static size_t next_node(struct world *w, struct gw_time *at)
{
    size_t best = SIZE_MAX;

    *at = GW_NEVER;
    for (size_t i = 0; i < w->nnodes; i++) {
        if (w->n[i].node == NULL)
            continue;
        struct gw_time t = gw_node_deadline(w->n[i].node);
        if (gw_time_before(t, *at)) {
            *at = t;
            best = i;
        }
    }
    return best;
}

static void advance(struct world *w, struct gw_time to)
{
    if (!gw_time_before(w->now.mono, to))
        return;
    w->now.wall_ns += to.ns - w->now.mono.ns;
    w->now.mono = to;
}

void w_run(struct world *w, struct gw_time span)
{
    struct gw_time end = gw_time_add(w->now.mono, span);

    for (unsigned steps = 0;; steps++) {
        assert_true(steps < 1000000);
        struct gw_time at;
        size_t node = next_node(w, &at), e = next_event(w);
        if (e != SIZE_MAX && !gw_time_before(at, w->ev[e]->at) &&
            !gw_time_before(end, w->ev[e]->at)) {
            struct w_event *ev = w->ev[e];
            w->ev[e] = w->ev[--w->nev];
            advance(w, ev->at);
            deliver(w, ev);
        } else if (node != SIZE_MAX && !gw_time_before(end, at)) {
            advance(w, at);
            gw_node_expire(w->n[node].node, now_of(w, node));
            w_drain(w, node);
        } else {
            break;
        }
    }
    advance(w, end);
}

struct gw_station_key w_station(unsigned mn)
{
    return (struct gw_station_key){.iface = 0,
                                   .lladdr = {6, {2, 0, 0, 0, (uint8_t)(mn >> 8), (uint8_t)mn}}};
}

struct gw_mnid w_mnid(unsigned mn, uint8_t buf[6])
{
    struct gw_station_key k = w_station(mn);

    memcpy(buf, k.lladdr.b, 6);
    return (struct gw_mnid){.subtype = GW_MNID_EUI48, .len = 6, .id = buf};
}

int w_attach(struct world *w, size_t node, unsigned mn)
{
    struct gw_input in = {
        .kind = GW_IN_ATTACH,
        .attach = {.station = w_station(mn), .by = GW_SEEN_FRAME, .seen = w->now.mono}};
    if (mn < 2 * W_STATIONS)
        w->where[mn] = node;
    return w_input(w, node, &in);
}

int w_detach(struct world *w, size_t node, unsigned mn)
{
    struct gw_input in = {
        .kind = GW_IN_DETACH,
        .attach = {.station = w_station(mn), .by = GW_SEEN_MANUAL, .seen = w->now.mono}};
    if (mn < 2 * W_STATIONS)
        w->where[mn] = 0;
    return w_input(w, node, &in);
}

void w_without(struct gw_mh *m, uint8_t type)
{
    uint16_t n = 0;

    for (uint16_t i = 0; i < m->nopts; i++)
        if (m->opt[i].type != type)
            m->opt[n++] = m->opt[i];
    m->nopts = n;
}

struct gw_opt *w_find(struct gw_mh *m, uint8_t type)
{
    for (uint16_t i = 0; i < m->nopts; i++)
        if (m->opt[i].type == type)
            return &m->opt[i];
    return NULL;
}

void w_spoil(struct gw_mh *m, unsigned mended)
{
    if (mended < 6)
        w_find(m, GW_OPT_TIMESTAMP)->u64 += 2 * 65536;
    if (mended < 10)
        w_find(m, GW_OPT_HNP)->prefix = (struct gw_prefix){{{0x3f, 0xff}}, 64};
    if (mended < 7)
        w_without(m, GW_OPT_HNP);
    if (mended < 8)
        w_without(m, GW_OPT_HI);
    if (mended < 9)
        w_without(m, GW_OPT_ATT);
}

int w_inject(struct world *w, size_t from, size_t to, struct gw_mh *m, const struct gw_key *key)
{
    struct gw_mh_addrs addrs = {.src = w->n[from].cfg.addr, .dst = w->n[to].cfg.addr};
    struct gw_key right = w_key(from, to);
    uint8_t buf[GW_MH_MAX];
    int len = gw_mh_write_auth(&gw_mh_codec_default, &addrs, m, key != NULL ? key : &right, buf,
                               sizeof buf);

    assert_true(len > 0);
    struct gw_input in = {.kind = GW_IN_MH,
                          .mh = {.addrs = addrs, .data = buf, .len = (size_t)len}};
    return w_input(w, to, &in);
}

bool w_busy(struct world *w)
{
    for (size_t i = 0; i < w->nnodes; i++)
        if (w->n[i].node != NULL && w->n[i].node->lm.pending != 0)
            return true;
    return false;
}

struct gw_maar_mn *w_mn(struct world *w, size_t node, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_binding *b =
        w->n[node].node != NULL ? gw_binding_get(&w->n[node].node->maar.bs, &id) : NULL;
    return b != NULL ? gw_maar_mn(b) : NULL;
}

struct gw_cmd_mn *w_bce(struct world *w, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_binding *b = w->n[0].node != NULL ? gw_binding_get(&w->n[0].node->cmd.bs, &id) : NULL;
    return b != NULL ? gw_cmd_mn(b) : NULL;
}

const struct gw_intent *w_prefix(struct world *w, size_t node, const struct gw_prefix *p)
{
    for (size_t i = 0; i < W_PREFIXES; i++)
        if (w->n[node].prefix[i].used && gw_prefix_eq(&w->n[node].prefix[i].i.prefix.prefix, p))
            return &w->n[node].prefix[i].i;
    return NULL;
}

bool w_has_station(struct world *w, size_t node, unsigned mn)
{
    struct gw_station_key k = w_station(mn);

    for (size_t i = 0; i < w->n[node].nstations; i++)
        if (gw_lladdr_eq(&w->n[node].station[i].lladdr, &k.lladdr))
            return true;
    return false;
}

uint64_t w_count(struct world *w, size_t node, enum gw_count c)
{
    return w->n[node].node->lm.count[c];
}

struct gw_prefix w_own(struct world *w, size_t node, unsigned mn)
{
    struct gw_maar_mn *m = w_mn(w, node, mn);

    assert_non_null(m);
    assert_non_null(m->own);
    return m->own->prefix;
}

/* An anchor of the CMD's, in the packet paths of both ends. */
static void check_anchor(struct world *w, const struct gw_anchor *a, size_t at)
{
    size_t anchor = node_at(w, &a->maar);
    const struct gw_intent *here = w_prefix(w, at, &a->prefix);
    const struct gw_intent *there = w_prefix(w, anchor, &a->prefix);

    assert_int_equal(a->state, GW_ANCHOR_SETTLED);
    assert_false(a->ex.pending);
    assert_non_null(here);
    assert_non_null(there);
    if (anchor == at) {
        assert_int_equal(here->prefix.kind, GW_PFX_LOCAL);
        return;
    }
    assert_int_equal(here->prefix.kind, GW_PFX_SERVED);
    assert_true(gw_addr_eq(&here->prefix.peer, &a->maar));
    assert_true(gw_lladdr_eq(&here->prefix.dlif, &w->n[anchor].cfg.dlif.lladdr));
    assert_int_equal(there->prefix.kind, GW_PFX_MOVED);
    assert_true(gw_addr_eq(&there->prefix.peer, &w->n[at].cfg.addr));
}

void w_check(struct world *w, unsigned mn, size_t at)
{
    struct gw_cmd_mn *bce = w_bce(w, mn);
    struct gw_maar_mn *m = w_mn(w, at, mn);

    assert_non_null(bce);
    assert_non_null(m);
    if (bce == NULL || m == NULL)
        return; /* for the analyser, which does not know that an assertion ends the test */
    assert_true(gw_addr_eq(&bce->b.serving, &w->n[at].cfg.addr));
    assert_int_equal(m->state, GW_MN_SERVING);
    assert_false(m->ex.pending);
    assert_int_equal(m->b.nanchors, bce->b.nanchors);
    assert_int_equal(m->b.attached, bce->b.attached);
    for (const struct gw_anchor *a = bce->b.anchors; a != NULL; a = a->next)
        check_anchor(w, a, at);
    for (size_t i = 1; i < w->nnodes; i++) {
        struct gw_maar_mn *x = w_mn(w, i, mn);
        assert_int_equal(w_has_station(w, i, mn), i == at);
        if (i == at || x == NULL)
            continue;
        assert_int_equal(x->state, GW_MN_PREVIOUS);
        assert_int_equal(x->b.nanchors, 1);
        assert_non_null(gw_anchor_of(&bce->b, &w->n[i].cfg.addr));
        assert_true(gw_addr_eq(&x->b.serving, &w->n[at].cfg.addr));
    }
}

void w_check_gone(struct world *w, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);

    struct gw_cmd_mn *bce = w_bce(w, mn);
    assert_true(bce == NULL || bce->b.anchors == NULL); /* over, or remembered as ended */
    for (size_t i = 0; i < w->nnodes; i++) {
        assert_null(w_mn(w, i, mn));
        assert_false(w_has_station(w, i, mn));
        for (size_t r = 0; r < w->n[i].nrecords; r++)
            assert_false(w->n[i].record[r]->key_len == 8u &&
                         memcmp(w->n[i].record[r]->key + 2, id.id, 6) == 0);
    }
}

void w_check_all(struct world *w)
{
    for (size_t i = 0; i < w->nnodes; i++) {
        assert_int_equal(w->n[i].node->queue.lost, 0);
        assert_int_equal(w->n[i].node->lm.pending, 0);
        assert_int_equal(gw_pools_count(&w->n[i].node->maar.pools),
                         gw_table_count(&w->n[i].node->maar.bs.by_mnid));
        for (size_t p = 0; p < W_PREFIXES; p++) {
            const struct w_prefix *x = &w->n[i].prefix[p];
            if (!x->used || x->i.prefix.kind != GW_PFX_LOCAL)
                continue;
            for (size_t j = 1; j < w->nnodes; j++) {
                const struct gw_intent *y = w_prefix(w, j, &x->i.prefix.prefix);
                assert_false(j != i && y != NULL && y->prefix.kind == GW_PFX_LOCAL);
            }
        }
    }
}
