/* world.c: see world.h: making a world, running it, and what a test does to it. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/mld.h"

/* -- what it hears ------------------------------------------------------------------------------
 */

static void said_nd(struct w_seen *x, const struct gw_action *a)
{
    struct gw_nd nd;

    if (a->nd.len == GW_MLD_QUERY_LEN && a->nd.data[48] == 130) {
        x->queries++; /* nobody answers: a station is seen when a test says so */
        return;
    }
    x->nds++;
    assert_int_equal(gw_nd_parse(a->nd.data, a->nd.len, &nd).code, GW_PARSE_OK);
    if (nd.type != GW_ND_RA)
        return;
    x->ras++;
    memmove(x->last_ra + 1, x->last_ra, 3 * sizeof x->last_ra[0]);
    x->last_ra[0] = nd;
}

static void action(void *user, const struct sim_node *n, const struct gw_action *a)
{
    struct world *w = user;

    if (a->kind == GW_ACT_SEND_ND)
        said_nd(&w->seen[n->index], a);
    else if (a->kind == GW_ACT_PARAM_PROBLEM)
        w->seen[n->index].problems++;
    else if (a->kind == GW_ACT_USE)
        w->asked++;
    else if (a->kind == GW_ACT_TRANSFER && w->transfer != NULL)
        w->transfer(w, n->index, &a->transfer);
    else if (a->kind == GW_ACT_INTENT && w->refuse != NULL)
        w->n[n->index].plane_full = w->refuse(n->index, &a->intent);
}

static bool message(void *user, struct sim_message *e)
{
    struct world *w = user;

    assert_true(e->len >= 8);
    if (e->data[2] < 32)
        w->sent[e->data[2]]++;
    w->messages++;
    return w->messages != w->lose_nth && (w->tap == NULL || w->tap(w, e) == 0);
}

/* -- life ---------------------------------------------------------------------------------------
 */

struct gw_cfg_mobility w_mobility;

void (*w_configure)(struct world *w, struct sim_node *n);

static void configure(struct world *w, struct sim_node *n)
{
    struct gw_config *c = &n->cfg[0];

    c->nifs = 3;
    c->limits = (struct gw_cfg_limits){1000, 1000, 8, 1000, 1000, 0, 0, 0};
    c->mobility = w_mobility;
    c->heartbeat = (struct gw_cfg_heartbeat){0};
    n->commit_ns = 0;
    n->plane_ns = 20000;
    for (size_t i = 0; i < c->npeers; i++)
        c->peers[i].bulk = false;
    if (w_configure != NULL)
        w_configure(w, n);
}

struct world *w_new_roles(const unsigned *roles, size_t n, uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    assert_true(n <= W_NODES);
    w->sched = (struct sim_schedule){
        .maars = (uint32_t)n - 1, .stations = W_STATIONS, .delay = 5 * SIM_MS, .seed = seed};
    w->sim = sim_make(&w->sched, roles, false);
    w->sim->hooks = (struct sim_hooks){.user = w, .action = action, .message = message};
    w->sim->in_order = true;
    w->sim->look_every = SIM_S;
    w->n = w->sim->node;
    w->nnodes = n;
    gw_prng_seed(&w->prng, seed);
    w->sim->normal.jitter = 0;
    w_noise(w, 0, 0, 0);
    for (size_t i = 0; i < W_STATIONS; i++)
        w->sim->station[i].by_hand = true;
    for (size_t i = 0; i < n; i++)
        configure(w, &w->n[i]);
    sim_start(w->sim);
    w_run(w, GW_MSEC(1));
    return w;
}

static struct world *around(unsigned centre, unsigned others, size_t n, uint64_t seed)
{
    unsigned roles[W_NODES] = {centre};

    assert_true(n < W_NODES);
    for (size_t i = 1; i <= n; i++)
        roles[i] = others;
    return w_new_roles(roles, n + 1, seed);
}

struct world *w_new(size_t maars, uint64_t seed)
{
    return around(GW_ROLE_CMD, GW_ROLE_MAAR, maars, seed);
}

struct world *w_new_pmip(size_t mags, uint64_t seed)
{
    return around(GW_ROLE_LMA, GW_ROLE_MAG, mags, seed);
}

/* An invariant of the simulator's holds here too. */
static void nothing_broken(const struct world *w)
{
    if (w->sim->failed)
        fail_msg("%s: %s", w->sim->invariant, w->sim->why);
}

void w_free(struct world *w)
{
    for (size_t i = 0; i < w->nnodes; i++)
        sim_node_crash(w->sim, &w->n[i], false);
    nothing_broken(w);
    sim_free(w->sim);
    free(w);
}

void w_boot(struct world *w, size_t node)
{
    assert_null(w->n[node].node);
    (void)sim_node_boot(w->sim, &w->n[node]);
}

void w_crash(struct world *w, size_t node)
{
    sim_node_crash(w->sim, &w->n[node], false);
}

void w_power(struct world *w, size_t node)
{
    struct gw_store_why why;

    assert_int_equal(sim_disk_ops.sync(w->n[node].disk, &why), 0);
    sim_node_crash(w->sim, &w->n[node], true);
}

static int delete (void *disk, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct gw_store_why why;

    (void)value;
    (void)value_len;
    return sim_disk_ops.del(disk, key, key_len, &why);
}

