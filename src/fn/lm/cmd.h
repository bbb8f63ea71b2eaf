/* cmd.h: the Central Mobility Database of RFC 8885: one binding per mobile node, found by MN-ID.
 * A registration is answered and the n previous MAARs are told as relay (§3.2, 2n+2 messages),
 * locator (§3.3, 3n+1) or proxy (§3.4, 2n+2).
 *
 * Left to others: peers and authentication (src/node/signal.c); the packet path (a CMD has none).
 *
 * Decisions of this implementation:
 * - Attachments are ordered by Timestamp. A refresh (HI 5) with a later Timestamp than the one
 *   in force, or for a node that is not known, comes from a MAAR whose registration this CMD has
 *   lost: the binding is rebuilt from the anchors that the refresh names.
 * - A prefix has one owner. It must come from the pools of the MAAR that brings it; a MAAR that
 *   has forgotten the prefix it gave a node before is told so by the HNP in the PBA.
 * - A de-registration by a MAAR that is not the serving one ends nothing: it is answered with a
 *   non-zero lifetime and the Serving MAAR option (§3.5, second solution). Unless its attachment
 *   is the later one: then its registration was lost, and it was the serving MAAR.
 * - A previous MAAR keeps being told (at max_ack) until it answers: it has no timer of its own.
 * When a binding expires the MAAR believed to serve it is told, too.
 */
#ifndef GW_FN_LM_CMD_H
#define GW_FN_LM_CMD_H

#include "fn/lm/binding.h"

struct gw_cmd;
struct gw_cmd_mn {
    struct gw_binding b; /* serving zero: the session is over, its anchors are being released */
    struct gw_cmd *cmd;
    struct gw_timer expiry;
    uint64_t row;               /* of the last handover */
    struct {                    /* cmd_mode.c: the last registration of the serving MAAR */
        struct gw_timer *timer; /* relay, while it is open */
        enum gw_cmd_mode mode;
        uint16_t seq;      /* of its last PBU */
        bool known : 1;    /* mode is that of the handover: there was no crash in between */
        bool open : 1;     /* relay, locator: previous MAARs are waited for */
        bool answered : 1; /* the serving MAAR has been, by this CMD */
        bool llid : 1;     /* it named the link-layer identifier */
    } round;
    bool revoked; /* the session that was in force last is not to be rebuilt */
};
struct gw_cmd {
    struct gw_lm *lm;
    struct gw_bindings bs;
};

void gw_cmd_init(struct gw_cmd *c, struct gw_lm *lm, uint64_t seed);
void gw_cmd_free(struct gw_cmd *c);

/* Messages of an authenticated peer. 0, or why it was refused (it has been answered). */
int gw_cmd_pbu(struct gw_cmd *c, const struct gw_cfg_peer *peer, const struct gw_mh *mh);
int gw_cmd_pba(struct gw_cmd *c, const struct gw_cfg_peer *peer, const struct gw_mh *mh);

/* One durable record (its key's first octet is 'C'). */
int gw_cmd_restore(struct gw_cmd *c, const void *value, size_t len);
/* After restoring: every binding has its full lifetime again, so that its serving MAAR can
 * refresh it; what anchors had not acknowledged is sent again, paced. */
void gw_cmd_resume(struct gw_cmd *c);
/* After restoring and after a reload: what MAARs anchored that are peers no more is forgotten. */
void gw_cmd_review(struct gw_cmd *c);
/* A MAAR has lost its bindings: it is told again, paced, of every prefix that it anchors for a node
 * that is served elsewhere. */
void gw_cmd_resync(struct gw_cmd *c, const struct gw_addr *maar);

/* Revocation (cmd_revoke.c). Is there a session to revoke? */
bool gw_cmd_has_session(const struct gw_cmd_mn *mn);
/* Ends it; every anchor is being released, and telling them is the caller's. */
void gw_cmd_revoke(struct gw_cmd_mn *mn);
/* How a MAAR took it: gone, or (again) to be told to let go. May free the binding. */
void gw_cmd_revoked(struct gw_cmd *c, const struct gw_mnid *id, const struct gw_addr *maar,
                    bool gone);
/* A MAAR is to have nothing of the mobile node any more. gone: it has let go already, of all that
 * it had at `since` at least. */
enum gw_cmd_expelled {
    GW_CMD_UNTOUCHED,
    GW_CMD_ENDED,    /* it served the node; mn may be freed */
    GW_CMD_LOST_ONE, /* *lost was anchored there: the serving MAAR is to be told */
};
enum gw_cmd_expelled gw_cmd_expel(struct gw_cmd_mn *mn, const struct gw_addr *maar, bool gone,
                                  struct gw_time since, struct gw_prefix *lost);

/* Within the CMD (cmd.c, cmd_mode.c, cmd_anchor.c). */
struct gw_cmd_mn *gw_cmd_mn(struct gw_binding *b);
void gw_cmd_put(struct gw_cmd_mn *mn);
/* Stores it; without anchors it is remembered for a moment only, as ended. May free it. */
void gw_cmd_settle(struct gw_cmd_mn *mn);
/* The networks behind an anchor as it says in this message; true when they are others now. */
bool gw_cmd_take_locals(struct gw_anchor *a, const struct gw_mh *mh);
uint32_t gw_cmd_notices(const struct gw_cmd_mn *mn, const struct gw_addr *serving);
/* Tells every anchor but the serving MAAR's: of the new place, or to let go. */
void gw_cmd_notify(struct gw_cmd_mn *mn);
/* The session is over: the serving MAAR's anchor goes, the others are released. */
void gw_cmd_end(struct gw_cmd_mn *mn);
bool gw_cmd_retell(struct gw_cmd_mn *mn);
/* Tells one anchor what it is now, as the nth of those told in one go. */
void gw_cmd_tell(struct gw_cmd_mn *mn, struct gw_anchor *a);
/* Expiry of the binding or, when nobody serves it, the next look at what is still to be told. */
void gw_cmd_arm(struct gw_cmd_mn *mn);
struct gw_handover_row *gw_cmd_row(struct gw_cmd_mn *mn);

/* The order of messages (cmd_mode.c). A registration by another MAAR than before, with its sequence
 * number: begin chooses the mode, open tells the previous MAARs (those UPDATING) and answers the
 * serving one now or when they have answered. */
void gw_cmd_round_begin(struct gw_cmd_mn *mn, uint16_t seq, bool rebuilt);
void gw_cmd_round_open(struct gw_cmd_mn *mn);
/* The serving MAAR once more: a refresh, or its registration again. */
void gw_cmd_round_again(struct gw_cmd_mn *mn, uint16_t seq, bool refresh);
/* A previous MAAR has answered; updated: it has the prefix. */
void gw_cmd_round_gathered(struct gw_cmd_mn *mn, bool updated);
/* What the serving MAAR was told of an anchor is not so any more: it is told again. */
void gw_cmd_round_changed(struct gw_cmd_mn *mn);
void gw_cmd_round_close(struct gw_cmd_mn *mn);        /* nobody is waited for any more */
bool gw_cmd_round_copies(const struct gw_cmd_mn *mn); /* previous MAARs answer to both */

#endif
