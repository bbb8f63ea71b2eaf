/* cmd_mode.c: in which order a CMD tells the previous MAARs of a handover and answers the serving
 * one: as PBU/PBA relay, as MAAR locator or as PBU/PBA proxy (RFC 8885 §3.2 to §3.4). A handover
 * ends in the mode that it began in.
 *
 * Left to others: what a registration changes (cmd.c), the PBUs and PBAs of the previous MAARs
 * and their retransmission (cmd_anchor.c).
 *
 * Decisions of this implementation:
 * - relay: one PBA when every previous MAAR has answered, or relay_timeout later with those that
 *   have, and one more for each that answers then. Without a relay_timeout a previous MAAR that is
 *   down ends the waiting after max_ack: a node must not stay without service for ever because of
 *   an old anchor. Every PBA names all anchors that have been updated: it is the whole list.
 * - locator: the serving MAAR is answered by the previous MAARs. It repeats its PBU only when it
 *   has heard of none of them; then, and at every refresh, the CMD answers as a proxy does.
 * - A registration that a CMD learns of by a refresh (it has lost its store) is answered at once in
 *   every mode: the serving MAAR forwards all it names already.
 */
#include "fn/lm/cmd.h"

/* Does the PBA name this anchor? */
static bool named(const struct gw_cmd_mn *mn, const struct gw_anchor *a)
{
    return a->state == GW_ANCHOR_SETTLED ||
           (a->state == GW_ANCHOR_UPDATING && mn->round.mode != GW_CMD_RELAY);
}

/* Previous MAARs that have not answered, and those that have. */
static uint32_t in_state(const struct gw_cmd_mn *mn, enum gw_anchor_state state)
{
    uint32_t n = 0;

    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        n += a->state == state && !gw_addr_eq(&a->maar, &mn->b.serving);
    return n;
}

/* The PBA of a registration, as it is now: RFC 5213 §5.3.6 and the groups of the anchors. */
static void answer(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    struct gw_binding *b = &mn->b;
    struct gw_anchor *own = gw_anchor_of(b, &b->serving);
    struct gw_mh *m = lm->out;

    if (own == NULL)
        return;
    mn->round.answered = true;
    m->type = GW_MH_BA;
    m->nopts = 0;
    m->ba = (struct gw_mh_ba){.status = GW_ST_ACCEPTED,
                              .flags = GW_BA_P | GW_BA_D,
                              .seq = mn->round.seq,
                              .lifetime = b->lifetime};
    bool fits = gw_lm_add_mnid(m, &b->mnid) && gw_lm_add_prefix(m, GW_OPT_HNP, &own->prefix) &&
                gw_lm_add_code(m, GW_OPT_HI, b->hi) && gw_lm_add_code(m, GW_OPT_ATT, b->att) &&
                (!mn->round.llid || gw_lm_add_lladdr(m, GW_OPT_MN_LLID, &b->lladdr)) &&
                gw_lm_add_u64(m, GW_OPT_TIMESTAMP, b->attached);
    size_t room = gw_lm_locals_room(b->nanchors);
    for (const struct gw_anchor *a = b->anchors; a != NULL && fits; a = a->next) {
        struct gw_lm_previous p = gw_anchor_values(a);
        if (a != own && named(mn, a))
            fits = gw_lm_add_previous(m, &p) && gw_lm_add_locals(lm, m, &p.locals, &room);
    }
    if (fits && lm->ops->send(lm->user, GW_ROLE_CMD, &b->serving, m) == 0)
        gw_handover_step(gw_cmd_row(mn), GW_HO_PBA_SENT, lm->now.mono);
}

void gw_cmd_round_close(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;

    mn->round.open = false;
    if (mn->round.timer == NULL)
        return;
    gw_timer_stop(lm->timers, mn->round.timer);
    gw_free(lm->al, mn->round.timer, sizeof *mn->round.timer);
    mn->round.timer = NULL;
}

