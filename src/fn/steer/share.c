/* share.c: see share.h. Whole numbers only: the same shares on every machine. */
#include "fn/steer/share.h"

#define FLOOR  1000u               /* us: below it, one instance is as near as another */
#define SCALE  (UINT64_C(1) << 32) /* of inverses: below 2^22, with LIMIT twice below 2^50 */
#define LIMIT  (UINT64_C(1) << 14) /* of weights, and of slots where they are a weight */
#define LITTLE (GW_SHARE_ALL / 64)
#define SLOTS  UINT64_C(65535) /* more cannot be told */

static uint64_t at_most(uint64_t a, uint64_t most)
{
    return a < most ? a : most;
}

static uint64_t slots_of(const struct gw_share *c)
{
    return c->slots == 0 ? 1 : at_most(c->slots, SLOTS);
}

static uint64_t weight_of(const struct gw_share *c)
{
    return c->weight == 0 ? 1 : at_most(c->weight, LIMIT);
}

static bool is_cold(const struct gw_share *c)
{
    return c->usable && !c->silent && c->in_flight < slots_of(c);
}

/* Of those that have one, on average: what is assumed of the others. */
static uint64_t typical(const struct gw_share *c, size_t n)
{
    uint64_t sum = 0, known = 0;

    for (size_t i = 0; i < n; i++)
        if (c[i].usable && !c[i].silent && c[i].service_us != 0) {
            sum += c[i].service_us;
            known++;
        }
    return known != 0 ? sum / known : 0;
}

/* One more that comes now waits for those ahead of it that have no slot. */
static uint64_t completion(const struct gw_share *c, uint64_t assumed)
{
    uint64_t service = c->silent || c->service_us == 0 ? assumed : c->service_us;
    uint64_t slots = slots_of(c), ahead = c->silent ? 0 : (uint64_t)c->in_flight + 1;
    uint64_t wait = ahead > slots ? service * (ahead - slots) / slots : 0;
    uint64_t all = c->path_us + service + wait;

    return all > FLOOR ? all : FLOOR;
}

static uint64_t room_of(const struct gw_share *c)
{
    return (slots_of(c) - c->in_flight) * weight_of(c);
}

/* What each would get, and what it can take at most. */
static void bid(struct gw_share *c, size_t n)
{
    uint64_t assumed = typical(c, n), rooms = 0;

    for (size_t i = 0; i < n; i++)
        rooms += is_cold(&c[i]) ? room_of(&c[i]) : 0;
    for (size_t i = 0; i < n; i++) {
        struct gw_share *x = &c[i];
        uint64_t inverse = SCALE / completion(x, assumed);
        x->fixed = false;
        x->most = GW_SHARE_ALL;
        x->want = (inverse != 0 ? inverse : 1) * weight_of(x);
        if (!x->usable || (rooms != 0 && !is_cold(x)))
            x->want = 0;
        else if (rooms == 0)
            x->want *= at_most(slots_of(x), LIMIT);
        else
            x->most =
                (uint32_t)at_most(GW_SHARE_CAP * GW_SHARE_ALL * room_of(x) / rooms, GW_SHARE_ALL);
    }
}

/* part of `whole` that is a/b. */
static uint32_t part(uint32_t whole, uint64_t a, uint64_t b)
{
    while (b > UINT32_MAX) { /* whole * a fits then */
        a /= 2;
        b /= 2;
    }
    return b != 0 ? (uint32_t)(whole * a / b) : 0;
}

/* Those that would get more than they can take get that, and the others the rest, until nobody
 * does. */
static void divide(struct gw_share *c, size_t n)
{
    uint32_t left = GW_SHARE_ALL;
    bool again = true;

    while (again) {
        uint64_t sum = 0;
        uint32_t rest = left;
        again = false;
        for (size_t i = 0; i < n; i++)
            sum += c[i].fixed ? 0 : c[i].want;
        for (size_t i = 0; i < n; i++) {
            struct gw_share *x = &c[i];
            if (x->fixed)
                continue;
            x->share = (uint16_t)part(rest, x->want, sum);
            if (x->share <= x->most)
                continue;
            x->share = (uint16_t)x->most;
            x->fixed = again = true;
            left -= x->most;
        }
    }
}

/* Half of the way to where it is to be; what is to be nothing and is nearly so gets there. */
static uint16_t halfway(const struct gw_share *c)
{
    if (c->untold || (c->share == 0 && c->was < LITTLE))
        return c->share;
    return (uint16_t)((c->was + c->share + 1u) / 2);
}

void gw_shares(struct gw_share *c, size_t n)
{
    uint32_t sum = 0;

    bid(c, n);
    divide(c, n);
    for (size_t i = 0; i < n; i++) {
        c[i].share = c[i].usable ? halfway(&c[i]) : 0;
        sum += c[i].share;
    }
    for (size_t i = 0; i < n; i++)
        c[i].share = (uint16_t)part(GW_SHARE_ALL, c[i].share, sum);
}
