/* protect.c: peers whose signalling is under IPsec (RFC 5213 §4, peers/protection). The kernel
 * encrypts and refuses; the node makes sure that it has been told to: it sends nothing to such
 * a peer, and takes nothing of it, while the kernel's policies do not ask for ESP in both
 * directions.
 *
 * Left to others: reading the policies (src/sys/xfrm.c), what they mean (wire/policy.h), security
 * associations and their keys (strongSwan, `godwit config strongswan`).
 *
 * Decisions: both directions are needed for either. An answer that cannot be sent helps nobody, and
 * a message taken in the clear could have come from anybody. What is not sent is not kept: whatever
 * needs an answer is tried again. Messages of a peer are not described to it in ICMPv6 errors,
 * which would carry them in the clear.
 */
#include "node/node_int.h"

static bool required(const struct gw_peer *p, enum gw_policy_dir dir)
{
    return p->talk != NULL && p->talk->policy.required[dir];
}

static const char *state_name(const struct gw_peer *p)
{
    bool in = required(p, GW_POLICY_IN), out = required(p, GW_POLICY_OUT);

    return in && out ? "present" : in ? "outbound-missing" : out ? "inbound-missing" : "missing";
}

void gw_protect_show(const struct gw_peer *p, struct gw_emit *e)
{
    bool mac = p->cfg->nkeys != 0;

    gw_emit_str(e, "protection", !p->cfg->esp ? "mac" : mac ? "both" : "esp");
    if (p->cfg->esp)
        gw_emit_str(e, "ipsec_policy", state_name(p));
}

bool gw_protect_is(const struct gw_peer *p)
{
    return !p->cfg->esp || (required(p, GW_POLICY_IN) && required(p, GW_POLICY_OUT));
}

bool gw_node_may_send(const struct gw_node *n, const struct gw_addr *to)
{
    const struct gw_peer *p = gw_peer_get(n, to);

    return p == NULL || gw_protect_is(p);
}

static void add(const struct gw_node *n, struct gw_peer *p, const struct gw_policy *policy)
{
    bool out = policy->dir == GW_POLICY_OUT;

    if (p->cfg->esp && p->talk != NULL &&
        gw_policy_matches(policy, out ? &n->cfg->addr : &p->cfg->addr,
                          out ? &p->cfg->addr : &n->cfg->addr))
        gw_policy_add(&p->talk->policy.sum[policy->dir], policy);
}

/* Nearly all name one peer. */
static void add_to_peers(const struct gw_node *n, const struct gw_policy *policy)
{
    const struct gw_prefix *far = policy->dir == GW_POLICY_OUT ? &policy->dst : &policy->src;
    struct gw_peer *p;

    if (far->len == 128) {
        p = gw_peer_get(n, &far->addr);
        if (p != NULL)
            add(n, p, policy);
        return;
    }
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;)
        add(n, p, policy);
}

static void conclude(struct gw_node *n, struct gw_peer *p)
{
    bool was = gw_protect_is(p), is;

    for (int dir = 0; dir < GW_POLICY_DIRS; dir++)
        p->talk->policy.required[dir] = gw_policy_requires_esp(&p->talk->policy.sum[dir]);
    is = gw_protect_is(p);
    if (was == is && p->talk->policy.said)
        return;
    p->talk->policy.said = true;
    gw_log(
        n->log, is ? GW_LOG_NOTICE : GW_LOG_WARN, GW_CAT_SIGNAL,
        is ? "ipsec-policy" : "no-ipsec-policy", "%s: %s", p->cfg->name,
        is ? "the kernel asks for ESP in both directions"
           : "nothing is sent and nothing taken until the kernel asks for ESP in both directions");
}

int gw_protect_policies(struct gw_node *n, const struct gw_policy *list, size_t count)
{
    struct gw_peer *p;

    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;)
        if (p->cfg->esp && gw_peer_talk(n, p) != NULL)
            memset(p->talk->policy.sum, 0, sizeof p->talk->policy.sum);
    for (size_t i = 0; i < count; i++)
        add_to_peers(n, &list[i]);
    for (size_t i = 0; (p = gw_table_next(&n->peers, &i)) != NULL;)
        if (p->cfg->esp && p->talk != NULL)
            conclude(n, p);
    return 0;
}
