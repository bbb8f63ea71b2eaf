/* revoke_world.c: see revoke_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "revoke_world.h"

struct r_said r_said;
size_t r_deaf;

static int listen_in(struct world *w, struct sim_message *e)
{
    struct gw_mh m;

    assert_int_equal(gw_mh_parse(&w->n[0].cfg->codec, e->addrs, e->data, e->len, &m).code,
                     GW_PARSE_OK);
    bool bra = m.type == GW_MH_REVOCATION && m.br.br_type == GW_BR_BRA;
    struct gw_mh *keep = NULL;
    size_t at = 0;
    if (m.type == GW_MH_REVOCATION) {
        *(bra ? &r_said.bra : &r_said.bri) += 1;
        keep = bra ? &r_said.last_bra : &r_said.last_bri;
        at = bra;
    } else if (m.type == GW_MH_UPN || m.type == GW_MH_UPA) {
        bool upa = m.type == GW_MH_UPA;
        *(upa ? &r_said.upa : &r_said.upn) += 1;
        keep = upa ? &r_said.last_upa : &r_said.last_upn;
        at = 2u + upa;
    } else if (m.type == GW_MH_BU) {
        r_said.pbu++;
    }
    if (keep != NULL) {
        memcpy(r_said.octets[at], e->data, e->len);
        (void)gw_mh_parse(&w->n[0].cfg->codec, e->addrs, r_said.octets[at], e->len, keep);
    }
    return r_deaf != 0 && e->to == r_deaf;
}

void r_hear(struct world *w)
{
    memset(&r_said, 0, sizeof r_said);
    r_deaf = 0;
    w->tap = listen_in;
}

int r_operate(struct world *w, size_t node, const struct gw_operate *o, uint64_t *number)
{
    if (o->kind == GW_OPERATE_REVOKE)
        sim_ledger_revoked(w->sim, &w->n[node], o->mnid);
    int err = gw_node_operate(w->n[node].node, o, w_now_at(w, node), number);

    w_drain(w, node);
    return err;
}

int r_revoke(struct world *w, size_t node, unsigned mn, struct gw_time hold)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_operate o = {.kind = GW_OPERATE_REVOKE, .mnid = &id, .hold = hold};
    uint64_t number;

    return r_operate(w, node, &o, &number);
}

int r_revoke_peer(struct world *w, size_t node, size_t peer)
{
    struct gw_operate o = {.kind = GW_OPERATE_REVOKE, .peer = &w->n[peer].cfg->addr, .hold = {-1}};
    uint64_t number;

    return r_operate(w, node, &o, &number);
}

int r_notify(struct world *w, size_t node, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_operate o = {.kind = GW_OPERATE_NOTIFY, .mnid = &id};
    uint64_t number;

    return r_operate(w, node, &o, &number);
}

int r_allow(struct world *w, size_t node, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_operate o = {.kind = GW_OPERATE_ALLOW, .mnid = &id};
    uint64_t number;

    return r_operate(w, node, &o, &number);
}

/* The last operation of a node. */
const struct gw_operation *r_result(struct world *w, size_t node)
{
    const struct gw_operations *os = &w->n[node].node->operations;
    return &os->op[os->last % GW_OPERATIONS];
}

void r_check(struct world *w, size_t node, uint32_t asked, uint32_t done)
{
    const struct gw_operation *op = r_result(w, node);

    assert_false(op->running);
    assert_int_equal(op->asked, asked);
    assert_int_equal(op->done, done);
    assert_int_equal(op->failed, asked - done);
    assert_int_equal(op->waiting, 0);
}

/* A mobile node walks through all MAARs; the last is where it is. */
void r_walk(struct world *w, unsigned mn)
{
    for (size_t at = 1; at < w->nnodes; at++) {
        assert_int_equal(w_attach(w, at, mn), 0);
        w_run(w, GW_MSEC(200));
    }
    w_run(w, GW_SEC(3));
    w_check(w, mn, w->nnodes - 1);
}

/* Nobody has a session, a prefix, a station or a record of it; a MAAR may remember that it was
 * sent away. */
void r_check_revoked(struct world *w, unsigned mn)
{
    struct gw_cmd_mn *bce = w_bce(w, mn);

    assert_true(bce == NULL || bce->b.anchors == NULL);
    for (size_t i = 1; i < w->nnodes; i++) {
        struct gw_maar_mn *x = w_mn(w, i, mn);
        assert_true(x == NULL || (x->state == GW_MN_REFUSED && x->own == NULL));
        assert_false(w_has_station(w, i, mn));
        assert_int_equal(gw_pools_count(&w->n[i].node->maar.pools), 0);
        assert_int_equal(w_prefixes(w, i), 0);
        assert_int_equal(sim_disk_count(w->n[i].disk, 'M'), 0);
    }
    assert_false(w_busy(w));
}

unsigned r_opts(const struct gw_mh *m, uint8_t type)
{
    unsigned n = 0;

    for (uint16_t i = 0; i < m->nopts; i++)
        n += m->opt[i].type == type;
    return n;
}

struct gw_binding *r_session(struct world *w, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    return gw_binding_get(&w->n[0].node->lma.bs, &id);
}

struct gw_mag_mn *r_at_mag(struct world *w, size_t mag, unsigned mn)
{
    uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    struct gw_binding *b = gw_binding_get(&w->n[mag].node->mag.bs, &id);
    return b != NULL ? gw_mag_mn(b) : NULL;
}

struct world *r_pmip(unsigned mns, uint64_t seed)
{
    struct world *w = w_new_pmip(2, seed);

    w->n[0].policy.prefixes = 2;
    for (unsigned mn = 1; mn <= mns; mn++)
        assert_int_equal(w_attach(w, 1, mn), 0);
    w_run(w, GW_SEC(1));
    for (unsigned mn = 1; mn <= mns; mn++)
        assert_int_equal(r_at_mag(w, 1, mn)->state, GW_MAG_SERVING);
    return w;
}

static struct gw_mh scratch;
struct gw_mh *r_bri(struct world *w, uint8_t trigger, bool g)
{
    static uint16_t seq;
    struct gw_mh *m = &scratch;

    w_run(w, GW_MSEC(1));
    m->type = GW_MH_REVOCATION;
    m->nopts = 0;
    m->br = (struct gw_mh_revocation){
        .br_type = GW_BR_BRI, .code = trigger, .seq = ++seq, .p = true, .g = g};
    return m;
}

void r_name(struct gw_mh *m, unsigned mn)
{
    static uint8_t buf[6];
    struct gw_mnid id = w_mnid(mn, buf);
    gw_lm_add_mnid(m, &id);
}

/* As node `from`: the status of the BRA that comes, 255 when none does. */
uint8_t r_tell(struct world *w, size_t from, size_t to, struct gw_mh *m)
{
    unsigned before = r_said.bra;

    gw_lm_add_u64(m, GW_OPT_MESGID, gw_ntp_time(w_now(w).wall_ns));
    (void)w_inject(w, from, to, m, NULL);
    w_run(w, GW_MSEC(2));
    if (r_said.bra == before)
        return 255;
    assert_int_equal(r_said.bra, before + 1);
    assert_int_equal(r_said.last_bra.br.seq, m->br.seq);
    assert_true(r_said.last_bra.br.p == m->br.p && r_said.last_bra.br.v == m->br.v &&
                r_said.last_bra.br.g == m->br.g);
    return r_said.last_bra.br.code;
}
