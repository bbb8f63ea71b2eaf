/* emit.c: the walk's side of handing out state: each value becomes a call of the driver's ops,
 * addresses and identities as text. How they look on a screen is the driver's business.
 */
#include "base/emit.h"

#include "base/text.h"

void gw_emit_obj(struct gw_emit *e, const char *key)
{
    e->ops->begin_obj(e->user, key);
}

void gw_emit_obj_end(struct gw_emit *e)
{
    e->ops->end_obj(e->user);
}

void gw_emit_arr(struct gw_emit *e, const char *key)
{
    e->ops->begin_arr(e->user, key);
}

void gw_emit_arr_end(struct gw_emit *e)
{
    e->ops->end_arr(e->user);
}

void gw_emit_str(struct gw_emit *e, const char *key, const char *value)
{
    e->ops->str(e->user, key, value);
}

void gw_emit_num(struct gw_emit *e, const char *key, int64_t value)
{
    e->ops->num(e->user, key, value);
}

void gw_emit_bool(struct gw_emit *e, const char *key, bool value)
{
    e->ops->flag(e->user, key, value);
}

void gw_emit_addr(struct gw_emit *e, const char *key, const struct gw_addr *a)
{
    char text[GW_TEXT_MAX];

    gw_emit_str(e, key, gw_fmt_addr(a, text));
}

void gw_emit_prefix(struct gw_emit *e, const char *key, const struct gw_prefix *p)
{
    char text[GW_TEXT_MAX];

    gw_emit_str(e, key, gw_fmt_prefix(p, text));
}

void gw_emit_lladdr(struct gw_emit *e, const char *key, const struct gw_lladdr *l)
{
    char text[GW_TEXT_MAX];

    gw_emit_str(e, key, gw_fmt_lladdr(l, text));
}

void gw_emit_mnid(struct gw_emit *e, const char *key, const struct gw_mnid *m)
{
    char text[GW_MNID_TEXT_MAX];

    gw_emit_str(e, key, gw_fmt_mnid(m, text));
}
