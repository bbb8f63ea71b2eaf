/* core.h: what the files of the handover of clients share. */
#ifndef GW_FN_HANDOVER_CORE_H
#define GW_FN_HANDOVER_CORE_H

#include "base/err.h"
#include "fn/handover/handover.h"
#include "node/config.h"

/* -- client.c -----------------------------------------------------------------------------------
 */

struct gw_prefix gw_client_prefix(const struct gw_addr *a); /* the /64 */
struct gw_client *gw_client_get(const struct gw_handover *h, const struct gw_prefix *p);
/* Makes it if need be; NULL: no memory or over the limit, which is counted. */
struct gw_client *gw_client_make(struct gw_handover *h, const struct gw_prefix *p);
/* After each change: frees it when nothing wants it, else sets its timer. true: it is gone. */
bool gw_client_done(struct gw_client *c);
void gw_client_set_fresh(struct gw_client *c);
struct gw_client *gw_client_of_station(const struct gw_handover *h,
                                       const struct gw_station_key *station);
static inline bool gw_client_past(const struct gw_client *c, struct gw_time t)
{
    return !gw_time_before(c->all->now.mono, t);
}

/* Flows. The service, if it is configured and its flows go on; else NULL. */
const struct gw_cfg_service *gw_client_service(const struct gw_handover *h,
                                               const struct gw_service_key *k);
struct gw_client_flow *gw_flow_find(const struct gw_client_flow *list,
                                    const struct gw_service_key *k, const struct gw_flow_id *id);
void gw_flows_free(struct gw_handover *h, struct gw_client_flow **list);
void gw_client_drop_flows(struct gw_client *c);
/* Egresses that were not known when the flows became known. */
void gw_client_resolve(struct gw_client *c);
bool gw_flows_at(const struct gw_client_flow *list, const struct gw_addr *egress);
struct gw_client_egress *gw_egress_find(struct gw_client_egress *list, const struct gw_addr *a);
void gw_egresses_free(struct gw_handover *h, struct gw_client_egress **list);
/* What the services of these flows want while a client moves: the most of each. */
struct gw_wishes {
    uint32_t packets, octets;
    struct gw_time most;
    bool in_order;
};
/* egress NULL: of all. Without flows: what any service may want of a client that has come. */
struct gw_wishes gw_client_wishes(const struct gw_client *c, const struct gw_addr *egress);
struct gw_wishes gw_handover_wishes(const struct gw_handover *h);

/* -- kept.c ---------------------------------------------------------------------------------------
 */

void gw_hold_up(struct gw_client *c);
void gw_release_up(struct gw_client *c);
void gw_hold_down(struct gw_client *c); /* old ingress */
void gw_release_down(struct gw_client *c);
void gw_hold_egress(struct gw_client *c, struct gw_client_egress *e); /* new ingress */
void gw_release_egress(struct gw_client *c, struct gw_client_egress *e);

/* -- offer.c: the old ingress -------------------------------------------------------------------
 */

int gw_offer_request(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m);
void gw_offer_review(struct gw_client *c); /* fn/lm has said something: who has asked is answered */
void gw_offer_news(struct gw_client *c);   /* it has a new flow: who was told is told again */
struct gw_offer *gw_offer_to(const struct gw_client *c, const struct gw_addr *to); /* or NULL */
void gw_offers_due(struct gw_client *c);
void gw_offers_free(struct gw_client *c);
/* It has been taken: by whom it was offered to, with that generation? */
bool gw_offer_fits(const struct gw_client *c, const struct gw_addr *to, uint32_t generation);
int gw_offer_taken(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m);

/* -- takeover.c: the new ingress ----------------------------------------------------------------
 */

void gw_takeover_fresh(struct gw_client *c);
int gw_takeover_notified(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m);
void gw_takeover_left(struct gw_client *c);
bool gw_takeover_waits(const struct gw_client *c); /* for a marker */
void gw_takeover_due(struct gw_client *c);
void gw_takeover_flow_ended(struct gw_client *c, const struct gw_addr *egress);
/* A message has been answered, refused (GW_EDENIED) or given up (GW_EAGAIN). */
void gw_takeover_answered(struct gw_client *c, enum gw_move_kind kind, const struct gw_addr *by,
                          int err);
