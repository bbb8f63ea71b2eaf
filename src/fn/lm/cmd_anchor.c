/* cmd_anchor.c: the CMD towards previous MAARs: PBUs with the Serving MAAR option, or with lifetime
 * 0 to release a prefix, and their PBAs; the end of sessions; the durable records.
 */
#include "base/text.h"
#include "fn/lm/cmd.h"

#define VERSION 1
#define REVOKED 1 /* behind the binding: its last session is not to be rebuilt */

/* The previous MAARs in a circle: the one after this; alone, it is its own next. Each tells the
 * serving MAAR of the next, so that it knows when one is missing (doc/protocol.md). */
static const struct gw_anchor *next_told(const struct gw_anchor *a)
{
    const struct gw_binding *b = a->binding;
    const struct gw_anchor *n = a;

    do
        n = n->next != NULL ? n->next : b->anchors;
    while (n != a && (n->state == GW_ANCHOR_RELEASING || gw_addr_eq(&n->maar, &b->serving)));
    return n;
}

/* What makes a previous MAAR answer the serving one too (§3.3). */
static bool add_copy(struct gw_mh *m, const struct gw_anchor *a)
{
    const struct gw_anchor *next = next_told(a);
    struct gw_lm_previous p = {.maar = next->maar, .prefix = next->prefix};

    return gw_lm_add_addr(m, GW_OPT_ALT_COA, &a->binding->serving) && gw_lm_add_previous(m, &p);
}

static void transmit(void *owner)
{
    struct gw_anchor *a = owner;
    struct gw_binding *b = a->binding;
    struct gw_lm *lm = gw_cmd_mn(b)->cmd->lm;
    struct gw_mh *m = lm->out;
    bool release = a->state == GW_ANCHOR_RELEASING;

    m->type = GW_MH_BU;
    m->nopts = 0;
    m->bu = (struct gw_mh_bu){.seq = a->ex.seq,
                              .flags = GW_BU_A | GW_BU_P | GW_BU_D,
                              .lifetime = release ? 0 : b->lifetime};
    bool fits = gw_lm_add_mnid(m, &b->mnid) && gw_lm_add_prefix(m, GW_OPT_HNP, &a->prefix) &&
                gw_lm_add_code(m, GW_OPT_HI, GW_HI_INTER_MAG) &&
                gw_lm_add_code(m, GW_OPT_ATT, b->att) &&
                gw_lm_add_u64(m, GW_OPT_TIMESTAMP, b->attached);
    if (fits && !gw_addr_is_zero(&b->serving))
        fits = gw_lm_add_addr(m, GW_OPT_SERVING_MAAR, &b->serving);
    if (fits && !release && gw_cmd_round_copies(gw_cmd_mn(b)))
        fits = add_copy(m, a);
    a->told = b->attached;
    if (fits && lm->ops->send(lm->user, GW_ROLE_CMD, &a->maar, m) == 0 && !release)
        gw_handover_prev_sent(gw_cmd_row(gw_cmd_mn(b)), &a->maar, lm->now.mono);
}

static struct gw_time apart(const struct gw_lm *lm)
{
    uint32_t rate = lm->cfg->limits.notice_rate;

    return (struct gw_time){rate != 0 ? GW_SEC(1).ns / rate : 0};
}

static void tell_after(struct gw_cmd_mn *mn, struct gw_anchor *a, struct gw_time delay)
{
    struct gw_lm *lm = mn->cmd->lm;

    if (gw_exchange_start(&a->ex, lm, mn->b.seq, transmit, a, delay) != 0)
        gw_log(lm->log, GW_LOG_WARN, GW_CAT_LM, "notify-failed",
               "no room to tell a previous MAAR; it is told at the next refresh");
}

/* RFC 8885 §3.2, §6: what one message of a MAAR makes a CMD send leaves one after another, and so
 * does what several at once do. */
void gw_cmd_tell(struct gw_cmd_mn *mn, struct gw_anchor *a)
{
    struct gw_lm *lm = mn->cmd->lm;
    struct gw_time at = gw_time_before(lm->paced, lm->now.mono) ? lm->now.mono : lm->paced;

    lm->paced = gw_time_add(at, apart(lm));
    tell_after(mn, a, gw_time_sub(at, lm->now.mono));
}

/* The nth of those that no message has asked for: they have a row of their own, so that no handover
 * waits behind all of them. */
static void tell_in_turn(struct gw_cmd_mn *mn, struct gw_anchor *a, uint32_t nth)
{
    tell_after(mn, a, (struct gw_time){nth * apart(mn->cmd->lm).ns});
}

/* How many exchanges a move to `serving` needs beyond those that are running. */
uint32_t gw_cmd_notices(const struct gw_cmd_mn *mn, const struct gw_addr *serving)
{
    uint32_t n = 0;

    for (const struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next)
        n += !gw_addr_eq(&a->maar, serving) && !a->ex.pending;
    return n;
}

