/* tree.c: small readers of libyang's data tree. Values in it have been validated, so that a
 * missing one reads as zero; who reads before the tree is complete asks gw_conf_child first.
 */
#include "conf/tree.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "conf/model.h"

static void GW_PRINTF(2, 3) add(struct gw_conf_path *p, const char *fmt, ...)
{
    size_t left = sizeof p->text - p->len;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(p->text + p->len, left, fmt, ap);
    va_end(ap);
    if (n > 0)
        p->len += (size_t)n < left ? (size_t)n : left - 1;
}

void gw_conf_path_init(struct gw_conf_path *p)
{
    p->len = 0;
    p->text[0] = '\0';
}

void gw_conf_path_name(struct gw_conf_path *p, const char *name)
{
    add(p, "/%s", name);
}

void gw_conf_path_index(struct gw_conf_path *p, size_t pos)
{
    add(p, "[%zu]", pos);
}

void gw_conf_path_key(struct gw_conf_path *p, const char *key, const char *value)
{
    add(p, "[%s='%s']", key, value);
}

void gw_conf_path_cut(struct gw_conf_path *p, size_t len)
{
    p->len = len;
    p->text[len] = '\0';
}

static size_t position(const struct lyd_node *n)
{
    size_t pos = 1;

    for (const struct lyd_node *p = n; p->prev->next != NULL; p = p->prev)
        pos += p->prev->schema == n->schema;
    return pos;
}

static void add_node(struct gw_conf_path *p, const struct lyd_node *n)
{
    if (lyd_parent(n) != NULL)
        add_node(p, lyd_parent(n));
    gw_conf_path_name(p, n->schema->name);
    if (n->schema->nodetype == LYS_LEAFLIST || gw_conf_is_positional(n->schema))
        gw_conf_path_index(p, position(n));
    else if (n->schema->nodetype == LYS_LIST)
        gw_conf_path_key(p, lyd_child(n)->schema->name, lyd_get_value(lyd_child(n)));
}

const char *gw_conf_path_of(const struct lyd_node *n, struct gw_conf_path *p)
{
    gw_conf_path_init(p);
    add_node(p, n);
    return p->text;
}

unsigned gw_conf_line(const struct lyd_node *n)
{
    /* A default stands where its parent does. */
    while (n != NULL && n->priv == NULL)
        n = lyd_parent(n);
    return n != NULL ? (unsigned)(uintptr_t)n->priv : 0;
}

const struct lyd_node *gw_conf_child(const struct lyd_node *n, const char *name)
{
    for (const struct lyd_node *c = lyd_child(n); c != NULL; c = c->next) {
        if (strcmp(c->schema->name, name) == 0)
            return c;
    }
    return NULL;
}

const struct lyd_node *gw_conf_next(const struct lyd_node *n)
{
    return n->next != NULL && n->next->schema == n->schema ? n->next : NULL;
}

size_t gw_conf_count(const struct lyd_node *first)
{
    size_t n = 0;

    for (; first != NULL; first = gw_conf_next(first))
        n++;
    return n;
}

const char *gw_conf_str(const struct lyd_node *n, const char *name)
{
    return lyd_get_value(gw_conf_child(n, name));
}

static const struct lyd_value *value(const struct lyd_node *n, const char *name)
{
    const struct lyd_node *c = gw_conf_child(n, name);

    return c != NULL ? &((const struct lyd_node_term *)c)->value : NULL;
}

uint32_t gw_conf_u32(const struct lyd_node *n, const char *name)
{
    const struct lyd_value *v = value(n, name);

    if (v == NULL)
        return 0;
    switch (v->realtype->basetype) {
    case LY_TYPE_UINT8:
        return v->uint8;
    case LY_TYPE_UINT16:
        return v->uint16;
    case LY_TYPE_UINT32:
        return v->uint32;
    default: /* libyang's enum; the model has no other unsigned numbers */
        return 0;
    }
}

bool gw_conf_bool(const struct lyd_node *n, const char *name)
{
    const char *text = gw_conf_str(n, name);

    return text != NULL && strcmp(text, "true") == 0;
}

int gw_conf_enum_value(const struct lyd_node *leaf)
{
    const struct lyd_value *v = &((const struct lyd_node_term *)leaf)->value;

    return v->realtype->basetype == LY_TYPE_ENUM ? v->enum_item->value : 0;
}

int gw_conf_enum(const struct lyd_node *n, const char *name)
{
    const struct lyd_node *c = gw_conf_child(n, name);

    return c != NULL ? gw_conf_enum_value(c) : 0;
}

struct gw_time gw_conf_time(const struct lyd_node *n, const char *name)
{
    const struct lyd_value *v = value(n, name);

    if (v == NULL)
        return (struct gw_time){0};
    if (v->realtype->basetype == LY_TYPE_DEC64)
        return GW_MSEC(v->dec64);
    return GW_SEC(gw_conf_u32(n, name));
}

int32_t gw_conf_int(const struct lyd_node *n, const char *name)
{
    const struct lyd_value *v = value(n, name);

    return v != NULL && v->realtype->basetype == LY_TYPE_INT32 ? v->int32 : 0;
}

int32_t gw_conf_degrees(const struct lyd_node *n, const char *name)
{
    const struct lyd_value *v = value(n, name);

    return v != NULL ? (int32_t)v->dec64 : 0; /* 7 digits, and 180 degrees are 1.8e9 */
}

bool gw_conf_addr(const struct lyd_node *n, const char *name, struct gw_addr *out)
{
    const char *text = gw_conf_str(n, name);

    return text != NULL && gw_parse_addr(text, out) == 0;
}
