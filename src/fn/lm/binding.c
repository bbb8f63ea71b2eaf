/* binding.c: bindings, their anchors, and the two tables that lead to them. */
#include "fn/lm/binding.h"

static uint64_t mnid_hash(const void *key, uint64_t seed)
{
    const struct gw_mnid *mn = key;
    return gw_hash(mn->id, mn->len, seed ^ mn->subtype);
}
static bool mnid_eq(const void *key, const void *obj)
{
    return gw_mnid_eq(key, &((const struct gw_binding *)obj)->mnid);
}
static const void *mnid_key(const void *obj)
{
    return &((const struct gw_binding *)obj)->mnid;
}
static const struct gw_table_ops by_mnid_ops = {.hash = mnid_hash, .eq = mnid_eq, .key = mnid_key};

static uint64_t prefix_hash(const void *key, uint64_t seed)
{
    const struct gw_prefix *p = key;
    return gw_hash(p->addr.b, sizeof p->addr.b, seed ^ p->len);
}
static bool prefix_eq(const void *key, const void *obj)
{
    return gw_prefix_eq(key, &((const struct gw_anchor *)obj)->prefix);
}
static const void *prefix_key(const void *obj)
{
    return &((const struct gw_anchor *)obj)->prefix;
}
static const struct gw_table_ops by_prefix_ops = {
    .hash = prefix_hash, .eq = prefix_eq, .key = prefix_key};

const char *gw_anchor_state_name(enum gw_anchor_state s)
{
    static const char *const names[] = {"settled", "updating", "releasing", "transit"};
    return names[s];
}

void gw_bindings_init(struct gw_bindings *bs, struct gw_lm *lm, size_t limit, uint64_t seed)
{
    bs->lm = lm;
    gw_table_init(&bs->by_mnid, lm->al, &by_mnid_ops, limit, seed);
    gw_table_init(&bs->by_prefix, lm->al, &by_prefix_ops, 0, seed ^ 0x5052u);
}

void gw_bindings_free(struct gw_bindings *bs, void (*free_one)(struct gw_binding *b))
{
    struct gw_binding *b;

    for (size_t i = 0; (b = gw_table_next(&bs->by_mnid, &i)) != NULL;) {
        for (struct gw_binding *next; b != NULL; b = next) {
            next = b->next;
            free_one(b);
            gw_binding_free(bs, b);
        }
    }
    gw_table_free(&bs->by_mnid);
    gw_table_free(&bs->by_prefix);
}

static int enter(struct gw_bindings *bs, struct gw_binding *b)
{
    struct gw_binding *first = bs->several ? gw_binding_get(bs, &b->mnid) : NULL;

    if (first == NULL)
        return gw_table_put(&bs->by_mnid, b);
    while (first->next != NULL)
        first = first->next;
    first->next = b;
    return 0;
}

static void leave(struct gw_bindings *bs, struct gw_binding *b)
{
    struct gw_binding *x = gw_binding_get(bs, &b->mnid);

    if (x != b) {
        while (x->next != b)
            x = x->next;
        x->next = b->next;
    } else if (b->next != NULL) {
        gw_table_swap(&bs->by_mnid, b->next);
    } else {
        gw_table_del(&bs->by_mnid, &b->mnid);
    }
}

struct gw_binding *gw_binding_new(struct gw_bindings *bs, size_t size, const struct gw_mnid *mn,
                                  int *err)
{
    struct gw_binding *b = gw_new(bs->lm->al, size + mn->len);

    *err = GW_ENOMEM;
    if (b == NULL) {
        bs->lm->count[GW_CNT_NO_MEMORY]++;
        return NULL;
    }
    uint8_t *id = (uint8_t *)b + size;
    if (mn->len != 0)
        memcpy(id, mn->id, mn->len);
    b->mnid = (struct gw_mnid){.subtype = mn->subtype, .len = mn->len, .id = id};
    b->size = (uint16_t)(size + mn->len);
    b->number = ++bs->lm->bindings_made;
    *err = enter(bs, b);
    if (*err == 0)
        return b;
    bs->lm->count[*err == GW_EFULL ? GW_CNT_LIMIT_BINDINGS : GW_CNT_NO_MEMORY]++;
    gw_free(bs->lm->al, b, b->size);
    return NULL;
}

void gw_binding_free(struct gw_bindings *bs, struct gw_binding *b)
{
    while (b->anchors != NULL)
        gw_anchor_del(bs, b->anchors);
    leave(bs, b);
    gw_free(bs->lm->al, b, b->size);
}

struct gw_binding *gw_binding_get(const struct gw_bindings *bs, const struct gw_mnid *mn)
{
    return gw_table_get(&bs->by_mnid, mn);
}