void gw_cmd_notify(struct gw_cmd_mn *mn)
{
    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next) {
        if (gw_addr_eq(&a->maar, &mn->b.serving) ||
            (a->state == GW_ANCHOR_RELEASING && a->ex.pending))
            continue;
        if (a->state != GW_ANCHOR_RELEASING)
            a->state = GW_ANCHOR_UPDATING;
        gw_cmd_tell(mn, a);
    }
}

static bool is_maar(const struct gw_lm *lm, const struct gw_addr *a)
{
    const struct gw_cfg_peer *p = lm->ops->peer(lm->user, a);
    return p != NULL && (p->roles & GW_ROLE_MAAR) != 0;
}

/* The anchors of MAARs that are peers no more: nobody will ever answer for them. */
static void forget_strangers(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    bool changed = false, waited = false;

    for (struct gw_anchor *a = mn->b.anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (is_maar(lm, &a->maar))
            continue;
        changed = true;
        waited |= a->state == GW_ANCHOR_UPDATING;
        gw_exchange_stop(&a->ex);
        lm->count[GW_CNT_ANCHOR_LOST]++;
        gw_anchor_del(&mn->cmd->bs, a);
    }
    if (!gw_addr_is_zero(&mn->b.serving) && !is_maar(lm, &mn->b.serving)) {
        gw_cmd_end(mn); /* may be the end of mn */
        return;
    }
    if (waited)
        gw_cmd_round_gathered(mn, false);
    if (changed)
        gw_cmd_settle(mn);
}

void gw_cmd_review(struct gw_cmd *c)
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&c->bs.by_mnid, &i)) != NULL;)
        forget_strangers(gw_cmd_mn(b));
}

void gw_cmd_end(struct gw_cmd_mn *mn)
{
    struct gw_binding *b = &mn->b;
    struct gw_addr serving = b->serving;

    gw_cmd_round_close(mn);
    b->serving = (struct gw_addr){0};
    b->seq++;
    for (struct gw_anchor *a = b->anchors, *next; a != NULL; a = next) {
        next = a->next;
        if (gw_addr_eq(&a->maar, &serving))
            gw_anchor_del(&mn->cmd->bs, a);
        else
            a->state = GW_ANCHOR_RELEASING;
    }
    gw_cmd_arm(mn);
    bool any = b->anchors != NULL;
    gw_cmd_settle(mn); /* before it is said; may be the end of mn */
    for (struct gw_anchor *a = any ? b->anchors : NULL; a != NULL; a = a->next)
        gw_cmd_tell(mn, a);
}

/* What could not be told for want of room or memory. true when something is left. */
bool gw_cmd_retell(struct gw_cmd_mn *mn)
{
    bool left = false;

    for (struct gw_anchor *a = mn->b.anchors; a != NULL; a = a->next) {
        if (a->state == GW_ANCHOR_SETTLED || a->ex.pending)
            continue;
        gw_cmd_tell(mn, a);
        left |= !a->ex.pending;
    }
    return left;
}

/* Everything an anchor can say but "yes" and "not now" means that it does not have the prefix; or
 * that it does not know that serving MAAR, and then it is told to let go of it. */
static void answered(struct gw_cmd_mn *mn, struct gw_anchor *a, uint8_t status)
{
    struct gw_lm *lm = mn->cmd->lm;

    if (status == GW_ST_NO_RESOURCES) {
        lm->count[GW_CNT_REFUSED_BY_PEER]++;
        return; /* retransmission goes on */
    }
    bool waited = a->state == GW_ANCHOR_UPDATING, updated = status < GW_ST_UNSPECIFIED;
    bool unwilling = waited && status == GW_ST_UNSPECIFIED;

    gw_exchange_stop(&a->ex);
    if (waited && !updated)
        lm->count[GW_CNT_ANCHOR_LOST]++;
    if (unwilling) {
        a->state = GW_ANCHOR_RELEASING;
        mn->b.seq++;
    } else if (!waited || !updated) {
        gw_anchor_del(&mn->cmd->bs, a);
    } else {
        a->state = GW_ANCHOR_SETTLED;
        gw_handover_prev_done(gw_cmd_row(mn), &a->maar, lm->now.mono);
    }
    gw_cmd_settle(mn);
    if (unwilling)
        gw_cmd_tell(mn, a);
    if (!waited)
        return;
    gw_cmd_round_gathered(mn, updated); /* the node is served: its binding stays */
    if (!updated)
        gw_cmd_round_changed(mn);
}

bool gw_cmd_take_locals(struct gw_anchor *a, const struct gw_mh *mh)
{
    struct gw_lm *lm = gw_cmd_mn(a->binding)->cmd->lm;
    struct gw_locals now;

    gw_lm_take_locals(lm, mh, 0, &now);
    if (gw_locals_eq(gw_anchor_locals(a), &now))
        return false;
    (void)gw_anchor_set_locals(lm, a, &now);
    return true;
}

/* Is it what the anchor was told last? A serving MAAR's sequence number may come again, after a
 * restart or from another one. */
