/* yaml.c: the part of libfyaml that a configuration needs: one document, no aliases (a file of a
 * few lines could stand for gigabytes), errors with lines. What the document means is src/conf's
 * other files' business.
 */
#include "conf/yaml.h"

static void say_diags(const struct gw_yaml *y, struct gw_conf_errors *err)
{
    const struct fy_diag_error *de;
    void *it = NULL;

    while ((de = fy_diag_errors_iterate(y->diag, &it)) != NULL) {
        unsigned line = de->line > 0 ? (unsigned)de->line : 1;
        if (de->type == FYET_ERROR)
            gw_conf_error(err, line, "/", "not YAML: %s", de->msg);
    }
    if (err->errors == 0)
        gw_conf_error(err, 1, "/", "not YAML");
}

static bool only_one(struct gw_yaml *y, struct gw_conf_errors *err)
{
    struct fy_document *more = fy_parse_load_document(y->parser);

    if (more != NULL) {
        unsigned line = gw_yaml_line(fy_document_root(more), 1);
        gw_conf_error(err, line, "/", "a second YAML document begins, expected one only");
        fy_parse_document_destroy(y->parser, more);
        return false;
    }
    if (fy_diag_got_error(y->diag)) {
        say_diags(y, err);
        return false;
    }
    return true;
}

/* The length of the UTF-8 sequence at s (RFC 3629), 0 when it is none, and its character. */
static size_t sequence(const unsigned char *s, size_t left, uint32_t *ch)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80       ? 1
                 : s[0] >> 5 == 6  ? 2
                 : s[0] >> 4 == 14 ? 3
                 : s[0] >> 3 == 30 ? 4
                                   : 0;

    if (len == 0 || len > left)
        return 0;
    *ch = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *ch = *ch << 6 | (s[i] & 0x3f);
    }
    return *ch >= least[len] ? len : 0;
}

/* What YAML allows in a file (YAML 1.2.2 §5.1). */
static bool is_allowed(uint32_t ch)
{
    if (ch < 0xa0)
        return ch == '\t' || ch == '\n' || ch == '\r' || ch == 0x85 || (ch >= ' ' && ch < 0x7f);
    return ch < 0xd800 || (ch >= 0xe000 && ch <= 0xfffd) || (ch >= 0x10000 && ch <= 0x10ffff);
}

/* libfyaml takes some octets that are no text for the end of the file. */
static bool is_text(const char *text, size_t len, struct gw_conf_errors *err)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + len;
    unsigned line = 1;
    uint32_t ch;

    while (s < end) {
        size_t n = sequence(s, (size_t)(end - s), &ch);
        if (n == 0 || !is_allowed(ch)) {
            gw_conf_error(err, line, "/", "not YAML: the octet 0x%02x is no text, expected UTF-8",
                          *s);
            return false;
        }
        line += *s == '\n';
        s += n;
    }
    return true;
}

bool gw_yaml_parse(struct gw_yaml *y, const char *text, size_t len, struct gw_conf_errors *err)
{
    /* Duplicate keys are found in the walk, which can name the path. */
    struct fy_parse_cfg cfg = {.flags = FYPCF_COLLECT_DIAG | FYPCF_QUIET | FYPCF_JSON_NONE |
                                        FYPCF_ALLOW_DUPLICATE_KEYS};

    *y = (struct gw_yaml){0};
    if (!is_text(text, len, err))
        return false;
    y->diag = fy_diag_create(&(struct fy_diag_cfg){.level = FYET_ERROR, .module_mask = ~0u});
    if (y->diag == NULL)
        goto nomem;
    fy_diag_set_collect_errors(y->diag, true);
    cfg.diag = y->diag;
    y->parser = fy_parser_create(&cfg);
    if (y->parser == NULL || fy_parser_set_string(y->parser, text, len) != 0)
        goto nomem;
    y->doc = fy_parse_load_document(y->parser);
    if (fy_diag_got_error(y->diag)) {
        say_diags(y, err);
        return false;
    }
    if (y->doc == NULL || gw_yaml_is_empty(fy_document_root(y->doc))) {
        gw_conf_error(err, 1, "/", "is empty, expected a mapping with the key \"godwit\"");
        return false;
    }
    return only_one(y, err);
nomem:
    err->nomem = true;
    return false;
}

void gw_yaml_free(struct gw_yaml *y)
{
    if (y->doc != NULL)
        fy_parse_document_destroy(y->parser, y->doc);
    fy_parser_destroy(y->parser);
    if (y->diag != NULL)
        fy_diag_destroy(y->diag);
    *y = (struct gw_yaml){0};
}

struct fy_node *gw_yaml_root(const struct gw_yaml *y)
{
    return fy_document_root(y->doc);
}

static struct fy_token *place_of(struct fy_node *n)
{
    void *it = NULL;

    /* A block collection begins where its first member does. */
    for (int depth = 0; n != NULL && depth < 64; depth++) {
        switch (fy_node_get_type(n)) {
        case FYNT_SCALAR:
            return fy_node_get_scalar_token(n);
        case FYNT_SEQUENCE:
            it = NULL;
            n = fy_node_sequence_iterate(n, &it);
            break;
        case FYNT_MAPPING:
            it = NULL;
            n = fy_node_pair_key(fy_node_mapping_iterate(n, &it));
            break;
        }
    }
    return NULL;
}

unsigned gw_yaml_line(struct fy_node *n, unsigned otherwise)
{
    struct fy_token *t = place_of(n);
    const struct fy_mark *m = t != NULL ? fy_token_start_mark(t) : NULL;

    return m != NULL && m->line >= 0 ? (unsigned)m->line + 1 : otherwise;
}

const char *gw_yaml_kind(struct fy_node *n)
{
    if (gw_yaml_is_empty(n))
        return "empty";
    if (fy_node_is_alias(n))
        return "an alias";
    switch (fy_node_get_type(n)) {
    case FYNT_SCALAR:
        return "a single value";
    case FYNT_SEQUENCE:
        return "a list";
    case FYNT_MAPPING:
        return "a mapping";
    }
    return "nothing";
}

bool gw_yaml_is_plain(struct fy_node *n)
{
    return fy_node_get_style(n) == FYNS_PLAIN;
}

bool gw_yaml_is_empty(struct fy_node *n)
{
    size_t len;

    if (n == NULL)
        return true;
    if (fy_node_get_type(n) != FYNT_SCALAR || !gw_yaml_is_plain(n))
        return false;
    const char *s = fy_node_get_scalar(n, &len);
    return s == NULL || len == 0 || (len == 1 && s[0] == '~') ||
           (len == 4 && memcmp(s, "null", 4) == 0);
}
