/* signal.c: Mobility Header messages between nodes: parsing, peers, authentication, replay
 * (RFC 6275 §9.2, RFC 4285). Whatever fails here is counted and dropped without a trace in the
 * state. Which function a message is for is in dispatch.c.
 *
 * A message to this node itself (a process that is a MAAR and the CMD) is encoded and parsed like
 * any other but needs no authentication: it never leaves the process.
 */
#include "base/text.h"
#include "node/node_int.h"

#define ANSWERS_PER_SECOND 10
#define PROVED             1

static int drop(struct gw_node *n, enum gw_count why, int err)
{
    n->lm.count[why]++;
    return err;
}

static uint64_t next_mesgid(struct gw_node *n)
{
    uint64_t wall = gw_ntp_time(n->lm.now.wall_ns);

    n->last_mesgid = n->last_mesgid < wall ? wall : n->last_mesgid + 1;
    return n->last_mesgid;
}

static void count_out(struct gw_node *n, const struct gw_mh *m)
{
    if (m->type == GW_MH_BU)
        n->lm.count[GW_CNT_OUT_PBU]++;
    else if (m->type == GW_MH_BA)
        n->lm.count[GW_CNT_OUT_PBA]++;
    else if (m->type == GW_MH_HEARTBEAT)
        n->lm.count[GW_CNT_OUT_HEARTBEAT]++;
    else if (m->type == GW_MH_REVOCATION)
        n->lm.count[m->br.br_type == GW_BR_BRI ? GW_CNT_OUT_BRI : GW_CNT_OUT_BRA]++;
    else if (m->type == GW_MH_UPN)
        n->lm.count[GW_CNT_OUT_UPN]++;
    else if (m->type == GW_MH_UPA)
        n->lm.count[GW_CNT_OUT_UPA]++;
}

static int send_to_self(struct gw_node *n, enum gw_role as, const struct gw_mh *m)
{
    struct gw_mh_addrs addrs = {.src = n->cfg->addr, .dst = n->cfg->addr};
    uint8_t buf[GW_MH_MAX];
    int len = gw_mh_write(&n->cfg->codec, &addrs, m, buf, sizeof buf);

    if (len < 0)
        return len;
    struct gw_loop *l = gw_new(n->al, sizeof *l + (size_t)len);
    if (l == NULL)
        return GW_ENOMEM;
    l->as = as;
    l->len = (size_t)len;
    memcpy(l->data, buf, l->len);
    if (n->loop_last != NULL)
        n->loop_last->next = l;
    else
        n->loop = l;
    n->loop_last = l;
    return 0;
}

static void emit(struct gw_node *n, const struct gw_mh_addrs *addrs, const uint8_t *buf, size_t len)
{
    const uint8_t *copy = gw_queue_copy(&n->queue, buf, len);

    if (copy != NULL)
        gw_queue_add(&n->queue,
                     &(struct gw_action){.kind = GW_ACT_SEND_MH,
                                         .mh = {.addrs = *addrs, .data = copy, .len = len}});
}

/* Under a MAC where there is a key; else ESP alone protects it. */
static int encode(struct gw_node *n, struct gw_peer *p, const struct gw_mh_addrs *addrs,
                  struct gw_mh *m, uint8_t buf[static GW_MH_MAX])
{
    if (p->cfg->nkeys == 0) /* then it has esp */
        return gw_mh_write(&n->cfg->codec, addrs, m, buf, GW_MH_MAX);
    struct gw_opt *id = gw_mh_add(m, GW_OPT_MESGID);
    if (id == NULL)
        return GW_ESHORT;
    id->u64 = next_mesgid(n);
    return gw_mac_write(&n->cfg->codec, addrs, m, &p->talk->mac[0], buf, GW_MH_MAX);
}

int gw_signal_send(void *node, enum gw_role as, const struct gw_addr *to, struct gw_mh *m)
{
    struct gw_node *n = node;
    struct gw_mh_addrs addrs = {.src = n->cfg->addr, .dst = *to};
    uint8_t buf[GW_MH_MAX];
    struct gw_peer *p = gw_peer_get(n, to);

    if (p == NULL || (p->cfg != &n->self && p->cfg->nkeys == 0 && !p->cfg->esp))
        return GW_ENOENT;
    if (gw_peer_talk(n, p) == NULL)
        return GW_ENOMEM;
    if (!gw_protect_is(p)) {
        n->lm.unsent = true;
        return drop(n, GW_CNT_OUT_NO_POLICY, GW_EDENIED);
    }
    count_out(n, m);
    p->talk->out++;
    if (p->cfg == &n->self)
        return send_to_self(n, as, m);
    int len = encode(n, p, &addrs, m, buf);
    if (len < 0) {
        gw_log(n->log, GW_LOG_ERROR, GW_CAT_SIGNAL, "write-failed", "a message to %s: %s",
               p->cfg->name, gw_err_name(len));
        return len;
    }
    emit(n, &addrs, buf, (size_t)len);
    return 0;
}

/* What is answered to everything that comes in a peer's name, or to what may be a replay, is few.
 */
