/* plane_flows.c: the flows of services from outside the packet path, which writes them: what other
 * nodes have chosen comes in, and what nobody uses any more goes out. What an entry means is in
 * src/plane/serve_tables.h.
 *
 * The kernel evicts entries of its LRU tables without a word, so the number of flows in flight of
 * an instance would grow for ever. Therefore each pass over the tables counts them, and compares.
 * Packets go on meanwhile: with B flows begun since the pass began, at least `own - B` of those
 * that count now were there all the time, and the pass has met at most B more than there were when
 * it began. What is beyond these bounds is wrong for sure, and is set right; the rest is right but
 * for what one pass can hide, or becomes so when fewer flows begin.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "plane/serve_entries.h"
#include "sys/plane_impl.h"

static int flows_fd(const struct gw_bpf *b)
{
    return bpf_map__fd(b->skel->maps.flows);
}

/* The service and the key of the flow's entry, or GW_ENOENT: no such service. */
static int find_service(const struct gw_bpf *b, const struct gw_service_key *of,
                        const struct gw_flow_id *shown, struct gw_t_cs *s,
                        struct gw_t_flow_key *key)
{
    struct gw_t_cs_key k;

    gw_entry_cs_key(of, &k);
    if (bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.services), &k, s) != 0)
        return GW_ENOENT;
    gw_entry_flow_key(&of->cs_id, shown, key);
    gw_t_flow_reduce(s, key);
    return GW_OK;
}

/* It counts no longer at its candidate. */
static void flow_gone(const struct gw_bpf *b, const struct gw_t_flow_key *key)
{
    struct gw_t_flow v;

    if (bpf_map_lookup_and_delete_elem(flows_fd(b), key, &v) == 0 && (v.flags & GW_T_FLOW_OPEN))
        gw_bpf_in_flight(b, gw_bpf_candidate_of(b, &v), -1);
}

/* The flow's counts stay while it goes where it went. */
static int flow_set(const struct gw_bpf *b, const struct gw_intent_flow *in)
{
    struct gw_t_flow_key key;
    struct gw_t_flow v, old;
    struct gw_t_cs s;
    int rc = find_service(b, &in->service, &in->flow, &s, &key);

    if (rc != GW_OK)
        return rc;
    gw_entry_flow(in, s.id, &v);
    bool known = bpf_map_lookup_elem(flows_fd(b), &key, &old) == 0;
    if (known && memcmp(&old.csci_id, &v.csci_id, sizeof v.csci_id) == 0)
        return GW_OK;
    v.flags |= GW_T_FLOW_OPEN;
    if (bpf_map_update_elem(flows_fd(b), &key, &v, BPF_ANY) != 0)
        return gw_bpf_fail(b, "updating the table of flows");
    gw_bpf_in_flight(b, gw_bpf_candidate_of(b, &v), 1);
    if (known && (old.flags & GW_T_FLOW_OPEN))
        gw_bpf_in_flight(b, gw_bpf_candidate_of(b, &old), -1);
    return GW_OK;
}

/* -- passes over the tables ----------------------------------------------------------------------
 */

enum { CANDIDATES = GW_SERVICES_MAX * GW_STEER_CANDIDATES, SLICE = 64 };

struct gw_bpf_sweep {
    bool pending, running; /* which table the pass is in */
    struct gw_bpf_batch batch;
    uint32_t open[CANDIDATES];   /* met so far */
    uint32_t own[CANDIDATES];    /* when the pass began, as all below */
    uint64_t chosen[CANDIDATES]; /* flows that ever began */
};

int gw_bpf_sweep_open(struct gw_bpf *b)
{
    b->sweep = calloc(1, sizeof *b->sweep);
    return b->sweep != NULL ? GW_OK : GW_ENOMEM;
}

void gw_bpf_sweep_close(struct gw_bpf *b)
{
    free(b->sweep);
    b->sweep = NULL;
}

int gw_bpf_next_batch(const struct gw_bpf *b, bool pending, struct gw_bpf_batch *t)
{
    int fd = bpf_map__fd(pending ? b->skel->maps.pending : b->skel->maps.flows);
    uint32_t n = GW_BPF_BATCH;

    if (t->over)
        return GW_ENOENT;
    int rc = bpf_map_lookup_batch(fd, t->begun ? &t->at : NULL, &t->at, t->key, t->value, &n, NULL);
    t->begun = true;
    t->over = rc != 0;
    if (rc != 0 && errno != ENOENT)
        return gw_bpf_fail(b, "reading the table of flows");
    return (int)n;
}

