/* revoke_world.h: operators of a world's nodes, what they see, and revocations made by hand; for
 * the tests of revocation (RFC 5846) and update notification (RFC 7077).
 */
#ifndef TESTS_SCENARIO_REVOKE_WORLD_H
#define TESTS_SCENARIO_REVOKE_WORLD_H

#include "world.h"

/* What was said since r_hear, and the last of each. */
struct r_said {
    unsigned bri, bra, upn, upa, pbu;
    struct gw_mh last_bri, last_bra, last_upn, last_upa;
    uint8_t octets[4][GW_MH_MAX];
};
extern struct r_said r_said;
extern size_t r_deaf; /* the node that loses all that is sent to it; 0: none */
void r_hear(struct world *w);

/* 0 or a gw_err. hold below 0: as configured. */
int r_operate(struct world *w, size_t node, const struct gw_operate *o, uint64_t *number);
int r_revoke(struct world *w, size_t node, unsigned mn, struct gw_time hold);
int r_revoke_peer(struct world *w, size_t node, size_t peer);
int r_notify(struct world *w, size_t node, unsigned mn);
int r_allow(struct world *w, size_t node, unsigned mn);
const struct gw_operation *r_result(struct world *w, size_t node); /* of the last operation */
void r_check(struct world *w, size_t node, uint32_t asked, uint32_t done);

void r_walk(struct world *w, unsigned mn); /* through all MAARs; it stays at the last */
/* Nobody has a session, a prefix, a station or a record of it; a MAAR may remember that it was sent
 * away. */
void r_check_revoked(struct world *w, unsigned mn);
unsigned r_opts(const struct gw_mh *m, uint8_t type); /* how many of a type */

/* An LMA and two MAGs, with nodes 1..mns at the first. */
struct world *r_pmip(unsigned mns, uint64_t seed);
struct gw_binding *r_session(struct world *w, unsigned mn); /* at the LMA */
struct gw_mag_mn *r_at_mag(struct world *w, size_t mag, unsigned mn);

/* A BRI to go on with; named by a mobile node. */
struct gw_mh *r_bri(struct world *w, uint8_t trigger, bool g);
void r_name(struct gw_mh *m, unsigned mn);
/* Says it as node `from`: the status of the BRA that comes, 255 when none does. */
uint8_t r_tell(struct world *w, size_t from, size_t to, struct gw_mh *m);

#endif
