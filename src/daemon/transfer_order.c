/* transfer_order.c: the control request by which an operator has a client's flows of a service
 * moved to another instance (`godwit transfer`): which flows these are the packet path knows.
 */
#include "base/text.h"
#include "daemon/daemon.h"
#include "plane/serve_show.h"
#include "sys/clock.h"

struct wanted {
    struct gw_addr net; /* the client's /64 */
    bool found, others; /* others: at another instance too */
    struct gw_transfer_order order;
    struct gw_flow_id flow[GW_TRANSFER_FLOWS];
};

/* Those at the instance of the first one found. */
static bool take_flow(void *user, const struct gw_flow_info *f)
{
    struct wanted *w = user;

    if (memcmp(f->flow.src.b, w->net.b, 8) != 0)
        return true;
    if (!w->found) {
        w->found = true;
        w->order.from = f->csci_id;
    }
    if (!gw_addr_eq(&w->order.from, &f->csci_id)) {
        w->others = true;
        return true;
    }
    w->flow[w->order.nflows++] = f->flow;
    return w->order.nflows < GW_TRANSFER_FLOWS;
}

static json_t *refusal(int err, const char *client)
{
    if (err == GW_EDENIED)
        return gwd_answer_error("transfer: handover/switches is not set for this service");
    if (err == GW_ENOENT)
        return gwd_answer_error("transfer: no such instance takes it, or none is better");
    if (err == GW_EEXIST)
        return gwd_answer_error("transfer: what %s has under way moves already", client);
    return gwd_answer_error("transfer: the node refused: %s", gw_err_text(err));
}

static json_t *begin(struct gwd *d, struct wanted *w, const char *client)
{
    char text[20];
    uint64_t id = 0;

    w->order.flow = w->flow;
    int err = gw_node_transfer(d->node, &w->order, gw_clock_now(), &id);
    gwd_carry_out(d);
    if (err != 0)
        return refusal(err, client);
    (void)snprintf(text, sizeof text, "%llx", (unsigned long long)id);
    return gwd_answer_ok(json_pack("{s:s, s:i, s:b}", "transfer", text, "flows",
                                   (int)w->order.nflows, "others_elsewhere", w->others));
}

json_t *gwd_transfer_request(struct gwd *d, const json_t *req)
{
    const char *client = json_string_value(json_object_get(req, "client"));
    const char *instance = json_string_value(json_object_get(req, "instance"));
    struct wanted w = {.found = false};
    struct gw_addr to;
    json_t *wrong;

    if (!gwd_steer_read_service(d, req, &w.order.service, &wrong))
        return wrong;
    if (client == NULL || gw_parse_addr(client, &w.net) < 0)
        return gwd_answer_error("transfer: \"%s\" is no IPv6 address",
                                client != NULL ? client : "");
    if (instance != NULL && gw_parse_addr(instance, &to) < 0)
        return gwd_answer_error("transfer: \"%s\" is no CSCI-ID", instance);
    w.order.to = instance != NULL ? &to : NULL;
    int err = gw_bpf_flows(d->bpf, &w.order.service, take_flow, &w);
    if (err < 0)
        return gwd_answer_error("transfer: %s", gw_err_text(err));
    if (!w.found)
        return gwd_answer_error("transfer: %s has no flow of this service here", client);
    return begin(d, &w, client);
}
