/* check_pools.c: pools of this node and its peers. A prefix has one anchor, so no two pools of
 * the domain may overlap, and no node or service may live in what is given to mobile nodes.
 */
#include <stdlib.h>

#include "base/text.h"
#include "conf/check.h"

#define POOL_LEN_MIN 16
#define POOL_LEN_MAX 64 /* so that it has a /64 in it */

struct pool {
    struct gw_prefix prefix;
    const struct lyd_node *at;
};

struct pools {
    size_t n, size;
    struct pool *list;
};

static void add(struct pools *ps, const struct lyd_node *at, const char *text,
                struct gw_conf_errors *err)
{
    struct gw_prefix p;

    if (text == NULL || gw_parse_prefix(text, &p) != 0)
        return;
    if (!gw_conf_is_global(&p.addr)) {
        gw_conf_fault(err, at, "bad prefix %s, expected a global or unique local unicast prefix",
                      text);
        return;
    }
    if (p.len < POOL_LEN_MIN || p.len > POOL_LEN_MAX) {
        gw_conf_fault(err, at, "bad prefix %s: a pool of /%u %s, expected /%d to /%d", text, p.len,
                      p.len > POOL_LEN_MAX ? "has no /64 in it" : "is too large", POOL_LEN_MIN,
                      POOL_LEN_MAX);
        return;
    }
    if (ps->n == ps->size) {
        size_t size = ps->size == 0 ? 64 : ps->size * 2;
        struct pool *list = realloc(ps->list, size * sizeof *list);
        if (list == NULL) {
            err->nomem = true;
            return;
        }
        ps->list = list;
        ps->size = size;
    }
    ps->list[ps->n++] = (struct pool){.prefix = p, .at = at};
}

static void collect(struct pools *ps, const struct lyd_node *tree, struct gw_conf_errors *err)
{
    const struct lyd_node *p, *peer;

    for (p = gw_conf_child(tree, "pools"); p != NULL; p = gw_conf_next(p))
        add(ps, gw_conf_child(p, "prefix"), gw_conf_str(p, "prefix"), err);
    for (peer = gw_conf_child(tree, "peers"); peer != NULL; peer = gw_conf_next(peer)) {
        for (p = gw_conf_child(peer, "pools"); p != NULL; p = gw_conf_next(p))
            add(ps, p, lyd_get_value(p), err);
    }
}

static int by_prefix(const void *va, const void *vb)
{
    const struct pool *a = va, *b = vb;
    int c = memcmp(a->prefix.addr.b, b->prefix.addr.b, sizeof a->prefix.addr.b);

    if (c != 0)
        return c;
    if (a->prefix.len != b->prefix.len)
        return a->prefix.len < b->prefix.len ? -1 : 1;
    unsigned la = gw_conf_line(a->at), lb = gw_conf_line(b->at);
    return la < lb ? -1 : la > lb;
}

/* Sorted, those that overlap follow the widest of them. */
static void check_overlap(const struct pools *ps, struct gw_conf_errors *err)
{
    size_t wide = 0;
    struct gw_conf_path p;

    for (size_t i = 1; i < ps->n; i++) {
        const struct pool *a = &ps->list[wide], *b = &ps->list[i];
        if (!gw_prefix_overlaps(&a->prefix, &b->prefix)) {
            wide = i;
            continue;
        }
        if (gw_conf_line(a->at) > gw_conf_line(b->at)) {
            const struct pool *other = a;
            a = b;
            b = other;
        }
        char ta[GW_TEXT_MAX], tb[GW_TEXT_MAX];
        gw_conf_fault(err, b->at,
                      "%s overlaps the pool %s of %s (line %u), expected pools that do "
                      "not overlap",
                      gw_fmt_prefix(&b->prefix, tb), gw_fmt_prefix(&a->prefix, ta),
                      gw_conf_path_of(a->at, &p), gw_conf_line(a->at));
    }
}

