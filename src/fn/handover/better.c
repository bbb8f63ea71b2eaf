/* better.c: would another instance be better for what is left of a transaction? Pure, and the same
 * at an ingress and at a path selector.
 *
 * Decisions of this implementation:
 * - The rest is turns of request and answer, each as long as one takes at its instance now: the way
 *   there and back, the service, and the wait behind those that have no slot. So many turns as fit
 *   into the expected rest here would take this long there; what the move costs (the messages and
 *   the state go three times between the ways) is added.
 * - Its own load is counted at both: it is among those in flight where it is.
 * - Of what nothing is known nobody says that it is better; an instance that is to be left (it is
 *   draining, or cannot be reached) is left for the best there is.
 */
#include "fn/handover/transfer.h"

#define FLOOR 100u /* us: a turn that takes nothing would be infinitely worse than any other */

static uint64_t turn_of(const struct gw_bid *b, bool there)
{
    uint64_t slots = b->slots != 0 ? b->slots : 1, load = (uint64_t)b->in_flight + !there;
    uint64_t wait = load > slots ? b->service_us * (load - slots) / slots : 0;
    uint64_t all = b->path_us + (uint64_t)b->service_us + wait;

    return all > FLOOR ? all : FLOOR;
}

/* Of the rest, there: us. */
static uint64_t rest_at(const struct gw_bid *b, const struct gw_bid *here, uint64_t rest_us)
{
    uint64_t turns = rest_us / turn_of(here, true);
    uint64_t move = 3 * ((uint64_t)b->path_us + here->path_us) / 2;

    return (turns > 0 ? turns : 1) * turn_of(b, false) + move;
}

static bool may(const struct gw_bid *b, bool leaving)
{
    return b->usable && !b->leaving && (leaving || !b->silent);
}

size_t gw_better(const struct gw_bid *b, size_t n, size_t at, struct gw_time rest, uint32_t gain)
{
    bool leaving = at < n && (b[at].leaving || !b[at].usable);
    uint64_t rest_us = rest.ns > 0 ? (uint64_t)rest.ns / 1000 : 0, best = UINT64_MAX;
    size_t found = n;

    if (at >= n || (b[at].silent && !leaving))
        return n;
    for (size_t i = 0; i < n; i++) {
        if (i == at || !may(&b[i], leaving))
            continue;
        uint64_t takes = rest_at(&b[i], &b[at], rest_us);
        if (takes < best) {
            best = takes;
            found = i;
        }
    }
    if (found == n || leaving)
        return found;
    return best < rest_us - rest_us * (gain < 1000 ? gain : 1000) / 1000 ? found : n;
}