static bool fits_notice(const struct gw_anchor *a, const struct gw_mh *mh)
{
    const struct gw_opt *ts = gw_lm_opt(mh, GW_OPT_TIMESTAMP);
    const struct gw_opt *s = gw_lm_opt(mh, GW_OPT_SERVING_MAAR);

    if (!gw_exchange_matches(&a->ex, mh->ba.seq))
        return false;
    if (mh->ba.status < GW_ST_UNSPECIFIED &&
        (mh->ba.lifetime == 0) != (a->state == GW_ANCHOR_RELEASING))
        return false;
    return a->state == GW_ANCHOR_RELEASING ||
           ((s == NULL || gw_addr_eq(&s->addr, &a->binding->serving)) &&
            (ts == NULL || ts->u64 == a->told));
}

int gw_cmd_pba(struct gw_cmd *c, const struct gw_cfg_peer *peer, const struct gw_mh *mh)
{
    const struct gw_opt *id = gw_lm_opt(mh, GW_OPT_MNID), *hnp = gw_lm_opt(mh, GW_OPT_HNP);
    struct gw_anchor *a = hnp != NULL ? gw_anchor_get(&c->bs, &hnp->prefix) : NULL;

    if (a == NULL || id == NULL || !gw_mnid_eq(&id->mnid, &a->binding->mnid) ||
        !gw_addr_eq(&peer->addr, &a->maar) || !fits_notice(a, mh)) {
        c->lm->count[GW_CNT_UNMATCHED]++;
        return GW_ENOENT;
    }
    struct gw_cmd_mn *mn = gw_cmd_mn(a->binding);
    bool holds = a->state == GW_ANCHOR_UPDATING && mh->ba.status < GW_ST_UNSPECIFIED;
    bool changed = holds && gw_cmd_take_locals(a, mh);
    answered(mn, a, mh->ba.status);
    if (changed) /* the node is served: its binding stays */
        gw_cmd_round_changed(mn);
    return 0;
}

void gw_cmd_put(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    uint8_t key[GW_RECORD_KEY_MAX], value[GW_RECORD_MAX];
    struct gw_wr w = gw_wr_make(value, sizeof value);

    gw_wr_u8(&w, VERSION);
    gw_binding_write(&w, &mn->b);
    if (mn->revoked)
        gw_wr_u8(&w, REVOKED);
    if (!w.bad)
        lm->ops->put(lm->user, key, gw_record_key('C', &mn->b.mnid, key), value, gw_wr_len(&w));
}

void gw_cmd_settle(struct gw_cmd_mn *mn)
{
    struct gw_lm *lm = mn->cmd->lm;
    uint8_t key[GW_RECORD_KEY_MAX];

    if (mn->b.anchors != NULL) {
        gw_cmd_put(mn);
        return;
    }
    lm->ops->del(lm->user, key, gw_record_key('C', &mn->b.mnid, key));
    gw_cmd_arm(mn);
    if (!gw_timer_is_set(&mn->expiry))
        gw_binding_free(&mn->cmd->bs, &mn->b);
}

int gw_cmd_restore(struct gw_cmd *c, const void *value, size_t len)
{
    struct gw_rd r = gw_rd_make(value, len);
    int err;
    struct gw_binding *b = gw_binding_open(&r, VERSION, &c->bs, sizeof(struct gw_cmd_mn), &err);

    if (b == NULL)
        return err;
    gw_cmd_mn(b)->cmd = c;
    err = gw_binding_read(&r, &c->bs, b);
    if (err == 0 && gw_rd_left(&r) == 1)
        gw_cmd_mn(b)->revoked = gw_rd_u8(&r) == REVOKED;
    if (err == 0 && (gw_rd_left(&r) != 0 || b->anchors == NULL))
        err = GW_EFORMAT;
    if (err != 0)
        gw_binding_free(&c->bs, b);
    return err;
}

void gw_cmd_resume(struct gw_cmd *c)
{
    struct gw_binding *b;
    uint32_t n = 0;

    for (size_t i = 0; (b = gw_table_next(&c->bs.by_mnid, &i)) != NULL;) {
        struct gw_cmd_mn *mn = gw_cmd_mn(b);
        bool any = false;
        gw_cmd_arm(mn);
        for (struct gw_anchor *a = b->anchors; a != NULL; a = a->next) {
            if (a->state == GW_ANCHOR_SETTLED)
                continue;
            tell_in_turn(mn, a, n++);
            any = true;
        }
        if (any)
            gw_cmd_put(mn);
    }
}

void gw_cmd_resync(struct gw_cmd *c, const struct gw_addr *maar)
{
    struct gw_binding *b;
    uint32_t n = 0;

    for (size_t i = 0; (b = gw_table_next(&c->bs.by_mnid, &i)) != NULL;) {
        struct gw_anchor *a = gw_anchor_of(b, maar);
        if (a == NULL || a->state != GW_ANCHOR_SETTLED || gw_addr_is_zero(&b->serving) ||
            gw_addr_eq(&b->serving, maar))
            continue;
        b->seq++; /* an answer from before the restart is none to this */
        a->state = GW_ANCHOR_UPDATING;
        gw_cmd_put(gw_cmd_mn(b));
        tell_in_turn(gw_cmd_mn(b), a, n++);
    }
}
