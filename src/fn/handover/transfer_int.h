/* transfer_int.h: what the files of transfer.h share. */
#ifndef GW_FN_HANDOVER_TRANSFER_INT_H
#define GW_FN_HANDOVER_TRANSFER_INT_H

#include "base/err.h"
#include "fn/handover/transfer.h"
#include "node/config.h"

#define GW_TRANSFER_KEPT GW_SEC(86400) /* a decision that nobody takes notice of */

struct gw_transfer *gw_transfer_get(const struct gw_transfers *x, enum gw_transfer_side side,
                                    const struct gw_addr *ingress, uint64_t id);
/* The latest one of that client and service at the ingress, or NULL. */
struct gw_transfer *gw_transfer_of(const struct gw_transfers *x, const struct gw_addr *client,
                                   const struct gw_service_key *s);
/* NULL: *why is GW_EFULL, GW_ENOMEM or GW_EEXIST (another one of the client is not over). */
struct gw_transfer *gw_transfer_new(struct gw_transfers *x, enum gw_transfer_side side,
                                    const struct gw_transfer_what *w, int *why);
void gw_transfer_store(struct gw_transfer *t); /* as it is now */
void gw_transfer_step(struct gw_transfer *t, enum gw_transfer_do what);
/* It is over: the record goes, and after a while the rest. */
void gw_transfer_over(struct gw_transfer *t);
void gw_transfer_deadline(struct gw_transfer *t, struct gw_time in);
void gw_transfer_event(struct gw_transfer *t, const struct gw_addr *from, const struct gw_addr *to,
                       const char *what, uint32_t count);
void gw_transfer_said(struct gw_transfer *t, const char *event, enum gw_log_level level);

/* transfer_message.c. What a message is about; its code, size and progress too. */
struct gw_transfer_note {
    struct gw_transfer_what what;
    uint8_t code;
    uint32_t size, moved;
};
int gw_transfer_read(const struct gw_mh *m, const struct gw_addr *from, struct gw_transfer_note *n);
/* Into the metric's message; whole: with the flows. false: it does not fit. */
bool gw_transfer_write(struct gw_transfers *x, enum gw_cats_type type, uint32_t seq,
                       const struct gw_transfer_note *n, bool whole);
void gw_transfer_answer(struct gw_transfers *x, enum gw_cats_type type, const struct gw_addr *to,
                        uint32_t seq, const struct gw_transfer_note *n);
void gw_transfer_posts(struct gw_transfer *t);            /* sets both up */
void gw_transfer_tell(struct gw_transfer *t, unsigned i); /* post[i] is due, with t->code */

/* What the sides make of what concerns them: post[i] was acknowledged, or lost; the deadline; the
 * driver; a message; a record. */
void gw_transfer_ingress_lost(struct gw_transfer *t, unsigned i);
void gw_transfer_ingress_due(struct gw_transfer *t);
void gw_transfer_ingress_resume(struct gw_transfer *t);
int gw_transfer_confirmed(struct gw_transfers *x, const struct gw_addr *from,
                          const struct gw_transfer_note *n);
int gw_transfer_done(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                     const struct gw_transfer_note *n);
void gw_transfer_old_told(struct gw_transfer *t, unsigned i);
void gw_transfer_old_lost(struct gw_transfer *t, unsigned i);
void gw_transfer_old_due(struct gw_transfer *t);
void gw_transfer_old_resume(struct gw_transfer *t);
void gw_transfer_old_progress(struct gw_transfer *t, const struct gw_transfer_progress *p);
int gw_transfer_requested(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                          const struct gw_transfer_note *n);
int gw_transfer_ready(struct gw_transfers *x, const struct gw_addr *from,
                      const struct gw_transfer_note *n);
void gw_transfer_new_told(struct gw_transfer *t, unsigned i);
void gw_transfer_new_lost(struct gw_transfer *t, unsigned i);
void gw_transfer_new_due(struct gw_transfer *t);
void gw_transfer_new_resume(struct gw_transfer *t);
void gw_transfer_new_progress(struct gw_transfer *t, const struct gw_transfer_progress *p);
int gw_transfer_noticed(struct gw_transfers *x, const struct gw_addr *from, uint32_t seq,
                        const struct gw_transfer_note *n);
int gw_transfer_decided(struct gw_transfers *x, const struct gw_addr *from,
                        const struct gw_transfer_note *n);

#endif
