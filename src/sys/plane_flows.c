/* plane_flows.c: the flows of services from outside the packet path, which writes them: what other
 * nodes have chosen comes in. What an entry means is in src/plane/serve_tables.h.
 */
#include <errno.h>

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
