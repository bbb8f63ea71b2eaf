/* model.c: compiles the YANG module that the build put into the library, and says in words what a
 * leaf expects. The module's text is the only place that knows ranges, patterns and defaults.
 */
#include "conf/model.h"

#include <inttypes.h>
#include <libyang/plugins_types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern const char gw_conf_yang_text[]; /* generated from godwit.yang */

const char *gw_conf_yang(void)
{
    return gw_conf_yang_text;
}

struct gw_conf_model *gw_conf_model_new(void)
{
    struct gw_conf_model *m = calloc(1, sizeof *m);
    uint32_t store = LY_LOSTORE_LAST;

    if (m == NULL)
        return NULL;
    ly_temp_log_options(&store);
    if (ly_ctx_new(NULL, LY_CTX_NO_YANGLIBRARY | LY_CTX_DISABLE_SEARCHDIRS, &m->ctx) == LY_SUCCESS)
        (void)lys_parse_mem(m->ctx, gw_conf_yang_text, LYS_IN_YANG, (struct lys_module **)&m->mod);
    ly_temp_log_options(NULL);
    if (m->mod == NULL) {
        gw_conf_model_free(m);
        return NULL;
    }
    return m;
}

void gw_conf_model_free(struct gw_conf_model *m)
{
    if (m == NULL)
        return;
    ly_ctx_destroy(m->ctx);
    free(m);
}

const struct lysc_type *gw_conf_type(const struct lysc_node *leaf)
{
    /* Leaf-lists begin alike up to the type, but libyang does not promise it. */
    if (leaf->nodetype == LYS_LEAF)
        return ((const struct lysc_node_leaf *)leaf)->type;
    return ((const struct lysc_node_leaflist *)leaf)->type;
}

bool gw_conf_is_number_type(const struct lysc_type *t)
{
    switch (t->basetype) {
    case LY_TYPE_UINT8:
    case LY_TYPE_UINT16:
    case LY_TYPE_UINT32:
    case LY_TYPE_UINT64:
    case LY_TYPE_INT8:
    case LY_TYPE_INT16:
    case LY_TYPE_INT32:
    case LY_TYPE_INT64:
    case LY_TYPE_DEC64:
        return true;
    default: /* libyang's enum, not ours */
        return false;
    }
}

bool gw_conf_is_plain_type(const struct lysc_type *t)
{
    return gw_conf_is_number_type(t) || t->basetype == LY_TYPE_BOOL;
}

bool gw_conf_is_prefix_type(const struct lysc_type *t)
{
    /* libyang keeps no names of typedefs, but has a plugin of its own for this one. */
    return strstr(t->plugin->id, "ipv6-prefix") != NULL;
}

bool gw_conf_is_secret(const struct lysc_node *schema)
{
    return strcmp(schema->name, "secret") == 0 || strcmp(schema->name, "token") == 0;
}

bool gw_conf_is_positional(const struct lysc_node *list)
{
    const struct lysc_node *first = lysc_node_child(list);

    return list->nodetype == LYS_LIST && first != NULL && lysc_is_key(first) &&
           strcmp(first->name, "position") == 0;
}

const struct lysc_node *gw_conf_next_member(const struct gw_conf_model *m,
                                            const struct lysc_node *parent,
                                            const struct lysc_node *last)
{
    const struct lysc_node *n = last;

    do {
        n = lys_getnext(n, parent, m->mod->compiled, 0);
    } while (n != NULL && parent != NULL && gw_conf_is_positional(parent) && lysc_is_key(n));
    return n;
}

struct words {
    char *at, *end;
};

static void GW_PRINTF(2, 3) put(struct words *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(w->at, (size_t)(w->end - w->at), fmt, ap);
    va_end(ap);
    if (n > 0)
        w->at += n < w->end - w->at ? n : w->end - w->at - 1;
}

static void put_dec(struct words *w, int64_t v, unsigned digits)
{
    int64_t unit = 1;

    for (unsigned i = 0; i < digits; i++)
        unit *= 10;
    put(w, "%" PRId64, v / unit);
    int64_t rest = (v < 0 ? -v : v) % unit;
    if (rest == 0)
        return;
    for (; rest % 10 == 0; digits--)
        rest /= 10;
    put(w, ".%0*" PRId64, (int)digits, rest);
}

