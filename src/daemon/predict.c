/* predict.c: the control request by which an operator, or a program that knows, says that a client
 * behind this node is about to move, and to which ingresses (`godwit predict`): a hint for the
 * proactive handover (CATS mobility draft, figure 1). Who is told, and what is kept back meanwhile,
 * is fn/handover's business.
 */
#include "base/text.h"
#include "daemon/daemon.h"
#include "sys/clock.h"

/* NULL; or why it is none. */
static json_t *read_targets(const struct gwd *d, const json_t *list, struct gw_hint *out)
{
    const json_t *name;
    size_t i;

    json_array_foreach(list, i, name)
    {
        const char *text = json_string_value(name);
        const struct gw_cfg_peer *p = text != NULL ? gwd_find_peer(d, text) : NULL;
        if (p == NULL)
            return gwd_answer_error("predict: no peer is called \"%s\"", text != NULL ? text : "");
        if ((p->roles & GW_ROLES_STEERING) == 0)
            return gwd_answer_error("predict: %s is no ingress", p->name);
        if (out->ntargets == GW_HINT_TARGETS)
            return gwd_answer_error("predict: at most %d ingresses", GW_HINT_TARGETS);
        out->target[out->ntargets++] = p->addr;
    }
    return NULL;
}

static json_t *refusal(int err, const char *client, bool named)
{
    if (err == GW_ENOENT && !named)
        return gwd_answer_error(
            "predict: %s is not here, or no candidate can be told (handover/neighbours)", client);
    if (err == GW_ENOENT)
        return gwd_answer_error("predict: %s is not here, or none of these can be told", client);
    if (err == GW_EINVAL)
        return gwd_answer_error("predict: %s has no flows here that go on, or handover is off",
                                client);
    return gwd_answer_error("predict: the node refused: %s", gw_err_text(err));
}

json_t *gwd_predict(struct gwd *d, const json_t *req)
{
    const char *client = json_string_value(json_object_get(req, "client"));
    struct gw_input in = {.kind = GW_IN_HINT, .hint = {.by = GW_HINT_MANUAL}};
    struct gw_addr addr;

    if (client == NULL || gw_parse_addr(client, &addr) < 0)
        return gwd_answer_error("predict: \"%s\" is no IPv6 address of a client",
                                client != NULL ? client : "");
    in.hint.prefix = gw_prefix_mask(addr, GW_NODE_PREFIX_LEN);
    json_t *wrong = read_targets(d, json_object_get(req, "ingresses"), &in.hint);
    if (wrong != NULL)
        return wrong;
    int err = gwd_input(d, &in, gw_clock_now());
    return err == 0 ? gwd_answer_ok(NULL) : refusal(err, client, in.hint.ntargets != 0);
}
