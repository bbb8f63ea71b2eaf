/* world_see.c: see world.h: what nodes, packet paths and disks have come to, and what must hold
 * when a scenario has settled.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plane/entries.h"

static size_t node_at(const struct world *w, const struct gw_addr *a)
{
    for (size_t i = 0; i < w->nnodes; i++)
        if (gw_addr_eq(&w->n[i].cfg->addr, a))
            return i;
    fail_msg("an address of no node");
    return 0;
}

/* -- nodes --------------------------------------------------------------------------------------
 */

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

/* -- packet paths -------------------------------------------------------------------------------
 */

bool w_is(const struct gw_t_addr *a, const struct gw_addr *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

const struct gw_t_prefix *w_prefix(const struct world *w, size_t node, const struct gw_prefix *p)
{
    return gw_native_prefix(w->n[node].plane, p);
}

size_t w_prefixes(const struct world *w, size_t node)
{
    size_t n = 0;

    for (size_t i = 0; gw_native_next_prefix(w->n[node].plane, &i) != NULL;)
        n++;
    return n;
}

static const struct gw_t_station *station(const struct world *w, size_t node, unsigned mn)
{
    static const uint32_t ifaces[] = {0, W_IFACE2};
    const struct gw_t_station *x = NULL;

    for (size_t i = 0; x == NULL && i < 2; i++) {
        struct gw_station_key k = w_station(mn);
        k.iface = ifaces[i];
        x = gw_native_station(w->n[node].plane, &k);
    }
    return x;
}

bool w_has_station(const struct world *w, size_t node, unsigned mn)
{
    return station(w, node, mn) != NULL;
}

const struct gw_t_net *w_net(const struct world *w, size_t node, unsigned mn,
                             const struct gw_prefix *p)
{
    struct gw_station_key k = w_station(mn);
    const struct gw_t_net *found = gw_native_net(w->n[node].plane, mn != 0 ? &k : NULL, p);

    if (found != NULL && mn != 0) {
        const struct gw_t_station *x = station(w, node, mn);
        assert_true(x != NULL && x->nets); /* or the path would not look */
    }
    return found;
}

bool w_packet(struct world *w, size_t serving, const struct gw_prefix *p)
{
    const struct gw_t_prefix *x = w_prefix(w, serving, p);
    struct gw_addr server = sim_server(w->sim, w->nnodes), src = p->addr;
    uint8_t frame[14 + SIM_FLOW_PACKET] = {2, [12] = 0x86, [13] = 0xdd};

    if (x == NULL || x->kind == GW_PFX_MOVED)
        return false;
    src.b[15] = 1;
    memcpy(frame + 6, x->station.mac, 6);
    sim_flow_write(frame + 14, &src, &server, 0, 0);
    uint64_t before = x->up.packets;
    sim_plane_frame(w->sim, &w->n[serving], false, frame, sizeof frame, 0);
    x = w_prefix(w, serving, p);
    return x != NULL && x->up.packets == before + 1;
}

size_t w_traces(const struct world *w, const struct gw_prefix *p)
{
    size_t n = 0;

    for (size_t i = 0; i < w->nnodes; i++) {
        const struct gw_node *x = w->n[i].node;
        n += gw_anchor_get(&x->cmd.bs, p) != NULL || gw_anchor_get(&x->maar.bs, p) != NULL ||
             w_prefix(w, i, p) != NULL;
    }
    return n;
}

/* -- disks --------------------------------------------------------------------------------------
 */

void w_records(const struct world *w, size_t node, gw_store_visit *visit, void *user)
{
    struct gw_store_why why;

    assert_int_equal(sim_disk_ops.load(w->n[node].disk, visit, user, &why), 0);
}

/* -- what must hold -----------------------------------------------------------------------------
 */

/* An anchor of the CMD's, in the packet paths of both ends. */
static void check_anchor(const struct world *w, const struct gw_anchor *a, size_t at)
{
    size_t anchor = node_at(w, &a->maar);
    const struct gw_t_prefix *here = w_prefix(w, at, &a->prefix);
    const struct gw_t_prefix *there = w_prefix(w, anchor, &a->prefix);

    assert_int_equal(a->state, GW_ANCHOR_SETTLED);
    assert_false(a->ex.pending);
    assert_non_null(here);
    assert_non_null(there);
    if (anchor == at) {
        assert_int_equal(here->kind, GW_PFX_LOCAL);
        return;
    }
    assert_int_equal(here->kind, GW_PFX_SERVED);
    assert_true(w_is(&here->peer, &a->maar));
    assert_memory_equal(here->dlif, w->n[anchor].cfg->dlif.lladdr.b, 6);
    assert_int_equal(there->kind, GW_PFX_MOVED);
    assert_true(w_is(&there->peer, &w->n[at].cfg->addr));
}

/* Elsewhere: an anchor that knows where the node is, or nothing. */
static void check_elsewhere(struct world *w, unsigned mn, size_t node, size_t at)
{
    struct gw_cmd_mn *bce = w_bce(w, mn);
    struct gw_maar_mn *x = w_mn(w, node, mn);

    assert_false(w_has_station(w, node, mn));
    if (x == NULL || bce == NULL)
        return;
    assert_int_equal(x->state, GW_MN_PREVIOUS);
    assert_int_equal(x->b.nanchors, 1);
    assert_non_null(gw_anchor_of(&bce->b, &w->n[node].cfg->addr));
    assert_true(gw_addr_eq(&x->b.serving, &w->n[at].cfg->addr));
}

void w_check(struct world *w, unsigned mn, size_t at)
{
    struct gw_cmd_mn *bce = w_bce(w, mn);
    struct gw_maar_mn *m = w_mn(w, at, mn);

    assert_non_null(bce);
    assert_non_null(m);
    if (bce == NULL || m == NULL)
        return; /* for the analyser, which does not know that an assertion ends the test */
    assert_true(gw_addr_eq(&bce->b.serving, &w->n[at].cfg->addr));
    assert_int_equal(m->state, GW_MN_SERVING);
    assert_false(m->ex.pending);
    assert_int_equal(m->b.nanchors, bce->b.nanchors);
    assert_int_equal(m->b.attached, bce->b.attached);
    assert_true(w_has_station(w, at, mn));
    for (const struct gw_anchor *a = bce->b.anchors; a != NULL; a = a->next)
        check_anchor(w, a, at);
    for (size_t i = 1; i < w->nnodes; i++)
        if (i != at)
            check_elsewhere(w, mn, i, at);
}

/* The key of a CMD's or MAAR's record has the MN-ID behind two octets. */
static int not_of(void *user, const void *key, size_t key_len, const void *value, size_t value_len)
{
    const struct gw_mnid *id = user;

    (void)value;
    (void)value_len;
    assert_false(key_len == 8 && memcmp((const uint8_t *)key + 2, id->id, 6) == 0);
    return 0;
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
        w_records(w, i, not_of, &id);
    }
}

void w_check_all(struct world *w)
{
    const struct gw_t_prefix *x;

    for (size_t i = 0; i < w->nnodes; i++) {
        assert_int_equal(w->n[i].node->queue.lost, 0);
        assert_int_equal(w->n[i].node->lm.pending, 0);
        assert_int_equal(gw_pools_count(&w->n[i].node->maar.pools),
                         gw_table_count(&w->n[i].node->maar.bs.by_mnid));
        for (size_t it = 0; (x = gw_native_next_prefix(w->n[i].plane, &it)) != NULL;) {
            struct gw_prefix p = gw_entry_prefix_of(&x->prefix);
            if (x->kind != GW_PFX_LOCAL)
                continue;
            for (size_t j = 1; j < w->nnodes; j++) {
                const struct gw_t_prefix *y = w_prefix(w, j, &p);
                assert_false(j != i && y != NULL && y->kind == GW_PFX_LOCAL);
            }
        }
    }
    sim_invariants(w->sim);
    assert_false(w->sim->failed);
}
