/* walk.c: goes through a YAML document along the YANG model and builds libyang's data tree, one
 * node for each value that is right. libyang judges each value (type, range, pattern); what it
 * would only say of the first node (unknown and missing members, duplicates, counts) is judged
 * here, so that one run finds everything. Relations between values are check.c's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "conf/stages.h"
#include "conf/tree.h"
#include "conf/yaml.h"

#define MEMBERS_MAX 32 /* of one node of the model */

struct walk {
    const struct gw_conf_model *m;
    struct gw_conf_errors *err;
    struct gw_conf_path path;
    struct lyd_node *top; /* the tree: its only root */
    bool quiet;           /* judge without a word */
};

/* A node of the document, where it belongs, and its line for errors. */
struct spot {
    const struct lysc_node *schema;
    struct lyd_node *parent; /* of the data tree; NULL: only judge, build nothing */
    struct fy_node *yaml;
    unsigned line;
};

static void fail(struct walk *w, unsigned line, const char *fmt, ...) GW_PRINTF(3, 4);
static void fail(struct walk *w, unsigned line, const char *fmt, ...)
{
    char what[768];
    va_list ap;

    if (w->quiet)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    gw_conf_error(w->err, line, w->path.len > 0 ? w->path.text : "/", "%s", what);
}

static void set_line(struct lyd_node *n, unsigned line)
{
    n->priv = (void *)(uintptr_t)line;
}

/* ---- values ---- */

/* JSON's numbers: libyang would take 010 for eight. */
static bool is_number(const char *s)
{
    s += *s == '-';
    if (*s == '0' ? s[1] >= '0' && s[1] <= '9' : *s < '1' || *s > '9')
        return false;
    s += strspn(s, "0123456789");
    if (*s == '.') {
        size_t n = strspn(s + 1, "0123456789");
        if (n == 0)
            return false;
        s += 1 + n;
    }
    return *s == '\0';
}

/* libyang drops bits behind a prefix's length without a word. */
static bool prefix_is_exact(struct walk *w, const struct spot *s, const char *text)
{
    const struct lysc_type *t = gw_conf_type(s->schema);
    struct gw_prefix p;
    char quoted[GW_CONF_QUOTE_MAX], want[GW_TEXT_MAX], addr[GW_TEXT_MAX];
    const char *slash = strchr(text, '/');

    if (!gw_conf_is_prefix_type(t) || slash == NULL)
        return true;
    if (gw_parse_prefix(text, &p) != GW_EINVAL)
        return true;
    size_t n = (size_t)(slash - text) < sizeof addr ? (size_t)(slash - text) : sizeof addr - 1;
    memcpy(addr, text, n);
    addr[n] = '\0';
    if (gw_parse_addr(addr, &p.addr) != 0)
        return true;
    p = gw_prefix_mask(p.addr, (uint8_t)strtoul(slash + 1, NULL, 10));
    fail(w, s->line, "bad prefix %s: bits behind its length are set, expected %s",
         gw_conf_quote(text, strlen(text), quoted), gw_fmt_prefix(&p, want));
    return false;
}

static void bad_value(struct walk *w, const struct spot *s, const char *text, size_t len)
{
    char quoted[GW_CONF_QUOTE_MAX], expect[GW_CONF_EXPECT_MAX];
    const char *what = "bad value";
    const struct lysc_type *t = gw_conf_type(s->schema);

    gw_conf_expect(s->schema, expect);
    if (gw_conf_is_prefix_type(t))
        what = "bad prefix";
    else if (gw_conf_is_number_type(t) && !is_number(text))
        what = "wrong type:";
    else if (gw_conf_is_number_type(t) && strchr(text, '.') == NULL)
        what = "out of range:";
    if (gw_conf_is_secret(s->schema))
        fail(w, s->line, "bad key (not shown), expected %s", expect);
    else
        fail(w, s->line, "%s %s, expected %s", what, gw_conf_quote(text, len, quoted), expect);
}