static bool may_answer(struct gw_node *n, struct gw_peer *p)
{
    if (!gw_time_before(n->lm.now.mono, gw_time_add(p->talk->answer_window, GW_SEC(1)))) {
        p->talk->answer_window = n->lm.now.mono;
        p->talk->answers = 0;
    }
    if (p->talk->answers++ < ANSWERS_PER_SECOND)
        return true;
    n->lm.count[GW_CNT_ANSWER_LIMITED]++;
    return false;
}

void gw_signal_refuse(struct gw_node *n, struct gw_peer *p, uint8_t status)
{
    unsigned said = n->in.bu.flags;
    uint8_t flags =
        (uint8_t)(((said & GW_BU_P) != 0 ? GW_BA_P : 0u) | ((said & GW_BU_D) != 0 ? GW_BA_D : 0u));

    if (may_answer(n, p) && gw_lm_refusal(&n->out, &n->in, status, flags, 0))
        (void)gw_signal_send(n, GW_ROLE_CMD, &p->cfg->addr,
                             &n->out); /* a role matters to itself only */
}

/* RFC 6275 §9.2; only to peers, and not often: what is answered here is not authenticated. */
static void complain(struct gw_node *n, struct gw_peer *p, const struct gw_mh_addrs *addrs,
                     const struct gw_parse_result *r, const uint8_t *data, size_t len)
{
    struct gw_mh_addrs back = {.src = n->cfg->addr, .dst = addrs->src};
    uint8_t buf[64];

    if (r->answer == GW_ANSWER_NONE || !may_answer(n, p))
        return;
    if (r->answer == GW_ANSWER_BE_UNKNOWN_TYPE) {
        n->out.type = GW_MH_BE;
        n->out.nopts = 0;
        n->out.be = (struct gw_mh_be){.status = 2};
        int wrote = gw_mh_write(&n->cfg->codec, &back, &n->out, buf, sizeof buf);
        if (wrote > 0) {
            emit(n, &back, buf, (size_t)wrote);
            n->lm.count[GW_CNT_OUT_BE]++;
        }
        return;
    }
    if (p->cfg->esp)
        return; /* it would carry the message in the clear */
    const uint8_t *copy = gw_queue_copy(&n->queue, data, len < GW_MH_MAX ? len : GW_MH_MAX);
    if (copy == NULL)
        return;
    gw_queue_add(&n->queue,
                 &(struct gw_action){.kind = GW_ACT_PARAM_PROBLEM,
                                     .problem = {.addrs = back,
                                                 .pointer = r->offset,
                                                 .data = copy,
                                                 .len = len < GW_MH_MAX ? len : GW_MH_MAX}});
    n->lm.count[GW_CNT_OUT_PROBLEM]++;
}

static void count_in(struct gw_node *n)
{
    switch (n->in.type) {
    case GW_MH_BU:
        n->lm.count[GW_CNT_IN_PBU]++;
        break;
    case GW_MH_BA:
        n->lm.count[GW_CNT_IN_PBA]++;
        break;
    case GW_MH_BE:
        n->lm.count[GW_CNT_IN_BE]++;
        break;
    case GW_MH_HEARTBEAT:
        n->lm.count[GW_CNT_IN_HEARTBEAT]++;
        break;
    case GW_MH_REVOCATION:
        n->lm.count[n->in.br.br_type == GW_BR_BRI   ? GW_CNT_IN_BRI
                    : n->in.br.br_type == GW_BR_BRA ? GW_CNT_IN_BRA
                                                    : GW_CNT_IN_OTHER]++;
        break;
    case GW_MH_UPN:
        n->lm.count[GW_CNT_IN_UPN]++;
        break;
    case GW_MH_UPA:
        n->lm.count[GW_CNT_IN_UPA]++;
        break;
    default:
        n->lm.count[GW_CNT_IN_OTHER]++;
        break;
    }
}

/* RFC 4285 §6: the sender is authentic, its clock or its configuration is wrong. A copy of what has
 * been taken says neither: the network made it, or somebody who would like an answer. */
static void answer_id(struct gw_node *n, struct gw_peer *p, const struct gw_opt *id)
{
    if (n->in.type != GW_MH_BU || (id != NULL && gw_replay_has(&p->talk->replay, id->u64)))
        return;
    gw_signal_refuse(n, p, id == NULL ? GW_ST_MESGID_REQUIRED : GW_ST_MESGID_MISMATCH);
}

/* Authenticated, once. 0, PROVED (it was for gw_clock_doubt), GW_EAUTH or GW_EREPLAY. */
static int check_mac(struct gw_node *n, struct gw_peer *p, const struct gw_mh_addrs *addrs,
                     const uint8_t *data, size_t len)
{
    const struct gw_opt *id = gw_lm_opt(&n->in, GW_OPT_MESGID);
    int err = gw_mac_check(addrs, &n->in, data, len, p->talk->mac, p->cfg->nkeys);

    if (err != 0) {
        p->talk->refused++;
        if (gw_limit_line(&p->talk->line_at, n->lm.now.mono))
            gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "auth-failed",
                   "a message of %s fails authentication", p->cfg->name);
        return drop(n, GW_CNT_AUTH_FAILED, GW_EAUTH);
    }
    if (id == NULL || gw_replay_check(&p->talk->replay, id->u64, gw_ntp_time(n->lm.now.wall_ns),
                                      gw_ntp_span(n->cfg->timers.replay_window.ns)) != 0) {
        if (gw_clock_doubt(n, p, id) == 0)
            return PROVED;
        p->talk->refused++;
        if (gw_limit_line(&p->talk->line_at, n->lm.now.mono))
            gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "replay",
                   "a message of %s is old or comes again, or its clock is wrong", p->cfg->name);
        answer_id(n, p, id);
        return drop(n, GW_CNT_REPLAY, GW_EREPLAY);
    }
    gw_replay_take(&p->talk->replay, id->u64);
    return 0;
}

