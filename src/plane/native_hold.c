/* native_hold.c: see native_hold.h. A hold is there until its last packet has gone on. */
#include "plane/native_hold.h"

#include <string.h>

#include "base/err.h"

enum { ETH = 14 };

void gw_native_holds_init(struct gw_native_holds *h, const struct gw_alloc *al, uint64_t seed)
{
    *h = (struct gw_native_holds){.al = al};
    gw_keeper_init(&h->keeper, al, seed);
}

static void forget_passed(struct gw_native_holds *h)
{
    if (h->passed != NULL)
        gw_keeper_done(&h->keeper, h->passed);
    h->passed = NULL;
}

static void drop_marks(struct gw_native_holds *h)
{
    forget_passed(h);
    while (h->mark != NULL) {
        struct gw_kept *p = h->mark;
        h->mark = p->next;
        gw_keeper_done(&h->keeper, p);
    }
}

void gw_native_holds_free(struct gw_native_holds *h)
{
    drop_marks(h);
    gw_keeper_free(&h->keeper);
}

void gw_native_holds_clear(struct gw_native_holds *h)
{
    struct gw_keeper_hold *x;

    drop_marks(h);
    h->released = h->newest = NULL;
    for (size_t it = 0; (x = gw_table_next(&h->keeper.holds, &it)) != NULL;)
        gw_keeper_del(&h->keeper, x);
}

size_t gw_native_holds_used(const struct gw_native_holds *h)
{
    return gw_table_count(&h->keeper.holds);
}

static void unlink_released(struct gw_native_holds *h, const struct gw_keeper_hold *x)
{
    struct gw_keeper_hold *before = NULL;

    for (struct gw_keeper_hold *at = h->released; at != NULL && at != x; at = at->next)
        before = at;
    if (before != NULL)
        before->next = x->next;
    else
        h->released = x->next;
    if (h->newest == x)
        h->newest = before;
}

static void release(struct gw_native_holds *h, struct gw_keeper_hold *x, bool drop)
{
    struct gw_kept *p;

    if (x->released)
        return;
    x->discards = drop;
    while (drop && (p = gw_keeper_take(&h->keeper, x)) != NULL)
        gw_keeper_done(&h->keeper, p);
    if (x->first == NULL) {
        gw_keeper_del(&h->keeper, x);
        return;
    }
    x->released = true;
    x->state.state = GW_T_HOLD_RELEASED;
    x->next = NULL;
    if (h->newest != NULL)
        h->newest->next = x;
    else
        h->released = x;
    h->newest = x;
}

int gw_native_hold_apply(struct gw_native_holds *h, const struct gw_intent *in)
{
    struct gw_t_hold_key key;
    bool fresh;
    int rc = gw_keeper_key(&in->hold, &key);

    if (rc != 0)
        return rc;
    struct gw_keeper_hold *x = gw_keeper_get(&h->keeper, &key);
    if (in->kind == GW_INTENT_HOLD_DEL) {
        if (x != NULL)
            release(h, x, in->hold.drop);
        return 0;
    }
    if (x != NULL && x->released)
        unlink_released(h, x);
    x = gw_keeper_set(&h->keeper, &key, &in->hold, &fresh);
    if (x == NULL)
        return GW_EFULL;
    x->state.state = GW_T_HOLD_KEEPS;
    return 0;
}

int gw_native_mark(struct gw_native_holds *h, const uint8_t *packet, size_t len, uint32_t ifindex)
{
    struct gw_kept **last = &h->mark;
    struct gw_kept *p = gw_new(h->al, sizeof *p + ETH + len);

    if (p == NULL)
        return GW_ENOMEM;
    p->ifindex = ifindex;
    p->len = (uint32_t)(ETH + len);
    p->data[12] = 0x86;
    p->data[13] = 0xdd;
    memcpy(p->data + ETH, packet, len);
    while (*last != NULL)
        last = &(*last)->next;
    *last = p;
    return 0;
}

struct gw_kept *gw_native_next_kept(struct gw_native_holds *h, struct gw_keeper_hold **of)
{
    struct gw_kept *p = h->mark;

    forget_passed(h);
    *of = NULL;
    if (p != NULL) {
        h->mark = p->next;
    } else {
        *of = h->released;
        p = *of != NULL ? gw_keeper_take(&h->keeper, *of) : NULL;
    }
    h->passed = p;
    return p;
}

void gw_native_passed(struct gw_native_holds *h, const struct gw_kept *p, struct gw_keeper_hold *of)
{
    if (of == NULL)
        return;
    of->state.back += p->frames;
    if (of->first != NULL)
        return;
    unlink_released(h, of);
    gw_keeper_del(&h->keeper, of);
}
