/* fuzz_table.c: a program of puts and removals for the hash table and the timers, against models of
 * the simplest kind. Two octets are one step.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/table.h"
#include "base/timer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEYS 64

struct item {
    uint8_t key;
    bool in;
    struct gw_timer timer;
    struct gw_time at; /* of the timer */
};
static struct gw_time last;

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* Three places only (table.c takes them from the upper half): chains cross and wrap. */
static uint64_t weak_hash(const void *key, uint64_t seed)
{
    (void)seed;
    return (uint64_t)(*(const uint8_t *)key % 3u * 7u) << 32;
}
static bool eq(const void *key, const void *obj)
{
    return *(const uint8_t *)key == ((const struct item *)obj)->key;
}
static const void *key_of(const void *obj)
{
    return &((const struct item *)obj)->key;
}
static const struct gw_table_ops ops = {weak_hash, eq, key_of};

static void fire(struct gw_timer *t, void *user)
{
    (void)user;
    const struct item *it = t->owner;

    demand(!gw_time_before(it->at, last));
    last = it->at;
}

static void step(struct gw_table *t, struct gw_timers *h, struct item *it, uint8_t arg)
{
    switch (arg & 3) {
    case 0:
        demand(gw_table_put(t, it) == (it->in ? GW_EEXIST : 0));
        it->in = true;
        break;
    case 1:
        demand(gw_table_del(t, &it->key) == (it->in ? it : NULL));
        it->in = false;
        break;
    case 2:
        it->at = (struct gw_time){arg >> 2};
        demand(gw_timer_set(h, &it->timer, it->at) == 0);
        demand(gw_timer_at(h, &it->timer).ns == it->at.ns);
        break;
    case 3:
        gw_timer_stop(h, &it->timer);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct item items[KEYS] = {0}, *it;
    struct gw_table t;
    struct gw_timers h;
    size_t want = 0, seen = 0, set = 0;

    gw_table_init(&t, &gw_alloc_libc, &ops, 0, 1);
    gw_timers_init(&h, &gw_alloc_libc);
    for (size_t i = 0; i < KEYS; i++) {
        items[i].key = (uint8_t)i;
        items[i].timer = (struct gw_timer){.fire = fire, .owner = &items[i]};
    }
    for (size_t i = 0; i + 1 < size; i += 2)
        step(&t, &h, &items[data[i] % KEYS], data[i + 1]);
    for (size_t i = 0; i < KEYS; i++) {
        want += items[i].in;
        set += gw_timer_is_set(&items[i].timer);
        demand(gw_table_get(&t, &items[i].key) == (items[i].in ? &items[i] : NULL));
    }
    for (size_t i = 0; (it = gw_table_next(&t, &i)) != NULL; seen++)
        demand(gw_table_del(&t, &it->key) == it);
    demand(seen == want && gw_table_count(&t) == 0);
    last = (struct gw_time){0};
    demand(gw_timers_run(&h, GW_SEC(1), SIZE_MAX, NULL) == set);
    gw_table_free(&t);
    gw_timers_free(&h);
    return 0;
}
