/* share.h: the rule by which a path selector divides the new flows of an ingress among the
 * instances of a service (C-PS of the centralised and hybrid models, RFC 10053). Pure.
 *
 * Left to others: what is known of instances and ways (fn/metric), telling the shares (selector.h),
 * drawing by them (src/plane, policy weighted).
 *
 * Decisions of this implementation:
 * - Every ingress draws by shares, so that what an instance gets grows with its share and nobody
 *   ever sends everything to the one that looked best in a report that is old by now.
 * - Among those that are cold (a slot is free), shares are as the inverse of the predicted
 *   completion (the way there and back, and the service), times the weight. None gets more than
 *   GW_SHARE_CAP times its part of all free slots; what it cannot take goes to the others: so none
 *   fills more than GW_SHARE_CAP times as fast as all of them together.
 * - When none is cold, the completion includes the wait in line, and shares are as its inverse
 *   times slots and weight.
 * - Whose report is too old, or who has never reported, is not cold: the same that the packet path
 *   does (plane/select.h).
 * - A share moves half of the way at a time; one that is new, or not usable any more,
 *   gets there at once.
 */
#ifndef GW_FN_STEER_SHARE_H
#define GW_FN_STEER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_SHARE_ALL 65535u
#define GW_SHARE_CAP 2u

struct gw_share {
    uint64_t want;       /* scratch */
    uint32_t path_us;    /* there and back */
    uint32_t service_us; /* as reported; 0: not known */
    uint32_t in_flight, slots, weight;
    uint32_t most;  /* scratch */
    uint16_t was;   /* what the ingress has been told */
    uint16_t share; /* out: of GW_SHARE_ALL, which they make up but for rounding; 0: none */
    bool usable;    /* it takes new flows, and can be reached from this ingress */
    bool silent;    /* no report that counts still */
    bool untold;    /* the ingress has been told nothing of it yet */
    bool fixed;     /* scratch */
};
#define GW_SHARES_MAX 4096 /* instances */
void gw_shares(struct gw_share *c, size_t n);

#endif