static void finish(struct gw_cmd_mn *mn)
{
    gw_cmd_round_close(mn);
    gw_cmd_arm(mn); /* the lifetime runs from the answer, for both ends */
    answer(mn);
}

static void waited(struct gw_timer *t, void *user)
{
    (void)user;
    struct gw_cmd_mn *mn = t->owner;

    mn->cmd->lm->count[GW_CNT_RELAY_TIMEOUT]++;
    finish(mn);
}

/* The serving MAAR's PBA waits for the previous ones'; false when it cannot. */
static bool gather(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    struct gw_time span = lm->cfg->mobility.relay_timeout;

    mn->round.open = true;
    if (mn->round.mode == GW_CMD_LOCATOR)
        return true;
    if (span.ns == 0)
        span = lm->cfg->timers.max_ack;
    if (mn->round.timer == NULL)
        mn->round.timer = gw_new(lm->al, sizeof *mn->round.timer);
    if (mn->round.timer != NULL) {
        mn->round.timer->fire = waited;
        mn->round.timer->owner = mn;
        if (gw_timer_set(lm->timers, mn->round.timer, gw_time_add(lm->now.mono, span)) == 0)
            return true;
    }
    lm->count[GW_CNT_NO_MEMORY]++;
    gw_cmd_round_close(mn);
    return false;
}

void gw_cmd_round_begin(struct gw_cmd_mn *mn, uint16_t seq, bool rebuilt)
{
    gw_cmd_round_close(mn);
    mn->round.mode = rebuilt ? GW_CMD_PROXY : mn->cmd->lm->cfg->mobility.cmd_mode;
    mn->round.known = true;
    mn->round.answered = false;
    mn->round.seq = seq;
    if (mn->round.mode == GW_CMD_PROXY)
        mn->b.seq++;
    else
        mn->b.seq = seq; /* it is the serving MAAR's PBU that goes on to the previous ones */
}

void gw_cmd_round_open(struct gw_cmd_mn *mn)
{
    bool waits = mn->round.mode != GW_CMD_PROXY && in_state(mn, GW_ANCHOR_UPDATING) != 0;

    if (!waits || !gather(mn))
        answer(mn);
    gw_cmd_notify(mn);
}

/* A CMD that has crashed meanwhile does not know whether it had answered: it goes by the mode that
 * is configured now. */
void gw_cmd_round_again(struct gw_cmd_mn *mn, uint16_t seq, bool refresh)
{
    if (!mn->round.known)
        mn->round.mode = mn->cmd->lm->cfg->mobility.cmd_mode;
    mn->round.known = true;
    mn->round.seq = seq;
    if (mn->round.mode == GW_CMD_RELAY && !refresh && !mn->round.answered) {
        if (mn->round.open)
            return;
        if (in_state(mn, GW_ANCHOR_UPDATING) != 0 && gather(mn))
            return;
    }
    gw_cmd_round_close(mn);
    answer(mn);
}

void gw_cmd_round_gathered(struct gw_cmd_mn *mn, bool updated)
{
    if (!mn->round.open) {
        if (updated && mn->round.mode == GW_CMD_RELAY && mn->round.answered)
            answer(mn); /* §3.2: the rest, upon arrival */
    } else if (in_state(mn, GW_ANCHOR_UPDATING) != 0) {
        return;
    } else if (mn->round.mode == GW_CMD_RELAY || in_state(mn, GW_ANCHOR_SETTLED) == 0) {
        finish(mn);
    } else {
        gw_cmd_round_close(mn); /* those who answered here have answered there */
    }
}

/* Not while others are waited for, nor before the first answer: it will say so anyway. When it is
 * lost, the answer to the next refresh says it again. */
void gw_cmd_round_changed(struct gw_cmd_mn *mn)
{
    if (mn->round.answered && !mn->round.open)
        answer(mn);
}

bool gw_cmd_round_copies(const struct gw_cmd_mn *mn)
{
    return mn->round.mode == GW_CMD_LOCATOR;
}
