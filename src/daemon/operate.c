/* operate.c: the control requests by which an operator has other nodes change their bindings:
 * revoke, notify, allow. They begin an operation and are answered at once with its number; how it
 * goes is in `show operations`.
 */
#include "base/text.h"
#include "daemon/daemon.h"
#include "sys/clock.h"

static const char *text_of(const json_t *req, const char *key)
{
    return json_string_value(json_object_get(req, key));
}

/* As `show bindings` writes it: an EUI-48, or else a NAI. */
static bool read_mnid(const char *text, struct gw_lladdr *ll, struct gw_mnid *out)
{
    size_t len = strlen(text);

    if (gw_parse_lladdr(text, ll) == 0) {
        *out = (struct gw_mnid){
            .subtype = ll->len == 6 ? GW_MNID_EUI48 : GW_MNID_EUI64, .len = ll->len, .id = ll->b};
        return true;
    }
    *out =
        (struct gw_mnid){.subtype = GW_MNID_NAI, .len = (uint8_t)len, .id = (const uint8_t *)text};
    return len > 0 && len <= UINT8_MAX;
}

const struct gw_cfg_peer *gwd_find_peer(const struct gwd *d, const char *text)
{
    struct gw_addr addr;
    bool is_addr = gw_parse_addr(text, &addr) == 0;

    for (size_t i = 0; i < d->conf->npeers; i++) {
        const struct gw_cfg_peer *p = &d->conf->peers[i];
        if (strcmp(p->name, text) == 0 || (is_addr && gw_addr_eq(&p->addr, &addr)))
            return p;
    }
    return NULL;
}

static json_t *refusal(const char *cmd, const char *whom, int err)
{
    if (err == GW_ENOENT)
        return gwd_answer_error("%s: %s has no session here%s", cmd, whom,
                                strcmp(cmd, "allow") == 0 ? " that is kept out" : "");
    if (err == GW_EDENIED)
        return gwd_answer_error("%s: this node is neither the cmd nor the lma of %s", cmd, whom);
    if (err == GW_EFULL)
        return gwd_answer_error("%s: too much is under way, try again", cmd);
    return gwd_answer_error("%s: the node refused: %s", cmd, gw_err_text(err));
}

json_t *gwd_operate(struct gwd *d, const json_t *req)
{
    const char *cmd = text_of(req, "cmd"), *mnid = text_of(req, "mn-id");
    const char *name = text_of(req, "peer");
    const json_t *hold = json_object_get(req, "hold");
    const struct gw_cfg_peer *peer = name != NULL ? gwd_find_peer(d, name) : NULL;
    struct gw_operate o = {.kind = strcmp(cmd, "revoke") == 0   ? GW_OPERATE_REVOKE
                                   : strcmp(cmd, "notify") == 0 ? GW_OPERATE_NOTIFY
                                                                : GW_OPERATE_ALLOW,
                           .hold = {-1}};
    struct gw_lladdr ll;
    struct gw_mnid id;
    uint64_t number;

    if ((mnid == NULL) == (name == NULL) || (mnid == NULL && o.kind == GW_OPERATE_ALLOW))
        return gwd_answer_error("%s: an MN-ID%s", cmd,
                                o.kind == GW_OPERATE_ALLOW ? "" : " or a peer");
    if (name != NULL && peer == NULL)
        return gwd_answer_error("%s: no peer is called \"%s\"", cmd, name);
    if (mnid != NULL && !read_mnid(mnid, &ll, &id))
        return gwd_answer_error("%s: an MN-ID has 1 to %d octets", cmd, UINT8_MAX);
    if (hold != NULL && (!json_is_integer(hold) || json_integer_value(hold) < 0 ||
                         json_integer_value(hold) > GW_HOLD_MAX_S))
        return gwd_answer_error("%s: hold is a number of seconds from 0 to %d", cmd, GW_HOLD_MAX_S);
    o.mnid = mnid != NULL ? &id : NULL;
    o.peer = peer != NULL ? &peer->addr : NULL;
    if (hold != NULL)
        o.hold = GW_SEC(json_integer_value(hold));
    int err = gw_node_operate(d->node, &o, gw_clock_now(), &number);
    gwd_carry_out(d);
    if (err < 0)
        return refusal(cmd, mnid != NULL ? mnid : name, err);
    if (number == 0)
        return gwd_answer_ok(NULL);
    return gwd_answer_ok(json_pack("{s:I}", "operation", (json_int_t)number));
}
