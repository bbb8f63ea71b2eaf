/* handover.h: a bounded ring with the steps of the last handovers, as seen from this node: the
 * serving MAAR's, a previous MAAR's and the CMD's. Times are monotonic nanoseconds; 0 is "did not
 * happen". A row is addressed by its number and may have been overwritten: then it is gone.
 */
#ifndef GW_FN_LM_HANDOVER_H
#define GW_FN_LM_HANDOVER_H

#include "base/alloc.h"

enum gw_ho_role { GW_HO_SERVING, GW_HO_PREVIOUS, GW_HO_CMD, GW_HO_LMA };
const char *gw_ho_role_name(enum gw_ho_role r); /* "serving" */

enum gw_ho_step {
    GW_HO_ATTACHMENT_SEEN,
    GW_HO_PBU_SENT,
    GW_HO_PBA_RECEIVED,
    GW_HO_PBU_RECEIVED,
    GW_HO_PLANE_PROGRAMMED,
    GW_HO_PLANE_COMPLETE, /* serving: with the last prefix that the handover has brought */
    GW_HO_PBA_SENT,
    GW_HO_RA_SENT,
    GW_HO_FIRST_UPLINK,
    GW_HO_FIRST_DOWNLINK,
    GW_HO_STEPS,
};
const char *gw_ho_step_name(enum gw_ho_step s); /* "pbu_sent" */

#define GW_HO_MNID 64 /* octets of an identity kept; longer ones are cut */
#define GW_HO_PREV 16 /* previous MAARs timed one by one at the CMD */

struct gw_handover_row {
    uint64_t number; /* 1, 2, ...; 0: empty */
    enum gw_ho_role role;
    bool initial; /* a first registration: there was no MAAR before */
    uint8_t mnid_subtype, mnid_len;
    uint8_t mnid[GW_HO_MNID];
    struct gw_addr from, to;
    uint16_t previous, sequence;
    struct gw_time step[GW_HO_STEPS];
    uint16_t nprev;
    struct {
        struct gw_addr maar;
        struct gw_time pbu_sent, pba_received;
    } prev[GW_HO_PREV];
};

struct gw_handovers {
    const struct gw_alloc *al;
    struct gw_handover_row *row;
    size_t size, most; /* rows: there are; there may be */
    uint64_t last;     /* number of the newest */
};

/* Room for a few; more is taken when they are full, up to `most` (a power of two, from 16). */
int gw_handovers_init(struct gw_handovers *h, const struct gw_alloc *al, size_t most);
void gw_handovers_free(struct gw_handovers *h);
/* A new row, over the oldest when full or without memory for more; never fails. */
struct gw_handover_row *gw_handovers_add(struct gw_handovers *h, enum gw_ho_role role,
                                         const struct gw_mnid *mn);
/* NULL when number is 0 or the row was overwritten. */
struct gw_handover_row *gw_handovers_get(const struct gw_handovers *h, uint64_t number);
/* Oldest first: for (uint64_t i = 0; (row = gw_handovers_next(h, &i)) != NULL;) */
const struct gw_handover_row *gw_handovers_next(const struct gw_handovers *h, uint64_t *it);
/* Sets a step that has not happened yet. NULL row is fine. */
void gw_handover_step(struct gw_handover_row *row, enum gw_ho_step s, struct gw_time at);
void gw_handover_prev_sent(struct gw_handover_row *row, const struct gw_addr *maar,
                           struct gw_time at);
void gw_handover_prev_done(struct gw_handover_row *row, const struct gw_addr *maar,
                           struct gw_time at);

#endif
