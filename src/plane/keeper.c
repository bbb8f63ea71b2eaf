/* keeper.c: see keeper.h. */
#include "plane/keeper.h"

#include <string.h>

#include "base/err.h"
#include "plane/entries.h"

static uint64_t hold_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(struct gw_t_hold_key), seed);
}
static bool hold_eq(const void *key, const void *obj)
{
    return memcmp(key, &((const struct gw_keeper_hold *)obj)->key, sizeof(struct gw_t_hold_key)) ==
           0;
}
static const void *hold_key(const void *obj)
{
    return &((const struct gw_keeper_hold *)obj)->key;
}
static const struct gw_table_ops hold_ops = {hold_hash, hold_eq, hold_key};

void gw_keeper_init(struct gw_keeper *k, const struct gw_alloc *al, uint64_t seed)
{
    *k = (struct gw_keeper){.al = al};
    gw_table_init(&k->holds, al, &hold_ops, GW_HOLDS_MAX, seed);
}

int gw_keeper_key(const struct gw_intent_hold *in, struct gw_t_hold_key *out)
{
    struct gw_t_prefix_key p;

    if (in->prefix.len != 64)
        return GW_EINVAL;
    gw_entry_prefix_key(&in->prefix, &p);
    *out = (struct gw_t_hold_key){.upper = gw_t_key64(&p.addr), .up = in->up};
    if (!in->up)
        gw_entry_addr(&in->from, &out->from);
    return 0;
}

/* -- ids ----------------------------------------------------------------------------------------
 */

/* A packet that a program has just counted under an id may still be on its way when that is free:
 * so it is not given away before so many others are. */
enum { RESTING = 1024, ROOM_MIN = 64 };

static bool room_for_id(struct gw_keeper *k)
{
    uint32_t room = k->room > 0 ? 2 * k->room : ROOM_MIN;

    if (k->nfree > RESTING || k->nids < k->room)
        return true;
    if (k->room >= GW_HOLDS_MAX)
        return k->nfree > 0;
    struct gw_keeper_id *ids =
        k->al->resize(k->al->user, k->ids, k->room * sizeof *ids, room * sizeof *ids);
    if (ids == NULL)
        return false;
    k->ids = ids;
    k->room = room;
    return true;
}

static uint32_t take_id(struct gw_keeper *k)
{
    if (k->nfree <= RESTING && k->nids < k->room)
        return k->nids++;
    uint32_t id = k->first_free;
    k->first_free = k->ids[id].next;
    k->nfree--;
    return id;
}

static void give_id(struct gw_keeper *k, uint32_t id)
{
    k->ids[id].hold = NULL;
    if (k->nfree++ == 0)
        k->first_free = id;
    else
        k->ids[k->last_free].next = id;
    k->last_free = id;
}

/* -- holds --------------------------------------------------------------------------------------
 */

static struct gw_keeper_hold *make(struct gw_keeper *k, const struct gw_t_hold_key *key)
{
    struct gw_keeper_hold *h = room_for_id(k) ? gw_new(k->al, sizeof *h) : NULL;

    if (h == NULL)
        return NULL;
    h->key = *key;
    if (gw_table_put(&k->holds, h) != 0) {
        gw_free(k->al, h, sizeof *h);
        return NULL;
    }
    h->id = take_id(k);
    k->ids[h->id].hold = h;
    return h;
}

struct gw_keeper_hold *gw_keeper_set(struct gw_keeper *k, const struct gw_t_hold_key *key,
                                     const struct gw_intent_hold *in, bool *fresh)
{
    struct gw_keeper_hold *h = gw_table_get(&k->holds, key);

    *fresh = h == NULL;
    if (h == NULL)
        h = make(k, key);
    if (h == NULL)
        return NULL;
    h->most_packets = in->packets;
    h->most_octets = in->octets;
    h->released = h->discards = false;
    return h;
}

struct gw_keeper_hold *gw_keeper_get(const struct gw_keeper *k, const struct gw_t_hold_key *key)
{
    return gw_table_get(&k->holds, key);
}

struct gw_keeper_hold *gw_keeper_by_id(const struct gw_keeper *k, uint32_t id)
{
    return id < k->nids ? k->ids[id].hold : NULL;
}

void gw_keeper_del(struct gw_keeper *k, struct gw_keeper_hold *h)
{
    struct gw_kept *p;

    h->discards = true;
    while ((p = gw_keeper_take(k, h)) != NULL)
        gw_keeper_done(k, p);
    give_id(k, h->id);
    gw_free(k->al, gw_table_del(&k->holds, &h->key), sizeof *h);
}

void gw_keeper_free(struct gw_keeper *k)
{
    struct gw_keeper_hold *h;

    for (size_t it = 0; (h = gw_table_next(&k->holds, &it)) != NULL;)
        gw_keeper_del(k, h);
    gw_table_free(&k->holds);
    gw_free(k->al, k->ids, k->room * sizeof *k->ids);
}

uint64_t gw_keeper_counted(const struct gw_keeper_count *c, enum gw_reason r)
{
    if (r == GW_R_RELEASED_UP || r == GW_R_RELEASED_DOWN)
        return c->released[r == GW_R_RELEASED_UP];
    if (r == GW_R_BEYOND_UP || r == GW_R_BEYOND_DOWN)
        return c->beyond[r == GW_R_BEYOND_UP];
    if (r == GW_R_DISCARDED_UP || r == GW_R_DISCARDED_DOWN)
        return c->discarded[r == GW_R_DISCARDED_UP];
    return 0;
}

/* -- packets ------------------------------------------------------------------------------------
 */

static bool fits(const struct gw_keeper *k, const struct gw_keeper_hold *h, size_t len)
{
    return h->packets < h->most_packets && len <= h->most_octets - h->octets &&
           k->packets < GW_KEEPER_PACKETS && len <= GW_KEEPER_OCTETS - k->octets;
}

bool gw_keeper_push(struct gw_keeper *k, struct gw_keeper_hold *h, const uint8_t *frame, size_t len,
                    const struct gw_kept *of)
{
    struct gw_kept *p = NULL;

    if (h->octets <= h->most_octets && fits(k, h, len)) /* a limit may have been lowered */
        p = gw_new(k->al, sizeof *p + len);
    if (p == NULL) {
        k->count.beyond[h->key.up]++;
        return false;
    }
    *p = *of;
    p->next = NULL;
    p->len = (uint32_t)len;
    memcpy(p->data, frame, len);
    if (h->last != NULL)
        h->last->next = p;
    else
        h->first = p;
    h->last = p;
    h->packets++;
    k->packets++;
    h->octets += p->len;
    k->octets += p->len;
    return true;
}

struct gw_kept *gw_keeper_take(struct gw_keeper *k, struct gw_keeper_hold *h)
{
    struct gw_kept *p = h->first;

    if (p == NULL)
        return NULL;
    h->first = p->next;
    if (h->first == NULL)
        h->last = NULL;
    h->packets--;
    k->packets--;
    h->octets -= p->len;
    k->octets -= p->len;
    (h->discards ? k->count.discarded : k->count.released)[h->key.up]++;
    return p;
}

void gw_keeper_done(const struct gw_keeper *k, struct gw_kept *p)
{
    gw_free(k->al, p, sizeof *p + p->len);
}