static struct gw_t_candidate_use *use_of(const struct gw_bpf *b, uint32_t candidate)
{
    return &b->steer[candidate / GW_STEER_CANDIDATES]
                .candidate_use[candidate % GW_STEER_CANDIDATES];
}

static void begin_pass(const struct gw_bpf *b, struct gw_bpf_sweep *w)
{
    w->running = true;
    w->pending = false;
    w->batch.begun = w->batch.over = false;
    memset(w->open, 0, sizeof w->open);
    for (uint32_t c = 0; c < CANDIDATES; c++) {
        w->own[c] = __atomic_load_n(&use_of(b, c)->own, __ATOMIC_RELAXED);
        w->chosen[c] = __atomic_load_n(&use_of(b, c)->chosen, __ATOMIC_RELAXED);
    }
}

static void end_pass(const struct gw_bpf *b, struct gw_bpf_sweep *w)
{
    w->running = false;
    for (uint32_t c = 0; c < CANDIDATES; c++) {
        struct gw_t_candidate_use *u = use_of(b, c);
        uint64_t own = __atomic_load_n(&u->own, __ATOMIC_RELAXED);
        uint64_t chosen = __atomic_load_n(&u->chosen, __ATOMIC_RELAXED);
        if (chosen < w->chosen[c]) /* the place has been given to another instance */
            continue;
        uint64_t begun = chosen - w->chosen[c];
        if (own > w->open[c] + begun)
            __atomic_fetch_sub(&u->own, (uint32_t)(own - w->open[c] - begun), __ATOMIC_RELAXED);
        else if (w->open[c] > w->own[c] + begun)
            __atomic_fetch_add(&u->own, (uint32_t)(w->open[c] - w->own[c] - begun),
                               __ATOMIC_RELAXED);
    }
}

static uint64_t idle_for(const struct gw_bpf *b, bool pending, const struct gw_t_flow *f)
{
    if (!gw_bpf_service_used(b, f->cs))
        return 0;
    return pending ? GW_PENDING_NS : b->service[f->cs].timeout_ns;
}

/* The packet path may have put another entry in its place just now: that one goes back. */
static void end_flow(const struct gw_bpf *b, bool pending, const struct gw_t_flow_key *key,
                     const struct gw_t_flow *seen)
{
    int fd = bpf_map__fd(pending ? b->skel->maps.pending : b->skel->maps.flows);
    struct gw_t_flow v;

    if (bpf_map_lookup_and_delete_elem(fd, key, &v) != 0)
        return;
    if (v.last_ns != seen->last_ns && v.last_ns != UINT64_MAX) {
        bpf_map_update_elem(fd, key, &v, BPF_NOEXIST);
        return;
    }
    if (v.flags & GW_T_FLOW_OPEN)
        gw_bpf_in_flight(b, gw_bpf_candidate_of(b, &v), -1);
}

static void look_at(const struct gw_bpf *b, struct gw_bpf_sweep *w, int n, uint64_t now_ns)
{
    for (int i = 0; i < n; i++) {
        const struct gw_t_flow *f = &w->batch.value[i];
        if (gw_entry_flow_idle(f, now_ns) > idle_for(b, w->pending, f)) {
            end_flow(b, w->pending, &w->batch.key[i], f);
        } else if (f->flags & GW_T_FLOW_OPEN) {
            uint32_t c = gw_bpf_candidate_of(b, f);
            if (c < CANDIDATES)
                w->open[c]++;
        }
    }
}

void gw_bpf_sweep(struct gw_bpf *b, struct gw_time now)
{
    struct gw_bpf_sweep *w = b->sweep;

    b->sweep_at = b->services_used != 0 ? gw_time_add(now, GW_SEC(1)) : GW_NEVER;
    if (!w->running)
        begin_pass(b, w);
    for (int k = 0; k < SLICE; k++) {
        int n = gw_bpf_next_batch(b, w->pending, &w->batch);
        if (n >= 0) {
            look_at(b, w, n, (uint64_t)now.ns);
        } else if (n == GW_ENOENT && !w->pending) {
            w->pending = true;
            w->batch.begun = w->batch.over = false;
        } else {
            if (n == GW_ENOENT)
                end_pass(b, w);
            w->running = false;
            return;
        }
    }
}

/* -- intents ------------------------------------------------------------------------------------
 */

int gw_bpf_flow_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    struct gw_t_flow_key key;
    struct gw_t_cs s;

    if (in->kind == GW_INTENT_FLOW_SET)
        return flow_set(b, &in->flow);
    if (find_service(b, &in->flow.service, &in->flow.flow, &s, &key) == GW_OK)
        flow_gone(b, &key);
    return GW_OK;
}
