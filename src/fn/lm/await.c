/* await.c: see await.h. */
#include "fn/lm/await.h"

static uint64_t tag_hash(const void *key, uint64_t seed)
{
    return gw_hash(key, sizeof(uint64_t), seed);
}
static bool tag_eq(const void *key, const void *obj)
{
    return *(const uint64_t *)key == ((const struct gw_await *)obj)->tag;
}
static const void *tag_key(const void *obj)
{
    return &((const struct gw_await *)obj)->tag;
}
static const struct gw_table_ops by_tag_ops = {.hash = tag_hash, .eq = tag_eq, .key = tag_key};

void gw_awaits_init(struct gw_lm *lm, uint64_t seed)
{
    gw_table_init(&lm->awaits, lm->al, &by_tag_ops, 0, seed);
}

void gw_awaits_free(struct gw_lm *lm)
{
    gw_table_free(&lm->awaits);
}

void gw_await_stop(struct gw_await *x, struct gw_lm *lm)
{
    if (x->tag != 0)
        gw_table_del(&lm->awaits, &x->tag);
    x->tag = 0;
}

uint64_t gw_await(struct gw_await *x, struct gw_lm *lm, void (*done)(void *owner, int result),
                  void *owner)
{
    gw_await_stop(x, lm);
    *x = (struct gw_await){.tag = ++lm->last_tag, .done = done, .owner = owner};
    if (gw_table_put(&lm->awaits, x) != 0) {
        lm->count[GW_CNT_NO_MEMORY]++;
        x->tag = 0;
    }
    return x->tag;
}

int gw_await_done(struct gw_lm *lm, uint64_t tag, int result)
{
    struct gw_await *x = gw_table_del(&lm->awaits, &tag);

    if (x == NULL)
        return GW_ENOENT;
    x->tag = 0;
    if (result != 0)
        lm->count[GW_CNT_PLANE_FAILED]++;
    x->done(x->owner, result);
    return 0;
}
