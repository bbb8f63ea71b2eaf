/* revoke.h: Binding Revocation (RFC 5846) as the one who is told: what a Binding Revocation
 * Indication (BRI) may say, which bindings it means, and the acknowledgement (BRA). What becomes of
 * the bindings is in maar_revoke.c, mag_revoke.c, lma_revoke.c and cmd_revoke.c.
 */
#ifndef GW_FN_LM_REVOKE_H
#define GW_FN_LM_REVOKE_H

#include "fn/lm/binding.h"

struct gw_revocation {
    const struct gw_mh *mh;
    const struct gw_mnid *mn; /* NULL: none is named */
    uint8_t trigger;
    uint64_t timestamp; /* of the attachment that is meant; 0: none is named */
    bool global;
    uint16_t nmissing; /* prefixes it names that there are none of here */
    struct gw_prefix missing[GW_LM_ANCHORS_MAX];
};

/* §6.2.1, as far as it is the same for everybody: GW_BRA_SUCCESS, or the status to refuse with.
 * *r is filled in, a view of mh. */
uint8_t gw_revocation_read(const struct gw_mh *mh, struct gw_revocation *r);
/* Does the mobile node's handover cause it, so that one who is attached stays (§9.1)? */
bool gw_revocation_by_handover(const struct gw_revocation *r);
/* Is this prefix meant? Naming none means all. */
bool gw_revocation_means(const struct gw_revocation *r, const struct gw_prefix *p);
/* Is any prefix of this binding meant? */
bool gw_revocation_touches(const struct gw_revocation *r, const struct gw_binding *b);
/* Notes the prefixes named that the mobile node has not got here. */
void gw_revocation_note_missing(struct gw_revocation *r, const struct gw_bindings *bs);
/* SUCCESS, PARTIAL or NO_BINDING: after bindings have been dropped, or none. */
uint8_t gw_revocation_status(const struct gw_revocation *r, bool any);
/* §8.1: is mn of the realm that `realm` ("@example.com") names? */
bool gw_revocation_realm(const struct gw_mnid *realm, const struct gw_mnid *mn);
/* Sends the BRA to a BRI. */
void gw_revocation_answer(struct gw_lm *lm, enum gw_role as, const struct gw_addr *to,
                          const struct gw_mh_revocation *bri, uint8_t status,
                          const struct gw_revocation *r);

#endif
