/* show.c: a complete data tree as YAML in its normal form: the model's order, every default, texts
 * in quotes. Reading it back gives the same tree.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/stages.h"
#include "conf/tree.h"

struct out {
    FILE *f;
    bool hide;
};

static void put_text(struct out *o, const char *text)
{
    (void)fputc('"', o->f);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)fprintf(o->f, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            (void)fprintf(o->f, "\\x%02x", c);
        else
            (void)fputc(c, o->f);
    }
    (void)fputc('"', o->f);
}

static void put_value(struct out *o, const struct lyd_node *leaf)
{
    const struct lysc_type *t = gw_conf_type(leaf->schema);

    if (o->hide && gw_conf_is_secret(leaf->schema))
        (void)fputs("\"(hidden)\"", o->f);
    else if (gw_conf_is_plain_type(t) || t->basetype == LY_TYPE_ENUM)
        (void)fputs(lyd_get_value(leaf), o->f);
    else
        put_text(o, lyd_get_value(leaf));
}

static bool is_shown(const struct lyd_node *n)
{
    if (n->schema->nodetype == LYS_CONTAINER)
        return lyd_child(n) != NULL;
    return !(lysc_is_key(n->schema) && gw_conf_is_positional(n->schema->parent));
}

static void put_indent(struct out *o, int depth)
{
    (void)fprintf(o->f, "%*s", 2 * depth, "");
}

static void put_leaf_list(struct out *o, const struct lyd_node *n)
{
    const char *sep = "[";

    (void)fprintf(o->f, "%s: ", n->schema->name);
    for (; n != NULL; n = gw_conf_next(n)) {
        (void)fputs(sep, o->f);
        put_value(o, n);
        sep = ", ";
    }
    (void)fputs("]\n", o->f);
}

static void put_members(struct out *o, const struct lyd_node *in, int depth, bool entry);

static void put_list(struct out *o, const struct lyd_node *n, int depth)
{
    (void)fprintf(o->f, "%s:\n", n->schema->name);
    for (; n != NULL; n = gw_conf_next(n)) {
        put_indent(o, depth + 1);
        (void)fputs("- ", o->f);
        put_members(o, n, depth + 2, true);
    }
}

static void put_node(struct out *o, const struct lyd_node *n, int depth)
{
    switch (n->schema->nodetype) {
    case LYS_CONTAINER:
        (void)fprintf(o->f, "%s:\n", n->schema->name);
        put_members(o, n, depth + 1, false);
        break;
    case LYS_LIST:
        put_list(o, n, depth);
        break;
    case LYS_LEAFLIST:
        put_leaf_list(o, n);
        break;
    default: /* libyang's node types, not ours; the model has leaves besides */
        (void)fprintf(o->f, "%s: ", n->schema->name);
        put_value(o, n);
        (void)fputc('\n', o->f);
        break;
    }
}

/* entry: the first member stands behind the list's dash. */
static void put_members(struct out *o, const struct lyd_node *in, int depth, bool entry)
{
    const struct lyd_node *last = NULL;

    for (const struct lyd_node *n = lyd_child(in); n != NULL; n = n->next) {
        bool more = last != NULL && last->schema == n->schema; /* of the same list */
        last = n;
        if (more || !is_shown(n))
            continue;
        if (!entry)
            put_indent(o, depth);
        entry = false;
        put_node(o, n, depth);
    }
}

char *gw_conf_print(const struct lyd_node *tree, bool hide_secrets)
{
    char *text = NULL;
    size_t size = 0;
    struct out o = {.f = open_memstream(&text, &size), .hide = hide_secrets};

    if (o.f == NULL)
        return NULL;
    put_node(&o, tree, 0);
    if (fclose(o.f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