static bool value_is_right(struct walk *w, const struct spot *s, const char *text, size_t len)
{
    const struct lysc_type *t = gw_conf_type(s->schema);
    char expect[GW_CONF_EXPECT_MAX];

    if (gw_conf_is_plain_type(t) && !gw_yaml_is_plain(s->yaml)) {
        fail(w, s->line, "wrong type: text in quotes, expected %s (without quotes)",
             gw_conf_expect(s->schema, expect));
        return false;
    }
    if (gw_conf_is_number_type(t) && !is_number(text)) {
        bad_value(w, s, text, len);
        return false;
    }
    LY_ERR e = lyd_value_validate(w->m->ctx, s->schema, text, len, NULL, NULL, NULL);
    if (e == LY_EMEM) {
        w->err->nomem = true;
        return false;
    }
    if (e != LY_SUCCESS) {
        bad_value(w, s, text, len);
        return false;
    }
    return prefix_is_exact(w, s, text);
}

/* The text of a value that is right, to be freed; else NULL after an error. */
static char *take_value(struct walk *w, const struct spot *s)
{
    char expect[GW_CONF_EXPECT_MAX];
    size_t len = 0;

    if (gw_yaml_is_empty(s->yaml)) {
        fail(w, s->line, "has no value, expected %s", gw_conf_expect(s->schema, expect));
        return NULL;
    }
    if (fy_node_get_type(s->yaml) != FYNT_SCALAR || fy_node_is_alias(s->yaml)) {
        fail(w, s->line, "wrong type: %s, expected %s", gw_yaml_kind(s->yaml),
             gw_conf_expect(s->schema, expect));
        return NULL;
    }
    const char *raw = fy_node_get_scalar(s->yaml, &len);
    if (memchr(raw, '\0', len) != NULL) {
        fail(w, s->line, "has an octet 0 in it, expected %s", gw_conf_expect(s->schema, expect));
        return NULL;
    }
    char *text = strndup(raw, len);
    if (text == NULL)
        w->err->nomem = true;
    else if (!value_is_right(w, s, text, len)) {
        free(text);
        text = NULL;
    }
    return text;
}

static void walk_leaf(struct walk *w, const struct spot *s)
{
    char *text = take_value(w, s);
    struct lyd_node *n;

    if (text != NULL && s->parent != NULL) {
        if (lyd_new_term(s->parent, w->m->mod, s->schema->name, text, 0, &n) != LY_SUCCESS)
            w->err->nomem = true; /* it has been validated */
        else
            set_line(n, s->line);
    }
    free(text);
}

/* ---- lists ---- */

/* Was the same (value of a leaf-list, keys of a list) there before? */
static bool is_again(struct walk *w, struct lyd_node *n)
{
    struct lyd_node *first = NULL;

    if (lyd_find_sibling_first(lyd_child(lyd_parent(n)), n, &first) != LY_SUCCESS || first == n)
        return false;
    fail(w, gw_conf_line(n), "is there twice, first in line %u, expected once",
         gw_conf_line(first));
    lyd_free_tree(n);
    return true;
}

static void walk_value_of_list(struct walk *w, const struct spot *s)
{
    char *text = take_value(w, s);
    struct lyd_node *n;

    if (text != NULL && s->parent != NULL) {
        if (lyd_new_term(s->parent, w->m->mod, s->schema->name, text, 0, &n) != LY_SUCCESS) {
            w->err->nomem = true;
        } else {
            set_line(n, s->line);
            (void)is_again(w, n);
        }
    }
    free(text);
}

static void walk_members(struct walk *w, const struct spot *s);

static struct fy_node *member_named(struct fy_node *map, const char *name)
{
    struct fy_node_pair *p;
    void *it = NULL;

    while ((p = fy_node_mapping_iterate(map, &it)) != NULL) {
        size_t len;
        const char *key = fy_node_get_scalar(fy_node_pair_key(p), &len);
        if (key != NULL && len == strlen(name) && memcmp(key, name, len) == 0)
            return fy_node_pair_value(p);
    }
    return NULL;
}

/* The key of a list's entry when it is right. What is wrong with it walk_members will say. */
static char *entry_key(struct walk *w, const struct spot *s, const struct lysc_node *key,
                       size_t pos)
{
    struct spot inner = {.schema = key, .yaml = member_named(s->yaml, key->name), .line = s->line};
    char *text = NULL;

    if (gw_conf_is_positional(s->schema)) {
        if (asprintf(&text, "%zu", pos) < 0)
            w->err->nomem = true;
        return w->err->nomem ? NULL : text;
    }
    w->quiet = true;
    text = take_value(w, &inner);
    w->quiet = false;
    return text;
}