void gw_expected_free(struct gw_client *c, struct gw_expected *x);

/* -- egress.c -----------------------------------------------------------------------------------
 */

int gw_egress_indicated(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m);
/* Sets or replaces who it is behind. */
int gw_moved_set(struct gw_client *c, const struct gw_addr *to, const struct gw_addr *old,
                 uint32_t generation, struct gw_time until);
void gw_moved_end(struct gw_client *c);
void gw_moved_say(struct gw_client *c); /* where fn/lm has no word of its own */
void gw_moved_due(struct gw_client *c);

/* -- message.c ----------------------------------------------------------------------------------
 */

struct gw_move_in { /* what a message says */
    struct gw_prefix client;
    struct gw_addr address; /* CATS address; zero: none */
    struct gw_cats_move move;
    bool moves;                   /* it has a MOVE */
    struct gw_client_flow *flows; /* of a notification; owned by the reader */
    uint32_t nflows;
    struct gw_client_egress *egresses;
};
/* 0; GW_EFORMAT; GW_ENOMEM. lists: flows and egresses too. */
int gw_move_read(struct gw_handover *h, const struct gw_mh *m, bool lists, struct gw_move_in *in);
const struct gw_cats_token *gw_move_token(const struct gw_mh *m, const struct gw_addr *egress,
                                          struct gw_cats_item *item);
void gw_move_in_free(struct gw_handover *h, struct gw_move_in *in);
void gw_move_write(struct gw_handover *h, const struct gw_move_post *p);
/* A notification that says no: no flow of this client is known here. */
void gw_move_say_no(struct gw_handover *h, const struct gw_prefix *client, const struct gw_addr *to,
                    uint16_t seq);
void gw_move_ack(struct gw_handover *h, const struct gw_prefix *client, const struct gw_addr *to,
                 uint16_t seq, uint32_t generation, int err);
/* For the ladder and the counters; `out` or in. */
const char *gw_move_name(enum gw_move_kind k);

/* -- repeat.c -----------------------------------------------------------------------------------
 */

/* Says it, and again until it is answered; takes the place of one of that kind to that receiver.
 * seq 0: the next one. false: without memory or over the limit it is not said, or not again. */
bool gw_post_move(struct gw_client *c, enum gw_move_kind kind, const struct gw_addr *to,
                  uint16_t seq);
struct gw_move_post *gw_post_find(const struct gw_client *c, enum gw_move_kind kind,
                                  const struct gw_addr *to);
/* Is any of that kind under way? */
bool gw_post_any(const struct gw_client *c, enum gw_move_kind kind);
void gw_post_stop_move(struct gw_move_post *p);
void gw_posts_stop(struct gw_client *c, enum gw_move_kind kind);
int gw_post_acked(struct gw_handover *h, const struct gw_addr *from, const struct gw_mh *m);

/* -- token.c ------------------------------------------------------------------------------------
 */

/* What an egress believes when `to` shows it: made here for one new ingress and generation.
 * GW_ENOENT: there is no key with that egress. */
int gw_token_make(struct gw_handover *h, const struct gw_prefix *client,
                  const struct gw_addr *egress, const struct gw_addr *to, uint32_t generation,
                  struct gw_time valid, struct gw_cats_token *t);
/* At the egress: was it made by `old` for the client and `to`, and is it still good? GW_EAUTH. */
int gw_token_check(struct gw_handover *h, const struct gw_prefix *client, const struct gw_addr *to,
                   const struct gw_addr *old, uint32_t generation, const struct gw_cats_token *t);

/* -- durable.c, ladder.c -------------------------------------------------------------------------
 */

void gw_client_record(struct gw_client *c); /* as it is now; removes it when there is nothing */
void gw_ladder_init(struct gw_handover *h);
void gw_ladder_free(struct gw_handover *h);
void gw_ladder_step(struct gw_handover *h, const struct gw_prefix *client, const char *what,
                    uint32_t count, int err);
void gw_ladder_message(struct gw_handover *h, const struct gw_prefix *client, const char *what,
                       const struct gw_addr *from, const struct gw_addr *to, uint32_t count,
                       int err);

#endif