uint64_t gw_bindings_latest(const struct gw_bindings *bs)
{
    const struct gw_binding *b;
    uint64_t latest = 0;

    for (size_t i = 0; (b = gw_table_next(&bs->by_mnid, &i)) != NULL;)
        for (; b != NULL; b = b->next)
            latest = b->attached > latest ? b->attached : latest;
    return latest;
}

struct gw_lladdr gw_anchor_lladdr(const struct gw_anchor *a)
{
    static const uint8_t none[sizeof a->mac];
    struct gw_lladdr l = {0};

    if (memcmp(a->mac, none, sizeof none) == 0)
        return l;
    l.len = sizeof a->mac;
    memcpy(l.b, a->mac, sizeof a->mac);
    return l;
}

void gw_anchor_set_lladdr(struct gw_anchor *a, const struct gw_lladdr *l)
{
    memset(a->mac, 0, sizeof a->mac);
    if (l->len == sizeof a->mac)
        memcpy(a->mac, l->b, sizeof a->mac);
}

const struct gw_locals *gw_anchor_locals(const struct gw_anchor *a)
{
    static const struct gw_locals none;

    return a->locals != NULL ? a->locals : &none;
}

int gw_anchor_set_locals(struct gw_lm *lm, struct gw_anchor *a, const struct gw_locals *l)
{
    if (l->n == 0) {
        gw_free(lm->al, a->locals, sizeof *l);
        a->locals = NULL;
        return 0;
    }
    if (a->locals == NULL)
        a->locals = gw_new(lm->al, sizeof *l);
    if (a->locals == NULL) {
        lm->count[GW_CNT_NO_MEMORY]++;
        return GW_ENOMEM;
    }
    *a->locals = *l;
    return 0;
}

static void free_anchor(struct gw_bindings *bs, struct gw_anchor *a)
{
    gw_free(bs->lm->al, a->locals, sizeof *a->locals);
    gw_free(bs->lm->al, a, sizeof *a);
}

struct gw_anchor *gw_anchor_add(struct gw_bindings *bs, struct gw_binding *b,
                                const struct gw_lm_previous *p, int *err)
{
    struct gw_anchor *a = gw_new(bs->lm->al, sizeof *a);

    *err = GW_ENOMEM;
    if (a == NULL) {
        bs->lm->count[GW_CNT_NO_MEMORY]++;
        return NULL;
    }
    a->prefix = p->prefix;
    a->maar = p->maar;
    a->link_local = p->link_local;
    gw_anchor_set_lladdr(a, &p->lladdr);
    a->binding = b;
    *err = gw_anchor_set_locals(bs->lm, a, &p->locals);
    if (*err == 0)
        *err = gw_table_put(&bs->by_prefix, a);
    if (*err != 0) {
        free_anchor(bs, a);
        return NULL;
    }
    a->next = b->anchors;
    b->anchors = a;
    b->nanchors++;
    return a;
}

static void unlink_anchor(struct gw_anchor *a)
{
    struct gw_anchor **p = &a->binding->anchors;

    while (*p != a)
        p = &(*p)->next;
    *p = a->next;
}

void gw_anchor_del(struct gw_bindings *bs, struct gw_anchor *a)
{
    gw_exchange_stop(&a->ex);
    unlink_anchor(a);
    a->binding->nanchors--;
    gw_table_del(&bs->by_prefix, &a->prefix);
    free_anchor(bs, a);
}

struct gw_anchor *gw_anchor_get(const struct gw_bindings *bs, const struct gw_prefix *p)
{
    return gw_table_get(&bs->by_prefix, p);
}

struct gw_anchor *gw_anchor_of(const struct gw_binding *b, const struct gw_addr *maar)
{
    for (struct gw_anchor *a = b->anchors; a != NULL; a = a->next)
        if (a->state != GW_ANCHOR_RELEASING && gw_addr_eq(&a->maar, maar))
            return a;
    return NULL;
}

void gw_anchor_to_front(struct gw_anchor *a)
{
    unlink_anchor(a);
    a->next = a->binding->anchors;
    a->binding->anchors = a;
}

void gw_anchor_to_back(struct gw_anchor *a)
{
    struct gw_anchor **p = &a->binding->anchors;

    unlink_anchor(a);
    while (*p != NULL)
        p = &(*p)->next;
    *p = a;
    a->next = NULL;
}

struct gw_lm_previous gw_anchor_values(const struct gw_anchor *a)
{
    return (struct gw_lm_previous){.maar = a->maar,
                                   .prefix = a->prefix,
                                   .link_local = a->link_local,
                                   .lladdr = gw_anchor_lladdr(a),
                                   .locals = *gw_anchor_locals(a)};
}