/* An entry whose key is wrong is judged but not built. */
static void walk_entry(struct walk *w, const struct spot *s, size_t pos)
{
    const struct lysc_node *key = lysc_node_child(s->schema);
    struct spot inner = *s;
    struct lyd_node *n = NULL;
    char *text;

    if (fy_node_get_type(s->yaml) != FYNT_MAPPING) {
        gw_conf_path_index(&w->path, pos);
        fail(w, s->line, "wrong type: %s, expected a mapping", gw_yaml_kind(s->yaml));
        return;
    }
    text = entry_key(w, s, key, pos);
    if (text == NULL || gw_conf_is_positional(s->schema))
        gw_conf_path_index(&w->path, pos);
    else
        gw_conf_path_key(&w->path, key->name, text);
    if (text != NULL && s->parent != NULL) {
        if (lyd_new_list(s->parent, w->m->mod, s->schema->name, 0, &n, text) != LY_SUCCESS) {
            n = NULL;
        } else {
            set_line(n, s->line);
            set_line(lyd_child(n), s->line);
            if (is_again(w, n))
                n = NULL;
        }
    }
    free(text);
    inner.parent = n;
    walk_members(w, &inner);
}

static void count_is_right(struct walk *w, const struct spot *s, size_t n)
{
    bool list = s->schema->nodetype == LYS_LIST;
    uint32_t min = list ? ((const struct lysc_node_list *)s->schema)->min
                        : ((const struct lysc_node_leaflist *)s->schema)->min;
    uint32_t max = list ? ((const struct lysc_node_list *)s->schema)->max
                        : ((const struct lysc_node_leaflist *)s->schema)->max;

    if (n < min)
        fail(w, s->line, "has %zu entries, expected at least %u", n, min);
    if (max != 0 && n > max)
        fail(w, s->line, "has %zu entries, expected at most %u", n, max);
}

static void walk_list(struct walk *w, const struct spot *s)
{
    size_t pos = 0;
    void *it = NULL;
    struct spot inner = *s;

    if (!gw_yaml_is_empty(s->yaml) && fy_node_get_type(s->yaml) != FYNT_SEQUENCE) {
        fail(w, s->line, "wrong type: %s, expected a list", gw_yaml_kind(s->yaml));
        return;
    }
    if (!gw_yaml_is_empty(s->yaml)) {
        while ((inner.yaml = fy_node_sequence_iterate(s->yaml, &it)) != NULL) {
            size_t mark = w->path.len;
            inner.line = gw_yaml_line(inner.yaml, s->line);
            pos++;
            if (s->schema->nodetype == LYS_LIST) {
                walk_entry(w, &inner, pos);
            } else {
                gw_conf_path_index(&w->path, pos);
                walk_value_of_list(w, &inner);
            }
            gw_conf_path_cut(&w->path, mark);
        }
    }
    count_is_right(w, s, pos);
}

/* ---- mappings ---- */

static void walk_container(struct walk *w, const struct spot *s)
{
    struct spot inner = *s;
    struct lyd_node *n = NULL;

    if (!gw_yaml_is_empty(s->yaml) && fy_node_get_type(s->yaml) != FYNT_MAPPING) {
        fail(w, s->line, "wrong type: %s, expected a mapping", gw_yaml_kind(s->yaml));
        return;
    }
    if (s->schema->parent == NULL)
        n = w->top;
    else if (s->parent != NULL &&
             lyd_new_inner(s->parent, w->m->mod, s->schema->name, 0, &n) != LY_SUCCESS)
        w->err->nomem = true;
    if (n != NULL)
        set_line(n, s->line);
    inner.parent = n;
    walk_members(w, &inner);
    /* libyang gives no defaults to a container that is there and empty. */
    if (n != NULL && n != w->top && lyd_child(n) == NULL)
        lyd_free_tree(n);
}

static void walk_node(struct walk *w, const struct spot *s)
{
    switch (s->schema->nodetype) {
    case LYS_CONTAINER:
        walk_container(w, s);
        break;
    case LYS_LIST:
    case LYS_LEAFLIST:
        walk_list(w, s);
        break;
    default: /* libyang's node types, not ours; the model has leaves besides */
        if (s->parent == NULL || !lysc_is_key(s->schema))
            walk_leaf(w, s);
        break;
    }
}

