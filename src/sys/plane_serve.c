/* plane_serve.c: intents about services into maps (src/plane/serve_entries.h has what goes where).
 * The table that choices are made from is mapped: counts that the programs write there meanwhile
 * stay.
 */
#include <errno.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "plane/serve_entries.h"
#include "sys/plane_impl.h"

#define STEER_SIZE (GW_SERVICES_MAX * sizeof(struct gw_t_steer))

static int services_fd(const struct gw_bpf *b)
{
    return bpf_map__fd(b->skel->maps.services);
}

static int instances_fd(const struct gw_bpf *b)
{
    return bpf_map__fd(b->skel->maps.instances);
}

static int put(const struct gw_bpf *b, int fd, const void *key, const void *value)
{
    if (bpf_map_update_elem(fd, key, value, BPF_ANY) == 0)
        return GW_OK;
    if (errno == E2BIG || errno == ENOSPC)
        return GW_EFULL;
    return gw_bpf_fail(b, "updating a table of services");
}

/* -- what is there ------------------------------------------------------------------------------
 */

/* Calls each with every key and value of a map; each may delete that entry. */
static void walk(int fd, void *key, void *next, size_t key_size, void *value,
                 void (*each)(struct gw_bpf *b, const void *key, const void *value),
                 struct gw_bpf *b)
{
    for (int more = !bpf_map_get_next_key(fd, NULL, next); more;) {
        memcpy(key, next, key_size);
        more = !bpf_map_get_next_key(fd, key, next);
        if (bpf_map_lookup_elem(fd, key, value) == 0)
            each(b, key, value);
    }
}

static void note(struct gw_bpf *b, const struct gw_t_cs_key *key, const struct gw_t_cs *s)
{
    b->service_ids |= UINT64_C(1) << s->id;
    b->service[s->id] =
        (struct gw_bpf_service){.key = *key, .timeout_ns = s->timeout_ns, .affinity = s->affinity};
}

static void note_service(struct gw_bpf *b, const void *key, const void *value)
{
    const struct gw_t_cs *s = value;

    if (s->id < GW_SERVICES_MAX)
        note(b, key, s);
    b->services_used++;
}

static void note_instance(struct gw_bpf *b, const void *key, const void *value)
{
    (void)key;
    b->instances_here += ((const struct gw_t_instance *)value)->kind != GW_T_INSTANCE_AWAY;
}

static void walk_services(struct gw_bpf *b,
                          void (*each)(struct gw_bpf *b, const void *key, const void *value))
{
    struct gw_t_cs_key key, next;
    struct gw_t_cs value;

    walk(services_fd(b), &key, &next, sizeof key, &value, each, b);
}

static void walk_instances(struct gw_bpf *b,
                           void (*each)(struct gw_bpf *b, const void *key, const void *value))
{
    struct gw_t_addr key, next;
    struct gw_t_instance value;

    walk(instances_fd(b), &key, &next, sizeof key, &value, each, b);
}

int gw_bpf_serve_open(struct gw_bpf *b)
{
    void *at = mmap(NULL, STEER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                    bpf_map__fd(b->skel->maps.steer), 0);

    if (at == MAP_FAILED)
        return gw_bpf_fail(b, "mapping the table of candidates");
    b->steer = at;
    b->services_used = b->instances_here = 0;
    b->service_ids = 0;
    walk_services(b, note_service);
    walk_instances(b, note_instance);
    return gw_bpf_sweep_open(b);
}

void gw_bpf_serve_close(struct gw_bpf *b)
{
    if (b->steer != NULL)
        munmap(b->steer, STEER_SIZE);
    b->steer = NULL;
    gw_bpf_sweep_close(b);
}

/* -- services -----------------------------------------------------------------------------------
 */

bool gw_bpf_service_used(const struct gw_bpf *b, uint32_t id)
{
    return id < GW_SERVICES_MAX && (b->service_ids >> id & 1) != 0;
}

/* What passes between the look-up and the update is not counted; so there is none that would
 * change nothing. */
static int put_service(const struct gw_bpf *b, const struct gw_t_cs_key *key, struct gw_t_cs *v,
                       const struct gw_t_cs *old)
{
    v->generation = b->generation;
    if (old != NULL && gw_entry_cs_same(v, old))
        return GW_OK;
    if (old != NULL) {
        v->flows = old->flows;
        v->asked = old->asked;
        v->use = old->use;
    }
    return put(b, services_fd(b), key, v);
}