void w_forget(struct world *w, size_t node)
{
    struct sim_disk *disk = w->n[node].disk;
    struct gw_store_why why;

    w_records(w, node, delete, disk);
    assert_int_equal(sim_disk_ops.commit(disk, &why), 0);
    sim_ledger_revoked(w->sim, &w->n[node], NULL); /* what it had acknowledged is gone with it */
}

void w_run(struct world *w, struct gw_time span)
{
    for (size_t i = 0; i < w->nnodes; i++) /* what tests have told them past the simulator */
        if (w->n[i].node != NULL)
            w_drain(w, i);
    sim_until(w->sim, w->sim->now + span.ns);
    nothing_broken(w);
}

void w_drain(struct world *w, size_t node)
{
    sim_node_drain(w->sim, &w->n[node]);
}

struct gw_now w_now(const struct world *w)
{
    return (struct gw_now){{SIM_BOOT_MONO + w->sim->now}, SIM_WALL_START + w->sim->now};
}

struct gw_now w_now_at(const struct world *w, size_t node)
{
    return sim_node_now(w->sim, &w->n[node]);
}

/* -- what goes wrong ----------------------------------------------------------------------------
 */

static void all_links(struct world *w)
{
    for (size_t i = 0; i <= w->nnodes; i++)
        for (size_t j = 0; j <= w->nnodes; j++)
            *sim_link(w->sim, i, j) = w->sim->normal;
}

void w_noise(struct world *w, unsigned loss, unsigned dup, unsigned reorder)
{
    w->sim->normal.loss = 10 * loss;
    w->sim->normal.dup = 10 * dup;
    w->sim->normal.reorder = 10 * reorder;
    all_links(w);
}

void w_delay(struct world *w, struct gw_time delay)
{
    w->sim->normal.delay = delay.ns;
    all_links(w);
}

void w_plane_takes(struct world *w, struct gw_time t)
{
    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].plane_ns = t.ns;
}

void w_use_takes(struct world *w, struct gw_time t)
{
    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].use_ns = t.ns;
}

void w_plane_refuses(struct world *w, bool refuses)
{
    for (size_t i = 0; i < w->nnodes; i++)
        w->n[i].plane_full = refuses;
}

/* -- what mobile nodes and peers do -------------------------------------------------------------
 */

void w_spoil_key(struct world *w, size_t node, size_t other)
{
    struct gw_config *c = &w->n[node].cfg[0];
    struct gw_peer *p = gw_peer_get(w->n[node].node, &w->n[other].cfg[0].addr);

    assert_non_null(p);
    for (size_t i = 0; i < c->npeers; i++)
        if (p->cfg == &c->peers[i])
            c->peers[i].keys[0].secret[5] ^= 1;
    if (p->talk != NULL) /* what it had come to is forgotten, as in a reload */
        gw_mac_end(&p->talk->mac[0]);
}

struct gw_station_key w_station(unsigned mn)
{
    return (struct gw_station_key){.iface = 0, .lladdr = sim_station_mac(mn)};
}

struct gw_mnid w_mnid(unsigned mn, uint8_t buf[6])
{
    struct gw_station_key k = w_station(mn);

    memcpy(buf, k.lladdr.b, 6);
    return (struct gw_mnid){.subtype = GW_MNID_EUI48, .len = 6, .id = buf};
}

void w_place(struct world *w, unsigned mn, size_t node)
{
    struct sim_station *h = &w->sim->station[mn];

    assert_true(mn < W_STATIONS);
    if (h->at == node)
        return;
    if (h->at != 0)
        sim_station_leave(w->sim, h);
    if (node != 0)
        sim_station_attach(w->sim, h, node, false);
}

size_t w_where(const struct world *w, unsigned mn)
{
    assert_true(mn < W_STATIONS);
    return w->sim->station[mn].at;
}

static int tell(struct world *w, size_t node, unsigned mn, enum gw_input_kind kind,
                enum gw_seen_by by)
{
    struct gw_input in = {
        .kind = kind,
        .attach = {.station = w_station(mn), .by = by, .seen = w_now_at(w, node).mono}};
    return w_input(w, node, &in);
}

int w_attach(struct world *w, size_t node, unsigned mn)
{
    w_place(w, mn, node);
    return tell(w, node, mn, GW_IN_ATTACH, GW_SEEN_FRAME);
}

int w_detach(struct world *w, size_t node, unsigned mn)
{
    w_place(w, mn, 0);
    return tell(w, node, mn, GW_IN_DETACH, GW_SEEN_MANUAL);
}

int w_input(struct world *w, size_t node, const struct gw_input *in)
{
    return sim_node_input(w->sim, &w->n[node], in);
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
    struct gw_mh_addrs addrs = {.src = w->n[from].cfg->addr, .dst = w->n[to].cfg->addr};
    struct gw_key right = sim_key(from, to);
    uint8_t buf[GW_MH_MAX];
    int len = gw_mh_write_auth(&gw_mh_codec_default, &addrs, m, key != NULL ? key : &right, buf,
                               sizeof buf);

    assert_true(len > 0);
    struct gw_input in = {.kind = GW_IN_MH,
                          .mh = {.addrs = addrs, .data = buf, .len = (size_t)len}};
    return w_input(w, to, &in);
}
