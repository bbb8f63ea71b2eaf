/* dispatch.c: which function an authenticated message is for, by its type, its flags, who sent it
 * and which roles this node has. CATS messages are told apart here too, by C, before what RFC 5213
 * asks of a PBU.
 */
#include "node/node_int.h"

static int drop(struct gw_node *n, enum gw_count why, int err)
{
    n->lm.count[why]++;
    return err;
}

/* Notification, request and indication of the CATS mobility draft, and their acknowledgement. */
static int moving(struct gw_node *n, const struct gw_peer *p, unsigned to)
{
    if ((to & GW_ROLES_STEERING) == 0 || (p->cfg->roles & GW_ROLES_STEERING) == 0)
        return drop(n, GW_CNT_WRONG_ROLE, GW_EDENIED);
    return gw_moving_message(n, p);
}

/* Does the sender speak to the MAAR here: is it that MAAR's CMD? */
static bool from_cmd(const struct gw_node *n, const struct gw_peer *p, unsigned to)
{
    return (to & GW_ROLE_MAAR) != 0 && gw_addr_eq(&p->cfg->addr, &n->cfg->cmd);
}

/* RFC 6275 §10.3.1: no node of ours is a home agent. */
static int not_home(struct gw_node *n, struct gw_peer *p)
{
    gw_signal_refuse(n, p, GW_ST_HOME_REG_UNSUPPORTED);
    return drop(n, GW_CNT_REFUSED_HOME, GW_EDENIED);
}

static int dispatch_pbu(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    const struct gw_mh *m = &n->in;
    bool rfc8885 = (m->bu.flags & GW_BU_D) != 0;

    if ((m->bu.flags & GW_BU_C) != 0)
        return moving(n, p, to);
    if ((m->bu.flags & (GW_BU_P | GW_BU_H)) == GW_BU_H)
        return not_home(n, p);
    if ((m->bu.flags & GW_BU_P) == 0)
        return drop(n, GW_CNT_IGNORED, GW_EINVAL);
    if (from_cmd(n, p, to) && rfc8885)
        return gw_maar_pbu(&n->maar, &p->cfg->addr, m);
    if ((to & GW_ROLE_LMA) != 0 && (!rfc8885 || (to & GW_ROLE_CMD) == 0))
        return gw_lma_pbu(&n->lma, p->cfg, m);
    if (from_cmd(n, p, to))
        return drop(n, GW_CNT_IGNORED, GW_EINVAL);
    if ((to & GW_ROLE_CMD) != 0)
        return gw_cmd_pbu(&n->cmd, p->cfg, m);
    return drop(n, GW_CNT_WRONG_ROLE, GW_EDENIED);
}

/* A previous MAAR's answer to the serving one (locator, RFC 8885 §3.3): unlike its answer to the
 * CMD it names no serving MAAR, and unlike the CMD's it is about a prefix of the sender. */
static bool is_copy(const struct gw_peer *p, const struct gw_mh *m, unsigned to)
{
    const struct gw_opt *hnp = gw_lm_opt(m, GW_OPT_HNP);

    return (to & GW_ROLE_MAAR) != 0 && (p->cfg->roles & GW_ROLE_MAAR) != 0 && hnp != NULL &&
           m->ba.status < GW_ST_UNSPECIFIED && m->ba.lifetime != 0 &&
           gw_lm_opt(m, GW_OPT_SERVING_MAAR) == NULL && gw_lm_in_pools(p->cfg, &hnp->prefix);
}

static int copy(struct gw_node *n, const struct gw_peer *p)
{
    struct gw_lm_previous from = {.maar = p->cfg->addr};

    gw_dlif_default(&p->cfg->addr, &from.link_local, &from.lladdr);
    return gw_maar_copy(&n->maar, &from, &n->in);
}

/* RFC 4285 §6: the peer did not believe a message, which says nothing about the registration: that
 * is repeated with a new Mesg-ID until it is answered. */
static bool about_message(uint8_t status)
{
    return status == GW_ST_MESGID_MISMATCH || status == GW_ST_MESGID_REQUIRED ||
           status == GW_ST_AUTH_FAILED;
}

static int not_believed(struct gw_node *n, struct gw_peer *p)
{
    if (gw_limit_line(&p->talk->line_at, n->lm.now.mono))
        gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "not-believed",
               "%s says of a message from here: %s", p->cfg->name,
               gw_mh_status_name(n->in.ba.status));
    return drop(n, GW_CNT_REFUSED_BY_PEER, GW_EREPLAY);
}

static int dispatch_pba(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    const struct gw_mh *m = &n->in;

    if ((m->ba.flags & GW_BA_C) != 0)
        return moving(n, p, to);
    if (about_message(m->ba.status))
        return not_believed(n, p);
    if ((m->ba.flags & (GW_BA_P | GW_BA_D)) == GW_BA_P && (to & GW_ROLE_MAG) != 0 &&
        (p->cfg->roles & GW_ROLE_LMA) != 0)
        return gw_mag_pba(&n->mag, p->cfg, m); /* RFC 5213, without RFC 8885 */
    if ((m->ba.flags & (GW_BA_P | GW_BA_D)) != (GW_BA_P | GW_BA_D))
        return drop(n, GW_CNT_IGNORED, GW_EINVAL);
    if (p->cfg != &n->self && is_copy(p, m, to))
        return copy(n, p);
    if (from_cmd(n, p, to))
        return gw_maar_pba(&n->maar, &p->cfg->addr, m);
    if ((to & GW_ROLE_CMD) != 0)
        return gw_cmd_pba(&n->cmd, p->cfg, m);
    return drop(n, GW_CNT_WRONG_ROLE, GW_EDENIED);
}

static bool is_location(uint8_t type)
{
    return type == GW_CATS_LOCATE || type == GW_CATS_WHERE || type == GW_CATS_LOCATED;
}

static int cats(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    if (n->in.exp.cats.type == 0)
        return drop(n, GW_CNT_IGNORED, GW_EINVAL); /* somebody else's experiment */
    if (is_location(n->in.exp.cats.type))
        return gw_locating_message(n, p);
    if (n->in.exp.cats.type == GW_CATS_ACK && gw_locating_ack(n, p) == 0)
        return 0;
    if ((to & GW_ROLES_CATS) == 0 || (p->cfg->roles & GW_ROLES_CATS) == 0)
        return drop(n, GW_CNT_WRONG_ROLE, GW_EDENIED);
    if (n->in.exp.cats.type == GW_CATS_MOVE_ACK)
        return moving(n, p, to);
    return gw_steering_message(n, p);
}

int gw_dispatch(struct gw_node *n, struct gw_peer *p, unsigned to)
{
    switch (n->in.type) {
    case GW_MH_HEARTBEAT:
        return gw_heartbeat_input(n, p);
    case GW_MH_BE:
        return gw_heartbeat_error(n, p);
    case GW_MH_REVOCATION:
    case GW_MH_UPN:
    case GW_MH_UPA:
        return gw_operate_input(n, p, to);
    case GW_MH_EXPERIMENTAL:
        return cats(n, p, to);
    case GW_MH_BU:
        return dispatch_pbu(n, p, to);
    case GW_MH_BA:
        return dispatch_pba(n, p, to);
    default: /* known to the codec, of no use to any function here */
        return drop(n, GW_CNT_IGNORED, GW_EINVAL);
    }
}