/* The pool that an address is in: the last that begins at or before it, when they are disjoint. */
static const struct pool *pool_of(const struct pools *ps, const struct gw_addr *a)
{
    size_t lo = 0, hi = ps->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (memcmp(ps->list[mid].prefix.addr.b, a->b, sizeof a->b) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && gw_prefix_contains(&ps->list[lo - 1].prefix, a) ? &ps->list[lo - 1] : NULL;
}

static void check_outside(const struct pools *ps, const struct lyd_node *in, const char *leaf,
                          struct gw_conf_errors *err)
{
    const struct pool *pool;
    struct gw_conf_path p;
    struct gw_addr a;

    if (!gw_conf_addr(in, leaf, &a) || (pool = pool_of(ps, &a)) == NULL)
        return;
    gw_conf_fault(err, gw_conf_child(in, leaf),
                  "%s is in the pool %s (line %u), expected an address that no mobile node can "
                  "get",
                  gw_conf_str(in, leaf), gw_conf_path_of(pool->at, &p), gw_conf_line(pool->at));
}

/* The first of the nodes whose address is in a prefix, or NULL. */
static const struct lyd_node *node_in(const struct lyd_node *tree, const struct gw_prefix *p)
{
    const struct lyd_node *n = gw_conf_child(tree, "node");
    struct gw_addr a;

    if (gw_conf_addr(n, "address", &a) && gw_prefix_contains(p, &a))
        return n;
    for (n = gw_conf_child(tree, "peers"); n != NULL; n = gw_conf_next(n))
        if (gw_conf_addr(n, "address", &a) && gw_prefix_contains(p, &a))
            return n;
    return NULL;
}

/* What mobile nodes reach by destination is neither where they live nor where nodes do. */
static void check_local(const struct pools *ps, const struct lyd_node *tree,
                        const struct lyd_node *at, struct gw_conf_errors *err)
{
    const char *text = lyd_get_value(at);
    struct gw_conf_path path;
    struct gw_prefix p;

    if (gw_parse_prefix(text, &p) != 0)
        return;
    if (!gw_conf_is_global(&p.addr) || p.len < POOL_LEN_MIN) {
        gw_conf_fault(err, at,
                      "bad prefix %s, expected a global or unique local unicast prefix, /%d or "
                      "longer",
                      text, POOL_LEN_MIN);
        return;
    }
    for (size_t i = 0; i < ps->n; i++) {
        if (!gw_prefix_overlaps(&ps->list[i].prefix, &p))
            continue;
        gw_conf_fault(err, at, "%s overlaps the pool %s (line %u), expected a network apart", text,
                      gw_conf_path_of(ps->list[i].at, &path), gw_conf_line(ps->list[i].at));
        return;
    }
    const struct lyd_node *n = node_in(tree, &p);
    if (n != NULL)
        gw_conf_fault(err, at, "%s has the address of %s in it, expected a network apart", text,
                      gw_conf_path_of(n, &path));
}

void gw_conf_check_pools(const struct lyd_node *tree, struct gw_conf_errors *err)
{
    struct pools ps = {0};
    const struct lyd_node *n, *l;

    collect(&ps, tree, err);
    if (ps.n > 0)
        qsort(ps.list, ps.n, sizeof *ps.list, by_prefix);
    check_overlap(&ps, err);
    check_outside(&ps, gw_conf_child(tree, "node"), "address", err);
    for (n = gw_conf_child(tree, "peers"); n != NULL; n = gw_conf_next(n))
        check_outside(&ps, n, "address", err);
    for (n = gw_conf_child(tree, "services"); n != NULL; n = gw_conf_next(n))
        check_outside(&ps, n, "cs-id", err);
    for (n = gw_conf_child(tree, "instances"); n != NULL; n = gw_conf_next(n))
        check_outside(&ps, n, "csci-id", err);
    for (l = gw_conf_child(gw_conf_child(tree, "mobility"), "local-prefixes"); l != NULL;
         l = gw_conf_next(l))
        check_local(&ps, tree, l, err);
    free(ps.list);
}
