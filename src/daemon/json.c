/* json.c: see json.h. Texts that are not UTF-8 would make jansson refuse the whole value; what
 * comes from the network has been escaped by base/text.h, so a refusal means the value is shown as
 * "?".
 */
#include "daemon/json.h"

#include <assert.h>

static json_t *top(struct gwd_json *j)
{
    return j->stack[j->depth - 1];
}

static void add(struct gwd_json *j, const char *key, json_t *value)
{
    int err = json_is_array(top(j)) ? json_array_append_new(top(j), value)
                                    : json_object_set_new(top(j), key != NULL ? key : "", value);
    if (err < 0)
        j->failed = true;
}

static void push(struct gwd_json *j, const char *key, json_t *value)
{
    assert(j->depth < GWD_JSON_DEPTH);
    add(j, key, value);
    /* After a failure the value is gone; keep the nesting right with what there is. */
    j->stack[j->depth] = j->failed ? top(j) : value;
    j->depth++;
}

static void begin_obj(void *user, const char *key)
{
    push(user, key, json_object());
}

static void begin_arr(void *user, const char *key)
{
    push(user, key, json_array());
}

static void end(void *user)
{
    struct gwd_json *j = user;
    assert(j->depth > 1);
    j->depth--;
}

static void str(void *user, const char *key, const char *value)
{
    json_t *s = json_string(value);
    add(user, key, s != NULL ? s : json_string("?"));
}

static void num(void *user, const char *key, int64_t value)
{
    add(user, key, json_integer(value));
}

static void flag(void *user, const char *key, bool value)
{
    add(user, key, json_boolean(value));
}

static const struct gw_emit_ops ops = {
    .begin_obj = begin_obj,
    .end_obj = end,
    .begin_arr = begin_arr,
    .end_arr = end,
    .str = str,
    .num = num,
    .flag = flag,
};

void gwd_json_init(struct gwd_json *j, json_t *root)
{
    *j = (struct gwd_json){.emit = {&ops, j}, .stack = {root}, .depth = 1};
}