static int service_set(struct gw_bpf *b, const struct gw_intent_service *in)
{
    struct gw_t_cs_key key;
    struct gw_t_cs v, old;
    uint32_t id = 0;

    gw_entry_cs_key(&in->key, &key);
    bool known = bpf_map_lookup_elem(services_fd(b), &key, &old) == 0;
    if (known) {
        id = old.id;
    } else {
        while (id < GW_SERVICES_MAX && (b->service_ids >> id & 1) != 0)
            id++;
        if (id == GW_SERVICES_MAX)
            return GW_EFULL;
        memset(&b->steer[id], 0, sizeof b->steer[id]);
    }
    b->rule[id] = in->rule;
    gw_entry_service(in, id, &b->steer[id].service);
    struct gw_steer_tables t = gw_serve_tables(&b->steer[id]);
    gw_steer_weigh(&t);
    gw_steer_fill_ring(&t);
    gw_entry_cs(in, id, &v);
    int rc = put_service(b, &key, &v, known ? &old : NULL);
    if (rc != GW_OK)
        return rc;
    note(b, &key, &v);
    if (known)
        return GW_OK;
    b->services_used++;
    b->sweep_at = (struct gw_time){0};
    return gw_bpf_set_used(b);
}

/* Its flows and instances would be somebody else's when the id is given away again. */
static void drop_flows(int fd, uint32_t id)
{
    struct gw_t_flow_key key, next;
    struct gw_t_flow v;

    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (bpf_map_lookup_elem(fd, &key, &v) == 0 && v.cs == id)
            bpf_map_delete_elem(fd, &key);
    }
}

static void orphan_instances(const struct gw_bpf *b, uint32_t id)
{
    int fd = instances_fd(b);
    struct gw_t_addr key, next;
    struct gw_t_instance v;

    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (bpf_map_lookup_elem(fd, &key, &v) != 0 || v.cs != id)
            continue;
        v.cs = GW_T_NO_SERVICE;
        v.candidate = GW_T_NO_CANDIDATE;
        bpf_map_update_elem(fd, &key, &v, BPF_EXIST);
    }
}

static void service_gone(struct gw_bpf *b, const void *key, const void *value)
{
    uint32_t id = ((const struct gw_t_cs *)value)->id;

    if (bpf_map_delete_elem(services_fd(b), key) != 0 || id >= GW_SERVICES_MAX)
        return;
    drop_flows(bpf_map__fd(b->skel->maps.flows), id);
    drop_flows(bpf_map__fd(b->skel->maps.pending), id);
    orphan_instances(b, id);
    b->steer[id].service.count = 0;
    b->service_ids &= ~(UINT64_C(1) << id);
    b->services_used--;
}

static int service_del(struct gw_bpf *b, const struct gw_intent_service *in)
{
    struct gw_t_cs_key key;
    struct gw_t_cs v;

    gw_entry_cs_key(&in->key, &key);
    if (bpf_map_lookup_elem(services_fd(b), &key, &v) != 0)
        return GW_OK;
    service_gone(b, &key, &v);
    return gw_bpf_set_used(b);
}

/* -- instances ----------------------------------------------------------------------------------
 */

/* The place among candidates that it has goes to nobody. */
static void no_candidate(const struct gw_bpf *b, const struct gw_t_addr *csci, uint32_t candidate)
{
    uint32_t id = candidate / GW_STEER_CANDIDATES;
    struct gw_addr a;

    if (candidate == GW_T_NO_CANDIDATE || id >= GW_SERVICES_MAX || b->steer[id].service.count == 0)
        return;
    memcpy(a.b, csci->b, sizeof a.b);
    struct gw_steer_tables t = gw_serve_tables(&b->steer[id]);
    gw_serve_no_candidate(&t, &a, &b->rule[id]);
}

/* As put_service. */
static int put_instance(struct gw_bpf *b, const struct gw_t_addr *key, struct gw_t_instance *v,
                        const struct gw_t_instance *old)
{
    bool was_here = old != NULL && old->kind != GW_T_INSTANCE_AWAY;
    bool is_here = v->kind != GW_T_INSTANCE_AWAY;

    v->generation = b->generation;
    if (old != NULL && gw_entry_instance_same(v, old))
        return GW_OK;
    if (old != NULL) {
        v->flows = old->flows;
        v->in = old->in;
        v->out = old->out;
    }
    int rc = put(b, instances_fd(b), key, v);
    if (rc != GW_OK || was_here == is_here)
        return rc;
    b->instances_here += is_here ? 1u : ~0u;
    return gw_bpf_set_used(b);
}