static void put_bound(struct words *w, const struct lysc_type *t, int64_t s, uint64_t u)
{
    if (t->basetype == LY_TYPE_DEC64)
        put_dec(w, s, ((const struct lysc_type_dec *)t)->fraction_digits);
    else if (t->basetype > LY_TYPE_DEC64) /* as struct lysc_range says */
        put(w, "%" PRId64, s);
    else
        put(w, "%" PRIu64, u);
}

static void put_range(struct words *w, const struct lysc_type *t, const struct lysc_range *r)
{
    LY_ARRAY_COUNT_TYPE i;

    if (r == NULL)
        return;
    LY_ARRAY_FOR(r->parts, i)
    {
        put(w, i == 0 ? " " : " or ");
        bool one = r->parts[i].min_u64 == r->parts[i].max_u64;
        if (!one)
            put(w, "from ");
        put_bound(w, t, r->parts[i].min_64, r->parts[i].min_u64);
        if (one)
            continue;
        put(w, " to ");
        put_bound(w, t, r->parts[i].max_64, r->parts[i].max_u64);
    }
}

/* uint8 etc. without a range. */
static void put_limits(struct words *w, LY_DATA_TYPE base)
{
    if (base == LY_TYPE_UINT8)
        put(w, " from 0 to 255");
    else if (base == LY_TYPE_UINT16)
        put(w, " from 0 to 65535");
    else if (base == LY_TYPE_UINT32)
        put(w, " from 0 to 4294967295");
}

static bool is_one_value(const struct lysc_range *r)
{
    return r != NULL && LY_ARRAY_COUNT(r->parts) == 1 && r->parts[0].min_u64 == r->parts[0].max_u64;
}

static void put_number(struct words *w, const struct lysc_node *leaf, const struct lysc_type *t)
{
    const char *units = leaf->nodetype == LYS_LEAF
                            ? ((const struct lysc_node_leaf *)leaf)->units
                            : ((const struct lysc_node_leaflist *)leaf)->units;
    const struct lysc_range *r;

    if (t->basetype == LY_TYPE_DEC64) {
        const struct lysc_type_dec *d = (const struct lysc_type_dec *)t;
        put(w, "a number with at most %u decimals", d->fraction_digits);
        r = d->range;
    } else {
        r = ((const struct lysc_type_num *)t)->range;
        put(w, "%s", is_one_value(r) ? "just" : "a whole number");
    }
    if (r == NULL)
        put_limits(w, t->basetype);
    put_range(w, t, r);
    if (units != NULL)
        put(w, " (%s)", units);
}

static void put_string(struct words *w, const struct lysc_type_str *t)
{
    const char *emsg = NULL;
    LY_ARRAY_COUNT_TYPE i;

    /* The model gives each pattern a text of what is expected; the most specific is last. */
    LY_ARRAY_FOR(t->patterns, i)
    {
        if (t->patterns[i]->emsg != NULL)
            emsg = t->patterns[i]->emsg;
    }
    if (emsg != NULL) {
        put(w, "%s", emsg);
        return;
    }
    put(w, "a text");
    if (t->length != NULL) {
        put(w, " with a length");
        const struct lysc_type plain = {.basetype = LY_TYPE_UINT64};
        put_range(w, &plain, t->length);
    }
}

static void put_enum(struct words *w, const struct lysc_type_enum *t)
{
    LY_ARRAY_COUNT_TYPE i, n = LY_ARRAY_COUNT(t->enums);

    LY_ARRAY_FOR(t->enums, i)
    {
        put(w, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", t->enums[i].name);
    }
}

const char *gw_conf_expect(const struct lysc_node *leaf, char buf[static GW_CONF_EXPECT_MAX])
{
    const struct lysc_type *t = gw_conf_type(leaf);
    struct words w = {buf, buf + GW_CONF_EXPECT_MAX};

    if (gw_conf_is_number_type(t))
        put_number(&w, leaf, t);
    else if (t->basetype == LY_TYPE_ENUM)
        put_enum(&w, (const struct lysc_type_enum *)t);
    else if (t->basetype == LY_TYPE_BOOL)
        put(&w, "true or false");
    else if (t->basetype == LY_TYPE_UNION)
        put(&w, "another value");
    else
        put_string(&w, (const struct lysc_type_str *)t);
    return buf;
}