/* Without keys the kernel has let through what ESP had authenticated, once. */
static int admit(struct gw_node *n, struct gw_peer *p, const struct gw_mh_addrs *addrs,
                 const uint8_t *data, size_t len)
{
    bool mac = p->cfg->nkeys != 0 || !p->cfg->esp;
    int err = mac ? check_mac(n, p, addrs, data, len) : 0;

    if (err != 0)
        return err;
    p->talk->last_in = n->lm.now.mono;
    p->talk->in++;
    return 0;
}

static int stranger(struct gw_node *n, const struct gw_addr *from)
{
    char text[GW_TEXT_MAX];

    if (gw_limit_line(&n->stranger_at, n->lm.now.mono))
        gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "unknown-peer", "a message from %s",
               gw_fmt_addr(from, text));
    return drop(n, GW_CNT_UNKNOWN_PEER, GW_EDENIED);
}

static int unprotected(struct gw_node *n, struct gw_peer *p)
{
    p->talk->refused++;
    return drop(n, GW_CNT_IN_NO_POLICY, GW_EDENIED);
}

/* Before it costs parsing or cryptography. */
static int too_many(struct gw_node *n, struct gw_peer *p)
{
    p->talk->refused++;
    if (gw_limit_line(&p->talk->line_at, n->lm.now.mono))
        gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "peer-rate",
               "%s sends more than %u messages per second", p->cfg->name, n->cfg->limits.peer_rate);
    return drop(n, GW_CNT_PEER_RATE, GW_EFULL);
}

int gw_signal_input(struct gw_node *n, const struct gw_mh_addrs *addrs, const uint8_t *data,
                    size_t len)
{
    struct gw_peer *p = gw_peer_get(n, &addrs->src);

    if (p == NULL || p->cfg == &n->self)
        return stranger(n, &addrs->src);
    if (gw_peer_talk(n, p) == NULL)
        return GW_ENOMEM;
    if (!gw_limit_take(&p->talk->rate_at, n->lm.now.mono, n->cfg->limits.peer_rate, GW_SEC(1)))
        return too_many(n, p);
    if (!gw_protect_is(p))
        return unprotected(n, p);
    struct gw_parse_result r = gw_mh_parse(&n->cfg->codec, addrs, data, len, &n->in);
    if (r.code != GW_PARSE_OK) {
        if (gw_limit_line(&p->talk->line_at, n->lm.now.mono))
            gw_log(n->log, GW_LOG_WARN, GW_CAT_SIGNAL, "malformed", "a message of %s, octet %u: %s",
                   p->cfg->name, r.offset, r.why != NULL ? r.why : "");
        p->talk->refused++;
        if (r.code == GW_PARSE_ERROR)
            complain(n, p, addrs, &r, data, len);
        return drop(n, r.code == GW_PARSE_IGNORE ? GW_CNT_IGNORED : GW_CNT_MALFORMED, GW_EFORMAT);
    }
    int err = admit(n, p, addrs, data, len);
    if (err < 0)
        return err;
    count_in(n);
    return err == PROVED ? 0 : gw_dispatch(n, p, n->cfg->roles);
}

static void deliver(struct gw_node *n, const struct gw_loop *l)
{
    struct gw_mh_addrs addrs = {.src = n->cfg->addr, .dst = n->cfg->addr};
    struct gw_peer *self = gw_peer_get(n, &n->cfg->addr);
    struct gw_parse_result r = gw_mh_parse(&n->cfg->codec, &addrs, l->data, l->len, &n->in);

    if (r.code != GW_PARSE_OK || self == NULL)
        return;
    self->talk->in++;
    self->talk->last_in = n->lm.now.mono;
    count_in(n);
    (void)gw_dispatch(n, self, n->cfg->roles & ~(unsigned)l->as);
}

void gw_signal_drain(struct gw_node *n)
{
    while (n->loop != NULL && gw_queue_reserve(&n->queue) == 0) {
        struct gw_loop *l = n->loop;
        n->loop = l->next;
        if (n->loop == NULL)
            n->loop_last = NULL;
        deliver(n, l);
        gw_free(n->al, l, sizeof *l + l->len);
    }
}

void gw_signal_drop_loop(struct gw_node *n)
{
    while (n->loop != NULL) {
        struct gw_loop *l = n->loop;
        n->loop = l->next;
        gw_free(n->al, l, sizeof *l + l->len);
    }
    n->loop_last = NULL;
}