/* It is in its own table before it can be chosen, and no candidate any more before it is gone. */
static int instance_set(struct gw_bpf *b, const struct gw_intent_instance *in)
{
    struct gw_t_cs_key of;
    struct gw_t_addr key;
    struct gw_t_instance v, old;
    struct gw_t_cs cs = {.id = GW_T_NO_SERVICE};
    struct gw_steer_tables t;
    uint32_t candidate = GW_T_NO_CANDIDATE;

    gw_entry_addr(&in->csci_id, &key);
    gw_entry_cs_key(&in->service, &of);
    bool known = bpf_map_lookup_elem(instances_fd(b), &key, &old) == 0;
    bool served = bpf_map_lookup_elem(services_fd(b), &of, &cs) == 0;
    if (known && old.cs != cs.id)
        no_candidate(b, &key, old.candidate);
    if (served) {
        t = gw_serve_tables(&b->steer[cs.id]);
        candidate = gw_serve_place(&t, &in->csci_id);
    }
    gw_entry_instance(in, cs.id, candidate, &v);
    int rc = put_instance(b, &key, &v, known ? &old : NULL);
    if (rc != GW_OK || !served)
        return rc;
    if (candidate == GW_T_NO_CANDIDATE)
        return GW_EFULL;
    gw_serve_candidate(&t, in, &b->rule[cs.id]);
    return GW_OK;
}

static void instance_gone(struct gw_bpf *b, const void *key, const void *value)
{
    const struct gw_t_instance *v = value;

    no_candidate(b, key, v->candidate);
    if (bpf_map_delete_elem(instances_fd(b), key) == 0)
        b->instances_here -= v->kind != GW_T_INSTANCE_AWAY;
}

bool gw_bpf_serves_here(struct gw_bpf *b, const struct gw_t_addr *cs_id)
{
    int fd = instances_fd(b);
    struct gw_t_addr key, next;
    struct gw_t_instance v;

    if (b->instances_here == 0)
        return false;
    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (bpf_map_lookup_elem(fd, &key, &v) == 0 && v.kind != GW_T_INSTANCE_AWAY &&
            memcmp(&v.cs_id, cs_id, sizeof *cs_id) == 0)
            return true;
    }
    return false;
}

uint32_t gw_bpf_candidate_of(const struct gw_bpf *b, const struct gw_t_flow *f)
{
    struct gw_t_instance x;

    if (bpf_map_lookup_elem(instances_fd(b), &f->csci_id, &x) != 0 || x.cs != f->cs)
        return GW_T_NO_CANDIDATE;
    return x.candidate;
}

void gw_bpf_in_flight(const struct gw_bpf *b, uint32_t candidate, int by)
{
    uint32_t id = candidate / GW_STEER_CANDIDATES;

    if (candidate == GW_T_NO_CANDIDATE || id >= GW_SERVICES_MAX)
        return;
    struct gw_t_candidate_use *u = &b->steer[id].candidate_use[candidate % GW_STEER_CANDIDATES];
    if (by > 0)
        gw_steer_begin_flow(u);
    else
        gw_steer_end_flow(u);
}

static int instance_del(struct gw_bpf *b, const struct gw_intent_instance *in)
{
    struct gw_t_addr key;
    struct gw_t_instance v;

    gw_entry_addr(&in->csci_id, &key);
    if (bpf_map_lookup_elem(instances_fd(b), &key, &v) != 0)
        return GW_OK;
    instance_gone(b, &key, &v);
    return gw_bpf_set_used(b);
}

int gw_bpf_serve_apply(struct gw_bpf *b, const struct gw_intent *in)
{
    if (in->kind == GW_INTENT_SERVICE_SET)
        return service_set(b, &in->service);
    if (in->kind == GW_INTENT_SERVICE_DEL)
        return service_del(b, &in->service);
    if (in->kind == GW_INTENT_INSTANCE_SET)
        return instance_set(b, &in->instance);
    return instance_del(b, &in->instance);
}

static void sweep_service(struct gw_bpf *b, const void *key, const void *value)
{
    if (((const struct gw_t_cs *)value)->generation != b->generation)
        service_gone(b, key, value);
}

static void sweep_instance(struct gw_bpf *b, const void *key, const void *value)
{
    if (((const struct gw_t_instance *)value)->generation != b->generation)
        instance_gone(b, key, value);
}

void gw_bpf_serve_sync(struct gw_bpf *b)
{
    walk_services(b, sweep_service);
    walk_instances(b, sweep_instance);
}
