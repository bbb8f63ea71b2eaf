/* plane_show.c: what operators ask about services, read out of the maps; src/plane/serve_show.c
 * says what it means.
 */
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "gw_path.skel.h"
#include "plane/serve_entries.h"
#include "sys/plane_impl.h"

static int services_fd(const struct gw_bpf *b)
{
    return bpf_map__fd(b->skel->maps.services);
}

/* -- flows --------------------------------------------------------------------------------------
 */

int gw_bpf_flows(const struct gw_bpf *b, const struct gw_service_key *service,
                 bool (*each)(void *user, const struct gw_flow_info *f), void *user)
{
    struct gw_bpf_batch *t = calloc(1, sizeof *t);
    struct gw_t_cs_key only;
    int n, shown = 0;
    bool on = true;

    if (t == NULL)
        return GW_ENOMEM;
    if (service != NULL)
        gw_entry_cs_key(service, &only);
    while (on && (n = gw_bpf_next_batch(b, false, t)) >= 0)
        for (int i = 0; on && i < n; i++) {
            const struct gw_t_flow *f = &t->value[i];
            if (!gw_bpf_service_used(b, f->cs))
                continue;
            const struct gw_bpf_service *s = &b->service[f->cs];
            if (service != NULL && memcmp(&s->key, &only, sizeof only) != 0)
                continue;
            struct gw_flow_info info = gw_show_flow(&s->key, s->affinity, &t->key[i], f);
            shown++;
            on = each(user, &info);
        }
    free(t);
    return on && n != GW_ENOENT ? n : shown;
}

int gw_bpf_find_service(const struct gw_bpf *b, const struct gw_addr *cs_id,
                        const struct gw_flow_id *flow, struct gw_t_cs *s, struct gw_t_flow_key *key)
{
    gw_entry_flow_key(cs_id, flow, key);
    struct gw_t_cs_key k = {.cs_id = key->cs_id, .port = key->dport, .proto = key->proto};
    int rc = bpf_map_lookup_elem(services_fd(b), &k, s);
    while (rc != 0 && gw_t_cs_wider(&k))
        rc = bpf_map_lookup_elem(services_fd(b), &k, s);
    if (rc != 0 || s->id >= GW_SERVICES_MAX)
        return GW_ENOENT;
    gw_t_flow_reduce(s, key);
    return GW_OK;
}

static int show_entry(const struct gw_bpf *b, const struct gw_t_cs *s,
                      const struct gw_t_flow_key *key, struct gw_flow_info *out)
{
    struct gw_t_flow f;

    if (bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.flows), key, &f) != 0 || f.cs != s->id)
        return GW_ENOENT;
    *out = gw_show_flow(&b->service[s->id].key, s->affinity, key, &f);
    return GW_OK;
}

int gw_bpf_flow(const struct gw_bpf *b, const struct gw_addr *cs_id, const struct gw_flow_id *flow,
                struct gw_flow_info *out)
{
    struct gw_t_flow_key key;
    struct gw_t_cs s;
    int rc = gw_bpf_find_service(b, cs_id, flow, &s, &key);

    return rc == GW_OK ? show_entry(b, &s, &key, out) : rc;
}

int gw_bpf_why(const struct gw_bpf *b, const struct gw_addr *cs_id, const struct gw_flow_id *flow,
               struct gw_time now, uint64_t random, struct gw_why *out)
{
    struct gw_t_flow_key key;
    struct gw_t_cs s;
    int rc = gw_bpf_find_service(b, cs_id, flow, &s, &key);

    if (rc != GW_OK)
        return rc;
    const struct gw_t_steer *steer = &b->steer[s.id];
    struct gw_steer_in in = {
        .now_ns = (uint64_t)now.ns, .random = random, .flow = gw_t_flow_hash(&key)};
    out->service = gw_show_service(&b->service[s.id].key, &s, steer);
    out->bound = show_entry(b, &s, &key, &out->entry) == GW_OK;
    gw_show_why(steer, &in, out);
    return GW_OK;
}

/* -- services and instances ----------------------------------------------------------------------
 */

int gw_bpf_services(const struct gw_bpf *b,
                    bool (*each)(void *user, const struct gw_service_info *s), void *user)
{
    int shown = 0;

    for (uint32_t id = 0; id < GW_SERVICES_MAX; id++) {
        struct gw_t_cs s;
        const struct gw_t_cs_key *key = &b->service[id].key;
        if (!gw_bpf_service_used(b, id) || bpf_map_lookup_elem(services_fd(b), key, &s) != 0)
            continue;
        struct gw_service_info info = gw_show_service(key, &s, &b->steer[id]);
        shown++;
        if (!each(user, &info))
            break;
    }
    return shown;
}

int gw_bpf_instances(const struct gw_bpf *b,
                     bool (*each)(void *user, const struct gw_instance_info *i), void *user)
{
    int fd = bpf_map__fd(b->skel->maps.instances), shown = 0;
    struct gw_t_addr key, next;
    struct gw_t_instance x;

    for (int more = !bpf_map_get_next_key(fd, NULL, &next); more;) {
        key = next;
        more = !bpf_map_get_next_key(fd, &key, &next);
        if (bpf_map_lookup_elem(fd, &key, &x) != 0)
            continue;
        bool served = gw_bpf_service_used(b, x.cs);
        const struct gw_t_candidate_use *use =
            served && x.candidate != GW_T_NO_CANDIDATE
                ? &b->steer[x.cs].candidate_use[x.candidate % GW_STEER_CANDIDATES]
                : NULL;
        struct gw_instance_info info =
            gw_show_instance(&key, &x, served ? &b->service[x.cs].key : NULL, use);
        shown++;
        if (!each(user, &info))
            break;
    }
    return shown;
}

/* -- traces -------------------------------------------------------------------------------------
 */

/* As the path finds it: the /64 first, then the longest of the others. */
static bool find_client(const struct gw_bpf *b, const struct gw_addr *a, struct gw_t_prefix *out)
{
    struct gw_t_prefix_key k = {.len = 128};

    gw_entry_addr(a, &k.addr);
    uint64_t upper = gw_t_key64(&k.addr);
    return bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.prefixes64), &upper, out) == 0 ||
           bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.prefixes), &k, out) == 0;
}

static bool find_addr(const struct bpf_map *m, const struct gw_addr *a, void *out)
{
    struct gw_t_addr key;

    gw_entry_addr(a, &key);
    return !gw_addr_is_zero(a) && bpf_map_lookup_elem(bpf_map__fd(m), &key, out) == 0;
}

struct gw_trace_seen gw_bpf_trace(const struct gw_bpf *b, const struct gw_trace_want *want)
{
    struct gw_t_instance x;
    struct gw_t_peer peer;
    struct gw_t_prefix client;
    bool has_x = find_addr(b->skel->maps.instances, &want->csci_id, &x);
    bool has_peer = find_addr(b->skel->maps.peers, &want->peer, &peer);
    bool has_client = !gw_addr_is_zero(&want->client) && find_client(b, &want->client, &client);

    return gw_show_trace(has_x ? &x : NULL, has_peer ? &peer : NULL, has_client ? &client : NULL);
}
