/* mesh.c: see mesh.h. */
#include "mesh.h"

#include "../test.h"

static const struct gw_mh_addrs addrs;

struct gw_addr mesh_addr(size_t i)
{
    return (struct gw_addr){.b = {0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)(i + 1)}};
}

struct gw_cats_service mesh_service(unsigned s)
{
    struct gw_cats_service out = {.proto = 6, .port = 443};

    out.cs_id = (struct gw_addr){.b = {0x20, 0x01, 0x0d, 0xb8, 0xca, 0xfe, [15] = (uint8_t)s}};
    return out;
}

struct gw_addr mesh_csci(size_t origin, unsigned i)
{
    return (struct gw_addr){.b = {0x20, 0x01, 0x0d, 0xb8, 0xe,
                                  (uint8_t)origin, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
}

static size_t index_of(const struct gw_addr *a)
{
    return a->b[15] - 1u;
}

static void fly(struct mesh *s, size_t from, size_t to, const uint8_t *data, size_t len)
{
    assert_true(s->nflying < M_FLYING);
    struct m_packet *p = &s->flying[s->nflying++];
    *p = (struct m_packet){.from = from, .to = to, .len = len, .data = malloc(len)};
    assert_non_null(p->data);
    memcpy(p->data, data, len);
    p->at = s->now.ns + s->delay + (int64_t)gw_prng_below(&s->prng, (uint64_t)s->delay + 1);
}

static int send(void *user, const struct gw_addr *to, struct gw_mh *mh)
{
    struct m_node *n = user;
    struct mesh *s = n->mesh;
    size_t i = index_of(to);
    uint8_t octets[GW_MH_MAX];
    int len = gw_mh_write(&gw_mh_codec_default, &addrs, mh, octets, sizeof octets);

    assert_true(len > 0);
    s->sent++;
    s->octets += (uint64_t)len;
    if (!s->link[n->index][i] || gw_prng_below(&s->prng, 100) < s->loss)
        return 0;
    fly(s, n->index, i, octets, (size_t)len);
    if (gw_prng_below(&s->prng, 100) < s->dup)
        fly(s, n->index, i, octets, (size_t)len);
    return 0;
}

static bool may(void *user, const struct gw_addr *from, const struct gw_metric_key *key,
                const struct gw_cats_instance *v)
{
    (void)user;
    (void)from;
    (void)v;
    return key->csci_id.b[5] == index_of(&key->origin); /* who is said to be where it is */
}

static void changed(void *user, const struct gw_metric_instance *x)
{
    (void)x;
    ((struct m_node *)user)->changes++;
}

static const struct gw_metric_ops ops = {send, may, changed};

void mesh_begin(struct mesh *s, size_t n, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->al = test_alloc_of(&s->mem);
    s->n = n;
    s->delay = 5000000;
    s->now = GW_SEC(100);
    gw_prng_seed(&s->prng, seed);
}

void mesh_link(struct mesh *s, size_t a, size_t b)
{
    s->peer[a][b] = s->peer[b][a] = true;
    s->link[a][b] = s->link[b][a] = true;
}

void mesh_start(struct mesh *s, size_t i, uint32_t epoch)
{
    struct m_node *n = &s->node[i];

    *n = (struct m_node){.index = i, .mesh = s, .up = true};
    n->cfg = (struct gw_metric_config){.self = mesh_addr(i),
                                       .pace = GW_MSEC(100),
                                       .retransmit = GW_MSEC(200),
                                       .retransmit_max = GW_MSEC(2000),
                                       .tries = 5,
                                       .digest = GW_SEC(10),
                                       .instances = 2000,
                                       .origins = 64};
    gw_timers_init(&n->timers, &s->al);
    n->m = (struct gw_metric){.cfg = &n->cfg,
                              .al = &s->al,
                              .timers = &n->timers,
                              .now = s->now,
                              .ops = &ops,
                              .user = n,
                              .out = &n->out};
    assert_int_equal(gw_metric_init(&n->m, epoch, 1), 0);
    for (size_t j = 0; j < s->n; j++) {
        struct gw_addr a = mesh_addr(j);
        if (s->peer[i][j])
            assert_int_equal(gw_metric_neighbour_add(&n->m, &a, s->source[j]), 0);
    }
}

void mesh_stop(struct mesh *s, size_t i)
{
    struct m_node *n = &s->node[i];

    if (!n->up)
        return;
    n->up = false;
    gw_metric_free(&n->m);
    gw_timers_free(&n->timers);
}

static void deliver(struct mesh *s, size_t which)
{
    static struct gw_mh mh;
    struct m_packet p = s->flying[which];
    struct m_node *n = &s->node[p.to];
    struct gw_addr from = mesh_addr(p.from);

    s->flying[which] = s->flying[--s->nflying];
    if (n->up && s->link[p.from][p.to]) {
        assert_int_equal(gw_mh_parse(&gw_mh_codec_default, &addrs, p.data, p.len, &mh).code,
                         GW_PARSE_OK);
        n->m.now = s->now;
        (void)gw_metric_input(&n->m, &from, &mh);
    }
    free(p.data);
}

/* The next thing to happen, not behind `end`: a packet (*which) or a node's timers; false: none. */
static bool next(struct mesh *s, struct gw_time end, size_t *which, struct m_node **node)
{
    int64_t at = end.ns;
    bool found = false;

    for (size_t i = 0; i < s->nflying; i++)
        if (s->flying[i].at <= at) {
            at = s->flying[i].at;
            *which = i;
            *node = NULL;
            found = true;
        }
    for (size_t i = 0; i < s->n; i++)
        if (s->node[i].up && gw_timers_next(&s->node[i].timers).ns <= at) {
            at = gw_timers_next(&s->node[i].timers).ns;
            *node = &s->node[i];
            found = true;
        }
    if (found && at > s->now.ns)
        s->now.ns = at;
    return found;
}

void mesh_run(struct mesh *s, struct gw_time span)
{
    struct gw_time end = gw_time_add(s->now, span);
    struct m_node *node;
    size_t which = 0;

    for (unsigned steps = 0; next(s, end, &which, &node); steps++) {
        assert_true(steps < 5000000); /* it ends */
        if (node == NULL) {
            deliver(s, which);
            continue;
        }
        node->m.now = s->now;
        (void)gw_timers_run(&node->timers, s->now, 1000, NULL);
    }
    s->now = end;
}

void mesh_end(struct mesh *s)
{
    for (size_t i = 0; i < s->n; i++)
        mesh_stop(s, i);
    while (s->nflying > 0)
        free(s->flying[--s->nflying].data);
    assert_int_equal(s->mem.held, 0);
}

int mesh_say(struct mesh *s, size_t i, unsigned service, unsigned instance,
             enum gw_cats_state state, uint32_t load)
{
    struct gw_cats_service key = mesh_service(service);
    struct gw_cats_instance v = {.state = (uint8_t)state,
                                 .lifetime = 60,
                                 .score = 5,
                                 .computing = 5,
                                 .communication = 5,
                                 .service = 5,
                                 .in_flight = load,
                                 .csci_id = mesh_csci(i, instance)};

    s->node[i].m.now = s->now;
    return gw_metric_say(&s->node[i].m, &key, &v);
}

const struct gw_metric_instance *mesh_get(struct mesh *s, size_t i, size_t origin, unsigned service,
                                          unsigned instance)
{
    struct gw_cats_service key = mesh_service(service);
    const struct gw_metric_service *all = gw_metric_service(&s->node[i].m, &key);
    struct gw_addr csci = mesh_csci(origin, instance), from = mesh_addr(origin);

    if (all == NULL)
        return NULL;
    for (const struct gw_metric_instance *x = all->first; x != NULL; x = x->sib_next)
        if (gw_addr_eq(&x->v.csci_id, &csci) && gw_addr_eq(&x->key.origin, &from))
            return x->v.state != GW_CATS_GONE ? x : NULL;
    return NULL;
}

/* What b does not know as a does. */
static bool knows(struct mesh *s, size_t a, size_t b)
{
    const struct gw_metric_instance *x, *y;
    const struct gw_metric *m = &s->node[a].m;

    for (size_t i = 0; (x = gw_table_next(&m->instances, &i)) != NULL;) {
        y = gw_table_get(&s->node[b].m.instances, &x->key);
        bool gone = x->v.state == GW_CATS_GONE, gone2 = y == NULL || y->v.state == GW_CATS_GONE;
        if (gone != gone2 ||
            (!gone && (x->v.in_flight != y->v.in_flight || x->v.state != y->v.state)))
            return false;
    }
    return true;
}

bool mesh_agrees(struct mesh *s)
{
    for (size_t a = 0; a < s->n; a++)
        for (size_t b = 0; b < s->n; b++)
            if (s->node[a].up && s->node[b].up && !knows(s, a, b))
                return false;
    return true;
}