/* Levenshtein's distance, for names of the model. */
static size_t distance(const char *a, size_t alen, const char *b)
{
    size_t row[64], blen = strlen(b);

    if (alen >= 64 || blen >= 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= blen; j++)
        row[j] = j;
    for (size_t i = 1; i <= alen; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = best < row[j] + 1 ? best : row[j] + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
        }
    }
    return row[blen];
}

/* The member that was meant, perhaps. */
static const struct lysc_node *unknown_key(struct walk *w, const struct lysc_node *schema,
                                           unsigned line, const char *name, size_t len)
{
    char quoted[GW_CONF_QUOTE_MAX], names[384] = "";
    const struct lysc_node *c = NULL, *nearest = NULL;
    size_t least = len / 3 + 2, used = 0;

    while ((c = gw_conf_next_member(w->m, schema, c)) != NULL) {
        size_t d = distance(name, len, c->name);
        if (d < least) {
            least = d;
            nearest = c;
        }
        int n = snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", c->name);
        if (n > 0 && (size_t)n < sizeof names - used)
            used += (size_t)n;
    }
    gw_conf_quote(name, len, quoted);
    if (nearest != NULL)
        fail(w, line, "unknown key %s, expected \"%s\"?", quoted, nearest->name);
    else
        fail(w, line, "unknown key %s, expected one of: %s", quoted, names);
    return nearest;
}

struct members {
    size_t n;
    struct {
        const struct lysc_node *schema;
        unsigned line;
    } seen[MEMBERS_MAX];
    const struct lysc_node *meant; /* by an unknown key, so that it is not missing, too */
};

static unsigned seen_in_line(const struct members *ms, const struct lysc_node *schema)
{
    for (size_t i = 0; i < ms->n; i++) {
        if (ms->seen[i].schema == schema)
            return ms->seen[i].line;
    }
    return 0;
}

static void note_seen(struct members *ms, const struct lysc_node *schema, unsigned line)
{
    if (ms->n == MEMBERS_MAX)
        return;
    ms->seen[ms->n].schema = schema;
    ms->seen[ms->n++].line = line;
}

/* The model's node for a key of the document, or NULL after an error. */
static const struct lysc_node *known_key(struct walk *w, const struct spot *s, struct fy_node *key,
                                         unsigned line, struct members *ms)
{
    const struct lysc_node *c = NULL;
    size_t len = 0;
    const char *name = NULL;

    if (key != NULL && fy_node_get_type(key) == FYNT_SCALAR && !fy_node_is_alias(key))
        name = fy_node_get_scalar(key, &len);
    if (name == NULL) {
        fail(w, line, "a key is %s, expected a name", gw_yaml_kind(key));
        return NULL;
    }
    while ((c = gw_conf_next_member(w->m, s->schema, c)) != NULL) {
        if (strlen(c->name) == len && memcmp(c->name, name, len) == 0)
            return c;
    }
    ms->meant = unknown_key(w, s->schema, line, name, len);
    return NULL;
}

static void walk_pair(struct walk *w, const struct spot *s, struct fy_node_pair *pair,
                      struct members *ms)
{
    struct fy_node *key = fy_node_pair_key(pair);
    struct spot inner = {
        .parent = s->parent, .yaml = fy_node_pair_value(pair), .line = gw_yaml_line(key, s->line)};
    size_t mark = w->path.len;

    inner.schema = known_key(w, s, key, inner.line, ms);
    if (inner.schema == NULL)
        return;
    gw_conf_path_name(&w->path, inner.schema->name);
    unsigned first = seen_in_line(ms, inner.schema);
    if (first != 0) {
        fail(w, inner.line, "is there twice, first in line %u, expected once", first);
    } else {
        note_seen(ms, inner.schema, inner.line);
        walk_node(w, &inner);
    }
    gw_conf_path_cut(&w->path, mark);
}

/* Must a file give it? A container must when something in it must be, unless its presence says
 * something. */
static bool is_required(const struct gw_conf_model *m, const struct lysc_node *n)
{
    const struct lysc_node *c = NULL;

    if (n->nodetype == LYS_LIST)
        return ((const struct lysc_node_list *)n)->min > 0;
    if (n->nodetype == LYS_LEAFLIST)
        return ((const struct lysc_node_leaflist *)n)->min > 0;
    if (n->nodetype != LYS_CONTAINER)
        return (n->flags & LYS_MAND_TRUE) != 0 || lysc_is_key(n);
    if ((n->flags & LYS_PRESENCE) != 0)
        return false;
    while ((c = gw_conf_next_member(m, n, c)) != NULL) {
        if ((c->parent == n) && is_required(m, c))
            return true;
    }
    return false;
}

static void missing(struct walk *w, const struct spot *s, const struct lysc_node *n)
{
    char expect[GW_CONF_EXPECT_MAX];
    size_t mark = w->path.len;

    gw_conf_path_name(&w->path, n->name);
    if (n->nodetype == LYS_CONTAINER)
        fail(w, s->line, "is missing, expected a mapping");
    else if (n->nodetype == LYS_LIST)
        fail(w, s->line, "is missing, expected a list with at least one entry");
    else if (n->nodetype == LYS_LEAFLIST)
        fail(w, s->line, "is missing, expected a list of %s", gw_conf_expect(n, expect));
    else
        fail(w, s->line, "is missing, expected %s", gw_conf_expect(n, expect));
    gw_conf_path_cut(&w->path, mark);
}

/* The members of a choice of which `seen` must hold one: each of our cases is a single leaf. */
static void check_choice(struct walk *w, const struct spot *s, const struct lysc_node *choice,
                         const struct members *ms)
{
    char names[256] = "";
    size_t used = 0, seen = 0;
    unsigned line = s->line;

    for (const struct lysc_node *k = lysc_node_child(choice); k != NULL; k = k->next) {
        const struct lysc_node *leaf = lysc_node_child(k);
        unsigned at = seen_in_line(ms, leaf);
        if (at != 0 && ++seen > 1)
            line = at;
        int n = snprintf(names + used, sizeof names - used, "%s%s",
                         used == 0         ? ""
                         : k->next == NULL ? " or "
                                           : ", ",
                         leaf->name);
        used += n > 0 && (size_t)n < sizeof names - used ? (size_t)n : 0;
    }
    if (seen > 1)
        fail(w, line, "too much is given, expected only one of %s", names);
    if (seen == 0 && (choice->flags & LYS_MAND_TRUE) != 0)
        fail(w, s->line, "%s is missing, expected %s", choice->name, names);
}

static void walk_members(struct walk *w, const struct spot *s)
{
    struct members ms = {0};
    struct fy_node_pair *pair;
    const struct lysc_node *c = NULL;
    void *it = NULL;

    if (!gw_yaml_is_empty(s->yaml)) {
        while ((pair = fy_node_mapping_iterate(s->yaml, &it)) != NULL)
            walk_pair(w, s, pair, &ms);
    }
    while ((c = gw_conf_next_member(w->m, s->schema, c)) != NULL) {
        bool in_choice = c->parent != s->schema;
        if (!in_choice && c != ms.meant && seen_in_line(&ms, c) == 0 && is_required(w->m, c))
            missing(w, s, c);
    }
    c = NULL;
    while (s->schema != NULL &&
           (c = lys_getnext(c, s->schema, NULL, LYS_GETNEXT_WITHCHOICE)) != NULL) {
        if (c->nodetype == LYS_CHOICE)
            check_choice(w, s, c, &ms);
    }
}

struct lyd_node *gw_conf_walk(const struct gw_conf_model *m, struct fy_node *root,
                              struct gw_conf_errors *err)
{
    struct walk w = {.m = m, .err = err};
    struct spot top = {.yaml = root, .line = 1};

    gw_conf_path_init(&w.path);
    if (fy_node_get_type(root) != FYNT_MAPPING) {
        gw_conf_error(err, gw_yaml_line(root, 1), "/",
                      "wrong type: %s, expected a mapping with the key \"godwit\"",
                      gw_yaml_kind(root));
        return NULL;
    }
    const char *name = gw_conf_next_member(m, NULL, NULL)->name;
    if (lyd_new_inner(NULL, m->mod, name, 0, &w.top) != LY_SUCCESS) {
        err->nomem = true;
        return NULL;
    }
    walk_members(&w, &top);
    return w.top;
}
